//! What a command hands its exchanges to: the calling thread, or a loop. Both keep the contract of
//! `exchange.zig`, so a command does not know which it is.

const std = @import("std");
const exchange_module = @import("exchange.zig");
const Blocking = @import("blocking.zig").Blocking;
const Loop = @import("loop.zig").Loop;

pub fn Driver(comptime Net: type, comptime Poller: type) type {
    return union(enum) {
        blocking: *Blocking(Net),
        loop: *Loop(Net, Poller),

        const This = @This();
        const Exchange = exchange_module.Exchange(Net);
        const Timer = exchange_module.Timer(Net);

        /// The handler may be called before this returns.
        pub fn begin(driver: This, exchange: *Exchange) void {
            switch (driver) {
                inline else => |chosen| chosen.begin(exchange),
            }
        }

        /// Ends an exchange that is under way; its handler is not called.
        pub fn cancel(driver: This, exchange: *Exchange) void {
            switch (driver) {
                inline else => |chosen| chosen.cancel(exchange),
            }
        }

        /// Calls whom the timer belongs to, once, when the time has come.
        pub fn schedule(driver: This, timer: *Timer, at_ns: u64) void {
            switch (driver) {
                inline else => |chosen| chosen.schedule(timer, at_ns),
            }
        }

        pub fn unschedule(driver: This, timer: *Timer) void {
            switch (driver) {
                inline else => |chosen| chosen.unschedule(timer),
            }
        }

        pub fn now(driver: This) u64 {
            return switch (driver) {
                inline else => |chosen| chosen.now(),
            };
        }
    };
}
