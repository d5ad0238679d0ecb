//! Deleting a record.

const wire = @import("../../wire.zig");
const Context = @import("../core/Context.zig");
const Request = @import("Request.zig");
const filter = @import("filter.zig");
const read_command = @import("read.zig");
const reply = @import("reply.zig");
const store = @import("../store/store.zig");

/// Replies carry neither generation nor void time.
pub fn handle(
    context: *const Context,
    request: *const Request,
    namespace: *store.Namespace,
    digest: *const wire.digest.Digest,
) wire.Buffer.Error!void {
    const refusal = filter.deleteRefusal(request, namespace);
    if (refusal != .ok) return reply.fail(context, refusal);
    const partition = namespace.partitionOf(digest);
    partition.mutex.lock();
    defer partition.mutex.unlock();
    const record = partition.table.find(digest) orelse {
        return reply.fail(context, .record_not_found);
    };
    if (!read_command.setMatches(namespace, record, request.set)) {
        return reply.fail(context, .request_invalid);
    }
    if (record.meta.isExpired(context.now)) {
        namespace.remove(partition, digest);
        return reply.fail(context, .record_not_found);
    }
    if (!Request.generationMatches(request, record.meta.generation)) {
        return reply.fail(context, .record_generation);
    }
    const passed = try filter.check(context, request, namespace, record);
    if (passed != .ok) return reply.fail(context, passed);
    if (!read_command.keyMatches(record, request.key)) {
        return reply.fail(context, .record_key_mismatch);
    }
    try reply.header(context, .ok, 0, 0);
    namespace.remove(partition, digest);
    context.count(.applied);
}
