//! Commands that may take long, on threads of their own, so that no other command waits for them.
//!
//! The host lends threads to `run` and ends them with `stop`; without any there is no lane, and
//! everything is done where it arrives. Any thread may push.

const std = @import("std");
const Scratch = @import("Scratch.zig");
const sync = @import("../base/sync.zig");

const Lane = @This();

mutex: sync.Mutex = .{},
jobs: std.DoublyLinkedList = .{},
changed: sync.Signal = .{},
is_manned: std.atomic.Value(bool) = .init(false),
is_stopping: std.atomic.Value(bool) = .init(false),

/// A part of what is to be done, whose memory it is; `run` is called once.
pub const Job = struct {
    node: std.DoublyLinkedList.Node = .{},
    run: *const fn (*Job, *Scratch) void,
};

pub fn isManned(lane: *const Lane) bool {
    return lane.is_manned.load(.acquire);
}

pub fn push(lane: *Lane, job: *Job) void {
    {
        lane.mutex.lock();
        defer lane.mutex.unlock();
        lane.jobs.append(&job.node);
    }
    lane.changed.raise();
}

/// A thread of the lane. What has been pushed is done before it ends.
pub fn run(lane: *Lane, scratch: *Scratch) void {
    while (true) {
        const seen = lane.changed.read();
        if (lane.take()) |job| {
            job.run(job, scratch);
            continue;
        }
        if (lane.is_stopping.load(.acquire)) return;
        lane.changed.wait(seen, null);
    }
}

fn take(lane: *Lane) ?*Job {
    lane.mutex.lock();
    defer lane.mutex.unlock();
    const node = lane.jobs.popFirst() orelse return null;
    return @fieldParentPtr("node", node);
}

pub fn stop(lane: *Lane) void {
    lane.is_stopping.store(true, .release);
    lane.changed.raise();
}
