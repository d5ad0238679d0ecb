//! Memory that a thread uses for one request after the other.

const std = @import("std");
const wire = @import("../../wire.zig");
const Failure = @import("../data/failure.zig").Failure;
const record_module = @import("../data/record.zig");

const Scratch = @This();

arena: std.heap.ArenaAllocator,
gpa: std.mem.Allocator,
bins: record_module.BinList = .empty,
response: std.ArrayList(Response) = .empty,
/// How much a failure's reply is to say beside its code.
verbosity: u2 = 0,
/// What there is to say; lives in the arena.
failure: ?Failure = null,

/// One operation's result in a reply.
pub const Response = struct {
    code: wire.operation.Code,
    bin: record_module.Bin,
};

/// Kept from one request to the next.
const retained_bytes_max = 256 * 1024;

pub fn init(gpa: std.mem.Allocator) Scratch {
    return .{ .arena = .init(gpa), .gpa = gpa };
}

pub fn deinit(scratch: *Scratch) void {
    scratch.bins.deinit(scratch.gpa);
    scratch.response.deinit(scratch.gpa);
    scratch.arena.deinit();
    scratch.* = undefined;
}

pub fn reset(scratch: *Scratch) void {
    scratch.bins.clearRetainingCapacity();
    scratch.response.clearRetainingCapacity();
    scratch.verbosity = 0;
    scratch.failure = null;
    _ = scratch.arena.reset(.{ .retain_with_limit = retained_bytes_max });
}
