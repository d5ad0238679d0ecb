//! What a cluster is configured with, checked and copied once.

const std = @import("std");
const printable = @import("../printable.zig");
const target = @import("target.zig");
const tls = @import("../tls.zig");
const wire = @import("../wire.zig");
const Failure = @import("../status.zig").Failure;

pub const Host = struct {
    /// A name, an IPv4 or an IPv6 literal (without brackets).
    name: []const u8,
    port: u16 = 3000,
    /// Who the node has to be where TLS is used; without TLS it has no meaning.
    tls_name: ?[]const u8 = null,
};

pub const AuthMode = enum {
    internal,
    external,
    external_insecure,
    pki,
};

/// Names and addresses that nodes announce, and what this client reaches them by.
pub const IpMapEntry = struct {
    from: []const u8,
    to: []const u8,
};

pub const Options = struct {
    hosts: []const Host,
    /// When not empty, nodes of a cluster with another name are refused.
    cluster_name: []const u8 = "",
    /// When not empty, connections authenticate.
    user: []const u8 = "",
    /// Empty once it is hashed, where only the hash is needed.
    password: []const u8 = "",
    /// What logging in takes of the password.
    password_hash: ?[wire.admin.hash_bytes]u8 = null,
    auth_mode: AuthMode = .internal,
    /// Null: connections are plain.
    tls: ?tls.Options = null,
    connect_timeout_ms: u32 = 1000,
    login_timeout_ms: u32 = 5000,
    tend_interval_ms: u32 = 1000,
    max_conns_per_node: u32 = 100,
    min_conns_per_node: u32 = 0,
    /// A connection unused for longer is closed rather than used; 0: only trimmed, after 55 s.
    idle_timeout_ms: u32 = 0,
    use_services_alternate: bool = false,
    rack_aware: bool = false,
    /// In the order of preference.
    rack_ids: []const i32 = &.{},
    /// Errors of a node within one window before it is given a rest; 0: never.
    error_rate_max: u32 = 100,
    error_rate_window_tends: u32 = 1,
    ip_map: []const IpMapEntry = &.{},
    /// The library and its version, as in "python-1.0", by which nodes list this client; empty:
    /// nothing is announced.
    user_agent: []const u8 = "",
    /// What the application calls itself in that list; empty: as the user, if any.
    app_id: []const u8 = "",

    pub const conns_per_node_max = 10_000;
    pub const hosts_max = 256;
    pub const rack_ids_max = 64;
    /// What a server takes of a user agent.
    const user_agent_text_bytes_max = 63;
    const user_agent_format = "1,{s},{s}";
    /// Of the request that announces it.
    pub const user_agent_request_bytes_max = user_agent_prefix.len +
        std.base64.standard.Encoder.calcSize(user_agent_text_bytes_max);
    const user_agent_prefix = "user-agent-set:value=";
    pub const credential_bytes_max = 1024;
    pub const tend_interval_ms_min = 100;

    /// Reports the first value that cannot be served.
    pub fn check(options: *const Options, failure: *Failure) error{Failed}!void {
        if (options.hosts.len == 0) {
            return fail(failure, "hosts is empty: name at least one node of the cluster", .{});
        }
        if (options.hosts.len > hosts_max) {
            return fail(failure, "hosts has more than {d} entries", .{hosts_max});
        }
        for (options.hosts) |host| {
            if (host.name.len == 0) return fail(failure, "hosts has an empty host name", .{});
            if (host.port == 0) return fail(failure, "host {s} has port 0", .{host.name});
            for ([_][]const u8{ host.name, host.tls_name orelse "" }) |name| {
                if (name.len <= target.Name.bytes_max) continue;
                return fail(failure, "a host's name is longer than {d} bytes", .{
                    target.Name.bytes_max,
                });
            }
        }
        const conns_max = options.max_conns_per_node;
        if (conns_max == 0 or conns_max > conns_per_node_max) {
            const text = "max_conns_per_node must be from 1 to {d}, not {d}";
            return fail(failure, text, .{ conns_per_node_max, conns_max });
        }
        if (options.min_conns_per_node > conns_max) {
            const text = "min_conns_per_node ({d}) is above max_conns_per_node ({d})";
            return fail(failure, text, .{ options.min_conns_per_node, conns_max });
        }
        if (options.tend_interval_ms < tend_interval_ms_min) {
            const text = "tend_interval must be at least {d} ms, not {d}";
            return fail(failure, text, .{ tend_interval_ms_min, options.tend_interval_ms });
        }
        if (options.connect_timeout_ms == 0) {
            return fail(failure, "connect timeout must not be 0", .{});
        }
        if (options.rack_ids.len > rack_ids_max) {
            return fail(failure, "rack_ids has more than {d} entries", .{rack_ids_max});
        }
        if (options.user_agent.len > 0) try options.checkUserAgent(failure);
        if (options.error_rate_window_tends == 0) {
            return fail(failure, "error_rate_window must be at least 1 tend", .{});
        }
        try options.checkSecurity(failure);
    }

    fn checkUserAgent(options: *const Options, failure: *Failure) error{Failed}!void {
        const rest = userAgentLength(options.user_agent, "");
        if (rest + app_id_unknown.len > user_agent_text_bytes_max) {
            return fail(failure, "the user agent is too long", .{});
        }
        const room = user_agent_text_bytes_max - rest;
        if (options.app_id.len > room) {
            return fail(failure, "app_id must have at most {d} bytes, not {d}", .{
                room, options.app_id.len,
            });
        }
        if (!printable.isPrintable(options.app_id)) {
            return fail(failure, "app_id must be text without control characters", .{});
        }
    }

    fn userAgentLength(user_agent: []const u8, app_id: []const u8) usize {
        return std.fmt.count(user_agent_format, .{ user_agent, app_id });
    }

    const app_id_unknown = "not-set";

    /// The question that announces this client, whose `user_agent` is not empty.
    pub fn userAgentRequest(
        options: *const Options,
        buffer: *[user_agent_request_bytes_max]u8,
    ) []const u8 {
        const room = user_agent_text_bytes_max - userAgentLength(options.user_agent, "");
        const app_id = if (options.app_id.len > 0)
            options.app_id
        else if (options.user.len > 0)
            options.user[0..@min(options.user.len, room)]
        else
            app_id_unknown;
        var memory: [user_agent_text_bytes_max]u8 = undefined;
        var writer = std.Io.Writer.fixed(&memory);
        // Checked with the options.
        writer.print(user_agent_format, .{ options.user_agent, app_id }) catch unreachable;
        const text = writer.buffered();
        buffer[0..user_agent_prefix.len].* = user_agent_prefix.*;
        const encoder = std.base64.standard.Encoder;
        const encoded = encoder.encode(buffer[user_agent_prefix.len..], text);
        return buffer[0 .. user_agent_prefix.len + encoded.len];
    }

    fn checkSecurity(options: *const Options, failure: *Failure) error{Failed}!void {
        if (options.user.len > credential_bytes_max or
            options.password.len > credential_bytes_max)
        {
            return fail(failure, "user or password is too long", .{});
        }
        switch (options.auth_mode) {
            .internal, .external_insecure => {},
            .external => if (options.tls == null and options.user.len > 0) {
                const text = "auth_mode external sends the password itself and so needs 'tls'; " ++
                    "external_insecure sends it for everybody on the way to read";
                return fail(failure, text, .{});
            },
            .pki => {
                const is_known = if (options.tls) |*given| given.hasIdentity() else false;
                if (is_known) return;
                const text = "auth_mode pki logs in with the client's certificate and so needs " ++
                    "'tls' with 'certfile' or 'cert'";
                return fail(failure, text, .{});
            },
        }
    }

    /// Empty: the server knows by the certificate who logs in.
    pub fn userToLogIn(options: *const Options) []const u8 {
        return if (options.auth_mode == .pki) "" else options.user;
    }

    /// Whether logging in sends the password itself.
    pub fn sendsPassword(options: *const Options) bool {
        return switch (options.auth_mode) {
            .internal, .pki => false,
            .external, .external_insecure => true,
        };
    }

    /// Hashes the password, which takes tens of milliseconds, and wipes it from `memory`, which it
    /// is in, unless logging in sends it. Nothing to do without a user.
    pub fn hashPassword(options: *Options, memory: []u8) void {
        if (options.user.len == 0 or options.password_hash != null) return;
        // `check` will say so.
        if (options.password.len > credential_bytes_max) return;
        var hash: [wire.admin.hash_bytes]u8 = undefined;
        wire.admin.hashPassword(options.password, &hash);
        options.password_hash = hash;
        if (options.sendsPassword() or options.password.len == 0) return;
        const start = @intFromPtr(options.password.ptr) - @intFromPtr(memory.ptr);
        std.crypto.secureZero(u8, memory[start..][0..options.password.len]);
        options.password = "";
    }

    fn fail(failure: *Failure, comptime format: []const u8, args: anytype) error{Failed} {
        failure.set(.invalid_argument, format, args);
        return error.Failed;
    }

    /// A copy whose slices live in the arena.
    pub fn copy(options: *const Options, arena: std.mem.Allocator) error{OutOfMemory}!Options {
        var copied = options.*;
        const hosts = try arena.dupe(Host, options.hosts);
        for (hosts) |*host| {
            host.name = try arena.dupe(u8, host.name);
            if (host.tls_name) |tls_name| host.tls_name = try arena.dupe(u8, tls_name);
        }
        const ip_map = try arena.dupe(IpMapEntry, options.ip_map);
        for (ip_map) |*entry| {
            entry.from = try arena.dupe(u8, entry.from);
            entry.to = try arena.dupe(u8, entry.to);
        }
        copied.hosts = hosts;
        copied.ip_map = ip_map;
        copied.cluster_name = try arena.dupe(u8, options.cluster_name);
        copied.user = try arena.dupe(u8, options.user);
        const password = try arena.dupe(u8, options.password);
        copied.password = password;
        copied.hashPassword(password);
        copied.rack_ids = try arena.dupe(i32, options.rack_ids);
        copied.user_agent = try arena.dupe(u8, options.user_agent);
        if (options.tls) |*given| copied.tls = try given.copy(arena);
        copied.app_id = try arena.dupe(u8, options.app_id);
        return copied;
    }

    /// Of a copy that is given up: what is secret is in no memory that is given back.
    pub fn wipe(options: *Options) void {
        const given: tls.Options = options.tls orelse .{};
        for ([_][]const u8{ options.password, given.key, given.keyfile_pw }) |secret| {
            // The copy's own memory.
            std.crypto.secureZero(u8, @constCast(secret));
        }
        // It is as good as the password.
        if (options.password_hash) |*hash| std.crypto.secureZero(u8, hash);
    }

    /// The name by which this client reaches an announced host.
    pub fn translate(options: *const Options, host_name: []const u8) []const u8 {
        for (options.ip_map) |entry| {
            if (std.mem.eql(u8, entry.from, host_name)) return entry.to;
        }
        return host_name;
    }
};

fn expectRefused(options: Options, text: []const u8) !void {
    var failure: Failure = .{};
    try std.testing.expectError(error.Failed, options.check(&failure));
    try std.testing.expectEqual(.invalid_argument, failure.status);
    if (std.mem.find(u8, failure.message(), text) == null) {
        std.debug.print("message: {s}\n", .{failure.message()});
        return error.TestUnexpectedResult;
    }
}

test "options that cannot be served are refused with their name" {
    const hosts = [_]Host{.{ .name = "127.0.0.1" }};
    var failure: Failure = .{};
    try (Options{ .hosts = &hosts }).check(&failure);
    try expectRefused(.{ .hosts = &.{} }, "hosts");
    try expectRefused(.{ .hosts = &.{.{ .name = "" }} }, "host name");
    try expectRefused(.{ .hosts = &.{.{ .name = "a", .port = 0 }} }, "port");
    try (Options{ .hosts = &hosts, .tls = .{}, .auth_mode = .external, .user = "u" }).check(&failure);
    // A name for TLS does not ask for it.
    try (Options{ .hosts = &.{.{ .name = "a", .tls_name = "b" }} }).check(&failure);
    try expectRefused(.{ .hosts = &hosts, .auth_mode = .pki }, "pki");
    try expectRefused(.{ .hosts = &hosts, .tls = .{}, .auth_mode = .pki }, "certfile");
    const long: [254]u8 = @splat('a');
    try expectRefused(.{ .hosts = &.{.{ .name = "a", .tls_name = &long }} }, "253");
    try expectRefused(.{ .hosts = &hosts, .auth_mode = .external, .user = "u" }, "external");
    try expectRefused(.{ .hosts = &hosts, .max_conns_per_node = 0 }, "max_conns_per_node");
    const low_max: Options = .{
        .hosts = &hosts,
        .max_conns_per_node = 1,
        .min_conns_per_node = 2,
    };
    try expectRefused(low_max, "min_conns_per_node");
    try expectRefused(.{ .hosts = &hosts, .tend_interval_ms = 1 }, "tend_interval");
}

test "a password is wiped once it is hashed, unless logging in sends it" {
    var arena = std.heap.ArenaAllocator.init(std.testing.allocator);
    defer arena.deinit();
    const hosts = [_]Host{.{ .name = "seed" }};
    for ([_]AuthMode{ .internal, .external_insecure }) |mode| {
        var memory = "config: secret, and more".*;
        var options: Options = .{
            .hosts = &hosts,
            .user = "ada",
            .password = memory[8..14],
            .auth_mode = mode,
        };
        options.hashPassword(&memory);
        const is_kept = mode != .internal;
        try std.testing.expectEqual(is_kept, std.mem.find(u8, &memory, "secret") != null);
        try std.testing.expect(std.mem.endsWith(u8, &memory, ", and more"));
        try std.testing.expectEqualStrings(if (is_kept) "secret" else "", options.password);
        const copied = try options.copy(arena.allocator());
        try std.testing.expectEqual(options.password_hash, copied.password_hash);
        try std.testing.expectEqualStrings(options.password, copied.password);
    }
    var expected: [wire.admin.hash_bytes]u8 = undefined;
    wire.admin.hashPassword("secret", &expected);
    const given: Options = .{ .hosts = &hosts, .user = "ada", .password = "secret" };
    try std.testing.expectEqual(expected, (try given.copy(arena.allocator())).password_hash.?);
}

fn expectUserAgent(options: Options, text: []const u8) !void {
    var failure: Failure = .{};
    try options.check(&failure);
    var memory: [Options.user_agent_request_bytes_max]u8 = undefined;
    const request = options.userAgentRequest(&memory);
    const encoded = request[std.mem.findScalar(u8, request, '=').? + 1 ..];
    const decoder = std.base64.standard.Decoder;
    var decoded: [64]u8 = undefined;
    const size = try decoder.calcSizeForSlice(encoded);
    try decoder.decode(decoded[0..size], encoded);
    try std.testing.expectEqualStrings(text, decoded[0..size]);
    try std.testing.expect(std.mem.startsWith(u8, request, "user-agent-set:value="));
}

test "a client is announced with its application, else its user, as far as a server takes it" {
    const hosts = [_]Host{.{ .name = "127.0.0.1" }};
    const base: Options = .{ .hosts = &hosts, .user_agent = "lib-1.0" };
    try expectUserAgent(base, "1,lib-1.0,not-set");
    const long: [100]u8 = @splat('u');
    var named = base;
    named.user = "ada";
    try expectUserAgent(named, "1,lib-1.0,ada");
    named.app_id = "shop";
    try expectUserAgent(named, "1,lib-1.0,shop");
    named.app_id = long[0..53];
    try expectUserAgent(named, "1,lib-1.0," ++ long[0..53]);
    named.app_id = long[0..54];
    try expectRefused(named, "app_id must have at most 53 bytes, not 54");
    named.app_id = "a\n";
    try expectRefused(named, "app_id");
    named.app_id = "";
    named.user = &long;
    try expectUserAgent(named, "1,lib-1.0," ++ long[0..53]);
    named.user_agent = &long;
    try expectRefused(named, "user agent");
}

test "a copy shares no memory with its source, and the ip map translates" {
    var arena = std.heap.ArenaAllocator.init(std.testing.allocator);
    defer arena.deinit();
    var name = "seed".*;
    const source: Options = .{
        .hosts = &.{.{ .name = &name }},
        .ip_map = &.{.{ .from = "10.0.0.1", .to = "node.example" }},
    };
    const copied = try source.copy(arena.allocator());
    name[0] = 'X';
    try std.testing.expectEqualStrings("seed", copied.hosts[0].name);
    try std.testing.expectEqualStrings("node.example", copied.translate("10.0.0.1"));
    try std.testing.expectEqualStrings("10.0.0.2", copied.translate("10.0.0.2"));
}
