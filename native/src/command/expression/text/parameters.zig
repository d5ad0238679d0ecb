//! What the places in a text that are left open stand for.
//!
//! They come as MessagePack, [[value], {name: value}]; nothing at all where there are none. A map is
//! taken as one that is kept in the order of its keys, as the server compares no other.

const std = @import("std");
const wire = @import("../../../wire.zig");
const msgpack = wire.msgpack;
const Error = @import("scanner.zig").Error;
const Failure = @import("../../../status.zig").Failure;
const Tree = @import("tree.zig").Tree;

pub const count_max = 65_536;

pub const Parameters = struct {
    values: []Parameter,
    named: std.array_hash_map.String(Parameter),

    pub const Parameter = struct { value: Tree, is_used: bool = false };

    /// The name or the number of one that no place in the text stood for.
    pub const Unused = union(enum) { name: []const u8, number: usize };

    pub fn unused(parameters: *const Parameters) ?Unused {
        for (parameters.values, 0..) |parameter, number| {
            if (!parameter.is_used) return .{ .number = number };
        }
        for (parameters.named.keys(), parameters.named.values()) |name, parameter| {
            if (!parameter.is_used) return .{ .name = name };
        }
        return null;
    }
};

/// Strings stay where they are.
pub fn read(
    arena: std.mem.Allocator,
    encoded: []const u8,
    failure: *Failure,
) Error!Parameters {
    var parameters: Parameters = .{ .values = &.{}, .named = .empty };
    if (encoded.len == 0) return parameters;
    readInto(&parameters, arena, encoded) catch |err| return switch (err) {
        error.OutOfMemory => error.OutOfMemory,
        error.TooMany => refused(failure, "there may be no more than {d} parameters", .{count_max}),
        error.TooDeep => refused(failure, "a parameter is nested deeper than {d} levels", .{
            wire.particle.depth_max,
        }),
        error.Unfit => refused(
            failure,
            "a parameter has an integer that needs more than 64 bits",
            .{},
        ),
        error.Malformed => refused(
            failure,
            "the parameters are not [[value], {{name: value}}]",
            .{},
        ),
    };
    return parameters;
}

fn refused(failure: *Failure, comptime format: []const u8, args: anytype) error{Failed} {
    failure.set(.invalid_argument, format, args);
    return error.Failed;
}

const ReadError = error{ OutOfMemory, Malformed, TooMany, TooDeep, Unfit };

fn readInto(
    parameters: *Parameters,
    arena: std.mem.Allocator,
    encoded: []const u8,
) ReadError!void {
    var reader = msgpack.Reader.init(encoded);
    if (try arrayCount(&reader) != 2) return error.Malformed;
    const value_count = try arrayCount(&reader);
    if (value_count > count_max) return error.TooMany;
    parameters.values = try arena.alloc(Parameters.Parameter, value_count);
    for (parameters.values) |*parameter| {
        parameter.* = .{ .value = try valueOf(arena, &reader, 0) };
    }
    const name_count = try mapCount(&reader);
    if (name_count > count_max) return error.TooMany;
    try parameters.named.ensureTotalCapacity(arena, name_count);
    for (0..name_count) |_| {
        const name = switch (try reader.next()) {
            .string => |text| text,
            else => return error.Malformed,
        };
        const entry = parameters.named.getOrPutAssumeCapacity(name);
        if (entry.found_existing) return error.Malformed;
        entry.value_ptr.* = .{ .value = try valueOf(arena, &reader, 0) };
    }
    if (!reader.isAtEnd()) return error.Malformed;
}

fn arrayCount(reader: *msgpack.Reader) ReadError!u32 {
    return switch (try reader.next()) {
        .array => |count| fitting(reader, count),
        else => error.Malformed,
    };
}

fn mapCount(reader: *msgpack.Reader) ReadError!u32 {
    return switch (try reader.next()) {
        .map => |count| fitting(reader, count),
        else => error.Malformed,
    };
}

/// Every member takes a byte of those that are left.
fn fitting(reader: *const msgpack.Reader, count: u32) error{Malformed}!u32 {
    return if (count <= reader.rest().len) count else error.Malformed;
}

fn valueOf(arena: std.mem.Allocator, reader: *msgpack.Reader, depth: u32) ReadError!Tree {
    if (depth > wire.particle.depth_max) return error.TooDeep;
    switch (try reader.next()) {
        .nil => return .nil,
        .boolean => |flag| return .{ .boolean = flag },
        .int => |number| return .{ .integer = number },
        .uint => return error.Unfit,
        .float => |number| return .{ .float = number },
        .string => |text| return .{ .string = text },
        .binary => |data| return .{ .binary = data },
        .array => |count| {
            const members = try arena.alloc(Tree, try fitting(reader, count));
            for (members) |*member| member.* = try valueOf(arena, reader, depth + 1);
            return .{ .list = members };
        },
        .map => |count| return mapOf(arena, reader, count, .by_key, depth),
        .extension => |extension| {
            const order = wire.particle.MapOrder.ofExtension(extension.kind) orelse
                return .{ .extension = extension };
            const end = reader.position;
            const count = try wire.particle.enterOrderedMap(reader, extension);
            const map = try mapOf(arena, reader, count, order, depth);
            return if (reader.position == end) map else error.Malformed;
        },
    }
}

fn mapOf(
    arena: std.mem.Allocator,
    reader: *msgpack.Reader,
    count: u32,
    order: wire.particle.MapOrder,
    depth: u32,
) ReadError!Tree {
    const pairs = try arena.alloc(Tree.Pair, try fitting(reader, count));
    for (pairs) |*pair| {
        pair.key = try valueOf(arena, reader, depth + 1);
        pair.value = try valueOf(arena, reader, depth + 1);
    }
    return .{ .map = .{ .order = order, .pairs = pairs } };
}
