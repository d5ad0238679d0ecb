//! What all connections of one configuration share: certificates, whom to trust, what is counted.
//!
//! Made from options, which it checks; what is wrong names the file or the certificate. Afterwards
//! it is only read, but for counters and kept sessions, which any thread may touch. It is counted:
//! each stream holds it, and so does who made it.

const std = @import("std");
const assert = std.debug.assert;
const gate = @import("gate.zig");
const mistaken = @import("mistaken.zig");
const openssl = @import("openssl.zig");
const options_module = @import("options.zig");
const os = @import("../os.zig");
const peer_check = @import("peer_check.zig");
const printable = @import("../printable.zig");
const Failure = @import("../status.zig").Failure;
const Options = options_module.Options;
const Reason = peer_check.Reason;
const Stream = @import("stream.zig").Stream;
const Table = openssl.Table;
const wire = @import("../wire.zig");

const msgpack = wire.msgpack;
const secureZero = std.crypto.secureZero;

/// No file of certificates is larger; the list that systems trust has 250 kB.
const file_bytes_max = 16 * 1024 * 1024;
const path_bytes_max = 1024;
const password_bytes_max = 1024;

const verify_peer = 1;
const verify_fail_if_none = 2;
const cache_client_only_by_callback = 0x1 | 0x300;
const mode_bits = 0x1 | 0x2 | 0x4 | 0x10; // partial and moving writes, retries, buffers released
/// Whatever else a list has: nobody shows a certificate, or nothing is encrypted.
const without_proof = ":!aNULL:!eNULL";
/// Those of TLS 1.3 that do not encrypt begin so (RFC 9150); OpenSSL has them from 3.4 on.
const not_encrypting = "TLS_SHA";
/// The end of what is in a file, in PEM's errors.
const reason_no_start_line = 108;
const no_compression = 0x0002_0000;
const no_renegotiation = 0x4000_0000;
const flag_crl_check = 0x4;
const flag_crl_check_all = 0x8;

pub const Role = enum { client, server };

pub const Counters = struct {
    handshakes: std.atomic.Value(u64) = .init(0),
    resumed: std.atomic.Value(u64) = .init(0),
    failures: [reasons]std.atomic.Value(u64) = @splat(.init(0)),

    pub const reasons = @typeInfo(Reason).@"enum".field_names.len;

    pub fn fail(counters: *Counters, reason: Reason) void {
        _ = counters.failures[@backingInt(reason)].fetchAdd(1, .monotonic);
    }

    /// Appends [handshakes, resumed ones, [[reason, failures]]].
    pub fn write(counters: *const Counters, out: *wire.Buffer) wire.Buffer.Error!void {
        try msgpack.writeArrayHeader(out, 3);
        try msgpack.writeUint(out, counters.handshakes.load(.monotonic));
        try msgpack.writeUint(out, counters.resumed.load(.monotonic));
        try msgpack.writeArrayHeader(out, reasons);
        for (&counters.failures, std.enums.values(Reason)) |*failures, reason| {
            try msgpack.writeArrayHeader(out, 2);
            try msgpack.writeString(out, @tagName(reason));
            try msgpack.writeUint(out, failures.load(.monotonic));
        }
    }
};

pub const Context = struct {
    gpa: std.mem.Allocator,
    table: *const Table,
    ctx: *openssl.SSL_CTX,
    method: *openssl.BIO_METHOD,
    role: Role,
    holders: std.atomic.Value(u32) = .init(1),
    blacklist: peer_check.Blacklist = .{},
    keylog: ?*std.c.FILE = null,
    logs_sessions: bool,
    for_login_only: bool,
    counters: *Counters,
    sessions: Sessions = .{},
    /// So that no node can choose a name whose session is taken for another's.
    session_secret: [Hash.key_length]u8,

    const Hash = std.crypto.auth.siphash.SipHash128(2, 4);

    /// The counters are the caller's, and outlive it.
    pub fn create(
        gpa: std.mem.Allocator,
        role: Role,
        options: *const Options,
        counters: *Counters,
        failure: *Failure,
    ) error{Failed}!*Context {
        const versions = try options.versions(failure);
        const table = try openssl.get(options.library, failure);
        gate.enter();
        defer gate.leave();
        const context = gpa.create(Context) catch return outOfMemory(failure);
        errdefer gpa.destroy(context);
        const kind = if (role == .client) table.TLS_client_method() else table.TLS_server_method();
        const ctx = table.SSL_CTX_new(kind) orelse return outOfMemory(failure);
        errdefer table.SSL_CTX_free(ctx);
        const method = Stream.createMethod(table) orelse return outOfMemory(failure);
        var session_secret: [Hash.key_length]u8 = undefined;
        os.randomBytes(&session_secret) catch {
            failure.set(.tls, "the system has no random bytes for TLS", .{});
            return error.Failed;
        };
        context.* = .{
            .session_secret = session_secret,
            .gpa = gpa,
            .table = table,
            .ctx = ctx,
            .method = method,
            .role = role,
            .logs_sessions = options.log_session_info,
            .for_login_only = options.for_login_only,
            .counters = counters,
        };
        errdefer context.freeOwn();
        try context.setVersions(versions, failure);
        context.setUp();
        try context.setCiphers(options, failure);
        try context.setTrust(options, failure);
        try context.setIdentity(options, failure);
        try context.setBlacklist(options, failure);
        try context.openKeylog(options, failure);
        return context;
    }

    /// All but the memory and what OpenSSL counts itself.
    fn freeOwn(context: *Context) void {
        context.table.BIO_meth_free(context.method);
        context.gpa.free(context.blacklist.text);
        if (context.keylog) |file| _ = std.c.fclose(file);
        context.sessions.clear(context.table);
    }

    pub fn hold(context: *Context) *Context {
        const before = context.holders.fetchAdd(1, .monotonic);
        assert(before > 0);
        return context;
    }

    pub fn release(context: *Context) void {
        if (context.holders.fetchSub(1, .acq_rel) > 1) return;
        gate.enter();
        defer gate.leave();
        context.freeOwn();
        context.table.SSL_CTX_free(context.ctx);
        context.gpa.destroy(context);
    }

    /// The lowest and the highest that may be spoken. A library may have been built without one.
    fn setVersions(
        context: *Context,
        versions: [2]options_module.Version,
        failure: *Failure,
    ) error{Failed}!void {
        const table = context.table;
        const control = openssl.ctrl;
        for (versions, [_]c_int{ control.min_proto_version, control.max_proto_version }) |version, which| {
            const number: c_long = if (version == .tls1_2) openssl.tls1_2 else openssl.tls1_3;
            // The system's configuration of OpenSSL may want more.
            if (which == control.min_proto_version) {
                const least = table.SSL_CTX_ctrl(context.ctx, control.get_min_proto_version, 0, null);
                if (least > openssl.tls1_2 and versions[1] == .tls1_2) {
                    const text = "TLSv1.2 is wanted (tls 'protocols'), and the configuration of " ++
                        "OpenSSL on this machine begins with a newer one";
                    failure.set(.tls, text, .{});
                    return error.Failed;
                }
                if (least > number) continue;
            }
            if (table.SSL_CTX_ctrl(context.ctx, which, number, null) == 1) continue;
            // A library that has no newer one stops at the older by itself.
            if (version == .tls1_3 and versions[0] == .tls1_2) continue;
            const text = "TLSv1.{d} is wanted (tls 'protocols', 'min_version'), and not spoken by " ++
                "'{s}' ({s})";
            const shown: u8 = if (version == .tls1_2) 2 else 3;
            failure.set(.tls, text, .{ shown, table.OpenSSL_version(0), openssl.source() });
            return error.Failed;
        }
    }

    fn setUp(context: *Context) void {
        const table = context.table;
        const ctx = context.ctx;
        const control = openssl.ctrl;
        _ = table.SSL_CTX_set_options(ctx, no_compression | no_renegotiation);
        _ = table.SSL_CTX_ctrl(ctx, control.mode, mode_bits, null);
        // A record's header and its bytes come in one receive.
        _ = table.SSL_CTX_ctrl(ctx, control.read_ahead, 1, null);
        switch (context.role) {
            .client => {
                const how = cache_client_only_by_callback;
                _ = table.SSL_CTX_ctrl(ctx, control.session_cache_mode, how, null);
                table.SSL_CTX_sess_set_new_cb(ctx, Stream.onSession);
            },
            .server => {
                const name = "aerospike";
                _ = table.SSL_CTX_set_session_id_context(ctx, name, name.len);
            },
        }
    }

    fn setCiphers(
        context: *Context,
        options: *const Options,
        failure: *Failure,
    ) error{Failed}!void {
        const table = context.table;
        var memory: [4096]u8 = undefined;
        inline for (.{ "cipher_suite", "ciphersuites" }) |name| {
            const list = @field(options, name);
            if (list.len > 0) {
                table.ERR_clear_error();
                const is_old = comptime std.mem.eql(u8, name, "cipher_suite");
                const excluded = if (is_old) without_proof else "";
                const parts = .{ list, excluded };
                // Cut, or left out, it would be another list.
                const text = std.mem.printSentinel(&memory, "{s}{s}", parts, 0) catch {
                    failure.set(.invalid_argument, "tls '" ++ name ++ "' is too long", .{});
                    return error.Failed;
                };
                const set = if (is_old)
                    table.SSL_CTX_set_cipher_list(context.ctx, text)
                else if (std.mem.find(u8, list, not_encrypting) != null)
                    0
                else
                    table.SSL_CTX_set_ciphersuites(context.ctx, text);
                if (set != 1) {
                    const told = "tls '" ++ name ++ "': no cipher of '{s}' is known to {s}, or " ++
                        "none that encrypts and has the node prove who it is";
                    const shown = list[0..@min(list.len, 128)];
                    failure.set(.invalid_argument, told, .{ shown, table.OpenSSL_version(0) });
                    return error.Failed;
                }
            }
        }
    }

    // Whom to trust.

    fn setTrust(context: *Context, options: *const Options, failure: *Failure) error{Failed}!void {
        const table = context.table;
        const store = table.SSL_CTX_get_cert_store(context.ctx);
        const is_given = options.cafile.len + options.capath.len + options.ca.len > 0;
        if (options.cafile.len > 0) {
            const bytes = try readFile(context.gpa, "cafile", options.cafile, failure);
            defer context.gpa.free(bytes);
            try context.trust(bytes, "cafile", options.cafile, failure);
        }
        if (options.ca.len > 0) try context.trust(options.ca, "ca", "", failure);
        if (options.capath.len > 0) try context.trustFolder(options.capath, failure);
        if (!is_given and context.role == .client) {
            _ = table.SSL_CTX_set_default_verify_paths(context.ctx);
        }
        var flags: c_ulong = 0;
        if (options.crl_check or options.crl_check_all) flags |= flag_crl_check;
        if (options.crl_check_all) flags |= flag_crl_check_all;
        if (flags != 0) _ = table.X509_STORE_set_flags(store, flags);
        switch (context.role) {
            .client => table.SSL_CTX_set_verify(context.ctx, verify_peer, Stream.onVerify),
            .server => if (is_given) {
                const how = verify_peer | verify_fail_if_none;
                table.SSL_CTX_set_verify(context.ctx, how, Stream.onVerify);
            },
        }
    }

    /// Certificates and revocation lists, in any order.
    fn trust(
        context: *Context,
        bytes: []const u8,
        comptime key: []const u8,
        path: []const u8,
        failure: *Failure,
    ) error{Failed}!void {
        const table = context.table;
        const store = table.SSL_CTX_get_cert_store(context.ctx);
        const bio = table.BIO_new_mem_buf(bytes.ptr, @intCast(bytes.len)) orelse
            return outOfMemory(failure);
        defer _ = table.BIO_free(bio);
        table.ERR_clear_error();
        const list = table.PEM_X509_INFO_read_bio(bio, null, null, null);
        defer if (list) |items| table.OPENSSL_sk_free(items);
        var certificates: usize = 0;
        if (list) |items| {
            for (0..@intCast(table.OPENSSL_sk_num(items))) |index| {
                const info = table.OPENSSL_sk_value(items, @intCast(index)) orelse continue;
                defer table.X509_INFO_free(info);
                if (info.x509) |certificate| {
                    if (table.X509_STORE_add_cert(store, certificate) == 1) certificates += 1;
                }
                if (info.crl) |crl| _ = table.X509_STORE_add_crl(store, crl);
            }
        }
        defer table.ERR_clear_error();
        if (certificates > 0) return;
        if (list == null) {
            const text = "has a certificate, or something beside it, that is damaged: {s}";
            return fail(failure, key, path, text, .{context.reason()});
        }
        const text = "has no certificate in PEM format{f}";
        return fail(failure, key, path, text, .{insteadOf(bytes, "cafile", path)});
    }

    fn trustFolder(
        context: *Context,
        path: []const u8,
        failure: *Failure,
    ) error{Failed}!void {
        var memory: [path_bytes_max]u8 = undefined;
        const inside = std.mem.printSentinel(&memory, "{s}/.", .{path}, 0) catch "";
        if (inside.len == 0 or !os.pathExists(inside)) {
            return fail(failure, "capath", path, "is not there, or not a folder", .{});
        }
        const name = std.mem.printSentinel(&memory, "{s}", .{path}, 0) catch unreachable;
        if (context.table.SSL_CTX_load_verify_locations(context.ctx, null, name) != 1) {
            return fail(failure, "capath", path, "cannot be read", .{});
        }
    }

    // Who this side is.

    fn setIdentity(
        context: *Context,
        options: *const Options,
        failure: *Failure,
    ) error{Failed}!void {
        const gpa = context.gpa;
        const has_key = options.keyfile.len + options.key.len > 0;
        if (options.certfile.len + options.cert.len == 0) {
            if (!has_key and options.keyfile_pw.len == 0) return;
            const what = if (has_key) "a key ('keyfile', 'key')" else "'keyfile_pw'";
            const text = "tls has {s} and no certificate for it: give 'certfile' or 'cert' as well";
            failure.set(.invalid_argument, text, .{what});
            return error.Failed;
        }
        const from_file = options.cert.len == 0;
        const key = if (from_file) "certfile" else "cert";
        const read: []u8 = if (from_file)
            try readFile(gpa, "certfile", options.certfile, failure)
        else
            &.{};
        defer wipe(gpa, read);
        const bytes = if (from_file) read else options.cert;
        try context.useChain(bytes, key, options.certfile, failure);
        if (options.key.len > 0) return context.useKey(options.key, "key", "", options, failure);
        if (options.keyfile.len == 0) {
            return context.useKey(bytes, key, options.certfile, options, failure);
        }
        const key_bytes = try readFile(gpa, "keyfile", options.keyfile, failure);
        defer wipe(gpa, key_bytes);
        return context.useKey(key_bytes, "keyfile", options.keyfile, options, failure);
    }

    fn useChain(
        context: *Context,
        bytes: []const u8,
        key: []const u8,
        path: []const u8,
        failure: *Failure,
    ) error{Failed}!void {
        const table = context.table;
        const bio = table.BIO_new_mem_buf(bytes.ptr, @intCast(bytes.len)) orelse
            return outOfMemory(failure);
        defer _ = table.BIO_free(bio);
        defer table.ERR_clear_error();
        var password: Password = .{};
        const leaf = table.PEM_read_bio_X509(bio, null, Password.answer, &password) orelse {
            if (mistaken.has(bytes, .certificate)) {
                const text = "has a certificate that is damaged: {s}";
                return fail(failure, key, path, text, .{context.reason()});
            }
            const text = "has no certificate in PEM format{f}";
            return fail(failure, key, path, text, .{insteadOf(bytes, "certfile", path)});
        };
        defer table.X509_free(leaf);
        try context.checkDates(leaf, key, path, failure);
        if (table.SSL_CTX_use_certificate(context.ctx, leaf) != 1) {
            return fail(failure, key, path, "is not accepted: {s}{s}{s}", context.reasonAndAdvice());
        }
        while (table.PEM_read_bio_X509(bio, null, Password.answer, &password)) |next| {
            defer table.X509_free(next);
            const is_taken = table.SSL_CTX_ctrl(context.ctx, openssl.ctrl.chain_cert, 1, next);
            if (is_taken == 1) continue;
            const text = "has a certificate after the first that is not accepted: {s}{s}{s}";
            return fail(failure, key, path, text, context.reasonAndAdvice());
        }
        // Without it nodes would have a gap between the first and its authority.
        if (table.reasonIn(.pem, table.ERR_peek_last_error()) != reason_no_start_line) {
            const text = "has a certificate after the first that is damaged: {s}";
            return fail(failure, key, path, text, .{context.reason()});
        }
    }

    fn checkDates(
        context: *Context,
        leaf: *const openssl.X509,
        key: []const u8,
        path: []const u8,
        failure: *Failure,
    ) error{Failed}!void {
        // A server may have to show one that is not valid.
        if (context.role == .server) return;
        const table = context.table;
        var buffer: [128]u8 = undefined;
        const name = peer_check.subject(table, leaf, &buffer);
        if (table.X509_cmp_current_time(table.X509_get0_notAfter(leaf)) < 0) {
            const text = "has a certificate that has expired ({s}): renew it";
            return fail(failure, key, path, text, .{name});
        }
        if (table.X509_cmp_current_time(table.X509_get0_notBefore(leaf)) > 0) {
            const text = "has a certificate that is not valid yet ({s}): look at the clock of " ++
                "this machine";
            return fail(failure, key, path, text, .{name});
        }
    }

    fn useKey(
        context: *Context,
        bytes: []const u8,
        key: []const u8,
        path: []const u8,
        options: *const Options,
        failure: *Failure,
    ) error{Failed}!void {
        const table = context.table;
        var password: Password = .{};
        defer secureZero(u8, &password.buffer);
        try password.find(options.keyfile_pw, failure);
        const bio = table.BIO_new_mem_buf(bytes.ptr, @intCast(bytes.len)) orelse
            return outOfMemory(failure);
        defer _ = table.BIO_free(bio);
        table.ERR_clear_error();
        defer table.ERR_clear_error();
        const pkey = table.PEM_read_bio_PrivateKey(bio, null, Password.answer, &password) orelse {
            if (!password.was_asked) {
                if (mistaken.has(bytes, .key)) {
                    const text = "has a private key that is damaged, or of a kind that {s} does not know";
                    return fail(failure, key, path, text, .{table.OpenSSL_version(0)});
                }
                const text = "has no private key in PEM format{f}";
                return fail(failure, key, path, text, .{insteadOf(bytes, "keyfile", path)});
            }
            const text = if (options.keyfile_pw.len == 0)
                "is encrypted: give its password as tls 'keyfile_pw'"
            else if (password.len == 0)
                "is encrypted, and what tls 'keyfile_pw' names is empty, or not a file"
            else
                "cannot be decrypted with tls 'keyfile_pw'";
            return fail(failure, key, path, "{s}", .{text});
        };
        defer table.EVP_PKEY_free(pkey);
        const is_taken = table.SSL_CTX_use_PrivateKey(context.ctx, pkey) == 1;
        if (is_taken and table.SSL_CTX_check_private_key(context.ctx) == 1) return;
        const text = "is not the key of the certificate in {f}";
        const certificate = if (options.cert.len > 0) "tls 'cert'" else options.certfile;
        return fail(failure, key, path, text, .{printable.Path{ .text = certificate }});
    }

    // Whom not to trust, and what to write down.

    fn setBlacklist(
        context: *Context,
        options: *const Options,
        failure: *Failure,
    ) error{Failed}!void {
        const path = options.cert_blacklist;
        if (path.len == 0) return;
        context.blacklist.text = try readFile(context.gpa, "cert_blacklist", path, failure);
        const line = context.blacklist.firstWrong() orelse return;
        const text = "{s} in line {d}";
        return fail(failure, "cert_blacklist", path, text, .{ line.why, line.number });
    }

    fn openKeylog(
        context: *Context,
        options: *const Options,
        failure: *Failure,
    ) error{Failed}!void {
        const path = options.keylog_file;
        if (path.len == 0) return;
        var memory: [path_bytes_max]u8 = undefined;
        const name = std.mem.printSentinel(&memory, "{s}", .{path}, 0) catch "";
        os.createPrivate(name);
        context.keylog = os.fopen(name, "a") orelse
            return fail(failure, "keylog_file", path, "cannot be written", .{});
        context.table.SSL_CTX_set_keylog_callback(context.ctx, Stream.onKeylog);
    }

    /// Of the sessions with a peer.
    pub fn sessionKey(context: *const Context, discriminator: u64, name: []const u8) u128 {
        var hash: Hash = .init(&context.session_secret);
        hash.update(std.mem.asBytes(&discriminator));
        hash.update(name);
        return hash.finalInt();
    }

    /// Why the last call of OpenSSL has failed, and what may be done about it.
    fn reasonAndAdvice(context: *const Context) struct { []const u8, []const u8, []const u8 } {
        const queued = context.table.ERR_peek_last_error();
        const known = if (context.table.reasonIn(.ssl, queued)) |number|
            peer_check.adviceOnReason(number)
        else
            null;
        const advice = known orelse return .{ context.reason(), "", "" };
        return .{ context.reason(), "; ", advice };
    }

    /// Why the last call of OpenSSL has failed.
    fn reason(context: *const Context) []const u8 {
        const code = context.table.ERR_peek_last_error();
        const text = context.table.ERR_reason_error_string(code) orelse return "no reason given";
        return std.mem.span(text);
    }
};

/// Sessions that may be resumed, by whom they are with. Whoever finds them taken does without.
pub const Sessions = struct {
    taken: std.atomic.Value(bool) = .init(false),
    entries: [entries_max]Entry = @splat(.{}),
    next: usize = 0,

    const entries_max = 128;
    const Entry = struct { key: u128 = 0, session: ?*openssl.SSL_SESSION = null };

    fn tryLock(sessions: *Sessions) bool {
        return !sessions.taken.swap(true, .acquire);
    }

    fn unlock(sessions: *Sessions) void {
        sessions.taken.store(false, .release);
    }

    /// Takes the caller's reference over; false when it stays the caller's.
    pub fn put(
        sessions: *Sessions,
        table: *const Table,
        key: u128,
        session: *openssl.SSL_SESSION,
    ) bool {
        if (!sessions.tryLock()) return false;
        defer sessions.unlock();
        const entry = sessions.find(key) orelse entry: {
            defer sessions.next = (sessions.next + 1) % entries_max;
            break :entry &sessions.entries[sessions.next];
        };
        if (entry.session) |old| table.SSL_SESSION_free(old);
        entry.* = .{ .key = key, .session = session };
        return true;
    }

    /// Has a new stream resume the last session with the same peer.
    pub fn offer(sessions: *Sessions, table: *const Table, key: u128, ssl: *openssl.SSL) void {
        if (!sessions.tryLock()) return;
        defer sessions.unlock();
        const entry = sessions.find(key) orelse return;
        // It has its own reference then.
        _ = table.SSL_set_session(ssl, entry.session.?);
    }

    /// What could not be resumed is not tried again.
    pub fn forget(sessions: *Sessions, table: *const Table, key: u128) void {
        if (!sessions.tryLock()) return;
        defer sessions.unlock();
        const entry = sessions.find(key) orelse return;
        table.SSL_SESSION_free(entry.session.?);
        entry.* = .{};
    }

    fn find(sessions: *Sessions, key: u128) ?*Entry {
        for (&sessions.entries) |*entry| {
            if (entry.session != null and entry.key == key) return entry;
        }
        return null;
    }

    fn clear(sessions: *Sessions, table: *const Table) void {
        for (&sessions.entries) |*entry| {
            if (entry.session) |session| table.SSL_SESSION_free(session);
        }
        sessions.* = .{};
    }
};

/// What OpenSSL asks for when a key is encrypted.
const Password = struct {
    buffer: [password_bytes_max]u8 = undefined,
    len: usize = 0,
    was_asked: bool = false,

    /// From where the configuration says.
    fn find(password: *Password, given: []const u8, failure: *Failure) error{Failed}!void {
        var memory: [path_bytes_max]u8 = undefined;
        if (std.mem.startsWith(u8, given, "env:")) {
            const name = std.mem.printSentinel(&memory, "{s}", .{given["env:".len..]}, 0) catch "";
            const value = std.c.getenv(name) orelse {
                const text = "tls 'keyfile_pw': there is no environment variable '{s}'";
                failure.set(.tls, text, .{name[0..@min(name.len, 128)]});
                return error.Failed;
            };
            return password.take(std.mem.span(value), failure);
        }
        const path = options_module.pathOfPassword(given) orelse
            return password.take(given, failure);
        const file = openFile(path) orelse
            return fail(failure, "keyfile_pw", path, "cannot be read", .{});
        defer _ = std.c.fclose(file);
        var line: [password_bytes_max + 2]u8 = undefined;
        defer secureZero(u8, &line);
        const count = std.c.fread(&line, 1, line.len, file);
        return password.take(std.mem.trimEnd(u8, line[0..count], "\r\n"), failure);
    }

    fn take(password: *Password, text: []const u8, failure: *Failure) error{Failed}!void {
        if (text.len > password.buffer.len) {
            failure.set(.invalid_argument, "tls 'keyfile_pw' is too long", .{});
            return error.Failed;
        }
        @memcpy(password.buffer[0..text.len], text);
        password.len = text.len;
    }

    fn answer(out: [*]u8, size: c_int, _: c_int, user: ?*anyopaque) callconv(.c) c_int {
        const password: *Password = @ptrCast(@alignCast(user.?));
        password.was_asked = true;
        if (password.len == 0 or password.len > size) return -1;
        @memcpy(out[0..password.len], password.buffer[0..password.len]);
        return @intCast(password.len);
    }
};

pub fn openFile(path: []const u8) ?*std.c.FILE {
    var memory: [path_bytes_max]u8 = undefined;
    const name = std.mem.printSentinel(&memory, "{s}", .{path}, 0) catch return null;
    const file = os.fopen(name, "rb") orelse return null;
    // Else parts of a key stay behind in a buffer of the C library.
    _ = openssl.setvbuf(file, null, openssl.unbuffered, 0);
    return file;
}

/// All of it, the caller's to free.
fn readFile(
    gpa: std.mem.Allocator,
    key: []const u8,
    path: []const u8,
    failure: *Failure,
) error{Failed}![]u8 {
    const file = openFile(path) orelse
        return fail(failure, key, path, "cannot be opened: is it there, and readable?", .{});
    defer _ = std.c.fclose(file);
    var bytes: std.ArrayList(u8) = .empty;
    // Parts of a key stay behind in no memory that was outgrown.
    errdefer wipe(gpa, bytes.allocatedSlice());
    while (true) {
        if (bytes.items.len == bytes.capacity) {
            const larger = gpa.alloc(u8, @max(16 * 1024, 2 * bytes.capacity)) catch
                return outOfMemory(failure);
            const len = bytes.items.len;
            @memcpy(larger[0..len], bytes.items);
            wipe(gpa, bytes.allocatedSlice());
            bytes = .initBuffer(larger);
            bytes.items.len = len;
        }
        const room = bytes.unusedCapacitySlice();
        const count = std.c.fread(room.ptr, 1, room.len, file);
        if (count == 0) break;
        bytes.items.len += count;
        if (bytes.items.len > file_bytes_max) {
            return fail(failure, key, path, "is too large for a file of certificates", .{});
        }
    }
    if (bytes.items.len == 0) {
        return fail(failure, key, path, "is empty, or not a file", .{});
    }
    const result = gpa.dupe(u8, bytes.items) catch return outOfMemory(failure);
    wipe(gpa, bytes.allocatedSlice());
    return result;
}

fn wipe(gpa: std.mem.Allocator, bytes: []u8) void {
    secureZero(u8, bytes);
    gpa.free(bytes);
}

/// A file, or what was given in its place, will not do.
fn fail(
    failure: *Failure,
    key: []const u8,
    path: []const u8,
    comptime format: []const u8,
    args: anytype,
) error{Failed} {
    const separator = if (path.len > 0) ": " else "";
    const shown: printable.Path = .{ .text = path };
    failure.set(.tls, "tls '{s}'{s}{f} " ++ format, .{ key, separator, shown } ++ args);
    return error.Failed;
}

fn insteadOf(bytes: []const u8, path_key: []const u8, path: []const u8) mistaken.Instead {
    return .{ .bytes = bytes, .path_key = if (path.len == 0) path_key else null };
}

fn outOfMemory(failure: *Failure) error{Failed} {
    failure.set(.out_of_memory, "out of memory for TLS", .{});
    return error.Failed;
}
