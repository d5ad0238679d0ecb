//! From a command's MessagePack request to the bytes of the protocol, for commands on one record.
//!
//! A request is one MessagePack array (the header of the C ABI lists them). `encode` checks it,
//! appends the frame to a buffer, and says where the frame goes; it does no I/O and keeps nothing.
//! This is the one place that knows how policies become bits of the protocol.

const std = @import("std");
const metrics = @import("../../metrics.zig");
const function = @import("function.zig");
const operate = @import("operate.zig");
const processor = @import("../../processor.zig");
const result = @import("../../result.zig");
const Failure = @import("../../status.zig").Failure;
const Status = @import("../../status.zig").Status;
const wire = @import("../../wire.zig");
const msgpack = wire.msgpack;
const Policy = @import("../../engine.zig").Policy;

/// Commands on one record; the numbers are those of the C ABI.
pub const Command = enum(i32) {
    put = 1,
    get = 2,
    select = 3,
    exists = 4,
    remove = 5,
    touch = 6,
    append = 7,
    prepend = 8,
    increment = 9,
    remove_bin = 10,
    operate = 11,
    operate_ordered = 12,
    apply = 13,

    /// Whether the defaults of a write apply. Operations are taken for writes: what they really
    /// are is known when they are encoded.
    pub fn hasWriteDefaults(command: Command) bool {
        return switch (command) {
            .get, .select, .exists => false,
            else => true,
        };
    }

    /// What a successful reply is turned into.
    pub fn shape(command: Command) Shape {
        return switch (command) {
            .get, .select => .record,
            .exists => .metadata,
            .operate => .operated,
            .operate_ordered => .operated_in_order,
            .apply => .value,
            else => .nothing,
        };
    }

    pub const Shape = enum { nothing, metadata, record, operated, operated_in_order, value };

    /// Whether what the server answers may be long.
    pub fn answersWithBins(command: Command) bool {
        return switch (command.shape()) {
            .nothing, .metadata => false,
            .record, .operated, .operated_in_order, .value => true,
        };
    }

    /// What it is counted as.
    pub fn metric(command: Command) metrics.Operation {
        return switch (command) {
            .put => .put,
            .get => .get,
            .select => .select,
            .exists => .exists,
            .remove => .delete,
            .touch => .touch,
            .append => .append,
            .prepend => .prepend,
            .increment => .increment,
            .remove_bin => .remove_bin,
            .operate => .operate,
            .operate_ordered => .operate_ordered,
            .apply => .apply,
        };
    }

    /// What a batch is counted as whose rows are this command.
    pub fn batchMetric(command: Command) metrics.Operation {
        return switch (command) {
            .get, .select, .exists => .batch_read,
            .remove => .batch_remove,
            .operate, .operate_ordered => .batch_operate,
            .apply => .batch_apply,
            else => .batch_write,
        };
    }
};

/// A record's address. The slices belong to the request.
pub const Key = struct {
    namespace: []const u8,
    set: []const u8,
    /// Namespace, set and user key (nil when only the digest is known) as MessagePack, to be echoed
    /// in results.
    members_msgpack: []const u8,
    /// The user key as a particle; `.nil` when only the digest is known.
    user_key_type: wire.particle.Type,
    user_key: []const u8,
    user_key_storage: [8]u8,
    digest: wire.digest.Digest,

    pub fn partitionId(key: *const Key) u16 {
        return wire.digest.partitionId(&key.digest);
    }

    /// Reads [namespace, set, user key] or [namespace, set, nil, digest]. `key` is filled in place
    /// because an integer's bytes live inside it.
    pub fn parse(key: *Key, reader: *msgpack.Reader, failure: *Failure) error{Failed}!void {
        if (try key.parseMembers(reader, failure)) return;
        key.computeDigest();
    }

    fn computeDigest(key: *Key) void {
        key.digest = wire.digest.keyDigest(key.set, key.user_key_type, key.user_key);
    }

    /// True when the digest was among the members.
    fn parseMembers(key: *Key, reader: *msgpack.Reader, failure: *Failure) error{Failed}!bool {
        const shape_text = "the key must be [namespace, set, user key] or " ++
            "[namespace, set, nil, digest]";
        const count = try expectArray(reader, shape_text, failure);
        if (count != 3 and count != 4) return invalid(failure, shape_text, .{});
        const start = reader.position;
        key.namespace = try expectString(reader, "the key's namespace", failure);
        key.set = try expectString(reader, "the key's set", failure);
        try checkNamespace(key.namespace, failure);
        try checkSet(key.set, failure);
        try key.parseUserKey(reader, failure);
        key.members_msgpack = reader.bytes[start..reader.position];
        if (count == 4) try key.parseDigest(reader, failure);
        if (key.user_key_type == .nil and count == 3) {
            return invalid(failure, no_user_key, .{});
        }
        return count == 4;
    }

    fn parseUserKey(key: *Key, reader: *msgpack.Reader, failure: *Failure) error{Failed}!void {
        const token = reader.next() catch return malformed(failure);
        switch (token) {
            .nil => key.setUserKey(.nil, &.{}),
            .string => |text| key.setUserKey(.string, text),
            .binary => |bytes| key.setUserKey(.blob, bytes),
            .int => |value| {
                std.mem.writeInt(i64, &key.user_key_storage, value, .big);
                key.setUserKey(.integer, &key.user_key_storage);
            },
            .uint => return invalid(failure, "the user key does not fit into 64 bits", .{}),
            else => return invalid(
                failure,
                "the user key must be a string, an integer or bytes, not {t}",
                .{token},
            ),
        }
    }

    fn setUserKey(key: *Key, kind: wire.particle.Type, bytes: []const u8) void {
        key.user_key_type = kind;
        key.user_key = bytes;
    }

    fn parseDigest(key: *Key, reader: *msgpack.Reader, failure: *Failure) error{Failed}!void {
        const token = reader.next() catch return malformed(failure);
        const bytes = switch (token) {
            .binary => |bytes| bytes,
            else => return invalid(failure, "the digest must be bytes, not {t}", .{token}),
        };
        if (bytes.len != key.digest.len) return invalid(
            failure,
            "the digest must have {d} bytes, not {d}",
            .{ key.digest.len, bytes.len },
        );
        @memcpy(&key.digest, bytes);
    }

    /// What columns are made of.
    pub fn address(key: *const Key) result.arrow.Key {
        return .{
            .namespace = key.namespace,
            .set = key.set,
            .user_key_type = key.user_key_type,
            .user_key = key.user_key,
            .digest = &key.digest,
        };
    }

    /// Appends the key as results show it: [namespace, set, user key or nil, digest].
    pub fn write(key: *const Key, out: *wire.Buffer) wire.Buffer.Error!void {
        try msgpack.writeArrayHeader(out, 4);
        try out.append(key.members_msgpack);
        try msgpack.writeBinary(out, &key.digest);
    }
};

/// Reads the keys of a batch, one after the other. Most have the place of the one before: what
/// tells that is looked at once.
pub const KeyReader = struct {
    digests: wire.digest.KeyDigests,
    /// How a key with three members begins in that place: with the count, namespace and set.
    head: []const u8 = &.{},
    count_bytes: usize = 0,
    namespace: []const u8 = &.{},
    set: []const u8 = &.{},

    pub fn init() KeyReader {
        return .{ .digests = .{ .has_avx2 = processor.hasAvx2() } };
    }

    /// Fills `key`, which has to stay where it is: its digest is there after `finish`.
    pub fn next(
        keys: *KeyReader,
        reader: *msgpack.Reader,
        key: *Key,
        failure: *Failure,
    ) error{Failed}!void {
        if (keys.head.len > 0 and std.mem.startsWith(u8, reader.rest(), keys.head)) {
            const start = reader.position + keys.count_bytes;
            reader.position += keys.head.len;
            key.namespace = keys.namespace;
            key.set = keys.set;
            try key.parseUserKey(reader, failure);
            key.members_msgpack = reader.bytes[start..reader.position];
            if (key.user_key_type == .nil) return invalid(failure, no_user_key, .{});
        } else {
            const start = reader.position;
            if (try key.parseMembers(reader, failure)) return;
            keys.count_bytes = reader.position - start - key.members_msgpack.len;
            var place: msgpack.Reader = .init(key.members_msgpack);
            for (0..2) |_| place.skip() catch return malformed(failure);
            keys.head = reader.bytes[start..][0 .. keys.count_bytes + place.position];
            keys.namespace = key.namespace;
            keys.set = key.set;
        }
        keys.digests.add(key.set, key.user_key_type, key.user_key, &key.digest);
    }

    pub fn finish(keys: *KeyReader) void {
        keys.digests.finish();
    }
};

const no_user_key = "the user key must not be nil";

/// Limits of the server (as/include/base/datamodel.h: AS_NAME_MAX_SIZE, AS_SET_NAME_MAX_SIZE).
const namespace_bytes_max = 31;
const set_bytes_max = 63;

pub fn checkNamespace(namespace: []const u8, failure: *Failure) error{Failed}!void {
    if (namespace.len == 0 or namespace.len > namespace_bytes_max) return invalid(
        failure,
        "the namespace must have 1 to {d} bytes, not {d}",
        .{ namespace_bytes_max, namespace.len },
    );
}

pub fn checkSet(set: []const u8, failure: *Failure) error{Failed}!void {
    if (set.len > set_bytes_max) return invalid(
        failure,
        "the set must have at most {d} bytes, not {d}",
        .{ set_bytes_max, set.len },
    );
}

/// What an encoded request is, for routing it and for reading its reply. Its slices belong to the
/// request and to the frame.
pub const Encoded = struct {
    command: Command,
    key: Key,
    is_write: bool,
    /// The operations in the frame, for replies that answer each of them.
    operations: []const u8 = &.{},
    respond_all: bool = false,
    /// Otherwise `addDigest` and `patchDigest` follow.
    has_digest: bool = true,
    /// In the frame.
    digest_offset: usize = 0,

    /// Has the digest computed beside others.
    pub fn addDigest(encoded: *Encoded, digests: *wire.digest.KeyDigests) void {
        const key = &encoded.key;
        digests.add(key.set, key.user_key_type, key.user_key, &key.digest);
    }

    /// It was computed.
    pub fn patchDigest(encoded: *Encoded, frame: *wire.Buffer) void {
        const digest = &encoded.key.digest;
        @memcpy(frame.written()[encoded.digest_offset..][0..digest.len], digest);
        encoded.has_digest = true;
    }

    /// Counts the command, which has ended.
    pub fn measure(encoded: *const Encoded, status: Status, duration_ns: u64) void {
        const key = &encoded.key;
        const operation = encoded.command.metric();
        metrics.process.record(operation, key.namespace, key.set, status, duration_ns);
    }
};

/// When the digest of a key that has none is computed.
pub const Digesting = enum { now, later };

/// Checks a request and appends its frame to `out`, which is to stay where it is as long as
/// `encoded` is used.
pub fn encode(
    command: Command,
    request: []const u8,
    policy: *const Policy,
    digesting: Digesting,
    encoded: *Encoded,
    out: *wire.Buffer,
    failure: *Failure,
) error{Failed}!void {
    encoded.command = command;
    encoded.operations = &.{};
    encoded.respond_all = false;
    var reader: msgpack.Reader = .{ .bytes = request };
    const argument_count = argumentCount(command);
    const count = try expectArray(&reader, "the request must be an array", failure);
    if (count != 1 + argument_count) return invalid(
        failure,
        "the request of {t} must have {d} members, not {d}",
        .{ command, 1 + argument_count, count },
    );
    encoded.has_digest = try encoded.key.parseMembers(&reader, failure);
    if (!encoded.has_digest and digesting == .now) {
        encoded.key.computeDigest();
        encoded.has_digest = true;
    }
    encodeFrame(&reader, policy, encoded, out, failure) catch |err|
        return describe(err, failure);
}

/// Sets the failure for an error of encoding operations.
pub fn describe(err: anyerror, failure: *Failure) error{Failed} {
    switch (err) {
        error.Failed => return error.Failed,
        error.NoSpaceLeft => return invalid(
            failure,
            "the request is larger than the server accepts ({d} bytes)",
            .{frame_bytes_max},
        ),
        error.OutOfMemory => {
            failure.set(.out_of_memory, "out of memory while encoding the request", .{});
            return error.Failed;
        },
        error.BinNameTooLong => {
            failure.set(.bin_name, "a bin name has at most {d} bytes", .{
                wire.operation.bin_name_bytes_max,
            });
            return error.Failed;
        },
        error.NestingTooDeep => return invalid(
            failure,
            "the value is nested deeper than {d} levels",
            .{wire.particle.depth_max},
        ),
        error.IntegerOverflow => return invalid(
            failure,
            "an integer does not fit into 64 bits",
            .{},
        ),
        error.UnsupportedMapKey => return invalid(
            failure,
            "the keys of a map must be integers, strings or bytes",
            .{},
        ),
        else => return malformed(failure),
    }
}

/// The server refuses larger frames (as/include/base/proto.h: PROTO_SIZE_MAX).
pub const frame_bytes_max = 128 * 1024 * 1024;

fn argumentCount(command: Command) u32 {
    return switch (command) {
        .get, .exists, .remove, .touch => 0,
        .put, .select, .remove_bin, .operate, .operate_ordered => 1,
        .append, .prepend, .increment => 2,
        .apply => 3,
    };
}

fn encodeFrame(
    reader: *msgpack.Reader,
    policy: *const Policy,
    encoded: *Encoded,
    out: *wire.Buffer,
    failure: *Failure,
) !void {
    const key = &encoded.key;
    var encoder = try wire.message.Encoder.begin(out);
    try encoder.field(.namespace, key.namespace);
    if (key.set.len != 0) try encoder.field(.set, key.set);
    try encoder.field(.digest, &key.digest);
    encoded.digest_offset = out.end - key.digest.len;
    // A key that is sent with a write is stored; one sent with a read is checked.
    if (policy.send_key and key.user_key_type != .nil) {
        try encoder.key(key.user_key_type, key.user_key);
    }
    if (policy.filter.len != 0) try encoder.field(.filter, policy.filter);
    var operations: Operations = .{};
    try encodeOperations(encoded.command, &encoder, reader, &operations, failure);
    encoded.is_write = operations.is_write;
    encoded.respond_all = operations.respond_all;
    var header = if (operations.is_write) writeHeader(policy) else readHeader(policy);
    operations.apply(&header);
    // What reads beside writes reads in the same mode.
    if (header.info1.read) setReadMode(&header, policy);
    header.info1.compress_response = policy.compress and encoded.command.answersWithBins();
    if (operations.summary != null) header.info4.on_locking_only = policy.on_locking_only;
    encoder.finish(header);
    encoded.operations = out.written()[operations.start..];
}

/// What a command does to a record, apart from which record that is.
pub const Operations = struct {
    is_write: bool = true,
    get_all: bool = false,
    no_bins: bool = false,
    delete: bool = false,
    respond_all: bool = false,
    /// Of the operate commands.
    summary: ?operate.Summary = null,
    /// Where the operations begin in the encoder's buffer.
    start: usize = 0,

    /// Sets what follows from the operations in a header that the policy has filled.
    pub fn apply(operations: *const Operations, header: *wire.message.Header) void {
        if (operations.summary) |*summary| return summary.apply(header);
        header.info1.get_all = operations.get_all;
        header.info1.no_bins = operations.no_bins;
        header.info2.delete = operations.delete;
        if (operations.delete) header.info4.on_locking_only = false;
    }
};

/// Appends the operations of a command; the reader stands at its arguments.
pub fn encodeOperations(
    command: Command,
    encoder: *wire.message.Encoder,
    reader: *msgpack.Reader,
    operations: *Operations,
    failure: *Failure,
) !void {
    operations.* = .{ .is_write = command.hasWriteDefaults(), .start = encoder.buffer.end };
    switch (command) {
        .put => try encodeBins(encoder, reader, failure),
        .get => operations.get_all = true,
        .select => try encodeNames(encoder, reader, .read, failure),
        .exists => operations.no_bins = true,
        .remove => operations.delete = true,
        .touch => try encoder.operation(.touch, .nil, "", ""),
        .append => try encodeOperand(encoder, reader, .append, failure),
        .prepend => try encodeOperand(encoder, reader, .prepend, failure),
        .increment => try encodeOperand(encoder, reader, .increment, failure),
        .remove_bin => try encodeNames(encoder, reader, .write, failure),
        .operate, .operate_ordered => {
            var summary: operate.Summary = .{};
            try operate.encodeOperations(encoder, reader, &summary, failure);
            operations.is_write = summary.isWrite();
            operations.respond_all = summary.respond_all;
            operations.summary = summary;
        },
        .apply => {
            const package = try expectString(reader, "the package", failure);
            const name = try expectString(reader, "the function", failure);
            const arguments = reader.value() catch return malformed(failure);
            try function.encode(encoder, package, name, arguments, failure);
        },
    }
}

/// The header of a command that reads.
pub fn readHeader(policy: *const Policy) wire.message.Header {
    var header: wire.message.Header = .{
        .info1 = .{ .read = true },
        .info4 = .{ .error_verbosity = errorVerbosity(policy) },
        // For reads, the ttl's place says when a read prolongs the record's life.
        .record_ttl = switch (policy.read_touch_ttl_percent) {
            255 => std.math.maxInt(u32),
            else => |percent| percent,
        },
        .transaction_ttl = policy.serverTimeout(),
    };
    setReadMode(&header, policy);
    return header;
}

fn setReadMode(header: *wire.message.Header, policy: *const Policy) void {
    header.info1.read_mode_all = policy.read_mode_ap == .all;
    header.info3.sc_read_type = switch (policy.read_mode_sc) {
        .linearize, .allow_unavailable => true,
        .session, .allow_replica => false,
    };
    header.info3.sc_read_relax = switch (policy.read_mode_sc) {
        .allow_replica, .allow_unavailable => true,
        .session, .linearize => false,
    };
}

pub fn errorVerbosity(policy: *const Policy) u2 {
    return @intCast(@backingInt(policy.error_details));
}

/// The header of a command that writes.
pub fn writeHeader(policy: *const Policy) wire.message.Header {
    return .{
        .info2 = .{
            .write = true,
            .generation = policy.generation_policy == .equal,
            .generation_greater = policy.generation_policy == .greater,
            .durable_delete = policy.durable_delete,
            .create_only = policy.exists == .create_only,
        },
        .info3 = .{
            .commit_master = policy.commit_level == .master,
            .update_only = policy.exists == .update_only,
            .create_or_replace = policy.exists == .replace,
            .replace_only = policy.exists == .replace_only,
        },
        .info4 = .{
            .on_locking_only = policy.on_locking_only,
            .error_verbosity = errorVerbosity(policy),
        },
        .generation = if (policy.generation_policy == .ignore) 0 else policy.generation,
        .record_ttl = @bitCast(policy.ttl),
        .transaction_ttl = policy.serverTimeout(),
    };
}

fn encodeBins(
    encoder: *wire.message.Encoder,
    reader: *msgpack.Reader,
    failure: *Failure,
) !void {
    const count = switch (try reader.next()) {
        .map => |count| count,
        else => |token| return invalid(failure, "the bins must be a map, not {t}", .{token}),
    };
    if (count == 0) return invalid(failure, "a put needs at least one bin", .{});
    for (0..count) |_| {
        const name = try expectBinName(reader, failure);
        _ = try encoder.operationFromMsgpack(.write, name, reader);
    }
}

/// Operations without a value: a read of a bin, or a write that removes it.
fn encodeNames(
    encoder: *wire.message.Encoder,
    reader: *msgpack.Reader,
    code: wire.operation.Code,
    failure: *Failure,
) !void {
    const count = try expectArray(reader, "the bin names must be an array", failure);
    if (count == 0) return invalid(failure, "at least one bin name is needed", .{});
    for (0..count) |_| {
        try encoder.operation(code, .nil, try expectBinName(reader, failure), "");
    }
}

fn encodeOperand(
    encoder: *wire.message.Encoder,
    reader: *msgpack.Reader,
    code: wire.operation.Code,
    failure: *Failure,
) !void {
    const name = try expectBinName(reader, failure);
    const kind = try encoder.operationFromMsgpack(code, name, reader);
    const fits = switch (code) {
        .increment => kind == .integer or kind == .float,
        .append, .prepend => kind == .string or kind == .blob,
        else => unreachable,
    };
    if (!fits) return invalid(
        failure,
        "{t} of bin '{s}' does not take a value of type {t}",
        .{ code, name, kind },
    );
}

pub fn expectBinName(reader: *msgpack.Reader, failure: *Failure) error{Failed}![]const u8 {
    const name = try expectString(reader, "a bin name", failure);
    if (name.len > wire.operation.bin_name_bytes_max) {
        failure.set(.bin_name, "bin name '{s}' has {d} bytes; at most {d} are allowed", .{
            name[0..@min(name.len, 64)], name.len, wire.operation.bin_name_bytes_max,
        });
        return error.Failed;
    }
    if (name.len == 0) {
        failure.set(.bin_name, "a bin name must not be empty", .{});
        return error.Failed;
    }
    return name;
}

pub fn expectArray(
    reader: *msgpack.Reader,
    comptime text: []const u8,
    failure: *Failure,
) error{Failed}!u32 {
    return switch (reader.next() catch return malformed(failure)) {
        .array => |count| count,
        else => invalid(failure, text, .{}),
    };
}

pub fn expectString(
    reader: *msgpack.Reader,
    comptime what: []const u8,
    failure: *Failure,
) error{Failed}![]const u8 {
    return switch (reader.next() catch return malformed(failure)) {
        .string => |text| text,
        else => |token| invalid(failure, what ++ " must be a string, not {t}", .{token}),
    };
}

pub fn invalid(
    failure: *Failure,
    comptime format: []const u8,
    args: anytype,
) error{Failed} {
    failure.set(.invalid_argument, format, args);
    return error.Failed;
}

pub fn malformed(failure: *Failure) error{Failed} {
    return invalid(failure, "the request is not well-formed MessagePack", .{});
}
