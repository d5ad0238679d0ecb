//! How any command is driven: exchanges with nodes, on the calling thread or on a loop, and the
//! rules of what follows when they fail. Knows nothing of what commands say.

pub const executor = @import("engine/executor.zig");
pub const policy = @import("engine/policy.zig");
const exchange = @import("engine/exchange.zig");

pub const Asked = @import("engine/asked.zig").Asked;
pub const Blocking = @import("engine/blocking.zig").Blocking;
pub const Driver = @import("engine/driver.zig").Driver;
pub const Exchange = exchange.Exchange;
pub const Frame = exchange.Frame;
pub const FrameResult = exchange.FrameResult;
pub const Limits = exchange.Limits;
pub const Loop = @import("engine/loop.zig").Loop;
pub const Policy = policy.Policy;
pub const Poller = @import("engine/poller.zig").Poller;
pub const Task = @import("engine/task.zig").Task;
pub const Timer = exchange.Timer;
pub const closed_text = exchange.closed_text;
pub const frame_bytes_max = exchange.frame_bytes_max;
pub const interrupted_text = exchange.interrupted_text;

test {
    _ = @import("engine/asked.zig");
    _ = exchange;
    _ = executor;
    _ = policy;
    _ = @import("engine/loop.zig");
    _ = @import("engine/poller.zig");
    _ = @import("engine/timers.zig");
}
