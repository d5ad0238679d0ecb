//! One request and one reply of the info or the admin kind, on a socket that the caller holds.
//!
//! Used for what keeps a cluster going, not for commands: replies are bounded tightly, and read
//! into a buffer that is reused from one exchange to the next.

const std = @import("std");
const io = @import("../io.zig");
const tls = @import("../tls.zig");
const wire = @import("../wire.zig");
const Failure = @import("../status.zig").Failure;

pub const Error = io.Error || error{BadReply};

/// The partition map of 64 namespaces with a copy on each of 255 nodes takes 11 MB.
pub const reply_bytes_max = 16 * 1024 * 1024;

const request_bytes_max = 64 * 1024;

/// Sends the frame and returns the body of the reply, which lives in `reply`.
pub fn roundTrip(
    net: anytype,
    socket: anytype,
    frame: []const u8,
    kind: wire.proto.Kind,
    deadline_ns: u64,
    reply: *wire.Buffer,
) Error![]const u8 {
    try net.send(socket, frame, deadline_ns);
    var header_bytes: [wire.proto.header_bytes]u8 = undefined;
    try receiveAll(net, socket, &header_bytes, deadline_ns);
    const header = wire.proto.decode(&header_bytes, reply_bytes_max) catch return error.BadReply;
    if (header.kind != kind) return error.BadReply;
    reply.clear();
    const offset = reply.reserve(header.size) catch |err| switch (err) {
        error.NoSpaceLeft => return error.BadReply,
        error.OutOfMemory => return error.OutOfMemory,
    };
    const body = reply.written()[offset..];
    try receiveAll(net, socket, body, deadline_ns);
    return body;
}

fn receiveAll(net: anytype, socket: anytype, buffer: []u8, deadline_ns: u64) io.Error!void {
    var have: usize = 0;
    while (have < buffer.len) {
        have += try net.recv(socket, buffer[have..], deadline_ns);
    }
}

/// Asks for the names; the returned body has one line for each.
pub fn info(
    gpa: std.mem.Allocator,
    net: anytype,
    socket: anytype,
    names: []const []const u8,
    deadline_ns: u64,
    reply: *wire.Buffer,
) Error![]const u8 {
    var memory: [1024]u8 = undefined;
    var request = wire.Buffer.growing(gpa, &memory, request_bytes_max);
    defer request.deinit();
    wire.info.encodeRequest(&request, names) catch return error.OutOfMemory;
    return roundTrip(net, socket, request.written(), .info, deadline_ns, reply);
}

/// Sets status and text for an error towards a node at `address`, which prints itself.
pub fn describe(err: Error, comptime doing: []const u8, address: anytype, failure: *Failure) void {
    const where = "{f}: " ++ doing ++ ": ";
    switch (err) {
        error.Timeout => failure.set(.timeout, where ++ "timeout", .{address}),
        error.Interrupted => failure.set(.interrupted, where ++ "interrupted", .{address}),
        error.OutOfMemory => failure.set(.out_of_memory, where ++ "out of memory", .{address}),
        error.ConnectionRefused => {
            failure.set(.connection, where ++ "connection refused", .{address});
        },
        error.ConnectionClosed => {
            failure.set(.connection, where ++ "the connection was closed", .{address});
        },
        error.SystemResources => {
            const text = "this process is out of descriptors or local ports";
            failure.set(.no_descriptor, where ++ text, .{address});
        },
        error.Network => failure.set(.connection, where ++ "network error", .{address}),
        error.Tls => {
            const is_told = comptime std.mem.find(u8, doing, "TLS") != null;
            const text = if (is_told) "{s}" else "TLS: {s}";
            failure.set(.tls, where ++ text, .{ address, tls.problemText() });
        },
        error.BadReply => {
            const text = "the reply is not one of the Aerospike protocol";
            failure.set(.connection, where ++ text, .{address});
        },
    }
}

/// Answers every exchange with the same bytes, one at a time.
const TestNet = struct {
    answer: []const u8,
    sent_bytes: usize = 0,

    pub fn send(net: *TestNet, _: *u32, bytes: []const u8, _: u64) io.Error!void {
        net.sent_bytes += bytes.len;
    }

    pub fn recv(net: *TestNet, _: *u32, buffer: []u8, _: u64) io.Error!usize {
        if (net.answer.len == 0) return error.ConnectionClosed;
        buffer[0] = net.answer[0];
        net.answer = net.answer[1..];
        return 1;
    }
};

test "a reply comes back whole, and what is none is an error" {
    const gpa = std.testing.allocator;
    var reply = wire.Buffer.growing(gpa, &.{}, reply_bytes_max);
    defer reply.deinit();
    var socket: u32 = 0;
    const body = "node\tBB9020011AC4202\n";
    const frame = wire.proto.encode(.{ .kind = .info, .size = body.len }) ++ body.*;
    var net: TestNet = .{ .answer = &frame };
    const received = try info(gpa, &net, &socket, &.{"node"}, 0, &reply);
    try std.testing.expectEqualStrings(body, received);
    try std.testing.expectEqual(wire.proto.header_bytes + "node\n".len, net.sent_bytes);

    net.answer = frame[0 .. frame.len - 1];
    const short = info(gpa, &net, &socket, &.{"node"}, 0, &reply);
    try std.testing.expectError(error.ConnectionClosed, short);
    net.answer = "HTTP/1.1 400 Bad Request\r\n";
    const foreign = info(gpa, &net, &socket, &.{"node"}, 0, &reply);
    try std.testing.expectError(error.BadReply, foreign);
    const huge = wire.proto.encode(.{ .kind = .info, .size = 1 << 47 });
    net.answer = &huge;
    const too_big = info(gpa, &net, &socket, &.{"node"}, 0, &reply);
    try std.testing.expectError(error.BadReply, too_big);
}
