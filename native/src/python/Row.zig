//! One row of a batch, as a Python object that makes its record when it is first asked for it: what
//! nobody looks at costs nothing but its place. `module.c` has the type, and the class that Python
//! derives from it has the rest.
//!
//! An object keeps the bytes of the whole batch until its record is made.
//!
//! Threads may ask the same row at the same time. They decode apart from each other, with references
//! of their own to what they need, and the first that is done gives its result to all.

const std = @import("std");
const api = @import("api.zig");
const Decoder = @import("Decoder.zig");
const State = @import("State.zig");
const msgpack = @import("../wire/msgpack.zig");

const Object = api.Object;

/// A bytes object: the rows of the batch, while there is something to be made.
source: ?*Object,
/// The key that the row was asked for with, if it is known, until the record is made.
asked: ?*Object,
/// Set when there is no record, or it was given.
key: ?*Object,
record: ?*Object,
/// The record's, when they were asked for before the record was; it gets the same.
bins: ?*Object,
/// A bytes object: what the server said went wrong, as it does of functions.
text: ?*Object,
/// Where in the source the record begins, or the key where there is none.
offset: u64,
status: i32,
in_doubt: bool,
has_record: bool,
/// Guards the members above, where threads run at the same time. Never held while anything of
/// Python's is called that could wait.
is_locked: std.atomic.Value(bool) = .init(false),
reserved: u8 = 0,

const Row = @This();

/// The one that Python code has derived.
pub const Class = struct {
    object: *Object,
    allocate: *const fn (*Object, api.Size) callconv(.c) ?*Object,

    pub fn unbound() Class {
        return .{ .object = api.headers.none, .allocate = Decoder.refuseToAllocate };
    }

    pub fn of(object: *Object) api.Error!Class {
        const allocate = api.PyType_GetSlot(object, api.slot_allocate) orelse
            return api.raise(api.headers.type_error, "a class is needed");
        return .{ .object = object, .allocate = @ptrCast(@alignCast(allocate)) };
    }
};

/// What `module.c` has room for.
pub const body_size = 64;

comptime {
    std.debug.assert(@sizeOf(Row) == body_size);
}

pub inline fn bodyOf(object: *Object) *Row {
    return api.bodyOf(Row, object);
}

/// Reads [key or nil, status, in_doubt, record or nil], perhaps with a text, and makes a row of it;
/// null with an exception. The source is a bytes object, and what the reader reads.
pub fn read(
    reader: *msgpack.Reader,
    source: *Object,
    asked: ?*Object,
    class: *const Class,
) ?*Object {
    var row: Row = .{
        .source = source,
        .asked = asked,
        .key = null,
        .record = null,
        .bins = null,
        .text = null,
        .offset = 0,
        .status = 0,
        .in_doubt = false,
        .has_record = false,
    };
    if (row.scan(reader) catch return Decoder.malformed()) |text| {
        row.text = api.PyBytes_FromStringAndSize(text.ptr, @intCast(text.len)) orelse return null;
    }
    const made = class.allocate(class.object, 0) orelse {
        api.Py_DecRef(row.text);
        return null;
    };
    api.Py_IncRef(source);
    api.Py_IncRef(asked);
    bodyOf(made).* = row;
    // A class that is derived in Python is always the collector's, but rows are part of no cycle.
    api.PyObject_GC_UnTrack(made);
    return made;
}

/// Returns the row's text, if it has one.
fn scan(row: *Row, reader: *msgpack.Reader) msgpack.ReadError!?[]const u8 {
    const count = switch (try reader.next()) {
        .array => |count| count,
        else => return error.Malformed,
    };
    if (count != 4 and count != 5) return error.Malformed;
    const key_offset = reader.position;
    const has_key = reader.peek() != nil;
    try reader.skip();
    row.status = switch (try reader.next()) {
        .int => |number| std.math.cast(i32, number) orelse return error.Malformed,
        else => return error.Malformed,
    };
    row.in_doubt = switch (try reader.next()) {
        .boolean => |flag| flag,
        else => return error.Malformed,
    };
    const record_offset = reader.position;
    row.has_record = reader.peek() != nil;
    if (row.has_record == has_key) return error.Malformed;
    row.offset = if (has_key) key_offset else record_offset;
    try reader.skip();
    if (count == 4) return null;
    return switch (try reader.next()) {
        .binary => |text| text,
        else => error.Malformed,
    };
}

const nil = 0xc0;

/// A row of what Python code gives.
pub fn fill(
    object: *Object,
    key: *Object,
    status: i32,
    in_doubt: bool,
    record: *Object,
    text: *Object,
) void {
    const has_record = record != api.headers.none;
    bodyOf(object).* = .{
        .source = null,
        .asked = null,
        .key = api.share(key),
        .record = if (has_record) api.share(record) else null,
        .bins = null,
        .text = if (text == api.headers.none) null else api.share(text),
        .offset = 0,
        .status = status,
        .in_doubt = in_doubt,
        .has_record = has_record,
    };
}

pub fn deinit(row: *Row) void {
    api.Py_DecRef(row.source);
    api.Py_DecRef(row.asked);
    api.Py_DecRef(row.key);
    api.Py_DecRef(row.record);
    api.Py_DecRef(row.bins);
    api.Py_DecRef(row.text);
    row.* = undefined;
}

/// What the type has for Python, and a last one without a name.
pub const Members = [7]api.Member;

/// The closure of each is the state.
pub fn membersOf(state: *State) Members {
    return .{
        member("key", getKey, state),
        member("result", getResult, state),
        member("in_doubt", getInDoubt, state),
        member("record", getRecord, state),
        member("bins", getBins, state),
        member("_text", getText, state),
        .{},
    };
}

fn member(
    name: [*:0]const u8,
    comptime get: fn (*Row, *State) ?*Object,
    state: *State,
) api.Member {
    const Getter = struct {
        fn call(object: *Object, closure: ?*anyopaque) callconv(.c) ?*Object {
            return get(bodyOf(object), @ptrCast(@alignCast(closure.?)));
        }
    };
    return .{ .name = name, .get = Getter.call, .closure = state };
}

fn getKey(row: *Row, state: *State) ?*Object {
    return row.madeKey(state) orelse state.cannotBeShown();
}

fn getRecord(row: *Row, state: *State) ?*Object {
    return row.madeRecord(state) orelse state.cannotBeShown();
}

fn getBins(row: *Row, state: *State) ?*Object {
    return row.madeBins(state) orelse state.cannotBeShown();
}

fn getText(row: *Row, state: *State) ?*Object {
    _ = state;
    return api.share(row.text orelse api.headers.none);
}

fn getResult(row: *Row, state: *State) ?*Object {
    _ = state;
    return api.PyLong_FromLongLong(row.status);
}

fn getInDoubt(row: *Row, state: *State) ?*Object {
    _ = state;
    return api.share(if (row.in_doubt) api.headers.true else api.headers.false);
}

inline fn lock(row: *Row) void {
    if (!api.is_free_threaded) return;
    while (row.is_locked.swap(true, .acquire)) std.Thread.yield() catch {};
}

inline fn unlock(row: *Row) void {
    if (api.is_free_threaded) row.is_locked.store(false, .release);
}

/// What a record or key is made from: references to it, as another thread may let go of the row's.
const Source = struct {
    bytes: *Object,
    asked: ?*Object,
    bins: ?*Object,

    fn deinit(source: *const Source) void {
        for ([_]?*Object{ source.bytes, source.asked, source.bins }) |object| {
            api.Py_DecRef(object);
        }
    }

    fn decoder(source: *const Source, offset: u64, work: *State.Work) ?Decoder {
        const bytes = api.readable(source.bytes) catch return null;
        var made: Decoder = .init(bytes, work);
        made.reader.position = @intCast(offset);
        if (source.asked) |asked| made.ask(asked) catch return null;
        made.bins = source.bins;
        return made;
    }
};

/// Null when all has been made. Python code may make it meanwhile, too: values of extension types
/// are made by such.
fn sourceOf(row: *Row) ?Source {
    row.lock();
    defer row.unlock();
    const bytes = row.source orelse return null;
    const source: Source = .{ .bytes = bytes, .asked = row.asked, .bins = row.bins };
    for ([_]?*Object{ source.bytes, source.asked, source.bins }) |object| api.Py_IncRef(object);
    return source;
}

/// A new reference to the key; null with an exception.
fn madeKey(row: *Row, state: *State) ?*Object {
    if (!row.make(state)) return null;
    row.lock();
    defer row.unlock();
    if (row.key) |key| return api.share(key);
    return api.share(api.PyTuple_GetItem(row.record.?, 0) orelse return null);
}

/// A new reference to the record or None; null with an exception.
fn madeRecord(row: *Row, state: *State) ?*Object {
    if (!row.has_record) return api.share(api.headers.none);
    if (!row.make(state)) return null;
    row.lock();
    defer row.unlock();
    return api.share(row.record.?);
}

/// A new reference to the record's bins or None; null with an exception. Who asks for nothing else
/// is spared the rest of the record.
fn madeBins(row: *Row, state: *State) ?*Object {
    if (!row.has_record) return api.share(api.headers.none);
    if (row.knownBins()) |bins| return bins;
    const source = row.sourceOf() orelse return row.binsOfRecord();
    defer source.deinit();
    const work = state.borrow() catch return null;
    defer state.giveBack(work);
    var decoder = source.decoder(row.offset, work) orelse return null;
    const made = decoder.withoutCollector(Decoder.binsOfRecord) orelse return null;
    if (row.takeBins(made)) return made;
    // Somebody else has made them meanwhile.
    api.release(made);
    return row.knownBins() orelse row.binsOfRecord();
}

fn knownBins(row: *Row) ?*Object {
    row.lock();
    defer row.unlock();
    return api.share(row.bins orelse return null);
}

/// Of the record that there is.
fn binsOfRecord(row: *Row) ?*Object {
    row.lock();
    const record = api.share(row.record.?);
    row.unlock();
    defer api.release(record);
    return api.PyObject_GetAttrString(record, "bins");
}

/// Whether the row has none yet, and takes these.
fn takeBins(row: *Row, made: *Object) bool {
    row.lock();
    defer row.unlock();
    if (row.bins != null or row.record != null) return false;
    row.bins = api.share(made);
    return true;
}

/// Makes what there is to be made, and lets go of the source. False with an exception.
fn make(row: *Row, state: *State) bool {
    const source = row.sourceOf() orelse return true;
    defer source.deinit();
    const work = state.borrow() catch return false;
    defer state.giveBack(work);
    var decoder = source.decoder(row.offset, work) orelse return false;
    const made = (if (row.has_record) decoder.withoutCollector(Decoder.record) else decoder.key()) orelse
        return false;
    // With bins that somebody has been given meanwhile it is made again, of these.
    return row.takeMade(made, source.bins) or row.make(state);
}

/// Takes the reference over: the record, or the key where there is none. False when the row has other
/// bins than those that it was made with.
fn takeMade(row: *Row, made: *Object, made_with: ?*Object) bool {
    row.lock();
    const source = row.source;
    const asked = row.asked;
    const bins = row.bins;
    if (source == null or bins != made_with) {
        row.unlock();
        api.release(made);
        return source == null;
    }
    if (row.has_record) row.record = made else row.key = made;
    row.source = null;
    row.asked = null;
    row.bins = null;
    row.unlock();
    for ([_]?*Object{ source, asked, bins }) |object| api.Py_DecRef(object);
    return true;
}
