//! One request and one reply on a connection, waiting on the calling thread.
//!
//! A reply is read into memory of the caller's stack when it fits, which nearly all do, and else
//! into one heap allocation, given back by `ReceiveBuffer.deinit`.

const std = @import("std");
const assert = std.debug.assert;
const Failure = @import("../status.zig").Failure;
const Status = @import("../status.zig").Status;
const wire = @import("../wire.zig");

/// The largest reply that is accepted (as/include/base/proto.h: PROTO_SIZE_MAX).
pub const frame_bytes_max = 128 * 1024 * 1024;

pub const ReceiveBuffer = struct {
    gpa: std.mem.Allocator,
    heap: []u8 = &.{},
    /// One receive of this size takes header and body of a usual reply at once.
    stack: [16 * 1024]u8 = undefined,

    pub fn deinit(buffer: *ReceiveBuffer) void {
        buffer.gpa.free(buffer.heap);
        buffer.heap = &.{};
    }
};

/// How far the receiving of a reply came, for the recovery of a socket that timed out.
pub const Progress = struct {
    have: usize = 0,
    header: [wire.proto.header_bytes]u8 = undefined,
    /// Header and body; 0 while the header is not complete.
    total: usize = 0,
};

pub const Error = error{
    OutOfMemory,
    /// The bytes are not a frame of the protocol.
    BadFrame,
    /// More bytes came than the reply announced.
    UnexpectedBytes,
};

pub const Frame = struct {
    kind: wire.proto.Kind,
    body: []const u8,
};

/// Reads one frame. `waits` gives the deadline of each wait (`waitDeadline(now_ns)`).
pub fn receive(
    net: anytype,
    socket: anytype,
    waits: anytype,
    buffer: *ReceiveBuffer,
    progress: *Progress,
) !Frame {
    const header_bytes = wire.proto.header_bytes;
    assert(progress.have == 0);
    var memory: []u8 = &buffer.stack;
    while (progress.have < header_bytes) {
        progress.have += try net.recv(socket, memory[progress.have..], waits.waitDeadline(net.now()));
    }
    progress.header = memory[0..header_bytes].*;
    const header = wire.proto.decode(&progress.header, frame_bytes_max) catch
        return error.BadFrame;
    const total = header_bytes + header.size;
    progress.total = total;
    if (total > memory.len) {
        buffer.deinit();
        buffer.heap = try buffer.gpa.alloc(u8, total);
        @memcpy(buffer.heap[0..progress.have], memory[0..progress.have]);
        memory = buffer.heap;
    }
    while (progress.have < total) {
        const rest = memory[progress.have..total];
        progress.have += try net.recv(socket, rest, waits.waitDeadline(net.now()));
    }
    if (progress.have > total) return error.UnexpectedBytes;
    return .{ .kind = header.kind, .body = memory[header_bytes..total] };
}

/// Turns an error of sending or receiving into a failure. Timeouts are worded by the caller, who
/// knows the limits.
pub fn describe(err: anyerror, failure: *Failure) void {
    switch (err) {
        error.Timeout => failure.set(.timeout, "client timeout", .{}),
        error.Interrupted => failure.set(.interrupted, "interrupted by a signal", .{}),
        error.OutOfMemory, error.SystemResources => failure.set(
            .out_of_memory,
            "out of memory or of another resource of the system",
            .{},
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
