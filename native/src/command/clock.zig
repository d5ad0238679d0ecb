//! The calendar's clock, for times to live.

const std = @import("std");
const assert = std.debug.assert;
const system = @import("../os.zig").system;

/// Seconds since 1970-01-01 UTC.
pub fn unixSeconds() i64 {
    var now: system.timespec = undefined;
    const result = system.clock_gettime(.REALTIME, &now);
    assert(result == 0);
    return now.sec;
}
