//! Lists and maps as the server keeps them: checked, integers in their shortest form, and every
//! map sorted by key, whichever order it was sent in.
//!
//! Pure: values are slices of the protocol's MessagePack dialect. `normalize` follows the server's
//! rules for what it refuses: values that only make sense in comparisons, keys that are not
//! integers, strings or blobs, duplicate keys, containers that claim an order they do not have,
//! and bytes left over.

const std = @import("std");
const assert = std.debug.assert;
const wire = @import("../wire.zig");

const Buffer = wire.Buffer;
const msgpack = wire.msgpack;
const Reader = msgpack.Reader;

pub const Kind = enum { list, map };

pub const Error = Buffer.Error || error{Invalid};

/// Deeper nesting is refused; the recursion below is bounded by it.
const depth_max = wire.particle.depth_max;

/// Flags of a container, sent as an extension in front of its elements.
pub const flag_ordered = 0x01;
const flag_value_ordered = 0x02;
const flag_persist_index = 0x10;

/// The extension of the dialect that stands for wildcard and infinity.
const comparison_extension: i8 = -1;

/// Appends the container to `out`; `bytes` has to be one container of the kind and no more.
/// `arena` holds what is needed while sorting.
pub fn normalize(
    arena: std.mem.Allocator,
    out: *Buffer,
    kind: Kind,
    bytes: []const u8,
) Error!void {
    var normalizer: Normalizer = .{ .arena = arena, .out = out, .reader = .init(bytes) };
    const token = normalizer.reader.next() catch return error.Invalid;
    switch (token) {
        .array => |count| {
            if (kind != .list) return error.Invalid;
            try normalizer.list(count, 1);
        },
        .map => |count| {
            if (kind != .map) return error.Invalid;
            try normalizer.map(count, 1);
        },
        else => return error.Invalid,
    }
    if (!normalizer.reader.isAtEnd()) return error.Invalid;
}

const Normalizer = struct {
    arena: std.mem.Allocator,
    out: *Buffer,
    reader: Reader,

    fn value(normalizer: *Normalizer, depth: usize) Error!void {
        const start = normalizer.reader.position;
        const token = normalizer.reader.next() catch return error.Invalid;
        switch (token) {
            .array => |count| try normalizer.list(count, depth + 1),
            .map => |count| try normalizer.map(count, depth + 1),
            .extension => return error.Invalid,
            .int => |number| try msgpack.writeInt(normalizer.out, number),
            .uint => |number| try msgpack.writeUint(normalizer.out, number),
            .nil, .boolean, .float, .string, .binary => try normalizer.copySince(start),
        }
    }

    fn copySince(normalizer: *Normalizer, start: usize) Buffer.Error!void {
        try normalizer.out.append(normalizer.reader.bytes[start..normalizer.reader.position]);
    }

    fn list(normalizer: *Normalizer, count_sent: u32, depth: usize) Error!void {
        if (depth > depth_max) return error.Invalid;
        const flags_sent = try takeFlags(&normalizer.reader, count_sent);
        const count = count_sent - @intFromBool(flags_sent != null);
        const flags = (flags_sent orelse 0) & (flag_ordered | flag_persist_index);
        try normalizer.checkCount(count);
        try msgpack.writeArrayHeader(normalizer.out, count + @intFromBool(flags != 0));
        if (flags != 0) try writeFlags(normalizer.out, flags);
        var previous: ?usize = null;
        for (0..count) |_| {
            const start = normalizer.out.end;
            try normalizer.value(depth);
            if (flags & flag_ordered == 0) continue;
            if (previous) |offset| {
                const order = try compare(normalizer.written(offset), normalizer.written(start));
                if (order == .gt) return error.Invalid;
            }
            previous = start;
        }
    }

    fn map(normalizer: *Normalizer, count_sent: u32, depth: usize) Error!void {
        if (depth > depth_max) return error.Invalid;
        const flags_sent = try takeFlags(&normalizer.reader, count_sent);
        // The flags are a key, with a value that means nothing.
        if (flags_sent != null) normalizer.reader.skip() catch return error.Invalid;
        const count = count_sent - @intFromBool(flags_sent != null);
        const flags_known = flag_ordered | flag_value_ordered | flag_persist_index;
        const flags = (flags_sent orelse 0) & flags_known;
        try normalizer.checkCount(count);
        try msgpack.writeMapHeader(normalizer.out, count + @intFromBool(flags != 0));
        if (flags != 0) {
            try writeFlags(normalizer.out, flags);
            try msgpack.writeNil(normalizer.out);
        }
        const sorted = try normalizer.pairs(count, depth);
        if (sorted) return;
        if (flags & flag_ordered != 0) return error.Invalid;
    }

    /// Returns whether the pairs came in order; they are in order afterwards in any case.
    fn pairs(normalizer: *Normalizer, count: u32, depth: usize) Error!bool {
        const start = normalizer.out.end;
        var offsets: std.ArrayList(usize) = .empty;
        try offsets.ensureTotalCapacity(normalizer.arena, count);
        var sorted = true;
        for (0..count) |_| {
            const offset = normalizer.out.end;
            try checkKey(normalizer.reader.rest());
            try normalizer.value(depth);
            try normalizer.value(depth);
            if (sorted and offsets.items.len > 0) {
                const last = offsets.items[offsets.items.len - 1];
                const order = try compare(normalizer.written(last), normalizer.written(offset));
                if (order == .eq) return error.Invalid;
                sorted = order == .lt;
            }
            offsets.appendAssumeCapacity(offset);
        }
        if (!sorted) try normalizer.sort(start, offsets.items);
        return sorted;
    }

    fn sort(normalizer: *Normalizer, start: usize, offsets: []const usize) Error!void {
        const copy = try normalizer.arena.dupe(u8, normalizer.written(start));
        const slices = try normalizer.arena.alloc([]const u8, offsets.len);
        for (offsets, slices, 1..) |offset, *slice, following| {
            const end = if (following < offsets.len) offsets[following] - start else copy.len;
            slice.* = copy[offset - start .. end];
        }
        std.mem.sort([]const u8, slices, {}, lessThan);
        for (slices[1..], slices[0 .. slices.len - 1]) |later, earlier| {
            if (try compare(earlier, later) == .eq) return error.Invalid;
        }
        normalizer.out.end = start;
        for (slices) |slice| normalizer.out.appendAssumeCapacity(slice);
    }

    /// Only what this module wrote is sorted, so it cannot be malformed.
    fn lessThan(_: void, left: []const u8, right: []const u8) bool {
        return (compare(left, right) catch unreachable) == .lt;
    }

    fn written(normalizer: *Normalizer, offset: usize) []const u8 {
        return normalizer.out.bytes[offset..normalizer.out.end];
    }

    /// An element needs a byte at least, so a count beyond the bytes is refused at once.
    fn checkCount(normalizer: *const Normalizer, count: u32) Error!void {
        if (count > normalizer.reader.rest().len) return error.Invalid;
    }
};

/// The flags in front of a container's elements, passed over; null when there are none.
fn takeFlags(reader: *Reader, count: u32) Error!?u8 {
    if (count == 0) return null;
    const tag = reader.peek() orelse return error.Invalid;
    switch (tag) {
        0xc7...0xc9, 0xd4...0xd8 => {},
        else => return null,
    }
    const token = reader.next() catch return error.Invalid;
    if (token.extension.kind == comparison_extension) return error.Invalid;
    return @bitCast(token.extension.kind);
}

fn writeFlags(out: *Buffer, flags: u8) Buffer.Error!void {
    try msgpack.writeExtension(out, @bitCast(flags), "");
}

fn checkKey(bytes: []const u8) Error!void {
    var reader = Reader.init(bytes);
    const token = reader.next() catch return error.Invalid;
    switch (token) {
        .int, .uint => {},
        .string, .binary => |text| {
            if (text.len == 0) return error.Invalid;
            const kind: wire.particle.Type = @fromBackingInt(text[0]);
            if (kind != .string and kind != .blob) return error.Invalid;
        },
        else => return error.Invalid,
    }
}

/// Types in the order in which the server sorts them.
const Rank = enum {
    nil,
    false,
    true,
    negative_integer,
    integer,
    string,
    list,
    map,
    bytes,
    float,
    geojson,
    extension,

    fn of(token: msgpack.Token) Rank {
        return switch (token) {
            .nil => .nil,
            .boolean => |flag| if (flag) .true else .false,
            .int => |number| if (number < 0) .negative_integer else .integer,
            .uint => .integer,
            .float => .float,
            .array => .list,
            .map => .map,
            .extension => .extension,
            .string, .binary => |text| ofBytes(text),
        };
    }

    fn ofBytes(text: []const u8) Rank {
        if (text.len == 0) return .bytes;
        const kind: wire.particle.Type = @fromBackingInt(text[0]);
        return switch (kind) {
            .string => .string,
            .geojson => .geojson,
            else => .bytes,
        };
    }
};

/// The server's order of two values; what follows them in the slices does not matter.
pub fn compare(left: []const u8, right: []const u8) error{Invalid}!std.math.Order {
    var left_reader = Reader.init(left);
    var right_reader = Reader.init(right);
    return compareNext(&left_reader, &right_reader, 0);
}

fn compareNext(left: *Reader, right: *Reader, depth: usize) error{Invalid}!std.math.Order {
    if (depth > depth_max) return error.Invalid;
    const left_token = left.next() catch return error.Invalid;
    const right_token = right.next() catch return error.Invalid;
    const left_rank = @backingInt(Rank.of(left_token));
    const right_rank = @backingInt(Rank.of(right_token));
    if (left_rank != right_rank) return std.math.order(left_rank, right_rank);
    return switch (left_token) {
        .nil, .boolean => .eq,
        .int, .uint => std.math.order(integerOf(left_token), integerOf(right_token)),
        .float => |number| orderFloats(number, right_token.float),
        .string, .binary => std.mem.order(u8, bytesOf(left_token), bytesOf(right_token)),
        .extension => |extension| std.mem.order(u8, extension.data, right_token.extension.data),
        .array => |count| compareElements(left, right, count, right_token.array, depth),
        .map => |count| {
            if (count != right_token.map) return std.math.order(count, right_token.map);
            const values = @as(u64, count) * 2;
            return compareElements(left, right, values, values, depth);
        },
    };
}

fn compareElements(
    left: *Reader,
    right: *Reader,
    left_count: u64,
    right_count: u64,
    depth: usize,
) error{Invalid}!std.math.Order {
    for (0..@intCast(@min(left_count, right_count))) |_| {
        const order = try compareNext(left, right, depth + 1);
        if (order != .eq) return order;
    }
    return std.math.order(left_count, right_count);
}

fn integerOf(token: msgpack.Token) i128 {
    return switch (token) {
        .int => |number| number,
        .uint => |number| number,
        else => unreachable,
    };
}

fn bytesOf(token: msgpack.Token) []const u8 {
    return switch (token) {
        .string, .binary => |bytes| bytes,
        else => unreachable,
    };
}

/// Not a number is neither less nor greater, as in C.
fn orderFloats(left: f64, right: f64) std.math.Order {
    if (left < right) return .lt;
    if (left > right) return .gt;
    return .eq;
}

const testing = std.testing;

fn expectNormalized(kind: Kind, expected: []const u8, sent: []const u8) !void {
    var arena = std.heap.ArenaAllocator.init(testing.allocator);
    defer arena.deinit();
    var memory: [256]u8 = undefined;
    var out = Buffer.fixed(&memory);
    try normalize(arena.allocator(), &out, kind, sent);
    try testing.expectEqualSlices(u8, expected, out.written());
}

fn expectRefused(kind: Kind, sent: []const u8) !void {
    var arena = std.heap.ArenaAllocator.init(testing.allocator);
    defer arena.deinit();
    var memory: [256]u8 = undefined;
    var out = Buffer.fixed(&memory);
    try testing.expectError(error.Invalid, normalize(arena.allocator(), &out, kind, sent));
}

test "integers take their shortest form and everything else stays" {
    try expectNormalized(.list, "\x93\x05\xa2\x03x\xc0", "\x93\xcd\x00\x05\xa2\x03x\xc0");
    try expectNormalized(.list, "\x90", "\x90");
    try expectNormalized(.map, "\x80", "\xde\x00\x00");
}

test "maps are sorted by key, also inside others, with values kept beside their keys" {
    try expectNormalized(.map, "\x82\x01\xa2\x03b\x02\xa2\x03a", "\x82\x02\xa2\x03a\x01\xa2\x03b");
    try expectNormalized(
        .list,
        "\x91\x82\x01\x90\xa2\x03k\xc3",
        "\x91\x82\xa2\x03k\xc3\x01\x90",
    );
}

test "a map's order flag stays, and is a promise" {
    try expectNormalized(.map, "\x82\xc7\x00\x01\xc0\x01\x02", "\x82\xc7\x00\x01\xc0\x01\x02");
    try expectRefused(.map, "\x83\xc7\x00\x01\xc0\x02\x02\x01\x01");
    // No flag that means anything: the extension is left out.
    try expectNormalized(.map, "\x81\x01\x02", "\x82\xc7\x00\x00\xc0\x01\x02");
}

test "what the server refuses is refused" {
    try expectRefused(.map, "\x82\x01\x01\x01\x02"); // the same key twice, in order
    try expectRefused(.map, "\x83\x02\x01\x01\x01\x02\x02"); // and out of order
    try expectRefused(.map, "\x81\xcb\x3f\xf0\x00\x00\x00\x00\x00\x00\x01"); // a float as key
    try expectRefused(.map, "\x81\xa2\x17{\x01"); // GeoJSON as key
    try expectRefused(.list, "\x92\x01"); // too short
    try expectRefused(.list, "\x91\x01\x01"); // too long
    try expectRefused(.list, "\x91\xd4\xff\x00"); // a wildcard
    try expectRefused(.list, "\x93\xc7\x00\x01\x02\x01"); // not ordered as claimed
    try expectRefused(.list, "\x80"); // the other kind
    try expectRefused(.map, "\x01");
    try expectRefused(.list, "\xdd\xff\xff\xff\xff\x01");
    const deep: [300]u8 = @splat(0x91);
    try expectRefused(.list, &deep);
}

const one_float = "\xcb\x3f\xf0\x00\x00\x00\x00\x00\x00";

test "values of different types have the server's order" {
    const ascending = [_][]const u8{
        "\xc0",      "\xc2",         "\xc3",
        "\xff",      "\x00",         "\x05",
        "\xa2\x03a", "\xa3\x03aa",   "\x91\x01",
        "\x80",      "\x81\x01\x01", "\xa2\x04a",
        one_float,   "\xa2\x17{",
    };
    for (ascending, 0..) |left, i| {
        for (ascending, 0..) |right, j| {
            try testing.expectEqual(std.math.order(i, j), try compare(left, right));
        }
    }
}
