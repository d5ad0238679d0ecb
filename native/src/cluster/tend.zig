//! One look at the state of the whole cluster, to keep up with it.
//!
//! Every node says whether its list of peers, its partitions or its racks have changed. When any
//! list has, or any node did not answer, all lists are read: nodes that are new in them join,
//! nodes that nobody lists and that do not answer (or own nothing) leave. Then changed partitions
//! and racks are read. When no node is left the seeds are tried. Besides, pools are trimmed,
//! breakers turned and late replies drained. By one thread at a time.

const std = @import("std");
const log = &@import("../log.zig").process;
const About = @import("../log.zig").About;
const statistics = @import("statistics.zig");
const assert = std.debug.assert;
const exchange = @import("exchange.zig");
const milliseconds = @import("context.zig").milliseconds;
const node_module = @import("node.zig");
const partition_map = @import("partition_map.zig");
const wire = @import("../wire.zig");
const Failure = @import("../status.zig").Failure;
const Findings = @import("findings.zig").Findings;
const Refusals = @import("refusals.zig").Refusals;
const Silence = @import("silence.zig").Silence;

pub fn Tend(comptime Net: type) type {
    return struct {
        /// Reused from tend to tend.
        list: wire.Buffer = undefined,
        reply: wire.Buffer = undefined,
        /// When the last tend that counts as one of the interval began; requested ones between
        /// do no housekeeping.
        periodic_ns: ?u64 = null,
        periodic_count: u64 = 0,
        /// The announced peer that the next tend tries first, when there was no time for all.
        first_peer: usize = 0,
        silence: Silence = undefined,
        refusals: Refusals = undefined,

        const This = @This();
        const Cluster = @import("core.zig").Cluster(Net);
        const Node = Cluster.Node;
        const Tended = Cluster.Tended;
        const AskError = Tended.AskError;
        const Candidate = @import("admission.zig").Admission(Net).Candidate;
        const Peers = @import("peers.zig").Peers(Net);

        const trim_every_tends = 30;

        pub fn init(tending: *This, gpa: std.mem.Allocator) void {
            tending.* = .{
                .list = .growing(gpa, &.{}, exchange.reply_bytes_max),
                .reply = .growing(gpa, &.{}, exchange.reply_bytes_max),
                .silence = .{ .gpa = gpa },
                .refusals = .{ .gpa = gpa },
            };
        }

        pub fn deinit(tending: *This) void {
            tending.list.deinit();
            tending.reply.deinit();
            tending.silence.deinit();
            tending.refusals.deinit();
        }

        /// Fails when no node is known and no seed helps, or when it is interrupted.
        pub fn run(tending: *This, cluster: *Cluster, failure: *Failure) error{Failed}!void {
            var findings: Findings = .init(cluster.context.gpa);
            defer findings.deinit();
            cluster.context.interrupted = false;
            cluster.context.lacking = false;
            tending.refusals.worst = .{};
            errdefer if (cluster.context.interrupted) failure.set(.interrupted, "interrupted", .{});
            var iterator = cluster.table.tended(.active);
            while (iterator.next()) |tended| {
                tended.friends = 0;
                tended.partitions_changed = false;
                tended.racks_changed = false;
            }
            defer tending.keepHouse(cluster);
            if (cluster.nodeCount() == 0) {
                try tending.seed(cluster, &findings, failure);
            } else {
                try tending.refreshAll(cluster, &findings);
                if (findings.peers_changed) {
                    try tending.refreshPeers(cluster, &findings);
                    // Who could not be asked may know who is there.
                    if (!cluster.context.lacking) tending.removeLost(cluster, &findings);
                }
            }
            try tending.refreshMaps(cluster, &findings);
            cluster.seeds.remember(cluster.context.gpa, &cluster.table);
        }

        fn seed(
            tending: *This,
            cluster: *Cluster,
            findings: *Findings,
            failure: *Failure,
        ) error{Failed}!void {
            var candidate = try cluster.seeds.find(
                &cluster.context,
                findings,
                &tending.reply,
                failure,
            );
            _ = tending.install(cluster, &candidate) catch {
                failure.set(.out_of_memory, "out of memory", .{});
                return error.Failed;
            };
            try tending.refreshPeers(cluster, findings);
        }

        /// A node did not answer as it should, or was not asked.
        fn failed(cluster: *Cluster, tended: *Tended, err: AskError) error{Failed}!void {
            if (cluster.context.interrupted) return error.Failed;
            if (err == error.Failed and tended.node.isActive()) tended.countFailure();
        }

        /// Makes an admitted candidate an active node. Takes the candidate over, also on error.
        pub fn install(
            tending: *This,
            cluster: *Cluster,
            candidate: *Candidate,
        ) error{ OutOfMemory, TooManyNodes }!*Tended {
            const context = &cluster.context;
            errdefer candidate.deinit(context);
            const tended = try cluster.table.findOrAdd(
                context,
                &cluster.map,
                candidate.name(),
                candidate.target,
            );
            // The same node at another address.
            if (tended.node.isActive()) remove(cluster, tended);
            tended.activate(
                candidate.target,
                candidate.login_target,
                candidate.version,
                candidate.socket,
                candidate.session,
            );
            _ = cluster.statistics.nodes_added.fetchAdd(1, .monotonic);
            const name = candidate.name();
            tending.refusals.forget(name);
            log.write(.info, .node_joined, .{ .node = name }, "node {s} at {f} joined", .{
                name, candidate.target.address,
            });
            if (tended.socket) |*socket| tended.node.tellTls(context.tend_net, socket);
            return tended;
        }

        /// One that was announced, or is known, cannot be used.
        pub fn noteRefusal(tending: *This, name: []const u8, failure: *const Failure) void {
            if (!tending.refusals.note(name, failure)) return;
            const about: About = .{ .node = name, .code = @backingInt(failure.status) };
            const text = "node {s} cannot be used: {s}";
            log.write(.warn, .node_refused, about, text, .{ name, failure.message() });
        }

        fn remove(cluster: *Cluster, tended: *Tended) void {
            tended.deactivate();
            _ = cluster.statistics.nodes_removed.fetchAdd(1, .monotonic);
            const name = tended.node.name();
            log.write(.info, .node_left, .{ .node = name }, "node {s} left", .{name});
        }

        fn refreshAll(tending: *This, cluster: *Cluster, findings: *Findings) error{Failed}!void {
            var iterator = cluster.table.tended(.active);
            while (iterator.next()) |tended| {
                const node = tended.node;
                const began_ns = cluster.context.tend_net.now();
                tending.refresh(cluster, tended, findings) catch |err| {
                    try failed(cluster, tended, err);
                    findings.peers_changed = true;
                    continue;
                };
                findings.answered += 1;
                const took_ns = cluster.context.tend_net.now() - began_ns;
                statistics.add(&node.statistics.tends, 1);
                statistics.add(&node.statistics.tend_ns, took_ns);
                tellSlowness(cluster, tended, took_ns);
                if (node.failures.load(.monotonic) == 0) continue;
                // Whatever it said before the failure may be out of date.
                node.failures.store(0, .monotonic);
                tending.refusals.forget(node.name());
                tended.partitions_changed = true;
                tended.racks_changed = true;
                findings.peers_changed = true;
            }
        }

        // Each of these says once that something has begun, and once that it has ended.

        fn tellSlowness(cluster: *Cluster, tended: *Tended, took_ns: u64) void {
            const interval_ms = cluster.context.options.tend_interval_ms;
            const is_slow = took_ns > @as(u64, interval_ms) * std.time.ns_per_ms;
            if (is_slow == tended.told.is_slow) return;
            tended.told.is_slow = is_slow;
            const took_ms = took_ns / std.time.ns_per_ms;
            const name = tended.node.name();
            const about: About = .{ .node = name, .duration_ms = took_ms };
            if (is_slow) {
                const text = "node {s} took {d} ms to say how it is, longer than the tend interval";
                log.write(.warn, .node_slow, about, text, .{ name, took_ms });
            } else {
                const text = "node {s} says how it is in {d} ms again";
                log.write(.info, .node_prompt, about, text, .{ name, took_ms });
            }
        }

        /// At the end of a breaker's window.
        fn tellRest(tended: *Tended) void {
            const rests = !tended.node.breakerAllows();
            if (rests == tended.told.rests) return;
            tended.told.rests = rests;
            const name = tended.node.name();
            const about: About = .{ .node = name };
            if (rests) {
                const text = "node {s} has made too many errors; commands for it fail at once";
                log.write(.warn, .node_rests, about, text, .{name});
            } else {
                log.write(.info, .node_ready, about, "node {s} makes few errors again", .{name});
            }
        }

        /// So many retries between two looks are a storm.
        const storm_retries_min = 100;

        fn tellStorm(tended: *Tended) void {
            const retries = tended.node.statistics.retries.load(.monotonic);
            const fresh = retries - tended.retries_seen;
            tended.retries_seen = retries;
            const storms = fresh >= storm_retries_min;
            if (storms == tended.told.storms) return;
            tended.told.storms = storms;
            const name = tended.node.name();
            const about: About = .{ .node = name, .count = fresh };
            if (storms) {
                const text = "node {s}: {d} retries in a tend interval";
                log.write(.warn, .retries_many, about, text, .{ name, fresh });
            } else {
                log.write(.info, .retries_few, about, "node {s} has few retries again", .{name});
            }
        }

        fn refresh(
            tending: *This,
            cluster: *Cluster,
            tended: *Tended,
            findings: *Findings,
        ) AskError!void {
            var failure: Failure = .{};
            var names: [Tended.names_max][]const u8 = undefined;
            var count: usize = 3;
            names[0..3].* = .{ "node", "peers-generation", "partition-generation" };
            if (cluster.context.options.rack_aware) {
                names[count] = "rebalance-generation";
                count += 1;
            }
            const body = tended.ask(names[0..count], &tending.reply, &failure) catch |err| {
                tending.noteRefusal(tended.node.name(), &failure);
                return err;
            };
            refreshFrom(cluster, tended, findings, body) catch {
                tended.closeSocket();
                return error.Failed;
            };
        }

        fn refreshFrom(
            cluster: *Cluster,
            tended: *Tended,
            findings: *Findings,
            body: []const u8,
        ) error{Malformed}!void {
            const find = wire.info.Lines.find;
            const name = find(body, "node") orelse return error.Malformed;
            if (name.len == 0 or wire.info.failure(name) != null) return error.Malformed;
            if (!std.mem.eql(u8, name, tended.node.name())) {
                // Another server has this address now; its own name will be found as a peer.
                remove(cluster, tended);
                findings.peers_changed = true;
                return error.Malformed;
            }
            const peers_text = find(body, "peers-generation") orelse return error.Malformed;
            const peers_generation = try wire.info.parseGeneration(peers_text);
            if (peers_generation != tended.peers_generation_told) {
                // It went back: the server was restarted between two tends.
                if (peers_generation < tended.peers_generation_told) tended.node.renew();
                tended.peers_generation_told = peers_generation;
                cluster.tending.silence.clear();
            }
            if (peers_generation != tended.peers_generation) findings.peers_changed = true;
            const partitions_text = find(body, "partition-generation") orelse
                return error.Malformed;
            const partition_generation = try wire.info.parseGeneration(partitions_text);
            const is_known = partition_generation == tended.partition_generation;
            if (!is_known) tended.partitions_changed = true;
            if (!cluster.context.options.rack_aware) return;
            const racks_text = find(body, "rebalance-generation") orelse return error.Malformed;
            const rebalance_generation = try wire.info.parseGeneration(racks_text);
            if (rebalance_generation != tended.rebalance_generation) tended.racks_changed = true;
        }

        /// Reads the peers of all nodes that answer, then of those that have joined thereby, until
        /// no more do.
        fn refreshPeers(tending: *This, cluster: *Cluster, findings: *Findings) error{Failed}!void {
            findings.answered = 0;
            var seen: partition_map.SlotSet = .empty;
            var found = true;
            while (found) {
                found = false;
                var iterator = cluster.table.tended(.active);
                while (iterator.next()) |tended| {
                    const slot = tended.node.slot;
                    if (seen.isSet(slot)) continue;
                    seen.set(slot);
                    if (tended.node.failures.load(.monotonic) > 0) continue;
                    found = true;
                    Peers.refresh(
                        cluster,
                        tended,
                        findings,
                        &tending.list,
                    ) catch |err| try failed(cluster, tended, err);
                    if (cluster.context.interrupted) return error.Failed;
                }
            }
        }

        fn removeLost(tending: *This, cluster: *Cluster, findings: *const Findings) void {
            _ = tending;
            var iterator = cluster.table.tended(.active);
            while (iterator.next()) |tended| {
                const failures = tended.node.failures.load(.monotonic);
                if (findings.answered == 0) {
                    // Perhaps it is our own network: nobody is given up too soon.
                    if (failures >= node_module.failures_max) remove(cluster, tended);
                    continue;
                }
                if (tended.friends > 0 or cluster.nodeCount() == 1) continue;
                const owns_nothing = !cluster.map.references(tended.node.slot);
                if (failures > 0 or owns_nothing) remove(cluster, tended);
            }
        }

        fn refreshMaps(
            tending: *This,
            cluster: *Cluster,
            findings: *const Findings,
        ) error{Failed}!void {
            var iterator = cluster.table.tended(.active);
            while (iterator.next()) |tended| {
                if (tended.node.failures.load(.monotonic) > 0) continue;
                // A node that has lost sight of its cluster believes that it owns everything.
                const trusted = tended.peers_count > 0 or findings.answered == 1;
                if (tended.partitions_changed and trusted) {
                    tending.refreshPartitions(cluster, tended) catch |err|
                        try failed(cluster, tended, err);
                }
                if (!tended.racks_changed or !cluster.context.options.rack_aware) continue;
                tending.refreshRacks(cluster, tended) catch |err|
                    try failed(cluster, tended, err);
            }
        }

        fn refreshPartitions(
            tending: *This,
            cluster: *Cluster,
            tended: *Tended,
        ) AskError!void {
            var failure: Failure = .{};
            const names = [_][]const u8{ "partition-generation", "replicas" };
            const body = try tended.ask(&names, &tending.reply, &failure);
            var replaced: partition_map.SlotSet = .empty;
            const generation = applyPartitions(cluster, tended.node, body, &replaced);
            // Who has lost partitions may have news of its own.
            var slots = replaced.iterator(.{});
            while (slots.next()) |slot| {
                cluster.table.tendedAt(@intCast(slot)).?.partition_generation = -1;
            }
            tended.partition_generation = generation catch return error.Failed;
        }

        fn applyPartitions(
            cluster: *Cluster,
            node: *Node,
            body: []const u8,
            replaced: *partition_map.SlotSet,
        ) !i64 {
            const find = wire.info.Lines.find;
            const generation_text = find(body, "partition-generation") orelse
                return error.Malformed;
            const generation = try wire.info.parseGeneration(generation_text);
            const text = find(body, "replicas") orelse return error.Malformed;
            if (wire.info.failure(text) != null) return error.Malformed;
            var replicas = wire.info.Replicas.init(text);
            while (try replicas.next()) |entry| {
                const namespace = try cluster.map.findOrAdd(
                    cluster.context.gpa,
                    entry.namespace,
                    entry.regime,
                    entry.count,
                );
                var bitmaps = entry.bitmaps;
                var bitmap: partition_map.Bitmap = undefined;
                var index: u8 = 0;
                while (try bitmaps.next(&bitmap)) : (index += 1) {
                    if (index == namespace.replicaCount()) break;
                    namespace.claim(node.slot, index, entry.regime, &bitmap, replaced);
                }
            }
            return generation;
        }

        fn refreshRacks(
            tending: *This,
            cluster: *Cluster,
            tended: *Tended,
        ) AskError!void {
            var failure: Failure = .{};
            const names = [_][]const u8{ "rebalance-generation", "rack-ids" };
            const body = try tended.ask(&names, &tending.reply, &failure);
            applyRacks(cluster, tended, body) catch return error.Failed;
        }

        fn applyRacks(
            cluster: *Cluster,
            tended: *Tended,
            body: []const u8,
        ) error{Malformed}!void {
            const find = wire.info.Lines.find;
            const generation_text = find(body, "rebalance-generation") orelse
                return error.Malformed;
            const generation = try wire.info.parseGeneration(generation_text);
            const text = find(body, "rack-ids") orelse return error.Malformed;
            // A server without racks refuses the question; its node is on none then.
            const known = if (wire.info.failure(text) == null) text else "";
            var racks = wire.info.RackIds.init(known);
            var complete = true;
            while (try racks.next()) |entry| {
                const namespace = cluster.map.find(entry.namespace) orelse {
                    // Nobody has told of its partitions yet.
                    complete = false;
                    continue;
                };
                tended.node.rack_ids[namespace.index].store(entry.rack_id, .monotonic);
            }
            tended.rebalance_generation = if (complete) generation else -1;
        }

        fn keepHouse(tending: *This, cluster: *Cluster) void {
            if (cluster.context.interrupted) return;
            const now_ns = cluster.context.tend_net.now();
            var draining = cluster.table.tended(.active);
            while (draining.next()) |tended| tended.drainRecovering();

            const interval_ns = milliseconds(cluster.context.options.tend_interval_ms);
            if (tending.periodic_ns) |periodic_ns| {
                // A thread's intervals are never exact.
                if (now_ns -| periodic_ns < interval_ns - interval_ns / 10) return;
            }
            tending.periodic_ns = now_ns;
            tending.periodic_count += 1;
            const count = tending.periodic_count;
            const window = cluster.context.options.error_rate_window_tends;
            var iterator = cluster.table.tended(.active);
            while (iterator.next()) |tended| {
                if (count % window == 0) {
                    tellRest(tended);
                    tended.node.breaker.turn();
                }
                tellStorm(tended);
                if (count % trim_every_tends == 0) tended.trim();
                if (tended.node.failures.load(.monotonic) == 0) tended.fill();
            }
        }
    };
}
