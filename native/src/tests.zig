//! All tests of the core, as one program.

test {
    _ = @import("abi_test.zig");
    _ = @import("client.zig");
    _ = @import("cluster.zig");
    _ = @import("command.zig");
    _ = @import("config.zig");
    _ = @import("devserver.zig");
    _ = @import("engine.zig");
    _ = @import("growing.zig");
    _ = @import("io.zig");
    _ = @import("metrics.zig");
    _ = @import("os.zig");
    _ = @import("result.zig");
    _ = @import("sim.zig");
    _ = @import("log.zig");
    _ = @import("memory.zig");
    _ = @import("printable.zig");
    _ = @import("status.zig");
    _ = @import("unfilled.zig");
    _ = @import("wire.zig");
}
