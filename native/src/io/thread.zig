//! Threads of a library: named, with a small stack, and deaf to every signal of their process.
//!
//! A signal must reach a thread of the application (Python's handlers run in its main thread), so
//! all of them are blocked around the creation, and the new thread inherits that mask. Windows has
//! no such signals.

const std = @import("std");
const builtin = @import("builtin");
const os = @import("../os.zig");

pub const Thread = std.Thread;

/// Enough for a name lookup through the system's resolver plug-ins.
const stack_bytes = 1024 * 1024;
/// What Linux keeps of a name.
const name_bytes_max = 15;

/// The returned thread must be joined.
pub fn spawn(
    name: []const u8,
    comptime function: anytype,
    arguments: anytype,
) error{SystemResources}!Thread {
    const previous = os.SignalMask.block();
    defer previous.restore();
    const start = struct {
        fn run(own_name: [name_bytes_max:0]u8, inner: @TypeOf(arguments)) void {
            nameCurrent(&own_name);
            @call(.auto, function, inner);
        }
    };
    var copied: [name_bytes_max:0]u8 = @splat(0);
    const length = @min(name.len, name_bytes_max);
    @memcpy(copied[0..length], name[0..length]);
    const options: std.Thread.SpawnConfig = .{ .stack_size = stack_bytes };
    return std.Thread.spawn(options, start.run, .{ copied, arguments }) catch
        error.SystemResources;
}

/// A name only helps whoever looks at the process; without one everything works as well. The
/// thread names itself, as from outside it may have ended already.
fn nameCurrent(name: [*:0]const u8) void {
    switch (builtin.os.tag) {
        .linux => _ = std.os.linux.prctl(
            @backingInt(std.os.linux.PR.SET_NAME),
            @intFromPtr(name),
            0,
            0,
            0,
        ),
        .macos => _ = std.c.pthread_setname_np(name),
        else => {},
    }
}

test "a spawned thread has its name and every signal blocked; the caller keeps its own mask" {
    if (os.is_windows) return error.SkipZigTest;
    const Probe = struct {
        mask: std.posix.sigset_t = undefined,
        name: [name_bytes_max + 1]u8 = @splat(0),

        fn run(probe: *@This()) void {
            const none = std.posix.sigemptyset();
            _ = std.c.pthread_sigmask(std.posix.SIG.BLOCK, &none, &probe.mask);
            if (builtin.os.tag != .linux) return;
            const option = @backingInt(std.os.linux.PR.GET_NAME);
            _ = std.os.linux.prctl(option, @intFromPtr(&probe.name), 0, 0, 0);
        }
    };
    const none = std.posix.sigemptyset();
    var before: std.posix.sigset_t = undefined;
    _ = std.c.pthread_sigmask(std.posix.SIG.BLOCK, &none, &before);
    var probe: Probe = .{};
    const handle = try spawn("probe", Probe.run, .{&probe});
    handle.join();
    if (builtin.os.tag == .linux) {
        try std.testing.expectEqualStrings("probe", std.mem.sliceTo(&probe.name, 0));
    }
    var after: std.posix.sigset_t = undefined;
    _ = std.c.pthread_sigmask(std.posix.SIG.BLOCK, &none, &after);
    try std.testing.expect(std.posix.sigismember(&probe.mask, .INT));
    try std.testing.expect(std.posix.sigismember(&probe.mask, .TERM));
    try std.testing.expectEqual(
        std.posix.sigismember(&before, .INT),
        std.posix.sigismember(&after, .INT),
    );
}
