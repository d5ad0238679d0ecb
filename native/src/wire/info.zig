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
    /// The server's result code; null when it gave none.
    code: ?u8,
    text: []const u8,
};

/// What an error value says: `ERROR:4:text`, `ERROR::text`, `FAIL:4:text`, `ERROR:text` …;
/// null for a value that is none.
pub fn failure(value: []const u8) ?Failure {
    const rest = afterPrefix(value, "ERROR:") orelse afterPrefix(value, "FAIL:") orelse return null;
    const separator = std.mem.findScalar(u8, rest, ':') orelse {
        const code = std.fmt.parseInt(u8, rest, 10) catch return .{ .code = null, .text = rest };
        return .{ .code = code, .text = "" };
    };
    if (separator == 0) return .{ .code = null, .text = rest[1..] };
    const code = std.fmt.parseInt(u8, rest[0..separator], 10) catch {
        return .{ .code = null, .text = rest };
    };
    return .{ .code = code, .text = rest[separator + 1 ..] };
}

fn afterPrefix(text: []const u8, comptime prefix: []const u8) ?[]const u8 {
    if (text.len < prefix.len) return null;
    if (!std.ascii.eqlIgnoreCase(text[0..prefix.len], prefix)) return null;
    return text[prefix.len..];
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
        std.base64.standard.Decoder.decode(bitmap, text) catch return error.Malformed;
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
    const offset = std.mem.findScalar(u8, text, separator) orelse return .{ text, text[text.len..] };
    return .{ text[0..offset], text[offset + 1 ..] };
}
