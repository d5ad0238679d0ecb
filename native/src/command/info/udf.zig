//! Packages of functions on the server: sending, fetching, listing and removing Lua files.
//!
//! Contents travel in base64. A file is known to all nodes once each lists it with the hash that
//! the node shows which took it.

const std = @import("std");
const request = @import("../record/request.zig");
const wire = @import("../../wire.zig");
const procedure_module = @import("../procedure.zig");
const Error = procedure_module.Error;
const FrameResult = @import("../../engine.zig").FrameResult;
const Kind = procedure_module.Kind;
const Step = procedure_module.Step;
const Waiting = procedure_module.Waiting;
const msgpack = wire.msgpack;

/// What the server accepts for a file name (as/include/base/udf_cask.h).
const file_bytes_max = 127;
/// The text of a compile error is cut to this.
const error_bytes_max = 320;
const no_file = "there is no file '{s}' on the server";

pub const Udf = struct {
    kind: Kind,
    file: []const u8 = "",
    content: []const u8 = "",
    waiting: Waiting = .{ .wait_ms = 0 },
    /// What the file must have on every node; null while it must not be there.
    hash: ?[]const u8 = null,
    step: enum { begin, command, list, look, judge } = .begin,

    /// put: [file, content, how long to wait until all nodes have it, in ms]; remove: [file, how
    /// long to wait until no node has it any more, in ms]; list: []; get: [file].
    pub fn parse(udf: *Udf, procedure: anytype, reader: *msgpack.Reader) Error!void {
        const failure = procedure.failure;
        if (udf.kind == .udf_list) return;
        udf.file = try takeFile(procedure, reader);
        if (udf.kind == .udf_put) {
            udf.content = switch (reader.next() catch return request.malformed(failure)) {
                .binary => |bytes| bytes,
                .string => |text| text,
                else => return request.invalid(failure, "the content must be bytes", .{}),
            };
            if (udf.content.len == 0) return request.invalid(failure, "the content is empty", .{});
        }
        if (udf.kind == .udf_get) return;
        udf.waiting.wait_ms = try procedure.takeInteger(u32, reader, "the time to wait");
    }

    pub fn next(udf: *Udf, procedure: anytype) Error!Step {
        switch (udf.step) {
            .begin => return udf.begin(),
            .command => return udf.afterCommand(procedure),
            .list => return udf.afterList(procedure),
            .look => {
                udf.step = .judge;
                return Waiting.look;
            },
            .judge => {
                udf.step = .look;
                return if (udf.hash == null)
                    udf.waiting.next(procedure, "the file is not removed", udf, isThere)
                else
                    udf.waiting.next(procedure, "the file has not arrived", udf, isThere);
            },
        }
    }

    fn begin(udf: *Udf) Step {
        switch (udf.kind) {
            // The server takes the removal of what is not there for done.
            .udf_remove, .udf_list => {
                udf.step = .list;
                return .{ .ask = .{ .whom = .any, .is_repeatable = true } };
            },
            else => {
                udf.step = .command;
                return .{ .ask = .{ .whom = .any, .is_repeatable = udf.kind == .udf_get } };
            },
        }
    }

    fn afterCommand(udf: *Udf, procedure: anytype) Error!Step {
        const text = try check(procedure, &procedure.questions[0], udf.file);
        switch (udf.kind) {
            .udf_get => {
                try writeContent(procedure, text);
                return .done;
            },
            .udf_put => {
                if (udf.waiting.wait_ms == 0) return .done;
                udf.step = .list;
                return .{ .ask = .{ .whom = .same, .is_repeatable = true } };
            },
            else => return udf.beginWaiting(procedure),
        }
    }

    fn afterList(udf: *Udf, procedure: anytype) Error!Step {
        const question = &procedure.questions[0];
        const text = try procedure.answer(question);
        const hash = findHash(text, udf.file);
        switch (udf.kind) {
            .udf_list => {
                try writeList(text, procedure.out);
                return .done;
            },
            .udf_put => {
                const shown = hash orelse return .done;
                udf.hash = try procedure.arena.allocator().dupe(u8, shown);
                return udf.beginWaiting(procedure);
            },
            else => {
                if (hash == null) {
                    procedure.failure.set(.udf, no_file, .{udf.file});
                    procedure.failure.setNode(question.node.name());
                    return error.Failed;
                }
                udf.step = .command;
                return .{ .ask = .{ .whom = .same } };
            },
        }
    }

    fn beginWaiting(udf: *Udf, procedure: anytype) Step {
        udf.step = .judge;
        return udf.waiting.begin(procedure.task.driver.now());
    }

    fn isThere(udf: *Udf, procedure: anytype, question: anytype) Error!bool {
        const found = findHash(try procedure.answer(question), udf.file);
        const hash = udf.hash orelse return found == null;
        return if (found) |shown| std.mem.eql(u8, shown, hash) else false;
    }

    pub fn write(udf: *Udf, procedure: anytype, question: anytype) Error!void {
        if (udf.step != .command) return procedure.writeInfo(question, "udf-list");
        var command = wire.Buffer.growing(procedure.gpa, &.{}, request.frame_bytes_max);
        defer command.deinit();
        switch (udf.kind) {
            .udf_put => try writePut(&command, udf.file, udf.content),
            else => {
                const name = if (udf.kind == .udf_get) "udf-get" else "udf-remove";
                for ([_][]const u8{ name, ":filename=", udf.file, ";" }) |part| {
                    try command.append(part);
                }
            },
        }
        try procedure.writeInfo(question, command.written());
    }

    pub fn take(_: *Udf, procedure: anytype, question: anytype, frame: anytype) !FrameResult {
        return procedure.takeInfo(question, frame);
    }
};

fn takeFile(procedure: anytype, reader: *msgpack.Reader) ![]const u8 {
    const file = try procedure.takeName(reader, "the file name");
    if (file.len == 0 or file.len > file_bytes_max) return request.invalid(
        procedure.failure,
        "a file name has 1 to {d} bytes, not {d}",
        .{ file_bytes_max, file.len },
    );
    for (file) |byte| switch (byte) {
        '/', '\\', ',', '=' => return request.invalid(
            procedure.failure,
            "a file name must not contain '{c}'",
            .{byte},
        ),
        else => {},
    };
    return file;
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
fn check(procedure: anytype, question: anytype, file: []const u8) error{Failed}![]const u8 {
    const text = try procedure.answer(question);
    const kind = wire.info.Pairs.find(text, ';', "error") orelse return text;
    if (std.mem.eql(u8, kind, "compile_error")) {
        var memory: [error_bytes_max]u8 = undefined;
        const encoded = wire.info.Pairs.find(text, ';', "message") orelse "";
        // Of a long one as much as fits.
        const start = encoded[0..@min(encoded.len, memory.len / 3 * 4)];
        const message = decode(start, &memory) orelse encoded;
        procedure.failure.set(.udf, "{s}:{s}: {s}", .{
            wire.info.Pairs.find(text, ';', "file") orelse "",
            wire.info.Pairs.find(text, ';', "line") orelse "",
            message,
        });
    } else if (std.mem.eql(u8, kind, "not_found")) {
        procedure.failure.set(.udf, no_file, .{file});
    } else {
        procedure.failure.set(.udf, "the server says: {s}", .{kind});
    }
    procedure.failure.setNode(question.node.name());
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

/// Appends [[file, type, hash]].
fn writeList(text: []const u8, out: *wire.Buffer) wire.Buffer.Error!void {
    var count: u32 = 0;
    var files: Files = .{ .rest = text };
    while (files.next()) |_| count += 1;
    try msgpack.writeArrayHeader(out, count);
    files = .{ .rest = text };
    while (files.next()) |entry| {
        try msgpack.writeArrayHeader(out, 3);
        for ([_][]const u8{ "filename", "type", "hash" }) |key| {
            try msgpack.writeString(out, wire.info.Pairs.find(entry, ',', key) orelse "");
        }
    }
}

fn writeContent(procedure: anytype, text: []const u8) Error!void {
    const encoded = wire.info.Pairs.find(text, ';', "content") orelse "";
    const content = try procedure.gpa.alloc(u8, encoded.len);
    defer procedure.gpa.free(content);
    const decoded = decode(encoded, content) orelse {
        procedure.failure.set(.client, "the server's answer has no content", .{});
        return error.Failed;
    };
    try msgpack.writeBinary(procedure.out, decoded);
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
