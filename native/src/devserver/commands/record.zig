//! A command on one record: what all of them share is checked, then it goes to its kind's file.

const wire = @import("../../wire.zig");
const status = @import("../../status.zig");
const Context = @import("../core/Context.zig");
const Request = @import("Request.zig");
const access = @import("../security/access.zig");
const apply = @import("apply.zig");
const delete = @import("delete.zig");
const faults = @import("../core/faults.zig");
const read = @import("read.zig");
const reply = @import("reply.zig");
const store = @import("../store/store.zig");
const write = @import("write.zig");

const Buffer = wire.Buffer;
const Digest = wire.digest.Digest;

/// Answers one command on one record, which may be a row of a batch.
pub fn handle(
    context: *const Context,
    request: *const Request,
    namespace: *store.Namespace,
    digest: *const Digest,
) Buffer.Error!void {
    if (context.core.version.isAtLeast(.@"8.2")) {
        context.scratch.verbosity = request.header.info4.error_verbosity;
    }
    if (!request.header.info2.write and !request.header.info1.read) {
        return reply.fail(context, .request_invalid);
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
    if (allowed != .ok) return reply.fail(context, allowed);
    const partition_id = wire.digest.partitionId(digest);
    if (context.core.isUnavailable(partition_id) and !readsUnavailable(request, namespace)) {
        return reply.fail(context, .partition_unavailable);
    }
    if (context.core.topology.owner(partition_id, 0) != context.node) {
        context.count(.proxied);
    }
    if (request.has_transaction) return reply.fail(context, .enterprise_only);
    return dispatch(context, request, namespace, digest);
}

/// Of a strongly consistent namespace a client may ask for what is perhaps out of date.
fn readsUnavailable(request: *const Request, namespace: *const store.Namespace) bool {
    if (!namespace.options.strong_consistency or request.header.info2.write) return false;
    return request.header.info3.sc_read_type and request.header.info3.sc_read_relax;
}

fn dispatch(
    context: *const Context,
    request: *const Request,
    namespace: *store.Namespace,
    digest: *const Digest,
) Buffer.Error!void {
    context.count(kindOf(request));
    if (!request.header.info2.write) {
        return read.handle(context, request, namespace, digest);
    }
    if (request.header.info2.delete) {
        return delete.handle(context, request, namespace, digest);
    }
    if (request.udf != null) return apply.handle(context, request, namespace, digest);
    return write.handle(context, request, namespace, digest);
}

/// What it is counted as.
pub fn kindOf(request: *const Request) faults.Count {
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
