//! What one round of tending finds out on its way.

const std = @import("std");

pub const Round = struct {
    /// Nodes that answered the question that was asked of all of them last.
    answered: u32 = 0,
    peers_changed: bool = false,
    unreachable_hosts: HostSet = .{},

    /// Hosts that failed in this round and are not tried again in it. When it is full, further
    /// hosts are tried as often as they are named.
    pub const HostSet = struct {
        hashes: [hosts_max]u64 = undefined,
        count: usize = 0,

        const hosts_max = 256;

        pub fn add(set: *HostSet, name: []const u8, port: u16) void {
            if (set.count == hosts_max or set.contains(name, port)) return;
            set.hashes[set.count] = hash(name, port);
            set.count += 1;
        }

        pub fn contains(set: *const HostSet, name: []const u8, port: u16) bool {
            return std.mem.findScalar(u64, set.hashes[0..set.count], hash(name, port)) != null;
        }

        fn hash(name: []const u8, port: u16) u64 {
            return std.hash.Wyhash.hash(port, name);
        }
    };
};

test "a host that failed is remembered by name and port" {
    var set: Round.HostSet = .{};
    set.add("a", 3000);
    set.add("a", 3000);
    try std.testing.expect(set.contains("a", 3000));
    try std.testing.expect(!set.contains("a", 3001));
    try std.testing.expect(!set.contains("b", 3000));
    try std.testing.expectEqual(1, set.count);
    var name: [8]u8 = undefined;
    for (0..400) |index| set.add(try std.fmt.bufPrint(&name, "h{d}", .{index}), 1);
    try std.testing.expectEqual(Round.HostSet.hosts_max, set.count);
}
