//! Whether the files of a configuration are still what they were.
//!
//! By what is in them, not by when they were written: where they are mounted, and swapped by way of
//! links, only that is certain. Folders are not looked at, as OpenSSL reads them when it needs
//! them. One thread.

const std = @import("std");
const Options = @import("options.zig").Options;
const openFile = @import("context.zig").openFile;

pub const Watch = struct {
    /// Of what was read last.
    fingerprint: u64 = 0,
    looked_ns: u64 = 0,

    const pause_ns = std.time.ns_per_s;

    /// What is read now is known from here on.
    pub fn note(watch: *Watch, options: *const Options) void {
        watch.fingerprint = fingerprintOf(options);
    }

    /// Whether anything is new; told once. Looks at most once in a second.
    pub fn hasChanged(watch: *Watch, options: *const Options, now_ns: u64) bool {
        if (now_ns -| watch.looked_ns < pause_ns) return false;
        watch.looked_ns = now_ns;
        const before = watch.fingerprint;
        watch.note(options);
        return watch.fingerprint != before;
    }
};

/// A file that cannot be read counts as empty.
fn fingerprintOf(options: *const Options) u64 {
    var hasher: std.hash.Wyhash = .init(0);
    const paths = [_][]const u8{
        options.cafile,
        options.certfile,
        options.keyfile,
        options.cert_blacklist,
        options.passwordFile() orelse "",
    };
    for (paths) |path| {
        if (path.len > 0) hashFile(path, &hasher);
        hasher.update("/");
    }
    return hasher.final();
}

fn hashFile(path: []const u8, hasher: *std.hash.Wyhash) void {
    const file = openFile(path) orelse return;
    defer _ = std.c.fclose(file);
    var buffer: [4096]u8 = undefined;
    // It may have held a key.
    defer std.crypto.secureZero(u8, &buffer);
    while (true) {
        const count = std.c.fread(&buffer, 1, buffer.len, file);
        if (count == 0) return;
        hasher.update(buffer[0..count]);
    }
}

test "a file that is written, or goes, is a change, told once and not too often" {
    const second = std.time.ns_per_s;
    var folder = std.testing.tmpDir(.{});
    defer folder.cleanup();
    const io = std.testing.io;
    try folder.dir.writeFile(io, .{ .sub_path = "ca.pem", .data = "one" });
    var memory: [256]u8 = undefined;
    const path = try std.fmt.bufPrint(&memory, ".zig-cache/tmp/{s}/ca.pem", .{folder.sub_path});
    const options: Options = .{ .cafile = path };
    var watch: Watch = .{};
    watch.note(&options);
    try std.testing.expect(!watch.hasChanged(&options, 10 * second));
    try folder.dir.writeFile(io, .{ .sub_path = "ca.pem", .data = "two" });
    try std.testing.expect(!watch.hasChanged(&options, 10 * second + second / 2));
    try std.testing.expect(watch.hasChanged(&options, 12 * second));
    try std.testing.expect(!watch.hasChanged(&options, 14 * second));
    try folder.dir.deleteFile(io, "ca.pem");
    try std.testing.expect(watch.hasChanged(&options, 16 * second));
}
