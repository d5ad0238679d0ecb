//! Messages about records: which of them is a batch, a query, or a command on one record.
//!
//! A reply is appended to the connection's output; a command that fails after it began to write
//! takes back what it wrote.

const status = @import("../../status.zig");
const wire = @import("../../wire.zig");
const Context = @import("../core/Context.zig");
const Core = @import("../core/Core.zig");
const Deferred = @import("Deferred.zig");
const Request = @import("../commands/Request.zig");
const aggregation = @import("../query/aggregation.zig");
const background = @import("../query/background.zig");
const batch = @import("../commands/batch.zig");
const query = @import("../query/query.zig");
const query_request = @import("../query/request.zig");
const record = @import("../commands/record.zig");
const reply = @import("../commands/reply.zig");

const Buffer = wire.Buffer;
const Status = status.Status;

/// Answers one message of kind 3, or begins to; `bytes` is its frame's body.
pub fn handle(context: *const Context, bytes: []const u8) Buffer.Error!void {
    if (mayTakeLong(context.core, bytes)) return Deferred.begin(context, bytes, &answer);
    try answer(context, bytes);
}

/// A function takes as long as it takes, and a batch may have some.
fn mayTakeLong(core: *Core, bytes: []const u8) bool {
    if (!core.lane.isManned() or !core.modules.hasAny()) return false;
    const header = wire.message.Header.decode(bytes) catch return false;
    if (header.info1.batch) return true;
    const request = Request.decode(bytes) catch return false;
    if (request.udf == null) return false;
    return request.digest != null or query_request.functionUse(bytes) == .aggregate;
}

fn startFunction(context: *const Context, request: *const Request, bytes: []const u8) Buffer.Error!void {
    const use = query_request.functionUse(bytes) orelse {
        return reply.fail(context, .request_invalid);
    };
    switch (use) {
        .aggregate => try aggregation.start(context, request, bytes),
        .background => try background.start(context, request, bytes),
    }
}

/// Answers a message on the thread that calls.
pub fn answer(context: *const Context, bytes: []const u8) Buffer.Error!void {
    const start = context.out.end;
    handleChecked(context, bytes) catch |err| switch (err) {
        error.OutOfMemory => {
            context.out.end = start;
            try refuse(context, bytes, .server);
        },
        // The reply would be larger than anything a client takes.
        error.NoSpaceLeft => {
            context.out.end = start;
            try refuse(context, bytes, .record_too_big);
        },
    };
}

/// Answers a message without carrying it out.
pub fn refuse(context: *const Context, bytes: []const u8, code: Status) Buffer.Error!void {
    const header: ?wire.message.Header = wire.message.Header.decode(bytes) catch null;
    if (header != null and header.?.info1.batch) return batch.replyLast(context, code);
    try reply.fail(context, code);
}

fn handleChecked(context: *const Context, bytes: []const u8) Buffer.Error!void {
    const header = wire.message.Header.decode(bytes) catch {
        return reply.fail(context, .request_invalid);
    };
    if (header.info1.batch) return batch.handle(context, bytes);
    const request = Request.decode(bytes) catch return reply.fail(context, .request_invalid);
    if (!context.isAuthenticated()) return reply.fail(context, .not_authenticated);
    const name = request.namespace orelse return reply.fail(context, .namespace_not_found);
    const namespace = context.core.store.find(name) orelse {
        return reply.fail(context, .namespace_not_found);
    };
    const digest_bytes = request.digest orelse {
        context.count(.query);
        if (request.udf != null) return startFunction(context, &request, bytes);
        if (request.header.info2.write) return background.start(context, &request, bytes);
        return query.start(context, &request, bytes);
    };
    if (digest_bytes.len != wire.digest.digest_bytes) return reply.fail(context, .request_invalid);
    try record.handle(context, &request, namespace, digest_bytes[0..wire.digest.digest_bytes]);
}
