//! What all nodes of one cluster share: configuration, network, and the wish for a tend.
//!
//! Owned by the cluster, which outlives its nodes.

const std = @import("std");
const io = @import("../io.zig");
const auth = @import("auth.zig");
const Failure = @import("../status.zig").Failure;
const Options = @import("options.zig").Options;
const tls = @import("../tls.zig");

pub fn Context(comptime Net: type) type {
    return struct {
        gpa: std.mem.Allocator,
        /// The network of commands.
        net: *Net,
        /// The network of whoever tends: that of commands until the tend thread has its own.
        tend_net: *Net,
        options: Options,
        /// Null when no user logs in.
        credentials: ?auth.Credentials,
        /// Guards the password in the credentials, which alone may change.
        credentials_guard: io.sync.Mutex = .{},
        /// Null: connections are plain. Owned; guarded.
        tls_now: ?*tls.Context = null,
        tls_guard: io.sync.Mutex = .{},
        tls_counters: tls.Counters = .{},
        /// Set by any thread, taken by the tend thread.
        tend_requested: io.sync.Event = .{},
        /// A signal, or the end of the tend thread, cut the present tend short: what did not
        /// answer in it has not failed. Only for whoever tends.
        interrupted: bool = false,
        /// This process ran out of something in the present tend: what could not be asked for that
        /// reason has not failed either. Only for whoever tends.
        lacking: bool = false,

        /// Who else holds connections of the nodes, and is to look at who wants them; an event loop.
        holder: std.atomic.Value(?*const Holder) = .init(null),

        const This = @This();

        pub const Holder = struct {
            context: *anyopaque,
            /// Any thread.
            wake: *const fn (*anyopaque) void,
        };

        /// Any thread: a connection is wanted, or one has become free that is.
        pub fn wakeHolder(context: *const This) void {
            const holder = context.holder.load(.acquire) orelse return;
            holder.wake(holder.context);
        }

        /// Any thread; many requests make one tend.
        pub fn requestTend(context: *This) void {
            context.tend_requested.set();
        }

        /// What to log in with now. Any thread.
        pub fn credentialsNow(context: *This) ?auth.Credentials {
            context.credentials_guard.lock();
            defer context.credentials_guard.unlock();
            return context.credentials;
        }

        /// What connections of that use are made safe with, the caller's to release; null: they
        /// are plain. Any thread.
        pub fn holdTls(context: *This, use: Use) ?*tls.Context {
            if (!context.usesTls(use)) return null;
            context.tls_guard.lock();
            defer context.tls_guard.unlock();
            return context.tls_now.?.hold();
        }

        pub fn usesTls(context: *const This, use: Use) bool {
            const options = &(context.options.tls orelse return false);
            return use == .login or !options.for_login_only;
        }

        /// Which of their addresses nodes are asked for, for connections of a use.
        pub fn serviceKind(context: *const This, use: Use) ServiceKind {
            const is_alternate = context.options.use_services_alternate;
            if (context.usesTls(use)) return if (is_alternate) .tls_alt else .tls_std;
            return if (is_alternate) .clear_alt else .clear_std;
        }

        /// Logins are for other connections than the commands.
        pub fn logsInApart(context: *const This) bool {
            return context.usesTls(.login) and !context.usesTls(.data);
        }

        /// The user's password has been changed on the server. Any thread.
        pub fn setPasswordHash(context: *This, hash: *const auth.Hash) void {
            context.credentials_guard.lock();
            defer context.credentials_guard.unlock();
            if (context.credentials) |*credentials| credentials.hash = hash.*;
        }

        /// Whoever tends: what has failed in the present tend.
        pub fn note(context: *This, failure: *const Failure) void {
            if (failure.status == .interrupted) context.interrupted = true;
            if (failure.status.isOwnLack()) context.lacking = true;
        }

        /// Whoever tends: the addresses by which this client reaches a host.
        pub fn resolve(
            context: *This,
            host_name: []const u8,
            port: u16,
            until_ns: u64,
            buffer: []Net.Address,
        ) io.ResolveError![]Net.Address {
            const net = context.tend_net;
            const deadline_ns = @min(until_ns, context.connectDeadline(net.now()));
            const name = context.options.translate(host_name);
            return net.resolve(name, port, deadline_ns, buffer) catch |err| {
                if (err == error.Interrupted) context.interrupted = true;
                if (io.errors.isOwnLack(err)) context.lacking = true;
                return err;
            };
        }

        pub fn connectDeadline(context: *const This, now_ns: u64) u64 {
            return now_ns +| milliseconds(context.options.connect_timeout_ms);
        }

        /// A configured 0 means the connect timeout, as a login must end.
        pub fn loginDeadline(context: *const This, now_ns: u64) u64 {
            const timeout_ms = context.options.login_timeout_ms;
            if (timeout_ms == 0) return context.connectDeadline(now_ns);
            return now_ns +| milliseconds(timeout_ms);
        }
    };
}

pub const ServiceKind = enum { clear_std, clear_alt, tls_std, tls_alt };

/// What a connection is for.
pub const Use = enum { login, data };

pub fn milliseconds(count: u32) u64 {
    return @as(u64, count) * std.time.ns_per_ms;
}
