//! The parameters of an operation on a list or a map, read from its MessagePack.
//!
//! An operation is an array of its code and its parameters. What an operation takes is described
//! by a struct: one field a parameter, in order, those with defaults optional.

const std = @import("std");
const wire = @import("../../../wire.zig");
const order = @import("order.zig");

const msgpack = wire.msgpack;

const Parameters = @This();

reader: msgpack.Reader,
/// How many are left of the array that is being read.
count: u32 = 0,
/// Some value so far only made sense in comparisons. It is never forgotten, as in the server,
/// where such a value in a context spoils what is to be stored after it.
has_comparison: bool = false,

pub const Error = error{InvalidParameter};

/// Any value, for comparisons.
pub const Payload = struct { bytes: []const u8 };

/// A value to be stored.
pub const Stored = struct { bytes: []const u8 };

pub fn init(bytes: []const u8) Parameters {
    return .{ .reader = .init(bytes) };
}

/// Begins an array, whose count of elements is returned.
pub fn array(parameters: *Parameters) Error!u32 {
    switch (parameters.reader.next() catch return error.InvalidParameter) {
        .array => |count| return count,
        else => return error.InvalidParameter,
    }
}

/// Begins an operation and returns its code.
pub fn code(parameters: *Parameters) Error!u64 {
    const count = try parameters.array();
    if (count == 0) return error.InvalidParameter;
    parameters.count = count - 1;
    return parameters.unsigned();
}

/// Reads all parameters of an operation.
pub fn read(parameters: *Parameters, comptime T: type) Error!T {
    const info = @typeInfo(T).@"struct";
    comptime var required: u32 = 0;
    inline for (info.field_attrs) |attributes| {
        if (attributes.default_value_ptr == null) required += 1;
    }
    if (parameters.count < required or parameters.count > info.field_names.len) {
        return error.InvalidParameter;
    }
    var result: T = undefined;
    inline for (info.field_names, info.field_types, info.field_attrs, 0..) |
        name,
        Field,
        attributes,
        index,
    | {
        if (index < parameters.count) {
            @field(result, name) = try parameters.one(Field);
        } else if (comptime attributes.defaultValue(Field)) |default| {
            @field(result, name) = default;
        } else unreachable;
    }
    return result;
}

fn one(parameters: *Parameters, comptime T: type) Error!T {
    return switch (T) {
        i64 => @bitCast(try parameters.unsigned()),
        u64 => parameters.unsigned(),
        Payload, ?Payload => .{ .bytes = try parameters.element() },
        Stored => {
            const bytes = try parameters.element();
            if (parameters.has_comparison) return error.InvalidParameter;
            return .{ .bytes = bytes };
        },
        else => @compileError("no parameter is a " ++ @typeName(T)),
    };
}

/// An integer of any sign, negative ones as two's complement.
pub fn unsigned(parameters: *Parameters) Error!u64 {
    switch (parameters.reader.next() catch return error.InvalidParameter) {
        .int => |number| return @bitCast(number),
        .uint => |number| return number,
        else => return error.InvalidParameter,
    }
}

pub fn signed(parameters: *Parameters) Error!i64 {
    return @bitCast(try parameters.unsigned());
}

pub fn boolean(parameters: *Parameters) Error!bool {
    return switch (parameters.reader.next() catch return error.InvalidParameter) {
        .boolean => |flag| flag,
        else => error.InvalidParameter,
    };
}

/// A text, with the byte of its type.
pub fn text(parameters: *Parameters) Error![]const u8 {
    return switch (parameters.reader.next() catch return error.InvalidParameter) {
        .string, .binary => |bytes| bytes,
        else => error.InvalidParameter,
    };
}

/// Any value.
pub fn element(parameters: *Parameters) Error![]const u8 {
    const bytes = parameters.reader.value() catch return error.InvalidParameter;
    if (isComparison(bytes)) parameters.has_comparison = true;
    return bytes;
}

/// Whether a value, or one inside it, only makes sense in comparisons.
pub fn isComparison(bytes: []const u8) bool {
    var reader = msgpack.Reader.init(bytes);
    while (!reader.isAtEnd()) {
        const token = reader.next() catch unreachable;
        switch (token) {
            .extension => |extension| if (isStandIn(&extension)) return true,
            else => {},
        }
    }
    return false;
}

/// An extension that may not be stored.
pub fn isStandIn(extension: *const msgpack.Extension) bool {
    if (extension.kind != order.comparison_extension) return false;
    return extension.data.len > 0 and extension.data.len < 4;
}

const testing = std.testing;

test "parameters are read by name, with defaults for those left out" {
    const T = struct { index: i64, value: Stored, flags: u64 = 7 };
    var parameters = Parameters.init("\x93\x09\xff\xa2\x03a");
    try testing.expectEqual(9, try parameters.code());
    const read_all = try parameters.read(T);
    try testing.expectEqual(-1, read_all.index);
    try testing.expectEqualStrings("\xa2\x03a", read_all.value.bytes);
    try testing.expectEqual(7, read_all.flags);
}

test "too few, too many, other types and values not to be stored are refused" {
    const T = struct { value: Stored, flags: u64 = 0 };
    const cases = [_][]const u8{
        "\x91\x01",
        "\x94\x01\x01\x01\x01",
        "\x93\x01\x01\xa1a",
        "\x92\x01\xd4\xff\x00",
        "\x92\x01\x91\xd4\xff\x01",
        "\x92\x01\x91",
    };
    for (cases) |bytes| {
        var parameters = Parameters.init(bytes);
        _ = try parameters.code();
        try testing.expectError(error.InvalidParameter, parameters.read(T));
    }
    for ([_][]const u8{ "", "\x90", "\x05", "\x91\xa1a" }) |bytes| {
        var parameters = Parameters.init(bytes);
        try testing.expectError(error.InvalidParameter, parameters.code());
    }
}
