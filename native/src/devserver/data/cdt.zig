//! Lists and maps: one operation on the value of a bin.
//!
//! The operation comes as MessagePack: an array of a code and parameters, or, to reach into
//! containers, an array of a context and such an array. Pure: results live in the arena, in the
//! operation, or in the value itself.

const std = @import("std");
const Container = @import("cdt/Container.zig");
const Language = @import("cdt/Language.zig");
const Parameters = @import("cdt/Parameters.zig");
const Path = @import("cdt/Path.zig");
const Target = @import("cdt/Target.zig");
const branch = @import("cdt/branch.zig");
const element = @import("cdt/element.zig");
const list = @import("cdt/list.zig");
const map = @import("cdt/map.zig");
const result = @import("cdt/result.zig");
const value = @import("value.zig");

const Allocator = std.mem.Allocator;
const Particle = value.Particle;

pub const Error = result.Error;

/// Codes from here on are for maps.
const code_map_first = 64;
/// In the place of a code: a context, and the operation to be carried out where it leads to.
const code_context = 0xff;
/// A path that branches.
const code_branch = 0xfe;
/// The form of old clients, with a code of 16 bits in front of the parameters.
const old_form = 0;

/// What a change leaves behind.
pub const Changed = struct {
    /// The bin's new value; null: it stays as it is.
    particle: ?Particle = null,
    result: ?Particle = null,
};

/// Reads from a bin's value; null when there is nothing to be told.
pub fn read(
    arena: Allocator,
    language: *const Language,
    particle: Particle,
    operation: []const u8,
) Error!?Particle {
    var parameters = Parameters.init(operation);
    var code = try begin(&parameters);
    var bytes = particle.bytes;
    if (code == code_context) {
        if (parameters.count != 2) return error.InvalidParameter;
        const path = try Path.follow(arena, contained(particle), &parameters, false);
        bytes = path.value.?;
        code = try parameters.code();
        if (Container.kindOf(bytes) != kindOfCode(code)) return error.IncompatibleType;
    } else if (code == code_branch) {
        if (kindOf(particle) == null) return error.IncompatibleType;
        return element.toParticle(arena, try branch.read(arena, language, bytes, &parameters));
    } else if (kindOf(particle) != kindOfCode(code)) return error.IncompatibleType;
    const answer = switch (kindOfCode(code)) {
        .list => try list.read(arena, language.version, code, &parameters, bytes),
        .map => try map.read(arena, code, &parameters, bytes),
    };
    return element.toParticle(arena, answer orelse return null);
}

/// Changes a bin's value, null when it has none.
pub fn modify(
    arena: Allocator,
    language: *const Language,
    particle: ?Particle,
    operation: []const u8,
) Error!Changed {
    var parameters = Parameters.init(operation);
    const code = try begin(&parameters);
    if (code == code_context) return modifyInside(arena, particle, &parameters);
    if (code == code_branch) return modifyBranches(arena, language, particle, &parameters);
    if (particle) |present| {
        if (kindOf(present) != kindOfCode(code)) return error.IncompatibleType;
    }
    var target: Target = .{
        .arena = arena,
        .exists = particle != null,
        .bytes = if (particle) |present| present.bytes else null,
        .is_nested = false,
    };
    try apply(&target, code, &parameters);
    return .{
        .particle = if (target.changed)
            particleOf(target.container.kind, try target.container.write(arena))
        else
            null,
        .result = try toldBy(&target),
    };
}

fn modifyInside(arena: Allocator, particle: ?Particle, parameters: *Parameters) Error!Changed {
    if (parameters.count != 2) return error.InvalidParameter;
    const outer: ?[]const u8 = if (particle) |present| contained(present) else null;
    const path = try Path.follow(arena, outer, parameters, true);
    const code = try parameters.code();
    if (path.value) |bytes| {
        if (Container.kindOf(bytes) != kindOfCode(code)) return error.IncompatibleType;
    }
    var target: Target = .{
        .arena = arena,
        .exists = particle != null,
        .bytes = path.value,
        .is_nested = true,
    };
    try apply(&target, code, parameters);
    if (!target.changed) return .{ .result = try toldBy(&target) };
    const bytes = try path.rebuild(try target.container.write(arena));
    return .{
        .particle = particleOf(Container.kindOf(bytes).?, bytes),
        .result = try toldBy(&target),
    };
}

fn modifyBranches(
    arena: Allocator,
    language: *const Language,
    particle: ?Particle,
    parameters: *Parameters,
) Error!Changed {
    const present = particle orelse return error.IncompatibleType;
    if (kindOf(present) == null) return error.IncompatibleType;
    return switch (try branch.modify(arena, language, present.bytes, parameters)) {
        .told => |bytes| .{ .result = try element.toParticle(arena, bytes) },
        .replaced => |bytes| .{ .particle = .{ .kind = present.kind, .bytes = bytes } },
    };
}

fn apply(target: *Target, code: u64, parameters: *Parameters) Error!void {
    switch (kindOfCode(code)) {
        .list => try list.modify(target, code, parameters),
        .map => try map.modify(target, code, parameters),
    }
}

fn toldBy(target: *const Target) Error!?Particle {
    return element.toParticle(target.arena, target.told orelse return null);
}

fn begin(parameters: *Parameters) Error!u64 {
    const bytes = parameters.reader.bytes;
    if (bytes.len < 2) return error.InvalidParameter;
    if (bytes[0] != old_form) return parameters.code();
    parameters.reader.position = 2;
    if (bytes.len > 2) parameters.count = try parameters.array();
    return std.mem.readInt(u16, bytes[0..2], .big);
}

fn kindOfCode(code: u64) Container.Kind {
    return if (code < code_map_first) .list else .map;
}

fn kindOf(particle: Particle) ?Container.Kind {
    return switch (particle.kind) {
        .list => .list,
        .map => .map,
        else => null,
    };
}

/// Only containers are looked into; anything else is no container in any case.
fn contained(particle: Particle) []const u8 {
    return if (kindOf(particle) == null) "" else particle.bytes;
}

fn particleOf(kind: Container.Kind, bytes: []const u8) Particle {
    return .{ .kind = if (kind == .list) .list else .map, .bytes = bytes };
}

test {
    _ = Container;
    _ = Parameters;
    _ = element;
    _ = @import("cdt/number.zig");
    _ = @import("cdt/order.zig");
    _ = @import("cdt/selection.zig");
}
