//! What a development server is started with.
//!
//! Slices are borrowed until the server has started; it copies what it keeps.

const std = @import("std");
const Version = @import("Version.zig").Version;
const msgpack_struct = @import("msgpack_struct.zig");

pub const nodes_max = 128;
pub const namespaces_max = 32;
/// Of an address or a name that clients are told.
pub const address_bytes_max = 255;
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
    /// Partitions have regimes, and deletes have to be durable.
    strong_consistency: bool = false,

    pub const empty: Namespace = .{ .name = "" };

    fn validate(namespace: *const Namespace, problem: *Problem) error{InvalidOptions}!void {
        const name = namespace.name;
        if (name.len == 0 or name.len > 31) {
            return problem.of("a namespace's name has 1 to 31 bytes, not {d}", .{name.len});
        }
        for (name) |byte| {
            if (std.ascii.isAlphanumeric(byte) or byte == '_' or byte == '-' or byte == '$') continue;
            return problem.of("'{s}' is no name of a namespace: letters, digits, - _ $", .{name});
        }
        if (namespace.replication_factor > 0) return;
        return problem.of("namespace '{s}' has no replication factor of 1 or more", .{name});
    }

    /// With every option at its default.
    pub fn named(name: []const u8) Namespace {
        return .{ .name = name };
    }
};

/// What is wrong with options, or why a server with them does not start, in words.
pub const Problem = struct {
    memory: [256]u8 = undefined,
    len: usize = 0,

    fn of(
        problem: *Problem,
        comptime format: []const u8,
        arguments: anytype,
    ) error{InvalidOptions} {
        problem.set(format, arguments);
        return error.InvalidOptions;
    }

    pub fn set(problem: *Problem, comptime format: []const u8, arguments: anytype) void {
        var writer = std.Io.Writer.fixed(&problem.memory);
        // What is too long is cut.
        writer.print(format, arguments) catch {};
        problem.len = writer.end;
    }

    pub fn text(problem: *const Problem) []const u8 {
        return problem.memory[0..problem.len];
    }
};

pub const User = struct {
    name: []const u8,
    password: []const u8,
    /// Somebody else knows the password, who is told what the client sends.
    external: bool = false,
    roles: []const []const u8 = &.{"read-write"},

    pub const empty: User = .{ .name = "", .password = "" };
};

pub const default_namespaces = [_]Namespace{ .{ .name = "test" }, .{ .name = "bar" } };
pub const default_admin: User = .{
    .name = "admin",
    .password = "admin",
    .roles = &.{ "user-admin", "sys-admin", "data-admin", "read-write-udf", "truncate" },
};

/// Certificates and keys are in PEM format.
pub const Tls = struct {
    cert: []const u8 = "",
    key: []const u8 = "",
    /// Not empty: clients have to show a certificate of one of these authorities.
    ca: []const u8 = "",
    /// What nodes tell clients of their names; empty: nothing.
    name: []const u8 = "",
    /// The ports take plain connections as well.
    allows_plain: bool = false,
    /// Of OpenSSL; empty: the one that is loaded already, else the system's.
    library: []const u8 = "",
};

pub const Options = struct {
    nodes: u16 = 1,
    /// 0: any free port for each node. Otherwise node i listens on `port + i`.
    port: u16 = 0,
    /// An IPv4 or IPv6 address to listen on.
    address: []const u8 = "127.0.0.1",
    /// The address that clients are told, or a name; empty: the one that they have connected to.
    advertised: []const u8 = "",
    /// The one that those are told who ask for the alternate one; empty: there is none.
    alternate: []const u8 = "",
    /// Each node's rack; empty: there are no racks.
    racks: []const i32 = &.{},
    namespaces: []const Namespace = &default_namespaces,
    cluster_name: []const u8 = "",
    /// Not empty: every connection has to authenticate.
    users: []const User = &.{},
    session_ttl_s: u32 = 24 * 60 * 60,
    /// Null: connections are plain.
    tls: ?Tls = null,
    /// Threads; 0: as many as there are processors, at most 4.
    workers: u8 = 0,
    /// A line on the standard error for each request.
    log_requests: bool = false,
    /// Takes deflated requests and deflates what it is asked to, as the Enterprise Edition does.
    compression: bool = false,
    /// Decides partition ownership.
    seed: u64 = 0,
    /// The release to answer as, by the name of a `Version`.
    server_version: []const u8 = @tagName(Version.default),

    /// From a map with the names of these fields. Texts point into the bytes; `problem` says what
    /// is wrong with options that are not valid.
    pub fn decode(
        arena: std.mem.Allocator,
        bytes: []const u8,
        problem: *Problem,
    ) error{ InvalidOptions, OutOfMemory }!Options {
        var culprit: []const u8 = "";
        const options = msgpack_struct.decode(Options, arena, bytes, &culprit) catch |err| {
            switch (err) {
                error.OutOfMemory => return error.OutOfMemory,
                error.Malformed => {},
            }
            if (culprit.len == 0) return problem.of("they are not a map of options", .{});
            return problem.of("there is no '{s}', or it is not of its type", .{
                culprit[0..@min(culprit.len, 64)],
            });
        };
        try options.validate(problem);
        return options;
    }

    pub fn validate(options: *const Options, problem: *Problem) error{InvalidOptions}!void {
        if (options.nodes == 0 or options.nodes > nodes_max) {
            return problem.of("there can be 1 to {d} nodes, not {d}", .{ nodes_max, options.nodes });
        }
        const namespaces = options.namespaces.len;
        if (namespaces == 0 or namespaces > namespaces_max) {
            return problem.of("there can be 1 to {d} namespaces, not {d}", .{
                namespaces_max, namespaces,
            });
        }
        if (options.port != 0 and options.port > 65535 - (options.nodes - 1)) {
            return problem.of("{d} nodes from port {d} on go beyond port 65535", .{
                options.nodes, options.port,
            });
        }
        if (Version.named(options.server_version) == null) {
            return problem.of("there is no server version '{s}': 8.1 or 8.2", .{
                options.server_version,
            });
        }
        if (options.cluster_name.len > 64) {
            return problem.of("the cluster's name is longer than 64 bytes", .{});
        }
        for (options.namespaces, 0..) |*namespace, index| {
            try namespace.validate(problem);
            for (options.namespaces[0..index]) |earlier| {
                if (!std.mem.eql(u8, earlier.name, namespace.name)) continue;
                return problem.of("there are two namespaces '{s}'", .{namespace.name});
            }
        }
        for ([_][]const u8{ options.advertised, options.alternate }) |address| {
            if (address.len <= address_bytes_max) continue;
            return problem.of("an address is longer than {d} bytes", .{address_bytes_max});
        }
        if (options.racks.len > 0 and options.racks.len != options.nodes) {
            return problem.of("{d} nodes need {d} racks, not {d}", .{
                options.nodes, options.nodes, options.racks.len,
            });
        }
        if (options.tls) |*tls| if (tls.cert.len == 0 or tls.key.len == 0) {
            return problem.of("TLS needs a certificate and its key", .{});
        };
        for (options.users) |user| {
            if (user.name.len > 0 and user.name.len <= 63) continue;
            return problem.of("a user's name has 1 to 63 bytes, not {d}", .{user.name.len});
        }
    }
};

test "options that make no sense are refused" {
    const good: Options = .{};
    var problem: Problem = .{};
    try good.validate(&problem);
    const twice = [_]Namespace{ .{ .name = "a" }, .{ .name = "a" } };
    const bad = [_]Options{
        .{ .nodes = 0 },
        .{ .nodes = nodes_max + 1 },
        .{ .namespaces = &.{} },
        .{ .namespaces = &twice },
        .{ .namespaces = &.{.{ .name = "0123456789abcdef0123456789abcdef" }} },
        .{ .namespaces = &.{.{ .name = "test, bar" }} },
        .{ .port = 65535, .nodes = 2 },
        .{ .server_version = "8.3" },
    };
    for (bad) |options| {
        problem = .{};
        try std.testing.expectError(error.InvalidOptions, options.validate(&problem));
        try std.testing.expect(problem.text().len > 0);
    }
}

test "options come from a map; a namespace may be a name alone" {
    var arena = std.heap.ArenaAllocator.init(std.testing.allocator);
    defer arena.deinit();
    var problem: Problem = .{};
    const bytes = "\x83\xa5nodes\x03\xaanamespaces\x92\xa1a\x82\xa4name\xa1b" ++
        "\xaddefault_ttl_s\x0a\xa5users\x91\x82\xa4name\xa1u\xa8password\xa1p";
    const options = try Options.decode(arena.allocator(), bytes, &problem);
    try std.testing.expectEqual(3, options.nodes);
    try std.testing.expectEqualStrings("a", options.namespaces[0].name);
    try std.testing.expectEqual(@as(u32, 10), options.namespaces[1].default_ttl_s);
    try std.testing.expectEqualStrings("read-write", options.users[0].roles[0]);
    const unknown = Options.decode(arena.allocator(), "\x81\xa5nodez\x03", &problem);
    try std.testing.expectError(error.InvalidOptions, unknown);
    try std.testing.expect(std.mem.find(u8, problem.text(), "nodez") != null);
    const many = Options.decode(arena.allocator(), "\x81\xa5nodes\xcd\x01\x00", &problem);
    try std.testing.expectError(error.InvalidOptions, many);
    try std.testing.expectEqualStrings("there can be 1 to 128 nodes, not 256", problem.text());
}
