//! Names, keys and other bytes of which there are few: two words that overlap are moved, and no
//! function is called, as it is for `@memcpy` and `@memset` when the length is not known.

const std = @import("std");
const assert = std.debug.assert;

const short_max = 16;

/// The two must not overlap.
pub inline fn copy(target: []u8, source: []const u8) void {
    assert(target.len == source.len);
    const len = source.len;
    if (len > short_max) {
        @memcpy(target, source);
    } else if (len >= 8) {
        const head = source[0..8].*;
        const tail = source[len - 8 ..][0..8].*;
        target[0..8].* = head;
        target[len - 8 ..][0..8].* = tail;
    } else if (len >= 4) {
        const head = source[0..4].*;
        const tail = source[len - 4 ..][0..4].*;
        target[0..4].* = head;
        target[len - 4 ..][0..4].* = tail;
    } else {
        for (target, source) |*to, from| to.* = from;
    }
}

pub inline fn zero(target: []u8) void {
    const len = target.len;
    if (len > short_max) {
        @memset(target, 0);
    } else if (len >= 8) {
        target[0..8].* = @splat(0);
        target[len - 8 ..][0..8].* = @splat(0);
    } else if (len >= 4) {
        target[0..4].* = @splat(0);
        target[len - 4 ..][0..4].* = @splat(0);
    } else {
        for (target) |*byte| byte.* = 0;
    }
}

test "every length is copied and made zero, and nothing beside it" {
    var source: [40]u8 = undefined;
    for (&source, 0..) |*byte, index| byte.* = @intCast(index + 1);
    for (0..source.len - 2) |len| {
        var target: [40]u8 = @splat(0xaa);
        copy(target[1..][0..len], source[0..len]);
        try std.testing.expectEqualSlices(u8, source[0..len], target[1..][0..len]);
        try std.testing.expectEqual(0xaa, target[0]);
        try std.testing.expectEqual(0xaa, target[len + 1]);
        zero(target[1..][0..len]);
        try std.testing.expect(std.mem.allEqual(u8, target[1..][0..len], 0));
        try std.testing.expectEqual(0xaa, target[0]);
        try std.testing.expectEqual(0xaa, target[len + 1]);
    }
}
