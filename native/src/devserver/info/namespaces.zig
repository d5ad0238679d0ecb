//! Info commands about namespaces and sets, and the counts of all.

const std = @import("std");
const wire = @import("../../wire.zig");
const Question = @import("Question.zig");
const store_module = @import("../store/store.zig");
const topology_module = @import("../core/topology.zig");

const Buffer = wire.Buffer;

pub const commands = [_]Question.Command{
    .{ .name = "get-config", .answer = &answerGetConfig },
    .{ .name = "namespace", .answer = &answerNamespace },
    .{ .name = "namespaces", .answer = &answerNamespaces },
    .{ .name = "objects", .answer = &answerObjects },
    .{ .name = "sets", .answer = &answerSets },
    .{ .name = "statistics", .answer = &answerStatistics },
};

fn answerNamespaces(question: *const Question) Buffer.Error!void {
    for (question.core().store.namespaces, 0..) |*namespace, index| {
        if (index > 0) try question.text(";");
        try question.text(namespace.options.name);
    }
}

/// Records of which a node holds the master, and those of which it holds a replica.
const Objects = struct {
    master: u64 = 0,
    replica: u64 = 0,

    fn of(question: *const Question, namespace: *store_module.Namespace) Objects {
        const topology = question.topology();
        const replicas = topology.effectiveReplicas(namespace.options.replication_factor);
        var objects: Objects = .{};
        for (namespace.partitions, 0..) |*partition, id| {
            const replica = for (0..replicas) |replica| {
                const owner = topology.owner(@intCast(id), @intCast(replica));
                if (owner == question.context.node) break replica;
            } else continue;
            partition.mutex.lock();
            defer partition.mutex.unlock();
            const count = partition.table.count;
            if (replica == 0) objects.master += count else objects.replica += count;
        }
        return objects;
    }
};

fn answerObjects(question: *const Question) Buffer.Error!void {
    try question.print("{d}", .{objectsOnNode(question)});
}

fn objectsOnNode(question: *const Question) u64 {
    const topology = question.topology();
    topology.mutex.lock();
    defer topology.mutex.unlock();
    var sum: u64 = 0;
    for (question.core().store.namespaces) |*namespace| {
        const objects = Objects.of(question, namespace);
        sum += objects.master + objects.replica;
    }
    return sum;
}

fn answerNamespace(question: *const Question) Buffer.Error!void {
    const namespace = question.core().store.find(question.parameters) orelse {
        return question.text("type=unknown");
    };
    const topology = question.topology();
    topology.mutex.lock();
    defer topology.mutex.unlock();
    const objects = Objects.of(question, namespace);
    const options = &namespace.options;
    const replicas = topology.effectiveReplicas(options.replication_factor);
    try question.print(
        "ns_cluster_size={d};effective_replication_factor={d};objects={d};tombstones=0;" ++
            "master_objects={d};master_tombstones=0;prole_objects={d};prole_tombstones=0;" ++
            "dead_partitions=0;unavailable_partitions={d};clock_skew_stop_writes=false;" ++
            "stop_writes=false;hwm_breached=false;current_time={d};expired_objects={d};" ++
            "evicted_objects=0;truncate_lut={d};",
        .{
            topology.aliveCount(),
            replicas,
            objects.master + objects.replica,
            objects.master,
            objects.replica,
            question.core().unavailableCount(),
            question.context.now.epochS(),
            namespace.expired_count.load(.monotonic),
            namespace.truncate_time_ms.load(.monotonic),
        },
    );
    try question.print(
        "data_total_bytes={d};data_used_bytes={d};data_used_pct=0;data_avail_pct=99;" ++
            "migrate_tx_partitions_remaining=0;migrate_rx_partitions_remaining=0;" ++
            "pending_quiesce=false;effective_is_quiesced=false;",
        .{ options.data_bytes_max, namespace.data_bytes.load(.monotonic) },
    );
    try printNamespaceConfig(question, namespace);
}

fn printNamespaceConfig(
    question: *const Question,
    namespace: *const store_module.Namespace,
) Buffer.Error!void {
    const options = &namespace.options;
    try question.print(
        "allow-ttl-without-nsup=true;default-ttl={d};max-record-size={d};nsup-period=1;" ++
            "replication-factor={d};strong-consistency={};storage-engine=memory;" ++
            "storage-engine.data-size={d}",
        .{
            options.default_ttl_s,
            options.record_bytes_max,
            options.replication_factor,
            options.strong_consistency,
            options.data_bytes_max,
        },
    );
}

fn answerGetConfig(question: *const Question) Buffer.Error!void {
    const context = question.parameter("context") orelse "service";
    if (std.mem.eql(u8, context, "service")) {
        return question.print(
            "cluster-name={s};node-id={s};proto-fd-idle-ms=0;proto-fd-max=15000",
            .{ question.core().cluster_name, question.node().name() },
        );
    }
    if (!std.mem.eql(u8, context, "namespace")) return question.fail(4, "invalid context");
    const name = question.parameter("id") orelse question.parameter("namespace") orelse {
        return question.fail(20, "missing 'namespace'");
    };
    const namespace = question.core().store.find(name) orelse {
        return question.fail(20, "namespace not found on node");
    };
    try printNamespaceConfig(question, namespace);
}

fn answerSets(question: *const Question) Buffer.Error!void {
    const separator = std.mem.findScalar(u8, question.parameters, '/');
    const namespace_name = question.parameters[0 .. separator orelse question.parameters.len];
    if (separator) |at| {
        const namespace = question.core().store.find(namespace_name) orelse {
            return question.text("ns_type=unknown");
        };
        const set = namespace.findSet(question.parameters[at + 1 ..]) orelse return;
        return printSet(question, namespace, set);
    }
    if (namespace_name.len == 0) {
        for (question.core().store.namespaces) |*namespace| try printSets(question, namespace);
        return;
    }
    const namespace = question.core().store.find(namespace_name) orelse {
        return question.text("ns_type=unknown");
    };
    try printSets(question, namespace);
}

fn printSets(
    question: *const Question,
    namespace: *store_module.Namespace,
) Buffer.Error!void {
    const count = namespace.set_count.load(.acquire);
    for (namespace.sets[1..count]) |set| {
        try question.print("ns={s}:set={s}:", .{ namespace.options.name, set.?.name() });
        try printSet(question, namespace, set.?);
    }
}

/// Sizes are those of the whole cluster's one copy.
fn printSet(
    question: *const Question,
    namespace: *const store_module.Namespace,
    set: *const store_module.Set,
) Buffer.Error!void {
    try question.print(
        "objects={d}:tombstones=0:data_used_bytes={d}:truncate_lut={d}:sindexes={d}:" ++
            "index_populating=false:truncating=false:default-read-touch-ttl-pct=0:" ++
            "default-ttl=0:disable-eviction=false:enable-index={}:stop-writes-count=0:" ++
            "stop-writes-size=0;",
        .{
            set.objects.load(.monotonic),
            set.data_bytes.load(.monotonic),
            set.truncate_time_ms.load(.monotonic),
            question.core().indexes.countInSet(namespace.options.name, set.name()),
            question.core().indexes.isSetIndexed(namespace.options.name, set.name()),
        },
    );
}

fn answerStatistics(question: *const Question) Buffer.Error!void {
    const objects = objectsOnNode(question);
    const topology = question.topology();
    topology.mutex.lock();
    defer topology.mutex.unlock();
    const counters = &question.core().nodes[question.context.node].counters;
    const accepted = counters.get(.connections_accepted);
    const open = counters.get(.connections_open);
    try question.print(
        "cluster_size={d};cluster_key={X};cluster_generation={d};cluster_principal={s};" ++
            "cluster_integrity=true;cluster_is_member=true;cluster_duplicate_nodes=null;" ++
            "uptime={d};objects={d};tombstones=0;client_connections={d};" ++
            "client_connections_opened={d};client_connections_closed={d};info_complete={d};" ++
            "migrate_allowed=true;migrate_partitions_remaining=0",
        .{
            topology.aliveCount(),
            topology.clusterKey(),
            question.node().rebalance_generation,
            principal(topology),
            question.core().uptimeS(question.context.now),
            objects,
            open,
            accepted,
            accepted -| open,
            counters.get(.info),
        },
    );
}

/// The living node of the highest name leads.
fn principal(topology: *const topology_module.Topology) []const u8 {
    var name: []const u8 = "";
    for (topology.nodes[0..topology.count]) |*node| {
        if (node.alive) name = node.name();
    }
    return name;
}
