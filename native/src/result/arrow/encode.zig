//! Columns of Arrow, made by whoever, into the request of a batch that writes a record for each row.
//!
//! The structs are the caller's, who vouches for what they point to, as Arrow's C data interface has
//! it; what types there are is checked before a value is read.

const std = @import("std");
const assert = std.debug.assert;
const abi = @import("../../arrow_data.zig");
const types = @import("types.zig");
const wire = @import("../../wire.zig");
const msgpack = wire.msgpack;
const Allocator = std.mem.Allocator;
const Buffer = wire.Buffer;
const Failure = @import("../../status.zig").Failure;
const extension_geojson = wire.particle.extension_geojson;
const extension_hll = wire.particle.extension_hll;

/// The command of a row.
const put = 1;

pub const Error = error{ Failed, OutOfMemory };

/// What every row has.
pub const Place = struct {
    namespace: []const u8,
    set: []const u8,
    /// The column of the user keys.
    key_column: []const u8,
    /// The rows' metadata, as MessagePack.
    meta: []const u8,
    /// Nulls remove bins; otherwise they leave them alone.
    removes: bool,
    /// What the array's first row is called in messages: its number in the whole table.
    number: u64,

    /// Reads [namespace, set, key column, META, whether nulls remove bins, the first row's number]; 0 for the last
    /// if it is left out.
    pub fn parse(bytes: []const u8, failure: *Failure) error{Failed}!Place {
        return read(bytes) catch {
            const text = "the place must be [namespace, set, key column, meta, boolean, number]";
            failure.set(.invalid_argument, text, .{});
            return error.Failed;
        };
    }

    fn read(bytes: []const u8) error{Malformed}!Place {
        var reader: msgpack.Reader = .init(bytes);
        const count = try reader.next();
        if (count != .array or count.array < 5 or count.array > 6) return error.Malformed;
        var names: [3][]const u8 = undefined;
        for (&names) |*name| name.* = switch (try reader.next()) {
            .string => |text| text,
            else => return error.Malformed,
        };
        const meta = try reader.value();
        const removes = try reader.next();
        if (removes != .boolean) return error.Malformed;
        const number: u64 = if (count.array == 5) 0 else switch (try reader.next()) {
            .int => |number| std.math.cast(u64, number) orelse return error.Malformed,
            else => return error.Malformed,
        };
        return .{
            .namespace = names[0],
            .set = names[1],
            .key_column = names[2],
            .meta = meta,
            .removes = removes.boolean,
            .number = number,
        };
    }
};

/// Appends [[KEY, put, {bin: value}, META]] for rows of an array whose type is a struct.
pub fn encode(
    gpa: Allocator,
    schema: *const abi.Schema,
    array: *const abi.Array,
    first: u64,
    count: u64,
    place: *const Place,
    out: *Buffer,
    failure: *Failure,
) Error!void {
    var arena: std.heap.ArenaAllocator = .init(gpa);
    defer arena.deinit();
    var root: Source = undefined;
    try root.init(arena.allocator(), schema, array, 0, failure);
    if (root.kind != .structure) return refuse(failure, "the table's type is no struct", .{});
    const length: u64 = @intCast(array.length);
    if (first > length or count > length - first) {
        return refuse(failure, "the table has {d} rows", .{length});
    }
    var key: ?*const Source = null;
    var bins: std.ArrayList(*const Source) = .empty;
    for (root.children) |*child| {
        if (std.mem.eql(u8, child.name, place.key_column)) {
            key = child;
        } else try bins.append(arena.allocator(), child);
    }
    const keys = key orelse return refuse(failure, "no column is called '{s}'", .{
        place.key_column,
    });
    try keys.checkKey(failure);
    const rows: Rows = .{ .root = &root, .keys = keys, .bins = bins.items, .place = place };
    rows.write(first, count, out, failure) catch |err| switch (err) {
        error.NoSpaceLeft => return refuse(failure, "the rows are too large for one batch", .{}),
        error.OutOfMemory => return error.OutOfMemory,
        error.Failed => return error.Failed,
    };
}

fn refuse(failure: *Failure, comptime format: []const u8, args: anytype) error{Failed} {
    failure.set(.invalid_argument, format, args);
    return error.Failed;
}

const WriteError = Buffer.Error || error{Failed};

const Rows = struct {
    root: *const Source,
    keys: *const Source,
    bins: []const *const Source,
    place: *const Place,

    fn write(
        rows: *const Rows,
        first: u64,
        count: u64,
        out: *Buffer,
        failure: *Failure,
    ) WriteError!void {
        try msgpack.writeArrayHeader(out, @intCast(count));
        for (first..first + count) |row| rows.writeRow(row, out, failure) catch |err| {
            if (err == error.Failed) rows.nameRow(row, failure);
            return err;
        };
    }

    fn writeRow(rows: *const Rows, row: usize, out: *Buffer, failure: *Failure) WriteError!void {
        const place = rows.place;
        const inside = rows.root.at(row);
        if (rows.root.isNull(row) or rows.keys.isNull(inside)) {
            return refuse(failure, "the key is null", .{});
        }
        try msgpack.writeArrayHeader(out, 4);
        try msgpack.writeArrayHeader(out, 3);
        try msgpack.writeString(out, place.namespace);
        try msgpack.writeString(out, place.set);
        try rows.keys.write(inside, out, failure);
        try msgpack.writeInt(out, put);
        try rows.writeBins(inside, out, failure);
        try out.append(place.meta);
    }

    /// Puts before the message which row it is about.
    fn nameRow(rows: *const Rows, row: usize, failure: *Failure) void {
        const said = failure.*;
        failure.set(said.status, "row {d}: {s}", .{ rows.place.number + row, said.message() });
    }

    fn writeBins(rows: *const Rows, row: usize, out: *Buffer, failure: *Failure) WriteError!void {
        var count: u32 = @intCast(rows.bins.len);
        if (!rows.place.removes) {
            for (rows.bins) |bin| count -= @intFromBool(bin.isNull(row));
            // The server refuses to replace a record by nothing, which is for this row to tell.
            if (count == 0) return rows.writeNothing(out);
        }
        try msgpack.writeMapHeader(out, count);
        for (rows.bins) |bin| {
            if (!rows.place.removes and bin.isNull(row)) continue;
            try msgpack.writeString(out, bin.name);
            try bin.write(row, out, failure);
        }
    }

    fn writeNothing(rows: *const Rows, out: *Buffer) WriteError!void {
        try msgpack.writeMapHeader(out, 1);
        try msgpack.writeString(out, rows.bins[0].name);
        try msgpack.writeNil(out);
    }
};

const Kind = enum {
    null,
    boolean,
    int8,
    int16,
    int32,
    int64,
    uint8,
    uint16,
    uint32,
    uint64,
    float16,
    float32,
    float64,
    utf8,
    large_utf8,
    utf8_view,
    binary,
    large_binary,
    binary_view,
    fixed,
    list,
    large_list,
    list_view,
    large_list_view,
    fixed_list,
    map,
    structure,

    fn of(format: []const u8) ?Kind {
        if (std.mem.startsWith(u8, format, "+w:")) return .fixed_list;
        if (std.mem.eql(u8, format, "vu")) return .utf8_view;
        if (std.mem.eql(u8, format, "vz")) return .binary_view;
        if (std.mem.eql(u8, format, "+vl")) return .list_view;
        if (std.mem.eql(u8, format, "+vL")) return .large_list_view;
        const known = types.kindOf(format) orelse return null;
        return switch (known) {
            inline else => |kind| @field(Kind, @tagName(kind)),
        };
    }

    fn bufferCount(kind: Kind) u8 {
        return switch (kind) {
            .null => 0,
            .structure, .fixed_list => 1,
            .utf8, .large_utf8, .binary, .large_binary, .list_view, .large_list_view => 3,
            // And any number of buffers behind the views.
            .utf8_view, .binary_view => 2,
            else => 2,
        };
    }
};

/// A column, or one inside a column.
const Source = struct {
    name: []const u8,
    kind: Kind,
    array: *const abi.Array,
    offset: usize,
    width: usize = 0,
    /// Geographic texts and sketches are told from others by their field.
    extension: ?i8 = null,
    children: []Source = &.{},
    /// Whose values the numbers of this one stand for.
    dictionary: ?*Source = null,

    fn init(
        source: *Source,
        arena: Allocator,
        schema: *const abi.Schema,
        array: *const abi.Array,
        depth: usize,
        failure: *Failure,
    ) Error!void {
        const name: []const u8 = if (schema.name) |text| std.mem.span(text) else "";
        if (depth == types.depth_max) {
            return refuse(failure, "column '{s}' is nested too deep", .{name});
        }
        const format: []const u8 = if (schema.format) |text| std.mem.span(text) else "";
        const kind = Kind.of(format) orelse return refuse(
            failure,
            "column '{s}' has Arrow's type '{s}', which no bin takes",
            .{ name, format },
        );
        source.* = .{
            .name = name,
            .kind = kind,
            .array = array,
            .offset = @intCast(array.offset),
            .extension = extensionOf(schema.metadata),
        };
        if (kind == .fixed or kind == .fixed_list) {
            const digits = format[std.mem.findScalar(u8, format, ':').? + 1 ..];
            source.width = std.fmt.parseInt(u31, digits, 10) catch
                return refuse(failure, "column '{s}' has no width", .{name});
        }
        const child_count: usize = @intCast(schema.n_children);
        const is_whole = array.n_children == schema.n_children and
            array.n_buffers >= kind.bufferCount() and switch (kind) {
            .list, .large_list, .list_view, .large_list_view, .fixed_list, .map => child_count == 1,
            .structure => true,
            else => child_count == 0,
        };
        if (!is_whole) return refuse(failure, "column '{s}' is not whole", .{name});
        source.children = try arena.alloc(Source, child_count);
        for (source.children, 0..) |*child, index| {
            const inner = schema.children.?[index];
            try child.init(arena, inner, array.children.?[index], depth + 1, failure);
        }
        if (kind == .map) {
            const entries = source.children[0].children;
            if (entries.len != 2) return refuse(failure, "column '{s}' is not whole", .{name});
            if (!entries[0].isForKeys()) return refuse(
                failure,
                "column '{s}' has maps whose keys are of the type {t}; " ++
                    "keys of a map are integers, texts or bytes",
                .{ name, entries[0].kindOfValues() },
            );
        }
        if (schema.dictionary) |values| {
            const behind = array.dictionary orelse
                return refuse(failure, "column '{s}' has no dictionary", .{name});
            source.dictionary = try arena.create(Source);
            try source.dictionary.?.init(arena, values, behind, depth + 1, failure);
            source.dictionary.?.name = name;
        }
    }

    fn extensionOf(metadata: ?[*]const u8) ?i8 {
        var rest = metadata orelse return null;
        for (0..@intCast(takeInt(&rest))) |_| {
            const key = takeBytes(&rest);
            const value = takeBytes(&rest);
            if (!std.mem.eql(u8, key, types.metadata_key)) continue;
            if (std.mem.eql(u8, value, "geojson")) return extension_geojson;
            if (std.mem.eql(u8, value, "hll")) return extension_hll;
        }
        return null;
    }

    fn takeInt(rest: *[*]const u8) i32 {
        defer rest.* += 4;
        return @bitCast(rest.*[0..4].*);
    }

    fn takeBytes(rest: *[*]const u8) []const u8 {
        const len: usize = @intCast(takeInt(rest));
        defer rest.* += len;
        return rest.*[0..len];
    }

    fn checkKey(source: *const Source, failure: *Failure) error{Failed}!void {
        if (!source.isForKeys()) return refuse(
            failure,
            "the key column '{s}' has the type {t}; user keys are integers, texts or bytes",
            .{ source.name, source.kindOfValues() },
        );
    }

    /// Whether keys of records and of maps are of such a type.
    fn isForKeys(source: *const Source) bool {
        return switch (source.kindOfValues()) {
            .int8, .int16, .int32, .int64, .uint8, .uint16, .uint32, .uint64 => true,
            .utf8, .large_utf8, .utf8_view => true,
            .binary, .large_binary, .binary_view, .fixed => true,
            else => false,
        };
    }

    fn kindOfValues(source: *const Source) Kind {
        return if (source.dictionary) |values| values.kind else source.kind;
    }

    /// Where a value is in the buffers, or among the values of the children.
    fn at(source: *const Source, index: usize) usize {
        return source.offset + index;
    }

    fn buffer(source: *const Source, index: usize) ?[*]const u8 {
        return @ptrCast(source.array.buffers.?[index]);
    }

    fn bit(bits: [*]const u8, index: usize) bool {
        return bits[index / 8] >> @intCast(index % 8) & 1 != 0;
    }

    fn isNull(source: *const Source, index: usize) bool {
        if (source.kind == .null) return true;
        if (source.array.null_count != 0) if (source.buffer(0)) |validity| {
            if (!bit(validity, source.at(index))) return true;
        };
        const values = source.dictionary orelse return false;
        return values.isNull(source.code(index));
    }

    fn item(source: *const Source, T: type, which: usize, index: usize) T {
        const bytes = source.buffer(which).?;
        return @bitCast(bytes[index * @sizeOf(T) ..][0..@sizeOf(T)].*);
    }

    /// The place in the dictionary.
    fn code(source: *const Source, index: usize) usize {
        return switch (source.kind) {
            inline .int8, .int16, .int32, .int64, .uint8, .uint16, .uint32, .uint64 => |kind| {
                const T = comptime @field(types.Kind, @tagName(kind)).Number().?;
                return @intCast(source.item(T, 1, source.at(index)));
            },
            else => unreachable,
        };
    }

    fn range(source: *const Source, Offset: type, index: usize) [2]usize {
        const place = source.at(index);
        return .{
            @intCast(source.item(Offset, 1, place)),
            @intCast(source.item(Offset, 1, place + 1)),
        };
    }

    /// The same of a list whose size is told beside where it begins.
    fn viewOf(source: *const Source, Offset: type, index: usize) [2]usize {
        const place = source.at(index);
        const start: usize = @intCast(source.item(Offset, 1, place));
        const size: usize = @intCast(source.item(Offset, 2, place));
        return .{ start, start + size };
    }

    fn bytesAt(source: *const Source, index: usize) []const u8 {
        switch (source.kind) {
            inline .utf8, .large_utf8, .binary, .large_binary => |kind| {
                const Offset = comptime @field(types.Kind, @tagName(kind)).Offset().?;
                const start, const end = source.range(Offset, index);
                if (start == end) return &.{};
                return source.buffer(2).?[start..end];
            },
            .utf8_view, .binary_view => {
                const view = source.buffer(1).?[source.at(index) * 16 ..][0..16];
                const len: usize = @intCast(@as(i32, @bitCast(view[0..4].*)));
                if (len <= 12) return view[4..][0..len];
                const which: usize = @intCast(@as(i32, @bitCast(view[8..12].*)));
                const start: usize = @intCast(@as(i32, @bitCast(view[12..16].*)));
                return source.buffer(2 + which).?[start..][0..len];
            },
            .fixed => {
                if (source.width == 0) return &.{};
                return source.buffer(1).?[source.at(index) * source.width ..][0..source.width];
            },
            else => unreachable,
        }
    }

    fn write(source: *const Source, index: usize, out: *Buffer, failure: *Failure) WriteError!void {
        if (source.isNull(index)) return msgpack.writeNil(out);
        if (source.dictionary) |values| return values.write(source.code(index), out, failure);
        switch (source.kind) {
            .null => unreachable,
            .boolean => try msgpack.writeBool(out, bit(source.buffer(1).?, source.at(index))),
            inline .int8, .int16, .int32, .int64, .uint8, .uint16, .uint32, .uint64 => |kind| {
                const T = comptime @field(types.Kind, @tagName(kind)).Number().?;
                const number = source.item(T, 1, source.at(index));
                const fitting = std.math.cast(i64, number) orelse {
                    const text = "column '{s}': {d} does not fit into 64 bits, signed";
                    failure.set(.value_mismatch, text, .{ source.name, number });
                    return error.Failed;
                };
                try msgpack.writeInt(out, fitting);
            },
            inline .float16, .float32, .float64 => |kind| {
                const T = comptime @field(types.Kind, @tagName(kind)).Number().?;
                try msgpack.writeFloat(out, source.item(T, 1, source.at(index)));
            },
            .utf8, .large_utf8, .utf8_view => try source.writeBytes(.utf8, index, out),
            .binary, .large_binary, .binary_view, .fixed => try source.writeBytes(.binary, index, out),
            .list => try source.writeList(source.range(i32, index), out, failure),
            .large_list => try source.writeList(source.range(i64, index), out, failure),
            .list_view => try source.writeList(source.viewOf(i32, index), out, failure),
            .large_list_view => try source.writeList(source.viewOf(i64, index), out, failure),
            .fixed_list => {
                const start = source.at(index) * source.width;
                try source.writeList(.{ start, start + source.width }, out, failure);
            },
            .map => try source.writeMap(index, out, failure),
            .structure => try source.writeStructure(index, out, failure),
        }
    }

    fn writeBytes(
        source: *const Source,
        as: enum { utf8, binary },
        index: usize,
        out: *Buffer,
    ) Buffer.Error!void {
        const bytes = source.bytesAt(index);
        if (source.extension) |kind| return msgpack.writeExtension(out, kind, bytes);
        return switch (as) {
            .utf8 => msgpack.writeString(out, bytes),
            .binary => msgpack.writeBinary(out, bytes),
        };
    }

    fn writeList(
        source: *const Source,
        within: [2]usize,
        out: *Buffer,
        failure: *Failure,
    ) WriteError!void {
        const inner = &source.children[0];
        const count = std.math.cast(u32, within[1] - within[0]) orelse return error.NoSpaceLeft;
        try msgpack.writeArrayHeader(out, count);
        for (within[0]..within[1]) |index| try inner.write(index, out, failure);
    }

    fn writeMap(source: *const Source, index: usize, out: *Buffer, failure: *Failure) WriteError!void {
        const entries = &source.children[0];
        const start, const end = source.range(i32, index);
        try msgpack.writeMapHeader(out, @intCast(end - start));
        for (start..end) |pair| {
            const place = entries.at(pair);
            if (entries.children[0].isNull(place)) {
                return refuse(failure, "column '{s}': a map's key is null", .{source.name});
            }
            for (entries.children) |*member| try member.write(place, out, failure);
        }
    }

    /// Fields that are null are left out.
    fn writeStructure(
        source: *const Source,
        index: usize,
        out: *Buffer,
        failure: *Failure,
    ) WriteError!void {
        const place = source.at(index);
        var count: u32 = 0;
        for (source.children) |*field| count += @intFromBool(!field.isNull(place));
        try msgpack.writeMapHeader(out, count);
        for (source.children) |*field| {
            if (field.isNull(place)) continue;
            try msgpack.writeString(out, field.name);
            try field.write(place, out, failure);
        }
    }
};
