//! Gives a node that only makes errors a rest.
//!
//! Errors are counted per window of tends. Over the limit, commands fail at once rather than
//! connect. A breached window halves the limit of the next one (not below one), a clean window
//! doubles it up to the configured maximum. Any thread records and asks; the tend thread turns
//! the windows.

const std = @import("std");

pub const Breaker = struct {
    errors: std.atomic.Value(u32) = .init(0),
    limit: std.atomic.Value(u32),
    limit_max: u32,

    /// A maximum of 0 switches the breaker off.
    pub fn init(limit_max: u32) Breaker {
        return .{ .limit = .init(limit_max), .limit_max = limit_max };
    }

    pub fn record(breaker: *Breaker) void {
        if (breaker.limit_max == 0) return;
        _ = breaker.errors.fetchAdd(1, .monotonic);
    }

    pub fn allows(breaker: *const Breaker) bool {
        if (breaker.limit_max == 0) return true;
        return breaker.errors.load(.monotonic) <= breaker.limit.load(.monotonic);
    }

    /// The end of a window.
    pub fn turn(breaker: *Breaker) void {
        if (breaker.limit_max == 0) return;
        const limit = breaker.limit.load(.monotonic);
        const next = if (breaker.allows())
            @min(limit *| 2, breaker.limit_max)
        else
            @max(limit / 2, 1);
        breaker.limit.store(next, .monotonic);
        breaker.errors.store(0, .monotonic);
    }

    /// For a node that has begun anew.
    pub fn reset(breaker: *Breaker) void {
        breaker.limit.store(breaker.limit_max, .monotonic);
        breaker.errors.store(0, .monotonic);
    }
};

test "a breached window halves the limit, clean windows bring it back" {
    var breaker = Breaker.init(4);
    for (0..4) |_| breaker.record();
    try std.testing.expect(breaker.allows());
    breaker.record();
    try std.testing.expect(!breaker.allows());
    breaker.turn();
    try std.testing.expect(breaker.allows());
    for (0..3) |_| breaker.record();
    try std.testing.expect(!breaker.allows());
    breaker.turn();
    for (0..2) |_| breaker.record();
    try std.testing.expect(!breaker.allows());
    breaker.turn();
    try std.testing.expectEqual(1, breaker.limit.load(.monotonic));
    for (0..5) |_| breaker.turn();
    for (0..4) |_| breaker.record();
    try std.testing.expect(breaker.allows());
}

test "a maximum of zero never breaks" {
    var breaker = Breaker.init(0);
    for (0..1000) |_| breaker.record();
    breaker.turn();
    try std.testing.expect(breaker.allows());
}
