//! How often a receive polls a socket without sleeping before it lets the kernel put it to sleep.
//!
//! A reply over loopback may arrive sooner than the kernel can put a thread to sleep and wake it, so
//! that some tens of non-blocking receives halve the round trip. Over a slow network, or when the
//! machine has better use for its cores, they are waste. Each connection therefore learns: a hit
//! doubles its tries, a miss halves them down to none, and now and then one full round probes
//! whether the answer has changed. The whole process spins on half of its cores at most.
//!
//! Plain values, used by the one thread that holds the connection; only `Spinners` is shared.

const std = @import("std");
const assert = std.debug.assert;

pub const Spin = struct {
    /// Receives to try before sleeping.
    tries: u8 = tries_max,
    /// Rounds without spinning since the tries fell to zero.
    rounds_idle: u8 = 0,

    pub const tries_max = 24;
    const tries_min = 6;
    /// One of so many rounds probes when spinning has not paid.
    const probe_every_rounds = 128;

    /// The number of non-blocking receives for this round.
    pub fn begin(spin: *Spin) u8 {
        if (spin.tries > 0) return spin.tries;
        spin.rounds_idle += 1;
        if (spin.rounds_idle < probe_every_rounds) return 0;
        spin.rounds_idle = 0;
        return tries_max;
    }

    /// Bytes came before the tries were used up.
    pub fn hit(spin: *Spin) void {
        const doubled = @max(@as(u16, spin.tries) * 2, tries_min * 2);
        spin.tries = @intCast(@min(doubled, tries_max));
        spin.rounds_idle = 0;
    }

    /// The tries were used up and the thread had to sleep.
    pub fn miss(spin: *Spin) void {
        spin.tries /= 2;
        if (spin.tries < tries_min) spin.tries = 0;
    }
};

/// Counts the threads that spin at one moment.
pub const Spinners = struct {
    count: std.atomic.Value(u32) = .init(0),
    limit: u32,

    pub fn init(cpu_count: usize) Spinners {
        return .{ .limit = @intCast(@min(cpu_count / 2, std.math.maxInt(u32))) };
    }

    pub fn enter(spinners: *Spinners) bool {
        if (spinners.count.fetchAdd(1, .monotonic) < spinners.limit) return true;
        spinners.leave();
        return false;
    }

    pub fn leave(spinners: *Spinners) void {
        const before = spinners.count.fetchSub(1, .monotonic);
        assert(before > 0);
    }
};

test "spinning that never pays stops, and is probed once in a while" {
    var spin: Spin = .{};
    var spun: u32 = 0;
    for (0..1000) |_| {
        const tries = spin.begin();
        spun += tries;
        if (tries > 0) spin.miss();
    }
    // A few shrinking rounds at first, then one full round in every 128.
    try std.testing.expect(spun < 1000);
    try std.testing.expect(spun > Spin.tries_max);
}

test "one hit brings spinning back" {
    var spin: Spin = .{ .tries = 0 };
    while (spin.begin() == 0) {}
    spin.hit();
    try std.testing.expect(spin.begin() > 0);
    for (0..8) |_| spin.hit();
    try std.testing.expectEqual(@as(u8, Spin.tries_max), spin.begin());
}

test "spinners take half of the cores at most, and none of a single one" {
    var two = Spinners.init(2);
    try std.testing.expect(two.enter());
    try std.testing.expect(!two.enter());
    two.leave();
    try std.testing.expect(two.enter());
    var one = Spinners.init(1);
    try std.testing.expect(!one.enter());
}
