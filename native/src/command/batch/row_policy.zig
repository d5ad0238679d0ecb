//! What one row of a batch says differently from the batch's policy: a MessagePack map with the
//! names of members of asz_policy, and the numbers that they take.

const std = @import("std");
const policy_module = @import("../../engine.zig").policy;
const request = @import("../record/request.zig");
const wire = @import("../../wire.zig");
const msgpack = wire.msgpack;
const Failure = @import("../../status.zig").Failure;
const Policy = policy_module.Policy;

const Member = enum {
    exists,
    generation_policy,
    commit_level,
    send_key,
    durable_delete,
    read_mode_ap,
    read_mode_sc,
    read_touch_ttl_percent,
    on_locking_only,
    filter,
};

/// Changes the members of a policy that the map names. A filter belongs to the reader's bytes.
pub fn parse(policy: *Policy, reader: *msgpack.Reader, failure: *Failure) error{Failed}!void {
    const count = switch (reader.next() catch return request.malformed(failure)) {
        .map => |count| count,
        else => return request.invalid(failure, "a row's policy must be a map", .{}),
    };
    for (0..count) |_| {
        const name = try request.expectString(reader, "a key of a row's policy", failure);
        const member = std.meta.stringToEnum(Member, name) orelse return request.invalid(
            failure,
            "a row's policy has the unknown key '{s}'",
            .{name[0..@min(name.len, 64)]},
        );
        try set(policy, member, reader, failure);
    }
}

fn set(
    policy: *Policy,
    member: Member,
    reader: *msgpack.Reader,
    failure: *Failure,
) error{Failed}!void {
    const values = policy_module;
    switch (member) {
        .exists => policy.exists = try choice(values.Exists, member, reader, failure),
        .generation_policy => policy.generation_policy =
            try choice(values.GenerationPolicy, member, reader, failure),
        .commit_level => policy.commit_level =
            try choice(values.CommitLevel, member, reader, failure),
        .read_mode_ap => policy.read_mode_ap =
            try choice(values.ReadModeAp, member, reader, failure),
        .read_mode_sc => policy.read_mode_sc =
            try choice(values.ReadModeSc, member, reader, failure),
        .read_touch_ttl_percent => policy.read_touch_ttl_percent =
            try number(member, reader, failure),
        .send_key => policy.send_key = try number(member, reader, failure) != 0,
        .durable_delete => policy.durable_delete = try number(member, reader, failure) != 0,
        .on_locking_only => policy.on_locking_only = try number(member, reader, failure) != 0,
        .filter => switch (reader.next() catch return request.malformed(failure)) {
            .binary => |bytes| policy.filter = bytes,
            else => return request.invalid(failure, "a row's filter must be bytes", .{}),
        },
    }
}

fn choice(
    comptime T: type,
    member: Member,
    reader: *msgpack.Reader,
    failure: *Failure,
) error{Failed}!T {
    const value = try number(member, reader, failure);
    return std.enums.fromInt(T, value) orelse
        request.invalid(failure, "'{t}' of a row's policy has no value {d}", .{ member, value });
}

fn number(member: Member, reader: *msgpack.Reader, failure: *Failure) error{Failed}!u8 {
    const text = "'{t}' of a row's policy must be a small number";
    return switch (reader.next() catch return request.malformed(failure)) {
        .int => |value| std.math.cast(u8, value) orelse
            return request.invalid(failure, text, .{member}),
        else => request.invalid(failure, text, .{member}),
    };
}

const testing = std.testing;

fn expectRefused(bytes: []const u8) !void {
    var policy: Policy = .{};
    var reader: msgpack.Reader = .{ .bytes = bytes };
    var failure: Failure = .{};
    try testing.expectError(error.Failed, parse(&policy, &reader, &failure));
    try testing.expect(failure.message().len > 0);
}

test "a row's policy changes what it names and nothing else" {
    var memory: [256]u8 = undefined;
    var out = wire.Buffer.fixed(&memory);
    try msgpack.writeMapHeader(&out, 10);
    const numbers = .{
        .{ "exists", 4 },       .{ "generation_policy", 2 },        .{ "commit_level", 1 },
        .{ "send_key", 1 },     .{ "durable_delete", 1 },           .{ "read_mode_ap", 1 },
        .{ "read_mode_sc", 3 }, .{ "read_touch_ttl_percent", 255 }, .{ "on_locking_only", 1 },
    };
    inline for (numbers) |pair| {
        try msgpack.writeString(&out, pair[0]);
        try msgpack.writeInt(&out, pair[1]);
    }
    try msgpack.writeString(&out, "filter");
    try msgpack.writeBinary(&out, "expression");
    var policy: Policy = .{ .ttl = 7, .retries_max = 9 };
    var reader: msgpack.Reader = .{ .bytes = out.written() };
    var failure: Failure = .{};
    try parse(&policy, &reader, &failure);
    try testing.expectEqualDeep(Policy{
        .ttl = 7,
        .retries_max = 9,
        .exists = .create_only,
        .generation_policy = .greater,
        .commit_level = .master,
        .send_key = true,
        .durable_delete = true,
        .on_locking_only = true,
        .read_mode_ap = .all,
        .read_mode_sc = .allow_unavailable,
        .read_touch_ttl_percent = 255,
        .filter = "expression",
    }, policy);
}

test "a row's policy that is wrong is refused" {
    try expectRefused("\x90");
    try expectRefused("\x81\xa3ttl\x05");
    try expectRefused("\x81\xa6exists\x03");
    try expectRefused("\x81\xa6exists\xcd\x01\x00");
    try expectRefused("\x81\xa6exists\xa1x");
    try expectRefused("\x81\xa6filter\x01");
    try expectRefused("\x81\xa6exists");
    try expectRefused("\x81\x01\x01");
}
