//! Tests of the real network against sockets of this process on the loopback interface.

const std = @import("std");
const os = @import("../os.zig");
const system = os.system;
const Net = @import("net.zig").Net;

/// A listening socket on an ephemeral loopback port, with plain blocking calls.
const Listener = struct {
    fd: os.Fd,
    port: u16,

    fn open() !Listener {
        const rc = system.socket(system.AF.INET, system.SOCK.STREAM | system.SOCK.CLOEXEC, 0);
        try std.testing.expect(rc >= 0);
        const fd: os.Fd = @intCast(rc);
        var name: system.sockaddr.in = .{ .port = 0, .addr = @bitCast([4]u8{ 127, 0, 0, 1 }) };
        var size: system.socklen_t = @sizeOf(system.sockaddr.in);
        try std.testing.expectEqual(0, system.bind(fd, @ptrCast(&name), size));
        try std.testing.expectEqual(0, system.listen(fd, 8));
        try std.testing.expectEqual(0, system.getsockname(fd, @ptrCast(&name), &size));
        return .{ .fd = fd, .port = std.mem.bigToNative(u16, name.port) };
    }

    fn address(listener: Listener) Net.Address {
        return .{ .ip4 = .loopback(listener.port) };
    }

    fn accept(listener: Listener) !os.Fd {
        const rc = system.accept(listener.fd, null, null);
        try std.testing.expect(rc >= 0);
        return @intCast(rc);
    }

    fn close(listener: Listener) void {
        _ = system.close(listener.fd);
    }
};

fn soon(net: *Net) u64 {
    return net.now() + 10 * std.time.ns_per_s;
}

test "bytes go both ways, and a socket with unread bytes is not idle" {
    var net = Net.init();
    const listener = try Listener.open();
    defer listener.close();
    var socket = try net.connect(listener.address(), soon(&net));
    defer net.close(&socket);
    const peer = try listener.accept();
    defer _ = system.close(peer);

    try std.testing.expect(net.isIdle(&socket));
    try net.send(&socket, "hello", soon(&net));
    var buffer: [16]u8 = undefined;
    try std.testing.expectEqual(5, system.recv(peer, &buffer, buffer.len, 0));
    try std.testing.expectEqualStrings("hello", buffer[0..5]);

    try std.testing.expectEqual(3, system.send(peer, "abc", 3, 0));
    const count = try net.recv(&socket, buffer[0..2], soon(&net));
    try std.testing.expectEqual(2, count);
    try std.testing.expect(!net.isIdle(&socket));
    try std.testing.expectEqual(1, try net.recv(&socket, &buffer, soon(&net)));
    try std.testing.expect(net.isIdle(&socket));
}

test "more bytes than the kernel buffers are sent whole" {
    var net = Net.init();
    const listener = try Listener.open();
    defer listener.close();
    var socket = try net.connect(listener.address(), soon(&net));
    const peer = try listener.accept();
    defer _ = system.close(peer);

    const Reader = struct {
        fn run(fd: os.Fd, total: *usize) void {
            var buffer: [65536]u8 = undefined;
            while (true) {
                const rc = system.recv(fd, &buffer, buffer.len, 0);
                if (rc <= 0) return;
                total.* += @intCast(rc);
            }
        }
    };
    var total: usize = 0;
    const reader = try std.Thread.spawn(.{}, Reader.run, .{ peer, &total });
    const bytes = try std.testing.allocator.alloc(u8, 16 * 1024 * 1024);
    defer std.testing.allocator.free(bytes);
    @memset(bytes, 7);
    try net.send(&socket, bytes, soon(&net));
    net.close(&socket);
    reader.join();
    try std.testing.expectEqual(bytes.len, total);
}

test "a refused connection fails at once, and a closed one is told from a silent one" {
    var net = Net.init();
    const listener = try Listener.open();
    const address = listener.address();
    var socket = try net.connect(address, soon(&net));
    defer net.close(&socket);
    const peer = try listener.accept();
    listener.close();
    const before_ns = net.now();
    try std.testing.expectError(error.ConnectionRefused, net.connect(address, soon(&net)));
    try std.testing.expect(net.now() - before_ns < std.time.ns_per_s);

    var buffer: [8]u8 = undefined;
    const deadline_ns = net.now() + 5 * std.time.ns_per_ms;
    try std.testing.expectError(error.Timeout, net.recv(&socket, &buffer, deadline_ns));
    try std.testing.expect(net.now() >= deadline_ns);
    try std.testing.expectError(error.Timeout, net.recv(&socket, &buffer, 0));
    _ = system.close(peer);
    try std.testing.expectError(error.ConnectionClosed, net.recv(&socket, &buffer, soon(&net)));
    try std.testing.expect(!net.isIdle(&socket));
}

test "what has slept in a receive holds up nobody who does not want to wait" {
    var net = Net.init();
    const listener = try Listener.open();
    defer listener.close();
    var socket = try net.connect(listener.address(), soon(&net));
    defer net.close(&socket);
    const peer = try listener.accept();
    defer _ = system.close(peer);

    var buffer: [8]u8 = undefined;
    const deadline_ns = net.now() + 30 * std.time.ns_per_ms;
    try std.testing.expectError(error.Timeout, net.recv(&socket, &buffer, deadline_ns));
    try std.testing.expect(net.now() >= deadline_ns);
    try std.testing.expect(net.now() < deadline_ns + std.time.ns_per_s);
    if (!os.is_windows) try std.testing.expect(socket.is_patient);

    try std.testing.expectEqual(0, try net.tryRecv(&socket, &buffer));
    const bytes = try std.testing.allocator.alloc(u8, 1024 * 1024);
    defer std.testing.allocator.free(bytes);
    @memset(bytes, 7);
    while (try net.trySend(&socket, bytes) > 0) {}
    try std.testing.expect(net.isIdle(&socket));
    try std.testing.expectEqual(2, system.send(peer, "ab", 2, 0));
    try std.testing.expectEqual(2, try net.recv(&socket, &buffer, soon(&net)));
}

test "a wait is ended by the stop flag and by the interrupt hook" {
    const Hook = struct {
        fn interrupt() callconv(.c) c_int {
            return 1;
        }
    };
    var base = Net.init();
    const listener = try Listener.open();
    defer listener.close();
    var socket = try base.connect(listener.address(), soon(&base));
    defer base.close(&socket);

    var stop: std.atomic.Value(bool) = .init(true);
    var stoppable = base.stoppable(&stop);
    var buffer: [8]u8 = undefined;
    const never = std.math.maxInt(u64);
    try std.testing.expectError(error.Interrupted, stoppable.recv(&socket, &buffer, never));
    try std.testing.expectError(error.Interrupted, stoppable.sleep(never));
    base.interrupt = Hook.interrupt;
    try std.testing.expectError(error.Interrupted, base.recv(&socket, &buffer, never));
}

test "literals need no resolver, and names become addresses with the port" {
    var net = Net.init();
    var buffer: [8]Net.Address = undefined;
    const four = try net.resolve("127.0.0.1", 3000, soon(&net), &buffer);
    try std.testing.expectEqual(1, four.len);
    try std.testing.expectFmt("127.0.0.1:3000", "{f}", .{four[0]});
    const six = try net.resolve("::1", 3010, soon(&net), &buffer);
    try std.testing.expectFmt("[::1]:3010", "{f}", .{six[0]});
    const named = try net.resolve("localhost", 3020, soon(&net), &buffer);
    try std.testing.expect(named.len >= 1);
    for (named) |address| try std.testing.expectEqual(3020, address.getPort());
    const error_name = "no-such-host.invalid";
    try std.testing.expectError(error.HostNotFound, net.resolve(error_name, 1, soon(&net), &buffer));
    try std.testing.expectError(error.HostNotFound, net.resolve("", 1, soon(&net), &buffer));
}
