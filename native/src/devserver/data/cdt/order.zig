//! The order of values inside lists and maps, over the bytes of the protocol's MessagePack
//! dialect.
//!
//! Types come before values: nil, false, true, negative integers, other integers, strings, lists,
//! maps, bytes, floats, GeoJSON, unknown extensions, and above everything infinity. Lists are
//! compared element by element, maps by size first; the flags of a container do not count. A
//! wildcard ends a comparison at once: whatever follows it, both sides are equal.
//!
//! Without recursion and without memory, so that values of any depth may be compared. The bytes
//! have to begin with one whole value, as `Reader.skip` finds it; what follows it is not read.

const std = @import("std");
const wire = @import("../../../wire.zig");

const msgpack = wire.msgpack;
const Order = std.math.Order;
const Reader = msgpack.Reader;

/// The extension that stands for values which only make sense in comparisons.
pub const comparison_extension: i8 = -1;
const comparison_wildcard = 0;
const comparison_infinity = 1;

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
    wildcard,
    infinity,

    fn of(token: msgpack.Token) Rank {
        return switch (token) {
            .nil => .nil,
            .boolean => |flag| if (flag) .true else .false,
            .int => |number| if (number < 0) .negative_integer else .integer,
            .uint => .integer,
            .float => .float,
            .array => .list,
            .map => .map,
            .extension => |extension| ofExtension(&extension),
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

    fn ofExtension(extension: *const msgpack.Extension) Rank {
        if (extension.kind != comparison_extension or extension.data.len != 1) return .extension;
        return switch (extension.data[0]) {
            comparison_wildcard => .wildcard,
            comparison_infinity => .infinity,
            else => .extension,
        };
    }
};

/// The server's order of two values.
pub fn compare(left: []const u8, right: []const u8) Order {
    return compareStrictly(left, right).order;
}

pub const Comparison = struct {
    order: Order,
    /// A map was met that does not say that it is ordered.
    has_unordered_map: bool,
};

pub fn compareStrictly(left: []const u8, right: []const u8) Comparison {
    var has_unordered_map = false;
    const order = compareNoting(left, right, &has_unordered_map);
    return .{ .order = order, .has_unordered_map = has_unordered_map };
}

fn compareNoting(left: []const u8, right: []const u8, has_unordered_map: *bool) Order {
    var left_reader = Reader.init(left);
    var right_reader = Reader.init(right);
    // Values of both sides that are still to be compared, and the answer if all are equal.
    var pending: u64 = 1;
    var answer: Order = .eq;
    while (pending > 0) {
        pending -= 1;
        const left_token = take(&left_reader);
        const right_token = take(&right_reader);
        const left_rank = Rank.of(left_token);
        const right_rank = Rank.of(right_token);
        if (isUnordered(&left_reader, left_token)) has_unordered_map.* = true;
        if (isUnordered(&right_reader, right_token)) has_unordered_map.* = true;
        if (left_rank == .wildcard or right_rank == .wildcard) return .eq;
        if (left_rank != right_rank) {
            return std.math.order(@backingInt(left_rank), @backingInt(right_rank));
        }
        switch (left_token) {
            .array => |count| {
                const left_count = elements(&left_reader, count, 1);
                const right_count = elements(&right_reader, right_token.array, 1);
                if (left_count == right_count) {
                    pending += left_count;
                } else {
                    // Nothing after lists of different length is looked at.
                    pending = @min(left_count, right_count);
                    answer = std.math.order(left_count, right_count);
                }
            },
            .map => |count| {
                const left_count = elements(&left_reader, count, 2);
                const right_count = elements(&right_reader, right_token.map, 2);
                if (left_count != right_count) return std.math.order(left_count, right_count);
                pending += @as(u64, left_count) * 2;
            },
            else => {
                const order = orderScalars(left_token, right_token);
                if (order != .eq) return order;
            },
        }
    }
    return answer;
}

fn take(reader: *Reader) msgpack.Token {
    return reader.next() catch unreachable;
}

/// Whether the elements of a map that follow do not have to be in order.
fn isUnordered(reader: *const Reader, token: msgpack.Token) bool {
    const count = switch (token) {
        .map => |count| count,
        else => return false,
    };
    if (count == 0) return false;
    var ahead = reader.*;
    return switch (take(&ahead)) {
        .extension => |extension| @as(u8, @bitCast(extension.kind)) & flag_ordered == 0,
        else => true,
    };
}

const flag_ordered = 0x01;

/// Passes over the flags in front of a container's elements, and over the value that they have
/// in a map; returns how many elements are left.
fn elements(reader: *Reader, count: u32, values: u8) u32 {
    if (count == 0) return 0;
    if (!isExtension(reader.peek() orelse return count)) return count;
    const start = reader.position;
    const token = take(reader);
    if (token.extension.kind == comparison_extension) {
        reader.position = start;
        return count;
    }
    if (values == 2) reader.skip() catch unreachable;
    return count - 1;
}

pub fn isExtension(tag: u8) bool {
    return switch (tag) {
        0xc7...0xc9, 0xd4...0xd8 => true,
        else => false,
    };
}

/// Both are of the same rank, and no containers.
fn orderScalars(left: msgpack.Token, right: msgpack.Token) Order {
    return switch (left) {
        .nil, .boolean => .eq,
        .int, .uint => std.math.order(integerOf(left), integerOf(right)),
        .float => |number| orderFloats(number, right.float),
        .string, .binary => std.mem.order(u8, bytesOf(left), bytesOf(right)),
        .extension => |extension| std.mem.order(u8, extension.data, right.extension.data),
        .array, .map => unreachable,
    };
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
fn orderFloats(left: f64, right: f64) Order {
    if (left < right) return .lt;
    if (left > right) return .gt;
    return .eq;
}

const testing = std.testing;

const wildcard = "\xd4\xff\x00";
const infinity = "\xd4\xff\x01";
const one_float = "\xcb\x3f\xf0\x00\x00\x00\x00\x00\x00";

test "values of different types have the server's order" {
    const ascending = [_][]const u8{
        "\xc0",      "\xc2",         "\xc3",
        "\xff",      "\x00",         "\x05",
        "\xa2\x03a", "\xa3\x03aa",   "\x91\x01",
        "\x80",      "\x81\x01\x01", "\xa2\x04a",
        one_float,   "\xa2\x17{",    infinity,
    };
    for (ascending, 0..) |left, i| {
        for (ascending, 0..) |right, j| {
            try testing.expectEqual(std.math.order(i, j), compare(left, right));
        }
    }
}

test "lists are compared element by element, a longer one is greater than its beginning" {
    try testing.expectEqual(.lt, compare("\x92\x01\x02", "\x92\x01\x03"));
    try testing.expectEqual(.lt, compare("\x91\x01", "\x92\x01\x00"));
    try testing.expectEqual(.gt, compare("\x92\x91\x02\x00", "\x92\x92\x01\x09\x00"));
    try testing.expectEqual(.lt, compare("\x92\x91\x01\x09", "\x92\x92\x01\x00\x00"));
}

test "flags of a container do not count" {
    try testing.expectEqual(.eq, compare("\x92\xc7\x00\x01\x05", "\x91\x05"));
    try testing.expectEqual(.eq, compare("\x82\xc7\x00\x01\xc0\x01\x02", "\x81\x01\x02"));
}

test "a wildcard is equal to whatever there is from it on" {
    try testing.expectEqual(.eq, compare(wildcard, "\x05"));
    try testing.expectEqual(.eq, compare("\x92\x01" ++ wildcard, "\x94\x01\x02\x03\x04"));
    try testing.expectEqual(.gt, compare("\x92\x02" ++ wildcard, "\x92\x01\x09"));
    try testing.expectEqual(.gt, compare("\x92\x01" ++ infinity, "\x92\x01\xa2\x17{"));
}

test "values of any depth are compared" {
    const deep: [5000]u8 = @splat(0x91);
    try testing.expectEqual(.lt, compare(&deep ++ "\x01", &deep ++ "\x02"));
}
