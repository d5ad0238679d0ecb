//! Strings: one operation on the value of a bin, as server 8.2 has them.
//!
//! Places and lengths are in code points; texts that are not valid UTF-8 are refused. Pure: results
//! live in the arena, in the operation, or in the value itself.

const std = @import("std");
const wire = @import("../../wire.zig");
const Container = @import("cdt/Container.zig");
const Operation = @import("strings/Operation.zig");
const Path = @import("cdt/Path.zig");
const Pattern = @import("strings/Pattern.zig");
const search_module = @import("strings/search.zig");
const element = @import("cdt/element.zig");
const result = @import("cdt/result.zig");
const unicode = @import("strings/unicode.zig");
const value = @import("value.zig");

const Allocator = std.mem.Allocator;
const Particle = value.Particle;
const Search = search_module.Search;
const msgpack = wire.msgpack;

pub const Error = result.Error || Operation.Error || error{
    BinExists,
    InvalidEncoding,
    StringIndexOutOfBounds,
    StringRegexInvalid,
    StringRegexUnsupported,
    StringConversionFailed,
    StringNotUtf8,
    StringRegexExhausted,
    StringBase64Invalid,
};

/// What an operation may make of a string is estimated first, and held to this.
const estimate_max = 8 * 1024 * 1024;

/// Reads from a bin's value.
pub fn read(arena: Allocator, particle: Particle, bytes: []const u8) Error!Particle {
    const operation = try Operation.decode(bytes, false);
    const text = if (operation.context) |context| text: {
        var parameters = context;
        const path = try Path.follow(arena, contained(particle), &parameters, false);
        break :text try textOfElement(path.value.?);
    } else text: {
        if (particle.kind != .string) return error.IncompatibleType;
        break :text particle.bytes;
    };
    if (!unicode.isValid(text)) return error.InvalidEncoding;
    return told(arena, &operation, text);
}

/// Changes a bin's value, null when it has none; null when it stays as it is.
pub fn modify(arena: Allocator, particle: ?Particle, bytes: []const u8) Error!?Particle {
    const operation = try Operation.decode(bytes, true);
    const may_fail = operation.flags & Operation.flag_no_fail == 0;
    if (operation.context) |context| {
        var parameters = context;
        const outer: ?[]const u8 = if (particle) |present| contained(present) else null;
        const path = Path.follow(arena, outer, &parameters, true) catch |err| switch (err) {
            error.NotApplicable, error.IndexOutOfBounds, error.RankOutOfBounds => {
                return if (may_fail) err else null;
            },
            else => return err,
        };
        // Nothing is made on the way to a string.
        const text = try textOfElement(path.value orelse {
            if (!may_fail) return null;
            return error.NotApplicable;
        });
        const changed = try changedOr(arena, &operation, text) orelse return null;
        const rebuilt = try path.rebuild(try element.textElement(arena, .string, changed));
        const kind: wire.particle.Type = switch (Container.kindOf(rebuilt).?) {
            .list => .list,
            .map => .map,
        };
        return .{ .kind = kind, .bytes = rebuilt };
    }
    const text = if (particle) |present| text: {
        if (operation.flags & Operation.flag_create_only != 0) {
            if (may_fail) return error.BinExists;
            return null;
        }
        if (present.kind != .string) return error.IncompatibleType;
        break :text present.bytes;
    } else text: {
        if (!operation.code.creates()) return null;
        if (operation.flags & Operation.flag_update_only != 0) return null;
        break :text "";
    };
    const changed = try changedOr(arena, &operation, text) orelse return null;
    return .{ .kind = .string, .bytes = changed };
}

/// As a string, whatever it is.
pub fn ofParticle(arena: Allocator, particle: Particle) Error!Particle {
    const text: []const u8 = switch (particle.kind) {
        .string => particle.bytes,
        .integer => try std.fmt.allocPrint(arena, "{d}", .{
            std.mem.readInt(i64, particle.bytes[0..8], .big),
        }),
        .boolean => if (particle.bytes[0] != 0) "true" else "false",
        .float => try ofFloat(arena, @bitCast(std.mem.readInt(u64, particle.bytes[0..8], .big))),
        .blob => blob: {
            if (!unicode.isValid(particle.bytes)) return error.StringNotUtf8;
            break :blob particle.bytes;
        },
        else => return error.IncompatibleType,
    };
    return .{ .kind = .string, .bytes = text };
}

/// The shortest that reads back as the same: how the server writes floats is not said anywhere.
fn ofFloat(arena: Allocator, float: f64) error{OutOfMemory}![]const u8 {
    const size = @abs(float);
    const is_plain = size == 0 or !std.math.isFinite(float) or (size >= 1e-5 and size < 1e17);
    if (is_plain) return std.fmt.allocPrint(arena, "{d}", .{float});
    return std.fmt.allocPrint(arena, "{e}", .{float});
}

/// Only containers are looked into; anything else is no container in any case.
fn contained(particle: Particle) []const u8 {
    return switch (particle.kind) {
        .list, .map => particle.bytes,
        else => "",
    };
}

fn textOfElement(bytes: []const u8) error{IncompatibleType}![]const u8 {
    return element.stringIn(bytes) orelse error.IncompatibleType;
}

fn told(arena: Allocator, operation: *const Operation, text: []const u8) Error!Particle {
    switch (operation.code) {
        .length => return integer(arena, @intCast(unicode.countCodePoints(text))),
        .byte_length => return integer(arena, @intCast(text.len)),
        .part => {
            const part = rangeOf(operation, text);
            return .{ .kind = .string, .bytes = text[part[0]..part[1]] };
        },
        .character => {
            const place = placeOf(operation.number, text);
            const end = if (place == text.len) place else place + unicode.width(text, place);
            return .{ .kind = .string, .bytes = text[place..end] };
        },
        .find => return integer(arena, try find(arena, operation, text)),
        .contains => return boolean(operation.text.len == 0 or
            try first(arena, text, operation.text, .forward) != null),
        .starts_with, .ends_with => return boolean(try hasAtEnd(arena, operation, text)),
        .to_integer => return integer(arena, try toInteger(text)),
        .to_float => return element.eightBytes(arena, .float, @bitCast(try toFloat(arena, text))),
        .is_numeric => return boolean(switch (operation.number) {
            0 => isInteger(text) or isFraction(text),
            1 => isInteger(text),
            2 => isFraction(text),
            else => return error.StringParametersInvalid,
        }),
        .is_upper => return boolean(isAll(text, .Lu)),
        .is_lower => return boolean(isAll(text, .Ll)),
        .to_blob => return .{ .kind = .blob, .bytes = text },
        .split => return split(arena, text, operation.text),
        .base64_decode => return .{ .kind = .blob, .bytes = try fromBase64(arena, text) },
        .regex_compare => return boolean(try matches(arena, operation, text)),
        else => unreachable,
    }
}

fn integer(arena: Allocator, number: i64) error{OutOfMemory}!Particle {
    return element.eightBytes(arena, .integer, @bitCast(number));
}

fn boolean(flag: bool) Particle {
    return .{ .kind = .boolean, .bytes = if (flag) "\x01" else "\x00" };
}

/// From the beginning, or from the end when negative; no further than the text goes.
fn clamped(index: i64, length: usize) usize {
    const total: i64 = @intCast(length);
    const from_start = if (index < 0) total + index else index;
    return @intCast(std.math.clamp(from_start, 0, total));
}

fn placeOf(index: i64, text: []const u8) usize {
    return unicode.placeOf(text, clamped(index, unicode.countCodePoints(text)));
}

/// In bytes; nothing where the end is not behind the start.
fn rangeOf(operation: *const Operation, text: []const u8) [2]usize {
    const length = unicode.countCodePoints(text);
    const start = clamped(operation.number, length);
    const end = if (operation.end) |end| clamped(end, length) else length;
    if (start >= end) return .{ 0, 0 };
    return .{ unicode.placeOf(text, start), unicode.placeOf(text, end) };
}

fn first(
    arena: Allocator,
    text: []const u8,
    needle: []const u8,
    direction: search_module.Direction,
) error{OutOfMemory}!?search_module.Match {
    var search = try Search.init(arena, text, needle, direction);
    return search.next();
}

/// In code points; -1: nowhere.
fn find(arena: Allocator, operation: *const Operation, text: []const u8) Error!i64 {
    if (operation.number == 0) return error.StringParametersInvalid;
    if (operation.text.len == 0) return 0;
    var search = try Search.init(
        arena,
        text,
        operation.text,
        if (operation.number > 0) .forward else .backward,
    );
    var remaining = @abs(operation.number);
    while (search.next()) |match| {
        remaining -= 1;
        if (remaining == 0) return @intCast(unicode.countCodePoints(text[0..match.start]));
    }
    return -1;
}

fn hasAtEnd(arena: Allocator, operation: *const Operation, text: []const u8) Error!bool {
    if (operation.text.len == 0) return true;
    if (operation.code == .starts_with) {
        const match = try first(arena, text, operation.text, .forward) orelse return false;
        return match.start == 0;
    }
    const match = try first(arena, text, operation.text, .backward) orelse return false;
    return match.end == text.len;
}

/// The longest that an integer of 64 bits is written as.
const integer_bytes_max = 20;

fn toInteger(text: []const u8) error{StringConversionFailed}!i64 {
    if (text.len > integer_bytes_max) return error.StringConversionFailed;
    // As the C library does, which skips spaces in front.
    const trimmed = std.mem.trimStart(u8, text, &std.ascii.whitespace);
    if (!isDigits(trimmed)) return error.StringConversionFailed;
    return std.fmt.parseInt(i64, trimmed, 10) catch error.StringConversionFailed;
}

/// With a sign or without.
fn isDigits(text: []const u8) bool {
    const digits = withoutSign(text);
    for (digits) |digit| if (!std.ascii.isDigit(digit)) return false;
    return digits.len > 0;
}

fn withoutSign(text: []const u8) []const u8 {
    if (text.len > 0 and (text[0] == '+' or text[0] == '-')) return text[1..];
    return text;
}

/// The longest that a float is written as, in full.
const float_bytes_max = 327;

extern "c" fn strtod(text: [*:0]const u8, end: *[*:0]const u8) f64;

fn toFloat(arena: Allocator, text: []const u8) error{ StringConversionFailed, OutOfMemory }!f64 {
    if (text.len == 0 or text.len > float_bytes_max) return error.StringConversionFailed;
    const copy = try arena.dupeSentinel(u8, text, 0);
    var end: [*:0]const u8 = copy;
    const float = strtod(copy, &end);
    if (end != copy.ptr + text.len) return error.StringConversionFailed;
    // What is too large or too small is not converted, but infinity can be written.
    const is_written = std.ascii.findIgnoreCase(text, "inf") != null;
    if (std.math.isInf(float) and !is_written) return error.StringConversionFailed;
    if (isSubnormal(float) or (float == 0 and hasDigit(text))) return error.StringConversionFailed;
    return float;
}

fn isSubnormal(float: f64) bool {
    return float != 0 and @abs(float) < std.math.floatMin(f64);
}

/// One that is not nought, in front of an exponent.
fn hasDigit(text: []const u8) bool {
    for (text) |byte| switch (byte) {
        '1'...'9' => return true,
        'e', 'E', 'p', 'P' => return false,
        else => {},
    };
    return false;
}

fn isInteger(text: []const u8) bool {
    if (!isDigits(text)) return false;
    _ = std.fmt.parseInt(i64, text, 10) catch return false;
    return true;
}

/// Digits with a point among them, and one behind it.
fn isFraction(text: []const u8) bool {
    const digits = withoutSign(text);
    const point = std.mem.findScalar(u8, digits, '.') orelse return false;
    if (point + 1 == digits.len) return false;
    for (digits, 0..) |digit, place| {
        if (place != point and !std.ascii.isDigit(digit)) return false;
    }
    const whole = std.mem.trimStart(u8, digits[0..point], "0");
    const fraction = std.mem.trimEnd(u8, digits[point + 1 ..], "0");
    if (whole.len + fraction.len > float_bytes_max) return false;
    const float = std.fmt.parseFloat(f64, text) catch return false;
    if (isSubnormal(float) or (float == 0 and hasDigit(text))) return false;
    return std.math.isFinite(float);
}

fn isAll(text: []const u8, category: unicode.Category) bool {
    var place: usize = 0;
    while (place < text.len) : (place += unicode.width(text, place)) {
        if (unicode.category(unicode.codePointAt(text, place)) != category) return false;
    }
    return true;
}

/// A list of what is between separators, or of code points.
fn split(arena: Allocator, text: []const u8, separator: []const u8) error{OutOfMemory}!Particle {
    var parts: std.ArrayList([]const u8) = .empty;
    if (separator.len == 0) {
        var place: usize = 0;
        while (place < text.len) {
            const end = place + unicode.width(text, place);
            try parts.append(arena, try element.textElement(arena, .string, text[place..end]));
            place = end;
        }
    } else {
        var iterator = std.mem.splitSequence(u8, text, separator);
        while (iterator.next()) |part| {
            try parts.append(arena, try element.textElement(arena, .string, part));
        }
    }
    const list: Container = .{ .kind = .list, .flags = 0, .items = parts.items };
    return .{ .kind = .list, .bytes = try list.write(arena) };
}

/// Of what is no letter of base64.
const no_index = 0xff;

/// What is left over in the last letter does not matter.
fn fromBase64(arena: Allocator, text: []const u8) error{ StringBase64Invalid, OutOfMemory }![]const u8 {
    if (text.len % 4 != 0) return error.StringBase64Invalid;
    const letters = std.mem.trimEnd(u8, text, "=");
    if (text.len - letters.len > 2) return error.StringBase64Invalid;
    const decoder = std.base64.standard.Decoder;
    const bytes = try arena.alloc(u8, letters.len * 6 / 8);
    var bits: u24 = 0;
    for (letters, 1..) |letter, count| {
        const index = decoder.char_to_index[letter];
        if (index == no_index) return error.StringBase64Invalid;
        bits = bits << 6 | index;
        const whole = count * 6 / 8;
        if (whole > (count - 1) * 6 / 8) {
            bytes[whole - 1] = @truncate(bits >> @intCast(count * 6 % 8));
        }
    }
    return bytes;
}

fn modesOf(flags: u64) Pattern.Modes {
    return .{
        .ignores_case = flags & Operation.regex_ignore_case != 0,
        .multiline = flags & Operation.regex_multiline != 0,
        .dot_all = flags & Operation.regex_dot_all != 0,
        .unix_lines = flags & Operation.regex_unix_lines != 0,
    };
}

fn compiled(arena: Allocator, pattern: []const u8, flags: u64) Error!Pattern {
    return Pattern.compile(arena, pattern, modesOf(flags)) catch |err| switch (err) {
        error.OutOfMemory => error.OutOfMemory,
        error.Invalid => error.StringRegexInvalid,
        error.Unsupported => error.StringRegexUnsupported,
    };
}

fn found(run: *Pattern.Run, from: usize) Error!?Pattern.Match {
    return run.find(from) catch |err| switch (err) {
        error.OutOfMemory => error.OutOfMemory,
        error.Exhausted => error.StringRegexExhausted,
    };
}

fn matches(arena: Allocator, operation: *const Operation, text: []const u8) Error!bool {
    if (operation.text.len == 0) return true;
    const pattern = try compiled(arena, operation.text, operation.regex_flags);
    const points = try unicode.codePoints(arena, text);
    var run: Pattern.Run = try .init(&pattern, arena, points);
    return try found(&run, 0) != null;
}

/// What a string becomes; null: it stays, as the operation may fail.
fn changedOr(arena: Allocator, operation: *const Operation, text: []const u8) Error!?[]const u8 {
    if (!unicode.isValid(text)) return error.InvalidEncoding;
    return applied(arena, operation, text) catch |err| {
        if (err == error.OutOfMemory or operation.flags & Operation.flag_no_fail == 0) return err;
        return null;
    };
}

fn applied(arena: Allocator, operation: *const Operation, text: []const u8) Error![]const u8 {
    switch (operation.code) {
        .insert, .append, .prepend => |code| {
            const place = switch (code) {
                .insert => placeOf(operation.number, text),
                .append => text.len,
                else => 0,
            };
            try estimate(text.len + operation.text.len);
            return std.mem.concat(arena, u8, &.{ text[0..place], operation.text, text[place..] });
        },
        .overwrite => return overwrite(arena, operation, text),
        .concatenate => return concatenate(arena, operation, text),
        .snip => {
            const range = rangeOf(operation, text);
            try estimate(text.len);
            return std.mem.concat(arena, u8, &.{ text[0..range[0]], text[range[1]..] });
        },
        .replace, .replace_all => return replace(arena, operation, text),
        .upper, .lower, .fold, .compose => |code| {
            try estimate(text.len * 3);
            return switch (code) {
                .upper => unicode.changed(arena, text, .upper),
                .lower => unicode.changed(arena, text, .lower),
                .fold => unicode.changed(arena, text, .fold),
                else => unicode.composed(arena, text),
            };
        },
        .trim_start => return trimmedStart(text),
        .trim_end => return trimmedEnd(text),
        .trim => return trimmedEnd(trimmedStart(text)),
        .pad_start, .pad_end => return pad(arena, operation, text),
        .repeat => {
            if (operation.number < 0) return error.StringParametersInvalid;
            const count: usize = @intCast(operation.number);
            try estimate(text.len * count);
            const copies = try arena.alloc(u8, text.len * count);
            for (0..if (text.len == 0) 0 else count) |index| {
                @memcpy(copies[index * text.len ..][0..text.len], text);
            }
            return copies;
        },
        .regex_replace => return regexReplace(arena, operation, text),
        else => unreachable,
    }
}

fn estimate(bytes: usize) error{StringParametersInvalid}!void {
    if (bytes > estimate_max) return error.StringParametersInvalid;
}

/// As many code points give way as come, unless the end is reached.
fn overwrite(arena: Allocator, operation: *const Operation, text: []const u8) Error![]const u8 {
    const length: i64 = @intCast(unicode.countCodePoints(text));
    if (operation.number < 0 or operation.number > @max(length - 1, 0)) {
        return error.StringIndexOutOfBounds;
    }
    try estimate(text.len + operation.text.len);
    const place = unicode.placeOf(text, @intCast(operation.number));
    const rest = text[place..];
    const covered = unicode.placeOf(rest, unicode.countCodePoints(operation.text));
    return std.mem.concat(arena, u8, &.{ text[0..place], operation.text, rest[covered..] });
}

fn concatenate(arena: Allocator, operation: *const Operation, text: []const u8) Error![]const u8 {
    try estimate(text.len + operation.list.len);
    var all: std.ArrayList(u8) = .empty;
    try all.appendSlice(arena, text);
    for (try textsOf(arena, operation.list)) |part| try all.appendSlice(arena, part);
    return all.items;
}

/// The texts of a list, which has nothing else.
fn textsOf(arena: Allocator, list: []const u8) Error![]const []const u8 {
    var reader = msgpack.Reader.init(list);
    const count = switch (reader.next() catch return error.StringParametersInvalid) {
        .array => |count| count,
        else => return error.StringParametersInvalid,
    };
    if (count > list.len) return error.StringParametersInvalid;
    const texts = try arena.alloc([]const u8, count);
    for (texts) |*text| {
        const bytes = reader.value() catch return error.StringParametersInvalid;
        text.* = element.stringIn(bytes) orelse return error.StringParametersInvalid;
        if (!unicode.isValid(text.*)) return error.StringParameterNotUtf8;
    }
    return texts;
}

/// What is sought, and what comes in its place.
fn pairOf(arena: Allocator, operation: *const Operation) Error![2][]const u8 {
    const texts = try textsOf(arena, operation.list);
    if (texts.len != 2) return error.StringParametersInvalid;
    return texts[0..2].*;
}

fn replace(arena: Allocator, operation: *const Operation, text: []const u8) Error![]const u8 {
    const needle, const replacement = try pairOf(arena, operation);
    if (needle.len == 0) return error.StringParametersInvalid;
    const is_all = operation.code == .replace_all;
    const most = if (is_all) text.len / needle.len else 1;
    // The server takes what it estimates less than nothing for too much.
    if (most * needle.len > text.len) return error.StringParametersInvalid;
    try estimate(3 * (text.len - most * needle.len + most * replacement.len));
    var search = try Search.init(arena, text, needle, .forward);
    var out: std.ArrayList(u8) = .empty;
    var place: usize = 0;
    while (search.next()) |match| {
        try out.appendSlice(arena, text[place..match.start]);
        try out.appendSlice(arena, replacement);
        place = match.end;
        if (!is_all) break;
    }
    try out.appendSlice(arena, text[place..]);
    return out.items;
}

fn trimmedStart(text: []const u8) []const u8 {
    var place: usize = 0;
    while (place < text.len) : (place += unicode.width(text, place)) {
        if (!unicode.isSpace(unicode.codePointAt(text, place))) break;
    }
    return text[place..];
}

fn trimmedEnd(text: []const u8) []const u8 {
    var end = text.len;
    while (end > 0) {
        const place = unicode.placeBefore(text, end);
        if (!unicode.isSpace(unicode.codePointAt(text, place))) break;
        end = place;
    }
    return text[0..end];
}

fn pad(arena: Allocator, operation: *const Operation, text: []const u8) Error![]const u8 {
    if (operation.number < 0 or operation.text.len == 0) return error.StringParametersInvalid;
    const wanted: usize = @intCast(operation.number);
    try estimate(@max(text.len, wanted * 4));
    const missing = wanted -| unicode.countCodePoints(text);
    const length = unicode.countCodePoints(operation.text);
    var padding: std.ArrayList(u8) = .empty;
    for (0..missing / length) |_| try padding.appendSlice(arena, operation.text);
    const rest = unicode.placeOf(operation.text, missing % length);
    try padding.appendSlice(arena, operation.text[0..rest]);
    const parts: [2][]const u8 = if (operation.code == .pad_start)
        .{ padding.items, text }
    else
        .{ text, padding.items };
    return std.mem.concat(arena, u8, &parts);
}

fn regexReplace(arena: Allocator, operation: *const Operation, text: []const u8) Error![]const u8 {
    try estimate(3 * (text.len + (text.len + 1) * operation.list.len));
    const pattern_text, const replacement = try pairOf(arena, operation);
    const is_global = operation.regex_flags & Operation.regex_global != 0;
    const points = try unicode.codePoints(arena, text);
    if (pattern_text.len == 0) return betweenAll(arena, points, replacement, is_global);
    const pattern = try compiled(arena, pattern_text, operation.regex_flags);
    const template = try unicode.codePoints(arena, replacement);
    var run: Pattern.Run = try .init(&pattern, arena, points);
    var out: std.ArrayList(u8) = .empty;
    var place: usize = 0;
    var from: usize = 0;
    while (from <= points.len) {
        const match = try found(&run, from) orelse break;
        try appendPoints(arena, &out, points[place..match.start()]);
        try expand(arena, &out, template, &pattern, &match, points);
        try estimate(out.items.len);
        place = match.end();
        // A match of nothing is not found again.
        from = place + @intFromBool(match.start() == place);
        if (!is_global) break;
    }
    try appendPoints(arena, &out, points[place..]);
    return out.items;
}

/// A pattern of nothing matches everywhere, and its replacement means what it says.
fn betweenAll(
    arena: Allocator,
    points: []const u21,
    replacement: []const u8,
    is_global: bool,
) error{OutOfMemory}![]const u8 {
    var out: std.ArrayList(u8) = .empty;
    try out.appendSlice(arena, replacement);
    for (points, 1..) |point, count| {
        try unicode.append(arena, &out, point);
        if (is_global and count <= points.len) try out.appendSlice(arena, replacement);
    }
    return out.items;
}

fn appendPoints(
    arena: Allocator,
    out: *std.ArrayList(u8),
    points: []const u21,
) error{OutOfMemory}!void {
    for (points) |point| try unicode.append(arena, out, point);
}

/// Appends what replaces a match: $1 and ${name} stand for groups, a backslash takes the meaning
/// from what follows it.
fn expand(
    arena: Allocator,
    out: *std.ArrayList(u8),
    template: []const u21,
    pattern: *const Pattern,
    match: *const Pattern.Match,
    points: []const u21,
) Error!void {
    var place: usize = 0;
    while (place < template.len) {
        const point = template[place];
        place += 1;
        if (point == '\\' and place < template.len) {
            try unicode.append(arena, out, template[place]);
            place += 1;
        } else if (point == '$') {
            const group = try groupIn(template, &place, pattern);
            const range = match.group(group) orelse continue;
            try appendPoints(arena, out, points[range[0]..range[1]]);
        } else try unicode.append(arena, out, point);
    }
}

/// Behind a dollar: as many digits as there is a group for, or a name.
fn groupIn(template: []const u21, place: *usize, pattern: *const Pattern) Error!u32 {
    const rest = template[place.*..];
    if (rest.len > 0 and rest[0] == '{') {
        const end = std.mem.findScalar(u21, rest, '}') orelse return error.NotApplicable;
        place.* += end + 1;
        return pattern.groupOf(rest[1..end]) orelse error.NotApplicable;
    }
    var group: ?u32 = null;
    for (rest) |point| {
        if (point < '0' or point > '9') break;
        const longer = (group orelse 0) * 10 + @as(u32, point - '0');
        if (longer >= pattern.groups) break;
        group = longer;
        place.* += 1;
    }
    return group orelse error.NotApplicable;
}

const testing = std.testing;

fn expectChanged(expected: ?[]const u8, text: ?[]const u8, operation: []const u8) !void {
    var arena = std.heap.ArenaAllocator.init(testing.allocator);
    defer arena.deinit();
    const particle: ?Particle = if (text) |bytes| .{ .kind = .string, .bytes = bytes } else null;
    const after = try modify(arena.allocator(), particle, operation);
    if (expected) |wanted| {
        try testing.expectEqualStrings(wanted, after.?.bytes);
    } else try testing.expectEqual(null, after);
}

fn expectRead(expected: []const u8, text: []const u8, operation: []const u8) !void {
    var arena = std.heap.ArenaAllocator.init(testing.allocator);
    defer arena.deinit();
    const particle: Particle = .{ .kind = .string, .bytes = text };
    const answer = try read(arena.allocator(), particle, operation);
    try testing.expectEqualSlices(u8, expected, answer.bytes);
}

fn expectFailed(expected: Error, text: []const u8, operation: []const u8) !void {
    var arena = std.heap.ArenaAllocator.init(testing.allocator);
    defer arena.deinit();
    const particle: Particle = .{ .kind = .string, .bytes = text };
    const is_modify = operation[1] >= 50;
    if (is_modify) {
        try testing.expectError(expected, modify(arena.allocator(), particle, operation));
    } else try testing.expectError(expected, read(arena.allocator(), particle, operation));
}

test "places are code points, from either end, and clamped" {
    try expectRead("\x00\x00\x00\x00\x00\x00\x00\x03", "日本語", "\x91\x00");
    try expectRead("本", "日本語", "\x93\x01\x01\x02");
    try expectRead("語", "日本語", "\x92\x01\xff");
    try expectRead("", "日本語", "\x93\x01\x02\x01");
    try expectRead("", "ab", "\x92\x02\x05");
    try expectRead("\x00\x00\x00\x00\x00\x00\x00\x02", "aaaa", "\x93\x03\xa3\x03aa\x02");
    try expectRead("\xff\xff\xff\xff\xff\xff\xff\xff", "aaaa", "\x93\x03\xa3\x03aa\x03");
}

test "strings become numbers, bytes and lists" {
    try expectRead("\xff\xff\xff\xff\xff\xff\xff\xfe", " -2", "\x91\x07");
    try expectRead("\x40\x04\x00\x00\x00\x00\x00\x00", "2.5", "\x91\x08");
    try expectRead("\x92\xa2\x03a\xa1\x03", "a,", "\x92\x0e\xa2\x03,");
    try expectRead("hello", "aGVsbG8=", "\x91\x0f");
    try expectFailed(error.StringConversionFailed, "2x", "\x91\x07");
    try expectFailed(error.StringConversionFailed, "1e999", "\x91\x08");
    try expectFailed(error.StringBase64Invalid, "aGVsbG8", "\x91\x0f");
}

test "strings are changed, and made where there was none" {
    try expectChanged("a-b", "ab", "\x93\x32\x01\xa2\x03-");
    try expectChanged("x", null, "\x92\x43\xa2\x03x");
    try expectChanged(null, null, "\x91\x38");
    try expectChanged(null, null, "\x93\x43\xa2\x03x\x02");
    try expectChanged("aXYZ", "abc", "\x93\x33\x01\xa4\x03XYZ");
    try expectChanged("ad", "abcd", "\x93\x35\x01\x03");
    try expectChanged("xyxa", "a", "\x93\x3f\x04\xa3\x03xy");
    try expectChanged("<b>,<c>", "b,c", "\x93\x42\x92\xa5\x03(\\w)\xa5\x03<$1>\x10");
    try expectFailed(error.NotApplicable, "b", "\x93\x42\x92\xa4\x03(b)\xa3\x03$2\x00");
}

test "what fails may be let pass, but not what is no string" {
    try expectFailed(error.StringIndexOutOfBounds, "ab", "\x93\x33\x02\xa2\x03x");
    try expectChanged(null, "ab", "\x94\x33\x02\xa2\x03x\x04");
    try expectFailed(error.InvalidEncoding, "\xed\xa0\x80", "\x92\x38\x04");
    try expectFailed(error.StringParametersInvalid, "ab", "\x92\x38\x01");
    try expectFailed(error.BinExists, "ab", "\x93\x43\xa2\x03x\x01");
    try expectFailed(error.StringCodeInvalid, "ab", "\x91\x11");
}

test {
    _ = Pattern;
    _ = search_module;
    _ = unicode;
}
