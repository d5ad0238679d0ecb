//! The root of the dev server's shared library: exports its C ABI and keeps the host process
//! undisturbed. It shares `wire.zig` and small things below it with the client's, as source.

const std = @import("std");
const hosted = @import("hosted.zig");

comptime {
    _ = @import("devserver/abi.zig");
}

pub const std_options: std.Options = hosted.options;
pub const panic = hosted.panic;
