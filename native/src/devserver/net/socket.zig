//! The few system calls that the server's threads make: sockets that never block, and time.
//!
//! Linux, macOS and Windows. Every descriptor is close-on-exec, and writing to a closed peer never
//! raises a signal.

const std = @import("std");
const assert = std.debug.assert;
const builtin = @import("builtin");
const os = @import("../../os.zig");
const access = @import("../security/access.zig");

const c = os.system;
/// Whether a socket is made as it is to be, or has to be told afterwards.
const has_flags = os.is_linux or os.is_windows;

pub const Fd = os.Fd;

/// Connections waiting to be accepted.
const backlog = 4096;

pub const ListenError = error{
    AddressInUse,
    AddressNotAvailable,
    InvalidAddress,
    PermissionDenied,
    SystemResources,
};

pub const Listener = struct {
    fd: Fd,
    port: u16,
};

/// Port 0 takes any free one.
pub fn listen(address: []const u8, port: u16) ListenError!Listener {
    var target = try Address.parse(address, port);
    const fd = try open(target.family());
    errdefer close(fd);
    // A port is taken again at once after its node was killed. On Windows that needs no asking, and
    // asking would let others take it too.
    if (!os.is_windows) setOption(fd, c.SOL.SOCKET, c.SO.REUSEADDR, 1);
    switch (os.errno(c.bind(fd, target.pointer(), target.len))) {
        .SUCCESS => {},
        .ADDRINUSE => return error.AddressInUse,
        .ACCES, .PERM => return error.PermissionDenied,
        .ADDRNOTAVAIL, .AFNOSUPPORT => return error.AddressNotAvailable,
        else => return error.SystemResources,
    }
    switch (os.errno(c.listen(fd, backlog))) {
        .SUCCESS => {},
        .ADDRINUSE => return error.AddressInUse,
        else => return error.SystemResources,
    }
    switch (os.errno(c.getsockname(fd, target.pointer(), &target.len))) {
        .SUCCESS => {},
        else => return error.SystemResources,
    }
    return .{ .fd = fd, .port = target.port() };
}

fn open(family: u32) ListenError!Fd {
    const kind: c_uint = if (has_flags)
        c.SOCK.STREAM | c.SOCK.CLOEXEC | c.SOCK.NONBLOCK
    else
        c.SOCK.STREAM;
    const fd = c.socket(family, kind, 0);
    switch (os.errno(fd)) {
        .SUCCESS => {},
        .AFNOSUPPORT => return error.AddressNotAvailable,
        else => return error.SystemResources,
    }
    if (!has_flags) prepare(fd);
    return fd;
}

const Address = struct {
    storage: extern union { any: c.sockaddr, in: c.sockaddr.in, in6: c.sockaddr.in6 },
    len: c.socklen_t,

    fn parse(text: []const u8, number: u16) ListenError!Address {
        const parsed = std.Io.net.IpAddress.parse(text, number) catch return error.InvalidAddress;
        switch (parsed) {
            .ip4 => |ip4| return .{
                .storage = .{ .in = .{
                    .port = std.mem.nativeToBig(u16, number),
                    .addr = @bitCast(ip4.bytes),
                } },
                .len = @sizeOf(c.sockaddr.in),
            },
            .ip6 => |ip6| return .{
                .storage = .{ .in6 = .{
                    .port = std.mem.nativeToBig(u16, number),
                    .flowinfo = 0,
                    .addr = ip6.bytes,
                    .scope_id = 0,
                } },
                .len = @sizeOf(c.sockaddr.in6),
            },
        }
    }

    fn pointer(address: *Address) *c.sockaddr {
        return &address.storage.any;
    }

    fn family(address: *const Address) u32 {
        return address.storage.any.family;
    }

    fn port(address: *const Address) u16 {
        // The port is at the same place in both.
        return std.mem.bigToNative(u16, address.storage.in.port);
    }
};

pub const AcceptError = error{ WouldBlock, TooManyFiles, Aborted };

pub fn accept(listener: Fd) AcceptError!Fd {
    const fd = if (has_flags)
        c.accept4(listener, null, null, c.SOCK.CLOEXEC | c.SOCK.NONBLOCK)
    else
        c.accept(listener, null, null);
    switch (os.errno(fd)) {
        .SUCCESS => {},
        .AGAIN => return error.WouldBlock,
        .MFILE, .NFILE, .NOBUFS, .NOMEM => return error.TooManyFiles,
        else => return error.Aborted,
    }
    if (!has_flags) prepare(fd);
    setOption(fd, c.IPPROTO.TCP, c.TCP.NODELAY, 1);
    return fd;
}

/// Where an accepted connection comes from; null when it is gone already.
pub fn peer(fd: Fd) ?access.Address {
    return addressBy(c.getpeername, fd);
}

/// Where it goes to.
pub fn local(fd: Fd) ?access.Address {
    return addressBy(c.getsockname, fd);
}

fn addressBy(comptime asked: anytype, fd: Fd) ?access.Address {
    var address: Address = .{ .storage = undefined, .len = @sizeOf(c.sockaddr.in6) };
    switch (os.errno(asked(fd, address.pointer(), &address.len))) {
        .SUCCESS => {},
        else => return null,
    }
    return switch (address.family()) {
        c.AF.INET => .{ .ip4 = @bitCast(address.storage.in.addr) },
        c.AF.INET6 => .{ .ip6 = address.storage.in6.addr },
        else => null,
    };
}

/// What Linux does when it makes the descriptor.
fn prepare(fd: Fd) void {
    _ = c.fcntl(fd, c.F.SETFD, @as(c_int, c.FD_CLOEXEC));
    const flags = c.fcntl(fd, c.F.GETFL, @as(c_int, 0));
    const nonblocking: c_int = @bitCast(c.O{ .NONBLOCK = true });
    _ = c.fcntl(fd, c.F.SETFL, flags | nonblocking);
    setOption(fd, c.SOL.SOCKET, c.SO.NOSIGPIPE, 1);
}

fn setOption(fd: Fd, level: i32, option: u32, value: c_int) void {
    _ = c.setsockopt(fd, level, option, &value, @sizeOf(c_int));
}

pub fn close(fd: Fd) void {
    _ = c.close(fd);
}

/// Closes so that the peer sees a reset rather than an orderly end, as after a process's death.
pub fn closeHard(fd: Fd) void {
    const linger: extern struct { on: c_int, seconds: c_int } = .{ .on = 1, .seconds = 0 };
    _ = c.setsockopt(fd, c.SOL.SOCKET, c.SO.LINGER, &linger, @sizeOf(@TypeOf(linger)));
    close(fd);
}

pub const TransferError = error{ WouldBlock, Closed };

/// At least one byte.
pub fn receive(fd: Fd, buffer: []u8) TransferError!usize {
    assert(buffer.len > 0);
    while (true) {
        const count = c.recv(fd, buffer.ptr, buffer.len, 0);
        switch (os.errno(count)) {
            .SUCCESS => return if (count == 0) error.Closed else @intCast(count),
            .AGAIN => return error.WouldBlock,
            .INTR => continue,
            else => return error.Closed,
        }
    }
}

/// The first byte that has arrived, which stays to be received.
pub fn peek(fd: Fd) TransferError!u8 {
    var byte: [1]u8 = undefined;
    const count = c.recv(fd, &byte, 1, c.MSG.PEEK);
    return switch (os.errno(count)) {
        .SUCCESS => if (count == 0) error.Closed else byte[0],
        .AGAIN, .INTR => error.WouldBlock,
        else => error.Closed,
    };
}

/// As much as goes without waiting.
pub fn send(fd: Fd, bytes: []const u8) TransferError!usize {
    assert(bytes.len > 0);
    const flags = if (os.is_linux) c.MSG.NOSIGNAL else 0;
    while (true) {
        const count = c.send(fd, bytes.ptr, bytes.len, flags);
        switch (os.errno(count)) {
            .SUCCESS => return @intCast(count),
            .AGAIN => return error.WouldBlock,
            .INTR => continue,
            else => return error.Closed,
        }
    }
}

pub fn unixMs() u64 {
    const time = now(.REALTIME);
    return @as(u64, @intCast(time.sec)) * 1000 + @as(u64, @intCast(time.nsec)) / 1_000_000;
}

/// Nanoseconds of a clock that nobody sets.
pub fn monotonicNs() u64 {
    const time = now(.MONOTONIC);
    return @as(u64, @intCast(time.sec)) * std.time.ns_per_s + @as(u64, @intCast(time.nsec));
}

fn now(id: c.clockid_t) c.timespec {
    var time: c.timespec = undefined;
    const result = c.clock_gettime(id, &time);
    assert(result == 0);
    return time;
}

/// Starts a thread that no signal is delivered to, so that handlers of the process keep running
/// on threads of their own.
pub fn spawn(comptime function: anytype, arguments: anytype) std.Thread.SpawnError!std.Thread {
    const previous = os.SignalMask.block();
    defer previous.restore();
    return std.Thread.spawn(.{ .stack_size = stack_bytes }, function, arguments);
}

/// Values nest up to a limit, and so do the functions that look at them, with frames that are
/// many times larger where nothing is optimized.
const stack_bytes = (if (builtin.mode == .debug) 64 else 8) * 1024 * 1024;

test "a listener takes a free port and says which" {
    const listener = try listen("127.0.0.1", 0);
    defer close(listener.fd);
    try std.testing.expect(listener.port != 0);
    try std.testing.expectError(error.AddressInUse, listen("127.0.0.1", listener.port));
    try std.testing.expectError(error.InvalidAddress, listen("localhost", 0));
    try std.testing.expectError(error.WouldBlock, accept(listener.fd));
}
