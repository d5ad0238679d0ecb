//! Tests of columns of Arrow, on messages as a server sends them.

const std = @import("std");
const testing = std.testing;
const arrow_module = @import("../arrow.zig");
const abi = arrow_module.abi;
const columns = @import("../columns.zig");
const wire = @import("../../wire.zig");
const Arrow = arrow_module.Arrow;
const Buffer = wire.Buffer;
const Failure = @import("../../status.zig").Failure;
const Value = wire.particle.Value;

const Bin = struct { name: []const u8, value: Value };

const digest: wire.digest.Digest = @splat(7);
const key: arrow_module.Key = .{
    .namespace = "test",
    .set = "demo",
    .user_key_type = .string,
    .user_key = "k",
    .digest = &digest,
};

/// Columns being made, and what is wrong.
const Fixture = struct {
    arrow: Arrow,
    failure: Failure = .{},

    fn init(fixture: *Fixture, gpa: std.mem.Allocator, description: []const u8) !void {
        fixture.failure = .{};
        fixture.arrow.init(gpa);
        errdefer fixture.arrow.deinit();
        try fixture.arrow.parse(description, &fixture.failure);
    }

    fn deinit(fixture: *Fixture) void {
        fixture.arrow.deinit();
    }

    fn add(fixture: *Fixture, bins: []const Bin) !void {
        var memory: [4096]u8 = undefined;
        var buffer = Buffer.fixed(&memory);
        try appendMessage(&buffer, .{ .generation = 3 }, bins);
        const message = try wire.message.Message.decode(buffer.written());
        var operations = try message.operations();
        operations = message.fields().operations(message.header.operation_count);
        try fixture.arrow.addRow(&message, &operations, 60, &key);
    }

    /// In steps of so many values.
    fn make(fixture: *Fixture, step: ?usize) !abi.Array {
        var array: abi.Array = undefined;
        while (try fixture.arrow.make(step, &array, &fixture.failure) == .more) {}
        return array;
    }

    fn expectFormats(fixture: *const Fixture, expected: []const []const u8) !void {
        var schema: abi.Schema = undefined;
        try fixture.arrow.writeSchema(&schema);
        defer schema.release.?(&schema);
        try testing.expectEqualStrings("+s", std.mem.span(schema.format.?));
        try testing.expectEqual(expected.len, @as(usize, @intCast(schema.n_children)));
        for (expected, 0..) |format, index| {
            try testing.expectEqualStrings(format, std.mem.span(schema.children.?[index].format.?));
        }
    }
};

/// Appends one message of a reply.
fn appendMessage(buffer: *Buffer, header: wire.message.Header, bins: []const Bin) !void {
    var encoder = try wire.message.Encoder.beginBare(buffer);
    for (bins) |bin| {
        const offset = try encoder.beginOperation(.read, bin.name);
        try encoder.endOperation(offset, try wire.particle.encode(buffer, bin.value));
    }
    encoder.finish(header);
}

fn numbers(T: type, array: *const abi.Array, which: usize) []const T {
    const items: [*]const T = @ptrCast(@alignCast(array.buffers.?[which].?));
    const more = @intFromBool(array.n_buffers == 3 or array.n_children > 0);
    return items[0 .. @as(usize, @intCast(array.length)) + more];
}

fn validity(array: *const abi.Array) u8 {
    const bits: [*]const u8 = @ptrCast(array.buffers.?[0] orelse return 0xff);
    return bits[0];
}

const open = "\x80";

test "numbers, texts and what is missing, in one step and in many" {
    for ([_]?usize{ null, 1, 2, 3 }) |step| {
        var fixture: Fixture = undefined;
        try fixture.init(testing.allocator, open);
        defer fixture.deinit();
        try fixture.add(&.{
            .{ .name = "n", .value = .{ .integer = -5 } },
            .{ .name = "s", .value = .{ .string = "Seoul" } },
        });
        try fixture.add(&.{.{ .name = "n", .value = .{ .integer = 7 } }});
        try fixture.add(&.{
            .{ .name = "s", .value = .{ .string = "" } },
            .{ .name = "b", .value = .{ .boolean = true } },
            .{ .name = "f", .value = .{ .float = 0.5 } },
        });
        var array = try fixture.make(step);
        defer array.release.?(&array);
        try fixture.expectFormats(&.{ "l", "u", "b", "g" });
        try testing.expectEqual(3, array.length);
        const n = array.children.?[0];
        try testing.expectEqualSlices(i64, &.{ -5, 7, 0 }, numbers(i64, n, 1));
        try testing.expectEqual(0b011, validity(n));
        try testing.expectEqual(1, n.null_count);
        const s = array.children.?[1];
        try testing.expectEqualSlices(i32, &.{ 0, 5, 5, 5 }, numbers(i32, s, 1));
        try testing.expectEqual(0b101, validity(s));
        const b = array.children.?[2];
        try testing.expectEqual(0b100, validity(b));
        try testing.expectEqual(2, b.null_count);
    }
}

test "a name that is no text is shown as one" {
    const cases = [_][2][:0]const u8{
        .{ "n\u{e4}me", "n\u{e4}me" },
        .{ "\xff", "\\xff" },
        .{ "a\xc3", "a\\xc3" },
        .{ "\xe1\x80b", "\\xe1\\x80b" },
        .{ "\xed\xa0\x80", "\\xed\\xa0\\x80" },
        .{ "a\x00b", "a\\x00b" },
        .{ "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", "\\xff\\xff\\xff\\xff\\xff\\xff\\xff\\xff\\xff\\xff\\xff\\xff\\xff\\xff\\xff" },
    };
    for (cases) |case| {
        var fixture: Fixture = undefined;
        try fixture.init(testing.allocator, open);
        defer fixture.deinit();
        try fixture.add(&.{.{ .name = case[0], .value = .{ .integer = 1 } }});
        var array = try fixture.make(null);
        defer array.release.?(&array);
        var schema: abi.Schema = undefined;
        try fixture.arrow.writeSchema(&schema);
        defer schema.release.?(&schema);
        try testing.expectEqualStrings(case[1], std.mem.span(schema.children.?[0].name.?));
    }
}

test "the next table has the same types, and what does not fit them is told" {
    var fixture: Fixture = undefined;
    try fixture.init(testing.allocator, open);
    defer fixture.deinit();
    try fixture.add(&.{.{ .name = "n", .value = .{ .integer = 1 } }});
    var array = try fixture.make(null);
    array.release.?(&array);
    fixture.arrow.clear();
    try fixture.add(&.{});
    array = try fixture.make(null);
    try testing.expectEqual(1, array.children.?[0].null_count);
    array.release.?(&array);
    fixture.arrow.clear();
    try fixture.add(&.{.{ .name = "n", .value = .{ .float = 1.5 } }});
    try testing.expectError(error.Failed, fixture.make(null));
    try testing.expectEqualStrings("bin 'n' of the record ('test', 'demo', 'k'): a float does not fit " ++
        "the column's type, int64; say what it is with schema=", fixture.failure.message());
    try testing.expectEqual(columns.Reason.type, fixture.arrow.mismatch.reason);
    fixture.arrow.clear();
    try fixture.add(&.{.{ .name = "other", .value = .{ .float = 1.5 } }});
    try testing.expectError(error.Failed, fixture.make(null));
    try testing.expect(std.mem.find(u8, fixture.failure.message(), "bin 'other' of") != null);
}

test "lists, maps and structs, and nothing of a value that does not fit" {
    var fixture: Fixture = undefined;
    try fixture.init(testing.allocator, "\x81\xa5nulls\xc3");
    defer fixture.deinit();
    try fixture.add(&.{
        .{ .name = "l", .value = .{ .list = "\x92\x01\x02" } },
        .{ .name = "m", .value = .{ .map = "\x82\xa2\x03a\x01\xa2\x03b\x02" } },
        .{ .name = "s", .value = .{ .map = "\x82\xa2\x03a\x01\xa2\x03b\xa2\x03x" } },
    });
    // Ordered: the flags are an extension in front. The last element does not fit.
    try fixture.add(&.{
        .{ .name = "l", .value = .{ .list = "\x95\xc7\x00\x01\x01\x02\x03\xc3" } },
        .{ .name = "m", .value = .{ .map = "\x82\xc7\x00\x01\xc0\xa2\x03a\xc0" } },
        .{ .name = "s", .value = .{ .map = "\x80" } },
    });
    try fixture.add(&.{.{ .name = "l", .value = .{ .list = "\x90" } }});
    var array = try fixture.make(2);
    defer array.release.?(&array);
    try fixture.expectFormats(&.{ "+l", "+m", "+s" });
    const l = array.children.?[0];
    try testing.expectEqualSlices(i32, &.{ 0, 2, 2, 2 }, numbers(i32, l, 1));
    try testing.expectEqual(0b101, validity(l));
    try testing.expectEqualSlices(i64, &.{ 1, 2 }, numbers(i64, l.children.?[0], 1));
    const m = array.children.?[1];
    try testing.expectEqualSlices(i32, &.{ 0, 2, 3, 3 }, numbers(i32, m, 1));
    const values = m.children.?[0].children.?[1];
    try testing.expectEqualSlices(i64, &.{ 1, 2, 0 }, numbers(i64, values, 1));
    try testing.expectEqual(0b011, validity(values));
    const s = array.children.?[2];
    try testing.expectEqual(0b011, validity(s));
    try testing.expectEqual(0b001, validity(s.children.?[1]));
    try testing.expectEqual(columns.code_mismatch, fixture.arrow.code(1));
    try testing.expectEqual(0, fixture.arrow.code(2));
}

test "arrays share their buffers, and children outlive their parents" {
    var fixture: Fixture = undefined;
    try fixture.init(testing.allocator, open);
    try fixture.add(&.{.{ .name = "s", .value = .{ .string = "kept" } }});
    var array = try fixture.make(null);
    fixture.deinit();
    var copy: abi.Array = undefined;
    try testing.expect(try arrow_module.share(&array, &copy));
    var moved = copy.children.?[0].*;
    copy.children.?[0].release = null;
    array.release.?(&array);
    copy.release.?(&copy);
    const text: [*]const u8 = @ptrCast(moved.buffers.?[2].?);
    try testing.expectEqualStrings("kept", text[0..4]);
    try testing.expect(!try arrow_module.share(&moved, &copy));
    moved.release.?(&moved);
    try testing.expectEqual(null, moved.release);
}

/// Keys and metadata, and a bin of every type.
fn makeAll(gpa: std.mem.Allocator) !void {
    var fixture: Fixture = undefined;
    return makeAllIn(&fixture, gpa) catch |err| {
        if (err != error.Failed) return err;
        try testing.expectEqual(.out_of_memory, fixture.failure.status);
        return error.OutOfMemory;
    };
}

fn makeAllIn(fixture: *Fixture, gpa: std.mem.Allocator) !void {
    try fixture.init(gpa, "\x82\xa3key\xc3\xa4meta\xc3");
    defer fixture.deinit();
    const bins = [_]Bin{
        .{ .name = "i", .value = .{ .integer = 1 } },
        .{ .name = "f", .value = .{ .float = 1 } },
        .{ .name = "b", .value = .{ .boolean = true } },
        .{ .name = "s", .value = .{ .string = "text" } },
        .{ .name = "z", .value = .{ .blob = "bytes" } },
        .{ .name = "h", .value = .{ .hll = "sketch" } },
        .{ .name = "g", .value = .{ .geojson = "{}" } },
        .{ .name = "l", .value = .{ .list = "\x91\x91\xa2\x03x" } },
        .{ .name = "m", .value = .{ .map = "\x81\xa2\x03a\x82\xa2\x03b\x01\xa2\x03c\xc3" } },
    };
    for (0..9) |_| try fixture.add(&bins);
    try fixture.add(bins[0..2]);
    var array = try fixture.make(4);
    defer array.release.?(&array);
    var schema: abi.Schema = undefined;
    try fixture.arrow.writeSchema(&schema);
    defer schema.release.?(&schema);
    try testing.expectEqual(14, schema.n_children);
    try testing.expectEqual(14, array.n_children);
    try testing.expectEqual(3, numbers(u32, array.children.?[3], 1)[0]);
    var out: Buffer = .growing(gpa, &.{}, 1 << 20);
    defer out.deinit();
    const place: arrow_module.encode.Place = .{
        .namespace = "test",
        .set = "demo",
        .key_column = "_key",
        .meta = "\xc0",
        .removes = false,
        .number = 0,
    };
    try arrow_module.encode.encode(gpa, &schema, &array, 8, 2, &place, &out, &fixture.failure);
    var reader: wire.msgpack.Reader = .init(out.written());
    try testing.expectEqual(2, (try reader.next()).array);
    try testing.expectEqual(4, (try reader.next()).array);
    try testing.expectEqual(3, (try reader.next()).array);
    for ([_][]const u8{ "test", "demo", "k" }) |text| {
        try testing.expectEqualStrings(text, (try reader.next()).string);
    }
    try testing.expectEqual(1, (try reader.next()).int);
    try testing.expectEqual(13, (try reader.next()).map);
    reader.position = 1;
    try reader.skip();
    try reader.skip();
    try testing.expect(reader.isAtEnd());
}

test "every type, and no memory at any time" {
    try testing.checkAllAllocationFailures(testing.allocator, makeAll, .{});
}

test "whatever the bytes of a message, nothing of it stays or it is whole" {
    var memory: [1024]u8 = undefined;
    var buffer = Buffer.fixed(&memory);
    try appendMessage(&buffer, .{}, &.{
        .{ .name = "a", .value = .{ .integer = 300 } },
        .{ .name = "l", .value = .{ .list = "\x93\xc7\x00\x01\x01\x91\xa2\x03x" } },
        .{ .name = "m", .value = .{ .map = "\x81\xa2\x03a\x82\xa2\x03b\x01\xa2\x03c\xc3" } },
        .{ .name = "g", .value = .{ .geojson = "{}" } },
        .{ .name = "s", .value = .{ .string = "text" } },
    });
    const sample = buffer.written();
    var random_state = std.Random.DefaultPrng.init(testing.random_seed);
    const random = random_state.random();
    var fixture: Fixture = undefined;
    try fixture.init(testing.allocator, "\x81\xa5nulls\xc3");
    defer fixture.deinit();
    for (0..3_000) |_| {
        try fixture.arrow.start(3);
        for (0..3) |row| {
            var bytes: [1024]u8 = undefined;
            @memcpy(bytes[0..sample.len], sample);
            for (0..random.uintAtMost(usize, 4)) |_| {
                bytes[random.uintLessThan(usize, sample.len)] = random.int(u8);
            }
            const len = if (random.boolean()) sample.len else random.uintAtMost(usize, sample.len);
            const message = wire.message.Message.decode(bytes[0..len]) catch continue;
            const before = fixture.arrow.cells.columns.items.len;
            if (fixture.arrow.writeRow(row, &message, 0)) |rest| {
                try testing.expect(rest.len <= len);
            } else |_| {
                try testing.expectEqual(before, fixture.arrow.cells.columns.items.len);
                try testing.expectEqual(columns.code_no_response, fixture.arrow.code(row));
                for (fixture.arrow.cells.columns.items) |*column| {
                    try testing.expectEqual(.none, column.cells[row].kind);
                }
            }
        }
        var array = fixture.make(null) catch continue;
        try testing.expectEqual(3, array.length);
        array.release.?(&array);
    }
}

test "a description that is none is refused" {
    const bad = [_][]const u8{
        "",                                                             "\x90",                                            "\x81\xa5nulls\x01",                              "\x81\xa4what\xc3",                                             "\x80\x80",
        // A type that there is not, a width that is none, a list of nothing, and a name too long.
        "\x81\xa7columns\x91\x95\xa1a\xa1?\xc3\xa0\x90",                "\x81\xa7columns\x91\x95\xa1a\xa3w:x\xc3\xa0\x90", "\x81\xa7columns\x91\x95\xa1a\xa2+l\xc3\xa0\x90", "\x81\xa7columns\x91\x95\xb0aaaaaaaaaaaaaaaa\xa1l\xc3\xa0\x90", "\x81\xa7columns\x92\x95\xa1a\xa1l\xc3\xa0\x90\x95\xa1a\xa1l\xc3\xa0\x90",
        "\x82\xa7columns\x91\x95\xa4_gen\xa1l\xc3\xa0\x90\xa4meta\xc3",
    };
    for (bad) |description| {
        var fixture: Fixture = undefined;
        try testing.expectError(error.Failed, fixture.init(testing.allocator, description));
        try testing.expectEqual(.invalid_argument, fixture.failure.status);
    }
}
