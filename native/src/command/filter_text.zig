//! Filters as texts, which servers compile themselves: a list of a number and the text.
//!
//! The server takes one as the whole of a filter and nowhere else (exp.c: EXP_AEL_COMPILE).

const std = @import("std");
const Failure = @import("../status.zig").Failure;

/// A list of two whose first member is 128.
const head = [_]u8{ 0x92, 0xcc, 0x80 };

pub fn isOne(filter: []const u8) bool {
    return std.mem.startsWith(u8, filter, &head);
}

/// An older server would say no more than that the request is invalid.
pub fn check(owner: anytype, filter: []const u8, failure: *Failure) error{Failed}!void {
    if (!isOne(filter)) return;
    var nodes = owner.table.all();
    while (nodes.next()) |node| {
        if (node.version().isAtLeast(.first_with_filter_texts)) continue;
        failure.set(
            .unsupported_feature,
            "a filter whose text the server compiles needs servers from 8.2 on, and this one is {f}",
            .{node.version()},
        );
        failure.setNode(node.name());
        return error.Failed;
    }
}
