//! Into lists and maps: their elements, and the one that a context leads to.
//!
//! Pure: values are slices of the protocol's MessagePack dialect, as they are stored. What does
//! not exist or is malformed is null.

const std = @import("std");
const wire = @import("../../wire.zig");
const collection = @import("collection.zig");

const Reader = wire.msgpack.Reader;

pub const Container = struct {
    is_map: bool,
    bytes: []const u8,

    /// Null for what is not a list or a map.
    pub fn of(element: []const u8) ?Container {
        var reader: Reader = .init(element);
        return switch (reader.next() catch return null) {
            .array => .{ .is_map = false, .bytes = element },
            .map => .{ .is_map = true, .bytes = element },
            else => null,
        };
    }
};

/// The elements of a list, or a map's keys and values in turn, in their stored order.
pub const Elements = struct {
    reader: Reader,
    remaining: usize,

    pub fn init(container: Container) ?Elements {
        var reader: Reader = .init(container.bytes);
        const count = switch (reader.next() catch return null) {
            .array, .map => |count| count,
            else => return null,
        };
        var entries: usize = count;
        if (count > 0 and isFlags(reader)) {
            reader.skip() catch return null;
            if (container.is_map) reader.skip() catch return null;
            entries -= 1;
        }
        return .{ .reader = reader, .remaining = if (container.is_map) entries * 2 else entries };
    }

    fn isFlags(reader: Reader) bool {
        var copy = reader;
        const token = copy.next() catch return false;
        return token == .extension and token.extension.kind != -1;
    }

    pub fn next(elements: *Elements) ?[]const u8 {
        if (elements.remaining == 0) return null;
        elements.remaining -= 1;
        return elements.reader.value() catch null;
    }
};

/// Numbers of the protocol: what a step goes into, and how it finds the element.
const Step = enum(u8) {
    list_index = 0x10,
    list_rank = 0x11,
    list_value = 0x13,
    map_index = 0x20,
    map_rank = 0x21,
    map_key = 0x22,
    map_value = 0x23,

    fn isOfMap(step: Step) bool {
        return @backingInt(step) >= 0x20;
    }
};

const steps_max = 64;

/// Whether the bytes are a context: an array of pairs of a step and its argument.
pub fn isContext(context: []const u8) bool {
    var steps = Steps.init(context) orelse return false;
    while (steps.next() catch return false) |pair| switch (pair.step) {
        .list_index, .list_rank, .map_index, .map_rank => {
            if (integerOf(pair.argument) == null) return false;
        },
        .list_value, .map_key, .map_value => {},
    };
    return steps.reader.isAtEnd();
}

const Steps = struct {
    reader: Reader,
    remaining: usize,

    fn init(context: []const u8) ?Steps {
        var reader: Reader = .init(context);
        const count = switch (reader.next() catch return null) {
            .array => |count| count,
            else => return null,
        };
        if (count == 0 or count % 2 != 0 or count > 2 * steps_max) return null;
        return .{ .reader = reader, .remaining = count / 2 };
    }

    const Pair = struct { step: Step, argument: []const u8 };

    fn next(steps: *Steps) error{Malformed}!?Pair {
        if (steps.remaining == 0) return null;
        steps.remaining -= 1;
        const token = try steps.reader.next();
        if (token != .int) return error.Malformed;
        const number = std.math.cast(u8, token.int) orelse return error.Malformed;
        const step = std.enums.fromInt(Step, number) orelse return error.Malformed;
        return .{ .step = step, .argument = try steps.reader.value() };
    }
};

/// The element that a context leads to, in the dialect. The arena is used to find ranks.
pub fn resolve(
    arena: std.mem.Allocator,
    container: Container,
    context: []const u8,
) error{OutOfMemory}!?[]const u8 {
    var steps = Steps.init(context) orelse return null;
    var here = container.bytes;
    while (steps.next() catch return null) |pair| {
        const inside = Container.of(here) orelse return null;
        if (inside.is_map != pair.step.isOfMap()) return null;
        here = try follow(arena, inside, pair.step, pair.argument) orelse return null;
    }
    return here;
}

/// Appends a context as info commands show it, with its odd bracket.
pub fn describe(context: []const u8, out: *wire.Buffer) wire.Buffer.Error!void {
    try out.append("[[");
    var steps = Steps.init(context) orelse return;
    var is_first = true;
    while (steps.next() catch return) |pair| {
        if (!is_first) try out.append(", ");
        is_first = false;
        try out.append(@tagName(pair.step));
        var reader: Reader = .init(pair.argument);
        var memory: [48]u8 = undefined;
        const argument = switch (reader.next() catch return) {
            .int => |number| std.fmt.bufPrint(&memory, "({d})", .{number}) catch unreachable,
            .float => |number| std.fmt.bufPrint(&memory, "({d})", .{number}) catch "(<float>)",
            .string, .binary => |text| if (text.len > 0 and text[0] == string_tag)
                std.fmt.bufPrint(&memory, "(<string#{d}>)", .{text.len - 1}) catch unreachable
            else
                std.fmt.bufPrint(&memory, "(<blob#{d}>)", .{text.len -| 1}) catch unreachable,
            .boolean => |flag| if (flag) "(true)" else "(false)",
            .nil => "(nil)",
            .uint, .array, .map, .extension => "(<value>)",
        };
        try out.append(argument);
    }
    try out.append("]");
}

const string_tag = @backingInt(wire.particle.Type.string);

fn follow(
    arena: std.mem.Allocator,
    container: Container,
    step: Step,
    argument: []const u8,
) error{OutOfMemory}!?[]const u8 {
    switch (step) {
        .list_value, .map_value => return equalTo(container, .value, argument),
        .map_key => return equalTo(container, .key, argument),
        else => {},
    }
    const values = try valuesOf(arena, container) orelse return null;
    const place = integerOf(argument) orelse return null;
    const index = position(place, values.len) orelse return null;
    if (step == .list_rank or step == .map_rank) {
        // The sort keeps the order of equals.
        std.mem.sort([]const u8, values, {}, isSmaller);
    }
    return values[index];
}

fn isSmaller(_: void, left: []const u8, right: []const u8) bool {
    // What is stored has been checked.
    return (collection.compare(left, right) catch return false) == .lt;
}

fn integerOf(argument: []const u8) ?i64 {
    var reader: Reader = .init(argument);
    const token = reader.next() catch return null;
    return if (token == .int) token.int else null;
}

/// A list's elements or a map's values.
fn valuesOf(arena: std.mem.Allocator, container: Container) error{OutOfMemory}!?[][]const u8 {
    var elements = Elements.init(container) orelse return null;
    const width: usize = if (container.is_map) 2 else 1;
    // What is stored has as many elements as it says.
    const values = try arena.alloc([]const u8, elements.remaining / width);
    for (values) |*value| {
        if (container.is_map) _ = elements.next() orelse return null;
        value.* = elements.next() orelse return null;
    }
    return values;
}

/// Negative ones count from the end.
fn position(index: i64, count: usize) ?usize {
    const signed_count: i64 = @intCast(count);
    const from_start = if (index < 0) index +% signed_count else index;
    if (from_start < 0 or from_start >= signed_count) return null;
    return @intCast(from_start);
}

/// The value of the first entry whose key or value equals the argument.
fn equalTo(
    container: Container,
    compared: enum { key, value },
    argument: []const u8,
) ?[]const u8 {
    var elements = Elements.init(container) orelse return null;
    while (elements.next()) |first| {
        const value = if (container.is_map) elements.next() orelse return null else first;
        const candidate = if (compared == .key) first else value;
        const order = collection.compare(candidate, argument) catch return null;
        if (order == .eq) return value;
    }
    return null;
}

const testing = std.testing;

fn expectFound(expected: ?[]const u8, container: []const u8, context: []const u8) !void {
    var arena = std.heap.ArenaAllocator.init(testing.allocator);
    defer arena.deinit();
    try testing.expect(isContext(context));
    const found = try resolve(arena.allocator(), Container.of(container).?, context);
    if (expected) |bytes| {
        try testing.expectEqualStrings(bytes, found orelse return error.NothingFound);
    } else {
        try testing.expectEqual(null, found);
    }
}

test "contexts lead by index, rank, key and value, and through several levels" {
    const list = "\x94\x05\x03\x09\x01";
    try expectFound("\x09", list, "\x92\x10\x02");
    try expectFound("\x01", list, "\x92\x10\xff");
    try expectFound("\x01", list, "\x92\x11\x00");
    try expectFound("\x09", list, "\x92\x11\xff");
    try expectFound("\x03", list, "\x92\x13\x03");
    try expectFound(null, list, "\x92\x10\x04");
    try expectFound(null, list, "\x92\x20\x00");
    // {flags: nil, "a": 7, "b": [1, 2]}
    const map = "\x83\xc7\x00\x01\xc0\xa2\x03a\x07\xa2\x03b\x92\x01\x02";
    try expectFound("\x07", map, "\x92\x20\x00");
    try expectFound("\x07", map, "\x92\x21\x00");
    try expectFound("\x92\x01\x02", map, "\x92\x22\xa2\x03b");
    try expectFound("\x02", map, "\x94\x22\xa2\x03b\x10\x01");
    try expectFound("\x07", map, "\x92\x23\x07");
    try expectFound(null, map, "\x92\x22\xa2\x03c");
}

test "what is not a context is told" {
    const bad = [_][]const u8{ "", "\x90", "\x91\x10", "\x92\x10", "\x92\x77\x00", "\x92\x10\xc0" };
    for (bad) |context| try testing.expect(!isContext(context));
    try testing.expect(!isContext("\x92\x10\x00\x00"));
}
