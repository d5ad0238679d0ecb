//! Asynchronous commands on the simulated network: what a client may believe about them.
//!
//! Many single commands and batches are in flight at the same time over few connections, while
//! nodes die, the network does harm, the cluster is tended and blocking commands share the pools:
//! both work in the background of each other's waits. One record has one command at a time.
//! Whatever the history: every operation is completed once and within its time, an acknowledged
//! write is not lost, one that failed without doubt is not seen, no pool passes its maximum, and
//! nothing is left in the end.

const std = @import("std");
const cluster = @import("../cluster.zig");
const command = @import("../command.zig");
const engine_module = @import("../engine.zig");
const operations_module = @import("../client/operations.zig");
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
const Operations = operations_module.Operations(Net, Poller);
const msgpack = wire.msgpack;
const ms = std.time.ns_per_ms;
const second = std.time.ns_per_s;
const gpa = std.testing.allocator;

const nodes = 3;
const records_count = 24;
const connections_max = 3;
const total_timeout_ms = 300;
/// What timers and the turns of two threads round up to.
const slack_ns = 10 * ms;
/// After that, what was sent has arrived.
const rest_ns = 2 * ms;

/// What is known of one record.
const Record = struct {
    /// What the last acknowledged write wrote.
    acknowledged: i64 = 0,
    /// What later writes, whose outcome is unknown, may have written.
    doubtful: std.ArrayList(i64) = .empty,
    written: i64 = 0,
    is_busy: bool = false,
    /// A request that is still under way arrives before the next one is sent.
    rests_until_ns: u64 = 0,

    fn settle(record: *Record, value: i64, status: Status, in_doubt: bool) !void {
        if (status == .ok) {
            record.acknowledged = value;
            record.doubtful.clearRetainingCapacity();
        } else if (in_doubt) {
            try record.doubtful.append(gpa, value);
        }
    }

    fn expect(record: *const Record, value: i64) !void {
        if (value == record.acknowledged) return;
        if (std.mem.findScalar(i64, record.doubtful.items, value) != null) return;
        std.debug.print("read {d}, acknowledged {d}\n", .{ value, record.acknowledged });
        return error.TestUnexpectedResult;
    }
};

/// What was submitted under the token that is its index.
const Submitted = struct {
    is_batch: bool,
    rows: [rows_max]Row,
    rows_count: usize,
    deadline_ns: u64,
    is_completed: bool = false,

    const rows_max = 8;
    const Row = struct { record: u8, value: ?i64 };
};

const History = struct {
    world: *World,
    net: *Net,
    cluster: *Cluster,
    engine: *Operations,
    records: [records_count]Record = @splat(.{}),
    submitted: std.ArrayList(Submitted) = .empty,
    completed: usize = 0,
    succeeded: u32 = 0,
    /// Failed for want of a connection.
    unconnected: u32 = 0,
    tended_ns: u64 = 0,
    is_shutting: bool = false,
    is_peaceful: bool = false,
    /// A byte that arrives is the one that was sent.
    is_garbled: bool = false,
    /// What `background` found, which cannot return it.
    failure: ?anyerror = null,

    fn deinit(history: *History) void {
        for (&history.records) |*record| record.doubtful.deinit(gpa);
        history.submitted.deinit(gpa);
    }

    fn policy(history: *History, is_write: bool) engine_module.Policy {
        const dice = history.world.random();
        var chosen: engine_module.Policy = if (is_write) .writeDefault() else .{};
        chosen.total_timeout_ms = total_timeout_ms;
        chosen.socket_timeout_ms = 1 + dice.uintLessThan(u32, 200);
        if (history.is_peaceful) chosen.socket_timeout_ms = 200;
        chosen.retries_max = dice.uintAtMost(u32, 3);
        chosen.sleep_between_retries_ms = dice.uintAtMost(u32, 20);
        chosen.timeout_delay_ms = if (dice.boolean()) 0 else dice.uintAtMost(u32, 1000);
        chosen.concurrent = dice.boolean();
        return chosen;
    }

    // Submitting.

    fn submitSome(history: *History) !void {
        const dice = history.world.random();
        switch (dice.uintLessThan(u8, 8)) {
            0, 1 => return history.submitBatch(),
            2 => return history.submitTogether(),
            else => {},
        }
        const row = history.takeRow() orelse return;
        return history.submitSingle(row, &history.policy(row.value != null), false);
    }

    /// Reads that may travel together.
    fn submitTogether(history: *History) !void {
        const dice = history.world.random();
        const chosen = history.policy(false);
        for (0..dice.intRangeAtMost(usize, 1, 20)) |_| {
            const index = dice.uintLessThan(u8, records_count);
            const record = &history.records[index];
            if (record.is_busy or history.net.now() < record.rests_until_ns) continue;
            try history.submitSingle(history.takeRecord(index, false), &chosen, true);
        }
        // Without it they begin with the next turn.
        if (dice.boolean()) history.engine.flush();
    }

    fn submitSingle(
        history: *History,
        row: Submitted.Row,
        chosen: *const engine_module.Policy,
        waits: bool,
    ) !void {
        var memory: [128]u8 = undefined;
        var request = wire.Buffer.fixed(&memory);
        try msgpack.writeArrayHeader(&request, if (row.value == null) 1 else 2);
        try writeKey(&request, row.record);
        if (row.value) |value| try writeBins(&request, value);
        const token = try history.note(&.{row}, false, chosen);
        const which: command.Command = if (row.value == null) .get else .put;
        var failure: Failure = .{};
        const bytes = request.written();
        history.engine.submit(
            history.cluster,
            token,
            which,
            bytes,
            chosen,
            waits,
            &failure,
        ) catch return unexpected(&failure);
    }

    fn submitBatch(history: *History) !void {
        const dice = history.world.random();
        var rows: [Submitted.rows_max]Submitted.Row = undefined;
        var count: usize = 0;
        for (0..dice.intRangeAtMost(usize, 1, rows.len)) |_| {
            rows[count] = history.takeRow() orelse break;
            count += 1;
        }
        if (count == 0) return;
        const is_write = for (rows[0..count]) |row| {
            if (row.value != null) break true;
        } else false;
        return history.submitRows(rows[0..count], &history.policy(is_write));
    }

    fn submitRows(
        history: *History,
        rows: []const Submitted.Row,
        chosen: *const engine_module.Policy,
    ) !void {
        var memory: [2048]u8 = undefined;
        var request = wire.Buffer.fixed(&memory);
        try msgpack.writeArrayHeader(&request, @intCast(rows.len));
        for (rows) |row| {
            try msgpack.writeArrayHeader(&request, 4);
            try writeKey(&request, row.record);
            const which: command.Command = if (row.value == null) .get else .put;
            try msgpack.writeInt(&request, @backingInt(which));
            if (row.value) |value| {
                try writeBins(&request, value);
            } else {
                try msgpack.writeNil(&request);
            }
            try msgpack.writeNil(&request);
        }
        const token = try history.note(rows, true, chosen);
        var failure: Failure = .{};
        const bytes = request.written();
        history.engine.submitBatch(
            history.cluster,
            token,
            .mixed,
            bytes,
            chosen,
            null,
            &failure,
        ) catch return unexpected(&failure);
    }

    /// A record that nobody is busy with, and what to do with it: read, or write the value.
    fn takeRow(history: *History) ?Submitted.Row {
        const dice = history.world.random();
        const index = dice.uintLessThan(u8, records_count);
        const record = &history.records[index];
        if (record.is_busy or history.net.now() < record.rests_until_ns) return null;
        return history.takeRecord(index, dice.boolean());
    }

    fn takeRecord(history: *History, index: u8, is_write: bool) Submitted.Row {
        const record = &history.records[index];
        std.debug.assert(!record.is_busy);
        record.is_busy = true;
        if (!is_write) return .{ .record = index, .value = null };
        record.written += 1;
        return .{ .record = index, .value = record.written };
    }

    fn note(
        history: *History,
        rows: []const Submitted.Row,
        is_batch: bool,
        chosen: *const engine_module.Policy,
    ) !u64 {
        var submitted: Submitted = .{
            .is_batch = is_batch,
            .rows = undefined,
            .rows_count = rows.len,
            .deadline_ns = if (chosen.total_timeout_ms == 0)
                std.math.maxInt(u64) - slack_ns
            else
                history.net.now() + chosen.total_timeout_ms * @as(u64, ms),
        };
        @memcpy(submitted.rows[0..rows.len], rows);
        try history.submitted.append(gpa, submitted);
        return history.submitted.items.len - 1;
    }

    // Completing.

    fn collect(history: *History) !void {
        history.engine.refill();
        while (history.engine.first()) |completion| {
            const submitted = &history.submitted.items[completion.token];
            try std.testing.expect(!submitted.is_completed);
            submitted.is_completed = true;
            history.completed += 1;
            try std.testing.expect(history.net.now() <= submitted.deadline_ns + slack_ns);
            if (completion.failure) |failure| {
                try history.settleFailure(submitted, failure);
            } else if (submitted.is_batch) {
                try history.settleBatch(submitted, completion.result);
            } else {
                try history.settleSingle(submitted, completion.result);
            }
            history.engine.collected();
        }
    }

    fn settleFailure(history: *History, submitted: *Submitted, failure: *const Failure) !void {
        if (failure.status == .record_not_found) {
            try std.testing.expect(!submitted.is_batch);
            return history.expectAbsent(submitted.rows[0]);
        }
        try history.expectReason(failure.status);
        try std.testing.expect(failure.message().len > 0);
        history.unconnected += @intFromBool(failure.status == .no_more_connections);
        var is_write = false;
        for (submitted.rows[0..submitted.rows_count]) |row| {
            const record = history.free(row.record);
            const value = row.value orelse continue;
            is_write = true;
            try record.settle(value, failure.status, failure.in_doubt);
        }
        if (!is_write) try std.testing.expect(!failure.in_doubt);
    }

    /// Not before the first write.
    fn expectAbsent(history: *History, row: Submitted.Row) !void {
        const record = history.free(row.record);
        if (history.is_garbled) return;
        try std.testing.expectEqual(null, row.value);
        try record.expect(0);
    }

    fn settleSingle(history: *History, submitted: *Submitted, result: []const u8) !void {
        const row = submitted.rows[0];
        const record = history.free(row.record);
        history.succeeded += 1;
        if (row.value) |value| return record.settle(value, .ok, false);
        if (!history.is_garbled) try record.expect(try valueIn(result));
    }

    fn settleBatch(history: *History, submitted: *Submitted, result: []const u8) !void {
        var reader: msgpack.Reader = .{ .bytes = result };
        try std.testing.expectEqual(submitted.rows_count, (try reader.next()).array);
        for (submitted.rows[0..submitted.rows_count]) |row| {
            var members: msgpack.Reader = .{ .bytes = try reader.value() };
            try std.testing.expect((try members.next()) == .array);
            try members.skip();
            const status: Status = @fromBackingInt(@intCast((try members.next()).int));
            const in_doubt = (try members.next()).boolean;
            const answer = members.bytes[members.position..];
            if (status == .record_not_found) {
                try history.expectAbsent(row);
                continue;
            }
            const record = history.free(row.record);
            if (row.value) |value| {
                try record.settle(value, status, in_doubt);
            } else {
                try std.testing.expect(!in_doubt);
                if (status == .ok and !history.is_garbled) try record.expect(try valueIn(answer));
            }
            if (status == .ok) {
                history.succeeded += 1;
            } else {
                try history.expectReason(status);
            }
        }
    }

    fn free(history: *History, index: u8) *Record {
        const record = &history.records[index];
        std.debug.assert(record.is_busy);
        record.is_busy = false;
        record.rests_until_ns = history.net.now() + rest_ns;
        return record;
    }

    /// Only what the network and the nodes' deaths explain.
    fn expectReason(history: *const History, status: Status) !void {
        if (history.is_garbled) return;
        switch (status) {
            .timeout,
            .connection,
            .invalid_node,
            .max_error_rate,
            .no_more_connections,
            .partition_unavailable,
            => {},
            .client_abort => try std.testing.expect(history.is_shutting),
            else => {
                std.debug.print("status {t}\n", .{status});
                return error.TestUnexpectedResult;
            },
        }
    }

    fn unexpected(failure: *const Failure) error{TestUnexpectedResult} {
        std.debug.print("{t}: {s}\n", .{ failure.status, failure.message() });
        return error.TestUnexpectedResult;
    }

    // Threads.

    /// The engine's thread, and the one that collects, while another one waits.
    fn background(context: *anyopaque) void {
        const history: *History = @ptrCast(@alignCast(context));
        history.turn(0) catch |err| {
            if (history.failure == null) history.failure = err;
        };
    }

    fn turn(history: *History, timeout_ms: u32) !void {
        history.engine.turn(timeout_ms);
        try history.collect();
        try history.checkLimits();
    }

    fn tendAsNeeded(history: *History) void {
        const since_ns = history.net.now() - history.tended_ns;
        if (since_ns < 100 * ms) return;
        const requested = history.cluster.context.tend_requested.wait(0);
        if (!requested and since_ns < second) return;
        history.tended_ns = history.net.now();
        history.cluster.tend();
    }

    /// A blocking command, with the same pools.
    fn read(history: *History) !void {
        const row = history.takeRow() orelse return;
        const record = &history.records[row.record];
        defer _ = history.free(row.record);
        var memory: [128]u8 = undefined;
        var request = wire.Buffer.fixed(&memory);
        try msgpack.writeArrayHeader(&request, 1);
        try writeKey(&request, row.record);
        var out = wire.Buffer.growing(gpa, &.{}, 4096);
        defer out.deinit();
        var failure: Failure = .{};
        const chosen = history.policy(false);
        driving.execute(
            history.cluster,
            history.net,
            gpa,
            .get,
            request.written(),
            &chosen,
            &out,
            &failure,
        ) catch return history.expectReason(failure.status);
        if (!history.is_garbled) try record.expect(try valueIn(out.written()));
    }

    fn run(history: *History, duration_ns: u64) !void {
        const until_ns = history.net.now() + duration_ns;
        while (history.net.now() < until_ns) {
            try history.turn(20);
            history.tendAsNeeded();
            if (history.failure) |err| return err;
        }
    }

    // Harm.

    /// A node dies or returns, now or during the next commands.
    fn mischief(history: *History) void {
        const world = history.world;
        const dice = world.random();
        const server = dice.uintLessThan(u8, nodes);
        const delay_ns = dice.uintAtMost(u64, 200 * ms);
        switch (dice.uintLessThan(u8, 4)) {
            0 => world.schedule(delay_ns, .{ .crash = server }),
            1 => world.schedule(delay_ns, .{ .silence = server }),
            else => world.schedule(delay_ns, .{ .revive = server }),
        }
        world.schedule(delay_ns + dice.uintAtMost(u64, 2 * second), .rebalance);
    }

    fn checkLimits(history: *History) !void {
        var counted: [nodes]u32 = @splat(0);
        for (history.world.connections.items) |*connection| {
            counted[connection.server] += @intFromBool(connection.open);
        }
        // One more is for the tend, and one for asking who a newcomer is.
        for (counted) |count| try std.testing.expect(count <= connections_max + 2);
    }

    /// What the nodes count is what is open.
    fn checkCounts(history: *History) !void {
        var counted: usize = 0;
        var iterator = history.cluster.table.tended(.all);
        while (iterator.next()) |tended| {
            const node = tended.node;
            try std.testing.expect(node.openCount() <= connections_max);
            counted += node.openCount() + @intFromBool(tended.socket != null);
        }
        try std.testing.expectEqual(counted, history.world.openCount());
    }
};

fn writeKey(out: *wire.Buffer, record: u8) !void {
    try msgpack.writeArrayHeader(out, 3);
    try msgpack.writeString(out, "test");
    try msgpack.writeString(out, "sim");
    try msgpack.writeInt(out, record);
}

fn writeBins(out: *wire.Buffer, value: i64) !void {
    try msgpack.writeMapHeader(out, 1);
    try msgpack.writeString(out, "v");
    try msgpack.writeInt(out, value);
}

/// The value of the bin "v" in a result.
fn valueIn(result: []const u8) !i64 {
    var reader: msgpack.Reader = .{ .bytes = result };
    while (reader.position < result.len) {
        switch (try reader.next()) {
            .string => |text| if (std.mem.eql(u8, text, "v")) return (try reader.next()).int,
            else => {},
        }
    }
    return error.TestUnexpectedResult;
}

/// Nothing that TCP would not do: it does not change bytes.
const harm: Faults = harm: {
    var faults = Faults.all;
    faults.garble = 0;
    faults.delay = 100;
    faults.delay_ms_max = 400;
    break :harm faults;
};

/// A world of peace, and a client in it.
const Stage = struct {
    world: *World,
    net: Net,
    cluster: *Cluster,
    engine: Operations,
    history: History,

    fn init(stage: *Stage, seed: u64, nodes_count: u8, options: cluster.Options) !void {
        stage.world = try World.create(gpa, seed, .{
            .nodes = nodes_count,
            .seed = seed,
            .namespaces = &.{.{ .name = "test", .record_bytes_max = 4 * 1024 * 1024 }},
        });
        errdefer stage.world.destroy();
        stage.net = .init(stage.world);
        var failure: Failure = .{};
        stage.cluster = try .create(gpa, &stage.net, options, &failure);
        errdefer stage.cluster.destroy();
        try stage.cluster.connect(&failure);
        stage.engine = try .init(gpa, &stage.net, 0, 1 << 20);
        errdefer stage.engine.deinit();
        try stage.engine.open();
        stage.history = .{
            .world = stage.world,
            .net = &stage.net,
            .cluster = stage.cluster,
            .engine = &stage.engine,
        };
        stage.world.background = .{ .context = &stage.history, .run = History.background };
    }

    /// The engine was shut.
    fn deinit(stage: *Stage) void {
        stage.history.deinit();
        stage.engine.deinit();
        stage.cluster.destroy();
        stage.world.destroy();
    }

    const hosts = [_]cluster.Host{.{ .name = Net.cluster_host }};
};

fn live(worst: Faults, seed: u64) !void {
    var stage: Stage = undefined;
    try stage.init(seed, nodes, .{
        .hosts = &Stage.hosts,
        .max_conns_per_node = connections_max,
    });
    defer stage.deinit();
    const world = stage.world;
    const history = &stage.history;
    world.holds_back = seed % 2 == 1;
    {
        errdefer stage.engine.shut();
        try begin(history);
        history.is_garbled = worst.garble > 0;
        try suffer(history, worst);
        world.faults = .none;
        // What was still to happen to the servers.
        try history.run(3 * second);
        for (0..nodes) |server| world.revive(@intCast(server));
        world.rebalance();
        try history.run(20 * second);
        try std.testing.expectEqual(history.submitted.items.len, history.completed);
        if (worst.garble == 0) try flourish(history);
        try history.checkCounts();
        // Closed in the midst of work, at any moment of it.
        for (0..30) |_| try history.submitSome();
        for (0..world.random().uintAtMost(usize, 10)) |_| {
            try history.turn(0);
            world.advance(world.random().uintAtMost(u64, ms));
        }
    }
    history.is_shutting = true;
    stage.engine.shut();
    try history.collect();
    try std.testing.expectEqual(history.submitted.items.len, history.completed);
    world.background = null;
    world.advance(10 * ms);
    var iterator = stage.cluster.table.all();
    while (iterator.next()) |node| try std.testing.expectEqual(0, node.inUseCount());
    try history.checkCounts();
    if (worst.garble == 0) for (0..200) |_| {
        try history.read();
        world.advance(rest_ns);
    };
    stage.cluster.close();
    try std.testing.expectEqual(0, world.openCount());
}

/// Every record exists.
fn begin(history: *History) !void {
    for (0..1000) |_| {
        try history.submitSome();
        try history.turn(1);
        for (&history.records) |*record| {
            if (record.acknowledged == 0) break;
        } else return;
    }
    return error.TestUnexpectedResult;
}

fn suffer(history: *History, worst: Faults) !void {
    const dice = history.world.random();
    for (0..300) |_| {
        if (Faults.draw(dice, 50)) history.world.faults = if (dice.boolean()) worst else .none;
        if (Faults.draw(dice, 40)) history.mischief();
        for (0..dice.uintAtMost(usize, 8)) |_| try history.submitSome();
        if (Faults.draw(dice, 100)) try history.read();
        try history.turn(dice.uintAtMost(u32, 10));
        history.tendAsNeeded();
        if (Faults.draw(dice, 30)) try history.run(dice.uintAtMost(u64, second));
        if (history.failure) |err| return err;
    }
}

/// In peace everything succeeds.
fn flourish(history: *History) !void {
    history.is_peaceful = true;
    const before = history.succeeded;
    const first = history.submitted.items.len;
    for (0..20) |_| {
        try history.submitSome();
        try history.run(2 * ms);
    }
    try history.run(second);
    var rows: usize = 0;
    for (history.submitted.items[first..]) |*submitted| rows += submitted.rows_count;
    try std.testing.expectEqual(before + rows, history.succeeded);
}

test "asynchronous commands: none is lost, late, or answered twice, and no doubt is hidden" {
    try seeds.each(20, live, .{harm});
}

test "asynchronous commands among garbled bytes: each is completed once and in time" {
    try seeds.each(10, live, .{Faults.all});
}

/// One server, one record in it, and at most one connection.
fn initNarrow(stage: *Stage, options: cluster.Options) !void {
    var narrow = options;
    narrow.hosts = &Stage.hosts;
    narrow.max_conns_per_node = 1;
    try stage.init(1, 1, narrow);
    errdefer {
        stage.engine.shut();
        stage.deinit();
    }
    const write: engine_module.Policy = .writeDefault();
    try stage.history.submitSingle(stage.history.takeRecord(0, true), &write, false);
    try stage.history.run(10 * ms);
    try std.testing.expectEqual(1, stage.history.records[0].acknowledged);
}

fn shutNarrow(stage: *Stage) void {
    stage.history.is_shutting = true;
    stage.engine.shut();
    stage.deinit();
}

test "connections that are kept open for blocking commands serve asynchronous ones" {
    var stage: Stage = undefined;
    try initNarrow(&stage, .{ .hosts = &.{}, .min_conns_per_node = 1 });
    defer shutNarrow(&stage);
    const node = stage.cluster.randomNode().?;
    try std.testing.expectEqual(1, node.statistics.opened.load(.monotonic));
}

test "who waits in line gets the connection that a blocking command gives back" {
    var stage: Stage = undefined;
    try initNarrow(&stage, .{ .hosts = &.{} });
    defer shutNarrow(&stage);
    const history = &stage.history;
    const node = stage.cluster.randomNode().?;
    // Its idle connection grows old, and a blocking command takes its place.
    try history.run(57 * second);
    var failure: Failure = .{};
    const lent = try driving.acquire(gpa, &stage.net, node, stage.net.now() + second, &failure);
    var patient: engine_module.Policy = .{ .total_timeout_ms = 5_000 };
    try history.submitSingle(history.takeRecord(0, false), &patient, false);
    try history.run(2 * second);
    try std.testing.expectEqual(1, history.completed);
    node.push(lent);
    try history.run(1100 * ms);
    try std.testing.expectEqual(2, history.completed);
    try std.testing.expectEqual(2, history.succeeded);
}

test "nobody waits in line longer than for the network, with or without a deadline" {
    var stage: Stage = undefined;
    try initNarrow(&stage, .{ .hosts = &.{} });
    defer shutNarrow(&stage);
    const history = &stage.history;
    const node = stage.cluster.randomNode().?;
    try history.run(57 * second);
    var failure: Failure = .{};
    const lent = try driving.acquire(gpa, &stage.net, node, stage.net.now() + second, &failure);
    defer node.push(lent);
    // Twice 20 ms, as an attempt and its repetition: long before the deadline, which is none.
    const endless: engine_module.Policy = .{
        .total_timeout_ms = 0,
        .socket_timeout_ms = 20,
        .retries_max = 1,
    };
    const before = history.completed;
    try history.submitSingle(history.takeRecord(0, false), &endless, false);
    try history.submitRows(&.{history.takeRecord(1, true)}, &endless);
    try history.run(30 * ms);
    try std.testing.expectEqual(before, history.completed);
    try history.run(20 * ms);
    try std.testing.expectEqual(before + 2, history.completed);
    try std.testing.expectEqual(2, history.unconnected);
    try std.testing.expectEqual(0, history.records[1].doubtful.items.len);
    // And a command that waits itself.
    var memory: [128]u8 = undefined;
    var request = wire.Buffer.fixed(&memory);
    try msgpack.writeArrayHeader(&request, 1);
    try writeKey(&request, 0);
    var out = wire.Buffer.growing(gpa, &.{}, 4096);
    defer out.deinit();
    const bytes = request.written();
    const started_ns = stage.net.now();
    const result =
        driving.execute(stage.cluster, &stage.net, gpa, .get, bytes, &endless, &out, &failure);
    try std.testing.expectError(error.Failed, result);
    try std.testing.expectEqual(.no_more_connections, failure.status);
    const waited_ms = (stage.net.now() - started_ns) / ms;
    try std.testing.expect(waited_ms >= 40);
    try std.testing.expect(waited_ms <= 50);
    try std.testing.expectEqual(0, node.pool.waitingCount());
}

test "reads that travel together wait as long as alone for a node that does not answer" {
    var stage: Stage = undefined;
    try stage.init(1, 1, .{ .hosts = &Stage.hosts, .max_conns_per_node = 4 });
    defer shutNarrow(&stage);
    const history = &stage.history;
    const chosen: engine_module.Policy = .{
        .total_timeout_ms = 0,
        .socket_timeout_ms = 400,
        .retries_max = 0,
        .timeout_delay_ms = 0,
    };
    stage.world.background = null;
    stage.world.faults.lose = 1000;
    for (0..4) |index| {
        const row = history.takeRecord(@intCast(index), false);
        try history.submitSingle(row, &chosen, true);
    }
    history.engine.flush();
    const node = stage.cluster.randomNode().?;
    const begun_ns = stage.net.now();
    // The group's connection, then one more for each that asks alone, of which one has to wait for it.
    const moments = [_][3]u64{ .{ 250, 1, 0 }, .{ 380, 4, 0 }, .{ 430, 1, 3 }, .{ 530, 0, 4 } };
    for (moments) |moment| {
        const at_ms, const in_use, const completed = moment;
        // Nobody tends meanwhile, which would take time.
        while (stage.net.now() < begun_ns + at_ms * ms) try history.turn(10);
        try std.testing.expectEqual(in_use, node.inUseCount());
        try std.testing.expectEqual(completed, history.completed);
    }
}

test "who waits in line gets the place of a connection that was given up" {
    var stage: Stage = undefined;
    try initNarrow(&stage, .{ .hosts = &.{} });
    defer shutNarrow(&stage);
    const history = &stage.history;
    const hasty: engine_module.Policy = .{
        .socket_timeout_ms = 20,
        .retries_max = 0,
        .timeout_delay_ms = 0,
    };
    stage.world.faults.lose = 1000;
    try history.submitSingle(history.takeRecord(0, false), &hasty, false);
    try history.submitSingle(history.takeRecord(1, true), &.writeDefault(), false);
    try history.turn(10);
    stage.world.faults = .none;
    try history.run(30 * ms);
    try std.testing.expectEqual(3, history.completed);
    try std.testing.expectEqual(2, history.succeeded);
    try std.testing.expectEqual(1, history.records[1].acknowledged);
}

test "a late reply does not reach the next command, and its connection is used again" {
    var stage: Stage = undefined;
    try initNarrow(&stage, .{ .hosts = &.{} });
    defer shutNarrow(&stage);
    const history = &stage.history;
    const hasty: engine_module.Policy = .{ .socket_timeout_ms = 5, .retries_max = 0 };
    stage.world.faults = .{ .delay = 1000, .delay_ms_max = 500 };
    try history.submitSingle(history.takeRecord(0, false), &hasty, false);
    try history.run(10 * ms);
    try std.testing.expectEqual(2, history.completed);
    stage.world.faults = .none;
    try history.submitSingle(history.takeRecord(1, true), &.writeDefault(), false);
    try history.run(second);
    try history.submitSingle(history.takeRecord(1, false), &.writeDefault(), false);
    try history.run(10 * ms);
    try std.testing.expectEqual(4, history.completed);
    try std.testing.expectEqual(3, history.succeeded);
    try std.testing.expectEqual(1, history.records[1].acknowledged);
    const node = stage.cluster.randomNode().?;
    try std.testing.expectEqual(1, node.statistics.opened.load(.monotonic));
}

test "a connect that nobody answers ends at the connect timeout" {
    var stage: Stage = undefined;
    try initNarrow(&stage, .{ .hosts = &.{}, .connect_timeout_ms = 50 });
    defer shutNarrow(&stage);
    const history = &stage.history;
    try history.run(57 * second);
    stage.world.faults.ignore = 1000;
    const patient: engine_module.Policy = .{ .total_timeout_ms = 10_000, .retries_max = 0 };
    try history.submitSingle(history.takeRecord(0, false), &patient, false);
    try history.run(60 * ms);
    try std.testing.expectEqual(2, history.completed);
    try std.testing.expectEqual(1, history.succeeded);
}

test "a write that was sent stays in doubt when no node is left to repeat it on" {
    var stage: Stage = undefined;
    try initNarrow(&stage, .{ .hosts = &.{} });
    defer shutNarrow(&stage);
    const history = &stage.history;
    const stubborn: engine_module.Policy = .{
        .socket_timeout_ms = 20,
        .retries_max = 5,
        .sleep_between_retries_ms = 20,
    };
    stage.world.faults.lose = 1000;
    const rows = [_]Submitted.Row{history.takeRecord(0, true)};
    try history.submitRows(&rows, &stubborn);
    try history.run(10 * ms);
    stage.cluster.table.first().?.deactivate();
    try history.run(50 * ms);
    try std.testing.expectEqual(2, history.completed);
    try std.testing.expectEqual(1, history.records[0].doubtful.items.len);
}

/// The first record grows a second bin, by a blocking command.
fn enlarge(stage: *Stage) !void {
    const large = try gpa.alloc(u8, 2 * 1024 * 1024);
    defer gpa.free(large);
    @memset(large, 'x');
    var request = wire.Buffer.growing(gpa, &.{}, 4 * 1024 * 1024);
    defer request.deinit();
    try msgpack.writeArrayHeader(&request, 2);
    try writeKey(&request, 0);
    try msgpack.writeMapHeader(&request, 1);
    try msgpack.writeString(&request, "large");
    try msgpack.writeBinary(&request, large);
    try stage.history.run(57 * second);
    var out = wire.Buffer.growing(gpa, &.{}, 4096);
    defer out.deinit();
    var failure: Failure = .{};
    const bytes = request.written();
    try driving.execute(stage.cluster, &stage.net, gpa, .put, bytes, &.{}, &out, &failure);
}

test "a node of which much is inside TLS already keeps nobody else waiting" {
    var stage: Stage = undefined;
    try stage.init(1, 1, .{ .hosts = &Stage.hosts, .max_conns_per_node = 2 });
    defer shutNarrow(&stage);
    const history = &stage.history;
    for (0..2) |record| {
        const row = history.takeRecord(@intCast(record), true);
        try history.submitSingle(row, &.writeDefault(), false);
    }
    try history.run(10 * ms);
    try enlarge(&stage);
    stage.world.holds_back = true;
    const patient: engine_module.Policy = .{ .total_timeout_ms = 0 };
    const large = history.submitted.items.len;
    try history.submitSingle(history.takeRecord(0, false), &patient, false);
    try history.turn(0);
    // All of it arrives, and the loop takes the first of it.
    stage.world.advance(100 * ms);
    try history.turn(0);
    const small = history.submitted.items.len;
    try history.submitSingle(history.takeRecord(1, false), &patient, false);
    while (!history.submitted.items[small].is_completed) {
        try std.testing.expect(!history.submitted.items[large].is_completed);
        try history.turn(0);
    }
}

test "a late reply is not waited for when it is very large" {
    var stage: Stage = undefined;
    try initNarrow(&stage, .{ .hosts = &.{} });
    defer shutNarrow(&stage);
    const history = &stage.history;
    try enlarge(&stage);

    const node = stage.cluster.randomNode().?;
    const opened = node.statistics.opened.load(.monotonic);
    const hasty: engine_module.Policy = .{ .socket_timeout_ms = 5, .retries_max = 0 };
    stage.world.faults = .{ .delay = 1000, .delay_ms_max = 500 };
    try history.submitSingle(history.takeRecord(0, false), &hasty, false);
    try history.run(10 * ms);
    stage.world.faults = .none;
    try history.submitSingle(history.takeRecord(1, true), &.writeDefault(), false);
    try history.run(second);
    try std.testing.expectEqual(1, history.records[1].acknowledged);
    try std.testing.expectEqual(opened + 1, node.statistics.opened.load(.monotonic));
}
