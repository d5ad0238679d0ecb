//! Aggregations: a function that each node applies to the stream of all records that a query finds
//! on it, and that yields values. What the nodes' values come to is for whoever asks to say.

const std = @import("std");
const function = @import("../record/function.zig");
const procedure_module = @import("../procedure.zig");
const query_request = @import("query_request.zig");
const random = @import("../../io.zig").random;
const reply = @import("../record/reply.zig");
const request = @import("../record/request.zig");
const wire = @import("../../wire.zig");
const Error = procedure_module.Error;
const Failure = @import("../../status.zig").Failure;
const FrameResult = @import("../../engine.zig").FrameResult;
const Status = @import("../../status.zig").Status;
const Step = procedure_module.Step;
const msgpack = wire.msgpack;

/// A query's map, with a function -> [the values of all nodes, each [particle type, bytes]].
pub const Aggregation = struct {
    frame: []const u8 = "",
    is_asked: bool = false,

    pub fn parse(aggregation: *Aggregation, procedure: anytype, reader: *msgpack.Reader) Error!void {
        const arena = procedure.arena.allocator();
        const failure = procedure.failure;
        const asked: query_request.Query = try .parse(arena, reader.bytes, failure);
        var frame = wire.Buffer.growing(arena, &.{}, request.frame_bytes_max);
        try query_request.encodeAggregation(
            &asked,
            &procedure.policy,
            random.integer(),
            &frame,
            failure,
        );
        aggregation.frame = frame.written();
        try procedure.workIn(.{ .namespace = asked.namespace, .set = asked.set });
    }

    pub fn next(aggregation: *Aggregation, procedure: anytype) Error!Step {
        if (!aggregation.is_asked) {
            aggregation.is_asked = true;
            return .{ .ask = .{ .whom = .all, .is_repeatable = true } };
        }
        var count: u32 = 0;
        for (procedure.questions) |*question| {
            if (!question.isAnswered()) {
                procedure.failure.* = question.failure;
                return error.Failed;
            }
            count = std.math.add(u32, count, question.value_count) catch
                return error.NoSpaceLeft;
        }
        try msgpack.writeArrayHeader(procedure.out, count);
        for (procedure.questions) |*question| try procedure.out.append(question.text.written());
        return .done;
    }

    pub fn write(aggregation: *Aggregation, _: anytype, question: anytype) Error!void {
        question.value_count = 0;
        try question.frame.append(aggregation.frame);
    }

    /// Each message has a value, but for the last; one that failed ends the reply.
    pub fn take(_: *Aggregation, _: anytype, question: anytype, frame: anytype) !FrameResult {
        if (frame.kind != .message) return error.Malformed;
        var rest = frame.body;
        while (rest.len > 0) {
            const message = try wire.message.Message.decode(rest);
            const status = Status.fromServer(message.header.result_code);
            // A node that does not know the set has nothing to send.
            const is_empty = status == .record_not_found;
            if (status != .ok and !is_empty) return fail(question, &message, status);
            if (message.header.info3.last or is_empty) {
                return if (question.exchange.settle(.ok).connection_usable) .done else .done_close;
            }
            var operations = try message.operations();
            while (try operations.next()) |operation| {
                if (!function.isValue(&operation)) return fail(question, &message, .udf);
                try msgpack.writeArrayHeader(&question.text, 2);
                try msgpack.writeUint(&question.text, @backingInt(operation.particle));
                try msgpack.writeBinary(&question.text, operation.value);
                question.value_count += 1;
            }
            rest = operations.rest;
        }
        return .more;
    }

    fn fail(question: anytype, message: *const wire.message.Message, status: Status) FrameResult {
        if (function.failureText(message)) |text| {
            question.failure.set(.udf, "{s}", .{text});
        } else {
            reply.setServerFailure(status, &question.failure);
        }
        const verdict = question.exchange.settle(question.failure.status);
        // More may follow unless this was the last message.
        const is_usable = verdict.connection_usable and message.header.info3.last;
        return if (is_usable) .done else .done_close;
    }
};
