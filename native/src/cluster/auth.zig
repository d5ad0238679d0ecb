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

    /// Null when the options name no user. Takes tens of milliseconds.
    pub fn fromOptions(options: *const Options) ?Credentials {
        if (options.user.len == 0) return null;
        var credentials: Credentials = .{
            .user = options.user,
            .hash = undefined,
            .clear_password = switch (options.auth_mode) {
                .internal, .pki => null,
                .external, .external_insecure => options.password,
            },
        };
        wire.admin.hashPassword(options.password, &credentials.hash);
        return credentials;
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

const reply_bytes_max = 64 * 1024;
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
    var request = wire.Buffer.growing(gpa, &memory, reply_bytes_max);
    defer request.deinit();
    wire.admin.encodeLogin(
        &request,
        credentials.user,
        &credentials.hash,
        credentials.clear_password,
    ) catch {
        failure.set(.out_of_memory, "out of memory", .{});
        return error.Failed;
    };
    var reply = wire.Buffer.growing(gpa, &.{}, reply_bytes_max);
    defer reply.deinit();
    return finishLogin(
        gpa,
        net.now(),
        exchange.roundTrip(net, socket, request.written(), .admin, deadline_ns, &reply),
    ) catch |err| switch (err) {
        error.Refused => {
            refuse(reply.written(), "login", credentials.user, address, failure);
            return error.Failed;
        },
        else => |other| {
            exchange.describe(other, "login", address, failure);
            return error.Failed;
        },
    };
}

fn finishLogin(
    gpa: std.mem.Allocator,
    now_ns: u64,
    answer: exchange.Error![]const u8,
) (exchange.Error || error{Refused})!Session {
    const body = try answer;
    const message = wire.admin.Message.decode(body) catch return error.BadReply;
    switch (Status.fromServer(message.result_code)) {
        .ok => {},
        .security_not_enabled => return .{},
        else => return error.Refused,
    }
    const granted = wire.admin.decodeSession(&message) catch return error.BadReply;
    return .{
        .token = try gpa.dupe(u8, granted.token),
        .renew_ns = renewAt(now_ns, granted.ttl_s),
    };
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
    var reply = wire.Buffer.growing(gpa, &memory, reply_bytes_max);
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
    var session = try finishLogin(gpa, 0, body);
    defer session.deinit(gpa);
    try std.testing.expectEqualStrings("token", session.token);
    try std.testing.expectEqual(3540 * std.time.ns_per_s, session.renew_ns);
    body[1] = 52;
    const without = try finishLogin(gpa, 0, body);
    try std.testing.expectEqual(0, without.token.len);
    body[1] = 65;
    try std.testing.expectError(error.Refused, finishLogin(gpa, 0, body));
    body[1] = 0;
    try std.testing.expectError(error.BadReply, finishLogin(gpa, 0, body[0..10]));
    try std.testing.expectError(error.BadReply, finishLogin(gpa, 0, body[0 .. body.len - 3]));
}
