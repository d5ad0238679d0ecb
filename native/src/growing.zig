//! The C ABI's structs that begin with `size` and may grow at their end: neither side looks at
//! members that the other one does not know.
//!
//! A program with an older header has a shorter struct, one with a newer header a longer one. What
//! is longer by zeros asks for nothing new; anything else there would be passed over in silence,
//! and is refused.

const std = @import("std");
const assert = std.debug.assert;
const Failure = @import("status.zig").Failure;

/// No struct will ever be larger; a `size` that was never set often is.
const size_max = 4096;

/// Whether the library understands all of a struct that it was given.
///
/// The shortest one is the first that there was, which is today's: when one grows, what follows
/// that length gets the value that it had before there was a choice.
pub fn check(
    T: type,
    given: *const T,
    comptime name: []const u8,
    failure: *Failure,
) error{Failed}!void {
    comptime assert(@offsetOf(T, "size") == 0);
    if (given.size == @sizeOf(T)) return;
    if (given.size < @sizeOf(T) or given.size > size_max) {
        failure.set(.invalid_argument, name ++ ".size is {d}, and should be {d}", .{
            given.size, @sizeOf(T),
        });
        return error.Failed;
    }
    const bytes: [*]const u8 = @ptrCast(given);
    if (std.mem.allEqual(u8, bytes[@sizeOf(T)..given.size], 0)) return;
    failure.set(.invalid_argument, name ++ " has members that this library does not know", .{});
    return error.Failed;
}

/// Writes a struct for the caller: as much of it as the caller's has, and zeros into the rest.
pub fn fill(T: type, target: *T, value: *const T) void {
    comptime assert(@offsetOf(T, "size") == 0);
    assert(value.size == target.size);
    if (target.size > size_max) return;
    const known = @min(target.size, @sizeOf(T));
    const bytes: [*]u8 = @ptrCast(target);
    @memcpy(bytes[0..known], std.mem.asBytes(value)[0..known]);
    @memset(bytes[known..target.size], 0);
}

const testing = std.testing;

const Old = extern struct { size: u32, a: u32 };
const New = extern struct { size: u32, a: u32, b: u64 };

test "a longer struct is understood when its unknown members are zero" {
    var failure: Failure = .{};
    var new: New = .{ .size = @sizeOf(New), .a = 1, .b = 0 };
    try check(Old, @ptrCast(&new), "new", &failure);
    new.b = 1;
    try testing.expectError(error.Failed, check(Old, @ptrCast(&new), "new", &failure));
    try testing.expectEqualStrings(
        "new has members that this library does not know",
        failure.message(),
    );
}

test "a struct that is too short, or whose size was never set, is refused" {
    for ([_]u32{ 0, @sizeOf(New) - 1, size_max + 1, 0xaaaa_aaaa }) |size| {
        var failure: Failure = .{};
        const given: New = .{ .size = size, .a = 1, .b = 0 };
        try testing.expectError(error.Failed, check(New, &given, "given", &failure));
        try testing.expect(std.mem.find(u8, failure.message(), "given.size is") != null);
    }
}

test "nothing is written beyond the caller's struct, and zeros into what is unknown" {
    var short: [@sizeOf(New)]u8 align(8) = @splat(0xcc);
    const target: *New = @ptrCast(&short);
    target.size = @sizeOf(Old);
    fill(New, target, &.{ .size = @sizeOf(Old), .a = 7, .b = 9 });
    try testing.expectEqual(7, target.a);
    try testing.expectEqual(0xcccc_cccc_cccc_cccc, target.b);

    var long: New = .{ .size = @sizeOf(New), .a = 0, .b = 5 };
    fill(Old, @ptrCast(&long), &.{ .size = @sizeOf(New), .a = 7 });
    try testing.expectEqual(New{ .size = @sizeOf(New), .a = 7, .b = 0 }, long);
}
