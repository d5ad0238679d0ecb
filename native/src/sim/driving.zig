//! What tests drive by hand: a connection of a node's, a command on the calling thread, a query's
//! chunks, or a batch's. Over any network.

const std = @import("std");
const cluster = @import("../cluster.zig");
const command = @import("../command.zig");
const engine = @import("../engine.zig");
const wire = @import("../wire.zig");
const Failure = @import("../status.zig").Failure;

pub fn Driving(comptime Net: type, comptime Poller: type) type {
    return struct {
        const Cluster = cluster.Cluster(Net);
        const Exchange = engine.Exchange(Net);
        const Single = command.Single(Net, Poller);
        pub const BatchTask = command.BatchTask(Net, Poller);
        pub const Source = command.Source(Net, Poller);
        pub const Loop = engine.Loop(Net, Poller);

        /// A connection that is ready for a request.
        pub fn acquire(
            gpa: std.mem.Allocator,
            net: *Net,
            node: *Cluster.Node,
            deadline_ns: u64,
            failure: *Failure,
        ) error{Failed}!Cluster.Connection {
            var blocking: engine.Blocking(Net) = .{ .net = net, .gpa = gpa };
            var exchange: Exchange = .{
                .node = node,
                .frame = &.{},
                .limits = .{
                    .deadline_ns = deadline_ns,
                    .socket_timeout_ns = engine.executor.forever,
                },
                .handler = undefined,
                .failure = failure,
            };
            return blocking.acquire(&exchange) orelse error.Failed;
        }

        /// One command on a record, carried out on the calling thread.
        pub fn execute(
            owner: *Cluster,
            net: *Net,
            gpa: std.mem.Allocator,
            which: command.Command,
            request: []const u8,
            policy: *const engine.Policy,
            out: *wire.Buffer,
            failure: *Failure,
        ) error{Failed}!void {
            var single: Single = undefined;
            single.frame = .growing(gpa, &.{}, command.request.frame_bytes_max);
            defer single.deinit();
            try single.init(owner, net, gpa, which, request, policy, .now, failure);
            single.task.out = out.*;
            defer out.* = single.task.out;
            single.task.runBlocking(net, gpa);
            if (single.task.failure.status == .ok) return;
            failure.* = single.task.failure;
            return error.Failed;
        }

        /// A query, or a batch whose rows are pulled, with a loop of its own.
        pub const Pulling = struct {
            source: Source,
            loop: Loop,
            out: wire.Buffer,

            pub fn init(
                pulling: *Pulling,
                kind: command.source.Kind,
                gpa: std.mem.Allocator,
                net: *Net,
                owner: *Cluster,
                request: []const u8,
                policy: *const engine.Policy,
                failure: *Failure,
            ) error{Failed}!void {
                pulling.source =
                    try Source.open(kind, gpa, net, owner, request, policy, failure);
                pulling.loop = Loop.init(gpa, net, 0) catch unreachable;
                pulling.loop.connections = .shared;
                pulling.out = .growing(gpa, &.{}, 1 << 30);
            }

            pub fn deinit(pulling: *Pulling) void {
                pulling.source.destroy();
                pulling.loop.deinit();
                pulling.out.deinit();
            }

            /// The next chunk, valid until the next call; empty at the end.
            pub fn next(pulling: *Pulling, failure: *Failure) error{Failed}![]const u8 {
                pulling.out.clear();
                const task = pulling.source.prepare(pulling.out, null);
                task.runOn(&pulling.loop);
                pulling.out = task.out;
                if (task.failure.status == .ok) return pulling.out.written();
                failure.* = task.failure;
                return error.Failed;
            }
        };
    };
}
