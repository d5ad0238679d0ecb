//! Readiness of many sockets on Windows: `WSAPoll` over all of them, with a wake.
//!
//! What the pollers of the event loop and of the development server are made of there. One thread
//! waits and changes the set; any thread may `wake` it. A wait costs time for every socket of the
//! set, which does for the hundreds of connections that a client has.

const std = @import("std");
const assert = std.debug.assert;
const windows = @import("windows.zig");

const Fd = windows.fd_t;

pub const PollSet = struct {
    /// The wake's end is the first; tokens are parallel.
    entries: std.ArrayList(windows.pollfd),
    tokens: std.ArrayList(usize),
    places: std.AutoHashMapUnmanaged(Fd, usize),
    wake_ends: [2]Fd,
    /// Where the next look for them begins: no socket starves behind busy ones.
    next: usize = 1,

    pub const Error = error{SystemResources};

    pub const Ready = struct { token: usize, revents: i16 };

    const gpa = std.heap.c_allocator;

    pub fn init() Error!PollSet {
        var set: PollSet = .{
            .entries = .empty,
            .tokens = .empty,
            .places = .empty,
            .wake_ends = try windows.socketpair(),
        };
        errdefer set.deinit();
        try set.add(set.wake_ends[0], 0, windows.POLL.IN);
        return set;
    }

    pub fn deinit(set: *PollSet) void {
        for (set.wake_ends) |fd| _ = windows.close(fd);
        set.entries.deinit(gpa);
        set.tokens.deinit(gpa);
        set.places.deinit(gpa);
        set.* = undefined;
    }

    pub fn add(set: *PollSet, fd: Fd, token: usize, events: i16) Error!void {
        const place = set.entries.items.len;
        assert(place == set.tokens.items.len);
        set.entries.ensureUnusedCapacity(gpa, 1) catch return error.SystemResources;
        set.tokens.ensureUnusedCapacity(gpa, 1) catch return error.SystemResources;
        set.places.putNoClobber(gpa, fd, place) catch return error.SystemResources;
        set.entries.appendAssumeCapacity(.{ .fd = fd, .events = events, .revents = 0 });
        set.tokens.appendAssumeCapacity(token);
    }

    pub fn modify(set: *PollSet, fd: Fd, token: usize, events: i16) void {
        const place = set.places.get(fd).?;
        set.entries.items[place].events = events;
        set.tokens.items[place] = token;
    }

    pub fn remove(set: *PollSet, fd: Fd) void {
        const entry = set.places.fetchRemove(fd) orelse return;
        const place = entry.value;
        assert(place > 0);
        _ = set.entries.swapRemove(place);
        _ = set.tokens.swapRemove(place);
        if (place < set.entries.items.len) {
            set.places.putAssumeCapacity(set.entries.items[place].fd, place);
        }
    }

    /// Any thread. A wake that cannot be sent finds the socket full of wakes.
    pub fn wake(set: *const PollSet) void {
        _ = windows.send(set.wake_ends[1], "w", 1, 0);
    }

    /// Waits until something is ready, a wake, or the timeout; negative is without limit. Whether
    /// it was woken is told by `woken`.
    pub fn wait(set: *PollSet, ready: []Ready, timeout_ms: i32, woken: *bool) []Ready {
        assert(ready.len > 0);
        const entries = set.entries.items;
        const rc = windows.poll(entries.ptr, @intCast(entries.len), timeout_ms);
        woken.* = rc > 0 and entries[0].revents != 0;
        if (woken.*) set.clearWake();
        if (rc <= 0) return ready[0..0];
        var left: usize = @intCast(rc);
        if (woken.*) left -= 1;
        var count: usize = 0;
        for (1..entries.len) |_| {
            if (left == 0 or count == ready.len) break;
            if (set.next >= entries.len) set.next = 1;
            const place = set.next;
            set.next += 1;
            if (entries[place].revents == 0) continue;
            ready[count] = .{
                .token = set.tokens.items[place],
                .revents = entries[place].revents,
            };
            count += 1;
            left -= 1;
        }
        return ready[0..count];
    }

    fn clearWake(set: *const PollSet) void {
        var sink: [64]u8 = undefined;
        while (windows.recv(set.wake_ends[0], &sink, sink.len, 0) == sink.len) {}
    }
};

test "sockets that are taken out leave the others in place, and all that are ready get their turn" {
    var set = try PollSet.init();
    defer set.deinit();
    var pairs: [4][2]Fd = undefined;
    for (&pairs, 1..) |*pair, token| {
        pair.* = try windows.socketpair();
        try set.add(pair[0], token, windows.POLL.IN);
    }
    defer for (pairs) |pair| for (pair) |fd| {
        _ = windows.close(fd);
    };
    set.remove(pairs[1][0]);
    for (pairs) |pair| _ = windows.send(pair[1], "x", 1, 0);
    var seen: [5]bool = @splat(false);
    var ready: [1]PollSet.Ready = undefined;
    var woken = false;
    for (0..3) |_| {
        const one = set.wait(&ready, 10_000, &woken);
        try std.testing.expectEqual(1, one.len);
        seen[one[0].token] = true;
    }
    try std.testing.expectEqual([5]bool{ false, true, false, true, true }, seen);
    try std.testing.expect(!woken);
}
