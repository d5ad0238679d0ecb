//! Queries, indexes, background jobs and administration, as a client sends them to a
//! core without sockets.

const std = @import("std");
const wire = @import("../../wire.zig");
const status = @import("../../status.zig");
const Core = @import("../core/Core.zig");
const Scratch = @import("../core/Scratch.zig");
const Session = @import("Session.zig");
const options_module = @import("../base/options.zig");
const record = @import("../data/record.zig");
const store = @import("../store/store.zig");

const testing = std.testing;
const Digest = wire.digest.Digest;
const Status = status.Status;

const start_ms = (record.epoch_offset_s + 1000) * 1000;

const Found = struct { digest: Digest, index_value: ?i64 };

/// What a query is answered.
const Answer = struct {
    found: std.ArrayList(Found) = .empty,
    unavailable: usize = 0,
    code: Status = .ok,
    pieces: usize = 0,
    /// Between pieces.
    waited_ms: u64 = 0,

    fn deinit(answer: *Answer) void {
        answer.found.deinit(testing.allocator);
    }

    fn expect(answer: *const Answer, code: Status, count: usize) !void {
        try testing.expectEqual(code, answer.code);
        try testing.expectEqual(count, answer.found.items.len);
    }
};

const Ask = struct {
    set: []const u8 = "demo",
    /// Null: all of them.
    partition: ?u16 = null,
    after: ?Found = null,
    records_max: u64 = 0,
    records_per_second: u32 = 0,
    range: ?[]const u8 = null,
    task: u64 = 0,
    is_short: bool = false,
};

/// One connection to the first node.
const Client = struct {
    core: *Core,
    session: Session,
    scratch: Scratch,
    out: wire.Buffer,
    now: record.Now = .{ .unix_ms = start_ms },

    fn init(options: options_module.Options) !Client {
        const core = try Core.create(testing.allocator, &options, .known(start_ms));
        return .{
            .core = core,
            .session = .init(core, 0),
            .scratch = .init(testing.allocator),
            .out = .growing(testing.allocator, &.{}, 1 << 24),
        };
    }

    fn deinit(client: *Client) void {
        client.session.deinit();
        client.scratch.deinit();
        client.out.deinit();
        client.core.destroy();
    }

    fn send(client: *Client, frame: []const u8) Session.Disposition {
        client.out.clear();
        return client.session.handle(frame, &client.out, &client.scratch, client.now);
    }

    fn info(client: *Client, line: []const u8) ![]const u8 {
        var request = wire.Buffer.growing(testing.allocator, &.{}, 4096);
        defer request.deinit();
        try wire.info.encodeRequest(&request, &.{line});
        _ = client.send(request.written());
        return wire.info.Lines.find(client.out.written()[8..], line).?;
    }

    fn expectInfo(client: *Client, expected: []const u8, line: []const u8) !void {
        try testing.expectEqualStrings(expected, try client.info(line));
    }

    fn put(client: *Client, number: u64) !Digest {
        var value: [8]u8 = undefined;
        std.mem.writeInt(u64, &value, number, .big);
        const digest = wire.digest.keyDigest("demo", .integer, &value);
        var request = wire.Buffer.growing(testing.allocator, &.{}, 4096);
        defer request.deinit();
        var encoder = try wire.message.Encoder.begin(&request);
        try encoder.field(.namespace, "test");
        try encoder.field(.set, "demo");
        try encoder.field(.digest, &digest);
        try encoder.operation(.write, .integer, "n", &value);
        encoder.finish(.{ .info2 = .{ .write = true } });
        _ = client.send(request.written());
        return digest;
    }

    fn putMany(client: *Client, count: u64) !void {
        for (0..count) |number| _ = try client.put(number);
    }

    fn encode(request: *wire.Buffer, what: *const Ask) !void {
        var encoder = try wire.message.Encoder.begin(request);
        try encoder.field(.namespace, "test");
        if (what.set.len > 0) try encoder.field(.set, what.set);
        if (what.after) |after| {
            try encoder.field(.digests, &after.digest);
            if (after.index_value) |value| {
                try encoder.fieldInt(.index_values, u64, @byteSwap(@as(u64, @bitCast(value))));
            }
        } else {
            const ids = try encoder.beginField(.partition_ids);
            for (0..store.partitions) |id| {
                if (what.partition) |only| if (id != only) continue;
                try request.int(u16, @byteSwap(@as(u16, @intCast(id))));
            }
            try encoder.endField(ids);
        }
        if (what.records_max != 0) try encoder.fieldInt(.records_max, u64, what.records_max);
        if (what.records_per_second != 0) {
            try encoder.fieldInt(.records_per_second, u32, what.records_per_second);
        }
        if (what.range) |range| try encoder.field(.index_range, range);
        if (what.task != 0) try encoder.fieldInt(.task_id, u64, what.task);
        encoder.finish(.{
            .info1 = .{ .read = true, .short_query = what.is_short },
            .info3 = .{ .partition_done = true },
        });
    }

    fn begin(client: *Client, what: Ask) !Session.Disposition {
        var request = wire.Buffer.growing(testing.allocator, &.{}, 1 << 16);
        defer request.deinit();
        try encode(&request, &what);
        return client.send(request.written());
    }

    fn query(client: *Client, what: Ask) !Answer {
        var disposition = try client.begin(what);
        var answer: Answer = .{};
        errdefer answer.deinit();
        while (true) {
            answer.pieces += 1;
            try read(&answer, client.out.written());
            if (!client.session.isStreaming()) return answer;
            answer.waited_ms += disposition.again_ms;
            client.now.unix_ms += disposition.again_ms;
            client.out.clear();
            disposition = client.session.proceed(&client.out, &client.scratch, client.now);
        }
    }

    fn read(answer: *Answer, bytes: []const u8) !void {
        var frames = bytes;
        while (frames.len > 0) {
            const proto = try wire.proto.decode(frames[0..8], 1 << 24);
            var rest = frames[8..][0..proto.size];
            frames = frames[8 + proto.size ..];
            while (rest.len > 0) {
                const message = try wire.message.Message.decode(rest);
                var operations = try message.operations();
                while (try operations.next()) |_| {}
                rest = @constCast(operations.rest);
                try note(answer, &message);
            }
        }
    }

    fn note(answer: *Answer, message: *const wire.message.Message) !void {
        const header = &message.header;
        if (header.info3.partition_done) {
            answer.unavailable += 1;
        } else if (try message.findField(.digest)) |digest| {
            const value = try message.findField(.index_values);
            try answer.found.append(testing.allocator, .{
                .digest = digest[0..20].*,
                .index_value = if (value) |one| std.mem.readInt(i64, one[0..8], .little) else null,
            });
        } else {
            answer.code = .fromServer(header.result_code);
        }
    }
};

/// The range field for one bin of integers.
const Between = struct {
    bytes: [28]u8,

    fn init(first: i64, last: i64) Between {
        var range: Between = .{ .bytes = undefined };
        range.bytes[0..4].* = "\x01\x01n\x01".*;
        std.mem.writeInt(u32, range.bytes[4..8], 8, .big);
        std.mem.writeInt(i64, range.bytes[8..16], first, .big);
        std.mem.writeInt(u32, range.bytes[16..20], 8, .big);
        std.mem.writeInt(i64, range.bytes[20..28], last, .big);
        return range;
    }
};

test "a query finds each record of its set once, in pieces that wait for the client" {
    var client = try Client.init(.{});
    defer client.deinit();
    try client.putMany(5000);
    var all = try client.query(.{});
    defer all.deinit();
    try all.expect(.ok, 5000);
    try testing.expect(all.pieces > 2);
    var digests: std.AutoHashMapUnmanaged(Digest, void) = .empty;
    defer digests.deinit(testing.allocator);
    for (all.found.items) |found| try digests.put(testing.allocator, found.digest, {});
    try testing.expectEqual(@as(u32, 5000), digests.count());
    var none = try client.query(.{ .set = "other" });
    defer none.deinit();
    try none.expect(.ok, 0);
    var some = try client.query(.{ .records_max = 7 });
    defer some.deinit();
    try some.expect(.ok, 7);
}

test "a query goes on below the digest that it is given" {
    var client = try Client.init(.{});
    defer client.deinit();
    try client.putMany(20_000);
    var whole = try client.query(.{ .partition = 77 });
    defer whole.deinit();
    try testing.expect(whole.found.items.len > 1);
    for (whole.found.items[1..], 0..) |found, index| {
        const before = whole.found.items[index];
        try testing.expect(std.mem.order(u8, &before.digest, &found.digest) == .gt);
    }
    var rest = try client.query(.{ .after = whole.found.items[0] });
    defer rest.deinit();
    try rest.expect(.ok, whole.found.items.len - 1);
    try testing.expectEqual(whole.found.items[1].digest, rest.found.items[0].digest);
}

test "partitions that a node does not have are told, and nothing of them is sent" {
    var client = try Client.init(.{ .nodes = 3, .namespaces = &.{
        .{ .name = "test", .replication_factor = 1 },
    } });
    defer client.deinit();
    try client.putMany(300);
    var answer = try client.query(.{});
    defer answer.deinit();
    try testing.expectEqual(Status.ok, answer.code);
    try testing.expect(answer.unavailable > store.partitions / 2);
    try testing.expect(answer.found.items.len > 30);
    try testing.expect(answer.found.items.len < 200);
}

test "an index finds what is in a range, in the order of its values" {
    var client = try Client.init(.{});
    defer client.deinit();
    try client.putMany(1000);
    const range: Between = .init(-5, 99);
    var missing = try client.query(.{ .range = &range.bytes });
    defer missing.deinit();
    try missing.expect(.index_not_found, 0);
    const create = "sindex-create:ns=test;set=demo;indexname=i;bin=n;type=numeric";
    try client.expectInfo("ok", create);
    try client.expectInfo("ok", create);
    var found = try client.query(.{ .range = &range.bytes });
    defer found.deinit();
    try found.expect(.ok, 100);
    for (found.found.items) |one| try testing.expect(one.index_value.? < 100);
    try client.expectInfo("true", "sindex-exists:ns=test;indexname=i");
    try client.expectInfo("ok", "sindex-delete:ns=test;indexname=i");
    try client.expectInfo("false", "sindex-exists:ns=test;indexname=i");
    var dropped = try client.query(.{ .range = &range.bytes });
    defer dropped.deinit();
    try dropped.expect(.index_not_found, 0);
}

test "a query keeps its rate, is watched, and ends when it is aborted" {
    var client = try Client.init(.{});
    defer client.deinit();
    try client.putMany(300);
    var slow = try client.query(.{ .records_per_second = 200, .task = 9 });
    defer slow.deinit();
    try slow.expect(.ok, 300);
    try testing.expect(slow.waited_ms >= 1400 and slow.waited_ms <= 1600);
    const shown = try client.info("query-show:id=9");
    try testing.expect(std.mem.find(u8, shown, "status=done(ok)") != null);
    try testing.expect(std.mem.find(u8, shown, "recs-succeeded=300") != null);

    _ = try client.begin(.{ .records_per_second = 200, .task = 10 });
    try testing.expect(client.session.isStreaming());
    try testing.expect(client.core.jobs.abort(0, 10));
    client.out.clear();
    _ = client.session.proceed(&client.out, &client.scratch, client.now);
    try testing.expect(!client.session.isStreaming());
    var answer: Answer = .{};
    defer answer.deinit();
    try Client.read(&answer, client.out.written());
    try testing.expectEqual(Status.scan_aborted, answer.code);
}

test "a short query ends when its time is over" {
    var client = try Client.init(.{});
    defer client.deinit();
    try client.putMany(5000);
    _ = try client.begin(.{ .is_short = true });
    try testing.expect(client.session.isStreaming());
    client.now.unix_ms += 2000;
    client.out.clear();
    _ = client.session.proceed(&client.out, &client.scratch, client.now);
    try testing.expect(!client.session.isStreaming());
    var answer: Answer = .{};
    defer answer.deinit();
    try Client.read(&answer, client.out.written());
    try testing.expectEqual(Status.timeout, answer.code);
}

fn sendBackground(client: *Client, task: u64, rate: u32) !Status {
    var request = wire.Buffer.growing(testing.allocator, &.{}, 4096);
    defer request.deinit();
    var encoder = try wire.message.Encoder.begin(&request);
    try encoder.field(.namespace, "test");
    try encoder.field(.set, "demo");
    try encoder.fieldInt(.task_id, u64, task);
    if (rate != 0) try encoder.fieldInt(.records_per_second, u32, rate);
    try encoder.operation(.increment, .integer, "n", "\x00\x00\x00\x00\x00\x00\x03\xe8");
    encoder.finish(.{ .info2 = .{ .write = true } });
    _ = client.send(request.written());
    const reply = try wire.message.Message.decode(client.out.written()[8..]);
    return .fromServer(reply.header.result_code);
}

test "operations are applied in the background, at once or at a rate" {
    var client = try Client.init(.{});
    defer client.deinit();
    try client.putMany(500);
    try client.expectInfo("ok", "sindex-create:ns=test;set=demo;indexname=i;bin=n;type=numeric");
    try testing.expectEqual(Status.ok, try sendBackground(&client, 5, 0));
    const range: Between = .init(1000, 1499);
    var changed = try client.query(.{ .range = &range.bytes });
    defer changed.deinit();
    try changed.expect(.ok, 500);
    try testing.expectEqual(Status.request_invalid, try sendBackground(&client, 5, 0));

    try testing.expectEqual(Status.ok, try sendBackground(&client, 6, 1000));
    const queue = &client.core.background;
    try testing.expect(queue.works.items.len > 0);
    while (queue.run(&client.scratch, client.now)) |wait_ms| client.now.unix_ms += @max(1, wait_ms);
    try testing.expect(client.now.unix_ms - start_ms >= 490);
    const shown = try client.info("query-show:id=6");
    try testing.expect(std.mem.find(u8, shown, "recs-succeeded=500") != null);

    try testing.expectEqual(Status.ok, try sendBackground(&client, 7, 10));
    try client.expectInfo("ok", "query-abort:id=7");
    try testing.expectEqual(null, queue.run(&client.scratch, client.now));
    const aborted = try client.info("query-show:id=7");
    try testing.expect(std.mem.find(u8, aborted, "done(user-aborted)") != null);
}

fn administer(client: *Client, request: *wire.Buffer) !Status {
    defer request.clear();
    _ = client.send(request.written());
    const reply = try wire.admin.Message.decode(client.out.written()[8..]);
    return .fromServer(reply.result_code);
}

test "users are administered, and their roles limit every kind of command" {
    const users = [_]options_module.User{
        options_module.default_admin,
        .{ .name = "reader", .password = "pw", .roles = &.{"read"} },
    };
    var client = try Client.init(.{ .users = &users });
    defer client.deinit();
    var request = wire.Buffer.growing(testing.allocator, &.{}, 4096);
    defer request.deinit();
    var hash: [wire.admin.hash_bytes]u8 = undefined;
    wire.admin.hashPassword("pw", &hash);
    try wire.admin.encodeLogin(&request, "reader", &hash, null);
    try testing.expectEqual(Status.ok, try administer(&client, &request));

    try testing.expectEqual(Status.role_violation, try sendBackground(&client, 1, 0));
    const violation = "ERROR:81:role violation - requires permission 'sindex-admin'";
    const create_index = "sindex-create:ns=test;indexname=i;bin=n;type=numeric";
    try client.expectInfo(violation, create_index);
    var drop = try wire.admin.Encoder.begin(&request);
    try drop.field(.user, "admin");
    drop.finishRequest(.drop_user);
    try testing.expectEqual(Status.role_violation, try administer(&client, &request));

    wire.admin.hashPassword("admin", &hash);
    try wire.admin.encodeLogin(&request, "admin", &hash, null);
    try testing.expectEqual(Status.ok, try administer(&client, &request));
    try client.expectInfo("ok", create_index);
    var grant = try wire.admin.Encoder.begin(&request);
    try grant.field(.user, "reader");
    try grant.field(.roles, "\x01\x05write");
    grant.finishRequest(.grant_roles);
    try testing.expectEqual(Status.ok, try administer(&client, &request));
    var ask = try wire.admin.Encoder.begin(&request);
    try ask.field(.user, "reader");
    ask.finishRequest(.query_users);
    try testing.expectEqual(Status.ok, try administer(&client, &request));
    try testing.expect(std.mem.find(u8, client.out.written(), "\x02\x04read\x05write") != null);
}

test "sessions of a user that were ended are authenticated no more, nor are their tokens good" {
    const users = [_]options_module.User{
        options_module.default_admin,
        .{ .name = "writer", .password = "pw", .roles = &.{"read-write"} },
    };
    var client = try Client.init(.{ .users = &users });
    defer client.deinit();
    var request = wire.Buffer.growing(testing.allocator, &.{}, 4096);
    defer request.deinit();
    var hash: [wire.admin.hash_bytes]u8 = undefined;
    wire.admin.hashPassword("pw", &hash);
    try wire.admin.encodeLogin(&request, "writer", &hash, null);
    try testing.expectEqual(Status.ok, try administer(&client, &request));
    const reply = try wire.admin.Message.decode(client.out.written()[8..]);
    const token = try testing.allocator.dupe(u8, (try reply.find(.session_token)).?);
    defer testing.allocator.free(token);

    // There is no record of the set.
    const answered: Status = .record_not_found;
    try testing.expect(client.core.security.endSessions("admin"));
    try testing.expectEqual(answered, try sendBackground(&client, 1, 0));
    try testing.expect(!client.core.security.endSessions("nobody"));
    try testing.expect(client.core.security.endSessions("writer"));
    try testing.expectEqual(Status.not_authenticated, try sendBackground(&client, 2, 0));

    var again = try wire.admin.Encoder.begin(&request);
    try again.field(.user, "writer");
    try again.field(.session_token, token);
    again.finishRequest(.authenticate);
    try testing.expectEqual(Status.invalid_credential, try administer(&client, &request));
    try wire.admin.encodeLogin(&request, "writer", &hash, null);
    try testing.expectEqual(Status.ok, try administer(&client, &request));
    try testing.expectEqual(answered, try sendBackground(&client, 3, 0));
}
