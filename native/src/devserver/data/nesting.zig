//! How deep lists and maps are in lists and maps, which servers from 8.2 on limit.

const std = @import("std");
const wire = @import("../../wire.zig");

const Operation = wire.operation.Operation;

/// The deepest that is taken; a list of scalars has depth 1.
const depth_max = 64;

/// Whether what an operation brings is nested too deep. What is malformed is not, nor is what has
/// no lists and maps.
pub fn isTooDeep(operation: *const Operation) bool {
    const limit: usize = switch (operation.code) {
        .write => switch (operation.particle) {
            .list, .map => depth_max,
            else => return false,
        },
        // Values are parameters, in a list; with a context, in a list within one.
        .cdt_read, .cdt_modify => if (hasContext(operation.value)) depth_max + 2 else depth_max + 1,
        else => return false,
    };
    return isDeeper(operation.value, limit);
}

fn hasContext(bytes: []const u8) bool {
    var reader = wire.msgpack.Reader.init(bytes);
    const token = reader.next() catch return false;
    if (token != .array) return false;
    const code = reader.next() catch return false;
    return switch (code) {
        .int => |number| number == 0xff,
        .uint => |number| number == 0xff,
        else => false,
    };
}

fn isDeeper(bytes: []const u8, limit: usize) bool {
    // How many values are left of every list and map that has begun.
    var left: [depth_max + 2]u64 = undefined;
    var depth: usize = 0;
    var reader = wire.msgpack.Reader.init(bytes);
    while (true) {
        const token = reader.next() catch return false;
        const count: ?u64 = switch (token) {
            .array => |count| count,
            .map => |count| @as(u64, count) * 2,
            else => null,
        };
        if (count) |values| {
            if (depth == limit) return true;
            left[depth] = values;
            depth += 1;
        }
        while (depth > 0 and left[depth - 1] == 0) depth -= 1;
        if (depth == 0) return false;
        left[depth - 1] -= 1;
    }
}

const testing = std.testing;

fn expectTooDeep(expected: bool, code: wire.operation.Code, prefix: []const u8, lists: usize) !void {
    var bytes: [128]u8 = undefined;
    @memcpy(bytes[0..prefix.len], prefix);
    @memset(bytes[prefix.len..][0..lists], 0x91);
    bytes[prefix.len + lists - 1] = 0x90;
    const operation: Operation = .{
        .code = code,
        .particle = if (code == .write) .list else .blob,
        .name = "b",
        .value = bytes[0 .. prefix.len + lists],
    };
    try testing.expectEqual(expected, isTooDeep(&operation));
}

test "values are counted from where they begin" {
    try expectTooDeep(false, .write, "", depth_max);
    try expectTooDeep(true, .write, "", depth_max + 1);
    try expectTooDeep(true, .write, "\x92\x90", depth_max);
    try expectTooDeep(false, .write, "\x93\x90\x91\x01", depth_max - 1);
    // A parameter, one behind a map, and one with a context.
    try expectTooDeep(false, .cdt_modify, "\x92\x01", depth_max);
    try expectTooDeep(true, .cdt_modify, "\x92\x01", depth_max + 1);
    try expectTooDeep(true, .cdt_modify, "\x93\x01\x81\x01\x02", depth_max + 1);
    try expectTooDeep(false, .cdt_read, "\x93\xcc\xff\x92\x10\x00\x92\x01", depth_max);
    try expectTooDeep(true, .cdt_read, "\x93\xcc\xff\x92\x10\x00\x92\x01", depth_max + 1);
    // What ends before it should.
    const broken: Operation = .{ .code = .write, .particle = .list, .name = "b", .value = "\x92\x91" };
    try testing.expect(!isTooDeep(&broken));
}
