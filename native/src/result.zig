//! From decoded replies to results that a caller can use without decoding them again.
//!
//! Pure, on bytes from the network: no I/O, no clock, no allocation.

pub const arrow = @import("result/arrow.zig");
pub const Arrow = arrow.Arrow;
pub const columns = @import("result/columns.zig");
pub const Column = columns.Column;
pub const Mismatch = columns.Mismatch;
pub const Table = columns.Table;

test {
    _ = arrow;
    _ = columns;
    _ = @import("result/columns_test.zig");
}
