//! What a library does differently from a program: it leaves signal handlers, thread-local signal
//! stacks and log output to its host. Each root file takes its options from here.

const std = @import("std");
const builtin = @import("builtin");

/// Tests keep std's.
pub const options: std.Options = if (builtin.is_test) .{} else .{
    .signal_stack_size = null,
    .networking = false,
    .allow_stack_tracing = false,
    .enable_segfault_handler = false,
    .logFn = discardLog,
};

fn discardLog(
    comptime level: std.log.Level,
    comptime scope: @EnumLiteral(),
    comptime format: []const u8,
    args: anytype,
) void {
    _ = .{ level, scope, format, args };
}

pub const panic = if (builtin.is_test)
    std.debug.FullPanic(std.debug.defaultPanic)
else
    std.debug.FullPanic(onPanic);

// std takes `statx` from libc where that is musl, which has it only since 1.2.5. Wheels promise 1.2.
comptime {
    if (builtin.abi.isMusl()) @export(&statx, .{ .name = "statx", .visibility = .hidden });
}

fn statx(
    directory: std.c.fd_t,
    path: [*:0]const u8,
    flags: u32,
    mask: std.os.linux.STATX,
    found: *std.os.linux.Statx,
) callconv(.c) c_int {
    const rc = std.os.linux.statx(directory, path, flags, mask, found);
    const code = std.os.linux.errno(rc);
    if (code == .SUCCESS) return 0;
    std.c._errno().* = @backingInt(code);
    return -1;
}

/// A broken assertion: says which, and ends the process.
fn onPanic(message: []const u8, return_address: ?usize) noreturn {
    @branchHint(.cold);
    _ = return_address;
    for ([_][]const u8{ "aerospike_zig: panic: ", message, "\n" }) |part| {
        writeStandardError(part);
    }
    std.c.abort();
}

/// What does not go at once is lost.
pub fn writeStandardError(bytes: []const u8) void {
    _ = write(2, bytes.ptr, @intCast(bytes.len));
}

const write = if (builtin.os.tag == .windows) _write else std.c.write;
extern "c" fn _write(fd: c_int, bytes: [*]const u8, count: c_uint) c_int;
