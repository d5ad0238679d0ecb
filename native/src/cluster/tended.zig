//! One server of the cluster, as whoever tends it knows it, one thread at a time.
//!
//! Owns the node that commands use, and keeps what they need not know: the connection of the tends,
//! the generations of what was read, who lists the server as a peer.

const std = @import("std");
const assert = std.debug.assert;
const io = @import("../io.zig");
const wire = @import("../wire.zig");
const auth = @import("auth.zig");
const exchange = @import("exchange.zig");
const node_module = @import("node.zig");
const statistics = @import("statistics.zig");
const Context = @import("context.zig").Context;
const Failure = @import("../status.zig").Failure;
const Options = @import("options.zig").Options;
const Slot = @import("replica.zig").Slot;
const Version = @import("version.zig").Version;

pub fn Tended(comptime Net: type) type {
    return struct {
        /// Owned.
        node: *Node,
        socket: ?Net.Socket = null,
        /// Nodes that list this one as their peer.
        friends: u32 = 0,
        /// Nodes that this one lists.
        peers_count: u32 = 0,
        /// -1: to be read.
        peers_generation: i64 = -1,
        /// The latest that it has told, whether or not all of that list could be admitted.
        peers_generation_told: i64 = -1,
        partition_generation: i64 = -1,
        rebalance_generation: i64 = -1,
        partitions_changed: bool = true,
        racks_changed: bool = true,
        /// The server does not know yet who is on the tends' connection.
        user_agent_due: bool = false,
        failed_at_ns: u64 = 0,
        inactive_since_ns: u64 = 0,
        /// What was said of it in the log, and is not said again before it has ended.
        told: Told = .{},
        /// As of the last look.
        retries_seen: u64 = 0,

        const This = @This();
        const Node = node_module.Node(Net);
        pub const Target = Node.Target;
        const Recovery = Node.Recovery;
        /// `NotAsked`: for a lack of this process, which is no failure of the server.
        pub const AskError = error{ Failed, NotAsked };
        pub const names_max = 4;
        const Told = struct { is_slow: bool = false, rests: bool = false, storms: bool = false };

        pub fn create(context: *Context(Net), slot: Slot, target: Target) !*This {
            const gpa = context.gpa;
            const tended = try gpa.create(This);
            errdefer gpa.destroy(tended);
            tended.* = .{ .node = try .create(context, slot, target) };
            return tended;
        }

        /// Nobody uses the node any more, and it is inactive.
        pub fn destroy(tended: *This) void {
            const gpa = tended.node.context.gpa;
            tended.node.destroy();
            gpa.destroy(tended);
        }

        // Life.

        /// Begins to use a server that was admitted; takes its socket and session over.
        pub fn activate(
            tended: *This,
            target: Target,
            login_target: Target,
            version: Version,
            socket: Net.Socket,
            session: auth.Session,
        ) void {
            assert(tended.socket == null);
            const node = tended.node;
            node.activate(target, login_target, version, session);
            const fresh: This = .{
                .node = node,
                .socket = socket,
                .retries_seen = node.statistics.retries.load(.monotonic),
            };
            // Commands read which node it is at any time.
            inline for (comptime std.meta.fieldNames(This)) |name| {
                if (comptime std.mem.eql(u8, name, "node")) continue;
                @field(tended, name) = @field(fresh, name);
            }
            tended.user_agent_due = tended.takesUserAgent();
        }

        /// Stops using the server. Lent connections are closed when they come back.
        pub fn deactivate(tended: *This) void {
            tended.node.deactivate();
            tended.closeSocket();
            tended.inactive_since_ns = tended.node.context.tend_net.now();
        }

        /// In the child of a fork: closes this process's copies of the descriptors, which the
        /// parent's connections survive, and is inactive afterwards.
        pub fn afterFork(tended: *This) void {
            const was_active = tended.node.isActive();
            tended.node.afterFork();
            tended.closeSocket();
            if (was_active) tended.inactive_since_ns = tended.node.context.tend_net.now();
        }

        // The connection of the tends.

        pub fn closeSocket(tended: *This) void {
            if (tended.socket) |*socket| tended.node.context.tend_net.close(socket);
            tended.socket = null;
        }

        fn takesUserAgent(tended: *const This) bool {
            return tended.node.context.options.user_agent.len > 0 and
                tended.node.version().isAtLeast(.first_with_user_agent);
        }

        /// Opened and authenticated as needed.
        fn openSocket(tended: *This, failure: *Failure) error{Failed}!*Net.Socket {
            const node = tended.node;
            const net = node.context.tend_net;
            if (tended.socket == null) {
                tended.socket = try node.connectSocket(net, io.never, failure);
                tended.user_agent_due = tended.takesUserAgent();
            }
            const socket = &tended.socket.?;
            const now_ns = net.now();
            if (node.isLoginDue(now_ns)) {
                const deadline_ns = node.context.loginDeadline(now_ns);
                node.renewSession(net, socket, deadline_ns, failure) catch |err| {
                    tended.closeSocket();
                    return err;
                };
            }
            return socket;
        }

        /// Asks for the names on the tends' connection, which is closed after any failure.
        pub fn ask(
            tended: *This,
            names: []const []const u8,
            reply: *wire.Buffer,
            failure: *Failure,
        ) AskError![]const u8 {
            return tended.askOnce(names, reply, failure) catch |err| {
                tended.node.context.note(failure);
                return if (failure.status.isOwnLack()) error.NotAsked else err;
            };
        }

        fn askOnce(
            tended: *This,
            names: []const []const u8,
            reply: *wire.Buffer,
            failure: *Failure,
        ) error{Failed}![]const u8 {
            assert(names.len <= names_max);
            const context = tended.node.context;
            const net = context.tend_net;
            const socket = try tended.openSocket(failure);
            var asked: [names_max + 1][]const u8 = undefined;
            @memcpy(asked[0..names.len], names);
            var memory: [Options.user_agent_request_bytes_max]u8 = undefined;
            if (tended.user_agent_due) asked[names.len] = context.options.userAgentRequest(&memory);
            const body = exchange.info(
                context.gpa,
                net,
                socket,
                asked[0 .. names.len + @intFromBool(tended.user_agent_due)],
                context.connectDeadline(net.now()),
                reply,
            ) catch |err| {
                tended.closeSocket();
                exchange.describe(err, "info request", tended.node.address(), failure);
                return error.Failed;
            };
            // Once for a connection: a server that does not take it would only be told to again.
            tended.user_agent_due = false;
            return body;
        }

        /// A refresh failed. Counted once per interval however often tends are requested, so
        /// that the number stays a measure of time.
        pub fn countFailure(tended: *This) void {
            const node = tended.node;
            const now_ns = node.context.tend_net.now();
            const interval_ns = @as(u64, node.context.options.tend_interval_ms) *
                std.time.ns_per_ms;
            const failures = node.failures.load(.monotonic);
            if (failures > 0 and now_ns -| tended.failed_at_ns < interval_ns / 2) return;
            tended.failed_at_ns = now_ns;
            node.failures.store(failures +| 1, .monotonic);
        }

        // The connections of the commands.

        /// Opens connections up to the configured minimum.
        pub fn fill(tended: *This) void {
            const node = tended.node;
            const net = node.context.tend_net;
            var failure: Failure = .{};
            while (node.openCount() < node.context.options.min_conns_per_node) {
                if (!node.breakerAllows() or !node.pool.reserve()) return;
                const connection = node.open(net, io.never, &failure) catch {
                    node.context.note(&failure);
                    return;
                };
                node.push(connection);
            }
        }

        /// Closes what has not been used for long, down to the configured minimum.
        pub fn trim(tended: *This) void {
            const idle_ns_default = 55 * std.time.ns_per_s;
            const node = tended.node;
            const options = &node.context.options;
            const idle_ns = if (options.idle_timeout_ms == 0)
                idle_ns_default
            else
                @as(u64, options.idle_timeout_ms) * std.time.ns_per_ms;
            const before_ns = node.context.tend_net.now() -| idle_ns;
            while (node.pool.takeOldest(before_ns, options.min_conns_per_node)) |connection| {
                node.drop(connection);
            }
        }

        /// Reads what has arrived of late replies.
        pub fn drainRecovering(tended: *This) void {
            const node = tended.node;
            var buffer: [Recovery.entries_max]Recovery.Entry = undefined;
            const now_ns = node.context.tend_net.now();
            for (node.recovering.takeAll(&buffer)) |*entry| {
                switch (Recovery.advance(node.context.tend_net, entry)) {
                    .finished => {
                        statistics.add(&node.statistics.recovered, 1);
                        node.push(entry.connection);
                    },
                    .broken => node.drop(entry.connection),
                    .waiting => {
                        const expired = now_ns >= entry.expires_ns;
                        if (expired or !node.recovering.keep(entry.*)) node.drop(entry.connection);
                    },
                }
            }
        }
    };
}
