//! Operations and expressions against what the official client sends for the same calls, and what
//! is refused before anything is sent. The recorded files are written by tests/oracle/record.py.

const std = @import("std");
const context = @import("../cdt/context.zig");
const expression = @import("../expression/expression.zig");
const operate = @import("operate.zig");
const operate_reply = @import("operate_reply.zig");
const wire = @import("../../wire.zig");
const Failure = @import("../../status.zig").Failure;
const Status = @import("../../status.zig").Status;
const msgpack = wire.msgpack;
const testing = std.testing;

const recorded_operations = @embedFile("../recorded/operations.txt");
const recorded_expressions = @embedFile("../recorded/expressions.txt");

const Row = struct {
    name: []const u8,
    request: []const u8,
    expected: []const u8,

    fn parse(line: []const u8, memory: []u8) !Row {
        var columns = std.mem.splitScalar(u8, line, '|');
        const name = columns.next().?;
        const request = try std.fmt.hexToBytes(memory, columns.next().?);
        const rest = memory[request.len..];
        return .{
            .name = name,
            .request = request,
            .expected = try std.fmt.hexToBytes(rest, columns.next().?),
        };
    }
};

/// A message with the operations of a request, which is one MessagePack array.
const Encoded = struct {
    memory: [8192]u8 = undefined,
    buffer: wire.Buffer = undefined,
    summary: operate.Summary = .{},
    failure: Failure = .{},

    fn encode(encoded: *Encoded, request: []const u8) operate.Error!void {
        encoded.buffer = wire.Buffer.fixed(&encoded.memory);
        var encoder = try wire.message.Encoder.begin(&encoded.buffer);
        var reader = msgpack.Reader.init(request);
        try operate.encodeOperations(&encoder, &reader, &encoded.summary, &encoded.failure);
    }

    fn operations(encoded: *const Encoded) []const u8 {
        const summary = &encoded.summary;
        return encoded.memory[summary.operations_start..summary.operations_end];
    }

    fn expectFailure(request: []const u8, status: Status, text: []const u8) !void {
        var encoded: Encoded = .{};
        try testing.expectError(error.Failed, encoded.encode(request));
        try testing.expectEqualStrings(text, encoded.failure.message());
        try testing.expectEqual(status, encoded.failure.status);
    }
};

test "every operation has the official client's bytes" {
    var lines = std.mem.tokenizeScalar(u8, recorded_operations, '\n');
    var count: usize = 0;
    while (lines.next()) |line| : (count += 1) {
        var memory: [4096]u8 = undefined;
        const row = try Row.parse(line, memory[1..]);
        memory[0] = 0x91;
        var encoded: Encoded = .{};
        encoded.encode(memory[0 .. 1 + row.request.len]) catch |err| {
            std.debug.print("{s}: {s}\n", .{ row.name, encoded.failure.message() });
            return err;
        };
        testing.expectEqualSlices(u8, row.expected, encoded.operations()) catch |err| {
            std.debug.print("{s}\n", .{row.name});
            return err;
        };
    }
    try testing.expect(count >= 250);
}

test "every expression has the official client's bytes" {
    var lines = std.mem.tokenizeScalar(u8, recorded_expressions, '\n');
    var count: usize = 0;
    while (lines.next()) |line| : (count += 1) {
        var memory: [4096]u8 = undefined;
        const row = try Row.parse(line, &memory);
        var out_memory: [2048]u8 = undefined;
        var out = wire.Buffer.fixed(&out_memory);
        var reader = msgpack.Reader.init(row.request);
        var failure: Failure = .{};
        expression.encodeExpression(&out, &reader, &failure) catch |err| {
            std.debug.print("{s}: {s}\n", .{ row.name, failure.message() });
            return err;
        };
        testing.expectEqualSlices(u8, row.expected, out.written()) catch |err| {
            std.debug.print("{s}\n", .{row.name});
            return err;
        };
    }
    try testing.expect(count >= 200);
}

test "an expression cut anywhere, or with any byte changed, fails or is encoded, and no more" {
    var lines = std.mem.tokenizeScalar(u8, recorded_expressions, '\n');
    var random = std.Random.DefaultPrng.init(testing.random_seed);
    while (lines.next()) |line| {
        var memory: [4096]u8 = undefined;
        const row = try Row.parse(line, &memory);
        const request = memory[0..row.request.len];
        var out_memory: [4096]u8 = undefined;
        for (0..request.len) |len| {
            try testing.expectError(error.Failed, compile(request[0..len], &out_memory));
        }
        for (0..8) |_| {
            const offset = random.random().uintLessThan(usize, request.len);
            const kept = request[offset];
            request[offset] = random.random().int(u8);
            _ = compile(request, &out_memory) catch {};
            request[offset] = kept;
        }
    }
}

fn compile(request: []const u8, out_memory: []u8) operate.Error![]const u8 {
    var out = wire.Buffer.fixed(out_memory);
    var reader = msgpack.Reader.init(request);
    var failure: Failure = .{};
    try expression.encodeExpression(&out, &reader, &failure);
    return out.written();
}

fn expectExpressionFailure(request: []const u8, text: []const u8) !void {
    var memory: [4096]u8 = undefined;
    var out = wire.Buffer.fixed(&memory);
    var reader = msgpack.Reader.init(request);
    var failure: Failure = .{};
    const result = expression.encodeExpression(&out, &reader, &failure);
    try testing.expectError(error.Failed, result);
    try testing.expectEqualStrings(text, failure.message());
}

test "a compiled expression stands for itself in a larger one" {
    var memory: [64]u8 = undefined;
    // {__expr__: not, expr: {__expr__: compiled, val: [71]}}: the key exists not.
    const encoded = try compile("\x82\xa8__expr__\xa3not\xa4expr" ++
        "\x82\xa8__expr__\xa8compiled\xa3val\xc4\x02\x91\x47", &memory);
    try testing.expectEqualSlices(u8, "\x92\x12\x91\x47", encoded);
}

test "misuse of expressions is named" {
    const expect = expectExpressionFailure;
    try expect("\x81\xa8__expr__\xa3foo", "unknown expression builder 'foo'");
    try expect("\x05", "an expression must be a map, not an integer");
    try expect(
        "\x81\xa1a\x01",
        "a map in an expression needs '__expr__' (for a constant, use map_val)",
    );
    try expect(
        "\x82\xa8__expr__\xa2gt\xa4left\x01",
        "expression 'gt' needs the field 'right'",
    );
    try expect(
        "\x82\xa8__expr__\xa7int_val\xa3val\xa1x",
        "expression 'int_val': 'val' must be an integer, not a string",
    );
    try expect(
        "\x82\xa8__expr__\xa7int_bin\xa4name\xb00123456789abcdef",
        "expression 'int_bin': 'name': bin name '0123456789abcdef' has 16 bytes; it must have 1 to 15",
    );
    // list_get_by_index of a list bin returning the value, without the value's type.
    try expect(
        "\x84\xa8__expr__\xb1list_get_by_index\xa3bin\xa1l\xa5index\x00\xabreturn_type\x07",
        "expression 'list_get_by_index' needs the field 'exp_type'",
    );
}

test "nesting beyond the limit is refused" {
    const level = "\x82\xa8__expr__\xa3not\xa4expr";
    var request: [level.len * (expression.depth_max + 1) + 1]u8 = undefined;
    for (0..expression.depth_max + 1) |index| {
        @memcpy(request[index * level.len ..][0..level.len], level);
    }
    request[request.len - 1] = 0xc3;
    var memory: [4096]u8 = undefined;
    _ = try compile(request[level.len..], &memory);
    _ = try compile(&request, &memory);
    var deeper: [level.len + request.len]u8 = undefined;
    @memcpy(deeper[0..level.len], level);
    @memcpy(deeper[level.len..], &request);
    try expectExpressionFailure(&deeper, "the expression is nested deeper than 100 levels");
}

test "a request cut anywhere, or with any byte changed, fails or is encoded, and no more" {
    var lines = std.mem.tokenizeScalar(u8, recorded_operations, '\n');
    var random = std.Random.DefaultPrng.init(testing.random_seed);
    while (lines.next()) |line| {
        var memory: [4096]u8 = undefined;
        const row = try Row.parse(line, memory[1..]);
        memory[0] = 0x91;
        const request = memory[0 .. 1 + row.request.len];
        var encoded: Encoded = .{};
        for (0..request.len) |len| {
            try testing.expectError(error.Failed, encoded.encode(request[0..len]));
        }
        for (0..8) |_| {
            const offset = random.random().uintLessThan(usize, request.len);
            const kept = request[offset];
            request[offset] = random.random().int(u8);
            encoded.encode(request) catch {};
            request[offset] = kept;
        }
    }
}

test "what operations amount to is told to the header" {
    var encoded: Encoded = .{};
    // A read of one bin and an increment.
    try encoded.encode("\x92\x82\xa2op\x01\xa3bin\xa1a\x83\xa2op\x05\xa3bin\xa1a\xa3val\x01");
    try testing.expect(encoded.summary.has_read);
    try testing.expect(encoded.summary.isWrite());
    try testing.expect(!encoded.summary.respond_all);
    // A list operation.
    try encoded.encode("\x91\x82\xa2op\xcd\x03\xf4\xa3bin\xa1a");
    var header: wire.message.Header = .{};
    encoded.summary.apply(&header);
    try testing.expect(header.info1.read);
    try testing.expect(!header.info2.write);
    try testing.expect(header.info2.respond_all_operations);
    // A read of all bins and a touch with a time to live.
    try encoded.encode("\x92\x81\xa2op\x01\x82\xa2op\x0b\xa3val\xcd\x01\x2c");
    encoded.summary.apply(&header);
    try testing.expect(header.info1.get_all);
    try testing.expect(header.info2.write);
    try testing.expect(!header.info2.respond_all_operations);
    try testing.expectEqual(300, header.record_ttl);
}

test "misuse is named, with the operation's index, before anything is sent" {
    const expect = Encoded.expectFailure;
    try expect("\x90", .invalid_argument, "at least one operation is needed");
    try expect("\x91\x80", .invalid_argument, "ops[0] needs the field 'op'");
    try expect(
        "\x91\x82\xa2op\x07\xa3bin\xa1a",
        .invalid_argument,
        "ops[0] has the unknown op 7",
    );
    try expect(
        "\x92\x82\xa2op\x01\xa3bin\xa1a\x82\xa2op\xcd\x03\xe9\xa3bin\xa1a",
        .invalid_argument,
        "ops[1] (list_append) needs the field 'val'",
    );
    try expect(
        "\x91\x83\xa2op\xcd\x03\xf5\xa3bin\xa1a\xa5index\xa11",
        .wrong_type,
        "ops[0]['index'] (list_get) must be an integer, not a string",
    );
    try expect(
        "\x91\x83\xa2op\xcd\x03\xf4\xa3bin\xa1a\xa5index\x01",
        .invalid_argument,
        "ops[0] (list_size) does not take the field 'index'",
    );
    try expect(
        "\x91\x82\xa2op\x01\xa3bin\xb00123456789abcdef",
        .bin_name,
        "ops[0]['bin'] (read): bin name '0123456789abcdef' has 16 bytes; it must have 1 to 15",
    );
    try expect(
        "\x91\x82\xa2op\x0c\xa3bin\xa1a",
        .invalid_argument,
        "ops[0] (delete) concerns the whole record and takes no bin",
    );
    try expect(
        "\x92\x81\xa2op\x01\x82\xa2op\x01\xa3bin\xa1a",
        .invalid_argument,
        "a read of all bins cannot be combined with other operations that have results",
    );
    try expect(
        "\x91\x84\xa2op\xcd\x03\xf8\xa3bin\xa1a\xa5index\x00\xabreturn_type\x08",
        .invalid_argument,
        "ops[0]['return_type'] (list_get_by_index) has the unknown value 8",
    );
    try expect(
        "\x91\x83\xa2op\xcd\x03\xf4\xa3bin\xa1a\xa3ctx\x91\x92\xaalist_index\xa1x",
        .wrong_type,
        "ops[0]['ctx'] (list_size) at step 0 needs an integer, not a string",
    );
}

test "a context by itself has the bytes that it has in an operation" {
    var memory: [64]u8 = undefined;
    var out = wire.Buffer.fixed(&memory);
    var failure: Failure = .{};
    // [["map_key", "k"], ["list_index", -1]]
    var reader = msgpack.Reader.init("\x92\x92\xa7map_key\xa1k\x92\xaalist_index\xff");
    try context.encodeContext(&out, &reader, &failure);
    try testing.expectEqualSlices(u8, "\x94\x22\xa2\x03k\x10\xff", out.written());
    var empty = msgpack.Reader.init("\x90");
    try testing.expectError(error.Failed, context.encodeContext(&out, &empty, &failure));
    try testing.expectEqualStrings(
        "ctx must have at least one step",
        failure.message(),
    );
}

/// A reply with operations whose values are particles as the server sends them.
const Reply = struct {
    memory: [512]u8 = undefined,
    buffer: wire.Buffer = undefined,
    encoder: wire.message.Encoder = undefined,

    fn begin(reply: *Reply) !void {
        reply.buffer = wire.Buffer.fixed(&reply.memory);
        reply.encoder = try wire.message.Encoder.begin(&reply.buffer);
    }

    fn add(reply: *Reply, kind: wire.particle.Type, name: []const u8, value: []const u8) !void {
        try reply.encoder.operation(.read, kind, name, value);
    }

    fn message(reply: *Reply) !wire.message.Message {
        reply.encoder.finish(.{});
        return wire.message.Message.decode(reply.buffer.written()[wire.proto.header_bytes..]);
    }

    fn expectBins(reply: *Reply, encoded: *const Encoded, expected: []const u8) !void {
        const parsed = try reply.message();
        var memory: [512]u8 = undefined;
        var out = wire.Buffer.fixed(&memory);
        const respond_all = encoded.summary.respond_all;
        const gpa = testing.allocator;
        try operate_reply.writeBins(gpa, encoded.operations(), respond_all, &parsed, &out);
        try testing.expectEqualSlices(u8, expected, out.written());
    }

    fn expectOrdered(reply: *Reply, encoded: *const Encoded, expected: []const u8) !void {
        const parsed = try reply.message();
        var memory: [512]u8 = undefined;
        var out = wire.Buffer.fixed(&memory);
        const respond_all = encoded.summary.respond_all;
        try operate_reply.writeOrdered(encoded.operations(), respond_all, &parsed, &out);
        try testing.expectEqualSlices(u8, expected, out.written());
    }
};

const seven = "\x00\x00\x00\x00\x00\x00\x00\x07";

test "writes have no result, and several results of a bin become a list" {
    var encoded: Encoded = .{};
    // Write a, touch, list_size l, list_clear l, list_get l 0, read missing bin, map_get_by_key m.
    try encoded.encode("\x97" ++
        "\x83\xa2op\x02\xa3bin\xa1a\xa3val\x01" ++
        "\x81\xa2op\x0b" ++
        "\x82\xa2op\xcd\x03\xf4\xa3bin\xa1l" ++
        "\x82\xa2op\xcd\x03\xf3\xa3bin\xa1l" ++
        "\x83\xa2op\xcd\x03\xf5\xa3bin\xa1l\xa5index\x00" ++
        "\x82\xa2op\x01\xa3bin\xa1z" ++
        "\x84\xa2op\xcd\x07\xe2\xa3bin\xa1m\xa7map_key\x01\xabreturn_type\x07");
    var reply: Reply = .{};
    try reply.begin();
    try reply.add(.nil, "a", "");
    try reply.add(.integer, "l", seven);
    try reply.add(.nil, "l", "");
    try reply.add(.string, "l", "x");
    try reply.add(.nil, "z", "");
    try reply.add(.nil, "m", "");
    try reply.expectBins(&encoded, "\x82\xa1l\x92\x07\xa1x\xa1m\xc0");
    try reply.expectOrdered(&encoded, "\x93\x92\xa1l\x07\x92\xa1l\xa1x\x92\xa1m\xc0");
}

test "results of many operations are grouped by their bins without comparing each with each" {
    const operation_count = 65_535;
    const bin_count = 20_000;
    var frame: wire.Buffer = .growing(testing.allocator, &.{}, 1 << 24);
    defer frame.deinit();
    var encoder = try wire.message.Encoder.begin(&frame);
    var value: [8]u8 = undefined;
    var name: [8]u8 = undefined;
    for (0..operation_count) |index| {
        std.mem.writeInt(u64, &value, index, .big);
        const bin = try std.fmt.bufPrint(&name, "b{d}", .{index % bin_count});
        try encoder.operation(.read, .integer, bin, &value);
    }
    encoder.finish(.{});
    const message = try wire.message.Message.decode(frame.written()[8..]);
    var out: wire.Buffer = .growing(testing.allocator, &.{}, 1 << 24);
    defer out.deinit();
    try operate_reply.writeBins(testing.allocator, "", false, &message, &out);
    var reader = msgpack.Reader.init(out.written());
    try testing.expectEqual(bin_count, (try reader.next()).map);
    for (0..bin_count) |bin| {
        const expected = try std.fmt.bufPrint(&name, "b{d}", .{bin});
        try testing.expectEqualStrings(expected, (try reader.next()).string);
        const count = (try reader.next()).array;
        try testing.expectEqual((operation_count - bin + bin_count - 1) / bin_count, count);
        for (0..count) |index| {
            const number: i64 = @intCast(index * bin_count + bin);
            try testing.expectEqual(number, (try reader.next()).int);
        }
    }
    try testing.expect(reader.isAtEnd());
}

test "a return type of nothing has no result, and pairs of a map keep their order" {
    var encoded: Encoded = .{};
    // map_get_by_index_range m returning nothing, then pairs, the second inside a context.
    try encoded.encode("\x92" ++
        "\x84\xa2op\xcd\x07\xe7\xa3bin\xa1m\xa5index\x00\xabreturn_type\x00" ++
        "\x85\xa2op\xcd\x07\xe7\xa3bin\xa1m\xa5index\x00\xabreturn_type\x08" ++
        "\xa3ctx\x91\x92\xa7map_key\xa1k");
    var reply: Reply = .{};
    try reply.begin();
    try reply.add(.nil, "m", "");
    // {flags: nil, "b": 1, "a": 2} with the flag that keeps the order.
    try reply.add(.map, "m", "\x83\xc7\x00\x08\xc0\xa2\x03b\x01\xa2\x03a\x02");
    const pairs = "\xc9\x00\x00\x00\x09\x13\x92\x92\xa1b\x01\x92\xa1a\x02";
    try reply.expectBins(&encoded, "\x81\xa1m" ++ pairs);
    try reply.expectOrdered(&encoded, "\x91\x92\xa1m" ++ pairs);
}

test "without a place for every operation, the reply names the bins" {
    var encoded: Encoded = .{};
    try encoded.encode("\x91\x81\xa2op\x01");
    var reply: Reply = .{};
    try reply.begin();
    try reply.add(.integer, "a", seven);
    try reply.add(.nil, "b", "");
    try reply.expectBins(&encoded, "\x81\xa1a\x07");
}

test "more results than operations are malformed" {
    var encoded: Encoded = .{};
    try encoded.encode("\x91\x82\xa2op\xcd\x03\xf4\xa3bin\xa1l");
    var reply: Reply = .{};
    try reply.begin();
    try reply.add(.integer, "l", seven);
    try reply.add(.integer, "l", seven);
    const parsed = try reply.message();
    var memory: [64]u8 = undefined;
    var out = wire.Buffer.fixed(&memory);
    const operations = encoded.operations();
    try testing.expectError(
        error.Malformed,
        operate_reply.writeBins(testing.allocator, operations, true, &parsed, &out),
    );
}

test "a reply cut anywhere, or with bytes changed, gives results or an error, and no more" {
    var encoded: Encoded = .{};
    // list_size l, map_get_by_index_range m returning pairs, list_get l 0.
    try encoded.encode("\x93" ++
        "\x82\xa2op\xcd\x03\xf4\xa3bin\xa1l" ++
        "\x84\xa2op\xcd\x07\xe7\xa3bin\xa1m\xa5index\x00\xabreturn_type\x08" ++
        "\x83\xa2op\xcd\x03\xf5\xa3bin\xa1l\xa5index\x00");
    var reply: Reply = .{};
    try reply.begin();
    try reply.add(.integer, "l", seven);
    try reply.add(.map, "m", "\x83\xc7\x00\x08\xc0\xa2\x03b\x01\xa2\x03a\x92\x02\xc0");
    try reply.add(.list, "l", "\x92\xa2\x03x\xcb\x3f\xf0\x00\x00\x00\x00\x00\x00");
    _ = try reply.message();
    const whole = reply.buffer.written()[wire.proto.header_bytes..];
    var random = std.Random.DefaultPrng.init(testing.random_seed);
    for (0..2000) |round| {
        var memory: [512]u8 = undefined;
        const body = memory[0..whole.len];
        @memcpy(body, whole);
        const changes = random.random().uintAtMost(usize, 3);
        for (0..changes) |_| {
            body[random.random().uintLessThan(usize, body.len)] = random.random().int(u8);
        }
        const len = if (round % 2 == 0) body.len else random.random().uintAtMost(usize, body.len);
        const parsed = wire.message.Message.decode(body[0..len]) catch continue;
        var out_memory: [1024]u8 = undefined;
        var out = wire.Buffer.fixed(&out_memory);
        const gpa = testing.allocator;
        const operations = encoded.operations();
        operate_reply.writeBins(gpa, operations, true, &parsed, &out) catch {};
        out.clear();
        operate_reply.writeOrdered(operations, true, &parsed, &out) catch {};
    }
}
