//! What expressions see of a record that is stored.

const std = @import("std");
const expression = @import("../data/expression.zig");
const record_module = @import("../data/record.zig");
const store = @import("store.zig");

const Allocator = std.mem.Allocator;
const Record = record_module.Record;

/// What expressions see of a record that is stored. Its partition is locked.
pub fn of(
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

/// Whether a filter that was compiled lets a record pass; `arena` holds what is needed for it.
pub fn passes(
    filter: *const expression.Expression,
    arena: Allocator,
    namespace: *const store.Namespace,
    record: *const Record,
    now: record_module.Now,
) error{OutOfMemory}!bool {
    const view = of(namespace, record, now);
    return filter.matches(arena, &view);
}
