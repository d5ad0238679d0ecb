//! Secondary indexes: their definitions, and what they find.
//!
//! An index is a definition and nothing more. A query looks at each record of the partitions
//! that it asks for, takes the values that the index would hold of it, and keeps those in its
//! range; with the amounts of data that a development server holds, that is cheap, and an index
//! is never stale, never being built, and costs writes nothing. The order of a query's records
//! is that of the real server: by value, then by digest, as far as a partition goes.
//!
//! The catalog is the cluster's, for all of its nodes. Definitions are counted references: a
//! query keeps its index while a drop takes it out of the catalog.

const std = @import("std");
const assert = std.debug.assert;
const wire = @import("../../wire.zig");
const geo = @import("../data/geo.zig");
const path = @import("../data/path.zig");
const record_module = @import("../data/record.zig");
const store = @import("store.zig");
const view = @import("view.zig");
const Expression = @import("../data/expression.zig").Expression;
const Mutex = @import("../base/sync.zig").Mutex;
const Node = @import("../data/expression.zig").Node;
const Version = @import("../base/Version.zig").Version;

const Reader = wire.msgpack.Reader;
const Record = record_module.Record;
const Type = wire.particle.Type;

pub const name_bytes_max = 63;
pub const indexes_max = 256;
/// Longer strings and blobs are not indexed, unless they are elements of a collection.
const key_bytes_max = 2048;
const geo_text_bytes_end = 1024 * 1024;

/// What of a bin is indexed, numbered as in the protocol.
pub const Collection = enum(u8) {
    default = 0,
    list = 1,
    map_keys = 2,
    map_values = 3,

    pub fn text(collection: Collection) []const u8 {
        return switch (collection) {
            .default => "default",
            .list => "list",
            .map_keys => "mapkeys",
            .map_values => "mapvalues",
        };
    }

    pub fn parse(text_given: []const u8) ?Collection {
        for (std.enums.values(Collection)) |collection| {
            if (std.ascii.eqlIgnoreCase(collection.text(), text_given)) return collection;
        }
        return null;
    }
};

pub const DataType = enum {
    numeric,
    string,
    blob,
    geo2dsphere,

    pub fn particle(data_type: DataType) Type {
        return switch (data_type) {
            .numeric => .integer,
            .string => .string,
            .blob => .blob,
            .geo2dsphere => .geojson,
        };
    }

    pub fn parse(text: []const u8) ?DataType {
        // As servers from 8.1.3 on call it.
        if (std.ascii.eqlIgnoreCase("integer", text)) return .numeric;
        for (std.enums.values(DataType)) |data_type| {
            if (std.ascii.eqlIgnoreCase(@tagName(data_type), text)) return data_type;
        }
        return null;
    }
};

pub const Definition = struct {
    namespace: []const u8,
    /// Empty: all the namespace.
    set: []const u8 = "",
    bin: []const u8,
    data_type: DataType,
    collection: Collection = .default,
    /// Where in the bin, in the protocol's form; empty: the bin itself.
    context: []const u8 = "",
    /// A definition by expression instead of a bin.
    expression: []const u8 = "",
    /// Of the set itself: it holds no values, and no query can name it.
    is_of_set: bool = false,

    fn equals(left: *const Definition, right: *const Definition) bool {
        return left.data_type == right.data_type and left.collection == right.collection and
            left.is_of_set == right.is_of_set and
            std.mem.eql(u8, left.namespace, right.namespace) and
            std.mem.eql(u8, left.set, right.set) and std.mem.eql(u8, left.bin, right.bin) and
            std.mem.eql(u8, left.context, right.context) and
            std.mem.eql(u8, left.expression, right.expression);
    }
};

pub const Index = struct {
    arena: std.heap.ArenaAllocator,
    definition: Definition,
    /// For a definition by expression.
    expression: ?Expression = null,
    references: std.atomic.Value(u32) = .init(1),
    dropped: std.atomic.Value(bool) = .init(false),
    /// Guarded by the catalog's mutex.
    name_buffer: [name_bytes_max]u8 = undefined,
    name_len: u8 = 0,

    fn create(
        gpa: std.mem.Allocator,
        version: Version,
        definition: *const Definition,
    ) error{OutOfMemory}!*Index {
        var arena = std.heap.ArenaAllocator.init(gpa);
        errdefer arena.deinit();
        const copy: Definition = .{
            .namespace = try arena.allocator().dupe(u8, definition.namespace),
            .set = try arena.allocator().dupe(u8, definition.set),
            .bin = try arena.allocator().dupe(u8, definition.bin),
            .data_type = definition.data_type,
            .collection = definition.collection,
            .context = try arena.allocator().dupe(u8, definition.context),
            .expression = try arena.allocator().dupe(u8, definition.expression),
            .is_of_set = definition.is_of_set,
        };
        const expression: ?Expression = if (copy.expression.len == 0)
            null
        else
            Expression.compile(arena.allocator(), version, copy.expression) catch |err| switch (err) {
                error.OutOfMemory => return error.OutOfMemory,
                // It was checked before.
                error.Invalid => unreachable,
            };
        const index = try gpa.create(Index);
        index.* = .{ .arena = arena, .definition = copy, .expression = expression };
        return index;
    }

    pub fn name(index: *const Index) []const u8 {
        return index.name_buffer[0..index.name_len];
    }

    fn setName(index: *Index, text: []const u8) void {
        assert(text.len <= name_bytes_max);
        @memcpy(index.name_buffer[0..text.len], text);
        index.name_len = @intCast(text.len);
    }

    pub fn release(index: *Index, gpa: std.mem.Allocator) void {
        if (index.references.fetchSub(1, .acq_rel) != 1) return;
        index.arena.deinit();
        gpa.destroy(index);
    }
};

pub const Catalog = struct {
    gpa: std.mem.Allocator,
    /// What expressions there are.
    version: Version = .default,
    mutex: Mutex = .{},
    indexes: std.ArrayList(*Index) = .empty,

    pub fn deinit(catalog: *Catalog) void {
        for (catalog.indexes.items) |index| index.release(catalog.gpa);
        catalog.indexes.deinit(catalog.gpa);
        catalog.* = undefined;
    }

    pub const Created = enum { created, renamed, exists, name_taken, too_many };

    /// A definition that exists under another name is renamed, as the server does.
    pub fn create(
        catalog: *Catalog,
        name: []const u8,
        definition: *const Definition,
    ) error{OutOfMemory}!Created {
        catalog.mutex.lock();
        defer catalog.mutex.unlock();
        if (catalog.findName(definition.namespace, name)) |index| {
            return if (index.definition.equals(definition)) .exists else .name_taken;
        }
        var count: usize = 0;
        for (catalog.indexes.items) |index| {
            if (index.definition.equals(definition)) {
                index.setName(name);
                return .renamed;
            }
            if (index.definition.is_of_set) continue;
            if (std.mem.eql(u8, index.definition.namespace, definition.namespace)) count += 1;
        }
        if (count >= indexes_max and !definition.is_of_set) return .too_many;
        try catalog.indexes.ensureUnusedCapacity(catalog.gpa, 1);
        const index = try Index.create(catalog.gpa, catalog.version, definition);
        index.setName(name);
        catalog.indexes.appendAssumeCapacity(index);
        return .created;
    }

    /// Nothing happens when there is no such index.
    pub fn drop(catalog: *Catalog, namespace: []const u8, name: []const u8) void {
        catalog.mutex.lock();
        defer catalog.mutex.unlock();
        const index = catalog.findName(namespace, name) orelse return;
        const position = std.mem.findScalar(*Index, catalog.indexes.items, index).?;
        _ = catalog.indexes.orderedRemove(position);
        index.dropped.store(true, .release);
        index.release(catalog.gpa);
    }

    fn findName(catalog: *Catalog, namespace: []const u8, name: []const u8) ?*Index {
        for (catalog.indexes.items) |index| {
            if (!std.mem.eql(u8, index.definition.namespace, namespace)) continue;
            if (std.mem.eql(u8, index.name(), name)) return index;
        }
        return null;
    }

    /// The caller releases the index.
    pub fn acquireByName(catalog: *Catalog, namespace: []const u8, name: []const u8) ?*Index {
        catalog.mutex.lock();
        defer catalog.mutex.unlock();
        const index = catalog.findName(namespace, name) orelse return null;
        _ = index.references.fetchAdd(1, .acq_rel);
        return index;
    }

    /// An index of the set, or else one of the whole namespace. The caller releases it.
    pub fn acquire(catalog: *Catalog, wanted: *const Definition) ?*Index {
        catalog.mutex.lock();
        defer catalog.mutex.unlock();
        var of_namespace = wanted.*;
        of_namespace.set = "";
        for ([_]*const Definition{ wanted, &of_namespace }) |definition| {
            for (catalog.indexes.items) |index| {
                if (!index.definition.equals(definition)) continue;
                _ = index.references.fetchAdd(1, .acq_rel);
                return index;
            }
        }
        return null;
    }

    pub fn countInSet(catalog: *Catalog, namespace: []const u8, set: []const u8) usize {
        catalog.mutex.lock();
        defer catalog.mutex.unlock();
        var count: usize = 0;
        for (catalog.indexes.items) |index| {
            if (index.definition.is_of_set) continue;
            if (!std.mem.eql(u8, index.definition.namespace, namespace)) continue;
            if (std.mem.eql(u8, index.definition.set, set)) count += 1;
        }
        return count;
    }

    /// Whether there is an index of the set itself.
    pub fn isSetIndexed(catalog: *Catalog, namespace: []const u8, set: []const u8) bool {
        catalog.mutex.lock();
        defer catalog.mutex.unlock();
        return for (catalog.indexes.items) |index| {
            const definition = &index.definition;
            if (!definition.is_of_set or !std.mem.eql(u8, definition.set, set)) continue;
            if (std.mem.eql(u8, definition.namespace, namespace)) break true;
        } else false;
    }
};

/// The condition of a query.
pub const Range = struct {
    /// Empty when the index is named, or defined by an expression.
    bin: []const u8,
    data_type: DataType,
    values: Values,

    pub const Values = union(enum) {
        /// Both ends are part of it.
        integers: struct { i64, i64 },
        /// One string or blob.
        bytes: []const u8,
        /// The regions that a point is in.
        point: geo.Cell,
        /// The points that are in a region.
        region: geo.Region,
        /// All that the index holds.
        everything,
    };

    pub const ParseError = error{ Invalid, OutOfMemory };

    /// `bytes` is the field of the request; regions are made in the arena.
    pub fn parse(
        arena: std.mem.Allocator,
        bytes: []const u8,
        is_named: bool,
    ) ParseError!Range {
        if (bytes.len < 3 or bytes[0] != 1) return error.Invalid;
        const bin_len: usize = bytes[1];
        if ((bin_len == 0) != is_named) return error.Invalid;
        if (bin_len > wire.operation.bin_name_bytes_max) return error.Invalid;
        if (bytes.len < 3 + bin_len) return error.Invalid;
        const kind: Type = @fromBackingInt(bytes[2 + bin_len]);
        const rest = bytes[3 + bin_len ..];
        const data_type: DataType = switch (kind) {
            .integer => .numeric,
            .string => .string,
            .blob => .blob,
            .geojson => .geo2dsphere,
            else => return error.Invalid,
        };
        return .{
            .bin = bytes[2..][0..bin_len],
            .data_type = data_type,
            .values = switch (data_type) {
                .numeric => try parseIntegers(rest),
                .string, .blob => .{ .bytes = try parseBytes(rest, key_bytes_max) },
                .geo2dsphere => try parseGeo(arena, rest),
            },
        };
    }

    fn parseIntegers(bytes: []const u8) error{Invalid}!Values {
        if (bytes.len < 24) return error.Invalid;
        if (std.mem.readInt(u32, bytes[0..4], .big) != 8) return error.Invalid;
        if (std.mem.readInt(u32, bytes[12..16], .big) != 8) return error.Invalid;
        const begin = std.mem.readInt(i64, bytes[4..12], .big);
        const end = std.mem.readInt(i64, bytes[16..24], .big);
        if (begin > end) return error.Invalid;
        return .{ .integers = .{ begin, end } };
    }

    /// The end of the range is not looked at: it is the beginning again.
    fn parseBytes(bytes: []const u8, len_end: usize) error{Invalid}![]const u8 {
        if (bytes.len < 4) return error.Invalid;
        const len: usize = std.mem.readInt(u32, bytes[0..4], .big);
        if (len >= len_end or len > bytes.len - 4) return error.Invalid;
        return bytes[4..][0..len];
    }

    fn parseGeo(arena: std.mem.Allocator, bytes: []const u8) ParseError!Values {
        const text = try parseBytes(bytes, geo_text_bytes_end);
        if (text.len == 0) return error.Invalid;
        return switch (try geo.parse(arena, text)) {
            .point => |cell| .{ .point = cell },
            .region => |region| .{ .region = region },
        };
    }
};

pub const Matches = std.ArrayList(i64);

/// Appends what the index holds of a record within the range, each value once, in order.
pub fn match(
    arena: std.mem.Allocator,
    matches: *Matches,
    index: *const Index,
    range: *const Range,
    namespace: *const store.Namespace,
    record: *const Record,
) error{OutOfMemory}!void {
    const start = matches.items.len;
    const bin = try indexedBin(arena, index, namespace, record) orelse return;
    var matcher: Matcher = .{ .arena = arena, .matches = matches, .index = index, .range = range };
    try matcher.takeBin(&bin);
    const added = matches.items[start..];
    const is_unsigned = index.definition.data_type == .geo2dsphere;
    std.mem.sort(i64, added, is_unsigned, isBefore);
    var kept: usize = @min(added.len, 1);
    for (added[kept..]) |value| {
        if (value == added[kept - 1]) continue;
        added[kept] = value;
        kept += 1;
    }
    matches.shrinkRetainingCapacity(start + kept);
}

fn indexedBin(
    arena: std.mem.Allocator,
    index: *const Index,
    namespace: *const store.Namespace,
    record: *const Record,
) error{OutOfMemory}!?record_module.Bin {
    const expression = if (index.expression) |*one| one else {
        return record.findBin(index.definition.bin);
    };
    // Nothing in such an expression depends on the time.
    const seen = view.of(namespace, record, .{ .unix_ms = 0 });
    const value = try expression.evaluate(arena, &seen);
    return switch (try value.toParticle(arena)) {
        .unknown => null,
        .particle => |particle| if (particle) |present|
            .{ .name = "", .kind = present.kind, .value = present.bytes }
        else
            null,
    };
}

/// Why an expression cannot define an index.
pub const ExpressionError = error{ Invalid, OutOfMemory };

/// The type of an expression's value, if an index may be made of it: it has to look at bins or
/// the digest, and may not look at what changes without them.
pub fn expressionType(
    arena: std.mem.Allocator,
    version: Version,
    bytes: []const u8,
) ExpressionError!Type {
    const expression = try Expression.compile(arena, version, bytes);
    var uses: Uses = .{};
    uses.look(&expression.root);
    if (uses.metadata or !uses.content) return error.Invalid;
    return expression.root.type.particleType();
}

/// What an expression looks at.
const Uses = struct {
    content: bool = false,
    metadata: bool = false,

    /// As deep as expressions may be.
    fn look(uses: *Uses, node: *const Node) void {
        switch (node.code) {
            .digest_modulo, .bin, .bin_type => uses.content = true,
            .device_size,
            .last_update,
            .since_update,
            .void_time,
            .time_to_live,
            .set_name,
            .key_exists,
            .is_tombstone,
            .memory_size,
            .record_size,
            .key,
            => uses.metadata = true,
            else => {},
        }
        switch (node.body) {
            .arguments, .branches => |nodes| for (nodes) |*inner| uses.look(inner),
            .constant, .modulo, .name, .slot => {},
            .regex => |regex| uses.look(regex.argument),
            .let => |let| {
                for (let.values) |*inner| uses.look(inner);
                uses.look(let.result);
            },
            .call => |call| {
                uses.look(&call.target);
                for (call.parameters) |*parameter| switch (parameter.*) {
                    .packed_value => {},
                    .node => |*inner| uses.look(inner),
                };
            },
        }
    }
};

/// Cells are numbered without a sign.
pub fn isBefore(is_unsigned: bool, left: i64, right: i64) bool {
    if (is_unsigned) return @as(u64, @bitCast(left)) < @as(u64, @bitCast(right));
    return left < right;
}

const Matcher = struct {
    arena: std.mem.Allocator,
    matches: *Matches,
    index: *const Index,
    range: *const Range,

    fn takeBin(matcher: *Matcher, bin: *const record_module.Bin) error{OutOfMemory}!void {
        const definition = &matcher.index.definition;
        const is_container = bin.kind == .list or bin.kind == .map;
        if (definition.context.len > 0) {
            const container = if (is_container) path.Container.of(bin.value) else null;
            const inside = container orelse return;
            const element = try path.resolve(matcher.arena, inside, definition.context) orelse {
                return;
            };
            if (definition.collection == .default) return matcher.takeElement(element);
            return matcher.takeContainer(path.Container.of(element) orelse return);
        }
        if (definition.collection == .default) return matcher.takeParticle(bin);
        if (is_container) try matcher.takeContainer(path.Container.of(bin.value) orelse return);
    }

    fn takeContainer(matcher: *Matcher, container: path.Container) error{OutOfMemory}!void {
        const collection = matcher.index.definition.collection;
        if (container.is_map != (collection != .list)) return;
        var elements = path.Elements.init(container) orelse return;
        while (elements.next()) |first| {
            const element = switch (collection) {
                .default => unreachable,
                .list => first,
                .map_keys, .map_values => value: {
                    const value = elements.next() orelse return;
                    break :value if (collection == .map_keys) first else value;
                },
            };
            try matcher.takeElement(element);
        }
    }

    fn takeParticle(matcher: *Matcher, bin: *const record_module.Bin) error{OutOfMemory}!void {
        const data_type = matcher.index.definition.data_type;
        if (bin.kind != data_type.particle()) return;
        switch (data_type) {
            .numeric => try matcher.takeInteger(
                wire.particle.decodeInteger(bin.value) catch return,
            ),
            .string, .blob => {
                if (bin.value.len <= key_bytes_max) try matcher.takeBytes(bin.value);
            },
            .geo2dsphere => try matcher.takeGeo(
                wire.particle.geojsonText(bin.value) catch return,
            ),
        }
    }

    /// Elements are in the dialect, where texts begin with their type.
    fn takeElement(matcher: *Matcher, element: []const u8) error{OutOfMemory}!void {
        const data_type = matcher.index.definition.data_type;
        var reader: Reader = .init(element);
        const token = reader.next() catch return;
        switch (token) {
            .int => |number| if (data_type == .numeric) try matcher.takeInteger(number),
            .string, .binary => |text| {
                if (text.len == 0 or text[0] != @backingInt(data_type.particle())) return;
                switch (data_type) {
                    .numeric => {},
                    .string, .blob => try matcher.takeBytes(text[1..]),
                    .geo2dsphere => try matcher.takeGeo(text[1..]),
                }
            },
            else => {},
        }
    }

    fn takeInteger(matcher: *Matcher, number: i64) error{OutOfMemory}!void {
        switch (matcher.range.values) {
            .integers => |ends| if (number < ends[0] or ends[1] < number) return,
            .everything => {},
            else => return,
        }
        try matcher.matches.append(matcher.arena, number);
    }

    fn takeBytes(matcher: *Matcher, bytes: []const u8) error{OutOfMemory}!void {
        switch (matcher.range.values) {
            .bytes => |wanted| if (!std.mem.eql(u8, wanted, bytes)) return,
            .everything => {},
            else => return,
        }
        const hash = std.hash.Wyhash.hash(0, bytes);
        try matcher.matches.append(matcher.arena, @bitCast(hash));
    }

    fn takeGeo(matcher: *Matcher, text: []const u8) error{OutOfMemory}!void {
        const shape = geo.parse(matcher.arena, text) catch |err| switch (err) {
            error.OutOfMemory => return error.OutOfMemory,
            error.Invalid => return,
        };
        const matches = switch (matcher.range.values) {
            .point => |cell| shape == .region and shape.region.contains(cell),
            .region => |*region| shape == .point and region.contains(shape.point),
            .everything => true,
            else => false,
        };
        if (matches) try matcher.matches.append(matcher.arena, shape.indexValue());
    }
};
