//! Columns of Arrow as handles of the C ABI, and queries as streams of them.

const std = @import("std");
const assert = std.debug.assert;
const handles_module = @import("handles.zig");
const result = @import("../result.zig");
const wire = @import("../wire.zig");
const Failure = @import("../status.zig").Failure;
const Handles = handles_module.Handles;
const Query = @import("queries.zig").Handle;
const Status = @import("../status.zig").Status;
const abi = result.arrow.abi;

/// All of the process.
pub var arrows: Handles(Handle) = .{ .gpa = @import("../memory.zig").gpa };

pub const Handle = struct {
    handle: handles_module.Mark,
    arrow: result.Arrow,

    pub fn create(
        gpa: std.mem.Allocator,
        description: []const u8,
        failure: *Failure,
    ) error{Failed}!*Handle {
        const handle = arrows.create() catch return outOfMemory(failure);
        handle.arrow.init(gpa);
        errdefer {
            handle.arrow.deinit();
            arrows.retire(handle);
        }
        try handle.arrow.parse(description, failure);
        Handles(Handle).begin(handle);
        return handle;
    }

    pub fn destroy(handle: *Handle) void {
        if (!Handles(Handle).end(handle)) return;
        handle.arrow.deinit();
        arrows.retire(handle);
    }

    pub fn writeSchema(
        handle: *const Handle,
        schema: *abi.Schema,
        failure: *Failure,
    ) error{Failed}!void {
        if (!handle.arrow.is_settled) {
            failure.set(.invalid_argument, "no columns have been made yet", .{});
            return error.Failed;
        }
        handle.arrow.writeSchema(schema) catch return outOfMemory(failure);
    }
};

pub fn share(array: *const abi.Array, copy: *abi.Array, failure: *Failure) error{Failed}!void {
    const is_ours = result.arrow.share(array, copy) catch return outOfMemory(failure);
    if (is_ours) return;
    failure.set(.invalid_argument, "the array was not made by asz_arrow_make", .{});
    return error.Failed;
}

pub fn encode(
    gpa: std.mem.Allocator,
    schema: *const abi.Schema,
    array: *const abi.Array,
    first: u64,
    count: u64,
    place: []const u8,
    out: *wire.Buffer,
    failure: *Failure,
) error{Failed}!void {
    const parsed = try result.arrow.encode.Place.parse(place, failure);
    const encoding = result.arrow.encode;
    encoding.encode(gpa, schema, array, first, count, &parsed, out, failure) catch |err| switch (err) {
        error.Failed => return error.Failed,
        error.OutOfMemory => return outOfMemory(failure),
    };
}

/// Makes a stream of a query's records. Both handles belong to it from then on.
pub fn open(
    gpa: std.mem.Allocator,
    query: *Query,
    arrow: *Handle,
    rows: u64,
    out: *abi.Stream,
    failure: *Failure,
) error{Failed}!void {
    if (rows == 0 or rows > result.arrow.rows_max) {
        failure.set(.invalid_argument, "a table has 1 to {d} rows", .{result.arrow.rows_max});
        return error.Failed;
    }
    const stream = gpa.create(Stream) catch return outOfMemory(failure);
    stream.* = .{ .gpa = gpa, .query = query, .arrow = arrow, .rows = rows };
    out.* = .{
        .get_schema = Stream.getSchema,
        .get_next = Stream.getNext,
        .get_last_error = Stream.getLastError,
        .release = Stream.release,
        .private_data = stream,
    };
}

/// What a stream of the C data interface has of its own.
const Stream = struct {
    gpa: std.mem.Allocator,
    query: *Query,
    arrow: *Handle,
    rows: u64,
    /// Made to know the schema, and not asked for yet.
    first: ?abi.Array = null,
    is_over: bool = false,
    failure: Failure = .{},
    text: [Failure.message_bytes_max + 1]u8 = @splat(0),

    fn of(out: *abi.Stream) *Stream {
        return @ptrCast(@alignCast(out.private_data.?));
    }

    fn getSchema(out: *abi.Stream, schema: *abi.Schema) callconv(.c) c_int {
        const stream = of(out);
        schema.release = null;
        stream.prepare() catch return stream.report();
        stream.arrow.writeSchema(schema, &stream.failure) catch return stream.report();
        return 0;
    }

    /// Types are known when the first table has been made.
    fn prepare(stream: *Stream) error{Failed}!void {
        if (stream.arrow.arrow.is_settled) return;
        var array: abi.Array = undefined;
        try stream.pull(&array);
        stream.first = array;
    }

    fn getNext(out: *abi.Stream, array: *abi.Array) callconv(.c) c_int {
        const stream = of(out);
        array.release = null;
        stream.next(array) catch return stream.report();
        return 0;
    }

    fn next(stream: *Stream, array: *abi.Array) error{Failed}!void {
        try stream.prepare();
        var made: abi.Array = undefined;
        if (stream.first) |first| {
            stream.first = null;
            made = first;
        } else {
            if (stream.is_over) return;
            try stream.pull(&made);
        }
        if (made.length == 0) {
            made.release.?(&made);
            return;
        }
        array.* = made;
    }

    /// As many records as a table has, or as there are.
    fn pull(stream: *Stream, array: *abi.Array) error{Failed}!void {
        const arrow = &stream.arrow.arrow;
        arrow.clear();
        arrow.limit = stream.rows;
        const count = try stream.query.nextInto(.{ .arrow = arrow }, &stream.failure);
        stream.is_over = count < stream.rows;
        const made = try arrow.make(null, array, &stream.failure);
        assert(made == .done);
    }

    fn report(stream: *Stream) c_int {
        const message = stream.failure.message();
        @memcpy(stream.text[0..message.len], message);
        stream.text[message.len] = 0;
        // Nothing can be relied on after a failure.
        stream.is_over = true;
        return @backingInt(switch (stream.failure.status) {
            .out_of_memory => std.c.E.NOMEM,
            .value_mismatch, .invalid_argument => std.c.E.INVAL,
            .timeout => std.c.E.TIMEDOUT,
            else => std.c.E.IO,
        });
    }

    fn getLastError(out: *abi.Stream) callconv(.c) ?[*:0]const u8 {
        const stream = of(out);
        if (stream.failure.status == .ok) return null;
        return @ptrCast(&stream.text);
    }

    fn release(out: *abi.Stream) callconv(.c) void {
        const stream = of(out);
        if (stream.first) |*first| first.release.?(first);
        stream.query.close();
        stream.arrow.destroy();
        stream.gpa.destroy(stream);
        out.release = null;
        out.private_data = null;
    }
};

fn outOfMemory(failure: *Failure) error{Failed} {
    failure.set(.out_of_memory, "out of memory for the columns", .{});
    return error.Failed;
}
