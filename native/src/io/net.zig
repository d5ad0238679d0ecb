//! The real network: TCP over IPv4 and IPv6 on Linux, macOS and Windows.
//!
//! No call on a descriptor blocks, but for the one that is told to; all are closed on exec, without
//! Nagle's delay, and never raise SIGPIPE. Waiting is `poll` until the deadline, in slices, so that
//! a signal or a stop is noticed even when it falls between the check and the wait. Who receives
//! may sleep in the receive for the first slice, which takes one call of the system instead of
//! three. A `Net` is shared by all threads of a client and has no lock; a `Socket` is a value that
//! one thread uses at a time. A socket that TLS was begun on is used like any other, once its
//! handshake is over.

const std = @import("std");
const assert = std.debug.assert;
const os = @import("../os.zig");
const system = os.system;
const Fd = os.Fd;
const errors = @import("errors.zig");
const Error = errors.Error;
const ResolveError = errors.ResolveError;
const Spin = @import("spin.zig").Spin;
const Spinners = @import("spin.zig").Spinners;
const sync = @import("sync.zig");
const tls = @import("../tls.zig");
const Resolver = @import("resolver.zig").Resolver;

pub const Net = struct {
    /// Asked when a signal interrupts a wait, and between the slices of a long one; a non-zero
    /// answer ends the wait with `error.Interrupted`. Set before the first use.
    interrupt: ?*const fn () callconv(.c) c_int = null,
    /// Ends every wait when it becomes true. Set before the first use.
    stop: ?*const std.atomic.Value(bool) = null,
    /// The threads that are inside the spinning part of `recv`.
    spinners: Spinners,

    pub const Address = std.Io.net.IpAddress;

    pub const Socket = struct {
        fd: Fd,
        spin: Spin = .{},
        /// A receive sleeps until something comes, or for `patience_ms`, unless it is told not to.
        is_patient: bool = false,
        /// Owned; null for one without TLS.
        tls: ?*tls.Stream = null,

        /// False where receives never sleep.
        fn makePatient(socket: *Socket) bool {
            if (os.is_windows) return false;
            if (socket.is_patient) return true;
            const time: system.timeval = .{ .sec = 0, .usec = patience_ms * std.time.us_per_ms };
            const bytes = std.mem.asBytes(&time);
            const set = system.setsockopt(
                socket.fd,
                system.SOL.SOCKET,
                system.SO.RCVTIMEO,
                bytes,
                bytes.len,
            );
            if (os.errno(set) != .SUCCESS) return false;
            const status = system.fcntl(socket.fd, system.F.GETFL, @as(c_int, 0));
            const nonblock: c_int = @bitCast(system.O{ .NONBLOCK = true });
            const cleared = system.fcntl(socket.fd, system.F.SETFL, status & ~nonblock);
            socket.is_patient = os.errno(cleared) == .SUCCESS;
            return socket.is_patient;
        }

        /// Null when nothing has arrived yet.
        fn receive(socket: *const Socket, buffer: []u8, patience: os.Patience) Error!?usize {
            const stream = socket.tls orelse return receivePlain(socket.fd, buffer, patience);
            const count = stream.readPatiently(buffer, patience) catch |err|
                return errorOf(stream, err);
            return if (count == 0) null else count;
        }

        /// Null when the system has no room at present.
        fn give(socket: *const Socket, bytes: []const u8) Error!?usize {
            const stream = socket.tls orelse return trySendPlain(socket.fd, bytes);
            const count = stream.write(bytes) catch |err| return errorOf(stream, err);
            return if (count == 0) null else count;
        }

        /// What to wait for when a call that is for one direction has done nothing: TLS may have
        /// to send before it can receive, and the other way round.
        fn events(socket: *const Socket, direction: tls.Direction) i16 {
            const stream = socket.tls orelse return eventsOf(direction);
            return eventsOf(stream.wants orelse direction);
        }
    };

    /// How long a wait goes on before it asks `interrupt` and `stop` again.
    const slice_ms_max = 100;
    /// How long a receive may sleep. A call with less time than that waits by `poll`.
    const patience_ms = 10;
    const send_flags = system.MSG.DONTWAIT |
        if (@hasDecl(system.MSG, "NOSIGNAL")) system.MSG.NOSIGNAL else 0;

    pub fn init() Net {
        const cpu_count = std.Thread.getCpuCount() catch 1;
        return .{ .spinners = .init(cpu_count) };
    }

    /// A network for a background thread: it heeds the flag and no signals.
    pub fn stoppable(net: *const Net, stop: *const std.atomic.Value(bool)) Net {
        return .{ .stop = stop, .spinners = .{ .limit = net.spinners.limit } };
    }

    pub fn now(net: *const Net) u64 {
        _ = net;
        var time: system.timespec = undefined;
        const rc = system.clock_gettime(.MONOTONIC, &time);
        assert(os.errno(rc) == .SUCCESS);
        return @as(u64, @intCast(time.sec)) * std.time.ns_per_s + @as(u64, @intCast(time.nsec));
    }

    /// Fills the buffer with the addresses of a host, which is a name, an IPv4 or an IPv6
    /// literal. Names go through the system's resolver, which is left alone at the deadline.
    pub fn resolve(
        net: *const Net,
        host: []const u8,
        port: u16,
        deadline_ns: u64,
        buffer: []Address,
    ) ResolveError![]Address {
        assert(buffer.len > 0);
        if (Address.parse(host, port)) |address| {
            buffer[0] = address;
            return buffer[0..1];
        } else |_| {}
        return resolver.resolve(net, host, port, deadline_ns, buffer);
    }

    pub fn connect(net: *Net, address: Address, deadline_ns: u64) Error!Socket {
        var socket = try net.connectStart(address);
        errdefer net.close(&socket);
        try net.wait(socket.fd, system.POLL.OUT, deadline_ns);
        try net.connectFinish(&socket, address);
        return socket;
    }

    /// Begins to connect. The socket is writable when that has ended, well or not.
    pub fn connectStart(net: *Net, address: Address) Error!Socket {
        _ = net;
        const name = SocketName.from(address);
        const fd = try open(name.family());
        errdefer _ = system.close(fd);
        // TCP_NODELAY: requests are written whole, waiting for more would only delay them.
        try setOption(fd, system.IPPROTO.TCP, system.TCP.NODELAY);
        const rc = system.connect(fd, name.pointer(), name.length());
        switch (os.errno(rc)) {
            .SUCCESS, .INPROGRESS, .INTR => return .{ .fd = fd },
            else => |code| return errorFrom(code),
        }
    }

    /// Whether a connect that has ended has succeeded.
    pub fn connectFinish(net: *Net, socket: *Socket, address: Address) Error!void {
        _ = net;
        try pendingError(socket.fd);
        const name = SocketName.from(address);
        if (isConnectedToItself(socket.fd, &name)) return error.ConnectionRefused;
    }

    /// Begins TLS on a connected socket, with the peer as whom its certificate has to be for.
    pub fn secure(net: *Net, socket: *Socket, context: *tls.Context, peer: tls.Peer) Error!void {
        _ = net;
        assert(socket.tls == null);
        socket.tls = tls.Stream.create(context, socket.fd, peer) catch |err| switch (err) {
            error.Tls => return error.Tls,
            else => return error.OutOfMemory,
        };
    }

    /// Goes on with the handshake without waiting: null when it is over, else what it waits for.
    pub fn tryHandshake(net: *Net, socket: *Socket) Error!?tls.Direction {
        _ = net;
        const stream = socket.tls.?;
        return stream.handshake() catch |err| errorOf(stream, err);
    }

    pub fn handshake(net: *Net, socket: *Socket, deadline_ns: u64) Error!void {
        while (try net.tryHandshake(socket)) |direction| {
            try net.wait(socket.fd, eventsOf(direction), deadline_ns);
        }
    }

    /// Null for a socket without TLS.
    pub fn tlsOf(net: *const Net, socket: *const Socket) ?*const tls.Stream {
        _ = net;
        return socket.tls;
    }

    /// More has arrived than was received, though the system does not know of it.
    pub fn hasUnread(net: *const Net, socket: *const Socket) bool {
        _ = net;
        const stream = socket.tls orelse return false;
        return stream.has_unread;
    }

    /// Something has to be received before more can be sent.
    pub fn waitsToRead(net: *const Net, socket: *const Socket) bool {
        _ = net;
        const stream = socket.tls orelse return false;
        return stream.wants == .reading;
    }

    /// Has to be writable before anything can be received.
    pub fn waitsToWrite(net: *const Net, socket: *const Socket) bool {
        _ = net;
        const stream = socket.tls orelse return false;
        return stream.wants == .writing;
    }

    /// Sends what the system takes without waiting; 0 when that is nothing at present.
    pub fn trySend(net: *Net, socket: *Socket, bytes: []const u8) Error!usize {
        _ = net;
        assert(bytes.len > 0);
        return try socket.give(bytes) orelse 0;
    }

    /// Receives what has arrived; 0 when that is nothing.
    pub fn tryRecv(net: *Net, socket: *Socket, buffer: []u8) Error!usize {
        _ = net;
        assert(buffer.len > 0);
        return try socket.receive(buffer, .none) orelse 0;
    }

    /// Sends all of the bytes. After an error some of them may have been sent.
    pub fn send(net: *Net, socket: *Socket, bytes: []const u8, deadline_ns: u64) Error!void {
        var rest = bytes;
        while (rest.len > 0) {
            if (try socket.give(rest)) |count| {
                rest = rest[count..];
            } else {
                try net.wait(socket.fd, socket.events(.writing), deadline_ns);
            }
        }
    }

    /// Receives at least one byte. A deadline that has passed makes one attempt without waiting.
    pub fn recv(net: *Net, socket: *Socket, buffer: []u8, deadline_ns: u64) Error!usize {
        assert(buffer.len > 0);
        const tries = socket.spin.begin();
        if (deadline_ns == 0) return try socket.receive(buffer, .none) orelse error.Timeout;
        if (tries > 0) {
            if (net.spinners.enter()) {
                defer net.spinners.leave();
                if (try socket.receive(buffer, .{ .tries = tries + 1 })) |count| {
                    socket.spin.hit();
                    return count;
                }
                socket.spin.miss();
            } else if (try socket.receive(buffer, .none)) |count| return count;
        }
        const has_time = deadline_ns -| net.now() >= patience_ms * std.time.ns_per_ms;
        if (has_time and socket.makePatient()) {
            if (net.isStopped()) return error.Interrupted;
            if (try socket.receive(buffer, .sleep)) |count| return count;
            if (net.isInterrupted()) return error.Interrupted;
        } else if (tries == 0) {
            if (try socket.receive(buffer, .none)) |count| return count;
        }
        while (true) {
            try net.wait(socket.fd, socket.events(.reading), deadline_ns);
            if (try socket.receive(buffer, .none)) |count| return count;
        }
    }

    /// Open and with nothing to read: fit for the next request.
    pub fn isIdle(net: *const Net, socket: *const Socket) bool {
        _ = net;
        var byte: [1]u8 = undefined;
        const flags = system.MSG.PEEK | system.MSG.DONTWAIT;
        const rc = system.recvfrom(socket.fd, &byte, byte.len, flags, null, null);
        const has_nothing = os.errno(rc) == .AGAIN;
        const stream = socket.tls orelse return has_nothing;
        // What has arrived may be a ticket, which is nobody's.
        return if (has_nothing and !stream.hasPending()) true else stream.isIdle();
    }

    pub fn close(net: *const Net, socket: *Socket) void {
        _ = net;
        assert(socket.fd >= 0);
        if (socket.tls) |stream| stream.destroy();
        // Not repeated on EINTR: the descriptor is gone already and may belong to someone else.
        _ = system.close(socket.fd);
        socket.* = undefined;
    }

    pub fn sleep(net: *const Net, duration_ns: u64) error{Interrupted}!void {
        const deadline_ns = net.now() +| duration_ns;
        var nothing: [0]system.pollfd = .{};
        while (true) {
            const left_ns = deadline_ns -| net.now();
            if (left_ns == 0) return;
            _ = system.poll(&nothing, 0, net.sliceMilliseconds(left_ns));
            if (net.isInterrupted()) return error.Interrupted;
        }
    }

    /// Until another thread sets the event, which clears it.
    pub fn waitFor(
        net: *const Net,
        event: *sync.Event,
        deadline_ns: u64,
    ) error{ Timeout, Interrupted }!void {
        while (true) {
            const left_ns = deadline_ns -| net.now();
            const slice_ns = @as(u64, slice_ms_max) * std.time.ns_per_ms;
            if (event.waitBriefly(@min(left_ns, slice_ns))) return;
            if (left_ns == 0) return error.Timeout;
            if (net.isInterrupted()) return error.Interrupted;
        }
    }

    /// One of several sockets that are waited for together.
    pub const Watch = struct {
        socket: *const Socket,
        /// Ready to be written to, or rather to be read from.
        for_writing: bool,
        /// Or it has failed.
        is_ready: bool = false,
    };

    pub const watches_max = 128;

    /// Until one of the sockets, or several, are ready.
    pub fn waitAny(net: *const Net, watches: []Watch, deadline_ns: u64) Error!void {
        assert(watches.len > 0);
        assert(watches.len <= watches_max);
        var memory: [watches_max]system.pollfd = undefined;
        const entries = memory[0..watches.len];
        for (entries, watches) |*entry, *watch| entry.* = .{
            .fd = watch.socket.fd,
            .events = if (watch.for_writing) system.POLL.OUT else system.POLL.IN,
            .revents = 0,
        };
        try net.poll(entries, deadline_ns);
        for (entries, watches) |*entry, *watch| watch.is_ready = entry.revents != 0;
    }

    /// Until the descriptor is ready for the events, or has failed.
    fn wait(net: *const Net, fd: Fd, events: i16, deadline_ns: u64) Error!void {
        var entries = [1]system.pollfd{.{ .fd = fd, .events = events, .revents = 0 }};
        return net.poll(&entries, deadline_ns);
    }

    fn poll(net: *const Net, entries: []system.pollfd, deadline_ns: u64) Error!void {
        while (true) {
            const left_ns = deadline_ns -| net.now();
            if (left_ns == 0) return error.Timeout;
            // After the stop nothing is worth a wait, be it for a slice.
            if (net.isStopped()) return error.Interrupted;
            const slice_ms = net.sliceMilliseconds(left_ns);
            const rc = system.poll(entries.ptr, @intCast(entries.len), slice_ms);
            switch (os.errno(rc)) {
                .SUCCESS => if (rc > 0) return,
                .INTR => {},
                .NOMEM => return error.OutOfMemory,
                else => return error.Network,
            }
            if (net.isInterrupted()) return error.Interrupted;
        }
    }

    fn sliceMilliseconds(net: *const Net, left_ns: u64) c_int {
        const left_ms = left_ns / std.time.ns_per_ms + 1;
        const watched = net.interrupt != null or net.stop != null;
        const limit: u64 = if (watched) slice_ms_max else std.math.maxInt(c_int);
        return @intCast(@min(left_ms, limit));
    }

    /// The flag that ends every wait is set.
    pub fn isStopped(net: *const Net) bool {
        const stop = net.stop orelse return false;
        return stop.load(.acquire);
    }

    /// Whether a wait has to end: for drivers that wait by other means.
    pub fn isInterrupted(net: *const Net) bool {
        if (net.isStopped()) return true;
        const interrupt = net.interrupt orelse return false;
        var own: Asking = .{ .net = net, .outer = asking };
        asking = &own;
        defer asking = own.outer;
        return interrupt() != 0;
    }

    /// The calling thread is in a signal handler that has interrupted a wait of this network.
    pub fn isAsking(net: *const Net) bool {
        var next = asking;
        while (next) |entry| : (next = entry.outer) {
            if (entry.net == net) return true;
        }
        return false;
    }

    /// In the child of a fork: the threads that spun do not exist.
    pub fn afterFork(net: *Net) void {
        net.spinners = .{ .limit = net.spinners.limit };
    }

    /// Networks whose `interrupt` is being asked on this thread; a handler may wait for another.
    const Asking = struct { net: *const Net, outer: ?*const Asking };
    threadlocal var asking: ?*const Asking = null;
};

/// An address as the operating system's calls want it.
const SocketName = union(enum) {
    ip4: system.sockaddr.in,
    ip6: system.sockaddr.in6,

    fn from(address: Net.Address) SocketName {
        return switch (address) {
            .ip4 => |ip4| .{ .ip4 = .{
                .port = std.mem.nativeToBig(u16, ip4.port),
                .addr = @bitCast(ip4.bytes),
            } },
            .ip6 => |ip6| .{ .ip6 = .{
                .port = std.mem.nativeToBig(u16, ip6.port),
                .flowinfo = ip6.flow,
                .addr = ip6.bytes,
                .scope_id = ip6.interface.index,
            } },
        };
    }

    fn family(name: *const SocketName) c_uint {
        return switch (name.*) {
            .ip4 => system.AF.INET,
            .ip6 => system.AF.INET6,
        };
    }

    fn pointer(name: *const SocketName) *const system.sockaddr {
        return switch (name.*) {
            .ip4 => |*ip4| @ptrCast(ip4),
            .ip6 => |*ip6| @ptrCast(ip6),
        };
    }

    fn length(name: *const SocketName) system.socklen_t {
        return switch (name.*) {
            .ip4 => @sizeOf(system.sockaddr.in),
            .ip6 => @sizeOf(system.sockaddr.in6),
        };
    }
};

fn open(family: c_uint) Error!Fd {
    const atomic_flags = os.is_linux or os.is_windows;
    const flags = if (atomic_flags) system.SOCK.NONBLOCK | system.SOCK.CLOEXEC else 0;
    const rc = system.socket(family, system.SOCK.STREAM | flags, system.IPPROTO.TCP);
    if (os.errno(rc) != .SUCCESS) return errorFrom(os.errno(rc));
    const fd: Fd = @intCast(rc);
    errdefer _ = system.close(fd);
    if (!atomic_flags) {
        _ = system.fcntl(fd, system.F.SETFD, @as(c_int, system.FD_CLOEXEC));
        const status = system.fcntl(fd, system.F.GETFL, @as(c_int, 0));
        const nonblock: c_int = @bitCast(system.O{ .NONBLOCK = true });
        _ = system.fcntl(fd, system.F.SETFL, status | nonblock);
        if (@hasDecl(system.SO, "NOSIGPIPE")) {
            try setOption(fd, system.SOL.SOCKET, system.SO.NOSIGPIPE);
        }
    }
    return fd;
}

fn setOption(fd: Fd, level: i32, option: u32) Error!void {
    const on: c_int = 1;
    const rc = system.setsockopt(fd, level, option, std.mem.asBytes(&on), @sizeOf(c_int));
    if (os.errno(rc) != .SUCCESS) return errorFrom(os.errno(rc));
}

/// How a connect that did not finish at once has ended.
fn pendingError(fd: Fd) Error!void {
    var code: c_int = 0;
    var size: system.socklen_t = @sizeOf(c_int);
    const bytes = std.mem.asBytes(&code);
    const rc = system.getsockopt(fd, system.SOL.SOCKET, system.SO.ERROR, bytes, &size);
    if (os.errno(rc) != .SUCCESS) return errorFrom(os.errno(rc));
    if (code != 0) return errorFrom(@fromBackingInt(@intCast(code)));
}

/// A connect to a port of this machine that nobody listens on may, by chance of the port that the
/// kernel picks for our end, connect the socket with itself; it would answer every request with
/// an echo, and keep the true owner from listening.
fn isConnectedToItself(fd: Fd, peer: *const SocketName) bool {
    var own: system.sockaddr.in6 = undefined;
    var size: system.socklen_t = @sizeOf(system.sockaddr.in6);
    const rc = system.getsockname(fd, @ptrCast(&own), &size);
    if (os.errno(rc) != .SUCCESS) return false;
    return switch (peer.*) {
        .ip4 => |*ip4| {
            const own4: *const system.sockaddr.in = @ptrCast(&own);
            return own4.port == ip4.port and own4.addr == ip4.addr;
        },
        .ip6 => |*ip6| own.port == ip6.port and std.mem.eql(u8, &own.addr, &ip6.addr),
    };
}

fn eventsOf(direction: tls.Direction) i16 {
    return switch (direction) {
        .reading => system.POLL.IN,
        .writing => system.POLL.OUT,
    };
}

fn errorOf(stream: *const tls.Stream, err: tls.StreamError) Error {
    return switch (err) {
        error.Closed => error.ConnectionClosed,
        error.Broken => errorFrom(stream.transport),
        error.Tls => error.Tls,
        error.OutOfMemory => error.OutOfMemory,
    };
}

/// Null when the system has no room at present.
fn trySendPlain(fd: Fd, bytes: []const u8) Error!?usize {
    while (true) {
        const rc = system.send(fd, bytes.ptr, bytes.len, Net.send_flags);
        switch (os.errno(rc)) {
            .SUCCESS => return @intCast(rc),
            .INTR => {},
            .AGAIN => return null,
            else => |code| return errorFrom(code),
        }
    }
}

/// Null when nothing has arrived yet.
fn receivePlain(fd: Fd, buffer: []u8, patience: os.Patience) Error!?usize {
    const rc, const code = os.receive(fd, buffer, patience);
    return switch (code) {
        .SUCCESS => if (rc == 0) error.ConnectionClosed else @intCast(rc),
        .AGAIN => null,
        else => errorFrom(code),
    };
}

fn errorFrom(code: std.posix.E) Error {
    return switch (code) {
        .CONNREFUSED => error.ConnectionRefused,
        .CONNRESET, .CONNABORTED, .PIPE, .NOTCONN => error.ConnectionClosed,
        .TIMEDOUT => error.Timeout,
        // No free local port answers AGAIN or ADDRNOTAVAIL, by system.
        .MFILE, .NFILE, .AGAIN, .ADDRNOTAVAIL => error.SystemResources,
        .NOBUFS, .NOMEM => error.OutOfMemory,
        else => error.Network,
    };
}

/// Of the process.
pub var resolver: Resolver = .{ .look_up = lookUp };

/// Asks the system's resolver; the addresses have port 0.
fn lookUp(host: [:0]const u8, buffer: []Net.Address) ResolveError![]Net.Address {
    var hints = std.mem.zeroes(system.addrinfo);
    hints.socktype = system.SOCK.STREAM;
    hints.protocol = system.IPPROTO.TCP;
    var list: ?*system.addrinfo = null;
    const rc = system.getaddrinfo(host, null, &hints, &list);
    if (@backingInt(rc) != 0) {
        if (rc == .MEMORY) return error.OutOfMemory;
        // The resolver calls a lack of descriptors by other names.
        const probe = open(system.AF.INET) catch |err| switch (err) {
            error.SystemResources, error.OutOfMemory => |lack| return lack,
            else => return error.HostNotFound,
        };
        _ = system.close(probe);
        return error.HostNotFound;
    }
    const first = list orelse return error.HostNotFound;
    defer system.freeaddrinfo(first);
    var count: usize = 0;
    var next: ?*system.addrinfo = first;
    while (next) |entry| : (next = entry.next) {
        if (count == buffer.len) break;
        const address = addressFrom(entry.addr orelse continue, 0) orelse continue;
        if (contains(buffer[0..count], address)) continue;
        buffer[count] = address;
        count += 1;
    }
    if (count == 0) return error.HostNotFound;
    return buffer[0..count];
}

fn addressFrom(name: *const system.sockaddr, port: u16) ?Net.Address {
    switch (name.family) {
        system.AF.INET => {
            const ip4: *const system.sockaddr.in = @ptrCast(@alignCast(name));
            return .{ .ip4 = .{ .bytes = @bitCast(ip4.addr), .port = port } };
        },
        system.AF.INET6 => {
            const ip6: *const system.sockaddr.in6 = @ptrCast(@alignCast(name));
            return .{ .ip6 = .{
                .bytes = ip6.addr,
                .port = port,
                .flow = ip6.flowinfo,
                .interface = .{ .index = ip6.scope_id },
            } };
        },
        else => return null,
    }
}

fn contains(addresses: []const Net.Address, address: Net.Address) bool {
    for (addresses) |*known| {
        if (known.eql(&address)) return true;
    }
    return false;
}
