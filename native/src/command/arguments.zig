//! The named members of an operation or an expression, which users write as a map.
//!
//! `Arguments.parse` takes the map apart without copying: every member stays a slice of the
//! request and is decoded when it is asked for. A name that is not known, a member given twice,
//! a missing one or one of the wrong type fails with a text that says where in the request it is.
//! An absent member and one that is nil are told apart; most askers treat them alike.

const std = @import("std");
const Failure = @import("../status.zig").Failure;
const wire = @import("../wire.zig");
const msgpack = wire.msgpack;

/// What encoding a part of a request may fail with. With `Failed` the failure is filled.
pub const Error = error{Failed} || wire.Buffer.Error;

/// What turning a value into the protocol's form may fail with.
pub const ValueError = wire.particle.EncodeError || wire.message.EncodeError;

/// All names that operations and expressions have.
pub const Field = enum {
    __expr__,
    action,
    bin,
    bit_offset,
    bit_policy,
    bit_size,
    byte_offset,
    byte_size,
    count,
    ctx,
    end,
    exp_type,
    expr,
    expression,
    exprs,
    flags,
    hll_policy,
    index,
    index_bit_count,
    invert_size,
    left,
    list_policy,
    map_key,
    map_policy,
    minhash_bit_count,
    modulo,
    name,
    op,
    order,
    pad,
    persist_index,
    rank,
    regex,
    replacement,
    resize_flags,
    return_type,
    right,
    shift,
    signed,
    string_policy,
    val,
    val_end,
    value,
};

/// Where in a request the arguments stand, for the texts of failures.
pub const Place = union(enum) {
    /// The operation's index in its list, and its name once that is known.
    operation: struct { index: usize, name: []const u8 = "" },
    expression: []const u8,
    /// A context that stands by itself.
    context,

    pub fn format(place: Place, writer: *std.Io.Writer) std.Io.Writer.Error!void {
        switch (place) {
            .operation => |operation| {
                try writer.print("ops[{d}]", .{operation.index});
                if (operation.name.len > 0) try writer.print(" ({s})", .{operation.name});
            },
            .expression => |name| try writer.print("expression '{s}'", .{name}),
            .context => try writer.writeAll("context"),
        }
    }
};

/// A member of what stands at a place.
const Member = struct {
    place: Place,
    field: Field,

    pub fn format(member: Member, writer: *std.Io.Writer) std.Io.Writer.Error!void {
        switch (member.place) {
            .operation => |operation| {
                try writer.print("ops[{d}]['{t}']", .{ operation.index, member.field });
                if (operation.name.len > 0) try writer.print(" ({s})", .{operation.name});
            },
            .expression => try writer.print("{f}: '{t}'", .{ member.place, member.field }),
            .context => try writer.writeAll("ctx"),
        }
    }
};

pub const Arguments = struct {
    place: Place,
    failure: *Failure,
    present: std.EnumSet(Field),
    /// The member's value in MessagePack; valid where `present` says so.
    slices: std.EnumArray(Field, []const u8),

    /// Reads a map. `arguments` is filled in place.
    pub fn parse(
        arguments: *Arguments,
        reader: *msgpack.Reader,
        place: Place,
        failure: *Failure,
    ) Error!void {
        arguments.* = .{
            .place = place,
            .failure = failure,
            .present = .empty,
            .slices = undefined,
        };
        const count = switch (reader.next() catch return malformed(failure)) {
            .map => |count| count,
            else => |token| {
                failure.set(.wrong_type, "{f} must be a map, not {s}", .{ place, describe(token) });
                return error.Failed;
            },
        };
        for (0..count) |_| {
            const name = switch (reader.next() catch return malformed(failure)) {
                .string => |text| text,
                else => |token| return arguments.fail(
                    "has a member whose name is not a string but {s}",
                    .{describe(token)},
                ),
            };
            const field = std.meta.stringToEnum(Field, name) orelse
                return arguments.failOfUnknown(name);
            if (arguments.present.contains(field)) {
                return arguments.fail("has the field '{s}' twice", .{name});
            }
            arguments.present.insert(field);
            arguments.slices.set(field, reader.value() catch return malformed(failure));
        }
    }

    fn failOfUnknown(arguments: *const Arguments, name: []const u8) error{Failed} {
        const text = "has an unknown field '{s}'";
        const meant = nearest(name) orelse return arguments.fail(text, .{shortened(name)});
        return arguments.fail(text ++ "; did you mean '{t}'?", .{ shortened(name), meant });
    }

    /// The server takes other keys in some places, and makes maps that clients cannot write again.
    pub fn checkMapKey(arguments: *const Arguments, field: Field, slice: []const u8) Error!void {
        var reader = msgpack.Reader.init(slice);
        switch (reader.next() catch return malformed(arguments.failure)) {
            .int, .string, .binary => {},
            else => |token| return arguments.wrongType(
                field,
                "a string, an integer or bytes, as the key of a map",
                token,
            ),
        }
    }

    /// Refuses members that this operation has no use for, unless they are nil, or the empty value
    /// that some clients give a read.
    pub fn allowOnly(arguments: *const Arguments, allowed: std.EnumSet(Field)) Error!void {
        var excess = arguments.present.differenceWith(allowed).iterator();
        while (excess.next()) |field| {
            if (arguments.isNil(field) or arguments.isEmptyOfRead(field)) continue;
            return arguments.fail("does not take the field '{t}'", .{field});
        }
    }

    /// The member in MessagePack, or null where it is absent.
    pub fn get(arguments: *const Arguments, field: Field) ?[]const u8 {
        if (!arguments.present.contains(field)) return null;
        return arguments.slices.get(field);
    }

    /// The member, or null where it is absent or nil.
    pub fn given(arguments: *const Arguments, field: Field) ?[]const u8 {
        const slice = arguments.get(field) orelse return null;
        return if (slice[0] == 0xc0) null else slice;
    }

    /// The member, which must be there, though it may be nil.
    pub fn require(arguments: *const Arguments, field: Field) Error![]const u8 {
        return arguments.get(field) orelse arguments.fail("needs the field '{t}'", .{field});
    }

    fn isEmptyOfRead(arguments: *const Arguments, field: Field) bool {
        const is_read = switch (arguments.place) {
            .operation => |operation| std.mem.eql(u8, operation.name, "read"),
            .expression, .context => false,
        };
        return is_read and field == .val and std.mem.eql(u8, arguments.slices.get(field), "\xa0");
    }

    fn isNil(arguments: *const Arguments, field: Field) bool {
        return arguments.get(field) != null and arguments.given(field) == null;
    }

    pub fn integer(arguments: *const Arguments, field: Field) Error!i64 {
        return arguments.integerFrom(field, try arguments.require(field));
    }

    pub fn integerOr(arguments: *const Arguments, field: Field, default: i64) Error!i64 {
        const slice = arguments.given(field) orelse return default;
        return arguments.integerFrom(field, slice);
    }

    fn integerFrom(arguments: *const Arguments, field: Field, slice: []const u8) Error!i64 {
        return switch (try arguments.firstToken(slice)) {
            .int => |number| number,
            .uint => arguments.failOf(field, "does not fit into 64 bits", .{}),
            else => |other| arguments.wrongType(field, "an integer", other),
        };
    }

    /// An integer that must not be negative.
    pub fn natural(arguments: *const Arguments, field: Field) Error!u64 {
        const number = try arguments.integer(field);
        if (number < 0) {
            return arguments.failOf(field, "must not be negative, but is {d}", .{number});
        }
        return @intCast(number);
    }

    /// Flags: an integer with no other bits than those of `mask`. Absent means 0.
    pub fn bits(arguments: *const Arguments, field: Field, mask: u32) Error!u32 {
        const number = try arguments.integerOr(field, 0);
        if (number & ~@as(i64, mask) != 0) {
            return arguments.failOf(field, "has the unknown value {d}", .{number});
        }
        return @intCast(number);
    }

    pub fn boolean(arguments: *const Arguments, field: Field, default: bool) Error!bool {
        const slice = arguments.given(field) orelse return default;
        return switch (try arguments.firstToken(slice)) {
            .boolean => |flag| flag,
            else => |other| arguments.wrongType(field, "a bool", other),
        };
    }

    pub fn string(arguments: *const Arguments, field: Field) Error![]const u8 {
        return switch (try arguments.firstToken(try arguments.require(field))) {
            .string => |text| text,
            else => |other| arguments.wrongType(field, "a string", other),
        };
    }

    /// The bin's name, checked.
    pub fn binName(arguments: *const Arguments, field: Field) Error![]const u8 {
        const name = try arguments.string(field);
        const max = wire.operation.bin_name_bytes_max;
        if (name.len >= 1 and name.len <= max) return name;
        arguments.failure.set(
            .bin_name,
            "{f}: bin name '{s}' has {d} bytes; it must have 1 to {d}",
            .{ arguments.member(field), shortened(name), name.len, max },
        );
        return error.Failed;
    }

    /// The first token of a member that `parse` has found to be well-formed.
    pub fn firstToken(arguments: *const Arguments, slice: []const u8) Error!msgpack.Token {
        var reader = msgpack.Reader.init(slice);
        return reader.next() catch malformed(arguments.failure);
    }

    /// Appends a member as one value inside a list or an argument, its maps sorted: the server
    /// may compare them with what it has.
    pub fn appendValue(
        arguments: *const Arguments,
        out: *wire.Buffer,
        field: Field,
        slice: []const u8,
    ) Error!void {
        var reader = msgpack.Reader.init(slice);
        wire.particle.packedSorted(out, &reader) catch |err| {
            return arguments.valueError(field, err);
        };
        if (!reader.isAtEnd()) return malformed(arguments.failure);
    }

    /// Turns what may be wrong with a value into a failure that names the member.
    pub fn valueError(
        arguments: *const Arguments,
        field: Field,
        err: ValueError,
    ) Error {
        return switch (err) {
            error.NoSpaceLeft => error.NoSpaceLeft,
            error.OutOfMemory => error.OutOfMemory,
            error.Malformed => malformed(arguments.failure),
            error.BinNameTooLong => arguments.fail("the bin name is too long", .{}),
            error.NestingTooDeep => arguments.failOf(
                field,
                "is nested deeper than {d} levels",
                .{wire.particle.depth_max},
            ),
            error.IntegerOverflow => arguments.failOf(
                field,
                "has an integer that does not fit into 64 bits",
                .{},
            ),
            error.UnsupportedValue => arguments.failOf(
                field,
                "has a value that cannot stand there",
                .{},
            ),
            error.UnsupportedMapKey => arguments.wrongTypeWithin(
                field,
                " has a map with a key that is no integer, string or bytes",
                .{},
            ),
        };
    }

    pub fn wrongType(
        arguments: *const Arguments,
        field: Field,
        expected: []const u8,
        actual: msgpack.Token,
    ) error{Failed} {
        arguments.failure.set(.wrong_type, "{f} must be {s}, not {s}", .{
            arguments.member(field), expected, describe(actual),
        });
        return error.Failed;
    }

    /// The same of what is inside a member, such as a step of a context.
    pub fn wrongTypeWithin(
        arguments: *const Arguments,
        field: Field,
        comptime format: []const u8,
        args: anytype,
    ) error{Failed} {
        arguments.failure.set(
            .wrong_type,
            "{f}" ++ format,
            .{arguments.member(field)} ++ args,
        );
        return error.Failed;
    }

    fn member(arguments: *const Arguments, field: Field) Member {
        return .{ .place = arguments.place, .field = field };
    }

    /// Sets the failure, its text beginning with where the member is.
    pub fn failOf(
        arguments: *const Arguments,
        field: Field,
        comptime format: []const u8,
        args: anytype,
    ) error{Failed} {
        arguments.failure.set(
            .invalid_argument,
            "{f} " ++ format,
            .{arguments.member(field)} ++ args,
        );
        return error.Failed;
    }

    /// Sets the failure, its text beginning with the place.
    pub fn fail(
        arguments: *const Arguments,
        comptime format: []const u8,
        args: anytype,
    ) error{Failed} {
        arguments.failure.set(.invalid_argument, "{f} " ++ format, .{arguments.place} ++ args);
        return error.Failed;
    }
};

pub fn malformed(failure: *Failure) error{Failed} {
    failure.set(.invalid_argument, "the request is not well-formed MessagePack", .{});
    return error.Failed;
}

pub fn describe(token: msgpack.Token) []const u8 {
    return switch (token) {
        .nil => "nil",
        .boolean => "a bool",
        .int, .uint => "an integer",
        .float => "a float",
        .string => "a string",
        .binary => "bytes",
        .array => "a list",
        .map => "a map",
        .extension => "an extension value",
    };
}

/// As much of a user's text as a message has room for.
pub fn shortened(text: []const u8) []const u8 {
    return text[0..@min(text.len, 64)];
}

const testing = std.testing;

test "members are found by name, and the text of a failure says where it happened" {
    var failure: Failure = .{};
    var arguments: Arguments = undefined;
    var reader = msgpack.Reader.init("\x83\xa2op\xcd\x03\xe9\xa3bin\xa1b\xa3val\xc0");
    const place: Place = .{ .operation = .{ .index = 3, .name = "list_append" } };
    try arguments.parse(&reader, place, &failure);
    try testing.expectEqual(1001, try arguments.integer(.op));
    try testing.expectEqualStrings("b", try arguments.binName(.bin));
    try testing.expect(arguments.get(.val) != null);
    try testing.expect(arguments.given(.val) == null);
    try testing.expectError(error.Failed, arguments.integer(.index));
    try testing.expectEqualStrings(
        "ops[3] (list_append) needs the field 'index'",
        failure.message(),
    );
    try testing.expectError(error.Failed, arguments.integer(.bin));
    try testing.expectEqualStrings(
        "ops[3]['bin'] (list_append) must be an integer, not a string",
        failure.message(),
    );
    try testing.expectEqual(.wrong_type, failure.status);
}

/// The field whose name a misspelt one is likely to be; null where none is near.
fn nearest(name: []const u8) ?Field {
    var best: ?Field = null;
    // Of a short name, one character may be wrong, of others two.
    var limit: usize = if (name.len < 5) 1 else 2;
    for (std.enums.values(Field)) |field| {
        const distance = distanceOf(name, @tagName(field)) orelse continue;
        if (distance > limit or (distance == limit and best != null)) continue;
        best = field;
        limit = distance;
    }
    return best;
}

/// How many characters have to be put in, taken out, or changed; null for a name that is too long.
fn distanceOf(name: []const u8, known: []const u8) ?usize {
    const length_max = 24;
    if (name.len > length_max) return null;
    var row: [length_max + 1]usize = undefined;
    for (row[0 .. name.len + 1], 0..) |*cell, index| cell.* = index;
    for (known, 1..) |character, line| {
        var diagonal = row[0];
        row[0] = line;
        for (name, 1..) |other, column| {
            const changed = diagonal + @intFromBool(character != other);
            diagonal = row[column];
            row[column] = @min(changed, @min(row[column], row[column - 1]) + 1);
        }
    }
    return row[name.len];
}

test "what a misspelt member is likely to be" {
    const cases = [_]struct { []const u8, ?Field }{
        .{ "bn", .bin },
        .{ "bins", .bin },
        .{ "valu", .val },
        .{ "retrun_type", .return_type },
        .{ "xyz", null },
        .{ "", null },
        .{ &@as([30]u8, @splat(97)), null },
    };
    for (cases) |case| try testing.expectEqual(case[1], nearest(case[0]));
}

test "unknown, repeated and superfluous members are refused" {
    var failure: Failure = .{};
    var arguments: Arguments = undefined;
    const place: Place = .{ .operation = .{ .index = 0 } };
    var unknown = msgpack.Reader.init("\x81\xa4indx\x01");
    try testing.expectError(error.Failed, arguments.parse(&unknown, place, &failure));
    try testing.expectEqualStrings(
        "ops[0] has an unknown field 'indx'; did you mean 'index'?",
        failure.message(),
    );
    var twice = msgpack.Reader.init("\x82\xa3val\x01\xa3val\x02");
    try testing.expectError(error.Failed, arguments.parse(&twice, place, &failure));
    var cut = msgpack.Reader.init("\x82\xa3val\x01");
    try testing.expectError(error.Failed, arguments.parse(&cut, place, &failure));
    var superfluous = msgpack.Reader.init("\x82\xa3val\xc0\xa4rank\x01");
    try arguments.parse(&superfluous, place, &failure);
    try testing.expectError(error.Failed, arguments.allowOnly(.empty));
    try testing.expectEqualStrings("ops[0] does not take the field 'rank'", failure.message());
}
