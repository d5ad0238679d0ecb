//! The root of an object file for x86-64 processors that have AVX2: the digests of eight keys at once,
//! in less than half the time. A library that links it has `links_digest_avx2` in its root.

const lanes = @import("wire/lanes.zig");

comptime {
    @export(&digests, .{ .name = "asz_digests_avx2", .visibility = .hidden });
}

fn digests(blocks: *const [8]lanes.Block, states: *[8]lanes.State) callconv(.c) void {
    lanes.hash(8, blocks, states);
}
