//! Frames of a reply on a connection, waiting on the calling thread.
//!
//! A frame is read into memory of the caller's stack when it fits, which nearly all do, and else
//! into a heap allocation, given back by `Receiver.deinit`.

const std = @import("std");
const assert = std.debug.assert;
const Failure = @import("../status.zig").Failure;
const Status = @import("../status.zig").Status;
const unfilled = @import("../unfilled.zig");
const wire = @import("../wire.zig");

/// The largest reply that is accepted (as/include/base/proto.h: PROTO_SIZE_MAX).
pub const frame_bytes_max = 128 * 1024 * 1024;

const header_bytes = wire.proto.header_bytes;
/// The small frame with which the reply to a batch or a query ends comes along with the one before.
const last_frame_bytes = header_bytes + wire.message.header_bytes;

pub const Error = error{
    OutOfMemory,
    /// The bytes are not a frame of the protocol.
    BadFrame,
    /// More bytes came than the reply announced.
    UnexpectedBytes,
};

pub const Frame = struct {
    kind: wire.proto.Kind,
    /// Valid until the next frame is received.
    body: []const u8,
};

pub const Receiver = struct {
    gpa: std.mem.Allocator,
    heap: []u8 = &.{},
    /// What was received and not yet handed out: `memory()[start..end]`.
    start: usize = 0,
    end: usize = 0,
    /// Where received bytes are counted.
    counter: ?*u64 = null,
    /// Of the frame at hand, with its header; 0 while the header is not complete.
    total: usize = 0,
    /// One receive of this size takes header and body of a usual reply at once.
    stack: [16 * 1024]u8 = undefined,

    pub fn deinit(receiver: *Receiver) void {
        unfilled.free(receiver.gpa, receiver.heap);
        receiver.heap = &.{};
    }

    fn memory(receiver: *Receiver) []u8 {
        return if (receiver.heap.len > 0) receiver.heap else &receiver.stack;
    }

    /// Reads one frame. `waits` gives the deadline of each wait (`waitDeadline(now_ns)`).
    pub fn next(receiver: *Receiver, net: anytype, socket: anytype, waits: anytype) !Frame {
        receiver.total = 0;
        try receiver.fill(net, socket, waits, header_bytes);
        const head = receiver.memory()[receiver.start..][0..header_bytes];
        const header = wire.proto.decode(head, frame_bytes_max) catch return error.BadFrame;
        receiver.total = header_bytes + header.size;
        try receiver.fill(net, socket, waits, receiver.total);
        const frame = receiver.memory()[receiver.start..][0..receiver.total];
        receiver.start += receiver.total;
        return .{ .kind = header.kind, .body = frame[header_bytes..] };
    }

    /// Nothing was received beyond the frames that were handed out.
    pub fn isDrained(receiver: *const Receiver) bool {
        return receiver.start == receiver.end;
    }

    /// Receives until `needed` bytes are at hand.
    fn fill(
        receiver: *Receiver,
        net: anytype,
        socket: anytype,
        waits: anytype,
        needed: usize,
    ) !void {
        if (receiver.end - receiver.start >= needed) return;
        try receiver.makeRoom(needed);
        while (receiver.end - receiver.start < needed) {
            const room = receiver.memory()[receiver.end..];
            const count = try net.recv(socket, room, waits.waitDeadline(net.now()));
            if (receiver.counter) |counter| counter.* += count;
            receiver.end += count;
        }
    }

    fn makeRoom(receiver: *Receiver, needed: usize) error{OutOfMemory}!void {
        const have = receiver.memory()[receiver.start..receiver.end];
        if (receiver.memory().len < needed) {
            const larger = try unfilled.alloc(u8, receiver.gpa, needed + last_frame_bytes);
            @memcpy(larger[0..have.len], have);
            unfilled.free(receiver.gpa, receiver.heap);
            receiver.heap = larger;
        } else if (receiver.memory().len - receiver.start < needed) {
            std.mem.copyForwards(u8, receiver.memory()[0..have.len], have);
        } else return;
        receiver.start = 0;
        receiver.end = have.len;
    }

    /// How far the frame at hand came before an error, for the recovery of its socket.
    pub fn pending(receiver: *Receiver, T: type) T {
        const have = receiver.memory()[receiver.start..receiver.end];
        var result: T = .{};
        result.header_bytes = @intCast(@min(have.len, header_bytes));
        @memcpy(result.header[0..result.header_bytes], have[0..result.header_bytes]);
        if (receiver.total != 0) result.body_bytes_remaining = receiver.total - have.len;
        return result;
    }
};

/// Turns an error of sending or receiving into a failure. Timeouts are worded by the caller, who
/// knows the limits.
pub fn describe(err: anyerror, failure: *Failure) void {
    switch (err) {
        error.Timeout => failure.set(.timeout, "client timeout", .{}),
        error.Interrupted => failure.set(.interrupted, "interrupted by a signal", .{}),
        error.OutOfMemory => failure.set(.out_of_memory, "out of memory", .{}),
        error.SystemResources => failure.set(
            .no_descriptor,
            "no socket could be opened: {s}",
            .{Status.text(.no_descriptor)},
        ),
        error.BadFrame => failure.set(
            .client,
            "the reply is not a frame of the Aerospike protocol, or is larger than {d} bytes",
            .{frame_bytes_max},
        ),
        error.UnexpectedBytes => failure.set(
            .client,
            "more bytes came than the reply announced",
            .{},
        ),
        error.ConnectionClosed => failure.set(
            .connection,
            "the server closed the connection",
            .{},
        ),
        error.ConnectionRefused => failure.set(.connection, "connection refused", .{}),
        else => failure.set(.connection, "network error: {t}", .{err}),
    }
}

/// Hands out its bytes in pieces of a size.
const TestNet = struct {
    bytes: []const u8,
    piece_bytes: usize,

    fn now(_: *TestNet) u64 {
        return 0;
    }

    fn recv(net: *TestNet, _: void, room: []u8, _: u64) error{ConnectionClosed}!usize {
        if (net.bytes.len == 0) return error.ConnectionClosed;
        const count = @min(net.piece_bytes, room.len, net.bytes.len);
        @memcpy(room[0..count], net.bytes[0..count]);
        net.bytes = net.bytes[count..];
        return count;
    }

    const Waits = struct {
        fn waitDeadline(_: Waits, _: u64) u64 {
            return 0;
        }
    };
};

test "frames of any size come out whole, however they are torn" {
    const gpa = std.testing.allocator;
    const sizes = [_]usize{ 0, 1, 100, 20_000, 5, 40_000, 16 * 1024 - 8, 3 };
    var stream: std.ArrayList(u8) = .empty;
    defer stream.deinit(gpa);
    for (sizes, 0..) |size, number| {
        const header = wire.proto.encode(.{ .kind = .message, .size = @intCast(size) });
        try stream.appendSlice(gpa, &header);
        try stream.appendNTimes(gpa, @intCast(number), size);
    }
    for ([_]usize{ 1, 7, 8, 1000, 1 << 20 }) |piece_bytes| {
        var net: TestNet = .{ .bytes = stream.items, .piece_bytes = piece_bytes };
        var receiver: Receiver = .{ .gpa = gpa };
        defer receiver.deinit();
        for (sizes, 0..) |size, number| {
            const frame = try receiver.next(&net, {}, TestNet.Waits{});
            try std.testing.expectEqual(size, frame.body.len);
            for (frame.body) |byte| try std.testing.expectEqual(number, byte);
        }
        try std.testing.expect(receiver.isDrained());
        const last = receiver.next(&net, {}, TestNet.Waits{});
        try std.testing.expectError(error.ConnectionClosed, last);
    }
}

test "a length that no server would send is refused before memory is asked for" {
    var net: TestNet = .{ .bytes = "\x02\x03\xff\xff\xff\xff\xff\xff", .piece_bytes = 8 };
    var receiver: Receiver = .{ .gpa = std.testing.failing_allocator };
    const frame = receiver.next(&net, {}, TestNet.Waits{});
    try std.testing.expectError(error.BadFrame, frame);
}
