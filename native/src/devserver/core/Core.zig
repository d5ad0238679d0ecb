//! The state of a development cluster: records, nodes, users, faults and counters.
//!
//! Without sockets, threads or a clock, so that a simulated network may host it as well as the
//! server's threads. The owner of the core makes `Session`s on it, one for each connection, and
//! ends them before the core. Any thread may call anything.

const std = @import("std");
const wire = @import("../../wire.zig");
const Lane = @import("Lane.zig");
const Version = @import("../base/Version.zig").Version;
const faults_module = @import("faults.zig");
const jobs_module = @import("jobs.zig");
const modules_module = @import("modules.zig");
const options_module = @import("../base/options.zig");
const overrides_module = @import("overrides.zig");
const record = @import("../data/record.zig");
const secondary_index = @import("../store/secondary_index.zig");
const security_module = @import("../security/security.zig");
const store_module = @import("../store/store.zig");
const topology_module = @import("topology.zig");
const work = @import("work.zig");

const Core = @This();

gpa: std.mem.Allocator,
arena: std.heap.ArenaAllocator,
cluster_name: []const u8,
/// To listen on.
address: []const u8,
/// What clients are told; if `advertised` is empty, the address that they have connected to. There
/// may be no alternate one.
advertised: []const u8,
alternate: []const u8,
logs_requests: bool,
/// The release that it answers as.
version: Version,
/// Takes deflated requests and deflates what it is asked to.
compresses: bool,
/// What connections may be; null: plain only.
tls: ?Tls,
store: store_module.Store,
topology: topology_module.Topology,
security: security_module.Security,
indexes: secondary_index.Catalog,
jobs: jobs_module.Registry,
modules: modules_module.Modules,
/// What is not finished; the host runs it.
background: work.Queue,
/// For what may take long.
lane: Lane = .{},
nodes: [options_module.nodes_max]Node = @splat(.{}),
/// One entry for each namespace of the store.
regimes: []std.atomic.Value(u32),
overrides: overrides_module.Overrides,
/// Commands on partitions that are marked answer that they are unavailable.
unavailable: []std.atomic.Value(bool),
/// Added to the host's clock.
clock_offset_ms: std.atomic.Value(i64) = .init(0),
/// When the cluster was made, by the cluster's clock.
started: record.Now,

pub const Tls = struct { name: []const u8, allows_plain: bool };

pub const Node = struct {
    faults: faults_module.Faults = .{},
    counters: faults_module.Counters = .{},
    /// Connections made under an earlier epoch are to be closed.
    epoch: std.atomic.Value(u32) = .init(0),
};

/// What the core has not itself.
pub const Host = struct {
    /// The host's clock.
    unix_ms: u64,
    /// Session tokens are made with it: whoever knows it can make them.
    token_key: security_module.Key,

    /// For tests and simulations, whose sessions protect nothing.
    pub fn known(unix_ms: u64) Host {
        return .{ .unix_ms = unix_ms, .token_key = @splat(0x5a) };
    }
};

/// Copies what it keeps of the options.
pub fn create(
    gpa: std.mem.Allocator,
    options: *const options_module.Options,
    host: Host,
) CreateError!*Core {
    var problem: options_module.Problem = .{};
    try options.validate(&problem);
    const core = try gpa.create(Core);
    errdefer gpa.destroy(core);
    var arena = std.heap.ArenaAllocator.init(gpa);
    errdefer arena.deinit();
    const regimes = try arena.allocator().alloc(std.atomic.Value(u32), options.namespaces.len);
    for (regimes, options.namespaces) |*regime, *namespace| {
        regime.* = .init(@intFromBool(namespace.strong_consistency));
    }
    const unavailable = try arena.allocator().alloc(
        std.atomic.Value(bool),
        store_module.partitions,
    );
    @memset(unavailable, .init(false));
    const cluster_name = try arena.allocator().dupe(u8, options.cluster_name);
    const address = try arena.allocator().dupe(u8, options.address);
    // All addresses of a machine are none that a client can connect to.
    const is_any = for ([_][]const u8{ "0.0.0.0", "::" }) |any| {
        if (std.mem.eql(u8, options.address, any)) break true;
    } else false;
    const own = if (is_any) "" else options.address;
    const told = if (options.advertised.len > 0) options.advertised else own;
    const advertised = try arena.allocator().dupe(u8, told);
    const alternate = try arena.allocator().dupe(u8, options.alternate);
    var store = try store_module.Store.init(gpa, options.namespaces);
    errdefer store.deinit();
    var topology = try topology_module.Topology.init(gpa, @intCast(options.nodes), options.seed);
    errdefer topology.deinit();
    if (options.racks.len > 0) topology.setRacks(0, options.racks);
    const security = try security_module.Security.init(gpa, options, host.token_key);
    core.* = .{
        .gpa = gpa,
        .arena = arena,
        .cluster_name = cluster_name,
        .address = address,
        .advertised = advertised,
        .alternate = alternate,
        .logs_requests = options.log_requests,
        // It was validated.
        .version = Version.named(options.server_version).?,
        .compresses = options.compression,
        .tls = if (options.tls) |*tls| .{
            .name = try arena.allocator().dupe(u8, tls.name),
            .allows_plain = tls.allows_plain,
        } else null,
        .overrides = .{ .gpa = gpa },
        .store = store,
        .topology = topology,
        .security = security,
        .indexes = .{ .gpa = gpa, .version = Version.named(options.server_version).? },
        .jobs = .{ .gpa = gpa },
        .modules = .{ .gpa = gpa },
        .background = .{ .gpa = gpa },
        .regimes = regimes,
        .unavailable = unavailable,
        .started = .{ .unix_ms = host.unix_ms },
    };
    return core;
}

pub const CreateError = error{ InvalidOptions, OutOfMemory };

pub fn destroy(core: *Core) void {
    const gpa = core.gpa;
    core.background.deinit();
    core.overrides.deinit();
    core.jobs.deinit();
    core.modules.deinit();
    core.indexes.deinit();
    core.security.deinit();
    core.topology.deinit();
    core.store.deinit();
    core.arena.deinit();
    core.* = undefined;
    gpa.destroy(core);
}

pub fn nodeCount(core: *const Core) u8 {
    return core.topology.count;
}

/// The port that clients are told for a node.
pub fn setPort(core: *Core, node: u8, port: u16) void {
    core.topology.mutex.lock();
    defer core.topology.mutex.unlock();
    core.topology.nodes[node].port = port;
}

/// Whether a node's port is open.
pub fn isListening(core: *Core, node: u8) bool {
    core.topology.mutex.lock();
    defer core.topology.mutex.unlock();
    return core.topology.nodes[node].alive and
        !core.nodes[node].faults.refuses.load(.acquire);
}

/// Re-forms the cluster from the living nodes. The topology's mutex is held.
pub fn rebalance(core: *Core) void {
    core.topology.rebalance();
    for (core.store.namespaces, core.regimes) |*namespace, *regime| {
        if (!namespace.options.strong_consistency) continue;
        _ = regime.fetchAdd(1, .monotonic);
    }
}

/// A connection is to be closed when this differs from what it was when it was made.
pub fn connectionEpoch(core: *const Core, node: u8) u32 {
    return core.nodes[node].epoch.load(.acquire);
}

pub fn closeConnections(core: *Core, node: u8) void {
    _ = core.nodes[node].epoch.fetchAdd(1, .acq_rel);
}

pub fn isUnavailable(core: *const Core, partition: u16) bool {
    return core.unavailable[partition].load(.monotonic);
}

pub fn unavailableCount(core: *const Core) usize {
    var count: usize = 0;
    for (core.unavailable) |*flag| count += @intFromBool(flag.load(.monotonic));
    return count;
}

pub fn uptimeS(core: *const Core, now: record.Now) u64 {
    return (now.unix_ms -| core.started.unix_ms) / 1000;
}

/// The cluster's clock, given the host's.
pub fn clock(core: *const Core, unix_ms: u64) record.Now {
    const offset_ms = core.clock_offset_ms.load(.monotonic);
    const shifted = @as(i128, unix_ms) + offset_ms;
    return .{ .unix_ms = @intCast(std.math.clamp(shifted, 0, std.math.maxInt(u63))) };
}
