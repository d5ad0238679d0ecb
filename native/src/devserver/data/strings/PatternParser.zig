//! From the text of a regular expression, in ICU's syntax, to its tree.

const std = @import("std");
const CharacterSet = @import("CharacterSet.zig").CharacterSet;
const unicode = @import("unicode.zig");

const Allocator = std.mem.Allocator;

const PatternParser = @This();

arena: Allocator,
points: []const u21,
position: usize = 0,
modes: Modes,
/// The whole match counts as one.
groups: u32 = 1,
names: std.ArrayList(Name) = .empty,
depth: u32 = 0,
/// Sets that are put together of others.
compounds: u32 = 0,
/// Of the whole pattern, once somebody has asked.
groups_in_all: ?u32 = null,

pub const Error = error{ Invalid, Unsupported, OutOfMemory };

pub const Name = struct { name: []const u21, group: u32 };

pub const Modes = struct {
    ignores_case: bool = false,
    /// Line by line: ^ and $ mean those of lines.
    multiline: bool = false,
    /// The dot means line terminators, too.
    dot_all: bool = false,
    /// Only \n ends a line.
    unix_lines: bool = false,
    /// Spaces and comments do not count.
    comments: bool = false,
};

pub const Node = union(enum) {
    empty,
    point: struct { point: u21, ignores_case: bool },
    any: struct { dot_all: bool, unix_lines: bool },
    set: struct { set: *const CharacterSet, ignores_case: bool },
    sequence: []const *const Node,
    alternatives: []const *const Node,
    group: struct { number: u32, node: *const Node },
    repeat: Repeat,
    look: struct { node: *const Node, is_behind: bool, is_negative: bool },
    /// Once it has matched, nothing in it is tried otherwise.
    atomic: *const Node,
    reference: struct { group: u32, ignores_case: bool },
    assertion: Assertion,
};

pub const Repeat = struct {
    node: *const Node,
    min: u32,
    /// Null: any number.
    max: ?u32,
    is_lazy: bool,
};

pub const Assertion = union(enum) {
    input_start,
    input_end,
    /// Or before the line terminator that ends the input.
    last_line_end: struct { unix_lines: bool },
    line_start: struct { unix_lines: bool },
    line_end: struct { unix_lines: bool },
    word_boundary,
    no_word_boundary,
    /// Where looking for the match began.
    search_start,
};

/// The recursion here and where patterns are carried out is bounded by it.
const depth_max = 100;
const repeat_max = 1000;
const compounds_max = 500;

pub fn parse(parser: *PatternParser) Error!*const Node {
    const node = try parser.alternatives();
    // What is left is a parenthesis that was not opened.
    if (parser.peek() != null) return error.Invalid;
    return node;
}

fn make(parser: *PatternParser, node: Node) Error!*const Node {
    const made = try parser.arena.create(Node);
    made.* = node;
    return made;
}

fn makeSet(parser: *PatternParser, set: CharacterSet) Error!*const CharacterSet {
    const made = try parser.arena.create(CharacterSet);
    made.* = set;
    return made;
}

fn peek(parser: *const PatternParser) ?u21 {
    if (parser.position == parser.points.len) return null;
    return parser.points[parser.position];
}

fn take(parser: *PatternParser, point: u21) bool {
    if (parser.peek() != point) return false;
    parser.position += 1;
    return true;
}

fn takeText(parser: *PatternParser, text: []const u8) bool {
    if (parser.points.len - parser.position < text.len) return false;
    for (text, parser.points[parser.position..][0..text.len]) |letter, point| {
        if (letter != point) return false;
    }
    parser.position += text.len;
    return true;
}

fn next(parser: *PatternParser) Error!u21 {
    const point = parser.peek() orelse return error.Invalid;
    parser.position += 1;
    return point;
}

fn alternatives(parser: *PatternParser) Error!*const Node {
    if (parser.depth == depth_max) return error.Invalid;
    parser.depth += 1;
    defer parser.depth -= 1;
    // What a group sets holds to its end.
    const modes = parser.modes;
    defer parser.modes = modes;
    var branches: std.ArrayList(*const Node) = .empty;
    while (true) {
        try branches.append(parser.arena, try parser.sequence());
        if (!parser.take('|')) break;
    }
    if (branches.items.len == 1) return branches.items[0];
    return parser.make(.{ .alternatives = branches.items });
}

fn sequence(parser: *PatternParser) Error!*const Node {
    var nodes: std.ArrayList(*const Node) = .empty;
    while (true) {
        parser.skipComments();
        const point = parser.peek() orelse break;
        if (point == '|' or point == ')') break;
        if (parser.takeText("\\Q")) {
            while (!parser.takeText("\\E")) {
                const quoted = parser.peek() orelse break;
                parser.position += 1;
                try nodes.append(parser.arena, try parser.literal(quoted));
            }
            continue;
        }
        const node = try parser.one() orelse continue;
        try nodes.append(parser.arena, try parser.repeated(node));
    }
    return parser.make(.{ .sequence = nodes.items });
}

fn skipComments(parser: *PatternParser) void {
    if (!parser.modes.comments) return;
    while (parser.peek()) |point| {
        if (point == '#') {
            while (parser.peek()) |skipped| {
                parser.position += 1;
                if (CharacterSet.isLineTerminator(skipped)) break;
            }
        } else if (unicode.isSpace(point)) parser.position += 1 else return;
    }
}

fn literal(parser: *PatternParser, point: u21) Error!*const Node {
    const ignores_case = parser.modes.ignores_case;
    return parser.make(.{ .point = .{ .point = point, .ignores_case = ignores_case } });
}

fn ofSet(parser: *PatternParser, set: *const CharacterSet) Error!*const Node {
    return parser.make(.{ .set = .{ .set = set, .ignores_case = parser.modes.ignores_case } });
}

fn assertion(parser: *PatternParser, what: Assertion) Error!*const Node {
    return parser.make(.{ .assertion = what });
}

/// What a quantifier would be about; null for what is nothing by itself.
fn one(parser: *PatternParser) Error!?*const Node {
    const modes = parser.modes;
    const point = try parser.next();
    switch (point) {
        '.' => return try parser.make(.{ .any = .{
            .dot_all = modes.dot_all,
            .unix_lines = modes.unix_lines,
        } }),
        '^' => return try parser.assertion(if (modes.multiline)
            .{ .line_start = .{ .unix_lines = modes.unix_lines } }
        else
            .input_start),
        '$' => return try parser.assertion(if (modes.multiline)
            .{ .line_end = .{ .unix_lines = modes.unix_lines } }
        else
            .{ .last_line_end = .{ .unix_lines = modes.unix_lines } }),
        '(' => return parser.group(),
        '[' => return try parser.ofSet(try parser.bracketed()),
        '\\' => return try parser.escaped(),
        // There is nothing to repeat.
        '*', '+', '?', '{', '}' => return error.Invalid,
        else => return try parser.literal(point),
    }
}

fn repeated(parser: *PatternParser, node: *const Node) Error!*const Node {
    var result = node;
    while (true) {
        parser.skipComments();
        var min: u32 = 0;
        var max: ?u32 = null;
        if (parser.take('*')) {
            // Any number.
        } else if (parser.take('+')) {
            min = 1;
        } else if (parser.take('?')) {
            max = 1;
        } else if (parser.take('{')) {
            min = try parser.number();
            max = min;
            if (parser.take(',')) {
                max = if (parser.peek() == '}') null else try parser.number();
            }
            if (!parser.take('}')) return error.Invalid;
            if (max) |most| if (most < min) return error.Invalid;
        } else return result;
        const is_lazy = parser.take('?');
        result = try parser.make(.{ .repeat = .{
            .node = result,
            .min = min,
            .max = max,
            .is_lazy = is_lazy,
        } });
        if (!is_lazy and parser.take('+')) result = try parser.make(.{ .atomic = result });
        // Quantifiers of quantifiers are none of ICU's.
        switch (parser.peek() orelse return result) {
            '*', '+', '?' => return error.Invalid,
            else => return result,
        }
    }
}

fn number(parser: *PatternParser) Error!u32 {
    var value: u32 = 0;
    const start = parser.position;
    while (parser.peek()) |point| {
        if (point < '0' or point > '9') break;
        parser.position += 1;
        value = value * 10 + @as(u32, point - '0');
        if (value > repeat_max) return error.Unsupported;
    }
    if (parser.position == start) return error.Invalid;
    return value;
}

fn group(parser: *PatternParser) Error!?*const Node {
    if (!parser.take('?')) {
        const index = parser.groups;
        parser.groups += 1;
        return try parser.make(.{ .group = .{ .number = index, .node = try parser.inside() } });
    }
    if (parser.take('#')) {
        while (try parser.next() != ')') {}
        return null;
    }
    if (parser.take(':')) return try parser.inside();
    if (parser.take('>')) return try parser.make(.{ .atomic = try parser.inside() });
    if (parser.take('=')) return try parser.look(false, false);
    if (parser.take('!')) return try parser.look(false, true);
    if (parser.takeText("<=")) return try parser.look(true, false);
    if (parser.takeText("<!")) return try parser.look(true, true);
    if (parser.take('<')) {
        const index = parser.groups;
        parser.groups += 1;
        const name = try parser.groupName('>');
        for (parser.names.items) |known| {
            if (std.mem.eql(u21, known.name, name)) return error.Invalid;
        }
        try parser.names.append(parser.arena, .{ .name = name, .group = index });
        return try parser.make(.{ .group = .{ .number = index, .node = try parser.inside() } });
    }
    return parser.modesGroup();
}

fn look(parser: *PatternParser, is_behind: bool, is_negative: bool) Error!*const Node {
    return parser.make(.{ .look = .{
        .node = try parser.inside(),
        .is_behind = is_behind,
        .is_negative = is_negative,
    } });
}

/// Up to the parenthesis that ends it.
fn inside(parser: *PatternParser) Error!*const Node {
    const node = try parser.alternatives();
    if (!parser.take(')')) return error.Invalid;
    return node;
}

/// A letter, and letters and digits after it.
fn groupName(parser: *PatternParser, end: u21) Error![]const u21 {
    const start = parser.position;
    while (true) {
        const point = try parser.next();
        if (point == end) break;
        const byte = std.math.cast(u8, point) orelse return error.Invalid;
        const is_first = parser.position == start + 1;
        if (!(if (is_first) std.ascii.isAlphabetic(byte) else std.ascii.isAlphanumeric(byte))) {
            return error.Invalid;
        }
    }
    if (parser.position == start + 1) return error.Invalid;
    return parser.points[start .. parser.position - 1];
}

/// (?ims-x) holds to the end of the group around it, (?ims-x:...) inside.
fn modesGroup(parser: *PatternParser) Error!?*const Node {
    var modes = parser.modes;
    var is_on = true;
    while (true) switch (try parser.next()) {
        'i' => modes.ignores_case = is_on,
        'm' => modes.multiline = is_on,
        's' => modes.dot_all = is_on,
        'd' => modes.unix_lines = is_on,
        'x' => modes.comments = is_on,
        'w' => return error.Unsupported,
        '-' => {
            if (!is_on) return error.Invalid;
            is_on = false;
        },
        ')' => {
            parser.modes = modes;
            return null;
        },
        ':' => {
            const before = parser.modes;
            defer parser.modes = before;
            parser.modes = modes;
            return try parser.inside();
        },
        else => return error.Invalid,
    };
}

fn escaped(parser: *PatternParser) Error!*const Node {
    const modes = parser.modes;
    const start = parser.position;
    switch (try parser.next()) {
        'A' => return parser.assertion(.input_start),
        'z' => return parser.assertion(.input_end),
        'Z' => return parser.assertion(.{ .last_line_end = .{ .unix_lines = modes.unix_lines } }),
        'b' => return parser.assertion(.word_boundary),
        'B' => return parser.assertion(.no_word_boundary),
        'G' => return parser.assertion(.search_start),
        'R' => return parser.lineBreak(),
        // A cluster of what belongs together needs tables that are not here.
        'X' => return error.Unsupported,
        'k' => {
            if (!parser.take('<')) return error.Invalid;
            const name = try parser.groupName('>');
            for (parser.names.items) |known| {
                if (std.mem.eql(u21, known.name, name)) return parser.reference(known.group);
            }
            return error.Invalid;
        },
        '1'...'9' => |digit| {
            var index: u32 = digit - '0';
            while (parser.peek()) |point| {
                if (point < '0' or point > '9') break;
                const longer = index * 10 + @as(u32, point - '0');
                // As many digits as there can be groups.
                if (longer >= parser.groupsInAll()) break;
                index = longer;
                parser.position += 1;
            }
            if (index >= parser.groupsInAll()) return error.Invalid;
            return parser.reference(index);
        },
        else => {
            parser.position = start;
            return switch (try parser.escapedItem()) {
                .point => |point| parser.literal(point),
                .set => |set| parser.ofSet(set),
            };
        },
    }
}

fn reference(parser: *PatternParser, index: u32) Error!*const Node {
    const ignores_case = parser.modes.ignores_case;
    return parser.make(.{ .reference = .{ .group = index, .ignores_case = ignores_case } });
}

/// Groups of the whole pattern, those to come included.
fn groupsInAll(parser: *PatternParser) u32 {
    if (parser.groups_in_all == null) parser.groups_in_all = parser.countGroups();
    return parser.groups_in_all.?;
}

fn countGroups(parser: *const PatternParser) u32 {
    var count: u32 = 1;
    var index: usize = 0;
    var in_set = false;
    while (index < parser.points.len) : (index += 1) switch (parser.points[index]) {
        '\\' => index += 1,
        '[' => in_set = true,
        ']' => in_set = false,
        '(' => {
            if (in_set) continue;
            const rest = parser.points[index + 1 ..];
            const is_plain = rest.len == 0 or rest[0] != '?';
            const is_named = rest.len > 2 and rest[0] == '?' and rest[1] == '<' and
                rest[2] != '=' and rest[2] != '!';
            if (is_plain or is_named) count += 1;
        },
        else => {},
    };
    return count;
}

/// \r\n as one, or any line terminator.
fn lineBreak(parser: *PatternParser) Error!*const Node {
    const pair = try parser.arena.dupe(*const Node, &.{
        try parser.make(.{ .point = .{ .point = '\r', .ignores_case = false } }),
        try parser.make(.{ .point = .{ .point = '\n', .ignores_case = false } }),
    });
    const single = try parser.makeSet(.{ .property = .line_break });
    const either = try parser.arena.dupe(*const Node, &.{
        try parser.make(.{ .sequence = pair }),
        try parser.make(.{ .set = .{ .set = single, .ignores_case = false } }),
    });
    return parser.make(.{ .atomic = try parser.make(.{ .alternatives = either }) });
}

const Item = union(enum) { point: u21, set: *const CharacterSet };

/// After a backslash, in brackets or not.
fn escapedItem(parser: *PatternParser) Error!Item {
    const point = try parser.next();
    switch (point) {
        'd' => return .{ .set = try parser.makeSet(.{ .categories = .initMany(&.{.Nd}) }) },
        'w' => return .{ .set = try parser.makeSet(.{ .property = .word }) },
        's' => return .{ .set = try parser.makeSet(.{ .property = .space }) },
        'h' => return .{ .set = try parser.makeSet(.{ .property = .horizontal_space }) },
        'v' => return .{ .set = try parser.makeSet(.{ .property = .line_break }) },
        'D' => return parser.complemented(.{ .categories = .initMany(&.{.Nd}) }),
        'W' => return parser.complemented(.{ .property = .word }),
        'S' => return parser.complemented(.{ .property = .space }),
        'H' => return parser.complemented(.{ .property = .horizontal_space }),
        'V' => return parser.complemented(.{ .property = .line_break }),
        'p' => return .{ .set = try parser.makeSet(try parser.property()) },
        'P' => return parser.complemented(try parser.property()),
        'a' => return .{ .point = 0x07 },
        'e' => return .{ .point = 0x1b },
        'f' => return .{ .point = 0x0c },
        'n' => return .{ .point = '\n' },
        'r' => return .{ .point = '\r' },
        't' => return .{ .point = '\t' },
        'c' => return .{ .point = try parser.next() & 0x1f },
        '0' => return .{ .point = try parser.digits(8, 1, 3) },
        'u' => return .{ .point = try parser.digits(16, 4, 4) },
        'U' => return .{ .point = try parser.digits(16, 8, 8) },
        'x' => {
            if (!parser.take('{')) return .{ .point = try parser.digits(16, 1, 2) };
            const value = try parser.digits(16, 1, 6);
            if (!parser.take('}')) return error.Invalid;
            return .{ .point = value };
        },
        // Characters by their names need tables that are not here.
        'N' => return error.Unsupported,
        // Other letters stand for themselves, as in ICU.
        else => return .{ .point = point },
    }
}

fn complemented(parser: *PatternParser, set: CharacterSet) Error!Item {
    const inner = try parser.makeSet(set);
    return .{ .set = try parser.makeSet(.{ .complement = inner }) };
}

fn digits(parser: *PatternParser, base: u8, min: u32, max: u32) Error!u21 {
    var value: u32 = 0;
    var count: u32 = 0;
    while (count < max) : (count += 1) {
        const byte = std.math.cast(u8, parser.peek() orelse break) orelse break;
        value = value * base + (std.fmt.charToDigit(byte, base) catch break);
        parser.position += 1;
    }
    if (count < min or value > 0x10ffff) return error.Invalid;
    if (value >= 0xd800 and value <= 0xdfff) return error.Invalid;
    return @intCast(value);
}

fn property(parser: *PatternParser) Error!CharacterSet {
    if (!parser.take('{')) return error.Invalid;
    const is_complement = parser.take('^');
    const set = try parser.named('}');
    if (!is_complement) return set;
    return .{ .complement = try parser.makeSet(set) };
}

fn named(parser: *PatternParser, end: u21) Error!CharacterSet {
    var memory: [64]u8 = undefined;
    var count: usize = 0;
    while (true) {
        const point = try parser.next();
        if (point == end) break;
        if (count == memory.len or point >= 0x80) return error.Invalid;
        memory[count] = @intCast(point);
        count += 1;
    }
    return CharacterSet.named(memory[0..count]) orelse error.Unsupported;
}

/// Behind an opening bracket.
fn bracketed(parser: *PatternParser) Error!*const CharacterSet {
    if (parser.depth == depth_max) return error.Invalid;
    parser.depth += 1;
    defer parser.depth -= 1;
    const is_complement = parser.take('^');
    var set = try parser.makeSet(.none);
    // What the operator before applies to, and what has been put together since.
    var left: ?*const CharacterSet = null;
    var operator: Operator = .intersection;
    var ranges: std.ArrayList([2]u21) = .empty;
    var is_first = true;
    while (true) : (is_first = false) {
        const point = try parser.next();
        switch (point) {
            ']' => if (!is_first) break,
            '[' => {
                const inner = if (parser.take(':')) try parser.posix() else try parser.bracketed();
                set = try parser.joined(set, inner);
                continue;
            },
            '&', '-' => if (!is_first) if (parser.operatorAfter(point)) |found| {
                set = try parser.applied(left, operator, try parser.withRanges(set, ranges.items));
                ranges = .empty;
                left = set;
                operator = found;
                set = try parser.makeSet(.none);
                continue;
            },
            else => {},
        }
        const item: Item = if (point == '\\') try parser.escapedItem() else .{ .point = point };
        switch (item) {
            .set => |added| set = try parser.joined(set, added),
            .point => |start| try ranges.append(parser.arena, .{ start, try parser.rangeEnd(start) }),
        }
    }
    set = try parser.applied(left, operator, try parser.withRanges(set, ranges.items));
    if (!is_complement) return set;
    return parser.makeSet(.{ .complement = set });
}

const Operator = enum { intersection, difference };

/// Doubled, or in front of a set.
fn operatorAfter(parser: *PatternParser, point: u21) ?Operator {
    const operator: Operator = if (point == '&') .intersection else .difference;
    if (parser.take(point)) return operator;
    return if (parser.peek() == '[') operator else null;
}

fn joined(
    parser: *PatternParser,
    left: *const CharacterSet,
    right: *const CharacterSet,
) Error!*const CharacterSet {
    if (left.* == .none) return right;
    return parser.compound(.{ .either = .{ left, right } });
}

/// A set and ranges in any order, which are put in order.
fn withRanges(
    parser: *PatternParser,
    set: *const CharacterSet,
    ranges: [][2]u21,
) Error!*const CharacterSet {
    if (ranges.len == 0) return set;
    std.mem.sortUnstable([2]u21, ranges, {}, isBefore);
    var count: usize = 1;
    for (ranges[1..]) |range| {
        const last = &ranges[count - 1];
        if (range[0] <= last[1] +| 1) {
            last[1] = @max(last[1], range[1]);
        } else {
            ranges[count] = range;
            count += 1;
        }
    }
    return parser.joined(set, try parser.makeSet(.{ .ranges = ranges[0..count] }));
}

fn isBefore(_: void, left: [2]u21, right: [2]u21) bool {
    return left[0] < right[0];
}

/// Looking into them is recursive, so there are not any number of them.
fn compound(parser: *PatternParser, set: CharacterSet) Error!*const CharacterSet {
    if (parser.compounds == compounds_max) return error.Unsupported;
    parser.compounds += 1;
    return parser.makeSet(set);
}

fn applied(
    parser: *PatternParser,
    left: ?*const CharacterSet,
    operator: Operator,
    right: *const CharacterSet,
) Error!*const CharacterSet {
    const before = left orelse return right;
    return parser.compound(switch (operator) {
        .intersection => .{ .both = .{ before, right } },
        .difference => .{ .without = .{ before, right } },
    });
}

/// Of a range that begins with a code point, or the code point.
fn rangeEnd(parser: *PatternParser, start: u21) Error!u21 {
    const position = parser.position;
    if (!parser.take('-')) return start;
    const point = parser.peek() orelse return error.Invalid;
    if (point == ']' or point == '[' or point == '-') {
        parser.position = position;
        return start;
    }
    parser.position += 1;
    const end = if (point != '\\') point else switch (try parser.escapedItem()) {
        .point => |escaped_point| escaped_point,
        .set => return error.Invalid,
    };
    if (end < start) return error.Invalid;
    return end;
}

/// Behind "[:".
fn posix(parser: *PatternParser) Error!*const CharacterSet {
    const is_complement = parser.take('^');
    const set = try parser.makeSet(try parser.named(':'));
    if (!parser.take(']')) return error.Invalid;
    return if (is_complement) parser.makeSet(.{ .complement = set }) else set;
}
