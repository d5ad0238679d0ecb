//! The client's cluster on the simulated network.
//!
//! Seeded runs let nodes die, vanish, return and move while the network does harm, and hold
//! against every seed: connections never pass their maximum, none is lost or closed twice, and
//! once the harm stops the client finds the truth about nodes and partitions again.

const std = @import("std");
const cluster = @import("../cluster.zig");
const seeds = @import("seeds.zig");
const wire = @import("../wire.zig");
const Failure = @import("../status.zig").Failure;
const Faults = @import("faults.zig").Faults;
const Net = @import("net.zig").Net;
const Poller = @import("poller.zig").Poller;
const ServerNamespace = @import("../devserver.zig").options.Namespace;
const ServerOptions = @import("../devserver.zig").options.Options;
const World = @import("world.zig").World;

const Cluster = cluster.Cluster(Net);
const driving = @import("driving.zig").Driving(Net, Poller);
const Node = Cluster.Node;
const ms = std.time.ns_per_ms;
const second = std.time.ns_per_s;
const gpa = std.testing.allocator;

/// A world, its network and a client in it.
const Harness = struct {
    world: *World,
    net: Net,
    cluster: *Cluster,
    tended_ns: u64,
    lent: std.ArrayList(Lent) = .empty,

    const Lent = struct { node: *Node, connection: Cluster.Connection };

    const conns_max = 8;

    fn init(harness: *Harness, seed: u64, nodes: u8, options: cluster.Options) !void {
        const servers: ServerOptions = .{ .nodes = nodes, .seed = seed, .cluster_name = "sim" };
        return harness.initAmong(seed, servers, options);
    }

    fn initAmong(
        harness: *Harness,
        seed: u64,
        servers: ServerOptions,
        options: cluster.Options,
    ) !void {
        const world = try World.create(gpa, seed, servers);
        errdefer world.destroy();
        harness.* = .{
            .world = world,
            .net = .init(world),
            .cluster = undefined,
            .tended_ns = 0,
        };
        var failure: Failure = .{};
        harness.cluster = try .create(gpa, &harness.net, options, &failure);
    }

    fn default(harness: *Harness, seed: u64, nodes: u8) !void {
        try harness.init(seed, nodes, .{
            .hosts = &.{.{ .name = Net.cluster_host }},
            .cluster_name = "sim",
            .max_conns_per_node = conns_max,
        });
    }

    /// Nothing is left behind.
    fn deinit(harness: *Harness) !void {
        for (harness.lent.items) |lent| lent.node.drop(lent.connection);
        harness.lent.deinit(gpa);
        harness.cluster.close();
        var iterator = harness.cluster.table.all();
        while (iterator.next()) |node| try std.testing.expectEqual(0, node.openCount());
        harness.cluster.destroy();
        try std.testing.expectEqual(0, harness.world.openCount());
        harness.world.destroy();
    }

    fn abandon(harness: *Harness) void {
        for (harness.lent.items) |lent| lent.node.drop(lent.connection);
        harness.lent.deinit(gpa);
        harness.cluster.destroy();
        harness.world.destroy();
    }

    /// As the tend thread would: at the interval, or soon when it was asked for.
    fn tendAsNeeded(harness: *Harness) void {
        const since_ns = harness.net.now() - harness.tended_ns;
        if (since_ns < 100 * ms) return;
        const requested = harness.cluster.context.tend_requested.wait(0);
        if (!requested and since_ns < second) return;
        harness.tended_ns = harness.net.now();
        harness.cluster.tend();
    }

    fn run(harness: *Harness, duration_ns: u64) void {
        const until_ns = harness.net.now() + duration_ns;
        while (harness.net.now() < until_ns) {
            harness.world.advance(20 * ms);
            harness.tendAsNeeded();
        }
    }

    fn checkCounts(harness: *Harness) !void {
        var counted: usize = 0;
        var iterator = harness.cluster.table.tended(.all);
        while (iterator.next()) |tended| {
            const node = tended.node;
            try std.testing.expect(node.openCount() <= conns_max);
            var lent: usize = 0;
            for (harness.lent.items) |each| lent += @intFromBool(each.node == node);
            const recovering = node.recovering.count;
            try std.testing.expectEqual(lent + recovering, node.inUseCount());
            counted += node.openCount() + @intFromBool(tended.socket != null);
        }
        try std.testing.expectEqual(counted, harness.world.openCount());
    }

    /// What the client believes is what is.
    fn checkTruth(harness: *Harness) !void {
        const topology = &harness.world.core.topology;
        try std.testing.expectEqual(topology.aliveCount(), harness.cluster.nodeCount());
        for (topology.nodes[0..topology.count], 0..) |*server, index| {
            const node = harness.cluster.nodeByName(server.name());
            try std.testing.expectEqual(server.alive, node != null);
            if (node) |known| {
                const address = harness.net.addressOf(@intCast(index));
                try std.testing.expect(known.address().eql(&address));
            }
        }
        const namespace = harness.cluster.namespace("test").?;
        try std.testing.expectEqual(topology.effectiveReplicas(2), namespace.replicaCount());
        for (0..cluster.partition_map.partitions) |partition_id| {
            const id: u16 = @intCast(partition_id);
            for (0..namespace.replicaCount()) |index| {
                const replica: u8 = @intCast(index);
                var route: Cluster.Route = .{ .policy = .sequence, .replica_index = replica };
                const node = harness.cluster.route(namespace, id, &route) orelse
                    return error.NoRoute;
                const owner = topology.owner(id, replica);
                try std.testing.expectEqualStrings(topology.nodes[owner].name(), node.name());
            }
        }
    }

    /// One command for no record in particular, with what may go wrong on the way.
    fn command(harness: *Harness, timeout_ns: u64) void {
        const dice = harness.world.random();
        const namespace = harness.cluster.namespace("test") orelse return;
        var route: Cluster.Route = .{ .policy = .sequence };
        const id = dice.uintLessThan(u16, cluster.partition_map.partitions);
        const node = harness.cluster.route(namespace, id, &route) orelse return;
        var failure: Failure = .{};
        var connection = driving.acquire(gpa, &harness.net, node, harness.net.now() + timeout_ns, &failure) catch return;
        if (Faults.draw(dice, 100)) {
            harness.lent.append(gpa, .{ .node = node, .connection = connection }) catch
                node.drop(connection);
            return;
        }
        harness.exchange(node, &connection, harness.net.now() + timeout_ns);
    }

    fn exchange(
        harness: *Harness,
        node: *Node,
        connection: *Cluster.Connection,
        deadline_ns: u64,
    ) void {
        const net = &harness.net;
        var memory: [256]u8 = undefined;
        const frame = encodeRead(&memory, harness.world.random());
        net.send(&connection.socket, frame, deadline_ns) catch {
            node.drop(connection.*);
            return node.recordError();
        };
        var pending: Node.Pending = .{};
        var body: [512]u8 = undefined;
        while (pending.header_bytes < wire.proto.header_bytes or pending.body_bytes_remaining > 0) {
            const in_header = pending.header_bytes < wire.proto.header_bytes;
            const buffer = if (in_header)
                pending.header[pending.header_bytes..]
            else
                body[0..@min(body.len, pending.body_bytes_remaining)];
            const count = net.recv(&connection.socket, buffer, deadline_ns) catch |err| {
                if (err == error.Timeout) {
                    node.recover(connection.*, pending, 3 * second);
                    return node.recordTimeout();
                }
                node.drop(connection.*);
                return node.recordError();
            };
            if (!in_header) {
                pending.body_bytes_remaining -= count;
                continue;
            }
            pending.header_bytes += @intCast(count);
            if (pending.header_bytes < wire.proto.header_bytes) continue;
            const header = wire.proto.decode(&pending.header, 1 << 20) catch {
                node.drop(connection.*);
                return node.recordError();
            };
            pending.body_bytes_remaining = header.size;
        }
        node.push(connection.*);
    }

    fn giveBack(harness: *Harness) void {
        if (harness.lent.items.len == 0) return;
        const dice = harness.world.random();
        const index = dice.uintLessThan(usize, harness.lent.items.len);
        const lent = harness.lent.swapRemove(index);
        if (dice.boolean()) lent.node.push(lent.connection) else lent.node.drop(lent.connection);
    }

    /// Something happens to the servers, now or in the midst of what comes next.
    fn mischief(harness: *Harness) void {
        const world = harness.world;
        const dice = world.random();
        const server = dice.uintLessThan(u8, @intCast(world.servers.len));
        const delay_ns = dice.uintAtMost(u64, 500 * ms);
        const reform_ns = delay_ns + dice.intRangeAtMost(u64, 200 * ms, 2 * second);
        switch (dice.uintLessThan(u8, 5)) {
            0 => world.schedule(delay_ns, .{ .crash = server }),
            1 => world.schedule(delay_ns, .{ .silence = server }),
            2, 3 => world.schedule(delay_ns, .{ .revive = server }),
            4 => {
                // The same node comes back at another address.
                if (world.servers[server].state == .running) world.crash(server);
                world.readdress(server);
                world.schedule(delay_ns, .{ .revive = server });
            },
            else => unreachable,
        }
        world.schedule(reform_ns, .rebalance);
    }
};

/// Reads a record that does not exist: the reply is one short frame.
fn encodeRead(memory: []u8, dice: std.Random) []u8 {
    var digest: [20]u8 = undefined;
    dice.bytes(&digest);
    var buffer = wire.Buffer.fixed(memory);
    var encoder = wire.message.Encoder.begin(&buffer) catch unreachable;
    encoder.field(.namespace, "test") catch unreachable;
    encoder.field(.digest, &digest) catch unreachable;
    encoder.finish(.{ .info1 = .{ .read = true, .get_all = true } });
    return buffer.written();
}

fn connected(harness: *Harness, seed: u64, nodes: u8) !void {
    try harness.default(seed, nodes);
    errdefer harness.abandon();
    var failure: Failure = .{};
    harness.cluster.connect(&failure) catch |err| {
        std.debug.print("connect: {s}\n", .{failure.message()});
        return err;
    };
    harness.tended_ns = harness.net.now();
}

test "connect finds all nodes and the whole partition map in one tend" {
    var harness: Harness = undefined;
    try connected(&harness, 1, 5);
    errdefer harness.abandon();
    try harness.checkTruth();
    try harness.checkCounts();
    try std.testing.expect(harness.cluster.isConnected());
    try std.testing.expectEqual(1, harness.cluster.statistics.tends.load(.monotonic));
    var nodes = harness.cluster.nodes();
    while (nodes.next()) |node| {
        try std.testing.expectFmt("8.1.2", "{f}", .{node.version()});
    }
    try harness.deinit();
}

fn expectConnectFails(harness: *Harness, status: @TypeOf(@as(Failure, .{}).status)) !Failure {
    var failure: Failure = .{};
    try std.testing.expectError(error.Failed, harness.cluster.connect(&failure));
    try std.testing.expectEqual(status, failure.status);
    try harness.checkCounts();
    return failure;
}

test "connect says why it fails: refused, silent, another cluster's name, unknown host" {
    const hosts = [_]cluster.Host{.{ .name = Net.cluster_host }};
    var harness: Harness = undefined;
    try harness.default(1, 2);
    harness.world.crash(0);
    harness.world.crash(1);
    const before_ns = harness.net.now();
    _ = try expectConnectFails(&harness, .connection);
    try std.testing.expect(harness.net.now() - before_ns < 100 * ms);
    try harness.deinit();

    try harness.default(1, 1);
    harness.world.silence(0);
    _ = try expectConnectFails(&harness, .timeout);
    try harness.deinit();

    try harness.init(1, 2, .{ .hosts = &hosts, .cluster_name = "other", .max_conns_per_node = 8 });
    const named = try expectConnectFails(&harness, .invalid_node);
    try std.testing.expect(std.mem.find(u8, named.message(), "'other'") != null);
    try std.testing.expect(std.mem.find(u8, named.message(), "'sim'") != null);
    try harness.deinit();

    try harness.init(1, 1, .{ .hosts = &.{.{ .name = "nowhere" }}, .max_conns_per_node = 8 });
    _ = try expectConnectFails(&harness, .invalid_host);
    try harness.deinit();
}

test "one dead seed is tolerated, and a failed connect may be tried again" {
    var harness: Harness = undefined;
    try harness.default(1, 3);
    errdefer harness.abandon();
    for (0..3) |server| harness.world.crash(@intCast(server));
    _ = try expectConnectFails(&harness, .connection);
    harness.world.revive(1);
    harness.world.revive(2);
    harness.world.rebalance();
    var failure: Failure = .{};
    try harness.cluster.connect(&failure);
    try harness.checkTruth();
    try harness.deinit();
}

test "many peers that do not answer cost one timeout, and those that do are found" {
    var harness: Harness = undefined;
    try harness.default(1, 16);
    errdefer harness.abandon();
    // They are still announced.
    for (1..15) |server| harness.world.servers[server].state = .silent;
    var failure: Failure = .{};
    const before_ns = harness.net.now();
    // The first of the seeds is one that answers.
    try harness.cluster.connect(&failure);
    try std.testing.expectEqual(2, harness.cluster.nodeCount());
    try std.testing.expect(harness.net.now() - before_ns < 1500 * ms);
    try harness.checkCounts();

    // Later tends leave them alone for longer and longer, and cost little meanwhile.
    var expensive: usize = 0;
    for (0..60) |_| {
        const again_ns = harness.net.now();
        harness.cluster.tend();
        const took_ns = harness.net.now() - again_ns;
        try std.testing.expect(took_ns < 1500 * ms);
        expensive += @intFromBool(took_ns > 500 * ms);
        harness.world.advance(second);
    }
    try std.testing.expect(expensive >= 5);
    try std.testing.expect(expensive <= 8);
    // Until something is said anew of them.
    harness.world.rebalance();
    for (1..15) |server| harness.world.servers[server].state = .running;
    harness.run(2 * second);
    try harness.checkTruth();
    try harness.deinit();
}

test "a node that dies is left, and is back soon after it returns" {
    var harness: Harness = undefined;
    try connected(&harness, 1, 3);
    errdefer harness.abandon();
    harness.world.crash(1);
    harness.world.schedule(1500 * ms, .rebalance);
    harness.run(3 * second);
    try harness.checkTruth();
    harness.world.revive(1);
    harness.world.rebalance();
    harness.run(2 * second);
    try harness.checkTruth();
    try harness.checkCounts();
    try harness.deinit();
}

test "an error on a connection leads to a tend within a tenth of a second" {
    var harness: Harness = undefined;
    try connected(&harness, 1, 3);
    errdefer harness.abandon();
    harness.run(1050 * ms);
    harness.world.crash(1);
    harness.world.rebalance();
    const node = harness.cluster.nodeByName(harness.world.core.topology.nodes[1].name()).?;
    var failure: Failure = .{};
    const acquired = driving.acquire(gpa, &harness.net, node, harness.net.now() + second, &failure);
    try std.testing.expectError(error.Failed, acquired);
    try std.testing.expectEqual(.connection, failure.status);
    harness.run(200 * ms);
    try harness.checkTruth();
    try std.testing.expect(!node.isActive());
    try harness.deinit();
}

test "when every node has a new address the seeds find the cluster again" {
    var harness: Harness = undefined;
    try connected(&harness, 1, 3);
    errdefer harness.abandon();
    for (0..3) |server| {
        harness.world.crash(@intCast(server));
        harness.world.readdress(@intCast(server));
        harness.world.revive(@intCast(server));
    }
    harness.world.rebalance();
    harness.run(10 * second);
    try harness.checkTruth();
    try harness.deinit();
}

test "a server that was restarted between two tends is not met with connections of before" {
    var harness: Harness = undefined;
    try connected(&harness, 1, 2);
    errdefer harness.abandon();
    const tended = harness.cluster.table.first().?;
    const node = tended.node;
    var failure: Failure = .{};
    const deadline_ns = harness.net.now() + second;
    const lent = try driving.acquire(gpa, &harness.net, node, deadline_ns, &failure);
    node.push(try driving.acquire(gpa, &harness.net, node, deadline_ns, &failure));
    node.breaker.record();
    // The server begins to count anew.
    tended.peers_generation_told += 100;
    harness.cluster.tend();
    try std.testing.expectEqual(0, node.breaker.errors.load(.monotonic));
    try std.testing.expectEqual(1, node.openCount());
    node.push(lent);
    try std.testing.expectEqual(0, node.openCount());
    node.push(try driving.acquire(gpa, &harness.net, node, harness.net.now() + second, &failure));
    try std.testing.expectEqual(1, node.openCount());
    try harness.checkTruth();
    try harness.deinit();
}

test "racks are read again until the namespaces that they are of are known" {
    var harness: Harness = undefined;
    try harness.init(1, 1, .{
        .hosts = &.{.{ .name = Net.cluster_host }},
        .max_conns_per_node = Harness.conns_max,
        .rack_aware = true,
        .rack_ids = &.{7},
    });
    errdefer harness.abandon();
    try harness.world.core.overrides.set(0, "rack-ids", "test:7;bar:8");
    try harness.world.core.overrides.set(0, "replicas", "");
    // To connect would be an error, as no command could find its node.
    var failure: Failure = .{};
    try std.testing.expectError(error.Failed, harness.cluster.connect(&failure));
    try std.testing.expectEqual(.connection, failure.status);
    const tended = harness.cluster.table.first().?;
    try std.testing.expectEqual(null, harness.cluster.namespace("test"));
    try harness.world.core.overrides.set(0, "replicas", null);
    tended.partition_generation = -1;
    harness.cluster.tend();
    for ([_][]const u8{ "test", "bar" }, 7..) |name, rack| {
        const namespace = harness.cluster.namespace(name).?;
        try std.testing.expect(tended.node.hasRack(namespace.index, @intCast(rack)));
    }
    try harness.deinit();
}

test "a node that has lost sight of the others does not take over the partition map" {
    var harness: Harness = undefined;
    try connected(&harness, 1, 3);
    errdefer harness.abandon();
    // The node's machine is cut off for a while; it comes back believing that it is alone.
    const topology = &harness.world.core.topology;
    const namespace = harness.cluster.namespace("test").?;
    var before: [3]u16 = undefined;
    var after: [3]u16 = undefined;
    const alone = harness.cluster.table.findActive(topology.nodes[0].name()).?;
    alone.peers_count = 0;
    alone.partition_generation = -1;
    const id: u16 = for (0..4096) |partition_id| {
        if (topology.owner(@intCast(partition_id), 0) != 0) break @intCast(partition_id);
    } else unreachable;
    const owned_before = namespace.owners(id, &before);
    harness.cluster.tend();
    const owned_after = namespace.owners(id, &after);
    try std.testing.expectEqualSlices(u16, owned_before, owned_after);
    // It was not even asked for its partitions.
    try std.testing.expectEqual(-1, alone.partition_generation);
    try harness.deinit();
}

/// Two servers, and a partition that the first one masters.
fn connectedTwo(harness: *Harness) !u16 {
    try connected(harness, 1, 2);
    const topology = &harness.world.core.topology;
    return for (0..cluster.partition_map.partitions) |partition_id| {
        if (topology.owner(@intCast(partition_id), 0) == 0) break @intCast(partition_id);
    } else unreachable;
}

test "an owner that another one has replaced is asked again, as that may have been wrong" {
    var harness: Harness = undefined;
    const id = try connectedTwo(&harness);
    errdefer harness.abandon();
    const topology = &harness.world.core.topology;
    const namespace = harness.cluster.namespace("test").?;
    // The second server believes for a while that the partition is its own; the first one has no
    // news in all that time.
    topology.owners[id][0].store(1, .monotonic);
    topology.nodes[1].partition_generation += 1;
    harness.cluster.tend();
    var route: Cluster.Route = .{ .policy = .master };
    const usurper = harness.cluster.route(namespace, id, &route).?;
    try std.testing.expectEqualStrings(topology.nodes[1].name(), usurper.name());
    topology.owners[id][0].store(0, .monotonic);
    topology.nodes[1].partition_generation += 1;
    harness.cluster.tend();
    try harness.checkTruth();
    try harness.deinit();
}

test "a node that did not answer for a while is asked for its partitions again" {
    var harness: Harness = undefined;
    const id = try connectedTwo(&harness);
    errdefer harness.abandon();
    const topology = &harness.world.core.topology;
    const node = harness.cluster.nodeByName(topology.nodes[1].name()).?;
    const generation = topology.nodes[1].partition_generation;
    harness.world.crash(1);
    harness.world.advance(10 * ms);
    harness.cluster.tend();
    try std.testing.expect(node.isActive());
    try std.testing.expectEqual(1, node.failures.load(.monotonic));
    // Restarted, it happens to count to the same number, with other partitions.
    harness.world.revive(1);
    topology.owners[id][0].store(1, .monotonic);
    topology.owners[id][1].store(0, .monotonic);
    topology.nodes[1].partition_generation = generation;
    harness.cluster.tend();
    var route: Cluster.Route = .{ .policy = .master };
    const owner = harness.cluster.route(harness.cluster.namespace("test").?, id, &route).?;
    try std.testing.expectEqual(node, owner);
    try harness.deinit();
}

test "a late reply is read to its end and the connection is used again" {
    var harness: Harness = undefined;
    try connected(&harness, 1, 1);
    errdefer harness.abandon();
    const node = harness.cluster.randomNode().?;
    var failure: Failure = .{};
    var connection = try driving.acquire(gpa, &harness.net, node, harness.net.now() + second, &failure);
    harness.world.faults = .{ .delay = 1000, .delay_ms_max = 900 };
    harness.exchange(node, &connection, harness.net.now() + ms);
    try std.testing.expectEqual(1, node.inUseCount());
    harness.world.faults = .none;
    harness.run(1500 * ms);
    try std.testing.expectEqual(1, node.statistics.recovered.load(.monotonic));
    try std.testing.expectEqual(0, node.inUseCount());
    try std.testing.expectEqual(1, node.openCount());
    try std.testing.expect(node.pop() != null);
    harness.net.close(&connection.socket);
    node.pool.unreserve();
    try harness.deinit();
}

test "the connections of a node stop at their maximum" {
    var harness: Harness = undefined;
    try connected(&harness, 1, 1);
    errdefer harness.abandon();
    const node = harness.cluster.randomNode().?;
    var failure: Failure = .{};
    for (0..Harness.conns_max) |_| {
        const connection = try driving.acquire(gpa, &harness.net, node, harness.net.now() + second, &failure);
        try harness.lent.append(gpa, .{ .node = node, .connection = connection });
    }
    const refused = driving.acquire(gpa, &harness.net, node, harness.net.now() + second, &failure);
    try std.testing.expectError(error.Failed, refused);
    try std.testing.expectEqual(.no_more_connections, failure.status);
    try std.testing.expectEqualStrings(node.name(), failure.node());
    try harness.checkCounts();
    try harness.deinit();
}

test "idle connections are trimmed, down to the minimum that is kept open" {
    var harness: Harness = undefined;
    try harness.init(1, 1, .{
        .hosts = &.{.{ .name = Net.cluster_host }},
        .max_conns_per_node = Harness.conns_max,
        .min_conns_per_node = 2,
    });
    errdefer harness.abandon();
    var failure: Failure = .{};
    try harness.cluster.connect(&failure);
    const node = harness.cluster.randomNode().?;
    try std.testing.expectEqual(2, node.openCount());
    for (0..5) |_| {
        const connection = try driving.acquire(gpa, &harness.net, node, harness.net.now() + second, &failure);
        try harness.lent.append(gpa, .{ .node = node, .connection = connection });
    }
    while (harness.lent.pop()) |lent| lent.node.push(lent.connection);
    try std.testing.expectEqual(5, node.openCount());
    harness.run(100 * second);
    try std.testing.expectEqual(2, node.openCount());
    try harness.checkCounts();
    try harness.deinit();
}

test "a node that only makes errors is given a rest, and another chance" {
    var harness: Harness = undefined;
    try harness.init(1, 1, .{
        .hosts = &.{.{ .name = Net.cluster_host }},
        .max_conns_per_node = Harness.conns_max,
        .error_rate_max = 3,
    });
    errdefer harness.abandon();
    var failure: Failure = .{};
    try harness.cluster.connect(&failure);
    const node = harness.cluster.randomNode().?;
    for (0..4) |_| node.recordServerError();
    const refused = driving.acquire(gpa, &harness.net, node, harness.net.now() + second, &failure);
    try std.testing.expectError(error.Failed, refused);
    try std.testing.expectEqual(.max_error_rate, failure.status);
    harness.run(1500 * ms);
    const connection = try driving.acquire(gpa, &harness.net, node, harness.net.now() + second, &failure);
    node.push(connection);
    try harness.deinit();
}

/// The history of one seed: a hundred steps of use and harm, then peace.
fn survive(seed: u64) !void {
    var harness: Harness = undefined;
    const nodes = 2 + seed % 4;
    try connected(&harness, seed, @intCast(nodes));
    errdefer harness.abandon();
    const dice = harness.world.random();
    for (0..100) |_| {
        if (Faults.draw(dice, 100)) {
            harness.world.faults = if (dice.boolean()) .all else .none;
        }
        if (Faults.draw(dice, 80)) harness.mischief();
        for (0..dice.uintAtMost(usize, 6)) |_| harness.command(dice.uintAtMost(u64, 100 * ms));
        harness.giveBack();
        harness.tendAsNeeded();
        try harness.checkCounts();
        harness.world.advance(dice.uintAtMost(u64, 200 * ms));
    }
    harness.world.faults = .none;
    harness.run(3 * second);
    for (0..nodes) |server| harness.world.revive(@intCast(server));
    harness.world.rebalance();
    harness.run(20 * second);
    try harness.checkTruth();
    try harness.checkCounts();
    try std.testing.expect(harness.cluster.isConnected());
    while (harness.lent.items.len > 0) harness.giveBack();
    try harness.deinit();
}

test "whatever happens, counts hold and the truth is found again" {
    try seeds.each(25, survive, .{});
}

/// Connecting under harm: it succeeds or it fails cleanly, and succeeds in peace.
fn connectUnderHarm(seed: u64) !void {
    var harness: Harness = undefined;
    try harness.default(seed, 3);
    errdefer harness.abandon();
    harness.world.faults = .all;
    var failure: Failure = .{};
    for (0..5) |_| {
        harness.cluster.connect(&failure) catch {
            try std.testing.expect(failure.status != .ok);
            try std.testing.expect(failure.message().len > 0);
        };
        try harness.checkCounts();
    }
    harness.world.faults = .none;
    harness.run(20 * second);
    try harness.checkTruth();
    try harness.deinit();
}

test "connect under harm fails cleanly or succeeds" {
    try seeds.each(100, connectUnderHarm, .{});
}

test "sessions: a wrong password is refused, a token serves all connections and is renewed" {
    const world = try World.create(gpa, 1, .{
        .nodes = 2,
        .users = &.{.{ .name = "admin", .password = "secret" }},
        .session_ttl_s = 130,
    });
    defer world.destroy();
    var net = Net.init(world);
    var failure: Failure = .{};
    const hosts = [_]cluster.Host{.{ .name = Net.cluster_host }};
    const stranger = try Cluster.create(gpa, &net, .{
        .hosts = &hosts,
        .user = "admin",
        .password = "wrong",
    }, &failure);
    try std.testing.expectError(error.Failed, stranger.connect(&failure));
    try std.testing.expect(@backingInt(failure.status) > 0);
    stranger.destroy();

    const friend = try Cluster.create(gpa, &net, .{
        .hosts = &hosts,
        .user = "admin",
        .password = "secret",
    }, &failure);
    try friend.connect(&failure);
    const node = friend.randomNode().?;
    for (0..3) |_| {
        const serial = node.session_serial;
        const connection = try driving.acquire(gpa, &net, node, net.now() + second, &failure);
        node.drop(connection);
        // Authenticated by the token, not by another login.
        try std.testing.expectEqual(serial, node.session_serial);
        world.advance(75 * second);
        friend.tend();
        try std.testing.expect(node.session_serial > serial);
    }
    friend.destroy();
    try std.testing.expectEqual(0, world.openCount());
}

test "a password leaves no trace in the cluster's memory" {
    const world = try World.create(gpa, 1, .{
        .nodes = 2,
        .seed = 1,
        .users = &.{.{ .name = "admin", .password = "the secret of this test" }},
    });
    defer world.destroy();
    var net: Net = .init(world);
    const memory = try gpa.alloc(u8, 64 << 20);
    defer gpa.free(memory);
    @memset(memory, 0);
    // What is freed stays as it was.
    var fixed: std.heap.FixedBufferAllocator = .init(memory);
    var failure: Failure = .{};
    const created: *Cluster = try .create(fixed.allocator(), &net, .{
        .hosts = &.{.{ .name = Net.cluster_host }},
        .user = "admin",
        .password = "the secret of this test",
        .max_conns_per_node = 4,
    }, &failure);
    defer created.destroy();
    try created.connect(&failure);
    const node = created.randomNode().?;
    node.push(try driving.acquire(gpa, &net, node, net.now() + second, &failure));
    try std.testing.expectEqual(null, std.mem.find(u8, memory, "the secret"));
    try std.testing.expect(std.mem.find(u8, memory, "$2a$") != null);
}

/// Connects to servers of all kinds, in one tend.
fn connectedAmong(harness: *Harness, servers: ServerOptions, more: cluster.Options) !void {
    var options = more;
    options.hosts = &.{.{ .name = Net.cluster_host }};
    options.max_conns_per_node = Harness.conns_max;
    try harness.initAmong(1, servers, options);
    errdefer harness.abandon();
    var failure: Failure = .{};
    harness.cluster.connect(&failure) catch |err| {
        std.debug.print("connect: {s}\n", .{failure.message()});
        return err;
    };
    harness.tended_ns = harness.net.now();
}

const no_hosts: cluster.Options = .{ .hosts = &.{} };

/// How many of all partitions are read from a node on that rack.
fn partitionsReadOn(harness: *Harness, rack: i32) !usize {
    const namespace = harness.cluster.namespace("test").?;
    var count: usize = 0;
    for (0..cluster.partition_map.partitions) |partition_id| {
        var route: Cluster.Route = .{ .policy = .prefer_rack };
        const node = harness.cluster.route(namespace, @intCast(partition_id), &route) orelse
            return error.NoRoute;
        count += @intFromBool(node.hasRack(namespace.index, rack));
    }
    return count;
}

test "racks: reads go to the preferred one, follow nodes that move, and leave a node that fails" {
    const partitions = cluster.partition_map.partitions;
    const racks = [_]i32{ 1, 1, 2, 2 };
    var options = no_hosts;
    options.rack_aware = true;
    options.rack_ids = &.{ 2, 1 };
    var harness: Harness = undefined;
    try connectedAmong(&harness, .{ .nodes = 4, .racks = &racks, .seed = 1 }, options);
    errdefer harness.abandon();
    try std.testing.expectEqual(partitions, try partitionsReadOn(&harness, 2));

    // Where both copies are on other racks now, the next one in the order of preference is read.
    const topology = &harness.world.core.topology;
    topology.mutex.lock();
    topology.setRacks(0, &.{ 1, 2, 3, 3 });
    topology.mutex.unlock();
    harness.run(3 * second);
    const on_second = try partitionsReadOn(&harness, 2);
    const on_first = try partitionsReadOn(&harness, 1);
    try std.testing.expect(on_second > partitions / 3);
    try std.testing.expect(on_first > 0);

    // An attempt that failed on the preferred rack goes elsewhere.
    const namespace = harness.cluster.namespace("test").?;
    for (0..partitions) |partition_id| {
        var route: Cluster.Route = .{ .policy = .prefer_rack };
        const first = harness.cluster.route(namespace, @intCast(partition_id), &route).?;
        route.previous = first;
        route.replica_index +%= 1;
        const second_node = harness.cluster.route(namespace, @intCast(partition_id), &route).?;
        try std.testing.expect(first != second_node);
    }
    try harness.deinit();
}

test "any and random spread over the copies, sequence begins with the master" {
    const partitions = cluster.partition_map.partitions;
    var harness: Harness = undefined;
    try connected(&harness, 1, 3);
    errdefer harness.abandon();
    const namespace = harness.cluster.namespace("test").?;
    for ([_]cluster.ReplicaPolicy{ .any, .random, .sequence }) |policy| {
        var masters: usize = 0;
        for (0..partitions) |partition_id| {
            var route: Cluster.Route = .{ .policy = policy };
            const node = harness.cluster.route(namespace, @intCast(partition_id), &route).?;
            var buffer: [3]u16 = undefined;
            const owners = namespace.owners(@intCast(partition_id), &buffer);
            masters += @intFromBool(owners[0] == node.slot);
        }
        const expected: usize = if (policy == .sequence) partitions else partitions / 2;
        try std.testing.expectEqual(expected, masters);
    }
    try harness.deinit();
}

test "addresses that clients are told are translated, or taken from the alternate ones" {
    var mapped = no_hosts;
    mapped.ip_map = &.{.{ .from = "inner.example", .to = "127.0.0.1" }};
    var harness: Harness = undefined;
    try connectedAmong(&harness, .{ .nodes = 3, .advertised = "inner.example" }, mapped);
    try std.testing.expectEqual(3, harness.cluster.nodeCount());
    try harness.deinit();

    var alternate = no_hosts;
    alternate.use_services_alternate = true;
    try connectedAmong(&harness, .{
        .nodes = 3,
        .advertised = "inner.example",
        .alternate = "127.0.0.1",
    }, alternate);
    try std.testing.expectEqual(3, harness.cluster.nodeCount());
    try harness.deinit();

    // Neither: the node is there, its peers are not.
    try harness.initAmong(1, .{ .nodes = 3, .advertised = "inner.example" }, .{
        .hosts = &.{.{ .name = Net.cluster_host }},
        .max_conns_per_node = Harness.conns_max,
    });
    const failure = try expectConnectFails(&harness, .connection);
    try std.testing.expect(std.mem.find(u8, failure.message(), "ip_map") != null);
    try harness.deinit();
}

test "strong consistency: who claims partitions under an older regime does not get them" {
    const namespaces = [_]ServerNamespace{.{ .name = "test", .strong_consistency = true }};
    var harness: Harness = undefined;
    try connectedAmong(&harness, .{ .nodes = 3, .namespaces = &namespaces }, no_hosts);
    errdefer harness.abandon();
    const namespace = harness.cluster.namespace("test").?;
    try std.testing.expect(namespace.isStrongConsistency());
    harness.world.core.regimes[0].store(9, .monotonic);
    harness.world.rebalance();
    harness.run(2 * second);
    try harness.checkTruth();
    const regime = namespace.entries[0].regime;
    try std.testing.expect(regime >= 9);

    // A node that was away believes that all is its own still.
    const everything: cluster.partition_map.Bitmap = @splat(0xff);
    var memory: [2048]u8 = undefined;
    var claim = wire.Buffer.fixed(&memory);
    try wire.info.encodeReplicas(&claim, "test", regime - 1, &.{ everything, everything });
    try harness.world.core.overrides.set(0, "replicas", claim.written());
    const tended = harness.cluster.table.findActive("D1").?;
    tended.partition_generation = -1;
    harness.cluster.tend();
    try harness.checkTruth();
    // With the regime of today it does.
    claim.clear();
    try wire.info.encodeReplicas(&claim, "test", regime, &.{ everything, everything });
    try harness.world.core.overrides.set(0, "replicas", claim.written());
    tended.partition_generation = -1;
    harness.cluster.tend();
    var owners: [3]u16 = undefined;
    const slot = tended.node.slot;
    for (0..cluster.partition_map.partitions) |partition_id| {
        try std.testing.expectEqual(slot, namespace.owners(@intCast(partition_id), &owners)[0]);
    }
    try harness.deinit();
}

test "128 nodes and 8 namespaces: all found in one tend, and a quiet tend asks each node once" {
    const namespaces = comptime names: {
        var made: [8]ServerNamespace = undefined;
        for (&made, 0..) |*each, index| {
            each.* = .{ .name = std.fmt.comptimePrint("ns{d}", .{index}), .replication_factor = 3 };
        }
        const names = made;
        break :names names;
    };
    const nodes = 128;
    var harness: Harness = undefined;
    try connectedAmong(&harness, .{ .nodes = nodes, .namespaces = &namespaces }, no_hosts);
    errdefer harness.abandon();
    try std.testing.expectEqual(nodes, harness.cluster.nodeCount());
    const topology = &harness.world.core.topology;
    for (&namespaces) |*each| {
        const namespace = harness.cluster.namespace(each.name).?;
        for (0..cluster.partition_map.partitions) |partition_id| {
            const id: u16 = @intCast(partition_id);
            for (0..3) |replica| {
                const index: u8 = @intCast(replica);
                var route: Cluster.Route = .{ .policy = .sequence, .replica_index = index };
                const node = harness.cluster.route(namespace, id, &route).?;
                const owner = topology.owner(id, index);
                try std.testing.expectEqualStrings(topology.nodes[owner].name(), node.name());
            }
        }
    }
    // The second tend finds that all peers know one another by now.
    harness.cluster.tend();
    for (0..3) |_| {
        const events = harness.world.events_total;
        harness.cluster.tend();
        // A question and its answer for each of them.
        try std.testing.expectEqual(2 * nodes, harness.world.events_total - events);
    }
    try harness.deinit();
}
