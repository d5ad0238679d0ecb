//! Frames of kind 4: an 8-byte uncompressed size, then a zlib stream of a whole frame.
//!
//! The size is what the peer claims: the caller bounds it before it provides the memory, and
//! a stream that yields more or less is malformed.

const std = @import("std");
const assert = std.debug.assert;
const Buffer = @import("Buffer.zig");
const proto = @import("proto.zig");

const flate = std.compress.flate;

pub const size_bytes = 8;

pub const DecodeError = error{ Malformed, MessageTooBig };

/// The size that the frame within the body has, including its header.
pub fn uncompressedSize(body: []const u8, size_max: usize) DecodeError!usize {
    if (body.len < size_bytes) return error.Malformed;
    const size = std.mem.readInt(u64, body[0..size_bytes], .big);
    if (size < proto.header_bytes) return error.Malformed;
    if (size > size_max) return error.MessageTooBig;
    return @intCast(size);
}

/// Unpacks the frame within the body into `out`, which has its uncompressed size.
pub fn inflate(body: []const u8, out: []u8) DecodeError!void {
    assert(out.len == try uncompressedSize(body, out.len));
    var input = std.Io.Reader.fixed(body[size_bytes..]);
    var window: [flate.max_window_len]u8 = undefined;
    var stream = flate.Decompress.init(&input, .zlib, &window);
    stream.reader.readSliceAll(out) catch return error.Malformed;
    // Reads to the end of the stream, and with that the checksum, which is left to us to check.
    const excess = stream.reader.discardRemaining() catch return error.Malformed;
    if (excess > 0) return error.Malformed;
    const checksum = stream.container_metadata.zlib.adler;
    if (checksum != std.hash.Adler32.hash(out)) return error.Malformed;
}

/// What `deflate` works in; too large for a stack.
pub const Workspace = struct {
    stream: flate.Compress,
    window: [flate.max_window_len]u8,
};

/// Appends a frame of kind 4 that holds the given frame. Fails with `error.NoSpaceLeft` when the
/// result would not be smaller: then the frame is better sent as it is.
pub fn deflate(
    buffer: *Buffer,
    frame: []const u8,
    workspace: *Workspace,
) Buffer.Error!void {
    const begin = buffer.end;
    errdefer buffer.end = begin;
    const start = try proto.begin(buffer);
    try buffer.int(u64, frame.len);
    const overhead = proto.header_bytes + size_bytes;
    if (frame.len <= overhead + minimum_bytes) return error.NoSpaceLeft;
    const room = frame.len - overhead;
    try buffer.ensure(room);
    var output = std.Io.Writer.fixed(buffer.bytes[buffer.end..][0..room]);
    workspace.stream = flate.Compress.init(
        &output,
        &workspace.window,
        .zlib,
        .fastest,
    ) catch return error.NoSpaceLeft;
    workspace.stream.writer.writeAll(frame) catch return error.NoSpaceLeft;
    workspace.stream.finish() catch return error.NoSpaceLeft;
    buffer.end += output.end;
    proto.end(buffer, start, .compressed);
}

/// Below this a stream cannot pay, and the compressor wants some room to begin with.
const minimum_bytes = 64;

const testing = std.testing;

/// Made by another implementation, at level 1, of a header for 200 bytes and 200 times `a`.
const recorded_stream = "\x78\x01\x63\x62\x66\x00\x81\x13\x89\xc3\x04\x00\x00\x63\xab\x4c\x96";

test "a stream made elsewhere inflates; a wrong size, a cut and a wrong checksum are malformed" {
    const body = "\x00\x00\x00\x00\x00\x00\x00\xd0" ++ recorded_stream;
    var out: [209]u8 = undefined;
    try testing.expectEqual(@as(usize, 208), try uncompressedSize(body, 208));
    try testing.expectError(error.MessageTooBig, uncompressedSize(body, 207));
    try inflate(body, out[0..208]);
    try testing.expectEqualStrings("\x02\x03\x00\x00\x00\x00\x00\xc8aaaa", out[0..12]);
    for (out[8..208]) |item| try testing.expectEqual('a', item);
    for ([_]u8{ 0xcf, 0xd1 }) |size| {
        var wrong = body.*;
        wrong[7] = size;
        try testing.expectError(error.Malformed, inflate(&wrong, out[0..size]));
    }
    for (8..body.len) |len| {
        try testing.expectError(error.Malformed, inflate(body[0..len], out[0..208]));
    }
    var wrong = body.*;
    wrong[wrong.len - 1] ^= 1;
    try testing.expectError(error.Malformed, inflate(&wrong, out[0..208]));
}

test "a frame that was deflated inflates to itself" {
    const workspace = try testing.allocator.create(Workspace);
    defer testing.allocator.destroy(workspace);
    var frame: [5000]u8 = undefined;
    for (&frame, 0..) |*item, index| item.* = @truncate(index / 7);
    var buffer = Buffer.growing(testing.allocator, &.{}, 10_000);
    defer buffer.deinit();
    try deflate(&buffer, &frame, workspace);
    try testing.expect(buffer.end < frame.len / 2);
    const header = try proto.decode(buffer.bytes[0..8], 10_000);
    try testing.expectEqual(proto.Kind.compressed, header.kind);
    try testing.expectEqual(buffer.end - 8, header.size);
    const body = buffer.written()[8..];
    try testing.expectEqual(frame.len, try uncompressedSize(body, frame.len));
    var out: [5000]u8 = undefined;
    try inflate(body, &out);
    try testing.expectEqualSlices(u8, &frame, &out);
}

test "what does not shrink is refused and leaves nothing behind" {
    const workspace = try testing.allocator.create(Workspace);
    defer testing.allocator.destroy(workspace);
    var frame: [300]u8 = undefined;
    var random = std.Random.DefaultPrng.init(1);
    random.random().bytes(&frame);
    var memory: [1000]u8 = undefined;
    var buffer = Buffer.fixed(&memory);
    try testing.expectError(error.NoSpaceLeft, deflate(&buffer, &frame, workspace));
    try testing.expectError(error.NoSpaceLeft, deflate(&buffer, frame[0..20], workspace));
    try testing.expectEqual(@as(usize, 0), buffer.end);
}
