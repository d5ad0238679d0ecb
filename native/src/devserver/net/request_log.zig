//! A line for each request, on the process's standard error: which node, what, and how it ended.
//!
//!   D1 read test.demo 2       D1 info "namespaces"       D2 batch test 0
//!
//! Numbers are result codes. A line is one write, so that those of several threads do not mix.

const std = @import("std");
const wire = @import("../../wire.zig");
const Request = @import("../commands/Request.zig");
const hosted = @import("../../hosted.zig");
const record = @import("../commands/record.zig");

const line_bytes_max = 512;

/// `reply` is what has been written of the answer so far, perhaps nothing.
pub fn write(node: []const u8, kind: wire.proto.Kind, body: []const u8, reply: []const u8) void {
    var memory: [line_bytes_max]u8 = undefined;
    // What does not fit is cut.
    var writer = std.Io.Writer.fixed(memory[0 .. memory.len - 1]);
    compose(&writer, node, kind, body, reply) catch {};
    const end = writer.end;
    for (memory[0..end]) |*byte| {
        if (!std.ascii.isPrint(byte.*)) byte.* = '.';
    }
    memory[end] = '\n';
    hosted.writeStandardError(memory[0 .. end + 1]);
}

fn compose(
    writer: *std.Io.Writer,
    node: []const u8,
    kind: wire.proto.Kind,
    body: []const u8,
    reply: []const u8,
) std.Io.Writer.Error!void {
    try writer.print("{s} ", .{node});
    switch (kind) {
        .info => try writer.print("info \"{s}\"", .{std.mem.trimEnd(u8, body, "\n")}),
        .admin => {
            const message = wire.admin.Message.decode(body) catch return writer.writeAll("admin");
            try writer.print("admin {d}", .{@backingInt(message.command)});
            if (reply.len > wire.proto.header_bytes + 1) {
                try writer.print(" {d}", .{reply[wire.proto.header_bytes + 1]});
            }
        },
        else => try composeMessage(writer, body, reply),
    }
}

fn composeMessage(
    writer: *std.Io.Writer,
    body: []const u8,
    reply: []const u8,
) std.Io.Writer.Error!void {
    const message = wire.message.Message.decode(body) catch return writer.writeAll("malformed");
    const request, _ = Request.decodePrefix(message.header, message.body) catch {
        return writer.writeAll("malformed");
    };
    const is_batch = message.header.info1.batch;
    const name = if (is_batch)
        "batch"
    else if (request.digest == null)
        "query"
    else
        @tagName(record.kindOf(&request));
    try writer.writeAll(name);
    if (request.namespace) |namespace| try writer.print(" {s}", .{namespace});
    if (request.set.len > 0) try writer.print(".{s}", .{request.set});
    if (request.udf) |udf| try writer.print(" {s}.{s}", .{ udf.package, udf.function });
    const result_code = wire.proto.header_bytes + 5;
    // The codes of a batch, or a query, are its rows'.
    const is_one = request.digest != null and !is_batch;
    if (is_one and reply.len > result_code) try writer.print(" {d}", .{reply[result_code]});
}

test "a request is a line" {
    const testing = std.testing;
    var memory: [128]u8 = undefined;
    var writer = std.Io.Writer.fixed(&memory);
    try compose(&writer, "D1", .info, "build\nnode\n", "");
    try testing.expectEqualStrings("D1 info \"build\nnode\"", writer.buffered());
    var request = wire.Buffer.growing(testing.allocator, &.{}, 1024);
    defer request.deinit();
    var encoder = try wire.message.Encoder.begin(&request);
    try encoder.field(.namespace, "test");
    try encoder.field(.set, "demo");
    try encoder.field(.digest, &@as(wire.digest.Digest, @splat(1)));
    encoder.finish(.{ .info1 = .{ .read = true, .get_all = true } });
    const reply = "\x02\x03\x00\x00\x00\x00\x00\x16" ++ "\x16\x00\x00\x00\x00\x02";
    writer.end = 0;
    const body = request.written()[wire.proto.header_bytes..];
    try compose(&writer, "D1", .message, body, reply);
    try testing.expectEqualStrings("D1 read test.demo 2", writer.buffered());
}
