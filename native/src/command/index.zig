//! Secondary indexes: creating and removing them, and waiting until all nodes have done so.
//!
//! The commands' syntax has changed with the server's versions; `Definition.write` knows all that
//! are still met.

const std = @import("std");
const context_module = @import("context.zig");
const query_request = @import("query_request.zig");
const request = @import("request.zig");
const wire = @import("../wire.zig");
const Collection = query_request.Collection;
const Version = @import("administration.zig").Version;
const msgpack = wire.msgpack;

/// The numbers are those of the API's constants.
const DataType = enum(u8) {
    string = 0,
    integer = 1,
    geo2dsphere = 2,
    blob = 3,

    fn name(data_type: DataType, version: Version) []const u8 {
        return switch (data_type) {
            .string => "STRING",
            .integer => if (version.isAtLeast(8, 1, 3)) "INTEGER" else "NUMERIC",
            .geo2dsphere => "GEO2DSPHERE",
            .blob => "BLOB",
        };
    }
};

const msgpack_nil = 0xc0;

const Definition = struct {
    namespace: []const u8,
    set: []const u8,
    index: []const u8,
    bin: []const u8,
    data_type: DataType,
    collection: Collection,
    /// In the server's encoding, or empty; so is the expression.
    context: []const u8,
    expression: []const u8,

    fn write(
        definition: *const Definition,
        version: Version,
        out: *wire.Buffer,
    ) wire.Buffer.Error!void {
        try out.append("sindex-create:");
        try append(out, .{ namespaceKey(version), "=", definition.namespace });
        if (definition.set.len != 0) try append(out, .{ ";set=", definition.set });
        try append(out, .{ ";indexname=", definition.index });
        if (definition.context.len != 0) try appendBase64(out, ";context=", definition.context);
        if (definition.expression.len != 0) try appendBase64(out, ";exp=", definition.expression);
        switch (definition.collection) {
            .default => {},
            .list => try out.append(";indextype=LIST"),
            .map_keys => try out.append(";indextype=MAPKEYS"),
            .map_values => try out.append(";indextype=MAPVALUES"),
        }
        const type_name = definition.data_type.name(version);
        if (definition.bin.len == 0) {
            try append(out, .{ ";type=", type_name });
        } else if (version.isAtLeast(8, 1, 0)) {
            try append(out, .{ ";bin=", definition.bin, ";type=", type_name });
        } else {
            try append(out, .{ ";indexdata=", definition.bin, ",", type_name });
        }
    }
};

fn namespaceKey(version: Version) []const u8 {
    return if (version.isAtLeast(8, 1, 0)) "namespace" else "ns";
}

fn append(out: *wire.Buffer, parts: anytype) wire.Buffer.Error!void {
    inline for (parts) |part| try out.append(part);
}

fn appendBase64(out: *wire.Buffer, key: []const u8, bytes: []const u8) wire.Buffer.Error!void {
    try out.append(key);
    const encoder = std.base64.standard.Encoder;
    const offset = try out.reserve(encoder.calcSize(bytes.len));
    _ = encoder.encode(out.bytes[offset..out.end], bytes);
}

/// [namespace, set, index, bin or nil, data type, collection, context or nil, expression or nil,
/// how long to wait until all nodes have it, in ms].
pub fn create(task: anytype, reader: *msgpack.Reader) !void {
    const failure = task.failure;
    var definition: Definition = .{
        .namespace = try task.takeNamespace(reader),
        .set = try task.takeName(reader, "the set"),
        .index = try task.takeName(reader, "the index"),
        .bin = "",
        .data_type = undefined,
        .collection = undefined,
        .context = "",
        .expression = "",
    };
    if (definition.index.len == 0) return request.invalid(failure, "the index needs a name", .{});
    definition.bin = try takeBin(task, reader);
    const data_type = try task.takeInteger(u8, reader, "the data type");
    definition.data_type = std.enums.fromInt(DataType, data_type) orelse
        return request.invalid(failure, "there is no data type {d}", .{data_type});
    const collection = try task.takeInteger(u8, reader, "the collection");
    definition.collection = std.enums.fromInt(Collection, collection) orelse
        return request.invalid(failure, "there is no collection {d}", .{collection});
    var context = wire.Buffer.growing(task.gpa, &.{}, request.frame_bytes_max);
    defer context.deinit();
    if (reader.peek() == msgpack_nil) {
        reader.skip() catch unreachable;
    } else {
        try context_module.encodeContext(&context, reader, failure);
        definition.context = context.written();
    }
    definition.expression = switch (reader.next() catch return request.malformed(failure)) {
        .nil => "",
        .binary => |bytes| bytes,
        else => return request.invalid(failure, "the expression must be bytes or nil", .{}),
    };
    if ((definition.bin.len == 0) == (definition.expression.len == 0)) {
        return request.invalid(failure, "an index is on a bin or on an expression", .{});
    }
    const wait_ms = try task.takeInteger(u32, reader, "the time to wait");
    try createAndWait(task, &definition, wait_ms);
}

fn takeBin(task: anytype, reader: *msgpack.Reader) ![]const u8 {
    if (reader.peek() == msgpack_nil) {
        reader.skip() catch unreachable;
        return "";
    }
    const start = reader.position;
    // Looked at twice: for what a bin's name may be, and for what an info command may carry.
    _ = try request.expectBinName(reader, task.failure);
    reader.position = start;
    return task.takeName(reader, "the bin");
}

fn createAndWait(task: anytype, definition: *const Definition, wait_ms: u32) !void {
    const node = try task.anyNode();
    var command = task.answerBuffer();
    defer command.deinit();
    try definition.write(try task.version(node), &command);
    var answer = task.answerBuffer();
    defer answer.deinit();
    _ = try task.ask(node, command.written(), &answer);
    try task.waitForAll(wait_ms, "the index is not readable", Waiting{
        .namespace = definition.namespace,
        .index = definition.index,
        .for_presence = true,
    });
}

/// [namespace, index, how long to wait until no node has it any more, in ms].
pub fn remove(task: anytype, reader: *msgpack.Reader) !void {
    const namespace = try task.takeNamespace(reader);
    const index = try task.takeName(reader, "the index");
    if (index.len == 0) return request.invalid(task.failure, "the index needs a name", .{});
    const wait_ms = try task.takeInteger(u32, reader, "the time to wait");
    const node = try task.anyNode();
    var command = task.answerBuffer();
    defer command.deinit();
    const key = namespaceKey(try task.version(node));
    try append(&command, .{ "sindex-delete:", key, "=", namespace, ";indexname=", index });
    var answer = task.answerBuffer();
    defer answer.deinit();
    _ = try task.ask(node, command.written(), &answer);
    try task.waitForAll(wait_ms, "the index is not removed", Waiting{
        .namespace = namespace,
        .index = index,
        .for_presence = false,
    });
}

const Waiting = struct {
    namespace: []const u8,
    index: []const u8,
    for_presence: bool,

    pub fn isDone(waiting: Waiting, task: anytype, node: anytype) !bool {
        var command = task.answerBuffer();
        defer command.deinit();
        if ((try task.version(node)).isAtLeast(8, 1, 0)) {
            try append(&command, .{
                "sindex-stat:namespace=", waiting.namespace, ";indexname=", waiting.index,
            });
        } else {
            try append(&command, .{ "sindex/", waiting.namespace, "/", waiting.index });
        }
        var answer = task.answerBuffer();
        defer answer.deinit();
        const text = task.ask(node, command.written(), &answer) catch |err| {
            if (err == error.Failed and task.failure.status == .index_not_found) {
                return !waiting.for_presence;
            }
            return err;
        };
        if (!waiting.for_presence) return false;
        const percent = wire.info.Pairs.find(text, ';', "load_pct") orelse return false;
        return std.mem.eql(u8, percent, "100");
    }
};

test "an index is created in the syntax of the server's version" {
    const testing = std.testing;
    const Case = struct { []const u8, []const u8 };
    const cases = [_]Case{
        .{
            "7.2.0.1",
            "sindex-create:ns=test;set=demo;indexname=i;context=kxAA;indextype=LIST;" ++
                "indexdata=a,NUMERIC",
        },
        .{
            "8.1.0.0",
            "sindex-create:namespace=test;set=demo;indexname=i;context=kxAA;indextype=LIST;" ++
                "bin=a;type=NUMERIC",
        },
        .{
            "8.1.3.0",
            "sindex-create:namespace=test;set=demo;indexname=i;context=kxAA;indextype=LIST;" ++
                "bin=a;type=INTEGER",
        },
    };
    for (cases) |case| {
        var memory: [256]u8 = undefined;
        var out = wire.Buffer.fixed(&memory);
        const definition: Definition = .{
            .namespace = "test",
            .set = "demo",
            .index = "i",
            .bin = "a",
            .data_type = .integer,
            .collection = .list,
            .context = "\x93\x10\x00",
            .expression = "",
        };
        try definition.write(.parse(case[0]), &out);
        try testing.expectEqualStrings(case[1], out.written());
    }
}

test "an index on an expression has no bin, and one on a namespace no set" {
    const testing = std.testing;
    var memory: [256]u8 = undefined;
    var out = wire.Buffer.fixed(&memory);
    const definition: Definition = .{
        .namespace = "test",
        .set = "",
        .index = "i",
        .bin = "",
        .data_type = .geo2dsphere,
        .collection = .default,
        .context = "",
        .expression = "\x93",
    };
    try definition.write(.parse("8.1.2.0"), &out);
    const expected = "sindex-create:namespace=test;indexname=i;exp=kw==;type=GEO2DSPHERE";
    try testing.expectEqualStrings(expected, out.written());
}
