//! Who a node's peers are, and which of them the cluster does not know yet.
//!
//! A listed node that is known and well only counts as seen. A new one is admitted at one of its
//! addresses, if the node there has the name that was announced. A known one that fails may have
//! moved: when none of the announced addresses is the one in use, it is admitted anew. The
//! generation of a list is only taken as read when every node in it is there, so that one that
//! could not be reached is tried again. Used by whoever tends.

const std = @import("std");
const wire = @import("../wire.zig");
const admission = @import("admission.zig");
const seeds = @import("seeds.zig");
const Failure = @import("../status.zig").Failure;

pub fn Peers(comptime Net: type) type {
    return struct {
        const Cluster = @import("core.zig").Cluster(Net);
        const Tended = Cluster.Tended;
        const Admission = admission.Admission(Net);
        const Round = @import("round.zig").Round;

        /// Reads the list of one node. `list` and `reply` are two buffers, as admitting a peer
        /// reads replies while the list is still in use.
        pub fn refresh(
            cluster: *Cluster,
            tended: *Tended,
            round: *Round,
            list: *wire.Buffer,
            reply: *wire.Buffer,
        ) Tended.AskError!void {
            var failure: Failure = .{};
            const name = seeds.peersCommand(&cluster.context);
            const body = try tended.ask(&.{name}, list, &failure);
            const value = wire.info.Lines.find(body, name) orelse return error.Failed;
            // All of it is checked before any of it is believed.
            tended.peers_count = countAll(value) catch return error.Failed;
            var peers = wire.info.Peers.parse(value) catch return error.Failed;
            var complete = true;
            while (peers.next() catch null) |peer| {
                if (!see(cluster, &peer, round, reply)) complete = false;
            }
            if (complete) tended.peers_generation = peers.generation;
            round.answered += 1;
        }

        fn countAll(value: []const u8) error{Malformed}!u32 {
            var peers = try wire.info.Peers.parse(value);
            var count: u32 = 0;
            while (try peers.next()) |peer| {
                var hosts = peer.hosts;
                while (try hosts.next()) |_| {}
                count += 1;
            }
            return count;
        }

        /// False when the peer is to be tried again.
        fn see(
            cluster: *Cluster,
            peer: *const wire.info.Peer,
            round: *Round,
            reply: *wire.Buffer,
        ) bool {
            const known = cluster.table.findActive(peer.name);
            if (known) |tended| {
                const well = tended.node.failures.load(.monotonic) == 0;
                if (well or isAt(cluster, peer, tended.node.address())) {
                    tended.friends += 1;
                    return true;
                }
            }
            const tended = admit(cluster, peer, round, reply) orelse return false;
            tended.friends += 1;
            return true;
        }

        fn isAt(cluster: *Cluster, peer: *const wire.info.Peer, address: Net.Address) bool {
            var buffer: [admission.addresses_max]Net.Address = undefined;
            var hosts = peer.hosts;
            while (hosts.next() catch null) |host| {
                if (host.port != address.getPort()) continue;
                const name = cluster.context.options.translate(host.name);
                const net = cluster.context.tend_net;
                const resolved = net.resolve(name, host.port, &buffer) catch continue;
                for (resolved) |*candidate| {
                    if (candidate.eql(&address)) return true;
                }
            }
            return false;
        }

        fn admit(
            cluster: *Cluster,
            peer: *const wire.info.Peer,
            round: *Round,
            reply: *wire.Buffer,
        ) ?*Tended {
            var hosts = peer.hosts;
            while (hosts.next() catch null) |host| {
                const name = cluster.context.options.translate(host.name);
                if (round.unreachable_hosts.contains(name, host.port)) continue;
                if (admitAt(cluster, peer.name, name, host.port, reply)) |tended| return tended;
                round.unreachable_hosts.add(name, host.port);
            }
            return null;
        }

        fn admitAt(
            cluster: *Cluster,
            node_name: []const u8,
            host_name: []const u8,
            port: u16,
            reply: *wire.Buffer,
        ) ?*Tended {
            const context = &cluster.context;
            var buffer: [admission.addresses_max]Net.Address = undefined;
            const addresses = context.tend_net.resolve(host_name, port, &buffer) catch return null;
            for (addresses) |address| {
                var failure: Failure = .{};
                var candidate = Admission.admit(
                    context,
                    address,
                    .peer,
                    reply,
                    &failure,
                ) catch continue;
                if (!std.mem.eql(u8, candidate.name(), node_name)) {
                    candidate.deinit(context);
                    continue;
                }
                return cluster.tending.install(cluster, &candidate) catch return null;
            }
            return null;
        }
    };
}
