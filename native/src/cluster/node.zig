//! One server of the cluster, as commands know it: its connections, its session, its health.
//!
//! Any thread uses it. What only whoever tends the cluster knows of the server is in `Tended` (see
//! tended.zig), which owns the node. It is allocated once and lives as long as its cluster, so a
//! `*Node` never dangles; when the server leaves, the node is deactivated, and it is activated
//! again when a server with its name comes back.

const std = @import("std");
const assert = std.debug.assert;
const io = @import("../io.zig");
const wire = @import("../wire.zig");
const auth = @import("auth.zig");
const exchange = @import("exchange.zig");
const partition_map = @import("partition_map.zig");
const recovery = @import("recovery.zig");
const statistics_module = @import("statistics.zig");
const Breaker = @import("breaker.zig").Breaker;
const Context = @import("context.zig").Context;
const Failure = @import("../status.zig").Failure;
const Pool = @import("pool.zig").Pool;
const Slot = @import("replica.zig").Slot;
const Statistics = statistics_module.Statistics;
const Version = @import("version.zig").Version;

pub const name_bytes_max = Failure.node_name_max;

/// Consecutive failed refreshes after which a node does not count as connected, and is dropped
/// when no other node answers either.
pub const failures_max = 5;

pub fn Node(comptime Net: type) type {
    return struct {
        context: *Context(Net),
        /// Position in the cluster's table.
        slot: Slot,
        name_buffer: [name_bytes_max]u8,
        name_len: u8,
        active: std.atomic.Value(bool) = .init(false),
        pool: Pool(Net),
        /// Waiting commands that found all connections in use.
        wanted: std.atomic.Value(u32) = .init(0),
        /// Requests of the event loop that found all connections in use.
        queued: std.atomic.Value(u32) = .init(0),
        /// Connections that the event loop has and does not use.
        held_idle: std.atomic.Value(u32) = .init(0),
        recovering: Recovery = .{},
        breaker: Breaker,
        statistics: Statistics = .{},
        /// Rack per namespace index; `rack_none` when unknown.
        rack_ids: [partition_map.namespaces_max]std.atomic.Value(i32) = @splat(.init(rack_none)),
        version_now: std.atomic.Value(Version) = .init(.zero),
        /// Guards the next four.
        guard: io.sync.Mutex = .{},
        address_now: Net.Address,
        session: auth.Session = .{},
        /// Counts logins, so that one refused token leads to one login.
        session_serial: u64 = 0,
        /// The server did not take the session.
        login_due: bool = false,
        /// Held during a login, which is network I/O with a deadline.
        login_turn: io.sync.Mutex = .{},
        /// Refreshes that failed in a row. Written by whoever tends.
        failures: std.atomic.Value(u32) = .init(0),

        const This = @This();
        pub const Connection = Pool(Net).Connection;
        pub const Pending = recovery.Pending;
        pub const Recovery = recovery.Recovery(Net);
        pub const rack_none = std.math.minInt(i32);

        pub fn create(context: *Context(Net), slot: Slot, address_new: Net.Address) !*This {
            const gpa = context.gpa;
            const node = try gpa.create(This);
            errdefer gpa.destroy(node);
            node.* = .{
                .context = context,
                .slot = slot,
                .name_buffer = undefined,
                .name_len = 0,
                .pool = try .init(gpa, context.options.max_conns_per_node),
                .breaker = .init(context.options.error_rate_max),
                .address_now = address_new,
            };
            return node;
        }

        /// Nobody uses the node any more, and it is inactive.
        pub fn destroy(node: *This) void {
            assert(!node.isActive());
            const gpa = node.context.gpa;
            node.session.deinit(gpa);
            node.pool.deinit(gpa);
            gpa.destroy(node);
        }

        pub fn name(node: *const This) []const u8 {
            return node.name_buffer[0..node.name_len];
        }

        /// Before the node is active.
        pub fn setName(node: *This, name_new: []const u8) void {
            assert(!node.isActive());
            assert(name_new.len <= name_bytes_max);
            @memcpy(node.name_buffer[0..name_new.len], name_new);
            node.name_len = @intCast(name_new.len);
        }

        pub fn address(node: *This) Net.Address {
            node.guard.lock();
            defer node.guard.unlock();
            return node.address_now;
        }

        pub fn isActive(node: *const This) bool {
            return node.active.load(.acquire);
        }

        /// Of the server, as it was when it joined.
        pub fn version(node: *const This) Version {
            return node.version_now.load(.monotonic);
        }

        pub fn hasRack(node: *const This, namespace_index: u8, rack_id: i32) bool {
            return node.rack_ids[namespace_index].load(.monotonic) == rack_id;
        }

        /// All connections but that of the tend: idle, lent and connecting.
        pub fn openCount(node: *const This) u32 {
            return node.pool.count.load(.monotonic);
        }

        pub fn inUseCount(node: *This) u32 {
            const idle = node.pool.idleCount() + node.held_idle.load(.monotonic);
            return node.openCount() -| idle;
        }

        // Connections, for a driver that waits and for one that does not.

        /// The most recently used idle connection that is fit for use.
        pub fn pop(node: *This) ?Connection {
            const net = node.context.net;
            var found_dead = false;
            defer if (found_dead) {
                // Many sockets that died together are one event.
                node.breaker.record();
                statistics_module.add(&node.statistics.errors, 1);
                node.context.requestTend();
            };
            while (node.pool.take()) |taken| {
                var connection = taken;
                if (node.isIdleTooLong(&connection)) {
                    node.drop(connection);
                } else if (!net.isIdle(&connection.socket)) {
                    found_dead = true;
                    node.drop(connection);
                } else {
                    return connection;
                }
            }
            return null;
        }

        fn isIdleTooLong(node: *This, connection: *const Connection) bool {
            const timeout_ms = node.context.options.idle_timeout_ms;
            if (timeout_ms == 0) return false;
            const idle_ns = node.context.net.now() -| connection.last_used_ns;
            return idle_ns > @as(u64, timeout_ms) * std.time.ns_per_ms;
        }

        /// Counts a connection that the caller is about to open.
        pub fn reserve(node: *This) error{NoMoreConnections}!void {
            if (!node.pool.reserve()) return error.NoMoreConnections;
        }

        pub fn unreserve(node: *This) void {
            node.pool.unreserve();
            node.tellQueued();
        }

        /// A connection, or the place of one, is free.
        fn tellQueued(node: *This) void {
            if (node.queued.load(.monotonic) > 0) node.context.wakeHolder();
        }

        /// To be read before connecting, for the connection's own `generation`.
        pub fn generation(node: *const This) u32 {
            return node.pool.generation.load(.monotonic);
        }

        /// Whether a connection of that generation may carry on.
        pub fn isCurrent(node: *const This, generation_of: u32) bool {
            return node.isActive() and generation_of == node.generation();
        }

        /// Takes a connection back whose last reply was read to its end.
        pub fn push(node: *This, connection: Connection) void {
            var used = connection;
            used.last_used_ns = node.context.net.now();
            if (node.pool.put(used)) node.tellQueued() else node.drop(used);
        }

        /// Closes a connection.
        pub fn drop(node: *This, connection: Connection) void {
            var dropped = connection;
            node.context.net.close(&dropped.socket);
            node.unreserve();
            node.statistics.addTraffic(dropped.traffic);
            statistics_module.add(&node.statistics.closed, 1);
        }

        /// A connection ready for a request: idle, or new and authenticated. Sets the failure
        /// completely.
        pub fn acquire(
            node: *This,
            deadline_ns: u64,
            failure: *Failure,
        ) error{Failed}!Connection {
            errdefer failure.setNode(node.name());
            if (!node.isActive()) {
                failure.set(.invalid_node, "the node has left the cluster", .{});
                return error.Failed;
            }
            if (!node.breakerAllows()) {
                const text = "too many recent errors on this node; it is given a rest";
                failure.set(.max_error_rate, text, .{});
                return error.Failed;
            }
            if (node.pop()) |connection| return connection;
            node.reserve() catch {
                if (try node.waitForConnection(deadline_ns, failure)) |connection| return connection;
            };
            return node.open(node.context.net, deadline_ns, failure) catch {
                node.unreserve();
                switch (failure.status) {
                    .timeout => node.recordTimeout(),
                    .connection => node.recordError(),
                    else => {},
                }
                return error.Failed;
            };
        }

        /// Waits until one of the connections, which are all in use, is free; or null with a place
        /// for a new one reserved.
        fn waitForConnection(
            node: *This,
            deadline_ns: u64,
            failure: *Failure,
        ) error{Failed}!?Connection {
            const net = node.context.net;
            _ = node.wanted.fetchAdd(1, .monotonic);
            defer _ = node.wanted.fetchSub(1, .monotonic);
            while (node.isActive() and net.now() < deadline_ns) {
                // An event loop that holds idle ones gives them up.
                node.context.wakeHolder();
                net.sleep(wait_step_ns) catch {
                    failure.set(.interrupted, "interrupted by a signal", .{});
                    return error.Failed;
                };
                if (node.pop()) |connection| return connection;
                if (node.pool.reserve()) return null;
            }
            const text = "no connection became free in time: all {d} of the node are in use";
            failure.set(.no_more_connections, text, .{node.pool.idle.len});
            return error.Failed;
        }

        /// Connections are used for less than that: whoever waits for one looks again soon.
        const wait_step_ns = std.time.ns_per_ms / 2;

        /// A new connection for the pool; the caller has reserved it.
        pub fn open(
            node: *This,
            net: *Net,
            deadline_ns: u64,
            failure: *Failure,
        ) error{Failed}!Connection {
            const generation_now = node.generation();
            const socket = try node.connectSocket(net, deadline_ns, failure);
            statistics_module.add(&node.statistics.opened, 1);
            return .{
                .socket = socket,
                .generation = generation_now,
                .last_used_ns = net.now(),
            };
        }

        /// Connects and authenticates within the deadline and the configured timeouts.
        pub fn connectSocket(
            node: *This,
            net: *Net,
            deadline_ns: u64,
            failure: *Failure,
        ) error{Failed}!Net.Socket {
            const target = node.address();
            const connect_ns = @min(deadline_ns, node.context.connectDeadline(net.now()));
            var socket = net.connect(target, connect_ns) catch |err| {
                exchange.describe(err, "connect", target, failure);
                return error.Failed;
            };
            errdefer net.close(&socket);
            const login_ns = @min(deadline_ns, node.context.loginDeadline(net.now()));
            try node.authenticate(net, &socket, login_ns, failure);
            return socket;
        }

        // Authentication.

        fn authenticate(
            node: *This,
            net: *Net,
            socket: *Net.Socket,
            deadline_ns: u64,
            failure: *Failure,
        ) error{Failed}!void {
            if (node.context.credentials == null) return;
            const serial = node.sessionSerial();
            if (try node.presentSession(net, socket, deadline_ns, failure)) return;
            try node.renewSession(net, socket, serial, deadline_ns, failure);
        }

        pub fn sessionSerial(node: *This) u64 {
            node.guard.lock();
            defer node.guard.unlock();
            return node.session_serial;
        }

        /// True when the connection is part of the session, or needs none.
        fn presentSession(
            node: *This,
            net: *Net,
            socket: *Net.Socket,
            deadline_ns: u64,
            failure: *Failure,
        ) error{Failed}!bool {
            const gpa = node.context.gpa;
            var memory: [1024]u8 = undefined;
            var request = wire.Buffer.growing(gpa, &memory, frame_bytes_max);
            defer request.deinit();
            const needed = node.encodeAuthentication(&request) catch {
                failure.set(.out_of_memory, "out of memory", .{});
                return error.Failed;
            };
            if (!needed) return true;
            return auth.authenticate(
                gpa,
                net,
                socket,
                node.address(),
                node.context.credentials.?.user,
                request.written(),
                deadline_ns,
                failure,
            );
        }

        /// Appends the frame that makes a new connection part of the session. False: none is
        /// needed.
        pub fn encodeAuthentication(node: *This, out: *wire.Buffer) wire.Buffer.Error!bool {
            const credentials = if (node.context.credentials) |*given| given else return false;
            node.guard.lock();
            defer node.guard.unlock();
            const token = node.session.token;
            if (token.len == 0) return false;
            try wire.admin.encodeAuthenticate(out, credentials.user, token);
            return true;
        }

        const frame_bytes_max = 128 * 1024;

        /// Logs in on this connection, unless another thread has done so since `serial`.
        pub fn renewSession(
            node: *This,
            net: *Net,
            socket: *Net.Socket,
            serial: u64,
            deadline_ns: u64,
            failure: *Failure,
        ) error{Failed}!void {
            node.login_turn.lock();
            defer node.login_turn.unlock();
            if (node.sessionSerial() != serial) {
                if (try node.presentSession(net, socket, deadline_ns, failure)) return;
                return error.Failed;
            }
            const credentials = node.context.credentialsNow().?;
            const session = try auth.login(
                node.context.gpa,
                net,
                socket,
                node.address(),
                &credentials,
                deadline_ns,
                failure,
            );
            node.setSession(session);
        }

        /// Takes the session over.
        pub fn setSession(node: *This, session: auth.Session) void {
            node.guard.lock();
            defer node.guard.unlock();
            node.session.deinit(node.context.gpa);
            node.session = session;
            node.session_serial += 1;
            node.login_due = false;
        }

        /// The server answered that a connection is not authenticated: log in again soon.
        pub fn authenticationLost(node: *This) void {
            {
                node.guard.lock();
                defer node.guard.unlock();
                node.login_due = true;
            }
            node.context.requestTend();
        }

        pub fn isLoginDue(node: *This, now_ns: u64) bool {
            if (node.context.credentials == null) return false;
            node.guard.lock();
            defer node.guard.unlock();
            return node.login_due or now_ns >= node.session.renew_ns;
        }

        // Health.

        /// An exchange with the node failed: the one place that says whether that is its fault.
        pub fn recordFault(node: *This, err: anyerror) void {
            switch (err) {
                error.Timeout => node.recordTimeout(),
                // This side gave up, or lacks something.
                error.Interrupted, error.SystemResources, error.OutOfMemory => {},
                else => node.recordError(),
            }
        }

        /// A connection was closed because of an error.
        pub fn recordError(node: *This) void {
            node.breaker.record();
            statistics_module.add(&node.statistics.errors, 1);
            node.context.requestTend();
        }

        /// The server answered that it is overloaded or took too long.
        pub fn recordServerError(node: *This) void {
            node.breaker.record();
            statistics_module.add(&node.statistics.errors, 1);
        }

        /// A wait for the node took too long.
        pub fn recordTimeout(node: *This) void {
            node.breaker.record();
            statistics_module.add(&node.statistics.timeouts, 1);
            node.context.requestTend();
        }

        pub fn breakerAllows(node: *const This) bool {
            return node.breaker.allows();
        }

        // Recovery.

        /// Takes a connection whose reply was late; only when that is one frame.
        pub fn recover(node: *This, connection: Connection, pending: Pending) void {
            const now_ns = node.context.net.now();
            const current = connection.generation == node.generation();
            if (current and node.recovering.add(connection, pending, now_ns)) {
                // Deactivated in between: whoever did it may have emptied the queue already.
                if (!node.isActive()) node.dropRecovering();
                return;
            }
            node.drop(connection);
        }

        fn dropRecovering(node: *This) void {
            var buffer: [Recovery.entries_max]Recovery.Entry = undefined;
            for (node.recovering.takeAll(&buffer)) |*entry| node.drop(entry.connection);
        }

        // Life, by whoever tends.

        /// Begins to use a server that was admitted; takes its session over.
        pub fn activate(
            node: *This,
            address_new: Net.Address,
            version_new: Version,
            session: auth.Session,
        ) void {
            assert(!node.isActive());
            {
                node.guard.lock();
                defer node.guard.unlock();
                node.address_now = address_new;
            }
            node.setSession(session);
            node.version_now.store(version_new, .monotonic);
            node.failures.store(0, .monotonic);
            node.breaker.reset();
            for (&node.rack_ids) |*rack_id| rack_id.store(rack_none, .monotonic);
            node.pool.open();
            node.active.store(true, .release);
        }

        /// Stops using the server. Lent connections are closed when they come back.
        pub fn deactivate(node: *This) void {
            assert(node.isActive());
            node.active.store(false, .release);
            node.pool.shut();
            while (node.pool.take()) |connection| node.drop(connection);
            node.dropRecovering();
        }

        /// The server was started anew: connections of before lead nowhere, and errors of before
        /// say nothing. A lent connection is closed when it comes back.
        pub fn renew(node: *This) void {
            node.breaker.reset();
            _ = node.pool.generation.fetchAdd(1, .monotonic);
            while (node.pool.take()) |connection| node.drop(connection);
            node.dropRecovering();
        }

        /// In the child of a fork: closes this process's copies of the descriptors, which the
        /// parent's connections survive, and is inactive afterwards.
        pub fn afterFork(node: *This) void {
            node.guard.reset();
            node.login_turn.reset();
            node.recovering.resetAfterFork();
            node.active.store(false, .monotonic);
            const recovering_count: u32 = @intCast(node.recovering.count);
            node.pool.resetAfterFork();
            _ = node.pool.count.fetchAdd(recovering_count, .monotonic);
            while (node.pool.take()) |connection| node.drop(connection);
            node.dropRecovering();
            assert(node.openCount() == 0);
        }
    };
}
