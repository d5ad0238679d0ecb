//! One connection's side of the server: whole frames in, replies out.
//!
//! The host reads bytes, asks `frameLength` how many make a frame, and gives each frame to
//! `handle` in order. The session knows nothing of sockets and time but what it is told; one
//! thread at a time uses it. What a fault does to a reply is returned as a `Disposition`, and
//! the host carries it out.

const std = @import("std");
const assert = std.debug.assert;
const wire = @import("../wire.zig");
const status = @import("../status.zig");
const Core = @import("Core.zig");
const command = @import("command.zig");
const faults = @import("faults.zig");
const info = @import("info.zig");
const query = @import("query.zig");
const record = @import("record.zig");
const security = @import("security.zig");

const Session = @This();

core: *Core,
node: u8,
/// The node's epoch when the connection was made.
epoch: u32,
authenticated: bool = false,
permissions: security.Permissions = .all,
/// A query whose reply is not yet complete.
stream: ?*query.Stream = null,

/// What the host does with the bytes that `handle` appended.
pub const Disposition = struct {
    action: Action = .reply,
    /// To wait before anything else is done on this connection.
    delay_ms: u32 = 0,
    /// While the session is streaming: to wait after sending and before `proceed`.
    again_ms: u32 = 0,

    pub const Action = enum {
        reply,
        /// Nothing was appended; go on with the next frame.
        swallow,
        /// Send what there is, then close.
        close,
    };
};

pub fn init(core: *Core, node: u8) Session {
    assert(node < core.nodeCount());
    return .{ .core = core, .node = node, .epoch = core.connectionEpoch(node) };
}

/// The connection has ended.
pub fn deinit(session: *Session) void {
    session.endStream();
    session.* = undefined;
}

fn endStream(session: *Session) void {
    if (session.stream) |stream| stream.destroy();
    session.stream = null;
}

/// Whether the reply to the last frame goes on. The host sends what it has, calls `proceed`,
/// and gives no other frame to `handle` before this is false.
pub fn isStreaming(session: *const Session) bool {
    return session.stream != null;
}

/// Appends the next piece of a reply.
pub fn proceed(
    session: *Session,
    out: *wire.Buffer,
    scratch: *command.Scratch,
    now: record.Now,
) Disposition {
    const stream = session.stream.?;
    const node = &session.core.nodes[session.node];
    if (node.faults.hangs.load(.acquire)) return .{ .again_ms = hang_ms };
    defer scratch.reset();
    const start = out.end;
    const progress = stream.proceed(&session.context(out, scratch, now)) catch {
        out.end = start;
        session.endStream();
        return .{ .action = .close };
    };
    switch (progress) {
        .more => |again_ms| return .{ .again_ms = again_ms },
        .done => session.endStream(),
    }
    return .{};
}

/// A reply that a hanging node interrupts is looked at again after this.
const hang_ms = 20;

fn context(
    session: *Session,
    out: *wire.Buffer,
    scratch: *command.Scratch,
    now: record.Now,
) command.Context {
    return .{
        .core = session.core,
        .node = session.node,
        .authenticated = session.authenticated,
        .permissions = session.permissions,
        .now = now,
        .out = out,
        .scratch = scratch,
        .stream = &session.stream,
    };
}

/// The length of the first frame, header included; null while its header is incomplete. A
/// stranger's bytes are an error, on which the connection is to be closed.
pub fn frameLength(bytes: []const u8) error{BadFrame}!?usize {
    if (bytes.len < wire.proto.header_bytes) return null;
    const header = bytes[0..wire.proto.header_bytes];
    const proto = wire.proto.decode(header, wire.proto.size_max_server) catch {
        return error.BadFrame;
    };
    return wire.proto.header_bytes + proto.size;
}

/// Answers one frame. `out` is the connection's output; earlier replies in it stay.
pub fn handle(
    session: *Session,
    frame: []const u8,
    out: *wire.Buffer,
    scratch: *command.Scratch,
    now: record.Now,
) Disposition {
    const node = &session.core.nodes[session.node];
    const proto = wire.proto.decode(
        frame[0..wire.proto.header_bytes],
        wire.proto.size_max_server,
    ) catch return .{ .action = .close };
    const body = frame[wire.proto.header_bytes..];
    assert(body.len == proto.size);
    if (node.faults.hangs.load(.acquire)) return .{ .action = .swallow };
    const drawn = node.faults.draw(proto.kind);
    if (!std.meta.eql(drawn, faults.Drawn{})) node.counters.add(.faults, 1);
    if (drawn.close != null) return .{ .action = .close };
    const start = out.end;
    defer scratch.reset();
    session.answer(proto.kind, body, drawn.result_code, out, scratch, now) catch {
        // Not even an error fits: the connection is of no more use.
        out.end = start;
        session.endStream();
        return .{ .action = .close };
    };
    var disposition = session.firstPiece(out, start, scratch, now);
    if (disposition.action == .reply) disposition = spoil(&drawn, disposition, out, start);
    if (disposition.action != .reply) session.endStream();
    return disposition;
}

/// A query has only begun so far.
fn firstPiece(
    session: *Session,
    out: *wire.Buffer,
    start: usize,
    scratch: *command.Scratch,
    now: record.Now,
) Disposition {
    assert(session.stream == null or out.end == start);
    return if (session.isStreaming()) session.proceed(out, scratch, now) else .{};
}

fn answer(
    session: *Session,
    kind: wire.proto.Kind,
    body: []const u8,
    result_code: ?u32,
    out: *wire.Buffer,
    scratch: *command.Scratch,
    now: record.Now,
) wire.Buffer.Error!void {
    const counters = &session.core.nodes[session.node].counters;
    const request_context = session.context(out, scratch, now);
    switch (kind) {
        .info => {
            counters.add(.info, 1);
            try info.handle(&request_context, body);
        },
        .admin => {
            counters.add(.admin, 1);
            try session.answerAdmin(body, result_code, out, now);
        },
        .message => {
            if (result_code) |code| {
                return command.fail(&request_context, status.Status.fromServer(@truncate(code)));
            }
            try command.handle(&request_context, body);
        },
        // Compression is a feature of the Enterprise Edition.
        .compressed => try command.fail(&request_context, .enterprise_only),
        _ => unreachable,
    }
}

fn answerAdmin(
    session: *Session,
    body: []const u8,
    result_code: ?u32,
    out: *wire.Buffer,
    now: record.Now,
) wire.Buffer.Error!void {
    var encoder = try wire.admin.Encoder.begin(out);
    if (result_code) |code| return encoder.finishReply(@truncate(code));
    const users = &session.core.security;
    if (!users.isEnabled()) return encoder.finishReply(codeOf(.security_not_supported));
    const message = wire.admin.Message.decode(body) catch {
        return encoder.finishReply(codeOf(.invalid_field));
    };
    const login = session.enter(&message, now) catch {
        return encoder.finishReply(codeOf(.invalid_field));
    };
    switch (login) {
        .refused => |code| encoder.finishReply(codeOf(code)),
        .granted => |granted| {
            session.authenticated = true;
            session.permissions = granted.permissions;
            if (message.command == .login) {
                try encoder.field(.session_token, &granted.token);
                try encoder.fieldInt(.session_ttl, users.session_ttl_s);
            }
            encoder.finishReply(codeOf(.ok));
        },
    }
}

/// Makes the connection part of a session, by password or by token.
fn enter(
    session: *Session,
    message: *const wire.admin.Message,
    now: record.Now,
) wire.admin.DecodeError!security.Login {
    const users = &session.core.security;
    const user = try message.find(.user) orelse return .{ .refused = .invalid_user };
    switch (message.command) {
        .login => {
            const credential = try message.find(.credential) orelse {
                return .{ .refused = .invalid_credential };
            };
            return users.login(user, credential, now);
        },
        .authenticate => {
            if (try message.find(.session_token)) |token| {
                return users.authenticate(user, token, now);
            }
            const credential = try message.find(.credential) orelse {
                return .{ .refused = .invalid_credential };
            };
            return users.login(user, credential, now);
        },
        else => {
            if (!session.authenticated) return .{ .refused = .not_authenticated };
            return .{ .refused = .invalid_command };
        },
    }
}

fn codeOf(code: status.Status) u8 {
    return @intCast(@backingInt(code));
}

/// Applies what was drawn to the reply in `out` from `start`.
fn spoil(
    drawn: *const faults.Drawn,
    disposition: Disposition,
    out: *wire.Buffer,
    start: usize,
) Disposition {
    const delay_ms = drawn.delay orelse 0;
    if (drawn.drop != null) {
        out.end = start;
        return .{ .action = .swallow, .delay_ms = delay_ms };
    }
    if (drawn.corrupt) |bytes| corrupt(out.bytes[start..out.end], bytes);
    if (drawn.truncate) |bytes| {
        out.end = @min(out.end, start + bytes);
        return .{ .action = .close, .delay_ms = delay_ms };
    }
    return .{ .action = .reply, .delay_ms = delay_ms, .again_ms = disposition.again_ms };
}

/// Overwrites as many bytes of a reply, from its beginning and the same ones every time; 0
/// stands for all of them.
fn corrupt(reply: []u8, bytes: u32) void {
    const count = if (bytes == 0) reply.len else @min(bytes, reply.len);
    var random = std.Random.DefaultPrng.init(count);
    random.random().bytes(reply[0..count]);
}
