//! Is there a node of our cluster at this address, and which one?
//!
//! Connects, logs in, and asks who is there. A server that is not ready, too old, or of another
//! cluster is refused with a reason. A seed may be a load balancer in front of the nodes: when
//! the node that answers does not know the address, its own address is used instead.

const std = @import("std");
const assert = std.debug.assert;
const wire = @import("../wire.zig");
const auth = @import("auth.zig");
const exchange = @import("exchange.zig");
const Context = @import("context.zig").Context;
const Failure = @import("../status.zig").Failure;
const Version = @import("version.zig").Version;
const node_name_bytes_max = @import("node.zig").name_bytes_max;

/// Addresses of one host name that are tried.
pub const addresses_max = 16;

pub fn Admission(comptime Net: type) type {
    return struct {
        const Purpose = enum { seed, peer };

        /// A node that answered as it should. Whoever holds it closes the socket and frees the
        /// session, or gives both to a node.
        pub const Candidate = struct {
            socket: Net.Socket,
            address: Net.Address,
            session: auth.Session,
            name_buffer: [node_name_bytes_max]u8,
            name_len: u8,
            version: Version,

            pub fn name(candidate: *const Candidate) []const u8 {
                return candidate.name_buffer[0..candidate.name_len];
            }

            pub fn deinit(candidate: *Candidate, context: *Context(Net)) void {
                context.tend_net.close(&candidate.socket);
                candidate.session.deinit(context.gpa);
            }
        };

        /// Sets the failure completely; its text begins with the address.
        pub fn admit(
            context: *Context(Net),
            address: Net.Address,
            purpose: Purpose,
            reply: *wire.Buffer,
            failure: *Failure,
        ) error{Failed}!Candidate {
            errdefer context.note(failure);
            var candidate = try connect(context, address, failure);
            errdefer candidate.deinit(context);
            const detect = purpose == .seed and !isLoopback(address);
            const service_name = if (context.options.use_services_alternate)
                "service-clear-alt"
            else
                "service-clear-std";
            const names = [_][]const u8{
                "node",
                "partition-generation",
                "build",
                "cluster-name",
                service_name,
            };
            const asked = if (detect) names[0..5] else names[0..4];
            const body = try ask(context, &candidate, asked, reply, failure);
            try identify(context, &candidate, body, failure);
            if (!detect) return candidate;
            const services = wire.info.Lines.find(body, service_name) orelse return candidate;
            findOwnAddress(context, &candidate, services);
            return candidate;
        }

        fn connect(
            context: *Context(Net),
            address: Net.Address,
            failure: *Failure,
        ) error{Failed}!Candidate {
            const net = context.tend_net;
            const deadline_ns = context.connectDeadline(net.now());
            var socket = net.connect(address, deadline_ns) catch |err| {
                exchange.describe(err, "connect", address, failure);
                return error.Failed;
            };
            errdefer net.close(&socket);
            const session = if (context.credentialsNow()) |credentials|
                try auth.login(
                    context.gpa,
                    net,
                    &socket,
                    address,
                    &credentials,
                    context.loginDeadline(net.now()),
                    failure,
                )
            else
                auth.Session{};
            return .{
                .socket = socket,
                .address = address,
                .session = session,
                .name_buffer = undefined,
                .name_len = 0,
                .version = .zero,
            };
        }

        /// Questions to a candidate.
        pub fn ask(
            context: *Context(Net),
            candidate: *Candidate,
            names: []const []const u8,
            reply: *wire.Buffer,
            failure: *Failure,
        ) error{Failed}![]const u8 {
            errdefer context.note(failure);
            const net = context.tend_net;
            return exchange.info(
                context.gpa,
                net,
                &candidate.socket,
                names,
                context.connectDeadline(net.now()),
                reply,
            ) catch |err| {
                exchange.describe(err, "info request", candidate.address, failure);
                return error.Failed;
            };
        }

        fn identify(
            context: *Context(Net),
            candidate: *Candidate,
            body: []const u8,
            failure: *Failure,
        ) error{Failed}!void {
            const address = candidate.address;
            const name = try valueOf(body, "node", address, failure);
            if (!isNodeName(name)) {
                const text = "{f}: the node's name '{s}' is not 1 to {d} visible ASCII characters";
                const shown = name[0..@min(name.len, 64)];
                failure.set(.invalid_node, text, .{ address, shown, node_name_bytes_max });
                return error.Failed;
            }
            @memcpy(candidate.name_buffer[0..name.len], name);
            candidate.name_len = @intCast(name.len);

            const generation_text = try valueOf(body, "partition-generation", address, failure);
            const generation = wire.info.parseGeneration(generation_text) catch {
                failure.set(.invalid_node, "{f}: the partition generation is invalid", .{address});
                return error.Failed;
            };
            if (generation == -1) {
                failure.set(.invalid_node, "{f}: the node is not yet initialized", .{address});
                return error.Failed;
            }

            const build = try valueOf(body, "build", address, failure);
            const version = Version.parse(build) catch {
                failure.set(.invalid_node, "{f}: the node's version is invalid", .{address});
                return error.Failed;
            };
            if (!version.isAtLeast(.oldest)) {
                const text = "{f}: server version {s} is older than 4.9";
                failure.set(.invalid_node, text, .{ address, build });
                return error.Failed;
            }
            candidate.version = version;
            try checkClusterName(context, body, address, failure);
        }

        /// Servers name themselves with up to 16 hexadecimal digits. What is of another kind
        /// altogether is no node: names go into messages, logs and labels of metrics as they are.
        fn isNodeName(name: []const u8) bool {
            if (name.len == 0 or name.len > node_name_bytes_max) return false;
            return for (name) |byte| {
                if (!std.ascii.isGraphical(byte)) break false;
            } else true;
        }

        fn checkClusterName(
            context: *Context(Net),
            body: []const u8,
            address: Net.Address,
            failure: *Failure,
        ) error{Failed}!void {
            const expected = context.options.cluster_name;
            if (expected.len == 0) return;
            const actual = try valueOf(body, "cluster-name", address, failure);
            if (std.mem.eql(u8, actual, expected)) return;
            const text = "{f}: the cluster's name is '{s}', not the configured '{s}'";
            failure.set(.invalid_node, text, .{
                address,
                actual[0..@min(actual.len, 64)],
                expected[0..@min(expected.len, 64)],
            });
            return error.Failed;
        }

        fn valueOf(
            body: []const u8,
            comptime name: []const u8,
            address: Net.Address,
            failure: *Failure,
        ) error{Failed}![]const u8 {
            const value = wire.info.Lines.find(body, name) orelse {
                const text = "{f}: the node did not answer '" ++ name ++ "'";
                failure.set(.invalid_node, text, .{address});
                return error.Failed;
            };
            if (wire.info.failure(value)) |refused| {
                const text = "{f}: the node refused '" ++ name ++ "': {s}";
                const shown = refused.text[0..@min(refused.text.len, 128)];
                failure.set(.invalid_node, text, .{ address, shown });
                return error.Failed;
            }
            return value;
        }

        /// When the address is none of those that the node knows as its own, tries these and
        /// moves over to the first that leads to the same node. When none does, the announced
        /// addresses are probably internal ones, and the seed's is kept.
        fn findOwnAddress(
            context: *Context(Net),
            candidate: *Candidate,
            services: []const u8,
        ) void {
            if (wire.info.failure(services) != null) return;
            var buffer: [addresses_max]Net.Address = undefined;
            var search = wire.info.Hosts.init(services, candidate.address.getPort());
            while (search.next() catch return) |host| {
                const host_name = context.options.translate(host.name);
                const port = candidate.address.getPort();
                const net = context.tend_net;
                const own = net.resolve(host_name, port, &buffer) catch continue;
                for (own) |*address| {
                    if (address.eql(&candidate.address)) return;
                }
            }
            var hosts = wire.info.Hosts.init(services, candidate.address.getPort());
            while (hosts.next() catch return) |host| {
                const host_name = context.options.translate(host.name);
                const net = context.tend_net;
                const own = net.resolve(host_name, host.port, &buffer) catch continue;
                for (own) |address| {
                    if (moveTo(context, candidate, address)) return;
                }
            }
        }

        fn moveTo(
            context: *Context(Net),
            candidate: *Candidate,
            address: Net.Address,
        ) bool {
            var failure: Failure = .{};
            var memory: [256]u8 = undefined;
            var reply = wire.Buffer.growing(context.gpa, &memory, exchange.reply_bytes_max);
            defer reply.deinit();
            var other = connect(context, address, &failure) catch return false;
            const body = ask(context, &other, &.{"node"}, &reply, &failure) catch {
                other.deinit(context);
                return false;
            };
            const name = wire.info.Lines.find(body, "node") orelse "";
            if (!std.mem.eql(u8, name, candidate.name())) {
                other.deinit(context);
                return false;
            }
            other.name_buffer = candidate.name_buffer;
            other.name_len = candidate.name_len;
            other.version = candidate.version;
            candidate.deinit(context);
            candidate.* = other;
            return true;
        }

        fn isLoopback(address: Net.Address) bool {
            return switch (address) {
                .ip4 => |ip4| ip4.bytes[0] == 127,
                .ip6 => |ip6| std.mem.eql(u8, &ip6.bytes, &std.Io.net.Ip6Address.loopback(0).bytes),
            };
        }
    };
}
