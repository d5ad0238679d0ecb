//! RIPEMD-160, and what the cluster derives from it: a record's digest and its partition.
//!
//! The digest covers the set name, the particle type byte of the key, and the key's bytes
//! (integers as 8 bytes, most significant first). The namespace takes no part.

const std = @import("std");
const assert = std.debug.assert;
const lanes = @import("lanes.zig");
const particle = @import("particle.zig");
const short = @import("short.zig");

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

const Block = lanes.Block;

/// As nearly all keys do.
fn fitsOneBlock(set: []const u8, key: []const u8) bool {
    return set.len + 1 + key.len <= Ripemd160.block_bytes - 9;
}

/// The whole padded message of a key.
fn writeKeyBlock(block: *Block, set: []const u8, kind: particle.Type, key: []const u8) void {
    const len = set.len + 1 + key.len;
    block.* = @splat(0);
    short.copy(block[0..set.len], set);
    block[set.len] = @backingInt(kind);
    short.copy(block[set.len + 1 ..][0..key.len], key);
    block[len] = 0x80;
    std.mem.writeInt(u64, block[56..64], @as(u64, len) * 8, .little);
}

/// The digests of many keys, several at a time in the lanes of vectors. Digests are written when
/// enough keys have come together, the last ones by `finish`.
pub const KeyDigests = struct {
    /// Whether the processor has AVX2.
    has_avx2: bool = false,
    blocks: [keys_max]Block = @splat(@splat(0)),
    targets: [keys_max]*Digest = undefined,
    count: usize = 0,

    const keys_max = 8;
    /// For the vectors that every processor has.
    const lane_count = 4;

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
        if (digests.count == keys_max) digests.finish();
    }

    pub fn finish(digests: *KeyDigests) void {
        if (digests.count == 0) return;
        var states: [keys_max]lanes.State = undefined;
        if (links_avx2 and digests.has_avx2) {
            asz_digests_avx2(&digests.blocks, &states);
        } else {
            var first: usize = 0;
            while (first < digests.count) : (first += lane_count) {
                const blocks = digests.blocks[first..][0..lane_count];
                lanes.hash(lane_count, blocks, states[first..][0..lane_count]);
            }
        }
        for (digests.targets[0..digests.count], states[0..digests.count]) |target, *state| {
            target.* = Ripemd160.serialize(state);
        }
        digests.count = 0;
    }
};

/// Of `digest_avx2.zig`, where it is linked.
extern fn asz_digests_avx2(blocks: *const [8]Block, states: *[8]lanes.State) callconv(.c) void;
const root = @import("root");
const links_avx2 = @hasDecl(root, "links_digest_avx2") and root.links_digest_avx2;

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

    const State = lanes.State;
    pub const block_bytes = lanes.block_bytes;
    const initial = lanes.initial;

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
        lanes.Compression(u32).compress(state, &words);
    }
};

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

test "eight lanes give what one gives" {
    var blocks: [8]Block = undefined;
    for (&blocks, 0..) |*block, index| {
        for (block, 0..) |*byte, place| byte.* = @truncate(index *% 77 +% place *% 13);
    }
    var states: [8]lanes.State = undefined;
    lanes.hash(8, &blocks, &states);
    for (&blocks, states) |*block, state| {
        var expected = Ripemd160.initial;
        Ripemd160.compress(&expected, block);
        try testing.expectEqual(expected, state);
    }
}

test "the partition is the low 12 bits of the digest's first two bytes" {
    var digest: Digest = @splat(0xff);
    digest[0] = 0x34;
    digest[1] = 0x12;
    try testing.expectEqual(@as(u16, 0x234), partitionId(&digest));
}
