//! Operations on the bins of one record: from a list of maps to the protocol's operations.
//!
//! An operation is a map of `op`, a number of the API, and what it needs besides. Everything is
//! checked here, before anything is sent: unknown numbers and fields, missing fields and wrong
//! types fail with a text that names the operation by its index. The same encoded operations tell
//! `operate_reply.zig` later what each result of the reply belongs to.
//!
//!   1 read      [bin]           absent or nil reads all bins
//!   2 write     bin, val        nil deletes the bin
//!   5 increment bin, val        9 append, 10 prepend alike
//!   11 touch    [val]           the time to live in seconds
//!   12 delete                   the whole record
//!   1001... lists   2001... maps (cdt.zig)   3001... bits   4001... HyperLogLogs (blob.zig)
//!   7000 the value as a string   7001... strings (text.zig, server 8.2)
//!   5001 expression read   5002 expression write: bin, expression, [flags]
//!   6001 select by path    bin, ctx, [flags]   6002 modify by path   also expression

const std = @import("std");
const assert = std.debug.assert;
const blob = @import("../cdt/blob.zig");
const call = @import("../cdt/call.zig");
const cdt = @import("../cdt/cdt.zig");
const context = @import("../cdt/context.zig");
const expression = @import("../expression/expression.zig");
const texts = @import("../cdt/text.zig");
const Failure = @import("../../status.zig").Failure;
const wire = @import("../../wire.zig");
const msgpack = wire.msgpack;
const Arguments = @import("../arguments.zig").Arguments;
const Call = @import("../cdt/call.zig").Call;
const Field = @import("../arguments.zig").Field;
const describe = @import("../arguments.zig").describe;
const malformed = @import("../arguments.zig").malformed;

pub const Error = @import("../arguments.zig").Error;

/// What the operations of a request amount to.
pub const Summary = struct {
    has_read: bool = false,
    has_write: bool = false,
    /// One operation reads all bins.
    read_all: bool = false,
    /// Every operation shall have its place in the reply.
    respond_all: bool = false,
    /// The time to live that a touch gives.
    ttl_s: ?i32 = null,
    /// Where the encoded operations are in the encoder's buffer.
    operations_start: usize = 0,
    operations_end: usize = 0,
    /// Results that the server would not give beside those of a read of all bins.
    has_other_result: bool = false,

    pub fn isWrite(summary: *const Summary) bool {
        return summary.has_write;
    }

    /// Sets what follows from the operations in a header that the policy has filled.
    pub fn apply(summary: *const Summary, header: *wire.message.Header) void {
        assert(!(summary.read_all and summary.respond_all));
        header.info1.read = summary.has_read;
        header.info1.get_all = summary.read_all;
        header.info2.write = summary.has_write;
        header.info2.respond_all_operations = summary.respond_all;
        if (summary.ttl_s) |ttl_s| header.record_ttl = @bitCast(ttl_s);
    }

    fn add(summary: *Summary, code: wire.operation.Code) void {
        if (code.isRead()) summary.has_read = true else summary.has_write = true;
        switch (code) {
            .write, .increment, .append, .prepend, .touch, .delete => {},
            .read => summary.has_other_result = true,
            else => {
                summary.has_other_result = true;
                summary.respond_all = true;
            },
        }
    }
};

/// The API's numbers of the operations that are not calls.
const Plain = enum(i64) {
    read = 1,
    write = 2,
    increment = 5,
    append = 9,
    prepend = 10,
    touch = 11,
    delete = 12,
    expression_read = 5001,
    expression_write = 5002,
    select_by_path = 6001,
    modify_by_path = 6002,
    to_string = 7000,
};

/// A call with the fields that it takes.
const Specification = struct { call: Call, fields: std.EnumSet(Field) };

const list_specifications = specify(&cdt.list_calls);
const map_specifications = specify(&cdt.map_calls);
const bit_specifications = specify(&blob.bit_calls);
const hll_specifications = specify(&blob.hll_calls);
const text_specifications = specify(&texts.text_calls);

fn specify(comptime calls: []const Call) [calls.len]Specification {
    @setEvalBranchQuota(20_000);
    var specifications: [calls.len]Specification = undefined;
    for (&specifications, calls) |*specification, item| {
        var fields = item.fields();
        fields.insert(.op);
        specification.* = .{ .call = item, .fields = fields };
    }
    return specifications;
}

fn find(number: i64) ?*const Specification {
    const group: struct { i64, []const Specification } = switch (number) {
        cdt.list_first...cdt.map_first - 1 => .{ cdt.list_first, &list_specifications },
        cdt.map_first...blob.bit_first - 1 => .{ cdt.map_first, &map_specifications },
        blob.bit_first...blob.hll_first - 1 => .{ blob.bit_first, &bit_specifications },
        blob.hll_first...blob.hll_first + 999 => .{ blob.hll_first, &hll_specifications },
        texts.text_first...texts.text_first + 999 => .{ texts.text_first, &text_specifications },
        else => return null,
    };
    const index: usize = @intCast(number - group[0]);
    return if (index < group[1].len) &group[1][index] else null;
}

/// Takes the array of operations from the reader and appends them to the message. `summary` is
/// filled in place.
pub fn encodeOperations(
    encoder: *wire.message.Encoder,
    reader: *msgpack.Reader,
    summary: *Summary,
    failure: *Failure,
) Error!void {
    const count = switch (reader.next() catch return malformed(failure)) {
        .array => |count| count,
        else => |token| {
            failure.set(.invalid_argument, "the operations must be a list, not {s}", .{
                describe(token),
            });
            return error.Failed;
        },
    };
    if (count == 0) {
        failure.set(.invalid_argument, "at least one operation is needed", .{});
        return error.Failed;
    }
    summary.* = .{ .operations_start = encoder.buffer.end };
    for (0..count) |index| try encodeOperation(encoder, reader, index, summary, failure);
    summary.operations_end = encoder.buffer.end;
    if (!summary.read_all) return;
    if (summary.has_other_result) {
        failure.set(.invalid_argument, "a read of all bins cannot be combined with other " ++
            "operations that have results", .{});
        return error.Failed;
    }
    summary.respond_all = false;
}

fn encodeOperation(
    encoder: *wire.message.Encoder,
    reader: *msgpack.Reader,
    index: usize,
    summary: *Summary,
    failure: *Failure,
) Error!void {
    var arguments: Arguments = undefined;
    try arguments.parse(reader, .{ .operation = .{ .index = index } }, failure);
    const number = try arguments.integer(.op);
    if (find(number)) |specification| {
        arguments.place.operation.name = specification.call.name;
        try arguments.allowOnly(specification.fields);
        return encodeCall(encoder, &specification.call, &arguments, summary);
    }
    const plain = std.enums.fromInt(Plain, number) orelse
        return arguments.fail("has the unknown op {d}", .{number});
    arguments.place.operation.name = @tagName(plain);
    try encodePlain(encoder, plain, &arguments, summary);
}

fn encodeCall(
    encoder: *wire.message.Encoder,
    spec: *const Call,
    arguments: *const Arguments,
    summary: *Summary,
) Error!void {
    summary.add(spec.code);
    const name = try arguments.binName(.bin);
    const offset = try begin(encoder, spec.code, name, arguments);
    try call.write(spec, arguments, .values, encoder.buffer);
    const kind: wire.particle.Type = switch (spec.code) {
        .string_read, .string_modify => .string,
        else => .blob,
    };
    try encoder.endOperation(offset, kind);
}

fn begin(
    encoder: *wire.message.Encoder,
    code: wire.operation.Code,
    name: []const u8,
    arguments: *const Arguments,
) Error!usize {
    return encoder.beginOperation(code, name) catch |err| arguments.valueError(.bin, err);
}

fn encodePlain(
    encoder: *wire.message.Encoder,
    plain: Plain,
    arguments: *const Arguments,
    summary: *Summary,
) Error!void {
    try arguments.allowOnly(plainFields(plain));
    switch (plain) {
        .read => try encodeRead(encoder, arguments, summary),
        .write => try encodeValue(encoder, .write, arguments, summary),
        .increment => try encodeValue(encoder, .increment, arguments, summary),
        .append => try encodeValue(encoder, .append, arguments, summary),
        .prepend => try encodeValue(encoder, .prepend, arguments, summary),
        .touch => {
            try refuseBin(arguments);
            if (arguments.given(.val) != null) summary.ttl_s = try touchTtl(arguments);
            summary.add(.touch);
            try encodeBare(encoder, .touch, "", arguments);
        },
        .delete => {
            try refuseBin(arguments);
            summary.add(.delete);
            try encodeBare(encoder, .delete, "", arguments);
        },
        .expression_read, .expression_write => {
            try encodeExpressionOperation(encoder, plain, arguments, summary);
        },
        .select_by_path, .modify_by_path => try encodePath(encoder, plain, arguments, summary),
        .to_string => {
            summary.add(.to_string);
            try encodeBare(encoder, .to_string, try arguments.binName(.bin), arguments);
        },
    }
}

fn plainFields(plain: Plain) std.EnumSet(Field) {
    return switch (plain) {
        .delete => .init(.{ .op = true, .bin = true }),
        .read, .to_string => .init(.{ .op = true, .bin = true }),
        .write, .increment, .append, .prepend, .touch => .init(.{
            .op = true,
            .bin = true,
            .val = true,
        }),
        .expression_read, .expression_write => .init(.{
            .op = true,
            .bin = true,
            .expression = true,
            .flags = true,
        }),
        .select_by_path => .init(.{ .op = true, .bin = true, .ctx = true, .flags = true }),
        .modify_by_path => .init(.{
            .op = true,
            .bin = true,
            .ctx = true,
            .flags = true,
            .expression = true,
        }),
    };
}

fn encodeRead(
    encoder: *wire.message.Encoder,
    arguments: *const Arguments,
    summary: *Summary,
) Error!void {
    if (hasBin(arguments)) {
        summary.add(.read);
        return encodeBare(encoder, .read, try arguments.binName(.bin), arguments);
    }
    if (summary.read_all) return arguments.fail("reads all bins a second time", .{});
    summary.has_read = true;
    summary.read_all = true;
    return encodeBare(encoder, .read, "", arguments);
}

fn encodeBare(
    encoder: *wire.message.Encoder,
    code: wire.operation.Code,
    name: []const u8,
    arguments: *const Arguments,
) Error!void {
    encoder.operation(code, .nil, name, "") catch |err| return arguments.valueError(.bin, err);
}

fn encodeValue(
    encoder: *wire.message.Encoder,
    code: wire.operation.Code,
    arguments: *const Arguments,
    summary: *Summary,
) Error!void {
    summary.add(code);
    const name = try arguments.binName(.bin);
    const slice = try arguments.require(.val);
    var reader = msgpack.Reader.init(slice);
    const kind = encoder.operationFromMsgpack(code, name, &reader) catch |err|
        return arguments.valueError(.val, err);
    const expected = switch (code) {
        .increment => if (kind == .integer or kind == .float) return else "an integer or a float",
        .append, .prepend => if (kind == .string or kind == .blob)
            return
        else
            "a string or bytes",
        else => return,
    };
    return arguments.wrongType(.val, expected, try arguments.firstToken(slice));
}

fn touchTtl(arguments: *const Arguments) Error!i32 {
    const number = try arguments.integer(.val);
    // -1 never expires, -2 keeps what the record has.
    if (number >= -2 and number <= std.math.maxInt(i32)) return @intCast(number);
    return arguments.failOf(.val, "is no time to live: {d}", .{number});
}

fn hasBin(arguments: *const Arguments) bool {
    const slice = arguments.given(.bin) orelse return false;
    // An empty string.
    return !std.mem.eql(u8, slice, "\xa0");
}

fn refuseBin(arguments: *const Arguments) Error!void {
    if (hasBin(arguments)) return arguments.fail("concerns the whole record and takes no bin", .{});
}

/// Flags of a read: only that a failure yields nil. Of a write: also create only, update only,
/// allow deletion, do not fail.
const expression_read_flags = 0x10;
const expression_write_flags = 0x1f;

fn encodeExpressionOperation(
    encoder: *wire.message.Encoder,
    plain: Plain,
    arguments: *const Arguments,
    summary: *Summary,
) Error!void {
    const is_read = plain == .expression_read;
    const code: wire.operation.Code = if (is_read) .expression_read else .expression_modify;
    summary.add(code);
    const mask: u32 = if (is_read) expression_read_flags else expression_write_flags;
    const flags = try arguments.bits(.flags, mask);
    const name = try arguments.binName(.bin);
    const offset = try begin(encoder, code, name, arguments);
    const out = encoder.buffer;
    try msgpack.writeArrayHeader(out, 2);
    try expression.writeNested(arguments, .expression, try arguments.require(.expression), 0, out);
    try msgpack.writeUint(out, flags);
    try encoder.endOperation(offset, .blob);
}

/// Selects, or changes by an expression, all that a path with branches leads to.
fn encodePath(
    encoder: *wire.message.Encoder,
    plain: Plain,
    arguments: *const Arguments,
    summary: *Summary,
) Error!void {
    const modifies = plain == .modify_by_path;
    const code: wire.operation.Code = if (modifies) .cdt_modify else .cdt_read;
    summary.add(code);
    const name = try arguments.binName(.bin);
    const path = try arguments.require(.ctx);
    const offset = try begin(encoder, code, name, arguments);
    const out = encoder.buffer;
    try msgpack.writeArrayHeader(out, if (modifies) 4 else 3);
    try msgpack.writeUint(out, expression.call_select);
    try context.write(arguments, path, 0, 0, out);
    const mask = 0xffff & ~@as(u32, expression.select_flag_apply);
    const flags = try arguments.bits(.flags, mask);
    const apply: u32 = if (modifies) expression.select_flag_apply else 0;
    try msgpack.writeUint(out, flags | apply);
    if (modifies) {
        const tree = try arguments.require(.expression);
        try expression.writeNested(arguments, .expression, tree, 0, out);
    }
    try encoder.endOperation(offset, .blob);
}
