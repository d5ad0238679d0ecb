//! The policies of list, map, bit and HyperLogLog operations: an order and write flags.
//!
//! Each has two or three names, which are synonyms; giving two of them different values is an
//! error, as is any other name.

const std = @import("std");
const wire = @import("../../wire.zig");
const msgpack = wire.msgpack;
const Arguments = @import("../arguments.zig").Arguments;
const Error = @import("../arguments.zig").Error;
const Field = @import("../arguments.zig").Field;
const describe = @import("../arguments.zig").describe;
const malformed = @import("../arguments.zig").malformed;
const shortened = @import("../arguments.zig").shortened;

pub const Policy = struct {
    order: u32 = 0,
    flags: u32 = 0,
    persist_index: bool = false,

    const Name = enum { list_order, map_order, order, write_flags, flags, write_mode, persist_index };

    /// All kinds of operations have four flags, in the same bits.
    const flags_mask = 0xf;

    /// The policy in a field, or null where there is none or an empty one.
    pub fn parse(arguments: *const Arguments, field: Field) Error!?Policy {
        const slice = arguments.given(field) orelse return null;
        var reader = msgpack.Reader.init(slice);
        const count = switch (reader.next() catch return malformed(arguments.failure)) {
            .map => |count| count,
            else => |token| return arguments.wrongType(field, "a map", token),
        };
        if (count == 0) return null;
        var order: ?i64 = null;
        var flags: ?i64 = null;
        var policy: Policy = .{};
        for (0..count) |_| {
            switch (try readName(arguments, field, &reader)) {
                .list_order, .map_order, .order => |name| {
                    try merge(arguments, field, name, &order, &reader);
                },
                .write_flags, .flags, .write_mode => |name| {
                    try merge(arguments, field, name, &flags, &reader);
                },
                .persist_index => switch (reader.next() catch
                    return malformed(arguments.failure)) {
                    .boolean => |flag| policy.persist_index = flag,
                    else => |token| return arguments.wrongTypeWithin(
                        field,
                        ": 'persist_index' must be a bool, not {s}",
                        .{describe(token)},
                    ),
                },
            }
        }
        if (order) |number| policy.order = try checkOrder(arguments, field, number);
        if (flags) |number| {
            if (number & ~@as(i64, flags_mask) != 0) return arguments.failOf(
                field,
                "has the unknown write flags {d}",
                .{number},
            );
            policy.flags = @intCast(number);
        }
        return policy;
    }

    fn readName(arguments: *const Arguments, field: Field, reader: *msgpack.Reader) Error!Name {
        const text = switch (reader.next() catch return malformed(arguments.failure)) {
            .string => |text| text,
            else => |token| return arguments.wrongTypeWithin(
                field,
                " has a key that is not a string but {s}",
                .{describe(token)},
            ),
        };
        const name = std.meta.stringToEnum(Name, text) orelse return arguments.failOf(
            field,
            "has the unknown key '{s}'",
            .{shortened(text)},
        );
        const fits = switch (name) {
            .list_order => field == .list_policy,
            .map_order, .persist_index => field == .map_policy,
            .order => field == .list_policy or field == .map_policy,
            .write_flags, .flags, .write_mode => true,
        };
        if (!fits) return arguments.failOf(field, "has no key '{t}'", .{name});
        return name;
    }

    /// Takes a number for one of several synonyms.
    fn merge(
        arguments: *const Arguments,
        field: Field,
        name: Name,
        target: *?i64,
        reader: *msgpack.Reader,
    ) Error!void {
        const number = switch (reader.next() catch return malformed(arguments.failure)) {
            .int => |number| number,
            .nil => return,
            else => |token| return arguments.wrongTypeWithin(
                field,
                ": '{t}' must be an integer, not {s}",
                .{ name, describe(token) },
            ),
        };
        if (target.*) |other| if (other != number) return arguments.failOf(
            field,
            "gives '{t}' {d} and a synonym {d}",
            .{ name, number, other },
        );
        target.* = number;
    }

    fn checkOrder(arguments: *const Arguments, field: Field, number: i64) Error!u32 {
        const known = switch (number) {
            0, 1 => true,
            3 => field == .map_policy,
            else => false,
        };
        if (known) return @intCast(number);
        return arguments.failOf(field, "has the unknown order {d}", .{number});
    }
};
