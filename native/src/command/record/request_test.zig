//! What requests become on the wire, and what is refused before anything is sent.

const std = @import("std");
const testing = std.testing;
const request = @import("request.zig");
const wire = @import("../../wire.zig");
const Failure = @import("../../status.zig").Failure;
const Policy = @import("../../engine.zig").Policy;
const Status = @import("../../status.zig").Status;
const msgpack = wire.msgpack;

/// Encodes a request and decodes its frame again.
const Encoded = struct {
    memory: [1024]u8 = undefined,
    frame_memory: [4096]u8 = undefined,
    request: request.Encoded = undefined,
    failure: Failure = .{},
    message: wire.message.Message = undefined,

    fn run(
        encoded: *Encoded,
        command: request.Command,
        bytes: []const u8,
        policy: *const Policy,
    ) !void {
        var frame = wire.Buffer.fixed(&encoded.frame_memory);
        try request.encode(command, bytes, policy, .now, &encoded.request, &frame, &encoded.failure);
        const header = try wire.proto.decode(frame.written()[0..8], 4096);
        try testing.expectEqual(wire.proto.Kind.message, header.kind);
        try testing.expectEqual(frame.written().len, 8 + header.size);
        encoded.message = try .decode(frame.written()[8..]);
    }

    fn expectFailure(
        encoded: *Encoded,
        command: request.Command,
        bytes: []const u8,
        status: Status,
        text: []const u8,
    ) !void {
        try testing.expectError(error.Failed, encoded.run(command, bytes, &.{}));
        try testing.expectEqual(status, encoded.failure.status);
        if (std.mem.find(u8, encoded.failure.message(), text) == null) {
            std.debug.print("message: {s}\n", .{encoded.failure.message()});
            return error.TextNotFound;
        }
    }
};

/// [["test", "demo", "k"], …], its argument appended by the caller.
fn keyed(buffer: *wire.Buffer, members: u32) !void {
    try msgpack.writeArrayHeader(buffer, members);
    try msgpack.writeArrayHeader(buffer, 3);
    try msgpack.writeString(buffer, "test");
    try msgpack.writeString(buffer, "demo");
    try msgpack.writeString(buffer, "k");
}

test "a put has namespace, set, digest and a write operation per bin" {
    var memory: [256]u8 = undefined;
    var bytes = wire.Buffer.fixed(&memory);
    try keyed(&bytes, 2);
    try msgpack.writeMapHeader(&bytes, 2);
    try msgpack.writeString(&bytes, "a");
    try msgpack.writeInt(&bytes, -5);
    try msgpack.writeString(&bytes, "b");
    try msgpack.writeNil(&bytes);
    const policy: Policy = .{
        .exists = .replace_only,
        .generation_policy = .equal,
        .generation = 7,
        .ttl = -2,
        .send_key = true,
        .durable_delete = true,
        .commit_level = .master,
    };
    var encoded: Encoded = .{};
    try encoded.run(.put, bytes.written(), &policy);
    const header = encoded.message.header;
    try testing.expectEqual(
        wire.message.Info2{ .write = true, .generation = true, .durable_delete = true },
        header.info2,
    );
    try testing.expectEqual(
        wire.message.Info3{ .replace_only = true, .commit_master = true },
        header.info3,
    );
    try testing.expectEqual(@as(u32, 7), header.generation);
    try testing.expectEqual(@as(u32, 0xffff_fffe), header.record_ttl);
    try testing.expectEqual(@as(u32, 1000), header.transaction_ttl);
    var fields = encoded.message.fields();
    try testing.expectEqualStrings("test", (try fields.next()).?.data);
    try testing.expectEqualStrings("demo", (try fields.next()).?.data);
    try testing.expectEqualSlices(u8, &encoded.request.key.digest, (try fields.next()).?.data);
    try testing.expectEqualStrings("\x03k", (try fields.next()).?.data);
    try testing.expectEqual(null, try fields.next());
    var operations = fields.operations(header.operation_count);
    const first = (try operations.next()).?;
    try testing.expectEqual(wire.operation.Code.write, first.code);
    try testing.expectEqualStrings("a", first.name);
    try testing.expectEqual(@as(i64, -5), try wire.particle.decodeInteger(first.value));
    const second = (try operations.next()).?;
    try testing.expectEqual(wire.particle.Type.nil, second.particle);
    try testing.expectEqual(null, try operations.next());
}

test "reads ask for everything, for named bins, or for the metadata alone" {
    var memory: [256]u8 = undefined;
    var bytes = wire.Buffer.fixed(&memory);
    try keyed(&bytes, 1);
    var encoded: Encoded = .{};
    try encoded.run(.get, bytes.written(), &.{});
    try testing.expectEqual(
        wire.message.Info1{ .read = true, .get_all = true },
        encoded.message.header.info1,
    );
    try encoded.run(.exists, bytes.written(), &.{ .read_mode_ap = .all });
    try testing.expectEqual(
        wire.message.Info1{ .read = true, .no_bins = true, .read_mode_all = true },
        encoded.message.header.info1,
    );
    bytes.clear();
    try keyed(&bytes, 2);
    try msgpack.writeArrayHeader(&bytes, 1);
    try msgpack.writeString(&bytes, "city");
    try encoded.run(.select, bytes.written(), &.{ .read_mode_sc = .allow_unavailable });
    try testing.expectEqual(wire.message.Info1{ .read = true }, encoded.message.header.info1);
    try testing.expectEqual(
        wire.message.Info3{ .sc_read_type = true, .sc_read_relax = true },
        encoded.message.header.info3,
    );
    var operations = try encoded.message.operations();
    try testing.expectEqualStrings("city", (try operations.next()).?.name);
}

test "a digest stands in for the user key" {
    var memory: [256]u8 = undefined;
    var bytes = wire.Buffer.fixed(&memory);
    const digest: wire.digest.Digest = @splat(9);
    try msgpack.writeArrayHeader(&bytes, 1);
    try msgpack.writeArrayHeader(&bytes, 4);
    try msgpack.writeString(&bytes, "test");
    try msgpack.writeString(&bytes, "");
    try msgpack.writeNil(&bytes);
    try msgpack.writeBinary(&bytes, &digest);
    var encoded: Encoded = .{};
    // Even if asked for: there is no user key to be sent.
    try encoded.run(.get, bytes.written(), &.{ .send_key = true });
    try testing.expectEqualSlices(u8, &digest, (try encoded.message.findField(.digest)).?);
    try testing.expectEqual(null, try encoded.message.findField(.key));
    try testing.expectEqual(null, try encoded.message.findField(.set));
}

test "what is wrong with a request is said" {
    var memory: [256]u8 = undefined;
    var bytes = wire.Buffer.fixed(&memory);
    var encoded: Encoded = .{};
    try encoded.expectFailure(.get, "\x91", .invalid_argument, "not well-formed");
    try encoded.expectFailure(.get, "\x90", .invalid_argument, "must have 1 members, not 0");
    try encoded.expectFailure(.get, "\x91\x05", .invalid_argument, "the key must be");
    try keyed(&bytes, 1);
    try encoded.expectFailure(.put, bytes.written(), .invalid_argument, "must have 2 members");
    bytes.clear();
    try keyed(&bytes, 2);
    try msgpack.writeMapHeader(&bytes, 0);
    try encoded.expectFailure(.put, bytes.written(), .invalid_argument, "at least one bin");
    bytes.clear();
    try keyed(&bytes, 2);
    try msgpack.writeMapHeader(&bytes, 1);
    try msgpack.writeString(&bytes, "sixteen-bytes-xx");
    try msgpack.writeInt(&bytes, 1);
    try encoded.expectFailure(.put, bytes.written(), .bin_name, "'sixteen-bytes-xx' has 16 bytes");
    bytes.clear();
    try keyed(&bytes, 2);
    try msgpack.writeMapHeader(&bytes, 1);
    try msgpack.writeString(&bytes, "big");
    try msgpack.writeUint(&bytes, 1 << 63);
    try encoded.expectFailure(.put, bytes.written(), .invalid_argument, "64 bits");
    bytes.clear();
    try keyed(&bytes, 3);
    try msgpack.writeString(&bytes, "n");
    try msgpack.writeString(&bytes, "1");
    try encoded.expectFailure(
        .increment,
        bytes.written(),
        .invalid_argument,
        "increment of bin 'n' does not take a value of type string",
    );
}
