//! The operations on lists and maps, by the numbers of the API: lists from 1001, maps from 2001.

const std = @import("std");
const Call = @import("call.zig").Call;
const Operand = @import("call.zig").Operand;

pub const list_first = 1001;
pub const map_first = 2001;

/// The protocol's numbers of what needs naming elsewhere.
pub const list_set_type = 0;
pub const map_set_type = 64;

pub const list_calls = [_]Call{
    modify("list_append", 1, &.{ .value, .list_policy }, .always),
    modify("list_append_items", 2, &.{ .values, .list_policy }, .always),
    modify("list_insert", 3, &.{ .index, .value, .list_flags }, .always),
    modify("list_insert_items", 4, &.{ .index, .values, .list_flags }, .always),
    modify("list_pop", 5, &.{.index}, .always),
    modify("list_pop_range", 6, &.{ .index, .count_optional }, .always),
    modify("list_remove", 7, &.{.index}, .always),
    modify("list_remove_range", 8, &.{ .index, .count_optional }, .always),
    modify("list_set", 9, &.{ .index, .value, .list_flags }, .never),
    modify("list_trim", 10, &.{ .index, .count }, .always),
    modify("list_clear", 11, &.{}, .never),
    read("list_size", 16, &.{}),
    read("list_get", 17, &.{.index}),
    read("list_get_range", 18, &.{ .index, .count_optional }),
    select("list_get_by_value", 22, &.{ .list_return, .value }),
    select("list_get_by_index", 19, &.{ .list_return, .index }),
    select("list_get_by_index_range", 24, &.{ .list_return, .index, .count_optional }),
    select("list_get_by_rank", 21, &.{ .list_return, .rank }),
    select("list_get_by_rank_range", 26, &.{ .list_return, .rank, .count_optional }),
    select("list_get_by_value_list", 23, &.{ .list_return, .values }),
    select("list_get_by_value_range", 25, &.{ .list_return, .range_begin, .range_end }),
    remove("list_remove_by_value", 35, &.{ .list_return, .value }),
    remove("list_remove_by_value_list", 36, &.{ .list_return, .values }),
    remove("list_remove_by_value_range", 38, &.{ .list_return, .range_begin, .range_end }),
    remove("list_remove_by_index", 32, &.{ .list_return, .index }),
    remove("list_remove_by_index_range", 37, &.{ .list_return, .index, .count_optional }),
    remove("list_remove_by_rank", 34, &.{ .list_return, .rank }),
    remove("list_remove_by_rank_range", 39, &.{ .list_return, .rank, .count_optional }),
    modify("list_increment", 12, &.{ .index, .number, .list_policy }, .always),
    modify("list_sort", 13, &.{.sort_flags}, .never),
    modify("list_set_order", list_set_type, &.{.list_order}, .never),
    select("list_get_by_value_rel_rank_range", 27, &list_relative),
    remove("list_remove_by_value_rel_rank_range", 40, &list_relative),
    modify("list_create", list_set_type, &.{.list_type}, .never),
    read("list_join", 28, &.{.text_optional}),
};

const list_relative = [_]Operand{ .list_return, .value, .rank, .count_optional };
const map_key_relative = [_]Operand{ .map_return, .key, .index, .count_optional };
const map_value_relative = [_]Operand{ .map_return, .value, .rank, .count_optional };

pub const map_calls = [_]Call{
    modify("map_set_order", map_set_type, &.{.map_order}, .never),
    modify("map_put", 67, &.{ .new_key, .value, .map_policy }, .always),
    modify("map_put_items", 68, &.{ .items, .map_policy }, .always),
    modify("map_increment", 73, &.{ .new_key, .number, .map_attributes }, .always),
    modify("map_decrement", 74, &.{ .new_key, .number, .map_attributes }, .always),
    modify("map_clear", 75, &.{}, .never),
    remove("map_remove_by_key", 76, &.{ .map_return, .key }),
    remove("map_remove_by_key_list", 81, &.{ .map_return, .values }),
    remove("map_remove_by_key_range", 84, &.{ .map_return, .range_begin, .range_end }),
    remove("map_remove_by_value", 82, &.{ .map_return, .value }),
    remove("map_remove_by_value_list", 83, &.{ .map_return, .values }),
    remove("map_remove_by_value_range", 86, &.{ .map_return, .range_begin, .range_end }),
    remove("map_remove_by_index", 77, &.{ .map_return, .index }),
    remove("map_remove_by_index_range", 85, &.{ .map_return, .index, .count_optional }),
    remove("map_remove_by_rank", 79, &.{ .map_return, .rank }),
    remove("map_remove_by_rank_range", 87, &.{ .map_return, .rank, .count_optional }),
    read("map_size", 96, &.{}),
    select("map_get_by_key", 97, &.{ .map_return, .key }),
    select("map_get_by_key_range", 103, &.{ .map_return, .range_begin, .range_end }),
    select("map_get_by_value", 102, &.{ .map_return, .value }),
    select("map_get_by_value_range", 105, &.{ .map_return, .range_begin, .range_end }),
    select("map_get_by_index", 98, &.{ .map_return, .index }),
    select("map_get_by_index_range", 104, &.{ .map_return, .index, .count_optional }),
    select("map_get_by_rank", 100, &.{ .map_return, .rank }),
    select("map_get_by_rank_range", 106, &.{ .map_return, .rank, .count_optional }),
    select("map_get_by_key_list", 107, &.{ .map_return, .values }),
    select("map_get_by_value_list", 108, &.{ .map_return, .values }),
    select("map_get_by_key_rel_index_range", 109, &map_key_relative),
    remove("map_remove_by_key_rel_index_range", 88, &map_key_relative),
    select("map_get_by_value_rel_rank_range", 110, &map_value_relative),
    remove("map_remove_by_value_rel_rank_range", 89, &map_value_relative),
    modify("map_create", map_set_type, &.{.map_type}, .never),
};

fn modify(
    name: []const u8,
    number: u8,
    operands: []const Operand,
    result: Call.Result,
) Call {
    return .{
        .name = name,
        .code = .cdt_modify,
        .number = number,
        .operands = operands,
        .result = result,
    };
}

fn read(name: []const u8, number: u8, operands: []const Operand) Call {
    return .{ .name = name, .code = .cdt_read, .number = number, .operands = operands };
}

/// Reads what a return type asks for.
fn select(name: []const u8, number: u8, operands: []const Operand) Call {
    return .{
        .name = name,
        .code = .cdt_read,
        .number = number,
        .operands = operands,
        .result = .by_return_type,
    };
}

/// Removes, and returns what a return type asks for.
fn remove(name: []const u8, number: u8, operands: []const Operand) Call {
    return modify(name, number, operands, .by_return_type);
}
