//! Writing a record: any mix of operations on its bins, with reads among them.
//!
//! The checks come in the server's order, which decides the result code where several could be
//! given. The record is only changed when everything has succeeded and the reply is written.

const std = @import("std");
const wire = @import("../../wire.zig");
const status = @import("../../status.zig");
const Context = @import("../core/Context.zig");
const Request = @import("Request.zig");
const bin_operation = @import("../data/bin_operation.zig");
const expression = @import("../data/expression.zig");
const filter = @import("filter.zig");
const read_command = @import("read.zig");
const record_module = @import("../data/record.zig");
const reply = @import("reply.zig");
const store = @import("../store/store.zig");
const value = @import("../data/value.zig");

const Bin = record_module.Bin;
const Buffer = wire.Buffer;
const Operation = wire.operation.Operation;
const Record = record_module.Record;
const Status = status.Status;

/// Times to live with a meaning of their own; all others are seconds, at most ten years.
const ttl_namespace_default = 0;
const ttl_never_expire = std.math.maxInt(u32);
const ttl_keep = std.math.maxInt(u32) - 1;
const ttl_max_s = 10 * 365 * 24 * 3600;

pub fn handle(
    context: *const Context,
    request: *const Request,
    namespace: *store.Namespace,
    digest: *const wire.digest.Digest,
) Buffer.Error!void {
    const policies = switch (Policies.of(request)) {
        .policies => |policies| policies,
        .failed => |code| return reply.fail(context, code),
    };
    const partition = namespace.partitionOf(digest);
    partition.mutex.lock();
    defer partition.mutex.unlock();
    const found = partition.table.find(digest);
    // An expired record is as good as none, but its metadata is still told.
    const existing = if (found) |record|
        (if (record.meta.isExpired(context.now)) null else record)
    else
        null;
    var write: Write = .{
        .context = context,
        .request = request,
        .namespace = namespace,
        .partition = partition,
        .policies = policies,
        .existing = existing,
        .meta_told = if (found) |record| record.meta else .{ .digest = digest.* },
        .meta = if (existing) |record| record.meta else .{ .digest = digest.* },
    };
    const code = try write.run();
    if (code != .ok) try reply.failOf(context, code, &write.meta_told);
}

/// What the flags and operations of a request amount to.
const Policies = struct {
    must_exist: bool,
    replaces: bool,

    const Result = union(enum) { policies: Policies, failed: Status };

    fn of(request: *const Request) Result {
        const header = &request.header;
        if (header.operation_count == 0) return .{ .failed = .request_invalid };
        if (header.operation_count > Request.operations_max) return .{ .failed = .request_invalid };
        const info3 = header.info3;
        const replaces = info3.create_or_replace or info3.replace_only;
        var must_exist = info3.update_only or info3.replace_only;
        var reads: Reads = .{};
        var operations = request.operations;
        while (Request.nextOperation(&operations)) |operation| {
            if (operation.code == .touch) {
                if (replaces) return .{ .failed = .request_invalid };
                must_exist = true;
                continue;
            }
            if (!Request.isBinName(operation.name)) return .{ .failed = .bin_name };
            if (replaces and !mayReplace(&operation)) return .{ .failed = .request_invalid };
            if (!reads.accept(&operation, request)) return .{ .failed = .request_invalid };
        }
        if (!reads.isConsistent(request)) return .{ .failed = .request_invalid };
        return .{ .policies = .{ .must_exist = must_exist, .replaces = replaces } };
    }

    /// A record that is replaced has no bins to modify or delete. Codes that the server does
    /// not know are found later.
    fn mayReplace(operation: *const Operation) bool {
        return switch (operation.code) {
            .write => operation.particle != .nil,
            .increment, .append, .prepend, .delete => false,
            .cdt_modify, .bit_modify, .hll_modify, .string_modify => false,
            else => true,
        };
    }
};

/// Reading all bins does not go together with other results.
const Reads = struct {
    any: bool = false,
    all: bool = false,
    results: bool = false,

    fn accept(reads: *Reads, operation: *const Operation, request: *const Request) bool {
        if (Request.isReadAll(operation, request)) {
            if (request.header.info2.respond_all_operations or reads.all) return false;
            reads.any = true;
            reads.all = true;
            return true;
        }
        if (operation.code.isRead()) reads.any = true;
        switch (operation.code) {
            .cdt_modify, .hll_modify => reads.results = true,
            else => if (operation.code.isRead()) {
                reads.results = true;
            },
        }
        return true;
    }

    fn isConsistent(reads: *const Reads, request: *const Request) bool {
        if (reads.any and !request.header.info1.read) return false;
        if (reads.all and reads.results) return false;
        return !request.header.info1.get_all or reads.all;
    }
};

const Write = struct {
    context: *const Context,
    request: *const Request,
    namespace: *store.Namespace,
    partition: *store.Partition,
    policies: Policies,
    /// Not expired.
    existing: ?*Record,
    /// Generation and void time that a failure's reply tells.
    meta_told: record_module.Meta,
    /// What the record will have.
    meta: record_module.Meta,

    fn run(write: *Write) Buffer.Error!Status {
        const conditions = try write.checkConditions();
        if (conditions != .ok) return conditions;
        write.meta.set_id = if (write.existing) |record|
            record.meta.set_id
        else
            write.namespace.setId(write.request.set) catch |err| switch (err) {
                error.OutOfMemory => return error.OutOfMemory,
                error.SetNameTooLong, error.TooManySets => return .request_invalid,
            };
        if (!isKey(write.request.key)) return .unsupported_feature;
        if (!write.advance()) return write.context.failed(.{
            .status = .request_invalid,
            .subcode = 1,
            .text = "the time to live is longer than ten years",
        });
        const bins = &write.context.scratch.bins;
        try write.loadBins(bins);
        const bins_before = bins.count();
        const applied = try write.apply(bins);
        if (applied != .ok) return applied;
        if (bins.count() > record_module.bins_max) return write.context.failed(.{
            .status = .request_invalid,
            .subcode = 5,
            .text = "the record would have too many bins",
        });
        if (bins.count() == 0) return write.finishEmpty(bins_before);
        return write.finish(bins.values());
    }

    /// All that can be told without looking at bins.
    fn checkConditions(write: *Write) error{OutOfMemory}!Status {
        const request = write.request;
        const info2 = request.header.info2;
        if (write.policies.must_exist and write.existing == null) return .record_not_found;
        if (info2.create_only and write.existing != null) return .record_exists;
        if (!Request.generationMatches(request, write.meta.generation)) return .record_generation;
        const record = write.existing orelse return .ok;
        const set = write.namespace.setName(record.meta.set_id);
        if (!std.mem.eql(u8, set, request.set)) return .request_invalid;
        const passed = try filter.check(write.context, request, write.namespace, record);
        if (passed != .ok) return passed;
        if (!read_command.keyMatches(record, request.key)) return .record_key_mismatch;
        return .ok;
    }

    fn isKey(key: ?[]const u8) bool {
        const bytes = key orelse return true;
        if (bytes.len == 0) return false;
        const kind: wire.particle.Type = @fromBackingInt(bytes[0]);
        return kind != .integer or bytes.len == 9;
    }

    /// Sets void time, last update time and generation; false for a time to live too long.
    fn advance(write: *Write) bool {
        const now = write.context.now;
        const meta = &write.meta;
        var ttl_s = write.request.header.record_ttl;
        if (ttl_s == ttl_keep and write.existing == null) ttl_s = ttl_namespace_default;
        switch (ttl_s) {
            ttl_namespace_default => {
                const default_s = write.namespace.options.default_ttl_s;
                meta.void_time_s = if (default_s == 0) 0 else now.epochS() +| default_s;
            },
            ttl_never_expire => meta.void_time_s = 0,
            ttl_keep => {},
            else => {
                if (ttl_s > ttl_max_s) return false;
                meta.void_time_s = now.epochS() +| ttl_s;
            },
        }
        meta.last_update_ms = @max(meta.last_update_ms, now.epochMs());
        meta.generation = meta.nextGeneration();
        return true;
    }

    fn loadBins(write: *Write, bins: *record_module.BinList) Buffer.Error!void {
        bins.clearRetainingCapacity();
        const record = write.existing orelse return;
        if (write.policies.replaces) return;
        try record.loadBins(write.context.scratch.gpa, bins);
    }

    fn apply(write: *Write, bins: *record_module.BinList) Buffer.Error!Status {
        var operations = write.request.operations;
        while (Request.nextOperation(&operations)) |operation| {
            const code = try write.applyOne(bins, &operation);
            if (code != .ok) return code;
        }
        return .ok;
    }

    fn applyOne(
        write: *Write,
        bins: *record_module.BinList,
        operation: *const Operation,
    ) Buffer.Error!Status {
        if (bin_operation.refusal(write.context.core.version, operation)) |failure| {
            return write.context.failed(failure);
        }
        switch (operation.code) {
            .touch => return .ok,
            .write => return write.applyWrite(bins, operation),
            .increment => return write.applyModify(bins, operation, .increment),
            .append => return write.applyModify(bins, operation, .append),
            .prepend => return write.applyModify(bins, operation, .prepend),
            .delete => {
                bins.clearRetainingCapacity();
                try write.acknowledge(operation);
                return .ok;
            },
            .read => {
                try write.applyRead(bins, operation);
                return .ok;
            },
            .cdt_read, .bit_read, .hll_read, .string_read, .to_string => {
                return write.applyValueRead(bins, operation);
            },
            .cdt_modify, .bit_modify, .hll_modify, .string_modify => {
                return write.applyValueModify(bins, operation);
            },
            .expression_read => return write.applyExpressionRead(bins, operation),
            .expression_modify => return write.applyExpressionWrite(bins, operation),
            _ => return .request_invalid,
        }
    }

    fn applyWrite(
        write: *Write,
        bins: *record_module.BinList,
        operation: *const Operation,
    ) Buffer.Error!Status {
        if (operation.particle == .nil) {
            // The last bin takes its place, in the server too.
            _ = bins.swapRemove(operation.name);
        } else {
            const arena = write.context.scratch.arena.allocator();
            switch (try value.accept(arena, operation.particle, operation.value)) {
                .particle => |particle| try write.put(bins, operation.name, particle),
                .failed => |code| return code,
            }
        }
        try write.acknowledge(operation);
        return .ok;
    }

    fn applyModify(
        write: *Write,
        bins: *record_module.BinList,
        operation: *const Operation,
        change: value.Change,
    ) Buffer.Error!Status {
        const arena = write.context.scratch.arena.allocator();
        const operand: value.Particle = .{ .kind = operation.particle, .bytes = operation.value };
        const result = if (bins.getPtr(operation.name)) |bin| changed: {
            const existing: value.Particle = .{ .kind = bin.kind, .bytes = bin.value };
            break :changed try value.modify(arena, change, existing, operand);
        } else try value.accept(arena, operand.kind, operand.bytes);
        switch (result) {
            .particle => |particle| try write.put(bins, operation.name, particle),
            .failed => |code| return code,
        }
        try write.acknowledge(operation);
        return .ok;
    }

    fn applyRead(
        write: *Write,
        bins: *record_module.BinList,
        operation: *const Operation,
    ) Buffer.Error!void {
        if (Request.isReadAll(operation, write.request)) {
            for (bins.values()) |bin| try write.respond(.read, bin);
        } else if (bins.get(operation.name)) |bin| {
            try write.respond(.read, bin);
        } else {
            try write.acknowledge(operation);
        }
    }

    /// A read that is answered with an empty result rather than with none, if the bin exists.
    fn applyValueRead(
        write: *Write,
        bins: *record_module.BinList,
        operation: *const Operation,
    ) Buffer.Error!Status {
        const arena = write.context.scratch.arena.allocator();
        const bin = bins.getPtr(operation.name) orelse {
            try write.acknowledge(operation);
            return .ok;
        };
        const existing: value.Particle = .{ .kind = bin.kind, .bytes = bin.value };
        const read = try bin_operation.read(
            arena,
            write.context.core.version,
            operation.code,
            operation.particle,
            existing,
            operation.value,
        );
        switch (read) {
            .told => |particle| try write.respondParticle(operation, particle),
            .failed => |failure| return write.context.failed(failure),
        }
        return .ok;
    }

    fn applyValueModify(
        write: *Write,
        bins: *record_module.BinList,
        operation: *const Operation,
    ) Buffer.Error!Status {
        const arena = write.context.scratch.arena.allocator();
        const existing: ?value.Particle = if (bins.getPtr(operation.name)) |bin|
            .{ .kind = bin.kind, .bytes = bin.value }
        else
            null;
        const changed = switch (try bin_operation.modify(
            arena,
            write.context.core.version,
            operation.code,
            operation.particle,
            existing,
            operation.value,
        )) {
            .changed => |changed| changed,
            .failed => |failure| return write.context.failed(failure),
        };
        if (changed.particle) |particle| try write.put(bins, operation.name, particle);
        if (changed.result) |particle| {
            try write.respondParticle(operation, particle);
        } else {
            try write.acknowledge(operation);
        }
        return .ok;
    }

    /// What an expression sees of the record as it is being written.
    fn view(write: *const Write, bins: *const record_module.BinList) expression.Record {
        const stored_key = if (write.existing) |record| record.storedKey() else "";
        return .{
            .meta = &write.meta,
            .set_name = write.namespace.setName(write.meta.set_id),
            .key = if (stored_key.len > 0) stored_key else write.request.key orelse "",
            .is_key_stored = stored_key.len > 0,
            .stored = write.existing,
            .bins = .{ .list = bins },
            .now = write.context.now,
        };
    }

    fn applyExpressionRead(
        write: *Write,
        bins: *record_module.BinList,
        operation: *const Operation,
    ) Buffer.Error!Status {
        const arena = write.context.scratch.arena.allocator();
        const record = write.view(bins);
        switch (try expression.read(arena, write.context.core.version, &record, operation.value)) {
            .told => |particle| try write.respondParticle(operation, particle),
            .failed => |failure| return write.context.failed(failure),
        }
        return .ok;
    }

    fn applyExpressionWrite(
        write: *Write,
        bins: *record_module.BinList,
        operation: *const Operation,
    ) Buffer.Error!Status {
        const arena = write.context.scratch.arena.allocator();
        const record = write.view(bins);
        const exists = bins.contains(operation.name);
        const version = write.context.core.version;
        switch (try expression.write(arena, version, &record, exists, operation.value)) {
            .unchanged => {},
            .particle => |particle| try write.put(bins, operation.name, particle),
            // As when a bin is deleted, the last one takes its place.
            .removed => _ = bins.swapRemove(operation.name),
            .failed => |failure| return write.context.failed(failure),
        }
        try write.acknowledge(operation);
        return .ok;
    }

    fn respondParticle(
        write: *Write,
        operation: *const Operation,
        particle: ?value.Particle,
    ) Buffer.Error!void {
        const told: value.Particle = particle orelse .{ .kind = .nil, .bytes = "" };
        try write.respond(operation.code, .{
            .name = operation.name,
            .kind = told.kind,
            .value = told.bytes,
        });
    }

    /// An empty result, when the request wants one for every operation.
    fn acknowledge(write: *Write, operation: *const Operation) Buffer.Error!void {
        if (!write.request.header.info2.respond_all_operations) return;
        try write.respond(operation.code, .{ .name = operation.name, .kind = .nil, .value = "" });
    }

    fn respond(write: *Write, code: wire.operation.Code, bin: Bin) Buffer.Error!void {
        const scratch = write.context.scratch;
        try scratch.response.append(scratch.gpa, .{ .code = code, .bin = bin });
    }

    fn put(
        write: *Write,
        bins: *record_module.BinList,
        name: []const u8,
        particle: value.Particle,
    ) Buffer.Error!void {
        const bin: Bin = .{ .name = name, .kind = particle.kind, .value = particle.bytes };
        try bins.put(write.context.scratch.gpa, name, bin);
    }

    /// A record without bins does not exist.
    fn finishEmpty(write: *Write, bins_before: usize) Buffer.Error!Status {
        if (bins_before == 0) return .record_not_found;
        const refusal = filter.deleteRefusal(write.request, write.namespace);
        if (refusal != .ok) return refusal;
        try write.finishReply(0, 0);
        write.namespace.remove(write.partition, &write.meta.digest);
        write.context.count(.applied);
        return .ok;
    }

    fn finish(write: *Write, bins: []const Bin) Buffer.Error!Status {
        const namespace = write.namespace;
        const stored_key = if (write.existing) |record| record.storedKey() else "";
        const kept_key = if (stored_key.len > 0) stored_key else write.request.key orelse "";
        const key = if (write.request.drops_key) "" else kept_key;
        const set_name = namespace.setName(write.meta.set_id);
        const size = record_module.storedBytes(&write.meta, set_name.len, key.len, bins);
        if (size > namespace.options.record_bytes_max) return .record_too_big;
        const data_bytes_max = namespace.options.data_bytes_max;
        if (data_bytes_max != 0 and namespace.data_bytes.load(.monotonic) >= data_bytes_max) {
            return .server_full;
        }
        const record = try Record.create(namespace.gpa, write.meta, key, bins);
        errdefer record.destroy(namespace.gpa);
        try write.finishReply(write.meta.generation, write.meta.void_time_s);
        try namespace.put(write.partition, record);
        write.context.count(.applied);
        return .ok;
    }

    fn finishReply(write: *Write, generation: u32, void_time_s: u32) Buffer.Error!void {
        const responses = write.context.scratch.response.items;
        try reply.operations(write.context, generation, void_time_s, responses);
    }
};
