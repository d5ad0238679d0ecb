//! Threads of a library: named, with a small stack, and deaf to every signal of their process.
//!
//! A signal must reach a thread of the application (Python's handlers run in its main thread), so
//! all of them are blocked around the creation, and the new thread inherits that mask.

const std = @import("std");

pub const Thread = std.Thread;

/// Enough for a name lookup through the system's resolver plug-ins.
const stack_bytes = 1024 * 1024;

/// The returned thread must be joined.
pub fn spawn(
    name: []const u8,
    comptime function: anytype,
    arguments: anytype,
) error{SystemResources}!Thread {
    var previous: std.posix.sigset_t = undefined;
    const all = std.posix.sigfillset();
    _ = std.c.pthread_sigmask(std.posix.SIG.SETMASK, &all, &previous);
    defer {
        var ignored: std.posix.sigset_t = undefined;
        _ = std.c.pthread_sigmask(std.posix.SIG.SETMASK, &previous, &ignored);
    }
    const thread = std.Thread.spawn(.{ .stack_size = stack_bytes }, function, arguments) catch
        return error.SystemResources;
    // A name only helps whoever looks at the process; without one everything works as well.
    thread.setName(std.Io.Threaded.global_single_threaded.io(), name) catch {};
    return thread;
}

test "a spawned thread has every signal blocked, and the caller keeps its own mask" {
    const Probe = struct {
        mask: std.posix.sigset_t = undefined,

        fn run(probe: *@This()) void {
            const none = std.posix.sigemptyset();
            _ = std.c.pthread_sigmask(std.posix.SIG.BLOCK, &none, &probe.mask);
        }
    };
    const none = std.posix.sigemptyset();
    var before: std.posix.sigset_t = undefined;
    _ = std.c.pthread_sigmask(std.posix.SIG.BLOCK, &none, &before);
    var probe: Probe = .{};
    const handle = try spawn("probe", Probe.run, .{&probe});
    handle.join();
    var after: std.posix.sigset_t = undefined;
    _ = std.c.pthread_sigmask(std.posix.SIG.BLOCK, &none, &after);
    try std.testing.expect(std.posix.sigismember(&probe.mask, .INT));
    try std.testing.expect(std.posix.sigismember(&probe.mask, .TERM));
    try std.testing.expectEqual(
        std.posix.sigismember(&before, .INT),
        std.posix.sigismember(&after, .INT),
    );
}
