//! The network, the clock and the few primitives of threads that the client needs.
//!
//! Everything above takes its network as a compile-time parameter: `Net` is the real one, and
//! a simulated one offers the same declarations. Calls block until their deadline, an absolute
//! time of the network's own monotonic clock; the descriptors underneath never block, so that an
//! event loop may share them.
//!
//! A network type declares:
//!   Socket                                    a value; one thread uses it at a time
//!   Address                                   a value that prints itself with `{f}`
//!   now(net) u64                              monotonic nanoseconds
//!   resolve(net, host, port, deadline_ns, []Address) ResolveError![]Address
//!   connect(net, Address, deadline_ns) Error!Socket
//!   send(net, *Socket, bytes, deadline_ns) Error!void          all of the bytes
//!   recv(net, *Socket, buffer, deadline_ns) Error!usize        at least one byte
//!   isIdle(net, *Socket) bool                 open, and nothing to read
//!   secure(net, *Socket, *tls.Context, Peer) Error!void        begins TLS
//!   handshake(net, *Socket, deadline_ns) Error!void
//!   close(net, *Socket) void
//!   isInterrupted(net) bool                   a signal came whose handler ends what waits
//!   sleep(net, duration_ns) error{Interrupted}!void
//!   waitFor(net, *sync.Event, deadline_ns) error{Timeout, Interrupted}!void
//!   waitAny(net, []Watch, deadline_ns) Error!void              one of them is ready

const std = @import("std");

pub const Net = @import("io/net.zig").Net;
pub const Spin = @import("io/spin.zig").Spin;
pub const errors = @import("io/errors.zig");
/// Looks up host names for all networks of the process.
pub const resolver = &@import("io/net.zig").resolver;
pub const Error = errors.Error;
pub const ResolveError = errors.ResolveError;
pub const sync = @import("io/sync.zig");
pub const random = @import("io/random.zig");
pub const thread = @import("io/thread.zig");
pub const Wake = @import("io/wake.zig").Wake;

/// The deadline of a wait that may last for ever.
pub const never = std.math.maxInt(u64);

test {
    _ = Net;
    _ = Spin;
    _ = errors;
    _ = @import("io/resolver.zig");
    _ = sync;
    _ = random;
    _ = thread;
    _ = @import("io/net_test.zig");
}
