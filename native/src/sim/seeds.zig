//! Runs a test with many seeds, and names the one that failed.
//!
//! `SIM_SEED=n` runs that one only, `SIM_RUNS=n` as many as asked from seed 0 on.

const std = @import("std");

/// `run` gets the seed as its last argument.
pub fn each(runs_default: u64, comptime run: anytype, arguments: anytype) !void {
    const only = number("SIM_SEED");
    const first = only orelse 0;
    const count = if (only != null) 1 else number("SIM_RUNS") orelse runs_default;
    for (first..first + count) |seed| {
        @call(.auto, run, arguments ++ .{@as(u64, seed)}) catch |err| {
            std.debug.print("failed with SIM_SEED={d}\n", .{seed});
            return err;
        };
    }
}

fn number(name: [*:0]const u8) ?u64 {
    const text = std.c.getenv(name) orelse return null;
    return std.fmt.parseInt(u64, std.mem.span(text), 10) catch null;
}
