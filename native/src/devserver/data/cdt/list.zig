//! Operations on lists.
//!
//! `read` and `modify` take an operation's parameters and the list it is about, and return a
//! result and what becomes of the list. Lists are ordered or not; an ordered one stays sorted
//! whatever is done to it.

const std = @import("std");
const Container = @import("Container.zig");
const ListSelection = @import("ListSelection.zig");
const Parameters = @import("Parameters.zig");
const Target = @import("Target.zig");
const Version = @import("../../base/Version.zig").Version;
const collection = @import("../collection.zig");
const element = @import("element.zig");
const number = @import("number.zig");
const order = @import("order.zig");
const result = @import("result.zig");
const selection = @import("selection.zig");

const Allocator = std.mem.Allocator;
const Error = result.Error;
const Payload = Parameters.Payload;
const Stored = Parameters.Stored;
const Wanted = result.Wanted;

/// The codes of the protocol.
const Code = enum(u64) {
    set_type = 0,
    append = 1,
    append_items = 2,
    insert = 3,
    insert_items = 4,
    pop = 5,
    pop_range = 6,
    remove = 7,
    remove_range = 8,
    set = 9,
    trim = 10,
    clear = 11,
    increment = 12,
    sort = 13,
    size = 16,
    get = 17,
    get_range = 18,
    get_by_index = 19,
    get_by_value = 20,
    get_by_rank = 21,
    get_all_by_value = 22,
    get_all_by_value_list = 23,
    get_by_index_range = 24,
    get_by_value_interval = 25,
    get_by_rank_range = 26,
    get_by_relative_rank_range = 27,
    join = 28,
    remove_by_index = 32,
    remove_by_value = 33,
    remove_by_rank = 34,
    remove_all_by_value = 35,
    remove_all_by_value_list = 36,
    remove_by_index_range = 37,
    remove_by_value_interval = 38,
    remove_by_rank_range = 39,
    remove_by_relative_rank_range = 40,
    _,
};

/// Values of a parameter that is left out.
const count_all = std.math.maxInt(u32);

/// What may and may not happen when elements are added.
const AddFlags = struct {
    unique: bool,
    bounded: bool,
    no_fail: bool,
    /// Add what can be added; only together with `no_fail`.
    partial: bool,

    fn of(flags: u64) AddFlags {
        const no_fail = flags & 0x04 != 0;
        return .{
            .unique = flags & 0x01 != 0,
            .bounded = flags & 0x02 != 0,
            .no_fail = no_fail,
            .partial = no_fail and flags & 0x08 != 0,
        };
    }

    const none: AddFlags = .of(0);

    /// What is left of an operation whose element exists.
    fn exists(flags: AddFlags) error{ElementExists}!void {
        if (!flags.no_fail) return error.ElementExists;
    }
};

const sort_descending = 0x01;
const sort_drop_duplicates = 0x02;

/// Flags of a list that the server knows; others count as none when a list is created.
fn knownFlags(flags: u64) ?u8 {
    const byte: u8 = @truncate(flags);
    if (byte & ~@as(u8, Container.flag_ordered | Target.flag_persist_index) != 0) return null;
    return byte & Container.flag_ordered;
}

pub fn read(
    arena: Allocator,
    version: Version,
    code: u64,
    parameters: *Parameters,
    bytes: []const u8,
) Error!result.Result {
    const list = Container.parse(arena, bytes) catch |err| switch (err) {
        error.OutOfMemory => return error.OutOfMemory,
        error.Malformed => return error.IncompatibleType,
    };
    var outcome: ListSelection.Outcome = undefined;
    switch (@as(Code, @fromBackingInt(code))) {
        .size => return try result.integer(arena, list.len()),
        .join => {
            if (!version.isAtLeast(.@"8.2")) return error.InvalidParameter;
            return try join(arena, &list, parameters);
        },
        .get => {
            const p = try parameters.read(struct { index: i64 });
            const wanted: Wanted = .{ .kind = .value, .is_multi = false };
            outcome = try reading(arena, &list, wanted).byIndex(p.index, 1);
        },
        .get_range => {
            const p = try parameters.read(struct { index: i64, count: u64 = count_all });
            const wanted: Wanted = .{ .kind = .value, .is_multi = true };
            outcome = try reading(arena, &list, wanted).byIndex(p.index, p.count);
        },
        .get_by_index,
        .get_by_value,
        .get_by_rank,
        .get_all_by_value,
        .get_all_by_value_list,
        .get_by_index_range,
        .get_by_value_interval,
        .get_by_rank_range,
        .get_by_relative_rank_range,
        => |get| outcome = try select(arena, get, parameters, &list, false),
        else => return error.InvalidParameter,
    }
    return outcome.result;
}

/// The strings of a list, which has nothing else, as one, with a separator between them.
fn join(arena: Allocator, list: *const Container, parameters: *Parameters) Error![]const u8 {
    if (parameters.count > 1) return error.InvalidParameter;
    const separator = if (parameters.count == 1)
        element.stringIn(try parameters.element()) orelse return error.InvalidParameter
    else
        "";
    const parts = try arena.alloc([]const u8, list.items.len);
    for (parts, list.items) |*part, item| {
        part.* = element.stringIn(item) orelse return error.InvalidParameter;
    }
    const joined = try std.mem.join(arena, separator, parts);
    return element.textElement(arena, .string, joined);
}

fn reading(arena: Allocator, list: *const Container, wanted: Wanted) ListSelection {
    return .{ .arena = arena, .list = list, .wanted = wanted, .removes = false };
}

/// The operations that exist for getting and for removing.
fn select(
    arena: Allocator,
    code: Code,
    parameters: *Parameters,
    list: *const Container,
    removes: bool,
) Error!ListSelection.Outcome {
    var selector: ListSelection = .{
        .arena = arena,
        .list = list,
        .wanted = undefined,
        .removes = removes,
    };
    switch (code) {
        .get_by_index, .remove_by_index => {
            const p = try parameters.read(struct { wanted: u64, index: i64 });
            selector.wanted = .of(p.wanted, false);
            return selector.byIndex(p.index, 1);
        },
        .get_by_value, .remove_by_value, .get_all_by_value, .remove_all_by_value => {
            const p = try parameters.read(struct { wanted: u64, value: Payload });
            const all = code == .get_all_by_value or code == .remove_all_by_value;
            selector.wanted = .of(p.wanted, all);
            return selector.byValue(p.value.bytes);
        },
        .get_by_rank, .remove_by_rank => {
            const p = try parameters.read(struct { wanted: u64, rank: i64 });
            selector.wanted = .of(p.wanted, false);
            return selector.byRank(p.rank, 1);
        },
        .get_all_by_value_list, .remove_all_by_value_list => {
            const p = try parameters.read(struct { wanted: u64, values: Payload });
            selector.wanted = .of(p.wanted, true);
            // There are no ranges of values, nor of anything else that was sent.
            if (selector.wanted.isIndexRange()) return error.NotApplicable;
            if (selector.wanted.isRankRange()) return error.NotApplicable;
            return selector.byValues(try Target.valuesOf(arena, p.values.bytes));
        },
        .get_by_index_range, .remove_by_index_range => {
            const p = try parameters.read(
                struct { wanted: u64, index: i64, count: u64 = count_all },
            );
            selector.wanted = .of(p.wanted, true);
            return selector.byIndex(p.index, p.count);
        },
        .get_by_value_interval, .remove_by_value_interval => {
            const p = try parameters.read(
                struct { wanted: u64, start: Payload, end: ?Payload = null },
            );
            selector.wanted = .of(p.wanted, true);
            const end = if (p.end) |value| value.bytes else null;
            return selector.byInterval(.{ .start = p.start.bytes, .end = end });
        },
        .get_by_rank_range, .remove_by_rank_range => {
            const p = try parameters.read(
                struct { wanted: u64, rank: i64, count: u64 = count_all },
            );
            selector.wanted = .of(p.wanted, true);
            return selector.byRank(p.rank, p.count);
        },
        .get_by_relative_rank_range, .remove_by_relative_rank_range => {
            const p = try parameters.read(
                struct { wanted: u64, value: Payload, rank: i64, count: u64 = count_all },
            );
            selector.wanted = .of(p.wanted, true);
            return selector.byRelativeRank(p.value.bytes, p.rank, p.count);
        },
        else => return error.InvalidParameter,
    }
}

/// Changes the list of `target`.
pub fn modify(target: *Target, code: u64, parameters: *Parameters) Error!void {
    switch (@as(Code, @fromBackingInt(code))) {
        .set_type => {
            const p = try parameters.read(struct { flags: u64 });
            try target.begin(.list, 0);
            try setFlags(target, p.flags);
        },
        .append, .append_items => |append_code| {
            const p = try parameters.read(
                struct { value: Stored, create: u64 = 0, flags: u64 = 0 },
            );
            try target.begin(.list, knownFlags(p.create) orelse 0);
            const is_list = append_code == .append_items;
            try append(target, p.value.bytes, is_list, .of(p.flags));
        },
        .insert, .insert_items => |insert_code| {
            const p = try parameters.read(
                struct { index: i64, value: Stored, flags: u64 = 0 },
            );
            try target.begin(.list, 0);
            const is_list = insert_code == .insert_items;
            const values = try valuesToAdd(target.arena, p.value.bytes, is_list);
            if (target.container.isOrdered()) return error.NotApplicable;
            try insert(target, p.index, values, is_list, .of(p.flags), true);
        },
        .set => {
            const p = try parameters.read(
                struct { index: i64, value: Stored, flags: u64 = 0 },
            );
            try target.begin(.list, 0);
            const value = try storable(target.arena, p.value.bytes);
            try set(target, p.index, value, .of(p.flags));
        },
        .increment => {
            const p = try parameters.read(
                struct { index: i64, change: ?Payload = null, create: u64 = 0, flags: u64 = 0 },
            );
            try target.begin(.list, knownFlags(p.create) orelse 0);
            const change = if (p.change) |value| value.bytes else null;
            try increment(target, p.index, change, .of(p.flags));
        },
        .sort => {
            if (!target.exists) return error.IncompatibleType;
            const p = try parameters.read(struct { flags: u64 = 0 });
            try target.begin(.list, 0);
            try sort(target, p.flags);
        },
        else => |other| {
            if (!isRemoval(other)) return error.InvalidParameter;
            if (target.isMissing()) return;
            try target.begin(.list, 0);
            try remove(target, other, parameters);
        },
    }
}

fn isRemoval(code: Code) bool {
    return switch (code) {
        .pop, .pop_range, .remove, .remove_range, .trim, .clear => true,
        .remove_by_index,
        .remove_by_value,
        .remove_by_rank,
        .remove_all_by_value,
        .remove_all_by_value_list,
        .remove_by_index_range,
        .remove_by_value_interval,
        .remove_by_rank_range,
        .remove_by_relative_rank_range,
        => true,
        else => false,
    };
}

fn remove(target: *Target, code: Code, parameters: *Parameters) Error!void {
    const list = &target.container;
    var selector: ListSelection = .{
        .arena = target.arena,
        .list = list,
        .wanted = undefined,
        .removes = true,
    };
    const outcome = switch (code) {
        .clear => return target.replace(&.{}),
        .pop, .remove => outcome: {
            const p = try parameters.read(struct { index: i64 });
            const kind: result.Kind = if (code == .pop) .value else .count;
            selector.wanted = .{ .kind = kind, .is_multi = false };
            break :outcome try selector.byIndex(p.index, 1);
        },
        .pop_range, .remove_range => outcome: {
            const p = try parameters.read(struct { index: i64, count: u64 = count_all });
            const kind: result.Kind = if (code == .pop_range) .value else .count;
            selector.wanted = .{ .kind = kind, .is_multi = true };
            break :outcome try selector.byIndex(p.index, p.count);
        },
        .trim => outcome: {
            const p = try parameters.read(struct { index: i64, count: u64 });
            selector.wanted = .{ .kind = .count, .inverted = true, .is_multi = true };
            break :outcome try selector.byIndex(p.index, p.count);
        },
        else => try select(target.arena, code, parameters, list, true),
    };
    target.told = outcome.result;
    if (outcome.rest) |rest| target.replace(rest);
}

fn setFlags(target: *Target, flags_sent: u64) Error!void {
    const flags = knownFlags(flags_sent) orelse return error.NotApplicable;
    const list = &target.container;
    if (flags == list.flags) return target.keep();
    target.replace(if (flags != 0) try sorted(target.arena, list.items) else list.items);
    list.flags = flags;
}

fn sorted(arena: Allocator, items: []const []const u8) error{OutOfMemory}![]const []const u8 {
    const positions = try ListSelection.sortedPositions(arena, items);
    return inOrder(arena, items, positions);
}

fn inOrder(
    arena: Allocator,
    items: []const []const u8,
    positions: []const u32,
) error{OutOfMemory}![]const []const u8 {
    const ordered = try arena.alloc([]const u8, positions.len);
    for (ordered, positions) |*item, position| item.* = items[position];
    return ordered;
}

fn sort(target: *Target, flags: u64) Error!void {
    const list = &target.container;
    const arena = target.arena;
    if (list.len() <= 1) return;
    var items = list.items;
    if (!list.isOrdered()) {
        const positions = if (flags & sort_descending != 0)
            try ListSelection.sortedDescending(arena, items)
        else
            try ListSelection.sortedPositions(arena, items);
        items = try inOrder(arena, items, positions);
    }
    if (flags & sort_drop_duplicates != 0) items = try withoutRepeats(arena, items);
    target.replace(items);
}

/// Equal elements next to each other are kept once; the server refuses to look for them in
/// descending order.
fn withoutRepeats(arena: Allocator, items: []const []const u8) Error![]const []const u8 {
    var kept: std.ArrayList([]const u8) = .empty;
    for (items, 0..) |item, index| {
        if (index > 0) switch (order.compare(items[index - 1], item)) {
            .lt => {},
            .eq => continue,
            .gt => return error.InvalidParameter,
        };
        try kept.append(arena, item);
    }
    return kept.items;
}

fn storable(arena: Allocator, bytes: []const u8) Error![]const u8 {
    return collection.normalizeElement(arena, bytes) catch |err| switch (err) {
        error.OutOfMemory => error.OutOfMemory,
        error.Invalid, error.NoSpaceLeft => error.InvalidParameter,
    };
}

/// One value, or those of a list.
fn valuesToAdd(arena: Allocator, bytes: []const u8, is_list: bool) Error![]const []const u8 {
    const value = try storable(arena, bytes);
    if (!is_list) return arena.dupe([]const u8, &.{value});
    if (Container.kindOf(value) != .list) return error.InvalidParameter;
    const values = Container.parse(arena, value) catch |err| switch (err) {
        error.OutOfMemory => return error.OutOfMemory,
        error.Malformed => return error.InvalidParameter,
    };
    return values.items;
}

fn append(target: *Target, bytes: []const u8, is_list: bool, flags: AddFlags) Error!void {
    const values = try valuesToAdd(target.arena, bytes, is_list);
    const list = &target.container;
    if (!list.isOrdered()) {
        return insert(target, list.len(), values, is_list, flags, true);
    }
    if (is_list) return addOrdered(target, values, flags);
    const position = ListSelection.lowerBound(list.items, values[0]);
    const found = position < list.len() and
        order.compare(list.items[position], values[0]) == .eq;
    if (found and flags.unique) {
        try tellCount(target);
        return flags.exists();
    }
    return insert(target, position, values, false, .none, true);
}

fn tellCount(target: *Target) Error!void {
    target.told = try result.integer(target.arena, target.container.len());
}

/// Lists of nils beyond this would never be stored.
const padding_max = 16 * 1024 * 1024;

/// Puts values in front of an element of an unordered list, or beyond its end with nils between.
fn insert(
    target: *Target,
    index: i64,
    values_sent: []const []const u8,
    is_list: bool,
    flags: AddFlags,
    tells: bool,
) Error!void {
    const list = &target.container;
    const total = list.len();
    var values = values_sent;
    if (values.len == 0) {
        if (tells) try tellCount(target);
        return target.keep();
    }
    if (index > std.math.maxInt(i32)) return error.IndexOutOfBounds;
    const position = if (index < 0) total + index else index;
    if (position < 0) return error.IndexOutOfBounds;
    if (flags.bounded and position > total) {
        if (!flags.no_fail) return error.BoundedListOverflow;
        if (tells) try tellCount(target);
        return;
    }
    if (flags.unique) {
        const kept = try uniqueOf(target, values, is_list, flags);
        if (kept.len == 0) {
            if (tells) try tellCount(target);
            return;
        }
        values = kept;
    }
    const start: usize = @intCast(position);
    if (start > total + padding_max) return error.TooBig;
    const padding = try target.arena.alloc([]const u8, start -| total);
    @memset(padding, nil);
    const split = @min(start, total);
    target.replace(try std.mem.concat(
        target.arena,
        []const u8,
        &.{ list.items[0..split], padding, values, list.items[split..] },
    ));
    if (tells) try tellCount(target);
}

const nil = "\xc0";

/// The values that the list does not have yet; none when that is to be passed over in silence.
fn uniqueOf(
    target: *Target,
    values: []const []const u8,
    is_list: bool,
    flags: AddFlags,
) Error![]const []const u8 {
    const items = target.container.items;
    var kept: std.ArrayList([]const u8) = .empty;
    for (values, 0..) |value, index| {
        if (has(items, value)) {
            if (is_list and flags.partial) continue;
            try flags.exists();
            return &.{};
        }
        if (has(values[0..index], value)) {
            if (!flags.no_fail) return error.NotApplicable;
            if (!flags.partial) return &.{};
            continue;
        }
        try kept.append(target.arena, value);
    }
    return kept.items;
}

fn has(items: []const []const u8, value: []const u8) bool {
    for (items) |item| {
        if (order.compare(item, value) == .eq) return true;
    }
    return false;
}

/// Adds values to an ordered list.
fn addOrdered(target: *Target, values: []const []const u8, flags: AddFlags) Error!void {
    const arena = target.arena;
    const items = target.container.items;
    if (values.len == 0) {
        try tellCount(target);
        return target.keep();
    }
    var added = try sorted(arena, values);
    if (flags.unique) {
        const distinct = try withoutRepeats(arena, added);
        if (distinct.len != added.len) {
            if (!flags.no_fail) return error.NotApplicable;
            if (!flags.partial) return tellCount(target);
        }
        added = distinct;
    }
    var merged: std.ArrayList([]const u8) = .empty;
    try merged.ensureTotalCapacity(arena, items.len + added.len);
    var next: usize = 0;
    for (added) |value| {
        const position = ListSelection.lowerBound(items, value);
        const found = position < items.len and order.compare(items[position], value) == .eq;
        if (found and flags.unique) {
            if (flags.partial) continue;
            try tellCount(target);
            return flags.exists();
        }
        merged.appendSliceAssumeCapacity(items[next..position]);
        next = position;
        merged.appendAssumeCapacity(value);
    }
    merged.appendSliceAssumeCapacity(items[next..]);
    target.replace(merged.items);
    return tellCount(target);
}

/// Puts a value in the place of an element of an unordered list.
fn set(target: *Target, index: i64, value: []const u8, flags: AddFlags) Error!void {
    const list = &target.container;
    if (list.isOrdered()) return error.NotApplicable;
    const values = try target.arena.dupe([]const u8, &.{value});
    const total = list.len();
    if (index >= total) return insert(target, index, values, false, flags, false);
    const position = if (index < 0) total + index else index;
    if (position < 0) return error.IndexOutOfBounds;
    const place: usize = @intCast(position);
    if (flags.unique) {
        if (has(list.items[0..place], value) or has(list.items[place + 1 ..], value)) {
            return flags.exists();
        }
    }
    const items = try target.arena.dupe([]const u8, list.items);
    items[place] = value;
    target.replace(items);
}

fn increment(target: *Target, index: i64, change: ?[]const u8, flags: AddFlags) Error!void {
    const list = &target.container;
    const total = list.len();
    if (index > std.math.maxInt(i32)) return error.IndexOutOfBounds;
    const position = if (index < 0) total + index else index;
    if (position < 0) return error.IndexOutOfBounds;
    const place: usize = @intCast(position);
    const present = if (place < total) list.items[place] else null;
    const sum = try number.add(present, change, false);
    const value = try sum.write(target.arena);
    target.told = value;
    if (!list.isOrdered()) return set(target, position, value, flags);
    if (place > total) return error.IndexOutOfBounds;
    const rank = ListSelection.lowerBound(list.items, value);
    if (flags.unique and rank < total and order.compare(list.items[rank], value) == .eq) {
        if (rank == place) return;
        return flags.exists();
    }
    target.replace(try replaced(target.arena, list.items, place, value));
}

/// An ordered list with another value for one of its elements, or one more; in order again.
pub fn replaced(
    arena: Allocator,
    items: []const []const u8,
    place: usize,
    value: []const u8,
) error{OutOfMemory}![]const []const u8 {
    const rank = ListSelection.lowerBound(items, value);
    var changed: std.ArrayList([]const u8) = .empty;
    try changed.ensureTotalCapacity(arena, items.len + 1);
    for (items, 0..) |item, index| {
        if (index == rank) changed.appendAssumeCapacity(value);
        if (index != place) changed.appendAssumeCapacity(item);
    }
    if (rank == items.len) changed.appendAssumeCapacity(value);
    return changed.items;
}
