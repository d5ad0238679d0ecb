//! Answers of info commands that a test has put in the place of the server's own.
//!
//! Looked up by the command's name with one atomic load while there are none. Any thread may call
//! anything.

const std = @import("std");
const wire = @import("../../wire.zig");
const Mutex = @import("../base/sync.zig").Mutex;

const Buffer = wire.Buffer;

pub const name_bytes_max = 64;
pub const answer_bytes_max = 1024 * 1024;
const overrides_max = 256;

const Override = struct {
    node: u8,
    name: []const u8,
    answer: []const u8,
};

pub const Overrides = struct {
    gpa: std.mem.Allocator,
    mutex: Mutex = .{},
    items: std.ArrayList(Override) = .empty,
    count: std.atomic.Value(u32) = .init(0),

    pub fn deinit(overrides: *Overrides) void {
        while (overrides.items.pop()) |override| overrides.free(override);
        overrides.items.deinit(overrides.gpa);
        overrides.* = undefined;
    }

    fn free(overrides: *Overrides, override: Override) void {
        overrides.gpa.free(override.name);
        overrides.gpa.free(override.answer);
    }

    /// Null lets the server answer again.
    pub fn set(
        overrides: *Overrides,
        node: u8,
        name: []const u8,
        answer: ?[]const u8,
    ) error{ OutOfMemory, TooMany }!void {
        overrides.mutex.lock();
        defer overrides.mutex.unlock();
        defer overrides.count.store(@intCast(overrides.items.items.len), .release);
        for (overrides.items.items, 0..) |override, index| {
            if (override.node != node or !std.mem.eql(u8, override.name, name)) continue;
            overrides.free(overrides.items.swapRemove(index));
            break;
        }
        const text = answer orelse return;
        if (overrides.items.items.len == overrides_max) return error.TooMany;
        const name_copy = try overrides.gpa.dupe(u8, name);
        errdefer overrides.gpa.free(name_copy);
        const answer_copy = try overrides.gpa.dupe(u8, text);
        errdefer overrides.gpa.free(answer_copy);
        try overrides.items.append(overrides.gpa, .{
            .node = node,
            .name = name_copy,
            .answer = answer_copy,
        });
    }

    pub fn clear(overrides: *Overrides, node: u8) void {
        overrides.mutex.lock();
        defer overrides.mutex.unlock();
        var index: usize = 0;
        while (index < overrides.items.items.len) {
            if (overrides.items.items[index].node == node) {
                overrides.free(overrides.items.swapRemove(index));
            } else index += 1;
        }
        overrides.count.store(@intCast(overrides.items.items.len), .release);
    }

    /// Whether there was one, which has been appended then.
    pub fn tell(
        overrides: *Overrides,
        node: u8,
        name: []const u8,
        out: *Buffer,
    ) Buffer.Error!bool {
        if (overrides.count.load(.acquire) == 0) return false;
        overrides.mutex.lock();
        defer overrides.mutex.unlock();
        for (overrides.items.items) |override| {
            if (override.node != node or !std.mem.eql(u8, override.name, name)) continue;
            try out.append(override.answer);
            return true;
        }
        return false;
    }
};

test "an answer is a node's, until it is taken back" {
    const testing = std.testing;
    var overrides: Overrides = .{ .gpa = testing.allocator };
    defer overrides.deinit();
    var out = Buffer.growing(testing.allocator, &.{}, 1024);
    defer out.deinit();
    try overrides.set(1, "node", "one");
    try overrides.set(1, "node", "\xff");
    try testing.expect(!try overrides.tell(0, "node", &out));
    try testing.expect(!try overrides.tell(1, "nodes", &out));
    try testing.expect(try overrides.tell(1, "node", &out));
    try testing.expectEqualStrings("\xff", out.written());
    try overrides.set(1, "node", null);
    try testing.expect(!try overrides.tell(1, "node", &out));
    try overrides.set(1, "build", "x");
    overrides.clear(1);
    try testing.expectEqual(0, overrides.count.load(.monotonic));
}
