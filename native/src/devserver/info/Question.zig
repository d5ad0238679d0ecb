//! What one info command is asked, and where its answer goes.

const std = @import("std");
const wire = @import("../../wire.zig");
const Context = @import("../core/Context.zig");
const Core = @import("../core/Core.zig");
const access = @import("../security/access.zig");
const topology_module = @import("../core/topology.zig");

const Buffer = wire.Buffer;

const Question = @This();

context: *const Context,
out: *Buffer,
/// Behind the name and its separator.
parameters: []const u8,

/// A command by its name, and what is needed to be allowed to give it.
pub const Command = struct {
    name: []const u8,
    answer: *const fn (*const Question) Buffer.Error!void,
    needs: ?Need = null,
};

pub const Need = struct { permissions: access.Permissions, name: []const u8 };

/// The answer that is always the same.
pub fn answerText(comptime value: []const u8) *const fn (*const Question) Buffer.Error!void {
    return &struct {
        fn answer(question: *const Question) Buffer.Error!void {
            try question.text(value);
        }
    }.answer;
}

pub fn answerEnterprise(question: *const Question) Buffer.Error!void {
    try question.fail(25, "enterprise only");
}

pub fn text(question: *const Question, value: []const u8) Buffer.Error!void {
    try question.out.append(value);
}

pub fn print(
    question: *const Question,
    comptime format: []const u8,
    arguments: anytype,
) Buffer.Error!void {
    var memory: [512]u8 = undefined;
    var writer = std.Io.Writer.fixed(&memory);
    writer.print(format, arguments) catch return error.NoSpaceLeft;
    try question.out.append(writer.buffered());
}

pub fn fail(question: *const Question, code: u8, reason: []const u8) Buffer.Error!void {
    try question.print("ERROR:{d}:{s}", .{ code, reason });
}

/// The value of `key=value` among the parameters.
pub fn parameter(question: *const Question, key: []const u8) ?[]const u8 {
    var pairs = std.mem.splitScalar(u8, question.parameters, ';');
    while (pairs.next()) |pair| {
        const separator = std.mem.findScalar(u8, pair, '=') orelse continue;
        if (std.mem.eql(u8, pair[0..separator], key)) return pair[separator + 1 ..];
    }
    return null;
}

/// A parameter that may be left out, but is neither empty nor too long where it is given.
pub fn optional(
    question: *const Question,
    key: []const u8,
    bytes_max: usize,
) (Buffer.Error || error{Answered})!?[]const u8 {
    if (question.parameter(key) == null) return null;
    return try question.required(key, bytes_max, 4) orelse error.Answered;
}

/// Under either of its names.
pub fn namespaceName(question: *const Question) (Buffer.Error || error{Answered})!?[]const u8 {
    const value = question.parameter("namespace") orelse question.parameter("ns") orelse {
        return null;
    };
    if (value.len > 0 and value.len <= 31) return value;
    const is_missing = value.len == 0;
    try question.fail(
        20,
        if (is_missing) "missing 'namespace' value" else "'namespace' value too long",
    );
    return error.Answered;
}

/// A parameter that has to be there; null when an error was answered instead.
pub fn required(
    question: *const Question,
    key: []const u8,
    bytes_max: usize,
    code: u8,
) Buffer.Error!?[]const u8 {
    const value = question.parameter(key) orelse {
        try question.print("ERROR:{d}:missing '{s}'", .{ code, key });
        return null;
    };
    if (value.len == 0) {
        try question.print("ERROR:{d}:missing '{s}' value", .{ code, key });
        return null;
    }
    if (value.len > bytes_max) {
        try question.print("ERROR:{d}:'{s}' value too long", .{ code, key });
        return null;
    }
    return value;
}

pub fn core(question: *const Question) *Core {
    return question.context.core;
}

pub fn topology(question: *const Question) *topology_module.Topology {
    return &question.context.core.topology;
}

/// The node that answers. The topology's mutex is held.
pub fn node(question: *const Question) *topology_module.Node {
    return &question.topology().nodes[question.context.node];
}
