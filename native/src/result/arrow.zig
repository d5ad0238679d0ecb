//! Records into columns of Arrow, which other libraries take over as they are.
//!
//! Records are taken as they come, in any order, into cells (`arrow/cells.zig`). When all that are to
//! be in one table are there, columns are made of the cells, in steps of as many as the caller
//! likes: types are inferred where none were given, once, then values are written. What is made
//! belongs to those who release it.
//!
//! One thread at a time. Whatever the network sends is an error value.

const std = @import("std");
const assert = std.debug.assert;
const build = @import("arrow/build.zig");
const cells_module = @import("arrow/cells.zig");
const columns = @import("columns.zig");
const handover = @import("arrow/handover.zig");
const infer = @import("arrow/infer.zig");
const types = @import("arrow/types.zig");
const unfilled = @import("../unfilled.zig");
const wire = @import("../wire.zig");
const msgpack = wire.msgpack;
const Allocator = std.mem.Allocator;
const Builder = build.Builder;
const Cell = cells_module.Cell;
const Cells = cells_module.Cells;
const Failure = @import("../status.zig").Failure;
const Mismatch = columns.Mismatch;
const Type = types.Type;

pub const abi = @import("../arrow_data.zig");
pub const encode = @import("arrow/encode.zig");
pub const share = handover.share;

/// Rows of one table.
pub const rows_max = 1 << 31;

/// A record's address, as far as it is known; slices belong to the caller.
pub const Key = struct {
    namespace: []const u8,
    set: []const u8,
    user_key_type: wire.particle.Type,
    user_key: []const u8,
    digest: *const wire.digest.Digest,
};

/// What columns are made of beside bins, in the order of the columns.
const Own = enum {
    _set,
    _key,
    _digest,
    _gen,
    _ttl,

    const formats: std.EnumArray(Own, [:0]const u8) = .init(.{
        ._set = "u",
        ._key = "",
        ._digest = "w:20",
        ._gen = "I",
        ._ttl = "I",
    });
};

const Row = struct {
    code: i32 = columns.code_no_response,
    /// In the bytes of the cells: namespace, set and user key one after the other; for messages.
    place_start: u64 = 0,
    namespace_len: u8 = 0,
    set_len: u8 = 0,
    user_key_type: wire.particle.Type = .nil,
    user_key_len: u32 = 0,
    digest: wire.digest.Digest = undefined,
    has_key: bool = false,
};

pub const Arrow = struct {
    gpa: Allocator,
    /// Types and names.
    arena: std.heap.ArenaAllocator,
    options: Options = .{},
    /// Bins.
    cells: Cells,
    /// Of keys and metadata; those that are asked for.
    own: Cells,
    rows: []Row = &.{},
    /// Rows of the table at hand.
    count: usize = 0,
    /// A query gives no more of them.
    limit: usize = rows_max,
    mismatch: Mismatch = .{},
    progress: Progress = .{},
    /// Types are settled: what comes later has to fit.
    is_settled: bool = false,
    is_own: std.EnumArray(Own, bool) = .initFill(false),

    const Options = struct {
        has_key: bool = false,
        has_meta: bool = false,
        /// What does not fit is null, and no error.
        nulls_misfits: bool = false,
    };

    /// How far the columns have been made.
    const Progress = struct {
        phase: enum { infer, write } = .infer,
        column: usize = 0,
        row: usize = 0,
        guess: infer.Guess = .{},
        guesses: ?std.heap.ArenaAllocator = null,
        builders: std.ArrayList(Builder) = .empty,
    };

    pub const Error = cells_module.Error;

    pub fn init(arrow: *Arrow, gpa: Allocator) void {
        arrow.* = .{
            .gpa = gpa,
            .arena = .init(gpa),
            .cells = .init(gpa, true),
            .own = .init(gpa, false),
        };
    }

    pub fn deinit(arrow: *Arrow) void {
        arrow.dropProgress();
        arrow.cells.deinit();
        arrow.own.deinit();
        unfilled.free(arrow.gpa, arrow.rows);
        arrow.arena.deinit();
    }

    fn dropProgress(arrow: *Arrow) void {
        const progress = &arrow.progress;
        for (progress.builders.items) |*builder| builder.deinit(arrow.gpa);
        progress.builders.deinit(arrow.gpa);
        if (progress.guesses) |*arena| arena.deinit();
        progress.* = .{};
    }

    // The description.

    /// A map: "columns" [column] as `types.parse` has it, absent for all bins that come; "key" (before
    /// them) and "meta" booleans; "nulls" a boolean: what does not fit is null.
    pub fn parse(arrow: *Arrow, bytes: []const u8, failure: *Failure) error{Failed}!void {
        var reader: msgpack.Reader = .init(bytes);
        arrow.parseMembers(&reader, failure) catch |err| switch (err) {
            error.Failed => return error.Failed,
            error.OutOfMemory => {
                failure.set(.out_of_memory, "out of memory for the columns", .{});
                return error.Failed;
            },
        };
    }

    fn parseMembers(
        arrow: *Arrow,
        reader: *msgpack.Reader,
        failure: *Failure,
    ) error{ Failed, OutOfMemory }!void {
        const count = switch (reader.next() catch return malformed(failure)) {
            .map => |count| count,
            else => return malformed(failure),
        };
        var keys_type: ?Type = null;
        for (0..count) |_| {
            const name = switch (reader.next() catch return malformed(failure)) {
                .string => |name| name,
                else => return malformed(failure),
            };
            if (std.mem.eql(u8, name, "columns")) {
                try arrow.parseColumns(reader, &keys_type, failure);
                continue;
            }
            const flag = switch (reader.next() catch return malformed(failure)) {
                .boolean => |flag| flag,
                else => return malformed(failure),
            };
            if (std.mem.eql(u8, name, "key")) {
                arrow.options.has_key = flag;
            } else if (std.mem.eql(u8, name, "meta")) {
                arrow.options.has_meta = flag;
            } else if (std.mem.eql(u8, name, "nulls")) {
                arrow.options.nulls_misfits = flag;
            } else {
                failure.set(.invalid_argument, "columns have no member '{s}'", .{name});
                return error.Failed;
            }
        }
        if (!reader.isAtEnd()) return malformed(failure);
        if (arrow.options.has_key) {
            for ([_]Own{ ._set, ._key, ._digest }) |own| try arrow.addOwn(own, keys_type);
        }
        if (arrow.options.has_meta) for ([_]Own{ ._gen, ._ttl }) |own| try arrow.addOwn(own, null);
        try arrow.checkNames(failure);
    }

    fn malformed(failure: *Failure) error{Failed} {
        failure.set(.invalid_argument, "the description of the columns is malformed", .{});
        return error.Failed;
    }

    fn parseColumns(
        arrow: *Arrow,
        reader: *msgpack.Reader,
        keys_type: *?Type,
        failure: *Failure,
    ) error{ Failed, OutOfMemory }!void {
        const count = switch (reader.next() catch return malformed(failure)) {
            .array => |count| count,
            .nil => return,
            else => return malformed(failure),
        };
        arrow.cells.is_open = false;
        const arena = arrow.arena.allocator();
        for (0..count) |_| {
            const item = try arena.create(Type);
            try types.parse(item, arena, reader, failure);
            if (arrow.options.has_key and std.mem.eql(u8, item.name, @tagName(Own._key))) {
                keys_type.* = item.*;
                continue;
            }
            if (item.name.len == 0 or item.name.len > cells_module.name_bytes_max) {
                failure.set(.invalid_argument, "no bin is called '{s}'", .{item.name});
                return error.Failed;
            }
            var column: cells_module.Column = .named(item.name);
            item.name = try types.nameOf(arena, item.name);
            if (item.format.len > 0) column.type = item;
            try arrow.cells.addColumn(column);
        }
    }

    fn addOwn(arrow: *Arrow, own: Own, given: ?Type) error{OutOfMemory}!void {
        const name = @tagName(own);
        var column: cells_module.Column = .named(name);
        const format = Own.formats.get(own);
        const arena = arrow.arena.allocator();
        const item = try arena.create(Type);
        item.* = .{
            .kind = types.kindOf(format) orelse .null,
            .format = format,
            .name = name,
            .width = wire.digest.digest_bytes,
        };
        if (own == ._key) if (given) |chosen| {
            item.* = chosen;
        };
        if (item.format.len > 0) column.type = item;
        arrow.is_own.set(own, true);
        try arrow.own.addColumn(column);
    }

    fn checkNames(arrow: *const Arrow, failure: *Failure) error{Failed}!void {
        const names = arrow.cells.columns.items;
        for (names, 0..) |*column, index| {
            const name = column.nameSlice();
            if (arrow.isTaken(name)) return arrow.taken(name, failure);
            for (names[0..index]) |*other| {
                if (!std.mem.eql(u8, other.nameSlice(), name)) continue;
                failure.set(.invalid_argument, "two columns are called '{s}'", .{name});
                return error.Failed;
            }
        }
    }

    fn isTaken(arrow: *const Arrow, name: []const u8) bool {
        for (arrow.own.columns.items) |*column| {
            if (std.mem.eql(u8, column.nameSlice(), name)) return true;
        }
        return false;
    }

    fn taken(_: *const Arrow, name: []const u8, failure: *Failure) error{Failed} {
        const text = "bin '{s}' has the name of a column of keys or metadata";
        failure.set(.invalid_argument, text, .{name});
        return error.Failed;
    }

    // Records.

    /// Begins a table of so many rows, none of them answered.
    pub fn start(arrow: *Arrow, count: usize) error{OutOfMemory}!void {
        arrow.clear();
        try arrow.reserve(count);
        @memset(arrow.rows[0..count], .{});
        arrow.count = count;
    }

    fn reserve(arrow: *Arrow, count: usize) error{OutOfMemory}!void {
        try arrow.cells.reserve(count);
        try arrow.own.reserve(count);
        if (count <= arrow.rows.len) return;
        const size = @max(count, 2 * arrow.rows.len);
        const larger = try unfilled.alloc(Row, arrow.gpa, size);
        @memcpy(larger[0..arrow.count], arrow.rows[0..arrow.count]);
        unfilled.free(arrow.gpa, arrow.rows);
        arrow.rows = larger;
    }

    /// Forgets the records, for the next table.
    pub fn clear(arrow: *Arrow) void {
        arrow.dropProgress();
        arrow.cells.clear(arrow.count);
        arrow.own.clear(arrow.count);
        arrow.count = 0;
        arrow.mismatch = .{};
    }

    /// Takes the record of a message, or its result code, into a row of a table that was started, and
    /// returns what follows the message. On an error the row is as it was before.
    pub fn writeRow(
        arrow: *Arrow,
        row: usize,
        message: *const wire.message.Message,
        ttl_s: u32,
    ) Error![]const u8 {
        // The index comes from the network.
        if (row >= arrow.count) return error.Malformed;
        var operations = try message.operations();
        const result_code = message.header.result_code;
        if (result_code == 0) {
            try arrow.cells.take(row, &operations);
            arrow.writeMetadata(row, message.header.generation, ttl_s);
        } else while (try operations.next()) |_| {}
        arrow.rows[row].code = result_code;
        return operations.rest;
    }

    pub fn isFull(arrow: *const Arrow) bool {
        return arrow.count >= arrow.limit;
    }

    /// Takes one record more.
    pub fn addRow(
        arrow: *Arrow,
        message: *const wire.message.Message,
        operations: *wire.message.OperationIterator,
        ttl_s: u32,
        key: *const Key,
    ) Error!void {
        const row = arrow.count;
        try arrow.reserve(row + 1);
        const kept = arrow.own.bytes.end;
        errdefer arrow.own.bytes.end = kept;
        arrow.rows[row] = .{ .code = 0 };
        try arrow.noteKey(row, key);
        try arrow.cells.take(row, operations);
        arrow.writeMetadata(row, message.header.generation, ttl_s);
        arrow.count += 1;
    }

    fn writeMetadata(arrow: *Arrow, row: usize, generation: u32, ttl_s: u32) void {
        if (!arrow.options.has_meta) return;
        const all = arrow.own.columns.items;
        const last = all[all.len - 2 ..];
        for (last, [_]u64{ generation, ttl_s }) |*column, number| {
            column.cells[row] = .{ .kind = .integer, .bits = number };
        }
    }

    /// Whose record a row is, for messages and, if that is asked for, columns.
    pub fn noteKey(arrow: *Arrow, row: usize, key: *const Key) Error!void {
        const bytes = &arrow.own.bytes;
        const noted = &arrow.rows[row];
        noted.has_key = true;
        noted.digest = key.digest.*;
        noted.user_key_type = key.user_key_type;
        noted.user_key_len = @intCast(key.user_key.len);
        noted.namespace_len = @truncate(key.namespace.len);
        noted.set_len = @truncate(key.set.len);
        noted.place_start = bytes.end;
        try bytes.append(key.namespace[0..noted.namespace_len]);
        const set = try arrow.own.keep(.utf8, key.set[0..noted.set_len]);
        const kind: Cell.Kind = switch (key.user_key_type) {
            .integer => .integer,
            .float => .float,
            .string => .utf8,
            .nil => .none,
            else => .binary,
        };
        var user_key = try arrow.own.keep(kind, key.user_key);
        if (!arrow.options.has_key) return;
        const digest = try arrow.own.keep(.binary, key.digest);
        switch (key.user_key_type) {
            .integer => user_key.bits = @bitCast(try wire.particle.decodeInteger(key.user_key)),
            .float => user_key.bits = @bitCast(try wire.particle.decodeFloat(key.user_key)),
            else => {},
        }
        const own = arrow.own.columns.items[0..3];
        for (own, [_]Cell{ set, user_key, digest }) |*column, cell| column.cells[row] = cell;
    }

    /// Whether keys are wanted of rows that were started.
    pub fn wantsKeys(arrow: *const Arrow) bool {
        return arrow.options.has_key;
    }

    /// The row's code; `code_no_response` while it is to be asked for.
    pub fn code(arrow: *const Arrow, row: usize) i32 {
        assert(row < arrow.count);
        return arrow.rows[row].code;
    }

    pub fn fail(arrow: *Arrow, row: usize, row_code: i32) void {
        assert(row < arrow.count);
        assert(row_code != 0);
        arrow.rows[row].code = row_code;
    }

    // Columns.

    pub const Built = enum { more, done };

    /// Makes columns of what was taken, about so many values of them; all of them for null. When that is
    /// done, they are the array's, and the records are forgotten but for their codes. A failure forgets
    /// what was made, and leaves the array alone.
    pub fn make(
        arrow: *Arrow,
        values_max: ?usize,
        out: *abi.Array,
        failure: *Failure,
    ) error{Failed}!Built {
        errdefer arrow.dropProgress();
        return arrow.makeSome(values_max, out, failure) catch |err| {
            switch (err) {
                error.Failed => {},
                error.OutOfMemory => {
                    failure.set(.out_of_memory, "out of memory for the columns", .{});
                },
                error.TooLarge => {
                    const column = arrow.columnAt(arrow.progress.column);
                    const text = "bin '{s}' has more than 2 GiB in one table: read fewer " ++
                        "records at once, or give its type with schema= (large_utf8, large_binary)";
                    failure.set(.client, text, .{column.nameSlice()});
                },
                error.WrongType, error.WrongRange, error.WrongLength => unreachable,
                error.Malformed => failure.set(.client, "a value of a record is malformed", .{}),
            }
            return error.Failed;
        };
    }

    const MakeError = build.Error || error{Failed};

    fn makeSome(
        arrow: *Arrow,
        values_max: ?usize,
        out: *abi.Array,
        failure: *Failure,
    ) MakeError!Built {
        var left = values_max orelse std.math.maxInt(usize);
        const progress = &arrow.progress;
        if (progress.phase == .infer) {
            if (!arrow.is_settled) {
                for (arrow.cells.columns.items) |*column| {
                    if (arrow.isTaken(column.nameSlice())) {
                        return arrow.taken(column.nameSlice(), failure);
                    }
                }
            }
            try arrow.checkStranger(failure);
            if (!try arrow.inferSome(&left)) return .more;
            arrow.is_settled = true;
            arrow.cells.is_settled = true;
            progress.phase = .write;
            progress.column = 0;
            progress.row = 0;
        }
        if (!try arrow.writeSome(&left, failure)) return .more;
        const builders = try progress.builders.toOwnedSlice(arrow.gpa);
        const shared = try handover.Shared.create(arrow.gpa, arrow.count, builders);
        defer shared.leave();
        try shared.write(out);
        return .done;
    }

    /// A bin that comes when the columns are settled has none.
    fn checkStranger(arrow: *Arrow, failure: *Failure) error{Failed}!void {
        const stranger = &(arrow.cells.stranger orelse return);
        if (arrow.options.nulls_misfits) return;
        arrow.mismatch = .{
            .row_count = 1,
            .row = stranger.row,
            .column = @intCast(arrow.columnCount()),
            .reason = .type,
        };
        var memory: [200]u8 = undefined;
        failure.set(.value_mismatch, "bin '{s}' of the record {s}: there is no column for it, as no " ++
            "record of the first table had it; name all with schema=", .{
            stranger.column.nameSlice(), arrow.nameRecord(stranger.row, &memory),
        });
        return error.Failed;
    }

    fn columnCount(arrow: *const Arrow) usize {
        return arrow.own.columns.items.len + arrow.cells.columns.items.len;
    }

    fn columnAt(arrow: *const Arrow, index: usize) *cells_module.Column {
        const own = arrow.own.columns.items;
        return if (index < own.len) &own[index] else &arrow.cells.columns.items[index - own.len];
    }

    fn cellsAt(arrow: *const Arrow, index: usize) *const Cells {
        return if (index < arrow.own.columns.items.len) &arrow.own else &arrow.cells;
    }

    /// Cells that are looked at between two looks at how much is left.
    const step_rows = 4096;

    /// How many rows of a column are next, of which there are some left.
    fn step(arrow: *const Arrow, left: *usize) usize {
        const rows = @min(step_rows, arrow.count - arrow.progress.row);
        left.* -|= @max(rows, 1);
        return rows;
    }

    /// False when there is more to be done.
    fn inferSome(arrow: *Arrow, left: *usize) error{ OutOfMemory, Malformed }!bool {
        const progress = &arrow.progress;
        while (progress.column < arrow.columnCount()) {
            const column = arrow.columnAt(progress.column);
            if (column.type == null) {
                while (progress.row < arrow.count) {
                    if (left.* == 0) return false;
                    const rows = arrow.step(left);
                    const some = column.cells[progress.row..][0..rows];
                    try arrow.inferCells(arrow.cellsAt(progress.column), some);
                    progress.row += rows;
                }
                try arrow.settle(column);
            }
            progress.row = 0;
            progress.column += 1;
        }
        return true;
    }

    fn inferCells(
        arrow: *Arrow,
        of: *const Cells,
        some: []const Cell,
    ) error{ OutOfMemory, Malformed }!void {
        const progress = &arrow.progress;
        // Most columns have values of one kind, and nulls.
        var kinds: u16 = 0;
        for (some) |*cell| kinds |= @as(u16, 1) << @intCast(@backingInt(cell.kind));
        kinds &= ~@as(u16, 1);
        if (kinds == 0) return;
        const first: Cell.Kind = @fromBackingInt(@as(u8, @intCast(@ctz(kinds))));
        const is_plain = @popCount(kinds) == 1 and first != .list and first != .map;
        if (is_plain) {
            progress.guess.joinKind(first.guess());
            if (first != .integer or progress.guess.is_wide) return;
            var wide_count: usize = 0;
            // Of a null the bits are 0.
            for (some) |*cell| wide_count += @intFromBool(infer.Guess.isWide(cell.integer()));
            if (wide_count > 0) progress.guess.widen();
            return;
        }
        if (progress.guesses == null) progress.guesses = .init(arrow.gpa);
        const arena = progress.guesses.?.allocator();
        for (some) |*cell| switch (cell.kind) {
            .list, .map => {
                var reader: msgpack.Reader = .init(of.bytesOf(cell));
                try progress.guess.join(arena, &reader, 0);
            },
            .integer => progress.guess.joinInteger(cell.integer()),
            else => progress.guess.joinKind(cell.kind.guess()),
        };
    }

    fn settle(arrow: *Arrow, column: *cells_module.Column) error{OutOfMemory}!void {
        const progress = &arrow.progress;
        const arena = arrow.arena.allocator();
        const item = try arena.create(Type);
        const name = try types.nameOf(arena, column.nameSlice());
        item.* = try progress.guess.resolve(arena, name);
        column.type = item;
        progress.guess = .{};
        if (progress.guesses) |*guesses| guesses.deinit();
        progress.guesses = null;
    }

    fn writeSome(arrow: *Arrow, left: *usize, failure: *Failure) MakeError!bool {
        const progress = &arrow.progress;
        while (progress.column < arrow.columnCount()) : (progress.column += 1) {
            const column = arrow.columnAt(progress.column);
            if (progress.builders.items.len == progress.column) {
                const builder: Builder = try .init(arrow.gpa, column.type.?, arrow.count);
                progress.builders.append(arrow.gpa, builder) catch |err| {
                    var lost = builder;
                    lost.deinit(arrow.gpa);
                    return err;
                };
            }
            while (progress.row < arrow.count) {
                if (left.* == 0) return false;
                const rows = arrow.step(left);
                try arrow.writeCells(column, rows, failure);
                progress.row += rows;
            }
            progress.row = 0;
        }
        return true;
    }

    fn writeCells(
        arrow: *Arrow,
        column: *const cells_module.Column,
        rows: usize,
        failure: *Failure,
    ) MakeError!void {
        const progress = &arrow.progress;
        const of = arrow.cellsAt(progress.column);
        const builder = &progress.builders.items[progress.column];
        const some = column.cells[progress.row..][0..rows];
        var done: usize = 0;
        while (done < rows) {
            done += try builder.takeMany(arrow.gpa, of, some[done..]);
            if (done == rows) return;
            builder.take(arrow.gpa, of, &some[done]) catch |err| {
                const reason = build.reasonOf(err) orelse return err;
                try arrow.note(progress.row + done, reason, &some[done], failure);
            };
            done += 1;
        }
    }

    /// A value did not fit.
    fn note(
        arrow: *Arrow,
        row: usize,
        reason: columns.Reason,
        cell: *const Cell,
        failure: *Failure,
    ) error{Failed}!void {
        const noted: Mismatch = .{
            .row_count = 1,
            .row = row,
            .column = @intCast(arrow.progress.column),
            .reason = reason,
            .particle_type = cell.particle,
        };
        arrow.mismatch.merge(&noted);
        if (arrow.options.nulls_misfits) {
            if (arrow.rows[row].code == 0) arrow.rows[row].code = columns.code_mismatch;
            return;
        }
        var memory: [200]u8 = undefined;
        const column = arrow.columnAt(arrow.progress.column);
        const item = column.type.?;
        const is_other_text = cell.kind == .utf8 and item.kind.isText() and item.origin != .geojson;
        failure.set(.value_mismatch, "bin '{s}' of the record {s}: {s} {s} the column's type, {s}{s}", .{
            column.nameSlice(),
            arrow.nameRecord(row, &memory),
            titleOf(cell.kind),
            switch (reason) {
                .range => "is out of the range of",
                .length => "has not the length for",
                else => if (is_other_text) "whose bytes are not UTF-8 does not fit" else "does not fit",
            },
            item.title(),
            if (item.origin == .given) "" else "; say what it is with schema=",
        });
        return error.Failed;
    }

    fn titleOf(kind: Cell.Kind) []const u8 {
        return switch (kind) {
            .none => "nothing",
            .boolean => "a bool",
            .integer => "an int",
            .float => "a float",
            .utf8 => "a str",
            .binary => "a bytes value",
            .hll => "a HyperLogLog",
            .geojson => "a GeoJSON value",
            .list => "a list, or something in it,",
            .map => "a dict, or something in it,",
        };
    }

    fn nameRecord(arrow: *const Arrow, row: usize, memory: []u8) []const u8 {
        const noted = &arrow.rows[row];
        var writer: std.Io.Writer = .fixed(memory);
        if (!noted.has_key) {
            writer.print("in row {d}", .{row}) catch {};
            return writer.buffered();
        }
        const bytes = arrow.own.bytes.written()[noted.place_start..];
        const set_end = @as(usize, noted.namespace_len) + noted.set_len;
        const user_key = bytes[set_end..][0..noted.user_key_len];
        // What does not fit is not shown.
        writer.print("('{s}', '{s}', ", .{ bytes[0..noted.namespace_len], bytes[noted.namespace_len..set_end] }) catch {};
        switch (noted.user_key_type) {
            .integer => writer.print("{d})", .{wire.particle.decodeInteger(user_key) catch 0}) catch {},
            .string => writer.print("'{s}')", .{user_key}) catch {},
            else => writer.print("digest {x})", .{&noted.digest}) catch {},
        }
        return writer.buffered();
    }

    /// The types of all columns; after the first `make` is done, or has failed for a value.
    pub fn writeSchema(arrow: *const Arrow, out: *abi.Schema) error{OutOfMemory}!void {
        assert(arrow.is_settled);
        const all = try arrow.gpa.alloc(*const Type, arrow.columnCount());
        defer arrow.gpa.free(all);
        for (all, 0..) |*item, index| item.* = arrow.columnAt(index).type.?;
        try handover.writeSchema(arrow.gpa, all, out);
    }

    /// The codes of the rows, as many as fit.
    pub fn writeCodes(arrow: *const Arrow, codes: []i32) void {
        const count = @min(codes.len, arrow.count);
        for (codes[0..count], arrow.rows[0..count]) |*to, *row| to.* = row.code;
    }
};

test {
    _ = build;
    _ = cells_module;
    _ = encode;
    _ = handover;
    _ = infer;
    _ = types;
    _ = @import("arrow/memory.zig");
    _ = @import("arrow/arrow_test.zig");
}
