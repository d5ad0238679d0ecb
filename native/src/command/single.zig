//! Commands on one record, carried out on the calling thread: encode once, then try nodes by the
//! rules of `executor.zig` until one answers.

const std = @import("std");
const clock = @import("clock.zig");
const cluster = @import("../cluster.zig");
const exchange = @import("exchange.zig");
const executor = @import("executor.zig");
const reply = @import("reply.zig");
const request = @import("request.zig");
const wire = @import("../wire.zig");
const Failure = @import("../status.zig").Failure;
const Policy = @import("policy.zig").Policy;

pub fn Single(comptime Net: type) type {
    return struct {
        net: *Net,
        gpa: std.mem.Allocator,
        policy: *const Policy,
        encoded: *const request.Encoded,
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
            var encoded: request.Encoded = undefined;
            try request.encode(command, request_bytes, policy, &encoded, &frame, failure);
            const target = Execution.locate(
                owner,
                &encoded.key,
                encoded.is_write,
                failure,
            ) catch {
                encoded.measure(failure.status, 0);
                return error.Failed;
            };
            var single: This = .{
                .net = net,
                .gpa = gpa,
                .policy = policy,
                .encoded = &encoded,
                .frame = frame.written(),
                .out = out,
                .execution = .start(owner, target, policy, net.now()),
            };
            const started_ns = single.execution.attempts.started_ns;
            single.run(failure) catch {
                encoded.measure(failure.status, net.now() - started_ns);
                return error.Failed;
            };
            encoded.measure(.ok, net.now() - started_ns);
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
            execution.describe(single.policy, failure);
            return error.Failed;
        }

        /// One try. Null: it succeeded. Otherwise `failure` says why, the verdict what follows.
        fn attempt(single: *This, failure: *Failure) ?executor.Verdict {
            const execution = &single.execution;
            const node = execution.nextNode() orelse return execution.failWithoutNode(failure);
            const deadline_ns = execution.waitDeadline(single.net.now());
            var connection = node.acquire(deadline_ns, failure) catch
                return executor.judgeClient(failure.status);
            single.send(&connection) catch |err| {
                node.drop(connection);
                return fail(node, err, failure);
            };
            execution.attempts.sent += 1;
            connection.traffic.bytes_sent += single.frame.len;
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
            var receiver: exchange.Receiver = .{
                .gpa = single.gpa,
                .counter = &connection.traffic.bytes_received,
            };
            defer receiver.deinit();
            const frame = single.receiveFrame(&receiver, connection) catch |err| {
                if (err == error.Timeout and single.policy.timeout_delay_ms != 0) {
                    node.recover(connection.*, receiver.pending(Node.Pending));
                } else {
                    node.drop(connection.*);
                }
                return fail(node, err, failure);
            };
            return single.conclude(node, connection, frame, failure);
        }

        fn receiveFrame(
            single: *This,
            receiver: *exchange.Receiver,
            connection: *Connection,
        ) !exchange.Frame {
            const socket = &connection.socket;
            const frame = try receiver.next(single.net, socket, &single.execution.attempts);
            return if (receiver.isDrained()) frame else error.UnexpectedBytes;
        }

        fn conclude(
            single: *This,
            node: *Node,
            connection: *Connection,
            frame: exchange.Frame,
            failure: *Failure,
        ) ?executor.Verdict {
            const start = single.out.end;
            const status = reply.interpret(
                single.gpa,
                single.encoded,
                frame,
                clock.unixSeconds(),
                single.out,
            ) catch |err| {
                single.out.end = start;
                node.drop(connection.*);
                reply.describe(err, failure);
                return executor.judgeClient(failure.status);
            };
            const verdict = executor.settle(node, single.execution.cluster, status);
            if (verdict.connection_usable) node.push(connection.*) else node.drop(connection.*);
            if (status == .ok) return null;
            reply.setReplyFailure(status, frame, failure);
            return verdict;
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
    };
}
