//! Info commands about the nodes of the cluster: their names, addresses and peers.

const std = @import("std");
const wire = @import("../../wire.zig");
const Question = @import("Question.zig");
const topology_module = @import("../core/topology.zig");

const Buffer = wire.Buffer;

pub const commands = [_]Question.Command{
    .{ .name = "cluster-name", .answer = &answerClusterName },
    .{ .name = "cluster-stable", .answer = &answerClusterStable },
    .{ .name = "name", .answer = &answerNode },
    .{ .name = "node", .answer = &answerNode },
    .{ .name = "peers-clear-alt", .answer = &answerPeersAlternate },
    .{ .name = "peers-clear-std", .answer = &answerPeers },
    .{ .name = "peers-generation", .answer = &answerPeersGeneration },
    .{ .name = "peers-tls-alt", .answer = &answerTlsPeersAlternate },
    .{ .name = "peers-tls-std", .answer = &answerTlsPeers },
    .{ .name = "quiesce", .answer = &Question.answerEnterprise },
    .{ .name = "quiesce-undo", .answer = &Question.answerEnterprise },
    .{ .name = "rack-ids", .answer = &answerRackIds },
    .{ .name = "racks", .answer = &answerRacks },
    .{ .name = "roster", .answer = &Question.answerEnterprise },
    .{ .name = "service", .answer = &answerService },
    .{ .name = "service-clear-alt", .answer = &answerServiceAlternate },
    .{ .name = "service-clear-std", .answer = &answerService },
    .{ .name = "service-tls-alt", .answer = &answerTlsServiceAlternate },
    .{ .name = "service-tls-std", .answer = &answerTlsService },
    .{ .name = "services", .answer = &answerServices },
    .{ .name = "services-alumni", .answer = &answerServices },
};

fn answerClusterName(question: *const Question) Buffer.Error!void {
    const name = question.core().cluster_name;
    try question.text(if (name.len == 0) "null" else name);
}

fn answerNode(question: *const Question) Buffer.Error!void {
    try question.text(question.node().name());
}

fn answerClusterStable(question: *const Question) Buffer.Error!void {
    const topology = question.topology();
    topology.mutex.lock();
    defer topology.mutex.unlock();
    if (question.parameter("size")) |text| {
        const size = std.fmt.parseInt(u8, text, 10) catch return question.fail(4, "bad size");
        if (size != topology.aliveCount()) {
            return question.fail(7, "cluster not specified size");
        }
    }
    if (question.parameter("namespace")) |name| {
        if (question.core().store.find(name) == null) {
            return question.fail(20, "namespace not found on node");
        }
    }
    try question.print("{X}", .{topology.clusterKey()});
}

fn answerPeersGeneration(question: *const Question) Buffer.Error!void {
    const topology = question.topology();
    topology.mutex.lock();
    defer topology.mutex.unlock();
    try question.print("{d}", .{question.node().peers_generation});
}

fn printHost(question: *const Question, address: []const u8, port: u16) Buffer.Error!void {
    if (std.mem.findScalar(u8, address, ':') != null) {
        try question.print("[{s}]:{d}", .{ address, port });
    } else {
        try question.print("{s}:{d}", .{ address, port });
    }
}

fn standardAddress(question: *const Question) []const u8 {
    const advertised = question.core().advertised;
    return if (advertised.len > 0) advertised else question.context.local;
}

/// Whether the nodes' ports take plain connections.
fn isPlain(question: *const Question) bool {
    const tls = question.core().tls orelse return true;
    return tls.allows_plain;
}

fn answerService(question: *const Question) Buffer.Error!void {
    if (isPlain(question)) try printService(question, standardAddress(question));
}

fn answerServiceAlternate(question: *const Question) Buffer.Error!void {
    if (isPlain(question)) try printAlternate(question);
}

fn answerTlsService(question: *const Question) Buffer.Error!void {
    if (question.core().tls == null) return Question.answerEnterprise(question);
    try printService(question, standardAddress(question));
}

fn answerTlsServiceAlternate(question: *const Question) Buffer.Error!void {
    if (question.core().tls == null) return Question.answerEnterprise(question);
    try printAlternate(question);
}

fn printAlternate(question: *const Question) Buffer.Error!void {
    const alternate = question.core().alternate;
    if (alternate.len > 0) try printService(question, alternate);
}

fn printService(question: *const Question, address: []const u8) Buffer.Error!void {
    const topology = question.topology();
    topology.mutex.lock();
    defer topology.mutex.unlock();
    try printHost(question, address, question.node().port);
}

/// The other nodes of the cluster as it last formed.
const PeerIterator = struct {
    topology: *const topology_module.Topology,
    asking: u8,
    index: u8 = 0,

    fn next(iterator: *PeerIterator) ?*const topology_module.Node {
        while (iterator.index < iterator.topology.count) {
            const index = iterator.index;
            iterator.index += 1;
            const node = &iterator.topology.nodes[index];
            if (index != iterator.asking and node.member) return node;
        }
        return null;
    }
};

fn answerServices(question: *const Question) Buffer.Error!void {
    const topology = question.topology();
    topology.mutex.lock();
    defer topology.mutex.unlock();
    var peers: PeerIterator = .{ .topology = topology, .asking = question.context.node };
    var is_first = true;
    while (peers.next()) |peer| {
        if (!is_first) try question.text(";");
        is_first = false;
        try printHost(question, standardAddress(question), peer.port);
    }
}

fn answerPeers(question: *const Question) Buffer.Error!void {
    const address = if (isPlain(question)) standardAddress(question) else "";
    try printPeers(question, address, "");
}

fn answerPeersAlternate(question: *const Question) Buffer.Error!void {
    const address = if (isPlain(question)) question.core().alternate else "";
    try printPeers(question, address, "");
}

fn answerTlsPeers(question: *const Question) Buffer.Error!void {
    const tls = question.core().tls orelse return Question.answerEnterprise(question);
    try printPeers(question, standardAddress(question), tls.name);
}

fn answerTlsPeersAlternate(question: *const Question) Buffer.Error!void {
    const tls = question.core().tls orelse return Question.answerEnterprise(question);
    try printPeers(question, question.core().alternate, tls.name);
}

/// Without an address there are no peers to be told.
fn printPeers(
    question: *const Question,
    address: []const u8,
    tls_name: []const u8,
) Buffer.Error!void {
    const topology = question.topology();
    topology.mutex.lock();
    defer topology.mutex.unlock();
    const own = question.node();
    try question.print("{d},{d},[", .{ own.peers_generation, own.port });
    var peers: PeerIterator = .{ .topology = topology, .asking = question.context.node };
    var is_first = true;
    while (peers.next()) |peer| {
        if (address.len == 0) break;
        if (!is_first) try question.text(",");
        is_first = false;
        try question.print("[{s},{s},[", .{ peer.name(), tls_name });
        try printHost(question, address, peer.port);
        try question.text("]]");
    }
    const strangers = &topology.strangers;
    for (0..strangers.count) |number| {
        if (!is_first) try question.text(",");
        is_first = false;
        try question.print("[F{X:0>4},,[", .{number});
        try printHost(question, strangers.address(), strangers.port);
        try question.text("]]");
    }
    try question.text("]");
}

/// The rack of this node, which is the same in every namespace.
fn answerRackIds(question: *const Question) Buffer.Error!void {
    const topology = question.topology();
    topology.mutex.lock();
    defer topology.mutex.unlock();
    if (!topology.has_racks) return Question.answerEnterprise(question);
    for (question.core().store.namespaces, 0..) |*namespace, index| {
        if (index > 0) try question.text(";");
        try question.print("{s}:{d}", .{ namespace.options.name, question.node().rack });
    }
}

/// Every rack of every namespace, and the nodes that are on it.
fn answerRacks(question: *const Question) Buffer.Error!void {
    const topology = question.topology();
    topology.mutex.lock();
    defer topology.mutex.unlock();
    if (!topology.has_racks) return Question.answerEnterprise(question);
    for (question.core().store.namespaces, 0..) |*namespace, index| {
        if (index > 0) try question.text(";");
        try question.print("ns={s}", .{namespace.options.name});
        const nodes = topology.nodes[0..topology.count];
        for (nodes, 0..) |*node, first| {
            const is_told = for (nodes[0..first]) |*earlier| {
                if (earlier.member and earlier.rack == node.rack) break true;
            } else !node.member;
            if (is_told) continue;
            try question.print(":rack_{d}={s}", .{ node.rack, node.name() });
            for (nodes[first + 1 ..]) |*other| {
                if (!other.member or other.rack != node.rack) continue;
                try question.print(",{s}", .{other.name()});
            }
        }
    }
}
