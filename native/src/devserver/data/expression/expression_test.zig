//! Expressions, with the real server's answers.

const std = @import("std");
const expression = @import("../expression.zig");
const record_module = @import("../record.zig");

const Expression = expression.Expression;
const Value = expression.Value;
const testing = std.testing;

const bins = [_]record_module.Bin{
    .{ .name = "i", .kind = .integer, .value = "\x00\x00\x00\x00\x00\x00\x00\x05" },
    .{ .name = "s", .kind = .string, .value = "abc" },
    .{ .name = "l", .kind = .list, .value = "\x93\x03\x01\x02" },
    .{ .name = "m", .kind = .map, .value = "\x82\x01\x05\x02\x04" },
};

const meta: record_module.Meta = .{
    .digest = "0123456789abcdefghij".*,
    .generation = 1,
    .void_time_s = 1000,
    .last_update_ms = 500_000,
};

fn makeRecord(arena: std.mem.Allocator) !expression.Record {
    const list = try arena.create(record_module.BinList);
    list.* = .empty;
    for (bins) |bin| try list.put(arena, bin.name, bin);
    return .{
        .meta = &meta,
        .set_name = "set",
        .key = "\x03key",
        .is_key_stored = true,
        .stored = null,
        .bins = .{ .list = list },
        .now = .{ .unix_ms = (record_module.epoch_offset_s + 900) * 1000 },
    };
}

fn evaluate(arena: std.mem.Allocator, bytes: []const u8) !Value {
    const compiled = try Expression.compile(arena, .@"8.2", bytes);
    return (try compiled.evaluate(arena, &try makeRecord(arena))).plain();
}

fn expect(expected: Value, bytes: []const u8) !void {
    var arena = std.heap.ArenaAllocator.init(testing.allocator);
    defer arena.deinit();
    try testing.expectEqualDeep(expected, try evaluate(arena.allocator(), bytes));
}

fn expectInvalid(bytes: []const u8) !void {
    var arena = std.heap.ArenaAllocator.init(testing.allocator);
    defer arena.deinit();
    try testing.expectError(error.Invalid, Expression.compile(arena.allocator(), .@"8.2", bytes));
}

const bin_i = "\x93\x51\x02\xa1i";
const bin_l = "\x93\x51\x04\xa1l";
const bin_m = "\x93\x51\x05\xa1m";
const missing = "\x93\x51\x02\xa1x";

test "comparisons of bins and constants, and of what is not there" {
    try expect(.{ .boolean = true }, "\x93\x01" ++ bin_i ++ "\x05");
    try expect(.{ .boolean = false }, "\x93\x03" ++ bin_i ++ "\x05");
    try expect(.unknown, "\x93\x01" ++ missing ++ "\x05");
    try expect(.unknown, "\x93\x01\x93\x51\x03\xa1i\xa2\x035");
    try expect(.{ .boolean = true }, "\x93\x01\x93\x51\x03\xa1s\xa4\x03abc");
    try expect(.{ .boolean = true }, "\x93\x03" ++ bin_l ++ "\x92\x7e\x91\x02");
    // A map that need not be in order cannot be compared.
    try expect(.unknown, "\x93\x01" ++ bin_m ++ bin_m);
}

test "logic knows what it can in spite of what is unknown" {
    const unknown = "\x93\x01" ++ missing ++ "\x05";
    try expect(.{ .boolean = false }, "\x93\x10" ++ unknown ++ "\xc2");
    try expect(.unknown, "\x93\x10" ++ unknown ++ "\xc3");
    try expect(.{ .boolean = true }, "\x93\x11" ++ unknown ++ "\xc3");
    try expect(.unknown, "\x92\x12" ++ unknown);
    try expect(.{ .boolean = false }, "\x93\x13\xc3\xc3");
    try expect(.unknown, "\x93\x13" ++ unknown ++ "\xc3");
}

test "numbers: sums, divisions, bits" {
    try expect(.{ .integer = 10 }, "\x94\x14" ++ bin_i ++ "\x02\x03");
    try expect(.{ .integer = -5 }, "\x92\x15" ++ bin_i);
    try expect(.{ .integer = 2 }, "\x93\x17" ++ bin_i ++ "\x02");
    try expect(.unknown, "\x93\x17" ++ bin_i ++ "\x00");
    try expect(.unknown, "\x93\x1a" ++ bin_i ++ "\x00");
    try expect(.{ .integer = 40 }, "\x93\x24" ++ bin_i ++ "\x03");
    try expect(.{ .integer = 2 }, "\x92\x27" ++ bin_i);
    try expect(.{ .integer = 61 }, "\x93\x28" ++ bin_i ++ "\xc3");
    try expect(
        .{ .float = 8 },
        "\x93\x18\xcb\x40\x00\x00\x00\x00\x00\x00\x00\xcb\x40\x08\x00\x00\x00\x00\x00\x00",
    );
    try expectInvalid("\x93\x14\x01\xcb\x40\x00\x00\x00\x00\x00\x00\x00");
}

test "metadata" {
    try expect(.{ .integer = 100 }, "\x91\x45");
    try expect(
        .{ .integer = (record_module.epoch_offset_s + 1000) * std.time.ns_per_s },
        "\x91\x44",
    );
    try expect(.{ .integer = 400_000 }, "\x91\x43");
    try expect(.{ .string = "set" }, "\x91\x46");
    try expect(.{ .boolean = true }, "\x91\x47");
    try expect(.{ .string = "key" }, "\x92\x50\x03");
    try expect(.unknown, "\x92\x50\x02");
    try expect(.{ .integer = 20 }, "\x92\x52\xa1l");
    try expect(.{ .integer = 0 }, "\x92\x52\xa1x");
}

test "variables, conditions and what they may not do" {
    try expect(.{ .integer = 6 }, "\x94\x7d\xa1a" ++ bin_i ++ "\x93\x14\x92\x7c\xa1a\x01");
    try expect(.{ .integer = 1 }, "\x94\x7b\xc3\x01\x02");
    try expect(.{ .integer = 2 }, "\x94\x7b\xc2\x01\x02");
    try expect(.unknown, "\x94\x7b\xc3\x91\x00\x02");
    try expectInvalid("\x94\x7b\xc3\x01\xa2\x03a");
    try expectInvalid("\x92\x7c\xa1a");
    try expectInvalid("\x94\x7d\xa11\x01\x02");
    try expectInvalid("\x96\x7d\xa1a\x01\xa1a\x02\x03");
}

test "lists and maps: reading, changing a copy, looking for an element" {
    try expect(.{ .integer = 3 }, "\x95\x7f\x02\x00\x91\x10" ++ bin_l);
    try expect(
        .{ .integer = 1 },
        "\x95\x7f\x02\x00\x92\x11" ++ "\x93\x15" ++ bin_i ++ "\x04" ++ bin_l,
    );
    const appended = "\x95\x7f\x04\x40\x92\x01\x09" ++ bin_l;
    try expect(.{ .container = "\x94\x03\x01\x02\x09" }, appended);
    try expect(.{ .container = "\x93\x03\x01\x02" }, bin_l);
    try expect(.unknown, "\x95\x7f\x03\x00\x91\x10" ++ bin_l);
    try expect(.unknown, "\x95\x7f\x02\x00\x92\x11\x09" ++ bin_l);
    try expect(.{ .boolean = true }, "\x93\x09\x02" ++ bin_l);
    try expect(.{ .boolean = false }, "\x93\x09\x05" ++ bin_l);
    try expect(.{ .container = "\x92\x01\x02" }, "\x92\x65" ++ bin_m);
    try expect(.{ .container = "\x92\x05\x04" }, "\x92\x66" ++ bin_m);
}

test "a pattern and a place" {
    try expect(.{ .boolean = true }, "\x94\x07\x01\xa4^a.c\x93\x51\x03\xa1s");
    try expectInvalid("\x94\x07\x01\xa1(\x93\x51\x03\xa1s");
    const circle = "{\"type\":\"AeroCircle\",\"coordinates\":[[2,3],50000]}";
    const point = "{\"type\":\"Point\",\"coordinates\":[2,3]}";
    const place = "\xd9\x32\x17" ++ circle ++ "\xd9\x25\x17" ++ point;
    try expect(.{ .boolean = true }, "\x93\x08" ++ place);
}

test "what is no expression is refused, however deep" {
    for ([_][]const u8{
        "",     "\x90",         "\x91\x0a",     "\x92\x45\x01",
        "\xa0", "\x93\x01\x01", "\x01\x01",     "\xd4\xff\x00",
        "\xc1", "\x91\xc0",     "\x92\x12\x01", "\x95\x7f\x02\x01\x91\x10\x93\x51\x04\xa1l",
    }) |bytes| try expectInvalid(bytes);
    const deep: [2000]u8 = @splat(0x92);
    try expectInvalid(&deep);
    var nested: [1201]u8 = @splat(0xc3);
    for (0..600) |index| nested[index * 2 ..][0..2].* = "\x92\x12".*;
    try expectInvalid(&nested);
}

test "whatever is sent ends as a value or an error" {
    var random_source = std.Random.DefaultPrng.init(2);
    const random = random_source.random();
    var arena = std.heap.ArenaAllocator.init(testing.allocator);
    defer arena.deinit();
    const starts = [_][]const u8{
        "\x93\x03" ++ bin_i ++ "\x05",
        "\x94\x7d\xa1a" ++ bin_i ++ "\x93\x14\x92\x7c\xa1a\x01",
        "\x95\x7f\x02\x00\x92\x11\x01" ++ bin_l,
        "\x94\x7b\xc3\x01\x93\x14\x01\x02",
    };
    for (0..20_000) |_| {
        _ = arena.reset(.retain_capacity);
        var bytes: [32]u8 = undefined;
        const start = starts[random.uintLessThan(usize, starts.len)];
        @memcpy(bytes[0..start.len], start);
        for (0..random.uintAtMost(usize, 3)) |_| {
            bytes[random.uintLessThan(usize, start.len)] = random.int(u8);
        }
        _ = evaluate(arena.allocator(), bytes[0..start.len]) catch {};
        const record = try makeRecord(arena.allocator());
        _ = try expression.read(arena.allocator(), .@"8.2", &record, bytes[0..start.len]);
    }
}
