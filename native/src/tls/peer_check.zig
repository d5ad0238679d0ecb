//! Who the peer is: why a certificate was refused, in words, and which ones are refused though they
//! are valid.

const std = @import("std");
const openssl = @import("openssl.zig");
const Table = openssl.Table;
const X509 = openssl.X509;

pub const Reason = enum {
    /// Not of an authority that is trusted.
    unknown_authority,
    expired,
    not_yet_valid,
    revoked,
    /// Valid, for somebody else.
    other_name,
    /// Anything else about a certificate.
    certificate,
    /// The peer said what it does not like.
    refused_by_peer,
    /// No version, cipher or the like in common, or the peer does not speak TLS.
    protocol,
    /// The connection ended in the midst of it.
    torn,
    /// It took too long, or was given up.
    abandoned,
};

/// Codes of X509_V_ERR_….
const code = struct {
    const unable_to_get_issuer = 2;
    const unable_to_get_crl = 3;
    const not_yet_valid = 9;
    const expired = 10;
    const crl_not_yet_valid = 11;
    const crl_expired = 12;
    const self_signed_leaf = 18;
    const self_signed_chain = 19;
    const no_local_issuer = 20;
    const leaf_signature = 21;
    const chain_too_long = 22;
    const revoked = 23;
    const invalid_authority = 24;
    const invalid_purpose = 26;
    const other_host = 62;
    const other_ip = 64;
    const weak_key = 66;
    const weak_authority_key = 67;
    const weak_signature = 68;
};

pub const revoked_code = code.revoked;

pub fn reasonOf(verify_code: c_long) Reason {
    return switch (verify_code) {
        code.unable_to_get_issuer,
        code.self_signed_leaf,
        code.self_signed_chain,
        code.no_local_issuer,
        code.leaf_signature,
        => .unknown_authority,
        code.not_yet_valid => .not_yet_valid,
        code.expired => .expired,
        code.revoked => .revoked,
        code.other_host, code.other_ip => .other_name,
        else => .certificate,
    };
}

/// What the one who configured this side may do about it.
pub fn adviceOf(verify_code: c_long) []const u8 {
    return switch (verify_code) {
        code.unable_to_get_issuer,
        code.self_signed_leaf,
        code.self_signed_chain,
        code.no_local_issuer,
        code.leaf_signature,
        => "it is not of an authority that tls 'cafile', 'capath' or 'ca' names",
        code.unable_to_get_crl => "tls 'crl_check' needs a revocation list of its authority in " ++
            "'cafile', 'capath' or 'ca'",
        code.crl_expired, code.crl_not_yet_valid => "the revocation list in tls 'cafile', " ++
            "'capath' or 'ca' is out of date",
        code.not_yet_valid => "compare the clocks of both machines",
        code.expired => "it has to be renewed on the server",
        code.chain_too_long => "more certificates lead to its authority than OpenSSL follows",
        code.revoked => "it is revoked, or in tls 'cert_blacklist'",
        code.invalid_authority => "a certificate that is no authority has signed it",
        code.invalid_purpose => "it was not made for servers",
        code.other_host, code.other_ip => "give the node's name as the third member of its host, " ++
            "or correct its tls-name",
        else => "see the reason",
    };
}

/// "/CN=…", clipped.
pub fn subject(table: *const Table, certificate: *const X509, buffer: *[128]u8) []const u8 {
    return oneLine(table, table.X509_get_subject_name(certificate), buffer);
}

fn oneLine(table: *const Table, name: *const openssl.X509_NAME, buffer: []u8) []const u8 {
    const text = table.X509_NAME_oneline(name, buffer.ptr, @intCast(buffer.len)) orelse return "";
    return std.mem.span(text);
}

/// Serial numbers in hexadecimal digits, one a line, each perhaps with its issuer as in
/// "867EC87482B2 /C=US/O=Acme/CN=Acme Authority". Lines that begin with '#' are remarks.
pub const Blacklist = struct {
    text: []const u8 = "",

    /// The number of the first line that is none of these.
    pub fn firstWrong(blacklist: *const Blacklist) ?usize {
        var lines = std.mem.splitScalar(u8, blacklist.text, '\n');
        var number: usize = 1;
        while (lines.next()) |line| : (number += 1) {
            const entry = parse(line) orelse continue;
            for (entry.serial) |digit| if (!std.ascii.isHex(digit)) return number;
        }
        return null;
    }

    pub fn contains(
        blacklist: *const Blacklist,
        table: *const Table,
        certificate: *const X509,
    ) bool {
        if (blacklist.text.len == 0) return false;
        var serial_buffer: [128]u8 = undefined;
        const serial = serialOf(table, certificate, &serial_buffer) orelse return true;
        var issuer_buffer: [1024]u8 = undefined;
        const issuer = oneLine(table, table.X509_get_issuer_name(certificate), &issuer_buffer);
        return blacklist.has(serial, issuer);
    }

    fn has(blacklist: *const Blacklist, serial: []const u8, issuer: []const u8) bool {
        var lines = std.mem.splitScalar(u8, blacklist.text, '\n');
        while (lines.next()) |line| {
            const entry = parse(line) orelse continue;
            const number = std.mem.trimStart(u8, entry.serial, "0");
            if (!std.ascii.eqlIgnoreCase(number, std.mem.trimStart(u8, serial, "0"))) continue;
            if (entry.issuer.len == 0 or std.mem.eql(u8, entry.issuer, issuer)) return true;
        }
        return false;
    }

    fn parse(line: []const u8) ?struct { serial: []const u8, issuer: []const u8 } {
        const trimmed = std.mem.trim(u8, line, " \t\r");
        if (trimmed.len == 0 or trimmed[0] == '#') return null;
        const end = std.mem.findAny(u8, trimmed, " \t") orelse trimmed.len;
        return .{
            .serial = trimmed[0..end],
            .issuer = std.mem.trim(u8, trimmed[end..], " \t"),
        };
    }

    /// Null for one that no authority may give, which is taken for listed.
    fn serialOf(table: *const Table, certificate: *const X509, buffer: *[128]u8) ?[]const u8 {
        const integer = table.X509_get0_serialNumber(certificate);
        const number = table.ASN1_INTEGER_to_BN(integer, null) orelse return null;
        defer table.BN_free(number);
        var bytes: [64]u8 = undefined;
        if (table.BN_num_bits(number) > bytes.len * 8) return null;
        const length: usize = @intCast(table.BN_bn2bin(number, &bytes));
        return std.mem.print(buffer, "{X}", .{bytes[0..length]}) catch unreachable;
    }
};

test "a blacklist names serial numbers, of any issuer or of one" {
    const blacklist: Blacklist = .{
        .text = "# remark\n\n00ab12\r\n867EC87482B2 /C=US/CN=Acme Authority\n",
    };
    try std.testing.expectEqual(null, blacklist.firstWrong());
    try std.testing.expect(blacklist.has("AB12", "/CN=any"));
    try std.testing.expect(blacklist.has("867EC87482B2", "/C=US/CN=Acme Authority"));
    try std.testing.expect(!blacklist.has("867EC87482B2", "/C=US/CN=Other"));
    try std.testing.expect(!blacklist.has("AB1", "/CN=any"));
    const wrong: Blacklist = .{ .text = "AB\nserial: 12\n" };
    try std.testing.expectEqual(2, wrong.firstWrong());
}
