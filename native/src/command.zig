//! Commands: encode, send, decode, and the rules of retrying.

pub const administration = @import("command/administration.zig");
pub const batch = @import("command/batch.zig");
pub const exchange = @import("command/exchange.zig");
pub const executor = @import("command/executor.zig");
pub const request = @import("command/request.zig");
const expression = @import("command/expression.zig");
const Failure = @import("status.zig").Failure;
const wire = @import("wire.zig");
pub const reply = @import("command/reply.zig");

pub const Administration = administration.Administration;
pub const Batch = @import("command/batch_blocking.zig").BatchBlocking;
pub const Command = request.Command;
pub const Info = @import("command/info.zig").Info;
pub const Policy = @import("command/policy.zig").Policy;
pub const Query = @import("command/query.zig").Query;
pub const policy = @import("command/policy.zig");
pub const Single = @import("command/single.zig").Single;

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

test {
    _ = administration;
    _ = @import("command/admin.zig");
    _ = @import("command/background.zig");
    _ = @import("command/index.zig");
    _ = @import("command/truncate.zig");
    _ = @import("command/udf.zig");
    _ = batch;
    _ = @import("command/comparable.zig");
    _ = exchange;
    _ = executor;
    _ = request;
    _ = @import("command/operate_test.zig");
    _ = @import("command/request_test.zig");
    _ = reply;
    _ = policy;
    _ = @import("command/function.zig");
    _ = @import("command/info.zig");
    _ = @import("command/partition_tracker.zig");
    _ = @import("command/query.zig");
    _ = @import("command/query_reply.zig");
    _ = @import("command/row_policy.zig");
    _ = @import("command/query_request.zig");
    _ = @import("command/single.zig");
}
