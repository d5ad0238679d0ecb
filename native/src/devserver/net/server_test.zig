//! The whole server over loopback sockets: threads, ports, and what happens to connections.

const std = @import("std");
const wire = @import("../../wire.zig");
const Server = @import("Server.zig");
const options_module = @import("../base/options.zig");
const socket = @import("socket.zig");

const os = @import("../../os.zig");
const c = os.system;
const testing = std.testing;

/// A blocking connection that gives up rather than hang a test.
const Peer = struct {
    fd: socket.Fd,

    fn connect(port: u16) error{Refused}!Peer {
        const fd = c.socket(c.AF.INET, c.SOCK.STREAM, 0);
        std.debug.assert(fd >= 0);
        const timeout = if (os.is_windows)
            @as(u32, 5_000)
        else
            c.timeval{ .sec = 5, .usec = 0 };
        _ = c.setsockopt(fd, c.SOL.SOCKET, c.SO.RCVTIMEO, &timeout, @sizeOf(@TypeOf(timeout)));
        const address: c.sockaddr.in = .{
            .port = std.mem.nativeToBig(u16, port),
            .addr = std.mem.nativeToBig(u32, 0x7f000001),
        };
        const result = c.connect(fd, @ptrCast(&address), @sizeOf(c.sockaddr.in));
        if (os.errno(result) != .SUCCESS) {
            socket.close(fd);
            return error.Refused;
        }
        return .{ .fd = fd };
    }

    fn close(peer: Peer) void {
        socket.close(peer.fd);
    }

    fn send(peer: Peer, bytes: []const u8) void {
        var rest = bytes;
        while (rest.len > 0) {
            const sent = socket.send(peer.fd, rest) catch return;
            rest = rest[sent..];
        }
    }

    /// All of `buffer`, or an error when the connection ends first.
    fn receive(peer: Peer, buffer: []u8) socket.TransferError!void {
        var rest = buffer;
        while (rest.len > 0) {
            const count = try socket.receive(peer.fd, rest);
            rest = rest[count..];
        }
    }

    /// One reply, header included, in the caller's memory.
    fn reply(peer: Peer, buffer: []u8) ![]u8 {
        try peer.receive(buffer[0..8]);
        const proto = try wire.proto.decode(buffer[0..8], buffer.len - 8);
        try peer.receive(buffer[8..][0..proto.size]);
        return buffer[0 .. 8 + proto.size];
    }

    fn askNode(peer: Peer, memory: []u8) ![]const u8 {
        peer.send("\x02\x01\x00\x00\x00\x00\x00\x05node\n");
        const bytes = try peer.reply(memory);
        return wire.info.Lines.find(bytes[8..], "node") orelse error.NoAnswer;
    }
};

fn order(server: *Server, request: []const u8) !void {
    var reply = wire.Buffer.growing(testing.allocator, &.{}, 1 << 16);
    defer reply.deinit();
    try server.control(request, &reply);
    try testing.expect(std.mem.startsWith(u8, reply.written()[1..], "\xa2ok\xc3"));
}

/// A whole request that writes one bin of the given size, or reads all bins when it is null.
fn recordRequest(buffer: *wire.Buffer, size: ?usize) !void {
    var encoder = try wire.message.Encoder.begin(buffer);
    try encoder.field(.namespace, "test");
    try encoder.field(.digest, &wire.digest.keyDigest("", .string, "key"));
    if (size) |bytes| {
        const value = try testing.allocator.alloc(u8, bytes);
        defer testing.allocator.free(value);
        @memset(value, 'v');
        try encoder.operation(.write, .string, "bin", value);
        encoder.finish(.{ .info2 = .{ .write = true } });
    } else {
        encoder.finish(.{ .info1 = .{ .read = true, .get_all = true } });
    }
}

test "three nodes answer on ports of their own, and end with the server" {
    var memory: [256]u8 = undefined;
    const server = try Server.start(testing.allocator, &.{ .nodes = 3, .workers = 2 });
    const ports: [3]u16 = server.ports()[0..3].*;
    for (ports, [_][]const u8{ "D1", "D2", "D3" }) |port, name| {
        const peer = try Peer.connect(port);
        defer peer.close();
        try testing.expectEqualStrings(name, try peer.askNode(&memory));
    }
    server.destroy();
    for (ports) |port| try testing.expectError(error.Refused, Peer.connect(port));
}

test "a port that is taken is an error, and nothing stays behind" {
    const listener = try socket.listen("127.0.0.1", 0);
    defer socket.close(listener.fd);
    const result = Server.start(testing.allocator, &.{ .port = listener.port });
    try testing.expectError(error.AddressInUse, result);
}

test "failing allocations at the start leak nothing" {
    for (0..200) |fail_index| {
        var failing = testing.FailingAllocator.init(testing.allocator, .{
            .fail_index = fail_index,
        });
        const server = Server.start(failing.allocator(), &.{ .workers = 1 }) catch |err| {
            try testing.expectEqual(error.OutOfMemory, err);
            continue;
        };
        server.destroy();
        return;
    }
    return error.NeverSucceeded;
}

test "a killed node cuts its connections and refuses new ones until it is revived" {
    const server = try Server.start(testing.allocator, &.{ .nodes = 2, .workers = 2 });
    defer server.destroy();
    var memory: [256]u8 = undefined;
    var peers: [8]Peer = undefined;
    for (&peers) |*peer| peer.* = try Peer.connect(server.ports()[1]);
    defer for (peers) |peer| peer.close();
    for (peers) |peer| _ = try peer.askNode(&memory);

    try order(server, "\x82\xa7command\xa4kill\xa4node\x01");
    try testing.expectError(error.Refused, Peer.connect(server.ports()[1]));
    for (peers) |peer| {
        try testing.expectError(error.Closed, peer.receive(memory[0..1]));
    }
    const survivor = try Peer.connect(server.ports()[0]);
    defer survivor.close();
    try testing.expectEqualStrings("D1", try survivor.askNode(&memory));

    try order(server, "\x82\xa7command\xa6revive\xa4node\x01");
    const again = try Peer.connect(server.ports()[1]);
    defer again.close();
    try testing.expectEqualStrings("D2", try again.askNode(&memory));
}

test "requests that come in pieces and several at once are answered in order" {
    const server = try Server.start(testing.allocator, &.{});
    defer server.destroy();
    const peer = try Peer.connect(server.ports()[0]);
    defer peer.close();
    var memory: [4096]u8 = undefined;
    var requests = wire.Buffer.growing(testing.allocator, &.{}, 1 << 20);
    defer requests.deinit();
    for (0..50) |index| try recordRequest(&requests, if (index % 2 == 0) index else null);
    // Odd pieces, so that headers and bodies are cut everywhere.
    var rest: []const u8 = requests.written();
    while (rest.len > 0) {
        const piece = @min(rest.len, 37);
        peer.send(rest[0..piece]);
        rest = rest[piece..];
    }
    for (0..50) |index| {
        const message = try wire.message.Message.decode((try peer.reply(&memory))[8..]);
        try testing.expectEqual(@as(u8, 0), message.header.result_code);
        if (index % 2 == 0) continue;
        var operations = try message.operations();
        try testing.expectEqual(index - 1, (try operations.next()).?.value.len);
    }
}

test "replies wait for a slow reader without being lost" {
    const server = try Server.start(testing.allocator, &.{ .workers = 1 });
    defer server.destroy();
    const peer = try Peer.connect(server.ports()[0]);
    defer peer.close();
    var requests = wire.Buffer.growing(testing.allocator, &.{}, 1 << 22);
    defer requests.deinit();
    const size = 900_000;
    const count = 40;
    try recordRequest(&requests, size);
    for (0..count) |_| try recordRequest(&requests, null);
    // All is asked for before anything is read: far more than sockets can hold.
    peer.send(requests.written());
    const memory = try testing.allocator.alloc(u8, size + 100);
    defer testing.allocator.free(memory);
    _ = try peer.reply(memory);
    for (0..count) |_| {
        const message = try wire.message.Message.decode((try peer.reply(memory))[8..]);
        var operations = try message.operations();
        try testing.expectEqual(@as(usize, size), (try operations.next()).?.value.len);
    }
}

test "a delayed reply comes late, and what was sent behind it comes after it" {
    const server = try Server.start(testing.allocator, &.{});
    defer server.destroy();
    const peer = try Peer.connect(server.ports()[0]);
    defer peer.close();
    var memory: [256]u8 = undefined;
    try order(server, "\x85\xa7command\xa5fault\xa4kind\xa5delay\xa8delay_ms\x28" ++
        "\xa5count\x01\xa5scope\xa4info");
    const start_ns = socket.monotonicNs();
    peer.send("\x02\x01\x00\x00\x00\x00\x00\x05node\n");
    peer.send("\x02\x01\x00\x00\x00\x00\x00\x06build\n");
    try testing.expect(std.mem.find(u8, try peer.reply(&memory), "node") != null);
    try testing.expect(socket.monotonicNs() - start_ns >= 40 * std.time.ns_per_ms);
    try testing.expect(std.mem.find(u8, try peer.reply(&memory), "build") != null);
}

test "a reply that is cut is followed by the connection's end" {
    const server = try Server.start(testing.allocator, &.{});
    defer server.destroy();
    const peer = try Peer.connect(server.ports()[0]);
    defer peer.close();
    var memory: [256]u8 = undefined;
    try order(server, "\x84\xa7command\xa5fault\xa4kind\xa8truncate\xa5bytes\x0b\xa5scope\xa3all");
    peer.send("\x02\x01\x00\x00\x00\x00\x00\x05node\n");
    try peer.receive(memory[0..11]);
    try testing.expectError(error.Closed, peer.receive(memory[0..1]));
}

test "strangers are cut off, and connections can be closed on request" {
    const server = try Server.start(testing.allocator, &.{});
    defer server.destroy();
    var memory: [256]u8 = undefined;
    const stranger = try Peer.connect(server.ports()[0]);
    defer stranger.close();
    stranger.send("GET / HTTP/1.1\r\n\r\n");
    try testing.expectError(error.Closed, stranger.receive(memory[0..1]));
    const peer = try Peer.connect(server.ports()[0]);
    defer peer.close();
    _ = try peer.askNode(&memory);
    try order(server, "\x81\xa7command\xb1close_connections");
    try testing.expectError(error.Closed, peer.receive(memory[0..1]));
    const other = try Peer.connect(server.ports()[0]);
    defer other.close();
    _ = try other.askNode(&memory);
    const counters = &server.core.nodes[0].counters;
    try testing.expectEqual(@as(u64, 3), counters.get(.connections_accepted));
    try testing.expectEqual(@as(u64, 1), counters.get(.connections_open));
}

test "two servers have different secrets, whatever their options" {
    const options: options_module.Options = .{
        .users = &.{options_module.default_admin},
        .seed = 7,
    };
    const one = try Server.start(testing.allocator, &options);
    defer one.destroy();
    const other = try Server.start(testing.allocator, &options);
    defer other.destroy();
    const key = &one.core.security.key;
    try testing.expect(!std.mem.eql(u8, key, &other.core.security.key));
}

test "a node that refuses keeps the connections it has" {
    const server = try Server.start(testing.allocator, &.{});
    defer server.destroy();
    var memory: [256]u8 = undefined;
    const peer = try Peer.connect(server.ports()[0]);
    defer peer.close();
    _ = try peer.askNode(&memory);
    try order(server, "\x81\xa7command\xa6refuse");
    try testing.expectError(error.Refused, Peer.connect(server.ports()[0]));
    try testing.expectEqualStrings("D1", try peer.askNode(&memory));
    try order(server, "\x81\xa7command\xacclear_faults");
    const other = try Peer.connect(server.ports()[0]);
    other.close();
}
