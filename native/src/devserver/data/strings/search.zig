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
    arena: Allocator,
    text: []const u8,
    needle: []const u8,
    /// What is sought, decomposed; null: bytes are compared.
    decomposed: ?[]const u21,
    /// Matches begin from here on, or end up to here.
    place: usize,
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
        return .{
            .arena = arena,
            .text = text,
            .needle = needle,
            .decomposed = if (compares_bytes)
                null
            else
                try unicode.decomposed(arena, try unicode.codePoints(arena, needle)),
            .place = if (direction == .forward) 0 else text.len,
            .direction = direction,
        };
    }

    pub fn next(search: *Search) error{OutOfMemory}!?Match {
        const match = if (search.decomposed) |wanted|
            try search.nextEquivalent(wanted)
        else
            search.nextEqual();
        const found = match orelse return null;
        search.place = if (search.direction == .forward) found.end else found.start;
        return found;
    }

    fn nextEqual(search: *const Search) ?Match {
        const start = switch (search.direction) {
            .forward => std.mem.findPos(u8, search.text, search.place, search.needle),
            .backward => std.mem.findLast(u8, search.text[0..search.place], search.needle),
        } orelse return null;
        return .{ .start = start, .end = start + search.needle.len };
    }

    fn nextEquivalent(search: *const Search, wanted: []const u21) error{OutOfMemory}!?Match {
        const text = search.text;
        switch (search.direction) {
            .forward => {
                var start = search.place;
                while (start < text.len) : (start += unicode.width(text, start)) {
                    if (try search.matchAt(start, wanted)) |end| {
                        return .{ .start = start, .end = end };
                    }
                }
            },
            .backward => {
                var start = search.place;
                while (start > 0) {
                    start = unicode.placeBefore(text, start);
                    const end = try search.matchAt(start, wanted) orelse continue;
                    if (end <= search.place) return .{ .start = start, .end = end };
                }
            },
        }
        return null;
    }

    /// Where a match ends that begins at a place.
    fn matchAt(search: *const Search, start: usize, wanted: []const u21) error{OutOfMemory}!?usize {
        const text = search.text;
        if (start > 0 and isMark(text, start)) return null;
        var left = wanted;
        var end = start;
        while (end < text.len) {
            // What marks belong to is compared with them: only they change places.
            const first = end;
            while (true) {
                end += unicode.width(text, end);
                if (end == text.len or !isMark(text, end)) break;
            }
            const points = try unicode.codePoints(search.arena, text[first..end]);
            defer search.arena.free(points);
            const here = try unicode.decomposed(search.arena, points);
            defer search.arena.free(here);
            if (!std.mem.startsWith(u21, left, here)) return null;
            left = left[here.len..];
            if (left.len == 0) return end;
        }
        return null;
    }

    fn isMark(text: []const u8, place: usize) bool {
        return unicode.combiningClass(unicode.codePointAt(text, place)) != 0;
    }
};

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
    for (expected) |match| try testing.expectEqual(match, (try search.next()).?);
    try testing.expectEqual(null, try search.next());
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
