//! The development server: a local, in-memory cluster that speaks the real protocol.
//!
//! For tests of applications without containers, and for faults that a real cluster cannot be
//! asked for. `Server` runs it in this process on threads of its own; `Core` and `Session` are
//! the same server without sockets, threads and clock, for a simulated network to host. It
//! shares `wire.zig`, `os.zig` and the status codes with the client, and nothing else. Where
//! behaviour differs between editions of the real server it follows the Community Edition, except
//! that it can be started with users, racks and strong consistency.
//!
//!   net/        ports, connections, threads; what tests ask of a running cluster
//!   info/       info commands, a list of its own in each file
//!   query/      queries, and jobs in the background
//!   commands/   commands on one record, and batches of them
//!   core/       the state of a cluster, and what a command works with
//!   security/   users, roles, sessions
//!   store/      records, and indexes of them
//!   data/       values: what they are, and the operations on them
//!   base/       options, locks
//!
//! Imports point down this list, which a test of the sources sees to.

pub const Core = @import("devserver/core/Core.zig");
pub const Scratch = @import("devserver/core/Scratch.zig");
pub const Server = @import("devserver/net/Server.zig");
pub const Session = @import("devserver/net/Session.zig");
pub const control = @import("devserver/net/control.zig");
pub const options = @import("devserver/base/options.zig");
pub const modules = @import("devserver/core/modules.zig");

test {
    _ = @import("devserver/base/msgpack_struct.zig");
    _ = @import("devserver/base/options.zig");
    _ = @import("devserver/base/sync.zig");
    _ = @import("devserver/commands/apply.zig");
    _ = @import("devserver/core/faults.zig");
    _ = @import("devserver/core/jobs.zig");
    _ = @import("devserver/core/modules.zig");
    _ = @import("devserver/core/overrides.zig");
    _ = @import("devserver/core/topology.zig");
    _ = @import("devserver/data/bits.zig");
    _ = @import("devserver/data/cdt.zig");
    _ = @import("devserver/data/cdt/Container.zig");
    _ = @import("devserver/data/cdt/Parameters.zig");
    _ = @import("devserver/data/cdt/cdt_test.zig");
    _ = @import("devserver/data/cdt/element.zig");
    _ = @import("devserver/data/cdt/number.zig");
    _ = @import("devserver/data/cdt/order.zig");
    _ = @import("devserver/data/cdt/selection.zig");
    _ = @import("devserver/data/collection.zig");
    _ = @import("devserver/data/expression.zig");
    _ = @import("devserver/data/expression/Regex.zig");
    _ = @import("devserver/data/expression/expression_test.zig");
    _ = @import("devserver/data/expression/regex_automaton.zig");
    _ = @import("devserver/data/geo.zig");
    _ = @import("devserver/data/hll.zig");
    _ = @import("devserver/data/nesting.zig");
    _ = @import("devserver/data/hll/Sketch.zig");
    _ = @import("devserver/data/hll/estimate.zig");
    _ = @import("devserver/data/hll/murmur.zig");
    _ = @import("devserver/data/path.zig");
    _ = @import("devserver/data/record.zig");
    _ = @import("devserver/data/value.zig");
    _ = @import("devserver/net/batch_test.zig");
    _ = @import("devserver/net/poller.zig");
    _ = @import("devserver/net/query_test.zig");
    _ = @import("devserver/net/request_log.zig");
    _ = @import("devserver/net/server_test.zig");
    _ = @import("devserver/net/session_test.zig");
    _ = @import("devserver/net/socket.zig");
    _ = @import("devserver/query/request.zig");
    _ = @import("devserver/security/access.zig");
    _ = @import("devserver/security/security.zig");
    _ = @import("devserver/store/store.zig");
}
