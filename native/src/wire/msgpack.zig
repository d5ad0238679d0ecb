//! Standard MessagePack, the form in which values cross the border of the library.
//!
//! A `Reader` walks over bytes and returns tokens: a container's token carries only its count,
//! and its elements are the next tokens. Nothing is allocated; strings point into the bytes.
//! Writing appends to a `Buffer` in the shortest form.

const std = @import("std");
const assert = std.debug.assert;
const Buffer = @import("Buffer.zig");

pub const Extension = struct {
    kind: i8,
    data: []const u8,
};

pub const Token = union(enum) {
    nil,
    boolean: bool,
    int: i64,
    /// An integer above the largest i64.
    uint: u64,
    float: f64,
    string: []const u8,
    binary: []const u8,
    /// The count of elements that follow.
    array: u32,
    /// The count of pairs that follow, key before value.
    map: u32,
    extension: Extension,
};

pub const ReadError = error{Malformed};

pub const Reader = struct {
    bytes: []const u8,
    position: usize = 0,

    pub fn init(bytes: []const u8) Reader {
        return .{ .bytes = bytes };
    }

    pub fn isAtEnd(reader: *const Reader) bool {
        return reader.position == reader.bytes.len;
    }

    pub fn rest(reader: *const Reader) []const u8 {
        return reader.bytes[reader.position..];
    }

    /// The first byte of the next token, or null at the end.
    pub fn peek(reader: *const Reader) ?u8 {
        return if (reader.isAtEnd()) null else reader.bytes[reader.position];
    }

    /// Inlined, so that a caller's switch on the token is the switch on its first byte.
    pub inline fn next(reader: *Reader) ReadError!Token {
        const tag = try reader.int(u8);
        return switch (tag) {
            0x00...0x7f => .{ .int = tag },
            0x80...0x8f => .{ .map = tag & 0x0f },
            0x90...0x9f => .{ .array = tag & 0x0f },
            0xa0...0xbf => .{ .string = try reader.take(tag & 0x1f) },
            0xc0 => .nil,
            0xc1 => error.Malformed,
            0xc2 => .{ .boolean = false },
            0xc3 => .{ .boolean = true },
            0xc4 => .{ .binary = try reader.take(try reader.int(u8)) },
            0xc5 => .{ .binary = try reader.take(try reader.int(u16)) },
            0xc6 => .{ .binary = try reader.take(try reader.int(u32)) },
            0xc7 => .{ .extension = try reader.extension(try reader.int(u8)) },
            0xc8 => .{ .extension = try reader.extension(try reader.int(u16)) },
            0xc9 => .{ .extension = try reader.extension(try reader.int(u32)) },
            0xca => .{ .float = @as(f32, @bitCast(try reader.int(u32))) },
            0xcb => .{ .float = @bitCast(try reader.int(u64)) },
            0xcc => .{ .int = try reader.int(u8) },
            0xcd => .{ .int = try reader.int(u16) },
            0xce => .{ .int = try reader.int(u32) },
            0xcf => unsigned(try reader.int(u64)),
            0xd0 => .{ .int = try reader.int(i8) },
            0xd1 => .{ .int = try reader.int(i16) },
            0xd2 => .{ .int = try reader.int(i32) },
            0xd3 => .{ .int = try reader.int(i64) },
            0xd4 => .{ .extension = try reader.extension(1) },
            0xd5 => .{ .extension = try reader.extension(2) },
            0xd6 => .{ .extension = try reader.extension(4) },
            0xd7 => .{ .extension = try reader.extension(8) },
            0xd8 => .{ .extension = try reader.extension(16) },
            0xd9 => .{ .string = try reader.take(try reader.int(u8)) },
            0xda => .{ .string = try reader.take(try reader.int(u16)) },
            0xdb => .{ .string = try reader.take(try reader.int(u32)) },
            0xdc => .{ .array = try reader.int(u16) },
            0xdd => .{ .array = try reader.int(u32) },
            0xde => .{ .map = try reader.int(u16) },
            0xdf => .{ .map = try reader.int(u32) },
            0xe0...0xff => .{ .int = @as(i8, @bitCast(tag)) },
        };
    }

    /// Passes over one value with everything inside it.
    pub fn skip(reader: *Reader) ReadError!void {
        const bytes = reader.bytes;
        var position = reader.position;
        // However many there are said to be, every value takes a byte of those that are left.
        var outstanding: u64 = 1;
        while (outstanding > 0) {
            if (position >= bytes.len) return error.Malformed;
            outstanding -= 1;
            const form = short_forms[bytes[position]];
            if (form.size > 0) {
                position +%= form.size;
                outstanding += form.children;
                continue;
            }
            reader.position = position;
            switch (try reader.next()) {
                .array => |count| outstanding += count,
                .map => |count| outstanding += @as(u64, count) * 2,
                else => {},
            }
            position = reader.position;
        }
        if (position > bytes.len) return error.Malformed;
        reader.position = position;
    }

    /// The bytes of one value, passed over.
    pub fn value(reader: *Reader) ReadError![]const u8 {
        const start = reader.position;
        try reader.skip();
        return reader.bytes[start..reader.position];
    }

    inline fn unsigned(number: u64) Token {
        if (number > std.math.maxInt(i64)) return .{ .uint = number };
        return .{ .int = @intCast(number) };
    }

    inline fn int(reader: *Reader, comptime T: type) ReadError!T {
        const bytes = try reader.take(@sizeOf(T));
        return std.mem.readInt(T, bytes[0..@sizeOf(T)], .big);
    }

    inline fn take(reader: *Reader, count: usize) ReadError![]const u8 {
        assert(reader.position <= reader.bytes.len);
        if (reader.bytes.len - reader.position < count) return error.Malformed;
        defer reader.position += count;
        return reader.bytes[reader.position..][0..count];
    }

    inline fn extension(reader: *Reader, count: usize) ReadError!Extension {
        const kind = try reader.int(i8);
        return .{ .kind = kind, .data = try reader.take(count) };
    }
};

/// Of a value whose size its first byte tells: the bytes up to its children, and how many of them
/// follow. The size is 0 for all others.
const ShortForm = struct { size: u8 = 0, children: u8 = 0 };

const short_forms: [256]ShortForm = blk: {
    var forms: [256]ShortForm = @splat(.{});
    for (&forms, 0..) |*form, tag| form.* = switch (tag) {
        0x00...0x7f, 0xc0, 0xc2, 0xc3, 0xe0...0xff => .{ .size = 1 },
        0x80...0x8f => .{ .size = 1, .children = 2 * (tag & 0x0f) },
        0x90...0x9f => .{ .size = 1, .children = tag & 0x0f },
        0xa0...0xbf => .{ .size = 1 + (tag & 0x1f) },
        0xcc, 0xd0 => .{ .size = 2 },
        0xcd, 0xd1 => .{ .size = 3 },
        0xca, 0xce, 0xd2 => .{ .size = 5 },
        0xcb, 0xcf, 0xd3 => .{ .size = 9 },
        else => .{},
    };
    break :blk forms;
};

pub inline fn writeNil(buffer: *Buffer) Buffer.Error!void {
    try buffer.byte(0xc0);
}

pub inline fn writeBool(buffer: *Buffer, flag: bool) Buffer.Error!void {
    try buffer.byte(if (flag) 0xc3 else 0xc2);
}

pub inline fn writeInt(buffer: *Buffer, number: i64) Buffer.Error!void {
    if (number >= 0) return writeUint(buffer, @intCast(number));
    if (number >= -32) {
        try buffer.byte(@bitCast(@as(i8, @intCast(number))));
    } else if (number >= std.math.minInt(i8)) {
        try buffer.taggedInt(0xd0, i8, @intCast(number));
    } else if (number >= std.math.minInt(i16)) {
        try buffer.taggedInt(0xd1, i16, @intCast(number));
    } else if (number >= std.math.minInt(i32)) {
        try buffer.taggedInt(0xd2, i32, @intCast(number));
    } else {
        try buffer.taggedInt(0xd3, i64, number);
    }
}

pub inline fn writeUint(buffer: *Buffer, number: u64) Buffer.Error!void {
    if (number < 0x80) {
        try buffer.byte(@intCast(number));
    } else if (number <= std.math.maxInt(u8)) {
        try buffer.taggedInt(0xcc, u8, @intCast(number));
    } else if (number <= std.math.maxInt(u16)) {
        try buffer.taggedInt(0xcd, u16, @intCast(number));
    } else if (number <= std.math.maxInt(u32)) {
        try buffer.taggedInt(0xce, u32, @intCast(number));
    } else {
        try buffer.taggedInt(0xcf, u64, number);
    }
}

pub inline fn writeFloat(buffer: *Buffer, number: f64) Buffer.Error!void {
    try buffer.taggedInt(0xcb, u64, @bitCast(number));
}

/// The text's bytes are taken as they are.
pub inline fn writeString(buffer: *Buffer, text: []const u8) Buffer.Error!void {
    try writeStringHeader(buffer, try length(text));
    try buffer.append(text);
}

pub inline fn writeBinary(buffer: *Buffer, data: []const u8) Buffer.Error!void {
    const len = try length(data);
    if (len <= std.math.maxInt(u8)) {
        try buffer.taggedInt(0xc4, u8, @intCast(len));
    } else if (len <= std.math.maxInt(u16)) {
        try buffer.taggedInt(0xc5, u16, @intCast(len));
    } else {
        try buffer.taggedInt(0xc6, u32, len);
    }
    try buffer.append(data);
}

pub inline fn writeArrayHeader(buffer: *Buffer, count: u32) Buffer.Error!void {
    if (count < 16) {
        try buffer.byte(0x90 | @as(u8, @intCast(count)));
    } else if (count <= std.math.maxInt(u16)) {
        try buffer.taggedInt(0xdc, u16, @intCast(count));
    } else {
        try buffer.taggedInt(0xdd, u32, count);
    }
}

pub inline fn writeMapHeader(buffer: *Buffer, count: u32) Buffer.Error!void {
    if (count < 16) {
        try buffer.byte(0x80 | @as(u8, @intCast(count)));
    } else if (count <= std.math.maxInt(u16)) {
        try buffer.taggedInt(0xde, u16, @intCast(count));
    } else {
        try buffer.taggedInt(0xdf, u32, count);
    }
}

/// The header of an array whose length is known only at its end. Returns where it is, for `endArray`.
pub fn beginArray(buffer: *Buffer) Buffer.Error!usize {
    const offset = try buffer.reserve(5);
    buffer.patch(u8, offset, 0xdd);
    return offset;
}

pub fn endArray(buffer: *Buffer, offset: usize, count: u32) void {
    buffer.patch(u32, offset + 1, count);
}

pub fn writeExtension(buffer: *Buffer, kind: i8, data: []const u8) Buffer.Error!void {
    const len = try length(data);
    switch (len) {
        1 => try buffer.byte(0xd4),
        2 => try buffer.byte(0xd5),
        4 => try buffer.byte(0xd6),
        8 => try buffer.byte(0xd7),
        16 => try buffer.byte(0xd8),
        else => if (len <= std.math.maxInt(u8)) {
            try buffer.taggedInt(0xc7, u8, @intCast(len));
        } else if (len <= std.math.maxInt(u16)) {
            try buffer.taggedInt(0xc8, u16, @intCast(len));
        } else {
            try buffer.taggedInt(0xc9, u32, len);
        },
    }
    try buffer.byte(@bitCast(kind));
    try buffer.append(data);
}

/// The header of an extension whose length is known only at its end. Returns where the payload
/// begins, for `endExtension`.
pub fn beginExtension(buffer: *Buffer, kind: i8) Buffer.Error!usize {
    const offset = try buffer.reserve(6);
    buffer.patch(u8, offset, 0xc9);
    buffer.patch(i8, offset + 5, kind);
    return buffer.end;
}

pub fn endExtension(buffer: *Buffer, payload_offset: usize) Buffer.Error!void {
    const size = std.math.cast(u32, buffer.end - payload_offset) orelse return error.NoSpaceLeft;
    buffer.patch(u32, payload_offset - 5, size);
}

/// The header of a string, without the bytes.
pub inline fn writeStringHeader(buffer: *Buffer, len: u32) Buffer.Error!void {
    if (len < 32) {
        try buffer.byte(0xa0 | @as(u8, @intCast(len)));
    } else if (len <= std.math.maxInt(u8)) {
        try buffer.taggedInt(0xd9, u8, @intCast(len));
    } else if (len <= std.math.maxInt(u16)) {
        try buffer.taggedInt(0xda, u16, @intCast(len));
    } else {
        try buffer.taggedInt(0xdb, u32, len);
    }
}

/// Lengths have at most 32 bits in this format.
inline fn length(bytes: []const u8) Buffer.Error!u32 {
    return std.math.cast(u32, bytes.len) orelse error.NoSpaceLeft;
}

const testing = std.testing;

fn expectWritten(expected: []const u8, buffer: *Buffer) !void {
    try testing.expectEqualSlices(u8, expected, buffer.written());
    buffer.clear();
}

test "integers take the shortest form, with the values of the MessagePack specification" {
    var memory: [16]u8 = undefined;
    var buffer = Buffer.fixed(&memory);
    const cases = [_]struct { i64, []const u8 }{
        .{ 0, "\x00" },
        .{ 127, "\x7f" },
        .{ 128, "\xcc\x80" },
        .{ 255, "\xcc\xff" },
        .{ 256, "\xcd\x01\x00" },
        .{ 65536, "\xce\x00\x01\x00\x00" },
        .{ 4294967296, "\xcf\x00\x00\x00\x01\x00\x00\x00\x00" },
        .{ -1, "\xff" },
        .{ -32, "\xe0" },
        .{ -33, "\xd0\xdf" },
        .{ -128, "\xd0\x80" },
        .{ -129, "\xd1\xff\x7f" },
        .{ -32769, "\xd2\xff\xff\x7f\xff" },
        .{ -2147483649, "\xd3\xff\xff\xff\xff\x7f\xff\xff\xff" },
    };
    for (cases) |case| {
        try writeInt(&buffer, case[0]);
        var reader = Reader.init(buffer.written());
        try testing.expectEqual(Token{ .int = case[0] }, try reader.next());
        try testing.expect(reader.isAtEnd());
        try expectWritten(case[1], &buffer);
    }
    try writeUint(&buffer, std.math.maxInt(u64));
    var reader = Reader.init(buffer.written());
    try testing.expectEqual(Token{ .uint = std.math.maxInt(u64) }, try reader.next());
}

test "strings, binaries and extensions of every header size are read back" {
    const data: [70_000]u8 = @splat('z');
    var buffer = Buffer.growing(testing.allocator, &.{}, 200_000);
    defer buffer.deinit();
    for ([_]usize{ 0, 1, 2, 4, 8, 16, 17, 31, 32, 255, 256, 65535, 65536 }) |len| {
        buffer.clear();
        try writeString(&buffer, data[0..len]);
        try writeBinary(&buffer, data[0..len]);
        try writeExtension(&buffer, -3, data[0..len]);
        var reader = Reader.init(buffer.written());
        try testing.expectEqualSlices(u8, data[0..len], (try reader.next()).string);
        try testing.expectEqualSlices(u8, data[0..len], (try reader.next()).binary);
        const extension = (try reader.next()).extension;
        try testing.expectEqual(@as(i8, -3), extension.kind);
        try testing.expectEqualSlices(u8, data[0..len], extension.data);
        try testing.expect(reader.isAtEnd());
    }
}

test "a value cut anywhere is malformed, for next and for skip" {
    var memory: [128]u8 = undefined;
    var buffer = Buffer.fixed(&memory);
    try writeMapHeader(&buffer, 2);
    try writeString(&buffer, "key");
    try writeArrayHeader(&buffer, 3);
    try writeFloat(&buffer, 1.5);
    try writeBool(&buffer, true);
    try writeNil(&buffer);
    try writeInt(&buffer, 70_000);
    try writeBinary(&buffer, "bytes");
    const whole = buffer.written();
    var reader = Reader.init(whole);
    try reader.skip();
    try testing.expect(reader.isAtEnd());
    for (0..whole.len) |len| {
        var cut = Reader.init(whole[0..len]);
        try testing.expectError(error.Malformed, cut.skip());
    }
}

test "a container that claims more than there can be is refused at once" {
    var reader = Reader.init("\xdd\xff\xff\xff\xff\x00");
    try testing.expectError(error.Malformed, reader.skip());
    var nested = Reader.init("\xdf\xff\xff\xff\xff\xdf\xff\xff\xff\xff");
    try testing.expectError(error.Malformed, nested.skip());
}
