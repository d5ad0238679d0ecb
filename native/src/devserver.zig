//! The development server: a local, in-memory cluster that speaks the real protocol.
//!
//! For tests of applications without containers, and for faults that a real cluster cannot be
//! asked for. `Server` runs it in this process on threads of its own; `Core` and `Session` are
//! the same server without sockets, threads and clock, for a simulated network to host. It
//! shares `wire.zig`, `os.zig` and the status codes with the client, and nothing else. Where
//! behaviour differs between editions of the real server it follows the Community Edition, except
//! that it can be started with users.

pub const Core = @import("devserver/Core.zig");
pub const Scratch = @import("devserver/command.zig").Scratch;
pub const Server = @import("devserver/Server.zig");
pub const Session = @import("devserver/Session.zig");
pub const control = @import("devserver/control.zig");
pub const options = @import("devserver/options.zig");
pub const udf = @import("devserver/udf.zig");

test {
    _ = Core;
    _ = Server;
    _ = Session;
    _ = control;
    _ = options;
    _ = @import("devserver/access.zig");
    _ = @import("devserver/batch_test.zig");
    _ = @import("devserver/bits.zig");
    _ = @import("devserver/cdt.zig");
    _ = @import("devserver/collection.zig");
    _ = @import("devserver/command.zig");
    _ = @import("devserver/command_udf.zig");
    _ = @import("devserver/expression.zig");
    _ = @import("devserver/faults.zig");
    _ = @import("devserver/geo.zig");
    _ = @import("devserver/hll.zig");
    _ = @import("devserver/info.zig");
    _ = @import("devserver/jobs.zig");
    _ = @import("devserver/msgpack_struct.zig");
    _ = @import("devserver/path.zig");
    _ = @import("devserver/poller.zig");
    _ = @import("devserver/query_request.zig");
    _ = @import("devserver/query_test.zig");
    _ = @import("devserver/record.zig");
    _ = @import("devserver/secondary_index.zig");
    _ = @import("devserver/security.zig");
    _ = @import("devserver/server_test.zig");
    _ = @import("devserver/session_test.zig");
    _ = @import("devserver/socket.zig");
    _ = @import("devserver/store.zig");
    _ = @import("devserver/sync.zig");
    _ = @import("devserver/topology.zig");
    _ = @import("devserver/udf.zig");
    _ = @import("devserver/value.zig");
}
