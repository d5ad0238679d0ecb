//! The tree of an expression, as `expression.zig` takes it, while a text becomes one.
//!
//! All of it is in an arena, and what it was made of is never changed. How deep expressions are
//! nested is limited where they are made, so whatever walks over a tree may be recursive.

const std = @import("std");
const assert = std.debug.assert;
const wire = @import("../../../wire.zig");
const msgpack = wire.msgpack;
const MapOrder = wire.particle.MapOrder;
const Error = @import("scanner.zig").Error;
const Scanner = @import("scanner.zig").Scanner;
const Type = @import("../expression.zig").Type;

/// The server's encoding has as many at most.
pub const depth_max = @import("../expression.zig").depth_max + 1;

pub const Tree = union(enum) {
    nil,
    boolean: bool,
    /// Fits into 64 bits, but for 2^63 while its sign is still to come.
    integer: i128,
    float: f64,
    string: []const u8,
    binary: []const u8,
    extension: msgpack.Extension,
    list: []const Tree,
    map: struct { order: MapOrder, pairs: []const Pair },
    node: Node,

    pub const Pair = struct { key: Tree, value: Tree };
    pub const Member = struct { []const u8, Tree };
    pub const Node = struct { builder: []const u8, members: []const Member, depth: u32 };

    /// How deep expressions are nested in it.
    pub fn depth(tree: Tree) u32 {
        switch (tree) {
            .node => |node| return node.depth,
            .list => |members| {
                var deepest: u32 = 0;
                for (members) |member| deepest = @max(deepest, member.depth());
                return deepest;
            },
            else => return 0,
        }
    }

    /// The type of a constant; null if there is none of its type.
    pub fn kind(tree: Tree) ?Type {
        return switch (tree) {
            .boolean => .boolean,
            .integer => .integer,
            .float => .float,
            .string => .string,
            .binary => .blob,
            .extension => |extension| switch (extension.kind) {
                wire.particle.extension_geojson => .geojson,
                wire.particle.extension_hll => .hll,
                else => null,
            },
            .list => .list,
            .map => .map,
            .nil, .node => null,
        };
    }

    pub fn write(tree: Tree, out: *wire.Buffer) wire.Buffer.Error!void {
        switch (tree) {
            .nil => try msgpack.writeNil(out),
            .boolean => |flag| try msgpack.writeBool(out, flag),
            .integer => |number| try msgpack.writeInt(out, @intCast(number)),
            .float => |number| try msgpack.writeFloat(out, number),
            .string => |text| try msgpack.writeString(out, text),
            .binary => |data| try msgpack.writeBinary(out, data),
            .extension => |extension| {
                try msgpack.writeExtension(out, extension.kind, extension.data);
            },
            .list => |members| {
                try msgpack.writeArrayHeader(out, @intCast(members.len));
                for (members) |member| try member.write(out);
            },
            .map => |map| {
                const payload = try msgpack.beginExtension(out, map.order.extensionType());
                try msgpack.writeMapHeader(out, @intCast(map.pairs.len));
                for (map.pairs) |pair| {
                    try pair.key.write(out);
                    try pair.value.write(out);
                }
                try msgpack.endExtension(out, payload);
            },
            .node => |node| {
                try msgpack.writeMapHeader(out, @intCast(node.members.len + 1));
                try msgpack.writeString(out, "__expr__");
                try msgpack.writeString(out, node.builder);
                for (node.members) |member| {
                    try msgpack.writeString(out, member[0]);
                    try member[1].write(out);
                }
            },
        }
    }
};

/// Makes the expressions of one text.
pub const Maker = struct {
    arena: std.mem.Allocator,
    scanner: *Scanner,

    /// An expression of its builder's name and its arguments.
    pub fn node(maker: Maker, builder: []const u8, members: []const Tree.Member) Error!Tree {
        var deepest: u32 = 0;
        for (members) |member| deepest = @max(deepest, member[1].depth());
        return .{ .node = .{
            .builder = builder,
            .members = try maker.arena.dupe(Tree.Member, members),
            .depth = try maker.deeper(deepest),
        } };
    }

    /// The depth of what is around something so deep.
    pub fn deeper(maker: Maker, depth: u32) error{Failed}!u32 {
        assert(depth <= depth_max);
        if (depth < depth_max) return depth + 1;
        return maker.scanner.failAt(0, "the text is nested too deep", .{});
    }

    /// An expression of others.
    pub fn several(maker: Maker, builder: []const u8, operands: []const Tree) Error!Tree {
        return maker.node(builder, &.{.{ "exprs", try maker.list(operands) }});
    }

    pub fn comparison(maker: Maker, builder: []const u8, left: Tree, right: Tree) Error!Tree {
        return maker.node(builder, &.{ .{ "left", left }, .{ "right", right } });
    }

    /// What has a name alone, such as a bin.
    pub fn ofName(maker: Maker, builder: []const u8, name: []const u8) Error!Tree {
        return maker.node(builder, &.{.{ "name", .{ .string = name } }});
    }

    pub fn list(maker: Maker, members: []const Tree) Error!Tree {
        return .{ .list = try maker.arena.dupe(Tree, members) };
    }
};

/// The builder of a bin of a type.
pub fn binBuilder(kind: Type) []const u8 {
    return switch (kind) {
        inline else => |known| comptime shortName(known) ++ "_bin",
    };
}

/// The builder of a constant of a type.
pub fn constantBuilder(kind: Type) []const u8 {
    return switch (kind) {
        inline else => |known| comptime shortName(known) ++ "_val",
    };
}

fn shortName(comptime kind: Type) []const u8 {
    return switch (kind) {
        .nil => "nil",
        .boolean => "bool",
        .integer => "int",
        .geojson => "geo",
        .string, .list, .map, .blob, .float, .hll => @tagName(kind),
    };
}
