//! Truncation: removing all records of a set or namespace that were last changed before a time.

const std = @import("std");
const request = @import("../record/request.zig");
const wire = @import("../../wire.zig");
const procedure_module = @import("../procedure.zig");
const Error = procedure_module.Error;
const FrameResult = @import("../../engine.zig").FrameResult;
const Step = procedure_module.Step;
const msgpack = wire.msgpack;

pub const Truncate = struct {
    memory: [command_bytes_max]u8 = undefined,
    command_len: usize = 0,
    is_asked: bool = false,

    /// More than a namespace, a set and a time take.
    const command_bytes_max = 256;

    /// [namespace, set or "", time in nanoseconds since 1970 or 0 for now].
    pub fn parse(truncate: *Truncate, procedure: anytype, reader: *msgpack.Reader) Error!void {
        const namespace = try procedure.takeNamespace(reader);
        const set = try procedure.takeName(reader, "the set");
        try request.checkSet(set, procedure.failure);
        try procedure.workIn(.{ .namespace = namespace, .set = set });
        const before_ns = try procedure.takeInteger(u64, reader, "the time in nanoseconds");
        var writer = std.Io.Writer.fixed(&truncate.memory);
        writeCommand(&writer, namespace, set, before_ns) catch unreachable;
        truncate.command_len = writer.end;
    }

    pub fn next(truncate: *Truncate, procedure: anytype) Error!Step {
        if (!truncate.is_asked) {
            truncate.is_asked = true;
            return .{ .ask = .{ .whom = .any } };
        }
        _ = try procedure.answer(&procedure.questions[0]);
        return .done;
    }

    pub fn write(truncate: *Truncate, procedure: anytype, question: anytype) Error!void {
        try procedure.writeInfo(question, truncate.memory[0..truncate.command_len]);
    }

    pub fn take(_: *Truncate, procedure: anytype, question: anytype, frame: anytype) !FrameResult {
        return procedure.takeInfo(question, frame);
    }
};

fn writeCommand(
    writer: *std.Io.Writer,
    namespace: []const u8,
    set: []const u8,
    before_ns: u64,
) std.Io.Writer.Error!void {
    const command = if (set.len == 0) "truncate-namespace" else "truncate";
    try writer.print("{s}:namespace={s}", .{ command, namespace });
    if (set.len != 0) try writer.print(";set={s}", .{set});
    if (before_ns != 0) try writer.print(";lut={d}", .{before_ns});
}

test "the command names set and time where they are given" {
    const testing = std.testing;
    var memory: [256]u8 = undefined;
    var writer = std.Io.Writer.fixed(&memory);
    try writeCommand(&writer, "test", "demo", 17);
    try testing.expectEqualStrings("truncate:namespace=test;set=demo;lut=17", writer.buffered());
    writer.end = 0;
    try writeCommand(&writer, "test", "", 0);
    try testing.expectEqualStrings("truncate-namespace:namespace=test", writer.buffered());
}
