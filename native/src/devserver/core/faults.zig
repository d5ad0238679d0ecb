//! How a node misbehaves on request, and what it counts.
//!
//! A node has one slot for each kind of fault. Setting one arms it for a number of replies, or
//! until it is cleared; commands draw from the slots with one atomic load when none is armed.
//! Any thread may call anything.

const std = @import("std");
const wire = @import("../../wire.zig");
const Mutex = @import("../base/sync.zig").Mutex;

pub const Kind = enum(u8) {
    /// The reply is sent later.
    delay,
    /// The command is carried out and its reply is never sent.
    drop,
    /// The connection is closed after some bytes of the reply.
    truncate,
    /// Bytes of the reply are overwritten with others.
    corrupt,
    /// The command is answered with a result code and not carried out.
    result_code,
    /// The connection is closed instead of a reply; the command is not carried out.
    close,
    /// Empty frames instead of a reply, so often and without an end; the command is not carried out.
    flood,
};

pub const Scope = enum {
    message,
    info,
    admin,
    /// Replies to all of these.
    all,
    /// In place of a reply the beginning of TLS.
    handshake,
};

/// What there can be of it: never answered, broken off in its midst, something else, closed.
pub const HandshakeFault = enum { drop, truncate, corrupt, close };

pub const count_forever = std.math.maxInt(u32);
/// The amount of `truncate` that cuts a reply in its middle, however long it is.
pub const half = std.math.maxInt(u32);

pub const Fault = struct {
    /// Replies that it still affects.
    count: u32 = 0,
    scope: Scope = .message,
    /// Milliseconds (of `flood` between frames), bytes or the result code, by the kind.
    amount: u32 = 0,

    fn concerns(fault: *const Fault, kind: wire.proto.Kind) bool {
        if (fault.count == 0) return false;
        return switch (fault.scope) {
            .all => true,
            .message => kind == .message or kind == .compressed,
            .info => kind == .info,
            .admin => kind == .admin,
            .handshake => false,
        };
    }
};

/// What one reply suffers; null where a fault of the kind does not.
pub const Drawn = std.enums.EnumFieldStruct(Kind, ?u32, @as(?u32, null));

pub const Faults = struct {
    mutex: Mutex = .{},
    /// Kinds that are armed; read without the mutex.
    armed: std.atomic.Value(u32) = .init(0),
    slots: std.EnumArray(Kind, Fault) = .initFill(.{}),
    /// Accept connections and never answer.
    hangs: std.atomic.Value(bool) = .init(false),
    /// Refuse connections.
    refuses: std.atomic.Value(bool) = .init(false),

    pub fn set(faults: *Faults, kind: Kind, fault: Fault) void {
        faults.mutex.lock();
        defer faults.mutex.unlock();
        faults.slots.set(kind, fault);
        faults.publish();
    }

    pub fn clear(faults: *Faults) void {
        faults.mutex.lock();
        defer faults.mutex.unlock();
        faults.slots = .initFill(.{});
        faults.hangs.store(false, .release);
        faults.refuses.store(false, .release);
        faults.publish();
    }

    fn publish(faults: *Faults) void {
        var armed: u32 = 0;
        for (faults.slots.values) |fault| armed += @intFromBool(fault.count > 0);
        faults.armed.store(armed, .release);
    }

    /// What the next handshake suffers; counts it.
    pub fn drawHandshake(faults: *Faults) ?HandshakeFault {
        if (faults.armed.load(.acquire) == 0) return null;
        faults.mutex.lock();
        defer faults.mutex.unlock();
        return inline for (comptime std.enums.values(HandshakeFault)) |kind| {
            const fault = faults.slots.getPtr(@field(Kind, @tagName(kind)));
            if (fault.count > 0 and fault.scope == .handshake) {
                if (fault.count != count_forever) fault.count -= 1;
                faults.publish();
                break kind;
            }
        } else null;
    }

    /// What the next reply of this kind suffers; counts it.
    pub fn draw(faults: *Faults, frame: wire.proto.Kind) Drawn {
        var drawn: Drawn = .{};
        if (faults.armed.load(.acquire) == 0) return drawn;
        faults.mutex.lock();
        defer faults.mutex.unlock();
        inline for (comptime std.enums.values(Kind)) |kind| {
            const fault = faults.slots.getPtr(kind);
            if (fault.concerns(frame)) {
                @field(drawn, @tagName(kind)) = fault.amount;
                if (fault.count != count_forever) fault.count -= 1;
            }
        }
        faults.publish();
        return drawn;
    }
};

/// Commands by what they are; names as tests see them.
pub const Count = enum {
    connections_accepted,
    connections_open,
    info,
    admin,
    read,
    exists,
    write,
    operate,
    touch,
    delete,
    batch,
    query,
    udf,
    /// Changes of records that have been made, whatever became of the replies.
    applied,
    errors,
    proxied,
    faults,
    bytes_in,
    bytes_out,
};

pub const Counters = struct {
    values: std.EnumArray(Count, std.atomic.Value(u64)) = .initFill(.init(0)),

    pub fn add(counters: *Counters, count: Count, amount: u64) void {
        _ = counters.values.getPtr(count).fetchAdd(amount, .monotonic);
    }

    pub fn subtract(counters: *Counters, count: Count, amount: u64) void {
        _ = counters.values.getPtr(count).fetchSub(amount, .monotonic);
    }

    pub fn get(counters: *const Counters, count: Count) u64 {
        return counters.values.getPtrConst(count).load(.monotonic);
    }
};

const testing = std.testing;

test "a fault affects as many replies of its scope as it was armed for" {
    var faults: Faults = .{};
    faults.set(.drop, .{ .count = 2 });
    faults.set(.delay, .{ .count = count_forever, .scope = .all, .amount = 30 });
    try testing.expectEqual(@as(?u32, null), faults.draw(.info).drop);
    try testing.expectEqual(@as(?u32, 0), faults.draw(.message).drop);
    try testing.expectEqual(@as(?u32, 30), faults.draw(.message).delay);
    try testing.expectEqual(@as(?u32, null), faults.draw(.message).drop);
    try testing.expectEqual(@as(?u32, 30), faults.draw(.info).delay);
    faults.clear();
    try testing.expectEqual(Drawn{}, faults.draw(.message));
}
