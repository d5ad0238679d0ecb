//! Between values of bins and values inside lists and maps.

const std = @import("std");
const wire = @import("../../../wire.zig");
const number = @import("number.zig");
const value = @import("../value.zig");

const Allocator = std.mem.Allocator;
const Particle = value.Particle;
const Type = wire.particle.Type;
const msgpack = wire.msgpack;

/// The value of a bin for an element; null for nil. What only makes sense inside of a container
/// or in a comparison is refused.
pub fn toParticle(
    arena: Allocator,
    bytes: []const u8,
) error{ OutOfMemory, Unknown }!?Particle {
    var reader = msgpack.Reader.init(bytes);
    const token = reader.next() catch return error.Unknown;
    return switch (token) {
        .nil => null,
        .boolean => |flag| .{ .kind = .boolean, .bytes = if (flag) "\x01" else "\x00" },
        .int => |integer| try eightBytes(arena, .integer, @bitCast(integer)),
        .uint => |integer| try eightBytes(arena, .integer, integer),
        .float => |float| try eightBytes(arena, .float, @bitCast(float)),
        .string, .binary => |text| try textParticle(arena, text),
        .array => .{ .kind = .list, .bytes = bytes },
        .map => .{ .kind = .map, .bytes = bytes },
        .extension => error.Unknown,
    };
}

pub fn eightBytes(arena: Allocator, kind: Type, bits: u64) error{OutOfMemory}!Particle {
    const bytes = try arena.create([8]u8);
    std.mem.writeInt(u64, bytes, bits, .big);
    return .{ .kind = kind, .bytes = bytes };
}

fn textParticle(arena: Allocator, text: []const u8) error{OutOfMemory}!Particle {
    if (text.len == 0) return .{ .kind = .blob, .bytes = "" };
    const content = text[1..];
    const kind: Type = @fromBackingInt(text[0]);
    switch (kind) {
        .geojson => {
            const bytes = try arena.alloc(u8, geojson_header.len + content.len);
            @memcpy(bytes[0..geojson_header.len], geojson_header);
            @memcpy(bytes[geojson_header.len..], content);
            return .{ .kind = .geojson, .bytes = bytes };
        },
        .string,
        .java_blob,
        .csharp_blob,
        .python_blob,
        .ruby_blob,
        .php_blob,
        .erlang_blob,
        .vector,
        .hll,
        => return .{ .kind = kind, .bytes = content },
        else => return .{ .kind = .blob, .bytes = content },
    }
}

/// Neither a region's flag nor cells.
const geojson_header = "\x00\x00\x00";

/// The element for a value of a bin.
pub fn fromParticle(arena: Allocator, particle: Particle) error{OutOfMemory}![]const u8 {
    switch (particle.kind) {
        .nil => return "\xc0",
        .list, .map => return particle.bytes,
        .boolean => return if (particle.bytes[0] != 0) "\xc3" else "\xc2",
        .integer => {
            const integer = std.mem.readInt(i64, particle.bytes[0..8], .big);
            return (number.Number{ .integer = integer }).write(arena);
        },
        .float => {
            const bits = std.mem.readInt(u64, particle.bytes[0..8], .big);
            return (number.Number{ .float = @bitCast(bits) }).write(arena);
        },
        .geojson => {
            const text = wire.particle.geojsonText(particle.bytes) catch particle.bytes;
            return textElement(arena, .geojson, text);
        },
        else => |kind| return textElement(arena, kind, particle.bytes),
    }
}

pub fn textElement(arena: Allocator, kind: Type, text: []const u8) error{OutOfMemory}![]const u8 {
    const size = text.len + 1;
    var buffer = wire.Buffer.fixed(try arena.alloc(u8, size + text_header_bytes_max));
    msgpack.writeStringHeader(&buffer, @intCast(size)) catch unreachable;
    buffer.byteAssumeCapacity(@backingInt(kind));
    buffer.appendAssumeCapacity(text);
    return buffer.written();
}

const text_header_bytes_max = 5;

/// The content of an element that is a string; null for any other.
pub fn stringIn(bytes: []const u8) ?[]const u8 {
    var reader = msgpack.Reader.init(bytes);
    const text = switch (reader.next() catch return null) {
        .string, .binary => |text| text,
        else => return null,
    };
    if (text.len == 0 or text[0] != @backingInt(Type.string)) return null;
    return text[1..];
}

const testing = std.testing;

test "values go into containers and come out again" {
    var arena = std.heap.ArenaAllocator.init(testing.allocator);
    defer arena.deinit();
    const cases = [_]struct { Type, []const u8, []const u8 }{
        .{ .integer, "\xff\xff\xff\xff\xff\xff\xff\xfe", "\xfe" },
        .{ .float, "\x3f\xf0\x00\x00\x00\x00\x00\x00", "\xcb\x3f\xf0\x00\x00\x00\x00\x00\x00" },
        .{ .string, "ab", "\xa3\x03ab" },
        .{ .blob, "", "\xa1\x04" },
        .{ .boolean, "\x01", "\xc3" },
        .{ .geojson, "\x00\x00\x00{}", "\xa3\x17{}" },
        .{ .list, "\x91\x01", "\x91\x01" },
    };
    for (cases) |case| {
        const kind, const bytes, const element = case;
        const particle: Particle = .{ .kind = kind, .bytes = bytes };
        try testing.expectEqualSlices(u8, element, try fromParticle(arena.allocator(), particle));
        const back = (try toParticle(arena.allocator(), element)).?;
        try testing.expectEqual(kind, back.kind);
        try testing.expectEqualSlices(u8, bytes, back.bytes);
    }
    try testing.expectEqual(null, try toParticle(arena.allocator(), "\xc0"));
    try testing.expectError(error.Unknown, toParticle(arena.allocator(), "\xd4\xff\x00"));
}
