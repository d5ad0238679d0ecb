//! Which index is asked for what, of filters that are texts. More of it, with all kinds of indexes,
//! is in the tests of Python; here is what other programs see.

const std = @import("std");
const testing = std.testing;

const expression_text = @import("../expression/text/text.zig");
const fuzz = @import("../../wire/fuzz_test.zig");
const plan_module = @import("plan.zig");
const Failure = @import("../../status.zig").Failure;
const wire = @import("../../wire.zig");
const msgpack = wire.msgpack;

/// A set's index on integers in "age", and one of the namespace on what lists in "tags" have.
const indexes = "\x92\x96\xa4demo\xa3age\x01\x00\xc0\xc0\x96\xa0\xa4tags\x00\x01\xc0\xc0";

fn ask(text: []const u8, known: []const u8, out: *wire.Buffer, failure: *Failure) !void {
    var question = wire.Buffer.growing(testing.allocator, &.{}, 1 << 20);
    defer question.deinit();
    try msgpack.writeArrayHeader(&question, 3);
    try expression_text.parse(testing.allocator, text, "", &question, failure);
    try msgpack.writeString(&question, "demo");
    try question.append(known);
    try plan_module.plan(testing.allocator, question.written(), out, failure);
}

/// The head, and the text of what is left; null for nothing.
fn expectPlan(head: []const u8, left: ?[]const u8, text: []const u8) !void {
    return expectPlanBy(indexes, head, left, text);
}

fn expectPlanBy(known: []const u8, head: []const u8, left: ?[]const u8, text: []const u8) !void {
    var failure: Failure = .{};
    var out = wire.Buffer.growing(testing.allocator, &.{}, 1 << 20);
    defer out.deinit();
    try ask(text, known, &out, &failure);
    var expected = wire.Buffer.growing(testing.allocator, &.{}, 1 << 20);
    defer expected.deinit();
    try expected.append("\x94");
    try expected.append(head);
    if (left) |rest| {
        try expression_text.parse(testing.allocator, rest, "", &expected, &failure);
    } else try msgpack.writeNil(&expected);
    try testing.expectEqualStrings(expected.written(), out.written());
}

test "what an index answers is taken out of the filter" {
    const equal = "\x00\x94\xa3age\x00\x05\x05\xa6equals";
    try expectPlan(equal, null, "$.age == 5");
    try expectPlan(equal, "$.i == 1 and $.t", "$.i == 1 and (5 == $.age and $.t)");
    try expectPlan("\x00\x94\xa3age\x00\x06\x08\xa7between", null, "$.age > 5 and 9 > $.age");
    const all = "\x00\x94\xa3age\x00\xcf\x7f\xff\xff\xff\xff\xff\xff\xff" ++
        "\xcf\x7f\xff\xff\xff\xff\xff\xff\xff\xa7between";
    try expectPlan(all, null, "$.age >= 9223372036854775807");
}

test "an index is told by its context or its expression" {
    const nested = "\x91\x96\xa4demo\xa1m\x01\x00\xc4\x05\x92\x22\xa2\x03k" ++ "\xc0";
    const context = "\x81\xa7context\x91\x92\xa7map_key\xa1k";
    const range = "\x00\x95\xa1m\x00\x01\x03" ++ context ++ "\xa7between";
    try expectPlanBy(nested, range, null, "$.m.k > 0 and $.m.k < 4");
    const equal = "\x00\x95\xa1m\x00\x02\x02" ++ context ++ "\xa6equals";
    try expectPlanBy(nested, equal, null, "$.m.k == 2");
    const encoded = "\xc4\x05\x93Q\x02\xa1a";
    const computed = "\x91\x96\xa0\xc0\x01\x00\xc0" ++ encoded;
    const by_it = "\x00\x95\xc0\x00\x02\x02\x81\xaaexpression" ++ encoded ++ "\xa6equals";
    try expectPlanBy(computed, by_it, "$.t", "$.t and $.a == 2");
}

test "what an index finds too much by is looked at again" {
    const text = "'x' in $.tags and $.age < 9 and $.age > 3";
    try expectPlan("\x01\x94\xa4tags\x01\xa1x\xa1x\xa8contains", text, text);
}

test "no index is asked for nothing, or for what it has not" {
    for ([_][]const u8{
        "$.age > 9223372036854775807",
        "$.age > 9 and $.age < 9",
        "$.age != 5",
        "$.age == 5.5",
        "not($.age == 5)",
        "$.age == 5 or $.t",
        "$.age + 1 == 5",
    }) |text| try expectPlan("\xc0\xc0\xc0", text, text);
}

test "a constant that is left is a condition" {
    // Servers take no "and" of one constant.
    const left = "\x82\xa8__expr__\xa8bool_val\xa3val\xc3";
    var failure: Failure = .{};
    var out = wire.Buffer.growing(testing.allocator, &.{}, 1 << 20);
    defer out.deinit();
    const question = "\x93\x82\xa8__expr__\xa3and\xa5exprs\x92" ++
        "\x83\xa8__expr__\xa2eq\xa4left\x82\xa8__expr__\xa7int_bin\xa4name\xa3age\xa5right\x05" ++
        "\xc3\xa4demo" ++ indexes;
    try plan_module.plan(testing.allocator, question, &out, &failure);
    try testing.expectEqualStrings(
        "\x94\x00\x94\xa3age\x00\x05\x05\xa6equals" ++ left,
        out.written(),
    );
}

const samples = [_][]const u8{
    "\x93\x83\xa8__expr__\xa2eq\xa4left\x82\xa8__expr__\xa7int_bin\xa4name\xa3age\xa5right\x05" ++
        "\xa4demo" ++ indexes,
    "\x93\x84\xa8__expr__\xb1list_get_by_value\xa3val\xa1x\xabreturn_type\x09" ++
        "\xa3bin\x82\xa8__expr__\xa8list_bin\xa4name\xa4tags" ++ "\xa4demo" ++ indexes,
    "\x93\x83\xa8__expr__\xa2gt\xa4left\x86\xa8__expr__\xb1list_get_by_index\xa5index\xff" ++
        "\xabreturn_type\x07\xa8exp_type\x02\xa3bin\x82\xa8__expr__\xa7map_bin\xa4name\xa1m" ++
        "\xa3ctx\x91\x92\xa7map_key\xa1k\xa5right\x01" ++ "\xa0\x91\x96\xa0\xa1m\x01\x00" ++
        "\xc4\x07\x94\x22\xa2\x03k\x10\xff\xc4\x01\x01",
    "\x93\x83\xa8__expr__\xabgeo_compare\xa4left\x82\xa8__expr__\xa7geo_bin\xa4name\xa1g" ++
        "\xa5right\xc7\x10\x17{\"type\":\"Point\"}\xa0\x91\x96\xa0\xa1g\x02\x00\xc0\xc0",
};

fn check(bytes: []const u8) anyerror!void {
    var failure: Failure = .{};
    var out = wire.Buffer.growing(testing.allocator, &.{}, 1 << 24);
    defer out.deinit();
    plan_module.plan(testing.allocator, bytes, &out, &failure) catch |err| {
        try testing.expectEqual(error.Failed, err);
        return testing.expect(failure.message().len > 0);
    };
    var reader = msgpack.Reader.init(out.written());
    try testing.expectEqual(4, (try reader.next()).array);
    for (0..4) |_| try reader.skip();
    try testing.expect(reader.isAtEnd());
}

test "fuzz: plans of queries" {
    try fuzz.run(check, &samples);
}

fn askAll(gpa: std.mem.Allocator) !void {
    for (samples) |question| {
        var failure: Failure = .{};
        var memory: [4096]u8 = undefined;
        var out = wire.Buffer.fixed(&memory);
        try plan_module.plan(gpa, question, &out, &failure);
    }
}

test "memory may run out anywhere" {
    try testing.checkAllAllocationFailures(testing.allocator, askAll, .{});
}
