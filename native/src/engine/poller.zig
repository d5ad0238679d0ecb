//! Readiness of many sockets at once: epoll on Linux, kqueue on macOS, a set that is polled on
//! Windows, behind one interface.
//!
//! Level-triggered. Every socket is watched for reading as long as it is registered, and for
//! writing while that is asked for. One thread waits; any thread may `wake` it.

const std = @import("std");
const builtin = @import("builtin");
const Wake = @import("../io.zig").Wake;
const assert = std.debug.assert;
const PollSet = @import("../os/poll_set.zig").PollSet;
const POLL = @import("../os/windows.zig").POLL;

pub const Error = error{SystemResources};

pub const Event = struct {
    /// What the socket was registered with.
    token: usize,
    readable: bool,
    writable: bool,
};

/// Reserved for the wake of the poller itself.
const wake_token = std.math.maxInt(usize);

/// Events taken from the system by one wait.
pub const events_max = 64;

pub const Poller = switch (builtin.os.tag) {
    .linux => Epoll,
    .macos => Kqueue,
    .windows => Polled,
    else => @compileError("no poller for this operating system"),
};

const Epoll = struct {
    epoll_fd: i32,
    wake_fd: i32,
    raw: [events_max]linux.epoll_event = undefined,

    const linux = std.os.linux;

    /// The network is asked for by pollers of other networks than the system's.
    pub fn init(_: anytype) Error!Epoll {
        const epoll_fd = try opened(linux.epoll_create1(linux.EPOLL.CLOEXEC));
        errdefer _ = linux.close(epoll_fd);
        const flags = linux.EFD.CLOEXEC | linux.EFD.NONBLOCK;
        const wake_fd = try opened(linux.eventfd(0, flags));
        errdefer _ = linux.close(wake_fd);
        var poller: Epoll = .{ .epoll_fd = epoll_fd, .wake_fd = wake_fd };
        try poller.control(linux.EPOLL.CTL_ADD, wake_fd, wake_token, false);
        return poller;
    }

    /// Readable when a wait would end.
    pub fn descriptor(poller: *const Epoll) ?i32 {
        return poller.epoll_fd;
    }

    pub fn deinit(poller: *Epoll) void {
        _ = linux.close(poller.wake_fd);
        _ = linux.close(poller.epoll_fd);
    }

    pub fn add(poller: *Epoll, fd: i32, token: usize, writable: bool) Error!void {
        assert(token != wake_token);
        try poller.control(linux.EPOLL.CTL_ADD, fd, token, writable);
    }

    pub fn setWritable(poller: *Epoll, fd: i32, token: usize, writable: bool) Error!void {
        try poller.control(linux.EPOLL.CTL_MOD, fd, token, writable);
    }

    pub fn remove(poller: *Epoll, fd: i32) void {
        _ = linux.epoll_ctl(poller.epoll_fd, linux.EPOLL.CTL_DEL, fd, null);
    }

    fn control(poller: *Epoll, operation: u32, fd: i32, token: usize, writable: bool) Error!void {
        const interest: u32 = linux.EPOLL.IN | linux.EPOLL.RDHUP;
        var event: linux.epoll_event = .{
            .events = if (writable) interest | linux.EPOLL.OUT else interest,
            .data = .{ .u64 = token },
        };
        const rc = linux.epoll_ctl(poller.epoll_fd, operation, fd, &event);
        if (linux.errno(rc) != .SUCCESS) return error.SystemResources;
    }

    /// Waits until something is ready, a wake, or the timeout; null waits without limit.
    pub fn wait(poller: *Epoll, events: *[events_max]Event, timeout_ms: ?u32) []Event {
        const timeout: i32 = if (timeout_ms) |value| @intCast(@min(value, 1 << 30)) else -1;
        const rc = linux.epoll_wait(poller.epoll_fd, &poller.raw, events_max, timeout);
        if (linux.errno(rc) != .SUCCESS) return events[0..0];
        var count: usize = 0;
        for (poller.raw[0..rc]) |event| {
            if (event.data.u64 == wake_token) {
                var value: u64 = 0;
                _ = linux.read(poller.wake_fd, std.mem.asBytes(&value), 8);
                continue;
            }
            const ended = linux.EPOLL.ERR | linux.EPOLL.HUP | linux.EPOLL.RDHUP;
            events[count] = .{
                .token = event.data.u64,
                // An error shows itself to whoever reads.
                .readable = event.events & (linux.EPOLL.IN | ended) != 0,
                .writable = event.events & (linux.EPOLL.OUT | linux.EPOLL.ERR) != 0,
            };
            count += 1;
        }
        return events[0..count];
    }

    /// Any thread.
    pub fn wake(poller: *const Epoll) void {
        const one: u64 = 1;
        _ = linux.write(poller.wake_fd, std.mem.asBytes(&one), 8);
    }

    fn opened(rc: usize) Error!i32 {
        if (linux.errno(rc) != .SUCCESS) return error.SystemResources;
        return @intCast(rc);
    }
};

const Kqueue = struct {
    kqueue_fd: i32,
    raw: [events_max]std.c.Kevent = undefined,

    pub fn init(_: anytype) Error!Kqueue {
        const kqueue_fd = std.c.kqueue();
        if (kqueue_fd < 0) return error.SystemResources;
        var poller: Kqueue = .{ .kqueue_fd = kqueue_fd };
        errdefer poller.deinit();
        try poller.change(wake_ident, std.c.EVFILT.USER, std.c.EV.ADD | std.c.EV.CLEAR, 0, 0);
        return poller;
    }

    pub fn descriptor(poller: *const Kqueue) ?i32 {
        return poller.kqueue_fd;
    }

    pub fn deinit(poller: *Kqueue) void {
        _ = std.c.close(poller.kqueue_fd);
    }

    pub fn add(poller: *Kqueue, fd: i32, token: usize, writable: bool) Error!void {
        assert(token != wake_token);
        const ident: usize = @intCast(fd);
        try poller.change(ident, std.c.EVFILT.READ, std.c.EV.ADD, 0, token);
        if (writable) try poller.setWritable(fd, token, true);
    }

    pub fn setWritable(poller: *Kqueue, fd: i32, token: usize, writable: bool) Error!void {
        const flags: u16 = if (writable) std.c.EV.ADD else std.c.EV.DELETE;
        try poller.change(@intCast(fd), std.c.EVFILT.WRITE, flags, 0, token);
    }

    pub fn remove(poller: *Kqueue, fd: i32) void {
        const ident: usize = @intCast(fd);
        poller.change(ident, std.c.EVFILT.READ, std.c.EV.DELETE, 0, 0) catch {};
        // Not there unless writing was being waited for.
        poller.change(ident, std.c.EVFILT.WRITE, std.c.EV.DELETE, 0, 0) catch {};
    }

    fn change(
        poller: *const Kqueue,
        ident: usize,
        filter: i16,
        flags: u16,
        fflags: u32,
        token: usize,
    ) Error!void {
        const event: std.c.Kevent = .{
            .ident = ident,
            .filter = filter,
            .flags = flags,
            .fflags = fflags,
            .data = 0,
            .udata = token,
        };
        const rc = std.c.kevent(poller.kqueue_fd, @ptrCast(&event), 1, undefined, 0, null);
        if (rc < 0) return error.SystemResources;
    }

    pub fn wait(poller: *Kqueue, events: *[events_max]Event, timeout_ms: ?u32) []Event {
        var time: std.c.timespec = undefined;
        if (timeout_ms) |value| time = .{
            .sec = value / std.time.ms_per_s,
            .nsec = @as(isize, value % std.time.ms_per_s) * std.time.ns_per_ms,
        };
        const limit = if (timeout_ms == null) null else &time;
        const rc = std.c.kevent(poller.kqueue_fd, undefined, 0, &poller.raw, events_max, limit);
        if (rc < 0) return events[0..0];
        var count: usize = 0;
        for (poller.raw[0..@intCast(rc)]) |event| {
            if (event.filter == std.c.EVFILT.USER) continue;
            events[count] = .{
                .token = event.udata,
                .readable = event.filter == std.c.EVFILT.READ,
                .writable = event.filter == std.c.EVFILT.WRITE,
            };
            count += 1;
        }
        return events[0..count];
    }

    pub fn wake(poller: *const Kqueue) void {
        poller.change(wake_ident, std.c.EVFILT.USER, 0, std.c.NOTE.TRIGGER, 0) catch {};
    }

    const wake_ident = 0;
};

const Polled = struct {
    set: PollSet,
    raw: [events_max]PollSet.Ready = undefined,

    pub fn init(_: anytype) Error!Polled {
        return .{ .set = try .init() };
    }

    /// There is none that another loop could watch.
    pub fn descriptor(_: *const Polled) ?i32 {
        return null;
    }

    pub fn deinit(poller: *Polled) void {
        poller.set.deinit();
    }

    pub fn add(poller: *Polled, fd: usize, token: usize, writable: bool) Error!void {
        assert(token != wake_token);
        try poller.set.add(fd, token, interest(writable));
    }

    pub fn setWritable(poller: *Polled, fd: usize, token: usize, writable: bool) Error!void {
        poller.set.modify(fd, token, interest(writable));
    }

    pub fn remove(poller: *Polled, fd: usize) void {
        poller.set.remove(fd);
    }

    fn interest(writable: bool) i16 {
        return if (writable) POLL.IN | POLL.OUT else POLL.IN;
    }

    pub fn wait(poller: *Polled, events: *[events_max]Event, timeout_ms: ?u32) []Event {
        const timeout: i32 = if (timeout_ms) |value| @intCast(@min(value, 1 << 30)) else -1;
        var woken = false;
        const ready = poller.set.wait(&poller.raw, timeout, &woken);
        for (ready, events[0..ready.len]) |from, *to| to.* = .{
            .token = from.token,
            .readable = from.revents & (POLL.IN | POLL.ERR | POLL.HUP | POLL.NVAL) != 0,
            .writable = from.revents & (POLL.OUT | POLL.ERR) != 0,
        };
        return events[0..ready.len];
    }

    /// Any thread.
    pub fn wake(poller: *const Polled) void {
        poller.set.wake();
    }
};

test "a wake ends a wait, and readiness carries the token" {
    var poller = try Poller.init({});
    defer poller.deinit();
    var events: [events_max]Event = undefined;
    poller.wake();
    try std.testing.expectEqual(@as(usize, 0), poller.wait(&events, null).len);
    try std.testing.expectEqual(@as(usize, 0), poller.wait(&events, 0).len);

    var descriptor = try Wake.init();
    defer descriptor.deinit();
    try poller.add(descriptor.read_fd, 77, false);
    try std.testing.expectEqual(@as(usize, 0), poller.wait(&events, 0).len);
    descriptor.signal();
    const ready = poller.wait(&events, null);
    try std.testing.expectEqual(@as(usize, 1), ready.len);
    try std.testing.expectEqual(@as(usize, 77), ready[0].token);
    try std.testing.expect(ready[0].readable);
    poller.remove(descriptor.read_fd);
    try std.testing.expectEqual(@as(usize, 0), poller.wait(&events, 0).len);
}
