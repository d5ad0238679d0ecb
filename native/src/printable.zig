//! Text from anywhere, made fit for a message or a line of a log: valid UTF-8 without control
//! characters, which could forge lines or command a terminal. Pure.

const std = @import("std");
const assert = std.debug.assert;

/// What stands for bytes that are not UTF-8.
const replacement = "\u{fffd}";

/// Copies the text into the target as far as it fits, no character by half, and returns what was
/// written. A control character becomes `\x1b` and the like; the output is never the shorter one.
pub fn copy(target: []u8, text: []const u8) []u8 {
    var end: usize = 0;
    var rest = text;
    while (rest.len > 0) {
        const size, const known = measure(rest);
        var memory: [4]u8 = undefined;
        const shown = switch (known) {
            .text => rest[0..size],
            .no_text => replacement,
            .control => |code| std.fmt.bufPrint(&memory, "\\x{x:0>2}", .{code}) catch unreachable,
        };
        if (shown.len > target.len - end) break;
        @memcpy(target[end..][0..shown.len], shown);
        end += shown.len;
        rest = rest[size..];
    }
    return target[0..end];
}

/// Whether `copy` would leave the text as it is.
pub fn isPrintable(text: []const u8) bool {
    var rest = text;
    while (rest.len > 0) {
        const size, const known = measure(rest);
        if (known != .text) return false;
        rest = rest[size..];
    }
    return true;
}

const Known = union(enum) { text, no_text, control: u8 };

/// A path in a message, whose middle is left out where it is long: what it ends with tells which
/// file it is.
pub const Path = struct {
    text: []const u8,

    pub const bytes_max = 200;
    const omission = "\u{2026}";
    const head_bytes = 60;
    const tail_bytes = bytes_max - head_bytes - omission.len;

    pub fn format(path: Path, writer: *std.Io.Writer) std.Io.Writer.Error!void {
        const text = path.text;
        if (text.len <= bytes_max) return writer.writeAll(text);
        // No character by half.
        var head: usize = head_bytes;
        while (head > 0 and isContinued(text[head])) head -= 1;
        var tail: usize = text.len - tail_bytes;
        while (tail < text.len and isContinued(text[tail])) tail += 1;
        try writer.print("{s}{s}{s}", .{ text[0..head], omission, text[tail..] });
    }

    fn isContinued(byte: u8) bool {
        return byte & 0xc0 == 0x80;
    }
};

/// How many bytes the first character takes, and what it is.
fn measure(text: []const u8) struct { usize, Known } {
    const first = text[0];
    if (first < 0x80) {
        const is_control = first < ' ' or first == 0x7f;
        return .{ 1, if (is_control) .{ .control = first } else .text };
    }
    const size = std.unicode.utf8ByteSequenceLength(first) catch return .{ 1, .no_text };
    if (size > text.len) return .{ 1, .no_text };
    const code = std.unicode.utf8Decode(text[0..size]) catch return .{ 1, .no_text };
    // The second block of control characters, which terminals heed too.
    if (code < 0xa0) return .{ size, .{ .control = @intCast(code) } };
    return .{ size, .text };
}

const testing = std.testing;

test "text stays as it is, and what is none or controls a terminal is shown" {
    const Case = struct { []const u8, []const u8 };
    const cases = [_]Case{
        .{ "", "" },
        .{ "plain, Gr\u{fc}n and \u{1f600}", "plain, Gr\u{fc}n and \u{1f600}" },
        .{ "a\x1b[31m\nb\x00\x7f", "a\\x1b[31m\\x0ab\\x00\\x7f" },
        .{ "\xc2\x9b31m", "\\x9b31m" },
        .{ "\xff\xc3", "\u{fffd}\u{fffd}" },
        // A surrogate, and a letter in more bytes than it takes.
        .{ "\xed\xa0\x80", "\u{fffd}\u{fffd}\u{fffd}" },
        .{ "\xc1\x81", "\u{fffd}\u{fffd}" },
    };
    for (cases) |case| {
        var memory: [64]u8 = undefined;
        try testing.expectEqualStrings(case[1], copy(&memory, case[0]));
        try testing.expectEqual(std.mem.eql(u8, case[0], case[1]), isPrintable(case[0]));
    }
}

test "no character is cut in half" {
    const text = "a\u{fc}\n\xff";
    const shown = "a\u{fc}\\x0a\u{fffd}";
    for ([_]usize{ 0, 1, 1, 3, 3, 3, 3, 7, 7, 7, 10 }, 0..) |expected, room| {
        var memory: [shown.len]u8 = undefined;
        try testing.expectEqualStrings(shown[0..expected], copy(memory[0..room], text));
    }
}

test "whatever the bytes, the result is UTF-8 without control characters" {
    var prng = std.Random.DefaultPrng.init(1);
    for (0..2000) |_| {
        var bytes: [40]u8 = undefined;
        prng.random().bytes(&bytes);
        var memory: [bytes.len * 4]u8 = undefined;
        const shown = copy(&memory, &bytes);
        assert(shown.len >= bytes.len);
        try testing.expect(std.unicode.utf8ValidateSlice(shown));
        try testing.expect(isPrintable(shown));
    }
}

test "a long path is shown by its beginning and its end, without half characters" {
    var memory: [Path.bytes_max]u8 = undefined;
    const short: Path = .{ .text = "/etc/ca.pem" };
    try testing.expectEqualStrings(short.text, try std.mem.print(&memory, "{f}", .{short}));
    // Wherever it is cut.
    for (0..3) |shift| {
        var text: [400]u8 = undefined;
        for (text[0..399], 0..) |*byte, index| byte.* = "\u{20ac}"[index % 3];
        @memset(text[0..shift], '/');
        @memcpy(text[393..], "ca.pem\n");
        const long: Path = .{ .text = text[0..399] };
        const shown = try std.mem.print(&memory, "{f}", .{long});
        try testing.expect(std.mem.endsWith(u8, shown, "ca.pem"));
        try testing.expect(shown.len > Path.bytes_max - 8);
        try testing.expect(std.mem.startsWith(u8, shown, text[0..shift]));
    }
}
