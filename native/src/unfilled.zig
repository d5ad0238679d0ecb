//! Memory that is written before it is read. Where safety is on, std's functions fill what they give
//! and what they take back with a pattern; for the buffers of a batch that took as long as sending it.

const std = @import("std");
const Allocator = std.mem.Allocator;

pub fn alloc(T: type, gpa: Allocator, count: usize) error{OutOfMemory}![]T {
    const size = std.math.mul(usize, count, @sizeOf(T)) catch return error.OutOfMemory;
    if (size == 0) return &.{};
    const memory = gpa.rawAlloc(size, .of(T), @returnAddress()) orelse return error.OutOfMemory;
    const items: [*]T = @ptrCast(@alignCast(memory));
    return items[0..count];
}

/// What `alloc` of this file or of the allocator gave.
pub fn free(gpa: Allocator, items: anytype) void {
    const bytes: []u8 = std.mem.sliceAsBytes(items);
    if (bytes.len > 0) gpa.rawFree(bytes, .of(std.meta.Elem(@TypeOf(items))), @returnAddress());
}

/// Bytes from `alloc`, of which the first `used` stay.
pub fn resize(gpa: Allocator, bytes: []u8, used: usize, size: usize) error{OutOfMemory}![]u8 {
    if (bytes.len > 0 and size > 0) {
        if (gpa.rawRemap(bytes, .of(u8), size, @returnAddress())) |moved| return moved[0..size];
    }
    const larger = try alloc(u8, gpa, size);
    @memcpy(larger[0..used], bytes[0..used]);
    free(gpa, bytes);
    return larger;
}

test "what is used stays, and all is given back" {
    const gpa = std.testing.allocator;
    var bytes = try alloc(u8, gpa, 3);
    @memcpy(bytes, "abc");
    for ([_]usize{ 10, 100_000, 200, 5 }) |size| {
        bytes = try resize(gpa, bytes, 3, size);
        try std.testing.expectEqual(size, bytes.len);
        try std.testing.expectEqualStrings("abc", bytes[0..3]);
    }
    free(gpa, bytes);
    free(gpa, try alloc(u8, gpa, 0));
}

test "memory that there is not is an error" {
    var failing: std.testing.FailingAllocator = .init(std.testing.allocator, .{ .fail_index = 0 });
    const gpa = failing.allocator();
    try std.testing.expectError(error.OutOfMemory, alloc(u64, gpa, 10));
    try std.testing.expectError(error.OutOfMemory, alloc(u64, gpa, std.math.maxInt(usize) / 2));
    try std.testing.expectError(error.OutOfMemory, resize(gpa, &.{}, 0, 5));
}
