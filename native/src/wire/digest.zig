//! RIPEMD-160, and what the cluster derives from it: a record's digest and its partition.
//!
//! The digest covers the set name, the particle type byte of the key, and the key's bytes
//! (integers as 8 bytes, most significant first). The namespace takes no part.

const std = @import("std");
const assert = std.debug.assert;
const particle = @import("particle.zig");

pub const digest_bytes = 20;
pub const Digest = [digest_bytes]u8;

/// Partitions of a namespace.
pub const partitions = 4096;

/// The partition that a record belongs to, below `partitions`.
pub fn partitionId(digest: *const Digest) u16 {
    return std.mem.readInt(u16, digest[0..2], .little) & (partitions - 1);
}

/// The identity of a record within its namespace.
pub fn keyDigest(set: []const u8, kind: particle.Type, key: []const u8) Digest {
    if (fitsOneBlock(set, key)) {
        var block: Block = undefined;
        writeKeyBlock(&block, set, kind, key);
        var state = Ripemd160.initial;
        Ripemd160.compress(&state, &block);
        return Ripemd160.serialize(&state);
    }
    var hash: Ripemd160 = .{};
    hash.update(set);
    hash.update(&.{@backingInt(kind)});
    hash.update(key);
    return hash.final();
}

const Block = [Ripemd160.block_bytes]u8;

/// As nearly all keys do.
fn fitsOneBlock(set: []const u8, key: []const u8) bool {
    return set.len + 1 + key.len <= Ripemd160.block_bytes - 9;
}

/// The whole padded message of a key.
fn writeKeyBlock(block: *Block, set: []const u8, kind: particle.Type, key: []const u8) void {
    const len = set.len + 1 + key.len;
    block.* = @splat(0);
    @memcpy(block[0..set.len], set);
    block[set.len] = @backingInt(kind);
    @memcpy(block[set.len + 1 ..][0..key.len], key);
    block[len] = 0x80;
    std.mem.writeInt(u64, block[56..64], @as(u64, len) * 8, .little);
}

/// The digests of many keys, four at a time in the lanes of vectors. Digests are written when
/// four keys have come together, the last ones by `finish`.
pub const KeyDigests = struct {
    blocks: [lanes]Block = @splat(@splat(0)),
    targets: [lanes]*Digest = undefined,
    count: usize = 0,

    const lanes = 4;
    const Word = @Vector(lanes, u32);

    /// `target` is written at some time until `finish` returns; nothing else is kept.
    pub fn add(
        digests: *KeyDigests,
        set: []const u8,
        kind: particle.Type,
        key: []const u8,
        target: *Digest,
    ) void {
        if (!fitsOneBlock(set, key)) {
            target.* = keyDigest(set, kind, key);
            return;
        }
        writeKeyBlock(&digests.blocks[digests.count], set, kind, key);
        digests.targets[digests.count] = target;
        digests.count += 1;
        if (digests.count == lanes) digests.finish();
    }

    pub fn finish(digests: *KeyDigests) void {
        if (digests.count == 0) return;
        var words: [16]Word = undefined;
        inline for (&words, 0..) |*word, index| {
            inline for (0..lanes) |lane| {
                const bytes = digests.blocks[lane][index * 4 ..][0..4];
                word[lane] = std.mem.readInt(u32, bytes, .little);
            }
        }
        const Lines = CompressionLines(Word);
        var state: [5]Word = undefined;
        inline for (&state, Ripemd160.initial) |*word, initial| word.* = @splat(initial);
        Lines.compress(&state, &words);
        for (digests.targets[0..digests.count], 0..) |target, lane| {
            var own: Ripemd160.State = undefined;
            for (&own, &state) |*word, *vector| word.* = @as([lanes]u32, vector.*)[lane];
            target.* = Ripemd160.serialize(&own);
        }
        digests.count = 0;
    }
};

pub fn ripemd160(bytes: []const u8) Digest {
    var hash: Ripemd160 = .{};
    hash.update(bytes);
    return hash.final();
}

/// The hash of ISO/IEC 10118-3: two lines of 80 steps over each 64-byte block, side by side.
pub const Ripemd160 = struct {
    state: State = initial,
    block: [block_bytes]u8 = undefined,
    /// Bytes of `block` that wait for the rest of the block.
    pending: usize = 0,
    bytes_total: u64 = 0,

    const State = [5]u32;
    pub const block_bytes = 64;
    const initial: State = .{ 0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0 };

    pub fn update(hash: *Ripemd160, bytes: []const u8) void {
        var rest = bytes;
        hash.bytes_total +%= bytes.len;
        if (hash.pending > 0) {
            const count = @min(block_bytes - hash.pending, rest.len);
            @memcpy(hash.block[hash.pending..][0..count], rest[0..count]);
            hash.pending += count;
            rest = rest[count..];
            if (hash.pending < block_bytes) return;
            compress(&hash.state, &hash.block);
            hash.pending = 0;
        }
        while (rest.len >= block_bytes) : (rest = rest[block_bytes..]) {
            compress(&hash.state, rest[0..block_bytes]);
        }
        @memcpy(hash.block[0..rest.len], rest);
        hash.pending = rest.len;
    }

    pub fn final(hash: *Ripemd160) Digest {
        assert(hash.pending < block_bytes);
        hash.block[hash.pending] = 0x80;
        @memset(hash.block[hash.pending + 1 ..], 0);
        if (hash.pending >= block_bytes - 8) {
            compress(&hash.state, &hash.block);
            hash.block = @splat(0);
        }
        std.mem.writeInt(u64, hash.block[56..64], hash.bytes_total *% 8, .little);
        compress(&hash.state, &hash.block);
        return serialize(&hash.state);
    }

    fn serialize(state: *const State) Digest {
        var digest: Digest = undefined;
        inline for (state, 0..) |word, index| {
            std.mem.writeInt(u32, digest[index * 4 ..][0..4], word, .little);
        }
        return digest;
    }

    fn compress(state: *State, block: *const Block) void {
        var words: [16]u32 = undefined;
        inline for (&words, 0..) |*word, index| {
            word.* = std.mem.readInt(u32, block[index * 4 ..][0..4], .little);
        }
        CompressionLines(u32).compress(state, &words);
    }
};

/// The compression of one block, or of as many as a vector of words has lanes.
fn CompressionLines(comptime Word: type) type {
    return struct {
        const State = [5]Word;

        fn compress(state: *State, words: *const [16]Word) void {
            @setEvalBranchQuota(20_000);
            var left: State = state.*;
            var right: State = state.*;
            inline for (0..5) |round| {
                inline for (0..16) |index| {
                    const step = round * 16 + index;
                    left = advance(left, mix(round, left) +% words[left_words[step]] +%
                        constant(left_constants[round]), left_shifts[step]);
                    right = advance(right, mix(4 - round, right) +% words[right_words[step]] +%
                        constant(right_constants[round]), right_shifts[step]);
                }
            }
            // Not assigned in place: the last word needs the first one as it was.
            const next: State = .{
                state[1] +% left[2] +% right[3],
                state[2] +% left[3] +% right[4],
                state[3] +% left[4] +% right[0],
                state[4] +% left[0] +% right[1],
                state[0] +% left[1] +% right[2],
            };
            state.* = next;
        }

        inline fn constant(comptime value: u32) Word {
            return if (Word == u32) value else @splat(value);
        }

        inline fn advance(line: State, sum: Word, comptime shift: u5) State {
            const turned = std.math.rotl(Word, line[0] +% sum, shift) +% line[4];
            return .{ line[4], turned, line[1], std.math.rotl(Word, line[2], 10), line[3] };
        }

        /// The Boolean function of a round, on the line's middle three words.
        inline fn mix(comptime function: usize, line: State) Word {
            const x = line[1];
            const y = line[2];
            const z = line[3];
            return switch (function) {
                0 => x ^ y ^ z,
                1 => (x & y) | (~x & z),
                2 => (x | ~y) ^ z,
                3 => (x & z) | (y & ~z),
                4 => x ^ (y | ~z),
                else => comptime unreachable,
            };
        }

        const left_constants = [5]u32{ 0, 0x5a827999, 0x6ed9eba1, 0x8f1bbcdc, 0xa953fd4e };
        const right_constants = [5]u32{ 0x50a28be6, 0x5c4dd124, 0x6d703ef3, 0x7a6d76e9, 0 };
        const left_words = [80]u4{
            0, 1,  2,  3,  4,  5,  6,  7,  8,  9, 10, 11, 12, 13, 14, 15,
            7, 4,  13, 1,  10, 6,  15, 3,  12, 0, 9,  5,  2,  14, 11, 8,
            3, 10, 14, 4,  9,  15, 8,  1,  2,  7, 0,  6,  13, 11, 5,  12,
            1, 9,  11, 10, 0,  8,  12, 4,  13, 3, 7,  15, 14, 5,  6,  2,
            4, 0,  5,  9,  7,  12, 2,  10, 14, 1, 3,  8,  11, 6,  15, 13,
        };
        const right_words = [80]u4{
            5,  14, 7,  0, 9, 2,  11, 4,  13, 6,  15, 8,  1,  10, 3,  12,
            6,  11, 3,  7, 0, 13, 5,  10, 14, 15, 8,  12, 4,  9,  1,  2,
            15, 5,  1,  3, 7, 14, 6,  9,  11, 8,  12, 2,  10, 0,  4,  13,
            8,  6,  4,  1, 3, 11, 15, 0,  5,  12, 2,  13, 9,  7,  10, 14,
            12, 15, 10, 4, 1, 5,  8,  7,  6,  2,  13, 14, 0,  3,  9,  11,
        };
        const left_shifts = [80]u5{
            11, 14, 15, 12, 5,  8,  7,  9,  11, 13, 14, 15, 6,  7,  9,  8,
            7,  6,  8,  13, 11, 9,  7,  15, 7,  12, 15, 9,  11, 7,  13, 12,
            11, 13, 6,  7,  14, 9,  13, 15, 14, 8,  13, 6,  5,  12, 7,  5,
            11, 12, 14, 15, 14, 15, 9,  8,  9,  14, 5,  6,  8,  6,  5,  12,
            9,  15, 5,  11, 6,  8,  13, 12, 5,  12, 13, 14, 11, 8,  5,  6,
        };
        const right_shifts = [80]u5{
            8,  9,  9,  11, 13, 15, 15, 5,  7,  7,  8,  11, 14, 14, 12, 6,
            9,  13, 15, 7,  12, 8,  9,  11, 7,  7,  12, 7,  6,  15, 13, 11,
            9,  7,  15, 11, 8,  6,  6,  14, 12, 13, 5,  14, 13, 13, 7,  5,
            15, 5,  8,  11, 14, 14, 6,  14, 6,  9,  12, 9,  12, 5,  15, 8,
            8,  5,  12, 9,  12, 5,  14, 6,  8,  13, 6,  5,  15, 13, 11, 11,
        };
    };
}

const testing = std.testing;

fn expectHex(expected: *const [40]u8, digest: Digest) !void {
    const hex = std.fmt.bytesToHex(digest, .lower);
    try testing.expectEqualStrings(expected, &hex);
}

test "RIPEMD-160 gives the values that its authors published" {
    try expectHex("9c1185a5c5e9fc54612808977ee8f548b2258d31", ripemd160(""));
    try expectHex("0bdc9d2d256b3ee9daae347be6f4dc835a467ffe", ripemd160("a"));
    try expectHex("8eb208f7e05d987a9b044a8e98c6b087f15a0bfc", ripemd160("abc"));
    try expectHex("5d0689ef49d2fae572b881b123a85ffa21595f36", ripemd160("message digest"));
    try expectHex(
        "f71c27109c692c1b56bbdceb5b9d2865b3708dbc",
        ripemd160("abcdefghijklmnopqrstuvwxyz"),
    );
    try expectHex(
        "12a053384a9c0c88e405a06c27dcf49ada62eb2b",
        ripemd160("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"),
    );
    try expectHex(
        "b0e20b6e3116640286ed3a87a5713079b21f5189",
        ripemd160("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"),
    );
    const digits = "1234567890" ++ "1234567890" ++ "1234567890" ++ "1234567890" ++
        "1234567890" ++ "1234567890" ++ "1234567890" ++ "1234567890";
    try expectHex("9b752e45573d4b39f4dbd3323cab82bf63326bfb", ripemd160(digits));
    var hash: Ripemd160 = .{};
    const thousand: [1000]u8 = @splat('a');
    for (0..1000) |_| hash.update(&thousand);
    try expectHex("52783243c1697bdbe16d37f97f68f08325dc1528", hash.final());
}

test "a hash fed in pieces is the hash of the whole, around every block border" {
    var text: [200]u8 = undefined;
    for (&text, 0..) |*item, index| item.* = @truncate(index *% 7);
    for (0..text.len) |len| {
        const whole = ripemd160(text[0..len]);
        var hash: Ripemd160 = .{};
        hash.update(text[0 .. len / 3]);
        hash.update(text[len / 3 .. len]);
        try testing.expectEqual(whole, hash.final());
    }
}

test "a key's digest is that of set, type and key, whichever way it is computed" {
    const long_set: [60]u8 = @splat('s');
    for (0..long_set.len) |len| {
        const set = long_set[0..len];
        var hash: Ripemd160 = .{};
        hash.update(set);
        hash.update("\x03");
        hash.update("key");
        try testing.expectEqual(hash.final(), keyDigest(set, .string, "key"));
    }
}

test "digests of many keys are those of each, for every length and number of keys" {
    const text: [70]u8 = @splat('s');
    var digests: KeyDigests = .{};
    for (0..text.len) |count| {
        var found: [text.len]Digest = undefined;
        for (found[0..count], 0..) |*target, index| {
            digests.add(text[0 .. count - index], .blob, text[0..index], target);
        }
        digests.finish();
        for (found[0..count], 0..) |digest, index| {
            const expected = keyDigest(text[0 .. count - index], .blob, text[0..index]);
            try testing.expectEqual(expected, digest);
        }
    }
}

test "the partition is the low 12 bits of the digest's first two bytes" {
    var digest: Digest = @splat(0xff);
    digest[0] = 0x34;
    digest[1] = 0x12;
    try testing.expectEqual(@as(u16, 0x234), partitionId(&digest));
}
