//! The operations of a message: in a request what to do to a bin, in a reply a bin's value.
//!
//! Layout: size (4, counts what follows it), code (1), particle type (1), flags (1), length of
//! the name (1), name, an 8-byte last-update time when the lowest flag is set, value.

const particle = @import("particle.zig");

pub const Code = enum(u8) {
    read = 1,
    write = 2,
    cdt_read = 3,
    cdt_modify = 4,
    increment = 5,
    expression_read = 7,
    expression_modify = 8,
    append = 9,
    prepend = 10,
    touch = 11,
    bit_read = 12,
    bit_modify = 13,
    delete = 14,
    hll_read = 15,
    hll_modify = 16,
    /// The next three since server 8.2.
    string_read = 17,
    string_modify = 18,
    to_string = 19,
    _,

    /// True for operations that leave the record as it is.
    pub fn isRead(code: Code) bool {
        return switch (code) {
            .read, .cdt_read, .expression_read, .bit_read, .hll_read => true,
            .string_read, .to_string => true,
            else => false,
        };
    }
};

pub const Operation = struct {
    code: Code,
    particle: particle.Type,
    name: []const u8,
    value: []const u8,
};

/// Size, code, particle type, flags and name length.
pub const header_bytes = 8;

/// What a server accepts for a bin name.
pub const bin_name_bytes_max = 15;

pub const flag_has_last_update_time = 1;
