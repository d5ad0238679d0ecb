//! Requests of kind 2 beyond login: users, roles, privileges.
//!
//! Each is answered by one message with a result code, but for the questions, whose answer is
//! a message for every user or role and one that ends them.

const std = @import("std");
const wire = @import("../../wire.zig");
const status = @import("../../status.zig");
const access = @import("access.zig");
const security_module = @import("security.zig");

const Buffer = wire.Buffer;
const Encoder = wire.admin.Encoder;
const Message = wire.admin.Message;
const Privilege = access.Privilege;
const Security = security_module.Security;
const Status = status.Status;

pub const Error = Buffer.Error || wire.admin.DecodeError;

/// Who asks, and which node.
pub const Asking = struct {
    user: []const u8,
    is_user_admin: bool,
    node: u8,
};

/// Carries out a request of an authenticated user, and appends the reply.
pub fn handle(
    security: *Security,
    asking: Asking,
    arena: std.mem.Allocator,
    message: *const Message,
    out: *Buffer,
) Error!void {
    const request: Request = try .decode(arena, message);
    const code: Status = switch (message.command) {
        .query_users => return queryUsers(security, asking, &request, out),
        .query_roles => return queryRoles(security, asking, &request, out),
        .change_password => changePassword(security, asking.user, &request),
        else => if (asking.is_user_admin)
            try administer(security, message.command, &request)
        else
            .role_violation,
    };
    var encoder = try Encoder.begin(out);
    encoder.finishReply(byteOf(code));
}

fn byteOf(code: Status) u8 {
    return @intCast(@backingInt(code));
}

/// The fields of a request; what is malformed in one is told by the result code.
const Request = struct {
    user: []const u8 = "",
    has_user: bool = false,
    password: []const u8 = "",
    old_password: []const u8 = "",
    roles: ?[]const []const u8 = null,
    role: []const u8 = "",
    has_role: bool = false,
    privileges: ?[]const Privilege = null,
    privileges_invalid: bool = false,
    whitelist: []const u8 = "",
    read_quota: ?u32 = null,
    write_quota: ?u32 = null,
    quota_invalid: bool = false,

    fn decode(arena: std.mem.Allocator, message: *const Message) Error!Request {
        var request: Request = .{};
        var fields = message.fields();
        while (try fields.next()) |item| switch (item.id) {
            .user => {
                request.user = item.data;
                request.has_user = true;
            },
            .password => request.password = item.data,
            .old_password => request.old_password = item.data,
            .roles => request.roles = try decodeRoles(arena, item.data),
            .role => {
                request.role = item.data;
                request.has_role = true;
            },
            .privileges => {
                request.privileges = decodePrivileges(arena, item.data) catch |err| switch (err) {
                    error.OutOfMemory => return error.OutOfMemory,
                    error.Malformed => null,
                };
                request.privileges_invalid = request.privileges == null;
            },
            .whitelist => request.whitelist = item.data,
            .read_quota => request.read_quota = request.quota(item.data),
            .write_quota => request.write_quota = request.quota(item.data),
            else => {},
        };
        return request;
    }

    fn quota(request: *Request, bytes: []const u8) ?u32 {
        if (bytes.len == 4) return std.mem.readInt(u32, bytes[0..4], .big);
        request.quota_invalid = true;
        return null;
    }

    fn hash(request: *const Request) ?*const security_module.Hash {
        if (request.password.len != wire.admin.hash_bytes) return null;
        return request.password[0..wire.admin.hash_bytes];
    }
};

/// A count, and texts with their lengths in front.
const Texts = struct {
    rest: []const u8,

    fn byte(texts: *Texts) error{Malformed}!u8 {
        if (texts.rest.len == 0) return error.Malformed;
        defer texts.rest = texts.rest[1..];
        return texts.rest[0];
    }

    fn next(texts: *Texts) error{Malformed}![]const u8 {
        const len = try texts.byte();
        if (len > texts.rest.len) return error.Malformed;
        defer texts.rest = texts.rest[len..];
        return texts.rest[0..len];
    }
};

fn decodeRoles(arena: std.mem.Allocator, bytes: []const u8) Error![]const []const u8 {
    var texts: Texts = .{ .rest = bytes };
    const roles = try arena.alloc([]const u8, try texts.byte());
    for (roles) |*role| role.* = try texts.next();
    return roles;
}

fn decodePrivileges(
    arena: std.mem.Allocator,
    bytes: []const u8,
) error{ Malformed, OutOfMemory }![]const Privilege {
    var texts: Texts = .{ .rest = bytes };
    const privileges = try arena.alloc(Privilege, try texts.byte());
    for (privileges) |*privilege| {
        const code = std.enums.fromInt(access.Code, try texts.byte()) orelse return error.Malformed;
        const namespace = if (code.hasScope()) try texts.next() else "";
        const set = if (code.hasScope()) try texts.next() else "";
        privilege.* = Privilege.init(code, namespace, set) orelse return error.Malformed;
    }
    return privileges;
}

fn changePassword(security: *Security, user: []const u8, request: *const Request) Status {
    if (!std.mem.eql(u8, request.user, user)) return .invalid_user;
    const hash = request.hash() orelse return .invalid_password;
    return security.changePassword(user, request.old_password, hash);
}

fn administer(
    security: *Security,
    command: wire.admin.Command,
    request: *const Request,
) Error!Status {
    if (request.privileges_invalid) return .invalid_privilege;
    if (request.quota_invalid) return .invalid_quota;
    const roles = request.roles orelse &.{};
    const privileges = request.privileges orelse &.{};
    return switch (command) {
        .create_user => try security.createUser(
            request.user,
            request.hash() orelse return .invalid_password,
            roles,
        ),
        .drop_user => security.dropUser(request.user),
        .set_password => security.setPassword(
            request.user,
            request.hash() orelse return .invalid_password,
        ),
        .grant_roles => try security.changeRoles(.grant, request.user, roles),
        .revoke_roles => try security.changeRoles(.revoke, request.user, roles),
        .create_role => try security.createRole(request.role, &.{
            .privileges = privileges,
            .whitelist = request.whitelist,
            .read_quota = request.read_quota orelse 0,
            .write_quota = request.write_quota orelse 0,
        }),
        .drop_role => security.dropRole(request.role),
        .grant_privileges => try security.changePrivileges(.grant, request.role, privileges),
        .revoke_privileges => try security.changePrivileges(.revoke, request.role, privileges),
        .set_whitelist => try security.setWhitelist(request.role, request.whitelist),
        .set_quotas => security.setQuotas(request.role, request.read_quota, request.write_quota),
        else => .invalid_command,
    };
}

/// Everybody may ask about themselves.
fn queryUsers(
    security: *Security,
    asking: Asking,
    request: *const Request,
    out: *Buffer,
) Error!void {
    const is_own = request.has_user and std.mem.eql(u8, request.user, asking.user);
    if (!asking.is_user_admin and !is_own) return finish(out, .role_violation);
    security.mutex.lock();
    defer security.mutex.unlock();
    if (request.has_user) {
        const user = security.findUser(request.user) orelse return finish(out, .invalid_user);
        try appendUser(security, user, asking.node, out);
    } else {
        for (security.users.items) |user| try appendUser(security, user, asking.node, out);
    }
    try finish(out, .query_end);
}

/// Everybody may ask about roles that they have.
fn queryRoles(
    security: *Security,
    asking: Asking,
    request: *const Request,
    out: *Buffer,
) Error!void {
    security.mutex.lock();
    defer security.mutex.unlock();
    if (!asking.is_user_admin) {
        const user = security.findUser(asking.user) orelse return finish(out, .role_violation);
        const has_role = for (user.roles.items) |name| {
            if (request.has_role and std.mem.eql(u8, name, request.role)) break true;
        } else false;
        if (!has_role) return finish(out, .role_violation);
    }
    if (request.has_role) {
        const role = security.findRole(request.role) orelse return finish(out, .invalid_role);
        try appendRole(role, out);
    } else {
        for (security.roles.items) |role| try appendRole(role, out);
    }
    try finish(out, .query_end);
}

fn finish(out: *Buffer, code: Status) Buffer.Error!void {
    var encoder = try Encoder.begin(out);
    encoder.finishReply(byteOf(code));
}

fn appendUser(
    security: *Security,
    user: *const security_module.User,
    node: u8,
    out: *Buffer,
) Buffer.Error!void {
    var memory: [1 + security_module.roles_of_user_max * 64]u8 = undefined;
    var roles = Buffer.fixed(&memory);
    try roles.byte(@intCast(user.roles.items.len));
    var read_quota: u32 = 0;
    var write_quota: u32 = 0;
    for (user.roles.items) |name| {
        try roles.byte(@intCast(name.len));
        try roles.append(name);
        const role = security.findRole(name) orelse continue;
        read_quota +|= role.read_quota;
        write_quota +|= role.write_quota;
    }
    var encoder = try Encoder.begin(out);
    try encoder.field(.user, user.name);
    try encoder.field(.roles, roles.written());
    try encoder.field(.read_info, &usage(read_quota));
    try encoder.field(.write_info, &usage(write_quota));
    try encoder.fieldInt(.connections, user.connections[node]);
    encoder.finishReply(0);
}

/// The quota; the rates of single commands and of queries, and the number of queries without
/// a limit, are not measured.
fn usage(quota: u32) [1 + 4 * 4]u8 {
    var bytes: [17]u8 = @splat(0);
    bytes[0] = 4;
    std.mem.writeInt(u32, bytes[1..5], quota, .big);
    return bytes;
}

fn appendRole(role: *const security_module.Role, out: *Buffer) Buffer.Error!void {
    var memory: [1 + security_module.privileges_max * (3 + 31 + 63)]u8 = undefined;
    var privileges = Buffer.fixed(&memory);
    try privileges.byte(@intCast(role.privileges.items.len));
    for (role.privileges.items) |*privilege| {
        try privileges.byte(@backingInt(privilege.code));
        if (!privilege.code.hasScope()) continue;
        for ([_][]const u8{ privilege.namespace(), privilege.set() }) |text| {
            try privileges.byte(@intCast(text.len));
            try privileges.append(text);
        }
    }
    var encoder = try Encoder.begin(out);
    try encoder.field(.role, role.name);
    try encoder.field(.privileges, privileges.written());
    if (role.whitelist.items.len > 0) try encoder.field(.whitelist, role.whitelist.items);
    if (role.read_quota != 0) try encoder.fieldInt(.read_quota, role.read_quota);
    if (role.write_quota != 0) try encoder.fieldInt(.write_quota, role.write_quota);
    encoder.finishReply(0);
}
