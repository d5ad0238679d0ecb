//! Users and roles: requests of the administration protocol, asked of any one node.
//!
//! Passwords go out as hashes. Changing one's own password also changes what this client logs in
//! with, so that its connections stay good.

const std = @import("std");
const engine = @import("../../engine.zig");
const procedure_module = @import("../procedure.zig");
const request = @import("../record/request.zig");
const wire = @import("../../wire.zig");
const Error = procedure_module.Error;
const Failure = @import("../../status.zig").Failure;
const FrameResult = engine.FrameResult;
const Kind = procedure_module.Kind;
const Status = @import("../../status.zig").Status;
const Step = procedure_module.Step;
const admin = wire.admin;
const msgpack = wire.msgpack;
const secureZero = std.crypto.secureZero;

/// Limits of the protocol: lengths and counts inside a field are one byte.
const list_items_max = std.math.maxInt(u8);
/// Below this code a privilege holds everywhere, and has no namespace and set.
const privilege_scoped_min = 10;
/// Stands for a user that no password lets in.
const no_password = "nopassword";
const msgpack_nil = 0xc0;

pub const Admin = struct {
    kind: Kind,
    frame: wire.Buffer = .fixed(&.{}),
    /// The user logs in with a certificate alone.
    is_pki: bool = false,
    new_hash: ?[admin.hash_bytes]u8 = null,
    is_asked: bool = false,
    rows: ?wire.Buffer = null,
    row_count: u32 = 0,

    pub fn parse(script: *Admin, procedure: anytype, reader: *msgpack.Reader) Error!void {
        const arena = procedure.arena.allocator();
        script.frame = .secret(arena, &.{}, engine.frame_bytes_max);
        try encode(procedure, script, reader, &script.frame);
    }

    /// Overwrites hashes of passwords.
    pub fn wipe(script: *Admin) void {
        script.frame.deinit();
        if (script.new_hash) |*hash| secureZero(u8, hash);
    }

    pub fn next(script: *Admin, procedure: anytype) Error!Step {
        const is_query = script.kind == .admin_query_users or script.kind == .admin_query_roles;
        if (!script.is_asked) {
            script.is_asked = true;
            return .{ .ask = .{ .whom = .any, .is_repeatable = is_query } };
        }
        if (script.new_hash) |*hash| procedure.owner.setPasswordHash(hash);
        if (is_query) {
            try msgpack.writeArrayHeader(procedure.out, script.row_count);
            if (script.rows) |*rows| try procedure.out.append(rows.written());
        }
        return .done;
    }

    pub fn write(script: *Admin, procedure: anytype, question: anytype) Error!void {
        // To an older server it would be a user with a well-known password.
        if (script.is_pki and !question.node.version().isAtLeast(.first_with_pki_users)) {
            question.failure.set(
                .unsupported_feature,
                "users without a password need servers from 8.1 on",
                .{},
            );
            return error.Failed;
        }
        // What a node had sent before it was lost does not count.
        script.rows = .growing(procedure.arena.allocator(), &.{}, engine.frame_bytes_max);
        script.row_count = 0;
        try question.frame.append(script.frame.written());
    }

    pub fn take(script: *Admin, procedure: anytype, question: anytype, frame: anytype) !FrameResult {
        _ = procedure;
        if (frame.kind != .admin) return error.BadFrame;
        const rows = &script.rows.?;
        const count = &script.row_count;
        const status = switch (script.kind) {
            .admin_query_users => try readRows(frame.body, writeUser, rows, count),
            .admin_query_roles => try readRows(frame.body, writeRole, rows, count),
            else => try resultOf(frame.body),
        } orelse return .more;
        if (status == .query_end) return .done;
        const verdict = question.exchange.settle(status);
        if (status != .ok) refuse(status, &question.failure);
        return if (verdict.connection_usable) .done else .done_close;
    }
};

fn refuse(status: Status, failure: *Failure) void {
    switch (status) {
        .security_not_supported, .security_not_enabled => failure.set(
            status,
            "{s}: users and roles need security, which the Enterprise Edition has",
            .{status.text()},
        ),
        else => if (status.text().len != 0)
            failure.set(status, "{s}", .{status.text()})
        else
            failure.set(status, "server error {d}", .{@backingInt(status)}),
    }
}

fn encode(
    procedure: anytype,
    script: *Admin,
    reader: *msgpack.Reader,
    frame: *wire.Buffer,
) Error!void {
    const failure = procedure.failure;
    const kind = script.kind;
    var encoder = try admin.Encoder.begin(frame);
    switch (kind) {
        .admin_create_user => {
            try encoder.field(.user, try takeText(reader, "the user", failure));
            var hash: [admin.hash_bytes]u8 = undefined;
            defer secureZero(u8, &hash);
            script.is_pki = reader.peek() == msgpack_nil;
            if (script.is_pki) reader.skip() catch return request.malformed(failure);
            const password = if (script.is_pki)
                no_password
            else
                try request.expectString(reader, "the password", failure);
            admin.hashPassword(password, &hash);
            try encoder.field(.password, &hash);
            try appendNames(&encoder, .roles, reader, failure);
        },
        .admin_drop_user => {
            try encoder.field(.user, try takeText(reader, "the user", failure));
        },
        .admin_set_password => {
            return encodePassword(procedure, &encoder, reader, &script.new_hash);
        },
        .admin_grant_roles, .admin_revoke_roles => {
            try encoder.field(.user, try takeText(reader, "the user", failure));
            try appendNames(&encoder, .roles, reader, failure);
        },
        .admin_query_users => if (try takeOptional(reader, "the user", failure)) |user| {
            try encoder.field(.user, user);
        },
        .admin_create_role => {
            try encoder.field(.role, try takeText(reader, "the role", failure));
            try appendPrivileges(&encoder, reader, failure);
            try appendAllowlist(&encoder, reader, failure);
            try appendQuotas(procedure, &encoder, reader, .given);
        },
        .admin_drop_role => {
            try encoder.field(.role, try takeText(reader, "the role", failure));
        },
        .admin_grant_privileges, .admin_revoke_privileges => {
            try encoder.field(.role, try takeText(reader, "the role", failure));
            try appendPrivileges(&encoder, reader, failure);
        },
        .admin_set_whitelist => {
            try encoder.field(.role, try takeText(reader, "the role", failure));
            try appendAllowlist(&encoder, reader, failure);
        },
        .admin_set_quotas => {
            try encoder.field(.role, try takeText(reader, "the role", failure));
            try appendQuotas(procedure, &encoder, reader, .all);
        },
        .admin_query_roles => if (try takeOptional(reader, "the role", failure)) |role| {
            try encoder.field(.role, role);
        },
        else => unreachable,
    }
    encoder.finishRequest(command(kind));
}

fn command(kind: Kind) admin.Command {
    return switch (kind) {
        .admin_create_user => .create_user,
        .admin_drop_user => .drop_user,
        .admin_set_password => .set_password,
        .admin_grant_roles => .grant_roles,
        .admin_revoke_roles => .revoke_roles,
        .admin_query_users => .query_users,
        .admin_create_role => .create_role,
        .admin_drop_role => .drop_role,
        .admin_grant_privileges => .grant_privileges,
        .admin_revoke_privileges => .revoke_privileges,
        .admin_set_whitelist => .set_whitelist,
        .admin_set_quotas => .set_quotas,
        .admin_query_roles => .query_roles,
        else => unreachable,
    };
}

/// One's own password is changed by naming the old one; those of others are set.
fn encodePassword(
    procedure: anytype,
    encoder: *admin.Encoder,
    reader: *msgpack.Reader,
    new_hash: *?[admin.hash_bytes]u8,
) Error!void {
    const user = try takeText(reader, "the user", procedure.failure);
    const password = try request.expectString(reader, "the password", procedure.failure);
    var hash: [admin.hash_bytes]u8 = undefined;
    defer secureZero(u8, &hash);
    admin.hashPassword(password, &hash);
    try encoder.field(.user, user);
    const credentials = procedure.owner.credentials();
    const is_own = if (credentials) |own| std.mem.eql(u8, own.user, user) else false;
    if (is_own) {
        try encoder.field(.old_password, &credentials.?.hash);
        new_hash.* = hash;
    }
    try encoder.field(.password, &hash);
    encoder.finishRequest(if (is_own) .change_password else .set_password);
}

fn takeText(
    reader: *msgpack.Reader,
    comptime what: []const u8,
    failure: *Failure,
) error{Failed}![]const u8 {
    const text = try request.expectString(reader, what, failure);
    if (text.len == 0) return request.invalid(failure, what ++ " must not be empty", .{});
    return text;
}

fn takeOptional(
    reader: *msgpack.Reader,
    comptime what: []const u8,
    failure: *Failure,
) error{Failed}!?[]const u8 {
    const start = reader.position;
    switch (reader.next() catch return request.malformed(failure)) {
        .nil => return null,
        else => reader.position = start,
    }
    return try takeText(reader, what, failure);
}

fn takeCount(
    reader: *msgpack.Reader,
    comptime text: []const u8,
    failure: *Failure,
) error{Failed}!u8 {
    const count = try request.expectArray(reader, text, failure);
    return std.math.cast(u8, count) orelse
        request.invalid(failure, text ++ " of at most {d} members", .{list_items_max});
}

fn appendShort(
    out: *wire.Buffer,
    text: []const u8,
    failure: *Failure,
) Error!void {
    const length = std.math.cast(u8, text.len) orelse return request.invalid(
        failure,
        "a name has at most {d} bytes, not {d}",
        .{ list_items_max, text.len },
    );
    try out.byte(length);
    try out.append(text);
}

fn appendNames(
    encoder: *admin.Encoder,
    id: admin.FieldId,
    reader: *msgpack.Reader,
    failure: *Failure,
) Error!void {
    var memory: [1024]u8 = undefined;
    var field = wire.Buffer.growing(encoder.buffer.gpa.?, &memory, engine.frame_bytes_max);
    defer field.deinit();
    const count = try takeCount(reader, "the roles must be an array", failure);
    try field.byte(count);
    for (0..count) |_| {
        try appendShort(&field, try takeText(reader, "a role", failure), failure);
    }
    try encoder.field(id, field.written());
}

/// [[code, namespace, set]].
fn appendPrivileges(
    encoder: *admin.Encoder,
    reader: *msgpack.Reader,
    failure: *Failure,
) Error!void {
    var memory: [1024]u8 = undefined;
    var field = wire.Buffer.growing(encoder.buffer.gpa.?, &memory, engine.frame_bytes_max);
    defer field.deinit();
    const count = try takeCount(reader, "the privileges must be an array", failure);
    if (count == 0) return;
    try field.byte(count);
    for (0..count) |_| {
        const text = "a privilege must be [code, namespace, set]";
        if (try request.expectArray(reader, text, failure) != 3) {
            return request.invalid(failure, text, .{});
        }
        const code = switch (reader.next() catch return request.malformed(failure)) {
            .int => |value| std.math.cast(u8, value),
            else => null,
        } orelse return request.invalid(failure, "a privilege's code is from 0 to 255", .{});
        const namespace = try request.expectString(reader, "a privilege's namespace", failure);
        const set = try request.expectString(reader, "a privilege's set", failure);
        try field.byte(code);
        if (code >= privilege_scoped_min) {
            try appendShort(&field, namespace, failure);
            try appendShort(&field, set, failure);
        } else if (namespace.len != 0 or set.len != 0) return request.invalid(
            failure,
            "the privilege with code {d} cannot be limited to a namespace or set",
            .{code},
        );
    }
    try encoder.field(.privileges, field.written());
}

/// The addresses in one field, separated by commas; none without any, which allows all.
fn appendAllowlist(
    encoder: *admin.Encoder,
    reader: *msgpack.Reader,
    failure: *Failure,
) Error!void {
    var memory: [1024]u8 = undefined;
    var field = wire.Buffer.growing(encoder.buffer.gpa.?, &memory, engine.frame_bytes_max);
    defer field.deinit();
    const count = try request.expectArray(reader, "the addresses must be an array", failure);
    for (0..count) |index| {
        const address = try takeText(reader, "an address", failure);
        if (std.mem.findScalar(u8, address, ',') != null) {
            return request.invalid(failure, "an address must not contain ','", .{});
        }
        if (index > 0) try field.byte(',');
        try field.append(address);
    }
    if (count != 0) try encoder.field(.whitelist, field.written());
}

fn appendQuotas(
    procedure: anytype,
    encoder: *admin.Encoder,
    reader: *msgpack.Reader,
    which: enum { all, given },
) Error!void {
    const read_quota = try procedure.takeInteger(u32, reader, "the read quota");
    const write_quota = try procedure.takeInteger(u32, reader, "the write quota");
    if (which == .all or read_quota != 0) try encoder.fieldInt(.read_quota, read_quota);
    if (which == .all or write_quota != 0) try encoder.fieldInt(.write_quota, write_quota);
}

// Replies.

fn resultOf(body: []const u8) error{BadFrame}!?Status {
    const message = admin.Message.decode(body) catch return error.BadFrame;
    return Status.fromServer(message.result_code);
}

/// Reads the messages of a frame. Null when they go on in the next.
fn readRows(
    body: []const u8,
    comptime write: fn (*const admin.Message, *wire.Buffer) RowError![]const u8,
    rows: *wire.Buffer,
    count: *u32,
) RowError!?Status {
    var rest = body;
    while (rest.len > 0) {
        const message = admin.Message.decode(rest) catch return error.BadFrame;
        if (message.result_code != 0) return Status.fromServer(message.result_code);
        rest = try write(&message, rows);
        count.* += 1;
    }
    return null;
}

const RowError = error{BadFrame} || wire.Buffer.Error;

/// Appends [user, [role], connections, [read number], [write number]].
fn writeUser(message: *const admin.Message, out: *wire.Buffer) RowError![]const u8 {
    var user: []const u8 = "";
    var roles: []const u8 = "\x00";
    var connections: u32 = 0;
    var read_info: []const u8 = "\x00";
    var write_info: []const u8 = "\x00";
    var fields = message.fields();
    while (fields.next() catch return error.BadFrame) |field| switch (field.id) {
        .user => user = field.data,
        .roles => roles = field.data,
        .connections => connections = try readInteger(field.data),
        .read_info => read_info = field.data,
        .write_info => write_info = field.data,
        else => {},
    };
    try msgpack.writeArrayHeader(out, 5);
    try msgpack.writeString(out, user);
    var names: Short = .{ .rest = roles };
    const role_count = try names.count();
    try msgpack.writeArrayHeader(out, role_count);
    for (0..role_count) |_| try msgpack.writeString(out, try names.text());
    try msgpack.writeUint(out, connections);
    for ([_][]const u8{ read_info, write_info }) |numbers| {
        var short: Short = .{ .rest = numbers };
        const count = try short.count();
        try msgpack.writeArrayHeader(out, count);
        for (0..count) |_| try msgpack.writeUint(out, try short.integer());
    }
    return fields.rest;
}

/// Appends [role, [[code, namespace, set]], [address], read quota, write quota].
fn writeRole(message: *const admin.Message, out: *wire.Buffer) RowError![]const u8 {
    var role: []const u8 = "";
    var privileges: []const u8 = "\x00";
    var allowlist: []const u8 = "";
    var read_quota: u32 = 0;
    var write_quota: u32 = 0;
    var fields = message.fields();
    while (fields.next() catch return error.BadFrame) |field| switch (field.id) {
        .role => role = field.data,
        .privileges => privileges = field.data,
        .whitelist => allowlist = field.data,
        .read_quota => read_quota = try readInteger(field.data),
        .write_quota => write_quota = try readInteger(field.data),
        else => {},
    };
    try msgpack.writeArrayHeader(out, 5);
    try msgpack.writeString(out, role);
    var short: Short = .{ .rest = privileges };
    const count = try short.count();
    try msgpack.writeArrayHeader(out, count);
    for (0..count) |_| {
        const code = try short.byte();
        try msgpack.writeArrayHeader(out, 3);
        try msgpack.writeUint(out, code);
        for (0..2) |_| {
            try msgpack.writeString(out, if (code >= privilege_scoped_min) try short.text() else "");
        }
    }
    try writeAddresses(allowlist, out);
    try msgpack.writeUint(out, read_quota);
    try msgpack.writeUint(out, write_quota);
    return fields.rest;
}

fn writeAddresses(allowlist: []const u8, out: *wire.Buffer) wire.Buffer.Error!void {
    if (allowlist.len == 0) return msgpack.writeArrayHeader(out, 0);
    const count = std.mem.countScalar(u8, allowlist, ',') + 1;
    try msgpack.writeArrayHeader(out, @intCast(count));
    var addresses = std.mem.splitScalar(u8, allowlist, ',');
    while (addresses.next()) |address| try msgpack.writeString(out, address);
}

fn readInteger(data: []const u8) error{BadFrame}!u32 {
    if (data.len != 4) return error.BadFrame;
    return std.mem.readInt(u32, data[0..4], .big);
}

/// What is inside a field: bytes, short texts and integers, one after the other.
const Short = struct {
    rest: []const u8,

    fn take(short: *Short, size: usize) error{BadFrame}![]const u8 {
        if (short.rest.len < size) return error.BadFrame;
        defer short.rest = short.rest[size..];
        return short.rest[0..size];
    }

    fn byte(short: *Short) error{BadFrame}!u8 {
        return (try short.take(1))[0];
    }

    fn count(short: *Short) error{BadFrame}!u32 {
        return try short.byte();
    }

    fn text(short: *Short) error{BadFrame}![]const u8 {
        return short.take(try short.byte());
    }

    fn integer(short: *Short) error{BadFrame}!u32 {
        return readInteger(try short.take(4));
    }
};

const testing = std.testing;

fn appendUser(out: *wire.Buffer, name: []const u8) !void {
    const offset = out.end;
    var encoder = try admin.Encoder.begin(out);
    try encoder.field(.user, name);
    try encoder.field(.roles, "\x02\x04read\x05write");
    try encoder.fieldInt(.connections, 3);
    try encoder.field(.read_info, "\x01\x00\x00\x00\x09");
    encoder.finishReply(0);
    // Several messages share a frame; only the first has a frame's header.
    std.mem.copyForwards(
        u8,
        out.bytes[offset..],
        out.bytes[offset + wire.proto.header_bytes .. out.end],
    );
    out.end -= wire.proto.header_bytes;
}

test "users come in several messages, and cut anywhere they are no users" {
    var memory: [512]u8 = undefined;
    var body = wire.Buffer.fixed(&memory);
    try appendUser(&body, "ada");
    const first_end = body.end;
    try appendUser(&body, "bob");
    var rows_memory: [512]u8 = undefined;
    var rows = wire.Buffer.fixed(&rows_memory);
    var count: u32 = 0;
    try testing.expectEqual(@as(?Status, null), try readRows(body.written(), writeUser, &rows, &count));
    try testing.expectEqual(@as(u32, 2), count);
    const expected = "\x95\xa3ada\x92\xa4read\xa5write\x03\x91\x09\x90";
    try testing.expectEqualStrings(expected, rows.written()[0..expected.len]);
    for (1..first_end) |length| {
        rows.clear();
        const result = readRows(body.written()[0..length], writeUser, &rows, &count);
        try testing.expectError(error.BadFrame, result);
    }
}

test "a role's privileges have a namespace and set where they can" {
    var memory: [512]u8 = undefined;
    var frame = wire.Buffer.fixed(&memory);
    var encoder = try admin.Encoder.begin(&frame);
    try encoder.field(.role, "r");
    try encoder.field(.privileges, "\x02\x01\x0a\x04test\x00");
    try encoder.field(.whitelist, "10.0.0.0/8,127.0.0.1");
    try encoder.fieldInt(.read_quota, 100);
    encoder.finishReply(0);
    var rows_memory: [512]u8 = undefined;
    var rows = wire.Buffer.fixed(&rows_memory);
    var count: u32 = 0;
    const body = frame.written()[wire.proto.header_bytes..];
    try testing.expectEqual(@as(?Status, null), try readRows(body, writeRole, &rows, &count));
    try testing.expectEqualStrings(
        "\x95\xa1r\x92\x93\x01\xa0\xa0\x93\x0a\xa4test\xa0" ++
            "\x92\xaa10.0.0.0/8\xa9127.0.0.1\x64\x00",
        rows.written(),
    );
    body[1] = 50;
    try testing.expectEqual(Status.query_end, try readRows(body, writeRole, &rows, &count));
}
