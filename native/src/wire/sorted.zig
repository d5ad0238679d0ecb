//! Values whose maps have their pairs in the order of their keys: integers, strings, bytes, each
//! kind in its own order. So the server keeps every map, and finds equal what it compares with
//! one only if that has the same order.
//!
//! Standard MessagePack comes in, the dialect of `particle.zig` goes out. What costs memory and a
//! second look at the value is left to this file, so that values without maps do not pay for it.

const std = @import("std");
const Buffer = @import("Buffer.zig");
const msgpack = @import("msgpack.zig");
const particle = @import("particle.zig");

const Error = particle.EncodeError;
const Order = std.math.Order;

/// Pairs that need no memory of the heap.
const pairs_on_stack = 64;

/// Takes one value, which `particle.packedFromMsgpack` has found to be well-formed.
pub fn pack(buffer: *Buffer, reader: *msgpack.Reader, which: particle.Sorting) Error!void {
    var stack: [pairs_on_stack * @sizeOf(usize)]u8 align(@alignOf(usize)) = undefined;
    const gpa = buffer.gpa orelse std.mem.Allocator.failing;
    var first: std.heap.BufferFirstAllocator = .init(&stack, gpa);
    var sorter: Sorter = .{
        .buffer = buffer,
        .reader = reader,
        .which = which,
        .gpa = first.allocator(),
    };
    try sorter.pairs.ensureTotalCapacityPrecise(sorter.gpa, pairs_on_stack);
    defer sorter.pairs.deinit(sorter.gpa);
    try sorter.value();
}

const Sorter = struct {
    buffer: *Buffer,
    reader: *msgpack.Reader,
    which: particle.Sorting,
    gpa: std.mem.Allocator,
    /// Where the pairs of all maps that are open begin, those of the innermost last.
    pairs: std.ArrayList(usize) = .empty,

    fn value(sorter: *Sorter) Error!void {
        const token = try sorter.reader.next();
        switch (token) {
            .array => |count| {
                try msgpack.writeArrayHeader(sorter.buffer, count);
                for (0..count) |_| try sorter.value();
            },
            .map => |count| {
                try msgpack.writeMapHeader(sorter.buffer, count);
                if (sorter.which == .all) return sorter.members(count);
                for (0..@as(u64, count) * 2) |_| try sorter.value();
            },
            .extension => |extension| {
                const order = particle.MapOrder.ofExtension(extension.kind) orelse
                    return particle.packScalar(sorter.buffer, token);
                const count = try particle.enterOrderedMap(sorter.reader, extension);
                try particle.packMapHeader(sorter.buffer, count, order);
                try sorter.members(count);
            },
            else => try particle.packScalar(sorter.buffer, token),
        }
    }

    fn members(sorter: *Sorter, count: u32) Error!void {
        const reader = sorter.reader;
        const first = sorter.pairs.items.len;
        try sorter.pairs.ensureUnusedCapacity(sorter.gpa, count);
        for (0..count) |_| {
            sorter.pairs.appendAssumeCapacity(reader.position);
            try reader.skip();
            try reader.skip();
        }
        const end = reader.position;
        std.sort.pdq(usize, sorter.pairs.items[first..], reader.bytes, isBefore);
        for (0..count) |index| {
            // The list may have moved meanwhile.
            reader.position = sorter.pairs.items[first + index];
            try sorter.value();
            try sorter.value();
        }
        sorter.pairs.shrinkRetainingCapacity(first);
        reader.position = end;
    }
};

fn isBefore(bytes: []const u8, left: usize, right: usize) bool {
    return orderKeys(keyAt(bytes, left), keyAt(bytes, right)) == .lt;
}

fn keyAt(bytes: []const u8, position: usize) msgpack.Token {
    var reader: msgpack.Reader = .{ .bytes = bytes, .position = position };
    return reader.next() catch unreachable; // It was passed over before.
}

fn orderKeys(left: msgpack.Token, right: msgpack.Token) Order {
    const left_rank = rankOf(left);
    const right_rank = rankOf(right);
    if (left_rank != right_rank) return std.math.order(left_rank, right_rank);
    return switch (left) {
        .int => |number| std.math.order(number, right.int),
        .string => |text| std.mem.order(u8, text, right.string),
        .binary => |data| std.mem.order(u8, data, right.binary),
        else => .eq,
    };
}

fn rankOf(key: msgpack.Token) u8 {
    return switch (key) {
        .int => 0,
        .string => 1,
        .binary => 2,
        else => 3,
    };
}

const testing = std.testing;

fn expectPacked(expected: []const u8, standard: []const u8) !void {
    var memory: [128]u8 = undefined;
    var buffer = Buffer.fixed(&memory);
    var reader = msgpack.Reader.init(standard);
    try particle.packedSorted(&buffer, &reader);
    try testing.expect(reader.isAtEnd());
    try testing.expectEqualSlices(u8, expected, buffer.written());
}

test "keys are sorted as the server compares them: by kind, then by value" {
    try expectPacked(
        "\x87\xd0\x80\x06\xff\x05\x02\x04\xa1\x03\x03\xa2\x03a\x02\xa3\x03aa\x01\xa2\x04a\x00",
        "\x87\xc4\x01a\x00\xa2aa\x01\xa1a\x02\xa0\x03\x02\x04\xff\x05\xd0\x80\x06",
    );
    try expectPacked("\x80", "\x80");
    try expectPacked("\x05", "\x05");
}

test "maps are sorted at every depth, also where the outer ones are sorted already" {
    try expectPacked(
        "\x82\x01\x91\x82\x03\x00\x04\x00\x02\x82\x05\x00\x06\x00",
        "\x82\x02\x82\x06\x00\x05\x00\x01\x91\x82\x04\x00\x03\x00",
    );
    try expectPacked("\x92\x07\x82\x01\x00\x02\x00", "\x92\x07\x82\x02\x00\x01\x00");
}

test "a map with an order keeps it, and its pairs are sorted too" {
    try expectPacked(
        "\x83\xc7\x00\x01\xc0\x01\x81\xc7\x00\x03\xc0\x02\xa2\x03a",
        "\xc7\x09\x15\x82\x02\xa1a\x01\xc7\x01\x16\x80",
    );
}

test "of what is stored, only maps with an order are sorted" {
    const standard = "\x82\x02\x00\x01\x90";
    const wanted = [_]struct { []const u8, []const u8 }{
        .{ standard, standard },
        .{
            "\x91\xc7\x05\x15" ++ standard,
            "\x91\x83\xc7\x00\x01\xc0\x01\x90\x02\x00",
        },
    };
    for (wanted) |case| {
        var memory: [32]u8 = undefined;
        var buffer = Buffer.fixed(&memory);
        var reader = msgpack.Reader.init(case[0]);
        _ = try particle.particleFromMsgpack(&buffer, &reader);
        try testing.expectEqualSlices(u8, case[1], buffer.written());
    }
}

test "maps that are larger than the stack has room for take memory, and say when there is none" {
    var standard: Buffer = .growing(testing.allocator, &.{}, 4096);
    defer standard.deinit();
    try msgpack.writeMapHeader(&standard, 300);
    for (0..300) |index| {
        try msgpack.writeInt(&standard, 299 - @as(i64, @intCast(index)));
        try msgpack.writeNil(&standard);
    }
    var out: Buffer = .growing(testing.allocator, &.{}, 4096);
    defer out.deinit();
    var reader = msgpack.Reader.init(standard.written());
    try particle.packedSorted(&out, &reader);
    var packed_reader = msgpack.Reader.init(out.written());
    try testing.expectEqual(300, (try packed_reader.next()).map);
    for (0..300) |index| {
        try testing.expectEqual(@as(i64, @intCast(index)), (try packed_reader.next()).int);
        try packed_reader.skip();
    }
    var memory: [4096]u8 = undefined;
    var fixed = Buffer.fixed(&memory);
    reader = msgpack.Reader.init(standard.written());
    try testing.expectError(error.OutOfMemory, particle.packedSorted(&fixed, &reader));
}

test "keys that no map can have are refused, wherever they are" {
    for ([_][]const u8{
        "\x81\xc0\x01",      "\x81\xc3\x01",             "\x81\xcb\x3f\xf0\x00\x00\x00\x00\x00\x00\x01",
        "\x81\x90\x01",      "\x91\x81\x80\x01",         "\x81\x01\x81\xd4\x7e\x00\x01",
        "\x81\xd4\x17a\x01", "\xc7\x03\x15\x81\xc2\x01",
    }) |standard| {
        var memory: [64]u8 = undefined;
        var buffer = Buffer.fixed(&memory);
        var reader = msgpack.Reader.init(standard);
        try testing.expectError(error.UnsupportedMapKey, particle.packedSorted(&buffer, &reader));
        reader = msgpack.Reader.init(standard);
        const stored = particle.packedFromMsgpack(&buffer, &reader, .stored);
        try testing.expectError(error.UnsupportedMapKey, stored);
    }
}
