//! What a command works with: the cluster's state, whose session it is, and where its reply goes.
//!
//! Made by the session for each frame, on the thread that handles it.

const std = @import("std");
const wire = @import("../../wire.zig");
const status = @import("../../status.zig");
const Core = @import("Core.zig");
const Failure = @import("../data/failure.zig").Failure;
const Scratch = @import("Scratch.zig");
const access = @import("../security/access.zig");
const faults = @import("faults.zig");
const record_module = @import("../data/record.zig");
const security = @import("../security/security.zig");
const work = @import("work.zig");

const Buffer = wire.Buffer;
const Status = status.Status;

const Context = @This();

core: *Core,
node: u8,
authenticated: bool,
/// The address that the client has connected to, as a text; empty where there is none.
local: []const u8 = "",
/// Whose session it is; empty without security.
user: []const u8,
standing: *const security.Standing,
now: record_module.Now,
out: *Buffer,
scratch: *Scratch,
/// The session's query, which a command may begin.
stream: *?Stream,
/// The row of a batch that is answered; null for a command of its own.
row: ?u32 = null,

/// A reply that comes in pieces. The session owns it and asks for one piece after the other.
pub const Stream = struct {
    pointer: *anyopaque,
    vtable: *const VTable,

    pub const VTable = struct {
        /// Appends the next piece of the reply.
        proceed: *const fn (*anyopaque, *const Context) Buffer.Error!work.Progress,
        destroy: *const fn (*anyopaque) void,
    };

    pub fn proceed(stream: Stream, context: *const Context) Buffer.Error!work.Progress {
        return stream.vtable.proceed(stream.pointer, context);
    }

    pub fn destroy(stream: Stream) void {
        stream.vtable.destroy(stream.pointer);
    }
};

/// Keeps what there is to say of a failure, and returns its code.
pub fn failed(context: *const Context, failure: Failure) Status {
    context.scratch.failure = failure;
    return failure.status;
}

pub fn count(context: *const Context, what: faults.Count) void {
    context.core.nodes[context.node].counters.add(what, 1);
}

/// A command of its own is answered by a frame, a row by a message in the batch's frame.
pub fn beginReply(context: *const Context) Buffer.Error!wire.message.Encoder {
    if (context.row != null) return .beginBare(context.out);
    return .begin(context.out);
}

pub fn finishReply(
    context: *const Context,
    encoder: *wire.message.Encoder,
    code: Status,
    generation: u32,
    void_time_s: u32,
) void {
    encoder.finish(.{
        .result_code = @intCast(@backingInt(code)),
        .generation = generation,
        .record_ttl = void_time_s,
        .transaction_ttl = context.row orelse 0,
    });
}

pub fn isAuthenticated(context: *const Context) bool {
    return context.authenticated or !context.core.security.isEnabled();
}

/// Whether the user may do all that is wanted at a place; otherwise the code to answer.
pub fn authorize(
    context: *const Context,
    wanted: access.Permissions,
    place: access.Privilege.Place,
) Status {
    const users = &context.core.security;
    if (!users.isEnabled()) return .ok;
    if (context.standing.status != .ok) return context.standing.status;
    if (context.standing.permissions.permits(wanted)) return .ok;
    return if (users.permits(context.user, wanted, place)) .ok else .role_violation;
}
