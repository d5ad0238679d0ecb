//! Users, their sessions and what their roles permit.
//!
//! A session token carries its own end and a keyed hash, so nothing is stored for it: `revoke`
//! changes the key and so ends all sessions. Hashes of passwords are computed when somebody
//! first logs in, since each takes tens of milliseconds. Any thread may call anything.

const std = @import("std");
const wire = @import("../wire.zig");
const options_module = @import("options.zig");
const record = @import("record.zig");
const status = @import("../status.zig");
const Mutex = @import("sync.zig").Mutex;

const Hash = [wire.admin.hash_bytes]u8;
const Mac = std.crypto.auth.siphash.SipHash128(2, 4);
const Status = status.Status;

pub const Permissions = packed struct(u8) {
    read: bool = false,
    write: bool = false,
    truncate: bool = false,
    user_admin: bool = false,
    sys_admin: bool = false,
    data_admin: bool = false,
    udf: bool = false,
    unused: u1 = 0,

    pub const all: Permissions = @bitCast(@as(u8, 0x7f));

    fn of(role: []const u8) Permissions {
        const table = [_]struct { []const u8, Permissions }{
            .{ "read", .{ .read = true } },
            .{ "write", .{ .write = true } },
            .{ "read-write", .{ .read = true, .write = true } },
            .{ "read-write-udf", .{ .read = true, .write = true, .udf = true } },
            .{ "truncate", .{ .truncate = true } },
            .{ "user-admin", .{ .user_admin = true } },
            .{ "sys-admin", .{ .sys_admin = true, .truncate = true } },
            .{ "data-admin", .{ .data_admin = true, .truncate = true } },
            .{ "superuser", .all },
        };
        for (table) |entry| {
            if (std.mem.eql(u8, entry[0], role)) return entry[1];
        }
        return .{};
    }

    fn merge(left: Permissions, right: Permissions) Permissions {
        return @bitCast(@as(u8, @bitCast(left)) | @as(u8, @bitCast(right)));
    }

    /// True when everything wanted is permitted.
    pub fn permits(permissions: Permissions, wanted: Permissions) bool {
        const missing = @as(u8, @bitCast(wanted)) & ~@as(u8, @bitCast(permissions));
        return missing == 0;
    }
};

const User = struct {
    name: []const u8,
    password: []const u8,
    permissions: Permissions,
    hash: ?Hash = null,
};

pub const token_bytes = 8 + 8 + Mac.mac_length;
pub const Token = [token_bytes]u8;

pub const Login = union(enum) {
    granted: struct { token: Token, permissions: Permissions },
    refused: Status,
};

pub const Security = struct {
    arena: std.heap.ArenaAllocator,
    mutex: Mutex = .{},
    users: []User,
    session_ttl_s: u32,
    key: [Mac.key_length]u8,
    serial: u64 = 0,

    pub fn init(
        gpa: std.mem.Allocator,
        options: *const options_module.Options,
    ) error{OutOfMemory}!Security {
        var arena = std.heap.ArenaAllocator.init(gpa);
        errdefer arena.deinit();
        const users = try arena.allocator().alloc(User, options.users.len);
        for (options.users, users) |*option, *user| {
            var permissions: Permissions = .{};
            for (option.roles) |role| permissions = permissions.merge(.of(role));
            user.* = .{
                .name = try arena.allocator().dupe(u8, option.name),
                .password = try arena.allocator().dupe(u8, option.password),
                .permissions = permissions,
            };
        }
        var key: [Mac.key_length]u8 = @splat(0x5a);
        std.mem.writeInt(u64, key[0..8], options.seed, .little);
        return .{
            .arena = arena,
            .users = users,
            .session_ttl_s = options.session_ttl_s,
            .key = key,
        };
    }

    pub fn deinit(security: *Security) void {
        security.arena.deinit();
        security.* = undefined;
    }

    pub fn isEnabled(security: *const Security) bool {
        return security.users.len > 0;
    }

    pub fn login(
        security: *Security,
        name: []const u8,
        credential: []const u8,
        now: record.Now,
    ) Login {
        const user = security.find(name) orelse return .{ .refused = .invalid_user };
        security.mutex.lock();
        defer security.mutex.unlock();
        if (user.hash == null) {
            var hash: Hash = undefined;
            wire.admin.hashPassword(user.password, &hash);
            user.hash = hash;
        }
        if (!std.mem.eql(u8, &user.hash.?, credential)) {
            return .{ .refused = .invalid_credential };
        }
        security.serial += 1;
        const end_ms = now.unix_ms + @as(u64, security.session_ttl_s) * 1000;
        var token: Token = undefined;
        std.mem.writeInt(u64, token[0..8], end_ms, .big);
        std.mem.writeInt(u64, token[8..16], security.serial, .big);
        token[16..].* = security.sign(name, token[0..16]);
        return .{ .granted = .{ .token = token, .permissions = user.permissions } };
    }

    /// Makes a connection part of a session.
    pub fn authenticate(
        security: *Security,
        name: []const u8,
        token: []const u8,
        now: record.Now,
    ) Login {
        const user = security.find(name) orelse return .{ .refused = .invalid_user };
        if (token.len != token_bytes) return .{ .refused = .invalid_credential };
        security.mutex.lock();
        defer security.mutex.unlock();
        const expected = security.sign(name, token[0..16]);
        if (!std.mem.eql(u8, &expected, token[16..])) return .{ .refused = .invalid_credential };
        const end_ms = std.mem.readInt(u64, token[0..8], .big);
        if (end_ms <= now.unix_ms) return .{ .refused = .expired_session };
        return .{ .granted = .{
            .token = token[0..token_bytes].*,
            .permissions = user.permissions,
        } };
    }

    /// Ends all sessions; connections that are authenticated already stay so.
    pub fn revoke(security: *Security) void {
        security.mutex.lock();
        defer security.mutex.unlock();
        const next = std.mem.readInt(u64, security.key[8..16], .little) +% 1;
        std.mem.writeInt(u64, security.key[8..16], next, .little);
    }

    fn sign(security: *const Security, name: []const u8, head: []const u8) [Mac.mac_length]u8 {
        var mac = Mac.init(&security.key);
        mac.update(head);
        mac.update(name);
        var out: [Mac.mac_length]u8 = undefined;
        mac.final(&out);
        return out;
    }

    fn find(security: *Security, name: []const u8) ?*User {
        for (security.users) |*user| {
            if (std.mem.eql(u8, user.name, name)) return user;
        }
        return null;
    }
};

const testing = std.testing;

test "a login gives a token that authenticates until it expires or is revoked" {
    const users = [_]options_module.User{
        .{ .name = "reader", .password = "secret", .roles = &.{"read"} },
    };
    var security = try Security.init(testing.allocator, &.{ .users = &users, .session_ttl_s = 10 });
    defer security.deinit();
    var hash: Hash = undefined;
    wire.admin.hashPassword("secret", &hash);
    const now: record.Now = .{ .unix_ms = 1_000_000 };

    try testing.expectEqual(Status.invalid_user, security.login("nobody", &hash, now).refused);
    const wrong = security.login("reader", "x", now);
    try testing.expectEqual(Status.invalid_credential, wrong.refused);
    const granted = security.login("reader", &hash, now).granted;
    try testing.expect(granted.permissions.permits(.{ .read = true }));
    try testing.expect(!granted.permissions.permits(.{ .read = true, .write = true }));

    const token = &granted.token;
    _ = security.authenticate("reader", token, now).granted;
    const forged = security.authenticate("reader", "x" ++ token[1..], now);
    try testing.expectEqual(Status.invalid_credential, forged.refused);
    const late = security.authenticate("reader", token, .{ .unix_ms = 1_010_000 });
    try testing.expectEqual(Status.expired_session, late.refused);
    security.revoke();
    const revoked = security.authenticate("reader", token, now);
    try testing.expectEqual(Status.invalid_credential, revoked.refused);
}
