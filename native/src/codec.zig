//! The functions of the extension module aerospike_py._codec: Python values into requests, and
//! results into Python values. Linked with `module.c`; knows nothing of the library.

const std = @import("std");
const hosted = @import("hosted.zig");
const api = @import("python/api.zig");
const Completions = @import("python/Completions.zig");
const Decoder = @import("python/Decoder.zig");
const Encoder = @import("python/Encoder.zig");
const Library = @import("python/Library.zig");
const Operation = @import("python/Operation.zig");
const Row = @import("python/Row.zig");
const State = @import("python/State.zig");
const Submitter = @import("python/Submitter.zig");
const capsules = @import("python/capsules.zig");
const keys = @import("python/keys.zig");
const shortcuts = @import("python/shortcuts.zig");
const usual = @import("python/usual.zig");
const msgpack = @import("wire/msgpack.zig");

const Object = api.Object;
const Arguments = [*]const *Object;

pub const std_options: std.Options = hosted.options;
pub const panic = hosted.panic;

/// A call that makes more has the garbage collector wait.
const collected_bytes_max = 16 * 1024;

// The module: what `module.c` makes of it.

/// Of the memory that Python gives to a module, where `State.of` finds it.
export const asz_codec_state_size: usize = @sizeOf(State);
export const asz_codec_is_free_threaded: c_int = @intFromBool(api.is_free_threaded);

export fn asz_codec_init(module: *Object) *Row.Members {
    const state: *State = .of(module);
    state.init();
    return &state.row_members;
}

export fn asz_codec_traverse(module: *Object, visit: api.Visit, argument: ?*anyopaque) c_int {
    return State.of(module).traverse(visit, argument);
}

export fn asz_codec_clear(module: *Object) void {
    State.of(module).clear();
}

export fn asz_codec_deinit(module: *Object) void {
    State.of(module).deinit();
}

/// bind_values(Raw, Extension, KeyOrderedDict, KeyValueOrderedDict, function of an extension's code
/// and bytes): what stands for values that MessagePack has and Python has not, and the other way
/// round.
export fn asz_codec_bind_values(module: *Object, arguments: Arguments, count: api.Size) ?*Object {
    if (count != 5) return result(wrongCount());
    State.of(module).bindValues(arguments[0..5]);
    return api.share(api.headers.none);
}

/// bind_results(AerospikeKey, RecordMetadata, Record, ExistsResult, OperateOrderedResult, BinTuple,
/// whether a tuple is nothing but its members, BatchRecord, function of an exception): what results
/// are made of, and what makes the exception of a row that cannot be.
export fn asz_codec_bind_results(module: *Object, arguments: Arguments, count: api.Size) ?*Object {
    if (count != 9) return result(wrongCount());
    State.of(module).bindResults(arguments[0..9]) catch return null;
    return api.share(api.headers.none);
}

fn wrongCount() api.Error {
    return api.raise(api.headers.type_error, "wrong number of arguments");
}

fn result(made: api.Error!*Object) ?*Object {
    return made catch null;
}

/// interpreter() -> the number of the one that this is called in
export fn asz_codec_interpreter(module: *Object, nothing: ?*Object) ?*Object {
    _ = .{ module, nothing };
    return api.PyLong_FromLongLong(api.PyInterpreterState_GetID(api.PyInterpreterState_Get()));
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
    return result(pack(.of(module), value));
}

fn pack(state: *State, value: *Object) api.Error!*Object {
    const work = try state.borrow();
    defer state.giveBack(work);
    defer work.encoder.clear();
    try work.encoder.value(value, 0);
    return work.encoder.take();
}

/// pack_key(key) -> bytes of [key], or None when there is anything unusual about the key
export fn asz_codec_pack_key(module: *Object, key: *Object) ?*Object {
    return packUsual(module, &.{key}, usual.key);
}

/// pack_put(key, bins) -> bytes of [key, bins], and pack_put(bins) -> bytes of the bins alone, or
/// None when there is anything unusual about them
export fn asz_codec_pack_put(module: *Object, arguments: Arguments, count: api.Size) ?*Object {
    return packUsual(module, arguments[0..@intCast(count)], usual.bins);
}

/// pack_operate(key, operations) -> bytes of [key, operations], and pack_operate(operations) ->
/// bytes of the operations alone, or None when there is anything unusual about them
export fn asz_codec_pack_operate(module: *Object, arguments: Arguments, count: api.Size) ?*Object {
    return packUsual(module, arguments[0..@intCast(count)], usual.operations);
}

/// pack_plain(value) -> bytes of the value, or None when there is anything unusual about it
export fn asz_codec_pack_plain(module: *Object, value: *Object) ?*Object {
    return packUsual(module, &.{value}, usual.value);
}

fn packUsual(module: *Object, arguments: []const *Object, comptime write: usual.Write) ?*Object {
    if (arguments.len != 1 and arguments.len != 2) return result(wrongCount());
    return result(usual.pack(.of(module), arguments, write));
}

/// pack_batch(list of keys, bytes of what follows) -> bytes, or None when a key is not one of the
/// usual ones, which are tuples of a str, a str, and a str, bytes or int.
export fn asz_codec_pack_batch(module: *Object, arguments: Arguments, count: api.Size) ?*Object {
    return result(packBatch(.of(module), arguments[0..@intCast(count)]));
}

fn packBatch(state: *State, arguments: []const *Object) api.Error!*Object {
    if (arguments.len != 2) return wrongCount();
    const work = try state.borrow();
    defer state.giveBack(work);
    const encoder = &work.encoder;
    defer encoder.clear();
    if (!try keys.encode(encoder, arguments[0])) return api.share(api.headers.none);
    try encoder.append(try Encoder.bytesOf(arguments[1]));
    return encoder.take();
}

/// The result of a command, which the package says something of when it cannot be shown.
fn decodeResult(
    module: *Object,
    data: *Object,
    comptime function: fn (*Decoder) ?*Object,
) ?*Object {
    const state: *State = .of(module);
    return decode(state, data, function) orelse state.cannotBeShown();
}

fn decode(state: *State, data: *Object, comptime function: fn (*Decoder) ?*Object) ?*Object {
    return decodeBytes(state, api.readable(data) catch return null, function);
}

fn decodeBytes(
    state: *State,
    bytes: []const u8,
    comptime function: fn (*Decoder) ?*Object,
) ?*Object {
    const work = state.borrow() catch return null;
    defer state.giveBack(work);
    var decoder: Decoder = .init(bytes, work);
    const made = if (bytes.len > collected_bytes_max)
        decoder.withoutCollector(function)
    else
        function(&decoder);
    if (decoder.reader.isAtEnd()) return made;
    const incomplete = made orelse return null;
    api.release(incomplete);
    return Decoder.malformed();
}

/// bind_library(the members of Library.zig): what all that runs commands needs
export fn asz_codec_bind_library(module: *Object, arguments: Arguments, count: api.Size) ?*Object {
    if (count != State.library_count) return result(wrongCount());
    State.of(module).bindLibrary(module, arguments[0..State.library_count]) catch return null;
    return api.share(api.headers.none);
}

/// bind_completions(the members of Completions.zig): what all that is submitted needs
export fn asz_codec_bind_completions(
    module: *Object,
    arguments: Arguments,
    count: api.Size,
) ?*Object {
    if (count != State.completions_count) return result(wrongCount());
    State.of(module).bindCompletions(arguments[0..State.completions_count]) catch return null;
    return api.share(api.headers.none);
}

/// execute(client, request) -> what the request's decoder makes of the result
export fn asz_codec_execute(module: *Object, arguments: Arguments, count: api.Size) ?*Object {
    if (count != 2) return result(wrongCount());
    return result(execute(.of(module), arguments[0], arguments[1]));
}

fn execute(state: *State, client: *Object, request: *Object) api.Error!*Object {
    const library = &(state.library orelse return Library.unbound());
    return library.run(&state.memories, client, request, state, decodeWith);
}

/// Types of the module: of what submits, and of what waits.
export fn asz_codec_take_types(module: *Object, submitter: *Object, operation: *Object) void {
    State.of(module).takeTypes(submitter, operation);
}

/// submitter(client, create_future, its keywords or None, call_soon, gathered) -> Submitter: see Submitter.zig
export fn asz_codec_submitter(module: *Object, arguments: Arguments, count: api.Size) ?*Object {
    if (count != 5) return result(wrongCount());
    return result(Submitter.make(.of(module), arguments[0..5]));
}

/// or_default(value, function) -> function: see shortcuts.zig
export fn asz_codec_or_default(module: *Object, arguments: Arguments, count: api.Size) ?*Object {
    _ = module;
    if (count != 2) return result(wrongCount());
    return result(shortcuts.orDefault(arguments[0], arguments[1]));
}

/// key_request(command, policies, name, encode_key, decoder) -> function of a key and a policy: see
/// shortcuts.zig
export fn asz_codec_key_request(module: *Object, arguments: Arguments, count: api.Size) ?*Object {
    if (count != 5) return result(wrongCount());
    const all = .{module} ++ arguments[0..5].*;
    return result(shortcuts.keyRequest(&all));
}

/// submit_directly([submitter or None, function, what it says, thread], dict, name, function) ->
/// function of a request: see shortcuts.zig
export fn asz_codec_submit_directly(
    module: *Object,
    arguments: Arguments,
    count: api.Size,
) ?*Object {
    if (count != 4) return result(wrongCount());
    const all = .{module} ++ arguments[0..4].*;
    return result(shortcuts.submitDirectly(&all));
}

/// submit_key(function of submit_directly, function of key_request) -> function of a key and a policy:
/// see shortcuts.zig
export fn asz_codec_submit_key(module: *Object, arguments: Arguments, count: api.Size) ?*Object {
    _ = module;
    if (count != 2) return result(wrongCount());
    return result(shortcuts.submitKey(arguments[0..2]));
}

/// run(request) -> what waits for the result
export fn asz_submitter_run(self: *Object, request: *Object) ?*Object {
    return result(Submitter.bodyOf(self).run(self, request));
}

/// start(request, owner or None) -> future
export fn asz_submitter_start(self: *Object, arguments: Arguments, count: api.Size) ?*Object {
    if (count != 2) return result(wrongCount());
    return result(Submitter.bodyOf(self).start(self, arguments[0], arguments[1]));
}

/// keep(future, decoder) -> the token of what the future waits for
export fn asz_submitter_keep(self: *Object, arguments: Arguments, count: api.Size) ?*Object {
    if (count != 2) return result(wrongCount());
    const token = Submitter.bodyOf(self).keep(arguments[0], arguments[1]) catch return null;
    return api.PyLong_FromUnsignedLongLong(token);
}

/// keeps(token) -> whether that is in flight
export fn asz_submitter_keeps(self: *Object, token: *Object) ?*Object {
    const number = api.sizeOf(token) catch return null;
    const is_kept = Submitter.bodyOf(self).waiting.keeps(number);
    return api.share(if (is_kept) api.headers.true else api.headers.false);
}

/// kept() -> [(token, future, or None where nobody waits any more)]
export fn asz_submitter_kept(self: *Object, nothing: ?*Object) ?*Object {
    _ = nothing;
    return result(Submitter.bodyOf(self).waiting.list());
}

/// forget(token): nothing comes under that
export fn asz_submitter_forget(self: *Object, token: *Object) ?*Object {
    Submitter.bodyOf(self).forget(api.sizeOf(token) catch return null);
    return api.share(api.headers.none);
}

/// abandon(token): ends what nobody waits for any more
export fn asz_submitter_abandon(self: *Object, token: *Object) ?*Object {
    Submitter.bodyOf(self).abandon(api.sizeOf(token) catch return null);
    return api.share(api.headers.none);
}

/// flush(what is let go of then): at the end of a tick
export fn asz_submitter_flush(self: *Object, end_of_tick: *Object) ?*Object {
    _ = end_of_tick;
    Submitter.bodyOf(self).flush() catch return null;
    return api.share(api.headers.none);
}

/// How many operations are in flight
export fn asz_submitter_length(self: *Object) api.Size {
    return Submitter.bodyOf(self).waiting.count;
}

/// latest: the token of what was submitted last
export fn asz_submitter_latest(self: *Object, closure: ?*anyopaque) ?*Object {
    _ = closure;
    return api.PyLong_FromUnsignedLongLong(Submitter.bodyOf(self).latest);
}

export fn asz_submitter_visit(self: *Object, visit: api.Visit, argument: ?*anyopaque) c_int {
    return Submitter.bodyOf(self).traverse(visit, argument);
}

export fn asz_submitter_clear(self: *Object) c_int {
    Submitter.bodyOf(self).clear();
    return 0;
}

/// What PyIter_Send returns.
const Sent = enum(c_int) { returns = 0, raises = -1, yields = 1 };

export fn asz_operation_send(self: *Object, value: *Object, given: *?*Object) Sent {
    _ = value;
    given.* = null;
    switch (Operation.bodyOf(self).next() catch return .raises) {
        .waits => |future| {
            given.* = future;
            return .yields;
        },
        .ends => |made| {
            given.* = made;
            return .returns;
        },
    }
}

export fn asz_operation_next(self: *Object) ?*Object {
    return result(next(self));
}

fn next(self: *Object) api.Error!*Object {
    switch (try Operation.bodyOf(self).next()) {
        .waits => |future| return future,
        .ends => |made| {
            defer api.release(made);
            // By a call, as a result that is a tuple would be taken for arguments.
            const end: ?*Object = null;
            const kind = api.headers.stop_iteration;
            const stop = try api.made(api.PyObject_CallFunctionObjArgs(kind, made, end));
            defer api.release(stop);
            api.PyErr_SetObject(kind, stop);
            return error.Raised;
        },
    }
}

/// send(value)
export fn asz_operation_send_method(self: *Object, value: *Object) ?*Object {
    _ = value;
    return asz_operation_next(self);
}

/// throw(type or exception, value, traceback)
export fn asz_operation_throw(self: *Object, arguments: Arguments, count: api.Size) ?*Object {
    if (count < 1 or count > 3) return result(wrongCount());
    Operation.bodyOf(self).abandon();
    var given: [3]?*Object = @splat(null);
    for (given[0..@intCast(count)], arguments) |*place, argument| {
        if (argument != api.headers.none) place.* = argument;
    }
    const kind, const value = if (api.isException(arguments[0]))
        .{ api.typeOf(arguments[0]), arguments[0] }
    else if (api.isExceptionClass(arguments[0]))
        .{ arguments[0], given[1] }
    else
        return result(api.raise(api.headers.type_error, "only exceptions are thrown"));
    for ([_]?*Object{ kind, value, given[2] }) |object| api.Py_IncRef(object);
    api.PyErr_Restore(kind, value, given[2]);
    return null;
}

/// close()
export fn asz_operation_close(self: *Object, nothing: ?*Object) ?*Object {
    _ = nothing;
    Operation.bodyOf(self).abandon();
    return api.share(api.headers.none);
}

export fn asz_operation_visit(self: *Object, visit: api.Visit, argument: ?*anyopaque) c_int {
    return Operation.bodyOf(self).traverse(visit, argument);
}

export fn asz_operation_clear(self: *Object) c_int {
    Operation.bodyOf(self).clear();
    return 0;
}

/// collect(target) -> number of operations that have ended and are to be resolved: see
/// Completions.zig
export fn asz_codec_collect(module: *Object, target: *Object) ?*Object {
    return result(collect(.of(module), target));
}

fn collect(state: *State, target: *Object) api.Error!*Object {
    const completions = &(state.completions orelse return Library.unbound());
    return api.made(api.PyLong_FromUnsignedLongLong(try completions.collect(target)));
}

/// resolve(target, number, bytes of a result that is the last one, submitter) -> how many are left: see
/// Completions.zig
export fn asz_codec_resolve(module: *Object, arguments: Arguments, count: api.Size) ?*Object {
    return result(resolve(.of(module), arguments[0..@intCast(count)]));
}

fn resolve(state: *State, arguments: []const *Object) api.Error!*Object {
    if (arguments.len != 4) return wrongCount();
    const completions = &(state.completions orelse return Library.unbound());
    return api.made(api.PyLong_FromUnsignedLongLong(try handOver(state, completions, arguments)));
}

fn handOver(
    state: *State,
    completions: *const Completions,
    arguments: []const *Object,
) api.Error!u64 {
    const target, const number, const bytes_max, const submitter = arguments[0..4].*;
    if (api.typeOf(submitter) != state.submitter_type) {
        return api.raise(api.headers.type_error, "a submitter has who waits");
    }
    return completions.resolve(
        target,
        try api.sizeOf(number),
        try api.sizeOf(bytes_max),
        &Submitter.bodyOf(submitter).waiting,
        state,
        decodeWith,
    );
}

/// settle(the arguments of resolve) -> whether there were some and none is left: collects, and
/// resolves so many of them
export fn asz_codec_settle(module: *Object, arguments: Arguments, count: api.Size) ?*Object {
    return result(settle(.of(module), arguments[0..@intCast(count)]));
}

fn settle(state: *State, arguments: []const *Object) api.Error!*Object {
    if (arguments.len != 4) return wrongCount();
    const completions = &(state.completions orelse return Library.unbound());
    const count = try completions.collect(arguments[0]);
    const is_done = count != 0 and try handOver(state, completions, arguments) == 0;
    return api.share(if (is_done) api.headers.true else api.headers.false);
}

/// The decoders of this module need not be called.
fn decodeWith(state: *State, decoder: *Object, bytes: []const u8) ?*Object {
    const known = &state.decoders;
    if (decoder == known.record) {
        return decodeBytes(state, bytes, Decoder.record) orelse state.cannotBeShown();
    }
    if (decoder == known.nothing) return api.share(api.headers.none);
    if (decoder == known.exists) {
        return decodeBytes(state, bytes, Decoder.exists) orelse state.cannotBeShown();
    }
    const data = api.PyBytes_FromStringAndSize(bytes.ptr, @intCast(bytes.len)) orelse return null;
    defer api.release(data);
    const end: ?*Object = null;
    return api.PyObject_CallFunctionObjArgs(decoder, data, end);
}

/// nothing(data) -> None: the decoder for what has no result
export fn asz_codec_nothing(module: *Object, data: *Object) ?*Object {
    _ = .{ module, data };
    return api.share(api.headers.none);
}

/// unpack(data) -> the value
export fn asz_codec_unpack(module: *Object, data: *Object) ?*Object {
    return decode(.of(module), data, anyValue);
}

/// unpack_value(data) -> the value, of a command's result
export fn asz_codec_unpack_value(module: *Object, data: *Object) ?*Object {
    return decodeResult(module, data, anyValue);
}

fn anyValue(decoder: *Decoder) ?*Object {
    return decoder.value(0);
}

/// unpack_record(data) -> Record
export fn asz_codec_unpack_record(module: *Object, data: *Object) ?*Object {
    return decodeResult(module, data, Decoder.record);
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
    reader.position = @min(try api.sizeOf(arguments[1]), bytes.len);
    reader.skip() catch return api.made(Decoder.malformed());
    return api.made(api.PyLong_FromLongLong(@intCast(reader.position)));
}

/// unpack_exists(data) -> ExistsResult
export fn asz_codec_unpack_exists(module: *Object, data: *Object) ?*Object {
    return decodeResult(module, data, Decoder.exists);
}

/// unpack_ordered(data) -> OperateOrderedResult
export fn asz_codec_unpack_ordered(module: *Object, data: *Object) ?*Object {
    return decodeResult(module, data, Decoder.ordered);
}

/// unpack_records(data) -> [Record]
export fn asz_codec_unpack_records(module: *Object, data: *Object) ?*Object {
    return decodeResult(module, data, Decoder.records);
}

/// unpack_rows(bytes, position, rows, count, keys or None) -> position: appends BatchRecords to the
/// list, at most so many, and returns where the next one is, which is the length of the data after
/// the last. The list's rows are of the list of keys, which need not be made again.
export fn asz_codec_unpack_rows(module: *Object, arguments: Arguments, count: api.Size) ?*Object {
    return result(unpackRows(.of(module), arguments[0..@intCast(count)]));
}

fn unpackRows(state: *State, arguments: []const *Object) api.Error!*Object {
    if (arguments.len != 5) return wrongCount();
    const source, const start, const rows, const rows_max, const asked = arguments[0..5].*;
    const bytes = try Encoder.bytesOf(source);
    const work = try state.borrow();
    defer state.giveBack(work);
    var decoder: Decoder = .init(bytes, work);
    decoder.reader.position = @min(try api.sizeOf(start), bytes.len);
    var left = try api.sizeOf(rows_max);
    const is_start = decoder.reader.position == 0;
    if (is_start) {
        const total = decoder.arrayCount() orelse return api.made(Decoder.malformed());
        left = @min(left, total);
    }
    while (left > 0 and (is_start or !decoder.reader.isAtEnd())) : (left -= 1) {
        const row = try nextRow(state, &decoder, source, rows, asked);
        defer api.release(row);
        try api.done(api.PyList_Append(rows, row));
    }
    return api.made(api.PyLong_FromLongLong(@intCast(decoder.reader.position)));
}

fn nextRow(
    state: *State,
    decoder: *Decoder,
    source: *Object,
    rows: *Object,
    asked: *Object,
) api.Error!*Object {
    const class = &state.classes.row;
    if (asked == api.headers.none) {
        return api.made(Row.read(&decoder.reader, source, null, class));
    }
    const key = try api.itemOf(asked, api.PyList_Size(rows));
    defer api.leaveItem(key);
    try decoder.ask(key);
    return api.made(Row.read(&decoder.reader, source, decoder.asked, class));
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
