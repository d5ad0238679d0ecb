//! Work that outlives the request that began it: who does it knows nothing of what it is.
//!
//! A queue owns what is added to it. The owner of the cluster's core runs it, one thread at a
//! time; any thread may add.

const std = @import("std");
const wire = @import("../../wire.zig");
const Scratch = @import("Scratch.zig");
const record = @import("../data/record.zig");
const Mutex = @import("../base/sync.zig").Mutex;

/// What is to be done after a piece of work.
pub const Progress = union(enum) {
    done,
    /// The next piece may be done after as many milliseconds.
    more: u32,
};

pub const Work = struct {
    pointer: *anyopaque,
    vtable: *const VTable,

    pub const VTable = struct {
        proceed: *const fn (*anyopaque, *Scratch, record.Now) wire.Buffer.Error!Progress,
        destroy: *const fn (*anyopaque) void,
    };

    pub fn proceed(work: Work, scratch: *Scratch, now: record.Now) wire.Buffer.Error!Progress {
        return work.vtable.proceed(work.pointer, scratch, now);
    }

    pub fn destroy(work: Work) void {
        work.vtable.destroy(work.pointer);
    }
};

/// The work that is not finished.
pub const Queue = struct {
    gpa: std.mem.Allocator,
    mutex: Mutex = .{},
    works: std.ArrayList(Work) = .empty,
    count: std.atomic.Value(u32) = .init(0),

    pub fn deinit(queue: *Queue) void {
        for (queue.works.items) |work| work.destroy();
        queue.works.deinit(queue.gpa);
        queue.* = undefined;
    }

    pub fn isEmpty(queue: *const Queue) bool {
        return queue.count.load(.acquire) == 0;
    }

    pub fn add(queue: *Queue, work: Work) error{OutOfMemory}!void {
        queue.mutex.lock();
        defer queue.mutex.unlock();
        try queue.works.append(queue.gpa, work);
        queue.count.store(@intCast(queue.works.items.len), .release);
    }

    /// Carries out a slice of everything. Returns after how many milliseconds to call again;
    /// null when nothing is left. One thread at a time.
    pub fn run(queue: *Queue, scratch: *Scratch, now: record.Now) ?u32 {
        queue.mutex.lock();
        defer queue.mutex.unlock();
        var soonest: ?u32 = null;
        var kept: usize = 0;
        for (queue.works.items) |work| {
            const progress = work.proceed(scratch, now) catch .done;
            switch (progress) {
                .done => work.destroy(),
                .more => |wait_ms| {
                    soonest = @min(wait_ms, soonest orelse wait_ms);
                    queue.works.items[kept] = work;
                    kept += 1;
                },
            }
        }
        queue.works.shrinkRetainingCapacity(kept);
        queue.count.store(@intCast(kept), .release);
        return soonest;
    }
};
