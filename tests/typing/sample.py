"""A program that uses the whole API, for type checkers; test_typing.py has it checked.

Operations, expressions and predicates are in sample_operations.py.
"""

import dataclasses
import json
from datetime import datetime
from types import MappingProxyType
from typing import Annotated, Any, TypedDict

import msgspec
import numpy as np
import pandas
import polars
import pydantic
from numpy.typing import NDArray
from typing_extensions import assert_type

import aerospike_py
from aerospike_py import ResultCode, TLSError, batch, exp, metrics, predicates, tracing
from aerospike_py import list_operations as lop
from aerospike_py import map_operations as mop
from aerospike_py.arrow import ArrowBatch, ArrowTable
from aerospike_py.batch import BatchRecord, BatchRecords, BatchResults, BatchRow, BatchWrite
from aerospike_py.devserver import (
    Authority,
    Certificate,
    DevCluster,
    RemoteCluster,
    assert_record,
)
from aerospike_py.numpy_batch import VALUE_MISMATCH, NumpyBatchRecords
from aerospike_py.objects import (
    DATETIME_IN_MICROSECONDS,
    BatchRecordOf,
    BatchRecordsOf,
    Bin,
    Converter,
    RecordOf,
    from_bins,
    to_bins,
)
from aerospike_py.query import ArrowStream, BackgroundJob, BatchStream, Query, Records
from aerospike_py.types import (
    AdminPolicy,
    AerospikeKey,
    ApplyRowPolicy,
    BatchPolicy,
    BinTuple,
    ClientConfig,
    ExistsResult,
    GeoJSON,
    Host,
    HyperLogLog,
    IndexInfo,
    InfoNodeResult,
    JobStatus,
    Key,
    KeyOrderedDict,
    KeyValueOrderedDict,
    NamespaceInfo,
    NodeInfo,
    NodeStats,
    OperateOrderedResult,
    OperatePolicy,
    OperateRowPolicy,
    PartitionFilter,
    Policies,
    Privilege,
    QueryPlan,
    QueryPolicy,
    ReadPolicy,
    ReadRowPolicy,
    Record,
    RecordMetadata,
    RemoveRowPolicy,
    RoleInfo,
    SetInfo,
    SizeStats,
    TLSConfig,
    TLSStats,
    UDFFile,
    UserInfo,
    UserKey,
    WriteMeta,
    WritePolicy,
    WriteRowPolicy,
)

HOSTS: list[Host] = [("127.0.0.1", 3000), "localhost:3000", ("::1", 3000, "tls-name")]
POLICIES: Policies = {
    "read": {"total_timeout": 500},
    "write": {"max_retries": 1},
    "operate": {"read_touch_ttl_percent": 5},
    "batch_remove": {"durable_delete": True},
}
CONFIG: ClientConfig = {
    "hosts": HOSTS,
    "cluster_name": "docker",
    "auth_mode": aerospike_py.AUTH_INTERNAL,
    "timeout": 1000,
    "policies": POLICIES,
    "config_file": "client.yaml",
}
USER_KEY: UserKey = b"user1"
KEY: Key = ("test", "demo", USER_KEY)
OPERATE: OperatePolicy = {"read_mode_ap": aerospike_py.POLICY_READ_MODE_AP_ALL, "gen": 1}
READ: ReadPolicy = {"replica": aerospike_py.POLICY_REPLICA_ANY, "total_timeout": 100}
WRITE: WritePolicy = {"exists": aerospike_py.POLICY_EXISTS_CREATE_ONLY, "ttl": 60}
META: WriteMeta = {"gen": 1, "ttl": 300}
BATCH: BatchPolicy = {"filter_expression": exp.gt(exp.int_bin("age"), exp.int_val(21))}
SIXTEENTH: PartitionFilter = {"begin": 0, "count": 256}
QUERY: QueryPolicy = {
    "max_records": 10,
    "expressions": exp.bin_exists("age"),
    "partition_filter": SIXTEENTH,
}
ADMIN: AdminPolicy = {"timeout": 5000}
READERS: list[Privilege] = [{"code": aerospike_py.PRIV_READ, "ns": "test", "set": ""}]
OPS: list[dict[str, Any]] = [
    {"op": aerospike_py.OPERATOR_INCR, "bin": "counter", "val": 1},
    lop.list_append("l", 1),
    mop.map_get_by_key("m", "k", aerospike_py.MAP_RETURN_VALUE),
]
DTYPE = np.dtype([("age", "i4")])


def connections(client: aerospike_py.Client) -> None:
    assert_type(aerospike_py.Client(CONFIG), aerospike_py.Client)
    # The function is of the synchronous client only.
    assert_type(aerospike_py.client(CONFIG).is_connected(), bool)
    # What is read from somewhere has no keys that could be known.
    unchecked: dict[str, Any] = json.loads('{"hosts": ["127.0.0.1"]}')
    assert_type(aerospike_py.client(unchecked).is_connected(), bool)
    assert_type(aerospike_py.client(MappingProxyType(unchecked)).is_connected(), bool)
    assert_type(client.connect("user", "password"), aerospike_py.Client)
    with client.connect() as connected:
        assert_type(connected, aerospike_py.Client)
    assert_type(client.is_connected(), bool)
    assert_type(client.ping(), bool)
    assert_type(client.ping({"timeout": 300}), bool)
    assert_type(client.get_node_names(), list[str])
    assert_type(client.nodes(), list[NodeInfo])
    assert_type(client.nodes()[0].racks, dict[str, int])
    assert_type(client.stats(), list[NodeStats])
    assert_type(client.tls_stats(), TLSStats | None)
    assert_type(client.stats()[0].batch_records, SizeStats)
    assert_type(client.namespaces(), list[NamespaceInfo])
    assert_type(client.sets("test"), list[SetInfo])
    assert_type(client.indexes(), list[IndexInfo])
    assert_type(client.info_all("build"), list[InfoNodeResult])
    assert_type(client.info_random_node("build", ADMIN), str)
    assert_type(client.info_node("build", "A1"), str)
    client.close()


def records(client: aerospike_py.Client) -> None:
    client.put(KEY, {"name": "Alice", "tags": ["a"], "none": None}, META, WRITE)
    record = client.get(KEY, READ)
    assert_type(record, Record)
    assert_type(record.meta, RecordMetadata)
    assert_type(record.bins, dict[str, Any])
    assert_type(record.key, AerospikeKey)
    assert_type(record.key.digest, bytes)
    assert_type(record.meta.gen, int)
    assert_type(record.ttl, int | None)
    client.get(record.key)
    assert_type(client.get(("test", None, 1)), Record)
    assert_type(client.get(("test", "demo", None, bytes(20))), Record)
    assert_type(client.select(KEY, ["name"]), Record)
    found = client.exists(KEY)
    assert_type(found, ExistsResult)
    if found.meta is not None:
        assert_type(found.meta, RecordMetadata)
    client.touch(KEY, 300)
    client.append(KEY, "name", "!")
    client.prepend(KEY, "name", b"!")
    client.increment(KEY, "score", 0.5)
    client.remove_bin(KEY, ["name"])
    client.remove(KEY, {"gen": 3}, {"gen": aerospike_py.POLICY_GEN_EQ})
    assert_type(client.operate(KEY, OPS), Record)
    ordered = client.operate_ordered(KEY, OPS)
    assert_type(ordered, OperateOrderedResult)
    assert_type(ordered.ordered_bins, list[BinTuple])
    assert_type(client.apply(KEY, "module", "function", [1, "a"]), Any)


def batches(client: aerospike_py.Client) -> None:
    found = client.batch_read([KEY], ["name"], BATCH)
    assert_type(found, BatchRecords)
    for row in found:
        assert_type(row, BatchRecord)
        assert_type(row.record, Record | None)
        assert_type(row.error, aerospike_py.AerospikeError | None)
        assert_type(row.meta, RecordMetadata | None)
        assert_type(row.bins, dict[str, Any] | None)
        assert_type(row.key, AerospikeKey)
        assert_type(row.result, int)
        assert_type(row.in_doubt, bool)
    assert_type(found[0], BatchRecord)
    assert_type(found[1:], list[BatchRecord])
    assert_type(client.batch_read([KEY], None, None, None), BatchRecords)
    assert_type(client.batch_read([KEY], _dtype=None), BatchRecords)
    array = client.batch_read([KEY], _dtype=DTYPE, errors="zero")
    assert_type(array, NumpyBatchRecords)
    assert_type(client.batch_read([KEY], ["age"], BATCH, DTYPE), NumpyBatchRecords)
    assert_type(client.batch_read([KEY], _dtype=[("age", "i4")], mask=True), NumpyBatchRecords)
    assert_type(array.batch_records, NDArray[np.void])
    assert_type(array.to_polars(), polars.DataFrame)
    assert_type(array.to_pandas(), pandas.DataFrame)
    assert_type(array.meta, NDArray[np.void])
    assert_type(array.result_codes, NDArray[np.int32])
    assert_type(array.get(USER_KEY), np.void)
    assert_type(array[0], np.void)
    assert_type(array[1:], NDArray[np.void])
    assert_type(VALUE_MISMATCH, int)
    columns = client.batch_read_arrow([KEY], ["age"], BATCH, schema={"age": "int8"}, key=True)
    assert_type(columns, ArrowBatch)
    assert_type(columns.to_polars(), polars.DataFrame)
    assert_type(columns.to_pandas(), pandas.DataFrame)
    assert_type(columns.to_numpy(), dict[str, NDArray[Any]])
    assert_type(columns.result_codes, NDArray[np.int32])
    assert_type(columns.column_names, list[str])
    assert_type(client.batch_write_arrow(columns, "test", "demo"), BatchRecords)
    with client.batch_stream([KEY], ["age"], BATCH) as stream:
        assert_type(stream, BatchStream)
        assert_type(next(stream), BatchRecord)
    client.batch_stream([batch.read(KEY)]).close()
    assert_type(client.batch_write([(KEY, {"a": 1}), (KEY, {"a": 2}, META)]), BatchRecords)
    assert_type(client.batch_operate([KEY], OPS), BatchResults)
    removed: list[Record] = client.batch_remove([KEY])
    assert_type(len(removed), int)
    for operated in client.batch_operate([KEY], OPS):
        assert_type(operated.bins, dict[str, Any] | None)
        assert_type(operated.meta, RecordMetadata | None)
    client.batch_write([(KEY, {"a": 1}), (KEY, {"a": 2}, {"ttl": 60})])
    assert_type(client.batch([batch.read(KEY), batch.write(KEY, {"a": 1})]), BatchRecords)
    to_write: list[BatchWrite] = [(KEY, {"a": 1}), (KEY, {"a": 2}, META)]
    assert_type(client.batch_write(to_write), BatchRecords)
    own: WriteRowPolicy = {"exists": aerospike_py.POLICY_EXISTS_CREATE_ONLY, "ttl": 60}
    assert_type(client.batch_write([(KEY, {"a": 1}, META, own), (KEY, {}, None)]), BatchRecords)
    reading: ReadRowPolicy = {"expressions": exp.bin_exists("a")}
    operating: OperateRowPolicy = {"read_mode_sc": 1, "durable_delete": True}
    removing: RemoveRowPolicy = {"gen": aerospike_py.POLICY_GEN_EQ}
    applying: ApplyRowPolicy = {"ttl": 5}
    with_policies: list[BatchRow] = [
        batch.read(KEY, ["a"], reading),
        batch.exists(KEY, reading),
        batch.write(KEY, {"a": 1}, META, own),
        batch.operate(KEY, OPS, None, operating),
        batch.remove(KEY, META, removing),
        batch.apply(KEY, "module", "function", [1, "x"], applying),
    ]
    assert_type(client.batch(with_policies), BatchRecords)
    applied = client.batch_apply([KEY], "module", "function", [1])
    assert_type(applied.batch_records[0].value, Any)
    assert_type(applied.batch_records[0].message, str | None)
    rows = np.zeros(2, dtype=[("_key", "i8"), ("age", "i4")])
    assert_type(client.batch_write_numpy(rows, "test", "demo"), BatchRecords)


@dataclasses.dataclass
class User:
    name: str
    born: Annotated[datetime, Bin("birthday")]


class UserStruct(msgspec.Struct):
    name: str


class UserModel(pydantic.BaseModel):
    name: str


class UserDict(TypedDict):
    name: str


CONVERTERS: list[Converter[Any]] = [
    DATETIME_IN_MICROSECONDS,
    Converter(complex, lambda number: [number.real, number.imag], lambda pair: complex(*pair)),
]
CONVERTING: ClientConfig = {"hosts": HOSTS, "converters": CONVERTERS}


def objects(client: aerospike_py.Client, user: User, struct: UserStruct, model: UserModel) -> None:
    client.put(KEY, user, META)
    client.put(KEY, struct)
    client.put(KEY, model, policy=WRITE)
    client.batch_write([(KEY, user), (KEY, struct, META), (KEY, {"name": "x"})])
    record = client.get(KEY, into=User)
    assert_type(record, RecordOf[User])
    assert_type(record.bins, User)
    assert_type(record.bins.name, str)
    assert_type(record.meta.gen, int)
    assert_type(record.ttl, int | None)
    key, meta, found = record
    assert_type(key, AerospikeKey)
    assert_type(meta, RecordMetadata)
    assert_type(found, User)
    assert_type(client.get(KEY, READ, into=UserStruct).bins, UserStruct)
    assert_type(client.get(KEY, into=UserModel).bins, UserModel)
    assert_type(client.get(KEY, into=UserDict).bins["name"], str)
    batch_of = client.batch_read([KEY], into=User)
    assert_type(batch_of, BatchRecordsOf[User])
    for row in batch_of:
        assert_type(row, BatchRecordOf[User])
        assert_type(row.record, RecordOf[User] | None)
        assert_type(row.bins, User | None)
        assert_type(row.result, int)
    assert_type(batch_of[0].bins, User | None)
    query = client.query("test", "demo", into=User).select("name", "birthday")
    assert_type(query, Query[RecordOf[User]])
    assert_type(query.results(), list[RecordOf[User]])
    query.foreach(lambda record: record.bins.name != "last")
    for each in query:
        assert_type(each.bins, User)
    assert_type(to_bins(user), dict[str, Any])
    assert_type(from_bins({"name": "x"}, UserStruct, converters=CONVERTERS), UserStruct)


def queries(client: aerospike_py.Client) -> None:
    query = client.query("test", "demo").select("name").where(predicates.between("age", 1, 2))
    assert_type(aerospike_py.key_digest(KEY), bytes)
    assert_type(aerospike_py.partition_id(KEY), int)
    assert_type(query, Query)
    assert_type(query.results(QUERY), list[Record])
    assert_type(query.token, bytes | None)
    query.foreach(lambda record: len(record.bins) > 1)
    assert_type(client.query("test").where("$.age > 3").explain(), QueryPlan)
    assert_type(query.explain().index_used, IndexInfo | None)
    assert_type(query.aggregate("module", "function", [1], {"total_timeout": 5}), list[Any])
    for record in query:
        assert_type(record, Record)
    with query.records() as records:
        assert_type(records, Records)
        assert_type(next(records), Record)
        assert_type(records.token, bytes | None)
        records.close()
    assert_type(query.to_numpy(DTYPE), NDArray[np.void])
    assert_type(query.to_numpy(DTYPE, mask=True, key=True, meta=True), NDArray[np.void])
    for chunk in query.numpy_chunks(DTYPE, rows=1000, errors="zero"):
        assert_type(chunk, NDArray[np.void])
    with query.to_arrow(QUERY, schema={"age": "int8"}, rows=100, errors="null") as stream:
        assert_type(stream, ArrowStream)
        assert_type(next(stream), ArrowBatch)
        assert_type(stream.token, bytes | None)
        table = stream.read_all()
        assert_type(table, ArrowTable)
        assert_type(table.batches, list[ArrowBatch])
        assert_type(table.to_numpy(), dict[str, NDArray[Any]])
        stream.close()
    stream = query.to_arrow()
    assert_type(stream.to_polars(), polars.DataFrame)
    assert_type(stream.to_pandas(), pandas.DataFrame)
    job = query.operate_background([lop.list_append("l", 1)])
    assert_type(job, BackgroundJob)
    assert_type(job.id, int)
    assert_type(job.status().state, str)
    job.abort()
    assert_type(client.background_job(job.id).wait(5000).state, str)
    query.apply_background("module", "function")
    client.job_status(job.id)
    client.job_abort(job.id)
    client.index_integer_create("test", "demo", "age", "a")
    client.index_string_create("test", "demo", "name", "b")
    client.index_blob_create("test", "demo", "raw", "c")
    client.index_geo2dsphere_create("test", "demo", "place", "d")
    client.index_set_create("test", "demo", "f")
    client.index_create("test", "demo", "age", "e", aerospike_py.INDEX_NUMERIC)
    client.index_remove("test", "a")
    client.truncate("test", "demo", 0)
    client.set_xdr_filter("dc", "test", None)
    client.udf_put("module.lua", source="function f() end")
    assert_type(client.udf_get("module"), str)
    assert_type([each.name for each in client.udf_list()], list[str])
    files: list[UDFFile] = client.udf_list()
    status: JobStatus = client.job_status(job.id)
    print(files, status)
    client.udf_remove("module")


def administration(client: aerospike_py.Client) -> None:
    client.admin_create_user("user", "password", ["read"])
    client.admin_create_pki_user("user", ["read"])
    client.admin_change_password("user", "other")
    client.admin_grant_roles("user", ["read-write"])
    client.admin_revoke_roles("user", ["read"])
    assert_type(client.admin_query_user_info("user")["roles"], list[str])
    assert_type(client.admin_query_users_info()[0]["user"], str)
    users: list[UserInfo] = client.admin_query_users_info()
    roles: list[RoleInfo] = client.admin_query_roles()
    print(users, roles)
    client.admin_drop_user("user")
    client.admin_create_role("role", READERS, whitelist=["10.0.0.0/8"], read_quota=10)
    client.admin_grant_privileges("role", READERS)
    client.admin_revoke_privileges("role", READERS)
    client.admin_set_whitelist("role", ["10.0.0.0/8"])
    client.admin_set_quotas("role", read_quota=1000, write_quota=500)
    assert_type(client.admin_query_role("role")["name"], str)
    assert_type(client.admin_query_roles()[0]["read_quota"], int)
    client.admin_drop_role("role")


def values() -> None:
    place = GeoJSON({"type": "Point", "coordinates": [1.5, 2.5]})
    assert_type(place.text, str)
    assert_type(place.dumps(), str)
    assert_type(place.unwrap(), dict[str, Any])
    assert_type(HyperLogLog(b""), HyperLogLog)
    assert_type(KeyOrderedDict({1: 2}).copy(), KeyOrderedDict)
    assert_type(KeyValueOrderedDict(a=1).copy(), KeyValueOrderedDict)


def servers() -> None:
    with DevCluster(nodes=2, namespaces=["test"], cluster_name="c") as cluster:
        assert_type(cluster, DevCluster)
        assert_type(cluster.is_running, bool)
        assert_type(cluster.hosts, list[tuple[str, int]])
        assert_type(cluster.ports, list[int])
        assert_type(cluster.port, int)
        assert_type(aerospike_py.client(cluster.config).is_connected(), bool)
        assert_type(cluster.counters(), list[dict[str, Any]])
        assert_type(cluster.topology(), dict[str, Any])
        assert_type(cluster.control("counters"), dict[str, Any])
        cluster.kill(1, lose_data=True)
        cluster.revive(1)
        cluster.rebalance()
        cluster.delay(100, node=0, count=1)
        cluster.drop(count=1)
        cluster.close_instead(count=1)
        cluster.truncate_replies(1)
        cluster.corrupt(count=1)
        cluster.answer_with(18, count=1)
        cluster.hang(0)
        cluster.refuse(0)
        cluster.close_connections()
        cluster.clear_faults()
        cluster.move_partition(0, 1)
        cluster.partition_unavailable(0)
        cluster.set_time_offset(1000)
        cluster.revoke_sessions()
        cluster.end_sessions("user")
        cluster.set_rack(0, 1)
        cluster.set_regime(3)
        cluster.flood(count=1)
        cluster.answer_info("build", "8.1.0.0")
        cluster.announce_peers(2)
        cluster.wipe("test")
        cluster.stop()
        cluster.start()
    with DevCluster(tls=True, mutual_tls=True, allows_plain=True) as cluster:
        assert_type(cluster.client_tls, TLSConfig)
        authority = cluster.authority
        assert_type(authority, Authority)
        assert_type(authority.pem, bytes)
        certificate = authority.between().issue("node.dev", common_name="ada", days=1)
        assert_type(certificate, Certificate)
        assert_type(authority.revoke(certificate), bytes)
        assert_type(authority.revocation_list(), bytes)
        config: ClientConfig = {
            "hosts": [("127.0.0.1", cluster.port, "node.dev")],
            "tls": {**cluster.client_tls, "min_version": "TLSv1.3", "cert": certificate.cert},
            "auth_mode": aerospike_py.AUTH_EXTERNAL_INSECURE,
            "password": lambda: "secret",
        }
        try:
            aerospike_py.client(config)
        except TLSError as error:
            assert_type(error, TLSError)
    with RemoteCluster("127.0.0.1:18709") as remote:
        assert_type(remote, RemoteCluster)
        assert_type(remote.topology(), dict[str, Any])
        remote.kill(0)


def observability() -> None:
    assert_type(aerospike_py.get_metrics(), str)
    assert_type(aerospike_py.start_metrics_server(port=0), int)
    aerospike_py.stop_metrics_server()
    aerospike_py.init_tracing()
    aerospike_py.shutdown_tracing()
    assert_type(metrics.get_metrics(), str)
    assert_type(metrics.start_metrics_server(0, "127.0.0.1"), int)
    metrics.stop_metrics_server()
    metrics.Collector().collect()
    tracing.init_tracing()
    tracing.shutdown_tracing()
    tracing.instrument(None, meter_provider=None)
    tracing.uninstrument()
    aerospike_py.set_log_level(aerospike_py.LOG_LEVEL_DEBUG)


def errors(client: aerospike_py.Client) -> None:
    assert_record(client.get(KEY), {"a": 1}, gen=1, ttl=(1, 2))
    try:
        client.get(KEY)
    except aerospike_py.ObjectError as error:
        assert_type(error.bin, str | None)
        assert_type(error.field, str | None)
    except (aerospike_py.RecordNotFound, aerospike_py.AerospikeTimeoutError) as error:
        assert_type(error.result_code, int)
        assert_type(error.in_doubt, bool)
        assert_type(error.node, str | None)
        if error.result_code in (ResultCode.RECORD_NOT_FOUND, aerospike_py.AEROSPIKE_ERR_TIMEOUT):
            assert_type(ResultCode(error.result_code), ResultCode)
        assert_type(error.subcode, int | None)
        assert_type(error.detail, str | None)
        assert_type(error.attempts, int)
        assert_type(error.earlier, tuple[aerospike_py.AerospikeError, ...])
        if error.subcode == aerospike_py.SubCode.FILTERED_BINS:
            print(error.trace)


ERRORS: list[type[aerospike_py.AerospikeError]] = [
    aerospike_py.AdminError,
    aerospike_py.AerospikeError,
    aerospike_py.AerospikeIndexError,
    aerospike_py.AerospikeTimeoutError,
    aerospike_py.BackpressureError,
    aerospike_py.BinExistsError,
    aerospike_py.BinNameError,
    aerospike_py.BinNotFound,
    aerospike_py.BinTypeError,
    aerospike_py.ClientError,
    aerospike_py.ClusterError,
    aerospike_py.FilteredOut,
    aerospike_py.IndexFoundError,
    aerospike_py.IndexNotFound,
    aerospike_py.InvalidArgError,
    aerospike_py.QueryAbortedError,
    aerospike_py.QueryError,
    aerospike_py.RecordError,
    aerospike_py.RecordExistsError,
    aerospike_py.RecordGenerationError,
    aerospike_py.RecordNotFound,
    aerospike_py.RecordTooBig,
    aerospike_py.ServerError,
    aerospike_py.UDFError,
    aerospike_py.DeviceOverload,
    aerospike_py.ElementExists,
    aerospike_py.ElementNotFound,
    aerospike_py.EnterpriseOnly,
    aerospike_py.ForbiddenError,
    aerospike_py.IndexNotReadable,
    aerospike_py.InvalidNamespace,
    aerospike_py.LostConflict,
    aerospike_py.MaxErrorRate,
    aerospike_py.NoMoreConnections,
    aerospike_py.NotAuthenticated,
    aerospike_py.OpNotApplicable,
    aerospike_py.QuotaExceeded,
    aerospike_py.RecordBusy,
    aerospike_py.RecordKeyMismatch,
    aerospike_py.RoleViolation,
    aerospike_py.ServerFull,
    aerospike_py.UnsupportedFeature,
]
