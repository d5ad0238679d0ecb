//! The codec for a Python without a global interpreter lock.

const codec = @import("codec.zig");

pub const std_options = codec.std_options;
pub const panic = codec.panic;
pub const is_free_threaded = true;

comptime {
    _ = codec;
}
