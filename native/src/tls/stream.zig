//! One connection's TLS: bytes in and out of a descriptor, without waiting for it.
//!
//! A call goes as far as the descriptor lets it, and says what it waits for. Only a read that is
//! told to has patience, with its first receive.
//! One thread uses a stream at a time. Why a call has failed is kept in words for the thread that
//! made it, until its next failure. Closing says goodbye to the peer, but not in the child of a
//! fork, whose parent goes on with the same connection; there the memory is left alone, too, as
//! another thread of the parent may have been in OpenSSL.

const std = @import("std");
const assert = std.debug.assert;
const context_module = @import("context.zig");
const gate = @import("gate.zig");
const openssl = @import("openssl.zig");
const os = @import("../os.zig");
const peer_check = @import("peer_check.zig");
const Context = context_module.Context;
const Reason = peer_check.Reason;
const Table = openssl.Table;
const system = os.system;

const send_flags = system.MSG.DONTWAIT |
    if (@hasDecl(system.MSG, "NOSIGNAL")) system.MSG.NOSIGNAL else 0;

const result_code = struct {
    const ssl = 1;
    const want_read = 2;
    const want_write = 3;
    const syscall = 5;
    const zero_return = 6;
};

const bio_type = 0x0400 | 119;
const bio_read = 0x1;
const bio_write = 0x2;
const bio_retry_bits = 0x1 | 0x2 | 0x4 | 0x8;
const bio_should_retry = 0x8;

/// Names with a wildcard within a label are not taken: nobody makes them in good faith.
const host_flag_no_partial_wildcards = 0x4;
/// Added to an alert's number.
const reason_alert = 1000;
/// A message of the handshake is larger than those of its kind may be.
const reason_too_large = 152;
const common_name = 13;

pub const Error = error{
    /// The peer has ended the connection.
    Closed,
    /// The descriptor has failed; `transport` says how.
    Broken,
    /// The peer's certificate, or what it sends, was refused, or it refuses ours.
    Tls,
    OutOfMemory,
};

pub const Direction = enum { reading, writing };

/// Whom a client speaks with.
pub const Peer = struct {
    /// A host's name or an IP address, which its certificate has to be for.
    name: []const u8,
    /// Tells servers of the same name apart.
    discriminator: u64 = 0,
};

/// Why the last call on this thread has failed.
const Problem = struct {
    buffer: [512]u8 = undefined,
    len: usize = 0,
    /// The certificate that was looked at.
    subject_buffer: [128]u8 = undefined,
    subject_len: usize = 0,

    fn set(problem: *Problem, comptime format: []const u8, args: anytype) void {
        var writer = std.Io.Writer.fixed(&problem.buffer);
        // What does not fit is cut.
        writer.print(format, args) catch {};
        problem.len = writer.end;
    }
};

threadlocal var last: Problem = .{};

/// In words, of the last call on this thread that failed with `Tls`.
pub fn problemText() []const u8 {
    return last.buffer[0..last.len];
}

pub const Stream = struct {
    context: *Context,
    ssl: *openssl.SSL,
    fd: os.Fd,
    process: i32,
    state: enum { handshake, open, over } = .handshake,
    /// What the last call waits for, other than what it is about.
    wants: ?Direction = null,
    /// More was decrypted than the last read had room for, or may be.
    has_unread: bool = false,
    /// Once it is over.
    ended_by: Error = error.Closed,
    transport: std.posix.E = .SUCCESS,
    /// Of the certificates that were shown; 0: nothing is wrong with them.
    verify_code: c_long = 0,
    session_key: u128 = 0,
    /// Of the next receive from the descriptor.
    patience: os.Patience = .none,

    /// For a descriptor, which stays the caller's. Holds the context.
    pub fn create(context: *Context, fd: os.Fd, peer: ?Peer) Error!*Stream {
        gate.enter();
        defer gate.leave();
        const table = context.table;
        const stream = context.gpa.create(Stream) catch return error.OutOfMemory;
        errdefer context.gpa.destroy(stream);
        table.ERR_clear_error();
        const ssl = table.SSL_new(context.ctx) orelse return error.OutOfMemory;
        errdefer table.SSL_free(ssl);
        const bio = table.BIO_new(context.method) orelse return error.OutOfMemory;
        table.BIO_set_data(bio, stream);
        table.SSL_set_bio(ssl, bio, bio);
        stream.* = .{ .context = context, .ssl = ssl, .fd = fd, .process = os.processId() };
        if (table.SSL_set_ex_data(ssl, 0, stream) != 1) return error.OutOfMemory;
        switch (context.role) {
            .client => {
                try stream.expect(peer.?);
                table.SSL_set_connect_state(ssl);
            },
            .server => table.SSL_set_accept_state(ssl),
        }
        _ = context.hold();
        return stream;
    }

    /// Ends it; the descriptor is the caller's to close.
    pub fn destroy(stream: *Stream) void {
        const context = stream.context;
        if (stream.process != os.processId()) return;
        gate.enter();
        defer gate.leave();
        switch (stream.state) {
            .handshake => context.counters.fail(.abandoned),
            .open => {
                stream.forgetErrors();
                _ = context.table.SSL_shutdown(stream.ssl);
            },
            .over => {},
        }
        context.table.SSL_free(stream.ssl);
        context.gpa.destroy(stream);
        context.release();
    }

    /// The certificate has to be for that peer, and it is told whom it is taken for.
    fn expect(stream: *Stream, peer: Peer) Error!void {
        const table = stream.context.table;
        const param = table.SSL_get0_param(stream.ssl);
        const name = peer.name;
        var memory: [256]u8 = undefined;
        if (std.Io.net.IpAddress.parse(name, 0)) |address| {
            const bytes: []const u8 = switch (address) {
                .ip4 => |*ip4| &ip4.bytes,
                .ip6 => |*ip6| &ip6.bytes,
            };
            if (table.X509_VERIFY_PARAM_set1_ip(param, bytes.ptr, bytes.len) != 1) {
                return error.OutOfMemory;
            }
        } else |_| {
            const text = std.mem.printSentinel(&memory, "{s}", .{name}, 0) catch "";
            // Behind a dot OpenSSL takes any name that ends so.
            if (text.len == 0 or text[0] == '.') return refuseName(name);
            table.X509_VERIFY_PARAM_set_hostflags(param, host_flag_no_partial_wildcards);
            if (table.X509_VERIFY_PARAM_set1_host(param, text.ptr, text.len) != 1) {
                return refuseName(name);
            }
            _ = table.SSL_ctrl(stream.ssl, openssl.ctrl.host_name, 0, text.ptr);
        }
        stream.session_key = stream.context.sessionKey(peer.discriminator, name);
        stream.context.sessions.offer(table, stream.session_key, stream.ssl);
    }

    fn refuseName(name: []const u8) error{Tls} {
        const shown = name[0..@min(name.len, 64)];
        last.set("'{s}' is no name that a certificate may be for", .{shown});
        return error.Tls;
    }

    /// Goes on with the handshake: null when it is over, else what it waits for.
    pub fn handshake(stream: *Stream) Error!?Direction {
        if (stream.state == .open) return null;
        if (stream.state == .over) return stream.ended_by;
        gate.enter();
        defer gate.leave();
        const context = stream.context;
        const table = context.table;
        stream.forgetErrors();
        const result = table.SSL_do_handshake(stream.ssl);
        if (result == 1) {
            if (context.role == .client) try stream.refuseUnproven();
            stream.state = .open;
            _ = context.counters.handshakes.fetchAdd(1, .monotonic);
            if (table.SSL_session_reused(stream.ssl) == 1) {
                _ = context.counters.resumed.fetchAdd(1, .monotonic);
            }
            return null;
        }
        switch (table.SSL_get_error(stream.ssl, result)) {
            result_code.want_read => return .reading,
            result_code.want_write => return .writing,
            else => |code| {
                context.sessions.forget(table, stream.session_key);
                return stream.end(code);
            },
        }
    }

    /// No list of ciphers that is given leads here; one in the configuration of OpenSSL may.
    fn refuseUnproven(stream: *Stream) error{Tls}!void {
        const context = stream.context;
        const table = context.table;
        const cipher = table.SSL_get_current_cipher(stream.ssl);
        const certificate = table.peerCertificate(stream.ssl);
        defer if (certificate) |shown| table.X509_free(shown);
        if (certificate != null and table.SSL_CIPHER_get_bits(cipher, null) > 0) return;
        last.set("{s} does not encrypt, or has no node prove who it is; the configuration of OpenSSL " ++
            "on this machine allows it", .{table.SSL_CIPHER_get_name(cipher)});
        context.sessions.forget(table, stream.session_key);
        context.counters.fail(.certificate);
        stream.state = .over;
        stream.ended_by = error.Tls;
        return error.Tls;
    }

    /// The same as `read`, which is tried again, or sleeps, below OpenSSL: that is called once.
    pub fn readPatiently(stream: *Stream, buffer: []u8, patience: os.Patience) Error!usize {
        stream.patience = patience;
        defer stream.patience = .none;
        return stream.read(buffer);
    }

    /// What has arrived, as far as there is room; 0: nothing at present.
    pub fn read(stream: *Stream, buffer: []u8) Error!usize {
        assert(buffer.len > 0);
        if (stream.state != .open) return stream.ended_by;
        gate.enter();
        defer gate.leave();
        const table = stream.context.table;
        stream.wants = null;
        stream.has_unread = false;
        stream.forgetErrors();
        var count: usize = 0;
        while (count < buffer.len) {
            const room = buffer[count..];
            const size: c_int = @intCast(@min(room.len, 1 << 30));
            const result = table.SSL_read(stream.ssl, room.ptr, size);
            if (result <= 0) {
                const code = table.SSL_get_error(stream.ssl, result);
                switch (code) {
                    result_code.want_read => {},
                    result_code.want_write => stream.wants = .writing,
                    else => {
                        const err = stream.end(code);
                        // What came before the end is told first.
                        if (count == 0) return err;
                    },
                }
                return count;
            }
            count += @intCast(result);
            if (table.SSL_has_pending(stream.ssl) == 0) return count;
        }
        stream.has_unread = true;
        return count;
    }

    /// How many bytes the descriptor has taken; 0: none at present. The same bytes have to be
    /// given again then.
    pub fn write(stream: *Stream, bytes: []const u8) Error!usize {
        assert(bytes.len > 0);
        if (stream.state != .open) return stream.ended_by;
        gate.enter();
        defer gate.leave();
        const table = stream.context.table;
        stream.wants = null;
        stream.forgetErrors();
        var count: usize = 0;
        while (count < bytes.len) {
            const rest = bytes[count..];
            const size: c_int = @intCast(@min(rest.len, 1 << 30));
            const result = table.SSL_write(stream.ssl, rest.ptr, size);
            if (result <= 0) {
                const code = table.SSL_get_error(stream.ssl, result);
                switch (code) {
                    result_code.want_write => {},
                    result_code.want_read => stream.wants = .reading,
                    else => {
                        stream.hearLastWords();
                        return stream.end(code);
                    },
                }
                return count;
            }
            count += @intCast(result);
        }
        return count;
    }

    /// Who cannot be written to any more may have said why, unread so far: one that does not take
    /// this side's certificate does so when, in TLS 1.3, the handshake is over here.
    fn hearLastWords(stream: *Stream) void {
        const table = stream.context.table;
        const transport = stream.transport;
        if (transport == .SUCCESS) return;
        stream.forgetErrors();
        var byte: [1]u8 = undefined;
        if (table.SSL_peek(stream.ssl, &byte, 1) > 0) return;
        stream.transport = transport;
        if (!isAlert(table, table.ERR_peek_last_error())) stream.forgetErrors();
    }

    /// Open and with nothing for the user to read. Takes what concerns only TLS, such as a ticket
    /// for the next session, off the descriptor.
    pub fn isIdle(stream: *Stream) bool {
        if (stream.state != .open) return false;
        gate.enter();
        defer gate.leave();
        const table = stream.context.table;
        stream.forgetErrors();
        var byte: [1]u8 = undefined;
        const result = table.SSL_peek(stream.ssl, &byte, 1);
        if (result > 0) return false;
        switch (table.SSL_get_error(stream.ssl, result)) {
            result_code.want_read => return true,
            else => |code| {
                _ = stream.end(code) catch {};
                return false;
            },
        }
    }

    /// Something of what was received is not decrypted yet.
    pub fn hasPending(stream: *const Stream) bool {
        return stream.context.table.SSL_has_pending(stream.ssl) != 0;
    }

    /// The name in the peer's certificate, if it has shown one.
    pub fn commonName(stream: *const Stream, buffer: []u8) []const u8 {
        gate.enter();
        defer gate.leave();
        const table = stream.context.table;
        const certificate = table.peerCertificate(stream.ssl) orelse return "";
        defer table.X509_free(certificate);
        const name = table.X509_get_subject_name(certificate);
        const size: c_int = @intCast(buffer.len);
        const length = table.X509_NAME_get_text_by_NID(name, common_name, buffer.ptr, size);
        return buffer[0..@intCast(@max(length, 0))];
    }

    /// What was agreed upon, in words.
    pub fn format(stream: *const Stream, writer: *std.Io.Writer) std.Io.Writer.Error!void {
        const table = stream.context.table;
        try writer.print("{s}, {s}{s}", .{
            table.SSL_get_version(stream.ssl),
            table.SSL_CIPHER_get_name(table.SSL_get_current_cipher(stream.ssl)),
            if (table.SSL_session_reused(stream.ssl) == 1) ", resumed" else "",
        });
    }

    /// Nothing goes on after this.
    fn end(stream: *Stream, code: c_int) Error {
        const was_handshake = stream.state == .handshake;
        stream.state = .over;
        stream.ended_by = stream.judge(code, was_handshake);
        return stream.ended_by;
    }

    fn judge(stream: *Stream, code: c_int, was_handshake: bool) Error {
        const counters = stream.context.counters;
        const table = stream.context.table;
        if (code == result_code.zero_return) {
            if (was_handshake) counters.fail(.torn);
            return error.Closed;
        }
        const queued = table.ERR_peek_last_error();
        // An end without a goodbye is an end like any other: what the bytes are is told by frames.
        const is_transport = stream.transport != .SUCCESS;
        if (is_transport and stream.verify_code == 0 and !isAlert(table, queued)) {
            if (was_handshake) counters.fail(.torn);
            return if (stream.transport == .PIPE) error.Closed else error.Broken;
        }
        const reason = stream.explain(queued, was_handshake);
        counters.fail(reason);
        return error.Tls;
    }

    fn explain(stream: *Stream, queued: c_ulong, was_handshake: bool) Reason {
        const table = stream.context.table;
        const side = if (stream.context.role == .client) "node" else "client";
        if (stream.verify_code != 0) {
            last.set("the {s}'s certificate ({s}) is refused: {s}; {s}", .{
                side,
                last.subject_buffer[0..last.subject_len],
                table.X509_verify_cert_error_string(stream.verify_code),
                peer_check.adviceOf(stream.verify_code),
            });
            return peer_check.reasonOf(stream.verify_code);
        }
        const text = if (table.ERR_reason_error_string(queued)) |given|
            std.mem.span(given)
        else
            "no reason is known";
        if (isAlert(table, queued)) {
            const advice = peer_check.adviceOnAlert(reasonOf(table, queued).? - reason_alert);
            last.set("the {s} refuses: {s}; {s}", .{ side, text, advice });
            return .refused_by_peer;
        }
        if (was_handshake and reasonOf(table, queued) == reason_too_large) {
            const advice = "a chain of certificates may take 100 kB; have it show only those that " ++
                "lead to its authority";
            last.set("the {s} sends too much: {s}; {s}", .{ side, text, advice });
            return .certificate;
        }
        if (!was_handshake) {
            last.set("{s}", .{text});
            return .protocol;
        }
        const known = if (reasonOf(table, queued)) |number| peer_check.adviceOnReason(number) else null;
        last.set("{s}; {s}", .{ text, known orelse "does this port speak TLS?" });
        return .protocol;
    }

    fn isAlert(table: *const Table, queued: c_ulong) bool {
        const reason = reasonOf(table, queued) orelse return false;
        return reason >= reason_alert and reason < reason_alert + 256;
    }

    /// Null for a failure that is not of TLS itself.
    fn reasonOf(table: *const Table, queued: c_ulong) ?c_ulong {
        return table.reasonIn(.ssl, queued);
    }

    // What OpenSSL calls.

    /// How it reaches the descriptor: without signals, and never waiting.
    pub fn createMethod(table: *const Table) ?*openssl.BIO_METHOD {
        const method = table.BIO_meth_new(bio_type, "descriptor") orelse return null;
        _ = table.BIO_meth_set_read(method, onRead);
        _ = table.BIO_meth_set_write(method, onWrite);
        _ = table.BIO_meth_set_ctrl(method, onControl);
        return method;
    }

    fn of(bio: *openssl.BIO) struct { *Stream, *const Table } {
        // Every version has it at the same place; the table is the process's.
        const table = openssl.loaded();
        const stream: *Stream = @ptrCast(@alignCast(table.BIO_get_data(bio).?));
        return .{ stream, table };
    }

    fn onRead(bio: *openssl.BIO, buffer: [*]u8, size: c_int) callconv(.c) c_int {
        const stream, const table = of(bio);
        table.BIO_clear_flags(bio, bio_retry_bits);
        const rc, const code = stream.receive(buffer[0..@intCast(size)]);
        switch (code) {
            .SUCCESS => {
                // The end; what a reset would mean means this, too.
                if (rc == 0) stream.transport = .PIPE;
                return @intCast(rc);
            },
            .AGAIN => {
                table.BIO_set_flags(bio, bio_read | bio_should_retry);
                return -1;
            },
            else => return stream.broke(code),
        }
    }

    fn receive(stream: *Stream, buffer: []u8) struct { isize, std.posix.E } {
        const patience = stream.patience;
        // Once: the rest of a record is waited for by who knows the deadline.
        stream.patience = .none;
        if (patience != .sleep) return os.receive(stream.fd, buffer, patience);
        // A fork need not wait for this: OpenSSL holds no lock while it receives.
        gate.leave();
        defer gate.enter();
        return os.receive(stream.fd, buffer, patience);
    }

    fn onWrite(bio: *openssl.BIO, bytes: [*]const u8, size: c_int) callconv(.c) c_int {
        const stream, const table = of(bio);
        table.BIO_clear_flags(bio, bio_retry_bits);
        while (true) {
            const rc = system.send(stream.fd, bytes, @intCast(size), send_flags);
            switch (os.errno(rc)) {
                .SUCCESS => return @intCast(rc),
                .INTR => {},
                .AGAIN => {
                    table.BIO_set_flags(bio, bio_write | bio_should_retry);
                    return -1;
                },
                else => |code| return stream.broke(code),
            }
        }
    }

    /// What others have left behind would be taken for the next call's failure. To look is cheap.
    fn forgetErrors(stream: *const Stream) void {
        const table = stream.context.table;
        if (table.ERR_peek_last_error() != 0) table.ERR_clear_error();
    }

    fn broke(stream: *Stream, code: std.posix.E) c_int {
        stream.transport = code;
        return -1;
    }

    fn onControl(_: *openssl.BIO, command: c_int, _: c_long, _: ?*anyopaque) callconv(.c) c_long {
        return @intFromBool(command == openssl.ctrl.bio_flush);
    }

    /// For each certificate, with what OpenSSL thinks of it.
    pub fn onVerify(ok: c_int, store: *openssl.X509_STORE_CTX) callconv(.c) c_int {
        const table = openssl.loaded();
        const index = table.SSL_get_ex_data_X509_STORE_CTX_idx();
        const ssl: *openssl.SSL = @ptrCast(table.X509_STORE_CTX_get_ex_data(store, index).?);
        const stream: *Stream = @ptrCast(@alignCast(table.SSL_get_ex_data(ssl, 0).?));
        const certificate = table.X509_STORE_CTX_get_current_cert(store);
        var is_good = ok == 1;
        if (is_good) if (certificate) |shown| {
            if (stream.context.blacklist.contains(table, shown)) {
                table.X509_STORE_CTX_set_error(store, peer_check.revoked_code);
                is_good = false;
            }
        };
        if (is_good) return 1;
        stream.verify_code = table.X509_STORE_CTX_get_error(store);
        last.subject_len = 0;
        if (certificate) |shown| {
            const text = peer_check.subject(table, shown, &last.subject_buffer);
            last.subject_len = text.len;
        }
        return 0;
    }

    /// A session that may be resumed; 1: it is kept.
    pub fn onSession(ssl: *openssl.SSL, session: *openssl.SSL_SESSION) callconv(.c) c_int {
        const table = openssl.loaded();
        const stream: *Stream = @ptrCast(@alignCast(table.SSL_get_ex_data(ssl, 0).?));
        return @intFromBool(stream.context.sessions.put(table, stream.session_key, session));
    }

    pub fn onKeylog(ssl: *const openssl.SSL, line: [*:0]const u8) callconv(.c) void {
        const table = openssl.loaded();
        const stream: *Stream = @ptrCast(@alignCast(table.SSL_get_ex_data(ssl, 0).?));
        const file = stream.context.keylog orelse return;
        var memory: [1024]u8 = undefined;
        const text = std.mem.print(&memory, "{s}\n", .{line}) catch return;
        _ = std.c.fwrite(text.ptr, 1, text.len, file);
        _ = openssl.fflush(file);
    }
};
