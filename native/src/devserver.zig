//! The development server: a local, in-memory cluster that speaks the real protocol.
pub const Core = @import("devserver/Core.zig");
pub const Session = @import("devserver/Session.zig");
pub const Server = @import("devserver/Server.zig");
pub const options = @import("devserver/options.zig");
pub const control = @import("devserver/control.zig");

test {
    _ = @import("devserver/sync.zig");
    _ = @import("devserver/record.zig");
    _ = @import("devserver/store.zig");
    _ = @import("devserver/topology.zig");
    _ = options;
    _ = @import("devserver/collection.zig");
    _ = @import("devserver/value.zig");
    _ = @import("devserver/faults.zig");
    _ = @import("devserver/security.zig");
    _ = @import("devserver/command.zig");
    _ = @import("devserver/info.zig");
    _ = @import("devserver/socket.zig");
    _ = @import("devserver/poller.zig");
    _ = Core;
    _ = Session;
    _ = Server;
    _ = control;
    _ = @import("devserver/server_test.zig");
    _ = @import("devserver/session_test.zig");
    _ = @import("devserver/msgpack_struct.zig");
}
