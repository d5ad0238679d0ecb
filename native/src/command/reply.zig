//! From a reply's bytes to a result in MessagePack.
//!
//! Everything here comes from the network: whatever is wrong with it is an error value. Nothing is
//! kept; the result is appended to a buffer of the caller.

const std = @import("std");
const wire = @import("../wire.zig");
const msgpack = wire.msgpack;
const Failure = @import("../status.zig").Failure;
const Status = @import("../status.zig").Status;
const Command = @import("request.zig").Command;
const Key = @import("request.zig").Key;

/// The epoch of void times, 2010-01-01 00:00 UTC, in Unix seconds.
pub const epoch_unix_s = 1_262_304_000;

/// What a record that never expires shows as its time to live.
pub const ttl_never = std.math.maxInt(u32);

pub const Error = error{Malformed} || wire.particle.DecodeError || wire.Buffer.Error;

/// The status in a reply, which is the body of one message frame.
fn status(message: *const wire.message.Message) Status {
    return Status.fromServer(message.header.result_code);
}

/// What a frame answers to a command: the status, with the result appended when there is one. An
/// absent record is an answer of an existence check.
pub fn interpret(
    command: Command,
    frame_kind: wire.proto.Kind,
    body: []const u8,
    key: *const Key,
    now_unix_s: i64,
    out: *wire.Buffer,
) Error!Status {
    if (frame_kind != .message) return error.Malformed;
    const message = try wire.message.Message.decode(body);
    const answer = status(&message);
    if (answer == .ok) {
        try write(command.shape(), &message, key, now_unix_s, out);
        return .ok;
    }
    if (answer == .record_not_found and command == .exists) {
        try writeAbsent(key, out);
        return .ok;
    }
    return answer;
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

/// Appends the result that the command promises for a reply that was successful.
fn write(
    shape: Command.Shape,
    message: *const wire.message.Message,
    key: *const Key,
    now_unix_s: i64,
    out: *wire.Buffer,
) Error!void {
    switch (shape) {
        .nothing => {},
        .metadata => {
            try msgpack.writeArrayHeader(out, 2);
            try key.write(out);
            try writeMetadata(&message.header, now_unix_s, out);
        },
        .record => {
            try msgpack.writeArrayHeader(out, 3);
            try key.write(out);
            try writeMetadata(&message.header, now_unix_s, out);
            try writeBins(message, out);
        },
    }
}

/// The answer of an existence check for a record that is not there.
fn writeAbsent(key: *const Key, out: *wire.Buffer) wire.Buffer.Error!void {
    try msgpack.writeArrayHeader(out, 2);
    try key.write(out);
    try msgpack.writeNil(out);
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

fn writeBins(message: *const wire.message.Message, out: *wire.Buffer) Error!void {
    var operations = try message.operations();
    try msgpack.writeMapHeader(out, message.header.operation_count);
    while (try operations.next()) |operation| {
        try msgpack.writeString(out, operation.name);
        try wire.particle.msgpackFromParticle(out, operation.particle, operation.value);
    }
}

test "a time to live is what is left of the void time" {
    const now = epoch_unix_s + 1000;
    try std.testing.expectEqual(@as(u32, ttl_never), ttlFromVoidTime(0, now));
    try std.testing.expectEqual(@as(u32, 300), ttlFromVoidTime(1300, now));
    try std.testing.expectEqual(@as(u32, 1), ttlFromVoidTime(1000, now));
    try std.testing.expectEqual(@as(u32, 1), ttlFromVoidTime(5, now));
}
