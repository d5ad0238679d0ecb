//! What the server can compare with a constant of an expression.
//!
//! Maps that are not ordered have no value that it would find equal, unequal, less or greater: where
//! it comes upon one, on either side, the comparison is unknown, and a filter does not hold. Empty
//! maps are the exception. Lists are compared from their beginning, so that only an equal one is
//! looked through to the end. (exp.c: cmp_msgpack; msgpack_in.c: cmp_parse_container)

const std = @import("std");
const wire = @import("../../wire.zig");
const msgpack = wire.msgpack;

/// An encoded argument of a comparison for equality, or of one for an order or difference.
pub const Kind = enum { equality, order };

/// Whether the comparison cannot be true, whatever the record has. The argument is encoded, and an
/// expression of any form.
pub fn isNever(kind: Kind, encoded: []const u8) bool {
    var reader = msgpack.Reader.init(encoded);
    switch (reader.next() catch return false) {
        .map => |count| {
            if (count > 0 and !isOrdered(&reader)) return true;
            reader.position = 0;
        },
        .array => |count| {
            const code = if (count == 2) reader.next() catch return false else return false;
            if (code != .int or code.int != code_quote) return false;
        },
        else => return false,
    }
    return kind == .equality and hasUnorderedMap(&reader);
}

const code_quote = @import("expression.zig").code_quote;

/// Whether the pairs of the map that follow begin with flags that order it.
fn isOrdered(reader: *const msgpack.Reader) bool {
    var ahead = reader.*;
    return switch (ahead.next() catch return false) {
        .extension => |extension| @as(u8, @bitCast(extension.kind)) & flag_ordered != 0,
        else => false,
    };
}

const flag_ordered = 0x01;

fn hasUnorderedMap(reader: *msgpack.Reader) bool {
    var outstanding: u64 = 1;
    while (outstanding > 0) {
        outstanding -= 1;
        switch (reader.next() catch return false) {
            .array => |count| outstanding += count,
            .map => |count| {
                if (count > 0 and !isOrdered(reader)) return true;
                outstanding += 2 * @as(u64, count);
            },
            else => {},
        }
    }
    return false;
}

const testing = std.testing;

test "an unordered map that is not empty is never equal, less or greater" {
    try testing.expect(isNever(.equality, "\x81\x01\x02"));
    try testing.expect(isNever(.order, "\x81\x01\x02"));
    try testing.expect(!isNever(.equality, "\x80"));
    const ordered = "\x82\xc7\x00\x01\xc0\x01\x02";
    try testing.expect(!isNever(.equality, ordered));
    try testing.expect(!isNever(.order, ordered));
}

test "inside of others it is never equal, but the others may differ before it" {
    const in_list = "\x92\x7e\x92\x05\x81\x01\x02";
    const in_map = "\x82\xc7\x00\x01\xc0\x01\x91\x81\x01\x02";
    for ([_][]const u8{ in_list, in_map }) |encoded| {
        try testing.expect(isNever(.equality, encoded));
        try testing.expect(!isNever(.order, encoded));
    }
    try testing.expect(!isNever(.equality, "\x92\x7e\x92\x05\x80"));
}

test "other expressions are not looked into" {
    try testing.expect(!isNever(.equality, "\x93\x51\x05\xa1m"));
    try testing.expect(!isNever(.equality, "\x05"));
    try testing.expect(!isNever(.equality, "\xa5\x03text"));
    // The keys of a constant map.
    try testing.expect(!isNever(.equality, "\x92\x65\x81\x01\x02"));
}
