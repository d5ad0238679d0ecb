//! How long operations took: one histogram for each operation, namespace, set and outcome, for all
//! clients of the process together.
//!
//! Any thread records at any time: a series is found without a lock, and its counters are atomic,
//! so that no operation is ever missed. A series is made when it is first needed and stays as
//! long as the process. Applications may name sets without end; when there are `series_max`
//! series, further ones share the set `set_of_others`.

const std = @import("std");
const assert = std.debug.assert;
const wire = @import("wire.zig");
const msgpack = wire.msgpack;
const Status = @import("status.zig").Status;

/// Named as the methods of the API, or as what several of them have in common; what is shown is the
/// name.
pub const Operation = enum(u8) {
    put,
    get,
    select,
    exists,
    delete,
    touch,
    append,
    prepend,
    increment,
    remove_bin,
    operate,
    operate_ordered,
    apply,
    batch_read,
    batch_write,
    batch_operate,
    batch_remove,
    batch_apply,
    query,
    // Of no record.
    info,
    ping,
    truncate,
    index_create,
    index_remove,
    udf_put,
    udf_remove,
    udf_list,
    udf_get,
    job_status,
    job_abort,
    admin_create_user,
    admin_drop_user,
    admin_set_password,
    admin_grant_roles,
    admin_revoke_roles,
    admin_query_users,
    admin_create_role,
    admin_drop_role,
    admin_grant_privileges,
    admin_revoke_privileges,
    admin_set_whitelist,
    admin_set_quotas,
    admin_query_roles,
};

/// Upper bounds of the histograms' buckets. A last bucket takes what is longer.
pub const bounds_ns = [_]u64{
    100 * us, 250 * us, 500 * us, 1 * ms,   2500 * us, 5 * ms,    10 * ms, 25 * ms,
    50 * ms,  100 * ms, 250 * ms, 500 * ms, 1 * s,     2500 * ms, 5 * s,   10 * s,
};
const us = std.time.ns_per_us;
const ms = std.time.ns_per_ms;
const s = std.time.ns_per_s;

const slot_count = 4096;
const series_max = slot_count / 2;
pub const set_of_others = "(other)";

/// What servers allow.
const namespace_bytes_max = 31;
const set_bytes_max = 63;

const operation_count = @typeInfo(Operation).@"enum".field_names.len;

const Counter = std.atomic.Value(u64);

const Name = struct {
    operation: Operation,
    status: Status,
    namespace: []const u8,
    set: []const u8,

    fn hash(name: *const Name) u64 {
        const kind = @as(u64, @backingInt(name.operation)) << 32;
        const status: u32 = @bitCast(@as(i32, @backingInt(name.status)));
        const seed = std.hash.Wyhash.hash(kind | status, name.namespace);
        return std.hash.Wyhash.hash(seed, name.set);
    }
};

const Series = struct {
    operation: Operation,
    status: Status,
    namespace_len: u8,
    set_len: u8,
    namespace_bytes: [namespace_bytes_max]u8,
    set_bytes: [set_bytes_max]u8,
    sum_ns: Counter = .init(0),
    counts: [bounds_ns.len + 1]Counter = @splat(.init(0)),

    fn create(gpa: std.mem.Allocator, name: *const Name) error{OutOfMemory}!*Series {
        const series = try gpa.create(Series);
        series.* = .{
            .operation = name.operation,
            .status = name.status,
            .namespace_len = @intCast(name.namespace.len),
            .set_len = @intCast(name.set.len),
            .namespace_bytes = undefined,
            .set_bytes = undefined,
        };
        @memcpy(series.namespace_bytes[0..name.namespace.len], name.namespace);
        @memcpy(series.set_bytes[0..name.set.len], name.set);
        return series;
    }

    fn namespace(series: *const Series) []const u8 {
        return series.namespace_bytes[0..series.namespace_len];
    }

    fn set(series: *const Series) []const u8 {
        return series.set_bytes[0..series.set_len];
    }

    fn isNamed(series: *const Series, name: *const Name) bool {
        return series.operation == name.operation and series.status == name.status and
            std.mem.eql(u8, series.set(), name.set) and
            std.mem.eql(u8, series.namespace(), name.namespace);
    }

    fn add(series: *Series, duration_ns: u64) void {
        const bucket = for (bounds_ns, 0..) |bound_ns, index| {
            if (duration_ns <= bound_ns) break index;
        } else bounds_ns.len;
        _ = series.counts[bucket].fetchAdd(1, .monotonic);
        _ = series.sum_ns.fetchAdd(duration_ns, .monotonic);
    }
};

pub const Registry = struct {
    gpa: std.mem.Allocator,
    /// An open hash table. A slot that was filled stays as it is.
    slots: [slot_count]std.atomic.Value(?*Series) = @splat(.init(null)),
    series_count: std.atomic.Value(u32) = .init(0),
    /// By operation, what was found last for one that succeeded: most have the same set as before.
    latest: [operation_count]std.atomic.Value(?*Series) = @splat(.init(null)),

    /// Nobody records any more.
    pub fn deinit(registry: *Registry) void {
        for (&registry.slots) |*slot| {
            if (slot.raw) |series| registry.gpa.destroy(series);
        }
    }

    /// Adds one operation that has ended.
    pub fn record(
        registry: *Registry,
        operation: Operation,
        namespace: []const u8,
        set: []const u8,
        status: Status,
        duration_ns: u64,
    ) void {
        var name: Name = .{
            .operation = operation,
            .status = status,
            .namespace = namespace[0..@min(namespace.len, namespace_bytes_max)],
            .set = set[0..@min(set.len, set_bytes_max)],
        };
        const latest = &registry.latest[@backingInt(operation)];
        if (latest.load(.acquire)) |series| {
            if (series.isNamed(&name)) return series.add(duration_ns);
        }
        if (registry.find(&name, series_max)) |series| {
            if (status == .ok) latest.store(series, .release);
            return series.add(duration_ns);
        }
        name.set = set_of_others;
        const series = registry.find(&name, slot_count) orelse return;
        series.add(duration_ns);
    }

    /// Null: it does not exist, and there are too many others or no memory to make it.
    fn find(registry: *Registry, name: *const Name, count_max: u32) ?*Series {
        const first = name.hash();
        for (0..slot_count) |step| {
            const slot = &registry.slots[@intCast((first +% step) % slot_count)];
            const series = slot.load(.acquire) orelse registry.fill(slot, name, count_max) orelse
                return null;
            if (series.isNamed(name)) return series;
        }
        return null;
    }

    /// Makes the series in an empty slot; returns whichever is there in the end.
    fn fill(
        registry: *Registry,
        slot: *std.atomic.Value(?*Series),
        name: *const Name,
        count_max: u32,
    ) ?*Series {
        if (registry.series_count.load(.monotonic) >= count_max) return null;
        const series = Series.create(registry.gpa, name) catch return null;
        if (slot.cmpxchgStrong(null, series, .acq_rel, .acquire)) |other| {
            registry.gpa.destroy(series);
            return other.?;
        }
        _ = registry.series_count.fetchAdd(1, .monotonic);
        return series;
    }

    /// Appends [[bound in ns], [[operation, namespace, set, status, sum in ns, [count]]]]; the
    /// counts are those of each bucket alone.
    pub fn write(registry: *const Registry, out: *wire.Buffer) wire.Buffer.Error!void {
        try msgpack.writeArrayHeader(out, 2);
        try msgpack.writeArrayHeader(out, bounds_ns.len);
        for (bounds_ns) |bound_ns| try msgpack.writeUint(out, bound_ns);
        // Series are made while they are listed: counted afterwards.
        const header = out.end;
        try out.append(&.{ array32, 0, 0, 0, 0 });
        var count: u32 = 0;
        for (&registry.slots) |*slot| {
            const series = slot.load(.acquire) orelse continue;
            try writeSeries(series, out);
            count += 1;
        }
        out.patch(u32, header + 1, count);
    }

    /// MessagePack's array with a length of four bytes.
    const array32 = 0xdd;

    fn writeSeries(series: *const Series, out: *wire.Buffer) wire.Buffer.Error!void {
        try msgpack.writeArrayHeader(out, 6);
        try msgpack.writeString(out, @tagName(series.operation));
        try msgpack.writeString(out, series.namespace());
        try msgpack.writeString(out, series.set());
        try msgpack.writeInt(out, @backingInt(series.status));
        try msgpack.writeUint(out, series.sum_ns.load(.monotonic));
        try msgpack.writeArrayHeader(out, series.counts.len);
        for (&series.counts) |*counter| try msgpack.writeUint(out, counter.load(.monotonic));
    }
};

/// Of the process.
pub var process: Registry = .{ .gpa = @import("memory.zig").gpa };

const testing = std.testing;

/// The rows of what a registry shows.
fn expectRows(tested: *const Registry, expected: []const []const u8) !void {
    var out: wire.Buffer = .growing(testing.allocator, &.{}, 1 << 24);
    defer out.deinit();
    try tested.write(&out);
    var reader: msgpack.Reader = .init(out.written());
    try testing.expectEqual(@as(u32, 2), (try reader.next()).array);
    try testing.expectEqual(@as(u32, bounds_ns.len), (try reader.next()).array);
    for (bounds_ns) |bound_ns| {
        try testing.expectEqual(@as(i64, @intCast(bound_ns)), (try reader.next()).int);
    }
    try testing.expectEqual(@as(u32, @intCast(expected.len)), (try reader.next()).array);
    for (0..expected.len) |_| {
        var memory: [256]u8 = undefined;
        const row = try printRow(&reader, &memory);
        for (expected) |text| {
            if (std.mem.eql(u8, text, row)) break;
        } else {
            std.debug.print("unexpected: {s}\n", .{row});
            return error.Unexpected;
        }
    }
    try testing.expect(reader.isAtEnd());
}

/// "operation namespace set status sum; bucket:count …", with empty buckets left out.
fn printRow(reader: *msgpack.Reader, memory: []u8) ![]const u8 {
    var writer = std.Io.Writer.fixed(memory);
    try testing.expectEqual(@as(u32, 6), (try reader.next()).array);
    for (0..3) |_| try writer.print("{s} ", .{(try reader.next()).string});
    try writer.print("{d} ", .{(try reader.next()).int});
    try writer.print("{d};", .{(try reader.next()).int});
    try testing.expectEqual(@as(u32, bounds_ns.len + 1), (try reader.next()).array);
    for (0..bounds_ns.len + 1) |bucket| {
        const count = (try reader.next()).int;
        if (count > 0) try writer.print(" {d}:{d}", .{ bucket, count });
    }
    return writer.buffered();
}

fn makeRegistry() !*Registry {
    const made = try testing.allocator.create(Registry);
    made.* = .{ .gpa = testing.allocator };
    return made;
}

fn destroyRegistry(made: *Registry) void {
    made.deinit();
    testing.allocator.destroy(made);
}

test "operations are counted by name, place and outcome, in the bucket of their duration" {
    const tested = try makeRegistry();
    defer destroyRegistry(tested);
    try expectRows(tested, &.{});
    tested.record(.get, "test", "a", .ok, 100 * us);
    tested.record(.get, "test", "a", .ok, 100 * us + 1);
    tested.record(.get, "test", "a", .record_not_found, 0);
    tested.record(.get, "test", "", .ok, 11 * s);
    tested.record(.batch_read, "test", "a", .timeout, 10 * s);
    tested.record(.get, "testa", "", .ok, 1);
    try expectRows(tested, &.{
        "get test a 0 200001; 0:1 1:1",
        "get test a 2 0; 0:1",
        "get test  0 11000000000; 16:1",
        "batch_read test a 9 10000000000; 15:1",
        "get testa  0 1; 0:1",
    });
}

test "sets beyond the limit share one series" {
    const tested = try makeRegistry();
    defer destroyRegistry(tested);
    for (0..series_max + 100) |index| {
        var memory: [16]u8 = undefined;
        const set = try std.fmt.bufPrint(&memory, "set{d}", .{index});
        tested.record(.get, "test", set, .ok, 5);
    }
    tested.record(.get, "test", "set7", .ok, 5);
    try testing.expectEqual(@as(u32, series_max + 1), tested.series_count.raw);
    const others: Name = .{
        .operation = .get,
        .status = .ok,
        .namespace = "test",
        .set = set_of_others,
    };
    const series = tested.find(&others, 0).?;
    try testing.expectEqual(@as(u64, 100), series.counts[0].raw);
}

test "names longer than a server allows are cut, and no memory is no failure" {
    const tested = try makeRegistry();
    defer destroyRegistry(tested);
    const long: [100]u8 = @splat('x');
    tested.record(.put, &long, &long, .ok, 5);
    try testing.expectEqual(@as(u32, 1), tested.series_count.raw);
    var failing = testing.FailingAllocator.init(testing.allocator, .{ .fail_index = 0 });
    tested.gpa = failing.allocator();
    tested.record(.get, "test", "a", .ok, 5);
    tested.gpa = testing.allocator;
    try testing.expectEqual(@as(u32, 1), tested.series_count.raw);
}

fn recordMany(tested: *Registry, seed: u64) void {
    var generator = std.Random.DefaultPrng.init(seed);
    const random = generator.random();
    const sets = [_][]const u8{ "a", "b", "c", "d" };
    for (0..10_000) |_| {
        tested.record(.get, "test", sets[random.uintLessThan(usize, sets.len)], .ok, 3);
    }
}

test "no operation of sixteen threads is missed" {
    const tested = try makeRegistry();
    defer destroyRegistry(tested);
    var threads: [16]std.Thread = undefined;
    for (&threads, 0..) |*thread, index| {
        thread.* = try std.Thread.spawn(.{}, recordMany, .{ tested, index });
    }
    for (&threads) |*thread| thread.join();
    var count: u64 = 0;
    var sum_ns: u64 = 0;
    for (&tested.slots) |*slot| {
        const series = slot.raw orelse continue;
        count += series.counts[0].raw;
        sum_ns += series.sum_ns.raw;
    }
    try testing.expectEqual(@as(u64, 160_000), count);
    try testing.expectEqual(@as(u64, 480_000), sum_ns);
    try testing.expectEqual(@as(u32, 4), tested.series_count.raw);
}
