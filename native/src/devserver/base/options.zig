//! What a development server is started with.
//!
//! Slices are borrowed until the server has started; it copies what it keeps.

const std = @import("std");
const msgpack_struct = @import("msgpack_struct.zig");

pub const nodes_max = 16;
pub const namespaces_max = 32;
pub const replication_factor_max = 3;
pub const record_bytes_max_default = 1024 * 1024;

pub const Namespace = struct {
    /// At most 31 bytes.
    name: []const u8,
    /// Seconds a record lives when its write does not say; 0: for ever.
    default_ttl_s: u32 = 0,
    /// Copies of a record in the cluster's eyes; never more than there are living nodes.
    replication_factor: u8 = 2,
    /// What a record may take, as a server with storage counts it.
    record_bytes_max: u32 = record_bytes_max_default,
    /// Writes answer "out of space" beyond this; 0: no limit.
    data_bytes_max: u64 = 0,

    pub const empty: Namespace = .{ .name = "" };

    /// With every option at its default.
    pub fn named(name: []const u8) Namespace {
        return .{ .name = name };
    }
};

pub const User = struct {
    name: []const u8,
    password: []const u8,
    roles: []const []const u8 = &.{"read-write"},

    pub const empty: User = .{ .name = "", .password = "" };
};

pub const default_namespaces = [_]Namespace{ .{ .name = "test" }, .{ .name = "bar" } };
pub const default_admin: User = .{
    .name = "admin",
    .password = "admin",
    .roles = &.{ "user-admin", "sys-admin", "data-admin", "read-write-udf", "truncate" },
};

pub const Options = struct {
    nodes: u8 = 1,
    /// 0: any free port for each node. Otherwise node i listens on `port + i`.
    port: u16 = 0,
    /// An IPv4 or IPv6 address to listen on, which is also the one told to clients.
    address: []const u8 = "127.0.0.1",
    namespaces: []const Namespace = &default_namespaces,
    cluster_name: []const u8 = "",
    /// Not empty: every connection has to authenticate.
    users: []const User = &.{},
    session_ttl_s: u32 = 24 * 60 * 60,
    /// Threads; 0: as many as there are processors, at most 4.
    workers: u8 = 0,
    /// Decides partition ownership and session tokens.
    seed: u64 = 0,

    /// From a map with the names of these fields. Texts point into the bytes; see
    /// `msgpack_struct.decode` for `culprit`.
    pub fn decode(
        arena: std.mem.Allocator,
        bytes: []const u8,
        culprit: *[]const u8,
    ) error{ InvalidOptions, OutOfMemory }!Options {
        const options = msgpack_struct.decode(Options, arena, bytes, culprit) catch |err| {
            return switch (err) {
                error.OutOfMemory => error.OutOfMemory,
                error.Malformed => error.InvalidOptions,
            };
        };
        culprit.* = "";
        try options.validate();
        return options;
    }

    pub fn validate(options: *const Options) error{InvalidOptions}!void {
        if (options.nodes == 0 or options.nodes > nodes_max) return error.InvalidOptions;
        if (options.namespaces.len == 0) return error.InvalidOptions;
        if (options.namespaces.len > namespaces_max) return error.InvalidOptions;
        if (options.port != 0 and options.port > 65535 - @as(u32, options.nodes - 1)) {
            return error.InvalidOptions;
        }
        if (options.cluster_name.len > 64) return error.InvalidOptions;
        for (options.namespaces, 0..) |namespace, index| {
            if (namespace.name.len == 0 or namespace.name.len > 31) return error.InvalidOptions;
            if (namespace.replication_factor == 0) return error.InvalidOptions;
            for (options.namespaces[0..index]) |earlier| {
                if (std.mem.eql(u8, earlier.name, namespace.name)) return error.InvalidOptions;
            }
        }
        for (options.users) |user| {
            if (user.name.len == 0 or user.name.len > 63) return error.InvalidOptions;
        }
    }
};

test "options that make no sense are refused" {
    const good: Options = .{};
    try good.validate();
    const twice = [_]Namespace{ .{ .name = "a" }, .{ .name = "a" } };
    const bad = [_]Options{
        .{ .nodes = 0 },
        .{ .nodes = nodes_max + 1 },
        .{ .namespaces = &.{} },
        .{ .namespaces = &twice },
        .{ .namespaces = &.{.{ .name = "0123456789abcdef0123456789abcdef" }} },
        .{ .port = 65535, .nodes = 2 },
    };
    for (bad) |options| try std.testing.expectError(error.InvalidOptions, options.validate());
}

test "options come from a map; a namespace may be a name alone" {
    var arena = std.heap.ArenaAllocator.init(std.testing.allocator);
    defer arena.deinit();
    var culprit: []const u8 = "";
    const bytes = "\x83\xa5nodes\x03\xaanamespaces\x92\xa1a\x82\xa4name\xa1b" ++
        "\xaddefault_ttl_s\x0a\xa5users\x91\x82\xa4name\xa1u\xa8password\xa1p";
    const options = try Options.decode(arena.allocator(), bytes, &culprit);
    try std.testing.expectEqual(@as(u8, 3), options.nodes);
    try std.testing.expectEqualStrings("a", options.namespaces[0].name);
    try std.testing.expectEqual(@as(u32, 10), options.namespaces[1].default_ttl_s);
    try std.testing.expectEqualStrings("read-write", options.users[0].roles[0]);
    const unknown = Options.decode(arena.allocator(), "\x81\xa5nodez\x03", &culprit);
    try std.testing.expectError(error.InvalidOptions, unknown);
    try std.testing.expectEqualStrings("nodez", culprit);
}
