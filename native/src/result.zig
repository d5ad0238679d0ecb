//! From decoded replies to results that a caller can use without decoding them again.
//!
//! Pure, on bytes from the network: no I/O and no clock.

const Failure = @import("status.zig").Failure;
const wire = @import("wire.zig");

pub const arrow = @import("result/arrow.zig");
pub const Arrow = arrow.Arrow;
pub const columns = @import("result/columns.zig");
pub const Column = columns.Column;
pub const Mismatch = columns.Mismatch;
pub const Table = columns.Table;

/// Where records go instead of MessagePack: rows of the caller's, or what columns are made of.
pub const Target = union(enum) {
    table: *Table,
    arrow: *Arrow,

    /// For so many records, of which none is there yet.
    pub fn start(target: Target, count: usize, failure: *Failure) error{Failed}!void {
        switch (target) {
            .table => |table| {
                if (table.row_count == count) return table.start();
                failure.set(.invalid_argument, "the table has {d} rows for {d} keys", .{
                    table.row_count, count,
                });
                return error.Failed;
            },
            .arrow => |columns_of| columns_of.start(count) catch {
                failure.set(.out_of_memory, "out of memory for the columns", .{});
                return error.Failed;
            },
        }
    }

    /// Takes the record of a message, or its result code, and returns what follows the message. On
    /// an error the row is as it was before, to be written by a retry.
    pub fn writeRow(
        target: Target,
        row: usize,
        message: *const wire.message.Message,
        ttl_s: u32,
    ) Arrow.Error![]const u8 {
        return switch (target) {
            .table => |table| table.writeRow(row, message, ttl_s, &table.mismatch),
            .arrow => |columns_of| columns_of.writeRow(row, message, ttl_s),
        };
    }

    /// The row's code, if it is still to be answered.
    pub fn failUnanswered(target: Target, row: usize, code: i32) void {
        switch (target) {
            inline else => |rows| {
                if (rows.code(row) == columns.code_no_response) rows.fail(row, code);
            },
        }
    }
};

test {
    _ = arrow;
    _ = columns;
    _ = @import("result/columns_test.zig");
}
