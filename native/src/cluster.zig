//! A cluster as the client sees it: nodes, connections, and who owns which partition.
//!
//! The network is a compile-time parameter (see io.zig), so that the same code runs over a
//! simulated one. How things divide up: `core` is the cluster itself; `tend` is one look at
//! the state of all servers, with `seeds`, `admission` and `peers` as its parts; `node` is one
//! server with its `pool`, `breaker`, `recovery` and `auth`, and `tended` what whoever tends knows
//! of it besides; `partition_map` and `replica` route.

pub const Cluster = @import("cluster/core.zig").Cluster;
pub const Node = @import("cluster/node.zig").Node;
pub const Pool = @import("cluster/pool.zig").Pool;
pub const Namespace = partition_map.Namespace;
pub const partition_map = @import("cluster/partition_map.zig");
pub const Version = @import("cluster/version.zig").Version;
pub const statistics = @import("cluster/statistics.zig");

const options = @import("cluster/options.zig");
pub const Options = options.Options;
pub const Host = options.Host;
pub const AuthMode = options.AuthMode;
pub const IpMapEntry = options.IpMapEntry;

const replica = @import("cluster/replica.zig");
pub const Slot = replica.Slot;
pub const slot_none = replica.none;
pub const ReplicaPolicy = replica.ReplicaPolicy;
pub const ReadModeSc = replica.ReadModeSc;
pub const effectiveReplica = replica.effective;

test {
    _ = @import("cluster/admission.zig");
    _ = @import("cluster/auth.zig");
    _ = @import("cluster/breaker.zig");
    _ = @import("cluster/exchange.zig");
    _ = @import("cluster/options.zig");
    _ = @import("cluster/partition_map.zig");
    _ = @import("cluster/pool.zig");
    _ = @import("cluster/recovery.zig");
    _ = @import("cluster/refusals.zig");
    _ = @import("cluster/replica.zig");
    _ = @import("cluster/findings.zig");
    _ = @import("cluster/silence.zig");
    _ = @import("cluster/seeds.zig");
    _ = @import("cluster/statistics.zig");
    _ = @import("cluster/threads_test.zig");
    _ = @import("cluster/version.zig");
}
