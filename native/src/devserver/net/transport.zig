//! A connection's bytes, with TLS or without.

const std = @import("std");
const socket = @import("socket.zig");
const tls = @import("../../tls.zig");

pub const Transport = struct {
    fd: socket.Fd,
    /// Owned; null for one without TLS.
    stream: ?*tls.Stream = null,

    /// At least one byte.
    pub fn receive(transport: *Transport, buffer: []u8) socket.TransferError!usize {
        const stream = transport.stream orelse return socket.receive(transport.fd, buffer);
        const count = stream.read(buffer) catch return error.Closed;
        return if (count == 0) error.WouldBlock else count;
    }

    /// As much as goes without waiting.
    pub fn send(transport: *Transport, bytes: []const u8) socket.TransferError!usize {
        const stream = transport.stream orelse return socket.send(transport.fd, bytes);
        const count = stream.write(bytes) catch return error.Closed;
        return if (count == 0) error.WouldBlock else count;
    }

    /// More has arrived than was received, though the system does not know of it.
    pub fn hasUnread(transport: *const Transport) bool {
        const stream = transport.stream orelse return false;
        return stream.has_unread;
    }

    pub fn close(transport: *Transport, how: enum { soft, hard }) void {
        if (transport.stream) |stream| stream.destroy();
        switch (how) {
            .soft => socket.close(transport.fd),
            .hard => socket.closeHard(transport.fd),
        }
    }
};
