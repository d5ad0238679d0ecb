//! Requests and replies on many connections at once, driven by one thread.
//!
//! An `Exchange` is one request to one node and its reply of one or more frames. The loop finds it
//! a connection (an idle one, else a new one, else it waits in line for one), sends, receives,
//! hands each frame to the exchange's handler, and tells it once how it ended. Commands and their
//! retries are built on top; the loop knows nothing of them.
//!
//! Connections have stable addresses, stay registered with the poller while they are idle, and are
//! counted in their node's pool like those of blocking commands. One whose reply is late is kept
//! for a while after its exchange has failed, and used again when the rest has come.
//!
//! A loop that lives for one query only has `.shared` connections: it takes them from the node's
//! pool, gives them back at the end of each exchange, and has nobody wait in line.
//!
//! All functions are for the loop's thread, unless they say otherwise. Handlers may begin and
//! cancel exchanges.

const std = @import("std");
const assert = std.debug.assert;
const cluster = @import("../cluster.zig");
const statistics = cluster.statistics;
const poller_module = @import("poller.zig");
const timers_module = @import("timers.zig");
const wire = @import("../wire.zig");
const exchange_module = @import("../command/exchange.zig");
const executor = @import("../command/executor.zig");
const Failure = @import("../status.zig").Failure;
const Status = @import("../status.zig").Status;
const Frame = exchange_module.Frame;

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
        /// All connections that are not closed.
        open_first: ?*Connection = null,
        /// Closed connections; their memory may still be in the list of events at hand.
        graveyard: ?*Connection = null,
        idle_ns_max: u64,
        connections: Connections = .own,
        /// Taken once per round: deadlines do not need to be finer.
        now_ns: u64,
        stopping: bool = false,

        const This = @This();
        pub const Cluster = cluster.Cluster(Net);
        pub const Node = Cluster.Node;

        pub const Timer = struct {
            entry: timers_module.Entry = .{},
            owner: Owner,

            pub const Owner = union(enum) {
                housekeeping,
                connection: *Connection,
                exchange: *Exchange,
                /// Runs when the time has come.
                call: struct {
                    context: *anyopaque,
                    function: *const fn (*anyopaque) void,
                },
            };
        };

        /// Where idle connections are kept: here, or in the pools of the nodes.
        pub const Connections = enum { own, shared };

        /// The limits of one exchange's waits.
        pub const Limits = struct {
            /// Of the command.
            deadline_ns: u64,
            /// Of a single wait.
            socket_timeout_ns: u64,
            /// How long a late reply is waited for after the exchange has timed out.
            timeout_delay_ns: u64 = 0,

            fn waitDeadline(limits: *const Limits, now_ns: u64) u64 {
                return @min(limits.deadline_ns, now_ns +| limits.socket_timeout_ns);
            }
        };

        pub const FrameResult = enum {
            /// The reply has more frames.
            more,
            /// The reply is complete and the connection fit for the next request.
            done,
            /// The reply is complete, or worthless, and the connection is to be closed.
            done_close,
        };

        pub const Handler = struct {
            /// A frame of the reply; its bytes are valid during the call.
            on_frame: *const fn (*Exchange, Frame) FrameResult,
            /// The end, once: `ok` after a frame that was the last, otherwise `failure` is set.
            on_end: *const fn (*Exchange, ok: bool) void,
        };

        pub const Exchange = struct {
            node: *Node,
            /// Must stay until the end.
            frame: []const u8,
            limits: Limits,
            handler: *const Handler,
            failure: *Failure,
            /// The request was handed to the network completely.
            sent: bool = false,
            connection: ?*Connection = null,
            /// When waiting in line for a connection ends: the same limits as for the network.
            line_deadline_ns: u64 = undefined,
            timer: Timer = undefined,
            next: ?*Exchange = null,
        };

        pub const Connection = struct {
            lane: *Lane,
            socket: Net.Socket,
            generation: u32,
            phase: Phase,
            exchange: ?*Exchange = null,
            /// Of the step that it is in.
            timer: Timer,
            unsent: []const u8 = &.{},
            wants_write: bool,
            memory: []u8,
            start: usize = 0,
            end: usize = 0,
            last_used_ns: u64,
            /// The frame that authenticates the connection.
            authentication: wire.Buffer,
            /// In the list of idle ones, or in the graveyard.
            next: ?*Connection = null,
            previous: ?*Connection = null,
            /// Among the open ones.
            open_next: ?*Connection = null,
            open_previous: ?*Connection = null,
        };

        const Phase = enum {
            connecting,
            authenticating,
            busy,
            /// The exchange has timed out; the rest of its reply is still awaited.
            late,
            idle,
            closed,
        };

        /// The loop's connections to one node, and who waits for one.
        const Lane = struct {
            node: *Node,
            /// The most recently used one first.
            idle_first: ?*Connection = null,
            idle_last: ?*Connection = null,
            waiting_first: ?*Exchange = null,
            waiting_last: ?*Exchange = null,
            next: ?*Lane,
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
            if (loop.connections == .own) loop.shareLanes();
            for (happened) |event| {
                const connection: *Connection = @ptrFromInt(event.token);
                if (event.writable) loop.onWritable(connection);
                if (event.readable) loop.onReadable(connection);
            }
            loop.bury();
            while (loop.timers.expire(loop.now_ns)) |entry| {
                loop.onTimer(@fieldParentPtr("entry", entry));
            }
            loop.bury();
        }

        /// Waiting commands get idle connections of the loop, and its own requests those of theirs.
        fn shareLanes(loop: *This) void {
            var lanes = loop.lanes_first;
            while (lanes) |lane| : (lanes = lane.next) {
                const wanted = lane.node.wanted.load(.monotonic);
                for (0..wanted) |_| {
                    const connection = lane.idle_last orelse break;
                    unlinkIdle(connection);
                    loop.giveBack(connection);
                }
                while (loop.serveWaiting(lane)) {}
            }
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
            if (!node.breakerAllows()) {
                exchange.failure.set(
                    .max_error_rate,
                    "the node had too many errors lately and is given a rest",
                    .{},
                );
                return exchange.handler.on_end(exchange, false);
            }
            const lane = loop.laneOf(node) catch return loop.outOfMemory(exchange);
            if (lane.idle_first) |connection| {
                if (node.isCurrent(connection.generation)) {
                    unlinkIdle(connection);
                    return loop.attach(connection, exchange);
                }
                loop.dropIdle(lane);
            }
            // Those of blocking commands count too; they must not be idle while somebody waits.
            if (node.pop()) |idle| return loop.useIdle(lane, idle, exchange);
            node.reserve() catch return loop.enqueue(lane, exchange);
            loop.open(lane, exchange);
        }

        /// With a connection of the node's pool.
        fn useIdle(loop: *This, lane: *Lane, idle: Node.Connection, exchange: *Exchange) void {
            const connection = loop.adopt(lane, idle) catch |err| {
                lane.node.drop(idle);
                if (err == error.OutOfMemory) return loop.outOfMemory(exchange);
                return loop.refuse(exchange, err);
            };
            loop.attach(connection, exchange);
        }

        /// Ends an exchange without its reply; the handler is not called. The connection is kept
        /// if its reply comes in time.
        pub fn cancel(loop: *This, exchange: *Exchange) void {
            loop.timers.cancel(&exchange.timer.entry);
            if (exchange.connection) |connection| {
                loop.abandon(connection, exchange);
            } else {
                loop.unqueue(exchange);
            }
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
        }

        pub fn schedule(loop: *This, timer: *Timer, deadline_ns: u64) void {
            loop.timers.schedule(&timer.entry, deadline_ns);
        }

        pub fn unschedule(loop: *This, timer: *Timer) void {
            loop.timers.cancel(&timer.entry);
        }

        fn laneOf(loop: *This, node: *Node) error{OutOfMemory}!*Lane {
            if (loop.lanes.get(node)) |lane| return lane;
            const lane = try loop.gpa.create(Lane);
            errdefer loop.gpa.destroy(lane);
            lane.* = .{ .node = node, .next = loop.lanes_first };
            try loop.lanes.put(loop.gpa, node, lane);
            loop.lanes_first = lane;
            return lane;
        }

        // Waiting in line for a connection.

        fn enqueue(loop: *This, lane: *Lane, exchange: *Exchange) void {
            if (lane.waiting_last) |last| last.next = exchange else lane.waiting_first = exchange;
            lane.waiting_last = exchange;
            const counter = if (loop.connections == .own) &lane.node.queued else &lane.node.wanted;
            _ = counter.fetchAdd(1, .monotonic);
            if (loop.connections == .shared) lane.node.context.wakeHolder();
            loop.scheduleInLine(exchange);
        }

        /// Sets when an exchange in line is looked at again.
        fn scheduleInLine(loop: *This, exchange: *Exchange) void {
            loop.timers.cancel(&exchange.timer.entry);
            // Nobody tells a loop of one query what has become free: it looks again soon.
            const look_ns = if (loop.connections == .shared)
                loop.now_ns + std.time.ns_per_ms
            else
                executor.forever;
            const at_ns = @min(look_ns, exchange.line_deadline_ns);
            if (at_ns != executor.forever) loop.timers.schedule(&exchange.timer.entry, at_ns);
        }

        fn dequeue(loop: *This, lane: *Lane) ?*Exchange {
            const exchange = lane.waiting_first orelse return null;
            lane.waiting_first = exchange.next;
            if (exchange.next == null) lane.waiting_last = null;
            exchange.next = null;
            loop.leaveLine(lane);
            loop.timers.cancel(&exchange.timer.entry);
            return exchange;
        }

        fn leaveLine(loop: *This, lane: *Lane) void {
            const counter = if (loop.connections == .own) &lane.node.queued else &lane.node.wanted;
            const before = counter.fetchSub(1, .monotonic);
            assert(before > 0);
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
            loop.leaveLine(lane);
        }

        // Opening connections.

        /// The node's pool has a place reserved.
        fn open(loop: *This, lane: *Lane, exchange: *Exchange) void {
            const connection = loop.create(lane) catch |err| {
                lane.node.unreserve();
                if (err == error.OutOfMemory) return loop.outOfMemory(exchange);
                return loop.refuse(exchange, err);
            };
            connection.exchange = exchange;
            exchange.connection = connection;
            const deadline_ns = @min(
                exchange.limits.waitDeadline(loop.now_ns),
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
            const memory = try loop.gpa.alloc(u8, receive_bytes_initial);
            errdefer loop.gpa.free(memory);
            connection.* = .{
                .lane = lane,
                .socket = socket,
                .generation = generation,
                .phase = phase,
                .timer = .{ .owner = .{ .connection = connection } },
                // A socket that is connecting becomes writable when it is connected.
                .wants_write = phase == .connecting,
                .memory = memory,
                .last_used_ns = loop.now_ns,
                .authentication = .growing(loop.gpa, &.{}, authentication_bytes_max),
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
            loop.poller.remove(connection.socket.fd);
            connection.phase = .closed;
            connection.next = loop.graveyard;
            loop.graveyard = connection;
        }

        fn onConnected(loop: *This, connection: *Connection) void {
            loop.net.connectFinish(&connection.socket, connection.lane.node.address()) catch |err|
                return loop.fail(connection, err);
            const node = connection.lane.node;
            const needed = node.encodeAuthentication(&connection.authentication) catch
                return loop.fail(connection, error.OutOfMemory);
            if (needed) {
                connection.phase = .authenticating;
                connection.unsent = connection.authentication.written();
                return loop.flush(connection);
            }
            loop.ready(connection);
        }

        /// A new connection may carry its first request.
        fn ready(loop: *This, connection: *Connection) void {
            loop.timers.cancel(&connection.timer.entry);
            const exchange = connection.exchange orelse return loop.release(connection);
            connection.exchange = null;
            exchange.connection = null;
            loop.attach(connection, exchange);
        }

        fn onAuthenticated(loop: *This, connection: *Connection, frame: Frame) void {
            const node = connection.lane.node;
            if (frame.kind != .admin) return loop.fail(connection, error.BadFrame);
            const message = wire.admin.Message.decode(frame.body) catch
                return loop.fail(connection, error.BadFrame);
            const status: Status = .fromServer(message.result_code);
            if (status == .ok or status == .security_not_enabled) return loop.ready(connection);
            // Whoever tends logs in again; this request comes too early for that.
            node.authenticationLost();
            const exchange = connection.exchange;
            connection.exchange = null;
            loop.close(connection);
            const waiting = exchange orelse return;
            waiting.connection = null;
            waiting.failure.set(status, "authentication was refused: {s}", .{status.text()});
            waiting.handler.on_end(waiting, false);
        }

        // Sending and receiving.

        fn attach(loop: *This, connection: *Connection, exchange: *Exchange) void {
            assert(connection.exchange == null);
            assert(connection.start == connection.end);
            connection.phase = .busy;
            connection.exchange = exchange;
            exchange.connection = connection;
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
            if (blocked == connection.wants_write) return;
            connection.wants_write = blocked;
            loop.poller.setWritable(connection.socket.fd, @intFromPtr(connection), blocked) catch
                loop.fail(connection, error.SystemResources);
        }

        fn onWritable(loop: *This, connection: *Connection) void {
            switch (connection.phase) {
                .connecting => loop.onConnected(connection),
                .authenticating, .busy => if (connection.wants_write) loop.flush(connection),
                .late, .idle, .closed => {},
            }
        }

        fn onReadable(loop: *This, connection: *Connection) void {
            switch (connection.phase) {
                // A connect that failed shows itself as writable too.
                .connecting, .closed => return,
                // Closed by the server, or bytes that nobody asked for.
                .idle => return loop.close(connection),
                .authenticating, .busy, .late => {},
            }
            const space = loop.makeSpace(connection) catch
                return loop.fail(connection, error.OutOfMemory);
            const count = loop.net.tryRecv(&connection.socket, space) catch |err|
                return loop.fail(connection, err);
            if (count == 0) return;
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
                connection.memory = try loop.gpa.realloc(connection.memory, needed);
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
                const frame: Frame = .{ .kind = header.kind, .body = bytes[header_bytes..total] };
                switch (connection.phase) {
                    .authenticating => return loop.onAuthenticated(connection, frame),
                    .late => return loop.onLate(connection),
                    .busy => {},
                    .connecting, .idle, .closed => unreachable,
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
            // More than the reply, or a reply before the request was sent: not to be trusted.
            const clean = connection.start == connection.end and connection.unsent.len == 0;
            if (usable and clean) loop.release(connection) else loop.close(connection);
        }

        /// The late reply has come: its exchange has long been told.
        fn onLate(loop: *This, connection: *Connection) void {
            loop.timers.cancel(&connection.timer.entry);
            if (connection.start == connection.end) return loop.release(connection);
            loop.close(connection);
        }

        // Giving connections back and up.

        /// The connection serves the next in line, or goes idle.
        fn release(loop: *This, connection: *Connection) void {
            const lane = connection.lane;
            connection.last_used_ns = loop.now_ns;
            connection.start = 0;
            connection.end = 0;
            if (loop.stopping or !lane.node.isCurrent(connection.generation)) {
                return loop.close(connection);
            }
            if (loop.connections == .shared) return loop.giveBack(connection);
            // Waiting commands are few and cannot do anything else meanwhile: they go first.
            if (lane.node.wanted.load(.monotonic) > 0) return loop.giveBack(connection);
            if (loop.dequeue(lane)) |exchange| return loop.attach(connection, exchange);
            if (connection.memory.len > receive_bytes_kept) {
                // Failing to shrink is no harm.
                if (loop.gpa.realloc(connection.memory, receive_bytes_initial)) |memory| {
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
            connection.lane.node.push(.{
                .socket = connection.socket,
                .generation = connection.generation,
                .last_used_ns = connection.last_used_ns,
            });
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

        fn dropIdle(loop: *This, lane: *Lane) void {
            while (lane.idle_first) |connection| loop.close(connection);
        }

        /// Closes a connection. Its place goes to the next in line.
        fn close(loop: *This, connection: *Connection) void {
            if (connection.phase == .idle) unlinkIdle(connection);
            const lane = connection.lane;
            loop.timers.cancel(&connection.timer.entry);
            loop.forget(connection);
            loop.net.close(&connection.socket);
            statistics.add(&lane.node.statistics.closed, 1);
            lane.node.unreserve();
            if (!loop.stopping) _ = loop.serveWaiting(lane);
        }

        /// Looks for a connection for the first in line, whose place may have become free anywhere.
        /// False when there is nobody, or none.
        fn serveWaiting(loop: *This, lane: *Lane) bool {
            if (lane.waiting_first == null) return false;
            if (lane.node.pop()) |idle| {
                loop.useIdle(lane, idle, loop.dequeue(lane).?);
                return true;
            }
            lane.node.reserve() catch return false;
            loop.open(lane, loop.dequeue(lane).?);
            return true;
        }

        /// Frees the connections that were closed, when no event refers to them any more.
        fn bury(loop: *This) void {
            while (loop.graveyard) |connection| {
                assert(connection.phase == .closed);
                loop.graveyard = connection.next;
                loop.gpa.free(connection.memory);
                connection.authentication.deinit();
                loop.gpa.destroy(connection);
            }
        }

        /// The connection is lost, and with it what was going on over it.
        fn fail(loop: *This, connection: *Connection, err: anyerror) void {
            const exchange = connection.exchange;
            const was_late = connection.phase == .late;
            connection.exchange = null;
            const node = connection.lane.node;
            if (!was_late) node.recordFault(err);
            if (exchange) |current| current.connection = null;
            loop.close(connection);
            const ended = exchange orelse return;
            exchange_module.describe(err, ended.failure);
            ended.handler.on_end(ended, false);
        }

        /// An exchange that did not get as far as a connection.
        fn refuse(loop: *This, exchange: *Exchange, err: anyerror) void {
            _ = loop;
            exchange.node.recordFault(err);
            exchange_module.describe(err, exchange.failure);
            exchange.handler.on_end(exchange, false);
        }

        fn outOfMemory(loop: *This, exchange: *Exchange) void {
            _ = loop;
            exchange.failure.set(.out_of_memory, "out of memory for a connection", .{});
            exchange.handler.on_end(exchange, false);
        }

        // Time.

        fn onTimer(loop: *This, timer: *Timer) void {
            switch (timer.owner) {
                .housekeeping => loop.keepHouse(),
                .connection => |connection| loop.onConnectionTimeout(connection),
                .exchange => |exchange| {
                    loop.unqueue(exchange);
                    // Only looking again, unless the time is up.
                    if (loop.now_ns < exchange.line_deadline_ns) return loop.place(exchange);
                    exchange.failure.set(
                        .no_more_connections,
                        "no connection became free in time: all {d} of the node are in use",
                        .{exchange.node.pool.idle.len},
                    );
                    exchange.handler.on_end(exchange, false);
                },
                .call => |call| call.function(call.context),
            }
        }

        fn onConnectionTimeout(loop: *This, connection: *Connection) void {
            const exchange = connection.exchange orelse return loop.close(connection);
            connection.lane.node.recordTimeout();
            loop.abandon(connection, exchange);
            exchange_module.describe(error.Timeout, exchange.failure);
            exchange.handler.on_end(exchange, false);
        }

        /// Parts a connection from its exchange before the reply is complete.
        fn abandon(loop: *This, connection: *Connection, exchange: *Exchange) void {
            assert(connection.exchange == exchange);
            connection.exchange = null;
            exchange.connection = null;
            loop.timers.cancel(&connection.timer.entry);
            const delay_ns = exchange.limits.timeout_delay_ns;
            // Only a reply of one frame has a known end, and only a request that was sent whole
            // has a reply.
            const recoverable = connection.phase == .busy and exchange.sent and delay_ns != 0;
            if (!recoverable) return loop.close(connection);
            connection.phase = .late;
            loop.timers.schedule(&connection.timer.entry, loop.now_ns + delay_ns);
        }

        fn scheduleHousekeeping(loop: *This) void {
            loop.timers.schedule(&loop.housekeeping.entry, loop.now_ns + housekeeping_ns);
        }

        /// Closes what is idle for too long, or belongs to a node that has left.
        fn keepHouse(loop: *This) void {
            var lanes = loop.lanes_first;
            while (lanes) |lane| : (lanes = lane.next) {
                while (lane.idle_last) |connection| {
                    const fresh = connection.last_used_ns + loop.idle_ns_max > loop.now_ns;
                    if (fresh and lane.node.isCurrent(connection.generation)) break;
                    loop.close(connection);
                }
            }
            loop.scheduleHousekeeping();
        }
    };
}
