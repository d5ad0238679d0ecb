//! Regular expressions of POSIX, by the C library, as the server has them.

const std = @import("std");

const Regex = @This();

pattern: [:0]const u8,
/// The library's options, as they are sent.
options: c_int,

/// Room for any library's compiled form.
const Compiled = struct {
    memory: [256]u8 align(16) = @splat(0),
};

extern "c" fn regcomp(compiled: *Compiled, pattern: [*:0]const u8, options: c_int) c_int;
extern "c" fn regexec(
    compiled: *const Compiled,
    text: [*:0]const u8,
    match_count: usize,
    matches: ?*anyopaque,
    options: c_int,
) c_int;
extern "c" fn regfree(compiled: *Compiled) void;

/// Compiling may take much time and memory for its length.
const pattern_bytes_max = 1024;

/// Checks the pattern; it is compiled anew for every match, which keeps it free of ownership.
pub fn init(
    arena: std.mem.Allocator,
    pattern: []const u8,
    options: i64,
) error{ Invalid, OutOfMemory }!Regex {
    if (pattern.len > pattern_bytes_max) return error.Invalid;
    const regex: Regex = .{
        .pattern = try arena.dupeSentinel(u8, pattern, 0),
        .options = @truncate(options),
    };
    var compiled: Compiled = .{};
    if (regcomp(&compiled, regex.pattern, regex.options) != 0) return error.Invalid;
    regfree(&compiled);
    return regex;
}

pub fn matches(
    regex: *const Regex,
    arena: std.mem.Allocator,
    text: []const u8,
) error{OutOfMemory}!bool {
    var compiled: Compiled = .{};
    if (regcomp(&compiled, regex.pattern, regex.options) != 0) return false;
    defer regfree(&compiled);
    const terminated = try arena.dupeSentinel(u8, text, 0);
    return regexec(&compiled, terminated, 0, null, 0) == 0;
}

const testing = std.testing;

test "patterns match, with the options as they are sent" {
    var arena = std.heap.ArenaAllocator.init(testing.allocator);
    defer arena.deinit();
    const gpa = arena.allocator();
    const simple = try init(gpa, "^a.c$", 0);
    try testing.expect(try simple.matches(gpa, "abc"));
    try testing.expect(!try simple.matches(gpa, "ABC"));
    const extended = try init(gpa, "^(a|b)+$", 1);
    try testing.expect(try extended.matches(gpa, "abba"));
    const any_case = try init(gpa, "abc", 2);
    try testing.expect(try any_case.matches(gpa, "xABCx"));
    try testing.expectError(error.Invalid, init(gpa, "(", 1));
}
