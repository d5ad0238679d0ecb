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
    from .async_client import AsyncClient

__version__ = "0.1.0"

# The API's older names. They hide the built-in ones here, and only here.
TimeoutError = AerospikeTimeoutError  # noqa: A001
IndexError = AerospikeIndexError  # noqa: A001

__all__ = [
    "AdminError",
    "AdminPolicy",
    "AerospikeError",
    "AerospikeIndexError",
    "AerospikeKey",
    "AerospikeTimeoutError",
    "AsyncClient",
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
    "OperateOrderedResult",
    "Privilege",
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
    "client",
    "set_log_level",
]
__all__ += constants.__all__


def __getattr__(name: str) -> Any:
    # Most of the time that an import takes would be asyncio's, which synchronous users do not need.
    if name == "AsyncClient":
        from .async_client import AsyncClient

        return AsyncClient
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
