//! A HyperLogLog, or with minhash bits a HyperMinHash, as it is stored: flags, the counts of index
//! and minhash bits, the count that was estimated last, and the registers.
//!
//! A register is as wide as six bits and the minhash bits, most significant first and without
//! gaps. It holds the largest value of the elements that are hashed to it.

const std = @import("std");
const murmur = @import("murmur.zig");

const Allocator = std.mem.Allocator;

const Sketch = @This();

shape: Shape,
/// The last estimate, zero when something was added since.
cache: u64 = 0,
registers: []u8,

const header_bytes = 11;
/// Of a register, without minhash bits.
const value_bits = 6;

pub const Shape = struct {
    index_bits: u5,
    minhash_bits: u6,

    pub const index_bits_min = 4;
    pub const index_bits_max = 16;
    pub const minhash_bits_min = 4;
    pub const minhash_bits_max = 51;
    const bits_max = 64;

    /// Of a stored sketch; null when the bytes are none.
    pub fn of(bytes: []const u8) ?Shape {
        if (bytes.len < header_bytes or bytes[0] != 0) return null;
        if (!isIndexBits(bytes[1]) or !isMinhashBits(bytes[2])) return null;
        const shape: Shape = .{
            .index_bits = @intCast(bytes[1]),
            .minhash_bits = @intCast(bytes[2]),
        };
        return if (bytes.len == header_bytes + shape.registerBytes()) shape else null;
    }

    pub fn isIndexBits(count: u64) bool {
        return count >= index_bits_min and count <= index_bits_max;
    }

    pub fn isMinhashBits(count: u64) bool {
        return count == 0 or (count >= minhash_bits_min and count <= minhash_bits_max);
    }

    /// Whether a bin may have this shape, others are found only in operands.
    pub fn isStored(shape: Shape) bool {
        return @as(u32, shape.index_bits) + shape.minhash_bits <= bits_max;
    }

    pub fn registerCount(shape: Shape) u32 {
        return @as(u32, 1) << shape.index_bits;
    }

    fn registerBits(shape: Shape) u32 {
        return @as(u32, value_bits) + shape.minhash_bits;
    }

    fn registerBytes(shape: Shape) usize {
        return (shape.registerBits() * shape.registerCount() + 7) / 8;
    }
};

pub fn empty(arena: Allocator, shape: Shape) error{OutOfMemory}!Sketch {
    const registers = try arena.alloc(u8, shape.registerBytes());
    @memset(registers, 0);
    return .{ .shape = shape, .registers = registers };
}

/// A copy of a stored sketch, null when the bytes are none.
pub fn parse(arena: Allocator, bytes: []const u8) error{OutOfMemory}!?Sketch {
    const shape = Shape.of(bytes) orelse return null;
    return .{
        .shape = shape,
        .cache = std.mem.readInt(u64, bytes[3..header_bytes], .little),
        .registers = try arena.dupe(u8, bytes[header_bytes..]),
    };
}

pub fn write(sketch: *const Sketch, arena: Allocator) error{OutOfMemory}![]const u8 {
    const bytes = try arena.alloc(u8, header_bytes + sketch.registers.len);
    bytes[0] = 0;
    bytes[1] = sketch.shape.index_bits;
    bytes[2] = sketch.shape.minhash_bits;
    std.mem.writeInt(u64, bytes[3..header_bytes], sketch.cache, .little);
    @memcpy(bytes[header_bytes..], sketch.registers);
    return bytes;
}

const Place = struct { bytes: *[8]u8, shift: u6, mask: u64 };

/// The eight bytes that a register is in.
fn place(sketch: *const Sketch, index: u32) Place {
    const bits = sketch.shape.registerBits();
    const offset = bits * index;
    const start = @min(offset / 8, sketch.registers.len - 8);
    return .{
        .bytes = sketch.registers[start..][0..8],
        .shift = @intCast(64 - (offset - start * 8 + bits)),
        .mask = (@as(u64, 1) << @intCast(bits)) - 1,
    };
}

pub fn get(sketch: *const Sketch, index: u32) u64 {
    const at = sketch.place(index);
    return std.mem.readInt(u64, at.bytes, .big) >> at.shift & at.mask;
}

/// Without minhash bits.
pub fn getValue(sketch: *const Sketch, index: u32) u64 {
    return sketch.get(index) >> sketch.shape.minhash_bits;
}

pub fn set(sketch: *Sketch, index: u32, register: u64) void {
    const at = sketch.place(index);
    const others = std.mem.readInt(u64, at.bytes, .big) & ~(at.mask << at.shift);
    std.mem.writeInt(u64, at.bytes, others | (register & at.mask) << at.shift, .big);
}

const Hashed = struct { index: u32, register: u64 };

fn hashed(sketch: *const Sketch, element: []const u8) Hashed {
    const first, const second = murmur.hash(element);
    const shape = sketch.shape;
    const mask = (@as(u64, 1) << shape.minhash_bits) - 1;
    const value = @as(u64, @ctz(second)) + 1;
    return .{
        .index = @intCast(first & (shape.registerCount() - 1)),
        .register = value << shape.minhash_bits | (first >> shape.index_bits & mask),
    };
}

/// Whether the element changed anything.
pub fn add(sketch: *Sketch, element: []const u8) bool {
    const into = sketch.hashed(element);
    if (sketch.get(into.index) >= into.register) return false;
    sketch.set(into.index, into.register);
    sketch.cache = 0;
    return true;
}

pub fn mayContain(sketch: *const Sketch, element: []const u8) bool {
    const into = sketch.hashed(element);
    return into.register <= sketch.get(into.index);
}

/// Adds what another one has, which has as many index bits or more.
pub fn merge(sketch: *Sketch, other: *const Sketch) void {
    const mask = sketch.shape.registerCount() - 1;
    for (0..other.shape.registerCount()) |each| {
        const index: u32 = @intCast(each);
        const has_minhash = sketch.shape.minhash_bits > 0;
        const register = if (has_minhash) other.get(index) else other.getValue(index);
        if (sketch.get(index & mask) < register) sketch.set(index & mask, register);
    }
}

/// Empties the registers that another one has different ones for.
pub fn intersect(sketch: *Sketch, other: *const Sketch) void {
    const mask = sketch.shape.registerCount() - 1;
    for (0..other.shape.registerCount()) |each| {
        const index: u32 = @intCast(each);
        if (sketch.get(index & mask) != other.get(index)) sketch.set(index & mask, 0);
    }
}

/// How many registers have anything.
pub fn usedCount(sketch: *const Sketch) u32 {
    var used: u32 = 0;
    for (0..sketch.shape.registerCount()) |index| {
        if (sketch.get(@intCast(index)) != 0) used += 1;
    }
    return used;
}

/// Whether one of the first registers has anything: the server looks at as many bytes as there
/// are registers.
pub fn hasData(sketch: *const Sketch) bool {
    const looked_at = sketch.registers[0..@min(
        sketch.registers.len,
        sketch.shape.registerCount() / 8 * 8,
    )];
    return !std.mem.allEqual(u8, looked_at, 0);
}

const testing = std.testing;

test "registers of all widths and places are kept apart" {
    var arena = std.heap.ArenaAllocator.init(testing.allocator);
    defer arena.deinit();
    for ([_]u6{ 0, 4, 13, 51 }) |minhash_bits| {
        const shape: Shape = .{ .index_bits = 5, .minhash_bits = minhash_bits };
        var sketch = try Sketch.empty(arena.allocator(), shape);
        for (0..shape.registerCount()) |index| {
            const value: u64 = @intCast(index * 2 + 1);
            sketch.set(@intCast(index), value << minhash_bits);
        }
        for (0..shape.registerCount()) |index| {
            try testing.expectEqual((index * 2 + 1) & 0x3f, sketch.getValue(@intCast(index)));
        }
        sketch.set(7, 0);
        try testing.expectEqual(0, sketch.get(7));
        try testing.expectEqual(13, sketch.getValue(6));
        try testing.expectEqual(17, sketch.getValue(8));
    }
}

test "a sketch is stored and read again" {
    var arena = std.heap.ArenaAllocator.init(testing.allocator);
    defer arena.deinit();
    const shape: Shape = .{ .index_bits = 4, .minhash_bits = 4 };
    var sketch = try Sketch.empty(arena.allocator(), shape);
    try testing.expect(sketch.add("\xa2\x03a"));
    try testing.expect(!sketch.add("\xa2\x03a"));
    try testing.expect(sketch.mayContain("\xa2\x03a"));
    sketch.cache = 1;
    const bytes = try sketch.write(arena.allocator());
    try testing.expectEqual(11 + 20, bytes.len);
    const again = (try Sketch.parse(arena.allocator(), bytes)).?;
    try testing.expectEqual(1, again.cache);
    try testing.expectEqualSlices(u8, sketch.registers, again.registers);
}

test "what is no sketch" {
    var bytes: [32]u8 = @splat(0);
    bytes[1] = 4;
    try testing.expect(Shape.of(bytes[0..23]) != null);
    try testing.expectEqual(null, Shape.of(bytes[0..22]));
    try testing.expectEqual(null, Shape.of(bytes[0..24]));
    try testing.expectEqual(null, Shape.of(""));
    for ([_]struct { usize, u8 }{ .{ 0, 1 }, .{ 1, 3 }, .{ 1, 17 }, .{ 2, 3 } }) |change| {
        const index, const byte = change;
        var changed = bytes;
        changed[index] = byte;
        try testing.expectEqual(null, Shape.of(changed[0..23]));
    }
}
