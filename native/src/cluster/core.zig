//! The cluster: its nodes, its partition map, and the thread that keeps both true.
//!
//! Commands of any thread look up namespaces, route partitions to nodes and iterate nodes, all
//! without locks. `tend` is one look, to keep up with the servers (see tend.zig); it is called
//! by `connect`, then by the tend thread, or by a simulator, never by two threads at a time.
//! Everything is freed by `destroy`, when no command is inside any more.

const std = @import("std");
const assert = std.debug.assert;
const io = @import("../io.zig");
const wire = @import("../wire.zig");
const auth = @import("auth.zig");
const exchange = @import("exchange.zig");
const node_module = @import("node.zig");
const partition_map = @import("partition_map.zig");
const replica = @import("replica.zig");
const Context = @import("context.zig").Context;
const Failure = @import("../status.zig").Failure;
const Namespace = partition_map.Namespace;
const NodeTable = @import("node_table.zig").NodeTable;
const log = &@import("../log.zig").process;
const Options = @import("options.zig").Options;
const Peers = @import("peers.zig").Peers;
const Refusals = @import("refusals.zig").Refusals;
const Seeds = @import("seeds.zig").Seeds;
const Tend = @import("tend.zig").Tend;
const tls = @import("../tls.zig");

pub fn Cluster(comptime Net: type) type {
    return struct {
        /// Keeps the options' memory.
        arena: std.heap.ArenaAllocator,
        context: Context(Net),
        table: NodeTable(Net) = .{},
        map: partition_map.PartitionMap = .{},
        seeds: Seeds(Net) = .{},
        tending: Tend(Net) = .{},
        /// Of the files with certificates and keys. Only for whoever tends.
        tls_watch: tls.Watch = .{},
        statistics: Statistics = .{},
        /// The log has been told. Only for whoever tends.
        is_unreachable: bool = false,
        /// Where the next random choice begins.
        rotation: std.atomic.Value(u32) = .init(0),
        /// Somebody is inside `tend`.
        tend_running: std.atomic.Value(bool) = .init(false),
        thread: ?io.thread.Thread = null,
        thread_stop: std.atomic.Value(bool) = .init(false),
        /// The tend thread's own network, which heeds `thread_stop`.
        thread_net: Net = undefined,

        const This = @This();
        pub const Node = node_module.Node(Net);
        pub const Tended = @import("tended.zig").Tended(Net);
        pub const Connection = Node.Connection;
        pub const NodeIterator = NodeTable(Net).Iterator;

        /// Requested tends keep at least this distance.
        const tend_gap_ns_min = 100 * std.time.ns_per_ms;

        /// Written by whoever tends, read by whoever shows them.
        pub const Statistics = struct {
            tends: std.atomic.Value(u64) = .init(0),
            tends_failed: std.atomic.Value(u64) = .init(0),
            nodes_added: std.atomic.Value(u64) = .init(0),
            nodes_removed: std.atomic.Value(u64) = .init(0),
        };

        /// Where a command is on its way over the copies of its partition.
        pub const Route = struct {
            /// As `replica.effective` says.
            policy: replica.ReplicaPolicy,
            /// Raised by the caller, wrapping, when an attempt failed and the next copy is to be
            /// tried; moved by `route` over nodes that are inactive, and, for `any` and `random`,
            /// from 0 to another copy with every first attempt.
            replica_index: u8 = 0,
            /// The node of the last attempt.
            previous: ?*Node = null,
        };

        /// Copies the options. Nothing is connected yet.
        pub fn create(
            gpa: std.mem.Allocator,
            net: *Net,
            options: Options,
            failure: *Failure,
        ) error{Failed}!*This {
            try options.check(failure);
            const cluster = createChecked(gpa, net, &options) catch {
                failure.set(.out_of_memory, "out of memory", .{});
                return error.Failed;
            };
            errdefer cluster.destroy();
            try cluster.loadTls(failure);
            return cluster;
        }

        fn createChecked(
            gpa: std.mem.Allocator,
            net: *Net,
            options: *const Options,
        ) error{OutOfMemory}!*This {
            var arena = std.heap.ArenaAllocator.init(gpa);
            errdefer arena.deinit();
            const copied = try options.copy(arena.allocator());
            const cluster = try gpa.create(This);
            cluster.* = .{
                .arena = arena,
                .context = .{
                    .gpa = gpa,
                    .net = net,
                    .tend_net = net,
                    .options = copied,
                    .credentials = .fromOptions(&copied),
                },
            };
            cluster.tending.init(gpa);
            return cluster;
        }

        /// Reads certificates and keys as they are now.
        fn loadTls(cluster: *This, failure: *Failure) error{Failed}!void {
            const context = &cluster.context;
            const options = &(context.options.tls orelse return);
            cluster.tls_watch.note(options);
            const made = try tls.Context.create(
                context.gpa,
                .client,
                options,
                &context.tls_counters,
                failure,
            );
            context.tls_guard.lock();
            defer context.tls_guard.unlock();
            if (context.tls_now) |old| old.release();
            context.tls_now = made;
        }

        /// After a change of the files new connections are made with what is in them; the others
        /// go on as they are. What will not do changes nothing.
        fn renewTls(cluster: *This) void {
            const context = &cluster.context;
            const options = &(context.options.tls orelse return);
            if (!cluster.tls_watch.hasChanged(options, context.tend_net.now())) return;
            var failure: Failure = .{};
            cluster.loadTls(&failure) catch {
                const text = "files of TLS have changed and cannot be used; what was read before " ++
                    "goes on: {s}";
                const code = @backingInt(failure.status);
                return log.write(.warn, .tls_files_unusable, .{ .code = code }, text, .{
                    failure.message(),
                });
            };
            const text = "files of TLS have changed: new connections use them";
            log.write(.info, .tls_files_changed, .{}, text, .{});
        }

        /// Finds the cluster by its seeds: afterwards nodes and partitions are known. Runs on
        /// the calling thread, which may interrupt it.
        pub fn connect(cluster: *This, failure: *Failure) error{Failed}!void {
            return cluster.connectOver(cluster.context.net, failure);
        }

        /// The same over a network of the calling thread's.
        pub fn connectOver(cluster: *This, net: *Net, failure: *Failure) error{Failed}!void {
            assert(cluster.thread == null);
            cluster.context.tend_net = net;
            defer cluster.context.tend_net = cluster.context.net;
            try cluster.tendOnce(failure);
            const count = cluster.table.activeCount();
            if (count > 0 and cluster.map.at(0) == null) {
                // Every command would be told that there is no such namespace.
                const text = "{f}: the node joined, and then did not say which partitions it has";
                failure.set(.connection, text, .{cluster.table.first().?.node.address()});
                return error.Failed;
            }
            if (count > 1) return;
            const only = if (count == 1) cluster.table.first().? else {
                failure.set(.connection, "no node of the cluster could be reached", .{});
                return error.Failed;
            };
            const peers_count = only.peers_count;
            if (peers_count == 0) return;
            // Going on with one of several nodes would fail most commands.
            const worst = &cluster.tending.refusals.worst;
            if (Refusals.isRefusal(worst)) {
                const text = "{f}: the node is there, but none of its {d} peers can be used: {s}";
                failure.set(worst.status, text, .{
                    only.node.address(), peers_count, worst.message(),
                });
                return error.Failed;
            }
            const text = "{f}: the node is there, but none of its {d} peers can be reached at " ++
                "the addresses that it announces (see use_services_alternate and ip_map)";
            failure.set(.connection, text, .{ only.node.address(), peers_count });
            return error.Failed;
        }

        /// Keeps the cluster up to date from now on.
        pub fn startTendThread(cluster: *This) error{SystemResources}!void {
            assert(cluster.thread == null);
            cluster.thread_stop.store(false, .monotonic);
            cluster.thread_net = cluster.context.net.stoppable(&cluster.thread_stop);
            cluster.context.tend_net = &cluster.thread_net;
            errdefer cluster.context.tend_net = cluster.context.net;
            cluster.thread = try io.thread.spawn("aerospike-tend", tendThread, .{cluster});
        }

        /// Returns when the thread has ended, which cuts its waits short.
        pub fn stopTendThread(cluster: *This) void {
            const thread = cluster.thread orelse return;
            cluster.thread_stop.store(true, .release);
            cluster.context.requestTend();
            thread.join();
            cluster.thread = null;
            cluster.context.tend_net = cluster.context.net;
        }

        fn tendThread(cluster: *This) void {
            const net = cluster.context.tend_net;
            const interval_ns = @as(u64, cluster.context.options.tend_interval_ms) *
                std.time.ns_per_ms;
            var started_ns = net.now();
            while (true) {
                // The first tend is an interval away: `connect` has just made one.
                const elapsed_ns = net.now() -| started_ns;
                const requested = cluster.context.tend_requested.wait(interval_ns -| elapsed_ns);
                if (cluster.thread_stop.load(.acquire)) return;
                if (requested) {
                    const gap_ns = tend_gap_ns_min -| (net.now() -| started_ns);
                    net.sleep(gap_ns) catch return;
                }
                started_ns = net.now();
                cluster.renewTls();
                cluster.tend();
            }
        }

        /// One tend. Not by two threads at a time.
        pub fn tend(cluster: *This) void {
            var failure: Failure = .{};
            // A tend that failed leaves everything as it was; the next one tries again.
            cluster.tendOnce(&failure) catch return cluster.tellUnreachable(&failure);
            if (!cluster.is_unreachable) return;
            cluster.is_unreachable = false;
            log.write(.info, .cluster_reachable, .{}, "the cluster can be reached again", .{});
        }

        /// Once, until it is over.
        fn tellUnreachable(cluster: *This, failure: *const Failure) void {
            if (cluster.is_unreachable or cluster.context.interrupted) return;
            if (cluster.nodeCount() > 0) return;
            cluster.is_unreachable = true;
            const code = @backingInt(failure.status);
            const text = "the cluster cannot be reached: {s}";
            log.write(.err, .cluster_unreachable, .{ .code = code }, text, .{failure.message()});
        }

        fn tendOnce(cluster: *This, failure: *Failure) error{Failed}!void {
            const was_running = cluster.tend_running.swap(true, .acquire);
            assert(!was_running);
            defer cluster.tend_running.store(false, .release);
            _ = cluster.statistics.tends.fetchAdd(1, .monotonic);
            errdefer _ = cluster.statistics.tends_failed.fetchAdd(1, .monotonic);
            try cluster.tending.run(cluster, failure);
        }

        /// Any thread: something has failed, look at the cluster soon.
        pub fn requestTend(cluster: *This) void {
            cluster.context.requestTend();
        }

        pub const Holder = Context(Net).Holder;

        /// Says who else holds connections; null for nobody any more.
        pub fn setHolder(cluster: *This, holder: ?*const Holder) void {
            cluster.context.holder.store(holder, .release);
        }

        /// Stops the thread and closes every connection that is not lent; those are closed when
        /// they come back. Idempotent.
        pub fn close(cluster: *This) void {
            cluster.stopTendThread();
            var iterator = cluster.table.tended(.active);
            while (iterator.next()) |tended| tended.deactivate();
        }

        /// Closes, and frees. Nobody may be inside a command, or hold a connection.
        pub fn destroy(cluster: *This) void {
            cluster.close();
            cluster.table.deinit();
            cluster.map.deinit(cluster.context.gpa);
            cluster.tending.deinit();
            cluster.seeds.known.deinit(cluster.context.gpa);
            if (cluster.context.tls_now) |held| held.release();
            cluster.context.options.wipe();
            if (cluster.context.credentials) |*held| std.crypto.secureZero(u8, &held.hash);
            var arena = cluster.arena;
            cluster.context.gpa.destroy(cluster);
            arena.deinit();
        }

        /// In the child of a fork, where only the calling thread exists: gives up what belongs
        /// to the parent without disturbing it. The cluster is as closed afterwards, and can
        /// only be destroyed.
        pub fn afterFork(cluster: *This) void {
            cluster.thread = null;
            cluster.tend_running.store(false, .monotonic);
            cluster.context.tend_requested.reset();
            cluster.context.credentials_guard.reset();
            // It stays behind: another thread of the parent may have been in it.
            cluster.context.tls_guard.reset();
            cluster.context.tls_now = null;
            cluster.context.tend_net = cluster.context.net;
            var iterator = cluster.table.tended(.all);
            while (iterator.next()) |tended| tended.afterFork();
        }

        /// Some node answers.
        pub fn isConnected(cluster: *const This) bool {
            var iterator = cluster.table.active();
            while (iterator.next()) |node| {
                if (node.failures.load(.monotonic) < node_module.failures_max) return true;
            }
            return false;
        }

        /// What nodes are logged in to with; null when no user logs in.
        pub fn credentials(cluster: *This) ?auth.Credentials {
            return cluster.context.credentialsNow();
        }

        /// The user's own password was changed: later logins take the new one.
        pub fn setPasswordHash(cluster: *This, hash: *const auth.Hash) void {
            cluster.context.setPasswordHash(hash);
        }

        /// Null when no node has told of such a namespace.
        pub fn namespace(cluster: *const This, name: []const u8) ?*Namespace {
            return cluster.map.find(name);
        }

        /// The node to ask for a partition, or null when no copy is on an active node.
        pub fn route(
            cluster: *This,
            routed: *const Namespace,
            partition_id: u16,
            way: *Route,
        ) ?*Node {
            var buffer: [replica.replicas_max]replica.Slot = undefined;
            const owners = routed.owners(partition_id, &buffer);
            const is_first = way.previous == null and way.replica_index == 0;
            if (is_first and replica.isSpread(way.policy)) {
                way.replica_index = @truncate(cluster.rotation.fetchAdd(1, .monotonic));
            }
            const choice = replica.select(
                way.policy,
                owners,
                way.replica_index,
                if (way.previous) |node| node.slot else replica.none,
                cluster.context.options.rack_ids,
                RouteContext{ .cluster = cluster, .namespace_index = routed.index },
            ) orelse return null;
            way.replica_index = choice.index;
            return cluster.table.at(choice.slot);
        }

        /// Null for a slot that never had a node.
        pub fn nodeAt(cluster: *const This, slot: replica.Slot) ?*Node {
            return if (slot == replica.none) null else cluster.table.at(slot);
        }

        const RouteContext = struct {
            cluster: *const This,
            namespace_index: u8,

            pub fn isActive(asked: RouteContext, slot: replica.Slot) bool {
                const node = asked.cluster.table.at(slot) orelse return false;
                return node.isActive();
            }

            pub fn hasRack(asked: RouteContext, slot: replica.Slot, rack_id: i32) bool {
                const node = asked.cluster.table.at(slot) orelse return false;
                return node.hasRack(asked.namespace_index, rack_id);
            }
        };

        /// The active nodes.
        pub fn nodes(cluster: *const This) NodeIterator {
            return cluster.table.active();
        }

        pub fn nodeCount(cluster: *const This) u32 {
            return cluster.table.activeCount();
        }

        pub fn nodeByName(cluster: *const This, name: []const u8) ?*Node {
            const found = cluster.table.findActive(name) orelse return null;
            return found.node;
        }

        /// Another one with every call, as far as there are several.
        pub fn randomNode(cluster: *This) ?*Node {
            const len = cluster.table.len.load(.acquire);
            if (len == 0) return null;
            const start = cluster.rotation.fetchAdd(1, .monotonic);
            for (0..len) |step| {
                const node = cluster.table.at((start +% @as(u32, @intCast(step))) % len).?;
                if (node.isActive()) return node;
            }
            return null;
        }
    };
}
