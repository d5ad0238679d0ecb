//! Lists and maps as the server keeps them: checked, integers in their shortest form, and every
//! map sorted by key, whichever order it was sent in.
//!
//! Pure: values are slices of the protocol's MessagePack dialect. `normalize` follows the server's
//! rules for what it refuses: values that only make sense in comparisons, keys that are not
//! integers, strings or blobs, duplicate keys, containers that claim an order they do not have,
//! and bytes left over.

const std = @import("std");
const wire = @import("../../wire.zig");
const Container = @import("cdt/Container.zig");
const Parameters = @import("cdt/Parameters.zig");
const order = @import("cdt/order.zig");

const Buffer = wire.Buffer;
const msgpack = wire.msgpack;
const Reader = msgpack.Reader;

pub const Kind = Container.Kind;

pub const Error = Buffer.Error || error{Invalid};

/// Deeper nesting is refused; the recursion below is bounded by it.
const depth_max = wire.particle.depth_max;

const flag_ordered = Container.flag_ordered;

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

/// A value of any type as it is kept inside a list or a map; `bytes` has to be one value.
pub fn normalizeElement(arena: std.mem.Allocator, bytes: []const u8) Error![]const u8 {
    var out = Buffer.fixed(try arena.alloc(u8, bytes.len));
    var normalizer: Normalizer = .{ .arena = arena, .out = &out, .reader = .init(bytes) };
    try normalizer.value(0);
    if (!normalizer.reader.isAtEnd()) return error.Invalid;
    return out.written();
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
            .extension => |extension| {
                if (Parameters.isStandIn(&extension)) return error.Invalid;
                try msgpack.writeExtension(normalizer.out, extension.kind, extension.data);
            },
            .int => |number| try msgpack.writeInt(normalizer.out, number),
            .uint => |number| try msgpack.writeUint(normalizer.out, number),
            .string, .binary => |text| {
                const tag = normalizer.reader.bytes[start];
                if (!isTextHeaderLong(tag, text.len)) return normalizer.copySince(start);
                try msgpack.writeString(normalizer.out, text);
            },
            .nil, .boolean, .float => try normalizer.copySince(start),
        }
    }

    /// Whether a text has a longer header than it needs; binaries count as strings.
    fn isTextHeaderLong(tag: u8, bytes: usize) bool {
        return switch (tag) {
            0xc4, 0xd9 => bytes <= 0x1f,
            0xc5, 0xda => bytes <= 0xff,
            0xc6, 0xdb => bytes <= 0xffff,
            else => false,
        };
    }

    fn copySince(normalizer: *Normalizer, start: usize) Buffer.Error!void {
        try normalizer.out.append(normalizer.reader.bytes[start..normalizer.reader.position]);
    }

    fn list(normalizer: *Normalizer, count_sent: u32, depth: usize) Error!void {
        if (depth > depth_max) return error.Invalid;
        const flags_sent = try takeFlags(&normalizer.reader, count_sent);
        const count = count_sent - @intFromBool(flags_sent != null);
        const flags = (flags_sent orelse 0) & flag_ordered;
        try normalizer.checkCount(count);
        try msgpack.writeArrayHeader(normalizer.out, count + @intFromBool(flags != 0));
        if (flags != 0) try writeFlags(normalizer.out, flags);
        var previous: ?usize = null;
        for (0..count) |_| {
            const start = normalizer.out.end;
            try normalizer.value(depth);
            if (flags & flag_ordered == 0) continue;
            if (previous) |offset| {
                const compared = order.compare(
                    normalizer.written(offset),
                    normalizer.written(start),
                );
                if (compared == .gt) return error.Invalid;
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
        const flags_known = flag_ordered | Container.flag_value_ordered;
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
            if (!isKey(normalizer.reader.rest())) return error.Invalid;
            try normalizer.value(depth);
            try normalizer.value(depth);
            if (sorted and offsets.items.len > 0) {
                const last = offsets.items[offsets.items.len - 1];
                const compared = order.compare(
                    normalizer.written(last),
                    normalizer.written(offset),
                );
                if (compared == .eq) return error.Invalid;
                sorted = compared == .lt;
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
            if (order.compare(earlier, later) == .eq) return error.Invalid;
        }
        normalizer.out.end = start;
        for (slices) |slice| normalizer.out.appendAssumeCapacity(slice);
    }

    fn lessThan(_: void, left: []const u8, right: []const u8) bool {
        return order.compare(left, right) == .lt;
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
    if (!order.isExtension(tag)) return null;
    const token = reader.next() catch return error.Invalid;
    if (Parameters.isStandIn(&token.extension)) return error.Invalid;
    return @bitCast(token.extension.kind);
}

fn writeFlags(out: *Buffer, flags: u8) Buffer.Error!void {
    try msgpack.writeExtension(out, @bitCast(flags), "");
}

/// Whether a value may be a map's key.
pub fn isKey(bytes: []const u8) bool {
    var reader = Reader.init(bytes);
    const token = reader.next() catch return false;
    switch (token) {
        .int, .uint => return true,
        .string, .binary => |text| {
            if (text.len == 0) return false;
            const kind: wire.particle.Type = @fromBackingInt(text[0]);
            return kind == .string or kind == .blob;
        },
        else => return false,
    }
}

/// The server's order of two values; what follows them in the slices does not matter.
pub fn compare(left: []const u8, right: []const u8) error{Invalid}!std.math.Order {
    return order.compare(left, right);
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

test "texts take their shortest header, long binaries keep theirs" {
    var arena = std.heap.ArenaAllocator.init(testing.allocator);
    defer arena.deinit();
    const long = "\x04" ++ @as([40]u8, @splat('x'));
    const cases = [_]struct { []const u8, []const u8 }{
        .{ "\xc4\x02\x04a", "\xa2\x04a" },
        .{ "\xda\x00\x02\x03a", "\xa2\x03a" },
        .{ "\xc4\x29" ++ long, "\xc4\x29" ++ long },
        .{ "\xc5\x00\x29" ++ long, "\xd9\x29" ++ long },
    };
    for (cases) |case| {
        const sent, const kept = case;
        try testing.expectEqualSlices(u8, kept, try normalizeElement(arena.allocator(), sent));
    }
    try testing.expectError(error.Invalid, normalizeElement(arena.allocator(), "\x01\x01"));
    try testing.expectError(error.Invalid, normalizeElement(arena.allocator(), "\xd4\xff\x00"));
}
