//! Where records live: namespaces of 4096 partitions, each a table under its own lock.
//!
//! All nodes of a development cluster share one store, so that a node's death loses nothing.
//! The store owns its records; a command locks the record's partition, reads or replaces the
//! record, and unlocks. Sets are numbered when their first record is written and stay. Memory
//! follows the data: tables shrink, and expired records go when a write meets them or when
//! the sweeper passes. Any thread may call anything.

const std = @import("std");
const assert = std.debug.assert;
const wire = @import("../../wire.zig");
const options_module = @import("../base/options.zig");
const record_module = @import("../data/record.zig");
const Mutex = @import("../base/sync.zig").Mutex;

const Digest = wire.digest.Digest;
const Now = record_module.Now;
const Record = record_module.Record;

pub const partitions = wire.digest.partitions;
pub const set_name_bytes_max = 63;
pub const sets_max = 4095;

pub const Store = struct {
    gpa: std.mem.Allocator,
    namespaces: []Namespace,

    pub fn init(
        gpa: std.mem.Allocator,
        options: []const options_module.Namespace,
    ) error{OutOfMemory}!Store {
        const namespaces = try gpa.alloc(Namespace, options.len);
        errdefer gpa.free(namespaces);
        var count: usize = 0;
        errdefer for (namespaces[0..count]) |*namespace| namespace.deinit();
        for (options, namespaces) |*option, *namespace| {
            namespace.* = try Namespace.init(gpa, option);
            count += 1;
        }
        return .{ .gpa = gpa, .namespaces = namespaces };
    }

    pub fn deinit(store: *Store) void {
        for (store.namespaces) |*namespace| namespace.deinit();
        store.gpa.free(store.namespaces);
        store.* = undefined;
    }

    pub fn find(store: *Store, name: []const u8) ?*Namespace {
        for (store.namespaces) |*namespace| {
            if (std.mem.eql(u8, namespace.options.name, name)) return namespace;
        }
        return null;
    }

    /// Frees what has expired in one slice of the partitions: a full round takes `slices` calls.
    pub fn sweep(store: *Store, slice: usize, slices: usize, now: Now) void {
        assert(slices > 0 and partitions % slices == 0);
        const per_slice = partitions / slices;
        const start = (slice % slices) * per_slice;
        for (store.namespaces) |*namespace| {
            if (namespace.expiring.load(.monotonic) == 0) continue;
            for (namespace.partitions[start..][0..per_slice]) |*partition| {
                namespace.removeIf(partition, now, isExpired);
            }
        }
    }

    fn isExpired(record: *const Record, now: Now) bool {
        return record.meta.isExpired(now);
    }
};

pub const Set = struct {
    name_buffer: [set_name_bytes_max]u8 = undefined,
    name_len: u8 = 0,
    objects: std.atomic.Value(u64) = .init(0),
    data_bytes: std.atomic.Value(u64) = .init(0),
    /// Milliseconds since 2010-01-01.
    truncate_time_ms: std.atomic.Value(u64) = .init(0),

    pub fn name(set: *const Set) []const u8 {
        return set.name_buffer[0..set.name_len];
    }
};

pub const Partition = struct {
    mutex: Mutex = .{},
    table: Table = .{},
};

pub const Namespace = struct {
    gpa: std.mem.Allocator,
    /// The name is a copy that the namespace owns.
    options: options_module.Namespace,
    partitions: []Partition,
    /// Index 0 is "no set" and has no name. Entries below `set_count` never change again.
    sets: []?*Set,
    set_count: std.atomic.Value(u32) = .init(1),
    set_mutex: Mutex = .{},
    objects: std.atomic.Value(u64) = .init(0),
    data_bytes: std.atomic.Value(u64) = .init(0),
    /// Records with a void time.
    expiring: std.atomic.Value(u64) = .init(0),
    expired_count: std.atomic.Value(u64) = .init(0),
    truncate_time_ms: std.atomic.Value(u64) = .init(0),

    fn init(
        gpa: std.mem.Allocator,
        options: *const options_module.Namespace,
    ) error{OutOfMemory}!Namespace {
        const name = try gpa.dupe(u8, options.name);
        errdefer gpa.free(name);
        const namespace_partitions = try gpa.alloc(Partition, partitions);
        errdefer gpa.free(namespace_partitions);
        @memset(namespace_partitions, .{});
        const sets = try gpa.alloc(?*Set, 1 + sets_max);
        @memset(sets, null);
        var copy = options.*;
        copy.name = name;
        return .{ .gpa = gpa, .options = copy, .partitions = namespace_partitions, .sets = sets };
    }

    fn deinit(namespace: *Namespace) void {
        const gpa = namespace.gpa;
        for (namespace.partitions) |*partition| {
            var iterator = partition.table.iterate();
            while (iterator.next()) |record| record.destroy(gpa);
            partition.table.deinit(gpa);
        }
        for (namespace.sets) |set| if (set) |pointer| gpa.destroy(pointer);
        gpa.free(namespace.sets);
        gpa.free(namespace.partitions);
        gpa.free(namespace.options.name);
        namespace.* = undefined;
    }

    pub fn partitionOf(namespace: *Namespace, digest: *const Digest) *Partition {
        return &namespace.partitions[wire.digest.partitionId(digest)];
    }

    /// The name of a record's set; empty for none.
    pub fn setName(namespace: *const Namespace, set_id: u16) []const u8 {
        if (set_id == 0) return "";
        return namespace.sets[set_id].?.name();
    }

    pub fn findSet(namespace: *Namespace, name: []const u8) ?*Set {
        const count = namespace.set_count.load(.acquire);
        for (namespace.sets[1..count]) |set| {
            if (std.mem.eql(u8, set.?.name(), name)) return set;
        }
        return null;
    }

    pub const SetError = error{ SetNameTooLong, TooManySets, OutOfMemory };

    /// The number of a set, which is made when it is new. The empty name is number 0.
    pub fn setId(namespace: *Namespace, name: []const u8) SetError!u16 {
        if (name.len == 0) return 0;
        if (name.len > set_name_bytes_max) return error.SetNameTooLong;
        if (namespace.findSetId(name)) |id| return id;
        namespace.set_mutex.lock();
        defer namespace.set_mutex.unlock();
        if (namespace.findSetId(name)) |id| return id;
        const count = namespace.set_count.load(.acquire);
        if (count > sets_max) return error.TooManySets;
        const set = try namespace.gpa.create(Set);
        set.* = .{ .name_len = @intCast(name.len) };
        @memcpy(set.name_buffer[0..name.len], name);
        namespace.sets[count] = set;
        namespace.set_count.store(count + 1, .release);
        return @intCast(count);
    }

    /// Null for a set that has never had a record.
    pub fn findSetId(namespace: *Namespace, name: []const u8) ?u16 {
        const count = namespace.set_count.load(.acquire);
        for (namespace.sets[1..count], 1..) |set, id| {
            if (std.mem.eql(u8, set.?.name(), name)) return @intCast(id);
        }
        return null;
    }

    /// The partition is locked. Replaces the record of the same digest, if any, and owns it.
    pub fn put(
        namespace: *Namespace,
        partition: *Partition,
        record: *Record,
    ) error{OutOfMemory}!void {
        const previous = try partition.table.put(namespace.gpa, record);
        namespace.account(record, .add);
        if (previous) |old| {
            namespace.account(old, .subtract);
            old.destroy(namespace.gpa);
        }
    }

    /// The partition is locked.
    pub fn remove(namespace: *Namespace, partition: *Partition, digest: *const Digest) void {
        const record = partition.table.remove(namespace.gpa, digest) orelse return;
        namespace.account(record, .subtract);
        record.destroy(namespace.gpa);
    }

    /// The partition is locked. The record's void time changed in place.
    pub fn voidTimeChanged(namespace: *Namespace, before_s: u32, after_s: u32) void {
        if (before_s == 0 and after_s != 0) _ = namespace.expiring.fetchAdd(1, .monotonic);
        if (before_s != 0 and after_s == 0) _ = namespace.expiring.fetchSub(1, .monotonic);
    }

    const Direction = enum { add, subtract };

    fn account(namespace: *Namespace, record: *Record, direction: Direction) void {
        const bytes = record.allocation().len;
        change(&namespace.objects, 1, direction);
        change(&namespace.data_bytes, bytes, direction);
        if (record.meta.void_time_s != 0) change(&namespace.expiring, 1, direction);
        if (namespace.sets[record.meta.set_id]) |set| {
            change(&set.objects, 1, direction);
            change(&set.data_bytes, bytes, direction);
        }
    }

    fn change(counter: *std.atomic.Value(u64), amount: u64, direction: Direction) void {
        switch (direction) {
            .add => _ = counter.fetchAdd(amount, .monotonic),
            .subtract => _ = counter.fetchSub(amount, .monotonic),
        }
    }

    /// Removes what was last written before the given time: in one set, or in all of them.
    pub fn truncate(namespace: *Namespace, set: ?*Set, before_ms: u64) void {
        const mark = if (set) |one| &one.truncate_time_ms else &namespace.truncate_time_ms;
        _ = mark.fetchMax(before_ms, .monotonic);
        const Filter = struct { namespace: *Namespace, set: ?*Set, before_ms: u64 };
        const filter: Filter = .{ .namespace = namespace, .set = set, .before_ms = before_ms };
        for (namespace.partitions) |*partition| {
            namespace.removeIf(partition, filter, struct {
                fn matches(record: *const Record, wanted: Filter) bool {
                    if (wanted.set) |one| {
                        if (wanted.namespace.sets[record.meta.set_id] != one) return false;
                    }
                    return record.meta.last_update_ms < wanted.before_ms;
                }
            }.matches);
        }
    }

    /// Removes every record of a partition.
    pub fn wipePartition(namespace: *Namespace, partition: *Partition) void {
        namespace.removeIf(partition, {}, struct {
            fn all(_: *const Record, _: void) bool {
                return true;
            }
        }.all);
    }

    fn removeIf(
        namespace: *Namespace,
        partition: *Partition,
        context: anytype,
        comptime matches: fn (*const Record, @TypeOf(context)) bool,
    ) void {
        partition.mutex.lock();
        defer partition.mutex.unlock();
        // Removal moves later entries to earlier slots, so a slot is looked at until it stays.
        var slot: usize = 0;
        while (slot < partition.table.slots.len) {
            const record = partition.table.slots[slot] orelse {
                slot += 1;
                continue;
            };
            if (!matches(record, context)) {
                slot += 1;
                continue;
            }
            partition.table.removeSlot(slot);
            namespace.account(record, .subtract);
            if (@TypeOf(context) == Now) _ = namespace.expired_count.fetchAdd(1, .monotonic);
            record.destroy(namespace.gpa);
        }
        partition.table.shrink(namespace.gpa);
    }
};

/// Open addressing with linear probing and no tombstones: a removal closes the gap.
pub const Table = struct {
    slots: []?*Record = &.{},
    count: usize = 0,

    const slots_min = 8;

    pub fn deinit(table: *Table, gpa: std.mem.Allocator) void {
        gpa.free(table.slots);
        table.* = undefined;
    }

    /// The first two bytes choose the partition, so the hash comes from later ones.
    fn home(table: *const Table, digest: *const Digest) usize {
        assert(std.math.isPowerOfTwo(table.slots.len));
        const hash = std.mem.readInt(u64, digest[4..12], .little);
        return @intCast(hash & (table.slots.len - 1));
    }

    fn following(table: *const Table, slot: usize) usize {
        return (slot + 1) & (table.slots.len - 1);
    }

    pub fn find(table: *const Table, digest: *const Digest) ?*Record {
        const slot = table.findSlot(digest) orelse return null;
        return table.slots[slot];
    }

    fn findSlot(table: *const Table, digest: *const Digest) ?usize {
        if (table.count == 0) return null;
        var slot = table.home(digest);
        while (table.slots[slot]) |record| : (slot = table.following(slot)) {
            if (std.mem.eql(u8, &record.meta.digest, digest)) return slot;
        }
        return null;
    }

    /// Returns the record that was replaced, which the caller owns again.
    fn put(table: *Table, gpa: std.mem.Allocator, record: *Record) error{OutOfMemory}!?*Record {
        if (table.findSlot(&record.meta.digest)) |slot| {
            const previous = table.slots[slot];
            table.slots[slot] = record;
            return previous;
        }
        if ((table.count + 1) * 4 > table.slots.len * 3) {
            try table.resize(gpa, @max(slots_min, table.slots.len * 2));
        }
        table.insert(record);
        return null;
    }

    fn insert(table: *Table, record: *Record) void {
        assert(table.count < table.slots.len);
        var slot = table.home(&record.meta.digest);
        while (table.slots[slot] != null) slot = table.following(slot);
        table.slots[slot] = record;
        table.count += 1;
    }

    fn remove(table: *Table, gpa: std.mem.Allocator, digest: *const Digest) ?*Record {
        const slot = table.findSlot(digest) orelse return null;
        const record = table.slots[slot];
        table.removeSlot(slot);
        table.shrink(gpa);
        return record;
    }

    fn removeSlot(table: *Table, removed: usize) void {
        assert(table.slots[removed] != null);
        var gap = removed;
        var slot = table.following(gap);
        while (table.slots[slot]) |record| : (slot = table.following(slot)) {
            // A record may move into the gap when its home is not between the gap and itself.
            const distance_home = (slot -% table.home(&record.meta.digest)) & table.mask();
            const distance_gap = (slot -% gap) & table.mask();
            if (distance_home >= distance_gap) {
                table.slots[gap] = record;
                gap = slot;
            }
        }
        table.slots[gap] = null;
        table.count -= 1;
    }

    fn mask(table: *const Table) usize {
        return table.slots.len - 1;
    }

    /// Best effort: a table that cannot shrink stays as it is.
    fn shrink(table: *Table, gpa: std.mem.Allocator) void {
        if (table.count == 0) {
            gpa.free(table.slots);
            table.slots = &.{};
            return;
        }
        if (table.slots.len <= slots_min or table.count * 8 > table.slots.len) return;
        table.resize(gpa, table.slots.len / 2) catch {};
    }

    fn resize(table: *Table, gpa: std.mem.Allocator, size: usize) error{OutOfMemory}!void {
        assert(size > table.count);
        const old = table.slots;
        const slots = try gpa.alloc(?*Record, size);
        @memset(slots, null);
        table.slots = slots;
        table.count = 0;
        for (old) |entry| if (entry) |record| table.insert(record);
        gpa.free(old);
    }

    pub fn iterate(table: *const Table) Iterator {
        return .{ .rest = table.slots };
    }

    pub const Iterator = struct {
        rest: []?*Record,

        pub fn next(iterator: *Iterator) ?*Record {
            while (iterator.rest.len > 0) {
                const entry = iterator.rest[0];
                iterator.rest = iterator.rest[1..];
                if (entry) |record| return record;
            }
            return null;
        }
    };
};

const testing = std.testing;

fn testRecord(number: u64, set_id: u16, time_ms: u64) !*Record {
    var digest: Digest = @splat(0);
    std.mem.writeInt(u64, digest[4..12], number *% 0x9e3779b97f4a7c15, .little);
    const meta: record_module.Meta = .{
        .digest = digest,
        .generation = 1,
        .set_id = set_id,
        .last_update_ms = time_ms,
    };
    const bins = [_]record_module.Bin{.{ .name = "a", .kind = .string, .value = "b" }};
    return Record.create(testing.allocator, meta, "", &bins);
}

test "a table finds what it holds through random puts and removals, and shrinks" {
    const gpa = testing.allocator;
    var table: Table = .{};
    defer table.deinit(gpa);
    var model: std.AutoHashMapUnmanaged(u64, void) = .empty;
    defer model.deinit(gpa);
    var random = std.Random.DefaultPrng.init(4);
    for (0..20_000) |round| {
        const number = random.random().uintLessThan(u64, 300);
        const record = try testRecord(number, 0, 0);
        const put_bias: u8 = if (round < 10_000) 70 else 30;
        if (random.random().uintLessThan(u8, 100) < put_bias) {
            if (try table.put(gpa, record)) |old| old.destroy(gpa);
            try model.put(gpa, number, {});
        } else {
            defer record.destroy(gpa);
            const removed = table.remove(gpa, &record.meta.digest);
            try testing.expectEqual(model.remove(number), removed != null);
            if (removed) |old| old.destroy(gpa);
        }
        try testing.expectEqual(model.count(), table.count);
        if (round % 500 == 0) {
            for (0..300) |other| {
                const probe = try testRecord(other, 0, 0);
                defer probe.destroy(gpa);
                const found = table.find(&probe.meta.digest) != null;
                try testing.expectEqual(model.contains(other), found);
            }
        }
    }
    for (0..300) |number| {
        const probe = try testRecord(number, 0, 0);
        defer probe.destroy(gpa);
        if (table.remove(gpa, &probe.meta.digest)) |old| old.destroy(gpa);
    }
    try testing.expectEqual(@as(usize, 0), table.slots.len);
}

test "counts of objects follow puts, replacements, truncation and expiry" {
    const namespaces = [_]options_module.Namespace{.{ .name = "test" }};
    var store = try Store.init(testing.allocator, &namespaces);
    defer store.deinit();
    const namespace = store.find("test").?;
    try testing.expect(store.find("nosuch") == null);
    const set_id = try namespace.setId("demo");
    try testing.expectEqual(set_id, try namespace.setId("demo"));
    for (0..10) |number| {
        const record = try testRecord(number, if (number < 4) set_id else 0, number);
        const partition = namespace.partitionOf(&record.meta.digest);
        partition.mutex.lock();
        defer partition.mutex.unlock();
        try namespace.put(partition, record);
    }
    const set = namespace.findSet("demo").?;
    try testing.expectEqual(@as(u64, 10), namespace.objects.load(.monotonic));
    try testing.expectEqual(@as(u64, 4), set.objects.load(.monotonic));
    namespace.truncate(set, 2);
    try testing.expectEqual(@as(u64, 2), set.objects.load(.monotonic));
    try testing.expectEqual(@as(u64, 8), namespace.objects.load(.monotonic));
    namespace.truncate(null, 100);
    try testing.expectEqual(@as(u64, 0), namespace.objects.load(.monotonic));
    try testing.expectEqual(@as(u64, 0), namespace.data_bytes.load(.monotonic));
}

test "the sweeper removes what has expired and nothing else" {
    const namespaces = [_]options_module.Namespace{.{ .name = "test" }};
    var store = try Store.init(testing.allocator, &namespaces);
    defer store.deinit();
    const namespace = store.find("test").?;
    for (0..6) |number| {
        const record = try testRecord(number, 0, 0);
        record.meta.void_time_s = if (number < 2) 0 else @intCast(100 + number);
        const partition = namespace.partitionOf(&record.meta.digest);
        try namespace.put(partition, record);
    }
    const now: Now = .{ .unix_ms = (record_module.epoch_offset_s + 104) * 1000 };
    for (0..16) |slice| store.sweep(slice, 16, now);
    try testing.expectEqual(@as(u64, 4), namespace.objects.load(.monotonic));
    try testing.expectEqual(@as(u64, 2), namespace.expiring.load(.monotonic));
}

test "set names have a limit, and so has their number" {
    const namespaces = [_]options_module.Namespace{.{ .name = "test" }};
    var store = try Store.init(testing.allocator, &namespaces);
    defer store.deinit();
    const namespace = store.find("test").?;
    const long: [64]u8 = @splat('s');
    try testing.expectError(error.SetNameTooLong, namespace.setId(&long));
    try testing.expectEqual(@as(u16, 0), try namespace.setId(""));
    var name: [8]u8 = undefined;
    for (0..sets_max) |number| {
        _ = try namespace.setId(try std.fmt.bufPrint(&name, "s{d}", .{number}));
    }
    try testing.expectError(error.TooManySets, namespace.setId("one more"));
}
