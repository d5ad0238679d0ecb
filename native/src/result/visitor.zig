//! One pass over the bins of a record, for whatever keeps them: rows of a table, or columns of Arrow.
//!
//! A sink has columns with the names of bins, and takes the bins that it has a column for; of others
//! it is asked whether it wants one.

const wire = @import("../wire.zig");
const Operation = wire.operation.Operation;

/// Hands each bin of a record to `sink.take`, with the index of its column. Afterwards
/// `operations.rest` is what follows the record.
pub inline fn visit(sink: anytype, operations: *wire.message.OperationIterator) !void {
    // Bins come in the order in which they were asked for, as a rule that of the columns.
    var next: usize = 0;
    while (try operations.next()) |operation| {
        const index = find(sink.columns(), operation.name, next) orelse
            (try sink.discover(operation.name) orelse continue);
        next = index + 1;
        try sink.take(index, &operation);
    }
}

/// The column of a bin: the expected one, or the next after it that has the name.
inline fn find(columns: anytype, name: []const u8, expected: usize) ?usize {
    if (expected < columns.len and isNamed(&columns[expected], name)) return expected;
    return search(columns, name, expected);
}

fn search(columns: anytype, name: []const u8, expected: usize) ?usize {
    const start_index = @min(expected, columns.len);
    for (columns[start_index..], start_index..) |*column, index| {
        if (isNamed(column, name)) return index;
    }
    for (columns[0..start_index], 0..) |*column, index| {
        if (isNamed(column, name)) return index;
    }
    return null;
}

/// Names are short: two words that overlap are compared, and no function is called. The column has
/// `name`, an array with room for the longest, and `name_len`.
inline fn isNamed(column: anytype, name: []const u8) bool {
    const len = name.len;
    if (len != column.name_len) return false;
    const own = column.name[0..len];
    if (len >= 8) return sameEnds(8, own, name);
    if (len >= 4) return sameEnds(4, own, name);
    if (len >= 2) return sameEnds(2, own, name);
    return len == 0 or own[0] == name[0];
}

inline fn sameEnds(comptime size: usize, a: []const u8, b: []const u8) bool {
    const Word = @Int(.unsigned, size * 8);
    const head_a: Word = @bitCast(a[0..size].*);
    const head_b: Word = @bitCast(b[0..size].*);
    const tail_a: Word = @bitCast(a[a.len - size ..][0..size].*);
    const tail_b: Word = @bitCast(b[b.len - size ..][0..size].*);
    return head_a == head_b and tail_a == tail_b;
}
