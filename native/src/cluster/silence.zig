//! Announced hosts that did not answer in time, and are left alone for a while: to ask each of them
//! again costs a tend the whole time that a connection may take.
//!
//! Each time in vain doubles the rest. Whatever a node says anew of its peers ends all rests.

const std = @import("std");
const HostSet = @import("findings.zig").Findings.HostSet;

pub const Silence = struct {
    gpa: std.mem.Allocator,
    hosts: std.AutoHashMapUnmanaged(u64, Rest) = .empty,

    const Rest = struct { until_ns: u64, length_ns: u64 };

    /// More are not remembered.
    const hosts_max = 4096;
    /// In tend intervals.
    const rest_intervals_max = 16;

    pub fn deinit(silence: *Silence) void {
        silence.hosts.deinit(silence.gpa);
        silence.* = undefined;
    }

    pub fn clear(silence: *Silence) void {
        silence.hosts.clearRetainingCapacity();
    }

    /// The host did not answer in time.
    pub fn note(
        silence: *Silence,
        name: []const u8,
        port: u16,
        interval_ns: u64,
        now_ns: u64,
    ) void {
        const key = HostSet.hash(name, port);
        if (silence.hosts.count() == hosts_max and !silence.hosts.contains(key)) return;
        // For lack of memory it is tried again.
        const found = silence.hosts.getOrPut(silence.gpa, key) catch return;
        const length_ns = if (found.found_existing)
            @min(2 *| found.value_ptr.length_ns, rest_intervals_max *| interval_ns)
        else
            interval_ns;
        found.value_ptr.* = .{ .until_ns = now_ns +| length_ns, .length_ns = length_ns };
    }

    pub fn covers(silence: *const Silence, name: []const u8, port: u16, now_ns: u64) bool {
        const rest = silence.hosts.get(HostSet.hash(name, port)) orelse return false;
        return now_ns < rest.until_ns;
    }
};

test "each time in vain doubles the rest, up to a limit, and news end it" {
    var silence: Silence = .{ .gpa = std.testing.allocator };
    defer silence.deinit();
    var now_ns: u64 = 5;
    for ([_]u64{ 1, 2, 4, 8, 16, 16 }) |intervals| {
        try std.testing.expect(!silence.covers("a", 3000, now_ns));
        silence.note("a", 3000, 100, now_ns);
        try std.testing.expect(!silence.covers("a", 3001, now_ns));
        now_ns += 100 * intervals;
        try std.testing.expect(silence.covers("a", 3000, now_ns - 1));
    }
    silence.note("a", 3000, 100, now_ns);
    silence.clear();
    try std.testing.expect(!silence.covers("a", 3000, now_ns));
}
