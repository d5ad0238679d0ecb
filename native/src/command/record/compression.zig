//! Requests that are sent deflated, where the policy says so and it makes them smaller.

const std = @import("std");
const wire = @import("../../wire.zig");
const Policy = @import("../../engine.zig").Policy;

/// What is to be sent for a frame: itself, or what it was deflated into `out`, which is emptied
/// first. A frame that does not shrink, or that there is no memory for, is sent as it is.
pub fn pack(
    gpa: std.mem.Allocator,
    policy: *const Policy,
    frame: []const u8,
    out: *wire.Buffer,
) []const u8 {
    if (!policy.compress or frame.len <= policy.compress_threshold) return frame;
    out.clear();
    const workspace = gpa.create(wire.compress.Workspace) catch return frame;
    defer gpa.destroy(workspace);
    wire.compress.deflate(out, frame, workspace) catch return frame;
    return out.written();
}

test "what is larger than the threshold is deflated, if that makes it smaller" {
    const gpa = std.testing.allocator;
    var frame: [1000]u8 = @splat('a');
    var out: wire.Buffer = .growing(gpa, &.{}, 10_000);
    defer out.deinit();
    var policy: Policy = .{};
    try std.testing.expectEqual(&frame, pack(gpa, &policy, &frame, &out).ptr);
    policy.compress = true;
    for (0..2) |_| {
        const packed_frame = pack(gpa, &policy, &frame, &out);
        try std.testing.expect(packed_frame.len < 100);
        const body = packed_frame[wire.proto.header_bytes..];
        var unpacked: [1000]u8 = undefined;
        try wire.compress.inflate(body, &unpacked);
        try std.testing.expectEqualSlices(u8, &frame, &unpacked);
    }
    policy.compress_threshold = 1000;
    try std.testing.expectEqual(&frame, pack(gpa, &policy, &frame, &out).ptr);
    policy.compress_threshold = 128;
    var random = std.Random.DefaultPrng.init(1);
    random.random().bytes(&frame);
    try std.testing.expectEqual(&frame, pack(gpa, &policy, &frame, &out).ptr);
}
