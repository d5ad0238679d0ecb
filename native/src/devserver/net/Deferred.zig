//! A message whose answer may take long: it is made on the lane, and the session asks for it as
//! for a reply that comes in pieces.
//!
//! The session and the lane have a reference each, so that either may be done with it first.

const std = @import("std");
const wire = @import("../../wire.zig");
const Context = @import("../core/Context.zig");
const Core = @import("../core/Core.zig");
const Lane = @import("../core/Lane.zig");
const Scratch = @import("../core/Scratch.zig");
const record = @import("../data/record.zig");
const security = @import("../security/security.zig");
const sync = @import("../base/sync.zig");
const work = @import("../core/work.zig");

const Deferred = @This();

gpa: std.mem.Allocator,
references: std.atomic.Value(u32) = .init(2),
job: Lane.Job = .{ .run = run },
core: *Core,
node: u8,
authenticated: bool,
/// User and message, one behind the other.
memory: []const u8,
user_len: usize,
standing: security.Standing,
now: record.Now,
out: wire.Buffer,
state: std.atomic.Value(State) = .init(.working),
changed: sync.Signal = .{},
is_first: bool = true,
answer: Answer,

/// What makes the answer.
pub const Answer = *const fn (*const Context, []const u8) wire.Buffer.Error!void;

const State = enum(u8) { working, done, failed };

/// So long the session's thread waits for an answer that comes soon, before it turns to others.
const patience_ms = 3;
/// And so long it lets it be after that, before it looks again.
const look_again_ms = 2;
const reply_bytes_max = wire.proto.size_max_server;

const vtable: Context.Stream.VTable = .{ .proceed = proceed, .destroy = destroy };

/// Begins, and is the session's stream from now on.
pub fn begin(
    context: *const Context,
    bytes: []const u8,
    answer: Answer,
) error{OutOfMemory}!void {
    const core = context.core;
    const gpa = core.gpa;
    const memory = try std.mem.concat(gpa, u8, &.{ context.user, bytes });
    errdefer gpa.free(memory);
    const deferred = try gpa.create(Deferred);
    deferred.* = .{
        .gpa = gpa,
        .core = core,
        .node = context.node,
        .authenticated = context.authenticated,
        .memory = memory,
        .user_len = context.user.len,
        .standing = context.standing.*,
        .now = context.now,
        .out = .growing(gpa, &.{}, reply_bytes_max),
        .answer = answer,
    };
    context.stream.* = .{ .pointer = deferred, .vtable = &vtable };
    core.lane.push(&deferred.job);
}

/// A thread of the lane.
fn run(job: *Lane.Job, scratch: *Scratch) void {
    const deferred: *Deferred = @fieldParentPtr("job", job);
    defer deferred.release();
    defer scratch.reset();
    var stream: ?Context.Stream = null;
    const context: Context = .{
        .core = deferred.core,
        .node = deferred.node,
        .authenticated = deferred.authenticated,
        .user = deferred.memory[0..deferred.user_len],
        .standing = &deferred.standing,
        .now = deferred.now,
        .out = &deferred.out,
        .scratch = scratch,
        .stream = &stream,
    };
    const bytes = deferred.memory[deferred.user_len..];
    const state: State = if (deferred.answer(&context, bytes)) .done else |_| .failed;
    std.debug.assert(stream == null);
    deferred.state.store(state, .release);
    deferred.changed.raise();
}

fn proceed(pointer: *anyopaque, context: *const Context) wire.Buffer.Error!work.Progress {
    const deferred: *Deferred = @ptrCast(@alignCast(pointer));
    if (deferred.is_first) {
        deferred.is_first = false;
        const seen = deferred.changed.read();
        if (deferred.state.load(.acquire) == .working) deferred.changed.wait(seen, patience_ms);
    }
    switch (deferred.state.load(.acquire)) {
        .working => return .{ .more = look_again_ms },
        .failed => return error.OutOfMemory,
        .done => {},
    }
    try context.out.append(deferred.out.written());
    return .done;
}

fn destroy(pointer: *anyopaque) void {
    const deferred: *Deferred = @ptrCast(@alignCast(pointer));
    deferred.release();
}

fn release(deferred: *Deferred) void {
    if (deferred.references.fetchSub(1, .acq_rel) != 1) return;
    const gpa = deferred.gpa;
    deferred.out.deinit();
    gpa.free(deferred.memory);
    gpa.destroy(deferred);
}
