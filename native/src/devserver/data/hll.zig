//! HyperLogLogs: one operation on the value of a bin.
//!
//! The operation comes as MessagePack: an array of a code and parameters. Pure: results live in
//! the arena.

const std = @import("std");
const wire = @import("../../wire.zig");
const Parameters = @import("cdt/Parameters.zig");
const Sketch = @import("hll/Sketch.zig");
const collection = @import("collection.zig");
const element = @import("cdt/element.zig");
const estimate = @import("hll/estimate.zig");
const value = @import("value.zig");

const Allocator = std.mem.Allocator;
const Particle = value.Particle;
const Shape = Sketch.Shape;

pub const Error = error{
    InvalidParameter,
    NotApplicable,
    IndexBitsUnset,
    IndexBitsReduced,
    MinhashBitsReduced,
    MinhashFolded,
    IndexBitsRaised,
    MinhashBitsDiffer,
    IncompatibleType,
    BinExists,
    BinNotFound,
    NotCreatedByOperation,
    Unknown,
    OutOfMemory,
};

/// The codes of the protocol.
const Code = enum(u64) {
    init = 0,
    add = 1,
    @"union" = 2,
    update_count = 3,
    fold = 4,
    count = 50,
    get_union = 51,
    union_count = 52,
    intersect_count = 53,
    similarity = 54,
    describe = 55,
    may_contain = 56,
    _,
};

const flag_create_only = 0x01;
const flag_update_only = 0x02;
const flag_no_fail = 0x04;
const flag_allow_fold = 0x08;

const Operation = struct {
    code: Code,
    /// Null: as the bin has.
    index_bits: ?u5 = null,
    minhash_bits: ?u6 = null,
    elements: []const []const u8 = &.{},
    sketches: []const Sketch = &.{},
    flags: u64 = 0,

    fn has(operation: *const Operation, flag: u64) bool {
        return operation.flags & flag != 0;
    }
};

const Kind = enum { index_bits, minhash_bits, elements, sketches, alike_sketches, flags };

const Form = struct {
    required: u32,
    parameters: []const Kind,
    flags: u64 = 0,
};

fn formOf(code: Code, is_read: bool) ?Form {
    const creates = flag_create_only | flag_no_fail;
    const sets = creates | flag_update_only;
    if (is_read) return switch (code) {
        .count, .describe => .{ .required = 0, .parameters = &.{} },
        .get_union, .union_count => .{ .required = 1, .parameters = &.{.sketches} },
        .intersect_count, .similarity => .{ .required = 1, .parameters = &.{.alike_sketches} },
        .may_contain => .{ .required = 1, .parameters = &.{.elements} },
        else => null,
    };
    return switch (code) {
        .init => .{
            .required = 0,
            .parameters = &.{ .index_bits, .minhash_bits, .flags },
            .flags = sets,
        },
        .add => .{
            .required = 1,
            .parameters = &.{ .elements, .index_bits, .minhash_bits, .flags },
            .flags = creates,
        },
        .@"union" => .{
            .required = 1,
            .parameters = &.{ .sketches, .flags },
            .flags = sets | flag_allow_fold,
        },
        .update_count => .{ .required = 0, .parameters = &.{} },
        .fold => .{ .required = 1, .parameters = &.{.index_bits} },
        else => null,
    };
}

/// What an operation is made from.
const Decoder = struct {
    arena: Allocator,
    parameters: Parameters,
    form: Form,
    operation: Operation,

    fn init(arena: Allocator, bytes: []const u8, is_read: bool) Error!Decoder {
        var parameters = Parameters.init(bytes);
        const code: Code = @fromBackingInt(try parameters.code());
        return .{
            .arena = arena,
            .parameters = parameters,
            .form = formOf(code, is_read) orelse return error.InvalidParameter,
            .operation = .{ .code = code },
        };
    }

    fn decode(decoder: *Decoder) Error!Operation {
        const form = &decoder.form;
        const count = decoder.parameters.count;
        if (count < form.required or count > form.parameters.len) return error.InvalidParameter;
        for (form.parameters[0..count]) |kind| try decoder.take(kind);
        return decoder.operation;
    }

    fn take(decoder: *Decoder, kind: Kind) Error!void {
        const operation = &decoder.operation;
        switch (kind) {
            .index_bits => {
                const count = try decoder.parameters.signed();
                if (count == -1) return;
                if (!Shape.isIndexBits(@bitCast(count))) return error.InvalidParameter;
                operation.index_bits = @intCast(count);
            },
            .minhash_bits => {
                const count = try decoder.parameters.signed();
                if (count == -1) return;
                if (!Shape.isMinhashBits(@bitCast(count))) return error.InvalidParameter;
                operation.minhash_bits = @intCast(count);
                const shape: Shape = .{
                    .index_bits = operation.index_bits orelse return,
                    .minhash_bits = @intCast(count),
                };
                if (!shape.isStored()) return error.InvalidParameter;
            },
            .elements => try decoder.takeElements(),
            .sketches => try decoder.takeSketches(),
            .alike_sketches => {
                try decoder.takeSketches();
                try decoder.checkAlike();
            },
            .flags => {
                operation.flags = try decoder.parameters.unsigned();
                if (operation.flags & ~decoder.form.flags != 0) return error.InvalidParameter;
                const both = flag_create_only | flag_update_only;
                if (operation.flags & both == both) return error.InvalidParameter;
            },
        }
    }

    fn takeElements(decoder: *Decoder) Error!void {
        const count = try decoder.parameters.array();
        if (count == 0) return error.InvalidParameter;
        var elements: std.ArrayList([]const u8) = .empty;
        for (0..count) |_| {
            const bytes = try decoder.parameters.element();
            try elements.append(decoder.arena, try decoder.shortest(bytes));
        }
        decoder.operation.elements = elements.items;
    }

    /// The form that elements are hashed in. Also taken are those that only make sense in
    /// comparisons.
    fn shortest(decoder: *Decoder, bytes: []const u8) Error![]const u8 {
        var reader = wire.msgpack.Reader.init(bytes);
        switch (reader.next() catch unreachable) {
            .array, .map => return error.InvalidParameter,
            .extension => |extension| if (Parameters.isStandIn(&extension)) return bytes,
            else => {},
        }
        return collection.normalizeElement(decoder.arena, bytes) catch |err| switch (err) {
            error.OutOfMemory => error.OutOfMemory,
            error.Invalid, error.NoSpaceLeft => error.InvalidParameter,
        };
    }

    /// One, or a list of them.
    fn takeSketches(decoder: *Decoder) Error!void {
        const parameters = &decoder.parameters;
        var ahead = parameters.reader;
        const token = ahead.next() catch return error.InvalidParameter;
        const count = if (token == .array) try parameters.array() else 1;
        if (count == 0) return error.InvalidParameter;
        var sketches: std.ArrayList(Sketch) = .empty;
        for (0..count) |_| {
            const text = try parameters.text();
            // The type in front of the bytes does not matter.
            if (text.len == 0) return error.InvalidParameter;
            const sketch = try Sketch.parse(decoder.arena, text[1..]) orelse {
                return error.InvalidParameter;
            };
            try sketches.append(decoder.arena, sketch);
        }
        decoder.operation.sketches = sketches.items;
    }

    /// More than two can only be compared with equal minhash bits.
    fn checkAlike(decoder: *Decoder) Error!void {
        const sketches = decoder.operation.sketches;
        if (sketches.len <= 2) return;
        const minhash_bits = sketches[0].shape.minhash_bits;
        if (minhash_bits == 0) return error.InvalidParameter;
        for (sketches[1..]) |sketch| {
            if (sketch.shape.minhash_bits != minhash_bits) return error.InvalidParameter;
        }
    }
};

/// The sketch of a bin.
fn sketchOf(arena: Allocator, particle: Particle) Error!Sketch {
    if (particle.kind != .hll) return error.IncompatibleType;
    const sketch = try Sketch.parse(arena, particle.bytes) orelse return error.Unknown;
    return if (sketch.shape.isStored()) sketch else error.Unknown;
}

fn particleOf(arena: Allocator, sketch: *const Sketch) error{OutOfMemory}!Particle {
    return .{ .kind = .hll, .bytes = try sketch.write(arena) };
}

/// Reads from a bin's value.
pub fn read(arena: Allocator, particle: Particle, bytes: []const u8) Error!Particle {
    var decoder = try Decoder.init(arena, bytes, true);
    const present = try sketchOf(arena, particle);
    const operation = try decoder.decode();
    const sketches = try arena.alloc(Sketch, operation.sketches.len + 1);
    @memcpy(sketches[0..operation.sketches.len], operation.sketches);
    sketches[operation.sketches.len] = present;
    switch (operation.code) {
        .intersect_count, .similarity => if (operation.sketches.len > 2) {
            if (present.shape.minhash_bits != sketches[0].shape.minhash_bits) {
                return error.MinhashBitsDiffer;
            }
        },
        else => {},
    }
    const integer = switch (operation.code) {
        .count => estimate.count(&present),
        .get_union => return particleOf(arena, &try estimate.merged(arena, sketches)),
        .union_count => try estimate.unionCount(arena, sketches),
        .intersect_count => try estimate.intersectCount(arena, sketches),
        .similarity => {
            const share = try estimate.similarity(arena, sketches);
            return element.eightBytes(arena, .float, @bitCast(share));
        },
        .describe => {
            // All counts fit into one byte each.
            const counts = [_]u8{ 0x92, present.shape.index_bits, present.shape.minhash_bits };
            return .{ .kind = .list, .bytes = try arena.dupe(u8, &counts) };
        },
        .may_contain => @intFromBool(for (operation.elements) |each| {
            if (!present.mayContain(each)) break false;
        } else true),
        else => unreachable,
    };
    return element.eightBytes(arena, .integer, integer);
}

/// What a change leaves behind.
pub const Changed = struct {
    /// The bin's new value; null: it stays as it is.
    particle: ?Particle = null,
    result: ?Particle = null,
};

/// Changes a bin's value, null when it has none.
pub fn modify(arena: Allocator, particle: ?Particle, bytes: []const u8) Error!Changed {
    var decoder = try Decoder.init(arena, bytes, false);
    const present = if (particle) |found| try sketchOf(arena, found) else null;
    const operation = try decoder.decode();
    const refused: ?Error = if (present != null and operation.has(flag_create_only))
        error.BinExists
    else if (present == null and operation.has(flag_update_only))
        error.BinNotFound
    else
        null;
    if (refused) |err| return if (operation.has(flag_no_fail)) .{} else err;
    var result: ?u64 = null;
    const changed = switch (operation.code) {
        .init => try Sketch.empty(arena, try shapeFor(&operation, present)),
        .add => added: {
            var sketch = present orelse try Sketch.empty(arena, try shapeFor(&operation, null));
            var count: u64 = 0;
            for (operation.elements) |each| count += @intFromBool(sketch.add(each));
            result = count;
            break :added sketch;
        },
        .@"union" => try united(arena, &operation, present),
        .update_count => counted: {
            var sketch = present orelse return error.NotCreatedByOperation;
            sketch.cache = estimate.count(&sketch);
            result = sketch.cache;
            break :counted sketch;
        },
        .fold => try folded(arena, &operation, present orelse return error.NotCreatedByOperation),
        else => unreachable,
    };
    return .{
        .particle = try particleOf(arena, &changed),
        .result = if (result) |count| try element.eightBytes(arena, .integer, count) else null,
    };
}

/// The shape of a new sketch.
fn shapeFor(operation: *const Operation, present: ?Sketch) Error!Shape {
    const shape: Shape = if (present) |sketch| .{
        .index_bits = operation.index_bits orelse sketch.shape.index_bits,
        .minhash_bits = operation.minhash_bits orelse sketch.shape.minhash_bits,
    } else .{
        .index_bits = operation.index_bits orelse return error.IndexBitsUnset,
        .minhash_bits = operation.minhash_bits orelse 0,
    };
    return if (shape.isStored() or present == null) shape else error.NotApplicable;
}

fn united(arena: Allocator, operation: *const Operation, present: ?Sketch) Error!Sketch {
    const given = operation.sketches;
    const sketch = present orelse return estimate.merged(arena, given);
    if (!operation.has(flag_allow_fold)) {
        const shape = estimate.common(given);
        if (sketch.shape.index_bits > shape.index_bits) return error.IndexBitsReduced;
        const minhash_bits = sketch.shape.minhash_bits;
        if (minhash_bits != 0 and minhash_bits != shape.minhash_bits) {
            return error.MinhashBitsReduced;
        }
    }
    const all = try arena.alloc(Sketch, given.len + 1);
    @memcpy(all[0..given.len], given);
    all[given.len] = sketch;
    return estimate.merged(arena, all);
}

fn folded(arena: Allocator, operation: *const Operation, present: Sketch) Error!Sketch {
    if (present.shape.minhash_bits > 0) return error.MinhashFolded;
    const index_bits = operation.index_bits orelse return error.NotApplicable;
    if (present.shape.index_bits < index_bits) return error.IndexBitsRaised;
    if (present.shape.index_bits == index_bits) return present;
    var smaller = try Sketch.empty(arena, .{ .index_bits = index_bits, .minhash_bits = 0 });
    smaller.merge(&present);
    return smaller;
}

test {
    _ = @import("hll/murmur.zig");
    _ = Sketch;
    _ = estimate;
}

const testing = std.testing;

fn integerOf(particle: Particle) u64 {
    return std.mem.readInt(u64, particle.bytes[0..8], .big);
}

test "a sketch is begun, added to and asked" {
    var arena_state = std.heap.ArenaAllocator.init(testing.allocator);
    defer arena_state.deinit();
    const arena = arena_state.allocator();
    const begun = try modify(arena, null, "\x93\x00\x08\x00");
    try testing.expectEqual(null, begun.result);
    const added = try modify(arena, begun.particle, "\x92\x01\x93\x01\xa2\x03a\xcd\x00\x01");
    try testing.expectEqual(2, integerOf(added.result.?));
    const sketch = added.particle.?;
    try testing.expectEqual(2, integerOf(try read(arena, sketch, "\x91\x32")));
    try testing.expectEqual(1, integerOf(try read(arena, sketch, "\x92\x38\x91\xa2\x03a")));
    try testing.expectEqual(0, integerOf(try read(arena, sketch, "\x92\x38\x91\xa2\x03b")));
    try testing.expectEqualSlices(u8, "\x92\x08\x00", (try read(arena, sketch, "\x91\x37")).bytes);
    const counted = try modify(arena, sketch, "\x91\x03");
    try testing.expectEqual(2, integerOf(counted.result.?));
    try testing.expectEqual(2, std.mem.readInt(u64, counted.particle.?.bytes[3..11], .little));
    const folded_sketch = (try modify(arena, sketch, "\x92\x04\x04")).particle.?;
    try testing.expectEqual(4, folded_sketch.bytes[1]);
    try testing.expectEqual(2, integerOf(try read(arena, folded_sketch, "\x91\x32")));
}

test "what is refused" {
    var arena_state = std.heap.ArenaAllocator.init(testing.allocator);
    defer arena_state.deinit();
    const arena = arena_state.allocator();
    const sketch = (try modify(arena, null, "\x93\x00\x08\x04")).particle;
    const cases = [_]struct { Error, ?Particle, []const u8 }{
        .{ error.IndexBitsUnset, null, "\x91\x00" },
        .{ error.InvalidParameter, null, "\x92\x00\x03" },
        .{ error.InvalidParameter, null, "\x93\x00\x10\x33" },
        .{ error.BinExists, sketch, "\x94\x00\x08\x00\x01" },
        .{ error.BinNotFound, null, "\x94\x00\x08\x00\x02" },
        .{ error.NotCreatedByOperation, null, "\x91\x03" },
        .{ error.MinhashFolded, sketch, "\x92\x04\x04" },
        .{ error.InvalidParameter, sketch, "\x92\x01\x90" },
        .{ error.InvalidParameter, sketch, "\x92\x01\x91\x90" },
        .{ error.InvalidParameter, sketch, "\x92\x02\xa2\x12a" },
        .{ error.IncompatibleType, .{ .kind = .blob, .bytes = "" }, "\x91\x03" },
        .{ error.Unknown, .{ .kind = .hll, .bytes = "" }, "\x91\x03" },
    };
    for (cases) |case| {
        const expected, const particle, const bytes = case;
        try testing.expectError(expected, modify(arena, particle, bytes));
    }
    const nothing = try modify(arena, sketch, "\x94\x00\x08\x00\x05");
    try testing.expectEqual(null, nothing.particle);
}
