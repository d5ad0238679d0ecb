//! From a query's MessagePack request to the bytes that one node is asked with.
//!
//! `Query.parse` checks the request, a map, and copies what it needs, as the query outlives the
//! call that opens it. `encode` writes the frame for one stream of a round; it does no I/O.

const std = @import("std");
const assert = std.debug.assert;
const context = @import("../cdt/context.zig");
const expression = @import("../expression/expression.zig");
const function_fields = @import("../record/function.zig");
const operate = @import("../record/operate.zig");
const operate_reply = @import("../record/operate_reply.zig");
const request = @import("../record/request.zig");
const wire = @import("../../wire.zig");
const Failure = @import("../../status.zig").Failure;
const Policy = @import("../../engine.zig").Policy;
const Tracker = @import("partition_tracker.zig").Tracker;
const msgpack = wire.msgpack;
const particle = wire.particle;
const invalid = request.invalid;
const malformed = request.malformed;

pub const Error = error{Failed} || wire.Buffer.Error;

/// Whether the server may take its time; the numbers are those of the API's constants.
const ExpectedDuration = enum(u8) { long = 0, short = 1, long_relax_ap = 2 };

/// Of what is indexed; the numbers are those of the API's constants.
pub const DataType = enum(u8) { string = 0, integer = 1, geo2dsphere = 2, blob = 3 };

/// What in a bin is indexed; the numbers are those of the API and of the protocol.
pub const Collection = enum(u8) { default = 0, list = 1, map_keys = 2, map_values = 3 };

/// Applied to every record by a background query, or to the stream of them by an aggregation; the
/// slices belong to the request.
const Function = struct {
    package: []const u8,
    name: []const u8,
    /// A MessagePack array.
    arguments: []const u8,
};

const Where = struct {
    /// Value of the index range field.
    range: []const u8,
    collection: Collection,
    context: []const u8,
    index: []const u8,
    expression: []const u8,
    /// One record may match with several of its values, and then the server sends it several
    /// times.
    has_duplicates: bool,
};

const Key = enum {
    namespace,
    set,
    bins,
    where,
    max_records,
    records_per_second,
    include_bin_data,
    expected_duration,
    partitions,
    after,
    token,
    operations,
    udf,
};

/// What is asked. Its slices live in the arena that `parse` was given.
pub const Query = struct {
    namespace: []const u8 = "",
    /// Empty: the whole namespace.
    set: []const u8 = "",
    bins: []const []const u8 = &.{},
    where: ?Where = null,
    /// 0: all.
    max_records: u64 = 0,
    /// Of each node; 0: as fast as it can.
    records_per_second: u32 = 0,
    include_bin_data: bool = true,
    expected_duration: ExpectedDuration = .long,
    first_partition: u16 = 0,
    partition_count: u16 = wire.digest.partitions,
    after: ?wire.digest.Digest = null,
    /// Empty: from the beginning.
    token: []const u8 = "",
    /// A MessagePack array of operations, or empty.
    operations: []const u8 = "",
    /// The same as requests have them, which tells what their results mean.
    encoded: operate_reply.Request = .{},
    function: ?Function = null,

    pub fn parse(
        arena: std.mem.Allocator,
        request_bytes: []const u8,
        failure: *Failure,
    ) error{Failed}!Query {
        return parseMap(arena, request_bytes, failure) catch |err| switch (err) {
            error.Failed => error.Failed,
            error.OutOfMemory, error.NoSpaceLeft => {
                failure.set(.out_of_memory, "out of memory for the query", .{});
                return error.Failed;
            },
        };
    }

    fn parseMap(arena: std.mem.Allocator, bytes: []const u8, failure: *Failure) Error!Query {
        var reader: msgpack.Reader = .{ .bytes = try arena.dupe(u8, bytes) };
        const count = switch (reader.next() catch return malformed(failure)) {
            .map => |count| count,
            else => |token| return invalid(failure, "the query must be a map, not {t}", .{token}),
        };
        var query: Query = .{};
        var has_range = false;
        for (0..count) |_| {
            const name = try request.expectString(&reader, "a key of the query", failure);
            const key = std.meta.stringToEnum(Key, name) orelse return invalid(
                failure,
                "the query has the unknown key '{s}'",
                .{name[0..@min(name.len, 64)]},
            );
            if (key == .partitions) has_range = true;
            try query.parseMember(arena, key, &reader, failure);
        }
        try query.check(has_range, failure);
        if (query.operations.len != 0) try query.encodeOperations(arena, failure);
        return query;
    }

    fn encodeOperations(query: *Query, arena: std.mem.Allocator, failure: *Failure) Error!void {
        var out = wire.Buffer.growing(arena, &.{}, request.frame_bytes_max);
        var encoder = try wire.message.Encoder.begin(&out);
        var reader: msgpack.Reader = .{ .bytes = query.operations };
        var summary: operate.Summary = .{};
        try operate.encodeOperations(&encoder, &reader, &summary, failure);
        query.encoded = .{
            .operations = out.written()[summary.operations_start..summary.operations_end],
            .respond_all = summary.respond_all,
        };
    }

    fn parseMember(
        query: *Query,
        arena: std.mem.Allocator,
        key: Key,
        reader: *msgpack.Reader,
        failure: *Failure,
    ) Error!void {
        switch (key) {
            .namespace => query.namespace =
                try request.expectString(reader, "the query's namespace", failure),
            .set => query.set = try request.expectString(reader, "the query's set", failure),
            .bins => query.bins = try parseBins(arena, reader, failure),
            .where => query.where = try parseWhere(arena, reader, failure),
            .max_records => query.max_records =
                try expectInteger(u64, reader, "max_records", failure),
            .records_per_second => query.records_per_second =
                try expectInteger(u32, reader, "records_per_second", failure),
            .include_bin_data => switch (reader.next() catch return malformed(failure)) {
                .boolean => |flag| query.include_bin_data = flag,
                else => return invalid(failure, "include_bin_data must be a bool", .{}),
            },
            .expected_duration => {
                const number = try expectInteger(u8, reader, "expected_duration", failure);
                query.expected_duration = std.enums.fromInt(ExpectedDuration, number) orelse
                    return invalid(failure, "expected_duration has no value {d}", .{number});
            },
            .partitions => try query.parsePartitions(reader, failure),
            .after => {
                const bytes = try expectBytes(reader, "'after'", failure);
                if (bytes.len != wire.digest.digest_bytes) return invalid(
                    failure,
                    "'after' must be a digest of {d} bytes",
                    .{wire.digest.digest_bytes},
                );
                query.after = bytes[0..wire.digest.digest_bytes].*;
            },
            .token => query.token = try expectBytes(reader, "the token", failure),
            .operations => query.operations = reader.value() catch return malformed(failure),
            .udf => query.function = try parseFunction(reader, failure),
        }
    }

    fn parsePartitions(query: *Query, reader: *msgpack.Reader, failure: *Failure) Error!void {
        const text = "the partitions must be [first, count]";
        if (try request.expectArray(reader, text, failure) != 2) return invalid(failure, text, .{});
        const first = try expectInteger(u32, reader, "the first partition", failure);
        const count = try expectInteger(u32, reader, "the number of partitions", failure);
        const last = wire.digest.partitions - 1;
        if (first > last or count == 0 or count > wire.digest.partitions - first) return invalid(
            failure,
            "there are partitions 0 to {d}; {d} from {d} are not among them",
            .{ last, count, first },
        );
        query.first_partition = @intCast(first);
        query.partition_count = @intCast(count);
    }

    fn check(query: *Query, has_range: bool, failure: *Failure) error{Failed}!void {
        try request.checkNamespace(query.namespace, failure);
        try request.checkSet(query.set, failure);
        if (query.operations.len != 0 and query.bins.len != 0) {
            return invalid(failure, "a query takes bins or operations, not both", .{});
        }
        if (query.function != null and (query.operations.len != 0 or query.bins.len != 0)) {
            return invalid(failure, "a query with a function takes no bins or operations", .{});
        }
        if (query.token.len != 0 and (query.after != null or has_range)) {
            return invalid(failure, "a query with a token has the partitions of the token", .{});
        }
        const digest = query.after orelse return;
        if (query.where != null) {
            return invalid(failure, "only a query without a predicate can begin after a digest", .{});
        }
        const partition_id = wire.digest.partitionId(&digest);
        if (has_range and partition_id != query.first_partition) return invalid(
            failure,
            "the digest is in partition {d}, not in {d}, the first of the query",
            .{ partition_id, query.first_partition },
        );
        if (has_range) return;
        query.first_partition = partition_id;
        query.partition_count = 1;
    }

    /// Whether servers can be told how many records to send. They count what operations fail on,
    /// and send nothing of it, so that nobody knew whether there is more.
    pub fn serversCount(query: *const Query) bool {
        return query.operations.len == 0;
    }

    /// Tells queries with different records apart, for their tokens.
    pub fn mark(query: *const Query) [Tracker.mark_bytes]u8 {
        var hash: wire.digest.Ripemd160 = .{};
        const where: Where = query.where orelse .{
            .range = "",
            .collection = .default,
            .context = "",
            .index = "",
            .expression = "",
            .has_duplicates = false,
        };
        const parts = [_][]const u8{
            query.namespace,                   query.set,     where.range,
            &.{@backingInt(where.collection)}, where.context, where.index,
            where.expression,
        };
        for (parts) |part| {
            var size: [4]u8 = undefined;
            std.mem.writeInt(u32, &size, @intCast(part.len), .big);
            hash.update(&size);
            hash.update(part);
        }
        const digest = hash.final();
        return digest[0..Tracker.mark_bytes].*;
    }
};

fn parseBins(
    arena: std.mem.Allocator,
    reader: *msgpack.Reader,
    failure: *Failure,
) Error![]const []const u8 {
    const count = try request.expectArray(reader, "the bins must be an array", failure);
    // Each takes a byte at least, which bounds what a wrong count could ask for.
    if (count > reader.rest().len) return malformed(failure);
    const bins = try arena.alloc([]const u8, count);
    for (bins) |*bin| bin.* = try request.expectBinName(reader, failure);
    return bins;
}

/// [package, function, [argument]].
fn parseFunction(reader: *msgpack.Reader, failure: *Failure) Error!Function {
    const text = "the function must be [package, function, [argument]]";
    if (try request.expectArray(reader, text, failure) != 3) return invalid(failure, text, .{});
    return .{
        .package = try request.expectString(reader, "the package", failure),
        .name = try request.expectString(reader, "the function", failure),
        .arguments = reader.value() catch return malformed(failure),
    };
}

/// [bin or nil, collection, begin, end] and, perhaps, a map of context, index and expression.
fn parseWhere(
    arena: std.mem.Allocator,
    reader: *msgpack.Reader,
    failure: *Failure,
) Error!Where {
    const text = "the predicate must be [bin, collection, begin, end] and perhaps a map";
    const count = try request.expectArray(reader, text, failure);
    if (count != 4 and count != 5) return invalid(failure, text, .{});
    const bin = switch (reader.next() catch return malformed(failure)) {
        .nil => "",
        .string => |name| name,
        else => |token| return invalid(failure, "a bin name must be a string, not {t}", .{token}),
    };
    if (bin.len > wire.operation.bin_name_bytes_max) {
        failure.set(.bin_name, "a bin name has at most {d} bytes", .{
            wire.operation.bin_name_bytes_max,
        });
        return error.Failed;
    }
    const number = try expectInteger(u8, reader, "the predicate's collection", failure);
    const collection = std.enums.fromInt(Collection, number) orelse
        return invalid(failure, "the predicate's collection has no value {d}", .{number});
    var range = wire.Buffer.growing(arena, &.{}, request.frame_bytes_max);
    try range.byte(1);
    try range.byte(@intCast(bin.len));
    try range.append(bin);
    const is_range = try writeRange(&range, reader, failure);
    var where: Where = .{
        .range = range.written(),
        .collection = collection,
        .context = "",
        .index = "",
        .expression = "",
        .has_duplicates = is_range and collection != .default,
    };
    if (count == 5) try parseWhereOptions(arena, &where, reader, failure);
    const is_named = where.index.len != 0 or where.expression.len != 0;
    if ((bin.len == 0) != is_named) {
        return invalid(failure, "a predicate names a bin, or else an index or expression", .{});
    }
    return where;
}

fn parseWhereOptions(
    arena: std.mem.Allocator,
    where: *Where,
    reader: *msgpack.Reader,
    failure: *Failure,
) Error!void {
    const count = switch (reader.next() catch return malformed(failure)) {
        .map => |count| count,
        else => return invalid(failure, "the predicate's options must be a map", .{}),
    };
    for (0..count) |_| {
        const name = try request.expectString(reader, "a key of the predicate", failure);
        const Option = enum { context, index, expression };
        switch (std.meta.stringToEnum(Option, name) orelse return invalid(
            failure,
            "the predicate has the unknown key '{s}'",
            .{name[0..@min(name.len, 64)]},
        )) {
            .context => {
                var out = wire.Buffer.growing(arena, &.{}, request.frame_bytes_max);
                try context.encodeContext(&out, reader, failure);
                where.context = out.written();
            },
            .index => where.index = try request.expectString(reader, "the index", failure),
            .expression => where.expression = try expectBytes(reader, "the expression", failure),
        }
    }
}

/// Appends type, begin and end. True when they are not the same.
fn writeRange(out: *wire.Buffer, reader: *msgpack.Reader, failure: *Failure) Error!bool {
    const begin = reader.next() catch return malformed(failure);
    const end = reader.next() catch return malformed(failure);
    switch (begin) {
        .int => |low| {
            const high = switch (end) {
                .int => |value| value,
                else => return differentTypes(failure),
            };
            if (low > high) {
                return invalid(failure, "the range from {d} to {d} is reversed", .{ low, high });
            }
            try out.byte(@backingInt(particle.Type.integer));
            for ([_]i64{ low, high }) |value| {
                try out.int(u32, 8);
                try out.int(i64, value);
            }
            return low != high;
        },
        .string => |text| try writePoint(out, .string, text, end, failure),
        .binary => |bytes| try writePoint(out, .blob, bytes, end, failure),
        .extension => |extension| {
            if (extension.kind != particle.extension_geojson) return wrongType(failure);
            switch (end) {
                .nil => {},
                else => return invalid(failure, "a geo predicate has nil as its end", .{}),
            }
            try out.byte(@backingInt(particle.Type.geojson));
            for (0..2) |_| try writeSized(out, extension.data);
            return true;
        },
        else => return wrongType(failure),
    }
    return false;
}

/// Strings and bytes can only be asked for one at a time.
fn writePoint(
    out: *wire.Buffer,
    kind: particle.Type,
    begin: []const u8,
    end: msgpack.Token,
    failure: *Failure,
) Error!void {
    const other = switch (end) {
        .string, .binary => |bytes| bytes,
        else => return differentTypes(failure),
    };
    if (!std.mem.eql(u8, begin, other)) {
        return invalid(failure, "a range is of integers; strings and bytes can be equal only", .{});
    }
    try out.byte(@backingInt(kind));
    for (0..2) |_| try writeSized(out, begin);
}

fn writeSized(out: *wire.Buffer, bytes: []const u8) Error!void {
    if (bytes.len > std.math.maxInt(u32)) return error.NoSpaceLeft;
    try out.int(u32, @intCast(bytes.len));
    try out.append(bytes);
}

fn differentTypes(failure: *Failure) error{Failed} {
    return invalid(failure, "begin and end of the predicate have different types", .{});
}

fn wrongType(failure: *Failure) error{Failed} {
    const text = "a predicate takes an integer of 64 bits, a string, bytes or GeoJSON";
    return invalid(failure, text, .{});
}

fn expectInteger(
    comptime T: type,
    reader: *msgpack.Reader,
    comptime what: []const u8,
    failure: *Failure,
) error{Failed}!T {
    switch (reader.next() catch return malformed(failure)) {
        .int => |value| if (std.math.cast(T, value)) |number| return number,
        .uint => |value| if (std.math.cast(T, value)) |number| return number,
        else => {},
    }
    const text = what ++ " must be an integer from 0 to {d}";
    return invalid(failure, text, .{std.math.maxInt(T)});
}

fn expectBytes(
    reader: *msgpack.Reader,
    comptime what: []const u8,
    failure: *Failure,
) error{Failed}![]const u8 {
    return switch (reader.next() catch return malformed(failure)) {
        .binary => |bytes| bytes,
        else => |token| invalid(failure, what ++ " must be bytes, not {t}", .{token}),
    };
}

/// One stream of a round.
pub const Part = struct {
    tracker: *const Tracker,
    stream: u16,
    /// The most records to send; 0: all.
    records_max: u64,
    /// Unique among the jobs of the cluster.
    task_id: u64,

    fn count(part: *const Part) struct { untouched: u32, positioned: u32 } {
        var counts = [2]u32{ 0, 0 };
        for (part.tracker.partitions) |*partition| {
            if (partition.is_done or partition.stream != part.stream) continue;
            counts[@intFromBool(partition.has_position)] += 1;
        }
        return .{ .untouched = counts[0], .positioned = counts[1] };
    }

    fn iterate(part: *const Part, has_position: bool) Iterator {
        return .{ .part = part, .has_position = has_position };
    }

    /// The part's partitions with a position, or those without.
    const Iterator = struct {
        part: *const Part,
        has_position: bool,
        index: u16 = 0,

        fn next(iterator: *Iterator) ?u16 {
            const partitions = iterator.part.tracker.partitions;
            while (iterator.index < partitions.len) {
                const index = iterator.index;
                iterator.index += 1;
                const partition = &partitions[index];
                if (partition.is_done or partition.stream != iterator.part.stream) continue;
                if (partition.has_position == iterator.has_position) return index;
            }
            return null;
        }
    };
};

/// Appends the frame that asks one node for its part of a query's records.
pub fn encode(
    query: *const Query,
    policy: *const Policy,
    part: *const Part,
    out: *wire.Buffer,
    failure: *Failure,
) Error!void {
    assert(query.function == null);
    var encoder = try wire.message.Encoder.begin(out);
    try encodeFields(&encoder, query, policy, part.task_id);
    // Servers do not send records that have none of the bins, but count them.
    const counts_others = part.records_max != 0 and query.include_bin_data;
    try encodeFilter(&encoder, policy.filter, if (counts_others) query.bins else &.{});
    try encodePartitions(&encoder, query, part);
    if (part.records_max != 0) try encoder.fieldInt(.records_max, u64, part.records_max);
    const is_short = query.expected_duration == .short;
    var header: wire.message.Header = .{
        .info1 = .{
            .read = true,
            .short_query = is_short,
            .no_bins = !query.include_bin_data,
            .compress_response = policy.compress,
        },
        .info4 = .{ .error_verbosity = request.errorVerbosity(policy) },
        .info2 = .{ .relax_long_query = query.expected_duration == .long_relax_ap },
        .info3 = .{ .partition_done = true },
        // Reading does not prolong the records' lives.
        .record_ttl = std.math.maxInt(u32),
        .transaction_ttl = policy.serverTimeout(),
    };
    for (query.bins) |bin| encoder.operation(.read, .nil, bin, "") catch |err| switch (err) {
        // Checked when the request was parsed.
        error.BinNameTooLong => unreachable,
        else => |other| return other,
    };
    if (query.operations.len != 0) {
        var reader: msgpack.Reader = .{ .bytes = query.operations };
        var summary: operate.Summary = .{};
        try operate.encodeOperations(&encoder, &reader, &summary, failure);
        if (summary.isWrite()) {
            return invalid(failure, "only a background query can write", .{});
        }
        if (summary.read_all) {
            return invalid(failure, "a query with operations cannot read all bins", .{});
        }
        header.info2.respond_all_operations = summary.respond_all;
    }
    encoder.finish(header);
}

/// Appends the frame that has a node apply operations or a function to all its records.
pub fn encodeBackground(
    query: *const Query,
    policy: *const Policy,
    task_id: u64,
    out: *wire.Buffer,
    failure: *Failure,
) Error!void {
    var encoder = try wire.message.Encoder.begin(out);
    try encodeFields(&encoder, query, policy, task_id);
    try encodeFilter(&encoder, policy.filter, &.{});
    var header = request.writeHeader(policy);
    header.generation = 0;
    header.info2.generation = false;
    header.info2.generation_greater = false;
    if (query.function) |*function| {
        try encoder.fieldInt(.udf_operation, u8, udf_operation_background);
        try function_fields.encode(
            &encoder,
            function.package,
            function.name,
            function.arguments,
            failure,
        );
    } else {
        if (query.operations.len == 0) {
            return invalid(failure, "a background query needs operations or a function", .{});
        }
        var reader: msgpack.Reader = .{ .bytes = query.operations };
        var summary: operate.Summary = .{};
        try operate.encodeOperations(&encoder, &reader, &summary, failure);
        if (summary.has_read) {
            return invalid(failure, "a background query can only write", .{});
        }
        if (summary.ttl_s) |ttl_s| header.record_ttl = @bitCast(ttl_s);
    }
    encoder.finish(header);
}

/// Appends the frame that has a node apply a function to the stream of all its records.
pub fn encodeAggregation(
    query: *const Query,
    policy: *const Policy,
    task_id: u64,
    out: *wire.Buffer,
    failure: *Failure,
) Error!void {
    const function = query.function orelse {
        return invalid(failure, "an aggregation needs a function", .{});
    };
    var encoder = try wire.message.Encoder.begin(out);
    try encodeFields(&encoder, query, policy, task_id);
    try encodeFilter(&encoder, policy.filter, &.{});
    try encoder.fieldInt(.udf_operation, u8, udf_operation_aggregate);
    try function_fields.encode(
        &encoder,
        function.package,
        function.name,
        function.arguments,
        failure,
    );
    encoder.finish(.{
        .info1 = .{ .read = true },
        .transaction_ttl = policy.serverTimeout(),
    });
}

const udf_operation_aggregate = 1;
const udf_operation_background = 2;

fn encodeFields(
    encoder: *wire.message.Encoder,
    query: *const Query,
    policy: *const Policy,
    task_id: u64,
) Error!void {
    try encoder.field(.namespace, query.namespace);
    if (query.set.len != 0) try encoder.field(.set, query.set);
    if (query.records_per_second != 0) {
        try encoder.fieldInt(.records_per_second, u32, query.records_per_second);
    }
    try encoder.fieldInt(.socket_timeout, u32, policy.socket_timeout_ms);
    try encoder.fieldInt(.task_id, u64, task_id);
    if (query.where) |*where| {
        if (where.collection != .default) {
            try encoder.fieldInt(.index_kind, u8, @backingInt(where.collection));
        }
        try encoder.field(.index_range, where.range);
        if (where.context.len != 0) try encoder.field(.index_context, where.context);
        if (where.index.len != 0) try encoder.field(.index_name, where.index);
        if (where.expression.len != 0) try encoder.field(.index_expression, where.expression);
    }
}

/// Appends a filter that records have to pass, which is empty for none, and one of the bins has to
/// be there, unless there are none.
fn encodeFilter(
    encoder: *wire.message.Encoder,
    filter: []const u8,
    bins: []const []const u8,
) Error!void {
    if (filter.len == 0 and bins.len == 0) return;
    const start = try encoder.beginField(.filter);
    const out = encoder.buffer;
    const has_both = filter.len != 0 and bins.len != 0;
    if (has_both) try expression.writeHead(out, expression.code_and, 2);
    try out.append(filter);
    if (bins.len > 1) try expression.writeHead(out, expression.code_or, @intCast(bins.len));
    for (bins) |bin| try expression.writeBinExists(out, bin);
    try encoder.endField(start);
}

/// Appends the partitions to begin with, and those to go on with after a record.
fn encodePartitions(
    encoder: *wire.message.Encoder,
    query: *const Query,
    part: *const Part,
) Error!void {
    const counts = part.count();
    const buffer = encoder.buffer;
    if (counts.untouched != 0) {
        const start = try encoder.beginField(.partition_ids);
        var iterator = part.iterate(false);
        while (iterator.next()) |index| {
            const id = part.tracker.first + index;
            // Here, and only here, the least significant byte comes first.
            try buffer.append(&.{ @truncate(id), @intCast(id >> 8) });
        }
        try encoder.endField(start);
    }
    if (counts.positioned == 0) return;
    const start = try encoder.beginField(.digests);
    var iterator = part.iterate(true);
    while (iterator.next()) |index| try buffer.append(&part.tracker.partitions[index].digest);
    try encoder.endField(start);
    if (query.where == null) return;
    const values_start = try encoder.beginField(.index_values);
    iterator = part.iterate(true);
    while (iterator.next()) |index| try buffer.append(&part.tracker.partitions[index].index_value);
    try encoder.endField(values_start);
}
