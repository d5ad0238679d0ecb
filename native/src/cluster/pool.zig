//! The idle connections of one node, and the count of all of them.
//!
//! Last in, first out: the top is the most recently used one, the bottom is the first to trim.
//! The count covers idle, lent and still connecting ones, and never passes its maximum: whoever
//! wants to connect reserves first, and whoever closes gives the reservation back. When the node
//! is left the pool is emptied and its generation raised, so that a lent connection of before
//! is not taken back. Any thread; the mutex is held for a few instructions and never for I/O.

const std = @import("std");
const assert = std.debug.assert;
const Mutex = @import("../io.zig").sync.Mutex;
const Traffic = @import("statistics.zig").Traffic;

pub fn Pool(comptime Net: type) type {
    return struct {
        mutex: Mutex = .{},
        /// Its length is the maximum; guarded, as are the next two.
        idle: []Connection,
        idle_count: u32 = 0,
        is_open: bool = false,
        generation: std.atomic.Value(u32) = .init(0),
        count: std.atomic.Value(u32) = .init(0),
        /// Of connections that came back; guarded.
        traffic: Traffic = .{},

        const This = @This();

        /// Held by one thread at a time, and passed on by value.
        pub const Connection = struct {
            socket: Net.Socket,
            /// The node's generation when it was opened.
            generation: u32,
            last_used_ns: u64,
            /// Since it was lent; whoever takes it back counts them for the node.
            traffic: Traffic = .{},
        };

        pub fn init(gpa: std.mem.Allocator, count_max: u32) error{OutOfMemory}!This {
            assert(count_max > 0);
            return .{ .idle = try gpa.alloc(Connection, count_max) };
        }

        /// The pool is empty by then.
        pub fn deinit(pool: *This, gpa: std.mem.Allocator) void {
            assert(pool.idle_count == 0);
            gpa.free(pool.idle);
            pool.* = undefined;
        }

        /// Counts a connection that is about to be opened. False at the maximum.
        pub fn reserve(pool: *This) bool {
            var count = pool.count.load(.monotonic);
            while (count < pool.idle.len) {
                count = pool.count.cmpxchgWeak(count, count + 1, .monotonic, .monotonic) orelse
                    return true;
            }
            return false;
        }

        /// A counted connection was closed, or never came to be.
        pub fn unreserve(pool: *This) void {
            const before = pool.count.fetchSub(1, .monotonic);
            assert(before > 0);
        }

        /// The most recently used one.
        pub fn take(pool: *This) ?Connection {
            pool.mutex.lock();
            defer pool.mutex.unlock();
            if (pool.idle_count == 0) return null;
            pool.idle_count -= 1;
            return pool.idle[pool.idle_count];
        }

        /// False when the pool was emptied since the connection was opened; the caller closes it.
        pub fn put(pool: *This, connection: Connection) bool {
            pool.mutex.lock();
            defer pool.mutex.unlock();
            if (!pool.is_open) return false;
            if (connection.generation != pool.generation.load(.monotonic)) return false;
            assert(pool.idle_count < pool.idle.len);
            pool.traffic.add(connection.traffic);
            pool.idle[pool.idle_count] = connection;
            pool.idle[pool.idle_count].traffic = .{};
            pool.idle_count += 1;
            return true;
        }

        /// The least recently used one, when it was not used since `before_ns` and more than
        /// `keep` connections are counted.
        pub fn takeOldest(pool: *This, before_ns: u64, keep: u32) ?Connection {
            pool.mutex.lock();
            defer pool.mutex.unlock();
            if (pool.idle_count == 0) return null;
            if (pool.count.load(.monotonic) <= keep) return null;
            const oldest = pool.idle[0];
            if (oldest.last_used_ns > before_ns) return null;
            pool.idle_count -= 1;
            @memmove(pool.idle[0..pool.idle_count], pool.idle[1..][0..pool.idle_count]);
            return oldest;
        }

        pub fn open(pool: *This) void {
            pool.mutex.lock();
            defer pool.mutex.unlock();
            pool.is_open = true;
        }

        /// Nothing is taken back from now on; the caller takes and closes what is idle.
        pub fn shut(pool: *This) void {
            pool.mutex.lock();
            defer pool.mutex.unlock();
            pool.is_open = false;
            _ = pool.generation.fetchAdd(1, .monotonic);
        }

        pub fn trafficNow(pool: *This) Traffic {
            pool.mutex.lock();
            defer pool.mutex.unlock();
            return pool.traffic;
        }

        pub fn idleCount(pool: *This) u32 {
            pool.mutex.lock();
            defer pool.mutex.unlock();
            return pool.idle_count;
        }

        /// In the child of a fork: lent connections belong to threads that do not exist here.
        pub fn resetAfterFork(pool: *This) void {
            pool.mutex.reset();
            pool.is_open = false;
            pool.count.store(pool.idle_count, .monotonic);
            _ = pool.generation.fetchAdd(1, .monotonic);
        }
    };
}

const TestNet = struct {
    pub const Socket = u32;
};
const TestPool = Pool(TestNet);

fn testConnection(pool: *TestPool, socket: u32, last_used_ns: u64) TestPool.Connection {
    return .{
        .socket = socket,
        .generation = pool.generation.load(.monotonic),
        .last_used_ns = last_used_ns,
    };
}

test "the count stops at the maximum and connections come back in reverse" {
    var pool = try TestPool.init(std.testing.allocator, 2);
    defer pool.deinit(std.testing.allocator);
    pool.open();
    try std.testing.expect(pool.reserve());
    try std.testing.expect(pool.reserve());
    try std.testing.expect(!pool.reserve());
    try std.testing.expect(pool.put(testConnection(&pool, 1, 10)));
    try std.testing.expect(pool.put(testConnection(&pool, 2, 20)));
    try std.testing.expectEqual(2, pool.take().?.socket);
    try std.testing.expect(!pool.reserve());
    pool.unreserve();
    try std.testing.expect(pool.reserve());
    try std.testing.expectEqual(1, pool.take().?.socket);
    try std.testing.expectEqual(null, pool.take());
}

test "a connection of before the pool was shut is not taken back" {
    var pool = try TestPool.init(std.testing.allocator, 4);
    defer pool.deinit(std.testing.allocator);
    pool.open();
    try std.testing.expect(pool.reserve());
    const lent = testConnection(&pool, 1, 0);
    pool.shut();
    try std.testing.expect(!pool.put(lent));
    pool.open();
    try std.testing.expect(!pool.put(lent));
    try std.testing.expect(pool.put(testConnection(&pool, 2, 0)));
    try std.testing.expectEqual(2, pool.take().?.socket);
}

test "trimming takes the least used from the bottom and keeps the minimum" {
    var pool = try TestPool.init(std.testing.allocator, 4);
    defer pool.deinit(std.testing.allocator);
    pool.open();
    for ([_]u64{ 10, 20, 30 }) |time_ns| {
        try std.testing.expect(pool.reserve());
        try std.testing.expect(pool.put(testConnection(&pool, @intCast(time_ns), time_ns)));
    }
    try std.testing.expectEqual(null, pool.takeOldest(5, 0));
    try std.testing.expectEqual(10, pool.takeOldest(25, 0).?.socket);
    pool.unreserve();
    try std.testing.expectEqual(null, pool.takeOldest(25, 2));
    try std.testing.expectEqual(20, pool.takeOldest(25, 1).?.socket);
    try std.testing.expectEqual(null, pool.takeOldest(25, 0));
    try std.testing.expectEqual(30, pool.take().?.socket);
}

test "many threads never pass the maximum" {
    var pool = try TestPool.init(std.testing.allocator, 3);
    defer pool.deinit(std.testing.allocator);
    pool.open();
    const Worker = struct {
        fn run(shared: *TestPool, highest: *std.atomic.Value(u32)) void {
            for (0..2000) |round| {
                const connection = shared.take() orelse made: {
                    if (!shared.reserve()) continue;
                    break :made testConnection(shared, 7, 0);
                };
                _ = highest.fetchMax(shared.count.load(.monotonic), .monotonic);
                const keep = round % 3 != 0;
                if (!keep or !shared.put(connection)) shared.unreserve();
            }
        }
    };
    var highest: std.atomic.Value(u32) = .init(0);
    var threads: [4]std.Thread = undefined;
    for (&threads) |*thread| {
        thread.* = try std.Thread.spawn(.{}, Worker.run, .{ &pool, &highest });
    }
    for (threads) |thread| thread.join();
    try std.testing.expect(highest.load(.monotonic) <= 3);
    while (pool.take()) |_| pool.unreserve();
    try std.testing.expectEqual(0, pool.count.load(.monotonic));
}
