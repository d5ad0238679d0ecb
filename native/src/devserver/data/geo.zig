//! Points and regions on the sphere, out of GeoJSON, and which point is in which region.
//!
//! Follows the geometry library that the real server uses where results depend on it: a point is
//! the centre of the smallest cell it falls into (cells divide the six faces of a cube around the
//! sphere, numbered along a space-filling curve), edges are geodesics, a loop's interior is the
//! side that is not larger than a hemisphere, and a circle's radius is a great-circle distance.
//! Pure; regions live in the caller's arena.

const std = @import("std");
const json = std.json;
const math = std.math;

const earth_radius_m = 6_371_000.0;

pub const Error = error{ Invalid, OutOfMemory };

/// A vector; of unit length where it stands for a point on the sphere.
pub const Point = struct {
    x: f64,
    y: f64,
    z: f64,

    fn fromDegrees(latitude: f64, longitude: f64) Point {
        const phi = latitude * (math.pi / 180.0);
        const theta = longitude * (math.pi / 180.0);
        return .{
            .x = @cos(theta) * @cos(phi),
            .y = @sin(theta) * @cos(phi),
            .z = @sin(phi),
        };
    }

    fn dot(left: Point, right: Point) f64 {
        return left.x * right.x + left.y * right.y + left.z * right.z;
    }

    fn cross(left: Point, right: Point) Point {
        return .{
            .x = left.y * right.z - left.z * right.y,
            .y = left.z * right.x - left.x * right.z,
            .z = left.x * right.y - left.y * right.x,
        };
    }

    fn add(left: Point, right: Point) Point {
        return .{ .x = left.x + right.x, .y = left.y + right.y, .z = left.z + right.z };
    }

    fn subtract(left: Point, right: Point) Point {
        return .{ .x = left.x - right.x, .y = left.y - right.y, .z = left.z - right.z };
    }

    fn normalized(point: Point) Point {
        const length = @sqrt(point.dot(point));
        return .{ .x = point.x / length, .y = point.y / length, .z = point.z / length };
    }

    fn angleTo(left: Point, right: Point) f64 {
        const product = left.cross(right);
        return math.atan2(@sqrt(product.dot(product)), left.dot(right));
    }

    fn equals(left: Point, right: Point) bool {
        return left.x == right.x and left.y == right.y and left.z == right.z;
    }
};

/// One of the 6 * 4^30 smallest cells.
pub const Cell = struct {
    face: u3,
    i: u30,
    j: u30,

    pub fn of(point: Point) Cell {
        const face = faceOf(point);
        const u, const v = switch (face) {
            0 => .{ point.y / point.x, point.z / point.x },
            1 => .{ -point.x / point.y, point.z / point.y },
            2 => .{ -point.x / point.z, -point.y / point.z },
            3 => .{ point.z / point.x, point.y / point.x },
            4 => .{ point.z / point.y, -point.x / point.y },
            else => .{ -point.y / point.z, -point.x / point.z },
        };
        return .{ .face = face, .i = coordinate(u), .j = coordinate(v) };
    }

    fn faceOf(point: Point) u3 {
        const x = @abs(point.x);
        const y = @abs(point.y);
        const z = @abs(point.z);
        if (x > y and x > z) return if (point.x < 0) 3 else 0;
        if (y > z and y >= x) return if (point.y < 0) 4 else 1;
        return if (point.z < 0) 5 else 2;
    }

    /// From a coordinate on the cube's face to one that gives cells of like size.
    fn coordinate(u: f64) u30 {
        const s = if (u >= 0) 0.5 * @sqrt(1 + 3 * u) else 1 - 0.5 * @sqrt(1 - 3 * u);
        const scaled = @round(s * cells_per_edge - 0.5);
        return @intFromFloat(math.clamp(scaled, 0, cells_per_edge - 1));
    }

    const cells_per_edge: f64 = 1 << 30;

    pub fn center(cell: Cell) Point {
        const u = faceCoordinate(cell.i);
        const v = faceCoordinate(cell.j);
        return facePoint(cell.face, u, v).normalized();
    }

    fn faceCoordinate(i: u30) f64 {
        const s = @as(f64, @floatFromInt(2 * @as(u64, i) + 1)) / (2 * cells_per_edge);
        return if (s >= 0.5) (4 * s * s - 1) / 3 else (1 - 4 * (1 - s) * (1 - s)) / 3;
    }

    /// The cell's number along the curve.
    pub fn id(cell: Cell) u64 {
        const positions = [4][4]u2{
            .{ 0, 1, 3, 2 },
            .{ 0, 3, 1, 2 },
            .{ 2, 3, 1, 0 },
            .{ 2, 1, 3, 0 },
        };
        const turns = [4]u2{ 1, 0, 0, 3 };
        var orientation: u2 = @intCast(cell.face & 1);
        var path: u64 = 0;
        var level: u5 = 30;
        while (level > 0) {
            level -= 1;
            const i_bit: u2 = @intCast(cell.i >> level & 1);
            const j_bit: u2 = @intCast(cell.j >> level & 1);
            const position = positions[orientation][i_bit << 1 | j_bit];
            path = path << 2 | position;
            orientation ^= turns[position];
        }
        return @as(u64, cell.face) << 61 | path << 1 | 1;
    }
};

/// A point on a face of the cube, whose edges are at -1 and 1.
fn facePoint(face: u3, u: f64, v: f64) Point {
    return switch (face) {
        0 => .{ .x = 1, .y = u, .z = v },
        1 => .{ .x = -u, .y = 1, .z = v },
        2 => .{ .x = -u, .y = -v, .z = 1 },
        3 => .{ .x = -1, .y = -v, .z = -u },
        4 => .{ .x = v, .y = -1, .z = -u },
        else => .{ .x = v, .y = u, .z = -1 },
    };
}

pub const Shape = union(enum) {
    point: Cell,
    region: Region,

    /// What it is kept under in an index. Regions only need a place in the order of a query.
    pub fn indexValue(shape: *const Shape) i64 {
        const cell = switch (shape.*) {
            .point => |cell| cell,
            .region => |*region| region.anyCell(),
        };
        return @bitCast(cell.id());
    }
};

/// All the points in any of its parts.
pub const Region = struct {
    parts: []const Part,

    pub const Part = union(enum) { polygon: Polygon, circle: Circle };

    pub fn contains(region: *const Region, cell: Cell) bool {
        const point = cell.center();
        for (region.parts) |*part| switch (part.*) {
            .polygon => |*polygon| if (polygon.contains(point)) return true,
            .circle => |*circle| if (circle.contains(point)) return true,
        };
        return false;
    }

    /// The server does not take a region that more than twelve of the 24 quarters of the faces
    /// are needed to cover.
    fn isCoverable(region: *const Region) bool {
        var count: usize = 0;
        for (0..24) |number| {
            const quarter: Quarter = .init(@intCast(number));
            for (region.parts) |*part| {
                const intersects = switch (part.*) {
                    .polygon => |*polygon| polygon.intersects(&quarter),
                    .circle => |*circle| circle.intersects(&quarter),
                };
                if (!intersects) continue;
                count += 1;
                break;
            }
        }
        return count <= 12;
    }

    fn anyCell(region: *const Region) Cell {
        for (region.parts) |*part| switch (part.*) {
            .polygon => |*polygon| if (polygon.loops.len > 0) {
                return .of(polygon.loops[0].vertices[0]);
            },
            .circle => |*circle| return .of(circle.center),
        };
        return .{ .face = 0, .i = 0, .j = 0 };
    }
};

/// A quarter of a face of the cube, which is a cell of the first level.
const Quarter = struct {
    vertices: [4]Point,

    fn init(number: u8) Quarter {
        const low_u: f64 = if (number & 1 == 0) -1 else 0;
        const low_v: f64 = if (number & 2 == 0) -1 else 0;
        const face: u3 = @intCast(number / 4);
        return .{ .vertices = .{
            facePoint(face, low_u, low_v).normalized(),
            facePoint(face, low_u + 1, low_v).normalized(),
            facePoint(face, low_u + 1, low_v + 1).normalized(),
            facePoint(face, low_u, low_v + 1).normalized(),
        } };
    }

    fn contains(quarter: *const Quarter, point: Point) bool {
        for (quarter.vertices, 0..) |vertex, index| {
            const edge = vertex.cross(quarter.vertices[(index + 1) % 4]);
            if (edge.dot(point) < 0) return false;
        }
        return true;
    }
};

pub const Circle = struct {
    center: Point,
    /// Square of the chord to the rim; negative: there is no point in it.
    chord_squared: f64,

    fn init(center: Point, radius_m: f64) Circle {
        const angle = radius_m / earth_radius_m;
        if (angle < 0) return .{ .center = center, .chord_squared = -1 };
        const chord = 2 * @sin(0.5 * @min(angle, math.pi));
        return .{ .center = center, .chord_squared = chord * chord };
    }

    fn intersects(circle: *const Circle, quarter: *const Quarter) bool {
        for (quarter.vertices) |vertex| if (circle.contains(vertex)) return true;
        // Outside of a hemisphere or more there is room for a convex quarter only as a whole.
        if (circle.chord_squared >= 2 or circle.chord_squared < 0) return false;
        if (quarter.contains(circle.center)) return true;
        const sine_squared = circle.chord_squared * (1 - circle.chord_squared / 4);
        for (quarter.vertices, 0..) |start, index| {
            const end = quarter.vertices[(index + 1) % 4];
            const edge = start.cross(end);
            const distance = circle.center.dot(edge);
            if (distance > 0) continue;
            if (distance * distance > sine_squared * edge.dot(edge)) return false;
            const direction = edge.cross(circle.center);
            if (direction.dot(start) < 0 and direction.dot(end) > 0) return true;
        }
        return false;
    }

    fn contains(circle: *const Circle, point: Point) bool {
        const chord = circle.center.subtract(point);
        return @min(4.0, chord.dot(chord)) <= circle.chord_squared;
    }
};

/// The points in an odd number of its loops: a loop within another one is a hole.
pub const Polygon = struct {
    loops: []const Loop,

    fn intersects(polygon: *const Polygon, quarter: *const Quarter) bool {
        if (polygon.contains(quarter.vertices[0])) return true;
        for (polygon.loops) |*loop| {
            if (quarter.contains(loop.vertices[0])) return true;
            var start = loop.vertices[loop.vertices.len - 1];
            for (loop.vertices) |end| {
                for (quarter.vertices, 0..) |corner, index| {
                    const next_corner = quarter.vertices[(index + 1) % 4];
                    if (crosses(corner, next_corner, start, end)) return true;
                }
                start = end;
            }
        }
        return false;
    }

    fn contains(polygon: *const Polygon, point: Point) bool {
        var inside = false;
        for (polygon.loops) |*loop| inside = inside != loop.contains(point);
        return inside;
    }
};

pub const Loop = struct {
    /// At least three; an edge joins the last to the first.
    vertices: []const Point,
    contains_origin: bool,

    /// A point that no data set has a vertex or an edge at.
    const origin: Point = .{
        .x = -0.0099994664350250197,
        .y = 0.0025924542609324121,
        .z = 0.99994664350250195,
    };

    fn init(vertices: []const Point) Loop {
        var loop: Loop = .{ .vertices = vertices, .contains_origin = false };
        const second = vertices[1];
        const inside =
            !orderedCounterclockwise(reference(second), vertices[2], vertices[0], second);
        loop.contains_origin = inside != loop.contains(second);
        // The interior is on the left of the edges, unless that is the larger side.
        if (!loop.isSmallerSide()) loop.contains_origin = !loop.contains_origin;
        return loop;
    }

    /// Loops that cross themselves turn by any amount, but not around the sphere.
    fn isSmallerSide(loop: *const Loop) bool {
        const pole: Point = .{ .x = 0, .y = 0, .z = 1 };
        if (!loop.contains(pole) and loop.longitudeSpan() < math.pi) return true;
        return loop.turning() >= -1e-12;
    }

    fn longitudeSpan(loop: *const Loop) f64 {
        var here: f64 = 0;
        var lowest: f64 = 0;
        var highest: f64 = 0;
        var before = loop.vertices[loop.vertices.len - 1];
        for (loop.vertices) |vertex| {
            const change = math.atan2(vertex.y, vertex.x) - math.atan2(before.y, before.x);
            here += change - 2 * math.pi * @round(change / (2 * math.pi));
            lowest = @min(lowest, here);
            highest = @max(highest, here);
            before = vertex;
        }
        return highest - lowest;
    }

    /// How much the edges turn left in all; negative for a loop around more than a hemisphere.
    fn turning(loop: *const Loop) f64 {
        const vertices = loop.vertices;
        var sum: f64 = 0;
        for (vertices, 0..) |here, index| {
            const before = vertices[(index + vertices.len - 1) % vertices.len];
            const after = vertices[(index + 1) % vertices.len];
            const angle = robustCross(before, here).angleTo(robustCross(here, after));
            sum += if (sign(before, here, after) > 0) angle else -angle;
        }
        return sum;
    }

    /// Counts the edges between the origin and the point.
    fn contains(loop: *const Loop, point: Point) bool {
        var inside = loop.contains_origin;
        var start = loop.vertices[loop.vertices.len - 1];
        for (loop.vertices) |end| {
            if (crosses(origin, point, start, end)) inside = !inside;
            start = end;
        }
        return inside;
    }
};

/// Nearly parallel vectors keep their direction.
fn robustCross(a: Point, b: Point) Point {
    return b.add(a).cross(b.subtract(a));
}

/// Any fixed direction seen from a point.
fn reference(point: Point) Point {
    const helper: Point = if (@abs(point.x) < @abs(point.y) and @abs(point.x) < @abs(point.z))
        .{ .x = 1, .y = 0.0053, .z = 0.00457 }
    else if (@abs(point.y) < @abs(point.z))
        .{ .x = 0.012, .y = 1, .z = 0.00457 }
    else
        .{ .x = 0.012, .y = 0.0053, .z = 1 };
    return point.cross(helper).normalized();
}

/// 1: the three are seen counterclockwise from outside, -1: clockwise.
fn sign(a: Point, b: Point, c: Point) i8 {
    const fast = a.cross(b).dot(c);
    if (@abs(fast) > 4e-15) return if (fast > 0) 1 else -1;
    const exact = determinant(a, b, c);
    if (exact != 0) return if (exact > 0) 1 else -1;
    return orderParity(a, b, c);
}

fn determinant(a: Point, b: Point, c: Point) f128 {
    const ax: f128 = a.x;
    const ay: f128 = a.y;
    const az: f128 = a.z;
    return (ay * b.z - az * b.y) * c.x + (az * b.x - ax * b.z) * c.y + (ax * b.y - ay * b.x) * c.z;
}

/// A consistent answer for three points on one great circle; 0 when two are the same.
fn orderParity(a: Point, b: Point, c: Point) i8 {
    if (a.equals(b) or b.equals(c) or c.equals(a)) return 0;
    const swaps = @as(u8, @intFromBool(isBefore(b, a))) +
        @intFromBool(isBefore(c, b)) + @intFromBool(isBefore(c, a));
    return if (swaps % 2 == 0) 1 else -1;
}

fn isBefore(a: Point, b: Point) bool {
    if (a.x != b.x) return a.x < b.x;
    if (a.y != b.y) return a.y < b.y;
    return a.z < b.z;
}

/// Whether b comes before c when turning counterclockwise around the centre, beginning at a.
fn orderedCounterclockwise(a: Point, b: Point, c: Point, around: Point) bool {
    const count = @as(u8, @intFromBool(sign(b, around, a) >= 0)) +
        @intFromBool(sign(c, around, b) >= 0) + @intFromBool(sign(a, around, c) > 0);
    return count >= 2;
}

/// Whether two edges cross; at a shared vertex, so that counting crossings stays right.
fn crosses(a: Point, b: Point, c: Point, d: Point) bool {
    if (a.equals(c) or a.equals(d) or b.equals(c) or b.equals(d)) {
        return crossesAtVertex(a, b, c, d);
    }
    const turn = sign(a, c, b);
    return sign(b, d, a) == turn and sign(c, b, d) == turn and sign(d, a, c) == turn;
}

fn crossesAtVertex(a: Point, b: Point, c: Point, d: Point) bool {
    if (a.equals(b) or c.equals(d)) return false;
    if (a.equals(c)) return b.equals(d) or orderedCounterclockwise(reference(a), d, b, a);
    if (b.equals(d)) return orderedCounterclockwise(reference(b), c, a, b);
    if (a.equals(d)) return b.equals(c) or orderedCounterclockwise(reference(a), c, b, a);
    return orderedCounterclockwise(reference(b), d, a, b);
}

// GeoJSON.

pub fn parse(arena: std.mem.Allocator, text: []const u8) Error!Shape {
    const shape = try parseText(arena, text);
    if (shape == .region and !shape.region.isCoverable()) return error.Invalid;
    return shape;
}

fn parseText(arena: std.mem.Allocator, text: []const u8) Error!Shape {
    const root = json.parseFromSliceLeaky(json.Value, arena, text, .{
        .duplicate_field_behavior = .use_last,
    }) catch |err| switch (err) {
        error.OutOfMemory => return error.OutOfMemory,
        else => return error.Invalid,
    };
    const object = try expectObject(root);
    const kind = try expectString(object.get("type"));
    if (!std.mem.eql(u8, kind, "Feature")) return parseGeometry(arena, kind, object);
    const geometry = try expectObject(object.get("geometry") orelse return error.Invalid);
    return parseGeometry(arena, try expectString(geometry.get("type")), geometry);
}

fn parseGeometry(arena: std.mem.Allocator, kind: []const u8, object: json.ObjectMap) Error!Shape {
    const coordinates = try expectArray(object.get("coordinates") orelse return error.Invalid);
    if (std.mem.eql(u8, kind, "Point")) return .{ .point = .of(try parsePoint(coordinates)) };
    if (std.mem.eql(u8, kind, "MultiPolygon")) {
        const parts = try arena.alloc(Region.Part, coordinates.len);
        for (coordinates, parts) |value, *part| {
            part.* = .{ .polygon = try parsePolygon(arena, try expectArray(value)) };
        }
        return .{ .region = .{ .parts = parts } };
    }
    const part = try arena.create(Region.Part);
    if (std.mem.eql(u8, kind, "Polygon")) {
        part.* = .{ .polygon = try parsePolygon(arena, coordinates) };
    } else if (std.mem.eql(u8, kind, "AeroCircle")) {
        if (coordinates.len != 2) return error.Invalid;
        const center = try parsePoint(try expectArray(coordinates[0]));
        part.* = .{ .circle = .init(center, try expectNumber(coordinates[1])) };
    } else {
        return error.Invalid;
    }
    return .{ .region = .{ .parts = part[0..1] } };
}

fn parsePolygon(arena: std.mem.Allocator, coordinates: []const json.Value) Error!Polygon {
    const loops = try arena.alloc(Loop, coordinates.len);
    for (coordinates, loops) |value, *loop| loop.* = try parseLoop(arena, try expectArray(value));
    return .{ .loops = loops };
}

/// The last position has to be the first one again; neighbours that are the same count once.
fn parseLoop(arena: std.mem.Allocator, coordinates: []const json.Value) Error!Loop {
    const vertices = try arena.alloc(Point, coordinates.len);
    var count: usize = 0;
    for (coordinates) |value| {
        const point = try parsePoint(try expectArray(value));
        if (count > 0 and vertices[count - 1].equals(point)) continue;
        vertices[count] = point;
        count += 1;
    }
    if (count < 4) return error.Invalid;
    if (!vertices[0].equals(vertices[count - 1])) return error.Invalid;
    return .init(vertices[0 .. count - 1]);
}

fn parsePoint(coordinates: []const json.Value) Error!Point {
    if (coordinates.len != 2) return error.Invalid;
    const longitude = try expectNumber(coordinates[0]);
    const latitude = try expectNumber(coordinates[1]);
    if (!(@abs(latitude) <= 90) or !(@abs(longitude) <= 180)) return error.Invalid;
    return .fromDegrees(latitude, longitude);
}

fn expectObject(value: json.Value) error{Invalid}!json.ObjectMap {
    return if (value == .object) value.object else error.Invalid;
}

fn expectArray(value: json.Value) error{Invalid}![]const json.Value {
    return if (value == .array) value.array.items else error.Invalid;
}

fn expectString(value: ?json.Value) error{Invalid}![]const u8 {
    const present = value orelse return error.Invalid;
    return if (present == .string) present.string else error.Invalid;
}

fn expectNumber(value: json.Value) error{Invalid}!f64 {
    return switch (value) {
        .integer => |number| @floatFromInt(number),
        .float => |number| number,
        else => error.Invalid,
    };
}

const testing = std.testing;

fn testContains(region_text: []const u8, longitude: f64, latitude: f64) !bool {
    var arena = std.heap.ArenaAllocator.init(testing.allocator);
    defer arena.deinit();
    const shape = try parse(arena.allocator(), region_text);
    return shape.region.contains(.of(.fromDegrees(latitude, longitude)));
}

test "cells are numbered as the real server numbers them" {
    // From the index values of a query on a real server.
    const Case = struct { f64, f64, u64 };
    const cases = [_]Case{
        .{ -122.0, 37.5, 0x808fb8a247954393 },
        .{ 0, 0, 0x1000000000000001 },
        .{ 179.5, -89.25, 0xafff7d53b7264743 },
        .{ 100.125, 45.0625, 0x5d7fac623517d403 },
        .{ 0, 90, 0x5000000000000001 },
    };
    for (cases) |case| {
        const cell: Cell = .of(.fromDegrees(case[1], case[0]));
        try testing.expectEqual(case[2], cell.id());
        // The centre of a cell is in it.
        try testing.expectEqual(cell, Cell.of(cell.center()));
    }
}

test "a point is in a polygon whichever way its loop runs, and not in its hole" {
    const outer = "[[0,0],[10,0],[10,10],[0,10],[0,0]]";
    const reversed = "[[0,0],[0,10],[10,10],[10,0],[0,0]]";
    const hole = "[[4,4],[6,4],[6,6],[4,6],[4,4]]";
    inline for (.{ outer, reversed }) |loop| {
        const solid = "{\"type\":\"Polygon\",\"coordinates\":[" ++ loop ++ "]}";
        try testing.expect(try testContains(solid, 5, 5));
        try testing.expect(!try testContains(solid, 11, 5));
        try testing.expect(!try testContains(solid, -175, -5));
        const holed = "{\"type\":\"Polygon\",\"coordinates\":[" ++ loop ++ "," ++ hole ++ "]}";
        try testing.expect(!try testContains(holed, 5, 5));
        try testing.expect(try testContains(holed, 3, 5));
    }
}

test "polygons around a pole and over the date line" {
    const pole = "{\"type\":\"Polygon\",\"coordinates\":" ++
        "[[[0,80],[90,80],[180,80],[-90,80],[0,80]]]}";
    try testing.expect(try testContains(pole, 45, 89));
    try testing.expect(!try testContains(pole, 45, 70));
    try testing.expect(!try testContains(pole, 45, -89));
    const line = "{\"type\":\"Polygon\",\"coordinates\":" ++
        "[[[170,-5],[-170,-5],[-170,5],[170,5],[170,-5]]]}";
    try testing.expect(try testContains(line, 180, 0));
    try testing.expect(!try testContains(line, 0, 0));
}

test "a region is refused when it takes too many cells to cover it" {
    var arena = std.heap.ArenaAllocator.init(testing.allocator);
    defer arena.deinit();
    const wide = "{\"type\":\"AeroCircle\",\"coordinates\":[[-10,1],9e6]}";
    try testing.expectError(error.Invalid, parse(arena.allocator(), wide));
    const narrower = "{\"type\":\"AeroCircle\",\"coordinates\":[[0,0],5e6]}";
    _ = try parse(arena.allocator(), narrower);
}

test "a loop that crosses itself is not turned inside out" {
    // Both halves of the figure turn as much, one of them the other way.
    const crossed = "{\"type\":\"Polygon\",\"coordinates\":[[[0,2],[2,0],[2,2],[0,0],[0,2]]]}";
    try testing.expect(!try testContains(crossed, 100, 40));
}

test "a circle has its radius, and several polygons are one region" {
    const circle = "{\"type\":\"AeroCircle\",\"coordinates\":[[-122.0,37.0],1000]}";
    try testing.expect(try testContains(circle, -122.0, 37.0089));
    try testing.expect(!try testContains(circle, -122.0, 37.0091));
    const both = "{\"type\":\"MultiPolygon\",\"coordinates\":[[[[0,0],[1,0],[1,1],[0,0]]]," ++
        "[[[10,10],[11,10],[11,11],[10,10]]]]}";
    try testing.expect(try testContains(both, 0.8, 0.5));
    try testing.expect(try testContains(both, 10.8, 10.5));
    try testing.expect(!try testContains(both, 5, 5));
}

test "what is not GeoJSON of a known kind is refused" {
    var arena = std.heap.ArenaAllocator.init(testing.allocator);
    defer arena.deinit();
    const bad = [_][]const u8{
        "",
        "7",
        "{}",
        "{\"type\":\"Point\"}",
        "{\"type\":\"Point\",\"coordinates\":[1]}",
        "{\"type\":\"Point\",\"coordinates\":[1,2,3]}",
        "{\"type\":\"Point\",\"coordinates\":[1,91]}",
        "{\"type\":\"Point\",\"coordinates\":[\"1\",2]}",
        "{\"type\":\"Line\",\"coordinates\":[]}",
        "{\"type\":\"Polygon\",\"coordinates\":[[[0,0],[1,0],[0,0]]]}",
        "{\"type\":\"Polygon\",\"coordinates\":[[[0,0],[1,0],[1,1],[0,1]]]}",
        "{\"type\":\"AeroCircle\",\"coordinates\":[[0,0]]}",
        "{\"type\":\"Feature\",\"geometry\":{\"type\":\"Feature\"}}",
        "{\"type\":\"Point\",\"coordinates\":[1,2]} x",
    };
    for (bad) |text| try testing.expectError(error.Invalid, parse(arena.allocator(), text));
    const point = "{\"type\":\"Point\",\"coordinates\":[1,2]}";
    const feature = "{\"type\":\"Feature\",\"geometry\":" ++ point ++ "}";
    try testing.expect(try parse(arena.allocator(), feature) == .point);
}
