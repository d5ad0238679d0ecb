//! Drives exchanges on the calling thread, one at a time: for what speaks to one node there is
//! nothing faster. The thread finds a connection, or stands in line for one, sends, and receives.

const std = @import("std");
const assert = std.debug.assert;
const cluster = @import("../cluster.zig");
const exchange_module = @import("exchange.zig");
const io = @import("../io.zig");
const Receiver = exchange_module.Receiver;

pub fn Blocking(comptime Net: type) type {
    return struct {
        net: *Net,
        gpa: std.mem.Allocator,
        /// What a command waits for between two exchanges.
        timer: ?*Timer = null,
        timer_at_ns: u64 = undefined,

        const This = @This();
        const Node = cluster.Cluster(Net).Node;
        const Connection = cluster.Cluster(Net).Connection;
        const Exchange = exchange_module.Exchange(Net);
        const Timer = exchange_module.Timer(Net);
        const Waiter = cluster.Pool(Net).Waiter;

        pub fn now(blocking: *This) u64 {
            return blocking.net.now();
        }

        pub fn schedule(blocking: *This, timer: *Timer, at_ns: u64) void {
            assert(blocking.timer == null);
            blocking.timer = timer;
            blocking.timer_at_ns = at_ns;
        }

        pub fn unschedule(blocking: *This, timer: *Timer) void {
            if (blocking.timer == timer) blocking.timer = null;
        }

        /// Waits for the time that was scheduled, and calls whom it belongs to.
        pub fn expire(blocking: *This) error{Interrupted}!void {
            const timer = blocking.timer.?;
            const left_ns = blocking.timer_at_ns -| blocking.net.now();
            if (left_ns > 0) try blocking.net.sleep(left_ns);
            blocking.timer = null;
            timer.owner.call.function(timer.owner.call.context);
        }

        /// Nothing is under way between two calls.
        pub fn cancel(blocking: *This, exchange: *Exchange) void {
            _ = blocking;
            _ = exchange;
            unreachable;
        }

        /// Carries out an exchange. Its handler is called before this returns.
        pub fn begin(blocking: *This, exchange: *Exchange) void {
            assert(!exchange.sent);
            const ok = blocking.drive(exchange);
            exchange.handler.on_end(exchange, ok);
        }

        fn drive(blocking: *This, exchange: *Exchange) bool {
            var connection = blocking.acquire(exchange) orelse return false;
            exchange.generation = connection.generation;
            const net = blocking.net;
            const deadline_ns = exchange.limits.waitDeadline(net.now());
            net.send(&connection.socket, exchange.frame, deadline_ns) catch |err| {
                exchange.node.drop(connection);
                exchange.fail(.{ .err = err });
                return false;
            };
            exchange.sent = true;
            connection.traffic.bytes_sent += exchange.frame.len;
            return blocking.receive(exchange, &connection);
        }

        /// Reads the reply and gives the connection up or back, whatever happens.
        fn receive(blocking: *This, exchange: *Exchange, connection: *Connection) bool {
            const node = exchange.node;
            var receiver: Receiver = .{
                .gpa = blocking.gpa,
                .counter = &connection.traffic.bytes_received,
            };
            defer receiver.deinit();
            while (true) {
                const frame = receiver.next(
                    blocking.net,
                    &connection.socket,
                    &exchange.limits,
                ) catch |err| {
                    const delay_ns = exchange.limits.timeout_delay_ns;
                    if (err == error.Timeout and delay_ns != 0) {
                        node.recover(connection.*, receiver.pending(Node.Pending), delay_ns);
                    } else {
                        node.drop(connection.*);
                    }
                    exchange.fail(.{ .err = err });
                    return false;
                };
                const usable = switch (exchange.handler.on_frame(exchange, frame)) {
                    .more => continue,
                    .done => true,
                    .done_close => false,
                };
                if (usable and receiver.isDrained()) {
                    node.push(connection.*);
                } else {
                    node.drop(connection.*);
                }
                return true;
            }
        }

        // Connections.

        /// One that is ready for a request: idle, or new and authenticated. Null: the exchange has
        /// failed.
        pub fn acquire(blocking: *This, exchange: *Exchange) ?Connection {
            const node = exchange.node;
            const cause: exchange_module.Cause = cause: {
                if (!node.isActive()) break :cause .node_left;
                if (!node.breakerAllows()) break :cause .rest;
                if (node.pop()) |connection| return connection;
                switch (blocking.stand(exchange) catch |err| break :cause switch (err) {
                    error.Timeout => .line,
                    else => .{ .err = err },
                }) {
                    .connection => |connection| return connection,
                    .shut => break :cause .node_left,
                    .place => {},
                }
                return blocking.open(exchange) catch break :cause .opening;
            };
            exchange.fail(cause);
            return null;
        }

        fn open(blocking: *This, exchange: *Exchange) error{Failed}!Connection {
            const limits = &exchange.limits;
            const began_ns = blocking.net.now();
            const deadline_ns = limits.openDeadline(began_ns, began_ns);
            const opened = try exchange.node.open(blocking.net, deadline_ns, exchange.failure);
            limits.discountOpening(began_ns, blocking.net.now());
            return opened;
        }

        /// Stands in the node's line until the first of what is free is this thread's.
        fn stand(blocking: *This, exchange: *Exchange) !cluster.Pool(Net).Grant {
            const Standing = struct {
                waiter: Waiter = .{ .on_grant = wake },
                event: io.sync.Event = .{},

                fn wake(waiter: *Waiter) void {
                    const standing: *@This() = @fieldParentPtr("waiter", waiter);
                    standing.event.set();
                }
            };
            const node = exchange.node;
            var standing: Standing = .{};
            if (node.pool.enter(&standing.waiter)) |grant| return fit(node, grant);
            // An event loop that holds idle ones gives them up.
            node.context.wakeHolder();
            const deadline_ns = exchange.limits.waitDeadline(blocking.net.now());
            const waited = blocking.net.waitFor(&standing.event, deadline_ns);
            const given = node.pool.leave(&standing.waiter);
            waited catch |err| {
                // Given in the same moment as the waiting ended.
                if (given) |grant| node.giveBack(grant);
                return err;
            };
            return fit(node, given.?);
        }

        /// A connection that was given may be dead; then its place is all that there is.
        fn fit(node: *Node, grant: cluster.Pool(Net).Grant) cluster.Pool(Net).Grant {
            switch (grant) {
                .connection => |connection| {
                    if (node.isFit(&connection)) return grant;
                    node.closeKeepingPlace(connection);
                    return .place;
                },
                .place, .shut => return grant,
            }
        }
    };
}
