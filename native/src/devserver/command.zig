//! Commands on records: what a request says, who answers it, and how replies are written.
//!
//! `handle` takes one message, checks what all commands share, and hands it to the file of its
//! kind. A reply is appended to the connection's output; a command that fails after it began
//! to write takes back what it wrote.

const std = @import("std");
const assert = std.debug.assert;
const wire = @import("../wire.zig");
const status = @import("../status.zig");
const Core = @import("Core.zig");
const access = @import("access.zig");
const faults = @import("faults.zig");
const query = @import("query.zig");
const record_module = @import("record.zig");
const security = @import("security.zig");
const store = @import("store.zig");
const command_batch = @import("command_batch.zig");
const command_read = @import("command_read.zig");
const command_udf = @import("command_udf.zig");
const command_write = @import("command_write.zig");
const command_delete = @import("command_delete.zig");

const Buffer = wire.Buffer;
const Digest = wire.digest.Digest;
const Status = status.Status;

/// Operations of one request that the server takes.
pub const operations_max = 32 * 1024;

/// Memory that a thread uses for one request after the other.
pub const Scratch = struct {
    arena: std.heap.ArenaAllocator,
    gpa: std.mem.Allocator,
    bins: record_module.BinList = .empty,
    response: std.ArrayList(Response) = .empty,

    /// Kept from one request to the next.
    const retained_bytes_max = 256 * 1024;

    pub fn init(gpa: std.mem.Allocator) Scratch {
        return .{ .arena = .init(gpa), .gpa = gpa };
    }

    pub fn deinit(scratch: *Scratch) void {
        scratch.bins.deinit(scratch.gpa);
        scratch.response.deinit(scratch.gpa);
        scratch.arena.deinit();
        scratch.* = undefined;
    }

    pub fn reset(scratch: *Scratch) void {
        scratch.bins.clearRetainingCapacity();
        scratch.response.clearRetainingCapacity();
        _ = scratch.arena.reset(.{ .retain_with_limit = retained_bytes_max });
    }
};

/// One operation's result in a reply.
pub const Response = struct {
    code: wire.operation.Code,
    bin: record_module.Bin,
};

/// What a command works with.
pub const Context = struct {
    core: *Core,
    node: u8,
    authenticated: bool,
    /// Whose session it is; empty without security.
    user: []const u8,
    standing: *const security.Standing,
    now: record_module.Now,
    out: *Buffer,
    scratch: *Scratch,
    /// The session's query, which a command may begin.
    stream: *?*query.Stream,
    /// The row of a batch that is answered; null for a command of its own.
    row: ?u32 = null,

    pub fn count(context: *const Context, what: faults.Count) void {
        context.core.nodes[context.node].counters.add(what, 1);
    }

    /// A command of its own is answered by a frame, a row by a message in the batch's frame.
    pub fn beginReply(context: *const Context) Buffer.Error!wire.message.Encoder {
        if (context.row != null) return .beginBare(context.out);
        return .begin(context.out);
    }

    pub fn finishReply(
        context: *const Context,
        encoder: *wire.message.Encoder,
        code: Status,
        generation: u32,
        void_time_s: u32,
    ) void {
        encoder.finish(.{
            .result_code = @intCast(@backingInt(code)),
            .generation = generation,
            .record_ttl = void_time_s,
            .transaction_ttl = context.row orelse 0,
        });
    }

    pub fn isAuthenticated(context: *const Context) bool {
        return context.authenticated or !context.core.security.isEnabled();
    }

    /// Whether the user may do all that is wanted at a place; otherwise the code to answer.
    pub fn authorize(
        context: *const Context,
        wanted: access.Permissions,
        place: access.Privilege.Place,
    ) Status {
        const users = &context.core.security;
        if (!users.isEnabled()) return .ok;
        if (context.standing.status != .ok) return context.standing.status;
        if (context.standing.permissions.permits(wanted)) return .ok;
        return if (users.permits(context.user, wanted, place)) .ok else .role_violation;
    }
};

/// One message, taken apart. Slices point into it.
pub const Request = struct {
    header: wire.message.Header,
    namespace: ?[]const u8 = null,
    set: []const u8 = "",
    /// Particle type byte and value.
    key: ?[]const u8 = null,
    digest: ?[]const u8 = null,
    /// An expression that the record has to match.
    filter: ?[]const u8 = null,
    /// A function to apply.
    udf: ?Udf = null,
    has_transaction: bool = false,
    /// The record loses its key. No client can ask for it, only a function.
    drops_key: bool = false,
    operations: wire.message.OperationIterator = undefined,

    pub const Udf = struct {
        package: []const u8 = "",
        function: []const u8 = "",
        /// A list in the protocol's dialect.
        arguments: []const u8 = "",
    };

    fn udfFields(request: *Request) *Udf {
        if (request.udf == null) request.udf = .{};
        return &request.udf.?;
    }

    pub fn decode(bytes: []const u8) wire.message.DecodeError!Request {
        const message = try wire.message.Message.decode(bytes);
        const request, const rest = try decodePrefix(message.header, message.body);
        if (rest.len != 0) return error.Malformed;
        return request;
    }

    /// Takes the fields and operations that a header announces, and returns what follows them.
    pub fn decodePrefix(
        header: wire.message.Header,
        bytes: []const u8,
    ) wire.message.DecodeError!struct { Request, []const u8 } {
        const message: wire.message.Message = .{ .header = header, .body = bytes };
        var request: Request = .{ .header = header };
        var fields = message.fields();
        while (try fields.next()) |item| switch (item.kind) {
            .namespace => request.namespace = item.data,
            .set => request.set = item.data,
            .key => request.key = item.data,
            .digest => request.digest = item.data,
            .filter => request.filter = item.data,
            .udf_package => request.udfFields().package = item.data,
            .udf_function => request.udfFields().function = item.data,
            .udf_arguments => request.udfFields().arguments = item.data,
            .transaction_id => request.has_transaction = true,
            else => {},
        };
        request.operations = fields.operations(header.operation_count);
        // Everything is checked here once, so that walking over the operations cannot fail.
        var operations = request.operations;
        while (try operations.next()) |_| {}
        return .{ request, operations.rest };
    }

    /// The next operation of a request that `decode` accepted.
    pub fn nextOperation(operations: *wire.message.OperationIterator) ?wire.operation.Operation {
        return operations.next() catch unreachable;
    }
};

/// Answers one message of kind 3; `bytes` is its frame's body.
pub fn handle(context: *const Context, bytes: []const u8) Buffer.Error!void {
    const start = context.out.end;
    handleChecked(context, bytes) catch |err| switch (err) {
        error.OutOfMemory => {
            context.out.end = start;
            try fail(context, .server);
        },
        // The reply would be larger than anything a client takes.
        error.NoSpaceLeft => {
            context.out.end = start;
            try fail(context, .record_too_big);
        },
    };
}

fn handleChecked(context: *const Context, bytes: []const u8) Buffer.Error!void {
    const header = wire.message.Header.decode(bytes) catch {
        return fail(context, .request_invalid);
    };
    if (header.info1.batch) return command_batch.handle(context, bytes);
    const request = Request.decode(bytes) catch return fail(context, .request_invalid);
    if (!context.isAuthenticated()) return fail(context, .not_authenticated);
    const name = request.namespace orelse return fail(context, .namespace_not_found);
    const namespace = context.core.store.find(name) orelse {
        return fail(context, .namespace_not_found);
    };
    const digest_bytes = request.digest orelse {
        context.count(.query);
        return query.start(context, &request, bytes);
    };
    if (digest_bytes.len != wire.digest.digest_bytes) return fail(context, .request_invalid);
    try handleRecord(context, &request, namespace, digest_bytes[0..wire.digest.digest_bytes]);
}

/// Answers one command on one record, which may be a row of a batch.
pub fn handleRecord(
    context: *const Context,
    request: *const Request,
    namespace: *store.Namespace,
    digest: *const Digest,
) Buffer.Error!void {
    if (!request.header.info2.write and !request.header.info1.read) {
        return fail(context, .request_invalid);
    }
    const wanted: access.Permissions = .{
        .read = request.header.info1.read,
        .write = request.header.info2.write,
        .udf = request.udf != null,
    };
    const allowed = context.authorize(wanted, .{
        .namespace = namespace.options.name,
        .set = request.set,
    });
    if (allowed != .ok) return fail(context, allowed);
    const partition_id = wire.digest.partitionId(digest);
    if (context.core.isUnavailable(partition_id)) return fail(context, .partition_unavailable);
    if (context.core.topology.owner(partition_id, 0) != context.node) {
        context.count(.proxied);
    }
    if (request.has_transaction) return fail(context, .enterprise_only);
    return dispatch(context, request, namespace, digest);
}

fn dispatch(
    context: *const Context,
    request: *const Request,
    namespace: *store.Namespace,
    digest: *const Digest,
) Buffer.Error!void {
    context.count(kindOf(request));
    if (!request.header.info2.write) {
        return command_read.handle(context, request, namespace, digest);
    }
    if (request.header.info2.delete) {
        return command_delete.handle(context, request, namespace, digest);
    }
    if (request.udf != null) return command_udf.handle(context, request, namespace, digest);
    return command_write.handle(context, request, namespace, digest);
}

fn kindOf(request: *const Request) faults.Count {
    const info1 = request.header.info1;
    const info2 = request.header.info2;
    if (!info2.write) return if (info1.no_bins) .exists else .read;
    if (info2.delete) return .delete;
    if (request.udf != null) return .udf;
    if (info1.read) return .operate;
    var operations = request.operations;
    var touches = false;
    while (Request.nextOperation(&operations)) |operation| switch (operation.code) {
        .write => {},
        .touch => touches = true,
        else => return .operate,
    };
    return if (touches) .touch else .write;
}

/// Appends a reply that is a header alone.
pub fn replyHeader(
    context: *const Context,
    code: Status,
    generation: u32,
    void_time_s: u32,
) Buffer.Error!void {
    var encoder = try context.beginReply();
    context.finishReply(&encoder, code, generation, void_time_s);
}

/// Appends a reply that is a result code alone.
pub fn fail(context: *const Context, code: Status) Buffer.Error!void {
    assert(code != .ok);
    context.count(.errors);
    try replyHeader(context, code, 0, 0);
}

/// A failure that tells the record's generation and void time, as the server's do once they
/// have found it.
pub fn failOf(
    context: *const Context,
    code: Status,
    meta: *const record_module.Meta,
) Buffer.Error!void {
    context.count(.errors);
    try replyHeader(context, code, meta.generation, meta.void_time_s);
}

pub fn replyOperations(
    context: *const Context,
    generation: u32,
    void_time_s: u32,
    responses: []const Response,
) Buffer.Error!void {
    var encoder = try context.beginReply();
    for (responses) |*response| {
        const bin = &response.bin;
        encoder.operation(response.code, bin.kind, bin.name, bin.value) catch |err| switch (err) {
            error.BinNameTooLong => unreachable,
            error.OutOfMemory, error.NoSpaceLeft => |other| return other,
        };
    }
    context.finishReply(&encoder, .ok, generation, void_time_s);
}

/// Bin names that the server takes.
pub fn isBinName(name: []const u8) bool {
    if (name.len > wire.operation.bin_name_bytes_max) return false;
    return std.mem.findScalar(u8, name, 0) == null;
}

/// A read that names no bin, of a request that wants all of them.
pub fn isReadAll(operation: *const wire.operation.Operation, request: *const Request) bool {
    if (operation.code != .read or operation.name.len != 0) return false;
    return request.header.info1.get_all;
}

/// Whether a write's condition on the generation holds; 0 is that of a record not yet written.
pub fn generationMatches(request: *const Request, generation: u16) bool {
    const info2 = request.header.info2;
    if (info2.generation) return request.header.generation == generation;
    if (info2.generation_greater) return request.header.generation > generation;
    return true;
}
