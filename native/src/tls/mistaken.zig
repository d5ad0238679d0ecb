//! What there is where certificates and keys in PEM format should be, and what to do about it. Pure.

const std = @import("std");

const begin = "-----BEGIN ";
/// The same in base64 once more, as platforms hand secrets out.
const begin_in_base64 = "LS0tLS1CRUdJTi";

pub const Wanted = enum { certificate, key };

/// Whether it is what should be in a file, and no path: no message may show it.
pub fn isContent(path: []const u8) bool {
    return std.mem.find(u8, path, begin) != null or
        std.mem.find(u8, path, begin_in_base64) != null;
}

/// Whether there is something of the kind, which cannot be read then.
pub fn has(bytes: []const u8, wanted: Wanted) bool {
    var labels: Labels = .{ .rest = bytes };
    while (labels.next()) |label| if (isOf(label, wanted)) return true;
    return false;
}

fn isOf(label: []const u8, wanted: Wanted) bool {
    return switch (wanted) {
        .certificate => std.mem.endsWith(u8, label, "CERTIFICATE"),
        .key => std.mem.endsWith(u8, label, "PRIVATE KEY"),
    };
}

/// What is there instead, in words that go on after "has no … in PEM format". None of what may be
/// secret is shown.
pub const Instead = struct {
    bytes: []const u8,
    /// Whether it was given itself, and where a path would be given then.
    path_key: ?[]const u8,

    pub fn format(instead: Instead, writer: *std.Io.Writer) std.Io.Writer.Error!void {
        const bytes = instead.bytes;
        var labels: Labels = .{ .rest = bytes };
        if (labels.next()) |label| return writer.print(", but: {s}", .{label});
        if (std.mem.find(u8, bytes, begin_in_base64) != null) {
            return writer.writeAll(": it is encoded in base64 once more");
        }
        // How both begin, in DER.
        if (std.mem.startsWith(u8, bytes, "\x30")) {
            return writer.writeAll(": it may be in DER or PKCS #12 format, which 'openssl x509', " ++
                "'openssl pkey' and 'openssl pkcs12' convert");
        }
        const is_line = std.mem.findAny(u8, bytes, "\n\x00") == null;
        const key = instead.path_key orelse return;
        if (is_line) try writer.print(": if it is a path, give it as '{s}'", .{key});
    }
};

/// What the parts of a text in PEM format are called.
const Labels = struct {
    rest: []const u8,

    const bytes_max = 40;

    fn next(labels: *Labels) ?[]const u8 {
        while (std.mem.find(u8, labels.rest, begin)) |index| {
            labels.rest = labels.rest[index + begin.len ..];
            const end = std.mem.find(u8, labels.rest, "-----") orelse continue;
            const label = labels.rest[0..end];
            if (label.len <= bytes_max and isName(label)) return label;
        }
        return null;
    }

    fn isName(label: []const u8) bool {
        for (label) |byte| if (!std.ascii.isUpper(byte) and byte != ' ' and !std.ascii.isDigit(byte))
            return false;
        return true;
    }
};

fn expectInstead(text: []const u8, bytes: []const u8, path_key: ?[]const u8) !void {
    var memory: [256]u8 = undefined;
    const instead: Instead = .{ .bytes = bytes, .path_key = path_key };
    try std.testing.expectEqualStrings(text, try std.mem.print(&memory, "{f}", .{instead}));
}

test "what is there instead of PEM is told, and nothing of it that may be secret" {
    const key = begin ++ "EC PRIVATE KEY-----\nMHcC\n-----END EC PRIVATE KEY-----\n";
    try expectInstead(", but: EC PRIVATE KEY", key, null);
    try expectInstead("", begin ++ "secret-----\n", "keyfile");
    try expectInstead(": it is encoded in base64 once more", "LS0tLS1CRUdJTiBQ", "keyfile");
    try expectInstead(": if it is a path, give it as 'keyfile'", "/etc/key.pem", "keyfile");
    try expectInstead("", "/etc/key.pem", null);
    var memory: [256]u8 = undefined;
    const der: Instead = .{ .bytes = "\x30\x82secret", .path_key = "keyfile" };
    const told = try std.mem.print(&memory, "{f}", .{der});
    try std.testing.expect(std.mem.startsWith(u8, told, ": it may be in DER"));
    try std.testing.expect(has(key, .key));
    try std.testing.expect(!has(key, .certificate));
    try std.testing.expect(isContent(key));
    try std.testing.expect(!isContent("/etc/-----/key.pem"));
}
