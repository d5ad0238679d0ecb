//! One thread of the server: its sockets, from the first byte to the last.
//!
//! A worker owns some listeners and the connections that were given to it; nobody else touches
//! them. What other threads want of it goes through its inbox (new sockets) or the core (nodes
//! that die, connections to close), and a wake. A small request costs one read and one write;
//! replies are written straight from the thread's output buffer, and a connection holds memory
//! only while bytes of it wait for something.

const std = @import("std");
const assert = std.debug.assert;
const wire = @import("../../wire.zig");
const Core = @import("../core/Core.zig");
const Scratch = @import("../core/Scratch.zig");
const Session = @import("Session.zig");
const poller_module = @import("poller.zig");
const socket = @import("socket.zig");
const sync = @import("../base/sync.zig");
const tls = @import("../../tls.zig");
const Transport = @import("transport.zig").Transport;

const Worker = @This();

gpa: std.mem.Allocator,
core: *Core,
/// All workers, this one among them: accepted sockets are dealt out in turn.
team: *Team,
poller: poller_module.Poller,
listeners: std.ArrayList(Listener) = .empty,
connections: std.DoublyLinkedList = .{},
timers: Timers = .empty,
/// Listeners do not accept before this time; 0: they do.
accept_again_ns: u64 = 0,
inbox_mutex: sync.Mutex = .{},
inbox: std.ArrayList(Accepted) = .empty,
input: []u8,
out: wire.Buffer,
scratch: Scratch,
sweep_slice: usize = 0,
sweep_next_ns: u64 = 0,
/// Closed connections, freed when the events at hand have been looked at.
closed: std.DoublyLinkedList = .{},

/// What the workers share.
pub const Team = struct {
    workers: []Worker,
    /// Null: connections are plain.
    tls: ?*tls.Context = null,
    next: std.atomic.Value(u32) = .init(0),
    /// Rounds that have been asked for; each worker reports each one it has carried out.
    rounds: std.atomic.Value(u32) = .init(0),
    reports: sync.Counter = .{},
    stopping: std.atomic.Value(bool) = .init(false),
};

const Accepted = struct { fd: socket.Fd, node: u8, epoch: u32 };
const Timers = std.PriorityQueue(Timer, void, Timer.order);

const Timer = struct {
    due_ns: u64,
    connection: *Connection,

    fn order(_: void, left: Timer, right: Timer) std.math.Order {
        return std.math.order(left.due_ns, right.due_ns);
    }
};

/// A node's port, open while the core says so.
pub const Listener = struct {
    kind: Kind = .listener,
    node: u8,
    port: u16,
    fd: ?socket.Fd,
    failed: std.atomic.Value(bool) = .init(false),
};

/// What a poller's token points to: the field of this type, and around it the thing itself.
const Kind = enum(u8) { listener, connection };

fn tokenOf(thing: anytype) usize {
    return @intFromPtr(&thing.kind);
}

const Connection = struct {
    kind: Kind = .connection,
    interest: poller_module.Interest = .read,
    state: State = .open,
    /// To be closed once `output` has gone.
    closes: bool = false,
    transport: Transport,
    session: Session,
    list_node: std.DoublyLinkedList.Node = .{},
    /// Requests that are incomplete or have to wait.
    pending: std.ArrayList(u8) = .empty,
    /// Replies that have to wait, and how many of their bytes have gone.
    output: std.ArrayList(u8) = .empty,
    output_sent: usize = 0,

    const State = enum {
        /// Whether it speaks TLS is not known yet, or it begins to.
        greeting,
        open,
        /// Replies wait for a time.
        delayed,
        closed,
    };
};

const input_bytes = 64 * 1024;
/// The output buffer gives memory back beyond this.
const output_bytes_kept = 1024 * 1024;
/// Replies are sent before more requests are answered beyond this.
const output_bytes_flush = 256 * 1024;
/// Above the largest frame, and below what would exhaust a machine.
const output_bytes_max = 2 * wire.proto.size_max_server;
const sweep_interval_ns = std.time.ns_per_s;
const sweep_slices = 4;
const accept_pause_ns = 50 * std.time.ns_per_ms;

pub fn init(gpa: std.mem.Allocator, core: *Core, team: *Team) !Worker {
    const input = try gpa.alloc(u8, input_bytes);
    errdefer gpa.free(input);
    return .{
        .gpa = gpa,
        .core = core,
        .team = team,
        .poller = try .init(),
        .input = input,
        .out = .growing(gpa, &.{}, output_bytes_max),
        .scratch = .init(gpa),
    };
}

/// The thread has ended, or never began.
pub fn deinit(worker: *Worker) void {
    const gpa = worker.gpa;
    while (worker.connections.first) |node| {
        worker.closeConnection(@fieldParentPtr("list_node", node), .soft);
    }
    worker.freeClosed();
    for (worker.inbox.items) |accepted| socket.close(accepted.fd);
    for (worker.listeners.items) |*listener| {
        if (listener.fd) |fd| socket.close(fd);
    }
    worker.inbox.deinit(gpa);
    worker.listeners.deinit(gpa);
    worker.timers.deinit(gpa);
    worker.poller.deinit();
    worker.out.deinit();
    worker.scratch.deinit();
    gpa.free(worker.input);
    worker.* = undefined;
}

/// Before the thread begins; room for the listener was made by the caller.
pub fn addListener(worker: *Worker, listener: Listener) void {
    worker.listeners.appendAssumeCapacity(listener);
}

/// The thread.
pub fn run(worker: *Worker) void {
    var rounds_done: u32 = 0;
    for (worker.listeners.items) |*listener| worker.watch(listener);
    while (!worker.team.stopping.load(.acquire)) {
        var events: poller_module.Events = undefined;
        const seen = worker.poller.wait(&events, worker.timeoutMs());
        for (seen) |event| worker.handleEvent(event);
        worker.freeClosed();
        const rounds = worker.team.rounds.load(.acquire);
        while (rounds_done != rounds) : (rounds_done += 1) {
            worker.obey();
            worker.team.reports.increment();
        }
        worker.runTimers();
        worker.freeClosed();
    }
}

fn timeoutMs(worker: *Worker) i32 {
    var due_ns: u64 = std.math.maxInt(u64);
    if (worker.sweeps()) due_ns = worker.sweep_next_ns;
    if (worker.timers.peek()) |timer| due_ns = @min(due_ns, timer.due_ns);
    if (worker.accept_again_ns != 0) due_ns = @min(due_ns, worker.accept_again_ns);
    if (due_ns == std.math.maxInt(u64)) return -1;
    const wait_ns = due_ns -| socket.monotonicNs();
    const wait_ms = (wait_ns + std.time.ns_per_ms - 1) / std.time.ns_per_ms;
    return @intCast(@min(wait_ms, 60_000));
}

/// One worker does the housekeeping for all.
fn sweeps(worker: *const Worker) bool {
    return worker == &worker.team.workers[0];
}

fn runTimers(worker: *Worker) void {
    const now_ns = socket.monotonicNs();
    while (worker.timers.peek()) |timer| {
        if (timer.due_ns > now_ns) break;
        _ = worker.timers.pop();
        worker.resumeDelayed(timer.connection);
    }
    if (worker.accept_again_ns != 0 and worker.accept_again_ns <= now_ns) {
        worker.accept_again_ns = 0;
        for (worker.listeners.items) |*listener| {
            const fd = listener.fd orelse continue;
            worker.poller.modify(fd, tokenOf(listener), .read) catch {};
        }
    }
    if (worker.sweeps() and worker.sweep_next_ns <= now_ns) {
        worker.sweep_next_ns = now_ns + sweep_interval_ns;
        worker.core.store.sweep(worker.sweep_slice, sweep_slices, worker.now());
        worker.sweep_slice = (worker.sweep_slice + 1) % sweep_slices;
    }
}

fn now(worker: *const Worker) @TypeOf(worker.core.started) {
    return worker.core.clock(socket.unixMs());
}

fn handleEvent(worker: *Worker, event: poller_module.Event) void {
    if (event.token == 0) return worker.takeInbox();
    const kind: *Kind = @ptrFromInt(event.token);
    switch (kind.*) {
        .listener => {
            const listener: *Listener = @alignCast(@fieldParentPtr("kind", kind));
            worker.acceptAll(listener);
        },
        .connection => {
            const connection: *Connection = @alignCast(@fieldParentPtr("kind", kind));
            if (connection.state == .closed) return;
            if (connection.state == .greeting) return worker.greet(connection);
            if (event.writable and connection.interest == .write) worker.flush(connection);
            if (connection.state == .closed) return;
            if (event.readable and connection.interest == .read) worker.receive(connection);
            if (connection.state == .closed) return;
            // While nothing is asked of a socket, this is told over and over.
            if (event.broken and connection.interest == .none) {
                worker.closeConnection(connection, .soft);
            }
        },
    }
}

// Listening and accepting.

/// Opens and closes ports and connections as the core wants them now.
fn obey(worker: *Worker) void {
    for (worker.listeners.items) |*listener| {
        const wanted = worker.core.isListening(listener.node);
        if (wanted and listener.fd == null) worker.openListener(listener);
        if (!wanted) worker.closeListener(listener);
    }
    worker.takeInbox();
    var next = worker.connections.first;
    while (next) |node| {
        next = node.next;
        const connection: *Connection = @fieldParentPtr("list_node", node);
        const session = &connection.session;
        if (session.epoch != worker.core.connectionEpoch(session.node)) {
            worker.closeConnection(connection, .hard);
        }
    }
}

fn openListener(worker: *Worker, listener: *Listener) void {
    const opened = socket.listen(worker.core.address, listener.port) catch {
        listener.failed.store(true, .release);
        return;
    };
    listener.failed.store(false, .release);
    listener.fd = opened.fd;
    worker.watch(listener);
}

fn watch(worker: *Worker, listener: *Listener) void {
    const fd = listener.fd orelse return;
    worker.poller.add(fd, tokenOf(listener), .read) catch {
        listener.failed.store(true, .release);
    };
}

fn closeListener(worker: *Worker, listener: *Listener) void {
    if (listener.fd) |fd| {
        worker.poller.remove(fd);
        socket.close(fd);
    }
    listener.fd = null;
}

fn acceptAll(worker: *Worker, listener: *Listener) void {
    const listener_fd = listener.fd orelse return;
    while (true) {
        const fd = socket.accept(listener_fd) catch |err| switch (err) {
            // Whoever else waits is told again.
            error.WouldBlock, error.Aborted => return,
            error.TooManyFiles => {
                // The listener stays readable: without a pause this thread would spin.
                worker.accept_again_ns = socket.monotonicNs() + accept_pause_ns;
                for (worker.listeners.items) |*each| {
                    const each_fd = each.fd orelse continue;
                    worker.poller.modify(each_fd, tokenOf(each), .none) catch {};
                }
                return;
            },
        };
        const epoch = worker.core.connectionEpoch(listener.node);
        // The node may have died while this connection was on its way.
        if (!worker.core.isListening(listener.node)) {
            socket.closeHard(fd);
            continue;
        }
        worker.deal(.{ .fd = fd, .node = listener.node, .epoch = epoch });
    }
}

/// Gives a new socket to the next worker in turn.
fn deal(worker: *Worker, accepted: Accepted) void {
    const team = worker.team;
    const turn = team.next.fetchAdd(1, .monotonic);
    const target = &team.workers[turn % team.workers.len];
    if (target == worker) return worker.adopt(accepted);
    target.inbox_mutex.lock();
    const added = target.inbox.append(target.gpa, accepted);
    target.inbox_mutex.unlock();
    added catch return socket.close(accepted.fd);
    target.poller.wake();
}

fn takeInbox(worker: *Worker) void {
    worker.inbox_mutex.lock();
    var inbox = worker.inbox;
    worker.inbox = .empty;
    worker.inbox_mutex.unlock();
    defer inbox.deinit(worker.gpa);
    for (inbox.items) |accepted| worker.adopt(accepted);
}

fn adopt(worker: *Worker, accepted: Accepted) void {
    if (accepted.epoch != worker.core.connectionEpoch(accepted.node)) {
        return socket.closeHard(accepted.fd);
    }
    const connection = worker.gpa.create(Connection) catch return socket.close(accepted.fd);
    connection.* = .{
        .transport = .{ .fd = accepted.fd },
        .session = .init(worker.core, accepted.node),
    };
    if (worker.team.tls != null) connection.state = .greeting;
    if (socket.peer(accepted.fd)) |address| connection.session.address = address;
    if (socket.local(accepted.fd)) |address| connection.session.setLocal(&address);
    worker.poller.add(accepted.fd, tokenOf(connection), .read) catch {
        socket.close(accepted.fd);
        worker.gpa.destroy(connection);
        return;
    };
    worker.connections.append(&connection.list_node);
    const counters = &worker.core.nodes[accepted.node].counters;
    counters.add(.connections_accepted, 1);
    counters.add(.connections_open, 1);
}

fn closeConnection(worker: *Worker, connection: *Connection, how: enum { soft, hard }) void {
    assert(connection.state != .closed);
    if (connection.state == .delayed) worker.dropTimer(connection);
    connection.state = .closed;
    worker.poller.remove(connection.transport.fd);
    connection.transport.close(if (how == .hard) .hard else .soft);
    worker.connections.remove(&connection.list_node);
    worker.closed.append(&connection.list_node);
    worker.core.nodes[connection.session.node].counters.subtract(.connections_open, 1);
    connection.session.deinit();
}

fn freeClosed(worker: *Worker) void {
    while (worker.closed.popFirst()) |node| {
        const connection: *Connection = @fieldParentPtr("list_node", node);
        connection.pending.deinit(worker.gpa);
        connection.output.deinit(worker.gpa);
        worker.gpa.destroy(connection);
    }
}

fn dropTimer(worker: *Worker, connection: *Connection) void {
    for (worker.timers.items, 0..) |timer, index| {
        if (timer.connection == connection) {
            _ = worker.timers.popIndex(index);
            return;
        }
    }
}

// Beginning.

/// Begins TLS, or finds that it is not wanted.
fn greet(worker: *Worker, connection: *Connection) void {
    const transport = &connection.transport;
    if (transport.stream == null) {
        if (connection.interest == .none) return worker.closeConnection(connection, .soft);
        const first = socket.peek(transport.fd) catch |err| switch (err) {
            error.WouldBlock => return,
            error.Closed => return worker.closeConnection(connection, .soft),
        };
        if (first != tls_handshake) {
            if (!worker.core.tls.?.allows_plain) return worker.closeConnection(connection, .soft);
            connection.state = .open;
            return worker.receive(connection);
        }
        if (worker.spoilGreeting(connection)) return;
        transport.stream = tls.Stream.create(worker.team.tls.?, transport.fd, null) catch
            return worker.closeConnection(connection, .soft);
    }
    const stream = transport.stream.?;
    const waits = stream.handshake() catch return worker.closeConnection(connection, .soft);
    if (waits) |direction| {
        return worker.setInterest(connection, if (direction == .reading) .read else .write);
    }
    var buffer: [64]u8 = undefined;
    connection.session.setCertified(stream.commonName(&buffer));
    connection.state = .open;
    worker.setInterest(connection, .read);
    if (connection.state != .closed) worker.receive(connection);
}

/// The first byte of TLS.
const tls_handshake = 0x16;
/// The beginning of a server's answer to it.
const torn_greeting = "\x16\x03\x03\x00\x7a\x02\x00\x00\x76\x03\x03";

/// Whether a fault has taken the place of the handshake.
fn spoilGreeting(worker: *Worker, connection: *Connection) bool {
    const node = &worker.core.nodes[connection.session.node];
    const drawn = node.faults.drawHandshake() orelse return false;
    node.counters.add(.faults, 1);
    const fd = connection.transport.fd;
    // What is not read makes a reset of the end.
    _ = socket.receive(fd, worker.input) catch {};
    switch (drawn) {
        .drop => {
            worker.setInterest(connection, .none);
            return true;
        },
        .truncate => _ = socket.send(fd, torn_greeting) catch {},
        .corrupt => _ = socket.send(fd, "HTTP/1.1 400 Bad Request\r\n\r\n") catch {},
        .close => {},
    }
    worker.closeConnection(connection, .soft);
    return true;
}

// Requests and replies.

fn receive(worker: *Worker, connection: *Connection) void {
    worker.receiveOnce(connection);
    // What is inside TLS already is told by no event.
    while (connection.state == .open and connection.interest == .read and
        connection.transport.hasUnread()) worker.receiveOnce(connection);
}

/// Reads again, when all replies have gone.
fn resumeReading(worker: *Worker, connection: *Connection) void {
    worker.setInterest(connection, .read);
    if (connection.state != .closed) worker.answerPending(connection);
    if (connection.state != .open or connection.interest != .read) return;
    if (connection.transport.hasUnread()) worker.receive(connection);
}

fn receiveOnce(worker: *Worker, connection: *Connection) void {
    const count = connection.transport.receive(worker.input) catch |err| switch (err) {
        error.WouldBlock => return,
        error.Closed => return worker.closeConnection(connection, .soft),
    };
    worker.countBytes(connection, .bytes_in, count);
    const bytes = worker.input[0..count];
    if (connection.pending.items.len == 0) {
        const used = worker.answer(connection, bytes);
        if (connection.state == .closed) return;
        worker.keep(connection, bytes[used..]);
    } else {
        worker.keep(connection, bytes);
        if (connection.state != .closed) worker.answerPending(connection);
    }
}

/// Adds to the requests that wait; a connection for which there is no memory is closed.
fn keep(worker: *Worker, connection: *Connection, bytes: []const u8) void {
    if (bytes.len == 0) return;
    connection.pending.appendSlice(worker.gpa, bytes) catch {
        worker.closeConnection(connection, .soft);
    };
}

fn answerPending(worker: *Worker, connection: *Connection) void {
    const pending = &connection.pending;
    const used = worker.answer(connection, pending.items);
    if (connection.state == .closed or used == 0) return;
    const rest = pending.items.len - used;
    if (rest == 0) {
        pending.clearAndFree(worker.gpa);
        return;
    }
    std.mem.copyForwards(u8, pending.items[0..rest], pending.items[used..]);
    pending.shrinkRetainingCapacity(rest);
}

/// Answers the whole frames among the bytes and returns what they take. Ends early when replies
/// have to wait.
fn answer(worker: *Worker, connection: *Connection, bytes: []const u8) usize {
    assert(connection.state == .open);
    assert(connection.interest == .read);
    var used: usize = 0;
    defer worker.restOutput();
    while (used < bytes.len) {
        const rest = bytes[used..];
        const length = connection.session.frameLength(rest) catch {
            connection.closes = true;
            break;
        } orelse break;
        if (length > rest.len) break;
        used += length;
        const disposition = connection.session.handle(
            rest[0..length],
            &worker.out,
            &worker.scratch,
            worker.now(),
        );
        if (disposition.action == .close) connection.closes = true;
        if (disposition.delay_ms > 0) {
            worker.delay(connection, disposition.delay_ms);
            return used;
        }
        if (connection.closes) break;
        if (connection.session.isStreaming()) {
            worker.sendPiece(connection, disposition.again_ms);
            return used;
        }
        if (worker.out.end > output_bytes_flush) {
            worker.sendOutput(connection);
            if (connection.state == .closed or connection.interest != .read) return used;
        }
    }
    worker.sendOutput(connection);
    return used;
}

/// The output buffer is empty again, and not too large.
fn restOutput(worker: *Worker) void {
    worker.out.clear();
    if (worker.out.bytes.len <= output_bytes_kept) return;
    worker.out.deinit();
    worker.out = .growing(worker.gpa, &.{}, output_bytes_max);
}

/// Sends what has been written and keeps what does not go.
fn sendOutput(worker: *Worker, connection: *Connection) void {
    const bytes = worker.out.written();
    var sent: usize = 0;
    if (bytes.len > 0) {
        sent = connection.transport.send(bytes) catch |err| switch (err) {
            error.WouldBlock => 0,
            error.Closed => return worker.closeConnection(connection, .soft),
        };
        worker.countBytes(connection, .bytes_out, sent);
    }
    worker.out.clear();
    if (sent == bytes.len) {
        if (connection.closes) worker.closeConnection(connection, .soft);
        return;
    }
    connection.output.appendSlice(worker.gpa, bytes[sent..]) catch {
        return worker.closeConnection(connection, .soft);
    };
    worker.setInterest(connection, .write);
}

/// Sends a piece of a reply that goes on. The next one is made when the socket takes more.
fn sendPiece(worker: *Worker, connection: *Connection, again_ms: u32) void {
    assert(!connection.closes);
    worker.sendOutput(connection);
    if (connection.state == .closed) return;
    if (again_ms > 0) return worker.delay(connection, again_ms);
    worker.setInterest(connection, .write);
}

/// The socket has taken all of the last piece.
fn proceed(worker: *Worker, connection: *Connection) void {
    assert(connection.interest == .write);
    defer worker.restOutput();
    const session = &connection.session;
    const disposition = session.proceed(&worker.out, &worker.scratch, worker.now());
    if (disposition.action == .close) connection.closes = true;
    if (session.isStreaming()) return worker.sendPiece(connection, disposition.again_ms);
    worker.sendOutput(connection);
    if (connection.state == .closed or connection.output.items.len > 0) return;
    worker.resumeReading(connection);
}

/// Keeps what has been written for a time, and reads nothing until then.
fn delay(worker: *Worker, connection: *Connection, delay_ms: u32) void {
    const wait_ns = @as(u64, delay_ms) * std.time.ns_per_ms;
    const timer: Timer = .{ .due_ns = socket.monotonicNs() + wait_ns, .connection = connection };
    const failed = error_in: {
        connection.output.appendSlice(worker.gpa, worker.out.written()) catch break :error_in true;
        worker.timers.push(worker.gpa, timer) catch break :error_in true;
        break :error_in false;
    };
    worker.out.clear();
    if (failed) return worker.closeConnection(connection, .soft);
    connection.state = .delayed;
    worker.setInterest(connection, .none);
}

fn resumeDelayed(worker: *Worker, connection: *Connection) void {
    assert(connection.state == .delayed);
    connection.state = .open;
    worker.setInterest(connection, .write);
    if (connection.state != .closed) worker.flush(connection);
}

/// Sends replies that waited; when all have gone, goes on with requests that waited.
fn flush(worker: *Worker, connection: *Connection) void {
    const output = &connection.output;
    while (connection.output_sent < output.items.len) {
        const rest = output.items[connection.output_sent..];
        const sent = connection.transport.send(rest) catch |err| switch (err) {
            error.WouldBlock => return,
            error.Closed => return worker.closeConnection(connection, .soft),
        };
        worker.countBytes(connection, .bytes_out, sent);
        connection.output_sent += sent;
    }
    output.clearAndFree(worker.gpa);
    connection.output_sent = 0;
    if (connection.closes) return worker.closeConnection(connection, .soft);
    if (connection.session.isStreaming()) return worker.proceed(connection);
    worker.resumeReading(connection);
}

fn setInterest(
    worker: *Worker,
    connection: *Connection,
    interest: poller_module.Interest,
) void {
    if (connection.interest == interest) return;
    connection.interest = interest;
    worker.poller.modify(connection.transport.fd, tokenOf(connection), interest) catch {
        worker.closeConnection(connection, .soft);
    };
}

fn countBytes(
    worker: *Worker,
    connection: *const Connection,
    what: @import("../core/faults.zig").Count,
    amount: usize,
) void {
    worker.core.nodes[connection.session.node].counters.add(what, amount);
}
