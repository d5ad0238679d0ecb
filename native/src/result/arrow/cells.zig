//! The bins of many records as a table of cells, a column for each bin: what is kept of records until
//! columns are made of them.
//!
//! Records come in any order, and their types are not known yet. A cell has a number itself, and
//! the place of everything else in bytes that all cells share. What is wrong with a record is seen
//! when it is taken, and then nothing of it stays.

const std = @import("std");
const assert = std.debug.assert;
const operation_module = wire.operation;
const unfilled = @import("../../unfilled.zig");
const visitor = @import("../visitor.zig");
const wire = @import("../../wire.zig");
const Allocator = std.mem.Allocator;
const Guess = @import("infer.zig").Guess;
const Type = @import("types.zig").Type;

pub const name_bytes_max = operation_module.bin_name_bytes_max;

/// A server has no more bins in a namespace.
const columns_max = 65_535;
/// Rows that there is room for, to begin with.
const rows_min = 1024;
const bytes_max = 1 << 40;

pub const Cell = extern struct {
    /// The bits of an integer, a float or a boolean; the offset of anything else in the bytes.
    bits: u64 = 0,
    len: u32 = 0,
    kind: Kind = .none,
    particle: u8 = 0,
    reserved: u16 = 0,

    pub const Kind = enum(u8) {
        none,
        boolean,
        integer,
        float,
        utf8,
        binary,
        hll,
        geojson,
        list,
        map,

        pub fn guess(kind: Kind) Guess.Kind {
            return switch (kind) {
                inline else => |known| @field(Guess.Kind, @tagName(known)),
            };
        }
    };

    pub fn integer(cell: *const Cell) i64 {
        return @bitCast(cell.bits);
    }

    pub fn float(cell: *const Cell) f64 {
        return @bitCast(cell.bits);
    }
};

pub const Column = struct {
    name: [name_bytes_max]u8 = @splat(0),
    name_len: u8,
    /// Null while it is to be inferred.
    type: ?*const Type = null,
    cells: []Cell = &.{},

    pub fn named(name: []const u8) Column {
        assert(name.len <= name_bytes_max);
        var column: Column = .{ .name_len = @intCast(name.len) };
        @memcpy(column.name[0..name.len], name);
        return column;
    }

    pub fn nameSlice(column: *const Column) []const u8 {
        return column.name[0..column.name_len];
    }
};

pub const Error = error{ Malformed, OutOfMemory, NoSpaceLeft };

pub const Cells = struct {
    gpa: Allocator,
    columns: std.ArrayList(Column) = .empty,
    bytes: wire.Buffer,
    /// Rows that all columns have cells for.
    capacity: usize = 0,
    /// A bin without a column gets one.
    is_open: bool,
    /// Bins without a column are noted instead.
    is_settled: bool = false,
    /// The first of those, and the row that has it.
    stranger: ?struct { column: Column, row: usize } = null,

    pub fn init(gpa: Allocator, is_open: bool) Cells {
        return .{ .gpa = gpa, .bytes = .growing(gpa, &.{}, bytes_max), .is_open = is_open };
    }

    pub fn deinit(cells: *Cells) void {
        for (cells.columns.items) |*column| cells.free(column);
        cells.columns.deinit(cells.gpa);
        cells.bytes.deinit();
    }

    fn free(cells: *const Cells, column: *const Column) void {
        unfilled.free(cells.gpa, column.cells);
    }

    pub fn addColumn(cells: *Cells, given: Column) error{OutOfMemory}!void {
        var column = given;
        column.cells = try unfilled.alloc(Cell, cells.gpa, cells.capacity);
        @memset(column.cells, .{});
        errdefer cells.free(&column);
        try cells.columns.append(cells.gpa, column);
    }

    /// Makes room for so many rows.
    pub fn reserve(cells: *Cells, count: usize) error{OutOfMemory}!void {
        if (count <= cells.capacity) return;
        const capacity = @max(count, 2 * cells.capacity, rows_min);
        for (cells.columns.items) |*column| {
            if (column.cells.len >= capacity) continue;
            const larger = try unfilled.alloc(Cell, cells.gpa, capacity);
            @memcpy(larger[0..column.cells.len], column.cells);
            @memset(larger[column.cells.len..], .{});
            cells.free(column);
            column.cells = larger;
        }
        cells.capacity = capacity;
    }

    /// Forgets the records, so many of them, and keeps the memory.
    pub fn clear(cells: *Cells, count: usize) void {
        for (cells.columns.items) |*column| @memset(column.cells[0..count], .{});
        cells.bytes.clear();
        cells.stranger = null;
    }

    /// Takes the bins of a record, or nothing of it on an error.
    pub fn take(
        cells: *Cells,
        row: usize,
        operations: *wire.message.OperationIterator,
    ) Error!void {
        assert(row < cells.capacity);
        const kept_bytes = cells.bytes.end;
        const kept_columns = cells.columns.items.len;
        errdefer cells.undo(row, kept_bytes, kept_columns);
        var sink: Sink = .{ .cells = cells, .row = row };
        try visitor.visit(&sink, operations);
    }

    fn undo(cells: *Cells, row: usize, kept_bytes: usize, kept_columns: usize) void {
        cells.bytes.end = kept_bytes;
        for (cells.columns.items[kept_columns..]) |*column| cells.free(column);
        cells.columns.shrinkRetainingCapacity(kept_columns);
        for (cells.columns.items) |*column| column.cells[row] = .{};
        if (cells.stranger) |stranger| if (stranger.row == row) {
            cells.stranger = null;
        };
    }

    const Sink = struct {
        cells: *Cells,
        row: usize,

        pub inline fn columns(sink: *const Sink) []const Column {
            return sink.cells.columns.items;
        }

        pub fn discover(sink: *const Sink, name: []const u8) Error!?usize {
            const cells = sink.cells;
            if (!cells.is_open or name.len == 0) return null;
            if (name.len > name_bytes_max) return error.Malformed;
            if (cells.is_settled) {
                if (cells.stranger == null) {
                    cells.stranger = .{ .column = .named(name), .row = sink.row };
                }
                return null;
            }
            if (cells.columns.items.len == columns_max) return error.Malformed;
            try cells.addColumn(.named(name));
            return cells.columns.items.len - 1;
        }

        pub inline fn take(
            sink: *const Sink,
            index: usize,
            operation: *const operation_module.Operation,
        ) Error!void {
            const cells = sink.cells;
            const cell = &cells.columns.items[index].cells[sink.row];
            const value = operation.value;
            cell.* = switch (operation.particle) {
                .integer => .{
                    .kind = .integer,
                    .bits = @bitCast(try wire.particle.decodeInteger(value)),
                },
                .float => .{
                    .kind = .float,
                    .bits = @bitCast(try wire.particle.decodeFloat(value)),
                },
                .boolean => .{
                    .kind = .boolean,
                    .bits = @intFromBool(try wire.particle.decodeBoolean(value)),
                },
                .string => try cells.keep(.utf8, value),
                else => try cells.keepOther(operation),
            };
            cell.particle = @backingInt(operation.particle);
        }
    };

    fn keepOther(cells: *Cells, operation: *const operation_module.Operation) Error!Cell {
        switch (try wire.particle.decode(operation.particle, operation.value)) {
            .nil => return .{},
            .blob => |bytes| return cells.keep(.binary, bytes),
            .hll => |bytes| return cells.keep(.hll, bytes),
            .geojson => |bytes| return cells.keep(.geojson, bytes),
            .list => |bytes| return cells.keepContainer(.list, bytes),
            .map => |bytes| return cells.keepContainer(.map, bytes),
            .integer, .float, .boolean, .string => unreachable,
        }
    }

    fn keepContainer(cells: *Cells, kind: Cell.Kind, bytes: []const u8) Error!Cell {
        var reader: wire.msgpack.Reader = .init(bytes);
        try reader.skip();
        if (!reader.isAtEnd()) return error.Malformed;
        reader.position = 0;
        const element = try wire.particle.Element.next(&reader);
        if (element != .list and kind == .list) return error.Malformed;
        if (element != .map and kind == .map) return error.Malformed;
        return cells.keep(kind, bytes);
    }

    pub inline fn keep(cells: *Cells, kind: Cell.Kind, bytes: []const u8) Error!Cell {
        const offset = cells.bytes.end;
        try cells.bytes.append(bytes);
        return .{ .kind = kind, .bits = offset, .len = @intCast(bytes.len) };
    }

    pub fn bytesOf(cells: *const Cells, cell: *const Cell) []const u8 {
        return cells.bytes.written()[cell.bits..][0..cell.len];
    }
};
