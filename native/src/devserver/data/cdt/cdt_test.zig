//! Operations on lists and maps, with the real server's answers.

const std = @import("std");
const wire = @import("../../../wire.zig");
const cdt = @import("../cdt.zig");
const language = @import("../expression.zig").languageOf(.@"8.2");
const value = @import("../value.zig");

const Particle = value.Particle;
const testing = std.testing;

const Expected = union(enum) {
    /// The bin's value afterwards and the result, both as they are packed; "" for none.
    changed: struct { []const u8, []const u8 },
    failed: cdt.Error,
};

fn modified(after: []const u8, result: []const u8) Expected {
    return .{ .changed = .{ after, result } };
}

fn particleOf(bytes: []const u8) ?Particle {
    if (bytes.len == 0) return null;
    return .{ .kind = if (bytes[0] & 0xf0 == 0x90) .list else .map, .bytes = bytes };
}

fn expectModified(before: []const u8, operation: []const u8, expected: Expected) !void {
    var arena = std.heap.ArenaAllocator.init(testing.allocator);
    defer arena.deinit();
    const actual = cdt.modify(arena.allocator(), language, particleOf(before), operation);
    switch (expected) {
        .failed => |err| try testing.expectError(err, actual),
        .changed => |changed| {
            const outcome = try actual;
            const after = if (outcome.particle) |particle| particle.bytes else before;
            try testing.expectEqualSlices(u8, changed[0], after);
            try expectParticle(changed[1], outcome.result);
        },
    }
}

fn expectRead(bytes: []const u8, operation: []const u8, expected: []const u8) !void {
    var arena = std.heap.ArenaAllocator.init(testing.allocator);
    defer arena.deinit();
    const answer = try cdt.read(arena.allocator(), language, particleOf(bytes).?, operation);
    try expectParticle(expected, answer);
}

fn expectParticle(expected: []const u8, actual: ?Particle) !void {
    var arena = std.heap.ArenaAllocator.init(testing.allocator);
    defer arena.deinit();
    const particle = actual orelse return testing.expectEqualStrings("", expected);
    const element = @import("element.zig");
    const bytes = try element.fromParticle(arena.allocator(), particle);
    try testing.expectEqualSlices(u8, expected, bytes);
}

test "appending makes a list, of the kind that is asked for" {
    try expectModified("", "\x92\x01\x05", modified("\x91\x05", "\x01"));
    try expectModified("", "\x93\x01\x05\x01", modified("\x92\xc7\x00\x01\x05", "\x01"));
    try expectModified(
        "\x92\x01\x02",
        "\x92\x02\x92\x03\x04",
        modified("\x94\x01\x02\x03\x04", "\x04"),
    );
    try expectModified("", "\x92\x02\x90", modified("\x90", "\x00"));
    // Ordered lists find the place.
    try expectModified(
        "\x93\xc7\x00\x01\x01\x05",
        "\x92\x01\x03",
        modified("\x94\xc7\x00\x01\x01\x03\x05", "\x03"),
    );
}

test "unique elements: an error, silence, or what is new of them" {
    const list = "\x92\x01\x02";
    try expectModified(list, "\x94\x01\x02\x00\x01", .{ .failed = error.ElementExists });
    try expectModified(list, "\x94\x01\x02\x00\x05", modified(list, "\x02"));
    try expectModified(list, "\x94\x02\x92\x02\x03\x00\x0d", modified("\x93\x01\x02\x03", "\x03"));
    try expectModified(list, "\x94\x02\x92\x03\x03\x00\x01", .{ .failed = error.NotApplicable });
}

test "an element is put beyond the end with nils between, unless the list is bounded" {
    try expectModified("\x91\x01", "\x93\x03\x03\x05", modified("\x94\x01\xc0\xc0\x05", "\x04"));
    try expectModified("\x91\x01", "\x94\x03\x03\x05\x02", .{ .failed = error.BoundedListOverflow });
    try expectModified("\x91\x01", "\x93\x09\x02\x05", modified("\x93\x01\xc0\x05", ""));
    try expectModified("\x91\x01", "\x93\x03\xce\x7f\xff\xff\xff\x05", .{ .failed = error.TooBig });
}

test "indexes outside are errors, ranges outside are empty" {
    const list = "\x93\x01\x02\x03";
    try expectModified(list, "\x92\x05\x03", .{ .failed = error.IndexOutOfBounds });
    try expectModified(list, "\x92\x05\xff", modified("\x92\x01\x02", "\x03"));
    try expectModified(list, "\x93\x06\x05\x02", modified(list, "\x90"));
    try expectModified(list, "\x93\x06\x01\x09", modified("\x91\x01", "\x92\x02\x03"));
    try expectModified("", "\x92\x05\x00", modified("", ""));
}

test "results of every kind for one value of a list" {
    const list = "\x94\x05\x01\x05\x03";
    const cases = [_]struct { u8, []const u8 }{
        .{ 0, "" },
        .{ 1, "\x92\x00\x02" }, // indexes
        .{ 2, "\x92\x03\x01" }, // from the end
        .{ 3, "\x92\x02\x03" }, // ranks
        .{ 4, "\x92\x00\x01" },
        .{ 5, "\x02" },
        .{ 7, "\x92\x05\x05" },
        .{ 13, "\xc3" },
    };
    for (cases) |case| {
        try expectRead(list, &.{ 0x93, 22, case[0], 5 }, case[1]);
    }
    // Inverted.
    try expectRead(list, "\x93\x16\xce\x00\x01\x00\x07\x05", "\x92\x01\x03");
}

test "ranks of an unordered list come from the nearer end" {
    const list = "\x95\x05\x01\x04\x02\x03";
    try expectRead(list, "\x94\x1a\x07\x00\x02", "\x92\x02\x01");
    try expectRead(list, "\x94\x1a\x07\x03\x02", "\x92\x04\x05");
    try expectRead(list, "\x94\x1a\x07\xfe\x01", "\x91\x04");
}

test "numbers keep their type when they are incremented" {
    try expectModified("\x91\x05", "\x93\x0c\x00\x02", modified("\x91\x07", "\x07"));
    try expectModified("\x90", "\x93\x0c\x00\x02", modified("\x91\x02", "\x02"));
    try expectModified("\x91\xa2\x03a", "\x93\x0c\x00\x02", .{ .failed = error.InvalidParameter });
}

test "a list is sorted, dropping repeats in ascending order only" {
    const list = "\x93\x02\x01\x02";
    try expectModified(list, "\x92\x0d\x00", modified("\x93\x01\x02\x02", ""));
    try expectModified(list, "\x92\x0d\x01", modified("\x93\x02\x02\x01", ""));
    try expectModified(list, "\x92\x0d\x02", modified("\x92\x01\x02", ""));
    try expectModified(list, "\x92\x0d\x03", .{ .failed = error.InvalidParameter });
    try expectModified("", "\x92\x0d\x00", .{ .failed = error.IncompatibleType });
}

test "putting into a map, and what it may not do" {
    try expectModified("", "\x93\x43\x01\x02", modified("\x81\x01\x02", "\x01"));
    try expectModified(
        "",
        "\x94\x43\x01\x02\x01",
        modified("\x82\xc7\x00\x01\xc0\x01\x02", "\x01"),
    );
    const map = "\x82\x01\x02\x05\x06";
    try expectModified(map, "\x93\x43\x03\x09", modified("\x83\x01\x02\x03\x09\x05\x06", "\x03"));
    try expectModified(map, "\x93\x43\x05\x09", modified("\x82\x01\x02\x05\x09", "\x02"));
    try expectModified(map, "\x95\x43\x05\x09\x00\x01", .{ .failed = error.ElementExists });
    try expectModified(map, "\x95\x43\x07\x09\x00\x02", .{ .failed = error.ElementNotFound });
    try expectModified(map, "\x95\x43\x07\x09\x00\x06", modified(map, "\x02"));
    try expectModified(map, "\x93\x43\x90\x09", .{ .failed = error.InvalidParameter });
    // Partly: what may be put is put.
    try expectModified(
        map,
        "\x94\x44\x82\x05\x00\x07\x00\x00\x0d",
        modified("\x83\x01\x02\x05\x06\x07\x00", "\x03"),
    );
}

test "results of every kind for a range of keys" {
    const map = "\x83\x01\xa2\x03b\x02\xa2\x03a\x03\xa2\x03c";
    const cases = [_]struct { u8, []const u8 }{
        .{ 0, "" },
        .{ 1, "\x92\x00\x01" },
        .{ 2, "\x92\x01\x02" },
        .{ 3, "\x92\x01\x00" },
        .{ 4, "\x92\x01\x02" },
        .{ 5, "\x02" },
        .{ 6, "\x92\x01\x02" },
        .{ 7, "\x92\xa2\x03b\xa2\x03a" },
        .{ 8, "\x83\xc7\x00\x08\xc0\x01\xa2\x03b\x02\xa2\x03a" },
        .{ 9, "\x92\x00\x02" },
        .{ 10, "\x92\x01\x02" },
        .{ 13, "\xc3" },
        .{ 16, "\x82\x01\xa2\x03b\x02\xa2\x03a" },
        .{ 17, "\x83\xc7\x00\x01\xc0\x01\xa2\x03b\x02\xa2\x03a" },
    };
    for (cases) |case| {
        try expectRead(map, &.{ 0x94, 103, case[0], 0, 3 }, case[1]);
    }
}

test "a map by rank, and relative to a value" {
    const map = "\x83\x01\x09\x02\x04\x03\x06";
    try expectRead(map, "\x94\x6a\x08\x00\x02", "\x83\xc7\x00\x08\xc0\x02\x04\x03\x06");
    try expectRead(map, "\x93\x64\x06\xff", "\x01");
    try expectRead(map, "\x95\x6e\x07\x05\x00\x09", "\x92\x06\x09");
    try expectRead(map, "\x93\x6b\x07\x93\x03\x01\x07", "\x92\x09\x06");
}

test "removing tells about the map as it was" {
    const map = "\x83\x01\x09\x02\x04\x03\x06";
    try expectModified(map, "\x93\x4c\x07\x02", modified("\x82\x01\x09\x03\x06", "\x04"));
    try expectModified(map, "\x93\x51\x05\x92\x01\x09", modified("\x82\x02\x04\x03\x06", "\x01"));
    try expectModified(map, "\x91\x4b", modified("\x80", ""));
    try expectModified(map, "\x94\x55\x03\x00\x02", modified("\x81\x03\x06", "\x92\x02\x00"));
}

test "a context leads into containers, by index, rank, key and value" {
    const outer = "\x81\xa2\x03k\x93\x03\x91\x07\x01";
    try expectRead(outer, "\x93\xcc\xff\x92\x22\xa2\x03k\x91\x10", "\x03");
    try expectRead(outer, "\x93\xcc\xff\x94\x22\xa2\x03k\x10\x01\x92\x11\x00", "\x07");
    try expectRead(outer, "\x93\xcc\xff\x94\x20\x00\x11\xff\x92\x11\x00", "\x07");
    try expectRead(outer, "\x93\xcc\xff\x94\x21\x00\x13\x91\x07\x92\x11\x00", "\x07");
    const after = "\x81\xa2\x03k\x93\x03\x92\x07\x09\x01";
    try expectModified(
        outer,
        "\x93\xcc\xff\x94\x22\xa2\x03k\x10\x01\x92\x01\x09",
        modified(after, "\x02"),
    );
    try expectModified(
        outer,
        "\x93\xcc\xff\x92\x22\xa2\x03x\x92\x01\x09",
        .{ .failed = error.NotApplicable },
    );
    try expectModified(
        outer,
        "\x93\xcc\xff\x92\x10\x00\x92\x01\x09",
        .{ .failed = error.NotApplicable },
    );
    try expectModified(
        outer,
        "\x93\xcc\xff\x92\x22\xa2\x03k\x93\x43\x01\x02",
        .{ .failed = error.IncompatibleType },
    );
    try expectModified(
        outer,
        "\x93\xcc\xff\x91\x22\x92\x01\x09",
        .{ .failed = error.InvalidParameter },
    );
}

test "a context makes what is missing" {
    // A map of a list in a bin that has nothing.
    const made = "\x82\xc7\x00\x01\xc0\xa2\x03k\x91\x09";
    try expectModified("", "\x93\xcc\xff\x92\xcc\xa2\xa2\x03k\x92\x01\x09", modified(made, "\x01"));
    // An element beyond the end, with nils in front.
    try expectModified(
        "\x91\x01",
        "\x93\xcc\xff\x92\xcc\x90\x03\x92\x01\x09",
        modified("\x94\x01\xc0\xc0\x91\x09", "\x01"),
    );
    try expectModified(
        "\x91\x01",
        "\x93\xcc\xff\x92\x50\x03\x92\x01\x09",
        .{ .failed = error.NotApplicable },
    );
    // Removing makes nothing.
    try expectModified("", "\x93\xcc\xff\x92\xcc\xa2\xa2\x03k\x92\x05\x00", modified("", ""));
}

test "an ordered list stays in order when something inside of an element changes" {
    const list = "\x93\xc7\x00\x01\x91\x01\x91\x02";
    const after = "\x93\xc7\x00\x01\x91\x02\x91\x09";
    try expectModified(list, "\x93\xcc\xff\x92\x10\x00\x93\x0c\x00\x08", modified(after, "\x09"));
}

test "values of another type, and codes that there are not" {
    try expectModified("\x80", "\x92\x01\x05", .{ .failed = error.IncompatibleType });
    try expectModified("\x90", "\x93\x43\x01\x02", .{ .failed = error.IncompatibleType });
    try expectModified("\x90", "\x91\x0f", .{ .failed = error.InvalidParameter });
    try expectModified("\x90", "\x91\x10", .{ .failed = error.InvalidParameter });
    try expectModified("\x90", "\x05", .{ .failed = error.InvalidParameter });
    try expectModified("\x90", "", .{ .failed = error.InvalidParameter });
}

const branch_list = "\x93\x01\x91\x07\xa2\x03a";
const branch_map = "\x82\x01\x02\x05\x81\x06\x07";

test "paths that branch tell values, keys, both, or a tree" {
    const all = "\x92\x04\xc3";
    try expectRead(branch_list, "\x93\xcc\xfe" ++ all ++ "\x01", branch_list);
    try expectRead(branch_list, "\x93\xcc\xfe\x94\x04\xc3\x04\xc3\x01", "\x91\x07");
    try expectRead(branch_list, "\x93\xcc\xfe\x92\x00\x01\x00", "\x91\x91\x07");
    try expectRead(branch_map, "\x93\xcc\xfe" ++ all ++ "\x02", "\x92\x01\x05");
    const pairs = "\x94\x01\x02\x05\x81\x06\x07";
    try expectRead(branch_map, "\x93\xcc\xfe" ++ all ++ "\x03", pairs);
    const by_keys = "\x93\xcc\xfe\x92\x0a\x92\x05\x09\x01";
    try expectRead(branch_map, by_keys, "\x91\x81\x06\x07");
    const tree = "\x93\xcc\xfe\x94\x02\x05\x04\xc3\x00";
    try expectRead(branch_map, tree, "\x81\x05\x81\x06\x07");
}

test "paths that branch select by expressions, which may know nothing" {
    const above_1 = "\x92\x04\x93\x03\x93\x7a\x02\x01\x01";
    const strict = "\x93\xcc\xfe" ++ above_1 ++ "\x01";
    const present = particleOf(branch_map).?;
    try testing.expectError(
        error.InvalidParameter,
        cdt.read(testing.allocator, language, present, "\x93\xcc\xfe\x92\x04\xc2\x01"),
    );
    try expectModified(branch_map, strict, .{ .failed = error.InvalidParameter });
    try expectRead(branch_map, "\x93\xcc\xfe" ++ above_1 ++ "\x11", "\x91\x02");
    const keys = "\x93\xcc\xfe\x92\x04\xc3\x02";
    try expectModified(branch_list, keys, .{ .failed = error.IncompatibleType });
}

test "paths that branch replace and remove" {
    const add_10 = "\x04\x93\x14\x93\x7a\x02\x01\x0a";
    try expectModified(
        branch_list,
        "\x94\xcc\xfe\x92\x00\x00" ++ add_10,
        modified("\x93\x0b\x91\x07\xa2\x03a", ""),
    );
    try expectModified(
        branch_map,
        "\x94\xcc\xfe\x94\x02\x05\x04\xc3" ++ add_10,
        modified("\x82\x01\x02\x05\x81\x06\x11", ""),
    );
    const remove = "\x04\x91\x64";
    const remove_all = "\x94\xcc\xfe\x92\x04\xc3" ++ remove;
    try expectModified(branch_list, remove_all, modified("\x90", ""));
    try expectModified(branch_map, remove_all, modified("\x80", ""));
    try expectModified("", remove_all, .{ .failed = error.IncompatibleType });
}

test "whatever is sent ends as a value or an error" {
    var random_source = std.Random.DefaultPrng.init(1);
    const random = random_source.random();
    var arena = std.heap.ArenaAllocator.init(testing.allocator);
    defer arena.deinit();
    const starts = [_][]const u8{ "\x93\x01\x91\x07\xa2\x03a", "\x82\x01\x02\x05\x81\x06\x07", "" };
    for (0..20_000) |_| {
        _ = arena.reset(.retain_capacity);
        var bytes: [16]u8 = undefined;
        random.bytes(&bytes);
        const operation = bytes[0..random.intRangeAtMost(usize, 0, bytes.len)];
        // Mostly arrays that begin with a code.
        if (operation.len > 1 and random.uintLessThan(u8, 8) > 0) {
            operation[0] = 0x90 | (operation[0] & 0x03) + 1;
            operation[1] = if (random.uintLessThan(u8, 8) > 0) operation[1] & 0x7f else 0xcc;
            if (operation[1] == 0xcc and operation.len > 2) operation[2] = 0xfe;
        }
        const before = starts[random.uintLessThan(usize, starts.len)];
        _ = cdt.modify(arena.allocator(), language, particleOf(before), operation) catch {};
        const present = particleOf(before) orelse continue;
        _ = cdt.read(arena.allocator(), language, present, operation) catch {};
    }
}
