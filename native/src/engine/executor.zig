//! The rules of carrying out one command, apart from how its bytes travel: which node is tried,
//! what an error means for the connection, whether and when the command is tried again, and
//! whether a failed write is in doubt.
//!
//! An `Execution` does no I/O and reads no clock. The command asks it for the next node, tells it
//! what happened, and does as it says. It belongs to the driver's thread.

const std = @import("std");
const assert = std.debug.assert;
const cluster = @import("../cluster.zig");
const statistics = cluster.statistics;
const Failure = @import("../status.zig").Failure;
const Status = @import("../status.zig").Status;
const Policy = @import("policy.zig").Policy;

pub const forever = std.math.maxInt(u64);

/// Whether the command may be tried again.
pub const Retry = enum {
    no,
    /// As often as the policy allows for.
    counted,
    /// Once more on top of that: nothing was carried out, and the cause is removed by trying.
    free,
};

/// What a status means for the connection that it came over, the node, and the command.
pub const Verdict = struct {
    /// The reply was read completely and the connection is as good as before.
    connection_usable: bool,
    retry: Retry,
    /// Counts towards the node's error limit.
    node_at_fault: bool,
};

/// For a result code that the server sent in a complete reply.
pub fn judgeServer(status: Status) Verdict {
    return switch (status) {
        .partition_unavailable => .{
            .connection_usable = true,
            .retry = .counted,
            .node_at_fault = false,
        },
        .device_overload, .timeout => .{
            .connection_usable = true,
            .retry = .counted,
            .node_at_fault = true,
        },
        // The session has ended, not the user's right: a new connection logs in again.
        .not_authenticated, .expired_session => .{
            .connection_usable = false,
            .retry = .free,
            .node_at_fault = false,
        },
        .query_aborted, .scan_aborted => .{
            .connection_usable = false,
            .retry = .no,
            .node_at_fault = false,
        },
        else => .{ .connection_usable = true, .retry = .no, .node_at_fault = false },
    };
}

/// For an error of this side: the connection is always given up.
pub fn judgeClient(status: Status) Verdict {
    const at_fault = switch (status) {
        .connection, .tls, .timeout, .no_more_connections, .max_error_rate => true,
        else => false,
    };
    return .{
        .connection_usable = false,
        .retry = if (at_fault) .counted else .no,
        .node_at_fault = at_fault,
    };
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
    /// To open a connection; the command's own time stands still meanwhile. 0: it does not.
    connect_timeout_ns: u64,
    sleep_ns: u64,
    retries_max: u32,
    /// Attempts that failed.
    failed: u32 = 0,
    /// Attempts whose request was handed to the network completely.
    sent: u32 = 0,
    /// Free repetitions that are left; a cause that comes back again and again is not removed.
    free_left: u8 = free_max,

    const free_max = 3;

    pub fn start(policy: *const Policy, now_ns: u64) Attempts {
        return .{
            .started_ns = now_ns,
            .deadline_ns = after(now_ns, policy.total_timeout_ms),
            .socket_timeout_ns = after(0, policy.socket_timeout_ms),
            .connect_timeout_ns = @as(u64, policy.connect_timeout_ms) * std.time.ns_per_ms,
            .sleep_ns = @as(u64, policy.sleep_between_retries_ms) * std.time.ns_per_ms,
            .retries_max = policy.retries_max,
        };
    }

    /// A timeout of 0 is none.
    fn after(now_ns: u64, timeout_ms: u32) u64 {
        if (timeout_ms == 0) return forever;
        return now_ns + @as(u64, timeout_ms) * std.time.ns_per_ms;
    }

    /// After an attempt that failed. `advances`: the next one is on another replica.
    pub fn afterFailure(attempts: *Attempts, retry: Retry, advances: bool, now_ns: u64) Decision {
        attempts.failed += 1;
        switch (retry) {
            .no => return .give_up,
            .counted => {},
            .free => {
                if (attempts.free_left == 0 or now_ns >= attempts.deadline_ns) return .give_up;
                attempts.free_left -= 1;
                attempts.retries_max +|= 1;
                return .{ .retry_at_ns = now_ns };
            },
        }
        if (attempts.failed > attempts.retries_max) return .give_up;
        // The next replica is likely to be a healthy node: there is nothing to wait for.
        const sleep_ns = if (advances and attempts.failed == 1) 0 else attempts.sleep_ns;
        const at_ns = now_ns + sleep_ns;
        return if (at_ns >= attempts.deadline_ns) .give_up else .{ .retry_at_ns = at_ns };
    }

    /// An exchange has ended that had more time, as it had to open a connection.
    pub fn prolong(attempts: *Attempts, deadline_ns: u64) void {
        attempts.deadline_ns = @max(attempts.deadline_ns, deadline_ns);
    }

    /// The time in ms that the server is told it has: what is left of it, when attempts were made
    /// before. 0: no limit.
    pub fn serverTimeout(attempts: *const Attempts, policy: *const Policy, now_ns: u64) u32 {
        const timeout_ms = policy.serverTimeout();
        if (attempts.failed == 0 or timeout_ms == 0) return timeout_ms;
        const left_ms = (attempts.deadline_ns -| now_ns) / std.time.ns_per_ms;
        return @intCast(std.math.clamp(left_ms, 1, timeout_ms));
    }

    /// Words a timeout of this side with the limits that it ran into.
    pub fn describe(attempts: *const Attempts, policy: *const Policy, failure: *Failure) void {
        assert(failure.status != .ok);
        defer failure.attempts = std.math.lossyCast(u16, attempts.failed);
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

/// A namespace of the cluster, or the reason why there is none of that name.
pub fn findNamespace(
    owner: anytype,
    name: []const u8,
    failure: *Failure,
) error{Failed}!*cluster.Namespace {
    if (owner.namespace(name)) |namespace| return namespace;
    if (owner.isConnected()) {
        failure.set(.namespace_not_found, "namespace '{s}' is not found in the cluster", .{name});
    } else {
        failure.set(.invalid_node, "the cluster has no active node", .{});
    }
    return error.Failed;
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
            namespace: []const u8,
            partition_id: u16,
            is_write: bool,
            failure: *Failure,
        ) error{Failed}!Target {
            return .{
                .namespace = try findNamespace(owner, namespace, failure),
                .partition_id = partition_id,
                .is_write = is_write,
            };
        }

        /// The failure of an attempt that found no node. It is not repeated.
        pub fn failWithoutNode(execution: *const This, failure: *Failure) void {
            execution.cluster.requestTend();
            failure.set(.invalid_node, "no active node for partition {d} of namespace '{s}'", .{
                execution.target.partition_id, execution.target.namespace.name(),
            });
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

        /// What to do after an attempt that failed.
        pub fn afterFailure(execution: *This, retry: Retry, status: Status, now_ns: u64) Decision {
            assert(status != .ok);
            const is_write = execution.target.is_write;
            const advances = retry == .counted and
                advancesReplica(execution.route.policy, status, is_write, execution.linearize);
            const decision = execution.attempts.afterFailure(retry, advances, now_ns);
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
    const first = attempts.afterFailure(.counted, true, 20 * ms);
    try testing.expectEqual(Decision{ .retry_at_ns = 20 * ms }, first);
    const second = attempts.afterFailure(.counted, true, 30 * ms);
    try testing.expectEqual(Decision{ .retry_at_ns = 40 * ms }, second);
    try testing.expectEqual(Decision.give_up, attempts.afterFailure(.counted, false, 95 * ms));
    try testing.expectEqual(Decision.give_up, attempts.afterFailure(.counted, false, 31 * ms));
}

test "a server is told no more time than there is left" {
    const testing = std.testing;
    const ms = std.time.ns_per_ms;
    const policy: Policy = .{ .total_timeout_ms = 100, .socket_timeout_ms = 60, .retries_max = 3 };
    var attempts: Attempts = .start(&policy, 5 * ms);
    try testing.expectEqual(60, attempts.serverTimeout(&policy, 6 * ms));
    _ = attempts.afterFailure(.counted, false, 6 * ms);
    try testing.expectEqual(60, attempts.serverTimeout(&policy, 6 * ms));
    try testing.expectEqual(25, attempts.serverTimeout(&policy, 80 * ms));
    try testing.expectEqual(1, attempts.serverTimeout(&policy, 105 * ms));
}

test "reads move on to the next replica; writes only when the node is the likely cause" {
    const testing = std.testing;
    try testing.expect(advancesReplica(.sequence, .timeout, false, false));
    try testing.expect(!advancesReplica(.sequence, .timeout, true, false));
    try testing.expect(!advancesReplica(.sequence, .timeout, false, true));
    try testing.expect(advancesReplica(.sequence, .connection, true, false));
    try testing.expect(!advancesReplica(.master, .connection, false, false));
}

test "what was not carried out is repeated without counting, but not for ever" {
    const testing = std.testing;
    const policy: Policy = .{ .retries_max = 0 };
    var attempts: Attempts = .start(&policy, 0);
    for (0..Attempts.free_max) |_| {
        const decision = attempts.afterFailure(.free, false, 5);
        try testing.expectEqual(Decision{ .retry_at_ns = 5 }, decision);
    }
    try testing.expectEqual(Decision.give_up, attempts.afterFailure(.free, false, 5));
    attempts = .start(&policy, 0);
    try testing.expectEqual(Decision.give_up, attempts.afterFailure(.no, false, 5));
    try testing.expectEqual(Decision.give_up, attempts.afterFailure(.counted, false, 5));
}
