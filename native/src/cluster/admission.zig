//! Is there a node of our cluster at this address, and which one?
//!
//! Connects, logs in, and asks who is there. A server that is not ready, too old, or of another
//! cluster is refused with a reason. Many servers are asked at the same time, none of which waits
//! for another: a machine that does not answer costs as much as hundreds of them. A seed may be a
//! load balancer in front of the nodes: when the node that answers does not know the address, its
//! own address is used instead. Used by whoever tends.

const std = @import("std");
const assert = std.debug.assert;
const io = @import("../io.zig");
const tls = @import("../tls.zig");
const wire = @import("../wire.zig");
const auth = @import("auth.zig");
const exchange = @import("exchange.zig");
const Context = @import("context.zig").Context;
const Use = @import("context.zig").Use;
const Failure = @import("../status.zig").Failure;
const Version = @import("version.zig").Version;
const target_module = @import("target.zig");
const node_name_bytes_max = @import("node.zig").name_bytes_max;

/// Addresses of one host name that are tried.
pub const addresses_max = 16;

pub fn Admission(comptime Net: type) type {
    return struct {
        pub const Purpose = enum { seed, peer };
        pub const Target = target_module.Target(Net);

        /// How many are asked at the same time.
        pub const attempts_max = Net.watches_max;

        /// Of what a server says about itself.
        const reply_bytes_max = 64 * 1024;
        const header_bytes = wire.proto.header_bytes;

        /// A node that answered as it should. Whoever holds it closes the socket and frees the
        /// session, or gives both to a node.
        pub const Candidate = struct {
            socket: Net.Socket,
            target: Target,
            /// Where it logged in, which may be elsewhere.
            login_target: Target,
            session: auth.Session = .{},
            name_buffer: [node_name_bytes_max]u8 = undefined,
            name_len: u8 = 0,
            version: Version = .zero,

            pub fn name(candidate: *const Candidate) []const u8 {
                return candidate.name_buffer[0..candidate.name_len];
            }

            pub fn deinit(candidate: *Candidate, context: *Context(Net)) void {
                context.tend_net.close(&candidate.socket);
                candidate.session.deinit(context.gpa);
            }
        };

        /// A server that is being asked. `begin` makes it, `drive` ends it, and `take` or `drop`
        /// gives back what it has.
        pub const Attempt = struct {
            context: *Context(Net),
            target: Target,
            purpose: Purpose,
            phase: Phase,
            /// What the handshake waits for.
            handshake_waits: tls.Direction = .writing,
            /// While there is a socket, which is until it has failed.
            candidate: Candidate = undefined,
            deadline_ns: u64 = 0,
            /// The frame of the phase.
            request: wire.Buffer,
            sent: usize = 0,
            /// What has come of its reply: the header, then the body.
            header: [header_bytes]u8 = undefined,
            header_len: usize = 0,
            reply: wire.Buffer,
            received: usize = 0,
            /// Set when it has failed; its text begins with the address.
            failure: Failure = .{},

            const Phase = enum {
                connecting,
                shaking_hands,
                logging_in,
                asking,
                admitted,
                failed,
                /// Its candidate belongs to somebody else.
                taken,
            };

            pub fn begin(
                attempt: *Attempt,
                context: *Context(Net),
                target: Target,
                purpose: Purpose,
            ) void {
                const net = context.tend_net;
                attempt.* = .{
                    .context = context,
                    .target = target,
                    .purpose = purpose,
                    .phase = .connecting,
                    .request = .secret(context.gpa, &.{}, auth.frame_bytes_max),
                    .reply = .secret(context.gpa, &.{}, reply_bytes_max),
                    .deadline_ns = context.connectDeadline(net.now()),
                };
                const socket = net.connectStart(target.address) catch |err| {
                    return attempt.failBeforeSocket(err);
                };
                attempt.candidate = .{
                    .socket = socket,
                    .target = target,
                    .login_target = target,
                };
            }

            pub fn isAdmitted(attempt: *const Attempt) bool {
                return attempt.phase == .admitted;
            }

            pub fn hasFailed(attempt: *const Attempt) bool {
                return attempt.phase == .failed;
            }

            /// It has not answered in time.
            pub fn isLate(attempt: *const Attempt) bool {
                return attempt.hasFailed() and attempt.failure.status == .timeout;
            }

            /// The caller's from now on. Where only logins use TLS, it is reached without it then.
            pub fn take(attempt: *Attempt) error{Failed}!Candidate {
                assert(attempt.phase == .admitted);
                attempt.phase = .taken;
                const context = attempt.context;
                if (context.logsInApart()) attempt.leaveTls() catch {
                    attempt.candidate.deinit(context);
                    context.note(&attempt.failure);
                    return error.Failed;
                };
                return attempt.candidate;
            }

            /// To the node's address for plain connections, where the session is presented.
            fn leaveTls(attempt: *Attempt) error{Failed}!void {
                const context = attempt.context;
                const failure = &attempt.failure;
                const body = attempt.reply.written();
                const address = attempt.target.address;
                const command = servicesCommand(context);
                const services = wire.info.Lines.find(body, command) orelse "";
                const text = "{f}: the node names no address for plain connections ({s})";
                failure.set(.invalid_node, text, .{ address, command });
                if (wire.info.failure(services) != null) return error.Failed;
                var buffer: [addresses_max]Net.Address = undefined;
                var hosts = wire.info.Hosts.init(services, address.getPort());
                while (hosts.next() catch return error.Failed) |host| {
                    const found = context.resolve(host.name, host.port, io.never, &buffer) catch
                        continue;
                    for (found) |plain| {
                        if (context.interrupted) return error.Failed;
                        return attempt.moveToPlain(plain) catch continue;
                    }
                }
                return error.Failed;
            }

            fn moveToPlain(attempt: *Attempt, address: Net.Address) error{Failed}!void {
                const context = attempt.context;
                const candidate = &attempt.candidate;
                const failure = &attempt.failure;
                const net = context.tend_net;
                const deadline_ns = context.connectDeadline(net.now());
                var socket = net.connect(address, deadline_ns) catch |err| {
                    exchange.describe(err, "connect", address, failure);
                    return error.Failed;
                };
                errdefer net.close(&socket);
                const is_taken = attempt.presentSession(&socket, address, deadline_ns) catch |err| {
                    exchange.describe(err, "authentication", address, failure);
                    return error.Failed;
                };
                if (!is_taken) {
                    const text = "{f}: the server does not take the session of its own login";
                    failure.set(.not_authenticated, text, .{address});
                    return error.Failed;
                }
                net.close(&candidate.socket);
                candidate.socket = socket;
                candidate.target = .{ .address = address };
            }

            fn presentSession(
                attempt: *Attempt,
                socket: *Net.Socket,
                address: Net.Address,
                deadline_ns: u64,
            ) exchange.Error!bool {
                const context = attempt.context;
                const token = attempt.candidate.session.token;
                const credentials = context.credentialsNow() orelse return true;
                if (token.len == 0) return true;
                attempt.request.clear();
                auth.encodeSession(&credentials, token, &attempt.request) catch
                    return error.OutOfMemory;
                var reply: wire.Buffer = .secret(context.gpa, &.{}, reply_bytes_max);
                defer reply.deinit();
                const body = try exchange.roundTrip(
                    context.tend_net,
                    socket,
                    attempt.request.written(),
                    .admin,
                    deadline_ns,
                    &reply,
                );
                return auth.isAccepted(body, address, &attempt.failure) catch error.BadReply;
            }

            /// After `drive`.
            pub fn drop(attempt: *Attempt) void {
                assert(!attempt.isUnderWay());
                if (attempt.phase == .admitted) attempt.candidate.deinit(attempt.context);
                attempt.request.deinit();
                attempt.reply.deinit();
                attempt.* = undefined;
            }

            fn isUnderWay(attempt: *const Attempt) bool {
                return switch (attempt.phase) {
                    .connecting, .shaking_hands, .logging_in, .asking => true,
                    .admitted, .failed, .taken => false,
                };
            }

            fn isSending(attempt: *const Attempt) bool {
                const net = attempt.context.tend_net;
                return switch (attempt.phase) {
                    .connecting => true,
                    .shaking_hands => attempt.handshake_waits == .writing,
                    else => attempt.sent < attempt.request.end or
                        net.waitsToWrite(&attempt.candidate.socket),
                };
            }

            /// The failure is set.
            fn end(attempt: *Attempt) void {
                attempt.candidate.deinit(attempt.context);
                attempt.context.note(&attempt.failure);
                attempt.phase = .failed;
            }

            fn failBeforeSocket(attempt: *Attempt, err: io.Error) void {
                attempt.describe(err);
                attempt.context.note(&attempt.failure);
                attempt.phase = .failed;
            }

            fn fail(attempt: *Attempt, err: exchange.Error) void {
                attempt.describe(err);
                attempt.end();
            }

            fn describe(attempt: *Attempt, err: exchange.Error) void {
                const failure = &attempt.failure;
                const address = attempt.target.address;
                const is_asked = attempt.phase == .logging_in or attempt.phase == .asking;
                if (is_asked and err == error.ConnectionClosed and attempt.context.options.tls == null) {
                    const doing = if (attempt.phase == .asking) "info request" else "login";
                    const text = "{f}: {s}: the connection was closed; if this port speaks TLS, give 'tls'";
                    return failure.set(.connection, text, .{ address, doing });
                }
                switch (attempt.phase) {
                    .connecting => exchange.describe(err, "connect", address, failure),
                    .shaking_hands => exchange.describe(err, "TLS handshake", address, failure),
                    .logging_in => exchange.describe(err, "login", address, failure),
                    .asking => exchange.describe(err, "info request", address, failure),
                    .admitted, .failed, .taken => unreachable,
                }
            }

            /// Goes on as far as it can without waiting.
            fn advance(attempt: *Attempt) void {
                attempt.advanceOrFail() catch |err| switch (err) {
                    error.Failed => attempt.end(),
                    else => |other| attempt.fail(other),
                };
            }

            fn advanceOrFail(attempt: *Attempt) (exchange.Error || error{Failed})!void {
                const net = attempt.context.tend_net;
                const socket = &attempt.candidate.socket;
                if (attempt.phase == .connecting) {
                    try net.connectFinish(socket, attempt.target.address);
                    try attempt.shakeHands();
                }
                if (attempt.phase == .shaking_hands) {
                    if (try net.tryHandshake(socket)) |direction| {
                        attempt.handshake_waits = direction;
                        return;
                    }
                    try attempt.logIn();
                }
                while (attempt.isUnderWay()) {
                    const body = try attempt.transfer() orelse return;
                    switch (attempt.phase) {
                        .logging_in => {
                            attempt.candidate.session = try auth.takeLogin(
                                attempt.context.gpa,
                                net.now(),
                                body,
                                attempt.context.options.userToLogIn(),
                                attempt.target.address,
                                &attempt.failure,
                            );
                            try attempt.ask();
                        },
                        .asking => {
                            const context = attempt.context;
                            const candidate = &attempt.candidate;
                            try identify(context, candidate, body, &attempt.failure);
                            attempt.phase = .admitted;
                        },
                        else => unreachable,
                    }
                }
            }

            fn shakeHands(attempt: *Attempt) exchange.Error!void {
                const context = attempt.context;
                // What it answers may lead to another connection for commands.
                const held = context.holdTls(.login) orelse return attempt.logIn();
                defer held.release();
                const net = context.tend_net;
                attempt.phase = .shaking_hands;
                attempt.deadline_ns = context.connectDeadline(net.now());
                try net.secure(&attempt.candidate.socket, held, attempt.target.peer());
            }

            fn logIn(attempt: *Attempt) exchange.Error!void {
                const context = attempt.context;
                const credentials = context.credentialsNow() orelse return attempt.ask();
                attempt.startFrame(.logging_in);
                attempt.deadline_ns = context.loginDeadline(context.tend_net.now());
                auth.encodeLogin(&credentials, &attempt.request) catch return error.OutOfMemory;
            }

            fn ask(attempt: *Attempt) exchange.Error!void {
                const context = attempt.context;
                attempt.startFrame(.asking);
                attempt.deadline_ns = context.connectDeadline(context.tend_net.now());
                const names = [_][]const u8{
                    "node",
                    "partition-generation",
                    "build",
                    "cluster-name",
                    servicesCommand(context),
                };
                const asks_address = attempt.mayHaveOtherAddress() or context.logsInApart();
                const asked = if (asks_address) names[0..5] else names[0..4];
                wire.info.encodeRequest(&attempt.request, asked) catch return error.OutOfMemory;
            }

            fn mayHaveOtherAddress(attempt: *const Attempt) bool {
                const address = attempt.target.address;
                return attempt.purpose == .seed and !isLoopback(address);
            }

            fn startFrame(attempt: *Attempt, phase: Phase) void {
                attempt.phase = phase;
                attempt.request.clear();
                attempt.sent = 0;
                attempt.header_len = 0;
                attempt.reply.clear();
                attempt.received = 0;
            }

            /// Sends the request and receives the reply as far as that is possible without a
            /// wait; the body, when it is complete.
            fn transfer(attempt: *Attempt) exchange.Error!?[]const u8 {
                const net = attempt.context.tend_net;
                const socket = &attempt.candidate.socket;
                const request = attempt.request.written();
                while (attempt.sent < request.len) {
                    const count = try net.trySend(socket, request[attempt.sent..]);
                    if (count == 0) return null;
                    attempt.sent += count;
                }
                while (attempt.header_len < header_bytes) {
                    const rest = attempt.header[attempt.header_len..];
                    const count = try net.tryRecv(socket, rest);
                    if (count == 0) return null;
                    attempt.header_len += count;
                    if (attempt.header_len == header_bytes) try attempt.startBody();
                }
                const body = attempt.reply.written();
                while (attempt.received < body.len) {
                    const count = try net.tryRecv(socket, body[attempt.received..]);
                    if (count == 0) return null;
                    attempt.received += count;
                }
                return body;
            }

            fn startBody(attempt: *Attempt) exchange.Error!void {
                const header = wire.proto.decode(&attempt.header, reply_bytes_max) catch
                    return error.BadReply;
                const kind: wire.proto.Kind = if (attempt.phase == .asking) .info else .admin;
                if (header.kind != kind) return error.BadReply;
                _ = attempt.reply.reserve(header.size) catch |err| switch (err) {
                    error.NoSpaceLeft => return error.BadReply,
                    error.OutOfMemory => return error.OutOfMemory,
                };
            }
        };

        /// Until each of them is admitted or has failed. An interruption ends all.
        pub fn drive(context: *Context(Net), attempts: []Attempt) void {
            assert(attempts.len <= attempts_max);
            const net = context.tend_net;
            var watches: [attempts_max]Net.Watch = undefined;
            while (true) {
                var count: usize = 0;
                var deadline_ns: u64 = io.never;
                for (attempts) |*attempt| {
                    if (!attempt.isUnderWay()) continue;
                    watches[count] = .{
                        .socket = &attempt.candidate.socket,
                        .for_writing = attempt.isSending(),
                    };
                    deadline_ns = @min(deadline_ns, attempt.deadline_ns);
                    count += 1;
                }
                if (count == 0) return;
                net.waitAny(watches[0..count], deadline_ns) catch |err| if (err != error.Timeout) {
                    for (attempts) |*attempt| if (attempt.isUnderWay()) attempt.fail(err);
                    return;
                };
                advanceReady(net.now(), attempts, watches[0..count]);
            }
        }

        /// The watches are of those that are under way, in the same order.
        fn advanceReady(now_ns: u64, attempts: []Attempt, watches: []const Net.Watch) void {
            var index: usize = 0;
            for (attempts) |*attempt| {
                if (!attempt.isUnderWay()) continue;
                defer index += 1;
                if (watches[index].is_ready) {
                    attempt.advance();
                } else if (now_ns >= attempt.deadline_ns) {
                    attempt.fail(error.Timeout);
                }
            }
            assert(index == watches.len);
        }

        /// Asks one server. Sets the failure completely; its text begins with the address.
        pub fn admit(
            context: *Context(Net),
            target: Target,
            purpose: Purpose,
            failure: *Failure,
        ) error{Failed}!Candidate {
            var attempts: [1]Attempt = undefined;
            const attempt = &attempts[0];
            attempt.begin(context, target, purpose);
            defer attempt.drop();
            drive(context, &attempts);
            if (!attempt.isAdmitted()) {
                failure.* = attempt.failure;
                return error.Failed;
            }
            var candidate = attempt.take() catch |err| {
                failure.* = attempt.failure;
                return err;
            };
            if (!attempt.mayHaveOtherAddress() or context.logsInApart()) return candidate;
            const body = attempt.reply.written();
            const services = wire.info.Lines.find(body, servicesCommand(context)) orelse
                return candidate;
            findOwnAddress(context, &candidate, services);
            return candidate;
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
                exchange.describe(err, "info request", candidate.target.address, failure);
                return error.Failed;
            };
        }

        fn identify(
            context: *Context(Net),
            candidate: *Candidate,
            body: []const u8,
            failure: *Failure,
        ) error{Failed}!void {
            const address = candidate.target.address;
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
                noAnswer(body, name, address, failure);
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

        /// A node that has security answers one line, whatever it was asked, unless somebody has
        /// logged in on the connection.
        fn noAnswer(
            body: []const u8,
            comptime name: []const u8,
            address: Net.Address,
            failure: *Failure,
        ) void {
            const refused = wire.info.failure(body);
            if (refused != null and refused.?.code == 80) {
                const text = "{f}: not authenticated: the node has security, and nobody is " ++
                    "logged in; write connect(\"user\", \"password\"), or give both in the " ++
                    "configuration";
                return failure.set(.not_authenticated, text, .{address});
            }
            failure.set(.invalid_node, "{f}: the node did not answer '" ++ name ++ "'", .{address});
        }

        fn servicesCommand(context: *const Context(Net)) []const u8 {
            return switch (context.serviceKind(.data)) {
                .clear_std => "service-clear-std",
                .clear_alt => "service-clear-alt",
                .tls_std => "service-tls-std",
                .tls_alt => "service-tls-alt",
            };
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
            const port = candidate.target.address.getPort();
            var search = wire.info.Hosts.init(services, port);
            while (search.next() catch return) |host| {
                const own = context.resolve(host.name, port, io.never, &buffer) catch continue;
                for (own) |*address| {
                    if (address.eql(&candidate.target.address)) return;
                }
            }
            var hosts = wire.info.Hosts.init(services, port);
            while (hosts.next() catch return) |host| {
                const own = context.resolve(host.name, host.port, io.never, &buffer) catch continue;
                for (own) |address| {
                    if (context.interrupted) return;
                    // It is the same node, with the same certificate.
                    const moved: Target = .{ .address = address, .name = candidate.target.name };
                    if (moveTo(context, candidate, moved)) return;
                }
            }
        }

        fn moveTo(
            context: *Context(Net),
            candidate: *Candidate,
            target: Target,
        ) bool {
            var failure: Failure = .{};
            var other = admit(context, target, .peer, &failure) catch return false;
            if (!std.mem.eql(u8, other.name(), candidate.name())) {
                other.deinit(context);
                return false;
            }
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
