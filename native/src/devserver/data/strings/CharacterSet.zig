//! A set of code points, as regular expressions name them.

const std = @import("std");
const unicode = @import("unicode.zig");

const Category = unicode.Category;

pub const CharacterSet = union(enum) {
    none,
    range: [2]u21,
    /// Sorted, with something between them; the ends are in them.
    ranges: []const [2]u21,
    categories: std.EnumSet(Category),
    property: Property,
    complement: *const CharacterSet,
    either: [2]*const CharacterSet,
    both: [2]*const CharacterSet,
    without: [2]*const CharacterSet,

    pub const Property = enum { any, alphabetic, space, word, horizontal_space, line_break, hexadecimal };

    /// How many sets there are in it, itself included.
    pub fn weight(set: *const CharacterSet) usize {
        return switch (set.*) {
            .complement => |inner| 1 + inner.weight(),
            .either, .both, .without => |sides| 1 + sides[0].weight() + sides[1].weight(),
            else => 1,
        };
    }

    pub fn contains(set: *const CharacterSet, point: u21, ignores_case: bool) bool {
        return switch (set.*) {
            .complement => |inner| !inner.contains(point, ignores_case),
            .either => |sides| sides[0].contains(point, ignores_case) or
                sides[1].contains(point, ignores_case),
            .both => |sides| sides[0].contains(point, ignores_case) and
                sides[1].contains(point, ignores_case),
            .without => |sides| sides[0].contains(point, ignores_case) and
                !sides[1].contains(point, ignores_case),
            else => {
                if (set.has(point)) return true;
                if (!ignores_case) return false;
                for (unicode.otherCases(point)) |other| if (set.has(other)) return true;
                return false;
            },
        };
    }

    fn has(set: *const CharacterSet, point: u21) bool {
        return switch (set.*) {
            .none => false,
            .range => |range| point >= range[0] and point <= range[1],
            .ranges => |ranges| std.sort.binarySearch([2]u21, ranges, point, compare) != null,
            .categories => |categories| categories.contains(unicode.category(point)),
            .property => |property| hasProperty(property, point),
            else => unreachable,
        };
    }

    fn compare(point: u21, range: [2]u21) std.math.Order {
        if (point < range[0]) return .lt;
        return if (point > range[1]) .gt else .eq;
    }

    fn hasProperty(property: Property, point: u21) bool {
        return switch (property) {
            .any => true,
            .alphabetic => isAlphabetic(point),
            .space => unicode.isSpace(point),
            .word => isWord(point),
            .horizontal_space => point == '\t' or unicode.category(point) == .Zs,
            .line_break => isLineTerminator(point),
            .hexadecimal => switch (point) {
                '0'...'9', 'a'...'f', 'A'...'F' => true,
                0xff10...0xff19, 0xff21...0xff26, 0xff41...0xff46 => true,
                else => false,
            },
        };
    }

    /// Letters, and what stands for some; of marks, those are taken that are letters elsewhere.
    fn isAlphabetic(point: u21) bool {
        return switch (unicode.category(point)) {
            .Lu, .Ll, .Lt, .Lm, .Lo, .Nl => true,
            .Mc => true,
            .So => switch (point) {
                0x24b6...0x24e9, 0x1f130...0x1f149, 0x1f150...0x1f169, 0x1f170...0x1f189 => true,
                else => false,
            },
            else => false,
        };
    }

    pub fn isWord(point: u21) bool {
        if (isAlphabetic(point)) return true;
        return switch (unicode.category(point)) {
            .Mn, .Mc, .Me, .Nd, .Pc => true,
            else => point == 0x200c or point == 0x200d,
        };
    }

    pub fn isLineTerminator(point: u21) bool {
        return switch (point) {
            0x0a...0x0d, 0x85, 0x2028, 0x2029 => true,
            else => false,
        };
    }

    /// By a name of Unicode's: a category, short or long, or one of a few properties. Null for any
    /// other, scripts among them.
    pub fn named(name: []const u8) ?CharacterSet {
        var memory: [32]u8 = undefined;
        var key: []u8 = memory[0..0];
        for (name) |letter| {
            // As Unicode has it, neither case nor these make a difference.
            if (letter == '_' or letter == ' ' or letter == '-') continue;
            if (key.len == memory.len) return null;
            memory[key.len] = std.ascii.toLower(letter);
            key = memory[0 .. key.len + 1];
        }
        for ([_][]const u8{ "generalcategory=", "gc=" }) |prefix| {
            if (std.mem.startsWith(u8, key, prefix)) key = key[prefix.len..];
        }
        inline for (long_names) |entry| {
            if (std.mem.eql(u8, key, entry[0])) return categoriesOf(entry[1]);
        }
        inline for (properties) |entry| {
            if (std.mem.eql(u8, key, entry[0])) return entry[1];
        }
        return if (key.len <= 2) categoriesOf(key) else null;
    }

    /// One category by its two letters, or a group of them by the first.
    fn categoriesOf(key: []const u8) ?CharacterSet {
        if (std.mem.eql(u8, key, "lc") or std.mem.eql(u8, key, "l&")) {
            return .{ .categories = .initMany(&.{ .Lu, .Ll, .Lt }) };
        }
        var categories: std.EnumSet(Category) = .empty;
        for (std.enums.values(Category)) |category| {
            const tag = @tagName(category);
            if (std.ascii.startsWithIgnoreCase(tag, key)) categories.insert(category);
        }
        if (key.len == 0 or categories.count() == 0) return null;
        return .{ .categories = categories };
    }

    const long_names = [_]struct { []const u8, []const u8 }{
        .{ "letter", "l" },                .{ "uppercaseletter", "lu" },
        .{ "lowercaseletter", "ll" },      .{ "titlecaseletter", "lt" },
        .{ "modifierletter", "lm" },       .{ "otherletter", "lo" },
        .{ "casedletter", "lc" },          .{ "mark", "m" },
        .{ "nonspacingmark", "mn" },       .{ "spacingmark", "mc" },
        .{ "enclosingmark", "me" },        .{ "number", "n" },
        .{ "decimalnumber", "nd" },        .{ "letternumber", "nl" },
        .{ "othernumber", "no" },          .{ "punctuation", "p" },
        .{ "connectorpunctuation", "pc" }, .{ "dashpunctuation", "pd" },
        .{ "openpunctuation", "ps" },      .{ "closepunctuation", "pe" },
        .{ "symbol", "s" },                .{ "mathsymbol", "sm" },
        .{ "currencysymbol", "sc" },       .{ "modifiersymbol", "sk" },
        .{ "othersymbol", "so" },          .{ "separator", "z" },
        .{ "spaceseparator", "zs" },       .{ "control", "cc" },
        .{ "format", "cf" },               .{ "unassigned", "cn" },
        .{ "other", "c" },                 .{ "digit", "nd" },
        .{ "punct", "p" },                 .{ "cntrl", "cc" },
        .{ "upper", "lu" },                .{ "lower", "ll" },
        .{ "uppercase", "lu" },            .{ "lowercase", "ll" },
    };

    const properties = [_]struct { []const u8, CharacterSet }{
        .{ "any", .{ .property = .any } },
        .{ "ascii", .{ .range = .{ 0, 0x7f } } },
        .{ "alphabetic", .{ .property = .alphabetic } },
        .{ "alpha", .{ .property = .alphabetic } },
        .{ "whitespace", .{ .property = .space } },
        .{ "space", .{ .property = .space } },
        .{ "word", .{ .property = .word } },
        .{ "blank", .{ .property = .horizontal_space } },
        .{ "xdigit", .{ .property = .hexadecimal } },
        .{ "hexdigit", .{ .property = .hexadecimal } },
        .{ "alnum", .{ .either = .{
            &.{ .property = .alphabetic }, &.{ .categories = .initMany(&.{.Nd}) },
        } } },
        .{ "print", .{ .complement = &.{ .categories = .initMany(&.{ .Cc, .Cs, .Cn }) } } },
        .{ "graph", .{ .complement = &.{ .either = .{
            &.{ .property = .space }, &.{ .categories = .initMany(&.{ .Cc, .Cs, .Cn }) },
        } } } },
    };
};
