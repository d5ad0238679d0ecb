//! Info commands about partitions: which node has which.

const std = @import("std");
const wire = @import("../../wire.zig");
const Question = @import("Question.zig");
const store_module = @import("../store/store.zig");
const topology_module = @import("../core/topology.zig");

const Buffer = wire.Buffer;

pub const commands = [_]Question.Command{
    .{ .name = "partition-generation", .answer = &answerPartitionGeneration },
    .{ .name = "partitions", .answer = Question.answerText("4096") },
    .{ .name = "rebalance-generation", .answer = &answerRebalanceGeneration },
    .{ .name = "replicas", .answer = &answerReplicas },
    .{ .name = "replicas-all", .answer = &answerReplicasAll },
    .{ .name = "replicas-master", .answer = &answerReplicasMaster },
};

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
