//! Work that outlives the request that began it: who does it knows nothing of what it is.
//!
//! A queue owns what is added to it. The owner of the cluster's core runs it, one thread at a
//! time; any thread may add.

const std = @import("std");
const wire = @import("../../wire.zig");
const Scratch = @import("Scratch.zig");
const record = @import("../data/record.zig");
const sync = @import("../base/sync.zig");

const Mutex = sync.Mutex;

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
    /// Something was added.
    changed: sync.Signal = .{},

    pub fn deinit(queue: *Queue) void {
        for (queue.works.items) |work| work.destroy();
        queue.works.deinit(queue.gpa);
        queue.* = undefined;
    }

    pub fn add(queue: *Queue, work: Work) error{OutOfMemory}!void {
        {
            queue.mutex.lock();
            defer queue.mutex.unlock();
            try queue.works.append(queue.gpa, work);
        }
        queue.changed.raise();
    }

    /// Carries out a slice of everything. Returns after how many milliseconds to call again;
    /// null when nothing is left. One thread at a time; others may add meanwhile.
    pub fn run(queue: *Queue, scratch: *Scratch, now: record.Now) ?u32 {
        var soonest: ?u32 = null;
        var left = queue.length();
        var index: usize = 0;
        while (left > 0) : (left -= 1) {
            const work = queue.at(index);
            switch (work.proceed(scratch, now) catch .done) {
                .done => queue.remove(index),
                .more => |wait_ms| {
                    soonest = @min(wait_ms, soonest orelse wait_ms);
                    index += 1;
                },
            }
        }
        return soonest;
    }

    fn length(queue: *Queue) usize {
        queue.mutex.lock();
        defer queue.mutex.unlock();
        return queue.works.items.len;
    }

    fn at(queue: *Queue, index: usize) Work {
        queue.mutex.lock();
        defer queue.mutex.unlock();
        return queue.works.items[index];
    }

    fn remove(queue: *Queue, index: usize) void {
        queue.mutex.lock();
        const work = queue.works.orderedRemove(index);
        queue.mutex.unlock();
        work.destroy();
    }
};
