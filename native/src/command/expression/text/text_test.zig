//! Texts of expressions: what becomes of them, what is refused and where, and that nothing else
//! happens, whatever comes. What the whole language means is compared with what is built by hand in
//! the tests of Python, on servers, too.

const std = @import("std");
const testing = std.testing;

const expression = @import("../expression.zig");
const fuzz = @import("../../../wire/fuzz_test.zig");
const text_module = @import("text.zig");
const Failure = @import("../../../status.zig").Failure;
const wire = @import("../../../wire.zig");
const msgpack = wire.msgpack;

fn treeOf(text: []const u8, parameters: []const u8, out: *wire.Buffer, failure: *Failure) !void {
    try text_module.parse(testing.allocator, text, parameters, out, failure);
}

fn expectTree(expected: []const u8, text: []const u8, parameters: []const u8) !void {
    var failure: Failure = .{};
    var out = wire.Buffer.growing(testing.allocator, &.{}, 1 << 20);
    defer out.deinit();
    treeOf(text, parameters, &out, &failure) catch |err| {
        std.debug.print("{s}\n", .{failure.message()});
        return err;
    };
    try testing.expectEqualStrings(expected, out.written());
}

test "a text becomes the tree that builders make" {
    try expectTree(
        "\x83\xa8__expr__\xa2gt" ++
            "\xa4left\x82\xa8__expr__\xa7int_bin\xa4name\xa3age" ++ "\xa5right\x15",
        "$.age > 21",
        "",
    );
    // The step to the last part of a path is a context, and its type is that of what is beside it.
    try expectTree(
        "\x83\xa8__expr__\xa2eq\xa4left\x86\xa8__expr__\xb1list_get_by_index" ++
            "\xa5index\xff\xabreturn_type\x07\xa8exp_type\x03" ++
            "\xa3bin\x82\xa8__expr__\xa7map_bin\xa4name\xa1m" ++
            "\xa3ctx\x91\x92\xa7map_key\xa1k" ++ "\xa5right\xa1x",
        "$.m.k.[-1] == 'x'",
        "",
    );
    // By itself a constant is no expression.
    try expectTree("\x82\xa8__expr__\xa8bool_val\xa3val\xc3", "true", "");
}

test "parameters are constants, and their maps are ordered" {
    const left = "\x83\xa8__expr__\xa2eq\xa4left\x82\xa8__expr__\xa7map_bin\xa4name\xa1m\xa5right";
    const ordered = "\xc9\x00\x00\x00\x0a\x15\x81\xa1k" ++ "\xc9\x00\x00\x00\x01\x15\x80";
    try expectTree(left ++ ordered, "$.m == ?0", "\x92\x91\x81\xa1k\x80\x80");
    try expectTree(left ++ ordered, "$.m == %(n)s", "\x92\x90\x81\xa1n\x81\xa1k\xc7\x01\x15\x80");
}

fn expectRefused(
    message: []const u8,
    position: u32,
    text: []const u8,
    parameters: []const u8,
) !void {
    var failure: Failure = .{};
    var out = wire.Buffer.growing(testing.allocator, &.{}, 1 << 20);
    defer out.deinit();
    try testing.expectError(error.Failed, treeOf(text, parameters, &out, &failure));
    try testing.expectEqualStrings(message, failure.message());
    try testing.expectEqual(position, failure.text_position);
}

test "what is refused is told with its place, in characters and as a byte" {
    try expectRefused(
        "line 2, column 13, before ')': expected a value",
        22,
        "$.t and\n'\u{fc}' == -+ + )",
        "",
    );
}

test "parameters that are missing, left over, or none" {
    const none = "the parameters are not [[value], {name: value}]";
    try expectRefused(
        "line 1, column 7, before '?1': there is no parameter 1; 1 were given",
        7,
        "?0 == ?1",
        "\x92\x91\x01\x80",
    );
    const left = "the text does not use the parameter ";
    try expectRefused(left ++ "1", 0, "$.a == %s", "\x92\x92\x01\x02\x80");
    try expectRefused(left ++ "'n'", 0, "$.t", "\x92\x90\x81\xa1n\x01");
    for ([_][]const u8{
        "\xc0",
        "\x92\x90",
        "\x92\x90\x80\x01",
        "\x92\x90\x81\x01\x01",
        "\x92\xdd\xff\xff\xff\xff",
        "\x92\x90\x82\xa1n\x01\xa1n\x01",
        // A map that has not the size of its extension.
        "\x92\x91\xc7\x02\x15\x80\x01\x80",
    }) |parameters| try expectRefused(none, 0, "?0", parameters);
    try expectRefused(
        "a parameter has an integer that needs more than 64 bits",
        0,
        "?0",
        "\x92\x91\xcf\xff\xff\xff\xff\xff\xff\xff\xff\x80",
    );
    const deep: [300]u8 = @splat(0x91);
    try expectRefused(
        "a parameter is nested deeper than 256 levels",
        0,
        "?0",
        "\x92\x91" ++ deep ++ "\x90\x80",
    );
    var failure: Failure = .{};
    var out = wire.Buffer.growing(testing.allocator, &.{}, 1 << 20);
    defer out.deinit();
    try testing.expectError(error.Failed, treeOf("$.a == ?0", "\x92\x91\xc0\x80", &out, &failure));
    try testing.expectEqual(.wrong_type, failure.status);
}

test "limits" {
    const too_deep = "line 1, column 1, before '1 + 1 + 1 + 1 + 1 + ': the text is nested too deep";
    try expectRefused(too_deep, 1, comptime repeated("1 + ", 102) ++ "1", "");
    const negations = comptime repeated("not ", 50);
    try expectRefused(
        "line 1, column 201, before '$.t': nested deeper than 50 levels",
        201,
        negations ++ "$.t",
        "",
    );
    try expectRefused(
        "line 1, column 8, before '- - - - - - - - - - ': more than 50 signs",
        8,
        "$.a == " ++ comptime repeated("- ", 51) ++ "1",
        "",
    );
    const size = text_module.bytes_max + 1;
    const long = try testing.allocator.alloc(u8, size);
    defer testing.allocator.free(long);
    @memset(long, ' ');
    const message = "the text of an expression has 1048576 bytes; at most 1048575 are allowed";
    try expectRefused(message, 0, long, "");
    try expectRefused("the text is not UTF-8", 0, "$.a == '\xff'", "");
}

fn repeated(comptime text: []const u8, comptime count: usize) *const [text.len * count]u8 {
    const copies: [count][text.len]u8 = @splat(text[0..text.len].*);
    return @ptrCast(&copies);
}

const samples = [_][]const u8{
    "$.age >= %s and $.status in %(wanted)s\x00\x92\x91\x12\x81\xa6wanted\x92\xa1a\xa1b",
    "let (x = 1, y = ${x} + $.a) then (${y} ** 2 > ${x} or not $.t)\x00",
    "when ($.a == 1 => 'x', $.t => \"y\", default => $.s) == 'x'\x00",
    "$.m.k.[0].{!a,b}.get(return: COUNT) < $.l.[#0:2~5].count()\x00",
    "$.m == {'b': 1, 2: [-0x3, 2.5]} or $.x.get(type: BLOB) == 'eHl6'\x00",
    "geoCompare($.g, geoJson('{\"type\":\"Point\",\"coordinates\":[1,2]}'))\x00",
    "exclusive($.a & ~1 == 3, $.f.asInt() >>> 2 > max($.b, 0b11), $.h.hllCount() > 5)\x00",
    "$.m == ?0\x00\x92\x91\x81\xa1k\xc7\x03\x15\x81\x01\x90\x80",
};

/// Text, a NUL, and parameters.
fn check(bytes: []const u8) anyerror!void {
    const end = std.mem.findScalar(u8, bytes, 0) orelse bytes.len;
    const text = bytes[0..end];
    const parameters = bytes[@min(end + 1, bytes.len)..];
    var failure: Failure = .{};
    var out = wire.Buffer.growing(testing.allocator, &.{}, 1 << 24);
    defer out.deinit();
    treeOf(text, parameters, &out, &failure) catch |err| {
        try testing.expectEqual(error.Failed, err);
        try testing.expect(failure.message().len > 0);
        try testing.expect(failure.text_position <= text.len + 1);
        return;
    };
    // It is an expression, or one whose types do not agree, which the encoder says.
    var reader = msgpack.Reader.init(out.written());
    var encoded = wire.Buffer.growing(testing.allocator, &.{}, 1 << 24);
    defer encoded.deinit();
    expression.encodeExpression(&encoded, &reader, &failure) catch |err| {
        try testing.expectEqual(error.Failed, err);
        return;
    };
    try testing.expect(reader.isAtEnd());
}

test "fuzz: texts of expressions" {
    try fuzz.run(check, &samples);
}

test "texts of pieces of the language are parsed or refused" {
    const pieces = "( ) [ ] { } . , : ~ ! # = - + * / % & | ^ < > ' \" $ ?0 $. $.a == and or not " ++
        "in let then when default => ${ x 1 1.5 0x true get( type INT count() %s %(n)s geoJson( " ++
        "exists() [0] {#1} ** >>> unknown null";
    var prng = std.Random.DefaultPrng.init(1);
    const random = prng.random();
    var words: [64][]const u8 = undefined;
    var count: usize = 0;
    var iterator = std.mem.tokenizeScalar(u8, pieces, ' ');
    while (iterator.next()) |piece| : (count += 1) words[count] = piece;
    for (0..3000) |_| {
        var memory: [fuzz.input_bytes_max]u8 = undefined;
        var out = wire.Buffer.fixed(&memory);
        const has_spaces = random.boolean();
        for (0..random.uintAtMost(usize, 25)) |_| {
            try out.append(words[random.uintLessThan(usize, count)]);
            if (has_spaces) try out.append(" ");
        }
        try check(out.written());
    }
}

fn parseAll(gpa: std.mem.Allocator) !void {
    for (samples) |sample| {
        const end = std.mem.findScalar(u8, sample, 0).?;
        var failure: Failure = .{};
        var memory: [4096]u8 = undefined;
        var out = wire.Buffer.fixed(&memory);
        try text_module.parse(gpa, sample[0..end], sample[end + 1 ..], &out, &failure);
    }
}

test "memory may run out anywhere" {
    try testing.checkAllAllocationFailures(testing.allocator, parseAll, .{});
}
