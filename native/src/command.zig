//! Commands: what is asked and answered, and the rules of each. They know bytes and verdicts, and
//! hand exchanges to a driver of `engine.zig`.

const std = @import("std");
const context = @import("command/cdt/context.zig");
const expression = @import("command/expression/expression.zig");
const expression_text = @import("command/expression/text/text.zig");
const Failure = @import("status.zig").Failure;
const plan = @import("command/query/plan.zig");
const wire = @import("wire.zig");
pub const batch = @import("command/batch/batch.zig");
pub const group = @import("command/batch/group.zig");
pub const procedure = @import("command/procedure.zig");
pub const reply = @import("command/record/reply.zig");
pub const request = @import("command/record/request.zig");
pub const source = @import("command/source.zig");

pub const BatchTask = @import("command/batch/batch_task.zig").BatchTask;
pub const Command = request.Command;
pub const Group = group.Group;
pub const Procedure = procedure.Procedure;
pub const Query = @import("command/query/query.zig").Query;
pub const Source = source.Source;
pub const Single = @import("command/record/single.zig").Single;

/// Appends what the server is sent for an expression, which is MessagePack as the API has it.
pub fn compileExpression(
    reader: *wire.msgpack.Reader,
    out: *wire.Buffer,
    failure: *Failure,
) error{Failed}!void {
    expression.encodeExpression(out, reader, failure) catch |err|
        return request.describe(err, failure);
    if (!reader.isAtEnd()) return request.invalid(failure, "there is more than one expression", .{});
}

/// Appends the tree of an expression's text, as MessagePack.
pub fn parseExpression(
    gpa: std.mem.Allocator,
    text: []const u8,
    parameters: []const u8,
    out: *wire.Buffer,
    failure: *Failure,
) error{Failed}!void {
    expression_text.parse(gpa, text, parameters, out, failure) catch |err|
        return request.describe(err, failure);
}

/// Appends which index a query asks for what, of [expression, set, [INDEX]].
pub fn planQuery(
    gpa: std.mem.Allocator,
    question: []const u8,
    out: *wire.Buffer,
    failure: *Failure,
) error{Failed}!void {
    plan.plan(gpa, question, out, failure) catch |err| return request.describe(err, failure);
}

/// Appends the value of a particle.
pub fn decodeParticle(
    kind: u8,
    data: []const u8,
    out: *wire.Buffer,
    failure: *Failure,
) error{Failed}!void {
    wire.particle.msgpackFromParticle(out, @fromBackingInt(kind), data) catch |err| switch (err) {
        error.OutOfMemory, error.NoSpaceLeft => |other| return request.describe(other, failure),
        else => {
            return request.invalid(failure, "these bytes are no value of type {d}", .{kind});
        },
    };
}

/// Appends a value, which is MessagePack, as lists hold it.
pub fn packValue(
    value: []const u8,
    out: *wire.Buffer,
    failure: *Failure,
) error{Failed}!void {
    var reader: wire.msgpack.Reader = .{ .bytes = value };
    wire.particle.packedFromMsgpack(out, &reader, .any) catch |err| switch (err) {
        error.OutOfMemory, error.NoSpaceLeft => |other| return request.describe(other, failure),
        else => return request.invalid(failure, "the value cannot be stored: {t}", .{err}),
    };
    if (!reader.isAtEnd()) return request.invalid(failure, "there is more than one value", .{});
}

/// Appends a context in the server's encoding.
pub fn encodeContext(
    reader: *wire.msgpack.Reader,
    out: *wire.Buffer,
    failure: *Failure,
) error{Failed}!void {
    context.encodeContext(out, reader, failure) catch |err| return request.describe(err, failure);
    if (!reader.isAtEnd()) return request.invalid(failure, "there is more than one context", .{});
}

test {
    _ = procedure;
    _ = @import("command/admin/admin.zig");
    _ = @import("command/query/aggregation.zig");
    _ = @import("command/query/background.zig");
    _ = @import("command/info/index.zig");
    _ = @import("command/info/truncate.zig");
    _ = @import("command/info/udf.zig");
    _ = batch;
    _ = group;
    _ = @import("command/expression/comparable.zig");
    _ = expression_text;
    _ = @import("command/record/compression.zig");
    _ = request;
    _ = @import("command/record/operate_test.zig");
    _ = @import("command/record/request_test.zig");
    _ = reply;
    _ = @import("command/record/error_details.zig");
    _ = @import("command/record/function.zig");
    _ = @import("command/info/info.zig");
    _ = @import("command/query/partition_tracker.zig");
    _ = @import("command/query/plan_test.zig");
    _ = @import("command/query/query.zig");
    _ = @import("command/query/query_reply.zig");
    _ = @import("command/batch/row_policy.zig");
    _ = @import("command/query/query_request.zig");
    _ = @import("command/record/single.zig");
}
