//! What requests usually are made of: values of exact built-in types, and valid ones. It is
//! encoded in one go. Where anything is unusual the result is false, and whoever looks closer makes
//! it usual or says what is wrong with it.

const api = @import("api.zig");
const keys = @import("keys.zig");
const msgpack = @import("../wire/msgpack.zig");
const bin_name_bytes_max = @import("../wire/operation.zig").bin_name_bytes_max;
const Encoder = @import("Encoder.zig");

const Object = api.Object;
const Error = api.Error;

pub fn key(encoder: *Encoder, object: *Object) Error!bool {
    var place: keys.Place = .{};
    return keys.encodeKey(encoder, object, &place);
}

/// A value of any kind that a bin can hold.
pub fn value(encoder: *Encoder, object: *Object) Error!bool {
    encoder.takes_plain_only = true;
    try encoder.value(object, 1);
    return true;
}

/// A dict of values by the names of their bins.
pub fn bins(encoder: *Encoder, object: *Object) Error!bool {
    if (api.typeOf(object) != api.headers.dict_type) return false;
    const count = api.PyDict_Size(object);
    if (count == 0) return false;
    encoder.takes_plain_only = true;
    try encoder.mapHeader(count);
    var place: api.Size = 0;
    var name: ?*Object = null;
    var member: ?*Object = null;
    while (api.PyDict_Next(object, &place, &name, &member) != 0) {
        if (api.typeOf(name.?) != api.headers.str_type) return false;
        const text = try api.textOf(name.?);
        if (text.len == 0 or text.len > bin_name_bytes_max) return false;
        try encoder.text(text);
        try encoder.value(member.?, 1);
    }
    return true;
}

/// A list of dicts, each with an "op".
pub fn operations(encoder: *Encoder, object: *Object) Error!bool {
    const types = api.headers;
    const is_list = api.typeOf(object) == types.list_type;
    if (!is_list and api.typeOf(object) != types.tuple_type) return false;
    const count = if (is_list) api.PyList_Size(object) else api.PyTuple_Size(object);
    if (count == 0) return false;
    encoder.takes_plain_only = true;
    try encoder.arrayHeader(count);
    var index: api.Size = 0;
    while (index < count) : (index += 1) {
        const member = if (is_list)
            api.PyList_GetItem(object, index)
        else
            api.PyTuple_GetItem(object, index);
        if (!try operation(encoder, try api.made(member))) return false;
    }
    return true;
}

fn operation(encoder: *Encoder, object: *Object) Error!bool {
    if (api.typeOf(object) != api.headers.dict_type) return false;
    try encoder.mapHeader(api.PyDict_Size(object));
    var has_number = false;
    var place: api.Size = 0;
    var name: ?*Object = null;
    var member: ?*Object = null;
    while (api.PyDict_Next(object, &place, &name, &member) != 0) {
        if (api.typeOf(name.?) != api.headers.str_type) return false;
        const text = try api.textOf(name.?);
        if (text.len == 2 and text[0] == 'o' and text[1] == 'p') has_number = true;
        try encoder.text(text);
        try encoder.value(member.?, 2);
    }
    return has_number;
}
