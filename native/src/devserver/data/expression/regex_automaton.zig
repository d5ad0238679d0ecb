//! Regular expressions of POSIX, basic and extended, for systems whose C library has none.
//!
//! As glibc has them, with its additions (`\+`, `\?` and `\|` in basic ones; `\w`, `\s`, `\b`,
//! `\<`, …), in the C locale: a character is a byte. What is not here are back references. The
//! pattern becomes a nondeterministic automaton that is run in all of its states at once, so the
//! time of a match is bounded by pattern times text.

const std = @import("std");
const assert = std.debug.assert;

pub const Error = error{ Invalid, OutOfMemory };

pub const Options = struct {
    is_extended: bool = false,
    ignores_case: bool = false,
    /// Lines are texts of their own: for `^`, `$`, `.` and `[^…]`.
    has_lines: bool = false,
};

const Set = std.StaticBitSet(256);

const Assertion = enum {
    line_begin,
    line_end,
    text_begin,
    text_end,
    word_border,
    no_word_border,
    word_begin,
    word_end,
};

const Instruction = union(enum) {
    byte: Set,
    assertion: Assertion,
    jump: u32,
    split: [2]u32,
    match,
};

/// A repetition is as often in the program as it counts, so a short pattern may be a long program.
const program_max = 32 * 1024;
const repetitions_max = 0x7fff;
const nesting_max = 200;

const Node = union(enum) {
    empty,
    byte: Set,
    assertion: Assertion,
    pair: [2]*const Node,
    either: [2]*const Node,
    repeat: Repeat,

    const Repeat = struct { of: *const Node, min: u32, max: ?u32 };
};

pub const Automaton = struct {
    program: []const Instruction,
    has_lines: bool,

    /// What is made belongs to the arena.
    pub fn compile(
        arena: std.mem.Allocator,
        pattern: []const u8,
        options: Options,
    ) Error!Automaton {
        var parser: Parser = .{ .arena = arena, .rest = pattern, .options = options };
        const node = try parser.alternatives();
        if (parser.rest.len > 0) return error.Invalid;
        var emitter: Emitter = .{ .arena = arena };
        try emitter.emit(node);
        _ = try emitter.append(.match);
        return .{ .program = emitter.program.items, .has_lines = options.has_lines };
    }

    /// Whether the pattern is anywhere in the text.
    pub fn matches(
        automaton: *const Automaton,
        arena: std.mem.Allocator,
        text: []const u8,
    ) error{OutOfMemory}!bool {
        const count = automaton.program.len;
        var run: Run = .{
            .automaton = automaton,
            .text = text,
            .seen = try arena.alloc(u32, count),
            .stack = try arena.alloc(u32, 2 * count + 1),
        };
        @memset(run.seen, 0);
        var lists = [2][]u32{ try arena.alloc(u32, count), try arena.alloc(u32, count) };
        var states: []u32 = lists[0][0..0];
        for (0..text.len + 1) |position| {
            run.stamp += 1;
            const next = lists[(position + 1) % 2];
            run.found = next[0..0];
            run.room = next;
            if (position > 0) {
                for (states) |state| {
                    const byte = text[position - 1];
                    if (!automaton.program[state].byte.isSet(byte)) continue;
                    if (run.follow(state + 1, position)) return true;
                }
            }
            if (run.follow(0, position)) return true;
            states = run.found;
        }
        return false;
    }
};

/// The states that are reached at one position of the text.
const Run = struct {
    automaton: *const Automaton,
    text: []const u8,
    /// By instruction: the last round that came by it.
    seen: []u32,
    stamp: u32 = 0,
    stack: []u32,
    found: []u32 = &.{},
    room: []u32 = &.{},

    /// Everything that is reached without a byte; whether that is the end of the pattern.
    fn follow(run: *Run, start: u32, position: usize) bool {
        const program = run.automaton.program;
        var depth: usize = 1;
        run.stack[0] = start;
        while (depth > 0) {
            depth -= 1;
            const state = run.stack[depth];
            if (run.seen[state] == run.stamp) continue;
            run.seen[state] = run.stamp;
            switch (program[state]) {
                .match => return true,
                .byte => {
                    run.found = run.room[0 .. run.found.len + 1];
                    run.found[run.found.len - 1] = state;
                },
                .assertion => |assertion| if (run.holds(assertion, position)) {
                    run.stack[depth] = state + 1;
                    depth += 1;
                },
                .jump => |target| {
                    run.stack[depth] = target;
                    depth += 1;
                },
                .split => |targets| {
                    run.stack[depth] = targets[0];
                    run.stack[depth + 1] = targets[1];
                    depth += 2;
                },
            }
        }
        return false;
    }

    fn holds(run: *const Run, assertion: Assertion, position: usize) bool {
        const text = run.text;
        const lines = run.automaton.has_lines;
        const at_begin = position == 0;
        const at_end = position == text.len;
        const after_word = !at_begin and isWord(text[position - 1]);
        const before_word = !at_end and isWord(text[position]);
        return switch (assertion) {
            .text_begin => at_begin,
            .text_end => at_end,
            .line_begin => at_begin or lines and text[position - 1] == '\n',
            .line_end => at_end or lines and text[position] == '\n',
            .word_border => after_word != before_word,
            .no_word_border => after_word == before_word,
            .word_begin => !after_word and before_word,
            .word_end => after_word and !before_word,
        };
    }
};

fn isWord(byte: u8) bool {
    return std.ascii.isAlphanumeric(byte) or byte == '_';
}

const Emitter = struct {
    arena: std.mem.Allocator,
    program: std.ArrayList(Instruction) = .empty,

    fn here(emitter: *const Emitter) u32 {
        return @intCast(emitter.program.items.len);
    }

    /// Returns the place of the instruction.
    fn append(emitter: *Emitter, instruction: Instruction) Error!u32 {
        const place = emitter.here();
        if (place == program_max) return error.Invalid;
        try emitter.program.append(emitter.arena, instruction);
        return place;
    }

    fn set(emitter: *Emitter, place: u32, instruction: Instruction) void {
        emitter.program.items[place] = instruction;
    }

    fn emit(emitter: *Emitter, node: *const Node) Error!void {
        switch (node.*) {
            .empty => {},
            .byte => |members| _ = try emitter.append(.{ .byte = members }),
            .assertion => |assertion| _ = try emitter.append(.{ .assertion = assertion }),
            .pair => |pair| for (pair) |part| try emitter.emit(part),
            .either => |either| {
                const split = try emitter.append(.{ .split = undefined });
                try emitter.emit(either[0]);
                const jump = try emitter.append(.{ .jump = undefined });
                emitter.set(split, .{ .split = .{ split + 1, emitter.here() } });
                try emitter.emit(either[1]);
                emitter.set(jump, .{ .jump = emitter.here() });
            },
            .repeat => |*repeat| {
                for (0..repeat.min) |_| try emitter.emit(repeat.of);
                if (repeat.max) |max| {
                    try emitter.optional(repeat.of, max - repeat.min);
                } else {
                    try emitter.endless(repeat.of);
                }
            },
        }
    }

    /// Each one may be the last; all of them end at the same place.
    fn optional(emitter: *Emitter, node: *const Node, count: u32) Error!void {
        const splits = try emitter.arena.alloc(u32, count);
        for (splits) |*split| {
            split.* = try emitter.append(.{ .split = undefined });
            try emitter.emit(node);
        }
        for (splits) |split| emitter.set(split, .{ .split = .{ split + 1, emitter.here() } });
    }

    fn endless(emitter: *Emitter, node: *const Node) Error!void {
        const split = try emitter.append(.{ .split = undefined });
        try emitter.emit(node);
        _ = try emitter.append(.{ .jump = split });
        emitter.set(split, .{ .split = .{ split + 1, emitter.here() } });
    }
};

const Parser = struct {
    arena: std.mem.Allocator,
    rest: []const u8,
    options: Options,
    depth: u32 = 0,
    /// The pattern, a group or an alternative begins here: where `^` of a basic pattern is one.
    at_begin: bool = true,

    const Operator = enum { open, close, either, star, plus, question, brace };

    /// The operator that comes next, and how long it is.
    fn operator(parser: *const Parser) ?struct { Operator, usize } {
        const rest = parser.rest;
        if (rest.len == 0) return null;
        if (rest[0] == '*') return .{ .star, 1 };
        const is_escaped = rest[0] == '\\';
        if (is_escaped == parser.options.is_extended) return null;
        if (is_escaped and rest.len < 2) return null;
        const length = if (is_escaped) @as(usize, 2) else 1;
        return .{ switch (rest[length - 1]) {
            '(' => .open,
            ')' => .close,
            '|' => .either,
            '+' => .plus,
            '?' => .question,
            '{' => .brace,
            else => return null,
        }, length };
    }

    fn new(parser: *Parser, node: Node) Error!*const Node {
        const created = try parser.arena.create(Node);
        created.* = node;
        return created;
    }

    fn alternatives(parser: *Parser) Error!*const Node {
        var result = try parser.sequence();
        while (parser.operator()) |next| {
            if (next[0] != .either) break;
            parser.rest = parser.rest[next[1]..];
            parser.at_begin = true;
            result = try parser.new(.{ .either = .{ result, try parser.sequence() } });
        }
        return result;
    }

    fn sequence(parser: *Parser) Error!*const Node {
        var result = try parser.new(.empty);
        while (parser.rest.len > 0) {
            const next = parser.operator();
            if (next) |found| switch (found[0]) {
                .either => break,
                // Without a group to close it is an error, or in an extended pattern a character.
                .close => if (parser.depth > 0 or !parser.options.is_extended) break,
                else => {},
            };
            result = try parser.new(.{ .pair = .{ result, try parser.piece() } });
        }
        return result;
    }

    /// One thing, as often as is said behind it.
    fn piece(parser: *Parser) Error!*const Node {
        var result = try parser.atom();
        // What comes after an anchor does not repeat it.
        if (result.* == .assertion) return result;
        var is_repeated = false;
        while (parser.operator()) |next| {
            // glibc refuses these two, and no others, behind another one in a basic pattern.
            const is_refused = is_repeated and !parser.options.is_extended;
            if (is_refused and (next[0] == .star or next[0] == .brace)) return error.Invalid;
            is_repeated = true;
            const min: u32, const max: ?u32 = switch (next[0]) {
                .star => .{ 0, null },
                .plus => .{ 1, null },
                .question => .{ 0, 1 },
                .brace => {
                    parser.rest = parser.rest[next[1]..];
                    const bounds = try parser.interval();
                    result = try parser.new(.{ .repeat = .{
                        .of = result,
                        .min = bounds[0],
                        .max = bounds[1],
                    } });
                    continue;
                },
                .open, .close, .either => break,
            };
            parser.rest = parser.rest[next[1]..];
            result = try parser.new(.{ .repeat = .{ .of = result, .min = min, .max = max } });
        }
        return result;
    }

    fn interval(parser: *Parser) Error!struct { u32, ?u32 } {
        const first = try parser.number();
        var max = first;
        if (parser.take(',')) {
            max = try parser.number();
        } else if (first == null) {
            return error.Invalid;
        }
        if (!parser.options.is_extended and !parser.take('\\')) return error.Invalid;
        if (!parser.take('}')) return error.Invalid;
        const min = first orelse 0;
        if (min > repetitions_max) return error.Invalid;
        if (max) |value| if (value < min or value > repetitions_max) return error.Invalid;
        return .{ min, max };
    }

    fn number(parser: *Parser) Error!?u32 {
        var digits: usize = 0;
        while (digits < parser.rest.len and std.ascii.isDigit(parser.rest[digits])) digits += 1;
        if (digits == 0) return null;
        defer parser.rest = parser.rest[digits..];
        return std.fmt.parseInt(u32, parser.rest[0..digits], 10) catch error.Invalid;
    }

    fn take(parser: *Parser, byte: u8) bool {
        if (parser.rest.len == 0 or parser.rest[0] != byte) return false;
        parser.rest = parser.rest[1..];
        return true;
    }

    fn atom(parser: *Parser) Error!*const Node {
        assert(parser.rest.len > 0);
        const was_begin = parser.at_begin;
        parser.at_begin = false;
        if (parser.operator()) |next| switch (next[0]) {
            .open => return parser.group(next[1]),
            // There is nothing that could be repeated: a character, in a basic pattern.
            .star, .plus, .question => {
                if (parser.options.is_extended) return error.Invalid;
                parser.rest = parser.rest[next[1] - 1 ..];
                return parser.literal();
            },
            .brace => return error.Invalid,
            .close => return parser.literal(),
            .either => unreachable,
        };
        switch (parser.rest[0]) {
            '\\' => return parser.escape(),
            '[' => return parser.bracket(),
            '.' => {
                parser.rest = parser.rest[1..];
                var any = Set.full;
                any.unset(0);
                if (parser.options.has_lines) any.unset('\n');
                return parser.new(.{ .byte = any });
            },
            '^' => if (parser.options.is_extended or was_begin) {
                parser.rest = parser.rest[1..];
                // A group begins behind it too, as far as a star is concerned.
                return parser.new(.{ .assertion = .line_begin });
            },
            '$' => if (parser.options.is_extended or parser.isLast()) {
                parser.rest = parser.rest[1..];
                return parser.new(.{ .assertion = .line_end });
            },
            else => {},
        }
        return parser.literal();
    }

    /// Whether the `$` of a basic pattern ends it, a group or an alternative.
    fn isLast(parser: *const Parser) bool {
        if (parser.rest.len == 1) return true;
        var behind = parser.*;
        behind.rest = behind.rest[1..];
        const next = behind.operator() orelse return false;
        return next[0] == .either or next[0] == .close;
    }

    fn group(parser: *Parser, length: usize) Error!*const Node {
        if (parser.depth == nesting_max) return error.Invalid;
        parser.depth += 1;
        defer parser.depth -= 1;
        parser.rest = parser.rest[length..];
        parser.at_begin = true;
        const inner = try parser.alternatives();
        parser.at_begin = false;
        const next = parser.operator() orelse return error.Invalid;
        if (next[0] != .close) return error.Invalid;
        parser.rest = parser.rest[next[1]..];
        // Not an assertion even if there is nothing else in it: a group may be repeated.
        return parser.new(.{ .pair = .{ inner, try parser.new(.empty) } });
    }

    fn literal(parser: *Parser) Error!*const Node {
        const byte = parser.rest[0];
        parser.rest = parser.rest[1..];
        var set = Set.empty;
        set.set(byte);
        return parser.bytes(set);
    }

    fn bytes(parser: *Parser, set: Set) Error!*const Node {
        return parser.new(.{ .byte = if (parser.options.ignores_case) folded(set) else set });
    }

    fn escape(parser: *Parser) Error!*const Node {
        if (parser.rest.len < 2) return error.Invalid;
        const byte = parser.rest[1];
        parser.rest = parser.rest[1..];
        const assertion: Assertion = switch (byte) {
            '1'...'9' => return error.Invalid,
            'w', 'W' => return parser.class(isWord, byte == 'W'),
            's', 'S' => return parser.class(std.ascii.isWhitespace, byte == 'S'),
            'b' => .word_border,
            'B' => .no_word_border,
            '<' => .word_begin,
            '>' => .word_end,
            '`' => .text_begin,
            '\'' => .text_end,
            else => return parser.literal(),
        };
        parser.rest = parser.rest[1..];
        return parser.new(.{ .assertion = assertion });
    }

    fn class(parser: *Parser, comptime contains: fn (u8) bool, is_negated: bool) Error!*const Node {
        parser.rest = parser.rest[1..];
        var set = membersOf(contains);
        if (is_negated) set.toggleAll();
        return parser.new(.{ .byte = set });
    }

    fn bracket(parser: *Parser) Error!*const Node {
        parser.rest = parser.rest[1..];
        const is_negated = parser.take('^');
        var set = Set.empty;
        var is_first = true;
        while (is_first or !parser.take(']')) {
            is_first = false;
            if (parser.rest.len == 0) return error.Invalid;
            if (std.mem.startsWith(u8, parser.rest, "[:")) {
                set.setUnion(try parser.namedClass());
                continue;
            }
            const first = try parser.element();
            const rest = parser.rest;
            if (rest.len > 1 and rest[0] == '-' and rest[1] != ']') {
                parser.rest = rest[1..];
                if (std.mem.startsWith(u8, parser.rest, "[:")) return error.Invalid;
                const last = try parser.element();
                if (last < first) return error.Invalid;
                set.setRangeValue(.{ .start = first, .end = @as(usize, last) + 1 }, true);
            } else {
                set.set(first);
            }
        }
        if (parser.options.ignores_case) set = folded(set);
        if (is_negated) {
            set.toggleAll();
            if (parser.options.has_lines) set.unset('\n');
        }
        return parser.new(.{ .byte = set });
    }

    /// A byte, or one in the brackets of a collating element: `[.-.]`, `[=a=]`.
    fn element(parser: *Parser) Error!u8 {
        const rest = parser.rest;
        if (rest.len == 0) return error.Invalid;
        if (rest.len > 1 and rest[0] == '[' and (rest[1] == '.' or rest[1] == '=')) {
            if (rest.len < 5 or rest[3] != rest[1] or rest[4] != ']') return error.Invalid;
            parser.rest = rest[5..];
            return rest[2];
        }
        parser.rest = rest[1..];
        return rest[0];
    }

    fn namedClass(parser: *Parser) Error!Set {
        const end = std.mem.find(u8, parser.rest, ":]") orelse return error.Invalid;
        const name = parser.rest[2..end];
        parser.rest = parser.rest[end + 2 ..];
        const ascii = std.ascii;
        const is_cased = parser.options.ignores_case;
        const classes = .{
            .{ "alpha", ascii.isAlphabetic },   .{ "digit", ascii.isDigit },
            .{ "alnum", ascii.isAlphanumeric }, .{ "space", ascii.isWhitespace },
            .{ "upper", ascii.isUpper },        .{ "lower", ascii.isLower },
            .{ "cntrl", ascii.isControl },      .{ "print", ascii.isPrint },
            .{ "graph", ascii.isGraphical },    .{ "punct", ascii.isPunctuation },
            .{ "xdigit", ascii.isHex },         .{ "blank", isBlank },
        };
        inline for (classes) |known| {
            if (std.mem.eql(u8, name, known[0])) {
                const set = membersOf(known[1]);
                return if (is_cased) folded(set) else set;
            }
        }
        return error.Invalid;
    }
};

fn isBlank(byte: u8) bool {
    return byte == ' ' or byte == '\t';
}

fn membersOf(comptime contains: fn (u8) bool) Set {
    var set = Set.empty;
    for (0..256) |byte| {
        if (contains(@intCast(byte))) set.set(byte);
    }
    return set;
}

/// With the other case of every letter.
fn folded(set: Set) Set {
    var result = set;
    for ('a'..'z' + 1) |lower| {
        const upper = lower - ('a' - 'A');
        if (set.isSet(lower)) result.set(upper);
        if (set.isSet(upper)) result.set(lower);
    }
    return result;
}

fn expectMatch(expected: ?bool, pattern: []const u8, options: Options, text: []const u8) !void {
    var arena = std.heap.ArenaAllocator.init(std.testing.allocator);
    defer arena.deinit();
    const automaton = Automaton.compile(arena.allocator(), pattern, options) catch |err| {
        return std.testing.expectEqual(expected, if (err == error.Invalid) null else return err);
    };
    const found = try automaton.matches(arena.allocator(), text);
    errdefer std.debug.print("{s} on {s}\n", .{ pattern, text });
    try std.testing.expectEqual(expected, found);
}

test "basic and extended patterns" {
    const extended: Options = .{ .is_extended = true };
    try expectMatch(true, "^(a|b)+$", extended, "abba");
    try expectMatch(false, "^(a|b)+$", extended, "abca");
    try expectMatch(true, "^a{2,3}$", extended, "aaa");
    try expectMatch(false, "^a{2,3}$", extended, "aaaa");
    try expectMatch(true, "^\\(ab\\)\\{2\\}$", .{}, "abab");
    try expectMatch(true, "a*b^c$d", .{}, "b^c$d");
    try expectMatch(true, "^*a", .{}, "*a");
    try expectMatch(null, "^*a", extended, "*a");
    try expectMatch(null, "(", extended, "");
    try expectMatch(true, ")", extended, ")");
    try expectMatch(null, "\\)", .{}, ")");
    try expectMatch(null, "a{2", extended, "");
    try expectMatch(null, "a\\", extended, "");
    try expectMatch(true, "[[:digit:]x-z]", .{}, "y");
    try expectMatch(true, "^[]a-]$", .{}, "]");
    try expectMatch(true, "ABC", .{ .ignores_case = true }, "xabcx");
    try expectMatch(true, "^b$", .{ .has_lines = true }, "a\nb\nc");
    try expectMatch(false, "^b$", .{}, "a\nb\nc");
    try expectMatch(true, "\\bcat\\b", .{}, "a cat here");
    try expectMatch(false, "\\bcat\\b", .{}, "concatenate");
    try expectMatch(null, "((a{9999}){9999}){9999}", extended, "");
}
