//! A simulated network with a seed, and simulated servers behind it.
//!
//! The cluster and command code of the client run on it unchanged, on one thread and in virtual
//! time: a wait of a second takes no time at all, and one seed always gives one history. The
//! servers are the development server's own core. See sim/world.zig for what can go wrong.

pub const Driving = @import("sim/driving.zig").Driving;
pub const Faults = @import("sim/faults.zig").Faults;
pub const Net = @import("sim/net.zig").Net;
pub const Poller = @import("sim/poller.zig").Poller;
pub const World = @import("sim/world.zig").World;
pub const seeds = @import("sim/seeds.zig");

test {
    _ = @import("sim/faults.zig");
    _ = @import("sim/net.zig");
    _ = @import("sim/poller.zig");
    _ = @import("sim/world.zig");
    _ = @import("sim/seeds.zig");
    _ = @import("sim/net_test.zig");
    _ = @import("sim/cluster_test.zig");
    _ = @import("sim/command_test.zig");
    _ = @import("sim/engine_test.zig");
    _ = @import("sim/query_test.zig");
}
