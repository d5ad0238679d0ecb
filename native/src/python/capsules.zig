//! Structs of Arrow's C data interface in capsules of Python, by Arrow's PyCapsule interface: who takes
//! the struct out of one leaves it empty, and the capsule releases what is still there at its end.

const std = @import("std");
const api = @import("api.zig");
const arrow = @import("../arrow_data.zig");

const Object = api.Object;
const gpa = std.heap.c_allocator;

/// Moves the struct at an address into a capsule.
pub fn make(name: *Object, place: *Object) api.Error!*Object {
    const chosen = try api.textOf(name);
    inline for (kinds) |Kind| if (std.mem.eql(u8, chosen, Kind.name)) {
        const source = api.PyLong_AsVoidPtr(place) orelse return missing();
        return Kind.make(@ptrCast(@alignCast(source)));
    };
    return unknown();
}

pub fn address(name: *Object, capsule: *Object) api.Error!*Object {
    const chosen = try api.textOf(name);
    inline for (kinds) |Kind| if (std.mem.eql(u8, chosen, Kind.name)) {
        const found = api.PyCapsule_GetPointer(capsule, Kind.name) orelse return error.Raised;
        return api.made(api.PyLong_FromVoidPtr(found));
    };
    return unknown();
}

fn missing() api.Error {
    if (api.PyErr_Occurred() != null) return error.Raised;
    return api.raise(api.headers.value_error, "there is no struct at 0");
}

fn unknown() api.Error {
    return api.raise(api.headers.value_error, "capsules of Arrow have other names");
}

const kinds = .{
    Capsule(arrow.Schema, "arrow_schema"),
    Capsule(arrow.Array, "arrow_array"),
    Capsule(arrow.Stream, "arrow_array_stream"),
};

fn Capsule(T: type, capsule_name: [:0]const u8) type {
    return struct {
        const name = capsule_name;

        fn make(source: *T) api.Error!*Object {
            const kept = gpa.create(T) catch {
                _ = api.PyErr_NoMemory();
                return error.Raised;
            };
            kept.* = source.*;
            const capsule = api.PyCapsule_New(kept, name, end) orelse {
                gpa.destroy(kept);
                return error.Raised;
            };
            source.release = null;
            return capsule;
        }

        fn end(capsule: *Object) callconv(.c) void {
            const kept: *T = @ptrCast(@alignCast(api.PyCapsule_GetPointer(capsule, name) orelse return));
            // What releases may be Python's, and an exception on its way.
            var raised: [3]?*Object = @splat(null);
            api.PyErr_Fetch(&raised[0], &raised[1], &raised[2]);
            if (kept.release) |release| release(kept);
            api.PyErr_Restore(raised[0], raised[1], raised[2]);
            gpa.destroy(kept);
        }
    };
}
