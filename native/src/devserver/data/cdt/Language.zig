//! The expressions that paths select by, as paths know them.
//!
//! Expressions call operations on lists and maps, and those select by expressions: whoever calls an
//! operation says what compiles and evaluates them, so that nothing here knows how.

const std = @import("std");

const Allocator = std.mem.Allocator;
const Version = @import("../../base/Version.zig").Version;

const Language = @This();

/// Of the server: what operations and expressions there are.
version: Version,
/// What it returns lives in the arena, and in the bytes.
compile: *const fn (*const Language, Allocator, []const u8) CompileError!Compiled,
/// Null when it cannot be known.
isTrue: *const fn (Compiled, Allocator, *const Element) error{OutOfMemory}!?bool,
/// What an element becomes.
change: *const fn (Compiled, Allocator, *const Element) error{OutOfMemory}!Change,

pub const CompileError = error{ OutOfMemory, Invalid };

pub const Compiled = struct { pointer: *const anyopaque };

/// An element that expressions are evaluated on: of a list with its index, of a map with its key.
pub const Element = struct {
    key: ?[]const u8 = null,
    value: []const u8,
    index: ?u32 = null,
};

pub const Change = union(enum) {
    /// As it is kept inside a list or a map.
    element: []const u8,
    /// It is to go.
    removed,
    /// Nothing can be said about the element.
    unknown,
    /// The value is of no type that an element can have.
    impossible,
    /// A value that only makes sense in comparisons.
    incompatible,
};
