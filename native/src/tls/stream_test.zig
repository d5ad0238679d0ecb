//! Clients and servers of this library against each other, over a pair of sockets.

const std = @import("std");
const builtin = @import("builtin");
const os = @import("../os.zig");
const tls = @import("../tls.zig");
const Context = tls.Context;
const Counters = tls.Counters;
const Failure = @import("../status.zig").Failure;
const Options = tls.Options;
const Stream = tls.Stream;
const testing = std.testing;

const ca = @embedFile("certificates/ca.pem");
const server_pem = @embedFile("certificates/server.pem");
const client_pem = @embedFile("certificates/client.pem");

const trusting: Options = .{ .ca = ca };
const serving: Options = .{ .cert = server_pem, .key = server_pem };

/// A connection of which this thread plays both sides.
const Both = struct {
    counters: Counters = .{},
    server_counters: Counters = .{},
    clients: *Context = undefined,
    servers: *Context = undefined,
    fds: [2]os.Fd = undefined,
    client: *Stream = undefined,
    server: *Stream = undefined,
    /// Sessions with another one are not resumed.
    discriminator: u64 = 0,

    fn begin(both: *Both, client: Options, server: Options) !void {
        // Nothing to test with.
        if (os.is_windows) return error.SkipZigTest;
        var failure: Failure = .{};
        _ = tls.openssl.get("", &failure) catch return error.SkipZigTest;
        const gpa = testing.allocator;
        both.* = .{};
        both.clients = try .create(gpa, .client, &client, &both.counters, &failure);
        both.servers = try .create(gpa, .server, &server, &both.server_counters, &failure);
    }

    fn open(both: *Both, name: []const u8) !void {
        const kind = std.posix.SOCK.STREAM | std.posix.SOCK.NONBLOCK;
        const rc = std.c.socketpair(std.posix.AF.UNIX, kind, 0, &both.fds);
        try testing.expectEqual(0, rc);
        const peer: tls.Peer = .{ .name = name, .discriminator = both.discriminator };
        both.client = try .create(both.clients, both.fds[0], peer);
        both.server = try .create(both.servers, both.fds[1], null);
    }

    /// Both until they are through, or the first has failed.
    fn shakeHands(both: *Both) tls.StreamError!void {
        for (0..20) |_| {
            const client_waits = try both.client.handshake() != null;
            const server_waits = try both.server.handshake() != null;
            if (!client_waits and !server_waits) return;
        }
        unreachable;
    }

    fn close(both: *Both) void {
        both.client.destroy();
        both.server.destroy();
        for (both.fds) |fd| _ = std.c.close(fd);
    }

    fn end(both: *Both) void {
        both.clients.release();
        both.servers.release();
    }

    fn failures(both: *const Both, reason: tls.Reason) u64 {
        return both.counters.failures[@backingInt(reason)].load(.monotonic);
    }
};

test "what is written comes out, and a client that knows the server resumes its session" {
    var both: Both = undefined;
    try both.begin(trusting, serving);
    defer both.end();
    for (0..2) |round| {
        try both.open("node.example");
        defer both.close();
        try both.shakeHands();
        var large: [100_000]u8 = undefined;
        for (&large, 0..) |*byte, index| byte.* = @truncate(index *% 7);
        var sent: usize = 0;
        var received: usize = 0;
        var buffer: [30_000]u8 = undefined;
        while (received < large.len) {
            if (sent < large.len) sent += try both.server.write(large[sent..]);
            const count = try both.client.read(&buffer);
            try testing.expectEqualSlices(u8, large[received..][0..count], buffer[0..count]);
            received += count;
        }
        try testing.expectEqual(round, both.counters.resumed.load(.monotonic));
    }
    try testing.expectEqual(2, both.counters.handshakes.load(.monotonic));
}

test "tickets leave a connection idle, bytes and an end do not" {
    var both: Both = undefined;
    try both.begin(trusting, serving);
    defer both.end();
    try both.open("127.0.0.1");
    defer both.close();
    try both.shakeHands();
    // The tickets are there, unread.
    try testing.expect(both.client.isIdle());
    try testing.expect(both.client.isIdle());
    _ = try both.server.write("x");
    try testing.expect(!both.client.isIdle());
    var byte: [8]u8 = undefined;
    try testing.expectEqual(1, try both.client.read(&byte));
    try testing.expect(both.client.isIdle());
    both.server.destroy();
    try testing.expect(!both.client.isIdle());
    try testing.expectError(error.Closed, both.client.read(&byte));
    both.server = try .create(both.servers, both.fds[1], null);
}

test "a read that fills its room leaves the rest inside, and says so" {
    var both: Both = undefined;
    try both.begin(trusting, serving);
    defer both.end();
    try both.open("node.example");
    defer both.close();
    try both.shakeHands();
    _ = try both.server.write("0123456789");
    var small: [4]u8 = undefined;
    try testing.expectEqual(4, try both.client.read(&small));
    try testing.expect(both.client.has_unread);
    try testing.expectEqual(4, try both.client.read(&small));
    try testing.expectEqual(2, try both.client.read(&small));
    try testing.expect(!both.client.has_unread);
}

test "who the server is not is told from whom nobody knows" {
    var both: Both = undefined;
    try both.begin(trusting, serving);
    defer both.end();
    try both.open("other.example");
    try testing.expectError(error.Tls, both.shakeHands());
    try testing.expect(std.mem.find(u8, tls.problemText(), "/CN=node") != null);
    both.close();
    try testing.expectEqual(1, both.failures(.other_name));

    var stranger: Both = undefined;
    try stranger.begin(.{ .ca = server_pem }, serving);
    defer stranger.end();
    try stranger.open("node.example");
    try testing.expectError(error.Tls, stranger.shakeHands());
    stranger.close();
    // Trusted by itself alone it is no authority; either way nobody gets in.
    try testing.expectEqual(0, stranger.counters.handshakes.load(.monotonic));
}

test "a server that asks for certificates lets those in who have one, and sees who they are" {
    var mutual = serving;
    mutual.ca = ca;
    var known = trusting;
    known.cert = client_pem;
    known.key = client_pem;
    var both: Both = undefined;
    try both.begin(known, mutual);
    defer both.end();
    try both.open("node.example");
    try both.shakeHands();
    var buffer: [64]u8 = undefined;
    try testing.expectEqualStrings("ada", both.server.commonName(&buffer));
    both.close();

    var unknown: Both = undefined;
    try unknown.begin(trusting, mutual);
    defer unknown.end();
    try unknown.open("node.example");
    defer unknown.close();
    try testing.expectError(error.Tls, unknown.shakeHands());
    // The client is through already, and learns of it when it reads.
    try testing.expectError(error.Tls, unknown.client.read(&buffer));
    try testing.expect(std.mem.find(u8, tls.problemText(), "certificate required") != null);
    try testing.expectEqual(1, unknown.failures(.refused_by_peer));
}

test "why the peer has gone is told to who writes before it reads" {
    var mutual = serving;
    mutual.ca = ca;
    var both: Both = undefined;
    try both.begin(trusting, mutual);
    defer both.end();
    for ([_]bool{ true, false }) |has_words| {
        try both.open("node.example");
        defer both.client.destroy();
        defer _ = std.c.close(both.fds[0]);
        try testing.expectError(error.Tls, both.shakeHands());
        both.server.destroy();
        _ = std.c.close(both.fds[1]);
        var memory: [64]u8 = undefined;
        if (!has_words) _ = std.c.recv(both.fds[0], &memory, memory.len, 0);
        if (has_words) {
            try testing.expectError(error.Tls, both.client.write("x"));
            const told = tls.problemText();
            try testing.expect(std.mem.find(u8, told, "certificate required") != null);
        } else {
            try testing.expectError(error.Closed, both.client.write("x"));
        }
    }
    try testing.expectEqual(1, both.failures(.refused_by_peer));
}

test "who does not speak TLS is told so, and who goes away in between has torn it" {
    var both: Both = undefined;
    try both.begin(trusting, serving);
    defer both.end();
    try both.open("node.example");
    _ = try both.client.handshake();
    _ = std.c.write(both.fds[1], "HTTP/1.1 400 Bad Request\r\n\r\n", 28);
    try testing.expectError(error.Tls, both.client.handshake());
    try testing.expect(std.mem.find(u8, tls.problemText(), "speak TLS") != null);
    both.close();
    try testing.expectEqual(1, both.failures(.protocol));
    try both.open("node.example");
    _ = try both.client.handshake();
    _ = std.c.shutdown(both.fds[1], std.c.SHUT.WR);
    try testing.expectError(error.Closed, both.client.handshake());
    both.close();
    try testing.expectEqual(1, both.failures(.torn));
    try both.open("node.example");
    _ = try both.client.handshake();
    both.close();
    try testing.expectEqual(1, both.failures(.abandoned));
}

test "a handshake that ends after any byte of either side is told, and does no harm" {
    for ([_][]const u8{ "TLSv1.2", "TLSv1.3" }) |version| {
        var both: Both = undefined;
        var client = trusting;
        client.protocols = version;
        try both.begin(client, serving);
        defer both.end();
        for ([_]Cut.Side{ .client, .server }) |side| {
            var after: usize = 0;
            var cuts: usize = 0;
            while (true) : (after += 1) {
                // No ticket of the last one may shorten the next.
                both.discriminator += 1;
                var cut: Cut = .{ .side = side, .left = after };
                cut.play(&both) catch |err| switch (err) {
                    error.Closed, error.Broken, error.Tls => {
                        cuts += 1;
                        continue;
                    },
                    else => return err,
                };
                break;
            }
            try testing.expect(cuts > 200);
        }
    }
}

/// What one side sends, of which only the first bytes arrive.
const Cut = struct {
    side: Side,
    left: usize,
    buffer: [16 * 1024]u8 = undefined,

    const Side = enum { client, server };

    /// A handshake and a message each way, one byte at a time.
    fn play(cut: *Cut, both: *Both) !void {
        try both.open("node.example");
        var outer: [2]os.Fd = undefined;
        const kind = std.posix.SOCK.STREAM | std.posix.SOCK.NONBLOCK;
        try testing.expectEqual(0, std.c.socketpair(std.posix.AF.UNIX, kind, 0, &outer));
        // The server's end is behind the relay: fds[1] and outer[0] are the relay's.
        both.server.fd = outer[1];
        defer both.close();
        defer for (outer) |fd| {
            _ = std.c.close(fd);
        };
        var room: [16]u8 = undefined;
        var has_sent: bool = false;
        for (0..20) |_| {
            if (try both.client.handshake() == null and !has_sent) {
                _ = try both.client.write("hello");
                has_sent = true;
            }
            cut.pass(.client, both.fds[1], outer[0]);
            // What the server makes of it is its own; the client learns of its end.
            serve(both, &room) catch {
                _ = std.c.shutdown(outer[1], std.c.SHUT.WR);
            };
            cut.pass(.server, outer[0], both.fds[1]);
            if (has_sent and try both.client.read(&room) > 0) return;
        }
        return error.Lost;
    }

    fn serve(both: *Both, room: []u8) !void {
        if (try both.server.handshake() != null) return;
        if (try both.server.read(room) > 0) _ = try both.server.write("there");
    }

    fn pass(cut: *Cut, from: Side, source: os.Fd, target: os.Fd) void {
        const rc = std.c.read(source, &cut.buffer, cut.buffer.len);
        if (rc == 0) _ = std.c.shutdown(target, std.c.SHUT.WR);
        if (rc <= 0) return;
        const count: usize = @intCast(rc);
        const passed = if (from == cut.side) @min(count, cut.left) else count;
        if (passed > 0) _ = std.c.write(target, &cut.buffer, passed);
        if (from != cut.side) return;
        cut.left -= passed;
        if (passed < count) _ = std.c.shutdown(target, std.c.SHUT.WR);
    }
};

test "records and handshakes that were changed on their way never do harm" {
    var both: Both = undefined;
    try both.begin(trusting, serving);
    defer both.end();
    var random = std.Random.DefaultPrng.init(7);
    var survived: usize = 0;
    for (0..300) |_| {
        try both.open("node.example");
        defer both.close();
        if (changeOnTheWay(&both, random.random())) survived += 1 else |_| {}
    }
    // Some changes hit what nobody looks at, most do not.
    try testing.expect(survived < 150);
}

/// A handshake and a message, through a relay that flips a bit here and there.
fn changeOnTheWay(both: *Both, random: std.Random) !void {
    var outer: [2]os.Fd = undefined;
    const kind = std.posix.SOCK.STREAM | std.posix.SOCK.NONBLOCK;
    try testing.expectEqual(0, std.c.socketpair(std.posix.AF.UNIX, kind, 0, &outer));
    defer for (outer) |fd| {
        _ = std.c.close(fd);
    };
    // The server's end is behind the relay: fds[1] and outer[0] are the relay's.
    both.server.fd = outer[1];
    var buffer: [20_000]u8 = undefined;
    var is_sent = false;
    for (0..30) |_| {
        if (try both.client.handshake() == null and !is_sent) {
            _ = try both.client.write("hello");
            is_sent = true;
        }
        pass(both.fds[1], outer[0], random);
        if (try both.server.handshake() == null) {
            if (try both.server.read(&buffer) > 0) return;
        }
        pass(outer[0], both.fds[1], random);
    }
    return error.Lost;
}

fn pass(from: os.Fd, to: os.Fd, random: std.Random) void {
    var buffer: [20_000]u8 = undefined;
    const rc = std.c.read(from, &buffer, buffer.len);
    if (rc <= 0) return;
    const bytes = buffer[0..@intCast(rc)];
    if (random.uintLessThan(u8, 3) == 0) {
        bytes[random.uintLessThan(usize, bytes.len)] ^= @as(u8, 1) << random.int(u3);
    }
    _ = std.c.write(to, bytes.ptr, bytes.len);
}

fn expectRefused(options: Options, text: []const u8) !void {
    var counters: Counters = .{};
    var failure: Failure = .{};
    _ = tls.openssl.get("", &failure) catch return error.SkipZigTest;
    const made = Context.create(testing.allocator, .client, &options, &counters, &failure);
    try testing.expectError(error.Failed, made);
    if (std.mem.find(u8, failure.message(), text) == null) {
        std.debug.print("message: {s}\n", .{failure.message()});
        return error.TestUnexpectedResult;
    }
}

test "a configuration that cannot work is refused with the key that is to blame" {
    try expectRefused(.{ .cafile = "/nowhere/ca.pem" }, "tls 'cafile': /nowhere/ca.pem");
    try expectRefused(.{ .capath = "/nowhere" }, "tls 'capath'");
    try expectRefused(.{ .ca = "no certificate" }, "tls 'ca' has no certificate");
    try expectRefused(.{ .cert = client_pem, .key = "none" }, "tls 'key' has no private key");
    try expectRefused(.{ .cert = client_pem, .key = server_pem }, "is not the key");
    try expectRefused(.{ .key = client_pem }, "no certificate for it");
    try expectRefused(.{ .cipher_suite = "none" }, "tls 'cipher_suite'");
    try expectRefused(.{ .cipher_suite = "aNULL:@SECLEVEL=0" }, "tls 'cipher_suite'");
    try expectRefused(.{ .cipher_suite = "eNULL:@SECLEVEL=0" }, "tls 'cipher_suite'");
    try expectRefused(.{ .capath = "native/src/tls.zig" }, "not a folder");
    try expectRefused(.{ .ciphersuites = "none" }, "tls 'ciphersuites'");
    const long: [5000]u8 = @splat('x');
    try expectRefused(.{ .ciphersuites = &long }, "tls 'ciphersuites' is too long");
    try expectRefused(.{ .keyfile_pw = "env:NO_SUCH_NAME", .cert = client_pem, .key = client_pem }, "NO_SUCH_NAME");
    try expectRefused(.{ .keylog_file = "/nowhere/log" }, "keylog_file");
    try expectRefused(.{ .cert_blacklist = "/nowhere/list" }, "cert_blacklist");
}
