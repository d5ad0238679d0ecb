"""The types of arguments and results."""

import os
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import (
    TYPE_CHECKING,
    Any,
    NamedTuple,
    SupportsIndex,
    TypeAlias,
    TypedDict,
    cast,
    final,
)

if TYPE_CHECKING:
    from typing_extensions import Self

    from .objects import Converter

from .exception import InvalidArgError

__all__ = [
    "AdminPolicy",
    "AerospikeKey",
    "ApplyRowPolicy",
    "BatchPolicy",
    "BinTuple",
    "BitPolicy",
    "ClientConfig",
    "ExistsResult",
    "GeoJSON",
    "HLLPolicy",
    "Host",
    "HyperLogLog",
    "IndexInfo",
    "InfoNodeResult",
    "JobStatus",
    "Key",
    "KeyOrderedDict",
    "KeyValueOrderedDict",
    "ListPolicy",
    "MapPolicy",
    "NamespaceInfo",
    "NodeInfo",
    "NodeStats",
    "OperateOrderedResult",
    "OperatePolicy",
    "OperateRowPolicy",
    "PartitionFilter",
    "Policies",
    "Privilege",
    "QueryPlan",
    "QueryPolicy",
    "ReadPolicy",
    "ReadRowPolicy",
    "Record",
    "RecordMetadata",
    "RemoveRowPolicy",
    "RoleInfo",
    "SetInfo",
    "SizeStats",
    "StringPolicy",
    "TLSConfig",
    "TLSStats",
    "UDFFile",
    "UserInfo",
    "UserKey",
    "WriteMeta",
    "WritePolicy",
    "WriteRowPolicy",
]

if TYPE_CHECKING:
    import os

    PathText: TypeAlias = str | os.PathLike[str]
else:
    PathText: TypeAlias = Any

UserKey: TypeAlias = str | int | bytes | bytearray | memoryview
"""What a record is called within its set."""


if TYPE_CHECKING:
    from datetime import datetime, timedelta

    Seconds: TypeAlias = int | timedelta | datetime
    Milliseconds: TypeAlias = int | timedelta
    _StoredUserKey: TypeAlias = str | int | bytes | None
else:
    Seconds = Milliseconds = int
    _StoredUserKey = Any  # The decoder does not take unions of str and bytes.


class AerospikeKey(NamedTuple):
    """A record's address, as results carry it; it is accepted wherever a key is."""

    namespace: str
    set_name: str
    user_key: _StoredUserKey
    digest: bytes


Key: TypeAlias = (
    tuple[str, str | None, UserKey] | tuple[str, str | None, UserKey | None, bytes] | AerospikeKey
)
"""(namespace, set, user key), or (namespace, set, None, digest)."""


_NEVER = 2**32 - 1


class RecordMetadata(NamedTuple):
    """A record's generation, and its time to live in seconds (4294967295: it never expires).

    `meta["gen"]` and `meta["ttl"]` work too.
    """

    gen: int
    ttl: int

    def __getitem__(self, index: SupportsIndex | slice | str) -> Any:
        if isinstance(index, str):
            if index in ("gen", "ttl"):
                return getattr(self, index)
            raise KeyError(index)
        return tuple.__getitem__(self, index)


class Record(NamedTuple):
    """A record: its key, its metadata and its bins by name.

    A row of `batch_operate` or `batch_remove` that failed has neither metadata nor bins: they are
    None. Whatever else gives a record, gives all of it, or raises.
    """

    key: AerospikeKey
    meta: RecordMetadata
    bins: dict[str, Any]

    @property
    def ttl(self) -> int | None:
        """The seconds that the record has left; None when it never expires, and without `meta`."""
        return None if self.meta is None or self.meta[1] == _NEVER else self.meta[1]


class ExistsResult(NamedTuple):
    """Whether a record exists: false, with a `meta` of None, when it does not."""

    key: AerospikeKey
    meta: RecordMetadata | None

    def __bool__(self) -> bool:
        return self.meta is not None


class BinTuple(NamedTuple):
    """The result of one operation."""

    name: str
    value: Any


class OperateOrderedResult(NamedTuple):
    """The results of several operations on a record, in their order."""

    key: AerospikeKey
    meta: RecordMetadata
    ordered_bins: list[BinTuple]


class InfoNodeResult(NamedTuple):
    """What one node answered to an info command; `error_code` is 0 when it did."""

    node_name: str
    error_code: int
    response: str


class GeoJSON:
    """A GeoJSON value: a point, a polygon, or a circle ("AeroCircle").

    Args:
        value: GeoJSON text, or the object as a dict.

    Raises:
        TypeError: The value is neither text nor a mapping, or has a member that JSON has not.
        InvalidArgError: The text is not a JSON object, or a number is not one of JSON.

    Two values are equal when they are the same JSON, whatever the spaces and the order of members.
    """

    __slots__ = ("_text",)
    _text: str

    def __init__(self, value: "str | Mapping[str, Any] | GeoJSON") -> None:
        if isinstance(value, GeoJSON):
            self._text = value._text
        elif isinstance(value, str):
            import json

            try:
                parsed = json.loads(value)
            except ValueError as error:
                raise InvalidArgError(f"GeoJSON text must be JSON, and is not: {error}") from None
            if not isinstance(parsed, dict):
                raise InvalidArgError(f"GeoJSON text must be a JSON object, not {value!r:.60}")
            self._text = str(value)
        elif isinstance(value, Mapping):
            import json

            try:
                self._text = json.dumps(dict(value), allow_nan=False)
            except TypeError as error:
                raise TypeError(f"a GeoJSON value must be JSON, and is not: {error}") from None
            except ValueError as error:
                text = f"a GeoJSON value must be JSON, and is not: {error}"
                raise InvalidArgError(text) from None
        else:
            raise TypeError(f"a GeoJSON value is made from str or dict, not {type(value).__name__}")

    @classmethod
    def _from_server(cls, text: str) -> "GeoJSON":
        value = cls.__new__(cls)
        value._text = text
        return value

    @property
    def text(self) -> str:
        """The GeoJSON text, as it was given."""
        return self._text

    def unwrap(self) -> dict[str, Any]:
        """The object as a dict."""
        import json

        return cast("dict[str, Any]", json.loads(self._text))

    def dumps(self) -> str:
        """The GeoJSON text."""
        return self._text

    def _canonical(self) -> str:
        import json

        try:
            # Coordinates 1 and 1.0 are the same place.
            return json.dumps(json.loads(self._text, parse_int=float), sort_keys=True)
        except ValueError:
            return self._text

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, GeoJSON):
            return NotImplemented
        return self._text == other._text or self._canonical() == other._canonical()

    def __hash__(self) -> int:
        return hash(self._canonical())

    def __str__(self) -> str:
        return self._text

    def __repr__(self) -> str:
        return f"GeoJSON({self._text!r})"

    def __reduce__(self) -> tuple[Callable[[str], "GeoJSON"], tuple[str]]:
        return (GeoJSON._from_server, (self._text,))


class HyperLogLog(bytes):
    """The bytes of a HyperLogLog value, as the server keeps them.

    They can be written back; anything else about them is the server's business.
    """

    __slots__ = ()

    def __repr__(self) -> str:
        return f"HyperLogLog({bytes.__repr__(self)})"


class KeyOrderedDict(dict[Any, Any]):
    """A map that the server keeps in the order of its keys.

    Such maps are read as one, and written back as one, at any depth. It is a dict in all else, and
    equal to any dict with the same items; Python's own order of them does not matter.

    A constant of an expression that is compared with a map has to be one, as the server compares
    none but ordered maps.
    """

    __slots__ = ()

    def __repr__(self) -> str:
        return f"{type(self).__name__}({dict.__repr__(self)})"

    def copy(self) -> "Self":
        """A shallow copy, which is of the same class."""
        return type(self)(self)

    __copy__ = copy


class KeyValueOrderedDict(KeyOrderedDict):
    """A map that the server keeps in the order of its keys and of its values."""

    __slots__ = ()


Host: TypeAlias = str | tuple[str, int] | tuple[str, int, str | None]
"""(name or address, port), or "name:port", "name", "[IPv6]:port".

A third member is the name that the node's certificate has to be for; by default the host itself.
"""


class WriteMeta(TypedDict, total=False):
    """What a write expects of, or gives to, the record."""

    gen: int
    """The expected generation, when the policy's `gen` is POLICY_GEN_EQ or _GT."""
    ttl: Seconds
    """Time to live in seconds or as a timedelta, when it ends as a datetime with a time zone, or a
    TTL_ constant. The policy's `ttl` goes first. What the metadata of a record say is taken, too:
    4294967295 is never."""


class _CommandPolicy(TypedDict, total=False):
    socket_timeout: Milliseconds
    """Milliseconds that one wait, for the network or a connection, may last; 0: no such limit."""
    total_timeout: Milliseconds
    """Milliseconds for the command with its retries; 0: no limit."""
    max_retries: int
    """How often a failed attempt is repeated."""
    sleep_between_retries: Milliseconds
    """Milliseconds before an attempt is repeated."""
    timeout_delay: Milliseconds
    """Milliseconds that a connection whose reply is late may take to become usable again."""
    connect_timeout: Milliseconds
    """Milliseconds to open a connection when none is idle, login included and at most as the
    configuration has it; the command's time limits do not count them. 0: within those limits."""
    compress: bool
    """True: requests that write, and batches, are sent deflated when that makes them smaller, and
    the server may deflate what it answers. Servers of the Community Edition answer EnterpriseOnly
    to a deflated request."""
    error_detail_verbosity: int
    """An ERROR_DETAIL_ constant: what an exception has in `subcode`, `detail` and `trace`. Servers
    before 8.2 ignore it."""
    expressions: Any
    """A filter expression, or its text; `filter_expression` is the same."""
    filter_expression: Any
    """A filter expression; `expressions` is the same."""


class ReadPolicy(_CommandPolicy, total=False):
    """How a record is read."""

    key: int
    """POLICY_KEY_SEND compares the user key with the stored one."""
    replica: int
    """A POLICY_REPLICA_ constant."""
    read_mode_ap: int
    """A POLICY_READ_MODE_AP_ constant."""
    read_mode_sc: int
    """A POLICY_READ_MODE_SC_ constant."""
    read_touch_ttl_percent: int
    """1 to 100: a read when less of the time to live is left renews it; 0: the server's
    default; -1: never."""


class WritePolicy(_CommandPolicy, total=False):
    """How a record is written."""

    key: int
    """POLICY_KEY_SEND stores the user key with the record."""
    replica: int
    """A POLICY_REPLICA_ constant."""
    exists: int
    """A POLICY_EXISTS_ constant."""
    gen: int
    """A POLICY_GEN_ constant."""
    commit_level: int
    """A POLICY_COMMIT_LEVEL_ constant."""
    ttl: Seconds
    """As `ttl` of the metadata, before which it goes. Not a datetime in a configuration."""
    durable_delete: bool
    """True: a delete leaves a tombstone (Enterprise Edition)."""
    on_locking_only: bool
    """True: the write is refused when its transaction has locked the record already (Enterprise
    Edition). It does not concern `remove`."""
    compression_threshold: int
    """Requests of more bytes are deflated, if `compress` is True; 128 by default."""


class OperatePolicy(WritePolicy, ReadPolicy, total=False):
    """How operations on a record read and write."""


class _RowPolicy(TypedDict, total=False):
    expressions: Mapping[str, Any] | str
    """A filter, instead of the batch's: the row is left out where it is not true. See
    `aerospike_py.exp`."""
    filter_expression: Mapping[str, Any] | str
    """The same."""


class ReadRowPolicy(_RowPolicy, total=False):
    """What one row of a batch that reads says differently from the batch's policy."""

    read_mode_ap: int
    """A POLICY_READ_MODE_AP_ constant."""
    read_mode_sc: int
    """A POLICY_READ_MODE_SC_ constant."""
    read_touch_ttl_percent: int
    """As in a ReadPolicy."""


class RemoveRowPolicy(_RowPolicy, total=False):
    """What one row of a batch that removes says differently from the batch's policy."""

    key: int
    """POLICY_KEY_SEND sends the user key along."""
    gen: int
    """A POLICY_GEN_ constant; the generation to compare with is that of the row's `meta`."""
    commit_level: int
    """A POLICY_COMMIT_LEVEL_ constant."""
    durable_delete: bool
    """True: a delete leaves a tombstone (Enterprise Edition)."""


class WriteRowPolicy(RemoveRowPolicy, total=False):
    """What one row of a batch that writes says differently from the batch's policy."""

    exists: int
    """A POLICY_EXISTS_ constant."""
    ttl: Seconds
    """As `ttl` of the row's `meta`, before which it goes."""
    on_locking_only: bool
    """As in a WritePolicy."""


class OperateRowPolicy(WriteRowPolicy, ReadRowPolicy, total=False):
    """What one row of a batch with operations says differently from the batch's policy."""


class ApplyRowPolicy(_RowPolicy, total=False):
    """What one row of a batch that runs a function says differently from the batch's policy."""

    key: int
    """POLICY_KEY_SEND stores the user key with the record."""
    ttl: Seconds
    """Time to live in seconds, or a TTL_ constant."""
    commit_level: int
    """A POLICY_COMMIT_LEVEL_ constant."""
    durable_delete: bool
    """True: a delete leaves a tombstone (Enterprise Edition)."""
    on_locking_only: bool
    """As in a WritePolicy."""


class BatchPolicy(_CommandPolicy, total=False):
    """How a batch of records is read or written. What only concerns writes has no place in reads.

    Batches that write are not repeated unless `max_retries` says so.
    """

    replica: int
    """A POLICY_REPLICA_ constant."""
    read_mode_ap: int
    """A POLICY_READ_MODE_AP_ constant."""
    read_mode_sc: int
    """A POLICY_READ_MODE_SC_ constant."""
    read_touch_ttl_percent: int
    """As in a ReadPolicy."""
    key: int
    """POLICY_KEY_SEND stores the user keys with the records."""
    allow_inline: bool
    """Whether the server may serve records in memory without queueing them; True by default."""
    allow_inline_ssd: bool
    """The same for records on disks; False by default."""
    respond_all_keys: bool
    """False: a node stops at the first row that fails; True by default."""
    concurrent: bool
    """False: the nodes are asked one after another; True by default."""
    compression_threshold: int
    """Requests of more bytes are deflated, if `compress` is True; 128 by default."""
    exists: int
    """A POLICY_EXISTS_ constant, for writes."""
    gen: int
    """A POLICY_GEN_ constant, for writes; the rows' metadata have the expected generations, and a
    row that has none is refused."""
    commit_level: int
    """A POLICY_COMMIT_LEVEL_ constant, for writes."""
    ttl: Seconds
    """Time to live in seconds, or a TTL_ constant, of rows that have none of their own."""
    durable_delete: bool
    """True: a delete leaves a tombstone (Enterprise Edition)."""
    on_locking_only: bool
    """As in a WritePolicy."""


class QueryPolicy(_CommandPolicy, total=False):
    """How records are queried or scanned."""

    replica: int
    max_records: int
    """So many records, if there are; 0: all."""
    records_per_second: int
    """The limit of each node; 0: none."""
    include_bin_data: bool
    """False: only keys and metadata; True by default."""
    expected_duration: int
    """0: long; 1: short, for queries of few records; 2: long, and may miss records that move to
    another node in the meantime."""
    partition_filter: "PartitionFilter"
    """Which partitions to read; all by default."""
    token: bytes
    """Goes on where another run of the query left off; see `Query.token`."""
    fail_on_cluster_change: bool
    """Of aggregations, which every node answers for what it has: True has one fail, with code 7,
    when nodes come or go meanwhile, or data moves between them; False by default. All other queries
    keep account of partitions, and bring every record once whatever nodes do."""


class ListPolicy(TypedDict, total=False):
    """How an operation changes a list."""

    list_order: int
    """LIST_UNORDERED or LIST_ORDERED, for a list that the operation creates."""
    order: int
    """The same as `list_order`."""
    write_flags: int
    """LIST_WRITE_ constants, put together with |."""
    flags: int
    """The same as `write_flags`."""
    write_mode: int
    """The same as `write_flags`."""


class MapPolicy(TypedDict, total=False):
    """How an operation changes a map."""

    map_order: int
    """MAP_UNORDERED, MAP_KEY_ORDERED or MAP_KEY_VALUE_ORDERED, for a map that it creates."""
    order: int
    """The same as `map_order`."""
    write_flags: int
    """MAP_WRITE_FLAGS_ constants, put together with |."""
    flags: int
    """The same as `write_flags`."""
    write_mode: int
    """The same as `write_flags`."""
    persist_index: bool
    """True: the server stores the map's index with it, so that it need not be made anew."""


class BitPolicy(TypedDict, total=False):
    """How an operation changes bytes."""

    write_flags: int
    """BIT_WRITE_ constants, put together with |."""
    flags: int
    """The same as `write_flags`."""
    write_mode: int
    """The same as `write_flags`."""


class HLLPolicy(TypedDict, total=False):
    """How an operation changes a HyperLogLog."""

    write_flags: int
    """HLL_WRITE_ constants, put together with |."""
    flags: int
    """The same as `write_flags`."""
    write_mode: int
    """The same as `write_flags`."""


class StringPolicy(TypedDict, total=False):
    """How an operation on strings writes."""

    write_flags: int
    """STRING_WRITE_... flags; `flags` and `write_mode` are the same."""
    flags: int
    write_mode: int


class PartitionFilter(TypedDict, total=False):
    """Some of the 4096 partitions that the records of a namespace are in."""

    begin: int
    """The first partition."""
    count: int
    """How many; 1 by default."""
    digest: bytes
    """Goes on after this record, in its partition alone or in all that follow."""


class AdminPolicy(TypedDict, total=False):
    """How an info or administration command is run."""

    timeout: Milliseconds
    """Milliseconds."""


class Policies(TypedDict, total=False):
    """What a client's commands do when they are not told otherwise."""

    read: ReadPolicy
    write: WritePolicy
    operate: OperatePolicy
    """What it does not say is as in `write`, as with `remove` and `apply`."""
    remove: WritePolicy
    apply: WritePolicy
    """Of functions on one record; `exists` and `gen` of `write` are not for them."""
    batch: BatchPolicy
    batch_read: BatchPolicy
    """What it does not say is as in `batch`, as with the others of batches. In batches of rows that
    ask for different things, each row has what its kind says of it, under its own policy."""
    batch_write: BatchPolicy
    """Of batch_write and batch_operate, and of batches of rows as wholes."""
    batch_apply: BatchPolicy
    batch_remove: BatchPolicy
    query: QueryPolicy
    admin: AdminPolicy
    info: AdminPolicy
    """As `admin` unless it says anything itself."""


class Privilege(TypedDict, total=False):
    """A privilege of a role."""

    code: int
    """A PRIV_ constant."""
    ns: str
    """The namespace it is limited to; "" is all."""
    set: str
    """The set it is limited to; "" is all."""


@final
class _NotChecked:
    """What nothing is but a value of type Any.

    So a `dict[str, Any]` is a mapping of such to a type checker, and a literal is none: its keys
    are looked at.
    """


class TLSConfig(TypedDict, total=False):
    """How connections are made safe. `{"enable": True}` trusts whom the system trusts.

    Paths are texts or `os.PathLike`; what is read from files is read anew when a client connects.
    """

    enable: bool
    """False: connections are plain, whatever else is given; True unless nothing else is given."""
    cafile: PathText
    """A file of the authorities to trust, in PEM format; revocation lists may be in it, too."""
    capath: PathText
    """A folder of such files, named by hashes as `openssl rehash` does."""
    ca: str | bytes
    """The same as `cafile`, itself."""
    certfile: PathText
    """The client's certificate, then those between it and the authority, in PEM format."""
    cert: str | bytes
    keyfile: PathText
    """The certificate's key; by default it is in `certfile`."""
    key: str | bytes
    keyfile_pw: str
    """The key's password; "env:NAME" is that of an environment variable, "file:PATH" a file's."""
    protocols: str
    """As Apache writes it, such as "-all +TLSv1.2"."""
    min_version: str
    """"TLSv1.2" (the default) or "TLSv1.3"."""
    cipher_suite: str
    """The ciphers of TLS 1.2, as OpenSSL lists them."""
    ciphersuites: str
    """The ciphers of TLS 1.3."""
    cert_blacklist: PathText
    """A file of certificates to refuse: a serial number in hexadecimal digits a line, perhaps with
    a space and the issuer, as "/C=US/O=Acme/CN=name"."""
    crl_check: bool
    """True: nodes' certificates are looked for in revocation lists, which have to be there."""
    crl_check_all: bool
    """True: so are those of the authorities between."""
    log_session_info: bool
    """True: the log has a line of version and cipher for each connection."""
    for_login_only: bool
    """True: only logins use TLS; what follows is for everybody on the way to read."""
    keylog_file: PathText
    """Secrets of the sessions are added to it, with which tools decrypt recorded traffic."""
    library: PathText
    """The libssl to use; by default the one that the process has loaded, else the system's."""


class ClientConfig(TypedDict, total=False):
    """The configuration of a client. Only `hosts` is needed."""

    hosts: Sequence[Host]
    """Nodes to begin with; the others are found through them. The default port is 3000."""
    cluster_name: str | None
    """Nodes of a cluster with another name are refused."""
    app_id: str
    """What the application calls itself in the nodes' lists of clients (`user-agents`), in about 40
    bytes at most; the user's name by default."""
    auth_mode: int
    """An AUTH_ constant."""
    user: str | None
    password: str | Callable[[], str | Awaitable[str]] | None
    """Itself, or what is called for it whenever the client connects; an AsyncClient awaits what it
    returns, if that is to be awaited."""
    timeout: Milliseconds
    """Milliseconds to connect to a node; 1000 by default."""
    login_timeout: Milliseconds
    """Milliseconds to log in to a node; 5000 by default."""
    idle_timeout: Milliseconds
    """Milliseconds after which an unused connection is closed; 0: the server's limit rules."""
    max_conns_per_node: int
    """100 by default. A command that finds all in use waits in the node's line, first come first
    served, as long as its timeouts allow."""
    min_conns_per_node: int
    """Connections kept open; 0 by default."""
    tend_interval: Milliseconds
    """Milliseconds between looks at the cluster's state; 1000 by default."""
    use_services_alternate: bool
    """True: use the nodes' alternate addresses."""
    max_error_rate: int
    """After more errors of a node within `error_rate_window` it is given a rest; 0: no limit;
    100 by default."""
    error_rate_window: int
    """In tend intervals; 1 by default."""
    rack_aware: bool
    """True: POLICY_REPLICA_PREFER_RACK reads from nodes of `rack_ids` first."""
    rack_id: int
    rack_ids: Sequence[int]
    """In order of preference."""
    ip_map: Mapping[str, str]
    """Addresses that nodes give of themselves, and those to use instead."""
    policies: Policies
    """Defaults of this client's commands."""
    converters: "Sequence[Converter[Any]]"
    """How values of some types are stored in fields of objects; see `aerospike_py.objects`."""
    config_file: "str | os.PathLike[str]"
    """A file in YAML, or its "file:" URL, which the environment's AEROSPIKE_CLIENT_CONFIG_URL goes
    before. What it says goes before this configuration and the policies of calls; it is read again
    when it changes."""
    tls: TLSConfig | Mapping[str, _NotChecked]
    """TLS; absent: connections are plain."""
    max_in_flight: int
    """For the asynchronous client: operations that have not been answered yet at most; a further
    one is a `BackpressureError` at once. 262 144 by default."""
    max_concurrent_operations: int
    """For the asynchronous client: operations in flight at most, while others wait for their turn;
    0, the default: no limit but `max_in_flight`."""
    operation_queue_timeout_ms: Milliseconds
    """For the asynchronous client: milliseconds that an operation may wait for its turn."""
    coalesce: bool
    """For the asynchronous client: False has every read travel alone. By default those that are
    submitted in one tick of the event loop to one node travel as one batch."""


class UDFFile(NamedTuple):
    """A file of functions that is registered on the server."""

    name: str
    type: str
    hash: str


class NodeInfo(NamedTuple):
    """A node of the cluster, as the client knows it."""

    name: str
    address: str
    """"address:port" that the client uses, an IPv6 address in brackets."""
    racks: dict[str, int]
    """Its rack by namespace; empty unless the client is rack aware."""


class SizeStats(NamedTuple):
    """How many records batches or queries had of a node."""

    records: int
    """All together."""
    counts: dict[int | None, int]
    """How many of them were no larger than a size, and larger than the one before; None: larger
    than all."""


class TLSStats(NamedTuple):
    """What a client has counted of TLS since it connected, with all nodes together."""

    handshakes: int
    """Those that were completed."""
    resumed: int
    """How many of them went on with an earlier session, which is quicker."""
    failures: dict[str, int]
    """Handshakes and connections that failed, by reason: "unknown_authority", "expired",
    "not_yet_valid", "revoked", "other_name", "certificate" (anything else about one),
    "refused_by_peer", "protocol", "torn" (it ended in the midst of it), "abandoned" (it took too
    long)."""


class NodeStats(NamedTuple):
    """What a client has counted of a node since it connected."""

    name: str
    is_active: bool
    """Whether the node is in the cluster; what was counted of one that has left stays."""
    connections_open: int
    """Those of the tend thread excepted."""
    connections_in_use: int
    connections_opened: int
    connections_closed: int
    connection_errors: int
    """Connections lost, and answers that the node is overloaded."""
    timeouts: int
    connections_recovered: int
    """Connections kept because their late reply came after all."""
    retries: int
    """Attempts that came to the node after one that had failed."""
    sent_bytes: int
    received_bytes: int
    tends: int
    """How often the node was asked for its state."""
    tend_seconds: float
    """How long it took to answer, all together."""
    batch_records: SizeStats
    query_records: SizeStats
    errors: dict[int, int]
    """Answers with a result code other than success, by the code; 0 for those beyond the first
    ones."""


class NamespaceInfo(NamedTuple):
    """A namespace, over all nodes that have answered."""

    name: str
    replication_factor: int
    """Copies of a record, as many as the cluster has nodes for."""
    is_strongly_consistent: bool
    objects: int
    """Records, their copies not counted."""
    tombstones: int
    data_used_bytes: int
    """Copies included."""
    default_ttl: int
    """In seconds; 0: records live for ever."""
    stops_writes: bool
    """Whether a node refuses writes."""
    nodes: dict[str, dict[str, str]]
    """All that each node tells of it, by the node's name."""


class SetInfo(NamedTuple):
    """A set, over all nodes that have answered."""

    namespace: str
    name: str
    objects: int
    """Records, each of their copies counted."""
    tombstones: int
    data_used_bytes: int
    default_ttl: int
    """In seconds; 0: that of the namespace."""
    has_index: bool
    """Whether there is an index of its records, which finds those of a small set faster."""
    is_truncating: bool


class IndexInfo(NamedTuple):
    """A secondary index."""

    namespace: str
    set_name: str | None
    """None: all sets of the namespace."""
    name: str
    bin: str | None
    """None: the index is on an expression."""
    data_type: int | None
    """INDEX_NUMERIC, INDEX_STRING, INDEX_BLOB or INDEX_GEO2DSPHERE; None: the index is on the set
    itself, or of a type that is not known here."""
    collection: int | None
    """An INDEX_TYPE_ constant: what in the bin is indexed; None as `data_type`."""
    ctx: list[tuple[Any, ...]] | None
    """Where in the bin it is: steps of `cdt_ctx`; None for the bin as a whole."""
    expression: dict[str, Any] | None
    """The expression that it is on, compiled; `exp.to_base64` shows it."""
    is_readable: bool
    """Whether all nodes have it and have finished building it."""


class QueryPlan(NamedTuple):
    """How a query finds its records, as `Query.explain` tells."""

    index_used: IndexInfo | None
    """The index that finds them; with no predicate, that of the set itself. None: all records are
    looked through for those of the set, unless there is a predicate, for which there is no index
    then."""
    predicate: tuple[Any, ...] | None
    """What the index is asked for, as of `aerospike_py.predicates`."""
    filter: dict[str, Any] | None
    """The expression that the servers evaluate for each record that is found, besides that of the
    policy."""


class JobStatus(NamedTuple):
    """How a background query is getting on, over all nodes.

    `state` is "running", "done", "aborted" (or failed), or "unknown": it ended so long ago that the
    nodes have forgotten it, or it never was. `progress` is the slowest node's, in percent.
    """

    state: str
    progress: float
    records_succeeded: int
    records_failed: int


class UserInfo(TypedDict):
    """A user, as `Client.admin_query_user_info` tells."""

    user: str
    roles: list[str]
    conns_in_use: int
    read_info: list[int]
    """Quota, single-record reads per second, scans and queries per second, those unlimited."""
    write_info: list[int]
    """The same for writes."""


class RoleInfo(TypedDict):
    """A role, as `Client.admin_query_role` tells."""

    name: str
    privileges: list[Privilege]
    allowlist: list[str]
    read_quota: int
    write_quota: int
