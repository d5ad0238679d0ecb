//! What an owner pulls from, piece by piece: a query's records, or a batch's rows as they are
//! answered. One pull at a time, by the thread of the loop that the first one ran on.

const batch_module = @import("batch/batch.zig");
const cluster = @import("../cluster.zig");
const engine = @import("../engine.zig");
const request = @import("record/request.zig");
const std = @import("std");
const wire = @import("../wire.zig");
const BatchStream = @import("batch/batch_stream.zig").BatchStream;
const Failure = @import("../status.zig").Failure;
const Policy = engine.Policy;
const Query = @import("query/query.zig").Query;
const Target = @import("../result.zig").Target;

/// What is opened.
pub const Kind = union(enum) {
    query,
    batch: batch_module.Kind,
};

pub fn Source(comptime Net: type, comptime Poller: type) type {
    return union(enum) {
        query: *Query(Net, Poller),
        batch: *BatchStream(Net, Poller),

        const This = @This();
        const Cluster = cluster.Cluster(Net);
        const Task = engine.Task(Net, Poller);

        /// Checks the request; no network is touched.
        pub fn open(
            kind: Kind,
            gpa: std.mem.Allocator,
            net: *Net,
            owner: *Cluster,
            request_bytes: []const u8,
            policy: *const Policy,
            failure: *Failure,
        ) error{Failed}!This {
            switch (kind) {
                .query => {
                    const Opened = Query(Net, Poller);
                    const made = try Opened.create(gpa, net, owner, request_bytes, policy, failure);
                    return .{ .query = made };
                },
                .batch => |which| {
                    const Opened = BatchStream(Net, Poller);
                    const made =
                        try Opened.create(gpa, net, owner, which, request_bytes, policy, failure);
                    return .{ .batch = made };
                },
            }
        }

        pub fn destroy(source: This) void {
            switch (source) {
                inline else => |chosen| chosen.destroy(),
            }
        }

        /// The pull, whether or not one is under way.
        pub fn task(source: This) *Task {
            return switch (source) {
                inline else => |chosen| &chosen.task,
            };
        }

        /// Any thread.
        pub fn measureOnce(source: This) void {
            switch (source) {
                inline else => |chosen| chosen.measureOnce(),
            }
        }

        pub fn checkTarget(source: This, target: ?Target, failure: *Failure) error{Failed}!void {
            const given = target orelse return;
            if (source == .batch) {
                return request.invalid(failure, "the rows of a batch are handed out one by one", .{});
            }
            const is_full = switch (given) {
                .table => |table| table.row_count == 0,
                .arrow => |columns| columns.isFull(),
            };
            if (is_full) return request.invalid(failure, "there is no room for a record", .{});
        }

        /// Prepares the next pull, into `out` or a target that was checked.
        pub fn prepare(source: This, out: wire.Buffer, target: ?Target) *Task {
            return switch (source) {
                .query => |query| query.prepare(out, target),
                .batch => |batch| batch.prepare(out),
            };
        }

        /// How many records the last pull has put into its target.
        pub fn rowCount(source: This) u64 {
            return switch (source) {
                .query => |query| query.rowCount(),
                .batch => 0,
            };
        }
    };
}
