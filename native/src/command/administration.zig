//! Commands that are not about single records: indexes, functions, truncation, background jobs,
//! users and roles.
//!
//! Each is asked of any one node, which tells the others; where the others matter, the command
//! waits until all know. They run on the calling thread and are not retried: most change
//! something, and an answer that was lost says nothing about that.

const std = @import("std");
const admin = @import("admin.zig");
const background = @import("background.zig");
const cluster = @import("../cluster.zig");
const exchange = @import("exchange.zig");
const executor = @import("executor.zig");
const index = @import("index.zig");
const info = @import("info.zig");
const reply = @import("reply.zig");
const request = @import("request.zig");
const truncate = @import("truncate.zig");
const udf = @import("udf.zig");
const wire = @import("../wire.zig");
const Failure = @import("../status.zig").Failure;
const Policy = @import("policy.zig").Policy;
const Status = @import("../status.zig").Status;
const msgpack = wire.msgpack;

/// The numbers are those of the C ABI.
pub const Kind = enum(i32) {
    truncate = 70,
    index_create = 71,
    index_remove = 72,
    udf_put = 73,
    udf_remove = 74,
    udf_list = 75,
    udf_get = 76,
    query_background = 77,
    job_status = 78,
    job_abort = 79,
    admin_create_user = 80,
    admin_drop_user = 81,
    admin_set_password = 82,
    admin_grant_roles = 83,
    admin_revoke_roles = 84,
    admin_query_users = 85,
    admin_create_role = 86,
    admin_drop_role = 87,
    admin_grant_privileges = 88,
    admin_revoke_privileges = 89,
    admin_set_whitelist = 90,
    admin_set_quotas = 91,
    admin_query_roles = 92,

    /// How many members the request has; null where it is not an array.
    fn memberCount(kind: Kind) ?u32 {
        return switch (kind) {
            .truncate => 3,
            .index_create => 9,
            .index_remove => 3,
            .udf_put => 3,
            .udf_remove => 2,
            .udf_list => 0,
            .udf_get => 1,
            .query_background => null,
            .job_status, .job_abort => 1,
            .admin_create_user => 3,
            .admin_drop_user => 1,
            .admin_set_password, .admin_grant_roles, .admin_revoke_roles => 2,
            .admin_query_users, .admin_query_roles => 1,
            .admin_create_role => 5,
            .admin_drop_role => 1,
            .admin_grant_privileges, .admin_revoke_privileges, .admin_set_whitelist => 2,
            .admin_set_quotas => 3,
        };
    }
};

pub const Error = error{Failed} || wire.Buffer.Error;

/// An answer to an info command is not larger.
const answer_bytes_max = exchange.frame_bytes_max;
/// Pauses between looks at whether all nodes know of a change.
const poll_ns_min = 5 * std.time.ns_per_ms;
const poll_ns_max = 200 * std.time.ns_per_ms;

/// One command on its way; `out` receives its result.
pub fn Administration(comptime Net: type) type {
    return struct {
        net: *Net,
        gpa: std.mem.Allocator,
        owner: *Cluster,
        policy: *const Policy,
        out: *wire.Buffer,
        failure: *Failure,

        const This = @This();
        pub const Cluster = cluster.Cluster(Net);
        pub const Node = Cluster.Node;

        pub fn execute(task: *const This, kind: Kind, bytes: []const u8) error{Failed}!void {
            task.run(kind, bytes) catch |err| switch (err) {
                error.Failed => return error.Failed,
                error.OutOfMemory, error.NoSpaceLeft => {
                    task.failure.set(.out_of_memory, "out of memory", .{});
                    return error.Failed;
                },
            };
        }

        fn run(task: *const This, kind: Kind, bytes: []const u8) Error!void {
            var reader: msgpack.Reader = .{ .bytes = bytes };
            if (kind.memberCount()) |expected| {
                const text = "the request must be an array";
                const count = try request.expectArray(&reader, text, task.failure);
                if (count != expected) return request.invalid(
                    task.failure,
                    "the request of {t} must have {d} members, not {d}",
                    .{ kind, expected, count },
                );
            }
            switch (kind) {
                .truncate => try truncate.truncate(task, &reader),
                .index_create => try index.create(task, &reader),
                .index_remove => try index.remove(task, &reader),
                .udf_put => try udf.put(task, &reader),
                .udf_remove => try udf.remove(task, &reader),
                .udf_list => try udf.list(task),
                .udf_get => try udf.get(task, &reader),
                .query_background => try background.start(task, bytes),
                .job_status => try background.report(task, &reader),
                .job_abort => try background.abort(task, &reader),
                else => try admin.execute(task, kind, &reader),
            }
        }

        pub fn anyNode(task: *const This) error{Failed}!*Node {
            return task.owner.randomNode() orelse {
                task.failure.set(.invalid_node, "the cluster has no active node", .{});
                return error.Failed;
            };
        }

        /// Asks a node an info command and returns the answer, which `answer` holds. An answer
        /// that is an error of the server's becomes the failure.
        pub fn ask(
            task: *const This,
            node: *Node,
            command: []const u8,
            answer: *wire.Buffer,
        ) Error![]const u8 {
            answer.clear();
            try info.Info(Net).ask(
                task.net,
                task.gpa,
                node,
                command,
                task.policy,
                answer,
                task.failure,
            );
            const text = answer.written();
            const refused = wire.info.failure(text) orelse return text;
            const status = Status.fromServer(refused.code orelse @backingInt(Status.server));
            task.failure.set(status, "{s}", .{describe(refused.text, status)});
            task.failure.setNode(node.name());
            return error.Failed;
        }

        pub fn answerBuffer(task: *const This) wire.Buffer {
            return .growing(task.gpa, &.{}, answer_bytes_max);
        }

        /// The server's version: the syntax of some commands depends on it.
        pub fn version(task: *const This, node: *Node) Error!Version {
            var answer = task.answerBuffer();
            defer answer.deinit();
            return .parse(try task.ask(node, "build", &answer));
        }

        /// Calls `isDone` for every node, again and again, until it is true of all. It returns
        /// false to be asked again, and errors only to end the waiting.
        pub fn waitForAll(
            task: *const This,
            wait_ms: u32,
            comptime what: []const u8,
            context: anytype,
        ) Error!void {
            if (wait_ms == 0) return;
            const deadline_ns = task.net.now() + @as(u64, wait_ms) * std.time.ns_per_ms;
            var pause_ns: u64 = poll_ns_min;
            while (true) {
                const lagging = try task.findLagging(context) orelse return;
                const now_ns = task.net.now();
                if (now_ns >= deadline_ns) {
                    const text = what ++ " within {d} ms on all nodes";
                    task.failure.set(.timeout, text, .{wait_ms});
                    task.failure.setNode(lagging.name());
                    return error.Failed;
                }
                task.net.sleep(@min(pause_ns, deadline_ns - now_ns)) catch {
                    exchange.describe(error.Interrupted, task.failure);
                    return error.Failed;
                };
                pause_ns = @min(2 * pause_ns, poll_ns_max);
            }
        }

        fn findLagging(task: *const This, context: anytype) Error!?*Node {
            var nodes = task.owner.nodes();
            while (nodes.next()) |node| {
                const done = context.isDone(task, node) catch |err| switch (err) {
                    // A node that cannot be reached now may be gone at the next look.
                    error.Failed => if (mayPass(task.failure.status)) false else return err,
                    else => |other| return other,
                };
                if (!done) return node;
            }
            return null;
        }

        fn mayPass(status: Status) bool {
            return executor.judgeClient(status).retry or status == .invalid_node;
        }

        /// Takes a name that goes into an info command, where some characters have a meaning.
        pub fn takeName(
            task: *const This,
            reader: *msgpack.Reader,
            comptime what: []const u8,
        ) error{Failed}![]const u8 {
            const name = try request.expectString(reader, what, task.failure);
            for (name) |byte| switch (byte) {
                0...' ' - 1, ';', 0x7f => return request.invalid(
                    task.failure,
                    what ++ " must not contain the byte 0x{x:0>2}",
                    .{byte},
                ),
                else => {},
            };
            return name;
        }

        pub fn takeNamespace(task: *const This, reader: *msgpack.Reader) error{Failed}![]const u8 {
            const namespace = try task.takeName(reader, "the namespace");
            try request.checkNamespace(namespace, task.failure);
            // Some servers would take the command nevertheless, and remember it for ever.
            if (task.owner.namespace(namespace) == null) {
                const text = "namespace '{s}' is not found in the cluster";
                task.failure.set(.namespace_not_found, text, .{namespace});
                return error.Failed;
            }
            return namespace;
        }

        pub fn takeInteger(
            task: *const This,
            comptime T: type,
            reader: *msgpack.Reader,
            comptime what: []const u8,
        ) error{Failed}!T {
            switch (reader.next() catch return request.malformed(task.failure)) {
                .int => |value| if (std.math.cast(T, value)) |number| return number,
                .uint => |value| if (std.math.cast(T, value)) |number| return number,
                else => {},
            }
            const text = what ++ " must be an integer from {d} to {d}";
            return request.invalid(
                task.failure,
                text,
                .{ std.math.minInt(T), std.math.maxInt(T) },
            );
        }
    };
}

fn describe(text: []const u8, status: Status) []const u8 {
    return if (text.len != 0) text else status.text();
}

/// The first three numbers of a server's build, which tell its features.
pub const Version = struct {
    numbers: [3]u32,

    pub fn parse(text: []const u8) Version {
        var version: Version = .{ .numbers = @splat(0) };
        var parts = std.mem.splitScalar(u8, text, '.');
        for (&version.numbers) |*number| {
            const part = parts.next() orelse break;
            const digits = for (part, 0..) |byte, position| {
                if (!std.ascii.isDigit(byte)) break part[0..position];
            } else part;
            number.* = std.fmt.parseInt(u32, digits, 10) catch 0;
        }
        return version;
    }

    pub fn isAtLeast(version: Version, major: u32, minor: u32, patch: u32) bool {
        const wanted = [3]u32{ major, minor, patch };
        for (version.numbers, wanted) |number, other| {
            if (number != other) return number > other;
        }
        return true;
    }
};

test "versions are compared number by number" {
    const testing = std.testing;
    const version: Version = .parse("8.1.2.0-rc1");
    try testing.expectEqual([3]u32{ 8, 1, 2 }, version.numbers);
    try testing.expect(version.isAtLeast(8, 1, 0));
    try testing.expect(version.isAtLeast(8, 1, 2));
    try testing.expect(!version.isAtLeast(8, 1, 3));
    try testing.expect(!version.isAtLeast(8, 2, 0));
    try testing.expect(version.isAtLeast(7, 9, 9));
    try testing.expectEqual([3]u32{ 6, 0, 0 }, Version.parse("6").numbers);
    try testing.expectEqual([3]u32{ 0, 0, 0 }, Version.parse("").numbers);
}
