//! TLS over descriptors that never block, by an OpenSSL that is found while the process runs.
//!
//! A `Context` is what the connections of one configuration share, a `Stream` is one connection's.
//! Clients and servers use the same. Nothing of OpenSSL is loaded before a context is made.

pub const openssl = @import("tls/openssl.zig");
pub const Context = @import("tls/context.zig").Context;
pub const Counters = @import("tls/context.zig").Counters;
pub const Options = @import("tls/options.zig").Options;
pub const Version = @import("tls/options.zig").Version;
pub const Peer = @import("tls/stream.zig").Peer;
pub const Reason = @import("tls/peer_check.zig").Reason;
pub const Stream = @import("tls/stream.zig").Stream;
pub const StreamError = @import("tls/stream.zig").Error;
pub const Direction = @import("tls/stream.zig").Direction;
pub const Watch = @import("tls/watch.zig").Watch;
pub const isContent = @import("tls/mistaken.zig").isContent;
pub const problemText = @import("tls/stream.zig").problemText;

test {
    _ = openssl;
    _ = Context;
    _ = Options;
    _ = Reason;
    _ = Stream;
    _ = Watch;
    _ = @import("tls/gate.zig");
    _ = @import("tls/mistaken.zig");
    _ = @import("tls/stream_test.zig");
}
