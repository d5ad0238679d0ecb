//! The cluster over the real network, against a development server in this process: what only
//! threads, descriptors and processes can get wrong.

const std = @import("std");
const builtin = @import("builtin");
const cluster = @import("../cluster.zig");
const devserver = @import("../devserver.zig");
const io = @import("../io.zig");
const wire = @import("../wire.zig");
const exchange = @import("exchange.zig");
const node_module = @import("node.zig");
const os = @import("../os.zig");
const Failure = @import("../status.zig").Failure;

const Cluster = cluster.Cluster(io.Net);
const driving = @import("../sim.zig").Driving(io.Net, @import("../engine.zig").Poller);
const Node = Cluster.Node;
const ms = std.time.ns_per_ms;
const second = std.time.ns_per_s;
/// Freed by the threads of a process that has forked, too.
const gpa = std.heap.c_allocator;

const conns_max = 4;

const Fixture = struct {
    server: *devserver.Server,
    net: io.Net,
    cluster: *Cluster,

    fn init(fixture: *Fixture, nodes: u8) !void {
        const server = try devserver.Server.start(gpa, &.{ .nodes = nodes, .workers = 2 });
        errdefer server.destroy();
        fixture.* = .{ .server = server, .net = .init(), .cluster = undefined };
        fixture.cluster = try connect(&fixture.net, server.ports()[0]);
        errdefer fixture.cluster.destroy();
        try fixture.cluster.startTendThread();
    }

    fn deinit(fixture: *Fixture) void {
        fixture.cluster.destroy();
        fixture.server.destroy();
    }

    fn connect(net: *io.Net, port: u16) !*Cluster {
        var failure: Failure = .{};
        const hosts = [_]cluster.Host{.{ .name = "127.0.0.1", .port = port }};
        const created = try Cluster.create(gpa, net, .{
            .hosts = &hosts,
            .max_conns_per_node = conns_max,
            .connect_timeout_ms = 10_000,
        }, &failure);
        errdefer created.destroy();
        try created.connect(&failure);
        return created;
    }

    /// One of the development server's commands about one node.
    fn control(fixture: *Fixture, command: []const u8, node: u8, on: ?bool) !void {
        var memory: [128]u8 = undefined;
        var request = wire.Buffer.fixed(&memory);
        const members: u32 = if (on == null) 2 else 3;
        try wire.msgpack.writeMapHeader(&request, members);
        try wire.msgpack.writeString(&request, "command");
        try wire.msgpack.writeString(&request, command);
        try wire.msgpack.writeString(&request, "node");
        try wire.msgpack.writeInt(&request, node);
        if (on) |value| {
            try wire.msgpack.writeString(&request, "on");
            try wire.msgpack.writeBool(&request, value);
        }
        var reply = wire.Buffer.growing(gpa, &.{}, 65536);
        defer reply.deinit();
        try fixture.server.control(request.written(), &reply);
    }

    fn awaitNodeCount(fixture: *Fixture, count: u32) !void {
        const deadline_ns = fixture.net.now() + 20 * second;
        while (fixture.cluster.nodeCount() != count) {
            if (fixture.net.now() > deadline_ns) return error.TestTimeout;
            try fixture.net.sleep(5 * ms);
        }
    }
};

/// Asks a node for its name on a connection of its pool.
fn ask(net: *io.Net, node: *Node) !void {
    var failure: Failure = .{};
    const deadline_ns = net.now() + 5 * second;
    var connection = try driving.acquire(gpa, net, node, deadline_ns, &failure);
    var memory: [256]u8 = undefined;
    var reply = wire.Buffer.fixed(&memory);
    const body = exchange.info(
        gpa,
        net,
        &connection.socket,
        &.{"node"},
        deadline_ns,
        &reply,
    ) catch |err| {
        node.drop(connection);
        node.recordError();
        return err;
    };
    const right = std.mem.eql(u8, wire.info.Lines.find(body, "node") orelse "", node.name());
    node.push(connection);
    if (!right) return error.WrongNode;
}

const User = struct {
    fixture: *Fixture,
    stop: *std.atomic.Value(bool),
    has_succeeded: std.atomic.Value(bool) = .init(false),
    over_max: bool = false,
    wrong: bool = false,

    fn run(user: *User) void {
        while (!user.stop.load(.acquire)) {
            const node = user.fixture.cluster.randomNode() orelse continue;
            if (node.openCount() > conns_max) user.over_max = true;
            if (ask(&user.fixture.net, node)) {
                user.has_succeeded.store(true, .release);
            } else |err| {
                if (err == error.WrongNode) user.wrong = true;
            }
        }
    }
};

test "threads use the pools while a node dies and returns" {
    var fixture: Fixture = undefined;
    try fixture.init(3);
    defer fixture.deinit();
    var stop: std.atomic.Value(bool) = .init(false);
    var users: [4]User = undefined;
    var threads: [4]std.Thread = undefined;
    for (&users, &threads) |*user, *thread| {
        user.* = .{ .fixture = &fixture, .stop = &stop };
        thread.* = try std.Thread.spawn(.{}, User.run, .{user});
    }
    {
        defer {
            stop.store(true, .release);
            for (threads) |thread| thread.join();
        }
        // A busy machine takes its time before a thread has its turn.
        const deadline_ns = fixture.net.now() + 20 * second;
        for (&users) |*user| {
            while (!user.has_succeeded.load(.acquire)) {
                if (fixture.net.now() > deadline_ns) return error.TestTimeout;
                try fixture.net.sleep(ms);
            }
        }
        try fixture.control("kill", 1, null);
        try fixture.awaitNodeCount(2);
        try fixture.control("revive", 1, null);
        try fixture.awaitNodeCount(3);
    }
    for (users) |user| {
        try std.testing.expect(!user.over_max);
        try std.testing.expect(!user.wrong);
    }
    var iterator = fixture.cluster.nodes();
    while (iterator.next()) |node| try std.testing.expectEqual(0, node.inUseCount());
}

test "closing does not wait for a server that does not answer" {
    var fixture: Fixture = undefined;
    try fixture.init(1);
    defer fixture.deinit();
    try fixture.control("hang", 0, true);
    // The tend thread is inside a wait of ten seconds when this number has moved.
    const tends = fixture.cluster.statistics.tends.load(.monotonic);
    while (fixture.cluster.statistics.tends.load(.monotonic) == tends) {
        fixture.cluster.requestTend();
        try fixture.net.sleep(ms);
    }
    const before_ns = fixture.net.now();
    fixture.cluster.close();
    try std.testing.expect(fixture.net.now() - before_ns < 5 * second);
    try std.testing.expect(!fixture.cluster.isConnected());
    var failure: Failure = .{};
    const node = fixture.cluster.table.at(0).?;
    const refused = driving.acquire(gpa, &fixture.net, node, fixture.net.now() + second, &failure);
    try std.testing.expectError(error.Failed, refused);
    try std.testing.expectEqual(.invalid_node, failure.status);
}

/// Lets no descriptor be opened until it is ended.
const Scarcity = struct {
    before: std.posix.rlimit,

    fn begin() !Scarcity {
        const before = try std.posix.getrlimit(.NOFILE);
        // Those of a process's own input and output are always in use.
        try std.posix.setrlimit(.NOFILE, .{ .cur = 3, .max = before.max });
        return .{ .before = before };
    }

    fn end(scarcity: Scarcity) void {
        std.posix.setrlimit(.NOFILE, scarcity.before) catch unreachable;
    }
};

test "a lack of descriptors is told as such and counts against no node" {
    if (os.is_windows) return error.SkipZigTest;
    var fixture: Fixture = undefined;
    try fixture.init(2);
    defer fixture.deinit();
    const owner = fixture.cluster;
    // The tends are made here.
    owner.stopTendThread();
    var failure: Failure = .{};
    {
        const scarcity = try Scarcity.begin();
        defer scarcity.end();
        for (0..2 * node_module.failures_max) |_| {
            var nodes = owner.table.tended(.active);
            while (nodes.next()) |tended| {
                const acquired = driving.acquire(gpa, &fixture.net, tended.node, fixture.net.now() + second, &failure);
                try std.testing.expectError(error.Failed, acquired);
                try std.testing.expectEqual(.no_descriptor, failure.status);
                tended.closeSocket();
            }
            owner.tend();
        }
        var buffer: [4]io.Net.Address = undefined;
        const resolved = fixture.net.resolve("localhost", 1, fixture.net.now() + second, &buffer);
        try std.testing.expectError(error.SystemResources, resolved);
        const hosts = [_]cluster.Host{.{ .name = "127.0.0.1", .port = fixture.server.ports()[0] }};
        const other = try Cluster.create(gpa, &fixture.net, .{ .hosts = &hosts }, &failure);
        defer other.destroy();
        try std.testing.expectError(error.Failed, other.connect(&failure));
        try std.testing.expectEqual(.no_descriptor, failure.status);
    }
    try std.testing.expectEqual(2, owner.nodeCount());
    var nodes = owner.nodes();
    while (nodes.next()) |node| {
        try std.testing.expectEqual(0, node.failures.load(.monotonic));
        try std.testing.expectEqual(0, node.breaker.errors.load(.monotonic));
        try std.testing.expectEqual(0, node.statistics.errors.load(.monotonic));
        try ask(&fixture.net, node);
    }
}

test "a forked child leaves the parent's connections alone and makes its own" {
    // The sanitizer does not let a forked child start threads.
    if (builtin.sanitize_thread or builtin.os.tag == .windows) return error.SkipZigTest;
    var fixture: Fixture = undefined;
    try fixture.init(2);
    defer fixture.deinit();
    const node = fixture.cluster.randomNode().?;
    try ask(&fixture.net, node);
    const opened = node.statistics.opened.load(.monotonic);

    const child = std.c.fork();
    try std.testing.expect(child >= 0);
    if (child == 0) inChild(&fixture);
    var status: c_int = undefined;
    try std.testing.expectEqual(child, std.c.waitpid(child, &status, 0));
    try std.testing.expectEqual(0, status);

    try ask(&fixture.net, node);
    try std.testing.expectEqual(opened, node.statistics.opened.load(.monotonic));
}

fn inChild(fixture: *Fixture) noreturn {
    const port = fixture.server.ports()[0];
    fixture.cluster.afterFork();
    fixture.cluster.destroy();
    const own = Fixture.connect(&fixture.net, port) catch std.c._exit(1);
    own.startTendThread() catch std.c._exit(2);
    ask(&fixture.net, own.randomNode().?) catch std.c._exit(3);
    own.destroy();
    std.c._exit(0);
}
