//! Users and roles, the sessions of users, and what they may do.
//!
//! A session token carries its own end and a keyed hash, so nothing is stored for it: `revoke`
//! changes the key and so ends all sessions. Hashes of the passwords that the server was started
//! with are computed when somebody first logs in, since each takes tens of milliseconds. A
//! connection remembers what its user may do everywhere, as of a generation; every change of
//! users and roles is a new one. Any thread may call anything.

const std = @import("std");
const assert = std.debug.assert;
const wire = @import("../../wire.zig");
const status = @import("../../status.zig");
const access = @import("access.zig");
const options_module = @import("../base/options.zig");
const record = @import("../data/record.zig");
const Mutex = @import("../base/sync.zig").Mutex;

const Address = access.Address;
pub const Hash = [wire.admin.hash_bytes]u8;
const Mac = std.crypto.auth.siphash.SipHash128(2, 4);
const Permissions = access.Permissions;
const Place = access.Privilege.Place;
const Privilege = access.Privilege;
const Status = status.Status;

pub const name_bytes_max = 63;
/// What a reply's byte can count.
pub const roles_of_user_max = 255;
pub const privileges_max = 255;
const users_max = 10_000;
const roles_max = 10_000;

pub const User = struct {
    arena: std.heap.ArenaAllocator,
    name: []const u8,
    /// Until the hash is computed, or what somebody else knows it to be.
    password: []const u8 = "",
    is_external: bool = false,
    hash: ?Hash = null,
    roles: std.ArrayList([]const u8) = .empty,
    /// Sessions begun under an earlier one have ended.
    sessions: u32 = 0,
    /// To each node.
    connections: [options_module.nodes_max]u32 = @splat(0),

    fn create(gpa: std.mem.Allocator, name: []const u8) error{OutOfMemory}!*User {
        var arena = std.heap.ArenaAllocator.init(gpa);
        errdefer arena.deinit();
        const copy = try arena.allocator().dupe(u8, name);
        const user = try gpa.create(User);
        user.* = .{ .arena = arena, .name = copy };
        return user;
    }

    fn destroy(user: *User, gpa: std.mem.Allocator) void {
        user.arena.deinit();
        gpa.destroy(user);
    }

    fn findRole(user: *const User, name: []const u8) ?usize {
        for (user.roles.items, 0..) |role, index| {
            if (std.mem.eql(u8, role, name)) return index;
        }
        return null;
    }

    fn addRole(user: *User, name: []const u8) error{OutOfMemory}!void {
        if (user.findRole(name) != null or user.roles.items.len >= roles_of_user_max) return;
        const arena = user.arena.allocator();
        try user.roles.append(arena, try arena.dupe(u8, name));
    }

    fn removeRole(user: *User, name: []const u8) void {
        const index = user.findRole(name) orelse return;
        _ = user.roles.orderedRemove(index);
    }

    fn isProven(user: *User, proof: Proof) bool {
        switch (proof) {
            .certificate => return true,
            .hash => |hash| return !user.is_external and std.mem.eql(u8, user.hashOf(), hash),
            .password => |password| {
                if (user.is_external) return std.mem.eql(u8, user.password, password);
                // One that the server knows itself.
                var hash: Hash = undefined;
                wire.admin.hashPassword(password, &hash);
                return std.mem.eql(u8, user.hashOf(), &hash);
            },
        }
    }

    fn hashOf(user: *User) *const Hash {
        if (user.hash == null) {
            var hash: Hash = undefined;
            wire.admin.hashPassword(user.password, &hash);
            user.hash = hash;
        }
        return &user.hash.?;
    }
};

pub const Role = struct {
    arena: std.heap.ArenaAllocator,
    name: []const u8,
    is_predefined: bool = false,
    privileges: std.ArrayList(Privilege) = .empty,
    /// Empty: from anywhere.
    whitelist: std.ArrayList(u8) = .empty,
    /// 0: none. They are kept and told, not enforced.
    read_quota: u32 = 0,
    write_quota: u32 = 0,

    fn create(gpa: std.mem.Allocator, name: []const u8) error{OutOfMemory}!*Role {
        var arena = std.heap.ArenaAllocator.init(gpa);
        errdefer arena.deinit();
        const copy = try arena.allocator().dupe(u8, name);
        const role = try gpa.create(Role);
        role.* = .{ .arena = arena, .name = copy };
        return role;
    }

    fn destroy(role: *Role, gpa: std.mem.Allocator) void {
        role.arena.deinit();
        gpa.destroy(role);
    }

    fn find(role: *const Role, privilege: *const Privilege) ?usize {
        for (role.privileges.items, 0..) |*own, index| {
            if (own.equals(privilege)) return index;
        }
        return null;
    }

    fn grant(role: *Role, privileges: []const Privilege) error{OutOfMemory}!void {
        for (privileges) |*privilege| {
            if (role.find(privilege) != null) continue;
            if (role.privileges.items.len >= privileges_max) return;
            try role.privileges.append(role.arena.allocator(), privilege.*);
        }
    }
};

pub const Key = [Mac.key_length]u8;
pub const token_bytes = 8 + 8 + Mac.mac_length;
pub const Token = [token_bytes]u8;

/// What somebody gives who logs in.
pub const Proof = union(enum) {
    hash: []const u8,
    /// Itself.
    password: []const u8,
    /// TLS has seen it.
    certificate,
};

pub const Login = union(enum) {
    granted: Token,
    refused: Status,
};

/// What a connection's user may do everywhere, and since when this is known.
pub const Standing = struct {
    generation: u32,
    /// The user's, when the session began.
    sessions: u32 = 0,
    /// Anything else is answered to every command.
    status: Status,
    permissions: Permissions,
};

pub const Security = struct {
    gpa: std.mem.Allocator,
    mutex: Mutex = .{},
    enabled: bool,
    users: std.ArrayList(*User) = .empty,
    roles: std.ArrayList(*Role) = .empty,
    generation: std.atomic.Value(u32) = .init(0),
    session_ttl_s: u32,
    key: Key,
    serial: u64 = 0,

    pub fn init(
        gpa: std.mem.Allocator,
        options: *const options_module.Options,
        key: Key,
    ) error{OutOfMemory}!Security {
        var security: Security = .{
            .gpa = gpa,
            .enabled = options.users.len > 0,
            .session_ttl_s = options.session_ttl_s,
            .key = key,
        };
        errdefer security.deinit();
        for (&access.predefined) |*predefined| {
            const role = try security.addRole(predefined.name);
            role.is_predefined = true;
            for (predefined.codes) |code| try role.grant(&.{Privilege.init(code, "", "").?});
        }
        for (options.users) |*option| {
            const user = try security.addUser(option.name);
            user.password = try user.arena.allocator().dupe(u8, option.password);
            user.is_external = option.external;
            for (option.roles) |role| try user.addRole(role);
        }
        return security;
    }

    pub fn deinit(security: *Security) void {
        const gpa = security.gpa;
        for (security.users.items) |user| user.destroy(gpa);
        for (security.roles.items) |role| role.destroy(gpa);
        security.users.deinit(gpa);
        security.roles.deinit(gpa);
        security.* = undefined;
    }

    pub fn isEnabled(security: *const Security) bool {
        return security.enabled;
    }

    /// The mutex is held by the caller of this and of the next three.
    pub fn findUser(security: *Security, name: []const u8) ?*User {
        for (security.users.items) |user| {
            if (std.mem.eql(u8, user.name, name)) return user;
        }
        return null;
    }

    pub fn findRole(security: *Security, name: []const u8) ?*Role {
        for (security.roles.items) |role| {
            if (std.mem.eql(u8, role.name, name)) return role;
        }
        return null;
    }

    fn addUser(security: *Security, name: []const u8) error{OutOfMemory}!*User {
        try security.users.ensureUnusedCapacity(security.gpa, 1);
        const user = try User.create(security.gpa, name);
        security.users.appendAssumeCapacity(user);
        return user;
    }

    fn addRole(security: *Security, name: []const u8) error{OutOfMemory}!*Role {
        try security.roles.ensureUnusedCapacity(security.gpa, 1);
        const role = try Role.create(security.gpa, name);
        security.roles.appendAssumeCapacity(role);
        return role;
    }

    fn changed(security: *Security) void {
        _ = security.generation.fetchAdd(1, .acq_rel);
    }

    // Sessions.

    pub fn login(
        security: *Security,
        name: []const u8,
        proof: Proof,
        address: *const Address,
        now: record.Now,
    ) Login {
        security.mutex.lock();
        defer security.mutex.unlock();
        const user = security.findUser(name) orelse return .{ .refused = .invalid_user };
        if (!user.isProven(proof)) return .{ .refused = .invalid_credential };
        if (!security.admits(user, address)) return .{ .refused = .not_whitelisted };
        security.serial += 1;
        const end_ms = now.unix_ms + @as(u64, security.session_ttl_s) * 1000;
        var token: Token = undefined;
        std.mem.writeInt(u64, token[0..8], end_ms, .big);
        std.mem.writeInt(u64, token[8..16], security.serial, .big);
        token[16..].* = security.sign(name, user.sessions, token[0..16]);
        return .{ .granted = token };
    }

    /// Makes a connection part of a session.
    pub fn authenticate(
        security: *Security,
        name: []const u8,
        token: []const u8,
        address: *const Address,
        now: record.Now,
    ) Login {
        security.mutex.lock();
        defer security.mutex.unlock();
        const user = security.findUser(name) orelse return .{ .refused = .invalid_user };
        if (token.len != token_bytes) return .{ .refused = .invalid_credential };
        const expected = security.sign(name, user.sessions, token[0..16]);
        if (!std.mem.eql(u8, &expected, token[16..])) return .{ .refused = .invalid_credential };
        const end_ms = std.mem.readInt(u64, token[0..8], .big);
        if (end_ms <= now.unix_ms) return .{ .refused = .expired_session };
        if (!security.admits(user, address)) return .{ .refused = .not_whitelisted };
        return .{ .granted = token[0..token_bytes].* };
    }

    /// Ends all sessions; connections that are authenticated already stay so.
    pub fn revoke(security: *Security) void {
        security.mutex.lock();
        defer security.mutex.unlock();
        security.key = security.sign("", 0, "the next key");
    }

    /// Ends a user's sessions, or everybody's, and those of connections that are authenticated.
    /// False for a user that there is not.
    pub fn endSessions(security: *Security, name: ?[]const u8) bool {
        security.mutex.lock();
        defer security.mutex.unlock();
        var is_found = name == null;
        for (security.users.items) |user| {
            if (name) |one| if (!std.mem.eql(u8, one, user.name)) continue;
            user.sessions +%= 1;
            is_found = true;
        }
        security.changed();
        return is_found;
    }

    fn sign(
        security: *const Security,
        name: []const u8,
        sessions: u32,
        head: []const u8,
    ) [Mac.mac_length]u8 {
        var mac = Mac.init(&security.key);
        mac.update(std.mem.asBytes(&sessions));
        mac.update(head);
        mac.update(name);
        var out: [Mac.mac_length]u8 = undefined;
        mac.final(&out);
        return out;
    }

    /// Roles with a whitelist let the user in from the addresses of any of them.
    fn admits(security: *Security, user: *const User, address: *const Address) bool {
        var is_limited = false;
        for (user.roles.items) |name| {
            const role = security.findRole(name) orelse continue;
            if (role.whitelist.items.len == 0) continue;
            if (access.Whitelist.contains(role.whitelist.items, address)) return true;
            is_limited = true;
        }
        return !is_limited;
    }

    /// Counts connections that begin or end to belong to a user.
    pub fn countConnection(
        security: *Security,
        name: []const u8,
        node: u8,
        change: enum { begun, ended },
    ) void {
        security.mutex.lock();
        defer security.mutex.unlock();
        const user = security.findUser(name) orelse return;
        switch (change) {
            .begun => user.connections[node] += 1,
            // One that began under a user of the same name, since dropped, is not counted.
            .ended => user.connections[node] -|= 1,
        }
    }

    // What a user may do.

    pub fn standing(security: *Security, name: []const u8, address: *const Address) Standing {
        security.mutex.lock();
        defer security.mutex.unlock();
        const generation = security.generation.load(.acquire);
        const user = security.findUser(name) orelse {
            return .{ .generation = generation, .status = .not_authenticated, .permissions = .{} };
        };
        return .{
            .generation = generation,
            .sessions = user.sessions,
            .status = if (security.admits(user, address)) .ok else .not_whitelisted,
            .permissions = security.permissionsAt(user, .{}),
        };
    }

    /// Whether a user may do all that is wanted at a place.
    pub fn permits(
        security: *Security,
        name: []const u8,
        wanted: Permissions,
        place: Place,
    ) bool {
        security.mutex.lock();
        defer security.mutex.unlock();
        const user = security.findUser(name) orelse return false;
        return security.permissionsAt(user, place).permits(wanted);
    }

    fn permissionsAt(security: *Security, user: *const User, place: Place) Permissions {
        var permissions: Permissions = .{};
        for (user.roles.items) |name| {
            const role = security.findRole(name) orelse continue;
            for (role.privileges.items) |*privilege| {
                permissions = permissions.merge(privilege.permissionsAt(place));
            }
        }
        return permissions;
    }

    // Users.

    pub const Error = error{OutOfMemory};

    pub fn createUser(
        security: *Security,
        name: []const u8,
        hash: *const Hash,
        roles: []const []const u8,
    ) Error!Status {
        security.mutex.lock();
        defer security.mutex.unlock();
        if (name.len == 0 or name.len > name_bytes_max) return .invalid_user;
        if (security.findUser(name) != null) return .user_already_exists;
        for (roles) |role| if (security.findRole(role) == null) return .invalid_role;
        if (security.users.items.len >= users_max) return .illegal_state;
        const user = try security.addUser(name);
        user.hash = hash.*;
        for (roles) |role| try user.addRole(role);
        security.changed();
        return .ok;
    }

    pub fn dropUser(security: *Security, name: []const u8) Status {
        security.mutex.lock();
        defer security.mutex.unlock();
        const user = security.findUser(name) orelse return .invalid_user;
        const position = std.mem.findScalar(*User, security.users.items, user).?;
        _ = security.users.orderedRemove(position);
        user.destroy(security.gpa);
        security.changed();
        return .ok;
    }

    pub fn setPassword(security: *Security, name: []const u8, hash: *const Hash) Status {
        security.mutex.lock();
        defer security.mutex.unlock();
        const user = security.findUser(name) orelse return .invalid_user;
        user.hash = hash.*;
        return .ok;
    }

    /// By the user, who has to know the old one.
    pub fn changePassword(
        security: *Security,
        name: []const u8,
        old: []const u8,
        hash: *const Hash,
    ) Status {
        security.mutex.lock();
        defer security.mutex.unlock();
        const user = security.findUser(name) orelse return .invalid_user;
        if (!std.mem.eql(u8, user.hashOf(), old)) return .invalid_credential;
        user.hash = hash.*;
        return .ok;
    }

    pub const Change = enum { grant, revoke };

    pub fn changeRoles(
        security: *Security,
        change: Change,
        name: []const u8,
        roles: []const []const u8,
    ) Error!Status {
        security.mutex.lock();
        defer security.mutex.unlock();
        const user = security.findUser(name) orelse return .invalid_user;
        if (roles.len == 0) return .invalid_role;
        for (roles) |role| if (security.findRole(role) == null) return .invalid_role;
        for (roles) |role| switch (change) {
            .grant => try user.addRole(role),
            .revoke => user.removeRole(role),
        };
        security.changed();
        return .ok;
    }

    // Roles.

    pub const RoleOptions = struct {
        privileges: []const Privilege = &.{},
        whitelist: []const u8 = "",
        read_quota: u32 = 0,
        write_quota: u32 = 0,
    };

    pub fn createRole(
        security: *Security,
        name: []const u8,
        options: *const RoleOptions,
    ) Error!Status {
        security.mutex.lock();
        defer security.mutex.unlock();
        if (name.len == 0 or name.len > name_bytes_max) return .invalid_role;
        if (security.findRole(name) != null) return .role_already_exists;
        if (options.whitelist.len > 0 and !access.Whitelist.isValid(options.whitelist)) {
            return .invalid_whitelist;
        }
        if (security.roles.items.len >= roles_max) return .illegal_state;
        const role = try security.addRole(name);
        try role.grant(options.privileges);
        try role.whitelist.appendSlice(role.arena.allocator(), options.whitelist);
        role.read_quota = options.read_quota;
        role.write_quota = options.write_quota;
        security.changed();
        return .ok;
    }

    pub fn dropRole(security: *Security, name: []const u8) Status {
        security.mutex.lock();
        defer security.mutex.unlock();
        const role = security.findOwnRole(name) orelse return .invalid_role;
        for (security.users.items) |user| user.removeRole(name);
        const position = std.mem.findScalar(*Role, security.roles.items, role).?;
        _ = security.roles.orderedRemove(position);
        role.destroy(security.gpa);
        security.changed();
        return .ok;
    }

    /// Predefined ones cannot be changed.
    fn findOwnRole(security: *Security, name: []const u8) ?*Role {
        const role = security.findRole(name) orelse return null;
        return if (role.is_predefined) null else role;
    }

    pub fn changePrivileges(
        security: *Security,
        change: Change,
        name: []const u8,
        privileges: []const Privilege,
    ) Error!Status {
        security.mutex.lock();
        defer security.mutex.unlock();
        const role = security.findOwnRole(name) orelse return .invalid_role;
        if (privileges.len == 0) return .invalid_privilege;
        switch (change) {
            .grant => try role.grant(privileges),
            .revoke => for (privileges) |*privilege| {
                const index = role.find(privilege) orelse continue;
                _ = role.privileges.orderedRemove(index);
            },
        }
        security.changed();
        return .ok;
    }

    /// The empty text lets everybody in again.
    pub fn setWhitelist(security: *Security, name: []const u8, text: []const u8) Error!Status {
        security.mutex.lock();
        defer security.mutex.unlock();
        const role = security.findOwnRole(name) orelse return .invalid_role;
        if (text.len > 0 and !access.Whitelist.isValid(text)) return .invalid_whitelist;
        role.whitelist.clearRetainingCapacity();
        try role.whitelist.appendSlice(role.arena.allocator(), text);
        security.changed();
        return .ok;
    }

    /// Null keeps what there is.
    pub fn setQuotas(security: *Security, name: []const u8, read: ?u32, write: ?u32) Status {
        security.mutex.lock();
        defer security.mutex.unlock();
        const role = security.findOwnRole(name) orelse return .invalid_role;
        if (read) |quota| role.read_quota = quota;
        if (write) |quota| role.write_quota = quota;
        return .ok;
    }
};

const testing = std.testing;

test "a login gives a token that authenticates until it expires or is revoked" {
    const users = [_]options_module.User{
        .{ .name = "reader", .password = "secret", .roles = &.{"read"} },
    };
    const options: options_module.Options = .{ .users = &users, .session_ttl_s = 10 };
    var security = try Security.init(testing.allocator, &options, @splat(7));
    defer security.deinit();
    var hash: Hash = undefined;
    wire.admin.hashPassword("secret", &hash);
    const now: record.Now = .{ .unix_ms = 1_000_000 };
    const from: *const Address = &.loopback;

    const nobody = security.login("nobody", .{ .hash = &hash }, from, now);
    try testing.expectEqual(Status.invalid_user, nobody.refused);
    const wrong = security.login("reader", .{ .hash = "x" }, from, now);
    try testing.expectEqual(Status.invalid_credential, wrong.refused);
    const token = security.login("reader", .{ .hash = &hash }, from, now).granted;
    _ = security.authenticate("reader", &token, from, now).granted;
    const forged = security.authenticate("reader", "x" ++ token[1..], from, now);
    try testing.expectEqual(Status.invalid_credential, forged.refused);
    const late = security.authenticate("reader", &token, from, .{ .unix_ms = 1_010_000 });
    try testing.expectEqual(Status.expired_session, late.refused);
    security.revoke();
    const revoked = security.authenticate("reader", &token, from, now);
    try testing.expectEqual(Status.invalid_credential, revoked.refused);
}

test "a token is of one server alone" {
    const users = [_]options_module.User{options_module.default_admin};
    const options: options_module.Options = .{ .users = &users };
    var security = try Security.init(testing.allocator, &options, @splat(1));
    defer security.deinit();
    var other = try Security.init(testing.allocator, &options, @splat(2));
    defer other.deinit();
    var hash: Hash = undefined;
    wire.admin.hashPassword("admin", &hash);
    const token = security.login("admin", .{ .hash = &hash }, &.loopback, .{ .unix_ms = 1 }).granted;
    const refused = other.authenticate("admin", &token, &.loopback, .{ .unix_ms = 1 });
    try testing.expectEqual(Status.invalid_credential, refused.refused);
}

test "what a user may do follows its roles, and their privileges" {
    const users = [_]options_module.User{options_module.default_admin};
    var security = try Security.init(testing.allocator, &.{ .users = &users }, @splat(7));
    defer security.deinit();
    const hash: Hash = @splat('h');
    const read: Permissions = .{ .read = true };
    const from: *const Address = &.loopback;
    const bad_role = try security.createUser("u", &hash, &.{"nosuch"});
    try testing.expectEqual(Status.invalid_role, bad_role);
    try testing.expectEqual(Status.ok, try security.createUser("u", &hash, &.{"write"}));
    try testing.expectEqual(Status.user_already_exists, try security.createUser("u", &hash, &.{}));
    try testing.expect(!security.standing("u", from).permissions.permits(read));

    const in_set = Privilege.init(.read, "test", "demo").?;
    const options: Security.RoleOptions = .{ .privileges = &.{in_set} };
    try testing.expectEqual(Status.ok, try security.createRole("r", &options));
    try testing.expectEqual(Status.role_already_exists, try security.createRole("r", &options));
    const generation = security.standing("u", from).generation;
    try testing.expectEqual(Status.ok, try security.changeRoles(.grant, "u", &.{"r"}));
    try testing.expect(security.standing("u", from).generation != generation);
    try testing.expect(security.permits("u", read, .{ .namespace = "test", .set = "demo" }));
    try testing.expect(!security.permits("u", read, .{ .namespace = "test" }));

    try testing.expectEqual(Status.ok, try security.setWhitelist("r", "10.0.0.0/8"));
    try testing.expectEqual(Status.not_whitelisted, security.standing("u", from).status);
    try testing.expectEqual(Status.invalid_whitelist, try security.setWhitelist("r", "10"));
    try testing.expectEqual(Status.invalid_role, security.dropRole("read"));
    try testing.expectEqual(Status.ok, security.dropRole("r"));
    try testing.expectEqual(Status.ok, security.standing("u", from).status);
    try testing.expectEqual(Status.ok, security.dropUser("u"));
    try testing.expectEqual(Status.not_authenticated, security.standing("u", from).status);
}
