//! Host names into addresses, for whoever cannot wait as long as the system's resolver may.
//!
//! That resolver knows no deadline and cannot be interrupted. So each look-up has a thread of its
//! own, which is left to itself when the last waiter has gone: the thread owns the look-up, tells
//! those who still wait, and frees it. Who wants a name that is being looked up waits for the same
//! look-up; nothing is kept beyond its end, as names may lead elsewhere a moment later. One
//! instance serves the process. Any thread.

const std = @import("std");
const assert = std.debug.assert;
const ResolveError = @import("errors.zig").ResolveError;
const sync = @import("sync.zig");
const thread = @import("thread.zig");

const Address = std.Io.net.IpAddress;

/// Outlives every client.
const gpa = @import("../memory.zig").gpa;

pub const host_bytes_max = 255;
/// Of one host.
pub const addresses_max = 16;

pub const Resolver = struct {
    /// What a thread does: fills the buffer with the addresses of a host, without a port.
    look_up: *const LookUp,
    mutex: sync.Mutex = .{},
    /// Those under way; guarded, as is the next.
    lookups: ?*Lookup = null,
    count: u32 = 0,

    pub const LookUp = fn (host: [:0]const u8, buffer: []Address) ResolveError![]Address;

    /// Threads that look up at the same time. When all of them are with a resolver that does not
    /// answer, another one would be so, too.
    const lookups_max = 64;

    /// `net` says how long, and with what interruptions, the caller waits (see io.zig).
    pub fn resolve(
        resolver: *Resolver,
        net: anytype,
        host: []const u8,
        port: u16,
        deadline_ns: u64,
        buffer: []Address,
    ) ResolveError![]Address {
        assert(buffer.len > 0);
        if (host.len == 0 or host.len > host_bytes_max) return error.HostNotFound;
        if (std.mem.findScalar(u8, host, 0) != null) return error.HostNotFound;
        if (net.now() >= deadline_ns) return error.Timeout;
        var waiter: Waiter = .{};
        const lookup = try resolver.join(host, &waiter);
        net.waitFor(&waiter.event, deadline_ns) catch |err| {
            if (resolver.leave(lookup, &waiter)) return err;
        };
        const count = @min(try waiter.result, buffer.len);
        for (buffer[0..count], waiter.addresses[0..count]) |*address, found| {
            address.* = found;
            address.setPort(port);
        }
        return buffer[0..count];
    }

    /// Waits for the look-up of the host, which begins if it is not under way.
    fn join(resolver: *Resolver, host: []const u8, waiter: *Waiter) ResolveError!*Lookup {
        resolver.mutex.lock();
        defer resolver.mutex.unlock();
        const lookup = resolver.find(host) orelse try resolver.begin(host);
        waiter.next = lookup.waiters;
        lookup.waiters = waiter;
        return lookup;
    }

    fn find(resolver: *const Resolver, host: []const u8) ?*Lookup {
        var next = resolver.lookups;
        while (next) |lookup| : (next = lookup.next) {
            if (std.mem.eql(u8, lookup.host(), host)) return lookup;
        }
        return null;
    }

    fn begin(resolver: *Resolver, host: []const u8) ResolveError!*Lookup {
        if (resolver.count == lookups_max) return error.Timeout;
        const lookup = try gpa.create(Lookup);
        errdefer gpa.destroy(lookup);
        lookup.* = .{ .resolver = resolver, .host_len = host.len, .next = resolver.lookups };
        @memcpy(lookup.host_buffer[0..host.len], host);
        lookup.host_buffer[host.len] = 0;
        const started = try thread.spawn("aerospike-names", Lookup.run, .{lookup});
        started.detach();
        resolver.lookups = lookup;
        resolver.count += 1;
        return lookup;
    }

    /// False when the result has come in the meantime.
    fn leave(resolver: *Resolver, lookup: *Lookup, waiter: *Waiter) bool {
        resolver.mutex.lock();
        defer resolver.mutex.unlock();
        if (waiter.is_told) return false;
        var place = &lookup.waiters;
        while (place.*.? != waiter) place = &place.*.?.next;
        place.* = waiter.next;
        return true;
    }

    fn end(resolver: *Resolver, lookup: *Lookup, result: ResolveError![]Address) void {
        resolver.mutex.lock();
        defer resolver.mutex.unlock();
        var place = &resolver.lookups;
        while (place.*.? != lookup) place = &place.*.?.next;
        place.* = lookup.next;
        resolver.count -= 1;
        var next = lookup.waiters;
        while (next) |waiter| {
            // It is gone as soon as it is told.
            next = waiter.next;
            waiter.tell(result);
        }
    }

    /// In the child of a fork, where none of the threads exists.
    pub fn afterFork(resolver: *Resolver) void {
        resolver.mutex.reset();
        resolver.lookups = null;
        resolver.count = 0;
    }
};

/// On the stack of who waits; the resolver's mutex guards it until it is told.
const Waiter = struct {
    event: sync.Event = .{},
    next: ?*Waiter = null,
    is_told: bool = false,
    result: ResolveError!usize = undefined,
    addresses: [addresses_max]Address = undefined,

    fn tell(waiter: *Waiter, result: ResolveError![]Address) void {
        if (result) |addresses| {
            @memcpy(waiter.addresses[0..addresses.len], addresses);
            waiter.result = addresses.len;
        } else |err| waiter.result = err;
        waiter.is_told = true;
        waiter.event.set();
    }
};

/// Owned by its thread.
const Lookup = struct {
    resolver: *Resolver,
    host_len: usize,
    host_buffer: [host_bytes_max + 1]u8 = undefined,
    next: ?*Lookup,
    waiters: ?*Waiter = null,

    fn host(lookup: *const Lookup) [:0]const u8 {
        return lookup.host_buffer[0..lookup.host_len :0];
    }

    fn run(lookup: *Lookup) void {
        var buffer: [addresses_max]Address = undefined;
        lookup.resolver.end(lookup, lookup.resolver.look_up(lookup.host(), &buffer));
        gpa.destroy(lookup);
    }
};

const testing = std.testing;
const Net = @import("net.zig").Net;

/// A resolver that answers when it is let.
const Slow = struct {
    var gate: std.atomic.Value(bool) = .init(false);
    var asked: std.atomic.Value(u32) = .init(0);

    fn lookUp(host: [:0]const u8, buffer: []Address) ResolveError![]Address {
        _ = asked.fetchAdd(1, .monotonic);
        const net = Net.init();
        while (!gate.load(.acquire)) net.sleep(std.time.ns_per_ms) catch {};
        if (std.mem.eql(u8, host, "none")) return error.HostNotFound;
        buffer[0] = .{ .ip4 = .loopback(0) };
        return buffer[0..1];
    }

    fn awaitQuiet(resolver: *Resolver) !void {
        const net = Net.init();
        gate.store(true, .release);
        const deadline_ns = net.now() + 10 * std.time.ns_per_s;
        while (true) {
            resolver.mutex.lock();
            const count = resolver.count;
            resolver.mutex.unlock();
            if (count == 0) break;
            if (net.now() > deadline_ns) return error.TestTimeout;
            try net.sleep(std.time.ns_per_ms);
        }
        gate.store(false, .release);
        asked.store(0, .monotonic);
    }
};

test "a resolver that does not answer holds nobody beyond the deadline, or the stop" {
    var resolver: Resolver = .{ .look_up = Slow.lookUp };
    var net = Net.init();
    var buffer: [4]Address = undefined;
    const before_ns = net.now();
    for (0..3) |_| {
        const deadline_ns = net.now() + 20 * std.time.ns_per_ms;
        const result = resolver.resolve(&net, "name", 1, deadline_ns, &buffer);
        try testing.expectError(error.Timeout, result);
    }
    var stop: std.atomic.Value(bool) = .init(true);
    const stopped = net.stoppable(&stop);
    const never = std.math.maxInt(u64);
    const result = resolver.resolve(&stopped, "name", 1, never, &buffer);
    try testing.expectError(error.Interrupted, result);
    try testing.expect(net.now() - before_ns < 5 * std.time.ns_per_s);
    // All of them waited for the same one.
    try Slow.awaitQuiet(&resolver);
}

test "many wait for one look-up, and names that cannot be are not looked up" {
    const Asker = struct {
        fn run(resolver: *Resolver, right: *std.atomic.Value(u32)) void {
            const net = Net.init();
            var buffer: [4]Address = undefined;
            const never = std.math.maxInt(u64);
            const found = resolver.resolve(&net, "name", 3007, never, &buffer) catch return;
            if (found.len == 1 and found[0].getPort() == 3007) _ = right.fetchAdd(1, .monotonic);
        }
    };
    var resolver: Resolver = .{ .look_up = Slow.lookUp };
    const net = Net.init();
    var right: std.atomic.Value(u32) = .init(0);
    var threads: [8]std.Thread = undefined;
    for (&threads) |*each| each.* = try .spawn(.{}, Asker.run, .{ &resolver, &right });
    while (Slow.asked.load(.monotonic) == 0) try net.sleep(std.time.ns_per_ms);
    Slow.gate.store(true, .release);
    for (threads) |each| each.join();
    try testing.expectEqual(threads.len, right.load(.monotonic));
    try Slow.awaitQuiet(&resolver);

    var buffer: [1]Address = undefined;
    const never = std.math.maxInt(u64);
    const long: [host_bytes_max + 1]u8 = @splat('a');
    for ([_][]const u8{ "", "a\x00b", &long }) |host| {
        const result = resolver.resolve(&net, host, 1, never, &buffer);
        try testing.expectError(error.HostNotFound, result);
    }
    try testing.expectEqual(0, Slow.asked.load(.monotonic));
    Slow.gate.store(true, .release);
    const none = resolver.resolve(&net, "none", 1, never, &buffer);
    try testing.expectError(error.HostNotFound, none);
    try Slow.awaitQuiet(&resolver);
}

test "look-ups that hang are limited in number" {
    var resolver: Resolver = .{ .look_up = Slow.lookUp };
    const net = Net.init();
    var buffer: [1]Address = undefined;
    for (0..Resolver.lookups_max + 10) |number| {
        var name: [8]u8 = undefined;
        const host = try std.fmt.bufPrint(&name, "h{d}", .{number});
        const deadline_ns = net.now() + std.time.ns_per_ms;
        const result = resolver.resolve(&net, host, 1, deadline_ns, &buffer);
        try testing.expectError(error.Timeout, result);
    }
    try testing.expectEqual(Resolver.lookups_max, resolver.count);
    try Slow.awaitQuiet(&resolver);
}
