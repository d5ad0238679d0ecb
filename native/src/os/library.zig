//! Shared libraries that are looked for while the process runs, and what they export.

const std = @import("std");
const builtin = @import("builtin");
const os = @import("../os.zig");

const has_deepbind = os.is_linux and builtin.abi.isGnu();
const open_flags: std.c.RTLD = if (has_deepbind)
    .{ .NOW = true, .DEEPBIND = true }
else
    .{ .NOW = true };
/// On these systems a library says of each function which library it wants it from.
const has_no_overriding = os.is_windows or builtin.os.tag.isDarwin();

pub const Library = struct {
    handle: *anyopaque,
    /// What it and its own libraries export comes before what the program exports.
    is_apart: bool,

    /// What the loader finds under a name or a path. It stays loaded. Its own libraries come before
    /// the program's where the loader can do that, and it was not loaded before: a program that has
    /// an OpenSSL built in, as Node.js has, may export other functions of the same names.
    pub fn open(path: [:0]const u8) ?Library {
        const is_new = find(path) == null;
        const handle = if (os.is_windows)
            os.system.openLibrary(path)
        else
            std.c.dlopen(path, open_flags);
        return .{
            .handle = handle orelse return null,
            .is_apart = has_no_overriding or (has_deepbind and is_new),
        };
    }

    /// Why the calling thread's last call found none, as the loader has it.
    pub fn reason() []const u8 {
        if (os.is_windows) return "the system does not say why";
        return std.mem.span(std.c.dlerror() orelse "no reason is known");
    }

    /// One that the process has loaded already, whoever did.
    pub fn find(name: [:0]const u8) ?Library {
        const handle = if (os.is_windows)
            os.system.findLibrary(name)
        else
            std.c.dlopen(name, .{ .NOW = true, .NOLOAD = true });
        return .{ .handle = handle orelse return null, .is_apart = has_no_overriding };
    }

    /// On POSIX systems also what the libraries export that it needs itself.
    pub fn symbol(library: Library, name: [:0]const u8) ?*anyopaque {
        if (os.is_windows) return os.system.GetProcAddress(library.handle, name);
        return std.c.dlsym(library.handle, name);
    }

    /// Whether the program exports another function of the name, which the library calls in place
    /// of its own.
    pub fn isOverridden(library: Library, name: [:0]const u8) bool {
        if (os.is_windows or library.is_apart) return false;
        const own = library.symbol(name) orelse return false;
        const of_the_program = std.c.dlsym(null, name) orelse return false;
        return own != of_the_program;
    }
};

test "what is not there is not found, and what the process has is" {
    try std.testing.expectEqual(null, Library.open("/nowhere/libnothing.so"));
    try std.testing.expectEqual(null, Library.find("libnothing.so.7"));
    if (!os.is_linux) return;
    const libc = Library.open("libc.so.6") orelse return;
    try std.testing.expect(libc.symbol("strlen") != null);
    try std.testing.expectEqual(null, libc.symbol("no_such_function"));
}
