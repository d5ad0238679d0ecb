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
    context.finishReply(&encoder, code, generation, void_time_s);
}

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
