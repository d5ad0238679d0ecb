//! The calendar's clock, for times to live.

const std = @import("std");
const assert = std.debug.assert;

/// Seconds since 1970-01-01 UTC.
pub fn unixSeconds() i64 {
    var now: std.c.timespec = undefined;
    const result = std.c.clock_gettime(.REALTIME, &now);
    assert(result == 0);
    return now.sec;
}
