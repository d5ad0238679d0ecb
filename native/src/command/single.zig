//! Commands on one record, carried out on the calling thread: encode once, then try nodes by the
//! rules of `executor.zig` until one answers.

const std = @import("std");
const assert = std.debug.assert;
const cluster = @import("../cluster.zig");
const exchange = @import("exchange.zig");
const executor = @import("executor.zig");
const reply = @import("reply.zig");
const request = @import("request.zig");
const wire = @import("../wire.zig");
const Failure = @import("../status.zig").Failure;
const Policy = @import("policy.zig").Policy;
const Status = @import("../status.zig").Status;

pub fn Single(comptime Net: type) type {
    return struct {
        net: *Net,
        gpa: std.mem.Allocator,
        command: request.Command,
        policy: *const Policy,
        key: *const request.Key,
        frame: []const u8,
        out: *wire.Buffer,
        execution: Execution,

        const Cluster = cluster.Cluster(Net);
        const Node = Cluster.Node;
        const Connection = Cluster.Connection;
        const Execution = executor.Execution(Net);
        const This = @This();

        /// Encodes and carries out one command; the result is appended to `out`.
        pub fn execute(
            owner: *Cluster,
            net: *Net,
            gpa: std.mem.Allocator,
            command: request.Command,
            request_bytes: []const u8,
            policy: *const Policy,
            out: *wire.Buffer,
            failure: *Failure,
        ) error{Failed}!void {
            // Most requests fit; larger ones move to the heap.
            var memory: [4096]u8 = undefined;
            var frame = wire.Buffer.growing(gpa, &memory, request.frame_bytes_max);
            defer frame.deinit();
            var key: request.Key = undefined;
            try request.encode(command, request_bytes, policy, &key, &frame, failure);
            const target = try locate(owner, &key, command.isWrite(), failure);
            var single: This = .{
                .net = net,
                .gpa = gpa,
                .command = command,
                .policy = policy,
                .key = &key,
                .frame = frame.written(),
                .out = out,
                .execution = .start(owner, target, policy, net.now()),
            };
            try single.run(failure);
        }

        fn run(single: *This, failure: *Failure) error{Failed}!void {
            const execution = &single.execution;
            while (true) {
                const verdict = single.attempt(failure) orelse return;
                if (!verdict.retry) break;
                const now_ns = single.net.now();
                const at_ns = switch (execution.afterFailure(failure.status, now_ns)) {
                    .give_up => break,
                    .retry_at_ns => |at_ns| at_ns,
                };
                if (at_ns > now_ns) single.net.sleep(at_ns - now_ns) catch {
                    exchange.describe(error.Interrupted, failure);
                    break;
                };
            }
            if (failure.status == .timeout) single.describeTimeout(failure);
            execution.describe(failure);
            return error.Failed;
        }

        /// One try. Null: it succeeded. Otherwise `failure` says why, the verdict what follows.
        fn attempt(single: *This, failure: *Failure) ?executor.Verdict {
            const execution = &single.execution;
            const node = execution.nextNode() orelse {
                execution.cluster.requestTend();
                failure.set(.invalid_node, "no active node for partition {d} of namespace '{s}'", .{
                    execution.target.partition_id, single.key.namespace,
                });
                return executor.judgeClient(.invalid_node);
            };
            const deadline_ns = execution.waitDeadline(single.net.now());
            var connection = node.acquire(deadline_ns, failure) catch
                return executor.judgeClient(failure.status);
            single.send(&connection) catch |err| {
                node.drop(connection);
                return fail(node, err, failure);
            };
            execution.sent += 1;
            return single.receive(node, &connection, failure);
        }

        fn send(single: *This, connection: *Connection) !void {
            const deadline_ns = single.execution.waitDeadline(single.net.now());
            try single.net.send(&connection.socket, single.frame, deadline_ns);
        }

        /// Reads the reply and gives the connection up or back, whatever happens.
        fn receive(
            single: *This,
            node: *Node,
            connection: *Connection,
            failure: *Failure,
        ) ?executor.Verdict {
            var buffer: exchange.ReceiveBuffer = .{ .gpa = single.gpa };
            defer buffer.deinit();
            var progress: exchange.Progress = .{};
            const frame = exchange.receive(
                single.net,
                &connection.socket,
                &single.execution,
                &buffer,
                &progress,
            ) catch |err| {
                if (err == error.Timeout and single.policy.timeout_delay_ms != 0) {
                    node.recover(connection.*, pending(&progress));
                } else {
                    node.drop(connection.*);
                }
                return fail(node, err, failure);
            };
            return single.conclude(node, connection, frame, failure);
        }

        fn conclude(
            single: *This,
            node: *Node,
            connection: *Connection,
            frame: exchange.Frame,
            failure: *Failure,
        ) ?executor.Verdict {
            const start = single.out.end;
            const status = single.interpret(frame) catch |err| {
                single.out.end = start;
                node.drop(connection.*);
                describeReply(err, failure);
                return executor.judgeClient(failure.status);
            };
            const verdict = executor.judgeServer(status);
            if (verdict.connection_usable) node.push(connection.*) else node.drop(connection.*);
            if (status == .ok) return null;
            if (verdict.node_at_fault) node.recordServerError();
            switch (status) {
                .not_authenticated, .expired_session => node.authenticationLost(),
                .partition_unavailable => single.execution.cluster.requestTend(),
                else => {},
            }
            setServerFailure(status, failure);
            return verdict;
        }

        /// Appends the result of a successful reply. An absent record is an answer of `exists`.
        fn interpret(single: *This, frame: exchange.Frame) !Status {
            if (frame.kind != .message) return error.Malformed;
            const message = try wire.message.Message.decode(frame.body);
            const status = reply.status(&message);
            if (status == .ok) {
                const shape = single.command.shape();
                try reply.write(shape, &message, single.key, unixSeconds(), single.out);
                return .ok;
            }
            if (status == .record_not_found and single.command == .exists) {
                try reply.writeAbsent(single.key, single.out);
                return .ok;
            }
            return status;
        }

        fn describeTimeout(single: *const This, failure: *Failure) void {
            // A timeout that the server reported keeps its own text.
            if (!std.mem.startsWith(u8, failure.message(), "client timeout")) return;
            failure.set(
                .timeout,
                "client timeout: socket_timeout={d} ms, total_timeout={d} ms, attempts={d}, sent={d}",
                .{
                    single.policy.socket_timeout_ms,
                    single.policy.total_timeout_ms,
                    single.execution.iteration,
                    single.execution.sent,
                },
            );
        }

        fn fail(node: *Node, err: anyerror, failure: *Failure) executor.Verdict {
            exchange.describe(err, failure);
            switch (failure.status) {
                .timeout => node.recordTimeout(),
                .connection, .client => node.recordError(),
                else => {},
            }
            return executor.judgeClient(failure.status);
        }

        fn pending(progress: *const exchange.Progress) Node.Pending {
            if (progress.total == 0) return .{
                .header_bytes = @intCast(progress.have),
                .header = progress.header,
            };
            return .{
                .header_bytes = wire.proto.header_bytes,
                .header = progress.header,
                .body_bytes_remaining = progress.total - progress.have,
            };
        }

        fn locate(
            owner: *Cluster,
            key: *const request.Key,
            is_write: bool,
            failure: *Failure,
        ) error{Failed}!executor.Target {
            const namespace = owner.namespace(key.namespace) orelse {
                if (owner.isConnected()) {
                    failure.set(
                        .namespace_not_found,
                        "namespace '{s}' is not found in the cluster",
                        .{key.namespace},
                    );
                } else {
                    failure.set(.invalid_node, "the cluster has no active node", .{});
                }
                return error.Failed;
            };
            return .{
                .namespace = namespace,
                .partition_id = key.partitionId(),
                .is_write = is_write,
            };
        }
    };
}

/// The server's code in words; a code that this client does not know is named by its number.
pub fn setServerFailure(status: Status, failure: *Failure) void {
    const text = status.text();
    if (text.len != 0) return failure.set(status, "{s}", .{text});
    failure.set(status, "server error {d}", .{@backingInt(status)});
}

fn describeReply(err: anyerror, failure: *Failure) void {
    switch (err) {
        error.OutOfMemory => failure.set(.out_of_memory, "out of memory for the result", .{}),
        error.NoSpaceLeft => failure.set(.client, "the result is larger than the limit", .{}),
        else => failure.set(.client, "the reply is malformed ({t})", .{err}),
    }
}

fn unixSeconds() i64 {
    var now: std.c.timespec = undefined;
    const result = std.c.clock_gettime(.REALTIME, &now);
    assert(result == 0);
    return now.sec;
}
