//! Expressions as text: from a text of the language that Aerospike documents for filters (AEL) to
//! the tree that `expression.zig` encodes.
//!
//! Pure: it reads what it is given and writes into a buffer. `scanner.zig` has the characters,
//! `parser.zig` and `path_reader.zig` the grammar, `operand.zig` and `path.zig` what is read while
//! types are open, `tree.zig` what becomes of it.

const std = @import("std");
const expression = @import("../expression.zig");
const parameters_of = @import("parameters.zig");
const wire = @import("../../../wire.zig");
const Error = @import("../../arguments.zig").Error;
const Failure = @import("../../../status.zig").Failure;
const Parser = @import("parser.zig").Parser;
const Scanner = @import("scanner.zig").Scanner;

/// Of the text, and of the parameters in MessagePack: what is larger makes no expression that the
/// server takes.
pub const bytes_max = expression.encoded_bytes_max;

/// Appends the tree of a text, as MessagePack. `parameters` is empty or [[value], {name: value}].
/// A failure has the place in the text where it is wrong.
pub fn parse(
    gpa: std.mem.Allocator,
    text: []const u8,
    parameters: []const u8,
    out: *wire.Buffer,
    failure: *Failure,
) Error!void {
    try checkSize("text", text, failure);
    try checkSize("parameters", parameters, failure);
    if (!std.unicode.utf8ValidateSlice(text)) {
        failure.set(.invalid_argument, "the text is not UTF-8", .{});
        return error.Failed;
    }
    var arena_of = std.heap.ArenaAllocator.init(gpa);
    defer arena_of.deinit();
    const arena = arena_of.allocator();
    var given = try parameters_of.read(arena, parameters, failure);
    var scanner: Scanner = .{ .text = text, .failure = failure };
    var parser: Parser = .{
        .maker = .{ .arena = arena, .scanner = &scanner },
        .parameters = &given,
    };
    const made = try parser.parse();
    try made.write(out);
}

fn checkSize(what: []const u8, bytes: []const u8, failure: *Failure) error{Failed}!void {
    if (bytes.len <= bytes_max) return;
    failure.set(
        .invalid_argument,
        "the {s} of an expression has {d} bytes; at most {d} are allowed",
        .{ what, bytes.len, bytes_max },
    );
    return error.Failed;
}

test {
    _ = @import("scanner.zig");
    _ = @import("text_test.zig");
}
