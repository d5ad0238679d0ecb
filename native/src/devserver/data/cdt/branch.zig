//! Paths that branch: telling what they lead to, or replacing it.
//!
//! A path is an array of pairs, a step and its argument, as a context is. A step selects any
//! number of elements in each of the containers that the steps before it lead to: by index, rank,
//! key or value, by a list of keys, or by an expression. What the last step selects is told in
//! one of several forms, or replaced by an expression's value.

const std = @import("std");
const wire = @import("../../../wire.zig");
const Container = @import("Container.zig");
const Language = @import("Language.zig");
const ListSelection = @import("ListSelection.zig");
const Parameters = @import("Parameters.zig");
const order = @import("order.zig");
const result = @import("result.zig");
const selection = @import("selection.zig");

const Allocator = std.mem.Allocator;
const Error = result.Error;
const Compiled = Language.Compiled;

const steps_max = 64;
/// Expressions may select in their turn, which the recursion here and there is bounded by.
const nesting_max = 256;

const By = enum(u4) { index = 0, rank = 1, key = 2, value = 3, expression = 4, key_list = 10, _ };

/// What is told of the elements that are selected.
const Form = enum(u4) {
    /// They and all containers around them.
    tree = 0,
    values = 1,
    keys = 2,
    keys_and_values = 3,
    /// Nothing, they are replaced.
    replaced = 4,
    _,

    fn hasKeys(form: Form) bool {
        return form == .keys or form == .keys_and_values;
    }
};

const flag_no_fail = 0x10;

const Step = struct {
    by: By,
    /// Kind of container, and in contexts what to make where there is none.
    kind_bits: u8,
    index: i64 = 0,
    value: []const u8 = "",
    /// Null: whatever it is.
    condition: ?Compiled = null,
    /// Has to hold besides.
    has_more: bool = false,
    more: ?Compiled = null,

    const flag_list = 0x10;
    const flag_map = 0x20;
    const flag_more = 0x200;
    const mask_kinds = 0xf0;

    fn of(number: u64) Step {
        return .{
            .by = @fromBackingInt(@as(u4, @truncate(number))),
            .kind_bits = @truncate(number & mask_kinds),
        };
    }

    /// As the server looks at it: only lists do not mind what is to be made.
    fn fits(step: *const Step, kind: Container.Kind) bool {
        return switch (kind) {
            .list => switch (step.kind_bits & (flag_list | flag_map)) {
                0, flag_list => true,
                else => false,
            },
            .map => step.kind_bits == 0 or step.kind_bits == flag_map,
        };
    }
};

const Selector = struct {
    arena: Allocator,
    language: *const Language,
    form: Form,
    /// What an expression says nothing about is passed over.
    no_fail: bool,
    steps: []const Step,
    /// The new value.
    change: ?Compiled = null,
    told: std.ArrayList([]const u8) = .empty,
    /// The server goes to the end of all after it looked something up out of order, where it
    /// finds no element that follows.
    is_at_end: bool = false,

    fn decode(
        arena: Allocator,
        language: *const Language,
        parameters: *Parameters,
    ) Error!Selector {
        if (!isNestingBounded(parameters.reader.bytes)) return error.InvalidParameter;
        const count = try parameters.array();
        if (count == 0 or count % 2 != 0 or count / 2 > steps_max) return error.InvalidParameter;
        const steps = try decodeSteps(arena, language, parameters, count / 2);
        const flags = try parameters.unsigned();
        const form: Form = @fromBackingInt(@as(u4, @truncate(flags)));
        const expected: u32 = switch (form) {
            .tree, .values, .keys, .keys_and_values => 2,
            .replaced => 3,
            _ => return error.InvalidParameter,
        };
        if (parameters.count != expected) return error.InvalidParameter;
        return .{
            .arena = arena,
            .language = language,
            .form = form,
            .no_fail = flags & flag_no_fail != 0,
            .steps = steps,
        };
    }

    fn isLast(self: *const Selector, level: usize) bool {
        return level + 1 == self.steps.len;
    }

    /// Of a container that the path leads to: what is selected, as a tree, or what becomes of it.
    fn visit(self: *Selector, bytes: []const u8, level: usize) Error![]const u8 {
        var container = Container.parse(self.arena, bytes) catch |err| switch (err) {
            error.OutOfMemory => return error.OutOfMemory,
            error.Malformed => return error.Unknown,
        };
        const is_list = container.kind == .list;
        if (is_list and self.isLast(level) and self.form.hasKeys()) {
            const is_passed = self.no_fail or (container.len() == 0 and container.flags == 0);
            return if (is_passed) bytes else error.IncompatibleType;
        }
        if (container.len() == 0) return bytes;
        const step = &self.steps[level];
        if (!step.fits(container.kind)) return error.InvalidParameter;
        const kept = try self.arena.alloc(?[]const u8, container.len());
        const replaces = self.form == .replaced;
        for (kept, container.items) |*slot, item| slot.* = if (replaces) item else null;
        var walk: Walk = .{
            .selector = self,
            .container = &container,
            .step = step,
            .level = level,
            .kept = kept,
        };
        switch (step.by) {
            .index, .rank => try walk.takeOne(),
            else => try walk.takeMany(),
        }
        var items: std.ArrayList([]const u8) = .empty;
        for (kept) |slot| if (slot) |item| try items.append(self.arena, item);
        container.items = items.items;
        if (!replaces) {
            container.flags = 0;
        } else if (is_list and container.isOrdered()) {
            container.items = try ListSelection.sorted(self.arena, items.items);
        }
        return container.write(self.arena);
    }

    fn isTrue(
        self: *const Selector,
        condition: *const ?Compiled,
        at: *const Language.Element,
    ) Error!?bool {
        const known = condition.* orelse return true;
        return self.language.isTrue(known, self.arena, at);
    }

    /// The new value of an element, null when it is to be removed.
    fn changed(self: *const Selector, at: *const Language.Element) Error!?[]const u8 {
        return switch (try self.language.change(self.change.?, self.arena, at)) {
            .element => |bytes| bytes,
            .removed => null,
            .unknown => if (self.no_fail) at.value else error.Unknown,
            .impossible => error.Unknown,
            .incompatible => error.IncompatibleType,
        };
    }
};

/// Through the elements of one container.
const Walk = struct {
    selector: *Selector,
    container: *const Container,
    step: *const Step,
    level: usize,
    /// What the container will have, by position.
    kept: []?[]const u8,

    fn isList(walk: *const Walk) bool {
        return walk.container.kind == .list;
    }

    fn at(walk: *const Walk, position: usize) Language.Element {
        const item = walk.container.items[position];
        if (walk.isList()) return .{ .value = item, .index = @intCast(position) };
        return .{ .key = Container.keyOf(item), .value = Container.valueOf(item) };
    }

    fn takeOne(walk: *Walk) Error!void {
        const total = walk.container.len();
        const range = selection.single(walk.step.index, 1, total) orelse return;
        const is_by_rank = walk.step.by == .rank;
        const position = if (!is_by_rank or (walk.isList() and walk.container.isOrdered()))
            range.start
        else
            try selection.quickSelect(walk.selector.arena, total, range.start, ByValue{
                .container = walk.container,
            });
        const here = walk.at(position);
        const holds = try walk.selector.isTrue(&walk.step.more, &here) orelse false;
        if (holds) try walk.include(position, &here);
        if (is_by_rank or !walk.isList()) {
            walk.selector.is_at_end = true;
        } else if (holds and walk.selector.is_at_end and position + 1 < total) {
            return error.Unknown;
        }
    }

    fn takeMany(walk: *Walk) Error!void {
        const keys = try walk.wantedKeys();
        var is_found = false;
        for (0..walk.container.len()) |position| {
            if (walk.selector.is_at_end) return error.Unknown;
            const here = walk.at(position);
            var holds: ?bool = false;
            if (!is_found) holds = try walk.isSelected(&here, keys);
            is_found = is_found or (walk.step.by == .key and holds == true);
            if (holds == true) holds = try walk.selector.isTrue(&walk.step.more, &here);
            if (holds == null and !walk.selector.no_fail) return error.InvalidParameter;
            if (holds == true) try walk.include(position, &here);
        }
    }

    /// The keys of a list of them.
    fn wantedKeys(walk: *const Walk) Error![]const []const u8 {
        if (walk.isList() or walk.step.by != .key_list) return &.{};
        const arena = walk.selector.arena;
        const list = Container.parse(arena, walk.step.value) catch |err| switch (err) {
            error.OutOfMemory => return error.OutOfMemory,
            error.Malformed => return error.InvalidParameter,
        };
        if (list.kind != .list) return error.InvalidParameter;
        if (list.isOrdered() and list.len() > 1) {
            for (list.items[1..], list.items[0 .. list.items.len - 1]) |item, before| {
                if (order.compare(item, before) == .lt) return error.InvalidParameter;
            }
        }
        return list.items;
    }

    /// Null when it cannot be known.
    fn isSelected(
        walk: *const Walk,
        here: *const Language.Element,
        keys: []const []const u8,
    ) Error!?bool {
        const step = walk.step;
        return switch (step.by) {
            .expression => walk.selector.isTrue(&step.condition, here),
            .value => order.compare(here.value, step.value) == .eq,
            .key => order.compare(here.key orelse return null, step.value) == .eq,
            .key_list => {
                const key = here.key orelse return null;
                return for (keys) |wanted| {
                    if (order.compare(key, wanted) == .eq) break true;
                } else false;
            },
            else => null,
        };
    }

    fn include(walk: *Walk, position: usize, here: *const Language.Element) Error!void {
        const self = walk.selector;
        if (!self.isLast(walk.level)) {
            if (Container.kindOf(here.value) != null) {
                const inner = try self.visit(here.value, walk.level + 1);
                walk.kept[position] = try walk.around(here, inner);
            } else if (self.form == .tree) {
                walk.kept[position] = walk.container.items[position];
            }
            return;
        }
        switch (self.form) {
            .tree => walk.kept[position] = walk.container.items[position],
            .replaced => {
                const changed = try self.changed(here);
                walk.kept[position] = if (changed) |value| try walk.around(here, value) else null;
            },
            else => {
                if (self.form.hasKeys()) try self.told.append(self.arena, here.key.?);
                if (self.form != .keys) try self.told.append(self.arena, here.value);
            },
        }
    }

    /// The element with another value.
    fn around(
        walk: *const Walk,
        here: *const Language.Element,
        value: []const u8,
    ) error{OutOfMemory}![]const u8 {
        const key = here.key orelse return value;
        return std.mem.concat(walk.selector.arena, u8, &.{ key, value });
    }
};

const ByValue = struct {
    container: *const Container,

    pub fn compare(context: ByValue, left: u32, right: u32) std.math.Order {
        return order.compare(context.valueAt(left), context.valueAt(right));
    }

    fn valueAt(context: ByValue, position: u32) []const u8 {
        const item = context.container.items[position];
        return if (context.container.kind == .map) Container.valueOf(item) else item;
    }
};

fn decodeSteps(
    arena: Allocator,
    language: *const Language,
    parameters: *Parameters,
    count: u32,
) Error![]const Step {
    var steps: std.ArrayList(Step) = .empty;
    for (0..count) |_| {
        const number = try parameters.unsigned();
        if (number & Step.flag_more == 0) {
            try steps.append(arena, try decodeStep(arena, language, .of(number), parameters));
            continue;
        }
        const is_expression = number == Step.flag_more | @as(u64, @backingInt(By.expression));
        if (!is_expression or steps.items.len == 0) return error.InvalidParameter;
        const step = &steps.items[steps.items.len - 1];
        if (step.has_more or step.by == .expression) return error.InvalidParameter;
        step.has_more = true;
        step.more = try decodeCondition(arena, language, parameters);
    }
    return steps.items;
}

fn decodeStep(
    arena: Allocator,
    language: *const Language,
    step_sent: Step,
    parameters: *Parameters,
) Error!Step {
    var step = step_sent;
    switch (step.by) {
        .index, .rank => step.index = try parameters.signed(),
        .key, .value, .key_list => step.value = try parameters.element(),
        .expression => step.condition = try decodeCondition(arena, language, parameters),
        _ => return error.InvalidParameter,
    }
    return step;
}

/// An expression, or true.
fn decodeCondition(
    arena: Allocator,
    language: *const Language,
    parameters: *Parameters,
) Error!?Compiled {
    const bytes = try parameters.element();
    if (std.mem.eql(u8, bytes, "\xc3")) return null;
    if (Container.kindOf(bytes) != .list) return error.InvalidParameter;
    return try compile(arena, language, bytes);
}

fn compile(arena: Allocator, language: *const Language, bytes: []const u8) Error!Compiled {
    return language.compile(language, arena, bytes) catch |err| switch (err) {
        error.OutOfMemory => error.OutOfMemory,
        error.Invalid => error.InvalidParameter,
    };
}

fn isNestingBounded(bytes: []const u8) bool {
    var reader = wire.msgpack.Reader.init(bytes);
    // How many values are left at each level.
    var left: [nesting_max]u64 = undefined;
    var levels: usize = 0;
    while (!reader.isAtEnd()) {
        const count: u64 = switch (reader.next() catch return false) {
            .array => |count| count,
            .map => |count| @as(u64, count) * 2,
            else => 0,
        };
        if (count > 0) {
            if (levels == nesting_max) return false;
            left[levels] = count;
            levels += 1;
            continue;
        }
        while (levels > 0) {
            left[levels - 1] -= 1;
            if (left[levels - 1] > 0) break;
            levels -= 1;
        }
    }
    return true;
}

/// Tells what is selected in a list or a map.
pub fn read(
    arena: Allocator,
    language: *const Language,
    bytes: []const u8,
    parameters: *Parameters,
) Error![]const u8 {
    var selector = try Selector.decode(arena, language, parameters);
    if (selector.form == .replaced) return error.InvalidParameter;
    return tell(&selector, bytes);
}

fn tell(selector: *Selector, bytes: []const u8) Error![]const u8 {
    const tree = try selector.visit(bytes, 0);
    if (selector.form == .tree) return tree;
    const list: Container = .{ .kind = .list, .flags = 0, .items = selector.told.items };
    return list.write(selector.arena);
}

pub const Changed = union(enum) {
    told: []const u8,
    replaced: []const u8,
};

/// Replaces what is selected in a list or a map. Also what only reads may be sent to be done.
pub fn modify(
    arena: Allocator,
    language: *const Language,
    bytes: []const u8,
    parameters: *Parameters,
) Error!Changed {
    var selector = try Selector.decode(arena, language, parameters);
    if (selector.form != .replaced) return .{ .told = try tell(&selector, bytes) };
    selector.change = try compile(arena, language, try parameters.element());
    return .{ .replaced = try selector.visit(bytes, 0) };
}
