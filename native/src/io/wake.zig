//! A descriptor that threads wake one another by.

const std = @import("std");
const builtin = @import("builtin");
const posix = std.posix;
const os = @import("../os.zig");
const system = os.system;

/// A descriptor that one side makes readable: an eventfd, or a pipe where there is none, or a pair
/// of sockets where nothing else can be waited for.
pub const Wake = struct {
    read_fd: os.Fd,
    write_fd: os.Fd,
    /// Set behind the signal: one that is on its way is cleared the next time.
    is_raised: std.atomic.Value(bool) = .init(false),

    const is_eventfd = builtin.os.tag == .linux;

    pub fn init() error{SystemResources}!Wake {
        if (is_eventfd) {
            const flags = std.os.linux.EFD.CLOEXEC | std.os.linux.EFD.NONBLOCK;
            const rc = std.os.linux.eventfd(0, flags);
            if (std.os.linux.errno(rc) != .SUCCESS) return error.SystemResources;
            return .{ .read_fd = @intCast(rc), .write_fd = @intCast(rc) };
        }
        if (os.is_windows) {
            const ends = try system.socketpair();
            return .{ .read_fd = ends[0], .write_fd = ends[1] };
        }
        var ends: [2]std.c.fd_t = undefined;
        if (std.c.pipe(&ends) != 0) return error.SystemResources;
        for (ends) |fd| {
            const nonblock: c_int = @bitCast(posix.O{ .NONBLOCK = true });
            _ = std.c.fcntl(fd, posix.F.SETFL, nonblock);
            _ = std.c.fcntl(fd, posix.F.SETFD, @as(c_int, posix.FD_CLOEXEC));
        }
        return .{ .read_fd = ends[0], .write_fd = ends[1] };
    }

    pub fn deinit(wake: *Wake) void {
        _ = system.close(wake.read_fd);
        if (!is_eventfd) _ = system.close(wake.write_fd);
    }

    /// A descriptor that is full is readable, which is all that is needed.
    pub fn signal(wake: *Wake) void {
        const one: u64 = 1;
        const bytes: usize = if (is_eventfd) 8 else 1;
        _ = if (os.is_windows)
            system.send(wake.write_fd, @ptrCast(&one), bytes, 0)
        else
            system.write(wake.write_fd, @ptrCast(&one), bytes);
        wake.is_raised.store(true, .release);
    }

    /// Costs a call of the system only when there was a signal.
    pub fn clear(wake: *Wake) void {
        if (!wake.is_raised.swap(false, .acquire)) return;
        var sink: [64]u8 = undefined;
        _ = if (os.is_windows)
            system.recv(wake.read_fd, &sink, sink.len, 0)
        else
            system.read(wake.read_fd, &sink, sink.len);
    }
};
