//! Contexts: the path from a bin to a list or map inside it.
//!
//! A request gives a path as an array of steps, each an array that begins with the step's name:
//!
//!   ["list_index", index]  ["list_rank", rank]  ["list_value", value]
//!   ["map_index", index]   ["map_rank", rank]   ["map_key", key]  ["map_value", value]
//!   ["list_index_create", index, order, pad]    ["map_key_create", key, order]
//!   ["map_keys_in", [key, ...]]  ["all_children"]  ["all_children_filter", expression]
//!   ["and_filter", expression]                  (these four only where many are selected)
//!
//! On the wire it is one flat list of step types and their values. The last step's type can carry
//! flags that make the server create what is not there.

const std = @import("std");
const expression = @import("../expression/expression.zig");
const Failure = @import("../../status.zig").Failure;
const wire = @import("../../wire.zig");
const msgpack = wire.msgpack;
const Arguments = @import("../arguments.zig").Arguments;
const Error = @import("../arguments.zig").Error;
const describe = @import("../arguments.zig").describe;
const malformed = @import("../arguments.zig").malformed;
const shortened = @import("../arguments.zig").shortened;

/// More steps than the depth that a value may have lead nowhere.
pub const steps_max = wire.particle.depth_max;

/// Lists keep their order flag in the two bits above the type, as maps do with other values.
pub const ListOrder = enum(i64) {
    unordered = 0,
    ordered = 1,

    /// The flag that makes the server create such a list; `pad` fills with nil up to an index.
    pub fn createFlag(order: ListOrder, pad: bool) u32 {
        return switch (order) {
            .ordered => 0xc0,
            .unordered => if (pad) 0x80 else 0x40,
        };
    }
};

pub const MapOrder = enum(i64) {
    unordered = 0,
    key_ordered = 1,
    key_value_ordered = 3,

    pub fn createFlag(order: MapOrder) u32 {
        return switch (order) {
            .unordered => 0x40,
            .key_ordered => 0x80,
            .key_value_ordered => 0xc0,
        };
    }
};

/// Numbers of the protocol: 0x10 lists, 0x20 maps; 0 index, 1 rank, 2 key, 3 value.
const Step = enum(u32) {
    list_index = 0x10,
    list_rank = 0x11,
    list_value = 0x13,
    map_index = 0x20,
    map_rank = 0x21,
    map_key = 0x22,
    map_value = 0x23,
    map_keys_in = 0x2a,
    all_children_filter = 0x04,
    and_filter = 0x204,
    // Not the protocol's numbers: `write` says what these become.
    all_children = 0x10000,
    list_index_create = 0x10001,
    map_key_create = 0x10002,

    fn memberCount(step: Step) u32 {
        return switch (step) {
            .all_children => 1,
            .list_index_create => 4,
            .map_key_create => 3,
            else => 2,
        };
    }
};

/// What the first step enters.
pub const Container = enum { list, map };

/// The kind of container that a path begins in, or null for an empty or a branching path.
pub fn container(path: []const u8) ?Container {
    var reader = msgpack.Reader.init(path);
    const step_count = switch (reader.next() catch return null) {
        .array => |count| count,
        else => return null,
    };
    if (step_count == 0) return null;
    switch (reader.next() catch return null) {
        .array => {},
        else => return null,
    }
    const name = switch (reader.next() catch return null) {
        .string => |text| text,
        else => return null,
    };
    if (std.mem.startsWith(u8, name, "list_")) return .list;
    if (std.mem.startsWith(u8, name, "map_")) return .map;
    return null;
}

/// Takes a path from the reader and appends it by itself, as indexes and queries have it.
pub fn encodeContext(
    out: *wire.Buffer,
    reader: *msgpack.Reader,
    failure: *Failure,
) Error!void {
    const arguments: Arguments = .{
        .place = .context,
        .failure = failure,
        .present = .empty,
        .slices = undefined,
    };
    const path = reader.value() catch return malformed(failure);
    try write(&arguments, path, 0, 0, out);
}

/// Appends the list of types and values. `last_flag` is added to the last step's type. The path
/// must have at least one step.
pub fn write(
    arguments: *const Arguments,
    path: []const u8,
    last_flag: u32,
    depth: u32,
    out: *wire.Buffer,
) Error!void {
    var reader = msgpack.Reader.init(path);
    const count = switch (reader.next() catch return malformed(arguments.failure)) {
        .array => |count| count,
        else => |token| return arguments.wrongType(.ctx, "a list of steps", token),
    };
    if (count == 0) return arguments.failOf(.ctx, "must have at least one step", .{});
    if (count > steps_max) {
        return arguments.failOf(.ctx, "has more than {d} steps", .{steps_max});
    }
    try msgpack.writeArrayHeader(out, count * 2);
    for (0..count) |index| {
        const flag = if (index + 1 == count) last_flag else 0;
        var writer: StepWriter = .{
            .arguments = arguments,
            .reader = &reader,
            .index = index,
            .depth = depth,
            .out = out,
        };
        try writer.write(flag);
    }
}

const StepWriter = struct {
    arguments: *const Arguments,
    reader: *msgpack.Reader,
    index: usize,
    depth: u32,
    out: *wire.Buffer,

    fn write(writer: *StepWriter, flag: u32) Error!void {
        const step = try writer.begin();
        switch (step) {
            .list_index, .list_rank, .map_index, .map_rank => {
                try writer.writeType(@backingInt(step) | flag);
                try msgpack.writeInt(writer.out, try writer.takeInteger());
            },
            .list_value, .map_key, .map_value => {
                try writer.writeType(@backingInt(step) | flag);
                try writer.writeValue();
            },
            .list_index_create => {
                const index = try writer.takeInteger();
                const order = try writer.takeOrder(ListOrder);
                const pad = try writer.takeBoolean();
                try writer.writeType(@backingInt(Step.list_index) | order.createFlag(pad));
                try msgpack.writeInt(writer.out, index);
            },
            .map_key_create => {
                const key = writer.reader.value() catch return malformed(writer.arguments.failure);
                const order = try writer.takeOrder(MapOrder);
                try writer.arguments.checkMapKey(.ctx, key);
                try writer.writeType(@backingInt(Step.map_key) | order.createFlag());
                try writer.arguments.appendValue(writer.out, .ctx, key);
            },
            .map_keys_in => {
                const tag = writer.reader.peek() orelse return malformed(writer.arguments.failure);
                if (!isArray(tag)) return writer.fail("needs a list of keys", .{});
                try writer.writeType(@backingInt(step));
                try writer.writeValue();
            },
            .all_children => {
                try writer.writeType(@backingInt(Step.all_children_filter));
                try msgpack.writeBool(writer.out, true);
            },
            .all_children_filter, .and_filter => {
                try writer.writeType(@backingInt(step));
                const tree = writer.reader.value() catch
                    return malformed(writer.arguments.failure);
                try expression.writeNested(writer.arguments, .ctx, tree, writer.depth, writer.out);
            },
        }
    }

    fn begin(writer: *StepWriter) Error!Step {
        const member_count = switch (try writer.next()) {
            .array => |count| count,
            else => |token| return writer.wrongType("must be a list", token),
        };
        if (member_count == 0) return writer.fail("is empty", .{});
        const name = switch (try writer.next()) {
            .string => |text| text,
            else => |token| return writer.wrongType("must begin with a name", token),
        };
        const step = std.meta.stringToEnum(Step, name) orelse
            return writer.fail("is unknown: '{s}'", .{shortened(name)});
        if (member_count != step.memberCount()) return writer.fail(
            "('{t}') must have {d} members, not {d}",
            .{ step, step.memberCount(), member_count },
        );
        return step;
    }

    fn writeType(writer: *StepWriter, number: u32) Error!void {
        try msgpack.writeUint(writer.out, number);
    }

    fn writeValue(writer: *StepWriter) Error!void {
        const slice = writer.reader.value() catch return malformed(writer.arguments.failure);
        try writer.arguments.appendValue(writer.out, .ctx, slice);
    }

    fn next(writer: *StepWriter) Error!msgpack.Token {
        return writer.reader.next() catch malformed(writer.arguments.failure);
    }

    fn takeInteger(writer: *StepWriter) Error!i64 {
        return switch (try writer.next()) {
            .int => |number| number,
            else => |token| writer.wrongType("needs an integer", token),
        };
    }

    fn takeBoolean(writer: *StepWriter) Error!bool {
        return switch (try writer.next()) {
            .boolean => |flag| flag,
            else => |token| writer.wrongType("needs a bool", token),
        };
    }

    fn takeOrder(writer: *StepWriter, comptime Order: type) Error!Order {
        const number = try writer.takeInteger();
        return std.enums.fromInt(Order, number) orelse
            writer.fail("has the unknown order {d}", .{number});
    }

    fn fail(
        writer: *const StepWriter,
        comptime format: []const u8,
        args: anytype,
    ) error{Failed} {
        return writer.arguments.failOf(.ctx, "at step {d} " ++ format, .{writer.index} ++ args);
    }

    fn wrongType(
        writer: *const StepWriter,
        comptime expected: []const u8,
        actual: msgpack.Token,
    ) error{Failed} {
        return writer.arguments.wrongTypeWithin(
            .ctx,
            " at step {d} " ++ expected ++ ", not {s}",
            .{ writer.index, describe(actual) },
        );
    }
};

pub fn isArray(tag: u8) bool {
    return switch (tag) {
        0x90...0x9f, 0xdc, 0xdd => true,
        else => false,
    };
}
