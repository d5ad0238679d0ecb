//! One message about records, taken apart. Slices point into it.

const std = @import("std");
const wire = @import("../../wire.zig");

const Request = @This();

header: wire.message.Header,
namespace: ?[]const u8 = null,
set: []const u8 = "",
/// Particle type byte and value.
key: ?[]const u8 = null,
digest: ?[]const u8 = null,
/// An expression that the record has to match.
filter: ?[]const u8 = null,
/// A function to apply.
udf: ?Udf = null,
has_transaction: bool = false,
/// The record loses its key. No client can ask for it, only a function.
drops_key: bool = false,
operations: wire.message.OperationIterator = undefined,

pub const Udf = struct {
    package: []const u8 = "",
    function: []const u8 = "",
    /// A list in the protocol's dialect.
    arguments: []const u8 = "",
};

fn udfFields(request: *Request) *Udf {
    if (request.udf == null) request.udf = .{};
    return &request.udf.?;
}

pub fn decode(bytes: []const u8) wire.message.DecodeError!Request {
    const message = try wire.message.Message.decode(bytes);
    const request, const rest = try decodePrefix(message.header, message.body);
    if (rest.len != 0) return error.Malformed;
    return request;
}

/// Takes the fields and operations that a header announces, and returns what follows them.
pub fn decodePrefix(
    header: wire.message.Header,
    bytes: []const u8,
) wire.message.DecodeError!struct { Request, []const u8 } {
    const message: wire.message.Message = .{ .header = header, .body = bytes };
    var request: Request = .{ .header = header };
    var fields = message.fields();
    while (try fields.next()) |item| switch (item.kind) {
        .namespace => request.namespace = item.data,
        .set => request.set = item.data,
        .key => request.key = item.data,
        .digest => request.digest = item.data,
        .filter => request.filter = item.data,
        .udf_package => request.udfFields().package = item.data,
        .udf_function => request.udfFields().function = item.data,
        .udf_arguments => request.udfFields().arguments = item.data,
        .transaction_id => request.has_transaction = true,
        else => {},
    };
    request.operations = fields.operations(header.operation_count);
    // Everything is checked here once, so that walking over the operations cannot fail.
    var operations = request.operations;
    while (try operations.next()) |_| {}
    return .{ request, operations.rest };
}

/// The next operation of a request that `decode` accepted.
pub fn nextOperation(operations: *wire.message.OperationIterator) ?wire.operation.Operation {
    return operations.next() catch unreachable;
}

/// Operations of one request that the server takes.
pub const operations_max = 32 * 1024;

/// Bin names that the server takes.
pub fn isBinName(name: []const u8) bool {
    if (name.len > wire.operation.bin_name_bytes_max) return false;
    return std.mem.findScalar(u8, name, 0) == null;
}

/// A read that names no bin, of a request that wants all of them.
pub fn isReadAll(operation: *const wire.operation.Operation, request: *const Request) bool {
    if (operation.code != .read or operation.name.len != 0) return false;
    return request.header.info1.get_all;
}

/// Whether a write's condition on the generation holds; 0 is that of a record not yet written.
pub fn generationMatches(request: *const Request, generation: u16) bool {
    const info2 = request.header.info2;
    if (info2.generation) return request.header.generation == generation;
    if (info2.generation_greater) return request.header.generation > generation;
    return true;
}
