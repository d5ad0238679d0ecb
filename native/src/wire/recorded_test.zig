//! What the official client sends and a real server (8.1) answers, recorded on a socket: the
//! encoders have to produce the same bytes, and the decoders to understand them.

const std = @import("std");
const testing = std.testing;

const Buffer = @import("Buffer.zig");
const digest = @import("digest.zig");
const message = @import("message.zig");
const msgpack = @import("msgpack.zig");
const operation = @import("operation.zig");
const particle = @import("particle.zig");
const proto = @import("proto.zig");

fn unhex(comptime text: []const u8) [text.len / 2]u8 {
    @setEvalBranchQuota(20_000);
    var bytes: [text.len / 2]u8 = undefined;
    _ = std.fmt.hexToBytes(&bytes, text) catch unreachable;
    return bytes;
}

/// Fields of the key ("test", "wire", "k1").
const key_fields = "000000050074657374" ++ "000000050177697265" ++
    "0000001504" ++ "61a63de951ec27f62a444e3463ace9870c44346f";

/// A put or a modification with the recorded client's defaults, up to the operations.
fn write(comptime size: []const u8, comptime counts: []const u8) []const u8 {
    return "02030000000000" ++ size ++ "1600010000000000000000000000000003e8" ++ counts ++
        key_fields;
}

fn beginWrite(buffer: *Buffer) !message.Encoder {
    const key = digest.keyDigest("wire", .string, "k1");
    var encoder = try message.Encoder.begin(buffer);
    try encoder.field(.namespace, "test");
    try encoder.field(.set, "wire");
    try encoder.field(.digest, &key);
    return encoder;
}

/// One value in standard MessagePack, the recorded put of it, and what came back for it.
const ValueCase = struct {
    msgpack: []const u8,
    kind: particle.Type,
    /// The frame's size byte, and the operation.
    size: []const u8,
    operation: []const u8,
    /// Value bytes of the reply, where they differ from the request's.
    reply: ?[]const u8 = null,
};

const geojson = "7b2274797065223a2022506f696e74222c2022636f6f7264696e61746573223a20" ++
    "5b312e352c20322e32355d7d";

const value_cases = [_]ValueCase{
    .{
        .msgpack = "07",
        .kind = .integer,
        .size = "52",
        .operation = "0000000d02010001620000000000000007",
    },
    .{
        .msgpack = "fe",
        .kind = .integer,
        .size = "52",
        .operation = "0000000d0201000162fffffffffffffffe",
    },
    .{
        .msgpack = "cf7fffffffffffffff",
        .kind = .integer,
        .size = "52",
        .operation = "0000000d02010001627fffffffffffffff",
    },
    .{
        .msgpack = "cb3ff8000000000000",
        .kind = .float,
        .size = "52",
        .operation = "0000000d02020001623ff8000000000000",
    },
    .{
        .msgpack = "a668c3a96c6c6f",
        .kind = .string,
        .size = "50",
        .operation = "0000000b020300016268c3a96c6c6f",
    },
    .{
        .msgpack = "c40200ff",
        .kind = .blob,
        .size = "4c",
        .operation = "00000007020400016200ff",
    },
    .{ .msgpack = "c3", .kind = .boolean, .size = "4b", .operation = "00000006021100016201" },
    .{ .msgpack = "91c0", .kind = .list, .size = "4c", .operation = "00000007021400016291c0" },
    .{
        .msgpack = "9901ffa161c40162cb4004000000000000c3c092cd012c91a17881a16b01",
        .kind = .list,
        .size = "6b",
        .operation = "000000260214000162" ++
            "9901ffa20361a20462cb4004000000000000c3c092cd012c91a2037881a2036b01",
    },
    .{
        .msgpack = "8402a162a16101a16d81a16ec0c4017a920102",
        .kind = .map,
        .size = "61",
        .operation = "0000001c0213000162" ++
            "8402a20362a2036101a2036d81a2036ec0a2047a920102",
    },
    .{ .msgpack = "90", .kind = .list, .size = "4b", .operation = "00000006021400016290" },
    .{ .msgpack = "80", .kind = .map, .size = "4b", .operation = "00000006021300016280" },
    .{ .msgpack = "a0", .kind = .string, .size = "4a", .operation = "000000050203000162" },
    .{ .msgpack = "c400", .kind = .blob, .size = "4a", .operation = "000000050204000162" },
    .{
        .msgpack = "92a0c400",
        .kind = .list,
        .size = "4f",
        .operation = "0000000a021400016292a103a104",
    },
    .{
        .msgpack = "c72d17" ++ geojson,
        .kind = .geojson,
        .size = "7a",
        .operation = "000000350217000162000000" ++ geojson,
        .reply = "0000011004b8ed1e0882f37b" ++ geojson[2..],
    },
    .{
        .msgpack = "91c72d17" ++ geojson,
        .kind = .list,
        .size = "7b",
        .operation = "00000036021400016291d92e17" ++ geojson,
    },
    .{
        .msgpack = integer_list,
        .kind = .list,
        .size = "9c",
        .operation = "000000570214000162" ++ integer_list,
    },
};

/// Every width of an integer, on either side of each border.
const integer_list = "dc00137fcc80ccffcd0100cdffffce00010000ceffffffffcf0000000100000000" ++
    "cf7fffffffffffffffffe0d0dfd080d1ff7fd18000d2ffff7fffd280000000d3ffffffff7fffffff" ++
    "d38000000000000000";

test "a put of every value type has the official client's bytes" {
    inline for (value_cases) |case| {
        const expected = unhex(write(case.size, "00030001") ++ case.operation);
        const value = unhex(case.msgpack);
        var memory: [512]u8 = undefined;
        var buffer = Buffer.fixed(&memory);
        var encoder = try beginWrite(&buffer);
        var reader = msgpack.Reader.init(&value);
        const kind = try encoder.operationFromMsgpack(.write, "b", &reader);
        encoder.finish(.{ .info2 = .{ .write = true }, .transaction_ttl = 1000 });
        try testing.expectEqual(case.kind, kind);
        try testing.expect(reader.isAtEnd());
        try testing.expectEqualSlices(u8, &expected, buffer.written());
    }
}

test "a value that the server gave back is the value that was put" {
    inline for (value_cases) |case| {
        const stored = unhex(case.reply orelse case.operation[18..]);
        const expected = unhex(case.msgpack);
        var memory: [512]u8 = undefined;
        var buffer = Buffer.fixed(&memory);
        try particle.msgpackFromParticle(&buffer, case.kind, &stored);
        try testing.expectEqualSlices(u8, &expected, buffer.written());
    }
}

test "a put with generation, time to live and stored key has the official client's bytes" {
    const expected = unhex("020300000000006c160001000000000000000000012c000003e800040002" ++
        key_fields ++ "0000000402036b31" ++ "0000000e0201000269640000000000000001" ++
        "0000000d020300046e616d65416c696365");
    var memory: [512]u8 = undefined;
    var buffer = Buffer.fixed(&memory);
    var encoder = try beginWrite(&buffer);
    try encoder.key(.string, "k1");
    try encoder.operation(.write, .integer, "id", &.{ 0, 0, 0, 0, 0, 0, 0, 1 });
    try encoder.operation(.write, .string, "name", "Alice");
    encoder.finish(.{
        .info2 = .{ .write = true },
        .record_ttl = 300,
        .transaction_ttl = 1000,
    });
    try testing.expectEqualSlices(u8, &expected, buffer.written());
}

test "reads, touch, append, increment and delete have the official client's bytes" {
    const Case = struct {
        expected: []const u8,
        header: message.Header,
        code: ?operation.Code = null,
        kind: particle.Type = .nil,
        name: []const u8 = "",
        value: []const u8 = "",
    };
    const head = "02030000000000";
    const rest = "0000000000000000000003e8";
    const time = 1000;
    const write_flags: message.Info2 = .{ .write = true };
    const cases = [_]Case{
        .{
            .expected = head ++ "41160300000000" ++ rest ++ "00030000" ++ key_fields,
            .header = .{ .info1 = .{ .read = true, .get_all = true }, .transaction_ttl = time },
        },
        .{
            .expected = head ++ "4b160100000000" ++ rest ++ "00030001" ++ key_fields ++
                "00000006010000026964",
            .header = .{ .info1 = .{ .read = true }, .transaction_ttl = time },
            .code = .read,
            .name = "id",
        },
        .{
            .expected = head ++ "41162100000000" ++ rest ++ "00030000" ++ key_fields,
            .header = .{ .info1 = .{ .read = true, .no_bins = true }, .transaction_ttl = time },
        },
        .{
            .expected = head ++ "49160001000000" ++ "0000000000000064000003e8" ++ "00030001" ++
                key_fields ++ "000000040b000000",
            .header = .{ .info2 = write_flags, .record_ttl = 100, .transaction_ttl = time },
            .code = .touch,
        },
        .{
            .expected = head ++ "4e160001000000" ++ rest ++ "00030001" ++ key_fields ++
                "00000009090300046e616d6578",
            .header = .{ .info2 = write_flags, .transaction_ttl = time },
            .code = .append,
            .kind = .string,
            .name = "name",
            .value = "x",
        },
        .{
            .expected = head ++ "53160001000000" ++ rest ++ "00030001" ++ key_fields ++
                "0000000e0501000269640000000000000005",
            .header = .{ .info2 = write_flags, .transaction_ttl = time },
            .code = .increment,
            .kind = .integer,
            .name = "id",
            .value = &.{ 0, 0, 0, 0, 0, 0, 0, 5 },
        },
        .{
            .expected = head ++ "41160013000000" ++ rest ++ "00030000" ++ key_fields,
            .header = .{
                .info2 = .{ .write = true, .delete = true, .durable_delete = true },
                .transaction_ttl = time,
            },
        },
    };
    inline for (cases) |case| {
        const expected = unhex(case.expected);
        var memory: [256]u8 = undefined;
        var buffer = Buffer.fixed(&memory);
        var encoder = try beginWrite(&buffer);
        if (case.code) |code| try encoder.operation(code, case.kind, case.name, case.value);
        encoder.finish(case.header);
        try testing.expectEqualSlices(u8, &expected, buffer.written());
    }
}

test "policies of writes are the official client's header bits" {
    const Case = struct { message.Header, []const u8 };
    const cases = [_]Case{
        .{ .{ .info2 = .{ .write = true, .create_only = true } }, "16002100000000000000" },
        .{
            .{ .info2 = .{ .write = true }, .info3 = .{ .update_only = true } },
            "16000108000000000000",
        },
        .{
            .{ .info2 = .{ .write = true }, .info3 = .{ .create_or_replace = true } },
            "16000110000000000000",
        },
        .{
            .{ .info2 = .{ .write = true }, .info3 = .{ .replace_only = true } },
            "16000120000000000000",
        },
        .{
            .{ .info2 = .{ .write = true, .generation = true }, .generation = 99 },
            "16000500000000000063",
        },
        .{
            .{ .info2 = .{ .write = true, .generation_greater = true }, .generation = 99 },
            "16000900000000000063",
        },
        .{
            .{ .info2 = .{ .write = true }, .info3 = .{ .commit_master = true } },
            "16000102000000000000",
        },
    };
    inline for (cases) |case| {
        const expected = unhex(case[1]);
        var bytes: [message.header_bytes]u8 = undefined;
        case[0].encode(&bytes);
        try testing.expectEqualSlices(u8, &expected, bytes[0..10]);
        try testing.expectEqual(case[0], try message.Header.decode(&bytes));
    }
}

const ordered_reply = "160000000000000000220000000000000000000000050000000d010100016100000000" ++
    "000000010000001c0112000168000400000000000000000000000000408000000000000000000013011300016d" ++
    "83c70001c0a203619101a2036b010000000e011300017682c70003c0a2036b010000000b011400016c93c70001" ++
    "0305";

test "a server's reply with HLL, ordered maps and an ordered list is read, the list without its flags" {
    const body = unhex(ordered_reply);
    const reply = try message.Message.decode(&body);
    try testing.expectEqual(@as(u8, 0), reply.header.result_code);
    try testing.expectEqual(@as(u32, 0x22), reply.header.generation);
    const expected = [_]struct { []const u8, particle.Type, []const u8 }{
        .{ "a", .integer, "\x01" },
        .{ "h", .hll, "\xc7\x17\x12\x00\x04" ++ zeros(13) ++ "\x40\x80" ++ zeros(6) },
        .{ "m", .map, "\xc9\x00\x00\x00\x08\x15\x82\xa1a\x91\x01\xa1k\x01" },
        .{ "v", .map, "\xc9\x00\x00\x00\x04\x16\x81\xa1k\x01" },
        .{ "l", .list, "\x92\x03\x05" },
    };
    var operations = try reply.operations();
    for (expected) |case| {
        const item = (try operations.next()).?;
        var memory: [64]u8 = undefined;
        var buffer = Buffer.fixed(&memory);
        try testing.expectEqualStrings(case[0], item.name);
        try testing.expectEqual(case[1], item.particle);
        try particle.msgpackFromParticle(&buffer, item.particle, item.value);
        try testing.expectEqualSlices(u8, case[2], buffer.written());
    }
    try testing.expectEqual(null, try operations.next());
    try testing.expectEqual(@as(usize, 0), operations.rest.len);
}

fn zeros(comptime count: usize) *const [count]u8 {
    const bytes: [count]u8 = @splat(0);
    return &bytes;
}

test "a reply cut anywhere is malformed" {
    const body = unhex(ordered_reply);
    for (0..body.len) |len| try testing.expectError(error.Malformed, walk(body[0..len]));
    try walk(&body);
}

fn walk(body: []const u8) !void {
    const reply = try message.Message.decode(body);
    var operations = try reply.operations();
    while (try operations.next()) |_| {}
}

test "a map whose order matters becomes an array of pairs" {
    // Recorded results of a range by rank, with keys and values wanted.
    const stored = unhex("83c70008c0a2036b01a203619101");
    var memory: [64]u8 = undefined;
    var buffer = Buffer.fixed(&memory);
    try particle.msgpackFromParticle(&buffer, .map, &stored);
    try testing.expectEqualSlices(u8, "\x92\x92\xa1k\x01\x92\xa1a\x91\x01", buffer.written());
}

test "wildcard and infinity are the official client's extensions" {
    // Recorded arguments: [25, 7, 1, infinity] and [22, 7, [1, wildcard]].
    const Case = struct { []const u8, []const u8 };
    const cases = [_]Case{
        .{ "94190701d47e01", "94190701d4ff01" },
        .{ "9316079201d47e00", "9316079201d4ff00" },
    };
    inline for (cases) |case| {
        const standard = unhex(case[0]);
        const expected = unhex(case[1]);
        var memory: [64]u8 = undefined;
        var buffer = Buffer.fixed(&memory);
        var reader = msgpack.Reader.init(&standard);
        try particle.packedFromMsgpack(&buffer, &reader, .any);
        try testing.expectEqualSlices(u8, &expected, buffer.written());
        buffer.clear();
        try particle.msgpackFromPacked(&buffer, &expected);
        try testing.expectEqualSlices(u8, &standard, buffer.written());
    }
}

test "digests of string, integer and blob keys are the official client's" {
    const Case = struct { []const u8, particle.Type, []const u8, []const u8 };
    const positive: [8]u8 = .{ 0, 0, 0, 0, 0, 0, 0, 42 };
    const negative: [8]u8 = @bitCast(std.mem.nativeToBig(i64, -42));
    const long: [60]u8 = @splat('u');
    const cases = [_]Case{
        .{ "wire", .string, "k1", "61a63de951ec27f62a444e3463ace9870c44346f" },
        .{ "wire", .integer, &positive, "2988f07a434f1b55941ad187104dbe2f11f6df6c" },
        .{ "wire", .integer, &negative, "42e287d54e2a8fb0803b397560e2fc36ea90a483" },
        .{ "", .string, "a", "79e55340ff2911fc794c49ec2a8175bd9d7ca04c" },
        .{ "wire", .string, &long, "0fc3deddfaa900a4fb9c057b2b3baac27baaed6a" },
    };
    for (cases) |case| {
        const hex = std.fmt.bytesToHex(digest.keyDigest(case[0], case[1], case[2]), .lower);
        try testing.expectEqualStrings(case[3], &hex);
    }
}

test "a frame's header and its parts are found again by the decoder" {
    const frame = unhex(write("52", "00030001") ++ value_cases[0].operation);
    const header = try proto.decode(frame[0..8], frame.len);
    try testing.expectEqual(proto.Kind.message, header.kind);
    try testing.expectEqual(frame.len - proto.header_bytes, header.size);
    const request = try message.Message.decode(frame[8..]);
    try testing.expectEqualStrings("test", (try request.findField(.namespace)).?);
    try testing.expectEqualStrings("wire", (try request.findField(.set)).?);
    try testing.expectEqual(@as(usize, 20), (try request.findField(.digest)).?.len);
    try testing.expectEqual(null, try request.findField(.key));
    try testing.expect(request.header.info2.write);
    try testing.expectEqual(@as(u32, 1000), request.header.transaction_ttl);
}
