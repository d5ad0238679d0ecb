//! Applying a function to a record.
//!
//! The function sees a copy of the record, and nothing of the store is locked while it runs. What
//! it did to the record is then written as a command of its own would be, on the condition that
//! the record is still what the function saw; otherwise the function runs again.

const std = @import("std");
const wire = @import("../../wire.zig");
const status = @import("../../status.zig");
const Container = @import("../data/cdt/Container.zig");
const Context = @import("../core/Context.zig");
const ListSelection = @import("../data/cdt/ListSelection.zig");
const Request = @import("Request.zig");
const Scratch = @import("../core/Scratch.zig");
const delete_command = @import("delete.zig");
const filter = @import("filter.zig");
const read_command = @import("read.zig");
const record_module = @import("../data/record.zig");
const reply = @import("reply.zig");
const store = @import("../store/store.zig");
const udf = @import("../core/modules.zig");
const write_command = @import("write.zig");

const Buffer = wire.Buffer;
const Digest = wire.digest.Digest;
const Record = record_module.Record;
const Status = status.Status;
const msgpack = wire.msgpack;

const Error = Buffer.Error;

/// Runs of one command, when plain writes keep changing the record.
const runs_max = 1000;
const message_bytes_max = 64 * 1024 * 1024;
/// Of a command that does not say how long it may take.
const timeout_ms_default = 1000;

pub fn handle(
    context: *const Context,
    request: *const Request,
    namespace: *store.Namespace,
    digest: *const Digest,
) Error!void {
    const call = request.udf.?;
    if (call.package.len > udf.name_bytes_max or call.function.len > udf.name_bytes_max) {
        return reply.fail(context, .request_invalid);
    }
    var application: Application = .{
        .context = context,
        .request = request,
        .namespace = namespace,
        .digest = digest,
        .arena = context.scratch.arena.allocator(),
    };
    const lock = context.core.modules.recordLock(digest);
    lock.lock();
    defer lock.unlock();
    for (0..runs_max) |_| {
        if (try application.run() == .answered) return;
    }
    try reply.fail(context, .record_busy);
}

const Application = struct {
    context: *const Context,
    request: *const Request,
    namespace: *store.Namespace,
    digest: *const Digest,
    arena: std.mem.Allocator,
    /// Of the record as the function sees it; a generation of 0 says that there is none.
    meta: record_module.Meta = .{ .digest = @splat(0) },
    set: []const u8 = "",

    const Outcome = enum { answered, changed_meanwhile };

    fn run(application: *Application) Error!Outcome {
        const context = application.context;
        const call = &application.request.udf.?;
        const core = context.core;
        const arena = application.arena;
        var record = Buffer.growing(arena, &.{}, message_bytes_max);
        const code = try application.describe(&record);
        if (code != .ok) {
            try reply.failOf(context, code, &application.meta);
            return .answered;
        }
        const file = try std.fmt.allocPrint(arena, "{s}.lua", .{call.package});
        const module = core.modules.acquire(file) orelse {
            return application.failText("UDF: Execution Error 1");
        };
        defer module.release(core.gpa);
        if (!core.modules.hasRunner()) {
            return application.failText("UDF: this server has no Lua to run functions with");
        }
        const timeout_ms = application.request.header.transaction_ttl;
        const bytes = try core.modules.ask(arena, &.{
            .module = module.name,
            .source = module.source,
            .call = .{
                .function = call.function,
                .arguments = call.arguments,
                .subject = .{ .record = record.written() },
            },
            .timeout_ms = if (timeout_ms == 0) timeout_ms_default else timeout_ms,
        }) orelse return application.failText("UDF: what runs functions has failed");
        const answer = Reply.decode(bytes) catch {
            return application.failText("UDF: what runs functions has failed");
        };
        if (answer.ok) return application.carryOut(&answer);
        if (answer.code == .ok) return application.failText(answer.message);
        try reply.failOf(context, answer.code, &application.meta);
        return .answered;
    }

    /// Appends what the function sees of the record; the code to answer if it may not see it.
    fn describe(application: *Application, out: *Buffer) Error!Status {
        const namespace = application.namespace;
        const context = application.context;
        const partition = namespace.partitionOf(application.digest);
        partition.mutex.lock();
        defer partition.mutex.unlock();
        application.meta = .{ .digest = application.digest.* };
        application.set = application.request.set;
        const found = partition.table.find(application.digest);
        const record = if (found) |one|
            (if (one.meta.isExpired(context.now)) null else one)
        else
            null;
        if (record) |one| {
            application.meta = one.meta;
            application.set = namespace.setName(one.meta.set_id);
            if (!std.mem.eql(u8, application.set, application.request.set)) return .request_invalid;
            const passed = try filter.check(context, application.request, namespace, one);
            if (passed != .ok) return passed;
            if (!read_command.keyMatches(one, application.request.key)) return .record_key_mismatch;
        }
        try appendRecord(application.arena, out, record, .{
            .meta = application.meta,
            .set = application.set,
            .key = application.request.key,
            .now = context.now,
        });
        return .ok;
    }

    /// Does to the record what the function did, and answers with its value.
    fn carryOut(application: *Application, answer: *const Reply) Error!Outcome {
        const context = application.context;
        var changed: Changed = .{
            .generation = application.meta.generation,
            .void_time_s = application.meta.void_time_s,
        };
        if (answer.change) |*change| {
            changed = try application.write(change) orelse return .changed_meanwhile;
        }
        if (changed.code != .ok) {
            try reply.failOf(context, changed.code, &application.meta);
            return .answered;
        }
        const response = [_]Scratch.Response{.{
            .code = .read,
            .bin = .{ .name = "SUCCESS", .kind = answer.kind, .value = answer.value },
        }};
        try reply.operations(context, changed.generation, changed.void_time_s, &response);
        return .answered;
    }

    const Changed = struct {
        code: Status = .ok,
        generation: u32 = 0,
        void_time_s: u32 = 0,
    };

    /// Null when the record is not what the function saw any more.
    fn write(application: *Application, change: *const Change) Error!?Changed {
        const exists = application.meta.generation != 0;
        // A record that was removed after it had been made, or made without bins.
        if (change.is_empty and !exists) return .{ .code = .record_not_found };
        var out = Buffer.growing(application.arena, &.{}, message_bytes_max);
        var context = application.context.*;
        context.out = &out;
        context.row = null;
        // What an earlier run left.
        context.scratch.bins.clearRetainingCapacity();
        context.scratch.response.clearRetainingCapacity();
        var request: Request = .{
            .header = .{
                .info2 = .{ .write = true, .generation = exists, .create_only = !exists },
                .generation = application.meta.generation,
            },
            .namespace = application.request.namespace,
            .set = application.set,
            .key = application.request.key,
            .drops_key = change.drops_key,
        };
        request.header.info2.durable_delete = application.request.header.info2.durable_delete;
        const namespace = application.namespace;
        if (change.is_empty) {
            request.header.info2.delete = true;
            try delete_command.handle(&context, &request, namespace, application.digest);
        } else {
            request.header.record_ttl = change.ttl_s orelse application.request.header.record_ttl;
            request.operations = try application.operationsOf(change, &request.header);
            try write_command.handle(&context, &request, namespace, application.digest);
        }
        const header = wire.message.Header.decode(out.written()[wire.proto.header_bytes..]) catch {
            unreachable;
        };
        const code: Status = .fromServer(header.result_code);
        switch (code) {
            .record_generation, .record_exists, .record_not_found => return null,
            else => {},
        }
        return .{
            .code = code,
            // A delete is told as the change that it was.
            .generation = if (change.is_empty)
                application.meta.nextGeneration()
            else
                header.generation,
            .void_time_s = header.record_ttl,
        };
    }

    /// A change as the operations of a write.
    fn operationsOf(
        application: *Application,
        change: *const Change,
        header: *wire.message.Header,
    ) Error!wire.message.OperationIterator {
        var out = Buffer.growing(application.arena, &.{}, message_bytes_max);
        var encoder = try wire.message.Encoder.beginBare(&out);
        var operations = change.operations() catch unreachable;
        while (operations.next() catch unreachable) |operation| {
            const value = try inOrder(application.arena, operation.value, operation.kind);
            try encode(&encoder, .write, operation.kind, operation.name, value);
        }
        // An update that changes no bin.
        if (encoder.operation_count == 0) try encode(&encoder, .touch, .nil, "", "");
        header.operation_count = encoder.operation_count;
        return .{
            .rest = out.written()[wire.message.header_bytes..],
            .remaining = encoder.operation_count,
        };
    }

    fn encode(
        encoder: *wire.message.Encoder,
        code: wire.operation.Code,
        kind: wire.particle.Type,
        name: []const u8,
        value: []const u8,
    ) Error!void {
        encoder.operation(code, kind, name, value) catch |err| return switch (err) {
            error.BinNameTooLong => unreachable,
            error.OutOfMemory, error.NoSpaceLeft => |other| other,
        };
    }

    fn failText(application: *Application, text: []const u8) Error!Outcome {
        const context = application.context;
        context.count(.errors);
        var encoder = try context.beginReply();
        try encode(&encoder, .read, .string, "FAILURE", text);
        const meta = &application.meta;
        context.finishReply(&encoder, .udf, meta.generation, meta.void_time_s);
        return .answered;
    }
};

/// What a function sees of a record besides its bins.
pub const About = struct {
    meta: record_module.Meta,
    set: []const u8,
    /// What the request says, for a record that has no key of its own.
    key: ?[]const u8,
    now: record_module.Now,
};

/// Appends a record as functions get it; null is one that does not exist.
pub fn appendRecord(arena: std.mem.Allocator, out: *Buffer, record: ?*const Record, about: About) Error!void {
    try msgpack.writeMapHeader(out, 9);
    try msgpack.writeString(out, "exists");
    try msgpack.writeBool(out, record != null);
    try msgpack.writeString(out, "set");
    try msgpack.writeString(out, about.set);
    try msgpack.writeString(out, "digest");
    try msgpack.writeBinary(out, &about.meta.digest);
    try msgpack.writeString(out, "generation");
    try msgpack.writeUint(out, about.meta.generation);
    try msgpack.writeString(out, "ttl");
    try msgpack.writeUint(out, about.meta.void_time_s -| about.now.epochS());
    try msgpack.writeString(out, "last_update_ms");
    try msgpack.writeUint(out, about.meta.last_update_ms);
    try msgpack.writeString(out, "key");
    const stored = if (record) |one| one.storedKey() else "";
    const key = if (stored.len > 0) stored else about.key orelse "";
    if (key.len > 0) try msgpack.writeBinary(out, key) else try msgpack.writeNil(out);
    try msgpack.writeString(out, "size");
    const blocks_bytes = if (record) |one|
        try record_module.blocksBytes(arena, one, about.set.len)
    else
        record_module.block_bytes;
    try msgpack.writeUint(out, blocks_bytes);
    try msgpack.writeString(out, "bins");
    const one = record orelse return msgpack.writeArrayHeader(out, 0);
    try msgpack.writeArrayHeader(out, one.bin_count);
    var bins = one.iterateBins();
    while (bins.next()) |bin| {
        try msgpack.writeArrayHeader(out, 3);
        try msgpack.writeString(out, bin.name);
        try msgpack.writeUint(out, @backingInt(bin.kind));
        try msgpack.writeBinary(out, bin.value);
    }
}

/// A bin's value with the elements of all ordered lists in order; functions put them anywhere.
fn inOrder(
    arena: std.mem.Allocator,
    bytes: []const u8,
    kind: wire.particle.Type,
) error{OutOfMemory}![]const u8 {
    if (kind != .list and kind != .map) return bytes;
    return inOrderWithin(arena, bytes);
}

fn inOrderWithin(arena: std.mem.Allocator, bytes: []const u8) error{OutOfMemory}![]const u8 {
    var container = Container.parse(arena, bytes) catch |err| switch (err) {
        error.OutOfMemory => return error.OutOfMemory,
        error.Malformed => return bytes,
    };
    const items = try arena.dupe([]const u8, container.items);
    for (items) |*item| {
        const key = if (container.kind == .map) Container.keyOf(item.*) else "";
        const value = item.*[key.len..];
        if (Container.kindOf(value) == null) continue;
        const in_order = try inOrderWithin(arena, value);
        item.* = try std.mem.concat(arena, u8, &.{ key, in_order });
    }
    const is_sorted = container.kind == .list and container.isOrdered();
    container.items = if (is_sorted) try ListSelection.sorted(arena, items) else items;
    return container.write(arena);
}

test "ordered lists are put in order, also within others" {
    var arena = std.heap.ArenaAllocator.init(std.testing.allocator);
    defer arena.deinit();
    const nested = "\x92\x93\xc7\x00\x01\x02\x01\x00";
    const in_order = try inOrder(arena.allocator(), nested, .list);
    try std.testing.expectEqualStrings("\x92\x93\xc7\x00\x01\x01\x02\x00", in_order);
    const of_map = try inOrder(arena.allocator(), "\x81\x01\x93\xc7\x00\x01\x02\x01", .map);
    try std.testing.expectEqualStrings("\x81\x01\x93\xc7\x00\x01\x01\x02", of_map);
}

/// What a function did to its record.
const Change = struct {
    /// No bin is left.
    is_empty: bool = false,
    /// MessagePack.
    operations_packed: []const u8 = "\x90",
    ttl_s: ?u32 = null,
    drops_key: bool = false,

    const Operation = struct {
        name: []const u8,
        kind: wire.particle.Type,
        value: []const u8,
    };

    const Iterator = struct {
        reader: msgpack.Reader,
        remaining: u32,

        fn next(iterator: *Iterator) msgpack.ReadError!?Operation {
            if (iterator.remaining == 0) return null;
            iterator.remaining -= 1;
            const reader = &iterator.reader;
            const head = try reader.next();
            if (head != .array or head.array != 3) return error.Malformed;
            const name = try expectString(reader);
            const kind = try expectInteger(u8, reader);
            const value = try reader.next();
            if (value != .binary or !Request.isBinName(name)) return error.Malformed;
            return .{ .name = name, .kind = @fromBackingInt(kind), .value = value.binary };
        }
    };

    fn operations(change: *const Change) msgpack.ReadError!Iterator {
        var reader: msgpack.Reader = .init(change.operations_packed);
        const head = try reader.next();
        if (head != .array) return error.Malformed;
        return .{ .reader = reader, .remaining = head.array };
    }

    fn decode(bytes: []const u8) msgpack.ReadError!Change {
        var change: Change = .{};
        var reader: msgpack.Reader = .init(bytes);
        for (0..try expectMap(&reader)) |_| {
            const key = try expectString(&reader);
            const value = try reader.value();
            var inner: msgpack.Reader = .init(value);
            if (std.mem.eql(u8, key, "empty")) {
                change.is_empty = try isTrue(&inner);
            } else if (std.mem.eql(u8, key, "drops_key")) {
                change.drops_key = try isTrue(&inner);
            } else if (std.mem.eql(u8, key, "operations")) {
                change.operations_packed = value;
            } else if (std.mem.eql(u8, key, "ttl") and inner.peek() != msgpack_nil) {
                change.ttl_s = try expectInteger(u32, &inner);
            }
        }
        var iterator = try change.operations();
        while (try iterator.next()) |_| {}
        return change;
    }
};

/// What a runner answers.
const Reply = struct {
    ok: bool = false,
    code: Status = .ok,
    message: []const u8 = "",
    kind: wire.particle.Type = .nil,
    value: []const u8 = "",
    change: ?Change = null,

    fn decode(bytes: []const u8) msgpack.ReadError!Reply {
        var answer: Reply = .{};
        var reader: msgpack.Reader = .init(bytes);
        for (0..try expectMap(&reader)) |_| {
            const key = try expectString(&reader);
            const value = try reader.value();
            var inner: msgpack.Reader = .init(value);
            if (std.mem.eql(u8, key, "ok")) {
                answer.ok = try isTrue(&inner);
            } else if (std.mem.eql(u8, key, "code")) {
                answer.code = .fromServer(try expectInteger(u8, &inner));
            } else if (std.mem.eql(u8, key, "error")) {
                answer.message = try expectString(&inner);
            } else if (std.mem.eql(u8, key, "kind")) {
                answer.kind = @fromBackingInt(try expectInteger(u8, &inner));
            } else if (std.mem.eql(u8, key, "value")) {
                const token = try inner.next();
                answer.value = if (token == .binary) token.binary else return error.Malformed;
            } else if (std.mem.eql(u8, key, "change") and inner.peek() != msgpack_nil) {
                answer.change = try .decode(value);
            }
        }
        return answer;
    }
};

const msgpack_nil = 0xc0;

fn expectMap(reader: *msgpack.Reader) msgpack.ReadError!u32 {
    const token = try reader.next();
    return if (token == .map) token.map else error.Malformed;
}

fn expectString(reader: *msgpack.Reader) msgpack.ReadError![]const u8 {
    const token = try reader.next();
    return if (token == .string) token.string else error.Malformed;
}

fn expectInteger(comptime T: type, reader: *msgpack.Reader) msgpack.ReadError!T {
    return switch (try reader.next()) {
        inline .int, .uint => |number| std.math.cast(T, number) orelse error.Malformed,
        else => error.Malformed,
    };
}

fn isTrue(reader: *msgpack.Reader) msgpack.ReadError!bool {
    const token = try reader.next();
    return if (token == .boolean) token.boolean else error.Malformed;
}

test "a runner's answer is a value, or a change with it, or an error" {
    const testing = std.testing;
    const plain = try Reply.decode("\x83\xa2ok\xc3\xa4kind\x03\xa5value\xc4\x01x");
    try testing.expect(plain.ok);
    try testing.expectEqualStrings("x", plain.value);
    try testing.expectEqual(wire.particle.Type.string, plain.kind);
    try testing.expect(plain.change == null);
    const operations = "\xaaoperations\x91\x93\xa1a\x03\xc4\x01x";
    const rest = "\xa3ttl\xce\xff\xff\xff\xff\xa9drops_key\xc3";
    const change = "\x84\xa5empty\xc2" ++ operations ++ rest;
    const written = try Reply.decode("\x82\xa2ok\xc3\xa6change" ++ change);
    try testing.expectEqual(@as(?u32, 0xffffffff), written.change.?.ttl_s);
    try testing.expect(written.change.?.drops_key);
    var iterator = try written.change.?.operations();
    const operation = (try iterator.next()).?;
    try testing.expectEqualStrings("a", operation.name);
    try testing.expectEqualStrings("x", operation.value);
    try testing.expect(try iterator.next() == null);
    const failed = try Reply.decode("\x82\xa2ok\xc2\xa5error\xa3bad");
    try testing.expectEqualStrings("bad", failed.message);
    try testing.expectEqual(Status.ok, failed.code);
    const refused = try Reply.decode("\x82\xa2ok\xc2\xa4code\x0c");
    try testing.expectEqual(Status.bin_incompatible_type, refused.code);
    for ([_][]const u8{
        "\x91\xc3",
        "\x82\xa2ok",
        "\x81\xa6change\x81\xaaoperations\x91\x93\xa1a\xcd\x01\x03\xc4\x01x",
        "\x81\xa6change\x81\xaaoperations\x91\x93\xb0aaaaaaaaaaaaaaaa\x03\xc4\x01x",
    }) |bytes| try testing.expectError(error.Malformed, Reply.decode(bytes));
}
