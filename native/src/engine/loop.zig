//! Drives many exchanges at once, on one thread.
//!
//! The loop finds a connection for each (an idle one, else a new one, else a place in the node's
//! line), sends, receives, hands each frame to the exchange's handler, and tells it once how it
//! ended. Commands and their retries are built on top; the loop knows nothing of them.
//!
//! Connections have stable addresses, stay registered with the poller while they are idle, and are
//! counted in their node's pool like those of other threads. One whose reply is late is kept for a
//! while after its exchange has failed, and used again when the rest has come.
//!
//! A loop that serves one command at a time, on the thread of its caller, has `.shared`
//! connections: it takes them from the node's pool and gives them back at the end of each exchange.
//!
//! All functions are for the loop's thread, unless they say otherwise. Handlers may begin and
//! cancel exchanges.

const std = @import("std");
const assert = std.debug.assert;
const cluster = @import("../cluster.zig");
const connection_module = @import("connection.zig");
const exchange_module = @import("exchange.zig");
const executor = @import("executor.zig");
const poller_module = @import("poller.zig");
const statistics = cluster.statistics;
const timers_module = @import("timers.zig");
const unfilled = @import("../unfilled.zig");
const wire = @import("../wire.zig");
const Frame = exchange_module.Frame;
const Phase = connection_module.Phase;

const header_bytes = wire.proto.header_bytes;

/// What a connection reads into at first; a reply that is larger makes it grow.
const receive_bytes_initial = 16 * 1024;
/// A connection that goes idle gives back what it has grown beyond this.
const receive_bytes_kept = 256 * 1024;
/// Idle connections are closed after this, unless the configuration names another time: less than
/// the minute after which servers close them by default.
const idle_ns_default = 55 * std.time.ns_per_s;
const housekeeping_ns = std.time.ns_per_s;
const authentication_bytes_max = 128 * 1024;
/// A session that is not taken, and the login after it.
const authentications_max = 2;
/// A late reply that is larger is not worth waiting for: it would be read only to be thrown away.
const late_bytes_max = 1024 * 1024;

pub fn Loop(comptime Net: type, comptime Poller: type) type {
    return struct {
        gpa: std.mem.Allocator,
        net: *Net,
        poller: Poller,
        timers: timers_module.Timers,
        housekeeping: Timer = .{ .owner = .housekeeping },
        lanes: std.AutoHashMapUnmanaged(*Node, *Lane) = .empty,
        /// The same, to walk through while more come.
        lanes_first: ?*Lane = null,
        /// Those that were given a connection or the place of one. Any thread adds.
        lanes_granted: std.atomic.Value(?*Lane) = .init(null),
        /// All connections that are not closed.
        open_first: ?*Connection = null,
        /// Closed connections; their memory may still be in the list of events at hand.
        graveyard: ?*Connection = null,
        /// Connections of which TLS holds more than was read, which the poller does not know of.
        unread: ?*Connection = null,
        /// Those of them that the present round reads.
        unread_at_hand: ?*Connection = null,
        /// To be called when the events at hand have been handled.
        deferred: ?*Deferred = null,
        idle_ns_max: u64,
        connections: Connections = .own,
        /// Taken once per turn: deadlines do not need to be finer.
        now_ns: u64,
        stopping: bool = false,

        const This = @This();
        pub const Cluster = cluster.Cluster(Net);
        pub const Node = Cluster.Node;
        pub const Exchange = exchange_module.Exchange(Net);
        pub const Timer = exchange_module.Timer(Net);
        const Connection = connection_module.Connection(Net);
        const Lane = connection_module.Lane(Net);
        const Grant = cluster.Pool(Net).Grant;
        const Waiter = cluster.Pool(Net).Waiter;

        /// Where idle connections are kept: here, or in the pools of the nodes.
        pub const Connections = enum { own, shared };

        /// Something to do once at the end of a turn, however many events ask for it.
        pub const Deferred = struct {
            function: *const fn (*Deferred) void,
            next: ?*Deferred = null,
            is_pending: bool = false,
        };

        pub fn init(
            gpa: std.mem.Allocator,
            net: *Net,
            idle_timeout_ms: u32,
        ) error{SystemResources}!This {
            const now_ns = net.now();
            const idle_ns = @as(u64, idle_timeout_ms) * std.time.ns_per_ms;
            return .{
                .gpa = gpa,
                .net = net,
                .poller = try .init(net),
                .timers = .init(now_ns),
                .idle_ns_max = if (idle_ns == 0) idle_ns_default else idle_ns,
                .now_ns = now_ns,
            };
        }

        /// No exchange is in progress by then; connections are closed.
        pub fn deinit(loop: *This) void {
            loop.stopping = true;
            while (loop.open_first) |connection| {
                assert(connection.exchange == null);
                loop.close(connection);
            }
            while (loop.lanes_first) |lane| {
                assert(lane.waiting_first == null);
                assert(lane.idle_first == null);
                assert(lane.waiter.state == .out);
                loop.lanes_first = lane.next;
                loop.gpa.destroy(lane);
            }
            loop.lanes.deinit(loop.gpa);
            loop.bury();
            loop.poller.deinit();
        }

        /// In the child of a fork: closes this process's copies of the descriptors. The poller is
        /// shared with the parent, so nothing is removed from it.
        pub fn afterFork(loop: *This) void {
            var open_next = loop.open_first;
            while (open_next) |connection| : (open_next = connection.open_next) {
                loop.net.close(&connection.socket);
            }
            loop.poller.deinit();
        }

        /// Waits for events or deadlines and handles them. `timeout_ms` null: without limit.
        pub fn run(loop: *This, timeout_ms: ?u32) void {
            if (!loop.housekeeping.entry.isScheduled()) loop.scheduleHousekeeping();
            var limit = timeout_ms;
            if (loop.timers.waitMs(loop.now_ns)) |timer_ms| {
                limit = if (limit) |given| @min(given, timer_ms) else timer_ms;
            }
            var events: [poller_module.events_max]poller_module.Event = undefined;
            const happened = loop.poller.wait(&events, limit);
            loop.now_ns = loop.net.now();
            loop.serveGranted();
            if (loop.connections == .own) loop.shareIdle();
            for (happened) |event| {
                const connection: *Connection = @ptrFromInt(event.token);
                if (event.writable) loop.onWritable(connection);
                if (event.readable) loop.onReadable(connection);
            }
            loop.readRest();
            // Who drives the loop may wait for an event that does not come.
            if (loop.unread != null) loop.poller.wake();
            loop.bury();
            while (loop.timers.expire(loop.now_ns)) |entry| {
                loop.onTimer(@fieldParentPtr("entry", entry));
            }
            while (loop.deferred) |deferred| {
                loop.deferred = deferred.next;
                deferred.is_pending = false;
                deferred.function(deferred);
            }
            loop.bury();
        }

        /// No event tells of what is inside TLS already. Once each: what then is left waits for the
        /// next round, as a node that sends without end must keep neither others nor timers waiting.
        fn readRest(loop: *This) void {
            loop.unread_at_hand = loop.unread;
            loop.unread = null;
            while (loop.unread_at_hand) |connection| {
                loop.unread_at_hand = connection.unread_next;
                connection.unread_next = null;
                connection.is_unread = false;
                if (!connection.is_paused) loop.onReadable(connection);
            }
        }

        fn noteUnread(loop: *This, connection: *Connection) void {
            if (connection.is_unread or connection.phase == .closed) return;
            connection.is_unread = true;
            connection.unread_next = loop.unread;
            loop.unread = connection;
        }

        fn forgetUnread(loop: *This, connection: *Connection) void {
            if (!connection.is_unread) return;
            // It is in one of the two.
            for ([_]*?*Connection{ &loop.unread, &loop.unread_at_hand }) |first| {
                var link = first;
                while (link.*) |each| : (link = &each.unread_next) {
                    if (each != connection) continue;
                    link.* = connection.unread_next;
                    connection.is_unread = false;
                    return;
                }
            }
            unreachable;
        }

        /// Has a function called when the events at hand have been handled.
        pub fn afterEvents(loop: *This, deferred: *Deferred) void {
            if (deferred.is_pending) return;
            deferred.is_pending = true;
            deferred.next = loop.deferred;
            loop.deferred = deferred;
        }

        pub fn forgetDeferred(loop: *This, deferred: *Deferred) void {
            if (!deferred.is_pending) return;
            var link = &loop.deferred;
            while (link.*.? != deferred) link = &link.*.?.next;
            link.* = deferred.next;
            deferred.is_pending = false;
        }

        /// Starts an exchange. Its handler may be called before this returns.
        pub fn begin(loop: *This, exchange: *Exchange) void {
            assert(exchange.connection == null);
            assert(!exchange.sent);
            exchange.timer = .{ .owner = .{ .exchange = exchange } };
            exchange.next = null;
            exchange.line_deadline_ns = exchange.limits.waitDeadline(loop.now_ns);
            loop.place(exchange);
        }

        /// Finds a connection for an exchange, or a place in the line for one.
        fn place(loop: *This, exchange: *Exchange) void {
            const node = exchange.node;
            if (!node.isActive()) return end(exchange, .node_left);
            if (!node.breakerAllows()) return end(exchange, .rest);
            const lane = loop.laneOf(node) catch |err| return end(exchange, .{ .err = err });
            while (lane.idle_first) |connection| {
                // Who drives the loop may have left its events alone for a while: the server may
                // have closed what the loop still takes for open.
                if (node.isFit(&connection.asIdle())) {
                    unlinkIdle(connection);
                    return loop.attach(connection, exchange);
                }
                loop.close(connection);
            }
            // Who waits already in this loop goes first.
            if (lane.waiting_first == null) if (node.pop()) |idle| {
                return loop.useIdle(lane, idle, exchange);
            };
            loop.enqueue(lane, exchange);
        }

        /// The exit of an exchange that has no connection, or none any more.
        fn end(exchange: *Exchange, cause: exchange_module.Cause) void {
            assert(exchange.connection == null);
            exchange.fail(cause);
            exchange.handler.on_end(exchange, false);
        }

        /// With a connection of the node's pool.
        fn useIdle(loop: *This, lane: *Lane, idle: Node.Connection, exchange: *Exchange) void {
            const connection = loop.adopt(lane, idle) catch |err| {
                lane.node.drop(idle);
                return end(exchange, .{ .err = err });
            };
            loop.attach(connection, exchange);
        }

        /// Ends an exchange without its reply; the handler is not called. The connection is kept
        /// if its reply comes in time, and before somebody needs its place.
        pub fn cancel(loop: *This, exchange: *Exchange) void {
            loop.timers.cancel(&exchange.timer.entry);
            const connection = exchange.connection orelse return loop.unqueue(exchange);
            const lane = connection.lane;
            loop.abandon(connection, exchange);
            if (connection.phase != .late) return;
            connection.is_spare = true;
            lane.spare_count += 1;
            if (lane.node.pool.waitingCount() > 0) loop.closeSpare(lane);
        }

        /// Ends an exchange whose last frame had been handed out as one of several; the handler is
        /// not called. Does nothing to one that has ended by itself.
        pub fn complete(loop: *This, exchange: *Exchange, usable: bool) void {
            const connection = exchange.connection orelse return;
            loop.timers.cancel(&connection.timer.entry);
            loop.part(connection, exchange, usable);
        }

        /// To be called when the loop was not run for a while, before anything else.
        pub fn refresh(loop: *This) void {
            loop.now_ns = loop.net.now();
        }

        /// Gives an exchange's wait its full time again: the loop was not run for a while, and the
        /// node is not to blame.
        pub fn restart(loop: *This, exchange: *Exchange) void {
            const deadline_ns = exchange.limits.waitDeadline(loop.now_ns);
            const connection = exchange.connection orelse {
                exchange.line_deadline_ns = deadline_ns;
                return loop.scheduleInLine(exchange);
            };
            loop.timers.cancel(&connection.timer.entry);
            loop.timers.schedule(&connection.timer.entry, deadline_ns);
            loop.resumeReading(connection);
        }

        pub fn schedule(loop: *This, timer: *Timer, deadline_ns: u64) void {
            loop.timers.schedule(&timer.entry, deadline_ns);
        }

        pub fn unschedule(loop: *This, timer: *Timer) void {
            loop.timers.cancel(&timer.entry);
        }

        pub fn now(loop: *const This) u64 {
            return loop.now_ns;
        }

        /// Leaves what arrives for an exchange where it is, until `restart`.
        pub fn pause(loop: *This, exchange: *Exchange) void {
            loop.timers.cancel(&exchange.timer.entry);
            const connection = exchange.connection orelse return;
            loop.timers.cancel(&connection.timer.entry);
            if (connection.is_paused or connection.phase != .busy) return;
            connection.is_paused = true;
            loop.poller.remove(connection.socket.fd);
        }

        fn resumeReading(loop: *This, connection: *Connection) void {
            if (!connection.is_paused) return;
            connection.is_paused = false;
            loop.poller.add(
                connection.socket.fd,
                @intFromPtr(connection),
                connection.wants_write,
            ) catch return loop.fail(connection, error.SystemResources);
            if (!loop.net.hasUnread(&connection.socket)) return;
            loop.noteUnread(connection);
            // Who drives the loop may wait for an event that does not come.
            loop.poller.wake();
        }

        fn laneOf(loop: *This, node: *Node) error{OutOfMemory}!*Lane {
            if (loop.lanes.get(node)) |lane| return lane;
            const lane = try loop.gpa.create(Lane);
            errdefer loop.gpa.destroy(lane);
            lane.* = .{
                .node = node,
                .loop = loop,
                .waiter = .{ .on_grant = onGrant },
                .next = loop.lanes_first,
            };
            try loop.lanes.put(loop.gpa, node, lane);
            loop.lanes_first = lane;
            return lane;
        }

        // Waiting in line for a connection. The lane stands in the node's line, for the first of
        // the exchanges that wait here.

        fn enqueue(loop: *This, lane: *Lane, exchange: *Exchange) void {
            if (lane.waiting_last) |last| last.next = exchange else lane.waiting_first = exchange;
            lane.waiting_last = exchange;
            loop.scheduleInLine(exchange);
            loop.standInLine(lane);
            // An event loop that holds idle ones gives them up.
            if (lane.waiting_first != null and loop.connections == .shared) {
                lane.node.context.wakeHolder();
            }
        }

        fn scheduleInLine(loop: *This, exchange: *Exchange) void {
            loop.timers.cancel(&exchange.timer.entry);
            if (exchange.line_deadline_ns == executor.forever) return;
            loop.timers.schedule(&exchange.timer.entry, exchange.line_deadline_ns);
        }

        /// Takes what is free, as long as somebody waits for it; then stands in line.
        fn standInLine(loop: *This, lane: *Lane) void {
            while (lane.waiting_first != null and lane.waiter.state == .out) {
                const grant = lane.node.pool.enter(&lane.waiter) orelse return loop.closeSpare(lane);
                loop.hand(lane, grant);
            }
        }

        /// Makes room for the first in the node's line, if a connection can be spared.
        fn closeSpare(loop: *This, lane: *Lane) void {
            if (lane.spare_count == 0 or !lane.node.pool.isFull()) return;
            var rest = loop.open_first;
            while (rest) |connection| : (rest = connection.open_next) {
                if (connection.lane == lane and connection.is_spare) return loop.close(connection);
            }
            unreachable;
        }

        fn endSpare(connection: *Connection) void {
            if (!connection.is_spare) return;
            connection.is_spare = false;
            connection.lane.spare_count -= 1;
        }

        /// With the pool's mutex held, on any thread.
        fn onGrant(waiter: *Waiter) void {
            const lane: *Lane = @fieldParentPtr("waiter", waiter);
            if (lane.is_listed.swap(true, .acq_rel)) return;
            const loop: *This = @ptrCast(@alignCast(lane.loop));
            var head = loop.lanes_granted.load(.monotonic);
            while (true) {
                lane.granted_next = head;
                head = loop.lanes_granted.cmpxchgWeak(head, lane, .release, .monotonic) orelse break;
            }
            loop.poller.wake();
        }

        fn serveGranted(loop: *This) void {
            var rest = loop.lanes_granted.swap(null, .acquire);
            while (rest) |lane| {
                rest = lane.granted_next;
                lane.is_listed.store(false, .release);
                if (lane.node.pool.granted(&lane.waiter)) |grant| loop.hand(lane, grant);
                loop.standInLine(lane);
            }
        }

        /// Gives what is free to the first that waits.
        fn hand(loop: *This, lane: *Lane, grant: Grant) void {
            const exchange = loop.dequeue(lane) orelse return lane.node.giveBack(grant);
            switch (grant) {
                .connection => |idle| {
                    if (lane.node.isFit(&idle)) return loop.useIdle(lane, idle, exchange);
                    lane.node.closeKeepingPlace(idle);
                    loop.open(lane, exchange);
                },
                .place => loop.open(lane, exchange),
                .shut => end(exchange, .node_left),
            }
        }

        fn dequeue(loop: *This, lane: *Lane) ?*Exchange {
            const exchange = lane.waiting_first orelse return null;
            lane.waiting_first = exchange.next;
            if (exchange.next == null) lane.waiting_last = null;
            exchange.next = null;
            loop.timers.cancel(&exchange.timer.entry);
            return exchange;
        }

        fn unqueue(loop: *This, exchange: *Exchange) void {
            const lane = loop.lanes.get(exchange.node) orelse return;
            var previous: ?*Exchange = null;
            var next = lane.waiting_first;
            while (next) |candidate| : (next = candidate.next) {
                if (candidate == exchange) break;
                previous = candidate;
            } else return;
            if (previous) |before| {
                before.next = exchange.next;
            } else {
                lane.waiting_first = exchange.next;
            }
            if (lane.waiting_last == exchange) lane.waiting_last = previous;
            exchange.next = null;
            leaveLine(lane);
        }

        /// When nobody waits here any more.
        fn leaveLine(lane: *Lane) void {
            if (lane.waiting_first != null) return;
            if (lane.node.pool.leave(&lane.waiter)) |grant| lane.node.giveBack(grant);
        }

        /// Idle connections go to who stands in line for one, and the places of those to spare.
        fn shareIdle(loop: *This) void {
            var lanes = loop.lanes_first;
            while (lanes) |lane| : (lanes = lane.next) {
                for (0..lane.node.pool.waitingCount()) |_| {
                    const connection = lane.idle_last orelse {
                        loop.closeSpare(lane);
                        continue;
                    };
                    unlinkIdle(connection);
                    loop.giveBack(connection);
                }
            }
        }

        /// Somebody else stands in the node's line, and may have come first.
        fn othersWait(lane: *const Lane) bool {
            const own: u32 = @intFromBool(lane.waiting_first != null);
            return lane.node.pool.waitingCount() > own;
        }

        // Opening connections.

        /// The pool has counted it.
        fn open(loop: *This, lane: *Lane, exchange: *Exchange) void {
            const connection = loop.create(lane) catch |err| {
                lane.node.pool.unopened();
                lane.node.describeConnect(err, .connect, exchange.failure);
                return end(exchange, .opening);
            };
            connection.exchange = exchange;
            exchange.connection = connection;
            const deadline_ns = @min(
                exchange.limits.openDeadline(loop.now_ns, loop.now_ns),
                lane.node.context.connectDeadline(loop.now_ns),
            );
            loop.timers.schedule(&connection.timer.entry, deadline_ns);
        }

        fn create(loop: *This, lane: *Lane) !*Connection {
            const generation = lane.node.generation();
            var socket = try loop.net.connectStart(lane.node.address());
            errdefer loop.net.close(&socket);
            const connection = try loop.register(lane, socket, generation, .connecting);
            statistics.add(&lane.node.statistics.opened, 1);
            return connection;
        }

        /// A connection of the node's pool, which stays the caller's when this fails.
        fn adopt(loop: *This, lane: *Lane, idle: Node.Connection) !*Connection {
            return loop.register(lane, idle.socket, idle.generation, .idle);
        }

        fn register(
            loop: *This,
            lane: *Lane,
            socket: Net.Socket,
            generation: u32,
            phase: Phase,
        ) !*Connection {
            const connection = try loop.gpa.create(Connection);
            errdefer loop.gpa.destroy(connection);
            const memory = try unfilled.alloc(u8, loop.gpa, receive_bytes_initial);
            errdefer unfilled.free(loop.gpa, memory);
            connection.* = .{
                .lane = lane,
                .socket = socket,
                .generation = generation,
                .phase = phase,
                .timer = .{ .owner = .{ .connection = connection } },
                // A socket that is connecting becomes writable when it is connected.
                .wants_write = phase == .connecting,
                .is_opening = phase == .connecting,
                .memory = memory,
                .last_used_ns = loop.now_ns,
                .authentication = .secret(loop.gpa, &.{}, authentication_bytes_max),
            };
            try loop.poller.add(socket.fd, @intFromPtr(connection), connection.wants_write);
            connection.open_next = loop.open_first;
            if (loop.open_first) |first| first.open_previous = connection;
            loop.open_first = connection;
            return connection;
        }

        /// The connection is not the loop's any more; its memory is freed soon.
        fn forget(loop: *This, connection: *Connection) void {
            assert(connection.phase != .closed);
            assert(connection.exchange == null);
            if (connection.open_previous) |previous| {
                previous.open_next = connection.open_next;
            } else {
                loop.open_first = connection.open_next;
            }
            if (connection.open_next) |next| next.open_previous = connection.open_previous;
            if (!connection.is_paused) loop.poller.remove(connection.socket.fd);
            loop.forgetUnread(connection);
            connection.phase = .closed;
            connection.next = loop.graveyard;
            loop.graveyard = connection;
        }

        fn onConnected(loop: *This, connection: *Connection) void {
            const node = connection.lane.node;
            loop.net.connectFinish(&connection.socket, node.address()) catch |err|
                return loop.fail(connection, err);
            const is_secured = node.secure(loop.net, &connection.socket) catch |err|
                return loop.fail(connection, err);
            if (!is_secured) return loop.beginToAuthenticate(connection);
            connection.phase = .securing;
            loop.limitStep(connection, node.context.connectDeadline(loop.now_ns));
            loop.shakeHands(connection);
        }

        /// A step of opening a connection begins, which has its own limit within the exchange's.
        fn limitStep(loop: *This, connection: *Connection, until_ns: u64) void {
            const limits = &connection.exchange.?.limits;
            const deadline_ns = @min(limits.openDeadline(connection.last_used_ns, loop.now_ns), until_ns);
            loop.timers.cancel(&connection.timer.entry);
            loop.timers.schedule(&connection.timer.entry, deadline_ns);
        }

        fn shakeHands(loop: *This, connection: *Connection) void {
            const waits = loop.net.tryHandshake(&connection.socket) catch |err|
                return loop.fail(connection, err);
            if (waits) |direction| return loop.setWritable(connection, direction == .writing);
            connection.lane.node.tellTls(loop.net, &connection.socket);
            loop.beginToAuthenticate(connection);
        }

        fn beginToAuthenticate(loop: *This, connection: *Connection) void {
            const node = connection.lane.node;
            loop.limitStep(connection, node.context.loginDeadline(loop.now_ns));
            loop.authenticate(connection);
        }

        fn authenticate(loop: *This, connection: *Connection) void {
            const node = connection.lane.node;
            connection.authentication.clear();
            connection.authentications += 1;
            connection.asked = node.encodeAuthentication(
                loop.now_ns,
                &connection.authentication,
            ) catch |err| {
                // Whoever tends logs in, over a connection that is for nothing else.
                if (err == error.LoginApart) node.context.requestTend();
                return loop.fail(connection, err);
            };
            if (connection.asked.kind == .none) return loop.ready(connection);
            connection.phase = .authenticating;
            connection.unsent = connection.authentication.written();
            loop.flush(connection);
        }

        /// A new connection may carry its first request.
        fn ready(loop: *This, connection: *Connection) void {
            loop.timers.cancel(&connection.timer.entry);
            connection.is_opening = false;
            connection.lane.node.pool.opened();
            const exchange = connection.exchange orelse return loop.release(connection);
            connection.exchange = null;
            exchange.connection = null;
            exchange.limits.discountOpening(connection.last_used_ns, loop.now_ns);
            loop.attach(connection, exchange);
        }

        fn onAuthenticated(loop: *This, connection: *Connection, frame: Frame) void {
            const node = connection.lane.node;
            if (frame.kind != .admin) return loop.fail(connection, error.BadFrame);
            const failure = connection.exchange.?.failure;
            const is_taken = node.takeAuthentication(
                connection.asked,
                loop.now_ns,
                frame.body,
                failure,
            ) catch return loop.failOpening(connection);
            // It may have granted a session.
            std.crypto.secureZero(u8, @constCast(frame.body));
            if (is_taken) return loop.ready(connection);
            if (connection.authentications < authentications_max) {
                return loop.authenticate(connection);
            }
            node.describeEndlessLogin(failure);
            loop.failOpening(connection);
        }

        /// The exchange's failure says why the connection cannot be used.
        fn failOpening(loop: *This, connection: *Connection) void {
            const exchange = connection.exchange.?;
            connection.exchange = null;
            exchange.connection = null;
            loop.close(connection);
            end(exchange, .opening);
        }

        // Sending and receiving.

        fn attach(loop: *This, connection: *Connection, exchange: *Exchange) void {
            assert(connection.exchange == null);
            assert(connection.start == connection.end);
            connection.phase = .busy;
            connection.exchange = exchange;
            exchange.connection = connection;
            exchange.generation = connection.generation;
            connection.start = 0;
            connection.end = 0;
            connection.unsent = exchange.frame;
            const limits = &exchange.limits;
            loop.timers.schedule(&connection.timer.entry, limits.waitDeadline(loop.now_ns));
            loop.flush(connection);
        }

        fn flush(loop: *This, connection: *Connection) void {
            while (connection.unsent.len > 0) {
                const count = loop.net.trySend(&connection.socket, connection.unsent) catch |err|
                    return loop.fail(connection, err);
                if (count == 0) break;
                statistics.add(&connection.lane.node.statistics.bytes_sent, count);
                connection.unsent = connection.unsent[count..];
            }
            const blocked = connection.unsent.len > 0;
            if (!blocked and connection.phase == .busy) connection.exchange.?.sent = true;
            // With TLS it may be a receive that has to come first, which is told anyway.
            loop.setWritable(connection, blocked and !loop.net.waitsToRead(&connection.socket));
        }

        fn setWritable(loop: *This, connection: *Connection, wanted: bool) void {
            if (wanted == connection.wants_write) return;
            connection.wants_write = wanted;
            if (connection.is_paused) return;
            loop.poller.setWritable(connection.socket.fd, @intFromPtr(connection), wanted) catch
                loop.fail(connection, error.SystemResources);
        }

        fn onWritable(loop: *This, connection: *Connection) void {
            switch (connection.phase) {
                .connecting => loop.onConnected(connection),
                .securing => loop.shakeHands(connection),
                .authenticating, .busy, .late => if (connection.wants_write) {
                    const waits_to_receive = loop.net.waitsToWrite(&connection.socket);
                    loop.flush(connection);
                    if (waits_to_receive) loop.onReadable(connection);
                },
                .idle, .closed => {},
            }
        }

        fn onReadable(loop: *This, connection: *Connection) void {
            switch (connection.phase) {
                // A connect that failed shows itself as writable too.
                .connecting, .closed => return,
                .securing => return loop.shakeHands(connection),
                // Closed by the server, or bytes that nobody asked for, unless they are TLS's own.
                .idle => {
                    if (!loop.net.isIdle(&connection.socket)) loop.close(connection);
                    return;
                },
                .authenticating, .busy, .late => {},
            }
            if (connection.unsent.len > 0 and loop.net.waitsToRead(&connection.socket)) {
                loop.flush(connection);
                if (connection.phase == .closed) return;
            }
            const space = loop.makeSpace(connection) catch
                return loop.fail(connection, error.OutOfMemory);
            const count = loop.net.tryRecv(&connection.socket, space) catch |err|
                return loop.fail(connection, err);
            if (count == 0) {
                if (loop.net.waitsToWrite(&connection.socket)) loop.setWritable(connection, true);
                return;
            }
            if (loop.net.hasUnread(&connection.socket)) loop.noteUnread(connection);
            statistics.add(&connection.lane.node.statistics.bytes_received, count);
            connection.end += count;
            loop.consume(connection);
        }

        /// Room for what is missing of the frame at hand, and then some.
        fn makeSpace(loop: *This, connection: *Connection) error{OutOfMemory}![]u8 {
            const have = connection.end - connection.start;
            var needed: usize = header_bytes;
            if (have >= header_bytes) {
                // Checked when the header was complete.
                const head = connection.memory[connection.start..][0..header_bytes];
                const header = wire.proto.decode(head, exchange_module.frame_bytes_max) catch
                    unreachable;
                needed = header_bytes + header.size;
            }
            if (connection.memory.len - connection.start < needed or
                connection.end == connection.memory.len)
            {
                std.mem.copyForwards(
                    u8,
                    connection.memory[0..have],
                    connection.memory[connection.start..connection.end],
                );
                connection.start = 0;
                connection.end = have;
            }
            if (connection.memory.len < needed) {
                connection.memory =
                    try unfilled.resize(loop.gpa, connection.memory, connection.end, needed);
            }
            assert(connection.end < connection.memory.len);
            return connection.memory[connection.end..];
        }

        /// Hands out the frames that are complete.
        fn consume(loop: *This, connection: *Connection) void {
            while (true) {
                const bytes = connection.memory[connection.start..connection.end];
                if (bytes.len < header_bytes) break;
                const header = wire.proto.decode(
                    bytes[0..header_bytes],
                    exchange_module.frame_bytes_max,
                ) catch return loop.fail(connection, error.BadFrame);
                const total = header_bytes + header.size;
                if (connection.phase == .late and total > late_bytes_max) {
                    return loop.close(connection);
                }
                if (bytes.len < total) break;
                connection.start += total;
                var frame: Frame = .{ .kind = header.kind, .body = bytes[header_bytes..total] };
                switch (connection.phase) {
                    .authenticating => return loop.onAuthenticated(connection, frame),
                    .late => return loop.onLate(connection),
                    .busy => if (connection.unsent.len > 0) {
                        // Not a reply to a request that the server does not have yet.
                        return loop.fail(connection, error.UnexpectedBytes);
                    },
                    .connecting, .securing, .idle, .closed => unreachable,
                }
                var unpacked: ?exchange_module.Unpacked = null;
                defer if (unpacked) |*each| each.deinit(loop.gpa);
                if (frame.kind == .compressed) {
                    unpacked = exchange_module.unpack(loop.gpa, frame.body) catch |err|
                        return loop.fail(connection, err);
                    frame = unpacked.?.frame;
                }
                const exchange = connection.exchange.?;
                switch (exchange.handler.on_frame(exchange, frame)) {
                    .more => if (connection.phase != .busy) return,
                    .done => return loop.finish(connection, exchange, true),
                    .done_close => return loop.finish(connection, exchange, false),
                }
            }
            // There was progress: the next wait has its full time again.
            if (connection.phase != .busy) return;
            loop.timers.cancel(&connection.timer.entry);
            const limits = &connection.exchange.?.limits;
            loop.timers.schedule(&connection.timer.entry, limits.waitDeadline(loop.now_ns));
        }

        fn finish(loop: *This, connection: *Connection, exchange: *Exchange, usable: bool) void {
            loop.timers.cancel(&connection.timer.entry);
            loop.part(connection, exchange, usable);
            exchange.handler.on_end(exchange, true);
        }

        /// The reply is complete.
        fn part(loop: *This, connection: *Connection, exchange: *Exchange, usable: bool) void {
            assert(connection.exchange == exchange);
            connection.exchange = null;
            exchange.connection = null;
            loop.resumeReading(connection);
            if (connection.phase == .closed) return;
            // More than the reply is not to be trusted.
            const clean = connection.start == connection.end and connection.unsent.len == 0;
            if (usable and clean) loop.release(connection) else loop.close(connection);
        }

        /// The late reply has come: its exchange has long been told.
        fn onLate(loop: *This, connection: *Connection) void {
            loop.timers.cancel(&connection.timer.entry);
            if (connection.start != connection.end) return loop.close(connection);
            statistics.add(&connection.lane.node.statistics.recovered, 1);
            loop.release(connection);
        }

        // Giving connections back and up.

        /// The connection serves the next in line, or goes idle.
        fn release(loop: *This, connection: *Connection) void {
            const lane = connection.lane;
            endSpare(connection);
            connection.last_used_ns = loop.now_ns;
            connection.start = 0;
            connection.end = 0;
            if (loop.stopping or !lane.node.isCurrent(connection.generation)) {
                return loop.close(connection);
            }
            if (loop.connections == .shared) return loop.giveBack(connection);
            if (othersWait(lane)) return loop.giveBack(connection);
            if (loop.dequeue(lane)) |exchange| {
                leaveLine(lane);
                return loop.attach(connection, exchange);
            }
            if (connection.memory.len > receive_bytes_kept) {
                // Failing to shrink is no harm.
                if (unfilled.resize(loop.gpa, connection.memory, 0, receive_bytes_initial)) |memory| {
                    connection.memory = memory;
                } else |_| {}
            }
            connection.phase = .idle;
            _ = lane.node.held_idle.fetchAdd(1, .monotonic);
            connection.next = lane.idle_first;
            connection.previous = null;
            if (lane.idle_first) |first| {
                first.previous = connection;
            } else {
                lane.idle_last = connection;
            }
            lane.idle_first = connection;
        }

        /// Back into the node's pool, as if a waiting command had used it.
        fn giveBack(loop: *This, connection: *Connection) void {
            loop.forget(connection);
            connection.lane.node.push(connection.asIdle());
        }

        fn unlinkIdle(connection: *Connection) void {
            assert(connection.phase == .idle);
            const lane = connection.lane;
            _ = lane.node.held_idle.fetchSub(1, .monotonic);
            if (connection.previous) |previous| {
                previous.next = connection.next;
            } else {
                lane.idle_first = connection.next;
            }
            if (connection.next) |next| {
                next.previous = connection.previous;
            } else {
                lane.idle_last = connection.previous;
            }
            connection.next = null;
            connection.previous = null;
        }

        /// Closes a connection. Its place goes to the next in line.
        fn close(loop: *This, connection: *Connection) void {
            if (connection.phase == .idle) unlinkIdle(connection);
            endSpare(connection);
            const lane = connection.lane;
            loop.timers.cancel(&connection.timer.entry);
            loop.forget(connection);
            loop.net.close(&connection.socket);
            statistics.add(&lane.node.statistics.closed, 1);
            if (connection.is_opening) lane.node.pool.unopened() else lane.node.pool.unreserve();
        }

        /// Frees the connections that were closed, when no event refers to them any more.
        fn bury(loop: *This) void {
            while (loop.graveyard) |connection| {
                assert(connection.phase == .closed);
                loop.graveyard = connection.next;
                unfilled.free(loop.gpa, connection.memory);
                connection.authentication.deinit();
                loop.gpa.destroy(connection);
            }
        }

        /// The connection is lost, and with it what was going on over it.
        fn fail(loop: *This, connection: *Connection, err: anyerror) void {
            const exchange = connection.exchange orelse return loop.close(connection);
            const is_open = connection.phase == .busy;
            const node = connection.lane.node;
            if (connection.phase == .securing) {
                node.describeConnect(err, .handshake, exchange.failure);
            } else if (!is_open) {
                node.describeConnect(err, .connect, exchange.failure);
            }
            connection.exchange = null;
            exchange.connection = null;
            loop.close(connection);
            end(exchange, if (is_open) .{ .err = err } else .opening);
        }

        // Time.

        fn onTimer(loop: *This, timer: *Timer) void {
            switch (timer.owner) {
                .housekeeping => loop.keepHouse(),
                .connection => |connection| loop.onConnectionTimeout(connection),
                .exchange => |exchange| {
                    loop.unqueue(exchange);
                    end(exchange, .line);
                },
                .call => |call| call.function(call.context),
            }
        }

        fn onConnectionTimeout(loop: *This, connection: *Connection) void {
            const exchange = connection.exchange orelse return loop.close(connection);
            if (connection.phase != .busy) return loop.fail(connection, error.Timeout);
            loop.abandon(connection, exchange);
            end(exchange, .{ .err = error.Timeout });
        }

        /// Parts a connection from its exchange before the reply is complete.
        fn abandon(loop: *This, connection: *Connection, exchange: *Exchange) void {
            assert(connection.exchange == exchange);
            connection.exchange = null;
            exchange.connection = null;
            loop.timers.cancel(&connection.timer.entry);
            const delay_ns = exchange.limits.timeout_delay_ns;
            // Only a request that was sent whole has a reply.
            const recoverable = connection.phase == .busy and exchange.sent and delay_ns != 0;
            if (!recoverable or loop.stopping) return loop.close(connection);
            if (loop.connections == .shared) return loop.leaveToTend(connection, delay_ns);
            connection.phase = .late;
            loop.timers.schedule(&connection.timer.entry, loop.now_ns + delay_ns);
        }

        /// This loop may not run any more when the late reply comes.
        fn leaveToTend(loop: *This, connection: *Connection, delay_ns: u64) void {
            const have = connection.memory[connection.start..connection.end];
            var pending: Node.Pending = .{};
            pending.header_bytes = @intCast(@min(have.len, header_bytes));
            @memcpy(pending.header[0..pending.header_bytes], have[0..pending.header_bytes]);
            if (have.len >= header_bytes) {
                // Checked when the header was complete.
                const header = wire.proto.decode(
                    have[0..header_bytes],
                    exchange_module.frame_bytes_max,
                ) catch unreachable;
                pending.body_bytes_remaining = header_bytes + header.size - have.len;
            }
            loop.forget(connection);
            connection.lane.node.recover(connection.asIdle(), pending, delay_ns);
        }

        fn scheduleHousekeeping(loop: *This) void {
            loop.timers.schedule(&loop.housekeeping.entry, loop.now_ns + housekeeping_ns);
        }

        /// Closes what is idle for too long, or belongs to a node that has left. What is still
        /// waited for there may never come.
        fn keepHouse(loop: *This) void {
            var lanes = loop.lanes_first;
            while (lanes) |lane| : (lanes = lane.next) {
                while (lane.idle_last) |connection| {
                    const fresh = connection.last_used_ns + loop.idle_ns_max > loop.now_ns;
                    if (fresh and lane.node.isCurrent(connection.generation)) break;
                    loop.close(connection);
                }
            }
            while (loop.findStranded()) |connection| {
                const exchange = connection.exchange.?;
                connection.exchange = null;
                exchange.connection = null;
                loop.close(connection);
                end(exchange, .node_left);
            }
            loop.scheduleHousekeeping();
        }

        /// A connection with an exchange that another node can be asked instead.
        fn findStranded(loop: *const This) ?*Connection {
            var rest = loop.open_first;
            while (rest) |connection| : (rest = connection.open_next) {
                const exchange = connection.exchange orelse continue;
                if (exchange.is_movable and !exchange.node.isActive()) return connection;
            }
            return null;
        }
    };
}
