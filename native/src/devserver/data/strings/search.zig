//! Texts inside of texts, whatever form of Unicode they are written in.
//!
//! Where both are composed (NFC), bytes are compared. Otherwise what is canonically equivalent is
//! equal: a match begins and ends where no mark belongs to the other side. The server compares as
//! collation does there, which also passes over control characters; that is not done here.

const std = @import("std");
const unicode = @import("unicode.zig");

const Allocator = std.mem.Allocator;

/// In bytes.
pub const Match = struct { start: usize, end: usize };

pub const Direction = enum { forward, backward };

/// Matches that do not overlap, in the order in which they are met; needles are not empty.
pub const Search = struct {
    /// All that there are, overlapping ones, too, by where they begin.
    matches: []const Match,
    direction: Direction,

    pub fn init(
        arena: Allocator,
        text: []const u8,
        needle: []const u8,
        direction: Direction,
    ) error{OutOfMemory}!Search {
        std.debug.assert(needle.len > 0);
        const compares_bytes = (unicode.isAscii(text) and unicode.isAscii(needle)) or
            (try unicode.isComposed(arena, text) and try unicode.isComposed(arena, needle));
        const matches = if (compares_bytes)
            try matchesOf(u8, arena, text, needle, null)
        else matches: {
            const wanted = try unicode.decomposed(arena, try unicode.codePoints(arena, needle));
            const taken_apart: Decomposed = try .init(arena, text);
            break :matches try matchesOf(u21, arena, taken_apart.points, wanted, taken_apart.places);
        };
        return .{ .matches = matches, .direction = direction };
    }

    pub fn next(search: *Search) ?Match {
        if (search.matches.len == 0) return null;
        switch (search.direction) {
            .forward => {
                const found = search.matches[0];
                var left = search.matches[1..];
                while (left.len > 0 and left[0].start < found.end) left = left[1..];
                search.matches = left;
                return found;
            },
            .backward => {
                const found = search.matches[search.matches.len - 1];
                var left = search.matches[0 .. search.matches.len - 1];
                while (left.len > 0 and left[left.len - 1].end > found.start) {
                    left = left[0 .. left.len - 1];
                }
                search.matches = left;
                return found;
            },
        }
    }
};

/// A text whose code points are taken apart.
const Decomposed = struct {
    points: []const u21,
    /// Where in the text each begins, and where the last ends; null for what belongs to those before.
    places: []const ?usize,

    fn init(arena: Allocator, text: []const u8) error{OutOfMemory}!Decomposed {
        var points: std.ArrayList(u21) = .empty;
        var places: std.ArrayList(?usize) = .empty;
        var together: std.ArrayList(u21) = .empty;
        var place: usize = 0;
        while (place < text.len) {
            const start = place;
            together.clearRetainingCapacity();
            // Marks change places with each other, behind what they belong to.
            while (true) {
                try together.append(arena, unicode.codePointAt(text, place));
                place += unicode.width(text, place);
                if (place == text.len) break;
                if (unicode.combiningClass(unicode.codePointAt(text, place)) == 0) break;
            }
            try unicode.appendDecomposed(arena, &points, together.items);
            try places.append(arena, start);
            try places.appendNTimes(arena, null, points.items.len - places.items.len);
        }
        try places.append(arena, text.len);
        return .{ .points = points.items, .places = places.items };
    }
};

/// Where a needle is, each item looked at once (Knuth, Morris and Pratt); of those whose ends have
/// places, if there are any.
fn matchesOf(
    comptime T: type,
    arena: Allocator,
    text: []const T,
    needle: []const T,
    places: ?[]const ?usize,
) error{OutOfMemory}![]const Match {
    // For every beginning of the needle how much of its end begins the needle, too.
    const again = try arena.alloc(usize, needle.len);
    again[0] = 0;
    var length: usize = 0;
    for (again[1..], needle[1..]) |*each, item| {
        length = longer(T, needle, again, length, item);
        each.* = length;
    }
    var matches: std.ArrayList(Match) = .empty;
    length = 0;
    for (text, 1..) |item, end| {
        if (length == needle.len) length = again[length - 1];
        length = longer(T, needle, again, length, item);
        if (length < needle.len) continue;
        const start = end - length;
        const known = places orelse {
            try matches.append(arena, .{ .start = start, .end = end });
            continue;
        };
        const first = known[start] orelse continue;
        const last = known[end] orelse continue;
        try matches.append(arena, .{ .start = first, .end = last });
    }
    return matches.items;
}

/// How much of the needle has been met with one more item.
fn longer(
    comptime T: type,
    needle: []const T,
    again: []const usize,
    met: usize,
    item: T,
) usize {
    var length = met;
    while (length > 0 and needle[length] != item) length = again[length - 1];
    return if (needle[length] == item) length + 1 else 0;
}

const testing = std.testing;

fn expectMatches(
    expected: []const Match,
    text: []const u8,
    needle: []const u8,
    direction: Direction,
) !void {
    var arena = std.heap.ArenaAllocator.init(testing.allocator);
    defer arena.deinit();
    var search = try Search.init(arena.allocator(), text, needle, direction);
    for (expected) |match| try testing.expectEqual(match, search.next().?);
    try testing.expectEqual(null, search.next());
}

test "matches do not overlap, from either end" {
    try expectMatches(&.{ .{ .start = 0, .end = 2 }, .{ .start = 2, .end = 4 } }, "aaaaa", "aa", .forward);
    try expectMatches(&.{ .{ .start = 3, .end = 5 }, .{ .start = 1, .end = 3 } }, "aaaaa", "aa", .backward);
    try expectMatches(&.{}, "abc", "abcd", .forward);
}

test "what is equivalent is found, but nothing is torn from its marks" {
    try expectMatches(&.{.{ .start = 0, .end = 5 }}, "caf\u{e9}", "cafe\u{301}", .forward);
    try expectMatches(&.{.{ .start = 0, .end = 6 }}, "cafe\u{301}", "caf\u{e9}", .forward);
    try expectMatches(&.{ .{ .start = 7, .end = 13 }, .{ .start = 0, .end = 6 } }, "cafe\u{301} cafe\u{301}", "caf\u{e9}", .backward);
    try expectMatches(&.{}, "cafe\u{301}", "cafe", .forward);
    try expectMatches(&.{.{ .start = 1, .end = 7 }}, "xe\u{323}\u{301}y", "\u{1eb9}\u{301}y", .forward);
    try expectMatches(&.{}, "e\u{301}", "\u{301}", .forward);
}

test "long texts are searched in one go" {
    const text: [100_000]u8 = @splat('a');
    const needle = text[0..50_000];
    try expectMatches(&.{}, &text, needle ++ "b", .forward);
    try expectMatches(&.{}, &text, "b" ++ needle, .backward);
    try expectMatches(&.{}, &text ++ "e\u{301}", needle ++ "b", .forward);
    try expectMatches(&.{}, &text ++ "e\u{301}", "b" ++ needle, .backward);
}
