//! Commands on many records at once: what is asked of each, which node is asked, and what came
//! back.
//!
//! A `Batch` does no I/O. It divides the rows that have no answer yet over the nodes that own
//! them, into parts of one frame each; a driver sends those frames, hands back the frames of the
//! replies, and says which parts failed. When a round is over, the rows that are still without an
//! answer are divided anew, if the rules of retrying allow for it. Rows are answered in any order
//! and come out in the order of the request.
//!
//! It belongs to the driver's thread.

const std = @import("std");
const assert = std.debug.assert;
const batch_frame = @import("batch_frame.zig");
const clock = @import("../clock.zig");
const cluster = @import("../../cluster.zig");
const engine = @import("../../engine.zig");
const error_details = @import("../record/error_details.zig");
const executor = engine.executor;
const function = @import("../record/function.zig");
const metrics = @import("../../metrics.zig");
const operate_reply = @import("../record/operate_reply.zig");
const reply = @import("../record/reply.zig");
const request = @import("../record/request.zig");
const row_policy = @import("row_policy.zig");
const statistics = cluster.statistics;
const unfilled = @import("../../unfilled.zig");
const printable = @import("../../printable.zig");
const wire = @import("../../wire.zig");
const msgpack = wire.msgpack;
const Command = request.Command;
const Earlier = @import("../../status.zig").Earlier;
const Failure = @import("../../status.zig").Failure;
const Frame = engine.Frame;
const Policy = engine.Policy;
const Status = @import("../../status.zig").Status;
const Target = @import("../../result.zig").Target;

/// Rows of one frame: what servers accept unless they are configured otherwise
/// (as/src/base/cfg.c: batch-max-requests).
const part_rows_max = 5_000;
/// Rows of one request of the caller.
pub const rows_max = 10_000_000;

/// The numbers are those of the C ABI.
pub const Kind = enum(i32) {
    /// [[KEY], command, argument]: the same for every record.
    uniform = 20,
    /// [[KEY, command, argument, META]]
    mixed = 21,
};

/// What is asked of a record. Rows that ask for the same share one.
const Action = struct {
    command: Command,
    operations: request.Operations,
    header: wire.message.Header = undefined,
    /// Those of a function, which are in front of its operations.
    field_count: u16,
    operation_count: u16,
    /// Where its fields and operations are in `Batch.operations`.
    start: usize,
    end: usize,
    /// Its own filter, instead of the batch's; empty for none.
    filter: []const u8 = &.{},
    send_key: bool = false,
    read_mode_sc: engine.policy.ReadModeSc = .session,

    /// Whether a row that asks for this one asks for the same as one that asks for the other.
    fn equals(action: *const Action, other: *const Action, bytes: []const u8) bool {
        return action.command == other.command and
            std.meta.eql(action.header, other.header) and
            action.field_count == other.field_count and
            action.operation_count == other.operation_count and
            action.send_key == other.send_key and
            action.read_mode_sc == other.read_mode_sc and
            std.mem.eql(u8, action.filter, other.filter) and
            std.mem.eql(u8, bytes[action.start..action.end], bytes[other.start..other.end]);
    }

    /// Takes over what a policy says of single records.
    fn follow(action: *Action, policy: *const Policy) void {
        const operations = &action.operations;
        const is_write = operations.is_write;
        var header = if (is_write) request.writeHeader(policy) else request.readHeader(policy);
        operations.apply(&header);
        // The server tells write rows that it answers every operation of them.
        if (is_write and !header.info1.get_all and action.command != .apply) {
            header.info2.respond_all_operations = true;
        }
        action.header = header;
        action.send_key = policy.send_key and is_write;
        action.read_mode_sc = policy.read_mode_sc;
    }
};

pub const Row = struct {
    key: request.Key,
    action: u32,
    status: Status = .no_response,
    in_doubt: bool = false,
    /// Times that it was handed to the network.
    sent: u16 = 0,
    /// Where it was asked for in vain.
    previous: cluster.Slot = cluster.slot_none,
    /// The part of this round that it belongs to.
    part: u32 = part_none,
    /// In `Batch.results`: metadata and bins of its record as MessagePack, or the text that the
    /// server gave for its failure, or a map of what it said of it.
    result_start: usize = 0,
    result_end: usize = 0,
};

const part_none = std.math.maxInt(u32);

pub fn Batch(comptime Net: type) type {
    return struct {
        gpa: std.mem.Allocator,
        arena: std.heap.ArenaAllocator,
        cluster: *Cluster,
        policy: *const Policy,
        attempts: executor.Attempts,
        rows: []Row = &.{},
        actions: std.ArrayList(Action) = .empty,
        /// The encoded operations of all actions.
        operations: wire.Buffer,
        /// The records that came back.
        results: wire.Buffer,
        /// Rows that have their answer, in the order in which it came; of no length unless they are
        /// listed.
        answers: []u32 = &.{},
        answered: usize = 0,
        /// Where records go instead of `results`.
        target: ?Target,
        parts: std.ArrayList(Part) = .empty,
        /// Indexes of rows, a part's behind one another.
        order: []u32 = &.{},
        replica_index: u8 = 0,
        part_rows_max: u32 = part_rows_max,
        /// What the last part that failed failed of.
        failure: Failure = .{},
        /// Of the rounds that were repeated.
        earlier: Earlier = .{},
        any_answer: bool = false,

        const This = @This();
        const Cluster = cluster.Cluster(Net);
        pub const Node = Cluster.Node;

        /// The rows that one node is asked for in one frame.
        pub const Part = struct {
            node: *Node,
            first: u32,
            count: u32,
            /// Of its rows, those that were answered.
            answered: u32 = 0,

            /// Its one row is asked for as if there were no batch, which costs the server less.
            fn isSingle(part: *const Part) bool {
                return part.count == 1;
            }
        };

        pub fn init(
            batch: *This,
            gpa: std.mem.Allocator,
            owner: *Cluster,
            policy: *const Policy,
            target: ?Target,
            now_ns: u64,
        ) void {
            batch.* = .{
                .gpa = gpa,
                .arena = .init(gpa),
                .cluster = owner,
                .policy = policy,
                .attempts = .start(policy, now_ns),
                .operations = .growing(gpa, &.{}, request.frame_bytes_max),
                .results = .growing(gpa, &.{}, 1 << 40),
                .target = target,
            };
        }

        pub fn deinit(batch: *This) void {
            batch.operations.deinit();
            batch.results.deinit();
            batch.arena.deinit();
        }

        // The request.

        /// Reads the request, whose bytes must stay as long as the batch.
        pub fn parse(
            batch: *This,
            kind: Kind,
            bytes: []const u8,
            failure: *Failure,
        ) error{Failed}!void {
            var reader: msgpack.Reader = .{ .bytes = bytes };
            switch (kind) {
                .uniform => try batch.parseUniform(&reader, failure),
                .mixed => try batch.parseMixed(&reader, failure),
            }
            if (batch.target) |target| try target.start(batch.rows.len, failure);
            batch.order = unfilled.alloc(u32, batch.arena.allocator(), batch.rows.len) catch
                return outOfMemory(failure);
        }

        /// Has rows that are answered listed.
        pub fn listAnswers(batch: *This) error{OutOfMemory}!void {
            batch.answers = try unfilled.alloc(u32, batch.arena.allocator(), batch.rows.len);
        }

        fn noteAnswer(batch: *This, row: *const Row) void {
            if (batch.answers.len == 0) return;
            const offset = @intFromPtr(row) - @intFromPtr(batch.rows.ptr);
            batch.answers[batch.answered] = @intCast(offset / @sizeOf(Row));
            batch.answered += 1;
        }

        fn parseUniform(
            batch: *This,
            reader: *msgpack.Reader,
            failure: *Failure,
        ) error{Failed}!void {
            const shape = "the batch must be [[KEY], command, argument]";
            if (try request.expectArray(reader, shape, failure) != 3) {
                return request.invalid(failure, shape, .{});
            }
            try batch.allocateRows(try request.expectArray(reader, shape, failure), failure);
            var keys: request.KeyReader = .init();
            for (batch.rows) |*row| {
                row.* = .{ .key = undefined, .action = 0 };
                try keys.next(reader, &row.key, failure);
            }
            keys.finish();
            try batch.addAction(reader, failure);
        }

        fn parseMixed(
            batch: *This,
            reader: *msgpack.Reader,
            failure: *Failure,
        ) error{Failed}!void {
            const shape = "each row of the batch must be [KEY, command, argument, meta]";
            const text = "the batch must be an array of rows";
            try batch.allocateRows(try request.expectArray(reader, text, failure), failure);
            var keys: request.KeyReader = .init();
            for (batch.rows, 0..) |*row, index| {
                if (try request.expectArray(reader, shape, failure) != 4) {
                    return request.invalid(failure, shape, .{});
                }
                row.* = .{ .key = undefined, .action = undefined };
                try keys.next(reader, &row.key, failure);
                const kept = batch.operations.end;
                batch.addAction(reader, failure) catch return inRow(index, failure);
                try batch.parseMeta(reader, failure);
                if (batch.repeatsAction()) {
                    _ = batch.actions.pop();
                    batch.operations.end = kept;
                }
                row.action = @intCast(batch.actions.items.len - 1);
            }
            keys.finish();
        }

        /// Says which row a failure is of.
        fn inRow(index: usize, failure: *Failure) error{Failed} {
            failure.set(failure.status, "rows[{d}]: {s}", .{ index, failure.message() });
            return error.Failed;
        }

        /// Whether the last two actions are the same.
        fn repeatsAction(batch: *const This) bool {
            const actions = batch.actions.items;
            if (actions.len < 2) return false;
            const bytes = batch.operations.written();
            return actions[actions.len - 1].equals(&actions[actions.len - 2], bytes);
        }

        fn allocateRows(batch: *This, count: u32, failure: *Failure) error{Failed}!void {
            if (count > rows_max) return request.invalid(
                failure,
                "a batch has at most {d} rows, not {d}",
                .{ rows_max, count },
            );
            batch.rows = unfilled.alloc(Row, batch.arena.allocator(), count) catch
                return outOfMemory(failure);
        }

        /// Reads command and argument.
        fn addAction(batch: *This, reader: *msgpack.Reader, failure: *Failure) error{Failed}!void {
            const number = switch (reader.next() catch return request.malformed(failure)) {
                .int => |value| value,
                else => return request.invalid(failure, "a row's command must be a number", .{}),
            };
            const command = std.enums.fromInt(Command, number) orelse .touch;
            const call = "a function must be [package, function, [argument]]";
            switch (command) {
                .get, .exists, .remove => {
                    const token = reader.next() catch return request.malformed(failure);
                    if (token != .nil) return request.invalid(
                        failure,
                        "{t} takes no argument in a batch",
                        .{command},
                    );
                },
                .put, .select, .operate => {},
                .apply => if (try request.expectArray(reader, call, failure) != 3) {
                    return request.invalid(failure, call, .{});
                },
                else => return request.invalid(
                    failure,
                    "command {d} cannot be part of a batch",
                    .{number},
                ),
            }
            batch.encodeAction(command, reader, failure) catch |err|
                return request.describe(err, failure);
        }

        fn encodeAction(
            batch: *This,
            command: Command,
            reader: *msgpack.Reader,
            failure: *Failure,
        ) !void {
            const start = batch.operations.end;
            // Only the operations are wanted; the header of a message is dropped again.
            var encoder = try wire.message.Encoder.beginBare(&batch.operations);
            var operations: request.Operations = undefined;
            try request.encodeOperations(command, &encoder, reader, &operations, failure);
            const action = try batch.actions.addOne(batch.arena.allocator());
            action.* = .{
                .command = command,
                .operations = operations,
                .field_count = encoder.field_count,
                .operation_count = encoder.operation_count,
                .start = start + wire.message.header_bytes,
                .end = batch.operations.end,
            };
            action.follow(batch.policy);
        }

        /// [generation or nil, ttl or nil] and, perhaps, the row's policy; or nil.
        fn parseMeta(batch: *This, reader: *msgpack.Reader, failure: *Failure) error{Failed}!void {
            const shape = "a row's meta must be [generation, ttl] and perhaps a map, or nil";
            const count = switch (reader.next() catch return request.malformed(failure)) {
                .nil => return,
                .array => |count| count,
                else => return request.invalid(failure, shape, .{}),
            };
            if (count != 2 and count != 3) return request.invalid(failure, shape, .{});
            const generation = try optionalInteger(u16, reader, "a generation has 16 bits", failure);
            const ttl = try optionalInteger(i32, reader, "a ttl has 32 bits", failure);
            const action = &batch.actions.items[batch.actions.items.len - 1];
            if (count == 3) {
                var policy = batch.policy.*;
                policy.filter = &.{};
                try row_policy.parse(&policy, reader, failure);
                action.filter = policy.filter;
                action.follow(&policy);
            }
            // Of a read, the same places say something else.
            if (!action.operations.is_write) return;
            const header = &action.header;
            if (generation) |expected| {
                header.generation = expected;
                if (!header.info2.generation_greater) header.info2.generation = true;
            }
            if (ttl) |seconds| header.record_ttl = @bitCast(seconds);
        }

        fn optionalInteger(
            comptime T: type,
            reader: *msgpack.Reader,
            comptime limit: []const u8,
            failure: *Failure,
        ) error{Failed}!?T {
            return switch (reader.next() catch return request.malformed(failure)) {
                .nil => null,
                .int => |value| std.math.cast(T, value) orelse
                    return request.invalid(failure, limit, .{}),
                else => request.invalid(failure, limit, .{}),
            };
        }

        // A round.

        /// Divides the rows without an answer into parts. Rows that no node can be asked for are
        /// answered with the reason. No parts: there is nothing left to ask.
        pub fn divide(batch: *This) error{OutOfMemory}!void {
            const arena = batch.arena.allocator();
            batch.parts.clearRetainingCapacity();
            // Parts that are still being filled, one for each node at most.
            var open: std.ArrayList(u32) = .empty;
            defer open.deinit(batch.gpa);
            // Most rows have the namespace of the one before, in the same bytes of the request.
            var name: []const u8 = &.{};
            var namespace: ?*cluster.Namespace = null;
            for (batch.rows) |*row| {
                row.part = part_none;
                if (row.status != .no_response) continue;
                if (namespace == null or name.ptr != row.key.namespace.ptr) {
                    name = row.key.namespace;
                    namespace = batch.cluster.namespace(name);
                }
                const node = batch.nodeFor(row, namespace) orelse continue;
                const part = for (open.items) |*index| {
                    const candidate = &batch.parts.items[index.*];
                    if (candidate.node != node) continue;
                    if (candidate.count < batch.part_rows_max) break index.*;
                    index.* = try batch.addPart(arena, node);
                    break index.*;
                } else added: {
                    const index = try batch.addPart(arena, node);
                    try open.append(batch.gpa, index);
                    break :added index;
                };
                row.part = part;
                batch.parts.items[part].count += 1;
            }
            batch.orderRows();
        }

        fn addPart(batch: *This, arena: std.mem.Allocator, node: *Node) error{OutOfMemory}!u32 {
            const index: u32 = @intCast(batch.parts.items.len);
            try batch.parts.append(arena, .{ .node = node, .first = 0, .count = 0 });
            return index;
        }

        /// Lists the rows of each part.
        fn orderRows(batch: *This) void {
            var first: u32 = 0;
            for (batch.parts.items) |*part| {
                part.first = first;
                first += part.count;
                part.count = 0;
            }
            for (batch.rows, 0..) |*row, index| {
                if (row.part == part_none) continue;
                const part = &batch.parts.items[row.part];
                batch.order[part.first + part.count] = @intCast(index);
                part.count += 1;
            }
        }

        fn nodeFor(batch: *This, row: *Row, known_namespace: ?*cluster.Namespace) ?*Node {
            const namespace = known_namespace orelse {
                const known = batch.cluster.isConnected();
                batch.failRow(row, if (known) .namespace_not_found else .invalid_node);
                return null;
            };
            const action = &batch.actions.items[row.action];
            const read_mode = action.read_mode_sc.toCluster();
            var route: Cluster.Route = .{
                .policy = cluster.effectiveReplica(
                    batch.policy.replica.toCluster(),
                    if (action.operations.is_write) .write else .{ .read = read_mode },
                    namespace.isStrongConsistency(),
                ),
                .replica_index = batch.replica_index,
                .previous = batch.cluster.nodeAt(row.previous),
            };
            return batch.cluster.route(namespace, row.key.partitionId(), &route) orelse {
                batch.failRow(row, .invalid_node);
                return null;
            };
        }

        /// Appends a part's frame, which is about to be sent.
        pub fn encode(
            batch: *This,
            part: *const Part,
            now_ns: u64,
            out: *wire.Buffer,
        ) wire.Buffer.Error!void {
            const timeout_ms = batch.attempts.serverTimeout(batch.policy, now_ns);
            if (part.isSingle()) return batch.encodeSingle(part, timeout_ms, out);
            const policy = batch.policy;
            var frame: batch_frame.Writer = try .begin(out, policy.filter, part.count, .{
                .allow_inline = policy.allow_inline,
                .allow_inline_ssd = policy.allow_inline_ssd,
                .respond_all_keys = policy.respond_all_keys,
            });
            var previous: ?*const Row = null;
            for (batch.order[part.first..][0..part.count]) |index| {
                const row = &batch.rows[index];
                if (batch.repeats(row, previous)) {
                    try frame.repeat(index, &row.key.digest);
                } else {
                    try frame.row(index, &batch.asked(row));
                }
                previous = row;
            }
            try frame.finish(.{
                .info1 = .{ .batch = true, .compress_response = policy.compress },
                .info4 = .{ .error_verbosity = request.errorVerbosity(policy) },
                .transaction_ttl = timeout_ms,
            });
        }

        fn encodeSingle(
            batch: *const This,
            part: *const Part,
            timeout_ms: u32,
            out: *wire.Buffer,
        ) wire.Buffer.Error!void {
            const row = &batch.rows[batch.order[part.first]];
            const action = &batch.actions.items[row.action];
            var encoder = try wire.message.Encoder.begin(out);
            try encoder.field(.namespace, row.key.namespace);
            if (row.key.set.len != 0) try encoder.field(.set, row.key.set);
            try encoder.field(.digest, &row.key.digest);
            if (batch.sendsKey(row)) try encoder.key(row.key.user_key_type, row.key.user_key);
            const filter = if (action.filter.len != 0) action.filter else batch.policy.filter;
            if (filter.len != 0) try encoder.field(.filter, filter);
            try out.append(batch.operations.written()[action.start..action.end]);
            encoder.field_count += action.field_count;
            encoder.operation_count += action.operation_count;
            var header = action.header;
            header.info1.compress_response =
                batch.policy.compress and action.command.answersWithBins();
            header.transaction_ttl = timeout_ms;
            encoder.finish(header);
        }

        fn repeats(batch: *const This, row: *const Row, previous: ?*const Row) bool {
            const before = previous orelse return false;
            if (row.action != before.action or batch.sendsKey(row)) return false;
            return std.mem.eql(u8, row.key.namespace, before.key.namespace) and
                std.mem.eql(u8, row.key.set, before.key.set);
        }

        fn sendsKey(batch: *const This, row: *const Row) bool {
            return batch.actions.items[row.action].send_key and row.key.user_key_type != .nil;
        }

        fn asked(batch: *const This, row: *const Row) batch_frame.Asked {
            const action = &batch.actions.items[row.action];
            return .{
                .key = &row.key,
                .header = &action.header,
                .is_write = action.operations.is_write,
                .sends_key = batch.sendsKey(row),
                .filter = action.filter,
                .field_count = action.field_count,
                .operation_count = action.operation_count,
                .operations = batch.operations.written()[action.start..action.end],
            };
        }

        /// A part's frame was handed to the network.
        pub fn markSent(batch: *This, part: *const Part) void {
            for (batch.order[part.first..][0..part.count]) |index| batch.rows[index].sent +|= 1;
            batch.attempts.sent += 1;
            const counters = &part.node.statistics;
            counters.batches.count(part.count);
            if (batch.attempts.failed > 0) statistics.add(&counters.retries, 1);
        }

        /// The server has not carried any of it out.
        pub fn unmarkSent(batch: *This, part: *const Part) void {
            for (batch.order[part.first..][0..part.count]) |index| batch.rows[index].sent -|= 1;
            batch.attempts.sent -|= 1;
        }

        pub const Absorbed = union(enum) {
            more,
            done,
            /// The server ended its reply with an error of the whole part.
            refused: Status,
        };

        pub const AbsorbError = reply.Error || error{OutOfMemory};

        /// Takes one frame of a part's reply.
        pub fn absorb(batch: *This, part: *Part, frame: Frame) AbsorbError!Absorbed {
            if (frame.kind != .message) return error.Malformed;
            if (part.isSingle()) return batch.absorbSingle(part, frame.body);
            const part_index = indexOf(batch.parts.items, part);
            const now_unix_s = clock.unixSeconds();
            var rest = frame.body;
            while (rest.len > 0) {
                const message = try wire.message.Message.decode(rest);
                const status = Status.fromServer(message.header.result_code);
                if (message.header.info3.last) {
                    return if (status == .ok) .done else .{ .refused = status };
                }
                const index = message.header.transaction_ttl;
                if (index >= batch.rows.len) return error.Malformed;
                const row = &batch.rows[index];
                if (row.part != part_index or row.status != .no_response) return error.Malformed;
                rest = try batch.absorbRow(row, index, status, &message, now_unix_s);
                part.answered += 1;
            }
            return .more;
        }

        fn absorbSingle(batch: *This, part: *Part, body: []const u8) AbsorbError!Absorbed {
            const index = batch.order[part.first];
            const row = &batch.rows[index];
            if (row.status != .no_response) return error.Malformed;
            const message = try wire.message.Message.decode(body);
            const status = Status.fromServer(message.header.result_code);
            if (executor.judgeServer(status).retry != .no) return .{ .refused = status };
            _ = try batch.absorbRow(row, index, status, &message, clock.unixSeconds());
            part.answered += 1;
            return .done;
        }

        fn indexOf(parts: []const Part, part: *const Part) u32 {
            return @intCast((@intFromPtr(part) - @intFromPtr(parts.ptr)) / @sizeOf(Part));
        }

        fn absorbRow(
            batch: *This,
            row: *Row,
            index: u32,
            given: Status,
            message: *const wire.message.Message,
            now_unix_s: i64,
        ) AbsorbError![]const u8 {
            const action = &batch.actions.items[row.action];
            var rest: []const u8 = undefined;
            const failure_text = if (action.command == .apply) function.failureText(message) else null;
            const status = if (failure_text != null and given == .ok) .udf else given;
            if (batch.target) |target| {
                const ttl = reply.ttlFromVoidTime(message.header.record_ttl, now_unix_s);
                rest = try target.writeRow(index, message, ttl);
            } else if (status == .ok) {
                rest = try batch.writeRecord(row, action, message, now_unix_s);
            } else {
                var operations = try message.operations();
                while (try operations.next()) |_| {}
                rest = operations.rest;
                if (failure_text) |text| {
                    try batch.keepText(row, text);
                } else {
                    batch.keepDetails(row, message);
                }
            }
            row.status = status;
            batch.noteAnswer(row);
            batch.any_answer = true;
            const is_answer = status == .ok or status == .record_not_found or
                status == .filtered_out;
            if (!is_answer and action.operations.is_write) {
                row.in_doubt = executor.isInDoubt(status, row.sent);
            }
            return rest;
        }

        /// What the server says of a failure when it is asked to, as a map.
        fn keepDetails(batch: *This, row: *Row, message: *const wire.message.Message) void {
            const start = batch.results.end;
            if (!error_details.write(message, &batch.results)) return;
            row.result_start = start;
            row.result_end = batch.results.end;
        }

        fn keepText(batch: *This, row: *Row, text: []const u8) wire.Buffer.Error!void {
            const out = &batch.results;
            // A control character is shown with four.
            const start = try out.reserve(4 * text.len);
            out.end = start + printable.copy(out.written()[start..], text).len;
            row.result_start = start;
            row.result_end = out.end;
        }

        fn writeRecord(
            batch: *This,
            row: *Row,
            action: *const Action,
            message: *const wire.message.Message,
            now_unix_s: i64,
        ) AbsorbError![]const u8 {
            const out = &batch.results;
            const start = out.end;
            errdefer out.end = start;
            try reply.writeMetadata(&message.header, now_unix_s, out);
            const rest = switch (action.command) {
                .get, .select, .apply => try reply.writeBins(message, out),
                .operate => try batch.writeOperated(action, message, out),
                else => try writeNoBins(message, out),
            };
            row.result_start = start;
            row.result_end = out.end;
            return rest;
        }

        fn writeOperated(
            batch: *This,
            action: *const Action,
            message: *const wire.message.Message,
            out: *wire.Buffer,
        ) AbsorbError![]const u8 {
            const operations = batch.operations.written()[action.start..action.end];
            const respond_all = action.header.info2.respond_all_operations;
            try operate_reply.writeBins(batch.gpa, operations, respond_all, message, out);
            var iterator = try message.operations();
            while (try iterator.next()) |_| {}
            return iterator.rest;
        }

        /// Writes answer each of their operations with nothing.
        fn writeNoBins(
            message: *const wire.message.Message,
            out: *wire.Buffer,
        ) AbsorbError![]const u8 {
            try msgpack.writeMapHeader(out, 0);
            var iterator = try message.operations();
            while (try iterator.next()) |_| {}
            return iterator.rest;
        }

        /// A part came to its end without all of its answers, for a reason that may be repeated.
        pub fn partFailed(batch: *This, part: *const Part, failure: *const Failure) void {
            batch.failure = failure.*;
            batch.failure.setNode(part.node.name());
            for (batch.order[part.first..][0..part.count]) |index| {
                const row = &batch.rows[index];
                if (row.status == .no_response) row.previous = part.node.slot;
            }
            // The server takes fewer rows at a time than it does by default.
            if (failure.status == .batch_max_requests_exceeded) {
                batch.part_rows_max = @max(1, batch.part_rows_max / 2);
            }
        }

        pub const Next = union(enum) {
            /// Every row has its answer.
            done,
            /// Divide again, at this time.
            retry_at_ns: u64,
        };

        /// After all parts of a round have ended. `retry` is what all that failed allow for.
        pub fn conclude(batch: *This, retry: executor.Retry, now_ns: u64) Next {
            var missing: usize = 0;
            for (batch.rows) |*row| missing += @intFromBool(row.status == .no_response);
            if (missing == 0) return .done;
            const status = batch.failure.status;
            if (status == .batch_max_requests_exceeded and batch.part_rows_max > 1) {
                return .{ .retry_at_ns = now_ns };
            }
            if (status != .ok) {
                const replica = batch.policy.replica.toCluster();
                const has_writes = batch.hasWrites();
                const advances = retry == .counted and
                    executor.advancesReplica(replica, status, has_writes, false);
                switch (batch.attempts.afterFailure(retry, advances, now_ns)) {
                    .give_up => {},
                    .retry_at_ns => |at_ns| {
                        if (advances) batch.replica_index +%= 1;
                        batch.earlier.add(&batch.failure);
                        return .{ .retry_at_ns = at_ns };
                    },
                }
            }
            batch.giveUp();
            return .done;
        }

        pub fn hasWrites(batch: *const This) bool {
            for (batch.actions.items) |*action| if (action.operations.is_write) return true;
            return false;
        }

        /// The rows that are left share the failure of their part.
        fn giveUp(batch: *This) void {
            const status = if (batch.failure.status == .ok) .no_response else batch.failure.status;
            for (batch.rows) |*row| {
                if (row.status == .no_response) batch.failRow(row, status);
            }
        }

        fn failRow(batch: *This, row: *Row, status: Status) void {
            assert(status != .ok);
            row.status = status;
            batch.noteAnswer(row);
            const is_write = batch.actions.items[row.action].operations.is_write;
            row.in_doubt = is_write and executor.isInDoubt(status, row.sent);
        }

        /// Nobody waits for the rest any more. True when any write may have taken effect.
        pub fn abort(batch: *This) bool {
            for (batch.rows) |*row| {
                if (row.status == .no_response) batch.failRow(row, .client_abort);
            }
            return batch.isInDoubt();
        }

        /// Whether any write has, or may have, taken effect.
        pub fn isInDoubt(batch: *const This) bool {
            return for (batch.rows) |*row| {
                const is_write = batch.actions.items[row.action].operations.is_write;
                if (is_write and (row.status == .ok or row.in_doubt)) break true;
            } else false;
        }

        // The result.

        /// Ends with a failure when not a single row was answered by a server.
        pub fn check(batch: *This, failure: *Failure) error{Failed}!void {
            if (batch.rows.len == 0 or batch.any_answer) return;
            if (batch.failure.status != .ok) {
                failure.* = batch.failure;
                batch.attempts.describe(batch.policy, failure);
                failure.setNode(batch.failure.node());
                batch.earlier.copyTo(&failure.earlier);
            } else switch (batch.rows[0].status) {
                .namespace_not_found => failure.set(
                    .namespace_not_found,
                    "namespace '{s}' is not found in the cluster",
                    .{batch.rows[0].key.namespace},
                ),
                else => |status| failure.set(status, "no active node for the batch's keys", .{}),
            }
            failure.in_doubt = for (batch.rows) |*row| {
                if (row.in_doubt) break true;
            } else false;
            return error.Failed;
        }

        /// Counts the batch, which has ended, as one operation on the place of its first record.
        pub fn measure(batch: *const This, status: Status, now_ns: u64) void {
            if (batch.rows.len == 0) return;
            const row = &batch.rows[0];
            metrics.process.record(
                batch.actions.items[row.action].command.batchMetric(),
                row.key.namespace,
                row.key.set,
                status,
                now_ns -| batch.attempts.started_ns,
            );
        }

        /// Appends [[key or nil, status, in_doubt, RECORD or nil], …] in the order of the request; a
        /// record carries its key itself. Rows whose failure the server described have its text too.
        pub fn write(batch: *const This, out: *wire.Buffer) wire.Buffer.Error!void {
            try out.ensure(batch.results.end + batch.rows.len * 64);
            try msgpack.writeArrayHeader(out, @intCast(batch.rows.len));
            for (batch.rows) |*row| try batch.writeRow(row, out);
        }

        pub fn writeRow(
            batch: *const This,
            row: *const Row,
            out: *wire.Buffer,
        ) wire.Buffer.Error!void {
            const result = batch.results.written()[row.result_start..row.result_end];
            const has_record = row.status == .ok;
            const has_text = !has_record and result.len > 0;
            try msgpack.writeArrayHeader(out, if (has_text) 5 else 4);
            if (has_record) try msgpack.writeNil(out) else try row.key.write(out);
            try msgpack.writeInt(out, @backingInt(row.status));
            try msgpack.writeBool(out, row.in_doubt);
            if (has_record) {
                try msgpack.writeArrayHeader(out, 3);
                try row.key.write(out);
                try out.append(result);
            } else {
                try msgpack.writeNil(out);
            }
            if (has_text) try msgpack.writeBinary(out, result);
        }

        /// Puts the statuses of the rows that no server has answered where the records are, and the
        /// keys of all where they are wanted.
        pub fn complete(batch: *const This, target: Target) wire.Buffer.Error!void {
            for (batch.rows, 0..) |*row, index| {
                target.failUnanswered(index, @backingInt(row.status));
            }
            if (target != .arrow or !target.arrow.wantsKeys()) return;
            for (batch.rows, 0..) |*row, index| {
                target.arrow.noteKey(index, &row.key.address()) catch |err| switch (err) {
                    // It was read from the request.
                    error.Malformed => unreachable,
                    error.OutOfMemory, error.NoSpaceLeft => |kept| return kept,
                };
            }
        }

        fn outOfMemory(failure: *Failure) error{Failed} {
            failure.set(.out_of_memory, "out of memory for the batch", .{});
            return error.Failed;
        }
    };
}
