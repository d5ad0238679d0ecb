//! Carries out a batch on the calling thread.
//!
//! The requests of all nodes are sent before the first reply is read, so that the nodes work at
//! the same time; replies that wait for their turn wait in the kernel. A node with several parts
//! gets them one after another.

const std = @import("std");
const batch_module = @import("batch.zig");
const cluster = @import("../cluster.zig");
const exchange = @import("exchange.zig");
const executor = @import("executor.zig");
const reply = @import("reply.zig");
const request = @import("request.zig");
const wire = @import("../wire.zig");
const Failure = @import("../status.zig").Failure;
const Policy = @import("policy.zig").Policy;
const Table = @import("../result.zig").columns.Table;

pub fn BatchBlocking(comptime Net: type) type {
    return struct {
        net: *Net,
        gpa: std.mem.Allocator,
        batch: Batch,
        frame: wire.Buffer,
        /// Of the round at hand: what failed may be repeated.
        retry_allowed: bool = true,

        const This = @This();
        const Cluster = cluster.Cluster(Net);
        pub const Batch = batch_module.Batch(Net);
        const Connection = Cluster.Connection;
        const Part = Batch.Part;

        /// Carries out one batch; the result is appended to `out`, or put into `table`.
        pub fn execute(
            owner: *Cluster,
            net: *Net,
            gpa: std.mem.Allocator,
            kind: batch_module.Kind,
            bytes: []const u8,
            policy: *const Policy,
            table: ?*Table,
            out: *wire.Buffer,
            failure: *Failure,
        ) error{Failed}!void {
            var driver: This = .{
                .net = net,
                .gpa = gpa,
                .batch = undefined,
                .frame = .growing(gpa, &.{}, request.frame_bytes_max),
            };
            defer driver.frame.deinit();
            const batch = &driver.batch;
            batch.init(gpa, owner, policy, table, net.now());
            defer batch.deinit();
            try batch.parse(kind, bytes, failure);
            driver.finish(out, failure) catch {
                batch.measure(failure.status, net.now());
                return error.Failed;
            };
            batch.measure(.ok, net.now());
        }

        fn finish(driver: *This, out: *wire.Buffer, failure: *Failure) error{Failed}!void {
            const batch = &driver.batch;
            driver.run(failure) catch |err| switch (err) {
                error.Failed => return error.Failed,
                error.OutOfMemory => {
                    failure.set(.out_of_memory, "out of memory for the batch", .{});
                    return error.Failed;
                },
            };
            if (batch.table) |target| batch.writeStatuses(target);
            try batch.check(failure);
            if (batch.table == null) batch.write(out) catch |err| {
                reply.describe(err, failure);
                return error.Failed;
            };
        }

        fn run(driver: *This, failure: *Failure) error{ Failed, OutOfMemory }!void {
            const batch = &driver.batch;
            while (true) {
                try batch.divide();
                driver.retry_allowed = true;
                batch.failure = .{};
                try driver.round();
                if (batch.failure.status == .interrupted) {
                    failure.* = batch.failure;
                    return error.Failed;
                }
                const now_ns = driver.net.now();
                switch (batch.conclude(driver.retry_allowed, now_ns)) {
                    .done => return,
                    .retry_at_ns => |at_ns| if (at_ns > now_ns) {
                        driver.net.sleep(at_ns - now_ns) catch {
                            exchange.describe(error.Interrupted, failure);
                            return error.Failed;
                        };
                    },
                }
            }
        }

        /// Parts that were sent and whose replies are still to be read.
        const Sent = struct { part: *Part, connection: Connection };

        fn round(driver: *This) error{OutOfMemory}!void {
            const batch = &driver.batch;
            var waiting: std.ArrayList(Sent) = .empty;
            defer waiting.deinit(driver.gpa);
            for (batch.parts.items) |*part| {
                // Its node is busy with an earlier part, whose reply has to be read first.
                const is_busy = for (waiting.items) |*sent| {
                    if (sent.part.node == part.node) break true;
                } else false;
                if (is_busy or !batch.policy.concurrent) driver.receiveAll(&waiting);
                try waiting.ensureUnusedCapacity(driver.gpa, 1);
                const connection = driver.send(part) orelse continue;
                waiting.appendAssumeCapacity(.{ .part = part, .connection = connection });
            }
            driver.receiveAll(&waiting);
        }

        fn send(driver: *This, part: *Part) ?Connection {
            const batch = &driver.batch;
            var failure: Failure = .{};
            driver.frame.clear();
            batch.encode(part, &driver.frame) catch {
                failure.set(.invalid_argument, "the batch is too large for one frame", .{});
                driver.fail(part, &failure, executor.judgeClient(failure.status));
                return null;
            };
            const deadline_ns = batch.attempts.waitDeadline(driver.net.now());
            var connection = part.node.acquire(deadline_ns, &failure) catch {
                driver.fail(part, &failure, executor.judgeClient(failure.status));
                return null;
            };
            const bytes = driver.frame.written();
            driver.net.send(&connection.socket, bytes, deadline_ns) catch |err| {
                driver.loseConnection(part, connection, err);
                return null;
            };
            batch.markSent(part);
            connection.traffic.bytes_sent += bytes.len;
            return connection;
        }

        fn receiveAll(driver: *This, waiting: *std.ArrayList(Sent)) void {
            for (waiting.items) |*sent| driver.receive(sent.part, &sent.connection);
            waiting.clearRetainingCapacity();
        }

        fn receive(driver: *This, part: *Part, connection: *Connection) void {
            const batch = &driver.batch;
            var receiver: exchange.Receiver = .{
                .gpa = driver.gpa,
                .counter = &connection.traffic.bytes_received,
            };
            defer receiver.deinit();
            const waits = &batch.attempts;
            while (true) {
                const frame = receiver.next(driver.net, &connection.socket, waits) catch |err|
                    return driver.loseConnection(part, connection.*, err);
                const absorbed = batch.absorb(part, frame) catch |err| {
                    part.node.drop(connection.*);
                    var failure: Failure = .{};
                    reply.describe(err, &failure);
                    return driver.fail(part, &failure, executor.judgeClient(failure.status));
                };
                switch (absorbed) {
                    .more => {},
                    .done => {
                        if (receiver.isDrained()) {
                            part.node.push(connection.*);
                        } else {
                            part.node.drop(connection.*);
                        }
                        return;
                    },
                    .refused => |status| {
                        const verdict = executor.settle(part.node, batch.cluster, status);
                        if (verdict.connection_usable and receiver.isDrained()) {
                            part.node.push(connection.*);
                        } else {
                            part.node.drop(connection.*);
                        }
                        var failure: Failure = .{};
                        reply.setServerFailure(status, &failure);
                        return driver.fail(part, &failure, verdict);
                    },
                }
            }
        }

        fn loseConnection(driver: *This, part: *Part, connection: Connection, err: anyerror) void {
            var failure: Failure = .{};
            exchange.describe(err, &failure);
            part.node.drop(connection);
            switch (failure.status) {
                .timeout => part.node.recordTimeout(),
                .connection, .client => part.node.recordError(),
                else => {},
            }
            driver.fail(part, &failure, executor.judgeClient(failure.status));
        }

        fn fail(
            driver: *This,
            part: *const Part,
            failure: *const Failure,
            verdict: executor.Verdict,
        ) void {
            if (!verdict.retry) driver.retry_allowed = false;
            driver.batch.partFailed(part, failure);
        }
    };
}
