//! The version of a server, as its `build` says it.

const std = @import("std");

/// Fits one atomic value.
pub const Version = packed struct(u64) {
    patch: u16,
    minor: u16,
    major: u16,
    _: u16 = 0,

    /// Of no server.
    pub const zero: Version = .{ .major = 0, .minor = 0, .patch = 0 };
    /// The first that answers queries by partition, which the client relies on.
    pub const oldest: Version = .{ .major = 4, .minor = 9, .patch = 0 };
    pub const first_with_user_agent: Version = .{ .major = 8, .minor = 1, .patch = 0 };
    /// Info commands name what they are about: `namespace=`, `id=`.
    pub const first_with_full_names: Version = .{ .major = 8, .minor = 1, .patch = 0 };
    pub const first_with_pki_users: Version = .{ .major = 8, .minor = 1, .patch = 0 };
    /// An index is of type INTEGER, where it was of NUMERIC.
    pub const first_with_integer_indexes: Version = .{ .major = 8, .minor = 1, .patch = 3 };

    /// Filters may be texts that the server compiles; 8.1.3 is what became 8.2.
    pub const first_with_filter_texts: Version = .{ .major = 8, .minor = 1, .patch = 3 };

    /// "8.1.0.2-rc1" and the like; what follows the first three numbers does not matter, and the
    /// third may be missing.
    pub fn parse(text: []const u8) error{Malformed}!Version {
        var parts = std.mem.splitScalar(u8, text, '.');
        const major = parts.next() orelse return error.Malformed;
        const minor = parts.next() orelse return error.Malformed;
        return .{
            .major = std.fmt.parseInt(u16, major, 10) catch return error.Malformed,
            .minor = std.fmt.parseInt(u16, minor, 10) catch return error.Malformed,
            .patch = leadingNumber(parts.next() orelse ""),
        };
    }

    fn leadingNumber(text: []const u8) u16 {
        const end = for (text, 0..) |digit, index| {
            if (!std.ascii.isDigit(digit)) break index;
        } else text.len;
        return std.fmt.parseInt(u16, text[0..end], 10) catch 0;
    }

    pub fn isAtLeast(version: Version, other: Version) bool {
        if (version.major != other.major) return version.major > other.major;
        if (version.minor != other.minor) return version.minor > other.minor;
        return version.patch >= other.patch;
    }

    pub fn format(version: Version, writer: *std.Io.Writer) std.Io.Writer.Error!void {
        try writer.print("{d}.{d}.{d}", .{ version.major, version.minor, version.patch });
    }
};

test "versions are compared by their first three numbers" {
    const eight = try Version.parse("8.1.2.2-rc1");
    try std.testing.expect(eight.isAtLeast(.oldest));
    try std.testing.expect(eight.isAtLeast(.first_with_user_agent));
    try std.testing.expect(eight.isAtLeast(.{ .major = 8, .minor = 1, .patch = 2 }));
    try std.testing.expect(!eight.isAtLeast(.{ .major = 8, .minor = 1, .patch = 3 }));
    try std.testing.expect(!(try Version.parse("4.8.9.1")).isAtLeast(.oldest));
    try std.testing.expect((try Version.parse("4.10")).isAtLeast(.oldest));
    try std.testing.expect(!(try Version.parse("7.2.0")).isAtLeast(.first_with_user_agent));
    try std.testing.expectEqual(3, (try Version.parse("8.1.3-rc1")).patch);
    try std.testing.expectFmt("8.1.2", "{f}", .{eight});
    for ([_][]const u8{ "8", "x.y", "", "99999.1", "-1.2", "8.." }) |text| {
        try std.testing.expectError(error.Malformed, Version.parse(text));
    }
}
