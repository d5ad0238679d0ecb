//! From the frames of a query's reply to records, one at a time.
//!
//! A frame holds several messages; `Messages` walks them and says what each is. Everything here
//! comes from the network: whatever is wrong with it is an error value.

const std = @import("std");
const operate_reply = @import("../record/operate_reply.zig");
const reply = @import("../record/reply.zig");
const wire = @import("../../wire.zig");
const Status = @import("../../status.zig").Status;
const msgpack = wire.msgpack;

pub const Error = reply.Error;

/// The parts of a record; slices point into the frame.
pub const Record = struct {
    message: wire.message.Message,
    namespace: []const u8,
    set: []const u8,
    /// A particle type byte and the key; empty when the server does not know the user key.
    user_key: []const u8,
    digest: *const wire.digest.Digest,
    index_value: *const [8]u8,
    operations: wire.message.OperationIterator,

    /// Its particle type and bytes; nil when the server does not know it.
    pub fn userKey(record: *const Record) struct { wire.particle.Type, []const u8 } {
        if (record.user_key.len == 0) return .{ .nil, "" };
        return .{ @fromBackingInt(record.user_key[0]), record.user_key[1..] };
    }
};

pub const Item = union(enum) {
    record: Record,
    /// The node does not have this partition.
    unavailable: u32,
    /// The stream has ended.
    end: Status,
};

pub const Messages = struct {
    rest: []const u8,

    /// Null at the end of the frame. Before the next call after a record, `rest` has to be set to
    /// what follows the record, which whoever reads its operations knows.
    pub fn next(messages: *Messages) error{Malformed}!?Item {
        while (messages.rest.len > 0) {
            const message = try wire.message.Message.decode(messages.rest);
            const header = &message.header;
            const status = Status.fromServer(header.result_code);
            if (header.info3.last) return .{ .end = status };
            if (header.info3.partition_done) {
                var operations = try message.operations();
                while (try operations.next()) |_| {}
                messages.rest = operations.rest;
                if (status == .ok) continue;
                return .{ .unavailable = header.generation };
            }
            // A node that does not know the set has nothing to send.
            if (status == .record_not_found) return .{ .end = .ok };
            if (status != .ok) return .{ .end = status };
            return .{ .record = try decode(message) };
        }
        return null;
    }
};

fn decode(message: wire.message.Message) error{Malformed}!Record {
    var record: Record = .{
        .message = message,
        .namespace = "",
        .set = "",
        .user_key = "",
        .digest = undefined,
        .index_value = &no_index_value,
        .operations = undefined,
    };
    var has_digest = false;
    var fields = message.fields();
    while (try fields.next()) |field| switch (field.kind) {
        .namespace => record.namespace = field.data,
        .set => record.set = field.data,
        .key => record.user_key = field.data,
        .digest => {
            if (field.data.len != wire.digest.digest_bytes) return error.Malformed;
            record.digest = field.data[0..wire.digest.digest_bytes];
            has_digest = true;
        },
        .index_values => {
            if (field.data.len != 8) return error.Malformed;
            record.index_value = field.data[0..8];
        },
        else => {},
    };
    if (!has_digest) return error.Malformed;
    record.operations = fields.operations(message.header.operation_count);
    return record;
}

const no_index_value: [8]u8 = @splat(0);

/// Appends [[namespace, set, user key or nil, digest], [generation, ttl], {bin: value}], and
/// returns what follows the record. The values are the results of the request's operations, if it
/// has any.
pub fn writeRecord(
    gpa: std.mem.Allocator,
    record: *Record,
    request: *const operate_reply.Request,
    now_unix_s: i64,
    out: *wire.Buffer,
) Error![]const u8 {
    try msgpack.writeArrayHeader(out, 3);
    try msgpack.writeArrayHeader(out, 4);
    try msgpack.writeString(out, record.namespace);
    try msgpack.writeString(out, record.set);
    if (record.user_key.len == 0) {
        try msgpack.writeNil(out);
    } else {
        const kind: wire.particle.Type = @fromBackingInt(record.user_key[0]);
        try wire.particle.msgpackFromParticle(out, kind, record.user_key[1..]);
    }
    try msgpack.writeBinary(out, record.digest);
    try reply.writeMetadata(&record.message.header, now_unix_s, out);
    if (request.operations.len != 0) {
        const respond_all = request.respond_all;
        try operate_reply.writeBins(gpa, request.operations, respond_all, &record.message, out);
        return skip(record);
    }
    try msgpack.writeMapHeader(out, record.message.header.operation_count);
    while (try record.operations.next()) |operation| {
        try msgpack.writeString(out, operation.name);
        try wire.particle.msgpackFromParticle(out, operation.particle, operation.value);
    }
    return record.operations.rest;
}

/// Returns what follows the record.
pub fn skip(record: *Record) error{Malformed}![]const u8 {
    while (try record.operations.next()) |_| {}
    return record.operations.rest;
}

const testing = std.testing;

fn appendMessage(out: *wire.Buffer, header: wire.message.Header) !void {
    var encoder = try wire.message.Encoder.beginBare(out);
    if (header.info3.last or header.info3.partition_done or header.result_code != 0) {
        return encoder.finish(header);
    }
    try encoder.field(.namespace, "test");
    try encoder.field(.set, "demo");
    try encoder.field(.digest, "01234567890123456789");
    try encoder.key(.integer, &.{ 0, 0, 0, 0, 0, 0, 0, 5 });
    try encoder.field(.index_values, "\x07\x00\x00\x00\x00\x00\x00\x00");
    try encoder.operation(.read, .string, "name", "Ada");
    encoder.finish(header);
}

test "a frame's messages are records, missing partitions and the end" {
    var memory: [1024]u8 = undefined;
    var frame = wire.Buffer.fixed(&memory);
    try appendMessage(&frame, .{ .generation = 3 });
    try appendMessage(&frame, .{
        .info3 = .{ .partition_done = true },
        .result_code = 11,
        .generation = 4095,
    });
    try appendMessage(&frame, .{ .info3 = .{ .partition_done = true }, .generation = 5 });
    try appendMessage(&frame, .{ .info3 = .{ .last = true }, .result_code = 210 });

    var messages: Messages = .{ .rest = frame.written() };
    var item = (try messages.next()).?;
    try testing.expectEqualStrings("\x07\x00\x00\x00\x00\x00\x00\x00", item.record.index_value);
    var out_memory: [256]u8 = undefined;
    var out = wire.Buffer.fixed(&out_memory);
    messages.rest = try writeRecord(testing.allocator, &item.record, &.{}, 0, &out);
    try testing.expectEqualStrings(
        "\x93\x94\xa4test\xa4demo\x05\xc4\x1401234567890123456789" ++
            "\x92\x03\xce\xff\xff\xff\xff\x81\xa4name\xa3Ada",
        out.written(),
    );
    try testing.expectEqual(@as(u32, 4095), (try messages.next()).?.unavailable);
    try testing.expectEqual(Status.query_aborted, (try messages.next()).?.end);
}

test "a frame cut anywhere is malformed, or ends early" {
    var memory: [1024]u8 = undefined;
    var frame = wire.Buffer.fixed(&memory);
    try appendMessage(&frame, .{});
    for (1..frame.end) |length| {
        var messages: Messages = .{ .rest = frame.written()[0..length] };
        var out_memory: [256]u8 = undefined;
        var out = wire.Buffer.fixed(&out_memory);
        var item = (messages.next() catch continue).?;
        try testing.expectError(error.Malformed, writeRecord(testing.allocator, &item.record, &.{}, 0, &out));
    }
}

test "an error without an end is the end; an unknown set has no records" {
    var memory: [256]u8 = undefined;
    var frame = wire.Buffer.fixed(&memory);
    try appendMessage(&frame, .{ .result_code = 201 });
    var messages: Messages = .{ .rest = frame.written() };
    try testing.expectEqual(Status.index_not_found, (try messages.next()).?.end);
    frame.clear();
    try appendMessage(&frame, .{ .result_code = 2 });
    messages = .{ .rest = frame.written() };
    try testing.expectEqual(Status.ok, (try messages.next()).?.end);
}
