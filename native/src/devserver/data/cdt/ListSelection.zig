//! Getting or removing some elements of a list.
//!
//! One request selects elements by index, rank or value, tells something about them, and may
//! remove them. The result is told of the list as it was. Ordered lists are searched by halves,
//! others from end to end, which shows in the order of some results.

const std = @import("std");
const Container = @import("Container.zig");
const order = @import("order.zig");
const result = @import("result.zig");
const selection = @import("selection.zig");

const Allocator = std.mem.Allocator;
const Error = result.Error;
const Order = std.math.Order;
const Range = selection.Range;
const Result = result.Result;
const Wanted = result.Wanted;

const ListSelection = @This();

arena: Allocator,
list: *const Container,
wanted: Wanted,
/// Remove what is selected.
removes: bool,

pub const Outcome = struct {
    result: Result,
    /// What is left of the list; null: all of it.
    rest: ?[]const []const u8 = null,
};

/// From here on, a value is unbounded when it is null.
pub const Interval = struct {
    start: []const u8,
    end: ?[]const u8,
};

fn total(self: *const ListSelection) u32 {
    return self.list.len();
}

pub fn byIndex(self: *const ListSelection, index: i64, count: u64) Error!Outcome {
    const range = if (self.wanted.is_multi)
        selection.several(index, count, self.total())
    else
        selection.single(index, count, self.total()) orelse return error.IndexOutOfBounds;
    return self.byRange(range);
}

fn byRange(self: *const ListSelection, range: Range) Error!Outcome {
    const wanted = self.wanted;
    if (!wanted.inverted) return self.take(range);
    if (!wanted.is_multi) return error.NotApplicable;
    if (wanted.isIndexRange() or wanted.isRankRange()) return error.NotApplicable;
    // All but a range at one end are a range again.
    var upright = self.*;
    upright.wanted.inverted = false;
    if (range.count == 0) return upright.take(.{ .start = 0, .count = self.total() });
    if (range.start == 0) {
        return upright.take(.{ .start = range.count, .count = self.total() - range.count });
    }
    if (range.end() >= self.total()) return upright.take(.{ .start = 0, .count = range.start });
    return upright.takeOutside(range);
}

fn take(self: *const ListSelection, range: Range) Error!Outcome {
    if (range.count == 0) return .{ .result = try self.notFound(range.start) };
    const items = self.list.items;
    return .{
        .result = try self.tellRange(range),
        .rest = if (self.removes)
            try std.mem.concat(
                self.arena,
                []const u8,
                &.{ items[0..range.start], items[range.end()..] },
            )
        else
            null,
    };
}

fn tellRange(self: *const ListSelection, range: Range) Error!Result {
    const wanted = self.wanted;
    switch (wanted.kind) {
        .none, .count, .exists, .index, .reverse_index, .index_range, .reverse_index_range => {
            return result.ranges(self.arena, wanted, range, self.total());
        },
        .rank, .reverse_rank => return self.tellRanks(range),
        .rank_range, .reverse_rank_range => {
            if (!self.list.isOrdered()) return error.NotApplicable;
            return result.ranges(self.arena, wanted, range, self.total());
        },
        .value => {
            const items = self.list.items[range.start..range.end()];
            if (!wanted.is_multi) return items[0];
            return try Container.write(
                &.{ .kind = .list, .flags = 0, .items = items },
                self.arena,
            );
        },
        .key, .key_value, .unordered_map, .ordered_map, _ => return error.NotApplicable,
    }
}

fn tellRanks(self: *const ListSelection, range: Range) Error!Result {
    if (self.list.isOrdered() or range.count == self.total()) {
        return result.positions(self.arena, self.wanted, range, self.total());
    }
    const reversed = self.wanted.isReversed();
    var ranks: result.Integers = .{ .arena = self.arena };
    try self.addRanks(&ranks, range, reversed);
    if (self.wanted.is_multi) return try ranks.write();
    return try result.integer(self.arena, ranks.numbers.items[0]);
}

fn addRanks(
    self: *const ListSelection,
    ranks: *result.Integers,
    range: Range,
    reversed: bool,
) error{OutOfMemory}!void {
    for (self.list.items[range.start..range.end()]) |item| {
        try ranks.addPosition(self.countLess(item), self.total(), reversed);
    }
}

/// Everything but a range with elements on both sides.
fn takeOutside(self: *const ListSelection, range: Range) Error!Outcome {
    const items = self.list.items;
    const inside = items[range.start..range.end()];
    const before: Range = .{ .start = 0, .count = range.start };
    const after: Range = .{ .start = range.end(), .count = self.total() - range.end() };
    const reversed = self.wanted.isReversed();
    var numbers: result.Integers = .{ .arena = self.arena };
    const told: Result = switch (self.wanted.kind) {
        .none => null,
        .count => try result.integer(self.arena, before.count + after.count),
        .exists => result.boolean(true),
        .index, .reverse_index => told: {
            try numbers.addOutside(range, self.total(), reversed);
            break :told try numbers.write();
        },
        .rank, .reverse_rank => told: {
            if (self.list.isOrdered()) {
                try numbers.addOutside(range, self.total(), reversed);
            } else {
                try self.addRanks(&numbers, before, reversed);
                try self.addRanks(&numbers, after, reversed);
            }
            break :told try numbers.write();
        },
        .value => try Container.write(&.{
            .kind = .list,
            .flags = 0,
            .items = try std.mem.concat(
                self.arena,
                []const u8,
                &.{ items[0..range.start], items[range.end()..] },
            ),
        }, self.arena),
        else => return error.NotApplicable,
    };
    return .{ .result = told, .rest = if (self.removes) inside else null };
}

fn notFound(self: *const ListSelection, index: i64) Error!Result {
    if (result.isOfMaps(self.wanted.kind)) return error.NotApplicable;
    return result.notFound(self.arena, self.wanted, index);
}

/// Elements less than a value: its rank in an unordered list.
fn countLess(self: *const ListSelection, value: []const u8) u32 {
    var count: u32 = 0;
    for (self.list.items) |item| {
        if (order.compare(item, value) == .lt) count += 1;
    }
    return count;
}

const Sought = struct {
    items: []const []const u8,
    value: []const u8,

    pub fn compare(sought: Sought, position: u32) Order {
        return order.compare(sought.items[position], sought.value);
    }
};

/// The first position of a value in an ordered list, or where it belongs.
pub fn lowerBound(items: []const []const u8, value: []const u8) u32 {
    return selection.lowerBound(@intCast(items.len), Sought{ .items = items, .value = value });
}

/// The position after the last of a value in an ordered list.
pub fn upperBound(items: []const []const u8, value: []const u8) u32 {
    return selection.upperBound(@intCast(items.len), Sought{ .items = items, .value = value });
}

/// Where the elements of a value are in an ordered list; all of them, or the first.
fn rangeOfValue(self: *const ListSelection, value: []const u8, all: bool) Range {
    const start = lowerBound(self.list.items, value);
    const end = upperBound(self.list.items, value);
    const count = end - start;
    return .{ .start = start, .count = if (all) count else @min(count, 1) };
}

/// Elements equal to a value: all, or the first when one result is wanted.
pub fn byValue(self: *const ListSelection, value: []const u8) Error!Outcome {
    if (self.wanted.inverted and !self.wanted.is_multi) return error.NotApplicable;
    if (self.list.isOrdered()) {
        const range = self.rangeOfValue(value, self.wanted.is_multi);
        if (range.count == 0 and !self.wanted.is_multi) {
            return .{ .result = try self.notFound(0) };
        }
        return self.byRange(range);
    }
    const marks = try self.arena.alloc(bool, self.list.items.len);
    var rank: u32 = 0;
    var found: u32 = 0;
    for (self.list.items, marks) |item, *mark| {
        const compared = order.compare(item, value);
        if (compared == .lt) rank += 1;
        mark.* = compared == .eq and (self.wanted.is_multi or found == 0);
        if (mark.*) found += 1;
    }
    return self.byMarks(marks, .{ .start = rank, .count = found });
}

/// Elements from a value up to another one, which is left out.
pub fn byInterval(self: *const ListSelection, interval: Interval) Error!Outcome {
    if (self.wanted.inverted and !self.wanted.is_multi) return error.NotApplicable;
    if (self.list.isOrdered()) return self.byRange(self.rangeOfInterval(interval));
    const marks = try self.arena.alloc(bool, self.list.items.len);
    var rank: u32 = 0;
    var found: u32 = 0;
    for (self.list.items, marks) |item, *mark| {
        const is_less = order.compare(item, interval.start) == .lt;
        if (is_less) rank += 1;
        mark.* = !is_less and isBefore(item, interval.end);
        if (mark.*) found += 1;
    }
    return self.byMarks(marks, .{ .start = rank, .count = found });
}

fn isBefore(item: []const u8, end: ?[]const u8) bool {
    return if (end) |value| order.compare(item, value) == .lt else true;
}

fn rangeOfInterval(self: *const ListSelection, interval: Interval) Range {
    const start = lowerBound(self.list.items, interval.start);
    const end_value = interval.end orelse {
        return .{ .start = start, .count = self.total() - start };
    };
    if (order.compare(interval.start, end_value) != .lt) return .{ .start = start, .count = 0 };
    const end = lowerBound(self.list.items, end_value);
    return .{ .start = start, .count = end - start };
}

/// Elements of an unordered list that were found by value; `ranks` are theirs.
fn byMarks(self: *const ListSelection, found: []bool, ranks: Range) Error!Outcome {
    const wanted = self.wanted;
    if (wanted.inverted) invert(found);
    const told: Result = switch (wanted.kind) {
        .none,
        .count,
        .exists,
        .rank,
        .reverse_rank,
        .rank_range,
        .reverse_rank_range,
        => try result.ranges(self.arena, wanted, ranks, self.total()),
        .index, .reverse_index => try self.tellIndexes(found),
        .value => try self.tellValues(found),
        else => return error.NotApplicable,
    };
    return .{ .result = told, .rest = try self.without(found) };
}

pub fn invert(marks: []bool) void {
    for (marks) |*mark| mark.* = !mark.*;
}

fn tellIndexes(self: *const ListSelection, marks: []const bool) Error!Result {
    var numbers: result.Integers = .{ .arena = self.arena };
    for (marks, 0..) |mark, position| {
        if (!mark) continue;
        try numbers.addPosition(@intCast(position), self.total(), self.wanted.isReversed());
    }
    if (self.wanted.is_multi) return try numbers.write();
    const found = numbers.numbers.items;
    return try result.integer(self.arena, if (found.len == 0) -1 else found[0]);
}

fn tellValues(self: *const ListSelection, marks: []const bool) Error!Result {
    const items = try self.marked(marks, true);
    if (self.wanted.is_multi) {
        return try Container.write(&.{ .kind = .list, .flags = 0, .items = items }, self.arena);
    }
    return if (items.len == 0) null else items[0];
}

fn marked(
    self: *const ListSelection,
    marks: []const bool,
    wanted: bool,
) error{OutOfMemory}![]const []const u8 {
    var items: std.ArrayList([]const u8) = .empty;
    for (self.list.items, marks) |item, mark| {
        if (mark == wanted) try items.append(self.arena, item);
    }
    return items.items;
}

/// What is left when marked elements are removed; null when nothing is.
fn without(
    self: *const ListSelection,
    marks: []const bool,
) error{OutOfMemory}!?[]const []const u8 {
    if (!self.removes) return null;
    if (std.mem.findScalar(bool, marks, true) == null) return null;
    return try self.marked(marks, false);
}

const ByPosition = struct {
    items: []const []const u8,

    pub fn compare(context: ByPosition, left: u32, right: u32) Order {
        return order.compare(context.items[left], context.items[right]);
    }
};

pub fn byRank(self: *const ListSelection, rank: i64, count: u64) Error!Outcome {
    const wanted = self.wanted;
    if (wanted.inverted and !wanted.is_multi) return error.NotApplicable;
    if (self.list.isOrdered()) return self.byIndex(rank, count);
    const range = if (wanted.is_multi)
        selection.several(rank, count, self.total())
    else
        selection.single(rank, count, self.total()) orelse return error.RankOutOfBounds;
    const told_count = if (wanted.inverted) self.total() - range.count else range.count;
    if (told_count == 0) return .{ .result = try self.notFound(range.start) };
    if (wanted.inverted and wanted.isRankRange()) return error.NotApplicable;
    const context: ByPosition = .{ .items = self.list.items };
    const ranked = try selection.byRank(self.arena, self.total(), range, context);
    const marks = try self.arena.alloc(bool, self.list.items.len);
    @memset(marks, wanted.inverted);
    for (ranked.positions) |position| marks[position] = !wanted.inverted;
    const told: Result = switch (wanted.kind) {
        .none,
        .count,
        .exists,
        .rank,
        .reverse_rank,
        .rank_range,
        .reverse_rank_range,
        => try result.ranges(self.arena, wanted, range, self.total()),
        .index, .reverse_index => try self.tellIndexes(marks),
        .value => if (wanted.inverted or !wanted.is_multi)
            try self.tellValues(marks)
        else
            try self.tellRanked(ranked.positions),
        else => return error.NotApplicable,
    };
    return .{ .result = told, .rest = try self.without(marks) };
}

/// Values in the order in which they were found.
fn tellRanked(self: *const ListSelection, positions: []const u32) Error!Result {
    const items = try self.arena.alloc([]const u8, positions.len);
    for (items, positions) |*item, position| item.* = self.list.items[position];
    return try Container.write(&.{ .kind = .list, .flags = 0, .items = items }, self.arena);
}

/// Elements from a rank that is relative to a value's.
pub fn byRelativeRank(
    self: *const ListSelection,
    value: []const u8,
    rank: i64,
    count: u64,
) Error!Outcome {
    const base = if (self.list.isOrdered())
        lowerBound(self.list.items, value)
    else
        self.countLess(value);
    const absolute_rank, const absolute_count = selection.relative(rank, count, base);
    return self.byRank(absolute_rank, absolute_count);
}

/// Elements equal to any of several values, which come as a list.
pub fn byValues(self: *const ListSelection, values: []const []const u8) Error!Outcome {
    const wanted = self.wanted;
    if (values.len == 0) {
        if (!wanted.inverted) return .{ .result = try self.notFound(0) };
        var upright = self.*;
        upright.wanted.inverted = false;
        return upright.take(.{ .start = 0, .count = self.total() });
    }
    if (self.list.isOrdered()) return self.byValuesOrdered(values);
    const found = try Items.find(self.arena, values, self.list.items, valueOfItem);
    if (wanted.inverted) invert(found.marks);
    const told: Result = switch (wanted.kind) {
        .none => null,
        .count => try result.integer(self.arena, countMarks(found.marks)),
        .exists => result.boolean(countMarks(found.marks) != 0),
        .index, .reverse_index => try self.tellIndexes(found.marks),
        .rank, .reverse_rank => try found.tellPositions(self.arena, wanted, self.total()),
        .value => try self.tellValues(found.marks),
        else => return error.NotApplicable,
    };
    return .{ .result = told, .rest = try self.without(found.marks) };
}

fn valueOfItem(item: []const u8) []const u8 {
    return item;
}

pub fn countMarks(marks: []const bool) u32 {
    var count: u32 = 0;
    for (marks) |mark| count += @intFromBool(mark);
    return count;
}

/// Results are told value by value, in the order in which the values were named, repeats too.
fn byValuesOrdered(self: *const ListSelection, values: []const []const u8) Error!Outcome {
    const wanted = self.wanted;
    const marks = try self.arena.alloc(bool, self.list.items.len);
    @memset(marks, false);
    var numbers: result.Integers = .{ .arena = self.arena };
    var items: std.ArrayList([]const u8) = .empty;
    for (values) |value| {
        const range = self.rangeOfValue(value, true);
        @memset(marks[range.start..range.end()], true);
        try numbers.addRange(range, self.total(), wanted.isReversed());
        try items.appendSlice(self.arena, self.list.items[range.start..range.end()]);
    }
    if (wanted.inverted) invert(marks);
    const told: Result = switch (wanted.kind) {
        .none => null,
        .count => try result.integer(self.arena, countMarks(marks)),
        .exists => result.boolean(countMarks(marks) != 0),
        .index, .reverse_index, .rank, .reverse_rank => if (wanted.inverted)
            try self.tellIndexes(marks)
        else
            try numbers.write(),
        .value => if (wanted.inverted)
            try self.tellValues(marks)
        else
            try Container.write(
                &.{ .kind = .list, .flags = 0, .items = items.items },
                self.arena,
            ),
        else => return error.NotApplicable,
    };
    return .{ .result = told, .rest = try self.without(marks) };
}

/// Several values that elements are looked up in.
pub const Items = struct {
    /// Elements of the container that are equal to one of the values.
    marks: []bool,
    /// Positions of the values, sorted by value.
    sorted: []u32,
    /// By position of the value: elements less than it, and equal to it. Of values that are
    /// named twice only the last one has equals.
    ranges: []Range,

    pub fn find(
        arena: Allocator,
        values: []const []const u8,
        elements: []const []const u8,
        comptime valueOf: fn ([]const u8) []const u8,
    ) error{OutOfMemory}!Items {
        const items: Items = .{
            .marks = try arena.alloc(bool, elements.len),
            .sorted = try sortedPositions(arena, values),
            .ranges = try arena.alloc(Range, values.len),
        };
        @memset(items.ranges, .{ .start = 0, .count = 0 });
        const context: ByValue = .{ .values = values, .sorted = items.sorted };
        for (elements, items.marks) |element, *mark| {
            const sought: ByValue = .{
                .values = context.values,
                .sorted = context.sorted,
                .sought = valueOf(element),
            };
            const end = selection.upperBound(@intCast(values.len), sought);
            mark.* = end > 0 and sought.compare(end - 1) == .eq;
            if (mark.*) items.ranges[items.sorted[end - 1]].count += 1;
            if (end < values.len) items.ranges[items.sorted[end]].start += 1;
        }
        var less: u32 = 0;
        for (items.sorted) |position| {
            less += items.ranges[position].start;
            items.ranges[position].start = less;
        }
        return items;
    }

    /// Value by value; inverted, what lies between them.
    pub fn tellPositions(
        items: *const Items,
        arena: Allocator,
        wanted: Wanted,
        elements: u32,
    ) Error!Result {
        const reversed = wanted.isReversed();
        var numbers: result.Integers = .{ .arena = arena };
        if (!wanted.inverted) {
            for (items.ranges) |range| {
                for (range.start..range.end()) |position| {
                    try numbers.addPosition(@intCast(position), elements, reversed);
                }
            }
            return try numbers.write();
        }
        var previous: u32 = 0;
        for (items.sorted) |position| {
            const range = items.ranges[position];
            if (range.count == 0) continue;
            const gap: Range = .{ .start = previous, .count = range.start - previous };
            try numbers.addRange(gap, elements, reversed);
            previous = range.end();
        }
        const last: Range = .{ .start = previous, .count = elements - previous };
        try numbers.addRange(last, elements, reversed);
        return try numbers.write();
    }
};

const ByValue = struct {
    values: []const []const u8,
    sorted: []const u32 = &.{},
    sought: []const u8 = "",

    pub fn compare(context: ByValue, index: u32) Order {
        return order.compare(context.values[context.sorted[index]], context.sought);
    }

    fn lessThan(context: ByValue, left: u32, right: u32) bool {
        return order.compare(context.values[left], context.values[right]) == .lt;
    }

    fn greaterThan(context: ByValue, left: u32, right: u32) bool {
        return order.compare(context.values[left], context.values[right]) == .gt;
    }
};

/// Equal values keep their order.
pub fn sortedPositions(
    arena: Allocator,
    values: []const []const u8,
) error{OutOfMemory}![]u32 {
    const positions = try allPositions(arena, values.len);
    std.mem.sort(u32, positions, ByValue{ .values = values }, ByValue.lessThan);
    return positions;
}

pub fn sorted(
    arena: Allocator,
    values: []const []const u8,
) error{OutOfMemory}![]const []const u8 {
    const positions = try sortedPositions(arena, values);
    const in_order = try arena.alloc([]const u8, values.len);
    for (in_order, positions) |*value, position| value.* = values[position];
    return in_order;
}

pub fn sortedDescending(
    arena: Allocator,
    values: []const []const u8,
) error{OutOfMemory}![]u32 {
    const positions = try allPositions(arena, values.len);
    std.mem.sort(u32, positions, ByValue{ .values = values }, ByValue.greaterThan);
    return positions;
}

pub fn allPositions(arena: Allocator, count: usize) error{OutOfMemory}![]u32 {
    const positions = try arena.alloc(u32, count);
    for (positions, 0..) |*position, index| position.* = @intCast(index);
    return positions;
}
