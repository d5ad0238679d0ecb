//! The bins that a record before had, with a dict that has their names: most records of a set have
//! the same bins, in the same order. A copy of that dict has a place for each value, and the names
//! need only be compared.

const std = @import("std");
const api = @import("api.zig");
const Decoder = @import("Decoder.zig");
const Reader = @import("../wire/msgpack.zig").Reader;

const Object = api.Object;

/// With fewer, nothing is gained.
const names_min = 2;
const names_max = 32;
/// Where shapes alternate, learning each would cost more than it gains.
const misses_per_learning = 8;

/// Has None for every name.
template: ?*Object = null,
name_count: usize = 0,
names: [names_max]Name = undefined,
misses: u32 = 0,

const Shape = @This();

pub fn deinit(shape: *Shape) void {
    api.Py_DecRef(shape.template);
    shape.* = undefined;
}

/// A name as MessagePack has it: a byte that tells the length, and at most 15 of text.
const Name = struct {
    /// The template's own.
    object: *Object,
    encoded: u128,
    mask: u128,
    len: u8,

    const window_size = 16;

    /// Null when it is longer, or no text.
    fn of(object: *Object) api.Error!?Name {
        if (api.typeOf(object) != api.headers.str_type) return null;
        const text = try api.textOf(object);
        if (text.len >= window_size) return null;
        var encoded: [window_size]u8 = @splat(0);
        var mask: [window_size]u8 = @splat(0);
        encoded[0] = 0xa0 | @as(u8, @intCast(text.len));
        @memcpy(encoded[1..][0..text.len], text);
        @memset(mask[0 .. text.len + 1], 0xff);
        return .{
            .object = object,
            .encoded = @bitCast(encoded),
            .mask = @bitCast(mask),
            .len = @intCast(text.len + 1),
        };
    }

    /// Passes over the name, if it is what comes next and is not too near to the end to be seen.
    inline fn pass(name: *const Name, reader: *Reader) bool {
        const rest = reader.rest();
        if (rest.len < window_size) return false;
        const window: u128 = @bitCast(rest[0..window_size].*);
        if (window & name.mask != name.encoded) return false;
        reader.position += name.len;
        return true;
    }
};

/// A dict of so many bins, of which the reader has read nothing yet; null with an exception.
pub fn bins(shape: *Shape, decoder: *Decoder, count: u32) ?*Object {
    if (shape.template) |known| if (count == shape.name_count) {
        const start = decoder.reader.position;
        if (shape.filled(decoder, known) catch return null) |made| return made;
        decoder.reader.position = start;
    };
    const made = decoder.dict(count, 0) orelse return null;
    if (count >= names_min and count <= names_max) {
        if (shape.misses % misses_per_learning == 0) {
            shape.learn(made, count) catch return Decoder.failed(made);
        }
        shape.misses +%= 1;
    }
    return made;
}

/// Null when the names are not those of the template, or not in its order.
fn filled(shape: *Shape, decoder: *Decoder, known: *Object) api.Error!?*Object {
    const is_alike = shape.names[0].pass(&decoder.reader);
    if (!is_alike) return null;
    // A value that Python code makes may bring other records, and so another template.
    api.Py_IncRef(known);
    defer api.release(known);
    const made = try api.made(api.PyDict_Copy(known));
    errdefer api.release(made);
    for (shape.names[0..shape.name_count], 0..) |*name, index| {
        if (index > 0 and !try passed(decoder, name)) break;
        const object = name.object;
        const member = try api.made(decoder.value(1));
        defer api.release(member);
        if (known != shape.template) break;
        try api.done(api.PyDict_SetItem(made, object, member));
    } else return made;
    api.release(made);
    return null;
}

inline fn passed(decoder: *Decoder, name: *const Name) api.Error!bool {
    if (name.pass(&decoder.reader)) return true;
    const other = try api.made(decoder.mapKey(1));
    // Both are interned.
    defer api.release(other);
    return other == name.object;
}

fn learn(shape: *Shape, dict: *Object, count: u32) api.Error!void {
    // It has fewer when a name comes twice, which no server sends.
    if (api.PyDict_Size(dict) != count) return;
    const made = try api.made(api.PyDict_New());
    var learned: [names_max]Name = undefined;
    var index: usize = 0;
    var place: api.Size = 0;
    var object: ?*Object = null;
    var member: ?*Object = null;
    errdefer api.release(made);
    while (api.PyDict_Next(dict, &place, &object, &member) != 0) : (index += 1) {
        learned[index] = try Name.of(object.?) orelse return api.release(made);
        try api.done(api.PyDict_SetItem(made, object.?, api.headers.none));
    }
    const before = shape.template;
    shape.template = made;
    shape.names = learned;
    shape.name_count = count;
    api.Py_DecRef(before);
}
