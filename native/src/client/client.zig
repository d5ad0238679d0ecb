//! What a client is: a configuration, the cluster that it is connected to, and the commands.
//!
//! Any thread may run commands. Connecting and closing exclude one another. Closing refuses new
//! commands, cuts waits short, and frees the cluster when the last command has left; a signal
//! handler may close the client whose command it interrupts, and then the command closes it when it
//! leaves. Connecting and closing may be left to a thread of the library, which tells when it is
//! done as it does for any operation that was submitted.

const std = @import("std");
const assert = std.debug.assert;
const cluster = @import("../cluster.zig");
const command = @import("../command.zig");
const config = @import("config.zig");
const engine = @import("../engine.zig");
const handles_module = @import("handles.zig");
const io = @import("../io.zig");
const operations_module = @import("operations.zig");
const tls = @import("../tls.zig");
const wire = @import("../wire.zig");
const Failure = @import("../status.zig").Failure;
const Gate = @import("gate.zig").Gate;
const Handles = handles_module.Handles;
const Policy = engine.Policy;
const Queries = @import("queries.zig").Queries;
const Status = @import("../status.zig").Status;
const Target = @import("../result.zig").Target;
const ProcedureKind = command.procedure.Kind;

const Cluster = cluster.Cluster(io.Net);

/// Whether TLS with these options can work, as far as this machine can know; see `asz_tls_check`.
pub fn checkTls(
    gpa: std.mem.Allocator,
    bytes: []const u8,
    failure: *Failure,
) error{Failed}!void {
    var reader: wire.msgpack.Reader = .init(bytes);
    const options = try config.parseTls(&reader, failure) orelse return;
    var counters: tls.Counters = .{};
    const context = try tls.Context.create(gpa, .client, &options, &counters, failure);
    context.release();
}

pub const Operations = operations_module.Operations(io.Net, engine.Poller);
pub const Loops = @import("loops.zig").Loops(Operations.Loop, io.Net);
const BatchTask = command.BatchTask(io.Net, engine.Poller);
const Procedure = command.Procedure(io.Net, engine.Poller);
const Single = command.Single(io.Net, engine.Poller);

/// Not a command: queries have functions of their own, and this number for their policy.
const query_number = 30;

/// All of the process.
pub var clients: Handles(Client) = .{ .gpa = @import("../memory.zig").gpa };

pub const Client = struct {
    handle: handles_module.Mark,
    gpa: std.mem.Allocator,
    arena: std.heap.ArenaAllocator,
    options: cluster.Options,
    /// What the options point into.
    config_bytes: []u8 = &.{},
    in_flight_max: u32,
    net: io.Net,
    /// Ends the waits of commands that are inside while the client is closed, and those of
    /// connecting.
    stop: std.atomic.Value(bool) = .init(false),
    lifecycle: io.sync.Mutex = .{},
    /// Non-null while connected; only changed with no command inside.
    cluster: ?*Cluster = null,
    gate: Gate = .{},
    /// A signal handler has closed the client in the midst of a command, which is to finish that.
    is_left_to_last: std.atomic.Value(bool) = .init(false),
    /// Made when it is first asked for, and kept: its descriptor may be watched while the client
    /// is not connected. Its thread runs while the client is.
    operations: ?*Operations = null,
    loops: Loops = .{},
    queries: Queries = .{},
    attendant: Attendant = .{},

    /// A thread that connects and closes for those who do not wait, in the order of their asking.
    const Attendant = struct {
        /// Threads that are not over: more than one if some are about to be.
        count: std.atomic.Value(u32) = .init(0),
        ended: io.sync.Event = .{},
        /// For all that follows. Whoever holds it does not wait.
        lock: io.sync.Mutex = .{},
        is_running: bool = false,
        /// What is asked for and not over, and the connect of these that has begun.
        first: ?*Errand = null,
        connecting: ?*Errand = null,

        fn end(attendant: *Attendant) *?*Errand {
            var place = &attendant.first;
            while (place.*) |errand| place = &errand.next;
            return place;
        }

        /// The next one; null: there is none, and the thread ends.
        fn take(attendant: *Attendant) ?*Errand {
            attendant.lock.lock();
            defer attendant.lock.unlock();
            if (attendant.first == null) attendant.is_running = false;
            return attendant.first;
        }

        /// The first one is over.
        fn strike(attendant: *Attendant, errand: *Errand) void {
            attendant.lock.lock();
            defer attendant.lock.unlock();
            assert(attendant.first == errand);
            attendant.first = errand.next;
            attendant.connecting = null;
        }

        fn cancelConnects(attendant: *Attendant) void {
            var rest = attendant.first;
            while (rest) |errand| : (rest = errand.next) {
                if (errand.kind == .connect) errand.is_cancelled = true;
            }
        }
    };

    const Errand = struct {
        kind: enum { connect, close },
        operations: *Operations,
        operation: *Operations.Operation,
        token: u64,
        /// Of a connect: it is to end before it has begun.
        is_cancelled: bool = false,
        next: ?*Errand = null,
    };

    pub fn create(
        gpa: std.mem.Allocator,
        config_bytes: []const u8,
        failure: *Failure,
    ) error{Failed}!*Client {
        const client = clients.create() catch return outOfMemory(failure);
        errdefer clients.retire(client);
        client.* = .{
            .handle = client.handle,
            .gpa = gpa,
            .arena = .init(gpa),
            .options = .{ .hosts = &.{} },
            .in_flight_max = undefined,
            .net = .init(),
        };
        errdefer client.arena.deinit();
        const arena = client.arena.allocator();
        const bytes = arena.dupe(u8, config_bytes) catch return outOfMemory(failure);
        client.config_bytes = bytes;
        errdefer client.wipe();
        const parsed = try config.parse(arena, bytes, failure);
        client.options = parsed.cluster;
        client.options.hashPassword(bytes);
        client.in_flight_max = parsed.in_flight_max;
        Handles(Client).begin(client);
        return client;
    }

    pub fn destroy(client: *Client) void {
        if (!Handles(Client).end(client)) return;
        client.close();
        while (client.attendant.count.load(.acquire) > 0) {
            _ = client.attendant.ended.wait(std.time.ns_per_s);
        }
        client.queries.orphan();
        if (client.operations) |operations| {
            operations.deinit();
            client.gpa.destroy(operations);
        }
        client.wipe();
        client.arena.deinit();
        clients.retire(client);
    }

    /// Passwords and keys are in no memory that is given back.
    fn wipe(client: *Client) void {
        std.crypto.secureZero(u8, client.config_bytes);
        client.config_bytes = &.{};
        if (client.options.password_hash) |*hash| std.crypto.secureZero(u8, hash);
    }

    // Connecting.

    /// On the calling thread, which signals may interrupt.
    pub fn connect(client: *Client, failure: *Failure) error{Failed}!void {
        client.net.interrupt = interrupt_check.load(.monotonic);
        return client.connectBy(&client.net, null, failure);
    }

    fn connectBy(
        client: *Client,
        net: *io.Net,
        errand: ?*Errand,
        failure: *Failure,
    ) error{Failed}!void {
        if (client.net.isAsking()) {
            const text = "a client cannot be connected inside a signal handler that has " ++
                "interrupted it";
            failure.set(.client, text, .{});
            return error.Failed;
        }
        client.lifecycle.lock();
        defer client.lifecycle.unlock();
        if (client.gate.phase() == .closing) client.finishClosing();
        if (client.cluster != null) return;
        client.net.stop = &client.stop;
        net.stop = &client.stop;
        if (!client.mayConnect(errand)) return closedMeanwhile(failure);
        client.open(net, failure) catch {
            if (failure.status == .interrupted and client.stop.load(.acquire)) {
                return closedMeanwhile(failure);
            }
            return error.Failed;
        };
        client.endConnecting();
        if (client.gate.phase() == .forked) client.gate.reset();
        client.gate.open();
    }

    /// From then on whoever cancels it, or closes the client, stops it; false: somebody has.
    fn mayConnect(client: *Client, errand: ?*Errand) bool {
        client.attendant.lock.lock();
        defer client.attendant.lock.unlock();
        if (errand) |one| if (one.is_cancelled) return false;
        client.attendant.connecting = errand;
        client.stop.store(false, .release);
        return true;
    }

    /// It has connected; who cancels it from here on is late. Who closes stops waits once more.
    fn endConnecting(client: *Client) void {
        client.attendant.lock.lock();
        defer client.attendant.lock.unlock();
        client.attendant.connecting = null;
        client.stop.store(false, .release);
    }

    fn closedMeanwhile(failure: *Failure) error{Failed} {
        failure.set(.client_abort, "the client was closed while it connected", .{});
        return error.Failed;
    }

    fn open(client: *Client, net: *io.Net, failure: *Failure) error{Failed}!void {
        const owner = try Cluster.create(client.gpa, &client.net, client.options, failure);
        errdefer owner.destroy();
        try owner.connectOver(net, failure);
        owner.startTendThread() catch return noThread(failure);
        errdefer owner.close();
        if (client.operations) |operations| try startOperations(operations, owner, failure);
        client.cluster = owner;
    }

    /// Prepares the client for `submit`. From then on the loop's thread runs whenever the client
    /// is connected.
    pub fn useOperations(client: *Client, failure: *Failure) error{Failed}!*Operations {
        client.lifecycle.lock();
        defer client.lifecycle.unlock();
        if (client.operations) |operations| return operations;
        const operations = client.gpa.create(Operations) catch return outOfMemory(failure);
        errdefer client.gpa.destroy(operations);
        operations.* = Operations.init(
            client.gpa,
            &client.net,
            client.options.idle_timeout_ms,
            client.in_flight_max,
        ) catch return noThread(failure);
        errdefer operations.deinit();
        if (client.cluster) |owner| try startOperations(operations, owner, failure);
        client.operations = operations;
        return operations;
    }

    fn startOperations(
        operations: *Operations,
        owner: *Cluster,
        failure: *Failure,
    ) error{Failed}!void {
        operations.start() catch return noThread(failure);
        owner.setHolder(&operations.holder);
    }

    fn noThread(failure: *Failure) error{Failed} {
        failure.set(
            .no_descriptor,
            "no thread could be started, or no descriptor opened",
            .{},
        );
        return error.Failed;
    }

    pub fn isConnected(client: *Client) bool {
        const owner = client.enter() orelse return false;
        defer client.leave();
        return owner.isConnected();
    }

    // Closing.

    /// Idempotent. Returns when no command is inside any more, but for the one that the calling
    /// signal handler has interrupted.
    pub fn close(client: *Client) void {
        client.cancelConnects();
        client.closeNow();
    }

    fn closeNow(client: *Client) void {
        client.cutWaits();
        if (client.net.isAsking()) return client.leaveToLast();
        client.lifecycle.lock();
        defer client.lifecycle.unlock();
        if (client.gate.phase() == .open) client.gate.shut();
        // Whoever has come since the waits were cut.
        client.cutWaits();
        if (client.gate.phase() == .closing) client.finishClosing();
    }

    /// Those that were submitted before.
    fn cancelConnects(client: *Client) void {
        client.attendant.lock.lock();
        defer client.attendant.lock.unlock();
        client.attendant.cancelConnects();
    }

    fn cutWaits(client: *Client) void {
        client.stop.store(true, .release);
        client.loops.wakeAll();
    }

    /// In a signal handler, on a thread that is inside, or connects.
    fn leaveToLast(client: *Client) void {
        // Connecting ends by itself, and so does whoever else is closing.
        if (!client.lifecycle.tryLock()) return;
        defer client.lifecycle.unlock();
        if (client.gate.phase() != .open) return;
        client.is_left_to_last.store(true, .release);
        client.gate.shut();
        client.cutWaits();
    }

    /// The lock is held, and the gate is closing.
    fn finishClosing(client: *Client) void {
        client.is_left_to_last.store(false, .release);
        client.gate.waitUntilEmpty();
        const owner = client.cluster.?;
        // From here on nobody wakes the loop of the operations but itself: what gives connections
        // back are commands, the tend thread and queries, and those are over.
        owner.setHolder(null);
        owner.stopTendThread();
        if (client.operations) |operations| operations.stop();
        client.queries.release();
        if (client.operations) |operations| operations.dismantle();
        client.loops.clear(client.gpa);
        client.cluster = null;
        owner.destroy();
        client.gate.close();
    }

    /// In the child of a fork: the other threads are gone, whatever they held.
    pub fn afterFork(client: *Client) void {
        client.lifecycle.reset();
        client.gate.forked();
        client.is_left_to_last.store(false, .monotonic);
        client.attendant = .{};
        client.net.afterFork();
        if (client.cluster) |owner| owner.setHolder(null);
        if (client.operations) |operations| {
            // Its memory stays behind: the thread that used it may have been anywhere.
            operations.afterFork();
            client.operations = null;
        }
        client.loops.afterFork();
        client.queries.afterFork();
        if (client.cluster) |owner| {
            client.cluster = null;
            owner.afterFork();
            owner.destroy();
        }
        client.gate.reset();
    }

    // For who does not wait.

    /// Connects on a thread of its own; the token tells when it is over.
    pub fn submitConnect(client: *Client, token: u64, failure: *Failure) error{Failed}!void {
        return client.attend(.connect, token, failure);
    }

    pub fn submitClose(client: *Client, token: u64, failure: *Failure) error{Failed}!void {
        return client.attend(.close, token, failure);
    }

    fn attend(
        client: *Client,
        kind: @FieldType(Errand, "kind"),
        token: u64,
        failure: *Failure,
    ) error{Failed}!void {
        const operations = client.operations orelse return noOperations(failure);
        const errand = client.gpa.create(Errand) catch return outOfMemory(failure);
        errdefer client.gpa.destroy(errand);
        const operation = try operations.reserve(token, failure);
        errdefer operations.discard(operation);
        errand.* = .{
            .kind = kind,
            .operations = operations,
            .operation = operation,
            .token = token,
        };
        const attendant = &client.attendant;
        attendant.lock.lock();
        defer attendant.lock.unlock();
        if (!attendant.is_running) {
            _ = attendant.count.fetchAdd(1, .acq_rel);
            errdefer _ = attendant.count.fetchSub(1, .acq_rel);
            const thread = io.thread.spawn("asz-attend", runErrands, .{client}) catch
                return noThread(failure);
            thread.detach();
            attendant.is_running = true;
        }
        if (kind == .close) {
            attendant.cancelConnects();
            if (attendant.connecting != null) client.cutWaits();
        }
        attendant.end().* = errand;
    }

    fn runErrands(client: *Client) void {
        const attendant = &client.attendant;
        while (attendant.take()) |errand| {
            switch (errand.kind) {
                .connect => {
                    // Signals are for the threads of the program.
                    var net = client.net.stoppable(&client.stop);
                    const failure = &errand.operation.body.elsewhere;
                    client.connectBy(&net, errand, failure) catch {};
                },
                .close => client.closeNow(),
            }
            attendant.strike(errand);
            errand.operations.complete(errand.operation);
            client.gpa.destroy(errand);
        }
        // Nothing of the client is touched after the last of these.
        if (attendant.count.fetchSub(1, .acq_rel) == 1) attendant.ended.set();
    }

    /// False: there is none with this token.
    fn cancelConnect(client: *Client, token: u64) bool {
        const attendant = &client.attendant;
        attendant.lock.lock();
        defer attendant.lock.unlock();
        var rest = attendant.first;
        while (rest) |errand| : (rest = errand.next) {
            if (errand.kind != .connect or errand.token != token) continue;
            errand.is_cancelled = true;
            if (attendant.connecting == errand) client.stop.store(true, .release);
            return true;
        }
        return false;
    }

    /// Ends what was submitted with this token, if it is still in progress.
    pub fn cancel(client: *Client, token: u64) void {
        if (client.cancelConnect(token)) return;
        _ = client.enter() orelse return;
        defer client.leave();
        if (client.operations) |operations| operations.cancel(token);
    }

    // Commands.

    /// Runs one command on the calling thread; its result is appended to `out`. A null policy means
    /// the defaults.
    pub fn execute(
        client: *Client,
        number: i32,
        request: []const u8,
        policy: ?*const Policy,
        out: *wire.Buffer,
        failure: *Failure,
    ) error{Failed}!void {
        const owner = client.enter() orelse return notConnected(failure);
        defer client.leave();
        if (std.enums.fromInt(command.Command, number)) |which| {
            return client.executeSingle(owner, which, request, policy, out, failure);
        }
        if (std.enums.fromInt(command.batch.Kind, number)) |kind| {
            const chosen = policy orelse &read_defaults;
            return client.executeBatch(owner, kind, request, chosen, null, out, failure);
        }
        if (std.enums.fromInt(ProcedureKind, number)) |kind| {
            const chosen = policy orelse procedureDefaults(kind);
            return client.executeProcedure(owner, kind, request, chosen, out, failure);
        }
        return unknown(number, failure);
    }

    /// Runs a batch that asks the same of every record; the records go to the target.
    pub fn executeInto(
        client: *Client,
        request: []const u8,
        policy: ?*const Policy,
        target: Target,
        failure: *Failure,
    ) error{Failed}!void {
        const owner = client.enter() orelse return notConnected(failure);
        defer client.leave();
        var none: wire.Buffer = .fixed(&.{});
        const chosen = policy orelse &read_defaults;
        return client.executeBatch(owner, .uniform, request, chosen, target, &none, failure);
    }

    fn executeSingle(
        client: *Client,
        owner: *Cluster,
        which: command.Command,
        request: []const u8,
        policy: ?*const Policy,
        out: *wire.Buffer,
        failure: *Failure,
    ) error{Failed}!void {
        // Where safety is on, what is undefined is filled with a pattern: here, 6 KB a command.
        @setRuntimeSafety(false);
        // Most requests fit; larger ones move to the heap.
        var memory: [4096]u8 = undefined;
        var single: Single = undefined;
        single.frame = .growing(client.gpa, &memory, command.request.frame_bytes_max);
        // Whether `init` succeeds or not.
        defer single.deinit();
        const chosen = policy orelse singleDefaults(which);
        try single.init(owner, &client.net, client.gpa, which, request, chosen, .now, failure);
        single.task.out = out.*;
        defer out.* = single.task.out;
        single.task.runBlocking(&client.net, client.gpa);
        return conclude(&single.task.failure, failure);
    }

    fn executeBatch(
        client: *Client,
        owner: *Cluster,
        kind: command.batch.Kind,
        request: []const u8,
        policy: *const Policy,
        target: ?Target,
        out: *wire.Buffer,
        failure: *Failure,
    ) error{Failed}!void {
        const batch = try BatchTask.create(
            client.gpa,
            owner,
            &client.net,
            kind,
            request,
            policy,
            target,
            out.*,
            failure,
        );
        defer batch.destroy();
        defer out.* = batch.task.out;
        return client.carryOut(&batch.task, batch.isSequential(), failure);
    }

    fn executeProcedure(
        client: *Client,
        owner: *Cluster,
        kind: ProcedureKind,
        request: []const u8,
        policy: *const Policy,
        out: *wire.Buffer,
        failure: *Failure,
    ) error{Failed}!void {
        const procedure = try Procedure.create(
            client.gpa,
            owner,
            &client.net,
            kind,
            request,
            policy,
            out.*,
            failure,
        );
        defer procedure.destroy();
        defer out.* = procedure.task.out;
        return client.carryOut(&procedure.task, !kind.asksAll(), failure);
    }

    /// On the calling thread: by itself when one node is asked at a time, else on a loop.
    fn carryOut(
        client: *Client,
        task: *Single.Task,
        is_sequential: bool,
        failure: *Failure,
    ) error{Failed}!void {
        if (is_sequential) {
            task.runBlocking(&client.net, client.gpa);
        } else {
            const entry = client.takeLoop(failure) catch {
                task.refuse(failure);
                return error.Failed;
            };
            defer client.loops.give(client.gpa, entry);
            task.runOn(&entry.loop);
        }
        return conclude(&task.failure, failure);
    }

    pub fn takeLoop(client: *Client, failure: *Failure) error{Failed}!*Loops.Entry {
        return client.loops.take(client.gpa, &client.net) catch |err| switch (err) {
            error.OutOfMemory => return outOfMemory(failure),
            error.SystemResources => {
                const text = "nothing could be opened to wait for several nodes: {s}";
                failure.set(.no_descriptor, text, .{Status.text(.no_descriptor)});
                return error.Failed;
            },
        };
    }

    /// The end of a command that was carried out here.
    pub fn conclude(ended: *const Failure, failure: *Failure) error{Failed}!void {
        if (ended.status == .ok) return;
        failure.* = ended.*;
        return error.Failed;
    }

    pub fn notConnected(failure: *Failure) error{Failed} {
        failure.set(.not_connected, "the client is not connected", .{});
        return error.Failed;
    }

    fn unknown(number: i32, failure: *Failure) error{Failed} {
        failure.set(.invalid_argument, "unknown command {d}", .{number});
        return error.Failed;
    }

    /// Hands a command to the loop; it is answered under its token. See `Operations.submit` of one
    /// that waits.
    pub fn submit(
        client: *Client,
        token: u64,
        number: i32,
        request: []const u8,
        policy: ?*const Policy,
        waits: bool,
        failure: *Failure,
    ) error{Failed}!void {
        const owner = client.enter() orelse return notConnected(failure);
        defer client.leave();
        const operations = client.operations orelse return noOperations(failure);
        if (std.enums.fromInt(command.Command, number)) |which| {
            const chosen = policy orelse singleDefaults(which);
            return operations.submit(owner, token, which, request, chosen, waits, failure);
        }
        if (std.enums.fromInt(command.batch.Kind, number)) |kind| {
            const chosen = policy orelse &read_defaults;
            return operations.submitBatch(owner, token, kind, request, chosen, null, failure);
        }
        if (std.enums.fromInt(ProcedureKind, number)) |kind| {
            const chosen = policy orelse procedureDefaults(kind);
            return operations.submitProcedure(owner, token, kind, request, chosen, failure);
        }
        return unknown(number, failure);
    }

    pub fn flush(client: *Client) void {
        _ = client.enter() orelse return;
        defer client.leave();
        if (client.operations) |operations| operations.flush();
    }

    /// Hands what `executeInto` does to the loop; the target stays until it is answered.
    pub fn submitInto(
        client: *Client,
        token: u64,
        request: []const u8,
        policy: ?*const Policy,
        target: Target,
        failure: *Failure,
    ) error{Failed}!void {
        const owner = client.enter() orelse return notConnected(failure);
        defer client.leave();
        const operations = client.operations orelse return noOperations(failure);
        const chosen = policy orelse &read_defaults;
        return operations.submitBatch(owner, token, .uniform, request, chosen, target, failure);
    }

    /// See `Operations.offerHost`; null as well when the client is not connected.
    pub fn offerHost(client: *Client) ?i32 {
        _ = client.enter() orelse return null;
        defer client.leave();
        const operations = client.operations orelse return null;
        return operations.offerHost();
    }

    pub fn noOperations(failure: *Failure) error{Failed} {
        failure.set(.client, "asz_client_wake_fd comes before the first submit", .{});
        return error.Failed;
    }

    /// The cluster, which stays until `leave`; null when the client is not connected.
    pub fn enter(client: *Client) ?*Cluster {
        if (!client.gate.enter()) return null;
        return client.cluster.?;
    }

    pub fn leave(client: *Client) void {
        if (client.gate.leave()) client.finishAsLast();
    }

    fn finishAsLast(client: *Client) void {
        if (!client.is_left_to_last.load(.acquire)) return;
        client.lifecycle.lock();
        defer client.lifecycle.unlock();
        if (client.gate.phase() == .closing) client.finishClosing();
    }
};

const read_defaults: Policy = .{};
const write_defaults: Policy = .writeDefault();
pub const query_defaults: Policy = .{ .total_timeout_ms = 0, .retries_max = 5 };
const info_defaults: Policy = .{ .total_timeout_ms = 5_000, .socket_timeout_ms = 5_000 };

fn singleDefaults(which: command.Command) *const Policy {
    return if (which.hasWriteDefaults()) &write_defaults else &read_defaults;
}

/// A background query writes records and an aggregation reads them; all else asks about the cluster.
fn procedureDefaults(kind: ProcedureKind) *const Policy {
    return switch (kind) {
        .query_background => &write_defaults,
        .query_aggregate => &query_defaults,
        else => &info_defaults,
    };
}

/// The defaults of a command by its number; unknown ones have those of a read.
pub fn defaultPolicy(number: i32) Policy {
    if (std.enums.fromInt(command.Command, number)) |which| return singleDefaults(which).*;
    if (std.enums.fromInt(ProcedureKind, number)) |kind| return procedureDefaults(kind).*;
    if (number == query_number) return query_defaults;
    return read_defaults;
}

/// Set once by the binding, for all clients that connect afterwards.
pub var interrupt_check: std.atomic.Value(?*const fn () callconv(.c) c_int) = .init(null);

fn outOfMemory(failure: *Failure) error{Failed} {
    failure.set(.out_of_memory, "out of memory", .{});
    return error.Failed;
}
