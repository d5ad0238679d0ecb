//! Bits of a blob: one operation on the value of a bin.
//!
//! The operation comes as MessagePack: an array of a code and parameters. Places are counted in
//! bits, most significant first, from the end when negative; resizing, inserting and removing
//! count in bytes. Pure: results live in the arena.

const std = @import("std");
const Parameters = @import("cdt/Parameters.zig");
const element = @import("cdt/element.zig");
const Version = @import("../base/Version.zig").Version;
const value = @import("value.zig");

const Allocator = std.mem.Allocator;
const Particle = value.Particle;

pub const Error = error{
    InvalidParameter,
    BitsOffsetOutOfRange,
    BitsSizeOutOfRange,
    BitsTooMany,
    NotApplicable,
    IncompatibleType,
    BinExists,
    BinNotFound,
    TooBig,
    OutOfMemory,
};

/// The codes of the protocol.
const Code = enum(u64) {
    resize = 0,
    insert = 1,
    remove = 2,
    set = 3,
    @"or" = 4,
    xor = 5,
    @"and" = 6,
    not = 7,
    shift_left = 8,
    shift_right = 9,
    add = 10,
    subtract = 11,
    set_integer = 12,
    get = 50,
    count = 51,
    scan_left = 52,
    scan_right = 53,
    get_integer = 54,
    base64_encode = 55,
    _,
};

const flag_create_only = 0x01;
const flag_update_only = 0x02;
const flag_no_fail = 0x04;
const flag_partial = 0x08;

const resize_from_front = 0x01;
const resize_grow_only = 0x02;
const resize_shrink_only = 0x04;

const integer_signed = 0x01;
const integer_saturate = 0x02;
const integer_wrap = 0x04;

const size_from_end = 0x01;

/// The largest message of the protocol, to which places and sizes are held.
const bytes_max = 128 * 1024 * 1024;
/// Blobs beyond this would never be stored.
const stored_bytes_max = 16 * 1024 * 1024;

const Operation = struct {
    code: Code,
    /// In bits.
    offset: i64 = 0,
    /// In bits.
    size: u32 = 0,
    number: u64 = 0,
    bytes: []const u8 = "",
    flags: u64 = 0,
    subflags: u64 = 0,
    has_size: bool = false,

    fn isNoFail(operation: *const Operation) bool {
        return operation.flags & flag_no_fail != 0;
    }

    /// What is left of an operation that cannot be carried out.
    fn refuse(operation: *const Operation, err: Error) Error!void {
        if (!operation.isNoFail()) return err;
    }
};

const Kind = enum {
    byte_offset,
    offset,
    byte_size,
    byte_size_or_zero,
    size,
    integer_size,
    number,
    shift,
    boolean,
    bytes,
    flags,
    subflags,
};

const Shape = struct {
    required: u32,
    parameters: []const Kind,
    flags: u64 = 0,
    subflags: u64 = 0,
};

fn shapeOf(code: Code, is_read: bool) ?Shape {
    const creates = flag_create_only | flag_update_only | flag_no_fail;
    const updates = flag_update_only | flag_no_fail;
    const partly = updates | flag_partial;
    const resizes = resize_from_front | resize_grow_only | resize_shrink_only;
    const overflows = integer_signed | integer_saturate | integer_wrap;
    if (is_read) return switch (code) {
        .get, .count => .{ .required = 2, .parameters = &.{ .offset, .size } },
        .scan_left, .scan_right => .{
            .required = 3,
            .parameters = &.{ .offset, .size, .boolean },
        },
        .get_integer => .{
            .required = 2,
            .parameters = &.{ .offset, .integer_size, .subflags },
            .subflags = integer_signed,
        },
        .base64_encode => .{
            .required = 0,
            .parameters = &.{ .byte_offset, .byte_size_or_zero, .subflags },
            .subflags = size_from_end,
        },
        else => null,
    };
    return switch (code) {
        .resize => .{
            .required = 1,
            .parameters = &.{ .byte_size_or_zero, .flags, .subflags },
            .flags = creates,
            .subflags = resizes,
        },
        .insert => .{
            .required = 2,
            .parameters = &.{ .byte_offset, .bytes, .flags },
            .flags = creates,
        },
        .remove => .{
            .required = 2,
            .parameters = &.{ .byte_offset, .byte_size, .flags },
            .flags = partly,
        },
        .set, .@"or", .xor, .@"and" => .{
            .required = 3,
            .parameters = &.{ .offset, .size, .bytes, .flags },
            .flags = partly,
        },
        .not => .{
            .required = 2,
            .parameters = &.{ .offset, .size, .flags },
            .flags = partly,
        },
        .shift_left, .shift_right => .{
            .required = 3,
            .parameters = &.{ .offset, .size, .shift, .flags },
            .flags = partly,
        },
        .add, .subtract => .{
            .required = 3,
            .parameters = &.{ .offset, .integer_size, .number, .flags, .subflags },
            .flags = updates,
            .subflags = overflows,
        },
        .set_integer => .{
            .required = 3,
            .parameters = &.{ .offset, .integer_size, .number, .flags },
            .flags = updates,
        },
        else => null,
    };
}

fn decode(bytes: []const u8, is_read: bool) Error!Operation {
    var parameters = Parameters.init(bytes);
    const code = try parameters.code();
    var operation: Operation = .{ .code = @fromBackingInt(code) };
    const shape = shapeOf(operation.code, is_read) orelse return error.InvalidParameter;
    const count = parameters.count;
    if (count < shape.required or count > shape.parameters.len) return error.InvalidParameter;
    for (shape.parameters[0..count]) |kind| try take(&operation, kind, &shape, &parameters);
    return operation;
}

fn take(
    operation: *Operation,
    kind: Kind,
    shape: *const Shape,
    parameters: *Parameters,
) Error!void {
    switch (kind) {
        .byte_offset, .offset => {
            const unit: i64 = if (kind == .byte_offset) 8 else 1;
            const offset = try parameters.signed();
            if (@abs(offset) > @as(u64, bytes_max) * 8 / @abs(unit)) {
                return error.BitsOffsetOutOfRange;
            }
            operation.offset = offset * unit;
        },
        .byte_size, .byte_size_or_zero => {
            const size = try parameters.unsigned();
            if (size == 0 and kind == .byte_size) return error.BitsSizeOutOfRange;
            if (size > bytes_max) return error.BitsSizeOutOfRange;
            operation.size = @intCast(size * 8);
            operation.has_size = true;
        },
        .size => {
            const size = try parameters.unsigned();
            if (size == 0 or size > bytes_max * 8) return error.BitsSizeOutOfRange;
            operation.size = @intCast(size);
        },
        .integer_size => {
            const size = try parameters.unsigned();
            if (size == 0 or size > 64) return error.BitsSizeOutOfRange;
            operation.size = @intCast(size);
        },
        .number => operation.number = try parameters.unsigned(),
        .shift => {
            operation.number = try parameters.unsigned();
            if (operation.number > bytes_max * 8) return error.InvalidParameter;
        },
        .boolean => operation.number = @intFromBool(try parameters.boolean()),
        .bytes => {
            const text = try parameters.text();
            // The type in front of the bytes does not matter.
            if (text.len < 2) return error.InvalidParameter;
            operation.bytes = text[1..];
            const bits = std.math.cast(u32, operation.bytes.len * 8) orelse {
                return error.InvalidParameter;
            };
            if (operation.size == 0) operation.size = bits;
            if (bits < operation.size) return error.InvalidParameter;
        },
        .flags => {
            operation.flags = try parameters.unsigned();
            if (operation.flags & ~shape.flags != 0) return error.InvalidParameter;
            const both = flag_create_only | flag_update_only;
            if (operation.flags & both == both) return error.InvalidParameter;
        },
        .subflags => try takeSubflags(operation, shape, parameters),
    }
}

fn takeSubflags(
    operation: *Operation,
    shape: *const Shape,
    parameters: *Parameters,
) Error!void {
    operation.subflags = try parameters.unsigned();
    if (operation.subflags & ~shape.subflags != 0) return error.InvalidParameter;
    const exclusive: u64 = switch (operation.code) {
        .resize => resize_grow_only | resize_shrink_only,
        .add, .subtract => integer_saturate | integer_wrap,
        else => return,
    };
    if (operation.subflags & exclusive == exclusive) return error.InvalidParameter;
}

/// Reads from a bin's value; null when there is nothing to be told.
pub fn read(
    arena: Allocator,
    version: Version,
    particle: Particle,
    bytes: []const u8,
) Error!?Particle {
    const operation = try decode(bytes, true);
    if (operation.code == .base64_encode and !version.isAtLeast(.@"8.2")) {
        return error.InvalidParameter;
    }
    if (particle.kind != .blob) return error.IncompatibleType;
    if (operation.code == .base64_encode) return try base64(arena, &operation, particle.bytes);
    const blob = particle.bytes;
    const offset = try normalized(&operation, blob.len);
    if (offset / 8 >= blob.len or offset + operation.size > blob.len * 8) {
        return error.NotApplicable;
    }
    const size = operation.size;
    const integer: i64 = switch (operation.code) {
        .get => {
            const answer = try arena.alloc(u8, (size + 7) / 8);
            for (answer, 0..) |*byte, index| {
                const start = index * 8;
                const width: u4 = @intCast(@min(8, size - start));
                byte.* = loadByte(blob, offset + start, width);
            }
            return .{ .kind = .blob, .bytes = answer };
        },
        .count => countOnes(blob, offset, size),
        .scan_left => scanLeft(blob, offset, size, operation.number == 1),
        .scan_right => scanRight(blob, offset, size, operation.number == 1),
        .get_integer => integer: {
            const loaded = loadInteger(blob, offset, size);
            if (operation.subflags & integer_signed == 0) break :integer @bitCast(loaded);
            break :integer signExtended(loaded, size);
        },
        else => unreachable,
    };
    return try element.eightBytes(arena, .integer, @bitCast(integer));
}

/// Bytes as a string in base64. Without a size all to the end; a size may count back from there.
fn base64(arena: Allocator, operation: *const Operation, blob: []const u8) Error!Particle {
    const start = try normalized(operation, blob.len) / 8;
    const size = operation.size / 8;
    const counts_back = operation.subflags & size_from_end != 0;
    if (start > blob.len or size > blob.len) return error.NotApplicable;
    const end = if (!operation.has_size)
        blob.len
    else if (counts_back) blob.len - size else start + size;
    if (end < start or end > blob.len) return error.NotApplicable;
    const encoder = std.base64.standard.Encoder;
    const text = try arena.alloc(u8, encoder.calcSize(end - start));
    return .{ .kind = .string, .bytes = encoder.encode(text, blob[start..end]) };
}

/// The place from the beginning.
fn normalized(operation: *const Operation, bytes: usize) Error!usize {
    if (operation.offset >= 0) return @intCast(operation.offset);
    const from_end = @abs(operation.offset);
    if (from_end > bytes * 8) return error.BitsOffsetOutOfRange;
    return bytes * 8 - from_end;
}

/// Up to eight bits, in front of a byte.
fn loadByte(bytes: []const u8, offset: usize, width: u4) u8 {
    const shift: u4 = @intCast(offset % 8);
    const first = @as(u16, bytes[offset / 8]) << 8;
    const second: u16 = if (shift + width > 8) bytes[offset / 8 + 1] else 0;
    const loaded: u8 = @truncate((first | second) >> (8 - shift));
    return loaded & maskOf(width);
}

/// As many ones in front of a byte.
fn maskOf(width: u4) u8 {
    return ~@as(u8, @truncate(@as(u16, 0xff) >> width));
}

fn storeByte(bytes: []u8, offset: usize, width: u4, bits: u8) void {
    const shift: u4 = @intCast(offset % 8);
    const mask = @as(u16, maskOf(width)) << 8 >> shift;
    const placed = @as(u16, bits & maskOf(width)) << 8 >> shift;
    const first: u8 = @truncate(mask >> 8);
    const second: u8 = @truncate(mask);
    const index = offset / 8;
    bytes[index] = bytes[index] & ~first | @as(u8, @truncate(placed >> 8));
    if (second != 0) bytes[index + 1] = bytes[index + 1] & ~second | @as(u8, @truncate(placed));
}

fn countOnes(bytes: []const u8, offset: usize, size: u32) i64 {
    var ones: i64 = 0;
    var done: usize = 0;
    while (done < size) : (done += 8) {
        const width: u4 = @intCast(@min(8, size - done));
        ones += @popCount(loadByte(bytes, offset + done, width));
    }
    return ones;
}

fn isOne(bytes: []const u8, offset: usize) bool {
    return bytes[offset / 8] << @intCast(offset % 8) & 0x80 != 0;
}

fn scanLeft(bytes: []const u8, offset: usize, size: u32, wanted: bool) i64 {
    for (0..size) |index| {
        if (isOne(bytes, offset + index) == wanted) return @intCast(index);
    }
    return -1;
}

/// The server looks at the whole of the first byte, and may find a bit in front of the place;
/// it answers with the negative distance then.
fn scanRight(bytes: []const u8, offset: usize, size: u32, wanted: bool) i64 {
    const first = offset - offset % 8;
    var place = offset + size;
    while (place > first) {
        place -= 1;
        if (isOne(bytes, place) == wanted) {
            return @as(i64, @intCast(place)) - @as(i64, @intCast(offset));
        }
    }
    return -1;
}

fn loadInteger(bytes: []const u8, offset: usize, size: u32) u64 {
    var loaded: u64 = 0;
    for (0..size) |index| {
        loaded = loaded << 1 | @intFromBool(isOne(bytes, offset + index));
    }
    return loaded;
}

fn signExtended(loaded: u64, size: u32) i64 {
    const leading: u6 = @intCast(64 - size);
    return @as(i64, @bitCast(loaded << leading)) >> leading;
}

/// Changes a bin's value, null when it has none; null when it stays as it is.
pub fn modify(arena: Allocator, particle: ?Particle, bytes: []const u8) Error!?Particle {
    const operation = try decode(bytes, false);
    if (particle) |present| {
        if (operation.flags & flag_create_only != 0) {
            try operation.refuse(error.BinExists);
            return null;
        }
        if (present.kind != .blob) return error.IncompatibleType;
    } else {
        const creates = operation.code == .insert or operation.code == .resize;
        if (!creates or operation.flags & flag_update_only != 0) {
            try operation.refuse(error.BinNotFound);
            return null;
        }
        if (operation.offset < 0) return error.BitsOffsetOutOfRange;
    }
    const blob = if (particle) |present| present.bytes else "";
    const offset = try normalized(&operation, blob.len);
    const changed = try switch (operation.code) {
        .resize => resize(arena, &operation, blob),
        .insert => insert(arena, &operation, blob, offset / 8),
        .remove => remove(arena, &operation, blob, offset / 8),
        else => overwrite(arena, &operation, blob, offset),
    };
    return .{ .kind = .blob, .bytes = changed orelse return null };
}

fn resize(arena: Allocator, operation: *const Operation, blob: []const u8) Error!?[]const u8 {
    const size = operation.size / 8;
    if (size == blob.len) return null;
    const forbidden: u64 = if (size < blob.len) resize_grow_only else resize_shrink_only;
    if (operation.subflags & forbidden != 0) {
        try operation.refuse(error.InvalidParameter);
        return null;
    }
    const from_front = operation.subflags & resize_from_front != 0;
    if (size < blob.len) return if (from_front) blob[blob.len - size ..] else blob[0..size];
    if (size >= bytes_max) return error.BitsTooMany;
    if (size > stored_bytes_max) return error.TooBig;
    const changed = try arena.alloc(u8, size);
    @memset(changed, 0);
    const place = if (from_front) size - blob.len else 0;
    @memcpy(changed[place..][0..blob.len], blob);
    return changed;
}

fn insert(
    arena: Allocator,
    operation: *const Operation,
    blob: []const u8,
    place: usize,
) Error!?[]const u8 {
    const size = @max(place, blob.len) + operation.bytes.len;
    if (size >= bytes_max) return error.BitsTooMany;
    if (size > stored_bytes_max) return error.TooBig;
    const changed = try arena.alloc(u8, size);
    @memset(changed, 0);
    const head = @min(place, blob.len);
    @memcpy(changed[0..head], blob[0..head]);
    @memcpy(changed[place..][0..operation.bytes.len], operation.bytes);
    const tail = blob[head..];
    @memcpy(changed[place + operation.bytes.len ..][0..tail.len], tail);
    return changed;
}

fn remove(
    arena: Allocator,
    operation: *const Operation,
    blob: []const u8,
    place: usize,
) Error!?[]const u8 {
    const end = place + operation.size / 8;
    const is_partial = operation.flags & flag_partial != 0;
    if (place >= blob.len or (end > blob.len and !is_partial)) {
        try operation.refuse(
            if (place >= blob.len) error.BitsOffsetOutOfRange else error.BitsSizeOutOfRange,
        );
        return null;
    }
    return try std.mem.concat(arena, u8, &.{ blob[0..place], blob[@min(end, blob.len)..] });
}

/// All that keeps the size.
fn overwrite(
    arena: Allocator,
    operation: *const Operation,
    blob: []const u8,
    offset: usize,
) Error!?[]const u8 {
    var size: usize = operation.size;
    const bits = blob.len * 8;
    const is_partial = operation.flags & flag_partial != 0;
    // Whole bytes count when the end is looked for.
    if (offset >= bits or (offset + size > bits and !is_partial)) {
        try operation.refuse(error.NotApplicable);
        return null;
    }
    size = @min(size, bits - offset);
    const changed = try arena.dupe(u8, blob);
    switch (operation.code) {
        .add, .subtract, .set_integer => {
            const before = loadInteger(blob, offset, operation.size);
            const after = combined(operation, before) orelse {
                try operation.refuse(error.NotApplicable);
                return null;
            };
            const bytes = std.mem.toBytes(std.mem.nativeToBig(
                u64,
                after << @intCast(64 - operation.size),
            ));
            copyBits(changed, offset, &bytes, 0, size);
        },
        .shift_left, .shift_right => {
            const shift = @min(operation.number, size);
            const kept = size - shift;
            clearBits(changed, offset, size);
            if (operation.code == .shift_left) {
                copyBits(changed, offset, blob, offset + shift, kept);
            } else {
                copyBits(changed, offset + shift, blob, offset, kept);
            }
        },
        else => combineBits(operation, changed, offset, size),
    }
    return changed;
}

fn copyBits(to: []u8, to_offset: usize, from: []const u8, from_offset: usize, size: usize) void {
    var done: usize = 0;
    while (done < size) : (done += 8) {
        const width: u4 = @intCast(@min(8, size - done));
        storeByte(to, to_offset + done, width, loadByte(from, from_offset + done, width));
    }
}

fn clearBits(bytes: []u8, offset: usize, size: usize) void {
    var done: usize = 0;
    while (done < size) : (done += 8) {
        storeByte(bytes, offset + done, @intCast(@min(8, size - done)), 0);
    }
}

fn combineBits(operation: *const Operation, bytes: []u8, offset: usize, size: usize) void {
    var done: usize = 0;
    while (done < size) : (done += 8) {
        const width: u4 = @intCast(@min(8, size - done));
        const present = loadByte(bytes, offset + done, width);
        const given = if (operation.bytes.len > 0) operation.bytes[done / 8] else 0;
        storeByte(bytes, offset + done, width, switch (operation.code) {
            .set => given,
            .@"or" => present | given,
            .xor => present ^ given,
            .@"and" => present & given,
            .not => ~present,
            else => unreachable,
        });
    }
}

/// The integer that is stored; null when it overflows.
fn combined(operation: *const Operation, before: u64) ?u64 {
    const leading: u6 = @intCast(64 - operation.size);
    const mask = @as(u64, std.math.maxInt(u64)) >> leading;
    const operand = operation.number & mask;
    if (operation.code == .set_integer) return operand;
    const is_add = operation.code == .add;
    const sum = (if (is_add) before +% operand else before -% operand) & mask;
    if (operation.subflags & integer_wrap != 0) return sum;
    const saturates = operation.subflags & integer_saturate != 0;
    if (operation.subflags & integer_signed == 0) {
        const fits = if (is_add) sum >= before else sum <= before;
        if (fits) return sum;
        if (!saturates) return null;
        return if (is_add) mask else 0;
    }
    const change = if (is_add) operand else 0 -% operand;
    const signed_before = signExtended(before, operation.size);
    const signed_change = signExtended(change, operation.size);
    const signed_sum = signExtended(sum, operation.size);
    // A sum that overflows to zero is not noticed by the server.
    if (signed_before < 0 and signed_change < 0 and signed_sum > 0) {
        if (!saturates) return null;
        return mask >> @intCast(operation.size - 1) << @intCast(operation.size - 1);
    }
    if (signed_before > 0 and signed_change > 0 and signed_sum < 0) {
        if (!saturates) return null;
        return mask >> 1;
    }
    return sum;
}

const testing = std.testing;

test "bytes become base64, from a place, to the end or up to there" {
    var arena = std.heap.ArenaAllocator.init(testing.allocator);
    defer arena.deinit();
    const blob: Particle = .{ .kind = .blob, .bytes = "\x01\x42\x03" };
    const cases = [_][2][]const u8{
        .{ "\x91\x37", "AUID" },
        .{ "\x92\x37\xff", "Aw==" },
        .{ "\x93\x37\x00\x02", "AUI=" },
        .{ "\x94\x37\x01\x00\x01", "QgM=" },
        .{ "\x93\x37\x03\x00", "" },
    };
    for (cases) |case| {
        const told = (try read(arena.allocator(), .@"8.2", blob, case[0])).?;
        try testing.expectEqualStrings(case[1], told.bytes);
    }
    const outside = read(arena.allocator(), .@"8.2", blob, "\x93\x37\x02\x02");
    try testing.expectError(error.NotApplicable, outside);
    const unknown = read(arena.allocator(), .@"8.1", blob, "\x91\x37");
    try testing.expectError(error.InvalidParameter, unknown);
}

fn expectModified(expected: []const u8, blob: []const u8, operation: []const u8) !void {
    var arena = std.heap.ArenaAllocator.init(testing.allocator);
    defer arena.deinit();
    const particle: Particle = .{ .kind = .blob, .bytes = blob };
    const changed = try modify(arena.allocator(), particle, operation);
    try testing.expectEqualSlices(u8, expected, if (changed) |new| new.bytes else blob);
}

fn expectFailed(expected: Error, particle: ?Particle, operation: []const u8) !void {
    var arena = std.heap.ArenaAllocator.init(testing.allocator);
    defer arena.deinit();
    try testing.expectError(expected, modify(arena.allocator(), particle, operation));
}

fn expectRead(expected: i64, blob: []const u8, operation: []const u8) !void {
    var arena = std.heap.ArenaAllocator.init(testing.allocator);
    defer arena.deinit();
    const particle: Particle = .{ .kind = .blob, .bytes = blob };
    const answer = (try read(arena.allocator(), .@"8.2", particle, operation)).?;
    try testing.expectEqual(expected, std.mem.readInt(i64, answer.bytes[0..8], .big));
}

test "blobs grow, shrink, and have bytes put in and taken out" {
    try expectModified("\x01\x02\x00", "\x01\x02", "\x92\x00\x03");
    try expectModified("\x00\x01\x02", "\x01\x02", "\x94\x00\x03\x00\x01");
    try expectModified("\x02", "\x01\x02", "\x94\x00\x01\x00\x01");
    try expectModified("\x01\x09\x02", "\x01\x02", "\x93\x01\x01\xa2\x04\x09");
    try expectModified("\x01\x02\x00\x09", "\x01\x02", "\x93\x01\x03\xa2\x04\x09");
    try expectModified("\x01", "\x01\x02", "\x93\x02\x01\x01");
    try expectModified("\x01", "\x01\x02", "\x94\x02\x01\x05\x08");
}

test "bits across bytes are set and combined" {
    try expectModified("\x0f\xf0", "\x00\x00", "\x94\x03\x04\x08\xa2\x04\xff");
    try expectModified("\x03\x80", "\x00\x00", "\x94\x03\x06\x03\xa2\x04\xff");
    try expectModified("\xf1", "\x01", "\x94\x04\x00\x04\xa2\x04\xff");
    try expectModified("\xf0", "\x0f", "\x93\x07\x00\x08");
    try expectModified("\x10", "\x01", "\x94\x08\x00\x08\x04");
    try expectModified("\x00\x10", "\x01\x00", "\x94\x09\x00\x10\x04");
}

test "integers of any width are added, with what happens at their ends" {
    try expectModified("\x05", "\x03", "\x94\x0a\x00\x08\x02");
    try expectModified("\x00", "\xff", "\x96\x0a\x00\x08\x01\x00\x04");
    try expectModified("\xff", "\xfe", "\x96\x0a\x00\x08\x05\x00\x02");
    try expectModified("\x7f", "\x7e", "\x96\x0a\x00\x08\x05\x00\x03");
    try expectModified("\x80", "\x81", "\x96\x0b\x00\x08\x05\x00\x03");
    const blob: Particle = .{ .kind = .blob, .bytes = "\xff" };
    try expectFailed(error.NotApplicable, blob, "\x94\x0a\x00\x08\x01");
    try expectModified("\xff", "\xff", "\x95\x0a\x00\x08\x01\x04");
    try expectModified("\x35", "\x05", "\x94\x0c\x00\x04\x03");
}

test "reading bits" {
    try expectRead(4, "\x0f\x00", "\x93\x33\x00\x10");
    try expectRead(4, "\x0f\x00", "\x94\x34\x00\x10\xc3");
    try expectRead(7, "\x0f\x00", "\x94\x35\x00\x10\xc3");
    try expectRead(-1, "\x00", "\x94\x34\x00\x08\xc3");
    try expectRead(-1, "\xff", "\x94\x36\x00\x08\x01");
    try expectRead(255, "\xff", "\x93\x36\x00\x08");
}

test "blobs that are not there or not blobs, and places outside" {
    const blob: Particle = .{ .kind = .blob, .bytes = "\x01" };
    try expectFailed(error.BinNotFound, null, "\x94\x03\x00\x08\xa2\x04\xff");
    try expectFailed(error.BinExists, blob, "\x93\x00\x03\x01");
    try expectFailed(error.IncompatibleType, .{ .kind = .string, .bytes = "a" }, "\x92\x00\x03");
    try expectFailed(error.NotApplicable, blob, "\x94\x03\x08\x08\xa2\x04\xff");
    try expectFailed(error.BitsOffsetOutOfRange, blob, "\x94\x03\xf0\x08\xa2\x04\xff");
    try expectFailed(error.InvalidParameter, blob, "\x94\x03\x00\x08\xa1\x04");
    try expectFailed(error.InvalidParameter, blob, "\x92\x32\x00");
}
