//! Info commands about secondary indexes: to make, drop, list and look at them.
//!
//! The checks of `sindex-create` come in the server's order and with its words, in the syntax
//! of version 8.1 (`bin` and `type`) and the older one (`indexdata`).

const std = @import("std");
const wire = @import("../../wire.zig");
const Question = @import("Question.zig");
const path = @import("../data/path.zig");
const query = @import("../query/query.zig");
const secondary_index = @import("../store/secondary_index.zig");
const store = @import("../store/store.zig");

const Buffer = wire.Buffer;
const Collection = secondary_index.Collection;
const DataType = secondary_index.DataType;
const Index = secondary_index.Index;

const namespace_bytes_max = 31;
const context_bytes_max = 2047;
const parameter_error = 4;

/// An error has been answered.
const Error = Buffer.Error || error{Answered};

const needs: Question.Need = .{ .permissions = .{ .index_admin = true }, .name = "sindex-admin" };

pub const commands = [_]Question.Command{
    .{ .name = "sindex", .answer = &oldList },
    .{ .name = "sindex-create", .answer = &create, .needs = needs },
    .{ .name = "sindex-delete", .answer = &drop, .needs = needs },
    .{ .name = "sindex-exists", .answer = &exists, .needs = needs },
    .{ .name = "sindex-list", .answer = &list },
    .{ .name = "sindex-stat", .answer = &stat },
};

fn create(question: *const Question) Buffer.Error!void {
    createChecked(question) catch |err| switch (err) {
        error.Answered => {},
        error.OutOfMemory, error.NoSpaceLeft => |other| return other,
    };
}

fn createChecked(question: *const Question) Error!void {
    const name = try required(question, "indexname", secondary_index.name_bytes_max);
    const namespace = try requiredNamespace(question);
    if (try question.optional("indextype", 9)) |text| {
        if (std.ascii.eqlIgnoreCase(text, "set")) return createOfSet(question, name, namespace);
    }
    const set = try question.optional("set", store.set_name_bytes_max) orelse "";
    var context_memory: [context_bytes_max]u8 = undefined;
    const context = try contextOf(question, &context_memory);
    var collection: Collection = .default;
    if (try question.optional("indextype", 9)) |text| {
        collection = Collection.parse(text) orelse return refuse(question, "bad 'indextype' - " ++
            "must be one of 'default', 'list', 'mapkeys', 'mapvalues'");
    }
    const source, const data_type = try sourceAndType(question, context.len > 0);
    if (source == .expression) {
        try checkExpression(question, source.expression, collection, data_type);
    }
    if (collection == .map_keys and data_type == .geo2dsphere) {
        return refuse(question, "bad 'indexdata' bin type for 'indextype' 'mapkeys' - " ++
            "must be one of 'numeric', 'string', 'blob'");
    }
    // A namespace that no node has is not an error to the server either.
    if (question.core().store.find(namespace) == null) return question.text("ok");
    try add(question, name, &.{
        .namespace = namespace,
        .set = set,
        .bin = if (source == .bin) source.bin else "",
        .data_type = data_type,
        .collection = collection,
        .context = context,
        .expression = if (source == .expression) source.expression else "",
    });
}

/// The server creates the set, too, where it is not there yet.
fn createOfSet(question: *const Question, name: []const u8, namespace: []const u8) Error!void {
    for ([_][]const u8{ "context", "indexdata", "type", "bin", "exp" }) |key| {
        if (question.parameter(key) == null) continue;
        try question.print("ERROR:4:{s} parameter is not supported for set index", .{key});
        return error.Answered;
    }
    const set = try required(question, "set", store.set_name_bytes_max);
    const place = question.core().store.find(namespace) orelse
        return refuse(question, "namespace not found");
    _ = place.setId(set) catch return refuse(question, "failed to get/create set");
    try add(question, name, &.{
        .namespace = namespace,
        .set = set,
        .bin = "",
        .data_type = .numeric,
        .is_of_set = true,
    });
}

fn add(
    question: *const Question,
    name: []const u8,
    definition: *const secondary_index.Definition,
) Error!void {
    switch (try question.core().indexes.create(name, definition)) {
        .created, .renamed, .exists => try question.text("ok"),
        .name_taken => {
            try question.fail(200, "'indexname' already exists with different definition");
        },
        .too_many => try question.fail(206, "already at sindex definition limit"),
    }
}

/// What an index is made of.
const Source = union(enum) { bin: []const u8, expression: []const u8 };

fn checkExpression(
    question: *const Question,
    expression: []const u8,
    collection: Collection,
    data_type: DataType,
) Error!void {
    const arena = question.context.scratch.arena.allocator();
    const kind = secondary_index.expressionType(
        arena,
        question.core().version,
        expression,
    ) catch |err| switch (err) {
        error.OutOfMemory => return error.OutOfMemory,
        error.Invalid => return refuse(question, "bad 'exp'"),
    };
    const expected: wire.particle.Type = switch (collection) {
        .default => data_type.particle(),
        .list => .list,
        .map_keys, .map_values => .map,
    };
    if (kind == expected) return;
    try question.print(
        "ERROR:4:bad 'exp' - expression type '{s}' does not match expected type '{s}'",
        .{ typeText(kind), typeText(expected) },
    );
    return error.Answered;
}

fn typeText(kind: wire.particle.Type) []const u8 {
    return switch (kind) {
        .integer => "numeric",
        .boolean => "bool",
        _ => "unknown",
        else => |known| @tagName(known),
    };
}

fn contextOf(question: *const Question, memory: *[context_bytes_max]u8) Error![]const u8 {
    const text = try question.optional("context", context_bytes_max) orelse return "";
    const decoder = std.base64.standard.Decoder;
    const size = decoder.calcSizeForSlice(text) catch {
        return refuse(question, "'context' invalid base64");
    };
    decoder.decode(memory[0..size], text) catch return refuse(question, "'context' invalid base64");
    if (!path.isContext(memory[0..size])) return refuse(question, "'context' invalid cdt context");
    return memory[0..size];
}

fn sourceAndType(question: *const Question, has_context: bool) Error!struct { Source, DataType } {
    const both = try question.optional("indexdata", 27);
    const kind = try question.optional("type", 11);
    if (both == null and kind == null) {
        return refuse(question, "both 'indexdata' and 'type' are missing");
    }
    if (both != null and kind != null) {
        return refuse(question, "both 'indexdata' and 'type' are specified");
    }
    if (both) |text| {
        const bin, const data_type = try oldBinAndType(question, text);
        return .{ .{ .bin = bin }, data_type };
    }
    const data_type = DataType.parse(kind.?) orelse return refuse(question, "bad 'type' - " ++
        "must be one of 'numeric', 'string', 'blob', 'geo2dsphere'");
    const bin = try question.optional("bin", wire.operation.bin_name_bytes_max);
    const expression = try question.optional("exp", 16 * 1024 - 1);
    if (bin != null and expression != null) {
        return refuse(question, "both 'bin' and 'exp' are specified");
    }
    if (bin) |name| return .{ .{ .bin = name }, data_type };
    const text = expression orelse return refuse(question, "both 'bin' and 'exp' are missing");
    if (has_context) return refuse(question, "both 'context' and 'exp' are specified");
    const decoder = std.base64.standard.Decoder;
    const size = decoder.calcSizeForSlice(text) catch return refuse(question, "bad 'exp'");
    const bytes = try question.context.scratch.arena.allocator().alloc(u8, size);
    decoder.decode(bytes, text) catch return refuse(question, "bad 'exp'");
    return .{ .{ .expression = bytes }, data_type };
}

/// `<bin>,<type>`
fn oldBinAndType(
    question: *const Question,
    text: []const u8,
) Error!struct { []const u8, DataType } {
    const separator = std.mem.findScalar(u8, text, ',') orelse {
        return refuse(question, "'indexdata' missing bin type");
    };
    const bin = text[0..separator];
    if (bin.len == 0) return refuse(question, "'indexdata' missing bin name");
    if (bin.len > wire.operation.bin_name_bytes_max) {
        return refuse(question, "'indexdata' bin name too long");
    }
    const data_type = DataType.parse(text[separator + 1 ..]) orelse {
        return refuse(question, "bad 'indexdata' bin type - " ++
            "must be one of 'numeric', 'string', 'blob', 'geo2dsphere'");
    };
    return .{ bin, data_type };
}

fn refuse(question: *const Question, reason: []const u8) Error {
    question.fail(parameter_error, reason) catch |err| return err;
    return error.Answered;
}

fn required(question: *const Question, key: []const u8, bytes_max: usize) Error![]const u8 {
    return try question.required(key, bytes_max, parameter_error) orelse error.Answered;
}

/// Under either of its names.
fn requiredNamespace(question: *const Question) Error![]const u8 {
    return try question.namespaceName() orelse {
        try question.fail(20, "missing 'namespace'");
        return error.Answered;
    };
}

fn drop(question: *const Question) Buffer.Error!void {
    const name, const namespace = nameAndNamespace(question) catch |err| switch (err) {
        error.Answered => return,
        error.OutOfMemory, error.NoSpaceLeft => |other| return other,
    };
    question.core().indexes.drop(namespace, name);
    try question.text("ok");
}

fn nameAndNamespace(question: *const Question) Error!struct { []const u8, []const u8 } {
    const name = try required(question, "indexname", secondary_index.name_bytes_max);
    return .{ name, try requiredNamespace(question) };
}

fn exists(question: *const Question) Buffer.Error!void {
    const index = find(question) catch |err| return answered(err);
    defer if (index) |found| found.release(question.core().gpa);
    try question.text(if (index == null) "false" else "true");
}

fn stat(question: *const Question) Buffer.Error!void {
    const index = find(question) catch |err| return answered(err);
    try printStatistics(question, index);
}

fn answered(err: Error) Buffer.Error!void {
    switch (err) {
        error.Answered => {},
        error.OutOfMemory, error.NoSpaceLeft => |other| return other,
    }
}

fn find(question: *const Question) Error!?*Index {
    const name, const namespace = try nameAndNamespace(question);
    if (question.core().store.find(namespace) == null) {
        try question.fail(20, "namespace not found on node");
        return error.Answered;
    }
    return question.core().indexes.acquireByName(namespace, name);
}

const set_entry_bytes = 16;

/// Releases the index. Loading takes no time, and nothing is ever left to collect.
fn printStatistics(question: *const Question, found: ?*Index) Buffer.Error!void {
    const index = found orelse return question.fail(201, "no index");
    const core = question.core();
    defer index.release(core.gpa);
    if (index.definition.is_of_set) {
        const definition = &index.definition;
        const set = core.store.find(definition.namespace).?.findSet(definition.set).?;
        const count = set.objects.load(.monotonic);
        return question.print("entries={d};used_bytes={d};load_pct=100", .{
            count, count * set_entry_bytes,
        });
    }
    const context = question.context;
    const counted = try query.countEntries(core, context.node, context.scratch, index);
    try question.print(
        "entries={d};used_bytes={d};entries_per_bval={d};entries_per_rec={d};" ++
            "load_pct=100;load_time=0;stat_gc_recs=0",
        .{
            counted.entries,
            counted.entries * @sizeOf(i64) * 2,
            roundedQuotient(counted.entries, counted.values),
            roundedQuotient(counted.entries, counted.records),
        },
    );
}

fn roundedQuotient(dividend: u64, divisor: u64) u64 {
    return if (divisor == 0) 0 else (dividend + divisor / 2) / divisor;
}

fn list(question: *const Question) Buffer.Error!void {
    const namespace = question.namespaceName() catch |err| return answered(err);
    if (namespace) |name| {
        if (question.core().store.find(name) == null) {
            return question.fail(20, "namespace not found on node");
        }
    }
    var base64 = false;
    const given = question.optional("b64", 5) catch |err| return answered(err);
    if (given) |text| {
        base64 = std.mem.eql(u8, text, "true");
        if (!base64 and !std.mem.eql(u8, text, "false")) {
            return question.fail(parameter_error, "bad b64");
        }
    }
    try printList(question, namespace, base64);
}

/// The older form: `sindex[/<namespace>[/<index>]]`.
fn oldList(question: *const Question) Buffer.Error!void {
    if (question.parameters.len == 0) return printList(question, null, false);
    const separator = std.mem.findScalar(u8, question.parameters, '/');
    const namespace = question.parameters[0 .. separator orelse question.parameters.len];
    if (question.core().store.find(namespace) == null) return question.text("ns_type=unknown");
    const at = separator orelse return printList(question, namespace, false);
    const name = question.parameters[at + 1 ..];
    try printStatistics(question, question.core().indexes.acquireByName(namespace, name));
}

/// A null namespace stands for all of them.
fn printList(
    question: *const Question,
    namespace: ?[]const u8,
    base64: bool,
) Buffer.Error!void {
    const catalog = &question.core().indexes;
    catalog.mutex.lock();
    defer catalog.mutex.unlock();
    var is_first = true;
    for (catalog.indexes.items) |index| {
        const definition = &index.definition;
        if (namespace) |name| {
            if (!std.mem.eql(u8, definition.namespace, name)) continue;
        }
        if (definition.is_of_set) continue;
        if (!is_first) try question.text(";");
        is_first = false;
        try question.print("ns={s}:indexname={s}:set={s}:bin={s}:type={t}:indextype={s}", .{
            definition.namespace,
            index.name(),
            if (definition.set.len > 0) definition.set else "null",
            if (definition.bin.len > 0) definition.bin else "null",
            definition.data_type,
            definition.collection.text(),
        });
        try question.text(":context=");
        try printContext(question, definition.context, base64);
        try question.text(":exp=");
        // Only the base64 form is known here.
        try printBase64(question, definition.expression);
        try question.text(":state=RW");
    }
    // Those of sets come after all others, behind a semicolon of their own.
    for (catalog.indexes.items) |index| {
        const definition = &index.definition;
        if (namespace) |name| {
            if (!std.mem.eql(u8, definition.namespace, name)) continue;
        }
        if (!definition.is_of_set) continue;
        try question.print(";ns={s}:indexname={s}:set={s}:indextype=set", .{
            definition.namespace, index.name(), definition.set,
        });
    }
}

fn printContext(question: *const Question, context: []const u8, base64: bool) Buffer.Error!void {
    if (context.len == 0) return question.text("null");
    if (!base64) return path.describe(context, question.out);
    try printBase64(question, context);
}

fn printBase64(question: *const Question, bytes: []const u8) Buffer.Error!void {
    if (bytes.len == 0) return question.text("null");
    const encoder = std.base64.standard.Encoder;
    const offset = try question.out.reserve(encoder.calcSize(bytes.len));
    _ = encoder.encode(question.out.bytes[offset..question.out.end], bytes);
}
