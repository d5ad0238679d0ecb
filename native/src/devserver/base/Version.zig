//! Which release of the real server the dev server answers as.

const std = @import("std");

pub const Version = enum {
    @"8.1",
    /// Knows strings, and says more of failures.
    @"8.2",

    pub const default: Version = .@"8.1";

    /// What it says it was built as.
    pub fn build(version: Version) []const u8 {
        return switch (version) {
            .@"8.1" => "8.1.2.0",
            .@"8.2" => "8.2.0.0",
        };
    }

    pub fn named(text: []const u8) ?Version {
        return std.meta.stringToEnum(Version, text);
    }

    pub fn isAtLeast(version: Version, other: Version) bool {
        return @backingInt(version) >= @backingInt(other);
    }
};
