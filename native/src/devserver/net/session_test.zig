//! Commands as a client sends them, against a core without sockets.

const std = @import("std");
const wire = @import("../../wire.zig");
const status = @import("../../status.zig");
const Core = @import("../core/Core.zig");
const Scratch = @import("../core/Scratch.zig");
const Session = @import("Session.zig");
const control = @import("control.zig");
const options_module = @import("../base/options.zig");
const record = @import("../data/record.zig");

const testing = std.testing;
const Code = wire.operation.Code;
const Info1 = wire.message.Info1;
const Info2 = wire.message.Info2;
const Info3 = wire.message.Info3;
const Status = status.Status;
const Type = wire.particle.Type;

const start_ms = (record.epoch_offset_s + 1000) * 1000;

const Operation = struct { Code, Type, []const u8, []const u8 };

const Ask = struct {
    info1: Info1 = .{},
    info2: Info2 = .{},
    info3: Info3 = .{},
    generation: u32 = 0,
    ttl: u32 = 0,
    namespace: []const u8 = "test",
    set: []const u8 = "demo",
    key: []const u8 = "k",
    send_key: ?[]const u8 = null,
    operations: []const Operation = &.{},
};

/// One connection to one node, and its last reply.
const Client = struct {
    core: *Core,
    session: Session,
    scratch: Scratch,
    out: wire.Buffer,
    now: record.Now = .{ .unix_ms = start_ms },
    disposition: Session.Disposition = .{},

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
        client.scratch.deinit();
        client.out.deinit();
        client.core.destroy();
    }

    fn send(client: *Client, frame: []const u8) void {
        client.out.clear();
        const length = (client.session.frameLength(frame) catch unreachable).?;
        std.debug.assert(length == frame.len);
        client.disposition =
            client.session.handle(frame, &client.out, &client.scratch, client.now);
    }

    fn ask(client: *Client, what: Ask) !Reply {
        var request = wire.Buffer.growing(testing.allocator, &.{}, 1 << 24);
        defer request.deinit();
        var encoder = try wire.message.Encoder.begin(&request);
        try encoder.field(.namespace, what.namespace);
        if (what.set.len > 0) try encoder.field(.set, what.set);
        const digest = wire.digest.keyDigest("demo", .string, what.key);
        try encoder.field(.digest, &digest);
        if (what.send_key) |key| try encoder.key(.string, key);
        for (what.operations) |operation| {
            const code, const kind, const name, const value = operation;
            try encoder.operation(code, kind, name, value);
        }
        encoder.finish(.{
            .info1 = what.info1,
            .info2 = what.info2,
            .info3 = what.info3,
            .generation = what.generation,
            .record_ttl = what.ttl,
        });
        client.send(request.written());
        return Reply.decode(client.out.written());
    }

    /// For a reply that does not come whole.
    fn askSilently(client: *Client, what: Ask) error{Silence}!void {
        _ = client.ask(what) catch return error.Silence;
    }

    fn put(client: *Client, name: []const u8, value: []const u8) !Reply {
        const operations = [_]Operation{.{ .write, .string, name, value }};
        return client.ask(.{ .info2 = .{ .write = true }, .operations = &operations });
    }

    fn get(client: *Client) !Reply {
        return client.ask(.{ .info1 = .{ .read = true, .get_all = true } });
    }

    fn info(client: *Client, name: []const u8) ![]const u8 {
        var request = wire.Buffer.growing(testing.allocator, &.{}, 4096);
        defer request.deinit();
        try wire.info.encodeRequest(&request, &.{name});
        client.send(request.written());
        return wire.info.Lines.find(client.out.written()[8..], name).?;
    }

    fn order(client: *Client, request: []const u8) !void {
        var reply = wire.Buffer.growing(testing.allocator, &.{}, 1 << 16);
        defer reply.deinit();
        _ = try control.handle(client.core, request, &reply);
        try testing.expect(std.mem.startsWith(u8, reply.written()[1..], "\xa2ok\xc3"));
    }
};

const Reply = struct {
    message: wire.message.Message,

    fn decode(frame: []const u8) !Reply {
        if (frame.len < 8) return error.TooShort;
        const proto = try wire.proto.decode(frame[0..8], frame.len);
        try testing.expectEqual(frame.len - 8, proto.size);
        try testing.expectEqual(wire.proto.Kind.message, proto.kind);
        return .{ .message = try .decode(frame[8..]) };
    }

    fn code(reply: *const Reply) Status {
        return .fromServer(reply.message.header.result_code);
    }

    fn expect(reply: Reply, expected: Status) !void {
        try testing.expectEqual(expected, reply.code());
    }

    fn expectBin(reply: Reply, name: []const u8, value: []const u8) !void {
        try reply.expect(.ok);
        var operations = try reply.message.operations();
        while (try operations.next()) |operation| {
            if (!std.mem.eql(u8, operation.name, name)) continue;
            return testing.expectEqualStrings(value, operation.value);
        }
        return error.BinMissing;
    }
};

test "a record is written, read in whole and in part, and deleted" {
    var client = try Client.init(.{});
    defer client.deinit();
    try (try client.get()).expect(.record_not_found);
    const written = try client.put("a", "one");
    try written.expect(.ok);
    try testing.expectEqual(@as(u32, 1), written.message.header.generation);
    _ = try client.put("b", "two");
    const all = try client.get();
    try all.expectBin("a", "one");
    try all.expectBin("b", "two");
    try testing.expectEqual(@as(u32, 2), all.message.header.generation);

    const names = [_]Operation{ .{ .read, .nil, "b", "" }, .{ .read, .nil, "none", "" } };
    const some = try client.ask(.{ .info1 = .{ .read = true }, .operations = &names });
    try some.expectBin("b", "two");
    try testing.expectEqual(@as(u16, 1), some.message.header.operation_count);

    const meta = try client.ask(.{ .info1 = .{ .read = true, .no_bins = true } });
    try meta.expect(.ok);
    try testing.expectEqual(@as(u16, 0), meta.message.header.operation_count);

    const delete: Ask = .{ .info2 = .{ .write = true, .delete = true } };
    try (try client.ask(delete)).expect(.ok);
    try (try client.ask(delete)).expect(.record_not_found);
}

test "a record that loses its last bin is gone, and its reply has no metadata" {
    var client = try Client.init(.{});
    defer client.deinit();
    _ = try client.put("a", "one");
    const operations = [_]Operation{.{ .write, .nil, "a", "" }};
    const ask: Ask = .{ .info2 = .{ .write = true }, .operations = &operations };
    const reply = try client.ask(ask);
    try reply.expect(.ok);
    try testing.expectEqual(@as(u32, 0), reply.message.header.generation);
    try (try client.get()).expect(.record_not_found);
    try (try client.ask(ask)).expect(.record_not_found);
}

test "conditions on existence and generation decide before anything is written" {
    var client = try Client.init(.{});
    defer client.deinit();
    const operations = [_]Operation{.{ .write, .string, "a", "x" }};
    const only_update: Ask = .{
        .info2 = .{ .write = true },
        .info3 = .{ .update_only = true },
        .operations = &operations,
    };
    try (try client.ask(only_update)).expect(.record_not_found);
    const only_create: Ask = .{
        .info2 = .{ .write = true, .create_only = true },
        .operations = &operations,
    };
    try (try client.ask(only_create)).expect(.ok);
    try (try client.ask(only_create)).expect(.record_exists);
    var equal: Ask = .{
        .info2 = .{ .write = true, .generation = true },
        .generation = 7,
        .operations = &operations,
    };
    const refused = try client.ask(equal);
    try refused.expect(.record_generation);
    try testing.expectEqual(@as(u32, 1), refused.message.header.generation);
    equal.generation = 1;
    try (try client.ask(equal)).expect(.ok);
    const greater: Ask = .{
        .info2 = .{ .write = true, .generation_greater = true },
        .generation = 2,
        .operations = &operations,
    };
    try (try client.ask(greater)).expect(.record_generation);
}

test "a replacement leaves none of the old bins" {
    var client = try Client.init(.{});
    defer client.deinit();
    _ = try client.put("old", "1");
    const operations = [_]Operation{.{ .write, .string, "new", "2" }};
    _ = try client.ask(.{
        .info2 = .{ .write = true },
        .info3 = .{ .create_or_replace = true },
        .operations = &operations,
    });
    const reply = try client.get();
    try reply.expectBin("new", "2");
    try testing.expectEqual(@as(u16, 1), reply.message.header.operation_count);
}

test "times to live become void times, and expiry makes room for a new record" {
    var client = try Client.init(.{});
    defer client.deinit();
    const operations = [_]Operation{.{ .write, .string, "a", "x" }};
    var ask: Ask = .{ .info2 = .{ .write = true }, .ttl = 10, .operations = &operations };
    const first = try client.ask(ask);
    try testing.expectEqual(@as(u32, 1010), first.message.header.record_ttl);
    client.now.unix_ms += 5_000;
    ask.ttl = std.math.maxInt(u32) - 1; // keeps it
    const kept = try client.ask(ask);
    try testing.expectEqual(@as(u32, 1010), kept.message.header.record_ttl);
    client.now.unix_ms += 6_000;
    try (try client.get()).expect(.record_not_found);
    ask.ttl = std.math.maxInt(u32); // never
    const reborn = try client.ask(ask);
    try testing.expectEqual(@as(u32, 1), reborn.message.header.generation);
    try testing.expectEqual(@as(u32, 0), reborn.message.header.record_ttl);
    ask.ttl = 10 * 365 * 24 * 3600 + 1;
    try (try client.ask(ask)).expect(.request_invalid);
}

test "a namespace's default time to live counts when the write does not say" {
    const namespaces = [_]options_module.Namespace{.{ .name = "test", .default_ttl_s = 7 }};
    var client = try Client.init(.{ .namespaces = &namespaces });
    defer client.deinit();
    const reply = try client.put("a", "x");
    try testing.expectEqual(@as(u32, 1007), reply.message.header.record_ttl);
}

test "a stored key is compared with every key that is sent later" {
    var client = try Client.init(.{});
    defer client.deinit();
    const operations = [_]Operation{.{ .write, .string, "a", "x" }};
    var ask: Ask = .{
        .info2 = .{ .write = true },
        .send_key = "k",
        .operations = &operations,
    };
    try (try client.ask(ask)).expect(.ok);
    ask.send_key = "other";
    try (try client.ask(ask)).expect(.record_key_mismatch);
    ask = .{ .info1 = .{ .read = true, .get_all = true }, .send_key = "other" };
    try (try client.ask(ask)).expect(.record_key_mismatch);
    ask.send_key = null;
    try (try client.ask(ask)).expect(.ok);
}

test "reads among writes see what came before them, one result each when asked" {
    var client = try Client.init(.{});
    defer client.deinit();
    const one = "\x00\x00\x00\x00\x00\x00\x00\x01";
    const operations = [_]Operation{
        .{ .increment, .integer, "n", one },
        .{ .read, .nil, "n", "" },
        .{ .increment, .integer, "n", one },
        .{ .read, .nil, "none", "" },
        .{ .read, .nil, "n", "" },
    };
    const reply = try client.ask(.{
        .info1 = .{ .read = true },
        .info2 = .{ .write = true, .respond_all_operations = true },
        .operations = &operations,
    });
    try reply.expect(.ok);
    var results = try reply.message.operations();
    const expected = [_][]const u8{ "", one, "", "", "\x00\x00\x00\x00\x00\x00\x00\x02" };
    for (expected) |value| {
        try testing.expectEqualStrings(value, (try results.next()).?.value);
    }
    try testing.expect(try results.next() == null);
}

test "a failed operation leaves the record as it was" {
    var client = try Client.init(.{});
    defer client.deinit();
    _ = try client.put("a", "one");
    const operations = [_]Operation{
        .{ .write, .string, "a", "two" },
        .{ .increment, .string, "a", "x" },
    };
    const ask: Ask = .{ .info2 = .{ .write = true }, .operations = &operations };
    try (try client.ask(ask)).expect(.bin_incompatible_type);
    const reply = try client.get();
    try reply.expectBin("a", "one");
    try testing.expectEqual(@as(u32, 1), reply.message.header.generation);
}

test "requests that the server refuses, with its codes" {
    var client = try Client.init(.{});
    defer client.deinit();
    const write: Info2 = .{ .write = true };
    const big = try testing.allocator.alloc(u8, 1024 * 1024);
    defer testing.allocator.free(big);
    @memset(big, 'x');
    const too_big = [_]Operation{.{ .write, .string, "a", big }};
    const simple = [_]Operation{.{ .write, .string, "a", "x" }};
    const cdt = [_]Operation{.{ .cdt_modify, .blob, "a", "x" }};
    const durable: Info2 = .{ .write = true, .delete = true, .durable_delete = true };
    const unknown = [_]Operation{.{ @fromBackingInt(@as(u8, 77)), .nil, "a", "" }};
    const Case = struct { Status, Ask };
    const cases = [_]Case{
        .{ .record_too_big, .{ .info2 = write, .operations = &too_big } },
        .{ .namespace_not_found, .{ .info2 = write, .namespace = "no", .operations = &simple } },
        .{ .request_invalid, .{ .info2 = write } },
        .{ .request_invalid, .{ .operations = &simple } },
        .{ .request_invalid, .{ .info2 = write, .operations = &unknown } },
        .{ .request_invalid, .{ .info2 = write, .operations = &cdt } },
        .{ .enterprise_only, .{ .info2 = durable } },
    };
    for (cases) |case| try (try client.ask(case[1])).expect(case[0]);
    const namespace = client.core.store.find("test").?;
    try testing.expectEqual(@as(u64, 0), namespace.objects.load(.monotonic));
}

test "a set that differs from the record's is refused; a read may leave it out" {
    var client = try Client.init(.{});
    defer client.deinit();
    _ = try client.put("a", "x");
    const read: Info1 = .{ .read = true, .get_all = true };
    try (try client.ask(.{ .info1 = read, .set = "other" })).expect(.request_invalid);
    try (try client.ask(.{ .info1 = read, .set = "" })).expect(.ok);
    const operations = [_]Operation{.{ .write, .string, "a", "y" }};
    const ask: Ask = .{ .info2 = .{ .write = true }, .set = "", .operations = &operations };
    try (try client.ask(ask)).expect(.request_invalid);
}

test "malformed requests are answered, strangers are not" {
    var client = try Client.init(.{});
    defer client.deinit();
    client.send("\x02\x03\x00\x00\x00\x00\x00\x05abcde");
    try (try Reply.decode(client.out.written())).expect(.request_invalid);
    // A field that claims more than there is.
    const zeros: [12]u8 = @splat(0);
    const header = "\x16\x01\x00\x00\x00\x00" ++ zeros ++ "\x00\x01\x00\x00";
    client.send("\x02\x03\x00\x00\x00\x00\x00\x1b" ++ header ++ "\xff\xff\xff\xff\x00");
    try (try Reply.decode(client.out.written())).expect(.request_invalid);
    try testing.expectError(error.BadFrame, client.session.frameLength("GET / HT"));
    try testing.expectEqual(@as(?usize, null), try client.session.frameLength("\x02\x03"));
}

test "who has not logged in sends no large frames" {
    const large = "\x02\x03\x00\x00\x00\x01\x00\x01";
    var open = try Client.init(.{});
    defer open.deinit();
    try testing.expectEqual(@as(?usize, 8 + 65537), try open.session.frameLength(large));
    var client = try Client.init(.{ .users = &.{options_module.default_admin} });
    defer client.deinit();
    try testing.expectError(error.BadFrame, client.session.frameLength(large));
    client.session.authenticated = true;
    try testing.expectEqual(@as(?usize, 8 + 65537), try client.session.frameLength(large));
}

test "every node tells the same partitions, each with one master" {
    var client = try Client.init(.{ .nodes = 3 });
    defer client.deinit();
    var masters: [4096]u8 = @splat(0);
    for (0..3) |node| {
        client.session = .init(client.core, @intCast(node));
        var replicas = wire.info.Replicas.init(try client.info("replicas"));
        const namespace = (try replicas.next()).?;
        try testing.expectEqualStrings("test", namespace.namespace);
        try testing.expectEqual(@as(u8, 2), namespace.count);
        var bitmaps = namespace.bitmaps;
        var bitmap: wire.info.Bitmap = undefined;
        try testing.expect(try bitmaps.next(&bitmap));
        for (&masters, 0..) |*count, partition| {
            count.* += @intFromBool(wire.info.bitmapHas(&bitmap, @intCast(partition)));
        }
    }
    for (masters) |count| try testing.expectEqual(@as(u8, 1), count);
}

test "a killed node leaves its peers' lists at the rebalance, and comes back" {
    var client = try Client.init(.{ .nodes = 3 });
    defer client.deinit();
    for (0..3) |node| client.core.setPort(@intCast(node), @intCast(3000 + node));
    const before = "1,3000,[[D2,,[127.0.0.1:3001]],[D3,,[127.0.0.1:3002]]]";
    try testing.expectEqualStrings(before, try client.info("peers-clear-std"));
    try client.order("\x83\xa7command\xa4kill\xa4node\x01\xa9rebalance\xc2");
    try testing.expect(!client.core.isListening(1));
    try testing.expectEqualStrings(before, try client.info("peers-clear-std"));
    try client.order("\x81\xa7command\xa9rebalance");
    const after = "2,3000,[[D3,,[127.0.0.1:3002]]]";
    try testing.expectEqualStrings(after, try client.info("peers-clear-std"));
    try client.order("\x82\xa7command\xa6revive\xa4node\x01");
    const again = "3,3000,[[D2,,[127.0.0.1:3001]],[D3,,[127.0.0.1:3002]]]";
    try testing.expectEqualStrings(again, try client.info("peers-clear-std"));
}

test "info commands that the server does not know, or keeps for others, say so" {
    var client = try Client.init(.{});
    defer client.deinit();
    const Case = struct { []const u8, []const u8 };
    const cases = [_]Case{
        .{ "nosuch", "ERROR:4:unrecognized command" },
        .{ "rack-ids", "ERROR:25:enterprise only" },
        .{ "namespace/nosuch", "type=unknown" },
        .{ "sets/test/nosuch", "" },
        .{ "truncate:", "ERROR:20:missing 'namespace'" },
        .{ "truncate:namespace=test;set=a;lut=1", "ERROR:4:would truncate to 0" },
        .{ "truncate:namespace=nosuch;set=a", "ok" },
        .{ "user-agent-set:value=!", "ERROR:4:'value' invalid base64" },
        .{ "user-agent-set:value=YWJj", "ok" },
        .{ "cluster-stable:size=7", "ERROR:7:cluster not specified size" },
    };
    for (cases) |case| try testing.expectEqualStrings(case[1], try client.info(case[0]));
}

test "truncation removes what was written before it, even in the same millisecond" {
    var client = try Client.init(.{});
    defer client.deinit();
    _ = try client.put("a", "x");
    try testing.expectEqualStrings("ok", try client.info("truncate:namespace=test;set=demo"));
    try (try client.get()).expect(.record_not_found);
}

test "connections authenticate before anything else, and roles limit them" {
    const users = [_]options_module.User{
        .{ .name = "reader", .password = "pw", .roles = &.{"read"} },
    };
    var client = try Client.init(.{ .users = &users });
    defer client.deinit();
    try (try client.get()).expect(.not_authenticated);
    var request = wire.Buffer.growing(testing.allocator, &.{}, 4096);
    defer request.deinit();
    var hash: [wire.admin.hash_bytes]u8 = undefined;
    wire.admin.hashPassword("pw", &hash);
    try wire.admin.encodeLogin(&request, "reader", &hash, null);
    client.send(request.written());
    const reply = try wire.admin.Message.decode(client.out.written()[8..]);
    try testing.expectEqual(@as(u8, 0), reply.result_code);
    const granted = try wire.admin.decodeSession(&reply);
    try testing.expectEqual(@as(u32, 86400), granted.ttl_s);
    try (try client.get()).expect(.record_not_found);
    try (try client.put("a", "x")).expect(.role_violation);
}

test "faults change replies as often as they were armed for" {
    var client = try Client.init(.{});
    defer client.deinit();
    _ = try client.put("a", "x");
    try client.order("\x84\xa7command\xa5fault\xa4kind\xabresult_code\xa4code\x12\xa5count\x01");
    try (try client.get()).expect(.device_overload);
    try (try client.get()).expect(.ok);

    try client.order("\x83\xa7command\xa5fault\xa4kind\xa4drop\xa5count\x01");
    client.out.clear();
    const operations = [_]Operation{.{ .write, .string, "a", "dropped" }};
    const ask: Ask = .{ .info2 = .{ .write = true }, .operations = &operations };
    try testing.expectError(error.Silence, client.askSilently(ask));
    try testing.expectEqual(Session.Disposition.Action.swallow, client.disposition.action);
    try (try client.get()).expectBin("a", "dropped");

    try client.order("\x84\xa7command\xa5fault\xa4kind\xa8truncate\xa5bytes\x05\xa5count\x01");
    try testing.expectError(error.Silence, client.askSilently(ask));
    try testing.expectEqual(@as(usize, 5), client.out.end);
    try testing.expectEqual(Session.Disposition.Action.close, client.disposition.action);

    try client.order("\x84\xa7command\xa5fault\xa4kind\xa5delay\xa8delay_ms\x1e\xa5count\x01");
    try (try client.get()).expect(.ok);
    try testing.expectEqual(@as(u32, 30), client.disposition.delay_ms);
    try (try client.get()).expect(.ok);
    try testing.expectEqual(@as(u32, 0), client.disposition.delay_ms);
}

test "unavailable partitions say so, and a moved clock expires records" {
    var client = try Client.init(.{});
    defer client.deinit();
    _ = try client.put("a", "x");
    try client.order("\x81\xa7command\xb5partition_unavailable");
    try (try client.get()).expect(.partition_unavailable);
    try client.order("\x82\xa7command\xb5partition_unavailable\xa2on\xc2");
    try (try client.get()).expect(.ok);
    try client.order("\x82\xa7command\xafset_time_offset\xa2ms\xcd\x27\x10");
    try testing.expectEqual(start_ms + 10_000, client.core.clock(start_ms).unix_ms);
}

test "a control request with an unknown command or argument is refused by name" {
    var client = try Client.init(.{});
    defer client.deinit();
    var reply = wire.Buffer.growing(testing.allocator, &.{}, 4096);
    defer reply.deinit();
    _ = try control.handle(client.core, "\x81\xa7command\xa4kiln", &reply);
    try testing.expect(std.mem.find(u8, reply.written(), "unknown command 'kiln'") != null);
    reply.clear();
    _ = try control.handle(client.core, "\x82\xa7command\xa4kill\xa4nodr\x01", &reply);
    try testing.expect(std.mem.find(u8, reply.written(), "no argument 'nodr'") != null);
    reply.clear();
    _ = try control.handle(client.core, "\x82\xa7command\xa4kill\xa4node\x05", &reply);
    const no_node = "kill: there are nodes 0 to 0, and no node 5";
    try testing.expect(std.mem.find(u8, reply.written(), no_node) != null);
}

test "any bytes in a frame get an answer or nothing, never a crash" {
    var client = try Client.init(.{ .nodes = 2 });
    defer client.deinit();
    var random = std.Random.DefaultPrng.init(77);
    const source = random.random();
    var frame: [400]u8 = undefined;
    var valid = wire.Buffer.fixed(&frame);
    for (0..20_000) |_| {
        valid.clear();
        var encoder = try wire.message.Encoder.begin(&valid);
        try encoder.field(.namespace, "test");
        try encoder.field(.set, "demo");
        try encoder.field(.digest, &wire.digest.keyDigest("demo", .string, "k"));
        const kinds = [_]Type{ .integer, .list, .map, .string, .geojson, .hll, .float };
        var value: [40]u8 = undefined;
        source.bytes(&value);
        const code: Code = @fromBackingInt(source.uintLessThan(u8, 18));
        const kind = kinds[source.uintLessThan(usize, kinds.len)];
        try encoder.operation(code, kind, "b", value[0..source.uintLessThan(usize, 40)]);
        encoder.finish(.{
            .info1 = @bitCast(source.int(u8)),
            .info2 = @bitCast(source.int(u8)),
            .info3 = @bitCast(source.int(u8)),
        });
        const bytes = valid.written();
        for (0..source.uintLessThan(usize, 4)) |_| {
            bytes[8 + source.uintLessThan(usize, bytes.len - 8)] = source.int(u8);
        }
        if (source.uintLessThan(u8, 50) == 0) bytes[1] = source.uintLessThan(u8, 3) + 1;
        client.send(bytes);
    }
}
