//! How many elements sketches have, alone and together, estimated as the server does.
//!
//! Counts follow Ertl's improved estimator ("New cardinality estimation algorithms for
//! HyperLogLog sketches", 2017); similarity follows Yu's and Weber's HyperMinHash (2017).

const std = @import("std");
const Sketch = @import("Sketch.zig");

const Allocator = std.mem.Allocator;

const Error = error{OutOfMemory};

/// The largest value of a register, and one more.
const value_max = 64;

/// Estimates that are no signed integer become this, as on the server's processor.
const count_max = 1 << 63;

extern "c" fn pow(base: f64, exponent: f64) f64;

/// How many elements were added.
pub fn count(sketch: *const Sketch) u64 {
    if (sketch.cache != 0) return sketch.cache;
    const register_count = sketch.shape.registerCount();
    var counts: [value_max + 1]u32 = @splat(0);
    for (0..register_count) |index| counts[@intCast(sketch.getValue(@intCast(index)))] += 1;
    const registers: f64 = @floatFromInt(register_count);
    var sum = registers * tau(@as(f64, @floatFromInt(counts[value_max])) / registers);
    var value: usize = value_max;
    while (value > 0) : (value -= 1) {
        sum = 0.5 * (sum + @as(f64, @floatFromInt(counts[value])));
    }
    sum += registers * sigma(@as(f64, @floatFromInt(counts[0])) / registers);
    return rounded(alpha(sketch.shape.index_bits) * registers * registers / sum);
}

fn rounded(estimate: f64) u64 {
    const whole = @round(estimate);
    return if (whole < count_max) @intFromFloat(whole) else count_max;
}

fn tau(start: f64) f64 {
    if (start == 0 or start == 1) return 0;
    var value = start;
    var factor: f64 = 1;
    var sum = 1 - value;
    while (true) {
        value = @sqrt(value);
        const before = sum;
        factor *= 0.5;
        sum -= (1 - value) * (1 - value) * factor;
        if (sum == before) return sum / 3;
    }
}

fn sigma(start: f64) f64 {
    if (start == 1) return std.math.inf(f64);
    var value = start;
    var factor: f64 = 1;
    var sum = value;
    while (true) {
        value *= value;
        const before = sum;
        sum += value * factor;
        factor += factor;
        if (sum == before) return sum;
    }
}

fn alpha(index_bits: u5) f64 {
    return switch (index_bits) {
        4 => 0.673,
        5 => 0.697,
        6 => 0.709,
        else => 0.7213 / (1.0 + 1.079 / @as(f64, @floatFromInt(@as(u32, 1) << index_bits))),
    };
}

/// What sketches can be merged into: the fewest index bits, and minhash bits if all have as many.
pub fn common(sketches: []const Sketch) Sketch.Shape {
    var shape = sketches[0].shape;
    for (sketches[1..]) |sketch| {
        shape.index_bits = @min(shape.index_bits, sketch.shape.index_bits);
        if (shape.minhash_bits != sketch.shape.minhash_bits) shape.minhash_bits = 0;
    }
    return shape;
}

pub fn merged(arena: Allocator, sketches: []const Sketch) Error!Sketch {
    var sum = try Sketch.empty(arena, common(sketches));
    for (sketches) |*sketch| sum.merge(sketch);
    return sum;
}

pub fn unionCount(arena: Allocator, sketches: []const Sketch) Error!u64 {
    return count(&try merged(arena, sketches));
}

/// How many elements are in all sketches: any number of them with equal minhash bits, otherwise
/// two or three.
pub fn intersectCount(arena: Allocator, sketches: []const Sketch) Error!u64 {
    if (common(sketches).minhash_bits == 0) return intersectCountByCounts(arena, sketches);
    const share = try similarityByMinhash(arena, sketches);
    if (std.math.isNan(share)) return 0;
    const total: f64 = @floatFromInt(try unionCount(arena, sketches));
    return rounded(total * share);
}

fn intersectCountByCounts(arena: Allocator, sketches: []const Sketch) Error!u64 {
    const total = try unionCount(arena, sketches);
    var sum: u64 = 0;
    for (sketches) |*sketch| sum +|= count(sketch);
    if (sketches.len == 2) return sum -| total;
    const pairs = try intersectCount(arena, sketches[0..2]) +%
        try intersectCount(arena, sketches[1..3]) +%
        try intersectCount(arena, &.{ sketches[0], sketches[2] });
    const estimate: i64 = @bitCast(total -% (sum -% pairs));
    return @intCast(@max(0, estimate));
}

/// The share of all elements that is in all sketches; not a number if there are none.
pub fn similarity(arena: Allocator, sketches: []const Sketch) Error!f64 {
    if (common(sketches).minhash_bits > 0) return similarityByMinhash(arena, sketches);
    const shared: f64 = @floatFromInt(try intersectCountByCounts(arena, sketches));
    const total: f64 = @floatFromInt(try unionCount(arena, sketches));
    // As the server's processor answers for nothing divided by nothing.
    if (shared == 0 and total == 0) return -std.math.nan(f64);
    return shared / total;
}

fn similarityByMinhash(arena: Allocator, sketches: []const Sketch) Error!f64 {
    var with_data: usize = 0;
    for (sketches) |*sketch| {
        if (sketch.hasData()) with_data += 1;
    }
    if (with_data == 0) return std.math.nan(f64);
    if (with_data < sketches.len) return 0;
    const all = try merged(arena, sketches);
    var shared = try Sketch.empty(arena, all.shape);
    shared.merge(&sketches[0]);
    for (sketches[1..]) |*sketch| shared.intersect(sketch);
    const by_chance = if (sketches.len == 2)
        collisions(all.shape, count(&sketches[0]), count(&sketches[1]))
    else
        0;
    const used: f64 = @floatFromInt(shared.usedCount());
    return @max(0, (used - by_chance) / @as(f64, @floatFromInt(all.usedCount())));
}

/// How many registers of two sketches are expected to be equal by chance.
fn collisions(shape: Sketch.Shape, first_count: u64, second_count: u64) f64 {
    const registers: f64 = @floatFromInt(shape.registerCount());
    const first: f64 = @floatFromInt(first_count);
    const second: f64 = @floatFromInt(second_count);
    var sum: f64 = 0;
    for (1..value_max + 1) |value| {
        const exponent: f64 = @floatFromInt(value);
        const low = (if (value == value_max) 0 else pow(2, -exponent)) / registers;
        const high = pow(2, 1 - exponent) / registers;
        const chance_first = pow(1 - low, first) - pow(1 - high, first);
        const chance_second = pow(1 - low, second) - pow(1 - high, second);
        sum += chance_first * chance_second;
    }
    return sum * registers / pow(2, @floatFromInt(shape.minhash_bits));
}

const testing = std.testing;

fn sketchOf(arena: Allocator, shape: Sketch.Shape, first: u32, last: u32) !Sketch {
    var sketch = try Sketch.empty(arena, shape);
    for (first..last) |number| _ = sketch.add(std.mem.asBytes(&@as(u32, @intCast(number))));
    return sketch;
}

test "estimates are near the truth" {
    var arena = std.heap.ArenaAllocator.init(testing.allocator);
    defer arena.deinit();
    for ([_]u6{ 0, 20 }) |minhash_bits| {
        const shape: Sketch.Shape = .{ .index_bits = 12, .minhash_bits = minhash_bits };
        const sketches = [_]Sketch{
            try sketchOf(arena.allocator(), shape, 0, 10_000),
            try sketchOf(arena.allocator(), shape, 5_000, 15_000),
        };
        const near = testing.expectApproxEqRel;
        const truths = [_]f64{ 10_000, 15_000, 5_000 };
        const estimates = [_]u64{
            count(&sketches[0]),
            try unionCount(arena.allocator(), &sketches),
            try intersectCount(arena.allocator(), &sketches),
        };
        for (truths, estimates) |truth, estimate| {
            try near(truth, @as(f64, @floatFromInt(estimate)), 0.1);
        }
        try near(1.0 / 3.0, try similarity(arena.allocator(), &sketches), 0.1);
    }
}

test "nothing has nothing in common with nothing" {
    var arena = std.heap.ArenaAllocator.init(testing.allocator);
    defer arena.deinit();
    for ([_]u6{ 0, 20 }) |minhash_bits| {
        const shape: Sketch.Shape = .{ .index_bits = 8, .minhash_bits = minhash_bits };
        const none = try Sketch.empty(arena.allocator(), shape);
        const one = try sketchOf(arena.allocator(), shape, 0, 1);
        try testing.expectEqual(0, count(&none));
        try testing.expectEqual(1, count(&one));
        try testing.expect(std.math.isNan(try similarity(arena.allocator(), &.{ none, none })));
        const some = try sketchOf(arena.allocator(), shape, 0, 100);
        try testing.expectEqual(0, try similarity(arena.allocator(), &.{ none, some }));
        try testing.expectEqual(0, try intersectCount(arena.allocator(), &.{ none, none }));
    }
}
