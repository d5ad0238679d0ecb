//! How often the simulated network does harm, and the dice.

const std = @import("std");

/// Chances in a thousand.
pub const Faults = struct {
    /// A connect is answered with a refusal.
    refuse: u16 = 0,
    /// A connect is not answered.
    ignore: u16 = 0,
    /// The connection is reset when something is sent on it; the request is lost.
    reset_request: u16 = 0,
    /// The same, but the reset is there before all is sent: the sending itself fails.
    break_request: u16 = 0,
    /// The connection is reset after the server has carried a request out.
    reset_reply: u16 = 0,
    /// The reply is never sent.
    lose: u16 = 0,
    /// The reply is late by up to `delay_ms_max`.
    delay: u16 = 0,
    /// Only the beginning of the reply comes, then the end of the connection.
    truncate: u16 = 0,
    /// Bytes of the reply are others.
    garble: u16 = 0,
    /// A reply comes in several pieces.
    tear: u16 = 0,
    /// Only a part of a request is taken at first. For those who send without waiting.
    clog: u16 = 0,
    delay_ms_max: u32 = 3_000,

    pub const none: Faults = .{};

    pub const all: Faults = .{
        .refuse = 20,
        .ignore = 10,
        .reset_request = 10,
        .break_request = 10,
        .reset_reply = 10,
        .lose = 10,
        .delay = 20,
        .truncate = 10,
        .garble = 10,
        .tear = 300,
        .clog = 100,
    };

    pub fn draw(random: std.Random, chance: u16) bool {
        return chance > 0 and random.uintLessThan(u16, 1000) < chance;
    }
};

test "a chance of zero never comes, one of a thousand always" {
    var prng = std.Random.DefaultPrng.init(1);
    for (0..1000) |_| {
        try std.testing.expect(!Faults.draw(prng.random(), 0));
        try std.testing.expect(Faults.draw(prng.random(), 1000));
    }
}
