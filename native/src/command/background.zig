//! Background queries: operations or a function that the servers apply to all records that a query
//! finds. The request is answered when the work has begun; the job's number asks how it goes.

const std = @import("std");
const exchange = @import("exchange.zig");
const executor = @import("executor.zig");
const metrics = @import("../metrics.zig");
const query = @import("query.zig");
const query_request = @import("query_request.zig");
const reply = @import("reply.zig");
const request = @import("request.zig");
const wire = @import("../wire.zig");
const Failure = @import("../status.zig").Failure;
const Status = @import("../status.zig").Status;
const msgpack = wire.msgpack;

/// A query's map, with operations or a function -> the job's number.
pub fn start(task: anytype, bytes: []const u8) !void {
    var arena: std.heap.ArenaAllocator = .init(task.gpa);
    defer arena.deinit();
    const asked = try query_request.Query.parse(arena.allocator(), bytes, task.failure);
    const job = query.randomId();
    var frame = wire.Buffer.growing(task.gpa, &.{}, request.frame_bytes_max);
    defer frame.deinit();
    try query_request.encodeBackground(&asked, task.policy, job, &frame, task.failure);
    const started_ns = task.net.now();
    const outcome = startOnAll(task, asked.namespace, frame.written());
    metrics.process.record(
        .query,
        asked.namespace,
        asked.set,
        if (outcome) .ok else |_| task.failure.status,
        task.net.now() -| started_ns,
    );
    try outcome;
    try msgpack.writeUint(task.out, job);
}

fn startOnAll(task: anytype, namespace: []const u8, frame: []const u8) error{Failed}!void {
    if (task.owner.namespace(namespace) == null) {
        const text = "namespace '{s}' is not found in the cluster";
        task.failure.set(.namespace_not_found, text, .{namespace});
        return error.Failed;
    }
    var count: u32 = 0;
    var nodes = task.owner.nodes();
    while (nodes.next()) |node| : (count += 1) {
        startOn(task, node, frame) catch |err| {
            // Nodes that were asked before are at work.
            if (count > 0) task.failure.in_doubt = true;
            return err;
        };
    }
    if (count == 0) _ = try task.anyNode();
}

fn startOn(task: anytype, node: anytype, frame: []const u8) error{Failed}!void {
    const failure = task.failure;
    errdefer failure.setNode(node.name());
    const attempts: executor.Attempts = .start(task.policy, task.net.now());
    var connection = try node.acquire(attempts.waitDeadline(task.net.now()), failure);
    var sent = false;
    const status = ask(task, &connection, &attempts, frame, &sent) catch |err| {
        node.drop(connection);
        switch (err) {
            error.Timeout => node.recordTimeout(),
            error.Interrupted, error.OutOfMemory => {},
            else => node.recordError(),
        }
        exchange.describe(err, failure);
        failure.in_doubt = sent;
        return error.Failed;
    };
    const verdict = executor.settle(node, task.owner, status);
    if (verdict.connection_usable) node.push(connection) else node.drop(connection);
    // A node that does not know the set has nothing to do.
    if (status == .ok or status == .record_not_found) return;
    reply.setServerFailure(status, failure);
    return error.Failed;
}

fn ask(
    task: anytype,
    connection: anytype,
    attempts: *const executor.Attempts,
    frame: []const u8,
    sent: *bool,
) !Status {
    const net = task.net;
    try net.send(&connection.socket, frame, attempts.waitDeadline(net.now()));
    sent.* = true;
    var receiver: exchange.Receiver = .{ .gpa = task.gpa };
    defer receiver.deinit();
    const answer = try receiver.next(net, &connection.socket, attempts);
    if (answer.kind != .message) return error.BadFrame;
    if (!receiver.isDrained()) return error.UnexpectedBytes;
    const message = wire.message.Message.decode(answer.body) catch return error.BadFrame;
    return Status.fromServer(message.header.result_code);
}

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

    fn number(text: []const u8, name: []const u8) u64 {
        const digits = wire.info.Pairs.find(text, ':', name) orelse return 0;
        return std.fmt.parseInt(u64, digits, 10) catch 0;
    }
};

/// [job] -> [state, progress in percent, records that succeeded, records that failed].
pub fn report(task: anytype, reader: *msgpack.Reader) !void {
    const job = try task.takeInteger(u64, reader, "the job's number");
    var progress: Progress = .{};
    var answer = task.answerBuffer();
    defer answer.deinit();
    var nodes = task.owner.nodes();
    while (nodes.next()) |node| {
        const text = askAbout(task, node, "query-show", job, &answer) catch |err| switch (err) {
            error.Failed => if (task.failure.status == .record_not_found) continue else return err,
            else => |other| return other,
        };
        progress.add(text);
    }
    try msgpack.writeArrayHeader(task.out, 4);
    try msgpack.writeUint(task.out, @backingInt(progress.state));
    try msgpack.writeFloat(task.out, if (progress.state == .unknown) 0 else progress.percent);
    try msgpack.writeUint(task.out, progress.succeeded);
    try msgpack.writeUint(task.out, progress.failed);
}

/// [job].
pub fn abort(task: anytype, reader: *msgpack.Reader) !void {
    const job = try task.takeInteger(u64, reader, "the job's number");
    var found = false;
    var answer = task.answerBuffer();
    defer answer.deinit();
    var nodes = task.owner.nodes();
    while (nodes.next()) |node| {
        _ = askAbout(task, node, "query-abort", job, &answer) catch |err| switch (err) {
            error.Failed => if (task.failure.status == .record_not_found) continue else return err,
            else => |other| return other,
        };
        found = true;
    }
    if (found) return;
    task.failure.set(.query, "job {d} is not at work on any node", .{job});
    return error.Failed;
}

fn askAbout(
    task: anytype,
    node: anytype,
    command: []const u8,
    job: u64,
    answer: *wire.Buffer,
) ![]const u8 {
    const key = if ((try task.version(node)).isAtLeast(8, 1, 0)) "id" else "trid";
    var memory: [64]u8 = undefined;
    const format = "{s}:{s}={d}";
    const text = std.fmt.bufPrint(&memory, format, .{ command, key, job }) catch unreachable;
    return task.ask(node, text, answer);
}

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
