//! The functions of the extension module aerospike_py._codec: Python values into requests, and
//! results into Python values. Linked with `module.c`; knows nothing of the library.

const std = @import("std");
const hosted = @import("hosted.zig");
const api = @import("python/api.zig");
const Decoder = @import("python/Decoder.zig");
const Encoder = @import("python/Encoder.zig");
const keys = @import("python/keys.zig");
const msgpack = @import("wire/msgpack.zig");

const Object = api.Object;
const Arguments = [*]const *Object;

pub const std_options: std.Options = hosted.options;
pub const panic = hosted.panic;

const gpa = std.heap.c_allocator;

/// A call that makes so much would have the garbage collector look at it several times before it
/// ends, before Python 3.12, although all of it is in use.
const collected_bytes_max = 16 * 1024;

/// Both are set when the package is imported, once.
var encoder: Encoder = undefined;
var classes: Decoder.Classes = undefined;

/// bind_values(Raw, Extension, function of an extension's code and bytes): what stands for values
/// that MessagePack has and Python has not, and the other way round.
export fn asz_codec_bind_values(module: *Object, arguments: Arguments, count: api.Size) ?*Object {
    _ = module;
    if (count != 3) return result(wrongCount());
    for (arguments[0..3]) |argument| api.Py_IncRef(argument);
    encoder = .init(gpa, arguments[0], arguments[1]);
    classes.extension = arguments[2];
    return api.share(api.headers.none);
}

/// bind_results(AerospikeKey, RecordMetadata, Record, ExistsResult, OperateOrderedResult, BinTuple,
/// BatchRecord, whether a tuple is nothing but its members): what results are made of.
export fn asz_codec_bind_results(module: *Object, arguments: Arguments, count: api.Size) ?*Object {
    _ = module;
    return result(bindResults(arguments[0..@intCast(count)]));
}

fn bindResults(arguments: []const *Object) api.Error!*Object {
    const named = .{
        &classes.key,
        &classes.metadata,
        &classes.record,
        &classes.exists,
        &classes.ordered,
        &classes.bin,
        &classes.row,
    };
    if (arguments.len != named.len + 1) return wrongCount();
    const is_plain = arguments[named.len] == api.headers.true;
    inline for (named, 0..) |class, index| {
        class.* = try .of(arguments[index], is_plain);
        api.Py_IncRef(arguments[index]);
    }
    return api.share(api.headers.none);
}

fn wrongCount() api.Error {
    return api.raise(api.headers.type_error, "wrong number of arguments");
}

fn result(made: api.Error!*Object) ?*Object {
    return made catch null;
}

/// pack(value) -> bytes
export fn asz_codec_pack(module: *Object, value: *Object) ?*Object {
    _ = module;
    defer encoder.clear();
    encoder.value(value, 0) catch return null;
    return result(encoder.take());
}

/// pack_batch(list of keys, bytes of what follows) -> bytes, or None when a key is not one of the
/// usual ones, which are tuples of a str, a str, and a str, bytes or int.
export fn asz_codec_pack_batch(module: *Object, arguments: Arguments, count: api.Size) ?*Object {
    _ = module;
    return result(packBatch(arguments[0..@intCast(count)]));
}

fn packBatch(arguments: []const *Object) api.Error!*Object {
    if (arguments.len != 2) return wrongCount();
    defer encoder.clear();
    if (!try keys.encode(&encoder, arguments[0])) return api.share(api.headers.none);
    try encoder.append(try Encoder.bytesOf(arguments[1]));
    return encoder.take();
}

fn decode(data: *Object, comptime function: fn (*Decoder) ?*Object) ?*Object {
    const bytes = api.readable(data) catch return null;
    var decoder: Decoder = .init(bytes, &classes);
    defer decoder.deinit();
    const puts_off = bytes.len > collected_bytes_max and api.PyGC_Disable() != 0;
    const made = function(&decoder);
    if (puts_off) _ = api.PyGC_Enable();
    if (decoder.reader.isAtEnd()) return made;
    const incomplete = made orelse return null;
    api.release(incomplete);
    return Decoder.malformed();
}

/// unpack(data) -> the value
export fn asz_codec_unpack(module: *Object, data: *Object) ?*Object {
    _ = module;
    return decode(data, struct {
        fn function(decoder: *Decoder) ?*Object {
            return decoder.value(0);
        }
    }.function);
}

/// unpack_record(data) -> Record
export fn asz_codec_unpack_record(module: *Object, data: *Object) ?*Object {
    _ = module;
    return decode(data, Decoder.record);
}

/// skip(data, position) -> position: of what follows the value there
export fn asz_codec_skip(module: *Object, arguments: Arguments, count: api.Size) ?*Object {
    _ = module;
    return result(skip(arguments[0..@intCast(count)]));
}

fn skip(arguments: []const *Object) api.Error!*Object {
    if (arguments.len != 2) return wrongCount();
    const bytes = try api.readable(arguments[0]);
    var reader: msgpack.Reader = .init(bytes);
    reader.position = @min(try sizeOf(arguments[1]), bytes.len);
    reader.skip() catch return api.made(Decoder.malformed());
    return api.made(api.PyLong_FromLongLong(@intCast(reader.position)));
}

/// unpack_exists(data) -> ExistsResult
export fn asz_codec_unpack_exists(module: *Object, data: *Object) ?*Object {
    _ = module;
    return decode(data, Decoder.exists);
}

/// unpack_ordered(data) -> OperateOrderedResult
export fn asz_codec_unpack_ordered(module: *Object, data: *Object) ?*Object {
    _ = module;
    return decode(data, Decoder.ordered);
}

/// unpack_records(data) -> [Record]
export fn asz_codec_unpack_records(module: *Object, data: *Object) ?*Object {
    _ = module;
    return decode(data, Decoder.records);
}

/// unpack_rows(data, position, rows, count, keys or None) -> position: appends BatchRecords to the
/// list, at most so many, and returns where the next one is. It is the length of the data after the
/// last. The list's rows are of the list of keys, which need not be made again.
export fn asz_codec_unpack_rows(module: *Object, arguments: Arguments, count: api.Size) ?*Object {
    _ = module;
    return result(unpackRows(arguments[0..@intCast(count)]));
}

fn unpackRows(arguments: []const *Object) api.Error!*Object {
    if (arguments.len != 5) return wrongCount();
    const bytes = try api.readable(arguments[0]);
    var decoder: Decoder = .init(bytes, &classes);
    defer decoder.deinit();
    const position = try sizeOf(arguments[1]);
    decoder.reader.position = @min(position, bytes.len);
    var rows_max = try sizeOf(arguments[3]);
    if (position == 0) {
        const total = decoder.arrayCount() orelse return api.made(Decoder.malformed());
        rows_max = @min(rows_max, total);
    }
    const keys_asked = if (arguments[4] == api.headers.none) null else arguments[4];
    try appendRows(&decoder, arguments[2], rows_max, position == 0, keys_asked);
    return api.made(api.PyLong_FromLongLong(@intCast(decoder.reader.position)));
}

fn appendRows(
    decoder: *Decoder,
    list: *Object,
    rows_max: usize,
    must_have_all: bool,
    keys_asked: ?*Object,
) api.Error!void {
    const was_on = api.PyGC_Disable() != 0;
    defer if (was_on) {
        _ = api.PyGC_Enable();
    };
    for (0..rows_max) |_| {
        if (decoder.reader.isAtEnd() and !must_have_all) return;
        if (keys_asked) |asked| {
            const key = api.PyList_GetItem(asked, api.PyList_Size(list));
            try decoder.ask(try api.made(key));
        }
        const row = try api.made(decoder.row());
        defer api.release(row);
        try api.done(api.PyList_Append(list, row));
    }
}

fn sizeOf(number: *Object) api.Error!usize {
    const size = api.PyLong_AsSsize_t(number);
    if (size >= 0) return @intCast(size);
    if (api.PyErr_Occurred() != null) return error.Raised;
    return api.raise(api.headers.value_error, "a number must not be negative");
}
