//! A mutex and a wake event that any thread may use, thin over the standard library's futex.
//!
//! The standard library asks for an `Io` where it only needs the operating system's futex; the
//! global single-threaded instance offers that without threads or signal handlers of its own.
//! Both types can be reset in the child of a fork, where their former holders no longer exist.

const std = @import("std");

fn system() std.Io {
    return std.Io.Threaded.global_single_threaded.io();
}

pub const Mutex = struct {
    inner: std.Io.Mutex = .init,

    pub fn lock(mutex: *Mutex) void {
        mutex.inner.lockUncancelable(system());
    }

    pub fn tryLock(mutex: *Mutex) bool {
        return mutex.inner.tryLock();
    }

    pub fn unlock(mutex: *Mutex) void {
        mutex.inner.unlock(system());
    }

    /// Only in the child of a fork, before a second thread exists.
    pub fn reset(mutex: *Mutex) void {
        mutex.* = .{};
    }
};

/// A wake that is remembered until one waiter takes it. Setting it twice wakes once.
pub const Event = struct {
    state: std.atomic.Value(u32) = .init(0),

    /// Any thread.
    pub fn set(event: *Event) void {
        if (event.state.swap(1, .acq_rel) == 0) system().futexWake(u32, &event.state.raw, 1);
    }

    /// Waits for at most the duration; true when the event was set, which clears it. One thread.
    pub fn wait(event: *Event, duration_ns: u64) bool {
        const io = system();
        const timeout: std.Io.Timeout = .{ .duration = .{
            .raw = .fromNanoseconds(duration_ns),
            .clock = .awake,
        } };
        const deadline = timeout.toDeadline(io);
        while (event.state.swap(0, .acq_rel) == 0) {
            const left = deadline.toDurationFromNow(io) orelse return false;
            if (left.raw.nanoseconds <= 0) return false;
            io.futexWaitTimeout(u32, &event.state.raw, 0, deadline) catch |err| switch (err) {
                // Nothing here cancels; taken for a spurious wake.
                error.Canceled => {},
            };
        }
        return true;
    }

    /// The same, but a signal may end it early.
    pub fn waitBriefly(event: *Event, duration_ns: u64) bool {
        if (event.state.swap(0, .acq_rel) != 0) return true;
        if (duration_ns == 0) return false;
        const io = system();
        const timeout: std.Io.Timeout = .{ .duration = .{
            .raw = .fromNanoseconds(duration_ns),
            .clock = .awake,
        } };
        io.futexWaitTimeout(u32, &event.state.raw, 0, timeout) catch |err| switch (err) {
            error.Canceled => {},
        };
        return event.state.swap(0, .acq_rel) != 0;
    }

    /// Not set any more.
    pub fn reset(event: *Event) void {
        event.state.store(0, .monotonic);
    }
};

test "an event that is set before the wait does not wait, and is taken once" {
    var event: Event = .{};
    event.set();
    event.set();
    try std.testing.expect(event.wait(std.time.ns_per_s));
    try std.testing.expect(!event.wait(1));
}

test "an event wakes its waiter in another thread" {
    const Waiter = struct {
        event: Event = .{},
        woken: bool = false,

        fn run(waiter: *@This()) void {
            waiter.woken = waiter.event.wait(10 * std.time.ns_per_s);
        }
    };
    var waiter: Waiter = .{};
    const handle = try std.Thread.spawn(.{}, Waiter.run, .{&waiter});
    waiter.event.set();
    handle.join();
    try std.testing.expect(waiter.woken);
}
