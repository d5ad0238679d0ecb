//! The development server in a process: a core, its ports and its threads.
//!
//! `start` returns when every port answers; `destroy` closes them, ends the threads and frees
//! everything. `control` carries out what a test wants of the cluster and returns when it has
//! taken effect. Any thread may call these but the server's own; `destroy` must be the last.

const std = @import("std");
const assert = std.debug.assert;
const wire = @import("../../wire.zig");
const os = @import("../../os.zig");
const Core = @import("../core/Core.zig");
const Scratch = @import("../core/Scratch.zig");
const Worker = @import("Worker.zig");
const control_module = @import("control.zig");
const options_module = @import("../base/options.zig");
const security = @import("../security/security.zig");
const socket = @import("socket.zig");
const tls = @import("../../tls.zig");
const Failure = @import("../../status.zig").Failure;
const Mutex = @import("../base/sync.zig").Mutex;

const Server = @This();

gpa: std.mem.Allocator,
core: *Core,
team: Worker.Team,
threads: []std.Thread,
/// Those of the core's lane, and behind them the one for background jobs.
helpers: []Helper,
port_numbers: [options_module.nodes_max]u16 = @splat(0),
control_mutex: Mutex = .{},
tls_counters: tls.Counters = .{},

const workers_max_default = 4;
/// Functions that run at once.
const lane_threads = 4;

/// A thread that serves no connections.
const Helper = struct {
    server: *Server,
    scratch: Scratch,
    thread: std.Thread = undefined,

    fn runLane(helper: *Helper) void {
        helper.server.core.lane.run(&helper.scratch);
    }

    fn runBackground(helper: *Helper) void {
        const core = helper.server.core;
        while (!helper.server.team.stopping.load(.acquire)) {
            const seen = core.background.changed.read();
            const now = core.clock(socket.unixMs());
            const wait_ms = core.background.run(&helper.scratch, now);
            if (wait_ms != 0) core.background.changed.wait(seen, wait_ms);
        }
    }
};

pub const StartError = Core.CreateError || socket.ListenError || error{
    ThreadFailed,
    NoRandomNumbers,
    /// What is given for TLS will not do.
    TlsFailed,
};

pub fn start(gpa: std.mem.Allocator, options: *const options_module.Options) StartError!*Server {
    var unheard: options_module.Problem = .{};
    return startOrSay(gpa, options, &unheard);
}

/// After an error `problem` has it in words, unless it is one of memory.
pub fn startOrSay(
    gpa: std.mem.Allocator,
    options: *const options_module.Options,
    problem: *options_module.Problem,
) StartError!*Server {
    var token_key: security.Key = undefined;
    os.randomBytes(&token_key) catch {
        problem.set("the system has no random numbers", .{});
        return error.NoRandomNumbers;
    };
    const host: Core.Host = .{ .unix_ms = socket.unixMs(), .token_key = token_key };
    const core = try Core.create(gpa, options, host);
    errdefer core.destroy();
    const server = try gpa.create(Server);
    errdefer gpa.destroy(server);
    const count = workerCount(options);
    const workers = try gpa.alloc(Worker, count);
    errdefer gpa.free(workers);
    const threads = try gpa.alloc(std.Thread, count);
    errdefer gpa.free(threads);
    const helpers = try gpa.alloc(Helper, lane_threads + 1);
    errdefer gpa.free(helpers);
    for (helpers) |*helper| helper.* = .{ .server = server, .scratch = .init(gpa) };
    server.* = .{
        .gpa = gpa,
        .core = core,
        .team = .{ .workers = workers },
        .threads = threads,
        .helpers = helpers,
    };
    var prepared: usize = 0;
    errdefer for (workers[0..prepared]) |*worker| worker.deinit();
    for (workers) |*worker| {
        worker.* = try Worker.init(gpa, core, &server.team);
        prepared += 1;
        try worker.listeners.ensureTotalCapacity(gpa, options.nodes);
    }
    if (options.tls) |*given| server.team.tls = try server.makeTls(given, problem);
    errdefer if (server.team.tls) |context| context.release();
    for (0..options.nodes) |index| try server.openPort(options, @intCast(index), problem);
    server.spawn() catch |err| {
        problem.set("there are no more threads", .{});
        return err;
    };
    return server;
}

fn makeTls(
    server: *Server,
    given: *const options_module.Tls,
    problem: *options_module.Problem,
) error{TlsFailed}!*tls.Context {
    var failure: Failure = .{};
    return tls.Context.create(server.gpa, .server, &.{
        .library = given.library,
        .cert = given.cert,
        .key = given.key,
        .ca = given.ca,
    }, &server.tls_counters, &failure) catch {
        problem.set("{s}", .{failure.message()});
        return error.TlsFailed;
    };
}

fn workerCount(options: *const options_module.Options) usize {
    if (options.workers != 0) return options.workers;
    const processors = std.Thread.getCpuCount() catch 1;
    return @min(processors, workers_max_default);
}

fn openPort(
    server: *Server,
    options: *const options_module.Options,
    node: u8,
    problem: *options_module.Problem,
) StartError!void {
    const wanted = if (options.port == 0) 0 else options.port + node;
    const listener = socket.listen(options.address, wanted) catch |err| {
        const text = switch (err) {
            error.AddressInUse => "is taken",
            error.AddressNotAvailable => "is not of an address of this machine",
            error.InvalidAddress => "is not of an IPv4 or IPv6 address",
            error.PermissionDenied => "may not be used",
            error.SystemResources => "could not be opened: the system lacks resources",
        };
        problem.set("port {d} of {s} {s}", .{ wanted, options.address, text });
        return err;
    };
    const workers = server.team.workers;
    workers[node % workers.len].addListener(.{
        .node = node,
        .port = listener.port,
        .fd = listener.fd,
    });
    server.port_numbers[node] = listener.port;
    server.core.setPort(node, listener.port);
}

fn spawn(server: *Server) error{ThreadFailed}!void {
    var workers: usize = 0;
    var helpers: usize = 0;
    errdefer server.stop(server.threads[0..workers], server.helpers[0..helpers]);
    for (server.team.workers, server.threads) |*worker, *thread| {
        thread.* = socket.spawn(Worker.run, .{worker}) catch return error.ThreadFailed;
        workers += 1;
    }
    for (server.helpers[0..lane_threads]) |*helper| {
        helper.thread = socket.spawn(Helper.runLane, .{helper}) catch return error.ThreadFailed;
        helpers += 1;
    }
    server.core.lane.is_manned.store(true, .release);
    const last = &server.helpers[lane_threads];
    last.thread = socket.spawn(Helper.runBackground, .{last}) catch return error.ThreadFailed;
}

fn stop(server: *Server, threads: []std.Thread, helpers: []Helper) void {
    server.team.stopping.store(true, .release);
    for (server.team.workers) |*worker| worker.poller.wake();
    for (threads) |thread| thread.join();
    // The workers push no more.
    server.core.lane.stop();
    server.core.background.changed.raise();
    for (helpers) |*helper| helper.thread.join();
}

pub fn destroy(server: *Server) void {
    const gpa = server.gpa;
    server.stop(server.threads, server.helpers);
    for (server.team.workers) |*worker| worker.deinit();
    if (server.team.tls) |context| context.release();
    for (server.helpers) |*helper| helper.scratch.deinit();
    gpa.free(server.helpers);
    gpa.free(server.team.workers);
    gpa.free(server.threads);
    server.core.destroy();
    server.* = undefined;
    gpa.destroy(server);
}

/// One for each node. A node that was killed has its own again when it is revived.
pub fn ports(server: *const Server) []const u16 {
    return server.port_numbers[0..server.core.nodeCount()];
}

/// One MessagePack map in, one out; see `control.zig`. Errors are told in the reply.
pub fn control(
    server: *Server,
    request: []const u8,
    reply: *wire.Buffer,
) wire.Buffer.Error!void {
    server.control_mutex.lock();
    defer server.control_mutex.unlock();
    const effect = try control_module.handle(server.core, request, reply);
    if (effect == .connections) {
        server.settle();
        if (server.failedNode()) |node| {
            reply.clear();
            try control_module.replyError(reply, "the port of node {d} is taken", .{node});
        }
    }
}

/// Returns when every worker has brought its ports and connections in line with the core.
fn settle(server: *Server) void {
    const workers = server.team.workers;
    const rounds = server.team.rounds.fetchAdd(1, .acq_rel) + 1;
    for (workers) |*worker| worker.poller.wake();
    server.team.reports.waitUntil(rounds * @as(u32, @intCast(workers.len)));
}

fn failedNode(server: *Server) ?u8 {
    for (server.team.workers) |*worker| {
        for (worker.listeners.items) |*listener| {
            if (listener.failed.swap(false, .acq_rel)) return listener.node;
        }
    }
    return null;
}
