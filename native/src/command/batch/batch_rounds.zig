//! The rounds of a batch: its parts run at the same time, one for each node, and a round is over
//! when the last of them has ended. What is asked and answered is in `batch.zig`; what becomes of
//! the answers is the owner's business, who may hold the rounds for a while.

const std = @import("std");
const assert = std.debug.assert;
const batch_module = @import("batch.zig");
const cluster = @import("../../cluster.zig");
const compression = @import("../record/compression.zig");
const engine = @import("../../engine.zig");
const executor = engine.executor;
const filter_text = @import("../filter_text.zig");
const reply = @import("../record/reply.zig");
const request = @import("../record/request.zig");
const wire = @import("../../wire.zig");
const Failure = @import("../../status.zig").Failure;
const Frame = engine.Frame;
const Policy = engine.Policy;
const Target = @import("../../result.zig").Target;

pub fn BatchRounds(comptime Net: type, comptime Poller: type) type {
    return struct {
        gpa: std.mem.Allocator,
        net: *Net,
        batch: Batch,
        policy: Policy,
        filter: []u8,
        owner: Owner,
        driver: Driver = undefined,
        state: State = .due,
        parts: []PartRun = &.{},
        running: u32 = 0,
        /// What the failures of the round at hand allow for.
        retry: executor.Retry = .no,
        /// `pump` is at work further up the stack.
        is_pumping: bool = false,
        /// Nothing new begins.
        is_held: bool = false,
        timer: engine.Timer(Net),

        const This = @This();
        const Cluster = cluster.Cluster(Net);
        const Batch = batch_module.Batch(Net);
        const Driver = engine.Task(Net, Poller).Driver;
        const Exchange = engine.Exchange(Net);

        /// Who wants the answers.
        pub const Owner = struct {
            /// Rows have been answered.
            on_rows: *const fn (*This) void,
            /// Nothing is left to ask, or to be asked again.
            on_over: *const fn (*This, Over) void,
        };

        pub const Over = enum {
            /// Every row has its answer, or why there is none.
            done,
            interrupted,
            client_abort,
        };

        const State = enum {
            /// A round is to begin.
            due,
            in_round,
            /// The next round has to wait.
            waiting,
            over,
        };

        const PartRun = struct {
            rounds: *This,
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
                part.rounds.batch.markSent(part.part);
            }
        };

        /// Makes it ready to start, in place. `bytes` must stay as long as it does.
        pub fn init(
            rounds: *This,
            gpa: std.mem.Allocator,
            cluster_of: *Cluster,
            net: *Net,
            kind: batch_module.Kind,
            bytes: []const u8,
            policy: *const Policy,
            target: ?Target,
            owner: Owner,
            failure: *Failure,
        ) error{Failed}!void {
            const filter = gpa.dupe(u8, policy.filter) catch {
                failure.set(.out_of_memory, "out of memory for the batch", .{});
                return error.Failed;
            };
            errdefer gpa.free(filter);
            rounds.* = .{
                .gpa = gpa,
                .net = net,
                .batch = undefined,
                .policy = policy.*,
                .filter = filter,
                .owner = owner,
                .timer = .{ .owner = .{ .call = .{ .context = rounds, .function = onTime } } },
            };
            rounds.policy.filter = filter;
            rounds.batch.init(gpa, cluster_of, &rounds.policy, target, net.now());
            errdefer rounds.batch.deinit();
            try rounds.batch.parse(kind, bytes, failure);
            try filter_text.check(cluster_of, filter, failure);
            for (rounds.batch.actions.items) |*action| {
                if (action.filter.len != 0) try filter_text.check(cluster_of, action.filter, failure);
            }
        }

        /// It is over, was cancelled, or was never started.
        pub fn deinit(rounds: *This) void {
            assert(rounds.running == 0);
            rounds.releaseParts();
            rounds.batch.deinit();
            rounds.gpa.free(rounds.filter);
        }

        /// May be over before it returns.
        pub fn start(rounds: *This, driver: Driver) void {
            rounds.driver = driver;
            rounds.go();
        }

        /// Ends what is under way; `on_over` is not called.
        pub fn cancel(rounds: *This) void {
            if (rounds.state == .waiting) rounds.driver.unschedule(&rounds.timer);
            for (rounds.parts) |*part| {
                if (part.state == .running) {
                    if (part.exchange.sent) part.countAsSent();
                    rounds.driver.cancel(&part.exchange);
                }
                part.state = .ended;
            }
            rounds.running = 0;
            rounds.state = .over;
        }

        /// From now on nothing is sent, and on a loop nothing read, until `resumeAll`. A loop of the
        /// owner's own does not run meanwhile.
        pub fn hold(rounds: *This) void {
            rounds.is_held = true;
            const loop = rounds.driver.loop;
            if (loop.connections == .shared) return;
            for (rounds.parts) |*part| {
                if (part.state == .running) loop.pause(&part.exchange);
            }
        }

        /// Goes on after a pause, which is not the nodes' time.
        pub fn resumeAll(rounds: *This, pause_ns: u64) void {
            rounds.is_held = false;
            rounds.batch.attempts.deadline_ns +|= pause_ns;
            for (rounds.parts) |*part| {
                if (part.state != .running) continue;
                part.exchange.limits.deadline_ns +|= pause_ns;
                rounds.driver.loop.restart(&part.exchange);
            }
            rounds.go();
        }

        fn go(rounds: *This) void {
            switch (rounds.state) {
                .due => rounds.startRound(),
                .in_round => rounds.pump(),
                .waiting, .over => {},
            }
        }

        fn startRound(rounds: *This) void {
            rounds.releaseParts();
            rounds.state = .in_round;
            rounds.retry = .free;
            rounds.batch.failure = .{};
            rounds.divide() catch {
                rounds.retry = .no;
                rounds.batch.failure.set(.out_of_memory, "out of memory for the batch", .{});
                return rounds.roundOver();
            };
            rounds.pump();
        }

        fn divide(rounds: *This) error{OutOfMemory}!void {
            try rounds.batch.divide();
            const parts = try rounds.gpa.alloc(PartRun, rounds.batch.parts.items.len);
            for (parts, rounds.batch.parts.items) |*part, *source| part.* = .{
                .rounds = rounds,
                .part = source,
                .exchange = undefined,
                .frame = .growing(rounds.gpa, &.{}, request.frame_bytes_max),
                .deflated = .growing(rounds.gpa, &.{}, request.frame_bytes_max),
            };
            rounds.parts = parts;
        }

        fn releaseParts(rounds: *This) void {
            for (rounds.parts) |*part| {
                part.frame.deinit();
                part.deflated.deinit();
            }
            rounds.gpa.free(rounds.parts);
            rounds.parts = &.{};
        }

        /// Starts what may run now, and ends the round when nothing is left.
        fn pump(rounds: *This) void {
            // An exchange that ends at once comes back here from `begin`.
            if (rounds.is_pumping or rounds.is_held) return;
            rounds.is_pumping = true;
            while (rounds.startable()) |part| rounds.startPart(part);
            rounds.is_pumping = false;
            if (rounds.running == 0) rounds.roundOver();
        }

        fn startable(rounds: *This) ?*PartRun {
            if (!rounds.policy.concurrent and rounds.running > 0) return null;
            for (rounds.parts) |*part| {
                if (part.state != .queued) continue;
                const is_busy = for (rounds.parts) |*other| {
                    if (other.state == .running and other.part.node == part.part.node) break true;
                } else false;
                if (!is_busy) return part;
            }
            return null;
        }

        fn startPart(rounds: *This, part: *PartRun) void {
            const now_ns = rounds.driver.now();
            rounds.batch.encode(part.part, now_ns, &part.frame) catch {
                part.state = .ended;
                part.failure.set(
                    .invalid_argument,
                    "the batch is too large for one frame",
                    .{},
                );
                return rounds.partFailed(part, .no);
            };
            part.state = .running;
            rounds.running += 1;
            part.exchange = .{
                .node = part.part.node,
                .frame = compression.pack(
                    rounds.gpa,
                    &rounds.policy,
                    part.frame.written(),
                    &part.deflated,
                ),
                .limits = .of(&rounds.batch.attempts),
                .handler = &handler,
                .failure = &part.failure,
                .is_movable = !rounds.batch.hasWrites(),
            };
            rounds.driver.begin(&part.exchange);
        }

        const handler: Exchange.Handler = .{ .on_frame = onFrame, .on_end = onEnd };

        fn onFrame(exchange: *Exchange, frame: Frame) engine.FrameResult {
            const part: *PartRun = @fieldParentPtr("exchange", exchange);
            const batch = &part.rounds.batch;
            // Before the first row is judged: whether a write is in doubt depends on it.
            part.countAsSent();
            const absorbed = batch.absorb(part.part, frame) catch |err| {
                reply.describe(err, &part.failure);
                exchange.verdict = executor.judgeClient(part.failure.status);
                part.is_refused = true;
                return .done_close;
            };
            part.rounds.owner.on_rows(part.rounds);
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
            const rounds = part.rounds;
            assert(part.state == .running);
            part.state = .ended;
            rounds.running -= 1;
            if (exchange.sent) part.countAsSent();
            rounds.batch.attempts.prolong(exchange.limits.deadline_ns);
            if (!ok or part.is_refused) rounds.partFailed(part, exchange.verdict.retry);
            rounds.pump();
        }

        /// The least that any failure allows for is what the round allows for.
        fn partFailed(rounds: *This, part: *PartRun, retry: executor.Retry) void {
            if (@backingInt(retry) < @backingInt(rounds.retry)) rounds.retry = retry;
            rounds.batch.partFailed(part.part, &part.failure);
        }

        fn roundOver(rounds: *This) void {
            const batch = &rounds.batch;
            switch (batch.failure.status) {
                .interrupted => return rounds.over(.interrupted),
                .client_abort => return rounds.over(.client_abort),
                else => {},
            }
            switch (batch.conclude(rounds.retry, rounds.driver.now())) {
                .done => rounds.over(.done),
                .retry_at_ns => |at_ns| {
                    rounds.state = .waiting;
                    rounds.driver.schedule(&rounds.timer, at_ns);
                },
            }
        }

        fn over(rounds: *This, how: Over) void {
            rounds.state = .over;
            rounds.owner.on_over(rounds, how);
        }

        fn onTime(context: *anyopaque) void {
            const rounds: *This = @ptrCast(@alignCast(context));
            rounds.state = .due;
            if (!rounds.is_held) rounds.startRound();
        }
    };
}
