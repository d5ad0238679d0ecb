//! Readiness of the simulated network's sockets, with the declarations of engine/poller.zig.
//!
//! `wait` is where the time of a loop passes. Sockets that are ready together are reported in any
//! order. A wait for 0 ms lets no time pass but that of the call, so a loop may be turned in the
//! background of another wait.

const std = @import("std");
const assert = std.debug.assert;
const poller = @import("../engine/poller.zig");
const Net = @import("net.zig").Net;
const World = @import("world.zig").World;

pub const Poller = struct {
    world: *World,
    watched: std.array_hash_map.Auto(i32, Watch) = .empty,
    woken: bool = false,

    const Watch = struct { token: usize, writable: bool };

    /// What every call takes, so that a loop of calls does not stop the clock.
    const call_ns = 1_000;

    pub fn init(net: *const Net) poller.Error!Poller {
        return .{ .world = net.world };
    }

    pub fn descriptor(_: *const Poller) ?i32 {
        return null;
    }

    pub fn deinit(this: *Poller) void {
        this.watched.deinit(this.world.gpa);
    }

    pub fn add(this: *Poller, fd: i32, token: usize, writable: bool) poller.Error!void {
        const watch: Watch = .{ .token = token, .writable = writable };
        this.watched.putNoClobber(this.world.gpa, fd, watch) catch return error.SystemResources;
    }

    pub fn setWritable(this: *Poller, fd: i32, token: usize, writable: bool) poller.Error!void {
        const watch = this.watched.getPtr(fd).?;
        assert(watch.token == token);
        watch.writable = writable;
    }

    pub fn remove(this: *Poller, fd: i32) void {
        _ = this.watched.swapRemove(fd);
    }

    pub fn wake(this: *Poller) void {
        this.woken = true;
    }

    pub fn wait(
        this: *Poller,
        events: *[poller.events_max]poller.Event,
        timeout_ms: ?u32,
    ) []poller.Event {
        const world = this.world;
        const limit_ns = if (timeout_ms) |value|
            world.now_ns + @as(u64, value) * std.time.ns_per_ms
        else
            std.math.maxInt(u64);
        while (world.step(world.now_ns + call_ns)) {}
        while (true) {
            const ready = this.collect(events);
            const woken = this.woken;
            this.woken = false;
            if (ready.len > 0 or woken or world.now_ns >= limit_ns) return ready;
            _ = world.pollStep(limit_ns);
        }
    }

    fn collect(this: *const Poller, events: *[poller.events_max]poller.Event) []poller.Event {
        var count: usize = 0;
        var iterator = this.watched.iterator();
        while (iterator.next()) |entry| {
            const connection = &this.world.connections.items[@intCast(entry.key_ptr.*)];
            assert(connection.open);
            const watch = entry.value_ptr;
            const event: poller.Event = .{
                .token = watch.token,
                .readable = connection.isReadable(),
                .writable = watch.writable and connection.isWritable(this.world.now_ns),
            };
            if (!event.readable and !event.writable) continue;
            events[count] = event;
            count += 1;
            if (count == events.len) break;
        }
        this.world.random().shuffle(poller.Event, events[0..count]);
        return events[0..count];
    }
};
