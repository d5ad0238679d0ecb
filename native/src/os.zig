//! The operating system's sockets, clocks and signals, by their POSIX names.
//!
//! On Linux and macOS these are libc's own. Windows has all of it under other names and error
//! numbers; `os/windows.zig` gives it these.

const std = @import("std");
const builtin = @import("builtin");

pub const is_linux = builtin.os.tag == .linux;
pub const is_windows = builtin.os.tag == .windows;

pub const system = if (is_windows) @import("os/windows.zig") else std.posix.system;
pub const errno = if (is_windows) system.errno else std.posix.errno;
/// A socket, and on POSIX systems any other descriptor.
pub const Fd = system.fd_t;

/// How long a receive goes on that finds nothing.
pub const Patience = union(enum) {
    /// It is tried so often.
    tries: u8,
    /// It sleeps, on a descriptor that was told for how long. A signal ends that.
    sleep,

    pub const none: Patience = .{ .tries = 1 };
};

/// What the system answers, and the error: `AGAIN` when nothing has come.
pub fn receive(fd: Fd, buffer: []u8, patience: Patience) struct { isize, std.posix.E } {
    const flags: u32 = if (patience == .sleep) 0 else system.MSG.DONTWAIT;
    var tries_left: u8 = if (patience == .tries) patience.tries else 1;
    while (true) {
        const rc = system.recvfrom(fd, buffer.ptr, buffer.len, flags, null, null);
        const code = errno(rc);
        switch (code) {
            .INTR => if (patience == .sleep) return .{ rc, .AGAIN },
            .AGAIN => {
                tries_left -= 1;
                if (tries_left == 0) return .{ rc, code };
            },
            else => return .{ rc, code },
        }
    }
}

/// The signals that the calling thread has blocked.
pub const SignalMask = struct {
    set: Set,

    const Set = if (is_windows) void else std.posix.sigset_t;

    /// Blocks every signal; returns what was blocked before.
    pub fn block() SignalMask {
        if (is_windows) return .{ .set = {} };
        const all = std.posix.sigfillset();
        var mask: SignalMask = undefined;
        _ = std.c.pthread_sigmask(std.posix.SIG.SETMASK, &all, &mask.set);
        return mask;
    }

    pub fn restore(mask: *const SignalMask) void {
        if (is_windows) return;
        var ignored: std.posix.sigset_t = undefined;
        _ = std.c.pthread_sigmask(std.posix.SIG.SETMASK, &mask.set, &ignored);
    }
};

/// Who is asking: a process, and not the one that it was forked from.
pub fn processId() i32 {
    return if (is_windows) 0 else std.c.getpid();
}

/// Whether there is a file or a folder of that name that this process can see.
pub fn pathExists(path: [:0]const u8) bool {
    if (is_windows) return system.pathExists(path);
    return std.c.access(path, 0) == 0;
}

pub fn fopen(path: [:0]const u8, mode: [:0]const u8) ?*std.c.FILE {
    return if (is_windows) system.fopen(path, mode) else std.c.fopen(path, mode);
}

/// Makes a file that only its owner may read, unless there is one already. On Windows its folder
/// decides about that.
pub fn createPrivate(path: [:0]const u8) void {
    if (is_windows) return;
    const flags: std.c.O = .{ .ACCMODE = .WRONLY, .CREAT = true, .CLOEXEC = true, .NONBLOCK = true };
    const fd = std.c.open(path, flags, @as(c_uint, 0o600));
    if (fd >= 0) _ = std.c.close(fd);
}

/// Fills a buffer with what nobody can foresee, from the system each time: nothing of it is kept,
/// so that a forked process gets other bytes.
///
/// `std.Io.randomSecure` fails in a library for an older glibc: it asks the kernel, and looks for
/// the error where libc would have put it.
pub fn randomBytes(buffer: []u8) error{Unavailable}!void {
    if (is_windows) {
        const succeeded = system.RtlGenRandom(buffer.ptr, @intCast(buffer.len));
        return if (succeeded == 0) error.Unavailable;
    }
    if (!is_linux) return std.c.arc4random_buf(buffer.ptr, buffer.len);
    var filled: usize = 0;
    while (filled < buffer.len) {
        const rest = buffer[filled..];
        const count = std.os.linux.getrandom(rest.ptr, rest.len, 0);
        switch (std.os.linux.errno(count)) {
            .SUCCESS => filled += count,
            .INTR => continue,
            else => return error.Unavailable,
        }
    }
}

test "random bytes are others each time" {
    var first: [32]u8 = @splat(0);
    var second: [32]u8 = @splat(0);
    try randomBytes(&first);
    try randomBytes(&second);
    try std.testing.expect(!std.mem.eql(u8, &first, &second));
    try std.testing.expect(!std.mem.allEqual(u8, &first, 0));
}

test {
    _ = system;
    _ = @import("os/library.zig");
    if (is_windows) _ = @import("os/poll_set.zig");
}
