//! Where a server is, and who it has to be.

const std = @import("std");
const assert = std.debug.assert;
const tls = @import("../tls.zig");

/// Of a host, as its certificate may have it.
pub const Name = struct {
    buffer: [bytes_max]u8 = undefined,
    len: u8 = 0,

    pub const bytes_max = 253;

    pub fn from(given: []const u8) error{TooLong}!Name {
        if (given.len > bytes_max) return error.TooLong;
        var name: Name = .{ .len = @intCast(given.len) };
        @memcpy(name.buffer[0..given.len], given);
        return name;
    }

    pub fn text(name: *const Name) []const u8 {
        return name.buffer[0..name.len];
    }
};

pub fn Target(comptime Net: type) type {
    return struct {
        address: Net.Address,
        /// Empty where nobody knows a name, which is no target for TLS.
        name: Name = .{},

        const This = @This();

        /// With the name that was given for it, or else the host by which it was found.
        pub fn init(
            address: Net.Address,
            tls_name: []const u8,
            host: []const u8,
        ) error{TooLong}!This {
            return .{
                .address = address,
                .name = try .from(if (tls_name.len > 0) tls_name else host),
            };
        }

        pub fn peer(target: *const This) tls.Peer {
            return .{
                .name = target.name.text(),
                .discriminator = std.hash.Wyhash.hash(0, std.mem.asBytes(&key(target.address))),
            };
        }

        /// All of an address that tells it from others, in plain bytes.
        fn key(address: Net.Address) [18]u8 {
            var bytes: [18]u8 = @splat(0);
            switch (address) {
                .ip4 => |ip4| bytes[0..4].* = ip4.bytes,
                .ip6 => |ip6| bytes[0..16].* = ip6.bytes,
            }
            std.mem.writeInt(u16, bytes[16..18], address.getPort(), .big);
            return bytes;
        }
    };
}
