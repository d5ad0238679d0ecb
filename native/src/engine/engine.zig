//! Asynchronous commands: submitted with a token, carried out by one thread, and collected with
//! their results when a wake says so.
//!
//! `submit` encodes on the caller's thread, so that what is wrong with a request is known at once,
//! and hands the operation to the loop's thread, which alone touches it until it is finished. Then
//! it lies in the mailbox until `drain` copies its result out and recycles it. Retries follow the
//! same rules as those of waiting commands (`command/executor.zig`).
//!
//! `start` and `stop` frame the life of the thread; the mailbox and its descriptor outlive it, so
//! that what `stop` has aborted can still be collected.

const std = @import("std");
const assert = std.debug.assert;
const batch_command = @import("../command/batch.zig");
const batch_run = @import("batch.zig");
const clock = @import("../command/clock.zig");
const cluster = @import("../cluster.zig");
const executor = @import("../command/executor.zig");
const io = @import("../io.zig");
const loop_module = @import("loop.zig");
const reply = @import("../command/reply.zig");
const request = @import("../command/request.zig");
const wire = @import("../wire.zig");
const Failure = @import("../status.zig").Failure;
const Frame = @import("../command/exchange.zig").Frame;
const Mailbox = @import("mailbox.zig").Mailbox;
const Policy = @import("../command/policy.zig").Policy;
const Status = @import("../status.zig").Status;
const Table = @import("../result.zig").columns.Table;

/// Recycled operations that are kept for reuse.
const recycled_max = 4096;
const result_bytes_max = 1 << 32;

pub fn Engine(comptime Net: type, comptime Poller: type) type {
    return struct {
        gpa: std.mem.Allocator,
        net: *Net,
        idle_timeout_ms: u32,
        mailbox: Mailbox(Operation),
        /// Submitted and not yet seen by the loop's thread; the latest first.
        inbox: std.atomic.Value(?*Operation) = .init(null),
        /// The loop's thread waits for events, or is about to.
        sleeping: std.atomic.Value(bool) = .init(false),
        stopping: std.atomic.Value(bool) = .init(false),
        thread: ?std.Thread = null,
        loop: Loop = undefined,
        /// For the cluster, which has it while the thread runs.
        holder: Cluster.Holder = undefined,
        /// Those that the loop's thread works on.
        active: ?*Operation = null,
        /// Taken from the mailbox, and not yet handed out. Belongs to whoever drains.
        drained: ?*Operation = null,
        recycling: io.sync.Mutex = .{},
        recycled: ?*Operation = null,
        recycled_count: u32 = 0,

        const This = @This();
        const Loop = loop_module.Loop(Net, Poller);
        const Cluster = cluster.Cluster(Net);
        const Execution = executor.Execution(Net);
        const BatchRun = batch_run.BatchRun(Net, Poller);

        pub const Operation = struct {
            engine: *This,
            token: u64,
            policy: Policy,
            encoded: request.Encoded,
            execution: Execution,
            exchange: Loop.Exchange,
            timer: Loop.Timer,
            /// Instead of `execution`, `exchange` and `timer`, for a batch.
            batch: ?*BatchRun,
            failure: Failure,
            is_ok: bool,
            /// The verdict of the reply that was read last.
            verdict: executor.Verdict,
            request: wire.Buffer,
            frame: wire.Buffer,
            out: wire.Buffer,
            /// In the inbox, the mailbox, or the recycled ones.
            next: ?*Operation,
            /// Among the active ones.
            active_next: ?*Operation,
            active_previous: ?*Operation,
            request_memory: [512]u8,
            frame_memory: [1024]u8,
            out_memory: [1024]u8,
        };

        pub fn init(
            gpa: std.mem.Allocator,
            net: *Net,
            idle_timeout_ms: u32,
        ) error{SystemResources}!This {
            return .{
                .gpa = gpa,
                .net = net,
                .idle_timeout_ms = idle_timeout_ms,
                .mailbox = try .init(),
            };
        }

        /// Stopped before. What was not collected is thrown away.
        pub fn deinit(engine: *This) void {
            assert(engine.thread == null);
            engine.freeList(engine.drained);
            engine.freeList(engine.mailbox.take());
            engine.freeList(engine.recycled);
            engine.mailbox.deinit();
        }

        fn freeList(engine: *This, list: ?*Operation) void {
            var rest = list;
            while (rest) |operation| {
                rest = operation.next;
                engine.free(operation);
            }
        }

        fn free(engine: *This, operation: *Operation) void {
            if (operation.batch) |batch| batch.destroy();
            operation.request.deinit();
            operation.frame.deinit();
            operation.out.deinit();
            engine.gpa.destroy(operation);
        }

        /// Starts the thread.
        pub fn start(engine: *This) error{SystemResources}!void {
            assert(engine.thread == null);
            try engine.open();
            errdefer engine.loop.deinit();
            engine.thread = io.thread.spawn("asz-loop", run, .{engine}) catch
                return error.SystemResources;
            engine.holder = .{ .context = engine, .wake = wakeLoop };
        }

        fn wakeLoop(context: *anyopaque) void {
            const engine: *This = @ptrCast(@alignCast(context));
            engine.loop.poller.wake();
        }

        /// Joins the thread and aborts what is in progress. Nobody submits any more.
        pub fn stop(engine: *This) void {
            const thread = engine.thread orelse return;
            engine.stopping.store(true, .release);
            engine.loop.poller.wake();
            thread.join();
            engine.thread = null;
            engine.shut();
        }

        /// What `start` does but for the thread: `turn` is called by whoever opens.
        pub fn open(engine: *This) error{SystemResources}!void {
            engine.loop = try .init(engine.gpa, engine.net, engine.idle_timeout_ms);
            engine.stopping.store(false, .release);
            engine.sleeping.store(false, .release);
        }

        /// What `stop` does but for the thread.
        pub fn shut(engine: *This) void {
            engine.abortAll();
            engine.loop.deinit();
            engine.mailbox.notify();
        }

        /// In the child of a fork, where the thread does not exist: forgets everything that it
        /// owned, and closes this process's copies of its descriptors.
        pub fn afterFork(engine: *This) void {
            if (engine.thread != null) engine.loop.afterFork();
            engine.mailbox.deinit();
        }

        // The submitter's side; any thread.

        pub fn submit(
            engine: *This,
            owner: *Cluster,
            token: u64,
            command: request.Command,
            request_bytes: []const u8,
            policy: *const Policy,
            failure: *Failure,
        ) error{Failed}!void {
            const operation = engine.allocate() catch return outOfMemory(failure);
            errdefer engine.recycle(operation);
            operation.token = token;
            operation.policy = policy.*;
            // The key in results refers to the request's bytes.
            operation.request.append(request_bytes) catch return outOfMemory(failure);
            const bytes = operation.request.written();
            const encoded = &operation.encoded;
            try request.encode(command, bytes, policy, encoded, &operation.frame, failure);
            // Not needed any more, and not owned.
            operation.policy.filter = &.{};
            const target = Execution.locate(
                owner,
                &encoded.key,
                encoded.is_write,
                failure,
            ) catch {
                encoded.measure(failure.status, 0);
                return error.Failed;
            };
            operation.execution = .start(owner, target, policy, engine.net.now());
            engine.hand(operation);
        }

        /// The same for a batch. A table and what it points to must stay until the completion.
        pub fn submitBatch(
            engine: *This,
            owner: *Cluster,
            token: u64,
            kind: batch_command.Kind,
            request_bytes: []const u8,
            policy: *const Policy,
            table: ?*Table,
            failure: *Failure,
        ) error{Failed}!void {
            const operation = engine.allocate() catch return outOfMemory(failure);
            errdefer engine.recycle(operation);
            operation.token = token;
            operation.policy = policy.*;
            operation.policy.filter = &.{};
            // The keys in results refer to the request's bytes.
            operation.request.append(request_bytes) catch return outOfMemory(failure);
            const bytes = operation.request.written();
            const now_ns = engine.net.now();
            operation.batch =
                try .create(engine.gpa, owner, kind, bytes, policy, table, now_ns, failure);
            engine.hand(operation);
        }

        /// Passes an operation to the loop's thread.
        fn hand(engine: *This, operation: *Operation) void {
            var head = engine.inbox.load(.monotonic);
            while (true) {
                operation.next = head;
                head = engine.inbox.cmpxchgWeak(head, operation, .seq_cst, .monotonic) orelse break;
            }
            if (engine.sleeping.swap(false, .seq_cst)) engine.loop.poller.wake();
        }

        fn allocate(engine: *This) error{OutOfMemory}!*Operation {
            const operation = engine.takeRecycled() orelse fresh: {
                const memory = try engine.gpa.create(Operation);
                memory.request = .growing(engine.gpa, &memory.request_memory, request_bytes_max);
                memory.frame = .growing(engine.gpa, &memory.frame_memory, request_bytes_max);
                memory.out = .growing(engine.gpa, &memory.out_memory, result_bytes_max);
                break :fresh memory;
            };
            operation.engine = engine;
            operation.batch = null;
            operation.next = null;
            return operation;
        }

        const request_bytes_max = request.frame_bytes_max;

        fn takeRecycled(engine: *This) ?*Operation {
            engine.recycling.lock();
            defer engine.recycling.unlock();
            const operation = engine.recycled orelse return null;
            engine.recycled = operation.next;
            engine.recycled_count -= 1;
            return operation;
        }

        fn recycle(engine: *This, operation: *Operation) void {
            if (operation.batch) |batch| batch.destroy();
            operation.batch = null;
            // What has outgrown its own memory goes back to the heap.
            restore(&operation.request, &operation.request_memory);
            restore(&operation.frame, &operation.frame_memory);
            restore(&operation.out, &operation.out_memory);
            engine.recycling.lock();
            defer engine.recycling.unlock();
            if (engine.recycled_count == recycled_max) return engine.free(operation);
            operation.next = engine.recycled;
            engine.recycled = operation;
            engine.recycled_count += 1;
        }

        fn restore(buffer: *wire.Buffer, memory: []u8) void {
            if (buffer.on_heap) {
                const gpa = buffer.gpa.?;
                const size_max = buffer.size_max;
                buffer.deinit();
                buffer.* = .growing(gpa, memory, size_max);
            } else {
                buffer.clear();
            }
        }

        // The collector's side; one thread at a time.

        pub const Completion = struct {
            token: u64,
            failure: ?*const Failure,
            /// Valid until `next` is called again.
            result: []const u8,
            operation: *Operation,
        };

        /// The oldest finished operation that was not collected, or null. It stays the first
        /// until `collected` is called.
        pub fn first(engine: *This) ?Completion {
            const operation = engine.drained orelse return null;
            return .{
                .token = operation.token,
                .failure = if (operation.is_ok) null else &operation.failure,
                .result = operation.out.written(),
                .operation = operation,
            };
        }

        /// Looks into the mailbox, and clears the wake.
        pub fn refill(engine: *This) void {
            const taken = engine.mailbox.take() orelse return;
            var last = &engine.drained;
            while (last.*) |operation| last = &operation.next;
            last.* = taken;
        }

        /// The first one is done with.
        pub fn collected(engine: *This) void {
            const operation = engine.drained.?;
            engine.drained = operation.next;
            engine.recycle(operation);
        }

        /// Some are left: whoever collects is woken again.
        pub fn notifyRemaining(engine: *This) void {
            if (engine.drained != null) engine.mailbox.wake.signal();
        }

        // The loop's thread.

        fn run(engine: *This) void {
            while (!engine.stopping.load(.acquire)) engine.turn(null);
        }

        /// Begins what was submitted, then waits for events or deadlines and handles them.
        /// `timeout_ms` null: without limit.
        pub fn turn(engine: *This, timeout_ms: ?u32) void {
            engine.takeInbox();
            engine.mailbox.notify();
            engine.sleeping.store(true, .seq_cst);
            // Submitted before the flag was seen, and so without a wake.
            const wait_ms = if (engine.inbox.load(.seq_cst) == null) timeout_ms else 0;
            engine.loop.run(wait_ms);
            engine.sleeping.store(false, .seq_cst);
        }

        fn takeInbox(engine: *This) void {
            var rest = Mailbox(Operation).reversed(engine.inbox.swap(null, .seq_cst));
            if (rest != null) engine.loop.now_ns = engine.net.now();
            while (rest) |operation| {
                rest = operation.next;
                engine.link(operation);
                if (operation.batch) |batch| {
                    batch.context = operation;
                    batch.start(&engine.loop, onBatchOver);
                } else {
                    engine.attempt(operation);
                }
            }
        }

        fn abortAll(engine: *This) void {
            engine.loop.stopping = true;
            engine.takeInbox();
            while (engine.active) |operation| {
                const text = "the client was closed during the command";
                operation.failure.set(.client_abort, text, .{});
                if (operation.batch) |batch| {
                    operation.failure.in_doubt = batch.abort();
                } else {
                    engine.loop.unschedule(&operation.timer);
                    const exchange = &operation.exchange;
                    if (exchange.frame.len > 0) {
                        if (exchange.sent) operation.execution.attempts.sent += 1;
                        engine.loop.cancel(exchange);
                    }
                }
                engine.fail(operation);
            }
        }

        fn link(engine: *This, operation: *Operation) void {
            operation.active_previous = null;
            operation.active_next = engine.active;
            if (engine.active) |head| head.active_previous = operation;
            engine.active = operation;
            operation.timer = .{ .owner = .{ .call = .{
                .context = operation,
                .function = onRetryTime,
            } } };
        }

        fn unlink(engine: *This, operation: *Operation) void {
            if (operation.active_previous) |previous| {
                previous.active_next = operation.active_next;
            } else {
                engine.active = operation.active_next;
            }
            if (operation.active_next) |next| next.active_previous = operation.active_previous;
        }

        fn attempt(engine: *This, operation: *Operation) void {
            const execution = &operation.execution;
            operation.exchange.frame = &.{};
            const node = execution.nextNode() orelse {
                _ = execution.failWithoutNode(&operation.failure);
                return engine.fail(operation);
            };
            const delay_ms = operation.policy.timeout_delay_ms;
            operation.exchange = .{
                .node = node,
                .frame = operation.frame.written(),
                .limits = .{
                    .deadline_ns = execution.attempts.deadline_ns,
                    .socket_timeout_ns = execution.attempts.socket_timeout_ns,
                    .timeout_delay_ns = @as(u64, delay_ms) * std.time.ns_per_ms,
                },
                .handler = &handler,
                .failure = &operation.failure,
            };
            engine.loop.begin(&operation.exchange);
        }

        const handler: Loop.Handler = .{ .on_frame = onFrame, .on_end = onEnd };

        fn onFrame(exchange: *Loop.Exchange, frame: Frame) Loop.FrameResult {
            const operation: *Operation = @fieldParentPtr("exchange", exchange);
            const status = reply.interpret(
                operation.engine.gpa,
                &operation.encoded,
                frame,
                clock.unixSeconds(),
                &operation.out,
            ) catch |err| {
                operation.out.clear();
                reply.describe(err, &operation.failure);
                operation.is_ok = false;
                operation.verdict = executor.judgeClient(operation.failure.status);
                return .done_close;
            };
            operation.is_ok = status == .ok;
            const owner = operation.execution.cluster;
            operation.verdict = executor.settle(exchange.node, owner, status);
            if (status != .ok) reply.setReplyFailure(status, frame, &operation.failure);
            return if (operation.verdict.connection_usable) .done else .done_close;
        }

        fn onEnd(exchange: *Loop.Exchange, ok: bool) void {
            const operation: *Operation = @fieldParentPtr("exchange", exchange);
            const engine = operation.engine;
            if (exchange.sent) operation.execution.attempts.sent += 1;
            exchange.frame = &.{};
            if (ok and operation.is_ok) return engine.finish(operation);
            if (!ok) operation.verdict = executor.judgeClient(operation.failure.status);
            if (!operation.verdict.retry) return engine.fail(operation);
            const now_ns = engine.loop.now_ns;
            switch (operation.execution.afterFailure(operation.failure.status, now_ns)) {
                .give_up => engine.fail(operation),
                // Never at once: this may be deep inside the loop, and a node that refuses
                // everything must not keep it there.
                .retry_at_ns => |at_ns| engine.loop.schedule(&operation.timer, at_ns),
            }
        }

        fn onRetryTime(context: *anyopaque) void {
            const operation: *Operation = @ptrCast(@alignCast(context));
            operation.engine.attempt(operation);
        }

        fn onBatchOver(batch: *BatchRun) void {
            const operation: *Operation = @ptrCast(@alignCast(batch.context));
            const engine = operation.engine;
            batch.batch.check(&operation.failure) catch return engine.fail(operation);
            if (batch.table == null) batch.batch.write(&operation.out) catch |err| {
                reply.describe(err, &operation.failure);
                return engine.fail(operation);
            };
            engine.finish(operation);
        }

        fn finish(engine: *This, operation: *Operation) void {
            operation.is_ok = true;
            engine.measure(operation, .ok);
            engine.unlink(operation);
            engine.mailbox.post(operation);
        }

        fn fail(engine: *This, operation: *Operation) void {
            operation.is_ok = false;
            operation.out.clear();
            if (operation.batch == null) {
                operation.execution.describe(&operation.policy, &operation.failure);
            }
            engine.measure(operation, operation.failure.status);
            engine.unlink(operation);
            engine.mailbox.post(operation);
        }

        fn measure(engine: *This, operation: *const Operation, status: Status) void {
            const now_ns = engine.net.now();
            if (operation.batch) |batch| return batch.batch.measure(status, now_ns);
            operation.encoded.measure(status, now_ns -| operation.execution.attempts.started_ns);
        }
    };
}

fn outOfMemory(failure: *Failure) error{Failed} {
    failure.set(.out_of_memory, "out of memory for the operation", .{});
    return error.Failed;
}
