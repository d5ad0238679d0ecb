//! Result codes and the one error record that every fallible call of the core fills.
//!
//! Codes: 0 is success, positive codes are the server's (Aerospike's `proto.h`), negative ones
//! are the client's own, with the numbers that the field's clients use. A `Failure` lives in
//! memory of the caller, has no pointers and needs no release, so it may be copied and kept.

const std = @import("std");
const assert = std.debug.assert;
const printable = @import("printable.zig");

/// What a command ended with. Codes that a newer server may send stay representable.
pub const Status = enum(i32) {
    wrong_type = -106,
    no_descriptor = -105,
    value_mismatch = -104,
    interrupted = -103,
    buffer_too_small = -102,
    not_connected = -101,
    out_of_memory = -100,
    batch_failed = -16,
    no_response = -15,
    max_error_rate = -14,
    max_retries_exceeded = -12,
    async_queue_full = -11,
    connection = -10,
    tls = -9,
    invalid_node = -8,
    no_more_connections = -7,
    client_abort = -5,
    invalid_host = -4,
    no_more_records = -3,
    invalid_argument = -2,
    client = -1,
    ok = 0,
    server = 1,
    record_not_found = 2,
    record_generation = 3,
    request_invalid = 4,
    record_exists = 5,
    bin_exists = 6,
    cluster_change = 7,
    server_full = 8,
    timeout = 9,
    always_forbidden = 10,
    partition_unavailable = 11,
    bin_incompatible_type = 12,
    record_too_big = 13,
    record_busy = 14,
    scan_aborted = 15,
    unsupported_feature = 16,
    bin_not_found = 17,
    device_overload = 18,
    record_key_mismatch = 19,
    namespace_not_found = 20,
    bin_name = 21,
    fail_forbidden = 22,
    element_not_found = 23,
    element_exists = 24,
    enterprise_only = 25,
    op_not_applicable = 26,
    filtered_out = 27,
    lost_conflict = 28,
    invalid_encoding = 29,
    xdr_key_busy = 32,
    query_end = 50,
    security_not_supported = 51,
    security_not_enabled = 52,
    security_scheme_not_supported = 53,
    invalid_command = 54,
    invalid_field = 55,
    illegal_state = 56,
    invalid_user = 60,
    user_already_exists = 61,
    invalid_password = 62,
    expired_password = 63,
    forbidden_password = 64,
    invalid_credential = 65,
    expired_session = 66,
    invalid_role = 70,
    role_already_exists = 71,
    invalid_privilege = 72,
    invalid_whitelist = 73,
    quotas_not_enabled = 74,
    invalid_quota = 75,
    not_authenticated = 80,
    role_violation = 81,
    not_whitelisted = 82,
    quota_exceeded = 83,
    udf = 100,
    batch_disabled = 150,
    batch_max_requests_exceeded = 151,
    batch_queues_full = 152,
    geo_invalid_geojson = 160,
    index_found = 200,
    index_not_found = 201,
    index_out_of_memory = 202,
    index_not_readable = 203,
    index = 204,
    index_name_too_long = 205,
    index_max_count = 206,
    query_aborted = 210,
    query_queue_full = 211,
    query_timeout = 212,
    query = 213,
    _,

    /// The status for a result code byte as the server sends it.
    pub fn fromServer(code: u8) Status {
        return @fromBackingInt(@as(i32, code));
    }

    /// This process or its machine lacks something: the node is not at fault, and repeating the
    /// command, or asking another node, would not help.
    pub fn isOwnLack(status: Status) bool {
        return status == .no_descriptor or status == .out_of_memory;
    }

    /// A short English sentence for the code; the empty string for one this client does not know.
    pub fn text(status: Status) []const u8 {
        return switch (status) {
            .wrong_type => "an argument is of a wrong type",
            .no_descriptor => "this process is out of descriptors or local ports",
            .value_mismatch => "a value does not fit its column",
            .interrupted => "interrupted by a signal",
            .buffer_too_small => "the result does not fit into the given buffer",
            .not_connected => "the client is not connected",
            .out_of_memory => "out of memory",
            .batch_failed => "at least one row of the batch failed",
            .no_response => "no response was received for this row",
            .max_error_rate => "too many recent errors on this node; it is given a rest",
            .max_retries_exceeded => "the retries are used up",
            .async_queue_full => "too many operations are in flight",
            .connection => "the connection to the node failed",
            .tls => "TLS failed",
            .invalid_node => "no such node, or no active node for this partition",
            .no_more_connections => "the node's connection limit is reached",
            .client_abort => "the operation was aborted by the client",
            .invalid_host => "the host name does not resolve",
            .no_more_records => "no more records",
            .invalid_argument => "invalid argument",
            .client => "client error",
            .ok => "ok",
            .server => "unknown server error",
            .record_not_found => "record not found",
            .record_generation => "the record's generation is not the expected one",
            .request_invalid => "the server found the request invalid",
            .record_exists => "the record exists already",
            .bin_exists => "the bin exists already",
            .cluster_change => "the cluster changed during the command",
            .server_full => "the server is out of storage space",
            .timeout => "timeout",
            .always_forbidden => "the operation is forbidden by the namespace's configuration",
            .partition_unavailable => "the partition is unavailable",
            .bin_incompatible_type => "the bin's type does not fit the operation",
            .record_too_big => "the record is too big",
            .record_busy => "the record is busy (too many concurrent operations on the key)",
            .scan_aborted => "the scan was aborted",
            .unsupported_feature => "the server does not support this feature",
            .bin_not_found => "bin not found",
            .device_overload => "the server's device is overloaded",
            .record_key_mismatch => "the stored key differs from the given one",
            .namespace_not_found => "namespace not found",
            .bin_name => "bin name too long, or too many bin names",
            .fail_forbidden => "the operation is not allowed at this time",
            .element_not_found => "element not found",
            .element_exists => "element exists already",
            .enterprise_only => "the feature needs the Enterprise Edition",
            .op_not_applicable => "the operation is not applicable to the current bin value",
            .filtered_out => "the record was filtered out by the expression",
            .lost_conflict => "the write lost a conflict resolution",
            .invalid_encoding => "the server found invalid encoding",
            .xdr_key_busy => "write refused while XDR ships the key",
            .query_end => "query end",
            .security_not_supported => "security is not supported by the server",
            .security_not_enabled => "security is not enabled on the server",
            .security_scheme_not_supported => "the security scheme is not supported",
            .invalid_command => "invalid administration command",
            .invalid_field => "invalid administration field",
            .illegal_state => "illegal state",
            .invalid_user => "invalid user",
            .user_already_exists => "user exists already",
            .invalid_password => "invalid password",
            .expired_password => "expired password",
            .forbidden_password => "forbidden password",
            .invalid_credential => "invalid credential",
            .expired_session => "the login session expired",
            .invalid_role => "invalid role",
            .role_already_exists => "role exists already",
            .invalid_privilege => "invalid privilege",
            .invalid_whitelist => "invalid allowlist",
            .quotas_not_enabled => "quotas are not enabled on the server",
            .invalid_quota => "invalid quota",
            .not_authenticated => "not authenticated",
            .role_violation => "the user's roles do not permit the operation",
            .not_whitelisted => "the client's address is not on the allowlist",
            .quota_exceeded => "quota exceeded",
            .udf => "the user-defined function failed",
            .batch_disabled => "batch commands are disabled on the server",
            .batch_max_requests_exceeded => "the batch has more keys than the server allows",
            .batch_queues_full => "the server's batch queues are full",
            .geo_invalid_geojson => "invalid GeoJSON",
            .index_found => "the index exists already",
            .index_not_found => "index not found",
            .index_out_of_memory => "the server is out of memory for the index",
            .index_not_readable => "the index is not readable yet",
            .index => "secondary index error",
            .index_name_too_long => "the index name is too long",
            .index_max_count => "the namespace has its maximum of indexes",
            .query_aborted => "the query was aborted",
            .query_queue_full => "the server's query queue is full",
            .query_timeout => "the query timed out on the server",
            .query => "query error",
            _ => "",
        };
    }
};

/// Why a call failed. Filled completely by the function that sets it; never partly.
pub const Failure = struct {
    status: Status = .ok,
    /// A write may or may not have taken effect.
    in_doubt: bool = false,
    /// Name of the last node tried; empty when none was.
    node_len: u8 = 0,
    message_len: u16 = 0,
    details_len: u16 = 0,
    /// How often it was tried; 0 where nobody counts.
    attempts: u16 = 0,
    /// Where a text that was given is wrong: the byte's number, from 1; 0 where it is about none.
    text_position: u32 = 0,
    node_buffer: [node_name_max]u8 = undefined,
    message_buffer: [message_bytes_max]u8 = undefined,
    details_buffer: [details_bytes_max]u8 = undefined,
    /// The failures before it.
    earlier: Earlier = .{},

    /// Node names are at most 16 hexadecimal digits, or a configured name of up to 31 bytes.
    pub const node_name_max = 32;
    pub const message_bytes_max = 480;
    pub const details_bytes_max = 384;

    pub fn node(failure: *const Failure) []const u8 {
        return failure.node_buffer[0..failure.node_len];
    }

    pub fn message(failure: *const Failure) []const u8 {
        return failure.message_buffer[0..failure.message_len];
    }

    /// What the server said beside its result code, a MessagePack map; empty for nothing.
    pub fn details(failure: *const Failure) []const u8 {
        return failure.details_buffer[0..failure.details_len];
    }

    pub fn setDetails(failure: *Failure, map: []const u8) void {
        assert(map.len <= details_bytes_max);
        @memcpy(failure.details_buffer[0..map.len], map);
        failure.details_len = @intCast(map.len);
    }

    /// Sets status and message, and clears the rest. A message too long is cut. Whatever parts of
    /// it a server sent, it is text in one line in the end.
    pub fn set(failure: *Failure, status: Status, comptime format: []const u8, args: anytype) void {
        assert(status != .ok);
        // A character that is cut at its end is never reached.
        var raw: [message_bytes_max + 3]u8 = undefined;
        var writer = std.Io.Writer.fixed(&raw);
        writer.print(format, args) catch {};
        var shown: [message_bytes_max]u8 = undefined;
        const text = printable.copy(&shown, writer.buffered());
        // Only now, as the arguments may be of the failure that was.
        failure.* = .{ .status = status };
        @memcpy(failure.message_buffer[0..text.len], text);
        failure.message_len = @intCast(text.len);
    }

    pub fn setNode(failure: *Failure, name: []const u8) void {
        const len = @min(name.len, node_name_max);
        @memcpy(failure.node_buffer[0..len], name[0..len]);
        failure.node_len = @intCast(len);
    }
};

/// The failures of the attempts that came before the last one, as far as there is room: the oldest
/// are kept, as they say how it began.
pub const Earlier = struct {
    count: u16 = 0,
    len: u16 = 0,
    /// Of each its code, the lengths of node and message, and both texts.
    buffer: [bytes_max]u8 = undefined,

    pub const bytes_max = 384;
    /// A message is cut to that.
    pub const text_bytes_max = 80;
    const head_bytes = 6;

    pub const Entry = struct { status: Status, node: []const u8, message: []const u8 };

    pub fn add(earlier: *Earlier, failure: *const Failure) void {
        const node = failure.node();
        var cut: [text_bytes_max]u8 = undefined;
        const message = printable.copy(&cut, failure.message());
        const rest = earlier.buffer[earlier.len..];
        if (rest.len < head_bytes + node.len + message.len) return;
        std.mem.writeInt(i32, rest[0..4], @backingInt(failure.status), .little);
        rest[4] = @intCast(node.len);
        rest[5] = @intCast(message.len);
        @memcpy(rest[head_bytes..][0..node.len], node);
        @memcpy(rest[head_bytes + node.len ..][0..message.len], message);
        earlier.len += @intCast(head_bytes + node.len + message.len);
        earlier.count += 1;
    }

    pub fn iterate(earlier: *const Earlier) Iterator {
        return .{ .rest = earlier.buffer[0..earlier.len] };
    }

    pub const Iterator = struct {
        rest: []const u8,

        pub fn next(iterator: *Iterator) ?Entry {
            const rest = iterator.rest;
            if (rest.len == 0) return null;
            const node_len: usize = rest[4];
            const message_len: usize = rest[5];
            iterator.rest = rest[head_bytes + node_len + message_len ..];
            return .{
                .status = @fromBackingInt(std.mem.readInt(i32, rest[0..4], .little)),
                .node = rest[head_bytes..][0..node_len],
                .message = rest[head_bytes + node_len ..][0..message_len],
            };
        }
    };

    /// Without its unused bytes.
    pub fn copyTo(earlier: *const Earlier, target: *Earlier) void {
        target.count = earlier.count;
        target.len = earlier.len;
        @memcpy(target.buffer[0..earlier.len], earlier.buffer[0..earlier.len]);
    }
};

test "earlier failures are kept as far as they fit" {
    const testing = std.testing;
    var earlier: Earlier = .{};
    var failure: Failure = .{};
    const long: [200]u8 = @splat('x');
    for (0..20) |number| {
        failure.set(.timeout, "attempt {d} {s}", .{ number, &long });
        failure.setNode("BB9020011AC4202");
        earlier.add(&failure);
    }
    try testing.expect(earlier.count >= 3);
    try testing.expect(earlier.count < 20);
    var copied: Earlier = .{};
    earlier.copyTo(&copied);
    var entries = copied.iterate();
    var count: usize = 0;
    while (entries.next()) |entry| : (count += 1) {
        try testing.expectEqual(Status.timeout, entry.status);
        try testing.expectEqualStrings("BB9020011AC4202", entry.node);
        try testing.expectEqual(Earlier.text_bytes_max, entry.message.len);
        var expected: [16]u8 = undefined;
        const begin = try std.fmt.bufPrint(&expected, "attempt {d} x", .{count});
        try testing.expectStringStartsWith(entry.message, begin);
    }
    try testing.expectEqual(earlier.count, count);
}

test "a failure keeps what was set and cuts what does not fit" {
    var failure: Failure = .{};
    failure.set(.timeout, "waited {d} ms", .{30});
    failure.setNode("BB9020011AC4202");
    try std.testing.expectEqualStrings("waited 30 ms", failure.message());
    try std.testing.expectEqualStrings("BB9020011AC4202", failure.node());
    const limit = Failure.message_bytes_max;
    const long: [limit + 20]u8 = @splat('x');
    failure.set(.client, "{s}", .{&long});
    try std.testing.expectEqual(@as(usize, limit), failure.message().len);
    failure.set(.client, "{s}\u{fc}", .{long[0 .. limit - 1]});
    try std.testing.expectEqual(@as(usize, limit - 1), failure.message().len);
    try std.testing.expectEqual(@as(usize, 0), failure.node().len);
}

test "a server code this client does not know stays what it is" {
    const status = Status.fromServer(251);
    try std.testing.expectEqual(@as(i32, 251), @backingInt(status));
    try std.testing.expectEqualStrings("", status.text());
}

test "a message is one line of text, whatever a server has sent" {
    var failure: Failure = .{};
    failure.set(.udf, "{s}", .{"a\n\x1b[2Jb\xff"});
    try std.testing.expectEqualStrings("a\\x0a\\x1b[2Jb\u{fffd}", failure.message());
}
