//! Reading a record: all bins, some bins, or its metadata.

const std = @import("std");
const wire = @import("../../wire.zig");
const status = @import("../../status.zig");
const Context = @import("../core/Context.zig");
const Request = @import("Request.zig");
const bin_operation = @import("../data/bin_operation.zig");
const expression = @import("../data/expression.zig");
const filter = @import("filter.zig");
const record_module = @import("../data/record.zig");
const reply = @import("reply.zig");
const store = @import("../store/store.zig");
const view = @import("../store/view.zig");

const Buffer = wire.Buffer;
const Record = record_module.Record;
const Status = status.Status;

pub fn handle(
    context: *const Context,
    request: *const Request,
    namespace: *store.Namespace,
    digest: *const wire.digest.Digest,
) Buffer.Error!void {
    const partition = namespace.partitionOf(digest);
    partition.mutex.lock();
    defer partition.mutex.unlock();
    const record = partition.table.find(digest) orelse {
        return reply.fail(context, .record_not_found);
    };
    if (!setMatches(namespace, record, request.set)) {
        return reply.failOf(context, .request_invalid, &record.meta);
    }
    if (record.meta.isExpired(context.now)) {
        return reply.failOf(context, .record_not_found, &record.meta);
    }
    const touches = touchesOnRead(request.header.record_ttl, record, context.now) orelse {
        return reply.failOf(context, .request_invalid, &record.meta);
    };
    const passed = try filter.check(context, request, namespace, record);
    if (passed != .ok) return reply.failOf(context, passed, &record.meta);
    if (!keyMatches(record, request.key)) {
        return reply.failOf(context, .record_key_mismatch, &record.meta);
    }
    const info1 = request.header.info1;
    if (info1.no_bins) {
        try replyMeta(context, record);
    } else if (info1.get_all) {
        try replyAll(context, record);
    } else {
        try replySome(context, request, namespace, record);
    }
    if (touches) touch(namespace, record, context.now);
}

fn replyMeta(context: *const Context, record: *const Record) Buffer.Error!void {
    const meta = &record.meta;
    try reply.header(context, .ok, meta.generation, meta.void_time_s);
}

fn replyAll(context: *const Context, record: *const Record) Buffer.Error!void {
    var encoder = try context.beginReply();
    try context.out.append(record.encodedBins());
    encoder.operation_count = record.bin_count;
    const meta = &record.meta;
    context.finishReply(&encoder, .ok, meta.generation, meta.void_time_s);
}

fn replySome(
    context: *const Context,
    request: *const Request,
    namespace: *const store.Namespace,
    record: *const Record,
) Buffer.Error!void {
    const code = try collect(context, request, namespace, record);
    if (code != .ok) return reply.failOf(context, code, &record.meta);
    const meta = &record.meta;
    const responses = context.scratch.response.items;
    try reply.operations(context, meta.generation, meta.void_time_s, responses);
}

/// With more operations than this, their bins are not looked for one after the other.
const looked_through_max = 16;

/// Carries out the read operations of a request on a record; the results are in the scratch
/// memory's `response`. The record's partition is locked.
pub fn collect(
    context: *const Context,
    request: *const Request,
    namespace: *const store.Namespace,
    record: *const Record,
) Buffer.Error!Status {
    const count = request.header.operation_count;
    if (count == 0 or count > Request.operations_max) return .request_invalid;
    const responses = &context.scratch.response;
    try responses.ensureTotalCapacity(context.scratch.gpa, count);
    const bins = &context.scratch.bins;
    const is_long = count > looked_through_max;
    var seen = view.of(namespace, record, context.now);
    if (is_long) {
        try record.loadBins(context.scratch.gpa, bins);
        seen.bins = .{ .list = bins };
    }
    var operations = request.operations;
    while (Request.nextOperation(&operations)) |operation| {
        if (!Request.isBinName(operation.name)) return .bin_name;
        if (!operation.code.isRead()) return .request_invalid;
        if (bin_operation.refusal(context.core.version, &operation)) |failure| {
            return context.failed(failure);
        }
        // Results of a batch's reads are all called reads.
        const code = if (context.row == null) operation.code else .read;
        const told = switch (try readOne(context, &operation, &seen)) {
            .told => |particle| particle,
            .failed => |failure| return context.failed(failure),
        };
        if (told) |particle| {
            const bin: record_module.Bin = .{
                .name = operation.name,
                .kind = particle.kind,
                .value = particle.bytes,
            };
            responses.appendAssumeCapacity(.{ .code = code, .bin = bin });
        } else if (request.header.info2.respond_all_operations) {
            const empty: record_module.Bin = .{ .name = operation.name, .kind = .nil, .value = "" };
            responses.appendAssumeCapacity(.{ .code = code, .bin = empty });
        }
    }
    return .ok;
}

fn readOne(
    context: *const Context,
    operation: *const wire.operation.Operation,
    record: *const expression.Record,
) error{OutOfMemory}!bin_operation.Read {
    if (operation.code == .expression_read) {
        const arena = context.scratch.arena.allocator();
        const version = context.core.version;
        return switch (try expression.read(arena, version, record, operation.value)) {
            .told => |particle| .{ .told = particle },
            .failed => |failure| .{ .failed = failure },
        };
    }
    const particle = record.find(operation.name) orelse return .{ .told = null };
    return bin_operation.read(
        context.scratch.arena.allocator(),
        context.core.version,
        operation.code,
        operation.particle,
        particle,
        operation.value,
    );
}

/// A request may leave out the set; one that names it has to name the record's.
pub fn setMatches(namespace: *const store.Namespace, record: *const Record, set: []const u8) bool {
    return set.len == 0 or std.mem.eql(u8, namespace.setName(record.meta.set_id), set);
}

/// A key is only compared when both sides have one.
pub fn keyMatches(record: *const Record, key: ?[]const u8) bool {
    const sent = key orelse return true;
    const stored = record.storedKey();
    return stored.len == 0 or std.mem.eql(u8, stored, sent);
}

const read_touch_default = 0;
const read_touch_never = std.math.maxInt(u32);

/// Reads carry in their time to live the percentage of a record's life that has to be left, or
/// else they renew it. Null for a percentage that there is not.
fn touchesOnRead(percentage: u32, record: *const Record, now: record_module.Now) ?bool {
    const void_time_s = record.meta.void_time_s;
    if (void_time_s == 0) return false;
    if (percentage == read_touch_default or percentage == read_touch_never) return false;
    if (percentage > 100) return null;
    const life_s = void_time_s -| record.meta.last_update_ms / 1000;
    return now.epochS() >= void_time_s - life_s * percentage / 100;
}

/// Gives the record its time to live again. The generation stays, so that conditions on it hold.
fn touch(namespace: *store.Namespace, record: *Record, now: record_module.Now) void {
    const before_s = record.meta.void_time_s;
    const life_s = before_s -| record.meta.last_update_ms / 1000;
    const after_s = now.epochS() +| @as(u32, @intCast(life_s));
    if (after_s <= before_s) return;
    record.meta.void_time_s = after_s;
    record.meta.last_update_ms = @max(record.meta.last_update_ms, now.epochMs());
    namespace.voidTimeChanged(before_s, after_s);
}
