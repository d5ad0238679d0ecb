//! Which elements an index, a rank or a range of them means.

const std = @import("std");

const Allocator = std.mem.Allocator;
const Order = std.math.Order;

/// Consecutive positions.
pub const Range = struct {
    start: u32,
    count: u32,

    pub fn end(range: Range) u32 {
        return range.start + range.count;
    }

    pub fn has(range: Range, position: usize) bool {
        return position >= range.start and position < range.end();
    }
};

/// Where `index` is among `total` elements, with up to `count` elements from there; negative
/// indexes count from the end. Null when it lies outside.
pub fn single(index: i64, count: u64, total: u32) ?Range {
    if (index >= total) return null;
    const position = if (index < 0) total + index else index;
    if (position < 0) return null;
    const start: u32 = @intCast(position);
    return .{ .start = start, .count = @intCast(@min(count, total - start)) };
}

/// The part of the range that lies inside, which may be none of it.
pub fn several(index: i64, count: u64, total: u32) Range {
    if (index >= total) return .{ .start = total, .count = 0 };
    if (single(index, count, total)) |range| return range;
    const before = @abs(total + index);
    return .{ .start = 0, .count = @intCast(@min(count -| before, total)) };
}

/// A range that is given relative to the place of a value.
pub fn relative(index: i64, count: u64, base: u32) struct { i64, u64 } {
    const absolute = index +% base;
    if (absolute >= 0) return .{ absolute, count };
    return .{ 0, count -| @abs(absolute) };
}

/// The first position whose element is not less than wanted; `context.compare(position)` is the
/// order of the element and what is wanted.
pub fn lowerBound(total: u32, context: anytype) u32 {
    var low: u32 = 0;
    var high = total;
    while (low < high) {
        const middle = low + (high - low) / 2;
        if (context.compare(middle) == .lt) low = middle + 1 else high = middle;
    }
    return low;
}

/// The first position whose element is greater than wanted.
pub fn upperBound(total: u32, context: anytype) u32 {
    var low: u32 = 0;
    var high = total;
    while (low < high) {
        const middle = low + (high - low) / 2;
        if (context.compare(middle) == .gt) high = middle else low = middle + 1;
    }
    return low;
}

/// The elements of some ranks.
pub const Ranked = struct {
    /// Their positions, from the lowest rank up or from the highest down.
    positions: []u32,
    descending: bool,
};

/// Finds the elements of the ranks in `range` with a heap, from the end of the order that is
/// nearer. Which of equal elements come first, and the direction of the result, follow from
/// how the server builds its heap; clients see both.
pub fn byRank(
    arena: Allocator,
    total: u32,
    range: Range,
    context: anytype,
) error{OutOfMemory}!Ranked {
    const after = total - range.end();
    const descending = range.start <= after;
    const discarded = if (descending) range.start else after;
    const nodes = try arena.alloc(u32, total);
    for (nodes, 0..) |*node, position| node.* = @intCast(position);
    var heap: Heap(@TypeOf(context)) = .{
        .nodes = nodes,
        .filled = total,
        .context = context,
        .first = if (descending) .lt else .gt,
    };
    heap.build();
    heap.moveToEnd(range.count + discarded);
    return .{ .positions = nodes[heap.filled..][0..range.count], .descending = descending };
}

fn Heap(comptime Context: type) type {
    return struct {
        nodes: []u32,
        filled: u32,
        context: Context,
        /// How the element at the top compares to the others.
        first: Order,

        const HeapOfContext = @This();

        fn build(heap: *HeapOfContext) void {
            var index = heap.filled / 2;
            while (index > 0) {
                index -= 1;
                heap.settle(index);
            }
        }

        /// Moves the top to the end of the nodes, `count` times.
        fn moveToEnd(heap: *HeapOfContext, count: u32) void {
            for (0..count) |_| {
                const top = heap.nodes[0];
                heap.filled -= 1;
                heap.nodes[0] = heap.nodes[heap.filled];
                heap.settle(0);
                heap.nodes[heap.filled] = top;
            }
        }

        fn settle(heap: *HeapOfContext, start: u32) void {
            var index = start;
            while (true) {
                var child = 2 * index + 1;
                if (child >= heap.filled) return;
                if (child + 1 < heap.filled) {
                    const order = heap.compare(child, child + 1);
                    if (order != heap.first and order != .eq) child += 1;
                }
                if (heap.compare(child, index) != heap.first) return;
                std.mem.swap(u32, &heap.nodes[index], &heap.nodes[child]);
                index = child;
            }
        }

        fn compare(heap: *const HeapOfContext, left: u32, right: u32) Order {
            return heap.context.compare(heap.nodes[left], heap.nodes[right]);
        }
    };
}

/// The position of the element of a rank, found by dividing the elements into lesser and greater
/// ones. Which of equal elements it is follows from how the server divides them.
pub fn quickSelect(
    arena: Allocator,
    total: u32,
    rank: u32,
    context: anytype,
) error{OutOfMemory}!u32 {
    const nodes = try arena.alloc(u32, total);
    for (nodes, 0..) |*node, position| node.* = @intCast(position);
    var first: u32 = 0;
    var last = total - 1;
    while (first < last) {
        const middle = first + (last - first) / 2;
        const pivot = nodes[middle];
        std.mem.swap(u32, &nodes[first], &nodes[middle]);
        const divide = partition(nodes, first, last, context);
        std.mem.swap(u32, &nodes[first], &nodes[divide]);
        if (divide == rank) return pivot;
        if (divide < rank) first = divide + 1 else last = divide -| 1;
    }
    return nodes[first];
}

/// Divides the nodes after the first by how they compare to it, and returns the last of the
/// lesser ones.
fn partition(nodes: []u32, first: u32, last: u32, context: anytype) u32 {
    const pivot = nodes[first];
    var low = first + 1;
    var high = last;
    while (true) {
        while (low < high and context.compare(nodes[low], pivot) == .lt) low += 1;
        while (low <= high and high != first and context.compare(pivot, nodes[high]) == .lt) {
            high -= 1;
        }
        if (low >= high) return high;
        std.mem.swap(u32, &nodes[low], &nodes[high]);
        low += 1;
        high -= 1;
    }
}

const testing = std.testing;

test "an index is found from both ends, or not at all" {
    try testing.expectEqual(Range{ .start = 2, .count = 1 }, single(2, 1, 3).?);
    try testing.expectEqual(Range{ .start = 0, .count = 3 }, single(-3, 9, 3).?);
    try testing.expectEqual(null, single(3, 1, 3));
    try testing.expectEqual(null, single(-4, 1, 3));
    try testing.expectEqual(null, single(std.math.minInt(i64), 1, 3));
}

test "a range is cut to what there is" {
    try testing.expectEqual(Range{ .start = 3, .count = 0 }, several(5, 2, 3));
    try testing.expectEqual(Range{ .start = 0, .count = 1 }, several(-5, 3, 3));
    try testing.expectEqual(Range{ .start = 0, .count = 0 }, several(-5, 2, 3));
    try testing.expectEqual(Range{ .start = 0, .count = 3 }, several(-5, 100, 3));
    try testing.expectEqual(Range{ .start = 1, .count = 2 }, several(-2, 100, 3));
}

test "a relative range may begin before the first element" {
    try testing.expectEqual(.{ 3, 2 }, relative(1, 2, 2));
    try testing.expectEqual(.{ 0, 1 }, relative(-3, 2, 2));
    try testing.expectEqual(.{ 0, 0 }, relative(-9, 2, 2));
}

const Numbers = struct {
    numbers: []const u8,

    pub fn compare(context: Numbers, left: u32, right: u32) Order {
        return std.math.order(context.numbers[left], context.numbers[right]);
    }
};

test "ranks are found from the nearer end, in its direction" {
    var arena = std.heap.ArenaAllocator.init(testing.allocator);
    defer arena.deinit();
    const numbers: Numbers = .{ .numbers = &.{ 50, 10, 40, 20, 30 } };
    const low = try byRank(arena.allocator(), 5, .{ .start = 0, .count = 2 }, numbers);
    try testing.expectEqualSlices(u32, &.{ 3, 1 }, low.positions);
    try testing.expect(low.descending);
    const high = try byRank(arena.allocator(), 5, .{ .start = 3, .count = 2 }, numbers);
    try testing.expectEqualSlices(u32, &.{ 2, 0 }, high.positions);
    try testing.expect(!high.descending);
}

test "every rank is found by dividing" {
    var arena = std.heap.ArenaAllocator.init(testing.allocator);
    defer arena.deinit();
    const numbers: Numbers = .{ .numbers = &.{ 50, 10, 40, 20, 30, 10 } };
    for ([_]u8{ 10, 10, 20, 30, 40, 50 }, 0..) |number, rank| {
        const position = try quickSelect(arena.allocator(), 6, @intCast(rank), numbers);
        try testing.expectEqual(number, numbers.numbers[position]);
    }
}
