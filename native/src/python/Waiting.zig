//! Who waits for the operations in flight, by their tokens.

const std = @import("std");
const api = @import("api.zig");

const Object = api.Object;
const gpa = std.heap.c_allocator;

entries: std.ArrayList(Entry) = .empty,
/// Of the entries that keep nothing, each of which has the next one's.
free: ?u32 = null,
count: u32 = 0,

const Waiting = @This();

/// A future, which is null when nobody waits any more, and what decodes the result.
pub const Who = struct {
    future: ?*Object,
    decoder: ?*Object,

    const nobody: Who = .{ .future = null, .decoder = null };

    pub fn release(who: *const Who) void {
        api.Py_DecRef(who.future);
        api.Py_DecRef(who.decoder);
    }
};

const Entry = struct {
    /// 0 when it keeps nothing.
    token: u64,
    who: Who,
    next_free: ?u32,
};

/// Of a token, whose lower bits say where the entry is; the others make it one of its own.
const place_bits = 24;
/// As tokens are positive numbers of 64 bits.
const serial_bits = 63 - place_bits;

/// Takes both references over, and returns the token.
pub fn keep(waiting: *Waiting, serial: u64, who: Who) error{OutOfMemory}!u64 {
    const index = waiting.free orelse try waiting.grow();
    const entry = &waiting.entries.items[index];
    waiting.free = entry.next_free;
    waiting.count += 1;
    const own = serial & (1 << serial_bits) - 1;
    // Never 0.
    entry.* = .{ .token = own << place_bits | index + 1, .who = who, .next_free = null };
    return entry.token;
}

fn grow(waiting: *Waiting) error{OutOfMemory}!u32 {
    const index = waiting.entries.items.len;
    if (index + 1 >= 1 << place_bits) return error.OutOfMemory;
    try waiting.entries.append(gpa, .{ .token = 0, .who = .nobody, .next_free = null });
    return @intCast(index);
}

fn find(waiting: *const Waiting, token: u64) ?u32 {
    const place = token & (1 << place_bits) - 1;
    if (place == 0 or place > waiting.entries.items.len) return null;
    const index: u32 = @intCast(place - 1);
    return if (waiting.entries.items[index].token == token) index else null;
}

pub fn keeps(waiting: *const Waiting, token: u64) bool {
    return waiting.find(token) != null;
}

/// What was kept is the caller's.
pub fn take(waiting: *Waiting, token: u64) ?Who {
    const index = waiting.find(token) orelse return null;
    const entry = &waiting.entries.items[index];
    const who = entry.who;
    entry.* = .{ .token = 0, .who = .nobody, .next_free = waiting.free };
    waiting.free = index;
    waiting.count -= 1;
    return who;
}

/// It is still kept, but nobody waits. What was kept is the caller's.
pub fn leave(waiting: *Waiting, token: u64) ?Who {
    const index = waiting.find(token) orelse return null;
    const who = &waiting.entries.items[index].who;
    defer who.* = .nobody;
    return who.*;
}

/// A list of (token, future or None).
pub fn list(waiting: *const Waiting) api.Error!*Object {
    const all = try api.made(api.PyList_New(0));
    errdefer api.release(all);
    var index: usize = 0;
    // Memory for it may have the garbage collector run, and that anything.
    while (index < waiting.entries.items.len) : (index += 1) {
        const entry = waiting.entries.items[index];
        if (entry.token == 0) continue;
        const future = api.share(entry.who.future orelse api.headers.none);
        defer api.release(future);
        const token = try api.made(api.PyLong_FromUnsignedLongLong(entry.token));
        defer api.release(token);
        const shown = try api.tupleOf(&.{ token, future });
        defer api.release(shown);
        try api.done(api.PyList_Append(all, shown));
    }
    return all;
}

pub fn traverse(waiting: *const Waiting, visit: api.Visit, argument: ?*anyopaque) c_int {
    for (waiting.entries.items) |*entry| {
        for ([_]?*Object{ entry.who.future, entry.who.decoder }) |kept| {
            const status = visit(kept orelse continue, argument);
            if (status != 0) return status;
        }
    }
    return 0;
}

/// Nothing is kept any more.
pub fn clear(waiting: *Waiting) void {
    // What is released may come back here.
    var entries = waiting.entries;
    waiting.* = .{};
    for (entries.items) |*entry| entry.who.release();
    entries.deinit(gpa);
}
