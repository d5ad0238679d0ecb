//! Who may be inside, and who closes.
//!
//! A gate counts those inside and has a phase. It is open while the client is connected; whoever
//! closes it keeps newcomers out, and whoever leaves last has it closed. Threads enter and leave
//! without a lock; the phases are changed by one thread at a time, which holds the client's lock.
//!
//!     closed -- open() --> open -- shut() --> closing -- the last leaves --> (empty) -- close() --> closed
//!     any -- forked() --> forked: in the child of a fork, where those inside do not exist
//!
//! Newcomers count themselves first and look then, so the count of a gate that is not open may be
//! above zero for a moment; nothing relies on it being zero but the end of closing, which the last
//! to leave tells.

const std = @import("std");
const assert = std.debug.assert;
const io = @import("../io.zig");

pub const Gate = struct {
    /// The phase in the two highest bits, the number of those inside in the rest.
    state: std.atomic.Value(u32) = .init(@as(u32, @backingInt(Phase.closed)) << phase_shift),
    /// Set whenever the gate may have become empty while closing.
    emptied: io.sync.Event = .{},

    pub const Phase = enum(u2) { closed, open, closing, forked };

    const phase_shift = 30;
    const count_mask = (1 << phase_shift) - 1;

    fn phaseOf(state: u32) Phase {
        return @fromBackingInt(@as(u2, @intCast(state >> phase_shift)));
    }

    pub fn phase(gate: *const Gate) Phase {
        return phaseOf(gate.state.load(.acquire));
    }

    /// True when the gate is open; `leave` follows.
    pub fn enter(gate: *Gate) bool {
        const before = gate.state.fetchAdd(1, .acquire);
        assert(before & count_mask != count_mask);
        if (phaseOf(before) == .open) return true;
        _ = gate.leave();
        return false;
    }

    /// True for the last to leave a gate that is closing.
    pub fn leave(gate: *Gate) bool {
        const before = gate.state.fetchSub(1, .acq_rel);
        assert(before & count_mask > 0);
        if (phaseOf(before) != .closing or before & count_mask != 1) return false;
        gate.emptied.set();
        return true;
    }

    // By whoever holds the client's lock.

    /// Lets in. Nobody was let in since it was closed.
    pub fn open(gate: *Gate) void {
        gate.move(.closed, .open);
    }

    /// Keeps newcomers out.
    pub fn shut(gate: *Gate) void {
        gate.emptied.reset();
        gate.move(.open, .closing);
    }

    /// Everybody has left.
    pub fn close(gate: *Gate) void {
        gate.move(.closing, .closed);
    }

    /// The count stays: somebody may be about to look, or to leave.
    fn move(gate: *Gate, from: Phase, to: Phase) void {
        const difference = (@as(u32, @backingInt(to)) -% @backingInt(from)) << phase_shift;
        const before = gate.state.fetchAdd(difference, .acq_rel);
        assert(phaseOf(before) == from);
    }

    /// While closing: nobody is inside any more. Newcomers who are turned away may make it false for
    /// a moment, and tell when they are gone.
    pub fn isEmpty(gate: *const Gate) bool {
        return gate.state.load(.acquire) & count_mask == 0;
    }

    /// Until nobody is inside. The gate is closing.
    pub fn waitUntilEmpty(gate: *Gate) void {
        assert(gate.phase() == .closing);
        while (!gate.isEmpty()) _ = gate.emptied.wait(std.time.ns_per_s);
    }

    /// In the child of a fork, before a second thread exists.
    pub fn forked(gate: *Gate) void {
        gate.* = .{ .state = .init(@as(u32, @backingInt(Phase.forked)) << phase_shift) };
    }

    /// What belonged to the parent has been given up.
    pub fn reset(gate: *Gate) void {
        gate.move(.forked, .closed);
    }
};

const testing = std.testing;

/// Every interleaving of some threads' steps, each step an atomic one of the gate, against what the
/// gate promises. A visitor counts itself, looks, works, and leaves; the keeper opens, shuts, waits
/// for the gate to be empty, closes, and begins anew.
const Model = struct {
    phase: Gate.Phase = .closed,
    count: u8 = 0,
    is_told: bool = false,
    visitors: [visitors_max]Visitor = @splat(.outside),
    keeper: Keeper = .open,
    rounds_left: u8,

    const visitors_max = 3;
    const Visitor = enum { outside, counted_open, counted_shut, done };
    const Keeper = enum { open, shut, look, sleep, tear_down };

    /// What is inside while the keeper tears down would use freed memory.
    fn check(model: *const Model) !void {
        if (model.keeper != .tear_down) return;
        for (model.visitors) |visitor| try testing.expect(visitor != .counted_open);
    }

    fn stepVisitor(model: *Model, index: usize) bool {
        const visitor = &model.visitors[index];
        switch (visitor.*) {
            .outside => {
                visitor.* = if (model.phase == .open) .counted_open else .counted_shut;
                model.count += 1;
            },
            .counted_open, .counted_shut => {
                if (model.phase == .closing and model.count == 1) model.is_told = true;
                model.count -= 1;
                visitor.* = .done;
            },
            .done => return false,
        }
        return true;
    }

    fn stepKeeper(model: *Model) bool {
        switch (model.keeper) {
            .open => {
                if (model.rounds_left == 0) return false;
                model.rounds_left -= 1;
                model.phase = .open;
                model.keeper = .shut;
            },
            .shut => {
                model.is_told = false;
                model.phase = .closing;
                model.keeper = .look;
            },
            .look => model.keeper = if (model.count == 0) .tear_down else .sleep,
            .sleep => {
                // Nothing but being told wakes it: a tell that is lost leaves it stuck.
                if (!model.is_told) return false;
                model.is_told = false;
                model.keeper = .look;
            },
            .tear_down => {
                model.phase = .closed;
                model.keeper = .open;
            },
        }
        return true;
    }

    fn explore(model: Model, seen: *Seen) !void {
        const entry = try seen.getOrPut(testing.allocator, model);
        if (entry.found_existing) return;
        try model.check();
        var is_stuck = true;
        for (0..visitors_max) |index| {
            var next = model;
            if (!next.stepVisitor(index)) continue;
            is_stuck = false;
            try next.explore(seen);
        }
        var next = model;
        if (next.stepKeeper()) {
            is_stuck = false;
            try next.explore(seen);
        }
        // Whatever the order, everybody gets to the end.
        if (!is_stuck) return;
        try testing.expectEqual(0, model.count);
        try testing.expectEqual(0, model.rounds_left);
        try testing.expectEqual(Keeper.open, model.keeper);
        for (model.visitors) |visitor| try testing.expectEqual(Visitor.done, visitor);
    }

    const Seen = std.AutoHashMapUnmanaged(Model, void);
};

test "in every interleaving nobody is inside while the gate's owner tears down, and none is stuck" {
    var seen: Model.Seen = .empty;
    defer seen.deinit(testing.allocator);
    try (Model{ .rounds_left = 2 }).explore(&seen);
    try testing.expect(seen.count() > 500);
}

test "a gate that opens while newcomers are turned away keeps its count" {
    const Newcomer = struct {
        fn run(gate: *Gate, stop: *std.atomic.Value(bool), entered: *std.atomic.Value(u32)) void {
            while (!stop.load(.acquire)) {
                if (!gate.enter()) continue;
                _ = entered.fetchAdd(1, .monotonic);
                _ = gate.leave();
            }
        }
    };
    var gate: Gate = .{};
    var stop: std.atomic.Value(bool) = .init(false);
    var entered: std.atomic.Value(u32) = .init(0);
    var threads: [3]std.Thread = undefined;
    for (&threads) |*thread| {
        thread.* = try .spawn(.{}, Newcomer.run, .{ &gate, &stop, &entered });
    }
    for (0..2000) |_| {
        gate.open();
        const before = entered.load(.monotonic);
        for (0..1000) |_| {
            if (entered.load(.monotonic) != before) break;
            std.atomic.spinLoopHint();
        }
        gate.shut();
        gate.waitUntilEmpty();
        const inside = entered.load(.monotonic);
        try testing.expectEqual(inside, entered.load(.monotonic));
        gate.close();
    }
    stop.store(true, .release);
    for (threads) |thread| thread.join();
    try testing.expect(gate.isEmpty());
    try testing.expectEqual(.closed, gate.phase());
    try testing.expect(entered.load(.monotonic) > 0);
}

test "a child of a fork finds the gate empty, and opens it anew" {
    var gate: Gate = .{};
    gate.open();
    try testing.expect(gate.enter());
    gate.forked();
    try testing.expect(!gate.enter());
    gate.reset();
    gate.open();
    try testing.expect(gate.enter());
    gate.shut();
    try testing.expect(gate.leave());
    gate.waitUntilEmpty();
    gate.close();
}
