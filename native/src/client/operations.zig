//! Asynchronous commands of a client: submitted with a token, carried out by one thread, and
//! collected with their results when a wake says so.
//!
//! `submit` encodes on the caller's thread, so that what is wrong with a request is known at once,
//! and hands the operation to the loop's thread, which alone touches it until it is over. Then it
//! lies in the mailbox until whoever drains has copied its result out and recycles it. What else
//! the loop's thread is to do, such as to end an operation early, it is told by orders.
//!
//! While few are in flight, a host may drive the loop instead: the program's own event loop, which
//! watches the poller's descriptor and drains. Then no other thread has to be woken, for sending nor
//! for handing over. Whoever drives holds `turning`. When there is more to do than that pays for, the
//! thread takes over, and gives the loop back when it has been quiet for a while.
//!
//! `start` and `stop` frame the life of the thread; the mailbox and its descriptor outlive it, so
//! that what `stop` has aborted can still be collected.

const std = @import("std");
const assert = std.debug.assert;
const cluster = @import("../cluster.zig");
const command = @import("../command.zig");
const engine = @import("../engine.zig");
const io = @import("../io.zig");
const wire = @import("../wire.zig");
const Failure = @import("../status.zig").Failure;
const Mailbox = @import("mailbox.zig").Mailbox;
const processor = @import("../processor.zig");
const Policy = engine.Policy;
const Target = @import("../result.zig").Target;

/// How much there is to do for an operation that travels alone, for one that travels with others, and
/// for each record of a batch.
const weight_alone = 64;
const weight_gathered = 1;
const weight_row = 1;
/// What is more is the thread's.
const hosted_max = 8 * weight_alone;
/// So many turns of the thread, one after the other, with no more operations than this: it is quiet.
const quiet_turns = 64;
const quiet_max = 2 * weight_alone;
/// How long the thread leaves a host alone that it has told of a deadline.
const nudge_ns = 20 * std.time.ns_per_ms;

/// Recycled operations that are kept for reuse.
const recycled_max = 4096;
const result_bytes_max = 1 << 32;
const request_bytes_max = command.request.frame_bytes_max;

pub fn Operations(comptime Net: type, comptime Poller: type) type {
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
        /// Held by whoever drives the loop.
        turning: io.sync.Mutex = .{},
        /// The host is to drive, and the thread waits.
        is_hosted: std.atomic.Value(bool) = .init(false),
        /// The thread that has offered to be the host; null for none.
        host: std.atomic.Value(?*const u8) = .init(null),
        /// Wakes the waiting thread.
        parking: io.sync.Event = .{},
        /// When the host's loop has something to do whether or not anything happens, and until when
        /// the thread waits.
        due_ns: std.atomic.Value(u64) = .init(io.never),
        parked_until_ns: std.atomic.Value(u64) = .init(0),
        thread: ?std.Thread = null,
        loop: Loop = undefined,
        /// For the cluster, which has it while the thread runs.
        holder: Cluster.Holder = undefined,
        /// Those that the loop's thread works on.
        active: ?*Operation = null,
        gathering: command.Group(Net, Poller).Gathering,
        /// Taken from the mailbox, and not yet handed out. Belongs to whoever drains.
        drained: ?*Operation = null,
        in_flight: std.atomic.Value(u32) = .init(0),
        /// What is to be done for them.
        load: std.atomic.Value(u64) = .init(0),
        in_flight_max: u32,
        orders: Orders = .{},
        recycling: io.sync.Mutex = .{},
        recycled: ?*Operation = null,
        recycled_count: u32 = 0,

        const This = @This();
        pub const Loop = engine.Loop(Net, Poller);
        const Cluster = cluster.Cluster(Net);
        const BatchTask = command.BatchTask(Net, Poller);
        const Procedure = command.Procedure(Net, Poller);
        pub const Source = command.Source(Net, Poller);
        const Single = command.Single(Net, Poller);
        const Task = engine.Task(Net, Poller);

        pub const Operation = struct {
            owner: *This,
            token: u64,
            /// Null for what is not carried out on the loop, or is over and was another's.
            task: ?*Task,
            body: Body,
            /// Travels with others that were submitted at the same time.
            is_gathered: bool,
            /// Its part of the load.
            weight: u32,
            /// Of an operation without a task.
            out: wire.Buffer,
            /// The request's bytes, which keys in results refer to.
            request: wire.Buffer,
            /// In the inbox, the mailbox, or the recycled ones.
            next: ?*Operation,
            /// Among the active ones.
            active_next: ?*Operation,
            active_previous: ?*Operation,
            /// To be ended early, and among the first of the active ones.
            is_cancelled: bool,
            /// For the request, then the frame, then the result, as far as they fit.
            memory: [1280]u8,

            const Body = union(enum) {
                /// As large as any, so that nothing of it is left to be filled.
                none: Single,
                single: Single,
                batch: *BatchTask,
                procedure: *Procedure,
                pull: Pull,
                pulled: Pulled,
                /// What something that is carried out elsewhere failed of.
                elsewhere: Failure,
            };

            /// Whether it may begin before the reads that are being gathered, which came first.
            fn mayOvertake(operation: *const Operation, gathering: anytype) bool {
                return switch (operation.body) {
                    .single => |*single| !single.encoded.is_write or
                        !gathering.has(&single.encoded.key.digest),
                    .pull => true,
                    else => false,
                };
            }

            // Where safety is on, what is not set is filled with a pattern: here, some KB three times an
            // operation.

            fn forget(operation: *Operation) void {
                @setRuntimeSafety(false);
                operation.body = .{ .none = undefined };
            }

            /// To be initialized.
            fn asSingle(operation: *Operation) *Single {
                @setRuntimeSafety(false);
                operation.body = .{ .single = undefined };
                return &operation.body.single;
            }

            const Pull = struct { source: Source, has_target: bool, owner: Puller };
            const Pulled = struct { owner: Puller, failure: Failure };

            fn failure(operation: *Operation) *Failure {
                if (operation.task) |task| return &task.failure;
                return switch (operation.body) {
                    .pulled => |*pulled| &pulled.failure,
                    .elsewhere => |*failed| failed,
                    else => unreachable,
                };
            }

            /// What is left of the memory beside the request and so many bytes more.
            fn restOf(operation: *Operation, used: usize) []u8 {
                if (operation.request.on_heap) return operation.memory[used..];
                return operation.memory[operation.request.end + used ..];
            }

            /// The source may be gone before the result is collected.
            fn takePulled(operation: *Operation, task: *Task) void {
                const pull = &operation.body.pull;
                if (pull.has_target and task.failure.status == .ok) {
                    // The result is how many records were taken.
                    wire.msgpack.writeUint(&task.out, pull.source.rowCount()) catch {
                        task.failure.set(.out_of_memory, "out of memory for the result", .{});
                    };
                }
                operation.out = task.out;
                operation.task = null;
                const owner = pull.owner;
                operation.body = .{ .pulled = .{ .owner = owner, .failure = task.failure } };
            }
        };

        /// Who pulls from a source: told when a result was collected, or thrown away.
        pub const Puller = struct {
            context: *anyopaque,
            on_collected: *const fn (*anyopaque) void,
        };

        /// What the loop's thread is to do beside carrying out what was submitted.
        const Orders = struct {
            mutex: io.sync.Mutex = .{},
            are_given: std.atomic.Value(bool) = .init(false),
            /// Operations with these tokens end early.
            cancelled: std.ArrayList(u64) = .empty,
            /// These sources end, and whatever waits for them.
            retired: std.ArrayList(Source) = .empty,

            fn deinit(orders: *Orders, gpa: std.mem.Allocator) void {
                orders.cancelled.deinit(gpa);
                orders.retired.deinit(gpa);
            }
        };

        pub fn init(
            gpa: std.mem.Allocator,
            net: *Net,
            idle_timeout_ms: u32,
            in_flight_max: u32,
        ) error{SystemResources}!This {
            return .{
                .gpa = gpa,
                .net = net,
                .idle_timeout_ms = idle_timeout_ms,
                .in_flight_max = in_flight_max,
                .mailbox = try .init(),
                .gathering = .{ .gpa = gpa },
            };
        }

        /// Stopped before. What was not collected is thrown away.
        pub fn deinit(operations: *This) void {
            assert(operations.thread == null);
            operations.freeList(operations.drained);
            operations.freeList(operations.mailbox.take());
            operations.freeList(operations.recycled);
            operations.orders.deinit(operations.gpa);
            operations.gathering.deinit();
            operations.mailbox.deinit();
        }

        fn freeList(operations: *This, list: ?*Operation) void {
            var rest = list;
            while (rest) |operation| {
                rest = operation.next;
                operations.release(operation);
                operations.gpa.destroy(operation);
            }
        }

        /// Gives back what an operation has beside itself.
        fn release(operations: *This, operation: *Operation) void {
            _ = operations;
            if (operation.task) |task| task.out.deinit() else operation.out.deinit();
            operation.task = null;
            operation.out = .fixed(&.{});
            switch (operation.body) {
                .none, .elsewhere => {},
                .pull => |*pull| pull.owner.on_collected(pull.owner.context),
                .pulled => |*pulled| pulled.owner.on_collected(pulled.owner.context),
                .single => |*single| single.deinit(),
                .batch => |batch| batch.destroy(),
                .procedure => |procedure| procedure.destroy(),
            }
            operation.forget();
            operation.request.deinit();
            operation.request = .fixed(&.{});
        }

        /// Starts the thread.
        pub fn start(operations: *This) error{SystemResources}!void {
            assert(operations.thread == null);
            try operations.open();
            errdefer operations.loop.deinit();
            operations.thread = io.thread.spawn("asz-loop", run, .{operations}) catch
                return error.SystemResources;
            operations.holder = .{ .context = operations, .wake = wakeLoop };
        }

        fn wakeLoop(context: *anyopaque) void {
            const operations: *This = @ptrCast(@alignCast(context));
            operations.loop.poller.wake();
        }

        /// Joins the thread and aborts what is in progress. Nobody submits any more. The loop is
        /// still there, for queries to be ended on it; `dismantle` follows.
        pub fn stop(operations: *This) void {
            const thread = operations.thread orelse return;
            operations.stopping.store(true, .release);
            operations.is_hosted.store(false, .release);
            operations.parking.set();
            operations.loop.poller.wake();
            thread.join();
            operations.thread = null;
            // The host may be in the midst of a turn.
            operations.turning.lock();
            defer operations.turning.unlock();
            operations.host.store(null, .release);
            operations.abortAll();
        }

        pub fn dismantle(operations: *This) void {
            operations.loop.deinit();
            operations.mailbox.notify();
        }

        /// What `start` does but for the thread: `turn` is called by whoever opens.
        pub fn open(operations: *This) error{SystemResources}!void {
            operations.loop = try .init(
                operations.gpa,
                operations.net,
                operations.idle_timeout_ms,
            );
            operations.stopping.store(false, .release);
            operations.sleeping.store(false, .release);
        }

        /// What `stop` does but for the thread.
        pub fn shut(operations: *This) void {
            operations.abortAll();
            operations.dismantle();
        }

        /// In the child of a fork, where the thread does not exist: forgets everything that it
        /// owned, and closes this process's copies of its descriptors.
        pub fn afterFork(operations: *This) void {
            if (operations.thread != null) operations.loop.afterFork();
            operations.mailbox.deinit();
        }

        // The submitter's side; any thread.

        /// A command on one record. One that `waits` begins with others at the next `flush`, if not
        /// before, provided that it may travel with them.
        pub fn submit(
            operations: *This,
            owner: *Cluster,
            token: u64,
            which: command.Command,
            request_bytes: []const u8,
            policy: *const Policy,
            waits: bool,
            failure: *Failure,
        ) error{Failed}!void {
            const operation = try operations.prepare(token, request_bytes, failure);
            errdefer operations.recycle(operation);
            const bytes = operation.request.written();
            const single = operation.asSingle();
            single.frame = .growing(operations.gpa, operation.restOf(0), request_bytes_max);
            single.task.out = .fixed(&.{});
            operation.task = &single.task;
            operation.is_gathered = waits and command.group.mayTravel(which, policy);
            try single.init(
                owner,
                operations.net,
                operations.gpa,
                which,
                bytes,
                policy,
                if (operation.is_gathered) .later else .now,
                failure,
            );
            const framed = if (single.frame.on_heap) 0 else single.frame.end;
            single.task.out =
                .growing(operations.gpa, operation.restOf(framed), result_bytes_max);
            if (!operation.is_gathered) return operations.hand(operation);
            operations.weigh(operation, weight_gathered);
            operations.put(operation);
        }

        /// Begins what waits, unless whoever drives the loop has done so.
        pub fn flush(operations: *This) void {
            if (operations.inbox.load(.acquire) != null) operations.push();
        }

        /// A batch. A target and what it points to must stay until the completion.
        pub fn submitBatch(
            operations: *This,
            owner: *Cluster,
            token: u64,
            kind: command.batch.Kind,
            request_bytes: []const u8,
            policy: *const Policy,
            target: ?Target,
            failure: *Failure,
        ) error{Failed}!void {
            const operation = try operations.prepare(token, request_bytes, failure);
            errdefer operations.recycle(operation);
            const batch = try BatchTask.create(
                operations.gpa,
                owner,
                operations.net,
                kind,
                operation.request.written(),
                policy,
                target,
                .growing(operations.gpa, &.{}, result_bytes_max),
                failure,
            );
            operations.weigh(operation, weight_alone + batch.rowCount() * weight_row);
            operation.body = .{ .batch = batch };
            operation.task = &batch.task;
            operations.hand(operation);
        }

        /// What is not about single records.
        pub fn submitProcedure(
            operations: *This,
            owner: *Cluster,
            token: u64,
            kind: command.procedure.Kind,
            request_bytes: []const u8,
            policy: *const Policy,
            failure: *Failure,
        ) error{Failed}!void {
            const operation = try operations.prepare(token, request_bytes, failure);
            errdefer operations.recycle(operation);
            operation.request.is_secret = kind.isSecret();
            const procedure = try Procedure.create(
                operations.gpa,
                owner,
                operations.net,
                kind,
                operation.request.written(),
                policy,
                .growing(operations.gpa, &.{}, result_bytes_max),
                failure,
            );
            operation.body = .{ .procedure = procedure };
            operation.task = &procedure.task;
            operations.hand(operation);
        }

        /// The next piece of a source, which nobody else pulls from.
        pub fn submitPull(
            operations: *This,
            token: u64,
            source: Source,
            target: ?Target,
            owner: Puller,
            failure: *Failure,
        ) error{Failed}!void {
            const operation = try operations.prepare(token, &.{}, failure);
            const out: wire.Buffer = .growing(operations.gpa, &.{}, result_bytes_max);
            operation.task = source.prepare(out, target);
            operation.body = .{ .pull = .{
                .source = source,
                .has_target = target != null,
                .owner = owner,
            } };
            operations.hand(operation);
        }

        /// An operation that was carried out elsewhere, to be told when it is over.
        pub fn reserve(
            operations: *This,
            token: u64,
            failure: *Failure,
        ) error{Failed}!*Operation {
            const operation = try operations.prepare(token, &.{}, failure);
            operation.body = .{ .elsewhere = .{} };
            return operation;
        }

        /// It never came to be.
        pub fn discard(operations: *This, operation: *Operation) void {
            operations.recycle(operation);
        }

        /// It is over. Any thread.
        pub fn complete(operations: *This, operation: *Operation) void {
            operations.mailbox.post(operation);
            operations.mailbox.notify();
        }

        fn prepare(
            operations: *This,
            token: u64,
            request_bytes: []const u8,
            failure: *Failure,
        ) error{Failed}!*Operation {
            if (operations.in_flight.fetchAdd(1, .monotonic) >= operations.in_flight_max) {
                _ = operations.in_flight.fetchSub(1, .monotonic);
                failure.set(.async_queue_full, "{d} operations are in flight, the limit", .{
                    operations.in_flight_max,
                });
                return error.Failed;
            }
            const operation = operations.allocate() catch {
                _ = operations.in_flight.fetchSub(1, .monotonic);
                return outOfMemory(failure);
            };
            operation.owner = operations;
            operation.token = token;
            operation.task = null;
            operation.forget();
            operation.is_gathered = false;
            operation.weight = 0;
            operations.weigh(operation, weight_alone);
            operation.out = .fixed(&.{});
            operation.next = null;
            operation.is_cancelled = false;
            operation.request = .growing(operations.gpa, &operation.memory, request_bytes_max);
            operation.request.append(request_bytes) catch {
                operations.recycle(operation);
                return outOfMemory(failure);
            };
            return operation;
        }

        fn allocate(operations: *This) error{OutOfMemory}!*Operation {
            return operations.takeRecycled() orelse operations.gpa.create(Operation);
        }

        fn takeRecycled(operations: *This) ?*Operation {
            operations.recycling.lock();
            defer operations.recycling.unlock();
            const operation = operations.recycled orelse return null;
            operations.recycled = operation.next;
            operations.recycled_count -= 1;
            return operation;
        }

        fn recycle(operations: *This, operation: *Operation) void {
            operations.release(operation);
            operations.weigh(operation, 0);
            const before = operations.in_flight.fetchSub(1, .monotonic);
            assert(before > 0);
            operations.recycling.lock();
            defer operations.recycling.unlock();
            if (operations.recycled_count == recycled_max) {
                return operations.gpa.destroy(operation);
            }
            operation.next = operations.recycled;
            operations.recycled = operation;
            operations.recycled_count += 1;
        }

        /// Passes an operation to whoever drives the loop.
        fn hand(operations: *This, operation: *Operation) void {
            operations.put(operation);
            operations.push();
        }

        fn push(operations: *This) void {
            if (!operations.isHostedHere()) return operations.wake();
            if (operations.load.load(.monotonic) > hosted_max) {
                operations.is_hosted.store(false, .release);
                return operations.parking.set();
            }
            operations.beginHosted();
        }

        fn weigh(operations: *This, operation: *Operation, weight: u32) void {
            // Wraps around where there is less to do than before.
            _ = operations.load.fetchAdd(@as(u64, weight) -% operation.weight, .monotonic);
            operation.weight = weight;
        }

        fn put(operations: *This, operation: *Operation) void {
            var head = operations.inbox.load(.monotonic);
            while (true) {
                operation.next = head;
                head = operations.inbox.cmpxchgWeak(head, operation, .seq_cst, .monotonic) orelse
                    break;
            }
        }

        fn wake(operations: *This) void {
            if (operations.sleeping.swap(false, .seq_cst)) operations.loop.poller.wake();
        }

        /// Ends an operation early, if it is still in progress; it is told like any other.
        pub fn cancel(operations: *This, token: u64) void {
            // Without memory it ends by itself.
            operations.order(u64, &operations.orders.cancelled, token) catch {};
        }

        /// Ends a source, whose owner does not use it any more.
        pub fn retire(operations: *This, source: Source) error{OutOfMemory}!void {
            try operations.order(Source, &operations.orders.retired, source);
        }

        fn order(
            operations: *This,
            comptime T: type,
            list: *std.ArrayList(T),
            given: T,
        ) error{OutOfMemory}!void {
            {
                operations.orders.mutex.lock();
                defer operations.orders.mutex.unlock();
                try list.append(operations.gpa, given);
            }
            operations.orders.are_given.store(true, .seq_cst);
            operations.wake();
        }

        // The collector's side; one thread at a time.

        pub const Completion = struct {
            token: u64,
            failure: ?*const Failure,
            /// Valid until `collected` is called.
            result: []const u8,
        };

        /// The oldest finished operation that was not collected, or null. It stays the first
        /// until `collected` is called.
        pub fn first(operations: *This) ?Completion {
            const operation = operations.drained orelse return null;
            const failure = operation.failure();
            return .{
                .token = operation.token,
                .failure = if (failure.status == .ok) null else failure,
                .result = if (operation.task) |task| task.out.written() else operation.out.written(),
            };
        }

        /// There is no room for the result of the first one: it has failed of that.
        pub fn loseFirst(operations: *This) void {
            const operation = operations.drained orelse return;
            if (operation.task) |task| {
                if (task.failure.status == .ok) task.loseResult();
                return;
            }
            const failure = operation.failure();
            if (failure.status != .ok) return;
            failure.set(.out_of_memory, "out of memory for the result", .{});
            operation.out.deinit();
            operation.out = .fixed(&.{});
        }

        /// Looks into the mailbox, and clears the wake.
        pub fn refill(operations: *This) void {
            const taken = operations.mailbox.take() orelse return;
            var last = &operations.drained;
            while (last.*) |operation| last = &operation.next;
            last.* = taken;
        }

        /// The first one is done with.
        pub fn collected(operations: *This) void {
            const operation = operations.drained.?;
            operations.drained = operation.next;
            operations.recycle(operation);
        }

        /// Some are left: whoever collects is woken again.
        pub fn notifyRemaining(operations: *This) void {
            if (operations.drained != null) operations.mailbox.wake.signal();
        }

        // The host.

        /// Its address is another one in every thread.
        threadlocal var thread_mark: u8 = 0;

        /// The calling thread offers to drive the loop while few operations are in flight, and drains
        /// then. Returns the descriptor that says when, or null where there is none.
        pub fn offerHost(operations: *This) ?i32 {
            if (operations.thread == null) return null;
            const descriptor = operations.loop.poller.descriptor() orelse return null;
            operations.host.store(&thread_mark, .release);
            operations.due_ns.store(0, .monotonic);
            operations.is_hosted.store(true, .seq_cst);
            // The thread lets go of the loop.
            operations.loop.poller.wake();
            return descriptor;
        }

        /// From now on the thread drives; the host does not drain any more.
        pub fn endHost(operations: *This) void {
            operations.host.store(null, .release);
            operations.is_hosted.store(false, .seq_cst);
            operations.parking.set();
        }

        pub fn isHosted(operations: *const This) bool {
            return operations.is_hosted.load(.acquire);
        }

        fn isHostedHere(operations: *const This) bool {
            if (!operations.is_hosted.load(.acquire)) return false;
            return operations.host.load(.monotonic) == &thread_mark;
        }

        /// Begins what was submitted, on the host's thread.
        fn beginHosted(operations: *This) void {
            if (!operations.turning.tryLock()) return operations.wake();
            defer operations.turning.unlock();
            if (!operations.is_hosted.load(.acquire)) return operations.parking.set();
            operations.takeInbox();
            operations.mailbox.notify();
            operations.publishDue();
        }

        /// One turn on the host's thread, without waiting. Does nothing while the thread drives.
        pub fn turnHosted(operations: *This) void {
            if (!operations.isHostedHere()) return;
            if (!operations.turning.tryLock()) return;
            defer operations.turning.unlock();
            if (!operations.is_hosted.load(.acquire)) return;
            // Whoever submits from another thread wakes the poller from now on.
            operations.sleeping.store(true, .seq_cst);
            operations.takeInbox();
            operations.followOrders();
            operations.loop.run(0);
            operations.publishDue();
        }

        /// Has the waiting thread know of the next deadline.
        fn publishDue(operations: *This) void {
            const loop = &operations.loop;
            const wait_ms = loop.timers.waitMs(loop.now_ns) orelse return;
            const due_ns = loop.now_ns + @as(u64, wait_ms) * std.time.ns_per_ms;
            operations.due_ns.store(due_ns, .seq_cst);
            if (due_ns < operations.parked_until_ns.load(.seq_cst)) operations.parking.set();
        }

        // The loop's thread.

        fn run(operations: *This) void {
            while (!operations.stopping.load(.acquire)) {
                if (operations.is_hosted.load(.acquire)) operations.park() else operations.drive();
            }
        }

        fn drive(operations: *This) void {
            operations.turning.lock();
            defer operations.turning.unlock();
            var quiet: u32 = 0;
            while (!operations.stopping.load(.acquire)) {
                if (operations.is_hosted.load(.acquire)) return;
                operations.turn(null);
                if (operations.host.load(.acquire) == null) continue;
                const is_quiet = operations.load.load(.monotonic) <= quiet_max;
                quiet = if (is_quiet) quiet + 1 else 0;
                if (quiet < quiet_turns) continue;
                operations.sleeping.store(true, .seq_cst);
                operations.is_hosted.store(true, .seq_cst);
                // The host looks who drives whenever it drains.
                operations.mailbox.wake.signal();
            }
        }

        /// While the host drives: tells it of deadlines, which its own event loop does not know.
        fn park(operations: *This) void {
            const now_ns = operations.net.now();
            const due_ns = @max(operations.due_ns.load(.seq_cst), now_ns + nudge_ns);
            operations.parked_until_ns.store(due_ns, .seq_cst);
            // What the host has published before it could see that.
            const newest_ns = @max(operations.due_ns.load(.seq_cst), now_ns + nudge_ns);
            _ = operations.parking.wait(@min(due_ns, newest_ns) - now_ns);
            operations.parked_until_ns.store(0, .seq_cst);
            if (!operations.is_hosted.load(.acquire)) return;
            if (operations.net.now() >= operations.due_ns.load(.seq_cst)) {
                operations.loop.poller.wake();
            }
        }

        /// Begins what was submitted, then waits for events or deadlines and handles them.
        /// `timeout_ms` null: without limit.
        pub fn turn(operations: *This, timeout_ms: ?u32) void {
            operations.takeInbox();
            operations.followOrders();
            operations.mailbox.notify();
            operations.sleeping.store(true, .seq_cst);
            // Submitted before the flag was seen, and so without a wake.
            const is_idle = operations.inbox.load(.seq_cst) == null and
                !operations.orders.are_given.load(.seq_cst);
            operations.loop.run(if (is_idle) timeout_ms else 0);
            operations.sleeping.store(false, .seq_cst);
        }

        fn takeInbox(operations: *This) void {
            const reversed = Mailbox(Operation).reversed;
            var rest = reversed(operations.inbox.swap(null, .seq_cst));
            if (rest == null) return;
            operations.loop.refresh();
            computeDigests(rest);
            const gathering = &operations.gathering;
            gathering.driver = .{ .loop = &operations.loop };
            while (rest) |operation| {
                rest = operation.next;
                operations.link(operation);
                const task = operation.task.?;
                task.on_over = onOver;
                task.context = operation;
                if (operation.is_gathered) {
                    if (!operation.body.single.encoded.has_digest) operation.body.single.place();
                    gathering.add(&operation.body.single);
                    continue;
                }
                if (!operation.mayOvertake(gathering)) gathering.send();
                task.start(.{ .loop = &operations.loop });
            }
            gathering.send();
        }

        /// Of those that are gathered, several at a time.
        fn computeDigests(list: ?*Operation) void {
            var rest = list;
            while (rest) |operation| : (rest = operation.next) {
                if (operation.is_gathered) break;
            } else return;
            var digests: wire.digest.KeyDigests = .{ .has_avx2 = processor.hasAvx2() };
            while (rest) |operation| : (rest = operation.next) {
                if (!operation.is_gathered) continue;
                const encoded = &operation.body.single.encoded;
                if (!encoded.has_digest) encoded.addDigest(&digests);
            }
            digests.finish();
        }

        fn onOver(task: *Task) void {
            const operation: *Operation = @ptrCast(@alignCast(task.context));
            const operations = operation.owner;
            if (operation.body == .pull) operation.takePulled(task);
            operations.unlink(operation);
            operations.mailbox.post(operation);
        }

        fn link(operations: *This, operation: *Operation) void {
            operation.active_previous = null;
            operation.active_next = operations.active;
            if (operations.active) |head| head.active_previous = operation;
            operations.active = operation;
        }

        fn unlink(operations: *This, operation: *Operation) void {
            if (operation.active_previous) |previous| {
                previous.active_next = operation.active_next;
            } else {
                operations.active = operation.active_next;
            }
            if (operation.active_next) |next| next.active_previous = operation.active_previous;
        }

        fn followOrders(operations: *This) void {
            if (!operations.orders.are_given.swap(false, .seq_cst)) return;
            var cancelled: std.ArrayList(u64) = .empty;
            var retired: std.ArrayList(Source) = .empty;
            {
                operations.orders.mutex.lock();
                defer operations.orders.mutex.unlock();
                std.mem.swap(std.ArrayList(u64), &cancelled, &operations.orders.cancelled);
                std.mem.swap(std.ArrayList(Source), &retired, &operations.orders.retired);
            }
            defer cancelled.deinit(operations.gpa);
            defer retired.deinit(operations.gpa);
            // What they are about may have been submitted just before.
            operations.takeInbox();
            operations.endCancelled(cancelled.items);
            for (retired.items) |source| {
                operations.endPull(source.task());
                source.destroy();
            }
        }

        /// Many may be cancelled at once: the active ones are looked through once for all.
        fn endCancelled(operations: *This, tokens: []u64) void {
            if (tokens.len == 0) return;
            std.mem.sortUnstable(u64, tokens, {}, std.sort.asc(u64));
            var next = operations.active;
            while (next) |operation| {
                next = operation.active_next;
                if (std.sort.binarySearch(u64, tokens, operation.token, compare) == null) continue;
                operation.is_cancelled = true;
                operations.unlink(operation);
                operations.link(operation);
            }
            // To end one may end others, which leave the list by themselves.
            while (operations.active) |operation| {
                if (!operation.is_cancelled) return;
                operation.task.?.abort(.client_abort, "the operation was cancelled");
            }
        }

        fn compare(token: u64, other: u64) std.math.Order {
            return std.math.order(token, other);
        }

        fn endPull(operations: *This, pulling: *Task) void {
            var next = operations.active;
            while (next) |operation| : (next = operation.active_next) {
                if (operation.task != pulling) continue;
                return pulling.abort(.client_abort, "its results were closed");
            }
        }

        fn abortAll(operations: *This) void {
            operations.loop.stopping = true;
            operations.takeInbox();
            while (operations.active) |operation| {
                operation.task.?.abort(.client_abort, engine.closed_text);
            }
            operations.gathering.abort();
            operations.followOrders();
        }
    };
}

fn outOfMemory(failure: *Failure) error{Failed} {
    failure.set(.out_of_memory, "out of memory for the operation", .{});
    return error.Failed;
}
