//! The message of kind 3: a 22-byte header, fields, then operations. Requests and replies have
//! the same shape; a reply to a batch or a query has several messages in one frame.
//!
//! Reading: `Message.decode`, then its iterators; they check every length against the bytes
//! at hand, and where the operations end is where the next message of a frame begins.
//! Writing: an `Encoder` appends to a `Buffer` and patches sizes and counts when it finishes.

const std = @import("std");
const assert = std.debug.assert;
const Buffer = @import("Buffer.zig");
const Field = @import("field.zig").Field;
const FieldKind = @import("field.zig").Kind;
const Operation = @import("operation.zig").Operation;
const OperationCode = @import("operation.zig").Code;
const bin_name_bytes_max = @import("operation.zig").bin_name_bytes_max;
const field_header_bytes = @import("field.zig").header_bytes;
const flag_has_last_update_time = @import("operation.zig").flag_has_last_update_time;
const msgpack = @import("msgpack.zig");
const operation_header_bytes = @import("operation.zig").header_bytes;
const particle = @import("particle.zig");
const proto = @import("proto.zig");

pub const header_bytes = 22;
const transaction_ttl_offset = 14;

/// Gives a request's frame, which is complete, another time limit in ms.
pub fn patchTimeout(frame: []u8, timeout_ms: u32) void {
    const offset = proto.header_bytes + transaction_ttl_offset;
    std.mem.writeInt(u32, frame[offset..][0..4], timeout_ms, .big);
}

/// Declared from the lowest bit up, as all four are.
pub const Info1 = packed struct(u8) {
    read: bool = false,
    get_all: bool = false,
    short_query: bool = false,
    batch: bool = false,
    xdr: bool = false,
    /// Only the record's metadata is wanted.
    no_bins: bool = false,
    /// Reads consult all replicas of a partition in doubt.
    read_mode_all: bool = false,
    compress_response: bool = false,
};

pub const Info2 = packed struct(u8) {
    write: bool = false,
    delete: bool = false,
    /// The write is refused unless the record's generation equals the given one.
    generation: bool = false,
    /// The write is refused unless the given generation is greater.
    generation_greater: bool = false,
    durable_delete: bool = false,
    create_only: bool = false,
    relax_long_query: bool = false,
    /// Every operation gets its result, in the order of the request.
    respond_all_operations: bool = false,
};

pub const Info3 = packed struct(u8) {
    /// The last message of a reply that has several.
    last: bool = false,
    commit_master: bool = false,
    partition_done: bool = false,
    update_only: bool = false,
    create_or_replace: bool = false,
    replace_only: bool = false,
    /// Strict: linearize. With `sc_read_relax`: allow unavailable.
    sc_read_type: bool = false,
    /// Without `sc_read_type`: allow replicas.
    sc_read_relax: bool = false,
};

pub const Info4 = packed struct(u8) {
    verify_read: bool = false,
    roll_forward: bool = false,
    roll_back: bool = false,
    monitor_driven: bool = false,
    on_locking_only: bool = false,
    error_verbosity: u2 = 0,
    unused: u1 = 0,
};

pub const DecodeError = error{Malformed};

pub const Header = struct {
    info1: Info1 = .{},
    info2: Info2 = .{},
    info3: Info3 = .{},
    info4: Info4 = .{},
    result_code: u8 = 0,
    generation: u32 = 0,
    /// Requests: the record's time to live in seconds. Replies: its void time in seconds since
    /// 2010-01-01 UTC; 0 means that it never expires.
    record_ttl: u32 = 0,
    /// Requests: the server's time limit in ms. Batch replies: the row's index.
    transaction_ttl: u32 = 0,
    field_count: u16 = 0,
    operation_count: u16 = 0,

    pub fn decode(bytes: []const u8) DecodeError!Header {
        if (bytes.len < header_bytes) return error.Malformed;
        if (bytes[0] != header_bytes) return error.Malformed;
        return .{
            .info1 = @bitCast(bytes[1]),
            .info2 = @bitCast(bytes[2]),
            .info3 = @bitCast(bytes[3]),
            .info4 = @bitCast(bytes[4]),
            .result_code = bytes[5],
            .generation = std.mem.readInt(u32, bytes[6..10], .big),
            .record_ttl = std.mem.readInt(u32, bytes[10..14], .big),
            .transaction_ttl = std.mem.readInt(u32, bytes[transaction_ttl_offset..][0..4], .big),
            .field_count = std.mem.readInt(u16, bytes[18..20], .big),
            .operation_count = std.mem.readInt(u16, bytes[20..22], .big),
        };
    }

    pub fn encode(header: *const Header, bytes: *[header_bytes]u8) void {
        bytes[0] = header_bytes;
        bytes[1] = @bitCast(header.info1);
        bytes[2] = @bitCast(header.info2);
        bytes[3] = @bitCast(header.info3);
        bytes[4] = @bitCast(header.info4);
        bytes[5] = header.result_code;
        std.mem.writeInt(u32, bytes[6..10], header.generation, .big);
        std.mem.writeInt(u32, bytes[10..14], header.record_ttl, .big);
        std.mem.writeInt(u32, bytes[transaction_ttl_offset..][0..4], header.transaction_ttl, .big);
        std.mem.writeInt(u16, bytes[18..20], header.field_count, .big);
        std.mem.writeInt(u16, bytes[20..22], header.operation_count, .big);
    }
};

/// One message; `body` is all that follows its header, including any later messages.
pub const Message = struct {
    header: Header,
    body: []const u8,

    pub fn decode(bytes: []const u8) DecodeError!Message {
        const header = try Header.decode(bytes);
        return .{ .header = header, .body = bytes[header_bytes..] };
    }

    pub fn fields(message: *const Message) FieldIterator {
        return .{ .rest = message.body, .remaining = message.header.field_count };
    }

    /// Passes over the fields first. For a hot path that reads the fields anyway, use
    /// `FieldIterator.operations` once `next` has returned null.
    pub fn operations(message: *const Message) DecodeError!OperationIterator {
        var iterator = message.fields();
        while (try iterator.next()) |_| {}
        return iterator.operations(message.header.operation_count);
    }

    /// The first field of a kind, or null.
    pub fn findField(message: *const Message, kind: FieldKind) DecodeError!?[]const u8 {
        var iterator = message.fields();
        while (try iterator.next()) |item| {
            if (item.kind == kind) return item.data;
        }
        return null;
    }
};

pub const FieldIterator = struct {
    rest: []const u8,
    remaining: u16,

    pub inline fn next(iterator: *FieldIterator) DecodeError!?Field {
        if (iterator.remaining == 0) return null;
        const rest = iterator.rest;
        if (rest.len < field_header_bytes) return error.Malformed;
        const size = std.mem.readInt(u32, rest[0..4], .big);
        if (size == 0) return error.Malformed;
        if (size > rest.len - 4) return error.Malformed;
        iterator.remaining -= 1;
        iterator.rest = rest[4 + size ..];
        return .{
            .kind = @fromBackingInt(rest[4]),
            .data = rest[field_header_bytes..][0 .. size - 1],
        };
    }

    pub fn operations(iterator: *const FieldIterator, count: u16) OperationIterator {
        assert(iterator.remaining == 0);
        return .{ .rest = iterator.rest, .remaining = count };
    }
};

/// Once `next` has returned null, `rest` is what follows the message.
pub const OperationIterator = struct {
    rest: []const u8,
    remaining: u16,

    pub inline fn next(iterator: *OperationIterator) DecodeError!?Operation {
        if (iterator.remaining == 0) return null;
        const rest = iterator.rest;
        if (rest.len < operation_header_bytes) return error.Malformed;
        const size = std.mem.readInt(u32, rest[0..4], .big);
        if (size > rest.len - 4) return error.Malformed;
        const value_offset = valueOffset(rest[0..operation_header_bytes]);
        const end = 4 + @as(usize, size);
        if (value_offset > end) return error.Malformed;
        iterator.remaining -= 1;
        iterator.rest = rest[end..];
        return .{
            .code = @fromBackingInt(rest[4]),
            .particle = @fromBackingInt(rest[5]),
            .name = rest[operation_header_bytes..][0..rest[7]],
            .value = rest[value_offset..end],
        };
    }

    inline fn valueOffset(head: *const [operation_header_bytes]u8) usize {
        const name_end = operation_header_bytes + @as(usize, head[7]);
        const has_time = head[6] & flag_has_last_update_time != 0;
        return name_end + @as(usize, if (has_time) 8 else 0);
    }
};

pub const EncodeError = Buffer.Error || error{BinNameTooLong};

/// Appends one message. Counts beyond 16 bits and sizes beyond 32 are `error.NoSpaceLeft`.
pub const Encoder = struct {
    buffer: *Buffer,
    frame_offset: ?usize,
    header_offset: usize,
    field_count: u16 = 0,
    operation_count: u16 = 0,

    /// A message that is the whole of its frame.
    pub fn begin(buffer: *Buffer) Buffer.Error!Encoder {
        const offset = try buffer.reserve(proto.header_bytes + header_bytes);
        return .{
            .buffer = buffer,
            .frame_offset = offset,
            .header_offset = offset + proto.header_bytes,
        };
    }

    /// One message of several in a frame that the caller begins and ends (`proto.begin`).
    pub fn beginBare(buffer: *Buffer) Buffer.Error!Encoder {
        const offset = try buffer.reserve(header_bytes);
        return .{ .buffer = buffer, .frame_offset = null, .header_offset = offset };
    }

    /// Fields come before operations.
    pub fn field(encoder: *Encoder, kind: FieldKind, data: []const u8) Buffer.Error!void {
        try encoder.fieldHeader(kind, data.len);
        encoder.buffer.appendAssumeCapacity(data);
    }

    pub fn fieldInt(encoder: *Encoder, kind: FieldKind, T: type, value: T) Buffer.Error!void {
        try encoder.fieldHeader(kind, @sizeOf(T));
        encoder.buffer.intAssumeCapacity(T, value);
    }

    /// The user's key, which the server keeps with the record.
    pub fn key(encoder: *Encoder, kind: particle.Type, bytes: []const u8) Buffer.Error!void {
        try encoder.fieldHeader(.key, 1 + bytes.len);
        encoder.buffer.byteAssumeCapacity(@backingInt(kind));
        encoder.buffer.appendAssumeCapacity(bytes);
    }

    /// For data that is produced in place; `endField` takes what this returns.
    pub fn beginField(encoder: *Encoder, kind: FieldKind) Buffer.Error!usize {
        const offset = encoder.buffer.end;
        try encoder.fieldHeader(kind, 0);
        return offset;
    }

    pub fn endField(encoder: *Encoder, offset: usize) Buffer.Error!void {
        try encoder.patchSize(offset);
    }

    fn fieldHeader(encoder: *Encoder, kind: FieldKind, data_bytes: usize) Buffer.Error!void {
        assert(encoder.operation_count == 0);
        if (encoder.field_count == std.math.maxInt(u16)) return error.NoSpaceLeft;
        if (data_bytes >= std.math.maxInt(u32)) return error.NoSpaceLeft;
        try encoder.buffer.ensure(field_header_bytes + data_bytes);
        encoder.buffer.intAssumeCapacity(u32, @intCast(data_bytes + 1));
        encoder.buffer.byteAssumeCapacity(@backingInt(kind));
        encoder.field_count += 1;
    }

    pub fn operation(
        encoder: *Encoder,
        code: OperationCode,
        kind: particle.Type,
        name: []const u8,
        value: []const u8,
    ) EncodeError!void {
        const offset = try encoder.operationHeader(code, kind, name, value.len);
        encoder.buffer.appendAssumeCapacity(value);
        try encoder.patchSize(offset);
    }

    /// Takes one MessagePack value from the reader as the operation's value.
    pub fn operationFromMsgpack(
        encoder: *Encoder,
        code: OperationCode,
        name: []const u8,
        reader: *msgpack.Reader,
    ) (EncodeError || particle.EncodeError)!particle.Type {
        const offset = try encoder.operationHeader(code, .nil, name, 0);
        const kind = try particle.particleFromMsgpack(encoder.buffer, reader);
        try encoder.endOperation(offset, kind);
        return kind;
    }

    /// For a value that is produced in place; `endOperation` takes what this returns.
    pub fn beginOperation(
        encoder: *Encoder,
        code: OperationCode,
        name: []const u8,
    ) EncodeError!usize {
        return encoder.operationHeader(code, .nil, name, 0);
    }

    pub fn endOperation(encoder: *Encoder, offset: usize, kind: particle.Type) Buffer.Error!void {
        encoder.buffer.patch(u8, offset + 5, @backingInt(kind));
        try encoder.patchSize(offset);
    }

    fn operationHeader(
        encoder: *Encoder,
        code: OperationCode,
        kind: particle.Type,
        name: []const u8,
        value_bytes: usize,
    ) EncodeError!usize {
        if (name.len > bin_name_bytes_max) return error.BinNameTooLong;
        if (encoder.operation_count == std.math.maxInt(u16)) return error.NoSpaceLeft;
        const buffer = encoder.buffer;
        try buffer.ensure(operation_header_bytes + name.len + value_bytes);
        const offset = buffer.end;
        buffer.bytes[offset..][4..8].* = .{
            @backingInt(code),
            @backingInt(kind),
            0,
            @intCast(name.len),
        };
        buffer.end += operation_header_bytes;
        buffer.appendAssumeCapacity(name);
        encoder.operation_count += 1;
        return offset;
    }

    /// Sizes of fields and operations count what follows the size itself.
    fn patchSize(encoder: *Encoder, offset: usize) Buffer.Error!void {
        const size = encoder.buffer.end - offset - 4;
        if (size > std.math.maxInt(u32)) return error.NoSpaceLeft;
        encoder.buffer.patch(u32, offset, @intCast(size));
    }

    /// Writes the header, with the counts of what was appended, and the frame's size.
    pub fn finish(encoder: *Encoder, header: Header) void {
        var complete = header;
        complete.field_count = encoder.field_count;
        complete.operation_count = encoder.operation_count;
        complete.encode(encoder.buffer.bytes[encoder.header_offset..][0..header_bytes]);
        if (encoder.frame_offset) |offset| proto.end(encoder.buffer, offset, .message);
    }
};
