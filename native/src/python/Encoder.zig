//! Python values into MessagePack: exact built-in types, and the two classes that stand for what
//! MessagePack has beside them. Whoever calls is attached to the interpreter, and no Python code runs
//! meanwhile on this thread.

const std = @import("std");
const api = @import("api.zig");
const msgpack = @import("../wire/msgpack.zig");
const Buffer = @import("../wire/Buffer.zig");
const MapOrder = @import("../wire/particle.zig").MapOrder;

const Error = api.Error;
const Object = api.Object;

/// Deeper values are not encoded. One that contains itself ends here.
const depth_max: u32 = 1024;
/// What is in a bin has depth 1.
const plain_depth_max: u32 = 256;
const bytes_max = 1 << 32;

types: *const Types,
/// Whether it is for values as bins hold them: no deeper, with no other keys of maps, and nothing
/// that stands for something else.
takes_plain_only: bool = false,
out: Buffer,

const Encoder = @This();

/// What stands for values that MessagePack has and Python has not.
pub const Types = struct {
    /// A value that is encoded already: a subclass of bytes.
    raw: *Object,
    /// Has `code` and `data`.
    extension: *Object,
    ordered_maps: OrderedMaps,

    pub fn unbound() Types {
        const none = api.headers.none;
        return .{ .raw = none, .extension = none, .ordered_maps = .initFill(none) };
    }
};

/// Subclasses of dict, for maps that the server keeps in order.
pub const OrderedMaps = std.EnumArray(MapOrder, *Object);

pub fn init(gpa: std.mem.Allocator, types: *const Types) Encoder {
    return .{ .types = types, .out = .growing(gpa, &.{}, bytes_max) };
}

pub fn deinit(encoder: *Encoder) void {
    encoder.out.deinit();
    encoder.* = undefined;
}

/// Memory for a request of the usual size is kept for the next one.
const kept_bytes_max = 1 << 20;

pub fn clear(encoder: *Encoder) void {
    encoder.takes_plain_only = false;
    if (encoder.out.bytes.len <= kept_bytes_max) return encoder.out.clear();
    const gpa = encoder.out.gpa.?;
    encoder.out.deinit();
    encoder.out = .growing(gpa, &.{}, bytes_max);
}

/// What was encoded, as a bytes object.
pub fn take(encoder: *Encoder) Error!*Object {
    const written = encoder.out.written();
    return api.made(api.PyBytes_FromStringAndSize(written.ptr, @intCast(written.len)));
}

fn checked(result: Buffer.Error!void) Error!void {
    result catch {
        _ = api.PyErr_NoMemory();
        return error.Raised;
    };
}

pub fn append(encoder: *Encoder, encoded: []const u8) Error!void {
    return checked(encoder.out.append(encoded));
}

/// Appends again what was encoded before.
pub fn repeat(encoder: *Encoder, start: usize, end: usize) Error!void {
    const out = &encoder.out;
    try checked(out.ensure(end - start));
    out.appendAssumeCapacity(out.bytes[start..end]);
}

pub fn arrayHeader(encoder: *Encoder, count: api.Size) Error!void {
    const fits = std.math.cast(u32, count) orelse return tooLarge();
    return checked(msgpack.writeArrayHeader(&encoder.out, fits));
}

pub fn mapHeader(encoder: *Encoder, count: api.Size) Error!void {
    const fits = std.math.cast(u32, count) orelse return tooLarge();
    return checked(msgpack.writeMapHeader(&encoder.out, fits));
}

fn tooLarge() Error {
    return api.raise(api.headers.overflow_error, "more than 4294967295 members");
}

pub fn value(encoder: *Encoder, object: *Object, depth: u32) Error!void {
    const out = &encoder.out;
    const kind = api.typeOf(object);
    const types = api.headers;
    if (kind == types.str_type) return encoder.string(object);
    if (kind == types.int_type) return encoder.integer(object);
    if (kind == types.float_type) {
        return checked(msgpack.writeFloat(out, api.PyFloat_AsDouble(object)));
    }
    if (object == types.none) return checked(msgpack.writeNil(out));
    if (kind == types.bool_type) return checked(msgpack.writeBool(out, object == types.true));
    if (kind == types.bytes_type) return encoder.binary(try bytesOf(object));
    if (kind == types.dict_type) return encoder.dict(object, depth);
    if (api.Sequence.of(object)) |sequence| return encoder.array(sequence, depth);
    if (kind == types.bytearray_type) return encoder.bytearray(object);
    if (encoder.orderOf(kind)) |order| return encoder.orderedMap(object, order, depth);
    if (!encoder.takes_plain_only) {
        if (kind == encoder.types.raw) return encoder.append(try bytesOf(object));
        if (kind == encoder.types.extension) return encoder.extension(object);
    }
    return api.raise(types.type_error, "a value of this type cannot be encoded");
}

pub fn string(encoder: *Encoder, object: *Object) Error!void {
    return encoder.text(try api.textOf(object));
}

pub fn text(encoder: *Encoder, characters: []const u8) Error!void {
    return sized(msgpack.writeString(&encoder.out, characters), characters.len);
}

pub fn integer(encoder: *Encoder, object: *Object) Error!void {
    var overflow: c_int = 0;
    const number = api.PyLong_AsLongLongAndOverflow(object, &overflow);
    if (overflow != 0) {
        return api.raise(api.headers.overflow_error, "the int does not fit into 64 bits");
    }
    return checked(msgpack.writeInt(&encoder.out, number));
}

pub fn binary(encoder: *Encoder, data: []const u8) Error!void {
    return sized(msgpack.writeBinary(&encoder.out, data), data.len);
}

fn sized(result: Buffer.Error!void, length: usize) Error!void {
    if (length > std.math.maxInt(u32)) {
        return api.raise(api.headers.overflow_error, "more than 4294967295 bytes");
    }
    return checked(result);
}

pub fn bytesOf(object: *Object) Error![]const u8 {
    var data: [*]const u8 = undefined;
    var size: api.Size = 0;
    try api.done(api.PyBytes_AsStringAndSize(object, &data, &size));
    return data[0..@intCast(size)];
}

fn bytearray(encoder: *Encoder, object: *Object) Error!void {
    if (api.is_free_threaded) {
        // Whoever changes its length moves its memory.
        const copy = try api.made(api.PyBytes_FromObject(object));
        defer api.release(copy);
        return encoder.binary(try bytesOf(copy));
    }
    const size = api.PyByteArray_Size(object);
    return encoder.binary(api.PyByteArray_AsString(object)[0..@intCast(size)]);
}

fn array(encoder: *Encoder, sequence: api.Sequence, depth: u32) Error!void {
    try encoder.checkDepth(depth);
    try encoder.arrayHeader(sequence.count);
    var index: api.Size = 0;
    while (index < sequence.count) : (index += 1) {
        const member = try sequence.at(index);
        defer sequence.leave(member);
        try encoder.value(member, depth + 1);
    }
}

fn dict(encoder: *Encoder, object: *Object, depth: u32) Error!void {
    try encoder.checkDepth(depth);
    var members: api.Members = try .of(object);
    defer members.deinit();
    try encoder.mapHeader(members.count());
    while (members.next()) {
        if (encoder.takes_plain_only) try checkMapKey(members.key.?);
        try encoder.value(members.key.?, depth + 1);
        try encoder.value(members.value.?, depth + 1);
    }
}

fn orderOf(encoder: *const Encoder, kind: *Object) ?MapOrder {
    for (std.enums.values(MapOrder)) |order| {
        if (kind == encoder.types.ordered_maps.get(order)) return order;
    }
    return null;
}

fn orderedMap(encoder: *Encoder, object: *Object, order: MapOrder, depth: u32) Error!void {
    const out = &encoder.out;
    const payload = msgpack.beginExtension(out, order.extensionType()) catch |err|
        return checked(err);
    try encoder.dict(object, depth);
    return checked(msgpack.endExtension(out, payload));
}

fn checkMapKey(key: *Object) Error!void {
    const kind = api.typeOf(key);
    const types = api.headers;
    if (kind == types.str_type or kind == types.int_type or kind == types.bytes_type) return;
    return api.raise(types.type_error, "a map key must be a str, int or bytes");
}

fn checkDepth(encoder: *const Encoder, depth: u32) Error!void {
    const max = if (encoder.takes_plain_only) plain_depth_max else depth_max;
    if (depth <= max) return;
    return api.raise(api.headers.recursion_error, "the value is nested too deep");
}

fn extension(encoder: *Encoder, object: *Object) Error!void {
    const code = try api.made(api.PyObject_GetAttrString(object, "code"));
    defer api.release(code);
    const data = try api.made(api.PyObject_GetAttrString(object, "data"));
    defer api.release(data);
    const number = api.PyLong_AsSsize_t(code);
    if (number == -1 and api.PyErr_Occurred() != null) return error.Raised;
    const kind = std.math.cast(i8, number) orelse
        return api.raise(api.headers.overflow_error, "an extension's code has 8 bits");
    const bytes = try bytesOf(data);
    return sized(msgpack.writeExtension(&encoder.out, kind, bytes), bytes.len);
}
