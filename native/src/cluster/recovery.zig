//! Connections whose reply came too late for its command.
//!
//! When a read times out the connection is sound, only the rest of the reply is still to come. It
//! is kept here instead of being closed; the tend thread reads the rest without waiting and gives
//! the connection back to the pool. Only a reply of one frame has a known end, so only those are
//! brought here. The queue is bounded in number, in time and in bytes: what passes a bound is
//! closed. Any thread adds; the tend thread drains. A connection in here still counts in its pool.

const std = @import("std");
const assert = std.debug.assert;
const io = @import("../io.zig");
const wire = @import("../wire.zig");
const Pool = @import("pool.zig").Pool;

/// How far a reply had been read.
pub const Pending = struct {
    header_bytes: u8 = 0,
    header: [wire.proto.header_bytes]u8 = undefined,
    /// Once the header is complete: what is missing of the body.
    body_bytes_remaining: u64 = 0,
};

pub fn Recovery(comptime Net: type) type {
    return struct {
        mutex: io.sync.Mutex = .{},
        entries: [entries_max]Entry = undefined,
        count: usize = 0,

        const This = @This();
        const Connection = Pool(Net).Connection;

        pub const entries_max = 16;
        const reply_bytes_max = 1024 * 1024;
        /// Work for one connection in one tend.
        const receives_per_round_max = 64;

        pub const Entry = struct {
            connection: Connection,
            pending: Pending,
            expires_ns: u64,
        };

        pub const Progress = enum { finished, waiting, broken };

        /// False when there is no room or too much is missing; the caller closes the connection.
        pub fn add(
            recovery: *This,
            connection: Connection,
            pending: Pending,
            expires_ns: u64,
        ) bool {
            assert(pending.header_bytes <= wire.proto.header_bytes);
            if (pending.body_bytes_remaining > reply_bytes_max) return false;
            return recovery.keep(.{
                .connection = connection,
                .pending = pending,
                .expires_ns = expires_ns,
            });
        }

        /// Puts back an entry that is still waiting.
        pub fn keep(recovery: *This, entry: Entry) bool {
            recovery.mutex.lock();
            defer recovery.mutex.unlock();
            if (recovery.count == entries_max) return false;
            recovery.entries[recovery.count] = entry;
            recovery.count += 1;
            return true;
        }

        /// Takes all entries out.
        pub fn takeAll(recovery: *This, buffer: *[entries_max]Entry) []Entry {
            recovery.mutex.lock();
            defer recovery.mutex.unlock();
            const taken = buffer[0..recovery.count];
            @memcpy(taken, recovery.entries[0..recovery.count]);
            recovery.count = 0;
            return taken;
        }

        /// Reads what has arrived, without waiting.
        pub fn advance(net: *Net, entry: *Entry) Progress {
            const socket = &entry.connection.socket;
            const pending = &entry.pending;
            var scratch: [16 * 1024]u8 = undefined;
            for (0..receives_per_round_max) |_| {
                if (pending.header_bytes < wire.proto.header_bytes) {
                    const rest = pending.header[pending.header_bytes..];
                    const count = net.recv(socket, rest, 0) catch |err| return progressOf(err);
                    pending.header_bytes += @intCast(count);
                    if (pending.header_bytes < wire.proto.header_bytes) continue;
                    const header = wire.proto.decode(&pending.header, reply_bytes_max) catch
                        return .broken;
                    switch (header.kind) {
                        .message, .compressed => {},
                        else => return .broken,
                    }
                    pending.body_bytes_remaining = header.size;
                }
                if (pending.body_bytes_remaining == 0) return .finished;
                const size = @min(scratch.len, pending.body_bytes_remaining);
                const count = net.recv(socket, scratch[0..size], 0) catch |err|
                    return progressOf(err);
                pending.body_bytes_remaining -= count;
            }
            return if (pending.body_bytes_remaining == 0) .finished else .waiting;
        }

        fn progressOf(err: io.Error) Progress {
            return if (err == error.Timeout) .waiting else .broken;
        }

        pub fn resetAfterFork(recovery: *This) void {
            recovery.mutex.reset();
        }
    };
}

/// Bytes that arrive in pieces, then silence.
const TestNet = struct {
    bytes: []const u8,
    piece_bytes: usize,

    pub const Socket = u32;

    pub fn recv(net: *TestNet, _: *Socket, buffer: []u8, deadline_ns: u64) io.Error!usize {
        assert(deadline_ns == 0);
        if (net.bytes.len == 0) return error.Timeout;
        const count = @min(net.bytes.len, buffer.len, net.piece_bytes);
        @memcpy(buffer[0..count], net.bytes[0..count]);
        net.bytes = net.bytes[count..];
        return count;
    }
};
const TestRecovery = Recovery(TestNet);

fn testEntry(pending: Pending) TestRecovery.Entry {
    const connection: Pool(TestNet).Connection = .{
        .socket = 1,
        .generation = 0,
        .last_used_ns = 0,
    };
    return .{ .connection = connection, .pending = pending, .expires_ns = 0 };
}

test "the rest of a reply is read up to its end, in whatever pieces it comes" {
    const frame = wire.proto.encode(.{ .kind = .message, .size = 5 }) ++ "hello".*;
    var net: TestNet = .{ .bytes = frame[0..10], .piece_bytes = 3 };
    var entry = testEntry(.{});
    try std.testing.expectEqual(.waiting, TestRecovery.advance(&net, &entry));
    try std.testing.expectEqual(3, entry.pending.body_bytes_remaining);
    net.bytes = frame[10..];
    try std.testing.expectEqual(.finished, TestRecovery.advance(&net, &entry));
    try std.testing.expectEqual(0, net.bytes.len);
}

test "a header half read is continued; another kind of frame and a huge one are not" {
    const frame = wire.proto.encode(.{ .kind = .message, .size = 1 }) ++ "x".*;
    var net: TestNet = .{ .bytes = frame[4..], .piece_bytes = 100 };
    var pending: Pending = .{ .header_bytes = 4 };
    @memcpy(pending.header[0..4], frame[0..4]);
    var entry = testEntry(pending);
    try std.testing.expectEqual(.finished, TestRecovery.advance(&net, &entry));

    const answer = wire.proto.encode(.{ .kind = .info, .size = 100 });
    net.bytes = &answer;
    entry = testEntry(.{});
    try std.testing.expectEqual(.broken, TestRecovery.advance(&net, &entry));
    const huge = wire.proto.encode(.{ .kind = .message, .size = 1 << 40 });
    net.bytes = &huge;
    entry = testEntry(.{});
    try std.testing.expectEqual(.broken, TestRecovery.advance(&net, &entry));
}

test "the queue is bounded" {
    var recovery: TestRecovery = .{};
    const connection = testEntry(.{}).connection;
    for (0..TestRecovery.entries_max) |_| {
        try std.testing.expect(recovery.add(connection, .{}, 0));
    }
    try std.testing.expect(!recovery.add(connection, .{}, 0));
    var buffer: [TestRecovery.entries_max]TestRecovery.Entry = undefined;
    const taken = recovery.takeAll(&buffer);
    try std.testing.expectEqual(TestRecovery.entries_max, taken.len);
    const long: Pending = .{ .header_bytes = 8, .body_bytes_remaining = 1 << 30 };
    try std.testing.expect(!recovery.add(connection, long, 0));
}
