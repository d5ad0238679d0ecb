//! Reads of single records that were submitted together: those that go to one node travel as the rows
//! of one batch, and come back as themselves.
//!
//! Each stays a command of its own, with its deadline, attempts, failure, result and count; a group
//! carries what they ask for in one exchange. A row is taken by its command as a reply of its own
//! would be. When the exchange fails, it has failed for each that has no answer yet, and each goes on
//! by its own rules. What belongs to the batch alone, such as the server's limits of batches, is
//! nothing that a read has to know of: whoever has no answer then asks alone, as if it had not been
//! asked for yet. A row that keeps all others waiting must not have them run out of time: when most of
//! it has passed, they ask alone as well, and take whatever answer comes first.
//!
//! Belongs to the loop's thread.

const std = @import("std");
const assert = std.debug.assert;
const batch_frame = @import("batch_frame.zig");
const cluster = @import("../../cluster.zig");
const engine = @import("../../engine.zig");
const executor = engine.executor;
const reply = @import("../record/reply.zig");
const single_module = @import("../record/single.zig");
const Command = @import("../record/request.zig").Command;
const wire = @import("../../wire.zig");
const Failure = @import("../../status.zig").Failure;
const Frame = engine.Frame;
const Status = @import("../../status.zig").Status;

/// More rows do not make a record cheaper, and are one group after the other for the server.
const members_max = 256;
/// Fewer cost the server and the client less one by one.
const members_min = 4;
/// Groups that are being put together.
const open_max = 16;
/// What was submitted further apart has different deadlines.
const apart_ns_max = 5 * std.time.ns_per_ms;
/// When so much of the members' time has passed, or that long, they ask alone, too.
const patience_percent = 75;
const patience_ns_max = std.time.ns_per_s;
/// How long a node that refuses batches is asked for records one by one.
const refusal_ns = 10 * std.time.ns_per_s;
/// The first servers whose rows say themselves how they are read.
const first_with_attributes: cluster.Version = .{ .major = 6, .minor = 0, .patch = 0 };
const frame_bytes_max = 1024 * 1024;

/// Whether a read may travel with others. Some are carried out in another way as a row of a batch:
/// those that are linearized, of all replicas, or checked against the key; some want of their
/// reply or their connection what others must not be given.
pub fn mayTravel(command: Command, policy: *const engine.Policy) bool {
    return switch (command) {
        .get, .select, .exists => policy.read_mode_ap == .one and
            policy.read_mode_sc != .linearize and !policy.send_key and
            !policy.compress and policy.error_details == .none and policy.connect_timeout_ms == 0,
        else => false,
    };
}

pub fn Group(comptime Net: type, comptime Poller: type) type {
    return struct {
        gathering: *Gathering,
        exchange: Exchange,
        failure: Failure,
        frame: wire.Buffer,
        timer: engine.Timer(Net),
        /// When a read that asked alone, as the group began to, would give its wait up.
        wait_end_ns: u64,
        filter: []const u8,
        count: u32,
        /// Members that have no answer and wait for it.
        missing: u32,
        /// What became of those that have no answer when the exchange has ended.
        outcome: Outcome,
        /// They ask alone already, and wait for the first answer.
        is_late: bool,
        was_answered: std.StaticBitSet(members_max),
        /// Null when it has its answer, or does not wait for it any more.
        members: [members_max]?*Single,
        next_free: ?*This,
        /// Among those that were begun.
        link: std.DoublyLinkedList.Node,

        const This = @This();
        const Cluster = cluster.Cluster(Net);
        const Exchange = engine.Exchange(Net);
        const Node = Cluster.Node;
        const Single = single_module.Single(Net, Poller);
        const Driver = Single.Task.Driver;

        const Outcome = enum {
            /// What the exchange ended with.
            failed,
            alone,
        };

        /// Puts groups together: of what is added one after the other, until `send`.
        pub const Gathering = struct {
            gpa: std.mem.Allocator,
            driver: Driver = undefined,
            open: [open_max]*This = undefined,
            open_count: u32 = 0,
            /// Whose records are being gathered; there may be more of a mark.
            marks: Marks = .empty,
            free: ?*This = null,
            free_count: u32 = 0,
            /// Whose exchange has not ended.
            begun: std.DoublyLinkedList = .{},

            const marks_count = 1024;
            const Marks = std.StaticBitSet(marks_count);
            const free_max = 8;

            pub fn deinit(gathering: *Gathering) void {
                assert(gathering.open_count == 0);
                assert(gathering.begun.first == null);
                while (gathering.free) |group| {
                    gathering.free = group.next_free;
                    gathering.gpa.destroy(group);
                }
            }

            fn mark(digest: *const wire.digest.Digest) usize {
                return std.mem.readInt(u16, digest[4..6], .little) % marks_count;
            }

            /// Whether a record with this digest may be among what is gathered.
            pub fn has(gathering: *const Gathering, digest: *const wire.digest.Digest) bool {
                return gathering.marks.isSet(mark(digest));
            }

            /// Has a read, which `mayTravel`, carried out with the others, or at once by itself.
            pub fn add(gathering: *Gathering, single: *Single) void {
                single.task.driver = gathering.driver;
                const node = single.nextNode() orelse return;
                const group = gathering.groupOf(node, single) orelse return single.ask(node);
                single.carrier = .{ .context = group, .index = group.count, .leave = leave };
                group.members[group.count] = single;
                group.count += 1;
                group.missing += 1;
                gathering.marks.set(mark(&single.encoded.key.digest));
                if (group.count == members_max) gathering.sendOne(group);
            }

            pub fn send(gathering: *Gathering) void {
                const open = gathering.open[0..gathering.open_count];
                gathering.open_count = 0;
                gathering.marks = .empty;
                for (open) |group| group.start();
            }

            /// Ends those of which nobody waits for anything any more: they have answered all members,
            /// and not come to the end of the reply. The others have ended with their members.
            pub fn abort(gathering: *Gathering) void {
                while (gathering.begun.first) |link| {
                    const group: *This = @alignCast(@fieldParentPtr("link", link));
                    group.end();
                }
            }

            fn sendOne(gathering: *Gathering, group: *This) void {
                const open = gathering.open[0..gathering.open_count];
                const index = std.mem.findScalar(*This, open, group).?;
                open[index] = open[open.len - 1];
                gathering.open_count -= 1;
                group.start();
            }

            /// The open group that the read fits in. Null: it is to be asked for by itself.
            fn groupOf(gathering: *Gathering, node: *Node, single: *Single) ?*This {
                for (gathering.open[0..gathering.open_count]) |group| {
                    if (group.takes(node, single)) return group;
                }
                if (gathering.open_count == open_max) return null;
                if (!node.version().isAtLeast(first_with_attributes)) return null;
                if (node.ungrouped_until_ns > gathering.driver.now()) return null;
                const group = gathering.make() orelse return null;
                group.begin(gathering, node, single);
                gathering.open[gathering.open_count] = group;
                gathering.open_count += 1;
                return group;
            }

            fn make(gathering: *Gathering) ?*This {
                const group = gathering.free orelse return gathering.gpa.create(This) catch null;
                gathering.free = group.next_free;
                gathering.free_count -= 1;
                return group;
            }

            fn release(gathering: *Gathering, group: *This) void {
                group.frame.deinit();
                if (gathering.free_count == free_max) return gathering.gpa.destroy(group);
                group.next_free = gathering.free;
                gathering.free = group;
                gathering.free_count += 1;
            }
        };

        fn begin(group: *This, gathering: *Gathering, node: *Node, first: *Single) void {
            group.gathering = gathering;
            group.failure = .{};
            group.exchange = .{
                .node = node,
                .frame = &.{},
                .limits = .of(&first.execution.attempts),
                .handler = &handler,
                .failure = &group.failure,
                .is_movable = true,
            };
            group.frame = .growing(gathering.gpa, &.{}, frame_bytes_max);
            group.timer = .{ .owner = .{ .call = .{ .context = group, .function = onTime } } };
            group.wait_end_ns = 0;
            group.filter = first.filter();
            group.count = 0;
            group.missing = 0;
            group.outcome = .failed;
            group.is_late = false;
            group.was_answered = .empty;
        }

        /// Whether a read may be a row of this group: what the frame says of all rows is the same.
        fn takes(group: *const This, node: *const Node, single: *const Single) bool {
            if (group.exchange.node != node) return false;
            const first = group.members[0].?;
            const apart_ns = single.execution.attempts.started_ns -|
                first.execution.attempts.started_ns;
            return apart_ns <= apart_ns_max and
                single.policy.total_timeout_ms == first.policy.total_timeout_ms and
                single.policy.socket_timeout_ms == first.policy.socket_timeout_ms and
                std.mem.eql(u8, single.filter(), group.filter);
        }

        fn start(group: *This) void {
            if (group.missing < members_min) return group.dissolve();
            group.encode() catch return group.dissolve();
            const driver = group.gathering.driver;
            group.exchange.frame = group.frame.written();
            // Those of the latest.
            group.exchange.limits = .of(&group.members[group.count - 1].?.execution.attempts);
            const now_ns = driver.now();
            group.wait_end_ns = group.exchange.limits.waitDeadline(now_ns);
            const left_ns = group.wait_end_ns -| now_ns;
            const patience_ns = @min(left_ns / 100 * patience_percent, patience_ns_max);
            driver.schedule(&group.timer, now_ns + patience_ns);
            group.gathering.begun.append(&group.link);
            driver.begin(&group.exchange);
        }

        /// It was not sent: its members are asked for one by one.
        fn dissolve(group: *This) void {
            const node = group.exchange.node;
            for (group.members[0..group.count]) |member| {
                const single = member orelse continue;
                single.carrier = null;
                single.ask(node);
            }
            group.gathering.release(group);
        }

        fn encode(group: *This) wire.Buffer.Error!void {
            const policy = &group.members[0].?.policy;
            var frame: batch_frame.Writer = try .begin(&group.frame, group.filter, group.count, .{
                .allow_inline = policy.allow_inline,
                .allow_inline_ssd = policy.allow_inline_ssd,
                .respond_all_keys = true,
            });
            var previous: ?*const Single = null;
            for (group.members[0..group.count], 0..) |member, index| {
                const single = member.?;
                const number: u32 = @intCast(index);
                if (previous != null and asksTheSame(single, previous.?)) {
                    try frame.repeat(number, &single.encoded.key.digest);
                } else {
                    const header = single.header();
                    try frame.row(number, &.{
                        .key = &single.encoded.key,
                        .header = &header,
                        .is_write = false,
                        .operation_count = header.operation_count,
                        .operations = single.encoded.operations,
                    });
                }
                previous = single;
            }
            try frame.finish(.{
                .info1 = .{ .batch = true },
                .transaction_ttl = policy.serverTimeout(),
            });
        }

        fn asksTheSame(single: *const Single, other: *const Single) bool {
            const encoded = &single.encoded;
            return encoded.command == other.encoded.command and
                single.policy.read_mode_sc == other.policy.read_mode_sc and
                single.policy.read_touch_ttl_percent == other.policy.read_touch_ttl_percent and
                std.mem.eql(u8, encoded.key.namespace, other.encoded.key.namespace) and
                std.mem.eql(u8, encoded.key.set, other.encoded.key.set) and
                std.mem.eql(u8, encoded.operations, other.encoded.operations);
        }

        const handler: Exchange.Handler = .{ .on_frame = onFrame, .on_end = onEnd };

        fn onFrame(exchange: *Exchange, frame: Frame) engine.FrameResult {
            const group: *This = @fieldParentPtr("exchange", exchange);
            if (frame.kind != .message) return group.leftAlone();
            var rest = frame.body;
            while (rest.len > 0) {
                const message = wire.message.Message.decode(rest) catch return group.leftAlone();
                if (message.header.info3.last) {
                    return group.takeLast(.fromServer(message.header.result_code));
                }
                const after = restAfter(&message) catch return group.leftAlone();
                const row = rest[0 .. rest.len - after.len];
                const index = message.header.transaction_ttl;
                if (index >= group.count) return group.leftAlone();
                if (group.was_answered.isSet(index)) return group.leftAlone();
                group.was_answered.set(index);
                rest = after;
                const single = group.members[index] orelse continue;
                group.members[index] = null;
                group.missing -= 1;
                if (!single.takeReply(exchange, .{ .kind = .message, .body = row })) {
                    return group.leftAlone();
                }
            }
            return .more;
        }

        /// What comes behind a message in its frame.
        fn restAfter(message: *const wire.message.Message) wire.message.DecodeError![]const u8 {
            var operations = try message.operations();
            while (try operations.next()) |_| {}
            return operations.rest;
        }

        /// The end of the reply cannot be trusted, or the connection not be used.
        fn leftAlone(group: *This) engine.FrameResult {
            group.outcome = .alone;
            return .done_close;
        }

        /// The server ends its reply, perhaps before it has answered all rows.
        fn takeLast(group: *This, status: Status) engine.FrameResult {
            group.outcome = .alone;
            if (status == .ok) return .done;
            if (executor.judgeServer(status).retry == .no) {
                const now_ns = group.gathering.driver.now();
                group.exchange.node.ungrouped_until_ns = now_ns + refusal_ns;
                return .done;
            }
            // A single record would have been answered with the same.
            group.outcome = .failed;
            const verdict = group.exchange.settle(status);
            reply.setServerFailure(status, &group.failure);
            return if (verdict.connection_usable) .done else .done_close;
        }

        fn onEnd(exchange: *Exchange, ok: bool) void {
            const group: *This = @fieldParentPtr("exchange", exchange);
            group.gathering.driver.unschedule(&group.timer);
            group.gathering.begun.remove(&group.link);
            const outcome = if (ok) group.outcome else .failed;
            for (group.members[0..group.count]) |member| {
                const single = member orelse continue;
                if (!group.is_late and outcome == .failed) {
                    single.takeFailure(exchange);
                    continue;
                }
                single.carrier = null;
                if (!group.is_late) single.askAlone(executor.forever);
            }
            group.gathering.release(group);
        }

        /// One that is slow keeps all others waiting. Nobody waits longer for that than if it had asked
        /// alone from the start.
        fn onTime(context: *anyopaque) void {
            const group: *This = @ptrCast(@alignCast(context));
            group.is_late = true;
            const left_ns = group.wait_end_ns -| group.gathering.driver.now();
            for (group.members[0..group.count]) |member| {
                if (member) |single| single.askAlone(left_ns);
            }
        }

        /// A member does not wait for it any more.
        fn leave(context: *anyopaque, index: u32) void {
            const group: *This = @ptrCast(@alignCast(context));
            assert(group.members[index] != null);
            group.members[index] = null;
            group.missing -= 1;
            if (group.missing == 0) group.end();
        }

        /// Nobody waits for it any more.
        fn end(group: *This) void {
            assert(group.missing == 0);
            const gathering = group.gathering;
            gathering.driver.unschedule(&group.timer);
            gathering.driver.cancel(&group.exchange);
            gathering.begun.remove(&group.link);
            gathering.release(group);
        }
    };
}

/// How a member of a policy holds of a read that travels with others.
const Holds = enum {
    /// With another value than the default the read travels alone: `mayTravel` says so.
    alone,
    /// All reads of a group have the same: `takes` compares it.
    of_group,
    /// A row says it, or is as the row before it: `asksTheSame` compares it.
    of_row,
    /// Each read sees to it by itself: which node it asks, how often, and how long it waits.
    of_read,
    /// Single reads have no use for it.
    of_others,
};

const Member = members: {
    @setEvalBranchQuota(10_000);
    break :members std.meta.FieldEnum(engine.Policy);
};

/// A member that is not here does not compile: whoever adds one has to say what becomes of reads
/// that differ in it and are asked for at once.
fn holds(member: Member) Holds {
    return switch (member) {
        .read_mode_ap, .send_key, .compress, .error_details, .connect_timeout_ms => .alone,
        .socket_timeout_ms, .total_timeout_ms, .filter => .of_group,
        .read_mode_sc, .read_touch_ttl_percent => .of_row,
        .retries_max,
        .sleep_between_retries_ms,
        .timeout_delay_ms,
        .replica,
        .asked,
        => .of_read,
        .generation,
        .ttl,
        .generation_policy,
        .exists,
        .commit_level,
        .durable_delete,
        .on_locking_only,
        .compress_threshold,
        .allow_inline,
        .allow_inline_ssd,
        .respond_all_keys,
        .concurrent,
        => .of_others,
    };
}

test "a read travels with others unless a member of its policy has it travel alone" {
    inline for (comptime std.meta.fieldNames(engine.Policy)) |name| {
        var policy: engine.Policy = .{};
        const value = &@field(policy, name);
        const T = @TypeOf(value.*);
        switch (@typeInfo(T)) {
            .bool => value.* = !value.*,
            .int => value.* += 1,
            // The last one: a read that is linearized, which is among the first, travels alone.
            .@"enum" => value.* = std.enums.values(T)[std.enums.values(T).len - 1],
            else => continue, // The filter, and where to tell who was asked.
        }
        const is_alone = holds(@field(Member, name)) == .alone;
        try std.testing.expectEqual(!is_alone, mayTravel(.get, &policy));
    }
}
