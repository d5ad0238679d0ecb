//! Getting or removing some elements of a map.
//!
//! As for lists, with keys besides: one request selects elements by key, index, rank or value,
//! tells something about them, and may remove them. Every map is sorted by key; whether it
//! promises to be shows in few results, which follow the server's two ways of looking things up.

const std = @import("std");
const Container = @import("Container.zig");
const ListSelection = @import("ListSelection.zig");
const order = @import("order.zig");
const result = @import("result.zig");
const selection = @import("selection.zig");

const Allocator = std.mem.Allocator;
const Error = result.Error;
const Interval = ListSelection.Interval;
const Items = ListSelection.Items;
const Order = std.math.Order;
const Outcome = ListSelection.Outcome;
const Range = selection.Range;
const Result = result.Result;
const Wanted = result.Wanted;
const keyOf = Container.keyOf;
const valueOf = Container.valueOf;

const MapSelection = @This();

arena: Allocator,
map: *const Container,
wanted: Wanted,
/// Remove what is selected.
removes: bool,

fn total(self: *const MapSelection) u32 {
    return self.map.len();
}

fn isOrdered(self: *const MapSelection) bool {
    return self.map.flags != 0;
}

// Selecting.

pub fn byIndex(self: *const MapSelection, index: i64, count: u64) Error!Outcome {
    const range = self.rangeOf(index, count) orelse return error.IndexOutOfBounds;
    if (self.wanted.isRankRange()) return error.NotApplicable;
    return self.byRange(range);
}

fn rangeOf(self: *const MapSelection, index: i64, count: u64) ?Range {
    if (self.wanted.is_multi) return selection.several(index, count, self.total());
    return selection.single(index, count, self.total());
}

/// A selection that is not inverted, where everything but a range is a range again; null where
/// elements are left on both sides.
fn upright(self: *const MapSelection, range: Range) Error!?struct { MapSelection, Range } {
    if (!self.wanted.inverted) return .{ self.*, range };
    if (!self.wanted.is_multi) return error.NotApplicable;
    var copy = self.*;
    copy.wanted.inverted = false;
    if (range.count == 0) return .{ copy, .{ .start = 0, .count = self.total() } };
    if (range.start == 0) {
        return .{ copy, .{ .start = range.count, .count = self.total() - range.count } };
    }
    if (range.end() >= self.total()) return .{ copy, .{ .start = 0, .count = range.start } };
    return null;
}

/// Elements by index, which is their position.
fn byRange(self: *const MapSelection, range_sent: Range) Error!Outcome {
    const simple = try self.upright(range_sent);
    const selector, const range = simple orelse .{ self.*, range_sent };
    if (range.count == 0) return .{ .result = try selector.keyNotFound(range.start) };
    if (range.count == selector.total()) return selector.takeAll();
    const wanted = selector.wanted;
    const marks = try selector.marksOf(range);
    if (wanted.inverted) ListSelection.invert(marks);
    const told: Result = if (wanted.isElements() or wanted.isRank())
        try selector.tellMarked(marks)
    else if (wanted.kind == .exists)
        // Unordered maps deny that there is anything outside of a range.
        result.boolean(!wanted.inverted or selector.isOrdered())
    else
        try result.ranges(selector.arena, wanted, range, selector.total());
    return .{ .result = told, .rest = try selector.without(marks) };
}

fn marksOf(self: *const MapSelection, range: Range) error{OutOfMemory}![]bool {
    const marks = try self.arena.alloc(bool, self.total());
    for (marks, 0..) |*mark, position| mark.* = range.has(position);
    return marks;
}

fn takeAll(self: *const MapSelection) Error!Outcome {
    const range: Range = .{ .start = 0, .count = self.total() };
    const told: Result = switch (self.wanted.kind) {
        .index_range, .reverse_index_range, .rank_range, .reverse_rank_range => {
            return .{
                .result = try result.pair(self.arena, 0, range.count),
                .rest = if (self.removes) &.{} else null,
            };
        },
        .key, .value, .key_value, .unordered_map, .ordered_map => {
            const marks = try self.marksOf(range);
            return .{
                .result = try self.tellMarked(marks),
                .rest = if (self.removes) &.{} else null,
            };
        },
        .exists => result.boolean(range.count != 0),
        else => try result.positions(self.arena, self.wanted, range, range.count),
    };
    return .{ .result = told, .rest = if (self.removes) &.{} else null };
}

/// The element with a key.
pub fn byKey(self: *const MapSelection, key: []const u8) Error!Outcome {
    const wanted = self.wanted;
    if (wanted.isRankRange()) return error.NotApplicable;
    if (!self.isOrdered() and wanted.inverted and !wanted.is_multi) return error.NotApplicable;
    const range = self.rangeOfKey(key);
    if (range.count == 0) return .{ .result = try self.keyNotFound(-1) };
    return self.byRange(range);
}

/// Where a key is, or belongs.
fn rangeOfKey(self: *const MapSelection, key: []const u8) Range {
    const start = lowerBound(self.map.items, key);
    const found = start < self.total() and order.compare(self.map.items[start], key) == .eq;
    return .{ .start = start, .count = @intFromBool(found) };
}

/// The first position whose key is not less. Elements begin with their keys.
pub fn lowerBound(items: []const []const u8, key: []const u8) u32 {
    return ListSelection.lowerBound(items, key);
}

/// Elements from a key up to another one, which is left out.
pub fn byKeyInterval(self: *const MapSelection, interval: Interval) Error!Outcome {
    const wanted = self.wanted;
    if (wanted.isRankRange()) return error.NotApplicable;
    const start = lowerBound(self.map.items, interval.start);
    const end = if (interval.end) |key| lowerBound(self.map.items, key) else self.total();
    const range: Range = .{ .start = start, .count = end -| start };
    if (self.isOrdered()) return self.byRange(range);
    const marks = try self.marksOf(range);
    if (wanted.inverted) ListSelection.invert(marks);
    const told = if (wanted.isElements() or wanted.isRank())
        try self.tellMarked(marks)
    else
        try result.ranges(self.arena, wanted, range, self.total());
    return .{ .result = told, .rest = try self.without(marks) };
}

/// Elements from an index that is relative to a key's.
pub fn byRelativeIndex(
    self: *const MapSelection,
    key: []const u8,
    index: i64,
    count: u64,
) Error!Outcome {
    const base = lowerBound(self.map.items, key);
    const absolute_index, const absolute_count = selection.relative(index, count, base);
    return self.byIndex(absolute_index, absolute_count);
}

/// Elements equal to a value: all, or the first when one result is wanted.
pub fn byValue(self: *const MapSelection, value: []const u8) Error!Outcome {
    try self.checkValues();
    const marks = try self.arena.alloc(bool, self.total());
    var found: u32 = 0;
    for (self.map.items, marks) |item, *mark| {
        mark.* = (self.wanted.is_multi or found == 0) and
            order.compare(valueOf(item), value) == .eq;
        if (mark.*) found += 1;
    }
    return self.byValueMarks(marks, .{ .start = self.countLess(value), .count = found });
}

/// Elements from a value up to another one, which is left out.
pub fn byInterval(self: *const MapSelection, interval: Interval) Error!Outcome {
    try self.checkValues();
    const marks = try self.arena.alloc(bool, self.total());
    for (self.map.items, marks) |item, *mark| {
        const value = valueOf(item);
        mark.* = order.compare(value, interval.start) != .lt and
            (if (interval.end) |end| order.compare(value, end) == .lt else true);
    }
    const start = self.countLess(interval.start);
    return self.byValueMarks(
        marks,
        .{ .start = start, .count = ListSelection.countMarks(marks) },
    );
}

fn checkValues(self: *const MapSelection) Error!void {
    if (self.wanted.isIndexRange()) return error.NotApplicable;
    if (self.wanted.inverted and !self.wanted.is_multi) return error.NotApplicable;
}

/// Elements whose value is less: the rank of a value.
fn countLess(self: *const MapSelection, value: []const u8) u32 {
    var count: u32 = 0;
    for (self.map.items) |item| {
        if (order.compare(valueOf(item), value) == .lt) count += 1;
    }
    return count;
}

fn countEqual(self: *const MapSelection, value: []const u8) u32 {
    var count: u32 = 0;
    for (self.map.items) |item| {
        if (order.compare(valueOf(item), value) == .eq) count += 1;
    }
    return count;
}

fn byValueMarks(self: *const MapSelection, marks: []bool, ranks: Range) Error!Outcome {
    const wanted = self.wanted;
    if (self.total() == 0) return .{ .result = try self.valueNotFound(-1) };
    if (ranks.count == 0) {
        if (wanted.inverted) {
            var copy = self.*;
            copy.wanted.inverted = false;
            return copy.takeAll();
        }
        const start = if (wanted.isRank() or wanted.isRankRange()) ranks.start else 0;
        return .{ .result = try self.valueNotFound(start) };
    }
    if (wanted.inverted) ListSelection.invert(marks);
    const told = if (wanted.isElements() or wanted.isIndex())
        try self.tellMarked(marks)
    else
        try result.ranges(self.arena, wanted, ranks, self.total());
    return .{ .result = told, .rest = try self.without(marks) };
}

const ByValue = struct {
    items: []const []const u8,

    /// Elements of equal value are ordered by key.
    pub fn compare(context: ByValue, left: u32, right: u32) Order {
        const compared = order.compare(
            valueOf(context.items[left]),
            valueOf(context.items[right]),
        );
        return if (compared == .eq) std.math.order(left, right) else compared;
    }

    fn lessThan(context: ByValue, left: u32, right: u32) bool {
        return context.compare(left, right) == .lt;
    }
};

/// Positions of all elements, lowest value first.
pub fn rankedPositions(
    arena: Allocator,
    items: []const []const u8,
) error{OutOfMemory}![]const u32 {
    const positions = try ListSelection.allPositions(arena, items.len);
    std.mem.sort(u32, positions, ByValue{ .items = items }, ByValue.lessThan);
    return positions;
}

pub fn byRank(self: *const MapSelection, rank: i64, count: u64) Error!Outcome {
    const range_sent = self.rangeOf(rank, count) orelse return error.RankOutOfBounds;
    if (self.wanted.isIndexRange()) return error.NotApplicable;
    const simple = try self.upright(range_sent);
    const selector, const range = simple orelse .{ self.*, range_sent };
    if (range.count == 0) return .{ .result = try selector.valueNotFound(range.start) };
    const wanted = selector.wanted;
    const ranked = try rankedPositions(selector.arena, selector.map.items);
    const marks = try selector.arena.alloc(bool, selector.total());
    @memset(marks, wanted.inverted);
    const found = ranked[range.start..range.end()];
    for (found) |position| marks[position] = !wanted.inverted;
    const told: Result = switch (wanted.kind) {
        .none, .count, .exists, .rank, .reverse_rank, .rank_range, .reverse_rank_range => told: {
            break :told try result.ranges(selector.arena, wanted, range, selector.total());
        },
        .index, .reverse_index => if (wanted.inverted)
            try selector.tellMarked(marks)
        else
            try selector.tellIndexes(found),
        .key, .value, .key_value, .unordered_map, .ordered_map => told: {
            if (wanted.inverted or wanted.kind == .ordered_map) {
                break :told try selector.tellMarked(marks);
            }
            break :told try selector.tellElements(found);
        },
        else => return error.NotApplicable,
    };
    return .{ .result = told, .rest = try selector.without(marks) };
}

/// Elements from a rank that is relative to a value's.
pub fn byRelativeRank(
    self: *const MapSelection,
    value: []const u8,
    rank: i64,
    count: u64,
) Error!Outcome {
    const base = self.countLess(value);
    const absolute_rank, const absolute_count = selection.relative(rank, count, base);
    return self.byRank(absolute_rank, absolute_count);
}

/// Elements with any of several keys, which come as a list.
pub fn byKeys(self: *const MapSelection, keys: []const []const u8) Error!Outcome {
    const wanted = self.wanted;
    if (keys.len == 0) {
        if (wanted.isRank() or wanted.isIndexRange() or wanted.isRankRange()) {
            return error.NotApplicable;
        }
        return self.byNothing();
    }
    if (self.isOrdered()) return self.byKeysOrdered(keys);
    const found = try Items.find(self.arena, keys, self.map.items, keyOf);
    if (wanted.inverted) ListSelection.invert(found.marks);
    const told: Result = switch (wanted.kind) {
        .index, .reverse_index => try found.tellPositions(self.arena, wanted, self.total()),
        .none, .count, .exists => try self.tellCount(found.marks),
        .key, .value, .key_value, .unordered_map, .ordered_map => {
            return self.marked(found.marks);
        },
        else => return error.NotApplicable,
    };
    return .{ .result = told, .rest = try self.without(found.marks) };
}

/// Indexes are told key by key, in the order in which the keys were named, repeats too.
fn byKeysOrdered(self: *const MapSelection, keys: []const []const u8) Error!Outcome {
    const wanted = self.wanted;
    const marks = try self.arena.alloc(bool, self.total());
    @memset(marks, false);
    var numbers: result.Integers = .{ .arena = self.arena };
    for (keys) |key| {
        // A key with a wildcard may stand for several.
        const start = lowerBound(self.map.items, key);
        const end = ListSelection.upperBound(self.map.items, key);
        const range: Range = .{ .start = start, .count = end - start };
        @memset(marks[range.start..range.end()], true);
        try numbers.addRange(range, self.total(), wanted.isReversed());
    }
    if (wanted.inverted) ListSelection.invert(marks);
    const told: Result = switch (wanted.kind) {
        .none, .count, .exists => try self.tellCount(marks),
        .index, .reverse_index => if (wanted.inverted)
            try self.tellMarked(marks)
        else
            try numbers.write(),
        .key, .value, .key_value, .unordered_map, .ordered_map => try self.tellMarked(marks),
        else => return error.NotApplicable,
    };
    return .{ .result = told, .rest = try self.without(marks) };
}

/// Elements equal to any of several values, which come as a list.
pub fn byValues(self: *const MapSelection, values: []const []const u8) Error!Outcome {
    const wanted = self.wanted;
    if (values.len == 0) {
        if (wanted.isIndexRange() or wanted.isRankRange()) return error.NotApplicable;
        return self.byNothing();
    }
    const found = try Items.find(self.arena, values, self.map.items, valueOf);
    if (wanted.inverted) ListSelection.invert(found.marks);
    if (self.total() <= 1 and !wanted.inverted and (wanted.isIndex() or wanted.isRank())) {
        // Values that are named twice are told twice of the smallest maps.
        var numbers: result.Integers = .{ .arena = self.arena };
        for (values) |value| {
            if (self.countEqual(value) > 0) try numbers.add(0);
        }
        return .{ .result = try numbers.write(), .rest = try self.without(found.marks) };
    }
    const told: Result = switch (wanted.kind) {
        .none, .count, .exists => try self.tellCount(found.marks),
        .rank, .reverse_rank => try found.tellPositions(self.arena, wanted, self.total()),
        .index, .reverse_index => if (ListSelection.countMarks(found.marks) == 0)
            try result.notFound(self.arena, wanted, -1)
        else
            try self.tellMarked(found.marks),
        .key, .value, .key_value, .unordered_map, .ordered_map => {
            return self.marked(found.marks);
        },
        else => return error.NotApplicable,
    };
    return .{ .result = told, .rest = try self.without(found.marks) };
}

fn byNothing(self: *const MapSelection) Error!Outcome {
    if (self.wanted.inverted) {
        var copy = self.*;
        copy.wanted.inverted = false;
        return copy.takeAll();
    }
    // Kinds that there are not are passed over here.
    const told = result.notFound(self.arena, self.wanted, 0) catch |err| switch (err) {
        error.NotApplicable => null,
        else => |other| return other,
    };
    return .{ .result = told };
}

fn marked(self: *const MapSelection, marks: []const bool) Error!Outcome {
    return .{ .result = try self.tellMarked(marks), .rest = try self.without(marks) };
}

// Telling.

fn keyNotFound(self: *const MapSelection, index: i64) Error!Result {
    if (self.wanted.isRankRange()) return error.NotApplicable;
    return result.notFound(self.arena, self.wanted, index);
}

fn valueNotFound(self: *const MapSelection, rank: i64) Error!Result {
    if (self.wanted.isIndexRange()) return error.NotApplicable;
    return result.notFound(self.arena, self.wanted, rank);
}

fn tellCount(self: *const MapSelection, marks: []const bool) Error!Result {
    const count = ListSelection.countMarks(marks);
    return switch (self.wanted.kind) {
        .count => try result.integer(self.arena, count),
        .exists => result.boolean(count != 0),
        else => null,
    };
}

/// Something about each marked element, in the order of keys.
fn tellMarked(self: *const MapSelection, marks: []const bool) Error!Result {
    var positions: std.ArrayList(u32) = .empty;
    for (marks, 0..) |mark, position| {
        if (mark) try positions.append(self.arena, @intCast(position));
    }
    if (self.wanted.isElements()) return self.tellElements(positions.items);
    if (self.wanted.isIndex()) return self.tellIndexes(positions.items);
    std.debug.assert(self.wanted.isRank());
    const ranks = try self.arena.alloc(u32, self.total());
    const ranked = try rankedPositions(self.arena, self.map.items);
    for (ranked, 0..) |position, rank| ranks[position] = @intCast(rank);
    for (positions.items) |*position| position.* = ranks[position.*];
    return self.tellIndexes(positions.items);
}

fn tellIndexes(self: *const MapSelection, positions: []const u32) Error!Result {
    var numbers: result.Integers = .{ .arena = self.arena };
    for (positions) |position| {
        try numbers.addPosition(position, self.total(), self.wanted.isReversed());
    }
    if (self.wanted.is_multi) return try numbers.write();
    return try result.integer(self.arena, numbers.numbers.items[0]);
}

fn tellElements(self: *const MapSelection, positions: []const u32) Error!Result {
    const wanted = self.wanted;
    const items = try self.arena.alloc([]const u8, positions.len);
    for (items, positions) |*item, position| {
        const pair = self.map.items[position];
        item.* = switch (wanted.kind) {
            .key => keyOf(pair),
            .value => valueOf(pair),
            else => pair,
        };
    }
    if (!wanted.isMap() and !wanted.is_multi) return if (items.len == 0) null else items[0];
    const container: Container = .{
        .kind = if (wanted.isMap()) .map else .list,
        .flags = wanted.mapFlags(),
        .items = items,
    };
    return try container.write(self.arena);
}

/// What is left when marked elements are removed; null when nothing is.
fn without(
    self: *const MapSelection,
    marks: []const bool,
) error{OutOfMemory}!?[]const []const u8 {
    if (!self.removes) return null;
    if (std.mem.findScalar(bool, marks, true) == null) return null;
    var rest: std.ArrayList([]const u8) = .empty;
    for (self.map.items, marks) |item, mark| {
        if (!mark) try rest.append(self.arena, item);
    }
    return rest.items;
}
