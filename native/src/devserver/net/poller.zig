//! Waiting for many sockets at once: epoll on Linux, kqueue on macOS, a set that is polled on Windows.
//!
//! Level-triggered. One thread waits and changes what is waited for; any thread may `wake` it.

const std = @import("std");
const assert = std.debug.assert;
const builtin = @import("builtin");
const socket = @import("socket.zig");
const POLL = @import("../../os/windows.zig").POLL;
const PollSet = @import("../../os/poll_set.zig").PollSet;

const c = std.c;
const system = @import("../../os.zig").system;
const posix = std.posix;

pub const Poller = switch (builtin.os.tag) {
    .linux => Epoll,
    .macos => Kqueue,
    .windows => Polled,
    else => @compileError("the development server has no poller for this system"),
};

/// What is waited for; errors and the peer's end are always told.
pub const Interest = enum { none, read, write };

pub const Event = struct {
    /// What the socket was added with; 0 after `wake`.
    token: usize,
    readable: bool = false,
    writable: bool = false,
    /// The connection is of no more use, whatever was asked for.
    broken: bool = false,
};

const events_max = 256;

pub const Error = error{SystemResources};

const Epoll = struct {
    fd: socket.Fd,
    wake_fd: socket.Fd,

    pub fn init() Error!Epoll {
        const fd = c.epoll_create1(std.os.linux.EPOLL.CLOEXEC);
        if (posix.errno(fd) != .SUCCESS) return error.SystemResources;
        errdefer socket.close(fd);
        const flags = std.os.linux.EFD.CLOEXEC | std.os.linux.EFD.NONBLOCK;
        const wake_fd = c.eventfd(0, flags);
        if (posix.errno(wake_fd) != .SUCCESS) return error.SystemResources;
        errdefer socket.close(wake_fd);
        const poller: Epoll = .{ .fd = fd, .wake_fd = wake_fd };
        try poller.add(wake_fd, 0, .read);
        return poller;
    }

    pub fn deinit(poller: *Epoll) void {
        socket.close(poller.wake_fd);
        socket.close(poller.fd);
        poller.* = undefined;
    }

    pub fn add(poller: *const Epoll, fd: socket.Fd, token: usize, interest: Interest) Error!void {
        try poller.control(std.os.linux.EPOLL.CTL_ADD, fd, token, interest);
    }

    pub fn modify(
        poller: *const Epoll,
        fd: socket.Fd,
        token: usize,
        interest: Interest,
    ) Error!void {
        try poller.control(std.os.linux.EPOLL.CTL_MOD, fd, token, interest);
    }

    /// Before the descriptor is closed. Closing alone is not enough: a copy of it, in the child of
    /// a fork, would keep it watched.
    pub fn remove(poller: *const Epoll, fd: socket.Fd) void {
        _ = c.epoll_ctl(poller.fd, std.os.linux.EPOLL.CTL_DEL, fd, null);
    }

    fn control(
        poller: *const Epoll,
        operation: c_uint,
        fd: socket.Fd,
        token: usize,
        interest: Interest,
    ) Error!void {
        var event: c.epoll_event = .{
            .events = switch (interest) {
                .none => 0,
                .read => std.os.linux.EPOLL.IN,
                .write => std.os.linux.EPOLL.OUT,
            },
            .data = .{ .ptr = token },
        };
        const result = c.epoll_ctl(poller.fd, operation, fd, &event);
        if (posix.errno(result) != .SUCCESS) return error.SystemResources;
    }

    pub fn wake(poller: *const Epoll) void {
        const one: u64 = 1;
        // Fails only when it is full, and then the thread wakes anyway.
        _ = c.write(poller.wake_fd, std.mem.asBytes(&one), @sizeOf(u64));
    }

    /// Waits for at most `timeout_ms`, or without end when it is negative.
    pub fn wait(poller: *const Epoll, events: *[events_max]Event, timeout_ms: i32) []Event {
        var native: [events_max]c.epoll_event = undefined;
        const count = c.epoll_wait(poller.fd, &native, events_max, timeout_ms);
        if (posix.errno(count) != .SUCCESS) return events[0..0];
        const seen = native[0..@intCast(count)];
        for (seen, events[0..seen.len]) |*from, *to| {
            const bits = from.events;
            const broken = bits & (std.os.linux.EPOLL.ERR | std.os.linux.EPOLL.HUP) != 0;
            to.* = .{
                .token = from.data.ptr,
                .readable = broken or bits & std.os.linux.EPOLL.IN != 0,
                .writable = broken or bits & std.os.linux.EPOLL.OUT != 0,
                .broken = broken,
            };
            if (to.token == 0) poller.drainWake();
        }
        return events[0..seen.len];
    }

    fn drainWake(poller: *const Epoll) void {
        var value: u64 = undefined;
        _ = c.read(poller.wake_fd, std.mem.asBytes(&value), @sizeOf(u64));
    }
};

const Kqueue = struct {
    fd: socket.Fd,

    const wake_identifier = 1;

    pub fn init() Error!Kqueue {
        const fd = c.kqueue();
        if (posix.errno(fd) != .SUCCESS) return error.SystemResources;
        errdefer socket.close(fd);
        const poller: Kqueue = .{ .fd = fd };
        try poller.change(&.{poller.wakeEvent(c.EV.ADD | c.EV.CLEAR, 0)});
        return poller;
    }

    pub fn deinit(poller: *Kqueue) void {
        socket.close(poller.fd);
        poller.* = undefined;
    }

    fn wakeEvent(_: *const Kqueue, flags: u16, notes: u32) c.Kevent {
        return .{
            .ident = wake_identifier,
            .filter = c.EVFILT.USER,
            .flags = flags,
            .fflags = notes,
            .data = 0,
            .udata = 0,
        };
    }

    pub fn add(poller: *const Kqueue, fd: socket.Fd, token: usize, interest: Interest) Error!void {
        try poller.modify(fd, token, interest);
    }

    pub fn modify(
        poller: *const Kqueue,
        fd: socket.Fd,
        token: usize,
        interest: Interest,
    ) Error!void {
        try poller.change(&.{
            socketEvent(fd, c.EVFILT.READ, token, interest == .read),
            socketEvent(fd, c.EVFILT.WRITE, token, interest == .write),
        });
    }

    fn socketEvent(fd: socket.Fd, filter: i16, token: usize, enabled: bool) c.Kevent {
        const state: u16 = if (enabled) c.EV.ENABLE else c.EV.DISABLE;
        return .{
            .ident = @intCast(fd),
            .filter = filter,
            .flags = c.EV.ADD | state,
            .fflags = 0,
            .data = 0,
            .udata = token,
        };
    }

    fn change(poller: *const Kqueue, changes: []const c.Kevent) Error!void {
        var none: [1]c.Kevent = undefined;
        const result = c.kevent(poller.fd, changes.ptr, @intCast(changes.len), &none, 0, null);
        if (posix.errno(result) != .SUCCESS) return error.SystemResources;
    }

    /// Closing a descriptor takes it out of a kqueue, whoever has copies of it.
    pub fn remove(poller: *const Kqueue, fd: socket.Fd) void {
        _ = .{ poller, fd };
    }

    pub fn wake(poller: *const Kqueue) void {
        poller.change(&.{poller.wakeEvent(0, c.NOTE.TRIGGER)}) catch {};
    }

    pub fn wait(poller: *const Kqueue, events: *[events_max]Event, timeout_ms: i32) []Event {
        var native: [events_max]c.Kevent = undefined;
        const timeout: c.timespec = .{
            .sec = @divTrunc(timeout_ms, 1000),
            .nsec = @rem(timeout_ms, 1000) * std.time.ns_per_ms,
        };
        const limit = if (timeout_ms < 0) null else &timeout;
        const count = c.kevent(poller.fd, &native, 0, &native, events_max, limit);
        if (posix.errno(count) != .SUCCESS) return events[0..0];
        const seen = native[0..@intCast(count)];
        for (seen, events[0..seen.len]) |*from, *to| {
            to.* = .{
                .token = from.udata,
                .readable = from.filter == c.EVFILT.READ,
                .writable = from.filter == c.EVFILT.WRITE,
            };
        }
        return events[0..seen.len];
    }
};

const Polled = struct {
    set: PollSet,
    raw: [events_max]PollSet.Ready = undefined,

    pub fn init() Error!Polled {
        return .{ .set = try .init() };
    }

    pub fn deinit(poller: *Polled) void {
        poller.set.deinit();
        poller.* = undefined;
    }

    pub fn add(poller: *Polled, fd: socket.Fd, token: usize, interest: Interest) Error!void {
        try poller.set.add(fd, token, bits(interest));
    }

    pub fn modify(poller: *Polled, fd: socket.Fd, token: usize, interest: Interest) Error!void {
        poller.set.modify(fd, token, bits(interest));
    }

    pub fn remove(poller: *Polled, fd: socket.Fd) void {
        poller.set.remove(fd);
    }

    fn bits(interest: Interest) i16 {
        return switch (interest) {
            .none => 0,
            .read => POLL.IN,
            .write => POLL.OUT,
        };
    }

    pub fn wake(poller: *const Polled) void {
        poller.set.wake();
    }

    pub fn wait(poller: *Polled, events: *[events_max]Event, timeout_ms: i32) []Event {
        var woken = false;
        // The wake has a place of its own.
        const ready = poller.set.wait(poller.raw[1..], timeout_ms, &woken);
        for (ready, events[0..ready.len]) |from, *to| {
            const broken = from.revents & (POLL.ERR | POLL.HUP | POLL.NVAL) != 0;
            to.* = .{
                .token = from.token,
                .readable = broken or from.revents & POLL.IN != 0,
                .writable = broken or from.revents & POLL.OUT != 0,
                .broken = broken,
            };
        }
        if (!woken) return events[0..ready.len];
        events[ready.len] = .{ .token = 0 };
        return events[0 .. ready.len + 1];
    }
};

pub const Events = [events_max]Event;

test "a wake ends a wait, and only one" {
    var poller = try Poller.init();
    defer poller.deinit();
    var events: Events = undefined;
    poller.wake();
    poller.wake();
    const seen = poller.wait(&events, -1);
    try std.testing.expectEqual(@as(usize, 1), seen.len);
    try std.testing.expectEqual(@as(usize, 0), seen[0].token);
    try std.testing.expectEqual(@as(usize, 0), poller.wait(&events, 0).len);
}

test "a listener with a peer is readable, and not while nothing is asked of it" {
    var poller = try Poller.init();
    defer poller.deinit();
    const listener = try socket.listen("127.0.0.1", 0);
    defer socket.close(listener.fd);
    try poller.add(listener.fd, 7, .read);
    const peer = system.socket(system.AF.INET, system.SOCK.STREAM, 0);
    defer socket.close(peer);
    const address: system.sockaddr.in = .{
        .port = std.mem.nativeToBig(u16, listener.port),
        .addr = std.mem.nativeToBig(u32, 0x7f000001),
    };
    const connected = system.connect(peer, @ptrCast(&address), @sizeOf(system.sockaddr.in));
    try std.testing.expectEqual(@as(c_int, 0), connected);
    var events: Events = undefined;
    const seen = poller.wait(&events, 1000);
    try std.testing.expectEqual(@as(usize, 7), seen[0].token);
    try std.testing.expect(seen[0].readable);
    try poller.modify(listener.fd, 7, .none);
    try std.testing.expectEqual(@as(usize, 0), poller.wait(&events, 0).len);
}
