//! The rules of carrying out one command, apart from how its bytes travel: which node is tried,
//! what an error means for the connection, whether and when the command is tried again, and
//! whether a failed write is in doubt.
//!
//! An `Execution` does no I/O and reads no clock. A driver (the blocking one in `single.zig`, the
//! event loop) asks it for the next node, tells it what happened, and does as it says. It belongs
//! to the driver's thread.

const std = @import("std");
const assert = std.debug.assert;
const cluster = @import("../cluster.zig");
const statistics = cluster.statistics;
const Failure = @import("../status.zig").Failure;
const Status = @import("../status.zig").Status;
const Key = @import("request.zig").Key;
const Policy = @import("policy.zig").Policy;

pub const forever = std.math.maxInt(u64);

/// What a status means for the connection that it came over, the node, and the command.
pub const Verdict = struct {
    /// The reply was read completely and the connection is as good as before.
    connection_usable: bool,
    retry: bool,
    /// Counts towards the node's error limit.
    node_at_fault: bool,
};

/// For a result code that the server sent in a complete reply.
pub fn judgeServer(status: Status) Verdict {
    return switch (status) {
        .partition_unavailable => .{
            .connection_usable = true,
            .retry = true,
            .node_at_fault = false,
        },
        .device_overload, .timeout => .{
            .connection_usable = true,
            .retry = true,
            .node_at_fault = true,
        },
        .not_authenticated, .expired_session, .query_aborted, .scan_aborted => .{
            .connection_usable = false,
            .retry = false,
            .node_at_fault = false,
        },
        else => .{ .connection_usable = true, .retry = false, .node_at_fault = false },
    };
}

/// For an error of this side: the connection is always given up.
pub fn judgeClient(status: Status) Verdict {
    const retry = switch (status) {
        .connection, .timeout, .no_more_connections, .max_error_rate => true,
        else => false,
    };
    return .{ .connection_usable = false, .retry = retry, .node_at_fault = retry };
}

/// Tells the node and the cluster what the server's answer means for them, and judges it.
pub fn settle(node: anytype, owner: anytype, status: Status) Verdict {
    const verdict = judgeServer(status);
    node.statistics.answered(status);
    if (verdict.node_at_fault) node.recordServerError();
    switch (status) {
        .not_authenticated, .expired_session => node.authenticationLost(),
        // The partition has moved, or is about to.
        .partition_unavailable => owner.requestTend(),
        else => {},
    }
    return verdict;
}

pub const Decision = union(enum) {
    give_up,
    /// Try again at this time.
    retry_at_ns: u64,
};

/// Where a command goes and what it is.
pub const Target = struct {
    namespace: *const cluster.Namespace,
    partition_id: u16,
    is_write: bool,
};

/// How often and how long a command may be tried.
pub const Attempts = struct {
    started_ns: u64,
    deadline_ns: u64,
    socket_timeout_ns: u64,
    sleep_ns: u64,
    retries_max: u32,
    /// Attempts that failed.
    failed: u32 = 0,
    /// Attempts whose request was handed to the network completely.
    sent: u32 = 0,

    pub fn start(policy: *const Policy, now_ns: u64) Attempts {
        return .{
            .started_ns = now_ns,
            .deadline_ns = after(now_ns, policy.total_timeout_ms),
            .socket_timeout_ns = after(0, policy.socket_timeout_ms),
            .sleep_ns = @as(u64, policy.sleep_between_retries_ms) * std.time.ns_per_ms,
            .retries_max = policy.retries_max,
        };
    }

    /// A timeout of 0 is none.
    fn after(now_ns: u64, timeout_ms: u32) u64 {
        if (timeout_ms == 0) return forever;
        return now_ns + @as(u64, timeout_ms) * std.time.ns_per_ms;
    }

    /// When a wait for the network that begins now has to end.
    pub fn waitDeadline(attempts: *const Attempts, now_ns: u64) u64 {
        return @min(attempts.deadline_ns, now_ns +| attempts.socket_timeout_ns);
    }

    /// After an attempt that failed and may be repeated. `advances`: on another replica.
    pub fn afterFailure(attempts: *Attempts, advances: bool, now_ns: u64) Decision {
        attempts.failed += 1;
        if (attempts.failed > attempts.retries_max) return .give_up;
        // The next replica is likely to be a healthy node: there is nothing to wait for.
        const sleep_ns = if (advances and attempts.failed == 1) 0 else attempts.sleep_ns;
        const at_ns = now_ns + sleep_ns;
        return if (at_ns >= attempts.deadline_ns) .give_up else .{ .retry_at_ns = at_ns };
    }

    /// Words a timeout of this side with the limits that it ran into.
    pub fn describe(attempts: *const Attempts, policy: *const Policy, failure: *Failure) void {
        assert(failure.status != .ok);
        if (failure.status != .timeout) return;
        // A timeout that the server reported keeps its own text.
        if (!std.mem.startsWith(u8, failure.message(), "client timeout")) return;
        failure.set(
            .timeout,
            "client timeout: socket_timeout={d} ms, total_timeout={d} ms, " ++
                "attempts={d}, sent={d}",
            .{
                policy.socket_timeout_ms,
                policy.total_timeout_ms,
                attempts.failed,
                attempts.sent,
            },
        );
    }
};

/// Whether the next attempt goes to the next replica.
pub fn advancesReplica(
    replica: cluster.ReplicaPolicy,
    status: Status,
    is_write: bool,
    linearize: bool,
) bool {
    if (replica == .master) return false;
    if (!is_write and !linearize) return true;
    // These do not tell that the partition is about to move to another node.
    return switch (status) {
        .timeout, .no_more_connections, .max_error_rate => false,
        else => true,
    };
}

/// Whether a write that ended with this status, sent so many times, may have taken effect.
pub fn isInDoubt(status: Status, sent: u32) bool {
    if (status == .ok) return false;
    if (sent > 1) return true;
    return sent == 1 and (status == .timeout or @backingInt(status) < 0);
}

pub fn Execution(comptime Net: type) type {
    return struct {
        cluster: *Cluster,
        target: Target,
        route: Cluster.Route,
        node: ?*Node = null,
        attempts: Attempts,
        linearize: bool,

        const Cluster = cluster.Cluster(Net);
        const Node = Cluster.Node;
        const This = @This();

        pub fn start(owner: *Cluster, target: Target, policy: *const Policy, now_ns: u64) This {
            const is_sc = target.namespace.isStrongConsistency();
            const read_mode = policy.read_mode_sc.toCluster();
            return .{
                .cluster = owner,
                .target = target,
                .route = .{ .policy = cluster.effectiveReplica(
                    policy.replica.toCluster(),
                    if (target.is_write) .write else .{ .read = read_mode },
                    is_sc,
                ) },
                .attempts = .start(policy, now_ns),
                .linearize = is_sc and !target.is_write and read_mode == .linearize,
            };
        }

        /// Finds where the record of a key lives, for `start`.
        pub fn locate(
            owner: *Cluster,
            key: *const Key,
            is_write: bool,
            failure: *Failure,
        ) error{Failed}!Target {
            const namespace = owner.namespace(key.namespace) orelse {
                if (owner.isConnected()) {
                    const text = "namespace '{s}' is not found in the cluster";
                    failure.set(.namespace_not_found, text, .{key.namespace});
                } else {
                    failure.set(.invalid_node, "the cluster has no active node", .{});
                }
                return error.Failed;
            };
            return .{
                .namespace = namespace,
                .partition_id = key.partitionId(),
                .is_write = is_write,
            };
        }

        /// The failure of an attempt that found no node.
        pub fn failWithoutNode(execution: *const This, failure: *Failure) Verdict {
            execution.cluster.requestTend();
            failure.set(.invalid_node, "no active node for partition {d} of namespace '{s}'", .{
                execution.target.partition_id, execution.target.namespace.name(),
            });
            return judgeClient(.invalid_node);
        }

        /// The node for this attempt, or null when the partition has none that is active.
        pub fn nextNode(execution: *This) ?*Node {
            execution.route.previous = execution.node;
            const node = execution.cluster.route(
                execution.target.namespace,
                execution.target.partition_id,
                &execution.route,
            );
            const found = node orelse return null;
            execution.node = found;
            if (execution.attempts.failed > 0) statistics.add(&found.statistics.retries, 1);
            return found;
        }

        pub fn waitDeadline(execution: *const This, now_ns: u64) u64 {
            return execution.attempts.waitDeadline(now_ns);
        }

        /// What to do after an attempt that failed with a status that `retry` was allowed for.
        pub fn afterFailure(execution: *This, status: Status, now_ns: u64) Decision {
            assert(status != .ok);
            const is_write = execution.target.is_write;
            const advances =
                advancesReplica(execution.route.policy, status, is_write, execution.linearize);
            const decision = execution.attempts.afterFailure(advances, now_ns);
            if (decision != .give_up and advances) execution.route.replica_index +%= 1;
            return decision;
        }

        /// Completes the failure of the last attempt with what the whole command knows.
        pub fn describe(execution: *const This, policy: *const Policy, failure: *Failure) void {
            execution.attempts.describe(policy, failure);
            failure.in_doubt = execution.target.is_write and
                isInDoubt(failure.status, execution.attempts.sent);
            if (execution.node) |node| failure.setNode(node.name());
        }
    };
}

test "a write is in doubt when it was sent and nobody said what became of it" {
    const testing = std.testing;
    try testing.expect(!isInDoubt(.timeout, 0));
    try testing.expect(!isInDoubt(.connection, 0));
    try testing.expect(isInDoubt(.timeout, 1));
    try testing.expect(isInDoubt(.connection, 1));
    try testing.expect(!isInDoubt(.record_exists, 1));
    // The first of the two may have been the one that made the record.
    try testing.expect(isInDoubt(.record_exists, 2));
}

test "retries stop at their number and before the deadline, and sleep where nothing has changed" {
    const testing = std.testing;
    const ms = std.time.ns_per_ms;
    const policy: Policy = .{
        .total_timeout_ms = 100,
        .retries_max = 3,
        .sleep_between_retries_ms = 10,
    };
    var attempts: Attempts = .start(&policy, 5 * ms);
    try testing.expectEqual(@as(u64, 105 * ms), attempts.waitDeadline(6 * ms));
    try testing.expectEqual(Decision{ .retry_at_ns = 20 * ms }, attempts.afterFailure(true, 20 * ms));
    try testing.expectEqual(Decision{ .retry_at_ns = 40 * ms }, attempts.afterFailure(true, 30 * ms));
    try testing.expectEqual(Decision.give_up, attempts.afterFailure(false, 95 * ms));
    try testing.expectEqual(Decision.give_up, attempts.afterFailure(false, 31 * ms));
}

test "reads move on to the next replica; writes only when the node is the likely cause" {
    const testing = std.testing;
    try testing.expect(advancesReplica(.sequence, .timeout, false, false));
    try testing.expect(!advancesReplica(.sequence, .timeout, true, false));
    try testing.expect(!advancesReplica(.sequence, .timeout, false, true));
    try testing.expect(advancesReplica(.sequence, .connection, true, false));
    try testing.expect(!advancesReplica(.master, .connection, false, false));
}
