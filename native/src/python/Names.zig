//! Short texts that come again and again, as Python strings that are made once: interned, so that
//! a dict finds a name of a program's source by its address alone.
//!
//! By a hash of the text. The newest stays: there are few, or keeping them is no use.

const std = @import("std");
const api = @import("api.zig");

const Object = api.Object;

const length_max = 31;
const slot_count = 1024;

slots: [slot_count]Slot,

const Slot = struct {
    object: ?*Object,
    length: u8,
    bytes: [length_max]u8,
};

const Names = @This();

/// In place, as it is large.
pub fn init(names: *Names) void {
    for (&names.slots) |*slot| slot.object = null;
}

pub fn deinit(names: *Names) void {
    for (&names.slots) |*slot| api.Py_DecRef(slot.object);
    names.* = undefined;
}

/// A new reference to the text as a Python string; null with an exception.
pub fn get(names: *Names, text: []const u8) ?*Object {
    if (text.len > length_max) return make(text);
    const slot = &names.slots[hash(text) % slot_count];
    if (slot.object) |object| {
        if (slot.length == text.len and isEqual(&slot.bytes, text)) return api.share(object);
    }
    return keep(slot, text);
}

/// As most are short: words that overlap, rather than a loop.
inline fn isEqual(known: *const [length_max]u8, text: []const u8) bool {
    const len = text.len;
    if (len > 16) return std.mem.eql(u8, known[0..len], text);
    if (len >= 8) return wordsAreEqual(u64, known[0..len], text);
    if (len >= 4) return wordsAreEqual(u32, known[0..len], text);
    for (known[0..len], text) |a, b| if (a != b) return false;
    return true;
}

inline fn wordsAreEqual(comptime Word: type, a: []const u8, b: []const u8) bool {
    const size = @sizeOf(Word);
    const head = std.mem.readInt(Word, a[0..size], .little) ^
        std.mem.readInt(Word, b[0..size], .little);
    const tail = std.mem.readInt(Word, a[a.len - size ..][0..size], .little) ^
        std.mem.readInt(Word, b[b.len - size ..][0..size], .little);
    return head | tail == 0;
}

fn make(text: []const u8) ?*Object {
    return api.makeText(text);
}

fn keep(slot: *Slot, text: []const u8) ?*Object {
    @branchHint(.cold);
    var made = make(text);
    if (made == null) return null;
    api.PyUnicode_InternInPlace(&made);
    const old = slot.object;
    slot.object = api.share(made.?);
    slot.length = @intCast(text.len);
    @memcpy(slot.bytes[0..text.len], text);
    if (old) |object| api.release(object);
    return made;
}

fn hash(text: []const u8) u32 {
    const len = text.len;
    var mixed: u64 = len;
    if (len >= 8) {
        mixed ^= std.mem.readInt(u64, text[0..8], .little);
        mixed ^= std.math.rotl(u64, std.mem.readInt(u64, text[len - 8 ..][0..8], .little), 29);
    } else if (len >= 4) {
        mixed ^= std.mem.readInt(u32, text[0..4], .little);
        mixed ^= @as(u64, std.mem.readInt(u32, text[len - 4 ..][0..4], .little)) << 27;
    } else {
        for (text) |byte| mixed = mixed << 8 ^ byte;
    }
    return @truncate((mixed *% 0x9e3779b97f4a7c15) >> 40);
}
