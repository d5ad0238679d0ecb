//! Evaluating an expression on a record.
//!
//! What cannot be known (a bin that is not there or of another type, a call that fails) makes
//! everything unknown that depends on it; only "and" and "or" may be known all the same.

const std = @import("std");
const wire = @import("../../../wire.zig");
const Compiler = @import("Compiler.zig");
const Container = @import("../cdt/Container.zig");
const Language = @import("../cdt/Language.zig");
const Node = @import("Node.zig");
const bits = @import("../bits.zig");
const cdt = @import("../cdt.zig");
const geo = @import("../geo.zig");
const hll = @import("../hll.zig");
const number = @import("../cdt/number.zig");
const order = @import("../cdt/order.zig");
const record_module = @import("../record.zig");
const strings = @import("../strings.zig");
const value_module = @import("Value.zig");
const Value = @import("Value.zig").Value;

const Allocator = std.mem.Allocator;
const Order = std.math.Order;
const Particle = @import("../value.zig").Particle;

const Evaluator = @This();

arena: Allocator,
/// For calls that select by expressions in their turn.
language: *const Language,
record: *const Record,
variables: []Value,
/// Of the element that is looked at, where elements are selected.
builtins: [Compiler.builtin_count]Value = @splat(.unknown),
/// How many bins were looked for.
sought: usize = 0,
/// Those that are stored, once many were.
bins: record_module.BinList = .empty,

/// In a record that is stored, more bins are not looked for one after the other.
const sought_max = 16;

const Error = error{OutOfMemory};
const CallError = cdt.Error || bits.Error || hll.Error || strings.Error;

/// What an expression sees of a record.
pub const Record = struct {
    meta: *const record_module.Meta,
    set_name: []const u8,
    /// Particle type byte and value; empty when there is none.
    key: []const u8,
    is_key_stored: bool,
    /// What is stored; null for a record that is being made.
    stored: ?*const record_module.Record,
    bins: Bins,
    now: record_module.Now,

    pub const Bins = union(enum) {
        /// Those that are stored.
        stored,
        /// Those of a write that is under way.
        list: *const record_module.BinList,
        /// There is no record.
        none,
    };

    pub const nothing: Record = .{
        .meta = &.{ .digest = @splat(0) },
        .set_name = "",
        .key = "",
        .is_key_stored = false,
        .stored = null,
        .bins = .none,
        .now = .{ .unix_ms = 0 },
    };

    pub fn find(record: *const Record, name: []const u8) ?Particle {
        const bin = switch (record.bins) {
            .none => null,
            .stored => if (record.stored) |stored| stored.findBin(name) else null,
            .list => |bins| bins.get(name),
        } orelse return null;
        return .{ .kind = bin.kind, .bytes = bin.value };
    }
};

/// What a bin holds.
fn find(self: *Evaluator, name: []const u8) Error!?Particle {
    self.sought += 1;
    if (self.sought <= sought_max or self.record.bins != .stored) return self.record.find(name);
    const stored = self.record.stored orelse return null;
    if (self.sought == sought_max + 1) try stored.loadBins(self.arena, &self.bins);
    const bin = self.bins.get(name) orelse return null;
    return .{ .kind = bin.kind, .bytes = bin.value };
}

pub fn evaluate(self: *Evaluator, node: *const Node) Error!Value {
    return switch (node.code) {
        .constant => node.body.constant,
        .unknown => .unknown,
        .remove => .remove,
        .equal, .not_equal, .greater, .greater_equal, .less, .less_equal => self.compare(node),
        .regex => self.matchRegex(node),
        .geo => self.matchGeo(node),
        .in_list => self.isInList(node),
        .@"and" => self.dominated(node, false),
        .@"or" => self.dominated(node, true),
        .exclusive => self.exclusive(node),
        .not => switch (try self.evaluate(&node.body.arguments[0])) {
            .boolean => |flag| .{ .boolean = !flag },
            else => .unknown,
        },
        .map_keys, .map_values => self.mapParts(node),
        .to_string => self.toString(node),
        .builtin => self.builtin(node),
        .condition => self.condition(node),
        .variable => self.variables[node.body.slot],
        .let => {
            const let = node.body.let;
            for (let.values, let.slot..) |*value, slot| {
                self.variables[slot] = try self.evaluate(value);
            }
            return self.evaluate(let.result);
        },
        .call => self.call(node.body.call),
        .bin => self.binValue(node),
        .key => self.keyValue(node),
        .bin_type => .{
            .integer = if (try self.find(node.body.name)) |particle|
                @backingInt(particle.kind)
            else
                0,
        },
        .digest_modulo,
        .device_size,
        .last_update,
        .since_update,
        .void_time,
        .time_to_live,
        .set_name,
        .key_exists,
        .is_tombstone,
        .memory_size,
        .record_size,
        => self.metadata(node),
        else => self.calculate(node),
    };
}

fn compare(self: *Evaluator, node: *const Node) Error!Value {
    const left = (try self.evaluate(&node.body.arguments[0])).plain();
    if (left == .unknown) return .unknown;
    const right = (try self.evaluate(&node.body.arguments[1])).plain();
    if (right == .unknown) return .unknown;
    if (std.meta.activeTag(left) != std.meta.activeTag(right)) return .unknown;
    const compared: ?Order = switch (left) {
        .nil => .eq,
        .boolean => |flag| std.math.order(@intFromBool(flag), @intFromBool(right.boolean)),
        .integer => |integer| std.math.order(integer, right.integer),
        .float => |float| orderFloats(float, right.float),
        .string => |text| std.mem.order(u8, text, right.string),
        .blob => |bytes| std.mem.order(u8, bytes, right.blob),
        .container => |bytes| {
            const comparison = order.compareStrictly(bytes, right.container);
            if (comparison.has_unordered_map) return .unknown;
            return .{ .boolean = holds(node.code, comparison.order) };
        },
        else => return .unknown,
    };
    // Numbers that are none are only unequal.
    const known = compared orelse return .{ .boolean = node.code == .not_equal };
    return .{ .boolean = holds(node.code, known) };
}

fn orderFloats(left: f64, right: f64) ?Order {
    if (left < right) return .lt;
    if (left > right) return .gt;
    return if (left == right) .eq else null;
}

fn holds(code: Node.Code, compared: Order) bool {
    return switch (code) {
        .equal => compared == .eq,
        .not_equal => compared != .eq,
        .greater => compared == .gt,
        .greater_equal => compared != .lt,
        .less => compared == .lt,
        .less_equal => compared != .gt,
        else => unreachable,
    };
}

fn matchRegex(self: *Evaluator, node: *const Node) Error!Value {
    const text = switch ((try self.evaluate(node.body.regex.argument)).plain()) {
        .string => |text| text,
        else => return .unknown,
    };
    return .{ .boolean = try node.body.regex.regex.matches(self.arena, text) };
}

/// Whether one is a point in the other, which is a region.
fn matchGeo(self: *Evaluator, node: *const Node) Error!Value {
    const left = try self.shape(&node.body.arguments[0]) orelse return .unknown;
    const right = try self.shape(&node.body.arguments[1]) orelse return .unknown;
    return .{ .boolean = switch (left) {
        .point => |cell| switch (right) {
            .point => false,
            .region => |*region| region.contains(cell),
        },
        .region => |*region| switch (right) {
            .point => |cell| region.contains(cell),
            .region => false,
        },
    } };
}

fn shape(self: *Evaluator, node: *const Node) Error!?geo.Shape {
    const text = switch ((try self.evaluate(node)).plain()) {
        .geojson => |text| text,
        else => return null,
    };
    return geo.parse(self.arena, text) catch |err| switch (err) {
        error.OutOfMemory => error.OutOfMemory,
        error.Invalid => null,
    };
}

fn isInList(self: *Evaluator, node: *const Node) Error!Value {
    const sought = try self.evaluate(&node.body.arguments[0]);
    if (sought == .unknown) return .unknown;
    const list = switch ((try self.evaluate(&node.body.arguments[1])).plain()) {
        .container => |bytes| bytes,
        else => return .unknown,
    };
    const element = try sought.toElement(self.arena) orelse return .unknown;
    const container = Container.parse(self.arena, list) catch |err| switch (err) {
        error.OutOfMemory => return error.OutOfMemory,
        error.Malformed => return .unknown,
    };
    for (container.items) |item| {
        if (order.compare(element, item) == .eq) return .{ .boolean = true };
    }
    return .{ .boolean = false };
}

/// One argument with this result decides, whatever is unknown of the others.
fn dominated(self: *Evaluator, node: *const Node, decisive: bool) Error!Value {
    var is_unknown = false;
    for (node.body.arguments) |*argument| {
        switch (try self.evaluate(argument)) {
            .boolean => |flag| if (flag == decisive) return .{ .boolean = decisive },
            else => is_unknown = true,
        }
    }
    return if (is_unknown) .unknown else .{ .boolean = !decisive };
}

/// Exactly one is true.
fn exclusive(self: *Evaluator, node: *const Node) Error!Value {
    var found = false;
    for (node.body.arguments) |*argument| {
        const flag = switch (try self.evaluate(argument)) {
            .boolean => |flag| flag,
            else => return .unknown,
        };
        if (!flag) continue;
        if (found) return .{ .boolean = false };
        found = true;
    }
    return .{ .boolean = found };
}

fn condition(self: *Evaluator, node: *const Node) Error!Value {
    const branches = node.body.branches;
    var index: usize = 0;
    while (index + 1 < branches.len) : (index += 2) {
        switch (try self.evaluate(&branches[index])) {
            .boolean => |flag| if (flag) return self.evaluate(&branches[index + 1]),
            else => return .unknown,
        }
    }
    return self.evaluate(&branches[index]);
}

fn builtin(self: *Evaluator, node: *const Node) Error!Value {
    const value = self.builtins[node.body.slot];
    const fits = switch (value) {
        .nil => node.type == .nil,
        .boolean => node.type == .boolean,
        .integer => node.type == .integer,
        .float => node.type == .float,
        .string => node.type == .string,
        .blob => node.type == .blob,
        .hll => node.type == .hll,
        .geojson => node.type == .geojson,
        .container => |bytes| switch (Container.kindOf(bytes) orelse return .unknown) {
            .list => node.type == .list,
            .map => node.type == .map,
        },
        .unknown, .particle, .remove => false,
    };
    return if (fits) value else .unknown;
}

fn mapParts(self: *Evaluator, node: *const Node) Error!Value {
    const bytes = switch ((try self.evaluate(&node.body.arguments[0])).plain()) {
        .container => |bytes| bytes,
        else => return .unknown,
    };
    if (Container.kindOf(bytes) != .map) return .unknown;
    var map = Container.parse(self.arena, bytes) catch |err| switch (err) {
        error.OutOfMemory => return error.OutOfMemory,
        error.Malformed => return .unknown,
    };
    const items = try self.arena.alloc([]const u8, map.items.len);
    for (items, map.items) |*item, pair| {
        item.* = if (node.code == .map_keys) Container.keyOf(pair) else Container.valueOf(pair);
    }
    map = .{ .kind = .list, .flags = 0, .items = items };
    return .{ .particle = .{ .kind = .list, .bytes = try map.write(self.arena) } };
}

fn toString(self: *Evaluator, node: *const Node) Error!Value {
    const value = try self.evaluate(&node.body.arguments[0]);
    const particle = switch (try value.toParticle(self.arena)) {
        .unknown => return .unknown,
        .particle => |particle| particle orelse return .unknown,
    };
    const made = strings.ofParticle(self.arena, particle) catch |err| {
        return if (err == error.OutOfMemory) error.OutOfMemory else .unknown;
    };
    return .ofParticle(made);
}

fn binValue(self: *Evaluator, node: *const Node) Error!Value {
    const particle = try self.find(node.body.name) orelse return .unknown;
    if (particle.kind != node.type.particleType()) return .unknown;
    return .ofParticle(particle);
}

fn keyValue(self: *Evaluator, node: *const Node) Error!Value {
    const bytes = self.record.key;
    if (bytes.len == 0) return .unknown;
    const kind: wire.particle.Type = @fromBackingInt(bytes[0]);
    if (kind != node.type.particleType()) return .unknown;
    return switch (kind) {
        .integer => if (bytes.len == 9)
            .{ .integer = std.mem.readInt(i64, bytes[1..9], .big) }
        else
            .unknown,
        .string => .{ .string = bytes[1..] },
        .blob => .{ .blob = bytes[1..] },
        else => .unknown,
    };
}

fn metadata(self: *Evaluator, node: *const Node) Error!Value {
    const record = self.record;
    const meta = record.meta;
    switch (node.code) {
        .digest_modulo => {
            const tail = std.mem.readInt(u32, meta.digest[16..20], .little);
            return .{ .integer = @rem(@as(i64, tail), node.body.modulo) };
        },
        // Nothing is on a device.
        .device_size => return .{ .integer = 0 },
        .memory_size, .record_size => return .{ .integer = try self.storedBytes() },
        .last_update => return .{ .integer = unixNs(meta.last_update_ms, std.time.ns_per_ms) },
        .since_update => {
            return .{ .integer = @intCast(record.now.epochMs() -| meta.last_update_ms) };
        },
        .void_time => {
            if (meta.void_time_s == 0) return .{ .integer = -1 };
            return .{ .integer = unixNs(meta.void_time_s, std.time.ns_per_s) };
        },
        .time_to_live => {
            if (meta.void_time_s == 0) return .{ .integer = -1 };
            return .{ .integer = meta.void_time_s -| record.now.epochS() };
        },
        .set_name => return .{ .string = record.set_name },
        .key_exists => return .{ .boolean = record.is_key_stored },
        .is_tombstone => return .{ .boolean = false },
        else => unreachable,
    }
}

/// Since the Unix epoch, of a time since 2010.
fn unixNs(time: u64, unit_ns: u64) i64 {
    const offset_ns = @as(i128, record_module.epoch_offset_s) * std.time.ns_per_s;
    return @truncate(@as(i128, time) * unit_ns + offset_ns);
}

fn storedBytes(self: *Evaluator) Error!i64 {
    const stored = self.record.stored orelse return record_module.block_bytes;
    const set_name_bytes = self.record.set_name.len;
    return @intCast(try record_module.blocksBytes(self.arena, stored, set_name_bytes));
}

fn calculate(self: *Evaluator, node: *const Node) Error!Value {
    const nodes = node.body.arguments;
    const first = try self.evaluate(&nodes[0]);
    switch (first) {
        .integer => |integer| return self.calculateIntegers(node, integer),
        .float => |float| return self.calculateFloats(node, float),
        else => return .unknown,
    }
}

fn calculateIntegers(self: *Evaluator, node: *const Node, first: i64) Error!Value {
    const nodes = node.body.arguments;
    switch (node.code) {
        .absolute => return .{ .integer = if (first < 0) 0 -% first else first },
        .bit_not => return .{ .integer = ~first },
        .bit_count => return .{ .integer = @popCount(first) },
        .to_float => return .{ .float = @floatFromInt(first) },
        .subtract => if (nodes.len == 1) return .{ .integer = 0 -% first },
        .divide => return self.divideIntegers(node, first),
        .scan_left, .scan_right => {
            const flag = switch (try self.evaluate(&nodes[1])) {
                .boolean => |flag| flag,
                else => return .unknown,
            };
            const pattern: u64 = @bitCast(if (flag) first else ~first);
            if (pattern == 0) return .{ .integer = -1 };
            const left: i64 = @clz(pattern);
            const right: i64 = @ctz(pattern);
            return .{ .integer = if (node.code == .scan_left) left else 63 - right };
        },
        else => {},
    }
    var sum = first;
    for (nodes[1..]) |*argument| {
        const integer = switch (try self.evaluate(argument)) {
            .integer => |integer| integer,
            else => return .unknown,
        };
        if (node.code == .modulo and integer == 0) return .unknown;
        sum = combine(node.code, sum, integer);
    }
    return .{ .integer = sum };
}

fn combine(code: Node.Code, left: i64, right: i64) i64 {
    const pattern: u64 = @bitCast(left);
    const shift: u6 = @truncate(@as(u64, @bitCast(right)));
    return switch (code) {
        .add => left +% right,
        .subtract => left -% right,
        .multiply => left *% right,
        .modulo => if (right == -1) 0 else @rem(left, right),
        .minimum => @min(left, right),
        .maximum => @max(left, right),
        .bit_and => left & right,
        .bit_or => left | right,
        .bit_xor => left ^ right,
        .shift_left => @bitCast(pattern << shift),
        .shift_right => @bitCast(pattern >> shift),
        .shift_right_arithmetic => left >> shift,
        else => unreachable,
    };
}

/// By the product of all divisors.
fn divideIntegers(self: *Evaluator, node: *const Node, first: i64) Error!Value {
    const nodes = node.body.arguments;
    var product: i64 = 1;
    for (nodes[1..]) |*argument| {
        switch (try self.evaluate(argument)) {
            .integer => |integer| product *%= integer,
            else => return .unknown,
        }
    }
    var dividend = first;
    if (nodes.len == 1) {
        product = first;
        dividend = 1;
    }
    if (product == 0) return .unknown;
    if (product == -1) return .{ .integer = 0 -% dividend };
    return .{ .integer = @divTrunc(dividend, product) };
}

extern "c" fn pow(base: f64, exponent: f64) f64;
extern "c" fn log(float: f64) f64;

fn calculateFloats(self: *Evaluator, node: *const Node, first: f64) Error!Value {
    const nodes = node.body.arguments;
    switch (node.code) {
        .absolute => return .{ .float = @abs(first) },
        .floor => return .{ .float = @floor(first) },
        .ceiling => return .{ .float = @ceil(first) },
        .to_integer => return .{ .integer = number.truncated(first) },
        .subtract => if (nodes.len == 1) return .{ .float = 0.0 - first },
        else => {},
    }
    var sum = if (node.code == .divide) 1.0 else first;
    for (nodes[1..]) |*argument| {
        const float = switch (try self.evaluate(argument)) {
            .float => |float| float,
            else => return .unknown,
        };
        sum = switch (node.code) {
            .add => sum + float,
            .subtract => sum - float,
            .multiply, .divide => sum * float,
            .minimum => if (sum > float) float else sum,
            .maximum => if (sum < float) float else sum,
            .power => pow(sum, float),
            .logarithm => log(sum) / log(float),
            else => unreachable,
        };
    }
    if (node.code != .divide) return .{ .float = sum };
    return .{ .float = if (nodes.len == 1) 1.0 / first else first / sum };
}

fn call(self: *Evaluator, made: *const Node.Call) Error!Value {
    var operation: std.ArrayList(u8) = .empty;
    try operation.appendSlice(self.arena, made.head);
    for (made.parameters) |*parameter| {
        const bytes = switch (parameter.*) {
            .packed_value => |bytes| bytes,
            .node => |*node| try (try self.evaluate(node)).toElement(self.arena) orelse {
                return .unknown;
            },
        };
        try operation.appendSlice(self.arena, bytes);
    }
    const target: ?Particle = switch (try self.evaluate(&made.target)) {
        .nil => null,
        .particle => |particle| particle,
        .string => |bytes| .{ .kind = .string, .bytes = bytes },
        .blob => |bytes| .{ .kind = .blob, .bytes = bytes },
        .hll => |bytes| .{ .kind = .hll, .bytes = bytes },
        .container => |bytes| value_module.particleOfContainer(bytes) orelse return .unknown,
        else => return .unknown,
    };
    const result = try self.carryOut(made, target, operation.items) orelse return .unknown;
    const kind: wire.particle.Type = if (result.particle) |particle| particle.kind else .nil;
    if (kind != made.type.particleType()) return .unknown;
    const particle = result.particle orelse return .nil;
    if (particle.kind == .geojson and !made.modifies) {
        const text = wire.particle.geojsonText(particle.bytes) catch return .unknown;
        _ = geo.parse(self.arena, text) catch |err| switch (err) {
            error.OutOfMemory => return error.OutOfMemory,
            error.Invalid => return .unknown,
        };
    }
    return .ofParticle(particle);
}

const Carried = struct { particle: ?Particle };

/// Null when it fails.
fn carryOut(
    self: *Evaluator,
    made: *const Node.Call,
    target: ?Particle,
    operation: []const u8,
) Error!?Carried {
    switch (made.system) {
        .collection => {
            if (made.modifies) {
                const changed = cdt.modify(
                    self.arena,
                    self.language,
                    target,
                    operation,
                ) catch |err| {
                    return failed(err);
                };
                return .{ .particle = changed.particle orelse target };
            }
            const present = target orelse return null;
            const told = cdt.read(
                self.arena,
                self.language,
                present,
                operation,
            ) catch |err| return failed(err);
            return .{ .particle = told };
        },
        .bits => {
            if (made.modifies) {
                const changed = bits.modify(self.arena, target, operation) catch |err| {
                    return failed(err);
                };
                return .{ .particle = changed orelse target };
            }
            const present = target orelse return null;
            const version = self.language.version;
            const told = bits.read(self.arena, version, present, operation) catch |err| {
                return failed(err);
            };
            return .{ .particle = told };
        },
        .hll => {
            if (made.modifies) {
                const changed = hll.modify(self.arena, target, operation) catch |err| {
                    return failed(err);
                };
                return .{ .particle = changed.particle orelse target };
            }
            const present = target orelse return null;
            const told = hll.read(self.arena, present, operation) catch |err| return failed(err);
            return .{ .particle = told };
        },
        .string => {
            if (made.modifies) {
                const changed = strings.modify(self.arena, target, operation) catch |err| {
                    return failed(err);
                };
                return .{ .particle = changed orelse target };
            }
            const present = target orelse return null;
            const told = strings.read(self.arena, present, operation) catch |err| return failed(err);
            return .{ .particle = told };
        },
        _ => return null,
    }
}

fn failed(err: CallError) Error!?Carried {
    return if (err == error.OutOfMemory) error.OutOfMemory else null;
}
