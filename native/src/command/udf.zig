//! Packages of functions on the server: sending, fetching, listing and removing Lua files.
//!
//! Contents travel in base64. A file is known to all nodes once each lists it with the hash that
//! the node shows which took it.

const std = @import("std");
const request = @import("request.zig");
const wire = @import("../wire.zig");
const msgpack = wire.msgpack;

/// What the server accepts for a file name (as/include/base/udf_cask.h).
const file_bytes_max = 127;
/// The text of a compile error is cut to this.
const error_bytes_max = 320;

fn takeFile(task: anytype, reader: *msgpack.Reader) ![]const u8 {
    const file = try task.takeName(reader, "the file name");
    if (file.len == 0 or file.len > file_bytes_max) return request.invalid(
        task.failure,
        "a file name has 1 to {d} bytes, not {d}",
        .{ file_bytes_max, file.len },
    );
    for (file) |byte| switch (byte) {
        '/', '\\', ',', '=' => return request.invalid(
            task.failure,
            "a file name must not contain '{c}'",
            .{byte},
        ),
        else => {},
    };
    return file;
}

/// [file, content, how long to wait until all nodes have it, in ms].
pub fn put(task: anytype, reader: *msgpack.Reader) !void {
    const file = try takeFile(task, reader);
    const content = switch (reader.next() catch return request.malformed(task.failure)) {
        .binary => |bytes| bytes,
        .string => |text| text,
        else => return request.invalid(task.failure, "the content must be bytes", .{}),
    };
    const wait_ms = try task.takeInteger(u32, reader, "the time to wait");
    if (content.len == 0) return request.invalid(task.failure, "the content is empty", .{});
    var command = task.answerBuffer();
    defer command.deinit();
    try writePut(&command, file, content);
    const node = try task.anyNode();
    var answer = task.answerBuffer();
    defer answer.deinit();
    try checkAnswer(task, node, try task.ask(node, command.written(), &answer));
    if (wait_ms == 0) return;
    const files = try task.ask(node, "udf-list", &answer);
    const hash = findHash(files, file) orelse return;
    try task.waitForAll(wait_ms, "the file has not arrived", Waiting{ .file = file, .hash = hash });
}

fn writePut(out: *wire.Buffer, file: []const u8, content: []const u8) wire.Buffer.Error!void {
    const encoder = std.base64.standard.Encoder;
    const size = encoder.calcSize(content.len);
    try out.append("udf-put:filename=");
    try out.append(file);
    try out.append(";content=");
    const offset = try out.reserve(size);
    _ = encoder.encode(out.bytes[offset..][0..size], content);
    var memory: [64]u8 = undefined;
    const format = ";content-len={d};udf-type=LUA;";
    try out.append(std.fmt.bufPrint(&memory, format, .{size}) catch unreachable);
}

/// Errors of these commands have a form of their own: error=not_found, or
/// error=compile_error;file=...;line=...;message=base64.
fn checkAnswer(task: anytype, node: anytype, text: []const u8) error{Failed}!void {
    const kind = wire.info.Pairs.find(text, ';', "error") orelse return;
    if (std.mem.eql(u8, kind, "compile_error")) {
        var memory: [error_bytes_max]u8 = undefined;
        const encoded = wire.info.Pairs.find(text, ';', "message") orelse "";
        // Of a long one as much as fits.
        const start = encoded[0..@min(encoded.len, memory.len / 3 * 4)];
        const message = decode(start, &memory) orelse encoded;
        task.failure.set(.udf, "{s}:{s}: {s}", .{
            wire.info.Pairs.find(text, ';', "file") orelse "",
            wire.info.Pairs.find(text, ';', "line") orelse "",
            message,
        });
    } else {
        task.failure.set(.udf, "the server says: {s}", .{kind});
    }
    task.failure.setNode(node.name());
    return error.Failed;
}

/// Null when it is not base64, or does not fit.
fn decode(text: []const u8, out: []u8) ?[]const u8 {
    const decoder = std.base64.standard.Decoder;
    // The decoder itself writes beyond the end when the padding is wrong.
    const size = decoder.calcSizeForSlice(text) catch return null;
    if (size > out.len) return null;
    decoder.decode(out[0..size], text) catch return null;
    return out[0..size];
}

/// [file, how long to wait until no node has it any more, in ms].
pub fn remove(task: anytype, reader: *msgpack.Reader) !void {
    const file = try takeFile(task, reader);
    const wait_ms = try task.takeInteger(u32, reader, "the time to wait");
    const node = try task.anyNode();
    var answer = task.answerBuffer();
    defer answer.deinit();
    // The server takes the removal of what is not there for done.
    const files = try task.ask(node, "udf-list", &answer);
    if (findHash(files, file) == null) {
        task.failure.set(.udf, "there is no file '{s}' on the server", .{file});
        task.failure.setNode(node.name());
        return error.Failed;
    }
    var command = task.answerBuffer();
    defer command.deinit();
    try command.append("udf-remove:filename=");
    try command.append(file);
    try command.append(";");
    try checkAnswer(task, node, try task.ask(node, command.written(), &answer));
    try task.waitForAll(wait_ms, "the file is not removed", Waiting{ .file = file, .hash = null });
}

/// Nothing -> [[file, type, hash]].
pub fn list(task: anytype) !void {
    var answer = task.answerBuffer();
    defer answer.deinit();
    const files = try task.ask(try task.anyNode(), "udf-list", &answer);
    var count: u32 = 0;
    var iterator: Files = .{ .rest = files };
    while (iterator.next()) |_| count += 1;
    try msgpack.writeArrayHeader(task.out, count);
    iterator = .{ .rest = files };
    while (iterator.next()) |entry| {
        try msgpack.writeArrayHeader(task.out, 3);
        for ([_][]const u8{ "filename", "type", "hash" }) |key| {
            try msgpack.writeString(task.out, wire.info.Pairs.find(entry, ',', key) orelse "");
        }
    }
}

/// [file] -> content.
pub fn get(task: anytype, reader: *msgpack.Reader) !void {
    const file = try takeFile(task, reader);
    const node = try task.anyNode();
    var command = task.answerBuffer();
    defer command.deinit();
    try command.append("udf-get:filename=");
    try command.append(file);
    try command.append(";");
    var answer = task.answerBuffer();
    defer answer.deinit();
    const text = try task.ask(node, command.written(), &answer);
    try checkAnswer(task, node, text);
    const encoded = wire.info.Pairs.find(text, ';', "content") orelse "";
    const content = try task.gpa.alloc(u8, encoded.len);
    defer task.gpa.free(content);
    const decoded = decode(encoded, content) orelse {
        task.failure.set(.client, "the server's answer has no content", .{});
        return error.Failed;
    };
    try msgpack.writeBinary(task.out, decoded);
}

/// The entries of a list of files, which are separated by semicolons.
const Files = struct {
    rest: []const u8,

    fn next(files: *Files) ?[]const u8 {
        while (files.rest.len > 0) {
            const end = std.mem.findScalar(u8, files.rest, ';') orelse files.rest.len;
            const entry = files.rest[0..end];
            files.rest = files.rest[@min(end + 1, files.rest.len)..];
            if (entry.len > 0) return entry;
        }
        return null;
    }
};

fn findHash(list_text: []const u8, file: []const u8) ?[]const u8 {
    var files: Files = .{ .rest = list_text };
    while (files.next()) |entry| {
        const name = wire.info.Pairs.find(entry, ',', "filename") orelse continue;
        if (std.mem.eql(u8, name, file)) return wire.info.Pairs.find(entry, ',', "hash") orelse "";
    }
    return null;
}

const Waiting = struct {
    file: []const u8,
    /// Null: until it is gone.
    hash: ?[]const u8,

    pub fn isDone(waiting: Waiting, task: anytype, node: anytype) !bool {
        var answer = task.answerBuffer();
        defer answer.deinit();
        const found = findHash(try task.ask(node, "udf-list", &answer), waiting.file);
        const hash = waiting.hash orelse return found == null;
        return if (found) |shown| std.mem.eql(u8, shown, hash) else false;
    }
};

const testing = std.testing;

test "a file is sent in base64, with the length of that" {
    var memory: [256]u8 = undefined;
    var out = wire.Buffer.fixed(&memory);
    try writePut(&out, "a.lua", "return 1\n");
    const expected =
        "udf-put:filename=a.lua;content=cmV0dXJuIDEK;content-len=12;udf-type=LUA;";
    try testing.expectEqualStrings(expected, out.written());
}

test "files are found in a server's list" {
    const text = "filename=a.lua,hash=01,type=LUA;filename=b.lua,hash=02,type=LUA;";
    try testing.expectEqualStrings("02", findHash(text, "b.lua").?);
    try testing.expectEqual(@as(?[]const u8, null), findHash(text, "c.lua"));
    try testing.expectEqual(@as(?[]const u8, null), findHash("", "a.lua"));
}

test "what is not base64 is refused, padding that was replaced included" {
    var memory: [16]u8 = undefined;
    try testing.expectEqualStrings("a", decode("YQ==", &memory).?);
    for ([_][]const u8{ "YQ=A", "YQ", "Y", "!!!!", "YWFhYWFhYWFhYWFhYWFhYWFhYWFh" }) |text| {
        try testing.expectEqual(@as(?[]const u8, null), decode(text, &memory));
    }
}
