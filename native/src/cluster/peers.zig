//! Who a node's peers are, and which of them the cluster does not know yet.
//!
//! A listed node that is known and well only counts as seen. New ones are admitted, many at the
//! same time, each at the first of its addresses where a node has the name that was announced. A
//! known one that fails may have moved: when none of the announced addresses is the one in use, it
//! is admitted anew. The generation of a list is only taken as read when every node in it is
//! there, so that one that could not be reached is tried again, at once or, if it was silent, after
//! a rest. A tend tries for a limited time, and the next one begins with those that it did not come
//! to. Used by whoever tends.

const std = @import("std");
const assert = std.debug.assert;
const wire = @import("../wire.zig");
const admission = @import("admission.zig");
const milliseconds = @import("context.zig").milliseconds;
const seeds = @import("seeds.zig");
const Failure = @import("../status.zig").Failure;

pub fn Peers(comptime Net: type) type {
    return struct {
        const Cluster = @import("core.zig").Cluster(Net);
        const Tended = Cluster.Tended;
        const Admission = admission.Admission(Net);
        const Attempt = Admission.Attempt;
        const Findings = @import("findings.zig").Findings;

        /// A peer that is to be admitted. Its texts are in the list.
        const Wanted = struct {
            peer: wire.info.Peer,
            /// Those that are still to be tried; at one of the addresses, if there are any.
            hosts: wire.info.Hosts,
            host: wire.info.Host = undefined,
            addresses: [admission.addresses_max]Net.Address = undefined,
            address_count: usize = 0,
            address_next: usize = 0,
            is_admitted: bool = false,
            /// All of its addresses were tried.
            is_hopeless: bool = false,
        };

        /// Reads the list of one node, which stays in `list` while its peers are admitted.
        pub fn refresh(
            cluster: *Cluster,
            tended: *Tended,
            findings: *Findings,
            list: *wire.Buffer,
        ) Tended.AskError!void {
            var failure: Failure = .{};
            const name = seeds.peersCommand(&cluster.context);
            const body = try tended.ask(&.{name}, list, &failure);
            const value = wire.info.Lines.find(body, name) orelse return error.Failed;
            // All of it is checked before any of it is believed.
            tended.peers_count = countAll(value) catch return error.Failed;
            var peers = wire.info.Peers.parse(value) catch return error.Failed;
            const generation = peers.generation;
            const gpa = cluster.context.gpa;
            var wanted: std.ArrayList(Wanted) = .empty;
            defer wanted.deinit(gpa);
            while (peers.next() catch null) |peer| {
                if (isSeen(cluster, &peer, findings)) continue;
                const added: Wanted = .{ .peer = peer, .hosts = peer.hosts };
                wanted.append(gpa, added) catch return error.NotAsked;
            }
            findings.answered += 1;
            const is_complete = admitAll(cluster, wanted.items, findings);
            // One that was known before may be missing now.
            tended.peers_generation = if (is_complete) generation else -1;
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

        /// Counts a known node as listed; false when the peer is to be admitted.
        fn isSeen(cluster: *Cluster, peer: *const wire.info.Peer, findings: *Findings) bool {
            const tended = cluster.table.findActive(peer.name) orelse return false;
            const well = tended.node.failures.load(.monotonic) == 0;
            const address = tended.node.target(.login).address;
            if (!well and !isAt(cluster, peer, address, findings)) return false;
            tended.friends += 1;
            return true;
        }

        fn isAt(
            cluster: *Cluster,
            peer: *const wire.info.Peer,
            address: Net.Address,
            findings: *Findings,
        ) bool {
            const context = &cluster.context;
            var buffer: [admission.addresses_max]Net.Address = undefined;
            var hosts = peer.hosts;
            while (hosts.next() catch null) |host| {
                if (host.port != address.getPort()) continue;
                const until_ns = untilNs(cluster, findings);
                const found = context.resolve(host.name, host.port, until_ns, &buffer) catch
                    continue;
                for (found) |*candidate| if (candidate.eql(&address)) return true;
            }
            return false;
        }

        /// How long this tend goes on admitting: enough for a machine that does not answer, twice.
        fn untilNs(cluster: *Cluster, findings: *Findings) u64 {
            if (findings.admission_until_ns) |until_ns| return until_ns;
            const context = &cluster.context;
            const now_ns = context.tend_net.now();
            const until_ns = now_ns +| 2 *| (context.connectDeadline(now_ns) - now_ns);
            findings.admission_until_ns = until_ns;
            return until_ns;
        }

        /// False when some are to be tried again.
        fn admitAll(cluster: *Cluster, wanted: []Wanted, findings: *Findings) bool {
            if (wanted.len == 0) return true;
            const gpa = cluster.context.gpa;
            const attempts = gpa.alloc(Attempt, Admission.attempts_max) catch return false;
            defer gpa.free(attempts);
            const first = &cluster.tending.first_peer;
            std.mem.rotate(Wanted, wanted, first.* % wanted.len);
            // One address of each at a time.
            while (true) {
                var tried: usize = 0;
                var position: usize = 0;
                while (position < wanted.len) {
                    if (!hasTime(cluster, findings)) {
                        first.* +%= position;
                        return false;
                    }
                    tried += admitSome(cluster, wanted, &position, attempts, findings);
                    if (cluster.context.interrupted or cluster.context.lacking) return false;
                }
                if (tried == 0) break;
            }
            for (wanted) |*want| if (!want.is_admitted) return false;
            return true;
        }

        /// One node of several is of little use: for the second one there is always time.
        fn hasTime(cluster: *Cluster, findings: *Findings) bool {
            const until_ns = untilNs(cluster, findings);
            return cluster.nodeCount() < 2 or cluster.context.tend_net.now() < until_ns;
        }

        /// Tries the next address of as many peers, from the position on, as may be tried at the
        /// same time, and returns of how many.
        fn admitSome(
            cluster: *Cluster,
            wanted: []Wanted,
            position: *usize,
            attempts: []Attempt,
            findings: *Findings,
        ) usize {
            const context = &cluster.context;
            var tried: [Admission.attempts_max]*Wanted = undefined;
            var count: usize = 0;
            while (position.* < wanted.len and count < attempts.len) : (position.* += 1) {
                const want = &wanted[position.*];
                if (want.is_admitted or want.is_hopeless) continue;
                const target = nextTarget(cluster, want, findings) orelse {
                    if (context.interrupted or context.lacking) break;
                    want.is_hopeless = true;
                    continue;
                };
                attempts[count].begin(context, target, .peer);
                tried[count] = want;
                count += 1;
            }
            Admission.drive(context, attempts[0..count]);
            const now_ns = context.tend_net.now();
            const interval_ns = milliseconds(context.options.tend_interval_ms);
            for (attempts[0..count], tried[0..count]) |*attempt, want| {
                settle(cluster, attempt, want);
                if (attempt.hasFailed()) {
                    cluster.tending.noteRefusal(want.peer.name, &attempt.failure);
                }
                if (attempt.isLate()) {
                    const host = want.host;
                    cluster.tending.silence.note(host.name, host.port, interval_ns, now_ns);
                }
                attempt.drop();
            }
            return count;
        }

        fn nextTarget(cluster: *Cluster, want: *Wanted, findings: *Findings) ?Admission.Target {
            while (nextAddress(cluster, want, findings)) |address| {
                const host = want.host.name;
                return Admission.Target.init(address, want.peer.tls_name, host) catch continue;
            }
            return null;
        }

        fn nextAddress(cluster: *Cluster, want: *Wanted, findings: *Findings) ?Net.Address {
            while (want.address_next == want.address_count) {
                const unreachable_hosts = &findings.unreachable_hosts;
                // The last of this host's addresses has failed.
                if (want.address_count > 0) unreachable_hosts.add(want.host.name, want.host.port);
                want.host = (want.hosts.next() catch null) orelse return null;
                want.address_count = 0;
                want.address_next = 0;
                const host = want.host;
                if (unreachable_hosts.contains(host.name, host.port)) continue;
                const now_ns = cluster.context.tend_net.now();
                if (cluster.tending.silence.covers(host.name, host.port, now_ns)) continue;
                const found = cluster.context.resolve(
                    host.name,
                    host.port,
                    untilNs(cluster, findings),
                    &want.addresses,
                ) catch {
                    unreachable_hosts.add(host.name, host.port);
                    continue;
                };
                want.address_count = found.len;
            }
            defer want.address_next += 1;
            return want.addresses[want.address_next];
        }

        fn settle(cluster: *Cluster, attempt: *Attempt, want: *Wanted) void {
            if (!attempt.isAdmitted()) return;
            if (!std.mem.eql(u8, attempt.candidate.name(), want.peer.name)) return;
            if (cluster.table.findActive(want.peer.name)) |known| {
                // It is in the list twice.
                if (known.node.failures.load(.monotonic) == 0) {
                    want.is_admitted = true;
                    return;
                }
            }
            var candidate = attempt.take() catch return;
            const tended = cluster.tending.install(cluster, &candidate) catch return;
            tended.friends += 1;
            want.is_admitted = true;
        }
    };
}
