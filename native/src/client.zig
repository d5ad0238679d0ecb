//! What a client is: a configuration, the cluster that it is connected to, and the commands.
//!
//! Any thread may run commands. `connect`, `close` and `afterFork` exclude one another; `close`
//! refuses new commands, cuts waits short, and frees the cluster when the last command has left.

const std = @import("std");
const assert = std.debug.assert;
const cluster = @import("cluster.zig");
const command = @import("command.zig");
const config = @import("config.zig");
const engine_module = @import("engine.zig");
const io = @import("io.zig");
const wire = @import("wire.zig");
const Queries = @import("queries.zig").Queries;
const Table = @import("result.zig").Table;
const Failure = @import("status.zig").Failure;
const msgpack = wire.msgpack;

const Cluster = cluster.Cluster(io.Net);
const Policy = command.Policy;
pub const Engine = engine_module.Engine(io.Net, engine_module.Poller);

/// Not a command: queries have functions of their own, and this number for their policy.
const query_number = 30;

/// Commands about the cluster; the numbers are those of the C ABI, as are those of
/// `command.Command`.
const ClusterCommand = enum(i32) {
    info = 64,
    info_any = 65,
    nodes = 66,
    ping = 67,
    statistics = 68,
};

pub const Client = struct {
    gpa: std.mem.Allocator,
    arena: std.heap.ArenaAllocator,
    options: cluster.Options,
    net: io.Net,
    /// Ends the waits of commands that are inside while the client is closed.
    stop: std.atomic.Value(bool) = .init(false),
    lifecycle: io.sync.Mutex = .{},
    /// Non-null while connected; only changed with no command inside.
    cluster: ?*Cluster = null,
    gate: Gate = .{},
    /// Made when it is first asked for, and kept: its descriptor may be watched while the client
    /// is not connected. Its thread runs while the client is.
    engine: ?*Engine = null,
    queries: Queries = .{},

    pub fn create(
        gpa: std.mem.Allocator,
        config_bytes: []const u8,
        failure: *Failure,
    ) error{Failed}!*Client {
        const client = gpa.create(Client) catch return outOfMemory(failure);
        client.* = .{
            .gpa = gpa,
            .arena = .init(gpa),
            .options = .{ .hosts = &.{} },
            .net = .init(),
        };
        errdefer {
            client.arena.deinit();
            gpa.destroy(client);
        }
        const arena = client.arena.allocator();
        const bytes = arena.dupe(u8, config_bytes) catch return outOfMemory(failure);
        client.options = try config.parse(arena, bytes, failure);
        client.options.hashPassword(bytes);
        return client;
    }

    pub fn destroy(client: *Client) void {
        client.close();
        client.queries.orphan();
        if (client.engine) |engine| {
            engine.deinit();
            client.gpa.destroy(engine);
        }
        client.arena.deinit();
        client.gpa.destroy(client);
    }

    pub fn connect(client: *Client, failure: *Failure) error{Failed}!void {
        client.lifecycle.lock();
        defer client.lifecycle.unlock();
        if (client.cluster != null) return;
        client.net.interrupt = interrupt_check.load(.monotonic);
        client.net.stop = &client.stop;
        client.stop.store(false, .release);
        const owner = try Cluster.create(client.gpa, &client.net, client.options, failure);
        errdefer owner.destroy();
        try owner.connect(failure);
        owner.startTendThread() catch return noThread(failure);
        errdefer owner.close();
        if (client.engine) |engine| try startEngine(engine, owner, failure);
        client.cluster = owner;
        client.gate.open();
    }

    /// Prepares the client for `submit`. From then on the engine's thread runs whenever the
    /// client is connected.
    pub fn useEngine(client: *Client, failure: *Failure) error{Failed}!*Engine {
        client.lifecycle.lock();
        defer client.lifecycle.unlock();
        if (client.engine) |engine| return engine;
        const engine = client.gpa.create(Engine) catch return outOfMemory(failure);
        errdefer client.gpa.destroy(engine);
        engine.* = Engine.init(client.gpa, &client.net, client.options.idle_timeout_ms) catch
            return noThread(failure);
        errdefer engine.deinit();
        if (client.cluster) |owner| try startEngine(engine, owner, failure);
        client.engine = engine;
        return engine;
    }

    fn startEngine(engine: *Engine, owner: *Cluster, failure: *Failure) error{Failed}!void {
        engine.start() catch return noThread(failure);
        owner.setHolder(&engine.holder);
    }

    fn noThread(failure: *Failure) error{Failed} {
        failure.set(.client, "no thread could be started, or no descriptor opened", .{});
        return error.Failed;
    }

    pub fn isConnected(client: *Client) bool {
        const owner = client.enter() orelse return false;
        defer client.gate.leave();
        return owner.isConnected();
    }

    /// Idempotent. Returns when no command is inside any more.
    pub fn close(client: *Client) void {
        client.lifecycle.lock();
        defer client.lifecycle.unlock();
        const owner = client.cluster orelse return;
        client.gate.shut();
        client.stop.store(true, .release);
        client.gate.waitUntilEmpty();
        // From here on nobody wakes the engine's loop but the engine itself: what gives connections
        // back are commands, the tend thread and queries, and those are over.
        owner.setHolder(null);
        owner.stopTendThread();
        client.queries.release();
        if (client.engine) |engine| engine.stop();
        client.cluster = null;
        owner.destroy();
    }

    /// In the child of a fork: the other threads are gone, whatever they held.
    pub fn afterFork(client: *Client) void {
        client.lifecycle.reset();
        client.gate = .{};
        if (client.cluster) |owner| owner.setHolder(null);
        if (client.engine) |engine| {
            // Its memory stays behind: the thread that used it may have been anywhere.
            engine.afterFork();
            client.engine = null;
        }
        client.queries.afterFork();
        const owner = client.cluster orelse return;
        client.cluster = null;
        owner.afterFork();
        owner.destroy();
    }

    /// Runs one command; its result is appended to `out`. A null policy means the defaults.
    pub fn execute(
        client: *Client,
        number: i32,
        request: []const u8,
        policy: ?*const Policy,
        out: *wire.Buffer,
        failure: *Failure,
    ) error{Failed}!void {
        const owner = client.enter() orelse return notConnected(failure);
        defer client.gate.leave();
        client.dispatch(owner, number, request, policy, out, failure) catch
            return client.cutShort(failure);
    }

    /// Runs a batch that asks the same of every record; the records become rows of the table.
    pub fn executeTable(
        client: *Client,
        request: []const u8,
        policy: ?*const Policy,
        table: *Table,
        failure: *Failure,
    ) error{Failed}!void {
        const owner = client.enter() orelse return notConnected(failure);
        defer client.gate.leave();
        table.start();
        var none: wire.Buffer = .fixed(&.{});
        command.Batch(io.Net).execute(
            owner,
            &client.net,
            client.gpa,
            .uniform,
            request,
            policy orelse &read_defaults,
            table,
            &none,
            failure,
        ) catch return client.cutShort(failure);
    }

    /// Says why a wait was cut short, if it was not by a signal.
    pub fn cutShort(client: *const Client, failure: *Failure) error{Failed} {
        if (failure.status == .interrupted and client.gate.isShut()) {
            failure.set(.client_abort, "the client was closed during the command", .{});
        }
        return error.Failed;
    }

    pub fn notConnected(failure: *Failure) error{Failed} {
        failure.set(.not_connected, "the client is not connected", .{});
        return error.Failed;
    }

    /// Hands a command on records to the engine; it is answered under its token.
    pub fn submit(
        client: *Client,
        token: u64,
        number: i32,
        request: []const u8,
        policy: ?*const Policy,
        failure: *Failure,
    ) error{Failed}!void {
        const owner = client.enter() orelse return notConnected(failure);
        defer client.gate.leave();
        const engine = client.engine orelse return noEngine(failure);
        if (std.enums.fromInt(command.Command, number)) |single| {
            const defaults = if (single.hasWriteDefaults()) &write_defaults else &read_defaults;
            const chosen = policy orelse defaults;
            return engine.submit(owner, token, single, request, chosen, failure);
        }
        const kind = std.enums.fromInt(command.batch.Kind, number) orelse {
            failure.set(.invalid_argument, "command {d} cannot be submitted", .{number});
            return error.Failed;
        };
        const chosen = policy orelse &read_defaults;
        return engine.submitBatch(owner, token, kind, request, chosen, null, failure);
    }

    /// Hands what `executeTable` does to the engine; the table stays until it is answered.
    pub fn submitTable(
        client: *Client,
        token: u64,
        request: []const u8,
        policy: ?*const Policy,
        table: *Table,
        failure: *Failure,
    ) error{Failed}!void {
        const owner = client.enter() orelse return notConnected(failure);
        defer client.gate.leave();
        const engine = client.engine orelse return noEngine(failure);
        table.start();
        const chosen = policy orelse &read_defaults;
        return engine.submitBatch(owner, token, .uniform, request, chosen, table, failure);
    }

    fn noEngine(failure: *Failure) error{Failed} {
        failure.set(.client, "asz_client_wake_fd comes before the first submit", .{});
        return error.Failed;
    }

    fn dispatch(
        client: *Client,
        owner: *Cluster,
        number: i32,
        request: []const u8,
        policy: ?*const Policy,
        out: *wire.Buffer,
        failure: *Failure,
    ) error{Failed}!void {
        if (std.enums.fromInt(command.Command, number)) |single| {
            const defaults = if (single.hasWriteDefaults()) &write_defaults else &read_defaults;
            return command.Single(io.Net).execute(
                owner,
                &client.net,
                client.gpa,
                single,
                request,
                policy orelse defaults,
                out,
                failure,
            );
        }
        if (std.enums.fromInt(command.batch.Kind, number)) |kind| {
            return command.Batch(io.Net).execute(
                owner,
                &client.net,
                client.gpa,
                kind,
                request,
                policy orelse &read_defaults,
                null,
                out,
                failure,
            );
        }
        if (std.enums.fromInt(command.administration.Kind, number)) |kind| {
            const task: command.Administration(io.Net) = .{
                .net = &client.net,
                .gpa = client.gpa,
                .owner = owner,
                .policy = policy orelse administrationDefaults(kind),
                .out = out,
                .failure = failure,
            };
            return task.execute(kind, request);
        }
        const asked = std.enums.fromInt(ClusterCommand, number) orelse {
            failure.set(.invalid_argument, "unknown command {d}", .{number});
            return error.Failed;
        };
        var reader: msgpack.Reader = .{ .bytes = request };
        const inquiry: Inquiry = .{
            .client = client,
            .owner = owner,
            .policy = policy orelse &info_defaults,
            .out = out,
            .failure = failure,
        };
        inquiry.run(asked, &reader) catch |err| switch (err) {
            error.Failed => return error.Failed,
            error.OutOfMemory, error.NoSpaceLeft => return outOfMemory(failure),
        };
    }

    /// The cluster, which stays until `leave`; null when the client is not connected.
    pub fn enter(client: *Client) ?*Cluster {
        if (!client.gate.enter()) return null;
        return client.cluster.?;
    }

    pub fn leave(client: *Client) void {
        client.gate.leave();
    }
};

const read_defaults: Policy = .{};
const write_defaults: Policy = .writeDefault();
pub const query_defaults: Policy = .{ .total_timeout_ms = 0, .retries_max = 5 };
const info_defaults: Policy = .{ .total_timeout_ms = 5_000, .socket_timeout_ms = 5_000 };

/// A background query writes records; all else asks about the cluster.
fn administrationDefaults(kind: command.administration.Kind) *const Policy {
    return if (kind == .query_background) &write_defaults else &info_defaults;
}

/// The defaults of a command by its number; unknown ones have those of a read.
pub fn defaultPolicy(number: i32) Policy {
    if (std.enums.fromInt(command.Command, number)) |single| {
        return if (single.hasWriteDefaults()) write_defaults else read_defaults;
    }
    if (std.enums.fromInt(ClusterCommand, number) != null) return info_defaults;
    if (std.enums.fromInt(command.administration.Kind, number)) |kind| {
        return administrationDefaults(kind).*;
    }
    if (number == query_number) return query_defaults;
    return read_defaults;
}

/// Set once by the binding, for all clients that connect afterwards.
pub var interrupt_check: std.atomic.Value(?*const fn () callconv(.c) c_int) = .init(null);

/// Counts the commands that are inside, and keeps new ones out once it is shut.
const Gate = struct {
    /// The highest bit: shut. The rest: commands inside.
    state: std.atomic.Value(u32) = .init(shut_bit),
    emptied: io.sync.Event = .{},

    const shut_bit = 1 << 31;

    fn open(gate: *Gate) void {
        assert(gate.state.load(.monotonic) == shut_bit);
        gate.emptied.reset();
        gate.state.store(0, .release);
    }

    fn enter(gate: *Gate) bool {
        const before = gate.state.fetchAdd(1, .acquire);
        if (before & shut_bit == 0) return true;
        gate.leave();
        return false;
    }

    fn leave(gate: *Gate) void {
        if (gate.state.fetchSub(1, .acq_rel) == shut_bit + 1) gate.emptied.set();
    }

    fn isShut(gate: *const Gate) bool {
        return gate.state.load(.monotonic) & shut_bit != 0;
    }

    fn shut(gate: *Gate) void {
        _ = gate.state.fetchOr(shut_bit, .acq_rel);
    }

    fn waitUntilEmpty(gate: *Gate) void {
        while (gate.state.load(.acquire) != shut_bit) {
            _ = gate.emptied.wait(std.time.ns_per_s);
        }
    }
};

/// Carries out the commands about the cluster.
const Inquiry = struct {
    client: *Client,
    owner: *Cluster,
    policy: *const Policy,
    out: *wire.Buffer,
    failure: *Failure,

    const Error = error{Failed} || wire.Buffer.Error;
    const Node = Cluster.Node;

    fn run(inquiry: *const Inquiry, asked: ClusterCommand, reader: *msgpack.Reader) Error!void {
        const failure = inquiry.failure;
        const count = try command.request.expectArray(reader, "the request must be an array", failure);
        const expected: u32 = switch (asked) {
            .info => 2,
            .info_any => 1,
            .nodes, .ping, .statistics => 0,
        };
        if (count != expected) return command.request.invalid(
            failure,
            "the request of {t} must have {d} members, not {d}",
            .{ asked, expected, count },
        );
        switch (asked) {
            .info => try inquiry.info(reader),
            .info_any => {
                const text = try command.request.expectString(reader, "the command", failure);
                try msgpack.writeArrayHeader(inquiry.out, 1);
                try inquiry.askRow(try inquiry.anyNode(), text, .fail);
            },
            .nodes => try inquiry.nodes(),
            .ping => try inquiry.ping(),
            .statistics => try inquiry.statistics(),
        }
    }

    fn info(inquiry: *const Inquiry, reader: *msgpack.Reader) Error!void {
        const failure = inquiry.failure;
        const text = try command.request.expectString(reader, "the command", failure);
        const token = reader.next() catch return command.request.malformed(failure);
        switch (token) {
            .nil => try inquiry.infoAll(text),
            .string => |name| {
                const node = inquiry.owner.nodeByName(name) orelse {
                    failure.set(.invalid_node, "the cluster has no node '{s}'", .{
                        name[0..@min(name.len, 64)],
                    });
                    return error.Failed;
                };
                try msgpack.writeArrayHeader(inquiry.out, 1);
                try inquiry.askRow(node, text, .fail);
            },
            else => return command.request.invalid(
                failure,
                "the node must be a name or nil, not {t}",
                .{token},
            ),
        }
    }

    fn infoAll(inquiry: *const Inquiry, text: []const u8) Error!void {
        const header = try inquiry.beginRows();
        var count: u32 = 0;
        var iterator = inquiry.owner.nodes();
        while (iterator.next()) |node| : (count += 1) try inquiry.askRow(node, text, .report);
        if (count == 0) return inquiry.noNode();
        inquiry.endRows(header, count);
    }

    /// Rows are counted afterwards: nodes come and go while they are listed.
    fn beginRows(inquiry: *const Inquiry) Error!usize {
        const header = inquiry.out.end;
        try inquiry.out.append(&.{ array32, 0, 0, 0, 0 });
        return header;
    }

    fn endRows(inquiry: *const Inquiry, header: usize, count: u32) void {
        inquiry.out.patch(u32, header + 1, count);
    }

    /// MessagePack's array with a length of four bytes.
    const array32 = 0xdd;

    /// Appends [node, status, response]. A node that fails is a row of its own, unless it was the
    /// only one asked.
    fn askRow(
        inquiry: *const Inquiry,
        node: *Node,
        text: []const u8,
        on_failure: enum { report, fail },
    ) Error!void {
        const gpa = inquiry.client.gpa;
        var answer = wire.Buffer.growing(gpa, &.{}, command.exchange.frame_bytes_max);
        defer answer.deinit();
        var status: i32 = 0;
        var response: []const u8 = undefined;
        if (command.Info(io.Net).ask(
            &inquiry.client.net,
            gpa,
            node,
            text,
            inquiry.policy,
            &answer,
            inquiry.failure,
        )) {
            response = answer.written();
        } else |_| {
            if (on_failure == .fail or inquiry.failure.status == .interrupted) return error.Failed;
            status = @backingInt(inquiry.failure.status);
            response = inquiry.failure.message();
        }
        try msgpack.writeArrayHeader(inquiry.out, 3);
        try msgpack.writeString(inquiry.out, node.name());
        try msgpack.writeInt(inquiry.out, status);
        try msgpack.writeString(inquiry.out, response);
    }

    fn nodes(inquiry: *const Inquiry) Error!void {
        const header = try inquiry.beginRows();
        var count: u32 = 0;
        var iterator = inquiry.owner.nodes();
        while (iterator.next()) |node| : (count += 1) {
            var memory: [64]u8 = undefined;
            const address = std.fmt.bufPrint(&memory, "{f}", .{node.address()}) catch unreachable;
            try msgpack.writeArrayHeader(inquiry.out, 2);
            try msgpack.writeString(inquiry.out, node.name());
            try msgpack.writeString(inquiry.out, address);
        }
        inquiry.endRows(header, count);
    }

    /// Also of nodes that have left: what was counted of them stays true.
    fn statistics(inquiry: *const Inquiry) Error!void {
        const out = inquiry.out;
        try msgpack.writeArrayHeader(out, 2);
        const bounds = &cluster.statistics.Sizes.bounds;
        try msgpack.writeArrayHeader(out, bounds.len);
        for (bounds) |bound| try msgpack.writeUint(out, bound);
        const header = try inquiry.beginRows();
        var count: u32 = 0;
        var iterator = inquiry.owner.table.all();
        while (iterator.next()) |node| : (count += 1) {
            try msgpack.writeArrayHeader(out, 5);
            try msgpack.writeString(out, node.name());
            try msgpack.writeBool(out, node.isActive());
            try msgpack.writeUint(out, node.openCount());
            try msgpack.writeUint(out, node.inUseCount());
            try node.statistics.write(node.pool.trafficNow(), out);
        }
        inquiry.endRows(header, count);
    }

    fn ping(inquiry: *const Inquiry) Error!void {
        const node = try inquiry.anyNode();
        var answer = wire.Buffer.growing(inquiry.client.gpa, &.{}, command.exchange.frame_bytes_max);
        defer answer.deinit();
        try command.Info(io.Net).ask(
            &inquiry.client.net,
            inquiry.client.gpa,
            node,
            "status",
            inquiry.policy,
            &answer,
            inquiry.failure,
        );
    }

    fn anyNode(inquiry: *const Inquiry) Error!*Node {
        return inquiry.owner.randomNode() orelse inquiry.noNode();
    }

    fn noNode(inquiry: *const Inquiry) error{Failed} {
        inquiry.failure.set(.invalid_node, "the cluster has no active node", .{});
        return error.Failed;
    }
};

fn outOfMemory(failure: *Failure) error{Failed} {
    failure.set(.out_of_memory, "out of memory", .{});
    return error.Failed;
}
