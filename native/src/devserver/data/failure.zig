//! Why an operation failed: a result code, and what newer servers say beside it.

const status = @import("../../status.zig");

pub const Failure = struct {
    status: status.Status,
    /// What exactly went wrong, where the code has several; 0: nothing that the code does not say.
    subcode: u8 = 0,
    text: []const u8 = "",
    /// Of an expression, as it is packed for the reply.
    trace: []const u8 = "",

    pub fn of(code: status.Status) Failure {
        return .{ .status = code };
    }
};
