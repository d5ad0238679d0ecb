//! Info commands: named questions in text, one line of answer each.
//!
//! `name[/argument…][:key=value;key=value…]` is looked up by name; unknown names answer as the
//! server's do, and so do those that only the Enterprise Edition has. Numbers that describe
//! machinery this server does not have are left out rather than invented. Each file here has a
//! list of its commands, of which the table is made.

const std = @import("std");
const wire = @import("../../wire.zig");
const Context = @import("../core/Context.zig");
const Question = @import("Question.zig");
const index = @import("index.zig");
const modules = @import("modules.zig");
const namespaces = @import("namespaces.zig");
const nodes = @import("nodes.zig");
const partitions = @import("partitions.zig");
const query = @import("query.zig");
const server = @import("server.zig");
const truncate = @import("truncate.zig");

const Buffer = wire.Buffer;

const all = server.commands ++ nodes.commands ++ partitions.commands ++ namespaces.commands ++
    truncate.commands ++ index.commands ++ modules.commands ++ query.commands;

const table = table: {
    @setEvalBranchQuota(20_000);
    var pairs: [all.len]struct { []const u8, Question.Command } = undefined;
    for (&pairs, all) |*pair, command| pair.* = .{ command.name, command };
    const names = pairs;
    break :table std.StaticStringMap(Question.Command).initComptime(names);
};

/// What a request without names is answered.
const summary = [_][]const u8{
    "features",   "node",            "compatibility-id", "edition",              "build", "version",
    "statistics", "services-alumni", "services",         "partition-generation",
};

/// Answers one frame of kind 1.
pub fn handle(context: *const Context, body: []const u8) Buffer.Error!void {
    const start = try wire.proto.begin(context.out);
    if (!context.isAuthenticated()) {
        try context.out.append("ERROR:80:not authenticated\n");
    } else if (body.len == 0) {
        for (summary) |name| try answerLine(context, name);
    } else {
        // A name counts from its line's end on; what follows the last one is ignored.
        var rest = body;
        while (std.mem.findScalar(u8, rest, '\n')) |end| : (rest = rest[end + 1 ..]) {
            try answerLine(context, rest[0..end]);
        }
    }
    wire.proto.end(context.out, start, .info);
}

fn answerLine(context: *const Context, line: []const u8) Buffer.Error!void {
    try context.out.append(line);
    try context.out.byte('\t');
    const separator = std.mem.findAny(u8, line, ":/;") orelse line.len;
    const question: Question = .{
        .context = context,
        .out = context.out,
        .parameters = line[@min(separator + 1, line.len)..],
    };
    const name = line[0..separator];
    if (try context.core.overrides.tell(context.node, name, context.out)) {
        return context.out.byte('\n');
    }
    if (table.get(name)) |command| {
        if (try isAllowed(&question, &command)) try command.answer(&question);
    } else {
        try question.fail(4, "unrecognized command");
    }
    try context.out.byte('\n');
}

/// False when the user may not, which has been answered then.
fn isAllowed(question: *const Question, command: *const Question.Command) Buffer.Error!bool {
    const needs = command.needs orelse return true;
    const allowed = question.context.authorize(needs.permissions, .{
        .namespace = question.parameter("namespace") orelse question.parameter("ns") orelse "",
        .set = question.parameter("set") orelse "",
    });
    switch (allowed) {
        .ok => return true,
        .role_violation => try question.print(
            "ERROR:81:role violation - requires permission '{s}'",
            .{needs.name},
        ),
        else => |code| try question.fail(
            @intCast(@backingInt(code)),
            "unexpected security result",
        ),
    }
    return false;
}
