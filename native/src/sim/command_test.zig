//! Commands on the simulated network: what a client may believe about its writes.
//!
//! One record is written with ever new numbers and read back, while nodes die and the network
//! does harm. Whatever the history: an acknowledged write is never lost, a write that failed
//! without doubt is never seen, and every failure says why within its time.

const std = @import("std");
const cluster = @import("../cluster.zig");
const command = @import("../command.zig");
const engine_module = @import("../engine.zig");
const seeds = @import("seeds.zig");
const wire = @import("../wire.zig");
const Failure = @import("../status.zig").Failure;
const Faults = @import("faults.zig").Faults;
const Net = @import("net.zig").Net;
const Poller = @import("poller.zig").Poller;
const World = @import("world.zig").World;

const Cluster = cluster.Cluster(Net);
const driving = @import("driving.zig").Driving(Net, Poller);
const msgpack = wire.msgpack;
const ms = std.time.ns_per_ms;
const second = std.time.ns_per_s;
const gpa = std.testing.allocator;

const nodes = 3;
const total_timeout_ms = 300;

const History = struct {
    world: *World,
    net: *Net,
    cluster: *Cluster,
    /// What the last acknowledged write wrote.
    acknowledged: i64,
    /// What later writes, whose outcome is unknown, may have written.
    doubtful: std.ArrayList(i64) = .empty,
    written: i64,
    succeeded: u32 = 0,
    tended_ns: u64 = 0,

    fn policy(history: *History, is_write: bool) engine_module.Policy {
        const dice = history.world.random();
        var chosen: engine_module.Policy = if (is_write) .writeDefault() else .{};
        chosen.total_timeout_ms = total_timeout_ms;
        chosen.socket_timeout_ms = 1 + dice.uintLessThan(u32, 200);
        chosen.retries_max = dice.uintAtMost(u32, 3);
        chosen.sleep_between_retries_ms = dice.uintAtMost(u32, 20);
        return chosen;
    }

    fn execute(
        history: *History,
        which: command.Command,
        request: []const u8,
        out: *wire.Buffer,
        failure: *Failure,
    ) !void {
        const chosen = history.policy(which == .put);
        const before_ns = history.net.now();
        defer {
            // A request that is still under way arrives before the next one is sent.
            history.world.advance(2 * ms);
        }
        const result = driving.execute(
            history.cluster,
            history.net,
            gpa,
            which,
            request,
            &chosen,
            out,
            failure,
        );
        const took_ns = history.net.now() - before_ns;
        try std.testing.expect(took_ns <= (total_timeout_ms + 10) * ms);
        return result;
    }

    fn put(history: *History) !void {
        history.written += 1;
        var memory: [128]u8 = undefined;
        var request = wire.Buffer.fixed(&memory);
        try msgpack.writeArrayHeader(&request, 2);
        try writeKey(&request);
        try msgpack.writeMapHeader(&request, 1);
        try msgpack.writeString(&request, "v");
        try msgpack.writeInt(&request, history.written);
        var out = wire.Buffer.growing(gpa, &.{}, 4096);
        defer out.deinit();
        var failure: Failure = .{};
        if (history.execute(.put, request.written(), &out, &failure)) {
            history.acknowledged = history.written;
            history.doubtful.clearRetainingCapacity();
            history.succeeded += 1;
        } else |err| {
            if (err != error.Failed) return err;
            try expectReason(&failure);
            if (failure.in_doubt) try history.doubtful.append(gpa, history.written);
        }
    }

    fn get(history: *History) !void {
        var memory: [128]u8 = undefined;
        var request = wire.Buffer.fixed(&memory);
        try msgpack.writeArrayHeader(&request, 1);
        try writeKey(&request);
        var out = wire.Buffer.growing(gpa, &.{}, 4096);
        defer out.deinit();
        var failure: Failure = .{};
        history.execute(.get, request.written(), &out, &failure) catch |err| {
            if (err != error.Failed) return err;
            try std.testing.expect(!failure.in_doubt);
            return expectReason(&failure);
        };
        history.succeeded += 1;
        const value = try valueIn(out.written());
        if (value == history.acknowledged) return;
        if (std.mem.findScalar(i64, history.doubtful.items, value) != null) return;
        std.debug.print("read {d}, acknowledged {d}\n", .{ value, history.acknowledged });
        return error.TestUnexpectedResult;
    }

    /// Only what the network and the nodes' deaths explain.
    fn expectReason(failure: *const Failure) !void {
        try std.testing.expect(failure.message().len > 0);
        switch (failure.status) {
            .timeout,
            .connection,
            .invalid_node,
            .max_error_rate,
            .no_more_connections,
            .partition_unavailable,
            => {},
            else => {
                std.debug.print("{t}: {s}\n", .{ failure.status, failure.message() });
                return error.TestUnexpectedResult;
            },
        }
    }

    fn tendAsNeeded(history: *History) void {
        const since_ns = history.net.now() - history.tended_ns;
        const requested = history.cluster.context.tend_requested.wait(0);
        if (since_ns < 100 * ms or (!requested and since_ns < second)) return;
        history.tended_ns = history.net.now();
        history.cluster.tend();
    }

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

    fn checkCounts(history: *History) !void {
        var counted: usize = 0;
        var iterator = history.cluster.table.tended(.all);
        while (iterator.next()) |tended| {
            const node = tended.node;
            try std.testing.expectEqual(node.recovering.count, node.inUseCount());
            counted += node.openCount() + @intFromBool(tended.socket != null);
        }
        try std.testing.expectEqual(counted, history.world.openCount());
    }
};

fn writeKey(out: *wire.Buffer) !void {
    try msgpack.writeArrayHeader(out, 3);
    try msgpack.writeString(out, "test");
    try msgpack.writeString(out, "sim");
    try msgpack.writeInt(out, 1);
}

/// The value of the bin "v" in the result of a read.
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
    break :harm faults;
};

fn live(seed: u64) !void {
    const world = try World.create(gpa, seed, .{ .nodes = nodes, .seed = seed });
    defer world.destroy();
    var net = Net.init(world);
    var failure: Failure = .{};
    const hosts = [_]cluster.Host{.{ .name = Net.cluster_host }};
    const owner = try Cluster.create(gpa, &net, .{ .hosts = &hosts }, &failure);
    defer owner.destroy();
    try owner.connect(&failure);
    var history: History = .{
        .world = world,
        .net = &net,
        .cluster = owner,
        .acknowledged = 0,
        .written = 0,
    };
    defer history.doubtful.deinit(gpa);
    try history.put();
    try std.testing.expectEqual(1, history.acknowledged);
    const dice = world.random();
    for (0..150) |_| {
        if (Faults.draw(dice, 100)) world.faults = if (dice.boolean()) harm else .none;
        if (Faults.draw(dice, 60)) history.mischief();
        if (dice.boolean()) try history.put() else try history.get();
        history.tendAsNeeded();
        try history.checkCounts();
        if (Faults.draw(dice, 200)) world.advance(dice.uintAtMost(u64, 500 * ms));
    }
    world.faults = .none;
    for (0..nodes) |server| world.revive(@intCast(server));
    world.rebalance();
    for (0..100) |_| {
        world.advance(200 * ms);
        history.tendAsNeeded();
    }
    const before = history.succeeded;
    for (0..5) |_| {
        try history.get();
        try history.put();
    }
    try std.testing.expectEqual(before + 10, history.succeeded);
}

test "an acknowledged write is not lost, and one that failed without doubt is not seen" {
    try seeds.each(40, live, .{});
}
