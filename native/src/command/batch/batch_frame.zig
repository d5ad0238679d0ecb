//! The frame of a batch, written row by row.

const std = @import("std");
const request = @import("../record/request.zig");
const wire = @import("../../wire.zig");
const Buffer = wire.Buffer;

/// How one row differs from the first in a frame (as/src/base/batch.c).
const row_repeat = 0x01;
const row_has_info = 0x02;
const row_has_generation = 0x04;
const row_has_ttl = 0x08;
const row_has_info4 = 0x10;

/// What one row asks for.
pub const Asked = struct {
    key: *const request.Key,
    header: *const wire.message.Header,
    is_write: bool,
    sends_key: bool = false,
    /// Its own filter; empty for none, or that of the frame.
    filter: []const u8 = &.{},
    /// The fields in front of the operations.
    field_count: u16 = 0,
    operation_count: u16,
    /// Those fields, and the operations.
    operations: []const u8,
};

pub const Flags = packed struct(u8) {
    allow_inline: bool,
    allow_inline_ssd: bool,
    respond_all_keys: bool,
    /// The rows say themselves what they do.
    rows_have_attributes: bool = true,
    unused: u4 = 0,
};

pub const Writer = struct {
    encoder: wire.message.Encoder,
    field: usize,

    /// `filter` is that of all rows; empty for none.
    pub fn begin(
        out: *Buffer,
        filter: []const u8,
        count: u32,
        flags: Flags,
    ) Buffer.Error!Writer {
        var encoder = try wire.message.Encoder.begin(out);
        if (filter.len != 0) try encoder.field(.filter, filter);
        const field = try encoder.beginField(.batch);
        try out.int(u32, count);
        try out.byte(@bitCast(flags));
        return .{ .encoder = encoder, .field = field };
    }

    /// Another record of which the same is asked as of the one before, in the same set.
    pub fn repeat(
        writer: *Writer,
        index: u32,
        digest: *const wire.digest.Digest,
    ) Buffer.Error!void {
        try writer.place(index, digest);
        writer.encoder.buffer.byteAssumeCapacity(row_repeat);
    }

    pub fn row(writer: *Writer, index: u32, asked: *const Asked) Buffer.Error!void {
        const out = writer.encoder.buffer;
        const header = asked.header;
        try writer.place(index, &asked.key.digest);
        const info4: u8 = @bitCast(header.info4);
        var attributes: u8 = row_has_info | row_has_ttl;
        if (asked.is_write) attributes |= row_has_generation;
        if (info4 != 0) attributes |= row_has_info4;
        try out.byte(attributes);
        try out.byte(@bitCast(header.info1));
        try out.byte(@bitCast(header.info2));
        try out.byte(@bitCast(header.info3));
        if (info4 != 0) try out.byte(info4);
        if (asked.is_write) try out.int(u16, @truncate(header.generation));
        try out.int(u32, header.record_ttl);
        const own_fields = @as(u16, 2) + @intFromBool(asked.sends_key) +
            @intFromBool(asked.filter.len != 0);
        try out.int(u16, own_fields + asked.field_count);
        try out.int(u16, asked.operation_count);
        try appendField(out, .namespace, asked.key.namespace);
        try appendField(out, .set, asked.key.set);
        if (asked.filter.len != 0) try appendField(out, .filter, asked.filter);
        if (asked.sends_key) {
            try out.int(u32, @intCast(asked.key.user_key.len + 2));
            try out.byte(@backingInt(wire.field.Kind.key));
            try out.byte(@backingInt(asked.key.user_key_type));
            try out.append(asked.key.user_key);
        }
        try out.append(asked.operations);
    }

    fn place(writer: *Writer, index: u32, digest: *const wire.digest.Digest) Buffer.Error!void {
        const out = writer.encoder.buffer;
        try out.ensure(4 + wire.digest.digest_bytes + 1);
        out.intAssumeCapacity(u32, index);
        out.appendAssumeCapacity(digest);
    }

    fn appendField(out: *Buffer, kind: wire.field.Kind, data: []const u8) Buffer.Error!void {
        try out.int(u32, @intCast(data.len + 1));
        try out.byte(@backingInt(kind));
        try out.append(data);
    }

    /// `header` is that of the whole batch.
    pub fn finish(writer: *Writer, header: wire.message.Header) Buffer.Error!void {
        try writer.encoder.endField(writer.field);
        writer.encoder.finish(header);
    }
};
