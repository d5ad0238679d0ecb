//! A batch in progress: its parts run at the same time, one for each node, and the round is over
//! when the last of them has ended. What is asked and answered is in `batch.zig`.

const std = @import("std");
const assert = std.debug.assert;
const batch_module = @import("batch.zig");
const cluster = @import("../../cluster.zig");
const compression = @import("../record/compression.zig");
const engine = @import("../../engine.zig");
const executor = engine.executor;
const reply = @import("../record/reply.zig");
const request = @import("../record/request.zig");
const wire = @import("../../wire.zig");
const Failure = @import("../../status.zig").Failure;
const Frame = engine.Frame;
const Policy = engine.Policy;
const Status = @import("../../status.zig").Status;
const Target = @import("../../result.zig").Target;

pub fn BatchTask(comptime Net: type, comptime Poller: type) type {
    return struct {
        task: Task,
        gpa: std.mem.Allocator,
        net: *Net,
        batch: Batch,
        policy: Policy,
        filter: []u8,
        target: ?Target,
        parts: []PartRun = &.{},
        running: u32 = 0,
        /// What the failures of the round at hand allow for.
        retry: executor.Retry = .no,
        /// `pump` is at work further up the stack.
        is_pumping: bool = false,
        timer: engine.Timer(Net),

        const This = @This();
        const Cluster = cluster.Cluster(Net);
        const Batch = batch_module.Batch(Net);
        const Exchange = engine.Exchange(Net);
        const Task = engine.Task(Net, Poller);

        const PartRun = struct {
            run: *This,
            part: *Batch.Part,
            exchange: Exchange,
            frame: wire.Buffer,
            /// The frame as it is sent, when that is deflated.
            deflated: wire.Buffer,
            failure: Failure = .{},
            state: enum { queued, running, ended } = .queued,
            /// The server ended the reply before all rows were answered.
            is_refused: bool = false,
            is_counted_as_sent: bool = false,

            fn countAsSent(part: *PartRun) void {
                if (part.is_counted_as_sent) return;
                part.is_counted_as_sent = true;
                part.run.batch.markSent(part.part);
            }
        };

        /// `bytes` must stay as long as the task. The result is appended to `out`, or put into the
        /// target.
        pub fn create(
            gpa: std.mem.Allocator,
            owner: *Cluster,
            net: *Net,
            kind_of: batch_module.Kind,
            bytes: []const u8,
            policy: *const Policy,
            target: ?Target,
            out: wire.Buffer,
            failure: *Failure,
        ) error{Failed}!*This {
            const run = gpa.create(This) catch return outOfMemory(failure);
            errdefer gpa.destroy(run);
            const filter = gpa.dupe(u8, policy.filter) catch return outOfMemory(failure);
            errdefer gpa.free(filter);
            run.* = .{
                .task = .{ .kind = &kind, .out = out },
                .gpa = gpa,
                .net = net,
                .batch = undefined,
                .policy = policy.*,
                .filter = filter,
                .target = target,
                .timer = .{ .owner = .{ .call = .{ .context = run, .function = onTime } } },
            };
            run.policy.filter = filter;
            run.batch.init(gpa, owner, &run.policy, target, net.now());
            errdefer run.batch.deinit();
            try run.batch.parse(kind_of, bytes, failure);
            return run;
        }

        /// It is over, or was never started.
        pub fn destroy(run: *This) void {
            assert(run.running == 0);
            run.releaseParts();
            run.batch.deinit();
            run.gpa.free(run.filter);
            run.gpa.destroy(run);
        }

        pub fn rowCount(run: *const This) u32 {
            return @intCast(run.batch.rows.len);
        }

        /// One node is asked at a time: there is nothing that a loop would do better.
        pub fn isSequential(run: *const This) bool {
            return !run.policy.concurrent or run.batch.rows.len <= 1 or
                run.batch.cluster.nodeCount() <= 1;
        }

        const kind: Task.Kind = .{
            .start = start,
            .abort = abort,
            .measure = measure,
            .has_changed = hasChanged,
        };

        fn from(task: *Task) *This {
            return @fieldParentPtr("task", task);
        }

        fn start(task: *Task) void {
            from(task).startRound();
        }

        fn abort(task: *Task) bool {
            const run = from(task);
            task.driver.unschedule(&run.timer);
            for (run.parts) |*part| {
                if (part.state == .running) {
                    if (part.exchange.sent) part.countAsSent();
                    task.driver.cancel(&part.exchange);
                }
                part.state = .ended;
            }
            run.running = 0;
            return run.batch.abort();
        }

        fn hasChanged(task: *Task) bool {
            return from(task).batch.isInDoubt();
        }

        fn measure(task: *Task, status: Status) void {
            const run = from(task);
            run.batch.measure(status, run.net.now());
        }

        fn startRound(run: *This) void {
            run.releaseParts();
            run.retry = .free;
            run.batch.failure = .{};
            run.divide() catch {
                run.retry = .no;
                run.batch.failure.set(.out_of_memory, "out of memory for the batch", .{});
                return run.roundOver();
            };
            run.pump();
        }

        fn divide(run: *This) error{OutOfMemory}!void {
            try run.batch.divide();
            const parts = try run.gpa.alloc(PartRun, run.batch.parts.items.len);
            for (parts, run.batch.parts.items) |*part, *source| part.* = .{
                .run = run,
                .part = source,
                .exchange = undefined,
                .frame = .growing(run.gpa, &.{}, request.frame_bytes_max),
                .deflated = .growing(run.gpa, &.{}, request.frame_bytes_max),
            };
            run.parts = parts;
        }

        fn releaseParts(run: *This) void {
            for (run.parts) |*part| {
                part.frame.deinit();
                part.deflated.deinit();
            }
            run.gpa.free(run.parts);
            run.parts = &.{};
        }

        /// Starts what may run now, and ends the round when nothing is left.
        fn pump(run: *This) void {
            // An exchange that ends at once comes back here from `begin`.
            if (run.is_pumping) return;
            run.is_pumping = true;
            while (run.startable()) |part| run.startPart(part);
            run.is_pumping = false;
            if (run.running == 0) run.roundOver();
        }

        fn startable(run: *This) ?*PartRun {
            if (!run.policy.concurrent and run.running > 0) return null;
            for (run.parts) |*part| {
                if (part.state != .queued) continue;
                const is_busy = for (run.parts) |*other| {
                    if (other.state == .running and other.part.node == part.part.node) break true;
                } else false;
                if (!is_busy) return part;
            }
            return null;
        }

        fn startPart(run: *This, part: *PartRun) void {
            const now_ns = run.task.driver.now();
            run.batch.encode(part.part, now_ns, &part.frame) catch {
                part.state = .ended;
                part.failure.set(
                    .invalid_argument,
                    "the batch is too large for one frame",
                    .{},
                );
                return run.partFailed(part, .no);
            };
            part.state = .running;
            run.running += 1;
            part.exchange = .{
                .node = part.part.node,
                .frame = compression.pack(
                    run.gpa,
                    &run.policy,
                    part.frame.written(),
                    &part.deflated,
                ),
                .limits = .of(&run.batch.attempts),
                .handler = &handler,
                .failure = &part.failure,
                .is_movable = !run.batch.hasWrites(),
            };
            run.task.driver.begin(&part.exchange);
        }

        const handler: Exchange.Handler = .{ .on_frame = onFrame, .on_end = onEnd };

        fn onFrame(exchange: *Exchange, frame: Frame) engine.FrameResult {
            const part: *PartRun = @fieldParentPtr("exchange", exchange);
            const batch = &part.run.batch;
            // Before the first row is judged: whether a write is in doubt depends on it.
            part.countAsSent();
            const absorbed = batch.absorb(part.part, frame) catch |err| {
                reply.describe(err, &part.failure);
                exchange.verdict = executor.judgeClient(part.failure.status);
                part.is_refused = true;
                return .done_close;
            };
            switch (absorbed) {
                .more => return .more,
                .done => return .done,
                .refused => |status| {
                    const verdict = exchange.settle(status);
                    reply.setServerFailure(status, &part.failure);
                    part.is_refused = true;
                    // Nothing of it was carried out.
                    if (verdict.retry == .free) batch.unmarkSent(part.part);
                    return if (verdict.connection_usable) .done else .done_close;
                },
            }
        }

        fn onEnd(exchange: *Exchange, ok: bool) void {
            const part: *PartRun = @fieldParentPtr("exchange", exchange);
            const run = part.run;
            assert(part.state == .running);
            part.state = .ended;
            run.running -= 1;
            if (exchange.sent) part.countAsSent();
            run.batch.attempts.prolong(exchange.limits.deadline_ns);
            if (!ok or part.is_refused) run.partFailed(part, exchange.verdict.retry);
            run.pump();
        }

        /// The least that any failure allows for is what the round allows for.
        fn partFailed(run: *This, part: *PartRun, retry: executor.Retry) void {
            if (@backingInt(retry) < @backingInt(run.retry)) run.retry = retry;
            run.batch.partFailed(part.part, &part.failure);
        }

        fn roundOver(run: *This) void {
            const batch = &run.batch;
            switch (batch.failure.status) {
                .interrupted => return run.task.abort(.interrupted, engine.interrupted_text),
                .client_abort => return run.task.abort(.client_abort, engine.closed_text),
                else => {},
            }
            switch (batch.conclude(run.retry, run.task.driver.now())) {
                .done => run.finish(),
                .retry_at_ns => |at_ns| run.task.driver.schedule(&run.timer, at_ns),
            }
        }

        fn finish(run: *This) void {
            const batch = &run.batch;
            const failure = &run.task.failure;
            if (run.target) |target| batch.complete(target) catch {
                outOfMemory(failure) catch {};
                return run.task.over();
            };
            batch.check(failure) catch return run.task.over();
            if (run.target == null) batch.write(&run.task.out) catch |err| {
                reply.describe(err, failure);
                failure.in_doubt = batch.isInDoubt();
            };
            run.task.over();
        }

        fn onTime(context: *anyopaque) void {
            const run: *This = @ptrCast(@alignCast(context));
            run.startRound();
        }

        fn outOfMemory(failure: *Failure) error{Failed} {
            failure.set(.out_of_memory, "out of memory for the batch", .{});
            return error.Failed;
        }
    };
}
