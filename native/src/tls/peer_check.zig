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
        => "it is not of an authority that tls 'cafile', 'capath' or 'ca' names, or a certificate " ++
            "between the two is not shown",
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
        code.weak_key, code.weak_authority_key, code.weak_signature => advice_on_level,
        code.other_host, code.other_ip => "give the node's name as the third member of its host, " ++
            "or correct its tls-name",
        else => "see the reason",
    };
}

/// What may be done about an alert of the peer's, by its number.
pub fn adviceOnAlert(number: c_ulong) []const u8 {
    return switch (number) {
        // No common version, and none that is said to be safe enough.
        70, 71, 86 => advice_on_version,
        // Handshake failure, with which old versions say that they miss a certificate, too.
        40 => "they may have no cipher in common (tls 'cipher_suite', 'ciphersuites'), or it asks " ++
            "for a certificate (tls 'certfile'): look at its log",
        else => "look at its log, and at tls 'certfile' if it asks for certificates",
    };
}

/// What may be done about libssl's own reason to end a handshake; null: nothing is known.
pub fn adviceOnReason(number: c_ulong) ?[]const u8 {
    if (number == reason_unsupported_version) return advice_on_version;
    const is_of_level = std.mem.findScalar(c_ulong, &ssl_reasons_of_level, number) != null;
    return if (is_of_level) advice_on_level else null;
}

const reason_unsupported_version = 258;
const ssl_reasons_of_level = [_]c_ulong{ 394, 397, 398, 399 };
const advice_on_version = "compare the versions of TLS that it speaks with tls 'protocols' and " ++
    "'min_version'";
const advice_on_level = "the security level of OpenSSL asks for longer keys and newer " ++
    "signatures: renew it, or lower the level, as '@SECLEVEL=1' in tls 'cipher_suite' does";

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

    /// The first line that is none of these, which would have certificates taken that are meant.
    pub fn firstWrong(blacklist: *const Blacklist) ?struct { number: usize, why: []const u8 } {
        var lines = std.mem.splitScalar(u8, blacklist.text, '\n');
        var number: usize = 1;
        while (lines.next()) |line| : (number += 1) {
            const entry = parse(line) orelse continue;
            const is_hex = for (entry.serial) |digit| {
                if (!std.ascii.isHex(digit)) break false;
            } else true;
            // In decimal digits it would be longer.
            const digits = std.mem.trimStart(u8, entry.serial, "0").len;
            if (!is_hex or digits > serial_digits_max) {
                return .{ .number = number, .why = "has no serial number in hexadecimal digits" };
            }
            if (entry.issuer.len > 0 and entry.issuer[0] != '/') {
                return .{ .number = number, .why = "has no issuer that is written as '/C=US/CN=name'" };
            }
        }
        return null;
    }

    /// Of the 20 bytes that an authority may use.
    const serial_digits_max = 40;

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
    for ([_][]const u8{
        "AB\nserial: 12\n",
        "AB\n12 CN=Acme Authority\n",
        "AB\n" ++ @as([48]u8, @splat('1')),
    }) |text| {
        const wrong: Blacklist = .{ .text = text };
        try std.testing.expectEqual(2, wrong.firstWrong().?.number);
    }
}
