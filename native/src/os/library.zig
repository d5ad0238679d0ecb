//! Shared libraries that are looked for while the process runs, and what they export.

const std = @import("std");
const builtin = @import("builtin");
const os = @import("../os.zig");

const open_flags: std.c.RTLD = if (os.is_linux and builtin.abi.isGnu())
    .{ .NOW = true, .DEEPBIND = true }
else
    .{ .NOW = true };

pub const Library = struct {
    handle: *anyopaque,

    /// What the loader finds under a name or a path. It stays loaded. Its own libraries come before
    /// the program's: one that has an OpenSSL built in, as Node.js has, may export other functions
    /// of the same names.
    pub fn open(path: [:0]const u8) ?Library {
        const handle = if (os.is_windows)
            windows.LoadLibraryA(path)
        else
            std.c.dlopen(path, open_flags);
        return .{ .handle = handle orelse return null };
    }

    /// One that the process has loaded already, whoever did.
    pub fn find(name: [:0]const u8) ?Library {
        const handle = if (os.is_windows)
            windows.GetModuleHandleA(name)
        else
            std.c.dlopen(name, .{ .NOW = true, .NOLOAD = true });
        return .{ .handle = handle orelse return null };
    }

    /// On POSIX systems also what the libraries export that it needs itself.
    pub fn symbol(library: Library, name: [:0]const u8) ?*anyopaque {
        if (os.is_windows) return windows.GetProcAddress(library.handle, name);
        return std.c.dlsym(library.handle, name);
    }
};

const windows = struct {
    extern "kernel32" fn LoadLibraryA(path: [*:0]const u8) callconv(.winapi) ?*anyopaque;
    extern "kernel32" fn GetModuleHandleA(name: [*:0]const u8) callconv(.winapi) ?*anyopaque;
    extern "kernel32" fn GetProcAddress(
        library: *anyopaque,
        name: [*:0]const u8,
    ) callconv(.winapi) ?*anyopaque;
};

test "what is not there is not found, and what the process has is" {
    try std.testing.expectEqual(null, Library.open("/nowhere/libnothing.so"));
    try std.testing.expectEqual(null, Library.find("libnothing.so.7"));
    if (!os.is_linux) return;
    const libc = Library.open("libc.so.6") orelse return;
    try std.testing.expect(libc.symbol("strlen") != null);
    try std.testing.expectEqual(null, libc.symbol("no_such_function"));
}
