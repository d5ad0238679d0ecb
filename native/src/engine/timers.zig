//! Deadlines of what an event loop waits for: a hashed wheel with a slot per millisecond.
//!
//! Scheduling and cancelling are a few pointer writes, whatever the number of entries; entries are
//! intrusive, so nothing is allocated. An entry whose deadline is further away than one turn of
//! the wheel is met early and left in place. Deadlines are rounded up to the next slot: nothing
//! expires early. One thread.

const std = @import("std");
const assert = std.debug.assert;

pub const Entry = struct {
    deadline_ns: u64 = 0,
    slot: u16 = unscheduled,
    previous: ?*Entry = null,
    next: ?*Entry = null,

    const unscheduled = std.math.maxInt(u16);

    pub fn isScheduled(entry: *const Entry) bool {
        return entry.slot != unscheduled;
    }
};

pub const Timers = struct {
    slots: [slot_count]?*Entry = @splat(null),
    occupied: [slot_count / 64]u64 = @splat(0),
    /// All slots up to this one have been visited.
    visited_tick: u64,

    const slot_count = 1024;
    const tick_ns = std.time.ns_per_ms;

    pub fn init(now_ns: u64) Timers {
        return .{ .visited_tick = now_ns / tick_ns };
    }

    pub fn schedule(timers: *Timers, entry: *Entry, deadline_ns: u64) void {
        assert(!entry.isScheduled());
        const tick = @max(deadline_ns / tick_ns +| 1, timers.visited_tick + 1);
        const slot: u16 = @intCast(tick % slot_count);
        entry.* = .{ .deadline_ns = deadline_ns, .slot = slot, .next = timers.slots[slot] };
        if (entry.next) |next| next.previous = entry;
        timers.slots[slot] = entry;
        timers.occupied[slot / 64] |= bit(slot);
    }

    /// Does nothing to an entry that is not scheduled.
    pub fn cancel(timers: *Timers, entry: *Entry) void {
        if (!entry.isScheduled()) return;
        const slot = entry.slot;
        if (entry.previous) |previous| {
            assert(previous.next == entry);
            previous.next = entry.next;
        } else {
            assert(timers.slots[slot] == entry);
            timers.slots[slot] = entry.next;
            if (entry.next == null) timers.occupied[slot / 64] &= ~bit(slot);
        }
        if (entry.next) |next| next.previous = entry.previous;
        entry.* = .{};
    }

    /// Takes out one entry whose deadline has passed; null when there is none left.
    pub fn expire(timers: *Timers, now_ns: u64) ?*Entry {
        const now_tick = now_ns / tick_ns;
        // After a long pause every slot is visited once, no matter how many turns went by.
        if (now_tick > timers.visited_tick + slot_count) {
            timers.visited_tick = now_tick - slot_count;
        }
        while (true) {
            const slot: u16 = @intCast(timers.visited_tick % slot_count);
            var candidate = timers.slots[slot];
            while (candidate) |entry| : (candidate = entry.next) {
                if (entry.deadline_ns > now_ns) continue;
                timers.cancel(entry);
                return entry;
            }
            if (timers.visited_tick >= now_tick) return null;
            timers.visited_tick += 1;
        }
    }

    /// How long to wait, in ms, until an entry may be due; null when there is none.
    pub fn waitMs(timers: *const Timers, now_ns: u64) ?u32 {
        const start: u32 = @intCast((timers.visited_tick + 1) % slot_count);
        const distance = timers.nextOccupied(start) orelse return null;
        const due_ns = (timers.visited_tick + 1 + distance) * tick_ns;
        if (due_ns <= now_ns) return 0;
        return @intCast((due_ns - now_ns + tick_ns - 1) / tick_ns);
    }

    /// Slots from `start` to the next occupied one, around the wheel.
    fn nextOccupied(timers: *const Timers, start: u32) ?u32 {
        var word = start / 64;
        var bits = timers.occupied[word] & (~@as(u64, 0) << @intCast(start % 64));
        for (0..timers.occupied.len + 1) |_| {
            if (bits != 0) {
                const slot = word * 64 + @ctz(bits);
                return (slot + slot_count - start) % slot_count;
            }
            word = (word + 1) % @as(u32, timers.occupied.len);
            bits = timers.occupied[word];
        }
        return null;
    }

    fn bit(slot: u16) u64 {
        return @as(u64, 1) << @intCast(slot % 64);
    }
};

const testing = std.testing;
const ms = std.time.ns_per_ms;

test "entries expire in time, not before, and cancelled ones never" {
    var timers: Timers = .init(5 * ms);
    var entries: [4]Entry = @splat(.{});
    timers.schedule(&entries[0], 7 * ms);
    timers.schedule(&entries[1], 7 * ms + 1);
    timers.schedule(&entries[2], 3000 * ms);
    timers.schedule(&entries[3], 9 * ms);
    timers.cancel(&entries[3]);
    try testing.expect(!entries[3].isScheduled());
    try testing.expectEqual(null, timers.expire(7 * ms - 1));
    try testing.expectEqual(@as(?u32, 2), timers.waitMs(6 * ms));
    // Entries of one slot have no order.
    const first = timers.expire(8 * ms).?;
    const second = timers.expire(8 * ms).?;
    try testing.expect(first == &entries[0] or second == &entries[0]);
    try testing.expect(first == &entries[1] or second == &entries[1]);
    try testing.expectEqual(null, timers.expire(2999 * ms));
    try testing.expectEqual(&entries[2], timers.expire(3001 * ms).?);
    try testing.expectEqual(null, timers.waitMs(3001 * ms));
}

test "a deadline in the past expires at the next look" {
    var timers: Timers = .init(50 * ms);
    var entry: Entry = .{};
    timers.schedule(&entry, 10 * ms);
    try testing.expectEqual(&entry, timers.expire(51 * ms).?);
}

test "against a plain list, over many turns of the wheel" {
    var prng: std.Random.DefaultPrng = .init(0x5eed);
    const random = prng.random();
    var timers: Timers = .init(0);
    var entries: [200]Entry = @splat(.{});
    var now: u64 = 0;
    for (0..20_000) |_| {
        const entry = &entries[random.uintLessThan(usize, entries.len)];
        timers.cancel(entry);
        if (random.boolean()) timers.schedule(entry, now + random.uintLessThan(u64, 2500 * ms));
        now += random.uintLessThan(u64, 3 * ms);
        const wait_ms = timers.waitMs(now);
        while (timers.expire(now)) |expired| try testing.expect(expired.deadline_ns <= now);
        for (&entries) |*other| {
            if (!other.isScheduled()) continue;
            // Late by no more than the rounding to slots, and the wait is never too long.
            try testing.expect(other.deadline_ns + 2 * ms > now);
            try testing.expect(wait_ms != null);
        }
    }
}
