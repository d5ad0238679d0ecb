//! Info commands: named questions in text, one line of answer each.
//!
//! `name[/argument…][:key=value;key=value…]` is looked up by name; unknown names answer as the
//! server's do, and so do those that only the Enterprise Edition has. Numbers that describe
//! machinery this server does not have are left out rather than invented.

const std = @import("std");
const wire = @import("../wire.zig");
const Core = @import("Core.zig");
const access = @import("access.zig");
const command = @import("command.zig");
const faults = @import("faults.zig");
const info_index = @import("info_index.zig");
const info_query = @import("info_query.zig");
const info_udf = @import("info_udf.zig");
const store_module = @import("store.zig");
const topology_module = @import("topology.zig");

const Buffer = wire.Buffer;

pub const build = "8.1.2.0";
const edition = "Aerospike Community Edition";
const features = "batch-any;batch-index;blob-bits;cdt-index;cdt-list;cdt-map;cluster-stable;" ++
    "float;geo;sindex-exists;peers;pipelining;pquery;pscans;query-show;relaxed-sc;replicas;" ++
    "replicas-all;replicas-master;replicas-max;truncate-namespace;udf";

/// What one command is asked.
pub const Question = struct {
    context: *const command.Context,
    out: *Buffer,
    /// Behind the name and its separator.
    parameters: []const u8,

    pub fn text(question: *const Question, value: []const u8) Buffer.Error!void {
        try question.out.append(value);
    }

    pub fn print(
        question: *const Question,
        comptime format: []const u8,
        arguments: anytype,
    ) Buffer.Error!void {
        var memory: [512]u8 = undefined;
        var writer = std.Io.Writer.fixed(&memory);
        writer.print(format, arguments) catch return error.NoSpaceLeft;
        try question.out.append(writer.buffered());
    }

    pub fn fail(question: *const Question, code: u8, reason: []const u8) Buffer.Error!void {
        try question.print("ERROR:{d}:{s}", .{ code, reason });
    }

    /// The value of `key=value` among the parameters.
    pub fn parameter(question: *const Question, key: []const u8) ?[]const u8 {
        var pairs = std.mem.splitScalar(u8, question.parameters, ';');
        while (pairs.next()) |pair| {
            const separator = std.mem.findScalar(u8, pair, '=') orelse continue;
            if (std.mem.eql(u8, pair[0..separator], key)) return pair[separator + 1 ..];
        }
        return null;
    }

    /// A parameter that may be left out, but is neither empty nor too long where it is given.
    pub fn optional(
        question: *const Question,
        key: []const u8,
        bytes_max: usize,
    ) (Buffer.Error || error{Answered})!?[]const u8 {
        if (question.parameter(key) == null) return null;
        return try question.required(key, bytes_max, 4) orelse error.Answered;
    }

    /// Under either of its names.
    pub fn namespaceName(question: *const Question) (Buffer.Error || error{Answered})!?[]const u8 {
        const value = question.parameter("namespace") orelse question.parameter("ns") orelse {
            return null;
        };
        if (value.len > 0 and value.len <= 31) return value;
        const is_missing = value.len == 0;
        try question.fail(
            20,
            if (is_missing) "missing 'namespace' value" else "'namespace' value too long",
        );
        return error.Answered;
    }

    /// A parameter that has to be there; null when an error was answered instead.
    pub fn required(
        question: *const Question,
        key: []const u8,
        bytes_max: usize,
        code: u8,
    ) Buffer.Error!?[]const u8 {
        const value = question.parameter(key) orelse {
            try question.print("ERROR:{d}:missing '{s}'", .{ code, key });
            return null;
        };
        if (value.len == 0) {
            try question.print("ERROR:{d}:missing '{s}' value", .{ code, key });
            return null;
        }
        if (value.len > bytes_max) {
            try question.print("ERROR:{d}:'{s}' value too long", .{ code, key });
            return null;
        }
        return value;
    }

    /// False when the user may not, which has been answered then.
    fn isAllowed(question: *const Question, name: []const u8) Buffer.Error!bool {
        const wanted, const text_of = needs.get(name) orelse return true;
        const allowed = question.context.authorize(wanted, .{
            .namespace = question.parameter("namespace") orelse question.parameter("ns") orelse "",
            .set = question.parameter("set") orelse "",
        });
        switch (allowed) {
            .ok => return true,
            .role_violation => try question.print(
                "ERROR:81:role violation - requires permission '{s}'",
                .{text_of},
            ),
            else => |code| try question.fail(
                @intCast(@backingInt(code)),
                "unexpected security result",
            ),
        }
        return false;
    }

    pub fn core(question: *const Question) *Core {
        return question.context.core;
    }

    fn topology(question: *const Question) *topology_module.Topology {
        return &question.context.core.topology;
    }

    /// The node that answers. The topology's mutex is held.
    fn node(question: *const Question) *topology_module.Node {
        return &question.topology().nodes[question.context.node];
    }
};

const Answer = *const fn (*const Question) Buffer.Error!void;

const answers = std.StaticStringMap(Answer).initComptime(.{
    .{ "build", answerText(build) },
    .{ "bins", &answerUnrecognized },
    .{ "cluster-name", &answerClusterName },
    .{ "cluster-stable", &answerClusterStable },
    .{ "compatibility-id", answerText("15") },
    .{ "digests", answerText("RIPEMD160") },
    .{ "edition", answerText(edition) },
    .{ "feature-key", &answerEnterprise },
    .{ "features", answerText(features) },
    .{ "get-config", &answerGetConfig },
    .{ "health-outliers", answerText("") },
    .{ "health-stats", answerText("") },
    .{ "name", &answerNode },
    .{ "namespace", &answerNamespace },
    .{ "namespaces", &answerNamespaces },
    .{ "node", &answerNode },
    .{ "objects", &answerObjects },
    .{ "partition-generation", &answerPartitionGeneration },
    .{ "partitions", answerText("4096") },
    .{ "peers-clear-alt", &answerPeersAlternate },
    .{ "peers-clear-std", &answerPeers },
    .{ "peers-generation", &answerPeersGeneration },
    .{ "peers-tls-alt", &answerEnterprise },
    .{ "peers-tls-std", &answerEnterprise },
    .{ "query-abort", &info_query.abort },
    .{ "query-abort-all", &info_query.abortAll },
    .{ "query-show", &info_query.show },
    .{ "quiesce", &answerEnterprise },
    .{ "quiesce-undo", &answerEnterprise },
    .{ "rack-ids", &answerEnterprise },
    .{ "racks", &answerEnterprise },
    .{ "rebalance-generation", &answerRebalanceGeneration },
    .{ "release", answerText("edition=" ++ edition ++ ";version=" ++ build) },
    .{ "replicas", &answerReplicas },
    .{ "replicas-all", &answerReplicasAll },
    .{ "replicas-master", &answerReplicasMaster },
    .{ "roster", &answerEnterprise },
    .{ "service", &answerService },
    .{ "service-clear-alt", answerText("") },
    .{ "service-clear-std", &answerService },
    .{ "service-tls-alt", &answerEnterprise },
    .{ "service-tls-std", &answerEnterprise },
    .{ "services", &answerServices },
    .{ "services-alumni", &answerServices },
    .{ "sets", &answerSets },
    .{ "sindex", &info_index.oldList },
    .{ "sindex-create", &info_index.create },
    .{ "sindex-delete", &info_index.drop },
    .{ "sindex-exists", &info_index.exists },
    .{ "sindex-list", &info_index.list },
    .{ "sindex-stat", &info_index.stat },
    .{ "statistics", &answerStatistics },
    .{ "status", answerText("ok") },
    .{ "truncate", &answerTruncate },
    .{ "truncate-namespace", &answerTruncateNamespace },
    .{ "truncate-namespace-undo", &answerTruncateNamespaceUndo },
    .{ "truncate-undo", &answerTruncateUndo },
    .{ "udf-clear-cache", &info_udf.clearCache },
    .{ "udf-get", &info_udf.get },
    .{ "udf-list", &info_udf.list },
    .{ "udf-put", &info_udf.put },
    .{ "udf-remove", &info_udf.remove },
    .{ "user-agent-set", &answerUserAgentSet },
    .{ "user-agents", answerText("") },
    .{ "version", answerText(edition ++ " build " ++ build) },
});

/// What a request without names is answered.
const summary = [_][]const u8{
    "features",   "node",            "compatibility-id", "edition",              "build", "version",
    "statistics", "services-alumni", "services",         "partition-generation",
};

/// Answers one frame of kind 1.
pub fn handle(context: *const command.Context, body: []const u8) Buffer.Error!void {
    const start = try wire.proto.begin(context.out);
    if (!context.isAuthenticated()) {
        try context.out.append("ERROR:80:not authenticated\n");
    } else if (body.len == 0) {
        for (summary) |name| try answerLine(context, name);
    } else {
        // A name counts from its line's end on; what follows the last one is ignored.
        var rest = body;
        while (std.mem.findScalar(u8, rest, '\n')) |end| : (rest = rest[end + 1 ..]) {
            try answerLine(context, rest[0..end]);
        }
    }
    wire.proto.end(context.out, start, .info);
}

fn answerLine(context: *const command.Context, line: []const u8) Buffer.Error!void {
    try context.out.append(line);
    try context.out.byte('\t');
    const separator = std.mem.findAny(u8, line, ":/;") orelse line.len;
    const question: Question = .{
        .context = context,
        .out = context.out,
        .parameters = line[@min(separator + 1, line.len)..],
    };
    const name = line[0..separator];
    const answer = answers.get(name) orelse &answerUnrecognized;
    if (try question.isAllowed(name)) try answer(&question);
    try context.out.byte('\n');
}

/// What commands need that not everybody may give, and its name.
const needs = std.StaticStringMap(struct { access.Permissions, []const u8 }).initComptime(.{
    .{ "query-abort", .{ access.Permissions{ .query_admin = true }, "query-admin" } },
    .{ "query-abort-all", .{ access.Permissions{ .query_admin = true }, "query-admin" } },
    .{ "sindex-create", .{ access.Permissions{ .index_admin = true }, "sindex-admin" } },
    .{ "sindex-delete", .{ access.Permissions{ .index_admin = true }, "sindex-admin" } },
    .{ "sindex-exists", .{ access.Permissions{ .index_admin = true }, "sindex-admin" } },
    .{ "truncate", .{ access.Permissions{ .truncate = true }, "truncate" } },
    .{ "truncate-namespace", .{ access.Permissions{ .truncate = true }, "truncate" } },
    .{ "truncate-namespace-undo", .{ access.Permissions{ .truncate = true }, "truncate" } },
    .{ "truncate-undo", .{ access.Permissions{ .truncate = true }, "truncate" } },
    .{ "udf-clear-cache", .{ access.Permissions{ .udf_admin = true }, "udf-admin" } },
    .{ "udf-put", .{ access.Permissions{ .udf_admin = true }, "udf-admin" } },
    .{ "udf-remove", .{ access.Permissions{ .udf_admin = true }, "udf-admin" } },
});

fn answerText(comptime text: []const u8) Answer {
    return &struct {
        fn answer(question: *const Question) Buffer.Error!void {
            try question.text(text);
        }
    }.answer;
}

fn answerUnrecognized(question: *const Question) Buffer.Error!void {
    try question.fail(4, "unrecognized command");
}

fn answerEnterprise(question: *const Question) Buffer.Error!void {
    try question.fail(25, "enterprise only");
}

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

fn answerPartitionGeneration(question: *const Question) Buffer.Error!void {
    const topology = question.topology();
    topology.mutex.lock();
    defer topology.mutex.unlock();
    try question.print("{d}", .{question.node().partition_generation});
}

fn answerRebalanceGeneration(question: *const Question) Buffer.Error!void {
    const topology = question.topology();
    topology.mutex.lock();
    defer topology.mutex.unlock();
    try question.print("{d}", .{question.node().rebalance_generation});
}

fn answerPeersGeneration(question: *const Question) Buffer.Error!void {
    const topology = question.topology();
    topology.mutex.lock();
    defer topology.mutex.unlock();
    try question.print("{d}", .{question.node().peers_generation});
}

fn printHost(question: *const Question, port: u16) Buffer.Error!void {
    const address = question.core().address;
    if (std.mem.findScalar(u8, address, ':') != null) {
        try question.print("[{s}]:{d}", .{ address, port });
    } else {
        try question.print("{s}:{d}", .{ address, port });
    }
}

fn answerService(question: *const Question) Buffer.Error!void {
    const topology = question.topology();
    topology.mutex.lock();
    defer topology.mutex.unlock();
    try printHost(question, question.node().port);
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
        try printHost(question, peer.port);
    }
}

fn answerPeers(question: *const Question) Buffer.Error!void {
    const topology = question.topology();
    topology.mutex.lock();
    defer topology.mutex.unlock();
    const own = question.node();
    try question.print("{d},{d},[", .{ own.peers_generation, own.port });
    var peers: PeerIterator = .{ .topology = topology, .asking = question.context.node };
    var is_first = true;
    while (peers.next()) |peer| {
        if (!is_first) try question.text(",");
        is_first = false;
        try question.print("[{s},,[", .{peer.name()});
        try printHost(question, peer.port);
        try question.text("]]");
    }
    try question.text("]");
}

/// No node has an alternate address.
fn answerPeersAlternate(question: *const Question) Buffer.Error!void {
    const topology = question.topology();
    topology.mutex.lock();
    defer topology.mutex.unlock();
    const own = question.node();
    try question.print("{d},{d},[]", .{ own.peers_generation, own.port });
}

fn answerNamespaces(question: *const Question) Buffer.Error!void {
    for (question.core().store.namespaces, 0..) |*namespace, index| {
        if (index > 0) try question.text(";");
        try question.text(namespace.options.name);
    }
}

/// The partitions of which a node holds each replica, the master's first.
fn replicaBitmaps(
    question: *const Question,
    namespace: *const store_module.Namespace,
    bitmaps: *[topology_module.replicas_max]wire.info.Bitmap,
) []wire.info.Bitmap {
    const topology = question.topology();
    const count = topology.effectiveReplicas(namespace.options.replication_factor);
    for (bitmaps[0..count], 0..) |*bitmap, replica| {
        bitmap.* = @splat(0);
        for (0..topology_module.partitions) |partition| {
            const id: u16 = @intCast(partition);
            if (topology.owner(id, @intCast(replica)) == question.context.node) {
                wire.info.bitmapSet(bitmap, id);
            }
        }
    }
    return bitmaps[0..count];
}

fn answerReplicas(question: *const Question) Buffer.Error!void {
    const topology = question.topology();
    topology.mutex.lock();
    defer topology.mutex.unlock();
    const core = question.core();
    const replicas_wanted = if (question.parameter("max")) |text|
        std.fmt.parseInt(u8, text, 10) catch return question.fail(4, "bad max")
    else
        0;
    for (core.store.namespaces, core.regimes, 0..) |*namespace, *regime, index| {
        if (index > 0) try question.text(";");
        var memory: [topology_module.replicas_max]wire.info.Bitmap = undefined;
        var bitmaps = replicaBitmaps(question, namespace, &memory);
        if (replicas_wanted != 0) bitmaps = bitmaps[0..@min(replicas_wanted, bitmaps.len)];
        const name = namespace.options.name;
        try wire.info.encodeReplicas(question.out, name, regime.load(.monotonic), bitmaps);
    }
}

/// As `replicas`, without the regime.
fn answerReplicasAll(question: *const Question) Buffer.Error!void {
    try answerReplicasText(question, true);
}

fn answerReplicasMaster(question: *const Question) Buffer.Error!void {
    try answerReplicasText(question, false);
}

fn answerReplicasText(question: *const Question, all: bool) Buffer.Error!void {
    const topology = question.topology();
    topology.mutex.lock();
    defer topology.mutex.unlock();
    for (question.core().store.namespaces, 0..) |*namespace, index| {
        if (index > 0) try question.text(";");
        var memory: [topology_module.replicas_max]wire.info.Bitmap = undefined;
        const bitmaps = replicaBitmaps(question, namespace, &memory);
        try question.print("{s}:", .{namespace.options.name});
        if (all) try question.print("{d}", .{bitmaps.len});
        const shown = if (all) bitmaps else bitmaps[0..1];
        for (shown) |*bitmap| {
            if (all) try question.text(",");
            const offset = try question.out.reserve(wire.info.bitmap_text_bytes);
            const target = question.out.bytes[offset..question.out.end];
            _ = std.base64.standard.Encoder.encode(target, bitmap);
        }
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
            "replication-factor={d};strong-consistency=false;storage-engine=memory;" ++
            "storage-engine.data-size={d}",
        .{
            options.default_ttl_s,
            options.record_bytes_max,
            options.replication_factor,
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
            "default-ttl=0:disable-eviction=false:enable-index=false:stop-writes-count=0:" ++
            "stop-writes-size=0;",
        .{
            set.objects.load(.monotonic),
            set.data_bytes.load(.monotonic),
            set.truncate_time_ms.load(.monotonic),
            question.core().indexes.countInSet(namespace.options.name, set.name()),
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

fn answerTruncate(question: *const Question) Buffer.Error!void {
    const name = try question.required("namespace", 31, 20) orelse return;
    const set = try question.required("set", store_module.set_name_bytes_max, 4) orelse return;
    try truncate(question, name, set);
}

fn answerTruncateNamespace(question: *const Question) Buffer.Error!void {
    const name = try question.required("namespace", 31, 20) orelse return;
    if (question.parameter("set") != null) return question.fail(4, "unexpected set name");
    try truncate(question, name, null);
}

/// Records that were truncated are gone; only the mark, which nobody needs, is taken back.
fn answerTruncateUndo(question: *const Question) Buffer.Error!void {
    _ = try question.required("namespace", 31, 20) orelse return;
    _ = try question.required("set", store_module.set_name_bytes_max, 4) orelse return;
    try question.text("ok");
}

fn answerTruncateNamespaceUndo(question: *const Question) Buffer.Error!void {
    _ = try question.required("namespace", 31, 20) orelse return;
    if (question.parameter("set") != null) return question.fail(4, "unexpected set name");
    try question.text("ok");
}

/// An unknown namespace or set is not an error to the server either.
fn truncate(question: *const Question, name: []const u8, set: ?[]const u8) Buffer.Error!void {
    const now_ms = question.context.now.epochMs();
    // What was written in this very millisecond came first, and so it goes as well.
    var before_ms = now_ms + 1;
    if (question.parameter("lut")) |text| {
        if (text.len == 0) return question.fail(4, "missing 'lut' value");
        const unix_ns = std.fmt.parseInt(u128, text, 0) catch 0;
        const unix_ms = unix_ns / std.time.ns_per_ms;
        const given: @TypeOf(question.context.now) = .{
            .unix_ms = std.math.cast(u64, unix_ms) orelse std.math.maxInt(u64),
        };
        if (given.epochMs() == 0) return question.fail(4, "would truncate to 0");
        if (given.epochMs() > now_ms) return question.fail(4, "would truncate in the future");
        before_ms = given.epochMs();
    }
    if (question.core().store.find(name)) |namespace| {
        if (set) |set_name| {
            if (namespace.findSet(set_name)) |one| namespace.truncate(one, before_ms);
        } else {
            namespace.truncate(null, before_ms);
        }
    }
    try question.text("ok");
}

fn answerUserAgentSet(question: *const Question) Buffer.Error!void {
    const value = try question.required("value", 256, 4) orelse return;
    const size = std.base64.standard.Decoder.calcSizeForSlice(value) catch {
        return question.fail(4, "'value' invalid base64");
    };
    var memory: [256]u8 = undefined;
    std.base64.standard.Decoder.decode(memory[0..size], value) catch {
        return question.fail(4, "'value' invalid base64");
    };
    try question.text("ok");
}
