//! How a command is to be carried out: timeouts, retries, and what the server is asked to respect.
//!
//! The numbers of the enums are those of the API's constants; `request.zig` is the one place that
//! turns them into bits of the protocol. A `Policy` is a plain value: copied, never shared.

const std = @import("std");
const cluster = @import("../cluster.zig");
const Asked = @import("asked.zig").Asked;

/// When a write is allowed, by whether the record exists.
pub const Exists = enum(u8) {
    ignore = 0,
    update_only = 1,
    replace = 2,
    create_only = 4,
    replace_only = 5,
    /// The API's name for create or update: the same as `ignore`.
    update = 6,
};

/// When a write is allowed, by the record's generation.
pub const GenerationPolicy = enum(u8) { ignore = 0, equal = 1, greater = 2 };

pub const Replica = enum(u8) {
    master = 0,
    sequence = 1,
    prefer_rack = 2,
    any = 3,
    random = 4,

    pub fn toCluster(replica: Replica) cluster.ReplicaPolicy {
        return switch (replica) {
            .master => .master,
            .sequence => .sequence,
            .prefer_rack => .prefer_rack,
            .any => .any,
            .random => .random,
        };
    }
};

pub const ReadModeAp = enum(u8) { one = 0, all = 1 };

pub const ReadModeSc = enum(u8) {
    session = 0,
    linearize = 1,
    allow_replica = 2,
    allow_unavailable = 3,

    pub fn toCluster(mode: ReadModeSc) cluster.ReadModeSc {
        return switch (mode) {
            .session => .session,
            .linearize => .linearize,
            .allow_replica => .allow_replica,
            .allow_unavailable => .allow_unavailable,
        };
    }
};

pub const CommitLevel = enum(u8) { all = 0, master = 1 };

/// What servers from 8.2 on say of a failure beside its result code; each adds to the one before.
pub const ErrorDetails = enum(u8) { none = 0, subcode = 1, message = 2, trace = 3 };

pub const Policy = struct {
    /// Longest wait for one read or write on a socket; 0: `total_timeout_ms` alone limits.
    socket_timeout_ms: u32 = 30_000,
    /// Longest time for the command with all its retries; 0: no limit.
    total_timeout_ms: u32 = 1_000,
    retries_max: u32 = 2,
    sleep_between_retries_ms: u32 = 0,
    /// Longest time to open a connection, which is not counted as the command's; 0: a wait like any
    /// other.
    connect_timeout_ms: u32 = 0,
    /// How long a timed-out socket may take to deliver its late reply and be used again.
    timeout_delay_ms: u32 = 3_000,
    generation: u32 = 0,
    /// Seconds, or one of the namespace default (0), never expire (-1), keep (-2).
    ttl: i32 = 0,
    generation_policy: GenerationPolicy = .ignore,
    exists: Exists = .ignore,
    replica: Replica = .sequence,
    read_mode_ap: ReadModeAp = .one,
    read_mode_sc: ReadModeSc = .session,
    commit_level: CommitLevel = .all,
    error_details: ErrorDetails = .none,
    send_key: bool = false,
    durable_delete: bool = false,
    /// The write is refused when the record is locked by the same transaction already.
    on_locking_only: bool = false,
    /// Larger requests are deflated, and servers may deflate what they answer.
    compress: bool = false,
    compress_threshold: u32 = 128,
    /// 0 the server's default, 1..100 percent of the ttl, 255 never.
    read_touch_ttl_percent: u8 = 0,
    /// Batch: rows may be read by the thread that received them, for data in memory and on devices.
    allow_inline: bool = true,
    allow_inline_ssd: bool = false,
    /// Batch: all rows are answered, even when some fail.
    respond_all_keys: bool = true,
    /// Batch: nodes are asked at the same time.
    concurrent: bool = true,
    /// A filter expression in the server's encoding; empty for none.
    filter: []const u8 = &.{},
    /// A command on one record: where to tell at its end which node was asked last.
    asked: ?*Asked = null,

    /// The time in ms that the server is told it has.
    pub fn serverTimeout(policy: *const Policy) u32 {
        const socket = policy.socket_timeout_ms;
        const total = policy.total_timeout_ms;
        return if (socket != 0 and socket < total) socket else total;
    }

    /// The same policy for a command that must not be repeated unasked.
    pub fn writeDefault() Policy {
        return .{ .retries_max = 0 };
    }
};

test "the server is told the shorter of both timeouts" {
    var policy: Policy = .{ .socket_timeout_ms = 30_000, .total_timeout_ms = 1_000 };
    try std.testing.expectEqual(@as(u32, 1_000), policy.serverTimeout());
    policy.socket_timeout_ms = 200;
    try std.testing.expectEqual(@as(u32, 200), policy.serverTimeout());
    policy.socket_timeout_ms = 0;
    try std.testing.expectEqual(@as(u32, 1_000), policy.serverTimeout());
    policy.total_timeout_ms = 0;
    policy.socket_timeout_ms = 200;
    try std.testing.expectEqual(@as(u32, 0), policy.serverTimeout());
}
