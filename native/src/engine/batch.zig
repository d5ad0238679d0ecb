//! A batch in the hands of the event loop: its parts run at the same time, one for each node, and
//! the round is over when the last of them has ended. The rules are those of `command/batch.zig`.
//!
//! Belongs to the loop's thread, but for `init` and `deinit`.

const std = @import("std");
const assert = std.debug.assert;
const batch_module = @import("../command/batch.zig");
const cluster = @import("../cluster.zig");
const executor = @import("../command/executor.zig");
const loop_module = @import("loop.zig");
const reply = @import("../command/reply.zig");
const request = @import("../command/request.zig");
const wire = @import("../wire.zig");
const Failure = @import("../status.zig").Failure;
const Frame = @import("../command/exchange.zig").Frame;
const Policy = @import("../command/policy.zig").Policy;
const Table = @import("../result.zig").columns.Table;

pub fn BatchRun(comptime Net: type, comptime Poller: type) type {
    return struct {
        gpa: std.mem.Allocator,
        loop: *Loop,
        batch: Batch,
        policy: Policy,
        filter: []u8,
        table: ?*Table,
        parts: []PartRun = &.{},
        running: u32 = 0,
        retry_allowed: bool = true,
        /// `pump` is at work further up the stack.
        is_pumping: bool = false,
        is_over: bool = false,
        retry: Loop.Timer,
        on_over: *const fn (*This) void,
        /// Of whoever is told by `on_over`.
        context: *anyopaque,

        const This = @This();
        const Loop = loop_module.Loop(Net, Poller);
        const Cluster = cluster.Cluster(Net);
        const Batch = batch_module.Batch(Net);

        const PartRun = struct {
            run: *This,
            part: *Batch.Part,
            exchange: Loop.Exchange,
            frame: wire.Buffer,
            failure: Failure = .{},
            state: enum { queued, running, ended } = .queued,
            refused: ?executor.Verdict = null,
            counted_as_sent: bool = false,

            fn countAsSent(part: *PartRun) void {
                if (part.counted_as_sent) return;
                part.counted_as_sent = true;
                part.run.batch.markSent(part.part);
            }
        };

        /// Any thread. `bytes` must stay as long as the run.
        pub fn create(
            gpa: std.mem.Allocator,
            owner: *Cluster,
            kind: batch_module.Kind,
            bytes: []const u8,
            policy: *const Policy,
            table: ?*Table,
            now_ns: u64,
            failure: *Failure,
        ) error{Failed}!*This {
            const run = gpa.create(This) catch return outOfMemory(failure);
            errdefer gpa.destroy(run);
            const filter = gpa.dupe(u8, policy.filter) catch return outOfMemory(failure);
            errdefer gpa.free(filter);
            run.* = .{
                .gpa = gpa,
                .loop = undefined,
                .batch = undefined,
                .policy = policy.*,
                .filter = filter,
                .table = table,
                .retry = .{ .owner = .{ .call = .{ .context = run, .function = onRetryTime } } },
                .on_over = undefined,
                .context = undefined,
            };
            run.policy.filter = filter;
            run.batch.init(gpa, owner, &run.policy, table, now_ns);
            errdefer run.batch.deinit();
            try run.batch.parse(kind, bytes, failure);
            return run;
        }

        pub fn destroy(run: *This) void {
            assert(run.running == 0);
            run.releaseParts();
            run.batch.deinit();
            run.gpa.free(run.filter);
            run.gpa.destroy(run);
        }

        /// `on_over` is called once, maybe before this returns.
        pub fn start(run: *This, loop: *Loop, on_over: *const fn (*This) void) void {
            run.loop = loop;
            run.on_over = on_over;
            run.startRound();
        }

        /// Ends without `on_over`. True when writes may have taken effect all the same.
        pub fn abort(run: *This) bool {
            run.loop.unschedule(&run.retry);
            for (run.parts) |*part| {
                if (part.state == .running) {
                    if (part.exchange.sent) part.countAsSent();
                    run.loop.cancel(&part.exchange);
                }
                part.state = .ended;
            }
            run.running = 0;
            return run.batch.abort();
        }

        fn startRound(run: *This) void {
            run.releaseParts();
            run.retry_allowed = true;
            run.batch.failure = .{};
            run.divide() catch {
                run.retry_allowed = false;
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
            };
            run.parts = parts;
        }

        fn releaseParts(run: *This) void {
            for (run.parts) |*part| part.frame.deinit();
            run.gpa.free(run.parts);
            run.parts = &.{};
        }

        /// Starts what may run now, and ends the round when nothing is left.
        fn pump(run: *This) void {
            // An exchange that fails at once comes back here from `begin`.
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
            run.batch.encode(part.part, &part.frame) catch {
                part.state = .ended;
                part.failure.set(
                    .invalid_argument,
                    "the batch is too large for one frame",
                    .{},
                );
                return run.partFailed(part, executor.judgeClient(part.failure.status));
            };
            part.state = .running;
            run.running += 1;
            part.exchange = .{
                .node = part.part.node,
                .frame = part.frame.written(),
                .limits = .{
                    .deadline_ns = run.batch.attempts.deadline_ns,
                    .socket_timeout_ns = run.batch.attempts.socket_timeout_ns,
                },
                .handler = &handler,
                .failure = &part.failure,
            };
            run.loop.begin(&part.exchange);
        }

        const handler: Loop.Handler = .{ .on_frame = onFrame, .on_end = onEnd };

        fn onFrame(exchange: *Loop.Exchange, frame: Frame) Loop.FrameResult {
            const part: *PartRun = @fieldParentPtr("exchange", exchange);
            const batch = &part.run.batch;
            // Before the first row is judged: whether a write is in doubt depends on it.
            part.countAsSent();
            const absorbed = batch.absorb(part.part, frame) catch |err| {
                reply.describe(err, &part.failure);
                part.refused = executor.judgeClient(part.failure.status);
                return .done_close;
            };
            switch (absorbed) {
                .more => return .more,
                .done => return .done,
                .refused => |status| {
                    const verdict = executor.settle(exchange.node, batch.cluster, status);
                    reply.setServerFailure(status, &part.failure);
                    part.refused = verdict;
                    return if (verdict.connection_usable) .done else .done_close;
                },
            }
        }

        fn onEnd(exchange: *Loop.Exchange, ok: bool) void {
            const part: *PartRun = @fieldParentPtr("exchange", exchange);
            const run = part.run;
            assert(part.state == .running);
            part.state = .ended;
            run.running -= 1;
            if (exchange.sent) part.countAsSent();
            if (!ok) {
                run.partFailed(part, executor.judgeClient(part.failure.status));
            } else if (part.refused) |verdict| {
                run.partFailed(part, verdict);
            }
            run.pump();
        }

        fn partFailed(run: *This, part: *PartRun, verdict: executor.Verdict) void {
            if (!verdict.retry) run.retry_allowed = false;
            run.batch.partFailed(part.part, &part.failure);
        }

        fn roundOver(run: *This) void {
            assert(!run.is_over);
            switch (run.batch.conclude(run.retry_allowed, run.loop.now_ns)) {
                .done => {
                    run.is_over = true;
                    if (run.table) |table| run.batch.writeStatuses(table);
                    run.on_over(run);
                },
                .retry_at_ns => |at_ns| run.loop.schedule(&run.retry, at_ns),
            }
        }

        fn onRetryTime(context: *anyopaque) void {
            const run: *This = @ptrCast(@alignCast(context));
            run.startRound();
        }

        fn outOfMemory(failure: *Failure) error{Failed} {
            failure.set(.out_of_memory, "out of memory for the batch", .{});
            return error.Failed;
        }
    };
}
