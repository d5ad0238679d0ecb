//! What tests ask of a running cluster: nodes that die, faults, counters, time.
//!
//! A request is one MessagePack map with the key `command` and its arguments; the reply is a
//! map with `ok`, and `error` (a text) where that is false. `node` is an index; left out, it
//! means every node. Unknown commands and arguments are errors, never ignored.
//!
//!   kill {node, rebalance = true, lose_data = false}   revive {node, rebalance = true}
//!   rebalance {}                                       close_connections {node}
//!   fault {node, kind, count, scope, delay_ms | bytes | code}    clear_faults {node}
//!   hang {node, on = true}                             refuse {node, on = true}
//!   partition_unavailable {partition, on = true}       move {partition, node}
//!   set_regime {namespace, regime}                     set_time_offset {ms}
//!   wipe {namespace}                                   revoke_sessions {}
//!   end_sessions {user}                                set_rack {node, rack}
//!   answer_info {node, name, answer}                   announce_peers {count, address, port}
//!   counters {}                                        topology {}
//!
//! `fault` kinds and scopes are those of `faults.zig`; without `count` a fault stays until it is
//! cleared. `bytes` left out means the whole reply to `corrupt` and half of it to `truncate`;
//! `flood` takes `delay_ms` between its frames. An `answer` left out lets the server answer again,
//! and `clear_faults` takes back what `answer_info` and, for all nodes, `announce_peers` have put
//! in the server's mouth.

const std = @import("std");
const wire = @import("../../wire.zig");
const Core = @import("../core/Core.zig");
const faults = @import("../core/faults.zig");
const msgpack_struct = @import("../base/msgpack_struct.zig");
const options_module = @import("../base/options.zig");
const overrides = @import("../core/overrides.zig");
const store_module = @import("../store/store.zig");
const topology_module = @import("../core/topology.zig");

const Buffer = wire.Buffer;
const msgpack = wire.msgpack;

/// What the host has to do after a command.
pub const Effect = enum {
    nothing,
    /// Ports and connections are to be brought in line with the core.
    connections,
};

const Arguments = struct {
    command: []const u8 = "",
    namespace: ?[]const u8 = null,
    kind: ?[]const u8 = null,
    scope: []const u8 = "message",
    node: ?u8 = null,
    partition: ?u16 = null,
    count: ?u32 = null,
    delay_ms: ?u31 = null,
    bytes: ?u31 = null,
    code: ?u8 = null,
    regime: ?u32 = null,
    rack: ?i32 = null,
    user: ?[]const u8 = null,
    name: ?[]const u8 = null,
    answer: ?[]const u8 = null,
    address: ?[]const u8 = null,
    port: ?u16 = null,
    ms: ?i64 = null,
    on: bool = true,
    rebalance: bool = true,
    lose_data: bool = false,
};

const Call = struct {
    core: *Core,
    arguments: Arguments,
    reply: *Buffer,
    /// Why it is refused.
    problem: *std.Io.Writer,

    fn refused(call: *const Call, comptime format: []const u8, values: anytype) error{Refused} {
        call.problem.print(format, values) catch {};
        return error.Refused;
    }

    fn needs(call: *const Call, comptime argument: []const u8) error{Refused} {
        return call.refused("needs '" ++ argument ++ "'", .{});
    }

    /// The nodes that a command is about.
    fn nodes(call: *const Call) error{Refused}!struct { u8, u8 } {
        const node = call.arguments.node orelse return .{ 0, call.core.nodeCount() };
        const count = call.core.nodeCount();
        if (node >= count) {
            return call.refused("there are nodes 0 to {d}, and no node {d}", .{ count - 1, node });
        }
        return .{ node, node + 1 };
    }

    /// Whether a namespace is one that the command is about.
    fn concerns(call: *const Call, namespace: []const u8) bool {
        const name = call.arguments.namespace orelse return true;
        return std.mem.eql(u8, name, namespace);
    }

    fn noNamespace(call: *const Call) error{Refused} {
        const name = call.arguments.namespace orelse "";
        return call.refused("there is no namespace '{s}'", .{name[0..@min(name.len, 32)]});
    }

    fn setStrangers(call: *const Call, count: u16, address: []const u8, port: u16) void {
        const known = &call.core.topology;
        known.mutex.lock();
        defer known.mutex.unlock();
        // Nothing that is not new is announced.
        if (count == 0 and known.strangers.count == 0) return;
        known.setStrangers(count, address, port);
    }
};

const Error = Buffer.Error || error{Refused};

const commands = std.StaticStringMap(*const fn (*const Call) Error!Effect).initComptime(.{
    .{ "announce_peers", &announcePeers },
    .{ "answer_info", &answerInfo },
    .{ "clear_faults", &clearFaults },
    .{ "close_connections", &closeConnections },
    .{ "counters", &counters },
    .{ "end_sessions", &endSessions },
    .{ "fault", &fault },
    .{ "hang", &hang },
    .{ "kill", &kill },
    .{ "move", &move },
    .{ "partition_unavailable", &partitionUnavailable },
    .{ "rebalance", &rebalance },
    .{ "refuse", &refuse },
    .{ "revive", &revive },
    .{ "revoke_sessions", &revokeSessions },
    .{ "set_rack", &setRack },
    .{ "set_regime", &setRegime },
    .{ "set_time_offset", &setTimeOffset },
    .{ "topology", &topology },
    .{ "wipe", &wipe },
});

/// Carries out one request and appends its reply.
pub fn handle(core: *Core, request: []const u8, reply: *Buffer) Buffer.Error!Effect {
    var culprit: []const u8 = "";
    // No argument is an array, so nothing is allocated.
    var none: [0]u8 = .{};
    var fixed = std.heap.FixedBufferAllocator.init(&none);
    const arguments = msgpack_struct.decode(Arguments, fixed.allocator(), request, &culprit) catch {
        const text = "there is no argument '{s}', or its value is not of its type or range";
        try replyError(reply, text, .{culprit[0..@min(culprit.len, 100)]});
        return .nothing;
    };
    var memory: [160]u8 = undefined;
    var problem = std.Io.Writer.fixed(&memory);
    const call: Call = .{
        .core = core,
        .arguments = arguments,
        .reply = reply,
        .problem = &problem,
    };
    const name = call.arguments.command;
    const function = commands.get(name) orelse {
        try replyError(reply, "unknown command '{s}'", .{name[0..@min(name.len, 100)]});
        return .nothing;
    };
    const start = reply.end;
    return function(&call) catch |err| switch (err) {
        error.Refused => {
            reply.end = start;
            try replyError(reply, "{s}: {s}", .{ name, problem.buffered() });
            return .nothing;
        },
        error.OutOfMemory, error.NoSpaceLeft => |other| return other,
    };
}

pub fn replyError(
    reply: *Buffer,
    comptime format: []const u8,
    arguments: anytype,
) Buffer.Error!void {
    var memory: [256]u8 = undefined;
    var writer = std.Io.Writer.fixed(&memory);
    writer.print(format, arguments) catch {};
    try msgpack.writeMapHeader(reply, 2);
    try msgpack.writeString(reply, "ok");
    try msgpack.writeBool(reply, false);
    try msgpack.writeString(reply, "error");
    try msgpack.writeString(reply, writer.buffered());
}

fn replyOk(reply: *Buffer) Buffer.Error!void {
    try msgpack.writeMapHeader(reply, 1);
    try msgpack.writeString(reply, "ok");
    try msgpack.writeBool(reply, true);
}

fn kill(call: *const Call) Error!Effect {
    const first, const end = try call.nodes();
    const core = call.core;
    {
        core.topology.mutex.lock();
        defer core.topology.mutex.unlock();
        for (first..end) |node| {
            if (call.arguments.lose_data) loseData(core, @intCast(node));
            core.topology.setAlive(@intCast(node), false);
        }
        if (call.arguments.rebalance) core.rebalance();
    }
    for (first..end) |node| {
        core.jobs.forget(@intCast(node));
        core.closeConnections(@intCast(node));
    }
    try replyOk(call.reply);
    return .connections;
}

/// Removes the records whose master a node is, as if it had been the only copy.
fn loseData(core: *Core, node: u8) void {
    for (core.store.namespaces) |*namespace| {
        for (namespace.partitions, 0..) |*partition, id| {
            if (core.topology.owner(@intCast(id), 0) != node) continue;
            namespace.wipePartition(partition);
        }
    }
}

fn revive(call: *const Call) Error!Effect {
    const first, const end = try call.nodes();
    const core = call.core;
    core.topology.mutex.lock();
    defer core.topology.mutex.unlock();
    for (first..end) |node| core.topology.setAlive(@intCast(node), true);
    if (call.arguments.rebalance) core.rebalance();
    try replyOk(call.reply);
    return .connections;
}

fn rebalance(call: *const Call) Error!Effect {
    const core = call.core;
    core.topology.mutex.lock();
    defer core.topology.mutex.unlock();
    core.rebalance();
    try replyOk(call.reply);
    return .nothing;
}

fn closeConnections(call: *const Call) Error!Effect {
    const first, const end = try call.nodes();
    for (first..end) |node| call.core.closeConnections(@intCast(node));
    try replyOk(call.reply);
    return .connections;
}

fn fault(call: *const Call) Error!Effect {
    const first, const end = try call.nodes();
    const arguments = &call.arguments;
    const kind_name = arguments.kind orelse return call.needs("kind");
    const kind = std.meta.stringToEnum(faults.Kind, kind_name) orelse return call.refused(
        "there is no kind '{s}'; there are " ++ comptime namesOf(faults.Kind),
        .{kind_name[0..@min(kind_name.len, 32)]},
    );
    const scope_name = arguments.scope;
    const scope = std.meta.stringToEnum(faults.Scope, scope_name) orelse return call.refused(
        "there is no scope '{s}'; there are " ++ comptime namesOf(faults.Scope),
        .{scope_name[0..@min(scope_name.len, 32)]},
    );
    if (scope == .handshake and std.meta.stringToEnum(faults.HandshakeFault, kind_name) == null) {
        const text = "a handshake has no '{s}'; there are ";
        return call.refused(text ++ comptime namesOf(faults.HandshakeFault), .{kind_name});
    }
    const amount: u32 = switch (kind) {
        .delay, .flood => arguments.delay_ms orelse return call.needs("delay_ms"),
        .result_code => arguments.code orelse return call.needs("code"),
        .truncate => arguments.bytes orelse faults.half,
        .corrupt => arguments.bytes orelse 0,
        .drop, .close => 0,
    };
    if (kind == .result_code and amount == 0) {
        return call.refused("'code' must be from 1 to 255, not 0", .{});
    }
    for (first..end) |node| {
        call.core.nodes[node].faults.set(kind, .{
            .count = arguments.count orelse faults.count_forever,
            .scope = scope,
            .amount = amount,
        });
    }
    try replyOk(call.reply);
    return .nothing;
}

fn clearFaults(call: *const Call) Error!Effect {
    const first, const end = try call.nodes();
    for (first..end) |node| {
        call.core.nodes[node].faults.clear();
        call.core.overrides.clear(@intCast(node));
    }
    if (call.arguments.node == null) call.setStrangers(0, "", 0);
    try replyOk(call.reply);
    return .connections;
}

fn hang(call: *const Call) Error!Effect {
    const first, const end = try call.nodes();
    for (first..end) |node| {
        call.core.nodes[node].faults.hangs.store(call.arguments.on, .release);
    }
    try replyOk(call.reply);
    return .nothing;
}

fn refuse(call: *const Call) Error!Effect {
    const first, const end = try call.nodes();
    for (first..end) |node| {
        call.core.nodes[node].faults.refuses.store(call.arguments.on, .release);
    }
    try replyOk(call.reply);
    return .connections;
}

fn partitionOf(call: *const Call) error{Refused}!?u16 {
    const partition = call.arguments.partition orelse return null;
    if (partition >= store_module.partitions) {
        const last = store_module.partitions - 1;
        return call.refused("there are partitions 0 to {d}, and no {d}", .{ last, partition });
    }
    return partition;
}

fn namesOf(comptime Kind: type) []const u8 {
    var joined: []const u8 = "";
    for (std.meta.fieldNames(Kind), 0..) |name, index| {
        joined = joined ++ (if (index == 0) "" else ", ") ++ name;
    }
    return joined;
}

fn partitionUnavailable(call: *const Call) Error!Effect {
    const on = call.arguments.on;
    if (try partitionOf(call)) |partition| {
        call.core.unavailable[partition].store(on, .monotonic);
    } else {
        for (call.core.unavailable) |*flag| flag.store(on, .monotonic);
    }
    try replyOk(call.reply);
    return .nothing;
}

fn move(call: *const Call) Error!Effect {
    const partition = try partitionOf(call) orelse return call.needs("partition");
    const core = call.core;
    const node: u8 = if (call.arguments.node == null)
        topology_module.none
    else
        (try call.nodes())[0];
    core.topology.mutex.lock();
    defer core.topology.mutex.unlock();
    core.topology.move(partition, node);
    try replyOk(call.reply);
    return .nothing;
}

fn setRegime(call: *const Call) Error!Effect {
    const regime = call.arguments.regime orelse return call.needs("regime");
    const core = call.core;
    var matched = false;
    for (core.store.namespaces, core.regimes) |*namespace, *entry| {
        if (!call.concerns(namespace.options.name)) continue;
        matched = true;
        entry.store(regime, .monotonic);
    }
    if (!matched) return call.noNamespace();
    core.topology.mutex.lock();
    defer core.topology.mutex.unlock();
    core.topology.announce();
    try replyOk(call.reply);
    return .nothing;
}

fn setTimeOffset(call: *const Call) Error!Effect {
    const offset_ms = call.arguments.ms orelse return call.needs("ms");
    call.core.clock_offset_ms.store(offset_ms, .monotonic);
    try replyOk(call.reply);
    return .nothing;
}

fn wipe(call: *const Call) Error!Effect {
    var matched = false;
    for (call.core.store.namespaces) |*namespace| {
        if (!call.concerns(namespace.options.name)) continue;
        matched = true;
        for (namespace.partitions) |*partition| namespace.wipePartition(partition);
    }
    if (!matched) return call.noNamespace();
    try replyOk(call.reply);
    return .nothing;
}

fn revokeSessions(call: *const Call) Error!Effect {
    call.core.security.revoke();
    try replyOk(call.reply);
    return .nothing;
}

fn endSessions(call: *const Call) Error!Effect {
    if (!call.core.security.endSessions(call.arguments.user)) {
        const user = call.arguments.user orelse "";
        return call.refused("there is no user '{s}'", .{user[0..@min(user.len, 64)]});
    }
    try replyOk(call.reply);
    return .nothing;
}

fn setRack(call: *const Call) Error!Effect {
    const first, const end = try call.nodes();
    const rack = call.arguments.rack orelse return call.needs("rack");
    const racks: [topology_module.nodes_max]i32 = @splat(rack);
    const known = &call.core.topology;
    known.mutex.lock();
    defer known.mutex.unlock();
    known.setRacks(@intCast(first), racks[0 .. end - first]);
    try replyOk(call.reply);
    return .nothing;
}

fn answerInfo(call: *const Call) Error!Effect {
    const first, const end = try call.nodes();
    const name = call.arguments.name orelse return call.needs("name");
    if (name.len == 0 or name.len > overrides.name_bytes_max) {
        const text = "'name' must have 1 to {d} bytes, not {d}";
        return call.refused(text, .{ overrides.name_bytes_max, name.len });
    }
    const answer = call.arguments.answer;
    if (answer) |bytes| if (bytes.len > overrides.answer_bytes_max) {
        const text = "'answer' must have at most {d} bytes, not {d}";
        return call.refused(text, .{ overrides.answer_bytes_max, bytes.len });
    };
    for (first..end) |node| {
        call.core.overrides.set(@intCast(node), name, answer) catch |err| switch (err) {
            error.OutOfMemory => return error.OutOfMemory,
            error.TooMany => return call.refused("no more commands can be answered", .{}),
        };
    }
    try replyOk(call.reply);
    return .nothing;
}

fn announcePeers(call: *const Call) Error!Effect {
    const given = call.arguments.count orelse return call.needs("count");
    const count = std.math.cast(u16, given) orelse {
        return call.refused("'count' must be at most 65535, not {d}", .{given});
    };
    const address = call.arguments.address orelse "";
    const port = call.arguments.port orelse 0;
    if (address.len > options_module.address_bytes_max) {
        const text = "'address' must have at most {d} bytes, not {d}";
        return call.refused(text, .{ options_module.address_bytes_max, address.len });
    }
    if (count > 0 and (address.len == 0 or port == 0)) {
        return call.refused("peers need 'address' and 'port'", .{});
    }
    call.setStrangers(count, address, port);
    try replyOk(call.reply);
    return .nothing;
}

fn counters(call: *const Call) Error!Effect {
    const core = call.core;
    const reply = call.reply;
    try beginNodes(call);
    core.topology.mutex.lock();
    defer core.topology.mutex.unlock();
    const names = comptime std.enums.values(faults.Count);
    for (core.topology.nodes[0..core.nodeCount()], core.nodes[0..core.nodeCount()]) |*node, *own| {
        try msgpack.writeMapHeader(reply, 3 + names.len);
        try writeNode(reply, node);
        for (names) |name| {
            try msgpack.writeString(reply, @tagName(name));
            try msgpack.writeUint(reply, own.counters.get(name));
        }
    }
    return .nothing;
}

fn topology(call: *const Call) Error!Effect {
    const core = call.core;
    const reply = call.reply;
    try beginNodes(call);
    core.topology.mutex.lock();
    defer core.topology.mutex.unlock();
    for (core.topology.nodes[0..core.nodeCount()], 0..) |*node, index| {
        try msgpack.writeMapHeader(reply, 3 + 5);
        try writeNode(reply, node);
        try writeNumber(reply, "peers_generation", node.peers_generation);
        try writeNumber(reply, "partition_generation", node.partition_generation);
        try writeNumber(reply, "rebalance_generation", node.rebalance_generation);
        try msgpack.writeString(reply, "rack");
        try msgpack.writeInt(reply, node.rack);
        var mastered: u64 = 0;
        for (0..store_module.partitions) |partition| {
            mastered += @intFromBool(core.topology.owner(@intCast(partition), 0) == index);
        }
        try writeNumber(reply, "partitions_mastered", mastered);
    }
    return .nothing;
}

fn beginNodes(call: *const Call) Buffer.Error!void {
    try msgpack.writeMapHeader(call.reply, 2);
    try msgpack.writeString(call.reply, "ok");
    try msgpack.writeBool(call.reply, true);
    try msgpack.writeString(call.reply, "nodes");
    try msgpack.writeArrayHeader(call.reply, call.core.nodeCount());
}

/// Three pairs.
fn writeNode(reply: *Buffer, node: *const topology_module.Node) Buffer.Error!void {
    try msgpack.writeString(reply, "name");
    try msgpack.writeString(reply, node.name());
    try writeNumber(reply, "port", node.port);
    try msgpack.writeString(reply, "alive");
    try msgpack.writeBool(reply, node.alive);
}

fn writeNumber(reply: *Buffer, name: []const u8, number: u64) Buffer.Error!void {
    try msgpack.writeString(reply, name);
    try msgpack.writeUint(reply, number);
}
