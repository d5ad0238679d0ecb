//! Queries on the simulated network: each record once, or an error that says why.
//!
//! A query runs, by partitions or by an index, at once or in pages, while nodes die and return,
//! partitions move and the network does harm; the cluster is tended in the background of its waits.
//! Whatever the history: no record comes twice, none is missing when the query says that it is
//! complete, a token goes on where it was taken even after a failure, and no connection stays lent.
//! The same holds for batches whose rows are handed out as they are answered: each row once.

const std = @import("std");
const assert = std.debug.assert;
const cluster = @import("../cluster.zig");
const engine_module = @import("../engine.zig");
const command = @import("../command.zig");
const seeds = @import("seeds.zig");
const wire = @import("../wire.zig");
const Failure = @import("../status.zig").Failure;
const Faults = @import("faults.zig").Faults;
const Net = @import("net.zig").Net;
const Poller = @import("poller.zig").Poller;
const Status = @import("../status.zig").Status;
const World = @import("world.zig").World;

const Cluster = cluster.Cluster(Net);
const driving = @import("driving.zig").Driving(Net, Poller);
const msgpack = wire.msgpack;
const ms = std.time.ns_per_ms;
const second = std.time.ns_per_s;
const gpa = std.testing.allocator;

const nodes = 3;
const connections_max = 3;
/// Many records in few partitions, so that streams end in the midst of one; and large ones, so
/// that a reply has several frames.
const records_count = 240;
const record_bytes = 3000;
const partitions_used = 6;

/// How records are looked for. All kinds find all records.
const Kind = enum {
    partitions,
    index,
    /// A record matches with each of its list's values, and is sent for each.
    list_index,
};

const History = struct {
    world: *World,
    net: *Net,
    cluster: *Cluster,
    seen: [records_count]bool = @splat(false),
    seen_count: usize = 0,
    completed: u32 = 0,
    tended_ns: u64 = 0,
    is_tending: bool = false,

    fn policy(history: *History) engine_module.Policy {
        const dice = history.world.random();
        return .{
            .total_timeout_ms = if (dice.boolean()) 0 else 500 + dice.uintLessThan(u32, 10_000),
            .socket_timeout_ms = 1 + dice.uintLessThan(u32, 200),
            .retries_max = dice.uintAtMost(u32, 10),
            .sleep_between_retries_ms = dice.uintAtMost(u32, 20),
        };
    }

    /// One query, in pages or not, up to its end.
    fn run(history: *History, kind: Kind, chosen: *const engine_module.Policy) !void {
        const dice = history.world.random();
        history.seen = @splat(false);
        history.seen_count = 0;
        // By a list's values a record may come again on another page, for another of them.
        const is_whole = kind == .list_index;
        const page: u64 = if (is_whole or dice.boolean()) 0 else 1 + dice.uintLessThan(u64, 100);
        var token = wire.Buffer.growing(gpa, &.{}, 1 << 20);
        defer token.deinit();
        for (0..2 * records_count) |_| {
            const is_complete = try history.runPage(kind, page, chosen, &token);
            if (!is_complete) {
                // What was handed out before stays so: go on, or do not.
                if (is_whole or token.end == 0 or dice.boolean()) return;
                continue;
            }
            if (token.end > 0) continue;
            try std.testing.expectEqual(records_count, history.seen_count);
            history.completed += 1;
            return;
        }
        return error.TestUnexpectedResult;
    }

    /// False: it failed. The token is replaced by that of what is left, or by nothing.
    fn runPage(
        history: *History,
        kind: Kind,
        page: u64,
        chosen: *const engine_module.Policy,
        token: *wire.Buffer,
    ) !bool {
        var request = wire.Buffer.growing(gpa, &.{}, 1 << 20);
        defer request.deinit();
        try writeQuery(&request, kind, page, token.written());
        var failure: Failure = .{};
        const bytes = request.written();
        var pulling: driving.Pulling = undefined;
        pulling.init(.query, gpa, history.net, history.cluster, bytes, chosen, &failure) catch
            return history.expectReason(&failure);
        defer pulling.deinit();
        defer history.checkCounts() catch {};
        var count: u64 = 0;
        const is_complete = while (true) {
            const chunk = pulling.next(&failure) catch break try history.expectReason(&failure);
            if (chunk.len == 0) break true;
            count += try history.take(chunk);
            if (Faults.draw(history.world.random(), 100)) {
                history.world.advance(history.world.random().uintAtMost(u64, 300 * ms));
            }
        };
        if (page != 0) try std.testing.expect(count <= page);
        token.clear();
        try pulling.source.query.writeToken(.{ .records = 0 }, token, &failure);
        return is_complete;
    }

    fn take(history: *History, chunk: []const u8) !u64 {
        var reader: msgpack.Reader = .{ .bytes = chunk };
        const count = (try reader.next()).array;
        for (0..count) |_| try history.takeRecord(&reader);
        return count;
    }

    fn takeRecord(history: *History, reader: *msgpack.Reader) !void {
        try std.testing.expectEqual(3, (try reader.next()).array);
        try reader.skip();
        try reader.skip();
        const bins_count = (try reader.next()).map;
        for (0..bins_count) |_| {
            const name = (try reader.next()).string;
            if (!std.mem.eql(u8, name, "n")) {
                try reader.skip();
                continue;
            }
            const number: usize = @intCast((try reader.next()).int);
            try std.testing.expect(!history.seen[number]);
            history.seen[number] = true;
            history.seen_count += 1;
        }
    }

    /// A batch of all records, whose rows are pulled until they end, or it fails, or nobody wants
    /// the rest. Says whether every row had a record.
    fn runBatch(history: *History, chosen: *const engine_module.Policy) !bool {
        const dice = history.world.random();
        history.seen = @splat(false);
        history.seen_count = 0;
        var request = wire.Buffer.growing(gpa, &.{}, 1 << 20);
        defer request.deinit();
        try writeBatch(&request);
        var failure: Failure = .{};
        const bytes = request.written();
        var pulling: driving.Pulling = undefined;
        try pulling.init(
            .{ .batch = .uniform },
            gpa,
            history.net,
            history.cluster,
            bytes,
            chosen,
            &failure,
        );
        defer pulling.deinit();
        var count: usize = 0;
        while (true) {
            const chunk = pulling.next(&failure) catch {
                try std.testing.expectEqual(0, count);
                return history.expectReason(&failure);
            };
            if (chunk.len == 0) break;
            count += try history.takeRows(chunk);
            if (Faults.draw(dice, 50)) return false;
            if (Faults.draw(dice, 100)) history.world.advance(dice.uintAtMost(u64, 300 * ms));
        }
        try std.testing.expectEqual(records_count, count);
        return history.seen_count == records_count;
    }

    fn takeRows(history: *History, chunk: []const u8) !usize {
        var reader: msgpack.Reader = .{ .bytes = chunk };
        const count = (try reader.next()).array;
        for (0..count) |_| {
            try std.testing.expectEqual(4, (try reader.next()).array);
            try reader.skip();
            const status: Status = @fromBackingInt(@as(i32, @intCast((try reader.next()).int)));
            try std.testing.expect(!(try reader.next()).boolean);
            if (status == .ok) {
                try history.takeRecord(&reader);
                continue;
            }
            try reader.skip();
            var failure: Failure = .{};
            failure.set(status, "of a row", .{});
            _ = try history.expectReason(&failure);
        }
        return count;
    }

    /// Only what the network and the nodes' deaths explain. Always false.
    fn expectReason(history: *const History, failure: *const Failure) !bool {
        _ = history;
        try std.testing.expect(failure.message().len > 0);
        switch (failure.status) {
            .timeout,
            .connection,
            .invalid_node,
            .max_error_rate,
            .no_more_connections,
            .partition_unavailable,
            => return false,
            else => {
                std.debug.print("{t}: {s}\n", .{ failure.status, failure.message() });
                return error.TestUnexpectedResult;
            },
        }
    }

    /// The thread that tends, while a query waits.
    fn background(context: *anyopaque) void {
        const history: *History = @ptrCast(@alignCast(context));
        if (history.is_tending) return;
        const since_ns = history.net.now() - history.tended_ns;
        if (since_ns < 50 * ms) return;
        const requested = history.cluster.context.tend_requested.wait(0);
        if (!requested and since_ns < second) return;
        history.is_tending = true;
        history.cluster.tend();
        history.is_tending = false;
        history.tended_ns = history.net.now();
    }

    /// A node dies or returns, or partitions move, before or during the next query.
    fn mischief(history: *History) void {
        const world = history.world;
        const dice = world.random();
        const server = dice.uintLessThan(u8, nodes);
        const delay_ns = dice.uintAtMost(u64, 20 * ms);
        switch (dice.uintLessThan(u8, 4)) {
            0 => world.schedule(delay_ns, .{ .crash = server }),
            1 => world.schedule(delay_ns, .{ .silence = server }),
            else => world.schedule(delay_ns, .{ .revive = server }),
        }
        world.schedule(delay_ns + dice.uintAtMost(u64, second), .rebalance);
    }

    /// Nothing is lent while no query runs.
    fn checkCounts(history: *History) !void {
        var iterator = history.cluster.table.all();
        while (iterator.next()) |node| {
            try std.testing.expectEqual(0, node.inUseCount());
            try std.testing.expectEqual(0, node.pool.waitingCount());
            try std.testing.expect(node.openCount() <= connections_max);
        }
    }

    // Preparations.

    /// All records, in few partitions.
    fn fill(history: *History) !void {
        const value = try gpa.alloc(u8, record_bytes);
        defer gpa.free(value);
        @memset(value, 'x');
        var request = wire.Buffer.growing(gpa, &.{}, 1 << 20);
        defer request.deinit();
        var out = wire.Buffer.growing(gpa, &.{}, 4096);
        defer out.deinit();
        for (keys(), 0..) |key, number| {
            request.clear();
            out.clear();
            try msgpack.writeArrayHeader(&request, 2);
            try msgpack.writeArrayHeader(&request, 3);
            try msgpack.writeString(&request, "test");
            try msgpack.writeString(&request, "sim");
            try msgpack.writeInt(&request, key);
            try msgpack.writeMapHeader(&request, 3);
            try msgpack.writeString(&request, "n");
            try msgpack.writeInt(&request, @intCast(number));
            try msgpack.writeString(&request, "list");
            try msgpack.writeArrayHeader(&request, 3);
            for (0..3) |index| try msgpack.writeInt(&request, @intCast(number % 10 + index));
            try msgpack.writeString(&request, "data");
            try msgpack.writeString(&request, value);
            var failure: Failure = .{};
            const bytes = request.written();
            try driving.execute(
                history.cluster,
                history.net,
                gpa,
                .put,
                bytes,
                &.writeDefault(),
                &out,
                &failure,
            );
        }
    }

    fn createIndexes(history: *History) !void {
        var reply = wire.Buffer.growing(gpa, &.{}, 4096);
        defer reply.deinit();
        var failure: Failure = .{};
        _ = try history.cluster.table.first().?.ask(&.{
            "sindex-create:ns=test;set=sim;indexname=i;indexdata=n,numeric",
            "sindex-create:ns=test;set=sim;indexname=l;indextype=list;indexdata=list,numeric",
        }, &reply, &failure);
    }
};

/// User keys of the few partitions.
fn keys() *const [records_count]i64 {
    const Kept = struct {
        var keys: [records_count]i64 = undefined;
        var count: usize = 0;
    };
    var candidate: i64 = 0;
    while (Kept.count < records_count) : (candidate += 1) {
        var bytes: [8]u8 = undefined;
        std.mem.writeInt(i64, &bytes, candidate, .big);
        const digest = wire.digest.keyDigest("sim", .integer, &bytes);
        if (wire.digest.partitionId(&digest) >= partitions_used) continue;
        Kept.keys[Kept.count] = candidate;
        Kept.count += 1;
    }
    return &Kept.keys;
}

fn writeBatch(out: *wire.Buffer) !void {
    try msgpack.writeArrayHeader(out, 3);
    try msgpack.writeArrayHeader(out, records_count);
    for (keys()) |key| {
        try msgpack.writeArrayHeader(out, 3);
        try msgpack.writeString(out, "test");
        try msgpack.writeString(out, "sim");
        try msgpack.writeInt(out, key);
    }
    try msgpack.writeInt(out, @backingInt(command.Command.get));
    try msgpack.writeNil(out);
}

fn writeQuery(out: *wire.Buffer, kind: Kind, page: u64, token: []const u8) !void {
    const has_where = kind != .partitions;
    const members = 3 + @as(u32, @intFromBool(has_where)) + @intFromBool(page != 0);
    try msgpack.writeMapHeader(out, members);
    try msgpack.writeString(out, "namespace");
    try msgpack.writeString(out, "test");
    try msgpack.writeString(out, "set");
    try msgpack.writeString(out, "sim");
    if (page != 0) {
        try msgpack.writeString(out, "max_records");
        try msgpack.writeInt(out, @intCast(page));
    }
    if (token.len > 0) {
        try msgpack.writeString(out, "token");
        try msgpack.writeBinary(out, token);
    } else {
        try msgpack.writeString(out, "partitions");
        try msgpack.writeArrayHeader(out, 2);
        try msgpack.writeInt(out, 0);
        try msgpack.writeInt(out, partitions_used);
    }
    if (!has_where) return;
    try msgpack.writeString(out, "where");
    try msgpack.writeArrayHeader(out, 4);
    try msgpack.writeString(out, if (kind == .index) "n" else "list");
    try msgpack.writeInt(out, if (kind == .index) 0 else 1);
    try msgpack.writeInt(out, 0);
    try msgpack.writeInt(out, records_count);
}

/// Nothing that TCP would not do: it does not change bytes.
const harm: Faults = harm: {
    var faults = Faults.all;
    faults.garble = 0;
    faults.delay = 50;
    faults.delay_ms_max = 300;
    faults.truncate = 100;
    break :harm faults;
};

const Stage = struct {
    world: *World,
    net: Net,
    cluster: *Cluster,
    history: History,

    const hosts = [_]cluster.Host{.{ .name = Net.cluster_host }};

    /// A world of peace, with all records in it, and a client.
    fn init(stage: *Stage, seed: u64, connections: u32) !void {
        stage.world = try World.create(gpa, seed, .{ .nodes = nodes, .seed = seed });
        errdefer stage.world.destroy();
        stage.net = .init(stage.world);
        var failure: Failure = .{};
        stage.cluster = try .create(gpa, &stage.net, .{
            .hosts = &hosts,
            .max_conns_per_node = connections,
        }, &failure);
        errdefer stage.cluster.destroy();
        try stage.cluster.connect(&failure);
        stage.history = .{ .world = stage.world, .net = &stage.net, .cluster = stage.cluster };
        try stage.history.fill();
        try stage.history.createIndexes();
        stage.world.background = .{
            .context = &stage.history,
            .run = History.background,
            .has_no_poller = true,
        };
    }

    fn deinit(stage: *Stage) void {
        stage.cluster.destroy();
        stage.world.destroy();
    }
};

fn live(seed: u64) !void {
    var stage: Stage = undefined;
    try stage.init(seed, connections_max);
    defer stage.deinit();
    stage.world.holds_back = seed % 2 == 1;
    const world = stage.world;
    const history = &stage.history;
    const dice = world.random();
    for (0..12) |_| {
        world.faults = if (dice.boolean()) harm else .none;
        for (0..dice.uintAtMost(usize, 3)) |_| history.mischief();
        if (Faults.draw(dice, 250)) {
            _ = try history.runBatch(&history.policy());
        } else {
            try history.run(dice.enumValue(Kind), &history.policy());
        }
        try history.checkCounts();
    }
    world.faults = .none;
    // What was still to happen to the servers.
    world.advance(3 * second);
    for (0..nodes) |server| world.revive(@intCast(server));
    world.rebalance();
    for (0..100) |_| {
        world.advance(200 * ms);
        History.background(history);
    }
    const before = history.completed;
    for (std.enums.values(Kind)) |kind| try history.run(kind, &.{ .total_timeout_ms = 0 });
    try std.testing.expectEqual(before + 3, history.completed);
    for (0..100) |_| {
        if (try history.runBatch(&.{ .total_timeout_ms = 0 })) break;
    } else return error.TestUnexpectedResult;
}

test "a query brings each record once or says why not, whatever happens to nodes and network" {
    try seeds.each(12, live, .{});
}

test "a query that finds no connection free waits as long as for the network, and says so" {
    var stage: Stage = undefined;
    try stage.init(1, 1);
    defer stage.deinit();
    var request = wire.Buffer.growing(gpa, &.{}, 4096);
    defer request.deinit();
    try writeQuery(&request, .partitions, 0, &.{});
    const hasty: engine_module.Policy = .{
        .total_timeout_ms = 0,
        .socket_timeout_ms = 200,
        .retries_max = 1,
    };
    var failure: Failure = .{};
    const bytes = request.written();
    var first: driving.Pulling = undefined;
    try first.init(.query, gpa, &stage.net, stage.cluster, bytes, &hasty, &failure);
    defer first.deinit();
    _ = try first.next(&failure);
    const before_ns = stage.net.now();
    {
        var other: driving.Pulling = undefined;
        try other.init(.query, gpa, &stage.net, stage.cluster, bytes, &hasty, &failure);
        defer other.deinit();
        // What a node has sent to its end needs its connection no more.
        while (other.next(&failure)) |chunk| {
            try std.testing.expect(chunk.len > 0);
        } else |_| {
            try std.testing.expectEqual(.no_more_connections, failure.status);
        }
    }
    const waited_ns = stage.net.now() - before_ns;
    // Twice for nothing, and before that while replicas on other nodes were found.
    try std.testing.expect(waited_ns >= 400 * ms);
    try std.testing.expect(waited_ns <= 2000 * ms);
    // Its owner was away for long: that is not its fault.
    while ((try first.next(&failure)).len > 0) {}
}
