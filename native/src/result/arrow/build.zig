//! Cells into the buffers of one column of Arrow.
//!
//! A `Builder` has the buffers of a column, and builders for the columns inside it. It takes one value
//! after the other, numbers and texts many at a time. A value that does not fit leaves nothing
//! behind: what there is of it, at whatever depth, is cut off again, and it is null or an error.

const std = @import("std");
const assert = std.debug.assert;
const cells_module = @import("cells.zig");
const types = @import("types.zig");
const wire = @import("../../wire.zig");
const Allocator = std.mem.Allocator;
const Cell = cells_module.Cell;
const Cells = cells_module.Cells;
const Element = wire.particle.Element;
const Kind = types.Kind;
const Memory = @import("memory.zig").Memory;
const Reason = @import("../columns.zig").Reason;
const Type = types.Type;

pub const Error = error{
    OutOfMemory,
    Malformed,
    /// The value has another type than the column.
    WrongType,
    /// A number outside the column's range, or that the column does not hold exactly.
    WrongRange,
    /// Not as many bytes as the column's values have.
    WrongLength,
    /// There is more in a column than offsets of 32 bits can tell.
    TooLarge,
};

/// Why a value did not fit; null for errors that are not about one value.
pub fn reasonOf(err: Error) ?Reason {
    return switch (err) {
        error.WrongType => .type,
        error.WrongRange => .range,
        error.WrongLength => .length,
        error.OutOfMemory, error.Malformed, error.TooLarge => null,
    };
}

pub const Builder = struct {
    /// As long as values are taken.
    type: *const Type,
    kind: Kind,
    len: usize = 0,
    null_count: usize = 0,
    /// A bit for each value, 1 where there is one.
    validity: Memory = .{},
    /// Numbers, bits of booleans, or bytes.
    data: Memory = .{},
    /// One more than there are values; for what has offsets.
    offsets: Memory = .{},
    children: []Builder = &.{},

    /// Room for so many values, without what is in them.
    pub fn init(gpa: Allocator, item: *const Type, capacity: usize) error{OutOfMemory}!Builder {
        var builder: Builder = .{ .type = item, .kind = item.kind };
        errdefer builder.deinit(gpa);
        try builder.validity.reserve(gpa, (capacity + 7) / 8);
        switch (item.kind) {
            inline else => |kind| {
                if (comptime kind.Offset()) |Offset| {
                    try builder.offsets.reserve(gpa, (capacity + 1) * @sizeOf(Offset));
                    try builder.offsets.append(gpa, Offset, 0);
                }
                if (comptime kind.Number()) |Number| {
                    try builder.data.reserve(gpa, capacity * @sizeOf(Number));
                }
            },
        }
        if (item.children.len == 0) return builder;
        const children = try gpa.alloc(Builder, item.children.len);
        var made: usize = 0;
        errdefer {
            for (children[0..made]) |*child| child.deinit(gpa);
            gpa.free(children);
        }
        for (children, item.children) |*child, *inner| {
            child.* = try .init(gpa, inner, if (item.kind == .structure) capacity else 0);
            made += 1;
        }
        builder.children = children;
        return builder;
    }

    pub fn deinit(builder: *Builder, gpa: Allocator) void {
        builder.validity.deinit(gpa);
        builder.data.deinit(gpa);
        builder.offsets.deinit(gpa);
        for (builder.children) |*child| child.deinit(gpa);
        gpa.free(builder.children);
        builder.* = undefined;
    }

    /// A cell. When it does not fit there is one value more all the same, which is null.
    pub fn take(builder: *Builder, gpa: Allocator, cells: *const Cells, cell: *const Cell) Error!void {
        const len = builder.len;
        builder.takeCell(gpa, cells, cell) catch |err| {
            if (reasonOf(err) == null) return err;
            builder.truncate(len);
            try builder.addNull(gpa);
            return err;
        };
        assert(builder.len == len + 1);
    }

    fn takeCell(builder: *Builder, gpa: Allocator, cells: *const Cells, cell: *const Cell) Error!void {
        switch (cell.kind) {
            .none => try builder.addNull(gpa),
            .boolean => try builder.addBoolean(gpa, cell.bits != 0),
            .integer => try builder.addInteger(gpa, cell.integer()),
            .float => try builder.addFloat(gpa, cell.float()),
            .utf8, .binary, .hll, .geojson => |kind| {
                try builder.addBytes(gpa, kind, cells.bytesOf(cell));
            },
            .list, .map => {
                var reader: wire.msgpack.Reader = .init(cells.bytesOf(cell));
                try builder.add(gpa, &reader);
            },
        }
    }

    /// Cells, as long as they are of the kind that the column is for; returns how many there were.
    pub fn takeMany(
        builder: *Builder,
        gpa: Allocator,
        cells: *const Cells,
        many: []const Cell,
    ) Error!usize {
        switch (builder.kind) {
            .int64 => if (builder.type.day == 0) {
                return builder.takeNumbers(gpa, i64, .integer, many);
            },
            .float64 => return builder.takeNumbers(gpa, f64, .float, many),
            .utf8 => if (builder.type.origin != .geojson) {
                return builder.takeBytes(gpa, .utf8, cells, many);
            },
            .binary => if (builder.type.origin != .hll) {
                return builder.takeBytes(gpa, .binary, cells, many);
            },
            else => {},
        }
        return 0;
    }

    fn takeNumbers(
        builder: *Builder,
        gpa: Allocator,
        T: type,
        comptime kind: Cell.Kind,
        many: []const Cell,
    ) Error!usize {
        try builder.data.reserve(gpa, many.len * @sizeOf(T));
        try builder.reserveValidity(gpa, many.len);
        const data: [*]T = @ptrCast(@alignCast(builder.data.bytes.ptr));
        const first = builder.len;
        for (many, 0..) |*cell, index| {
            const is_there = cell.kind == kind;
            if (!is_there and cell.kind != .none) return builder.tookNumbers(T, index);
            data[first + index] = @bitCast(cell.bits);
            builder.setBit(first + index, is_there);
        }
        return builder.tookNumbers(T, many.len);
    }

    fn tookNumbers(builder: *Builder, T: type, count: usize) usize {
        builder.len += count;
        builder.data.end = builder.len * @sizeOf(T);
        return count;
    }

    fn takeBytes(
        builder: *Builder,
        gpa: Allocator,
        comptime kind: Cell.Kind,
        cells: *const Cells,
        many: []const Cell,
    ) Error!usize {
        var size: usize = 0;
        var count: usize = 0;
        for (many) |*cell| {
            if (cell.kind != kind and cell.kind != .none) break;
            size += cell.len;
            count += 1;
        }
        if (builder.data.end + size > std.math.maxInt(i32)) return error.TooLarge;
        try builder.data.reserve(gpa, size);
        try builder.offsets.reserve(gpa, count * @sizeOf(i32));
        try builder.reserveValidity(gpa, count);
        const source = cells.bytes.written();
        const target = builder.data.bytes;
        const offsets: [*]i32 = @ptrCast(@alignCast(builder.offsets.bytes.ptr));
        const first = builder.len;
        var end = builder.data.end;
        var taken: usize = 0;
        for (many[0..count]) |*cell| {
            const is_there = cell.kind == kind;
            if (is_there) {
                const bytes = source[cell.bits..][0..cell.len];
                if (kind == .utf8 and !wire.particle.isUtf8(bytes)) break;
                wire.short.copy(target[end..][0..bytes.len], bytes);
                end += bytes.len;
            }
            offsets[first + taken + 1] = @intCast(end);
            builder.setBit(first + taken, is_there);
            taken += 1;
        }
        builder.data.end = end;
        builder.len += taken;
        builder.offsets.end = (builder.len + 1) * @sizeOf(i32);
        return taken;
    }

    fn reserveValidity(builder: *Builder, gpa: Allocator, count: usize) error{OutOfMemory}!void {
        const size = (builder.len + count + 7) / 8;
        if (size > builder.validity.end) try builder.validity.reserve(gpa, size - builder.validity.end);
    }

    /// The bit of the next value; there is room for it.
    inline fn setBit(builder: *Builder, index: usize, is_there: bool) void {
        const byte = index / 8;
        if (byte == builder.validity.end) {
            builder.validity.end += 1;
            builder.validity.bytes[byte] = 0;
        }
        const bit = @as(u8, @intFromBool(is_there)) << @intCast(index % 8);
        builder.validity.bytes[byte] |= bit;
        builder.null_count += @intFromBool(!is_there);
    }

    inline fn addBit(builder: *Builder, gpa: Allocator, is_there: bool) error{OutOfMemory}!void {
        try builder.reserveValidity(gpa, 1);
        builder.setBit(builder.len, is_there);
        builder.len += 1;
    }

    fn addNull(builder: *Builder, gpa: Allocator) Error!void {
        if (!builder.type.is_nullable) return error.WrongType;
        try builder.addEmpty(gpa);
        try builder.addBit(gpa, false);
    }

    /// What is in the buffers of a value that is not looked at.
    fn addEmpty(builder: *Builder, gpa: Allocator) Error!void {
        switch (builder.kind) {
            .null => {},
            .boolean => try builder.addFlag(gpa, false),
            .fixed => @memset(try builder.data.add(gpa, builder.type.width), 0),
            .structure => for (builder.children) |*child| {
                try child.addEmpty(gpa);
                try child.addBit(gpa, !child.type.is_nullable);
            },
            inline else => |kind| if (comptime kind.Number()) |Number| {
                try builder.data.append(gpa, Number, 0);
            } else {
                try builder.addOffset(gpa, comptime kind.Offset().?);
            },
        }
    }

    /// The offset behind what is there of the data, or of the values inside.
    fn addOffset(builder: *Builder, gpa: Allocator, Offset: type) Error!void {
        const end = if (builder.children.len > 0) builder.children[0].len else builder.data.end;
        const offset = std.math.cast(Offset, end) orelse return error.TooLarge;
        try builder.offsets.append(gpa, Offset, offset);
    }

    fn addFlag(builder: *Builder, gpa: Allocator, flag: bool) error{OutOfMemory}!void {
        const byte = builder.len / 8;
        if (byte == builder.data.end) try builder.data.append(gpa, u8, 0);
        builder.data.bytes[byte] |= @as(u8, @intFromBool(flag)) << @intCast(builder.len % 8);
    }

    fn addBoolean(builder: *Builder, gpa: Allocator, flag: bool) Error!void {
        if (builder.kind == .boolean) {
            try builder.addFlag(gpa, flag);
            return builder.addBit(gpa, true);
        }
        // Only who says so has booleans become numbers.
        if (builder.type.origin != .given) return error.WrongType;
        return builder.addInteger(gpa, @as(i64, @intFromBool(flag)));
    }

    /// `number` is an i64 or a u64.
    fn addInteger(builder: *Builder, gpa: Allocator, number: anytype) Error!void {
        const is_given = builder.type.origin == .given;
        switch (builder.kind) {
            .boolean => {
                // As which older clients store booleans.
                if (!is_given) return error.WrongType;
                if (number != 0 and number != 1) return error.WrongRange;
                try builder.addFlag(gpa, number == 1);
            },
            inline else => |kind| {
                const Number = comptime kind.Number() orelse void;
                if (Number == void) return error.WrongType;
                if (comptime @typeInfo(Number) == .float) {
                    if (!is_given and (number > types.exact_max or number < -types.exact_max)) {
                        return error.WrongRange;
                    }
                    return builder.addFloat(gpa, @floatFromInt(number));
                }
                const fitting = std.math.cast(Number, number) orelse return error.WrongRange;
                // Only numbers with a sign are times.
                if (builder.type.day != 0 and !builder.type.isWithinDay(@intCast(fitting))) {
                    return error.WrongRange;
                }
                try builder.data.append(gpa, Number, fitting);
            },
        }
        try builder.addBit(gpa, true);
    }

    fn addFloat(builder: *Builder, gpa: Allocator, number: f64) Error!void {
        switch (builder.kind) {
            inline .float16, .float32, .float64 => |kind| {
                const Number = comptime kind.Number().?;
                const value: Number = @floatCast(number);
                if (std.math.isInf(value) and !std.math.isInf(number)) return error.WrongRange;
                try builder.data.append(gpa, Number, value);
            },
            else => return error.WrongType,
        }
        try builder.addBit(gpa, true);
    }

    fn addBytes(builder: *Builder, gpa: Allocator, kind: Cell.Kind, bytes: []const u8) Error!void {
        const chosen = builder.kind;
        const is_fitting = switch (builder.type.origin) {
            .inferred => kind == @as(Cell.Kind, if (chosen == .utf8) .utf8 else .binary),
            .hll => kind == .hll,
            .geojson => kind == .geojson,
            // Texts are bytes, too; of GeoJSON the text.
            .given => !chosen.isText() or kind == .utf8 or kind == .geojson,
        };
        if (!is_fitting) return error.WrongType;
        if (chosen.isText() and !wire.particle.isUtf8(bytes)) return error.WrongType;
        switch (chosen) {
            inline .utf8, .large_utf8, .binary, .large_binary => |known| {
                try builder.addContent(gpa, bytes);
                try builder.addOffset(gpa, comptime known.Offset().?);
            },
            .fixed => {
                if (bytes.len != builder.type.width) return error.WrongLength;
                try builder.addContent(gpa, bytes);
            },
            else => return error.WrongType,
        }
        try builder.addBit(gpa, true);
    }

    fn addContent(builder: *Builder, gpa: Allocator, bytes: []const u8) error{OutOfMemory}!void {
        wire.short.copy(try builder.data.add(gpa, bytes.len), bytes);
    }

    /// A value of the dialect, which is taken from the reader. Types in types are not very deep, and so
    /// is what is taken.
    fn add(builder: *Builder, gpa: Allocator, reader: *wire.msgpack.Reader) Error!void {
        switch (try Element.next(reader)) {
            .nil => try builder.addNull(gpa),
            .boolean => |flag| try builder.addBoolean(gpa, flag),
            .integer => |number| try builder.addInteger(gpa, number),
            .unsigned => |number| try builder.addInteger(gpa, number),
            .float => |number| try builder.addFloat(gpa, number),
            .string => |bytes| try builder.addBytes(gpa, .utf8, bytes),
            .blob => |bytes| try builder.addBytes(gpa, .binary, bytes),
            .hll => |bytes| try builder.addBytes(gpa, .hll, bytes),
            .geojson => |bytes| try builder.addBytes(gpa, .geojson, bytes),
            .list => |count| try builder.addList(gpa, reader, count),
            .map => |count| switch (builder.kind) {
                .map => try builder.addMap(gpa, reader, count),
                .structure => try builder.addStructure(gpa, reader, count),
                else => return error.WrongType,
            },
            .comparison => return error.WrongType,
        }
    }

    fn addList(
        builder: *Builder,
        gpa: Allocator,
        reader: *wire.msgpack.Reader,
        count: u32,
    ) Error!void {
        switch (builder.kind) {
            inline .list, .large_list => |kind| {
                const item = &builder.children[0];
                for (0..count) |_| try item.add(gpa, reader);
                try builder.addOffset(gpa, comptime kind.Offset().?);
                try builder.addBit(gpa, true);
            },
            else => return error.WrongType,
        }
    }

    fn addMap(
        builder: *Builder,
        gpa: Allocator,
        reader: *wire.msgpack.Reader,
        count: u32,
    ) Error!void {
        const entries = &builder.children[0];
        for (0..count) |_| {
            for (entries.children) |*member| try member.add(gpa, reader);
            try entries.addBit(gpa, true);
        }
        try builder.addOffset(gpa, i32);
        try builder.addBit(gpa, true);
    }

    /// A map whose keys are the names of fields. A field that is not in the map is null.
    fn addStructure(
        builder: *Builder,
        gpa: Allocator,
        reader: *wire.msgpack.Reader,
        count: u32,
    ) Error!void {
        var expected: usize = 0;
        for (0..count) |_| {
            const key = switch (try Element.next(reader)) {
                .string => |text| text,
                else => return error.WrongType,
            };
            const index = builder.fieldOf(key, expected) orelse return error.WrongType;
            expected = index + 1;
            const field = &builder.children[index];
            // A key is there once.
            if (field.len > builder.len) return error.Malformed;
            try field.add(gpa, reader);
        }
        for (builder.children) |*field| {
            if (field.len == builder.len) try field.addNull(gpa);
        }
        try builder.addBit(gpa, true);
    }

    fn fieldOf(builder: *const Builder, key: []const u8, expected: usize) ?usize {
        const fields = builder.type.children;
        for (0..fields.len) |step| {
            const index = (expected + step) % fields.len;
            if (std.mem.eql(u8, fields[index].name, key)) return index;
        }
        return null;
    }

    /// Cuts off what is behind so many values, which may be part of one.
    fn truncate(builder: *Builder, len: usize) void {
        for (len..builder.len) |index| {
            const is_there = builder.validity.bytes[index / 8] >> @intCast(index % 8) & 1 != 0;
            builder.null_count -= @intFromBool(!is_there);
        }
        builder.len = len;
        cutBits(&builder.validity, len);
        switch (builder.kind) {
            .null => {},
            .boolean => cutBits(&builder.data, len),
            .fixed => builder.data.end = len * builder.type.width,
            .structure => for (builder.children) |*child| child.truncate(@min(len, child.len)),
            inline else => |kind| if (comptime kind.Number()) |Number| {
                builder.data.end = len * @sizeOf(Number);
            } else {
                const Offset = comptime kind.Offset().?;
                builder.offsets.end = (len + 1) * @sizeOf(Offset);
                const end: usize = @intCast(builder.offsets.items(Offset)[len]);
                if (builder.children.len == 0) {
                    builder.data.end = end;
                } else {
                    builder.children[0].truncate(end);
                }
            },
        }
    }

    fn cutBits(memory: *Memory, len: usize) void {
        memory.end = @min(memory.end, (len + 7) / 8);
        if (len % 8 == 0 or memory.end * 8 < len) return;
        const mask = (@as(u8, 1) << @intCast(len % 8)) - 1;
        memory.bytes[memory.end - 1] &= mask;
    }
};
