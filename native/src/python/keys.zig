//! The keys of a batch, all at once.

const api = @import("api.zig");
const Encoder = @import("Encoder.zig");

const Object = api.Object;

/// Appends an array of three members, of which the first is the array of keys; the other two are
/// to follow. False when one of the keys is unusual, and whoever looks closer will say why.
pub fn encode(encoder: *Encoder, list: *Object) api.Error!bool {
    if (api.typeOf(list) != api.headers.list_type) return false;
    const count = api.PyList_Size(list);
    try encoder.arrayHeader(3);
    try encoder.arrayHeader(count);
    // The place of the key before: most keys of a batch have the same.
    var place: Place = .{};
    defer place.deinit();
    var index: api.Size = 0;
    while (index < count) : (index += 1) {
        const key = try api.itemOf(list, index);
        defer api.leaveItem(key);
        if (!try encodeKey(encoder, key, &place)) return false;
    }
    return true;
}

pub const Place = struct {
    namespace: ?*Object = null,
    set: ?*Object = null,
    /// Where it is encoded, with the header of its key.
    start: usize = 0,
    end: usize = 0,

    /// Has references where its key may be gone before the next one comes, whose texts could lie where
    /// the others did.
    fn take(place: *Place, taken: Place) void {
        if (api.is_free_threaded) for ([_]?*Object{ taken.namespace, taken.set }) |text| {
            api.Py_IncRef(text);
        };
        place.deinit();
        place.* = taken;
    }

    pub fn deinit(place: *const Place) void {
        if (!api.is_free_threaded) return;
        for ([_]?*Object{ place.namespace, place.set }) |text| api.Py_DecRef(text);
    }
};

pub fn encodeKey(encoder: *Encoder, key: *Object, place: *Place) api.Error!bool {
    const types = api.headers;
    if (api.typeOf(key) != types.tuple_type or api.PyTuple_Size(key) != 3) return false;
    const namespace = try api.made(api.PyTuple_GetItem(key, 0));
    const set = try api.made(api.PyTuple_GetItem(key, 1));
    if (namespace == place.namespace and set == place.set) {
        try encoder.repeat(place.start, place.end);
    } else {
        if (!try encodePlace(encoder, namespace, set, place)) return false;
    }
    const user_key = try api.made(api.PyTuple_GetItem(key, 2));
    const kind = api.typeOf(user_key);
    if (kind == types.str_type) {
        // A lone surrogate, perhaps.
        encoder.string(user_key) catch return unusual();
    } else if (kind == types.int_type) {
        encoder.integer(user_key) catch return unusual();
    } else if (kind == types.bytes_type) {
        try encoder.binary(try Encoder.bytesOf(user_key));
    } else return false;
    return true;
}

fn unusual() bool {
    api.PyErr_Clear();
    return false;
}

fn encodePlace(
    encoder: *Encoder,
    namespace: *Object,
    set: *Object,
    place: *Place,
) api.Error!bool {
    const str_type = api.headers.str_type;
    if (api.typeOf(namespace) != str_type or api.typeOf(set) != str_type) return false;
    const start = encoder.out.end;
    try encoder.arrayHeader(3);
    const names = encoder.out.end;
    encoder.string(namespace) catch return unusual();
    if (encoder.out.end - names == 1) return false; // It is empty.
    encoder.string(set) catch return unusual();
    place.take(.{
        .namespace = namespace,
        .set = set,
        .start = start,
        .end = encoder.out.end,
    });
    return true;
}
