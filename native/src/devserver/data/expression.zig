//! Expressions: compiled from the bytes of a filter or of an operation, evaluated on a record.

const std = @import("std");
const wire = @import("../../wire.zig");
const Compiler = @import("expression/Compiler.zig");
const Failure = @import("failure.zig").Failure;
const Language = @import("cdt/Language.zig");
const Version = @import("../base/Version.zig").Version;
const Parameters = @import("cdt/Parameters.zig");
const element_module = @import("cdt/element.zig");
const value = @import("value.zig");

const Allocator = std.mem.Allocator;
const Particle = value.Particle;

pub const Evaluator = @import("expression/Evaluator.zig");
pub const Node = @import("expression/Node.zig");
pub const Record = Evaluator.Record;
pub const Value = @import("expression/Value.zig").Value;

pub const Error = Compiler.Error;

/// Lives in the arena that it was compiled in, and in the bytes.
pub const Expression = struct {
    root: Node,
    slots: u32,
    language: *const Language,

    pub fn compile(arena: Allocator, version: Version, bytes: []const u8) Error!Expression {
        var compiler: Compiler = .{ .arena = arena, .version = version, .reader = .init(bytes) };
        const root = try compiler.compile();
        return .{ .root = root, .slots = compiler.slots, .language = languageOf(version) };
    }

    pub fn compileFilter(arena: Allocator, version: Version, bytes: []const u8) Error!Expression {
        const expression = try compile(arena, version, bytes);
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
            .language = expression.language,
            .record = record,
            .variables = try arena.alloc(Value, expression.slots),
        };
        return evaluator.evaluate(&expression.root);
    }

    /// On an element of a container, where nothing is known about the record.
    pub fn evaluateElement(
        expression: *const Expression,
        arena: Allocator,
        element: *const Language.Element,
    ) error{OutOfMemory}!Value {
        var evaluator: Evaluator = .{
            .arena = arena,
            .language = expression.language,
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

    /// What an element becomes that the expression's value is written to.
    fn change(
        expression: *const Expression,
        arena: Allocator,
        at: *const Language.Element,
    ) error{OutOfMemory}!Language.Change {
        const answer = try expression.evaluateElement(arena, at);
        switch (answer) {
            .unknown => return .unknown,
            .remove => return .removed,
            .particle => |particle| {
                if (particle.kind == .list or particle.kind == .map) {
                    return .{ .element = particle.bytes };
                }
                // The server takes all texts that calls return for strings.
                const text = answer.plainText() orelse return .impossible;
                return .{ .element = try element_module.textElement(arena, .string, text) };
            },
            .container => |bytes| {
                if (Parameters.isComparison(bytes)) return .incompatible;
                return .{ .element = bytes };
            },
            else => {
                const bytes = try answer.toElement(arena) orelse return .removed;
                return .{ .element = bytes };
            },
        }
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

/// Why bytes are no filter. Servers compile texts from 8.2 on, and this one does not.
pub fn filterRefusal(
    arena: Allocator,
    version: Version,
    bytes: []const u8,
) error{OutOfMemory}!Failure {
    const is_text = std.mem.startsWith(u8, bytes, "\x92\xcc\x80");
    if (!is_text or !version.isAtLeast(.@"8.2")) return expressionRefusal(arena, version, bytes);
    return .{
        .status = .unsupported_feature,
        .subcode = 2,
        .text = "the dev server compiles no texts of filters: exp.parse does so in the client",
    };
}

/// Why bytes are no expression, or none of the type that is wanted.
fn expressionRefusal(
    arena: Allocator,
    version: Version,
    bytes: []const u8,
) error{OutOfMemory}!Failure {
    if (!version.isAtLeast(.@"8.2")) return .of(.request_invalid);
    var compiler: Compiler = .{ .arena = arena, .version = version, .reader = .init(bytes) };
    _ = compiler.compile() catch |err| switch (err) {
        error.OutOfMemory => return error.OutOfMemory,
        error.Invalid => {},
    };
    const place = compiler.failed_at orelse 0;
    return .{
        .status = .request_invalid,
        .text = try std.fmt.allocPrint(arena, "the expression is not valid at byte {d}", .{place}),
        .trace = try trace(arena, .build, place),
    };
}

/// What was done with an expression that failed.
const Phase = enum(u8) { build = 1, evaluation = 2 };

const key_phase = 1;
const key_place = 2;

fn trace(arena: Allocator, phase: Phase, place: ?usize) error{OutOfMemory}![]const u8 {
    // A header, and two numbers with their keys.
    var out = wire.Buffer.fixed(try arena.alloc(u8, 32));
    packTrace(&out, phase, place) catch unreachable;
    return out.written();
}

fn packTrace(out: *wire.Buffer, phase: Phase, place: ?usize) wire.Buffer.Error!void {
    try wire.msgpack.writeMapHeader(out, if (place == null) 1 else 2);
    try wire.msgpack.writeUint(out, key_phase);
    try wire.msgpack.writeUint(out, @backingInt(phase));
    if (place) |offset| {
        try wire.msgpack.writeUint(out, key_place);
        try wire.msgpack.writeUint(out, offset);
    }
}

/// Expressions, as what they call knows them.
pub fn languageOf(version: Version) *const Language {
    return switch (version) {
        inline else => |known| &struct {
            const language: Language = .{
                .version = known,
                .compile = compileOpaque,
                .isTrue = isTrueOpaque,
                .change = changeOpaque,
            };
        }.language,
    };
}

fn compileOpaque(
    language: *const Language,
    arena: Allocator,
    bytes: []const u8,
) Language.CompileError!Language.Compiled {
    const expression = try arena.create(Expression);
    expression.* = try .compile(arena, language.version, bytes);
    return .{ .pointer = expression };
}

fn expressionOf(compiled: Language.Compiled) *const Expression {
    return @ptrCast(@alignCast(compiled.pointer));
}

fn isTrueOpaque(
    compiled: Language.Compiled,
    arena: Allocator,
    at: *const Language.Element,
) error{OutOfMemory}!?bool {
    return switch (try expressionOf(compiled).evaluateElement(arena, at)) {
        .boolean => |flag| flag,
        else => null,
    };
}

fn changeOpaque(
    compiled: Language.Compiled,
    arena: Allocator,
    at: *const Language.Element,
) error{OutOfMemory}!Language.Change {
    return expressionOf(compiled).change(arena, at);
}

/// What a write does to a bin.
pub const Written = union(enum) {
    unchanged,
    particle: Particle,
    removed,
    failed: Failure,
};

pub const Read = union(enum) {
    /// Null: nothing to be told.
    told: ?Particle,
    failed: Failure,
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
    fn decode(
        arena: Allocator,
        version: Version,
        bytes: []const u8,
        flags_known: u64,
    ) Error!Operation {
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
        return .{ .expression = try .compile(arena, version, expression_bytes), .flags = flags };
    }

    fn refusal(arena: Allocator, version: Version, bytes: []const u8) error{OutOfMemory}!Failure {
        var reader = wire.msgpack.Reader.init(bytes);
        _ = reader.next() catch return .of(.request_invalid);
        const expression_bytes = reader.value() catch return .of(.request_invalid);
        return expressionRefusal(arena, version, expression_bytes);
    }
};

/// What is said when nothing is known of an expression's value.
fn noValue(arena: Allocator) error{OutOfMemory}!Failure {
    return .{
        .status = .op_not_applicable,
        .text = "the expression has no value for the record",
        .trace = try trace(arena, .evaluation, null),
    };
}

/// An operation that reads an expression's value.
pub fn read(
    arena: Allocator,
    version: Version,
    record: *const Record,
    bytes: []const u8,
) error{OutOfMemory}!Read {
    const flags_known = Operation.flag_eval_no_fail;
    const operation = Operation.decode(arena, version, bytes, flags_known) catch |err| switch (err) {
        error.OutOfMemory => return error.OutOfMemory,
        error.Invalid => return .{ .failed = try Operation.refusal(arena, version, bytes) },
    };
    const answer = try operation.expression.evaluate(arena, record);
    switch (try answer.toParticle(arena)) {
        .particle => |particle| return .{ .told = particle },
        .unknown => {
            if (operation.has(Operation.flag_eval_no_fail)) return .{ .told = null };
            return .{ .failed = try noValue(arena) };
        },
    }
}

/// An operation that writes an expression's value to a bin, which may exist.
pub fn write(
    arena: Allocator,
    version: Version,
    record: *const Record,
    exists: bool,
    bytes: []const u8,
) error{OutOfMemory}!Written {
    const flags_known = Operation.flags_of_write;
    const operation = Operation.decode(arena, version, bytes, flags_known) catch |err| switch (err) {
        error.OutOfMemory => return error.OutOfMemory,
        error.Invalid => return .{ .failed = try Operation.refusal(arena, version, bytes) },
    };
    const forbidden: u64 = if (exists) Operation.flag_create_only else Operation.flag_update_only;
    if (operation.has(forbidden)) {
        if (operation.has(Operation.flag_policy_no_fail)) return .unchanged;
        return .{ .failed = .of(if (exists) .bin_exists else .bin_not_found) };
    }
    const answer = try operation.expression.evaluate(arena, record);
    const outcome = switch (try answer.toParticle(arena)) {
        .particle => |particle| particle,
        .unknown => {
            if (operation.has(Operation.flag_eval_no_fail)) return .unchanged;
            return .{ .failed = try noValue(arena) };
        },
    };
    if (outcome) |particle| return .{ .particle = particle };
    if (!exists) return .unchanged;
    if (operation.has(Operation.flag_allow_delete)) return .removed;
    // Any flag makes the server pass over this.
    if (operation.flags != 0) return .unchanged;
    return .{ .failed = .of(.op_not_applicable) };
}

test {
    _ = @import("strings.zig");
    _ = Evaluator;
    _ = @import("expression/Regex.zig");
}
