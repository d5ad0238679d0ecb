//! What type a column is to have, of the values that there are of it.
//!
//! A `Guess` is joined with one value after the other. Of two values that have no type in common the
//! first decides; the other one does not fit then, which is seen when columns are made. Integers and
//! floats have floats in common, unless there is an integer among them that no float holds exactly.

const std = @import("std");
const cells = @import("cells.zig");
const types = @import("types.zig");
const wire = @import("../../wire.zig");
const Allocator = std.mem.Allocator;
const Element = wire.particle.Element;
const Type = types.Type;

/// A map with more keys than this is no struct.
const fields_max = 256;

pub const Guess = struct {
    kind: Kind = .none,
    /// Two values had nothing in common.
    is_mixed: bool = false,
    /// There is an integer that is no float.
    is_wide: bool = false,
    /// Of a list's elements, or a map's values.
    item: ?*Guess = null,
    /// Of a map's keys.
    key: ?*Guess = null,
    /// Of a map's values by their keys; as long as all keys are texts, and not too many.
    fields: std.array_hash_map.String(*Guess) = .empty,
    are_fields: bool = true,

    pub const Kind = enum { none, boolean, integer, float, utf8, binary, hll, geojson, list, map };

    /// For values of that kind, but not for what is in them.
    pub fn joinKind(guess: *Guess, kind: Kind) void {
        if (kind == .none or guess.kind == kind) return;
        switch (guess.kind) {
            .none => guess.kind = kind,
            .integer => if (kind == .float and !guess.is_wide) {
                guess.kind = .float;
            } else {
                guess.is_mixed = true;
            },
            .float => if (kind != .integer) {
                guess.is_mixed = true;
            },
            else => guess.is_mixed = true,
        }
    }

    pub fn joinInteger(guess: *Guess, number: i64) void {
        guess.joinKind(.integer);
        if (isWide(number)) guess.widen();
    }

    pub fn widen(guess: *Guess) void {
        guess.is_wide = true;
        if (guess.kind == .float) guess.is_mixed = true;
    }

    /// What was found first of other values, but for what is in them.
    fn joinOther(guess: *Guess, other: *const Guess) void {
        guess.joinKind(other.kind);
        if (other.is_wide) guess.widen();
    }

    pub fn isWide(number: i64) bool {
        return number > types.exact_max or number < -types.exact_max;
    }

    /// A value of the dialect, with what is in it, which is taken from the reader.
    pub fn join(
        guess: *Guess,
        arena: Allocator,
        reader: *wire.msgpack.Reader,
        depth: usize,
    ) error{ Malformed, OutOfMemory }!void {
        const start = reader.position;
        const element = try Element.next(reader);
        const kind: Kind = switch (element) {
            .nil => .none,
            .boolean => .boolean,
            .integer, .unsigned => .integer,
            .float => .float,
            .string => .utf8,
            .blob => .binary,
            .hll => .hll,
            .geojson => .geojson,
            .list => .list,
            .map => .map,
            .comparison => return guess.mix(reader, start),
        };
        if (depth + 2 >= types.depth_max) return guess.mix(reader, start);
        switch (element) {
            .integer => |number| guess.joinInteger(number),
            .unsigned => {
                guess.joinKind(.integer);
                guess.widen();
            },
            else => guess.joinKind(kind),
        }
        if (guess.kind != kind) {
            reader.position = start;
            return reader.skip();
        }
        switch (element) {
            .list => |count| {
                const item = try made(arena, &guess.item, guess.are_fields);
                for (0..count) |_| try item.join(arena, reader, depth + 1);
            },
            .map => |count| for (0..count) |_| try guess.joinPair(arena, reader, depth),
            else => {},
        }
    }

    fn mix(guess: *Guess, reader: *wire.msgpack.Reader, start: usize) error{Malformed}!void {
        guess.is_mixed = true;
        reader.position = start;
        return reader.skip();
    }

    fn joinPair(
        guess: *Guess,
        arena: Allocator,
        reader: *wire.msgpack.Reader,
        depth: usize,
    ) error{ Malformed, OutOfMemory }!void {
        const key = key: {
            var ahead = reader.*;
            break :key try Element.next(&ahead);
        };
        const is_field = key == .string and wire.particle.isUtf8(key.string) and
            std.mem.findScalar(u8, key.string, 0) == null;
        if (!is_field) guess.forgetFields();
        try (try made(arena, &guess.key, true)).join(arena, reader, depth + 1);
        const start = reader.position;
        // Values are looked at twice then, and what is in them is not looked at four times.
        const item = try made(arena, &guess.item, !guess.are_fields);
        try item.join(arena, reader, depth + 1);
        if (!guess.are_fields) return;
        const found = try guess.fields.getOrPut(arena, key.string);
        if (!found.found_existing) {
            if (guess.fields.count() > fields_max) return guess.forgetFields();
            found.key_ptr.* = try arena.dupe(u8, key.string);
            found.value_ptr.* = try arena.create(Guess);
            found.value_ptr.*.* = .{};
        }
        reader.position = start;
        try found.value_ptr.*.join(arena, reader, depth + 1);
    }

    fn forgetFields(guess: *Guess) void {
        guess.are_fields = false;
        guess.fields = .empty;
    }

    fn made(arena: Allocator, place: *?*Guess, are_fields: bool) error{OutOfMemory}!*Guess {
        if (place.*) |there| return there;
        const guess = try arena.create(Guess);
        guess.* = .{ .are_fields = are_fields };
        place.* = guess;
        return guess;
    }

    fn isMixed(guess: *const Guess) bool {
        if (guess.is_mixed) return true;
        if (guess.key) |key| if (key.isMixed()) return true;
        const item = guess.item orelse return false;
        return item.isMixed() and !guess.isStructure();
    }

    /// A map whose keys are texts, and whose values have no type in common: because those of one key
    /// are of another type than those of another, and not because one value is odd.
    fn isStructure(guess: *const Guess) bool {
        if (guess.kind != .map or !guess.are_fields or guess.fields.count() == 0) return false;
        if (!guess.item.?.isMixed()) return false;
        const fields = guess.fields.values();
        for (fields) |field| {
            if (field.isMixed()) break;
        } else return true;
        var common: Guess = .{};
        for (fields) |field| common.joinOther(field);
        if (common.is_mixed) return true;
        for (fields[1..]) |field| if (fields[0].differs(field)) return true;
        return false;
    }

    /// Whether what was found first, on any level, has no type in common.
    fn differs(guess: *const Guess, other: *const Guess) bool {
        var common: Guess = .{ .kind = guess.kind, .is_wide = guess.is_wide };
        common.joinOther(other);
        if (common.is_mixed) return true;
        inline for (.{ "key", "item" }) |member| {
            if (@field(guess, member)) |own| if (@field(other, member)) |theirs| {
                if (own.differs(theirs)) return true;
            };
        }
        return false;
    }

    /// The type that all values have in common, as far as they have one.
    pub fn resolve(
        guess: *const Guess,
        arena: Allocator,
        name: [:0]const u8,
    ) error{OutOfMemory}!Type {
        var item: Type = .{
            .kind = .null,
            .format = "n",
            .name = name,
            .origin = .inferred,
        };
        switch (guess.kind) {
            .none => {},
            .boolean => item.set(.boolean, "b"),
            .integer => item.set(.int64, "l"),
            .float => item.set(.float64, "g"),
            .utf8 => item.set(.utf8, "u"),
            .binary => item.set(.binary, "z"),
            .hll => {
                item.set(.binary, "z");
                item.origin = .hll;
            },
            .geojson => {
                item.set(.utf8, "u");
                item.origin = .geojson;
            },
            .list => {
                item.set(.list, "+l");
                item.children = try arena.alloc(Type, 1);
                item.children[0] = try resolveOr(guess.item, arena, "item", .none);
            },
            .map => if (guess.isStructure()) {
                item.set(.structure, "+s");
                item.children = try arena.alloc(Type, guess.fields.count());
                for (item.children, guess.fields.keys(), guess.fields.values()) |*to, key, field| {
                    to.* = try field.resolve(arena, try arena.dupeSentinel(u8, key, 0));
                }
            } else {
                item.set(.map, "+m");
                const entry = try arena.alloc(Type, 2);
                // A map without pairs has keys, too.
                entry[0] = try resolveOr(guess.key, arena, "key", .utf8);
                entry[0].is_nullable = false;
                entry[1] = try resolveOr(guess.item, arena, "value", .none);
                item.children = try arena.alloc(Type, 1);
                item.children[0] = .{
                    .kind = .structure,
                    .format = "+s",
                    .name = "entries",
                    .origin = .inferred,
                    .is_nullable = false,
                    .children = entry,
                };
            },
        }
        return item;
    }

    fn resolveOr(
        guess: ?*const Guess,
        arena: Allocator,
        name: [:0]const u8,
        kind: Kind,
    ) error{OutOfMemory}!Type {
        const default: Guess = .{ .kind = kind };
        const chosen = guess orelse &default;
        if (chosen.kind == .none) return default.resolve(arena, name);
        return chosen.resolve(arena, name);
    }
};
