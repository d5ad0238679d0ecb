//! A query: a stream of records from all nodes, pulled by its owner.
//!
//! A pull is a task that is over when there are records to hand out; it runs on a loop, always the
//! same one. Between pulls nothing is read, which is all the backpressure that is needed: unread
//! records stay in the sockets and then in the servers. Frames are taken from the sockets as they
//! come, one or a few of each node; records are decoded when they are asked for, so that what the
//! tracker knows, and a token says, is what was handed out.
//!
//! The query runs in rounds (`partition_tracker.zig`). A stream that fails is not repeated; what
//! it did not send is asked for in the next round, of the next replica where there is one. Retries
//! are counted by rounds that brought nothing at all.
//!
//! One pull at a time, by the loop's thread; `writeToken` alone may come from any.

const std = @import("std");
const assert = std.debug.assert;
const clock = @import("../clock.zig");
const cluster = @import("../../cluster.zig");
const engine = @import("../../engine.zig");
const executor = engine.executor;
const filter_text = @import("../filter_text.zig");
const io = @import("../../io.zig");
const metrics = @import("../../metrics.zig");
const operate_reply = @import("../record/operate_reply.zig");
const query_reply = @import("query_reply.zig");
const query_request = @import("query_request.zig");
const reply = @import("../record/reply.zig");
const request = @import("../record/request.zig");
const tracker_module = @import("partition_tracker.zig");
const result = @import("../../result.zig");
const wire = @import("../../wire.zig");
const Earlier = @import("../../status.zig").Earlier;
const Failure = @import("../../status.zig").Failure;
const Frame = engine.Frame;
const Outcome = tracker_module.Outcome;
const Policy = engine.Policy;
const Status = @import("../../status.zig").Status;
const Arrow = result.Arrow;
const Table = result.Table;
const Target = result.Target;
const Tracker = tracker_module.Tracker;
const msgpack = wire.msgpack;

/// A chunk ends when it is as large as this.
const chunk_bytes = 256 * 1024;
/// Frames that arrived together; each node's are at most as large as the protocol allows.
const frames_bytes_max = 1 << 32;
/// Pauses between rounds that bring nothing: doubled each time.
const pause_ns_min = 20 * std.time.ns_per_ms;
const pause_ns_max = 1000 * std.time.ns_per_ms;

pub fn Query(comptime Net: type, comptime Poller: type) type {
    return struct {
        gpa: std.mem.Allocator,
        arena: std.heap.ArenaAllocator,
        net: *Net,
        cluster: *Cluster,
        namespace: *const cluster.Namespace,
        policy: Policy,
        asked: query_request.Query,
        tracker: Tracker,
        /// Null before the first pull.
        loop: ?*Loop = null,
        attempts: executor.Attempts,
        /// Of the rounds that were repeated.
        earlier: Earlier = .{},
        state: State = .between_rounds,
        streams: std.ArrayList(*Stream) = .empty,
        /// Streams whose end has not been seen.
        streaming: u32 = 0,
        /// Bodies of frames, one after the other.
        frames: wire.Buffer,
        segments: std.ArrayList(Segment) = .empty,
        /// The first segment that is not read to its end.
        segment_index: usize = 0,
        /// Records still wanted; null without a limit.
        records_left: ?u64,
        /// The round at hand has brought records.
        round_has_records: bool = false,
        /// Why the query ended, or the latest failure of a stream.
        failure: Failure = .{},
        /// What the nodes of the latest round that failed said.
        reasons: Reasons = .{},
        /// What was delivered, for predicates that match a record several times.
        delivered: std.AutoHashMapUnmanaged(wire.digest.Digest, void) = .empty,
        /// Held while what was handed out changes, and while a token is written of it.
        guard: io.sync.Mutex = .{},
        /// The pull.
        task: Task,
        sink: Sink = undefined,
        is_pulling: bool = false,
        is_measured: bool = false,
        events: Loop.Deferred = .{ .function = onEvents },
        /// Of the pause between two rounds.
        timer: engine.Timer(Net),
        is_pausing: bool = false,

        const This = @This();
        pub const Cluster = cluster.Cluster(Net);
        const Exchange = engine.Exchange(Net);
        const Loop = engine.Loop(Net, Poller);
        const Node = Cluster.Node;
        pub const Task = engine.Task(Net, Poller);

        const State = enum {
            between_rounds,
            in_round,
            /// All records have been handed out, or as many as were wanted.
            finished,
            failed,
        };

        const Segment = struct { stream: u16, start: usize, end: usize };

        const Stream = struct {
            query: *This,
            index: u16,
            exchange: Exchange,
            request: wire.Buffer,
            failure: Failure = .{},
            /// The exchange is in progress.
            is_active: bool = false,
            /// Null until the stream has ended, and what it sent has been read.
            outcome: ?Outcome = null,
            /// What the node was asked for; 0: all.
            records_max: u64 = 0,
            records: u64 = 0,
        };

        /// Checks the request; no network is touched.
        pub fn create(
            gpa: std.mem.Allocator,
            net: *Net,
            owner: *Cluster,
            request_bytes: []const u8,
            policy: *const Policy,
            failure: *Failure,
        ) error{Failed}!*This {
            var arena: std.heap.ArenaAllocator = .init(gpa);
            errdefer arena.deinit();
            var asked = try query_request.Query.parse(arena.allocator(), request_bytes, failure);
            if (asked.function != null) {
                return request.invalid(failure, "only a background query takes a function", .{});
            }
            const target = try executor.findNamespace(owner, asked.namespace, failure);
            try filter_text.check(owner, policy.filter, failure);
            var kept = policy.*;
            kept.filter = arena.allocator().dupe(u8, policy.filter) catch
                return outOfMemory(failure);
            var tracker = try startTracker(gpa, &asked, failure);
            errdefer tracker.deinit();
            const query = gpa.create(This) catch return outOfMemory(failure);
            query.* = .{
                .gpa = gpa,
                .arena = arena,
                .net = net,
                .cluster = owner,
                .namespace = target,
                .policy = kept,
                .asked = asked,
                .tracker = tracker,
                .attempts = .start(policy, net.now()),
                .frames = .growing(gpa, &.{}, frames_bytes_max),
                .records_left = if (asked.max_records == 0) null else asked.max_records,
                .task = .{ .kind = &kind, .out = .fixed(&.{}) },
                .timer = .{ .owner = .{ .call = .{ .context = query, .function = onTime } } },
            };
            return query;
        }

        fn startTracker(
            gpa: std.mem.Allocator,
            asked: *const query_request.Query,
            failure: *Failure,
        ) error{Failed}!Tracker {
            if (asked.token.len != 0) {
                const by_index = asked.where != null;
                return Tracker.fromToken(gpa, asked.token, &asked.mark(), by_index) catch |err|
                    switch (err) {
                        error.OutOfMemory => return outOfMemory(failure),
                        error.Malformed => return request.invalid(
                            failure,
                            "the token is none of a query, or is damaged",
                            .{},
                        ),
                        error.WrongQuery => return request.invalid(
                            failure,
                            "the token belongs to a query of another set or predicate",
                            .{},
                        ),
                    };
            }
            var tracker = Tracker.init(gpa, asked.first_partition, asked.partition_count) catch
                return outOfMemory(failure);
            if (asked.after) |*digest| tracker.startAfter(digest);
            return tracker;
        }

        /// By the loop's thread. Closes the connections of streams that have not ended, so that
        /// their servers stop.
        pub fn destroy(query: *This) void {
            assert(!query.is_pulling);
            if (query.loop) |loop| {
                query.endStreams();
                loop.forgetDeferred(&query.events);
                loop.unschedule(&query.timer);
            }
            query.measureOnce();
            query.streams.deinit(query.gpa);
            query.tracker.deinit();
            query.frames.deinit();
            query.segments.deinit(query.gpa);
            query.delivered.deinit(query.gpa);
            query.arena.deinit();
            query.gpa.destroy(query);
        }

        /// Counts the query, which has ended or is given up. Any thread; the first call counts.
        pub fn measureOnce(query: *This) void {
            query.guard.lock();
            defer query.guard.unlock();
            query.measureEnd(if (query.state == .failed) query.failure.status else .ok);
        }

        /// The same for what was ended from outside.
        fn measureAs(query: *This, status: Status) void {
            query.guard.lock();
            defer query.guard.unlock();
            query.measureEnd(status);
        }

        /// The guard is held.
        fn measureEnd(query: *This, status: Status) void {
            if (query.is_measured) return;
            query.is_measured = true;
            metrics.process.record(
                .query,
                query.asked.namespace,
                query.asked.set,
                status,
                query.net.now() -| query.attempts.started_ns,
            );
        }

        // Pulling.

        /// Prepares the next pull, whose records go to the target, or to `out` as a MessagePack
        /// array, which stays empty at the end. What was handed out before counts as read.
        pub fn prepare(query: *This, out: wire.Buffer, target: ?Target) *Task {
            assert(!query.is_pulling);
            query.guard.lock();
            defer query.guard.unlock();
            query.task.out = out;
            query.task.failure = .{};
            query.task.is_over = false;
            query.sink = if (target) |given| switch (given) {
                .table => |table| .{ .rows = .{ .table = table } },
                .arrow => |arrow| .{ .columns = .{ .arrow = arrow } },
            } else .{ .chunk = .{
                .gpa = query.gpa,
                .out = &query.task.out,
                .request = &query.asked.encoded,
            } };
            return &query.task;
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
            const query = from(task);
            const loop = task.driver.loop;
            assert(query.loop == null or query.loop == loop);
            query.loop = loop;
            query.is_pulling = true;
            switch (query.sink) {
                .chunk => |*chunk| chunk.begin() catch {
                    query.is_pulling = false;
                    return query.endPull(.failed);
                },
                .rows => |*rows| rows.table.mismatch = .{},
                .columns => {},
            }
            query.guard.lock();
            query.tracker.settle();
            const is_late = query.isLate();
            if (is_late) query.failLate() catch {};
            query.guard.unlock();
            if (is_late) {
                query.is_pulling = false;
                return query.endPull(.failed);
            }
            query.resumeWaits();
            query.advance();
        }

        /// What is still to come would be too late, so nobody goes on with what is at hand: each
        /// pull takes its owner some time.
        fn isLate(query: *const This) bool {
            if (query.loop.?.now() < query.attempts.deadline_ns or query.hasEnough()) return false;
            return switch (query.state) {
                .finished, .failed => false,
                .between_rounds => true,
                .in_round => for (query.streams.items) |stream| {
                    if (stream.is_active) break true;
                } else false,
            };
        }

        fn failLate(query: *This) error{Failed} {
            if (query.reasons.count == 0) query.failure.set(.timeout, "client timeout", .{});
            return query.failAfterRetries();
        }

        /// The query itself goes on with the next pull.
        fn abort(task: *Task) bool {
            const query = from(task);
            query.suspendWaits();
            query.is_pulling = false;
            return false;
        }

        /// A pull is not counted; the query is, as a whole, when it has ended.
        fn measure(task: *Task, status: Status) void {
            if (status == .client_abort or status == .no_descriptor) {
                from(task).measureAs(status);
            }
        }

        fn hasChanged(_: *Task) bool {
            return false;
        }

        const Pulled = enum { waiting, ready, failed };

        /// Gives at least one record to the sink, unless there are none left, and ends the pull
        /// then. Otherwise what the network brings comes back here.
        fn advance(query: *This) void {
            assert(query.is_pulling);
            query.guard.lock();
            const pulled = query.work() catch Pulled.failed;
            query.is_pulling = pulled == .waiting;
            query.guard.unlock();
            if (pulled != .waiting) query.endPull(pulled);
        }

        fn endPull(query: *This, pulled: Pulled) void {
            const failure = &query.task.failure;
            switch (pulled) {
                .waiting => unreachable,
                .ready => query.sink.finish(),
                .failed => if (query.state == .failed) {
                    failure.* = query.failure;
                } else {
                    outOfMemory(failure) catch {};
                },
            }
            query.suspendWaits();
            query.task.over();
        }

        fn work(query: *This) error{Failed}!Pulled {
            while (true) {
                switch (query.state) {
                    .finished => return .ready,
                    .failed => return error.Failed,
                    .between_rounds => {
                        if (query.is_pausing) return .waiting;
                        try query.startRound();
                    },
                    .in_round => if (query.hasEnough()) {
                        query.endStreams();
                        query.finish();
                        continue;
                    },
                }
                query.readSegments() catch |err| return query.giveUp(err);
                if (query.sink.isReady()) return .ready;
                if (query.streaming > 0) return .waiting;
                try query.endRound();
            }
        }

        /// All records have been handed out, of a query whose servers do not know how many that are.
        fn hasEnough(query: *const This) bool {
            const left = query.records_left orelse return false;
            return left == 0 and !query.asked.serversCount();
        }

        fn onEvents(deferred: *Loop.Deferred) void {
            const query: *This = @fieldParentPtr("events", deferred);
            if (query.is_pulling) query.advance();
        }

        fn onTime(context: *anyopaque) void {
            const query: *This = @ptrCast(@alignCast(context));
            query.is_pausing = false;
            if (query.is_pulling) query.advance();
        }

        /// How many records the last pull has taken.
        pub fn rowCount(query: *const This) u64 {
            return query.sink.count();
        }

        pub const Unread = union(enum) {
            records: u64,
            /// All of the pull at hand.
            pull,
        };

        /// Where a later query can go on, as if the last `unread` records had not been handed out;
        /// while a pull is under way or its records are still to be taken, after all that came
        /// before it. Appends nothing when there is nothing left. Any thread.
        pub fn writeToken(
            query: *This,
            unread: Unread,
            out: *wire.Buffer,
            failure: *Failure,
        ) error{Failed}!void {
            query.guard.lock();
            defer query.guard.unlock();
            const back = switch (unread) {
                .records => |count| count,
                .pull => query.sink.count(),
            };
            if (query.tracker.isDone() and back == 0) return;
            const by_index = query.asked.where != null;
            query.tracker.writeToken(&query.asked.mark(), by_index, back, out) catch |err|
                switch (err) {
                    error.InvalidArgument => return request.invalid(
                        failure,
                        "{d} records cannot be unread: only those of the last chunk",
                        .{back},
                    ),
                    error.OutOfMemory, error.NoSpaceLeft => return outOfMemory(failure),
                };
        }

        // Rounds.

        /// Deals out the partitions and asks their nodes.
        fn startRound(query: *This) error{Failed}!void {
            assert(query.streams.items.len == 0);
            assert(query.streaming == 0);
            const loop = query.loop.?;
            query.round_has_records = false;
            query.reasons = .{};
            query.assign() catch |err| return query.giveUp(err);
            const streams = query.streams.items;
            if (streams.len == 0) {
                query.failure.set(.invalid_node, "no active node for the query's partitions", .{});
                query.cluster.requestTend();
            }
            for (streams) |stream| {
                query.encode(stream) catch |err| return query.giveUp(err);
            }
            query.state = .in_round;
            query.streaming = @intCast(streams.len);
            for (streams) |stream| {
                stream.is_active = true;
                loop.begin(&stream.exchange);
            }
        }

        /// Gives every partition that is not done to the stream of its node.
        fn assign(query: *This) !void {
            query.tracker.beginRound();
            const policy = cluster.effectiveReplica(
                query.policy.replica.toCluster(),
                .{ .read = .session },
                query.namespace.isStrongConsistency(),
            );
            var last: ?*Stream = null;
            for (query.tracker.partitions, query.tracker.first..) |*partition, id| {
                if (partition.is_done) continue;
                var route: Cluster.Route = .{
                    .policy = policy,
                    .replica_index = partition.replica_index,
                    .previous = query.cluster.nodeAt(partition.failed),
                };
                const node = query.cluster.route(query.namespace, @intCast(id), &route) orelse
                    continue;
                partition.replica_index = route.replica_index;
                partition.asked = node.slot;
                // Neighbours often have different nodes, but there are few nodes.
                const stream = if (last != null and last.?.exchange.node == node)
                    last.?
                else
                    query.findStream(node) orelse try query.addStream(node);
                partition.stream = stream.index;
                last = stream;
            }
        }

        fn findStream(query: *This, node: *Node) ?*Stream {
            for (query.streams.items) |stream| {
                if (stream.exchange.node == node) return stream;
            }
            return null;
        }

        fn addStream(query: *This, node: *Node) error{OutOfMemory}!*Stream {
            const stream = try query.gpa.create(Stream);
            errdefer query.gpa.destroy(stream);
            stream.* = .{
                .query = query,
                .index = @intCast(query.streams.items.len),
                .request = .growing(query.gpa, &.{}, request.frame_bytes_max),
                .exchange = .{
                    .node = node,
                    .frame = &.{},
                    .limits = .of(&query.attempts),
                    .handler = &handler,
                    .failure = &stream.failure,
                    .is_movable = true,
                },
            };
            try query.streams.append(query.gpa, stream);
            return stream;
        }

        fn encode(query: *This, stream: *Stream) !void {
            const count = query.streams.items.len;
            const wanted = if (query.asked.serversCount()) query.records_left orelse 0 else 0;
            stream.records_max = tracker_module.share(wanted, count, stream.index);
            try query_request.encode(&query.asked, &query.policy, &.{
                .tracker = &query.tracker,
                .stream = stream.index,
                .records_max = stream.records_max,
                .task_id = io.random.integer(),
            }, &stream.request, &query.failure);
            stream.exchange.frame = stream.request.written();
        }

        /// All streams have ended: goes on, pauses, finishes or fails.
        fn endRound(query: *This) error{Failed}!void {
            assert(query.segment_index == query.segments.items.len);
            const pending_before = query.tracker.pending;
            const all_lack_index = query.allLackIndex();
            query.noteOutcomes() catch |err| return query.giveUp(err);
            query.endStreams();
            query.state = .between_rounds;
            if (query.tracker.isDone()) return query.finish();
            if (query.records_left) |left| if (left == 0) return query.finish();
            const has_progress = query.round_has_records or query.tracker.pending < pending_before;
            if (has_progress) {
                query.attempts.failed = 0;
                return;
            }
            query.attempts.failed += 1;
            const loop = query.loop.?;
            const at_ns = loop.now() +| query.pauseNs();
            const too_late = at_ns >= query.attempts.deadline_ns;
            if (all_lack_index or query.attempts.failed > query.policy.retries_max or too_late) {
                return query.failAfterRetries();
            }
            query.earlier.add(&query.failure);
            query.is_pausing = true;
            loop.schedule(&query.timer, at_ns);
        }

        fn pauseNs(query: *const This) u64 {
            const doublings: u6 = @intCast(@min(query.attempts.failed - 1, 10));
            const pause_ns = @min(@as(u64, pause_ns_min) << doublings, pause_ns_max);
            return @max(pause_ns, query.attempts.sleep_ns);
        }

        /// When no node at all knows the index, waiting for it to arrive is no use.
        fn allLackIndex(query: *const This) bool {
            for (query.streams.items) |stream| {
                if (stream.failure.status != .index_not_found) return false;
            }
            return query.streams.items.len > 0;
        }

        fn noteOutcomes(query: *This) error{OutOfMemory}!void {
            const streams = query.streams.items;
            const outcomes = try query.gpa.alloc(Outcome, streams.len);
            defer query.gpa.free(outcomes);
            for (outcomes, streams) |*outcome, stream| {
                outcome.* = stream.outcome.?;
                if (stream.failure.status == .ok) continue;
                query.failure = stream.failure;
                query.reasons.add(&stream.failure);
            }
            query.tracker.endRound(outcomes);
        }

        /// Cancels what is in progress, and forgets the streams and what they sent.
        fn endStreams(query: *This) void {
            for (query.streams.items) |stream| {
                if (stream.is_active) query.loop.?.cancel(&stream.exchange);
                stream.request.deinit();
                query.gpa.destroy(stream);
            }
            query.streams.clearRetainingCapacity();
            query.streaming = 0;
            query.forgetSegments();
        }

        fn forgetSegments(query: *This) void {
            query.segments.clearRetainingCapacity();
            query.segment_index = 0;
            query.frames.clear();
        }

        fn finish(query: *This) void {
            query.state = .finished;
            query.measureEnd(.ok);
        }

        fn failAfterRetries(query: *This) error{Failed} {
            const last = query.failure;
            // Nothing was repeated: the node's own words say it all.
            const is_late = query.loop.?.now() >= query.attempts.deadline_ns;
            const is_only = query.attempts.failed == 1 and last.status != .timeout and !is_late;
            if (is_only and query.reasons.count <= 1) return query.fail();
            const status: Status = if (is_late) .timeout else last.status;
            const text = "{s} ({d} of {d} partitions are left after {d} attempts in vain)";
            query.failure.set(status, text, .{
                if (query.reasons.count > 0) query.reasons.text() else last.message(),
                query.tracker.pending,
                query.tracker.partitions.len,
                query.attempts.failed,
            });
            query.failure.setNode(last.node());
            return query.fail();
        }

        fn fail(query: *This) error{Failed} {
            assert(query.failure.status != .ok);
            query.failure.attempts = std.math.lossyCast(u16, query.attempts.failed);
            query.earlier.copyTo(&query.failure.earlier);
            query.endStreams();
            query.state = .failed;
            query.measureEnd(query.failure.status);
            return error.Failed;
        }

        /// For errors that no retry helps with. With `Failed`, the query's failure is set.
        fn giveUp(query: *This, err: anyerror) error{Failed} {
            switch (err) {
                error.Failed => {},
                error.OutOfMemory, error.NoSpaceLeft => {
                    query.failure.set(.out_of_memory, "out of memory for the query", .{});
                },
                error.NestingTooDeep => query.failure.set(
                    .client,
                    "a value is nested deeper than {d} levels",
                    .{wire.particle.depth_max},
                ),
                else => query.failure.set(.client, "the reply is malformed ({t})", .{err}),
            }
            return query.fail();
        }

        // Waiting.

        /// The time that the owner took between two pulls is not the nodes'.
        fn resumeWaits(query: *This) void {
            for (query.streams.items) |stream| {
                if (stream.is_active) query.loop.?.restart(&stream.exchange);
            }
        }

        /// Nothing is read until the next pull. A loop of the query's own does not run meanwhile.
        fn suspendWaits(query: *This) void {
            const loop = query.loop orelse return;
            if (loop.connections == .shared) return;
            for (query.streams.items) |stream| {
                if (stream.is_active) loop.pause(&stream.exchange);
            }
        }

        const handler: Exchange.Handler = .{ .on_frame = onFrame, .on_end = onEnd };

        fn onFrame(exchange: *Exchange, frame: Frame) engine.FrameResult {
            const stream: *Stream = @fieldParentPtr("exchange", exchange);
            stream.query.keepFrame(stream, frame) catch |err| {
                const status: Status = if (err == error.OutOfMemory) .out_of_memory else .client;
                stream.failure.set(status, "a frame of the reply cannot be kept: {t}", .{err});
                exchange.verdict = executor.judgeClient(status);
                return .done_close;
            };
            stream.query.loop.?.afterEvents(&stream.query.events);
            // Only reading the frame shows whether it is the last.
            return .more;
        }

        fn keepFrame(query: *This, stream: *const Stream, frame: Frame) !void {
            if (frame.kind != .message) return error.Malformed;
            const offset = query.frames.end;
            try query.frames.append(frame.body);
            try query.segments.append(query.gpa, .{
                .stream = stream.index,
                .start = offset,
                .end = query.frames.end,
            });
        }

        fn onEnd(exchange: *Exchange, ok: bool) void {
            const stream: *Stream = @fieldParentPtr("exchange", exchange);
            assert(stream.is_active);
            assert(stream.failure.status != .ok);
            _ = ok;
            stream.is_active = false;
            stream.query.attempts.prolong(exchange.limits.deadline_ns);
            stream.failure.setNode(exchange.node.name());
            stream.query.loop.?.afterEvents(&stream.query.events);
            // Frames that came before are read first, and the end may be among them.
            if (stream.query.hasSegments(stream)) return;
            stream.query.close(stream, .failed);
        }

        fn hasSegments(query: *const This, stream: *const Stream) bool {
            for (query.segments.items[query.segment_index..]) |*segment| {
                if (segment.stream == stream.index) return true;
            }
            return false;
        }

        /// The stream has ended, and all that it sent has been read.
        fn close(query: *This, stream: *Stream, outcome: Outcome) void {
            assert(stream.outcome == null);
            stream.outcome = outcome;
            query.streaming -= 1;
        }

        // Reading.

        /// Gives the records of the frames at hand to the sink, until it is full.
        fn readSegments(query: *This) !void {
            const now_unix_s = clock.unixSeconds();
            while (query.segment_index < query.segments.items.len) {
                const segment = &query.segments.items[query.segment_index];
                const stream = query.streams.items[segment.stream];
                try query.readSegment(segment, stream, now_unix_s);
                if (segment.start < segment.end) return;
                query.segment_index += 1;
                const ended = stream.outcome == null and !stream.is_active;
                if (ended and !query.hasSegments(stream)) query.close(stream, .failed);
            }
            query.forgetSegments();
        }

        /// Moves the segment's start to what is left of it.
        fn readSegment(
            query: *This,
            segment: *Segment,
            stream: *Stream,
            now_unix_s: i64,
        ) !void {
            const sink = &query.sink;
            var messages: query_reply.Messages = .{
                .rest = query.frames.bytes[segment.start..segment.end],
            };
            // After the end there is nothing.
            if (stream.outcome != null) return error.Malformed;
            while (!sink.isFull()) {
                const found = try messages.next() orelse {
                    segment.start = segment.end;
                    return;
                };
                switch (found) {
                    .record => |taken| {
                        var record = taken;
                        messages.rest = if (try query.accept(stream, &record))
                            try sink.write(&record, now_unix_s)
                        else
                            try query_reply.skip(&record);
                    },
                    .unavailable => |id| {
                        if (!query.tracker.markUnavailable(stream.index, id)) return error.Malformed;
                        query.noteUnavailable(stream, id);
                    },
                    .end => |status| {
                        segment.start = segment.end;
                        return query.endStream(stream, status, messages.rest);
                    },
                }
            }
            segment.start = segment.end - messages.rest.len;
        }

        /// Whether a record is wanted. It is not when the limit is reached, as every node sends one
        /// at least, or when it was handed out before.
        fn accept(query: *This, stream: *Stream, record: *const query_reply.Record) !bool {
            stream.records += 1;
            if (query.records_left) |left| if (left == 0) return false;
            const is_new = !query.mayRepeat() or
                !(try query.delivered.getOrPut(query.gpa, record.digest.*)).found_existing;
            const is_ours = try query.tracker.advance(
                stream.index,
                record.digest,
                record.index_value,
                is_new,
            );
            if (!is_ours) return error.Malformed;
            query.round_has_records = true;
            if (!is_new) return false;
            if (query.records_left) |*left| left.* -= 1;
            return true;
        }

        fn mayRepeat(query: *const This) bool {
            return if (query.asked.where) |*where| where.has_duplicates else false;
        }

        fn noteUnavailable(query: *This, stream: *Stream, partition_id: u32) void {
            query.cluster.requestTend();
            query.failure.set(.partition_unavailable, "partitions are unavailable", .{});
            query.failure.setNode(stream.exchange.node.name());
            query.reasons.add(&query.failure);
            query.failure.set(
                .partition_unavailable,
                "partition {d} is unavailable",
                .{partition_id},
            );
            query.failure.setNode(stream.exchange.node.name());
        }

        /// The server has said that the stream is complete, or why it is not.
        fn endStream(query: *This, stream: *Stream, status: Status, body: []const u8) !void {
            const node = stream.exchange.node;
            const verdict = stream.exchange.settle(status);
            node.statistics.streams.count(stream.records);
            query.loop.?.complete(&stream.exchange, verdict.connection_usable);
            stream.is_active = false;
            if (status == .ok) {
                const limited = stream.records_max != 0 and stream.records >= stream.records_max;
                stream.failure = .{};
                return query.close(stream, if (limited) .limited else .complete);
            }
            reply.setReplyFailure(status, body, &stream.failure);
            stream.failure.setNode(node.name());
            if (verdict.retry == .no and !mayRetry(status)) {
                query.failure = stream.failure;
                return error.Failed;
            }
            query.close(stream, .failed);
        }

        fn mayRetry(status: Status) bool {
            return switch (status) {
                .partition_unavailable,
                .timeout,
                .index_not_found,
                .index_not_readable,
                .device_overload,
                => true,
                else => false,
            };
        }
    };
}

/// What the nodes of a round that failed said, each that said something else.
const Reasons = struct {
    memory: [256]u8 = undefined,
    len: usize = 0,
    count: u32 = 0,

    fn add(reasons: *Reasons, failure: *const Failure) void {
        if (std.mem.find(u8, reasons.text(), failure.message()) != null) return;
        reasons.count += 1;
        var writer = std.Io.Writer.fixed(reasons.memory[reasons.len..]);
        const separator = if (reasons.len == 0) "" else "; ";
        // What does not fit is not shown.
        writer.print("{s}{s}: {s}", .{ separator, failure.node(), failure.message() }) catch return;
        reasons.len += writer.end;
    }

    fn text(reasons: *const Reasons) []const u8 {
        return reasons.memory[0..reasons.len];
    }
};

/// Where the records of a pull go.
const Sink = union(enum) {
    chunk: Chunk,
    rows: Rows,
    columns: Columns,

    fn isFull(sink: *const Sink) bool {
        return switch (sink.*) {
            inline else => |*chosen| chosen.isFull(),
        };
    }

    /// Whether the pull may end before it is full. A table is handed out as a whole.
    fn isReady(sink: *const Sink) bool {
        return switch (sink.*) {
            .chunk, .rows => sink.count() > 0,
            .columns => |*columns| columns.isFull(),
        };
    }

    fn write(sink: *Sink, record: *query_reply.Record, now_unix_s: i64) ![]const u8 {
        return switch (sink.*) {
            inline else => |*chosen| chosen.write(record, now_unix_s),
        };
    }

    fn count(sink: *const Sink) u64 {
        return switch (sink.*) {
            inline else => |*chosen| chosen.count,
        };
    }

    fn finish(sink: *Sink) void {
        switch (sink.*) {
            .chunk => |*chunk| chunk.finish(),
            .rows, .columns => {},
        }
    }
};

/// Takes records as MessagePack.
const Chunk = struct {
    gpa: std.mem.Allocator,
    out: *wire.Buffer,
    request: *const operate_reply.Request,
    header: usize = 0,
    count: u32 = 0,

    fn begin(chunk: *Chunk) wire.Buffer.Error!void {
        chunk.header = try msgpack.beginArray(chunk.out);
    }

    fn isFull(chunk: *const Chunk) bool {
        return chunk.out.end - chunk.header >= chunk_bytes;
    }

    fn write(chunk: *Chunk, record: *query_reply.Record, now_unix_s: i64) ![]const u8 {
        const rest = try query_reply.writeRecord(
            chunk.gpa,
            record,
            chunk.request,
            now_unix_s,
            chunk.out,
        );
        chunk.count += 1;
        return rest;
    }

    fn finish(chunk: *Chunk) void {
        if (chunk.count == 0) {
            chunk.out.end = chunk.header;
            return;
        }
        msgpack.endArray(chunk.out, chunk.header, chunk.count);
    }
};

/// Takes records as rows of a table.
const Rows = struct {
    table: *Table,
    count: u64 = 0,

    fn isFull(rows: *const Rows) bool {
        return rows.count == rows.table.row_count;
    }

    fn write(rows: *Rows, record: *query_reply.Record, now_unix_s: i64) ![]const u8 {
        const message = &record.message;
        const ttl_s = reply.ttlFromVoidTime(message.header.record_ttl, now_unix_s);
        const table = rows.table;
        const row: usize = @intCast(rows.count);
        const rest = try table.writeRow(row, message, ttl_s, &table.mismatch);
        const kind, const user_key = record.userKey();
        try table.writeKey(row, kind, user_key, record.digest);
        rows.count += 1;
        return rest;
    }
};

/// Takes records for columns that are made of them.
const Columns = struct {
    arrow: *Arrow,
    count: u64 = 0,

    fn isFull(columns: *const Columns) bool {
        return columns.arrow.isFull();
    }

    fn write(columns: *Columns, record: *query_reply.Record, now_unix_s: i64) ![]const u8 {
        const message = &record.message;
        const ttl_s = reply.ttlFromVoidTime(message.header.record_ttl, now_unix_s);
        const kind, const user_key = record.userKey();
        try columns.arrow.addRow(message, &record.operations, ttl_s, &.{
            .namespace = record.namespace,
            .set = record.set,
            .user_key_type = kind,
            .user_key = user_key,
            .digest = record.digest,
        });
        columns.count += 1;
        return record.operations.rest;
    }
};

fn outOfMemory(failure: *Failure) error{Failed} {
    failure.set(.out_of_memory, "out of memory for the query", .{});
    return error.Failed;
}
