//! How replies of commands on records are written.

const std = @import("std");
const assert = std.debug.assert;
const wire = @import("../../wire.zig");
const status = @import("../../status.zig");
const Context = @import("../core/Context.zig");
const Scratch = @import("../core/Scratch.zig");
const record_module = @import("../data/record.zig");

const Buffer = wire.Buffer;
const Status = status.Status;

/// Appends a reply that is a header alone.
pub fn header(
    context: *const Context,
    code: Status,
    generation: u32,
    void_time_s: u32,
) Buffer.Error!void {
    var encoder = try context.beginReply();
    if (code != .ok) try details(context, &encoder);
    context.finishReply(&encoder, code, generation, void_time_s);
}

/// What servers from 8.2 on say of a failure beside its code, as far as it was asked for.
fn details(context: *const Context, encoder: *wire.message.Encoder) Buffer.Error!void {
    const failure = context.scratch.failure orelse return;
    const verbosity: Verbosity = @fromBackingInt(context.scratch.verbosity);
    const has_subcode = verbosity.includes(.subcode) and failure.subcode != 0;
    const has_text = verbosity.includes(.text) and failure.text.len > 0;
    const has_trace = verbosity.includes(.trace) and failure.trace.len > 0;
    const count = @as(u32, @intFromBool(has_subcode)) + @intFromBool(has_text) +
        @intFromBool(has_trace);
    if (count == 0) return;
    const arena = context.scratch.arena.allocator();
    var out = Buffer.growing(arena, &.{}, details_bytes_max);
    try wire.msgpack.writeMapHeader(&out, count);
    if (has_subcode) {
        try wire.msgpack.writeUint(&out, key_subcode);
        try wire.msgpack.writeUint(&out, failure.subcode);
    }
    if (has_text) {
        try wire.msgpack.writeUint(&out, key_text);
        try wire.msgpack.writeString(&out, failure.text);
    }
    if (has_trace) {
        try wire.msgpack.writeUint(&out, key_trace);
        try out.append(failure.trace);
    }
    try encoder.field(.error_details, out.written());
}

const Verbosity = enum(u2) {
    none,
    subcode,
    text,
    trace,

    fn includes(verbosity: Verbosity, wanted: Verbosity) bool {
        return @backingInt(verbosity) >= @backingInt(wanted);
    }
};

const key_subcode = 1;
const key_text = 2;
const key_trace = 3;
const details_bytes_max = 16 * 1024;

/// Appends a reply that is a result code alone.
pub fn fail(context: *const Context, code: Status) Buffer.Error!void {
    assert(code != .ok);
    context.count(.errors);
    try header(context, code, 0, 0);
}

/// A failure that tells the record's generation and void time, as the server's do once they
/// have found it.
pub fn failOf(
    context: *const Context,
    code: Status,
    meta: *const record_module.Meta,
) Buffer.Error!void {
    context.count(.errors);
    try header(context, code, meta.generation, meta.void_time_s);
}

pub fn operations(
    context: *const Context,
    generation: u32,
    void_time_s: u32,
    responses: []const Scratch.Response,
) Buffer.Error!void {
    var encoder = try context.beginReply();
    for (responses) |*response| {
        const bin = &response.bin;
        encoder.operation(response.code, bin.kind, bin.name, bin.value) catch |err| switch (err) {
            error.BinNameTooLong => unreachable,
            error.OutOfMemory, error.NoSpaceLeft => |other| return other,
        };
    }
    context.finishReply(&encoder, .ok, generation, void_time_s);
}
