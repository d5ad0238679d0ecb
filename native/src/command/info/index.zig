//! Secondary indexes: creating and removing them, and waiting until all nodes have done so.
//!
//! The commands' syntax has changed with the server's versions; `Definition.write` knows all that
//! are still met.

const std = @import("std");
const context_module = @import("../cdt/context.zig");
const procedure_module = @import("../procedure.zig");
const query_request = @import("../query/query_request.zig");
const request = @import("../record/request.zig");
const wire = @import("../../wire.zig");
const Collection = query_request.Collection;
const DataType = query_request.DataType;
const Error = procedure_module.Error;
const Failure = @import("../../status.zig").Failure;
const FrameResult = @import("../../engine.zig").FrameResult;
const Kind = procedure_module.Kind;
const Step = procedure_module.Step;
const Version = @import("../../cluster.zig").Version;
const Waiting = procedure_module.Waiting;
const msgpack = wire.msgpack;

fn nameOf(data_type: DataType, version: Version) []const u8 {
    return switch (data_type) {
        .string => "STRING",
        .integer => if (version.isAtLeast(.first_with_integer_indexes)) "INTEGER" else "NUMERIC",
        .geo2dsphere => "GEO2DSPHERE",
        .blob => "BLOB",
    };
}

const msgpack_nil = 0xc0;
/// In the place of a collection: an index of the set itself (server 8.1.2).
const collection_set = 4;

const Definition = struct {
    namespace: []const u8,
    set: []const u8,
    index: []const u8,
    bin: []const u8,
    data_type: DataType,
    collection: Collection,
    /// The index is of the set's records, by nothing in them.
    is_of_set: bool = false,
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
        if (definition.is_of_set) return out.append(";indextype=SET");
        if (definition.context.len != 0) try appendBase64(out, ";context=", definition.context);
        if (definition.expression.len != 0) try appendBase64(out, ";exp=", definition.expression);
        switch (definition.collection) {
            .default => {},
            .list => try out.append(";indextype=LIST"),
            .map_keys => try out.append(";indextype=MAPKEYS"),
            .map_values => try out.append(";indextype=MAPVALUES"),
        }
        const type_name = nameOf(definition.data_type, version);
        if (definition.bin.len == 0) {
            try append(out, .{ ";type=", type_name });
        } else if (version.isAtLeast(.first_with_full_names)) {
            try append(out, .{ ";bin=", definition.bin, ";type=", type_name });
        } else {
            try append(out, .{ ";indexdata=", definition.bin, ",", type_name });
        }
    }
};

fn namespaceKey(version: Version) []const u8 {
    return if (version.isAtLeast(.first_with_full_names)) "namespace" else "ns";
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

pub const Index = struct {
    kind: Kind,
    definition: Definition = undefined,
    waiting: Waiting = undefined,
    step: enum { command, look, judge } = .command,

    pub fn parse(index: *Index, procedure: anytype, reader: *msgpack.Reader) Error!void {
        if (index.kind == .index_create) {
            try index.parseCreation(procedure, reader);
        } else {
            try index.parseRemoval(procedure, reader);
        }
        const definition = &index.definition;
        try procedure.workIn(.{ .namespace = definition.namespace, .set = definition.set });
        if (definition.index.len == 0) {
            return request.invalid(procedure.failure, "the index needs a name", .{});
        }
        index.waiting = .{
            .wait_ms = try procedure.takeInteger(u32, reader, "the time to wait"),
        };
    }

    /// [namespace, set, index, bin or nil, data type, collection, context or nil, expression or nil,
    /// how long to wait until all nodes have it, in ms].
    fn parseCreation(index: *Index, procedure: anytype, reader: *msgpack.Reader) Error!void {
        const failure = procedure.failure;
        const definition = &index.definition;
        definition.* = .{
            .namespace = try procedure.takeNamespace(reader),
            .set = try procedure.takeName(reader, "the set"),
            .index = try procedure.takeName(reader, "the index"),
            .bin = "",
            .data_type = undefined,
            .collection = undefined,
            .context = "",
            .expression = "",
        };
        definition.bin = try takeBin(procedure, reader);
        const data_type = try procedure.takeInteger(u8, reader, "the data type");
        definition.data_type = std.enums.fromInt(DataType, data_type) orelse
            return request.invalid(failure, "there is no data type {d}", .{data_type});
        const collection = try procedure.takeInteger(u8, reader, "the collection");
        definition.is_of_set = collection == collection_set;
        definition.collection = if (definition.is_of_set)
            .default
        else
            std.enums.fromInt(Collection, collection) orelse
                return request.invalid(failure, "there is no collection {d}", .{collection});
        if (reader.peek() == msgpack_nil) {
            reader.skip() catch unreachable;
        } else {
            definition.context = try takeContext(procedure, reader);
        }
        definition.expression = switch (reader.next() catch return request.malformed(failure)) {
            .nil => "",
            .binary => |bytes| bytes,
            else => return request.invalid(failure, "the expression must be bytes or nil", .{}),
        };
        if (definition.is_of_set) return checkSetIndex(definition, failure);
        if ((definition.bin.len == 0) == (definition.expression.len == 0)) {
            return request.invalid(failure, "an index is on a bin or on an expression", .{});
        }
    }

    fn checkSetIndex(definition: *const Definition, failure: *Failure) Error!void {
        if (definition.set.len == 0) {
            return request.invalid(failure, "an index of a set needs the set's name", .{});
        }
        if (definition.bin.len + definition.context.len + definition.expression.len == 0) return;
        return request.invalid(failure, "an index of a set has no bin, context or expression", .{});
    }

    /// [namespace, index, how long to wait until no node has it any more, in ms].
    fn parseRemoval(index: *Index, procedure: anytype, reader: *msgpack.Reader) Error!void {
        index.definition.namespace = try procedure.takeNamespace(reader);
        index.definition.set = ""; // As the server knows it by its name alone.
        index.definition.index = try procedure.takeName(reader, "the index");
    }

    fn takeContext(procedure: anytype, reader: *msgpack.Reader) Error![]const u8 {
        const arena = procedure.arena.allocator();
        var out = wire.Buffer.growing(arena, &.{}, request.frame_bytes_max);
        try context_module.encodeContext(&out, reader, procedure.failure);
        return out.written();
    }

    pub fn next(index: *Index, procedure: anytype) Error!Step {
        switch (index.step) {
            .command => if (procedure.questions.len == 0) return .{ .ask = .{ .whom = .any } } else {
                _ = try procedure.answer(&procedure.questions[0]);
                index.step = .judge;
                return index.waiting.begin(procedure.task.driver.now());
            },
            .look => {
                index.step = .judge;
                return Waiting.look;
            },
            .judge => {
                index.step = .look;
                return if (index.kind == .index_create)
                    index.waiting.next(procedure, "the index is not readable", index, isReadable)
                else
                    index.waiting.next(procedure, "the index is not removed", index, isRemoved);
            },
        }
    }

    fn isReadable(_: *Index, procedure: anytype, question: anytype) Error!bool {
        const text = procedure.answer(question) catch |err| {
            if (procedure.failure.status == .index_not_found) return false;
            return err;
        };
        const percent = wire.info.Pairs.find(text, ';', "load_pct") orelse return false;
        return std.mem.eql(u8, percent, "100");
    }

    fn isRemoved(_: *Index, procedure: anytype, question: anytype) Error!bool {
        _ = procedure.answer(question) catch |err| {
            if (procedure.failure.status == .index_not_found) return true;
            return err;
        };
        return false;
    }

    /// The syntax is that of the version of the node.
    pub fn write(index: *Index, procedure: anytype, question: anytype) Error!void {
        var command = wire.Buffer.growing(procedure.gpa, &.{}, request.frame_bytes_max);
        defer command.deinit();
        const definition = &index.definition;
        const version = question.node.version();
        const key = namespaceKey(version);
        if (index.step != .command) {
            if (version.isAtLeast(.first_with_full_names)) try append(&command, .{
                "sindex-stat:namespace=", definition.namespace, ";indexname=", definition.index,
            }) else try append(&command, .{
                "sindex/", definition.namespace, "/", definition.index,
            });
        } else if (index.kind == .index_create) {
            try definition.write(version, &command);
        } else {
            try append(&command, .{ "sindex-delete:", key, "=", definition.namespace });
            try append(&command, .{ ";indexname=", definition.index });
        }
        try procedure.writeInfo(question, command.written());
    }

    pub fn take(_: *Index, procedure: anytype, question: anytype, frame: anytype) !FrameResult {
        return procedure.takeInfo(question, frame);
    }
};

fn takeBin(procedure: anytype, reader: *msgpack.Reader) Error![]const u8 {
    if (reader.peek() == msgpack_nil) {
        reader.skip() catch unreachable;
        return "";
    }
    const start = reader.position;
    // Looked at twice: for what a bin's name may be, and for what an info command may carry.
    _ = try request.expectBinName(reader, procedure.failure);
    reader.position = start;
    return procedure.takeName(reader, "the bin");
}

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
        try definition.write(try .parse(case[0]), &out);
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
    try definition.write(try .parse("8.1.2.0"), &out);
    const expected = "sindex-create:namespace=test;indexname=i;exp=kw==;type=GEO2DSPHERE";
    try testing.expectEqualStrings(expected, out.written());
}

test "an index of a set has a set and nothing else" {
    const testing = std.testing;
    var memory: [256]u8 = undefined;
    var out = wire.Buffer.fixed(&memory);
    var definition: Definition = .{
        .namespace = "test",
        .set = "demo",
        .index = "i",
        .bin = "",
        .data_type = .string,
        .collection = .default,
        .is_of_set = true,
        .context = "",
        .expression = "",
    };
    try definition.write(try .parse("8.1.2.0"), &out);
    const expected = "sindex-create:namespace=test;set=demo;indexname=i;indextype=SET";
    try testing.expectEqualStrings(expected, out.written());
    var failure: Failure = .{};
    try Index.checkSetIndex(&definition, &failure);
    definition.bin = "a";
    try testing.expectError(error.Failed, Index.checkSetIndex(&definition, &failure));
    definition.bin = "";
    definition.set = "";
    try testing.expectError(error.Failed, Index.checkSetIndex(&definition, &failure));
}
