//! Operations that were submitted: into the library, and from there into the futures that wait for
//! them. While the library works, others have the GIL. A loop's thread alone uses what it waits with.

const std = @import("std");
const api = @import("api.zig");
const Encoder = @import("Encoder.zig");
const structs = @import("../structs.zig");
const Library = @import("Library.zig");
const Waiting = @import("Waiting.zig");

const Object = api.Object;
const asz_completion = structs.asz_completion;
const asz_error = structs.asz_error;

/// A larger result may be made into values in steps.
const bytes_at_once_max = 256 * 1024;

submit: Submit,
submit_waiting: Submit,
flush: *const fn (client: *anyopaque) callconv(.c) void,
cancel: *const fn (client: *anyopaque, token: u64) callconv(.c) void,
drain: *const fn (
    client: *anyopaque,
    completions: [*]asz_completion,
    max: u32,
    data: [*]u8,
    capacity: u64,
    needed: *u64,
) callconv(.c) u32,
/// Called with client, token and request where the number is negative.
submit_otherwise: *Object,
/// Called with future, decoder, status and bytes of what has failed, or is large.
resolve_otherwise: *Object,
/// Called with a future and an exception.
reject: *Object,
/// By the token of an operation, what it keeps until it has ended.
owners: *Object,
/// What futures usually are, and two of its methods, which are looked for by name in others.
future_type: *Object,
future_set_result: *Object,
future_result: *Object,
/// Names of a future's members, and what the first raises when the future was cancelled.
set_result: *Object,
result: *Object,
future_blocking: *Object,
invalid_state: *Object,

const Completions = @This();

const Submit = *const fn (
    client: *anyopaque,
    token: u64,
    number: i32,
    request: [*]const u8,
    request_len: u64,
    policy: ?*anyopaque,
    err: *asz_error,
) callconv(.c) i32;

/// Takes the members in their order; functions as their addresses.
pub fn bind(arguments: []const *Object) api.Error!Completions {
    return Library.boundTo(Completions, arguments);
}

/// Has the library begin a request, perhaps with others that come at the same time. The owner, unless
/// it is None, is kept until the command has ended.
pub fn begin(
    completions: *const Completions,
    library: *const Library,
    memories: *Library.Memories,
    client: *anyopaque,
    number: u64,
    request: *const Library.Request,
    owner: *Object,
    waits: bool,
) api.Error!void {
    const memory = try memories.take();
    defer memories.put(memory);
    // Before a signal's handler can come between.
    const is_owned = owner != api.headers.none;
    if (is_owned) try completions.own(number, owner);
    const function = if (waits) completions.submit_waiting else completions.submit;
    // What waits is as soon done as others would have the GIL.
    const thread = if (waits) null else api.PyEval_SaveThread();
    const status = function(
        client,
        number,
        request.number,
        request.encoded.ptr,
        request.encoded.len,
        request.policy,
        &memory.err,
    );
    if (thread) |saved| api.PyEval_RestoreThread(saved);
    if (status == 0) return;
    if (is_owned) api.Py_DecRef(try completions.takeOwner(number));
    return library.fail(&memory.err);
}

fn own(completions: *const Completions, number: u64, owner: *Object) api.Error!void {
    const token = try api.made(api.PyLong_FromUnsignedLongLong(number));
    defer api.release(token);
    try api.done(api.PyDict_SetItem(completions.owners, token, owner));
}

/// What an operation has kept, if anything.
fn takeOwner(completions: *const Completions, number: u64) api.Error!?*Object {
    const owners = completions.owners;
    if (api.PyDict_Size(owners) == 0) return null;
    const token = try api.made(api.PyLong_FromUnsignedLongLong(number));
    defer api.release(token);
    const owner = api.PyDict_GetItemWithError(owners, token) orelse {
        if (api.PyErr_Occurred() != null) return error.Raised;
        return null;
    };
    api.Py_IncRef(owner);
    errdefer api.release(owner);
    try api.done(api.PyDict_DelItem(owners, token));
    return owner;
}

/// What has no command of the library.
pub fn beginOtherwise(
    completions: *const Completions,
    client: *Object,
    number: u64,
    request: *Object,
) api.Error!void {
    const token = try api.made(api.PyLong_FromUnsignedLongLong(number));
    defer api.release(token);
    const end: ?*Object = null;
    const function = completions.submit_otherwise;
    const none = api.PyObject_CallFunctionObjArgs(function, client, token, request, end);
    api.release(try api.made(none));
}

/// Where operations that have ended are collected: bytes with the addresses of what Python keeps.
const Target = extern struct {
    client: *anyopaque,
    completions: [*]asz_completion,
    completions_max: u64,
    state: *State,

    const State = extern struct {
        /// For the results.
        data: [*]u8,
        data_size: u64,
        /// The size of a result that has no room; else 0.
        needed: u64,
        collected: u64,
        /// Of those, from the first on. A decoder may run the loop, which then goes on from here.
        resolved: u64,

        fn left(state: *const State) u64 {
            return state.collected -| state.resolved;
        }
    };

    fn of(object: *Object) api.Error!Target {
        const bytes = try Encoder.bytesOf(object);
        if (bytes.len != @sizeOf(Target)) {
            return api.raise(api.headers.value_error, "the target has another size");
        }
        return std.mem.bytesToValue(Target, bytes);
    }
};

/// Collects what has ended, unless some of what was collected before is left. Returns how many
/// operations are to be resolved.
pub fn collect(completions: *const Completions, object: *Object) api.Error!u64 {
    const target: Target = try .of(object);
    const state = target.state;
    if (state.left() != 0) return state.left();
    const thread = api.PyEval_SaveThread();
    defer api.PyEval_RestoreThread(thread);
    const count = completions.drain(
        target.client,
        target.completions,
        @intCast(target.completions_max),
        state.data,
        state.data_size,
        &state.needed,
    );
    state.resolved = 0;
    state.collected = count;
    return count;
}

/// Resolves the futures of so many operations that were collected, or up to one with a result of so
/// many bytes. Returns how many are left.
///
/// Of what is not kept under its token, or that nobody waits for any more, there is nobody to tell.
pub fn resolve(
    completions: *const Completions,
    object: *Object,
    count_max: usize,
    bytes_max: usize,
    waiting: *Waiting,
    context: anytype,
    comptime make: fn (@TypeOf(context), *Object, []const u8) ?*Object,
) api.Error!u64 {
    const target: Target = try .of(object);
    const state = target.state;
    for (0..count_max) |_| {
        if (state.left() == 0) break;
        const completion = target.completions[state.resolved];
        const owner = try completions.takeOwner(completion.token);
        defer api.Py_DecRef(owner);
        const who = waiting.take(completion.token);
        defer if (who) |kept| kept.release();
        state.resolved += 1;
        const data = state.data[completion.offset..][0..completion.length];
        if (who) |kept| try completions.hand(&kept, completion.status, data, context, make);
        if (completion.length >= bytes_max) break;
    }
    return state.left();
}

/// Tells a future what its decoder makes of the result.
fn hand(
    completions: *const Completions,
    who: *const Waiting.Who,
    status: i64,
    data: []const u8,
    context: anytype,
    comptime make: fn (@TypeOf(context), *Object, []const u8) ?*Object,
) api.Error!void {
    const future = who.future orelse return;
    const decoder = who.decoder orelse return;
    if (status != 0 or data.len > bytes_at_once_max) {
        return afterSignals(tellOtherwise, .{ completions, future, decoder, status, data });
    }
    if (make(context, decoder, data)) |made| {
        defer api.release(made);
        return afterSignals(tell, .{ completions, future, made });
    }
    const raised: api.Raised = .take();
    defer raised.forget();
    return afterSignals(tellRaised, .{ completions, future, raised });
}

/// Handlers of signals have their turn before a future is told, rather than in the midst of it, where
/// one that raises leaves the future with a result of which nobody hears.
fn afterSignals(comptime function: anytype, arguments: anytype) api.Error!void {
    const interrupt: ?api.Raised = if (api.PyErr_CheckSignals() < 0) .take() else null;
    const told: api.Error!void = @call(.auto, function, arguments);
    const raised = interrupt orelse return told;
    raised.raise();
    return error.Raised;
}

fn tell(completions: *const Completions, future: *Object, made: *Object) api.Error!void {
    const end: ?*Object = null;
    const returned = if (api.typeOf(future) == completions.future_type)
        api.PyObject_CallFunctionObjArgs(completions.future_set_result, future, made, end)
    else
        api.PyObject_CallMethodObjArgs(future, completions.set_result, made, end);
    if (returned) |none| return api.release(none);
    if (api.PyErr_ExceptionMatches(completions.invalid_state) == 0) return error.Raised;
    api.PyErr_Clear();
}

/// What a future has as its result; it raises what it has as its exception.
pub fn resultOf(completions: *const Completions, future: *Object) ?*Object {
    const end: ?*Object = null;
    if (api.typeOf(future) == completions.future_type) {
        return api.PyObject_CallFunctionObjArgs(completions.future_result, future, end);
    }
    return api.PyObject_CallMethodObjArgs(future, completions.result, end);
}

/// Has the future raise the exception.
fn tellRaised(
    completions: *const Completions,
    future: *Object,
    raised: api.Raised,
) api.Error!void {
    @branchHint(.cold);
    const end: ?*Object = null;
    api.release(try api.made(
        api.PyObject_CallFunctionObjArgs(completions.reject, future, raised.value.?, end),
    ));
}

fn tellOtherwise(
    completions: *const Completions,
    future: *Object,
    decoder: *Object,
    status: i64,
    data: []const u8,
) api.Error!void {
    @branchHint(.cold);
    return completions.resolveOtherwise(future, decoder, status, data) catch {
        // Such as that there is no memory to copy a large result to.
        const raised: api.Raised = .take();
        defer raised.forget();
        return completions.tellRaised(future, raised);
    };
}

fn resolveOtherwise(
    completions: *const Completions,
    future: *Object,
    decoder: *Object,
    status: i64,
    data: []const u8,
) api.Error!void {
    const number = try api.made(api.PyLong_FromLongLong(status));
    defer api.release(number);
    const bytes = try api.made(api.PyBytes_FromStringAndSize(data.ptr, @intCast(data.len)));
    defer api.release(bytes);
    const end: ?*Object = null;
    api.release(try api.made(api.PyObject_CallFunctionObjArgs(
        completions.resolve_otherwise,
        future,
        decoder,
        number,
        bytes,
        end,
    )));
}
