//! What one tend finds out on its way.

const std = @import("std");

pub const Findings = struct {
    /// Nodes that answered the question that was asked of all of them last.
    answered: u32 = 0,
    peers_changed: bool = false,
    unreachable_hosts: HostSet,
    /// When this tend has tried long enough to let nodes in. Set when it begins to.
    admission_until_ns: ?u64 = null,

    pub fn init(gpa: std.mem.Allocator) Findings {
        return .{ .unreachable_hosts = .{ .gpa = gpa } };
    }

    pub fn deinit(findings: *Findings) void {
        findings.unreachable_hosts.hashes.deinit(findings.unreachable_hosts.gpa);
        findings.* = undefined;
    }

    /// Hosts that failed in this tend and are not tried again in it.
    pub const HostSet = struct {
        gpa: std.mem.Allocator,
        hashes: std.AutoHashMapUnmanaged(u64, void) = .empty,

        /// For lack of memory a host is tried again.
        pub fn add(set: *HostSet, name: []const u8, port: u16) void {
            set.hashes.put(set.gpa, hash(name, port), {}) catch return;
        }

        pub fn contains(set: *const HostSet, name: []const u8, port: u16) bool {
            return set.hashes.contains(hash(name, port));
        }

        pub fn hash(name: []const u8, port: u16) u64 {
            return std.hash.Wyhash.hash(port, name);
        }
    };
};

test "a host that failed is remembered by name and port" {
    var findings: Findings = .init(std.testing.allocator);
    defer findings.deinit();
    const set = &findings.unreachable_hosts;
    set.add("a", 3000);
    set.add("a", 3000);
    try std.testing.expect(set.contains("a", 3000));
    try std.testing.expect(!set.contains("a", 3001));
    try std.testing.expect(!set.contains("b", 3000));
    var name: [8]u8 = undefined;
    for (0..1000) |index| set.add(try std.fmt.bufPrint(&name, "h{d}", .{index}), 1);
    for (0..1000) |index| {
        try std.testing.expect(set.contains(try std.fmt.bufPrint(&name, "h{d}", .{index}), 1));
    }
}
