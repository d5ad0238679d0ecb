//! One request to one node and its reply of one or more frames: what a command hands to a driver.
//!
//! Two drivers take it, with the same contract: `blocking.zig` on the calling thread, `loop.zig` for
//! many at once. Both find a connection, send, receive, hand each frame to the handler, and tell it
//! once how it ended. An exchange that ends without its reply does so by one exit, `fail`: it says
//! why, and counts what that means for the node. Whether the command goes on is for `executor.zig`
//! to judge, by the failure's status alone.

const std = @import("std");
const assert = std.debug.assert;
const cluster = @import("../cluster.zig");
const executor = @import("executor.zig");
const timers = @import("timers.zig");
const tls = @import("../tls.zig");
const unfilled = @import("../unfilled.zig");
const wire = @import("../wire.zig");
const Failure = @import("../status.zig").Failure;
const Status = @import("../status.zig").Status;

/// The largest reply that is accepted (as/include/base/proto.h: PROTO_SIZE_MAX).
pub const frame_bytes_max = 128 * 1024 * 1024;

const header_bytes = wire.proto.header_bytes;
/// The small frame with which the reply to a batch or a query ends comes along with the one before.
const last_frame_bytes = header_bytes + wire.message.header_bytes;

pub const Error = error{
    OutOfMemory,
    /// The bytes are not a frame of the protocol.
    BadFrame,
    /// More bytes came than the reply announced, or some before the request was sent.
    UnexpectedBytes,
};

pub const Frame = struct {
    kind: wire.proto.Kind,
    /// Valid until the next frame is received.
    body: []const u8,
};

/// The limits of one exchange's waits.
pub const Limits = struct {
    /// Of the command.
    deadline_ns: u64,
    /// Of a single wait.
    socket_timeout_ns: u64,
    /// How long a late reply is waited for after the exchange has timed out. 0: not at all, which
    /// it must be unless the reply is a single frame: only that has a known end.
    timeout_delay_ns: u64 = 0,
    /// How long opening a connection may take, on top of all else. 0: a wait like any other.
    connect_timeout_ns: u64 = 0,

    pub fn of(attempts: *const executor.Attempts) Limits {
        return .{
            .deadline_ns = attempts.deadline_ns,
            .socket_timeout_ns = attempts.socket_timeout_ns,
            .connect_timeout_ns = attempts.connect_timeout_ns,
        };
    }

    /// When opening a connection that began at some time has to end.
    pub fn openDeadline(limits: *const Limits, began_ns: u64, now_ns: u64) u64 {
        if (limits.connect_timeout_ns == 0) return limits.waitDeadline(now_ns);
        return began_ns +| limits.connect_timeout_ns;
    }

    /// A connection was opened meanwhile.
    pub fn discountOpening(limits: *Limits, began_ns: u64, now_ns: u64) void {
        if (limits.connect_timeout_ns == 0) return;
        limits.deadline_ns +|= now_ns -| began_ns;
    }

    /// When a wait that begins now has to end.
    pub fn waitDeadline(limits: *const Limits, now_ns: u64) u64 {
        return @min(limits.deadline_ns, now_ns +| limits.socket_timeout_ns);
    }
};

/// The frame within one that came deflated.
pub const Unpacked = struct {
    memory: []u8,
    frame: Frame,

    pub fn deinit(unpacked: *const Unpacked, gpa: std.mem.Allocator) void {
        unfilled.free(gpa, unpacked.memory);
    }
};

/// No stream of deflate yields more than that many times its size.
const inflation_max = 1040;

pub fn unpack(gpa: std.mem.Allocator, body: []const u8) error{ OutOfMemory, BadFrame }!Unpacked {
    const size_max = @min(frame_bytes_max, body.len *| inflation_max);
    const size = wire.compress.uncompressedSize(body, size_max) catch return error.BadFrame;
    const memory = try unfilled.alloc(u8, gpa, size);
    errdefer unfilled.free(gpa, memory);
    wire.compress.inflate(body, memory) catch return error.BadFrame;
    const header = wire.proto.decode(memory[0..header_bytes], frame_bytes_max) catch
        return error.BadFrame;
    if (header.kind != .message or header.size != size - header_bytes) return error.BadFrame;
    return .{
        .memory = memory,
        .frame = .{ .kind = header.kind, .body = memory[header_bytes..] },
    };
}

pub const FrameResult = enum {
    /// The reply has more frames.
    more,
    /// The reply is complete and the connection fit for the next request.
    done,
    /// The reply is complete, or worthless, and the connection is to be closed.
    done_close,
};

pub const closed_text = "the client was closed during the command";
pub const interrupted_text = "interrupted by a signal";

/// Why an exchange ended without its reply.
pub const Cause = union(enum) {
    /// The node has left the cluster. Nothing was sent, or the exchange is movable.
    node_left,
    /// The node is given a rest. Nothing was sent.
    rest,
    /// No connection became free in time. Nothing was sent.
    line,
    /// An error of sending or receiving.
    err: anyerror,
    /// No connection could be opened; the failure says why. Nothing was sent.
    opening,
};

pub fn Exchange(comptime Net: type) type {
    return struct {
        node: *Node,
        /// Must stay until the end.
        frame: []const u8,
        limits: Limits,
        handler: *const Handler,
        failure: *Failure,
        /// May be asked of another node as well: a loop ends it when its node leaves the cluster,
        /// however long its own limits are.
        is_movable: bool = false,
        /// The request was handed to the network completely.
        sent: bool = false,
        /// What follows from how it ended, or from what the server answered.
        verdict: executor.Verdict = executor.judgeServer(.ok),
        /// Of the connection that it has, or had.
        generation: u32 = 0,

        // The loop's, while it drives.

        connection: ?*Connection = null,
        /// When waiting in line for a connection ends: the same limits as for the network.
        line_deadline_ns: u64 = undefined,
        timer: Timer(Net) = undefined,
        /// In line for a connection.
        next: ?*This = null,

        const This = @This();
        const Node = cluster.Cluster(Net).Node;
        const Connection = @import("connection.zig").Connection(Net);

        pub const Handler = struct {
            /// A frame of the reply; its bytes are valid during the call.
            on_frame: *const fn (*This, Frame) FrameResult,
            /// The end, once: `ok` after a frame that was the last, otherwise `failure` is set.
            on_end: *const fn (*This, ok: bool) void,
        };

        /// The exit of every exchange that has no reply: says why, and tells the node. `on_end` is
        /// for the driver to call.
        pub fn fail(exchange: *This, cause: Cause) void {
            const node = exchange.node;
            const failure = exchange.failure;
            switch (cause) {
                .node_left => failure.set(.invalid_node, "the node has left the cluster", .{}),
                .rest => failure.set(
                    .max_error_rate,
                    "too many recent errors on this node; it is given a rest",
                    .{},
                ),
                .line => {
                    const text = "no connection became free in time: ";
                    const count = node.openCount();
                    const status: Status = .no_more_connections;
                    if (count >= node.pool.idle.len) {
                        const all = text ++ "all {d} of the node are in use";
                        failure.set(status, all, .{count});
                    } else {
                        const some = text ++ "no more than {d} TLS handshakes with the node go on " ++
                            "at once";
                        failure.set(status, some, .{node.pool.opening_max});
                    }
                },
                .err => |err| describe(err, failure),
                .opening => assert(failure.status != .ok),
            }
            // Not by a signal.
            if (failure.status == .interrupted and node.context.net.isStopped()) {
                failure.set(.client_abort, closed_text, .{});
            }
            failure.setNode(node.name());
            switch (failure.status) {
                .timeout => node.recordTimeout(),
                .connection, .client, .tls => node.recordError(),
                else => {},
            }
            exchange.verdict = executor.judgeClient(failure.status);
            // Another node has its partitions.
            if (cause == .node_left) exchange.verdict.retry = .free;
        }

        /// The exit of every exchange that has a reply: tells the node and the cluster what the
        /// server's answer means for them, and judges it.
        pub fn settle(exchange: *This, status: Status) executor.Verdict {
            const node = exchange.node;
            exchange.verdict = executor.judgeServer(status);
            node.statistics.answered(status);
            if (exchange.verdict.node_at_fault) node.recordServerError();
            switch (status) {
                .not_authenticated, .expired_session => node.sessionEnded(exchange.generation),
                // The partition has moved, or is about to.
                .partition_unavailable => node.context.requestTend(),
                else => {},
            }
            return exchange.verdict;
        }
    };
}

/// What a loop does when the time has come.
pub fn Timer(comptime Net: type) type {
    return struct {
        entry: timers.Entry = .{},
        owner: Owner,

        pub const Owner = union(enum) {
            housekeeping,
            connection: *@import("connection.zig").Connection(Net),
            exchange: *Exchange(Net),
            call: struct {
                context: *anyopaque,
                function: *const fn (*anyopaque) void,
            },
        };
    };
}

pub const Receiver = struct {
    gpa: std.mem.Allocator,
    heap: []u8 = &.{},
    /// What was received and not yet handed out: `memory()[start..end]`.
    start: usize = 0,
    end: usize = 0,
    /// The frame at hand, if it came deflated.
    unpacked: ?Unpacked = null,
    /// Where received bytes are counted.
    counter: ?*u64 = null,
    /// Of the frame at hand, with its header; 0 while the header is not complete.
    total: usize = 0,
    /// One receive of this size takes header and body of a usual reply at once.
    stack: [16 * 1024]u8 = undefined,

    pub fn deinit(receiver: *Receiver) void {
        if (receiver.unpacked) |unpacked| unpacked.deinit(receiver.gpa);
        unfilled.free(receiver.gpa, receiver.heap);
        receiver.heap = &.{};
    }

    fn memory(receiver: *Receiver) []u8 {
        return if (receiver.heap.len > 0) receiver.heap else &receiver.stack;
    }

    /// Reads one frame.
    pub fn next(receiver: *Receiver, net: anytype, socket: anytype, waits: *const Limits) !Frame {
        receiver.total = 0;
        try receiver.fill(net, socket, waits, header_bytes);
        const head = receiver.memory()[receiver.start..][0..header_bytes];
        const header = wire.proto.decode(head, frame_bytes_max) catch return error.BadFrame;
        receiver.total = header_bytes + header.size;
        try receiver.fill(net, socket, waits, receiver.total);
        const frame = receiver.memory()[receiver.start..][0..receiver.total];
        receiver.start += receiver.total;
        const body = frame[header_bytes..];
        if (header.kind != .compressed) return .{ .kind = header.kind, .body = body };
        if (receiver.unpacked) |unpacked| unpacked.deinit(receiver.gpa);
        receiver.unpacked = null;
        receiver.unpacked = try unpack(receiver.gpa, body);
        return receiver.unpacked.?.frame;
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
        waits: *const Limits,
        needed: usize,
    ) !void {
        if (receiver.end - receiver.start >= needed) return;
        try receiver.makeRoom(needed);
        while (receiver.end - receiver.start < needed) {
            const now_ns = net.now();
            // Bytes that keep coming are no reason to go on for ever.
            if (now_ns >= waits.deadline_ns) return error.Timeout;
            const room = receiver.memory()[receiver.end..];
            const count = try net.recv(socket, room, waits.waitDeadline(now_ns));
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
        error.Interrupted => failure.set(.interrupted, interrupted_text, .{}),
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
        error.Tls => failure.set(.tls, "TLS: {s}", .{tls.problemText()}),
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
};

const endless: Limits = .{ .deadline_ns = executor.forever, .socket_timeout_ns = executor.forever };

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
            const frame = try receiver.next(&net, {}, &endless);
            try std.testing.expectEqual(size, frame.body.len);
            for (frame.body) |byte| try std.testing.expectEqual(number, byte);
        }
        try std.testing.expect(receiver.isDrained());
        const last = receiver.next(&net, {}, &endless);
        try std.testing.expectError(error.ConnectionClosed, last);
    }
}

test "a length that no server would send is refused before memory is asked for" {
    var net: TestNet = .{ .bytes = "\x02\x03\xff\xff\xff\xff\xff\xff", .piece_bytes = 8 };
    var receiver: Receiver = .{ .gpa = std.testing.failing_allocator };
    const frame = receiver.next(&net, {}, &endless);
    try std.testing.expectError(error.BadFrame, frame);
}

test "opening a connection has its own time, which the command's does not lose" {
    const testing = std.testing;
    var limits: Limits = .{ .deadline_ns = 100, .socket_timeout_ns = 30 };
    try testing.expectEqual(40, limits.openDeadline(5, 10));
    limits.discountOpening(5, 25);
    try testing.expectEqual(100, limits.deadline_ns);
    limits.connect_timeout_ns = 500;
    try testing.expectEqual(505, limits.openDeadline(5, 10));
    limits.discountOpening(5, 25);
    try testing.expectEqual(120, limits.deadline_ns);
}

test "a deflated frame comes out as it was, and a wrong one does not" {
    const gpa = std.testing.allocator;
    const body: [500]u8 = @splat('a');
    const inner = wire.proto.encode(.{ .kind = .message, .size = body.len }) ++ body;
    const workspace = try gpa.create(wire.compress.Workspace);
    defer gpa.destroy(workspace);
    var deflated = wire.Buffer.growing(gpa, &.{}, 10_000);
    defer deflated.deinit();
    try wire.compress.deflate(&deflated, &inner, workspace);
    for ([_]usize{ 5, 1000 }) |piece_bytes| {
        var net: TestNet = .{ .bytes = deflated.written(), .piece_bytes = piece_bytes };
        var receiver: Receiver = .{ .gpa = gpa };
        defer receiver.deinit();
        const frame = try receiver.next(&net, {}, &endless);
        try std.testing.expectEqual(wire.proto.Kind.message, frame.kind);
        try std.testing.expectEqualStrings(&body, frame.body);
        try std.testing.expect(receiver.isDrained());
    }
    // What no stream yields is refused before memory is asked for.
    const claimed = wire.proto.encode(.{ .kind = .compressed, .size = 20 }) ++
        "\x00\x00\x00\x00\x07\x00\x00\x00".* ++ "\x78\x01........wx".*;
    var net: TestNet = .{ .bytes = &claimed, .piece_bytes = 100 };
    var receiver: Receiver = .{ .gpa = std.testing.failing_allocator };
    const frame = receiver.next(&net, {}, &endless);
    try std.testing.expectError(error.BadFrame, frame);
}
