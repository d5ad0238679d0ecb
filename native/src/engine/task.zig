//! A command in progress: begun on a driver, over once. Its result or its failure stays in it.
//!
//! Each kind of command embeds a task and says by `Kind` how it begins, and how it ends when nobody
//! waits for it any more. Until it is over it belongs to the driver's thread.

const std = @import("std");
const assert = std.debug.assert;
const exchange_module = @import("exchange.zig");
const wire = @import("../wire.zig");
const Blocking = @import("blocking.zig").Blocking;
const Failure = @import("../status.zig").Failure;
const Status = @import("../status.zig").Status;

/// How long a loop waits before it looks for signals.
const slice_ms = 100;

pub fn Task(comptime Net: type, comptime Poller: type) type {
    return struct {
        kind: *const Kind,
        driver: Driver = undefined,
        /// Of status ok unless the command has failed.
        failure: Failure = .{},
        /// The result.
        out: wire.Buffer,
        is_over: bool = false,
        /// Set by any thread: `runOn` is to end it.
        is_cancelled: std.atomic.Value(bool) = .init(false),
        /// Who is told that it is over, and of what: may be called by `start`.
        on_over: ?*const fn (*This) void = null,
        /// Of whoever is told.
        context: *anyopaque = undefined,

        const This = @This();
        pub const Driver = @import("driver.zig").Driver(Net, Poller);
        pub const Loop = @import("loop.zig").Loop(Net, Poller);

        pub const Kind = struct {
            /// Begins what is to be done. May be over before it returns.
            start: *const fn (*This) void,
            /// Ends what is under way, without `over`. True when a write may have taken effect.
            abort: *const fn (*This) bool,
            /// Counts the command, which has ended with this status.
            measure: *const fn (*This, Status) void,
            /// Whether a command that has succeeded has, or may have, changed something.
            has_changed: *const fn (*This) bool,
        };

        /// Makes a task ready to start, in place. The texts of its failure are left as they are.
        pub fn prepare(task: *This, kind: *const Kind, out: wire.Buffer) void {
            task.kind = kind;
            task.failure.status = .ok;
            task.failure.in_doubt = false;
            task.failure.node_len = 0;
            task.failure.message_len = 0;
            task.failure.details_len = 0;
            task.failure.attempts = 0;
            task.failure.earlier.count = 0;
            task.failure.earlier.len = 0;
            task.out = out;
            task.is_over = false;
            task.is_cancelled = .init(false);
            task.on_over = null;
        }

        pub fn start(task: *This, driver: Driver) void {
            task.driver = driver;
            task.kind.start(task);
        }

        /// Called once by the command itself, as the last thing it does. A failure has been set.
        pub fn over(task: *This) void {
            assert(!task.is_over);
            task.is_over = true;
            if (task.failure.status != .ok) task.out.clear();
            task.kind.measure(task, task.failure.status);
            if (task.on_over) |on_over| on_over(task);
        }

        /// Ends it before it is over, for the reason that the failure has.
        pub fn abort(task: *This, status: Status, comptime reason: []const u8) void {
            assert(!task.is_over);
            const in_doubt = task.kind.abort(task);
            task.failure.set(status, reason, .{});
            task.failure.in_doubt = in_doubt;
            task.over();
        }

        /// Carries it out on the calling thread, which drives its exchanges itself.
        pub fn runBlocking(task: *This, net: *Net, gpa: std.mem.Allocator) void {
            var blocking: Blocking(Net) = .{ .net = net, .gpa = gpa };
            task.start(.{ .blocking = &blocking });
            while (!task.is_over) {
                blocking.expire() catch task.interrupt(net);
            }
        }

        /// Carries it out on the calling thread, on a loop that has nothing else to do.
        pub fn runOn(task: *This, loop: *Loop) void {
            loop.refresh();
            task.start(.{ .loop = loop });
            while (!task.is_over) {
                if (task.is_cancelled.load(.acquire)) {
                    task.abort(.client_abort, "its results were closed");
                } else if (loop.net.isInterrupted()) {
                    task.interrupt(loop.net);
                } else {
                    loop.run(slice_ms);
                }
            }
        }

        /// By a signal, or because the client is closed.
        fn interrupt(task: *This, net: *const Net) void {
            if (net.isStopped()) return task.abort(.client_abort, exchange_module.closed_text);
            task.abort(.interrupted, exchange_module.interrupted_text);
        }

        /// The command has succeeded, but there is no room for its result.
        pub fn loseResult(task: *This) void {
            assert(task.is_over);
            assert(task.failure.status == .ok);
            task.failure.set(.out_of_memory, "out of memory for the result", .{});
            task.failure.in_doubt = task.kind.has_changed(task);
            task.out.deinit();
            task.out = .fixed(&.{});
        }

        /// It never began, for the reason that the failure has.
        pub fn refuse(task: *This, failure: *const Failure) void {
            task.failure = failure.*;
            task.kind.measure(task, failure.status);
        }
    };
}
