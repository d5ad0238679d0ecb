//! Structs out of MessagePack maps whose keys are the names of their fields.
//!
//! A key that is left out keeps the field's default; one that has no field, or whose value is
//! of the wrong type or out of range, is an error that is told by its key. Texts point into
//! the bytes; arrays are made in the arena.

const std = @import("std");
const wire = @import("../../wire.zig");

const Reader = wire.msgpack.Reader;

pub const Error = error{ Malformed, OutOfMemory };

/// `culprit` is the key that was looked at last, for a message when this fails.
pub fn decode(
    comptime T: type,
    arena: std.mem.Allocator,
    bytes: []const u8,
    culprit: *[]const u8,
) Error!T {
    var decoder: Decoder = .{ .arena = arena, .reader = .init(bytes), .culprit = culprit };
    const value = try decoder.value(T);
    if (!decoder.reader.isAtEnd()) return error.Malformed;
    return value;
}

const Decoder = struct {
    arena: std.mem.Allocator,
    reader: Reader,
    culprit: *[]const u8,

    fn value(decoder: *Decoder, comptime T: type) Error!T {
        const start = decoder.reader.position;
        const token = try decoder.reader.next();
        switch (@typeInfo(T)) {
            .bool => if (token == .boolean) return token.boolean,
            .int => switch (token) {
                .int => |number| return std.math.cast(T, number) orelse error.Malformed,
                .uint => |number| return std.math.cast(T, number) orelse error.Malformed,
                else => {},
            },
            .optional => |optional| {
                if (token == .nil) return null;
                decoder.reader.position = start;
                return try decoder.value(optional.child);
            },
            .@"struct" => {
                // A struct with a field that says nearly all may be given as a text.
                if (token == .string and @hasDecl(T, "named")) return T.named(token.string);
                if (token == .map) return decoder.structure(T, token.map);
            },
            .pointer => |pointer| {
                if (T == []const u8) {
                    if (token == .string) return token.string;
                    if (token == .binary) return token.binary;
                } else if (token == .array) {
                    return decoder.array(pointer.child, token.array);
                }
            },
            else => @compileError("no such field"),
        }
        return error.Malformed;
    }

    fn array(decoder: *Decoder, comptime Item: type, count: u32) Error![]const Item {
        if (count > decoder.reader.rest().len) return error.Malformed;
        const items = try decoder.arena.alloc(Item, count);
        for (items) |*item| item.* = try decoder.value(Item);
        return items;
    }

    fn structure(decoder: *Decoder, comptime T: type, count: u32) Error!T {
        var result: T = if (@hasDecl(T, "empty")) T.empty else .{};
        const fields = @typeInfo(T).@"struct";
        for (0..count) |_| {
            const key = try decoder.reader.next();
            if (key != .string) return error.Malformed;
            decoder.culprit.* = key.string;
            const found = inline for (fields.field_names, fields.field_types) |name, Field| {
                if (std.mem.eql(u8, name, key.string)) {
                    @field(result, name) = try decoder.value(Field);
                    break true;
                }
            } else false;
            if (!found) return error.Malformed;
        }
        return result;
    }
};

const testing = std.testing;

test "keys fill fields, and what has no field or does not fit is told" {
    const Inner = struct { name: []const u8 = "", size: u8 = 3 };
    const Outer = struct { on: bool = false, list: []const Inner = &.{}, node: ?u8 = null };
    var arena = std.heap.ArenaAllocator.init(testing.allocator);
    defer arena.deinit();
    var culprit: []const u8 = "";
    const bytes = "\x82\xa2on\xc3\xa4list\x92\x81\xa4name\xa1a\x82\xa4size\x07\xa4name\xa1b";
    const value = try decode(Outer, arena.allocator(), bytes, &culprit);
    try testing.expect(value.on);
    try testing.expectEqual(@as(?u8, null), value.node);
    try testing.expectEqual(@as(usize, 2), value.list.len);
    try testing.expectEqualStrings("b", value.list[1].name);
    try testing.expectEqual(@as(u8, 7), value.list[1].size);
    const bad = [_][]const u8{
        "\x81\xa3off\xc3",
        "\x81\xa4list\x91\x81\xa4size\xcd\x01\x00",
        "\x81\xa2on\x01",
        "\x81\xa4node\xff",
        "\x81\xa2on",
        "\x80\x00",
    };
    for (bad) |case| {
        const result = decode(Outer, arena.allocator(), case, &culprit);
        try testing.expectError(error.Malformed, result);
    }
}
