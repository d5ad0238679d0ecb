//! From a text to the tree of an expression, in the language that Aerospike documents for filters
//! (AEL): the looser an operator binds, the lower its level.
//!
//! Operands whose types the text does not say stay open (`operand.zig`) until what stands beside
//! them decides. All memory is the arena's; recursion is limited by `depth_max` and by the depth of
//! trees.

const std = @import("std");
const assert = std.debug.assert;
const operands_of = @import("operand.zig");
const scanning = @import("scanner.zig");
const tree = @import("tree.zig");
const wire = @import("../../../wire.zig");
const Cast = @import("path.zig").Cast;
const Error = scanning.Error;
const Maker = tree.Maker;
const Operand = operands_of.Operand;
const Parameters = @import("parameters.zig").Parameters;
const Returns = @import("path.zig").Returns;
const PathReader = @import("path_reader.zig").Reader;
const Scanner = scanning.Scanner;
const Tree = tree.Tree;
const Type = @import("../expression.zig").Type;
const described = operands_of.described;
const isNumber = operands_of.isNumber;

/// Parentheses, lists, maps and negations within each other; signs before an operand.
const depth_max = 50;
/// Variables that can be used at one place.
const variables_max = 1024;

/// An operator, and the builder of what it makes.
const Operator = struct { []const u8, []const u8 };

/// No operator comes before one that begins with it.
const comparisons = [_]Operator{
    .{ "==", "eq" }, .{ "!=", "ne" }, .{ ">=", "ge" },
    .{ "<=", "le" }, .{ ">", "gt" },  .{ "<", "lt" },
};

/// From the loosest to the tightest; all are of numbers, and group from the left.
const levels = [_][]const Operator{
    &.{ .{ "&", "int_and" }, .{ "|", "int_or" }, .{ "^", "int_xor" } },
    &.{ .{ ">>>", "int_rshift" }, .{ "<<", "int_lshift" }, .{ ">>", "int_arshift" } },
    &.{ .{ "+", "num_add" }, .{ "-", "num_sub" } },
    &.{ .{ "*", "num_mul" }, .{ "/", "num_div" }, .{ "%", "num_mod" } },
};
const levels_of_integers = 2;

/// What other languages write, and what it is in this one.
const mistakes = [_][2][]const u8{
    .{ "&&", "'and'" }, .{ "||", "'or'" },       .{ "=", "'=='" },
    .{ "<>", "'!='" },  .{ "!", "'not (...)'" },
};

/// A function: what it takes and what it makes.
const Function = struct {
    least: usize,
    most: usize,
    form: union(enum) {
        of_floats: []const u8,
        of_numbers: []const u8,
        of_integers: []const u8,
        scan: []const u8,
        geojson,
        geo_compare,
    },
};

const functions = std.StaticStringMap(Function).initComptime(.{
    .{ "ceil", Function{ .least = 1, .most = 1, .form = .{ .of_floats = "num_ceil" } } },
    .{ "floor", Function{ .least = 1, .most = 1, .form = .{ .of_floats = "num_floor" } } },
    .{ "log", Function{ .least = 2, .most = 2, .form = .{ .of_floats = "num_log" } } },
    .{ "pow", Function{ .least = 2, .most = 2, .form = .{ .of_floats = "num_pow" } } },
    .{ "abs", Function{ .least = 1, .most = 1, .form = .{ .of_numbers = "num_abs" } } },
    .{ "max", Function{ .least = 2, .most = any, .form = .{ .of_numbers = "max" } } },
    .{ "min", Function{ .least = 2, .most = any, .form = .{ .of_numbers = "min" } } },
    .{ "countOneBits", Function{ .least = 1, .most = 1, .form = .{ .of_integers = "int_count" } } },
    .{ "findBitLeft", Function{ .least = 2, .most = 2, .form = .{ .scan = "int_lscan" } } },
    .{ "findBitRight", Function{ .least = 2, .most = 2, .form = .{ .scan = "int_rscan" } } },
    .{ "geoJson", Function{ .least = 1, .most = 1, .form = .geojson } },
    .{ "geoCompare", Function{ .least = 2, .most = 2, .form = .geo_compare } },
});
const any = std.math.maxInt(usize);

/// A function of a path.
const PathFunction = union(enum) {
    get,
    count,
    exists,
    cast: Cast,
    /// Of a HyperLogLog and something else.
    hll_call: struct { builder: []const u8, takes: Type, yields: Type },
    /// Of a HyperLogLog alone.
    hll_read: struct { builder: []const u8, yields: Type },
    /// The language has it for writes.
    writes,
};

const path_functions = std.StaticStringMap(PathFunction).initComptime(.{
    .{ "get", .get },
    .{ "count", .count },
    .{ "exists", .exists },
    .{ "asInt", PathFunction{ .cast = .to_int } },
    .{ "asFloat", PathFunction{ .cast = .to_float } },
    hllCall("hllMayContain", "hll_may_contain", .list, .integer),
    hllCall("hllUnion", "hll_get_union", .hll, .hll),
    hllCall("hllUnionCount", "hll_get_union_count", .hll, .integer),
    hllCall("hllIntersectCount", "hll_get_intersect_count", .hll, .integer),
    hllCall("hllSimilarity", "hll_get_similarity", .hll, .float),
    .{ "hllCount", hllRead("hll_get_count", .integer) },
    .{ "hllDescribe", hllRead("hll_describe", .list) },
    .{ "remove", .writes },
    .{ "insert", .writes },
    .{ "set", .writes },
    .{ "append", .writes },
    .{ "increment", .writes },
    .{ "clear", .writes },
    .{ "sort", .writes },
});

fn hllCall(
    comptime name: []const u8,
    comptime builder: []const u8,
    takes: Type,
    yields: Type,
) struct { []const u8, PathFunction } {
    return .{ name, .{ .hll_call = .{ .builder = builder, .takes = takes, .yields = yields } } };
}

fn hllRead(comptime builder: []const u8, yields: Type) PathFunction {
    return .{ .hll_read = .{ .builder = builder, .yields = yields } };
}

/// In the order of messages.
const types = [_]struct { []const u8, Type }{
    .{ "INT", .integer }, .{ "STRING", .string }, .{ "HLL", .hll },
    .{ "BLOB", .blob },   .{ "FLOAT", .float },   .{ "BOOL", .boolean },
    .{ "LIST", .list },   .{ "MAP", .map },       .{ "GEO", .geojson },
};

const returns = [_]struct { []const u8, Returns }{
    .{ "VALUE", .value },
    .{ "KEY", .key },
    .{ "KEY_VALUE", .key_value },
    .{ "INDEX", .index },
    .{ "RANK", .rank },
    .{ "COUNT", .count },
    .{ "EXISTS", .exists },
    .{ "REVERSE_INDEX", .reverse_index },
    .{ "REVERSE_RANK", .reverse_rank },
    .{ "UNORDERED_MAP", .unordered_map },
    .{ "ORDERED_MAP", .ordered_map },
};

const Variable = struct { name: []const u8, kind: ?Type };

/// Reads one text. `maker.scanner` stands at its beginning.
pub const Parser = struct {
    maker: Maker,
    parameters: *Parameters,
    /// Parameters that have no number of their own in the text.
    in_order: usize = 0,
    depth: u32 = 0,
    /// Those of the innermost `let` are the last.
    variables: std.ArrayList(Variable) = .empty,

    pub fn parse(parser: *Parser) Error!Tree {
        const scanner = parser.maker.scanner;
        const found = try parser.expression();
        if (scanner.next() != null) return parser.unexpected();
        if (parser.parameters.unused()) |unused| return switch (unused) {
            .number => |number| parser.refuse("the text does not use the parameter {d}", .{number}),
            .name => |name| parser.refuse("the text does not use the parameter {f}", .{
                scanning.named(name),
            }),
        };
        const made = try found.typed(parser.maker, .boolean);
        // A constant is no expression by itself.
        if (made == .node) return made;
        return parser.maker.node(tree.constantBuilder(found.kind.?), &.{.{ "val", made }});
    }

    fn refuse(parser: *Parser, comptime format: []const u8, args: anytype) error{Failed} {
        parser.maker.scanner.failure.set(.invalid_argument, format, args);
        return error.Failed;
    }

    fn unexpected(parser: *Parser) error{Failed} {
        const scanner = parser.maker.scanner;
        scanner.position = scanner.here();
        for (mistakes) |mistake| {
            if (!scanner.startsWith(mistake[0])) continue;
            return scanner.fail("'{s}' is {s} in this language", .{ mistake[0], mistake[1] });
        }
        return scanner.fail("expected an operator, or the end", .{});
    }

    fn enter(parser: *Parser) error{Failed}!void {
        parser.depth += 1;
        if (parser.depth <= depth_max) return;
        return parser.maker.scanner.fail("nested deeper than {d} levels", .{depth_max});
    }

    fn leave(parser: *Parser) void {
        parser.depth -= 1;
    }

    // Levels, from the loosest.

    fn expression(parser: *Parser) Error!Operand {
        try parser.enter();
        const found = try parser.logic("or", conjunction);
        parser.leave();
        return found;
    }

    fn conjunction(parser: *Parser) Error!Operand {
        return parser.logic("and", comparison);
    }

    fn logic(
        parser: *Parser,
        comptime word: []const u8,
        comptime next: fn (*Parser) Error!Operand,
    ) Error!Operand {
        const scanner = parser.maker.scanner;
        const first = try next(parser);
        if (!std.mem.eql(u8, scanner.peekWord(), word)) return first;
        var conditions: std.ArrayList(Tree) = .empty;
        try conditions.append(parser.maker.arena, try parser.condition(&first));
        while (scanner.takeWord(word)) {
            const operand = try next(parser);
            try conditions.append(parser.maker.arena, try parser.condition(&operand));
        }
        const made = try parser.maker.several(word, conditions.items);
        return .ofExpression(first.position, .boolean, made);
    }

    fn condition(parser: *Parser, operand: *const Operand) Error!Tree {
        const kind = if (operand.form == .arithmetic) .integer else operand.kind;
        if (kind != null and kind != .boolean) return parser.maker.scanner.failAt(
            operand.position,
            "a condition is needed here, not {s}",
            .{described(kind.?)},
        );
        return operand.typed(parser.maker, .boolean);
    }

    fn comparison(parser: *Parser) Error!Operand {
        const scanner = parser.maker.scanner;
        const left = try parser.binary(0);
        const place = scanner.here();
        if (std.ascii.eqlIgnoreCase(scanner.peekWord(), "in")) {
            scanner.position += 2;
            return parser.membership(&left, &try parser.binary(0));
        }
        const builder = parser.operator(&comparisons) orelse return left;
        const right = try parser.binary(0);
        const sides = try parser.compared(&left, &right, place);
        const made = try parser.maker.comparison(builder, sides[0], sides[1]);
        const after = scanner.here();
        if (parser.operator(&comparisons) != null) return scanner.failAt(
            after,
            "comparisons cannot be chained; combine two with 'and'",
            .{},
        );
        return .ofExpression(left.position, .boolean, made);
    }

    /// Takes one of some operators, and returns its builder.
    fn operator(parser: *Parser, operators: []const Operator) ?[]const u8 {
        const scanner = parser.maker.scanner;
        scanner.position = scanner.here();
        for (operators) |each| {
            const symbol, const builder = each;
            if (!scanner.startsWith(symbol) or isLonger(scanner, symbol)) continue;
            scanner.position += symbol.len;
            return builder;
        }
        return null;
    }

    /// Whether it is only the beginning of another operator.
    fn isLonger(scanner: *const Scanner, symbol: []const u8) bool {
        if (symbol.len != 1) return false;
        const rest = scanner.text[scanner.position + 1 ..];
        if (rest.len == 0) return false;
        return switch (symbol[0]) {
            '<' => rest[0] == '<' or rest[0] == '>',
            '>', '&', '|', '*' => rest[0] == symbol[0],
            else => false,
        };
    }

    fn compared(
        parser: *Parser,
        left: *const Operand,
        right: *const Operand,
        place: usize,
    ) Error![2]Tree {
        const maker = parser.maker;
        const one = left.kind orelse right.kind orelse .integer;
        const other = right.kind orelse one;
        if (one == other) {
            for ([_]*const Operand{ left, right }) |operand| {
                if (operand.form == .arithmetic and !isNumber(one)) {
                    return parser.notComparable(.integer, one, place);
                }
            }
            return .{ try left.typed(maker, one), try right.typed(maker, one) };
        }
        if (isNumber(one) and isNumber(other)) {
            return .{ try left.typed(maker, .float), try right.typed(maker, .float) };
        }
        if ((one == .blob and other == .string) or (one == .string and other == .blob)) {
            return .{ try parser.asBytes(left), try parser.asBytes(right) };
        }
        return parser.notComparable(one, other, place);
    }

    fn notComparable(parser: *Parser, left: Type, right: Type, place: usize) error{Failed} {
        return parser.maker.scanner.failAt(place, "{s} cannot be compared with {s}", .{
            described(left), described(right),
        });
    }

    /// Bytes beside bytes; a string constant has them in base64.
    fn asBytes(parser: *Parser, operand: *const Operand) Error!Tree {
        if (operand.kind == .blob or operand.form != .constant) {
            return operand.typed(parser.maker, .blob);
        }
        const bytes = try decoded(parser.maker.arena, operand.form.constant.string);
        return .{ .binary = bytes orelse return parser.maker.scanner.failAt(
            operand.position,
            "bytes are written as a string in base64, which this is not",
            .{},
        ) };
    }

    /// Null if it is not base64. The bits of the last character that are left over may be any.
    fn decoded(arena: std.mem.Allocator, text: []const u8) Error!?[]const u8 {
        const codecs = std.base64.standard;
        const padding = std.mem.countScalar(u8, text, '=');
        if (text.len % 4 != 0 or padding > 2) return null;
        const size = codecs.Decoder.calcSizeForSlice(text) catch return null;
        const bytes = try arena.alloc(u8, size);
        const canonical = try arena.dupe(u8, text);
        if (padding > 0) {
            const last = &canonical[text.len - padding - 1];
            const value = std.mem.findScalar(u8, &codecs.alphabet_chars, last.*) orelse return null;
            last.* = codecs.alphabet_chars[value >> @intCast(padding * 2) << @intCast(padding * 2)];
        }
        codecs.Decoder.decode(bytes, canonical) catch return null;
        return bytes;
    }

    fn membership(parser: *Parser, value: *const Operand, members: *const Operand) Error!Operand {
        const scanner = parser.maker.scanner;
        if (members.kind != null and members.kind != .list) return scanner.failAt(
            members.position,
            "'in' needs a list, not {s}",
            .{described(members.kind.?)},
        );
        const element = try parser.kindOfElements(members);
        var kind = value.kind orelse element;
        const is_computed = value.form == .arithmetic;
        if (is_computed and kind != null and !isNumber(kind.?)) {
            return parser.notComparable(.integer, kind.?, value.position);
        }
        if (kind != null and element != null and kind != element) {
            if (!isNumber(kind.?) or !isNumber(element.?)) {
                return parser.notComparable(kind.?, element.?, value.position);
            }
            // No server finds an integer among floats, or a float among integers.
            kind = .float;
        }
        if (kind == null and (value.form == .bin or value.form == .path)) return scanner.failAt(
            value.position,
            "the type of this is not known; say it with .get(type: ...)",
            .{},
        );
        const looked_for = try value.typed(parser.maker, kind orelse .string);
        var collection = try members.typed(parser.maker, .list);
        if (collection == .list) {
            if (kind == .float and element == .integer) {
                collection = try parser.floatsOf(collection.list);
            }
            collection = try parser.maker.node("list_val", &.{.{ "val", collection }});
        }
        const made = try parser.maker.node("list_get_by_value", &.{
            .{ "val", looked_for },
            .{ "return_type", .{ .integer = @backingInt(Returns.exists) } },
            .{ "bin", collection },
        });
        return .ofExpression(value.position, .boolean, made);
    }

    fn floatsOf(parser: *Parser, integers: []const Tree) Error!Tree {
        const floats = try parser.maker.arena.alloc(Tree, integers.len);
        for (floats, integers) |*float, each| {
            float.* = .{ .float = @floatFromInt(each.integer) };
        }
        return .{ .list = floats };
    }

    fn kindOfElements(parser: *Parser, members: *const Operand) Error!?Type {
        if (members.form != .constant or members.form.constant.list.len == 0) return null;
        const values = members.form.constant.list;
        for (values[1..]) |value| {
            if (value.kind() != values[0].kind()) return parser.maker.scanner.failAt(
                members.position,
                "the list has values of several types",
                .{},
            );
        }
        return values[0].kind();
    }

    /// Operators on numbers that bind as tight as a level, or tighter.
    fn binary(parser: *Parser, lowest: usize) Error!Operand {
        var left = try parser.power();
        while (true) {
            const level, const builder = for (lowest..levels.len) |level| {
                if (parser.operator(levels[level])) |builder| break .{ level, builder };
            } else return left;
            const right = try parser.binary(level + 1);
            left = try parser.computed(builder, &.{ left, right }, level < levels_of_integers);
        }
    }

    fn computed(
        parser: *Parser,
        builder: []const u8,
        operands: []const Operand,
        of_integers: bool,
    ) Error!Operand {
        for (operands) |operand| {
            const kind = operand.kind orelse continue;
            if (kind == .integer or (kind == .float and !of_integers)) continue;
            return parser.maker.scanner.failAt(operand.position, "{s} is needed, not {s}", .{
                if (of_integers) "an integer" else "a number", described(kind),
            });
        }
        const position = operands[0].position;
        if (!of_integers) return .ofArithmetic(parser.maker, position, builder, operands);
        const made = try parser.maker.several(builder, try parser.allTyped(operands, .integer));
        return .ofExpression(position, .integer, made);
    }

    fn allTyped(parser: *Parser, operands: []const Operand, kind: Type) Error![]const Tree {
        const made = try parser.maker.arena.alloc(Tree, operands.len);
        for (made, operands) |*each, *operand| each.* = try operand.typed(parser.maker, kind);
        return made;
    }

    /// Powers, which group from the right.
    fn power(parser: *Parser) Error!Operand {
        const first = try parser.unary();
        const scanner = parser.maker.scanner;
        if (!scanner.take("**")) return first;
        var operands: std.ArrayList(Operand) = .empty;
        try operands.append(parser.maker.arena, first);
        while (true) {
            try operands.append(parser.maker.arena, try parser.unary());
            if (!scanner.take("**")) break;
        }
        var made = operands.pop().?;
        while (operands.pop()) |base| made = try parser.ofFloats("num_pow", &.{ base, made });
        return made;
    }

    fn ofFloats(parser: *Parser, builder: []const u8, operands: []const Operand) Error!Operand {
        for (operands) |operand| {
            const kind = operand.kind orelse continue;
            if (isNumber(kind)) continue;
            return parser.notNumber(&operand);
        }
        const made = try parser.maker.several(builder, try parser.allTyped(operands, .float));
        return .ofExpression(operands[0].position, .float, made);
    }

    fn notNumber(parser: *Parser, operand: *const Operand) error{Failed} {
        return parser.maker.scanner.failAt(operand.position, "a number is needed, not {s}", .{
            described(operand.kind.?),
        });
    }

    fn unary(parser: *Parser) Error!Operand {
        const scanner = parser.maker.scanner;
        const place = scanner.here();
        var signs: [depth_max]u8 = undefined;
        var count: usize = 0;
        while (scanner.isNextOf("-+~")) {
            const sign = scanner.text[scanner.position];
            scanner.position += 1;
            if (count == depth_max) {
                return scanner.failAt(place, "more than {d} signs", .{depth_max});
            }
            signs[count] = sign;
            count += 1;
        }
        var operand = try parser.primary();
        while (count > 0) : (count -= 1) {
            operand = try parser.signed(signs[count - 1], &operand, place);
        }
        if (operand.form == .constant and operand.form.constant == .integer) {
            _ = try scanner.int64(operand.form.constant.integer, operand.position);
        }
        return operand;
    }

    fn signed(parser: *Parser, sign: u8, operand: *const Operand, place: usize) Error!Operand {
        if (sign == '~') return parser.computed("int_not", &.{operand.*}, true);
        if (operand.kind) |kind| if (!isNumber(kind)) return parser.notNumber(operand);
        if (sign == '+') return operand.*;
        if (operand.form == .constant) return .ofConstant(
            place,
            operand.kind.?,
            switch (operand.form.constant) {
                .integer => |number| .{ .integer = -number },
                .float => |number| .{ .float = -number },
                else => unreachable,
            },
        );
        const minus_one: Operand = .ofConstant(place, .integer, .{ .integer = -1 });
        return .ofArithmetic(parser.maker, place, "num_mul", &.{ operand.*, minus_one });
    }

    // Operands.

    fn primary(parser: *Parser) Error!Operand {
        const scanner = parser.maker.scanner;
        const place = scanner.here();
        if (try scanner.quoted()) |text| return .ofConstant(place, .string, .{ .string = text });
        if (scanner.take("$.")) return parser.path(place);
        if (scanner.take("${")) return parser.variable(place);
        if (scanner.take("(")) {
            var operand = try parser.expression();
            try scanner.expect(")");
            operand.position = place;
            return operand;
        }
        if (scanner.isNextOf("[{")) {
            const value = try parser.literal();
            return .ofConstant(place, value.kind().?, value);
        }
        if (scanner.isNextOf("?%")) return parser.parameter(place);
        if (scanner.isNextOf("0123456789.")) return parser.numeral(place);
        return parser.worded(place);
    }

    fn numeral(parser: *Parser, place: usize) Error!Operand {
        const scanner = parser.maker.scanner;
        const found = try scanner.float() orelse return scanner.fail("expected a value", .{});
        if (scanner.take(".asInt()")) return .ofConstant(place, .integer, .{
            .integer = switch (found) {
                .integer => |integer| integer,
                .float => |float| if (float < 1 << 64) @intFromFloat(@trunc(float)) else 1 << 64,
            },
        });
        if (scanner.take(".asFloat()")) return .ofConstant(place, .float, .{
            .float = switch (found) {
                .integer => |integer| @floatFromInt(integer),
                .float => |float| float,
            },
        });
        return switch (found) {
            .integer => |integer| .ofConstant(place, .integer, .{ .integer = integer }),
            .float => |float| .ofConstant(place, .float, .{ .float = float }),
        };
    }

    fn parameter(parser: *Parser, place: usize) Error!Operand {
        const scanner = parser.maker.scanner;
        if (scanner.take("?")) {
            const index = try scanner.integer() orelse
                return scanner.fail("expected the number of a parameter", .{});
            return parser.numbered(index, place);
        }
        scanner.position += 1;
        if (scanner.take("(")) {
            const name = scanner.word();
            try scanner.expect(")");
            try scanner.expect("s");
            const given = parser.parameters.named.getPtr(name) orelse
                return scanner.failAt(place, "there is no parameter {f}", .{scanning.named(name)});
            return parser.standsFor(given, place);
        }
        if (!scanner.takeWord("s")) {
            return scanner.failAt(place, "expected a parameter: %s or %(name)s", .{});
        }
        parser.in_order += 1;
        return parser.numbered(parser.in_order - 1, place);
    }

    fn numbered(parser: *Parser, index: i128, place: usize) Error!Operand {
        const values = parser.parameters.values;
        if (index >= values.len) return parser.maker.scanner.failAt(
            place,
            "there is no parameter {d}; {d} were given",
            .{ index, values.len },
        );
        return parser.standsFor(&values[@intCast(index)], place);
    }

    fn standsFor(parser: *Parser, found: *Parameters.Parameter, place: usize) Error!Operand {
        found.is_used = true;
        const kind = found.value.kind() orelse {
            parser.maker.scanner.failure.set(
                .wrong_type,
                "a parameter cannot be nil, or an extension that no constant has",
                .{},
            );
            return error.Failed;
        };
        return .ofConstant(place, kind, found.value);
    }

    fn variable(parser: *Parser, place: usize) Error!Operand {
        const scanner = parser.maker.scanner;
        const name = scanner.word();
        try scanner.expect("}");
        var index = parser.variables.items.len;
        while (index > 0) : (index -= 1) {
            const known = parser.variables.items[index - 1];
            if (!std.mem.eql(u8, known.name, name)) continue;
            return .ofExpression(place, known.kind, try parser.maker.ofName("var", name));
        }
        return scanner.failAt(place, "there is no variable {f}", .{scanning.named(name)});
    }

    fn worded(parser: *Parser, place: usize) Error!Operand {
        const scanner = parser.maker.scanner;
        const word = scanner.word();
        const Word = enum { true, false, unknown, @"error", not, exclusive, let, when };
        if (std.meta.stringToEnum(Word, word)) |known| switch (known) {
            .true, .false => return .ofConstant(place, .boolean, .{ .boolean = known == .true }),
            .unknown, .@"error" => {
                return .ofExpression(place, null, try parser.maker.node("unknown", &.{}));
            },
            .not => return parser.negation(place),
            .exclusive, .let, .when => {
                try scanner.expect("(");
                return switch (known) {
                    .exclusive => parser.exclusive(place),
                    .let => parser.let(place),
                    else => parser.when(place),
                };
            },
        };
        if (word.len > 0 and scanner.take("(")) {
            return parser.function(word, try parser.arguments(), place);
        }
        scanner.position = place;
        if (word.len > 0) return scanner.fail(
            "expected a value; strings have quotes, and bins begin with '$.'",
            .{},
        );
        if (scanner.next() == '!') return parser.unexpected();
        return scanner.fail("expected a value", .{});
    }

    /// What is between parentheses, of which the first has been taken.
    fn arguments(parser: *Parser) Error![]const Operand {
        const scanner = parser.maker.scanner;
        var found: std.ArrayList(Operand) = .empty;
        try found.append(parser.maker.arena, try parser.expression());
        while (scanner.take(",")) try found.append(parser.maker.arena, try parser.expression());
        try scanner.expect(")");
        return found.items;
    }

    fn negation(parser: *Parser, place: usize) Error!Operand {
        const scanner = parser.maker.scanner;
        const operand = if (scanner.take("(")) enclosed: {
            const found = try parser.expression();
            try scanner.expect(")");
            break :enclosed found;
        } else bare: {
            try parser.enter();
            const found = try parser.comparison();
            parser.leave();
            break :bare found;
        };
        const made = try parser.maker.node("not", &.{.{ "expr", try parser.condition(&operand) }});
        return .ofExpression(place, .boolean, made);
    }

    fn exclusive(parser: *Parser, place: usize) Error!Operand {
        const operands = try parser.arguments();
        if (operands.len < 2) {
            const scanner = parser.maker.scanner;
            return scanner.failAt(place, "'exclusive' needs at least 2 conditions", .{});
        }
        const conditions = try parser.maker.arena.alloc(Tree, operands.len);
        for (conditions, operands) |*made, *operand| made.* = try parser.condition(operand);
        var made = conditions[0];
        for (conditions[1..]) |other| made = try parser.maker.several("xor", &.{ made, other });
        return .ofExpression(place, .boolean, made);
    }

    fn let(parser: *Parser, place: usize) Error!Operand {
        const maker = parser.maker;
        const scanner = maker.scanner;
        const known = parser.variables.items.len;
        var parts: std.ArrayList(Tree) = .empty;
        while (true) {
            try parts.append(maker.arena, try parser.definition());
            if (!scanner.take(",")) break;
        }
        try scanner.expect(")");
        if (!scanner.takeWord("then")) return scanner.fail("expected 'then'", .{});
        try scanner.expect("(");
        const body = try parser.expression();
        try scanner.expect(")");
        parser.variables.shrinkRetainingCapacity(known);
        const kind = body.kind orelse .integer;
        try parts.append(maker.arena, try body.typed(maker, kind));
        return .ofExpression(place, kind, try maker.several("let", parts.items));
    }

    fn definition(parser: *Parser) Error!Tree {
        const scanner = parser.maker.scanner;
        const name = scanner.peekWord();
        if (name.len == 0 or std.ascii.isDigit(name[0])) {
            return scanner.fail("expected the name of a variable", .{});
        }
        if (parser.variables.items.len == variables_max) {
            return scanner.fail("there are more than {d} variables", .{variables_max});
        }
        scanner.position += name.len;
        try scanner.expect("=");
        const value = try parser.expression();
        const kind = value.kind orelse .integer;
        const is_open = value.form == .expression and value.kind == null;
        const known: Variable = .{ .name = name, .kind = if (is_open) null else kind };
        try parser.variables.append(parser.maker.arena, known);
        return parser.maker.node("def", &.{
            .{ "name", .{ .string = name } },
            .{ "value", try value.typed(parser.maker, kind) },
        });
    }

    fn when(parser: *Parser, place: usize) Error!Operand {
        const arena = parser.maker.arena;
        const scanner = parser.maker.scanner;
        var conditions: std.ArrayList(Tree) = .empty;
        var values: std.ArrayList(Operand) = .empty;
        while (!scanner.takeWord("default")) {
            const operand = try parser.expression();
            try conditions.append(arena, try parser.condition(&operand));
            try scanner.expect("=>");
            try values.append(arena, try parser.expression());
            try scanner.expect(",");
        }
        if (conditions.items.len == 0) {
            return scanner.failAt(place, "'when' needs a condition before its default", .{});
        }
        try scanner.expect("=>");
        try values.append(arena, try parser.expression());
        try scanner.expect(")");
        var first: ?Type = null;
        for (values.items) |value| {
            const kind = value.kind orelse continue;
            if (first == null) first = kind;
            if (kind == first or (isNumber(kind) and isNumber(first.?))) continue;
            return scanner.failAt(place, "the values of 'when' are of several types", .{});
        }
        return .ofChoice(parser.maker, place, conditions.items, values.items);
    }

    fn function(
        parser: *Parser,
        name: []const u8,
        operands: []const Operand,
        place: usize,
    ) Error!Operand {
        const maker = parser.maker;
        const known = functions.get(name) orelse
            return maker.scanner.failAt(place, "there is no function {f}", .{scanning.named(name)});
        try parser.checkCount(name, operands, known.least, known.most, place);
        switch (known.form) {
            .of_floats => |builder| return parser.ofFloats(builder, operands),
            .of_numbers => |builder| return parser.computed(builder, operands, false),
            .of_integers => |builder| return parser.computed(builder, operands, true),
            .scan => |builder| {
                const value = try operands[0].typed(maker, .integer);
                const wanted = try operands[1].typed(maker, .boolean);
                const made = try maker.several(builder, &.{ value, wanted });
                return .ofExpression(place, .integer, made);
            },
            .geojson => return parser.geojson(&operands[0]),
            .geo_compare => {
                for (operands) |operand| {
                    const kind = operand.kind orelse continue;
                    if (kind == .geojson) continue;
                    return maker.scanner.failAt(operand.position, "GeoJSON is needed, not {s}", .{
                        described(kind),
                    });
                }
                const sides = try parser.allTyped(operands, .geojson);
                const made = try maker.comparison("geo_compare", sides[0], sides[1]);
                return .ofExpression(place, .boolean, made);
            },
        }
    }

    fn checkCount(
        parser: *Parser,
        name: []const u8,
        operands: []const Operand,
        least: usize,
        most: usize,
        place: usize,
    ) error{Failed}!void {
        if (operands.len >= least and operands.len <= most) return;
        return parser.maker.scanner.failAt(place, "'{s}' takes {s}{d} arguments, not {d}", .{
            name, if (most == least) "" else "at least ", least, operands.len,
        });
    }

    fn geojson(parser: *Parser, operand: *const Operand) Error!Operand {
        const scanner = parser.maker.scanner;
        if (operand.form != .constant or operand.kind != .string) {
            return scanner.failAt(operand.position, "'geoJson' takes a string", .{});
        }
        const text = operand.form.constant.string;
        if (!try std.json.validate(parser.maker.arena, text)) return scanner.failAt(
            operand.position,
            "this is no GeoJSON: GeoJSON text must be JSON, and is not",
            .{},
        );
        if (std.mem.trimStart(u8, text, " \t\r\n")[0] != '{') return scanner.failAt(
            operand.position,
            "this is no GeoJSON: GeoJSON text must be a JSON object, not {f}",
            .{scanning.named(text)},
        );
        return .ofConstant(operand.position, .geojson, .{ .extension = .{
            .kind = wire.particle.extension_geojson,
            .data = text,
        } });
    }

    // Paths.

    fn path(parser: *Parser, place: usize) Error!Operand {
        const reader: PathReader = .{ .maker = parser.maker, .position = place };
        if (try reader.metadata()) |operand| return operand;
        const name = try reader.binName();
        const parts = try reader.parts();
        const operand = try reader.operand(name, parts);
        return parser.ofPath(operand, parts.function orelse return operand);
    }

    fn ofPath(parser: *Parser, operand: Operand, name: []const u8) Error!Operand {
        const maker = parser.maker;
        const scanner = maker.scanner;
        const place = scanner.position - name.len;
        try scanner.expect("(");
        const known = path_functions.get(name);
        if (known) |function_of| switch (function_of) {
            .hll_call => |called| {
                const found = try parser.arguments();
                try parser.checkCount(name, found, 1, 1, place);
                if (found[0].kind) |kind| if (!isGiven(called.takes, kind)) return scanner.failAt(
                    found[0].position,
                    "{s} is needed, not {s}",
                    .{ described(called.takes), described(kind) },
                );
                const made = try maker.node(called.builder, &.{
                    .{ "val", try found[0].typed(maker, called.takes) },
                    .{ "bin", try operand.typed(maker, .hll) },
                });
                return .ofExpression(place, called.yields, made);
            },
            .get => return parser.got(operand, place),
            else => {},
        };
        try scanner.expect(")");
        switch (known orelse return scanner.failAt(
            place,
            "there is no function {f} of a path",
            .{scanning.named(name)},
        )) {
            .hll_call, .get => unreachable,
            .hll_read => |read| {
                const bin = try operand.typed(maker, .hll);
                const made = try maker.node(read.builder, &.{.{ "bin", bin }});
                return .ofExpression(place, read.yields, made);
            },
            .cast => |cast| return parser.converted(operand, cast),
            .count => return parser.counted(operand),
            .exists => return parser.existing(operand),
            .writes => return scanner.failAt(
                place,
                "'{s}()' writes, and a filter only reads",
                .{name},
            ),
        }
    }

    /// HyperLogLogs may also come as their bytes, and several in a list.
    fn isGiven(wanted: Type, kind: Type) bool {
        if (kind == wanted) return true;
        return wanted == .hll and (kind == .list or kind == .blob);
    }

    /// A float as an integer, or the other way round.
    fn converted(parser: *Parser, operand: Operand, cast: Cast) Error!Operand {
        if (operand.form == .path) {
            operand.form.path.cast = cast;
            var changed = operand;
            changed.kind = cast.yields();
            return changed;
        }
        const bin = try operand.build(parser.maker, cast.from());
        const made = try parser.maker.several(@tagName(cast), &.{bin});
        return .ofExpression(operand.position, cast.yields(), made);
    }

    /// How many elements a list or map has, or how many a path leads to.
    fn counted(parser: *Parser, operand: Operand) Error!Operand {
        const maker = parser.maker;
        const collection: Type = if (operand.kind == .map) .map else .list;
        const bin = switch (operand.form) {
            .path => |found| if (found.last().is_one)
                try found.read(maker, operand.position, collection)
            else
                return asked(operand, .count, null),
            else => try operand.build(maker, collection),
        };
        const builder = if (collection == .map) "map_size" else "list_size";
        const made = try maker.node(builder, &.{.{ "bin", bin }});
        return .ofExpression(operand.position, .integer, made);
    }

    /// Whether there is such a bin or element.
    fn existing(parser: *Parser, operand: Operand) Error!Operand {
        if (operand.form == .path) return asked(operand, .exists, null);
        const made = try parser.maker.ofName("bin_exists", operand.form.bin);
        return .ofExpression(operand.position, .boolean, made);
    }

    fn asked(operand: Operand, wanted: Returns, kind: ?Type) Operand {
        var changed = operand;
        changed.kind = operand.form.path.askFor(wanted, kind);
        return changed;
    }

    /// `get(type: ..., return: ...)`, of which the parenthesis has been taken.
    fn got(parser: *Parser, operand: Operand, place: usize) Error!Operand {
        const scanner = parser.maker.scanner;
        var changed = operand;
        var wanted: ?Returns = null;
        while (!scanner.take(")")) {
            const name_place = scanner.here();
            const name = scanner.word();
            try scanner.expect(":");
            if (std.mem.eql(u8, name, "type")) {
                changed.kind = try parser.oneOf(Type, &types, "type");
            } else if (std.mem.eql(u8, name, "return")) {
                wanted = try parser.oneOf(Returns, &returns, "return");
            } else {
                return scanner.failAt(name_place, "expected 'type' or 'return'", .{});
            }
            if (scanner.next() != ')') try scanner.expect(",");
        }
        const asked_for = wanted orelse return changed;
        if (changed.form == .path) return asked(changed, asked_for, changed.kind);
        return scanner.failAt(
            place,
            "a bin as a whole has no other return than its value",
            .{},
        );
    }

    fn oneOf(
        parser: *Parser,
        comptime T: type,
        comptime known: []const struct { []const u8, T },
        comptime name: []const u8,
    ) Error!T {
        const scanner = parser.maker.scanner;
        const place = scanner.here();
        const word = scanner.word();
        inline for (known) |each| if (std.mem.eql(u8, word, each[0])) return each[1];
        comptime var names: []const u8 = known[0][0];
        inline for (known[1..]) |each| names = names ++ ", " ++ each[0];
        return scanner.failAt(place, "the " ++ name ++ " must be one of " ++ names, .{});
    }

    // Constants with members.

    /// A list or map of constants.
    fn literal(parser: *Parser) Error!Tree {
        try parser.enter();
        const made = if (parser.maker.scanner.take("[")) try parser.list() else try parser.map();
        parser.leave();
        return made;
    }

    fn list(parser: *Parser) Error!Tree {
        const scanner = parser.maker.scanner;
        var members: std.ArrayList(Tree) = .empty;
        while (!scanner.take("]")) {
            try members.append(parser.maker.arena, try parser.member());
            if (scanner.next() != ']') try scanner.expect(",");
        }
        return .{ .list = members.items };
    }

    fn map(parser: *Parser) Error!Tree {
        const scanner = parser.maker.scanner;
        try scanner.expect("{");
        var members: std.array_hash_map.Custom(Tree, Tree, KeyContext, true) = .empty;
        while (!scanner.take("}")) {
            const place = scanner.here();
            const key = try parser.mapKey();
            const entry = try members.getOrPut(parser.maker.arena, key);
            if (entry.found_existing) {
                return scanner.failAt(place, "the key is there already", .{});
            }
            try scanner.expect(":");
            entry.value_ptr.* = try parser.member();
            if (scanner.next() != '}') try scanner.expect(",");
        }
        const pairs = try parser.maker.arena.alloc(Tree.Pair, members.count());
        for (pairs, members.keys(), members.values()) |*pair, key, value| {
            pair.* = .{ .key = key, .value = value };
        }
        return .{ .map = .{ .order = .by_key, .pairs = pairs } };
    }

    fn mapKey(parser: *Parser) Error!Tree {
        const scanner = parser.maker.scanner;
        const place = scanner.here();
        if (try scanner.quoted()) |text| return .{ .string = text };
        const integer = try scanner.integer() orelse
            return scanner.failAt(place, "expected a key: a string or an integer", .{});
        return .{ .integer = try scanner.int64(integer, place) };
    }

    fn member(parser: *Parser) Error!Tree {
        const scanner = parser.maker.scanner;
        const place = scanner.here();
        const operand = try parser.unary();
        if (operand.form == .constant) return operand.form.constant;
        return scanner.failAt(place, "lists and maps have constants only", .{});
    }
};

/// Keys of maps: strings and integers.
const KeyContext = struct {
    pub fn hash(_: KeyContext, of: Tree) u32 {
        return switch (of) {
            .string => |text| std.array_hash_map.hashString(text),
            .integer => |number| @truncate(std.hash.int(@as(u64, @bitCast(@as(i64, @intCast(number)))))),
            else => unreachable,
        };
    }

    pub fn eql(_: KeyContext, one: Tree, other: Tree, _: usize) bool {
        return switch (one) {
            .string => |text| other == .string and std.mem.eql(u8, text, other.string),
            .integer => |number| other == .integer and number == other.integer,
            else => unreachable,
        };
    }
};
