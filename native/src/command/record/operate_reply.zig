//! From the reply to operations on one record to their results.
//!
//! Where every operation has its place in the reply, the k-th result belongs to the k-th operation
//! that has one (a touch has none), and the encoded operations of the request tell what it means:
//! the nil of a write is nothing, the nil of a read is an answer, and the pairs of a map keep
//! their order. Otherwise the reply names the bins that were read, and a nil means nothing.
//!
//! Everything in the reply comes from the network; whatever is wrong with it is an error value.

const std = @import("std");
const blob = @import("../cdt/blob.zig");
const call = @import("../cdt/call.zig");
const cdt = @import("../cdt/cdt.zig");
const expression = @import("../expression/expression.zig");
const wire = @import("../../wire.zig");
const msgpack = wire.msgpack;
const Call = @import("../cdt/call.zig").Call;

pub const Error = error{Malformed} || wire.particle.DecodeError || wire.Buffer.Error;

/// The extension that pairs of keys and values have: its payload is an array of arrays of two.
pub const extension_pairs = 19;

/// What a result of the reply means.
const Meaning = enum {
    /// There is no such thing, whatever the server says.
    nothing,
    /// A bin's value; nil when there is no such bin.
    bin,
    /// An answer; nil is one.
    value,
    /// Pairs of keys and values.
    pairs,
};

/// What was asked for, of many records.
pub const Request = struct {
    /// Encoded.
    operations: []const u8 = "",
    respond_all: bool = false,
};

/// Appends {bin: value}. A bin with several results has an array of them.
pub fn writeBins(
    gpa: std.mem.Allocator,
    operations: []const u8,
    respond_all: bool,
    message: *const wire.message.Message,
    out: *wire.Buffer,
) Error!void {
    var stack: [16 * @sizeOf(Result)]u8 align(@alignOf(Result)) = undefined;
    var first: std.heap.BufferFirstAllocator = .init(&stack, gpa);
    const allocator = first.allocator();
    const results = try allocator.alloc(Result, message.header.operation_count);
    defer allocator.free(results);
    var iterator = try Results.init(operations, respond_all, message);
    var count: usize = 0;
    while (try iterator.next()) |result| : (count += 1) results[count] = result;
    try writeGrouped(allocator, results[0..count], out);
}

/// Appends [[bin, value], …] in the order of the reply.
pub fn writeOrdered(
    operations: []const u8,
    respond_all: bool,
    message: *const wire.message.Message,
    out: *wire.Buffer,
) Error!void {
    var count: u32 = 0;
    var counting = try Results.init(operations, respond_all, message);
    while (try counting.next()) |_| count += 1;
    try msgpack.writeArrayHeader(out, count);
    var iterator = try Results.init(operations, respond_all, message);
    while (try iterator.next()) |result| {
        try msgpack.writeArrayHeader(out, 2);
        try msgpack.writeString(out, result.operation.name);
        try result.write(out);
    }
}

const Result = struct {
    operation: wire.operation.Operation,
    meaning: Meaning,
    /// Of its bin.
    is_first: bool = false,
    /// The next result of the same bin.
    next: u32 = none,

    const none = std.math.maxInt(u32);

    fn write(result: *const Result, out: *wire.Buffer) Error!void {
        const particle = result.operation.particle;
        const value = result.operation.value;
        if (particle == .map and (result.meaning == .pairs or try keepsOrder(value))) {
            return writePairs(value, out);
        }
        try wire.particle.msgpackFromParticle(out, particle, value);
    }
};

/// The first result of every bin leads to the later ones of the same bin.
fn writeGrouped(gpa: std.mem.Allocator, results: []Result, out: *wire.Buffer) Error!void {
    var groups: Groups = .{ .gpa = gpa, .results = results };
    defer groups.lasts.deinit(gpa);
    for (0..results.len) |index| try groups.add(@intCast(index));
    try msgpack.writeMapHeader(out, groups.count);
    for (results) |*first| {
        if (!first.is_first) continue;
        try msgpack.writeString(out, first.operation.name);
        if (first.next != Result.none) {
            var count: u32 = 1;
            var index = first.next;
            while (index != Result.none) : (index = results[index].next) count += 1;
            try msgpack.writeArrayHeader(out, count);
        }
        var result = first;
        while (true) {
            try result.write(out);
            if (result.next == Result.none) break;
            result = &results[result.next];
        }
    }
}

/// Finds for every result the one before it of the same bin.
const Groups = struct {
    gpa: std.mem.Allocator,
    results: []Result,
    /// How many bins there are.
    count: u32 = 0,
    /// The last result of each bin, once there are too many to look through.
    lasts: std.StringHashMapUnmanaged(u32) = .empty,

    /// Most replies are to a handful of operations, for which looking through all is quickest.
    const looked_through_max = 16;

    fn add(groups: *Groups, index: u32) Error!void {
        const result = &groups.results[index];
        const before = if (groups.results.len <= looked_through_max)
            groups.lookThrough(index)
        else
            try groups.lookUp(index);
        if (before) |last| {
            groups.results[last].next = index;
        } else {
            result.is_first = true;
            groups.count += 1;
        }
    }

    fn lookThrough(groups: *const Groups, index: u32) ?u32 {
        const name = groups.results[index].operation.name;
        var before = index;
        while (before > 0) {
            before -= 1;
            if (std.mem.eql(u8, groups.results[before].operation.name, name)) return before;
        }
        return null;
    }

    fn lookUp(groups: *Groups, index: u32) Error!?u32 {
        const name = groups.results[index].operation.name;
        const entry = try groups.lasts.getOrPut(groups.gpa, name);
        defer entry.value_ptr.* = index;
        return if (entry.found_existing) entry.value_ptr.* else null;
    }
};

/// The results of a reply that mean something.
const Results = struct {
    reply: wire.message.OperationIterator,
    /// The request's operations, where the reply has a place for each.
    request: ?wire.message.OperationIterator,

    fn init(
        operations: []const u8,
        respond_all: bool,
        message: *const wire.message.Message,
    ) Error!Results {
        return .{
            .reply = try message.operations(),
            .request = if (respond_all)
                .{ .rest = operations, .remaining = std.math.maxInt(u16) }
            else
                null,
        };
    }

    fn next(results: *Results) Error!?Result {
        while (try results.reply.next()) |operation| {
            const meaning: Meaning = if (results.request) |*request|
                try nextMeaning(request)
            else
                .bin;
            const is_absent = switch (meaning) {
                .nothing => true,
                .bin => operation.particle == .nil,
                .value, .pairs => false,
            };
            if (is_absent) continue;
            return .{ .operation = operation, .meaning = meaning };
        }
        return null;
    }

    fn nextMeaning(request: *wire.message.OperationIterator) Error!Meaning {
        while (request.rest.len > 0) {
            const operation = try request.next() orelse break;
            if (operation.code != .touch) return meaningOf(operation);
        }
        // More results than operations.
        return error.Malformed;
    }
};

fn meaningOf(operation: wire.operation.Operation) Error!Meaning {
    return switch (operation.code) {
        .read => .bin,
        .expression_read, .bit_read, .hll_read, .string_read, .to_string => .value,
        .cdt_read, .cdt_modify, .hll_modify => meaningOfCall(operation),
        else => .nothing,
    };
}

/// Looks into an encoded call: its number, and what return type it asks for.
fn meaningOfCall(operation: wire.operation.Operation) Error!Meaning {
    var reader = msgpack.Reader.init(operation.value);
    var number = try callNumber(&reader);
    if (number == call.call_in_context) {
        try reader.skip();
        number = try callNumber(&reader);
    }
    if (number == expression.call_select) {
        return if (operation.code == .cdt_modify) .nothing else .value;
    }
    const table = if (operation.code == .hll_modify) &hll_results else &cdt_results;
    switch (table[number]) {
        .never => return .nothing,
        .always => return .value,
        .by_return_type => {},
    }
    const return_type = switch (try reader.next()) {
        .int => |bits| bits & ~@as(i64, call.return_inverted),
        else => return error.Malformed,
    };
    if (return_type == call.return_none) return .nothing;
    return if (return_type == call.return_key_value) .pairs else .value;
}

/// The number that an encoded call begins with.
fn callNumber(reader: *msgpack.Reader) Error!u8 {
    switch (try reader.next()) {
        .array => {},
        else => return error.Malformed,
    }
    return switch (try reader.next()) {
        .int => |number| std.math.cast(u8, number) orelse error.Malformed,
        else => error.Malformed,
    };
}

const cdt_results = resultsByNumber(&(cdt.list_calls ++ cdt.map_calls));
const hll_results = resultsByNumber(&blob.hll_calls);

fn resultsByNumber(comptime calls: []const Call) [256]Call.Result {
    var table: [256]Call.Result = @splat(.always);
    for (calls) |item| table[item.number] = item.result;
    return table;
}

/// A map's pairs in their order, as the extension that keeps them from becoming a map again.
fn writePairs(bytes: []const u8, out: *wire.Buffer) Error!void {
    const payload_offset = try msgpack.beginExtension(out, extension_pairs);
    var reader = msgpack.Reader.init(bytes);
    var count = switch (try reader.next()) {
        .map => |count| count,
        else => return error.Malformed,
    };
    if (count > 0 and isFlags(reader.rest())) {
        // The flags of an ordered map are a key, with a value that means nothing.
        try reader.skip();
        try reader.skip();
        count -= 1;
    }
    try msgpack.writeArrayHeader(out, count);
    for (0..count) |_| {
        try msgpack.writeArrayHeader(out, 2);
        try wire.particle.msgpackFromPackedReader(out, &reader);
        try wire.particle.msgpackFromPackedReader(out, &reader);
    }
    if (!reader.isAtEnd()) return error.Malformed;
    try msgpack.endExtension(out, payload_offset);
}

/// Bit of a map's flags: its pairs are in an order that was asked for, as an expression may.
const flag_preserve_order = 0x08;

fn keepsOrder(bytes: []const u8) Error!bool {
    var reader = msgpack.Reader.init(bytes);
    switch (try reader.next()) {
        .map => |count| if (count == 0 or !isFlags(reader.rest())) return false,
        else => return error.Malformed,
    }
    const flags: u8 = @bitCast((try reader.next()).extension.kind);
    return flags & flag_preserve_order != 0;
}

/// An extension of another type than that of the wildcard and infinity.
fn isFlags(rest: []const u8) bool {
    var reader = msgpack.Reader.init(rest);
    return switch (reader.next() catch return false) {
        .extension => |extension| extension.kind != -1,
        else => false,
    };
}
