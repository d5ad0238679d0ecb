//! Background queries: operations or a function that the servers apply to all records that a query
//! finds. The request is answered when the work has begun; the job's number asks how it goes.

const std = @import("std");
const filter_text = @import("../filter_text.zig");
const procedure_module = @import("../procedure.zig");
const query_request = @import("query_request.zig");
const random = @import("../../io.zig").random;
const request = @import("../record/request.zig");
const wire = @import("../../wire.zig");
const Error = procedure_module.Error;
const Failure = @import("../../status.zig").Failure;
const FrameResult = @import("../../engine.zig").FrameResult;
const Kind = procedure_module.Kind;
const Step = procedure_module.Step;
const msgpack = wire.msgpack;

/// A query's map, with operations or a function -> the job's number.
pub const Background = struct {
    frame: []const u8 = "",
    job: u64 = 0,
    is_asked: bool = false,

    pub fn parse(background: *Background, procedure: anytype, reader: *msgpack.Reader) Error!void {
        const arena = procedure.arena.allocator();
        const failure = procedure.failure;
        const asked: query_request.Query = try .parse(arena, reader.bytes, failure);
        background.job = random.integer();
        var frame = wire.Buffer.growing(arena, &.{}, request.frame_bytes_max);
        const policy = &procedure.policy;
        try query_request.encodeBackground(
            &asked,
            policy,
            background.job,
            &frame,
            failure,
        );
        background.frame = frame.written();
        try procedure.workIn(.{ .namespace = asked.namespace, .set = asked.set });
        filter_text.check(procedure.owner, policy.filter, failure) catch return procedure.refuse();
    }

    pub fn next(background: *Background, procedure: anytype) Error!Step {
        if (!background.is_asked) {
            background.is_asked = true;
            return .{ .ask = .{ .whom = .all } };
        }
        var begun: usize = 0;
        var failed: ?*const Failure = null;
        for (procedure.questions) |*question| {
            if (question.isAnswered()) {
                begun += 1;
                continue;
            }
            if (question.isInDoubt()) begun += 1;
            failed = &question.failure;
        }
        const failure = failed orelse {
            try msgpack.writeUint(procedure.out, background.job);
            return .done;
        };
        procedure.failure.* = failure.*;
        // Some nodes are at work, or may be.
        procedure.failure.in_doubt = begun > 0;
        return error.Failed;
    }

    pub fn write(background: *Background, _: anytype, question: anytype) Error!void {
        try question.frame.append(background.frame);
    }

    pub fn take(_: *Background, procedure: anytype, question: anytype, frame: anytype) !FrameResult {
        if (frame.kind != .message) return error.Malformed;
        const result = try procedure.takeCode(question, frame.body);
        // A node that does not know the set has nothing to do.
        if (question.failure.status == .record_not_found) question.failure = .{};
        return result;
    }
};

/// What nodes say about a job, taken together.
const Progress = struct {
    state: State = .unknown,
    /// Of the slowest node.
    percent: f64 = 100,
    succeeded: u64 = 0,
    failed: u64 = 0,

    const State = enum(u8) { unknown = 0, running = 1, done = 2, aborted = 3 };

    fn add(progress: *Progress, text: []const u8) void {
        const status = wire.info.Pairs.find(text, ':', "status") orelse "";
        const state: State = if (std.mem.startsWith(u8, status, "active"))
            .running
        else if (std.mem.startsWith(u8, status, "done(ok"))
            .done
        else
            .aborted;
        progress.state = switch (progress.state) {
            .unknown => state,
            .running => .running,
            .done, .aborted => |before| if (state == .done) before else state,
        };
        const percent = wire.info.Pairs.find(text, ':', "job-progress") orelse "";
        progress.percent = @min(progress.percent, std.fmt.parseFloat(f64, percent) catch 0);
        progress.succeeded +|= number(text, "recs-succeeded");
        progress.failed +|= number(text, "recs-failed");
    }

    /// Appends [state, progress in percent, records that succeeded, records that failed].
    fn write(progress: *const Progress, out: *wire.Buffer) wire.Buffer.Error!void {
        try msgpack.writeArrayHeader(out, 4);
        try msgpack.writeUint(out, @backingInt(progress.state));
        try msgpack.writeFloat(out, if (progress.state == .unknown) 0 else progress.percent);
        try msgpack.writeUint(out, progress.succeeded);
        try msgpack.writeUint(out, progress.failed);
    }

    fn number(text: []const u8, name: []const u8) u64 {
        const digits = wire.info.Pairs.find(text, ':', name) orelse return 0;
        return std.fmt.parseInt(u64, digits, 10) catch 0;
    }
};

/// How a job is getting on, or its end.
pub const Job = struct {
    kind: Kind,
    job: u64 = 0,
    is_asked: bool = false,

    /// [job].
    pub fn parse(job: *Job, procedure: anytype, reader: *msgpack.Reader) Error!void {
        job.job = try procedure.takeInteger(u64, reader, "the job's number");
    }

    pub fn next(job: *Job, procedure: anytype) Error!Step {
        if (!job.is_asked) {
            job.is_asked = true;
            return .{ .ask = .{ .whom = .all, .is_repeatable = true } };
        }
        var found = false;
        var progress: Progress = .{};
        for (procedure.questions) |*question| {
            const text = procedure.answer(question) catch |err| {
                if (procedure.failure.status != .record_not_found) return err;
                procedure.failure.* = .{};
                continue;
            };
            found = true;
            progress.add(text);
        }
        if (job.kind == .job_status) {
            try progress.write(procedure.out);
            return .done;
        }
        if (found) return .done;
        procedure.failure.set(.query, "job {d} is not at work on any node", .{job.job});
        return error.Failed;
    }

    pub fn write(job: *Job, procedure: anytype, question: anytype) Error!void {
        const has_names = question.node.version().isAtLeast(.first_with_full_names);
        const command = if (job.kind == .job_status) "query-show" else "query-abort";
        var memory: [64]u8 = undefined;
        const text = std.fmt.bufPrint(&memory, "{s}:{s}={d}", .{
            command, if (has_names) "id" else "trid", job.job,
        }) catch unreachable;
        try procedure.writeInfo(question, text);
    }

    pub fn take(_: *Job, procedure: anytype, question: anytype, frame: anytype) !FrameResult {
        return procedure.takeInfo(question, frame);
    }
};

test "a job is as far as its slowest node, and counts add up" {
    const testing = std.testing;
    var progress: Progress = .{};
    progress.add("trid=5:ns=test:status=done(ok):job-progress=100.00:recs-succeeded=7:recs-failed=1");
    try testing.expectEqual(Progress.State.done, progress.state);
    progress.add("trid=5:status=active(ok):job-progress=40.50:recs-succeeded=3:recs-failed=0");
    try testing.expectEqual(Progress.State.running, progress.state);
    try testing.expectEqual(@as(f64, 40.5), progress.percent);
    try testing.expectEqual(@as(u64, 10), progress.succeeded);
    try testing.expectEqual(@as(u64, 1), progress.failed);
    progress.add("trid=5:status=done(ok):job-progress=100.00");
    try testing.expectEqual(Progress.State.running, progress.state);

    var stopped: Progress = .{};
    stopped.add("status=done(ok):job-progress=100.00");
    stopped.add("status=done(user-aborted):job-progress=3.00");
    stopped.add("status=done(ok):job-progress=100.00");
    try testing.expectEqual(Progress.State.aborted, stopped.state);
}
