//! An expression that was checked: a tree of operations.

const wire = @import("../../../wire.zig");
const Regex = @import("Regex.zig");
const Value = @import("Value.zig").Value;

const Node = @This();

code: Code,
type: Type,
body: Body,

/// Numbers of the protocol.
pub const Code = enum(u8) {
    unknown = 0,
    equal = 1,
    not_equal = 2,
    greater = 3,
    greater_equal = 4,
    less = 5,
    less_equal = 6,
    regex = 7,
    geo = 8,
    in_list = 9,
    @"and" = 16,
    @"or" = 17,
    not = 18,
    exclusive = 19,
    add = 20,
    subtract = 21,
    multiply = 22,
    divide = 23,
    power = 24,
    logarithm = 25,
    modulo = 26,
    absolute = 27,
    floor = 28,
    ceiling = 29,
    to_integer = 30,
    to_float = 31,
    bit_and = 32,
    bit_or = 33,
    bit_xor = 34,
    bit_not = 35,
    shift_left = 36,
    shift_right = 37,
    shift_right_arithmetic = 38,
    bit_count = 39,
    scan_left = 40,
    scan_right = 41,
    minimum = 50,
    maximum = 51,
    digest_modulo = 64,
    device_size = 65,
    last_update = 66,
    since_update = 67,
    void_time = 68,
    time_to_live = 69,
    set_name = 70,
    key_exists = 71,
    is_tombstone = 72,
    memory_size = 73,
    record_size = 74,
    key = 80,
    bin = 81,
    bin_type = 82,
    to_string = 99,
    remove = 100,
    map_keys = 101,
    map_values = 102,
    builtin = 122,
    condition = 123,
    variable = 124,
    let = 125,
    quote = 126,
    call = 127,
    /// Not of the protocol: a constant.
    constant = 255,
    _,
};

/// Numbers of the protocol, up to HyperLogLog.
pub const Type = enum(u8) {
    nil = 0,
    boolean = 1,
    integer = 2,
    string = 3,
    list = 4,
    map = 5,
    blob = 6,
    float = 7,
    geojson = 8,
    hll = 9,
    /// Of a request to remove an element.
    remove = 11,
    /// Of a stand-in of comparisons.
    none = 12,

    pub const input_max = 9;

    /// The type of a bin that has such a value.
    pub fn particleType(self: Type) wire.particle.Type {
        return switch (self) {
            .boolean => .boolean,
            .integer => .integer,
            .string => .string,
            .list => .list,
            .map => .map,
            .blob => .blob,
            .float => .float,
            .geojson => .geojson,
            .hll => .hll,
            .nil, .remove, .none => .nil,
        };
    }
};

pub const Body = union(enum) {
    arguments: []const Node,
    constant: Value,
    regex: struct { regex: Regex, argument: *const Node },
    modulo: i32,
    /// Of a bin.
    name: []const u8,
    /// Of a variable.
    slot: u32,
    let: struct { slot: u32, values: []const Node, result: *const Node },
    /// Conditions and what they lead to in turn, then what is left.
    branches: []const Node,
    call: *const Call,
};

/// An operation on a list, a map, a blob, a HyperLogLog or a string.
pub const Call = struct {
    system: System,
    modifies: bool,
    /// What the result has to be.
    type: Type,
    /// The operation up to its parameters.
    head: []const u8,
    parameters: []const Parameter,
    target: Node,

    pub const System = enum(u6) { collection = 0, bits = 1, hll = 2, string = 3, _ };

    pub const Parameter = union(enum) {
        packed_value: []const u8,
        node: Node,
    };
};
