//! Filters of requests: whether a record is to be dealt with at all.

const std = @import("std");
const status = @import("../status.zig");
const command = @import("command.zig");
const expression = @import("expression.zig");
const record_module = @import("record.zig");
const store = @import("store.zig");

const Allocator = std.mem.Allocator;
const Record = record_module.Record;
const Status = status.Status;

/// What expressions see of a record that is stored. Its partition is locked.
pub fn viewOf(
    namespace: *const store.Namespace,
    record: *const Record,
    now: record_module.Now,
) expression.Record {
    return .{
        .meta = &record.meta,
        .set_name = namespace.setName(record.meta.set_id),
        .key = record.storedKey(),
        .is_key_stored = record.storedKey().len > 0,
        .stored = record,
        .bins = .stored,
        .now = now,
    };
}

/// `ok` for a record that the request's filter lets pass, or when it has none.
pub fn check(
    context: *const command.Context,
    request: *const command.Request,
    namespace: *const store.Namespace,
    record: *const Record,
) error{OutOfMemory}!Status {
    const bytes = request.filter orelse return .ok;
    const arena = context.scratch.arena.allocator();
    const filter = expression.Expression.compileFilter(arena, bytes) catch |err| switch (err) {
        error.OutOfMemory => return error.OutOfMemory,
        error.Invalid => return .request_invalid,
    };
    const is_passed = try passes(&filter, arena, namespace, record, context.now);
    return if (is_passed) .ok else .filtered_out;
}

/// Whether a filter that was compiled lets a record pass; `arena` holds what is needed for it.
pub fn passes(
    filter: *const expression.Expression,
    arena: Allocator,
    namespace: *const store.Namespace,
    record: *const Record,
    now: record_module.Now,
) error{OutOfMemory}!bool {
    const view = viewOf(namespace, record, now);
    return filter.matches(arena, &view);
}

/// Whether a filter can be one at all.
pub fn isValid(arena: Allocator, bytes: []const u8) error{OutOfMemory}!bool {
    _ = expression.Expression.compileFilter(arena, bytes) catch |err| switch (err) {
        error.OutOfMemory => return error.OutOfMemory,
        error.Invalid => return false,
    };
    return true;
}
