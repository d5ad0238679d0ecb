//! Operations on maps.
//!
//! `read` and `modify` take an operation's parameters and the map it is about, and return a
//! result and what becomes of the map. Maps are unordered, ordered by key, or by key and value;
//! here all of them are kept sorted by key.

const std = @import("std");
const Container = @import("Container.zig");
const MapSelection = @import("MapSelection.zig");
const Parameters = @import("Parameters.zig");
const Target = @import("Target.zig");
const collection = @import("../collection.zig");
const number = @import("number.zig");
const order = @import("order.zig");
const result = @import("result.zig");

const Allocator = std.mem.Allocator;
const Error = result.Error;
const Outcome = @import("ListSelection.zig").Outcome;
const Payload = Parameters.Payload;
const Stored = Parameters.Stored;

/// The codes of the protocol.
const Code = enum(u64) {
    set_type = 64,
    add = 65,
    add_items = 66,
    put = 67,
    put_items = 68,
    replace = 69,
    replace_items = 70,
    increment = 73,
    decrement = 74,
    clear = 75,
    remove_by_key = 76,
    remove_by_index = 77,
    remove_by_value = 78,
    remove_by_rank = 79,
    remove_by_key_list = 81,
    remove_all_by_value = 82,
    remove_by_value_list = 83,
    remove_by_key_interval = 84,
    remove_by_index_range = 85,
    remove_by_value_interval = 86,
    remove_by_rank_range = 87,
    remove_by_relative_index_range = 88,
    remove_by_relative_rank_range = 89,
    size = 96,
    get_by_key = 97,
    get_by_index = 98,
    get_by_value = 99,
    get_by_rank = 100,
    get_all_by_value = 102,
    get_by_key_interval = 103,
    get_by_index_range = 104,
    get_by_value_interval = 105,
    get_by_rank_range = 106,
    get_by_key_list = 107,
    get_by_value_list = 108,
    get_by_relative_index_range = 109,
    get_by_relative_rank_range = 110,
    _,
};

const count_all = std.math.maxInt(u32);

/// What may and may not happen when elements are put.
const PutFlags = struct {
    overwrite: bool = true,
    create: bool = true,
    no_fail: bool = false,
    partial: bool = false,

    fn of(flags: u64) PutFlags {
        return .{
            .overwrite = flags & 0x01 == 0,
            .create = flags & 0x02 == 0,
            .no_fail = flags & 0x04 != 0,
            .partial = flags & 0x08 != 0,
        };
    }

    /// What an element that may not be put amounts to.
    fn refusal(flags: PutFlags, exists: bool) ?error{ ElementExists, ElementNotFound } {
        if (exists) return if (flags.overwrite) null else error.ElementExists;
        return if (flags.create) null else error.ElementNotFound;
    }
};

/// Flags of a map that the server knows; others count as none when a map is created.
fn knownFlags(flags: u64) ?u8 {
    const byte: u8 = @truncate(flags);
    const orders: u8 = Container.flag_ordered | Container.flag_value_ordered;
    if (byte & ~(orders | Target.flag_persist_index) != 0) return null;
    return byte & orders;
}

pub fn read(
    arena: Allocator,
    code: u64,
    parameters: *Parameters,
    bytes: []const u8,
) Error!result.Result {
    const map = Container.parse(arena, bytes) catch |err| switch (err) {
        error.OutOfMemory => return error.OutOfMemory,
        error.Malformed => return error.InvalidParameter,
    };
    switch (@as(Code, @fromBackingInt(code))) {
        .size => return try result.integer(arena, map.len()),
        .get_by_key,
        .get_by_index,
        .get_by_value,
        .get_by_rank,
        .get_all_by_value,
        .get_by_key_interval,
        .get_by_index_range,
        .get_by_value_interval,
        .get_by_rank_range,
        .get_by_key_list,
        .get_by_value_list,
        .get_by_relative_index_range,
        .get_by_relative_rank_range,
        => |get| {
            const outcome = try select(arena, get, parameters, &map, false);
            return outcome.result;
        },
        else => return error.InvalidParameter,
    }
}

/// The operations that exist for getting and for removing.
fn select(
    arena: Allocator,
    code: Code,
    parameters: *Parameters,
    map: *const Container,
    removes: bool,
) Error!Outcome {
    var selector: MapSelection = .{
        .arena = arena,
        .map = map,
        .wanted = undefined,
        .removes = removes,
    };
    switch (code) {
        .get_by_key, .remove_by_key => {
            const p = try parameters.read(struct { wanted: i64, key: Payload });
            selector.wanted = .of(@bitCast(p.wanted), false);
            return selector.byKey(p.key.bytes);
        },
        .get_by_index, .remove_by_index => {
            const p = try parameters.read(struct { wanted: i64, index: i64 });
            selector.wanted = .of(@bitCast(p.wanted), false);
            return selector.byIndex(p.index, 1);
        },
        .get_by_rank, .remove_by_rank => {
            const p = try parameters.read(struct { wanted: i64, rank: i64 });
            selector.wanted = .of(@bitCast(p.wanted), false);
            return selector.byRank(p.rank, 1);
        },
        .get_by_value, .remove_by_value, .get_all_by_value, .remove_all_by_value => {
            const p = try parameters.read(struct { wanted: i64, value: Payload });
            const all = code == .get_all_by_value or code == .remove_all_by_value;
            selector.wanted = .of(@bitCast(p.wanted), all);
            return selector.byValue(p.value.bytes);
        },
        .get_by_key_list, .remove_by_key_list, .get_by_value_list, .remove_by_value_list => {
            const p = try parameters.read(struct { wanted: i64, items: Payload });
            selector.wanted = .of(@bitCast(p.wanted), true);
            const items = try Target.valuesOf(arena, p.items.bytes);
            if (code == .get_by_key_list or code == .remove_by_key_list) {
                return selector.byKeys(items);
            }
            return selector.byValues(items);
        },
        else => return selectRange(&selector, code, parameters),
    }
}

fn selectRange(selector: *MapSelection, code: Code, parameters: *Parameters) Error!Outcome {
    switch (code) {
        .get_by_key_interval,
        .remove_by_key_interval,
        .get_by_value_interval,
        .remove_by_value_interval,
        => {
            const p = try parameters.read(
                struct { wanted: i64, start: Payload, end: ?Payload = null },
            );
            selector.wanted = .of(@bitCast(p.wanted), true);
            const end = if (p.end) |value| value.bytes else null;
            if (code == .get_by_key_interval or code == .remove_by_key_interval) {
                return selector.byKeyInterval(.{ .start = p.start.bytes, .end = end });
            }
            return selector.byInterval(.{ .start = p.start.bytes, .end = end });
        },
        .get_by_index_range, .remove_by_index_range, .get_by_rank_range, .remove_by_rank_range => {
            const p = try parameters.read(
                struct { wanted: i64, index: i64, count: u64 = count_all },
            );
            selector.wanted = .of(@bitCast(p.wanted), true);
            if (code == .get_by_index_range or code == .remove_by_index_range) {
                return selector.byIndex(p.index, p.count);
            }
            return selector.byRank(p.index, p.count);
        },
        .get_by_relative_index_range, .remove_by_relative_index_range => {
            const p = try parameters.read(
                struct { wanted: i64, key: Payload, index: i64, count: u64 = count_all },
            );
            selector.wanted = .of(@bitCast(p.wanted), true);
            return selector.byRelativeIndex(p.key.bytes, p.index, p.count);
        },
        .get_by_relative_rank_range, .remove_by_relative_rank_range => {
            const p = try parameters.read(
                struct { wanted: i64, value: Payload, rank: i64, count: u64 = count_all },
            );
            selector.wanted = .of(@bitCast(p.wanted), true);
            return selector.byRelativeRank(p.value.bytes, p.rank, p.count);
        },
        else => return error.InvalidParameter,
    }
}

/// Changes the map of `target`.
pub fn modify(target: *Target, code: u64, parameters: *Parameters) Error!void {
    switch (@as(Code, @fromBackingInt(code))) {
        .set_type => {
            const p = try parameters.read(struct { flags: u64 });
            try target.begin(.map, 0);
            const flags = knownFlags(p.flags) orelse return error.NotApplicable;
            target.container.flags = flags;
            target.changed = true;
        },
        .add => {
            const p = try parameters.read(struct { key: Stored, value: Stored, create: u64 = 0 });
            try target.begin(.map, knownFlags(p.create) orelse 0);
            try put(target, p.key.bytes, p.value.bytes, .{ .overwrite = false });
        },
        .put => {
            const p = try parameters.read(
                struct { key: Stored, value: Stored, create: u64 = 0, flags: u64 = 0 },
            );
            try target.begin(.map, knownFlags(p.create) orelse 0);
            try put(target, p.key.bytes, p.value.bytes, .of(p.flags));
        },
        .replace => {
            const p = try parameters.read(struct { key: Stored, value: Stored });
            try target.begin(.map, 0);
            try put(target, p.key.bytes, p.value.bytes, .{ .create = false });
        },
        .add_items => {
            const p = try parameters.read(struct { items: Stored, create: u64 = 0 });
            try target.begin(.map, knownFlags(p.create) orelse 0);
            try putItems(target, p.items.bytes, .{ .overwrite = false });
        },
        .put_items => {
            const p = try parameters.read(
                struct { items: Stored, create: u64 = 0, flags: u64 = 0 },
            );
            try target.begin(.map, knownFlags(p.create) orelse 0);
            try putItems(target, p.items.bytes, .of(p.flags));
        },
        .replace_items => {
            if (target.isMissing()) return error.ElementNotFound;
            const p = try parameters.read(struct { items: Stored });
            try target.begin(.map, 0);
            try putItems(target, p.items.bytes, .{ .create = false });
        },
        .increment, .decrement => |change_code| {
            const p = try parameters.read(
                struct { key: Payload, change: ?Payload = null, create: u64 = 0 },
            );
            try target.begin(.map, knownFlags(p.create) orelse 0);
            const change = if (p.change) |value| value.bytes else null;
            try increment(target, p.key.bytes, change, change_code == .decrement);
        },
        else => |other| {
            if (!isRemoval(other)) return error.InvalidParameter;
            if (target.isMissing()) return;
            try target.begin(.map, 0);
            if (other == .clear) return target.replace(&.{});
            const outcome = try select(target.arena, other, parameters, &target.container, true);
            target.told = outcome.result;
            if (outcome.rest) |rest| target.replace(rest);
        },
    }
}

fn isRemoval(code: Code) bool {
    return switch (code) {
        .clear,
        .remove_by_key,
        .remove_by_index,
        .remove_by_value,
        .remove_by_rank,
        .remove_by_key_list,
        .remove_all_by_value,
        .remove_by_value_list,
        .remove_by_key_interval,
        .remove_by_index_range,
        .remove_by_value_interval,
        .remove_by_rank_range,
        .remove_by_relative_index_range,
        .remove_by_relative_rank_range,
        => true,
        else => false,
    };
}

fn storable(arena: Allocator, bytes: []const u8) Error![]const u8 {
    return collection.normalizeElement(arena, bytes) catch |err| switch (err) {
        error.OutOfMemory => error.OutOfMemory,
        error.Invalid, error.NoSpaceLeft => error.InvalidParameter,
    };
}

fn tellCount(target: *Target) Error!void {
    target.told = try result.integer(target.arena, target.container.len());
}

fn put(target: *Target, key_sent: []const u8, value_sent: []const u8, flags: PutFlags) Error!void {
    const arena = target.arena;
    if (!collection.isKey(key_sent)) return error.InvalidParameter;
    const key = try storable(arena, key_sent);
    const value = try storable(arena, value_sent);
    const items = target.container.items;
    const position = MapSelection.lowerBound(items, key);
    const exists = position < items.len and order.compare(items[position], key) == .eq;
    if (flags.refusal(exists)) |refusal| {
        if (!flags.no_fail) return refusal;
        return tellCount(target);
    }
    const pair = try std.mem.concat(arena, u8, &.{ key, value });
    const rest = items[position + @intFromBool(exists) ..];
    target.replace(
        try std.mem.concat(arena, []const u8, &.{ items[0..position], &.{pair}, rest }),
    );
    try tellCount(target);
}

fn putItems(target: *Target, bytes: []const u8, flags: PutFlags) Error!void {
    const arena = target.arena;
    const sent = try storable(arena, bytes);
    if (Container.kindOf(sent) != .map) return error.InvalidParameter;
    const added = Container.parse(arena, sent) catch |err| switch (err) {
        error.OutOfMemory => return error.OutOfMemory,
        error.Malformed => return error.InvalidParameter,
    };
    if (added.items.len == 0) {
        try tellCount(target);
        return target.keep();
    }
    const items = target.container.items;
    if (items.len == 0) {
        // What may not be created is created all the same where a part of it would do.
        if (!flags.create) {
            if (!flags.no_fail) return error.ElementNotFound;
            if (!flags.partial) return tellCount(target);
        }
        target.replace(added.items);
        return tellCount(target);
    }
    var merged: std.ArrayList([]const u8) = .empty;
    try merged.ensureTotalCapacity(arena, items.len + added.items.len);
    var next: usize = 0;
    for (added.items) |pair| {
        const position = MapSelection.lowerBound(items, pair);
        const exists = position < items.len and order.compare(items[position], pair) == .eq;
        if (flags.refusal(exists)) |refusal| {
            if (!flags.no_fail) return refusal;
            if (!flags.partial) return tellCount(target);
            continue;
        }
        merged.appendSliceAssumeCapacity(items[next..position]);
        next = position + @intFromBool(exists);
        merged.appendAssumeCapacity(pair);
    }
    merged.appendSliceAssumeCapacity(items[next..]);
    target.replace(merged.items);
    return tellCount(target);
}

fn increment(
    target: *Target,
    key: []const u8,
    change: ?[]const u8,
    is_decrement: bool,
) Error!void {
    const items = target.container.items;
    const position = MapSelection.lowerBound(items, key);
    const exists = position < items.len and order.compare(items[position], key) == .eq;
    const present = if (exists) Container.valueOf(items[position]) else null;
    const sum = try number.add(present, change, is_decrement);
    const value = try sum.write(target.arena);
    try put(target, key, value, .{});
    target.told = value;
}
