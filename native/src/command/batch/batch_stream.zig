//! A batch whose rows are handed out as they are answered, pulled by its owner.
//!
//! A pull is a task that is over when there are rows to hand out; it runs on a loop, always the same
//! one. Between pulls nothing is sent or read, as with queries: what is unread stays in the sockets,
//! and further parts are asked for when the rows of earlier ones have been handed out. So memory holds
//! the keys, and of the records what has arrived together.
//!
//! The time between two pulls is the owner's: no timeout counts it. Nor are retries counted of reads
//! as long as each round brings rows, as a server gives up on who does not take its answers.
//!
//! One pull at a time, by the loop's thread; `measureOnce` alone may come from any.

const std = @import("std");
const assert = std.debug.assert;
const batch_module = @import("batch.zig");
const cluster = @import("../../cluster.zig");
const engine = @import("../../engine.zig");
const reply = @import("../record/reply.zig");
const wire = @import("../../wire.zig");
const BatchRounds = @import("batch_rounds.zig").BatchRounds;
const Failure = @import("../../status.zig").Failure;
const Policy = engine.Policy;
const Status = @import("../../status.zig").Status;
const msgpack = wire.msgpack;

/// A pull hands out no more than this and a row.
const chunk_bytes = 256 * 1024;

pub fn BatchStream(comptime Net: type, comptime Poller: type) type {
    return struct {
        gpa: std.mem.Allocator,
        request: []u8,
        rounds: Rounds,
        has_writes: bool,
        /// Null before the first pull.
        loop: ?*Loop = null,
        state: State = .open,
        /// Why it failed.
        failure: Failure = .{},
        /// Of the rows that are answered, how many were handed out.
        handed: usize = 0,
        is_measured: std.atomic.Value(bool) = .init(false),
        /// The pull.
        task: Task,
        is_pulling: bool = false,
        held_since_ns: u64 = 0,
        events: Loop.Deferred = .{ .function = onEvents },

        const This = @This();
        const Cluster = cluster.Cluster(Net);
        const Loop = engine.Loop(Net, Poller);
        const Rounds = BatchRounds(Net, Poller);
        const Task = engine.Task(Net, Poller);

        const State = enum {
            open,
            /// Every row is answered.
            complete,
            failed,
        };

        /// Checks the request; no network is touched.
        pub fn create(
            gpa: std.mem.Allocator,
            net: *Net,
            owner: *Cluster,
            kind_of: batch_module.Kind,
            request_bytes: []const u8,
            policy: *const Policy,
            failure: *Failure,
        ) error{Failed}!*This {
            const stream = gpa.create(This) catch return outOfMemory(failure);
            errdefer gpa.destroy(stream);
            const bytes = gpa.dupe(u8, request_bytes) catch return outOfMemory(failure);
            errdefer gpa.free(bytes);
            stream.* = .{
                .gpa = gpa,
                .request = bytes,
                .rounds = undefined,
                .has_writes = undefined,
                .task = .{ .kind = &kind, .out = .fixed(&.{}) },
            };
            const rounds_owner: Rounds.Owner = .{ .on_rows = onRows, .on_over = onOver };
            try stream.rounds
                .init(gpa, owner, net, kind_of, bytes, policy, null, rounds_owner, failure);
            errdefer stream.rounds.deinit();
            stream.rounds.batch.listAnswers() catch return outOfMemory(failure);
            stream.has_writes = stream.rounds.batch.hasWrites();
            return stream;
        }

        /// By the loop's thread. Closes the connections of parts that have not ended.
        pub fn destroy(stream: *This) void {
            assert(!stream.is_pulling);
            if (stream.loop) |loop| {
                stream.rounds.cancel();
                loop.forgetDeferred(&stream.events);
            }
            stream.measureOnce();
            stream.rounds.deinit();
            stream.gpa.free(stream.request);
            stream.gpa.destroy(stream);
        }

        /// Counts the batch, which has ended or is given up. Any thread; the first call counts.
        pub fn measureOnce(stream: *This) void {
            stream.measureAs(.ok);
        }

        fn measureAs(stream: *This, status: Status) void {
            if (stream.is_measured.swap(true, .monotonic)) return;
            stream.rounds.batch.measure(status, stream.rounds.net.now());
        }

        /// Prepares the next pull, whose rows go to `out` as a MessagePack array, which stays empty at
        /// the end.
        pub fn prepare(stream: *This, out: wire.Buffer) *Task {
            assert(!stream.is_pulling);
            stream.task.out = out;
            stream.task.failure = .{};
            stream.task.is_over = false;
            return &stream.task;
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
            const stream = from(task);
            const loop = task.driver.loop;
            assert(stream.loop == null or stream.loop == loop);
            stream.is_pulling = true;
            if (stream.loop == null) {
                stream.loop = loop;
                stream.rounds.start(task.driver);
            } else {
                stream.rounds.resumeAll(loop.now() -| stream.held_since_ns);
            }
            stream.advance();
        }

        /// The batch itself goes on with the next pull.
        fn abort(task: *Task) bool {
            const stream = from(task);
            stream.hold();
            return stream.rounds.batch.isInDoubt();
        }

        fn hold(stream: *This) void {
            stream.is_pulling = false;
            const loop = stream.loop.?;
            stream.held_since_ns = loop.now();
            stream.rounds.hold();
        }

        /// A pull is not counted; the batch is, as a whole, when it has ended.
        fn measure(task: *Task, status: Status) void {
            if (status == .client_abort or status == .no_descriptor) from(task).measureAs(status);
        }

        fn hasChanged(task: *Task) bool {
            return from(task).rounds.batch.isInDoubt();
        }

        fn onRows(rounds: *Rounds) void {
            const stream: *This = @fieldParentPtr("rounds", rounds);
            if (!stream.has_writes) rounds.batch.attempts.failed = 0;
            stream.loop.?.afterEvents(&stream.events);
        }

        fn onOver(rounds: *Rounds, how: Rounds.Over) void {
            const stream: *This = @fieldParentPtr("rounds", rounds);
            const failure = &stream.failure;
            stream.state = .failed;
            switch (how) {
                .interrupted => failure.set(.interrupted, engine.interrupted_text, .{}),
                .client_abort => failure.set(.client_abort, engine.closed_text, .{}),
                .done => if (stream.handed > 0) {
                    stream.state = .complete;
                } else if (rounds.batch.check(failure)) {
                    stream.state = .complete;
                } else |_| {},
            }
            if (stream.state == .failed and how != .done) {
                failure.in_doubt = rounds.batch.isInDoubt();
            }
            stream.measureAs(failure.status);
            stream.loop.?.afterEvents(&stream.events);
        }

        fn onEvents(deferred: *Loop.Deferred) void {
            const stream: *This = @fieldParentPtr("events", deferred);
            if (stream.is_pulling) stream.advance();
        }

        /// Hands out at least one row, unless there are none left, and ends the pull then. Otherwise
        /// what the network brings comes back here.
        fn advance(stream: *This) void {
            assert(stream.is_pulling);
            const failure = &stream.task.failure;
            const has_rows = stream.handed < stream.rounds.batch.answered;
            switch (stream.state) {
                .open => if (!has_rows) return,
                .complete => {},
                .failed => failure.* = stream.failure,
            }
            if (stream.state != .failed and has_rows) stream.writeRows() catch |err| {
                reply.describe(err, failure);
                failure.in_doubt = stream.rounds.batch.isInDoubt();
            };
            stream.hold();
            stream.task.over();
        }

        fn writeRows(stream: *This) wire.Buffer.Error!void {
            const batch = &stream.rounds.batch;
            const out = &stream.task.out;
            const header = try msgpack.beginArray(out);
            var count: u32 = 0;
            while (stream.handed + count < batch.answered) {
                if (out.end - header >= chunk_bytes) break;
                try batch.writeRow(&batch.rows[batch.answers[stream.handed + count]], out);
                count += 1;
            }
            msgpack.endArray(out, header, count);
            stream.handed += count;
            if (stream.handed == batch.answered) batch.results.clear();
        }

        fn outOfMemory(failure: *Failure) error{Failed} {
            failure.set(.out_of_memory, "out of memory for the batch", .{});
            return error.Failed;
        }
    };
}
