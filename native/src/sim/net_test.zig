//! Tests of the simulated network itself: it does harm when told to, and only then.

const std = @import("std");
const wire = @import("../wire.zig");
const Net = @import("net.zig").Net;
const World = @import("world.zig").World;

const second = std.time.ns_per_s;
const request = wire.proto.encode(.{ .kind = .info, .size = 5 }) ++ "node\n".*;

fn receiveFrame(net: *Net, socket: *Net.Socket, buffer: []u8, deadline_ns: u64) ![]u8 {
    var have: usize = 0;
    while (true) {
        have += try net.recv(socket, buffer[have..], deadline_ns);
        if (have < wire.proto.header_bytes) continue;
        const header = try wire.proto.decode(buffer[0..wire.proto.header_bytes], buffer.len);
        if (have >= wire.proto.header_bytes + header.size) return buffer[0..have];
    }
}

test "a server answers, in virtual time, and a torn reply comes in pieces" {
    const world = try World.create(std.testing.allocator, 1, .{ .nodes = 1 });
    defer world.destroy();
    var net = Net.init(world);
    const before_ns = net.now();
    var socket = try net.connect(net.addressOf(0), before_ns + second);
    defer net.close(&socket);
    var buffer: [256]u8 = undefined;
    try std.testing.expect(net.isIdle(&socket));
    try net.send(&socket, &request, net.now() + second);
    const whole = try receiveFrame(&net, &socket, &buffer, net.now() + second);
    try std.testing.expectEqualStrings("node\tD1\n", whole[wire.proto.header_bytes..]);
    try std.testing.expect(net.now() > before_ns);
    try std.testing.expect(net.now() < before_ns + second);

    world.faults.tear = 1000;
    try net.send(&socket, &request, net.now() + second);
    const first = try net.recv(&socket, &buffer, net.now() + second);
    try std.testing.expect(first < whole.len);
    world.advance(second);
    try std.testing.expect(!net.isIdle(&socket));
}

test "what is lost is waited for until the deadline, what is reset is reported" {
    const world = try World.create(std.testing.allocator, 2, .{ .nodes = 2 });
    defer world.destroy();
    var net = Net.init(world);
    var buffer: [256]u8 = undefined;
    var socket = try net.connect(net.addressOf(0), net.now() + second);
    defer net.close(&socket);
    world.faults.lose = 1000;
    try net.send(&socket, &request, net.now() + second);
    const deadline_ns = net.now() + second;
    try std.testing.expectError(error.Timeout, net.recv(&socket, &buffer, deadline_ns));
    try std.testing.expectEqual(deadline_ns, net.now());
    world.faults = .{ .reset_request = 1000 };
    try net.send(&socket, &request, net.now() + second);
    const reset = net.recv(&socket, &buffer, net.now() + second);
    try std.testing.expectError(error.ConnectionClosed, reset);
    try std.testing.expect(!net.isIdle(&socket));
}

test "a crashed server refuses, a silent one does not answer, both come back" {
    const world = try World.create(std.testing.allocator, 3, .{ .nodes = 2 });
    defer world.destroy();
    var net = Net.init(world);
    world.crash(0);
    world.silence(1);
    const soon_ns = net.now() + second;
    const refused = net.connect(net.addressOf(0), soon_ns);
    try std.testing.expectError(error.ConnectionRefused, refused);
    try std.testing.expectError(error.Timeout, net.connect(net.addressOf(1), soon_ns));
    try std.testing.expectEqual(soon_ns, net.now());
    world.revive(0);
    world.revive(1);
    for (0..2) |server| {
        const address = net.addressOf(@intCast(server));
        var socket = try net.connect(address, net.now() + second);
        net.close(&socket);
    }
    try std.testing.expectEqual(0, world.openCount());
}

fn historyOf(seed: u64) !u64 {
    const world = try World.create(std.testing.allocator, seed, .{ .nodes = 3 });
    defer world.destroy();
    world.faults = .all;
    var net = Net.init(world);
    var hash = std.hash.Wyhash.init(0);
    for (0..50) |index| {
        const address = net.addressOf(@intCast(index % 3));
        var socket = net.connect(address, net.now() + second) catch continue;
        defer net.close(&socket);
        net.send(&socket, &request, net.now() + second) catch continue;
        var buffer: [64]u8 = undefined;
        const count = net.recv(&socket, &buffer, net.now() + second) catch 0;
        hash.update(buffer[0..count]);
        hash.update(std.mem.asBytes(&net.now()));
    }
    return hash.final();
}

test "one seed is one history" {
    const first = try historyOf(7);
    try std.testing.expectEqual(first, try historyOf(7));
    try std.testing.expect(first != try historyOf(8));
}
