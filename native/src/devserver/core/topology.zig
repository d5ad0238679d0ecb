//! Which nodes there are, which of them live, and which partitions they own.
//!
//! Owners of a partition are ranked by a seeded hash of partition and node; the first living
//! ones are master and replicas, so a node that returns gets its own partitions back. `moved`
//! puts one node ahead of that ranking. A rebalance recomputes ownership and moves the
//! generations that clients watch; without one, a dead node stays an owner, as it does in a
//! real cluster until its heartbeat is missed. One mutex guards it all; commands only read the
//! ownership table, whose entries are atomic.

const std = @import("std");
const assert = std.debug.assert;
const options_module = @import("../base/options.zig");
const store_module = @import("../store/store.zig");
const Mutex = @import("../base/sync.zig").Mutex;

pub const partitions = store_module.partitions;
pub const nodes_max = options_module.nodes_max;
pub const replicas_max = options_module.replication_factor_max;

/// No node owns this replica.
pub const none: u8 = 0xff;

pub const Node = struct {
    alive: bool = true,
    /// Part of the cluster as it last formed, which a dead node is until the next rebalance.
    member: bool = true,
    port: u16 = 0,
    peers_generation: u32 = 1,
    partition_generation: u32 = 1,
    rebalance_generation: u32 = 1,
    rack: i32 = 0,
    name_buffer: [16]u8 = undefined,
    name_len: u8 = 0,

    pub fn name(node: *const Node) []const u8 {
        return node.name_buffer[0..node.name_len];
    }
};

/// Nodes that are announced as peers and that there are not.
pub const Strangers = struct {
    count: u16 = 0,
    port: u16 = 0,
    address_buffer: [options_module.address_bytes_max]u8 = undefined,
    address_len: u8 = 0,

    pub fn address(strangers: *const Strangers) []const u8 {
        return strangers.address_buffer[0..strangers.address_len];
    }
};

pub const Topology = struct {
    gpa: std.mem.Allocator,
    mutex: Mutex = .{},
    seed: u64,
    count: u8,
    nodes: [nodes_max]Node = @splat(.{}),
    /// Whether nodes say which rack they are on.
    has_racks: bool = false,
    strangers: Strangers = .{},
    /// Replica owners by partition, the master first.
    owners: [][replicas_max]std.atomic.Value(u8),
    moved: []u8,
    /// Identifies the cluster's present form, as `cluster-stable` shows it.
    cluster_key: u64,

    pub fn init(gpa: std.mem.Allocator, count: u8, seed: u64) error{OutOfMemory}!Topology {
        assert(count > 0 and count <= nodes_max);
        const owners = try gpa.alloc([replicas_max]std.atomic.Value(u8), partitions);
        errdefer gpa.free(owners);
        const moved = try gpa.alloc(u8, partitions);
        @memset(moved, none);
        var topology: Topology = .{
            .gpa = gpa,
            .seed = seed,
            .count = count,
            .owners = owners,
            .moved = moved,
            .cluster_key = std.hash.int(seed +% 0xa5a5) | 1,
        };
        for (topology.nodes[0..count], 1..) |*node, number| {
            const text = std.fmt.bufPrint(&node.name_buffer, "D{X}", .{number}) catch unreachable;
            node.name_len = @intCast(text.len);
        }
        topology.assign();
        return topology;
    }

    pub fn deinit(topology: *Topology) void {
        topology.gpa.free(topology.owners);
        topology.gpa.free(topology.moved);
        topology.* = undefined;
    }

    /// The mutex is held by the caller of this and of all that follow, unless said otherwise.
    pub fn setAlive(topology: *Topology, node: u8, alive: bool) void {
        assert(node < topology.count);
        if (topology.nodes[node].alive == alive) return;
        topology.nodes[node].alive = alive;
        // A node that returns has just started and counts from the beginning.
        if (alive) {
            topology.nodes[node].peers_generation = 0;
            topology.nodes[node].partition_generation = 0;
            topology.nodes[node].rebalance_generation = 0;
        }
    }

    /// Re-forms the cluster from the living nodes.
    pub fn rebalance(topology: *Topology) void {
        topology.cluster_key = std.hash.int(topology.cluster_key);
        for (topology.nodes[0..topology.count]) |*node| {
            node.member = node.alive;
            if (!node.alive) continue;
            node.peers_generation += 1;
            node.partition_generation += 1;
            node.rebalance_generation += 1;
        }
        topology.assign();
    }

    /// Makes a node the master of a partition; `none` undoes it. Takes effect at once.
    pub fn move(topology: *Topology, partition: u16, node: u8) void {
        assert(partition < partitions);
        assert(node == none or node < topology.count);
        topology.moved[partition] = node;
        topology.assignPartition(partition);
        topology.announce();
    }

    /// Puts nodes, from the first one given on, on racks, and copies of partitions on different ones.
    pub fn setRacks(topology: *Topology, first: u8, racks: []const i32) void {
        assert(first + racks.len <= topology.count);
        topology.has_racks = true;
        for (topology.nodes[first..][0..racks.len], racks) |*node, rack| node.rack = rack;
        topology.assign();
        for (topology.nodes[0..topology.count]) |*each| each.rebalance_generation += 1;
        topology.announce();
    }

    /// Makes clients ask for the peers again.
    pub fn setStrangers(topology: *Topology, count: u16, address: []const u8, port: u16) void {
        topology.strangers = .{ .count = count, .port = port, .address_len = @intCast(address.len) };
        @memcpy(topology.strangers.address_buffer[0..address.len], address);
        for (topology.nodes[0..topology.count]) |*node| node.peers_generation += 1;
    }

    /// Makes clients look at the partitions again.
    pub fn announce(topology: *Topology) void {
        for (topology.nodes[0..topology.count]) |*node| node.partition_generation += 1;
    }

    pub fn aliveCount(topology: *const Topology) u8 {
        var alive: u8 = 0;
        for (topology.nodes[0..topology.count]) |*node| alive += @intFromBool(node.alive);
        return alive;
    }

    /// Copies that a namespace really has.
    pub fn effectiveReplicas(topology: *const Topology, replication_factor: u8) u8 {
        return @max(1, @min(replication_factor, topology.aliveCount(), replicas_max));
    }

    /// 48 bits, as the server's.
    pub fn clusterKey(topology: *const Topology) u48 {
        return @truncate(topology.cluster_key);
    }

    /// Needs no lock.
    pub fn owner(topology: *const Topology, partition: u16, replica: u8) u8 {
        return topology.owners[partition][replica].load(.monotonic);
    }

    fn assign(topology: *Topology) void {
        for (0..partitions) |partition| topology.assignPartition(@intCast(partition));
    }

    fn assignPartition(topology: *Topology, partition: u16) void {
        var ranks: [nodes_max]u64 = undefined;
        var order: [nodes_max]u8 = undefined;
        var living: usize = 0;
        for (topology.nodes[0..topology.count], 0..) |*node, index| {
            if (!node.member) continue;
            const number: u64 = (@as(u64, partition) << 8) | index;
            const moved = topology.moved[partition] == index;
            ranks[living] = if (moved) 0 else std.hash.int(topology.seed ^ number) | 1;
            order[living] = @intCast(index);
            living += 1;
        }
        var racks: [replicas_max]i32 = undefined;
        for (&topology.owners[partition], 0..) |*entry, replica| {
            const best = topology.bestOf(order[0..living], ranks[0..living], racks[0..replica]) orelse {
                for (topology.owners[partition][replica..]) |*rest| rest.store(none, .monotonic);
                return;
            };
            entry.store(order[best], .monotonic);
            racks[replica] = topology.nodes[order[best]].rack;
            ranks[best] = taken;
        }
    }

    const taken = std.math.maxInt(u64);

    /// The first in rank of those not yet taken, on a rack that has no copy if there is one.
    fn bestOf(topology: *const Topology, order: []const u8, ranks: []const u64, racks: []const i32) ?usize {
        var best: ?usize = null;
        var is_best_apart = false;
        for (order, ranks, 0..) |node, rank, index| {
            if (rank == taken) continue;
            const is_apart = std.mem.findScalar(i32, racks, topology.nodes[node].rack) == null;
            if (best) |other| {
                if (is_best_apart and !is_apart) continue;
                if (is_best_apart == is_apart and ranks[other] <= rank) continue;
            }
            best = index;
            is_best_apart = is_apart;
        }
        return best;
    }
};

const testing = std.testing;

fn mastered(topology: *const Topology, node: u8) usize {
    var count: usize = 0;
    for (0..partitions) |partition| {
        if (topology.owner(@intCast(partition), 0) == node) count += 1;
    }
    return count;
}

test "every partition has a master and a different replica, spread over the nodes" {
    var topology = try Topology.init(testing.allocator, 3, 0);
    defer topology.deinit();
    for (0..partitions) |partition| {
        const master = topology.owner(@intCast(partition), 0);
        const replica = topology.owner(@intCast(partition), 1);
        try testing.expect(master < 3);
        try testing.expect(replica < 3);
        try testing.expect(master != replica);
    }
    for (0..3) |node| {
        const count = mastered(&topology, @intCast(node));
        try testing.expect(count > partitions / 4);
        try testing.expect(count < partitions / 2);
    }
}

test "a dead node's partitions go to their replicas at the rebalance and come back" {
    var topology = try Topology.init(testing.allocator, 3, 9);
    defer topology.deinit();
    const before = mastered(&topology, 1);
    var replica_of: [partitions]u8 = undefined;
    for (&replica_of, 0..) |*entry, partition| entry.* = topology.owner(@intCast(partition), 1);
    var master_of: [partitions]u8 = undefined;
    for (&master_of, 0..) |*entry, partition| entry.* = topology.owner(@intCast(partition), 0);

    topology.setAlive(1, false);
    try testing.expectEqual(before, mastered(&topology, 1));
    const generation = topology.nodes[0].partition_generation;
    topology.rebalance();
    try testing.expectEqual(@as(usize, 0), mastered(&topology, 1));
    try testing.expectEqual(generation + 1, topology.nodes[0].partition_generation);
    for (master_of, replica_of, 0..) |master, replica, partition| {
        const expected = if (master == 1) replica else master;
        try testing.expectEqual(expected, topology.owner(@intCast(partition), 0));
    }
    topology.setAlive(1, true);
    topology.rebalance();
    try testing.expectEqual(before, mastered(&topology, 1));
    try testing.expectEqual(@as(u32, 1), topology.nodes[1].peers_generation);
}

test "a moved partition has the chosen master until that is undone" {
    var topology = try Topology.init(testing.allocator, 3, 2);
    defer topology.deinit();
    const original = topology.owner(77, 0);
    const other = (original + 1) % 3;
    topology.move(77, other);
    try testing.expectEqual(other, topology.owner(77, 0));
    try testing.expect(topology.owner(77, 1) != other);
    topology.move(77, none);
    try testing.expectEqual(original, topology.owner(77, 0));
}

test "copies are on different racks while there are enough" {
    var topology = try Topology.init(testing.allocator, 4, 5);
    defer topology.deinit();
    topology.setRacks(0, &.{ 1, 1, 2, 2 });
    for (0..partitions) |partition| {
        const id: u16 = @intCast(partition);
        const master = topology.owner(id, 0);
        const replica = topology.owner(id, 1);
        try testing.expect(topology.nodes[master].rack != topology.nodes[replica].rack);
        const third = topology.owner(id, 2);
        try testing.expect(third != master and third != replica and third != none);
    }
    topology.setAlive(2, false);
    topology.setAlive(3, false);
    topology.rebalance();
    for (0..partitions) |partition| {
        try testing.expect(topology.owner(@intCast(partition), 1) < 2);
        try testing.expectEqual(none, topology.owner(@intCast(partition), 2));
    }
}

test "a single node owns all and has no replica" {
    var topology = try Topology.init(testing.allocator, 1, 0);
    defer topology.deinit();
    try testing.expectEqual(@as(usize, partitions), mastered(&topology, 0));
    try testing.expectEqual(none, topology.owner(5, 1));
    try testing.expectEqual(@as(u8, 1), topology.effectiveReplicas(2));
}
