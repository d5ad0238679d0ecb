//! Queries that change what they find: operations, or a function, applied to every record
//! while nobody waits.
//!
//! The request is answered as soon as the job has begun. A small job is finished by then; what
//! is left of a large one is done in slices by whoever runs the cluster's housekeeping. Each
//! node works on the partitions that it is the master of. A job that is told a rate keeps it.

const std = @import("std");
const assert = std.debug.assert;
const wire = @import("../../wire.zig");
const status = @import("../../status.zig");
const Context = @import("../core/Context.zig");
const Core = @import("../core/Core.zig");
const Request = @import("../commands/Request.zig");
const Scratch = @import("../core/Scratch.zig");
const access = @import("../security/access.zig");
const apply = @import("../commands/apply.zig");
const jobs = @import("../core/jobs.zig");
const query = @import("query.zig");
const query_request = @import("request.zig");
const record_module = @import("../data/record.zig");
const reply = @import("../commands/reply.zig");
const security = @import("../security/security.zig");
const store = @import("../store/store.zig");
const view = @import("../store/view.zig");
const work_module = @import("../core/work.zig");
const write_command = @import("../commands/write.zig");

const Buffer = wire.Buffer;
const Digest = wire.digest.Digest;
const Expression = @import("../data/expression.zig").Expression;
const Progress = work_module.Progress;
const Status = status.Status;

/// The server's default limit, in records per second.
const rate_max = 10_000;
/// A job of fewer records is over when its request is answered, unless it has a rate.
const slice_records_max = 2_000;
const socket_timeout_ms = 10_000;
const reply_bytes_max = 64 * 1024 * 1024;

/// Begins a job and says so, or answers why not.
pub fn start(
    context: *const Context,
    request: *const Request,
    body: []const u8,
) Buffer.Error!void {
    const place: access.Privilege.Place = .{ .namespace = request.namespace.?, .set = request.set };
    const wanted: access.Permissions = if (request.udf == null)
        .{ .write = true }
    else
        .{ .udf = true };
    const allowed = context.authorize(wanted, place);
    if (allowed != .ok) return reply.fail(context, allowed);
    const work = Work.create(context, request, body) catch |err| switch (err) {
        error.Refused => return reply.fail(context, try query.refusalOf(context, request)),
        error.NotFound => return reply.fail(context, .record_not_found),
        error.IndexNotFound => return reply.fail(context, .index_not_found),
        error.IndexNotReadable => return reply.fail(context, .index_not_readable),
        error.OutOfMemory => return error.OutOfMemory,
    };
    const queue = &context.core.background;
    // A function may take long, which nobody is to wait for.
    const has_function = request.udf != null and context.core.lane.isManned();
    const progress: Progress = if (has_function)
        .{ .more = 0 }
    else
        try work.proceed(context.scratch, context.now);
    switch (progress) {
        .done => work.destroy(),
        .more => queue.add(.{ .pointer = work, .vtable = &Work.vtable }) catch |err| {
            work.destroy();
            return err;
        },
    }
    var encoder = try wire.message.Encoder.begin(context.out);
    encoder.finish(.{ .info3 = .{ .last = true } });
}

const CreateError = query.Selection.InitError || error{NotFound};

const Work = struct {
    gpa: std.mem.Allocator,
    arena: std.heap.ArenaAllocator,
    core: *Core,
    node: u8,
    namespace: *store.Namespace,
    selection: query.Selection,
    /// What is done to each record; points into a copy of the request's bytes.
    request: Request,
    filter: ?Expression,
    job: *jobs.Job,
    rate: query.Rate,
    last_ms: u64,
    next_partition: u32 = 0,
    digests: std.ArrayList(Digest) = .empty,
    position: usize = 0,
    applied: u64 = 0,
    out: Buffer,
    is_finished: bool = false,

    fn create(
        context: *const Context,
        request_given: *const Request,
        body_given: []const u8,
    ) CreateError!*Work {
        if (request_given.header.info1.short_query) return error.Refused;
        const core = context.core;
        const gpa = core.gpa;
        const work = try gpa.create(Work);
        errdefer gpa.destroy(work);
        var arena = std.heap.ArenaAllocator.init(gpa);
        errdefer arena.deinit();
        const body = try arena.allocator().dupe(u8, body_given);
        const request = Request.decode(body) catch unreachable;
        const message = wire.message.Message.decode(body) catch unreachable;
        const fields = query_request.Fields.read(&message) catch unreachable;
        const namespace = core.store.find(request.namespace.?).?;
        if (fields.set.len > store.set_name_bytes_max) return error.Refused;
        const index_name = fields.indexName() catch return error.Refused;
        const range = try query.Selection.rangeOf(arena.allocator(), &fields);
        const rate = fields.recordsPerSecond(false) catch return error.Refused;
        if (fields.set.len > 0 and namespace.findSetId(fields.set) == null) return error.NotFound;
        if (rate > rate_max) return error.Refused;
        const selection = try query.Selection.init(core, namespace, &fields, range, index_name);
        errdefer selection.deinit(gpa);
        const condition = try query.compileFilter(arena.allocator(), core.version, &request);
        const job = try core.jobs.begin(.{
            .id = fields.taskId(),
            .node = context.node,
            .namespace = namespace.options.name,
            .set = fields.set,
            .index = selection.indexName(),
            .kind = if (request.udf == null) .background_ops else .background_udf,
            .udf_package = if (request.udf) |call| call.package else "",
            .udf_function = if (request.udf) |call| call.function else "",
            .records_per_second = if (rate == 0) rate_max else rate,
            .socket_timeout_ms = socket_timeout_ms,
            .started_ms = context.now.unix_ms,
        });
        errdefer core.jobs.finish(job, .server, context.now.unix_ms);
        work.* = .{
            .gpa = gpa,
            .arena = arena,
            .core = core,
            .node = context.node,
            .namespace = namespace,
            .selection = selection,
            .request = if (request.udf == null)
                try writeRequest(&request)
            else
                udfRequest(&request),
            .filter = condition,
            .job = job,
            .rate = .{ .records_per_second = rate, .started_ms = context.now.unix_ms },
            .last_ms = context.now.unix_ms,
            .out = .growing(gpa, &.{}, reply_bytes_max),
        };
        return work;
    }

    /// The query's function as a command on one record.
    fn udfRequest(given: *const Request) Request {
        return .{
            .header = .{
                .info2 = .{
                    .write = true,
                    .durable_delete = given.header.info2.durable_delete,
                },
                .record_ttl = given.header.record_ttl,
            },
            .namespace = given.namespace,
            .udf = given.udf,
        };
    }

    /// The query's operations as a command on one record, which has to exist.
    fn writeRequest(given: *const Request) error{Refused}!Request {
        if (given.header.info1.read or given.header.operation_count == 0) return error.Refused;
        var operations = given.operations;
        while (Request.nextOperation(&operations)) |operation| {
            if (operation.code.isRead()) return error.Refused;
        }
        return .{
            .header = .{
                .info2 = .{
                    .write = true,
                    .durable_delete = given.header.info2.durable_delete,
                },
                .info3 = .{
                    .update_only = true,
                    .replace_only = given.header.info3.replace_only,
                },
                .record_ttl = given.header.record_ttl,
                .operation_count = given.header.operation_count,
            },
            .namespace = given.namespace,
            .operations = given.operations,
        };
    }

    pub fn destroy(work: *Work) void {
        const gpa = work.gpa;
        if (!work.is_finished) work.finish(.scan_aborted);
        work.out.deinit();
        work.selection.deinit(gpa);
        work.digests.deinit(gpa);
        work.arena.deinit();
        gpa.destroy(work);
    }

    fn finish(work: *Work, code: Status) void {
        work.is_finished = true;
        work.core.jobs.finish(work.job, code, work.last_ms);
    }

    const vtable: work_module.Work.VTable = .{
        .proceed = proceedOpaque,
        .destroy = destroyOpaque,
    };

    fn proceedOpaque(
        pointer: *anyopaque,
        scratch: *Scratch,
        now: record_module.Now,
    ) Buffer.Error!Progress {
        const work: *Work = @ptrCast(@alignCast(pointer));
        return work.proceed(scratch, now);
    }

    fn destroyOpaque(pointer: *anyopaque) void {
        const work: *Work = @ptrCast(@alignCast(pointer));
        work.destroy();
    }

    /// Carries out a slice of the job.
    fn proceed(
        work: *Work,
        scratch: *Scratch,
        now: record_module.Now,
    ) Buffer.Error!Progress {
        work.last_ms = now.unix_ms;
        var records: usize = 0;
        while (true) {
            if (work.job.isAborted()) {
                work.finish(.scan_aborted);
                return .done;
            }
            if (records >= slice_records_max) return .{ .more = 0 };
            if (work.position < work.digests.items.len) {
                if (work.rate.waitMs(work.applied, now)) |wait_ms| return .{ .more = wait_ms };
                const digest = &work.digests.items[work.position];
                work.position += 1;
                records += 1;
                try work.change(digest, scratch, now);
            } else {
                if (try work.loadNext(scratch, now)) continue;
                work.finish(.ok);
                return .done;
            }
        }
    }

    /// Takes the digests of the next partition; false when there is none.
    fn loadNext(
        work: *Work,
        scratch: *Scratch,
        now: record_module.Now,
    ) error{OutOfMemory}!bool {
        work.digests.clearRetainingCapacity();
        work.position = 0;
        if (work.next_partition >= store.partitions) return false;
        const id: u16 = @intCast(work.next_partition);
        work.next_partition += 1;
        work.job.reach(id);
        if (work.core.isUnavailable(id)) return true;
        if (work.core.topology.owner(id, 0) != work.node) return true;
        const partition = &work.namespace.partitions[id];
        partition.mutex.lock();
        defer partition.mutex.unlock();
        var records = partition.table.iterate();
        while (records.next()) |record| {
            if (record.meta.isExpired(now)) continue;
            defer scratch.reset();
            if (!try work.selection.includes(scratch, record)) continue;
            try work.digests.append(work.gpa, record.meta.digest);
        }
        return true;
    }

    fn change(
        work: *Work,
        digest: *const Digest,
        scratch: *Scratch,
        now: record_module.Now,
    ) Buffer.Error!void {
        work.applied += 1;
        work.job.count(.throttled);
        var request = work.request;
        request.set = try work.setOf(digest, scratch, now) orelse return;
        var stream: ?Context.Stream = null;
        defer scratch.reset();
        work.out.clear();
        const context: Context = .{
            .core = work.core,
            .node = work.node,
            .authenticated = true,
            .user = "",
            .standing = &everything,
            .now = now,
            .out = &work.out,
            .scratch = scratch,
            .stream = &stream,
        };
        if (request.udf == null) {
            try write_command.handle(&context, &request, work.namespace, digest);
        } else {
            try apply.handle(&context, &request, work.namespace, digest);
        }
        const code: Status = .fromServer(work.out.bytes[result_code_offset]);
        switch (code) {
            .ok => work.job.count(.succeeded),
            // It was deleted in the meantime.
            .record_not_found => {},
            else => work.job.count(.failed),
        }
    }

    const result_code_offset = wire.proto.header_bytes + 5;
    const everything: security.Standing = .{
        .generation = 0,
        .status = .ok,
        .permissions = @bitCast(@as(u16, 0xffff)),
    };

    /// The set of a record that the job is still about.
    fn setOf(
        work: *Work,
        digest: *const Digest,
        scratch: *Scratch,
        now: record_module.Now,
    ) error{OutOfMemory}!?[]const u8 {
        const partition = work.namespace.partitionOf(digest);
        partition.mutex.lock();
        defer partition.mutex.unlock();
        const record = partition.table.find(digest) orelse return null;
        if (record.meta.isExpired(now)) return null;
        defer scratch.reset();
        if (work.filter) |*condition| {
            const memory = scratch.arena.allocator();
            if (!try view.passes(condition, memory, work.namespace, record, now)) {
                work.job.count(.filtered);
                return null;
            }
        }
        if (!try work.selection.includes(scratch, record)) return null;
        return work.namespace.setName(record.meta.set_id);
    }
};
