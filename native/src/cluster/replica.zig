//! Which replica of a partition serves a command.
//!
//! `effective` says which policy a command really follows, `select` picks a node slot by it.
//! Both are pure; what they need to know about nodes they ask a context.

const std = @import("std");
const assert = std.debug.assert;

pub const ReplicaPolicy = enum {
    /// Only the node that holds the partition's master copy.
    master,
    /// Reads are spread over all copies.
    any,
    /// The master first, then the next copies as attempts fail.
    sequence,
    /// A copy on one of the client's racks first.
    prefer_rack,
    /// Reads and writes are spread over all copies.
    random,
};

/// How reads behave in a namespace with strong consistency.
pub const ReadModeSc = enum {
    session,
    linearize,
    allow_replica,
    allow_unavailable,
};

pub const Kind = union(enum) {
    write,
    read: ReadModeSc,
};

/// A slot of the node table, or `none`.
pub const Slot = u16;
pub const none: Slot = 0xffff;

pub const replicas_max = 3;

/// The policy that a command routes by.
pub fn effective(policy: ReplicaPolicy, kind: Kind, is_strong_consistency: bool) ReplicaPolicy {
    switch (kind) {
        .write => return switch (policy) {
            .master, .random => policy,
            .any, .sequence, .prefer_rack => .sequence,
        },
        .read => |mode| {
            if (!is_strong_consistency) return policy;
            return switch (mode) {
                .session => .master,
                .linearize => if (policy == .prefer_rack) .sequence else policy,
                .allow_replica, .allow_unavailable => policy,
            };
        },
    }
}

/// Whether commands of the policy take turns over the copies.
pub fn isSpread(policy: ReplicaPolicy) bool {
    return switch (policy) {
        .any, .random => true,
        .master, .sequence, .prefer_rack => false,
    };
}

pub const Choice = struct {
    slot: Slot,
    index: u8,
};

/// Picks among the copies of one partition, master first in `replicas`. `index` counts the
/// failed attempts of the command. `context` answers `isActive(slot)` and `hasRack(slot, id)`.
pub fn select(
    policy: ReplicaPolicy,
    replicas: []const Slot,
    index: u8,
    previous: Slot,
    rack_ids: []const i32,
    context: anytype,
) ?Choice {
    assert(replicas.len > 0);
    assert(replicas.len <= replicas_max);
    switch (policy) {
        .master => {
            if (replicas[0] == none or !context.isActive(replicas[0])) return null;
            return .{ .slot = replicas[0], .index = 0 };
        },
        .sequence => return selectSequence(replicas, index, context),
        .any, .random => return selectRack(replicas, index, previous, &.{}, context),
        .prefer_rack => return selectRack(replicas, index, previous, rack_ids, context),
    }
}

fn selectSequence(replicas: []const Slot, index: u8, context: anytype) ?Choice {
    for (0..replicas.len) |step| {
        const position: u8 = @intCast((index + step) % replicas.len);
        const slot = replicas[position];
        if (slot == none or !context.isActive(slot)) continue;
        return .{ .slot = slot, .index = position };
    }
    return null;
}

/// Racks in the order of preference; the node that failed last is the last resort, even when it
/// is the only one on a preferred rack.
fn selectRack(
    replicas: []const Slot,
    index: u8,
    previous: Slot,
    rack_ids: []const i32,
    context: anytype,
) ?Choice {
    var other_rack: ?Choice = null;
    var last_resort: ?Choice = null;
    // Without rack ids one pass still finds the fallbacks.
    const passes = @max(rack_ids.len, 1);
    for (0..passes) |pass| {
        for (0..replicas.len) |step| {
            const position: u8 = @intCast((index + step) % replicas.len);
            const slot = replicas[position];
            if (slot == none or !context.isActive(slot)) continue;
            const choice: Choice = .{ .slot = slot, .index = position };
            if (slot == previous) {
                if (last_resort == null) last_resort = choice;
            } else if (rack_ids.len > 0 and context.hasRack(slot, rack_ids[pass])) {
                return choice;
            } else if (other_rack == null) {
                other_rack = choice;
            }
        }
    }
    return other_rack orelse last_resort;
}

const TestNodes = struct {
    active: []const Slot,
    racks: []const i32 = &.{ 0, 0, 0, 0 },

    fn isActive(nodes: TestNodes, slot: Slot) bool {
        return std.mem.findScalar(Slot, nodes.active, slot) != null;
    }

    fn hasRack(nodes: TestNodes, slot: Slot, rack_id: i32) bool {
        return nodes.racks[slot] == rack_id;
    }
};

test "writes follow the sequence unless told master or random; strong reads follow their mode" {
    try std.testing.expectEqual(.sequence, effective(.prefer_rack, .write, false));
    try std.testing.expectEqual(.sequence, effective(.any, .write, false));
    try std.testing.expectEqual(.random, effective(.random, .write, false));
    try std.testing.expectEqual(.master, effective(.master, .write, true));
    const session: Kind = .{ .read = .session };
    const linearize: Kind = .{ .read = .linearize };
    try std.testing.expectEqual(.prefer_rack, effective(.prefer_rack, session, false));
    try std.testing.expectEqual(.master, effective(.prefer_rack, session, true));
    try std.testing.expectEqual(.sequence, effective(.prefer_rack, linearize, true));
    try std.testing.expectEqual(.any, effective(.any, linearize, true));
    const replica: Kind = .{ .read = .allow_replica };
    try std.testing.expectEqual(.prefer_rack, effective(.prefer_rack, replica, true));
}

test "master never leaves the master, sequence skips whoever is inactive" {
    const replicas = [_]Slot{ 0, 1, 2 };
    const all: TestNodes = .{ .active = &.{ 0, 1, 2 } };
    const without_master: TestNodes = .{ .active = &.{2} };
    const nobody: TestNodes = .{ .active = &.{} };
    try std.testing.expectEqual(0, select(.master, &replicas, 5, none, &.{}, all).?.slot);
    try std.testing.expectEqual(null, select(.master, &replicas, 0, none, &.{}, without_master));
    try std.testing.expectEqual(1, select(.sequence, &replicas, 1, none, &.{}, all).?.slot);
    try std.testing.expectEqual(0, select(.sequence, &replicas, 3, none, &.{}, all).?.slot);
    const skipped = select(.sequence, &replicas, 0, none, &.{}, without_master).?;
    try std.testing.expectEqual(Choice{ .slot = 2, .index = 2 }, skipped);
    try std.testing.expectEqual(null, select(.sequence, &replicas, 255, none, &.{}, nobody));
    const holes = [_]Slot{ none, 1 };
    try std.testing.expectEqual(1, select(.sequence, &holes, 0, none, &.{}, all).?.slot);
}

test "any and random begin where they are told and leave the node that failed" {
    const nodes: TestNodes = .{ .active = &.{ 0, 1, 2 } };
    const copies = [_]Slot{ 0, 1, 2 };
    for ([_]ReplicaPolicy{ .any, .random }) |policy| {
        try std.testing.expect(isSpread(policy));
        for (0..5) |index| {
            const choice = select(policy, &copies, @intCast(index), none, &.{7}, nodes).?;
            try std.testing.expectEqual(index % 3, choice.slot);
            const next = select(policy, &copies, choice.index, choice.slot, &.{7}, nodes).?;
            try std.testing.expectEqual((index + 1) % 3, next.slot);
        }
        const alone: TestNodes = .{ .active = &.{1} };
        try std.testing.expectEqual(1, select(policy, &copies, 0, 1, &.{}, alone).?.slot);
    }
}

test "prefer_rack: racks in order, then another rack, then the node that failed" {
    const replicas = [_]Slot{ 0, 1, 2 };
    const nodes: TestNodes = .{ .active = &.{ 0, 1, 2 }, .racks = &.{ 1, 2, 3 } };
    try std.testing.expectEqual(1, select(.prefer_rack, &replicas, 0, none, &.{2}, nodes).?.slot);
    const second_rack = select(.prefer_rack, &replicas, 0, none, &.{ 9, 3 }, nodes).?;
    try std.testing.expectEqual(2, second_rack.slot);
    // The only node of the rack has just failed.
    try std.testing.expectEqual(0, select(.prefer_rack, &replicas, 0, 1, &.{2}, nodes).?.slot);
    const only: TestNodes = .{ .active = &.{1}, .racks = &.{ 1, 2, 3 } };
    try std.testing.expectEqual(1, select(.prefer_rack, &replicas, 0, 1, &.{2}, only).?.slot);
    try std.testing.expectEqual(0, select(.prefer_rack, &replicas, 0, none, &.{}, nodes).?.slot);
}
