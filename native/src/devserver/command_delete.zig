//! Deleting a record.

const wire = @import("../wire.zig");
const command = @import("command.zig");
const command_read = @import("command_read.zig");
const filter = @import("filter.zig");
const store = @import("store.zig");

/// Replies carry neither generation nor void time.
pub fn handle(
    context: *const command.Context,
    request: *const command.Request,
    namespace: *store.Namespace,
    digest: *const wire.digest.Digest,
) wire.Buffer.Error!void {
    if (request.header.info2.durable_delete) return command.fail(context, .enterprise_only);
    const partition = namespace.partitionOf(digest);
    partition.mutex.lock();
    defer partition.mutex.unlock();
    const record = partition.table.find(digest) orelse {
        return command.fail(context, .record_not_found);
    };
    if (!command_read.setMatches(namespace, record, request.set)) {
        return command.fail(context, .request_invalid);
    }
    if (record.meta.isExpired(context.now)) {
        namespace.remove(partition, digest);
        return command.fail(context, .record_not_found);
    }
    if (!command.generationMatches(request, record.meta.generation)) {
        return command.fail(context, .record_generation);
    }
    const passed = try filter.check(context, request, namespace, record);
    if (passed != .ok) return command.fail(context, passed);
    if (!command_read.keyMatches(record, request.key)) {
        return command.fail(context, .record_key_mismatch);
    }
    try command.replyHeader(context, .ok, 0, 0);
    namespace.remove(partition, digest);
}
