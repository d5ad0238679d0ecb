//! The library's allocator: libc's, except that large blocks are kept for the next one who asks.
//!
//! A batch or a query fills buffers of some hundred kilobytes and gives them back. Malloc returns
//! such memory to the system at once, and the next command pays for the page faults again: a third
//! of what a batch of 1 000 records costs. Blocks come in a few sizes, are kept up to a total, and
//! the list of them is only tried for, never waited for: whoever finds it taken uses malloc, so a
//! fork at any moment is harmless.
//!
//! A debug build has memory with fences instead, where it is asked for: fenced.zig.

const std = @import("std");
const assert = std.debug.assert;
const fenced = @import("fenced.zig");
const Alignment = std.mem.Alignment;

const libc = std.heap.c_allocator;

pub const gpa: std.mem.Allocator = .{ .ptr = undefined, .vtable = &.{
    .alloc = alloc,
    .resize = resize,
    .remap = remap,
    .free = free,
} };

/// Sizes of kept blocks: powers of two from this on. What is larger than the last is not kept.
const block_bytes_min = 64 * 1024;
const class_count = 7;
const block_bytes_max = block_bytes_min << (class_count - 1);
/// Of all kept blocks together.
const kept_bytes_max = 16 * 1024 * 1024;

/// A kept block holds its place in the list itself.
const Kept = struct { next: ?*Kept };

const Shelf = struct {
    taken: std.atomic.Value(bool) = .init(false),
    lists: [class_count]?*Kept = @splat(null),
    kept_bytes: usize = 0,

    fn tryLock(this: *Shelf) bool {
        return !this.taken.swap(true, .acquire);
    }

    fn unlock(this: *Shelf) void {
        this.taken.store(false, .release);
    }

    fn take(this: *Shelf, class: usize) ?[*]u8 {
        if (!this.tryLock()) return null;
        defer this.unlock();
        const block = this.lists[class] orelse return null;
        this.lists[class] = block.next;
        this.kept_bytes -= bytesOf(class);
        return @ptrCast(block);
    }

    fn put(this: *Shelf, class: usize, memory: [*]u8) bool {
        if (!this.tryLock()) return false;
        defer this.unlock();
        if (this.kept_bytes + bytesOf(class) > kept_bytes_max) return false;
        const block: *Kept = @ptrCast(@alignCast(memory));
        block.next = this.lists[class];
        this.lists[class] = block;
        this.kept_bytes += bytesOf(class);
        return true;
    }
};

var shelf: Shelf = .{};

/// The size class of a length; null for one that malloc alone serves.
fn classOf(len: usize, alignment: Alignment) ?usize {
    if (len < block_bytes_min or len > block_bytes_max) return null;
    if (alignment.toByteUnits() > @alignOf(std.c.max_align_t)) return null;
    return std.math.log2_int_ceil(usize, len) - std.math.log2_int(usize, block_bytes_min);
}

fn bytesOf(class: usize) usize {
    assert(class < class_count);
    return @as(usize, block_bytes_min) << @intCast(class);
}

fn alloc(_: *anyopaque, len: usize, alignment: Alignment, address: usize) ?[*]u8 {
    if (fenced.isOn()) return fenced.alloc(len, alignment);
    const class = classOf(len, alignment) orelse return libc.rawAlloc(len, alignment, address);
    return shelf.take(class) orelse libc.rawAlloc(bytesOf(class), alignment, address);
}

fn free(_: *anyopaque, memory: []u8, alignment: Alignment, address: usize) void {
    if (fenced.isOn()) return fenced.free(memory);
    const class = classOf(memory.len, alignment) orelse
        return libc.rawFree(memory, alignment, address);
    if (shelf.put(class, memory.ptr)) return;
    libc.rawFree(memory.ptr[0..bytesOf(class)], alignment, address);
}

fn resize(_: *anyopaque, memory: []u8, alignment: Alignment, len: usize, address: usize) bool {
    if (fenced.isOn()) return false;
    const class = classOf(memory.len, alignment);
    const class_new = classOf(len, alignment);
    if (class != class_new) return false;
    return class != null or libc.rawResize(memory, alignment, len, address);
}

fn remap(_: *anyopaque, memory: []u8, alignment: Alignment, len: usize, address: usize) ?[*]u8 {
    if (fenced.isOn()) return null;
    const class = classOf(memory.len, alignment);
    const class_new = classOf(len, alignment);
    if (class != class_new) return null;
    if (class != null) return memory.ptr;
    return libc.rawRemap(memory, alignment, len, address);
}

test "a large block is used again, within its class, and small ones are malloc's" {
    const first = try gpa.alloc(u8, 100_000);
    const address = first.ptr;
    gpa.free(first);
    const second = try gpa.alloc(u8, 131_072);
    defer gpa.free(second);
    try std.testing.expectEqual(address, second.ptr);
    const third = try gpa.alloc(u8, 70_000);
    defer gpa.free(third);
    try std.testing.expect(third.ptr != address);
}

test "blocks grow and shrink across every border with their bytes" {
    const sizes = [_]usize{
        10,                  block_bytes_min - 1, block_bytes_min,     block_bytes_min + 1,
        block_bytes_min * 2, block_bytes_max,     block_bytes_max + 1, block_bytes_max * 3,
        block_bytes_max,     block_bytes_min * 3, 100,
    };
    var memory = try gpa.alloc(u8, sizes[0]);
    defer gpa.free(memory);
    memory[0] = 7;
    memory[9] = 8;
    for (sizes[1..]) |size| {
        memory = try gpa.realloc(memory, size);
        try std.testing.expectEqual(size, memory.len);
        try std.testing.expectEqual(7, memory[0]);
        try std.testing.expectEqual(8, memory[9]);
        memory[size - 1] = 9;
    }
}

test "what is kept has a limit" {
    var blocks: [8][]u8 = undefined;
    for (&blocks) |*block| block.* = try gpa.alloc(u8, block_bytes_max);
    for (blocks) |block| gpa.free(block);
    try std.testing.expect(shelf.kept_bytes <= kept_bytes_max);
    try std.testing.expect(shelf.kept_bytes >= block_bytes_max);
}

test "many threads share the shelf" {
    const Worker = struct {
        fn run(seed: u64) void {
            var prng: std.Random.DefaultPrng = .init(seed);
            for (0..2000) |_| {
                const size = prng.random().intRangeAtMost(usize, 1, block_bytes_min * 4);
                const memory = gpa.alloc(u8, size) catch return;
                memory[0] = @truncate(seed);
                memory[size - 1] = @truncate(seed);
                std.debug.assert(memory[0] == @as(u8, @truncate(seed)));
                gpa.free(memory);
            }
        }
    };
    var threads: [4]std.Thread = undefined;
    for (&threads, 1..) |*thread, seed| thread.* = try .spawn(.{}, Worker.run, .{seed});
    for (threads) |thread| thread.join();
}
