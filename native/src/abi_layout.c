/* The layout of the headers' structs as a C compiler sees it, for abi_test.zig. */
#include "aerospike_devserver.h"
#include "aerospike_zig.h"
#include <stddef.h>

const uint64_t asz_layout_error[] = {
    sizeof(asz_error),
    offsetof(asz_error, size),
    offsetof(asz_error, code),
    offsetof(asz_error, in_doubt),
    offsetof(asz_error, reserved),
    offsetof(asz_error, node_len),
    offsetof(asz_error, message_len),
    offsetof(asz_error, node),
    offsetof(asz_error, message),
    offsetof(asz_error, attempts),
    offsetof(asz_error, more_len),
    offsetof(asz_error, more),
    offsetof(asz_error, text_position),
};

const uint64_t asz_layout_node[] = {
    sizeof(asz_node),
    offsetof(asz_node, size),
    offsetof(asz_node, port),
    offsetof(asz_node, name_len),
    offsetof(asz_node, address_len),
    offsetof(asz_node, name),
    offsetof(asz_node, address),
};

const uint64_t asz_layout_policy[] = {
    sizeof(asz_policy),
    offsetof(asz_policy, size),
    offsetof(asz_policy, socket_timeout),
    offsetof(asz_policy, total_timeout),
    offsetof(asz_policy, max_retries),
    offsetof(asz_policy, sleep_between_retries),
    offsetof(asz_policy, timeout_delay),
    offsetof(asz_policy, generation),
    offsetof(asz_policy, ttl),
    offsetof(asz_policy, generation_policy),
    offsetof(asz_policy, exists),
    offsetof(asz_policy, replica),
    offsetof(asz_policy, read_mode_ap),
    offsetof(asz_policy, read_mode_sc),
    offsetof(asz_policy, commit_level),
    offsetof(asz_policy, send_key),
    offsetof(asz_policy, durable_delete),
    offsetof(asz_policy, read_touch_ttl_percent),
    offsetof(asz_policy, allow_inline),
    offsetof(asz_policy, allow_inline_ssd),
    offsetof(asz_policy, respond_all_keys),
    offsetof(asz_policy, concurrent),
    offsetof(asz_policy, compress),
    offsetof(asz_policy, on_locking_only),
    offsetof(asz_policy, error_details),
    offsetof(asz_policy, filter),
    offsetof(asz_policy, filter_len),
    offsetof(asz_policy, compress_threshold),
    offsetof(asz_policy, connect_timeout),
    offsetof(asz_policy, asked),
};

const uint64_t asz_layout_result[] = {
    sizeof(asz_result),
    offsetof(asz_result, size),
    offsetof(asz_result, owned),
    offsetof(asz_result, data),
    offsetof(asz_result, capacity),
    offsetof(asz_result, length),
};

const uint64_t asz_layout_log_line[] = {
    sizeof(asz_log_line),
    offsetof(asz_log_line, size),
    offsetof(asz_log_line, code),
    offsetof(asz_log_line, duration_ms),
    offsetof(asz_log_line, count),
    offsetof(asz_log_line, text_len),
    offsetof(asz_log_line, node_len),
    offsetof(asz_log_line, event_len),
    offsetof(asz_log_line, text),
    offsetof(asz_log_line, node),
    offsetof(asz_log_line, event),
};

const uint64_t asz_layout_writer[] = {
    sizeof(asz_writer),
    offsetof(asz_writer, size),
    offsetof(asz_writer, status),
    offsetof(asz_writer, data),
    offsetof(asz_writer, capacity),
    offsetof(asz_writer, length),
    offsetof(asz_writer, owned),
    offsetof(asz_writer, reserved),
};

const uint64_t asz_layout_reader[] = {
    sizeof(asz_reader),
    offsetof(asz_reader, data),
    offsetof(asz_reader, length),
    offsetof(asz_reader, position),
};

const uint64_t asz_layout_value[] = {
    sizeof(asz_value),
    offsetof(asz_value, kind),
    offsetof(asz_value, extension),
    offsetof(asz_value, reserved),
    offsetof(asz_value, integer),
    offsetof(asz_value, number),
    offsetof(asz_value, data),
    offsetof(asz_value, length),
};

const uint64_t asz_layout_completion[] = {
    sizeof(asz_completion),
    offsetof(asz_completion, token),
    offsetof(asz_completion, status),
    offsetof(asz_completion, offset),
    offsetof(asz_completion, length),
};

const uint64_t asz_layout_column[] = {
    sizeof(asz_column),
    offsetof(asz_column, name),
    offsetof(asz_column, name_len),
    offsetof(asz_column, offset),
    offsetof(asz_column, size),
    offsetof(asz_column, element_size),
    offsetof(asz_column, kind),
    offsetof(asz_column, swapped),
    offsetof(asz_column, array),
    offsetof(asz_column, reserved),
};

const uint64_t asz_layout_metadata[] = {
    sizeof(asz_metadata),
    offsetof(asz_metadata, generation),
    offsetof(asz_metadata, ttl),
};

const uint64_t asz_layout_mismatch[] = {
    sizeof(asz_mismatch),
    offsetof(asz_mismatch, row_count),
    offsetof(asz_mismatch, row),
    offsetof(asz_mismatch, column),
    offsetof(asz_mismatch, reason),
    offsetof(asz_mismatch, particle_type),
    offsetof(asz_mismatch, reserved),
};

const uint64_t asz_layout_table[] = {
    sizeof(asz_table),
    offsetof(asz_table, size),
    offsetof(asz_table, column_count),
    offsetof(asz_table, columns),
    offsetof(asz_table, rows),
    offsetof(asz_table, row_stride),
    offsetof(asz_table, row_count),
    offsetof(asz_table, metadata),
    offsetof(asz_table, result_codes),
    offsetof(asz_table, mismatch),
    offsetof(asz_table, present),
    offsetof(asz_table, digests),
    offsetof(asz_table, key_column),
    offsetof(asz_table, reserved),
};

const uint64_t asz_layout_devserver_error[] = {
    sizeof(asz_devserver_error),
    offsetof(asz_devserver_error, size),
    offsetof(asz_devserver_error, code),
    offsetof(asz_devserver_error, message_len),
    offsetof(asz_devserver_error, message),
};

const uint64_t asz_layout_devserver_reply[] = {
    sizeof(asz_devserver_reply),
    offsetof(asz_devserver_reply, size),
    offsetof(asz_devserver_reply, reserved),
    offsetof(asz_devserver_reply, data),
    offsetof(asz_devserver_reply, length),
};

const uint64_t arrow_layout_schema[] = {
    sizeof(struct ArrowSchema),
    offsetof(struct ArrowSchema, format),
    offsetof(struct ArrowSchema, name),
    offsetof(struct ArrowSchema, metadata),
    offsetof(struct ArrowSchema, flags),
    offsetof(struct ArrowSchema, n_children),
    offsetof(struct ArrowSchema, children),
    offsetof(struct ArrowSchema, dictionary),
    offsetof(struct ArrowSchema, release),
    offsetof(struct ArrowSchema, private_data),
};

const uint64_t arrow_layout_array[] = {
    sizeof(struct ArrowArray),
    offsetof(struct ArrowArray, length),
    offsetof(struct ArrowArray, null_count),
    offsetof(struct ArrowArray, offset),
    offsetof(struct ArrowArray, n_buffers),
    offsetof(struct ArrowArray, n_children),
    offsetof(struct ArrowArray, buffers),
    offsetof(struct ArrowArray, children),
    offsetof(struct ArrowArray, dictionary),
    offsetof(struct ArrowArray, release),
    offsetof(struct ArrowArray, private_data),
};

const uint64_t arrow_layout_stream[] = {
    sizeof(struct ArrowArrayStream),
    offsetof(struct ArrowArrayStream, get_schema),
    offsetof(struct ArrowArrayStream, get_next),
    offsetof(struct ArrowArrayStream, get_last_error),
    offsetof(struct ArrowArrayStream, release),
    offsetof(struct ArrowArrayStream, private_data),
};
