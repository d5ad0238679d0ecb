//! Loops for commands that a thread carries out itself on several nodes: made when they are needed,
//! and kept for the next one. Any thread; a loop is one thread's while it is taken.

const std = @import("std");
const assert = std.debug.assert;
const io = @import("../io.zig");

/// Loops that nobody uses and that are kept.
const idle_max = 16;

pub fn Loops(comptime Loop: type, comptime Net: type) type {
    return struct {
        mutex: io.sync.Mutex = .{},
        /// All there are, the latest first.
        first: ?*Entry = null,
        /// Those that nobody uses.
        idle: ?*Entry = null,
        idle_count: u32 = 0,

        const This = @This();

        pub const Entry = struct {
            loop: Loop,
            next: ?*Entry = null,
            previous: ?*Entry = null,
            next_idle: ?*Entry = null,
        };

        pub fn take(loops: *This, gpa: std.mem.Allocator, net: *Net) !*Entry {
            loops.mutex.lock();
            defer loops.mutex.unlock();
            if (loops.idle) |entry| {
                loops.idle = entry.next_idle;
                loops.idle_count -= 1;
                return entry;
            }
            const entry = try gpa.create(Entry);
            errdefer gpa.destroy(entry);
            entry.* = .{ .loop = try .init(gpa, net, 0), .next = loops.first };
            entry.loop.connections = .shared;
            if (loops.first) |first| first.previous = entry;
            loops.first = entry;
            return entry;
        }

        /// Nothing is in progress on it.
        pub fn give(loops: *This, gpa: std.mem.Allocator, entry: *Entry) void {
            loops.mutex.lock();
            defer loops.mutex.unlock();
            if (loops.idle_count < idle_max) {
                entry.next_idle = loops.idle;
                loops.idle = entry;
                loops.idle_count += 1;
                return;
            }
            loops.unlink(entry);
            entry.loop.deinit();
            gpa.destroy(entry);
        }

        fn unlink(loops: *This, entry: *Entry) void {
            if (entry.previous) |previous| previous.next = entry.next else loops.first = entry.next;
            if (entry.next) |next| next.previous = entry.previous;
        }

        /// Ends the waits on all of them, whoever uses them.
        pub fn wakeAll(loops: *This) void {
            loops.mutex.lock();
            defer loops.mutex.unlock();
            var next = loops.first;
            while (next) |entry| : (next = entry.next) entry.loop.poller.wake();
        }

        /// Nobody uses any.
        pub fn clear(loops: *This, gpa: std.mem.Allocator) void {
            loops.mutex.lock();
            defer loops.mutex.unlock();
            while (loops.idle) |entry| {
                loops.idle = entry.next_idle;
                loops.idle_count -= 1;
                loops.unlink(entry);
                entry.loop.deinit();
                gpa.destroy(entry);
            }
            assert(loops.first == null);
        }

        /// In the child of a fork: closes this process's copies of the descriptors. The memory of
        /// what other threads were using stays behind.
        pub fn afterFork(loops: *This) void {
            var next = loops.first;
            while (next) |entry| : (next = entry.next) entry.loop.afterFork();
            loops.* = .{};
        }
    };
}
