//! One connection's side of the server: whole frames in, replies out.
//!
//! The host reads bytes, asks `frameLength` how many make a frame, and gives each frame to
//! `handle` in order. The session knows nothing of sockets and time but what it is told; one
//! thread at a time uses it. What a fault does to a reply is returned as a `Disposition`, and
//! the host carries it out.

const std = @import("std");
const assert = std.debug.assert;
const wire = @import("../../wire.zig");
const status = @import("../../status.zig");
const Context = @import("../core/Context.zig");
const Core = @import("../core/Core.zig");
const Scratch = @import("../core/Scratch.zig");
const access = @import("../security/access.zig");
const admin = @import("../security/admin.zig");
const compression = @import("compression.zig");
const faults = @import("../core/faults.zig");
const info = @import("../info/info.zig");
const messages = @import("messages.zig");
const record = @import("../data/record.zig");
const reply = @import("../commands/reply.zig");
const request_log = @import("request_log.zig");
const security = @import("../security/security.zig");

const Session = @This();

core: *Core,
node: u8,
/// The node's epoch when the connection was made.
epoch: u32,
authenticated: bool = false,
/// Where the connection comes from; the host may set it before the first frame.
address: access.Address = .loopback,
/// The one that it goes to, as a text.
local_buffer: [access.Address.text_bytes_max]u8 = undefined,
local_len: u8 = 0,
/// The name in the certificate that the client has shown.
certified_buffer: [security.name_bytes_max]u8 = undefined,
certified_len: u8 = 0,
user_buffer: [security.name_bytes_max]u8 = undefined,
user_len: u8 = 0,
/// What the user may do, as far as known.
standing: security.Standing = .{ .generation = 0, .status = .ok, .permissions = .{} },
/// A query whose reply is not yet complete.
stream: ?Context.Stream = null,
/// The reply is deflated, as the request asks for.
deflates: bool = false,
/// Sends empty frames without an end, with as many milliseconds between.
flood_ms: ?u32 = null,

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
    session.leaveUser();
    session.* = undefined;
}

fn endStream(session: *Session) void {
    if (session.stream) |stream| stream.destroy();
    session.stream = null;
    session.flood_ms = null;
}

/// Whether the reply to the last frame goes on. The host sends what it has, calls `proceed`,
/// and gives no other frame to `handle` before this is false.
pub fn isStreaming(session: *const Session) bool {
    return session.stream != null or session.flood_ms != null;
}

/// Appends the next piece of a reply.
pub fn proceed(
    session: *Session,
    out: *wire.Buffer,
    scratch: *Scratch,
    now: record.Now,
) Disposition {
    const node = &session.core.nodes[session.node];
    if (node.faults.hangs.load(.acquire)) return .{ .again_ms = hang_ms };
    defer scratch.reset();
    const start = out.end;
    if (session.flood_ms) |flood_ms| return floodPiece(out, flood_ms);
    const stream = session.stream.?;
    const progress = stream.proceed(&session.context(out, scratch, now)) catch {
        out.end = start;
        session.endStream();
        return .{ .action = .close };
    };
    if (session.deflates) compression.deflate(out, start, scratch);
    switch (progress) {
        .more => |again_ms| return .{ .again_ms = again_ms },
        .done => session.endStream(),
    }
    return .{};
}

fn floodPiece(out: *wire.Buffer, flood_ms: u32) Disposition {
    const start = wire.proto.begin(out) catch return .{ .action = .close };
    wire.proto.end(out, start, .message);
    return .{ .again_ms = flood_ms };
}

/// A reply that a hanging node interrupts is looked at again after this.
const hang_ms = 20;

fn context(
    session: *Session,
    out: *wire.Buffer,
    scratch: *Scratch,
    now: record.Now,
) Context {
    return .{
        .core = session.core,
        .node = session.node,
        .authenticated = session.authenticated,
        .local = session.local_buffer[0..session.local_len],
        .user = session.userName(),
        .standing = &session.standing,
        .now = now,
        .out = out,
        .scratch = scratch,
        .stream = &session.stream,
    };
}

/// Before the first frame.
pub fn setLocal(session: *Session, local: *const access.Address) void {
    session.local_len = @intCast(local.write(&session.local_buffer).len);
}

/// Before the first frame.
pub fn setCertified(session: *Session, name: []const u8) void {
    const len = if (name.len <= session.certified_buffer.len) name.len else 0;
    @memcpy(session.certified_buffer[0..len], name[0..len]);
    session.certified_len = @intCast(len);
}

fn userName(session: *const Session) []const u8 {
    return session.user_buffer[0..session.user_len];
}

/// The connection belongs to a user from now on.
fn belongTo(session: *Session, user: []const u8) void {
    session.leaveUser();
    @memcpy(session.user_buffer[0..user.len], user);
    session.user_len = @intCast(user.len);
    session.authenticated = true;
    session.core.security.countConnection(user, session.node, .begun);
    session.standing = session.core.security.standing(user, &session.address);
}

fn leaveUser(session: *Session) void {
    if (session.user_len == 0) return;
    session.core.security.countConnection(session.userName(), session.node, .ended);
    session.user_len = 0;
}

/// Users and roles may have changed since the last frame.
fn refreshStanding(session: *Session) void {
    const users = &session.core.security;
    if (!session.authenticated) return;
    if (session.standing.generation == users.generation.load(.acquire)) return;
    const sessions = session.standing.sessions;
    session.standing = users.standing(session.userName(), &session.address);
    const has_ended = session.standing.sessions != sessions;
    if (has_ended or session.standing.status == .not_authenticated) session.authenticated = false;
}

/// A frame of who has not logged in yet: the host keeps its bytes until it is complete.
const size_max_stranger = 64 * 1024;

/// The length of the first frame, header included; null while its header is incomplete. A
/// stranger's bytes are an error, on which the connection is to be closed.
pub fn frameLength(session: *const Session, bytes: []const u8) error{BadFrame}!?usize {
    if (bytes.len < wire.proto.header_bytes) return null;
    const header = bytes[0..wire.proto.header_bytes];
    const is_stranger = session.core.security.isEnabled() and !session.authenticated;
    const size_max: usize = if (is_stranger) size_max_stranger else wire.proto.size_max_server;
    const proto = wire.proto.decode(header, size_max) catch {
        return error.BadFrame;
    };
    return wire.proto.header_bytes + proto.size;
}

/// Answers one frame. `out` is the connection's output; earlier replies in it stay.
pub fn handle(
    session: *Session,
    frame: []const u8,
    out: *wire.Buffer,
    scratch: *Scratch,
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
    if (drawn.flood) |flood_ms| {
        session.flood_ms = flood_ms;
        return session.proceed(out, scratch, now);
    }
    session.answer(proto.kind, body, drawn.result_code, out, scratch, now) catch {
        // Not even an error fits: the connection is of no more use.
        out.end = start;
        session.endStream();
        return .{ .action = .close };
    };
    if (session.deflates and !session.isStreaming()) compression.deflate(out, start, scratch);
    var disposition = session.firstPiece(out, start, scratch, now);
    if (session.core.logs_requests) {
        const name = session.core.topology.nodes[session.node].name();
        request_log.write(name, proto.kind, body, out.bytes[start..out.end]);
    }
    if (disposition.action == .reply) disposition = spoil(&drawn, disposition, out, start);
    if (disposition.action != .reply) session.endStream();
    return disposition;
}

/// A query has only begun so far.
fn firstPiece(
    session: *Session,
    out: *wire.Buffer,
    start: usize,
    scratch: *Scratch,
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
    scratch: *Scratch,
    now: record.Now,
) wire.Buffer.Error!void {
    const counters = &session.core.nodes[session.node].counters;
    session.refreshStanding();
    const request_context = session.context(out, scratch, now);
    switch (kind) {
        .info => {
            counters.add(.info, 1);
            try info.handle(&request_context, body);
        },
        .admin => {
            counters.add(.admin, 1);
            try session.answerAdmin(body, result_code, out, scratch, now);
        },
        .message => try session.answerMessage(&request_context, body, result_code),
        .compressed => {
            if (!session.core.compresses) return reply.fail(&request_context, .enterprise_only);
            const inflated = compression.inflate(body, scratch) catch |err| switch (err) {
                error.OutOfMemory => return error.OutOfMemory,
                error.Malformed => return reply.fail(&request_context, .request_invalid),
            };
            try session.answerMessage(&request_context, inflated, result_code);
        },
        _ => unreachable,
    }
}

fn answerMessage(
    session: *Session,
    request_context: *const Context,
    body: []const u8,
    result_code: ?u32,
) wire.Buffer.Error!void {
    if (session.core.compresses) {
        const header: ?wire.message.Header = wire.message.Header.decode(body) catch null;
        session.deflates = header != null and header.?.info1.compress_response;
    }
    if (result_code) |code| {
        return messages.refuse(request_context, body, status.Status.fromServer(@truncate(code)));
    }
    try messages.handle(request_context, body);
}

fn answerAdmin(
    session: *Session,
    body: []const u8,
    result_code: ?u32,
    out: *wire.Buffer,
    scratch: *Scratch,
    now: record.Now,
) wire.Buffer.Error!void {
    const start = out.end;
    if (result_code) |code| return replyAdmin(out, status.Status.fromServer(@truncate(code)));
    const users = &session.core.security;
    if (!users.isEnabled()) return replyAdmin(out, .security_not_supported);
    session.answerAdminMessage(body, out, scratch, now) catch |err| switch (err) {
        error.Malformed => {
            out.end = start;
            try replyAdmin(out, .invalid_field);
        },
        error.OutOfMemory, error.NoSpaceLeft => |other| return other,
    };
}

fn answerAdminMessage(
    session: *Session,
    body: []const u8,
    out: *wire.Buffer,
    scratch: *Scratch,
    now: record.Now,
) admin.Error!void {
    const users = &session.core.security;
    const message = try wire.admin.Message.decode(body);
    switch (message.command) {
        .login, .authenticate => {},
        else => {
            if (!session.authenticated) return replyAdmin(out, .not_authenticated);
            if (session.standing.status != .ok) return replyAdmin(out, session.standing.status);
            const asking: admin.Asking = .{
                .user = session.userName(),
                .is_user_admin = session.standing.permissions.user_admin,
                .node = session.node,
            };
            return admin.handle(users, asking, scratch.arena.allocator(), &message, out);
        },
    }
    const certified = session.certified_buffer[0..session.certified_len];
    const user = try message.find(.user) orelse certified;
    if (user.len == 0 or user.len > security.name_bytes_max) return replyAdmin(out, .invalid_user);
    const token = switch (try session.enter(user, &message, now)) {
        .refused => |code| return replyAdmin(out, code),
        .granted => |token| token,
    };
    session.belongTo(user);
    var encoder = try wire.admin.Encoder.begin(out);
    if (message.command == .login) {
        try encoder.field(.session_token, &token);
        try encoder.fieldInt(.session_ttl, users.session_ttl_s);
    }
    encoder.finishReply(codeOf(.ok));
}

fn replyAdmin(out: *wire.Buffer, code: status.Status) wire.Buffer.Error!void {
    var encoder = try wire.admin.Encoder.begin(out);
    encoder.finishReply(codeOf(code));
}

/// By password or by token.
fn enter(
    session: *Session,
    user: []const u8,
    message: *const wire.admin.Message,
    now: record.Now,
) wire.admin.DecodeError!security.Login {
    const users = &session.core.security;
    if (message.command == .authenticate) {
        if (try message.find(.session_token)) |token| {
            return users.authenticate(user, token, &session.address, now);
        }
    }
    const is_certified = try message.find(.user) == null;
    const proof: security.Proof = if (is_certified) .certificate else if (try message.find(
        .clear_password,
    )) |password|
        .{ .password = password }
    else
        .{ .hash = try message.find(.credential) orelse "" };
    return users.login(user, proof, &session.address, now);
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
        const whole = out.end - start;
        out.end = start + if (bytes == faults.half) whole / 2 else @min(whole, bytes);
        return .{ .action = .close, .delay_ms = delay_ms };
    }
    return .{ .action = .reply, .delay_ms = delay_ms, .again_ms = disposition.again_ms };
}

/// Overwrites as many bytes of a reply, from its beginning and the same ones every time; 0
/// stands for all of them.
fn corrupt(answered: []u8, bytes: u32) void {
    const count = if (bytes == 0) answered.len else @min(bytes, answered.len);
    var random = std.Random.DefaultPrng.init(count);
    random.random().bytes(answered[0..count]);
}
