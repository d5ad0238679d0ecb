//! The exported C functions, as `include/aerospike_devserver.h` declares them: cast, check, call.

const std = @import("std");
const assert = std.debug.assert;
const wire = @import("../wire.zig");
const status = @import("../status.zig");
const Server = @import("net/Server.zig");
const growing = @import("../growing.zig");
const modules = @import("core/modules.zig");
const options_module = @import("base/options.zig");

const Failure = status.Failure;

const gpa = @import("../memory.zig").gpa;

pub const abi_version = 1;

const reply_bytes_max = 64 * 1024 * 1024;

pub const asz_devserver_error = extern struct {
    size: u32,
    code: i32,
    message_len: u32,
    message: [Failure.message_bytes_max]u8,
};

pub const asz_devserver_reply = extern struct {
    size: u32,
    reserved: u32,
    data: ?[*]u8,
    length: u64,
};

export fn asz_devserver_abi_version() u32 {
    return abi_version;
}

export fn asz_devserver_start(
    options: ?[*]const u8,
    options_len: u64,
    server: *?*Server,
    err: ?*asz_devserver_error,
) i32 {
    server.* = null;
    var failure: Failure = .{};
    var arena: std.heap.ArenaAllocator = .init(gpa);
    defer arena.deinit();
    const bytes = slice(options, options_len);
    var problem: options_module.Problem = .{};
    const parsed = options_module.Options.decode(arena.allocator(), bytes, &problem) catch {
        failure.set(.invalid_argument, "options of the dev server: {s}", .{problem.text()});
        return report(&failure, err);
    };
    server.* = Server.startOrSay(gpa, &parsed, &problem) catch |reason| {
        const text = if (reason == error.OutOfMemory) "out of memory" else problem.text();
        failure.set(.client, "the dev server did not start: {s}", .{text});
        return report(&failure, err);
    };
    return 0;
}

export fn asz_devserver_control(
    server: *Server,
    request: ?[*]const u8,
    request_len: u64,
    reply: *asz_devserver_reply,
    err: ?*asz_devserver_error,
) i32 {
    var failure: Failure = .{};
    growing.check(asz_devserver_reply, reply, "asz_devserver_reply", &failure) catch {
        return report(&failure, err);
    };
    reply.data = null;
    reply.length = 0;
    var out: wire.Buffer = .growing(gpa, &.{}, reply_bytes_max);
    server.control(slice(request, request_len), &out) catch |reason| {
        out.deinit();
        failure.set(.out_of_memory, "the control command failed: {t}", .{reason});
        return report(&failure, err);
    };
    // Its length is what the release is given.
    const owned = gpa.dupe(u8, out.written()) catch {
        out.deinit();
        failure.set(.out_of_memory, "out of memory for the reply", .{});
        return report(&failure, err);
    };
    out.deinit();
    reply.data = owned.ptr;
    reply.length = owned.len;
    return 0;
}

export fn asz_devserver_reply_release(reply: *asz_devserver_reply) void {
    const data = reply.data orelse return;
    gpa.free(data[0..reply.length]);
    reply.data = null;
    reply.length = 0;
}

export fn asz_devserver_answer_write(answer: *modules.Answer, bytes: ?[*]const u8, len: u64) i32 {
    answer.write(slice(bytes, len)) catch {
        return @intCast(@backingInt(status.Status.out_of_memory));
    };
    return 0;
}

export fn asz_devserver_set_runner(
    server: *Server,
    run: ?modules.Runner.Run,
    context: ?*anyopaque,
) void {
    const runner: ?modules.Runner = if (run) |given|
        .{ .context = context, .run = given }
    else
        null;
    server.core.modules.setRunner(runner);
}

export fn asz_devserver_destroy(server: ?*Server) void {
    (server orelse return).destroy();
}

fn slice(bytes: ?[*]const u8, len: u64) []const u8 {
    if (len == 0) return &.{};
    return bytes.?[0..len];
}

fn report(failure: *const Failure, err: ?*asz_devserver_error) i32 {
    const code = @backingInt(failure.status);
    assert(code != 0);
    const target = err orelse return code;
    var filled: asz_devserver_error = .{
        .size = target.size,
        .code = code,
        .message_len = failure.message_len,
        .message = @splat(0),
    };
    @memcpy(filled.message[0..failure.message_len], failure.message());
    growing.fill(asz_devserver_error, target, &filled);
    return code;
}
