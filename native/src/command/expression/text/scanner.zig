//! The characters of a text, one after another, and failures that say where something is wrong.
//!
//! The text is UTF-8. Positions are bytes; the lines and columns of messages are characters, as
//! whoever wrote the text counts them.

const std = @import("std");
const assert = std.debug.assert;
const Failure = @import("../../../status.zig").Failure;

/// What reading a text may fail with. With `Failed` the failure is filled.
pub const Error = error{ Failed, OutOfMemory };

pub const Number = union(enum) { integer: i128, float: f64 };

/// More of them than any integer needs; a huge one would take long.
const digits_max = 70;
/// So many characters of the text are shown behind the place where it is wrong.
const shown_characters = 20;
/// As many of a word of the text fit into a message.
const shown_word_characters = 100;

/// A place in a text.
pub const Scanner = struct {
    text: []const u8,
    /// How many bytes have been taken.
    position: usize = 0,
    failure: *Failure,

    /// A failure where the next character is that is no space.
    pub fn fail(scanner: *Scanner, comptime format: []const u8, args: anytype) error{Failed} {
        return scanner.failAt(scanner.here(), format, args);
    }

    /// Not inlined, so that its memory is not part of the frames of what calls itself.
    pub noinline fn failAt(
        scanner: *const Scanner,
        position: usize,
        comptime format: []const u8,
        args: anytype,
    ) error{Failed} {
        var memory: [Failure.message_bytes_max]u8 = undefined;
        var writer = std.Io.Writer.fixed(&memory);
        writer.print(format, args) catch {};
        return scanner.refuseAt(position, writer.buffered());
    }

    noinline fn refuseAt(scanner: *const Scanner, position: usize, message: []const u8) error{Failed} {
        assert(position <= scanner.text.len);
        const place: Place = .{ .text = scanner.text, .position = position };
        scanner.failure.set(.invalid_argument, "{f}: {s}", .{ place, message });
        // Of a longer text nothing is read.
        scanner.failure.text_position = @intCast(position + 1);
        return error.Failed;
    }

    fn skip(scanner: *Scanner) void {
        while (scanner.position < scanner.text.len) : (scanner.position += 1) {
            switch (scanner.text[scanner.position]) {
                ' ', '\t', '\r', '\n' => {},
                else => return,
            }
        }
    }

    /// Where the next character is that is no space.
    pub fn here(scanner: *Scanner) usize {
        scanner.skip();
        return scanner.position;
    }

    /// The next byte that is no space; null at the end.
    pub fn next(scanner: *Scanner) ?u8 {
        const place = scanner.here();
        return if (place < scanner.text.len) scanner.text[place] else null;
    }

    /// Whether the next byte that is no space is one of some.
    pub fn isNextOf(scanner: *Scanner, characters: []const u8) bool {
        const character = scanner.next() orelse return false;
        return std.mem.findScalar(u8, characters, character) != null;
    }

    pub fn startsWith(scanner: *const Scanner, symbol: []const u8) bool {
        return std.mem.startsWith(u8, scanner.text[scanner.position..], symbol);
    }

    /// Passes over a symbol, if it comes next.
    pub fn take(scanner: *Scanner, symbol: []const u8) bool {
        scanner.skip();
        if (!scanner.startsWith(symbol)) return false;
        scanner.position += symbol.len;
        return true;
    }

    pub fn expect(scanner: *Scanner, symbol: []const u8) error{Failed}!void {
        if (!scanner.take(symbol)) return scanner.fail("expected '{s}'", .{symbol});
    }

    /// The letters, digits and underscores that come next; there may be none.
    pub fn peekWord(scanner: *Scanner) []const u8 {
        const start = scanner.here();
        var end = start;
        while (end < scanner.text.len and isOfWord(scanner.text[end])) end += 1;
        return scanner.text[start..end];
    }

    /// The same, passed over.
    pub fn word(scanner: *Scanner) []const u8 {
        const found = scanner.peekWord();
        scanner.position += found.len;
        return found;
    }

    /// Passes over a word, if it comes next and is not part of a longer one.
    pub fn takeWord(scanner: *Scanner, wanted: []const u8) bool {
        if (!std.mem.eql(u8, scanner.peekWord(), wanted)) return false;
        scanner.position += wanted.len;
        return true;
    }

    /// What is between the quotes that come next; null if none do.
    pub fn quoted(scanner: *Scanner) error{Failed}!?[]const u8 {
        if (!scanner.isNextOf("\"'")) return null;
        const start = scanner.position;
        const text = scanner.text;
        const end = std.mem.findScalarPos(u8, text, start + 1, text[start]) orelse
            return scanner.failAt(start, "this quote has no end", .{});
        scanner.position = end + 1;
        return text[start + 1 .. end];
    }

    /// An integer without a sign, decimal, hexadecimal or binary; null if none comes next. It may be
    /// 2^63, whose sign would come before it.
    pub fn integer(scanner: *Scanner) error{Failed}!?i128 {
        const digits = scanner.peekWord();
        const base = baseOf(digits) orelse return null;
        return try scanner.fitting(digits, base);
    }

    /// An integer, perhaps with a minus; null if none comes next.
    pub fn signedInteger(scanner: *Scanner) error{Failed}!?i128 {
        const start = scanner.here();
        const is_negative = scanner.take("-");
        const number = try scanner.integer() orelse {
            scanner.position = start;
            return null;
        };
        return try scanner.int64(if (is_negative) -number else number, start);
    }

    /// The number, which must fit into 64 bits with its sign.
    pub fn int64(scanner: *const Scanner, number: i128, position: usize) error{Failed}!i128 {
        if (std.math.cast(i64, number) != null) return number;
        return scanner.failAt(position, "the integer does not fit into 64 bits", .{});
    }

    /// A number without a sign; null if none comes next.
    pub fn float(scanner: *Scanner) error{Failed}!?Number {
        const start = scanner.here();
        const text = scanner.text;
        const point = endOfDigits(text, start);
        if (point < text.len and text[point] == '.') {
            const end = endOfDigits(text, point + 1);
            if (end > point + 1) {
                scanner.position = end;
                return .{ .float = std.fmt.parseFloat(f64, text[start..end]) catch unreachable };
            }
        }
        if (point == start) return null;
        const found = try scanner.integer() orelse return scanner.fail("this is no number", .{});
        return .{ .integer = found };
    }

    fn fitting(scanner: *Scanner, digits: []const u8, base: u8) error{Failed}!i128 {
        const start = scanner.position;
        const number = std.fmt.parseInt(
            u128,
            if (base == 10) digits else digits[2..],
            base,
        ) catch std.math.maxInt(u128);
        if (number > 1 << 63 or digits.len > digits_max) {
            return scanner.failAt(start, "the integer does not fit into 64 bits", .{});
        }
        scanner.position = start + digits.len;
        return @intCast(number);
    }
};

fn isOfWord(character: u8) bool {
    return character == '_' or std.ascii.isAlphanumeric(character);
}

fn endOfDigits(text: []const u8, start: usize) usize {
    var end = start;
    while (end < text.len and std.ascii.isDigit(text[end])) end += 1;
    return end;
}

/// Null if the word is no integer.
fn baseOf(word: []const u8) ?u8 {
    const base: u8 = if (word.len < 3 or word[0] != '0') 10 else switch (word[1]) {
        'x', 'X' => 16,
        'b', 'B' => 2,
        else => 10,
    };
    const digits = if (base == 10) word else word[2..];
    for (digits) |character| _ = std.fmt.charToDigit(character, base) catch return null;
    return if (digits.len > 0) base else null;
}

/// Where something is wrong, for a message.
const Place = struct {
    text: []const u8,
    position: usize,

    pub fn format(place: Place, writer: *std.Io.Writer) std.Io.Writer.Error!void {
        const before = place.text[0..place.position];
        const line = std.mem.countScalar(u8, before, '\n') + 1;
        const start = if (std.mem.findScalarLast(u8, before, '\n')) |end| end + 1 else 0;
        const column = countCharacters(before[start..]) + 1;
        try writer.print("line {d}, column {d}, ", .{ line, column });
        const rest = place.text[place.position..];
        if (rest.len == 0) return writer.writeAll("at the end");
        try writer.print("before {f}", .{shown(rest, shown_characters)});
    }
};

fn countCharacters(text: []const u8) usize {
    var count: usize = 0;
    for (text) |byte| count += @intFromBool(byte & 0xc0 != 0x80);
    return count;
}

/// A word of the text in quotes, for a message.
pub fn named(text: []const u8) Shown {
    return shown(text, shown_word_characters);
}

/// Text in quotes, cut behind so many characters, for a message.
fn shown(text: []const u8, characters: usize) Shown {
    var end: usize = 0;
    for (0..characters) |_| {
        if (end >= text.len) break;
        end += std.unicode.utf8ByteSequenceLength(text[end]) catch unreachable;
    }
    return .{ .text = text[0..end] };
}

const Shown = struct {
    text: []const u8,

    pub fn format(it: Shown, writer: *std.Io.Writer) std.Io.Writer.Error!void {
        const has_apostrophe = std.mem.findScalar(u8, it.text, '\'') != null;
        const has_quote = std.mem.findScalar(u8, it.text, '"') != null;
        const quote: u8 = if (has_apostrophe and !has_quote) '"' else '\'';
        try writer.writeByte(quote);
        for (it.text) |character| switch (character) {
            '\\' => try writer.writeAll("\\\\"),
            '\n' => try writer.writeAll("\\n"),
            '\r' => try writer.writeAll("\\r"),
            '\t' => try writer.writeAll("\\t"),
            // Other control characters are shown so by whoever takes the message.
            else => {
                if (character == quote) try writer.writeByte('\\');
                try writer.writeByte(character);
            },
        };
        try writer.writeByte(quote);
    }
};

const testing = std.testing;

test "numbers are whole words, and have a limit" {
    var failure: Failure = .{};
    const Case = struct { []const u8, ?i128 };
    for ([_]Case{
        .{ "0", 0 },
        .{ " 12", 12 },
        .{ "0x1F", 31 },
        .{ "0b101", 5 },
        .{ "9223372036854775808", 1 << 63 },
        .{ "12a", null },
        .{ "0x", null },
        .{ "0b2", null },
        .{ "0xg", null },
        .{ "", null },
        .{ "-1", null },
    }) |case| {
        var scanner: Scanner = .{ .text = case[0], .failure = &failure };
        try testing.expectEqual(case[1], try scanner.integer());
        try testing.expectEqual(case[1] != null, scanner.position > 0);
    }
    var large: Scanner = .{ .text = "9223372036854775809", .failure = &failure };
    try testing.expectError(error.Failed, large.integer());
    const digits = "0x" ++ @as([80]u8, @splat('0'));
    var zeros: Scanner = .{ .text = digits, .failure = &failure };
    try testing.expectError(error.Failed, zeros.integer());
}

test "a failure says where it is, in characters, and shows what comes there" {
    var failure: Failure = .{};
    const Case = struct { []const u8, usize, []const u8 };
    for ([_]Case{
        .{ "", 0, "line 1, column 1, at the end: bad" },
        .{ "abc", 1, "line 1, column 2, before 'bc': bad" },
        .{ "\u{fc}\n\u{fc}'b\n", 5, "line 2, column 2, before \"'b\\n\": bad" },
        .{ "'\"\\\x1b", 0, "line 1, column 1, before '\\'\"\\\\\\x1b': bad" },
    }) |case| {
        const scanner: Scanner = .{ .text = case[0], .failure = &failure };
        try testing.expectEqual(error.Failed, scanner.failAt(case[1], "bad", .{}));
        try testing.expectEqualStrings(case[2], failure.message());
        try testing.expectEqual(case[1] + 1, failure.text_position);
    }
}
