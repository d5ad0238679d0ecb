//! Regular expressions of POSIX, as the server has them: by the C library, where it has any.

const std = @import("std");
const builtin = @import("builtin");
const os = @import("../../../os.zig");
const regex_automaton = @import("regex_automaton.zig");

const Regex = @This();

pattern: [:0]const u8,
/// The options as they are sent: glibc's.
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
    if (os.is_windows) {
        _ = try regex.automaton(arena);
        return regex;
    }
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
    if (os.is_windows) return regex.matchesAutomaton(arena, text);
    var compiled: Compiled = .{};
    if (regcomp(&compiled, regex.pattern, regex.options) != 0) return false;
    defer regfree(&compiled);
    const terminated = try arena.dupeSentinel(u8, text, 0);
    return regexec(&compiled, terminated, 0, null, 0) == 0;
}

fn automaton(
    regex: *const Regex,
    arena: std.mem.Allocator,
) regex_automaton.Error!regex_automaton.Automaton {
    // A C string ends with its first zero.
    const pattern = std.mem.sliceTo(regex.pattern, 0);
    return .compile(arena, pattern, .{
        .is_extended = regex.options & 1 != 0,
        .ignores_case = regex.options & 2 != 0,
        .has_lines = regex.options & 4 != 0,
    });
}

fn matchesAutomaton(
    regex: *const Regex,
    arena: std.mem.Allocator,
    text: []const u8,
) error{OutOfMemory}!bool {
    const compiled = regex.automaton(arena) catch |err| switch (err) {
        error.Invalid => return false,
        error.OutOfMemory => return error.OutOfMemory,
    };
    return compiled.matches(arena, std.mem.sliceTo(text, 0));
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

test "the automaton finds what the C library finds" {
    if (comptime !builtin.target.isGnuLibC()) return error.SkipZigTest;
    const parts = [_][]const u8{
        "a",   "b",         "B",    "c",     "*",           "+",    "?",   "|",
        "(",   ")",         "{2}",  "{1,2}", "{,1}",        "{1,}", "^",   "$",
        ".",   "[ab]",      "[^a]", "[a-c]", "[[:upper:]]", "[]b]", "\\(", "\\)",
        "\\|", "\\{1,2\\}", "\\+",  "\\?",   "\\w",         "\\b",  "\\<", "\\>",
        "\\*", "\\.",       "\n",   "[b-]",  "\\W",         "\\B",  "[",   "{",
    };
    var prng: std.Random.DefaultPrng = .init(1);
    const random = prng.random();
    var found: u32 = 0;
    for (0..20_000) |_| {
        var arena = std.heap.ArenaAllocator.init(testing.allocator);
        defer arena.deinit();
        const gpa = arena.allocator();
        var pattern: std.ArrayList(u8) = .empty;
        for (0..random.uintAtMost(u32, 7)) |_| {
            try pattern.appendSlice(gpa, parts[random.uintLessThan(usize, parts.len)]);
        }
        const options: i64 = random.uintLessThan(u8, 8);
        const own: Regex = .{
            .pattern = try gpa.dupeSentinel(u8, pattern.items, 0),
            .options = @intCast(options),
        };
        errdefer std.debug.print("{s} with options {d}\n", .{ own.pattern, options });
        const theirs = init(gpa, pattern.items, options) catch |err| {
            if (err != error.Invalid) return err;
            try testing.expectError(error.Invalid, own.automaton(gpa));
            continue;
        };
        _ = try own.automaton(gpa);
        for (0..4) |_| {
            var text: [6]u8 = undefined;
            // glibc takes the middle of a text for the end of a line where the pattern goes on over
            // the end of a line, even if lines were not asked for. That is not imitated.
            const alphabet = if (options & 4 != 0) "aabbcB *.\n" else "aabbcB *.";
            for (&text) |*byte| byte.* = alphabet[random.uintLessThan(usize, alphabet.len)];
            const cut = text[0..random.uintAtMost(usize, text.len)];
            errdefer std.debug.print("on \"{s}\"\n", .{cut});
            const expected = try theirs.matches(gpa, cut);
            try testing.expectEqual(expected, try own.matchesAutomaton(gpa, cut));
            found += @intFromBool(expected);
        }
    }
    try testing.expect(found > 1_000);
}

test {
    _ = regex_automaton;
}
