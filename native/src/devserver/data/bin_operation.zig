//! Operations on the value of a bin that are more than a plain read or write.
//!
//! Each is sent to the file of its kind. What they allocate lives in the request's arena.

const std = @import("std");
const wire = @import("../../wire.zig");
const status = @import("../../status.zig");
const bits = @import("bits.zig");
const cdt = @import("cdt.zig");
const expression = @import("expression.zig");
const hll = @import("hll.zig");
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

/// Everything that an operation can fail with.
pub const Error = cdt.Error || bits.Error || hll.Error;

/// The server's code for an operation that failed.
pub fn statusOf(err: Error) error{OutOfMemory}!Status {
    return switch (err) {
        error.OutOfMemory => error.OutOfMemory,
        error.InvalidParameter => .request_invalid,
        error.NotApplicable => .op_not_applicable,
        error.IncompatibleType => .bin_incompatible_type,
        error.ElementNotFound => .element_not_found,
        error.ElementExists => .element_exists,
        error.BinExists => .bin_exists,
        error.BinNotFound => .bin_not_found,
        error.TooBig => .record_too_big,
        error.Unknown => .server,
    };
}

/// `particle` is the bin's value, `operation_kind` the type that the operation was sent with.
pub fn read(
    arena: Allocator,
    code: Code,
    operation_kind: wire.particle.Type,
    particle: Particle,
    operation: []const u8,
) error{OutOfMemory}!Read {
    switch (code) {
        .read => return .{ .told = particle },
        .cdt_read => {
            const told = cdt.read(arena, &expression.language, particle, operation) catch |err| {
                return .{ .failed = try statusOf(err) };
            };
            return .{ .told = told };
        },
        .bit_read => {
            if (operation_kind != .blob) return .{ .failed = .bin_incompatible_type };
            const told = bits.read(arena, particle, operation) catch |err| {
                return .{ .failed = try statusOf(err) };
            };
            return .{ .told = told };
        },
        .hll_read => {
            const told = hll.read(arena, particle, operation) catch |err| {
                return .{ .failed = try statusOf(err) };
            };
            return .{ .told = told };
        },
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
    operation_kind: wire.particle.Type,
    particle: ?Particle,
    operation: []const u8,
) error{OutOfMemory}!Modified {
    switch (code) {
        .cdt_modify => {
            const changed = cdt.modify(arena, &expression.language, particle, operation) catch |err| {
                return .{ .failed = try statusOf(err) };
            };
            return .{ .changed = changed };
        },
        .bit_modify => {
            if (operation_kind != .blob) return .{ .failed = .bin_incompatible_type };
            const changed = bits.modify(arena, particle, operation) catch |err| {
                return .{ .failed = try statusOf(err) };
            };
            return .{ .changed = .{ .particle = changed } };
        },
        .hll_modify => {
            const changed = hll.modify(arena, particle, operation) catch |err| {
                return .{ .failed = try statusOf(err) };
            };
            return .{ .changed = .{ .particle = changed.particle, .result = changed.result } };
        },
        else => unreachable,
    }
}
