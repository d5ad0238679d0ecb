//! A batch in progress whose rows are handed out together, in the order of the request. How it
//! proceeds is in `batch_rounds.zig`.

const std = @import("std");
const batch_module = @import("batch.zig");
const cluster = @import("../../cluster.zig");
const engine = @import("../../engine.zig");
const reply = @import("../record/reply.zig");
const wire = @import("../../wire.zig");
const BatchRounds = @import("batch_rounds.zig").BatchRounds;
const Failure = @import("../../status.zig").Failure;
const Policy = engine.Policy;
const Status = @import("../../status.zig").Status;
const Target = @import("../../result.zig").Target;

pub fn BatchTask(comptime Net: type, comptime Poller: type) type {
    return struct {
        task: Task,
        gpa: std.mem.Allocator,
        rounds: Rounds,

        const This = @This();
        const Cluster = cluster.Cluster(Net);
        const Rounds = BatchRounds(Net, Poller);
        const Task = engine.Task(Net, Poller);

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
            run.task = .{ .kind = &kind, .out = out };
            run.gpa = gpa;
            const rounds_owner: Rounds.Owner = .{ .on_rows = onRows, .on_over = onOver };
            try run.rounds
                .init(gpa, owner, net, kind_of, bytes, policy, target, rounds_owner, failure);
            return run;
        }

        /// It is over, or was never started.
        pub fn destroy(run: *This) void {
            run.rounds.deinit();
            run.gpa.destroy(run);
        }

        pub fn rowCount(run: *const This) u32 {
            return @intCast(run.rounds.batch.rows.len);
        }

        /// One node is asked at a time: there is nothing that a loop would do better.
        pub fn isSequential(run: *const This) bool {
            const batch = &run.rounds.batch;
            return !run.rounds.policy.concurrent or batch.rows.len <= 1 or
                batch.cluster.nodeCount() <= 1;
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
            from(task).rounds.start(task.driver);
        }

        fn abort(task: *Task) bool {
            const run = from(task);
            run.rounds.cancel();
            return run.rounds.batch.abort();
        }

        fn hasChanged(task: *Task) bool {
            return from(task).rounds.batch.isInDoubt();
        }

        fn measure(task: *Task, status: Status) void {
            const run = from(task);
            run.rounds.batch.measure(status, run.rounds.net.now());
        }

        /// They are handed out at the end.
        fn onRows(_: *Rounds) void {}

        fn onOver(rounds: *Rounds, how: Rounds.Over) void {
            const run: *This = @fieldParentPtr("rounds", rounds);
            switch (how) {
                .done => run.finish(),
                .interrupted => run.task.abort(.interrupted, engine.interrupted_text),
                .client_abort => run.task.abort(.client_abort, engine.closed_text),
            }
        }

        fn finish(run: *This) void {
            const batch = &run.rounds.batch;
            const failure = &run.task.failure;
            if (batch.target) |target| batch.complete(target) catch {
                outOfMemory(failure) catch {};
                return run.task.over();
            };
            batch.check(failure) catch return run.task.over();
            if (batch.target == null) batch.write(&run.task.out) catch |err| {
                reply.describe(err, failure);
                failure.in_doubt = batch.isInDoubt();
            };
            run.task.over();
        }

        fn outOfMemory(failure: *Failure) error{Failed} {
            failure.set(.out_of_memory, "out of memory for the batch", .{});
            return error.Failed;
        }
    };
}
