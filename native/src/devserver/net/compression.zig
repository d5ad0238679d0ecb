//! Deflated frames, which only the Enterprise Edition takes and makes: what was asked in one, and
//! replies made into such.

const std = @import("std");
const wire = @import("../../wire.zig");
const Scratch = @import("../core/Scratch.zig");

/// Shorter frames are left as they are.
const threshold_bytes = 128;

/// The body of the message within a frame of kind 4.
pub fn inflate(body: []const u8, scratch: *Scratch) error{ OutOfMemory, Malformed }![]const u8 {
    const size = wire.compress.uncompressedSize(body, wire.proto.size_max_server) catch
        return error.Malformed;
    const frame = try scratch.arena.allocator().alloc(u8, size);
    wire.compress.inflate(body, frame) catch return error.Malformed;
    const head = frame[0..wire.proto.header_bytes];
    const header = wire.proto.decode(head, size) catch return error.Malformed;
    if (header.kind != .message) return error.Malformed;
    if (header.size != size - wire.proto.header_bytes) return error.Malformed;
    return frame[wire.proto.header_bytes..];
}

/// Deflates the frames in `out` from `start` on. What does not shrink, or what there is no memory
/// for, stays as it is.
pub fn deflate(out: *wire.Buffer, start: usize, scratch: *Scratch) void {
    const arena = scratch.arena.allocator();
    const workspace = arena.create(wire.compress.Workspace) catch return;
    const plain = arena.dupe(u8, out.bytes[start..out.end]) catch return;
    var rest: []const u8 = plain;
    out.end = start;
    while (rest.len > 0) {
        const header = wire.proto.decode(rest[0..wire.proto.header_bytes], rest.len) catch
            unreachable;
        const frame = rest[0 .. wire.proto.header_bytes + header.size];
        rest = rest[frame.len..];
        if (frame.len > threshold_bytes) {
            if (wire.compress.deflate(out, frame, workspace)) continue else |_| {}
        }
        // It has been there before.
        out.append(frame) catch unreachable;
    }
}
