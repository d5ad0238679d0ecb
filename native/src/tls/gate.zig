//! Nobody is inside OpenSSL while the process forks.
//!
//! A thread that is there may hold one of its locks, which in the child nobody would ever release:
//! the next call there would wait for ever. So each call enters here, and a fork waits until all have
//! left, which none takes long to do, as none waits for a peer. What others of the process do with
//! OpenSSL is not known here.

const std = @import("std");
const builtin = @import("builtin");
const assert = std.debug.assert;
const os = @import("../os.zig");

/// Threads.
var inside: std.atomic.Value(u32) = .init(0);
/// Forks under way, while which nobody enters.
var forks: std.atomic.Value(u32) = .init(0);
/// Whether forks are told of.
var is_guarding: std.atomic.Value(bool) = .init(false);
/// Of the calling thread: calls within calls.
threadlocal var depth: u32 = 0;

const turn_ns = 20 * std.time.ns_per_us;
/// A thread that was stopped in there does not keep the process from forking for ever.
const turns_max = 2 * std.time.ns_per_s / turn_ns;

pub fn enter() void {
    if (os.is_windows) return;
    depth += 1;
    if (depth > 1) return;
    while (true) {
        _ = inside.fetchAdd(1, .seq_cst);
        if (forks.load(.seq_cst) == 0) return;
        _ = inside.fetchSub(1, .seq_cst);
        while (forks.load(.acquire) > 0) rest();
    }
}

pub fn leave() void {
    if (os.is_windows) return;
    assert(depth > 0);
    depth -= 1;
    if (depth == 0) _ = inside.fetchSub(1, .release);
}

/// From now on forks wait.
pub fn guardForks() void {
    if (os.is_windows) return;
    if (is_guarding.swap(true, .monotonic)) return;
    // Without the memory for it forks are as they would be without this.
    _ = if (is_glibc)
        __register_atfork(beforeFork, afterForkInParent, afterForkInChild, null)
    else
        pthread_atfork(beforeFork, afterForkInParent, afterForkInChild);
}

fn beforeFork() callconv(.c) void {
    _ = forks.fetchAdd(1, .seq_cst);
    const own: u32 = @intFromBool(depth > 0);
    for (0..turns_max) |_| {
        if (inside.load(.seq_cst) <= own) return;
        rest();
    }
}

fn afterForkInParent() callconv(.c) void {
    _ = forks.fetchSub(1, .release);
}

fn afterForkInChild() callconv(.c) void {
    inside.store(@intFromBool(depth > 0), .monotonic);
    forks.store(0, .monotonic);
}

fn rest() void {
    const time: std.c.timespec = .{ .sec = 0, .nsec = turn_ns };
    _ = std.c.nanosleep(&time, null);
}

/// Which has the usual one for programs that are linked statically, or were built long ago.
const is_glibc = os.is_linux and builtin.abi.isGnu();
const Handler = *const fn () callconv(.c) void;
extern "c" fn pthread_atfork(prepare: Handler, parent: Handler, child: Handler) c_int;
extern "c" fn __register_atfork(
    prepare: Handler,
    parent: Handler,
    child: Handler,
    owner: ?*anyopaque,
) c_int;

test "a fork waits for who is inside, and nobody enters meanwhile" {
    if (os.is_windows) return error.SkipZigTest;
    enter();
    enter();
    const thread = try std.Thread.spawn(.{}, forkOnce, .{});
    while (forks.load(.acquire) == 0) rest();
    // Calls within calls go on.
    leave();
    try std.testing.expect(!has_forked.load(.acquire));
    leave();
    enter();
    defer leave();
    // Not before the fork was over.
    try std.testing.expect(has_forked.load(.acquire));
    thread.join();
}

var has_forked: std.atomic.Value(bool) = .init(false);

fn forkOnce() void {
    beforeFork();
    // What is inside now is inside at the fork.
    has_forked.store(inside.load(.acquire) == 0, .release);
    afterForkInParent();
}
