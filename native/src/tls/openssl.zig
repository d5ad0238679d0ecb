//! OpenSSL, found while the process runs and never linked: the functions of it that are used.
//!
//! It is looked for once, when TLS is first asked for: at the path that the configuration gives,
//! else among what the process has loaded already (an interpreter's own, for one), else where the
//! system's loader finds it. 3.x and 1.1.1 will do. The table is written once and then only read.

const builtin = @import("builtin");
const std = @import("std");
const assert = std.debug.assert;
const gate = @import("gate.zig");
const os = @import("../os.zig");
const printable = @import("../printable.zig");
const Failure = @import("../status.zig").Failure;
const Library = @import("../os/library.zig").Library;

pub const SSL = opaque {};
pub const SSL_CTX = opaque {};
pub const SSL_SESSION = opaque {};
pub const SSL_CIPHER = opaque {};
pub const METHOD = opaque {};
pub const BIO = opaque {};
pub const BIO_METHOD = opaque {};
pub const X509 = opaque {};
pub const X509_CRL = opaque {};
pub const X509_NAME = opaque {};
pub const X509_STORE = opaque {};
pub const X509_STORE_CTX = opaque {};
pub const VERIFY_PARAM = opaque {};
pub const PKEY = opaque {};
pub const STACK = opaque {};
pub const TIME = opaque {};
pub const INTEGER = opaque {};
pub const BIGNUM = opaque {};

/// As `X509_INFO` begins.
pub const INFO = extern struct { x509: ?*X509, crl: ?*X509_CRL };

pub const VerifyCallback = *const fn (c_int, *X509_STORE_CTX) callconv(.c) c_int;
pub const PasswordCallback = *const fn ([*]u8, c_int, c_int, ?*anyopaque) callconv(.c) c_int;

/// Of any control function.
const Control = *const fn (*anyopaque, c_int, c_long, ?*const anyopaque) callconv(.c) c_long;

pub const ctrl = struct {
    pub const mode = 33;
    pub const read_ahead = 41;
    pub const session_cache_mode = 44;
    pub const host_name = 55;
    /// With 1 it takes a reference of its own, with 0 the caller's.
    pub const chain_cert = 89;
    pub const min_proto_version = 123;
    pub const max_proto_version = 124;
    pub const get_min_proto_version = 130;
    pub const bio_flush = 11;
};

/// Where an error comes from.
pub const Part = enum(c_ulong) { pem = 9, ssl = 20 };

pub const tls1_2 = 0x0303;
pub const tls1_3 = 0x0304;

/// The functions under their own names; those that only some versions have may be null.
pub const Table = struct {
    OpenSSL_version_num: *const fn () callconv(.c) c_ulong,
    OpenSSL_version: *const fn (c_int) callconv(.c) [*:0]const u8,
    ERR_clear_error: *const fn () callconv(.c) void,
    ERR_peek_last_error: *const fn () callconv(.c) c_ulong,
    ERR_reason_error_string: *const fn (c_ulong) callconv(.c) ?[*:0]const u8,

    TLS_client_method: *const fn () callconv(.c) *const METHOD,
    TLS_server_method: *const fn () callconv(.c) *const METHOD,
    SSL_CTX_new: *const fn (*const METHOD) callconv(.c) ?*SSL_CTX,
    SSL_CTX_free: *const fn (*SSL_CTX) callconv(.c) void,
    SSL_CTX_ctrl: Control,
    SSL_CTX_set_options: *const fn (*SSL_CTX, u64) callconv(.c) u64,
    SSL_CTX_set_verify: *const fn (*SSL_CTX, c_int, ?VerifyCallback) callconv(.c) void,
    SSL_CTX_get_cert_store: *const fn (*const SSL_CTX) callconv(.c) *X509_STORE,
    SSL_CTX_load_verify_locations: *const fn (
        *SSL_CTX,
        ?[*:0]const u8,
        ?[*:0]const u8,
    ) callconv(.c) c_int,
    SSL_CTX_set_default_verify_paths: *const fn (*SSL_CTX) callconv(.c) c_int,
    SSL_CTX_use_certificate: *const fn (*SSL_CTX, *X509) callconv(.c) c_int,
    SSL_CTX_use_PrivateKey: *const fn (*SSL_CTX, *PKEY) callconv(.c) c_int,
    SSL_CTX_check_private_key: *const fn (*const SSL_CTX) callconv(.c) c_int,
    SSL_CTX_set_cipher_list: *const fn (*SSL_CTX, [*:0]const u8) callconv(.c) c_int,
    SSL_CTX_set_ciphersuites: *const fn (*SSL_CTX, [*:0]const u8) callconv(.c) c_int,
    SSL_CTX_set_keylog_callback: *const fn (
        *SSL_CTX,
        ?*const fn (*const SSL, [*:0]const u8) callconv(.c) void,
    ) callconv(.c) void,
    SSL_CTX_sess_set_new_cb: *const fn (
        *SSL_CTX,
        ?*const fn (*SSL, *SSL_SESSION) callconv(.c) c_int,
    ) callconv(.c) void,
    SSL_CTX_set_session_id_context: *const fn (*SSL_CTX, [*]const u8, c_uint) callconv(.c) c_int,
    SSL_SESSION_up_ref: *const fn (*SSL_SESSION) callconv(.c) c_int,
    SSL_SESSION_free: *const fn (*SSL_SESSION) callconv(.c) void,

    SSL_new: *const fn (*SSL_CTX) callconv(.c) ?*SSL,
    SSL_free: *const fn (*SSL) callconv(.c) void,
    SSL_ctrl: Control,
    SSL_set_bio: *const fn (*SSL, *BIO, *BIO) callconv(.c) void,
    SSL_set_ex_data: *const fn (*SSL, c_int, ?*anyopaque) callconv(.c) c_int,
    SSL_get_ex_data: *const fn (*const SSL, c_int) callconv(.c) ?*anyopaque,
    SSL_get_ex_data_X509_STORE_CTX_idx: *const fn () callconv(.c) c_int,
    SSL_get0_param: *const fn (*SSL) callconv(.c) *VERIFY_PARAM,
    SSL_set_session: *const fn (*SSL, *SSL_SESSION) callconv(.c) c_int,
    SSL_session_reused: *const fn (*const SSL) callconv(.c) c_int,
    SSL_set_connect_state: *const fn (*SSL) callconv(.c) void,
    SSL_set_accept_state: *const fn (*SSL) callconv(.c) void,
    SSL_do_handshake: *const fn (*SSL) callconv(.c) c_int,
    SSL_read: *const fn (*SSL, [*]u8, c_int) callconv(.c) c_int,
    SSL_peek: *const fn (*SSL, [*]u8, c_int) callconv(.c) c_int,
    SSL_write: *const fn (*SSL, [*]const u8, c_int) callconv(.c) c_int,
    SSL_has_pending: *const fn (*const SSL) callconv(.c) c_int,
    SSL_shutdown: *const fn (*SSL) callconv(.c) c_int,
    SSL_get_error: *const fn (*const SSL, c_int) callconv(.c) c_int,
    SSL_get_verify_result: *const fn (*const SSL) callconv(.c) c_long,
    SSL_get_version: *const fn (*const SSL) callconv(.c) [*:0]const u8,
    SSL_get_current_cipher: *const fn (*const SSL) callconv(.c) ?*const SSL_CIPHER,
    SSL_CIPHER_get_bits: *const fn (?*const SSL_CIPHER, ?*c_int) callconv(.c) c_int,
    SSL_CIPHER_get_name: *const fn (?*const SSL_CIPHER) callconv(.c) [*:0]const u8,
    /// 3.x, and its name in 1.1.1.
    SSL_get1_peer_certificate: ?PeerCertificate,
    SSL_get_peer_certificate: ?PeerCertificate,

    BIO_meth_new: *const fn (c_int, [*:0]const u8) callconv(.c) ?*BIO_METHOD,
    BIO_meth_free: *const fn (*BIO_METHOD) callconv(.c) void,
    BIO_meth_set_write: *const fn (
        *BIO_METHOD,
        *const fn (*BIO, [*]const u8, c_int) callconv(.c) c_int,
    ) callconv(.c) c_int,
    BIO_meth_set_read: *const fn (
        *BIO_METHOD,
        *const fn (*BIO, [*]u8, c_int) callconv(.c) c_int,
    ) callconv(.c) c_int,
    BIO_meth_set_ctrl: *const fn (
        *BIO_METHOD,
        *const fn (*BIO, c_int, c_long, ?*anyopaque) callconv(.c) c_long,
    ) callconv(.c) c_int,
    BIO_new: *const fn (*const BIO_METHOD) callconv(.c) ?*BIO,
    BIO_new_mem_buf: *const fn (*const anyopaque, c_int) callconv(.c) ?*BIO,
    BIO_free: *const fn (*BIO) callconv(.c) c_int,
    BIO_set_data: *const fn (*BIO, ?*anyopaque) callconv(.c) void,
    BIO_get_data: *const fn (*BIO) callconv(.c) ?*anyopaque,
    BIO_set_flags: *const fn (*BIO, c_int) callconv(.c) void,
    BIO_clear_flags: *const fn (*BIO, c_int) callconv(.c) void,

    PEM_read_bio_X509: *const fn (
        *BIO,
        ?*?*X509,
        ?PasswordCallback,
        ?*anyopaque,
    ) callconv(.c) ?*X509,
    PEM_read_bio_PrivateKey: *const fn (
        *BIO,
        ?*?*PKEY,
        ?PasswordCallback,
        ?*anyopaque,
    ) callconv(.c) ?*PKEY,
    PEM_X509_INFO_read_bio: *const fn (
        *BIO,
        ?*STACK,
        ?PasswordCallback,
        ?*anyopaque,
    ) callconv(.c) ?*STACK,
    X509_INFO_free: *const fn (*INFO) callconv(.c) void,
    OPENSSL_sk_num: *const fn (*const STACK) callconv(.c) c_int,
    OPENSSL_sk_value: *const fn (*const STACK, c_int) callconv(.c) ?*INFO,
    OPENSSL_sk_free: *const fn (*STACK) callconv(.c) void,
    EVP_PKEY_free: *const fn (*PKEY) callconv(.c) void,

    X509_free: *const fn (*X509) callconv(.c) void,
    X509_get_subject_name: *const fn (*const X509) callconv(.c) *X509_NAME,
    X509_get_issuer_name: *const fn (*const X509) callconv(.c) *X509_NAME,
    X509_get0_serialNumber: *const fn (*const X509) callconv(.c) *const INTEGER,
    X509_get0_notBefore: *const fn (*const X509) callconv(.c) *const TIME,
    X509_get0_notAfter: *const fn (*const X509) callconv(.c) *const TIME,
    X509_cmp_current_time: *const fn (*const TIME) callconv(.c) c_int,
    X509_NAME_oneline: *const fn (*const X509_NAME, ?[*]u8, c_int) callconv(.c) ?[*:0]u8,
    X509_NAME_get_text_by_NID: *const fn (*X509_NAME, c_int, [*]u8, c_int) callconv(.c) c_int,
    ASN1_INTEGER_to_BN: *const fn (*const INTEGER, ?*BIGNUM) callconv(.c) ?*BIGNUM,
    BN_num_bits: *const fn (*const BIGNUM) callconv(.c) c_int,
    BN_bn2bin: *const fn (*const BIGNUM, [*]u8) callconv(.c) c_int,
    BN_free: *const fn (*BIGNUM) callconv(.c) void,
    X509_STORE_add_cert: *const fn (*X509_STORE, *X509) callconv(.c) c_int,
    X509_STORE_add_crl: *const fn (*X509_STORE, *X509_CRL) callconv(.c) c_int,
    X509_STORE_set_flags: *const fn (*X509_STORE, c_ulong) callconv(.c) c_int,
    X509_STORE_CTX_get_error: *const fn (*const X509_STORE_CTX) callconv(.c) c_int,
    X509_STORE_CTX_set_error: *const fn (*X509_STORE_CTX, c_int) callconv(.c) void,
    X509_STORE_CTX_get_current_cert: *const fn (*const X509_STORE_CTX) callconv(.c) ?*X509,
    X509_STORE_CTX_get_ex_data: *const fn (
        *const X509_STORE_CTX,
        c_int,
    ) callconv(.c) ?*anyopaque,
    X509_verify_cert_error_string: *const fn (c_long) callconv(.c) [*:0]const u8,
    X509_VERIFY_PARAM_set_hostflags: *const fn (*VERIFY_PARAM, c_uint) callconv(.c) void,
    X509_VERIFY_PARAM_set1_host: *const fn (
        *VERIFY_PARAM,
        [*]const u8,
        usize,
    ) callconv(.c) c_int,
    X509_VERIFY_PARAM_set1_ip: *const fn (*VERIFY_PARAM, [*]const u8, usize) callconv(.c) c_int,

    const PeerCertificate = *const fn (*const SSL) callconv(.c) ?*X509;

    /// The peer's, to be freed.
    pub fn peerCertificate(table: *const Table, ssl: *const SSL) ?*X509 {
        const ask = table.SSL_get1_peer_certificate orelse table.SSL_get_peer_certificate.?;
        return ask(ssl);
    }

    /// Why it has failed, in this part of it; null: in another.
    pub fn reasonIn(table: *const Table, part: Part, queued: c_ulong) ?c_ulong {
        const is_old = table.OpenSSL_version_num() < 0x3000_0000;
        const where = (queued >> @as(u5, if (is_old) 24 else 23)) & 0xff;
        const reason = queued & @as(c_ulong, if (is_old) 0xfff else 0x7f_ffff);
        return if (where == @backingInt(part)) reason else null;
    }

    /// Each lives in one of two libraries, of which Windows has to be told. The name of the first
    /// that is in neither; null: all are there.
    fn load(table: *Table, ssl: Library, crypto: ?Library) ?[]const u8 {
        inline for (comptime std.meta.fieldNames(Table)) |name| {
            const Field = @TypeOf(@field(table, name));
            const other = if (crypto) |library| library.symbol(name) else null;
            const found = ssl.symbol(name) orelse other;
            if (@typeInfo(Field) == .optional) {
                @field(table, name) = if (found) |address| @ptrCast(@alignCast(address)) else null;
            } else {
                const address = found orelse return name;
                @field(table, name) = @ptrCast(@alignCast(address));
            }
        }
        const has_peer = table.SSL_get1_peer_certificate != null or
            table.SSL_get_peer_certificate != null;
        return if (has_peer) null else "SSL_get1_peer_certificate";
    }
};

/// Where the loader is asked for, the newest first.
const names: []const [:0]const u8 = if (os.is_windows) &.{
    "libssl-3-x64.dll", "libssl-3-arm64.dll", "libssl-3.dll", "libssl-1_1-x64.dll", "libssl-1_1.dll",
} else if (os.is_linux) &.{
    "libssl.so.3", "libssl.so.1.1",
} else &.{
    "libssl.3.dylib",
    "/opt/homebrew/opt/openssl@3/lib/libssl.3.dylib",
    "/usr/local/opt/openssl@3/lib/libssl.3.dylib",
    "/opt/local/lib/libssl.3.dylib",
    "libssl.1.1.dylib",
};

const crypto_names: []const [:0]const u8 = if (os.is_windows) &.{
    "libcrypto-3-x64.dll",
    "libcrypto-3-arm64.dll",
    "libcrypto-3.dll",
    "libcrypto-1_1-x64.dll",
    "libcrypto-1_1.dll",
} else &.{};

const advice = if (os.is_windows)
    "name the libssl of an OpenSSL 3 with tls 'library', or put it and its libcrypto beside the " ++
        "program"
else if (os.is_linux)
    "install it (Debian, Ubuntu: libssl3; Fedora, Alpine: openssl-libs, libssl3), or name it " ++
        "with tls 'library'"
else
    "install it (brew install openssl@3), or name it with tls 'library'";

/// Whatever program has an OpenSSL has these, and few take their address.
const telling: []const [:0]const u8 = &.{ "SSL_CTX_new", "X509_STORE_new", "OPENSSL_init_crypto" };

const version_min = 0x1010_1000;
const version_end = 0x4000_0000;
const init_no_atexit = 0x0008_0000;

const State = enum(u8) { unknown, loading, loaded };
var state: std.atomic.Value(State) = .init(.unknown);
var shared: Table = undefined;
var shared_library: Library = undefined;
/// Where the table comes from.
var source_buffer: [printable.Path.bytes_max]u8 = undefined;
var source_len: usize = 0;

/// The functions, of the library that is loaded first, beside which there is room for no other.
pub fn get(path: []const u8, failure: *Failure) error{Failed}!*const Table {
    while (true) {
        if (state.load(.acquire) == .loaded) {
            if (path.len > 0) try expectSame(path, failure);
            return &shared;
        }
        if (state.cmpxchgStrong(.unknown, .loading, .acquire, .monotonic) == null) break;
        // Another thread is at it, which takes milliseconds.
        std.Thread.yield() catch {};
    }
    errdefer state.store(.unknown, .release);
    // It begins with taking locks.
    gate.guardForks();
    gate.enter();
    defer gate.leave();
    try locate(path, &shared, failure);
    state.store(.loaded, .release);
    return &shared;
}

/// The file or the name that the library was found by; empty before it was.
pub fn source() []const u8 {
    return if (state.load(.acquire) == .loaded) source_buffer[0..source_len] else "";
}

/// The functions, for who is called by one of them.
pub fn loaded() *const Table {
    assert(state.load(.monotonic) == .loaded);
    return &shared;
}

pub extern "c" fn setvbuf(file: *std.c.FILE, buffer: ?[*]u8, mode: c_int, size: usize) c_int;
pub const unbuffered: c_int = if (os.is_windows) 4 else 2;
pub extern "c" fn fflush(file: *std.c.FILE) c_int;

/// In the child of a fork, whose parent may have been at it.
pub fn afterFork() void {
    if (state.load(.monotonic) == .loading) state.store(.unknown, .monotonic);
}

fn expectSame(path: []const u8, failure: *Failure) error{Failed}!void {
    const library = try openGiven(path, failure);
    if (library.handle == shared_library.handle) return;
    const text = "tls 'library': {f} cannot be used, as this process uses {s} already";
    failure.set(.tls, text, .{ printable.Path{ .text = path }, source() });
    return error.Failed;
}

fn locate(path: []const u8, table: *Table, failure: *Failure) error{Failed}!void {
    if (path.len > 0) return useGiven(path, table, failure);
    // What was found and will not do; the first says most.
    var unfit: Failure = .{};
    inline for (.{ Library.find, openTrusted }) |look| for (names) |name| {
        const library = look(name) orelse continue;
        const found = if (unfit.status == .ok) &unfit else failure;
        use(name, library, lookForCrypto(look), table, found) catch continue;
        failure.* = .{};
        return;
    };
    if (unfit.status != .ok) {
        failure.* = unfit;
        return error.Failed;
    }
    var listed: [256]u8 = undefined;
    var writer = std.Io.Writer.fixed(&listed);
    for (names, 0..) |name, index| {
        writer.print("{s}{s}", .{ if (index == 0) "" else ", ", name }) catch break;
    }
    failure.set(.tls, "TLS needs OpenSSL 3 or 1.1.1, which was not found: neither loaded in this " ++
        "process nor by the names {s}; {s}", .{ writer.buffered(), advice });
    return error.Failed;
}

/// The loader of macOS looks for a bare name in the current folder, too, where anybody may have put
/// a library.
fn openTrusted(name: [:0]const u8) ?Library {
    const is_bare = std.mem.findScalar(u8, name, '/') == null;
    return if (builtin.os.tag.isDarwin() and is_bare) null else Library.open(name);
}

fn lookForCrypto(comptime look: anytype) ?Library {
    for (crypto_names) |name| if (look(name)) |library| return library;
    return null;
}

fn openGiven(path: []const u8, failure: *Failure) error{Failed}!Library {
    var memory: [1024]u8 = undefined;
    // Without a name the loader would open the program itself.
    const given = std.mem.printSentinel(&memory, "{s}", .{path}, 0) catch
        return cannotLoad(path, "the path is too long", failure);
    return Library.open(given) orelse return cannotLoad(path, Library.reason(), failure);
}

fn cannotLoad(path: []const u8, reason: []const u8, failure: *Failure) error{Failed} {
    const text = "tls 'library': {f} cannot be loaded as a shared library, which must be the " ++
        "libssl of OpenSSL 3 or 1.1.1: {s}";
    failure.set(.tls, text, .{ printable.Path{ .text = path }, reason });
    return error.Failed;
}

fn useGiven(path: []const u8, table: *Table, failure: *Failure) error{Failed}!void {
    const library = try openGiven(path, failure);
    const crypto = if (os.is_windows) openCryptoBeside(path) orelse {
        const text = "tls 'library': there is no libcrypto of the same kind beside {f}";
        failure.set(.tls, text, .{printable.Path{ .text = path }});
        return error.Failed;
    } else null;
    return use(path, library, crypto, table, failure);
}

/// By the name of the other one.
fn openCryptoBeside(path: []const u8) ?Library {
    const at = std.mem.findLast(u8, path, "libssl") orelse return null;
    var memory: [1024]u8 = undefined;
    const name = std.mem.printSentinel(&memory, "{s}libcrypto{s}", .{
        path[0..at], path[at + "libssl".len ..],
    }, 0) catch return null;
    return Library.open(name);
}

/// If the library is one that will do.
fn use(
    name: []const u8,
    library: Library,
    crypto: ?Library,
    table: *Table,
    failure: *Failure,
) error{Failed}!void {
    var memory: [source_buffer.len]u8 = undefined;
    const path: printable.Path = .{ .text = name };
    const shown = std.mem.print(&memory, "{f}", .{path}) catch unreachable;
    if (table.load(library, crypto)) |missing| {
        const text = "{s} is not OpenSSL 3 or 1.1.1, which TLS needs: it has no function {s}; {s}";
        failure.set(.tls, text, .{ shown, missing, advice });
        return error.Failed;
    }
    for (telling) |function| if (library.isOverridden(function)) {
        const text = "{s} cannot be used: this program exports functions of another OpenSSL ({s}), " ++
            "which it would call in place of its own; use a program that keeps its OpenSSL to " ++
            "itself, or has it as a shared library";
        failure.set(.tls, text, .{ shown, function });
        return error.Failed;
    };
    const version = table.OpenSSL_version_num();
    if (version < version_min or version >= version_end or version >> 28 == 2) {
        const text = "{s} is '{s}', and TLS needs OpenSSL 3 or 1.1.1; {s}";
        failure.set(.tls, text, .{ shown, table.OpenSSL_version(0), advice });
        return error.Failed;
    }
    // Threads of this library may still be there when the process exits.
    const symbol = library.symbol("OPENSSL_init_ssl");
    const initialize: *const fn (u64, ?*const anyopaque) callconv(.c) c_int =
        @ptrCast(@alignCast(symbol orelse return));
    _ = initialize(init_no_atexit, null);
    @memcpy(source_buffer[0..shown.len], shown);
    source_len = shown.len;
    shared_library = library;
}

test "a library that is none, and one of something else, are refused by name" {
    var failure: Failure = .{};
    var table: Table = undefined;
    try std.testing.expectError(error.Failed, locate("/nowhere/libssl.so", &table, &failure));
    try std.testing.expectEqual(.tls, failure.status);
    try std.testing.expect(std.mem.find(u8, failure.message(), "/nowhere/libssl.so") != null);
    if (!os.is_linux) return;
    try std.testing.expectError(error.Failed, locate("libc.so.6", &table, &failure));
    try std.testing.expect(std.mem.find(u8, failure.message(), "has no function OpenSSL_version_num") != null);
}
