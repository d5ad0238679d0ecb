//! The queries of a client, and its batches whose rows are pulled: handles that outlive its being
//! connected.
//!
//! Such a source has connections and points into the cluster, so all of a client's sources are ended
//! when the client is closed; their handles stay until their owners close them, and say so. One pull
//! at a time: on the caller's thread, which then drives the source's own loop, or on the client's,
//! where it is submitted. Closing may come at any time from anywhere: whoever is inside ends, and
//! takes the source along.

const std = @import("std");
const assert = std.debug.assert;
const command = @import("../command.zig");
const engine = @import("../engine.zig");
const handles_module = @import("handles.zig");
const io = @import("../io.zig");
const wire = @import("../wire.zig");
const Client = @import("client.zig").Client;
const Failure = @import("../status.zig").Failure;
const Handles = handles_module.Handles;
const Loops = @import("client.zig").Loops;
const Policy = engine.Policy;
const Target = @import("../result.zig").Target;

const Operations = @import("client.zig").Operations;
const Source = Operations.Source;

/// All of the process.
pub var queries: Handles(Handle) = .{ .gpa = @import("../memory.zig").gpa };

pub const Queries = struct {
    /// Guards the list and all members of the handles in it.
    mutex: io.sync.Mutex = .{},
    /// All handles that are not closed, or whose source is not ended yet; the latest first.
    first: ?*Handle = null,

    fn link(list: *Queries, handle: *Handle) void {
        handle.older = list.first;
        if (list.first) |first| first.newer = handle;
        list.first = handle;
    }

    fn unlink(list: *Queries, handle: *Handle) void {
        if (handle.newer) |newer| {
            newer.older = handle.older;
        } else if (list.first == handle) {
            list.first = handle.older;
        }
        if (handle.older) |older| older.newer = handle.newer;
        handle.newer = null;
        handle.older = null;
    }

    /// The client is being closed: no command is inside, and no loop runs.
    pub fn release(list: *Queries) void {
        list.mutex.lock();
        defer list.mutex.unlock();
        var next = list.first;
        while (next) |handle| {
            next = handle.older;
            // What was pulled may still be to be collected; it does not need the source.
            assert(!handle.is_pulling or handle.is_submitted);
            if (handle.source) |source| handle.end(source);
            // It was closed while the loop still ran.
            if (handle.is_closed and !handle.is_pulling) list.forget(handle);
        }
    }

    /// Nobody will ever use the handle.
    fn forget(list: *Queries, handle: *Handle) void {
        assert(handle.source == null);
        list.unlink(handle);
        queries.retire(handle);
    }

    /// The client is being destroyed: handles that are still open know it no more.
    pub fn orphan(list: *Queries) void {
        while (list.first) |handle| {
            assert(handle.source == null);
            list.unlink(handle);
            handle.client = null;
        }
    }

    /// In the child of a fork, before the cluster goes. The memory of what other threads used
    /// stays behind; the loops have been given up.
    pub fn afterFork(list: *Queries) void {
        list.mutex.reset();
        var next = list.first;
        while (next) |handle| : (next = handle.older) {
            handle.source = null;
            handle.loop = null;
            handle.is_pulling = false;
        }
    }
};

pub const Handle = struct {
    handle: handles_module.Mark,
    gpa: std.mem.Allocator,
    /// Null when the client has been destroyed since.
    client: ?*Client,
    /// Null when the source has ended, by itself or with the client.
    source: ?Source,
    /// The source's own, once it was pulled from by a thread of its owner's.
    loop: ?*Loops.Entry = null,
    /// It is pulled from on the client's loop.
    is_submitted: bool = false,
    /// Somebody pulls, or what was pulled is still to be collected.
    is_pulling: bool = false,
    is_aborted: bool = false,
    is_closed: bool = false,
    newer: ?*Handle = null,
    older: ?*Handle = null,

    pub fn open(
        client: *Client,
        kind: command.source.Kind,
        request: []const u8,
        policy: *const Policy,
        failure: *Failure,
    ) error{Failed}!*Handle {
        const owner = client.enter() orelse return Client.notConnected(failure);
        defer client.leave();
        const gpa = client.gpa;
        const source =
            try Source.open(kind, gpa, &client.net, owner, request, policy, failure);
        const handle = queries.create() catch {
            source.destroy();
            failure.set(.out_of_memory, "out of memory for the query", .{});
            return error.Failed;
        };
        handle.* = .{ .handle = handle.handle, .gpa = gpa, .client = client, .source = source };
        client.queries.mutex.lock();
        defer client.queries.mutex.unlock();
        client.queries.link(handle);
        Handles(Handle).begin(handle);
        return handle;
    }

    /// The next records, appended to `out`; nothing at the end.
    pub fn next(handle: *Handle, out: *wire.Buffer, failure: *Failure) error{Failed}!void {
        _ = try handle.pull(out, null, failure);
    }

    /// The next records go to the target; returns how many, 0 at the end.
    pub fn nextInto(handle: *Handle, target: Target, failure: *Failure) error{Failed}!u64 {
        var none: wire.Buffer = .fixed(&.{});
        return handle.pull(&none, target, failure);
    }

    fn pull(
        handle: *Handle,
        out: *wire.Buffer,
        target: ?Target,
        failure: *Failure,
    ) error{Failed}!u64 {
        const client = handle.client orelse return Client.notConnected(failure);
        _ = client.enter() orelse return Client.notConnected(failure);
        defer client.leave();
        const source = try handle.beginPull(.waiting, target, failure);
        defer handle.endPull();
        const task = source.prepare(out.*, target);
        task.runOn(&handle.loop.?.loop);
        out.* = task.out;
        try Client.conclude(&task.failure, failure);
        return source.rowCount();
    }

    /// The same, left to the client's loop; it is answered under the token.
    pub fn submitNext(
        handle: *Handle,
        token: u64,
        target: ?Target,
        failure: *Failure,
    ) error{Failed}!void {
        const client = handle.client orelse return Client.notConnected(failure);
        _ = client.enter() orelse return Client.notConnected(failure);
        defer client.leave();
        const operations = client.operations orelse return Client.noOperations(failure);
        const source = try handle.beginPull(.submitted, target, failure);
        errdefer handle.endPull();
        const puller: Operations.Puller = .{ .context = handle, .on_collected = onCollected };
        try operations.submitPull(token, source, target, puller, failure);
    }

    fn onCollected(context: *anyopaque) void {
        const handle: *Handle = @ptrCast(@alignCast(context));
        handle.endPull();
    }

    fn beginPull(
        handle: *Handle,
        how: enum { waiting, submitted },
        target: ?Target,
        failure: *Failure,
    ) error{Failed}!Source {
        const client = handle.client.?;
        client.queries.mutex.lock();
        defer client.queries.mutex.unlock();
        if (handle.is_closed or handle.is_aborted) {
            failure.set(.client_abort, "its results were closed", .{});
            return error.Failed;
        }
        const source = handle.source orelse return released(failure);
        try source.checkTarget(target, failure);
        if (handle.is_pulling) return misused(failure, "results are being pulled already");
        switch (how) {
            .waiting => {
                if (handle.is_submitted) return misused(failure, "results of this one are submitted");
                if (handle.loop == null) handle.loop = client.takeLoop(failure) catch {
                    source.task().refuse(failure);
                    return error.Failed;
                };
            },
            .submitted => {
                if (handle.loop != null) return misused(failure, "results of this one are not submitted");
                handle.is_submitted = true;
            },
        }
        handle.is_pulling = true;
        return source;
    }

    fn misused(failure: *Failure, comptime text: []const u8) error{Failed} {
        failure.set(.invalid_argument, text, .{});
        return error.Failed;
    }

    fn endPull(handle: *Handle) void {
        const client = handle.client orelse return;
        client.queries.mutex.lock();
        defer client.queries.mutex.unlock();
        handle.is_pulling = false;
        if (handle.is_closed) handle.finish(client);
    }

    /// The mutex is held, the handle is closed and nobody pulls.
    fn finish(handle: *Handle, client: *Client) void {
        if (handle.source) |source| {
            // Another thread may drive the client's loop.
            if (handle.is_submitted) return;
            handle.end(source);
        }
        client.queries.forget(handle);
    }

    /// The loop that the source is on does not run.
    fn end(handle: *Handle, source: Source) void {
        if (handle.is_submitted) assert(handle.client.?.operations.?.thread == null);
        source.destroy();
        handle.source = null;
        const entry = handle.loop orelse return;
        handle.loop = null;
        const client = handle.client.?;
        client.loops.give(client.gpa, entry);
    }

    pub fn close(handle: *Handle) void {
        if (!Handles(Handle).end(handle)) return;
        const client = handle.client orelse return queries.retire(handle);
        const is_connected = client.enter() != null;
        defer if (is_connected) client.leave();
        client.queries.mutex.lock();
        defer client.queries.mutex.unlock();
        handle.is_closed = true;
        handle.stopPull();
        if (handle.source) |source| {
            // The client is being closed, and ends all sources when nobody drives their loops.
            if (!is_connected) return;
            if (handle.is_submitted) {
                source.measureOnce();
                // Without memory for the order, it ends with the client.
                client.operations.?.retire(source) catch return;
                handle.source = null;
            }
        }
        handle.finishUnlessPulling(client);
    }

    fn finishUnlessPulling(handle: *Handle, client: *Client) void {
        if (!handle.is_pulling) handle.finish(client);
    }

    /// A pull that waits ends at once, as do all later ones.
    pub fn abort(handle: *Handle) void {
        const client = handle.client orelse return;
        client.queries.mutex.lock();
        defer client.queries.mutex.unlock();
        handle.is_aborted = true;
        handle.stopPull();
    }

    /// The mutex is held.
    fn stopPull(handle: *Handle) void {
        const source = handle.source orelse return;
        source.task().is_cancelled.store(true, .release);
        if (handle.loop) |entry| entry.loop.poller.wake();
    }

    /// Where a later query can go on; see `Query.writeToken`.
    pub fn writeToken(
        handle: *Handle,
        unread: u64,
        out: *wire.Buffer,
        failure: *Failure,
    ) error{Failed}!void {
        const client = handle.client orelse return Client.notConnected(failure);
        _ = client.enter() orelse return Client.notConnected(failure);
        defer client.leave();
        client.queries.mutex.lock();
        defer client.queries.mutex.unlock();
        switch (handle.source orelse return released(failure)) {
            .query => |query| return query.writeToken(
                if (handle.is_pulling) .pull else .{ .records = unread },
                out,
                failure,
            ),
            .batch => return misused(failure, "a batch has no place to go on from"),
        }
    }
};

fn released(failure: *Failure) error{Failed} {
    failure.set(.client_abort, "the client was closed before all results had come", .{});
    return error.Failed;
}
