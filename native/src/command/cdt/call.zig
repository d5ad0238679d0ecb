//! Calls: what is done inside a bin that holds a list, a map, bits or a HyperLogLog.
//!
//! On the wire a call is a list of its number and its operands. A `Call` says which operands
//! those are, in order; each kind of operand knows the field that it is taken from and how it is
//! checked. The same tables serve operations, whose operands are plain values, and expressions,
//! whose operands are expressions in turn, except for flags and return types.

const std = @import("std");
const context = @import("context.zig");
const expression = @import("../expression/expression.zig");
const wire = @import("../../wire.zig");
const msgpack = wire.msgpack;
const Arguments = @import("../arguments.zig").Arguments;
const Error = @import("../arguments.zig").Error;
const Field = @import("../arguments.zig").Field;
const malformed = @import("../arguments.zig").malformed;
const Policy = @import("call_policy.zig").Policy;

pub const Call = struct {
    name: []const u8,
    code: wire.operation.Code,
    /// The protocol's number of the call, within its code.
    number: u8,
    operands: []const Operand,
    result: Result = .always,

    pub const Result = enum {
        never,
        always,
        /// The return type says whether.
        by_return_type,
    };

    /// The fields that the call makes use of.
    pub fn fields(comptime call: Call) std.EnumSet(Field) {
        var set: std.EnumSet(Field) = .init(.{ .bin = true, .ctx = true });
        for (call.operands) |operand| set.setUnion(operand.fields());
        return set;
    }
};

/// Operands are values, or expressions down to a depth.
pub const Mode = union(enum) {
    values,
    expressions: struct { depth: u32 },

    fn depth(mode: Mode) u32 {
        return switch (mode) {
            .values => 0,
            .expressions => |state| state.depth,
        };
    }
};

pub const Operand = enum {
    // Values of the user.
    value,
    values,
    items,
    number,
    key,
    /// A key that may be new to the map, and has to be one that a map may have.
    new_key,
    /// Nil begins at the first.
    range_begin,
    /// Absent or nil goes on to the last.
    range_end,
    index,
    rank,
    count,
    count_optional,
    // What lists and maps take beside them.
    list_return,
    map_return,
    list_policy,
    /// Only the flags of a list policy are sent; an order would have no meaning.
    list_flags,
    map_policy,
    /// Only the attributes of a map policy are sent; flags would have no meaning.
    map_attributes,
    sort_flags,
    list_order,
    map_order,
    /// As the orders, and what a context's last step is to create.
    list_type,
    map_type,
    // Bits.
    byte_offset,
    byte_size,
    bit_offset,
    bit_size,
    bytes,
    shift,
    integer,
    /// Negative numbers go as their two's complement of 64 bits.
    unsigned,
    boolean,
    bit_policy,
    resize_flags,
    overflow_action,
    /// Sent only when the integer is signed.
    signed,
    /// Nil encodes to the end; the size may count back from there.
    byte_size_optional,
    // Strings.
    text,
    text_optional,
    texts,
    occurrence,
    numeric_type,
    regex_flags,
    /// A list of what is looked for, and what replaces it.
    replacement,
    end_optional,
    /// The end, and then flags; without an end there are no flags.
    snip_end,
    string_policy,
    // HyperLogLog.
    index_bit_count,
    index_bit_count_optional,
    minhash_bit_count_optional,
    hll_policy,

    fn fields(operand: Operand) std.EnumSet(Field) {
        return switch (operand) {
            .value, .values, .items, .number, .range_begin => .init(.{ .val = true }),
            .bytes, .integer, .unsigned, .boolean, .sort_flags => .init(.{ .val = true }),
            .range_end => .init(.{ .val_end = true }),
            .key, .new_key => .init(.{ .map_key = true }),
            .index => .init(.{ .index = true }),
            .rank => .init(.{ .rank = true }),
            .count, .count_optional => .init(.{ .count = true }),
            .list_return, .map_return => .init(.{ .return_type = true }),
            .list_policy, .list_flags => .init(.{ .list_policy = true }),
            .map_policy, .map_attributes => .init(.{ .map_policy = true }),
            .list_order, .map_order => .init(.{ .val = true, .persist_index = true }),
            .list_type => .init(.{ .val = true, .pad = true, .persist_index = true }),
            .map_type => .init(.{ .val = true, .persist_index = true }),
            .byte_offset => .init(.{ .byte_offset = true }),
            .byte_size => .init(.{ .byte_size = true }),
            .bit_offset => .init(.{ .bit_offset = true }),
            .bit_size => .init(.{ .bit_size = true }),
            .shift => .init(.{ .shift = true }),
            .bit_policy => .init(.{ .bit_policy = true }),
            .resize_flags => .init(.{ .resize_flags = true }),
            .overflow_action => .init(.{ .action = true, .signed = true }),
            .signed => .init(.{ .signed = true }),
            .index_bit_count, .index_bit_count_optional => .init(.{ .index_bit_count = true }),
            .minhash_bit_count_optional => .init(.{ .minhash_bit_count = true }),
            .hll_policy => .init(.{ .hll_policy = true }),
            .byte_size_optional => .init(.{ .byte_size = true, .invert_size = true }),
            .text, .text_optional, .texts => .init(.{ .val = true }),
            .occurrence => .init(.{ .count = true }),
            .numeric_type, .regex_flags => .init(.{ .flags = true }),
            .replacement => .init(.{ .val = true, .replacement = true }),
            .end_optional => .init(.{ .end = true }),
            .snip_end => .init(.{ .end = true, .string_policy = true }),
            .string_policy => .init(.{ .string_policy = true }),
        };
    }
};

/// Bit of an index or order that the server keeps with the bin.
const attribute_persist_index = 0x10;

/// Appends the call, inside its context where one is given.
pub fn write(
    call: *const Call,
    arguments: *const Arguments,
    mode: Mode,
    out: *wire.Buffer,
) Error!void {
    if (arguments.given(.ctx)) |path| {
        try msgpack.writeArrayHeader(out, 3);
        try msgpack.writeUint(out, call_in_context);
        try context.write(arguments, path, try createFlag(call, arguments), mode.depth(), out);
    }
    // A call has at most 7 members, whose header is one byte.
    const header_offset = try out.reserve(1);
    try msgpack.writeUint(out, call.number);
    var count: u8 = 1;
    for (call.operands) |operand| {
        count += try writeOperand(operand, arguments, mode, out);
    }
    out.patch(u8, header_offset, 0x90 | count);
}

/// The number that stands for a call with its context in front.
pub const call_in_context = 0xff;

/// What the last step of the context is to create, for calls that create a list or map.
fn createFlag(call: *const Call, arguments: *const Arguments) Error!u32 {
    for (call.operands) |operand| switch (operand) {
        .list_type => {
            const order = try enumeration(context.ListOrder, arguments);
            return order.createFlag(try arguments.boolean(.pad, false));
        },
        .map_type => return (try enumeration(context.MapOrder, arguments)).createFlag(),
        else => {},
    };
    return 0;
}

fn enumeration(comptime T: type, arguments: *const Arguments) Error!T {
    const number = try arguments.integer(.val);
    return std.enums.fromInt(T, number) orelse
        arguments.failOf(.val, "has the unknown order {d}", .{number});
}

/// Appends an operand and returns of how many members it consists.
fn writeOperand(
    operand: Operand,
    arguments: *const Arguments,
    mode: Mode,
    out: *wire.Buffer,
) Error!u8 {
    switch (operand) {
        .list_return => try msgpack.writeUint(out, try returnType(arguments, .list)),
        .map_return => try msgpack.writeUint(out, try returnType(arguments, .map)),
        .list_policy, .list_flags => return writeListPolicy(operand, arguments, out),
        .map_policy, .map_attributes => return writeMapPolicy(operand, arguments, mode, out),
        .sort_flags => try msgpack.writeUint(out, try arguments.bits(.val, 0x3)),
        .list_order, .list_type => {
            try msgpack.writeUint(out, try typeAttributes(context.ListOrder, arguments));
        },
        .map_order, .map_type => {
            try msgpack.writeUint(out, try typeAttributes(context.MapOrder, arguments));
        },
        .bit_policy => try writeFlags(arguments, .bit_policy, out),
        .hll_policy => try writeFlags(arguments, .hll_policy, out),
        .string_policy => try writeFlags(arguments, .string_policy, out),
        .byte_size_optional => return writeByteSize(arguments, mode, out),
        .numeric_type => try msgpack.writeUint(out, try arguments.bits(.flags, 0x3)),
        .regex_flags => try msgpack.writeUint(out, try arguments.bits(.flags, 0x1f)),
        .texts => {
            try writeQuote(mode, out);
            try writeTexts(arguments, out);
        },
        .replacement => {
            try writeQuote(mode, out);
            try msgpack.writeArrayHeader(out, 2);
            for ([_]Field{ .val, .replacement }) |field| try writeText(arguments, field, out);
        },
        .snip_end => {
            if (arguments.given(.end) == null) return 0;
            _ = try writeOperand(.end_optional, arguments, mode, out);
            try writeFlags(arguments, .string_policy, out);
            return 2;
        },
        .resize_flags => try msgpack.writeUint(out, try arguments.bits(.resize_flags, 0x7)),
        .overflow_action => try msgpack.writeUint(out, try overflowFlags(arguments)),
        .signed => {
            const is_signed = try arguments.boolean(.signed, false);
            // Operations leave the operand out; expressions have a fixed count.
            if (!is_signed and mode == .values) return 0;
            try msgpack.writeUint(out, @intFromBool(is_signed));
        },
        .index_bit_count => {
            try msgpack.writeInt(out, try arguments.integer(.index_bit_count));
        },
        .index_bit_count_optional => {
            try msgpack.writeInt(out, try arguments.integerOr(.index_bit_count, -1));
        },
        .minhash_bit_count_optional => {
            try msgpack.writeInt(out, try arguments.integerOr(.minhash_bit_count, -1));
        },
        else => switch (mode) {
            .values => return writeValue(operand, arguments, out),
            .expressions => |state| return writeExpression(operand, arguments, state.depth, out),
        },
    }
    return 1;
}

/// Operands that are plain values in operations.
fn writeValue(operand: Operand, arguments: *const Arguments, out: *wire.Buffer) Error!u8 {
    switch (operand) {
        .value => {
            try arguments.appendValue(out, .val, try arguments.require(.val));
        },
        .values => try writeTyped(arguments, "a list", isArray, out),
        .items => try writeItems(arguments, out),
        .number => try writeTyped(arguments, "an integer or a float", isNumber, out),
        .bytes => try writeTyped(arguments, "bytes", isBinary, out),
        .boolean => try writeTyped(arguments, "a bool", isBoolean, out),
        .integer => try msgpack.writeInt(out, try arguments.integer(.val)),
        .unsigned => try msgpack.writeUint(out, @bitCast(try arguments.integer(.val))),
        .key => {
            try arguments.appendValue(out, .map_key, try arguments.require(.map_key));
        },
        .new_key => {
            const slice = try arguments.require(.map_key);
            try arguments.checkMapKey(.map_key, slice);
            try arguments.appendValue(out, .map_key, slice);
        },
        .range_begin => {
            const slice = arguments.get(.val) orelse return writeNil(out);
            try arguments.appendValue(out, .val, slice);
        },
        .range_end => {
            const slice = arguments.given(.val_end) orelse return 0;
            try arguments.appendValue(out, .val_end, slice);
        },
        .index => try msgpack.writeInt(out, try arguments.integer(.index)),
        .rank => try msgpack.writeInt(out, try arguments.integer(.rank)),
        .count => try msgpack.writeUint(out, try arguments.natural(.count)),
        .count_optional => {
            if (arguments.given(.count) == null) return 0;
            try msgpack.writeUint(out, try arguments.natural(.count));
        },
        .byte_offset => try msgpack.writeInt(out, try arguments.integer(.byte_offset)),
        .byte_size => try msgpack.writeUint(out, try arguments.natural(.byte_size)),
        .bit_offset => try msgpack.writeInt(out, try arguments.integer(.bit_offset)),
        .bit_size => try msgpack.writeUint(out, try arguments.natural(.bit_size)),
        .text => try writeText(arguments, .val, out),
        .text_optional => {
            if (arguments.given(.val) == null) return 0;
            try writeText(arguments, .val, out);
        },
        .occurrence => try msgpack.writeInt(out, try arguments.integerOr(.count, 1)),
        .end_optional => {
            if (arguments.given(.end) == null) return 0;
            try msgpack.writeInt(out, try arguments.integer(.end));
        },
        .shift => try msgpack.writeUint(out, try arguments.natural(.shift)),
        else => unreachable,
    }
    return 1;
}

/// The same operands in an expression.
fn writeExpression(
    operand: Operand,
    arguments: *const Arguments,
    depth: u32,
    out: *wire.Buffer,
) Error!u8 {
    const field: Field = switch (operand) {
        .value, .values, .items, .number, .range_begin => .val,
        .bytes, .boolean, .integer, .unsigned, .text, .text_optional => .val,
        .end_optional => .end,
        .occurrence => .count,
        .range_end => .val_end,
        .key, .new_key => .map_key,
        .index => .index,
        .rank => .rank,
        .count, .count_optional => .count,
        .byte_offset => .byte_offset,
        .byte_size => .byte_size,
        .bit_offset => .bit_offset,
        .bit_size => .bit_size,
        .shift => .shift,
        else => unreachable,
    };
    const slice = switch (operand) {
        .range_begin => arguments.given(field) orelse return writeNil(out),
        .occurrence => arguments.given(field) orelse "\x01",
        .range_end, .count_optional, .end_optional, .text_optional => arguments.given(field) orelse return 0,
        else => try arguments.require(field),
    };
    try expression.writeNested(arguments, field, slice, depth, out);
    return 1;
}

/// Nothing for the end, as a size and, where there is one, whether it counts back from the end.
fn writeByteSize(arguments: *const Arguments, mode: Mode, out: *wire.Buffer) Error!u8 {
    if (arguments.given(.byte_size) == null) return 0;
    _ = try writeOperand(.byte_size, arguments, mode, out);
    const is_inverted = try arguments.boolean(.invert_size, false);
    // Operations leave the operand out; expressions have a fixed count.
    if (!is_inverted and mode == .values) return 1;
    try msgpack.writeUint(out, @intFromBool(is_inverted));
    return 2;
}

/// Lists are no expressions by themselves.
fn writeQuote(mode: Mode, out: *wire.Buffer) Error!void {
    if (mode == .expressions) try expression.writeHead(out, expression.code_quote, 1);
}

fn writeText(arguments: *const Arguments, field: Field, out: *wire.Buffer) Error!void {
    const slice = try arguments.require(field);
    const token = try arguments.firstToken(slice);
    if (token != .string) return arguments.wrongType(field, "a string", token);
    try arguments.appendValue(out, field, slice);
}

fn writeTexts(arguments: *const Arguments, out: *wire.Buffer) Error!void {
    const slice = try arguments.require(.val);
    var reader = msgpack.Reader.init(slice);
    const token = reader.next() catch return malformed(arguments.failure);
    if (token != .array) return arguments.wrongType(.val, "a list of strings", token);
    for (0..token.array) |_| {
        const member = reader.next() catch return malformed(arguments.failure);
        if (member != .string) return arguments.wrongType(.val, "a list of strings", member);
    }
    try arguments.appendValue(out, .val, slice);
}

fn writeNil(out: *wire.Buffer) Error!u8 {
    try msgpack.writeNil(out);
    return 1;
}

fn writeTyped(
    arguments: *const Arguments,
    expected: []const u8,
    comptime accepts: fn (msgpack.Token) bool,
    out: *wire.Buffer,
) Error!void {
    const slice = try arguments.require(.val);
    const token = try arguments.firstToken(slice);
    if (!accepts(token)) return arguments.wrongType(.val, expected, token);
    try arguments.appendValue(out, .val, slice);
}

fn isArray(token: msgpack.Token) bool {
    return token == .array;
}

/// Pairs to be put into a map, whose order is the policy's.
fn writeItems(arguments: *const Arguments, out: *wire.Buffer) Error!void {
    const slice = try arguments.require(.val);
    const pairs = switch (try arguments.firstToken(slice)) {
        .map => slice,
        .extension => |extension| pairs: {
            if (wire.particle.MapOrder.ofExtension(extension.kind) != null) {
                break :pairs extension.data;
            }
            return arguments.wrongType(.val, "a map", .{ .extension = extension });
        },
        else => |token| return arguments.wrongType(.val, "a map", token),
    };
    try arguments.appendValue(out, .val, pairs);
}

fn isNumber(token: msgpack.Token) bool {
    return token == .int or token == .uint or token == .float;
}

fn isBinary(token: msgpack.Token) bool {
    return token == .binary;
}

fn isBoolean(token: msgpack.Token) bool {
    return token == .boolean;
}

/// Inverts which elements a call concerns.
pub const return_inverted = 0x10000;
/// The API's value that means "does it exist"; the protocol has another one.
const return_exists_api = 9;
pub const return_exists = 13;
pub const return_none = 0;
pub const return_count = 5;
pub const return_key = 6;
pub const return_value = 7;
pub const return_key_value = 8;
pub const return_unordered_map = 16;
pub const return_ordered_map = 17;

/// The protocol's return type for the API's.
pub fn returnType(arguments: *const Arguments, container: context.Container) Error!u32 {
    const number = try arguments.integer(.return_type);
    const base = number & ~@as(i64, return_inverted);
    const inverted: u32 = if (number == base) 0 else return_inverted;
    const known = switch (base) {
        return_none...return_count, return_value, return_exists_api => true,
        return_key, return_key_value, return_unordered_map, return_ordered_map => container == .map,
        else => false,
    };
    if (!known) {
        return arguments.failOf(.return_type, "has the unknown value {d}", .{number});
    }
    if (base == return_exists_api) return return_exists | inverted;
    return @as(u32, @intCast(base)) | inverted;
}

fn typeAttributes(comptime Order: type, arguments: *const Arguments) Error!u32 {
    const order: u32 = @intCast(@backingInt(try enumeration(Order, arguments)));
    if (!try arguments.boolean(.persist_index, false)) return order;
    if (arguments.given(.ctx) != null) {
        return arguments.fail("only a bin's own list or map can have 'persist_index'", .{});
    }
    return order | attribute_persist_index;
}

fn writeListPolicy(operand: Operand, arguments: *const Arguments, out: *wire.Buffer) Error!u8 {
    const policy = try Policy.parse(arguments, .list_policy) orelse return 0;
    if (operand == .list_flags) {
        if (policy.order != 0) {
            return arguments.fail("does not take an order in its list_policy", .{});
        }
        try msgpack.writeUint(out, policy.flags);
        return 1;
    }
    try msgpack.writeUint(out, policy.order);
    try msgpack.writeUint(out, policy.flags);
    return 2;
}

fn writeMapPolicy(
    operand: Operand,
    arguments: *const Arguments,
    mode: Mode,
    out: *wire.Buffer,
) Error!u8 {
    const given = try Policy.parse(arguments, .map_policy);
    // An expression without a policy leaves all of it out.
    if (given == null and mode == .expressions) return 0;
    const policy: Policy = given orelse .{};
    const attributes = policy.order | @as(u32, if (policy.persist_index)
        attribute_persist_index
    else
        0);
    if (operand == .map_attributes) {
        if (policy.flags != 0) {
            return arguments.fail("does not take write flags in its map_policy", .{});
        }
        try msgpack.writeUint(out, attributes);
        return 1;
    }
    try msgpack.writeUint(out, attributes);
    if (policy.flags == 0 and mode == .values) return 1;
    try msgpack.writeUint(out, policy.flags);
    return 2;
}

fn writeFlags(arguments: *const Arguments, field: Field, out: *wire.Buffer) Error!void {
    const policy: Policy = try Policy.parse(arguments, field) orelse .{};
    try msgpack.writeUint(out, policy.flags);
}

/// What happens on overflow: 0 fail, 2 saturate, 4 wrap. The lowest bit says that it is signed.
fn overflowFlags(arguments: *const Arguments) Error!u32 {
    const action = try arguments.integerOr(.action, 0);
    switch (action) {
        0, 2, 4 => {},
        else => return arguments.failOf(.action, "has the unknown value {d}", .{action}),
    }
    const is_signed = try arguments.boolean(.signed, false);
    return @as(u32, @intCast(action)) | @intFromBool(is_signed);
}
