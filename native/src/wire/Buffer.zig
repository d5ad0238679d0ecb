//! The one output target of every encoder: bytes that grow up to a limit.
//!
//! A fixed buffer is memory of the caller and never grows. A growing one begins in memory of
//! the caller (usually a stack array that most requests fit into) and moves to the heap once,
//! by doubling, when that is full; `deinit` frees the heap part. The caller's memory is never
//! freed here. Offsets stay valid when the buffer moves, slices do not. What is written into one that
//! is for secrets is overwritten before its memory goes to somebody else, the caller's included.

const std = @import("std");
const assert = std.debug.assert;
const short = @import("short.zig");
const unfilled = @import("../unfilled.zig");

/// All the memory at hand; `bytes[0..end]` has been written.
bytes: []u8,
end: usize = 0,
/// Null: the buffer does not grow.
gpa: ?std.mem.Allocator = null,
size_max: usize,
on_heap: bool = false,
is_secret: bool = false,

const Buffer = @This();

pub const Error = error{
    /// The fixed memory is full, or the limit of a growing buffer is reached.
    NoSpaceLeft,
    OutOfMemory,
};

pub fn fixed(memory: []u8) Buffer {
    return .{ .bytes = memory, .size_max = memory.len };
}

/// Begins in `initial` (which may be empty) and grows on the heap up to `size_max` bytes.
pub fn growing(gpa: std.mem.Allocator, initial: []u8, size_max: usize) Buffer {
    return .{ .bytes = initial, .gpa = gpa, .size_max = size_max };
}

/// The same, for secrets.
pub fn secret(gpa: std.mem.Allocator, initial: []u8, size_max: usize) Buffer {
    return .{ .bytes = initial, .gpa = gpa, .size_max = size_max, .is_secret = true };
}

pub fn deinit(buffer: *Buffer) void {
    if (buffer.is_secret) std.crypto.secureZero(u8, buffer.bytes);
    if (buffer.on_heap) unfilled.free(buffer.gpa.?, buffer.bytes);
    buffer.* = undefined;
}

/// Forgets what was written and keeps the memory.
pub fn clear(buffer: *Buffer) void {
    buffer.end = 0;
}

/// Valid until the next write.
pub fn written(buffer: *const Buffer) []u8 {
    return buffer.bytes[0..buffer.end];
}

/// Makes sure that `count` more bytes fit.
pub inline fn ensure(buffer: *Buffer, count: usize) Error!void {
    assert(buffer.end <= buffer.bytes.len);
    if (buffer.bytes.len - buffer.end < count) try buffer.grow(count);
}

fn grow(buffer: *Buffer, count: usize) Error!void {
    @branchHint(.cold);
    const gpa = buffer.gpa orelse return error.NoSpaceLeft;
    const needed = std.math.add(usize, buffer.end, count) catch return error.NoSpaceLeft;
    if (needed > buffer.size_max) return error.NoSpaceLeft;
    const size = @min(@max(needed, buffer.bytes.len *| 2, 256), buffer.size_max);
    if (buffer.on_heap and !buffer.is_secret) {
        buffer.bytes = try unfilled.resize(gpa, buffer.bytes, buffer.end, size);
        return;
    }
    const memory = try unfilled.alloc(u8, gpa, size);
    @memcpy(memory[0..buffer.end], buffer.bytes[0..buffer.end]);
    if (buffer.is_secret) std.crypto.secureZero(u8, buffer.bytes);
    if (buffer.on_heap) unfilled.free(gpa, buffer.bytes);
    buffer.bytes = memory;
    buffer.on_heap = true;
}

/// The data must not lie in the buffer itself, which may move.
pub inline fn append(buffer: *Buffer, data: []const u8) Error!void {
    try buffer.ensure(data.len);
    buffer.appendAssumeCapacity(data);
}

pub inline fn byte(buffer: *Buffer, value: u8) Error!void {
    try buffer.ensure(1);
    buffer.byteAssumeCapacity(value);
}

/// Appends an integer, most significant byte first.
pub inline fn int(buffer: *Buffer, comptime T: type, value: T) Error!void {
    try buffer.ensure(@sizeOf(T));
    buffer.intAssumeCapacity(T, value);
}

/// A tag byte and the integer that follows it.
pub inline fn taggedInt(buffer: *Buffer, tag: u8, comptime T: type, value: T) Error!void {
    try buffer.ensure(1 + @sizeOf(T));
    const target = buffer.bytes[buffer.end..][0 .. 1 + @sizeOf(T)];
    target[0] = tag;
    std.mem.writeInt(T, target[1..][0..@sizeOf(T)], value, .big);
    buffer.end += 1 + @sizeOf(T);
}

/// The next three after a successful `ensure`.
pub inline fn appendAssumeCapacity(buffer: *Buffer, data: []const u8) void {
    const target = buffer.bytes[buffer.end..][0..data.len];
    short.copy(target, data);
    buffer.end += data.len;
}

pub inline fn byteAssumeCapacity(buffer: *Buffer, value: u8) void {
    buffer.bytes[buffer.end] = value;
    buffer.end += 1;
}

pub inline fn intAssumeCapacity(buffer: *Buffer, comptime T: type, value: T) void {
    std.mem.writeInt(T, buffer.bytes[buffer.end..][0..@sizeOf(T)], value, .big);
    buffer.end += @sizeOf(T);
}

/// Leaves room for `count` bytes to be patched later and returns their offset.
pub inline fn reserve(buffer: *Buffer, count: usize) Error!usize {
    try buffer.ensure(count);
    const offset = buffer.end;
    buffer.end += count;
    return offset;
}

/// Overwrites an integer at an offset that `reserve` returned.
pub inline fn patch(buffer: *Buffer, comptime T: type, offset: usize, value: T) void {
    assert(offset + @sizeOf(T) <= buffer.end);
    std.mem.writeInt(T, buffer.bytes[offset..][0..@sizeOf(T)], value, .big);
}

const testing = std.testing;

test "secrets are in no memory that a buffer has left" {
    var heap: [4096]u8 = @splat(0);
    var fixed_gpa: std.heap.FixedBufferAllocator = .init(&heap);
    var initial: [8]u8 = undefined;
    var buffer = Buffer.secret(fixed_gpa.allocator(), &initial, 2048);
    for (0..100) |_| try buffer.append("password");
    try testing.expectEqual(null, std.mem.find(u8, &initial, "pass"));
    // Once, where they are now.
    try testing.expectEqual(100, std.mem.count(u8, &heap, "password"));
    try testing.expectEqual(800, buffer.written().len);
    buffer.deinit();
    try testing.expectEqual(null, std.mem.find(u8, &heap, "pass"));
}

test "a fixed buffer refuses what does not fit and keeps what it has" {
    var memory: [4]u8 = undefined;
    var buffer = Buffer.fixed(&memory);
    try buffer.append("abc");
    try testing.expectError(error.NoSpaceLeft, buffer.append("de"));
    try buffer.byte('d');
    try testing.expectEqualStrings("abcd", buffer.written());
}

test "a growing buffer moves to the heap, keeps offsets, and stops at its limit" {
    var initial: [3]u8 = undefined;
    var buffer = Buffer.growing(testing.allocator, &initial, 600);
    defer buffer.deinit();
    const offset = try buffer.reserve(2);
    try buffer.append("0123456789");
    try testing.expect(buffer.on_heap);
    buffer.patch(u16, offset, 0x4142);
    try testing.expectEqualStrings("AB0123456789", buffer.written());
    const rest: [588]u8 = @splat('x');
    try buffer.append(&rest);
    try testing.expectError(error.NoSpaceLeft, buffer.byte('y'));
    try testing.expectEqual(@as(usize, 600), buffer.written().len);
}

test "a failed allocation leaves the buffer as it was" {
    var failing = testing.FailingAllocator.init(testing.allocator, .{ .fail_index = 0 });
    var initial: [2]u8 = undefined;
    var buffer = Buffer.growing(failing.allocator(), &initial, 100);
    defer buffer.deinit();
    try buffer.append("ab");
    try testing.expectError(error.OutOfMemory, buffer.append("c"));
    try testing.expectEqualStrings("ab", buffer.written());
}

test "copies of every short length are exact" {
    const source = "abcdefghijklmnopqrstuvwxyz";
    for (0..source.len) |len| {
        var memory: [32]u8 = @splat('.');
        var buffer = Buffer.fixed(&memory);
        try buffer.append(source[0..len]);
        try testing.expectEqualStrings(source[0..len], buffer.written());
        try testing.expectEqual('.', memory[len]);
    }
}
