//! Into containers: what a context leads to, and putting it back when it was changed.
//!
//! A context is an array of pairs, a step and its argument. Each step goes from a list or a map
//! to one of its elements, by index, rank, key or value; some make the element where there is
//! none. `Path` remembers the containers on the way, and builds them anew around a changed one.

const std = @import("std");
const Container = @import("Container.zig");
const ListSelection = @import("ListSelection.zig");
const MapSelection = @import("MapSelection.zig");
const Parameters = @import("Parameters.zig");
const collection = @import("../collection.zig");
const list = @import("list.zig");
const order = @import("order.zig");
const result = @import("result.zig");
const selection = @import("selection.zig");

const Allocator = std.mem.Allocator;
const Error = result.Error;

const Path = @This();

arena: Allocator,
levels: std.ArrayList(Level) = .empty,
/// Containers to be made, outermost first.
made: std.ArrayList(Made) = .empty,
/// Where the path leads to; null: to nothing, which is to be made.
value: ?[]const u8,

/// A container on the way that exists.
const Level = struct {
    container: Container,
    /// Of the element that the path goes on with, or where it is to be made.
    position: usize,
    is_made: bool,
    /// Nils in front of an element to be made.
    padding: usize = 0,
    /// Of an element to be made in a map.
    key: []const u8 = "",

    fn keyBytes(level: *const Level) []const u8 {
        if (level.is_made) return level.key;
        return Container.keyOf(level.container.items[level.position]);
    }
};

const Made = struct {
    kind: Container.Kind,
    flags: u8,
    padding: usize = 0,
    key: []const u8 = "",
};

const By = enum(u4) { index = 0, rank = 1, key = 2, value = 3, _ };

/// What a step's number says.
const Step = struct {
    by: By,
    is_list: bool,
    is_map: bool,
    create: Create,
    persists_index: bool,

    const Create = enum(u2) { no = 0, unordered = 1, second = 2, third = 3 };

    fn of(number: u64) Error!Step {
        const step: Step = .{
            .by = @fromBackingInt(@as(u4, @truncate(number))),
            .is_list = number & 0x10 != 0,
            .is_map = number & 0x20 != 0,
            .create = @fromBackingInt(@as(u2, @truncate(number >> 6))),
            .persists_index = number & 0x100 != 0,
        };
        // What is made has to be of a known kind.
        const creates = step.create != .no or step.persists_index;
        if (creates and !step.is_list and !step.is_map) return error.NotApplicable;
        return step;
    }

    fn mapFlags(step: Step) u8 {
        return switch (step.create) {
            .no, .unordered => 0,
            .second => Container.flag_ordered,
            .third => Container.flag_ordered | Container.flag_value_ordered,
        };
    }
};

/// Follows a context from a bin's value, null when there is none. Only a change may make
/// anything.
pub fn follow(
    arena: Allocator,
    value: ?[]const u8,
    parameters: *Parameters,
    is_change: bool,
) Error!Path {
    if (value) |bytes| {
        if (Container.kindOf(bytes) == null) return error.InvalidParameter;
    } else if (!is_change) return error.InvalidParameter;
    var path: Path = .{ .arena = arena, .value = value };
    const count = try parameters.array();
    if (count == 0 or count % 2 != 0) return error.InvalidParameter;
    var remaining = count / 2;
    while (remaining > 0) : (remaining -= 1) {
        const number = try parameters.unsigned();
        if (number & 0x0f > @backingInt(By.value)) return error.NotApplicable;
        const step: Step = try .of(number);
        const bytes = path.value orelse {
            if (step.create == .no) return error.NotApplicable;
            try path.make(step, parameters);
            try path.makeRest(remaining - 1, parameters);
            return path;
        };
        try path.advance(step, bytes, parameters);
        if (path.value == null) {
            if (!is_change) return error.NotApplicable;
            try path.makeRest(remaining - 1, parameters);
            return path;
        }
    }
    return path;
}

fn makeRest(path: *Path, count: u32, parameters: *Parameters) Error!void {
    for (0..count) |_| {
        const number = parameters.unsigned() catch return error.NotApplicable;
        const step: Step = try .of(number);
        if (step.persists_index) return error.NotApplicable;
        try path.make(step, parameters);
    }
}

/// One more container to be made, with the element that the step goes on with.
fn make(path: *Path, step: Step, parameters: *Parameters) Error!void {
    if (step.is_map and !step.is_list and step.by == .key) {
        parameters.has_comparison = false;
        const sent = parameters.element() catch return error.NotApplicable;
        try path.made.append(path.arena, .{
            .kind = .map,
            .flags = step.mapFlags(),
            .key = try storableKey(path.arena, sent),
        });
    } else if (step.is_list and !step.is_map and step.by == .index) {
        const index = parameters.signed() catch return error.NotApplicable;
        if (index < -1) return error.NotApplicable;
        var made: Made = .{ .kind = .list, .flags = 0 };
        switch (step.create) {
            .no, .unordered => if (index > 0) return error.NotApplicable,
            .second => made.padding = @intCast(@max(index, 0)),
            .third => made.flags = Container.flag_ordered,
        }
        if (made.padding > padding_max) return error.TooBig;
        try path.made.append(path.arena, made);
    } else return error.NotApplicable;
}

/// Lists of nils beyond this would never be stored.
const padding_max = 16 * 1024 * 1024;

fn storableKey(arena: Allocator, bytes: []const u8) Error![]const u8 {
    return collection.normalizeElement(arena, bytes) catch |err| switch (err) {
        error.OutOfMemory => error.OutOfMemory,
        error.Invalid, error.NoSpaceLeft => error.NotApplicable,
    };
}

fn advance(path: *Path, step: Step, bytes: []const u8, parameters: *Parameters) Error!void {
    const kind = Container.kindOf(bytes) orelse return error.NotApplicable;
    switch (kind) {
        .list => if (step.is_map) return error.NotApplicable,
        .map => if (step.is_list) return error.NotApplicable,
    }
    const container = Container.parse(path.arena, bytes) catch |err| switch (err) {
        error.OutOfMemory => return error.OutOfMemory,
        error.Malformed => return error.NotApplicable,
    };
    const level: Level = switch (kind) {
        .list => try path.inList(step, container, parameters),
        .map => try path.inMap(step, container, parameters),
    };
    try path.levels.append(path.arena, level);
    path.value = if (level.is_made) null else switch (kind) {
        .list => container.items[level.position],
        .map => Container.valueOf(container.items[level.position]),
    };
}

fn inList(path: *Path, step: Step, container: Container, parameters: *Parameters) Error!Level {
    var level: Level = .{ .container = container, .position = 0, .is_made = false };
    const total = container.len();
    switch (step.by) {
        .index => try indexInList(step, parameters, &level),
        .rank => {
            if (container.isOrdered()) {
                try indexInList(step, parameters, &level);
                return level;
            }
            const rank = parameters.signed() catch return error.NotApplicable;
            const range = selection.single(rank, 1, total) orelse return error.RankOutOfBounds;
            const context: ByElement = .{ .items = container.items };
            const ranked = try selection.byRank(path.arena, total, range, context);
            level.position = ranked.positions[0];
        },
        .value => {
            const value = parameters.element() catch return error.NotApplicable;
            level.position = for (container.items, 0..) |item, position| {
                if (order.compare(item, value) == .eq) break position;
            } else return error.NotApplicable;
        },
        .key, _ => return error.NotApplicable,
    }
    return level;
}

const ByElement = struct {
    items: []const []const u8,

    pub fn compare(context: ByElement, left: u32, right: u32) std.math.Order {
        return order.compare(context.items[left], context.items[right]);
    }
};

fn indexInList(step: Step, parameters: *Parameters, level: *Level) Error!void {
    const index = parameters.signed() catch return error.NotApplicable;
    const total = level.container.len();
    if (selection.single(index, 1, total)) |range| {
        level.position = range.start;
        return;
    }
    if (step.create == .no) return error.IndexOutOfBounds;
    level.position = total;
    level.is_made = true;
    if (index == total or (total == 0 and index == -1)) return;
    if (level.container.isOrdered()) return;
    if (step.create != .second or index < 0) return error.NotApplicable;
    if (index - total > padding_max) return error.TooBig;
    level.padding = @intCast(index - total);
}

fn inMap(path: *Path, step: Step, container: Container, parameters: *Parameters) Error!Level {
    var level: Level = .{ .container = container, .position = 0, .is_made = false };
    const total = container.len();
    switch (step.by) {
        .index => {
            const index = parameters.signed() catch return error.NotApplicable;
            const range = selection.single(index, 1, total) orelse return error.IndexOutOfBounds;
            level.position = range.start;
        },
        .rank => {
            const rank = parameters.signed() catch return error.NotApplicable;
            const range = selection.single(rank, 1, total) orelse return error.RankOutOfBounds;
            const positions = try MapSelection.rankedPositions(path.arena, container.items);
            level.position = positions[range.start];
        },
        .key => {
            parameters.has_comparison = false;
            const sent = parameters.element() catch return error.NotApplicable;
            const key = try storableKey(path.arena, sent);
            level.position = MapSelection.lowerBound(container.items, key);
            level.is_made = level.position == total or
                order.compare(container.items[level.position], key) != .eq;
            level.key = key;
            if (level.is_made and step.create == .no) return error.NotApplicable;
        },
        .value => {
            const value = parameters.element() catch return error.NotApplicable;
            level.position = for (container.items, 0..) |item, position| {
                if (order.compare(Container.valueOf(item), value) == .eq) break position;
            } else return error.NotApplicable;
        },
        _ => return error.NotApplicable,
    }
    return level;
}

/// The bin's value with `inner` where the path leads to.
pub fn rebuild(path: *const Path, inner: []const u8) Error![]const u8 {
    var value = inner;
    var index = path.made.items.len;
    while (index > 0) {
        index -= 1;
        value = try path.around(&path.made.items[index], value);
    }
    index = path.levels.items.len;
    while (index > 0) {
        index -= 1;
        value = try path.within(&path.levels.items[index], value);
    }
    return value;
}

fn around(path: *const Path, made: *const Made, value: []const u8) Error![]const u8 {
    const items = try path.arena.alloc([]const u8, made.padding + 1);
    @memset(items, nil);
    items[made.padding] = try std.mem.concat(path.arena, u8, &.{ made.key, value });
    return Container.write(
        &.{ .kind = made.kind, .flags = made.flags, .items = items },
        path.arena,
    );
}

const nil = "\xc0";

fn within(path: *const Path, level: *const Level, value: []const u8) Error![]const u8 {
    const arena = path.arena;
    var container = level.container;
    const items = container.items;
    if (container.kind == .list and container.isOrdered()) {
        container.items = try list.replaced(arena, items, level.position, value);
        return container.write(arena);
    }
    const element = switch (container.kind) {
        .list => value,
        .map => try std.mem.concat(arena, u8, &.{ level.keyBytes(), value }),
    };
    const padding = try arena.alloc([]const u8, level.padding);
    @memset(padding, nil);
    const next = level.position + @intFromBool(!level.is_made);
    container.items = try std.mem.concat(
        arena,
        []const u8,
        &.{ items[0..level.position], padding, &.{element}, items[next..] },
    );
    return container.write(arena);
}
