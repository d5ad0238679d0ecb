//! Regular expressions as server 8.2 has them for strings, which are ICU's.
//!
//! A pattern becomes a program, and that is carried out with backtracking, on code points, up to a
//! number of steps. Cases are compared one code point with one. What needs more tables of Unicode
//! than there are here (scripts, names of characters, clusters) is refused as unsupported.

const std = @import("std");
const CharacterSet = @import("CharacterSet.zig").CharacterSet;
const PatternParser = @import("PatternParser.zig");
const unicode = @import("unicode.zig");

const Allocator = std.mem.Allocator;
const Node = PatternParser.Node;

const Pattern = @This();

program: []const Instruction,
names: []const PatternParser.Name,
/// The whole match included.
groups: u32,
/// For the groups' ends, and then for the places where repeats began.
slots: u32,

pub const Error = PatternParser.Error;
pub const Modes = PatternParser.Modes;
/// What it takes to match is more than is allowed.
pub const MatchError = error{ Exhausted, OutOfMemory };

const Instruction = union(enum) {
    point: u21,
    /// Folded, as what it is compared with will be.
    folded: u21,
    any: struct { dot_all: bool, unix_lines: bool },
    set: struct { set: *const CharacterSet, ignores_case: bool, weight: usize },
    /// Where to go on, and where if that fails.
    split: [2]u32,
    jump: u32,
    save: u32,
    /// Nothing was taken since a place was saved: it would go on for ever.
    progress: u32,
    assertion: PatternParser.Assertion,
    reference: struct { group: u32, ignores_case: bool },
    /// The program up to `end` has to match here, or not, without taking anything.
    look: struct { end: u32, behind: ?Extent, is_negative: bool },
    /// The program up to `end` matches in the first way that it can.
    atomic: struct { end: u32 },
    accept,
};

/// How much a part of a pattern can take.
const Extent = struct { min: u32, max: u32 };

/// Programs beyond this are not carried out, and longer patterns are not read.
const instructions_max = 64 * 1024;

pub fn compile(arena: Allocator, pattern: []const u8, modes: Modes) Error!Pattern {
    const points = try unicode.codePoints(arena, pattern);
    if (points.len > instructions_max) return error.Unsupported;
    var parser: PatternParser = .{
        .arena = arena,
        .points = points,
        .modes = modes,
    };
    const root = try parser.parse();
    var writer: Writer = .{ .arena = arena, .slots = 2 * parser.groups };
    try writer.write(root);
    _ = try writer.add(.accept);
    return .{
        .program = writer.program.items,
        .names = parser.names.items,
        .groups = parser.groups,
        .slots = writer.slots,
    };
}

pub fn groupOf(pattern: *const Pattern, name: []const u21) ?u32 {
    for (pattern.names) |known| {
        if (std.mem.eql(u21, known.name, name)) return known.group;
    }
    return null;
}

const Writer = struct {
    arena: Allocator,
    program: std.ArrayList(Instruction) = .empty,
    slots: u32,

    fn here(writer: *const Writer) u32 {
        return @intCast(writer.program.items.len);
    }

    fn add(writer: *Writer, instruction: Instruction) Error!u32 {
        if (writer.here() == instructions_max) return error.Unsupported;
        try writer.program.append(writer.arena, instruction);
        return writer.here() - 1;
    }

    fn write(writer: *Writer, node: *const Node) Error!void {
        switch (node.*) {
            .empty => {},
            .point => |point| _ = try writer.add(if (point.ignores_case)
                .{ .folded = unicode.foldOne(point.point) }
            else
                .{ .point = point.point }),
            .any => |any| _ = try writer.add(.{ .any = .{
                .dot_all = any.dot_all,
                .unix_lines = any.unix_lines,
            } }),
            .set => |set| _ = try writer.add(.{ .set = .{
                .set = set.set,
                .ignores_case = set.ignores_case,
                .weight = set.set.weight(),
            } }),
            .sequence => |nodes| for (nodes) |each| try writer.write(each),
            .alternatives => |nodes| try writer.writeAlternatives(nodes),
            .group => |group| {
                _ = try writer.add(.{ .save = 2 * group.number });
                try writer.write(group.node);
                _ = try writer.add(.{ .save = 2 * group.number + 1 });
            },
            .repeat => |*repeat| try writer.writeRepeat(repeat),
            .look => |look| {
                const behind: ?Extent = if (look.is_behind) try extentOf(look.node) else null;
                const start = try writer.add(.accept);
                try writer.write(look.node);
                _ = try writer.add(.accept);
                writer.program.items[start] = .{ .look = .{
                    .end = writer.here(),
                    .behind = behind,
                    .is_negative = look.is_negative,
                } };
            },
            .atomic => |inner| {
                const start = try writer.add(.accept);
                try writer.write(inner);
                _ = try writer.add(.accept);
                writer.program.items[start] = .{ .atomic = .{ .end = writer.here() } };
            },
            .reference => |reference| _ = try writer.add(.{ .reference = .{
                .group = reference.group,
                .ignores_case = reference.ignores_case,
            } }),
            .assertion => |assertion| _ = try writer.add(.{ .assertion = assertion }),
        }
    }

    fn writeAlternatives(writer: *Writer, nodes: []const *const Node) Error!void {
        var jumps: std.ArrayList(u32) = .empty;
        for (nodes, 1..) |node, count| {
            if (count == nodes.len) {
                try writer.write(node);
                break;
            }
            const split = try writer.add(.accept);
            try writer.write(node);
            try jumps.append(writer.arena, try writer.add(.accept));
            writer.program.items[split] = .{ .split = .{ split + 1, writer.here() } };
        }
        for (jumps.items) |jump| writer.program.items[jump] = .{ .jump = writer.here() };
    }

    fn writeRepeat(writer: *Writer, node: *const PatternParser.Repeat) Error!void {
        for (0..node.min) |_| {
            const start = writer.here();
            try writer.write(node.node);
            // As often as not, nothing is nothing.
            if (writer.here() == start) break;
        }
        if (node.max) |max| {
            var splits: std.ArrayList(u32) = .empty;
            for (node.min..max) |_| {
                try splits.append(writer.arena, try writer.add(.accept));
                try writer.write(node.node);
            }
            for (splits.items) |split| writer.setSplit(split, writer.here(), node.is_lazy);
            return;
        }
        const slot = writer.slots;
        writer.slots += 1;
        const split = try writer.add(.accept);
        _ = try writer.add(.{ .save = slot });
        try writer.write(node.node);
        _ = try writer.add(.{ .progress = slot });
        _ = try writer.add(.{ .jump = split });
        writer.setSplit(split, writer.here(), node.is_lazy);
    }

    fn setSplit(writer: *Writer, split: u32, after: u32, is_lazy: bool) void {
        const into = split + 1;
        writer.program.items[split] = .{ .split = if (is_lazy) .{ after, into } else .{ into, after } };
    }
};

/// What is looked for behind a place has to have an end.
fn extentOf(node: *const Node) Error!Extent {
    switch (node.*) {
        .empty, .assertion, .look => return .{ .min = 0, .max = 0 },
        .point, .set => return .{ .min = 1, .max = 1 },
        // A \r\n counts as one.
        .any => return .{ .min = 1, .max = 2 },
        .group => |group| return extentOf(group.node),
        .atomic => |inner| return extentOf(inner),
        .reference => return error.Invalid,
        .sequence => |nodes| {
            var extent: Extent = .{ .min = 0, .max = 0 };
            for (nodes) |each| {
                const inner = try extentOf(each);
                extent = .{ .min = extent.min +| inner.min, .max = extent.max +| inner.max };
            }
            return extent;
        },
        .alternatives => |nodes| {
            var extent = try extentOf(nodes[0]);
            for (nodes[1..]) |each| {
                const inner = try extentOf(each);
                extent = .{ .min = @min(extent.min, inner.min), .max = @max(extent.max, inner.max) };
            }
            return extent;
        },
        .repeat => |*repeat| {
            const max = repeat.max orelse return error.Invalid;
            const inner = try extentOf(repeat.node);
            return .{ .min = inner.min *| repeat.min, .max = inner.max *| max };
        },
    }
}

/// Where a match and its groups begin and end; a group that took no part has none.
pub const Match = struct {
    places: []const ?usize,

    pub fn start(match: *const Match) usize {
        return match.places[0].?;
    }

    pub fn end(match: *const Match) usize {
        return match.places[1].?;
    }

    pub fn group(match: *const Match, number: u32) ?[2]usize {
        const first = match.places[2 * number] orelse return null;
        return .{ first, match.places[2 * number + 1] orelse return null };
    }
};

/// Steps of one search, with some more for every code point, and what it remembers, at most.
const steps_max = 500_000;
const steps_a_point = 100;
const entries_max = 8 * 1024 * 1024 / @sizeOf(Entry);

const Entry = union(enum) {
    /// Another way to go on.
    branch: struct { instruction: u32, place: usize },
    /// What a slot was before.
    slot: struct { index: u32, before: ?usize },
};

/// Looks for matches in one text, one after another, with the steps that all of them may take.
pub const Run = struct {
    arena: Allocator,
    pattern: *const Pattern,
    program: []const Instruction,
    text: []const u21,
    slots: []?usize,
    entries: std.ArrayList(Entry) = .empty,
    steps_left: usize,
    search_start: usize = 0,

    pub fn init(pattern: *const Pattern, arena: Allocator, text: []const u21) error{OutOfMemory}!Run {
        return .{
            .arena = arena,
            .pattern = pattern,
            .program = pattern.program,
            .text = text,
            .slots = try arena.alloc(?usize, pattern.slots),
            .steps_left = steps_max + steps_a_point * text.len,
        };
    }

    /// The first match from a place on; it holds until the next is looked for.
    pub fn find(run: *Run, from: usize) MatchError!?Match {
        const slots = run.slots;
        try run.spend(slots.len);
        @memset(slots, null);
        run.entries.clearRetainingCapacity();
        run.search_start = from;
        for (from..run.text.len + 1) |start| {
            // Where there is none, the slots are what they were.
            const end = try run.match(0, start, null) orelse continue;
            slots[0] = start;
            slots[1] = end;
            return .{ .places = slots[0 .. 2 * run.pattern.groups] };
        }
        return null;
    }

    fn spend(run: *Run, steps: usize) error{Exhausted}!void {
        if (run.steps_left < steps) return error.Exhausted;
        run.steps_left -= steps;
    }

    /// Where the program ends that begins with an instruction; it has to be `wanted`, if that is
    /// given. What the entries had before stays.
    fn match(run: *Run, start: u32, from: usize, wanted: ?usize) MatchError!?usize {
        const base = run.entries.items.len;
        var instruction = start;
        var place = from;
        while (true) {
            try run.spend(1);
            const is_through = switch (run.program[instruction]) {
                .accept => {
                    if (wanted == null or wanted.? == place) return place;
                    if (!run.backtrack(base, &instruction, &place)) return null;
                    continue;
                },
                .split => |ways| {
                    try run.remember(.{ .branch = .{ .instruction = ways[1], .place = place } });
                    instruction = ways[0];
                    continue;
                },
                .jump => |target| {
                    instruction = target;
                    continue;
                },
                .save => |slot| saved: {
                    try run.remember(.{ .slot = .{ .index = slot, .before = run.slots[slot] } });
                    run.slots[slot] = place;
                    break :saved true;
                },
                .progress => |slot| run.slots[slot] != place,
                .look => |look| looked: {
                    const found = try run.lookFor(instruction + 1, place, look.behind);
                    instruction = look.end - 1;
                    break :looked found != look.is_negative;
                },
                .atomic => |atomic| taken: {
                    const entries = run.entries.items.len;
                    const end = try run.match(instruction + 1, place, null) orelse break :taken false;
                    run.forgetBranches(entries);
                    instruction = atomic.end - 1;
                    place = end;
                    break :taken true;
                },
                else => |*simple| try run.take(simple, &place),
            };
            if (is_through) {
                instruction += 1;
            } else if (!run.backtrack(base, &instruction, &place)) return null;
        }
    }

    fn remember(run: *Run, entry: Entry) MatchError!void {
        if (run.entries.items.len == entries_max) return error.Exhausted;
        try run.entries.append(run.arena, entry);
    }

    /// To the last place where there was another way; false if there was none.
    fn backtrack(run: *Run, base: usize, instruction: *u32, place: *usize) bool {
        while (run.entries.items.len > base) switch (run.entries.pop().?) {
            .slot => |slot| run.slots[slot.index] = slot.before,
            .branch => |branch| {
                instruction.* = branch.instruction;
                place.* = branch.place;
                return true;
            },
        };
        return false;
    }

    /// What slots were before is still to be known.
    fn forgetBranches(run: *Run, base: usize) void {
        var kept = base;
        for (run.entries.items[base..]) |entry| {
            if (entry == .branch) continue;
            run.entries.items[kept] = entry;
            kept += 1;
        }
        run.entries.shrinkRetainingCapacity(kept);
    }

    fn lookFor(run: *Run, instruction: u32, place: usize, behind: ?Extent) MatchError!bool {
        const entries = run.entries.items.len;
        const extent = behind orelse {
            const found = try run.match(instruction, place, null) != null;
            if (found) run.forgetBranches(entries);
            return found;
        };
        var distance: usize = extent.min;
        while (distance <= @min(extent.max, place)) : (distance += 1) {
            if (try run.match(instruction, place - distance, place) == null) continue;
            run.forgetBranches(entries);
            return true;
        }
        return false;
    }

    /// Instructions that match or do not, in one way.
    fn take(run: *Run, instruction: *const Instruction, place: *usize) error{Exhausted}!bool {
        const text = run.text;
        switch (instruction.*) {
            .assertion => |*assertion| return try run.holds(assertion, place.*),
            .set => |set| try run.spend(set.weight - 1),
            .reference => |reference| {
                const start = run.slots[2 * reference.group] orelse return false;
                const end = run.slots[2 * reference.group + 1] orelse return false;
                const taken = text[start..end];
                if (text.len - place.* < taken.len) return false;
                try run.spend(taken.len);
                for (taken, text[place.*..][0..taken.len]) |left, right| {
                    if (left == right) continue;
                    if (!reference.ignores_case) return false;
                    if (unicode.foldOne(left) != unicode.foldOne(right)) return false;
                }
                place.* += taken.len;
                return true;
            },
            else => {},
        }
        if (place.* == text.len) return false;
        const point = text[place.*];
        const fits = switch (instruction.*) {
            .point => |wanted| wanted == point,
            .folded => |wanted| wanted == unicode.foldOne(point),
            .set => |set| set.set.contains(point, set.ignores_case),
            .any => |any| any.dot_all or !isTerminator(point, any.unix_lines),
            else => unreachable,
        };
        if (!fits) return false;
        place.* += 1;
        // Where the dot means line terminators, \r\n is one.
        if (instruction.* == .any and point == '\r' and !instruction.any.unix_lines) {
            if (place.* < text.len and text[place.*] == '\n') place.* += 1;
        }
        return true;
    }

    fn isTerminator(point: u21, unix_lines: bool) bool {
        return if (unix_lines) point == '\n' else CharacterSet.isLineTerminator(point);
    }

    fn holds(
        run: *Run,
        assertion: *const PatternParser.Assertion,
        place: usize,
    ) error{Exhausted}!bool {
        const text = run.text;
        return switch (assertion.*) {
            .input_start => place == 0,
            .input_end => place == text.len,
            .search_start => place == run.search_start,
            .word_boundary => try run.isWordBoundary(place),
            .no_word_boundary => !try run.isWordBoundary(place),
            .line_start => |line| {
                if (place == 0) return true;
                if (place == text.len or !isTerminator(text[place - 1], line.unix_lines)) return false;
                return !run.isInsidePair(place);
            },
            .line_end => |line| {
                if (place == text.len) return true;
                if (!isTerminator(text[place], line.unix_lines)) return false;
                return line.unix_lines or !run.isInsidePair(place);
            },
            .last_line_end => |line| {
                const rest = text[place..];
                if (rest.len == 0) return true;
                if (!isTerminator(rest[0], line.unix_lines)) return false;
                if (rest.len == 1) return line.unix_lines or !run.isInsidePair(place);
                return rest.len == 2 and !line.unix_lines and rest[0] == '\r' and rest[1] == '\n';
            },
        };
    }

    /// Between \r and \n.
    fn isInsidePair(run: *const Run, place: usize) bool {
        if (place == 0 or place == run.text.len) return false;
        return run.text[place - 1] == '\r' and run.text[place] == '\n';
    }

    /// Marks belong to what is before them.
    fn isWordBoundary(run: *Run, place: usize) error{Exhausted}!bool {
        const is_here = if (place < run.text.len) here: {
            if (isMark(run.text[place])) return false;
            break :here CharacterSet.isWord(run.text[place]);
        } else false;
        var before = place;
        while (before > 0) {
            try run.spend(1);
            before -= 1;
            if (!isMark(run.text[before])) return is_here != CharacterSet.isWord(run.text[before]);
        }
        return is_here;
    }

    fn isMark(point: u21) bool {
        return switch (unicode.category(point)) {
            .Mn, .Me, .Cf => true,
            else => false,
        };
    }
};

const testing = std.testing;

fn expectFound(expected: ?[2]usize, pattern: []const u8, modes: Modes, text: []const u8) !void {
    var arena = std.heap.ArenaAllocator.init(testing.allocator);
    defer arena.deinit();
    const compiled = try compile(arena.allocator(), pattern, modes);
    const points = try unicode.codePoints(arena.allocator(), text);
    var run: Run = try .init(&compiled, arena.allocator(), points);
    const found = try run.find(0);
    const places: ?[2]usize = if (found) |match| .{ match.start(), match.end() } else null;
    errdefer std.debug.print("pattern {s}, text {s}\n", .{ pattern, text });
    try testing.expectEqual(expected, places);
}

test "what is repeated, chosen and grouped" {
    try expectFound(.{ 2, 5 }, "[0-9]+", .{}, "ab123c");
    try expectFound(.{ 0, 6 }, "a.*c", .{}, "abcabc");
    try expectFound(.{ 0, 3 }, "a.*?c", .{}, "abcabc");
    try expectFound(null, "a*+ab", .{}, "aaab");
    try expectFound(null, "(?>a|ab)c", .{}, "abc");
    try expectFound(.{ 0, 3 }, "(?:a|ab)c", .{}, "abc");
    try expectFound(.{ 0, 4 }, "(ab)\\1", .{}, "abab");
    try expectFound(.{ 0, 4 }, "(?<x>ab)\\k<x>", .{}, "abab");
    try expectFound(.{ 0, 3 }, "a{2,3}", .{}, "aaaa");
    try expectFound(.{ 0, 2 }, "a{2,3}?", .{}, "aaaa");
    try expectFound(.{ 0, 0 }, "(a*)*b?", .{}, "c");
    try expectFound(.{ 0, 3 }, "(a|b)*c", .{}, "abc");
    try expectFound(.{ 1, 1 }, "(?=b)", .{}, "ab");
    try expectFound(.{ 1, 2 }, "(?<=a)b", .{}, "ab");
    try expectFound(null, "(?<!a)b", .{}, "ab");
    try expectFound(.{ 1, 2 }, "b(?!c)", .{}, "ab");
    try expectFound(.{ 3, 4 }, "(?<=a{1,2}x)b", .{}, "aaxb");
    try expectFound(.{ 0, 3 }, "\\Qa.b\\E", .{}, "a.b");
    try expectFound(.{ 0, 2 }, "(?x) a b # both", .{}, "ab");
}

test "sets, properties and case" {
    try expectFound(.{ 0, 1 }, "[[a-z]&&[^aeiou]]", .{}, "b");
    try expectFound(null, "[[a-z]-[aeiou]]", .{}, "e");
    try expectFound(.{ 0, 2 }, "[a-c--b]+", .{}, "acb");
    try expectFound(.{ 0, 3 }, "[]a-]+", .{}, "]a-");
    try expectFound(.{ 0, 2 }, "[[:alpha:]_]+", .{}, "a_1");
    try expectFound(.{ 0, 2 }, "\\p{Lu}\\p{L}", .{}, "Éa");
    try expectFound(.{ 1, 2 }, "\\P{Letter}", .{}, "a1");
    try expectFound(.{ 0, 3 }, "\\w+", .{}, "日本語");
    try expectFound(.{ 0, 2 }, "É[a-c]", .{ .ignores_case = true }, "éB");
    try expectFound(.{ 0, 2 }, "(?i)ab(?-i)", .{}, "AB");
    try expectFound(.{ 1, 2 }, "[^a]", .{ .ignores_case = true }, "Ab");
    try expectFound(.{ 0, 1 }, "\\x{1F44B}", .{}, "👋");
}

test "what would take for ever is refused" {
    var arena = std.heap.ArenaAllocator.init(testing.allocator);
    defer arena.deinit();
    const gpa = arena.allocator();
    // Nothing, a thousand times a thousand times a thousand times a thousand.
    try expectFound(.{ 0, 0 }, "(?:(?:(?:(?:){1000}){1000}){1000}){1000}", .{}, "a");
    const long: [60_000]u8 = @splat('b');
    try expectFound(.{ 0, 1 }, "[" ++ long ++ "a]", .{}, "a");
    try expectFound(null, "[^" ++ long ++ "a]", .{}, "ab");
    const compounds = comptime repeated("[b]", 1000);
    try testing.expectError(error.Unsupported, compile(gpa, "[" ++ compounds ++ "]", .{}));
    try testing.expectError(error.Unsupported, compile(gpa, &(long ++ long), .{}));
    const references = comptime repeated("\\1", 20_000);
    try expectFound(null, "(a)" ++ references, .{}, "b");
    try expectFound(null, comptime repeated("(a)", 10_000), .{}, &long);
    try expectExhausted("(b*)\\1x", &long);
    try expectExhausted("\\z" ++ comptime repeated("(?!\\b)", 200), comptime repeated("\u{301}", 60_000));
    try expectExhausted("[" ++ comptime repeated("[c]", 400) ++ "]", &long);
}

fn expectExhausted(pattern: []const u8, text: []const u8) !void {
    var arena = std.heap.ArenaAllocator.init(testing.allocator);
    defer arena.deinit();
    const compiled = try compile(arena.allocator(), pattern, .{});
    const points = try unicode.codePoints(arena.allocator(), text);
    var run: Run = try .init(&compiled, arena.allocator(), points);
    try testing.expectError(error.Exhausted, run.find(0));
}

fn repeated(comptime text: []const u8, comptime count: usize) *const [text.len * count]u8 {
    const copies: [count][text.len]u8 = @splat(text[0..text.len].*);
    return @ptrCast(&copies);
}

test "lines and words" {
    try expectFound(null, "^b", .{}, "a\nb");
    try expectFound(.{ 2, 3 }, "^b", .{ .multiline = true }, "a\nb");
    try expectFound(.{ 0, 1 }, "a$", .{}, "a\n");
    try expectFound(null, "a$", .{}, "a\nb");
    try expectFound(.{ 0, 1 }, "a$", .{ .multiline = true }, "a\r\nb");
    try expectFound(null, "a.b", .{}, "a\nb");
    try expectFound(.{ 0, 3 }, "a.b", .{ .dot_all = true }, "a\nb");
    try expectFound(.{ 0, 3 }, "a.b", .{ .unix_lines = true }, "a\rb");
    try expectFound(.{ 1, 3 }, "\\R", .{}, "a\r\nb");
    try expectFound(.{ 2, 3 }, "\\bb", .{}, "a b");
    try expectFound(null, "\\Bb", .{}, "a b");
}

test "patterns that are none, or need what is not here" {
    var arena = std.heap.ArenaAllocator.init(testing.allocator);
    defer arena.deinit();
    const bad = [_][]const u8{
        "[unclosed", "(",        ")",   "a)",          "*a",     "a{2",  "a{,2}", "a{3,2}", "(?<1>a)", "\\1", "(?P<n>a)",
        "[b-a]",     "(?<=a*)b", "a**", "\\x{110000}", "\\k<n>", "(?z)", "\\",
    };
    for (bad) |pattern| {
        errdefer std.debug.print("pattern {s}\n", .{pattern});
        try testing.expectError(error.Invalid, compile(arena.allocator(), pattern, .{}));
    }
    for ([_][]const u8{ "\\p{Script=Greek}", "\\X", "\\N{DIGIT ONE}", "(?w)a" }) |pattern| {
        try testing.expectError(error.Unsupported, compile(arena.allocator(), pattern, .{}));
    }
    const slow = try compile(arena.allocator(), "(a+)+b", .{});
    const points = try unicode.codePoints(arena.allocator(), "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa");
    var run: Run = try .init(&slow, arena.allocator(), points);
    try testing.expectError(error.Exhausted, run.find(0));
}
