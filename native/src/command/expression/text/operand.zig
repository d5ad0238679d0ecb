//! Parts of an expression whose types may be open, until something beside them decides.

const std = @import("std");
const assert = std.debug.assert;
const tree = @import("tree.zig");
const Error = @import("scanner.zig").Error;
const Maker = tree.Maker;
const Path = @import("path.zig").Path;
const Tree = tree.Tree;
const Type = @import("../expression.zig").Type;

/// What a type is called in messages.
pub fn described(kind: Type) []const u8 {
    return switch (kind) {
        .nil => "None",
        .boolean => "a condition",
        .integer => "an integer",
        .string => "a string",
        .list => "a list",
        .map => "a map",
        .blob => "bytes",
        .float => "a float",
        .geojson => "GeoJSON",
        .hll => "a HyperLogLog",
    };
}

pub fn isNumber(kind: Type) bool {
    return kind == .integer or kind == .float;
}

pub const Operand = struct {
    /// Where it begins in the text.
    position: usize,
    /// The type of its value; null while that is open.
    kind: ?Type,
    form: Form,
    /// How deep what becomes of it is nested.
    depth: u32 = 0,

    pub const Form = union(enum) {
        /// What is made already. Its type may be open for good.
        expression: Tree,
        /// A value of the text or of its parameters.
        constant: Tree,
        /// The value of a bin.
        bin: []const u8,
        path: *Path,
        /// What is computed of numbers: of floats if one of them is a float.
        arithmetic: struct { builder: []const u8, operands: []const Operand },
        /// The value that goes with the first condition that holds, or else the last.
        choice: struct { conditions: []const Tree, values: []const Operand },
    };

    pub fn ofExpression(position: usize, kind: ?Type, made: Tree) Operand {
        return .{
            .position = position,
            .kind = kind,
            .form = .{ .expression = made },
            .depth = made.depth(),
        };
    }

    pub fn ofConstant(position: usize, kind: Type, value: Tree) Operand {
        return .{ .position = position, .kind = kind, .form = .{ .constant = value } };
    }

    pub fn ofArithmetic(
        maker: Maker,
        position: usize,
        builder: []const u8,
        operands: []const Operand,
    ) Error!Operand {
        var kind: ?Type = .integer;
        var deepest: u32 = 0;
        for (operands) |operand| {
            deepest = @max(deepest, operand.depth);
            if (operand.kind == .float) kind = .float;
            if (operand.kind == null and kind != .float) kind = null;
        }
        return .{
            .position = position,
            .kind = kind,
            .form = .{ .arithmetic = .{
                .builder = builder,
                .operands = try maker.arena.dupe(Operand, operands),
            } },
            .depth = try maker.deeper(deepest),
        };
    }

    /// Values of one type, or numbers, as far as their types are known.
    pub fn ofChoice(
        maker: Maker,
        position: usize,
        conditions: []const Tree,
        values: []const Operand,
    ) Error!Operand {
        assert(values.len == conditions.len + 1);
        var kind: ?Type = null;
        var deepest: u32 = 0;
        for (conditions) |condition| deepest = @max(deepest, condition.depth());
        for (values) |value| {
            deepest = @max(deepest, value.depth);
            if (kind != .float) kind = value.kind orelse kind;
        }
        return .{
            .position = position,
            .kind = kind,
            .form = .{ .choice = .{ .conditions = conditions, .values = values } },
            .depth = try maker.deeper(deepest),
        };
    }

    /// The expression as one of a type: integers become floats beside floats.
    pub fn typed(operand: *const Operand, maker: Maker, kind: Type) Error!Tree {
        const becomes_float = kind == .float and operand.kind == .integer;
        switch (operand.form) {
            .constant => |value| {
                if (!becomes_float) return value;
                return .{ .float = @floatFromInt(value.integer) };
            },
            else => {
                if (!becomes_float) return operand.build(maker, operand.kind orelse kind);
                return maker.several("to_float", &.{try operand.build(maker, .integer)});
            },
        }
    }

    /// The expression; the type is for what is open.
    pub fn build(operand: *const Operand, maker: Maker, kind: Type) Error!Tree {
        const wanted = operand.kind orelse kind;
        switch (operand.form) {
            .expression, .constant => |made| return made,
            .bin => |name| return maker.ofName(tree.binBuilder(wanted), name),
            .path => |path| return path.build(maker, operand.position, wanted),
            .arithmetic => |arithmetic| {
                const of: Type = if (isNumber(wanted)) wanted else .integer;
                const operands = try maker.arena.alloc(Tree, arithmetic.operands.len);
                for (operands, arithmetic.operands) |*made, *each| {
                    made.* = try each.typed(maker, of);
                }
                return maker.several(arithmetic.builder, operands);
            },
            .choice => |choice| {
                var parts: std.ArrayList(Tree) = .empty;
                for (choice.values, 0..) |*value, index| {
                    if (index < choice.conditions.len) {
                        try parts.append(maker.arena, choice.conditions[index]);
                    }
                    try parts.append(maker.arena, try value.typed(maker, wanted));
                }
                return maker.several("cond", parts.items);
            },
        }
    }
};
