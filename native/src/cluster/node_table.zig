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
const Slot = @import("replica.zig").Slot;

pub fn NodeTable(comptime Net: type) type {
    return struct {
        slots: [slots_max]std.atomic.Value(?*Node(Net)) = @splat(.init(null)),
        len: std.atomic.Value(u32) = .init(0),

        const This = @This();

        pub const slots_max = partition_map.nodes_max;
        /// Nobody remembers a node for so long: commands end long before.
        const reuse_after_ns = 10 * std.time.ns_per_min;

        /// Every node, or the active ones only. Nodes may come and go meanwhile.
        pub const Iterator = struct {
            table: *const This,
            position: u32 = 0,
            which: enum { active, all },

            pub fn next(iterator: *Iterator) ?*Node(Net) {
                while (iterator.table.at(iterator.position)) |node| {
                    iterator.position += 1;
                    if (iterator.which == .all or node.isActive()) return node;
                }
                return null;
            }
        };

        pub fn active(table: *const This) Iterator {
            return .{ .table = table, .which = .active };
        }

        pub fn all(table: *const This) Iterator {
            return .{ .table = table, .which = .all };
        }

        pub fn at(table: *const This, slot: u32) ?*Node(Net) {
            if (slot >= table.len.load(.acquire)) return null;
            return table.slots[slot].load(.monotonic).?;
        }

        /// The active node in the lowest slot.
        pub fn first(table: *const This) ?*Node(Net) {
            var iterator = table.active();
            return iterator.next();
        }

        pub fn activeCount(table: *const This) u32 {
            var count: u32 = 0;
            var iterator = table.active();
            while (iterator.next()) |_| count += 1;
            return count;
        }

        pub fn findActive(table: *const This, name: []const u8) ?*Node(Net) {
            var iterator = table.active();
            while (iterator.next()) |node| {
                if (std.mem.eql(u8, node.name(), name)) return node;
            }
            return null;
        }

        /// The node of this name, or an inactive one that has been given the name.
        pub fn findOrAdd(
            table: *This,
            context: *Context(Net),
            map: *partition_map.PartitionMap,
            name: []const u8,
            address: Net.Address,
        ) error{ OutOfMemory, TooManyNodes }!*Node(Net) {
            var iterator = table.all();
            while (iterator.next()) |node| {
                if (std.mem.eql(u8, node.name(), name)) return node;
            }
            const len = table.len.load(.monotonic);
            if (len == slots_max) {
                const node = table.findReusable(context.tend_net.now()) orelse
                    return error.TooManyNodes;
                map.forget(node.slot);
                node.setName(name);
                return node;
            }
            const node = try Node(Net).create(context, @intCast(len), address);
            node.setName(name);
            table.slots[len].store(node, .monotonic);
            table.len.store(len + 1, .release);
            return node;
        }

        fn findReusable(table: *const This, now_ns: u64) ?*Node(Net) {
            var iterator = table.all();
            while (iterator.next()) |node| {
                if (node.isActive() or node.openCount() > 0) continue;
                if (now_ns -| node.tending.inactive_since_ns < reuse_after_ns) continue;
                return node;
            }
            return null;
        }

        pub fn deinit(table: *This) void {
            var iterator = table.all();
            while (iterator.next()) |node| node.destroy();
            table.* = undefined;
        }
    };
}

comptime {
    assert(partition_map.nodes_max <= std.math.maxInt(Slot));
}
