//! Operations that were submitted: into the library, and from there into the futures that wait for
//! them. While the library works, others have the GIL. A loop's thread alone uses what it waits with.

const std = @import("std");
const api = @import("api.zig");
const Encoder = @import("Encoder.zig");
const structs = @import("../structs.zig");
const Library = @import("Library.zig");

const Object = api.Object;
const asz_completion = structs.asz_completion;
const asz_error = structs.asz_error;
const member = Library.member;

/// A larger result may be made into values in steps.
const bytes_at_once_max = 256 * 1024;

submit: Submit,
submit_waiting: Submit,
drain: *const fn (
    client: *anyopaque,
    completions: [*]asz_completion,
    max: u32,
    data: [*]u8,
    capacity: u64,
    needed: *u64,
) callconv(.c) u32,
/// Called with future, decoder, status and bytes of what has failed, or is large.
resolve_otherwise: *Object,
/// Called with a future and an exception.
reject: *Object,
/// By the token of an operation, what it keeps until it has ended.
owners: *Object,
forget_owner: *Object,
/// The name of a future's method, and what that raises when the future was cancelled.
set_result: *Object,
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
/// it is None, is kept until the operation has ended.
pub fn begin(
    completions: *const Completions,
    library: *const Library,
    memories: *Library.Memories,
    client: *Object,
    token: *Object,
    object: *Object,
    owner: *Object,
    waits: bool,
) api.Error!void {
    const request: Library.Request = try .of(library, object);
    const pointer = try library.pointerOf(client, library.client_type);
    const number: u64 = @intCast(try api.sizeOf(token));
    const memory = try memories.take();
    defer memories.put(memory);
    // Before a signal's handler can come between.
    const is_owned = owner != api.headers.none;
    if (is_owned) try api.done(api.PyDict_SetItem(completions.owners, token, owner));
    const thread = api.PyEval_SaveThread();
    const status = (if (waits) completions.submit_waiting else completions.submit)(
        pointer,
        number,
        request.number,
        request.encoded.ptr,
        request.encoded.len,
        request.policy,
        &memory.err,
    );
    api.PyEval_RestoreThread(thread);
    if (status == 0) return;
    if (is_owned) try api.done(api.PyDict_DelItem(completions.owners, token));
    return library.fail(&memory.err);
}

/// Where operations that have ended are collected: bytes with the addresses of what Python keeps.
const Target = extern struct {
    client: *anyopaque,
    completions: [*]asz_completion,
    completions_max: u64,
    /// For their results.
    data: [*]u8,
    data_size: u64,
    state: *State,

    const State = extern struct {
        /// The size of a result that has no room; else 0.
        needed: u64,
        collected: u64,
    };

    fn of(object: *Object) api.Error!Target {
        const bytes = try Encoder.bytesOf(object);
        if (bytes.len != @sizeOf(Target)) {
            return api.raise(api.headers.value_error, "the target has another size");
        }
        return std.mem.bytesToValue(Target, bytes);
    }
};

/// Collects what has ended, and returns how many operations that are.
pub fn collect(completions: *const Completions, object: *Object) api.Error!u32 {
    const target: Target = try .of(object);
    const thread = api.PyEval_SaveThread();
    defer api.PyEval_RestoreThread(thread);
    const count = completions.drain(
        target.client,
        target.completions,
        @intCast(target.completions_max),
        target.data,
        target.data_size,
        &target.state.needed,
    );
    target.state.collected = count;
    return count;
}

/// Resolves the futures of operations that were collected, from `first` and up to `end`, or to one
/// with a result of so many bytes. Returns the first one that is left.
///
/// `waiting` is a dict of (future, decoder) by token. Where it has none, there is nobody to tell.
pub fn resolve(
    completions: *const Completions,
    object: *Object,
    first: usize,
    end: usize,
    bytes_max: usize,
    waiting: *Object,
    context: anytype,
    comptime make: fn (@TypeOf(context), *Object, []const u8) ?*Object,
) api.Error!usize {
    const target: Target = try .of(object);
    if (end > target.completions_max) {
        return api.raise(api.headers.value_error, "there are not so many completions");
    }
    var index = first;
    while (index < end) {
        const completion = target.completions[index];
        index += 1;
        const token = try api.made(api.PyLong_FromUnsignedLongLong(completion.token));
        defer api.release(token);
        if (api.PyDict_Size(completions.owners) != 0) try completions.forget(token);
        const entry = api.PyDict_GetItemWithError(waiting, token) orelse {
            if (api.PyErr_Occurred() != null) return error.Raised;
            continue;
        };
        api.Py_IncRef(entry);
        defer api.release(entry);
        try api.done(api.PyDict_DelItem(waiting, token));
        const future = try member(entry, 0);
        const decoder = try member(entry, 1);
        const data = target.data[completion.offset..][0..completion.length];
        if (completion.status != 0 or data.len > bytes_at_once_max) {
            const arguments = .{ completions, future, decoder, completion.status, data };
            try afterSignals(tellOtherwise, arguments);
        } else if (make(context, decoder, data)) |made| {
            defer api.release(made);
            try afterSignals(tell, .{ completions, future, made });
        } else {
            const raised: api.Raised = .take();
            defer raised.forget();
            try afterSignals(tellRaised, .{ completions, future, raised });
        }
        if (data.len >= bytes_max) break;
    }
    return index;
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
    if (api.PyObject_CallMethodObjArgs(future, completions.set_result, made, end)) |none| {
        return api.release(none);
    }
    if (api.PyErr_ExceptionMatches(completions.invalid_state) == 0) return error.Raised;
    api.PyErr_Clear();
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

fn forget(completions: *const Completions, token: *Object) api.Error!void {
    const end: ?*Object = null;
    api.release(try api.made(
        api.PyObject_CallFunctionObjArgs(completions.forget_owner, token, end),
    ));
}
