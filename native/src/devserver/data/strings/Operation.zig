//! One operation on a string, taken apart: a code, and what its parameters say.
//!
//! It comes as MessagePack: an array of a code and parameters, or, to reach into lists and maps, an
//! array of a number, a context and such an array.

const std = @import("std");
const Parameters = @import("../cdt/Parameters.zig");
const unicode = @import("unicode.zig");

const Operation = @This();

code: Code,
/// Where the string is; the reader stands in front of it. Null: it is the bin's value.
context: ?Parameters = null,
/// An index, a count or a length.
number: i64 = 0,
/// Null: the end of all.
end: ?i64 = null,
text: []const u8 = "",
/// Texts, as they are packed.
list: []const u8 = "",
flags: u64 = 0,
regex_flags: u64 = 0,

pub const Error = error{
    StringParametersInvalid,
    StringCodeInvalid,
    StringContextMalformed,
    StringParameterNotUtf8,
};

/// The codes of the protocol.
pub const Code = enum(u64) {
    length = 0,
    part = 1,
    character = 2,
    find = 3,
    contains = 4,
    starts_with = 5,
    ends_with = 6,
    to_integer = 7,
    to_float = 8,
    byte_length = 9,
    is_numeric = 10,
    is_upper = 11,
    is_lower = 12,
    to_blob = 13,
    split = 14,
    base64_decode = 15,
    regex_compare = 16,
    insert = 50,
    overwrite = 51,
    concatenate = 52,
    snip = 53,
    replace = 54,
    replace_all = 55,
    upper = 56,
    lower = 57,
    fold = 58,
    compose = 59,
    trim_start = 60,
    trim_end = 61,
    trim = 62,
    pad_start = 63,
    pad_end = 64,
    repeat = 65,
    regex_replace = 66,
    append = 67,
    prepend = 68,

    pub fn isModify(code: Code) bool {
        return @backingInt(code) >= @backingInt(Code.insert);
    }

    /// Those that make a string where there is none, out of nothing.
    pub fn creates(code: Code) bool {
        return switch (code) {
            .insert, .overwrite, .concatenate, .append, .prepend => true,
            .pad_start, .pad_end, .repeat => true,
            else => false,
        };
    }
};

pub const flag_create_only = 0x01;
pub const flag_update_only = 0x02;
pub const flag_no_fail = 0x04;

pub const regex_ignore_case = 0x01;
pub const regex_multiline = 0x02;
pub const regex_dot_all = 0x04;
pub const regex_unix_lines = 0x08;
pub const regex_global = 0x10;

const Kind = enum { number, end, text, list, flags, compare_flags, replace_flags };

const Shape = struct { required: u32, parameters: []const Kind };

fn shapeOf(code: Code) Shape {
    return switch (code) {
        .length, .to_integer, .to_float, .byte_length, .is_upper, .is_lower, .to_blob, .base64_decode => .{
            .required = 0,
            .parameters = &.{},
        },
        .part => .{ .required = 1, .parameters = &.{ .number, .end } },
        .character => .{ .required = 1, .parameters = &.{.number} },
        .find => .{ .required = 1, .parameters = &.{ .text, .number } },
        .contains, .starts_with, .ends_with => .{ .required = 1, .parameters = &.{.text} },
        .is_numeric => .{ .required = 0, .parameters = &.{.number} },
        .split => .{ .required = 0, .parameters = &.{.text} },
        .regex_compare => .{ .required = 1, .parameters = &.{ .text, .compare_flags } },
        .insert, .overwrite, .pad_start, .pad_end => .{
            .required = 2,
            .parameters = &.{ .number, .text, .flags },
        },
        .concatenate, .replace, .replace_all => .{ .required = 1, .parameters = &.{ .list, .flags } },
        .snip => .{ .required = 1, .parameters = &.{ .number, .end, .flags } },
        .upper, .lower, .fold, .compose, .trim_start, .trim_end, .trim => .{
            .required = 0,
            .parameters = &.{.flags},
        },
        .repeat => .{ .required = 1, .parameters = &.{ .number, .flags } },
        .regex_replace => .{ .required = 1, .parameters = &.{ .list, .replace_flags, .flags } },
        .append, .prepend => .{ .required = 1, .parameters = &.{ .text, .flags } },
    };
}

/// In the place of a code: a context, and the operation to be carried out where it leads to.
const code_context = 0xff;

/// The largest message of the protocol, to which numbers are held.
const number_max = 128 * 1024 * 1024;

pub fn decode(bytes: []const u8, is_modify: bool) Error!Operation {
    var parameters = Parameters.init(bytes);
    parameters.count = parameters.array() catch return error.StringParametersInvalid;
    if (parameters.count == 0) return error.StringParametersInvalid;
    var number = parameters.unsigned() catch return error.StringCodeInvalid;
    var context: ?Parameters = null;
    if (number == code_context) {
        if (parameters.count != 3) return error.StringContextMalformed;
        context = parameters;
        parameters.reader.skip() catch return error.StringContextMalformed;
        parameters.count = parameters.array() catch return error.StringContextMalformed;
        if (parameters.count == 0) return error.StringContextMalformed;
        number = parameters.unsigned() catch return error.StringCodeInvalid;
    }
    parameters.count -= 1;
    const code = std.enums.fromInt(Code, number) orelse return error.StringCodeInvalid;
    if (code.isModify() != is_modify) return error.StringCodeInvalid;
    var operation: Operation = .{ .code = code, .context = context };
    // What is left out has the value that says the least.
    if (code == .find) operation.number = 1;
    const shape = shapeOf(code);
    const count = parameters.count;
    if (count < shape.required or count > shape.parameters.len) return error.StringParametersInvalid;
    for (shape.parameters[0..count]) |kind| try operation.take(kind, &parameters);
    return operation;
}

fn take(operation: *Operation, kind: Kind, parameters: *Parameters) Error!void {
    switch (kind) {
        .number => operation.number = try integer(parameters),
        .end => operation.end = try integer(parameters),
        .text => operation.text = try textOf(parameters),
        .list => operation.list = parameters.element() catch return error.StringParametersInvalid,
        .flags => {
            const flags = parameters.unsigned() catch return error.StringParametersInvalid;
            var known: u64 = flag_update_only | flag_no_fail;
            if (operation.code.creates()) known |= flag_create_only;
            if (flags & ~known != 0) return error.StringParametersInvalid;
            if (flags & flag_create_only != 0) {
                if (flags & flag_update_only != 0) return error.StringParametersInvalid;
                // Nothing is made inside of lists and maps.
                if (operation.context != null) return error.StringParametersInvalid;
            }
            operation.flags = flags;
        },
        .compare_flags, .replace_flags => {
            operation.regex_flags = @bitCast(try integer(parameters));
            var known: u64 = regex_ignore_case | regex_multiline | regex_dot_all | regex_unix_lines;
            if (kind == .replace_flags) known |= regex_global;
            if (operation.regex_flags & ~known != 0) return error.StringParametersInvalid;
        },
    }
}

fn integer(parameters: *Parameters) Error!i64 {
    const number = switch (parameters.reader.next() catch return error.StringParametersInvalid) {
        .int => |number| number,
        else => return error.StringParametersInvalid,
    };
    if (@abs(number) > number_max) return error.StringParametersInvalid;
    return number;
}

/// The byte of its type does not matter.
fn textOf(parameters: *Parameters) Error![]const u8 {
    const bytes = parameters.text() catch return error.StringParametersInvalid;
    if (bytes.len == 0) return error.StringParametersInvalid;
    if (!unicode.isValid(bytes[1..])) return error.StringParameterNotUtf8;
    return bytes[1..];
}
