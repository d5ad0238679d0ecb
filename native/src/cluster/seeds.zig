//! The first node of a cluster that is not known yet, or that has left all its addresses.
//!
//! The configured hosts are looked up anew each time, since behind a name there may be other
//! addresses by now; then come the addresses at which nodes were last seen. A node that lists
//! peers is taken at once. One without peers may be alone in the world by mistake, so it is only
//! taken when no other seed has any. Used by whoever tends.

const std = @import("std");
const assert = std.debug.assert;
const wire = @import("../wire.zig");
const admission = @import("admission.zig");
const Context = @import("context.zig").Context;
const Failure = @import("../status.zig").Failure;
const Host = @import("options.zig").Host;
const io = @import("../io.zig");
const NodeTable = @import("node_table.zig").NodeTable;
const Findings = @import("findings.zig").Findings;
const Status = @import("../status.zig").Status;

pub fn Seeds(comptime Net: type) type {
    return struct {
        /// Where nodes were active at the end of the last tend that found any.
        known: std.ArrayList(Admission.Target) = .empty,

        const This = @This();
        const Admission = admission.Admission(Net);
        const Candidate = Admission.Candidate;
        const known_max = 64;

        /// Remembers the addresses of the active nodes.
        pub fn remember(
            seeds: *This,
            gpa: std.mem.Allocator,
            table: *const NodeTable(Net),
        ) void {
            if (table.activeCount() == 0) return;
            // Without memory those of before stay.
            seeds.known.ensureTotalCapacity(gpa, known_max) catch return;
            seeds.known.clearRetainingCapacity();
            var iterator = table.active();
            while (iterator.next()) |node| {
                if (seeds.known.items.len == known_max) return;
                seeds.known.appendAssumeCapacity(node.target(.login));
            }
        }

        /// The failure names every seed that failed, and has the status of the one that came
        /// farthest.
        pub fn find(
            seeds: *const This,
            context: *Context(Net),
            findings: *Findings,
            reply: *wire.Buffer,
            failure: *Failure,
        ) error{Failed}!Candidate {
            var search: Search = .{ .context = context, .reply = reply };
            errdefer search.dropOrphan();
            for (context.options.hosts) |host| {
                if (try search.tryHost(&host)) |candidate| return candidate;
                if (search.orphan == null) findings.unreachable_hosts.add(host.name, host.port);
            }
            for (seeds.known.items) |target| {
                if (try search.tryTarget(target)) |candidate| return candidate;
            }
            if (search.orphan) |orphan| return orphan;
            search.report.finish(failure);
            return error.Failed;
        }

        const Search = struct {
            context: *Context(Net),
            reply: *wire.Buffer,
            orphan: ?Candidate = null,
            report: Report = .{},

            fn tryHost(search: *Search, host: *const Host) error{Failed}!?Candidate {
                var buffer: [admission.addresses_max]Net.Address = undefined;
                const context = search.context;
                const found = context.resolve(host.name, host.port, io.never, &buffer);
                const addresses = found catch |err| {
                    var failure: Failure = .{};
                    describeUnresolved(host.name, err, &failure);
                    return search.failed(&failure);
                };
                for (addresses) |address| {
                    // The lengths were checked with the options.
                    const target = Admission.Target.init(
                        address,
                        host.tls_name orelse "",
                        host.name,
                    ) catch unreachable;
                    if (try search.tryTarget(target)) |candidate| return candidate;
                }
                return null;
            }

            /// Fails only when it is no use to go on.
            fn tryTarget(search: *Search, target: Admission.Target) error{Failed}!?Candidate {
                var failure: Failure = .{};
                var candidate = Admission.admit(
                    search.context,
                    target,
                    .seed,
                    &failure,
                ) catch return search.failed(&failure);
                const peers_count = search.countPeers(&candidate, &failure) catch {
                    candidate.deinit(search.context);
                    return search.failed(&failure);
                };
                if (peers_count > 0) {
                    search.dropOrphan();
                    return candidate;
                }
                if (search.orphan == null) {
                    search.orphan = candidate;
                } else {
                    candidate.deinit(search.context);
                }
                return null;
            }

            fn failed(search: *Search, failure: *const Failure) error{Failed}!?Candidate {
                search.report.add(failure);
                // Ctrl-C, or the client is being closed.
                return if (failure.status == .interrupted) error.Failed else null;
            }

            fn countPeers(
                search: *Search,
                candidate: *Candidate,
                failure: *Failure,
            ) error{Failed}!u32 {
                const name = peersCommand(search.context);
                const body = try Admission.ask(
                    search.context,
                    candidate,
                    &.{name},
                    search.reply,
                    failure,
                );
                return countOf(body, name) catch {
                    const text = "{f}: the list of peers is invalid: {s} is answered with '{s}'";
                    const answer = wire.info.Lines.find(body, name) orelse "";
                    const shown = answer[0..@min(answer.len, 80)];
                    failure.set(.invalid_node, text, .{ candidate.target.address, name, shown });
                    return error.Failed;
                };
            }

            fn dropOrphan(search: *Search) void {
                if (search.orphan) |*orphan| orphan.deinit(search.context);
                search.orphan = null;
            }
        };

        fn countOf(body: []const u8, name: []const u8) error{Malformed}!u32 {
            const value = wire.info.Lines.find(body, name) orelse return error.Malformed;
            var peers = try wire.info.Peers.parse(value);
            var count: u32 = 0;
            while (try peers.next()) |_| count += 1;
            return count;
        }
    };
}

/// What lists a node's peers with the addresses that this client can use.
pub fn peersCommand(context: anytype) []const u8 {
    return switch (context.serviceKind(.login)) {
        .clear_std => "peers-clear-std",
        .clear_alt => "peers-clear-alt",
        .tls_std => "peers-tls-std",
        .tls_alt => "peers-tls-alt",
    };
}

fn describeUnresolved(name: []const u8, err: io.ResolveError, failure: *Failure) void {
    const status: Status, const text = switch (err) {
        error.HostNotFound => .{ .invalid_host, "the host name does not resolve" },
        error.Timeout => .{ .timeout, "timeout while the host name was looked up" },
        error.Interrupted => .{ .interrupted, "interrupted" },
        error.SystemResources => .{ .no_descriptor, Status.no_descriptor.text() },
        error.OutOfMemory => .{ .out_of_memory, "out of memory" },
    };
    failure.set(status, "{s}: {s}", .{ name[0..@min(name.len, 64)], text });
}

/// An answer of a server tells more than silence, and silence more than a wrong name.
pub fn rank(failure: *const Failure) u32 {
    return switch (failure.status) {
        .ok => 0,
        .invalid_host => 1,
        .connection, .timeout => 2,
        .invalid_node => 3,
        .interrupted => 5,
        else => 4,
    };
}

/// Collects what went wrong with each seed.
const Report = struct {
    /// Of the most telling failure.
    best: Failure = .{},
    text: [Failure.message_bytes_max]u8 = undefined,
    text_len: usize = 0,

    fn add(report: *Report, failure: *const Failure) void {
        report.append(failure.message());
        if (rank(failure) > rank(&report.best)) report.best = failure.*;
    }

    fn append(report: *Report, message: []const u8) void {
        var writer = std.Io.Writer.fixed(report.text[report.text_len..]);
        const separator = if (report.text_len == 0) "" else "; ";
        // What does not fit is not shown.
        writer.print("{s}{s}", .{ separator, message }) catch return;
        report.text_len += writer.end;
    }

    fn finish(report: *const Report, failure: *Failure) void {
        assert(report.best.status != .ok);
        const text = "no seed could be used: {s}";
        failure.set(report.best.status, text, .{report.text[0..report.text_len]});
    }
};

test "the report names all seeds and has the most telling status" {
    var report: Report = .{};
    var failure: Failure = .{};
    describeUnresolved("nowhere", error.HostNotFound, &failure);
    report.add(&failure);
    failure.set(.connection, "127.0.0.1:1: connect: connection refused", .{});
    report.add(&failure);
    failure.set(.invalid_password, "127.0.0.1:2: login refused", .{});
    report.add(&failure);
    failure.set(.timeout, "127.0.0.1:3: timeout", .{});
    report.add(&failure);
    var final: Failure = .{};
    report.finish(&final);
    try std.testing.expectEqual(.invalid_password, final.status);
    for ([_][]const u8{ "nowhere", "127.0.0.1:1", "127.0.0.1:2", "127.0.0.1:3" }) |part| {
        try std.testing.expect(std.mem.find(u8, final.message(), part) != null);
    }
}
