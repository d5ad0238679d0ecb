//! Which node was asked for a record, told to whoever wants to know: what traces programs.

const std = @import("std");
const growing = @import("../growing.zig");
const Failure = @import("../status.zig").Failure;

/// The C ABI's `asz_node`.
pub const Asked = extern struct {
    size: u32,
    port: u16,
    name_len: u8,
    address_len: u8,
    name: [Failure.node_name_max]u8,
    address: [address_bytes_max]u8,

    /// Of an IPv6 address with its zone.
    const address_bytes_max = 64;

    /// In memory of the caller's, of which nothing but the size is set.
    pub fn fill(target: *Asked, name: []const u8, address: std.Io.net.IpAddress) void {
        var filled: Asked = .{
            .size = target.size,
            .port = address.getPort(),
            .name_len = @intCast(name.len),
            .address_len = 0,
            .name = @splat(0),
            .address = @splat(0),
        };
        @memcpy(filled.name[0..name.len], name);
        const text = hostText(&filled.address, address);
        filled.address_len = @intCast(text.len);
        growing.fill(Asked, target, &filled);
    }

    /// The address without its port, and without what parts the two.
    fn hostText(buffer: *[address_bytes_max]u8, address: std.Io.net.IpAddress) []const u8 {
        var memory: [address_bytes_max + "[]:65535".len]u8 = undefined;
        const whole = std.fmt.bufPrint(&memory, "{f}", .{address}) catch return buffer[0..0];
        const end = std.mem.findScalarLast(u8, whole, ':').?;
        const host = std.mem.trim(u8, whole[0..end], "[]");
        @memcpy(buffer[0..host.len], host);
        return buffer[0..host.len];
    }
};

test "a node is told by its name and by its address alone" {
    const testing = std.testing;
    for ([_][]const u8{ "127.0.0.1", "::1", "2001:db8::7" }) |text| {
        var asked: Asked = undefined;
        asked.size = @sizeOf(Asked);
        asked.fill("BB9020011AC4202", try .parse(text, 3100));
        try testing.expectEqual(3100, asked.port);
        try testing.expectEqualStrings("BB9020011AC4202", asked.name[0..asked.name_len]);
        try testing.expectEqualStrings(text, asked.address[0..asked.address_len]);
    }
}
