//! The memory of a buffer of Arrow: grows, is written before it is read, and is given to others.

const std = @import("std");
const assert = std.debug.assert;
const Allocator = std.mem.Allocator;

/// For numbers of every size that are read many at a time.
pub const alignment: std.mem.Alignment = .@"16";

pub const Memory = struct {
    /// All that there is; `bytes[0..end]` has been written.
    bytes: []align(16) u8 = &.{},
    end: usize = 0,

    pub fn deinit(memory: *Memory, gpa: Allocator) void {
        if (memory.bytes.len > 0) gpa.rawFree(memory.bytes, alignment, @returnAddress());
        memory.* = undefined;
    }

    pub fn written(memory: *const Memory) []align(16) u8 {
        return memory.bytes[0..memory.end];
    }

    /// Makes sure that `count` more bytes fit.
    pub inline fn reserve(memory: *Memory, gpa: Allocator, count: usize) error{OutOfMemory}!void {
        assert(memory.end <= memory.bytes.len);
        if (memory.bytes.len - memory.end < count) try memory.grow(gpa, count);
    }

    fn grow(memory: *Memory, gpa: Allocator, count: usize) error{OutOfMemory}!void {
        @branchHint(.cold);
        const needed = std.math.add(usize, memory.end, count) catch return error.OutOfMemory;
        const size = @max(needed, memory.bytes.len *| 2, 64);
        const raw = gpa.rawAlloc(size, alignment, @returnAddress()) orelse
            return error.OutOfMemory;
        const larger: []align(16) u8 = @alignCast(raw[0..size]);
        @memcpy(larger[0..memory.end], memory.bytes[0..memory.end]);
        if (memory.bytes.len > 0) gpa.rawFree(memory.bytes, alignment, @returnAddress());
        memory.bytes = larger;
    }

    /// Room for `count` more bytes, which are to be written.
    pub inline fn add(memory: *Memory, gpa: Allocator, count: usize) error{OutOfMemory}![]u8 {
        try memory.reserve(gpa, count);
        memory.end += count;
        return memory.bytes[memory.end - count .. memory.end];
    }

    pub inline fn append(
        memory: *Memory,
        gpa: Allocator,
        T: type,
        value: T,
    ) error{OutOfMemory}!void {
        (try memory.add(gpa, @sizeOf(T)))[0..@sizeOf(T)].* = @bitCast(value);
    }

    /// What was written, as numbers.
    pub fn items(memory: *const Memory, T: type) []T {
        const all: [*]T = @ptrCast(memory.bytes.ptr);
        return all[0 .. memory.end / @sizeOf(T)];
    }
};

test "what was written stays where it grows" {
    const gpa = std.testing.allocator;
    var memory: Memory = .{};
    defer memory.deinit(gpa);
    for (0..1000) |index| try memory.append(gpa, u64, index);
    for (memory.items(u64), 0..) |number, index| try std.testing.expectEqual(index, number);
    try std.testing.expect(std.mem.isAligned(@intFromPtr(memory.bytes.ptr), 16));
}
