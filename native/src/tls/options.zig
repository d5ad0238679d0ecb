//! How connections are made safe: whom this side trusts, and who it is itself.
//!
//! What is read from files and from memory means the same; slices are borrowed.

const std = @import("std");
const os = @import("../os.zig");
const Failure = @import("../status.zig").Failure;

pub const Version = enum { tls1_2, tls1_3 };

pub const Options = struct {
    /// Of libssl; empty: the one that is loaded already, else the system's.
    library: []const u8 = "",
    /// Whom to trust. Nothing given: the authorities that the system trusts.
    cafile: []const u8 = "",
    capath: []const u8 = "",
    ca: []const u8 = "",
    /// Who this side is; its certificate first, then those between it and the authority.
    certfile: []const u8 = "",
    cert: []const u8 = "",
    /// None of the two: the key is in the certificate's file.
    keyfile: []const u8 = "",
    key: []const u8 = "",
    /// The password itself, "env:" and a variable's name, or "file:" and a path.
    keyfile_pw: []const u8 = "",
    /// As Apache writes it, such as "-all +TLSv1.2".
    protocols: []const u8 = "",
    min_version: Version = .tls1_2,
    /// Of TLS 1.2, as OpenSSL lists them; empty: OpenSSL's own choice.
    cipher_suite: []const u8 = "",
    /// Of TLS 1.3.
    ciphersuites: []const u8 = "",
    /// A file of serial numbers, each perhaps with an issuer.
    cert_blacklist: []const u8 = "",
    crl_check: bool = false,
    crl_check_all: bool = false,
    log_session_info: bool = false,
    for_login_only: bool = false,
    /// Secrets of the sessions are added to it, for who debugs the network.
    keylog_file: []const u8 = "",

    /// Whether this side can show who it is.
    pub fn hasIdentity(options: *const Options) bool {
        return options.certfile.len + options.cert.len > 0;
    }

    /// Where the key's password is, if that is a file.
    pub fn passwordFile(options: *const Options) ?[]const u8 {
        return pathOfPassword(options.keyfile_pw);
    }

    /// The same in the arena's memory.
    pub fn copy(options: *const Options, arena: std.mem.Allocator) error{OutOfMemory}!Options {
        var copied = options.*;
        inline for (comptime std.meta.fieldNames(Options)) |name| {
            if (@TypeOf(@field(copied, name)) == []const u8) {
                @field(copied, name) = try arena.dupe(u8, @field(options, name));
            }
        }
        return copied;
    }

    /// The lowest and the highest version that may be spoken.
    pub fn versions(options: *const Options, failure: *Failure) error{Failed}![2]Version {
        var enabled: std.EnumSet(Version) = .full;
        if (options.protocols.len > 0) enabled = try parseProtocols(options.protocols, failure);
        if (options.min_version == .tls1_3) enabled.remove(.tls1_2);
        if (enabled.count() == 0) {
            const text = "tls 'protocols' and 'min_version' leave no version of TLS to speak: " ++
                "this client speaks TLSv1.2 and TLSv1.3";
            failure.set(.invalid_argument, text, .{});
            return error.Failed;
        }
        return .{
            if (enabled.contains(.tls1_2)) .tls1_2 else .tls1_3,
            if (enabled.contains(.tls1_3)) .tls1_3 else .tls1_2,
        };
    }
};

/// The path in a password that is written as "file:" and a path.
pub fn pathOfPassword(given: []const u8) ?[]const u8 {
    return std.mem.cutPrefix(u8, given, "file:");
}

fn parseProtocols(text: []const u8, failure: *Failure) error{Failed}!std.EnumSet(Version) {
    var enabled: std.EnumSet(Version) = .empty;
    var words = std.mem.tokenizeAny(u8, text, " \t,");
    while (words.next()) |word| {
        const sign: u8 = if (word[0] == '+' or word[0] == '-') word[0] else ' ';
        const name = if (sign == ' ') word else word[1..];
        const named: std.EnumSet(Version) = if (std.ascii.eqlIgnoreCase(name, "all"))
            .full
        else if (std.ascii.eqlIgnoreCase(name, "TLSv1.2"))
            .initOne(.tls1_2)
        else if (std.ascii.eqlIgnoreCase(name, "TLSv1.3"))
            .initOne(.tls1_3)
        else if (isTooOld(name)) {
            if (sign == '-') continue;
            const told = "tls 'protocols': {s} is not safe any more, and not spoken: " ++
                "TLSv1.2 and TLSv1.3 are";
            failure.set(.invalid_argument, told, .{word[0..@min(word.len, 32)]});
            return error.Failed;
        } else {
            const told = "tls 'protocols': '{s}' is no version of TLS: write as in " ++
                "'-all +TLSv1.2 +TLSv1.3'";
            failure.set(.invalid_argument, told, .{word[0..@min(word.len, 32)]});
            return error.Failed;
        };
        switch (sign) {
            '-' => enabled = enabled.differenceWith(named),
            // What has no sign stands for itself alone.
            ' ' => enabled = named,
            else => enabled.setUnion(named),
        }
    }
    return enabled;
}

fn isTooOld(name: []const u8) bool {
    for ([_][]const u8{ "SSLv2", "SSLv3", "TLSv1", "TLSv1.0", "TLSv1.1" }) |old| {
        if (std.ascii.eqlIgnoreCase(name, old)) return true;
    }
    return false;
}

fn expectVersions(protocols: []const u8, lowest: Version, highest: Version) !void {
    const options: Options = .{ .protocols = protocols };
    var failure: Failure = .{};
    try std.testing.expectEqual([2]Version{ lowest, highest }, try options.versions(&failure));
}

test "protocols are written as Apache does, and old ones are refused" {
    try expectVersions("", .tls1_2, .tls1_3);
    try expectVersions("-all +TLSv1.2", .tls1_2, .tls1_2);
    try expectVersions("all -tlsv1.2 -SSLv3", .tls1_3, .tls1_3);
    try expectVersions("TLSv1.3", .tls1_3, .tls1_3);
    var failure: Failure = .{};
    for ([_]struct { []const u8, []const u8 }{
        .{ "all +TLSv1.1", "not safe" },
        .{ "TLSv1.4", "no version" },
        .{ "-all", "leave no version" },
    }) |case| {
        const options: Options = .{ .protocols = case[0] };
        try std.testing.expectError(error.Failed, options.versions(&failure));
        try std.testing.expectEqual(.invalid_argument, failure.status);
        try std.testing.expect(std.mem.find(u8, failure.message(), case[1]) != null);
    }
    const options: Options = .{ .protocols = "TLSv1.2", .min_version = .tls1_3 };
    try std.testing.expectError(error.Failed, options.versions(&failure));
}
