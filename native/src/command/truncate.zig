//! Truncation: removing all records of a set or namespace that were last changed before a time.

const std = @import("std");
const request = @import("request.zig");
const wire = @import("../wire.zig");
const msgpack = wire.msgpack;

/// [namespace, set or "", time in nanoseconds since 1970 or 0 for now].
pub fn truncate(task: anytype, reader: *msgpack.Reader) !void {
    const namespace = try task.takeNamespace(reader);
    const set = try task.takeName(reader, "the set");
    try request.checkSet(set, task.failure);
    const before_ns = try task.takeInteger(u64, reader, "the time in nanoseconds");
    var memory: [256]u8 = undefined;
    var writer = std.Io.Writer.fixed(&memory);
    write(&writer, namespace, set, before_ns) catch unreachable;
    var answer = task.answerBuffer();
    defer answer.deinit();
    _ = try task.ask(try task.anyNode(), writer.buffered(), &answer);
}

fn write(
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
    try write(&writer, "test", "demo", 17);
    try testing.expectEqualStrings("truncate:namespace=test;set=demo;lut=17", writer.buffered());
    writer.end = 0;
    try write(&writer, "test", "", 0);
    try testing.expectEqualStrings("truncate-namespace:namespace=test", writer.buffered());
}
