//! What servers from 8.2 on say of a failure beside its result code: a subcode, a text, and for
//! expressions a trace. It comes in a field of the reply, as a MessagePack map by numbers; here it
//! gets names, its texts are made fit to be shown, and what has no name is left out.
//!
//! Everything comes from the network: what is malformed, or too long, is as if it was not there.

const std = @import("std");
const printable = @import("../../printable.zig");
const wire = @import("../../wire.zig");
const msgpack = wire.msgpack;
const Failure = @import("../../status.zig").Failure;

/// By their numbers on the wire.
const Member = enum(u8) { subcode = 1, message = 2, trace = 3 };

/// Of a trace, by their numbers on the wire.
const TraceMember = enum(u8) {
    /// 1: while the expression was built, 2: while it was evaluated.
    phase = 1,
    /// Where in the encoded expression.
    byte_offset = 2,
    /// What failed, by its name.
    op = 3,
    /// How deep that is, and the names from the outermost to it.
    depth = 4,
    path = 5,
    /// That part of the expression, as text.
    snippet = 6,
    /// 1: a fault, 2: false, 3: a bin or the key is absent.
    outcome = 7,
    /// 1: an encoded expression, 2: a text.
    lang = 8,
    /// Where in the text, and how much of it.
    text_offset = 9,
    text_span = 10,
    /// Of the operation that failed.
    operands = 13,
};

const depth_max = 4;
const Error = msgpack.ReadError || wire.Buffer.Error || error{Unknown};

/// Appends the details in a message: {"subcode": …, "message": …, "trace": {…}}, as far as there are
/// any. Nothing is appended, and false returned, when there are none.
pub fn write(message: *const wire.message.Message, out: *wire.Buffer) bool {
    const field = message.findField(.error_details) catch return false;
    const start = out.end;
    writeMap(field orelse return false, out) catch {
        out.end = start;
        return false;
    };
    return true;
}

/// The server's own text among the details that `write` has made; empty if there is none.
pub fn text(details: []const u8) []const u8 {
    var reader: msgpack.Reader = .init(details);
    const count = (reader.next() catch return "").map;
    for (0..count) |_| {
        const name = (reader.next() catch return "").string;
        if (std.mem.eql(u8, name, "message")) return (reader.next() catch return "").string;
        reader.skip() catch return "";
    }
    return "";
}

/// Adds the details in a reply to the failure that its result code has been made into.
pub fn describe(message: *const wire.message.Message, failure: *Failure) void {
    var memory: [Failure.details_bytes_max]u8 = undefined;
    var out = wire.Buffer.fixed(&memory);
    if (!write(message, &out)) return;
    const said = text(out.written());
    if (said.len > 0) {
        const before = failure.*;
        failure.set(before.status, "{s}: {s}", .{ before.message(), said });
        failure.setNode(before.node());
        failure.in_doubt = before.in_doubt;
    }
    failure.setDetails(out.written());
}

fn writeMap(field: []const u8, out: *wire.Buffer) Error!void {
    var reader: msgpack.Reader = .init(field);
    const count = try expectMap(&reader);
    const head = out.end;
    // Small maps have one byte for their size.
    _ = try out.reserve(1);
    var known: u8 = 0;
    for (0..count) |_| {
        const member = std.enums.fromInt(Member, try expectSmall(&reader)) orelse {
            try reader.skip();
            continue;
        };
        try msgpack.writeString(out, @tagName(member));
        switch (member) {
            .subcode => try msgpack.writeInt(out, switch (try reader.next()) {
                .int => |number| number,
                else => return error.Unknown,
            }),
            .message => try writeText(&reader, out),
            .trace => try writeTrace(&reader, out),
        }
        known += 1;
        if (known > std.enums.values(Member).len) return error.Unknown;
    }
    out.patch(u8, head, fixed_map | known);
}

const fixed_map = 0x80;
const fixed_map_max = 15;

fn writeTrace(reader: *msgpack.Reader, out: *wire.Buffer) Error!void {
    const count = try expectMap(reader);
    const head = out.end;
    _ = try out.reserve(1);
    var known: u8 = 0;
    for (0..count) |_| {
        const member = std.enums.fromInt(TraceMember, try expectSmall(reader)) orelse {
            try reader.skip();
            continue;
        };
        try msgpack.writeString(out, @tagName(member));
        try writeValue(reader, 0, out);
        known += 1;
        if (known > fixed_map_max) return error.Unknown;
    }
    out.patch(u8, head, fixed_map | known);
}

fn expectMap(reader: *msgpack.Reader) Error!u32 {
    return switch (try reader.next()) {
        .map => |count| count,
        else => error.Unknown,
    };
}

fn expectSmall(reader: *msgpack.Reader) Error!u8 {
    return switch (try reader.next()) {
        .int => |number| std.math.cast(u8, number) orelse 0,
        else => error.Unknown,
    };
}

fn writeText(reader: *msgpack.Reader, out: *wire.Buffer) Error!void {
    switch (try reader.next()) {
        .string => |given| {
            var memory: [Failure.details_bytes_max]u8 = undefined;
            try msgpack.writeString(out, printable.copy(&memory, given));
        },
        else => return error.Unknown,
    }
}

/// Numbers, texts, and lists of these.
fn writeValue(reader: *msgpack.Reader, depth: u32, out: *wire.Buffer) Error!void {
    const start = reader.position;
    switch (try reader.next()) {
        .int => |number| try msgpack.writeInt(out, number),
        .boolean => |given| try msgpack.writeBool(out, given),
        .string => {
            reader.position = start;
            try writeText(reader, out);
        },
        .array => |count| {
            if (depth == depth_max) return error.Unknown;
            try msgpack.writeArrayHeader(out, count);
            for (0..count) |_| try writeValue(reader, depth + 1, out);
        },
        else => {
            reader.position = start;
            try reader.skip();
            try msgpack.writeNil(out);
        },
    }
}

const testing = std.testing;

fn testMessage(out: *wire.Buffer, field: []const u8) !wire.message.Message {
    var encoder = try wire.message.Encoder.beginBare(out);
    try encoder.field(.error_details, field);
    encoder.finish(.{ .result_code = 26 });
    return wire.message.Message.decode(out.written());
}

/// {1: 3, 2: "a\nb", 3: {1: 2, 5: ["eq", "bin"], 99: nil}, 7: {}}
const recorded = "\x84\x01\x03\x02\xa3a\nb\x03\x83\x01\x02\x05\x92\xa2eq\xa3bin\x63\xc0\x07\x80";

test "details get names, and are added to the failure" {
    var memory: [256]u8 = undefined;
    var body = wire.Buffer.fixed(&memory);
    const message = try testMessage(&body, recorded);
    var failure: Failure = .{};
    failure.set(.op_not_applicable, "not applicable", .{});
    failure.setNode("A1");
    describe(&message, &failure);
    try testing.expectEqualStrings("not applicable: a\\x0ab", failure.message());
    try testing.expectEqualStrings("A1", failure.node());
    const expected = "\x83\xa7subcode\x03\xa7message\xa6a\\x0ab" ++
        "\xa5trace\x82\xa5phase\x02\xa4path\x92\xa2eq\xa3bin";
    try testing.expectEqualStrings(expected, failure.details());
}

test "what is malformed or too long is as if it was not there" {
    const long: [2 * Failure.details_bytes_max]u8 = @splat('x');
    const cases = [_][]const u8{
        "",                                         "\x91\x01",                     "\x81",         "\x81\x01",
        "\x81\x01\xa0",                             "\x81\x02\x01",                 "\x81\x03\x01", "\x82\x01\x03",
        "\x81\x03\x81\x05\x91\x91\x91\x91\x91\x01", "\x81\x02\xda\x03\x00" ++ long,
    };
    for (cases) |case| {
        var memory: [1024]u8 = undefined;
        var body = wire.Buffer.fixed(&memory);
        const message = try testMessage(&body, case);
        var failure: Failure = .{};
        failure.set(.server, "text", .{});
        describe(&message, &failure);
        try testing.expectEqualStrings("text", failure.message());
        try testing.expectEqual(0, failure.details().len);
    }
}
