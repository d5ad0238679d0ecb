//! What a bin becomes when a client writes or modifies it.
//!
//! Each function takes the particle of an operation and returns the particle to keep: the same
//! bytes where they may stay, otherwise bytes in the request's arena. The result codes are the
//! server's, type by type.

const std = @import("std");
const wire = @import("../../wire.zig");
const status = @import("../../status.zig");
const Sketch = @import("hll/Sketch.zig");
const collection = @import("collection.zig");
const geo = @import("geo.zig");

const Status = status.Status;
const Type = wire.particle.Type;

pub const Particle = struct {
    kind: Type,
    bytes: []const u8,
};

pub const Result = union(enum) {
    particle: Particle,
    failed: Status,

    fn of(kind: Type, bytes: []const u8) Result {
        return .{ .particle = .{ .kind = kind, .bytes = bytes } };
    }
};

pub const Change = enum { increment, append, prepend };

/// A value as a client sent it, checked and brought into the form that is kept.
pub fn accept(arena: std.mem.Allocator, kind: Type, bytes: []const u8) error{OutOfMemory}!Result {
    switch (kind) {
        .integer => {
            const number = wire.particle.decodeInteger(bytes) catch return failed(.request_invalid);
            return integer(arena, number);
        },
        .float => return if (bytes.len == 8) .of(kind, bytes) else failed(.request_invalid),
        .boolean => {
            if (bytes.len != 1 or bytes[0] > 1) return failed(.request_invalid);
            return .of(kind, bytes);
        },
        .string,
        .blob,
        .java_blob,
        .csharp_blob,
        .python_blob,
        .ruby_blob,
        .php_blob,
        .erlang_blob,
        .vector,
        => return .of(kind, bytes),
        .hll => return if (isHll(bytes)) .of(kind, bytes) else failed(.request_invalid),
        .list => return acceptCollection(arena, .list, bytes),
        .map => return acceptCollection(arena, .map, bytes),
        .geojson => return acceptGeojson(arena, bytes),
        .nil, _ => return failed(.request_invalid),
    }
}

/// The existing value changed by an operand.
pub fn modify(
    arena: std.mem.Allocator,
    change: Change,
    existing: Particle,
    operand: Particle,
) error{OutOfMemory}!Result {
    if (!isKnown(operand.kind)) return failed(.request_invalid);
    if (existing.kind == .geojson) return failed(.server);
    return switch (change) {
        .increment => increment(arena, existing, operand),
        .append => concatenate(arena, existing, operand, existing.bytes, operand.bytes),
        .prepend => concatenate(arena, existing, operand, operand.bytes, existing.bytes),
    };
}

fn failed(code: Status) Result {
    return .{ .failed = code };
}

fn isKnown(kind: Type) bool {
    return switch (kind) {
        .nil, _ => false,
        else => true,
    };
}

fn integer(arena: std.mem.Allocator, number: i64) error{OutOfMemory}!Result {
    const bytes = try arena.create([8]u8);
    std.mem.writeInt(i64, bytes, number, .big);
    return .of(.integer, bytes);
}

/// Integers wrap, as the server's do.
fn increment(
    arena: std.mem.Allocator,
    existing: Particle,
    operand: Particle,
) error{OutOfMemory}!Result {
    if (existing.kind != operand.kind) return failed(.bin_incompatible_type);
    switch (existing.kind) {
        .integer => {
            const before = std.mem.readInt(i64, existing.bytes[0..8], .big);
            const change = wire.particle.decodeInteger(operand.bytes) catch {
                return failed(.request_invalid);
            };
            return integer(arena, before +% change);
        },
        .float => {
            const change = wire.particle.decodeFloat(operand.bytes) catch {
                return failed(.request_invalid);
            };
            const before: f64 = @bitCast(std.mem.readInt(u64, existing.bytes[0..8], .big));
            const bytes = try arena.create([8]u8);
            std.mem.writeInt(u64, bytes, @bitCast(before + change), .big);
            return .of(.float, bytes);
        },
        else => return failed(.bin_incompatible_type),
    }
}

fn concatenate(
    arena: std.mem.Allocator,
    existing: Particle,
    operand: Particle,
    first: []const u8,
    second: []const u8,
) error{OutOfMemory}!Result {
    switch (existing.kind) {
        .integer, .float, .boolean, .list, .map => return failed(.bin_incompatible_type),
        .hll => return failed(.bin_incompatible_type),
        else => {},
    }
    if (existing.kind != operand.kind) return failed(.bin_incompatible_type);
    return .of(existing.kind, try std.mem.concat(arena, u8, &.{ first, second }));
}

fn acceptCollection(
    arena: std.mem.Allocator,
    kind: collection.Kind,
    bytes: []const u8,
) error{OutOfMemory}!Result {
    // Shortest forms never take more room, except that an empty container's flags may go.
    var out = wire.Buffer.fixed(try arena.alloc(u8, bytes.len));
    collection.normalize(arena, &out, kind, bytes) catch |err| switch (err) {
        error.OutOfMemory => return error.OutOfMemory,
        error.Invalid, error.NoSpaceLeft => return failed(.server),
    };
    return .of(if (kind == .list) .list else .map, out.written());
}

/// What may be stored as a HyperLogLog.
fn isHll(bytes: []const u8) bool {
    const shape = Sketch.Shape.of(bytes) orelse return false;
    return shape.isStored();
}

const geojson_flag_region = 1;

/// Cells that a client sent are left out; the server would compute its own, which no client
/// looks at, and so this one keeps none.
fn acceptGeojson(arena: std.mem.Allocator, bytes: []const u8) error{OutOfMemory}!Result {
    const text = wire.particle.geojsonText(bytes) catch return failed(.geo_invalid_geojson);
    const shape = geo.parse(arena, text) catch |err| switch (err) {
        error.OutOfMemory => return error.OutOfMemory,
        error.Invalid => return failed(.geo_invalid_geojson),
    };
    const kept = try arena.alloc(u8, 3 + text.len);
    kept[0..3].* = .{ if (shape == .region) geojson_flag_region else 0, 0, 0 };
    @memcpy(kept[3..], text);
    return .of(.geojson, kept);
}

const testing = std.testing;

fn expectModified(
    change: Change,
    kind: Type,
    existing: []const u8,
    operand: []const u8,
    expected: []const u8,
) !void {
    var arena = std.heap.ArenaAllocator.init(testing.allocator);
    defer arena.deinit();
    const result = try modify(
        arena.allocator(),
        change,
        .{ .kind = kind, .bytes = existing },
        .{ .kind = kind, .bytes = operand },
    );
    try testing.expectEqualSlices(u8, expected, result.particle.bytes);
    try testing.expectEqual(kind, result.particle.kind);
}

test "integers and floats are incremented, strings and blobs extended at both ends" {
    const max = "\x7f\xff\xff\xff\xff\xff\xff\xff";
    const one = "\x00\x00\x00\x00\x00\x00\x00\x01";
    try expectModified(.increment, .integer, max, one, "\x80\x00\x00\x00\x00\x00\x00\x00");
    try expectModified(.increment, .integer, one, "\x02", "\x00\x00\x00\x00\x00\x00\x00\x03");
    const half = std.mem.toBytes(std.mem.nativeToBig(u64, @bitCast(@as(f64, 0.5))));
    const whole = std.mem.toBytes(std.mem.nativeToBig(u64, @bitCast(@as(f64, 1.0))));
    try expectModified(.increment, .float, &half, &half, &whole);
    try expectModified(.append, .string, "ab", "cd", "abcd");
    try expectModified(.prepend, .string, "ab", "cd", "cdab");
    try expectModified(.append, .blob, "\x00", "\xff", "\x00\xff");
}

test "operands of another type, and types that do not take the change, are incompatible" {
    const Case = struct { Change, Type, Type };
    const cases = [_]Case{
        .{ .increment, .integer, .float },
        .{ .increment, .string, .string },
        .{ .append, .integer, .integer },
        .{ .append, .string, .blob },
        .{ .prepend, .list, .list },
        .{ .increment, .boolean, .boolean },
    };
    for (cases) |case| {
        const bytes = "\x00\x00\x00\x00\x00\x00\x00\x01";
        const result = try modify(
            testing.allocator,
            case[0],
            .{ .kind = case[1], .bytes = bytes },
            .{ .kind = case[2], .bytes = bytes },
        );
        try testing.expectEqual(Status.bin_incompatible_type, result.failed);
    }
}

test "values that are not of their type are refused with the server's code" {
    var arena = std.heap.ArenaAllocator.init(testing.allocator);
    defer arena.deinit();
    const Case = struct { Type, []const u8, Status };
    const cases = [_]Case{
        .{ .integer, "abc", .request_invalid },
        .{ .float, "abc", .request_invalid },
        .{ .boolean, "\x02", .request_invalid },
        .{ .list, "\x80", .server },
        .{ .hll, "\x00\x20\x00", .request_invalid },
        .{ .geojson, "\x00\x00\x00{}", .geo_invalid_geojson },
        .{ .geojson, "\x00", .geo_invalid_geojson },
        .{ @fromBackingInt(@as(u8, 99)), "x", .request_invalid },
    };
    for (cases) |case| {
        const result = try accept(arena.allocator(), case[0], case[1]);
        try testing.expectEqual(case[2], result.failed);
    }
}

test "GeoJSON loses the client's cells and is told apart as point or region" {
    var arena = std.heap.ArenaAllocator.init(testing.allocator);
    defer arena.deinit();
    const point = "{\"type\":\"Point\",\"coordinates\":[1.5,-2]}";
    const cells: [8]u8 = @splat(9);
    const sent = "\x00\x00\x01" ++ cells ++ point;
    const result = try accept(arena.allocator(), .geojson, sent);
    try testing.expectEqualStrings("\x00\x00\x00" ++ point, result.particle.bytes);
    const circle = "\x00\x00\x00{\"type\":\"AeroCircle\",\"coordinates\":[[1,2],3]}";
    const region = try accept(arena.allocator(), .geojson, circle);
    try testing.expectEqual(@as(u8, geojson_flag_region), region.particle.bytes[0]);
}
