//! Batches: one request with many rows, each a command on one record.
//!
//! A row names its record and either carries a command or repeats that of the row before. It
//! is answered by a message of its own, which carries the row's index, in blocks that are each
//! a frame; a last message ends the reply. Rows are carried out in order on the connection's
//! thread, whatever the request says about threads.

const std = @import("std");
const wire = @import("../../wire.zig");
const status = @import("../../status.zig");
const Context = @import("../core/Context.zig");
const Request = @import("Request.zig");
const expression = @import("../data/expression.zig");
const filter = @import("filter.zig");
const record_command = @import("record.zig");
const store = @import("../store/store.zig");

const Buffer = wire.Buffer;
const Status = status.Status;

/// A block that has reached this size takes no more rows.
const block_bytes_full = 128 * 1024;

const Flags = packed struct(u8) {
    inline_memory: bool,
    inline_device: bool,
    /// Rows after one that failed are answered too.
    answer_all: bool,
    /// The answer of the row that failed is part of the reply.
    answer_failed: bool,
    unused: u4,
};

const RowFlags = packed struct(u8) {
    repeat: bool,
    has_info2_and_info3: bool,
    has_generation: bool,
    has_ttl: bool,
    has_info4: bool,
    unused: u3,
};

pub fn handle(context: *const Context, bytes: []const u8) Buffer.Error!void {
    context.count(.batch);
    if (!context.isAuthenticated()) return replyLast(context, .not_authenticated);
    const message = wire.message.Message.decode(bytes) catch {
        return replyLast(context, .request_invalid);
    };
    var rows: []const u8 = "";
    var batch_filter: ?[]const u8 = null;
    var fields = message.fields();
    while (fields.next() catch return replyLast(context, .request_invalid)) |item| {
        switch (item.kind) {
            .batch, .batch_with_set => rows = item.data,
            .filter => batch_filter = item.data,
            else => {},
        }
    }
    if (rows.len < 5) return replyLast(context, .request_invalid);
    const count = std.mem.readInt(u32, rows[0..4], .big);
    if (count == 0) return replyLast(context, .request_invalid);
    if (batch_filter) |condition| {
        const arena = context.scratch.arena.allocator();
        const version = context.core.version;
        if (!try filter.isValid(arena, version, condition)) {
            const failure = try expression.filterRefusal(arena, version, condition);
            return replyLast(context, failure.status);
        }
    }
    var batch: Batch = .{
        .context = context,
        .flags = @bitCast(rows[4]),
        .filter = batch_filter,
        .reader = .{ .rest = rows[5..] },
    };
    try batch.run(count);
}

/// The end of a reply, or all of it.
pub fn replyLast(context: *const Context, code: Status) Buffer.Error!void {
    if (code != .ok) context.count(.errors);
    var encoder = try wire.message.Encoder.begin(context.out);
    encoder.finish(.{
        .info3 = .{ .last = true },
        .result_code = @intCast(@backingInt(code)),
    });
}

const Batch = struct {
    context: *const Context,
    flags: Flags,
    /// For rows without one of their own.
    filter: ?[]const u8,
    reader: Reader,
    /// Where the block that is being written begins; null between blocks.
    block: ?usize = null,
    /// What the last message will say. Once it is set, no more blocks are sent.
    result: Status = .ok,
    /// Becomes `result` when the block ends.
    block_result: Status = .ok,

    fn run(batch: *Batch, count: u32) Buffer.Error!void {
        var request: Request = undefined;
        var namespace: ?*store.Namespace = null;
        for (0..count) |_| {
            const row = batch.nextRow(&request, &namespace) catch {
                batch.dropBlock();
                batch.result = .request_invalid;
                break;
            };
            try batch.answer(&row, &request, namespace.?);
        }
        batch.endBlock();
        try replyLast(batch.context, batch.result);
    }

    /// Reads a row and, unless it repeats the one before, its command.
    fn nextRow(
        batch: *Batch,
        request: *Request,
        namespace: *?*store.Namespace,
    ) error{Malformed}!Row {
        const row = try Row.read(&batch.reader);
        if (row.flags.repeat) {
            if (namespace.* == null or request.key != null) return error.Malformed;
            return row;
        }
        request.* = try batch.reader.command(&row);
        if (request.filter == null) request.filter = batch.filter;
        namespace.* = batch.context.core.store.find(request.namespace.?) orelse {
            return error.Malformed;
        };
        return row;
    }

    fn answer(
        batch: *Batch,
        row: *const Row,
        request: *const Request,
        namespace: *store.Namespace,
    ) Buffer.Error!void {
        const out = batch.context.out;
        if (batch.block) |start| {
            if (out.end - start > block_bytes_full) batch.endBlock();
        }
        if (batch.block == null) batch.block = try wire.proto.begin(out);
        var context = batch.context.*;
        context.row = row.index;
        const start = out.end;
        try record_command.handle(&context, request, namespace, &row.digest);
        context.scratch.reset();
        batch.judge(.fromServer(out.bytes[start + result_code_offset]));
    }

    const result_code_offset = 5;

    /// Whether a row's result ends the reply.
    fn judge(batch: *Batch, code: Status) void {
        if (batch.flags.answer_all) return;
        switch (code) {
            .ok, .record_not_found, .filtered_out => return,
            else => {},
        }
        const target = if (batch.flags.answer_failed) &batch.block_result else &batch.result;
        target.* = code;
    }

    fn endBlock(batch: *Batch) void {
        const start = batch.block orelse return;
        if (batch.result != .ok) return batch.dropBlock();
        wire.proto.end(batch.context.out, start, .message);
        batch.result = batch.block_result;
        batch.block = null;
    }

    fn dropBlock(batch: *Batch) void {
        if (batch.block) |start| batch.context.out.end = start;
        batch.block = null;
    }
};

const Row = struct {
    index: u32,
    digest: wire.digest.Digest,
    flags: RowFlags,

    fn read(reader: *Reader) error{Malformed}!Row {
        return .{
            .index = try reader.int(u32),
            .digest = (try reader.take(wire.digest.digest_bytes))[0..wire.digest.digest_bytes].*,
            .flags = @bitCast(try reader.int(u8)),
        };
    }
};

const Reader = struct {
    rest: []const u8,

    fn take(reader: *Reader, count: usize) error{Malformed}![]const u8 {
        if (reader.rest.len < count) return error.Malformed;
        defer reader.rest = reader.rest[count..];
        return reader.rest[0..count];
    }

    fn int(reader: *Reader, comptime T: type) error{Malformed}!T {
        const bytes = try reader.take(@sizeOf(T));
        return std.mem.readInt(T, bytes[0..@sizeOf(T)], .big);
    }

    fn command(reader: *Reader, row: *const Row) error{Malformed}!Request {
        var header: wire.message.Header = .{ .info1 = @bitCast(try reader.int(u8)) };
        if (row.flags.has_info2_and_info3) {
            header.info2 = @bitCast(try reader.int(u8));
            header.info3 = @bitCast(try reader.int(u8));
        }
        if (row.flags.has_info4) header.info4 = @bitCast(try reader.int(u8));
        if (row.flags.has_generation) header.generation = try reader.int(u16);
        if (row.flags.has_ttl) header.record_ttl = try reader.int(u32);
        // Old clients say zero and send the namespace all the same.
        header.field_count = @max(1, try reader.int(u16));
        header.operation_count = try reader.int(u16);
        const request, reader.rest = try Request.decodePrefix(header, reader.rest);
        if (request.namespace == null) return error.Malformed;
        return request;
    }
};
