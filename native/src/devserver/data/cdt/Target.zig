//! The list or map that an operation changes.
//!
//! It is a bin's value, a container inside of one, or does not exist yet. `begin` makes what the
//! operation works on; `replace` and `keep` say what becomes of it.

const std = @import("std");
const Container = @import("Container.zig");
const result = @import("result.zig");

const Target = @This();

arena: std.mem.Allocator,
/// The bin has a value. What is looked for inside of it may be missing all the same.
exists: bool,
/// The container as it is; null: there is none.
bytes: ?[]const u8,
/// There is none inside of a container, where a context leads to and makes one.
is_nested: bool,
container: Container = undefined,
/// The container is to be kept with its new elements.
changed: bool = false,
told: result.Result = null,

/// Asks for an index to be kept beside the elements, which makes no difference to clients.
pub const flag_persist_index = 0x10;

pub fn isMissing(target: *const Target) bool {
    return target.bytes == null;
}

/// Takes the container apart, or makes an empty one. A bin that had no value has an empty one
/// from now on, even if nothing else happens.
pub fn begin(target: *Target, kind: Container.Kind, flags: u8) result.Error!void {
    const bytes = target.bytes orelse {
        target.container = .empty(kind, flags);
        if (!target.is_nested) target.changed = true;
        return;
    };
    target.container = Container.parse(target.arena, bytes) catch |err| switch (err) {
        error.OutOfMemory => return error.OutOfMemory,
        error.Malformed => return error.InvalidParameter,
    };
}

pub fn replace(target: *Target, items: []const []const u8) void {
    target.container.items = items;
    target.changed = true;
}

/// Nothing changes, but a container that was to be made is made.
pub fn keep(target: *Target) void {
    if (target.isMissing()) target.changed = true;
}

/// Values that come as a list, flags and all.
pub fn valuesOf(
    arena: std.mem.Allocator,
    bytes: []const u8,
) result.Error![]const []const u8 {
    const msgpack = @import("../../../wire.zig").msgpack;
    var reader = msgpack.Reader.init(bytes);
    const count = switch (reader.next() catch unreachable) {
        .array => |count| count,
        else => return error.InvalidParameter,
    };
    if (count > values_max) return error.InvalidParameter;
    const values = try arena.alloc([]const u8, count);
    for (values) |*value| value.* = reader.value() catch unreachable;
    return values;
}

const values_max = 1024 * 1024;
