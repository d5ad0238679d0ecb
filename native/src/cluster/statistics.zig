//! What is counted of one node. Any thread adds at any time, without a lock; whoever shows the
//! counts reads each as it is at that moment.

const std = @import("std");
const wire = @import("../wire.zig");
const msgpack = wire.msgpack;
const Status = @import("../status.zig").Status;

pub const Counter = std.atomic.Value(u64);

pub fn add(counter: *Counter, amount: u64) void {
    _ = counter.fetchAdd(amount, .monotonic);
}

fn read(counter: *const Counter) u64 {
    return counter.load(.monotonic);
}

/// Bytes of commands on records and of queries. A connection has its own, which its thread adds to
/// without troubling others; they are the node's when it comes back.
pub const Traffic = struct {
    bytes_sent: u64 = 0,
    bytes_received: u64 = 0,

    pub fn add(traffic: *Traffic, other: Traffic) void {
        traffic.bytes_sent += other.bytes_sent;
        traffic.bytes_received += other.bytes_received;
    }
};

pub const Statistics = struct {
    /// Connections.
    opened: Counter = .init(0),
    closed: Counter = .init(0),
    /// Connections lost, and answers that the node is overloaded.
    errors: Counter = .init(0),
    /// Waits that took too long.
    timeouts: Counter = .init(0),
    /// Connections whose late reply came after all.
    recovered: Counter = .init(0),
    /// Attempts that came here after one that had failed, anywhere.
    retries: Counter = .init(0),
    /// Beside those that the pool knows of.
    bytes_sent: Counter = .init(0),
    bytes_received: Counter = .init(0),
    /// Tends that the node answered, and how long they took.
    tends: Counter = .init(0),
    tend_ns: Counter = .init(0),
    /// Records of the parts of batches that were sent here.
    batches: Sizes = .{},
    /// Records of the streams of queries that came from here.
    streams: Sizes = .{},
    codes: Codes = .{},

    pub fn addTraffic(statistics: *Statistics, traffic: Traffic) void {
        add(&statistics.bytes_sent, traffic.bytes_sent);
        add(&statistics.bytes_received, traffic.bytes_received);
    }

    /// An answer of the server.
    pub fn answered(statistics: *Statistics, status: Status) void {
        if (status != .ok) statistics.codes.add(@backingInt(status));
    }

    /// Appends [opened, closed, errors, timeouts, recovered, retries, bytes sent, bytes received,
    /// tends, ns of tends, SIZES of batches, SIZES of streams, [[code, count]]], where SIZES is
    /// [sum, [count of a bucket]].
    pub fn write(
        statistics: *const Statistics,
        of_pool: Traffic,
        out: *wire.Buffer,
    ) wire.Buffer.Error!void {
        const counts = [_]u64{
            read(&statistics.opened),
            read(&statistics.closed),
            read(&statistics.errors),
            read(&statistics.timeouts),
            read(&statistics.recovered),
            read(&statistics.retries),
            read(&statistics.bytes_sent) + of_pool.bytes_sent,
            read(&statistics.bytes_received) + of_pool.bytes_received,
            read(&statistics.tends),
            read(&statistics.tend_ns),
        };
        try msgpack.writeArrayHeader(out, counts.len + 3);
        for (counts) |count| try msgpack.writeUint(out, count);
        try statistics.batches.write(out);
        try statistics.streams.write(out);
        try statistics.codes.write(out);
    }
};

/// How many records at once.
pub const Sizes = struct {
    sum: Counter = .init(0),
    counts: [bounds.len + 1]Counter = @splat(.init(0)),

    /// Upper bounds of the buckets. A last one takes what is more.
    pub const bounds = [_]u64{ 1, 10, 100, 1_000, 10_000, 100_000 };

    pub fn count(sizes: *Sizes, size: u64) void {
        const bucket = for (bounds, 0..) |bound, index| {
            if (size <= bound) break index;
        } else bounds.len;
        add(&sizes.counts[bucket], 1);
        add(&sizes.sum, size);
    }

    fn write(sizes: *const Sizes, out: *wire.Buffer) wire.Buffer.Error!void {
        try msgpack.writeArrayHeader(out, 2);
        try msgpack.writeUint(out, read(&sizes.sum));
        try msgpack.writeArrayHeader(out, sizes.counts.len);
        for (&sizes.counts) |*counter| try msgpack.writeUint(out, read(counter));
    }
};

/// Result codes that servers answered with. There are some dozens, of which a node sends a few; a
/// place is taken by the first of its code and kept. Codes beyond the places are counted together
/// in the last one, as code 0.
pub const Codes = struct {
    places: [places_count]Place = @splat(.{}),

    const places_count = 24;
    const Place = struct { code: std.atomic.Value(i32) = .init(0), count: Counter = .init(0) };

    fn add(codes: *Codes, code: i32) void {
        std.debug.assert(code != 0);
        for (codes.places[0 .. places_count - 1]) |*place| {
            const found = place.code.load(.monotonic);
            if (found != code) {
                if (found != 0) continue;
                // Someone else may have taken it meanwhile, even for the same code.
                const other = place.code.cmpxchgStrong(0, code, .monotonic, .monotonic);
                if (other != null and other.? != code) continue;
            }
            _ = place.count.fetchAdd(1, .monotonic);
            return;
        }
        _ = codes.places[places_count - 1].count.fetchAdd(1, .monotonic);
    }

    fn write(codes: *const Codes, out: *wire.Buffer) wire.Buffer.Error!void {
        // Places are taken while they are listed: read once.
        var counts: [places_count]u64 = undefined;
        var used: u32 = 0;
        for (&codes.places, &counts) |*place, *count| {
            count.* = read(&place.count);
            used += @intFromBool(count.* > 0);
        }
        try msgpack.writeArrayHeader(out, used);
        for (&codes.places, counts) |*place, count| {
            if (count == 0) continue;
            try msgpack.writeArrayHeader(out, 2);
            try msgpack.writeInt(out, place.code.load(.monotonic));
            try msgpack.writeUint(out, count);
        }
    }
};

const testing = std.testing;

test "codes are counted each, by many threads, and those beyond the places together" {
    const Worker = struct {
        fn run(statistics: *Statistics) void {
            for (0..300) |number| {
                statistics.answered(@fromBackingInt(@as(i32, @intCast(number % 30)) + 1));
                statistics.answered(.ok);
            }
        }
    };
    var statistics: Statistics = .{};
    var threads: [8]std.Thread = undefined;
    for (&threads) |*thread| thread.* = try .spawn(.{}, Worker.run, .{&statistics});
    for (threads) |thread| thread.join();
    var total: u64 = 0;
    for (statistics.codes.places[0 .. Codes.places_count - 1]) |*place| {
        try testing.expectEqual(80, place.count.raw);
        total += place.count.raw;
    }
    const last = &statistics.codes.places[Codes.places_count - 1];
    try testing.expectEqual(0, last.code.raw);
    try testing.expectEqual(2_400, total + last.count.raw);
}

test "sizes fall into the bucket of the bound that they do not exceed" {
    var sizes: Sizes = .{};
    for ([_]u64{ 0, 1, 2, 10, 11, 100_000, 100_001 }) |size| sizes.count(size);
    const expected = [_]u64{ 2, 2, 1, 0, 0, 1, 1 };
    for (expected, &sizes.counts) |count, *counter| try testing.expectEqual(count, counter.raw);
    try testing.expectEqual(200_025, sizes.sum.raw);
}
