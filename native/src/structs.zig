//! Structs of the C ABI that more than its own functions know: `include/aerospike_zig.h` declares
//! them, and `zig build test` compares the two.

const std = @import("std");
const assert = std.debug.assert;
const status = @import("status.zig");
const Earlier = status.Earlier;
const Failure = status.Failure;

pub const asz_error = extern struct {
    size: u32,
    code: i32,
    in_doubt: u8,
    reserved: u8,
    node_len: u16,
    message_len: u16,
    node: [Failure.node_name_max]u8,
    message: [Failure.message_bytes_max]u8,
    attempts: u16,
    more_len: u16,
    more: [more_bytes_max]u8,
    text_position: u32,
};

/// Details and earlier failures, as MessagePack: the codes and lengths of those take no more than
/// here, and the texts as much.
const more_bytes_max = 808;

pub const asz_result = extern struct {
    size: u32,
    owned: u32,
    data: ?[*]u8,
    capacity: u64,
    length: u64,
};

pub const asz_completion = extern struct {
    token: u64,
    status: i64,
    offset: u64,
    length: u64,
};

comptime {
    assert(@sizeOf(asz_completion) == 32);
    assert(@sizeOf(asz_error) == 1344);
    assert(Failure.details_bytes_max + Earlier.bytes_max + 40 <= more_bytes_max);
    assert(@offsetOf(asz_error, "message") == 46);
    assert(@sizeOf(asz_result) == 32);
}
