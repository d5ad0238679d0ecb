//! Built columns as structs of Arrow's C data interface, in memory that their own `release` frees.
//!
//! The buffers belong to all arrays that were made of them, and to each of the arrays' children, which
//! may be moved away from their parents. The last one frees them.

const std = @import("std");
const assert = std.debug.assert;
const abi = @import("../../arrow_data.zig");
const types = @import("types.zig");
const Allocator = std.mem.Allocator;
const Builder = @import("build.zig").Builder;
const Type = types.Type;

/// The columns of some records.
pub const Shared = struct {
    gpa: Allocator,
    /// Arrays that use the buffers.
    users: std.atomic.Value(u32) = .init(1),
    len: usize,
    columns: []Builder,

    /// Takes the columns over, also on an error.
    pub fn create(gpa: Allocator, len: usize, columns: []Builder) error{OutOfMemory}!*Shared {
        const shared = gpa.create(Shared) catch |err| {
            freeColumns(gpa, columns);
            return err;
        };
        shared.* = .{ .gpa = gpa, .len = len, .columns = columns };
        return shared;
    }

    fn freeColumns(gpa: Allocator, columns: []Builder) void {
        for (columns) |*column| column.deinit(gpa);
        gpa.free(columns);
    }

    pub fn leave(shared: *Shared) void {
        if (shared.users.fetchSub(1, .acq_rel) > 1) return;
        const gpa = shared.gpa;
        freeColumns(gpa, shared.columns);
        gpa.destroy(shared);
    }

    /// Fills a struct array with the columns as its children.
    pub fn write(shared: *Shared, out: *abi.Array) error{OutOfMemory}!void {
        const node = try ArrayNode.create(shared, shared.columns);
        out.* = node.array(shared.len, 0, 1);
    }
};

/// What one array has of its own.
const ArrayNode = struct {
    shared: *Shared,
    buffers: [3]?*const anyopaque = @splat(null),
    pointers: []*abi.Array,
    children: []abi.Array,

    fn create(shared: *Shared, columns: []const Builder) error{OutOfMemory}!*ArrayNode {
        const gpa = shared.gpa;
        const node = try gpa.create(ArrayNode);
        errdefer gpa.destroy(node);
        const pointers = try gpa.alloc(*abi.Array, columns.len);
        errdefer gpa.free(pointers);
        const children = try gpa.alloc(abi.Array, columns.len);
        errdefer gpa.free(children);
        var made: usize = 0;
        errdefer for (children[0..made]) |*child| child.release.?(child);
        for (pointers, children, columns) |*pointer, *child, *column| {
            pointer.* = child;
            child.* = try ofColumn(shared, column);
            made += 1;
        }
        _ = shared.users.fetchAdd(1, .monotonic);
        node.* = .{ .shared = shared, .pointers = pointers, .children = children };
        return node;
    }

    fn ofColumn(shared: *Shared, column: *const Builder) error{OutOfMemory}!abi.Array {
        const node = try create(shared, column.children);
        if (column.null_count > 0) node.buffers[0] = column.validity.bytes.ptr;
        const data: *const anyopaque = column.data.bytes.ptr;
        const count: u8 = switch (column.kind) {
            .null => 0,
            .structure => 1,
            .list, .large_list, .map => count: {
                node.buffers[1] = column.offsets.bytes.ptr;
                break :count 2;
            },
            .utf8, .large_utf8, .binary, .large_binary => count: {
                node.buffers[1] = column.offsets.bytes.ptr;
                node.buffers[2] = data;
                break :count 3;
            },
            else => count: {
                node.buffers[1] = data;
                break :count 2;
            },
        };
        return node.array(column.len, column.null_count, count);
    }

    fn array(node: *ArrayNode, len: usize, null_count: usize, buffer_count: u8) abi.Array {
        return .{
            .length = @intCast(len),
            .null_count = @intCast(null_count),
            .offset = 0,
            .n_buffers = buffer_count,
            .n_children = @intCast(node.children.len),
            .buffers = if (buffer_count > 0) &node.buffers else null,
            .children = if (node.children.len > 0) node.pointers.ptr else null,
            .dictionary = null,
            .release = releaseArray,
            .private_data = node,
        };
    }
};

fn releaseArray(array: *abi.Array) callconv(.c) void {
    const node: *ArrayNode = @ptrCast(@alignCast(array.private_data.?));
    // Those that were moved away are released where they are.
    for (node.children) |*child| if (child.release) |release| release(child);
    array.release = null;
    const shared = node.shared;
    const gpa = shared.gpa;
    gpa.free(node.children);
    gpa.free(node.pointers);
    gpa.destroy(node);
    shared.leave();
}

/// Another array with the same buffers; false when it is none that was made here.
pub fn share(array: *const abi.Array, out: *abi.Array) error{OutOfMemory}!bool {
    if (array.release != &releaseArray) return false;
    const node: *ArrayNode = @ptrCast(@alignCast(array.private_data.?));
    const shared = node.shared;
    if (array.n_buffers != 1 or node.children.len != shared.columns.len) return false;
    try shared.write(out);
    return true;
}

/// What one schema has of its own; its texts are behind it.
const SchemaNode = struct {
    gpa: Allocator,
    pointers: []*abi.Schema,
    children: []abi.Schema,
    texts: []u8,
};

/// Fills the schema of a struct whose children have these types.
pub fn writeSchema(gpa: Allocator, columns: []const *const Type, out: *abi.Schema) error{OutOfMemory}!void {
    const root: Type = .{ .kind = .structure, .format = "+s", .name = "", .is_nullable = false };
    out.* = try schemaOf(gpa, &root, columns);
}

fn schemaOf(
    gpa: Allocator,
    item: *const Type,
    inner: []const *const Type,
) error{OutOfMemory}!abi.Schema {
    const node = try gpa.create(SchemaNode);
    errdefer gpa.destroy(node);
    const pointers = try gpa.alloc(*abi.Schema, inner.len);
    errdefer gpa.free(pointers);
    const children = try gpa.alloc(abi.Schema, inner.len);
    errdefer gpa.free(children);
    const metadata = item.metadata();
    const texts = try gpa.alloc(u8, item.format.len + 1 + item.name.len + 1 + metadata.len);
    errdefer gpa.free(texts);
    var made: usize = 0;
    errdefer for (children[0..made]) |*child| child.release.?(child);
    for (pointers, children, inner) |*pointer, *child, of| {
        pointer.* = child;
        child.* = try schemaOfType(gpa, of);
        made += 1;
    }
    @memcpy(texts[0 .. item.format.len + 1], item.format[0 .. item.format.len + 1]);
    const name = texts[item.format.len + 1 ..];
    @memcpy(name[0 .. item.name.len + 1], item.name[0 .. item.name.len + 1]);
    const behind = name[item.name.len + 1 ..];
    @memcpy(behind, metadata);
    node.* = .{ .gpa = gpa, .pointers = pointers, .children = children, .texts = texts };
    return .{
        .format = @ptrCast(texts.ptr),
        .name = @ptrCast(name.ptr),
        .metadata = if (metadata.len > 0) behind.ptr else null,
        .flags = if (item.is_nullable) abi.flag_nullable else 0,
        .n_children = @intCast(children.len),
        .children = if (children.len > 0) pointers.ptr else null,
        .dictionary = null,
        .release = releaseSchema,
        .private_data = node,
    };
}

fn schemaOfType(gpa: Allocator, item: *const Type) error{OutOfMemory}!abi.Schema {
    const inner = try gpa.alloc(*const Type, item.children.len);
    defer gpa.free(inner);
    for (inner, item.children) |*pointer, *child| pointer.* = child;
    return schemaOf(gpa, item, inner);
}

fn releaseSchema(schema: *abi.Schema) callconv(.c) void {
    const node: *SchemaNode = @ptrCast(@alignCast(schema.private_data.?));
    for (node.children) |*child| if (child.release) |release| release(child);
    schema.release = null;
    const gpa = node.gpa;
    gpa.free(node.texts);
    gpa.free(node.children);
    gpa.free(node.pointers);
    gpa.destroy(node);
}
