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
    /// Empty: the server knows the user by the certificate of the connection.
    user: []const u8,
    hash: Hash,
    /// Only for external authentication.
    clear_password: ?[]const u8,

    /// Null when nobody is to log in. The options' password is hashed.
    pub fn fromOptions(options: *const Options) ?Credentials {
        if (options.auth_mode == .pki) {
            return .{ .user = "", .hash = undefined, .clear_password = null };
        }
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
        std.crypto.secureZero(u8, session.token);
        gpa.free(session.token);
        session.* = .{};
    }
};

/// What a new connection begins with.
pub const Kind = enum {
    /// Nothing: no user logs in, or the server has no security.
    none,
    /// A session's token.
    session,
    login,
};

/// Of requests and replies of either kind.
pub const frame_bytes_max = 128 * 1024;
const renew_ahead_s = 60;

/// The frame of a login.
pub fn encodeLogin(credentials: *const Credentials, out: *wire.Buffer) wire.Buffer.Error!void {
    if (credentials.user.len == 0) return wire.admin.encodeCertificateLogin(out);
    try wire.admin.encodeLogin(
        out,
        credentials.user,
        &credentials.hash,
        credentials.clear_password,
    );
}

/// The frame that makes a connection part of a session.
pub fn encodeSession(
    credentials: *const Credentials,
    token: []const u8,
    out: *wire.Buffer,
) wire.Buffer.Error!void {
    const user = if (credentials.user.len == 0) null else credentials.user;
    try wire.admin.encodeAuthenticate(out, user, token);
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
            if (user.len == 0) {
                const text = "{f}: login by certificate was refused: {s}";
                failure.set(status, text, .{ address, status.text() });
                return error.Failed;
            }
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

/// Whether the server takes the session that was presented.
pub fn isAccepted(body: []const u8, address: anytype, failure: *Failure) error{Failed}!bool {
    const message = wire.admin.Message.decode(body) catch return malformed(address, failure);
    return switch (Status.fromServer(message.result_code)) {
        .ok, .security_not_enabled => true,
        else => false,
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

/// Sessions that the server has just granted are not taken.
pub fn endless(address: anytype, failure: *Failure) error{Failed} {
    const text = "{f}: the server takes the session of a login no more than the one before";
    failure.set(.not_authenticated, text, .{address});
    return error.Failed;
}

/// A minute ahead of the expiry, or at half of a short life.
fn renewAt(now_ns: u64, ttl_s: u32) u64 {
    if (ttl_s == 0) return io.never;
    const seconds: u64 = if (ttl_s > 2 * renew_ahead_s) ttl_s - renew_ahead_s else ttl_s / 2;
    return now_ns +| @max(seconds, 1) * std.time.ns_per_s;
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
    try std.testing.expect(try isAccepted(body, address, &failure));
    body[1] = 52;
    const without = try takeLogin(gpa, 0, body, "ada", address, &failure);
    try std.testing.expectEqual(0, without.token.len);
    try std.testing.expect(try isAccepted(body, address, &failure));
    body[1] = 65;
    const refused = takeLogin(gpa, 0, body, "ada", address, &failure);
    try std.testing.expectError(error.Failed, refused);
    try std.testing.expectEqual(.invalid_credential, failure.status);
    try std.testing.expectEqualStrings(
        "127.0.0.1:3000: login of user 'ada' was refused: invalid credential",
        failure.message(),
    );
    try std.testing.expect(!try isAccepted(body, address, &failure));
    body[1] = 0;
    const cut = takeLogin(gpa, 0, body[0..10], "ada", address, &failure);
    try std.testing.expectError(error.Failed, cut);
    const torn = takeLogin(gpa, 0, body[0 .. body.len - 3], "ada", address, &failure);
    try std.testing.expectError(error.Failed, torn);
    try std.testing.expectEqual(.connection, failure.status);
}
