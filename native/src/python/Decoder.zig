//! MessagePack into Python values: any value, and the shapes of results, whose classes are tuples
//! with names. Whoever calls is attached to the interpreter.
//!
//! What comes again and again is made once, over calls: names of bins, namespaces and sets, and the
//! metadata of the record before, when they are the same. It is in the `Work` that the decoder has.
//!
//! As in Python's own API, a function returns null when it has set an exception: pointers travel in
//! registers, which error unions do not.

const builtin = @import("builtin");
const api = @import("api.zig");
const msgpack = @import("../wire/msgpack.zig");
const MapOrder = @import("../wire/particle.zig").MapOrder;
const OrderedMaps = @import("Encoder.zig").OrderedMaps;
const Row = @import("Row.zig");
const Work = @import("State.zig").Work;

const Object = api.Object;

/// The core gives nothing that is nested deeper than 256 levels, beside what surrounds it.
const depth_max = 320;

/// The classes of results, and what makes a value of an extension type.
pub const Classes = struct {
    key: Named,
    metadata: Named,
    record: Named,
    exists: Named,
    ordered: Named,
    bin: Named,
    row: Row.Class,
    ordered_maps: OrderedMaps,
    /// Called with the code and the bytes.
    extension: *Object,

    /// Those of a module that no package uses.
    pub fn unbound() Classes {
        return .{
            .key = .unbound(),
            .metadata = .unbound(),
            .record = .unbound(),
            .exists = .unbound(),
            .ordered = .unbound(),
            .bin = .unbound(),
            .row = .unbound(),
            .ordered_maps = .initFill(api.headers.none),
            .extension = api.headers.none,
        };
    }
};

/// In the place of a class's own. Nothing else is called then.
pub fn refuseToAllocate(class: *Object, count: api.Size) callconv(.c) ?*Object {
    _ = .{ class, count };
    api.PyErr_SetString(api.headers.import_error, "aerospike_py has not been imported here");
    return null;
}

/// A subclass of tuple.
pub const Named = struct {
    class: *Object,
    /// Makes one without members; null where a tuple has more in it than members.
    allocate: ?*const fn (*Object, api.Size) callconv(.c) ?*Object,
    create: *const fn (*Object, *Object, ?*Object) callconv(.c) ?*Object,

    fn unbound() Named {
        return .{ .class = api.headers.none, .allocate = refuseToAllocate, .create = undefined };
    }

    pub fn of(class: *Object, is_plain: bool) api.Error!Named {
        const allocate = api.PyType_GetSlot(class, api.slot_allocate);
        // A class's own is written in Python, for whoever forgets a member.
        const create = api.PyType_GetSlot(api.headers.tuple_type, api.slot_create);
        if (allocate == null or create == null) {
            return api.raise(api.headers.type_error, "a class derived from tuple is needed");
        }
        return .{
            .class = class,
            .allocate = if (is_plain) @ptrCast(@alignCast(allocate.?)) else null,
            .create = @ptrCast(@alignCast(create.?)),
        };
    }

    /// A tuple whose members are to be set with `api.PyTuple_SetItem`, before `end`.
    inline fn begin(named: *const Named, count: api.Size) ?*Object {
        const allocate = named.allocate orelse return api.PyTuple_New(count);
        return allocate(named.class, count);
    }

    /// Takes the reference over.
    inline fn end(named: *const Named, made: *Object) ?*Object {
        return if (named.allocate == null) named.convert(made) else made;
    }

    fn convert(named: *const Named, made: *Object) ?*Object {
        const arguments = api.PyTuple_New(1) orelse {
            api.release(made);
            return null;
        };
        defer api.release(arguments);
        set(arguments, 0, made);
        return named.create(named.class, arguments, null);
    }
};

/// Of the record before, of any call: most records of a set have the same.
pub const LastMetadata = struct {
    generation: i64 = 0,
    ttl: i64 = 0,
    object: ?*Object = null,
};

/// Takes the reference over. Cannot fail: it is a tuple, long enough, and nobody else has it.
inline fn set(made: *Object, index: api.Size, member: *Object) void {
    _ = api.PyTuple_SetItem(made, index, member);
}

reader: msgpack.Reader,
work: *Work,
classes: *const Classes,
/// Borrowed: a tuple of namespace, set and user key that the key at hand is known to have.
asked: ?*Object = null,
/// Borrowed: what the bins of the record at hand were made into before.
bins: ?*Object = null,

const Decoder = @This();

pub fn init(data: []const u8, work: *Work) Decoder {
    return .{ .reader = .init(data), .work = work, .classes = work.classes };
}

pub fn malformed() ?*Object {
    api.PyErr_SetString(api.headers.value_error, "the MessagePack is malformed");
    return null;
}

/// Before Python 3.12 the collector runs in the midst of what makes many objects, and looks at all of
/// them although they are in use; after it, soon. It is one for all threads.
pub fn withoutCollector(decoder: *Decoder, comptime function: fn (*Decoder) ?*Object) ?*Object {
    if (api.is_free_threaded) return function(decoder);
    const was_on = api.PyGC_Disable() != 0;
    const made = function(decoder);
    if (was_on) _ = api.PyGC_Enable();
    return made;
}

/// In a debug build every copy of what is inlined has a place of its own on the stack, of 13 KiB
/// here, and values are read by recursion.
inline fn next(decoder: *Decoder) msgpack.ReadError!msgpack.Token {
    return if (builtin.mode == .debug) called(&decoder.reader) else decoder.reader.next();
}

fn called(reader: *msgpack.Reader) msgpack.ReadError!msgpack.Token {
    return reader.next();
}

// Values.

pub fn value(decoder: *Decoder, depth: u32) ?*Object {
    const token = decoder.next() catch return malformed();
    return switch (token) {
        .nil => api.share(api.headers.none),
        .boolean => |flag| api.share(if (flag) api.headers.true else api.headers.false),
        .int => |number| api.PyLong_FromLongLong(number),
        .uint => |number| api.PyLong_FromUnsignedLongLong(number),
        .float => |number| api.PyFloat_FromDouble(number),
        .string => |text| api.makeText(text),
        .binary => |data| api.PyBytes_FromStringAndSize(data.ptr, @intCast(data.len)),
        .array => |count| decoder.list(count, depth),
        .map => |count| decoder.dict(count, depth),
        .extension => |extension| decoder.extended(extension, depth),
    };
}

/// Every member takes a byte at least, so no count makes more memory than what was received.
fn isPossible(decoder: *const Decoder, count: u32, depth: u32) bool {
    return count <= decoder.reader.rest().len and depth < depth_max;
}

fn list(decoder: *Decoder, count: u32, depth: u32) ?*Object {
    if (!decoder.isPossible(count, depth)) return malformed();
    const made = api.PyList_New(count) orelse return null;
    for (0..count) |index| {
        const member = decoder.value(depth + 1) orelse return failed(made);
        _ = api.PyList_SetItem(made, @intCast(index), member);
    }
    return made;
}

pub fn failed(made: *Object) ?*Object {
    @branchHint(.cold);
    api.release(made);
    return null;
}

pub fn dict(decoder: *Decoder, count: u32, depth: u32) ?*Object {
    if (!decoder.isPossible(count, depth)) return malformed();
    return decoder.filled(api.PyDict_New() orelse return null, count, depth);
}

/// The dict with so many more members, or null.
fn filled(decoder: *Decoder, made: *Object, count: u32, depth: u32) ?*Object {
    for (0..count) |_| {
        const member_key = decoder.mapKey(depth + 1) orelse return failed(made);
        defer api.release(member_key);
        const member = decoder.value(depth + 1) orelse return failed(made);
        defer api.release(member);
        if (api.PyDict_SetItem(made, member_key, member) < 0) return failed(made);
    }
    return made;
}

/// Lists become tuples, as keys of a dict have to have a hash.
pub fn mapKey(decoder: *Decoder, depth: u32) ?*Object {
    const place = decoder.reader.position;
    const token = decoder.next() catch return malformed();
    switch (token) {
        .string => |text| return decoder.work.names.get(text),
        .array => |count| return decoder.tuple(count, depth),
        else => {
            decoder.reader.position = place;
            return decoder.value(depth);
        },
    }
}

fn tuple(decoder: *Decoder, count: u32, depth: u32) ?*Object {
    if (!decoder.isPossible(count, depth)) return malformed();
    const made = api.PyTuple_New(count) orelse return null;
    for (0..count) |index| {
        set(made, @intCast(index), decoder.mapKey(depth + 1) orelse return failed(made));
    }
    return made;
}

/// A map that the server keeps in order, as the extension has it in its payload.
fn orderedMap(decoder: *Decoder, order: MapOrder, bytes: usize, depth: u32) ?*Object {
    const end = decoder.reader.position;
    decoder.reader.position -= bytes;
    const token = decoder.next() catch return malformed();
    const count = switch (token) {
        .map => |count| count,
        else => return malformed(),
    };
    if (!decoder.isPossible(count, depth)) return malformed();
    const empty = api.PyObject_CallNoArgs(decoder.classes.ordered_maps.get(order)) orelse
        return null;
    const made = decoder.filled(empty, count, depth) orelse return null;
    if (decoder.reader.position == end) return made;
    api.release(made);
    return malformed();
}

fn extended(decoder: *Decoder, extension: msgpack.Extension, depth: u32) ?*Object {
    if (MapOrder.ofExtension(extension.kind)) |order| {
        return decoder.orderedMap(order, extension.data.len, depth);
    }
    const code = api.PyLong_FromLongLong(extension.kind) orelse return null;
    defer api.release(code);
    const bytes = extension.data;
    const data = api.PyBytes_FromStringAndSize(bytes.ptr, @intCast(bytes.len)) orelse return null;
    defer api.release(data);
    const end: ?*Object = null;
    return api.PyObject_CallFunctionObjArgs(decoder.classes.extension, code, data, end);
}

// Results.

/// [key, metadata, bins]
pub fn record(decoder: *Decoder) ?*Object {
    if (decoder.arrayCount() != 3) return malformed();
    const named = &decoder.classes.record;
    const made = named.begin(3) orelse return null;
    set(made, 0, decoder.key() orelse return failed(made));
    set(made, 1, decoder.metadataOrNone() orelse return failed(made));
    set(made, 2, decoder.recordBins() orelse return failed(made));
    return named.end(made);
}

fn recordBins(decoder: *Decoder) ?*Object {
    const known = decoder.bins orelse return decoder.namedValues();
    decoder.reader.skip() catch return malformed();
    return api.share(known);
}

/// {bin: value}
fn namedValues(decoder: *Decoder) ?*Object {
    const token = decoder.next() catch return malformed();
    return switch (token) {
        .map => |count| decoder.work.shape.bins(decoder, count),
        else => malformed(),
    };
}

/// [key, metadata, bins], of which nothing is made but the bins.
pub fn binsOfRecord(decoder: *Decoder) ?*Object {
    if (decoder.arrayCount() != 3) return malformed();
    for (0..2) |_| decoder.reader.skip() catch return malformed();
    return decoder.namedValues();
}

/// [key, metadata or nil]
pub fn exists(decoder: *Decoder) ?*Object {
    if (decoder.arrayCount() != 2) return malformed();
    const named = &decoder.classes.exists;
    const made = named.begin(2) orelse return null;
    set(made, 0, decoder.key() orelse return failed(made));
    set(made, 1, decoder.metadataOrNone() orelse return failed(made));
    return named.end(made);
}

/// [key, metadata, [[bin, value]]]
pub fn ordered(decoder: *Decoder) ?*Object {
    if (decoder.arrayCount() != 3) return malformed();
    const named = &decoder.classes.ordered;
    const made = named.begin(3) orelse return null;
    set(made, 0, decoder.key() orelse return failed(made));
    set(made, 1, decoder.metadataOrNone() orelse return failed(made));
    set(made, 2, decoder.listOf(bin) orelse return failed(made));
    return named.end(made);
}

/// [name, value]
fn bin(decoder: *Decoder) ?*Object {
    if (decoder.arrayCount() != 2) return malformed();
    const named = &decoder.classes.bin;
    const made = named.begin(2) orelse return null;
    set(made, 0, decoder.name() orelse return failed(made));
    set(made, 1, decoder.value(0) orelse return failed(made));
    return named.end(made);
}

/// [record]
pub fn records(decoder: *Decoder) ?*Object {
    return decoder.listOf(record);
}

fn listOf(decoder: *Decoder, comptime function: fn (*Decoder) ?*Object) ?*Object {
    const count = decoder.arrayCount() orelse return malformed();
    const made = api.PyList_New(count) orelse return null;
    for (0..count) |index| {
        const member = function(decoder) orelse return failed(made);
        _ = api.PyList_SetItem(made, @intCast(index), member);
    }
    return made;
}

fn isNil(decoder: *Decoder) bool {
    if (decoder.reader.peek() != 0xc0) return false;
    decoder.reader.position += 1;
    return true;
}

/// [namespace, set, user key or nil, digest]
pub fn key(decoder: *Decoder) ?*Object {
    if (decoder.arrayCount() != 4) return malformed();
    const named = &decoder.classes.key;
    const tuple_made = named.begin(4) orelse return null;
    if (decoder.asked) |asked| {
        for (0..3) |index| {
            decoder.reader.skip() catch return failedMalformed(tuple_made);
            const member = api.PyTuple_GetItem(asked, @intCast(index)) orelse
                return failed(tuple_made);
            set(tuple_made, @intCast(index), api.share(member));
        }
    } else {
        set(tuple_made, 0, decoder.name() orelse return failed(tuple_made));
        set(tuple_made, 1, decoder.name() orelse return failed(tuple_made));
        set(tuple_made, 2, decoder.value(depth_max) orelse return failed(tuple_made));
    }
    set(tuple_made, 3, decoder.value(depth_max) orelse return failed(tuple_made));
    const made = named.end(tuple_made) orelse return null;
    // None of these refers to anything.
    api.PyObject_GC_UnTrack(made);
    return made;
}

fn failedMalformed(made: *Object) ?*Object {
    api.release(made);
    return malformed();
}

/// The key that the next row was asked for with, if its members can stand in the result. Bytes that
/// may change cannot; and a digest without a key has no other members.
pub fn ask(decoder: *Decoder, asked: *Object) api.Error!void {
    decoder.asked = null;
    const types = api.headers;
    if (api.typeOf(asked) != types.tuple_type or api.PyTuple_Size(asked) != 3) return;
    const kind = api.typeOf(try api.made(api.PyTuple_GetItem(asked, 2)));
    if (kind == types.str_type or kind == types.int_type or kind == types.bytes_type) {
        decoder.asked = asked;
    }
}

fn name(decoder: *Decoder) ?*Object {
    const token = decoder.next() catch return malformed();
    return switch (token) {
        .string => |text| decoder.work.names.get(text),
        else => malformed(),
    };
}

fn metadataOrNone(decoder: *Decoder) ?*Object {
    if (decoder.isNil()) return api.share(api.headers.none);
    if (decoder.arrayCount() != 2) return malformed();
    const generation = decoder.integer() orelse return malformed();
    const ttl = decoder.integer() orelse return malformed();
    const last = &decoder.work.metadata;
    if (last.object) |object| {
        if (last.generation == generation and last.ttl == ttl) return api.share(object);
    }
    const named = &decoder.classes.metadata;
    const tuple_made = named.begin(2) orelse return null;
    set(tuple_made, 0, api.PyLong_FromLongLong(generation) orelse return failed(tuple_made));
    set(tuple_made, 1, api.PyLong_FromLongLong(ttl) orelse return failed(tuple_made));
    const made = named.end(tuple_made) orelse return null;
    api.PyObject_GC_UnTrack(made);
    const before = last.object;
    last.* = .{ .generation = generation, .ttl = ttl, .object = api.share(made) };
    api.Py_DecRef(before);
    return made;
}

/// Null when there is no array, or not enough for its members.
pub inline fn arrayCount(decoder: *Decoder) ?u32 {
    const token = decoder.next() catch return null;
    return switch (token) {
        .array => |count| if (decoder.isPossible(count, 0)) count else null,
        else => null,
    };
}

inline fn integer(decoder: *Decoder) ?i64 {
    const token = decoder.next() catch return null;
    return switch (token) {
        .int => |number| number,
        else => null,
    };
}
