//! Functions of the user that run on the server: how a request names them and their arguments, and
//! how a reply tells their value or what went wrong.

const std = @import("std");
const request = @import("request.zig");
const wire = @import("../../wire.zig");
const Failure = @import("../../status.zig").Failure;
const Status = @import("../../status.zig").Status;
const msgpack = wire.msgpack;

pub const EncodeError = error{Failed} || wire.Buffer.Error;

/// Appends the fields for a function; `arguments` is a MessagePack array.
pub fn encode(
    encoder: *wire.message.Encoder,
    package: []const u8,
    function: []const u8,
    arguments: []const u8,
    failure: *Failure,
) EncodeError!void {
    if (package.len == 0 or function.len == 0) {
        return request.invalid(failure, "a function needs a package and a name", .{});
    }
    try encoder.field(.udf_package, package);
    try encoder.field(.udf_function, function);
    const start = try encoder.beginField(.udf_arguments);
    var reader: msgpack.Reader = .{ .bytes = arguments };
    _ = try request.expectArray(&reader, "the arguments must be a list", failure);
    reader.position = 0;
    wire.particle.packedFromMsgpack(encoder.buffer, &reader, .any) catch |err| switch (err) {
        error.OutOfMemory, error.NoSpaceLeft => |other| return other,
        else => {
            return request.invalid(failure, "the arguments cannot be sent: {t}", .{err});
        },
    };
    try encoder.endField(start);
}

const success_bin = "SUCCESS";
const failure_bin = "FAILURE";

/// Whether an operation of a reply is a value that a function gave.
pub fn isValue(operation: *const wire.operation.Operation) bool {
    return std.mem.eql(u8, operation.name, success_bin);
}

pub const Error = error{Malformed} || wire.particle.DecodeError || wire.Buffer.Error;

/// Appends the value that a function returned, nil when there is none. A function that failed may
/// be told by the reply's bin alone.
pub fn writeValue(message: *const wire.message.Message, out: *wire.Buffer) Error!Status {
    var operations = try message.operations();
    while (try operations.next()) |operation| {
        if (std.mem.eql(u8, operation.name, failure_bin)) return .udf;
        if (!std.mem.eql(u8, operation.name, success_bin)) continue;
        try wire.particle.msgpackFromParticle(out, operation.particle, operation.value);
        return .ok;
    }
    try msgpack.writeNil(out);
    return .ok;
}

/// What a reply says that went wrong; null when it says nothing.
pub fn errorText(body: []const u8) ?[]const u8 {
    const message = wire.message.Message.decode(body) catch return null;
    return failureText(&message);
}

/// The same of a reply that was taken apart.
pub fn failureText(message: *const wire.message.Message) ?[]const u8 {
    var operations = message.operations() catch return null;
    while (operations.next() catch return null) |operation| {
        if (std.mem.eql(u8, operation.name, failure_bin)) return operation.value;
    }
    return null;
}

const testing = std.testing;

fn testReply(out: *wire.Buffer, bin: []const u8, code: u8) !wire.message.Message {
    var encoder = try wire.message.Encoder.beginBare(out);
    if (bin.len > 0) try encoder.operation(.read, .string, bin, "text");
    encoder.finish(.{ .result_code = code });
    return wire.message.Message.decode(out.written());
}

test "a function's value, its absence, and its failure" {
    const Case = struct { []const u8, Status, []const u8 };
    const cases = [_]Case{
        .{ "SUCCESS", .ok, "\xa4text" },
        .{ "", .ok, "\xc0" },
        .{ "FAILURE", .udf, "" },
    };
    for (cases) |case| {
        var memory: [128]u8 = undefined;
        var body = wire.Buffer.fixed(&memory);
        const message = try testReply(&body, case[0], 0);
        var out_memory: [16]u8 = undefined;
        var out = wire.Buffer.fixed(&out_memory);
        try testing.expectEqual(case[1], try writeValue(&message, &out));
        try testing.expectEqualStrings(case[2], out.written());
    }
    var memory: [128]u8 = undefined;
    var body = wire.Buffer.fixed(&memory);
    _ = try testReply(&body, "FAILURE", 100);
    try testing.expectEqualStrings("text", errorText(body.written()).?);
    for (0..body.end) |length| {
        try testing.expectEqual(@as(?[]const u8, null), errorText(body.written()[0..length]));
    }
}
