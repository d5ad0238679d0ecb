//! Asking nodes info commands, and telling what is known of the cluster without asking.

const std = @import("std");
const cluster = @import("../../cluster.zig");
const procedure_module = @import("../procedure.zig");
const request = @import("../record/request.zig");
const wire = @import("../../wire.zig");
const Error = procedure_module.Error;
const Kind = procedure_module.Kind;
const Step = procedure_module.Step;
const msgpack = wire.msgpack;

pub const Info = struct {
    kind: Kind,
    command: []const u8 = "status",
    /// Null: all.
    node: ?[]const u8 = null,
    is_asked: bool = false,

    /// [command, node or nil], the same with a namespace that has to be there, [command] or [].
    pub fn parse(info: *Info, procedure: anytype, reader: *msgpack.Reader) Error!void {
        const failure = procedure.failure;
        switch (info.kind) {
            .info, .info_any => {
                info.command = try request.expectString(reader, "the command", failure);
            },
            else => return,
        }
        if (info.kind == .info_any) return;
        switch (reader.next() catch return request.malformed(failure)) {
            .nil => {},
            .string => |name| info.node = name,
            else => |token| return request.invalid(
                failure,
                "the node must be a name or nil, not {t}",
                .{token},
            ),
        }
        if (reader.isAtEnd()) return;
        try procedure.workIn(.{ .namespace = try procedure.takeNamespace(reader) });
    }

    pub fn next(info: *Info, procedure: anytype) Error!Step {
        switch (info.kind) {
            .nodes => {
                try writeNodes(procedure);
                return .done;
            },
            .statistics => {
                try writeStatistics(procedure);
                return .done;
            },
            else => {},
        }
        if (!info.is_asked) {
            info.is_asked = true;
            return .{ .ask = .{ .whom = info.whom(), .is_repeatable = true } };
        }
        if (info.kind != .ping) try writeRows(procedure);
        return .done;
    }

    fn whom(info: *const Info) Step.Whom {
        if (info.kind != .info) return .any;
        return if (info.node) |name| .{ .named = name } else .all;
    }

    pub fn write(info: *Info, procedure: anytype, question: anytype) Error!void {
        try procedure.writeInfo(question, info.command);
    }

    pub fn take(_: *Info, procedure: anytype, question: anytype, frame: anytype) !TakeResult {
        return procedure.takeInfo(question, frame);
    }
};

const TakeResult = @import("../../engine.zig").FrameResult;

/// Appends [[node, status, response]]. A node that failed is a row of its own; the command has failed
/// if all have.
fn writeRows(procedure: anytype) Error!void {
    const out = procedure.out;
    try msgpack.writeArrayHeader(out, @intCast(procedure.questions.len));
    procedure.told = for (procedure.questions) |*question| {
        if (procedure.answered(question) == .ok) break .ok;
    } else procedure.answered(&procedure.questions[0]);
    for (procedure.questions) |*question| {
        if (question.failure.status == .interrupted) {
            procedure.failure.* = question.failure;
            return error.Failed;
        }
        const response = if (question.isAnswered())
            question.text.written()
        else
            question.failure.message();
        try msgpack.writeArrayHeader(out, 3);
        try msgpack.writeString(out, question.node.name());
        try msgpack.writeInt(out, @backingInt(question.failure.status));
        try msgpack.writeString(out, response);
    }
}

/// MessagePack's array with a length of four bytes.
const array32 = 0xdd;

/// Rows are counted afterwards: nodes come and go while they are listed.
fn beginRows(out: *wire.Buffer) Error!usize {
    const header = out.end;
    try out.append(&.{ array32, 0, 0, 0, 0 });
    return header;
}

fn writeNodes(procedure: anytype) Error!void {
    const out = procedure.out;
    const header = try beginRows(out);
    var count: u32 = 0;
    var nodes = procedure.owner.nodes();
    while (nodes.next()) |node| : (count += 1) {
        var memory: [64]u8 = undefined;
        const address = std.fmt.bufPrint(&memory, "{f}", .{node.address()}) catch unreachable;
        try msgpack.writeArrayHeader(out, 3);
        try msgpack.writeString(out, node.name());
        try msgpack.writeString(out, address);
        try writeRacks(procedure, node);
    }
    out.patch(u32, header + 1, count);
}

/// MessagePack's map with a length of two bytes.
const map16 = 0xde;

/// Appends {namespace: rack}, of those that are known, which are counted afterwards, too.
fn writeRacks(procedure: anytype, node: anytype) Error!void {
    const out = procedure.out;
    const header = out.end;
    try out.append(&.{ map16, 0, 0 });
    var count: u16 = 0;
    for (&node.rack_ids, 0..) |*rack, index| {
        const rack_id = rack.load(.monotonic);
        if (rack_id == @TypeOf(node.*).rack_none) continue;
        const namespace = procedure.owner.map.at(index) orelse break;
        count += 1;
        try msgpack.writeString(out, namespace.name());
        try msgpack.writeInt(out, rack_id);
    }
    out.patch(u16, header + 1, count);
}

/// Also of nodes that have left: what was counted of them stays true.
fn writeStatistics(procedure: anytype) Error!void {
    const out = procedure.out;
    try msgpack.writeArrayHeader(out, 3);
    const bounds = &cluster.statistics.Sizes.bounds;
    try msgpack.writeArrayHeader(out, bounds.len);
    for (bounds) |bound| try msgpack.writeUint(out, bound);
    const header = try beginRows(out);
    var count: u32 = 0;
    var nodes = procedure.owner.table.all();
    while (nodes.next()) |node| : (count += 1) {
        try msgpack.writeArrayHeader(out, 5);
        try msgpack.writeString(out, node.name());
        try msgpack.writeBool(out, node.isActive());
        try msgpack.writeUint(out, node.openCount());
        try msgpack.writeUint(out, node.inUseCount());
        try node.statistics.write(node.pool.trafficNow(), out);
    }
    out.patch(u32, header + 1, count);
    const context = &procedure.owner.context;
    if (context.options.tls == null) return msgpack.writeNil(out);
    try context.tls_counters.write(out);
}
