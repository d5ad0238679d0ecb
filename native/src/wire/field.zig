//! The fields of a message: what the request is about, apart from its operations.

/// Numbers of the protocol. A kind that this code does not know stays representable.
pub const Kind = enum(u8) {
    namespace = 0,
    set = 1,
    /// The user's key: a particle type byte and the particle's bytes.
    key = 2,
    record_version = 3,
    digest = 4,
    transaction_id = 5,
    transaction_deadline = 6,
    /// Identifies a query or a background job, so that it can be watched and aborted.
    task_id = 7,
    socket_timeout = 9,
    records_per_second = 10,
    /// Partition ids, two bytes each, least significant first.
    partition_ids = 11,
    /// Digests to resume after, 20 bytes each.
    digests = 12,
    records_max = 13,
    last_update_time = 14,
    /// For each digest to resume after, the index value it was found under.
    index_values = 15,
    index_name = 21,
    index_range = 22,
    index_context = 23,
    index_expression = 24,
    index_kind = 26,
    udf_package = 30,
    udf_function = 31,
    udf_arguments = 32,
    udf_operation = 33,
    query_bins = 40,
    batch = 41,
    batch_with_set = 42,
    /// A filter expression.
    filter = 43,
    error_details = 45,
    _,
};

pub const Field = struct {
    kind: Kind,
    data: []const u8,
};

/// Size (4, counts what follows it) and kind (1) in front of the data.
pub const header_bytes = 5;
