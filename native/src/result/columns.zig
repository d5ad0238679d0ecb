//! Records into columns: the bins of many records, written as numbers and bytes into an array
//! of fixed-size rows that belongs to the caller (a structured NumPy array, or an array of C
//! structs).
//!
//! A `Table` describes that memory: for each column the bin's name, where its field lies in a
//! row, and of which type it is. `Table.writeRow` takes one message of a reply and writes one
//! row. A bin without a column is passed over, a column without a bin stays zero.
//!
//! What fits into a field:
//!   integers   integers in range, and booleans as 0 and 1
//!   floats     floats and integers, unless a finite number would become infinite; booleans
//!   booleans   booleans, and the integers 0 and 1 that older clients store for them
//!   bytes      strings, blobs, HyperLogLog, and GeoJSON as its text, up to the field's size
//!   arrays     a blob of whole elements, taken as it is, or a list whose elements each fit
//! What is shorter than its field ends in zeros. Everything else is a mismatch: the field is
//! zero, the row's code says so, and a `Mismatch` says which was the first.
//!
//! All memory is the caller's and nothing is allocated. Several threads may write different rows
//! of one table, each with a `Mismatch` of its own. Whatever the network sends is an error value.

const std = @import("std");
const assert = std.debug.assert;
const wire = @import("../wire.zig");
const growing = @import("../growing.zig");
const visitor = @import("visitor.zig");
const particle = wire.particle;
const Failure = @import("../status.zig").Failure;

/// The code of a row until it is answered: the number of `Status.no_response`.
pub const code_no_response: i32 = -15;

/// The code of a row that was read, but has a value that did not fit its column.
pub const code_mismatch: i32 = -104;

pub const name_bytes_max = wire.operation.bin_name_bytes_max;

/// The type of a field, or of the elements of one that is an array.
pub const Kind = enum(u8) {
    int8 = 1,
    int16 = 2,
    int32 = 3,
    int64 = 4,
    uint8 = 5,
    uint16 = 6,
    uint32 = 7,
    uint64 = 8,
    float16 = 9,
    float32 = 10,
    float64 = 11,
    boolean = 12,
    /// Bytes of any number, filled up with zeros.
    bytes = 13,
    _,

    /// Null for bytes, which have no size of their own.
    fn sizeBytes(kind: Kind) ?u32 {
        return switch (kind) {
            .int8, .uint8, .boolean => 1,
            .int16, .uint16, .float16 => 2,
            .int32, .uint32, .float32 => 4,
            .int64, .uint64, .float64 => 8,
            .bytes, _ => null,
        };
    }
};

/// Why a value did not fit.
pub const Reason = enum(u8) {
    none = 0,
    /// A value of this type has no place in a field of that kind.
    type = 1,
    /// The number is outside the field's range.
    range = 2,
    /// More bytes or elements than the field has, or a blob that ends within an element.
    length = 3,
    _,
};

/// `asz_column` of the header.
pub const Column = extern struct {
    name: [name_bytes_max]u8,
    name_len: u8,
    offset: u32,
    size: u32,
    element_size: u32,
    kind: Kind,
    /// 1: the bytes of a number are in the order that is not this machine's.
    swapped: u8,
    /// 1: the field is an array of size / element_size elements.
    array: u8,
    reserved: u8,

    comptime {
        assert(@sizeOf(Column) == 32);
        assert(@offsetOf(Column, "offset") == 16);
    }

    fn isValid(column: *const Column, row_stride: u64) bool {
        if (column.name_len == 0 or column.name_len > name_bytes_max) return false;
        if (@as(u64, column.offset) + column.size > row_stride) return false;
        switch (column.kind) {
            .bytes => {},
            else => if (column.kind.sizeBytes() != column.element_size) return false,
        }
        if (column.array == 0) return column.size == column.element_size;
        if (column.element_size == 0) return column.size == 0;
        return column.size % column.element_size == 0;
    }

    /// Writes a bin's value into its field, which has the column's size. A reason: it does not
    /// fit, and the field is zero.
    inline fn write(
        column: *const Column,
        field: []u8,
        operation: *const wire.operation.Operation,
    ) error{Malformed}!?Reason {
        assert(field.len == column.size);
        if (column.array != 0) return column.writeArray(field, operation);
        const value = operation.value;
        const reason = switch (operation.particle) {
            .integer => column.writeInteger(field, try particle.decodeInteger(value)),
            .float => column.writeFloat(field, try particle.decodeFloat(value)),
            .string => column.writeBytes(field, value),
            .boolean => column.writeBoolean(field, try particle.decodeBoolean(value)),
            else => try column.writeOther(field, operation),
        };
        if (reason != null) @memset(field, 0);
        return reason;
    }

    fn writeOther(
        column: *const Column,
        field: []u8,
        operation: *const wire.operation.Operation,
    ) error{Malformed}!?Reason {
        return switch (try particle.decode(operation.particle, operation.value)) {
            .nil => {
                @memset(field, 0);
                return null;
            },
            .blob, .hll, .geojson => |bytes| column.writeBytes(field, bytes),
            .list, .map => .type,
            .integer, .float, .boolean, .string => unreachable,
        };
    }

    inline fn writeBoolean(column: *const Column, field: []u8, flag: bool) ?Reason {
        return column.writeInteger(field, @as(i64, @intFromBool(flag)));
    }

    /// `number` is an i64 or a u64.
    inline fn writeInteger(column: *const Column, field: []u8, number: anytype) ?Reason {
        const swapped = column.swapped != 0;
        switch (column.kind) {
            .int64 => return putInteger(i64, field, number, swapped),
            .int32 => return putInteger(i32, field, number, swapped),
            .int16 => return putInteger(i16, field, number, swapped),
            .int8 => return putInteger(i8, field, number, swapped),
            .uint64 => return putInteger(u64, field, number, swapped),
            .uint32 => return putInteger(u32, field, number, swapped),
            .uint16 => return putInteger(u16, field, number, swapped),
            .uint8 => return putInteger(u8, field, number, swapped),
            .float16, .float32, .float64 => {
                return column.writeFloat(field, @as(f64, @floatFromInt(number)));
            },
            .boolean => {
                if (number != 0 and number != 1) return .range;
                field[0] = @intFromBool(number == 1);
                return null;
            },
            .bytes, _ => return .type,
        }
    }

    inline fn writeFloat(column: *const Column, field: []u8, number: f64) ?Reason {
        const swapped = column.swapped != 0;
        return switch (column.kind) {
            .float64 => putFloat(f64, field, number, swapped),
            .float32 => putFloat(f32, field, number, swapped),
            .float16 => putFloat(f16, field, number, swapped),
            else => .type,
        };
    }

    inline fn writeBytes(column: *const Column, field: []u8, bytes: []const u8) ?Reason {
        if (column.kind != .bytes) return .type;
        if (bytes.len > field.len) return .length;
        // Zeros first, as a whole: fields are small, and then there is no rest to be computed.
        wire.short.zero(field);
        wire.short.copy(field[0..bytes.len], bytes);
        return null;
    }

    fn writeArray(
        column: *const Column,
        field: []u8,
        operation: *const wire.operation.Operation,
    ) error{Malformed}!?Reason {
        @memset(field, 0);
        switch (try particle.decode(operation.particle, operation.value)) {
            .nil => return null,
            .blob, .hll => |bytes| {
                if (bytes.len > field.len) return .length;
                if (bytes.len == 0) return null;
                if (bytes.len % column.element_size != 0) return .length;
                @memcpy(field[0..bytes.len], bytes);
                return null;
            },
            .list => |bytes| {
                const reason = try column.writeList(field, bytes);
                if (reason != null) @memset(field, 0);
                return reason;
            },
            .integer, .float, .boolean, .string, .geojson, .map => return .type,
        }
    }

    /// A list in the server's dialect of MessagePack, element by element.
    fn writeList(column: *const Column, field: []u8, bytes: []const u8) error{Malformed}!?Reason {
        var reader: wire.msgpack.Reader = .init(bytes);
        const count = switch (try particle.Element.next(&reader)) {
            .list => |count| count,
            else => return error.Malformed,
        };
        const capacity = if (column.element_size == 0) 0 else field.len / column.element_size;
        for (0..count) |index| {
            const value = try particle.Element.next(&reader);
            if (index == capacity) return .length;
            const element = field[index * column.element_size ..][0..column.element_size];
            if (column.writeElement(element, value)) |reason| return reason;
        }
        if (!reader.isAtEnd()) return error.Malformed;
        return null;
    }

    fn writeElement(column: *const Column, field: []u8, value: particle.Element) ?Reason {
        return switch (value) {
            .integer => |number| column.writeInteger(field, number),
            .unsigned => |number| column.writeInteger(field, number),
            .float => |number| column.writeFloat(field, number),
            .boolean => |flag| column.writeBoolean(field, flag),
            .string, .blob, .hll, .geojson => |bytes| column.writeBytes(field, bytes),
            .nil, .list, .map, .comparison => .type,
        };
    }
};

inline fn putInteger(T: type, field: []u8, number: anytype, swapped: bool) ?Reason {
    const value = std.math.cast(T, number) orelse return .range;
    put(T, field, value, swapped);
    return null;
}

inline fn putFloat(T: type, field: []u8, number: f64, swapped: bool) ?Reason {
    const value: T = @floatCast(number);
    if (std.math.isInf(value) and !std.math.isInf(number)) return .range;
    put(T, field, value, swapped);
    return null;
}

inline fn put(T: type, field: []u8, value: T, swapped: bool) void {
    const Bits = @Int(.unsigned, @bitSizeOf(T));
    const bits: Bits = @bitCast(value);
    field[0..@sizeOf(T)].* = @bitCast(if (swapped) @byteSwap(bits) else bits);
}

/// How many rows have a value that did not fit, and the first of them.
/// `asz_mismatch` of the header.
pub const Mismatch = extern struct {
    row_count: u64 = 0,
    row: u64 = 0,
    column: u32 = 0,
    reason: Reason = .none,
    /// The particle type of the value.
    particle_type: u8 = 0,
    reserved: [2]u8 = @splat(0),

    comptime {
        assert(@sizeOf(Mismatch) == 24);
    }

    /// Adds what another thread has noted about other rows of the same table.
    pub fn merge(mismatch: *Mismatch, other: *const Mismatch) void {
        if (other.row_count == 0) return;
        const row_count = mismatch.row_count + other.row_count;
        if (mismatch.row_count == 0 or other.row < mismatch.row) mismatch.* = other.*;
        mismatch.row_count = row_count;
    }
};

/// A row's metadata; `asz_metadata` of the header.
pub const Metadata = extern struct {
    generation: u32,
    ttl: u32,
};

/// `asz_table` of the header.
pub const Table = extern struct {
    size: u32,
    column_count: u32,
    columns: ?[*]const Column,
    rows: ?[*]u8,
    row_stride: u64,
    row_count: u64,
    /// Null when nobody asks for it.
    metadata: ?[*]Metadata,
    result_codes: ?[*]i32,
    mismatch: Mismatch,
    /// A byte for each column of each row: 1 where the record has the bin, and it fitted. Null when
    /// nobody asks for it.
    present: ?[*]u8 = null,
    /// Of the records of a query; null when nobody asks for them.
    digests: ?[*]wire.digest.Digest = null,
    /// One more than the index of the column for the user keys of a query's records; 0 for none.
    key_column: u32 = 0,
    reserved: u32 = 0,

    /// Whether the description holds together; to be asked once, before anything is written.
    pub fn check(table: *const Table, failure: *Failure) error{Failed}!void {
        try growing.check(Table, table, "asz_table", failure);
        if (!table.hasMemory()) {
            failure.set(.invalid_argument, "asz_table has no memory for its rows", .{});
            return error.Failed;
        }
        if (table.key_column > table.column_count) {
            failure.set(.invalid_argument, "asz_table.key_column is no column", .{});
            return error.Failed;
        }
        for (table.columnSlice(), 0..) |*column, index| {
            if (column.isValid(table.row_stride)) continue;
            failure.set(.invalid_argument, "asz_table.columns[{d}] is not valid", .{index});
            return error.Failed;
        }
    }

    fn hasMemory(table: *const Table) bool {
        if (table.column_count > 0 and table.columns == null) return false;
        if (table.row_count == 0) return true;
        if (table.result_codes == null) return false;
        const size = std.math.mul(u64, table.row_count, table.row_stride) catch return false;
        if (std.math.cast(isize, size) == null) return false;
        return size == 0 or table.rows != null;
    }

    /// Marks all rows as not answered. Rows and metadata are zero already: the caller made them so.
    pub fn start(table: *Table) void {
        for (0..table.row_count) |row| table.result_codes.?[row] = code_no_response;
        table.mismatch = .{};
    }

    /// The row's code; `code_no_response` while it is to be asked for.
    pub fn code(table: *const Table, row: usize) i32 {
        assert(row < table.row_count);
        return table.result_codes.?[row];
    }

    /// Gives a row that was not read the code that says why.
    pub fn fail(table: *const Table, row: usize, row_code: i32) void {
        assert(row < table.row_count);
        assert(row_code != 0);
        table.result_codes.?[row] = row_code;
    }

    /// Writes the record of a message, or its result code, and returns the bytes that follow the
    /// message in its frame. On an error the row is as it was before, to be written by a retry.
    pub fn writeRow(
        table: *const Table,
        row: usize,
        message: *const wire.message.Message,
        ttl_s: u32,
        mismatch: *Mismatch,
    ) error{Malformed}![]const u8 {
        // The index comes from the network.
        if (row >= table.row_count) return error.Malformed;
        var operations = try message.operations();
        const result_code = message.header.result_code;
        if (result_code != 0) {
            while (try operations.next()) |_| {}
            table.fail(row, result_code);
            return operations.rest;
        }
        const noted = try table.writeFields(row, &operations);
        if (table.metadata) |metadata| {
            metadata[row] = .{ .generation = message.header.generation, .ttl = ttl_s };
        }
        table.result_codes.?[row] = if (noted.row_count == 0) 0 else code_mismatch;
        mismatch.merge(&noted);
        return operations.rest;
    }

    /// Writes whose record a row is, of which the record has been written.
    pub fn writeKey(
        table: *Table,
        row: usize,
        kind: wire.particle.Type,
        user_key: []const u8,
        digest: *const wire.digest.Digest,
    ) error{Malformed}!void {
        if (table.digests) |digests| digests[row] = digest.*;
        if (table.key_column == 0 or kind == .nil) return;
        const index = table.key_column - 1;
        var fields: Fields = .{ .table = table, .row = row, .bytes = table.rowBytes(row) };
        try fields.take(index, &.{ .code = .read, .particle = kind, .name = "", .value = user_key });
        if (fields.noted.row_count == 0) return;
        // A row is counted once.
        if (table.code(row) == code_mismatch) return;
        table.fail(row, code_mismatch);
        table.mismatch.merge(&fields.noted);
    }

    inline fn writeFields(
        table: *const Table,
        row: usize,
        operations: *wire.message.OperationIterator,
    ) error{Malformed}!Mismatch {
        var fields: Fields = .{ .table = table, .row = row, .bytes = table.rowBytes(row) };
        errdefer {
            @memset(fields.bytes, 0);
            if (table.presence(row)) |present| @memset(present, 0);
        }
        try visitor.visit(&fields, operations);
        return fields.noted;
    }

    /// Where the bins of one record go.
    const Fields = struct {
        table: *const Table,
        row: usize,
        bytes: []u8,
        noted: Mismatch = .{},

        pub inline fn columns(fields: *const Fields) []const Column {
            return fields.table.columnSlice();
        }

        pub inline fn discover(_: *const Fields, _: []const u8) error{Malformed}!?usize {
            return null;
        }

        pub inline fn take(
            fields: *Fields,
            index: usize,
            operation: *const wire.operation.Operation,
        ) error{Malformed}!void {
            const column = &fields.columns()[index];
            const field = fields.bytes[column.offset..][0..column.size];
            const reason = try column.write(field, operation) orelse {
                const present = fields.table.presence(fields.row) orelse return;
                present[index] = @intFromBool(operation.particle != .nil);
                return;
            };
            if (fields.noted.row_count > 0) return;
            fields.noted = .{
                .row_count = 1,
                .row = fields.row,
                .column = @intCast(index),
                .reason = reason,
                .particle_type = @backingInt(operation.particle),
            };
        }
    };

    fn columnSlice(table: *const Table) []const Column {
        const columns = table.columns orelse return &.{};
        return columns[0..table.column_count];
    }

    inline fn presence(table: *const Table, row: usize) ?[]u8 {
        const present = table.present orelse return null;
        return present[row * table.column_count ..][0..table.column_count];
    }

    fn rowBytes(table: *const Table, row: usize) []u8 {
        assert(row < table.row_count);
        const rows = table.rows orelse return &.{};
        return rows[row * table.row_stride ..][0..table.row_stride];
    }
};

comptime {
    assert(@sizeOf(Table) == 104);
    assert(@offsetOf(Table, "mismatch") == 56);
}
