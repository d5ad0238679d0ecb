//! The idle connections of one node, the count of all of them, and the line of who waits for one.
//!
//! Last in, first out: the top is the most recently used one, the bottom is the first to trim.
//! The count covers idle, lent and still connecting ones, and never passes its maximum: whoever
//! wants to connect has a place first, and whoever closes gives the place back. When all are in
//! use, whoever comes stands in line; a connection or place that becomes free goes to the first of
//! it, and nobody overtakes. When the node is left the pool is emptied, the line is told, and the
//! generation raised, so that a lent connection of before is not taken back.
//!
//! Of the places only so many are for connections that are being opened at one moment: where that
//! costs both sides much, who comes meanwhile is better served by the first that are open.
//!
//! Any thread; the mutex is held for a few instructions and never for I/O.

const std = @import("std");
const assert = std.debug.assert;
const Mutex = @import("../io.zig").sync.Mutex;
const Traffic = @import("statistics.zig").Traffic;

pub fn Pool(comptime Net: type) type {
    return struct {
        mutex: Mutex = .{},
        /// How many may be opened at once. Set before the first use.
        opening_max: u32 = std.math.maxInt(u32),
        /// Its length is the maximum; guarded, as are the next five.
        idle: []Connection,
        idle_count: u32 = 0,
        is_open: bool = false,
        /// Places that were given and are no connections yet.
        opening_count: u32 = 0,
        line_first: ?*Waiter = null,
        line_last: ?*Waiter = null,
        /// Read without the mutex, to know whether anybody waits.
        line_count: std.atomic.Value(u32) = .init(0),
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

        pub const Grant = union(enum) {
            connection: Connection,
            /// One may be opened, and is counted already: `opened` or `unopened` follows.
            place,
            /// The node has left.
            shut,
        };

        /// A place in the line. Its owner keeps it where it is until it is out of the line again.
        pub const Waiter = struct {
            /// Called once, with the mutex held, by whoever frees what the waiter is given. It
            /// wakes the owner, and calls nothing of the pool.
            on_grant: *const fn (*Waiter) void,
            state: State = .out,
            next: ?*Waiter = null,
            previous: ?*Waiter = null,

            const State = union(enum) { out, in_line, granted: Grant };
        };

        pub fn init(gpa: std.mem.Allocator, count_max: u32) error{OutOfMemory}!This {
            assert(count_max > 0);
            return .{ .idle = try gpa.alloc(Connection, count_max) };
        }

        /// The pool is empty by then.
        pub fn deinit(pool: *This, gpa: std.mem.Allocator) void {
            assert(pool.idle_count == 0);
            assert(pool.line_first == null);
            gpa.free(pool.idle);
            pool.* = undefined;
        }

        /// The most recently used one. Nobody is in line while any is idle.
        pub fn take(pool: *This) ?Connection {
            pool.mutex.lock();
            defer pool.mutex.unlock();
            return pool.pop();
        }

        fn pop(pool: *This) ?Connection {
            if (pool.idle_count == 0) return null;
            assert(pool.line_first == null);
            pool.idle_count -= 1;
            return pool.idle[pool.idle_count];
        }

        /// What is free now; or null, and the waiter stands in line.
        pub fn enter(pool: *This, waiter: *Waiter) ?Grant {
            assert(waiter.state == .out);
            pool.mutex.lock();
            defer pool.mutex.unlock();
            if (!pool.is_open) return .shut;
            if (pool.pop()) |connection| return .{ .connection = connection };
            if (pool.line_first == null and pool.countOne()) return .place;
            waiter.state = .in_line;
            waiter.next = null;
            waiter.previous = pool.line_last;
            if (pool.line_last) |last| last.next = waiter else pool.line_first = waiter;
            pool.line_last = waiter;
            _ = pool.line_count.fetchAdd(1, .monotonic);
            return null;
        }

        /// What the waiter was given, if it was, and then it is out of the line.
        pub fn granted(pool: *This, waiter: *Waiter) ?Grant {
            pool.mutex.lock();
            defer pool.mutex.unlock();
            return takeGrant(waiter);
        }

        fn takeGrant(waiter: *Waiter) ?Grant {
            switch (waiter.state) {
                .granted => |grant| {
                    waiter.state = .out;
                    return grant;
                },
                .out, .in_line => return null,
            }
        }

        /// Out of the line. What it was given just before is the caller's to give back.
        pub fn leave(pool: *This, waiter: *Waiter) ?Grant {
            pool.mutex.lock();
            defer pool.mutex.unlock();
            if (waiter.state == .in_line) {
                pool.unlink(waiter);
                waiter.state = .out;
            }
            return takeGrant(waiter);
        }

        fn unlink(pool: *This, waiter: *Waiter) void {
            if (waiter.previous) |previous| {
                previous.next = waiter.next;
            } else {
                pool.line_first = waiter.next;
            }
            if (waiter.next) |next| {
                next.previous = waiter.previous;
            } else {
                pool.line_last = waiter.previous;
            }
            const before = pool.line_count.fetchSub(1, .monotonic);
            assert(before > 0);
        }

        /// The mutex is held, and somebody is in line.
        fn give(pool: *This, grant: Grant) void {
            const waiter = pool.line_first.?;
            pool.unlink(waiter);
            waiter.state = .{ .granted = grant };
            waiter.on_grant(waiter);
        }

        /// How many stand in line, at this moment.
        pub fn waitingCount(pool: *const This) u32 {
            return pool.line_count.load(.monotonic);
        }

        fn countOne(pool: *This) bool {
            if (pool.isFull()) return false;
            if (pool.opening_count >= pool.opening_max) return false;
            _ = pool.count.fetchAdd(1, .monotonic);
            pool.opening_count += 1;
            return true;
        }

        fn uncountOne(pool: *This) void {
            const before = pool.count.fetchSub(1, .monotonic);
            assert(before > 0);
            pool.givePlaces();
        }

        /// To who is in line, as far as there are any.
        fn givePlaces(pool: *This) void {
            while (pool.line_first != null and pool.countOne()) pool.give(.place);
        }

        /// All places are taken, at this moment: with less, who waits does so for one that is being
        /// opened.
        pub fn isFull(pool: *const This) bool {
            return pool.count.load(.monotonic) == pool.idle.len;
        }

        /// A place for a connection that is not to wait for one: `opened` or `unopened` follows.
        /// False when all are taken.
        pub fn reserve(pool: *This) bool {
            pool.mutex.lock();
            defer pool.mutex.unlock();
            return pool.line_first == null and pool.countOne();
        }

        /// A place has become a connection.
        pub fn opened(pool: *This) void {
            pool.mutex.lock();
            defer pool.mutex.unlock();
            pool.opening_count -= 1;
            pool.givePlaces();
        }

        /// A place has not become a connection. It goes to the first in line.
        pub fn unopened(pool: *This) void {
            pool.mutex.lock();
            defer pool.mutex.unlock();
            pool.opening_count -= 1;
            pool.uncountOne();
        }

        /// A connection was closed, and its place is that of another one, which is being opened.
        pub fn reopen(pool: *This) void {
            pool.mutex.lock();
            defer pool.mutex.unlock();
            pool.opening_count += 1;
        }

        /// A connection was closed. Its place goes to the first in line.
        pub fn unreserve(pool: *This) void {
            pool.mutex.lock();
            defer pool.mutex.unlock();
            pool.uncountOne();
        }

        /// Takes one back, or passes it to the first in line. False when the pool was emptied since
        /// the connection was opened; the caller closes it.
        pub fn put(pool: *This, connection: Connection) bool {
            pool.mutex.lock();
            defer pool.mutex.unlock();
            if (!pool.is_open) return false;
            if (connection.generation != pool.generation.load(.monotonic)) return false;
            pool.traffic.add(connection.traffic);
            var returned = connection;
            returned.traffic = .{};
            if (pool.line_first != null) {
                pool.give(.{ .connection = returned });
                return true;
            }
            assert(pool.idle_count < pool.idle.len);
            pool.idle[pool.idle_count] = returned;
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

        /// Nothing is taken back from now on, and nobody waits; the caller takes and closes what is
        /// idle.
        pub fn shut(pool: *This) void {
            pool.mutex.lock();
            defer pool.mutex.unlock();
            pool.is_open = false;
            _ = pool.generation.fetchAdd(1, .monotonic);
            while (pool.line_first != null) pool.give(.shut);
        }

        /// Connections of this generation are worth nothing any more, however they come back; the
        /// caller takes and closes what is idle. False when somebody has said so before.
        pub fn renew(pool: *This, generation: u32) bool {
            pool.mutex.lock();
            defer pool.mutex.unlock();
            if (generation != pool.generation.load(.monotonic)) return false;
            _ = pool.generation.fetchAdd(1, .monotonic);
            return true;
        }

        /// An idle one of before the last `renew`.
        pub fn takeOutdated(pool: *This) ?Connection {
            pool.mutex.lock();
            defer pool.mutex.unlock();
            if (pool.idle_count == 0) return null;
            // Those of before lie below those of since.
            const oldest = pool.idle[0];
            if (oldest.generation == pool.generation.load(.monotonic)) return null;
            pool.idle_count -= 1;
            @memmove(pool.idle[0..pool.idle_count], pool.idle[1..][0..pool.idle_count]);
            return oldest;
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

        /// In the child of a fork: lent connections belong to threads that do not exist here, and
        /// so does who waits.
        pub fn resetAfterFork(pool: *This) void {
            pool.mutex.reset();
            pool.is_open = false;
            pool.line_first = null;
            pool.line_last = null;
            pool.line_count.store(0, .monotonic);
            pool.count.store(pool.idle_count, .monotonic);
            pool.opening_count = 0;
            _ = pool.generation.fetchAdd(1, .monotonic);
        }
    };
}

const testing = std.testing;

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

fn ignoreGrant(_: *TestPool.Waiter) void {}

fn testWaiter() TestPool.Waiter {
    return .{ .on_grant = ignoreGrant };
}

test "the count stops at the maximum and connections come back in reverse" {
    var pool = try TestPool.init(testing.allocator, 2);
    defer pool.deinit(testing.allocator);
    pool.open();
    try testing.expect(pool.reserve());
    try testing.expect(pool.reserve());
    try testing.expect(!pool.reserve());
    try testing.expect(pool.put(testConnection(&pool, 1, 10)));
    try testing.expect(pool.put(testConnection(&pool, 2, 20)));
    try testing.expectEqual(2, pool.take().?.socket);
    try testing.expect(!pool.reserve());
    pool.unreserve();
    try testing.expect(pool.reserve());
    try testing.expectEqual(1, pool.take().?.socket);
    try testing.expectEqual(null, pool.take());
}

test "who waits is served in the order of coming, with connections and with places" {
    var pool = try TestPool.init(testing.allocator, 1);
    defer pool.deinit(testing.allocator);
    pool.open();
    var waiters: [4]TestPool.Waiter = @splat(testWaiter());
    try testing.expect(pool.enter(&waiters[0]).? == .place);
    for (waiters[1..]) |*waiter| try testing.expectEqual(null, pool.enter(waiter));
    try testing.expectEqual(3, pool.waitingCount());
    // Nobody overtakes, with a connection in hand neither.
    try testing.expect(!pool.reserve());
    try testing.expect(pool.put(testConnection(&pool, 7, 0)));
    try testing.expectEqual(null, pool.granted(&waiters[2]));
    try testing.expectEqual(7, pool.granted(&waiters[1]).?.connection.socket);
    try testing.expectEqual(null, pool.leave(&waiters[2]));
    pool.unreserve();
    try testing.expectEqual(0, pool.waitingCount());
    try testing.expectEqual(1, pool.count.load(.monotonic));
    // Who leaves too late has what it was given.
    try testing.expect(pool.leave(&waiters[3]).? == .place);
    pool.unreserve();
    try testing.expectEqual(0, pool.count.load(.monotonic));
}

test "no more are opened at once than may be, and who waits for that is served by what is open" {
    var pool = try TestPool.init(testing.allocator, 8);
    defer pool.deinit(testing.allocator);
    pool.opening_max = 2;
    pool.open();
    var waiters: [5]TestPool.Waiter = @splat(testWaiter());
    for (waiters[0..2]) |*waiter| try testing.expect(pool.enter(waiter).? == .place);
    for (waiters[2..]) |*waiter| try testing.expectEqual(null, pool.enter(waiter));
    try testing.expect(!pool.isFull());
    // One is open, which lets the next be opened, and then serves the one after that.
    pool.opened();
    try testing.expect(pool.granted(&waiters[2]).? == .place);
    try testing.expect(pool.put(testConnection(&pool, 7, 0)));
    try testing.expectEqual(7, pool.granted(&waiters[3]).?.connection.socket);
    try testing.expectEqual(3, pool.count.load(.monotonic));
    // One that could not be opened lets the next be tried; one that was closed lets nobody.
    pool.unreserve();
    try testing.expectEqual(null, pool.granted(&waiters[4]));
    pool.unopened();
    try testing.expect(pool.granted(&waiters[4]).? == .place);
    for (0..2) |_| pool.unopened();
    try testing.expectEqual(0, pool.count.load(.monotonic));
    // Nor is any in the place of one that is closed.
    for (0..2) |_| try testing.expect(pool.reserve());
    pool.opened();
    pool.reopen();
    try testing.expect(!pool.reserve());
    for (0..2) |_| pool.unopened();
}

test "who waits is told when the node leaves" {
    var pool = try TestPool.init(testing.allocator, 1);
    defer pool.deinit(testing.allocator);
    pool.open();
    try testing.expect(pool.reserve());
    var waiter = testWaiter();
    try testing.expectEqual(null, pool.enter(&waiter));
    pool.shut();
    try testing.expect(pool.granted(&waiter).? == .shut);
    try testing.expect(pool.enter(&waiter).? == .shut);
    pool.unreserve();
}

test "a connection of before the pool was shut is not taken back" {
    var pool = try TestPool.init(testing.allocator, 4);
    defer pool.deinit(testing.allocator);
    pool.open();
    try testing.expect(pool.reserve());
    const lent = testConnection(&pool, 1, 0);
    pool.shut();
    try testing.expect(!pool.put(lent));
    pool.open();
    try testing.expect(!pool.put(lent));
    try testing.expect(pool.put(testConnection(&pool, 2, 0)));
    try testing.expectEqual(2, pool.take().?.socket);
}

test "connections of before a renewal come out, once, and are not taken back" {
    var pool = try TestPool.init(testing.allocator, 4);
    defer pool.deinit(testing.allocator);
    pool.open();
    for (0..3) |_| try testing.expect(pool.reserve());
    const lent = testConnection(&pool, 1, 0);
    try testing.expect(pool.put(testConnection(&pool, 2, 0)));
    try testing.expect(pool.renew(lent.generation));
    try testing.expect(!pool.renew(lent.generation));
    try testing.expect(!pool.put(lent));
    try testing.expect(pool.put(testConnection(&pool, 3, 0)));
    try testing.expectEqual(2, pool.takeOutdated().?.socket);
    try testing.expectEqual(null, pool.takeOutdated());
    try testing.expectEqual(3, pool.take().?.socket);
}

test "trimming takes the least used from the bottom and keeps the minimum" {
    var pool = try TestPool.init(testing.allocator, 4);
    defer pool.deinit(testing.allocator);
    pool.open();
    for ([_]u64{ 10, 20, 30 }) |time_ns| {
        try testing.expect(pool.reserve());
        try testing.expect(pool.put(testConnection(&pool, @intCast(time_ns), time_ns)));
    }
    try testing.expectEqual(null, pool.takeOldest(5, 0));
    try testing.expectEqual(10, pool.takeOldest(25, 0).?.socket);
    pool.unreserve();
    try testing.expectEqual(null, pool.takeOldest(25, 2));
    try testing.expectEqual(20, pool.takeOldest(25, 1).?.socket);
    try testing.expectEqual(null, pool.takeOldest(25, 0));
    try testing.expectEqual(30, pool.take().?.socket);
}

test "many threads never pass the maximum, and each is served" {
    var pool = try TestPool.init(testing.allocator, 3);
    defer pool.deinit(testing.allocator);
    pool.open();
    const Worker = struct {
        const Event = @import("../io.zig").sync.Event;

        waiter: TestPool.Waiter = .{ .on_grant = wake },
        event: Event = .{},
        served: u32 = 0,

        const turns = 2000;

        fn wake(waiter: *TestPool.Waiter) void {
            const worker: *@This() = @fieldParentPtr("waiter", waiter);
            worker.event.set();
        }

        fn run(worker: *@This(), shared: *TestPool, highest: *std.atomic.Value(u32)) void {
            for (0..turns) |turn| {
                const grant = shared.enter(&worker.waiter) orelse waited: {
                    while (true) {
                        if (shared.granted(&worker.waiter)) |given| break :waited given;
                        _ = worker.event.wait(std.time.ns_per_s);
                    }
                };
                worker.served += 1;
                _ = highest.fetchMax(shared.count.load(.monotonic), .monotonic);
                const connection = switch (grant) {
                    .connection => |connection| connection,
                    .place => testConnection(shared, 7, 0),
                    .shut => unreachable,
                };
                const keep = turn % 3 != 0;
                if (!keep or !shared.put(connection)) shared.unreserve();
            }
        }
    };
    var highest: std.atomic.Value(u32) = .init(0);
    var workers: [5]Worker = @splat(.{});
    var threads: [workers.len]std.Thread = undefined;
    for (&threads, &workers) |*thread, *worker| {
        thread.* = try std.Thread.spawn(.{}, Worker.run, .{ worker, &pool, &highest });
    }
    for (threads) |thread| thread.join();
    try testing.expect(highest.load(.monotonic) <= 3);
    for (&workers) |*worker| try testing.expectEqual(Worker.turns, worker.served);
    while (pool.take()) |_| pool.unreserve();
    try testing.expectEqual(0, pool.count.load(.monotonic));
}
