//! Expressions: from the tree that a user builds to the server's encoding.
//!
//! A node of the tree is a map whose `__expr__` names the builder and whose other members are its
//! arguments; an argument that is itself an expression is such a map, or a plain value, which
//! stands for a constant. The server's form is a list of a number and the arguments. The result
//! can be sent as a filter, be part of an operation, or stand in a larger expression (`compiled`).

const std = @import("std");
const blob = @import("../cdt/blob.zig");
const call = @import("../cdt/call.zig");
const cdt = @import("../cdt/cdt.zig");
const comparable = @import("comparable.zig");
const context = @import("../cdt/context.zig");
const texts = @import("../cdt/text.zig");
const filter_text = @import("../filter_text.zig");
const Failure = @import("../../status.zig").Failure;
const wire = @import("../../wire.zig");
const msgpack = wire.msgpack;
const Arguments = @import("../arguments.zig").Arguments;
const Call = @import("../cdt/call.zig").Call;
const Error = @import("../arguments.zig").Error;
const Field = @import("../arguments.zig").Field;
const describe = @import("../arguments.zig").describe;
const malformed = @import("../arguments.zig").malformed;
const shortened = @import("../arguments.zig").shortened;

/// Every level takes a part of the stack, here and on the server.
pub const depth_max = 100;

/// The server refuses larger ones (exp.c: EXP_MAX_SIZE).
pub const encoded_bytes_max = 1024 * 1024 - 1;

/// The types of values in expressions; the numbers are the protocol's and the API's.
pub const Type = enum(u8) {
    nil = 0,
    boolean = 1,
    integer = 2,
    string = 3,
    list = 4,
    map = 5,
    blob = 6,
    float = 7,
    geojson = 8,
    hll = 9,
};

/// Numbers of the protocol that are used outside the table.
const code_equal = 1;
const code_not_equal = 2;
pub const code_and = 16;
pub const code_or = 17;
const code_less_or_equal = 6;
const code_key = 80;
const code_bin = 81;
const code_bin_type = 82;
const code_loop_variable = 122;
const code_variable = 124;
const code_let = 125;
pub const code_quote = 126;
const code_call = 127;

/// The systems that a call can be addressed to, and the flag of calls that give back the changed
/// value without storing it.
const system_cdt = 0;
const system_bits = 1;
const system_hll = 2;
const system_strings = 3;
const system_flag_modify = 0x40;

pub const call_select = 0xfe;
pub const select_flag_apply = 4;

/// How a node is encoded.
const Form = union(enum) {
    /// A constant: what MessagePack type `val` must have.
    constant: Constant,
    nil,
    infinity,
    wildcard,
    /// An encoded expression, taken as it is.
    compiled,
    /// A bin's value: its type.
    bin: Type,
    bin_type,
    bin_exists,
    key,
    digest_modulo,
    /// Only the number.
    bare: u8,
    /// `left` and `right`.
    binary: u8,
    /// `expr`.
    unary: u8,
    /// `exprs`, as many as given, but so many at least and at most.
    several: struct { code: u8, min: u32, max: u32 = std.math.maxInt(u32) },
    conditional: u8,
    regex,
    let,
    variable,
    loop_variable,
    call: struct { spec: *const Call, fields: std.EnumSet(Field), yields: Yields },
    select_by_path,
    modify_by_path,
};

const Constant = enum { integer, float, string, boolean, blob, list, map, geojson, hll };

/// The type of a call's value.
const Yields = union(enum) {
    fixed: Type,
    /// One element of a list or map: the return type and `exp_type` tell.
    one,
    /// Several elements: the return type tells.
    many,
    /// The list or map itself, or the one around it where there is a context.
    container: Type,
};

const forms = std.StaticStringMap(Form).initComptime(&constants ++ bins ++ metadata ++ logic ++
    numbers ++ control ++ list_forms ++ map_forms ++ bit_forms ++ hll_forms ++ text_forms);

const Entry = struct { []const u8, Form };

const constants = [_]Entry{
    .{ "int_val", .{ .constant = .integer } },
    .{ "float_val", .{ .constant = .float } },
    .{ "string_val", .{ .constant = .string } },
    .{ "bool_val", .{ .constant = .boolean } },
    .{ "blob_val", .{ .constant = .blob } },
    .{ "list_val", .{ .constant = .list } },
    .{ "map_val", .{ .constant = .map } },
    .{ "geo_val", .{ .constant = .geojson } },
    .{ "hll_val", .{ .constant = .hll } },
    .{ "nil", .nil },
    .{ "infinity", .infinity },
    .{ "wildcard", .wildcard },
    .{ "compiled", .compiled },
};

const bins = [_]Entry{
    .{ "int_bin", .{ .bin = .integer } },
    .{ "float_bin", .{ .bin = .float } },
    .{ "string_bin", .{ .bin = .string } },
    .{ "bool_bin", .{ .bin = .boolean } },
    .{ "blob_bin", .{ .bin = .blob } },
    .{ "list_bin", .{ .bin = .list } },
    .{ "map_bin", .{ .bin = .map } },
    .{ "geo_bin", .{ .bin = .geojson } },
    .{ "hll_bin", .{ .bin = .hll } },
    .{ "bin_exists", .bin_exists },
    .{ "bin_type", .bin_type },
};

const metadata = [_]Entry{
    .{ "key", .key },
    .{ "digest_modulo", .digest_modulo },
    .{ "device_size", .{ .bare = 65 } },
    .{ "last_update", .{ .bare = 66 } },
    .{ "since_update", .{ .bare = 67 } },
    .{ "void_time", .{ .bare = 68 } },
    .{ "ttl", .{ .bare = 69 } },
    .{ "set_name", .{ .bare = 70 } },
    .{ "key_exists", .{ .bare = 71 } },
    .{ "is_tombstone", .{ .bare = 72 } },
    .{ "memory_size", .{ .bare = 73 } },
    .{ "record_size", .{ .bare = 74 } },
};

const logic = [_]Entry{
    .{ "eq", .{ .binary = 1 } },
    .{ "ne", .{ .binary = code_not_equal } },
    .{ "gt", .{ .binary = 3 } },
    .{ "ge", .{ .binary = 4 } },
    .{ "lt", .{ .binary = 5 } },
    .{ "le", .{ .binary = 6 } },
    .{ "regex_compare", .regex },
    .{ "geo_compare", .{ .binary = 8 } },
    .{ "in_list", .{ .binary = 9 } },
    .{ "and", .{ .several = .{ .code = code_and, .min = 1 } } },
    .{ "or", .{ .several = .{ .code = code_or, .min = 1 } } },
    .{ "not", .{ .unary = 18 } },
    .{ "xor", .{ .several = .{ .code = 19, .min = 1 } } },
};

const numbers = [_]Entry{
    .{ "num_add", .{ .several = .{ .code = 20, .min = 1 } } },
    .{ "num_sub", .{ .several = .{ .code = 21, .min = 1 } } },
    .{ "num_mul", .{ .several = .{ .code = 22, .min = 1 } } },
    .{ "num_div", .{ .several = .{ .code = 23, .min = 1 } } },
    .{ "num_pow", .{ .several = .{ .code = 24, .min = 2, .max = 2 } } },
    .{ "num_log", .{ .several = .{ .code = 25, .min = 2, .max = 2 } } },
    .{ "num_mod", .{ .several = .{ .code = 26, .min = 2, .max = 2 } } },
    .{ "num_abs", .{ .several = .{ .code = 27, .min = 1, .max = 1 } } },
    .{ "num_floor", .{ .several = .{ .code = 28, .min = 1, .max = 1 } } },
    .{ "num_ceil", .{ .several = .{ .code = 29, .min = 1, .max = 1 } } },
    .{ "to_int", .{ .several = .{ .code = 30, .min = 1, .max = 1 } } },
    .{ "to_float", .{ .several = .{ .code = 31, .min = 1, .max = 1 } } },
    .{ "int_and", .{ .several = .{ .code = 32, .min = 1 } } },
    .{ "int_or", .{ .several = .{ .code = 33, .min = 1 } } },
    .{ "int_xor", .{ .several = .{ .code = 34, .min = 1 } } },
    .{ "int_not", .{ .several = .{ .code = 35, .min = 1, .max = 1 } } },
    .{ "int_lshift", .{ .several = .{ .code = 36, .min = 2, .max = 2 } } },
    .{ "int_rshift", .{ .several = .{ .code = 37, .min = 2, .max = 2 } } },
    .{ "int_arshift", .{ .several = .{ .code = 38, .min = 2, .max = 2 } } },
    .{ "int_count", .{ .several = .{ .code = 39, .min = 1, .max = 1 } } },
    .{ "int_lscan", .{ .several = .{ .code = 40, .min = 2, .max = 2 } } },
    .{ "int_rscan", .{ .several = .{ .code = 41, .min = 2, .max = 2 } } },
    .{ "min", .{ .several = .{ .code = 50, .min = 1 } } },
    .{ "max", .{ .several = .{ .code = 51, .min = 1 } } },
};

const control = [_]Entry{
    .{ "unknown", .{ .bare = 0 } },
    .{ "remove_result", .{ .bare = 100 } },
    .{ "map_keys", .{ .unary = 101 } },
    .{ "map_values", .{ .unary = 102 } },
    .{ "cond", .{ .conditional = 123 } },
    .{ "var", .variable },
    .{ "loop_var", .loop_variable },
    .{ "let", .let },
    .{ "select_by_path", .select_by_path },
    .{ "modify_by_path", .modify_by_path },
};

const list_forms = [_]Entry{
    entry("list_append", .{ .container = .list }),
    entry("list_append_items", .{ .container = .list }),
    entry("list_insert", .{ .container = .list }),
    entry("list_insert_items", .{ .container = .list }),
    entry("list_increment", .{ .container = .list }),
    entry("list_set", .{ .container = .list }),
    entry("list_clear", .{ .container = .list }),
    entry("list_sort", .{ .container = .list }),
    entry("list_remove_by_value", .{ .container = .list }),
    entry("list_remove_by_value_list", .{ .container = .list }),
    entry("list_remove_by_value_range", .{ .container = .list }),
    entry("list_remove_by_value_rel_rank_range", .{ .container = .list }),
    entry("list_remove_by_index", .{ .container = .list }),
    entry("list_remove_by_index_range", .{ .container = .list }),
    entry("list_remove_by_rank", .{ .container = .list }),
    entry("list_remove_by_rank_range", .{ .container = .list }),
    entry("list_size", .{ .fixed = .integer }),
    entry("list_join", .{ .fixed = .string }),
    entry("list_get_by_value", .many),
    entry("list_get_by_value_list", .many),
    entry("list_get_by_value_range", .many),
    entry("list_get_by_value_rel_rank_range", .many),
    entry("list_get_by_index", .one),
    entry("list_get_by_index_range", .many),
    entry("list_get_by_rank", .one),
    entry("list_get_by_rank_range", .many),
};

const map_forms = [_]Entry{
    entry("map_put", .{ .container = .map }),
    entry("map_put_items", .{ .container = .map }),
    entry("map_increment", .{ .container = .map }),
    entry("map_clear", .{ .container = .map }),
    entry("map_remove_by_key", .{ .container = .map }),
    entry("map_remove_by_key_list", .{ .container = .map }),
    entry("map_remove_by_key_range", .{ .container = .map }),
    entry("map_remove_by_key_rel_index_range", .{ .container = .map }),
    entry("map_remove_by_value", .{ .container = .map }),
    entry("map_remove_by_value_list", .{ .container = .map }),
    entry("map_remove_by_value_range", .{ .container = .map }),
    entry("map_remove_by_value_rel_rank_range", .{ .container = .map }),
    entry("map_remove_by_index", .{ .container = .map }),
    entry("map_remove_by_index_range", .{ .container = .map }),
    entry("map_remove_by_rank", .{ .container = .map }),
    entry("map_remove_by_rank_range", .{ .container = .map }),
    entry("map_size", .{ .fixed = .integer }),
    entry("map_get_by_key", .one),
    entry("map_get_by_key_list", .many),
    entry("map_get_by_key_range", .many),
    entry("map_get_by_key_rel_index_range", .many),
    entry("map_get_by_value", .many),
    entry("map_get_by_value_list", .many),
    entry("map_get_by_value_range", .many),
    entry("map_get_by_value_rel_rank_range", .many),
    entry("map_get_by_index", .one),
    entry("map_get_by_index_range", .many),
    entry("map_get_by_rank", .one),
    entry("map_get_by_rank_range", .many),
};

const bit_forms = forms: {
    var entries: [blob.bit_calls.len]Entry = undefined;
    for (&entries, blob.bit_calls) |*item, spec| {
        const reads_bytes = spec.number == 50;
        const yields: Type = if (spec.code == .bit_modify or reads_bytes)
            .blob
        else if (spec.number == bit_b64_encode)
            .string
        else
            .integer;
        item.* = entry(spec.name, .{ .fixed = yields });
    }
    break :forms entries;
};

const bit_b64_encode = 55;

const text_forms = forms: {
    var entries: [texts.text_calls.len + 1]Entry = undefined;
    for (entries[1..], texts.text_calls) |*item, spec| {
        item.* = entry(spec.name, .{ .fixed = textYields(spec) });
    }
    entries[0] = .{ "to_string", .{ .unary = 99 } };
    break :forms entries;
};

fn textYields(comptime spec: Call) Type {
    if (spec.code == .string_modify) return .string;
    return switch (spec.number) {
        1, 2 => .string,
        4, 5, 6, 10, 11, 12, 16 => .boolean,
        8 => .float,
        13, 15 => .blob,
        14 => .list,
        else => .integer,
    };
}

const hll_forms = [_]Entry{
    entry("hll_init", .{ .fixed = .hll }),
    entry("hll_add", .{ .fixed = .hll }),
    entry("hll_get_count", .{ .fixed = .integer }),
    entry("hll_get_union", .{ .fixed = .hll }),
    entry("hll_get_union_count", .{ .fixed = .integer }),
    entry("hll_get_intersect_count", .{ .fixed = .integer }),
    entry("hll_get_similarity", .{ .fixed = .float }),
    entry("hll_describe", .{ .fixed = .list }),
    entry("hll_may_contain", .{ .fixed = .integer }),
};

fn entry(comptime name: []const u8, yields: Yields) Entry {
    @setEvalBranchQuota(20_000);
    const tables = [_][]const Call{
        &cdt.list_calls,
        &cdt.map_calls,
        &blob.bit_calls,
        &blob.hll_calls,
        &texts.text_calls,
    };
    for (tables) |table| for (table) |*spec| {
        if (!std.mem.eql(u8, spec.name, name)) continue;
        var fields = spec.fields();
        fields.setPresent(.exp_type, yields == .one);
        // Paths lead into lists and maps only.
        fields.setPresent(.ctx, spec.code == .cdt_read or spec.code == .cdt_modify);
        return .{ name, .{ .call = .{ .spec = spec, .fields = fields, .yields = yields } } };
    };
    @compileError("no call of this name: " ++ name);
}

/// Takes a tree from the reader and appends its encoding.
pub fn encodeExpression(
    out: *wire.Buffer,
    reader: *msgpack.Reader,
    failure: *Failure,
) Error!void {
    const start = out.end;
    const tree = reader.value() catch return malformed(failure);
    try writeTree(tree, 0, out, failure);
    if (out.end - start > encoded_bytes_max) {
        failure.set(.invalid_argument, "the expression has {d} bytes; at most {d} are allowed", .{
            out.end - start, encoded_bytes_max,
        });
        return error.Failed;
    }
}

/// Appends an argument: a node of the tree, or a plain value as a constant.
pub fn writeNested(
    arguments: *const Arguments,
    field: Field,
    slice: []const u8,
    depth: u32,
    out: *wire.Buffer,
) Error!void {
    switch (try arguments.firstToken(slice)) {
        .map => try writeTree(slice, depth + 1, out, arguments.failure),
        .array => {
            try writeHead(out, code_quote, 1);
            try arguments.appendValue(out, field, slice);
        },
        else => try arguments.appendValue(out, field, slice),
    }
}

fn writeTree(tree: []const u8, depth: u32, out: *wire.Buffer, failure: *Failure) Error!void {
    if (depth > depth_max) {
        failure.set(.invalid_argument, "the expression is nested deeper than {d} levels", .{
            depth_max,
        });
        return error.Failed;
    }
    var arguments: Arguments = undefined;
    var reader = msgpack.Reader.init(tree);
    try arguments.parse(&reader, .{ .expression = try builderName(tree, failure) }, failure);
    const form = forms.get(arguments.place.expression) orelse {
        failure.set(.invalid_argument, "unknown expression builder '{s}'", .{
            shortened(arguments.place.expression),
        });
        return error.Failed;
    };
    var allowed = fieldsOf(form);
    allowed.insert(.__expr__);
    try arguments.allowOnly(allowed);
    var node: Node = .{ .arguments = &arguments, .depth = depth, .out = out };
    try node.write(form);
}

/// The member `__expr__`, looked up before the others are checked, for their error texts.
pub fn builderName(tree: []const u8, failure: *Failure) Error![]const u8 {
    var reader = msgpack.Reader.init(tree);
    const count = switch (reader.next() catch return malformed(failure)) {
        .map => |count| count,
        else => |token| {
            failure.set(.wrong_type, "an expression must be a map, not {s}", .{
                describe(token),
            });
            return error.Failed;
        },
    };
    for (0..count) |_| {
        const name = reader.next() catch return malformed(failure);
        const is_builder = name == .string and std.mem.eql(u8, name.string, "__expr__");
        if (!is_builder) {
            switch (name) {
                .array, .map => break,
                else => reader.skip() catch return malformed(failure),
            }
            continue;
        }
        return switch (reader.next() catch return malformed(failure)) {
            .string => |text| text,
            else => |token| {
                failure.set(.invalid_argument, "'__expr__' must be a string, not {s}", .{
                    describe(token),
                });
                return error.Failed;
            },
        };
    }
    failure.set(.invalid_argument, "a map in an expression needs '__expr__' (for a constant, " ++
        "use map_val)", .{});
    return error.Failed;
}

fn fieldsOf(form: Form) std.EnumSet(Field) {
    return switch (form) {
        .constant, .compiled => .init(.{ .val = true }),
        .nil, .infinity, .wildcard, .bare => .empty,
        .bin, .bin_type, .bin_exists, .variable => .init(.{ .name = true }),
        .key => .init(.{ .exp_type = true }),
        .digest_modulo => .init(.{ .modulo = true }),
        .binary => .init(.{ .left = true, .right = true }),
        .unary => .init(.{ .expr = true }),
        .several, .conditional, .let => .init(.{ .exprs = true }),
        .regex => .init(.{ .regex = true, .flags = true, .bin = true }),
        .loop_variable => .init(.{ .exp_type = true, .index = true }),
        .call => |spec| spec.fields,
        .select_by_path => .init(.{ .ctx = true, .exp_type = true, .flags = true, .bin = true }),
        .modify_by_path => .init(.{
            .ctx = true,
            .exp_type = true,
            .flags = true,
            .expr = true,
            .bin = true,
        }),
    };
}

/// The header of a list of a number and its arguments.
pub fn writeHead(out: *wire.Buffer, code: u8, argument_count: u32) wire.Buffer.Error!void {
    try msgpack.writeArrayHeader(out, argument_count + 1);
    try msgpack.writeUint(out, code);
}

/// A name as it stands, without the type byte that strings have as values.
fn writeRawString(out: *wire.Buffer, text: []const u8) wire.Buffer.Error!void {
    try msgpack.writeString(out, text);
}

const Node = struct {
    arguments: *const Arguments,
    depth: u32,
    out: *wire.Buffer,

    fn write(node: *Node, form: Form) Error!void {
        const arguments = node.arguments;
        const out = node.out;
        switch (form) {
            .constant => |kind| try node.writeConstant(kind),
            .nil => try msgpack.writeNil(out),
            .infinity => try writeComparison(out, 1),
            .wildcard => try writeComparison(out, 0),
            .compiled => try node.writeCompiled(),
            .bin => |kind| try node.writeBin(kind),
            .bin_type => try node.writeBinType(),
            .bin_exists => try writeBinExists(out, try arguments.binName(.name)),
            .key => {
                try writeHead(out, code_key, 1);
                try msgpack.writeUint(out, @backingInt(try node.expressionType()));
            },
            .digest_modulo => {
                try writeHead(out, 64, 1);
                try msgpack.writeInt(out, try arguments.integer(.modulo));
            },
            .bare => |code| try writeHead(out, code, 0),
            .binary => |code| {
                try writeHead(out, code, 2);
                try node.writeCompared(code, .left);
                try node.writeCompared(code, .right);
            },
            .unary => |code| {
                try writeHead(out, code, 1);
                try node.writeField(.expr);
            },
            .several => |several| try node.writeSeveral(several.code, several.min, several.max),
            .conditional => |code| try node.writeConditional(code),
            .regex => try node.writeRegex(),
            .let => try node.writeLet(),
            .variable => {
                try writeHead(out, code_variable, 1);
                try writeRawString(out, try arguments.string(.name));
            },
            .loop_variable => {
                try writeHead(out, code_loop_variable, 2);
                try msgpack.writeUint(out, @backingInt(try node.expressionType()));
                try msgpack.writeUint(out, try arguments.natural(.index));
            },
            .call => |spec| try node.writeCall(spec.spec, spec.yields),
            .select_by_path => try node.writePath(false),
            .modify_by_path => try node.writePath(true),
        }
    }

    fn writeField(node: *Node, field: Field) Error!void {
        const slice = try node.arguments.require(field);
        try writeNested(node.arguments, field, slice, node.depth, node.out);
    }

    fn writeCompared(node: *Node, code: u8, field: Field) Error!void {
        const start = node.out.end;
        try node.writeField(field);
        const kind: comparable.Kind = switch (code) {
            code_equal => .equality,
            code_not_equal...code_less_or_equal => .order,
            else => return,
        };
        if (!comparable.isNever(kind, node.out.written()[start..])) return;
        return node.arguments.failOf(field, "is or has a map without an order, with which the " ++
            "server compares nothing; an ordered one (KeyOrderedDict) can match", .{});
    }

    fn writeConstant(node: *Node, kind: Constant) Error!void {
        const arguments = node.arguments;
        const slice = try arguments.require(.val);
        const token = try arguments.firstToken(slice);
        const expected = expectedText(kind, token) orelse {
            if (kind == .list) try writeHead(node.out, code_quote, 1);
            if (kind == .float and token == .int) {
                return msgpack.writeFloat(node.out, @floatFromInt(token.int));
            }
            if (kind == .geojson and token == .string) {
                return wire.particle.packBytes(node.out, .geojson, token.string);
            }
            if (kind == .hll and token == .binary) {
                return wire.particle.packBytes(node.out, .hll, token.binary);
            }
            return arguments.appendValue(node.out, .val, slice);
        };
        return arguments.wrongType(.val, expected, token);
    }

    fn writeCompiled(node: *Node) Error!void {
        const slice = try node.arguments.require(.val);
        switch (try node.arguments.firstToken(slice)) {
            .binary => |encoded| {
                var reader = msgpack.Reader.init(encoded);
                reader.skip() catch return malformed(node.arguments.failure);
                if (!reader.isAtEnd()) return malformed(node.arguments.failure);
                if (node.depth > 0 and filter_text.isOne(encoded)) return node.arguments.failOf(
                    .val,
                    "is a text that the server compiles, which is a whole filter and no part of one",
                    .{},
                );
                try node.out.append(encoded);
            },
            else => |token| return node.arguments.wrongType(.val, "bytes", token),
        }
    }

    fn writeBin(node: *Node, kind: Type) Error!void {
        try writeBinNamed(node.out, kind, try node.arguments.binName(.name));
    }

    fn writeBinType(node: *Node) Error!void {
        try writeBinTypeOf(node.out, try node.arguments.binName(.name));
    }

    fn expressionType(node: *Node) Error!Type {
        const number = try node.arguments.integer(.exp_type);
        return std.enums.fromInt(Type, number) orelse
            node.arguments.failOf(.exp_type, "has the unknown value {d}", .{number});
    }

    /// The members of `exprs`, at least `min`.
    fn members(node: *Node, min: u32) Error!Members {
        const slice = try node.arguments.require(.exprs);
        var reader = msgpack.Reader.init(slice);
        const count = switch (reader.next() catch return malformed(node.arguments.failure)) {
            .array => |count| count,
            else => |token| return node.arguments.wrongType(.exprs, "a list", token),
        };
        if (count < min) {
            return node.arguments.fail("needs at least {d} expressions, not {d}", .{ min, count });
        }
        return .{ .reader = reader, .count = count };
    }

    const Members = struct { reader: msgpack.Reader, count: u32 };

    fn writeMember(node: *Node, list: *Members) Error!void {
        const slice = list.reader.value() catch return malformed(node.arguments.failure);
        try writeNested(node.arguments, .exprs, slice, node.depth, node.out);
    }

    fn writeSeveral(node: *Node, code: u8, min: u32, max: u32) Error!void {
        var list = try node.members(min);
        if (list.count > max) return node.arguments.fail(
            "takes {d} expressions, not {d}",
            .{ max, list.count },
        );
        try writeHead(node.out, code, list.count);
        for (0..list.count) |_| try node.writeMember(&list);
    }

    /// Conditions and values in turn, then the value for when none holds.
    fn writeConditional(node: *Node, code: u8) Error!void {
        var list = try node.members(3);
        if (list.count % 2 == 0) return node.arguments.fail(
            "needs pairs of a condition and a value, then a default",
            .{},
        );
        try writeHead(node.out, code, list.count);
        for (0..list.count) |_| try node.writeMember(&list);
    }

    fn writeRegex(node: *Node) Error!void {
        const flags = try node.arguments.natural(.flags);
        try writeHead(node.out, 7, 3);
        try msgpack.writeUint(node.out, flags);
        try writeRawString(node.out, try node.arguments.string(.regex));
        try node.writeField(.bin);
    }

    /// Definitions, then the expression that may use them.
    fn writeLet(node: *Node) Error!void {
        var list = try node.members(2);
        const definition_count = list.count - 1;
        try writeHead(node.out, code_let, definition_count * 2 + 1);
        for (0..definition_count) |_| {
            const slice = list.reader.value() catch return malformed(node.arguments.failure);
            try node.writeDefinition(slice);
        }
        try node.writeMember(&list);
    }

    fn writeDefinition(node: *Node, slice: []const u8) Error!void {
        const failure = node.arguments.failure;
        const name = try builderName(slice, failure);
        if (!std.mem.eql(u8, name, "def")) return node.arguments.fail(
            "needs definitions before its last expression, not '{s}'",
            .{shortened(name)},
        );
        var definition: Arguments = undefined;
        var reader = msgpack.Reader.init(slice);
        try definition.parse(&reader, .{ .expression = "def" }, failure);
        try definition.allowOnly(.init(.{ .__expr__ = true, .name = true, .value = true }));
        try writeRawString(node.out, try definition.string(.name));
        const value = try definition.require(.value);
        try writeNested(&definition, .value, value, node.depth, node.out);
    }

    fn writeCall(node: *Node, spec: *const Call, yields: Yields) Error!void {
        try writeHead(node.out, code_call, 4);
        try msgpack.writeUint(node.out, @backingInt(try node.typeOf(spec, yields)));
        try msgpack.writeUint(node.out, systemOf(spec.code));
        const mode: call.Mode = .{ .expressions = .{ .depth = node.depth } };
        try call.write(spec, node.arguments, mode, node.out);
        try node.writeCollection(collectionType(spec));
    }

    /// What a call works on: an expression, or a bin by its name.
    fn writeCollection(node: *Node, kind: Type) Error!void {
        const slice = try node.arguments.require(.bin);
        switch (try node.arguments.firstToken(slice)) {
            .string => try writeBinNamed(node.out, kind, try node.arguments.binName(.bin)),
            else => try node.writeField(.bin),
        }
    }

    fn typeOf(node: *Node, spec: *const Call, yields: Yields) Error!Type {
        switch (yields) {
            .fixed => |kind| return kind,
            .container => |kind| {
                const path = node.arguments.given(.ctx) orelse return kind;
                return switch (context.container(path) orelse return kind) {
                    .list => .list,
                    .map => .map,
                };
            },
            .one => return node.typeByReturn(spec, true),
            .many => return node.typeByReturn(spec, false),
        }
    }

    fn typeByReturn(node: *Node, spec: *const Call, is_one: bool) Error!Type {
        const kind: context.Container = if (spec.number < cdt.map_set_type) .list else .map;
        const return_type = try call.returnType(node.arguments, kind);
        const yielded: Type = switch (return_type & ~@as(u32, call.return_inverted)) {
            call.return_none => return node.arguments.fail("needs a return type", .{}),
            call.return_count => .integer,
            call.return_exists => .boolean,
            call.return_key_value,
            call.return_unordered_map,
            call.return_ordered_map,
            => .map,
            call.return_key, call.return_value => if (is_one)
                return node.expressionType()
            else
                .list,
            else => if (is_one) .integer else .list,
        };
        if (is_one and node.arguments.given(.exp_type) != null) {
            const stated = try node.expressionType();
            if (stated != yielded) return node.arguments.fail(
                "yields the type {d} with this return type, not exp_type {d}",
                .{ @backingInt(yielded), @backingInt(stated) },
            );
        }
        return yielded;
    }

    /// Selects along a path that may branch; with `modifies` an expression is applied there.
    fn writePath(node: *Node, modifies: bool) Error!void {
        const arguments = node.arguments;
        const out = node.out;
        try writeHead(out, code_call, 4);
        try msgpack.writeUint(out, @backingInt(try node.expressionType()));
        try msgpack.writeUint(out, @as(u32, if (modifies) system_flag_modify else system_cdt));
        const path = try arguments.require(.ctx);
        const flags = try arguments.bits(.flags, 0xffff & ~@as(u32, select_flag_apply));
        try writeHead(out, call_select, if (modifies) 3 else 2);
        try context.write(arguments, path, 0, node.depth, out);
        try msgpack.writeUint(out, if (modifies) flags | select_flag_apply else flags);
        if (modifies) try node.writeField(.expr);
        // A name alone would not tell whether the bin holds a list or a map.
        const collection = try arguments.firstToken(try arguments.require(.bin));
        if (collection != .map) return arguments.wrongType(.bin, "an expression", collection);
        try node.writeField(.bin);
    }
};

fn writeBinTypeOf(out: *wire.Buffer, name: []const u8) wire.Buffer.Error!void {
    try writeHead(out, code_bin_type, 1);
    try writeRawString(out, name);
}

/// Its type is not that of nothing.
pub fn writeBinExists(out: *wire.Buffer, name: []const u8) wire.Buffer.Error!void {
    try writeHead(out, code_not_equal, 2);
    try writeBinTypeOf(out, name);
    try msgpack.writeUint(out, 0);
}

fn writeBinNamed(out: *wire.Buffer, kind: Type, name: []const u8) Error!void {
    try writeHead(out, code_bin, 2);
    try msgpack.writeUint(out, @backingInt(kind));
    try writeRawString(out, name);
}

fn writeComparison(out: *wire.Buffer, which: u8) Error!void {
    try msgpack.writeExtension(out, -1, &.{which});
}

fn systemOf(code: wire.operation.Code) u32 {
    return switch (code) {
        .cdt_read => system_cdt,
        .cdt_modify => system_cdt | system_flag_modify,
        .bit_read => system_bits,
        .bit_modify => system_bits | system_flag_modify,
        .hll_read => system_hll,
        .hll_modify => system_hll | system_flag_modify,
        .string_read => system_strings,
        .string_modify => system_strings | system_flag_modify,
        else => unreachable,
    };
}

fn collectionType(spec: *const Call) Type {
    return switch (spec.code) {
        .cdt_read, .cdt_modify => if (spec.number < cdt.map_set_type) .list else .map,
        .bit_read, .bit_modify => .blob,
        .hll_read, .hll_modify => .hll,
        .string_read, .string_modify => .string,
        else => unreachable,
    };
}

fn isOrderedMap(token: msgpack.Token) bool {
    return token == .extension and
        wire.particle.MapOrder.ofExtension(token.extension.kind) != null;
}

/// What a constant must be, or null if the token is that.
fn expectedText(kind: Constant, token: msgpack.Token) ?[]const u8 {
    const extension: ?i8 = if (token == .extension) token.extension.kind else null;
    return switch (kind) {
        .integer => if (token == .int or token == .uint) null else "an integer",
        .float => if (token == .float or token == .int) null else "a float",
        .string => if (token == .string) null else "a string",
        .boolean => if (token == .boolean) null else "a bool",
        .blob => if (token == .binary) null else "bytes",
        .list => if (token == .array) null else "a list",
        .map => if (token == .map or isOrderedMap(token)) null else "a map",
        .geojson => if (token == .string or extension == wire.particle.extension_geojson)
            null
        else
            "GeoJSON",
        .hll => if (token == .binary or extension == wire.particle.extension_hll)
            null
        else
            "a HyperLogLog",
    };
}
