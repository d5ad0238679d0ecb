//! The root of the shared library: exports the C ABI and keeps the host process undisturbed.

const std = @import("std");
const hosted = @import("hosted.zig");

comptime {
    _ = @import("abi.zig");
}

pub const std_options: std.Options = hosted.options;
pub const panic = hosted.panic;
