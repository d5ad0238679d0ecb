//! Which part of a filter an index answers: what remains is for the servers to look at.
//!
//! An index is on a bin, on something nested in it, or on an expression, which answers what is
//! asked of the same expression.
//!
//! A filter of several conditions that all have to hold is taken apart. For each condition, and each
//! index that could answer it, there is a candidate; comparisons of one index's values with integers
//! are taken together as one range. An equality is better than a member of a collection, that than a
//! range with both ends, and then regions and ranges with one end. Between equals, an index of the
//! set is better than one of the whole namespace, and then the condition that comes first.
//!
//! Pure: the filter, the set and the indexes come as MessagePack, and so does what is found.

const std = @import("std");
const assert = std.debug.assert;
const context = @import("../cdt/context.zig");
const expression = @import("../expression/expression.zig");
const wire = @import("../../wire.zig");
const msgpack = wire.msgpack;
const Arguments = @import("../arguments.zig").Arguments;
const Collection = @import("query_request.zig").Collection;
const DataType = @import("query_request.zig").DataType;
const Error = @import("../arguments.zig").Error;
const Failure = @import("../../status.zig").Failure;
const malformed = @import("../arguments.zig").malformed;

/// The API's numbers of what is read of a list or map.
const return_value = 7;
const return_exists = 9;

/// Servers have no string and no bytes in an index that are longer.
const indexed_bytes_max = 2047;

/// The better, the smaller.
const Rank = enum(u8) { equality, member, range, region, half_range };

const Index = struct {
    /// Empty for one of the whole namespace.
    set: []const u8,
    bin: ?[]const u8,
    data_type: ?i64,
    collection: ?i64,
    /// Both in the server's encoding; empty and null for none.
    context: []const u8,
    expression: ?[]const u8,

    /// Comparisons with integers that it would answer.
    range: Range = .{},

    const Range = struct {
        low: i128 = std.math.minInt(i64),
        high: i128 = std.math.maxInt(i64),
        conditions: std.ArrayList(u32) = .empty,
        /// Of the first of them.
        place: Place = undefined,
        order: u32 = 0,
    };

    fn isOn(index: *const Index, place: *const Place) bool {
        return index.data_type == @backingInt(place.data_type) and
            index.collection == @backingInt(place.collection) and
            same(index.bin, place.bin) and
            same(index.expression, place.expression) and
            std.mem.eql(u8, index.context, place.context);
    }

    fn same(one: ?[]const u8, other: ?[]const u8) bool {
        if (one == null or other == null) return one == null and other == null;
        return std.mem.eql(u8, one.?, other.?);
    }
};

/// What an index would be on: a bin or an expression.
const Place = struct {
    data_type: DataType,
    collection: Collection = .default,
    bin: ?[]const u8 = null,
    /// As an index has it, and as MessagePack.
    context: []const u8 = "",
    steps: []const u8 = "",
    expression: ?[]const u8 = null,
};

/// What an index can be asked for.
const Candidate = struct {
    index: usize,
    rank: Rank,
    order: u64,
    place: Place,
    /// What to look for; of a range its ends.
    value: union(enum) { token: msgpack.Token, range },
    /// The condition that it answers for good; null where the servers have to look again.
    answered: ?u32 = null,
};

/// A condition that is compared with a constant.
const Comparison = enum { eq, gt, ge, lt, le, geo_compare };

const mirrored = std.EnumArray(Comparison, Comparison).init(.{
    .eq = .eq,
    .gt = .lt,
    .ge = .le,
    .lt = .gt,
    .le = .ge,
    .geo_compare = .geo_compare,
});

/// Of what is read: the step that leads there, and the member that says where.
const Step = enum {
    list_get_by_index,
    list_get_by_rank,
    map_get_by_index,
    map_get_by_rank,
    map_get_by_key,

    fn name(step: Step) []const u8 {
        return switch (step) {
            .list_get_by_index => "list_index",
            .list_get_by_rank => "list_rank",
            .map_get_by_index => "map_index",
            .map_get_by_rank => "map_rank",
            .map_get_by_key => "map_key",
        };
    }

    fn place(step: Step) @import("../arguments.zig").Field {
        return switch (step) {
            .list_get_by_index, .map_get_by_index => .index,
            .list_get_by_rank, .map_get_by_rank => .rank,
            .map_get_by_key => .map_key,
        };
    }
};

/// What asks whether there is something in a collection.
const Membership = enum {
    list_get_by_value,
    map_get_by_key,
    map_get_by_value,

    fn collection(membership: Membership) Collection {
        return switch (membership) {
            .list_get_by_value => .list,
            .map_get_by_key => .map_keys,
            .map_get_by_value => .map_values,
        };
    }
};

/// Appends [number of the index or nil, WHERE or nil, what kind of question that is, the expression
/// that is left or nil], of [expression, set or "", [INDEX]].
pub fn plan(
    gpa: std.mem.Allocator,
    question: []const u8,
    out: *wire.Buffer,
    failure: *Failure,
) Error!void {
    var arena = std.heap.ArenaAllocator.init(gpa);
    defer arena.deinit();
    var planner: Planner = .{ .arena = arena.allocator(), .failure = failure };
    try planner.read(question);
    for (planner.conditions.items, 0..) |condition, number| {
        try planner.lookAt(condition, @intCast(number));
    }
    planner.lookAtRanges();
    try planner.write(out);
}

const Planner = struct {
    arena: std.mem.Allocator,
    failure: *Failure,
    set: []const u8 = "",
    filter: []const u8 = "",
    /// Which all have to hold.
    conditions: std.ArrayList([]const u8) = .empty,
    indexes: []Index = &.{},
    /// Whether there is one on an expression.
    has_expressions: bool = false,
    /// How many places there were to look for an index on.
    places: u32 = 0,
    best: ?Candidate = null,

    fn read(planner: *Planner, question: []const u8) Error!void {
        var reader = msgpack.Reader.init(question);
        try planner.expectArray(&reader, 3);
        planner.filter = reader.value() catch return malformed(planner.failure);
        try planner.takeApart(planner.filter, 0);
        planner.set = try planner.stringOf(&reader) orelse "";
        const count = switch (reader.next() catch return malformed(planner.failure)) {
            .array => |count| count,
            else => return malformed(planner.failure),
        };
        if (count > reader.rest().len) return malformed(planner.failure);
        planner.indexes = try planner.arena.alloc(Index, count);
        for (planner.indexes) |*index| {
            try planner.expectArray(&reader, 6);
            index.* = .{
                .set = try planner.stringOf(&reader) orelse "",
                .bin = try planner.stringOf(&reader),
                .data_type = try planner.integerOf(&reader),
                .collection = try planner.integerOf(&reader),
                .context = try planner.bytesOf(&reader) orelse "",
                .expression = try planner.bytesOf(&reader),
            };
            if (index.expression != null) planner.has_expressions = true;
        }
        if (!reader.isAtEnd()) return malformed(planner.failure);
    }

    fn expectArray(planner: *Planner, reader: *msgpack.Reader, count: u32) Error!void {
        const token = reader.next() catch return malformed(planner.failure);
        if (token != .array or token.array != count) return malformed(planner.failure);
    }

    fn stringOf(planner: *Planner, reader: *msgpack.Reader) Error!?[]const u8 {
        return switch (reader.next() catch return malformed(planner.failure)) {
            .nil => null,
            .string => |text| text,
            else => malformed(planner.failure),
        };
    }

    fn integerOf(planner: *Planner, reader: *msgpack.Reader) Error!?i64 {
        return switch (reader.next() catch return malformed(planner.failure)) {
            .nil => null,
            .int => |number| number,
            else => malformed(planner.failure),
        };
    }

    fn bytesOf(planner: *Planner, reader: *msgpack.Reader) Error!?[]const u8 {
        return switch (reader.next() catch return malformed(planner.failure)) {
            .nil => null,
            .binary => |bytes| bytes,
            else => malformed(planner.failure),
        };
    }

    fn takeApart(planner: *Planner, tree: []const u8, depth: u32) Error!void {
        const name = try expression.builderName(tree, planner.failure);
        if (!std.mem.eql(u8, name, "and") or depth > expression.depth_max) {
            return planner.conditions.append(planner.arena, tree);
        }
        const node = try planner.nodeOf(tree) orelse unreachable;
        var reader = msgpack.Reader.init(try node.require(.exprs));
        const count = switch (reader.next() catch return malformed(planner.failure)) {
            .array => |count| count,
            else => return malformed(planner.failure),
        };
        for (0..count) |_| {
            const member = reader.value() catch return malformed(planner.failure);
            switch (try node.firstToken(member)) {
                .map => try planner.takeApart(member, depth + 1),
                // A constant.
                else => try planner.conditions.append(planner.arena, member),
            }
        }
    }

    /// The arguments of an expression; null if it is a constant.
    fn nodeOf(planner: *Planner, tree: []const u8) Error!?Arguments {
        var first = msgpack.Reader.init(tree);
        const token = first.next() catch return malformed(planner.failure);
        if (token != .map) return null;
        const name = try expression.builderName(tree, planner.failure);
        var arguments: Arguments = undefined;
        var reader = msgpack.Reader.init(tree);
        try arguments.parse(&reader, .{ .expression = name }, planner.failure);
        return arguments;
    }

    /// The value of a constant; null if it is none that an index may have.
    fn constantOf(planner: *Planner, tree: []const u8) Error!?msgpack.Token {
        const node = try planner.nodeOf(tree);
        var reader = msgpack.Reader.init(if (node) |arguments| value: {
            if (!isConstant(arguments.place.expression)) return null;
            break :value try arguments.require(.val);
        } else tree);
        const token = reader.next() catch return malformed(planner.failure);
        return switch (token) {
            .int => token,
            .string, .binary => |bytes| if (bytes.len > indexed_bytes_max) null else token,
            .extension => |extension| switch (extension.kind) {
                wire.particle.extension_geojson => token,
                else => null,
            },
            else => null,
        };
    }

    fn isConstant(builder: []const u8) bool {
        const builders = [_][]const u8{ "int_val", "string_val", "blob_val", "geo_val" };
        for (builders) |each| if (std.mem.eql(u8, builder, each)) return true;
        return false;
    }

    /// What indexes would answer of a condition.
    fn lookAt(planner: *Planner, condition: []const u8, number: u32) Error!void {
        const node = try planner.nodeOf(condition) orelse return;
        const name = node.place.expression;
        if (std.meta.stringToEnum(Comparison, name)) |comparison| {
            const left, const right = .{ try node.require(.left), try node.require(.right) };
            try planner.lookAtSides(comparison, left, right, number);
            try planner.lookAtSides(mirrored.get(comparison), right, left, number);
        } else if (std.meta.stringToEnum(Membership, name)) |membership| {
            try planner.lookAtMembership(membership, &node);
        }
    }

    fn lookAtSides(
        planner: *Planner,
        comparison: Comparison,
        subject: []const u8,
        other: []const u8,
        number: u32,
    ) Error!void {
        const value = try planner.constantOf(other) orelse return;
        if ((value == .extension) != (comparison == .geo_compare)) return;
        const is_equality = comparison == .eq;
        if (value != .int and value != .extension and !is_equality) return;
        const places = try planner.placesOf(subject, dataTypeOf(value));
        for (places.slice()) |*place| {
            planner.places += 1;
            if (is_equality) {
                planner.offer(place, .equality, value, number);
            } else if (comparison == .geo_compare) {
                // The index finds more than what is in a region, perhaps.
                planner.offer(place, .region, value, null);
            } else {
                try planner.narrow(place, comparison, value.int, number);
            }
        }
    }

    fn dataTypeOf(value: msgpack.Token) DataType {
        return switch (value) {
            .int => .integer,
            .string => .string,
            .binary => .blob,
            .extension => .geo2dsphere,
            else => unreachable,
        };
    }

    fn offer(
        planner: *Planner,
        place: *const Place,
        rank: Rank,
        value: msgpack.Token,
        answered: ?u32,
    ) void {
        for (planner.indexes, 0..) |*index, number| {
            if (!planner.isUsable(index) or !index.isOn(place)) continue;
            planner.consider(.{
                .index = number,
                .rank = rank,
                .order = planner.places,
                .place = place.*,
                .value = .{ .token = value },
                .answered = answered,
            });
        }
    }

    /// Has a comparison be part of the range of every index that would answer it.
    fn narrow(
        planner: *Planner,
        place: *const Place,
        comparison: Comparison,
        value: i128,
        number: u32,
    ) Error!void {
        for (planner.indexes) |*index| {
            if (!planner.isUsable(index) or !index.isOn(place)) continue;
            const range = &index.range;
            if (range.conditions.items.len == 0) {
                range.place = place.*;
                range.order = planner.places;
            }
            try range.conditions.append(planner.arena, number);
            switch (comparison) {
                .gt => range.low = @max(range.low, value + 1),
                .ge => range.low = @max(range.low, value),
                .lt => range.high = @min(range.high, value - 1),
                .le => range.high = @min(range.high, value),
                .eq, .geo_compare => unreachable,
            }
        }
    }

    fn isUsable(planner: *const Planner, index: *const Index) bool {
        return index.set.len == 0 or std.mem.eql(u8, index.set, planner.set);
    }

    fn consider(planner: *Planner, candidate: Candidate) void {
        const best = planner.best orelse {
            planner.best = candidate;
            return;
        };
        if (planner.isBetter(&candidate, &best)) planner.best = candidate;
    }

    fn isBetter(planner: *const Planner, one: *const Candidate, other: *const Candidate) bool {
        if (one.rank != other.rank) return @backingInt(one.rank) < @backingInt(other.rank);
        const of_all = planner.indexes[one.index].set.len == 0;
        const other_of_all = planner.indexes[other.index].set.len == 0;
        if (of_all != other_of_all) return other_of_all;
        return one.order < other.order;
    }

    fn lookAtRanges(planner: *Planner) void {
        for (planner.indexes, 0..) |*index, number| {
            const range = &index.range;
            // Where no record is in it, the servers will find none.
            if (range.conditions.items.len == 0 or range.low > range.high) continue;
            const has_low = range.low > std.math.minInt(i64);
            const has_high = range.high < std.math.maxInt(i64);
            planner.consider(.{
                .index = number,
                .rank = if (has_low and has_high) .range else .half_range,
                .order = (@as(u64, 1) << 32) + range.order,
                .place = range.place,
                .value = .range,
            });
        }
    }

    /// Whether a list has a value, or a map a key or value: the servers look again.
    fn lookAtMembership(
        planner: *Planner,
        membership: Membership,
        node: *const Arguments,
    ) Error!void {
        if (try node.integer(.return_type) != return_exists) return;
        const member = try node.require(if (membership == .map_get_by_key) .map_key else .val);
        const value = try planner.constantOf(member) orelse return;
        if (value == .extension) return;
        const source = try node.require(.bin);
        var place: Place = .{
            .data_type = dataTypeOf(value),
            .collection = membership.collection(),
        };
        const steps = node.given(.ctx);
        if (try planner.collectionOf(source)) |bin| {
            if (try planner.encodedContext(steps)) |encoded| {
                place.bin = bin;
                place.context = encoded;
                place.steps = steps orelse "";
                planner.places += 1;
                planner.offer(&place, .member, value, null);
            }
        }
        if (steps != null or !planner.has_expressions) return;
        if (try planner.nodeOf(source) == null) return;
        place.bin = null;
        place.context = "";
        place.expression = try planner.encodedExpression(source);
        planner.places += 1;
        planner.offer(&place, .member, value, null);
    }

    const Places = struct {
        memory: [2]Place = undefined,
        count: usize = 0,

        fn append(places: *Places, place: Place) void {
            places.memory[places.count] = place;
            places.count += 1;
        }

        fn slice(places: *const Places) []const Place {
            return places.memory[0..places.count];
        }
    };

    /// Where indexes may be that have what is compared with a constant of some type.
    fn placesOf(planner: *Planner, subject: []const u8, data_type: DataType) Error!Places {
        var places: Places = .{};
        const node = try planner.nodeOf(subject) orelse return places;
        const name = node.place.expression;
        if (isConstant(name)) return places;
        if (std.mem.eql(u8, name, binBuilder(data_type))) {
            places.append(.{ .data_type = data_type, .bin = try node.string(.name) });
        } else if (std.meta.stringToEnum(Step, name)) |step| {
            if (try planner.nested(step, &node, data_type)) |place| places.append(place);
        }
        if (planner.has_expressions) places.append(.{
            .data_type = data_type,
            .expression = try planner.encodedExpression(subject),
        });
        return places;
    }

    /// An element of a list or map in a bin.
    fn nested(
        planner: *Planner,
        step: Step,
        node: *const Arguments,
        data_type: DataType,
    ) Error!?Place {
        if (try node.integer(.return_type) != return_value) return null;
        if (try node.integerOr(.exp_type, 0) != @backingInt(typeOf(data_type))) return null;
        const bin = try planner.collectionOf(try node.require(.bin)) orelse return null;
        const where = try node.require(step.place());
        var steps = wire.Buffer.growing(planner.arena, &.{}, expression.encoded_bytes_max);
        var count: u32 = 1;
        var before: []const u8 = "";
        if (node.given(.ctx)) |path| {
            var reader = msgpack.Reader.init(path);
            count += switch (reader.next() catch return malformed(planner.failure)) {
                .array => |length| length,
                else => return null,
            };
            before = reader.rest();
        }
        try msgpack.writeArrayHeader(&steps, count);
        try steps.append(before);
        try msgpack.writeArrayHeader(&steps, 2);
        try msgpack.writeString(&steps, step.name());
        try steps.append(where);
        return .{
            .data_type = data_type,
            .bin = bin,
            .context = try planner.encodedContext(steps.written()) orelse return null,
            .steps = steps.written(),
        };
    }

    /// The bin that holds a list or map as a whole; null for anything else.
    fn collectionOf(planner: *Planner, source: []const u8) Error!?[]const u8 {
        const node = try planner.nodeOf(source) orelse return null;
        const name = node.place.expression;
        const is_one = std.mem.eql(u8, name, "list_bin") or std.mem.eql(u8, name, "map_bin");
        return if (is_one) try node.string(.name) else null;
    }

    /// Steps in the server's encoding, empty for none; null when one is no plain step.
    fn encodedContext(planner: *Planner, steps: ?[]const u8) Error!?[]const u8 {
        var out = wire.Buffer.growing(planner.arena, &.{}, expression.encoded_bytes_max);
        var reader = msgpack.Reader.init(steps orelse return "");
        var failure: Failure = .{};
        context.encodeContext(&out, &reader, &failure) catch |err| switch (err) {
            error.Failed => return null,
            else => |other| return other,
        };
        return out.written();
    }

    fn encodedExpression(planner: *Planner, tree: []const u8) Error![]const u8 {
        var out = wire.Buffer.growing(planner.arena, &.{}, expression.encoded_bytes_max + 1);
        var reader = msgpack.Reader.init(tree);
        try expression.encodeExpression(&out, &reader, planner.failure);
        return out.written();
    }

    fn write(planner: *Planner, out: *wire.Buffer) Error!void {
        try msgpack.writeArrayHeader(out, 4);
        const best = &(planner.best orelse {
            for (0..3) |_| try msgpack.writeNil(out);
            return out.append(planner.filter);
        });
        try msgpack.writeUint(out, best.index);
        try planner.writeWhere(best, out);
        const question = try planner.questionOf(best);
        try msgpack.writeString(out, @tagName(question));
        var answered: []const u32 = &.{};
        switch (best.value) {
            .range => answered = planner.indexes[best.index].range.conditions.items,
            .token => if (best.answered) |*number| {
                answered = number[0..1];
            },
        }
        return planner.writeRest(answered, out);
    }

    /// The conditions but for those that are answered; nil for none.
    fn writeRest(planner: *Planner, answered: []const u32, out: *wire.Buffer) Error!void {
        const left = planner.conditions.items.len - answered.len;
        if (left == 0) return msgpack.writeNil(out);
        var rest: std.ArrayList([]const u8) = .empty;
        var next: usize = 0;
        for (planner.conditions.items, 0..) |condition, number| {
            if (next < answered.len and answered[next] == number) {
                next += 1;
            } else {
                try rest.append(planner.arena, condition);
            }
        }
        assert(rest.items.len == left);
        if (left == 1) return planner.writeOne(rest.items[0], out);
        try msgpack.writeMapHeader(out, 2);
        try msgpack.writeString(out, "__expr__");
        try msgpack.writeString(out, "and");
        try msgpack.writeString(out, "exprs");
        try msgpack.writeArrayHeader(out, @intCast(left));
        for (rest.items) |condition| try out.append(condition);
    }

    /// A condition as an expression of its own, which a bare constant is not.
    fn writeOne(planner: *Planner, condition: []const u8, out: *wire.Buffer) Error!void {
        if (try planner.nodeOf(condition) != null) return out.append(condition);
        try msgpack.writeMapHeader(out, 2);
        try msgpack.writeString(out, "__expr__");
        try msgpack.writeString(out, "bool_val");
        try msgpack.writeString(out, "val");
        try out.append(condition);
    }

    /// As the request of a query has it.
    fn writeWhere(planner: *Planner, best: *const Candidate, out: *wire.Buffer) Error!void {
        const index = &planner.indexes[best.index];
        const place = &best.place;
        const has_options = place.steps.len > 0 or place.expression != null;
        try msgpack.writeArrayHeader(out, if (has_options) 5 else 4);
        if (place.bin) |bin| try msgpack.writeString(out, bin) else try msgpack.writeNil(out);
        try msgpack.writeUint(out, @backingInt(place.collection));
        switch (best.value) {
            .range => {
                try msgpack.writeInt(out, @intCast(index.range.low));
                try msgpack.writeInt(out, @intCast(index.range.high));
            },
            .token => |token| switch (token) {
                .extension => |extension| {
                    try msgpack.writeExtension(out, extension.kind, extension.data);
                    try msgpack.writeNil(out);
                },
                else => for (0..2) |_| switch (token) {
                    .int => |number| try msgpack.writeInt(out, number),
                    .string => |text| try msgpack.writeString(out, text),
                    .binary => |bytes| try msgpack.writeBinary(out, bytes),
                    else => unreachable,
                },
            },
        }
        if (!has_options) return;
        try msgpack.writeMapHeader(out, 1);
        if (place.expression) |encoded| {
            try msgpack.writeString(out, "expression");
            try msgpack.writeBinary(out, encoded);
        } else {
            try msgpack.writeString(out, "context");
            try out.append(place.steps);
        }
    }

    const Question = enum { equals, between, contains, within_region, contains_point };

    fn questionOf(planner: *Planner, best: *const Candidate) Error!Question {
        return switch (best.rank) {
            .range, .half_range => .between,
            .equality => .equals,
            .member => .contains,
            .region => if (try isPoint(planner.arena, best.value.token.extension.data))
                .contains_point
            else
                .within_region,
        };
    }
};

/// Whether GeoJSON is of a point, which regions may contain.
fn isPoint(arena: std.mem.Allocator, text: []const u8) error{OutOfMemory}!bool {
    const Known = struct { type: []const u8 = "" };
    const parsed = std.json.parseFromSliceLeaky(Known, arena, text, .{
        .ignore_unknown_fields = true,
        .duplicate_field_behavior = .use_last,
    }) catch |err| return if (err == error.OutOfMemory) error.OutOfMemory else false;
    return std.mem.eql(u8, parsed.type, "Point");
}

fn binBuilder(data_type: DataType) []const u8 {
    return switch (data_type) {
        .integer => "int_bin",
        .string => "string_bin",
        .blob => "blob_bin",
        .geo2dsphere => "geo_bin",
    };
}

fn typeOf(data_type: DataType) expression.Type {
    return switch (data_type) {
        .integer => .integer,
        .string => .string,
        .blob => .blob,
        .geo2dsphere => .geojson,
    };
}
