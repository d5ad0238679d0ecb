//! Particles: a bin's value as a type byte and bytes. Between particles and standard
//! MessagePack this transcodes directly, in one pass, without allocating.
//!
//! Lists and maps are MessagePack already, but in a dialect: every string and binary begins
//! with a byte that tells its particle type, and a container that the server keeps in order
//! has its flags as an extension in front. Standard MessagePack, as users see it, has
//! instead str and bin, and these extension types:
//!
//!   23   GeoJSON, the payload is its text
//!   18   HyperLogLog, the payload is the server's bytes
//!   21   a map that the server keeps in the order of its keys, the payload is a map
//!   22   the same of keys and values
//!   126  what compares with everything: 0x00 the wildcard, 0x01 infinity
//!
//! A map whose order was asked for (a result by index or rank) becomes an array of pairs. A
//! string that is not UTF-8 becomes bin, since a MessagePack str must be. Language blobs are
//! bin as well.
//!
//! The server sorts the maps without an order that it stores. It refuses those that are said to be
//! in order and are not, so they are sorted here; and it takes those that it compares with what it
//! has as they come, for which there is `packedSorted`.

const std = @import("std");
const assert = std.debug.assert;
const Buffer = @import("Buffer.zig");
const msgpack = @import("msgpack.zig");
const sorted = @import("sorted.zig");

/// Numbers of the protocol. A type that this code does not know is read as bytes.
pub const Type = enum(u8) {
    /// In a write it deletes the bin.
    nil = 0,
    integer = 1,
    float = 2,
    string = 3,
    blob = 4,
    java_blob = 7,
    csharp_blob = 8,
    python_blob = 9,
    ruby_blob = 10,
    php_blob = 11,
    erlang_blob = 12,
    vector = 16,
    boolean = 17,
    hll = 18,
    map = 19,
    list = 20,
    geojson = 23,
    _,
};

/// Lists and maps in lists and maps; a list of scalars has depth 1.
pub const depth_max = 256;

/// Extension types of the standard side.
pub const extension_geojson = 23;
pub const extension_hll = 18;
pub const extension_comparison = 126;

/// How the server keeps a map in order; the values are the flags of the dialect.
pub const MapOrder = enum(i8) {
    by_key = 0x01,
    by_key_and_value = 0x03,

    fn ofFlags(flags: u8) ?MapOrder {
        return std.enums.fromInt(MapOrder, flags & 0x03);
    }

    /// The order that an extension type of the standard side stands for.
    pub fn ofExtension(kind: i8) ?MapOrder {
        return switch (kind) {
            extension_by_key => .by_key,
            extension_by_key_and_value => .by_key_and_value,
            else => null,
        };
    }

    pub fn extensionType(order: MapOrder) i8 {
        return switch (order) {
            .by_key => extension_by_key,
            .by_key_and_value => extension_by_key_and_value,
        };
    }

    const extension_by_key = 21;
    const extension_by_key_and_value = 22;
};

/// The extension of the dialect that stands for wildcard and infinity.
const packed_comparison = -1;
/// Bit of a container's flags: the pairs of a map are in an order that matters.
const flag_preserve_order = 0x08;

pub const DecodeError = Buffer.Error || error{ Malformed, NestingTooDeep };
pub const EncodeError = Buffer.Error || error{
    Malformed,
    NestingTooDeep,
    /// An integer above 64 bits signed.
    IntegerOverflow,
    /// An extension that has no particle.
    UnsupportedValue,
    /// A key of a map that is no integer, string or bytes.
    UnsupportedMapKey,
};

/// What the keys of maps may be: the server stores some, and takes any for a function.
pub const MapKeys = enum { stored, any };

/// A particle's value, pointing into its bytes; containers stay in the dialect.
pub const Value = union(enum) {
    nil,
    integer: i64,
    float: f64,
    boolean: bool,
    string: []const u8,
    blob: []const u8,
    hll: []const u8,
    geojson: []const u8,
    list: []const u8,
    map: []const u8,
};

pub fn decode(kind: Type, bytes: []const u8) error{Malformed}!Value {
    return switch (kind) {
        .nil => .nil,
        .integer => .{ .integer = try decodeInteger(bytes) },
        .float => .{ .float = try decodeFloat(bytes) },
        .boolean => .{ .boolean = try decodeBoolean(bytes) },
        .string => .{ .string = bytes },
        .hll => .{ .hll = bytes },
        .geojson => .{ .geojson = try geojsonText(bytes) },
        .list => .{ .list = bytes },
        .map => .{ .map = bytes },
        else => .{ .blob = bytes },
    };
}

/// Appends the particle's bytes and returns its type.
pub fn encode(buffer: *Buffer, value: Value) Buffer.Error!Type {
    switch (value) {
        .nil => {},
        .integer => |number| try buffer.int(i64, number),
        .float => |number| try buffer.int(u64, @bitCast(number)),
        .boolean => |flag| try buffer.byte(@intFromBool(flag)),
        .geojson => |text| try appendGeojson(buffer, text),
        .string, .blob, .hll, .list, .map => |bytes| try buffer.append(bytes),
    }
    return switch (value) {
        .nil => .nil,
        .integer => .integer,
        .float => .float,
        .boolean => .boolean,
        .string => .string,
        .blob => .blob,
        .hll => .hll,
        .geojson => .geojson,
        .list => .list,
        .map => .map,
    };
}

/// Integers have 8 bytes; the server takes 4, 2 and 1 as well, and then unsigned.
pub inline fn decodeInteger(bytes: []const u8) error{Malformed}!i64 {
    return switch (bytes.len) {
        8 => std.mem.readInt(i64, bytes[0..8], .big),
        4 => std.mem.readInt(u32, bytes[0..4], .big),
        2 => std.mem.readInt(u16, bytes[0..2], .big),
        1 => bytes[0],
        else => error.Malformed,
    };
}

pub inline fn decodeFloat(bytes: []const u8) error{Malformed}!f64 {
    if (bytes.len != 8) return error.Malformed;
    return @bitCast(std.mem.readInt(u64, bytes[0..8], .big));
}

pub inline fn decodeBoolean(bytes: []const u8) error{Malformed}!bool {
    if (bytes.len != 1) return error.Malformed;
    return bytes[0] != 0;
}

/// The JSON text behind flags (1 byte), a cell count (2) and the cells (8 each).
pub fn geojsonText(bytes: []const u8) error{Malformed}![]const u8 {
    if (bytes.len < 3) return error.Malformed;
    const text_offset = 3 + 8 * @as(usize, std.mem.readInt(u16, bytes[1..3], .big));
    if (text_offset > bytes.len) return error.Malformed;
    return bytes[text_offset..];
}

/// No flags and no cells: the server computes both.
fn appendGeojson(buffer: *Buffer, text: []const u8) Buffer.Error!void {
    try buffer.append(&.{ 0, 0, 0 });
    try buffer.append(text);
}

/// Appends a particle as one value of standard MessagePack.
pub inline fn msgpackFromParticle(buffer: *Buffer, kind: Type, bytes: []const u8) DecodeError!void {
    switch (kind) {
        .integer => try msgpack.writeInt(buffer, try decodeInteger(bytes)),
        .string => try writeText(buffer, bytes),
        .float => try msgpack.writeFloat(buffer, try decodeFloat(bytes)),
        .boolean => try msgpack.writeBool(buffer, try decodeBoolean(bytes)),
        .list, .map => try msgpackFromPacked(buffer, bytes),
        .nil => try msgpack.writeNil(buffer),
        .geojson => {
            try msgpack.writeExtension(buffer, extension_geojson, try geojsonText(bytes));
        },
        .hll => try msgpack.writeExtension(buffer, extension_hll, bytes),
        else => try msgpack.writeBinary(buffer, bytes),
    }
}

/// Takes one value of standard MessagePack, appends the particle's bytes and returns its type.
pub fn particleFromMsgpack(buffer: *Buffer, reader: *msgpack.Reader) EncodeError!Type {
    const start = reader.position;
    switch (try reader.next()) {
        .int => |number| {
            try buffer.int(i64, number);
            return .integer;
        },
        .uint => return error.IntegerOverflow,
        .float => |number| {
            try buffer.int(u64, @bitCast(number));
            return .float;
        },
        .string => |text| {
            try buffer.append(text);
            return .string;
        },
        .binary => |data| {
            try buffer.append(data);
            return .blob;
        },
        .boolean => |flag| {
            try buffer.byte(@intFromBool(flag));
            return .boolean;
        },
        .nil => return .nil,
        .array => {
            reader.position = start;
            try packedFromMsgpack(buffer, reader, .stored);
            return .list;
        },
        .map => {
            reader.position = start;
            try packedFromMsgpack(buffer, reader, .stored);
            return .map;
        },
        .extension => |extension| switch (extension.kind) {
            extension_geojson => {
                try appendGeojson(buffer, extension.data);
                return .geojson;
            },
            extension_hll => {
                try buffer.append(extension.data);
                return .hll;
            },
            else => {
                if (MapOrder.ofExtension(extension.kind) == null) return error.UnsupportedValue;
                reader.position = start;
                try packedFromMsgpack(buffer, reader, .stored);
                return .map;
            },
        },
    }
}

/// Appends a text as str, or as bin where it is not UTF-8.
inline fn writeText(buffer: *Buffer, text: []const u8) Buffer.Error!void {
    if (isUtf8(text)) {
        try msgpack.writeString(buffer, text);
    } else {
        try msgpack.writeBinary(buffer, text);
    }
}

/// Nearly all texts are short and ASCII, which is seen 8 bytes at a time.
pub inline fn isUtf8(text: []const u8) bool {
    const high_bits: u64 = 0x8080808080808080;
    const len = text.len;
    var seen: u64 = 0;
    if (len >= 8) {
        var offset: usize = 0;
        while (offset + 8 <= len) : (offset += 8) {
            seen |= std.mem.readInt(u64, text[offset..][0..8], .little);
        }
        seen |= std.mem.readInt(u64, text[len - 8 ..][0..8], .little);
    } else {
        for (text) |item| seen |= item;
    }
    if (seen & high_bits == 0) return true;
    return std.unicode.utf8ValidateSlice(text);
}

/// What is open while a container is walked through.
const Level = struct {
    /// Values that are still to come; keys and values count separately.
    remaining: u64,
    /// Pairs are written as arrays of two.
    in_pairs: bool = false,
    /// Where the payload of an extension begins, whose length is patched at its end; 0 is nowhere.
    payload_offset: usize = 0,

    inline fn end(level: *const Level, buffer: *Buffer) Buffer.Error!void {
        if (level.payload_offset != 0) try msgpack.endExtension(buffer, level.payload_offset);
    }
};
const Levels = [depth_max]Level;

/// One value of the dialect, which must be all of `bytes`, as standard MessagePack.
pub fn msgpackFromPacked(buffer: *Buffer, bytes: []const u8) DecodeError!void {
    var reader = msgpack.Reader.init(bytes);
    try msgpackFromPackedReader(buffer, &reader);
    if (!reader.isAtEnd()) return error.Malformed;
}

/// Takes one value of the dialect from the reader.
pub fn msgpackFromPackedReader(buffer: *Buffer, reader: *msgpack.Reader) DecodeError!void {
    // Safe builds fill undefined memory first; that would cost more than most values do.
    @setRuntimeSafety(false);
    var levels: Levels = undefined;
    return unpack(buffer, reader, &levels);
}

fn unpack(buffer: *Buffer, reader: *msgpack.Reader, levels: *Levels) DecodeError!void {
    var depth: usize = 0;
    while (true) {
        const rest = reader.rest();
        if (rest.len == 0) return error.Malformed;
        const tag = rest[0];
        const scalar_bytes: usize = scalar_bytes_by_tag[tag];
        if (scalar_bytes == 1) {
            try buffer.byte(tag);
            reader.position += 1;
        } else if (tag >= 0xa0 and tag <= 0xbf) {
            // Short strings and bytes, the commonest of the rest.
            const end = 1 + @as(usize, tag & 0x1f);
            if (rest.len < end) return error.Malformed;
            try unpackBytes(buffer, rest[1..end]);
            reader.position += end;
        } else if (scalar_bytes > 0) {
            if (rest.len < scalar_bytes) return error.Malformed;
            try buffer.append(rest[0..scalar_bytes]);
            reader.position += scalar_bytes;
        } else if (try unpackOther(buffer, reader)) |level| {
            if (depth == depth_max) return error.NestingTooDeep;
            levels[depth] = level;
            depth += 1;
        }
        while (depth > 0 and levels[depth - 1].remaining == 0) {
            depth -= 1;
            try levels[depth].end(buffer);
        }
        if (depth == 0) return;
        const level = &levels[depth - 1];
        if (level.in_pairs and level.remaining % 2 == 0) try msgpack.writeArrayHeader(buffer, 2);
        level.remaining -= 1;
    }
}

/// Whole length of values that are the same on both sides; 0 for all others.
const scalar_bytes_by_tag: [256]u8 = table: {
    var table: [256]u8 = @splat(0);
    for (0x00..0x80) |tag| table[tag] = 1;
    for (0xe0..0x100) |tag| table[tag] = 1;
    for ([_]u8{ 0xc0, 0xc2, 0xc3 }) |tag| table[tag] = 1;
    for ([_]u8{ 0xcc, 0xd0 }) |tag| table[tag] = 2;
    for ([_]u8{ 0xcd, 0xd1 }) |tag| table[tag] = 3;
    for ([_]u8{ 0xca, 0xce, 0xd2 }) |tag| table[tag] = 5;
    for ([_]u8{ 0xcb, 0xcf, 0xd3 }) |tag| table[tag] = 9;
    break :table table;
};

/// Strings and extensions are written, and a container's header; then its level is returned.
fn unpackOther(buffer: *Buffer, reader: *msgpack.Reader) DecodeError!?Level {
    switch (try reader.next()) {
        .string, .binary => |bytes| {
            try unpackBytes(buffer, bytes);
            return null;
        },
        .extension => |extension| {
            if (extension.kind != packed_comparison) return error.Malformed;
            if (extension.data.len != 1) return error.Malformed;
            try msgpack.writeExtension(buffer, extension_comparison, extension.data);
            return null;
        },
        .array => |count_packed| {
            const flags = try takeFlags(reader, count_packed);
            const count = count_packed - @intFromBool(flags != null);
            try msgpack.writeArrayHeader(buffer, count);
            return .{ .remaining = count };
        },
        .map => |count_packed| {
            const flags = try takeFlags(reader, count_packed) orelse {
                try msgpack.writeMapHeader(buffer, count_packed);
                return .{ .remaining = @as(u64, count_packed) * 2 };
            };
            // The flags are a key, with a value that means nothing.
            try reader.skip();
            const count = count_packed - 1;
            var level: Level = .{ .remaining = @as(u64, count) * 2 };
            if (flags & flag_preserve_order != 0) {
                level.in_pairs = true;
                try msgpack.writeArrayHeader(buffer, count);
                return level;
            }
            if (MapOrder.ofFlags(flags)) |order| {
                level.payload_offset = try msgpack.beginExtension(buffer, order.extensionType());
            }
            try msgpack.writeMapHeader(buffer, count);
            return level;
        },
        .nil, .boolean, .int, .uint, .float => unreachable,
    }
}

/// A string or binary of the dialect: a particle type byte, then the bytes.
inline fn unpackBytes(buffer: *Buffer, bytes: []const u8) Buffer.Error!void {
    if (bytes.len == 0) return msgpack.writeBinary(buffer, bytes);
    const kind: Type = @fromBackingInt(bytes[0]);
    switch (kind) {
        .string => try writeText(buffer, bytes[1..]),
        .geojson => try msgpack.writeExtension(buffer, extension_geojson, bytes[1..]),
        .hll => try msgpack.writeExtension(buffer, extension_hll, bytes[1..]),
        else => try msgpack.writeBinary(buffer, bytes[1..]),
    }
}

/// A value of the dialect, as far as its first token goes.
pub const Element = union(enum) {
    nil,
    boolean: bool,
    integer: i64,
    /// An integer above the largest i64.
    unsigned: u64,
    float: f64,
    string: []const u8,
    blob: []const u8,
    hll: []const u8,
    geojson: []const u8,
    /// So many elements follow.
    list: u32,
    /// So many pairs follow.
    map: u32,
    /// What compares with everything.
    comparison,

    /// Takes one from the reader. The flags of containers are passed over.
    pub inline fn next(reader: *msgpack.Reader) error{Malformed}!Element {
        return switch (try reader.next()) {
            .nil => .nil,
            .boolean => |flag| .{ .boolean = flag },
            .int => |number| .{ .integer = number },
            .uint => |number| .{ .unsigned = number },
            .float => |number| .{ .float = number },
            .string, .binary => |bytes| ofBytes(bytes),
            .extension => .comparison,
            .array => |count| .{ .list = count - @intFromBool(try takeFlags(reader, count) != null) },
            .map => |count| {
                _ = try takeFlags(reader, count) orelse return .{ .map = count };
                // The flags are a key, with a value that means nothing.
                try reader.skip();
                return .{ .map = count - 1 };
            },
        };
    }

    fn ofBytes(bytes: []const u8) Element {
        if (bytes.len == 0) return .{ .blob = bytes };
        const kind: Type = @fromBackingInt(bytes[0]);
        return switch (kind) {
            .string => .{ .string = bytes[1..] },
            .geojson => .{ .geojson = bytes[1..] },
            .hll => .{ .hll = bytes[1..] },
            else => .{ .blob = bytes[1..] },
        };
    }
};

/// The flags in front of an ordered container's elements, passed over; null if there are none.
fn takeFlags(reader: *msgpack.Reader, count: u32) error{Malformed}!?u8 {
    if (count == 0) return null;
    const tag = reader.peek() orelse return error.Malformed;
    switch (tag) {
        0xc7...0xc9, 0xd4...0xd8 => {},
        else => return null,
    }
    const start = reader.position;
    const extension = (try reader.next()).extension;
    if (extension.kind == packed_comparison) {
        reader.position = start;
        return null;
    }
    return @bitCast(extension.kind);
}

/// Takes one value of standard MessagePack and appends it in the dialect. Integers and lengths
/// take their shortest form, as the server compares some values by their bytes.
pub fn packedFromMsgpack(
    buffer: *Buffer,
    reader: *msgpack.Reader,
    keys: MapKeys,
) EncodeError!void {
    return packSorting(buffer, reader, keys, .ordered);
}

/// The same, with the pairs of every map in the order of their keys, as the server has them where
/// it compares.
pub fn packedSorted(buffer: *Buffer, reader: *msgpack.Reader) EncodeError!void {
    return packSorting(buffer, reader, .stored, .all);
}

/// Which maps have to be sorted.
pub const Sorting = enum { ordered, all };

fn packSorting(
    buffer: *Buffer,
    reader: *msgpack.Reader,
    keys: MapKeys,
    sorting: Sorting,
) EncodeError!void {
    // See msgpackFromPackedReader.
    @setRuntimeSafety(false);
    const offset = buffer.end;
    const start = reader.position;
    var levels: [depth_max]Packing = undefined;
    if (!try pack(buffer, reader, keys, sorting, &levels)) return;
    // What was written is well-formed, but for the order.
    buffer.end = offset;
    reader.position = start;
    try sorted.pack(buffer, reader, sorting);
}

/// What is open while a container is packed.
const Packing = struct {
    /// Values that are still to come; keys and values count separately.
    remaining: u64,
    is_map: bool,
    /// Where the payload of the extension around the map ends; 0 without one.
    end: usize = 0,
};

/// Whether there was a map whose pairs may have to be sorted.
fn pack(
    buffer: *Buffer,
    reader: *msgpack.Reader,
    keys: MapKeys,
    sorting: Sorting,
    levels: *[depth_max]Packing,
) EncodeError!bool {
    var depth: usize = 0;
    var may_need_sorting = false;
    while (true) {
        const opened: ?Packing = switch (try reader.next()) {
            .array => |count| opened: {
                try msgpack.writeArrayHeader(buffer, count);
                break :opened .{ .remaining = count, .is_map = false };
            },
            .map => |count| opened: {
                try msgpack.writeMapHeader(buffer, count);
                break :opened .{ .remaining = @as(u64, count) * 2, .is_map = true };
            },
            .extension => |extension| try packExtension(buffer, reader, extension),
            else => |scalar| opened: {
                try packScalar(buffer, scalar);
                break :opened null;
            },
        };
        if (opened) |level| {
            if (depth == depth_max) return error.NestingTooDeep;
            levels[depth] = level;
            depth += 1;
            if (level.is_map and level.remaining > 2) {
                may_need_sorting = may_need_sorting or sorting == .all or level.end > 0;
            }
        }
        while (depth > 0 and levels[depth - 1].remaining == 0) {
            depth -= 1;
            const end = levels[depth].end;
            if (end > 0 and reader.position != end) return error.Malformed;
        }
        if (depth == 0) return may_need_sorting;
        const level = &levels[depth - 1];
        if (level.is_map and level.remaining % 2 == 0 and keys == .stored) {
            try checkMapKey(reader);
        }
        level.remaining -= 1;
    }
}

fn checkMapKey(reader: *const msgpack.Reader) EncodeError!void {
    switch (reader.peek() orelse return error.Malformed) {
        // Nil, booleans, floats, lists, maps and extensions.
        0xc0...0xc3, 0xca, 0xcb, 0x80...0x9f, 0xdc...0xdf, 0xc7...0xc9, 0xd4...0xd8 => {
            return error.UnsupportedMapKey;
        },
        else => {},
    }
}

/// Goes into the payload of a map that has an order, and returns the level of the map; null after
/// any other extension.
fn packExtension(
    buffer: *Buffer,
    reader: *msgpack.Reader,
    extension: msgpack.Extension,
) EncodeError!?Packing {
    const order = MapOrder.ofExtension(extension.kind) orelse {
        try packScalar(buffer, .{ .extension = extension });
        return null;
    };
    const end = reader.position;
    const count = try enterOrderedMap(reader, extension);
    try packMapHeader(buffer, count, order);
    return .{ .remaining = @as(u64, count) * 2, .is_map = true, .end = end };
}

/// Has the reader stand behind the header of the map that is an extension's payload, and returns
/// how many pairs follow.
pub fn enterOrderedMap(
    reader: *msgpack.Reader,
    extension: msgpack.Extension,
) error{Malformed}!u32 {
    reader.position -= extension.data.len;
    return switch (try reader.next()) {
        .map => |count| count,
        else => error.Malformed,
    };
}

/// The header of a map with so many pairs, which the server keeps in order.
pub fn packMapHeader(buffer: *Buffer, count: u32, order: MapOrder) EncodeError!void {
    // More pairs than that would not fit into the reader's bytes.
    try msgpack.writeMapHeader(buffer, count +| 1);
    try msgpack.writeExtension(buffer, @backingInt(order), "");
    try msgpack.writeNil(buffer);
}

pub inline fn packScalar(buffer: *Buffer, token: msgpack.Token) EncodeError!void {
    switch (token) {
        .int => |number| try msgpack.writeInt(buffer, number),
        .uint => return error.IntegerOverflow,
        .string => |text| try packBytes(buffer, .string, text),
        .float => |number| try msgpack.writeFloat(buffer, number),
        .boolean => |flag| try msgpack.writeBool(buffer, flag),
        .nil => try msgpack.writeNil(buffer),
        .binary => |data| try packBytes(buffer, .blob, data),
        .extension => |extension| switch (extension.kind) {
            extension_geojson => try packBytes(buffer, .geojson, extension.data),
            extension_hll => try packBytes(buffer, .hll, extension.data),
            extension_comparison => {
                if (extension.data.len != 1) return error.UnsupportedValue;
                if (extension.data[0] > 1) return error.UnsupportedValue;
                try msgpack.writeExtension(buffer, packed_comparison, extension.data);
            },
            else => return error.UnsupportedValue,
        },
        .array, .map => unreachable,
    }
}

/// A string header also in front of binaries: all that older servers know.
pub inline fn packBytes(buffer: *Buffer, kind: Type, bytes: []const u8) Buffer.Error!void {
    if (bytes.len >= std.math.maxInt(u32)) return error.NoSpaceLeft;
    try msgpack.writeStringHeader(buffer, @intCast(bytes.len + 1));
    try buffer.ensure(1 + bytes.len);
    buffer.byteAssumeCapacity(@backingInt(kind));
    buffer.appendAssumeCapacity(bytes);
}

const testing = std.testing;

fn expectDecoded(expected: []const u8, kind: Type, bytes: []const u8) !void {
    var memory: [64]u8 = undefined;
    var buffer = Buffer.fixed(&memory);
    try msgpackFromParticle(&buffer, kind, bytes);
    try testing.expectEqualSlices(u8, expected, buffer.written());
}

fn expectNotDecoded(kind: Type, bytes: []const u8) !void {
    var memory: [64]u8 = undefined;
    var buffer = Buffer.fixed(&memory);
    try testing.expectError(error.Malformed, msgpackFromParticle(&buffer, kind, bytes));
}

fn expectNotEncoded(expected: EncodeError, standard: []const u8) !void {
    var memory: [64]u8 = undefined;
    var buffer = Buffer.fixed(&memory);
    var reader = msgpack.Reader.init(standard);
    try testing.expectError(expected, particleFromMsgpack(&buffer, &reader));
}

test "language blobs and particles of unknown types are read as bytes" {
    const kinds = [_]Type{
        .java_blob, .csharp_blob, .python_blob, .ruby_blob,
        .php_blob,  .erlang_blob, .vector,      @fromBackingInt(@as(u8, 200)),
    };
    for (kinds) |kind| try expectDecoded("\xc4\x02ab", kind, "ab");
    try expectDecoded("\x91\xc4\x02ab", .list, "\x91\xa3\x09ab");
}

test "a string that is not UTF-8 is read as bytes, a string in a list too" {
    try expectDecoded("\xa3\xe2\x82\xac", .string, "\xe2\x82\xac");
    try expectDecoded("\xc4\x02\xe2\x82", .string, "\xe2\x82");
    try expectDecoded("\xc4\x0aabcdefgh\xffi", .string, "abcdefgh\xffi");
    try expectDecoded("\x92\xc4\x01\xff\xa1a", .list, "\x92\xa2\x03\xff\xa2\x03a");
}

test "integers of the widths that a server takes, and no others" {
    try expectDecoded("\xcc\xff", .integer, "\xff");
    try expectDecoded("\xcd\xff\xff", .integer, "\xff\xff");
    try expectDecoded("\xce\xff\xff\xff\xff", .integer, "\xff\xff\xff\xff");
    for ([_][]const u8{ "", "abc", "abcdefghi" }) |bytes| try expectNotDecoded(.integer, bytes);
}

test "scalars of a wrong size and lists with something behind them are malformed" {
    try expectNotDecoded(.float, "1234");
    try expectNotDecoded(.boolean, "");
    try expectNotDecoded(.boolean, "\x00\x00");
    try expectNotDecoded(.geojson, "\x00\x00");
    try expectNotDecoded(.geojson, "\x00\x00\x01{}");
    try expectNotDecoded(.list, "");
    try expectNotDecoded(.list, "\x91");
    try expectNotDecoded(.list, "\x91\x01\x01");
    try expectNotDecoded(.map, "\x81\x01");
    try expectNotDecoded(.map, "\x81\xc7\x00\x01");
    try expectNotDecoded(.list, "\x92\x01\xc7\x00\x01");
    try expectNotDecoded(.list, "\xdd\xff\xff\xff\xff");
}

test "what has no particle is refused: large integers, unknown extensions, a bare wildcard" {
    try expectNotEncoded(error.IntegerOverflow, "\xcf\x80\x00\x00\x00\x00\x00\x00\x00");
    try expectNotEncoded(error.IntegerOverflow, "\x91\xcf\xff\xff\xff\xff\xff\xff\xff\xff");
    try expectNotEncoded(error.UnsupportedValue, "\xd4\x01a");
    try expectNotEncoded(error.UnsupportedValue, "\x91\xd4\x01a");
    try expectNotEncoded(error.UnsupportedValue, "\xd4\x7e\x00");
    try expectNotEncoded(error.UnsupportedValue, "\x91\xd4\x7e\x02");
    try expectNotEncoded(error.Malformed, "\x91");
    try expectNotEncoded(error.Malformed, "");
}

test "nesting is bounded both ways, at the same depth" {
    for ([_]usize{ 0, 1 }) |excess| {
        var nested: [depth_max + 1]u8 = @splat(0x91);
        const depth = depth_max + excess;
        nested[depth - 1] = 0x90;
        var memory: [depth_max + 16]u8 = undefined;
        var buffer = Buffer.fixed(&memory);
        var reader = msgpack.Reader.init(nested[0..depth]);
        if (excess == 0) {
            try testing.expectEqual(Type.list, try particleFromMsgpack(&buffer, &reader));
            try testing.expectEqualSlices(u8, nested[0..depth], buffer.written());
            buffer.clear();
            try msgpackFromParticle(&buffer, .list, nested[0..depth]);
        } else {
            const encoded = particleFromMsgpack(&buffer, &reader);
            try testing.expectError(error.NestingTooDeep, encoded);
            buffer.clear();
            const decoded = msgpackFromParticle(&buffer, .list, nested[0..depth]);
            try testing.expectError(error.NestingTooDeep, decoded);
        }
    }
}

test "a value needs no more room than it takes" {
    const stored = "\x93\xa6\x03hello\x07\xa3\x04ab";
    const expected = "\x93\xa5hello\x07\xc4\x02ab";
    var memory: [expected.len]u8 = undefined;
    var buffer = Buffer.fixed(&memory);
    try msgpackFromParticle(&buffer, .list, stored);
    try testing.expectEqualSlices(u8, expected, buffer.written());
    for (0..expected.len) |len| {
        buffer = Buffer.fixed(memory[0..len]);
        try testing.expectError(error.NoSpaceLeft, msgpackFromParticle(&buffer, .list, stored));
    }
}
