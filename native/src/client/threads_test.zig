//! The engine with threads, over the real network, against a development server in this process:
//! what only threads and descriptors can get wrong.

const std = @import("std");
const system = @import("../os.zig").system;
const cluster = @import("../cluster.zig");
const command = @import("../command.zig");
const devserver = @import("../devserver.zig");
const engine_module = @import("../engine.zig");
const operations_module = @import("operations.zig");
const io = @import("../io.zig");
const wire = @import("../wire.zig");
const Failure = @import("../status.zig").Failure;

const Cluster = cluster.Cluster(io.Net);
const Operations = operations_module.Operations(io.Net, engine_module.Poller);
const msgpack = wire.msgpack;
const ms = std.time.ns_per_ms;
const gpa = std.heap.c_allocator;

const submitters_count = 4;
const operations_per_submitter = 400;
const operations_count = submitters_count * operations_per_submitter;
const in_flight_max = 64;
const connections_max = 4;

const Stage = struct {
    server: *devserver.Server,
    net: io.Net,
    cluster: *Cluster,
    engine: Operations,
    /// By token.
    completions: [operations_count]u8 = @splat(0),
    succeeded: usize = 0,
    completed: usize = 0,
    in_flight: std.atomic.Value(u32) = .init(0),
    over_maximum: bool = false,

    fn init(stage: *Stage) !void {
        const server = try devserver.Server.start(gpa, &.{ .nodes = 3, .workers = 2 });
        errdefer server.destroy();
        stage.* = .{ .server = server, .net = .init(), .cluster = undefined, .engine = undefined };
        var failure: Failure = .{};
        stage.cluster = try .create(gpa, &stage.net, .{
            .hosts = &.{.{ .name = "127.0.0.1", .port = server.ports()[0] }},
            .max_conns_per_node = connections_max,
            .tend_interval_ms = 250,
        }, &failure);
        errdefer stage.cluster.destroy();
        try stage.cluster.connect(&failure);
        try stage.cluster.startTendThread();
        stage.engine = try .init(gpa, &stage.net, 0, operations_count);
        errdefer stage.engine.deinit();
        try stage.engine.start();
    }

    fn deinit(stage: *Stage) void {
        stage.engine.stop();
        stage.engine.dismantle();
        stage.engine.deinit();
        stage.cluster.destroy();
        stage.server.destroy();
    }

    /// A submitter's thread. What is refused was never in flight.
    fn submitMany(stage: *Stage, first_token: u64) void {
        for (first_token..first_token + operations_per_submitter) |token| {
            while (stage.in_flight.load(.monotonic) >= in_flight_max) {
                stage.net.sleep(ms) catch {};
            }
            _ = stage.in_flight.fetchAdd(1, .monotonic);
            var failure: Failure = .{};
            stage.submit(token, &failure) catch unreachable;
        }
    }

    fn submit(stage: *Stage, token: u64, failure: *Failure) !void {
        var memory: [256]u8 = undefined;
        var request = wire.Buffer.fixed(&memory);
        const policy: engine_module.Policy = .{ .total_timeout_ms = 2_000 };
        if (token % 5 == 0) {
            try msgpack.writeArrayHeader(&request, 3);
            try msgpack.writeArrayHeader(&request, 4);
            for (0..4) |index| try writeKey(&request, token + index);
            try msgpack.writeInt(&request, @backingInt(command.Command.exists));
            try msgpack.writeNil(&request);
            const bytes = request.written();
            return stage.engine.submitBatch(
                stage.cluster,
                token,
                .uniform,
                bytes,
                &policy,
                null,
                failure,
            );
        }
        try msgpack.writeArrayHeader(&request, 2);
        try writeKey(&request, token);
        try msgpack.writeMapHeader(&request, 1);
        try msgpack.writeString(&request, "n");
        try msgpack.writeInt(&request, @intCast(token));
        const bytes = request.written();
        return stage.engine.submit(stage.cluster, token, .put, bytes, &policy, false, failure);
    }

    /// The collector's thread: waits for a wake, at most for a while, and takes what there is.
    fn collect(stage: *Stage) void {
        var entries = [1]system.pollfd{.{
            .fd = stage.engine.mailbox.wake.read_fd,
            .events = system.POLL.IN,
            .revents = 0,
        }};
        _ = system.poll(&entries, 1, 100);
        stage.engine.refill();
        while (stage.engine.first()) |completion| {
            stage.completions[completion.token] += 1;
            stage.succeeded += @intFromBool(completion.failure == null);
            stage.completed += 1;
            stage.engine.collected();
            _ = stage.in_flight.fetchSub(1, .monotonic);
        }
        var nodes = stage.cluster.nodes();
        while (nodes.next()) |node| {
            if (node.openCount() > connections_max) stage.over_maximum = true;
        }
    }

    fn control(stage: *Stage, command_name: []const u8, node: u8) !void {
        var memory: [128]u8 = undefined;
        var request = wire.Buffer.fixed(&memory);
        try msgpack.writeMapHeader(&request, 2);
        try msgpack.writeString(&request, "command");
        try msgpack.writeString(&request, command_name);
        try msgpack.writeString(&request, "node");
        try msgpack.writeInt(&request, node);
        var reply = wire.Buffer.growing(gpa, &.{}, 65536);
        defer reply.deinit();
        try stage.server.control(request.written(), &reply);
    }

    fn collectUntil(stage: *Stage, completed: usize) !void {
        const deadline_ns = stage.net.now() + 30 * std.time.ns_per_s;
        while (stage.completed < completed) {
            if (stage.net.now() > deadline_ns) return error.TestTimeout;
            stage.collect();
        }
    }
};

fn writeKey(out: *wire.Buffer, number: u64) !void {
    try msgpack.writeArrayHeader(out, 3);
    try msgpack.writeString(out, "test");
    try msgpack.writeString(out, "threads");
    try msgpack.writeInt(out, @intCast(number));
}

test "what many threads submit is completed once each, while nodes die and return" {
    var stage: Stage = undefined;
    try stage.init();
    defer stage.deinit();
    var threads: [submitters_count]std.Thread = undefined;
    for (&threads, 0..) |*thread, index| {
        const first_token = index * operations_per_submitter;
        thread.* = try std.Thread.spawn(.{}, Stage.submitMany, .{ &stage, first_token });
    }
    defer for (threads) |thread| thread.join();
    try stage.collectUntil(operations_count / 4);
    try stage.control("kill", 1);
    try stage.collectUntil(operations_count / 2);
    try stage.control("revive", 1);
    try stage.collectUntil(operations_count);
    for (stage.completions) |count| try std.testing.expectEqual(1, count);
    try std.testing.expect(stage.succeeded > operations_count / 2);
    try std.testing.expect(!stage.over_maximum);
}

test "stopping in the midst of work completes all of it" {
    var stage: Stage = undefined;
    try stage.init();
    defer stage.deinit();
    for (0..100) |token| {
        var failure: Failure = .{};
        try stage.submit(token, &failure);
    }
    stage.engine.stop();
    stage.engine.mailbox.notify();
    try stage.collectUntil(100);
    for (stage.completions[0..100]) |count| try std.testing.expectEqual(1, count);
    var nodes = stage.cluster.nodes();
    while (nodes.next()) |node| try std.testing.expectEqual(0, node.inUseCount());
}
