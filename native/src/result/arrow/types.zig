//! The types of Arrow that columns may have, by the format strings of its C data interface.
//!
//! A type comes from the caller's schema, or is inferred from values; then it takes no other kind of
//! value than it was inferred from. All is in an arena that outlives the columns.

const std = @import("std");
const assert = std.debug.assert;
const abi = @import("../../arrow_data.zig");
const wire = @import("../../wire.zig");
const msgpack = wire.msgpack;
const Allocator = std.mem.Allocator;
const Failure = @import("../../status.zig").Failure;

/// Types in types; a list of integers has depth 2.
pub const depth_max = 32;
/// Floats hold all integers up to here.
pub const exact_max = 1 << 53;

pub const Kind = enum {
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
    binary,
    large_binary,
    /// Bytes of a width.
    fixed,
    list,
    large_list,
    map,
    structure,

    /// The number that a value is; null for what is none.
    pub fn Number(comptime kind: Kind) ?type {
        return switch (kind) {
            .int8 => i8,
            .int16 => i16,
            .int32 => i32,
            .int64 => i64,
            .uint8 => u8,
            .uint16 => u16,
            .uint32 => u32,
            .uint64 => u64,
            .float16 => f16,
            .float32 => f32,
            .float64 => f64,
            else => null,
        };
    }

    /// Of what has offsets; null for what has none.
    pub fn Offset(comptime kind: Kind) ?type {
        return switch (kind) {
            .utf8, .binary, .list, .map => i32,
            .large_utf8, .large_binary, .large_list => i64,
            else => null,
        };
    }

    pub fn isText(kind: Kind) bool {
        return kind == .utf8 or kind == .large_utf8;
    }
};

/// What bins hold that Arrow has no type of its own for is told by this entry of a field's metadata.
pub const metadata_key = "aerospike:type";

/// What an inferred type was inferred from.
pub const Origin = enum { given, inferred, geojson, hll };

pub const Type = struct {
    kind: Kind,
    format: [:0]const u8,
    name: [:0]const u8,
    origin: Origin = .given,
    is_nullable: bool = true,
    /// Of `fixed`, in bytes.
    width: u32 = 0,
    /// The units of a day, for times of a day, which lie within it, and for dates in milliseconds,
    /// which are whole days; 0 for the others.
    day: u62 = 0,
    children: []Type = &.{},

    /// A field's metadata as the C data interface has it: int32 count, then length and bytes of each
    /// key and value. Empty for none.
    pub fn metadata(item: *const Type) []const u8 {
        return switch (item.origin) {
            .given, .inferred => "",
            .geojson => comptime encodedMetadata("geojson"),
            .hll => comptime encodedMetadata("hll"),
        };
    }

    fn encodedMetadata(comptime value: []const u8) []const u8 {
        return &std.mem.toBytes(@as(i32, 1)) ++
            &std.mem.toBytes(@as(i32, metadata_key.len)) ++ metadata_key ++
            &std.mem.toBytes(@as(i32, value.len)) ++ value;
    }

    pub fn set(item: *Type, kind: Kind, format: [:0]const u8) void {
        item.kind = kind;
        item.format = format;
    }

    /// The name that people know the type by.
    pub fn title(item: *const Type) []const u8 {
        return switch (item.kind) {
            .utf8, .large_utf8 => if (item.origin == .geojson) "geojson" else "utf8",
            .binary, .large_binary => if (item.origin == .hll) "hll" else "binary",
            .boolean => "bool",
            .fixed => "fixed-size binary",
            .structure => "struct",
            .large_list => "list",
            else => if (std.mem.startsWith(u8, item.format, "ts"))
                "timestamp"
            else if (std.mem.startsWith(u8, item.format, "tt"))
                "time"
            else if (std.mem.startsWith(u8, item.format, "td"))
                "date"
            else if (std.mem.startsWith(u8, item.format, "tD"))
                "duration"
            else
                @tagName(item.kind),
        };
    }

    /// Whether an integer is a time of a day, or a date. Who has a column with something else fails,
    /// each in its own way.
    pub fn isWithinDay(item: *const Type, number: i64) bool {
        assert(item.day != 0);
        if (item.format[1] == 'd') return @mod(number, @as(i64, item.day)) == 0;
        return number >= 0 and number < item.day;
    }
};

pub fn kindOf(format: []const u8) ?Kind {
    if (format.len == 1) return switch (format[0]) {
        'n' => .null,
        'b' => .boolean,
        'c' => .int8,
        'C' => .uint8,
        's' => .int16,
        'S' => .uint16,
        'i' => .int32,
        'I' => .uint32,
        'l' => .int64,
        'L' => .uint64,
        'e' => .float16,
        'f' => .float32,
        'g' => .float64,
        'u' => .utf8,
        'U' => .large_utf8,
        'z' => .binary,
        'Z' => .large_binary,
        else => null,
    };
    if (std.mem.startsWith(u8, format, "w:")) return .fixed;
    if (std.mem.startsWith(u8, format, "ts")) return .int64;
    const named = std.StaticStringMap(Kind).initComptime(.{
        .{ "tdD", .int32 },    .{ "tdm", .int64 }, .{ "tts", .int32 }, .{ "ttm", .int32 },
        .{ "ttu", .int64 },    .{ "ttn", .int64 }, .{ "tDs", .int64 }, .{ "tDm", .int64 },
        .{ "tDu", .int64 },    .{ "tDn", .int64 }, .{ "+l", .list },   .{ "+L", .large_list },
        .{ "+s", .structure }, .{ "+m", .map },
    });
    return named.get(format);
}

fn dayOf(format: []const u8) u62 {
    const units = std.StaticStringMap(u62).initComptime(.{
        .{ "tts", std.time.s_per_day },
        .{ "ttm", std.time.ms_per_day },
        .{ "ttu", std.time.us_per_day },
        .{ "ttn", std.time.ns_per_day },
        .{ "tdm", std.time.ms_per_day },
    });
    return units.get(format) orelse 0;
}

const Error = error{ Failed, OutOfMemory };

/// Reads [name, format, whether it may be null, origin ("" or "geojson"), [child]]. With a nil
/// format there is a name and no type yet: the type's format is empty.
pub fn parse(
    item: *Type,
    arena: Allocator,
    reader: *msgpack.Reader,
    failure: *Failure,
) Error!void {
    return parseWithin(item, arena, reader, null, 0, failure);
}

/// Of the column `outer`, or one itself.
fn parseWithin(
    item: *Type,
    arena: Allocator,
    reader: *msgpack.Reader,
    outer: ?[]const u8,
    depth: usize,
    failure: *Failure,
) Error!void {
    if (depth == depth_max) return refuse(failure, "types are nested deeper than {d} levels", .{
        depth_max,
    });
    if (try count(reader, failure) != 5) return refuse(failure, shape, .{});
    const name = try text(reader, failure) orelse return refuse(failure, shape, .{});
    const column = outer orelse name;
    const format = try text(reader, failure);
    const is_nullable = switch (reader.next() catch return refuse(failure, shape, .{})) {
        .boolean => |flag| flag,
        else => return refuse(failure, shape, .{}),
    };
    const origin = try text(reader, failure) orelse return refuse(failure, shape, .{});
    const child_count = try count(reader, failure);
    item.* = .{
        .kind = .null,
        .format = try arena.dupeSentinel(u8, format orelse "", 0),
        .name = try arena.dupeSentinel(u8, name, 0),
        // Any record may lack any bin.
        .is_nullable = is_nullable or depth == 0,
        .origin = if (std.mem.eql(u8, origin, "geojson")) .geojson else .given,
    };
    if (format != null) {
        item.kind = kindOf(item.format) orelse
            return refuse(failure, "schema['{s}']: bins do not become Arrow's type '{s}'", .{
                column, item.format,
            });
    } else if (depth > 0) return refuse(failure, shape, .{});
    item.day = dayOf(item.format);
    if (item.kind == .fixed) {
        item.width = std.fmt.parseInt(u31, item.format[2..], 10) catch
            return refuse(failure, "schema['{s}']: '{s}' has no width", .{ column, item.format });
    }
    // The reader's bytes have one at least for each.
    if (child_count > reader.rest().len) return refuse(failure, shape, .{});
    item.children = try arena.alloc(Type, child_count);
    for (item.children) |*child| {
        try parseWithin(child, arena, reader, column, depth + 1, failure);
    }
    if (!isWhole(item)) {
        const message = "schema['{s}']: the type '{s}' has other children";
        return refuse(failure, message, .{ column, item.format });
    }
}

/// What a column is called: the bin's name, as records have it. A name may have any bytes on a
/// server; what of them is not UTF-8 is shown as `\xff`, and so is a zero, which would end it here.
pub fn nameOf(arena: Allocator, bytes: []const u8) error{OutOfMemory}![:0]const u8 {
    var shown: std.ArrayList(u8) = .empty;
    var rest = bytes;
    while (rest.len > 0) {
        const size = std.unicode.utf8ByteSequenceLength(rest[0]) catch 1;
        const character = rest[0..@min(size, rest.len)];
        if (rest[0] != 0 and std.unicode.utf8ValidateSlice(character)) {
            try shown.appendSlice(arena, character);
            rest = rest[size..];
        } else {
            try shown.print(arena, "\\x{x:0>2}", .{rest[0]});
            rest = rest[1..];
        }
    }
    return shown.toOwnedSliceSentinel(arena, 0);
}

fn isWhole(item: *const Type) bool {
    return switch (item.kind) {
        .list, .large_list => item.children.len == 1,
        .map => item.children.len == 1 and item.children[0].kind == .structure and
            item.children[0].children.len == 2,
        .structure => true,
        else => item.children.len == 0,
    };
}

const shape = "a column must be [name, format, nullable, origin, [column]]";

fn refuse(failure: *Failure, comptime format: []const u8, args: anytype) error{Failed} {
    failure.set(.invalid_argument, format, args);
    return error.Failed;
}

fn count(reader: *msgpack.Reader, failure: *Failure) error{Failed}!u32 {
    return switch (reader.next() catch return refuse(failure, shape, .{})) {
        .array => |number| number,
        else => refuse(failure, shape, .{}),
    };
}

fn text(reader: *msgpack.Reader, failure: *Failure) error{Failed}!?[]const u8 {
    return switch (reader.next() catch return refuse(failure, shape, .{})) {
        .string => |bytes| bytes,
        .nil => null,
        else => refuse(failure, shape, .{}),
    };
}
