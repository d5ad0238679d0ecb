//! What the loop knows of a connection, and of all of its connections to one node. Data only: what
//! becomes of it is in `loop.zig`. One thread.

const std = @import("std");
const cluster = @import("../cluster.zig");
const exchange_module = @import("exchange.zig");
const wire = @import("../wire.zig");

pub const Phase = enum {
    connecting,
    /// Beginning TLS.
    securing,
    /// Presenting the session, or logging in.
    authenticating,
    busy,
    /// The exchange has timed out or was cancelled; the rest of its reply is still awaited.
    late,
    idle,
    closed,
};

pub fn Connection(comptime Net: type) type {
    return struct {
        lane: *Lane(Net),
        socket: Net.Socket,
        generation: u32,
        phase: Phase,
        exchange: ?*Exchange = null,
        /// Of the step that it is in.
        timer: exchange_module.Timer(Net),
        unsent: []const u8 = &.{},
        wants_write: bool,
        /// Its place is not that of an open connection yet.
        is_opening: bool,
        /// Nobody takes what arrives: the poller does not know the connection for that long.
        is_paused: bool = false,
        /// Late because its exchange was cancelled: closed as soon as somebody needs its place.
        is_spare: bool = false,
        /// In the list of those that have received more than they have read.
        is_unread: bool = false,
        unread_next: ?*This = null,
        memory: []u8,
        start: usize = 0,
        end: usize = 0,
        last_used_ns: u64,
        /// The frame that makes the connection part of a session.
        authentication: wire.Buffer,
        asked: Node.Authentication = .{ .kind = .none },
        /// How often it has begun to authenticate.
        authentications: u8 = 0,
        /// In the list of idle ones, or in the graveyard.
        next: ?*This = null,
        previous: ?*This = null,
        /// Among the open ones.
        open_next: ?*This = null,
        open_previous: ?*This = null,

        const This = @This();
        const Exchange = exchange_module.Exchange(Net);
        const Node = cluster.Cluster(Net).Node;

        /// As the node's pool has it.
        pub fn asIdle(connection: *const This) Node.Connection {
            return .{
                .socket = connection.socket,
                .generation = connection.generation,
                .last_used_ns = connection.last_used_ns,
            };
        }
    };
}

/// The loop's connections to one node, and who waits for one.
pub fn Lane(comptime Net: type) type {
    return struct {
        node: *cluster.Cluster(Net).Node,
        /// The loop, whose type this file does not know.
        loop: *anyopaque,
        /// The most recently used one first.
        idle_first: ?*Connection(Net) = null,
        idle_last: ?*Connection(Net) = null,
        /// How many of the late ones are spare.
        spare_count: u32 = 0,
        waiting_first: ?*Exchange = null,
        waiting_last: ?*Exchange = null,
        /// The lane's own place in the node's line, for the first of those that wait.
        waiter: cluster.Pool(Net).Waiter,
        /// In the list of lanes that were given something, which any thread adds to.
        granted_next: ?*This = null,
        is_listed: std.atomic.Value(bool) = .init(false),
        next: ?*This,

        const This = @This();
        const Exchange = exchange_module.Exchange(Net);
    };
}
