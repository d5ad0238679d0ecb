//! The operations on strings (server 8.2), by the numbers of the API from 7001, in the order of the
//! server's own numbers. Positions and lengths are in code points.

const Call = @import("call.zig").Call;
const Operand = @import("call.zig").Operand;

pub const text_first = 7001;

pub const text_calls = [_]Call{
    read("string_strlen", 0, &.{}),
    read("string_substr", 1, &.{ .index, .end_optional }),
    read("string_char_at", 2, &.{.index}),
    read("string_find", 3, &.{ .text, .occurrence }),
    read("string_contains", 4, &.{.text}),
    read("string_starts_with", 5, &.{.text}),
    read("string_ends_with", 6, &.{.text}),
    read("string_to_integer", 7, &.{}),
    read("string_to_double", 8, &.{}),
    read("string_byte_length", 9, &.{}),
    read("string_is_numeric", 10, &.{.numeric_type}),
    read("string_is_upper", 11, &.{}),
    read("string_is_lower", 12, &.{}),
    read("string_to_blob", 13, &.{}),
    read("string_split", 14, &.{.text_optional}),
    read("string_base64_decode", 15, &.{}),
    read("string_regex_compare", 16, &.{ .text, .regex_flags }),
    modify("string_insert", 50, &.{ .index, .text, .string_policy }),
    modify("string_overwrite", 51, &.{ .index, .text, .string_policy }),
    modify("string_concat", 52, &.{ .texts, .string_policy }),
    modify("string_snip", 53, &.{ .index, .snip_end }),
    modify("string_replace", 54, &.{ .replacement, .string_policy }),
    modify("string_replace_all", 55, &.{ .replacement, .string_policy }),
    modify("string_upper", 56, &.{.string_policy}),
    modify("string_lower", 57, &.{.string_policy}),
    modify("string_casefold", 58, &.{.string_policy}),
    modify("string_normalize_nfc", 59, &.{.string_policy}),
    modify("string_trim_start", 60, &.{.string_policy}),
    modify("string_trim_end", 61, &.{.string_policy}),
    modify("string_trim", 62, &.{.string_policy}),
    modify("string_pad_start", 63, &.{ .count, .text, .string_policy }),
    modify("string_pad_end", 64, &.{ .count, .text, .string_policy }),
    modify("string_repeat", 65, &.{ .count, .string_policy }),
    modify("string_regex_replace", 66, &.{ .replacement, .regex_flags, .string_policy }),
    modify("string_append", 67, &.{ .text, .string_policy }),
    modify("string_prepend", 68, &.{ .text, .string_policy }),
};

fn read(name: []const u8, number: u8, operands: []const Operand) Call {
    return .{ .name = name, .code = .string_read, .number = number, .operands = operands };
}

fn modify(name: []const u8, number: u8, operands: []const Operand) Call {
    return .{
        .name = name,
        .code = .string_modify,
        .number = number,
        .operands = operands,
        .result = .never,
    };
}
