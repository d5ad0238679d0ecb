//! Info requests to one node, on the calling thread. They are asked once and never retried: their
//! answers are about the node that was asked.

const std = @import("std");
const cluster = @import("../cluster.zig");
const exchange = @import("exchange.zig");
const executor = @import("executor.zig");
const wire = @import("../wire.zig");
const Failure = @import("../status.zig").Failure;
const Policy = @import("policy.zig").Policy;

pub fn Info(comptime Net: type) type {
    return struct {
        const Node = cluster.Cluster(Net).Node;
        const Connection = cluster.Cluster(Net).Connection;

        /// Asks a node; the answer, without the echoed command, is written into `answer`.
        pub fn ask(
            net: *Net,
            gpa: std.mem.Allocator,
            node: *Node,
            command: []const u8,
            policy: *const Policy,
            answer: *wire.Buffer,
            failure: *Failure,
        ) error{Failed}!void {
            const waits: executor.Attempts = .start(policy, net.now());
            var connection = node.acquire(waits.waitDeadline(net.now()), failure) catch {
                failure.setNode(node.name());
                return error.Failed;
            };
            exchangeOnce(net, gpa, &connection, command, &waits, answer) catch |err| {
                node.drop(connection);
                switch (err) {
                    error.Timeout => node.recordTimeout(),
                    error.Interrupted, error.OutOfMemory, error.NoSpaceLeft => {},
                    else => node.recordError(),
                }
                exchange.describe(err, failure);
                failure.setNode(node.name());
                return error.Failed;
            };
            node.push(connection);
        }

        fn exchangeOnce(
            net: *Net,
            gpa: std.mem.Allocator,
            connection: *Connection,
            command: []const u8,
            waits: *const executor.Attempts,
            answer: *wire.Buffer,
        ) !void {
            var memory: [1024]u8 = undefined;
            var frame = wire.Buffer.growing(gpa, &memory, exchange.frame_bytes_max);
            defer frame.deinit();
            try wire.info.encodeRequest(&frame, &.{command});
            try net.send(&connection.socket, frame.written(), waits.waitDeadline(net.now()));
            var receiver: exchange.Receiver = .{ .gpa = gpa };
            defer receiver.deinit();
            const received = try receiver.next(net, &connection.socket, waits);
            if (received.kind != .info) return error.BadFrame;
            if (!receiver.isDrained()) return error.UnexpectedBytes;
            try answer.append(withoutEcho(received.body, command));
        }
    };
}

/// The value of the one line of a reply: what follows the command and a tab, without the newline.
pub fn withoutEcho(body: []const u8, command: []const u8) []const u8 {
    const text = std.mem.trimEnd(u8, body, "\n");
    if (!std.mem.startsWith(u8, text, command)) return text;
    const rest = text[command.len..];
    return if (rest.len != 0 and rest[0] == '\t') rest[1..] else rest;
}

test "an info answer comes without the echoed command" {
    try std.testing.expectEqualStrings("8.1.2.0", withoutEcho("build\t8.1.2.0\n", "build"));
    try std.testing.expectEqualStrings("", withoutEcho("sets\t\n", "sets"));
    try std.testing.expectEqualStrings("", withoutEcho("quiesce\n", "quiesce"));
    try std.testing.expectEqualStrings(
        "ERROR:4:unrecognized command",
        withoutEcho("ERROR:4:unrecognized command\n", "nonsense"),
    );
}
