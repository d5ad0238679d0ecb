//! The network of the simulated world, with the declarations that io.zig asks for.
//!
//! A value that points to its world; copies are the same network.

const std = @import("std");
const assert = std.debug.assert;
const io = @import("../io.zig");
const tls = @import("../tls.zig");
const World = @import("world.zig").World;

pub const Net = struct {
    world: *World,

    pub const Address = std.Io.net.IpAddress;

    pub const Socket = struct {
        /// Of the world's connections.
        fd: i32,

        fn from(connection: u32) Socket {
            return .{ .fd = @intCast(connection) };
        }

        fn index(socket: *const Socket) u32 {
            return @intCast(socket.fd);
        }
    };

    /// A name of all servers, wherever they are at the moment.
    pub const cluster_host = "cluster.simulated";

    /// What every call takes, so that a loop of calls does not stop the clock.
    const call_ns = 1_000;

    pub fn init(world: *World) Net {
        return .{ .world = world };
    }

    pub fn now(net: *const Net) u64 {
        return net.world.now_ns;
    }

    pub fn addressOf(net: *const Net, server: u8) Address {
        return .{ .ip4 = .loopback(net.world.servers[server].port) };
    }

    pub fn resolve(
        net: *const Net,
        host: []const u8,
        port: u16,
        deadline_ns: u64,
        buffer: []Address,
    ) io.ResolveError![]Address {
        // No time passes.
        _ = deadline_ns;
        assert(buffer.len > 0);
        if (Address.parse(host, port)) |address| {
            buffer[0] = address;
            return buffer[0..1];
        } else |_| {}
        if (!std.mem.eql(u8, host, cluster_host)) return error.HostNotFound;
        const count = @min(buffer.len, net.world.servers.len);
        for (buffer[0..count], 0..) |*address, server| address.* = net.addressOf(@intCast(server));
        return buffer[0..count];
    }

    pub fn connect(net: *Net, address: Address, deadline_ns: u64) io.Error!Socket {
        const world = net.world;
        const answered_ns = world.now_ns + world.latency();
        switch (world.connect(address.getPort())) {
            .connected => |connection| {
                net.waitUntil(@min(answered_ns, deadline_ns));
                if (answered_ns <= deadline_ns) return .from(connection);
                world.close(connection);
                return error.Timeout;
            },
            .refused => {
                net.waitUntil(@min(answered_ns, deadline_ns));
                if (answered_ns > deadline_ns) return error.Timeout;
                return error.ConnectionRefused;
            },
            .ignored => {
                net.waitUntil(deadline_ns);
                return error.Timeout;
            },
        }
    }

    fn waitUntil(net: *Net, until_ns: u64) void {
        while (net.world.waitStep(until_ns)) {}
    }

    pub fn send(net: *Net, socket: *Socket, bytes: []const u8, deadline_ns: u64) io.Error!void {
        _ = deadline_ns;
        net.waitUntil(net.world.now_ns + call_ns);
        const connection = &net.world.connections.items[socket.index()];
        assert(connection.open);
        if (connection.ended) return error.ConnectionClosed;
        if (!net.world.send(socket.index(), bytes)) return error.ConnectionClosed;
    }

    pub fn recv(net: *Net, socket: *Socket, buffer: []u8, deadline_ns: u64) io.Error!usize {
        assert(buffer.len > 0);
        const world = net.world;
        net.waitUntil(world.now_ns + call_ns);
        while (true) {
            const connection = &world.connections.items[socket.index()];
            assert(connection.open);
            const count = net.take(connection, buffer);
            if (count > 0) return count;
            if (connection.ended) return error.ConnectionClosed;
            if (world.now_ns >= deadline_ns) return error.Timeout;
            _ = world.waitStep(deadline_ns);
        }
    }

    fn take(net: *const Net, connection: *World.Connection, buffer: []u8) usize {
        const ready = connection.arrived.items[connection.arrived_offset..];
        const holds_back = net.world.holds_back;
        const limit = if (holds_back) net.world.random().intRangeAtMost(usize, 1, 200) else ready.len;
        const count = @min(ready.len, buffer.len, limit);
        @memcpy(buffer[0..count], ready[0..count]);
        connection.arrived_offset += count;
        if (connection.arrived_offset == connection.arrived.items.len) {
            connection.arrived.clearRetainingCapacity();
            connection.arrived_offset = 0;
            connection.held_end = 0;
        } else if (holds_back) {
            connection.held_end = connection.arrived.items.len;
        }
        return count;
    }

    // Without waiting; `sim/poller.zig` tells when it is worth a try.

    pub fn connectStart(net: *Net, address: Address) io.Error!Socket {
        const connection = net.world.connectStart(address.getPort()) orelse
            return error.ConnectionRefused;
        return .from(connection);
    }

    pub fn connectFinish(net: *Net, socket: *Socket, address: Address) io.Error!void {
        const connection = &net.world.connections.items[socket.index()];
        assert(connection.open);
        assert(net.addressOf(connection.server).eql(&address) or !connection.served);
        if (connection.progress == .established) return;
        assert(connection.progress == .refused or connection.ended);
        return error.ConnectionRefused;
    }

    pub fn trySend(net: *Net, socket: *Socket, bytes: []const u8) io.Error!usize {
        assert(bytes.len > 0);
        const connection = &net.world.connections.items[socket.index()];
        assert(connection.open);
        if (connection.ended) return error.ConnectionClosed;
        return net.world.trySend(socket.index(), bytes) orelse error.ConnectionClosed;
    }

    pub fn tryRecv(net: *Net, socket: *Socket, buffer: []u8) io.Error!usize {
        assert(buffer.len > 0);
        const connection = &net.world.connections.items[socket.index()];
        assert(connection.open);
        const count = net.take(connection, buffer);
        if (count == 0 and connection.ended) return error.ConnectionClosed;
        return count;
    }

    pub fn isIdle(net: *const Net, socket: *const Socket) bool {
        const connection = &net.world.connections.items[socket.index()];
        assert(connection.open);
        return !connection.ended and connection.arrived.items.len == 0;
    }

    pub fn close(net: *const Net, socket: *Socket) void {
        net.world.close(socket.index());
        socket.* = undefined;
    }

    // Nothing here speaks TLS.

    pub fn secure(_: *Net, _: *Socket, _: *tls.Context, _: tls.Peer) io.Error!void {
        unreachable;
    }

    pub fn tryHandshake(_: *Net, _: *Socket) io.Error!?tls.Direction {
        unreachable;
    }

    pub fn handshake(_: *Net, _: *Socket, _: u64) io.Error!void {
        unreachable;
    }

    pub fn tlsOf(_: *const Net, _: *const Socket) ?*const tls.Stream {
        return null;
    }

    pub fn hasUnread(net: *const Net, socket: *const Socket) bool {
        const connection = &net.world.connections.items[socket.index()];
        return connection.arrived_offset < connection.held_end;
    }

    pub fn waitsToRead(_: *const Net, _: *const Socket) bool {
        return false;
    }

    pub fn waitsToWrite(_: *const Net, _: *const Socket) bool {
        return false;
    }

    pub fn isStopped(_: *const Net) bool {
        return false;
    }

    /// There are no signals here.
    pub fn isInterrupted(_: *const Net) bool {
        return false;
    }

    pub fn waitFor(
        net: *Net,
        event: *io.sync.Event,
        deadline_ns: u64,
    ) error{ Timeout, Interrupted }!void {
        const world = net.world;
        while (!event.waitBriefly(0)) {
            if (world.now_ns >= deadline_ns) return error.Timeout;
            _ = world.waitStep(deadline_ns);
        }
    }

    pub const Watch = struct { socket: *const Socket, for_writing: bool, is_ready: bool = false };
    pub const watches_max = 128;

    pub fn waitAny(net: *Net, watches: []Watch, deadline_ns: u64) io.Error!void {
        assert(watches.len > 0);
        assert(watches.len <= watches_max);
        net.waitUntil(net.world.now_ns + call_ns);
        while (!net.markReady(watches)) {
            if (net.world.now_ns >= deadline_ns) return error.Timeout;
            _ = net.world.waitStep(deadline_ns);
        }
    }

    fn markReady(net: *const Net, watches: []Watch) bool {
        var any = false;
        for (watches) |*watch| {
            const connection = &net.world.connections.items[watch.socket.index()];
            assert(connection.open);
            watch.is_ready = if (watch.for_writing)
                connection.isWritable(net.world.now_ns)
            else
                connection.isReadable();
            any = any or watch.is_ready;
        }
        return any;
    }

    pub fn sleep(net: *Net, duration_ns: u64) error{Interrupted}!void {
        net.waitUntil(net.world.now_ns + duration_ns);
    }
};
