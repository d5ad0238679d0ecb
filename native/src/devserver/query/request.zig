//! What a query asks: its partitions, where to go on in each, its limits and its index.
//!
//! The fields are checked in the server's order, which decides the result code where several
//! could be given. Everything points into the request's bytes.

const std = @import("std");
const wire = @import("../../wire.zig");
const status = @import("../../status.zig");
const Request = @import("../commands/Request.zig");
const Version = @import("../base/Version.zig").Version;
const bin_operation = @import("../data/bin_operation.zig");
const store = @import("../store/store.zig");

const Digest = wire.digest.Digest;
const Status = status.Status;

/// Names of indexes are shorter.
const index_name_bytes_end = 64;

/// The place in a partition after which a query goes on.
pub const Resume = struct {
    digest: Digest,
    /// What the record was found under in the index.
    index_value: i64 = 0,
};

pub const Partitions = struct {
    requested: std.StaticBitSet(store.partitions) = .empty,
    count: u16 = 0,
    resumes: std.AutoHashMapUnmanaged(u16, Resume) = .empty,

    /// False when the partition has been named before.
    fn add(partitions: *Partitions, partition: usize) bool {
        if (partition >= store.partitions) return false;
        if (partitions.requested.isSet(partition)) return false;
        partitions.requested.set(partition);
        partitions.count += 1;
        return true;
    }
};

/// What a query with a function does: the function is applied to the stream of all records, or to
/// each of them while nobody waits.
pub const FunctionUse = enum(u8) { aggregate = 1, background = 2 };

/// Of a query with a function; null when it does not say, or something else.
pub fn functionUse(body: []const u8) ?FunctionUse {
    const message = wire.message.Message.decode(body) catch return null;
    const fields = Fields.read(&message) catch return null;
    const operation = fields.udf_operation orelse return null;
    if (operation.len != 1) return null;
    return std.enums.fromInt(FunctionUse, operation[0]);
}

pub const Fields = struct {
    set: []const u8 = "",
    partition_ids: ?[]const u8 = null,
    digests: ?[]const u8 = null,
    index_values: ?[]const u8 = null,
    index_range: ?[]const u8 = null,
    index_kind: ?[]const u8 = null,
    index_name: ?[]const u8 = null,
    index_context: ?[]const u8 = null,
    index_expression: ?[]const u8 = null,
    records_per_second: ?[]const u8 = null,
    records_max: ?[]const u8 = null,
    socket_timeout: ?[]const u8 = null,
    task_id: ?[]const u8 = null,
    bins: ?[]const u8 = null,
    filter: ?[]const u8 = null,
    udf_operation: ?[]const u8 = null,

    pub fn read(message: *const wire.message.Message) wire.message.DecodeError!Fields {
        var fields: Fields = .{};
        var iterator = message.fields();
        while (try iterator.next()) |item| switch (item.kind) {
            .set => fields.set = item.data,
            .partition_ids => fields.partition_ids = item.data,
            .digests => fields.digests = item.data,
            .index_values => fields.index_values = item.data,
            .index_range => fields.index_range = item.data,
            .index_kind => fields.index_kind = item.data,
            .index_name => fields.index_name = item.data,
            .index_context => fields.index_context = item.data,
            .index_expression => fields.index_expression = item.data,
            .records_per_second => fields.records_per_second = item.data,
            .records_max => fields.records_max = item.data,
            .socket_timeout => fields.socket_timeout = item.data,
            .task_id => fields.task_id = item.data,
            .query_bins => fields.bins = item.data,
            .filter => fields.filter = item.data,
            .udf_operation => fields.udf_operation = item.data,
            else => {},
        };
        return fields;
    }

    pub fn hasPartitions(fields: *const Fields) bool {
        return fields.partition_ids != null or fields.digests != null;
    }

    /// The partitions that are asked for, and where to go on in them.
    pub fn partitions(
        fields: *const Fields,
        arena: std.mem.Allocator,
    ) error{ Invalid, OutOfMemory }!Partitions {
        var result: Partitions = .{};
        if (fields.partition_ids) |bytes| {
            const count = bytes.len / 2;
            if (count == 0 or count > store.partitions) return error.Invalid;
            for (0..count) |index| {
                const id = std.mem.readInt(u16, bytes[index * 2 ..][0..2], .little);
                if (!result.add(id)) return error.Invalid;
            }
        }
        const digests = fields.digests orelse {
            if (fields.hasPartitions() and fields.index_values != null) return error.Invalid;
            return result;
        };
        const count = digests.len / wire.digest.digest_bytes;
        if (count == 0 or count > store.partitions) return error.Invalid;
        const values = try fields.resumeValues(count);
        for (0..count) |index| {
            const start = index * wire.digest.digest_bytes;
            const digest = digests[start..][0..wire.digest.digest_bytes];
            const id = wire.digest.partitionId(digest);
            if (!result.add(id)) return error.Invalid;
            try result.resumes.put(arena, id, .{
                .digest = digest.*,
                .index_value = if (values) |bytes|
                    std.mem.readInt(i64, bytes[index * 8 ..][0..8], .little)
                else
                    0,
            });
        }
        return result;
    }

    /// One for each digest, if there is a condition; they do not matter otherwise.
    fn resumeValues(fields: *const Fields, count: usize) error{Invalid}!?[]const u8 {
        if (fields.index_range == null) return null;
        const values = fields.index_values orelse return error.Invalid;
        if (values.len / 8 != count) return error.Invalid;
        return values;
    }

    /// 0: as fast as possible.
    pub fn recordsPerSecond(fields: *const Fields, is_short: bool) error{Invalid}!u32 {
        if (fields.records_per_second != null and is_short) return error.Invalid;
        return try integerOf(u32, fields.records_per_second) orelse 0;
    }

    /// 0: all of them.
    pub fn recordsMax(fields: *const Fields) error{Invalid}!u64 {
        return try integerOf(u64, fields.records_max) orelse 0;
    }

    /// 0: for ever.
    pub fn socketTimeoutMs(fields: *const Fields) error{Invalid}!u32 {
        return try integerOf(u32, fields.socket_timeout) orelse 10_000;
    }

    /// 0: the server chooses one.
    pub fn taskId(fields: *const Fields) u64 {
        return (integerOf(u64, fields.task_id) catch null) orelse 0;
    }

    /// Empty when the index is found by its definition.
    pub fn indexName(fields: *const Fields) error{Invalid}![]const u8 {
        const name = fields.index_name orelse return "";
        if (fields.index_expression != null) return error.Invalid;
        if (name.len == 0 or name.len >= index_name_bytes_end) return error.Invalid;
        return name;
    }
};

fn integerOf(comptime T: type, field: ?[]const u8) error{Invalid}!?T {
    const bytes = field orelse return null;
    if (bytes.len != @sizeOf(T)) return error.Invalid;
    return std.mem.readInt(T, bytes[0..@sizeOf(T)], .big);
}

pub const Projection = union(enum) {
    all,
    none,
    /// Names in the deprecated form: a count, and each with its length in front.
    names: []const u8,
    operations: wire.message.OperationIterator,

    pub fn of(
        version: Version,
        request: *const Request,
        fields: *const Fields,
    ) error{Invalid}!Projection {
        if (request.header.info1.no_bins) return .none;
        if (request.header.operation_count == 0) {
            const names = fields.bins orelse return .all;
            if (!areNames(names)) return error.Invalid;
            return .{ .names = names };
        }
        if (fields.bins != null) return error.Invalid;
        var operations = request.operations;
        while (Request.nextOperation(&operations)) |operation| {
            if (!Request.isBinName(operation.name)) return error.Invalid;
            if (!operation.code.isRead()) return error.Invalid;
            if (bin_operation.refusal(version, &operation) != null) return error.Invalid;
        }
        return .{ .operations = request.operations };
    }

    fn areNames(bytes: []const u8) bool {
        if (bytes.len == 0) return false;
        var names: NameIterator = .init(bytes);
        for (0..bytes[0]) |_| {
            if (names.next() == null) return false;
        }
        return true;
    }
};

pub const NameIterator = struct {
    rest: []const u8,
    remaining: u8,

    pub fn init(bytes: []const u8) NameIterator {
        return .{ .rest = bytes[1..], .remaining = bytes[0] };
    }

    pub fn next(names: *NameIterator) ?[]const u8 {
        if (names.remaining == 0 or names.rest.len == 0) return null;
        const len: usize = names.rest[0];
        if (1 + len > names.rest.len) return null;
        defer names.rest = names.rest[1 + len ..];
        names.remaining -= 1;
        return names.rest[1..][0..len];
    }
};

const testing = std.testing;

test "partitions are named once, by number or by a digest to go on after" {
    var arena = std.heap.ArenaAllocator.init(testing.allocator);
    defer arena.deinit();
    const digest = "\x07\x00abcdefghijklmnopqr";
    const fields: Fields = .{ .partition_ids = "\x01\x00\xff\x0f", .digests = digest };
    const partitions = try fields.partitions(arena.allocator());
    try testing.expectEqual(@as(u16, 3), partitions.count);
    try testing.expect(partitions.requested.isSet(1));
    try testing.expect(partitions.requested.isSet(4095));
    try testing.expectEqualStrings(digest, &partitions.resumes.get(7).?.digest);
    const bad = [_]Fields{
        .{ .partition_ids = "" },
        .{ .partition_ids = "\x00\x10" },
        .{ .partition_ids = "\x05\x00\x05\x00" },
        .{ .partition_ids = "\x07\x00", .digests = digest },
        .{ .digests = digest, .index_range = "x" },
        .{ .digests = digest, .index_range = "x", .index_values = "1234567" },
        .{ .partition_ids = "\x07\x00", .index_values = "12345678" },
    };
    for (bad) |case| {
        try testing.expectError(error.Invalid, case.partitions(arena.allocator()));
    }
}

test "numbers have their size, and a short query takes no rate" {
    const fields: Fields = .{ .records_per_second = "\x00\x00\x00\x05", .records_max = "\x05" };
    try testing.expectEqual(@as(u32, 5), try fields.recordsPerSecond(false));
    try testing.expectError(error.Invalid, fields.recordsPerSecond(true));
    try testing.expectError(error.Invalid, fields.recordsMax());
    try testing.expectEqual(@as(u64, 0), fields.taskId());
}
