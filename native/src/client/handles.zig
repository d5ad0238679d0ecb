//! What programs hold on to across the C ABI: objects whose memory is never given back, so that a
//! handle that was destroyed can be told from one that lives, and is an error rather than a crash.
//!
//! A number in the object says that it lives; it is the last thing that is written when one is made,
//! and the first that changes when it ends. Memory of objects that have ended is used again, but
//! the one that ended first comes first, and only when there are many.

const std = @import("std");
const assert = std.debug.assert;
const io = @import("../io.zig");

/// Ended objects whose memory is left alone.
const quarantine_count = 64;

const dead: u64 = 0xdead_dead_dead_dead;

/// `T` has a member `handle: HandleMark`.
pub fn Handles(comptime T: type) type {
    return struct {
        gpa: std.mem.Allocator,
        mutex: io.sync.Mutex = .{},
        /// Ended, the oldest first; linked by their marks.
        first: ?*T = null,
        last: ?*T = null,
        count: u32 = 0,

        const This = @This();
        /// Another one for every type.
        const live: u64 = std.hash.Wyhash.hash(0x5eed, @typeName(T));

        /// Memory for an object, whose members are undefined.
        pub fn create(handles: *This) error{OutOfMemory}!*T {
            {
                handles.mutex.lock();
                defer handles.mutex.unlock();
                if (handles.count > quarantine_count) {
                    const object = handles.first.?;
                    handles.first = nextOf(object);
                    handles.count -= 1;
                    return object;
                }
            }
            const object = try handles.gpa.create(T);
            object.handle = .{};
            return object;
        }

        /// The object is complete.
        pub fn begin(object: *T) void {
            object.handle.magic.store(live, .release);
        }

        pub fn isLive(object: *const T) bool {
            return object.handle.magic.load(.acquire) == live;
        }

        /// The object is not to be used any more. False when that has been said before.
        pub fn end(object: *T) bool {
            return object.handle.magic.cmpxchgStrong(live, dead, .acq_rel, .monotonic) == null;
        }

        /// Takes the memory back of an object that has ended, or never began.
        pub fn retire(handles: *This, object: *T) void {
            assert(!isLive(object));
            handles.mutex.lock();
            defer handles.mutex.unlock();
            object.handle.next = null;
            if (handles.last) |last| last.handle.next = object else handles.first = object;
            handles.last = object;
            handles.count += 1;
        }

        fn nextOf(object: *T) ?*T {
            return @ptrCast(@alignCast(object.handle.next));
        }

        /// In the child of a fork.
        pub fn afterFork(handles: *This) void {
            handles.mutex.reset();
        }
    };
}

/// At a fixed place in each object, and never undefined.
pub const Mark = struct {
    magic: std.atomic.Value(u64) = .init(0),
    next: ?*anyopaque = null,
};

const testing = std.testing;

const Thing = struct { handle: Mark, number: u32 };

test "an ended object is told, and its memory is not used again at once" {
    var arena: std.heap.ArenaAllocator = .init(testing.allocator);
    defer arena.deinit();
    const Things = Handles(Thing);
    var things: Things = .{ .gpa = arena.allocator() };
    const first = try things.create();
    try testing.expect(!Things.isLive(first));
    first.number = 1;
    Things.begin(first);
    try testing.expect(Things.isLive(first));
    try testing.expect(Things.end(first));
    try testing.expect(!Things.end(first));
    things.retire(first);
    for (0..quarantine_count) |_| {
        const other = try things.create();
        try testing.expect(other != first);
        Things.begin(other);
        try testing.expect(!Things.isLive(first));
        try testing.expect(Things.end(other));
        things.retire(other);
    }
    try testing.expectEqual(first, try things.create());
}
