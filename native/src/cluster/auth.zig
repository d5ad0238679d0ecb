//! Logging in to a node, and making further connections part of that session.
//!
//! A login answers with a token that is good for some time on that node; other connections
//! authenticate with it. A server without security says so, and that is no failure. Functions
//! work on a socket that the caller holds and closes; nothing is kept here.

const std = @import("std");
const wire = @import("../wire.zig");
const exchange = @import("exchange.zig");
const io = @import("../io.zig");
const Failure = @import("../status.zig").Failure;
const Options = @import("options.zig").Options;
const Status = @import("../status.zig").Status;

pub const Hash = [wire.admin.hash_bytes]u8;

/// What logins send. Slices belong to the options.
pub const Credentials = struct {
    user: []const u8,
    hash: Hash,
    /// Only for external authentication.
    clear_password: ?[]const u8,

    /// Null when the options name no user. Their password is hashed.
    pub fn fromOptions(options: *const Options) ?Credentials {
        if (options.user.len == 0) return null;
        return .{
            .user = options.user,
            .hash = options.password_hash.?,
            .clear_password = if (options.sendsPassword()) options.password else null,
        };
    }
};

pub const Session = struct {
    /// Owned; empty when the node asks for no authentication.
    token: []u8 = &.{},
    /// When to log in again, which is ahead of the server's own expiry.
    renew_ns: u64 = io.never,

    pub fn deinit(session: *Session, gpa: std.mem.Allocator) void {
        gpa.free(session.token);
        session.* = .{};
    }
};

/// Of requests and replies of either kind.
pub const frame_bytes_max = 128 * 1024;
const renew_ahead_s = 60;

/// Logs in. `address` is only for the text of a failure.
pub fn login(
    gpa: std.mem.Allocator,
    net: anytype,
    socket: anytype,
    address: anytype,
    credentials: *const Credentials,
    deadline_ns: u64,
    failure: *Failure,
) error{Failed}!Session {
    var memory: [1024]u8 = undefined;
    var request = wire.Buffer.growing(gpa, &memory, frame_bytes_max);
    defer request.deinit();
    encodeLogin(credentials, &request) catch return outOfMemory(failure);
    var reply = wire.Buffer.growing(gpa, &.{}, frame_bytes_max);
    defer reply.deinit();
    const body = exchange.roundTrip(
        net,
        socket,
        request.written(),
        .admin,
        deadline_ns,
        &reply,
    ) catch |err| {
        exchange.describe(err, "login", address, failure);
        return error.Failed;
    };
    return takeLogin(gpa, net.now(), body, credentials.user, address, failure);
}

pub fn encodeLogin(credentials: *const Credentials, out: *wire.Buffer) wire.Buffer.Error!void {
    try wire.admin.encodeLogin(
        out,
        credentials.user,
        &credentials.hash,
        credentials.clear_password,
    );
}

/// The session that a reply to a login grants; an empty one when the server has no security.
pub fn takeLogin(
    gpa: std.mem.Allocator,
    now_ns: u64,
    body: []const u8,
    user: []const u8,
    address: anytype,
    failure: *Failure,
) error{Failed}!Session {
    const message = wire.admin.Message.decode(body) catch return malformed(address, failure);
    const status = Status.fromServer(message.result_code);
    switch (status) {
        .ok => {},
        .security_not_enabled => return .{},
        else => {
            const text = "{f}: login of user '{s}' was refused: {s}";
            failure.set(status, text, .{ address, user[0..@min(user.len, 64)], status.text() });
            return error.Failed;
        },
    }
    const granted = wire.admin.decodeSession(&message) catch return malformed(address, failure);
    return .{
        .token = gpa.dupe(u8, granted.token) catch return outOfMemory(failure),
        .renew_ns = renewAt(now_ns, granted.ttl_s),
    };
}

fn malformed(address: anytype, failure: *Failure) error{Failed} {
    exchange.describe(error.BadReply, "login", address, failure);
    return error.Failed;
}

pub fn outOfMemory(failure: *Failure) error{Failed} {
    failure.set(.out_of_memory, "out of memory", .{});
    return error.Failed;
}

/// A minute ahead of the expiry, or at half of a short life.
fn renewAt(now_ns: u64, ttl_s: u32) u64 {
    if (ttl_s == 0) return io.never;
    const seconds: u64 = if (ttl_s > 2 * renew_ahead_s) ttl_s - renew_ahead_s else ttl_s / 2;
    return now_ns +| @max(seconds, 1) * std.time.ns_per_s;
}

/// Presents a session's token; the frame is one of `encodeAuthenticate`. False when the server
/// does not take it, with the failure set: a new login may be all it needs.
pub fn authenticate(
    gpa: std.mem.Allocator,
    net: anytype,
    socket: anytype,
    address: anytype,
    user: []const u8,
    frame: []const u8,
    deadline_ns: u64,
    failure: *Failure,
) error{Failed}!bool {
    var memory: [256]u8 = undefined;
    var reply = wire.Buffer.growing(gpa, &memory, frame_bytes_max);
    defer reply.deinit();
    const code = resultCode(
        exchange.roundTrip(net, socket, frame, .admin, deadline_ns, &reply),
    ) catch |err| {
        exchange.describe(err, "authentication", address, failure);
        return error.Failed;
    };
    switch (code) {
        .ok, .security_not_enabled => return true,
        else => {
            refuse(reply.written(), "authentication", user, address, failure);
            return false;
        },
    }
}

fn resultCode(answer: exchange.Error![]const u8) exchange.Error!Status {
    const message = wire.admin.Message.decode(try answer) catch return error.BadReply;
    return .fromServer(message.result_code);
}

/// `body` is a reply that was decoded before, with a code that is not 0.
fn refuse(
    body: []const u8,
    comptime doing: []const u8,
    user: []const u8,
    address: anytype,
    failure: *Failure,
) void {
    const message = wire.admin.Message.decode(body) catch unreachable;
    const status = Status.fromServer(message.result_code);
    const text = "{f}: " ++ doing ++ " of user '{s}' was refused: {s}";
    failure.set(status, text, .{ address, user[0..@min(user.len, 64)], status.text() });
}

test "a session is renewed ahead of its end" {
    const second = std.time.ns_per_s;
    try std.testing.expectEqual(5 + 86340 * second, renewAt(5, 86400));
    try std.testing.expectEqual(5 + 45 * second, renewAt(5, 90));
    try std.testing.expectEqual(5 + second, renewAt(5, 1));
    try std.testing.expectEqual(io.never, renewAt(5, 0));
}

test "a login reply is a session, a refusal, or nothing when security is off" {
    const gpa = std.testing.allocator;
    var memory: [256]u8 = undefined;
    var buffer = wire.Buffer.fixed(&memory);
    var encoder = try wire.admin.Encoder.begin(&buffer);
    try encoder.field(.session_token, "token");
    try encoder.fieldInt(.session_ttl, 3600);
    encoder.finishReply(0);
    const body = buffer.written()[wire.proto.header_bytes..];
    const address = std.Io.net.IpAddress{ .ip4 = .loopback(3000) };
    var failure: Failure = .{};
    var session = try takeLogin(gpa, 0, body, "ada", address, &failure);
    defer session.deinit(gpa);
    try std.testing.expectEqualStrings("token", session.token);
    try std.testing.expectEqual(3540 * std.time.ns_per_s, session.renew_ns);
    body[1] = 52;
    const without = try takeLogin(gpa, 0, body, "ada", address, &failure);
    try std.testing.expectEqual(0, without.token.len);
    body[1] = 65;
    const refused = takeLogin(gpa, 0, body, "ada", address, &failure);
    try std.testing.expectError(error.Failed, refused);
    try std.testing.expectEqual(.invalid_credential, failure.status);
    try std.testing.expectEqualStrings(
        "127.0.0.1:3000: login of user 'ada' was refused: invalid credential",
        failure.message(),
    );
    body[1] = 0;
    const cut = takeLogin(gpa, 0, body[0..10], "ada", address, &failure);
    try std.testing.expectError(error.Failed, cut);
    const torn = takeLogin(gpa, 0, body[0 .. body.len - 3], "ada", address, &failure);
    try std.testing.expectError(error.Failed, torn);
    try std.testing.expectEqual(.connection, failure.status);
}
