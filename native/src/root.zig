//! The root of the shared library: exports the C ABI and keeps the host process undisturbed.

const std = @import("std");
const builtin = @import("builtin");
const hosted = @import("hosted.zig");

comptime {
    _ = @import("client/abi.zig");
    _ = @import("client/values.zig");
}

/// The object file of `digest_avx2.zig` is part of the library.
pub const links_digest_avx2 = builtin.cpu.arch == .x86_64;

pub const std_options: std.Options = hosted.options;
pub const panic = hosted.panic;
