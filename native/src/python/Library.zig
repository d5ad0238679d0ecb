//! Commands of the library in one call, from the encoded request to the result as a Python value.
//! While the library works, others have the GIL.
//!
//! This module is not linked with the library, whose addresses the package gives it.

const std = @import("std");
const api = @import("api.zig");
const Encoder = @import("Encoder.zig");
const structs = @import("../structs.zig");

const Object = api.Object;
const asz_error = structs.asz_error;
const asz_result = structs.asz_result;

const gpa = std.heap.c_allocator;

/// Room for most results, and what it becomes once one had no room.
const capacity_usual = 64 * 1024;
const capacity_max = 1024 * 1024;

execute: *const fn (
    client: *anyopaque,
    number: i32,
    request: [*]const u8,
    request_len: u64,
    policy: ?*anyopaque,
    result: *asz_result,
    err: *asz_error,
) callconv(.c) i32,
release: *const fn (result: *asz_result) callconv(.c) void,
/// Of cffi: what a pointer object points to, if it is of that type; else null with an exception.
to_pointer: *const fn (object: *Object, kind: *Object) callconv(.c) ?*anyopaque,
client_type: *Object,
policy_type: *Object,
/// cffi's NULL.
null_pointer: *Object,
/// A dict that has something as long as a signal handler's exception waits to be raised.
raised: *Object,
/// Raises that, if it is of this thread.
raise_pending: *Object,
/// Makes the exception of the error at an address.
failure: *Object,
/// Called with client and request where the number is negative.
execute_otherwise: *Object,

const Library = @This();

/// Of cffi's table for the modules that it has compiled, which it never changes.
const to_pointer_index = 11;

/// Takes the members in their order; addresses as ints, and for `to_pointer` cffi's capsule.
pub fn bind(arguments: []const *Object) api.Error!Library {
    return boundTo(Library, arguments);
}

/// A struct's members in their order, of which functions are given as their addresses.
pub fn boundTo(T: type, arguments: []const *Object) api.Error!T {
    var bound: T = undefined;
    const members = @typeInfo(T).@"struct".field_names;
    if (arguments.len != members.len) {
        return api.raise(api.headers.type_error, "wrong number of arguments");
    }
    inline for (members, 0..) |name, index| {
        const argument = arguments[index];
        @field(bound, name) = if (@FieldType(T, name) == *Object)
            argument
        else if (comptime std.mem.eql(u8, name, "to_pointer"))
            @ptrCast(@alignCast(try memberOfTable(argument, to_pointer_index)))
        else
            @ptrCast(@alignCast(try addressOf(argument)));
    }
    return bound;
}

fn memberOfTable(capsule: *Object, index: usize) api.Error!*const anyopaque {
    const table = api.PyCapsule_GetPointer(capsule, "cffi") orelse return error.Raised;
    const members: [*]const *const anyopaque = @ptrCast(@alignCast(table));
    return members[index];
}

fn addressOf(number: *Object) api.Error!*const anyopaque {
    if (api.PyLong_AsVoidPtr(number)) |address| return address;
    if (api.PyErr_Occurred() != null) return error.Raised;
    return api.raise(api.headers.value_error, "the address is 0");
}

/// What a request has, whose four members are the number of a command, its bytes, a policy and a
/// decoder.
pub const Request = struct {
    number: i32,
    encoded: []const u8,
    policy: ?*anyopaque,
    decoder: *Object,

    /// All of it is borrowed.
    pub fn made(
        library: *const Library,
        command: *Object,
        encoded: []const u8,
        policy: *Object,
        decoder: *Object,
    ) api.Error!Request {
        return .{
            .number = try numberOf(command),
            .encoded = encoded,
            .policy = if (policy == library.null_pointer)
                null
            else
                try library.pointerOf(policy, library.policy_type),
            .decoder = decoder,
        };
    }

    /// So is all of this.
    pub fn of(library: *const Library, object: *Object) api.Error!Request {
        if (api.typeOf(object) != api.headers.tuple_type or api.PyTuple_Size(object) != 4) {
            return api.raise(api.headers.type_error, "a request is a tuple of 4");
        }
        return .made(
            library,
            try member(object, 0),
            try Encoder.bytesOf(try member(object, 1)),
            try member(object, 2),
            try member(object, 3),
        );
    }
};

/// Runs a request, and returns what `make` makes of the decoder and the result's bytes.
pub fn run(
    library: *const Library,
    memories: *Memories,
    client: *Object,
    object: *Object,
    context: anytype,
    comptime make: fn (@TypeOf(context), *Object, []const u8) ?*Object,
) api.Error!*Object {
    const request: Request = try .of(library, object);
    if (request.number < 0) {
        const end: ?*Object = null;
        return api.made(api.PyObject_CallFunctionObjArgs(
            library.execute_otherwise,
            client,
            object,
            end,
        ));
    }
    const pointer = try library.pointerOf(client, library.client_type);
    var memory = try memories.take();
    defer memories.put(memory);
    var result: asz_result = .{
        .size = @sizeOf(asz_result),
        .owned = 0,
        .data = memory.bytes(),
        .capacity = memory.capacity,
        .length = 0,
    };
    defer if (result.owned != 0) {
        if (result.length <= capacity_max) memory = memory.larger();
        library.release(&result);
    };
    const thread = api.PyEval_SaveThread();
    const status = library.execute(
        pointer,
        request.number,
        request.encoded.ptr,
        request.encoded.len,
        request.policy,
        &result,
        &memory.err,
    );
    api.PyEval_RestoreThread(thread);

    if (api.PyDict_Size(library.raised) != 0) {
        api.release(try api.made(api.PyObject_CallNoArgs(library.raise_pending)));
    }
    if (status != 0) return library.fail(&memory.err);
    return api.made(make(context, request.decoder, result.data.?[0..result.length]));
}

pub fn unbound() api.Error {
    return api.raise(api.headers.value_error, "the library's functions are not bound");
}

pub fn member(tuple: *Object, index: api.Size) api.Error!*Object {
    return api.made(api.PyTuple_GetItem(tuple, index));
}

fn numberOf(object: *Object) api.Error!i32 {
    const number = api.PyLong_AsSsize_t(object);
    if (number == -1 and api.PyErr_Occurred() != null) return error.Raised;
    return std.math.cast(i32, number) orelse
        api.raise(api.headers.overflow_error, "a command's number has 32 bits");
}

pub fn pointerOf(library: *const Library, object: *Object, kind: *Object) api.Error!*anyopaque {
    if (library.to_pointer(object, kind)) |pointer| return pointer;
    if (api.PyErr_Occurred() != null) return error.Raised;
    return api.raise(api.headers.value_error, "the pointer is NULL");
}

pub fn fail(library: *const Library, err: *asz_error) api.Error {
    @branchHint(.cold);
    const address = try api.made(api.PyLong_FromVoidPtr(err));
    defer api.release(address);
    const end: ?*Object = null;
    const made = try api.made(api.PyObject_CallFunctionObjArgs(library.failure, address, end));
    defer api.release(made);
    api.PyErr_SetObject(api.typeOf(made), made);
    return error.Raised;
}

/// What commands that have ended leave to the next ones, by no order.
pub const Memories = struct {
    kept: [kept_max]std.atomic.Value(?*Memory) = @splat(.init(null)),

    const kept_max = 16;

    pub fn take(memories: *Memories) api.Error!*Memory {
        for (&memories.kept) |*place| {
            if (place.load(.monotonic) == null) continue;
            if (place.swap(null, .acquire)) |memory| return memory;
        }
        return Memory.make(capacity_usual) orelse {
            _ = api.PyErr_NoMemory();
            return error.Raised;
        };
    }

    pub fn put(memories: *Memories, memory: *Memory) void {
        for (&memories.kept) |*place| {
            if (place.load(.monotonic) != null) continue;
            if (place.cmpxchgStrong(null, memory, .release, .monotonic) == null) return;
        }
        memory.destroy();
    }

    pub fn deinit(memories: *Memories) void {
        for (&memories.kept) |*place| if (place.load(.acquire)) |memory| memory.destroy();
    }
};

/// For one command: an error, and behind it room for a result.
pub const Memory = struct {
    capacity: usize,
    err: asz_error,

    fn make(capacity: usize) ?*Memory {
        const size = @sizeOf(Memory) + capacity;
        const block = gpa.rawAlloc(size, .of(Memory), @returnAddress()) orelse return null;
        const memory: *Memory = @ptrCast(@alignCast(block));
        memory.capacity = capacity;
        memory.err.size = @sizeOf(asz_error);
        return memory;
    }

    fn destroy(memory: *Memory) void {
        const block: [*]u8 = @ptrCast(memory);
        gpa.rawFree(block[0 .. @sizeOf(Memory) + memory.capacity], .of(Memory), @returnAddress());
    }

    /// Itself where there is no more to be had.
    fn larger(memory: *Memory) *Memory {
        if (memory.capacity == capacity_max) return memory;
        const made = make(capacity_max) orelse return memory;
        memory.destroy();
        return made;
    }

    fn bytes(memory: *Memory) [*]u8 {
        const block: [*]u8 = @ptrCast(memory);
        return block + @sizeOf(Memory);
    }
};
