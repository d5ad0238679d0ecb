"""Made of aerospike_zig.h by scripts/ffi_stubs.py, and not to be changed by hand."""

from collections.abc import Callable, Iterator
from typing import Any, Final, Literal, TypeAlias, TypeVar, overload

from typing_extensions import Self

_T = TypeVar("_T")

class CData:
    """Something in C: a pointer, an array, a struct."""

    def __getitem__(self, index: int, /) -> Any: ...
    def __setitem__(self, index: int, value: Any, /) -> None: ...
    def __add__(self, count: int, /) -> Self: ...
    def __iter__(self) -> Iterator[Any]: ...
    def __len__(self) -> int: ...

class Buffer:
    """The memory of something in C."""

    def __buffer__(self, flags: int, /) -> memoryview: ...
    def __len__(self) -> int: ...

Memory: TypeAlias = bytes | CData

class ArrowArray(CData):
    length: int
    null_count: int
    offset: int
    n_buffers: int
    n_children: int
    buffers: CData
    children: CData
    dictionary: ArrowArray
    private_data: CData
    release: Any

class ArrowArrayStream(CData):
    private_data: CData
    get_schema: Any
    get_next: Any
    get_last_error: Any
    release: Any

class ArrowSchema(CData):
    format: CData
    name: CData
    metadata: CData
    flags: int
    n_children: int
    children: CData
    dictionary: ArrowSchema
    private_data: CData
    release: Any

class asz_arrow(CData):
    """Opaque."""

class asz_client(CData):
    """Opaque."""

class asz_column(CData):
    name: CData
    name_len: int
    offset: int
    size: int
    element_size: int
    kind: int
    swapped: int
    array: int
    reserved: int

class asz_completion(CData):
    token: int
    status: int
    offset: int
    length: int

class asz_error(CData):
    size: int
    code: int
    in_doubt: int
    reserved: int
    node_len: int
    message_len: int
    node: CData
    message: CData
    attempts: int
    more_len: int
    more: CData
    text_position: int

class asz_log_line(CData):
    size: int
    code: int
    duration_ms: int
    count: int
    text_len: int
    node_len: int
    event_len: int
    text: CData
    node: CData
    event: CData

class asz_metadata(CData):
    generation: int
    ttl: int

class asz_mismatch(CData):
    row_count: int
    row: int
    column: int
    reason: int
    particle_type: int
    reserved: CData

class asz_node(CData):
    size: int
    port: int
    name_len: int
    address_len: int
    name: CData
    address: CData

class asz_policy(CData):
    size: int
    socket_timeout: int
    total_timeout: int
    max_retries: int
    sleep_between_retries: int
    timeout_delay: int
    generation: int
    ttl: int
    generation_policy: int
    exists: int
    replica: int
    read_mode_ap: int
    read_mode_sc: int
    commit_level: int
    send_key: int
    durable_delete: int
    read_touch_ttl_percent: int
    allow_inline: int
    allow_inline_ssd: int
    respond_all_keys: int
    concurrent: int
    compress: int
    on_locking_only: int
    error_details: int
    filter: CData
    filter_len: int
    compress_threshold: int
    connect_timeout: int
    asked: asz_node

class asz_query(CData):
    """Opaque."""

class asz_reader(CData):
    data: CData
    length: int
    position: int

class asz_result(CData):
    size: int
    owned: int
    data: CData
    capacity: int
    length: int

class asz_table(CData):
    size: int
    column_count: int
    columns: asz_column
    rows: CData
    row_stride: int
    row_count: int
    metadata: asz_metadata
    result_codes: CData
    mismatch: asz_mismatch
    present: CData
    digests: CData
    key_column: int
    reserved: int

class asz_value(CData):
    kind: int
    extension: int
    reserved: CData
    integer: int
    number: int
    data: CData
    length: int

class asz_writer(CData):
    size: int
    status: int
    data: CData
    capacity: int
    length: int
    owned: int
    reserved: int

class Lib:
    """The library."""

    ASZ_ABI_VERSION: Final[int]
    ASZ_OK: Final[int]
    ASZ_ERROR_CLIENT: Final[int]
    ASZ_ERROR_INVALID_ARGUMENT: Final[int]
    ASZ_ERROR_INVALID_HOST: Final[int]
    ASZ_ERROR_CLIENT_ABORT: Final[int]
    ASZ_ERROR_NO_MORE_CONNECTIONS: Final[int]
    ASZ_ERROR_INVALID_NODE: Final[int]
    ASZ_ERROR_TLS: Final[int]
    ASZ_ERROR_CONNECTION: Final[int]
    ASZ_ERROR_ASYNC_QUEUE_FULL: Final[int]
    ASZ_ERROR_MAX_RETRIES_EXCEEDED: Final[int]
    ASZ_ERROR_MAX_ERROR_RATE: Final[int]
    ASZ_ERROR_NO_RESPONSE: Final[int]
    ASZ_ERROR_BATCH_FAILED: Final[int]
    ASZ_ERROR_OUT_OF_MEMORY: Final[int]
    ASZ_ERROR_NOT_CONNECTED: Final[int]
    ASZ_ERROR_INTERRUPTED: Final[int]
    ASZ_ERROR_VALUE_MISMATCH: Final[int]
    ASZ_ERROR_NO_DESCRIPTOR: Final[int]
    ASZ_ERROR_WRONG_TYPE: Final[int]
    ASZ_PUT: Final[int]
    ASZ_GET: Final[int]
    ASZ_SELECT: Final[int]
    ASZ_EXISTS: Final[int]
    ASZ_REMOVE: Final[int]
    ASZ_TOUCH: Final[int]
    ASZ_APPEND: Final[int]
    ASZ_PREPEND: Final[int]
    ASZ_INCREMENT: Final[int]
    ASZ_REMOVE_BIN: Final[int]
    ASZ_OPERATE: Final[int]
    ASZ_OPERATE_ORDERED: Final[int]
    ASZ_APPLY: Final[int]
    ASZ_BATCH: Final[int]
    ASZ_BATCH_MIXED: Final[int]
    ASZ_INFO: Final[int]
    ASZ_INFO_ANY: Final[int]
    ASZ_NODES: Final[int]
    ASZ_PING: Final[int]
    ASZ_STATISTICS: Final[int]
    ASZ_QUERY_AGGREGATE: Final[int]
    ASZ_TRUNCATE: Final[int]
    ASZ_INDEX_CREATE: Final[int]
    ASZ_INDEX_REMOVE: Final[int]
    ASZ_UDF_PUT: Final[int]
    ASZ_UDF_REMOVE: Final[int]
    ASZ_UDF_LIST: Final[int]
    ASZ_UDF_GET: Final[int]
    ASZ_QUERY_BACKGROUND: Final[int]
    ASZ_JOB_STATUS: Final[int]
    ASZ_JOB_ABORT: Final[int]
    ASZ_ADMIN_CREATE_USER: Final[int]
    ASZ_ADMIN_DROP_USER: Final[int]
    ASZ_ADMIN_SET_PASSWORD: Final[int]
    ASZ_ADMIN_GRANT_ROLES: Final[int]
    ASZ_ADMIN_REVOKE_ROLES: Final[int]
    ASZ_ADMIN_QUERY_USERS: Final[int]
    ASZ_ADMIN_CREATE_ROLE: Final[int]
    ASZ_ADMIN_DROP_ROLE: Final[int]
    ASZ_ADMIN_GRANT_PRIVILEGES: Final[int]
    ASZ_ADMIN_REVOKE_PRIVILEGES: Final[int]
    ASZ_ADMIN_SET_WHITELIST: Final[int]
    ASZ_ADMIN_SET_QUOTAS: Final[int]
    ASZ_ADMIN_QUERY_ROLES: Final[int]
    ASZ_EXISTS_IGNORE: Final[int]
    ASZ_EXISTS_UPDATE_ONLY: Final[int]
    ASZ_EXISTS_REPLACE: Final[int]
    ASZ_EXISTS_CREATE_ONLY: Final[int]
    ASZ_EXISTS_REPLACE_ONLY: Final[int]
    ASZ_EXISTS_UPDATE: Final[int]
    ASZ_GENERATION_IGNORE: Final[int]
    ASZ_GENERATION_EQUAL: Final[int]
    ASZ_GENERATION_GREATER: Final[int]
    ASZ_REPLICA_MASTER: Final[int]
    ASZ_REPLICA_SEQUENCE: Final[int]
    ASZ_REPLICA_PREFER_RACK: Final[int]
    ASZ_REPLICA_ANY: Final[int]
    ASZ_REPLICA_RANDOM: Final[int]
    ASZ_INT8: Final[int]
    ASZ_INT16: Final[int]
    ASZ_INT32: Final[int]
    ASZ_INT64: Final[int]
    ASZ_UINT8: Final[int]
    ASZ_UINT16: Final[int]
    ASZ_UINT32: Final[int]
    ASZ_UINT64: Final[int]
    ASZ_FLOAT16: Final[int]
    ASZ_FLOAT32: Final[int]
    ASZ_FLOAT64: Final[int]
    ASZ_BOOL: Final[int]
    ASZ_BYTES: Final[int]
    ASZ_MISMATCH_TYPE: Final[int]
    ASZ_MISMATCH_RANGE: Final[int]
    ASZ_MISMATCH_LENGTH: Final[int]
    ARROW_FLAG_DICTIONARY_ORDERED: Final[int]
    ARROW_FLAG_NULLABLE: Final[int]
    ARROW_FLAG_MAP_KEYS_SORTED: Final[int]
    ASZ_QUERY: Final[int]
    ASZ_VALUE_NONE: Final[int]
    ASZ_VALUE_NIL: Final[int]
    ASZ_VALUE_BOOLEAN: Final[int]
    ASZ_VALUE_INTEGER: Final[int]
    ASZ_VALUE_FLOAT: Final[int]
    ASZ_VALUE_STRING: Final[int]
    ASZ_VALUE_BYTES: Final[int]
    ASZ_VALUE_ARRAY: Final[int]
    ASZ_VALUE_MAP: Final[int]
    ASZ_VALUE_EXTENSION: Final[int]
    ASZ_VALUE_UNSIGNED: Final[int]
    asz_python_interrupt_check: Final[CData]
    asz_python_stream_schema: Final[CData]
    asz_python_stream_next: Final[CData]
    asz_python_stream_error: Final[CData]
    asz_python_stream_release: Final[CData]
    asz_python_stream_released: Final[CData]
    asz_python_claim: Final[CData]
    def asz_abi_version(self) -> int: ...
    def asz_policy_init(self, policy: asz_policy, command: int, /) -> None: ...
    def asz_client_create(
        self, config: Memory, config_len: int, client: CData, error: asz_error, /
    ) -> int: ...
    def asz_tls_check(self, options: Memory, options_len: int, error: asz_error, /) -> int: ...
    def asz_client_connect(self, client: asz_client, error: asz_error, /) -> int: ...
    def asz_client_is_connected(self, client: asz_client, /) -> int: ...
    def asz_client_close(self, client: asz_client, /) -> None: ...
    def asz_client_destroy(self, client: asz_client, /) -> None: ...
    def asz_client_after_fork(self, client: asz_client, /) -> None: ...
    def asz_client_execute(
        self,
        client: asz_client,
        command: int,
        request: Memory,
        request_len: int,
        policy: asz_policy,
        result: asz_result,
        error: asz_error,
        /,
    ) -> int: ...
    def asz_client_batch_read_table(
        self,
        client: asz_client,
        request: Memory,
        request_len: int,
        policy: asz_policy,
        table: asz_table,
        error: asz_error,
        /,
    ) -> int: ...
    def asz_client_wake_fd(self, client: asz_client, error: asz_error, /) -> int: ...
    def asz_client_submit(
        self,
        client: asz_client,
        token: int,
        command: int,
        request: Memory,
        request_len: int,
        policy: asz_policy,
        error: asz_error,
        /,
    ) -> int: ...
    def asz_client_submit_waiting(
        self,
        client: asz_client,
        token: int,
        command: int,
        request: Memory,
        request_len: int,
        policy: asz_policy,
        error: asz_error,
        /,
    ) -> int: ...
    def asz_client_flush(self, client: asz_client, /) -> None: ...
    def asz_client_submit_batch_read_table(
        self,
        client: asz_client,
        token: int,
        request: Memory,
        request_len: int,
        policy: asz_policy,
        table: asz_table,
        error: asz_error,
        /,
    ) -> int: ...
    def asz_client_submit_connect(
        self, client: asz_client, token: int, error: asz_error, /
    ) -> int: ...
    def asz_client_submit_close(
        self, client: asz_client, token: int, error: asz_error, /
    ) -> int: ...
    def asz_client_cancel(self, client: asz_client, token: int, /) -> None: ...
    def asz_client_drain(
        self,
        client: asz_client,
        completions: asz_completion,
        max: int,
        data: CData,
        capacity: int,
        needed: CData,
        /,
    ) -> int: ...
    def asz_client_host(self, client: asz_client, /) -> int: ...
    def asz_client_is_hosted(self, client: asz_client, /) -> int: ...
    def asz_client_end_host(self, client: asz_client, /) -> None: ...
    def asz_client_lose_result(self, client: asz_client, /) -> None: ...
    def asz_query_open(
        self,
        client: asz_client,
        request: Memory,
        request_len: int,
        policy: asz_policy,
        query: CData,
        error: asz_error,
        /,
    ) -> int: ...
    def asz_query_next(self, query: asz_query, result: asz_result, error: asz_error, /) -> int: ...
    def asz_query_submit_next(
        self, query: asz_query, token: int, table: asz_table, error: asz_error, /
    ) -> int: ...
    def asz_query_next_table(
        self, query: asz_query, table: asz_table, rows: CData, error: asz_error, /
    ) -> int: ...
    def asz_query_token(
        self, query: asz_query, unread: int, result: asz_result, error: asz_error, /
    ) -> int: ...
    def asz_batch_open(
        self,
        client: asz_client,
        kind: int,
        request: Memory,
        request_len: int,
        policy: asz_policy,
        query: CData,
        error: asz_error,
        /,
    ) -> int: ...
    def asz_query_abort(self, query: asz_query, /) -> None: ...
    def asz_query_close(self, query: asz_query, /) -> None: ...
    def asz_arrow_create(
        self, description: Memory, description_len: int, arrow: CData, error: asz_error, /
    ) -> int: ...
    def asz_arrow_destroy(self, arrow: asz_arrow, /) -> None: ...
    def asz_client_batch_read_arrow(
        self,
        client: asz_client,
        request: Memory,
        request_len: int,
        policy: asz_policy,
        arrow: asz_arrow,
        error: asz_error,
        /,
    ) -> int: ...
    def asz_client_submit_batch_read_arrow(
        self,
        client: asz_client,
        token: int,
        request: Memory,
        request_len: int,
        policy: asz_policy,
        arrow: asz_arrow,
        error: asz_error,
        /,
    ) -> int: ...
    def asz_query_next_arrow(
        self, query: asz_query, arrow: asz_arrow, rows_max: int, rows: CData, error: asz_error, /
    ) -> int: ...
    def asz_query_submit_next_arrow(
        self, query: asz_query, token: int, arrow: asz_arrow, rows_max: int, error: asz_error, /
    ) -> int: ...
    def asz_arrow_make(
        self,
        arrow: asz_arrow,
        values_max: int,
        array: ArrowArray,
        mismatch: asz_mismatch,
        error: asz_error,
        /,
    ) -> int: ...
    def asz_arrow_clear(self, arrow: asz_arrow, /) -> None: ...
    def asz_arrow_schema(
        self, arrow: asz_arrow, schema: ArrowSchema, error: asz_error, /
    ) -> int: ...
    def asz_arrow_codes(self, arrow: asz_arrow, codes: CData, count: int, /) -> int: ...
    def asz_arrow_share(self, array: ArrowArray, copy: ArrowArray, error: asz_error, /) -> int: ...
    def asz_query_arrow_stream(
        self,
        query: asz_query,
        arrow: asz_arrow,
        rows_max: int,
        stream: ArrowArrayStream,
        error: asz_error,
        /,
    ) -> int: ...
    def asz_arrow_encode(
        self,
        schema: ArrowSchema,
        array: ArrowArray,
        first: int,
        count: int,
        place: Memory,
        place_len: int,
        result: asz_result,
        error: asz_error,
        /,
    ) -> int: ...
    def asz_result_release(self, result: asz_result, /) -> None: ...
    def asz_key_digest(
        self, key: Memory, key_len: int, digest: CData, error: asz_error, /
    ) -> int: ...
    def asz_expression_compile(
        self, expression: Memory, expression_len: int, result: asz_result, error: asz_error, /
    ) -> int: ...
    def asz_expression_parse(
        self,
        text: Memory,
        text_len: int,
        parameters: Memory,
        parameters_len: int,
        result: asz_result,
        error: asz_error,
        /,
    ) -> int: ...
    def asz_query_plan(
        self, question: Memory, question_len: int, result: asz_result, error: asz_error, /
    ) -> int: ...
    def asz_context_encode(
        self, context: Memory, context_len: int, result: asz_result, error: asz_error, /
    ) -> int: ...
    def asz_particle_decode(
        self, type: int, data: Memory, data_len: int, result: asz_result, error: asz_error, /
    ) -> int: ...
    def asz_value_pack(
        self, value: Memory, value_len: int, result: asz_result, error: asz_error, /
    ) -> int: ...
    def asz_metrics(self, result: asz_result, error: asz_error, /) -> int: ...
    def asz_write_nil(self, writer: asz_writer, /) -> None: ...
    def asz_write_boolean(self, writer: asz_writer, flag: int, /) -> None: ...
    def asz_write_integer(self, writer: asz_writer, number: int, /) -> None: ...
    def asz_write_float(self, writer: asz_writer, number: CData, /) -> None: ...
    def asz_write_string(self, writer: asz_writer, text: Memory, text_len: int, /) -> None: ...
    def asz_write_text(self, writer: asz_writer, text: Memory, /) -> None: ...
    def asz_write_bytes(self, writer: asz_writer, data: Memory, data_len: int, /) -> None: ...
    def asz_write_array(self, writer: asz_writer, count: int, /) -> None: ...
    def asz_write_map(self, writer: asz_writer, count: int, /) -> None: ...
    def asz_write_extension(
        self, writer: asz_writer, type: int, data: Memory, data_len: int, /
    ) -> None: ...
    def asz_write_begin(self, writer: asz_writer, type: int, /) -> int: ...
    def asz_write_end(self, writer: asz_writer, begin: int, /) -> None: ...
    def asz_write_value(self, writer: asz_writer, value: Memory, value_len: int, /) -> None: ...
    def asz_writer_clear(self, writer: asz_writer, /) -> None: ...
    def asz_writer_release(self, writer: asz_writer, /) -> None: ...
    def asz_read(self, reader: asz_reader, value: asz_value, /) -> int: ...
    def asz_read_past(self, reader: asz_reader, count: int, /) -> int: ...
    def asz_read_find(self, map: asz_reader, name: Memory, found: asz_reader, /) -> int: ...
    def asz_log_next(self, line: asz_log_line, timeout_ms: int, /) -> int: ...
    def asz_log_stop(self) -> None: ...
    def asz_set_interrupt_check(self, check: CData, /) -> None: ...

class FFI:
    """What cffi offers of the module."""

    NULL: Final[Any]
    @overload
    def new(
        self, cdecl: Literal["struct ArrowArray *", "struct ArrowArray[]"], init: Any = ...
    ) -> ArrowArray: ...
    @overload
    def new(
        self,
        cdecl: Literal["struct ArrowArrayStream *", "struct ArrowArrayStream[]"],
        init: Any = ...,
    ) -> ArrowArrayStream: ...
    @overload
    def new(
        self, cdecl: Literal["struct ArrowSchema *", "struct ArrowSchema[]"], init: Any = ...
    ) -> ArrowSchema: ...
    @overload
    def new(
        self, cdecl: Literal["asz_column *", "asz_column[]"], init: Any = ...
    ) -> asz_column: ...
    @overload
    def new(
        self, cdecl: Literal["asz_completion *", "asz_completion[]"], init: Any = ...
    ) -> asz_completion: ...
    @overload
    def new(self, cdecl: Literal["asz_error *", "asz_error[]"], init: Any = ...) -> asz_error: ...
    @overload
    def new(
        self, cdecl: Literal["asz_log_line *", "asz_log_line[]"], init: Any = ...
    ) -> asz_log_line: ...
    @overload
    def new(
        self, cdecl: Literal["asz_metadata *", "asz_metadata[]"], init: Any = ...
    ) -> asz_metadata: ...
    @overload
    def new(
        self, cdecl: Literal["asz_mismatch *", "asz_mismatch[]"], init: Any = ...
    ) -> asz_mismatch: ...
    @overload
    def new(self, cdecl: Literal["asz_node *", "asz_node[]"], init: Any = ...) -> asz_node: ...
    @overload
    def new(
        self, cdecl: Literal["asz_policy *", "asz_policy[]"], init: Any = ...
    ) -> asz_policy: ...
    @overload
    def new(
        self, cdecl: Literal["asz_reader *", "asz_reader[]"], init: Any = ...
    ) -> asz_reader: ...
    @overload
    def new(
        self, cdecl: Literal["asz_result *", "asz_result[]"], init: Any = ...
    ) -> asz_result: ...
    @overload
    def new(self, cdecl: Literal["asz_table *", "asz_table[]"], init: Any = ...) -> asz_table: ...
    @overload
    def new(self, cdecl: Literal["asz_value *", "asz_value[]"], init: Any = ...) -> asz_value: ...
    @overload
    def new(
        self, cdecl: Literal["asz_writer *", "asz_writer[]"], init: Any = ...
    ) -> asz_writer: ...
    @overload
    def new(self, cdecl: str, init: Any = ...) -> CData: ...
    def new_allocator(
        self, *, should_clear_after_alloc: bool = ...
    ) -> Callable[[str, int], CData]: ...
    def new_handle(self, obj: object) -> CData: ...
    def from_handle(self, handle: CData) -> Any: ...
    def from_buffer(self, cdecl: str, obj: Any, require_writable: bool = ...) -> CData: ...
    def buffer(self, cdata: CData, size: int = ...) -> Buffer: ...
    def string(self, cdata: CData, maxlen: int = ...) -> bytes: ...
    def cast(self, cdecl: str, value: Any) -> Any: ...
    def addressof(self, owner: CData | Lib, name: str, /) -> CData: ...
    def gc(self, cdata: _T, destructor: Callable[[_T], Any], size: int = ...) -> _T: ...
    def release(self, cdata: CData) -> None: ...
    def sizeof(self, cdecl: str | CData) -> int: ...
    def typeof(self, cdecl: str) -> Any: ...
    def def_extern(
        self, name: str, error: int = ..., onerror: Callable[..., Any] | None = ...
    ) -> Callable[[_T], _T]: ...

ffi: FFI
lib: Lib
