//! How finished operations reach whoever started them: a list, and one wake for many of them.
//!
//! The event loop's thread posts; one thread at a time takes. The wake is a descriptor that is
//! readable from the first post until `take` has looked. Order matters in `take`: empty the
//! descriptor, then clear the flag, then take the list. Clearing first would lose a wake.

const std = @import("std");
const os = @import("../os.zig");
const system = os.system;
const Wake = @import("../io.zig").Wake;

pub fn Mailbox(comptime Item: type) type {
    return struct {
        /// The last one posted is the first of the list.
        list: std.atomic.Value(?*Item) = .init(null),
        notified: std.atomic.Value(bool) = .init(false),
        wake: Wake,

        const This = @This();

        pub fn init() error{SystemResources}!This {
            return .{ .wake = try .init() };
        }

        pub fn deinit(mailbox: *This) void {
            mailbox.wake.deinit();
        }

        /// The poster's thread. Items are linked by their `next`; `notify` follows.
        pub fn post(mailbox: *This, item: *Item) void {
            var head = mailbox.list.load(.monotonic);
            while (true) {
                item.next = head;
                head = mailbox.list.cmpxchgWeak(head, item, .release, .monotonic) orelse return;
            }
        }

        /// Wakes the taker, unless a wake is under way already.
        pub fn notify(mailbox: *This) void {
            if (mailbox.list.load(.acquire) == null) return;
            if (mailbox.notified.swap(true, .seq_cst)) return;
            mailbox.wake.signal();
        }

        /// All that was posted, the oldest first.
        pub fn take(mailbox: *This) ?*Item {
            mailbox.wake.clear();
            mailbox.notified.store(false, .seq_cst);
            return reversed(mailbox.list.swap(null, .seq_cst));
        }

        pub fn reversed(list: ?*Item) ?*Item {
            var rest = list;
            var result: ?*Item = null;
            while (rest) |item| {
                rest = item.next;
                item.next = result;
                result = item;
            }
            return result;
        }
    };
}

const TestItem = struct { number: u32, next: ?*TestItem = null };

test "items come in the order they were posted, and one wake covers many" {
    var mailbox: Mailbox(TestItem) = try .init();
    defer mailbox.deinit();
    mailbox.notify();
    try std.testing.expect(!isReadable(mailbox.wake.read_fd));
    var items: [3]TestItem = .{ .{ .number = 0 }, .{ .number = 1 }, .{ .number = 2 } };
    for (&items) |*item| {
        mailbox.post(item);
        mailbox.notify();
    }
    try std.testing.expect(isReadable(mailbox.wake.read_fd));
    var next = mailbox.take();
    for (0..3) |number| {
        try std.testing.expectEqual(number, next.?.number);
        next = next.?.next;
    }
    try std.testing.expectEqual(null, next);
    try std.testing.expect(!isReadable(mailbox.wake.read_fd));
    mailbox.post(&items[0]);
    mailbox.notify();
    try std.testing.expect(isReadable(mailbox.wake.read_fd));
}

fn isReadable(fd: os.Fd) bool {
    var entries = [1]system.pollfd{.{ .fd = fd, .events = system.POLL.IN, .revents = 0 }};
    return system.poll(&entries, 1, 0) == 1;
}

test "no wake is lost between a thread that posts and one that takes" {
    const total = 20_000;
    const Poster = struct {
        fn run(mailbox: *Mailbox(TestItem), items: []TestItem) void {
            for (items) |*item| {
                mailbox.post(item);
                mailbox.notify();
            }
        }
    };
    var mailbox: Mailbox(TestItem) = try .init();
    defer mailbox.deinit();
    const items = try std.testing.allocator.alloc(TestItem, total);
    defer std.testing.allocator.free(items);
    for (items, 0..) |*item, number| item.* = .{ .number = @intCast(number) };
    const thread = try std.Thread.spawn(.{}, Poster.run, .{ &mailbox, items });
    defer thread.join();
    var expected: u32 = 0;
    while (expected < total) {
        var entries = [1]system.pollfd{.{
            .fd = mailbox.wake.read_fd,
            .events = system.POLL.IN,
            .revents = 0,
        }};
        // A lost wake would end in this timeout.
        try std.testing.expectEqual(1, system.poll(&entries, 1, 10_000));
        var next = mailbox.take();
        while (next) |item| : (next = item.next) {
            try std.testing.expectEqual(expected, item.number);
            expected += 1;
        }
    }
}
