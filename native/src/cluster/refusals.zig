//! Nodes that answered and cannot be used: their certificates, say, are not what they should be, or
//! they refuse the login. Each is told once, until it joins or answers as it should; and the most
//! telling of a tend is kept for who finds no peer that can be used.

const std = @import("std");
const rank = @import("seeds.zig").rank;
const Failure = @import("../status.zig").Failure;

pub const Refusals = struct {
    gpa: std.mem.Allocator,
    /// Hashes of the names of those that were told.
    told: std.AutoHashMapUnmanaged(u64, void) = .empty,
    /// Of this tend; `ok`: every peer that was tried has joined.
    worst: Failure = .{},

    /// Further ones are not told.
    const told_max = 4096;

    pub fn deinit(refusals: *Refusals) void {
        refusals.told.deinit(refusals.gpa);
        refusals.* = undefined;
    }

    /// Of the node that was announced under the name. True when it is to be told.
    pub fn note(refusals: *Refusals, name: []const u8, failure: *const Failure) bool {
        if (rank(failure) > rank(&refusals.worst)) refusals.worst = failure.*;
        if (!isRefusal(failure)) return false;
        if (refusals.told.count() == told_max) return false;
        const found = refusals.told.getOrPut(refusals.gpa, hash(name)) catch return false;
        return !found.found_existing;
    }

    /// It has joined, or answers again.
    pub fn forget(refusals: *Refusals, name: []const u8) void {
        _ = refusals.told.remove(hash(name));
    }

    /// Whether the node was there, and could not be agreed with: a server's code is positive.
    pub fn isRefusal(failure: *const Failure) bool {
        return failure.status == .tls or @backingInt(failure.status) > 0 and
            failure.status != .timeout;
    }

    fn hash(name: []const u8) u64 {
        return std.hash.Wyhash.hash(0, name);
    }
};

test "a refusal is told once, until the node has joined, and silence never" {
    const testing = std.testing;
    var refusals: Refusals = .{ .gpa = testing.allocator };
    defer refusals.deinit();
    var failure: Failure = .{};
    failure.set(.timeout, "timeout", .{});
    try testing.expect(!refusals.note("A1", &failure));
    failure.set(.connection, "connection refused", .{});
    try testing.expect(!refusals.note("A1", &failure));
    failure.set(.tls, "expired", .{});
    try testing.expect(refusals.note("A1", &failure));
    try testing.expect(!refusals.note("A1", &failure));
    try testing.expect(refusals.note("A2", &failure));
    refusals.forget("A1");
    try testing.expect(refusals.note("A1", &failure));
    failure.set(.connection, "connection refused", .{});
    try testing.expect(!refusals.note("A3", &failure));
    try testing.expectEqual(.tls, refusals.worst.status);
}
