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
const log = &@import("../log.zig").process;
const partition_map = @import("partition_map.zig");
const recovery = @import("recovery.zig");
const statistics_module = @import("statistics.zig");
const Breaker = @import("breaker.zig").Breaker;
const Context = @import("context.zig").Context;
const Failure = @import("../status.zig").Failure;
const Pool = @import("pool.zig").Pool;
const Slot = @import("replica.zig").Slot;
const Statistics = statistics_module.Statistics;
const target_module = @import("target.zig");
const Use = @import("context.zig").Use;
const Version = @import("version.zig").Version;

pub const name_bytes_max = Failure.node_name_max;

/// Consecutive failed refreshes after which a node does not count as connected, and is dropped
/// when no other node answers either.
pub const failures_max = 5;

/// TLS handshakes with a node at once, of commands. Each takes as much of both processors as some
/// hundred commands do: of a burst most are served sooner by the connections that are open first.
pub const handshakes_max = 16;

pub fn Node(comptime Net: type) type {
    return struct {
        context: *Context(Net),
        /// Position in the cluster's table.
        slot: Slot,
        name_buffer: [name_bytes_max]u8,
        name_len: u8,
        /// Tells most other names apart at a glance.
        name_hash: u64 = 0,
        active: std.atomic.Value(bool) = .init(false),
        pool: Pool(Net),
        /// Connections that the event loop has and does not use.
        held_idle: std.atomic.Value(u32) = .init(0),
        /// So long the event loop asks for records one by one. Its thread's.
        ungrouped_until_ns: u64 = 0,
        recovering: Recovery = .{},
        breaker: Breaker,
        statistics: Statistics = .{},
        /// Rack per namespace index; `rack_none` when unknown.
        rack_ids: [partition_map.namespaces_max]std.atomic.Value(i32) = @splat(.init(rack_none)),
        version_now: std.atomic.Value(Version) = .init(.zero),
        /// Guards the next five.
        guard: io.sync.Mutex = .{},
        target_now: Target,
        /// Where logins go that are apart from the commands' connections.
        login_target: Target,
        session: auth.Session = .{},
        /// Counts logins, so that one refused token ends one session.
        session_serial: u64 = 0,
        /// The server did not take the session.
        login_due: bool = false,
        /// Refreshes that failed in a row. Written by whoever tends.
        failures: std.atomic.Value(u32) = .init(0),

        const This = @This();
        pub const Connection = Pool(Net).Connection;
        pub const Pending = recovery.Pending;
        pub const Recovery = recovery.Recovery(Net);
        pub const Target = target_module.Target(Net);
        pub const rack_none = std.math.minInt(i32);

        pub fn create(context: *Context(Net), slot: Slot, target_new: Target) !*This {
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
                .target_now = target_new,
                .login_target = target_new,
            };
            if (context.usesTls(.data)) node.pool.opening_max = handshakes_max;
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

        pub fn hashName(name_of_any: []const u8) u64 {
            return std.hash.Wyhash.hash(0, name_of_any);
        }

        /// Before the node is active.
        pub fn setName(node: *This, name_new: []const u8) void {
            assert(!node.isActive());
            assert(name_new.len <= name_bytes_max);
            @memcpy(node.name_buffer[0..name_new.len], name_new);
            node.name_len = @intCast(name_new.len);
            node.name_hash = hashName(name_new);
        }

        pub fn address(node: *This) Net.Address {
            return node.target(.data).address;
        }

        pub fn target(node: *This, use: Use) Target {
            node.guard.lock();
            defer node.guard.unlock();
            return if (use == .login) node.login_target else node.target_now;
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

        // Connections.

        /// The most recently used idle connection that is fit for use.
        pub fn pop(node: *This) ?Connection {
            while (node.pool.take()) |connection| {
                if (node.isFit(&connection)) return connection;
                node.drop(connection);
            }
            return null;
        }

        /// Whether an idle connection may carry a request. Finding it dead counts as an error of
        /// the node.
        pub fn isFit(node: *This, connection: *const Connection) bool {
            if (node.isIdleTooLong(connection)) return false;
            if (connection.generation != node.generation()) return false;
            if (node.context.net.isIdle(&connection.socket)) return true;
            node.recordError();
            return false;
        }

        fn isIdleTooLong(node: *This, connection: *const Connection) bool {
            const timeout_ms = node.context.options.idle_timeout_ms;
            if (timeout_ms == 0) return false;
            const idle_ns = node.context.net.now() -| connection.last_used_ns;
            return idle_ns > @as(u64, timeout_ms) * std.time.ns_per_ms;
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
            if (!node.pool.put(used)) node.drop(used);
        }

        /// Closes a connection.
        pub fn drop(node: *This, connection: Connection) void {
            node.close(connection);
            node.pool.unreserve();
        }

        /// Closes a connection in whose place the caller opens another one.
        pub fn closeKeepingPlace(node: *This, connection: Connection) void {
            node.close(connection);
            node.pool.reopen();
        }

        fn close(node: *This, connection: Connection) void {
            var dropped = connection;
            node.context.net.close(&dropped.socket);
            node.statistics.addTraffic(dropped.traffic);
            statistics_module.add(&node.statistics.closed, 1);
        }

        /// What was given to who does not need it any more.
        pub fn giveBack(node: *This, grant: Pool(Net).Grant) void {
            switch (grant) {
                .connection => |connection| if (!node.pool.put(connection)) node.drop(connection),
                .place => node.pool.unopened(),
                .shut => {},
            }
        }

        /// A new connection for the pool; the caller has a place for it, and none when this fails.
        pub fn open(
            node: *This,
            net: *Net,
            deadline_ns: u64,
            failure: *Failure,
        ) error{Failed}!Connection {
            errdefer node.pool.unopened();
            const generation_now = node.generation();
            const socket = try node.connectSocket(net, deadline_ns, failure);
            node.pool.opened();
            statistics_module.add(&node.statistics.opened, 1);
            return .{
                .socket = socket,
                .generation = generation_now,
                .last_used_ns = net.now(),
            };
        }

        /// Says why the server cannot be connected to.
        pub fn describeConnect(
            node: *This,
            err: anyerror,
            step: enum { connect, handshake },
            failure: *Failure,
        ) void {
            if (err == error.LoginApart) {
                const text = "{f}: the session has ended, and a new one is not begun yet";
                return failure.set(.connection, text, .{node.address()});
            }
            const known: exchange.Error = switch (err) {
                error.Timeout,
                error.ConnectionRefused,
                error.ConnectionClosed,
                error.Interrupted,
                error.SystemResources,
                error.Network,
                error.Tls,
                error.OutOfMemory,
                => |known| known,
                else => error.BadReply,
            };
            switch (step) {
                .connect => exchange.describe(known, "connect", node.address(), failure),
                .handshake => exchange.describe(known, "TLS handshake", node.address(), failure),
            }
        }

        /// Says that logging in is no use.
        pub fn describeEndlessLogin(node: *This, failure: *Failure) void {
            auth.endless(node.address(), failure) catch {};
        }

        /// Connects and authenticates within the deadline and the configured timeouts.
        pub fn connectSocket(
            node: *This,
            net: *Net,
            deadline_ns: u64,
            failure: *Failure,
        ) error{Failed}!Net.Socket {
            var socket = try node.connectTo(net, .data, deadline_ns, failure);
            errdefer net.close(&socket);
            const login_ns = @min(deadline_ns, node.context.loginDeadline(net.now()));
            try node.authenticate(net, &socket, login_ns, failure);
            return socket;
        }

        /// Connects, with TLS where that is for the use.
        fn connectTo(
            node: *This,
            net: *Net,
            use: Use,
            deadline_ns: u64,
            failure: *Failure,
        ) error{Failed}!Net.Socket {
            const goal = node.target(use);
            const connect_ns = @min(deadline_ns, node.context.connectDeadline(net.now()));
            var socket = net.connect(goal.address, connect_ns) catch |err| {
                exchange.describe(err, "connect", goal.address, failure);
                return error.Failed;
            };
            errdefer net.close(&socket);
            const handshake_ns = @min(deadline_ns, node.context.connectDeadline(net.now()));
            node.shakeHands(net, &socket, use, &goal, handshake_ns) catch |err| {
                exchange.describe(err, "TLS handshake", goal.address, failure);
                return error.Failed;
            };
            return socket;
        }

        fn shakeHands(
            node: *This,
            net: *Net,
            socket: *Net.Socket,
            use: Use,
            goal: *const Target,
            deadline_ns: u64,
        ) io.Error!void {
            const context = node.context.holdTls(use) orelse return;
            defer context.release();
            try net.secure(socket, context, goal.peer());
            try net.handshake(socket, deadline_ns);
            node.tellTls(net, socket);
        }

        /// Begins TLS on a connected socket. False where connections are plain.
        pub fn secure(node: *This, net: *Net, socket: *Net.Socket) io.Error!bool {
            const context = node.context.holdTls(.data) orelse return false;
            defer context.release();
            const goal = node.target(.data);
            try net.secure(socket, context, goal.peer());
            return true;
        }

        /// Says what was agreed upon, if that is wanted.
        pub fn tellTls(node: *This, net: *const Net, socket: *const Net.Socket) void {
            const options = &(node.context.options.tls orelse return);
            if (!options.log_session_info) return;
            const stream = net.tlsOf(socket) orelse return;
            log.write(.info, .tls_session, .{ .node = node.name() }, "node {s}: {f}", .{
                node.name(), stream.*,
            });
        }

        // Authentication. Whoever opens a connection makes it part of the node's session; whoever
        // finds that the session has ended begins a new one. Nobody waits for another's login.

        pub const Authentication = struct {
            kind: auth.Kind,
            /// Of the session that is presented.
            serial: u64 = 0,
        };

        /// Appends the frame that a new connection begins with, if there is any. A login that is
        /// not for this connection is an error, and has to be carried out by `logInApart`.
        pub fn encodeAuthentication(
            node: *This,
            now_ns: u64,
            out: *wire.Buffer,
        ) (wire.Buffer.Error || error{LoginApart})!Authentication {
            const credentials = node.context.credentialsNow() orelse return .{ .kind = .none };
            node.guard.lock();
            defer node.guard.unlock();
            if (node.isSessionOver(now_ns)) {
                if (node.context.logsInApart()) return error.LoginApart;
                try auth.encodeLogin(&credentials, out);
                return .{ .kind = .login };
            }
            const token = node.session.token;
            // The server has no security.
            if (token.len == 0) return .{ .kind = .none };
            try auth.encodeSession(&credentials, token, out);
            return .{ .kind = .session, .serial = node.session_serial };
        }

        /// The guard is held.
        fn isSessionOver(node: *const This, now_ns: u64) bool {
            return node.login_due or now_ns >= node.session.renew_ns;
        }

        /// Takes the server's answer to that frame. False: the session was not taken, and the
        /// connection is to begin anew, with a login.
        pub fn takeAuthentication(
            node: *This,
            asked: Authentication,
            now_ns: u64,
            body: []const u8,
            failure: *Failure,
        ) error{Failed}!bool {
            const user = node.context.options.userToLogIn();
            switch (asked.kind) {
                .none => unreachable,
                .session => {
                    if (try auth.isAccepted(body, node.address(), failure)) return true;
                    node.sessionRefused(asked.serial);
                    return false;
                },
                .login => {
                    const gpa = node.context.gpa;
                    const address_of = node.address();
                    node.setSession(try auth.takeLogin(gpa, now_ns, body, user, address_of, failure));
                    return true;
                },
            }
        }

        /// The same on a socket of the calling thread.
        fn authenticate(
            node: *This,
            net: *Net,
            socket: *Net.Socket,
            deadline_ns: u64,
            failure: *Failure,
        ) error{Failed}!void {
            const gpa = node.context.gpa;
            // A session that was not taken, the login after it, and, if that was apart, the new one.
            for (0..3) |_| {
                var memory: [1024]u8 = undefined;
                var request = wire.Buffer.secret(gpa, &memory, auth.frame_bytes_max);
                defer request.deinit();
                const now_ns = net.now();
                const asked = node.encodeAuthentication(now_ns, &request) catch |err| switch (err) {
                    error.LoginApart => {
                        try node.logInApart(net, deadline_ns, failure);
                        continue;
                    },
                    error.OutOfMemory, error.NoSpaceLeft => return auth.outOfMemory(failure),
                };
                if (asked.kind == .none) return;
                if (try node.converse(net, socket, asked, request.written(), deadline_ns, failure)) {
                    return;
                }
            }
            return auth.endless(node.address(), failure);
        }

        fn converse(
            node: *This,
            net: *Net,
            socket: *Net.Socket,
            asked: Authentication,
            request: []const u8,
            deadline_ns: u64,
            failure: *Failure,
        ) error{Failed}!bool {
            const gpa = node.context.gpa;
            var memory: [256]u8 = undefined;
            var reply = wire.Buffer.secret(gpa, &memory, auth.frame_bytes_max);
            defer reply.deinit();
            const body = exchange.roundTrip(
                net,
                socket,
                request,
                .admin,
                deadline_ns,
                &reply,
            ) catch |err| {
                exchange.describe(err, "authentication", node.address(), failure);
                return error.Failed;
            };
            return node.takeAuthentication(asked, net.now(), body, failure);
        }

        /// Begins a session over a connection that is for nothing else.
        fn logInApart(
            node: *This,
            net: *Net,
            deadline_ns: u64,
            failure: *Failure,
        ) error{Failed}!void {
            var socket = try node.connectTo(net, .login, deadline_ns, failure);
            defer net.close(&socket);
            const gpa = node.context.gpa;
            const credentials = node.context.credentialsNow().?;
            var memory: [1024]u8 = undefined;
            var request = wire.Buffer.secret(gpa, &memory, auth.frame_bytes_max);
            defer request.deinit();
            auth.encodeLogin(&credentials, &request) catch return auth.outOfMemory(failure);
            const asked: Authentication = .{ .kind = .login };
            const frame = request.written();
            const is_taken = try node.converse(net, &socket, asked, frame, deadline_ns, failure);
            assert(is_taken);
        }

        /// Logs in on this socket, ahead of the session's end.
        pub fn renewSession(
            node: *This,
            net: *Net,
            socket: *Net.Socket,
            deadline_ns: u64,
            failure: *Failure,
        ) error{Failed}!void {
            node.sessionRefused(node.sessionSerial());
            try node.authenticate(net, socket, deadline_ns, failure);
        }

        fn sessionSerial(node: *This) u64 {
            node.guard.lock();
            defer node.guard.unlock();
            return node.session_serial;
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

        /// That session is over; whoever connects next logs in.
        fn sessionRefused(node: *This, serial: u64) void {
            node.guard.lock();
            defer node.guard.unlock();
            if (serial == node.session_serial) node.login_due = true;
        }

        /// The server answered a request that its connection, of that generation, is not
        /// authenticated: all of that session are not.
        pub fn sessionEnded(node: *This, generation_of: u32) void {
            if (!node.pool.renew(generation_of)) return;
            node.sessionRefused(node.sessionSerial());
            while (node.pool.takeOutdated()) |connection| node.drop(connection);
            node.context.requestTend();
        }

        pub fn isLoginDue(node: *This, now_ns: u64) bool {
            if (node.context.credentials == null) return false;
            node.guard.lock();
            defer node.guard.unlock();
            return node.isSessionOver(now_ns);
        }

        // Health.

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

        /// Takes a connection whose reply is late, for so long; only when that is one frame.
        pub fn recover(
            node: *This,
            connection: Connection,
            pending: Pending,
            delay_ns: u64,
        ) void {
            const expires_ns = node.context.net.now() +| delay_ns;
            const current = connection.generation == node.generation();
            if (current and node.recovering.add(connection, pending, expires_ns)) {
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
            target_new: Target,
            login_target: Target,
            version_new: Version,
            session: auth.Session,
        ) void {
            assert(!node.isActive());
            {
                node.guard.lock();
                defer node.guard.unlock();
                node.target_now = target_new;
                node.login_target = login_target;
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
