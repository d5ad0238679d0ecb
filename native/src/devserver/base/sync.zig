//! A mutex that may be copied into any struct: futex-based, no allocation, no signal handlers.
//!
//! The uncontended paths are one atomic each. Used by every file of the development server.

const std = @import("std");

const io = std.Io.Threaded.global_single_threaded.io();

pub const Mutex = struct {
    inner: std.Io.Mutex = .init,

    pub inline fn lock(mutex: *Mutex) void {
        mutex.inner.lockUncancelable(io);
    }

    pub inline fn unlock(mutex: *Mutex) void {
        mutex.inner.unlock(io);
    }
};

/// Counts up; a thread may wait until it reaches a value.
pub const Counter = struct {
    value: std.atomic.Value(u32) = .init(0),

    pub fn increment(counter: *Counter) void {
        _ = counter.value.fetchAdd(1, .acq_rel);
        io.futexWake(u32, &counter.value.raw, std.math.maxInt(u32));
    }

    pub fn waitUntil(counter: *Counter, target: u32) void {
        while (true) {
            const seen = counter.value.load(.acquire);
            if (seen >= target) return;
            io.futexWaitUncancelable(u32, &counter.value.raw, seen);
        }
    }
};

/// Tells threads that something has changed: they read, look, and wait unless it has since.
pub const Signal = struct {
    value: std.atomic.Value(u32) = .init(0),

    pub fn read(signal: *const Signal) u32 {
        return signal.value.load(.acquire);
    }

    pub fn raise(signal: *Signal) void {
        _ = signal.value.fetchAdd(1, .acq_rel);
        io.futexWake(u32, &signal.value.raw, std.math.maxInt(u32));
    }

    /// Returns when it was raised after `seen` was read, or after a time; also for no reason.
    pub fn wait(signal: *Signal, seen: u32, timeout_ms: ?u32) void {
        const milliseconds = timeout_ms orelse {
            return io.futexWaitUncancelable(u32, &signal.value.raw, seen);
        };
        const timeout: std.Io.Timeout = .{ .duration = .{
            .raw = .fromMilliseconds(milliseconds),
            .clock = .awake,
        } };
        io.futexWaitTimeout(u32, &signal.value.raw, seen, timeout) catch |err| switch (err) {
            error.Canceled => {},
        };
    }
};

/// Counts the threads that use something; another may wait until there are none.
pub const Users = struct {
    count: std.atomic.Value(u32) = .init(0),

    pub fn enter(users: *Users) void {
        _ = users.count.fetchAdd(1, .acq_rel);
    }

    pub fn leave(users: *Users) void {
        if (users.count.fetchSub(1, .acq_rel) != 1) return;
        io.futexWake(u32, &users.count.raw, std.math.maxInt(u32));
    }

    pub fn waitUntilNone(users: *Users) void {
        while (true) {
            const seen = users.count.load(.acquire);
            if (seen == 0) return;
            io.futexWaitUncancelable(u32, &users.count.raw, seen);
        }
    }
};

test "a signal that was raised is not waited for" {
    var signal: Signal = .{};
    const seen = signal.read();
    signal.wait(seen, 1);
    signal.raise();
    signal.wait(seen, null);
}

test "waiting for users ends when the last has left" {
    var users: Users = .{};
    users.waitUntilNone();
    for (0..3) |_| users.enter();
    const thread = try std.Thread.spawn(.{}, struct {
        fn run(target: *Users) void {
            for (0..3) |_| target.leave();
        }
    }.run, .{&users});
    users.waitUntilNone();
    try std.testing.expectEqual(@as(u32, 0), users.count.load(.acquire));
    thread.join();
}

test "a waiter returns when another thread has counted far enough" {
    var counter: Counter = .{};
    const thread = try std.Thread.spawn(.{}, struct {
        fn run(target: *Counter) void {
            for (0..3) |_| target.increment();
        }
    }.run, .{&counter});
    counter.waitUntil(3);
    thread.join();
    try std.testing.expectEqual(@as(u32, 3), counter.value.load(.acquire));
}

test "two threads under one mutex lose no increment" {
    const Shared = struct { mutex: Mutex = .{}, count: u32 = 0 };
    var shared: Shared = .{};
    const run = struct {
        fn run(target: *Shared) void {
            for (0..10_000) |_| {
                target.mutex.lock();
                defer target.mutex.unlock();
                target.count += 1;
            }
        }
    }.run;
    const threads = [_]std.Thread{
        try std.Thread.spawn(.{}, run, .{&shared}),
        try std.Thread.spawn(.{}, run, .{&shared}),
    };
    for (threads) |thread| thread.join();
    try std.testing.expectEqual(@as(u32, 20_000), shared.count);
}
