//! Operations on the value of a bin that are more than a plain read or write.
//!
//! Each is sent to the file of its kind. What they allocate lives in the request's arena.

const std = @import("std");
const wire = @import("../wire.zig");
const status = @import("../status.zig");
const cdt = @import("cdt.zig");
const value = @import("value.zig");

const Allocator = std.mem.Allocator;
const Code = wire.operation.Code;
const Particle = value.Particle;
const Status = status.Status;

pub const Read = union(enum) {
    /// Null: nothing to be told.
    told: ?Particle,
    failed: Status,
};

/// `particle` is the bin's value.
pub fn read(
    arena: Allocator,
    code: Code,
    particle: Particle,
    operation: []const u8,
) error{OutOfMemory}!Read {
    switch (code) {
        .read => return .{ .told = particle },
        .cdt_read => {
            const told = cdt.read(arena, particle, operation) catch |err| {
                return .{ .failed = try cdt.statusOf(err) };
            };
            return .{ .told = told };
        },
        .bit_read, .hll_read => return .{ .failed = .unsupported_feature },
        else => return .{ .failed = .request_invalid },
    }
}

pub const Modified = union(enum) {
    changed: cdt.Changed,
    failed: Status,
};

/// `particle` is the bin's value, null when there is no such bin.
pub fn modify(
    arena: Allocator,
    code: Code,
    particle: ?Particle,
    operation: []const u8,
) error{OutOfMemory}!Modified {
    switch (code) {
        .cdt_modify => {
            const changed = cdt.modify(arena, particle, operation) catch |err| {
                return .{ .failed = try cdt.statusOf(err) };
            };
            return .{ .changed = changed };
        },
        .bit_modify, .hll_modify => return .{ .failed = .unsupported_feature },
        else => unreachable,
    }
}
