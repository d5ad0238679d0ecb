//! What Unicode says of code points and of texts: case, normal form, categories.
//!
//! All texts are valid UTF-8; `isValid` is what is asked first. Pure: results live in the arena.

const std = @import("std");
const tables = @import("unicode_tables.zig");

const Allocator = std.mem.Allocator;

pub const Category = tables.Category;

pub fn isValid(text: []const u8) bool {
    return std.unicode.utf8ValidateSlice(text);
}

/// How many bytes the code point at a place has.
pub fn width(text: []const u8, place: usize) usize {
    return std.unicode.utf8ByteSequenceLength(text[place]) catch unreachable;
}

pub fn codePointAt(text: []const u8, place: usize) u21 {
    return std.unicode.utf8Decode(text[place..][0..width(text, place)]) catch unreachable;
}

/// Where the code point before a place begins.
pub fn placeBefore(text: []const u8, place: usize) usize {
    var before = place - 1;
    while (before > 0 and text[before] & 0xc0 == 0x80) before -= 1;
    return before;
}

pub fn countCodePoints(text: []const u8) usize {
    var count: usize = 0;
    for (text) |byte| count += @intFromBool(byte & 0xc0 != 0x80);
    return count;
}

/// Where so many code points end, or the text does.
pub fn placeOf(text: []const u8, code_points: usize) usize {
    var place: usize = 0;
    for (0..code_points) |_| {
        if (place == text.len) break;
        place += width(text, place);
    }
    return place;
}

pub fn codePoints(arena: Allocator, text: []const u8) error{OutOfMemory}![]u21 {
    const points = try arena.alloc(u21, countCodePoints(text));
    var place: usize = 0;
    for (points) |*point| {
        point.* = codePointAt(text, place);
        place += width(text, place);
    }
    return points;
}

pub fn append(arena: Allocator, text: *std.ArrayList(u8), point: u21) error{OutOfMemory}!void {
    var bytes: [4]u8 = undefined;
    const count = std.unicode.utf8Encode(point, &bytes) catch unreachable;
    try text.appendSlice(arena, bytes[0..count]);
}

fn encoded(arena: Allocator, points: []const u21) error{OutOfMemory}![]const u8 {
    var text: std.ArrayList(u8) = .empty;
    for (points) |point| try append(arena, &text, point);
    return text.items;
}

/// The value of a table of ranges.
fn inRanges(ranges: []const u32, point: u21) u8 {
    var low: usize = 0;
    var high: usize = ranges.len;
    while (high - low > 1) {
        const middle = (low + high) / 2;
        if (ranges[middle] >> 8 <= point) low = middle else high = middle;
    }
    return @truncate(ranges[low]);
}

pub fn category(point: u21) Category {
    return @fromBackingInt(@as(u8, inRanges(&tables.categories, point)));
}

/// 0: it begins something new; otherwise it belongs to what is before it.
pub fn combiningClass(point: u21) u8 {
    return inRanges(&tables.combining_classes, point);
}

/// The property White_Space.
pub fn isSpace(point: u21) bool {
    return switch (point) {
        0x09...0x0d, 0x20, 0x85, 0xa0, 0x1680, 0x2000...0x200a => true,
        0x2028, 0x2029, 0x202f, 0x205f, 0x3000 => true,
        else => false,
    };
}

pub const Change = enum { upper, lower, fold };

fn Mapping(comptime change: Change) type {
    return struct {
        const runs = switch (change) {
            .upper => &tables.upper_runs,
            .lower => &tables.lower_runs,
            .fold => &tables.fold_runs,
        };
        const longer = switch (change) {
            .upper => &tables.upper_longer,
            .lower => &tables.lower_longer,
            .fold => &tables.fold_longer,
        };

        fn single(point: u21) u21 {
            var low: usize = 0;
            var high: usize = runs.len;
            while (low < high) {
                const middle = (low + high) / 2;
                if (runs[middle][1] < point) low = middle + 1 else high = middle;
            }
            if (low == runs.len) return point;
            const first, _, const step, const distance = runs[low];
            if (point < first or @rem(point - first, step) != 0) return point;
            return @intCast(@as(i32, point) + distance);
        }

        fn several(point: u21) ?[]const u21 {
            for (longer) |*entry| {
                if (entry[0] != point) continue;
                return if (entry[3] == 0) entry[1..3] else entry[1..4];
            }
            return null;
        }
    };
}

/// What a code point becomes that is compared whatever its case is; one that becomes several stays.
pub fn foldOne(point: u21) u21 {
    return Mapping(.fold).single(point);
}

/// What a code point may be written as where case makes no difference.
pub fn otherCases(point: u21) [3]u21 {
    const upper = Mapping(.upper).single(point);
    return .{ upper, Mapping(.lower).single(point), Mapping(.lower).single(upper) };
}

/// In other case, which may make it longer or shorter.
pub fn changed(
    arena: Allocator,
    text: []const u8,
    comptime change: Change,
) error{OutOfMemory}![]const u8 {
    const mapping = Mapping(change);
    var out: std.ArrayList(u8) = .empty;
    try out.ensureTotalCapacity(arena, text.len);
    var place: usize = 0;
    while (place < text.len) {
        const point = codePointAt(text, place);
        const next = place + width(text, place);
        if (change == .lower and point == sigma and isFinal(text, place, next)) {
            try append(arena, &out, final_sigma);
        } else if (mapping.several(point)) |points| {
            for (points) |each| try append(arena, &out, each);
        } else try append(arena, &out, mapping.single(point));
        place = next;
    }
    return out.items;
}

const sigma = 0x3a3;
const final_sigma = 0x3c2;

/// A letter stands before it, and none behind it; what has no case itself is passed over.
fn isFinal(text: []const u8, start: usize, end: usize) bool {
    var place = start;
    const has_before = while (place > 0) {
        place = placeBefore(text, place);
        const point = codePointAt(text, place);
        if (!isIgnorable(point)) break isCased(point);
    } else false;
    if (!has_before) return false;
    place = end;
    while (place < text.len) : (place += width(text, place)) {
        const point = codePointAt(text, place);
        if (!isIgnorable(point)) return !isCased(point);
    }
    return true;
}

fn isCased(point: u21) bool {
    return switch (category(point)) {
        .Lu, .Ll, .Lt => true,
        else => false,
    };
}

fn isIgnorable(point: u21) bool {
    return switch (category(point)) {
        .Mn, .Me, .Cf, .Lm, .Sk => true,
        else => point == '\'' or point == '.' or point == ':' or point == 0xb7 or point == 0x2019,
    };
}

// Hangul is composed by arithmetic.
const hangul_syllable = 0xac00;
const hangul_lead = 0x1100;
const hangul_vowel = 0x1161;
const hangul_tail = 0x11a7;
const hangul_vowels = 21;
const hangul_tails = 28;
const hangul_leads = 19;
const hangul_syllables = hangul_leads * hangul_vowels * hangul_tails;

/// The canonical decomposition (NFD).
pub fn decomposed(arena: Allocator, points: []const u21) error{OutOfMemory}![]u21 {
    var out: std.ArrayList(u21) = .empty;
    try appendDecomposed(arena, &out, points);
    return out.items;
}

/// The same, behind what is there already.
pub fn appendDecomposed(
    arena: Allocator,
    out: *std.ArrayList(u21),
    points: []const u21,
) error{OutOfMemory}!void {
    const start = out.items.len;
    for (points) |point| try decompose(arena, out, point);
    sortMarks(out.items[start..]);
}

fn decompose(arena: Allocator, out: *std.ArrayList(u21), point: u21) error{OutOfMemory}!void {
    if (point < 0xc0) return out.append(arena, point);
    if (point >= hangul_syllable and point < hangul_syllable + hangul_syllables) {
        const index = point - hangul_syllable;
        const tail = index % hangul_tails;
        try out.append(arena, hangul_lead + index / hangul_tails / hangul_vowels);
        try out.append(arena, hangul_vowel + index / hangul_tails % hangul_vowels);
        if (tail != 0) try out.append(arena, hangul_tail + tail);
        return;
    }
    const parts = partsOf(point) orelse return out.append(arena, point);
    try decompose(arena, out, parts[0]);
    if (parts[1] != 0) try decompose(arena, out, parts[1]);
}

fn partsOf(point: u21) ?[2]u21 {
    var low: usize = 0;
    var high: usize = tables.decompositions.len;
    while (low < high) {
        const middle = (low + high) / 2;
        if (tables.decompositions[middle][0] < point) low = middle + 1 else high = middle;
    }
    if (low == tables.decompositions.len or tables.decompositions[low][0] != point) return null;
    return tables.decompositions[low][1..3].*;
}

/// Marks that follow each other stand in the order of their classes.
fn sortMarks(points: []u21) void {
    var start: usize = 0;
    while (start < points.len) {
        if (combiningClass(points[start]) == 0) {
            start += 1;
            continue;
        }
        var end = start;
        while (end < points.len and combiningClass(points[end]) != 0) end += 1;
        std.mem.sort(u21, points[start..end], {}, isOfLowerClass);
        start = end;
    }
}

fn isOfLowerClass(_: void, left: u21, right: u21) bool {
    return combiningClass(left) < combiningClass(right);
}

fn composition(first: u21, second: u21) ?u21 {
    if (first >= hangul_lead and first < hangul_lead + hangul_leads and
        second >= hangul_vowel and second < hangul_vowel + hangul_vowels)
    {
        const index = (first - hangul_lead) * hangul_vowels + (second - hangul_vowel);
        return hangul_syllable + index * hangul_tails;
    }
    if (first >= hangul_syllable and first < hangul_syllable + hangul_syllables and
        (first - hangul_syllable) % hangul_tails == 0 and
        second > hangul_tail and second < hangul_tail + hangul_tails)
    {
        return first + (second - hangul_tail);
    }
    var low: usize = 0;
    var high: usize = tables.compositions.len;
    while (low < high) {
        const middle = (low + high) / 2;
        const pair = tables.decompositions[tables.compositions[middle]];
        const is_before = pair[1] < first or (pair[1] == first and pair[2] < second);
        if (is_before) low = middle + 1 else high = middle;
    }
    if (low == tables.compositions.len) return null;
    const pair = tables.decompositions[tables.compositions[low]];
    return if (pair[1] == first and pair[2] == second) pair[0] else null;
}

/// The normal form C.
pub fn composed(arena: Allocator, text: []const u8) error{OutOfMemory}![]const u8 {
    if (isAscii(text)) return text;
    const points = try decomposed(arena, try codePoints(arena, text));
    var end: usize = 0;
    // Where what the next ones may be composed with stands.
    var starter: ?usize = null;
    var class_before: u8 = 0;
    for (points) |point| {
        const class = combiningClass(point);
        if (starter) |place| {
            // A mark of the same class, or of none, in between keeps them apart.
            const is_next = place + 1 == end;
            if (is_next or (class_before != 0 and class_before < class)) {
                if (composition(points[place], point)) |made| {
                    points[place] = made;
                    continue;
                }
            }
        }
        if (class == 0) starter = end;
        class_before = class;
        points[end] = point;
        end += 1;
    }
    return encoded(arena, points[0..end]);
}

pub fn isComposed(arena: Allocator, text: []const u8) error{OutOfMemory}!bool {
    return std.mem.eql(u8, text, try composed(arena, text));
}

pub fn isAscii(text: []const u8) bool {
    for (text) |byte| if (byte >= 0x80) return false;
    return true;
}

const testing = std.testing;

fn testChanged(comptime change: Change, text: []const u8, expected: []const u8) !void {
    var arena = std.heap.ArenaAllocator.init(testing.allocator);
    defer arena.deinit();
    try testing.expectEqualStrings(expected, try changed(arena.allocator(), text, change));
}

test "letters change their case, some to more than one" {
    try testChanged(.upper, "straße ǆ é", "STRASSE Ǆ É");
    try testChanged(.lower, "ÉΣ Σ ΑΣΣ. İ", "éς σ ασς. i̇");
    try testChanged(.fold, "Straße Σς", "strasse σσ");
    try testChanged(.upper, "ŉa", "ʼNA");
}

fn testComposed(text: []const u8, expected: []const u8) !void {
    var arena = std.heap.ArenaAllocator.init(testing.allocator);
    defer arena.deinit();
    try testing.expectEqualStrings(expected, try composed(arena.allocator(), text));
}

test "texts are composed, marks in order, Hangul by arithmetic" {
    try testComposed("cafe\u{301}", "caf\u{e9}");
    try testComposed("a\u{301}\u{323}", "\u{1ea1}\u{301}");
    try testComposed("\u{1112}\u{1161}\u{11ab}", "\u{d55c}");
    try testComposed("\u{212b}\u{958}", "\u{c5}\u{915}\u{93c}");
    try testComposed("a\u{315}\u{300}\u{5ae}b", "\u{e0}\u{5ae}\u{315}b");
    try testComposed("plain", "plain");
}

test "categories, classes and places" {
    try testing.expectEqual(Category.Lu, category('A'));
    try testing.expectEqual(Category.Nd, category(0x663));
    try testing.expectEqual(Category.Cn, category(0x10ffff));
    try testing.expectEqual(230, combiningClass(0x301));
    try testing.expectEqual(0, combiningClass('a'));
    try testing.expectEqual(3, countCodePoints("日本語"));
    try testing.expectEqual(6, placeOf("日本語", 2));
    try testing.expectEqual(9, placeOf("日本語", 7));
    try testing.expectEqual(3, placeBefore("日本", 6));
    try testing.expect(isSpace(0x3000) and !isSpace('x'));
}
