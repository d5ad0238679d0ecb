//! What submits requests of one client on one event loop. Each gets a token and a future, which it
//! keeps until `Completions.resolve` has the result.
//!
//! Reads that are submitted in one tick of the loop may wait for its end, and travel together then.
//! With few in flight a read is sent at once: a batch costs more than a few single commands do. In a
//! tick after one with many, the first waits, too.
//!
//! The loop's thread alone uses it.

const std = @import("std");
const api = @import("api.zig");
const Completions = @import("Completions.zig");
const Library = @import("Library.zig");
const Operation = @import("Operation.zig");
const State = @import("State.zig");
const Waiting = @import("Waiting.zig");

const Object = api.Object;

const few = 4;

state: *State,
/// cffi's pointer, and what it points to.
client_object: ?*Object,
client: *anyopaque,
waiting: Waiting,
/// Makes a future of the loop, with no arguments but these, a dict; null: with none.
create_future: ?*Object,
keywords: ?*Object,
no_arguments: ?*Object,
/// Of the loop.
call_soon: ?*Object,
/// The numbers of the commands that may travel together, a bit for each.
gathered: u64,
/// How many wait for the end of this tick, and have waited in the one before.
held: u32,
held_before: u32,
/// The token of what was submitted last.
latest: u64,

const Submitter = @This();

/// What `module.c` has room for.
pub const body_size = 128;

comptime {
    std.debug.assert(@sizeOf(Submitter) == body_size);
}

pub inline fn bodyOf(object: *Object) *Submitter {
    return api.bodyOf(Submitter, object);
}

/// Of client, create_future, keywords, call_soon and gathered.
pub fn make(state: *State, arguments: []const *Object) api.Error!*Object {
    const library = &(state.library orelse return Library.unbound());
    const client, const create_future, const keywords, const call_soon, const gathered =
        arguments[0..5].*;
    const has_keywords = keywords != api.headers.none;
    if (has_keywords and api.typeOf(keywords) != api.headers.dict_type) {
        return api.raise(api.headers.type_error, "keywords are in a dict");
    }
    const pointer = try library.pointerOf(client, library.client_type);
    const bits = try api.sizeOf(gathered);
    const no_arguments = try api.made(api.PyTuple_New(0));
    errdefer api.release(no_arguments);
    const object = try api.made(api.PyType_GenericAlloc(state.submitter_type, 0));
    bodyOf(object).* = .{
        .state = state,
        .client_object = api.share(client),
        .client = pointer,
        .waiting = .{},
        .create_future = api.share(create_future),
        .keywords = if (has_keywords) api.share(keywords) else null,
        .no_arguments = no_arguments,
        .call_soon = api.share(call_soon),
        .gathered = bits,
        .held = 0,
        .held_before = 0,
        .latest = 0,
    };
    return object;
}

fn references(submitter: *Submitter) [5]*?*Object {
    return .{
        &submitter.create_future,
        &submitter.keywords,
        &submitter.no_arguments,
        &submitter.call_soon,
        // The last, as what the others let go of may ask for more.
        &submitter.client_object,
    };
}

pub fn traverse(submitter: *Submitter, visit: api.Visit, argument: ?*anyopaque) c_int {
    const status = submitter.waiting.traverse(visit, argument);
    if (status != 0) return status;
    return api.visitAll(&submitter.references(), visit, argument);
}

/// Nothing is submitted any more.
pub fn clear(submitter: *Submitter) void {
    submitter.waiting.clear();
    for (submitter.references()) |place| api.let(place, null);
}

/// Has a future wait, and returns the token, which nothing else of the process has. Both references
/// are shared.
pub fn keep(submitter: *Submitter, future: *Object, decoder: *Object) api.Error!u64 {
    if (submitter.client_object == null) return cleared();
    const serial = submitter.state.serials.fetchAdd(1, .monotonic) + 1;
    const who: Waiting.Who = .{ .future = api.share(future), .decoder = api.share(decoder) };
    submitter.latest = submitter.waiting.keep(serial, who) catch {
        who.release();
        _ = api.PyErr_NoMemory();
        return error.Raised;
    };
    return submitter.latest;
}

/// Nothing comes under the token.
pub fn forget(submitter: *Submitter, token: u64) void {
    if (submitter.waiting.take(token)) |who| who.release();
}

/// Submits a request; a future gets what its decoder makes of the result. The owner, unless it is
/// None, is kept until the command has ended.
pub fn start(
    submitter: *Submitter,
    self: *Object,
    object: *Object,
    owner: *Object,
) api.Error!*Object {
    const library = &(submitter.state.library orelse return Library.unbound());
    const request: Library.Request = try .of(library, object);
    return submitter.startMade(self, &request, object, owner);
}

/// The object may be null where the request has a command of the library.
fn startMade(
    submitter: *Submitter,
    self: *Object,
    request: *const Library.Request,
    object: ?*Object,
    owner: *Object,
) api.Error!*Object {
    const state = submitter.state;
    const library = &(state.library orelse return Library.unbound());
    const completions = &(state.completions orelse return Library.unbound());
    const future = try submitter.makeFuture();
    errdefer api.release(future);
    const number = try submitter.keep(future, request.decoder);
    // What is called of Python may have submitted something, too.
    defer submitter.latest = number;
    submitter.begin(self, library, completions, request, number, object, owner) catch {
        const raised: api.Raised = .take();
        defer raised.raise();
        submitter.forget(number);
        return error.Raised;
    };
    return future;
}

fn makeFuture(submitter: *const Submitter) api.Error!*Object {
    const create_future = submitter.create_future orelse return cleared();
    const keywords = submitter.keywords orelse
        return api.made(api.PyObject_CallNoArgs(create_future));
    return api.made(api.PyObject_Call(create_future, submitter.no_arguments.?, keywords));
}

fn cleared() api.Error {
    return api.raise(api.headers.value_error, "the client is gone");
}

fn begin(
    submitter: *Submitter,
    self: *Object,
    library: *const Library,
    completions: *const Completions,
    request: *const Library.Request,
    number: u64,
    object: ?*Object,
    owner: *Object,
) api.Error!void {
    if (request.number < 0) {
        const client = submitter.client_object orelse return cleared();
        return completions.beginOtherwise(client, number, object.?);
    }
    const waits = submitter.mayWait(request.number);
    if (waits) try submitter.holdUntilEndOfTick(self);
    const memories = &submitter.state.memories;
    try completions.begin(library, memories, submitter.client, number, request, owner, waits);
    // Of a loop that has not waited for the end of the tick.
    if (waits and submitter.held == 0) try submitter.flush();
}

fn mayWait(submitter: *const Submitter, number: i32) bool {
    if (number >= 64 or submitter.gathered >> @intCast(number) & 1 == 0) return false;
    if (submitter.held > 0 or submitter.held_before >= few) return true;
    return submitter.waiting.count > few;
}

fn holdUntilEndOfTick(submitter: *Submitter, self: *Object) api.Error!void {
    submitter.held += 1;
    if (submitter.held > 1) return;
    // What is called of Python may have submitted more.
    errdefer submitter.flush() catch {};
    const flushing = try api.made(api.PyObject_GetAttrString(self, "flush"));
    defer api.release(flushing);
    const end_of_tick = try api.made(api.PyCapsule_New(self, tick_name, flushLost));
    defer api.release(end_of_tick);
    api.Py_IncRef(self);
    const end: ?*Object = null;
    const call_soon = submitter.call_soon orelse return cleared();
    api.release(try api.made(api.PyObject_CallFunctionObjArgs(call_soon, flushing, end_of_tick, end)));
}

const tick_name = "aerospike_py._codec.tick";

/// At the end of what a loop was to call back with. It may have lost that, as it does where a signal's
/// handler raises before the call: what waits would do so for ever.
fn flushLost(end_of_tick: *Object) callconv(.c) void {
    const pointer = api.PyCapsule_GetPointer(end_of_tick, tick_name) orelse return;
    const self: *Object = @ptrCast(pointer);
    const raised: api.Raised = .takeAsIs();
    const submitter = bodyOf(self);
    if (submitter.held != 0) submitter.flush() catch api.PyErr_Clear();
    api.release(self);
    raised.raise();
}

/// The tick is over.
pub fn flush(submitter: *Submitter) api.Error!void {
    submitter.held_before = submitter.held;
    submitter.held = 0;
    const completions = &(submitter.state.completions orelse return Library.unbound());
    if (submitter.client_object == null) return;
    const thread = api.PyEval_SaveThread();
    defer api.PyEval_RestoreThread(thread);
    completions.flush(submitter.client);
}

/// Submits a request, and returns what waits for it.
pub fn run(submitter: *Submitter, self: *Object, object: *Object) api.Error!*Object {
    return submitter.wait(self, try submitter.start(self, object, api.headers.none));
}

/// The same of one that has a command of the library.
pub fn runMade(
    submitter: *Submitter,
    self: *Object,
    request: *const Library.Request,
) api.Error!*Object {
    std.debug.assert(request.number >= 0);
    return submitter.wait(self, try submitter.startMade(self, request, null, api.headers.none));
}

/// For what was submitted last; takes the reference to its future over.
fn wait(submitter: *Submitter, self: *Object, future: *Object) api.Error!*Object {
    const token = submitter.latest;
    return Operation.make(submitter.state, self, future, token) catch {
        const raised: api.Raised = .take();
        defer raised.raise();
        submitter.abandon(token);
        api.release(future);
        return error.Raised;
    };
}

/// Nobody waits for it any more: it ends early, unless it has ended, and nobody is told.
pub fn abandon(submitter: *Submitter, number: u64) void {
    const completions = &(submitter.state.completions orelse return);
    const who = submitter.waiting.leave(number) orelse return;
    completions.cancel(submitter.client, number);
    who.release();
}
