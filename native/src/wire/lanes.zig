//! The compression function of RIPEMD-160, for one block or for several side by side in the lanes of
//! vectors. All of it is inlined into its callers, for whose processor it is compiled then.

const std = @import("std");

pub const block_bytes = 64;
pub const Block = [block_bytes]u8;
pub const State = [5]u32;
pub const initial: State = .{ 0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0 };

/// The hashes of messages that are one block each, padding included.
pub inline fn hash(
    comptime count: usize,
    blocks: *const [count]Block,
    states: *[count]State,
) void {
    const Word = @Vector(count, u32);
    var words: [16]Word = undefined;
    inline for (&words, 0..) |*word, index| {
        inline for (0..count) |lane| {
            word[lane] = std.mem.readInt(u32, blocks[lane][index * 4 ..][0..4], .little);
        }
    }
    var vectors: [5]Word = undefined;
    inline for (&vectors, initial) |*vector, word| vector.* = @splat(word);
    Compression(Word).compress(&vectors, &words);
    inline for (&vectors, 0..) |vector, index| {
        inline for (0..count) |lane| states[lane][index] = vector[lane];
    }
}

/// The compression of one block, or of as many as a vector of words has lanes.
pub fn Compression(comptime Word: type) type {
    return struct {
        const Line = [5]Word;

        pub inline fn compress(state: *Line, words: *const [16]Word) void {
            @setEvalBranchQuota(20_000);
            var left: Line = state.*;
            var right: Line = state.*;
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
            const next: Line = .{
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

        inline fn advance(line: Line, sum: Word, comptime shift: u5) Line {
            const turned = std.math.rotl(Word, line[0] +% sum, shift) +% line[4];
            return .{ line[4], turned, line[1], std.math.rotl(Word, line[2], 10), line[3] };
        }

        /// The Boolean function of a round, on the line's middle three words.
        inline fn mix(comptime function: usize, line: Line) Word {
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
