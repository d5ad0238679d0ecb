//! MurmurHash3 for 64-bit processors, 128 bits long, with a seed of zero.

const std = @import("std");

const multiplier_1: u64 = 0x87c37b91114253d5;
const multiplier_2: u64 = 0x4cf5ad432745937f;
const block_bytes = 16;

pub fn hash(bytes: []const u8) [2]u64 {
    var first: u64 = 0;
    var second: u64 = 0;
    var rest = bytes;
    while (rest.len >= block_bytes) : (rest = rest[block_bytes..]) {
        first ^= scrambleFirst(std.mem.readInt(u64, rest[0..8], .little));
        first = (std.math.rotl(u64, first, 27) +% second) *% 5 +% 0x52dce729;
        second ^= scrambleSecond(std.mem.readInt(u64, rest[8..16], .little));
        second = (std.math.rotl(u64, second, 31) +% first) *% 5 +% 0x38495ab5;
    }
    var tail: [block_bytes]u8 = @splat(0);
    @memcpy(tail[0..rest.len], rest);
    first ^= scrambleFirst(std.mem.readInt(u64, tail[0..8], .little));
    second ^= scrambleSecond(std.mem.readInt(u64, tail[8..16], .little));
    first ^= bytes.len;
    second ^= bytes.len;
    first +%= second;
    second +%= first;
    first = finish(first);
    second = finish(second);
    first +%= second;
    second +%= first;
    return .{ first, second };
}

fn scrambleFirst(word: u64) u64 {
    return std.math.rotl(u64, word *% multiplier_1, 31) *% multiplier_2;
}

fn scrambleSecond(word: u64) u64 {
    return std.math.rotl(u64, word *% multiplier_2, 33) *% multiplier_1;
}

fn finish(word: u64) u64 {
    var mixed = word;
    mixed ^= mixed >> 33;
    mixed *%= 0xff51afd7ed558ccd;
    mixed ^= mixed >> 33;
    mixed *%= 0xc4ceb9fe1a85ec53;
    mixed ^= mixed >> 33;
    return mixed;
}

test "known hashes" {
    try std.testing.expectEqual([2]u64{ 0, 0 }, hash(""));
    try std.testing.expectEqual(
        [2]u64{ 0xcbd8a7b341bd9b02, 0x5b1e906a48ae1d19 },
        hash("hello"),
    );
    try std.testing.expectEqual(
        [2]u64{ 0xe34bbc7bbc071b6c, 0x7a433ca9c49a9347 },
        hash("The quick brown fox jumps over the lazy dog"),
    );
}
