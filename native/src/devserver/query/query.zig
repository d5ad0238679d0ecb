//! Queries: many records of a node's partitions as one reply, sent piece by piece.
//!
//! A `Stream` belongs to a session. It goes through the requested partitions in their order;
//! of each it takes the digests that may be sent, sorts them, and then looks each record up
//! again when its turn comes, so that nothing is locked while a client reads. Digests of one
//! partition and one piece of the reply are all the memory it takes, however much it sends.
//!
//! Without a condition, a partition's records come from the largest digest to the smallest, and
//! go on below the one that a client names. With one, they come in the order of an index.

const std = @import("std");
const assert = std.debug.assert;
const wire = @import("../../wire.zig");
const status = @import("../../status.zig");
const Context = @import("../core/Context.zig");
const Core = @import("../core/Core.zig");
const Request = @import("../commands/Request.zig");
const Scratch = @import("../core/Scratch.zig");
const Version = @import("../base/Version.zig").Version;
const access = @import("../security/access.zig");
const expression_module = @import("../data/expression.zig");
const jobs = @import("../core/jobs.zig");
const query_request = @import("request.zig");
const read_command = @import("../commands/read.zig");
const record_module = @import("../data/record.zig");
const reply = @import("../commands/reply.zig");
const secondary_index = @import("../store/secondary_index.zig");
const store = @import("../store/store.zig");
const view = @import("../store/view.zig");
const Progress = @import("../core/work.zig").Progress;

const Buffer = wire.Buffer;
const Digest = wire.digest.Digest;
const Expression = expression_module.Expression;
const Record = record_module.Record;
const Status = status.Status;

/// A piece of a reply ends once it is as large as this.
const piece_bytes_full = 128 * 1024;
/// Partitions and records that one piece may pass over.
const work_max = 20_000;
/// A short query that does not say gets this long.
const short_timeout_default_ms = 1000;
/// A rate, however low, never makes a record wait longer.
const throttle_ms_max = 10;

/// Begins a query on the session of the context, or answers why not.
pub fn start(
    context: *const Context,
    request: *const Request,
    body: []const u8,
) Error!void {
    assert(context.stream.* == null);
    const place: access.Privilege.Place = .{ .namespace = request.namespace.?, .set = request.set };
    const allowed = context.authorize(.{ .read = true }, place);
    if (allowed != .ok) return reply.fail(context, allowed);
    const stream = Stream.create(context, request, body) catch |err| switch (err) {
        error.Refused => return reply.fail(context, try refusalOf(context, request)),
        error.Unsupported => return reply.fail(context, .unsupported_feature),
        error.IndexNotFound => return reply.fail(context, .index_not_found),
        error.IndexNotReadable => return reply.fail(context, .index_not_readable),
        error.OutOfMemory => return error.OutOfMemory,
    };
    context.stream.* = .{ .pointer = stream, .vtable = &Stream.vtable };
}

const Error = Buffer.Error;

const Entry = struct {
    digest: Digest,
    index_value: i64 = 0,
};

const Stream = struct {
    gpa: std.mem.Allocator,
    arena: std.heap.ArenaAllocator,
    core: *Core,
    node: u8,
    namespace: *store.Namespace,
    /// Points into a copy of the request's bytes.
    request: Request,
    selection: Selection,
    partitions: query_request.Partitions,
    projection: query_request.Projection,
    filter: ?Expression,
    records_max: u64,
    rate: Rate,
    /// A short query ends then, whether it is finished or not.
    short_end_ms: ?u64,
    /// Long queries can be watched and aborted.
    job: ?*jobs.Job,
    /// When it last proceeded.
    last_ms: u64,
    next_partition: u32 = 0,
    partition: u16 = 0,
    entries: std.ArrayList(Entry) = .empty,
    position: usize = 0,
    sent: u64 = 0,

    const CreateError = Selection.InitError || error{Unsupported};

    fn create(
        context: *const Context,
        request_given: *const Request,
        body_given: []const u8,
    ) CreateError!*Stream {
        if (!request_given.header.info3.partition_done) return error.Unsupported;
        const core = context.core;
        const gpa = core.gpa;
        const stream = try gpa.create(Stream);
        errdefer gpa.destroy(stream);
        var arena = std.heap.ArenaAllocator.init(gpa);
        errdefer arena.deinit();
        const body = try arena.allocator().dupe(u8, body_given);
        const request = Request.decode(body) catch unreachable;
        const message = wire.message.Message.decode(body) catch unreachable;
        const fields = query_request.Fields.read(&message) catch unreachable;
        const namespace = core.store.find(request.namespace.?).?;
        const is_short = request.header.info1.short_query;
        if (fields.set.len > store.set_name_bytes_max) return error.Refused;
        const partitions = fields.partitions(arena.allocator()) catch |err| return refusal(err);
        const index_name = fields.indexName() catch |err| return refusal(err);
        const range = try Selection.rangeOf(arena.allocator(), &fields);
        const rate = fields.recordsPerSecond(is_short) catch |err| return refusal(err);
        if (!fields.hasPartitions()) return error.Unsupported;
        const selection = try Selection.init(core, namespace, &fields, range, index_name);
        errdefer selection.deinit(gpa);
        _ = fields.socketTimeoutMs() catch |err| return refusal(err);
        const condition = try compileFilter(arena.allocator(), core.version, &request);
        stream.* = .{
            .gpa = gpa,
            .arena = arena,
            .core = core,
            .node = context.node,
            .namespace = namespace,
            .request = request,
            .selection = selection,
            .partitions = partitions,
            .records_max = fields.recordsMax() catch |err| return refusal(err),
            .projection = query_request.Projection.of(core.version, &request, &fields) catch |err| {
                return refusal(err);
            },
            .filter = condition,
            .rate = .{ .records_per_second = rate, .started_ms = context.now.unix_ms },
            .short_end_ms = if (is_short) shortEnd(&request, context.now) else null,
            .job = null,
            .last_ms = context.now.unix_ms,
        };
        if (!is_short) stream.job = try core.jobs.begin(stream.description(&fields, context));
        return stream;
    }

    fn refusal(err: anyerror) CreateError {
        return if (err == error.OutOfMemory) error.OutOfMemory else error.Refused;
    }

    fn shortEnd(request: *const Request, now: record_module.Now) u64 {
        const given_ms = request.header.transaction_ttl;
        return now.unix_ms + if (given_ms == 0) short_timeout_default_ms else given_ms;
    }

    fn description(
        stream: *const Stream,
        fields: *const query_request.Fields,
        context: *const Context,
    ) jobs.Description {
        return .{
            .id = fields.taskId(),
            .node = stream.node,
            .namespace = stream.namespace.options.name,
            .set = fields.set,
            .index = stream.selection.indexName(),
            .kind = .basic,
            .partitions_requested = stream.partitions.count,
            .digests_requested = @intCast(stream.partitions.resumes.count()),
            .records_per_second = stream.rate.records_per_second,
            .socket_timeout_ms = fields.socketTimeoutMs() catch 0,
            .started_ms = context.now.unix_ms,
        };
    }

    fn destroy(stream: *Stream) void {
        const gpa = stream.gpa;
        if (stream.job) |job| stream.core.jobs.finish(job, null, stream.last_ms);
        stream.selection.deinit(gpa);
        stream.entries.deinit(gpa);
        stream.arena.deinit();
        gpa.destroy(stream);
    }

    const vtable: Context.Stream.VTable = .{
        .proceed = proceedOpaque,
        .destroy = destroyOpaque,
    };

    fn proceedOpaque(pointer: *anyopaque, context: *const Context) Error!Progress {
        const stream: *Stream = @ptrCast(@alignCast(pointer));
        return stream.proceed(context);
    }

    fn destroyOpaque(pointer: *anyopaque) void {
        const stream: *Stream = @ptrCast(@alignCast(pointer));
        stream.destroy();
    }

    /// Appends the next piece of the reply.
    fn proceed(stream: *Stream, context: *const Context) Error!Progress {
        const out = context.out;
        stream.last_ms = context.now.unix_ms;
        var work: usize = 0;
        const start_offset = try wire.proto.begin(out);
        const code = while (true) {
            if (stream.abandoned(context.now)) |code| break code;
            if (out.end - start_offset >= piece_bytes_full or work >= work_max) {
                stream.endPiece(out, start_offset);
                return .{ .more = 0 };
            }
            if (stream.rate.waitMs(stream.sent, context.now)) |wait_ms| {
                stream.endPiece(out, start_offset);
                return .{ .more = wait_ms };
            }
            work += 1;
            if (stream.position < stream.entries.items.len) {
                const entry = &stream.entries.items[stream.position];
                stream.position += 1;
                try stream.send(context, entry);
            } else if (!try stream.nextPartition(context, &work)) {
                break Status.ok;
            }
        };
        try stream.finish(context, start_offset, code);
        return .done;
    }

    fn abandoned(stream: *const Stream, now: record_module.Now) ?Status {
        if (stream.short_end_ms) |end_ms| {
            if (now.unix_ms > end_ms) return .timeout;
        }
        const job = stream.job orelse return null;
        return if (job.isAborted()) .scan_aborted else null;
    }

    fn endPiece(stream: *const Stream, out: *Buffer, start_offset: usize) void {
        _ = stream;
        if (out.end == start_offset + wire.proto.header_bytes) {
            out.end = start_offset;
        } else {
            wire.proto.end(out, start_offset, .message);
        }
    }

    /// The last message is part of a short query's frame, and otherwise a frame of its own.
    fn finish(
        stream: *Stream,
        context: *const Context,
        start_offset: usize,
        code: Status,
    ) Error!void {
        const out = context.out;
        if (code != .ok) context.count(.errors);
        const header: wire.message.Header = .{
            .info3 = .{ .last = true },
            .result_code = @intCast(@backingInt(code)),
        };
        if (stream.short_end_ms == null) {
            stream.endPiece(out, start_offset);
            var encoder = try wire.message.Encoder.begin(out);
            encoder.finish(header);
        } else {
            var encoder = try wire.message.Encoder.beginBare(out);
            encoder.finish(header);
            stream.endPiece(out, start_offset);
        }
        if (stream.job) |job| stream.core.jobs.finish(job, code, context.now.unix_ms);
        stream.job = null;
    }

    /// False when there is none left.
    fn nextPartition(stream: *Stream, context: *const Context, work: *usize) Error!bool {
        stream.entries.clearRetainingCapacity();
        stream.position = 0;
        while (stream.next_partition < store.partitions) {
            const id: u16 = @intCast(stream.next_partition);
            stream.next_partition += 1;
            if (stream.job) |job| job.reach(id);
            if (!stream.partitions.requested.isSet(id)) continue;
            if (!isServed(stream.core, stream.namespace, stream.node, id)) {
                try replyUnavailable(context, id);
            } else if (!stream.isFull() and stream.selection.mayMatch()) {
                stream.partition = id;
                try stream.load(context, work);
            }
            return true;
        }
        return false;
    }

    fn isFull(stream: *const Stream) bool {
        return stream.records_max != 0 and stream.sent >= stream.records_max;
    }

    fn replyUnavailable(context: *const Context, id: u16) Error!void {
        var encoder = try wire.message.Encoder.beginBare(context.out);
        encoder.finish(.{
            .info3 = .{ .partition_done = true },
            .result_code = @intCast(@backingInt(Status.partition_unavailable)),
            .generation = id,
        });
    }

    /// Takes what may be sent of a partition, in order.
    fn load(stream: *Stream, context: *const Context, work: *usize) Error!void {
        const place = stream.partitions.resumes.getPtr(stream.partition);
        const partition = &stream.namespace.partitions[stream.partition];
        {
            partition.mutex.lock();
            defer partition.mutex.unlock();
            work.* += partition.table.count;
            var records = partition.table.iterate();
            while (records.next()) |record| {
                if (record.meta.isExpired(context.now)) continue;
                try stream.selection.collect(stream.gpa, context.scratch, &stream.entries, record);
            }
        }
        const order: Order = .{ .by_index = stream.selection.order() };
        std.mem.sort(Entry, stream.entries.items, order, Order.isBefore);
        if (place) |after| {
            const mark: Entry = .{ .digest = after.digest, .index_value = after.index_value };
            dropUntil(&stream.entries, order, mark);
        }
        defer context.scratch.reset();
        const arena = context.scratch.arena.allocator();
        try stream.selection.deduplicate(arena, &stream.entries);
    }

    fn dropUntil(entries: *std.ArrayList(Entry), order: Order, mark: Entry) void {
        const items = entries.items;
        var first: usize = 0;
        while (first < items.len and !order.isBefore(mark, items[first])) first += 1;
        std.mem.copyForwards(Entry, items[0 .. items.len - first], items[first..]);
        entries.shrinkRetainingCapacity(items.len - first);
    }

    /// Appends a record, unless it is gone or has changed since its partition was looked at.
    fn send(stream: *Stream, context: *const Context, entry: *const Entry) Error!void {
        if (stream.isFull()) {
            stream.position = stream.entries.items.len;
            return;
        }
        const partition = &stream.namespace.partitions[stream.partition];
        partition.mutex.lock();
        defer partition.mutex.unlock();
        const record = partition.table.find(&entry.digest) orelse return;
        if (record.meta.isExpired(context.now)) return;
        defer context.scratch.reset();
        if (!try stream.selection.matches(context.scratch, record, entry.index_value)) return;
        if (stream.filter) |*expression| {
            const memory = context.scratch.arena.allocator();
            if (!try view.passes(expression, memory, stream.namespace, record, context.now)) {
                if (stream.job) |job| job.count(.filtered);
                return;
            }
        }
        const sent_before = context.out.end;
        const failed = !try stream.append(context, record, entry.index_value);
        if (stream.job) |job| {
            job.count(if (failed) .failed else .succeeded);
            if (stream.rate.records_per_second != 0) job.count(.throttled);
        }
        if (failed) context.out.end = sent_before;
        stream.sent += 1;
    }

    /// False when the record could not be read as asked.
    fn append(
        stream: *Stream,
        context: *const Context,
        record: *const Record,
        index_value: i64,
    ) Error!bool {
        const responses = &context.scratch.response;
        switch (stream.projection) {
            .all, .none => {},
            .operations => {
                const code = try read_command.collect(
                    context,
                    &stream.request,
                    stream.namespace,
                    record,
                );
                if (code != .ok) return false;
                if (responses.items.len == 0) return true;
            },
            .names => |bytes| {
                var names: query_request.NameIterator = .init(bytes);
                while (names.next()) |name| {
                    const bin = record.findBin(name) orelse continue;
                    try responses.append(context.scratch.gpa, .{ .code = .read, .bin = bin });
                }
                if (responses.items.len == 0) return true;
            },
        }
        var encoder = try wire.message.Encoder.beginBare(context.out);
        try stream.appendFields(&encoder, record, index_value);
        if (stream.projection == .all) {
            try context.out.append(record.encodedBins());
            encoder.operation_count = record.bin_count;
        } else for (responses.items) |*response| {
            const bin = &response.bin;
            encoder.operation(response.code, bin.kind, bin.name, bin.value) catch |err| {
                switch (err) {
                    error.BinNameTooLong => unreachable,
                    error.OutOfMemory, error.NoSpaceLeft => |other| return other,
                }
            };
        }
        encoder.finish(.{
            .info1 = .{ .no_bins = stream.projection == .none },
            .generation = record.meta.generation,
            .record_ttl = record.meta.void_time_s,
        });
        return true;
    }

    fn appendFields(
        stream: *const Stream,
        encoder: *wire.message.Encoder,
        record: *const Record,
        index_value: i64,
    ) Error!void {
        try encoder.field(.namespace, stream.namespace.options.name);
        try encoder.field(.digest, &record.meta.digest);
        const set = stream.namespace.setName(record.meta.set_id);
        if (set.len > 0) try encoder.field(.set, set);
        const key = record.storedKey();
        if (key.len > 0) try encoder.field(.key, key);
        if (stream.selection.condition == null) return;
        var value: [8]u8 = undefined;
        std.mem.writeInt(i64, &value, index_value, .little);
        try encoder.field(.index_values, &value);
    }
};

pub const Rate = struct {
    /// 0: as fast as it goes.
    records_per_second: u32,
    started_ms: u64,

    /// How long the next record has to wait; null when it may come now.
    pub fn waitMs(rate: *const Rate, records_done: u64, now: record_module.Now) ?u32 {
        if (rate.records_per_second == 0) return null;
        const due_ms = @min(
            records_done * 1000 / rate.records_per_second,
            records_done * throttle_ms_max,
        );
        const elapsed_ms = now.unix_ms -| rate.started_ms;
        // Waits that are too short to tell are left out.
        if (due_ms <= elapsed_ms + 1) return null;
        return @intCast(@min(due_ms - elapsed_ms, throttle_ms_max));
    }
};

/// What a query is refused with.
pub fn refusalOf(context: *const Context, request: *const Request) error{OutOfMemory}!Status {
    const condition = request.filter orelse return .request_invalid;
    const arena = context.scratch.arena.allocator();
    const version = context.core.version;
    return (try expression_module.filterRefusal(arena, version, condition)).status;
}

/// The filter of a request, made once for all of its records.
pub fn compileFilter(
    arena: std.mem.Allocator,
    version: Version,
    request: *const Request,
) error{ Refused, OutOfMemory }!?Expression {
    const bytes = request.filter orelse return null;
    return Expression.compileFilter(arena, version, bytes) catch |err| switch (err) {
        error.Invalid => error.Refused,
        error.OutOfMemory => error.OutOfMemory,
    };
}

/// Whether a node has a copy of a partition to read from.
pub fn isServed(core: *const Core, namespace: *const store.Namespace, node: u8, id: u16) bool {
    if (core.isUnavailable(id)) return false;
    const replicas = core.topology.effectiveReplicas(namespace.options.replication_factor);
    for (0..replicas) |replica| {
        if (core.topology.owner(id, @intCast(replica)) == node) return true;
    }
    return false;
}

pub const Counted = struct { entries: u64 = 0, values: u64 = 0, records: u64 = 0 };

/// What an index holds of a node's partitions. Values are distinct ones.
pub fn countEntries(
    core: *Core,
    node: u8,
    scratch: *Scratch,
    index: *secondary_index.Index,
) error{OutOfMemory}!Counted {
    const namespace = core.store.find(index.definition.namespace).?;
    const range: secondary_index.Range = .{
        .bin = "",
        .data_type = index.definition.data_type,
        .values = .everything,
    };
    const selection: Selection = .{
        .namespace = namespace,
        .set = .all,
        .condition = .{ .index = index, .range = range },
    };
    var values: std.AutoHashMapUnmanaged(i64, void) = .empty;
    defer values.deinit(core.gpa);
    var counted: Counted = .{};
    for (namespace.partitions, 0..) |*partition, id| {
        if (!isServed(core, namespace, node, @intCast(id))) continue;
        partition.mutex.lock();
        defer partition.mutex.unlock();
        var records = partition.table.iterate();
        while (records.next()) |record| {
            defer scratch.reset();
            if (!selection.isOfSet(record)) continue;
            const found = try selection.find(scratch, record);
            for (found) |value| try values.put(core.gpa, value, {});
            counted.entries += found.len;
            counted.records += @intFromBool(found.len > 0);
        }
    }
    counted.values = values.count();
    return counted;
}

const Order = struct {
    /// Null: by digest alone, the largest first.
    by_index: ?enum { signed, unsigned },

    fn isBefore(order: Order, left: Entry, right: Entry) bool {
        const kind = order.by_index orelse {
            return std.mem.order(u8, &left.digest, &right.digest) == .gt;
        };
        if (left.index_value != right.index_value) {
            const is_unsigned = kind == .unsigned;
            return secondary_index.isBefore(is_unsigned, left.index_value, right.index_value);
        }
        const left_stub = stubOf(&left.digest);
        const right_stub = stubOf(&right.digest);
        if (left_stub != right_stub) return left_stub < right_stub;
        return std.mem.order(u8, &left.digest, &right.digest) == .lt;
    }

    /// The index of the real server compares these bits of a digest first.
    fn stubOf(digest: *const Digest) u8 {
        return (digest[1] & 0xf0) | (digest[2] >> 4);
    }
};

/// Which records a query is about.
pub const Selection = struct {
    namespace: *const store.Namespace,
    set: Set,
    condition: ?Condition = null,

    const Set = union(enum) { all, unknown, id: u16 };

    const Condition = struct {
        index: *secondary_index.Index,
        range: secondary_index.Range,
    };

    pub const InitError = error{ Refused, IndexNotFound, IndexNotReadable, OutOfMemory };

    pub fn rangeOf(
        arena: std.mem.Allocator,
        fields: *const query_request.Fields,
    ) InitError!?secondary_index.Range {
        const bytes = fields.index_range orelse return null;
        const is_named = fields.index_name != null or fields.index_expression != null;
        const range = secondary_index.Range.parse(arena, bytes, is_named) catch |err| switch (err) {
            error.Invalid => return error.Refused,
            error.OutOfMemory => return error.OutOfMemory,
        };
        if (fields.index_kind) |kind| if (kind.len == 0) return error.Refused;
        if (fields.index_expression) |expression| {
            if (expression.len == 0 or fields.index_name != null) return error.Refused;
        }
        if (fields.index_context) |context| {
            if (is_named or !@import("../data/path.zig").isContext(context)) return error.Refused;
        }
        return range;
    }

    pub fn init(
        core: *Core,
        namespace: *store.Namespace,
        fields: *const query_request.Fields,
        range_given: ?secondary_index.Range,
        index_name: []const u8,
    ) InitError!Selection {
        var selection: Selection = .{ .namespace = namespace, .set = .all };
        if (fields.set.len > 0) {
            selection.set = if (namespace.findSetId(fields.set)) |id|
                .{ .id = id }
            else
                .unknown;
        }
        const range = range_given orelse return selection;
        const name = namespace.options.name;
        const catalog = &core.indexes;
        const index = if (index_name.len > 0)
            catalog.acquireByName(name, index_name)
        else
            catalog.acquire(&.{
                .namespace = name,
                .set = fields.set,
                .bin = range.bin,
                .data_type = range.data_type,
                .collection = collectionOf(fields.index_kind) orelse return error.IndexNotFound,
                .context = fields.index_context orelse "",
                .expression = fields.index_expression orelse "",
            });
        const found = index orelse return error.IndexNotFound;
        selection.condition = .{ .index = found, .range = range };
        if (!found.definition.is_of_set) return selection;
        found.release(core.gpa);
        return error.IndexNotReadable;
    }

    fn collectionOf(field: ?[]const u8) ?secondary_index.Collection {
        const bytes = field orelse return .default;
        return std.enums.fromInt(secondary_index.Collection, bytes[0]);
    }

    pub fn deinit(selection: *const Selection, gpa: std.mem.Allocator) void {
        if (selection.condition) |condition| condition.index.release(gpa);
    }

    pub fn indexName(selection: *const Selection) []const u8 {
        const condition = selection.condition orelse return "";
        return condition.index.name();
    }

    /// False when no record can be of its set.
    pub fn mayMatch(selection: *const Selection) bool {
        if (selection.condition) |condition| {
            if (condition.index.dropped.load(.acquire)) return false;
        }
        return selection.set != .unknown;
    }

    fn order(selection: *const Selection) @FieldType(Order, "by_index") {
        const condition = selection.condition orelse return null;
        const is_unsigned = condition.index.definition.data_type == .geo2dsphere;
        return if (is_unsigned) .unsigned else .signed;
    }

    fn isOfSet(selection: *const Selection, record: *const Record) bool {
        switch (selection.set) {
            .all => {},
            .unknown => return false,
            .id => |id| if (record.meta.set_id != id) return false,
        }
        const condition = selection.condition orelse return true;
        const indexed = condition.index.definition.set;
        if (indexed.len == 0) return true;
        return std.mem.eql(u8, selection.namespace.setName(record.meta.set_id), indexed);
    }

    /// Appends an entry for every value that the record is found under.
    fn collect(
        selection: *const Selection,
        gpa: std.mem.Allocator,
        scratch: *Scratch,
        entries: *std.ArrayList(Entry),
        record: *const Record,
    ) error{OutOfMemory}!void {
        if (!selection.isOfSet(record)) return;
        if (selection.condition == null) {
            return entries.append(gpa, .{ .digest = record.meta.digest });
        }
        defer scratch.reset();
        for (try selection.find(scratch, record)) |value| {
            try entries.append(gpa, .{ .digest = record.meta.digest, .index_value = value });
        }
    }

    fn find(
        selection: *const Selection,
        scratch: *Scratch,
        record: *const Record,
    ) error{OutOfMemory}![]const i64 {
        const condition = &selection.condition.?;
        var found: secondary_index.Matches = .empty;
        const arena = scratch.arena.allocator();
        const namespace = selection.namespace;
        const range = &condition.range;
        try secondary_index.match(arena, &found, condition.index, range, namespace, record);
        return found.items;
    }

    /// Whether the record is still found under a value.
    fn matches(
        selection: *const Selection,
        scratch: *Scratch,
        record: *const Record,
        value: i64,
    ) error{OutOfMemory}!bool {
        if (!selection.isOfSet(record)) return false;
        if (selection.condition == null) return true;
        for (try selection.find(scratch, record)) |found| {
            if (found == value) return true;
        }
        return false;
    }

    /// Whether the query is about the record at all.
    pub fn includes(
        selection: *const Selection,
        scratch: *Scratch,
        record: *const Record,
    ) error{OutOfMemory}!bool {
        if (!selection.isOfSet(record)) return false;
        if (selection.condition == null) return true;
        return (try selection.find(scratch, record)).len > 0;
    }

    /// A record that a range finds under several values comes once, under the first.
    fn deduplicate(
        selection: *const Selection,
        arena: std.mem.Allocator,
        entries: *std.ArrayList(Entry),
    ) error{OutOfMemory}!void {
        const condition = selection.condition orelse return;
        if (condition.index.definition.collection == .default) return;
        var known: std.AutoHashMapUnmanaged(Digest, void) = .empty;
        var kept: usize = 0;
        for (entries.items) |entry| {
            const known_entry = try known.getOrPut(arena, entry.digest);
            if (known_entry.found_existing) continue;
            entries.items[kept] = entry;
            kept += 1;
        }
        entries.shrinkRetainingCapacity(kept);
    }
};
