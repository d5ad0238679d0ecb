//! Tests of columns.zig, on messages as a server sends them.

const std = @import("std");
const testing = std.testing;
const columns = @import("columns.zig");
const Column = columns.Column;
const Kind = columns.Kind;
const Metadata = columns.Metadata;
const Mismatch = columns.Mismatch;
const Reason = columns.Reason;
const Table = columns.Table;
const Failure = @import("../status.zig").Failure;
const wire = @import("../wire.zig");
const Buffer = wire.Buffer;
const Value = wire.particle.Value;

const Bin = struct { name: []const u8, value: Value };

fn column(name: []const u8, kind: Kind, offset: u32, size: u32) Column {
    var result: Column = .{
        .name = @splat(0),
        .name_len = @intCast(name.len),
        .offset = offset,
        .size = size,
        .element_size = size,
        .kind = kind,
        .swapped = 0,
        .array = 0,
        .reserved = 0,
    };
    @memcpy(result.name[0..name.len], name);
    return result;
}

fn swapped(original: Column) Column {
    var result = original;
    result.swapped = 1;
    return result;
}

fn arrayOf(element_size: u32, original: Column) Column {
    var result = original;
    result.element_size = element_size;
    result.array = 1;
    return result;
}

/// Appends one message of a batch reply.
fn appendMessage(buffer: *Buffer, header: wire.message.Header, bins: []const Bin) !void {
    var encoder = try wire.message.Encoder.beginBare(buffer);
    for (bins) |bin| {
        const offset = try encoder.beginOperation(.read, bin.name);
        try encoder.endOperation(offset, try wire.particle.encode(buffer, bin.value));
    }
    encoder.finish(header);
}

/// Memory for up to four rows of up to 64 bytes, every byte not written beyond them a canary.
const Fixture = struct {
    rows: [4 * 64]u8 align(@alignOf(u64)) = @splat(0),
    metadata: [4]Metadata = @splat(.{ .generation = 0, .ttl = 0 }),
    codes: [4]i32 = @splat(99),
    failure: Failure = .{},

    fn table(fixture: *Fixture, described: []const Column, row_stride: u64, row_count: u64) Table {
        return .{
            .size = @sizeOf(Table),
            .column_count = @intCast(described.len),
            .columns = described.ptr,
            .rows = &fixture.rows,
            .row_stride = row_stride,
            .row_count = row_count,
            .metadata = &fixture.metadata,
            .result_codes = &fixture.codes,
            .mismatch = .{},
        };
    }
};

/// The one field of a row after one bin was written into it.
fn writeOne(described: Column, value: Value, field: []u8) !Reason {
    var fixture: Fixture = .{};
    var table = fixture.table(&.{described}, described.size, 1);
    try table.check(&fixture.failure);
    table.start();
    var memory: [1024]u8 = undefined;
    var buffer = Buffer.fixed(&memory);
    try appendMessage(&buffer, .{}, &.{.{ .name = "b", .value = value }});
    const message = try wire.message.Message.decode(buffer.written());
    const rest = try table.writeRow(0, &message, 0, &table.mismatch);
    try testing.expectEqual(@as(usize, 0), rest.len);
    @memcpy(field, fixture.rows[0..described.size]);
    for (fixture.rows[described.size..]) |byte| try testing.expectEqual(@as(u8, 0), byte);
    const expected: i32 = if (table.mismatch.row_count == 0) 0 else columns.code_mismatch;
    try testing.expectEqual(expected, fixture.codes[0]);
    return table.mismatch.reason;
}

fn expectField(described: Column, value: Value, expected: []const u8) !void {
    var field: [64]u8 = undefined;
    try testing.expectEqual(Reason.none, try writeOne(described, value, field[0..described.size]));
    try testing.expectEqualSlices(u8, expected, field[0..described.size]);
}

/// The value is refused for the reason, and the field stays zero.
fn expectRefused(described: Column, value: Value, reason: Reason) !void {
    var field: [64]u8 = undefined;
    try testing.expectEqual(reason, try writeOne(described, value, field[0..described.size]));
    for (field[0..described.size]) |byte| try testing.expectEqual(@as(u8, 0), byte);
}

fn expectNumber(T: type, kind: Kind, value: Value, number: T) !void {
    const Bits = @Int(.unsigned, @bitSizeOf(T));
    const bits: Bits = @bitCast(number);
    var bytes: [@sizeOf(T)]u8 = undefined;
    std.mem.writeInt(Bits, &bytes, bits, @import("builtin").cpu.arch.endian());
    const described = column("b", kind, 0, @sizeOf(T));
    try expectField(described, value, &bytes);
    std.mem.reverse(u8, &bytes);
    try expectField(swapped(described), value, &bytes);
}

test "integers fit every width up to its limits, in both byte orders" {
    inline for (.{
        .{ i8, Kind.int8 },    .{ i16, Kind.int16 },  .{ i32, Kind.int32 },
        .{ i64, Kind.int64 },  .{ u8, Kind.uint8 },   .{ u16, Kind.uint16 },
        .{ u32, Kind.uint32 }, .{ u64, Kind.uint64 },
    }) |pair| {
        const T, const kind = pair;
        const low: i128 = std.math.minInt(T);
        const high: i128 = @min(std.math.maxInt(T), std.math.maxInt(i64));
        const field = column("b", kind, 0, @sizeOf(T));
        try expectNumber(T, kind, .{ .integer = @intCast(low) }, @intCast(low));
        try expectNumber(T, kind, .{ .integer = @intCast(high) }, @intCast(high));
        if (low > std.math.minInt(i64)) {
            try expectRefused(field, .{ .integer = @intCast(low - 1) }, .range);
        }
        if (high < std.math.maxInt(i64)) {
            try expectRefused(field, .{ .integer = @intCast(high + 1) }, .range);
        }
        try expectNumber(T, kind, .{ .boolean = true }, 1);
        try expectRefused(field, .{ .float = 1.0 }, .type);
        try expectRefused(field, .{ .string = "1" }, .type);
        try expectRefused(field, .{ .blob = "\x01" }, .type);
        try expectRefused(field, .{ .list = "\x91\x01" }, .type);
        try expectRefused(field, .{ .map = "\x80" }, .type);
    }
}

test "floats take what does not become infinite, integers and booleans" {
    try expectNumber(f64, .float64, .{ .float = 0.1 }, 0.1);
    try expectNumber(f32, .float32, .{ .float = 0.1 }, 0.1);
    try expectNumber(f16, .float16, .{ .float = 0.1 }, 0.1);
    try expectNumber(f64, .float64, .{ .integer = -3 }, -3);
    try expectNumber(f32, .float32, .{ .integer = 1 << 40 }, 1 << 40);
    try expectNumber(f64, .float64, .{ .boolean = true }, 1);
    try expectNumber(f32, .float32, .{ .float = -std.math.inf(f64) }, -std.math.inf(f32));
    try expectRefused(column("b", .float32, 0, 4), .{ .float = 1e300 }, .range);
    try expectRefused(column("b", .float16, 0, 2), .{ .float = -1e5 }, .range);
    try expectRefused(column("b", .float16, 0, 2), .{ .integer = 100_000 }, .range);
    try expectRefused(column("b", .float64, 0, 8), .{ .string = "1.5" }, .type);
    var field: [4]u8 = undefined;
    const nan: Value = .{ .float = std.math.nan(f64) };
    try testing.expectEqual(Reason.none, try writeOne(column("b", .float32, 0, 4), nan, &field));
    try testing.expect(std.math.isNan(@as(f32, @bitCast(field))));
}

test "booleans take booleans and the integers that stand for them" {
    const field = column("b", .boolean, 0, 1);
    try expectField(field, .{ .boolean = true }, "\x01");
    try expectField(field, .{ .boolean = false }, "\x00");
    try expectField(field, .{ .integer = 1 }, "\x01");
    try expectField(field, .{ .integer = 0 }, "\x00");
    try expectRefused(field, .{ .integer = 2 }, .range);
    try expectRefused(field, .{ .integer = -1 }, .range);
    try expectRefused(field, .{ .float = 1 }, .type);
}

test "bytes take texts and blobs up to their size and end in zeros" {
    const field = column("b", .bytes, 0, 5);
    try expectField(field, .{ .string = "Seoul" }, "Seoul");
    try expectField(field, .{ .string = "" }, "\x00\x00\x00\x00\x00");
    try expectField(field, .{ .blob = "\x01\x00\x02" }, "\x01\x00\x02\x00\x00");
    try expectField(field, .{ .hll = "hll" }, "hll\x00\x00");
    try expectField(field, .{ .geojson = "{}" }, "{}\x00\x00\x00");
    try expectRefused(field, .{ .string = "London" }, .length);
    try expectRefused(field, .{ .integer = 1 }, .type);
    try expectRefused(column("b", .bytes, 0, 0), .{ .string = "x" }, .length);
    try expectField(column("b", .bytes, 0, 0), .{ .string = "" }, "");
}

test "arrays take blobs of whole elements as they are" {
    const field = arrayOf(4, column("b", .int32, 0, 12));
    const whole = "\x01\x00\x00\x00\x02\x00\x00\x00\x03\x00\x00\x00";
    try expectField(field, .{ .blob = whole }, whole);
    try expectField(field, .{ .blob = "abcd" }, "abcd\x00\x00\x00\x00\x00\x00\x00\x00");
    try expectField(swapped(field), .{ .blob = "abcd" }, "abcd\x00\x00\x00\x00\x00\x00\x00\x00");
    try expectRefused(field, .{ .blob = "abcdef" }, .length);
    try expectRefused(field, .{ .blob = "abcdefghijklmnop" }, .length);
    try expectRefused(field, .{ .integer = 1 }, .type);
    try expectRefused(field, .{ .string = "abcd" }, .type);
    const none = arrayOf(4, column("b", .int32, 0, 0));
    try expectField(none, .{ .blob = "" }, "");
    try expectRefused(none, .{ .blob = "abcd" }, .length);
}

test "arrays take lists whose elements fit" {
    const shorts = swapped(arrayOf(2, column("b", .int16, 0, 6)));
    const big_endian = @import("builtin").cpu.arch.endian() == .big;
    const pair = if (big_endian) "\x01\x00\xff\xff\x00\x00" else "\x00\x01\xff\xff\x00\x00";
    try expectField(shorts, .{ .list = "\x92\x01\xff" }, pair);
    // Ordered: the flags are an extension in front.
    try expectField(shorts, .{ .list = "\x93\xc7\x00\x01\x01\xff" }, pair);
    try expectRefused(shorts, .{ .list = "\x94\x01\x02\x03\x04" }, .length);
    try expectRefused(shorts, .{ .list = "\x92\x01\xd2\x00\x01\x00\x00" }, .range);
    try expectRefused(shorts, .{ .list = "\x92\x01\xc0" }, .type);
    try expectRefused(shorts, .{ .list = "\x92\x01\x91\x01" }, .type);
    try expectRefused(shorts, .{ .list = "\x92\x01\xa2\x03x" }, .type);

    const words = arrayOf(3, column("b", .bytes, 0, 6));
    try expectField(words, .{ .list = "\x92\xa2\x03x\xa3\x04yz" }, "x\x00\x00yz\x00");
    try expectRefused(words, .{ .list = "\x91\xa5\x03long" }, .length);

    const large = swapped(arrayOf(8, column("b", .uint64, 0, 8)));
    const max: [8]u8 = @splat(0xff);
    try expectField(large, .{ .list = "\x91\xcf\xff\xff\xff\xff\xff\xff\xff\xff" }, &max);
    const signed = arrayOf(8, column("b", .int64, 0, 8));
    try expectRefused(signed, .{ .list = "\x91\xcf\xff\xff\xff\xff\xff\xff\xff\xff" }, .range);
}

const person = [_]Column{
    column("age", .int32, 0, 4),
    column("score", .float64, 8, 8),
    column("a_name_15_bytes", .bytes, 16, 6),
};
const person_bytes = 24;

const Person = extern struct { age: i32, score: f64, name: [6]u8 };

test "rows of one frame, with missing records and bins, in any order of bins" {
    var fixture: Fixture = .{};
    var table = fixture.table(&person, person_bytes, 4);
    try table.check(&fixture.failure);
    table.start();
    for (0..4) |row| try testing.expectEqual(columns.code_no_response, table.code(row));

    var memory: [1024]u8 = undefined;
    var buffer = Buffer.fixed(&memory);
    try appendMessage(&buffer, .{ .generation = 7 }, &.{
        .{ .name = "a_name_15_bytes", .value = .{ .string = "Alice" } },
        .{ .name = "age", .value = .{ .integer = 30 } },
        .{ .name = "other", .value = .{ .integer = 1 } },
        .{ .name = "score", .value = .{ .float = 95.5 } },
    });
    try appendMessage(&buffer, .{ .result_code = 2 }, &.{});
    try appendMessage(&buffer, .{ .generation = 1 }, &.{
        .{ .name = "a_name_15_bytez", .value = .{ .string = "x" } },
        .{ .name = "age", .value = .nil },
        .{ .name = "", .value = .{ .integer = 1 } },
    });
    try buffer.append("rest");

    var rest: []const u8 = buffer.written();
    for ([_]usize{ 2, 0, 3 }) |row| {
        const message = try wire.message.Message.decode(rest);
        rest = try table.writeRow(row, &message, 500, &table.mismatch);
    }
    try testing.expectEqualStrings("rest", rest);
    try testing.expectEqualSlices(i32, &.{ 2, columns.code_no_response, 0, 0 }, &fixture.codes);
    const people: *const [4]Person = @ptrCast(@alignCast(&fixture.rows));
    try testing.expectEqual(@as(i32, 30), people[2].age);
    try testing.expectEqual(@as(f64, 95.5), people[2].score);
    try testing.expectEqualStrings("Alice\x00", &people[2].name);
    for ([_]usize{ 0, 1, 3 }) |row| {
        const bytes = fixture.rows[row * person_bytes ..][0..person_bytes];
        try testing.expect(std.mem.allEqual(u8, bytes, 0));
    }
    try testing.expectEqual(Metadata{ .generation = 7, .ttl = 500 }, fixture.metadata[2]);
    try testing.expectEqual(Metadata{ .generation = 0, .ttl = 0 }, fixture.metadata[0]);
    try testing.expectEqual(@as(u64, 0), table.mismatch.row_count);
}

test "what a record has is told from what is zero" {
    var fixture: Fixture = .{};
    var present: [6]u8 = @splat(0);
    var table = fixture.table(&person, person_bytes, 2);
    table.present = &present;
    table.start();
    var memory: [1024]u8 = undefined;
    var buffer = Buffer.fixed(&memory);
    try appendMessage(&buffer, .{}, &.{
        .{ .name = "age", .value = .{ .integer = 0 } },
        .{ .name = "score", .value = .{ .string = "high" } },
    });
    const message = try wire.message.Message.decode(buffer.written());
    _ = try table.writeRow(1, &message, 0, &table.mismatch);
    try testing.expectEqualSlices(u8, &.{ 0, 0, 0, 1, 0, 0 }, &present);
    const cut = try wire.message.Message.decode(buffer.written()[0 .. buffer.end - 1]);
    try testing.expectError(error.Malformed, table.writeRow(1, &cut, 0, &table.mismatch));
    try testing.expectEqualSlices(u8, &.{ 0, 0, 0, 0, 0, 0 }, &present);
}

test "a query's row has its digest, and its user key in a column" {
    var fixture: Fixture = .{};
    var digests: [2]wire.digest.Digest = @splat(@splat(0));
    var table = fixture.table(&person, person_bytes, 2);
    table.digests = &digests;
    table.key_column = 4;
    try testing.expectError(error.Failed, table.check(&fixture.failure));
    table.key_column = 3;
    table.start();
    for ([_][]const u8{ "me", "too long" }, 0..) |user_key, row| {
        table.result_codes.?[row] = 0;
        try table.writeKey(row, .string, user_key, &@as(wire.digest.Digest, @splat(9)));
    }
    const people: *const [2]Person = @ptrCast(@alignCast(fixture.rows[0 .. 2 * person_bytes]));
    try testing.expectEqualStrings("me\x00\x00\x00\x00", &people[0].name);
    try testing.expectEqual(@as(u64, 1), table.mismatch.row_count);
    try testing.expectEqual(columns.code_mismatch, table.code(1));
    try testing.expectEqual(9, digests[1][19]);
}

test "a value that does not fit leaves the rest of its row and is counted once a row" {
    var fixture: Fixture = .{};
    var table = fixture.table(&person, person_bytes, 4);
    table.start();
    var memory: [1024]u8 = undefined;
    var buffer = Buffer.fixed(&memory);
    const bad = [_]Bin{
        .{ .name = "age", .value = .{ .integer = 1 << 40 } },
        .{ .name = "score", .value = .{ .string = "high" } },
        .{ .name = "a_name_15_bytes", .value = .{ .string = "Bob" } },
    };
    try appendMessage(&buffer, .{}, bad[1..]);
    try appendMessage(&buffer, .{}, &bad);
    var first: Mismatch = .{};
    var second: Mismatch = .{};
    var message = try wire.message.Message.decode(buffer.written());
    message = try .decode(try table.writeRow(3, &message, 0, &first));
    _ = try table.writeRow(1, &message, 0, &second);
    table.mismatch.merge(&first);
    table.mismatch.merge(&second);
    table.mismatch.merge(&.{});
    try testing.expectEqual(Mismatch{
        .row_count = 2,
        .row = 1,
        .column = 0,
        .reason = .range,
        .particle_type = 1,
    }, table.mismatch);
    const people: *const [4]Person = @ptrCast(@alignCast(&fixture.rows));
    try testing.expectEqual(Person{ .age = 0, .score = 0, .name = "Bob\x00\x00\x00".* }, people[1]);
    try testing.expectEqual(columns.code_mismatch, fixture.codes[3]);
}

test "a message cut short leaves its row as it was" {
    var fixture: Fixture = .{};
    var table = fixture.table(&person, person_bytes, 1);
    table.start();
    var memory: [1024]u8 = undefined;
    var buffer = Buffer.fixed(&memory);
    try appendMessage(&buffer, .{ .generation = 3 }, &.{
        .{ .name = "age", .value = .{ .integer = 1 << 40 } },
        .{ .name = "score", .value = .{ .float = 1 } },
        .{ .name = "a_name_15_bytes", .value = .{ .string = "Carol" } },
    });
    const whole = buffer.written();
    for (wire.message.header_bytes..whole.len) |len| {
        const message = try wire.message.Message.decode(whole[0..len]);
        try testing.expectError(error.Malformed, table.writeRow(0, &message, 9, &table.mismatch));
        try testing.expect(std.mem.allEqual(u8, &fixture.rows, 0));
        try testing.expectEqual(columns.code_no_response, table.code(0));
        try testing.expectEqual(@as(u32, 0), fixture.metadata[0].generation);
        try testing.expectEqual(@as(u64, 0), table.mismatch.row_count);
    }
    const message = try wire.message.Message.decode(whole);
    try testing.expectError(error.Malformed, table.writeRow(1, &message, 0, &table.mismatch));
}

test "a description that does not hold together is refused" {
    const good = column("b", .int32, 4, 4);
    var fixture: Fixture = .{};
    try fixture.table(&.{good}, 8, 1).check(&fixture.failure);
    var bad: [9]Column = @splat(good);
    bad[0].name_len = 0;
    bad[1].name_len = 16;
    bad[2].offset = 5;
    bad[3].offset = std.math.maxInt(u32);
    bad[4].kind = @fromBackingInt(0);
    bad[5].kind = @fromBackingInt(99);
    bad[6].element_size = 2;
    bad[7] = arrayOf(3, column("b", .bytes, 0, 4));
    bad[8] = arrayOf(0, column("b", .bytes, 0, 4));
    for (&bad) |*described| {
        const table = fixture.table(described[0..1], 8, 1);
        try testing.expectError(error.Failed, table.check(&fixture.failure));
        try testing.expectEqual(.invalid_argument, fixture.failure.status);
    }
    var table = fixture.table(&.{good}, 8, std.math.maxInt(u64) / 4);
    try testing.expectError(error.Failed, table.check(&fixture.failure));
    table = fixture.table(&.{good}, 8, 1);
    table.rows = null;
    try testing.expectError(error.Failed, table.check(&fixture.failure));
    table = fixture.table(&.{good}, 8, 1);
    table.result_codes = null;
    try testing.expectError(error.Failed, table.check(&fixture.failure));
    table = fixture.table(&.{good}, 8, 1);
    table.size -= 8;
    try testing.expectError(error.Failed, table.check(&fixture.failure));
}

test "whatever the bytes of a message, only its row is written" {
    const described = [_]Column{
        column("a", .int16, 2, 2),
        arrayOf(4, column("bb", .float32, 8, 16)),
        arrayOf(2, column("ccc", .bytes, 24, 8)),
        column("dddd", .bytes, 32, 5),
        column("eeeeeeee", .boolean, 40, 1),
    };
    var memory: [1024]u8 = undefined;
    var buffer = Buffer.fixed(&memory);
    try appendMessage(&buffer, .{}, &.{
        .{ .name = "a", .value = .{ .integer = 300 } },
        .{ .name = "bb", .value = .{ .list = "\x93\xc7\x00\x01\x01\xcb" ++
            "\x3f\xf0\x00\x00\x00\x00\x00\x00" } },
        .{ .name = "ccc", .value = .{ .list = "\x92\xa2\x03x\xa2\x04y" } },
        .{ .name = "dddd", .value = .{ .geojson = "{}" } },
        .{ .name = "eeeeeeee", .value = .{ .boolean = true } },
    });
    const sample = buffer.written();
    var random_state = std.Random.DefaultPrng.init(testing.random_seed);
    const random = random_state.random();
    for (0..20_000) |_| {
        var bytes: [1024]u8 = undefined;
        @memcpy(bytes[0..sample.len], sample);
        for (0..random.uintAtMost(usize, 4)) |_| {
            bytes[random.uintLessThan(usize, sample.len)] = random.int(u8);
        }
        const len = if (random.boolean()) sample.len else random.uintAtMost(usize, sample.len);
        var fixture: Fixture = .{};
        var table = fixture.table(&described, 48, 3);
        table.start();
        const message = wire.message.Message.decode(bytes[0..len]) catch continue;
        if (table.writeRow(1, &message, 0, &table.mismatch)) |rest| {
            try testing.expect(rest.len <= len);
            try testing.expect(table.code(1) != columns.code_no_response);
        } else |_| {
            try testing.expect(std.mem.allEqual(u8, fixture.rows[48..96], 0));
            try testing.expectEqual(columns.code_no_response, table.code(1));
        }
        try testing.expect(std.mem.allEqual(u8, fixture.rows[0..48], 0));
        try testing.expect(std.mem.allEqual(u8, fixture.rows[96..], 0));
    }
}
