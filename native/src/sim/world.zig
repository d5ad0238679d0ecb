//! The simulated world: a clock, servers, the connections to them, and what is under way.
//!
//! Everything that will happen is an event with a time: bytes arriving at either end, the end of
//! a connection, the death of a node. Time only passes while the client waits (`Net` calls
//! `step`), jumping from event to event. All chance comes from one seeded generator, so a seed
//! is a history. The servers are sessions of the development server's core; the world owns it.
//! One thread, which may play two: while a call of `Net` waits, `background` runs at every step.

const std = @import("std");
const assert = std.debug.assert;
const devserver = @import("../devserver.zig");
const wire = @import("../wire.zig");
const Faults = @import("faults.zig").Faults;
const Scratch = @import("../devserver.zig").Scratch;

pub const World = struct {
    gpa: std.mem.Allocator,
    prng: std.Random.DefaultPrng,
    core: *devserver.Core,
    scratch: Scratch,
    now_ns: u64 = start_ns,
    faults: Faults = .none,
    servers: []Server,
    connections: std.ArrayList(Connection) = .empty,
    events: std.ArrayList(Event) = .empty,
    events_total: u64 = 0,
    port_next: u16 = 3000,
    /// A receive gets a part of what has arrived, and nothing tells of the rest, as with TLS.
    holds_back: bool = false,
    /// What goes on in another thread of the client. It must not wait.
    background: ?Background = null,

    pub const Background = struct {
        context: *anyopaque,
        run: *const fn (*anyopaque) void,
        /// Also while a poller waits, as the background has none of its own.
        has_no_poller: bool = false,
    };

    /// How long a wait leaves the background alone when nothing happens.
    const background_ns = std.time.ns_per_ms;

    pub const start_ns = std.time.ns_per_hour;
    const start_unix_ms = 1_750_000_000_000;
    const latency_ns_min = 50 * std.time.ns_per_us;
    const latency_ns_max = 500 * std.time.ns_per_us;
    const reply_bytes_max = 16 * 1024 * 1024;
    const pieces_max = 8;

    pub const Server = struct {
        port: u16,
        state: State = .running,

        pub const State = enum {
            running,
            /// The process is gone; its machine refuses.
            crashed,
            /// Nothing comes back any more, as after a power failure.
            silent,
        };
    };

    /// Both ends of one TCP connection. Entries are never reused, so that a socket that is used
    /// after it was closed is found out.
    pub const Connection = struct {
        server: u8,
        session: devserver.Session,
        /// The client has not closed it.
        open: bool = true,
        /// The server's end is still there.
        served: bool = true,
        /// The client has learned of the server's end.
        ended: bool = false,
        progress: Progress = .established,
        /// The client's system has no room for more to send before that.
        writable_ns: u64 = 0,
        /// Bytes that the server has not taken as frames yet.
        inbound: std.ArrayList(u8) = .empty,
        /// Bytes that have arrived at the client.
        arrived: std.ArrayList(u8) = .empty,
        arrived_offset: usize = 0,
        /// Those before it are the client's own already, and waiting tells nothing of them.
        held_end: usize = 0,
        /// Later bytes do not overtake earlier ones.
        to_server_ns: u64 = 0,
        to_client_ns: u64 = 0,

        pub const Progress = enum { connecting, established, refused };

        /// Whether a client that reads would learn something.
        pub fn isReadable(connection: *const Connection) bool {
            return connection.ended or connection.arrived.items.len > connection.held_end;
        }

        /// Whether a client that writes, or waits for its connect, would learn something.
        pub fn isWritable(connection: *const Connection, now_ns: u64) bool {
            return connection.ended or switch (connection.progress) {
                .connecting => false,
                .refused => true,
                .established => now_ns >= connection.writable_ns,
            };
        }
    };

    const Event = struct {
        at_ns: u64,
        /// Decides between events of one time.
        number: u64,
        what: What,
    };

    pub const What = union(enum) {
        to_server: Delivery,
        to_client: Delivery,
        /// The client learns that the connection is over.
        end: u32,
        /// The client learns what became of its connect.
        connect: ConnectResult,
        /// The client's system has room again for what is to be sent.
        room,
        crash: u8,
        silence: u8,
        revive: u8,
        rebalance,

        const Delivery = struct { connection: u32, bytes: []u8 };
        const ConnectResult = struct { connection: u32, established: bool };
    };

    pub fn create(
        gpa: std.mem.Allocator,
        seed: u64,
        options: devserver.options.Options,
    ) !*World {
        const world = try gpa.create(World);
        errdefer gpa.destroy(world);
        const core = try devserver.Core.create(gpa, &options, .known(start_unix_ms));
        errdefer core.destroy();
        const servers = try gpa.alloc(Server, options.nodes);
        world.* = .{
            .gpa = gpa,
            .prng = .init(seed),
            .core = core,
            .scratch = .init(gpa),
            .servers = servers,
        };
        for (0..servers.len) |index| world.readdress(@intCast(index));
        for (servers) |*server| server.state = .running;
        return world;
    }

    /// Every client of the world is gone.
    pub fn destroy(world: *World) void {
        const gpa = world.gpa;
        for (world.events.items) |*event| world.free(&event.what);
        world.events.deinit(gpa);
        for (world.connections.items) |*connection| {
            connection.session.deinit();
            connection.inbound.deinit(gpa);
            connection.arrived.deinit(gpa);
        }
        world.connections.deinit(gpa);
        world.scratch.deinit();
        world.core.destroy();
        gpa.free(world.servers);
        gpa.destroy(world);
    }

    fn free(world: *World, what: *const What) void {
        switch (what.*) {
            .to_server, .to_client => |delivery| world.gpa.free(delivery.bytes),
            else => {},
        }
    }

    pub fn random(world: *World) std.Random {
        return world.prng.random();
    }

    /// Sockets that clients have not closed.
    pub fn openCount(world: *const World) usize {
        var count: usize = 0;
        for (world.connections.items) |*connection| count += @intFromBool(connection.open);
        return count;
    }

    // What a test does to the servers. Clients learn of it as they would in the field.

    /// The process dies: its connections are reset, new ones are refused.
    pub fn crash(world: *World, server: u8) void {
        world.leave(server, .crashed);
        world.endConnections(server);
    }

    /// The machine dies: nothing is answered any more, not even with a reset.
    pub fn silence(world: *World, server: u8) void {
        world.leave(server, .silent);
    }

    fn leave(world: *World, server: u8, state: Server.State) void {
        world.servers[server].state = state;
        world.core.topology.mutex.lock();
        defer world.core.topology.mutex.unlock();
        world.core.topology.setAlive(server, false);
    }

    /// The server starts anew; connections of its former life are reset.
    pub fn revive(world: *World, server: u8) void {
        if (world.servers[server].state == .running) return;
        world.endConnections(server);
        world.servers[server].state = .running;
        world.core.topology.mutex.lock();
        defer world.core.topology.mutex.unlock();
        world.core.topology.setAlive(server, true);
    }

    fn endConnections(world: *World, server: u8) void {
        for (world.connections.items, 0..) |*connection, index| {
            if (connection.server == server) world.endConnection(@intCast(index));
        }
    }

    /// The servers notice who is there and divide the partitions anew.
    pub fn rebalance(world: *World) void {
        world.core.topology.mutex.lock();
        defer world.core.topology.mutex.unlock();
        world.core.rebalance();
    }

    /// From now on the server is found at another address.
    pub fn readdress(world: *World, server: u8) void {
        world.servers[server].port = world.port_next;
        world.port_next += 1;
        world.core.setPort(server, world.servers[server].port);
    }

    pub fn schedule(world: *World, delay_ns: u64, what: What) void {
        world.add(world.now_ns + delay_ns, what);
    }

    fn add(world: *World, at_ns: u64, what: What) void {
        world.events_total += 1;
        const event: Event = .{ .at_ns = at_ns, .number = world.events_total, .what = what };
        world.events.append(world.gpa, event) catch @panic("out of memory");
    }

    // Time.

    /// Lets time pass, with everything that happens meanwhile.
    pub fn advance(world: *World, duration_ns: u64) void {
        const until_ns = world.now_ns + duration_ns;
        while (world.step(until_ns)) {}
    }

    /// Carries out the next event and moves the clock to it; without one until then, moves the
    /// clock there and returns false.
    pub fn step(world: *World, until_ns: u64) bool {
        const index = world.nextEvent() orelse return world.pass(until_ns);
        if (world.events.items[index].at_ns > until_ns) return world.pass(until_ns);
        const event = world.events.swapRemove(index);
        world.now_ns = @max(world.now_ns, event.at_ns);
        defer world.free(&event.what);
        switch (event.what) {
            .to_server => |delivery| world.arriveAtServer(delivery.connection, delivery.bytes),
            .to_client => |delivery| world.arriveAtClient(delivery.connection, delivery.bytes),
            .end => |index_of| world.connections.items[index_of].ended = true,
            .connect => |result| {
                const connection = &world.connections.items[result.connection];
                connection.progress = if (result.established) .established else .refused;
            },
            .room => {},
            .crash => |server| world.crash(server),
            .silence => |server| world.silence(server),
            .revive => |server| world.revive(server),
            .rebalance => world.rebalance(),
        }
        return true;
    }

    /// The same for a wait of the client: meanwhile its other thread works. False when the time
    /// has come.
    pub fn waitStep(world: *World, until_ns: u64) bool {
        const background = world.background orelse return world.step(until_ns);
        const slice_ns = @min(until_ns, world.now_ns + background_ns);
        const happened = world.step(slice_ns);
        background.run(background.context);
        return happened or world.now_ns < until_ns;
    }

    /// The same for a wait of a poller.
    pub fn pollStep(world: *World, until_ns: u64) bool {
        const background = world.background orelse return world.step(until_ns);
        return if (background.has_no_poller) world.waitStep(until_ns) else world.step(until_ns);
    }

    fn pass(world: *World, until_ns: u64) bool {
        // Nothing will ever happen: the client waits without a deadline for what is lost.
        if (until_ns == std.math.maxInt(u64)) @panic("a wait that never ends");
        world.now_ns = @max(world.now_ns, until_ns);
        return false;
    }

    fn nextEvent(world: *const World) ?usize {
        var best: ?usize = null;
        for (world.events.items, 0..) |*event, index| {
            const other = &world.events.items[
                best orelse {
                    best = index;
                    continue;
                }
            ];
            if (event.at_ns > other.at_ns) continue;
            if (event.at_ns < other.at_ns or event.number < other.number) best = index;
        }
        return best;
    }

    // Connections, as `Net` uses them.

    pub const ConnectOutcome = union(enum) { connected: u32, refused, ignored };

    /// What comes of a connect, which the client learns after `latency`.
    pub fn connect(world: *World, port: u16) ConnectOutcome {
        const server = world.serverAt(port) orelse return .refused;
        if (Faults.draw(world.random(), world.faults.refuse)) return .refused;
        if (Faults.draw(world.random(), world.faults.ignore)) return .ignored;
        switch (world.servers[server].state) {
            .crashed => return .refused,
            .silent => return .ignored,
            .running => {},
        }
        return .{ .connected = world.addConnection(server) };
    }

    fn addConnection(world: *World, server: u8) u32 {
        const connection: Connection = .{
            .server = server,
            .session = .init(world.core, server),
        };
        world.connections.append(world.gpa, connection) catch @panic("out of memory");
        return @intCast(world.connections.items.len - 1);
    }

    /// Begins to connect; an event tells the result. Null: nobody has ever been at that address.
    pub fn connectStart(world: *World, port: u16) ?u32 {
        const server = world.serverAt(port) orelse return null;
        const answered_ns = world.now_ns + world.latency();
        const outcome = world.connect(port);
        const index = switch (outcome) {
            .connected => |index| index,
            .refused, .ignored => world.addConnection(server),
        };
        const connection = &world.connections.items[index];
        connection.progress = .connecting;
        connection.served = outcome == .connected;
        connection.to_server_ns = answered_ns;
        connection.to_client_ns = answered_ns;
        if (outcome != .ignored) world.add(answered_ns, .{ .connect = .{
            .connection = index,
            .established = connection.served,
        } });
        return index;
    }

    /// Sends as much as there is room for; null when the connection broke in the midst of it.
    pub fn trySend(world: *World, index: u32, bytes: []const u8) ?usize {
        const connection = &world.connections.items[index];
        assert(connection.progress == .established);
        if (world.now_ns < connection.writable_ns) return 0;
        var taken = bytes;
        if (Faults.draw(world.random(), world.faults.clog)) {
            taken = bytes[0..world.random().uintLessThan(usize, bytes.len)];
            connection.writable_ns = world.now_ns + world.latency();
            world.add(connection.writable_ns, .room);
            if (taken.len == 0) return 0;
        }
        return if (world.send(index, taken)) taken.len else null;
    }

    fn serverAt(world: *const World, port: u16) ?u8 {
        for (world.servers, 0..) |*server, index| {
            if (server.port == port) return @intCast(index);
        }
        return null;
    }

    pub fn latency(world: *World) u64 {
        return world.random().intRangeAtMost(u64, latency_ns_min, latency_ns_max);
    }

    /// False when the connection broke in the midst of it.
    pub fn send(world: *World, index: u32, bytes: []const u8) bool {
        const connection = &world.connections.items[index];
        assert(connection.open);
        if (!connection.served) return true;
        if (Faults.draw(world.random(), world.faults.break_request)) {
            connection.served = false;
            connection.ended = true;
            return false;
        }
        if (Faults.draw(world.random(), world.faults.reset_request)) {
            world.endConnection(index);
            return true;
        }
        connection.to_server_ns = @max(connection.to_server_ns, world.now_ns + world.latency());
        world.deliver(.to_server, index, connection.to_server_ns, bytes);
        return true;
    }

    fn deliver(
        world: *World,
        comptime direction: enum { to_server, to_client },
        index: u32,
        at_ns: u64,
        bytes: []const u8,
    ) void {
        const copied = world.gpa.dupe(u8, bytes) catch @panic("out of memory");
        const delivery: What.Delivery = .{ .connection = index, .bytes = copied };
        world.add(at_ns, @unionInit(What, @tagName(direction), delivery));
    }

    pub fn close(world: *World, index: u32) void {
        const connection = &world.connections.items[index];
        assert(connection.open);
        // What was sent still arrives, and is carried out.
        connection.open = false;
        connection.arrived.clearAndFree(world.gpa);
    }

    /// The server's end goes away; the client learns of it later.
    fn endConnection(world: *World, index: u32) void {
        const connection = &world.connections.items[index];
        if (!connection.served) return;
        connection.served = false;
        connection.to_client_ns = @max(connection.to_client_ns, world.now_ns + world.latency());
        world.add(connection.to_client_ns, .{ .end = index });
    }

    fn arriveAtClient(world: *World, index: u32, bytes: []const u8) void {
        const connection = &world.connections.items[index];
        if (!connection.open) return;
        connection.arrived.appendSlice(world.gpa, bytes) catch @panic("out of memory");
    }

    fn arriveAtServer(world: *World, index: u32, bytes: []const u8) void {
        const connection = &world.connections.items[index];
        if (!connection.served) return;
        if (world.servers[connection.server].state != .running) return;
        connection.inbound.appendSlice(world.gpa, bytes) catch @panic("out of memory");
        while (connection.served) {
            const length = connection.session.frameLength(connection.inbound.items) catch
                return world.endConnection(index);
            const frame_bytes = length orelse return;
            if (connection.inbound.items.len < frame_bytes) return;
            world.answer(index, frame_bytes);
            if (!connection.served) return;
            connection.inbound.replaceRange(world.gpa, 0, frame_bytes, &.{}) catch unreachable;
        }
    }

    fn answer(world: *World, index: u32, frame_bytes: usize) void {
        const connection = &world.connections.items[index];
        var out = wire.Buffer.growing(world.gpa, &.{}, reply_bytes_max);
        defer out.deinit();
        const unix_ms = start_unix_ms + (world.now_ns - start_ns) / std.time.ns_per_ms;
        const disposition = connection.session.handle(
            connection.inbound.items[0..frame_bytes],
            &out,
            &world.scratch,
            .{ .unix_ms = unix_ms },
        );
        if (!world.stream(&connection.session, &out, unix_ms)) return world.endConnection(index);
        const dice = world.random();
        if (Faults.draw(dice, world.faults.reset_reply)) return world.endConnection(index);
        if (disposition.action == .swallow or Faults.draw(dice, world.faults.lose)) return;
        var delay_ns = @as(u64, disposition.delay_ms) * std.time.ns_per_ms;
        if (Faults.draw(dice, world.faults.delay)) {
            const delay_ms = dice.uintAtMost(u32, world.faults.delay_ms_max);
            delay_ns += @as(u64, delay_ms) * std.time.ns_per_ms;
        }
        var bytes: []u8 = out.written();
        if (Faults.draw(dice, world.faults.garble)) garble(dice, bytes);
        const truncated = Faults.draw(dice, world.faults.truncate);
        if (truncated) bytes = bytes[0..dice.uintAtMost(usize, bytes.len)];
        world.reply(index, bytes, delay_ns);
        if (truncated or disposition.action == .close) world.endConnection(index);
    }

    /// Collects what follows of a reply that is sent in pieces, the time between them included;
    /// false when it ends before its end.
    fn stream(
        world: *World,
        session: *devserver.Session,
        out: *wire.Buffer,
        start_unix_ms_given: u64,
    ) bool {
        var unix_ms = start_unix_ms_given;
        while (session.isStreaming()) {
            const piece = session.proceed(out, &world.scratch, .{ .unix_ms = unix_ms });
            if (piece.action == .close) return false;
            unix_ms += piece.again_ms;
        }
        return true;
    }

    fn garble(dice: std.Random, bytes: []u8) void {
        if (bytes.len == 0) return;
        for (0..dice.intRangeAtMost(usize, 1, 8)) |_| {
            bytes[dice.uintLessThan(usize, bytes.len)] = dice.int(u8);
        }
    }

    fn reply(world: *World, index: u32, bytes: []const u8, delay_ns: u64) void {
        const connection = &world.connections.items[index];
        const dice = world.random();
        const pieces = if (Faults.draw(dice, world.faults.tear))
            dice.intRangeAtMost(usize, 2, pieces_max)
        else
            1;
        var rest = bytes;
        var at_ns = @max(connection.to_client_ns, world.now_ns + delay_ns);
        for (0..pieces) |piece| {
            if (rest.len == 0) break;
            const last = piece + 1 == pieces or rest.len == 1;
            const size = if (last) rest.len else dice.intRangeLessThan(usize, 1, rest.len);
            at_ns += world.latency();
            world.deliver(.to_client, index, at_ns, rest[0..size]);
            rest = rest[size..];
        }
        connection.to_client_ns = at_ns;
    }
};
