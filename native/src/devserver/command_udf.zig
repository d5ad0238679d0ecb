//! Applying a function to a record.
//!
//! The function sees a copy of the record, and nothing is locked while it runs. What it did to
//! the record is then written as a command of its own would be, on the condition that the
//! record is still what the function saw; otherwise the function runs again.

const std = @import("std");
const wire = @import("../wire.zig");
const status = @import("../status.zig");
const command = @import("command.zig");
const command_delete = @import("command_delete.zig");
const command_read = @import("command_read.zig");
const command_write = @import("command_write.zig");
const filter = @import("filter.zig");
const record_module = @import("record.zig");
const store = @import("store.zig");
const udf = @import("udf.zig");

const Buffer = wire.Buffer;
const Context = command.Context;
const Digest = wire.digest.Digest;
const Record = record_module.Record;
const Request = command.Request;
const Status = status.Status;
const msgpack = wire.msgpack;
const particle = wire.particle;

const Error = Buffer.Error;

/// Runs of one command, when others keep changing the record.
const runs_max = 16;
const message_bytes_max = 64 * 1024 * 1024;

pub fn handle(
    context: *const Context,
    request: *const Request,
    namespace: *store.Namespace,
    digest: *const Digest,
) Error!void {
    const call = request.udf.?;
    if (call.package.len > udf.name_bytes_max or call.function.len > udf.name_bytes_max) {
        return command.fail(context, .request_invalid);
    }
    var application: Application = .{
        .context = context,
        .request = request,
        .namespace = namespace,
        .digest = digest,
        .arena = context.scratch.arena.allocator(),
    };
    for (0..runs_max) |_| {
        if (try application.run() == .answered) return;
    }
    try command.fail(context, .record_busy);
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
        var question = Buffer.growing(application.arena, &.{}, message_bytes_max);
        try msgpack.writeMapHeader(&question, 6);
        try msgpack.writeString(&question, "record");
        const code = try application.describe(&question);
        if (code != .ok) {
            try command.failOf(context, code, &application.meta);
            return .answered;
        }
        const file = try std.fmt.allocPrint(application.arena, "{s}.lua", .{call.package});
        const module = core.modules.acquire(file) orelse {
            return application.failText("UDF: Execution Error 1");
        };
        defer module.release(core.gpa);
        const runner = core.modules.runnerNow() orelse {
            return application.failText("UDF: this server has no Lua to run functions with");
        };
        try msgpack.writeString(&question, "command");
        try msgpack.writeString(&question, "run");
        try msgpack.writeString(&question, "module");
        try msgpack.writeString(&question, module.name);
        try msgpack.writeString(&question, "source");
        try msgpack.writeBinary(&question, module.source);
        try msgpack.writeString(&question, "function");
        try msgpack.writeString(&question, call.function);
        try msgpack.writeString(&question, "arguments");
        try appendArguments(&question, call.arguments);
        const memory = try application.arena.alloc(u8, udf.reply_bytes_max);
        const bytes = runner.ask(question.written(), memory) orelse {
            return application.failText("UDF: the function's runner has failed");
        };
        const reply = Reply.decode(bytes) catch {
            return application.failText("UDF: the function's runner has failed");
        };
        if (!reply.ok) return application.failText(reply.message);
        return application.carryOut(&reply);
    }

    /// Arguments that make no sense count as none, as they do to the server.
    fn appendArguments(question: *Buffer, arguments: []const u8) Error!void {
        const start = question.end;
        var reader: msgpack.Reader = .init(arguments);
        const is_list = if (reader.next()) |token| token == .array else |_| false;
        if (is_list) {
            if (particle.msgpackFromPacked(question, arguments)) return else |err| switch (err) {
                error.Malformed, error.NestingTooDeep => question.end = start,
                error.OutOfMemory, error.NoSpaceLeft => |other| return other,
            }
        }
        try msgpack.writeArrayHeader(question, 0);
    }

    /// Appends what the function sees of the record; the code to answer if it may not see it.
    fn describe(application: *Application, question: *Buffer) Error!Status {
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
            if (!command_read.keyMatches(one, application.request.key)) return .record_key_mismatch;
        }
        try application.appendRecord(question, record);
        return .ok;
    }

    fn appendRecord(application: *Application, question: *Buffer, record: ?*Record) Error!void {
        const meta = &application.meta;
        const now_s = application.context.now.epochS();
        try msgpack.writeMapHeader(question, 8);
        try msgpack.writeString(question, "exists");
        try msgpack.writeBool(question, record != null);
        try msgpack.writeString(question, "namespace");
        try msgpack.writeString(question, application.namespace.options.name);
        try msgpack.writeString(question, "set");
        try msgpack.writeString(question, application.set);
        try msgpack.writeString(question, "digest");
        try msgpack.writeBinary(question, application.digest);
        try msgpack.writeString(question, "generation");
        try msgpack.writeUint(question, meta.generation);
        try msgpack.writeString(question, "ttl");
        try msgpack.writeUint(question, meta.void_time_s -| now_s);
        try msgpack.writeString(question, "key");
        const stored = if (record) |one| one.storedKey() else "";
        const key = if (stored.len > 0) stored else application.request.key orelse "";
        if (key.len > 0) {
            try appendValue(question, @fromBackingInt(key[0]), key[1..]);
        } else {
            try msgpack.writeNil(question);
        }
        try msgpack.writeString(question, "bins");
        try msgpack.writeMapHeader(question, if (record) |one| one.bin_count else 0);
        const one = record orelse return;
        var bins = one.iterateBins();
        while (bins.next()) |bin| {
            try msgpack.writeString(question, bin.name);
            try appendValue(question, bin.kind, bin.value);
        }
    }

    /// What was stored has been checked, so that it can be told.
    fn appendValue(question: *Buffer, kind: particle.Type, bytes: []const u8) Error!void {
        const start = question.end;
        particle.msgpackFromParticle(question, kind, bytes) catch |err| switch (err) {
            error.Malformed, error.NestingTooDeep => {
                question.end = start;
                try msgpack.writeNil(question);
            },
            error.OutOfMemory, error.NoSpaceLeft => |other| return other,
        };
    }

    /// Does to the record what the function did, and answers with its value.
    fn carryOut(application: *Application, reply: *const Reply) Error!Outcome {
        var value = Buffer.growing(application.arena, &.{}, udf.reply_bytes_max);
        var reader: msgpack.Reader = .init(reply.value);
        const kind = particle.particleFromMsgpack(&value, &reader) catch |err| switch (err) {
            error.OutOfMemory, error.NoSpaceLeft => |other| return other,
            else => return application.failText("UDF: the function's value cannot be sent"),
        };
        var changed: Changed = .{
            .generation = application.meta.generation,
            .void_time_s = application.meta.void_time_s,
        };
        switch (reply.change) {
            .none => {},
            .removed, .bins => {
                changed = try application.write(reply) orelse return .changed_meanwhile;
                if (changed.code != .ok) {
                    return application.failText(try std.fmt.allocPrint(
                        application.arena,
                        "UDF: the record could not be written ({d})",
                        .{@backingInt(changed.code)},
                    ));
                }
            },
        }
        const response = [_]command.Response{.{
            .code = .read,
            .bin = .{ .name = "SUCCESS", .kind = kind, .value = value.written() },
        }};
        const context = application.context;
        try command.replyOperations(context, changed.generation, changed.void_time_s, &response);
        return .answered;
    }

    const Changed = struct {
        code: Status = .ok,
        generation: u32 = 0,
        void_time_s: u32 = 0,
    };

    /// Null when the record is not what the function saw any more.
    fn write(application: *Application, reply: *const Reply) Error!?Changed {
        var out = Buffer.growing(application.arena, &.{}, message_bytes_max);
        var context = application.context.*;
        context.out = &out;
        context.row = null;
        // What an earlier run left.
        context.scratch.bins.clearRetainingCapacity();
        context.scratch.response.clearRetainingCapacity();
        const exists = application.meta.generation != 0;
        var request: Request = .{
            .header = .{
                .info2 = .{ .write = true, .generation = exists, .create_only = !exists },
                .generation = application.meta.generation,
            },
            .namespace = application.request.namespace,
            .set = application.set,
            .key = application.request.key,
        };
        request.header.info2.durable_delete = application.request.header.info2.durable_delete;
        if (reply.change == .removed) {
            // A record that is not there was removed by a function that had just created it.
            if (!exists) return .{};
            request.header.info2.delete = true;
            const digest = application.digest;
            try command_delete.handle(&context, &request, application.namespace, digest);
        } else {
            request.header.record_ttl = reply.ttl_s orelse application.request.header.record_ttl;
            const bins = reply.change.bins;
            request.operations = try application.encodeBins(bins, exists, &request.header) orelse {
                return .{ .code = .bin_name };
            };
            if (request.header.operation_count == 0) return .{ .code = .record_not_found };
            const digest = application.digest;
            try command_write.handle(&context, &request, application.namespace, digest);
        }
        const header = wire.message.Header.decode(out.written()[wire.proto.header_bytes..]) catch {
            unreachable;
        };
        const code: Status = .fromServer(header.result_code);
        switch (code) {
            .record_generation, .record_exists, .record_not_found => return null,
            else => {},
        }
        const is_removed = reply.change == .removed;
        return .{
            .code = code,
            .generation = if (is_removed) application.meta.nextGeneration() else header.generation,
            .void_time_s = header.record_ttl,
        };
    }

    /// The bins that the record is to have, as operations: all others go first. Null for a name
    /// or a value that cannot be.
    fn encodeBins(
        application: *Application,
        bins: []const u8,
        exists: bool,
        header: *wire.message.Header,
    ) Error!?wire.message.OperationIterator {
        var out = Buffer.growing(application.arena, &.{}, message_bytes_max);
        var encoder = try wire.message.Encoder.beginBare(&out);
        if (exists) {
            encoder.operation(.delete, .nil, "", "") catch |err| return encodeFailure(err);
        }
        var reader: msgpack.Reader = .init(bins);
        const count = switch (reader.next() catch return null) {
            .map => |count| count,
            else => return null,
        };
        for (0..count) |_| {
            const name = switch (reader.next() catch return null) {
                .string => |text| text,
                else => return null,
            };
            if (reader.peek() == msgpack_nil) {
                reader.skip() catch return null;
                continue;
            }
            _ = encoder.operationFromMsgpack(.write, name, &reader) catch |err| {
                return encodeFailure(err);
            };
        }
        header.operation_count = encoder.operation_count;
        return .{
            .rest = out.written()[wire.message.header_bytes..],
            .remaining = encoder.operation_count,
        };
    }

    const msgpack_nil = 0xc0;

    fn encodeFailure(err: anyerror) Error!?wire.message.OperationIterator {
        return switch (err) {
            error.OutOfMemory => error.OutOfMemory,
            error.NoSpaceLeft => error.NoSpaceLeft,
            else => null,
        };
    }

    fn failText(application: *Application, text: []const u8) Error!Outcome {
        const context = application.context;
        context.count(.errors);
        var encoder = try context.beginReply();
        encoder.operation(.read, .string, "FAILURE", text) catch |err| switch (err) {
            error.BinNameTooLong => unreachable,
            error.OutOfMemory, error.NoSpaceLeft => |other| return other,
        };
        const meta = &application.meta;
        context.finishReply(&encoder, .udf, meta.generation, meta.void_time_s);
        return .answered;
    }
};

/// What a runner answers.
const Reply = struct {
    ok: bool = false,
    message: []const u8 = "",
    /// MessagePack.
    value: []const u8 = "\xc0",
    change: Change = .none,
    ttl_s: ?u32 = null,

    const Change = union(enum) {
        none,
        removed,
        /// MessagePack: a map of all the bins that the record is to have.
        bins: []const u8,
    };

    fn decode(bytes: []const u8) msgpack.ReadError!Reply {
        var reply: Reply = .{};
        var reader: msgpack.Reader = .init(bytes);
        for (0..try expectMap(&reader)) |_| {
            const key = try expectString(&reader);
            const value = try reader.value();
            var inner: msgpack.Reader = .init(value);
            if (std.mem.eql(u8, key, "ok")) {
                const token = try inner.next();
                reply.ok = token == .boolean and token.boolean;
            } else if (std.mem.eql(u8, key, "error")) {
                reply.message = try expectString(&inner);
            } else if (std.mem.eql(u8, key, "value")) {
                reply.value = value;
            } else if (std.mem.eql(u8, key, "change")) {
                try reply.decodeChange(&inner);
            }
        }
        return reply;
    }

    fn decodeChange(reply: *Reply, reader: *msgpack.Reader) msgpack.ReadError!void {
        if (reader.peek() == 0xc0) return;
        for (0..try expectMap(reader)) |_| {
            const key = try expectString(reader);
            const value = try reader.value();
            var inner: msgpack.Reader = .init(value);
            if (std.mem.eql(u8, key, "bins")) {
                reply.change = .{ .bins = value };
            } else if (std.mem.eql(u8, key, "removed")) {
                reply.change = .removed;
            } else if (std.mem.eql(u8, key, "ttl")) switch (try inner.next()) {
                .int => |ttl_s| {
                    // Negative ones have a meaning as 32-bit numbers.
                    if (ttl_s < std.math.minInt(i32) or ttl_s > std.math.maxInt(u32)) {
                        return error.Malformed;
                    }
                    reply.ttl_s = @truncate(@as(u64, @bitCast(ttl_s)));
                },
                else => {},
            };
        }
    }

    fn expectMap(reader: *msgpack.Reader) msgpack.ReadError!u32 {
        const token = try reader.next();
        return if (token == .map) token.map else error.Malformed;
    }

    fn expectString(reader: *msgpack.Reader) msgpack.ReadError![]const u8 {
        const token = try reader.next();
        return if (token == .string) token.string else error.Malformed;
    }
};

test "a runner's answer is a value, or a change with it, or an error" {
    const testing = std.testing;
    const plain = try Reply.decode("\x82\xa2ok\xc3\xa5value\x05");
    try testing.expect(plain.ok);
    try testing.expectEqualStrings("\x05", plain.value);
    try testing.expect(plain.change == .none);
    const change = "\x82\xa4bins\x81\xa1a\x01\xa3ttl\xff";
    const written = try Reply.decode("\x82\xa2ok\xc3\xa6change" ++ change);
    try testing.expectEqualStrings("\x81\xa1a\x01", written.change.bins);
    try testing.expectEqual(@as(?u32, 0xffffffff), written.ttl_s);
    const removed = try Reply.decode("\x82\xa2ok\xc3\xa6change\x81\xa7removed\xc3");
    try testing.expect(removed.change == .removed);
    const failed = try Reply.decode("\x82\xa2ok\xc2\xa5error\xa3bad");
    try testing.expectEqualStrings("bad", failed.message);
    try testing.expectError(error.Malformed, Reply.decode("\x91\xc3"));
    try testing.expectError(error.Malformed, Reply.decode("\x82\xa2ok"));
}
