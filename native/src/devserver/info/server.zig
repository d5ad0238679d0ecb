//! Info commands about the server program itself, and about who talks to it.

const std = @import("std");
const wire = @import("../../wire.zig");
const Question = @import("Question.zig");

const Buffer = wire.Buffer;

const edition = "Aerospike Community Edition";
const features = "batch-any;batch-index;blob-bits;cdt-index;cdt-list;cdt-map;cluster-stable;" ++
    "float;geo;sindex-exists;peers;pipelining;pquery;pscans;query-show;relaxed-sc;replicas;" ++
    "replicas-all;replicas-master;replicas-max;truncate-namespace;udf";

pub const commands = [_]Question.Command{
    .{ .name = "build", .answer = &answerBuild },
    .{ .name = "compatibility-id", .answer = Question.answerText("15") },
    .{ .name = "digests", .answer = Question.answerText("RIPEMD160") },
    .{ .name = "edition", .answer = Question.answerText(edition) },
    .{ .name = "feature-key", .answer = &Question.answerEnterprise },
    .{ .name = "features", .answer = Question.answerText(features) },
    .{ .name = "health-outliers", .answer = Question.answerText("") },
    .{ .name = "health-stats", .answer = Question.answerText("") },
    .{ .name = "release", .answer = &answerRelease },
    .{ .name = "status", .answer = Question.answerText("ok") },
    .{ .name = "user-agent-set", .answer = &answerUserAgentSet },
    .{ .name = "user-agents", .answer = Question.answerText("") },
    .{ .name = "xdr-set-filter", .answer = &Question.answerEnterprise },
    .{ .name = "version", .answer = &answerVersion },
};

fn answerBuild(question: *const Question) Buffer.Error!void {
    try question.text(question.context.core.version.build());
}

fn answerRelease(question: *const Question) Buffer.Error!void {
    const build = question.context.core.version.build();
    try question.print("edition=" ++ edition ++ ";version={s}", .{build});
}

fn answerVersion(question: *const Question) Buffer.Error!void {
    try question.print(edition ++ " build {s}", .{question.context.core.version.build()});
}

fn answerUserAgentSet(question: *const Question) Buffer.Error!void {
    const value = try question.required("value", 256, 4) orelse return;
    const size = std.base64.standard.Decoder.calcSizeForSlice(value) catch {
        return question.fail(4, "'value' invalid base64");
    };
    var memory: [256]u8 = undefined;
    std.base64.standard.Decoder.decode(memory[0..size], value) catch {
        return question.fail(4, "'value' invalid base64");
    };
    try question.text("ok");
}
