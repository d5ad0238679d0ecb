//! From a reply's bytes to a result in MessagePack.
//!
//! Everything here comes from the network: whatever is wrong with it is an error value. Nothing is
//! kept; the result is appended to a buffer of the caller.

const std = @import("std");
const error_details = @import("error_details.zig");
const function = @import("function.zig");
const operate_reply = @import("operate_reply.zig");
const wire = @import("../../wire.zig");
const msgpack = wire.msgpack;
const Failure = @import("../../status.zig").Failure;
const Status = @import("../../status.zig").Status;
const Encoded = @import("request.zig").Encoded;
const Frame = @import("../../engine.zig").Frame;

/// The epoch of void times, 2010-01-01 00:00 UTC, in Unix seconds.
pub const epoch_unix_s = 1_262_304_000;

/// What a record that never expires shows as its time to live.
pub const ttl_never = std.math.maxInt(u32);

pub const Error = error{Malformed} || wire.particle.DecodeError || wire.Buffer.Error;

/// What a frame answers to a command: the status, with the result appended when there is one. An
/// absent record is an answer of an existence check.
pub fn interpret(
    gpa: std.mem.Allocator,
    encoded: *const Encoded,
    frame: Frame,
    now_unix_s: i64,
    out: *wire.Buffer,
) Error!Status {
    if (frame.kind != .message) return error.Malformed;
    const message = try wire.message.Message.decode(frame.body);
    const answer = Status.fromServer(message.header.result_code);
    const shape = encoded.command.shape();
    if (answer == .record_not_found and shape == .metadata) {
        try msgpack.writeArrayHeader(out, 2);
        try encoded.key.write(out);
        try msgpack.writeNil(out);
        return .ok;
    }
    if (answer != .ok or shape == .nothing) return answer;
    if (shape == .value) return function.writeValue(&message, out);
    try msgpack.writeArrayHeader(out, if (shape == .metadata) 2 else 3);
    try encoded.key.write(out);
    try writeMetadata(&message.header, now_unix_s, out);
    const operations = encoded.operations;
    const respond_all = encoded.respond_all;
    switch (shape) {
        .nothing, .value => unreachable,
        .metadata => {},
        .record => _ = try writeBins(&message, out),
        .operated => try operate_reply.writeBins(gpa, operations, respond_all, &message, out),
        .operated_in_order => try operate_reply.writeOrdered(operations, respond_all, &message, out),
    }
    return .ok;
}

/// Sets the failure for a reply that `interpret` did not understand or find room for.
pub fn describe(err: Error, failure: *Failure) void {
    switch (err) {
        error.OutOfMemory => failure.set(.out_of_memory, "out of memory for the result", .{}),
        error.NoSpaceLeft => failure.set(.client, "the result is larger than the limit", .{}),
        error.Malformed, error.NestingTooDeep => {
            failure.set(.client, "the reply is malformed ({t})", .{err});
        },
    }
}

/// The server's code in words; a code that this client does not know is named by its number.
pub fn setServerFailure(answer: Status, failure: *Failure) void {
    const text = answer.text();
    if (text.len != 0) return failure.set(answer, "{s}", .{text});
    failure.set(answer, "server error {d}", .{@backingInt(answer)});
}

/// The same for a reply that may say more.
pub fn setReplyFailure(answer: Status, body: []const u8, failure: *Failure) void {
    if (answer == .udf) if (function.errorText(body)) |text| {
        return failure.set(.udf, "{s}", .{text});
    };
    setServerFailure(answer, failure);
    const message = wire.message.Message.decode(body) catch return;
    error_details.describe(&message, failure);
}

pub fn writeMetadata(
    header: *const wire.message.Header,
    now_unix_s: i64,
    out: *wire.Buffer,
) wire.Buffer.Error!void {
    try msgpack.writeArrayHeader(out, 2);
    try msgpack.writeUint(out, header.generation);
    try msgpack.writeUint(out, ttlFromVoidTime(header.record_ttl, now_unix_s));
}

/// Seconds left. A void time that has passed, by this machine's clock, still shows one second:
/// the server has just answered that the record is alive.
pub fn ttlFromVoidTime(void_time_s: u32, now_unix_s: i64) u32 {
    if (void_time_s == 0) return ttl_never;
    const left_s = @as(i64, void_time_s) + epoch_unix_s - now_unix_s;
    return @intCast(std.math.clamp(left_s, 1, ttl_never));
}

/// Appends {bin: value}, and returns what follows the message.
pub fn writeBins(message: *const wire.message.Message, out: *wire.Buffer) Error![]const u8 {
    var operations = try message.operations();
    try msgpack.writeMapHeader(out, message.header.operation_count);
    while (try operations.next()) |operation| {
        try msgpack.writeString(out, operation.name);
        try wire.particle.msgpackFromParticle(out, operation.particle, operation.value);
    }
    return operations.rest;
}

test "a time to live is what is left of the void time" {
    const now = epoch_unix_s + 1000;
    try std.testing.expectEqual(@as(u32, ttl_never), ttlFromVoidTime(0, now));
    try std.testing.expectEqual(@as(u32, 300), ttlFromVoidTime(1300, now));
    try std.testing.expectEqual(@as(u32, 1), ttlFromVoidTime(1000, now));
    try std.testing.expectEqual(@as(u32, 1), ttlFromVoidTime(5, now));
}
