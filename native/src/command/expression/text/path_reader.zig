//! Reads paths: "$." and a bin, perhaps places inside of it. "$." has been taken.

const std = @import("std");
const tree = @import("tree.zig");
const scanning = @import("scanner.zig");
const Error = scanning.Error;
const Maker = tree.Maker;
const Operand = @import("operand.zig").Operand;
const Part = @import("path.zig").Part;
const Path = @import("path.zig").Path;
const Scanner = scanning.Scanner;
const Tree = tree.Tree;
const Type = @import("../expression.zig").Type;
const bin_name_bytes_max = @import("../../../wire.zig").operation.bin_name_bytes_max;

const Metadata = struct { builder: []const u8, kind: Type };

const metadata_of = std.StaticStringMap(Metadata).initComptime(.{
    .{ "deviceSize", Metadata{ .builder = "device_size", .kind = .integer } },
    .{ "memorySize", Metadata{ .builder = "memory_size", .kind = .integer } },
    .{ "recordSize", Metadata{ .builder = "record_size", .kind = .integer } },
    .{ "isTombstone", Metadata{ .builder = "is_tombstone", .kind = .boolean } },
    .{ "keyExists", Metadata{ .builder = "key_exists", .kind = .boolean } },
    .{ "lastUpdate", Metadata{ .builder = "last_update", .kind = .integer } },
    .{ "sinceUpdate", Metadata{ .builder = "since_update", .kind = .integer } },
    .{ "setName", Metadata{ .builder = "set_name", .kind = .string } },
    .{ "ttl", Metadata{ .builder = "ttl", .kind = .integer } },
    .{ "voidTime", Metadata{ .builder = "void_time", .kind = .integer } },
});

/// The places inside a bin, the type that a designator says, and the function's name.
pub const Parts = struct { parts: []const Part, designated: ?Type, function: ?[]const u8 };

pub const Reader = struct {
    maker: Maker,
    /// Where the path begins.
    position: usize,

    /// A function of the record itself, if it comes next.
    pub fn metadata(reader: Reader) Error!?Operand {
        const scanner = reader.maker.scanner;
        const start = scanner.here();
        const name = scanner.word();
        const is_digest = std.mem.eql(u8, name, "digestModulo");
        const known = metadata_of.get(name);
        if (!(is_digest or known != null) or !scanner.take("(")) {
            scanner.position = start;
            return null;
        }
        if (known) |found| {
            try scanner.expect(")");
            const made = try reader.maker.node(found.builder, &.{});
            return .ofExpression(reader.position, found.kind, made);
        }
        const place = scanner.here();
        const modulo = try scanner.integer() orelse 0;
        if (modulo == 0) return scanner.fail("expected an integer above 0", .{});
        try scanner.expect(")");
        const max = std.math.maxInt(i32);
        if (modulo > max) {
            return scanner.failAt(place, "modulo must be from 1 to {d}, not {d}", .{ max, modulo });
        }
        const members = [_]Tree.Member{.{ "modulo", .{ .integer = modulo } }};
        const made = try reader.maker.node("digest_modulo", &members);
        return .ofExpression(reader.position, .integer, made);
    }

    /// The name, quoted if it has unusual characters.
    pub fn binName(reader: Reader) Error![]const u8 {
        const scanner = reader.maker.scanner;
        const start = scanner.here();
        const name = try scanner.quoted() orelse plainName(scanner);
        if (name.len == 0) return scanner.failAt(start, "expected the name of a bin", .{});
        for (0..name.len) |index| {
            if (!std.ascii.startsWithIgnoreCase(name[index..], "null")) continue;
            return scanner.failAt(start, "names of bins with 'null' are reserved", .{});
        }
        if (name.len > bin_name_bytes_max) return scanner.failAt(
            start,
            "a bin name must have at most {d} bytes, and {f} has {d}",
            .{ bin_name_bytes_max, scanning.named(name), name.len },
        );
        return name;
    }

    fn plainName(scanner: *Scanner) []const u8 {
        const start = scanner.position;
        const text = scanner.text;
        var end = start;
        while (end < text.len) : (end += 1) switch (text[end]) {
            '_', '@', 'a'...'z', 'A'...'Z', '0'...'9' => {},
            else => break,
        };
        scanner.position = end;
        const name = text[start..end];
        return if (std.ascii.eqlIgnoreCase(name, "in")) "in" else name;
    }

    pub fn parts(reader: Reader) Error!Parts {
        const scanner = reader.maker.scanner;
        var found: std.ArrayList(Part) = .empty;
        var designated: ?Type = null;
        while (true) {
            const has_dot = scanner.take(".");
            const start = scanner.here();
            if (scanner.isNextOf("[{")) {
                switch (try reader.enclosed(start)) {
                    .kind => |kind| designated = kind,
                    .part => |part| try found.append(reader.maker.arena, part),
                }
                continue;
            }
            if (!has_dot) return .{
                .parts = found.items,
                .designated = designated,
                .function = null,
            };
            const word = scanner.peekWord();
            const end = start + word.len;
            scanner.position = end;
            if (word.len > 0 and scanner.next() == '(') {
                scanner.position = end;
                return .{ .parts = found.items, .designated = designated, .function = word };
            }
            scanner.position = start;
            const key = try reader.signedMapKey();
            try found.append(reader.maker.arena, try reader.keyPart(key, start));
        }
    }

    fn signedMapKey(reader: Reader) Error!Tree {
        const scanner = reader.maker.scanner;
        const start = scanner.here();
        if (!scanner.isNextOf("+-")) return reader.mapKey();
        const is_negative = scanner.take("-");
        if (!is_negative) try scanner.expect("+");
        const number = try scanner.integer() orelse return scanner.fail("expected an integer", .{});
        return .{ .integer = try scanner.int64(if (is_negative) -number else number, start) };
    }

    fn mapKey(reader: Reader) Error!Tree {
        const scanner = reader.maker.scanner;
        const start = scanner.here();
        if (try scanner.quoted()) |text| return .{ .string = text };
        if (try scanner.integer()) |number| {
            return .{ .integer = try scanner.int64(number, start) };
        }
        const word = scanner.word();
        if (word.len == 0) return scanner.failAt(start, "expected a key of a map", .{});
        return .{ .string = word };
    }

    /// A value as the text has it there: a string, a name or an integer.
    fn value(reader: Reader) Error!Tree {
        const scanner = reader.maker.scanner;
        if (try scanner.quoted()) |text| return .{ .string = text };
        if (try scanner.signedInteger()) |number| return .{ .integer = number };
        const word = scanner.word();
        if (word.len == 0) return scanner.fail("expected a string, a name or an integer", .{});
        return .{ .string = word };
    }

    fn keyPart(reader: Reader, key: Tree, position: usize) Error!Part {
        return reader.one(true, "map_get_by_key", "map_key", "map_key", key, position);
    }

    /// A part of one element.
    fn one(
        reader: Reader,
        of_map: bool,
        builder: []const u8,
        argument: []const u8,
        step: []const u8,
        place: Tree,
        position: usize,
    ) Error!Part {
        return .{
            .of_map = of_map,
            .builder = builder,
            .arguments = try reader.arguments(&.{.{ argument, place }}),
            .step = try reader.maker.list(&.{ .{ .string = step }, place }),
            .is_one = true,
            .position = position,
        };
    }

    fn arguments(reader: Reader, members: []const Tree.Member) Error![]const Tree.Member {
        return reader.maker.arena.dupe(Tree.Member, members);
    }

    const Enclosed = union(enum) { part: Part, kind: Type };

    /// What is in brackets or braces, or the type that empty ones say.
    fn enclosed(reader: Reader, start: usize) Error!Enclosed {
        const scanner = reader.maker.scanner;
        const of_map = scanner.take("{");
        if (!of_map) try scanner.expect("[");
        if (scanner.take(if (of_map) "}" else "]")) return .{ .kind = if (of_map) .map else .list };
        const is_inverted = scanner.take("!");
        var part = if (scanner.take("="))
            try reader.byValue(of_map, is_inverted, start)
        else if (scanner.take("#"))
            try reader.byPlace(of_map, is_inverted, start, .rank)
        else
            try reader.byIndexOrKey(of_map, is_inverted, start);
        part.is_inverted = is_inverted;
        if (of_map) try scanner.expect("}") else try scanner.expect("]");
        return .{ .part = part };
    }

    fn byValue(reader: Reader, of_map: bool, is_inverted: bool, start: usize) Error!Part {
        const scanner = reader.maker.scanner;
        const first = try reader.value();
        if (scanner.take(":")) {
            const end: ?Tree = if (scanner.isNextOf("]}")) null else try reader.value();
            return reader.range(of_map, "value_range", first, end, start);
        }
        if (scanner.next() == ',') return .{
            .of_map = of_map,
            .builder = builderOf(of_map, "value_list"),
            .arguments = try reader.arguments(&.{.{ "val", try reader.others(first, value) }}),
            .position = start,
        };
        const step = if (of_map) "map_value" else "list_value";
        var part = try reader.one(of_map, builderOf(of_map, "value"), "val", step, first, start);
        part.is_one = false;
        if (is_inverted) part.step = null;
        return part;
    }

    /// A list of what is there and what follows behind commas.
    fn others(reader: Reader, first: Tree, comptime read: fn (Reader) Error!Tree) Error!Tree {
        var members: std.ArrayList(Tree) = .empty;
        try members.append(reader.maker.arena, first);
        while (reader.maker.scanner.take(",")) {
            try members.append(reader.maker.arena, try read(reader));
        }
        return .{ .list = members.items };
    }

    fn range(
        reader: Reader,
        of_map: bool,
        comptime name: []const u8,
        first: Tree,
        end: ?Tree,
        start: usize,
    ) Error!Part {
        const ends: []const Tree.Member = if (end) |last|
            &.{ .{ "val", first }, .{ "val_end", last } }
        else
            &.{.{ "val", first }};
        return .{
            .of_map = of_map,
            .builder = builderOf(of_map, name),
            .arguments = try reader.arguments(ends),
            .position = start,
        };
    }

    const Place = enum { index, rank };

    /// By index or rank: one, a range, or a range relative to a value or key.
    fn byPlace(
        reader: Reader,
        of_map: bool,
        is_inverted: bool,
        start: usize,
        what: Place,
    ) Error!Part {
        const scanner = reader.maker.scanner;
        const article = if (what == .index) "an" else "a";
        const first = try scanner.signedInteger() orelse
            return scanner.fail("expected {s} {t}", .{ article, what });
        const place: Tree.Member = .{ @tagName(what), .{ .integer = first } };
        if (!scanner.take(":")) {
            if (is_inverted) {
                return scanner.failAt(start, "only several places can be inverted", .{});
            }
            const builder = switch (what) {
                inline else => |known| builderOf(of_map, @tagName(known)),
            };
            const step = switch (what) {
                .index => if (of_map) "map_index" else "list_index",
                .rank => if (of_map) "map_rank" else "list_rank",
            };
            return reader.one(of_map, builder, place[0], step, place[1], start);
        }
        const end_position = scanner.here();
        const end = try scanner.signedInteger();
        const count = if (end) |last| try scanner.int64(last - first, end_position) else null;
        if (count != null and count.? < 0) {
            return scanner.failAt(end_position, "the end of a range is before its beginning", .{});
        }
        var part: Part = .{
            .of_map = of_map,
            .builder = undefined,
            .arguments = undefined,
            .count = count,
            .position = start,
        };
        if (!scanner.take("~")) {
            part.builder = switch (what) {
                inline else => |known| builderOf(of_map, @tagName(known) ++ "_range"),
            };
            part.arguments = try reader.arguments(&.{place});
            return part;
        }
        if (what == .rank) {
            part.builder = builderOf(of_map, "value_rel_rank_range");
            part.arguments = try reader.arguments(&.{ .{ "val", try reader.value() }, place });
            return part;
        }
        if (!of_map) {
            return scanner.failAt(start, "only indexes of maps can be relative to a key", .{});
        }
        part.builder = "map_get_by_key_rel_index_range";
        part.arguments = try reader.arguments(&.{ .{ "map_key", try reader.mapKey() }, place });
        return part;
    }

    fn byIndexOrKey(reader: Reader, of_map: bool, is_inverted: bool, start: usize) Error!Part {
        const scanner = reader.maker.scanner;
        const place = scanner.here();
        const number = try scanner.signedInteger();
        const is_index = number != null and scanner.isNextOf(if (is_inverted) ":]" else ":]}");
        scanner.position = place;
        if (is_index) return reader.byPlace(of_map, is_inverted, start, .index);
        if (!of_map) {
            const key = try scanner.quoted();
            if (key == null or is_inverted) return scanner.fail(
                "expected an index, or '=' and a value, or '#' and a rank",
                .{},
            );
            return reader.keyPart(.{ .string = key.? }, start);
        }
        const first = try reader.mapKey();
        if (scanner.take("-")) {
            const end: ?Tree = if (scanner.next() == '}') null else try reader.mapKey();
            return reader.range(true, "key_range", first, end, start);
        }
        return .{
            .of_map = true,
            .builder = "map_get_by_key_list",
            .arguments = try reader.arguments(&.{.{ "val", try reader.others(first, mapKey) }}),
            .position = start,
        };
    }

    /// The operand of a bin and places in it.
    pub fn operand(reader: Reader, name: []const u8, found: Parts) Error!Operand {
        const kind = found.designated;
        if (found.parts.len == 0) {
            return .{ .position = reader.position, .kind = kind, .form = .{ .bin = name } };
        }
        for (found.parts[0 .. found.parts.len - 1]) |part| {
            if (part.step == null) return reader.maker.scanner.failAt(
                part.position,
                "only the last part of a path may be of several",
                .{},
            );
        }
        const path = try reader.maker.arena.create(Path);
        path.* = .{ .bin = name, .parts = found.parts };
        return .{ .position = reader.position, .kind = kind, .form = .{ .path = path } };
    }
};

fn builderOf(of_map: bool, comptime name: []const u8) []const u8 {
    return if (of_map) "map_get_by_" ++ name else "list_get_by_" ++ name;
}
