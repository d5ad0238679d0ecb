//! Queries that are closed while their client is.

const std = @import("std");
const client_module = @import("client.zig");
const devserver = @import("../devserver.zig");
const io = @import("../io.zig");
const wire = @import("../wire.zig");
const Failure = @import("../status.zig").Failure;
const Handle = @import("queries.zig").Handle;

const Client = client_module.Client;
const msgpack = wire.msgpack;
const gpa = std.heap.c_allocator;
const testing = std.testing;

fn connected(port: u16) !*Client {
    var memory: [256]u8 = undefined;
    var config = wire.Buffer.fixed(&memory);
    try msgpack.writeMapHeader(&config, 1);
    try msgpack.writeString(&config, "hosts");
    try msgpack.writeArrayHeader(&config, 1);
    try msgpack.writeArrayHeader(&config, 2);
    try msgpack.writeString(&config, "127.0.0.1");
    try msgpack.writeInt(&config, port);
    var failure: Failure = .{};
    const client = try Client.create(gpa, config.written(), &failure);
    errdefer client.destroy();
    _ = try client.useOperations(&failure);
    try client.connect(&failure);
    return client;
}

fn openQuery(client: *Client) !*Handle {
    var memory: [256]u8 = undefined;
    var request = wire.Buffer.fixed(&memory);
    try msgpack.writeMapHeader(&request, 1);
    try msgpack.writeString(&request, "namespace");
    try msgpack.writeString(&request, "test");
    var failure: Failure = .{};
    return Handle.open(client, .query, request.written(), &client_module.query_defaults, &failure);
}

fn pull(client: *Client, handle: *Handle) !void {
    var failure: Failure = .{};
    try handle.submitNext(1, null, &failure);
    const operations = client.operations.?;
    while (operations.first() == null) {
        try client.net.sleep(std.time.ns_per_ms);
        operations.refill();
    }
    operations.collected();
}

test "what is on the client's loop does not end on another thread while that loop may run" {
    const server = try devserver.Server.start(gpa, &.{ .nodes = 1, .workers = 1 });
    defer server.destroy();
    const client = try connected(server.ports()[0]);
    const handle = try openQuery(client);
    try pull(client, handle);

    // Somebody is still inside, so the client cannot be closed yet, and its loop runs.
    _ = client.enter().?;
    const closing = try std.Thread.spawn(.{}, Client.close, .{client});
    const net = io.Net.init();
    while (client.gate.phase() != .closing) try net.sleep(std.time.ns_per_ms);
    handle.close();
    try testing.expect(client.operations.?.thread != null);
    try testing.expect(handle.source != null);
    try testing.expectEqual(handle, client.queries.first);
    client.leave();
    closing.join();
    try testing.expectEqual(null, client.queries.first);
    client.destroy();
}
