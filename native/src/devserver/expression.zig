//! Expressions: compiled from the bytes of a filter or of an operation, evaluated on a record.

const std = @import("std");
const wire = @import("../wire.zig");
const status = @import("../status.zig");
const Compiler = @import("expression/Compiler.zig");
const value = @import("value.zig");

const Allocator = std.mem.Allocator;
const Particle = value.Particle;
const Status = status.Status;

pub const Evaluator = @import("expression/Evaluator.zig");
pub const Node = @import("expression/Node.zig");
pub const Record = Evaluator.Record;
pub const Value = @import("expression/Value.zig").Value;

pub const Error = Compiler.Error;

/// Lives in the arena that it was compiled in, and in the bytes.
pub const Expression = struct {
    root: Node,
    slots: u32,

    pub fn compile(arena: Allocator, bytes: []const u8) Error!Expression {
        var compiler: Compiler = .{ .arena = arena, .reader = .init(bytes) };
        const root = try compiler.compile();
        return .{ .root = root, .slots = compiler.slots };
    }

    pub fn compileFilter(arena: Allocator, bytes: []const u8) Error!Expression {
        const expression = try compile(arena, bytes);
        if (expression.root.type != .boolean) return error.Invalid;
        return expression;
    }

    pub fn evaluate(
        expression: *const Expression,
        arena: Allocator,
        record: *const Record,
    ) error{OutOfMemory}!Value {
        var evaluator: Evaluator = .{
            .arena = arena,
            .record = record,
            .variables = try arena.alloc(Value, expression.slots),
        };
        return evaluator.evaluate(&expression.root);
    }

    /// On an element of a container, where nothing is known about the record.
    pub fn evaluateElement(
        expression: *const Expression,
        arena: Allocator,
        element: *const Element,
    ) error{OutOfMemory}!Value {
        var evaluator: Evaluator = .{
            .arena = arena,
            .record = &Record.nothing,
            .variables = try arena.alloc(Value, expression.slots),
        };
        evaluator.builtins[Compiler.builtin_value] = try Value.ofElement(arena, element.value);
        if (element.key) |key| {
            evaluator.builtins[Compiler.builtin_key] = try Value.ofElement(arena, key);
        }
        if (element.index) |index| {
            evaluator.builtins[Compiler.builtin_index] = .{ .integer = index };
        }
        return evaluator.evaluate(&expression.root);
    }

    /// What is not known to be true does not match.
    pub fn matches(
        expression: *const Expression,
        arena: Allocator,
        record: *const Record,
    ) error{OutOfMemory}!bool {
        return switch (try expression.evaluate(arena, record)) {
            .boolean => |flag| flag,
            else => false,
        };
    }
};

/// An element that expressions are evaluated on: of a list with its index, of a map with its key.
pub const Element = struct {
    key: ?[]const u8 = null,
    value: []const u8,
    index: ?u32 = null,
};

/// What a write does to a bin.
pub const Written = union(enum) {
    unchanged,
    particle: Particle,
    removed,
    failed: Status,
};

pub const Read = union(enum) {
    /// Null: nothing to be told.
    told: ?Particle,
    failed: Status,
};

const Operation = struct {
    expression: Expression,
    flags: u64,

    const flag_create_only = 0x01;
    const flag_update_only = 0x02;
    const flag_allow_delete = 0x04;
    const flag_policy_no_fail = 0x08;
    const flag_eval_no_fail = 0x10;

    const flags_of_write = 0x1f;

    fn has(operation: *const Operation, flag: u64) bool {
        return operation.flags & flag != 0;
    }

    /// An array of an expression and flags, which may be left out.
    fn decode(arena: Allocator, bytes: []const u8, flags_known: u64) Error!Operation {
        var reader = wire.msgpack.Reader.init(bytes);
        switch (reader.next() catch return error.Invalid) {
            .array => |count| if (count == 0 or count > 2) return error.Invalid,
            else => return error.Invalid,
        }
        const expression_bytes = reader.value() catch return error.Invalid;
        const flags: u64 = if (reader.next()) |token| switch (token) {
            .int => |number| @bitCast(number),
            .uint => |number| number,
            else => 0,
        } else |_| 0;
        if (flags & ~flags_known != 0) return error.Invalid;
        return .{ .expression = try .compile(arena, expression_bytes), .flags = flags };
    }
};

/// An operation that reads an expression's value.
pub fn read(arena: Allocator, record: *const Record, bytes: []const u8) error{OutOfMemory}!Read {
    const flags_known = Operation.flag_eval_no_fail;
    const operation = Operation.decode(arena, bytes, flags_known) catch |err| switch (err) {
        error.OutOfMemory => return error.OutOfMemory,
        error.Invalid => return .{ .failed = .request_invalid },
    };
    const answer = try operation.expression.evaluate(arena, record);
    switch (try answer.toParticle(arena)) {
        .particle => |particle| return .{ .told = particle },
        .unknown => {
            if (operation.has(Operation.flag_eval_no_fail)) return .{ .told = null };
            return .{ .failed = .op_not_applicable };
        },
    }
}

/// An operation that writes an expression's value to a bin, which may exist.
pub fn write(
    arena: Allocator,
    record: *const Record,
    exists: bool,
    bytes: []const u8,
) error{OutOfMemory}!Written {
    const flags_known = Operation.flags_of_write;
    const operation = Operation.decode(arena, bytes, flags_known) catch |err| switch (err) {
        error.OutOfMemory => return error.OutOfMemory,
        error.Invalid => return .{ .failed = .request_invalid },
    };
    const forbidden: u64 = if (exists) Operation.flag_create_only else Operation.flag_update_only;
    if (operation.has(forbidden)) {
        if (operation.has(Operation.flag_policy_no_fail)) return .unchanged;
        return .{ .failed = if (exists) .bin_exists else .bin_not_found };
    }
    const answer = try operation.expression.evaluate(arena, record);
    const outcome = switch (try answer.toParticle(arena)) {
        .particle => |particle| particle,
        .unknown => {
            if (operation.has(Operation.flag_eval_no_fail)) return .unchanged;
            return .{ .failed = .op_not_applicable };
        },
    };
    if (outcome) |particle| return .{ .particle = particle };
    if (!exists) return .unchanged;
    if (operation.has(Operation.flag_allow_delete)) return .removed;
    // Any flag makes the server pass over this.
    if (operation.flags != 0) return .unchanged;
    return .{ .failed = .op_not_applicable };
}

test {
    _ = Evaluator;
    _ = @import("expression/Regex.zig");
    _ = @import("expression/expression_test.zig");
}
