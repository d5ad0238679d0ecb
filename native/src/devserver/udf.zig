//! Modules of functions in Lua, and whoever can run them.
//!
//! The server keeps the modules' text, for all of its nodes, and has no Lua of its own: the
//! host may give it a `Runner`, which is asked with one MessagePack map and answers with one:
//!
//!   {"command": "check", "module": text, "source": bytes}
//!     -> {"ok": true} or {"ok": false, "error": text, "line": number}
//!   {"command": "run", "module", "source", "function", "arguments": array, "record": record}
//!     -> {"ok": true, "value": any, "change": change} or {"ok": false, "error": text}
//!
//! A record is {"exists", "namespace", "set", "digest", "key" (if stored), "generation",
//! "ttl", "bins": map}; a change is nil, or {"removed": true}, or {"bins": map, "ttl": seconds
//! or nil}. Nothing is locked while the runner runs. Any thread may call anything.

const std = @import("std");
const wire = @import("../wire.zig");
const Mutex = @import("sync.zig").Mutex;

const Buffer = wire.Buffer;
const Sha1 = std.crypto.hash.Sha1;

pub const name_bytes_max = 127;
pub const source_bytes_max = 1024 * 1024;
pub const reply_bytes_max = 4 * 1024 * 1024;

pub const Runner = struct {
    context: ?*anyopaque,
    /// Writes its answer to the buffer and its length to the last argument; anything but 0 says
    /// that there is none.
    run: *const fn (
        context: ?*anyopaque,
        request: [*]const u8,
        request_len: u64,
        reply: [*]u8,
        reply_capacity: u64,
        reply_len: *u64,
    ) callconv(.c) i32,

    /// Points into `memory`; null when the runner has failed.
    pub fn ask(runner: *const Runner, request: []const u8, memory: []u8) ?[]const u8 {
        var len: u64 = 0;
        const failed = runner.run(
            runner.context,
            request.ptr,
            request.len,
            memory.ptr,
            memory.len,
            &len,
        );
        if (failed != 0 or len > memory.len) return null;
        return memory[0..len];
    }
};

pub const Module = struct {
    arena: std.heap.ArenaAllocator,
    references: std.atomic.Value(u32) = .init(1),
    name: []const u8,
    source: []const u8,
    /// Hexadecimal.
    hash: [2 * Sha1.digest_length]u8,

    fn create(
        gpa: std.mem.Allocator,
        name: []const u8,
        source: []const u8,
        base64: []const u8,
    ) error{OutOfMemory}!*Module {
        var arena = std.heap.ArenaAllocator.init(gpa);
        errdefer arena.deinit();
        const name_copy = try arena.allocator().dupe(u8, name);
        const source_copy = try arena.allocator().dupe(u8, source);
        const module = try gpa.create(Module);
        module.* = .{
            .arena = arena,
            .name = name_copy,
            .source = source_copy,
            .hash = hashOf(name, base64),
        };
        return module;
    }

    /// The server hashes the object that it keeps.
    fn hashOf(name: []const u8, base64: []const u8) [2 * Sha1.digest_length]u8 {
        var sha1 = Sha1.init(.{});
        sha1.update("{\"content64\": \"");
        sha1.update(base64);
        sha1.update("\", \"type\": \"LUA\", \"name\": \"");
        sha1.update(name);
        sha1.update("\"}");
        var digest: [Sha1.digest_length]u8 = undefined;
        sha1.final(&digest);
        return std.fmt.bytesToHex(digest, .lower);
    }

    pub fn release(module: *Module, gpa: std.mem.Allocator) void {
        if (module.references.fetchSub(1, .acq_rel) != 1) return;
        module.arena.deinit();
        gpa.destroy(module);
    }
};

const modules_max = 10_000;

pub const Modules = struct {
    gpa: std.mem.Allocator,
    mutex: Mutex = .{},
    modules: std.ArrayList(*Module) = .empty,
    runner: ?Runner = null,

    pub fn deinit(modules: *Modules) void {
        for (modules.modules.items) |module| module.release(modules.gpa);
        modules.modules.deinit(modules.gpa);
        modules.* = undefined;
    }

    pub fn setRunner(modules: *Modules, runner: ?Runner) void {
        modules.mutex.lock();
        defer modules.mutex.unlock();
        modules.runner = runner;
    }

    pub fn runnerNow(modules: *Modules) ?Runner {
        modules.mutex.lock();
        defer modules.mutex.unlock();
        return modules.runner;
    }

    /// Replaces a module of the same name. `base64` is the source as it was sent.
    pub fn put(
        modules: *Modules,
        name: []const u8,
        source: []const u8,
        base64: []const u8,
    ) error{OutOfMemory}!void {
        const module = try Module.create(modules.gpa, name, source, base64);
        errdefer module.release(modules.gpa);
        modules.mutex.lock();
        defer modules.mutex.unlock();
        if (modules.find(name)) |index| {
            modules.modules.items[index].release(modules.gpa);
            modules.modules.items[index] = module;
            return;
        }
        if (modules.modules.items.len >= modules_max) return error.OutOfMemory;
        try modules.modules.append(modules.gpa, module);
    }

    /// Nothing happens when there is none.
    pub fn remove(modules: *Modules, name: []const u8) void {
        modules.mutex.lock();
        defer modules.mutex.unlock();
        const index = modules.find(name) orelse return;
        modules.modules.orderedRemove(index).release(modules.gpa);
    }

    fn find(modules: *Modules, name: []const u8) ?usize {
        for (modules.modules.items, 0..) |module, index| {
            if (std.mem.eql(u8, module.name, name)) return index;
        }
        return null;
    }

    /// The caller releases it.
    pub fn acquire(modules: *Modules, name: []const u8) ?*Module {
        modules.mutex.lock();
        defer modules.mutex.unlock();
        const index = modules.find(name) orelse return null;
        const module = modules.modules.items[index];
        _ = module.references.fetchAdd(1, .acq_rel);
        return module;
    }
};

test "a module is replaced and removed while somebody has it, and hashed as the server does" {
    var modules: Modules = .{ .gpa = std.testing.allocator };
    defer modules.deinit();
    try modules.put("dq.lua", "return 1", "cmV0dXJuIDE=");
    const held = modules.acquire("dq.lua").?;
    defer held.release(std.testing.allocator);
    try modules.put("dq.lua", "return 2", "cmV0dXJuIDI=");
    modules.remove("dq.lua");
    try std.testing.expect(modules.acquire("dq.lua") == null);
    try std.testing.expectEqualStrings("return 1", held.source);
    const expected = "92cd3308a932e94b61b8fa35e8075df27cf2fc71";
    try std.testing.expectEqualStrings(expected, &held.hash);
}
