//! What the codec has in each interpreter that imports it: the state of its module. Nothing of it
//! is shared with another interpreter's.
//!
//! A function of the module finds it with `of(module)`; the members of rows have it as their
//! closure. Whoever encodes or decodes borrows a `Work`, for no longer than one call of Python's
//! takes.

const std = @import("std");
const api = @import("api.zig");
const Completions = @import("Completions.zig");
const Decoder = @import("Decoder.zig");
const Encoder = @import("Encoder.zig");
const Library = @import("Library.zig");
const Names = @import("Names.zig");
const Row = @import("Row.zig");
const Shape = @import("Shape.zig");

const Object = api.Object;
const gpa = std.heap.c_allocator;

values: Encoder.Types,
classes: Decoder.Classes,
/// Makes the exception for an answer that cannot be shown.
not_shown: *Object,
/// References to all of these.
values_given: [5]?*Object,
results_given: [9]?*Object,
library_given: [library_count]?*Object,
completions_given: [completions_count]?*Object,
decoders_given: [3]?*Object,
types_given: [2]?*Object,
/// Null until they are bound.
library: ?Library,
completions: ?Completions,
/// Those of this module that commands have most.
decoders: struct { record: *Object, exists: *Object, nothing: *Object },
memories: Library.Memories,
/// Of the module.
submitter_type: *Object,
operation_type: *Object,
/// Of the token that was given last.
serials: std.atomic.Value(u64),
row_members: Row.Members,
work: if (api.is_free_threaded) Idle else Work,

const State = @This();

pub const library_count = @typeInfo(Library).@"struct".field_names.len;
pub const completions_count = @typeInfo(Completions).@"struct".field_names.len;

/// What a call works with and leaves to the next one: memory for a request, and Python objects
/// that come again and again.
pub const Work = struct {
    encoder: Encoder,
    classes: *const Decoder.Classes,
    names: Names,
    shape: Shape,
    metadata: Decoder.LastMetadata,

    fn init(work: *Work, state: *const State) void {
        work.encoder = .init(gpa, &state.values);
        work.classes = &state.classes;
        work.names.init();
        work.shape = .{};
        work.metadata = .{};
    }

    fn deinit(work: *Work) void {
        work.encoder.deinit();
        work.names.deinit();
        work.shape.deinit();
        api.Py_DecRef(work.metadata.object);
        work.* = undefined;
    }
};

/// Where threads run at the same time, each call has one to itself: the one that its thread had
/// before, if nobody else has it.
const Idle = struct {
    places: [places_max]std.atomic.Value(?*Work) = @splat(.init(null)),

    const places_max = 16;

    fn home() usize {
        const address: u64 = @intFromPtr(api.PyThreadState_Get());
        return @intCast((address *% 0x9e3779b97f4a7c15) >> 60);
    }

    fn take(idle: *Idle, state: *const State) api.Error!*Work {
        const first = home();
        for (0..places_max) |step| {
            const place = &idle.places[(first + step) % places_max];
            if (place.load(.monotonic) == null) continue;
            return place.swap(null, .acquire) orelse continue;
        }
        const work = gpa.create(Work) catch {
            _ = api.PyErr_NoMemory();
            return error.Raised;
        };
        work.init(state);
        return work;
    }

    fn put(idle: *Idle, work: *Work) void {
        const first = home();
        for (0..places_max) |step| {
            const place = &idle.places[(first + step) % places_max];
            if (place.cmpxchgStrong(null, work, .release, .monotonic) == null) return;
        }
        end(work);
    }

    fn deinit(idle: *Idle) void {
        for (&idle.places) |*place| if (place.load(.acquire)) |work| end(work);
    }

    fn end(work: *Work) void {
        work.deinit();
        gpa.destroy(work);
    }
};

comptime {
    // As the memory is that Python gives to a module.
    std.debug.assert(@alignOf(State) <= 16);
}

pub inline fn of(module: *Object) *State {
    return @ptrCast(@alignCast(api.PyModule_GetState(module).?));
}

/// In place, as it is large. Until it is bound, all that needs the package's classes is refused.
pub fn init(state: *State) void {
    state.values_given = @splat(null);
    state.results_given = @splat(null);
    state.library_given = @splat(null);
    state.completions_given = @splat(null);
    state.decoders_given = @splat(null);
    state.types_given = @splat(null);
    state.memories = .{};
    state.submitter_type = api.headers.none;
    state.operation_type = api.headers.none;
    state.serials = .init(0);
    state.unbind();
    state.row_members = Row.membersOf(state);
    if (api.is_free_threaded) state.work = .{} else state.work.init(state);
}

pub fn deinit(state: *State) void {
    state.clear();
    state.memories.deinit();
    state.work.deinit();
    state.* = undefined;
}

fn unbind(state: *State) void {
    state.values = .unbound();
    state.classes = .unbound();
    state.not_shown = api.headers.none;
    state.library = null;
    state.completions = null;
}

/// For values: Raw, Extension, KeyOrderedDict, KeyValueOrderedDict, and a function of an extension's
/// code and bytes.
pub fn bindValues(state: *State, given: *const [5]*Object) void {
    const maps: Encoder.OrderedMaps = .init(.{ .by_key = given[2], .by_key_and_value = given[3] });
    state.values = .{ .raw = given[0], .extension = given[1], .ordered_maps = maps };
    state.classes.ordered_maps = maps;
    state.classes.extension = given[4];
    take(&state.values_given, given);
}

/// For results: the classes of `Decoder.Classes` that are tuples, whether a tuple is nothing but its
/// members, the class of rows, and a function of an exception.
pub fn bindResults(state: *State, given: *const [9]*Object) api.Error!void {
    var classes = state.classes;
    const is_plain = given[6] == api.headers.true;
    inline for (.{ "key", "metadata", "record", "exists", "ordered", "bin" }, 0..) |name, index| {
        @field(classes, name) = try .of(given[index], is_plain);
    }
    classes.row = try .of(given[7]);
    state.classes = classes;
    state.not_shown = given[8];
    take(&state.results_given, given);
}

/// For commands: the members of `Library`.
pub fn bindLibrary(
    state: *State,
    module: *Object,
    given: *const [library_count]*Object,
) api.Error!void {
    var decoders: [3]*Object = undefined;
    const names = [_][*:0]const u8{ "unpack_record", "unpack_exists", "nothing" };
    for (&decoders, names, 0..) |*decoder, name, index| {
        errdefer for (decoders[0..index]) |before| api.release(before);
        decoder.* = try api.made(api.PyObject_GetAttrString(module, name));
    }
    defer for (decoders) |decoder| api.release(decoder);
    state.library = try .bind(given);
    state.decoders = .{ .record = decoders[0], .exists = decoders[1], .nothing = decoders[2] };
    take(&state.decoders_given, &decoders);
    take(&state.library_given, given);
}

/// For what is submitted: the members of `Completions`.
pub fn bindCompletions(
    state: *State,
    given: *const [completions_count]*Object,
) api.Error!void {
    state.completions = try .bind(given);
    take(&state.completions_given, given);
}

pub fn takeTypes(state: *State, submitter: *Object, operation: *Object) void {
    state.submitter_type = submitter;
    state.operation_type = operation;
    take(&state.types_given, &.{ submitter, operation });
}

fn take(held: []?*Object, given: []const *Object) void {
    for (given) |object| api.Py_IncRef(object);
    for (held, given) |*place, object| api.let(place, object);
}

/// What may be part of a cycle, for Python's garbage collector.
pub fn traverse(state: *const State, visit: api.Visit, argument: ?*anyopaque) c_int {
    const all = state.values_given ++ state.results_given ++ state.library_given ++
        state.completions_given ++ state.decoders_given ++ state.types_given;
    for (all) |given| if (given) |object| {
        const status = visit(object, argument);
        if (status != 0) return status;
    };
    return 0;
}

pub fn clear(state: *State) void {
    state.unbind();
    for (&state.values_given) |*place| api.let(place, null);
    for (&state.results_given) |*place| api.let(place, null);
    for (&state.library_given) |*place| api.let(place, null);
    for (&state.completions_given) |*place| api.let(place, null);
    for (&state.decoders_given) |*place| api.let(place, null);
    for (&state.types_given) |*place| api.let(place, null);
}

/// Whose work it is, until `giveBack`.
pub inline fn borrow(state: *State) api.Error!*Work {
    return if (api.is_free_threaded) state.work.take(state) else &state.work;
}

pub inline fn giveBack(state: *State, work: *Work) void {
    if (api.is_free_threaded) state.work.put(work);
}

/// Makes the exception at hand the one that the package raises, if it is of the answer.
pub fn cannotBeShown(state: *const State) ?*Object {
    @branchHint(.cold);
    const types = api.headers;
    for ([_]*Object{ types.type_error, types.value_error, types.recursion_error }) |kind| {
        if (api.PyErr_ExceptionMatches(kind) != 0) break;
    } else return null;
    const raised: api.Raised = .take();
    defer raised.forget();
    const end: ?*Object = null;
    const cause = raised.value.?;
    const made = api.PyObject_CallFunctionObjArgs(state.not_shown, cause, end) orelse return null;
    defer api.release(made);
    api.PyErr_SetObject(api.typeOf(made), made);
    return null;
}
