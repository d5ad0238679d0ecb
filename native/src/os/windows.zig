//! Windows under the names of POSIX: sockets of Winsock, `poll`, and the clocks.
//!
//! As on POSIX systems a call that fails answers -1, and `errno` tells why, in the same thread and
//! before its next call. `socket` and `accept4` take the flags of Linux, and make sockets that no
//! child process inherits. Needs Windows 10 of 2020 (2004) or later: before, `WSAPoll` does not
//! tell of a connect that has failed, and such a one ends at its deadline instead of at once.

const std = @import("std");
const posix = std.posix;
const ws2_32 = std.os.windows.ws2_32;
const assert = std.debug.assert;

pub const fd_t = usize;
pub const socklen_t = ws2_32.socklen_t;
pub const sockaddr = ws2_32.sockaddr;
pub const AF = ws2_32.AF;
pub const IPPROTO = ws2_32.IPPROTO;
pub const SO = ws2_32.SO;
pub const SOL = ws2_32.SOL;
pub const TCP = ws2_32.TCP;
pub const E = posix.E;

pub const SOCK = struct {
    pub const STREAM = 1;
    /// Not of Windows: what `socket` and `accept4` are to do beside.
    pub const NONBLOCK = 1 << 16;
    pub const CLOEXEC = 1 << 17;
};

pub const MSG = struct {
    pub const PEEK = 2;
    /// Only for sockets that do not block anyway.
    pub const DONTWAIT = 0;
};

pub const POLL = struct {
    pub const IN = 0x0300;
    pub const OUT = 0x0010;
    pub const ERR = 0x0001;
    pub const HUP = 0x0002;
    pub const NVAL = 0x0004;
};

pub const pollfd = extern struct {
    fd: fd_t,
    events: i16,
    revents: i16,
};

pub const addrinfo = extern struct {
    flags: i32,
    family: i32,
    socktype: i32,
    protocol: i32,
    addrlen: usize,
    canonname: ?[*:0]u8,
    addr: ?*sockaddr,
    next: ?*addrinfo,
};

pub const EAI = enum(c_int) {
    SUCCESS = 0,
    MEMORY = 8,
    _,
};

pub const clockid_t = enum { REALTIME, MONOTONIC };

pub const timespec = struct { sec: i64, nsec: i64 };

const winsock = struct {
    extern "ws2_32" fn WSAStartup(version: u16, data: *[512]u8) callconv(.winapi) c_int;
    extern "ws2_32" fn WSAGetLastError() callconv(.winapi) c_int;
    extern "ws2_32" fn WSASetLastError(code: c_int) callconv(.winapi) void;
    extern "ws2_32" fn WSASocketW(
        family: c_int,
        kind: c_int,
        protocol: c_int,
        info: ?*anyopaque,
        group: u32,
        flags: u32,
    ) callconv(.winapi) fd_t;
    extern "ws2_32" fn accept(
        listener: fd_t,
        name: ?*sockaddr,
        length: ?*socklen_t,
    ) callconv(.winapi) fd_t;
    extern "ws2_32" fn ioctlsocket(fd: fd_t, command: c_int, value: *u32) callconv(.winapi) c_int;
    extern "ws2_32" fn WSAIoctl(
        fd: fd_t,
        code: u32,
        input: ?*const anyopaque,
        input_bytes: u32,
        output: ?*anyopaque,
        output_bytes: u32,
        returned: *u32,
        overlapped: ?*anyopaque,
        routine: ?*anyopaque,
    ) callconv(.winapi) c_int;
    extern "ws2_32" fn WSAPoll(entries: [*]pollfd, count: u32, ms: c_int) callconv(.winapi) c_int;
    extern "ws2_32" fn recv(fd: fd_t, to: [*]u8, len: c_int, flags: c_int) callconv(.winapi) c_int;
    extern "ws2_32" fn send(
        fd: fd_t,
        from: [*]const u8,
        len: c_int,
        flags: c_int,
    ) callconv(.winapi) c_int;
    extern "ws2_32" fn connect(
        fd: fd_t,
        name: *const sockaddr,
        length: socklen_t,
    ) callconv(.winapi) c_int;
    extern "ws2_32" fn setsockopt(
        fd: fd_t,
        level: c_int,
        option: c_int,
        value: *const anyopaque,
        length: socklen_t,
    ) callconv(.winapi) c_int;
    extern "ws2_32" fn getsockopt(
        fd: fd_t,
        level: c_int,
        option: c_int,
        value: *c_int,
        length: *socklen_t,
    ) callconv(.winapi) c_int;
    extern "ws2_32" fn getaddrinfo(
        host: [*:0]const u8,
        service: ?[*:0]const u8,
        hints: *const addrinfo,
        list: *?*addrinfo,
    ) callconv(.winapi) EAI;

    const invalid_socket = std.math.maxInt(fd_t);
    const overlapped = 0x01;
    const no_inheritance = 0x80;
    const FIONBIO: c_int = @bitCast(@as(u32, 0x8004667e));
    const SIO_TCP_INITIAL_RTO = 0x98000011;
    const version = 0x0202;
};

extern "ws2_32" fn closesocket(fd: fd_t) callconv(.winapi) c_int;
pub const close = closesocket;

/// Paths are UTF-8 here; what Windows takes bytes for depends on its settings.
const Wide = struct {
    buffer: [path_units_max:0]u16 = undefined,

    const path_units_max = 1024;

    /// Null for one that is too long, or no UTF-8.
    fn of(wide: *Wide, path: []const u8) ?[*:0]const u16 {
        // It never has more units than bytes.
        if (path.len > path_units_max) return null;
        const len = std.unicode.utf8ToUtf16Le(&wide.buffer, path) catch return null;
        wide.buffer[len] = 0;
        return wide.buffer[0..len :0];
    }

    /// The same from the root on, as it is asked for with the current folder in mind.
    fn fromRoot(wide: *Wide, path: []const u8) ?[*:0]const u16 {
        var relative: Wide = .{};
        const given = relative.of(path) orelse return null;
        const size: u32 = wide.buffer.len + 1;
        const len = GetFullPathNameW(given, size, &wide.buffer, null);
        return if (len == 0 or len >= size) null else wide.buffer[0..len :0];
    }
};

pub fn pathExists(path: [:0]const u8) bool {
    var wide: Wide = .{};
    const name = wide.of(path) orelse return false;
    return GetFileAttributesW(name) != std.math.maxInt(u32);
}

pub fn fopen(path: [:0]const u8, mode: [:0]const u8) ?*std.c.FILE {
    var wide: Wide = .{};
    var wide_mode: Wide = .{};
    return _wfopen(wide.of(path) orelse return null, wide_mode.of(mode).?);
}

/// What is beside the program, in the system's folder, or in one that was added for this; never in
/// the current one, where anybody may have put it. A path is taken as it is, and what the library
/// needs itself is looked for beside it as well.
pub fn openLibrary(path: [:0]const u8) ?*anyopaque {
    var wide: Wide = .{};
    const is_name = std.mem.findAny(u8, path, "/\\") == null;
    const name = (if (is_name) wide.of(path) else wide.fromRoot(path)) orelse return null;
    const flags: u32 = if (is_name) search_default else search_default | search_beside;
    return LoadLibraryExW(name, null, flags);
}

const search_beside = 0x100;
const search_default = 0x1000;

pub fn findLibrary(name: [:0]const u8) ?*anyopaque {
    var wide: Wide = .{};
    return GetModuleHandleW(wide.of(name) orelse return null);
}

extern "c" fn _wfopen(path: [*:0]const u16, mode: [*:0]const u16) ?*std.c.FILE;
extern "kernel32" fn GetFileAttributesW(path: [*:0]const u16) callconv(.winapi) u32;
extern "kernel32" fn GetFullPathNameW(
    path: [*:0]const u16,
    size: u32,
    buffer: [*]u16,
    name: ?*?[*:0]u16,
) callconv(.winapi) u32;
extern "kernel32" fn LoadLibraryExW(
    path: [*:0]const u16,
    reserved: ?*anyopaque,
    flags: u32,
) callconv(.winapi) ?*anyopaque;
extern "kernel32" fn GetModuleHandleW(path: [*:0]const u16) callconv(.winapi) ?*anyopaque;
pub extern "kernel32" fn GetProcAddress(
    library: *anyopaque,
    name: [*:0]const u8,
) callconv(.winapi) ?*anyopaque;

/// As it is called by those who are not advapi32 itself.
pub fn RtlGenRandom(buffer: [*]u8, len: u32) u8 {
    return SystemFunction036(buffer, len);
}

extern "advapi32" fn SystemFunction036(buffer: [*]u8, len: u32) callconv(.winapi) u8;

pub extern "ws2_32" fn bind(
    fd: fd_t,
    name: *const sockaddr,
    length: socklen_t,
) callconv(.winapi) c_int;
pub extern "ws2_32" fn listen(fd: fd_t, backlog: c_int) callconv(.winapi) c_int;
pub extern "ws2_32" fn getsockname(
    fd: fd_t,
    name: *sockaddr,
    length: *socklen_t,
) callconv(.winapi) c_int;
pub extern "ws2_32" fn getpeername(
    fd: fd_t,
    name: *sockaddr,
    length: *socklen_t,
) callconv(.winapi) c_int;
pub extern "ws2_32" fn freeaddrinfo(list: *addrinfo) callconv(.winapi) void;

const kernel32 = struct {
    extern "kernel32" fn Sleep(ms: u32) callconv(.winapi) void;
    extern "kernel32" fn SetHandleInformation(
        handle: usize,
        mask: u32,
        flags: u32,
    ) callconv(.winapi) c_int;
    extern "kernel32" fn QueryPerformanceCounter(count: *i64) callconv(.winapi) c_int;
    extern "kernel32" fn QueryPerformanceFrequency(frequency: *i64) callconv(.winapi) c_int;
    extern "kernel32" fn GetSystemTimePreciseAsFileTime(time: *[2]u32) callconv(.winapi) void;

    const HANDLE_FLAG_INHERIT = 1;
};

/// Winsock wants to be started before its first use; more often does no harm.
var is_started: std.atomic.Value(bool) = .init(false);

fn start() void {
    if (is_started.load(.acquire)) return;
    var data: [512]u8 align(8) = undefined;
    // When it fails, so does the call that comes next, and tells.
    _ = winsock.WSAStartup(winsock.version, &data);
    is_started.store(true, .release);
}

/// What the last call of this thread, which answered `rc`, has ended with.
pub fn errno(rc: anytype) E {
    if (rc != std.math.maxInt(fd_t) and rc != -1) return .SUCCESS;
    return fromWinsock(winsock.WSAGetLastError());
}

fn fromWinsock(code: c_int) E {
    return switch (code) {
        0 => .SUCCESS,
        8, 14 => .NOMEM,
        6 => .BADF,
        10004 => .INTR,
        10013 => .ACCES,
        10014 => .FAULT,
        10022 => .INVAL,
        10024 => .MFILE,
        10035 => .AGAIN,
        10036 => .INPROGRESS,
        10037 => .ALREADY,
        10038 => .NOTSOCK,
        10047 => .AFNOSUPPORT,
        10048 => .ADDRINUSE,
        10049 => .ADDRNOTAVAIL,
        10050 => .NETDOWN,
        10051 => .NETUNREACH,
        10052 => .NETRESET,
        10053 => .CONNABORTED,
        10054 => .CONNRESET,
        10055 => .NOBUFS,
        10056 => .ISCONN,
        10057 => .NOTCONN,
        10058 => .PIPE, // WSAESHUTDOWN
        10060 => .TIMEDOUT,
        10061 => .CONNREFUSED,
        10064, 10065 => .HOSTUNREACH,
        else => .OTHER,
    };
}

pub fn socket(family: u32, kind: u32, protocol: u32) fd_t {
    start();
    const fd = winsock.WSASocketW(
        @intCast(family),
        @intCast(kind & 0xffff),
        @intCast(protocol),
        null,
        0,
        winsock.overlapped | winsock.no_inheritance,
    );
    if (fd != winsock.invalid_socket and kind & SOCK.NONBLOCK != 0) setNonblocking(fd);
    return fd;
}

pub fn accept(listener: fd_t, name: ?*sockaddr, length: ?*socklen_t) fd_t {
    return accept4(listener, name, length, 0);
}

pub fn accept4(listener: fd_t, name: ?*sockaddr, length: ?*socklen_t, flags: u32) fd_t {
    const fd = winsock.accept(listener, name, length);
    if (fd == winsock.invalid_socket) return fd;
    if (flags & SOCK.CLOEXEC != 0) {
        _ = kernel32.SetHandleInformation(fd, kernel32.HANDLE_FLAG_INHERIT, 0);
    }
    if (flags & SOCK.NONBLOCK != 0) setNonblocking(fd);
    return fd;
}

fn setNonblocking(fd: fd_t) void {
    var on: u32 = 1;
    const rc = winsock.ioctlsocket(fd, winsock.FIONBIO, &on);
    assert(rc == 0);
}

/// Says INPROGRESS, not AGAIN, of a connect that goes on.
pub fn connect(fd: fd_t, name: *const sockaddr, length: socklen_t) c_int {
    if (isLoopback(name)) giveUpAtOnce(fd);
    const rc = winsock.connect(fd, name, length);
    const would_block = 10035;
    const in_progress = 10036;
    if (rc != 0 and winsock.WSAGetLastError() == would_block) winsock.WSASetLastError(in_progress);
    return rc;
}

fn isLoopback(name: *const sockaddr) bool {
    switch (name.family) {
        AF.INET => {
            const ip4: *align(2) const sockaddr.in = @ptrCast(@alignCast(name));
            const bytes: [4]u8 = @bitCast(ip4.addr);
            return bytes[0] == 127;
        },
        AF.INET6 => {
            const ip6: *align(2) const sockaddr.in6 = @ptrCast(@alignCast(name));
            const loopback = [_]u8{0} ++ @as([14]u8, @splat(0)) ++ [_]u8{1};
            return std.mem.eql(u8, &ip6.addr, &loopback);
        },
        else => return false,
    }
}

/// Windows tries a port that refuses thrice, for two seconds together. On this machine the first
/// answer is the truth. A system that does not know this tries thrice.
fn giveUpAtOnce(fd: fd_t) void {
    const Parameters = extern struct { rtt_ms: u16, retransmissions_max: u8 };
    const unspecified_rtt = 0xffff;
    const none = 0xfe;
    const parameters: Parameters = .{ .rtt_ms = unspecified_rtt, .retransmissions_max = none };
    var returned: u32 = 0;
    const size = @sizeOf(Parameters);
    const code = winsock.SIO_TCP_INITIAL_RTO;
    _ = winsock.WSAIoctl(fd, code, &parameters, size, null, 0, &returned, null, null);
}

pub fn send(fd: fd_t, from: [*]const u8, len: usize, flags: u32) isize {
    return winsock.send(fd, from, lengthOf(len), @intCast(flags));
}

pub fn recv(fd: fd_t, to: [*]u8, len: usize, flags: u32) isize {
    return winsock.recv(fd, to, lengthOf(len), @intCast(flags));
}

pub fn recvfrom(fd: fd_t, to: [*]u8, len: usize, flags: u32, _: ?*sockaddr, _: ?*socklen_t) isize {
    return recv(fd, to, len, flags);
}

fn lengthOf(len: usize) c_int {
    return @intCast(@min(len, std.math.maxInt(c_int)));
}

pub fn setsockopt(
    fd: fd_t,
    level: i32,
    option: u32,
    value: *const anyopaque,
    length: socklen_t,
) c_int {
    return winsock.setsockopt(fd, level, @intCast(option), value, length);
}

/// Of options that are integers. A pending error is told by its number here, not by Winsock's.
pub fn getsockopt(
    fd: fd_t,
    level: i32,
    option: u32,
    value: *anyopaque,
    length: *socklen_t,
) c_int {
    assert(length.* == @sizeOf(c_int));
    const number: *c_int = @ptrCast(@alignCast(value));
    const rc = winsock.getsockopt(fd, level, @intCast(option), number, length);
    if (rc == 0 and level == SOL.SOCKET and option == SO.ERROR) {
        number.* = @backingInt(fromWinsock(number.*));
    }
    return rc;
}

/// Unlike Winsock's, waits when there is nothing to wait for.
pub fn poll(entries: [*]pollfd, count: u32, timeout_ms: c_int) c_int {
    if (count > 0) return winsock.WSAPoll(entries, count, timeout_ms);
    kernel32.Sleep(if (timeout_ms < 0) std.math.maxInt(u32) else @intCast(timeout_ms));
    return 0;
}

pub fn getaddrinfo(
    host: [*:0]const u8,
    service: ?[*:0]const u8,
    hints: *const addrinfo,
    list: *?*addrinfo,
) EAI {
    start();
    return winsock.getaddrinfo(host, service, hints, list);
}

pub fn clock_gettime(clock: clockid_t, time: *timespec) c_int {
    time.* = switch (clock) {
        .MONOTONIC => monotonic(),
        .REALTIME => realtime(),
    };
    return 0;
}

fn monotonic() timespec {
    var count: i64 = undefined;
    var frequency: i64 = undefined;
    // Neither ever fails.
    _ = kernel32.QueryPerformanceCounter(&count);
    _ = kernel32.QueryPerformanceFrequency(&frequency);
    const rest = @rem(count, frequency);
    return .{
        .sec = @divTrunc(count, frequency),
        .nsec = @divTrunc(rest * std.time.ns_per_s, frequency),
    };
}

fn realtime() timespec {
    // From 1601 to 1970.
    const offset_s = 11_644_473_600;
    const ticks_per_s = 10_000_000;
    var halves: [2]u32 = undefined;
    kernel32.GetSystemTimePreciseAsFileTime(&halves);
    const ticks: i64 = @bitCast(@as(u64, halves[1]) << 32 | halves[0]);
    return .{
        .sec = @divTrunc(ticks, ticks_per_s) - offset_s,
        .nsec = @rem(ticks, ticks_per_s) * 100,
    };
}

/// Two ends of one connection, neither of which blocks: what a pipe is elsewhere.
pub fn socketpair() error{SystemResources}![2]fd_t {
    const flags = SOCK.STREAM | SOCK.CLOEXEC;
    const listener = socket(AF.INET, flags, IPPROTO.TCP);
    if (listener == winsock.invalid_socket) return error.SystemResources;
    defer _ = close(listener);
    var name: sockaddr.in = .{ .port = 0, .addr = @bitCast([4]u8{ 127, 0, 0, 1 }) };
    var length: socklen_t = @sizeOf(sockaddr.in);
    if (bind(listener, @ptrCast(&name), length) != 0) return error.SystemResources;
    if (listen(listener, 1) != 0) return error.SystemResources;
    if (getsockname(listener, @ptrCast(&name), &length) != 0) return error.SystemResources;
    const near = socket(AF.INET, flags, IPPROTO.TCP);
    if (near == winsock.invalid_socket) return error.SystemResources;
    errdefer _ = close(near);
    if (winsock.connect(near, @ptrCast(&name), length) != 0) return error.SystemResources;
    const far = accept4(listener, null, null, SOCK.CLOEXEC);
    if (far == winsock.invalid_socket) return error.SystemResources;
    errdefer _ = close(far);
    if (!areEnds(near, far)) return error.SystemResources;
    const on: c_int = 1;
    for ([_]fd_t{ near, far }) |fd| {
        setNonblocking(fd);
        _ = setsockopt(fd, IPPROTO.TCP, TCP.NODELAY, &on, @sizeOf(c_int));
    }
    return .{ near, far };
}

/// Someone else may have connected to the port while it was listening.
fn areEnds(near: fd_t, far: fd_t) bool {
    var own: sockaddr.in = undefined;
    var peer: sockaddr.in = undefined;
    var length: socklen_t = @sizeOf(sockaddr.in);
    if (getsockname(near, @ptrCast(&own), &length) != 0) return false;
    if (getpeername(far, @ptrCast(&peer), &length) != 0) return false;
    return own.port == peer.port and own.addr == peer.addr;
}

test "the clocks go forward, and the calendar's is of this age" {
    var before: timespec = undefined;
    var after: timespec = undefined;
    _ = clock_gettime(.MONOTONIC, &before);
    _ = poll(&.{}, 0, 2);
    _ = clock_gettime(.MONOTONIC, &after);
    const passed_ns = (after.sec - before.sec) * std.time.ns_per_s + after.nsec - before.nsec;
    try std.testing.expect(passed_ns >= std.time.ns_per_ms);
    _ = clock_gettime(.REALTIME, &after);
    try std.testing.expect(after.sec > 1_700_000_000);
    try std.testing.expect(after.sec < 10_000_000_000);
}
