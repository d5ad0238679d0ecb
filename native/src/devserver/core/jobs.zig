//! The queries of a cluster's nodes that can be watched and aborted: those that run, and the
//! last hundred that have ended.
//!
//! A job belongs to the registry, and whoever runs it keeps a pointer until `finish`. Its
//! numbers are atomic, so that they may be asked for while it runs. Any thread may call anything.

const std = @import("std");
const assert = std.debug.assert;
const wire = @import("../../wire.zig");
const status = @import("../../status.zig");
const store = @import("../store/store.zig");
const Mutex = @import("../base/sync.zig").Mutex;

const Buffer = wire.Buffer;
const Status = status.Status;

const done_max = 100;

pub const Kind = enum {
    basic,
    aggregation,
    background_udf,
    background_ops,

    fn text(kind: Kind) []const u8 {
        return switch (kind) {
            .basic => "basic",
            .aggregation => "aggregation",
            .background_udf => "background-udf",
            .background_ops => "background-ops",
        };
    }
};

pub const Description = struct {
    /// 0: one is chosen.
    id: u64,
    node: u8,
    namespace: []const u8,
    set: []const u8,
    /// Name of the secondary index; empty for none.
    index: []const u8,
    kind: Kind,
    /// 0 for those that take all of the node's.
    partitions_requested: u16 = 0,
    digests_requested: u16 = 0,
    records_per_second: u32,
    socket_timeout_ms: u32,
    started_ms: u64,
    udf_package: []const u8 = "",
    udf_function: []const u8 = "",
};

pub const Count = enum { succeeded, failed, filtered, throttled };

pub const Job = struct {
    arena: std.heap.ArenaAllocator,
    description: Description,
    aborted: std.atomic.Value(bool) = .init(false),
    /// The partition at hand.
    partition: std.atomic.Value(u32) = .init(0),
    counts: std.EnumArray(Count, std.atomic.Value(u64)) = .initFill(.init(0)),
    /// Guarded by the registry's mutex; null while it runs.
    finished_ms: ?u64 = null,
    result: []const u8 = "ok",

    pub fn isAborted(job: *const Job) bool {
        return job.aborted.load(.acquire);
    }

    pub fn reach(job: *Job, partition: u16) void {
        job.partition.store(partition, .monotonic);
    }

    pub fn count(job: *Job, what: Count) void {
        _ = job.counts.getPtr(what).fetchAdd(1, .monotonic);
    }

    fn destroy(job: *Job, gpa: std.mem.Allocator) void {
        job.arena.deinit();
        gpa.destroy(job);
    }
};

pub const Registry = struct {
    gpa: std.mem.Allocator,
    mutex: Mutex = .{},
    running: std.ArrayList(*Job) = .empty,
    /// The oldest first.
    done: std.ArrayList(*Job) = .empty,
    last_id: u32 = 0,

    pub fn deinit(registry: *Registry) void {
        for (registry.running.items) |job| job.destroy(registry.gpa);
        for (registry.done.items) |job| job.destroy(registry.gpa);
        registry.running.deinit(registry.gpa);
        registry.done.deinit(registry.gpa);
        registry.* = undefined;
    }

    /// Refused when the node has a job of the same number already.
    pub fn begin(
        registry: *Registry,
        given: Description,
    ) error{ Refused, OutOfMemory }!*Job {
        registry.mutex.lock();
        defer registry.mutex.unlock();
        const gpa = registry.gpa;
        if (given.id != 0 and registry.find(given.node, given.id) != null) return error.Refused;
        var arena = std.heap.ArenaAllocator.init(gpa);
        errdefer arena.deinit();
        var description = given;
        if (description.id == 0) {
            registry.last_id +%= 1;
            description.id = registry.last_id;
        }
        inline for (.{ "namespace", "set", "index", "udf_package", "udf_function" }) |name| {
            @field(description, name) = try arena.allocator().dupe(u8, @field(given, name));
        }
        try registry.running.ensureUnusedCapacity(gpa, 1);
        const job = try gpa.create(Job);
        job.* = .{ .arena = arena, .description = description };
        registry.running.appendAssumeCapacity(job);
        return job;
    }

    /// The job is not the caller's any more. Null: its client went away.
    pub fn finish(registry: *Registry, job: *Job, code: ?Status, now_ms: u64) void {
        registry.mutex.lock();
        defer registry.mutex.unlock();
        const gpa = registry.gpa;
        const position = std.mem.findScalar(*Job, registry.running.items, job).?;
        _ = registry.running.swapRemove(position);
        job.finished_ms = now_ms;
        if (code == null) {
            job.result = "abandoned-response-error";
        } else switch (code.?) {
            .ok => {},
            .scan_aborted => job.result = "user-aborted",
            else => job.result = "abandoned-unknown",
        }
        job.partition.store(store.partitions, .monotonic);
        registry.done.append(gpa, job) catch return job.destroy(gpa);
        if (registry.done.items.len > done_max) registry.done.orderedRemove(0).destroy(gpa);
    }

    /// False when no such job runs on the node.
    pub fn abort(registry: *Registry, node: u8, id: u64) bool {
        registry.mutex.lock();
        defer registry.mutex.unlock();
        for (registry.running.items) |job| {
            if (job.description.node != node or job.description.id != id) continue;
            job.aborted.store(true, .release);
            return true;
        }
        return false;
    }

    pub fn abortAll(registry: *Registry, node: u8) u32 {
        registry.mutex.lock();
        defer registry.mutex.unlock();
        var count: u32 = 0;
        for (registry.running.items) |job| {
            if (job.description.node != node) continue;
            job.aborted.store(true, .release);
            count += 1;
        }
        return count;
    }

    /// A node that dies forgets what it has done.
    pub fn forget(registry: *Registry, node: u8) void {
        registry.mutex.lock();
        defer registry.mutex.unlock();
        for (registry.running.items) |job| {
            if (job.description.node == node) job.aborted.store(true, .release);
        }
        var kept: usize = 0;
        for (registry.done.items) |job| {
            if (job.description.node == node) {
                job.destroy(registry.gpa);
            } else {
                registry.done.items[kept] = job;
                kept += 1;
            }
        }
        registry.done.shrinkRetainingCapacity(kept);
    }

    fn find(registry: *Registry, node: u8, id: u64) ?*Job {
        for ([_][]const *Job{ registry.running.items, registry.done.items }) |list| {
            for (list) |job| {
                if (job.description.node == node and job.description.id == id) return job;
            }
        }
        return null;
    }

    /// Appends what is known of a job; false when there is none.
    pub fn print(
        registry: *Registry,
        out: *Buffer,
        node: u8,
        id: u64,
        now_ms: u64,
    ) Buffer.Error!bool {
        registry.mutex.lock();
        defer registry.mutex.unlock();
        const job = registry.find(node, id) orelse return false;
        try printJob(out, job, now_ms);
        return true;
    }

    /// All of a node's jobs, the latest first.
    pub fn printAll(registry: *Registry, out: *Buffer, node: u8, now_ms: u64) Buffer.Error!void {
        registry.mutex.lock();
        defer registry.mutex.unlock();
        var is_first = true;
        for ([_][]const *Job{ registry.running.items, registry.done.items }) |list| {
            var index = list.len;
            while (index > 0) {
                index -= 1;
                if (list[index].description.node != node) continue;
                if (!is_first) try out.byte(';');
                is_first = false;
                try printJob(out, list[index], now_ms);
            }
        }
    }

    fn printJob(out: *Buffer, job: *const Job, now_ms: u64) Buffer.Error!void {
        const description = &job.description;
        const end_ms = job.finished_ms orelse now_ms;
        const is_done = job.finished_ms != null;
        try printText(out, "trid={d}:ns={s}", .{ description.id, description.namespace });
        if (description.set.len > 0) try printText(out, ":set={s}", .{description.set});
        if (description.index.len > 0) {
            try printText(out, ":sindex-name={s}", .{description.index});
        }
        if (description.partitions_requested != 0) try printText(
            out,
            ":n-pids-requested={d}:n-keyds-requested={d}",
            .{ description.partitions_requested, description.digests_requested },
        );
        const reached: u64 = @min(job.partition.load(.monotonic) + 1, store.partitions);
        try printText(out, ":rps={d}:active-threads={d}:status={s}({s}):job-progress={d:.2}", .{
            description.records_per_second,
            @intFromBool(!is_done),
            if (is_done) "done" else "active",
            job.result,
            @as(f64, @floatFromInt(reached * 100)) / store.partitions,
        });
        try printText(out, ":run-time={d}:time-since-done={d}:recs-throttled={d}", .{
            end_ms -| description.started_ms,
            if (is_done) now_ms -| end_ms else 0,
            job.counts.getPtrConst(.throttled).load(.monotonic),
        });
        try printText(
            out,
            ":recs-filtered-meta=0:recs-filtered-bins={d}:recs-succeeded={d}:recs-failed={d}" ++
                ":from=127.0.0.1+0:job-type={s}:net-io-bytes=30:socket-timeout={d}",
            .{
                job.counts.getPtrConst(.filtered).load(.monotonic),
                job.counts.getPtrConst(.succeeded).load(.monotonic),
                job.counts.getPtrConst(.failed).load(.monotonic),
                description.kind.text(),
                description.socket_timeout_ms,
            },
        );
        switch (description.kind) {
            .basic => {},
            .background_ops => try printText(out, ":ops-active=0", .{}),
            .aggregation, .background_udf => try printText(
                out,
                ":udf-filename={s}:udf-function={s}:udf-active=0",
                .{ description.udf_package, description.udf_function },
            ),
        }
    }

    fn printText(out: *Buffer, comptime format: []const u8, arguments: anytype) Buffer.Error!void {
        var memory: [512]u8 = undefined;
        var writer = std.Io.Writer.fixed(&memory);
        writer.print(format, arguments) catch return error.NoSpaceLeft;
        try out.append(writer.buffered());
    }
};

const testing = std.testing;

test "a job is watched while it runs and afterwards, and aborted only on its node" {
    var registry: Registry = .{ .gpa = testing.allocator };
    defer registry.deinit();
    const description: Description = .{
        .id = 77,
        .node = 1,
        .namespace = "test",
        .set = "demo",
        .index = "",
        .kind = .background_ops,
        .records_per_second = 10_000,
        .socket_timeout_ms = 10_000,
        .started_ms = 1000,
    };
    const job = try registry.begin(description);
    try testing.expectError(error.Refused, registry.begin(description));
    job.count(.succeeded);
    job.reach(2047);
    var out = Buffer.growing(testing.allocator, &.{}, 10_000);
    defer out.deinit();
    try testing.expect(try registry.print(&out, 1, 77, 1500));
    const active = "trid=77:ns=test:set=demo:rps=10000:active-threads=1:status=active(ok):" ++
        "job-progress=50.00:run-time=500:time-since-done=0:recs-throttled=0:" ++
        "recs-filtered-meta=0:recs-filtered-bins=0:recs-succeeded=1:recs-failed=0:" ++
        "from=127.0.0.1+0:job-type=background-ops:net-io-bytes=30:socket-timeout=10000:" ++
        "ops-active=0";
    try testing.expectEqualStrings(active, out.written());
    try testing.expect(!registry.abort(0, 77));
    try testing.expect(registry.abort(1, 77));
    try testing.expect(job.isAborted());
    registry.finish(job, .scan_aborted, 1600);
    try testing.expect(!registry.abort(1, 77));
    out.clear();
    try testing.expect(try registry.print(&out, 1, 77, 1900));
    try testing.expect(std.mem.find(u8, out.written(), "status=done(user-aborted)") != null);
    try testing.expect(std.mem.find(u8, out.written(), "time-since-done=300") != null);
    registry.forget(1);
    try testing.expect(!try registry.print(&out, 1, 77, 2000));
}

test "only so many jobs are remembered" {
    var registry: Registry = .{ .gpa = testing.allocator };
    defer registry.deinit();
    for (0..done_max + 5) |_| {
        const job = try registry.begin(.{
            .id = 0,
            .node = 0,
            .namespace = "test",
            .set = "",
            .index = "i",
            .kind = .basic,
            .records_per_second = 0,
            .socket_timeout_ms = 0,
            .started_ms = 0,
        });
        registry.finish(job, .ok, 10);
    }
    try testing.expectEqual(@as(usize, done_max), registry.done.items.len);
    var out = Buffer.growing(testing.allocator, &.{}, 100_000);
    defer out.deinit();
    try testing.expect(!try registry.print(&out, 0, 5, 20));
    try testing.expect(try registry.print(&out, 0, 6, 20));
}
