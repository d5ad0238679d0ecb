//! Who owns which partition, per namespace.
//!
//! The tend thread writes in place, commands read without locks. Each entry is one atomic value
//! on its own: a command may see a mix of an old and a new owner, which the server corrects by
//! proxying or by an error that is retried. Namespaces are appended and never removed before the
//! cluster is destroyed, so a `*Namespace` stays valid.

const std = @import("std");
const assert = std.debug.assert;
const replica = @import("replica.zig");
const Slot = replica.Slot;

pub const partitions = 4096;
pub const namespaces_max = 64;
pub const namespace_bytes_max = 31;
pub const nodes_max = 1024;

/// One bit per partition, the first partition in the highest bit of the first byte.
pub const Bitmap = [partitions / 8]u8;

/// A set of node slots.
pub const SlotSet = std.StaticBitSet(nodes_max);

const Partition = struct {
    owners: [replica.replicas_max]std.atomic.Value(Slot),
    /// Only the tend thread reads and writes it.
    regime: u32,
};

pub const Namespace = struct {
    name_buffer: [namespace_bytes_max]u8,
    name_len: u8,
    /// Position in the table; stable.
    index: u8,
    is_strong_consistency: bool,
    replica_count: std.atomic.Value(u8),
    entries: [partitions]Partition,
    /// How many entries each slot has, beyond the replica count none. Only the tend thread reads
    /// and writes it.
    owned: [nodes_max]u32,

    pub fn name(namespace: *const Namespace) []const u8 {
        return namespace.name_buffer[0..namespace.name_len];
    }

    pub fn isStrongConsistency(namespace: *const Namespace) bool {
        return namespace.is_strong_consistency;
    }

    /// How many copies of each partition routing knows of, at most three.
    pub fn replicaCount(namespace: *const Namespace) u8 {
        return namespace.replica_count.load(.monotonic);
    }

    /// Fills the buffer with the owners of a partition, the master first.
    pub fn owners(
        namespace: *const Namespace,
        partition_id: u16,
        buffer: *[replica.replicas_max]Slot,
    ) []Slot {
        assert(partition_id < partitions);
        const count = namespace.replicaCount();
        const partition = &namespace.entries[partition_id];
        for (buffer[0..count], partition.owners[0..count]) |*slot, *owner| {
            slot.* = owner.load(.acquire);
        }
        return buffer[0..count];
    }

    /// The tend thread: `slot` claims the partitions of the bitmap for one replica. A claim
    /// under an older regime than the known one is ignored. Owners that lost something are
    /// added to `replaced`, as their own view has to be read again.
    pub fn claim(
        namespace: *Namespace,
        slot: Slot,
        replica_index: u8,
        regime: u32,
        bitmap: *const Bitmap,
        replaced: *SlotSet,
    ) void {
        assert(slot < nodes_max);
        assert(replica_index < replica.replicas_max);
        for (&namespace.entries, 0..) |*partition, partition_id| {
            const mask = @as(u8, 0x80) >> @intCast(partition_id % 8);
            if (bitmap[partition_id / 8] & mask == 0) continue;
            if (regime < partition.regime) continue;
            partition.regime = regime;
            const owner = &partition.owners[replica_index];
            const previous = owner.load(.monotonic);
            if (previous == slot) continue;
            owner.store(slot, .release);
            namespace.owned[slot] += 1;
            if (previous == replica.none) continue;
            namespace.owned[previous] -= 1;
            replaced.set(previous);
        }
    }

    /// Owners beyond the new count are forgotten: they say nothing of a node any more, and would be
    /// wrong when the count grows again.
    fn setReplicaCount(namespace: *Namespace, count: u8) void {
        const before = namespace.replica_count.swap(count, .monotonic);
        if (count >= before) return;
        for (&namespace.entries) |*partition| {
            for (partition.owners[count..before]) |*owner| namespace.release(owner);
        }
    }

    fn forget(namespace: *Namespace, slot: Slot) void {
        if (namespace.owned[slot] == 0) return;
        for (&namespace.entries) |*partition| {
            for (&partition.owners) |*owner| {
                if (owner.load(.monotonic) == slot) namespace.release(owner);
            }
        }
        assert(namespace.owned[slot] == 0);
    }

    fn release(namespace: *Namespace, owner: *std.atomic.Value(Slot)) void {
        const slot = owner.load(.monotonic);
        if (slot == replica.none) return;
        owner.store(replica.none, .release);
        namespace.owned[slot] -= 1;
    }
};

pub const PartitionMap = struct {
    namespaces: [namespaces_max]std.atomic.Value(?*Namespace) = @splat(.init(null)),
    count: std.atomic.Value(u32) = .init(0),

    pub fn deinit(map: *PartitionMap, gpa: std.mem.Allocator) void {
        for (map.namespaces[0..map.count.load(.acquire)]) |*entry| {
            gpa.destroy(entry.load(.monotonic).?);
        }
        map.* = undefined;
    }

    /// Any thread.
    pub fn find(map: *const PartitionMap, name: []const u8) ?*Namespace {
        for (map.namespaces[0..map.count.load(.acquire)]) |*entry| {
            const namespace = entry.load(.monotonic).?;
            if (std.mem.eql(u8, namespace.name(), name)) return namespace;
        }
        return null;
    }

    /// In the order in which they were first seen.
    pub fn at(map: *const PartitionMap, index: usize) ?*Namespace {
        if (index >= map.count.load(.acquire)) return null;
        return map.namespaces[index].load(.monotonic).?;
    }

    /// The tend thread. A namespace that is seen first with a regime is strongly consistent.
    pub fn findOrAdd(
        map: *PartitionMap,
        gpa: std.mem.Allocator,
        name: []const u8,
        regime: u32,
        replica_count: u32,
    ) error{ OutOfMemory, Malformed, TooManyNamespaces }!*Namespace {
        if (name.len == 0 or name.len > namespace_bytes_max) return error.Malformed;
        if (replica_count == 0) return error.Malformed;
        const replicas: u8 = @intCast(@min(replica_count, replica.replicas_max));
        if (map.find(name)) |namespace| {
            namespace.setReplicaCount(replicas);
            return namespace;
        }
        const count = map.count.load(.monotonic);
        if (count == namespaces_max) return error.TooManyNamespaces;
        const namespace = try gpa.create(Namespace);
        namespace.name_len = @intCast(name.len);
        @memcpy(namespace.name_buffer[0..name.len], name);
        namespace.index = @intCast(count);
        namespace.is_strong_consistency = regime != 0;
        namespace.replica_count = .init(replicas);
        namespace.entries = @splat(.{ .owners = @splat(.init(replica.none)), .regime = 0 });
        namespace.owned = @splat(0);
        map.namespaces[count].store(namespace, .monotonic);
        map.count.store(count + 1, .release);
        return namespace;
    }

    /// The tend thread: whether any partition is mapped to the node.
    pub fn references(map: *const PartitionMap, slot: Slot) bool {
        for (0..namespaces_max) |index| {
            const namespace = map.at(index) orelse return false;
            if (namespace.owned[slot] > 0) return true;
        }
        return false;
    }

    /// The tend thread: the slot is about to be given to another node.
    pub fn forget(map: *PartitionMap, slot: Slot) void {
        for (0..namespaces_max) |index| {
            const namespace = map.at(index) orelse return;
            namespace.forget(slot);
        }
    }
};

fn bitmapOf(ids: []const u16) Bitmap {
    var bitmap: Bitmap = @splat(0);
    for (ids) |id| bitmap[id / 8] |= @as(u8, 0x80) >> @intCast(id % 8);
    return bitmap;
}

test "claims take partitions, and the loser is to be asked again" {
    var map: PartitionMap = .{};
    defer map.deinit(std.testing.allocator);
    const namespace = try map.findOrAdd(std.testing.allocator, "test", 0, 2);
    try std.testing.expect(!namespace.isStrongConsistency());
    var replaced: SlotSet = .empty;
    namespace.claim(7, 0, 0, &bitmapOf(&.{ 0, 9, 4095 }), &replaced);
    try std.testing.expectEqual(0, replaced.count());
    var buffer: [replica.replicas_max]Slot = undefined;
    try std.testing.expectEqualSlices(Slot, &.{ 7, replica.none }, namespace.owners(9, &buffer));
    try std.testing.expectEqualSlices(Slot, &.{ 7, replica.none }, namespace.owners(4095, &buffer));
    try std.testing.expectEqual(replica.none, namespace.owners(8, &buffer)[0]);
    namespace.claim(3, 0, 0, &bitmapOf(&.{9}), &replaced);
    try std.testing.expect(replaced.isSet(7));
    try std.testing.expectEqual(3, namespace.owners(9, &buffer)[0]);
    try std.testing.expect(map.references(7));
    map.forget(7);
    try std.testing.expect(!map.references(7));
    try std.testing.expect(map.references(3));
}

test "owners beyond the replica count own nothing, also when the count grows again" {
    var map: PartitionMap = .{};
    defer map.deinit(std.testing.allocator);
    const namespace = try map.findOrAdd(std.testing.allocator, "test", 0, 3);
    var replaced: SlotSet = .empty;
    const bitmap = bitmapOf(&.{ 5, 6 });
    for (0..3) |index| namespace.claim(@intCast(index), @intCast(index), 0, &bitmap, &replaced);
    try std.testing.expect(map.references(2));
    _ = try map.findOrAdd(std.testing.allocator, "test", 0, 2);
    try std.testing.expect(!map.references(2));
    try std.testing.expect(map.references(1));
    _ = try map.findOrAdd(std.testing.allocator, "test", 0, 3);
    var buffer: [replica.replicas_max]Slot = undefined;
    try std.testing.expectEqualSlices(Slot, &.{ 0, 1, replica.none }, namespace.owners(5, &buffer));
    namespace.claim(2, 2, 0, &bitmap, &replaced);
    try std.testing.expect(map.references(2));
}

test "an older regime does not win, the same one does" {
    var map: PartitionMap = .{};
    defer map.deinit(std.testing.allocator);
    const namespace = try map.findOrAdd(std.testing.allocator, "strong", 5, 1);
    try std.testing.expect(namespace.isStrongConsistency());
    var replaced: SlotSet = .empty;
    const bitmap = bitmapOf(&.{1});
    namespace.claim(1, 0, 5, &bitmap, &replaced);
    namespace.claim(2, 0, 4, &bitmap, &replaced);
    var buffer: [replica.replicas_max]Slot = undefined;
    try std.testing.expectEqual(1, namespace.owners(1, &buffer)[0]);
    namespace.claim(2, 0, 5, &bitmap, &replaced);
    try std.testing.expectEqual(2, namespace.owners(1, &buffer)[0]);
}

test "namespaces are bounded in number and in their names" {
    var map: PartitionMap = .{};
    defer map.deinit(std.testing.allocator);
    const gpa = std.testing.allocator;
    const long: [32]u8 = @splat('n');
    try std.testing.expectError(error.Malformed, map.findOrAdd(gpa, &long, 0, 1));
    try std.testing.expectError(error.Malformed, map.findOrAdd(gpa, "", 0, 1));
    try std.testing.expectError(error.Malformed, map.findOrAdd(gpa, "test", 0, 0));
    var name: [8]u8 = undefined;
    for (0..namespaces_max) |index| {
        const text = try std.fmt.bufPrint(&name, "ns{d}", .{index});
        _ = try map.findOrAdd(gpa, text, 0, 255);
    }
    try std.testing.expectError(error.TooManyNamespaces, map.findOrAdd(gpa, "more", 0, 1));
    try std.testing.expectEqual(3, map.find("ns63").?.replicaCount());
    try std.testing.expectEqual(null, map.find("ns64"));
}
