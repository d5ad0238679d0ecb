//! From the bytes of an expression to its tree: types are checked here, so that evaluating only
//! meets what fits.
//!
//! An operation is an array of a number and arguments; anything else is a constant, with a list
//! quoted. Texts that are values begin with a byte that tells their type, names do not.

const std = @import("std");
const wire = @import("../../../wire.zig");
const Node = @import("Node.zig");
const Regex = @import("Regex.zig");
const geo = @import("../geo.zig");
const Value = @import("Value.zig").Value;
const Version = @import("../../base/Version.zig").Version;

const Allocator = std.mem.Allocator;
const Code = Node.Code;
const Type = Node.Type;
const msgpack = wire.msgpack;

const Compiler = @This();

arena: Allocator,
version: Version,
reader: msgpack.Reader,
/// Names that can be seen, innermost last.
variables: std.ArrayList(Variable) = .empty,
/// What evaluating needs for variables.
slots: u32 = 0,
depth: u32 = 0,
/// Where the innermost part begins that is not valid.
failed_at: ?usize = null,

pub const Error = error{ Invalid, OutOfMemory };

const Variable = struct {
    name: []const u8,
    /// Null while its value is being read.
    type: ?Type,
};

/// The recursion here and where expressions are evaluated is bounded by it.
const depth_max = 256;

/// Numbers of calls that reach into containers.
const call_context = 0xff;
const call_select = 0xfe;

/// Flag of a call's system: it makes a changed value.
const call_modifies = 0x40;

/// All of the bytes have to be one expression.
pub fn compile(compiler: *Compiler) Error!Node {
    const node = try compiler.next();
    if (!compiler.reader.isAtEnd()) return error.Invalid;
    if (node.type == .none) return error.Invalid;
    return node;
}

fn next(compiler: *Compiler) Error!Node {
    if (compiler.depth == depth_max) return error.Invalid;
    compiler.depth += 1;
    defer compiler.depth -= 1;
    const start = compiler.reader.position;
    errdefer if (compiler.failed_at == null) {
        compiler.failed_at = start;
    };
    const token = compiler.reader.next() catch return error.Invalid;
    switch (token) {
        .array => |count| {
            if (count == 0) return error.Invalid;
            const number = try compiler.unsigned();
            const code = std.math.cast(u8, number) orelse return error.Invalid;
            if (code == @backingInt(Code.constant)) return error.Invalid;
            return compiler.operation(@fromBackingInt(code), count - 1);
        },
        .nil => return constant(.nil, .nil),
        .boolean => |flag| return constant(.boolean, .{ .boolean = flag }),
        .int => |number| return constant(.integer, .{ .integer = number }),
        .uint => |number| return constant(.integer, .{ .integer = @bitCast(number) }),
        .float => |number| return constant(.float, .{ .float = number }),
        .string, .binary => |sent| return compiler.textConstant(sent),
        .map => {
            compiler.reader.position = start;
            const bytes = compiler.reader.value() catch return error.Invalid;
            return constant(.map, .{ .container = bytes });
        },
        .extension => {
            const bytes = compiler.reader.bytes[start..compiler.reader.position];
            return constant(.none, .{ .container = bytes });
        },
    }
}

fn constant(value_type: Type, value: Value) Node {
    return .{ .code = .constant, .type = value_type, .body = .{ .constant = value } };
}

fn textConstant(compiler: *Compiler, sent: []const u8) Error!Node {
    if (sent.len == 0) return error.Invalid;
    const kind: wire.particle.Type = @fromBackingInt(sent[0]);
    const content = sent[1..];
    switch (kind) {
        .string => return constant(.string, .{ .string = content }),
        .blob => return constant(.blob, .{ .blob = content }),
        .hll => return constant(.hll, .{ .hll = content }),
        .geojson => {
            _ = try geo.parse(compiler.arena, content);
            return constant(.geojson, .{ .geojson = content });
        },
        else => return error.Invalid,
    }
}

fn unsigned(compiler: *Compiler) Error!u64 {
    return switch (compiler.reader.next() catch return error.Invalid) {
        .int => |number| @bitCast(number),
        .uint => |number| number,
        else => error.Invalid,
    };
}

/// A name, or a pattern.
fn text(compiler: *Compiler) Error![]const u8 {
    return switch (compiler.reader.next() catch return error.Invalid) {
        .string, .binary => |bytes| bytes,
        else => error.Invalid,
    };
}

fn isArrayNext(compiler: *const Compiler) bool {
    const tag = compiler.reader.peek() orelse return false;
    return switch (tag) {
        0x90...0x9f, 0xdc, 0xdd => true,
        else => false,
    };
}

fn operation(compiler: *Compiler, code: Code, count: u32) Error!Node {
    switch (code) {
        .unknown, .key_exists, .is_tombstone => return compiler.nullary(code, .boolean, count),
        .device_size,
        .last_update,
        .since_update,
        .void_time,
        .time_to_live,
        .memory_size,
        .record_size,
        => return compiler.nullary(code, .integer, count),
        .set_name => return compiler.nullary(code, .string, count),
        .remove => return compiler.nullary(code, .remove, count),
        .equal, .not_equal, .greater, .greater_equal, .less, .less_equal => {
            return compiler.comparison(code, count);
        },
        .@"and", .@"or", .exclusive => {
            if (count < 2) return error.Invalid;
            return compiler.uniform(code, count, .boolean, .boolean);
        },
        .not => return compiler.fixed(code, count, &.{.boolean}, .boolean),
        .geo => return compiler.fixed(code, count, &.{ .geojson, .geojson }, .boolean),
        .power, .logarithm => return compiler.fixed(code, count, &.{ .float, .float }, .float),
        .floor, .ceiling => return compiler.fixed(code, count, &.{.float}, .float),
        .to_integer => return compiler.fixed(code, count, &.{.float}, .integer),
        .to_float => return compiler.fixed(code, count, &.{.integer}, .float),
        .modulo, .shift_left, .shift_right, .shift_right_arithmetic => {
            return compiler.fixed(code, count, &.{ .integer, .integer }, .integer);
        },
        .bit_not, .bit_count => return compiler.fixed(code, count, &.{.integer}, .integer),
        .scan_left, .scan_right => {
            return compiler.fixed(code, count, &.{ .integer, .boolean }, .integer);
        },
        .bit_and, .bit_or, .bit_xor => {
            if (count < 1) return error.Invalid;
            return compiler.uniform(code, count, .integer, .integer);
        },
        .add, .subtract, .multiply, .divide, .minimum, .maximum => {
            if (count < 1) return error.Invalid;
            return compiler.numeric(code, count);
        },
        .absolute => {
            if (count != 1) return error.Invalid;
            return compiler.numeric(code, count);
        },
        else => return compiler.special(code, count),
    }
}

fn special(compiler: *Compiler, code: Code, count: u32) Error!Node {
    switch (code) {
        .regex => return compiler.regex(count),
        .in_list => {
            const arguments = try compiler.takeArguments(2, count);
            if (arguments[1].type != .list) return error.Invalid;
            return .{ .code = code, .type = .boolean, .body = .{ .arguments = arguments } };
        },
        .to_string => {
            if (!compiler.version.isAtLeast(.@"8.2")) return error.Invalid;
            const arguments = try compiler.takeArguments(1, count);
            switch (arguments[0].type) {
                .integer, .float, .string, .boolean, .blob => {},
                else => return error.Invalid,
            }
            return .{ .code = code, .type = .string, .body = .{ .arguments = arguments } };
        },
        .map_keys, .map_values => {
            const arguments = try compiler.takeArguments(1, count);
            return .{ .code = code, .type = .list, .body = .{ .arguments = arguments } };
        },
        .digest_modulo => {
            if (count != 1) return error.Invalid;
            const modulo: i32 = @truncate(@as(i64, @bitCast(try compiler.unsigned())));
            if (modulo == 0) return error.Invalid;
            return .{ .code = code, .type = .integer, .body = .{ .modulo = modulo } };
        },
        .key => {
            if (count != 1) return error.Invalid;
            const value_type = try compiler.inputType();
            switch (value_type) {
                .integer, .string, .blob => {},
                else => return error.Invalid,
            }
            return .{ .code = code, .type = value_type, .body = .{ .arguments = &.{} } };
        },
        .bin => {
            if (count != 2) return error.Invalid;
            const value_type = try compiler.inputType();
            const name = try compiler.binName();
            return .{ .code = code, .type = value_type, .body = .{ .name = name } };
        },
        .bin_type => {
            if (count != 1) return error.Invalid;
            const name = try compiler.binName();
            return .{ .code = code, .type = .integer, .body = .{ .name = name } };
        },
        .builtin => return compiler.builtin(count),
        .condition => return compiler.condition(count),
        .variable => return compiler.variable(count),
        .let => return compiler.let(count),
        .quote => {
            if (count != 1 or !compiler.isArrayNext()) return error.Invalid;
            const bytes = compiler.reader.value() catch return error.Invalid;
            return constant(.list, .{ .container = bytes });
        },
        .call => return compiler.call(count),
        else => return error.Invalid,
    }
}

fn inputType(compiler: *Compiler) Error!Type {
    const number = try compiler.unsigned();
    if (number > Type.input_max) return error.Invalid;
    return @fromBackingInt(@as(u8, @intCast(number)));
}

fn binName(compiler: *Compiler) Error![]const u8 {
    const name = try compiler.text();
    if (name.len > wire.operation.bin_name_bytes_max) return error.Invalid;
    if (std.mem.findScalar(u8, name, 0) != null) return error.Invalid;
    return name;
}

fn nullary(compiler: *Compiler, code: Code, value_type: Type, count: u32) Error!Node {
    _ = compiler;
    if (count != 0) return error.Invalid;
    return .{ .code = code, .type = value_type, .body = .{ .arguments = &.{} } };
}

fn takeArguments(compiler: *Compiler, wanted: u32, count: u32) Error![]Node {
    if (count != wanted) return error.Invalid;
    // Each needs a byte at least.
    if (count > compiler.reader.rest().len) return error.Invalid;
    const nodes = try compiler.arena.alloc(Node, count);
    for (nodes) |*node| node.* = try compiler.next();
    return nodes;
}

/// Arguments of given types.
fn fixed(
    compiler: *Compiler,
    code: Code,
    count: u32,
    types: []const Type,
    value_type: Type,
) Error!Node {
    const nodes = try compiler.takeArguments(@intCast(types.len), count);
    for (nodes, types) |*node, wanted| {
        if (node.type != wanted) return error.Invalid;
    }
    return .{ .code = code, .type = value_type, .body = .{ .arguments = nodes } };
}

/// Any number of arguments of one type.
fn uniform(
    compiler: *Compiler,
    code: Code,
    count: u32,
    argument_type: Type,
    value_type: Type,
) Error!Node {
    const nodes = try compiler.takeArguments(count, count);
    for (nodes) |*node| {
        if (node.type != argument_type) return error.Invalid;
    }
    return .{ .code = code, .type = value_type, .body = .{ .arguments = nodes } };
}

/// Any number of arguments, all integers or all floats.
fn numeric(compiler: *Compiler, code: Code, count: u32) Error!Node {
    const nodes = try compiler.takeArguments(count, count);
    const value_type = nodes[0].type;
    if (value_type != .integer and value_type != .float) return error.Invalid;
    for (nodes) |*node| {
        if (node.type != value_type) return error.Invalid;
    }
    return .{ .code = code, .type = value_type, .body = .{ .arguments = nodes } };
}

fn comparison(compiler: *Compiler, code: Code, count: u32) Error!Node {
    const nodes = try compiler.takeArguments(2, count);
    if (nodes[0].type != nodes[1].type) return error.Invalid;
    switch (nodes[0].type) {
        .geojson, .hll => return error.Invalid,
        else => {},
    }
    return .{ .code = code, .type = .boolean, .body = .{ .arguments = nodes } };
}

fn regex(compiler: *Compiler, count: u32) Error!Node {
    if (count != 3) return error.Invalid;
    const options: i64 = @bitCast(try compiler.unsigned());
    const pattern = try compiler.text();
    const argument = try compiler.arena.create(Node);
    argument.* = try compiler.next();
    if (argument.type != .string) return error.Invalid;
    const compiled = try Regex.init(compiler.arena, pattern, options);
    return .{
        .code = .regex,
        .type = .boolean,
        .body = .{ .regex = .{ .regex = compiled, .argument = argument } },
    };
}

fn builtin(compiler: *Compiler, count: u32) Error!Node {
    if (count != 2) return error.Invalid;
    const value_type = try compiler.inputType();
    const index = try compiler.unsigned();
    if (index >= builtin_count) return error.Invalid;
    if (index == builtin_index and value_type != .integer) return error.Invalid;
    return .{ .code = .builtin, .type = value_type, .body = .{ .slot = @intCast(index) } };
}

pub const builtin_key = 0;
pub const builtin_value = 1;
pub const builtin_index = 2;
pub const builtin_count = 3;

fn condition(compiler: *Compiler, count: u32) Error!Node {
    if (count < 3 or count % 2 == 0) return error.Invalid;
    const nodes = try compiler.takeArguments(count, count);
    var value_type: ?Type = null;
    for (nodes, 0..) |*node, index| {
        const is_test = index % 2 == 0 and index + 1 < nodes.len;
        if (is_test) {
            if (node.type != .boolean) return error.Invalid;
            continue;
        }
        // What is unknown may stand for any type.
        if (node.code == .unknown) continue;
        if (value_type) |wanted| {
            if (node.type != wanted) return error.Invalid;
        } else value_type = node.type;
    }
    return .{
        .code = .condition,
        .type = value_type orelse .boolean,
        .body = .{ .branches = nodes },
    };
}

fn find(compiler: *const Compiler, name: []const u8) ?u32 {
    for (compiler.variables.items, 0..) |*known, slot| {
        if (std.mem.eql(u8, known.name, name)) return @intCast(slot);
    }
    return null;
}

fn variable(compiler: *Compiler, count: u32) Error!Node {
    if (count != 1) return error.Invalid;
    const slot = compiler.find(try compiler.text()) orelse return error.Invalid;
    const value_type = compiler.variables.items[slot].type orelse return error.Invalid;
    return .{ .code = .variable, .type = value_type, .body = .{ .slot = slot } };
}

fn let(compiler: *Compiler, count: u32) Error!Node {
    if (count < 3 or count % 2 == 0) return error.Invalid;
    if (count > compiler.reader.rest().len) return error.Invalid;
    const first: u32 = @intCast(compiler.variables.items.len);
    const values = try compiler.arena.alloc(Node, count / 2);
    for (values) |*value| {
        const name = try compiler.text();
        if (!isVariableName(name) or compiler.find(name) != null) return error.Invalid;
        const slot = compiler.variables.items.len;
        try compiler.variables.append(compiler.arena, .{ .name = name, .type = null });
        value.* = try compiler.next();
        compiler.variables.items[slot].type = value.type;
    }
    const result = try compiler.arena.create(Node);
    result.* = try compiler.next();
    compiler.slots = @max(compiler.slots, @as(u32, @intCast(compiler.variables.items.len)));
    compiler.variables.shrinkRetainingCapacity(first);
    return .{
        .code = .let,
        .type = result.type,
        .body = .{ .let = .{ .slot = first, .values = values, .result = result } },
    };
}

fn isVariableName(name: []const u8) bool {
    if (name.len == 0 or std.ascii.isDigit(name[0])) return false;
    for (name) |letter| {
        if (letter != '_' and !std.ascii.isAlphanumeric(letter)) return false;
    }
    return true;
}

fn call(compiler: *Compiler, count: u32) Error!Node {
    if (count != 4) return error.Invalid;
    const value_type = try compiler.inputType();
    const system = try compiler.unsigned();
    const start = compiler.reader.position;
    var is_inside = false;
    const parameter_count = try compiler.callHead(&is_inside);
    const made = try compiler.arena.create(Node.Call);
    made.* = .{
        .system = @fromBackingInt(@as(u6, @truncate(system))),
        .modifies = system & call_modifies != 0,
        .type = value_type,
        .head = compiler.reader.bytes[start..compiler.reader.position],
        .parameters = try compiler.callParameters(parameter_count),
        .target = try compiler.next(),
    };
    if (system > 0x7f) return error.Invalid;
    const fits = switch (made.target.type) {
        // A call on nothing counts as nothing, whatever comes out.
        .nil => return .{ .code = .call, .type = .nil, .body = .{ .call = made } },
        // A string may be inside of a list or a map.
        .list, .map => made.system == .collection or (made.system == .string and is_inside),
        .blob => made.system == .bits,
        .hll => made.system == .hll,
        .string => made.system == .string,
        else => false,
    };
    if (made.system == .string and !compiler.version.isAtLeast(.@"8.2")) return error.Invalid;
    if (!fits) return error.Invalid;
    return .{ .code = .call, .type = value_type, .body = .{ .call = made } };
}

/// Passes over the operation up to its parameters, and returns how many of them there are.
fn callHead(compiler: *Compiler, is_inside: *bool) Error!u32 {
    const count = try compiler.array();
    if (count == 0) return error.Invalid;
    switch (try compiler.unsigned()) {
        call_context => {
            if (count != 3) return error.Invalid;
            is_inside.* = true;
            compiler.reader.skip() catch return error.Invalid;
            const inner = try compiler.array();
            _ = try compiler.unsigned();
            return inner -| 1;
        },
        call_select => {
            if (count < 3 or count > 4 or !compiler.isArrayNext()) return error.Invalid;
            compiler.reader.skip() catch return error.Invalid;
            _ = try compiler.unsigned();
            if (count == 4) compiler.reader.skip() catch return error.Invalid;
            return 0;
        },
        else => return count - 1,
    }
}

fn array(compiler: *Compiler) Error!u32 {
    return switch (compiler.reader.next() catch return error.Invalid) {
        .array => |count| count,
        else => error.Invalid,
    };
}

fn callParameters(compiler: *Compiler, count: u32) Error![]Node.Call.Parameter {
    if (count > compiler.reader.rest().len) return error.Invalid;
    const parameters = try compiler.arena.alloc(Node.Call.Parameter, count);
    for (parameters) |*parameter| {
        // A list is an expression, anything else stands for itself.
        parameter.* = if (compiler.isArrayNext())
            .{ .node = try compiler.next() }
        else
            .{ .packed_value = compiler.reader.value() catch return error.Invalid };
    }
    return parameters;
}
