//! Commands: encode, send, decode, and the rules of retrying.

pub const batch = @import("command/batch.zig");
pub const exchange = @import("command/exchange.zig");
pub const executor = @import("command/executor.zig");
pub const request = @import("command/request.zig");
pub const reply = @import("command/reply.zig");

pub const Batch = @import("command/batch_blocking.zig").BatchBlocking;
pub const Command = request.Command;
pub const Info = @import("command/info.zig").Info;
pub const Policy = @import("command/policy.zig").Policy;
pub const policy = @import("command/policy.zig");
pub const Single = @import("command/single.zig").Single;

test {
    _ = batch;
    _ = exchange;
    _ = executor;
    _ = request;
    _ = @import("command/request_test.zig");
    _ = reply;
    _ = policy;
    _ = @import("command/info.zig");
    _ = @import("command/single.zig");
}
