//! Aggregations: a function applied to the stream of all records that a query finds on a node, of
//! whose partitions it is the master.
//!
//! The records are taken first, as the function is to see them, and nothing is locked while it runs.
//! What it yields is the reply, one message a value, the failure of the function included.

const std = @import("std");
const wire = @import("../../wire.zig");
const status = @import("../../status.zig");
const Context = @import("../core/Context.zig");
const Request = @import("../commands/Request.zig");
const access = @import("../security/access.zig");
const apply = @import("../commands/apply.zig");
const jobs = @import("../core/jobs.zig");
const query = @import("query.zig");
const query_request = @import("request.zig");
const reply = @import("../commands/reply.zig");
const store = @import("../store/store.zig");
const udf = @import("../core/modules.zig");

const Buffer = wire.Buffer;
const Status = status.Status;
const msgpack = wire.msgpack;

/// What the records of one node may take, as the function gets them.
const records_bytes_max = 60 * 1024 * 1024;
/// A piece of a reply ends once it is as large as this.
const piece_bytes_full = 128 * 1024;
/// Of a query that does not say how long it may take.
const timeout_ms_default = 60_000;

const Error = Buffer.Error;

/// Answers the whole aggregation, or why not.
pub fn start(context: *const Context, request: *const Request, body: []const u8) Error!void {
    const place: access.Privilege.Place = .{ .namespace = request.namespace.?, .set = request.set };
    const allowed = context.authorize(.{ .read = true }, place);
    if (allowed != .ok) return reply.fail(context, allowed);
    var arena = std.heap.ArenaAllocator.init(context.core.gpa);
    defer arena.deinit();
    var aggregation = Aggregation.create(arena.allocator(), context, request, body) catch |err| {
        return switch (err) {
            error.Refused => reply.fail(context, .request_invalid),
            error.NotFound => reply.fail(context, .record_not_found),
            error.IndexNotFound => reply.fail(context, .index_not_found),
            error.IndexNotReadable => reply.fail(context, .index_not_readable),
            error.Unsupported => reply.fail(context, .unsupported_feature),
            error.OutOfMemory => error.OutOfMemory,
        };
    };
    defer aggregation.selection.deinit(context.core.gpa);
    try aggregation.answer();
}

const Aggregation = struct {
    arena: std.mem.Allocator,
    context: *const Context,
    request: *const Request,
    namespace: *store.Namespace,
    selection: query.Selection,
    job: *jobs.Job,

    const CreateError = query.Selection.InitError || error{ Unsupported, NotFound };

    fn create(
        arena: std.mem.Allocator,
        context: *const Context,
        request: *const Request,
        body: []const u8,
    ) CreateError!Aggregation {
        const core = context.core;
        const call = &request.udf.?;
        if (call.package.len > udf.name_bytes_max or call.function.len > udf.name_bytes_max) {
            return error.Refused;
        }
        const message = wire.message.Message.decode(body) catch unreachable;
        const fields = query_request.Fields.read(&message) catch unreachable;
        const namespace = core.store.find(request.namespace.?).?;
        if (fields.set.len > store.set_name_bytes_max) return error.Refused;
        const index_name = fields.indexName() catch return error.Refused;
        const range = try query.Selection.rangeOf(arena, &fields);
        if (fields.set.len > 0 and namespace.findSetId(fields.set) == null) return error.NotFound;
        const selection = try query.Selection.init(core, namespace, &fields, range, index_name);
        errdefer selection.deinit(core.gpa);
        if (request.filter != null) return error.Unsupported;
        return .{
            .arena = arena,
            .context = context,
            .request = request,
            .namespace = namespace,
            .selection = selection,
            .job = try core.jobs.begin(.{
                .id = fields.taskId(),
                .node = context.node,
                .namespace = namespace.options.name,
                .set = fields.set,
                .index = selection.indexName(),
                .kind = .aggregation,
                .udf_package = call.package,
                .udf_function = call.function,
                .records_per_second = 0,
                .socket_timeout_ms = fields.socketTimeoutMs() catch 0,
                .started_ms = context.now.unix_ms,
            }),
        };
    }

    fn answer(aggregation: *Aggregation) Error!void {
        const context = aggregation.context;
        const start_offset = try wire.proto.begin(context.out);
        var piece: Piece = .{ .out = context.out, .start_offset = start_offset };
        const failed = try aggregation.run(&piece);
        if (failed) |text| {
            context.count(.errors);
            try piece.message("FAILURE", .string, text);
        }
        const code: Status = if (failed == null) .ok else .udf;
        var last = try wire.message.Encoder.beginBare(context.out);
        last.finish(.{
            .info3 = .{ .last = true },
            .result_code = @intCast(@backingInt(code)),
        });
        wire.proto.end(context.out, piece.start_offset, .message);
        context.core.jobs.finish(aggregation.job, code, context.now.unix_ms);
    }

    /// Appends the values; what went wrong, if anything did.
    fn run(aggregation: *Aggregation, piece: *Piece) Error!?[]const u8 {
        const context = aggregation.context;
        const call = &aggregation.request.udf.?;
        const core = context.core;
        const arena = aggregation.arena;
        const records = aggregation.collect() catch |err| switch (err) {
            error.NoSpaceLeft => return "UDF: these are more records than a local server takes",
            error.OutOfMemory => return error.OutOfMemory,
        };
        const file = try std.fmt.allocPrint(arena, "{s}.lua", .{call.package});
        const module = core.modules.acquire(file) orelse return "UDF: Execution Error 1";
        defer module.release(core.gpa);
        if (!core.modules.hasRunner()) return "UDF: this server has no Lua to run functions with";
        const timeout_ms = aggregation.request.header.transaction_ttl;
        const bytes = try core.modules.ask(arena, &.{
            .module = module.name,
            .source = module.source,
            .call = .{
                .function = call.function,
                .arguments = call.arguments,
                .subject = .{ .records = records },
            },
            .timeout_ms = if (timeout_ms == 0) timeout_ms_default else timeout_ms,
        }) orelse return no_answer;
        return appendAnswer(bytes, piece) catch |err| switch (err) {
            error.OutOfMemory, error.NoSpaceLeft => |other| other,
            else => no_answer,
        };
    }

    const no_answer = "UDF: what runs functions has failed";

    /// The records as a MessagePack array.
    fn collect(aggregation: *Aggregation) Error![]const u8 {
        const arena = aggregation.arena;
        const context = aggregation.context;
        var count: u32 = 0;
        var records = Buffer.growing(arena, &.{}, records_bytes_max);
        for (0..store.partitions) |index| {
            const id: u16 = @intCast(index);
            aggregation.job.reach(id);
            if (context.core.isUnavailable(id)) continue;
            if (context.core.topology.owner(id, 0) != context.node) continue;
            const partition = &aggregation.namespace.partitions[id];
            partition.mutex.lock();
            defer partition.mutex.unlock();
            var found = partition.table.iterate();
            while (found.next()) |record| {
                if (record.meta.isExpired(context.now)) continue;
                defer context.scratch.reset();
                if (!try aggregation.selection.includes(context.scratch, record)) continue;
                try apply.appendRecord(context.scratch.arena.allocator(), &records, record, .{
                    .meta = record.meta,
                    .set = aggregation.namespace.setName(record.meta.set_id),
                    .key = null,
                    .now = context.now,
                });
                aggregation.job.count(.succeeded);
                count += 1;
            }
        }
        var whole = Buffer.growing(arena, &.{}, records_bytes_max);
        try msgpack.writeArrayHeader(&whole, count);
        try whole.append(records.written());
        return whole.written();
    }
};

/// {"ok": bool, "error": text, "values": [[type, bytes]...]}. Returns the error, if there is one.
fn appendAnswer(bytes: []const u8, piece: *Piece) !?[]const u8 {
    var reader: msgpack.Reader = .init(bytes);
    var failed: ?[]const u8 = null;
    for (0..try expect(.map, &reader)) |_| {
        const name = try expect(.string, &reader);
        const value = try reader.value();
        var inner: msgpack.Reader = .init(value);
        if (std.mem.eql(u8, name, "error")) {
            failed = try expect(.string, &inner);
        } else if (std.mem.eql(u8, name, "values")) {
            for (0..try expect(.array, &inner)) |_| {
                if (try expect(.array, &inner) != 2) return error.Malformed;
                const kind = std.math.cast(u8, try expect(.int, &inner)) orelse
                    return error.Malformed;
                const data = try expect(.binary, &inner);
                try piece.message("SUCCESS", @fromBackingInt(kind), data);
            }
        }
    }
    return failed;
}

fn expect(
    comptime kind: @typeInfo(msgpack.Token).@"union".tag_type.?,
    reader: *msgpack.Reader,
) msgpack.ReadError!@FieldType(msgpack.Token, @tagName(kind)) {
    const token = try reader.next();
    return if (token == kind) @field(token, @tagName(kind)) else error.Malformed;
}

/// A frame of a reply that has several.
const Piece = struct {
    out: *Buffer,
    start_offset: usize,

    fn message(
        piece: *Piece,
        bin: []const u8,
        kind: wire.particle.Type,
        value: []const u8,
    ) Error!void {
        if (piece.out.end - piece.start_offset >= piece_bytes_full) {
            wire.proto.end(piece.out, piece.start_offset, .message);
            piece.start_offset = try wire.proto.begin(piece.out);
        }
        var encoder = try wire.message.Encoder.beginBare(piece.out);
        encoder.operation(.read, kind, bin, value) catch |err| switch (err) {
            error.BinNameTooLong => unreachable,
            error.OutOfMemory, error.NoSpaceLeft => |other| return other,
        };
        encoder.finish(.{});
    }
};

test "an answer's values become messages, and its error the last one" {
    const testing = std.testing;
    var memory: [256]u8 = undefined;
    var out = Buffer.fixed(&memory);
    var piece: Piece = .{ .out = &out, .start_offset = try wire.proto.begin(&out) };
    const values = "\xa6values\x92\x92\x01\xc4\x01\x05\x92\x03\xc4\x01x";
    const failed = try appendAnswer("\x83\xa2ok\xc2\xa5error\xa3bad" ++ values, &piece);
    try testing.expectEqualStrings("bad", failed.?);
    const body = out.written()[wire.proto.header_bytes..];
    const first = try wire.message.Message.decode(body);
    var operations = try first.operations();
    const operation = (try operations.next()).?;
    try testing.expectEqualStrings("SUCCESS", operation.name);
    try testing.expectEqualStrings("\x05", operation.value);
    for ([_][]const u8{ "\x91\xc3", "\x81\xa6values\x91\x92\x01\xa1x", "\x81\xa6values" }) |bytes| {
        try testing.expectError(error.Malformed, appendAnswer(bytes, &piece));
    }
}
