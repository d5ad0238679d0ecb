//! The queries of a client: handles that outlive its being connected.
//!
//! A query has connections and points into the cluster, so all of a client's queries are ended when
//! the client is closed; their handles stay until their owners close them, and say so. One pull at
//! a time: on the caller's thread, which then drives the query's own loop, or on the client's,
//! where it is submitted. Closing may come at any time from anywhere: whoever is inside ends, and
//! takes the query along.

const std = @import("std");
const assert = std.debug.assert;
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
const Query = Operations.Query;

/// All of the process.
pub var queries: Handles(Handle) = .{ .gpa = @import("../memory.zig").gpa };

pub const Queries = struct {
    /// Guards the list and all members of the handles in it.
    mutex: io.sync.Mutex = .{},
    /// All handles that are not closed, or whose query is not ended yet; the latest first.
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
            // What was pulled may still be to be collected; it does not need the query.
            assert(!handle.is_pulling or handle.is_submitted);
            if (handle.query) |query| handle.end(query);
            // It was closed while the loop still ran.
            if (handle.is_closed and !handle.is_pulling) list.forget(handle);
        }
    }

    /// Nobody will ever use the handle.
    fn forget(list: *Queries, handle: *Handle) void {
        assert(handle.query == null);
        list.unlink(handle);
        queries.retire(handle);
    }

    /// The client is being destroyed: handles that are still open know it no more.
    pub fn orphan(list: *Queries) void {
        while (list.first) |handle| {
            assert(handle.query == null);
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
            handle.query = null;
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
    /// Null when the query has ended, by itself or with the client.
    query: ?*Query,
    /// The query's own, once it was pulled from by a thread of its owner's.
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
        request: []const u8,
        policy: *const Policy,
        failure: *Failure,
    ) error{Failed}!*Handle {
        const owner = client.enter() orelse return Client.notConnected(failure);
        defer client.leave();
        const gpa = client.gpa;
        const query = try Query.create(gpa, &client.net, owner, request, policy, failure);
        const handle = queries.create() catch {
            query.destroy();
            failure.set(.out_of_memory, "out of memory for the query", .{});
            return error.Failed;
        };
        handle.* = .{ .handle = handle.handle, .gpa = gpa, .client = client, .query = query };
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
        try checkTarget(target, failure);
        const client = handle.client orelse return Client.notConnected(failure);
        _ = client.enter() orelse return Client.notConnected(failure);
        defer client.leave();
        const query = try handle.beginPull(.waiting, failure);
        defer handle.endPull();
        const task = query.prepare(out.*, target);
        task.runOn(&handle.loop.?.loop);
        out.* = task.out;
        try Client.conclude(&task.failure, failure);
        return query.rowCount();
    }

    /// The same, left to the client's loop; it is answered under the token.
    pub fn submitNext(
        handle: *Handle,
        token: u64,
        target: ?Target,
        failure: *Failure,
    ) error{Failed}!void {
        try checkTarget(target, failure);
        const client = handle.client orelse return Client.notConnected(failure);
        _ = client.enter() orelse return Client.notConnected(failure);
        defer client.leave();
        const operations = client.operations orelse return Client.noOperations(failure);
        const query = try handle.beginPull(.submitted, failure);
        errdefer handle.endPull();
        const puller: Operations.Puller = .{ .context = handle, .on_collected = onCollected };
        try operations.submitPull(token, query, target, puller, failure);
    }

    fn onCollected(context: *anyopaque) void {
        const handle: *Handle = @ptrCast(@alignCast(context));
        handle.endPull();
    }

    fn checkTarget(target: ?Target, failure: *Failure) error{Failed}!void {
        const is_full = switch (target orelse return) {
            .table => |table| table.row_count == 0,
            .arrow => |columns| columns.isFull(),
        };
        if (!is_full) return;
        failure.set(.invalid_argument, "there is no room for a record", .{});
        return error.Failed;
    }

    fn beginPull(
        handle: *Handle,
        how: enum { waiting, submitted },
        failure: *Failure,
    ) error{Failed}!*Query {
        const client = handle.client.?;
        client.queries.mutex.lock();
        defer client.queries.mutex.unlock();
        if (handle.is_closed or handle.is_aborted) {
            failure.set(.client_abort, "the query was closed", .{});
            return error.Failed;
        }
        const query = handle.query orelse return released(failure);
        if (handle.is_pulling) return misused(failure, "the query is pulled from already");
        switch (how) {
            .waiting => {
                if (handle.is_submitted) return misused(failure, "the query is submitted");
                if (handle.loop == null) handle.loop = client.takeLoop(failure) catch {
                    query.task.refuse(failure);
                    return error.Failed;
                };
            },
            .submitted => {
                if (handle.loop != null) return misused(failure, "the query is not submitted");
                handle.is_submitted = true;
            },
        }
        handle.is_pulling = true;
        return query;
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
        if (handle.query) |query| {
            // Another thread may drive the client's loop.
            if (handle.is_submitted) return;
            handle.end(query);
        }
        client.queries.forget(handle);
    }

    /// The loop that the query is on does not run.
    fn end(handle: *Handle, query: *Query) void {
        if (handle.is_submitted) assert(handle.client.?.operations.?.thread == null);
        query.destroy();
        handle.query = null;
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
        if (handle.query) |query| {
            // The client is being closed, and ends all queries when nobody drives their loops.
            if (!is_connected) return;
            if (handle.is_submitted) {
                query.measureOnce();
                // Without memory for the order, it ends with the client.
                client.operations.?.retire(query) catch return;
                handle.query = null;
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
        const query = handle.query orelse return;
        query.task.is_cancelled.store(true, .release);
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
        const query = handle.query orelse return released(failure);
        const back: Query.Unread = if (handle.is_pulling) .pull else .{ .records = unread };
        return query.writeToken(back, out, failure);
    }
};

fn released(failure: *Failure) error{Failed} {
    failure.set(.client_abort, "the client was closed during the query", .{});
    return error.Failed;
}
