//! Every decoder of bytes from the network, fed with bytes from nowhere.
//!
//! A target takes bytes and fails by an error, a panic or a broken property. `smoke` runs it on
//! changed copies of good samples, with fixed seeds; `zig build test --fuzz` hands it to the
//! fuzzer. What fails in `smoke` is printed with the seed that makes it again.

const std = @import("std");
const testing = std.testing;

const Buffer = @import("Buffer.zig");
const admin = @import("admin.zig");
const compress = @import("compress.zig");
const info = @import("info.zig");
const message = @import("message.zig");
const msgpack = @import("msgpack.zig");
const particle = @import("particle.zig");
const proto = @import("proto.zig");

const Target = fn (bytes: []const u8) anyerror!void;

pub const input_bytes_max = 2048;
const smoke_rounds = 3000;

/// Enough for whatever an input can turn into; more would be a defect.
const output_bytes_max = input_bytes_max * 8;

/// Feeds a target, one of another layer too, by `smoke` and by the fuzzer.
pub fn run(comptime target: Target, samples: []const []const u8) !void {
    try smoke(target, samples, .loud);
    const wrapped = struct {
        fn one(_: void, smith: *testing.Smith) anyerror!void {
            var memory: [input_bytes_max]u8 = undefined;
            const len = smith.slice(&memory);
            try target(memory[0..len]);
        }
    };
    try testing.fuzz({}, wrapped.one, .{});
}

fn smoke(
    comptime target: Target,
    samples: []const []const u8,
    volume: enum { loud, quiet },
) !void {
    for (0..smoke_rounds) |seed| {
        var memory: [input_bytes_max]u8 = undefined;
        const bytes = mutate(&memory, samples, seed);
        target(bytes) catch |failure| {
            if (volume == .loud) std.debug.print("seed {d}: {x}\n", .{ seed, bytes });
            return failure;
        };
    }
}

/// A sample with some bytes changed, cut, doubled or made extreme; at times only noise.
fn mutate(memory: *[input_bytes_max]u8, samples: []const []const u8, seed: u64) []const u8 {
    var generator = std.Random.DefaultPrng.init(seed);
    const random = generator.random();
    if (samples.len == 0 or random.uintLessThan(u8, 8) == 0) {
        const noise = memory[0..random.uintAtMost(usize, 64)];
        random.bytes(noise);
        return noise;
    }
    const sample = samples[random.uintLessThan(usize, samples.len)];
    var len: usize = @min(sample.len, memory.len);
    @memcpy(memory[0..len], sample[0..len]);
    for (0..random.uintAtMost(usize, 6)) |_| {
        if (len == 0) break;
        const offset = random.uintLessThan(usize, len);
        switch (random.uintLessThan(u8, 5)) {
            0 => memory[offset] = random.int(u8),
            1 => memory[offset] ^= @as(u8, 1) << random.int(u3),
            2 => memory[offset] = if (random.boolean()) 0xff else 0x00,
            3 => len = offset,
            else => if (len * 2 - offset <= memory.len) {
                @memcpy(memory[len..][0 .. len - offset], memory[offset..len]);
                len += len - offset;
            },
        }
    }
    return memory[0..len];
}

/// The canary: what every target here is meant to be, found to be wrong.
fn believeLengths(bytes: []const u8) anyerror!void {
    if (bytes.len < 4) return;
    if (std.mem.readInt(u32, bytes[0..4], .big) > bytes.len) return error.Found;
}

test "smoke finds a decoder that believes a length" {
    const sample = "\x00\x00\x00\x04" ++ "test";
    try testing.expectError(error.Found, smoke(believeLengths, &.{sample}, .quiet));
}

fn checkMsgpack(bytes: []const u8) anyerror!void {
    var reader = msgpack.Reader.init(bytes);
    reader.skip() catch return;
    try testing.expect(reader.position <= bytes.len);
    try testing.expect(reader.position > 0);
}

test "fuzz: MessagePack" {
    try run(checkMsgpack, &.{ "\x82\xa1a\x93\x01\xc4\x02xy\xcb\x00\x00\x00\x00\x00\x00\x00\x00" ++
        "\xa1b\xc7\x03\x12abc", "\xdc\x00\x02\xda\x00\x03abc\xd4\x05z" });
}

/// Whatever a particle turns into is MessagePack, one value of it.
fn expectOneValue(bytes: []const u8) !void {
    var reader = msgpack.Reader.init(bytes);
    try reader.skip();
    try testing.expect(reader.isAtEnd());
}

/// The first byte is the particle's type.
fn checkParticle(bytes: []const u8) anyerror!void {
    if (bytes.len == 0) return;
    const kind: particle.Type = @fromBackingInt(bytes[0] % 26);
    var memory: [output_bytes_max]u8 = undefined;
    var buffer = Buffer.fixed(&memory);
    particle.msgpackFromParticle(&buffer, kind, bytes[1..]) catch |failure| switch (failure) {
        error.Malformed, error.NestingTooDeep => return,
        else => return failure,
    };
    try expectOneValue(buffer.written());
    _ = try particle.decode(kind, bytes[1..]);
}

test "fuzz: particles" {
    try run(checkParticle, &.{
        "\x14\x9a\x01\xff\xa2\x03a\xa2\x04b\xcb\x40\x04\x00\x00\x00\x00\x00\x00\xc3\xc0" ++
            "\x92\xcd\x01\x2c\x91\xa2\x03x\x81\xa2\x03k\x01\xd4\xff\x01",
        "\x13\x83\xc7\x00\x01\xc0\xa2\x03a\x91\x01\xa2\x03k\x01",
        "\x13\x83\xc7\x00\x08\xc0\xa2\x03k\x01\xa2\x03a\x91\x01",
        "\x17\x00\x00\x01\x10\x04\xb8\xed\x1e\x08\x82\xf3{}",
        "\x01\x00\x00\x00\x00\x00\x00\x00\x01",
        "\x03h\xc3\xa9llo",
        "\x12\x00\x04\x00\x00",
    });
}

/// What the encoder accepts comes back as what the encoder makes the same bytes of.
fn checkEncode(bytes: []const u8) anyerror!void {
    var first_memory: [output_bytes_max]u8 = undefined;
    var first = Buffer.fixed(&first_memory);
    var reader = msgpack.Reader.init(bytes);
    const kind = particle.particleFromMsgpack(&first, &reader) catch |failure| switch (failure) {
        error.NoSpaceLeft, error.OutOfMemory => return failure,
        else => return,
    };
    var standard_memory: [output_bytes_max]u8 = undefined;
    var standard = Buffer.fixed(&standard_memory);
    try particle.msgpackFromParticle(&standard, kind, first.written());
    var second_memory: [output_bytes_max]u8 = undefined;
    var second = Buffer.fixed(&second_memory);
    reader = .init(standard.written());
    const kind_again = try particle.particleFromMsgpack(&second, &reader);
    try testing.expect(reader.isAtEnd());
    // Not UTF-8 but sent as str: it comes back as bytes, which is what it was.
    if (kind == .string and kind_again == .blob) return;
    try testing.expectEqual(kind, kind_again);
    if (std.mem.eql(u8, first.written(), second.written())) return;
    try testing.expect(!std.unicode.utf8ValidateSlice(bytes));
}

test "fuzz: values for requests" {
    try run(checkEncode, &.{
        "\x99\x01\xff\xa1a\xc4\x01b\xcb\x40\x04\x00\x00\x00\x00\x00\x00\xc3\xc0\x92\xcd\x01\x2c" ++
            "\x91\xa1x\x81\xa1k\x01",
        "\x84\x02\xa1b\xa1a\x01\xa1m\x81\xa1n\xc0\xc4\x01z\x92\x01\x02",
        "\xc7\x02\x17{}",
        "\xd4\x7e\x00",
        "\xca\x3f\x80\x00\x00",
        "\xc7\x09\x15\x82\x02\xa1a\x01\xc7\x01\x16\x80",
    });
}

/// A random value in canonical form: what is put is what is got.
fn writeValue(buffer: *Buffer, random: std.Random, depth: u8) Buffer.Error!void {
    const kinds: u8 = if (depth > 0) 12 else 10;
    var text: [300]u8 = undefined;
    const len = random.uintAtMost(usize, if (random.uintLessThan(u8, 10) == 0) 300 else 40);
    for (text[0..len]) |*item| item.* = random.intRangeAtMost(u8, ' ', '~');
    switch (random.uintLessThan(u8, kinds)) {
        0 => try msgpack.writeNil(buffer),
        1 => try msgpack.writeBool(buffer, random.boolean()),
        2, 3 => try msgpack.writeInt(buffer, random.int(i64) >> random.int(u6)),
        4 => try msgpack.writeFloat(buffer, @bitCast(random.int(u64))),
        5, 6 => try msgpack.writeString(buffer, text[0..len]),
        7 => try msgpack.writeBinary(buffer, text[0..len]),
        8 => try msgpack.writeExtension(buffer, particle.extension_geojson, text[0..len]),
        9 => try msgpack.writeExtension(buffer, particle.extension_hll, text[0..len]),
        10 => {
            const count = random.uintAtMost(u32, 18);
            try msgpack.writeArrayHeader(buffer, count);
            for (0..count) |_| try writeValue(buffer, random, depth - 1);
        },
        else => {
            const count = random.uintAtMost(u32, 18);
            const kind: i8 = random.intRangeAtMost(i8, 20, 22);
            const has_order = particle.MapOrder.ofExtension(kind) != null;
            const payload = if (has_order) try msgpack.beginExtension(buffer, kind) else 0;
            try msgpack.writeMapHeader(buffer, count);
            for (0..count) |index| {
                // These are sorted.
                switch (if (has_order) 3 else random.uintLessThan(u8, 3)) {
                    3 => try msgpack.writeInt(buffer, @intCast(index)),
                    0 => try msgpack.writeInt(buffer, random.int(i64) >> random.int(u6)),
                    1 => try msgpack.writeString(buffer, text[0..len]),
                    else => try msgpack.writeBinary(buffer, text[0..len]),
                }
                try writeValue(buffer, random, depth - 1);
            }
            if (has_order) try msgpack.endExtension(buffer, payload);
        },
    }
}

test "every value that goes out comes back as it was" {
    var standard = Buffer.growing(testing.allocator, &.{}, 1 << 24);
    defer standard.deinit();
    var stored = Buffer.growing(testing.allocator, &.{}, 1 << 24);
    defer stored.deinit();
    var again = Buffer.growing(testing.allocator, &.{}, 1 << 24);
    defer again.deinit();
    for (0..2000) |seed| {
        errdefer std.debug.print("seed {d}\n", .{seed});
        var generator = std.Random.DefaultPrng.init(seed);
        standard.clear();
        stored.clear();
        again.clear();
        try writeValue(&standard, generator.random(), 3);
        var reader = msgpack.Reader.init(standard.written());
        const kind = try particle.particleFromMsgpack(&stored, &reader);
        try testing.expect(reader.isAtEnd());
        try particle.msgpackFromParticle(&again, kind, stored.written());
        try testing.expectEqualSlices(u8, standard.written(), again.written());
        again.clear();
        const value = try particle.decode(kind, stored.written());
        try testing.expectEqual(kind, try particle.encode(&again, value));
        try testing.expectEqualSlices(u8, stored.written(), again.written());
    }
}

/// Messages one after another, as a batch or a query answers.
fn checkMessages(bytes: []const u8) anyerror!void {
    var rest = bytes;
    var memory: [output_bytes_max]u8 = undefined;
    while (rest.len > 0) {
        const item = message.Message.decode(rest) catch return;
        var fields = item.fields();
        while (fields.next() catch return) |_| {}
        var operations = fields.operations(item.header.operation_count);
        while (operations.next() catch return) |operation| {
            try testing.expect(operation.value.len <= bytes.len);
            var buffer = Buffer.fixed(&memory);
            particle.msgpackFromParticle(&buffer, operation.particle, operation.value) catch {
                continue;
            };
            try expectOneValue(buffer.written());
        }
        _ = try item.findField(.digest);
        rest = operations.rest;
    }
}

test "fuzz: messages" {
    const fields = "\x00\x00\x00\x05\x00test\x00\x00\x00\x05\x01wire\x00\x00\x00\x03\x02\x03k";
    const operations = "\x00\x00\x00\x0d\x02\x01\x00\x01b\x00\x00\x00\x00\x00\x00\x00\x07" ++
        "\x00\x00\x00\x0f\x01\x14\x01\x01l\x00\x00\x00\x00\x00\x00\x00\x00\x91\xc0";
    const counts = "\x00\x03\x00\x02";
    const header = "\x16\x00\x01\x00\x00\x00\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x03\xe8";
    const one = header ++ counts ++ fields ++ operations;
    try run(checkMessages, &.{ one, one ++ one });
}

fn checkAdmin(bytes: []const u8) anyerror!void {
    const item = admin.Message.decode(bytes) catch return;
    var fields = item.fields();
    while (fields.next() catch return) |found| try testing.expect(found.data.len < bytes.len);
    if (item.result_code != 0) return;
    const session = admin.decodeSession(&item) catch return;
    try testing.expect(session.token.len > 0);
}

test "fuzz: administration" {
    const zeros: [12]u8 = @splat(0);
    const reply = "\x00\x00\x00\x02" ++ zeros ++ "\x00\x00\x00\x06\x05TOKEN" ++
        "\x00\x00\x00\x05\x06\x00\x01\x51\x80";
    try run(checkAdmin, &.{reply});
}

fn checkInfo(bytes: []const u8) anyerror!void {
    var lines = info.Lines.init(bytes);
    var count: usize = 0;
    while (lines.next()) |line| {
        count += line.name.len + line.value.len;
        try checkInfoFailure(line.value);
    }
    try checkInfoFailure(bytes);
    try testing.expect(count <= bytes.len);
    var pairs = info.Pairs.init(bytes, ';');
    while (pairs.next()) |_| {}
    var hosts = info.Hosts.init(bytes, 3000);
    while (hosts.next() catch null) |host| try testing.expect(host.name.len > 0);
    var racks = info.RackIds.init(bytes);
    while (racks.next() catch null) |rack| try testing.expect(rack.namespace.len > 0);
    var replicas = info.Replicas.init(bytes);
    while (replicas.next() catch null) |item| {
        var bitmaps = item.bitmaps;
        var bitmap: info.Bitmap = undefined;
        var found: usize = 0;
        while (bitmaps.next(&bitmap) catch false) found += 1;
        try testing.expect(found <= item.count);
    }
    var peers = info.Peers.parse(bytes) catch return;
    while (peers.next() catch null) |peer| {
        try testing.expect(peer.name.len > 0);
        var addresses = peer.hosts;
        while (addresses.next() catch null) |_| {}
    }
}

/// What becomes the status of a failure, which is never 0.
fn checkInfoFailure(value: []const u8) !void {
    const found = info.failure(value) orelse return;
    if (found.code) |code| try testing.expect(code != 0);
    try testing.expect(found.text.len < value.len);
}

test "fuzz: info" {
    const bitmap: [info.bitmap_text_bytes - 1]u8 = @splat('A');
    try run(checkInfo, &.{
        "node\tA1\npeers-generation\t4\nx\tERROR:4:text\n",
        "4,3000,[[A2,,[127.0.0.1:3010,[::1]:3000]],[A3,tls,[h]]]",
        "test:0,2," ++ bitmap ++ "=," ++ bitmap ++ "=;bar:1,1," ++ bitmap ++ "=",
        "ERROR:0:text",
        "FAIL:00",
        "error:255:",
        "ERROR::",
        "test:1;bar:2",
        "a=1;b=2;c",
        "127.0.0.1:3000;[::1]:3010,host",
    });
}

fn checkFrame(bytes: []const u8) anyerror!void {
    if (bytes.len < proto.header_bytes) return;
    const header = proto.decode(bytes[0..proto.header_bytes], input_bytes_max) catch return;
    try testing.expect(header.size <= input_bytes_max);
    const body = bytes[proto.header_bytes..];
    const size = compress.uncompressedSize(body, input_bytes_max) catch return;
    var out: [input_bytes_max]u8 = undefined;
    compress.inflate(body, out[0..size]) catch return;
}

test "fuzz: frames and compressed frames" {
    try run(checkFrame, &.{
        "\x02\x04\x00\x00\x00\x00\x00\x19\x00\x00\x00\x00\x00\x00\x00\xd0" ++
            "\x78\x01\x63\x62\x66\x00\x81\x13\x89\xc3\x04\x00\x00\x63\xab\x4c\x96",
        "\x02\x03\x00\x00\x00\x00\x00\x16",
    });
}
