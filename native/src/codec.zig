//! The functions of the extension module aerospike_py._codec: Python values into requests, and
//! results into Python values. Linked with `module.c`; knows nothing of the library.

const std = @import("std");
const hosted = @import("hosted.zig");
const api = @import("python/api.zig");
const Decoder = @import("python/Decoder.zig");
const Encoder = @import("python/Encoder.zig");
const Row = @import("python/Row.zig");
const capsules = @import("python/capsules.zig");
const keys = @import("python/keys.zig");
const usual = @import("python/usual.zig");
const msgpack = @import("wire/msgpack.zig");

const Object = api.Object;
const Arguments = [*]const *Object;

pub const std_options: std.Options = hosted.options;
pub const panic = hosted.panic;

const gpa = std.heap.c_allocator;

/// A call that makes more has the garbage collector wait.
const collected_bytes_max = 16 * 1024;

/// Both are set when the package is imported, once.
var encoder: Encoder = undefined;
var classes: Decoder.Classes = undefined;
var not_shown: *Object = undefined;
/// The one that the package was imported in: another has classes of its own, and none of these once
/// this one is gone.
var interpreter: ?i64 = null;

/// bind_values(Raw, Extension, KeyOrderedDict, KeyValueOrderedDict, function of an extension's code
/// and bytes): what stands for values that MessagePack has and Python has not, and the other way
/// round.
export fn asz_codec_bind_values(module: *Object, arguments: Arguments, count: api.Size) ?*Object {
    _ = module;
    return result(bindValues(arguments[0..@intCast(count)]));
}

fn bindValues(arguments: []const *Object) api.Error!*Object {
    if (arguments.len != 5) return wrongCount();
    const here = api.PyInterpreterState_GetID(api.PyInterpreterState_Get());
    if (here != interpreter orelse here) {
        const message = "aerospike_py is in use in another interpreter of this process";
        return api.raise(api.headers.import_error, message);
    }
    interpreter = here;
    for (arguments) |argument| api.Py_IncRef(argument);
    classes.ordered_maps = .init(.{
        .by_key = arguments[2],
        .by_key_and_value = arguments[3],
    });
    encoder = .init(gpa, &.{
        .raw = arguments[0],
        .extension = arguments[1],
        .ordered_maps = classes.ordered_maps,
    });
    classes.extension = arguments[4];
    return api.share(api.headers.none);
}

/// bind_results(AerospikeKey, RecordMetadata, Record, ExistsResult, OperateOrderedResult, BinTuple,
/// whether a tuple is nothing but its members, BatchRecord, function of an exception): what results
/// are made of, and what makes the exception of a row that cannot be.
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
    };
    if (arguments.len != named.len + 3) return wrongCount();
    const is_plain = arguments[named.len] == api.headers.true;
    inline for (named, 0..) |class, index| {
        class.* = try .of(arguments[index], is_plain);
    }
    classes.row = try .of(arguments[named.len + 1]);
    not_shown = arguments[named.len + 2];
    for (arguments) |argument| api.Py_IncRef(argument);
    return api.share(api.headers.none);
}

fn wrongCount() api.Error {
    return api.raise(api.headers.type_error, "wrong number of arguments");
}

fn result(made: api.Error!*Object) ?*Object {
    return made catch null;
}

/// arrow_capsule(name, address) -> a capsule, as Arrow's PyCapsule interface has it, with the struct
/// that lies there, which is empty then
export fn asz_codec_arrow_capsule(module: *Object, arguments: Arguments, count: api.Size) ?*Object {
    _ = module;
    if (count != 2) return result(wrongCount());
    return result(capsules.make(arguments[0], arguments[1]));
}

/// arrow_address(name, capsule) -> where the capsule's struct lies
export fn asz_codec_arrow_address(module: *Object, arguments: Arguments, count: api.Size) ?*Object {
    _ = module;
    if (count != 2) return result(wrongCount());
    return result(capsules.address(arguments[0], arguments[1]));
}

/// pack(value) -> bytes
export fn asz_codec_pack(module: *Object, value: *Object) ?*Object {
    _ = module;
    defer encoder.clear();
    encoder.value(value, 0) catch return null;
    return result(encoder.take());
}

/// pack_key(key) -> bytes of [key], or None when there is anything unusual about the key
export fn asz_codec_pack_key(module: *Object, key: *Object) ?*Object {
    _ = module;
    return packUsual(&.{key}, usual.key);
}

/// pack_put(key, bins) -> bytes of [key, bins], and pack_put(bins) -> bytes of the bins alone, or
/// None when there is anything unusual about them
export fn asz_codec_pack_put(module: *Object, arguments: Arguments, count: api.Size) ?*Object {
    _ = module;
    return packUsual(arguments[0..@intCast(count)], usual.bins);
}

/// pack_operate(key, operations) -> bytes of [key, operations], and pack_operate(operations) ->
/// bytes of the operations alone, or None when there is anything unusual about them
export fn asz_codec_pack_operate(module: *Object, arguments: Arguments, count: api.Size) ?*Object {
    _ = module;
    return packUsual(arguments[0..@intCast(count)], usual.operations);
}

/// pack_plain(value) -> bytes of the value, or None when there is anything unusual about it
export fn asz_codec_pack_plain(module: *Object, value: *Object) ?*Object {
    _ = module;
    return packUsual(&.{value}, usual.value);
}

const WriteUsual = fn (*Encoder, *Object) api.Error!bool;

fn packUsual(arguments: []const *Object, comptime write: WriteUsual) ?*Object {
    if (arguments.len != 1 and arguments.len != 2) return result(wrongCount());
    defer encoder.clear();
    const is_usual = writeUsual(arguments, write) catch {
        if (api.PyErr_ExceptionMatches(api.headers.memory_error) != 0) return null;
        api.PyErr_Clear();
        return api.share(api.headers.none);
    };
    if (!is_usual) return api.share(api.headers.none);
    return result(encoder.take());
}

fn writeUsual(arguments: []const *Object, comptime write: WriteUsual) api.Error!bool {
    if (write == usual.key) {
        try encoder.arrayHeader(1);
    } else if (arguments.len == 2) {
        try encoder.arrayHeader(2);
        if (!try usual.key(&encoder, arguments[0])) return false;
    }
    return write(&encoder, arguments[arguments.len - 1]);
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

/// The result of a command, which the package says something of when it cannot be shown.
fn decodeResult(data: *Object, comptime function: fn (*Decoder) ?*Object) ?*Object {
    return decode(data, function) orelse cannotBeShown();
}

fn decode(data: *Object, comptime function: fn (*Decoder) ?*Object) ?*Object {
    const bytes = api.readable(data) catch return null;
    var decoder: Decoder = .init(bytes, &classes);
    const made = if (bytes.len > collected_bytes_max)
        decoder.withoutCollector(function)
    else
        function(&decoder);
    if (decoder.reader.isAtEnd()) return made;
    const incomplete = made orelse return null;
    api.release(incomplete);
    return Decoder.malformed();
}

/// unpack(data) -> the value
export fn asz_codec_unpack(module: *Object, data: *Object) ?*Object {
    _ = module;
    return decode(data, anyValue);
}

/// unpack_value(data) -> the value, of a command's result
export fn asz_codec_unpack_value(module: *Object, data: *Object) ?*Object {
    _ = module;
    return decodeResult(data, anyValue);
}

fn anyValue(decoder: *Decoder) ?*Object {
    return decoder.value(0);
}

/// unpack_record(data) -> Record
export fn asz_codec_unpack_record(module: *Object, data: *Object) ?*Object {
    _ = module;
    return decodeResult(data, Decoder.record);
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
    return decodeResult(data, Decoder.exists);
}

/// unpack_ordered(data) -> OperateOrderedResult
export fn asz_codec_unpack_ordered(module: *Object, data: *Object) ?*Object {
    _ = module;
    return decodeResult(data, Decoder.ordered);
}

/// unpack_records(data) -> [Record]
export fn asz_codec_unpack_records(module: *Object, data: *Object) ?*Object {
    _ = module;
    return decodeResult(data, Decoder.records);
}

/// unpack_rows(bytes, position, rows, count, keys or None) -> position: appends BatchRecords to the
/// list, at most so many, and returns where the next one is, which is the length of the data after
/// the last. The list's rows are of the list of keys, which need not be made again.
export fn asz_codec_unpack_rows(module: *Object, arguments: Arguments, count: api.Size) ?*Object {
    _ = module;
    return result(unpackRows(arguments[0..@intCast(count)]));
}

fn unpackRows(arguments: []const *Object) api.Error!*Object {
    if (arguments.len != 5) return wrongCount();
    const source, const start, const rows, const rows_max, const asked = arguments[0..5].*;
    const bytes = try Encoder.bytesOf(source);
    var decoder: Decoder = .init(bytes, &classes);
    decoder.reader.position = @min(try sizeOf(start), bytes.len);
    var left = try sizeOf(rows_max);
    const is_start = decoder.reader.position == 0;
    if (is_start) {
        const total = decoder.arrayCount() orelse return api.made(Decoder.malformed());
        left = @min(left, total);
    }
    while (left > 0 and (is_start or !decoder.reader.isAtEnd())) : (left -= 1) {
        if (asked != api.headers.none) {
            try decoder.ask(try api.made(api.PyList_GetItem(asked, api.PyList_Size(rows))));
        }
        const made = Row.read(&decoder.reader, source, decoder.asked, &classes.row);
        const row = try api.made(made);
        defer api.release(row);
        try api.done(api.PyList_Append(rows, row));
    }
    return api.made(api.PyLong_FromLongLong(@intCast(decoder.reader.position)));
}

fn sizeOf(number: *Object) api.Error!usize {
    const size = api.PyLong_AsSsize_t(number);
    if (size >= 0) return @intCast(size);
    if (api.PyErr_Occurred() != null) return error.Raised;
    return api.raise(api.headers.value_error, "a number must not be negative");
}

// Rows: the slots of the type in `module.c`.

export fn asz_row_init(
    object: *Object,
    key: *Object,
    status: c_int,
    in_doubt: c_int,
    record: *Object,
    text: *Object,
) void {
    Row.fill(object, key, status, in_doubt != 0, record, text);
}

export fn asz_row_deinit(object: *Object) void {
    Row.bodyOf(object).deinit();
}

export fn asz_row_key(object: *Object, closure: ?*anyopaque) ?*Object {
    _ = closure;
    return Row.bodyOf(object).getKey(&classes) orelse cannotBeShown();
}

export fn asz_row_record(object: *Object, closure: ?*anyopaque) ?*Object {
    _ = closure;
    return Row.bodyOf(object).getRecord(&classes) orelse cannotBeShown();
}

export fn asz_row_bins(object: *Object, closure: ?*anyopaque) ?*Object {
    _ = closure;
    return Row.bodyOf(object).getBins(&classes) orelse cannotBeShown();
}

export fn asz_row_text(object: *Object, closure: ?*anyopaque) ?*Object {
    _ = closure;
    return api.share(Row.bodyOf(object).text orelse api.headers.none);
}

export fn asz_row_result(object: *Object, closure: ?*anyopaque) ?*Object {
    _ = closure;
    return api.PyLong_FromLongLong(Row.bodyOf(object).status);
}

export fn asz_row_in_doubt(object: *Object, closure: ?*anyopaque) ?*Object {
    _ = closure;
    return api.share(if (Row.bodyOf(object).in_doubt) api.headers.true else api.headers.false);
}

/// Makes the exception at hand the one that the package raises, if it is of the answer.
fn cannotBeShown() ?*Object {
    @branchHint(.cold);
    const types = api.headers;
    for ([_]*Object{ types.type_error, types.value_error, types.recursion_error }) |kind| {
        if (api.PyErr_ExceptionMatches(kind) != 0) break;
    } else return null;
    var kind: ?*Object = null;
    var value: ?*Object = null;
    var trace: ?*Object = null;
    api.PyErr_Fetch(&kind, &value, &trace);
    api.PyErr_NormalizeException(&kind, &value, &trace);
    defer for ([_]?*Object{ kind, value, trace }) |object| api.Py_DecRef(object);
    const end: ?*Object = null;
    const made = api.PyObject_CallFunctionObjArgs(not_shown, value.?, end) orelse return null;
    defer api.release(made);
    api.PyErr_SetObject(api.typeOf(made), made);
    return null;
}
