//! Info commands about modules of functions: to put, get, list and remove them.
//!
//! Their errors are `error=<what>`, unlike those of other commands.

const std = @import("std");
const wire = @import("../../wire.zig");
const Question = @import("Question.zig");
const udf = @import("../core/modules.zig");

const Buffer = wire.Buffer;
const msgpack = wire.msgpack;

const needs: Question.Need = .{ .permissions = .{ .udf_admin = true }, .name = "udf-admin" };

pub const commands = [_]Question.Command{
    .{ .name = "udf-clear-cache", .answer = &clearCache, .needs = needs },
    .{ .name = "udf-get", .answer = &get },
    .{ .name = "udf-list", .answer = &list },
    .{ .name = "udf-put", .answer = &put, .needs = needs },
    .{ .name = "udf-remove", .answer = &remove, .needs = needs },
};

fn list(question: *const Question) Buffer.Error!void {
    const modules = &question.core().modules;
    modules.mutex.lock();
    defer modules.mutex.unlock();
    for (modules.modules.items) |module| {
        try question.print("filename={s},hash={s},type=LUA;", .{ module.name, &module.hash });
    }
}

fn get(question: *const Question) Buffer.Error!void {
    const name = nameOf(question) orelse return question.text("error=invalid_filename");
    const core = question.core();
    const module = core.modules.acquire(name) orelse return question.text("error=not_found");
    defer module.release(core.gpa);
    if (module.source.len == 0) return question.text("error=empty");
    try question.text("type=LUA;content=");
    try appendBase64(question.out, module.source);
    try question.text(";");
}

fn appendBase64(out: *Buffer, bytes: []const u8) Buffer.Error!void {
    const encoder = std.base64.standard.Encoder;
    const offset = try out.reserve(encoder.calcSize(bytes.len));
    _ = encoder.encode(out.bytes[offset..out.end], bytes);
}

fn remove(question: *const Question) Buffer.Error!void {
    const name = nameOf(question) orelse return question.text("error=invalid_filename");
    question.core().modules.remove(name);
    try question.text("ok");
}

fn nameOf(question: *const Question) ?[]const u8 {
    const name = question.parameter("filename") orelse return null;
    return if (name.len > 0 and name.len <= udf.name_bytes_max) name else null;
}

fn put(question: *const Question) Buffer.Error!void {
    const name = nameOf(question) orelse return question.text("error=invalid_filename");
    const dot = std.mem.findScalar(u8, name, '.') orelse 0;
    if (dot == 0 or dot + 1 == name.len) return question.text("error=invalid_filename");
    const len_text = question.parameter("content-len") orelse {
        return question.text("error=invalid_content_len");
    };
    if (question.parameter("udf-type")) |kind| {
        if (!std.mem.eql(u8, kind, "LUA")) return question.text("error=invalid_udf_type");
    }
    const len = std.fmt.parseInt(u32, len_text, 10) catch {
        return question.text("error=invalid_content_len");
    };
    if (len_text.len > 10 or len % 4 != 0) return question.text("error=invalid_content_len");
    const base64 = question.parameter("content") orelse "";
    if (base64.len == 0 or base64.len != len) return question.text("error=invalid_content");
    if (len / 4 * 3 > udf.source_bytes_max) {
        return question.text("error=invalid_udf_content_len,>1M");
    }
    const decoder = std.base64.standard.Decoder;
    const size = decoder.calcSizeForSlice(base64) catch {
        return question.text("error=invalid_base64_content");
    };
    const source = try question.context.scratch.arena.allocator().alloc(u8, size);
    decoder.decode(source, base64) catch return question.text("error=invalid_base64_content");
    if (try refuses(question, name, source)) return;
    try question.core().modules.put(name, source, base64);
    try question.text("ok");
}

/// That long may what a module does when it is loaded take.
const check_timeout_ms = 10_000;

/// Whether the source is not Lua, which has been answered then. Without a runner anything goes.
fn refuses(question: *const Question, name: []const u8, source: []const u8) Buffer.Error!bool {
    const arena = question.context.scratch.arena.allocator();
    const bytes = try question.core().modules.ask(arena, &.{
        .module = name,
        .source = source,
        .timeout_ms = check_timeout_ms,
    }) orelse return false;
    const verdict = Verdict.decode(bytes) catch return false;
    if (verdict.ok) return false;
    try question.print("error=compile_error;file={s};line={d};message=", .{ name, verdict.line });
    try appendBase64(question.out, verdict.message);
    return true;
}

const Verdict = struct {
    ok: bool = false,
    message: []const u8 = "",
    line: i64 = 0,

    fn decode(bytes: []const u8) msgpack.ReadError!Verdict {
        var reader: msgpack.Reader = .init(bytes);
        const head = try reader.next();
        if (head != .map) return error.Malformed;
        var verdict: Verdict = .{};
        for (0..head.map) |_| {
            const key = try reader.next();
            if (key != .string) return error.Malformed;
            const value = try reader.next();
            if (std.mem.eql(u8, key.string, "ok") and value == .boolean) {
                verdict.ok = value.boolean;
            } else if (std.mem.eql(u8, key.string, "error") and value == .string) {
                verdict.message = value.string;
            } else if (std.mem.eql(u8, key.string, "line") and value == .int) {
                verdict.line = value.int;
            }
        }
        return verdict;
    }
};

/// Nothing is cached.
fn clearCache(question: *const Question) Buffer.Error!void {
    try question.text("ok");
}
