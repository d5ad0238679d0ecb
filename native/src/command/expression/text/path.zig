//! What a path leads to: places inside of a bin, one in another.

const std = @import("std");
const assert = std.debug.assert;
const tree = @import("tree.zig");
const Error = @import("scanner.zig").Error;
const Maker = tree.Maker;
const Tree = tree.Tree;
const Type = @import("../expression.zig").Type;

/// What comes of an element, by the numbers of the API.
pub const Returns = enum(u32) {
    index = 1,
    reverse_index = 2,
    rank = 3,
    reverse_rank = 4,
    count = 5,
    key = 6,
    value = 7,
    key_value = 8,
    exists = 9,
    unordered_map = 16,
    ordered_map = 17,

    const inverted = 0x10000;
};

/// One place in a path.
pub const Part = struct {
    /// Whether it is in a map, rather than a list.
    of_map: bool,
    /// For what is at the end of a path.
    builder: []const u8,
    /// What the builder takes before the return type.
    arguments: []const Tree.Member,
    /// How many elements, where that is said.
    count: ?i128 = null,
    /// The step of a context, for what is followed by another part; null where there are several.
    step: ?Tree = null,
    /// Whether it is of one element, whose type has to be said.
    is_one: bool = false,
    /// Whether all others are meant.
    is_inverted: bool = false,
    /// Where it is in the text.
    position: usize,
};

pub const Cast = enum {
    to_int,
    to_float,

    pub fn from(cast: Cast) Type {
        return if (cast == .to_int) .float else .integer;
    }

    pub fn yields(cast: Cast) Type {
        return if (cast == .to_int) .integer else .float;
    }
};

pub const Path = struct {
    bin: []const u8,
    parts: []const Part,
    cast: ?Cast = null,
    returns: Returns = .value,

    pub fn last(path: *const Path) *const Part {
        assert(path.parts.len > 0);
        return &path.parts[path.parts.len - 1];
    }

    /// Has something else than values come. Returns their type, of which `kind` is what was said.
    pub fn askFor(path: *Path, returns: Returns, kind: ?Type) ?Type {
        path.returns = returns;
        return switch (returns) {
            .count => .integer,
            .exists => .boolean,
            .key_value, .unordered_map, .ordered_map => .map,
            .value, .key => kind,
            .index, .reverse_index, .rank, .reverse_rank => {
                return if (path.last().is_one) .integer else .list;
            },
        };
    }

    pub fn build(path: *const Path, maker: Maker, position: usize, kind: Type) Error!Tree {
        const cast = path.cast orelse return path.read(maker, position, kind);
        const found = try path.read(maker, position, cast.from());
        return maker.several(@tagName(cast), &.{found});
    }

    /// What is there, without a cast.
    pub fn read(path: *const Path, maker: Maker, position: usize, kind: Type) Error!Tree {
        const end = path.last();
        const inverted: u32 = if (end.is_inverted) Returns.inverted else 0;
        const returns = @backingInt(path.returns) | inverted;
        if (!end.of_map) switch (path.returns) {
            .key, .key_value, .unordered_map, .ordered_map => return maker.scanner.failAt(
                position,
                "return_type {d} is none of the LIST_RETURN_... constants",
                .{returns},
            ),
            else => {},
        };
        var memory: [7]Tree.Member = undefined;
        var members: std.ArrayList(Tree.Member) = .initBuffer(&memory);
        members.appendSliceAssumeCapacity(end.arguments);
        members.appendAssumeCapacity(.{ "return_type", .{ .integer = returns } });
        if (end.count) |count| members.appendAssumeCapacity(.{ "count", .{ .integer = count } });
        const is_typed = path.returns == .value or path.returns == .key;
        if (end.is_one and is_typed) {
            members.appendAssumeCapacity(.{ "exp_type", .{ .integer = @backingInt(kind) } });
        }
        const collection: Type = if (path.parts[0].of_map) .map else .list;
        const bin = try maker.ofName(tree.binBuilder(collection), path.bin);
        members.appendAssumeCapacity(.{ "bin", bin });
        if (path.parts.len > 1) {
            members.appendAssumeCapacity(.{ "ctx", try path.context(maker) });
        }
        return maker.node(end.builder, members.items);
    }

    /// The steps to the last part.
    fn context(path: *const Path, maker: Maker) Error!Tree {
        const steps = try maker.arena.alloc(Tree, path.parts.len - 1);
        for (steps, path.parts[0..steps.len]) |*step, *part| step.* = part.step.?;
        return .{ .list = steps };
    }
};
