//! Numbers inside lists and maps, and what increments make of them.

const std = @import("std");
const wire = @import("../../../wire.zig");
const result = @import("result.zig");

const msgpack = wire.msgpack;

/// What is added, and what comes out.
pub const Number = union(enum) {
    integer: i64,
    float: f64,

    pub fn write(number: Number, arena: std.mem.Allocator) error{OutOfMemory}![]const u8 {
        var buffer = wire.Buffer.fixed(try arena.alloc(u8, result.integer_bytes_max));
        switch (number) {
            .integer => |integer| msgpack.writeInt(&buffer, integer) catch unreachable,
            .float => |float| msgpack.writeFloat(&buffer, float) catch unreachable,
        }
        return buffer.written();
    }
};

fn of(bytes: []const u8) error{InvalidParameter}!?Number {
    var reader = msgpack.Reader.init(bytes);
    return switch (reader.next() catch return error.InvalidParameter) {
        .nil => null,
        .int => |number| .{ .integer = number },
        .uint => |number| .{ .integer = @bitCast(number) },
        .float => |number| .{ .float = number },
        else => error.InvalidParameter,
    };
}

/// The sum of a value, which keeps its type, and a change; without a value, of the change and
/// nothing. A change that is left out or nil is one.
pub fn add(
    value: ?[]const u8,
    change_sent: ?[]const u8,
    is_decrement: bool,
) error{InvalidParameter}!Number {
    const sent = if (change_sent) |bytes| try of(bytes) else null;
    const change: Number = switch (sent orelse Number{ .integer = 1 }) {
        .integer => |number| .{ .integer = if (is_decrement) 0 -% number else number },
        .float => |number| .{ .float = if (is_decrement) -number else number },
    };
    const present = value orelse return change;
    return switch (try of(present) orelse return error.InvalidParameter) {
        .integer => |number| .{ .integer = number +% switch (change) {
            .integer => |integer| integer,
            .float => |float| truncated(float),
        } },
        .float => |number| .{ .float = number + switch (change) {
            .integer => |integer| @as(f64, @floatFromInt(integer)),
            .float => |float| float,
        } },
    };
}

/// As the processor of the server converts: what does not fit is the smallest integer.
pub fn truncated(float: f64) i64 {
    const limit = 9223372036854775808.0;
    if (!(float >= -limit and float < limit)) return std.math.minInt(i64);
    return @trunc(float);
}

const testing = std.testing;

test "a sum keeps the type of the value" {
    const half = "\xcb\x3f\xe0\x00\x00\x00\x00\x00\x00";
    try testing.expectEqual(Number{ .integer = 7 }, try add("\x05", "\x02", false));
    try testing.expectEqual(Number{ .integer = 3 }, try add("\x05", "\x02", true));
    try testing.expectEqual(Number{ .integer = 5 }, try add("\x05", half, false));
    try testing.expectEqual(Number{ .float = 2.5 }, try add(half, "\x02", false));
    try testing.expectEqual(Number{ .float = 1.5 }, try add(half, null, false));
    try testing.expectEqual(Number{ .integer = 1 }, try add(null, "\xc0", false));
    try testing.expectEqual(Number{ .float = -0.5 }, try add(null, half, true));
    try testing.expectError(error.InvalidParameter, add("\xa2\x03a", "\x01", false));
    try testing.expectError(error.InvalidParameter, add("\x01", "\xa2\x03a", false));
    try testing.expectError(error.InvalidParameter, add("\xc0", "\x01", false));
}

test "what no integer holds becomes the smallest one" {
    try testing.expectEqual(std.math.minInt(i64), truncated(1e30));
    try testing.expectEqual(std.math.minInt(i64), truncated(std.math.nan(f64)));
    try testing.expectEqual(-3, truncated(-3.9));
}
