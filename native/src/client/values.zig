//! Exported like `abi.zig`: MessagePack, written and read value by value, for programs that have no
//! library of their own for it. Nothing here knows a client; a writer and a reader are structs of the
//! caller's, which one thread at a time uses.

const std = @import("std");
const status = @import("../status.zig");
const unfilled = @import("../unfilled.zig");
const wire = @import("../wire.zig");
const Buffer = wire.Buffer;
const msgpack = wire.msgpack;

const gpa = @import("../memory.zig").gpa;

/// What the core takes, and more than any request.
const bytes_max = std.math.maxInt(u32);

pub const asz_writer = extern struct {
    size: u32,
    status: i32,
    data: ?[*]u8,
    capacity: u64,
    length: u64,
    owned: u32,
    reserved: u32,

    /// The writer's memory as a buffer, which `put` gives back.
    fn take(writer: *const asz_writer) Buffer {
        const memory: []u8 = if (writer.data) |data| data[0..writer.capacity] else &.{};
        return .{
            .bytes = memory,
            .end = writer.length,
            .gpa = gpa,
            .size_max = bytes_max,
            .on_heap = writer.owned != 0,
        };
    }

    fn put(writer: *asz_writer, buffer: *const Buffer) void {
        writer.data = if (buffer.bytes.len > 0) buffer.bytes.ptr else null;
        writer.capacity = buffer.bytes.len;
        writer.length = buffer.end;
        writer.owned = @intFromBool(buffer.on_heap);
    }

    /// Nothing is left that could be sent by mistake.
    fn fail(writer: *asz_writer, code: status.Status) void {
        writer.status = @backingInt(code);
        writer.length = 0;
    }

    fn isUsable(writer: *asz_writer) bool {
        if (writer.status != 0) return false;
        const is_sound = writer.size >= @sizeOf(asz_writer) and writer.length <= writer.capacity and
            (writer.data != null or writer.capacity == 0);
        if (!is_sound) writer.fail(.invalid_argument);
        return is_sound;
    }
};

pub const asz_reader = extern struct {
    data: ?[*]const u8,
    length: u64,
    position: u64,

    fn take(reader: *const asz_reader) msgpack.ReadError!msgpack.Reader {
        const data = reader.data orelse return error.Malformed;
        if (reader.position > reader.length) return error.Malformed;
        return .{ .bytes = data[0..reader.length], .position = reader.position };
    }
};

/// As the header numbers them.
const Kind = enum(u8) {
    none,
    nil,
    boolean,
    integer,
    float,
    string,
    bytes,
    array,
    map,
    extension,
    unsigned,
};

pub const asz_value = extern struct {
    kind: u8,
    extension: i8,
    reserved: [6]u8,
    integer: i64,
    number: f64,
    data: ?[*]const u8,
    length: u64,

    const none: asz_value = .{
        .kind = @backingInt(Kind.none),
        .extension = 0,
        .reserved = @splat(0),
        .integer = 0,
        .number = 0,
        .data = null,
        .length = 0,
    };

    fn init(token: msgpack.Token) asz_value {
        var value: asz_value = .none;
        const kind: Kind = switch (token) {
            .nil => .nil,
            .boolean => .boolean,
            .int => .integer,
            .uint => .unsigned,
            .float => .float,
            .string => .string,
            .binary => .bytes,
            .array => .array,
            .map => .map,
            .extension => .extension,
        };
        value.kind = @backingInt(kind);
        switch (token) {
            .nil => {},
            .boolean => |flag| value.integer = @intFromBool(flag),
            .int => |number| {
                value.integer = number;
                value.number = @floatFromInt(number);
            },
            .uint => |number| {
                value.integer = @bitCast(number);
                value.number = @floatFromInt(number);
            },
            .float => |number| value.number = number,
            .string, .binary => |data| value.setData(data),
            .array, .map => |count| value.length = count,
            .extension => |extension| {
                value.extension = extension.kind;
                value.setData(extension.data);
            },
        }
        return value;
    }

    fn setData(value: *asz_value, data: []const u8) void {
        value.data = data.ptr;
        value.length = data.len;
    }
};

/// Writes with a function of MessagePack, unless something failed before.
fn write(writer: *asz_writer, comptime function: anytype, arguments: anytype) void {
    if (!writer.isUsable()) return;
    var buffer = writer.take();
    const outcome = @call(.auto, function, .{&buffer} ++ arguments);
    writer.put(&buffer);
    outcome catch |err| writer.fail(switch (err) {
        error.OutOfMemory => .out_of_memory,
        error.NoSpaceLeft => .invalid_argument,
    });
}

fn slice(bytes: ?[*]const u8, len: u64) []const u8 {
    if (len == 0) return &.{};
    return bytes.?[0..len];
}

export fn asz_write_nil(writer: *asz_writer) void {
    write(writer, msgpack.writeNil, .{});
}

export fn asz_write_boolean(writer: *asz_writer, flag: i32) void {
    write(writer, msgpack.writeBool, .{flag != 0});
}

export fn asz_write_integer(writer: *asz_writer, number: i64) void {
    write(writer, msgpack.writeInt, .{number});
}

export fn asz_write_float(writer: *asz_writer, number: f64) void {
    write(writer, msgpack.writeFloat, .{number});
}

export fn asz_write_string(writer: *asz_writer, text: ?[*]const u8, text_len: u64) void {
    write(writer, msgpack.writeString, .{slice(text, text_len)});
}

export fn asz_write_text(writer: *asz_writer, text: [*:0]const u8) void {
    write(writer, msgpack.writeString, .{std.mem.span(text)});
}

export fn asz_write_bytes(writer: *asz_writer, data: ?[*]const u8, data_len: u64) void {
    write(writer, msgpack.writeBinary, .{slice(data, data_len)});
}

export fn asz_write_array(writer: *asz_writer, count: u32) void {
    write(writer, msgpack.writeArrayHeader, .{count});
}

export fn asz_write_map(writer: *asz_writer, count: u32) void {
    write(writer, msgpack.writeMapHeader, .{count});
}

export fn asz_write_extension(
    writer: *asz_writer,
    kind: i8,
    data: ?[*]const u8,
    data_len: u64,
) void {
    write(writer, msgpack.writeExtension, .{ kind, slice(data, data_len) });
}

export fn asz_write_begin(writer: *asz_writer, kind: i8) u64 {
    write(writer, beginExtension, .{kind});
    return writer.length;
}

fn beginExtension(buffer: *Buffer, kind: i8) Buffer.Error!void {
    _ = try msgpack.beginExtension(buffer, kind);
}

export fn asz_write_end(writer: *asz_writer, begin: u64) void {
    write(writer, endExtension, .{begin});
}

fn endExtension(buffer: *Buffer, begin: u64) Buffer.Error!void {
    if (begin < extension_header or begin > buffer.end) return error.NoSpaceLeft;
    try msgpack.endExtension(buffer, begin);
}

/// Of an extension whose length is told at its end.
const extension_header = 6;

export fn asz_write_value(writer: *asz_writer, value: ?[*]const u8, value_len: u64) void {
    write(writer, Buffer.append, .{slice(value, value_len)});
}

export fn asz_writer_clear(writer: *asz_writer) void {
    writer.status = 0;
    writer.length = 0;
}

export fn asz_writer_release(writer: ?*asz_writer) void {
    const target = writer orelse return;
    asz_writer_clear(target);
    if (target.owned == 0) return;
    var buffer = target.take();
    unfilled.free(gpa, buffer.bytes);
    buffer = .growing(gpa, &.{}, bytes_max);
    target.put(&buffer);
}

export fn asz_read(reader: *asz_reader, value: *asz_value) i32 {
    value.* = .none;
    var from = reader.take() catch return malformed;
    const token = from.next() catch return malformed;
    reader.position = from.position;
    value.* = .init(token);
    return 0;
}

export fn asz_read_past(reader: *asz_reader, count: u64) i32 {
    var from = reader.take() catch return malformed;
    for (0..count) |_| from.skip() catch return malformed;
    reader.position = from.position;
    return 0;
}

export fn asz_read_find(map: *const asz_reader, name: [*:0]const u8, found: *asz_reader) i32 {
    found.* = map.*;
    const position = find(map, std.mem.span(name)) catch null orelse return 0;
    found.position = position;
    return 1;
}

/// Where the value of a name is, in a map.
fn find(map: *const asz_reader, name: []const u8) msgpack.ReadError!?usize {
    var from = try map.take();
    const count = switch (try from.next()) {
        .map => |count| count,
        else => return null,
    };
    for (0..count) |_| {
        const key = try from.value();
        var reader = msgpack.Reader.init(key);
        const is_it = switch (try reader.next()) {
            .string => |text| std.mem.eql(u8, text, name),
            else => false,
        };
        if (is_it) return from.position;
        try from.skip();
    }
    return null;
}

const malformed: i32 = @backingInt(status.Status.invalid_argument);

const testing = std.testing;

fn emptyWriter() asz_writer {
    var writer = std.mem.zeroes(asz_writer);
    writer.size = @sizeOf(asz_writer);
    return writer;
}

test "what is written is read, from memory of the caller's and beyond it" {
    var memory: [3]u8 = undefined;
    for ([_]bool{ false, true }) |is_given| {
        var writer = emptyWriter();
        if (is_given) {
            writer.data = &memory;
            writer.capacity = memory.len;
        }
        defer asz_writer_release(&writer);
        asz_write_array(&writer, 8);
        asz_write_nil(&writer);
        asz_write_boolean(&writer, 2);
        asz_write_integer(&writer, std.math.minInt(i64));
        asz_write_float(&writer, 1.5);
        asz_write_text(&writer, "text");
        asz_write_bytes(&writer, "\x00\x01", 2);
        asz_write_extension(&writer, 23, "{}", 2);
        const begin = asz_write_begin(&writer, 21);
        asz_write_map(&writer, 2);
        asz_write_string(&writer, "a", 1);
        asz_write_integer(&writer, 1);
        asz_write_string(&writer, "b", 1);
        asz_write_value(&writer, "\xc3", 1);
        asz_write_end(&writer, begin);
        try testing.expectEqual(0, writer.status);

        var reader: asz_reader = .{ .data = writer.data, .length = writer.length, .position = 0 };
        var value: asz_value = undefined;
        const kinds = [_]Kind{
            .array, .nil, .boolean, .integer, .float, .string, .bytes, .extension, .extension,
        };
        for (kinds) |kind| {
            try testing.expectEqual(0, asz_read(&reader, &value));
            try testing.expectEqual(@backingInt(kind), value.kind);
            switch (kind) {
                .array => try testing.expectEqual(8, value.length),
                .boolean => try testing.expectEqual(1, value.integer),
                .integer => try testing.expectEqual(std.math.minInt(i64), value.integer),
                .float => try testing.expectEqual(1.5, value.number),
                .string => try testing.expectEqualStrings("text", value.data.?[0..value.length]),
                .bytes => try testing.expectEqualStrings("\x00\x01", value.data.?[0..value.length]),
                else => {},
            }
        }
        try testing.expectEqual(21, value.extension);
        const map: asz_reader = .{ .data = value.data, .length = value.length, .position = 0 };
        var found: asz_reader = undefined;
        try testing.expectEqual(1, asz_read_find(&map, "b", &found));
        try testing.expectEqual(0, asz_read(&found, &value));
        try testing.expectEqual(@backingInt(Kind.boolean), value.kind);
        try testing.expectEqual(0, asz_read_find(&map, "c", &found));
        // At the end there is nothing, again and again.
        for (0..2) |_| {
            try testing.expectEqual(malformed, asz_read(&reader, &value));
            try testing.expectEqual(@backingInt(Kind.none), value.kind);
        }
    }
}

test "values are passed over whole, and no further than there are any" {
    const bytes = "\x92\x01\x81\xa1a\x93\x01\x02\x03\x05";
    var reader: asz_reader = .{ .data = bytes, .length = bytes.len, .position = 0 };
    try testing.expectEqual(0, asz_read_past(&reader, 1));
    try testing.expectEqual(bytes.len - 1, reader.position);
    try testing.expectEqual(malformed, asz_read_past(&reader, 2));
    try testing.expectEqual(bytes.len - 1, reader.position);
    try testing.expectEqual(malformed, asz_read_past(&reader, std.math.maxInt(u64)));
}

test "a writer that failed writes no more, and has nothing to send" {
    var writer = emptyWriter();
    defer asz_writer_release(&writer);
    asz_write_integer(&writer, 7);
    asz_write_end(&writer, 100);
    try testing.expectEqual(malformed, writer.status);
    asz_write_integer(&writer, 8);
    try testing.expectEqual(0, writer.length);
    asz_writer_clear(&writer);
    asz_write_integer(&writer, 8);
    try testing.expectEqual(1, writer.length);

    var small = std.mem.zeroes(asz_writer);
    small.size = 8;
    asz_write_nil(&small);
    try testing.expectEqual(malformed, small.status);
}

test "an unsigned number keeps its bits" {
    const bytes = "\xcf\xff\xff\xff\xff\xff\xff\xff\xff";
    var reader: asz_reader = .{ .data = bytes, .length = bytes.len, .position = 0 };
    var value: asz_value = undefined;
    try testing.expectEqual(0, asz_read(&reader, &value));
    try testing.expectEqual(@backingInt(Kind.unsigned), value.kind);
    try testing.expectEqual(-1, value.integer);
}
