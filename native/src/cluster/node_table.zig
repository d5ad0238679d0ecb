//! The nodes of a cluster in slots that commands read without locks.
//!
//! Slots fill up from the start and are never emptied; a node that left keeps its slot, inactive,
//! for the server of its name that may return. Only when the table is full does a new name get
//! the slot of a node that left long ago and that nothing refers to. Whoever tends writes.

const std = @import("std");
const assert = std.debug.assert;
const partition_map = @import("partition_map.zig");
const Context = @import("context.zig").Context;
const Node = @import("node.zig").Node;
const Tended = @import("tended.zig").Tended;
const Slot = @import("replica.zig").Slot;

pub fn NodeTable(comptime Net: type) type {
    return struct {
        slots: [slots_max]std.atomic.Value(?*Tended(Net)) = @splat(.init(null)),
        len: std.atomic.Value(u32) = .init(0),

        const This = @This();

        pub const slots_max = partition_map.nodes_max;
        /// Nobody remembers a node for so long: commands end long before.
        const reuse_after_ns = 10 * std.time.ns_per_min;

        const Which = enum { active, all };

        /// Every node, or the active ones only. Nodes may come and go meanwhile.
        pub const Iterator = struct {
            tended: TendedIterator,

            pub fn next(iterator: *Iterator) ?*Node(Net) {
                const found = iterator.tended.next() orelse return null;
                return found.node;
            }
        };

        /// The same, for whoever tends.
        pub const TendedIterator = struct {
            table: *const This,
            position: u32 = 0,
            which: Which,

            pub fn next(iterator: *TendedIterator) ?*Tended(Net) {
                while (iterator.table.tendedAt(iterator.position)) |found| {
                    iterator.position += 1;
                    if (iterator.which == .all or found.node.isActive()) return found;
                }
                return null;
            }
        };

        pub fn active(table: *const This) Iterator {
            return .{ .tended = table.tended(.active) };
        }

        pub fn all(table: *const This) Iterator {
            return .{ .tended = table.tended(.all) };
        }

        pub fn tended(table: *const This, which: Which) TendedIterator {
            return .{ .table = table, .which = which };
        }

        pub fn at(table: *const This, slot: u32) ?*Node(Net) {
            const found = table.tendedAt(slot) orelse return null;
            return found.node;
        }

        pub fn tendedAt(table: *const This, slot: u32) ?*Tended(Net) {
            if (slot >= table.len.load(.acquire)) return null;
            return table.slots[slot].load(.monotonic).?;
        }

        /// The active node in the lowest slot.
        pub fn first(table: *const This) ?*Tended(Net) {
            var iterator = table.tended(.active);
            return iterator.next();
        }

        pub fn activeCount(table: *const This) u32 {
            var count: u32 = 0;
            var iterator = table.active();
            while (iterator.next()) |_| count += 1;
            return count;
        }

        pub fn findActive(table: *const This, name: []const u8) ?*Tended(Net) {
            const hash = Node(Net).hashName(name);
            var iterator = table.tended(.active);
            while (iterator.next()) |found| {
                if (found.node.name_hash != hash) continue;
                if (std.mem.eql(u8, found.node.name(), name)) return found;
            }
            return null;
        }

        /// The node of this name, or an inactive one that has been given the name.
        pub fn findOrAdd(
            table: *This,
            context: *Context(Net),
            map: *partition_map.PartitionMap,
            name: []const u8,
            target: Tended(Net).Target,
        ) error{ OutOfMemory, TooManyNodes }!*Tended(Net) {
            var iterator = table.tended(.all);
            while (iterator.next()) |known| {
                if (std.mem.eql(u8, known.node.name(), name)) return known;
            }
            const len = table.len.load(.monotonic);
            if (len == slots_max) {
                const reused = table.findReusable(context.tend_net.now()) orelse
                    return error.TooManyNodes;
                map.forget(reused.node.slot);
                reused.node.setName(name);
                return reused;
            }
            const added = try Tended(Net).create(context, @intCast(len), target);
            added.node.setName(name);
            table.slots[len].store(added, .monotonic);
            table.len.store(len + 1, .release);
            return added;
        }

        fn findReusable(table: *const This, now_ns: u64) ?*Tended(Net) {
            var iterator = table.tended(.all);
            while (iterator.next()) |left| {
                if (left.node.isActive() or left.node.openCount() > 0) continue;
                if (now_ns -| left.inactive_since_ns < reuse_after_ns) continue;
                return left;
            }
            return null;
        }

        pub fn deinit(table: *This) void {
            var iterator = table.tended(.all);
            while (iterator.next()) |each| each.destroy();
            table.* = undefined;
        }
    };
}

comptime {
    assert(partition_map.nodes_max <= std.math.maxInt(Slot));
}
