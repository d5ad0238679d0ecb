//! Commands that are not about single records: info, indexes, functions, truncation, background
//! jobs, users and roles.
//!
//! Each is a script: a few questions to one node or to all, and what follows from the answers. A
//! script says what to ask next; the procedure asks, and calls it again when all have answered.
//! What changes something is asked of any one node, which tells the others; another node is asked
//! only when the first cannot have taken the question. Where the others matter, the script looks
//! again and again until all know.

const std = @import("std");
const assert = std.debug.assert;
const cluster = @import("../cluster.zig");
const engine = @import("../engine.zig");
const executor = engine.executor;
const metrics = @import("../metrics.zig");
const reply = @import("record/reply.zig");
const request = @import("record/request.zig");
const wire = @import("../wire.zig");
const Admin = @import("admin/admin.zig").Admin;
const Aggregation = @import("query/aggregation.zig").Aggregation;
const Background = @import("query/background.zig").Background;
const Failure = @import("../status.zig").Failure;
const Frame = engine.Frame;
const Index = @import("info/index.zig").Index;
const Info = @import("info/info.zig").Info;
const Job = @import("query/background.zig").Job;
const Policy = engine.Policy;
const Status = @import("../status.zig").Status;
const Truncate = @import("info/truncate.zig").Truncate;
const Udf = @import("info/udf.zig").Udf;
const msgpack = wire.msgpack;

/// The numbers are those of the C ABI.
pub const Kind = enum(i32) {
    info = 64,
    info_any = 65,
    nodes = 66,
    ping = 67,
    statistics = 68,
    query_aggregate = 69,
    truncate = 70,
    index_create = 71,
    index_remove = 72,
    udf_put = 73,
    udf_remove = 74,
    udf_list = 75,
    udf_get = 76,
    query_background = 77,
    job_status = 78,
    job_abort = 79,
    admin_create_user = 80,
    admin_drop_user = 81,
    admin_set_password = 82,
    admin_grant_roles = 83,
    admin_revoke_roles = 84,
    admin_query_users = 85,
    admin_create_role = 86,
    admin_drop_role = 87,
    admin_grant_privileges = 88,
    admin_revoke_privileges = 89,
    admin_set_whitelist = 90,
    admin_set_quotas = 91,
    admin_query_roles = 92,

    /// How many members the request has; null where it is not an array.
    fn memberCount(kind: Kind) ?u32 {
        return switch (kind) {
            .info => 2,
            .info_any => 1,
            .nodes, .ping, .statistics => 0,
            .truncate => 3,
            .index_create => 9,
            .index_remove => 3,
            .udf_put => 3,
            .udf_remove => 2,
            .udf_list => 0,
            .udf_get => 1,
            .query_background, .query_aggregate => null,
            .job_status, .job_abort => 1,
            .admin_create_user => 3,
            .admin_drop_user => 1,
            .admin_set_password, .admin_grant_roles, .admin_revoke_roles => 2,
            .admin_query_users, .admin_query_roles => 1,
            .admin_create_role => 5,
            .admin_drop_role => 1,
            .admin_grant_privileges, .admin_revoke_privileges, .admin_set_whitelist => 2,
            .admin_set_quotas => 3,
        };
    }

    /// How many more it may have.
    fn optionalCount(kind: Kind) u32 {
        return if (kind == .info) 1 else 0;
    }

    /// The request has a password in it.
    pub fn isSecret(kind: Kind) bool {
        return kind == .admin_create_user or kind == .admin_set_password;
    }

    /// What it is counted as; null where no server is asked.
    pub fn metric(kind: Kind) ?metrics.Operation {
        return switch (kind) {
            .nodes, .statistics => null,
            .info, .info_any => .info,
            .query_aggregate, .query_background => .query,
            inline else => |named| @field(metrics.Operation, @tagName(named)),
        };
    }

    /// More than one node is asked, or may be.
    pub fn asksAll(kind: Kind) bool {
        return switch (kind) {
            .info, .index_create, .index_remove, .udf_put, .udf_remove => true,
            .query_background, .query_aggregate, .job_status, .job_abort => true,
            else => false,
        };
    }
};

const Script = union(enum) {
    info: Info,
    truncate: Truncate,
    index: Index,
    udf: Udf,
    background: Background,
    aggregation: Aggregation,
    job: Job,
    admin: Admin,

    fn of(kind: Kind) Script {
        return switch (kind) {
            .info, .info_any, .nodes, .ping, .statistics => .{ .info = .{ .kind = kind } },
            .truncate => .{ .truncate = .{} },
            .index_create, .index_remove => .{ .index = .{ .kind = kind } },
            .udf_put, .udf_remove, .udf_list, .udf_get => .{ .udf = .{ .kind = kind } },
            .query_background => .{ .background = .{} },
            .query_aggregate => .{ .aggregation = .{} },
            .job_status, .job_abort => .{ .job = .{ .kind = kind } },
            else => .{ .admin = .{ .kind = kind } },
        };
    }
};

pub const Error = error{Failed} || wire.Buffer.Error;

/// What a script does next.
pub const Step = union(enum) {
    ask: Ask,
    /// Go on at this time.
    pause: u64,
    done,

    pub const Ask = struct {
        whom: Whom,
        /// Asking twice does no harm, so a node whose answer was lost is not the last one asked.
        is_repeatable: bool = false,
    };

    pub const Whom = union(enum) {
        /// Some node.
        any,
        /// The one that has answered last.
        same,
        /// All that are in the cluster. Those that do not answer leave their failure.
        all,
        named: []const u8,
    };
};

/// What a procedure works on, as far as that has a name.
pub const Place = struct { namespace: []const u8 = "", set: []const u8 = "" };

/// Pauses between looks at whether all nodes know of a change.
const poll_ns_min = 5 * std.time.ns_per_ms;
const poll_ns_max = 200 * std.time.ns_per_ms;

pub fn Procedure(comptime Net: type, comptime Poller: type) type {
    return struct {
        task: Task,
        gpa: std.mem.Allocator,
        /// Of what the script keeps.
        arena: std.heap.ArenaAllocator,
        net: *Net,
        owner: *Cluster,
        policy: Policy,
        script: Script,
        /// What it is counted as, and in which place; null: not at all.
        metric: ?metrics.Operation,
        place: Place = .{},
        /// What is counted for a result that says itself what has failed.
        told: Status = .ok,
        failure: *Failure,
        out: *wire.Buffer,
        /// Those of the latest step that asked.
        questions: []Question = &.{},
        asked: Step.Ask = .{ .whom = .any, .is_repeatable = true },
        limits: engine.Limits = undefined,
        /// Nodes that were asked the present question of `any`.
        tries: u32 = 0,
        same: ?*Node = null,
        running: u32 = 0,
        is_paused: bool = false,
        is_pumping: bool = false,
        is_finished: bool = false,
        timer: engine.Timer(Net),
        started_ns: u64,

        const This = @This();
        pub const Cluster = cluster.Cluster(Net);
        pub const Node = Cluster.Node;
        const Exchange = engine.Exchange(Net);
        const Task = engine.Task(Net, Poller);

        /// What one node is asked, and its answer.
        pub const Question = struct {
            procedure: *This,
            node: *Node,
            exchange: Exchange,
            frame: wire.Buffer,
            /// Of an info command: what the node has answered, without the echoed command.
            text: wire.Buffer,
            echo_bytes: usize = 0,
            /// Of an aggregation: how many values the node has sent, which are in `text`.
            value_count: u32 = 0,
            failure: Failure = .{},
            is_running: bool = false,
            /// The session had ended; it was asked once more.
            is_repeated: bool = false,
            /// The node has answered, with whatever.
            is_told: bool = false,

            pub fn isAnswered(question: *const Question) bool {
                return question.failure.status == .ok;
            }

            /// The node may have done what was asked, and nobody knows.
            pub fn isInDoubt(question: *const Question) bool {
                return question.exchange.sent and !question.is_told;
            }
        };

        /// `bytes` must stay as long as the procedure.
        pub fn create(
            gpa: std.mem.Allocator,
            owner: *Cluster,
            net: *Net,
            kind_of: Kind,
            bytes: []const u8,
            policy: *const Policy,
            out: wire.Buffer,
            failure: *Failure,
        ) error{Failed}!*This {
            const procedure = gpa.create(This) catch return outOfMemory(failure);
            procedure.* = .{
                .task = .{ .kind = &kind, .out = out },
                .gpa = gpa,
                .arena = .init(gpa),
                .net = net,
                .owner = owner,
                .policy = policy.*,
                .script = .of(kind_of),
                .metric = kind_of.metric(),
                .failure = failure,
                .out = undefined,
                .timer = .{ .owner = .{ .call = .{ .context = procedure, .function = onTime } } },
                .started_ns = net.now(),
            };
            errdefer procedure.destroy();
            procedure.policy.filter = procedure.arena.allocator().dupe(u8, policy.filter) catch
                return outOfMemory(failure);
            procedure.begin(kind_of, bytes) catch |err| {
                if (err != error.Failed) return outOfMemory(failure);
                return error.Failed;
            };
            procedure.failure = &procedure.task.failure;
            procedure.out = &procedure.task.out;
            return procedure;
        }

        /// It is over, or was never started. The result is the caller's.
        pub fn destroy(procedure: *This) void {
            assert(procedure.running == 0);
            procedure.forgetQuestions();
            if (procedure.script == .admin) procedure.script.admin.wipe();
            procedure.arena.deinit();
            procedure.gpa.destroy(procedure);
        }

        fn begin(procedure: *This, kind_of: Kind, bytes: []const u8) Error!void {
            var reader: msgpack.Reader = .{ .bytes = bytes };
            if (kind_of.memberCount()) |expected| {
                const text = "the request must be an array";
                const count = try request.expectArray(&reader, text, procedure.failure);
                if (count < expected or count > expected + kind_of.optionalCount()) return request.invalid(
                    procedure.failure,
                    "the request of {t} must have {d} members, not {d}",
                    .{ kind_of, expected, count },
                );
            }
            switch (procedure.script) {
                inline else => |*script| try script.parse(procedure, &reader),
            }
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
            from(task).pump();
        }

        fn hasChanged(task: *Task) bool {
            return !from(task).asked.is_repeatable;
        }

        fn abort(task: *Task) bool {
            const procedure = from(task);
            task.driver.unschedule(&procedure.timer);
            var in_doubt = false;
            for (procedure.questions) |*question| {
                if (!question.is_running) continue;
                if (question.exchange.sent) in_doubt = true;
                task.driver.cancel(&question.exchange);
                question.is_running = false;
            }
            procedure.running = 0;
            return in_doubt and !procedure.asked.is_repeatable;
        }

        fn measure(task: *Task, status: Status) void {
            const procedure = from(task);
            const duration_ns = procedure.net.now() -| procedure.started_ns;
            procedure.countAs(if (status == .ok) procedure.told else status, duration_ns);
        }

        fn countAs(procedure: *const This, status: Status, duration_ns: u64) void {
            const place = &procedure.place;
            const metric = procedure.metric orelse return;
            metrics.process.record(metric, place.namespace, place.set, status, duration_ns);
        }

        // Steps.

        /// Goes on as long as nothing has to be waited for.
        fn pump(procedure: *This) void {
            // A question that ends at once comes back here from `begin`.
            if (procedure.is_pumping) return;
            procedure.is_pumping = true;
            while (!procedure.is_finished and procedure.running == 0 and !procedure.is_paused) {
                procedure.turn() catch |err| procedure.giveUp(err);
            }
            procedure.is_pumping = false;
            if (procedure.is_finished) procedure.task.over();
        }

        fn giveUp(procedure: *This, err: Error) void {
            if (err != error.Failed) outOfMemory(procedure.failure) catch {};
            procedure.is_finished = true;
        }

        fn turn(procedure: *This) Error!void {
            if (procedure.questions.len > 0) {
                if (try procedure.askAgain()) return;
                if (procedure.asked.whom != .all) try procedure.checkOnly();
            }
            const step: Step = switch (procedure.script) {
                inline else => |*script| try script.next(procedure),
            };
            procedure.forgetQuestions();
            switch (step) {
                .done => procedure.is_finished = true,
                .pause => |at_ns| {
                    procedure.is_paused = true;
                    procedure.task.driver.schedule(&procedure.timer, at_ns);
                },
                .ask => |asked| try procedure.ask(asked),
            }
        }

        fn onTime(context: *anyopaque) void {
            const procedure: *This = @ptrCast(@alignCast(context));
            procedure.is_paused = false;
            procedure.pump();
        }

        fn ask(procedure: *This, asked: Step.Ask) Error!void {
            procedure.asked = asked;
            procedure.tries = 1;
            const attempts: executor.Attempts =
                .start(&procedure.policy, procedure.task.driver.now());
            procedure.limits = .of(&attempts);
            switch (asked.whom) {
                .all => try procedure.askAll(),
                .any => try procedure.askOne(try procedure.anyNode()),
                .same => try procedure.askOne(procedure.same.?),
                .named => |name| try procedure.askOne(procedure.owner.nodeByName(name) orelse {
                    procedure.failure.set(.invalid_node, "the cluster has no node '{s}'", .{
                        name[0..@min(name.len, 64)],
                    });
                    return error.Failed;
                }),
            }
        }

        fn askOne(procedure: *This, node: *Node) Error!void {
            procedure.questions = try procedure.gpa.alloc(Question, 1);
            procedure.prepare(&procedure.questions[0], node);
            try procedure.put(&procedure.questions[0]);
        }

        fn askAll(procedure: *This) Error!void {
            var found: std.ArrayList(*Node) = .empty;
            defer found.deinit(procedure.gpa);
            var nodes = procedure.owner.nodes();
            while (nodes.next()) |node| try found.append(procedure.gpa, node);
            if (found.items.len == 0) _ = try procedure.anyNode();
            procedure.questions = try procedure.gpa.alloc(Question, found.items.len);
            for (procedure.questions, found.items) |*question, node| {
                procedure.prepare(question, node);
            }
            for (procedure.questions) |*question| try procedure.put(question);
        }

        fn prepare(procedure: *This, question: *Question, node: *Node) void {
            // Hashes of passwords are in the frames of an admin command.
            const bufferOf = if (procedure.script == .admin) &wire.Buffer.secret else &wire.Buffer.growing;
            question.* = .{
                .procedure = procedure,
                .node = node,
                .exchange = undefined,
                .frame = bufferOf(procedure.gpa, &.{}, engine.frame_bytes_max),
                .text = .growing(procedure.gpa, &.{}, engine.frame_bytes_max),
            };
        }

        /// Puts a question to its node, perhaps anew.
        fn put(procedure: *This, question: *Question) Error!void {
            question.frame.clear();
            question.text.clear();
            question.failure = .{};
            question.is_told = false;
            switch (procedure.script) {
                inline else => |*script| try script.write(procedure, question),
            }
            question.exchange = .{
                .node = question.node,
                .frame = question.frame.written(),
                .limits = procedure.limits,
                .handler = &handler,
                .failure = &question.failure,
            };
            question.is_running = true;
            procedure.running += 1;
            procedure.task.driver.begin(&question.exchange);
        }

        const handler: Exchange.Handler = .{ .on_frame = onFrame, .on_end = onEnd };

        fn onFrame(exchange: *Exchange, frame: Frame) engine.FrameResult {
            const question: *Question = @fieldParentPtr("exchange", exchange);
            const procedure = question.procedure;
            const result = switch (procedure.script) {
                inline else => |*script| script.take(procedure, question, frame),
            };
            if (result) |_| question.is_told = true else |_| question.is_told = false;
            return result catch |err| {
                describeReply(err, &question.failure);
                exchange.verdict = executor.judgeClient(question.failure.status);
                return .done_close;
            };
        }

        fn onEnd(exchange: *Exchange, ok: bool) void {
            const question: *Question = @fieldParentPtr("exchange", exchange);
            const procedure = question.procedure;
            assert(question.is_running);
            question.is_running = false;
            procedure.running -= 1;
            assert(ok or question.failure.status != .ok);
            // A reply that was torn tells nothing.
            if (!ok) question.is_told = false;
            if (question.failure.status != .ok) question.failure.setNode(question.node.name());
            procedure.pump();
        }

        /// Puts questions anew that were not taken. True: some are under way, or were.
        fn askAgain(procedure: *This) Error!bool {
            var is_asked = false;
            for (procedure.questions) |*question| {
                if (question.isAnswered() or question.failure.status == .interrupted) continue;
                if (!try procedure.repeat(question)) continue;
                is_asked = true;
            }
            return is_asked;
        }

        fn repeat(procedure: *This, question: *Question) Error!bool {
            const verdict = question.exchange.verdict;
            if (procedure.task.driver.now() >= procedure.limits.deadline_ns) return false;
            if (verdict.retry == .free and question.node.isActive()) {
                if (question.is_repeated) return false;
                question.is_repeated = true;
                try procedure.put(question);
                return true;
            }
            if (procedure.asked.whom != .any or verdict.retry == .no) return false;
            if (question.exchange.sent and !procedure.asked.is_repeatable) return false;
            if (procedure.tries >= procedure.owner.nodeCount()) return false;
            procedure.tries += 1;
            question.node = procedure.otherNode(question.node) orelse return false;
            try procedure.put(question);
            return true;
        }

        fn otherNode(procedure: *This, node: *Node) ?*Node {
            for (0..2) |_| {
                const other = procedure.owner.randomNode() orelse return null;
                if (other != node) return other;
            }
            return null;
        }

        /// The only question's failure is that of the command.
        fn checkOnly(procedure: *This) error{Failed}!void {
            const question = &procedure.questions[0];
            if (question.isAnswered()) {
                procedure.same = question.node;
                return;
            }
            procedure.failure.* = question.failure;
            procedure.failure.in_doubt = question.isInDoubt() and !procedure.asked.is_repeatable;
            return error.Failed;
        }

        fn forgetQuestions(procedure: *This) void {
            for (procedure.questions) |*question| {
                question.frame.deinit();
                question.text.deinit();
            }
            procedure.gpa.free(procedure.questions);
            procedure.questions = &.{};
        }

        // For scripts.

        pub fn anyNode(procedure: *This) error{Failed}!*Node {
            return procedure.owner.randomNode() orelse {
                procedure.failure.set(.invalid_node, "the cluster has no active node", .{});
                return error.Failed;
            };
        }

        /// Writes the frame of an info command.
        pub fn writeInfo(procedure: *This, question: *Question, command: []const u8) Error!void {
            _ = procedure;
            question.echo_bytes = command.len;
            try wire.info.encodeRequest(&question.frame, &.{command});
        }

        /// Takes the answer to an info command.
        pub fn takeInfo(
            procedure: *This,
            question: *Question,
            frame: Frame,
        ) !engine.FrameResult {
            _ = procedure;
            if (frame.kind != .info) return error.Malformed;
            const asked = question.frame.written()[wire.proto.header_bytes..];
            const command = asked[0..question.echo_bytes];
            try question.text.append(wire.info.withoutEcho(frame.body, command));
            return .done;
        }

        /// What a node has answered to an info command. An answer that is an error becomes the
        /// failure.
        pub fn answer(procedure: *This, question: *const Question) error{Failed}![]const u8 {
            if (!question.isAnswered()) {
                procedure.failure.* = question.failure;
                return error.Failed;
            }
            const text = question.text.written();
            const refused = wire.info.failure(text) orelse return text;
            const status = statusOf(refused);
            const said = if (refused.text.len != 0) refused.text else status.text();
            procedure.failure.set(status, "{s}", .{said});
            procedure.failure.setNode(question.node.name());
            return error.Failed;
        }

        /// How a node has answered an info command.
        pub fn answered(_: *This, question: *const Question) Status {
            if (!question.isAnswered()) return question.failure.status;
            return statusOf(wire.info.failure(question.text.written()) orelse return .ok);
        }

        fn statusOf(refused: wire.info.Failure) Status {
            return if (refused.code) |code| .fromServer(code) else .server;
        }

        /// Takes the reply of one message, whose result code is all that matters.
        pub fn takeCode(procedure: *This, question: *Question, body: []const u8) !engine.FrameResult {
            _ = procedure;
            const message = try wire.message.Message.decode(body);
            const status = Status.fromServer(message.header.result_code);
            const verdict = question.exchange.settle(status);
            if (status != .ok) reply.setReplyFailure(status, body, &question.failure);
            return if (verdict.connection_usable) .done else .done_close;
        }

        /// Takes a name that goes into an info command, where some characters have a meaning.
        pub fn takeName(
            procedure: *This,
            reader: *msgpack.Reader,
            comptime what: []const u8,
        ) error{Failed}![]const u8 {
            const name = try request.expectString(reader, what, procedure.failure);
            for (name) |byte| switch (byte) {
                ';' => return request.invalid(
                    procedure.failure,
                    what ++ " must not contain a ';'",
                    .{},
                ),
                0...' ' - 1, 0x7f => return request.invalid(
                    procedure.failure,
                    what ++ " must not contain the byte 0x{x:0>2}",
                    .{byte},
                ),
                else => {},
            };
            return name;
        }

        pub fn takeNamespace(
            procedure: *This,
            reader: *msgpack.Reader,
        ) error{Failed}![]const u8 {
            const namespace = try procedure.takeName(reader, "the namespace");
            try request.checkNamespace(namespace, procedure.failure);
            return namespace;
        }

        /// Says where the command works, in a namespace that the cluster has to have: some servers
        /// would take it nevertheless, and remember that for ever.
        pub fn workIn(procedure: *This, place: Place) error{Failed}!void {
            procedure.place = place;
            _ = executor.findNamespace(procedure.owner, place.namespace, procedure.failure) catch
                return procedure.refuse();
        }

        /// Of a valid request, which this cluster has not what it needs for. It counts.
        pub fn refuse(procedure: *const This) error{Failed} {
            procedure.countAs(procedure.failure.status, 0);
            return error.Failed;
        }

        pub fn takeInteger(
            procedure: *This,
            comptime T: type,
            reader: *msgpack.Reader,
            comptime what: []const u8,
        ) error{Failed}!T {
            switch (reader.next() catch return request.malformed(procedure.failure)) {
                .int => |value| if (std.math.cast(T, value)) |number| return number,
                .uint => |value| if (std.math.cast(T, value)) |number| return number,
                else => {},
            }
            const text = what ++ " must be an integer from {d} to {d}";
            return request.invalid(
                procedure.failure,
                text,
                .{ std.math.minInt(T), std.math.maxInt(T) },
            );
        }
    };
}

/// Looks at all nodes, with growing pauses, until each knows of a change.
pub const Waiting = struct {
    /// 0: not at all.
    wait_ms: u32,
    deadline_ns: u64 = 0,
    pause_ns: u64 = poll_ns_min,

    pub fn begin(waiting: *Waiting, now_ns: u64) Step {
        if (waiting.wait_ms == 0) return .done;
        waiting.deadline_ns = now_ns + @as(u64, waiting.wait_ms) * std.time.ns_per_ms;
        return look;
    }

    pub const look: Step = .{ .ask = .{ .whom = .all, .is_repeatable = true } };

    /// After a look. `isDone` says of each node whether it knows, and errors only to end the
    /// waiting.
    pub fn next(
        waiting: *Waiting,
        procedure: anytype,
        comptime what: []const u8,
        context: anytype,
        comptime isDone: anytype,
    ) Error!Step {
        const lagging = for (procedure.questions) |*question| {
            const is_known = isDone(context, procedure, question) catch |err| switch (err) {
                // A node that cannot be reached now may be gone at the next look.
                error.Failed => if (mayPass(procedure.failure.status)) false else return err,
                else => |other| return other,
            };
            if (!is_known) break question.node;
        } else {
            procedure.failure.* = .{};
            return .done;
        };
        const now_ns = procedure.task.driver.now();
        if (now_ns >= waiting.deadline_ns) {
            const text = what ++ " within {d} ms on all nodes";
            procedure.failure.set(.timeout, text, .{waiting.wait_ms});
            procedure.failure.setNode(lagging.name());
            return error.Failed;
        }
        procedure.failure.* = .{};
        const pause_ns = @min(waiting.pause_ns, waiting.deadline_ns - now_ns);
        waiting.pause_ns = @min(2 * waiting.pause_ns, poll_ns_max);
        return .{ .pause = now_ns + pause_ns };
    }

    fn mayPass(status: Status) bool {
        return executor.judgeClient(status).retry != .no or status == .invalid_node;
    }
};

fn describeReply(err: anyerror, failure: *Failure) void {
    switch (err) {
        error.OutOfMemory => failure.set(.out_of_memory, "out of memory for the answer", .{}),
        error.NoSpaceLeft => failure.set(.client, "the answer is larger than the limit", .{}),
        else => failure.set(.client, "the answer is malformed", .{}),
    }
}

fn outOfMemory(failure: *Failure) error{Failed} {
    failure.set(.out_of_memory, "out of memory", .{});
    return error.Failed;
}
