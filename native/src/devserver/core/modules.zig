//! Modules of functions in Lua, and whoever can run them.
//!
//! The server keeps the modules' text, for all of its nodes, and has no Lua of its own: the
//! host may give it a runner, which is asked with one MessagePack map and answers with one.
//!
//!   {"command": "check", "run" or "aggregate", "module": text, "source": bytes, "libraries": map,
//!    "timeout_ms": number} and to run a function
//!   {"function": text, "arguments": bytes, "record": record}, or to apply it to the stream of many
//!   {"function": text, "arguments": bytes, "records": [record...]}
//!
//! "libraries" has the sources of other modules, by name without ".lua", or false for one that is
//! not there. Arguments are a packed list in the protocol's dialect, or nothing. A record is
//! {"exists", "set", "digest", "key": nil or a particle's type and bytes, "generation", "ttl",
//! "last_update_ms", "size", "bins": [[name, type, bytes]...]}. The answer is one of
//!
//!   {"ok": true} to a check, {"ok": true, "kind": type, "value": bytes, "change": change}
//!   {"ok": true, "values": [[type, bytes]...]}: what a stream came to, {"ok": false, "error": text,
//!   "values": ...}: what it did before it failed
//!   {"ok": false, "error": text, "line": number}
//!   {"ok": false, "code": number}: the command fails with it
//!   {"ok": false, "needs": name}: to be asked again, with that library
//!
//! A change is nil, or {"empty": whether no bin is left, "operations": [[name, type, bytes]...] in
//! order, type 0 to remove a bin, "ttl": seconds or nil, "drops_key": bool}. Nothing of the store
//! is locked while the runner runs. Any thread may call anything.

const std = @import("std");
const wire = @import("../../wire.zig");
const sync = @import("../base/sync.zig");

const Allocator = std.mem.Allocator;
const Buffer = wire.Buffer;
const Mutex = sync.Mutex;
const Sha1 = std.crypto.hash.Sha1;
const msgpack = wire.msgpack;

pub const name_bytes_max = 127;
pub const source_bytes_max = 1024 * 1024;
const question_bytes_max = 64 * 1024 * 1024;
/// Other modules that one may need.
const libraries_max = 32;

/// What a runner writes its answer to.
pub const Answer = struct {
    arena: Allocator,
    bytes: ?[]const u8 = null,

    pub fn write(answer: *Answer, bytes: []const u8) error{OutOfMemory}!void {
        answer.bytes = try answer.arena.dupe(u8, bytes);
    }
};

pub const Runner = struct {
    context: ?*anyopaque,
    /// Anything but 0 says that there is no answer.
    run: Run,

    pub const Run = *const fn (
        context: ?*anyopaque,
        request: [*]const u8,
        request_len: u64,
        answer: *Answer,
    ) callconv(.c) i32;
};

/// What a runner is asked.
pub const Question = struct {
    module: []const u8,
    source: []const u8,
    /// Null: to check the module.
    call: ?Call = null,
    timeout_ms: u32,

    pub const Call = struct {
        function: []const u8,
        arguments: []const u8,
        /// MessagePack: a record, or an array of all those that the stream has.
        subject: union(enum) { record: []const u8, records: []const u8 },
    };

    fn command(question: *const Question) []const u8 {
        const call = question.call orelse return "check";
        return if (call.subject == .record) "run" else "aggregate";
    }

    fn encode(
        question: *const Question,
        out: *Buffer,
        libraries: []const Library,
    ) Buffer.Error!void {
        try msgpack.writeMapHeader(out, if (question.call == null) 5 else 8);
        try msgpack.writeString(out, "command");
        try msgpack.writeString(out, question.command());
        try msgpack.writeString(out, "module");
        try msgpack.writeString(out, question.module);
        try msgpack.writeString(out, "source");
        try msgpack.writeBinary(out, question.source);
        try msgpack.writeString(out, "timeout_ms");
        try msgpack.writeUint(out, question.timeout_ms);
        try msgpack.writeString(out, "libraries");
        try msgpack.writeMapHeader(out, @intCast(libraries.len));
        for (libraries) |*library| {
            try msgpack.writeString(out, library.name);
            if (library.module) |module| {
                try msgpack.writeBinary(out, module.source);
            } else {
                try msgpack.writeBool(out, false);
            }
        }
        const call = question.call orelse return;
        try msgpack.writeString(out, "function");
        try msgpack.writeString(out, call.function);
        try msgpack.writeString(out, "arguments");
        try msgpack.writeBinary(out, call.arguments);
        try msgpack.writeString(out, @tagName(call.subject));
        switch (call.subject) {
            .record, .records => |bytes| try out.append(bytes),
        }
    }
};

const Library = struct { name: []const u8, module: ?*Module };

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
const lock_count = 64;

pub const Modules = struct {
    gpa: Allocator,
    mutex: Mutex = .{},
    modules: std.ArrayList(*Module) = .empty,
    runner: ?Runner = null,
    /// Who has been given the runner and may be in it.
    askers: sync.Users = .{},
    /// Of those that apply functions to the same record, one at a time does.
    record_locks: [lock_count]Mutex = @splat(.{}),

    pub fn deinit(modules: *Modules) void {
        for (modules.modules.items) |module| module.release(modules.gpa);
        modules.modules.deinit(modules.gpa);
        modules.* = undefined;
    }

    /// Returns when nobody is in the runner before.
    pub fn setRunner(modules: *Modules, runner: ?Runner) void {
        modules.mutex.lock();
        modules.runner = runner;
        modules.mutex.unlock();
        modules.askers.waitUntilNone();
    }

    pub fn hasRunner(modules: *Modules) bool {
        modules.mutex.lock();
        defer modules.mutex.unlock();
        return modules.runner != null;
    }

    /// Whether there may be functions to run.
    pub fn hasAny(modules: *Modules) bool {
        modules.mutex.lock();
        defer modules.mutex.unlock();
        return modules.modules.items.len > 0;
    }

    pub fn recordLock(modules: *Modules, digest: *const wire.digest.Digest) *Mutex {
        return &modules.record_locks[wire.digest.partitionId(digest) % lock_count];
    }

    /// The runner's answer; null when there is no runner, or it has failed.
    pub fn ask(
        modules: *Modules,
        arena: Allocator,
        question: *const Question,
    ) Buffer.Error!?[]const u8 {
        var libraries: std.ArrayList(Library) = .empty;
        defer for (libraries.items) |*library| {
            if (library.module) |module| module.release(modules.gpa);
        };
        while (true) {
            var out = Buffer.growing(arena, &.{}, question_bytes_max);
            try question.encode(&out, libraries.items);
            const bytes = modules.askOnce(arena, out.written()) orelse return null;
            const name = neededBy(bytes) orelse return bytes;
            if (libraries.items.len == libraries_max) return null;
            const file = try std.fmt.allocPrint(arena, "{s}.lua", .{name});
            try libraries.ensureUnusedCapacity(arena, 1);
            libraries.appendAssumeCapacity(.{ .name = name, .module = modules.acquire(file) });
        }
    }

    fn askOnce(modules: *Modules, arena: Allocator, request: []const u8) ?[]const u8 {
        const runner = runner: {
            modules.mutex.lock();
            defer modules.mutex.unlock();
            const runner = modules.runner orelse return null;
            modules.askers.enter();
            break :runner runner;
        };
        defer modules.askers.leave();
        var answer: Answer = .{ .arena = arena };
        if (runner.run(runner.context, request.ptr, request.len, &answer) != 0) return null;
        return answer.bytes;
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

/// The library that an answer says is needed.
fn neededBy(bytes: []const u8) ?[]const u8 {
    var reader: msgpack.Reader = .init(bytes);
    const head = reader.next() catch return null;
    if (head != .map) return null;
    for (0..head.map) |_| {
        const key = reader.next() catch return null;
        if (key == .string and std.mem.eql(u8, key.string, "needs")) {
            const name = reader.next() catch return null;
            return if (name == .string) name.string else null;
        }
        reader.skip() catch return null;
    }
    return null;
}

test "a runner is asked again with what it needs, and is none once it was taken away" {
    const Host = struct {
        asked: u32 = 0,

        fn run(
            context: ?*anyopaque,
            request: [*]const u8,
            request_len: u64,
            answer: *Answer,
        ) callconv(.c) i32 {
            const host: *@This() = @ptrCast(@alignCast(context.?));
            host.asked += 1;
            const bytes = request[0..request_len];
            const has_base = std.mem.find(u8, bytes, "return 2") != null;
            // One that is not there is told as such.
            const has_none = std.mem.find(u8, bytes, "\xa4none\xc2") != null;
            const needed = if (!has_base) "\xa4base" else "\xa4none";
            const reply = if (has_base and has_none) "\x81\xa2ok\xc3" else needed;
            const head = if (has_base and has_none) "" else "\x82\xa2ok\xc2\xa5needs";
            var memory: [32]u8 = undefined;
            const whole = std.fmt.bufPrint(&memory, "{s}{s}", .{ head, reply }) catch return 1;
            answer.write(whole) catch return 1;
            return 0;
        }
    };
    var arena = std.heap.ArenaAllocator.init(std.testing.allocator);
    defer arena.deinit();
    var modules: Modules = .{ .gpa = std.testing.allocator };
    defer modules.deinit();
    try modules.put("base.lua", "return 2", "");
    const question: Question = .{ .module = "m.lua", .source = "", .timeout_ms = 1 };
    var host: Host = .{};
    modules.setRunner(.{ .context = &host, .run = Host.run });
    const answered = try modules.ask(arena.allocator(), &question);
    try std.testing.expectEqualStrings("\x81\xa2ok\xc3", answered.?);
    try std.testing.expectEqual(3, host.asked);
    modules.setRunner(null);
    try std.testing.expectEqual(null, try modules.ask(arena.allocator(), &question));
    try std.testing.expectEqual(3, host.asked);
}

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
