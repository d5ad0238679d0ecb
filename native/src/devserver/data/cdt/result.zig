//! What an operation on a list or a map answers: the kinds of results and how they are written.
//!
//! A result is a value of the protocol's MessagePack dialect, or nothing.

const std = @import("std");
const wire = @import("../../../wire.zig");
const Container = @import("Container.zig");
const selection = @import("selection.zig");

const Allocator = std.mem.Allocator;
const Buffer = wire.Buffer;
const Range = selection.Range;
const msgpack = wire.msgpack;

/// Everything that an operation can fail with.
pub const Error = error{
    InvalidParameter,
    NotApplicable,
    IndexOutOfBounds,
    RankOutOfBounds,
    BoundedListOverflow,
    IncompatibleType,
    ElementNotFound,
    ElementExists,
    TooBig,
    Unknown,
    OutOfMemory,
};

pub const Result = ?[]const u8;

pub const Kind = enum(u16) {
    none = 0,
    index = 1,
    reverse_index = 2,
    rank = 3,
    reverse_rank = 4,
    count = 5,
    key = 6,
    value = 7,
    key_value = 8,
    index_range = 9,
    reverse_index_range = 10,
    rank_range = 11,
    reverse_rank_range = 12,
    exists = 13,
    unordered_map = 16,
    ordered_map = 17,
    _,
};

/// What a request wants to be told.
pub const Wanted = struct {
    kind: Kind,
    /// About everything but the elements that were named.
    inverted: bool = false,
    /// In a list, however many results there are.
    is_multi: bool,

    const flag_inverted = 0x10000;

    pub fn of(flags: u64, is_multi: bool) Wanted {
        return .{
            .kind = @fromBackingInt(@as(u16, @truncate(flags))),
            .inverted = flags & flag_inverted != 0,
            .is_multi = is_multi,
        };
    }

    pub fn isIndex(wanted: Wanted) bool {
        return wanted.kind == .index or wanted.kind == .reverse_index;
    }

    pub fn isRank(wanted: Wanted) bool {
        return wanted.kind == .rank or wanted.kind == .reverse_rank;
    }

    pub fn isIndexRange(wanted: Wanted) bool {
        return wanted.kind == .index_range or wanted.kind == .reverse_index_range;
    }

    pub fn isRankRange(wanted: Wanted) bool {
        return wanted.kind == .rank_range or wanted.kind == .reverse_rank_range;
    }

    pub fn isMap(wanted: Wanted) bool {
        return switch (wanted.kind) {
            .key_value, .unordered_map, .ordered_map => true,
            else => false,
        };
    }

    pub fn isElements(wanted: Wanted) bool {
        return wanted.kind == .key or wanted.kind == .value or wanted.isMap();
    }

    /// Counted from the end.
    pub fn isReversed(wanted: Wanted) bool {
        return wanted.kind == .reverse_index or wanted.kind == .reverse_rank;
    }

    /// The flags of a map that is a result.
    pub fn mapFlags(wanted: Wanted) u8 {
        return switch (wanted.kind) {
            .key_value => Container.flag_preserve_order,
            .ordered_map => Container.flag_ordered,
            else => 0,
        };
    }
};

/// The kinds that a list has nothing for.
pub fn isOfMaps(kind: Kind) bool {
    return switch (kind) {
        .key, .key_value, .unordered_map, .ordered_map => true,
        else => false,
    };
}

/// What is told when no element was found; ranges begin at `index`.
pub fn notFound(arena: Allocator, wanted: Wanted, index: i64) Error!Result {
    return switch (wanted.kind) {
        .none => null,
        .index_range, .reverse_index_range, .rank_range, .reverse_rank_range => {
            return try pair(arena, index, 0);
        },
        .index, .reverse_index, .rank, .reverse_rank => {
            return if (wanted.is_multi) empty_list else try integer(arena, -1);
        },
        .count => try integer(arena, 0),
        .exists => boolean(false),
        .key, .value => if (wanted.is_multi) empty_list else null,
        .key_value, .unordered_map, .ordered_map => {
            return try Container.empty(.map, wanted.mapFlags()).write(arena);
        },
        _ => error.NotApplicable,
    };
}

pub const empty_list = "\x90";

pub fn integer(arena: Allocator, number: i64) error{OutOfMemory}![]const u8 {
    var buffer = Buffer.fixed(try arena.alloc(u8, integer_bytes_max));
    msgpack.writeInt(&buffer, number) catch unreachable;
    return buffer.written();
}

pub const integer_bytes_max = 9;

pub fn boolean(flag: bool) []const u8 {
    return if (flag) "\xc3" else "\xc2";
}

pub fn pair(arena: Allocator, first: i64, second: i64) error{OutOfMemory}![]const u8 {
    var list: Integers = .{ .arena = arena };
    try list.add(first);
    try list.add(second);
    return list.write();
}

/// Counts, and indexes or ranks that follow each other.
pub fn positions(arena: Allocator, wanted: Wanted, range: Range, total: u32) Error!Result {
    switch (wanted.kind) {
        .none => return null,
        .count => {
            return try integer(arena, if (wanted.inverted) total - range.count else range.count);
        },
        .exists => return boolean((range.count == 0) == wanted.inverted),
        .index, .reverse_index, .rank, .reverse_rank => {},
        else => return error.NotApplicable,
    }
    if (!wanted.is_multi) {
        if (range.count == 0) return try integer(arena, -1);
        const reversed = total - range.start - 1;
        return try integer(arena, if (wanted.isReversed()) reversed else range.start);
    }
    var list: Integers = .{ .arena = arena };
    if (wanted.inverted) {
        try list.addOutside(range, total, wanted.isReversed());
    } else {
        try list.addRange(range, total, wanted.isReversed());
    }
    return try list.write();
}

/// As `positions`, and ranges.
pub fn ranges(arena: Allocator, wanted: Wanted, range: Range, total: u32) Error!Result {
    const start = switch (wanted.kind) {
        .index_range, .rank_range => range.start,
        .reverse_index_range, .reverse_rank_range => total - range.end(),
        else => return positions(arena, wanted, range, total),
    };
    if (wanted.inverted) return error.NotApplicable;
    return try pair(arena, start, range.count);
}

/// A list of integers that grows.
pub const Integers = struct {
    arena: Allocator,
    numbers: std.ArrayList(i64) = .empty,

    pub fn add(list: *Integers, number: i64) error{OutOfMemory}!void {
        try list.numbers.append(list.arena, number);
    }

    /// One position, possibly counted from the end.
    pub fn addPosition(
        list: *Integers,
        position: u32,
        total: u32,
        reversed: bool,
    ) error{OutOfMemory}!void {
        try list.add(if (reversed) @as(i64, total) - position - 1 else position);
    }

    /// Ascending in any case.
    pub fn addRange(
        list: *Integers,
        range: Range,
        total: u32,
        reversed: bool,
    ) error{OutOfMemory}!void {
        const start = if (reversed) total - range.end() else range.start;
        for (start..start + range.count) |number| try list.add(@intCast(number));
    }

    /// What lies before and after a range.
    pub fn addOutside(
        list: *Integers,
        range: Range,
        total: u32,
        reversed: bool,
    ) error{OutOfMemory}!void {
        try list.addRange(.{ .start = 0, .count = range.start }, total, reversed);
        const after: Range = .{ .start = range.end(), .count = total - range.end() };
        try list.addRange(after, total, reversed);
    }

    pub fn write(list: *const Integers) error{OutOfMemory}![]const u8 {
        const count = list.numbers.items.len;
        const size = 5 + count * integer_bytes_max;
        var buffer = Buffer.fixed(try list.arena.alloc(u8, size));
        msgpack.writeArrayHeader(&buffer, @intCast(count)) catch unreachable;
        for (list.numbers.items) |number| msgpack.writeInt(&buffer, number) catch unreachable;
        return buffer.written();
    }
};
