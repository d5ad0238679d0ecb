//! The operations on bits and HyperLogLogs, by the numbers of the API: bits from 3001, HyperLogLogs
//! from 4001, in the order of the server's own numbers.

const Call = @import("call.zig").Call;
const Operand = @import("call.zig").Operand;

pub const bit_first = 3001;
pub const hll_first = 4001;

pub const bit_calls = [_]Call{
    bitModify("bit_resize", 0, &.{ .byte_size, .bit_policy, .resize_flags }),
    bitModify("bit_insert", 1, &.{ .byte_offset, .bytes, .bit_policy }),
    bitModify("bit_remove", 2, &.{ .byte_offset, .byte_size, .bit_policy }),
    bitModify("bit_set", 3, &bit_combine),
    bitModify("bit_or", 4, &bit_combine),
    bitModify("bit_xor", 5, &bit_combine),
    bitModify("bit_and", 6, &bit_combine),
    bitModify("bit_not", 7, &.{ .bit_offset, .bit_size, .bit_policy }),
    bitModify("bit_lshift", 8, &.{ .bit_offset, .bit_size, .shift, .bit_policy }),
    bitModify("bit_rshift", 9, &.{ .bit_offset, .bit_size, .shift, .bit_policy }),
    bitModify("bit_add", 10, &bit_arithmetic),
    bitModify("bit_subtract", 11, &bit_arithmetic),
    bitModify("bit_set_int", 12, &.{ .bit_offset, .bit_size, .integer, .bit_policy }),
    bitRead("bit_get", 50, &.{ .bit_offset, .bit_size }),
    bitRead("bit_count", 51, &.{ .bit_offset, .bit_size }),
    bitRead("bit_lscan", 52, &.{ .bit_offset, .bit_size, .boolean }),
    bitRead("bit_rscan", 53, &.{ .bit_offset, .bit_size, .boolean }),
    bitRead("bit_get_int", 54, &.{ .bit_offset, .bit_size, .signed }),
    bitRead("bit_b64_encode", 55, &.{ .byte_offset, .byte_size_optional }),
};

const bit_combine = [_]Operand{ .bit_offset, .bit_size, .bytes, .bit_policy };
const bit_arithmetic = [_]Operand{
    .bit_offset,
    .bit_size,
    .unsigned,
    .bit_policy,
    .overflow_action,
};

pub const hll_calls = [_]Call{
    hllModify("hll_init", 0, &hll_sizes, .never),
    hllModify("hll_add", 1, &([_]Operand{.values} ++ hll_sizes), .always),
    hllModify("hll_set_union", 2, &.{ .values, .hll_policy }, .never),
    hllModify("hll_refresh_count", 3, &.{}, .always),
    hllModify("hll_fold", 4, &.{.index_bit_count}, .never),
    hllRead("hll_get_count", 50, &.{}),
    hllRead("hll_get_union", 51, &.{.values}),
    hllRead("hll_get_union_count", 52, &.{.values}),
    hllRead("hll_get_intersect_count", 53, &.{.values}),
    hllRead("hll_get_similarity", 54, &.{.values}),
    hllRead("hll_describe", 55, &.{}),
    hllRead("hll_may_contain", 56, &.{.values}),
};

const hll_sizes = [_]Operand{
    .index_bit_count_optional,
    .minhash_bit_count_optional,
    .hll_policy,
};

fn bitModify(name: []const u8, number: u8, operands: []const Operand) Call {
    return .{
        .name = name,
        .code = .bit_modify,
        .number = number,
        .operands = operands,
        .result = .never,
    };
}

fn bitRead(name: []const u8, number: u8, operands: []const Operand) Call {
    return .{ .name = name, .code = .bit_read, .number = number, .operands = operands };
}

fn hllModify(
    name: []const u8,
    number: u8,
    operands: []const Operand,
    result: Call.Result,
) Call {
    return .{
        .name = name,
        .code = .hll_modify,
        .number = number,
        .operands = operands,
        .result = result,
    };
}

fn hllRead(name: []const u8, number: u8, operands: []const Operand) Call {
    return .{ .name = name, .code = .hll_read, .number = number, .operands = operands };
}
