//! A record: metadata, the stored user key, and its bins, in one allocation.
//!
//! The bins are kept as the operations of a reply, byte for byte, so that reading a whole record
//! is one copy. A write loads the bins into a `BinList` (slices into the old record, the request
//! and the thread's arena), changes that, and builds a new record from it. Records belong to
//! the store and are only touched under the lock of their partition.

const std = @import("std");
const assert = std.debug.assert;
const wire = @import("../../wire.zig");

const operation = wire.operation;
const particle = wire.particle;

pub const bins_max = 0x7fff;

/// Seconds between the Unix epoch and 2010-01-01, from which void times count.
pub const epoch_offset_s = 1_262_304_000;

/// What a node's clock shows, as the protocol counts.
pub const Now = struct {
    unix_ms: u64,

    /// Milliseconds since 2010-01-01.
    pub fn epochMs(now: Now) u64 {
        return now.unix_ms -| @as(u64, epoch_offset_s) * 1000;
    }

    /// Seconds since 2010-01-01.
    pub fn epochS(now: Now) u32 {
        return @intCast(@min(now.epochMs() / 1000, std.math.maxInt(u32)));
    }
};

pub const Bin = struct {
    name: []const u8,
    kind: particle.Type,
    value: []const u8,

    /// Size as an operation of a reply.
    fn encodedBytes(bin: *const Bin) usize {
        return operation.header_bytes + bin.name.len + bin.value.len;
    }
};

/// Bins by their names, in their order.
pub const BinList = std.array_hash_map.String(Bin);

/// What a record has besides its bins; also the head of its allocation.
pub const Meta = struct {
    digest: wire.digest.Digest,
    /// 0 is "never written"; wraps from 65535 to 1.
    generation: u16 = 0,
    /// 0: not in a set.
    set_id: u16 = 0,
    /// Seconds since 2010-01-01; 0: never expires.
    void_time_s: u32 = 0,
    /// Milliseconds since 2010-01-01.
    last_update_ms: u64 = 0,

    pub fn isExpired(meta: *const Meta, now: Now) bool {
        return meta.void_time_s != 0 and meta.void_time_s < now.epochS();
    }

    pub fn nextGeneration(meta: *const Meta) u16 {
        const next = meta.generation +% 1;
        return if (next == 0) 1 else next;
    }
};

pub const Record = struct {
    meta: Meta,
    key_bytes: u32,
    bins_bytes: u32,
    bin_count: u16,

    const alignment = std.mem.Alignment.of(Record);

    /// Copies everything. The caller owns the record and ends it with `destroy`.
    pub fn create(
        gpa: std.mem.Allocator,
        meta: Meta,
        key: []const u8,
        bins: []const Bin,
    ) error{OutOfMemory}!*Record {
        assert(bins.len <= bins_max);
        assert(meta.generation != 0);
        var bins_bytes: usize = 0;
        for (bins) |*bin| bins_bytes += bin.encodedBytes();
        const memory = try gpa.alignedAlloc(u8, alignment, memoryBytes(key.len, bins_bytes));
        const record: *Record = @ptrCast(memory.ptr);
        record.* = .{
            .meta = meta,
            .key_bytes = @intCast(key.len),
            .bins_bytes = @intCast(bins_bytes),
            .bin_count = @intCast(bins.len),
        };
        const target = memory[@sizeOf(Record)..];
        @memcpy(target[0..key.len], key);
        encodeBins(target[key.len..], bins);
        return record;
    }

    pub fn destroy(record: *Record, gpa: std.mem.Allocator) void {
        const bytes = record.allocation();
        gpa.free(bytes);
    }

    fn memoryBytes(key_bytes: usize, bins_bytes: usize) usize {
        return @sizeOf(Record) + key_bytes + bins_bytes;
    }

    pub fn allocation(record: *Record) []align(alignment.toByteUnits()) u8 {
        const start: [*]align(alignment.toByteUnits()) u8 = @ptrCast(record);
        return start[0..memoryBytes(record.key_bytes, record.bins_bytes)];
    }

    fn payload(record: *const Record) [*]const u8 {
        const start: [*]const u8 = @ptrCast(record);
        return start + @sizeOf(Record);
    }

    /// The stored user key: particle type byte and value. Empty when none is stored.
    pub fn storedKey(record: *const Record) []const u8 {
        return record.payload()[0..record.key_bytes];
    }

    /// The operations of a reply that returns every bin.
    pub fn encodedBins(record: *const Record) []const u8 {
        return record.payload()[record.key_bytes..][0..record.bins_bytes];
    }

    pub fn iterateBins(record: *const Record) BinIterator {
        return .{ .rest = record.encodedBins() };
    }

    /// In the place of the list's bins.
    pub fn loadBins(
        record: *const Record,
        gpa: std.mem.Allocator,
        bins: *BinList,
    ) error{OutOfMemory}!void {
        bins.clearRetainingCapacity();
        try bins.ensureTotalCapacity(gpa, record.bin_count);
        var iterator = record.iterateBins();
        while (iterator.next()) |bin| bins.putAssumeCapacityNoClobber(bin.name, bin);
    }

    /// Looks at all bins before it.
    pub fn findBin(record: *const Record, name: []const u8) ?Bin {
        var iterator = record.iterateBins();
        while (iterator.next()) |bin| {
            if (std.mem.eql(u8, bin.name, name)) return bin;
        }
        return null;
    }
};

pub const BinIterator = struct {
    rest: []const u8,

    pub fn next(iterator: *BinIterator) ?Bin {
        const rest = iterator.rest;
        if (rest.len == 0) return null;
        const end = 4 + @as(usize, std.mem.readInt(u32, rest[0..4], .big));
        const name_end = operation.header_bytes + @as(usize, rest[7]);
        iterator.rest = rest[end..];
        return .{
            .name = rest[operation.header_bytes..name_end],
            .kind = @fromBackingInt(rest[5]),
            .value = rest[name_end..end],
        };
    }
};

fn encodeBins(target: []u8, bins: []const Bin) void {
    var rest = target;
    for (bins) |*bin| {
        const size = bin.encodedBytes();
        std.mem.writeInt(u32, rest[0..4], @intCast(size - 4), .big);
        rest[4..8].* = .{
            @backingInt(operation.Code.read),
            @backingInt(bin.kind),
            0,
            @intCast(bin.name.len),
        };
        @memcpy(rest[8..][0..bin.name.len], bin.name);
        @memcpy(rest[8 + bin.name.len ..][0..bin.value.len], bin.value);
        rest = rest[size..];
    }
    assert(rest.len == 0);
}

/// Storage comes in pieces of this size; a record that is being made counts as one.
pub const block_bytes = 16;

/// What a stored record takes of them.
pub fn blocksBytes(
    arena: std.mem.Allocator,
    record: *const Record,
    set_name_bytes: usize,
) error{OutOfMemory}!usize {
    var bins: std.ArrayList(Bin) = .empty;
    var iterator = record.iterateBins();
    while (iterator.next()) |bin| try bins.append(arena, bin);
    const key_bytes = record.storedKey().len;
    const bytes = storedBytes(&record.meta, set_name_bytes, key_bytes, bins.items);
    return std.mem.alignForward(usize, bytes, block_bytes);
}

/// What a server with storage takes for the record, by which it judges its size limit.
pub fn storedBytes(
    meta: *const Meta,
    set_name_bytes: usize,
    key_bytes: usize,
    bins: []const Bin,
) usize {
    var size: usize = 35 + 4;
    if (meta.void_time_s != 0) size += 4;
    if (set_name_bytes != 0) size += 1 + set_name_bytes;
    if (key_bytes != 0) size += variableLengthBytes(key_bytes) + key_bytes;
    if (bins.len != 0) size += variableLengthBytes(bins.len);
    for (bins) |*bin| size += 1 + bin.name.len + storedValueBytes(bin);
    return size;
}

fn storedValueBytes(bin: *const Bin) usize {
    return switch (bin.kind) {
        .boolean => 2,
        .float => 9,
        .integer => 2 + integerBytes(bin.value),
        else => 5 + bin.value.len,
    };
}

fn integerBytes(value: []const u8) usize {
    assert(value.len == 8);
    const number = std.mem.readInt(u64, value[0..8], .big);
    if (number > std.math.maxInt(u32)) return 8;
    if (number > std.math.maxInt(u16)) return 4;
    if (number > std.math.maxInt(u8)) return 2;
    return 1;
}

/// Seven bits a byte.
fn variableLengthBytes(number: usize) usize {
    var size: usize = 1;
    var rest = number >> 7;
    while (rest != 0) : (rest >>= 7) size += 1;
    return size;
}

const testing = std.testing;

test "a record gives back its key and bins, in order" {
    const bins = [_]Bin{
        .{ .name = "a", .kind = .integer, .value = &.{ 0, 0, 0, 0, 0, 0, 0, 5 } },
        .{ .name = "empty", .kind = .string, .value = "" },
        .{ .name = "text", .kind = .string, .value = "hello" },
    };
    const meta: Meta = .{ .digest = @splat(7), .generation = 3 };
    const record = try Record.create(testing.allocator, meta, "\x03key", &bins);
    defer record.destroy(testing.allocator);
    try testing.expectEqualStrings("\x03key", record.storedKey());
    var iterator = record.iterateBins();
    for (bins) |expected| {
        const bin = iterator.next().?;
        try testing.expectEqualStrings(expected.name, bin.name);
        try testing.expectEqual(expected.kind, bin.kind);
        try testing.expectEqualStrings(expected.value, bin.value);
    }
    try testing.expect(iterator.next() == null);
    try testing.expectEqualStrings("hello", record.findBin("text").?.value);
    try testing.expect(record.findBin("tex") == null);
}

test "encoded bins are the operations of a reply" {
    const bins = [_]Bin{.{ .name = "ab", .kind = .string, .value = "xyz" }};
    const meta: Meta = .{ .digest = @splat(7), .generation = 1 };
    const record = try Record.create(testing.allocator, meta, "", &bins);
    defer record.destroy(testing.allocator);
    const expected = "\x00\x00\x00\x09\x01\x03\x00\x02abxyz";
    try testing.expectEqualStrings(expected, record.encodedBins());
}

test "generations skip 0 when they wrap" {
    const meta: Meta = .{ .digest = @splat(0), .generation = 65535 };
    try testing.expectEqual(@as(u16, 1), meta.nextGeneration());
}

test "a record expires in the second after its void time" {
    const now: Now = .{ .unix_ms = (epoch_offset_s + 1000) * 1000 };
    var meta: Meta = .{ .digest = @splat(0), .void_time_s = 1000 };
    try testing.expect(!meta.isExpired(now));
    try testing.expect(meta.isExpired(.{ .unix_ms = now.unix_ms + 1000 }));
    meta.void_time_s = 0;
    try testing.expect(!meta.isExpired(.{ .unix_ms = now.unix_ms + 1000 }));
}
