//! Whether a record is to be dealt with at all: filters of requests, and deletes.

const std = @import("std");
const status = @import("../../status.zig");
const Context = @import("../core/Context.zig");
const Request = @import("Request.zig");
const Version = @import("../base/Version.zig").Version;
const expression = @import("../data/expression.zig");
const record_module = @import("../data/record.zig");
const store = @import("../store/store.zig");
const view = @import("../store/view.zig");

const Allocator = std.mem.Allocator;
const Record = record_module.Record;
const Status = status.Status;

/// `ok` for a record that the request's filter lets pass, or when it has none.
pub fn check(
    context: *const Context,
    request: *const Request,
    namespace: *const store.Namespace,
    record: *const Record,
) error{OutOfMemory}!Status {
    const bytes = request.filter orelse return .ok;
    const arena = context.scratch.arena.allocator();
    const filter = expression.Expression.compileFilter(
        arena,
        context.core.version,
        bytes,
    ) catch |err| switch (err) {
        error.OutOfMemory => return error.OutOfMemory,
        error.Invalid => return context.failed(
            try expression.filterRefusal(arena, context.core.version, bytes),
        ),
    };
    const is_passed = try view.passes(&filter, arena, namespace, record, context.now);
    return if (is_passed) .ok else .filtered_out;
}

/// Whether a filter can be one at all.
pub fn isValid(
    arena: Allocator,
    version: Version,
    bytes: []const u8,
) error{OutOfMemory}!bool {
    _ = expression.Expression.compileFilter(arena, version, bytes) catch |err| switch (err) {
        error.OutOfMemory => return error.OutOfMemory,
        error.Invalid => return false,
    };
    return true;
}

/// `ok` when a record may be deleted: a namespace with strong consistency takes only deletes that
/// last, and any other is of an edition that knows no such deletes.
pub fn deleteRefusal(request: *const Request, namespace: *const store.Namespace) Status {
    const is_durable = request.header.info2.durable_delete;
    if (is_durable == namespace.options.strong_consistency) return .ok;
    return if (is_durable) .enterprise_only else .fail_forbidden;
}
