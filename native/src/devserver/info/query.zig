//! Info commands about queries: to watch them and to abort them.

const std = @import("std");
const wire = @import("../../wire.zig");
const Question = @import("Question.zig");

const Buffer = wire.Buffer;

const id_bytes_max = 25;

const needs: Question.Need = .{ .permissions = .{ .query_admin = true }, .name = "query-admin" };

pub const commands = [_]Question.Command{
    .{ .name = "query-abort", .answer = &abort, .needs = needs },
    .{ .name = "query-abort-all", .answer = &abortAll, .needs = needs },
    .{ .name = "query-show", .answer = &show },
};

fn show(question: *const Question) Buffer.Error!void {
    const jobs = &question.core().jobs;
    const node = question.context.node;
    const now_ms = question.context.now.unix_ms;
    if (idParameter(question) == null) return jobs.printAll(question.out, node, now_ms);
    const id = try requiredId(question) orelse return;
    const found = try jobs.print(question.out, node, id, now_ms);
    if (!found) try question.fail(2, "job not found");
}

fn abort(question: *const Question) Buffer.Error!void {
    const id = try requiredId(question) orelse return;
    if (question.core().jobs.abort(question.context.node, id)) return question.text("ok");
    try question.fail(2, "id not active");
}

fn abortAll(question: *const Question) Buffer.Error!void {
    const count = question.core().jobs.abortAll(question.context.node);
    try question.print("number-of-queries-killed:{d}", .{count});
}

fn idParameter(question: *const Question) ?[]const u8 {
    return question.parameter("id") orelse question.parameter("trid");
}

/// Null when an error was answered instead.
fn requiredId(question: *const Question) Buffer.Error!?u64 {
    const text = idParameter(question) orelse {
        try question.fail(4, "missing 'id'");
        return null;
    };
    if (text.len == 0 or text.len > id_bytes_max) {
        try question.fail(4, if (text.len == 0) "missing 'id' value" else "'id' value too long");
        return null;
    }
    const id = std.fmt.parseInt(u64, text, 0) catch 0;
    if (id != 0) return id;
    try question.fail(4, "bad id");
    return null;
}
