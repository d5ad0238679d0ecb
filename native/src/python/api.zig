//! Python's stable ABI, as far as the codec needs it: functions only, so that one build serves all
//! versions of CPython from 3.10 on. What only the headers know comes from `module.c`.

const std = @import("std");

/// Whether this is for a Python without a global interpreter lock: other threads then run at the same
/// time, and what a list or a dict gives is borrowed only as long as nobody changes it.
pub const is_free_threaded = @hasDecl(@import("root"), "is_free_threaded");

pub const Object = opaque {};
pub const Thread = opaque {};
pub const Interpreter = opaque {};
pub const ThreadState = opaque {};
pub const Size = isize;

/// A member of a type whose value a function gives: a PyGetSetDef. The last one has no name.
pub const Member = extern struct {
    name: ?[*:0]const u8 = null,
    get: ?*const fn (object: *Object, closure: ?*anyopaque) callconv(.c) ?*Object = null,
    set: ?*anyopaque = null,
    doc: ?[*:0]const u8 = null,
    closure: ?*anyopaque = null,
};

/// A PyMethodDef: a function, as Python calls it with what it is bound to.
pub const Method = extern struct {
    name: [*:0]const u8,
    function: *const anyopaque,
    flags: c_int,
    doc: ?[*:0]const u8 = null,

    const One = fn (bound: *Object, argument: *Object) callconv(.c) ?*Object;
    const Fast = fn (bound: *Object, arguments: [*]const *Object, count: Size) callconv(.c) ?*Object;

    /// Of one argument: METH_O.
    pub fn of(name: [*:0]const u8, function: *const One) Method {
        return .{ .name = name, .function = function, .flags = 0x0008 };
    }

    /// Of any number of them: METH_FASTCALL.
    pub fn fast(name: [*:0]const u8, function: *const Fast) Method {
        return .{ .name = name, .function = function, .flags = 0x0080 };
    }
};

/// What the garbage collector has a type or module call for each object that it refers to.
pub const Visit = *const fn (object: *Object, argument: ?*anyopaque) callconv(.c) c_int;

/// What `module.c` takes from the headers: singletons, types and exceptions.
pub const Headers = extern struct {
    none: *Object,
    true: *Object,
    false: *Object,
    bool_type: *Object,
    int_type: *Object,
    float_type: *Object,
    str_type: *Object,
    bytes_type: *Object,
    bytearray_type: *Object,
    list_type: *Object,
    tuple_type: *Object,
    dict_type: *Object,
    import_error: *Object,
    memory_error: *Object,
    overflow_error: *Object,
    recursion_error: *Object,
    runtime_error: *Object,
    stop_iteration: *Object,
    type_error: *Object,
    value_error: *Object,
    /// Of an object's type in the object.
    type_offset: usize,
    /// Of what a type adds to an object.
    body_offset: usize,
};

/// Py_tp_alloc and Py_tp_new.
pub const slot_allocate = 47;
pub const slot_create = 65;

pub extern const asz_python_headers: Headers;
pub const headers = &asz_python_headers;

pub extern fn Py_IncRef(object: ?*Object) void;
pub extern fn Py_DecRef(object: ?*Object) void;
pub extern fn PyErr_CheckSignals() c_int;
pub extern fn PyErr_Clear() void;
pub extern fn PyErr_ExceptionMatches(kind: *Object) c_int;
pub extern fn PyErr_Fetch(kind: *?*Object, value: *?*Object, trace: *?*Object) void;
pub extern fn PyErr_NoMemory() ?*Object;
pub extern fn PyErr_NormalizeException(kind: *?*Object, value: *?*Object, trace: *?*Object) void;
pub extern fn PyErr_Occurred() ?*Object;
pub extern fn PyErr_Restore(kind: ?*Object, value: ?*Object, trace: ?*Object) void;
pub extern fn PyErr_SetObject(kind: *Object, value: *Object) void;
pub extern fn PyErr_SetString(kind: *Object, text: [*:0]const u8) void;
/// The method must stay where it is.
pub extern fn PyCFunction_NewEx(method: *const Method, bound: *Object, module: ?*Object) ?*Object;
pub extern fn PyCFunction_GetFunction(function: *Object) ?*const anyopaque;
/// Borrowed: what it is bound to.
pub extern fn PyCFunction_GetSelf(function: *Object) ?*Object;
pub extern fn PyCapsule_GetPointer(capsule: *Object, name: [*:0]const u8) ?*anyopaque;
pub extern fn PyCapsule_New(
    pointer: *anyopaque,
    name: [*:0]const u8,
    destructor: *const fn (*Object) callconv(.c) void,
) ?*Object;
pub extern fn PyEval_RestoreThread(thread: *ThreadState) void;
pub extern fn PyEval_SaveThread() *ThreadState;
pub extern fn PyGC_Disable() c_int;
pub extern fn PyGC_Enable() c_int;
pub extern fn PyInterpreterState_Get() *Interpreter;
pub extern fn PyInterpreterState_GetID(interpreter: *Interpreter) i64;
pub extern fn PyModule_GetState(module: *Object) ?*anyopaque;
pub extern fn PyObject_AsReadBuffer(object: *Object, data: *[*]const u8, size: *Size) c_int;
pub extern fn PyObject_Call(callable: *Object, arguments: *Object, keywords: ?*Object) ?*Object;
pub extern fn PyObject_CallNoArgs(callable: *Object) ?*Object;
pub extern fn PyObject_CallFunctionObjArgs(callable: *Object, ...) ?*Object;
pub extern fn PyObject_CallMethodObjArgs(object: *Object, name: *Object, ...) ?*Object;
pub extern fn PyObject_GC_UnTrack(object: *Object) void;
pub extern fn PyObject_GetAttrString(object: *Object, name: [*:0]const u8) ?*Object;
pub extern fn PyObject_SetAttr(object: *Object, name: *Object, value: *Object) c_int;
pub extern fn PyThreadState_Get() *Thread;
pub extern fn PyThread_get_thread_ident() c_ulong;
pub extern fn PyType_GenericAlloc(kind: *Object, size: Size) ?*Object;
extern fn PyType_GetFlags(kind: *Object) c_ulong;
pub extern fn PyType_GetSlot(kind: *Object, slot: c_int) ?*anyopaque;

pub extern fn PyBytes_AsStringAndSize(object: *Object, data: *[*]const u8, size: *Size) c_int;
pub extern fn PyBytes_FromStringAndSize(data: ?[*]const u8, size: Size) ?*Object;
pub extern fn PyBytes_FromObject(object: *Object) ?*Object;
pub extern fn PyByteArray_AsString(object: *Object) [*]const u8;
pub extern fn PyByteArray_Size(object: *Object) Size;
pub extern fn PyFloat_AsDouble(object: *Object) f64;
pub extern fn PyFloat_FromDouble(number: f64) ?*Object;
pub extern fn PyLong_AsLongLongAndOverflow(object: *Object, overflow: *c_int) c_longlong;
pub extern fn PyLong_AsVoidPtr(object: *Object) ?*anyopaque;
pub extern fn PyLong_FromVoidPtr(pointer: ?*anyopaque) ?*Object;
pub extern fn PyLong_AsSsize_t(object: *Object) Size;
pub extern fn PyLong_FromLongLong(number: c_longlong) ?*Object;
pub extern fn PyLong_FromUnsignedLongLong(number: c_ulonglong) ?*Object;
pub extern fn PyUnicode_AsUTF8AndSize(object: *Object, size: *Size) ?[*]const u8;
extern fn PyUnicode_DecodeUTF8(data: [*]const u8, size: Size, errors: [*:0]const u8) ?*Object;
pub extern fn PyUnicode_InternInPlace(object: *?*Object) void;

pub extern fn PyDict_Copy(dict: *Object) ?*Object;
pub extern fn PyDict_DelItem(dict: *Object, key: *Object) c_int;
pub extern fn PyDict_GetItemWithError(dict: *Object, key: *Object) ?*Object;
pub extern fn PyDict_New() ?*Object;
pub extern fn PyDict_Next(dict: *Object, place: *Size, key: *?*Object, value: *?*Object) c_int;
pub extern fn PyDict_SetItem(dict: *Object, key: *Object, value: *Object) c_int;
pub extern fn PyDict_Size(dict: *Object) Size;
pub extern fn PyList_Append(list: *Object, item: *Object) c_int;
extern fn PyList_GetItem(list: *Object, index: Size) ?*Object;
/// Since Python 3.13.
extern fn PyList_GetItemRef(list: *Object, index: Size) ?*Object;
pub extern fn PyList_New(size: Size) ?*Object;
pub extern fn PyList_SetItem(list: *Object, index: Size, item: ?*Object) c_int;
pub extern fn PyList_Size(list: *Object) Size;
pub extern fn PyTuple_GetItem(tuple: *Object, index: Size) ?*Object;
pub extern fn PyTuple_New(size: Size) ?*Object;
pub extern fn PyTuple_SetItem(tuple: *Object, index: Size, item: ?*Object) c_int;
pub extern fn PyTuple_Size(tuple: *Object) Size;

/// A Python exception is set.
pub const Error = error{Raised};

pub fn made(object: ?*Object) Error!*Object {
    return object orelse error.Raised;
}

pub fn done(status: c_int) Error!void {
    if (status < 0) return error.Raised;
}

/// A new reference to it.
pub fn share(object: *Object) *Object {
    Py_IncRef(object);
    return object;
}

pub fn release(object: *Object) void {
    Py_DecRef(object);
}

/// Puts an object into the place of another; takes the reference over.
pub fn let(place: *?*Object, object: ?*Object) void {
    const before = place.*;
    place.* = object;
    Py_DecRef(before);
}

/// What a type adds to an object.
pub inline fn bodyOf(comptime Body: type, object: *Object) *Body {
    const bytes: [*]u8 = @ptrCast(object);
    return @ptrCast(@alignCast(bytes + headers.body_offset));
}

pub inline fn typeOf(object: *Object) *Object {
    const bytes: [*]const u8 = @ptrCast(object);
    const place: *const *Object = @ptrCast(@alignCast(bytes + headers.type_offset));
    return place.*;
}

const exception_flag = 1 << 30;
const class_flag = 1 << 31;

pub fn isException(object: *Object) bool {
    return PyType_GetFlags(typeOf(object)) & exception_flag != 0;
}

pub fn isExceptionClass(object: *Object) bool {
    if (PyType_GetFlags(typeOf(object)) & class_flag == 0) return false;
    return PyType_GetFlags(object) & exception_flag != 0;
}

pub fn tupleOf(objects: []const *Object) Error!*Object {
    const tuple = try made(PyTuple_New(@intCast(objects.len)));
    errdefer release(tuple);
    for (objects, 0..) |object, index| {
        try done(PyTuple_SetItem(tuple, @intCast(index), share(object)));
    }
    return tuple;
}

/// As an object has it that the garbage collector knows.
pub fn visitAll(places: []const *?*Object, visit: Visit, argument: ?*anyopaque) c_int {
    for (places) |place| if (place.*) |object| {
        const status = visit(object, argument);
        if (status != 0) return status;
    };
    return 0;
}

pub fn raise(kind: *Object, message: [*:0]const u8) Error {
    PyErr_SetString(kind, message);
    return error.Raised;
}

/// A str. Names may have any bytes on a server; what of them is not UTF-8 is shown as `\xff`.
pub inline fn makeText(text: []const u8) ?*Object {
    return PyUnicode_DecodeUTF8(text.ptr, @intCast(text.len), "backslashreplace");
}

pub fn textOf(object: *Object) Error![]const u8 {
    var size: Size = 0;
    const data = PyUnicode_AsUTF8AndSize(object, &size) orelse return error.Raised;
    return data[0..@intCast(size)];
}

/// The bytes that an object with a buffer gives to read; they are valid while it is.
pub fn readable(object: *Object) Error![]const u8 {
    var data: [*]const u8 = undefined;
    var size: Size = 0;
    try done(PyObject_AsReadBuffer(object, &data, &size));
    return data[0..@intCast(size)];
}

pub fn sizeOf(number: *Object) Error!usize {
    const size = PyLong_AsSsize_t(number);
    if (size >= 0) return @intCast(size);
    if (PyErr_Occurred() != null) return error.Raised;
    return raise(headers.value_error, "a number must not be negative");
}

/// An exception that was raised, put aside.
pub const Raised = struct {
    kind: ?*Object = null,
    value: ?*Object = null,
    trace: ?*Object = null,

    pub fn take() Raised {
        var raised: Raised = .takeAsIs();
        PyErr_NormalizeException(&raised.kind, &raised.value, &raised.trace);
        return raised;
    }

    /// To be raised again; there may be none.
    pub fn takeAsIs() Raised {
        var raised: Raised = .{};
        PyErr_Fetch(&raised.kind, &raised.value, &raised.trace);
        return raised;
    }

    pub fn raise(raised: Raised) void {
        PyErr_Restore(raised.kind, raised.value, raised.trace);
    }

    pub fn forget(raised: Raised) void {
        for ([_]?*Object{ raised.kind, raised.value, raised.trace }) |object| Py_DecRef(object);
    }
};

/// A list or a tuple.
pub const Sequence = struct {
    object: *Object,
    is_list: bool,
    count: Size,

    pub inline fn of(object: *Object) ?Sequence {
        const kind = typeOf(object);
        if (kind == headers.list_type) {
            return .{ .object = object, .is_list = true, .count = PyList_Size(object) };
        }
        if (kind != headers.tuple_type) return null;
        return .{ .object = object, .is_list = false, .count = PyTuple_Size(object) };
    }

    /// To be given to `leave`.
    pub inline fn at(sequence: *const Sequence, index: Size) Error!*Object {
        if (sequence.is_list) return itemOf(sequence.object, index);
        return made(PyTuple_GetItem(sequence.object, index));
    }

    pub inline fn leave(sequence: *const Sequence, member: *Object) void {
        if (sequence.is_list) leaveItem(member);
    }
};

/// To be given to `leaveItem`.
pub inline fn itemOf(list: *Object, index: Size) Error!*Object {
    if (is_free_threaded) return made(PyList_GetItemRef(list, index));
    return made(PyList_GetItem(list, index));
}

pub inline fn leaveItem(item: *Object) void {
    if (is_free_threaded) release(item);
}

/// What a dict has, as it was at one moment.
pub const Members = struct {
    dict: *Object,
    place: Size = 0,
    /// Borrowed, of the one that `next` has found.
    key: ?*Object = null,
    value: ?*Object = null,

    pub inline fn of(dict: *Object) Error!Members {
        return .{ .dict = if (is_free_threaded) try made(PyDict_Copy(dict)) else dict };
    }

    pub inline fn deinit(members: *const Members) void {
        if (is_free_threaded) release(members.dict);
    }

    pub inline fn count(members: *const Members) Size {
        return PyDict_Size(members.dict);
    }

    pub inline fn next(members: *Members) bool {
        return PyDict_Next(members.dict, &members.place, &members.key, &members.value) != 0;
    }
};
