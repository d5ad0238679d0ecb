//! A command on one record: encoded once, then nodes are tried by the rules of `executor.zig` until
//! one answers.

const std = @import("std");
const clock = @import("../clock.zig");
const cluster = @import("../../cluster.zig");
const compression = @import("compression.zig");
const engine = @import("../../engine.zig");
const executor = engine.executor;
const filter_text = @import("../filter_text.zig");
const reply = @import("reply.zig");
const request = @import("request.zig");
const wire = @import("../../wire.zig");
const Earlier = @import("../../status.zig").Earlier;
const Failure = @import("../../status.zig").Failure;
const Frame = engine.Frame;
const Policy = engine.Policy;
const Status = @import("../../status.zig").Status;

pub fn Single(comptime Net: type, comptime Poller: type) type {
    return struct {
        task: Task,
        gpa: std.mem.Allocator,
        net: *Net,
        policy: Policy,
        encoded: request.Encoded,
        frame: wire.Buffer,
        /// The frame as it is sent, when that is deflated.
        deflated: wire.Buffer,
        earlier: Earlier,
        execution: Execution,
        exchange: Exchange,
        timer: engine.Timer(Net),
        has_filter: bool,
        /// What it travels in, instead of an exchange of its own.
        carrier: ?Carrier,
        /// Of the attempt that begins next.
        wait_ns_max: u64,

        const This = @This();
        const Cluster = cluster.Cluster(Net);
        const Exchange = engine.Exchange(Net);
        const Execution = executor.Execution(Net);
        const Node = Cluster.Node;
        pub const Task = engine.Task(Net, Poller);

        /// An exchange that asks for other records, too.
        pub const Carrier = struct {
            context: *anyopaque,
            /// Its place there.
            index: u32,
            /// Its answer is not waited for any more.
            leave: *const fn (context: *anyopaque, index: u32) void,
        };

        /// Encodes the command, in place: `frame` and `out` are set, and `bytes` stay as long as
        /// the command. On failure there is nothing to start. Where the digest is computed later,
        /// `place` comes before the start.
        pub fn init(
            single: *This,
            owner: *Cluster,
            net: *Net,
            gpa: std.mem.Allocator,
            command: request.Command,
            bytes: []const u8,
            policy: *const Policy,
            digesting: request.Digesting,
            failure: *Failure,
        ) error{Failed}!void {
            single.task.prepare(&kind, single.task.out);
            single.gpa = gpa;
            single.earlier.count = 0;
            single.earlier.len = 0;
            single.deflated = .growing(gpa, &.{}, request.frame_bytes_max);
            single.net = net;
            const encoded = &single.encoded;
            const frame = &single.frame;
            try request.encode(command, bytes, policy, digesting, encoded, frame, failure);
            single.policy = policy.*;
            // It is in the frame, and not owned.
            single.policy.filter = &.{};
            single.has_filter = policy.filter.len != 0;
            const key = &encoded.key;
            const target = Execution.locate(
                owner,
                key.namespace,
                if (encoded.has_digest) key.partitionId() else 0,
                encoded.is_write,
                failure,
            ) catch {
                encoded.measure(failure.status, 0);
                return error.Failed;
            };
            filter_text.check(owner, policy.filter, failure) catch {
                encoded.measure(failure.status, 0);
                return error.Failed;
            };
            single.execution = .start(owner, target, policy, net.now());
            single.exchange.frame = &.{};
            single.timer = .{ .owner = .{ .call = .{ .context = single, .function = onTime } } };
            single.carrier = null;
            single.wait_ns_max = executor.forever;
        }

        /// Its digest has been computed.
        pub fn place(single: *This) void {
            single.encoded.patchDigest(&single.frame);
            single.execution.target.partition_id = single.encoded.key.partitionId();
        }

        /// Frees the frame, whether `init` has succeeded or not.
        pub fn deinit(single: *This) void {
            single.frame.deinit();
            single.deflated.deinit();
        }

        const kind: Task.Kind = .{
            .start = start,
            .abort = abort,
            .measure = measure,
            .has_changed = hasChanged,
        };

        fn start(task: *Task) void {
            const single: *This = @fieldParentPtr("task", task);
            single.attempt();
        }

        fn attempt(single: *This) void {
            if (single.nextNode()) |node| single.ask(node);
        }

        /// The node for the next attempt. Null when there is none: the command is over then.
        pub fn nextNode(single: *This) ?*Node {
            const execution = &single.execution;
            return execution.nextNode() orelse {
                execution.failWithoutNode(&single.task.failure);
                single.fail();
                return null;
            };
        }

        /// What the frame says in its header.
        pub fn header(single: *const This) wire.message.Header {
            return single.message().header;
        }

        /// The filter in the frame; empty for none.
        pub fn filter(single: *const This) []const u8 {
            if (!single.has_filter) return &.{};
            const found = single.message().findField(.filter) catch unreachable;
            return found.?;
        }

        fn message(single: *const This) wire.message.Message {
            const frame = single.frame.written();
            return wire.message.Message.decode(frame[wire.proto.header_bytes..]) catch unreachable;
        }

        /// Makes the attempt that `nextNode` has found the node for.
        pub fn ask(single: *This, node: *Node) void {
            const execution = &single.execution;
            const attempts = &execution.attempts;
            if (attempts.failed > 0) {
                const now_ns = single.task.driver.now();
                const timeout_ms = attempts.serverTimeout(&single.policy, now_ns);
                wire.message.patchTimeout(single.frame.written(), timeout_ms);
            }
            single.exchange = .{
                .node = node,
                .frame = single.outgoing(),
                .limits = .of(attempts),
                .handler = &handler,
                .failure = &single.task.failure,
                .is_movable = !single.encoded.is_write,
            };
            const delay_ms = single.policy.timeout_delay_ms;
            const limits = &single.exchange.limits;
            limits.timeout_delay_ns = @as(u64, delay_ms) * std.time.ns_per_ms;
            limits.socket_timeout_ns = @min(limits.socket_timeout_ns, single.wait_ns_max);
            single.wait_ns_max = executor.forever;
            single.task.driver.begin(&single.exchange);
        }

        /// Reads are as short as what names their record.
        fn outgoing(single: *This) []const u8 {
            const frame = single.frame.written();
            if (!single.encoded.is_write) return frame;
            return compression.pack(single.gpa, &single.policy, frame, &single.deflated);
        }

        /// Asks for itself, too, as if it had not been asked for: the first answer counts. It has no
        /// more of the socket's timeout than what it is given.
        pub fn askAlone(single: *This, wait_ns_max: u64) void {
            single.wait_ns_max = wait_ns_max;
            single.task.driver.schedule(&single.timer, single.task.driver.now());
        }

        /// Takes what its carrier brought as a reply of its own. False when the connection is not to
        /// be used any more.
        pub fn takeReply(single: *This, carried: *const Exchange, frame: Frame) bool {
            single.leaveForAnswer(carried);
            single.exchange.sent = true;
            const result = onFrame(&single.exchange, frame);
            onEnd(&single.exchange, true);
            return result == .done;
        }

        /// Takes the failure of its carrier, which has no answer for it, as its own.
        pub fn takeFailure(single: *This, carried: *const Exchange) void {
            single.leaveForAnswer(carried);
            single.exchange.sent = carried.sent;
            single.exchange.verdict = carried.verdict;
            single.task.failure = carried.failure.*;
            onEnd(&single.exchange, false);
        }

        /// The carrier has let go of it.
        fn leaveForAnswer(single: *This, carried: *const Exchange) void {
            single.carrier = null;
            single.stopAsking();
            single.execution.node = carried.node;
            single.exchange = .{
                .node = carried.node,
                .frame = single.frame.written(),
                .limits = .of(&single.execution.attempts),
                .handler = &handler,
                .failure = &single.task.failure,
                .generation = carried.generation,
            };
        }

        fn stopAsking(single: *This) void {
            single.task.driver.unschedule(&single.timer);
            if (single.exchange.frame.len == 0) return;
            single.execution.attempts.sent += @intFromBool(single.exchange.sent);
            single.task.driver.cancel(&single.exchange);
            single.exchange.frame = &.{};
        }

        fn over(single: *This) void {
            single.leaveCarrier();
            single.task.over();
        }

        fn leaveCarrier(single: *This) void {
            const carrier = single.carrier orelse return;
            single.carrier = null;
            carrier.leave(carrier.context, carrier.index);
        }

        const handler: Exchange.Handler = .{ .on_frame = onFrame, .on_end = onEnd };

        fn onFrame(exchange: *Exchange, frame: Frame) engine.FrameResult {
            const single: *This = @fieldParentPtr("exchange", exchange);
            const failure = &single.task.failure;
            const out = &single.task.out;
            const begin = out.end;
            const status = reply.interpret(
                single.gpa,
                &single.encoded,
                frame,
                clock.unixSeconds(),
                out,
            ) catch |err| {
                out.end = begin;
                reply.describe(err, failure);
                exchange.verdict = executor.judgeClient(failure.status);
                return .done_close;
            };
            const verdict = exchange.settle(status);
            if (status == .ok) failure.status = .ok else reply.setReplyFailure(status, frame.body, failure);
            return if (verdict.connection_usable) .done else .done_close;
        }

        fn onEnd(exchange: *Exchange, ok: bool) void {
            const single: *This = @fieldParentPtr("exchange", exchange);
            const execution = &single.execution;
            const retry = exchange.verdict.retry;
            // What the server did not carry out leaves no doubt.
            if (exchange.sent and retry != .free) execution.attempts.sent += 1;
            exchange.frame = &.{};
            execution.attempts.prolong(exchange.limits.deadline_ns);
            if (ok and single.task.failure.status == .ok) return single.over();
            const now_ns = single.task.driver.now();
            switch (execution.afterFailure(retry, single.task.failure.status, now_ns)) {
                .give_up => single.fail(),
                // Never at once: this may be deep inside the driver, and a node that refuses
                // everything must not keep it there.
                .retry_at_ns => |at_ns| {
                    const failure = &single.task.failure;
                    if (execution.node) |node| failure.setNode(node.name());
                    single.earlier.add(failure);
                    single.task.driver.schedule(&single.timer, at_ns);
                },
            }
        }

        fn onTime(context: *anyopaque) void {
            const single: *This = @ptrCast(@alignCast(context));
            single.attempt();
        }

        fn fail(single: *This) void {
            const failure = &single.task.failure;
            single.execution.describe(&single.policy, failure);
            single.earlier.copyTo(&failure.earlier);
            single.over();
        }

        fn abort(task: *Task) bool {
            const single: *This = @fieldParentPtr("task", task);
            single.leaveCarrier();
            single.stopAsking();
            const sent = single.execution.attempts.sent;
            return single.encoded.is_write and executor.isInDoubt(.client_abort, sent);
        }

        fn hasChanged(task: *Task) bool {
            const single: *This = @fieldParentPtr("task", task);
            return single.encoded.is_write;
        }

        fn measure(task: *Task, status: Status) void {
            const single: *This = @fieldParentPtr("task", task);
            if (single.policy.asked) |asked| {
                if (single.execution.node) |node| asked.fill(node.name(), node.address());
            }
            const started_ns = single.execution.attempts.started_ns;
            single.encoded.measure(status, single.net.now() -| started_ns);
        }
    };
}
