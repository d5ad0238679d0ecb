//! The event loop of asynchronous clients, and the operations that it carries out.

pub const Engine = @import("engine/engine.zig").Engine;
pub const Loop = @import("engine/loop.zig").Loop;
pub const Poller = @import("engine/poller.zig").Poller;

test {
    _ = @import("engine/batch.zig");
    _ = @import("engine/engine.zig");
    _ = @import("engine/loop.zig");
    _ = @import("engine/mailbox.zig");
    _ = @import("engine/poller.zig");
    _ = @import("engine/threads_test.zig");
    _ = @import("engine/timers.zig");
}
