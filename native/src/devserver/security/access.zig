//! What there is to permit: privileges, what they allow, and addresses that may connect.
//!
//! Pure. A privilege is for the whole cluster, for a namespace, or for a set; those of
//! administration are always for the cluster.

const std = @import("std");

pub const Permissions = packed struct(u16) {
    read: bool = false,
    write: bool = false,
    udf: bool = false,
    truncate: bool = false,
    udf_admin: bool = false,
    index_admin: bool = false,
    query_admin: bool = false,
    system_admin: bool = false,
    user_admin: bool = false,
    unused: u7 = 0,

    pub fn merge(left: Permissions, right: Permissions) Permissions {
        return @bitCast(@as(u16, @bitCast(left)) | @as(u16, @bitCast(right)));
    }

    /// True when everything wanted is permitted.
    pub fn permits(permissions: Permissions, wanted: Permissions) bool {
        const missing = @as(u16, @bitCast(wanted)) & ~@as(u16, @bitCast(permissions));
        return missing == 0;
    }
};

/// Numbers of the protocol.
pub const Code = enum(u8) {
    user_admin = 0,
    system_admin = 1,
    data_admin = 2,
    udf_admin = 3,
    index_admin = 4,
    read = 10,
    read_write = 11,
    read_write_udf = 12,
    write = 13,
    truncate = 14,

    /// Those for data may be for a part of it.
    pub fn hasScope(code: Code) bool {
        return @backingInt(code) >= @backingInt(Code.read);
    }

    fn permissions(code: Code) Permissions {
        const data: Permissions = .{
            .udf_admin = true,
            .index_admin = true,
            .query_admin = true,
            .truncate = true,
        };
        return switch (code) {
            .user_admin => .{ .user_admin = true },
            .system_admin => data.merge(.{ .system_admin = true }),
            .data_admin => data,
            .udf_admin => .{ .udf_admin = true },
            .index_admin => .{ .index_admin = true },
            .read => .{ .read = true },
            .read_write => .{ .read = true, .write = true },
            .read_write_udf => .{ .read = true, .write = true, .udf = true },
            .write => .{ .write = true },
            .truncate => .{ .truncate = true },
        };
    }
};

pub const namespace_bytes_max = 31;
pub const set_bytes_max = 63;

pub const Privilege = struct {
    code: Code,
    namespace_buffer: [namespace_bytes_max]u8 = undefined,
    namespace_len: u8 = 0,
    set_buffer: [set_bytes_max]u8 = undefined,
    set_len: u8 = 0,

    /// Null for a scope that makes no sense.
    pub fn init(code: Code, namespace_given: []const u8, set_given: []const u8) ?Privilege {
        if (namespace_given.len > namespace_bytes_max) return null;
        if (set_given.len > set_bytes_max) return null;
        if (namespace_given.len > 0 and !code.hasScope()) return null;
        if (set_given.len > 0 and namespace_given.len == 0) return null;
        var privilege: Privilege = .{
            .code = code,
            .namespace_len = @intCast(namespace_given.len),
            .set_len = @intCast(set_given.len),
        };
        @memcpy(privilege.namespace_buffer[0..namespace_given.len], namespace_given);
        @memcpy(privilege.set_buffer[0..set_given.len], set_given);
        return privilege;
    }

    /// Empty: for the cluster.
    pub fn namespace(privilege: *const Privilege) []const u8 {
        return privilege.namespace_buffer[0..privilege.namespace_len];
    }

    /// Empty: for the namespace.
    pub fn set(privilege: *const Privilege) []const u8 {
        return privilege.set_buffer[0..privilege.set_len];
    }

    pub fn equals(left: *const Privilege, right: *const Privilege) bool {
        return left.code == right.code and
            std.mem.eql(u8, left.namespace(), right.namespace()) and
            std.mem.eql(u8, left.set(), right.set());
    }

    pub const Place = struct { namespace: []const u8 = "", set: []const u8 = "" };

    /// What it permits at a place; the empty place is the cluster.
    pub fn permissionsAt(privilege: *const Privilege, place: Place) Permissions {
        const wanted_namespace = privilege.namespace();
        if (wanted_namespace.len > 0) {
            if (!std.mem.eql(u8, wanted_namespace, place.namespace)) return .{};
            const wanted_set = privilege.set();
            if (wanted_set.len > 0 and !std.mem.eql(u8, wanted_set, place.set)) return .{};
        }
        return privilege.code.permissions();
    }
};

/// Roles that there always are.
pub const Predefined = struct { name: []const u8, codes: []const Code };

pub const predefined = [_]Predefined{
    .{ .name = "user-admin", .codes = &.{.user_admin} },
    .{ .name = "sys-admin", .codes = &.{.system_admin} },
    .{ .name = "data-admin", .codes = &.{.data_admin} },
    .{ .name = "udf-admin", .codes = &.{.udf_admin} },
    .{ .name = "sindex-admin", .codes = &.{.index_admin} },
    .{ .name = "read", .codes = &.{.read} },
    .{ .name = "read-write", .codes = &.{.read_write} },
    .{ .name = "read-write-udf", .codes = &.{.read_write_udf} },
    .{ .name = "write", .codes = &.{.write} },
    .{ .name = "truncate", .codes = &.{.truncate} },
    .{
        .name = "superuser",
        .codes = &.{ .user_admin, .system_admin, .data_admin, .read_write_udf },
    },
};

/// Where a connection comes from.
pub const Address = union(enum) {
    ip4: [4]u8,
    ip6: [16]u8,

    pub const loopback: Address = .{ .ip4 = .{ 127, 0, 0, 1 } };
    pub const text_bytes_max = 48;

    /// Without a port, and without brackets. Returns what was written.
    pub fn write(address: *const Address, buffer: *[text_bytes_max]u8) []const u8 {
        var writer = std.Io.Writer.fixed(buffer);
        switch (address.*) {
            .ip4 => |ip4| writer.print("{d}.{d}.{d}.{d}", .{
                ip4[0], ip4[1], ip4[2], ip4[3],
            }) catch unreachable,
            // Not the shortest form, but one that everybody understands.
            .ip6 => |ip6| for (0..8) |index| {
                if (index > 0) writer.writeByte(':') catch unreachable;
                const group = std.mem.readInt(u16, ip6[2 * index ..][0..2], .big);
                writer.print("{x}", .{group}) catch unreachable;
            },
        }
        return writer.buffered();
    }

    fn bytes(address: *const Address) []const u8 {
        return switch (address.*) {
            .ip4 => |*ip4| ip4,
            .ip6 => |*ip6| ip6,
        };
    }
};

/// Addresses and networks, with commas between.
pub const Whitelist = struct {
    pub fn isValid(text: []const u8) bool {
        var items = std.mem.splitScalar(u8, text, ',');
        while (items.next()) |item| {
            if (parse(item) == null) return false;
        }
        return true;
    }

    pub fn contains(text: []const u8, address: *const Address) bool {
        var items = std.mem.splitScalar(u8, text, ',');
        while (items.next()) |item| {
            const network, const bits = parse(item) orelse continue;
            if (std.meta.activeTag(network) != std.meta.activeTag(address.*)) continue;
            if (samePrefix(network.bytes(), address.bytes(), bits)) return true;
        }
        return false;
    }

    fn parse(item: []const u8) ?struct { Address, u8 } {
        const separator = std.mem.findScalar(u8, item, '/');
        const parsed = std.Io.net.IpAddress.parse(item[0 .. separator orelse item.len], 0) catch {
            return null;
        };
        const address: Address = switch (parsed) {
            .ip4 => |ip4| .{ .ip4 = ip4.bytes },
            .ip6 => |ip6| .{ .ip6 = ip6.bytes },
        };
        const bits_max: u8 = @intCast(address.bytes().len * 8);
        const at = separator orelse return .{ address, bits_max };
        const bits = std.fmt.parseInt(u8, item[at + 1 ..], 10) catch return null;
        if (bits > bits_max) return null;
        return .{ address, bits };
    }

    fn samePrefix(left: []const u8, right: []const u8, bits: u8) bool {
        const whole = bits / 8;
        if (!std.mem.eql(u8, left[0..whole], right[0..whole])) return false;
        if (bits % 8 == 0) return true;
        const shift: u3 = @intCast(8 - bits % 8);
        return left[whole] >> shift == right[whole] >> shift;
    }
};

const testing = std.testing;

test "a privilege permits within its scope" {
    const anywhere = Privilege.init(.read, "", "").?;
    const in_set = Privilege.init(.read_write, "test", "demo").?;
    const read: Permissions = .{ .read = true };
    try testing.expect(anywhere.permissionsAt(.{ .namespace = "bar" }).permits(read));
    const place: Privilege.Place = .{ .namespace = "test", .set = "demo" };
    try testing.expect(in_set.permissionsAt(place).permits(.{ .read = true, .write = true }));
    try testing.expect(!in_set.permissionsAt(.{ .namespace = "test" }).permits(read));
    try testing.expect(!in_set.permissionsAt(.{ .namespace = "bar", .set = "demo" }).permits(read));
    try testing.expectEqual(null, Privilege.init(.user_admin, "test", ""));
    try testing.expectEqual(null, Privilege.init(.read, "", "demo"));
}

test "addresses as text" {
    var memory: [Address.text_bytes_max]u8 = undefined;
    try testing.expectEqualStrings("127.0.0.1", Address.loopback.write(&memory));
    const widest: Address = .{ .ip6 = @splat(0xfe) };
    try testing.expectEqual(39, widest.write(&memory).len);
    var ip6: [16]u8 = @splat(0);
    ip6[15] = 1;
    const loopback6: Address = .{ .ip6 = ip6 };
    try testing.expectEqualStrings("0:0:0:0:0:0:0:1", loopback6.write(&memory));
}

test "a whitelist has addresses and networks of both kinds" {
    const list = "10.0.0.0/8,192.168.1.7,fe80::/10";
    try testing.expect(Whitelist.isValid(list));
    try testing.expect(Whitelist.contains(list, &.{ .ip4 = .{ 10, 9, 8, 7 } }));
    try testing.expect(Whitelist.contains(list, &.{ .ip4 = .{ 192, 168, 1, 7 } }));
    try testing.expect(!Whitelist.contains(list, &.{ .ip4 = .{ 192, 168, 1, 8 } }));
    try testing.expect(!Whitelist.contains(list, &.loopback));
    var ip6: [16]u8 = @splat(1);
    ip6[0..2].* = .{ 0xfe, 0xbf };
    try testing.expect(Whitelist.contains(list, &.{ .ip6 = ip6 }));
    for ([_][]const u8{ "", "10.0.0", "10.0.0.0/33", "10.0.0.1,", "x" }) |bad| {
        try testing.expect(!Whitelist.isValid(bad));
    }
}
