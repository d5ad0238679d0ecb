//! What requests usually are made of: values of exact built-in types, and valid ones. It is
//! encoded in one go. Where anything is unusual the result is false, and whoever looks closer makes
//! it usual or says what is wrong with it.

const api = @import("api.zig");
const keys = @import("keys.zig");
const msgpack = @import("../wire/msgpack.zig");
const bin_name_bytes_max = @import("../wire/operation.zig").bin_name_bytes_max;
const Encoder = @import("Encoder.zig");
const State = @import("State.zig");

const Object = api.Object;

pub const Write = fn (*Encoder, *Object) api.Error!bool;

/// Bytes of [key], of [key, another value], or of a value alone; None when there is anything unusual
/// about them.
pub fn pack(state: *State, arguments: []const *Object, comptime write: Write) api.Error!*Object {
    const work = try state.borrow();
    defer state.giveBack(work);
    const encoder = &work.encoder;
    defer encoder.clear();
    if (!try isUsual(encoder, arguments, write)) return api.share(api.headers.none);
    return encoder.take();
}

/// Bytes of [key] in the memory; null when there is anything unusual about the key, or no room.
pub fn packKey(state: *State, object: *Object, memory: []u8) api.Error!?[]const u8 {
    const work = try state.borrow();
    defer state.giveBack(work);
    const encoder = &work.encoder;
    defer encoder.clear();
    if (!try isUsual(encoder, &.{object}, key)) return null;
    const written = encoder.out.written();
    if (written.len > memory.len) return null;
    @memcpy(memory[0..written.len], written);
    return memory[0..written.len];
}

fn isUsual(encoder: *Encoder, arguments: []const *Object, comptime write: Write) api.Error!bool {
    return writeAll(encoder, arguments, write) catch {
        if (api.PyErr_ExceptionMatches(api.headers.memory_error) != 0) return error.Raised;
        api.PyErr_Clear();
        return false;
    };
}

fn writeAll(encoder: *Encoder, arguments: []const *Object, comptime write: Write) api.Error!bool {
    if (write == key) {
        try encoder.arrayHeader(1);
    } else if (arguments.len == 2) {
        try encoder.arrayHeader(2);
        if (!try key(encoder, arguments[0])) return false;
    }
    return write(encoder, arguments[arguments.len - 1]);
}
const Error = api.Error;

pub fn key(encoder: *Encoder, object: *Object) Error!bool {
    var place: keys.Place = .{};
    defer place.deinit();
    return keys.encodeKey(encoder, object, &place);
}

/// A value of any kind that a bin can hold.
pub fn value(encoder: *Encoder, object: *Object) Error!bool {
    encoder.takes_plain_only = true;
    try encoder.value(object, 1);
    return true;
}

/// A dict of values by the names of their bins.
pub fn bins(encoder: *Encoder, object: *Object) Error!bool {
    encoder.takes_plain_only = true;
    var names: BinNames = .{};
    return try namedValues(encoder, object, 1, &names) and names.count > 0;
}

const BinNames = struct {
    count: usize = 0,

    inline fn see(names: *BinNames, name: []const u8) bool {
        names.count += 1;
        return name.len > 0 and name.len <= bin_name_bytes_max;
    }
};

/// A list of dicts, each with an "op".
pub fn operations(encoder: *Encoder, object: *Object) Error!bool {
    const sequence = api.Sequence.of(object) orelse return false;
    encoder.takes_plain_only = true;
    try encoder.arrayHeader(sequence.count);
    var index: api.Size = 0;
    while (index < sequence.count) : (index += 1) {
        var members: OperationMembers = .{};
        const operation = try sequence.at(index);
        defer sequence.leave(operation);
        if (!try namedValues(encoder, operation, 2, &members)) return false;
        if (!members.has_number) return false;
    }
    return sequence.count > 0;
}

const OperationMembers = struct {
    has_number: bool = false,

    inline fn see(members: *OperationMembers, name: []const u8) bool {
        if (name.len == 2 and name[0] == 'o' and name[1] == 'p') members.has_number = true;
        return true;
    }
};

/// A dict whose values have such a depth. `names` sees every name, and says whether it is allowed.
inline fn namedValues(encoder: *Encoder, object: *Object, depth: u32, names: anytype) Error!bool {
    if (api.typeOf(object) != api.headers.dict_type) return false;
    var members: api.Members = try .of(object);
    defer members.deinit();
    try encoder.mapHeader(members.count());
    while (members.next()) {
        const name = members.key.?;
        if (api.typeOf(name) != api.headers.str_type) return false;
        const text = try api.textOf(name);
        if (!names.see(text)) return false;
        try encoder.text(text);
        try encoder.value(members.value.?, depth);
    }
    return true;
}
