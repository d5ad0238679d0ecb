//! Functions in place of some of the package's: they do what is usual, and leave the rest to those.
//!
//! Each is a function of Python's that has what it needs in a tuple.

const api = @import("api.zig");
const Library = @import("Library.zig");
const State = @import("State.zig");
const Submitter = @import("Submitter.zig");
const usual = @import("usual.zig");

const Object = api.Object;

fn make(method: *const api.Method, members: []const *Object) api.Error!*Object {
    const tuple = try api.tupleOf(members);
    defer api.release(tuple);
    return api.made(api.PyCFunction_NewEx(method, tuple, null));
}

fn membersOf(comptime count: usize, tuple: *Object) api.Error![count]*Object {
    var members: [count]*Object = undefined;
    for (&members, 0..) |*member, index| {
        member.* = try api.made(api.PyTuple_GetItem(tuple, @intCast(index)));
    }
    return members;
}

const or_default: api.Method = .fast("or_default", callOrDefault);

/// Of a value and a function: a function that returns the value when all arguments are None, and else
/// what the other one does.
pub fn orDefault(value: *Object, function: *Object) api.Error!*Object {
    return make(&or_default, &.{ value, function });
}

fn callOrDefault(tuple: *Object, arguments: [*]const *Object, count: api.Size) callconv(.c) ?*Object {
    const value, const function = membersOf(2, tuple) catch return null;
    const given = arguments[0..@intCast(count)];
    for (given) |argument| {
        if (argument != api.headers.none) break;
    } else return api.share(value);
    const all = api.tupleOf(given) catch return null;
    defer api.release(all);
    return api.PyObject_Call(function, all, null);
}

const key_request: api.Method = .fast("key_request", callKeyRequest);

/// Of a module of the codec, a command, an object and the name of its function of a policy, a function
/// of a key, and a decoder. A function of a key and a policy that makes the request; the one of a key
/// is called for unusual ones.
pub fn keyRequest(arguments: []const *Object) api.Error!*Object {
    return make(&key_request, arguments);
}

fn callKeyRequest(tuple: *Object, given: [*]const *Object, count: api.Size) callconv(.c) ?*Object {
    if (count != 2) {
        api.raise(api.headers.type_error, "a key and a policy make a request") catch return null;
    }
    return makeRequest(tuple, given[0], given[1]) catch null;
}

fn makeRequest(tuple: *Object, key: *Object, policy: *Object) api.Error!*Object {
    const module, const command, const policies, const name, const encode_key, const decoder =
        try membersOf(6, tuple);
    const encoded = try encode(.of(module), key, encode_key);
    defer api.release(encoded);
    const policy_struct = try policyOf(policies, name, policy);
    defer api.release(policy_struct);
    return api.tupleOf(&.{ command, encoded, policy_struct, decoder });
}

fn policyOf(policies: *Object, name: *Object, policy: *Object) api.Error!*Object {
    const end: ?*Object = null;
    return api.made(api.PyObject_CallMethodObjArgs(policies, name, policy, end));
}

fn encode(state: *State, key: *Object, encode_key: *Object) api.Error!*Object {
    const made = try usual.pack(state, &.{key}, usual.key);
    if (made != api.headers.none) return made;
    api.release(made);
    const end: ?*Object = null;
    return api.made(api.PyObject_CallFunctionObjArgs(encode_key, key, end));
}

const submit_directly: api.Method = .of("submit_directly", callSubmitDirectly);

/// Of a module of the codec, a list, a dict and a name in it, and a function. In the list are a
/// submitter or None, a function that says whether the submitter's loop runs, what it says then, and
/// the thread of the loop. A function that submits a request if there is a submitter, the loop runs
/// here, and the dict has None; else what the other one does.
pub fn submitDirectly(arguments: []const *Object) api.Error!*Object {
    _, const places, const switches, _, _ = arguments[0..5].*;
    if (api.typeOf(places) != api.headers.list_type or
        api.typeOf(switches) != api.headers.dict_type)
    {
        return api.raise(api.headers.type_error, "places are in a list, and switches in a dict");
    }
    return make(&submit_directly, arguments);
}

const submit_key: api.Method = .fast("submit_key", callSubmitKey);

/// Of one function that `submitDirectly` has made, and one that `keyRequest` has: a function of a key
/// and a policy that does what both do, one after the other.
pub fn submitKey(arguments: []const *Object) api.Error!*Object {
    const submits, const requests = arguments[0..2].*;
    const direct = try boundTo(submits, &callSubmitDirectly);
    const request = try boundTo(requests, &callKeyRequest);
    return make(&submit_key, &.{ direct, request });
}

/// What a function of this file has in its tuple.
fn boundTo(object: *Object, function: *const anyopaque) api.Error!*Object {
    const called = api.PyCFunction_GetFunction(object) orelse return error.Raised;
    if (called != function) return api.raise(api.headers.type_error, "a function of another kind");
    return api.made(api.PyCFunction_GetSelf(object));
}

/// More than most keys take.
const key_bytes_usual = 256;

fn callSubmitKey(both: *Object, given: [*]const *Object, count: api.Size) callconv(.c) ?*Object {
    if (count != 2) {
        api.raise(api.headers.type_error, "a key and a policy make a request") catch return null;
    }
    return submitOf(both, given[0], given[1]) catch null;
}

fn submitOf(both: *Object, key: *Object, policy: *Object) api.Error!*Object {
    const direct, const requests = try membersOf(2, both);
    const module, const command, const policies, const named, _, const decoder =
        try membersOf(6, requests);
    const state: *State = .of(module);
    var memory: [key_bytes_usual]u8 = undefined;
    if (try usual.packKey(state, key, &memory)) |encoded| {
        const policy_struct = try policyOf(policies, named, policy);
        defer api.release(policy_struct);
        _, const places, const switches, const name, _ = try membersOf(5, direct);
        if (try submitterOf(state, places, switches, name)) |submitter| {
            defer api.release(submitter);
            const library = &(state.library orelse return Library.unbound());
            const request: Library.Request =
                try .made(library, command, encoded, policy_struct, decoder);
            return Submitter.bodyOf(submitter).runMade(submitter, &request);
        }
        const bytes = try api.made(api.PyBytes_FromStringAndSize(encoded.ptr, @intCast(encoded.len)));
        defer api.release(bytes);
        const request = try api.tupleOf(&.{ command, bytes, policy_struct, decoder });
        defer api.release(request);
        return callOtherwise(direct, request);
    }
    const request = try makeRequest(requests, key, policy);
    defer api.release(request);
    return submit(direct, request);
}

fn callSubmitDirectly(tuple: *Object, request: *Object) callconv(.c) ?*Object {
    return submit(tuple, request) catch null;
}

fn submit(tuple: *Object, request: *Object) api.Error!*Object {
    const module, const places, const switches, const name, _ = try membersOf(5, tuple);
    if (try submitterOf(.of(module), places, switches, name)) |submitter| {
        defer api.release(submitter);
        return Submitter.bodyOf(submitter).run(submitter, request);
    }
    return callOtherwise(tuple, request);
}

fn callOtherwise(tuple: *Object, request: *Object) api.Error!*Object {
    _, _, _, _, const otherwise = try membersOf(5, tuple);
    const end: ?*Object = null;
    return api.made(api.PyObject_CallFunctionObjArgs(otherwise, request, end));
}

/// The one that may be used here and now.
fn submitterOf(
    state: *const State,
    places: *Object,
    switches: *Object,
    name: *Object,
) api.Error!?*Object {
    const submitter = try place(places, 0);
    errdefer api.release(submitter);
    if (api.typeOf(submitter) == state.submitter_type and
        try isOff(switches, name) and try isHere(places)) return submitter;
    api.release(submitter);
    return null;
}

/// What runs meanwhile may close the client, which empties its places.
fn place(places: *Object, index: api.Size) api.Error!*Object {
    const borrowed = try api.itemOf(places, index);
    defer api.leaveItem(borrowed);
    return api.share(borrowed);
}

fn isOff(switches: *Object, name: *Object) api.Error!bool {
    const active = api.PyDict_GetItemWithError(switches, name);
    if (active == null and api.PyErr_Occurred() != null) return error.Raised;
    return active == api.headers.none;
}

fn isHere(places: *Object) api.Error!bool {
    const thread = try api.itemOf(places, 3);
    const number = api.PyLong_AsSsize_t(thread);
    api.leaveItem(thread);
    if (number == -1 and api.PyErr_Occurred() != null) return error.Raised;
    const here: api.Size = @bitCast(@as(usize, api.PyThread_get_thread_ident()));
    if (number != here) return false;
    const asked = try place(places, 1);
    defer api.release(asked);
    const said = try api.made(api.PyObject_CallNoArgs(asked));
    defer api.release(said);
    const wanted = try api.itemOf(places, 2);
    defer api.leaveItem(wanted);
    return said == wanted;
}
