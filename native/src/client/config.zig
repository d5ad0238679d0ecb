//! A client's configuration: a MessagePack map with the API's keys, turned into cluster options.
//!
//! Every key and value is checked; what is wrong is named. The options' slices point into the
//! given bytes and the given arena.

const std = @import("std");
const cluster = @import("../cluster.zig");
const tls = @import("../tls.zig");
const wire = @import("../wire.zig");
const Failure = @import("../status.zig").Failure;
const request = @import("../command/record/request.zig");
const Reader = wire.msgpack.Reader;

const hosts_max = 256;
const ms_max = std.math.maxInt(i32);

pub const Config = struct {
    cluster: cluster.Options,
    /// Operations that were submitted and not collected.
    in_flight_max: u32 = 262_144,
};

/// Parses the map. `arena` owns what has to be allocated and outlives the options.
pub fn parse(
    arena: std.mem.Allocator,
    bytes: []const u8,
    failure: *Failure,
) error{Failed}!Config {
    var reader: Reader = .{ .bytes = bytes };
    const count = switch (try next(&reader, failure)) {
        .map => |count| count,
        else => return request.invalid(failure, "the configuration must be a map", .{}),
    };
    var config: Config = .{ .cluster = .{ .hosts = &.{} } };
    for (0..count) |_| {
        const key = try request.expectString(&reader, "a configuration key", failure);
        try parseEntry(arena, key, &reader, &config, failure);
    }
    if (config.cluster.hosts.len == 0) {
        return request.invalid(failure, "the configuration needs 'hosts'", .{});
    }
    return config;
}

/// The configuration's keys; a name is the key itself.
const Entry = enum {
    hosts,
    cluster_name,
    user,
    password,
    auth_mode,
    tls,
    timeout,
    login_timeout,
    tend_interval,
    max_conns_per_node,
    min_conns_per_node,
    idle_timeout,
    use_services_alternate,
    rack_aware,
    rack_ids,
    max_error_rate,
    error_rate_window,
    ip_map,
    app_id,
    user_agent,
    max_in_flight,
};

fn parseEntry(
    arena: std.mem.Allocator,
    key: []const u8,
    reader: *Reader,
    config: *Config,
    failure: *Failure,
) error{Failed}!void {
    const options = &config.cluster;
    const entry = std.meta.stringToEnum(Entry, key) orelse
        return request.invalid(failure, "unknown configuration key '{s}'", .{clip(key)});
    switch (entry) {
        .hosts => options.hosts = try parseHosts(arena, reader, failure),
        .cluster_name => options.cluster_name = try text(reader, "cluster_name", failure),
        .user => options.user = try text(reader, "user", failure),
        .password => options.password = try text(reader, "password", failure),
        .auth_mode => options.auth_mode = switch (try integer(reader, "auth_mode", 0, 4, failure)) {
            0 => .internal,
            1 => .external,
            2 => .pki,
            4 => .external_insecure,
            else => return request.invalid(failure, "'auth_mode' must be 0, 1, 2 or 4", .{}),
        },
        .tls => options.tls = try parseTls(reader, failure),
        .timeout => options.connect_timeout_ms = try milliseconds(reader, "timeout", failure),
        .login_timeout => options.login_timeout_ms =
            try milliseconds(reader, "login_timeout", failure),
        .tend_interval => options.tend_interval_ms =
            try number(u32, reader, "tend_interval", 10, ms_max, failure),
        .max_conns_per_node => options.max_conns_per_node =
            try number(u32, reader, "max_conns_per_node", 1, 65_535, failure),
        .min_conns_per_node => options.min_conns_per_node =
            try number(u32, reader, "min_conns_per_node", 0, 65_535, failure),
        .idle_timeout => options.idle_timeout_ms =
            try milliseconds(reader, "idle_timeout", failure),
        .use_services_alternate => options.use_services_alternate =
            try boolean(reader, "use_services_alternate", failure),
        .rack_aware => options.rack_aware = try boolean(reader, "rack_aware", failure),
        .rack_ids => options.rack_ids = try parseRackIds(arena, reader, failure),
        .max_error_rate => options.error_rate_max =
            try number(u32, reader, "max_error_rate", 0, ms_max, failure),
        .error_rate_window => options.error_rate_window_tends =
            try number(u32, reader, "error_rate_window", 1, ms_max, failure),
        .ip_map => options.ip_map = try parseIpMap(arena, reader, failure),
        .app_id => options.app_id = try text(reader, "app_id", failure),
        .user_agent => options.user_agent = try text(reader, "user_agent", failure),
        .max_in_flight => config.in_flight_max =
            try number(u32, reader, "max_in_flight", 1, std.math.maxInt(i32), failure),
    }
}

/// [[host, port], [host, port, tls name], …]
fn parseHosts(
    arena: std.mem.Allocator,
    reader: *Reader,
    failure: *Failure,
) error{Failed}![]const cluster.Host {
    const shape = "'hosts' must be a list of [host, port] or [host, port, tls name]";
    const count = try request.expectArray(reader, shape, failure);
    if (count == 0) return request.invalid(failure, "'hosts' must not be empty", .{});
    if (count > hosts_max) return request.invalid(
        failure,
        "'hosts' has {d} members; at most {d} are allowed",
        .{ count, hosts_max },
    );
    const hosts = try allocate(arena, cluster.Host, count, failure);
    for (hosts) |*host| {
        const members = try request.expectArray(reader, shape, failure);
        if (members != 2 and members != 3) return request.invalid(failure, shape, .{});
        host.* = .{
            .name = try request.expectString(reader, "a host's name", failure),
            .port = try number(u16, reader, "a host's port", 1, 65_535, failure),
        };
        if (host.name.len == 0) return request.invalid(failure, "a host's name is empty", .{});
        if (members == 3) host.tls_name = try optionalText(reader, "a host's tls name", failure);
    }
    return hosts;
}

/// The names of the options' fields, and "enable": null when that is false. An empty map takes all as
/// it is by default.
pub fn parseTls(reader: *Reader, failure: *Failure) error{Failed}!?tls.Options {
    const count = switch (try next(reader, failure)) {
        .nil => return null,
        .map => |count| count,
        else => return request.invalid(failure, "'tls' must be a map", .{}),
    };
    var options: tls.Options = .{};
    // A map is wanted, so that no slip leads to plain connections.
    var is_enabled = true;
    for (0..count) |_| {
        const key = try request.expectString(reader, "a key of 'tls'", failure);
        if (std.mem.eql(u8, key, "enable")) {
            is_enabled = try boolean(reader, "enable", failure);
            continue;
        }
        const is_known = try parseTlsEntry(key, reader, &options, failure);
        if (!is_known) return request.invalid(failure, "unknown key '{s}' in 'tls'", .{clip(key)});
    }
    return if (is_enabled) options else null;
}

fn parseTlsEntry(
    key: []const u8,
    reader: *Reader,
    options: *tls.Options,
    failure: *Failure,
) error{Failed}!bool {
    inline for (comptime std.meta.fieldNames(tls.Options)) |name| {
        if (std.mem.eql(u8, key, name)) {
            const field = &@field(options, name);
            field.* = switch (@TypeOf(field.*)) {
                bool => try boolean(reader, name, failure),
                tls.Version => try version(reader, failure),
                else => try octets(reader, name, failure),
            };
            return true;
        }
    }
    return false;
}

fn version(reader: *Reader, failure: *Failure) error{Failed}!tls.Version {
    const name = try text(reader, "min_version", failure);
    if (std.mem.eql(u8, name, "TLSv1.2")) return .tls1_2;
    if (std.mem.eql(u8, name, "TLSv1.3")) return .tls1_3;
    return request.invalid(failure, "'min_version' must be 'TLSv1.2' or 'TLSv1.3'", .{});
}

/// Text or bytes.
fn octets(reader: *Reader, comptime key: []const u8, failure: *Failure) error{Failed}![]const u8 {
    return switch (try next(reader, failure)) {
        .nil => "",
        .string, .binary => |value| {
            try checkOctets(value, key, failure);
            return value;
        },
        else => |token| request.invalid(
            failure,
            "'" ++ key ++ "' must be a string or bytes, not {t}",
            .{token},
        ),
    };
}

/// An empty name of a file is a slip, by which whom the system trusts would be trusted, or nobody
/// be shown a certificate; and what ends at a NUL character for some is longer for others. What should
/// be in a file, given in place of its path, may be a secret, which the path in a message is not.
fn checkOctets(value: []const u8, comptime key: []const u8, failure: *Failure) error{Failed}!void {
    if (value.len == 0 and !isOneOf(key, &.{
        "keyfile_pw", "protocols", "cipher_suite", "ciphersuites",
    })) {
        const told = "tls '" ++ key ++ "' must not be empty: leave it out";
        return request.invalid(failure, told, .{});
    }
    if (isOneOf(key, &.{ "keyfile_pw", "ca", "cert", "key" })) return;
    if (std.mem.findScalar(u8, value, 0) != null) {
        return request.invalid(failure, "tls '" ++ key ++ "' must not have a NUL character", .{});
    }
    if (isOneOf(key, &.{ "protocols", "cipher_suite", "ciphersuites" })) return;
    if (!tls.isContent(value)) return;
    const own_key = comptime std.mem.cutSuffix(u8, key, "file");
    const advice = if (isOneOf(key, &.{ "cafile", "certfile", "keyfile" }))
        ": give that as '" ++ own_key.? ++ "'"
    else
        "";
    const told = "tls '" ++ key ++ "' must be a path, not what is in the file{s}";
    return request.invalid(failure, told, .{advice});
}

fn isOneOf(comptime key: []const u8, comptime keys: []const []const u8) bool {
    return inline for (keys) |each| {
        if (comptime std.mem.eql(u8, key, each)) break true;
    } else false;
}

fn parseRackIds(
    arena: std.mem.Allocator,
    reader: *Reader,
    failure: *Failure,
) error{Failed}![]const i32 {
    const count = try request.expectArray(reader, "'rack_ids' must be a list", failure);
    if (count > hosts_max) return request.invalid(failure, "'rack_ids' is too long", .{});
    const ids = try allocate(arena, i32, count, failure);
    for (ids) |*id| id.* = try number(i32, reader, "a rack id", 0, ms_max, failure);
    return ids;
}

fn parseIpMap(
    arena: std.mem.Allocator,
    reader: *Reader,
    failure: *Failure,
) error{Failed}![]const cluster.IpMapEntry {
    const count = switch (try next(reader, failure)) {
        .map => |count| count,
        else => return request.invalid(failure, "'ip_map' must be a map of addresses", .{}),
    };
    if (count > hosts_max) return request.invalid(failure, "'ip_map' is too long", .{});
    const entries = try allocate(arena, cluster.IpMapEntry, count, failure);
    for (entries) |*entry| entry.* = .{
        .from = try request.expectString(reader, "an address in 'ip_map'", failure),
        .to = try request.expectString(reader, "an address in 'ip_map'", failure),
    };
    return entries;
}

fn next(reader: *Reader, failure: *Failure) error{Failed}!wire.msgpack.Token {
    return reader.next() catch request.malformed(failure);
}

fn optionalText(
    reader: *Reader,
    comptime what: []const u8,
    failure: *Failure,
) error{Failed}!?[]const u8 {
    return switch (try next(reader, failure)) {
        .nil => null,
        .string => |value| value,
        else => |token| request.invalid(
            failure,
            what ++ " must be a string or nil, not {t}",
            .{token},
        ),
    };
}

/// A nil means the same as the empty string: not given.
fn text(reader: *Reader, comptime key: []const u8, failure: *Failure) error{Failed}![]const u8 {
    return try optionalText(reader, "'" ++ key ++ "'", failure) orelse "";
}

fn boolean(reader: *Reader, comptime key: []const u8, failure: *Failure) error{Failed}!bool {
    return switch (try next(reader, failure)) {
        .boolean => |value| value,
        else => |token| request.invalid(
            failure,
            "'" ++ key ++ "' must be a boolean, not {t}",
            .{token},
        ),
    };
}

fn milliseconds(reader: *Reader, comptime key: []const u8, failure: *Failure) error{Failed}!u32 {
    return number(u32, reader, key, 0, ms_max, failure);
}

fn number(
    T: type,
    reader: *Reader,
    comptime key: []const u8,
    min: i64,
    max: i64,
    failure: *Failure,
) error{Failed}!T {
    return @intCast(try integer(reader, key, min, max, failure));
}

fn integer(
    reader: *Reader,
    comptime key: []const u8,
    min: i64,
    max: i64,
    failure: *Failure,
) error{Failed}!i64 {
    switch (try next(reader, failure)) {
        .int => |value| if (value >= min and value <= max) return value else return request.invalid(
            failure,
            "'" ++ key ++ "' must be from {d} to {d}, not {d}",
            .{ min, max, value },
        ),
        else => |token| return request.invalid(
            failure,
            "'" ++ key ++ "' must be an integer from {d} to {d}, not {t}",
            .{ min, max, token },
        ),
    }
}

fn allocate(
    arena: std.mem.Allocator,
    T: type,
    count: usize,
    failure: *Failure,
) error{Failed}![]T {
    return arena.alloc(T, count) catch {
        failure.set(.out_of_memory, "out of memory for the configuration", .{});
        return error.Failed;
    };
}

fn clip(value: []const u8) []const u8 {
    return value[0..@min(value.len, 64)];
}
