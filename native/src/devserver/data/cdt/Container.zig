//! A list or a map taken apart into its elements, and put together again.
//!
//! Elements are slices of the bytes that the container came in. Maps are kept sorted by key, so
//! an element's position is also its index.

const std = @import("std");
const wire = @import("../../../wire.zig");
const order = @import("order.zig");

const Allocator = std.mem.Allocator;
const msgpack = wire.msgpack;

const Container = @This();

kind: Kind,
flags: u8,
/// Of a map: key and value in one slice.
items: []const []const u8,

pub const Kind = enum { list, map };

/// Flags of a container, sent as an extension in front of its elements.
pub const flag_ordered = 0x01;
pub const flag_value_ordered = 0x02;
/// Only in results: the pairs are in an order of their own.
pub const flag_preserve_order = 0x08;

pub const Error = error{ Malformed, OutOfMemory };

/// The kind of a value, by its first byte; null for anything but a list or a map.
pub fn kindOf(bytes: []const u8) ?Kind {
    if (bytes.len == 0) return null;
    return switch (bytes[0]) {
        0x90...0x9f, 0xdc, 0xdd => .list,
        0x80...0x8f, 0xde, 0xdf => .map,
        else => null,
    };
}

pub fn empty(kind: Kind, flags: u8) Container {
    return .{ .kind = kind, .flags = flags, .items = &.{} };
}

/// The container that `bytes` begins with.
pub fn parse(arena: Allocator, bytes: []const u8) Error!Container {
    var reader = msgpack.Reader.init(bytes);
    const token = try reader.next();
    const kind: Kind, var count: u32 = switch (token) {
        .array => |count| .{ .list, count },
        .map => |count| .{ .map, count },
        else => return error.Malformed,
    };
    var flags: u8 = 0;
    if (count > 0 and isFlags(reader.rest())) {
        flags = @bitCast((try reader.next()).extension.kind);
        if (kind == .map) try reader.skip();
        count -= 1;
    }
    // Every element has a byte at least.
    if (count > reader.rest().len) return error.Malformed;
    const items = try arena.alloc([]const u8, count);
    for (items) |*item| {
        const start = reader.position;
        try reader.skip();
        if (kind == .map) try reader.skip();
        item.* = bytes[start..reader.position];
    }
    return .{ .kind = kind, .flags = flags, .items = items };
}

fn isFlags(bytes: []const u8) bool {
    return bytes.len > 0 and order.isExtension(bytes[0]);
}

pub fn len(container: *const Container) u32 {
    return @intCast(container.items.len);
}

pub fn isOrdered(container: *const Container) bool {
    return container.flags & flag_ordered != 0;
}

/// What stands in front of the elements.
pub fn writeHeader(buffer: *wire.Buffer, kind: Kind, flags: u8, items: u32) wire.Buffer.Error!void {
    const headed = items + @intFromBool(flags != 0);
    switch (kind) {
        .list => try msgpack.writeArrayHeader(buffer, headed),
        .map => try msgpack.writeMapHeader(buffer, headed),
    }
    if (flags == 0) return;
    try msgpack.writeExtension(buffer, @bitCast(flags), "");
    if (kind == .map) try msgpack.writeNil(buffer);
}

const header_bytes_max = 5 + 3 + 1;

/// The container's bytes, in new memory.
pub fn write(container: *const Container, arena: Allocator) error{OutOfMemory}![]const u8 {
    var size: usize = header_bytes_max;
    for (container.items) |item| size += item.len;
    var buffer = wire.Buffer.fixed(try arena.alloc(u8, size));
    writeHeader(&buffer, container.kind, container.flags, container.len()) catch unreachable;
    for (container.items) |item| buffer.appendAssumeCapacity(item);
    return buffer.written();
}

/// The key of a map's element.
pub fn keyOf(pair: []const u8) []const u8 {
    var reader = msgpack.Reader.init(pair);
    return reader.value() catch unreachable;
}

/// The value of a map's element.
pub fn valueOf(pair: []const u8) []const u8 {
    return pair[keyOf(pair).len..];
}

const testing = std.testing;

test "a container written is the container parsed" {
    var arena = std.heap.ArenaAllocator.init(testing.allocator);
    defer arena.deinit();
    const cases = [_][]const u8{
        "\x90",
        "\x93\x01\x91\x02\xa2\x03a",
        "\x92\xc7\x00\x01\x05",
        "\x80",
        "\x81\x01\x90",
        "\x82\xc7\x00\x03\xc0\x01\x81\x02\x03",
    };
    for (cases) |bytes| {
        const container = try parse(arena.allocator(), bytes);
        try testing.expectEqual(kindOf(bytes).?, container.kind);
        try testing.expectEqualSlices(u8, bytes, try container.write(arena.allocator()));
    }
    const map = try parse(arena.allocator(), cases[5]);
    try testing.expectEqual(1, map.len());
    try testing.expectEqualSlices(u8, "\x01", keyOf(map.items[0]));
    try testing.expectEqualSlices(u8, "\x81\x02\x03", valueOf(map.items[0]));
}

test "what is cut or no container is refused" {
    var arena = std.heap.ArenaAllocator.init(testing.allocator);
    defer arena.deinit();
    for ([_][]const u8{ "", "\x92\x01", "\x05", "\x81\x01", "\xdd\xff\xff\xff\xff\x01" }) |bytes| {
        try testing.expectError(error.Malformed, parse(arena.allocator(), bytes));
    }
}
