//! All tests of the core, as one program.

test {
    _ = @import("client/abi_test.zig");
    _ = @import("client/client.zig");
    _ = @import("client/config.zig");
    _ = @import("client/gate.zig");
    _ = @import("client/handles.zig");
    _ = @import("client/mailbox.zig");
    _ = @import("client/queries_test.zig");
    _ = @import("client/threads_test.zig");
    _ = @import("client/values.zig");
    _ = @import("cluster.zig");
    _ = @import("command.zig");
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
    _ = @import("tls.zig");
    _ = @import("unfilled.zig");
    _ = @import("wire.zig");
}
