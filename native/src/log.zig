//! What the core has to say to whoever reads a log: a few lines, kept until the host takes them.
//!
//! Written by threads that tend clusters, never by commands, and never waited for: when nobody
//! takes the lines, the oldest give way. One thread of the host waits for them with `next`, so no
//! thread of the core has to enter a language's runtime.

const std = @import("std");
const assert = std.debug.assert;
const io = @import("io.zig");
const printable = @import("printable.zig");
const Failure = @import("status.zig").Failure;

pub const Level = enum(i32) { err = 0, warn = 1, info = 2, debug = 3 };

/// What has happened, by names that stay: docs/guides/observability.md lists them.
pub const Event = enum {
    cluster_reachable,
    cluster_unreachable,
    node_joined,
    node_left,
    node_prompt,
    node_ready,
    node_refused,
    node_rests,
    node_slow,
    retries_few,
    retries_many,
    tls_files_changed,
    tls_files_unusable,
    tls_session,
};

/// What a line is about, apart from its text; zeros where it is not about that.
pub const About = struct {
    node: []const u8 = "",
    /// What went wrong.
    code: i32 = 0,
    duration_ms: u64 = 0,
    count: u64 = 0,
};

/// Room for a failure's message after some words.
pub const text_bytes_max = 80 + Failure.message_bytes_max;

pub const Line = struct {
    level: Level,
    event: Event,
    code: i32,
    duration_ms: u64,
    count: u64,
    node_len: u8,
    node_buffer: [Failure.node_name_max]u8,
    len: u16,
    text: [text_bytes_max]u8,

    pub fn node(line: *const Line) []const u8 {
        return line.node_buffer[0..line.node_len];
    }

    pub fn slice(line: *const Line) []const u8 {
        return line.text[0..line.len];
    }
};

pub const Log = struct {
    mutex: io.sync.Mutex = .{},
    written: io.sync.Event = .{},
    lines: [lines_max]Line = undefined,
    first: usize = 0,
    count: usize = 0,
    /// Set by `stop`, taken by the one who waits.
    stopped: bool = false,

    const lines_max = 128;

    /// Any thread. What does not fit into a line is cut off; control characters and bytes that
    /// are no text, which come from servers, are shown as such.
    pub fn write(
        log: *Log,
        level: Level,
        event: Event,
        about: About,
        comptime format: []const u8,
        arguments: anytype,
    ) void {
        var line: Line = .{
            .level = level,
            .event = event,
            .code = about.code,
            .duration_ms = about.duration_ms,
            .count = about.count,
            .node_len = 0,
            .node_buffer = @splat(0),
            .len = 0,
            .text = @splat(0),
        };
        line.node_len = @intCast(printable.copy(&line.node_buffer, about.node).len);
        // A character that is cut at its end is never reached.
        var raw: [text_bytes_max + 3]u8 = undefined;
        var writer = std.Io.Writer.fixed(&raw);
        writer.print(format, arguments) catch {};
        line.len = @intCast(printable.copy(&line.text, writer.buffered()).len);
        log.mutex.lock();
        if (log.count == lines_max) {
            log.first = (log.first + 1) % lines_max;
            log.count -= 1;
        }
        log.lines[(log.first + log.count) % lines_max] = line;
        log.count += 1;
        log.mutex.unlock();
        log.written.set();
    }

    /// The oldest line; null after the duration, or when `stop` was called. One thread at a time.
    pub fn next(log: *Log, duration_ns: u64) ?Line {
        while (true) {
            if (log.take()) |taken| return taken orelse null;
            if (!log.written.wait(duration_ns)) return null;
        }
    }

    /// Null: there is nothing. A null inside: it was stopped.
    fn take(log: *Log) ??Line {
        log.mutex.lock();
        defer log.mutex.unlock();
        if (log.stopped) {
            log.stopped = false;
            return @as(?Line, null);
        }
        if (log.count == 0) return null;
        const line = log.lines[log.first];
        log.first = (log.first + 1) % lines_max;
        log.count -= 1;
        return line;
    }

    /// Any thread: ends the present wait, or the next.
    pub fn stop(log: *Log) void {
        log.mutex.lock();
        log.stopped = true;
        log.mutex.unlock();
        log.written.set();
    }

    /// In the child of a fork, before a second thread exists: the lines are the parent's.
    pub fn afterFork(log: *Log) void {
        log.* = .{};
    }
};

/// Of the process.
pub var process: Log = .{};

const testing = std.testing;

test "lines are taken in order, the oldest give way, and long ones are cut" {
    var log: Log = .{};
    try testing.expectEqual(null, log.next(1));
    for (0..Log.lines_max + 2) |number| {
        log.write(.info, .node_left, .{ .count = number }, "line {d}", .{number});
    }
    try testing.expectEqualStrings("line 2", log.next(1).?.slice());
    try testing.expectEqual(3, log.next(1).?.count);
    const long: [1000]u8 = @splat('x');
    log.write(.warn, .node_left, .{}, "{s}", .{&long});
    var last: Line = undefined;
    while (log.next(1)) |line| last = line;
    try testing.expectEqual(Level.warn, last.level);
    try testing.expectEqual(text_bytes_max, last.slice().len);
}

test "a line is one line, whatever a server has sent" {
    var log: Log = .{};
    const sent = "A\x1b[2J\nB\xff";
    log.write(.info, .node_left, .{ .node = sent }, "node {s}", .{sent});
    const line = log.next(1).?;
    try testing.expectEqualStrings("node A\\x1b[2J\\x0aB\u{fffd}", line.slice());
    try testing.expectEqualStrings("A\\x1b[2J\\x0aB\u{fffd}", line.node());
}

test "a waiter is woken by a line, and by the stop" {
    const Writer = struct {
        fn run(log: *Log) void {
            log.write(.info, .node_left, .{}, "hello", .{});
        }
    };
    var log: Log = .{};
    const thread = try std.Thread.spawn(.{}, Writer.run, .{&log});
    try testing.expectEqualStrings("hello", log.next(10 * std.time.ns_per_s).?.slice());
    thread.join();
    log.stop();
    try testing.expectEqual(null, log.next(10 * std.time.ns_per_s));
}
