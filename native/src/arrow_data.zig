//! Arrow's C data interface, which is stable and the same in every language, declared by hand
//! (https://arrow.apache.org/docs/format/CDataInterface.html).

const std = @import("std");

pub const Schema = extern struct {
    format: ?[*:0]const u8,
    name: ?[*:0]const u8,
    metadata: ?[*]const u8,
    flags: i64,
    n_children: i64,
    children: ?[*]*Schema,
    dictionary: ?*Schema,
    release: ?*const fn (*Schema) callconv(.c) void,
    private_data: ?*anyopaque,
};

pub const flag_nullable = 2;

pub const Array = extern struct {
    length: i64,
    null_count: i64,
    offset: i64,
    n_buffers: i64,
    n_children: i64,
    buffers: ?[*]?*const anyopaque,
    children: ?[*]*Array,
    dictionary: ?*Array,
    release: ?*const fn (*Array) callconv(.c) void,
    private_data: ?*anyopaque,
};

/// Functions return 0, or a code of errno's.
pub const Stream = extern struct {
    get_schema: ?*const fn (*Stream, *Schema) callconv(.c) c_int,
    /// An array that is released already is the end.
    get_next: ?*const fn (*Stream, *Array) callconv(.c) c_int,
    get_last_error: ?*const fn (*Stream) callconv(.c) ?[*:0]const u8,
    release: ?*const fn (*Stream) callconv(.c) void,
    private_data: ?*anyopaque,
};

comptime {
    if (@sizeOf(usize) == 8) {
        std.debug.assert(@sizeOf(Schema) == 72);
        std.debug.assert(@sizeOf(Array) == 80);
        std.debug.assert(@sizeOf(Stream) == 40);
    }
}
