//! What a query has had of each of its partitions, so that every record comes once, whatever
//! happens to nodes in between.
//!
//! A query runs in rounds. In each, the partitions that are not done are dealt out to streams (one
//! a node); records name the place in their partition that the next round, or another process with
//! a token, goes on from. The server sends a partition's records in an order that all its replicas
//! share, by digest or by index value and digest.
//!
//! Pure: no I/O, no clock. Belongs to its query, and to whatever thread that is used by.

const std = @import("std");
const assert = std.debug.assert;
const wire = @import("../../wire.zig");
const Digest = wire.digest.Digest;

pub const partition_count_max = wire.digest.partitions;

/// No node.
pub const no_slot = std.math.maxInt(u16);

/// No stream of the round at hand.
pub const no_stream = std.math.maxInt(u16);

pub const Partition = struct {
    /// The last record that was had, where `has_position`.
    digest: Digest = @splat(0),
    /// Its value in the secondary index, as the server sends it.
    index_value: [8]u8 = @splat(0),
    has_position: bool = false,
    is_done: bool = false,
    /// The node that was asked does not have it.
    is_unavailable: bool = false,
    /// Which of the partition's replicas to ask next.
    replica_index: u8 = 0,
    /// Slots of the nodes that it was asked of in this round, and in vain before; maxInt: of none.
    asked: u16 = no_slot,
    failed: u16 = no_slot,
    stream: u16 = no_stream,
};

/// How a stream of a round ended.
pub const Outcome = enum {
    /// It has sent all that there is.
    complete,
    /// It has sent as many records as it was asked for; there may be more.
    limited,
    failed,
};

pub const Tracker = struct {
    gpa: std.mem.Allocator,
    first: u16,
    partitions: []Partition,
    pending: u32,
    /// Positions before the records of the chunk at hand, in their order.
    undo: std.ArrayList(Undo) = .empty,

    const Undo = struct {
        index: u16,
        /// The record was handed out; otherwise it was one that had been before.
        is_counted: bool,
        has_position: bool,
        digest: Digest,
        index_value: [8]u8,
    };

    /// Partitions `first` to `first + count - 1`.
    pub fn init(gpa: std.mem.Allocator, first: u16, count: u16) error{OutOfMemory}!Tracker {
        assert(count > 0);
        assert(@as(u32, first) + count <= partition_count_max);
        const partitions = try gpa.alloc(Partition, count);
        @memset(partitions, .{});
        return .{ .gpa = gpa, .first = first, .partitions = partitions, .pending = count };
    }

    pub fn deinit(tracker: *Tracker) void {
        tracker.gpa.free(tracker.partitions);
        tracker.undo.deinit(tracker.gpa);
        tracker.* = undefined;
    }

    /// The query goes on after this record of the first partition.
    pub fn startAfter(tracker: *Tracker, digest: *const Digest) void {
        assert(wire.digest.partitionId(digest) == tracker.first);
        tracker.partitions[0].digest = digest.*;
        tracker.partitions[0].has_position = true;
    }

    pub fn isDone(tracker: *const Tracker) bool {
        return tracker.pending == 0;
    }

    /// Begins a round: no partition belongs to a stream.
    pub fn beginRound(tracker: *Tracker) void {
        for (tracker.partitions) |*partition| {
            partition.stream = no_stream;
            partition.is_unavailable = false;
            partition.asked = no_slot;
        }
    }

    /// Notes a record that a stream has sent, and whether it is handed out. False: it is of a
    /// partition that the stream was not asked for.
    pub fn advance(
        tracker: *Tracker,
        stream: u16,
        digest: *const Digest,
        index_value: *const [8]u8,
        is_counted: bool,
    ) error{OutOfMemory}!bool {
        const index = tracker.find(stream, wire.digest.partitionId(digest)) orelse return false;
        const partition = &tracker.partitions[index];
        try tracker.undo.append(tracker.gpa, .{
            .index = index,
            .is_counted = is_counted,
            .has_position = partition.has_position,
            .digest = partition.digest,
            .index_value = partition.index_value,
        });
        partition.digest = digest.*;
        partition.index_value = index_value.*;
        partition.has_position = true;
        return true;
    }

    /// The stream's node does not have a partition. False: it was not asked for it.
    pub fn markUnavailable(tracker: *Tracker, stream: u16, partition_id: u32) bool {
        const index = tracker.find(stream, partition_id) orelse return false;
        tracker.partitions[index].is_unavailable = true;
        return true;
    }

    fn find(tracker: *Tracker, stream: u16, partition_id: u32) ?u16 {
        assert(stream != no_stream);
        if (partition_id < tracker.first) return null;
        const index = partition_id - tracker.first;
        if (index >= tracker.partitions.len) return null;
        if (tracker.partitions[index].stream != stream) return null;
        return @intCast(index);
    }

    /// Ends a round. Partitions that no node was found for have no stream.
    pub fn endRound(tracker: *Tracker, outcomes: []const Outcome) void {
        for (tracker.partitions) |*partition| {
            if (partition.is_done) continue;
            const outcome: Outcome = if (partition.stream == no_stream)
                .failed
            else if (partition.is_unavailable)
                .failed
            else
                outcomes[partition.stream];
            switch (outcome) {
                .complete => {
                    partition.is_done = true;
                    tracker.pending -= 1;
                },
                .limited => {},
                // Another replica may have it.
                .failed => {
                    partition.replica_index +%= 1;
                    partition.failed = partition.asked;
                },
            }
        }
    }

    /// All records so far have been read: `rewind` goes back to here and not further.
    pub fn settle(tracker: *Tracker) void {
        tracker.undo.clearRetainingCapacity();
    }

    // Tokens: the state as bytes. Version, whether there are index values, the query's mark, first
    // partition, count, two bits for each partition, and the positions.

    const token_version = 1;
    const token_head_bytes = 2 + mark_bytes + 4;
    pub const mark_bytes = 8;
    const State = enum(u2) { untouched = 0, positioned = 1, done = 2 };

    /// Appends a token, as if the last `unread` records had not been had.
    pub fn writeToken(
        tracker: *Tracker,
        mark: *const [mark_bytes]u8,
        with_index_values: bool,
        unread: u64,
        out: *wire.Buffer,
    ) (wire.Buffer.Error || error{InvalidArgument})!void {
        const undone = tracker.undoFor(unread) orelse return error.InvalidArgument;
        tracker.swapBack(undone);
        defer for (undone) |*entry| tracker.swap(entry);
        try out.byte(token_version);
        try out.byte(@intFromBool(with_index_values));
        try out.append(mark);
        try out.int(u16, tracker.first);
        try out.int(u16, @intCast(tracker.partitions.len));
        const states_offset = try out.reserve(stateBytes(tracker.partitions.len));
        const states = out.bytes[states_offset..][0..stateBytes(tracker.partitions.len)];
        @memset(states, 0);
        for (tracker.partitions, 0..) |*partition, index| {
            const shift: u3 = @intCast(index % 4 * 2);
            states[index / 4] |= @as(u8, @backingInt(stateOf(partition))) << shift;
        }
        for (tracker.partitions) |*partition| {
            if (stateOf(partition) != .positioned) continue;
            try out.append(&partition.digest);
            if (with_index_values) try out.append(&partition.index_value);
        }
    }

    fn stateBytes(count: usize) usize {
        return (count + 3) / 4;
    }

    fn stateOf(partition: *const Partition) State {
        if (partition.is_done) return .done;
        return if (partition.has_position) .positioned else .untouched;
    }

    /// The positions that go with the last `unread` records that were handed out; null when there
    /// are not so many.
    fn undoFor(tracker: *Tracker, unread: u64) ?[]Undo {
        const items = tracker.undo.items;
        var index = items.len;
        var counted: u64 = 0;
        while (counted < unread) {
            if (index == 0) return null;
            index -= 1;
            counted += @intFromBool(items[index].is_counted);
        }
        return items[index..];
    }

    /// Exchanges positions with those before them, the latest first; the same in the other
    /// direction takes it back.
    fn swapBack(tracker: *Tracker, undone: []Undo) void {
        var index = undone.len;
        while (index > 0) {
            index -= 1;
            tracker.swap(&undone[index]);
        }
    }

    fn swap(tracker: *Tracker, entry: *Undo) void {
        const partition = &tracker.partitions[entry.index];
        std.mem.swap(bool, &partition.has_position, &entry.has_position);
        std.mem.swap(Digest, &partition.digest, &entry.digest);
        std.mem.swap([8]u8, &partition.index_value, &entry.index_value);
    }

    pub const TokenError = error{
        OutOfMemory,
        /// Not a token, or one that was cut or changed.
        Malformed,
        /// A token of another query.
        WrongQuery,
    };

    /// A tracker that goes on where a token was taken. A token may come from anywhere, so
    /// everything about it is checked.
    pub fn fromToken(
        gpa: std.mem.Allocator,
        token: []const u8,
        mark: *const [mark_bytes]u8,
        with_index_values: bool,
    ) TokenError!Tracker {
        if (token.len < token_head_bytes) return error.Malformed;
        if (token[0] != token_version or token[1] > 1) return error.Malformed;
        if (!std.mem.eql(u8, token[2..][0..mark_bytes], mark)) return error.WrongQuery;
        if ((token[1] == 1) != with_index_values) return error.WrongQuery;
        const first = std.mem.readInt(u16, token[2 + mark_bytes ..][0..2], .big);
        const count = std.mem.readInt(u16, token[4 + mark_bytes ..][0..2], .big);
        if (count == 0 or @as(u32, first) + count > partition_count_max) return error.Malformed;
        if (token.len < token_head_bytes + stateBytes(count)) return error.Malformed;
        var tracker: Tracker = try .init(gpa, first, count);
        errdefer tracker.deinit();
        const states = token[token_head_bytes..][0..stateBytes(count)];
        var rest = token[token_head_bytes + states.len ..];
        for (tracker.partitions, 0..) |*partition, index| {
            const shift: u3 = @intCast(index % 4 * 2);
            const bits: u2 = @truncate(states[index / 4] >> shift);
            switch (std.enums.fromInt(State, bits) orelse return error.Malformed) {
                .untouched => {},
                .done => {
                    partition.is_done = true;
                    tracker.pending -= 1;
                },
                .positioned => {
                    const id: u32 = first + @as(u32, @intCast(index));
                    rest = try readPosition(partition, rest, id, with_index_values);
                },
            }
        }
        if (rest.len != 0) return error.Malformed;
        return tracker;
    }

    fn readPosition(
        partition: *Partition,
        bytes: []const u8,
        partition_id: u32,
        with_index_values: bool,
    ) error{Malformed}![]const u8 {
        var rest = bytes;
        if (rest.len < partition.digest.len) return error.Malformed;
        partition.digest = rest[0..partition.digest.len].*;
        rest = rest[partition.digest.len..];
        if (wire.digest.partitionId(&partition.digest) != partition_id) return error.Malformed;
        partition.has_position = true;
        if (!with_index_values) return rest;
        if (rest.len < partition.index_value.len) return error.Malformed;
        partition.index_value = rest[0..partition.index_value.len].*;
        return rest[partition.index_value.len..];
    }
};

/// How many records a stream is asked for, so that all together send `records`, or at least one
/// each. 0 stands for all.
pub fn share(records: u64, streams: usize, stream: usize) u64 {
    assert(stream < streams);
    if (records == 0) return 0;
    const extra: u64 = @intFromBool(stream < records % streams);
    return @max(1, records / streams + extra);
}

const testing = std.testing;

fn testDigest(partition_id: u16, number: u8) Digest {
    var digest: Digest = @splat(number);
    std.mem.writeInt(u16, digest[0..2], partition_id, .little);
    assert(wire.digest.partitionId(&digest) == partition_id);
    return digest;
}

const no_value: [8]u8 = @splat(0);

test "a partition is done when its stream is, unless its node did not have it" {
    var tracker: Tracker = try .init(testing.allocator, 100, 4);
    defer tracker.deinit();
    tracker.beginRound();
    tracker.partitions[0].stream = 0;
    tracker.partitions[1].stream = 0;
    tracker.partitions[2].stream = 1;
    try testing.expect(tracker.markUnavailable(0, 101));
    try testing.expect(!tracker.markUnavailable(0, 102));
    try testing.expect(!tracker.markUnavailable(0, 99));
    try testing.expect(!tracker.markUnavailable(0, 104));
    tracker.endRound(&.{ .complete, .failed });
    try testing.expectEqual(@as(u32, 3), tracker.pending);
    try testing.expect(tracker.partitions[0].is_done);
    for (tracker.partitions[1..]) |*partition| {
        try testing.expect(!partition.is_done);
        try testing.expectEqual(@as(u8, 1), partition.replica_index);
    }
    tracker.beginRound();
    for (tracker.partitions[1..]) |*partition| partition.stream = 0;
    tracker.endRound(&.{.limited});
    try testing.expectEqual(@as(u32, 3), tracker.pending);
    try testing.expectEqual(@as(u8, 1), tracker.partitions[1].replica_index);
    tracker.endRound(&.{.complete});
    try testing.expect(tracker.isDone());
}

test "records move the position of their partition, and of no other stream's" {
    var tracker: Tracker = try .init(testing.allocator, 0, 4096);
    defer tracker.deinit();
    tracker.beginRound();
    tracker.partitions[7].stream = 3;
    const digest = testDigest(7, 1);
    try testing.expect(try tracker.advance(3, &digest, "12345678", true));
    try testing.expect(!try tracker.advance(2, &digest, &no_value, true));
    try testing.expect(!try tracker.advance(3, &testDigest(8, 1), &no_value, true));
    try testing.expect(tracker.partitions[7].has_position);
    try testing.expectEqualStrings("12345678", &tracker.partitions[7].index_value);
    try testing.expect(!tracker.partitions[8].has_position);
}

test "a token goes on where it was taken, records that were not read excepted" {
    const gpa = testing.allocator;
    var tracker: Tracker = try .init(gpa, 5, 3);
    defer tracker.deinit();
    tracker.beginRound();
    for (tracker.partitions) |*partition| partition.stream = 0;
    tracker.partitions[2].is_done = true;
    tracker.pending = 2;
    _ = try tracker.advance(0, &testDigest(5, 1), "aaaaaaaa", true);
    tracker.settle();
    _ = try tracker.advance(0, &testDigest(6, 2), "bbbbbbbb", true);
    _ = try tracker.advance(0, &testDigest(5, 3), "cccccccc", true);
    // This one had been handed out before, and does not count.
    _ = try tracker.advance(0, &testDigest(6, 5), "eeeeeeee", false);
    _ = try tracker.advance(0, &testDigest(5, 4), "dddddddd", true);
    const before = tracker.partitions[0];

    const Case = struct { u64, ?u8, ?u8 };
    for ([_]Case{ .{ 0, 4, 5 }, .{ 1, 3, 5 }, .{ 2, 1, 2 }, .{ 3, 1, null } }) |case| {
        var token = wire.Buffer.growing(gpa, &.{}, 1 << 20);
        defer token.deinit();
        try tracker.writeToken("the mark", true, case[0], &token);
        try testing.expectEqual(before, tracker.partitions[0]);
        var other: Tracker = try .fromToken(gpa, token.written(), "the mark", true);
        defer other.deinit();
        try testing.expectEqual(@as(u32, 2), other.pending);
        try testing.expect(other.partitions[2].is_done);
        for (other.partitions[0..2], [_]?u8{ case[1], case[2] }, 5..) |*partition, number, id| {
            try testing.expectEqual(number != null, partition.has_position);
            const expected = testDigest(@intCast(id), number orelse continue);
            try testing.expectEqual(expected, partition.digest);
        }
    }
    var token = wire.Buffer.growing(gpa, &.{}, 1 << 20);
    defer token.deinit();
    const result = tracker.writeToken("the mark", true, 4, &token);
    try testing.expectError(error.InvalidArgument, result);
}

test "what is not a token of the query is refused" {
    const gpa = testing.allocator;
    var tracker: Tracker = try .init(gpa, 0, 4096);
    defer tracker.deinit();
    tracker.startAfter(&testDigest(0, 9));
    var token = wire.Buffer.growing(gpa, &.{}, 1 << 20);
    defer token.deinit();
    try tracker.writeToken("the mark", false, 0, &token);
    const bytes = token.written();
    try testing.expectError(error.WrongQuery, Tracker.fromToken(gpa, bytes, "markmark", false));
    try testing.expectError(error.WrongQuery, Tracker.fromToken(gpa, bytes, "the mark", true));
    for (0..bytes.len) |length| {
        const result = Tracker.fromToken(gpa, bytes[0..length], "the mark", false);
        try testing.expectError(error.Malformed, result);
    }
    for (0..bytes.len) |index| {
        for ([_]u8{ 1, 0x80 }) |flip| {
            bytes[index] ^= flip;
            defer bytes[index] ^= flip;
            var other = Tracker.fromToken(gpa, bytes, "the mark", false) catch continue;
            other.deinit();
        }
    }
}

test "shares add up, and nobody is asked for nothing" {
    try testing.expectEqual(@as(u64, 0), share(0, 3, 1));
    for ([_]u64{ 1, 2, 3, 4, 100, 101 }) |records| {
        var sum: u64 = 0;
        for (0..3) |stream| {
            const part = share(records, 3, stream);
            try testing.expect(part >= 1);
            sum += part;
        }
        try testing.expectEqual(@max(records, 3), sum);
    }
}
