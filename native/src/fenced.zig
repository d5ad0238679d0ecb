//! Memory with fences, for looking for faults in the core's use of its own: what the library's
//! allocator takes in a debug build where the variable `AEROSPIKE_PY_FENCE` is 1.
//!
//! Every allocation has pages of its own and ends where a page begins that nobody may touch. What
//! is given back may not be touched either, and its place is never given out again. So what writes
//! beyond an end, or uses what it has given back, ends the process where it does. Bytes between an
//! end and its fence, where the alignment leaves some, hold a pattern that is looked at when the
//! memory is given back.
//!
//! An allocation costs three system calls and two mappings, of which Linux allows a process some
//! 30 000 by default (`vm.max_map_count`); address space is not used again. Nothing is locked.

const std = @import("std");
const builtin = @import("builtin");
const assert = std.debug.assert;
const Alignment = std.mem.Alignment;
const Page = [*]align(std.heap.page_size_min) u8;

pub const is_available = builtin.mode == .debug and
    (builtin.os.tag == .linux or builtin.os.tag.isDarwin());

const slack_byte = 0xa5;
const Answer = enum(u8) { unknown, no, yes };
var wanted: std.atomic.Value(Answer) = .init(.unknown);

/// The same answer for all the life of the process: who takes memory here gives it back here.
pub inline fn isOn() bool {
    return is_available and askedFor();
}

fn askedFor() bool {
    const known = wanted.load(.monotonic);
    if (known != .unknown) return known == .yes;
    const value = std.c.getenv("AEROSPIKE_PY_FENCE") orelse "0";
    const answer: Answer = if (std.mem.eql(u8, std.mem.span(value), "1")) .yes else .no;
    return wanted.cmpxchgStrong(.unknown, answer, .monotonic, .monotonic) orelse answer == .yes;
}

pub fn alloc(len: usize, alignment: Alignment) ?[*]u8 {
    assert(len > 0);
    const page_bytes = std.heap.pageSize();
    if (alignment.toByteUnits() > page_bytes) return null; // Nothing here asks for it.
    const data_bytes = std.mem.alignForward(usize, len, page_bytes);
    const flags: std.posix.MAP = .{ .TYPE = .PRIVATE, .ANONYMOUS = true };
    const pages = std.posix.mmap(null, data_bytes + page_bytes, .{}, flags, -1, 0) catch
        return null;
    if (std.c.mprotect(pages.ptr, data_bytes, .{ .READ = true, .WRITE = true }) != 0) {
        std.posix.munmap(pages);
        return null;
    }
    const begin = alignment.backward(data_bytes - len);
    @memset(pages[begin + len .. data_bytes], slack_byte);
    return pages.ptr + begin;
}

pub fn free(memory: []u8) void {
    const data = pagesOf(memory);
    for (data[@intFromPtr(memory.ptr) - @intFromPtr(data.ptr) + memory.len ..]) |byte| {
        if (byte != slack_byte) @panic("something was written beyond the end of an allocation");
    }
    const flags: std.posix.MAP = .{ .TYPE = .PRIVATE, .ANONYMOUS = true, .FIXED = true };
    _ = std.posix.mmap(data.ptr, data.len, .{}, flags, -1, 0) catch
        @panic("no mapping could be had to fence what was given back");
}

fn pagesOf(memory: []u8) []align(std.heap.page_size_min) u8 {
    const page_bytes = std.heap.pageSize();
    const begin = std.mem.alignBackward(usize, @intFromPtr(memory.ptr), page_bytes);
    const end = std.mem.alignForward(usize, @intFromPtr(memory.ptr) + memory.len, page_bytes);
    return @as(Page, @ptrFromInt(begin))[0 .. end - begin];
}

test "an allocation ends at a page that is not there, and is not there once it was given back" {
    if (!is_available) return error.SkipZigTest;
    const page_bytes = std.heap.pageSize();
    const first = alloc(100, .of(u32)).?[0..100];
    @memset(first, 7);
    const end = @intFromPtr(first.ptr) + first.len;
    try std.testing.expect(std.mem.isAligned(end, page_bytes));
    try std.testing.expect(isThere(@intFromPtr(first.ptr)));
    try std.testing.expect(!isThere(end));
    free(first);
    try std.testing.expect(!isThere(@intFromPtr(first.ptr)));

    const second = alloc(page_bytes + 3, .of(u64)).?[0 .. page_bytes + 3];
    defer free(second);
    try std.testing.expect(second.ptr != first.ptr);
    try std.testing.expect(std.mem.isAligned(@intFromPtr(second.ptr), @alignOf(u64)));
    try std.testing.expectEqual(slack_byte, second.ptr[second.len]);
}

/// Asks the system, which fails where a program would die.
fn isThere(address: usize) bool {
    var ends: [2]c_int = undefined;
    assert(std.c.pipe(&ends) == 0);
    defer for (ends) |end| {
        _ = std.c.close(end);
    };
    return std.c.write(ends[1], @ptrFromInt(address), 1) == 1;
}
