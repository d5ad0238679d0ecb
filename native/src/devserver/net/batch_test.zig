//! Batches as a client sends them, against a core without sockets.

const std = @import("std");
const wire = @import("../../wire.zig");
const status = @import("../../status.zig");
const Core = @import("../core/Core.zig");
const Scratch = @import("../core/Scratch.zig");
const Session = @import("Session.zig");
const record = @import("../data/record.zig");

const testing = std.testing;
const Status = status.Status;

const answer_all = 0x04;
const answer_failed = 0x08;

const row_repeats = 0x01;
const row_has_info = 0x02;

const Batch = struct {
    request: wire.Buffer,
    encoder: wire.message.Encoder,
    field: usize,
    count_offset: usize,
    count: u32 = 0,

    fn begin(batch: *Batch, flags: u8) !void {
        batch.request = .growing(testing.allocator, &.{}, 1 << 24);
        batch.encoder = try .begin(&batch.request);
        batch.field = try batch.encoder.beginField(.batch);
        batch.count_offset = try batch.request.reserve(4);
        batch.count = 0;
        try batch.request.byte(flags);
    }

    fn row(batch: *Batch, key: []const u8, flags: u8) !void {
        const out = &batch.request;
        try out.int(u32, batch.count);
        try out.append(&wire.digest.keyDigest("demo", .string, key));
        try out.byte(flags);
        batch.count += 1;
    }

    fn repeat(batch: *Batch, key: []const u8) !void {
        try batch.row(key, row_repeats);
    }

    fn namespaceAndSet(batch: *Batch, namespace: []const u8) !void {
        const out = &batch.request;
        try out.int(u32, @intCast(1 + namespace.len));
        try out.byte(0);
        try out.append(namespace);
        try out.append("\x00\x00\x00\x05\x01demo");
    }

    fn readAll(batch: *Batch, key: []const u8, namespace: []const u8) !void {
        try batch.row(key, 0);
        try batch.request.append("\x03" ++ "\x00\x02" ++ "\x00\x00");
        try batch.namespaceAndSet(namespace);
    }

    fn write(batch: *Batch, key: []const u8, kind: wire.particle.Type, value: []const u8) !void {
        const out = &batch.request;
        try batch.row(key, row_has_info);
        try out.append("\x00\x01\x00" ++ "\x00\x02" ++ "\x00\x01");
        try batch.namespaceAndSet("test");
        try out.int(u32, @intCast(4 + 1 + value.len));
        try out.append(&.{ 2, @backingInt(kind), 0, 1, 'a' });
        try out.append(value);
    }

    fn finish(batch: *Batch) ![]const u8 {
        batch.request.patch(u32, batch.count_offset, batch.count);
        try batch.encoder.endField(batch.field);
        batch.encoder.finish(.{ .info1 = .{ .read = true, .batch = true } });
        return batch.request.written();
    }
};

const Client = struct {
    core: *Core,
    session: Session,
    scratch: Scratch,
    out: wire.Buffer,
    batch: Batch = undefined,

    fn init() !Client {
        const core = try Core.create(testing.allocator, &.{}, .known(0));
        return .{
            .core = core,
            .session = .init(core, 0),
            .scratch = .init(testing.allocator),
            .out = .growing(testing.allocator, &.{}, 1 << 26),
        };
    }

    fn deinit(client: *Client) void {
        client.scratch.deinit();
        client.out.deinit();
        client.core.destroy();
    }

    /// Sends the batch that was built and checks its rows' results and the last message's.
    fn expect(client: *Client, rows: []const Status, last: Status) !void {
        defer client.batch.request.deinit();
        const frame = try client.batch.finish();
        client.out.clear();
        const now: record.Now = .{ .unix_ms = record.epoch_offset_s * 1000 };
        _ = client.session.handle(frame, &client.out, &client.scratch, now);
        var rest: []const u8 = client.out.written();
        var seen: usize = 0;
        while (true) {
            const proto = try wire.proto.decode(rest[0..8], rest.len);
            var body = rest[8..][0..proto.size];
            rest = rest[8 + proto.size ..];
            while (body.len > 0) {
                const message = try wire.message.Message.decode(body);
                var operations = try message.operations();
                while (try operations.next()) |_| {}
                body = operations.rest;
                const code = Status.fromServer(message.header.result_code);
                if (message.header.info3.last) {
                    try testing.expectEqual(last, code);
                    try testing.expectEqual(rows.len, seen);
                    try testing.expectEqual(@as(usize, 0), rest.len + body.len);
                    return;
                }
                try testing.expectEqual(@as(u32, @intCast(seen)), message.header.transaction_ttl);
                try testing.expectEqual(rows[seen], code);
                seen += 1;
            }
        }
    }
};

test "rows are answered in order, each with its own result" {
    var client = try Client.init();
    defer client.deinit();
    const batch = &client.batch;
    try batch.begin(answer_all);
    try batch.write("one", .string, "x");
    try batch.repeat("two");
    try batch.write("bad", .float, "x");
    try client.expect(&.{ .ok, .ok, .request_invalid }, .ok);

    try batch.begin(answer_all);
    try batch.readAll("one", "test");
    try batch.repeat("bad");
    try batch.repeat("two");
    try client.expect(&.{ .ok, .record_not_found, .ok }, .ok);
}

test "without answers for all, a failed row ends the reply" {
    var client = try Client.init();
    defer client.deinit();
    const batch = &client.batch;
    try batch.begin(answer_failed);
    try batch.write("one", .string, "x");
    try batch.write("bad", .float, "x");
    try client.expect(&.{ .ok, .request_invalid }, .request_invalid);
    try batch.begin(0);
    try batch.write("one", .string, "x");
    try batch.write("bad", .float, "x");
    try client.expect(&.{}, .request_invalid);
}

test "a reply of many rows comes in several frames" {
    var client = try Client.init();
    defer client.deinit();
    const batch = &client.batch;
    const value: [40_000]u8 = @splat('v');
    try batch.begin(answer_all);
    try batch.write("one", .string, &value);
    try client.expect(&.{.ok}, .ok);
    try batch.begin(answer_all);
    try batch.readAll("one", "test");
    for (0..9) |_| try batch.repeat("one");
    const rows: [10]Status = @splat(.ok);
    try client.expect(&rows, .ok);
}

test "batches that make no sense are refused as a whole" {
    var client = try Client.init();
    defer client.deinit();
    const batch = &client.batch;
    try batch.begin(answer_all);
    try client.expect(&.{}, .request_invalid); // no rows
    try batch.begin(answer_all);
    try batch.repeat("one"); // nothing to repeat
    try client.expect(&.{}, .request_invalid);
    try batch.begin(answer_all);
    try batch.readAll("one", "nosuch");
    try client.expect(&.{}, .request_invalid);
    try batch.begin(answer_all);
    try batch.readAll("one", "test");
    batch.count += 1; // fewer rows than announced
    try client.expect(&.{}, .request_invalid);
}
