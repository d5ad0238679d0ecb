//! The exported C functions, as `include/aerospike_zig.h` declares them: cast, check, call.
//!
//! The header is written by hand; `zig build test` compares its structs with the ones here.

const std = @import("std");
const assert = std.debug.assert;
const client_module = @import("client.zig");
const arrows_module = @import("arrows.zig");
const result_module = @import("../result.zig");
const columns = result_module.columns;
const data_interface = result_module.arrow.abi;
const command = @import("../command.zig");
const engine = @import("../engine.zig");
const growing = @import("../growing.zig");
const io = @import("../io.zig");
const log = &@import("../log.zig").process;
const log_text_bytes_max = @import("../log.zig").text_bytes_max;
const metrics = @import("../metrics.zig");
const queries_module = @import("queries.zig");
const structs = @import("../structs.zig");
const tls = @import("../tls.zig");
const unfilled = @import("../unfilled.zig");
const wire = @import("../wire.zig");
const Arrow = arrows_module.Handle;
const Client = client_module.Client;
const Failure = @import("../status.zig").Failure;
const Handles = @import("handles.zig").Handles;
const Policy = engine.Policy;
const Query = queries_module.Handle;

const gpa = @import("../memory.zig").gpa;

pub const abi_version = 3;

pub const asz_completion = structs.asz_completion;
pub const asz_error = structs.asz_error;
pub const asz_result = structs.asz_result;

pub const asz_node = engine.Asked;

pub const asz_policy = extern struct {
    size: u32,
    socket_timeout: u32,
    total_timeout: u32,
    max_retries: u32,
    sleep_between_retries: u32,
    timeout_delay: u32,
    generation: u32,
    ttl: i32,
    generation_policy: u8,
    exists: u8,
    replica: u8,
    read_mode_ap: u8,
    read_mode_sc: u8,
    commit_level: u8,
    send_key: u8,
    durable_delete: u8,
    read_touch_ttl_percent: u8,
    allow_inline: u8,
    allow_inline_ssd: u8,
    respond_all_keys: u8,
    concurrent: u8,
    compress: u8,
    on_locking_only: u8,
    error_details: u8,
    filter: ?[*]const u8,
    filter_len: u64,
    compress_threshold: u32,
    connect_timeout: u32,
    asked: ?*asz_node,
};

pub const asz_log_line = extern struct {
    size: u32,
    code: i32,
    duration_ms: u64,
    count: u64,
    text_len: u16,
    node_len: u8,
    event_len: u8,
    text: [log_text_bytes_max]u8,
    node: [Failure.node_name_max]u8,
    event: [32]u8,
};

pub const asz_column = columns.Column;
pub const asz_metadata = columns.Metadata;
pub const asz_mismatch = columns.Mismatch;
pub const asz_table = columns.Table;
pub const ArrowSchema = data_interface.Schema;
pub const ArrowArray = data_interface.Array;
pub const ArrowArrayStream = data_interface.Stream;

comptime {
    assert(@sizeOf(asz_node) == 104);
    assert(@sizeOf(asz_policy) == 80);
    assert(@offsetOf(asz_policy, "filter") == 48);
    assert(@sizeOf(asz_log_line) == 656);
}

/// No result is larger than a few replies of the protocol's greatest size.
const result_bytes_max = 1 << 32;

export fn asz_abi_version() u32 {
    return abi_version;
}

export fn asz_policy_init(target: *asz_policy, number: i32) void {
    const defaults = client_module.defaultPolicy(number);
    const policy: asz_policy = .{
        .size = target.size,
        .socket_timeout = defaults.socket_timeout_ms,
        .total_timeout = defaults.total_timeout_ms,
        .max_retries = defaults.retries_max,
        .sleep_between_retries = defaults.sleep_between_retries_ms,
        .timeout_delay = defaults.timeout_delay_ms,
        .generation = defaults.generation,
        .ttl = defaults.ttl,
        .generation_policy = @backingInt(defaults.generation_policy),
        .exists = @backingInt(defaults.exists),
        .replica = @backingInt(defaults.replica),
        .read_mode_ap = @backingInt(defaults.read_mode_ap),
        .read_mode_sc = @backingInt(defaults.read_mode_sc),
        .commit_level = @backingInt(defaults.commit_level),
        .send_key = @intFromBool(defaults.send_key),
        .durable_delete = @intFromBool(defaults.durable_delete),
        .read_touch_ttl_percent = defaults.read_touch_ttl_percent,
        .allow_inline = @intFromBool(defaults.allow_inline),
        .allow_inline_ssd = @intFromBool(defaults.allow_inline_ssd),
        .respond_all_keys = @intFromBool(defaults.respond_all_keys),
        .concurrent = @intFromBool(defaults.concurrent),
        .compress = @intFromBool(defaults.compress),
        .on_locking_only = @intFromBool(defaults.on_locking_only),
        .error_details = @backingInt(defaults.error_details),
        .filter = null,
        .filter_len = 0,
        .compress_threshold = defaults.compress_threshold,
        .connect_timeout = defaults.connect_timeout_ms,
        .asked = null,
    };
    growing.fill(asz_policy, target, &policy);
}

export fn asz_client_create(
    config: ?[*]const u8,
    config_len: u64,
    client: *?*Client,
    err: ?*asz_error,
) i32 {
    client.* = null;
    var failure: Failure = .{};
    client.* = Client.create(gpa, slice(config, config_len), &failure) catch
        return report(&failure, err);
    return 0;
}

export fn asz_tls_check(options: ?[*]const u8, options_len: u64, err: ?*asz_error) i32 {
    var failure: Failure = .{};
    client_module.checkTls(gpa, slice(options, options_len), &failure) catch
        return report(&failure, err);
    return 0;
}

export fn asz_client_connect(client: *Client, err: ?*asz_error) i32 {
    var failure: Failure = .{};
    checkHandle(Client, client, &failure) catch return report(&failure, err);
    client.connect(&failure) catch return report(&failure, err);
    return 0;
}

export fn asz_client_is_connected(client: *Client) i32 {
    return @intFromBool(Handles(Client).isLive(client) and client.isConnected());
}

export fn asz_client_close(client: *Client) void {
    if (Handles(Client).isLive(client)) client.close();
}

export fn asz_client_destroy(client: ?*Client) void {
    (client orelse return).destroy();
}

export fn asz_client_after_fork(client: *Client) void {
    log.afterFork();
    io.resolver.afterFork();
    tls.openssl.afterFork();
    client_module.clients.afterFork();
    queries_module.queries.afterFork();
    arrows_module.arrows.afterFork();
    if (Handles(Client).isLive(client)) client.afterFork();
}

export fn asz_client_execute(
    client: *Client,
    number: i32,
    request: ?[*]const u8,
    request_len: u64,
    policy: ?*const asz_policy,
    result: ?*asz_result,
    err: ?*asz_error,
) i32 {
    // As in `submit`.
    @setRuntimeSafety(false);
    var failure: Failure = .{};
    var storage: Policy = undefined;
    const given = policyOrNull(policy, &storage, &failure) catch return report(&failure, err);
    checkHandle(Client, client, &failure) catch return report(&failure, err);
    var out = resultBuffer(result, &failure) catch return report(&failure, err);
    client.execute(
        number,
        slice(request, request_len),
        given,
        &out,
        &failure,
    ) catch {
        out.deinit();
        return report(&failure, err);
    };
    handOver(&out, result);
    return 0;
}

export fn asz_client_batch_read_table(
    client: *Client,
    request: ?[*]const u8,
    request_len: u64,
    policy: ?*const asz_policy,
    table: *asz_table,
    err: ?*asz_error,
) i32 {
    var failure: Failure = .{};
    var storage: Policy = undefined;
    const given = policyOrNull(policy, &storage, &failure) catch return report(&failure, err);
    checkHandle(Client, client, &failure) catch return report(&failure, err);
    table.check(&failure) catch return report(&failure, err);
    const bytes = slice(request, request_len);
    client.executeInto(bytes, given, .{ .table = table }, &failure) catch return report(&failure, err);
    return 0;
}

export fn asz_log_next(target: *asz_log_line, timeout_ms: u32) i32 {
    const line = log.next(@as(u64, timeout_ms) * std.time.ns_per_ms) orelse return -1;
    const event = @tagName(line.event);
    var filled: asz_log_line = .{
        .size = target.size,
        .code = line.code,
        .duration_ms = line.duration_ms,
        .count = line.count,
        .text_len = line.len,
        .node_len = line.node_len,
        .event_len = @intCast(event.len),
        .text = line.text,
        .node = line.node_buffer,
        .event = @splat(0),
    };
    @memcpy(filled.event[0..event.len], event);
    growing.fill(asz_log_line, target, &filled);
    return @backingInt(line.level);
}

export fn asz_log_stop() void {
    log.stop();
}

export fn asz_client_wake_fd(client: *Client, err: ?*asz_error) i32 {
    var failure: Failure = .{};
    const operations = useOperations(client, &failure) catch {
        _ = report(&failure, err);
        return -1;
    };
    return @intCast(operations.mailbox.wake.read_fd);
}

fn useOperations(
    client: *Client,
    failure: *Failure,
) error{Failed}!*client_module.Operations {
    try checkHandle(Client, client, failure);
    return client.useOperations(failure);
}

export fn asz_client_submit_connect(client: *Client, token: u64, err: ?*asz_error) i32 {
    var failure: Failure = .{};
    checkHandle(Client, client, &failure) catch return report(&failure, err);
    client.submitConnect(token, &failure) catch return report(&failure, err);
    return 0;
}

export fn asz_client_submit_close(client: *Client, token: u64, err: ?*asz_error) i32 {
    var failure: Failure = .{};
    checkHandle(Client, client, &failure) catch return report(&failure, err);
    client.submitClose(token, &failure) catch return report(&failure, err);
    return 0;
}

export fn asz_client_cancel(client: *Client, token: u64) void {
    if (Handles(Client).isLive(client)) client.cancel(token);
}

export fn asz_client_submit(
    client: *Client,
    token: u64,
    number: i32,
    request: ?[*]const u8,
    request_len: u64,
    policy: ?*const asz_policy,
    err: ?*asz_error,
) i32 {
    return submit(client, token, number, slice(request, request_len), policy, false, err);
}

export fn asz_client_submit_waiting(
    client: *Client,
    token: u64,
    number: i32,
    request: ?[*]const u8,
    request_len: u64,
    policy: ?*const asz_policy,
    err: ?*asz_error,
) i32 {
    return submit(client, token, number, slice(request, request_len), policy, true, err);
}

fn submit(
    client: *Client,
    token: u64,
    number: i32,
    request: []const u8,
    policy: ?*const asz_policy,
    waits: bool,
    err: ?*asz_error,
) i32 {
    // Where safety is on, what is undefined is filled with a pattern: here, a KB a command.
    @setRuntimeSafety(false);
    var failure: Failure = .{};
    var storage: Policy = undefined;
    const given = policyOrNull(policy, &storage, &failure) catch return report(&failure, err);
    checkHandle(Client, client, &failure) catch return report(&failure, err);
    client.submit(token, number, request, given, waits, &failure) catch
        return report(&failure, err);
    return 0;
}

export fn asz_client_flush(client: *Client) void {
    if (Handles(Client).isLive(client)) client.flush();
}

export fn asz_client_submit_batch_read_table(
    client: *Client,
    token: u64,
    request: ?[*]const u8,
    request_len: u64,
    policy: ?*const asz_policy,
    table: *asz_table,
    err: ?*asz_error,
) i32 {
    var failure: Failure = .{};
    var storage: Policy = undefined;
    const given = policyOrNull(policy, &storage, &failure) catch return report(&failure, err);
    checkHandle(Client, client, &failure) catch return report(&failure, err);
    table.check(&failure) catch return report(&failure, err);
    const bytes = slice(request, request_len);
    client.submitInto(token, bytes, given, .{ .table = table }, &failure) catch
        return report(&failure, err);
    return 0;
}

export fn asz_client_drain(
    client: *Client,
    completions: [*]asz_completion,
    max: u32,
    data: ?[*]u8,
    capacity: u64,
    needed: *u64,
) u32 {
    needed.* = 0;
    if (!Handles(Client).isLive(client)) return 0;
    const operations = client.operations orelse return 0;
    operations.turnHosted();
    operations.refill();
    var out: wire.Buffer = if (data) |memory| .fixed(memory[0..capacity]) else .fixed(&.{});
    var count: u32 = 0;
    while (count < max) : (count += 1) {
        const completion = operations.first() orelse break;
        const offset = out.end;
        writeOutcome(&out, completion) catch {
            out.end = offset;
            if (count == 0) needed.* = completion.result.len + failure_bytes_max;
            break;
        };
        completions[count] = .{
            .token = completion.token,
            .status = if (completion.failure) |failure| @backingInt(failure.status) else 0,
            .offset = offset,
            .length = out.end - offset,
        };
        operations.collected();
    }
    operations.notifyRemaining();
    return count;
}

export fn asz_client_host(client: *Client) i32 {
    if (!Handles(Client).isLive(client)) return -1;
    return client.offerHost() orelse -1;
}

export fn asz_client_is_hosted(client: *Client) i32 {
    if (!Handles(Client).isLive(client)) return 0;
    const operations = client.operations orelse return 0;
    return @intFromBool(operations.isHosted());
}

export fn asz_client_end_host(client: *Client) void {
    if (!Handles(Client).isLive(client)) return;
    const operations = client.operations orelse return;
    operations.endHost();
}

export fn asz_client_lose_result(client: *Client) void {
    if (!Handles(Client).isLive(client)) return;
    const operations = client.operations orelse return;
    operations.loseFirst();
}

/// More than any failure takes as MessagePack.
const failure_bytes_max = 2048;

fn writeOutcome(out: *wire.Buffer, completion: client_module.Operations.Completion) !void {
    const failure = completion.failure orelse return out.append(completion.result);
    try wire.msgpack.writeArrayHeader(out, 5);
    try wire.msgpack.writeBool(out, failure.in_doubt);
    try wire.msgpack.writeString(out, failure.node());
    try wire.msgpack.writeString(out, failure.message());
    try wire.msgpack.writeUint(out, failure.attempts);
    try writeMore(out, failure);
}

/// [details or nil, [[code, node, message]]]; nil when there is neither.
fn writeMore(out: *wire.Buffer, failure: *const Failure) wire.Buffer.Error!void {
    if (failure.details_len == 0 and failure.earlier.count == 0) return wire.msgpack.writeNil(out);
    try wire.msgpack.writeArrayHeader(out, 2);
    if (failure.details_len == 0) {
        try wire.msgpack.writeNil(out);
    } else {
        try out.append(failure.details());
    }
    try wire.msgpack.writeArrayHeader(out, failure.earlier.count);
    var entries = failure.earlier.iterate();
    while (entries.next()) |entry| {
        try wire.msgpack.writeArrayHeader(out, 3);
        try wire.msgpack.writeInt(out, @backingInt(entry.status));
        try wire.msgpack.writeString(out, entry.node);
        try wire.msgpack.writeString(out, entry.message);
    }
}

export fn asz_query_open(
    client: *Client,
    request: ?[*]const u8,
    request_len: u64,
    policy: ?*const asz_policy,
    query: *?*Query,
    err: ?*asz_error,
) i32 {
    query.* = null;
    var failure: Failure = .{};
    checkHandle(Client, client, &failure) catch return report(&failure, err);
    var given: Policy = client_module.query_defaults;
    if (policy) |raw| {
        given = policyFrom(raw, &failure) catch return report(&failure, err);
    }
    query.* = Query.open(client, .query, slice(request, request_len), &given, &failure) catch
        return report(&failure, err);
    return 0;
}

export fn asz_batch_open(
    client: *Client,
    kind: i32,
    request: ?[*]const u8,
    request_len: u64,
    policy: ?*const asz_policy,
    query: *?*Query,
    err: ?*asz_error,
) i32 {
    query.* = null;
    var failure: Failure = .{};
    checkHandle(Client, client, &failure) catch return report(&failure, err);
    const which = std.enums.fromInt(command.batch.Kind, kind) orelse {
        failure.set(.invalid_argument, "{d} is no kind of batch", .{kind});
        return report(&failure, err);
    };
    var given: Policy = client_module.defaultPolicy(kind);
    if (policy) |raw| {
        given = policyFrom(raw, &failure) catch return report(&failure, err);
    }
    const bytes = slice(request, request_len);
    query.* = Query.open(client, .{ .batch = which }, bytes, &given, &failure) catch
        return report(&failure, err);
    return 0;
}

export fn asz_query_next(query: *Query, result: ?*asz_result, err: ?*asz_error) i32 {
    var failure: Failure = .{};
    checkHandle(Query, query, &failure) catch return report(&failure, err);
    var out = resultBuffer(result, &failure) catch return report(&failure, err);
    query.next(&out, &failure) catch {
        out.deinit();
        return report(&failure, err);
    };
    handOver(&out, result);
    return 0;
}

export fn asz_query_submit_next(
    query: *Query,
    token: u64,
    table: ?*asz_table,
    err: ?*asz_error,
) i32 {
    var failure: Failure = .{};
    checkHandle(Query, query, &failure) catch return report(&failure, err);
    if (table) |rows| rows.check(&failure) catch return report(&failure, err);
    const target: ?result_module.Target = if (table) |rows| .{ .table = rows } else null;
    query.submitNext(token, target, &failure) catch return report(&failure, err);
    return 0;
}

export fn asz_query_next_table(
    query: *Query,
    table: *asz_table,
    rows: *u64,
    err: ?*asz_error,
) i32 {
    var failure: Failure = .{};
    rows.* = 0;
    checkHandle(Query, query, &failure) catch return report(&failure, err);
    table.check(&failure) catch return report(&failure, err);
    rows.* = query.nextInto(.{ .table = table }, &failure) catch return report(&failure, err);
    return 0;
}

export fn asz_arrow_create(
    description: ?[*]const u8,
    description_len: u64,
    arrow: *?*Arrow,
    err: ?*asz_error,
) i32 {
    arrow.* = null;
    var failure: Failure = .{};
    arrow.* = Arrow.create(gpa, slice(description, description_len), &failure) catch
        return report(&failure, err);
    return 0;
}

export fn asz_arrow_destroy(arrow: ?*Arrow) void {
    (arrow orelse return).destroy();
}

export fn asz_client_batch_read_arrow(
    client: *Client,
    request: ?[*]const u8,
    request_len: u64,
    policy: ?*const asz_policy,
    arrow: *Arrow,
    err: ?*asz_error,
) i32 {
    var failure: Failure = .{};
    var storage: Policy = undefined;
    const given = policyOrNull(policy, &storage, &failure) catch return report(&failure, err);
    checkHandle(Client, client, &failure) catch return report(&failure, err);
    checkHandle(Arrow, arrow, &failure) catch return report(&failure, err);
    const bytes = slice(request, request_len);
    client.executeInto(bytes, given, .{ .arrow = &arrow.arrow }, &failure) catch
        return report(&failure, err);
    return 0;
}

export fn asz_client_submit_batch_read_arrow(
    client: *Client,
    token: u64,
    request: ?[*]const u8,
    request_len: u64,
    policy: ?*const asz_policy,
    arrow: *Arrow,
    err: ?*asz_error,
) i32 {
    var failure: Failure = .{};
    var storage: Policy = undefined;
    const given = policyOrNull(policy, &storage, &failure) catch return report(&failure, err);
    checkHandle(Client, client, &failure) catch return report(&failure, err);
    checkHandle(Arrow, arrow, &failure) catch return report(&failure, err);
    const bytes = slice(request, request_len);
    client.submitInto(token, bytes, given, .{ .arrow = &arrow.arrow }, &failure) catch
        return report(&failure, err);
    return 0;
}

export fn asz_query_next_arrow(
    query: *Query,
    arrow: *Arrow,
    rows_max: u64,
    rows: *u64,
    err: ?*asz_error,
) i32 {
    rows.* = 0;
    var failure: Failure = .{};
    checkHandle(Query, query, &failure) catch return report(&failure, err);
    checkHandle(Arrow, arrow, &failure) catch return report(&failure, err);
    arrow.arrow.limit = rows_max;
    rows.* = query.nextInto(.{ .arrow = &arrow.arrow }, &failure) catch
        return report(&failure, err);
    return 0;
}

export fn asz_query_submit_next_arrow(
    query: *Query,
    token: u64,
    arrow: *Arrow,
    rows_max: u64,
    err: ?*asz_error,
) i32 {
    var failure: Failure = .{};
    checkHandle(Query, query, &failure) catch return report(&failure, err);
    checkHandle(Arrow, arrow, &failure) catch return report(&failure, err);
    arrow.arrow.limit = rows_max;
    query.submitNext(token, .{ .arrow = &arrow.arrow }, &failure) catch
        return report(&failure, err);
    return 0;
}

export fn asz_query_arrow_stream(
    query: *Query,
    arrow: *Arrow,
    rows_max: u64,
    stream: *ArrowArrayStream,
    err: ?*asz_error,
) i32 {
    stream.release = null;
    var failure: Failure = .{};
    checkHandle(Query, query, &failure) catch return report(&failure, err);
    checkHandle(Arrow, arrow, &failure) catch return report(&failure, err);
    arrows_module.open(gpa, query, arrow, rows_max, stream, &failure) catch
        return report(&failure, err);
    return 0;
}

export fn asz_arrow_make(
    arrow: *Arrow,
    values_max: u64,
    array: *ArrowArray,
    mismatch: ?*asz_mismatch,
    err: ?*asz_error,
) i32 {
    array.release = null;
    var failure: Failure = .{};
    checkHandle(Arrow, arrow, &failure) catch return report(&failure, err);
    const values: ?usize = if (values_max == 0) null else @intCast(values_max);
    const made = arrow.arrow.make(values, array, &failure);
    if (mismatch) |target| target.* = arrow.arrow.mismatch;
    _ = made catch return report(&failure, err);
    return 0;
}

export fn asz_arrow_clear(arrow: *Arrow) void {
    if (Handles(Arrow).isLive(arrow)) arrow.arrow.clear();
}

export fn asz_arrow_schema(arrow: *Arrow, schema: *ArrowSchema, err: ?*asz_error) i32 {
    schema.release = null;
    var failure: Failure = .{};
    checkHandle(Arrow, arrow, &failure) catch return report(&failure, err);
    arrow.writeSchema(schema, &failure) catch return report(&failure, err);
    return 0;
}

export fn asz_arrow_codes(arrow: *Arrow, codes: ?[*]i32, count: u64) u64 {
    if (!Handles(Arrow).isLive(arrow)) return 0;
    const target: []i32 = if (codes) |memory| memory[0..count] else &.{};
    arrow.arrow.writeCodes(target);
    return arrow.arrow.count;
}

export fn asz_arrow_share(array: *const ArrowArray, copy: *ArrowArray, err: ?*asz_error) i32 {
    copy.release = null;
    var failure: Failure = .{};
    arrows_module.share(array, copy, &failure) catch return report(&failure, err);
    return 0;
}

export fn asz_arrow_encode(
    schema: *const ArrowSchema,
    array: *const ArrowArray,
    first: u64,
    count: u64,
    place: ?[*]const u8,
    place_len: u64,
    result: ?*asz_result,
    err: ?*asz_error,
) i32 {
    var failure: Failure = .{};
    var out = resultBuffer(result, &failure) catch return report(&failure, err);
    const where = slice(place, place_len);
    arrows_module.encode(gpa, schema, array, first, count, where, &out, &failure) catch {
        out.deinit();
        return report(&failure, err);
    };
    handOver(&out, result);
    return 0;
}

export fn asz_query_token(
    query: *Query,
    unread: u64,
    result: ?*asz_result,
    err: ?*asz_error,
) i32 {
    var failure: Failure = .{};
    checkHandle(Query, query, &failure) catch return report(&failure, err);
    var out = resultBuffer(result, &failure) catch return report(&failure, err);
    query.writeToken(unread, &out, &failure) catch {
        out.deinit();
        return report(&failure, err);
    };
    handOver(&out, result);
    return 0;
}

export fn asz_query_abort(query: *Query) void {
    if (Handles(Query).isLive(query)) query.abort();
}

export fn asz_query_close(query: ?*Query) void {
    (query orelse return).close();
}

export fn asz_result_release(result: ?*asz_result) void {
    const target = result orelse return;
    if (target.owned == 0) return;
    unfilled.free(gpa, target.data.?[0..target.capacity]);
    target.owned = 0;
    target.data = null;
    target.capacity = 0;
    target.length = 0;
}

export fn asz_key_digest(
    key_bytes: ?[*]const u8,
    key_len: u64,
    digest: *[20]u8,
    err: ?*asz_error,
) i32 {
    var failure: Failure = .{};
    var key: command.request.Key = undefined;
    var reader: wire.msgpack.Reader = .{ .bytes = slice(key_bytes, key_len) };
    key.parse(&reader, &failure) catch return report(&failure, err);
    digest.* = key.digest;
    return 0;
}

export fn asz_expression_compile(
    expression: ?[*]const u8,
    expression_len: u64,
    result: ?*asz_result,
    err: ?*asz_error,
) i32 {
    var failure: Failure = .{};
    var out = resultBuffer(result, &failure) catch return report(&failure, err);
    var reader: wire.msgpack.Reader = .{ .bytes = slice(expression, expression_len) };
    command.compileExpression(&reader, &out, &failure) catch {
        out.deinit();
        return report(&failure, err);
    };
    handOver(&out, result);
    return 0;
}

export fn asz_expression_parse(
    text: ?[*]const u8,
    text_len: u64,
    parameters: ?[*]const u8,
    parameters_len: u64,
    result: ?*asz_result,
    err: ?*asz_error,
) i32 {
    var failure: Failure = .{};
    var out = resultBuffer(result, &failure) catch return report(&failure, err);
    command.parseExpression(
        gpa,
        slice(text, text_len),
        slice(parameters, parameters_len),
        &out,
        &failure,
    ) catch {
        out.deinit();
        return report(&failure, err);
    };
    handOver(&out, result);
    return 0;
}

export fn asz_query_plan(
    question: ?[*]const u8,
    question_len: u64,
    result: ?*asz_result,
    err: ?*asz_error,
) i32 {
    var failure: Failure = .{};
    var out = resultBuffer(result, &failure) catch return report(&failure, err);
    command.planQuery(gpa, slice(question, question_len), &out, &failure) catch {
        out.deinit();
        return report(&failure, err);
    };
    handOver(&out, result);
    return 0;
}

export fn asz_context_encode(
    context: ?[*]const u8,
    context_len: u64,
    result: ?*asz_result,
    err: ?*asz_error,
) i32 {
    var failure: Failure = .{};
    var out = resultBuffer(result, &failure) catch return report(&failure, err);
    var reader: wire.msgpack.Reader = .{ .bytes = slice(context, context_len) };
    command.encodeContext(&reader, &out, &failure) catch {
        out.deinit();
        return report(&failure, err);
    };
    handOver(&out, result);
    return 0;
}

export fn asz_particle_decode(
    kind: u8,
    data: ?[*]const u8,
    data_len: u64,
    result: ?*asz_result,
    err: ?*asz_error,
) i32 {
    var failure: Failure = .{};
    var out = resultBuffer(result, &failure) catch return report(&failure, err);
    command.decodeParticle(kind, slice(data, data_len), &out, &failure) catch {
        out.deinit();
        return report(&failure, err);
    };
    handOver(&out, result);
    return 0;
}

export fn asz_value_pack(
    value: ?[*]const u8,
    value_len: u64,
    result: ?*asz_result,
    err: ?*asz_error,
) i32 {
    var failure: Failure = .{};
    var out = resultBuffer(result, &failure) catch return report(&failure, err);
    command.packValue(slice(value, value_len), &out, &failure) catch {
        out.deinit();
        return report(&failure, err);
    };
    handOver(&out, result);
    return 0;
}

export fn asz_metrics(result: ?*asz_result, err: ?*asz_error) i32 {
    var failure: Failure = .{};
    var out = resultBuffer(result, &failure) catch return report(&failure, err);
    metrics.process.write(&out) catch {
        out.deinit();
        failure.set(.out_of_memory, "out of memory for the metrics", .{});
        return report(&failure, err);
    };
    handOver(&out, result);
    return 0;
}

export fn asz_set_interrupt_check(check: ?*const fn () callconv(.c) i32) void {
    client_module.interrupt_check.store(check, .monotonic);
}

/// Whether a handle is one of what lives.
fn checkHandle(comptime T: type, object: *const T, failure: *Failure) error{Failed}!void {
    if (Handles(T).isLive(object)) return;
    failure.set(.invalid_argument, "the handle was destroyed, or never was one", .{});
    return error.Failed;
}

fn slice(bytes: ?[*]const u8, len: u64) []const u8 {
    if (len == 0) return &.{};
    return bytes.?[0..len];
}

/// Begins in the caller's memory and moves to the heap when that is full.
fn resultBuffer(result: ?*asz_result, failure: *Failure) error{Failed}!wire.Buffer {
    const target = result orelse return .growing(gpa, &.{}, result_bytes_max);
    try growing.check(asz_result, target, "asz_result", failure);
    const data = target.data orelse return .growing(gpa, &.{}, result_bytes_max);
    return .growing(gpa, data[0..target.capacity], result_bytes_max);
}

fn handOver(out: *wire.Buffer, result: ?*asz_result) void {
    const target = result orelse return out.deinit();
    target.length = out.end;
    target.owned = @intFromBool(out.on_heap);
    if (!out.on_heap) return;
    target.data = out.bytes.ptr;
    target.capacity = out.bytes.len;
}

fn report(failure: *const Failure, err: ?*asz_error) i32 {
    const code = @backingInt(failure.status);
    assert(code != 0);
    const target = err orelse return code;
    var filled: asz_error = .{
        .size = target.size,
        .code = code,
        .in_doubt = @intFromBool(failure.in_doubt),
        .reserved = 0,
        .node_len = failure.node_len,
        .message_len = failure.message_len,
        .node = @splat(0),
        .message = @splat(0),
        .attempts = failure.attempts,
        .more_len = 0,
        .more = @splat(0),
        .text_position = failure.text_position,
    };
    if (failure.details_len > 0 or failure.earlier.count > 0) {
        var more = wire.Buffer.fixed(&filled.more);
        // There is room for all of it.
        writeMore(&more, failure) catch unreachable;
        filled.more_len = @intCast(more.end);
    }
    @memcpy(filled.node[0..failure.node_len], failure.node());
    @memcpy(filled.message[0..failure.message_len], failure.message());
    growing.fill(asz_error, target, &filled);
    return code;
}

/// The caller's policy, put into `storage`; null for the defaults.
fn policyOrNull(
    raw: ?*const asz_policy,
    storage: *Policy,
    failure: *Failure,
) error{Failed}!?*const Policy {
    storage.* = try policyFrom(raw orelse return null, failure);
    return storage;
}

pub fn policyFrom(raw: *const asz_policy, failure: *Failure) error{Failed}!Policy {
    try growing.check(asz_policy, raw, "asz_policy", failure);
    const values = engine.policy;
    return .{
        .socket_timeout_ms = raw.socket_timeout,
        .total_timeout_ms = raw.total_timeout,
        .retries_max = raw.max_retries,
        .sleep_between_retries_ms = raw.sleep_between_retries,
        .timeout_delay_ms = raw.timeout_delay,
        .generation = raw.generation,
        .ttl = raw.ttl,
        .generation_policy = try choice(
            values.GenerationPolicy,
            raw.generation_policy,
            "generation_policy",
            failure,
        ),
        .exists = try choice(values.Exists, raw.exists, "exists", failure),
        .replica = try choice(values.Replica, raw.replica, "replica", failure),
        .read_mode_ap = try choice(values.ReadModeAp, raw.read_mode_ap, "read_mode_ap", failure),
        .read_mode_sc = try choice(values.ReadModeSc, raw.read_mode_sc, "read_mode_sc", failure),
        .commit_level = try choice(values.CommitLevel, raw.commit_level, "commit_level", failure),
        .send_key = raw.send_key != 0,
        .durable_delete = raw.durable_delete != 0,
        .read_touch_ttl_percent = raw.read_touch_ttl_percent,
        .allow_inline = raw.allow_inline != 0,
        .allow_inline_ssd = raw.allow_inline_ssd != 0,
        .respond_all_keys = raw.respond_all_keys != 0,
        .concurrent = raw.concurrent != 0,
        .compress = raw.compress != 0,
        .on_locking_only = raw.on_locking_only != 0,
        .error_details = try choice(
            values.ErrorDetails,
            raw.error_details,
            "error_details",
            failure,
        ),
        .compress_threshold = raw.compress_threshold,
        .connect_timeout_ms = raw.connect_timeout,
        .asked = raw.asked,
        .filter = slice(raw.filter, raw.filter_len),
    };
}

fn choice(
    T: type,
    value: u8,
    comptime name: []const u8,
    failure: *Failure,
) error{Failed}!T {
    return std.enums.fromInt(T, value) orelse {
        failure.set(.invalid_argument, "asz_policy." ++ name ++ " has no value {d}", .{value});
        return error.Failed;
    };
}
