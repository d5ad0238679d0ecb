//! The headers' structs, as a C compiler lays them out, are the ones that the libraries use.

const std = @import("std");
const abi = @import("abi.zig");
const values = @import("values.zig");
const devserver = @import("../devserver/abi.zig");
const Failure = @import("../status.zig").Failure;

const layout = struct {
    extern const arrow_layout_array: u64;
    extern const arrow_layout_schema: u64;
    extern const arrow_layout_stream: u64;
    extern const asz_layout_column: u64;
    extern const asz_layout_completion: u64;
    extern const asz_layout_devserver_error: u64;
    extern const asz_layout_devserver_reply: u64;
    extern const asz_layout_error: u64;
    extern const asz_layout_metadata: u64;
    extern const asz_layout_mismatch: u64;
    extern const asz_layout_log_line: u64;
    extern const asz_layout_node: u64;
    extern const asz_layout_policy: u64;
    extern const asz_layout_reader: u64;
    extern const asz_layout_result: u64;
    extern const asz_layout_table: u64;
    extern const asz_layout_value: u64;
    extern const asz_layout_writer: u64;
};

fn expectLayout(T: type, first: *const u64) !void {
    const names = comptime std.meta.fieldNames(T);
    const expected: []const u64 = @as([*]const u64, @ptrCast(first))[0 .. names.len + 1];
    try std.testing.expectEqual(expected[0], @sizeOf(T));
    inline for (names, 1..) |name, index| {
        try std.testing.expectEqual(expected[index], @offsetOf(T, name));
    }
}

test "structs of the headers and of the libraries have the same layout" {
    try expectLayout(abi.ArrowArray, &layout.arrow_layout_array);
    try expectLayout(abi.ArrowArrayStream, &layout.arrow_layout_stream);
    try expectLayout(abi.ArrowSchema, &layout.arrow_layout_schema);
    try expectLayout(abi.asz_column, &layout.asz_layout_column);
    try expectLayout(abi.asz_completion, &layout.asz_layout_completion);
    try expectLayout(devserver.asz_devserver_error, &layout.asz_layout_devserver_error);
    try expectLayout(devserver.asz_devserver_reply, &layout.asz_layout_devserver_reply);
    try expectLayout(abi.asz_error, &layout.asz_layout_error);
    try expectLayout(abi.asz_metadata, &layout.asz_layout_metadata);
    try expectLayout(abi.asz_mismatch, &layout.asz_layout_mismatch);
    try expectLayout(abi.asz_log_line, &layout.asz_layout_log_line);
    try expectLayout(abi.asz_node, &layout.asz_layout_node);
    try expectLayout(abi.asz_policy, &layout.asz_layout_policy);
    try expectLayout(abi.asz_result, &layout.asz_layout_result);
    try expectLayout(abi.asz_table, &layout.asz_layout_table);
    try expectLayout(values.asz_reader, &layout.asz_layout_reader);
    try expectLayout(values.asz_value, &layout.asz_layout_value);
    try expectLayout(values.asz_writer, &layout.asz_layout_writer);
}

test "every member of a policy is taken" {
    var failure: Failure = .{};
    inline for (comptime std.meta.fieldNames(abi.asz_policy)) |name| {
        const is_size = comptime std.mem.eql(u8, name, "size");
        if (is_size or comptime std.mem.startsWith(u8, name, "filter")) continue;
        var raw = std.mem.zeroes(abi.asz_policy);
        raw.size = @sizeOf(abi.asz_policy);
        const without = try abi.policyFrom(&raw, &failure);
        var node: abi.asz_node = undefined;
        @field(raw, name) = if (comptime std.mem.eql(u8, name, "asked")) &node else 1;
        const with = try abi.policyFrom(&raw, &failure);
        if (std.meta.eql(without, with)) {
            std.debug.print("{s} is lost\n", .{name});
            return error.TestUnexpectedResult;
        }
    }
}
