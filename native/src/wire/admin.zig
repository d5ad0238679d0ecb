//! Frames of kind 2: login, authentication, users and roles.
//!
//! A frame's body is a 16-byte header (result code at 1, command at 2, field count at 3, the
//! rest zero) and fields: size (4, counts what follows it), id (1), data. Passwords travel as
//! bcrypt hashes with one salt for everybody, which makes them comparable by the server.

const std = @import("std");
const assert = std.debug.assert;
const Buffer = @import("Buffer.zig");
const proto = @import("proto.zig");

pub const header_bytes = 16;

pub const Command = enum(u8) {
    authenticate = 0,
    create_user = 1,
    drop_user = 2,
    set_password = 3,
    change_password = 4,
    grant_roles = 5,
    revoke_roles = 6,
    query_users = 9,
    create_role = 10,
    drop_role = 11,
    grant_privileges = 12,
    revoke_privileges = 13,
    set_whitelist = 14,
    set_quotas = 15,
    query_roles = 16,
    login = 20,
    _,
};

pub const FieldId = enum(u8) {
    user = 0,
    password = 1,
    old_password = 2,
    /// The hash of the password.
    credential = 3,
    clear_password = 4,
    session_token = 5,
    /// Seconds, 4 bytes.
    session_ttl = 6,
    roles = 10,
    role = 11,
    privileges = 12,
    whitelist = 13,
    read_quota = 14,
    write_quota = 15,
    read_info = 16,
    write_info = 17,
    connections = 18,
    _,
};

pub const hash_bytes = 60;

const hash_prefix = "$2a$10$";
const hash_salt = "7EqJtq98hPqEX7fNZaFWoO";
const hash_rounds_log = 10;
const hash_alphabet = "./ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

/// The form in which a password is stored and compared. Takes tens of milliseconds, on purpose.
/// Bytes after the 72nd are ignored, as all bcrypt of this kind does.
pub fn hashPassword(password: []const u8, out: *[hash_bytes]u8) void {
    const bcrypt = std.crypto.pwhash.bcrypt;
    const salt = comptime salt: {
        @setEvalBranchQuota(10_000);
        const decoder = std.base64.Base64Decoder.init(hash_alphabet.*, null);
        var bytes: [bcrypt.salt_length]u8 = undefined;
        decoder.decode(&bytes, hash_salt) catch unreachable;
        break :salt bytes;
    };
    const key = bcrypt.bcrypt(password, &salt, .{
        .rounds_log = hash_rounds_log,
        .silently_truncate_password = true,
    });
    const head = hash_prefix ++ hash_salt;
    out[0..head.len].* = head.*;
    const encoder = std.base64.Base64Encoder.init(hash_alphabet.*, null);
    const text = encoder.encode(out[head.len..], &key);
    assert(head.len + text.len == hash_bytes);
}

/// Appends one frame, request or reply.
pub const Encoder = struct {
    buffer: *Buffer,
    frame_offset: usize,
    field_count: u8 = 0,

    pub fn begin(buffer: *Buffer) Buffer.Error!Encoder {
        const offset = try proto.begin(buffer);
        _ = try buffer.reserve(header_bytes);
        return .{ .buffer = buffer, .frame_offset = offset };
    }

    pub fn field(encoder: *Encoder, id: FieldId, data: []const u8) Buffer.Error!void {
        if (encoder.field_count == std.math.maxInt(u8)) return error.NoSpaceLeft;
        if (data.len >= std.math.maxInt(u32)) return error.NoSpaceLeft;
        try encoder.buffer.ensure(5 + data.len);
        encoder.buffer.intAssumeCapacity(u32, @intCast(data.len + 1));
        encoder.buffer.byteAssumeCapacity(@backingInt(id));
        encoder.buffer.appendAssumeCapacity(data);
        encoder.field_count += 1;
    }

    pub fn fieldInt(encoder: *Encoder, id: FieldId, value: u32) Buffer.Error!void {
        var bytes: [4]u8 = undefined;
        std.mem.writeInt(u32, &bytes, value, .big);
        try encoder.field(id, &bytes);
    }

    pub fn finishRequest(encoder: *Encoder, command: Command) void {
        encoder.finish(0, @backingInt(command));
    }

    pub fn finishReply(encoder: *Encoder, result_code: u8) void {
        encoder.finish(result_code, 0);
    }

    fn finish(encoder: *Encoder, result_code: u8, command: u8) void {
        const header = encoder.buffer.bytes[encoder.frame_offset + proto.header_bytes ..];
        @memset(header[0..header_bytes], 0);
        header[1] = result_code;
        header[2] = command;
        header[3] = encoder.field_count;
        proto.end(encoder.buffer, encoder.frame_offset, .admin);
    }
};

/// Asks for a session. `clear_password` is sent for external authentication only, and must not
/// be given on a connection without TLS.
pub fn encodeLogin(
    buffer: *Buffer,
    user: []const u8,
    credential: []const u8,
    clear_password: ?[]const u8,
) Buffer.Error!void {
    var encoder = try Encoder.begin(buffer);
    try encoder.field(.user, user);
    try encoder.field(.credential, credential);
    if (clear_password) |password| try encoder.field(.clear_password, password);
    encoder.finishRequest(.login);
}

/// Asks for a session of the user whom the connection's certificate names.
pub fn encodeCertificateLogin(buffer: *Buffer) Buffer.Error!void {
    var encoder = try Encoder.begin(buffer);
    encoder.finishRequest(.login);
}

/// Makes a new connection part of a session; without a user, of one by certificate.
pub fn encodeAuthenticate(
    buffer: *Buffer,
    user: ?[]const u8,
    session_token: []const u8,
) Buffer.Error!void {
    var encoder = try Encoder.begin(buffer);
    if (user) |name| try encoder.field(.user, name);
    try encoder.field(.session_token, session_token);
    encoder.finishRequest(.authenticate);
}

pub const DecodeError = error{Malformed};

/// A received body, of a request or a reply.
pub const Message = struct {
    result_code: u8,
    command: Command,
    field_count: u8,
    /// What follows the header.
    body: []const u8,

    pub fn decode(bytes: []const u8) DecodeError!Message {
        if (bytes.len < header_bytes) return error.Malformed;
        return .{
            .result_code = bytes[1],
            .command = @fromBackingInt(bytes[2]),
            .field_count = bytes[3],
            .body = bytes[header_bytes..],
        };
    }

    pub fn fields(message: *const Message) FieldIterator {
        return .{ .rest = message.body, .remaining = message.field_count };
    }

    /// The first field with this id, or null.
    pub fn find(message: *const Message, id: FieldId) DecodeError!?[]const u8 {
        var iterator = message.fields();
        while (try iterator.next()) |item| {
            if (item.id == id) return item.data;
        }
        return null;
    }
};

pub const Field = struct {
    id: FieldId,
    data: []const u8,
};

/// Once `next` has returned null, `rest` is what follows: the next user of a list, for one.
pub const FieldIterator = struct {
    rest: []const u8,
    remaining: u8,

    pub fn next(iterator: *FieldIterator) DecodeError!?Field {
        if (iterator.remaining == 0) return null;
        const rest = iterator.rest;
        if (rest.len < 5) return error.Malformed;
        const size = std.mem.readInt(u32, rest[0..4], .big);
        if (size == 0) return error.Malformed;
        if (size > rest.len - 4) return error.Malformed;
        iterator.remaining -= 1;
        iterator.rest = rest[4 + size ..];
        return .{ .id = @fromBackingInt(rest[4]), .data = rest[5 .. 4 + size] };
    }
};

pub const Session = struct {
    /// Points into the reply.
    token: []const u8,
    /// Zero when the server did not say.
    ttl_s: u32,
};

/// The session that a login's reply grants; only for one whose result code is 0.
pub fn decodeSession(reply: *const Message) DecodeError!Session {
    assert(reply.result_code == 0);
    var session: Session = .{ .token = "", .ttl_s = 0 };
    var iterator = reply.fields();
    while (try iterator.next()) |item| switch (item.id) {
        .session_token => if (session.token.len == 0) {
            session.token = item.data;
        },
        .session_ttl => {
            if (item.data.len != 4) return error.Malformed;
            session.ttl_s = std.mem.readInt(u32, item.data[0..4], .big);
        },
        else => {},
    };
    if (session.token.len == 0) return error.Malformed;
    return session;
}

const testing = std.testing;

test "passwords hash as another bcrypt hashes them with the same salt" {
    const Case = struct { []const u8, []const u8 };
    const long: [80]u8 = @splat('x');
    const cases = [_]Case{
        .{ "admin", "1mVO/4MLpGzsqojz6E9Gef6iXDjXdDa" },
        .{ &long, "j4pCMKJ2fyV1yI8DmffjnyvUcJMifGW" },
    };
    for (cases) |case| {
        var hash: [hash_bytes]u8 = undefined;
        hashPassword(case[0], &hash);
        try testing.expectEqualStrings("$2a$10$7EqJtq98hPqEX7fNZaFWoO", hash[0..29]);
        try testing.expectEqualStrings(case[1], hash[29..]);
    }
}

test "a login has the official client's bytes, and the server reads it" {
    const hash = "$2a$10$7EqJtq98hPqEX7fNZaFWoO1mVO/4MLpGzsqojz6E9Gef6iXDjXdDa";
    const expected = "\x02\x02\x00\x00\x00\x00\x00\x5b" ++ "\x00\x00\x14\x02" ++
        "\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00" ++
        "\x00\x00\x00\x06\x00admin" ++ "\x00\x00\x00\x3d\x03" ++ hash;
    var memory: [256]u8 = undefined;
    var buffer = Buffer.fixed(&memory);
    try encodeLogin(&buffer, "admin", hash, null);
    try testing.expectEqualSlices(u8, expected, buffer.written());
    const request = try Message.decode(buffer.written()[8..]);
    try testing.expectEqual(Command.login, request.command);
    try testing.expectEqualStrings("admin", (try request.find(.user)).?);
    try testing.expectEqualStrings(hash, (try request.find(.credential)).?);
    try testing.expectEqual(null, try request.find(.clear_password));
}

test "a session is read from the reply; one without a token is malformed" {
    var memory: [256]u8 = undefined;
    var buffer = Buffer.fixed(&memory);
    var encoder = try Encoder.begin(&buffer);
    try encoder.field(.session_token, "token");
    try encoder.fieldInt(.session_ttl, 86_400);
    encoder.finishReply(0);
    const body = buffer.written()[8..];
    const reply = try Message.decode(body);
    const session = try decodeSession(&reply);
    try testing.expectEqualStrings("token", session.token);
    try testing.expectEqual(@as(u32, 86_400), session.ttl_s);
    for (header_bytes..body.len) |len| {
        const cut = try Message.decode(body[0..len]);
        try testing.expectError(error.Malformed, decodeSession(&cut));
    }
    try testing.expectError(error.Malformed, Message.decode(body[0 .. header_bytes - 1]));
    const empty: [header_bytes]u8 = @splat(0);
    const none = try Message.decode(&empty);
    try testing.expectError(error.Malformed, decodeSession(&none));
}

test "an authentication names the user and the token" {
    var memory: [256]u8 = undefined;
    var buffer = Buffer.fixed(&memory);
    try encodeAuthenticate(&buffer, "admin", "TOKEN");
    const request = try Message.decode(buffer.written()[8..]);
    try testing.expectEqual(Command.authenticate, request.command);
    try testing.expectEqual(@as(u8, 2), request.field_count);
    try testing.expectEqualStrings("TOKEN", (try request.find(.session_token)).?);
}
