//! What an expression evaluates to.
//!
//! Values of bins and results of calls stay particles; constants and scalars are of their own
//! kinds. Anything that cannot be known is `unknown`, which spreads to what is made of it.

const std = @import("std");
const wire = @import("../../../wire.zig");
const Container = @import("../cdt/Container.zig");
const element = @import("../cdt/element.zig");
const geo = @import("../geo.zig");
const number = @import("../cdt/number.zig");
const value = @import("../value.zig");

const Allocator = std.mem.Allocator;
const Particle = value.Particle;

pub const Value = union(enum) {
    unknown,
    nil,
    boolean: bool,
    integer: i64,
    float: f64,
    string: []const u8,
    blob: []const u8,
    hll: []const u8,
    /// The text of GeoJSON that was sent.
    geojson: []const u8,
    /// A list, a map or a stand-in of comparisons, as it is packed.
    container: []const u8,
    /// Of a bin or a call: a text, a blob, GeoJSON, a list, a map or a HyperLogLog.
    particle: Particle,
    /// Only where elements are selected: the element is to be removed.
    remove,

    /// For a bin's value or a call's result.
    pub fn ofParticle(particle: Particle) Value {
        return switch (particle.kind) {
            .nil => .nil,
            .integer => .{ .integer = std.mem.readInt(i64, particle.bytes[0..8], .big) },
            .float => .{ .float = @bitCast(std.mem.readInt(u64, particle.bytes[0..8], .big)) },
            .boolean => .{ .boolean = particle.bytes[0] != 0 },
            else => .{ .particle = particle },
        };
    }

    /// For an element of a list or a map.
    pub fn ofElement(arena: Allocator, bytes: []const u8) error{OutOfMemory}!Value {
        var reader = wire.msgpack.Reader.init(bytes);
        return switch (reader.next() catch return .unknown) {
            .nil => .nil,
            .boolean => |flag| .{ .boolean = flag },
            .int => |integer| .{ .integer = integer },
            .uint => |integer| .{ .integer = @bitCast(integer) },
            .float => |float| .{ .float = float },
            .array, .map => .{ .container = bytes },
            .string, .binary => |text| ofText(arena, text),
            .extension => .unknown,
        };
    }

    fn ofText(arena: Allocator, text: []const u8) error{OutOfMemory}!Value {
        if (text.len == 0) return .unknown;
        const content = text[1..];
        const kind: wire.particle.Type = @fromBackingInt(text[0]);
        switch (kind) {
            .string => return .{ .string = content },
            .blob => return .{ .blob = content },
            .hll => return .{ .hll = content },
            .geojson => {
                _ = geo.parse(arena, content) catch |err| switch (err) {
                    error.OutOfMemory => return error.OutOfMemory,
                    error.Invalid => return .unknown,
                };
                return .{ .geojson = content };
            },
            else => return .unknown,
        }
    }

    /// The content of what is packed as a text; null for anything else.
    pub fn plainText(self: Value) ?[]const u8 {
        return switch (self.plain()) {
            .string, .blob, .hll, .geojson => |text| text,
            else => null,
        };
    }

    /// As a constant of the same content would be.
    pub fn plain(self: Value) Value {
        const particle = switch (self) {
            .particle => |particle| particle,
            else => return self,
        };
        return switch (particle.kind) {
            .string => .{ .string = particle.bytes },
            .blob => .{ .blob = particle.bytes },
            .hll => .{ .hll = particle.bytes },
            .list, .map => .{ .container = particle.bytes },
            .geojson => .{ .geojson = textOfGeojson(particle.bytes) },
            else => .unknown,
        };
    }

    fn textOfGeojson(bytes: []const u8) []const u8 {
        return wire.particle.geojsonText(bytes) catch "";
    }

    /// As an element of a list; null when it cannot be one.
    pub fn toElement(self: Value, arena: Allocator) error{OutOfMemory}!?[]const u8 {
        return switch (self.plain()) {
            .unknown, .remove, .particle => null,
            .nil => "\xc0",
            .boolean => |flag| if (flag) "\xc3" else "\xc2",
            .integer => |integer| try (number.Number{ .integer = integer }).write(arena),
            .float => |float| try (number.Number{ .float = float }).write(arena),
            .string => |text| try element.textElement(arena, .string, text),
            .blob => |bytes| try element.textElement(arena, .blob, bytes),
            .hll => |bytes| try element.textElement(arena, .hll, bytes),
            .geojson => |text| try element.textElement(arena, .geojson, text),
            .container => |bytes| bytes,
        };
    }

    pub const Outcome = union(enum) {
        /// Null stands for no value.
        particle: ?Particle,
        /// No value of a bin.
        unknown,
    };

    /// As the value of a bin.
    pub fn toParticle(self: Value, arena: Allocator) error{OutOfMemory}!Outcome {
        return switch (self) {
            .unknown, .remove => .unknown,
            .nil => .{ .particle = null },
            .boolean => |flag| .{ .particle = .{
                .kind = .boolean,
                .bytes = if (flag) "\x01" else "\x00",
            } },
            .integer => |integer| .{
                .particle = try element.eightBytes(arena, .integer, @bitCast(integer)),
            },
            .float => |float| .{
                .particle = try element.eightBytes(arena, .float, @bitCast(float)),
            },
            .string => |text| .{ .particle = .{ .kind = .string, .bytes = text } },
            .blob => |bytes| .{ .particle = .{ .kind = .blob, .bytes = bytes } },
            .hll => |bytes| .{ .particle = .{ .kind = .hll, .bytes = bytes } },
            .geojson => |text| try particleOfGeojson(arena, text),
            .container => |bytes| .{ .particle = particleOfContainer(bytes) },
            .particle => |particle| .{ .particle = particle },
        };
    }

    fn particleOfGeojson(arena: Allocator, text: []const u8) error{OutOfMemory}!Outcome {
        const sent = try std.mem.concat(arena, u8, &.{ "\x00\x00\x00", text });
        return switch (try value.accept(arena, .geojson, sent)) {
            .particle => |particle| .{ .particle = particle },
            .failed => .unknown,
        };
    }
};

/// Null for what is only packed like a container.
pub fn particleOfContainer(bytes: []const u8) ?Particle {
    return switch (Container.kindOf(bytes) orelse return null) {
        .list => .{ .kind = .list, .bytes = bytes },
        .map => .{ .kind = .map, .bytes = bytes },
    };
}
