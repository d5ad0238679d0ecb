//! Info commands that truncate: what was written before a time is forgotten.

const std = @import("std");
const wire = @import("../../wire.zig");
const Question = @import("Question.zig");
const store_module = @import("../store/store.zig");

const Buffer = wire.Buffer;

const needs: Question.Need = .{ .permissions = .{ .truncate = true }, .name = "truncate" };

pub const commands = [_]Question.Command{
    .{ .name = "truncate", .answer = &answerTruncate, .needs = needs },
    .{ .name = "truncate-namespace", .answer = &answerTruncateNamespace, .needs = needs },
    .{ .name = "truncate-namespace-undo", .answer = &answerTruncateNamespaceUndo, .needs = needs },
    .{ .name = "truncate-undo", .answer = &answerTruncateUndo, .needs = needs },
};

fn answerTruncate(question: *const Question) Buffer.Error!void {
    const name = try question.required("namespace", 31, 20) orelse return;
    const set = try question.required("set", store_module.set_name_bytes_max, 4) orelse return;
    try truncate(question, name, set);
}

fn answerTruncateNamespace(question: *const Question) Buffer.Error!void {
    const name = try question.required("namespace", 31, 20) orelse return;
    if (question.parameter("set") != null) return question.fail(4, "unexpected set name");
    try truncate(question, name, null);
}

/// Records that were truncated are gone; only the mark, which nobody needs, is taken back.
fn answerTruncateUndo(question: *const Question) Buffer.Error!void {
    _ = try question.required("namespace", 31, 20) orelse return;
    _ = try question.required("set", store_module.set_name_bytes_max, 4) orelse return;
    try question.text("ok");
}

fn answerTruncateNamespaceUndo(question: *const Question) Buffer.Error!void {
    _ = try question.required("namespace", 31, 20) orelse return;
    if (question.parameter("set") != null) return question.fail(4, "unexpected set name");
    try question.text("ok");
}

/// An unknown namespace or set is not an error to the server either.
fn truncate(question: *const Question, name: []const u8, set: ?[]const u8) Buffer.Error!void {
    const now_ms = question.context.now.epochMs();
    // What was written in this very millisecond came first, and so it goes as well.
    var before_ms = now_ms + 1;
    if (question.parameter("lut")) |text| {
        if (text.len == 0) return question.fail(4, "missing 'lut' value");
        const unix_ns = std.fmt.parseInt(u128, text, 0) catch 0;
        const unix_ms = unix_ns / std.time.ns_per_ms;
        const given: @TypeOf(question.context.now) = .{
            .unix_ms = std.math.cast(u64, unix_ms) orelse std.math.maxInt(u64),
        };
        if (given.epochMs() == 0) return question.fail(4, "would truncate to 0");
        if (given.epochMs() > now_ms) return question.fail(4, "would truncate in the future");
        before_ms = given.epochMs();
    }
    if (question.core().store.find(name)) |namespace| {
        if (set) |set_name| {
            if (namespace.findSet(set_name)) |one| namespace.truncate(one, before_ms);
        } else {
            namespace.truncate(null, before_ms);
        }
    }
    try question.text("ok");
}
