//! Operations on the value of a bin that are more than a plain read or write.
//!
//! Each is sent to the file of its kind. What they allocate lives in the request's arena.

const std = @import("std");
const wire = @import("../../wire.zig");
const Failure = @import("failure.zig").Failure;
const Version = @import("../base/Version.zig").Version;
const bits = @import("bits.zig");
const cdt = @import("cdt.zig");
const expression = @import("expression.zig");
const hll = @import("hll.zig");
const nesting = @import("nesting.zig");
const strings = @import("strings.zig");
const value = @import("value.zig");

const Allocator = std.mem.Allocator;
const Code = wire.operation.Code;
const Particle = value.Particle;

pub const Read = union(enum) {
    /// Null: nothing to be told.
    told: ?Particle,
    failed: Failure,
};

/// Everything that an operation can fail with.
pub const Error = cdt.Error || bits.Error || hll.Error || strings.Error;

/// Why a server of that version takes no such operation, whatever the bin has.
pub fn refusal(version: Version, operation: *const wire.operation.Operation) ?Failure {
    if (version.isAtLeast(.@"8.2")) {
        // The code is not published.
        if (nesting.isTooDeep(operation)) return .{
            .status = .request_invalid,
            .text = "lists and maps are nested deeper than 64 levels",
        };
        return null;
    }
    return switch (operation.code) {
        .string_read, .string_modify, .to_string => .of(.request_invalid),
        else => null,
    };
}

/// What the server says of an operation that failed.
pub fn failureOf(err: Error) error{OutOfMemory}!Failure {
    return switch (err) {
        error.OutOfMemory => error.OutOfMemory,
        error.InvalidParameter => .of(.request_invalid),
        error.NotApplicable => .of(.op_not_applicable),
        error.IncompatibleType => .of(.bin_incompatible_type),
        error.ElementNotFound => .of(.element_not_found),
        error.ElementExists => .of(.element_exists),
        error.BinExists => .of(.bin_exists),
        error.BinNotFound => .of(.bin_not_found),
        error.TooBig => .of(.record_too_big),
        error.Unknown => .of(.server),
        error.BitsOffsetOutOfRange => .{
            .status = .request_invalid,
            .subcode = 2,
            .text = "the bits begin outside of the blob, or of any",
        },
        error.BitsSizeOutOfRange => .{
            .status = .request_invalid,
            .subcode = 3,
            .text = "there are not so many bits, or cannot be",
        },
        error.BitsTooMany => .{
            .status = .request_invalid,
            .subcode = 4,
            .text = "the blob would become too large",
        },
        error.IndexOutOfBounds => .{
            .status = .op_not_applicable,
            .subcode = 1,
            .text = "the list or map has no such index",
        },
        error.RankOutOfBounds => .{
            .status = .op_not_applicable,
            .subcode = 2,
            .text = "the list or map has no such rank",
        },
        error.BoundedListOverflow => .{
            .status = .op_not_applicable,
            .subcode = 3,
            .text = "the list would grow beyond its bounds",
        },
        error.IndexBitsUnset => .{
            .status = .op_not_applicable,
            .subcode = 4,
            .text = "the HyperLogLog has no index bits yet",
        },
        error.IndexBitsReduced => .{
            .status = .op_not_applicable,
            .subcode = 5,
            .text = "the HyperLogLog's index bits would be reduced, which the flags do not allow",
        },
        error.MinhashBitsReduced => .{
            .status = .op_not_applicable,
            .subcode = 6,
            .text = "the HyperLogLog's minhash bits would be reduced, which the flags do not allow",
        },
        error.MinhashFolded => .{
            .status = .op_not_applicable,
            .subcode = 7,
            .text = "a HyperLogLog with minhash bits cannot be folded",
        },
        error.IndexBitsRaised => .{
            .status = .op_not_applicable,
            .subcode = 8,
            .text = "the HyperLogLog has fewer index bits already",
        },
        error.MinhashBitsDiffer => .{
            .status = .op_not_applicable,
            .subcode = 9,
            .text = "the HyperLogLogs have different minhash bits",
        },
        error.NotCreatedByOperation => .{
            .status = .bin_not_found,
            .subcode = 1,
            .text = "the operation does not create a HyperLogLog",
        },
        error.InvalidEncoding => .{
            .status = .invalid_encoding,
            .text = "the string is not valid UTF-8",
        },
        error.StringParametersInvalid => .{
            .status = .request_invalid,
            .subcode = 6,
            .text = "a parameter of the string operation is missing, too many, or not in its range",
        },
        error.StringCodeInvalid => .{
            .status = .request_invalid,
            .subcode = 7,
            .text = "there is no such operation on strings",
        },
        error.StringContextMalformed => .{
            .status = .request_invalid,
            .subcode = 8,
            .text = "the context of the string operation is malformed",
        },
        error.StringIndexOutOfBounds => .{
            .status = .request_invalid,
            .subcode = 9,
            .text = "the index is outside of the string",
        },
        error.StringRegexInvalid => .{
            .status = .request_invalid,
            .subcode = 10,
            .text = "the regular expression is not valid",
        },
        error.StringParameterNotUtf8 => .{
            .status = .request_invalid,
            .subcode = 11,
            .text = "a parameter of the string operation is not valid UTF-8",
        },
        error.StringConversionFailed => .{
            .status = .op_not_applicable,
            .subcode = 10,
            .text = "the string is no number that can be converted",
        },
        error.StringNotUtf8 => .{
            .status = .op_not_applicable,
            .subcode = 11,
            .text = "the bytes are not valid UTF-8",
        },
        error.StringRegexExhausted => .{
            .status = .op_not_applicable,
            .subcode = 12,
            .text = "the regular expression takes too many steps on the string",
        },
        error.StringBase64Invalid => .{
            .status = .op_not_applicable,
            .subcode = 13,
            .text = "the string is not base64",
        },
        error.StringRegexUnsupported => .{
            .status = .unsupported_feature,
            .subcode = 2,
            .text = "the dev server has not all of ICU's regular expressions: no scripts, names or clusters",
        },
    };
}

/// `particle` is the bin's value, `operation_kind` the type that the operation was sent with.
pub fn read(
    arena: Allocator,
    version: Version,
    code: Code,
    operation_kind: wire.particle.Type,
    particle: Particle,
    operation: []const u8,
) error{OutOfMemory}!Read {
    switch (code) {
        .read => return .{ .told = particle },
        .cdt_read => {
            const told = cdt.read(arena, expression.languageOf(version), particle, operation) catch |err| {
                return .{ .failed = try failureOf(err) };
            };
            return .{ .told = told };
        },
        .bit_read => {
            if (operation_kind != .blob) return .{ .failed = .of(.bin_incompatible_type) };
            const told = bits.read(arena, version, particle, operation) catch |err| {
                return .{ .failed = try failureOf(err) };
            };
            return .{ .told = told };
        },
        .hll_read => {
            const told = hll.read(arena, particle, operation) catch |err| {
                return .{ .failed = try failureOf(err) };
            };
            return .{ .told = told };
        },
        .string_read => {
            const told = strings.read(arena, particle, operation) catch |err| {
                return .{ .failed = try failureOf(err) };
            };
            return .{ .told = told };
        },
        .to_string => {
            const told = strings.ofParticle(arena, particle) catch |err| {
                return .{ .failed = try failureOf(err) };
            };
            return .{ .told = told };
        },
        else => return .{ .failed = .of(.request_invalid) },
    }
}

pub const Modified = union(enum) {
    changed: cdt.Changed,
    failed: Failure,
};

/// `particle` is the bin's value, null when there is no such bin.
pub fn modify(
    arena: Allocator,
    version: Version,
    code: Code,
    operation_kind: wire.particle.Type,
    particle: ?Particle,
    operation: []const u8,
) error{OutOfMemory}!Modified {
    switch (code) {
        .cdt_modify => {
            const changed = cdt.modify(arena, expression.languageOf(version), particle, operation) catch |err| {
                return .{ .failed = try failureOf(err) };
            };
            return .{ .changed = changed };
        },
        .bit_modify => {
            if (operation_kind != .blob) return .{ .failed = .of(.bin_incompatible_type) };
            const changed = bits.modify(arena, particle, operation) catch |err| {
                return .{ .failed = try failureOf(err) };
            };
            return .{ .changed = .{ .particle = changed } };
        },
        .hll_modify => {
            const changed = hll.modify(arena, particle, operation) catch |err| {
                return .{ .failed = try failureOf(err) };
            };
            return .{ .changed = .{ .particle = changed.particle, .result = changed.result } };
        },
        .string_modify => {
            if (operation_kind != .string) return .{ .failed = .of(.bin_incompatible_type) };
            const changed = strings.modify(arena, particle, operation) catch |err| {
                return .{ .failed = try failureOf(err) };
            };
            return .{ .changed = .{ .particle = changed } };
        },
        else => unreachable,
    }
}
