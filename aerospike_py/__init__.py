"""aerospike_py: a client for the Aerospike database."""

from typing import TYPE_CHECKING, Any

from . import constants
from .batch import BatchRecord, BatchRecords, BatchResults
from .client import Client, client
from .constants import *  # noqa: F403
from .exception import (
    AdminError,
    AerospikeError,
    AerospikeIndexError,
    AerospikeTimeoutError,
    BackpressureError,
    BinExistsError,
    BinNameError,
    BinNotFound,
    BinTypeError,
    ClientError,
    ClusterError,
    FilteredOut,
    IndexFoundError,
    IndexNotFound,
    InvalidArgError,
    QueryAbortedError,
    QueryError,
    RecordError,
    RecordExistsError,
    RecordGenerationError,
    RecordNotFound,
    RecordTooBig,
    ServerError,
    UDFError,
)
from .log import set_log_level
from .query import Query
from .tracing import init_tracing, shutdown_tracing
from .types import (
    AdminPolicy,
    AerospikeKey,
    BatchPolicy,
    BinTuple,
    ClientConfig,
    ExistsResult,
    GeoJSON,
    HyperLogLog,
    InfoNodeResult,
    KeyOrderedDict,
    KeyValueOrderedDict,
    OperateOrderedResult,
    Privilege,
    QueryPolicy,
    ReadPolicy,
    Record,
    RecordMetadata,
    WriteMeta,
    WritePolicy,
)

if TYPE_CHECKING:
    from . import (
        bit_operations,
        cdt_ctx,
        exp,
        exp_operations,
        hll_operations,
        list_operations,
        map_operations,
        metrics,
        numpy_batch,
        predicates,
        tracing,
    )
    from .async_client import AsyncClient
    from .async_query import AsyncQuery
    from .bit_operations import (
        BIT_OVERFLOW_FAIL,
        BIT_OVERFLOW_SATURATE,
        BIT_OVERFLOW_WRAP,
        BIT_RESIZE_DEFAULT,
        BIT_RESIZE_FROM_FRONT,
        BIT_RESIZE_GROW_ONLY,
        BIT_RESIZE_SHRINK_ONLY,
    )
    from .exp import (
        EXP_TYPE_BLOB,
        EXP_TYPE_BOOL,
        EXP_TYPE_FLOAT,
        EXP_TYPE_GEO,
        EXP_TYPE_HLL,
        EXP_TYPE_INT,
        EXP_TYPE_LIST,
        EXP_TYPE_MAP,
        EXP_TYPE_NIL,
        EXP_TYPE_STRING,
        LOOP_VAR_INDEX,
        LOOP_VAR_KEY,
        LOOP_VAR_VALUE,
        REGEX_EXTENDED,
        REGEX_ICASE,
        REGEX_NEWLINE,
        REGEX_NONE,
        REGEX_NOSUB,
    )
    from .exp_operations import (
        EXP_READ_DEFAULT,
        EXP_READ_EVAL_NO_FAIL,
        EXP_WRITE_ALLOW_DELETE,
        EXP_WRITE_CREATE_ONLY,
        EXP_WRITE_DEFAULT,
        EXP_WRITE_EVAL_NO_FAIL,
        EXP_WRITE_POLICY_NO_FAIL,
        EXP_WRITE_UPDATE_ONLY,
        PATH_MODIFY_DEFAULT,
        PATH_MODIFY_NO_FAIL,
        PATH_SELECT_MAP_KEY_VALUES,
        PATH_SELECT_MAP_KEYS,
        PATH_SELECT_MATCHING_TREE,
        PATH_SELECT_NO_FAIL,
        PATH_SELECT_VALUES,
    )
    from .list_operations import LIST_RETURN_INVERTED
    from .map_operations import (
        MAP_RETURN_INVERTED,
        MAP_RETURN_ORDERED_MAP,
        MAP_RETURN_UNORDERED_MAP,
    )
    from .metrics import get_metrics, start_metrics_server, stop_metrics_server
    from .numpy_batch import NumpyBatchRecords

__version__ = "0.1.0"

# The API's older names. They hide the built-in ones here, and only here.
TimeoutError = AerospikeTimeoutError  # noqa: A001
IndexError = AerospikeIndexError  # noqa: A001

__all__ = [
    "BIT_OVERFLOW_FAIL",
    "BIT_OVERFLOW_SATURATE",
    "BIT_OVERFLOW_WRAP",
    "BIT_RESIZE_DEFAULT",
    "BIT_RESIZE_FROM_FRONT",
    "BIT_RESIZE_GROW_ONLY",
    "BIT_RESIZE_SHRINK_ONLY",
    "EXP_READ_DEFAULT",
    "EXP_READ_EVAL_NO_FAIL",
    "EXP_TYPE_BLOB",
    "EXP_TYPE_BOOL",
    "EXP_TYPE_FLOAT",
    "EXP_TYPE_GEO",
    "EXP_TYPE_HLL",
    "EXP_TYPE_INT",
    "EXP_TYPE_LIST",
    "EXP_TYPE_MAP",
    "EXP_TYPE_NIL",
    "EXP_TYPE_STRING",
    "EXP_WRITE_ALLOW_DELETE",
    "EXP_WRITE_CREATE_ONLY",
    "EXP_WRITE_DEFAULT",
    "EXP_WRITE_EVAL_NO_FAIL",
    "EXP_WRITE_POLICY_NO_FAIL",
    "EXP_WRITE_UPDATE_ONLY",
    "LIST_RETURN_INVERTED",
    "LOOP_VAR_INDEX",
    "LOOP_VAR_KEY",
    "LOOP_VAR_VALUE",
    "MAP_RETURN_INVERTED",
    "MAP_RETURN_ORDERED_MAP",
    "MAP_RETURN_UNORDERED_MAP",
    "PATH_MODIFY_DEFAULT",
    "PATH_MODIFY_NO_FAIL",
    "PATH_SELECT_MAP_KEYS",
    "PATH_SELECT_MAP_KEY_VALUES",
    "PATH_SELECT_MATCHING_TREE",
    "PATH_SELECT_NO_FAIL",
    "PATH_SELECT_VALUES",
    "REGEX_EXTENDED",
    "REGEX_ICASE",
    "REGEX_NEWLINE",
    "REGEX_NONE",
    "REGEX_NOSUB",
    "AdminError",
    "AdminPolicy",
    "AerospikeError",
    "AerospikeIndexError",
    "AerospikeKey",
    "AerospikeTimeoutError",
    "AsyncClient",
    "AsyncQuery",
    "BackpressureError",
    "BatchPolicy",
    "BatchRecord",
    "BatchRecords",
    "BatchResults",
    "BinExistsError",
    "BinNameError",
    "BinNotFound",
    "BinTuple",
    "BinTypeError",
    "Client",
    "ClientConfig",
    "ClientError",
    "ClusterError",
    "ExistsResult",
    "FilteredOut",
    "GeoJSON",
    "HyperLogLog",
    "IndexFoundError",
    "IndexNotFound",
    "InfoNodeResult",
    "InvalidArgError",
    "KeyOrderedDict",
    "KeyValueOrderedDict",
    "NumpyBatchRecords",
    "OperateOrderedResult",
    "Privilege",
    "Query",
    "QueryAbortedError",
    "QueryError",
    "QueryPolicy",
    "ReadPolicy",
    "Record",
    "RecordError",
    "RecordExistsError",
    "RecordGenerationError",
    "RecordMetadata",
    "RecordNotFound",
    "RecordTooBig",
    "ServerError",
    "UDFError",
    "WriteMeta",
    "WritePolicy",
    "bit_operations",
    "cdt_ctx",
    "client",
    "exp",
    "exp_operations",
    "get_metrics",
    "hll_operations",
    "init_tracing",
    "list_operations",
    "map_operations",
    "metrics",
    "numpy_batch",
    "predicates",
    "set_log_level",
    "shutdown_tracing",
    "start_metrics_server",
    "stop_metrics_server",
    "tracing",
]
__all__ += constants.__all__


# What is only imported when it is first asked for: asyncio and NumPy alone take longer than all the
# rest, and few programs need all of it.
_MODULES = frozenset(
    {
        "batch",
        "bit_operations",
        "cdt_ctx",
        "exp",
        "exp_operations",
        "hll_operations",
        "list_operations",
        "map_operations",
        "metrics",
        "numpy_batch",
        "predicates",
        "tracing",
    }
)
_MODULE_OF = {
    "AsyncClient": "async_client",
    "AsyncQuery": "async_query",
    "BIT_OVERFLOW_FAIL": "bit_operations",
    "BIT_OVERFLOW_SATURATE": "bit_operations",
    "BIT_OVERFLOW_WRAP": "bit_operations",
    "BIT_RESIZE_DEFAULT": "bit_operations",
    "BIT_RESIZE_FROM_FRONT": "bit_operations",
    "BIT_RESIZE_GROW_ONLY": "bit_operations",
    "BIT_RESIZE_SHRINK_ONLY": "bit_operations",
    "EXP_TYPE_BLOB": "exp",
    "EXP_TYPE_BOOL": "exp",
    "EXP_TYPE_FLOAT": "exp",
    "EXP_TYPE_GEO": "exp",
    "EXP_TYPE_HLL": "exp",
    "EXP_TYPE_INT": "exp",
    "EXP_TYPE_LIST": "exp",
    "EXP_TYPE_MAP": "exp",
    "EXP_TYPE_NIL": "exp",
    "EXP_TYPE_STRING": "exp",
    "LOOP_VAR_INDEX": "exp",
    "LOOP_VAR_KEY": "exp",
    "LOOP_VAR_VALUE": "exp",
    "REGEX_EXTENDED": "exp",
    "REGEX_ICASE": "exp",
    "REGEX_NEWLINE": "exp",
    "REGEX_NONE": "exp",
    "REGEX_NOSUB": "exp",
    "EXP_READ_DEFAULT": "exp_operations",
    "EXP_READ_EVAL_NO_FAIL": "exp_operations",
    "EXP_WRITE_ALLOW_DELETE": "exp_operations",
    "EXP_WRITE_CREATE_ONLY": "exp_operations",
    "EXP_WRITE_DEFAULT": "exp_operations",
    "EXP_WRITE_EVAL_NO_FAIL": "exp_operations",
    "EXP_WRITE_POLICY_NO_FAIL": "exp_operations",
    "EXP_WRITE_UPDATE_ONLY": "exp_operations",
    "PATH_MODIFY_DEFAULT": "exp_operations",
    "PATH_MODIFY_NO_FAIL": "exp_operations",
    "PATH_SELECT_MAP_KEYS": "exp_operations",
    "PATH_SELECT_MAP_KEY_VALUES": "exp_operations",
    "PATH_SELECT_MATCHING_TREE": "exp_operations",
    "PATH_SELECT_NO_FAIL": "exp_operations",
    "PATH_SELECT_VALUES": "exp_operations",
    "LIST_RETURN_INVERTED": "list_operations",
    "MAP_RETURN_INVERTED": "map_operations",
    "MAP_RETURN_ORDERED_MAP": "map_operations",
    "MAP_RETURN_UNORDERED_MAP": "map_operations",
    "get_metrics": "metrics",
    "start_metrics_server": "metrics",
    "stop_metrics_server": "metrics",
    "NumpyBatchRecords": "numpy_batch",
}


def __getattr__(name: str) -> Any:
    from importlib import import_module

    if name in _MODULES:
        return import_module(f".{name}", __name__)
    module = _MODULE_OF.get(name)
    if module is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f".{module}", __name__), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_MODULES, *_MODULE_OF})
