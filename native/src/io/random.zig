//! Random numbers of the operating system, asked for anew each time: a state of our own would be
//! copied by a fork, and parent and children would draw the same numbers.

const std = @import("std");
const os = @import("../os.zig");

pub fn integer() u64 {
    var bytes: [8]u8 = undefined;
    os.randomBytes(&bytes) catch return fallback();
    return std.mem.readInt(u64, &bytes, .little);
}

var counter: std.atomic.Value(u64) = .init(0);

/// Where the system has none: still another number for every call and process.
fn fallback() u64 {
    const system = std.Io.Threaded.global_single_threaded.io();
    const now = std.Io.Timestamp.now(system, .real);
    const process: u64 = if (@import("builtin").os.tag == .windows) 0 else @intCast(std.c.getpid());
    const drawn = counter.fetchAdd(1, .monotonic);
    const time: u64 = @truncate(@as(u128, @bitCast(@as(i128, now.nanoseconds))));
    return std.hash.Wyhash.hash(time, std.mem.asBytes(&[2]u64{ process, drawn }));
}

test "no number comes twice" {
    var seen: std.AutoHashMapUnmanaged(u64, void) = .empty;
    defer seen.deinit(std.testing.allocator);
    for (0..1000) |_| {
        try seen.putNoClobber(std.testing.allocator, integer(), {});
        try seen.putNoClobber(std.testing.allocator, fallback(), {});
    }
}
