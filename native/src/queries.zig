//! The queries of a client: handles that outlive its being connected.
//!
//! A query has connections and points into the cluster, so all of a client's queries are released
//! when the client is closed; their handles stay until their owners close them, and say so. One
//! thread at a time uses a handle; `abort` may come from any.

const std = @import("std");
const assert = std.debug.assert;
const command = @import("command.zig");
const engine = @import("engine.zig");
const io = @import("io.zig");
const wire = @import("wire.zig");
const Client = @import("client.zig").Client;
const Failure = @import("status.zig").Failure;
const Table = @import("result.zig").Table;

const Query = command.Query(io.Net, engine.Poller);

pub const Queries = struct {
    /// Guards the list and the handles' pointers to their queries.
    mutex: io.sync.Mutex = .{},
    /// All handles that are not closed, the latest first.
    first: ?*Handle = null,

    fn link(queries: *Queries, handle: *Handle) void {
        handle.older = queries.first;
        if (queries.first) |first| first.newer = handle;
        queries.first = handle;
    }

    fn unlink(queries: *Queries, handle: *Handle) void {
        if (handle.newer) |newer| {
            newer.older = handle.older;
        } else if (queries.first == handle) {
            queries.first = handle.older;
        }
        if (handle.older) |older| older.newer = handle.newer;
        handle.newer = null;
        handle.older = null;
    }

    /// The client is being closed and no command is inside.
    pub fn release(queries: *Queries) void {
        queries.mutex.lock();
        defer queries.mutex.unlock();
        var next = queries.first;
        while (next) |handle| : (next = handle.older) {
            if (handle.query) |query| query.destroy();
            handle.query = null;
        }
    }

    /// The client is being destroyed: handles that are still open know it no more.
    pub fn orphan(queries: *Queries) void {
        while (queries.first) |handle| {
            assert(handle.query == null);
            queries.unlink(handle);
            handle.client = null;
        }
    }

    /// In the child of a fork, before the cluster goes.
    pub fn afterFork(queries: *Queries) void {
        queries.mutex.reset();
        var next = queries.first;
        while (next) |handle| : (next = handle.older) {
            if (handle.query) |query| query.afterFork();
            handle.query = null;
        }
    }
};

pub const Handle = struct {
    gpa: std.mem.Allocator,
    /// Null when the client has been destroyed since.
    client: ?*Client,
    /// Null when the client has been closed since.
    query: ?*Query,
    newer: ?*Handle = null,
    older: ?*Handle = null,

    pub fn open(
        client: *Client,
        request: []const u8,
        policy: *const command.Policy,
        failure: *Failure,
    ) error{Failed}!*Handle {
        const owner = client.enter() orelse return Client.notConnected(failure);
        defer client.leave();
        const gpa = client.gpa;
        const handle = gpa.create(Handle) catch {
            failure.set(.out_of_memory, "out of memory for the query", .{});
            return error.Failed;
        };
        errdefer gpa.destroy(handle);
        const query = try Query.create(gpa, &client.net, owner, request, policy, failure);
        handle.* = .{ .gpa = gpa, .client = client, .query = query };
        client.queries.mutex.lock();
        defer client.queries.mutex.unlock();
        client.queries.link(handle);
        return handle;
    }

    pub fn close(handle: *Handle) void {
        if (handle.client) |client| {
            client.queries.mutex.lock();
            defer client.queries.mutex.unlock();
            client.queries.unlink(handle);
            // With the lock held, as the client must not be closed in the meantime.
            if (handle.query) |query| query.destroy();
        }
        handle.gpa.destroy(handle);
    }

    pub fn abort(handle: *Handle) void {
        const client = handle.client orelse return;
        client.queries.mutex.lock();
        defer client.queries.mutex.unlock();
        if (handle.query) |query| query.abort();
    }

    /// The next records; see `Query.next`.
    pub fn next(handle: *Handle, failure: *Failure) error{Failed}![]const u8 {
        const client = handle.client orelse return Client.notConnected(failure);
        _ = client.enter() orelse return Client.notConnected(failure);
        defer client.leave();
        const query = handle.query orelse return released(failure);
        return query.next(failure) catch return client.cutShort(failure);
    }

    /// The next records as rows; see `Query.nextTable`.
    pub fn nextTable(handle: *Handle, table: *Table, failure: *Failure) error{Failed}!u64 {
        const client = handle.client orelse return Client.notConnected(failure);
        _ = client.enter() orelse return Client.notConnected(failure);
        defer client.leave();
        const query = handle.query orelse return released(failure);
        return query.nextTable(table, failure) catch return client.cutShort(failure);
    }

    pub fn writeToken(
        handle: *Handle,
        unread: u64,
        out: *wire.Buffer,
        failure: *Failure,
    ) error{Failed}!void {
        const client = handle.client orelse return Client.notConnected(failure);
        _ = client.enter() orelse return Client.notConnected(failure);
        defer client.leave();
        const query = handle.query orelse return released(failure);
        return query.writeToken(unread, out, failure);
    }
};

fn released(failure: *Failure) error{Failed} {
    failure.set(.client_abort, "the client was closed during the query", .{});
    return error.Failed;
}
