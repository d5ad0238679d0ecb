//! The 8-byte header in front of every frame: version, kind, and a 48-bit size of the body.

const std = @import("std");
const assert = std.debug.assert;
const Buffer = @import("Buffer.zig");

pub const header_bytes = 8;
pub const version = 2;

/// What the server itself takes for the largest sane frame.
pub const size_max_server = 128 * 1024 * 1024;

pub const Kind = enum(u8) {
    info = 1,
    admin = 2,
    message = 3,
    /// An uncompressed size, then the frame (with its own header) as a zlib stream.
    compressed = 4,
    _,
};

pub const Proto = struct {
    kind: Kind,
    /// Bytes that follow the header.
    size: usize,
};

pub const DecodeError = error{ BadProtocolVersion, BadMessageKind, MessageTooBig };

/// `size_max` bounds what the caller is ready to receive: the peer may claim up to 2^48 bytes.
pub fn decode(bytes: *const [header_bytes]u8, size_max: usize) DecodeError!Proto {
    const word = std.mem.readInt(u64, bytes, .big);
    if (word >> 56 != version) return error.BadProtocolVersion;
    const kind: Kind = @fromBackingInt(@as(u8, @truncate(word >> 48)));
    switch (kind) {
        .info, .admin, .message, .compressed => {},
        _ => return error.BadMessageKind,
    }
    const size = word & std.math.maxInt(u48);
    if (size > size_max) return error.MessageTooBig;
    return .{ .kind = kind, .size = @intCast(size) };
}

pub fn encode(proto: Proto) [header_bytes]u8 {
    assert(proto.size <= std.math.maxInt(u48));
    const kind: u64 = @backingInt(proto.kind);
    const word = @as(u64, version) << 56 | kind << 48 | @as(u64, proto.size);
    var bytes: [header_bytes]u8 = undefined;
    std.mem.writeInt(u64, &bytes, word, .big);
    return bytes;
}

/// Leaves room for a header; `end` with the returned offset fills it.
pub fn begin(buffer: *Buffer) Buffer.Error!usize {
    return buffer.reserve(header_bytes);
}

/// Everything written since `begin` is the body.
pub fn end(buffer: *Buffer, start: usize, kind: Kind) void {
    assert(start + header_bytes <= buffer.end);
    const size = buffer.end - start - header_bytes;
    buffer.bytes[start..][0..header_bytes].* = encode(.{ .kind = kind, .size = size });
}

test "a header has version 2, the kind and 48 bits of size" {
    const expected = [_]u8{ 2, 3, 0, 0, 0, 1, 2, 3 };
    try std.testing.expectEqual(expected, encode(.{ .kind = .message, .size = 0x010203 }));
    const proto = try decode(&expected, 0x010203);
    try std.testing.expectEqual(Kind.message, proto.kind);
    try std.testing.expectEqual(@as(usize, 0x010203), proto.size);
}

test "a header of a stranger, an unknown kind and a huge size are errors" {
    try std.testing.expectError(error.BadProtocolVersion, decode("HTTP/1.1", 1000));
    const unknown_kind = "\x02\x09\x00\x00\x00\x00\x00\x00";
    try std.testing.expectError(error.BadMessageKind, decode(unknown_kind, 9));
    try std.testing.expectError(
        error.MessageTooBig,
        decode("\x02\x03\xff\xff\xff\xff\xff\xff", size_max_server),
    );
}
