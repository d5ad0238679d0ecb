//! The info protocol: names out, one line per name back, and the texts that describe a cluster.
//!
//! Requests are names separated by newlines; replies are `name<TAB>value<NEWLINE>`. Iterators
//! return slices of the reply; a text that does not follow its grammar is `error.Malformed`.

const std = @import("std");
const Buffer = @import("Buffer.zig");
const digest = @import("digest.zig");
const proto = @import("proto.zig");

pub const ParseError = error{Malformed};

/// Appends a whole frame. The server answers every name in order.
pub fn encodeRequest(buffer: *Buffer, names: []const []const u8) Buffer.Error!void {
    const start = try proto.begin(buffer);
    for (names) |name| {
        try buffer.append(name);
        try buffer.byte('\n');
    }
    proto.end(buffer, start, .info);
}

/// Appends one line of a reply; the frame is the caller's (`proto.begin`, `proto.end`).
pub fn encodeLine(buffer: *Buffer, name: []const u8, value: []const u8) Buffer.Error!void {
    try buffer.append(name);
    try buffer.byte('\t');
    try buffer.append(value);
    try buffer.byte('\n');
}

pub const Line = struct {
    name: []const u8,
    /// Empty when the line has no tab.
    value: []const u8,
};

/// Over the body of a reply; over that of a request too, whose lines have no value.
pub const Lines = struct {
    rest: []const u8,

    pub fn init(body: []const u8) Lines {
        return .{ .rest = body };
    }

    pub fn next(lines: *Lines) ?Line {
        while (lines.rest.len > 0) {
            const text, lines.rest = cutOrAll(lines.rest, '\n');
            if (text.len == 0) continue;
            const name, const value = cutOrAll(text, '\t');
            return .{ .name = name, .value = value };
        }
        return null;
    }

    /// The value of the first line with this name.
    pub fn find(body: []const u8, name: []const u8) ?[]const u8 {
        var lines = Lines.init(body);
        while (lines.next()) |line| {
            if (std.mem.eql(u8, line.name, name)) return line.value;
        }
        return null;
    }
};

pub const Failure = struct {
    /// The server's result code, never 0; null when it gave none that means a failure.
    code: ?u8,
    text: []const u8,
};

/// What an error value says: `ERROR:4:text`, `ERROR::text`, `FAIL:4:text`, `ERROR:text` …;
/// null for a value that is none.
pub fn failure(value: []const u8) ?Failure {
    const rest = afterWord(value, "ERROR") orelse afterWord(value, "FAIL") orelse return null;
    const separator = std.mem.findScalar(u8, rest, ':') orelse {
        const code = parseCode(rest) catch return .{ .code = null, .text = rest };
        return .{ .code = code, .text = "" };
    };
    const text = rest[separator + 1 ..];
    if (separator == 0) return .{ .code = null, .text = text };
    const code = parseCode(rest[0..separator]) catch return .{ .code = null, .text = rest };
    return .{ .code = code, .text = text };
}

/// Null for 0: what failed has not succeeded, whatever number it names.
fn parseCode(digits: []const u8) error{Malformed}!?u8 {
    const code = std.fmt.parseInt(u8, digits, 10) catch return error.Malformed;
    return if (code == 0) null else code;
}

/// What follows the word and a ':', or nothing where there is but the word.
fn afterWord(text: []const u8, comptime word: []const u8) ?[]const u8 {
    if (text.len < word.len) return null;
    if (!std.ascii.eqlIgnoreCase(text[0..word.len], word)) return null;
    const rest = text[word.len..];
    if (rest.len == 0) return rest;
    return if (rest[0] == ':') rest[1..] else null;
}

/// The value of the one line of a reply: what follows the command and a tab, without the newline.
pub fn withoutEcho(body: []const u8, command: []const u8) []const u8 {
    const text = std.mem.trimEnd(u8, body, "\n");
    if (!std.mem.startsWith(u8, text, command)) return text;
    const rest = text[command.len..];
    return if (rest.len != 0 and rest[0] == '\t') rest[1..] else rest;
}

test "an answer comes without the echoed command" {
    try std.testing.expectEqualStrings("8.1.2.0", withoutEcho("build\t8.1.2.0\n", "build"));
    try std.testing.expectEqualStrings("", withoutEcho("sets\t\n", "sets"));
    try std.testing.expectEqualStrings("", withoutEcho("quiesce\n", "quiesce"));
    try std.testing.expectEqualStrings(
        "ERROR:4:unrecognized command",
        withoutEcho("ERROR:4:unrecognized command\n", "nonsense"),
    );
}

/// `a=1;b=2` with any separator. A part without `=` is a name with an empty value.
pub const Pairs = struct {
    parts: std.mem.SplitIterator(u8, .scalar),

    pub fn init(text: []const u8, separator: u8) Pairs {
        return .{ .parts = std.mem.splitScalar(u8, text, separator) };
    }

    pub fn next(pairs: *Pairs) ?Line {
        while (pairs.parts.next()) |part| {
            if (part.len == 0) continue;
            const name, const value = cutOrAll(part, '=');
            return .{ .name = name, .value = value };
        }
        return null;
    }

    pub fn find(text: []const u8, separator: u8, name: []const u8) ?[]const u8 {
        var pairs = Pairs.init(text, separator);
        while (pairs.next()) |pair| {
            if (std.mem.eql(u8, pair.name, name)) return pair.value;
        }
        return null;
    }
};

/// `peers-generation`, `partition-generation`, … A partition generation of -1 says that the
/// node is not ready.
pub fn parseGeneration(value: []const u8) ParseError!i64 {
    return std.fmt.parseInt(i64, value, 10) catch error.Malformed;
}

pub const Host = struct {
    /// A name or an address, without the brackets of an IPv6 address.
    name: []const u8,
    port: u16,
};

/// `name`, `name:port`, `[v6]` or `[v6]:port`; also a bare IPv6 address, without a port.
pub fn parseHost(text: []const u8, port_default: u16) ParseError!Host {
    if (text.len == 0) return error.Malformed;
    if (text[0] == '[') {
        const end = std.mem.findScalar(u8, text, ']') orelse return error.Malformed;
        if (end == 1) return error.Malformed;
        const name = text[1..end];
        const tail = text[end + 1 ..];
        if (tail.len == 0) return .{ .name = name, .port = port_default };
        if (tail[0] != ':') return error.Malformed;
        return .{ .name = name, .port = try parsePort(tail[1..]) };
    }
    const separator = std.mem.findScalar(u8, text, ':') orelse {
        return .{ .name = text, .port = port_default };
    };
    if (std.mem.findScalarPos(u8, text, separator + 1, ':') != null) {
        return .{ .name = text, .port = port_default };
    }
    if (separator == 0) return error.Malformed;
    return .{ .name = text[0..separator], .port = try parsePort(text[separator + 1 ..]) };
}

fn parsePort(text: []const u8) ParseError!u16 {
    const port = std.fmt.parseInt(u16, text, 10) catch return error.Malformed;
    if (port == 0) return error.Malformed;
    return port;
}

/// A list of hosts: separated by `,` in the peers, by `;` or `,` in `services` and
/// `service-clear-std`.
pub const Hosts = struct {
    rest: []const u8,
    port_default: u16,

    pub fn init(text: []const u8, port_default: u16) Hosts {
        return .{ .rest = text, .port_default = port_default };
    }

    pub fn next(hosts: *Hosts) ParseError!?Host {
        while (hosts.rest.len > 0) {
            const end = std.mem.findAny(u8, hosts.rest, ",;") orelse hosts.rest.len;
            const text = hosts.rest[0..end];
            hosts.rest = hosts.rest[@min(end + 1, hosts.rest.len)..];
            if (text.len == 0) continue;
            return try parseHost(text, hosts.port_default);
        }
        return null;
    }
};

pub const Peer = struct {
    /// The node's name.
    name: []const u8,
    /// Empty when there is none.
    tls_name: []const u8,
    hosts: Hosts,
};

/// `generation,default-port,[[name,tls-name,[host,host]],[…]]`, as `peers-clear-std` and its
/// sisters answer.
pub const Peers = struct {
    generation: i64,
    port_default: u16,
    rest: []const u8,

    pub const port_fallback = 3000;

    pub fn parse(value: []const u8) ParseError!Peers {
        const generation, const after_generation = try cut(value, ',');
        const port, const list = try cut(after_generation, ',');
        if (list.len < 2) return error.Malformed;
        if (list[0] != '[') return error.Malformed;
        if (list[list.len - 1] != ']') return error.Malformed;
        return .{
            .generation = try parseGeneration(generation),
            .port_default = if (port.len == 0) port_fallback else try parsePort(port),
            .rest = list[1 .. list.len - 1],
        };
    }

    pub fn next(peers: *Peers) ParseError!?Peer {
        var rest = peers.rest;
        if (rest.len == 0) return null;
        if (rest[0] != '[') return error.Malformed;
        const name, rest = try cut(rest[1..], ',');
        const tls_name, rest = try cut(rest, ',');
        if (name.len == 0) return error.Malformed;
        if (rest.len == 0 or rest[0] != '[') return error.Malformed;
        // The brackets of IPv6 addresses are inside, so the list ends where two close at once.
        const end = hostsEnd(rest[1..]) orelse return error.Malformed;
        const hosts = rest[1..][0..end];
        rest = rest[1 + end + 2 ..];
        if (rest.len > 0) {
            if (rest[0] != ',' or rest.len == 1) return error.Malformed;
            rest = rest[1..];
        }
        peers.rest = rest;
        return .{
            .name = name,
            .tls_name = tls_name,
            .hosts = .init(hosts, peers.port_default),
        };
    }

    /// The offset of the bracket that closes the hosts, which another one follows.
    fn hostsEnd(text: []const u8) ?usize {
        var in_address = false;
        for (text, 0..) |item, offset| switch (item) {
            '[' => {
                if (in_address) return null;
                in_address = true;
            },
            ']' => {
                if (in_address) {
                    in_address = false;
                    continue;
                }
                if (offset + 1 == text.len) return null;
                return if (text[offset + 1] == ']') offset else null;
            },
            else => {},
        };
        return null;
    }
};

/// One bit for each partition, the highest bit of the first byte being partition 0.
pub const Bitmap = [digest.partitions / 8]u8;

pub fn bitmapHas(bitmap: *const Bitmap, partition: u16) bool {
    return bitmap[partition / 8] & @as(u8, 0x80) >> @intCast(partition % 8) != 0;
}

pub fn bitmapSet(bitmap: *Bitmap, partition: u16) void {
    bitmap[partition / 8] |= @as(u8, 0x80) >> @intCast(partition % 8);
}

/// What a bitmap takes in the text.
pub const bitmap_text_bytes = std.base64.standard.Encoder.calcSize(@sizeOf(Bitmap));

pub const NamespaceReplicas = struct {
    namespace: []const u8,
    /// 0 for namespaces that are available rather than consistent.
    regime: u32,
    count: u8,
    bitmaps: Bitmaps,
};

/// The master's bitmap first, then one for each replica.
pub const Bitmaps = struct {
    rest: []const u8,

    /// False when there are no more.
    pub fn next(bitmaps: *Bitmaps, bitmap: *Bitmap) ParseError!bool {
        if (bitmaps.rest.len == 0) return false;
        const text, bitmaps.rest = cutOrAll(bitmaps.rest, ',');
        if (text.len != bitmap_text_bytes) return error.Malformed;
        // The decoder writes beyond its target when a text of this length lacks its padding.
        const decoder = std.base64.standard.Decoder;
        const size = decoder.calcSizeForSlice(text) catch return error.Malformed;
        if (size != @sizeOf(Bitmap)) return error.Malformed;
        decoder.decode(bitmap, text) catch return error.Malformed;
        return true;
    }
};

/// `namespace:regime,count,bitmap,bitmap;…`, as `replicas` answers.
pub const Replicas = struct {
    rest: []const u8,

    pub const namespace_bytes_max = 31;

    pub fn init(value: []const u8) Replicas {
        return .{ .rest = value };
    }

    pub fn next(replicas: *Replicas) ParseError!?NamespaceReplicas {
        while (replicas.rest.len > 0) {
            const text, replicas.rest = cutOrAll(replicas.rest, ';');
            if (text.len == 0) continue;
            const namespace, const after_namespace = try cut(text, ':');
            const regime, const after_regime = try cut(after_namespace, ',');
            const count_text, const bitmaps = try cut(after_regime, ',');
            if (namespace.len == 0) return error.Malformed;
            if (namespace.len > namespace_bytes_max) return error.Malformed;
            const count = std.fmt.parseInt(u8, count_text, 10) catch return error.Malformed;
            if (count == 0) return error.Malformed;
            if (bitmaps.len != (bitmap_text_bytes + 1) * @as(usize, count) - 1) {
                return error.Malformed;
            }
            return .{
                .namespace = namespace,
                .regime = std.fmt.parseInt(u32, regime, 10) catch return error.Malformed,
                .count = count,
                .bitmaps = .{ .rest = bitmaps },
            };
        }
        return null;
    }
};

/// Appends what `Replicas` reads, for one namespace, without a separator.
pub fn encodeReplicas(
    buffer: *Buffer,
    namespace: []const u8,
    regime: u32,
    bitmaps: []const Bitmap,
) Buffer.Error!void {
    var numbers: [24]u8 = undefined;
    var writer = std.Io.Writer.fixed(&numbers);
    // A u32 and a count of at most 255 always fit.
    writer.print(":{d},{d}", .{ regime, bitmaps.len }) catch unreachable;
    try buffer.append(namespace);
    try buffer.append(writer.buffered());
    for (bitmaps) |*bitmap| {
        try buffer.byte(',');
        const offset = try buffer.reserve(bitmap_text_bytes);
        _ = std.base64.standard.Encoder.encode(buffer.bytes[offset..buffer.end], bitmap);
    }
}

pub const RackId = struct {
    namespace: []const u8,
    rack_id: i32,
};

/// `namespace:rack;…`, as `rack-ids` answers.
pub const RackIds = struct {
    rest: []const u8,

    pub fn init(value: []const u8) RackIds {
        return .{ .rest = value };
    }

    pub fn next(racks: *RackIds) ParseError!?RackId {
        while (racks.rest.len > 0) {
            const text, racks.rest = cutOrAll(racks.rest, ';');
            if (text.len == 0) continue;
            const namespace, const rack = try cut(text, ':');
            if (namespace.len == 0) return error.Malformed;
            return .{
                .namespace = namespace,
                .rack_id = std.fmt.parseInt(i32, rack, 10) catch return error.Malformed,
            };
        }
        return null;
    }
};

const Halves = struct { []const u8, []const u8 };

/// Before and after the first separator, which has to be there.
fn cut(text: []const u8, separator: u8) ParseError!Halves {
    const offset = std.mem.findScalar(u8, text, separator) orelse return error.Malformed;
    return .{ text[0..offset], text[offset + 1 ..] };
}

/// Before and after the first separator; all and nothing when there is none.
fn cutOrAll(text: []const u8, separator: u8) Halves {
    const offset = std.mem.findScalar(u8, text, separator) orelse {
        return .{ text, text[text.len..] };
    };
    return .{ text[0..offset], text[offset + 1 ..] };
}

const testing = std.testing;

test "a request is the names, one on each line" {
    // Recorded from the official client.
    const expected = "\x02\x01\x00\x00\x00\x00\x00\x20node\npartition-generation\nbuild\n";
    var memory: [64]u8 = undefined;
    var buffer = Buffer.fixed(&memory);
    try encodeRequest(&buffer, &.{ "node", "partition-generation", "build" });
    try testing.expectEqualStrings(expected, buffer.written());
}

test "lines of a reply are found by name, with values that may be empty or missing" {
    const body = "node\tA1\npeers-generation\t4\nempty\t\nbare\nlast\tno newline\tat all";
    try testing.expectEqualStrings("A1", Lines.find(body, "node").?);
    try testing.expectEqualStrings("", Lines.find(body, "empty").?);
    try testing.expectEqualStrings("", Lines.find(body, "bare").?);
    try testing.expectEqualStrings("no newline\tat all", Lines.find(body, "last").?);
    try testing.expectEqual(null, Lines.find(body, "nod"));
    try testing.expectEqual(null, Lines.find("", "node"));
}

test "errors in every form that servers give are told apart from values" {
    const Case = struct { []const u8, ?u8, []const u8 };
    const cases = [_]Case{
        .{ "ERROR:4:unrecognized command", 4, "unrecognized command" },
        .{ "ERROR:25:enterprise only", 25, "enterprise only" },
        .{ "ERROR::bad namespace: x", null, "bad namespace: x" },
        .{ "FAIL:201:no index", 201, "no index" },
        .{ "FAIL:no index", null, "no index" },
        .{ "ERROR:4", 4, "" },
        .{ "error:4:lower case", 4, "lower case" },
        .{ "ERROR:", null, "" },
        .{ "ERROR", null, "" },
        .{ "fail", null, "" },
        // What failed has not succeeded, whatever its number says.
        .{ "ERROR:0:text", null, "text" },
        .{ "FAIL:000", null, "" },
        .{ "ERROR:9999:code beyond a byte", null, "9999:code beyond a byte" },
    };
    for (cases) |case| {
        const found = failure(case[0]).?;
        try testing.expectEqual(case[1], found.code);
        try testing.expectEqualStrings(case[2], found.text);
    }
    for ([_][]const u8{ "", "ok", "ns_type=unknown", "ERRO", "ERRORS", "fail_key=3", "4:x" }) |value| {
        try testing.expectEqual(null, failure(value));
    }
}

test "pairs are split at their separator and at the first equals sign" {
    var pairs = Pairs.init("a=1;b=x=y;;c;", ';');
    try testing.expectEqualStrings("1", pairs.next().?.value);
    try testing.expectEqualStrings("x=y", pairs.next().?.value);
    try testing.expectEqualStrings("c", pairs.next().?.name);
    try testing.expectEqual(null, pairs.next());
    try testing.expectEqualStrings("x=y", Pairs.find("a=1;b=x=y", ';', "b").?);
    try testing.expectEqual(null, Pairs.find("a=1;b=x=y", ';', "x"));
}

fn expectHost(name: []const u8, port: u16, host: ?Host) !void {
    try testing.expectEqualStrings(name, host.?.name);
    try testing.expectEqual(port, host.?.port);
}

test "hosts are names or addresses, with a port or without" {
    try expectHost("127.0.0.1", 3010, try parseHost("127.0.0.1:3010", 3000));
    try expectHost("db.example", 3000, try parseHost("db.example", 3000));
    try expectHost("::1", 3001, try parseHost("[::1]:3001", 3000));
    try expectHost("fe80::2", 3000, try parseHost("[fe80::2]", 3000));
    try expectHost("fe80::2", 3000, try parseHost("fe80::2", 3000));
    const malformed = [_][]const u8{
        "", "[::1", "[]:3000", "[::1]3000", ":3000", "a:", "a:0", "a:65536", "a:b", "[::1]:",
    };
    for (malformed) |text| try testing.expectError(error.Malformed, parseHost(text, 3000));
    var hosts = Hosts.init("127.0.0.1:3010;127.0.0.1:3020", 3000);
    try expectHost("127.0.0.1", 3010, try hosts.next());
    try expectHost("127.0.0.1", 3020, try hosts.next());
    try testing.expectEqual(null, try hosts.next());
}

test "peers as a server lists them" {
    var peers = try Peers.parse("4,3000,[[A2,,[127.0.0.1:3010]],[A3,,[127.0.0.1:3020]]]");
    try testing.expectEqual(@as(i64, 4), peers.generation);
    var peer = (try peers.next()).?;
    try testing.expectEqualStrings("A2", peer.name);
    try testing.expectEqualStrings("", peer.tls_name);
    try expectHost("127.0.0.1", 3010, try peer.hosts.next());
    try testing.expectEqual(null, try peer.hosts.next());
    peer = (try peers.next()).?;
    try testing.expectEqualStrings("A3", peer.name);
    try testing.expectEqual(null, try peers.next());
    var none = try Peers.parse("0,3000,[]");
    try testing.expectEqual(null, try none.next());
}

test "peers with IPv6, several addresses, TLS names and the default port" {
    const text = "12,4333,[[BB9,tls.a,[[2001:db8::5]:4000,10.0.0.1,[::1]]],[C1,,[h]]]";
    var peers = try Peers.parse(text);
    var peer = (try peers.next()).?;
    try testing.expectEqualStrings("tls.a", peer.tls_name);
    try expectHost("2001:db8::5", 4000, try peer.hosts.next());
    try expectHost("10.0.0.1", 4333, try peer.hosts.next());
    try expectHost("::1", 4333, try peer.hosts.next());
    try testing.expectEqual(null, try peer.hosts.next());
    peer = (try peers.next()).?;
    try testing.expectEqualStrings("C1", peer.name);
    try expectHost("h", 4333, try peer.hosts.next());
    try testing.expectEqual(null, try peers.next());
    try testing.expectEqual(@as(u16, 3000), (try Peers.parse("1,,[]")).port_default);
}

fn readPeers(text: []const u8) !void {
    var peers = try Peers.parse(text);
    while (try peers.next()) |peer| {
        var hosts = peer.hosts;
        while (try hosts.next()) |_| {}
    }
}

test "peers cut anywhere, or with a stray bracket, are malformed" {
    const text = "4,3000,[[A2,,[[::1]:3010]],[A3,t,[127.0.0.1:3020,b]]]";
    try readPeers(text);
    for (0..text.len) |len| try testing.expectError(error.Malformed, readPeers(text[0..len]));
    const malformed = [_][]const u8{
        "4,3000,[[A2,,127.0.0.1]]",
        "4,3000,[[A2,,[h]],]",
        "4,3000,[[,,[h]]]",
        "4,3000,[A2,,[h]]",
        "4,3000,[[A2,,[h]][A3,,[h]]]",
        "x,3000,[]",
        "4,0,[]",
        "4,3000,[[A2,,[[[::1]]]]]",
    };
    for (malformed) |item| try testing.expectError(error.Malformed, readPeers(item));
}

/// Recorded from one node of three.
const recorded_replicas = "test:0,2," ++
    // Master.
    "IhfUNIgQKLMFlAodhQsAJQwk1QlmAOJgBAAApAQQsViYHkIlAJwSiGcUBDA4AgQ0I8QYAzZpKTIo" ++
    "jCC1iBAtKhzBAEpJrIIRmbJdvAEAnDoiAogCgANDDDAXJKADIwEARDEIqm8BoYAFomc1UIEqwJ+S" ++
    "1RYVEyElEbNgKQhAQMCIdigAAQCACZgEQ+ABAhC1FiY6YpWAJsskSTADMZASp0T2ANGSFFKHGggw" ++
    "MewDrALipAAgI0mwQYQjUQKjISAQZAoYABXMgSERrDAUMxiQAhgBI2qQQkceAjFQIwocCAJlZB56" ++
    "WGoiCKAUJ12FBNiMAFswhVQHCUEFQITCKQYEkXADELGQAVbKlcXMMQlIShUwggSSCB9hxIgiKoAF" ++
    "igFUhAQaITihEoQmADxRABhAIRdMEDCwIzVDgTcAACA24lHd3WYgYbAIE7CE0gkIWCMkmmYhIJ0A" ++
    "IFtQBHQ+WBBvw0CgAQNB+HqimJBuKJgtBGLgVJTMBmCJYgBCdgxCgbTTEAlFWAwAloRBceqC1LjJ" ++
    "AW0qKiOfCYSEYlVEsYNBgBEBAWNoFJxBSGQxCpo0SUABAEJuBAhibJA0IAoEASBgCEABACggBsay" ++
    "EQESpMqCKgD6AadEhIAMqR2GILUgDEgimwAVgoYCt45qkgl5ICgP0VoCZwE6H0QTAmYgBwj4gmA=" ++ "," ++
    // Replica.
    "kKAjAHZhlgwiK4GiEnQCwsIYArKIeByZI/edCDrODKAjYbiY4iGkNJhgIkPGJTAJFCOATMgEUMgQ" ++
    "UYlCBknSQeMsOzCUQnEMAEGAA6DDQ4VMMSBcOyiooYVAEUsEGFymqw6GQJCACjowGQCKgxjBPUBA" ++
    "AsnIIErKjgSPxsaohCkwCFYtuG4HdkNSjBfc7cBK6RmEnUIJQBDLlsVwDGglCAoA1AAMCKBAIJcM" ++
    "CgPAEd0EGrYJ3DQFmgmMoB0UStfpmvTm/GAhbFxCE8mKSGRgMIPyVIBuLIghKQCvAHXCwxiaGkEF" ++
    "ppAYcwOBCCBSeyMSVgSIWCKY0iLwJlMMRHFwJglEYUZgRokVKBIgTLYVFALJHWppQsCQGzNVwBSa" ++
    "ULKrObAFjsZMiCrBhUKuDUUqyIiAaIYHUECMcsiTp5kJHAwCIJGGnk+TwEsKCGSlglzCYJBYlGJq" ++
    "gqCP0YJAocmAIK4PRDAcA4QNZ2MAAmSSqgkYqwgTMQYCDJ89ifGMMAkgq7IQAGFfYHgkgAUlKUQC" ++
    "vBIB0RhgonspDCKyDnggZQjQ9JSBQmCEgQLKBESKBKzcPCEQ2NQEEyZK2EEy7AIM8g+EMNYDABEB" ++
    "ylzMAxQNVKAF0EAgIUyBAEIx2gJXI4JZQMiqeVnpSAEUDQaEnlEwJiThEICEYLPo9ZnNWMIHEJo=";

test "replicas as a server gives them" {
    var replicas = Replicas.init(recorded_replicas ++ ";" ++ recorded_replicas);
    for (0..2) |_| {
        var item = (try replicas.next()).?;
        try testing.expectEqualStrings("test", item.namespace);
        try testing.expectEqual(@as(u32, 0), item.regime);
        try testing.expectEqual(@as(u8, 2), item.count);
        var bitmap: Bitmap = undefined;
        try testing.expect(try item.bitmaps.next(&bitmap));
        try expectOwned(&bitmap, 1316, 2717171);
        try testing.expect(try item.bitmaps.next(&bitmap));
        try expectOwned(&bitmap, 1454, 2973203);
        try testing.expect(!try item.bitmaps.next(&bitmap));
    }
    try testing.expectEqual(null, try replicas.next());
}

/// How many partitions there are, and the sum of their ids.
fn expectOwned(bitmap: *const Bitmap, count_expected: u32, sum_expected: u32) !void {
    var count: u32 = 0;
    var sum: u32 = 0;
    for (0..digest.partitions) |partition| {
        if (!bitmapHas(bitmap, @intCast(partition))) continue;
        count += 1;
        sum += @intCast(partition);
    }
    try testing.expectEqual(count_expected, count);
    try testing.expectEqual(sum_expected, sum);
}

test "replicas that were encoded are read back" {
    var bitmaps: [3]Bitmap = @splat(@splat(0));
    for (0..digest.partitions) |partition| bitmapSet(&bitmaps[partition % 3], @intCast(partition));
    var memory: [3000]u8 = undefined;
    var buffer = Buffer.fixed(&memory);
    try encodeReplicas(&buffer, "bar", std.math.maxInt(u32), &bitmaps);
    var replicas = Replicas.init(buffer.written());
    var item = (try replicas.next()).?;
    try testing.expectEqual(@as(u32, std.math.maxInt(u32)), item.regime);
    for (&bitmaps) |*expected| {
        var bitmap: Bitmap = undefined;
        try testing.expect(try item.bitmaps.next(&bitmap));
        try testing.expectEqualSlices(u8, expected, &bitmap);
    }
}

fn readReplicas(text: []const u8) !void {
    var replicas = Replicas.init(text);
    while (try replicas.next()) |item| {
        var bitmaps = item.bitmaps;
        var bitmap: Bitmap = undefined;
        while (try bitmaps.next(&bitmap)) {}
    }
}

test "replicas cut anywhere, or with wrong numbers, are malformed" {
    for (1..recorded_replicas.len) |len| {
        try testing.expectError(error.Malformed, readReplicas(recorded_replicas[0..len]));
    }
    var text = recorded_replicas.*;
    text[20] = '!';
    try testing.expectError(error.Malformed, readReplicas(&text));
    text = recorded_replicas.*;
    text[text.len - 1] = 'A';
    try testing.expectError(error.Malformed, readReplicas(&text));
    const malformed = [_][]const u8{
        "test:0,0,",
        "test:-1,1,AAAA",
        "test:0,256,AAAA",
        ":0,1,AAAA",
        "test",
        "test:0,1,AAAA",
        "a-namespace-name-longer-than-allowed:0,1,AAAA",
    };
    for (malformed) |item| try testing.expectError(error.Malformed, readReplicas(item));
}

test "rack ids are a number for each namespace" {
    var racks = RackIds.init("test:1;bar:-1;");
    const first = (try racks.next()).?;
    try testing.expectEqualStrings("test", first.namespace);
    try testing.expectEqual(@as(i32, 1), first.rack_id);
    try testing.expectEqual(@as(i32, -1), (try racks.next()).?.rack_id);
    try testing.expectEqual(null, try racks.next());
    var wrong = RackIds.init("test:x");
    try testing.expectError(error.Malformed, wrong.next());
}

test "generations are integers, and -1 is one" {
    try testing.expectEqual(@as(i64, -1), try parseGeneration("-1"));
    try testing.expectEqual(@as(i64, 4), try parseGeneration("4"));
    try testing.expectError(error.Malformed, parseGeneration("ERROR:4:x"));
}
