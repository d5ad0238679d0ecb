"""What is said of wrong arguments: the whole message, as who made the mistake reads it.

A wrong type is a TypeError, a wrong value a ValueError; both begin with the path to the argument.
All of it is said before anything is sent, so the clients here are not even connected.
"""

import asyncio
import datetime
import decimal
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import aerospike_py
from aerospike_py import AsyncClient, GeoJSON, batch, cdt_ctx, exp, predicates
from aerospike_py import bit_operations as bop
from aerospike_py import exp_operations as eop
from aerospike_py import hll_operations as hop
from aerospike_py import list_operations as lop
from aerospike_py import map_operations as mop
from aerospike_py.devserver import DevCluster, assert_record
from aerospike_py.objects import DATETIME_IN_MICROSECONDS, Converter

KEY = ("test", "demo", "k")
KEYS = [("test", "demo", number) for number in range(5)]
INCREMENT = {"op": 5, "bin": "n", "val": 1}
client: Any = aerospike_py.client({"hosts": [("127.0.0.1", 3000)]})


def make(**config: Any) -> Any:
    return aerospike_py.client({"hosts": ["h"], **config})


def query() -> Any:
    return aerospike_py.query.Query(client._session, "test", "demo")


def run(policy: Any) -> Any:
    return query().results(policy)


def many(count: int) -> list[str]:
    return [f"b{number}" for number in range(count)]


WITH_GENERATIONS: Any = {"gen": aerospike_py.POLICY_GEN_EQ}
NO_GENERATION = "policy['gen'] has generations compared, and meta has no 'gen' to compare with"
NO_GENERATION_OF_KEYS = (
    "policy['gen'] has generations compared, and keys have none to compare with; use batch() with "
    "rows whose meta has a 'gen'"
)
WITH, WITHOUT = (KEY, {"n": 1}, {"gen": 1}), (KEY, {"n": 1}, {"ttl": 5})

NOON = datetime.datetime(2020, 1, 1, 12, tzinfo=datetime.timezone.utc)

# (what is called, what is raised, what it says)
Case = tuple[Callable[[], Any], type[Exception], str]
CASES: list[Case] = [
    (
        lambda: client.batch_write([WITH, WITHOUT], WITH_GENERATIONS),
        aerospike_py.InvalidArgError,
        f"records[1]: {NO_GENERATION}",
    ),
    (
        lambda: client.batch_write([WITH, (*WITHOUT, WITH_GENERATIONS)]),
        aerospike_py.InvalidArgError,
        f"records[1]: {NO_GENERATION}",
    ),
    (
        lambda: client.batch(
            [batch.read(KEY), batch.remove(KEY, {"gen": 1}), batch.operate(KEY, [INCREMENT])],
            WITH_GENERATIONS,
        ),
        aerospike_py.InvalidArgError,
        f"rows[2]: {NO_GENERATION}",
    ),
    (
        lambda: batch.remove(KEY, policy=WITH_GENERATIONS),
        aerospike_py.InvalidArgError,
        NO_GENERATION,
    ),
    (
        lambda: client.batch_operate(KEYS, [INCREMENT], WITH_GENERATIONS),
        aerospike_py.InvalidArgError,
        NO_GENERATION_OF_KEYS,
    ),
    (
        lambda: client.batch_remove(KEYS, WITH_GENERATIONS),
        aerospike_py.InvalidArgError,
        NO_GENERATION_OF_KEYS,
    ),
    (
        lambda: client.batch_apply(KEYS, "m", "f", policy=WITH_GENERATIONS),
        aerospike_py.InvalidArgError,
        NO_GENERATION_OF_KEYS,
    ),
    (
        lambda: client.batch_write_numpy(
            np.zeros(1, [("_key", "i8"), ("n", "i8")]), "test", "demo", policy=WITH_GENERATIONS
        ),
        aerospike_py.InvalidArgError,
        NO_GENERATION,
    ),
    (
        lambda: aerospike_py.client(None),
        TypeError,
        "config must be a dict, such as {'hosts': ['127.0.0.1:3000']}, not NoneType",
    ),
    (
        lambda: aerospike_py.client([("h", 3000)]),
        TypeError,
        "config must be a dict, such as {'hosts': ['127.0.0.1:3000']}, not list",
    ),
    (
        lambda: aerospike_py.client("h:3000"),
        TypeError,
        "config must be a dict, such as {'hosts': ['127.0.0.1:3000']}, not str",
    ),
    (
        lambda: aerospike_py.AsyncClient("aerospike://h:3000/test"),
        TypeError,
        "config must be a dict, such as {'hosts': ['127.0.0.1:3000']}, not str",
    ),
    (
        lambda: make(host="h"),
        aerospike_py.InvalidArgError,
        "config['host']: a configuration has no such key; did you mean 'hosts'?",
    ),
    (
        lambda: make(tend_intervall=5),
        aerospike_py.InvalidArgError,
        (
            "config['tend_intervall']: a configuration has no such key; did you "
            "mean 'tend_interval'?"
        ),
    ),
    (
        lambda: make(zzz=1),
        aerospike_py.InvalidArgError,
        (
            "config['zzz']: a configuration has no such key; there are hosts, "
            "rack_ids, ip_map, policies, tls, converters, config_file, cluster_name, user, "
            "password, app_id, use_services_alternate, rack_aware, coalesce, auth_mode, timeout, "
            "login_timeout, idle_timeout, max_conns_per_node, min_conns_per_node, "
            "tend_interval, max_error_rate, error_rate_window, "
            "max_in_flight, max_concurrent_operations, operation_queue_timeout_ms, rack_id"
        ),
    ),
    (
        lambda: make(hosts="127.0.0.1"),
        TypeError,
        ("config['hosts'] must be a list of hosts, such as [('127.0.0.1', 3000)], not str"),
    ),
    (
        lambda: make(hosts=("127.0.0.1", 3000)),
        aerospike_py.InvalidArgError,
        (
            "config['hosts'] must be a list of hosts, and ('127.0.0.1', 3000) is a "
            "single one: write [('127.0.0.1', 3000)]"
        ),
    ),
    (
        lambda: make(hosts=("127.0.0.1", 3000, "tls")),
        aerospike_py.InvalidArgError,
        (
            "config['hosts'] must be a list of hosts, and ('127.0.0.1', 3000, "
            "'tls') is a single one: write [('127.0.0.1', 3000, 'tls')]"
        ),
    ),
    (
        lambda: make(hosts=[("127.0.0.1", "3000")]),
        TypeError,
        "config['hosts'][0][1], the port, must be an int, not str",
    ),
    (
        lambda: make(hosts=[("127.0.0.1", 0)]),
        aerospike_py.InvalidArgError,
        "config['hosts'][0][1], the port, must be from 1 to 65535, not 0",
    ),
    (
        lambda: make(hosts=[("127.0.0.1", True)]),
        TypeError,
        "config['hosts'][0][1], the port, must be an int, not bool",
    ),
    (
        lambda: make(hosts=[("127.0.0.1",)]),
        aerospike_py.InvalidArgError,
        (
            "config['hosts'][0] must be (host, port), (host, port, name in TLS), "
            "'host:port' or 'host', not ('127.0.0.1',)"
        ),
    ),
    (
        lambda: make(hosts=[("127.0.0.1", 3000, 5)]),
        TypeError,
        "config['hosts'][0][2], the name in TLS, must be a str, not int",
    ),
    (
        # Of which OpenSSL takes any that ends so.
        lambda: make(hosts=[("127.0.0.1", 3000, ".node.example")]),
        aerospike_py.InvalidArgError,
        "config['hosts'][0][2], the name in TLS, cannot be '.node.example'",
    ),
    (
        lambda: make(hosts=[("", 3000)]),
        aerospike_py.InvalidArgError,
        "config['hosts'][0][0], the name or address, must not be empty",
    ),
    (
        lambda: make(hosts=[(5, 3000)]),
        TypeError,
        "config['hosts'][0][0], the name or address, must be a str, not int",
    ),
    (
        lambda: make(hosts=["h", 5]),
        aerospike_py.InvalidArgError,
        ("config['hosts'] must be a list of hosts, and ['h', 5] is a single one: write [['h', 5]]"),
    ),
    (
        lambda: make(hosts=["h:99999"]),
        aerospike_py.InvalidArgError,
        ("config['hosts'][0]: the port must be from 1 to 65535, and it is '99999' in 'h:99999'"),
    ),
    (
        lambda: make(hosts=["h:x"]),
        aerospike_py.InvalidArgError,
        "config['hosts'][0]: the port must be from 1 to 65535, and it is 'x' in 'h:x'",
    ),
    (
        lambda: make(hosts=[":3000"]),
        aerospike_py.InvalidArgError,
        "config['hosts'][0] must be 'host' or 'host:port', not ':3000'",
    ),
    (
        lambda: make(hosts=["[::1"]),
        aerospike_py.InvalidArgError,
        "config['hosts'][0] must be 'host' or 'host:port', not '[::1'",
    ),
    (
        lambda: make(hosts=[]).connect(),
        aerospike_py.InvalidArgError,
        (
            "config['hosts'] is missing or empty; at least one host is needed, as "
            "in {'hosts': [('127.0.0.1', 3000)]}"
        ),
    ),
    (
        lambda: make(timeout="1000"),
        TypeError,
        "config['timeout'] must be milliseconds as an int, or a timedelta, not str",
    ),
    (
        lambda: make(timeout=1.5),
        TypeError,
        "config['timeout'] must be milliseconds as an int, or a timedelta, not float",
    ),
    (
        lambda: make(timeout=-1),
        aerospike_py.InvalidArgError,
        "config['timeout'] must be from 1 to 2147483647, not -1",
    ),
    (
        lambda: make(timeout=0),
        aerospike_py.InvalidArgError,
        "config['timeout'] must be from 1 to 2147483647, not 0",
    ),
    (
        lambda: make(timeout=True),
        TypeError,
        "config['timeout'] must be milliseconds as an int, or a timedelta, not bool",
    ),
    (
        lambda: make(max_conns_per_node=0),
        aerospike_py.InvalidArgError,
        "config['max_conns_per_node'] must be from 1 to 65535, not 0",
    ),
    (
        lambda: make(min_conns_per_node=5, max_conns_per_node=4),
        aerospike_py.InvalidArgError,
        ("config['min_conns_per_node'] must not be larger than config['max_conns_per_node']"),
    ),
    (
        lambda: make(tend_interval=0),
        aerospike_py.InvalidArgError,
        "config['tend_interval'] must be from 10 to 2147483647, not 0",
    ),
    (
        lambda: make(cluster_name=5),
        TypeError,
        "config['cluster_name'] must be a str, not int",
    ),
    (
        lambda: make(user=b"admin"),
        TypeError,
        "config['user'] must be a str, not bytes",
    ),
    (
        lambda: make(use_services_alternate=1),
        TypeError,
        "config['use_services_alternate'] must be a bool, not int",
    ),
    (
        lambda: make(rack_ids="12"),
        TypeError,
        "config['rack_ids'] must be a list of ints, not str",
    ),
    (
        lambda: make(rack_ids=[1, "2"]),
        TypeError,
        "config['rack_ids'][1] must be an int, not str",
    ),
    (
        lambda: make(rack_id=1, rack_ids=[2]),
        aerospike_py.InvalidArgError,
        "config has both 'rack_id' and 'rack_ids'; one is enough",
    ),
    (
        lambda: make(ip_map=[("a", "b")]),
        TypeError,
        "config['ip_map'] must be a dict, not list",
    ),
    (
        lambda: make(ip_map={"a": 5}),
        TypeError,
        "config['ip_map']['a'] must be a str, not int",
    ),
    (
        lambda: make(policies=[]),
        TypeError,
        "config['policies'] must be a dict, not list",
    ),
    (
        lambda: make(policies={"reed": {}}),
        aerospike_py.InvalidArgError,
        ("config['policies']['reed']: there is no such kind of policy; did you mean 'read'?"),
    ),
    (
        lambda: make(policies={"read": 5}),
        TypeError,
        "config['policies']['read'] must be a dict, not int",
    ),
    (
        lambda: make(policies={"read": {"total_timout": 5}}),
        aerospike_py.InvalidArgError,
        (
            "config['policies']['read']['total_timout']: a read policy has no such "
            "key; did you mean 'total_timeout'?"
        ),
    ),
    (
        lambda: make(policies={"write": {"ttl": -9}}),
        aerospike_py.InvalidArgError,
        (
            "config['policies']['write']['ttl'] must be seconds from 0 to "
            "2147483647 or a TTL_ constant, not -9"
        ),
    ),
    (
        lambda: make(policies={"query": {"max_records": -1}}),
        aerospike_py.InvalidArgError,
        (
            "config['policies']['query']['max_records'] must be from 0 to "
            "9223372036854775807, not -1"
        ),
    ),
    (
        lambda: make(auth_mode=9),
        aerospike_py.InvalidArgError,
        "config['auth_mode'] must be one of the AUTH_ constants, not 9",
    ),
    (
        lambda: make(auth_mode="internal"),
        TypeError,
        "config['auth_mode'] must be one of the AUTH_ constants, not str",
    ),
    (
        lambda: client.connect(5, "p"),
        TypeError,
        "username must be a str, not int",
    ),
    (
        lambda: client.get(None),
        TypeError,
        "key must be a tuple (namespace, set, user key), not NoneType",
    ),
    (
        lambda: client.get("k"),
        TypeError,
        "key must be a tuple (namespace, set, user key), not str",
    ),
    (
        lambda: client.get(["test", "demo", "k"]),
        TypeError,
        "key must be a tuple (namespace, set, user key), not list",
    ),
    (
        lambda: client.get(("test", "demo")),
        aerospike_py.InvalidArgError,
        ("key must have 3 members (namespace, set, user key), or a digest as the 4th, not 2"),
    ),
    (
        lambda: client.get((None, "demo", "k")),
        TypeError,
        "key[0], the namespace, must be a str, not NoneType",
    ),
    (
        lambda: client.get(("", "demo", "k")),
        aerospike_py.InvalidArgError,
        "key[0], the namespace, must not be empty",
    ),
    (
        lambda: client.get(("test", 5, "k")),
        TypeError,
        "key[1], the set, must be a str or None, not int",
    ),
    (
        lambda: client.get(("test", "demo", None)),
        aerospike_py.InvalidArgError,
        ("key[2], the user key, must not be None, unless there is a digest as the 4th member"),
    ),
    (
        lambda: client.get(("test", "demo", 1.5)),
        TypeError,
        "key[2], the user key, must be a str, int or bytes, not float",
    ),
    (
        lambda: client.get(("test", "demo", True)),
        TypeError,
        "key[2], the user key, must be a str, int or bytes, not bool",
    ),
    (
        lambda: client.get(("test", "demo", 2**63)),
        OverflowError,
        "key[2], the user key, does not fit into 64 bits",
    ),
    (
        lambda: client.get(("test", "demo", None, b"short")),
        aerospike_py.InvalidArgError,
        "key[3], the digest, must have 20 bytes, not 5",
    ),
    (
        lambda: client.get(("test", "demo", None, "digest")),
        TypeError,
        "key[3], the digest, must be bytes, not str",
    ),
    (
        lambda: client.get(KEY, 5),
        TypeError,
        "policy must be a dict, not int",
    ),
    (
        lambda: client.get(KEY, []),
        TypeError,
        "policy must be a dict, not list",
    ),
    (
        lambda: client.get(KEY, {"total_timeot": 1}),
        aerospike_py.InvalidArgError,
        ("policy['total_timeot']: a read policy has no such key; did you mean 'total_timeout'?"),
    ),
    (
        lambda: client.get(KEY, {"exists": 1}),
        aerospike_py.InvalidArgError,
        "policy['exists']: that is a key of write policies, and not of a read policy",
    ),
    (
        lambda: client.get(KEY, {5: 1}),
        aerospike_py.InvalidArgError,
        (
            "policy[5]: a read policy has no such key; there are socket_timeout, "
            "total_timeout, max_retries, sleep_between_retries, timeout_delay, "
            "connect_timeout, compress, error_detail_verbosity, "
            "replica, key, read_mode_ap, read_mode_sc, read_touch_ttl_percent, "
            "expressions, filter_expression"
        ),
    ),
    (
        lambda: client.get(KEY, {"zzz": 1}),
        aerospike_py.InvalidArgError,
        (
            "policy['zzz']: a read policy has no such key; there are "
            "socket_timeout, total_timeout, max_retries, sleep_between_retries, "
            "timeout_delay, connect_timeout, compress, error_detail_verbosity, "
            "replica, key, read_mode_ap, read_mode_sc, "
            "read_touch_ttl_percent, expressions, filter_expression"
        ),
    ),
    (
        lambda: client.get(KEY, {"total_timeout": "1s"}),
        TypeError,
        ("policy['total_timeout'] must be milliseconds as an int, or a timedelta, not str"),
    ),
    (
        lambda: client.get(KEY, {"total_timeout": 1.5}),
        TypeError,
        ("policy['total_timeout'] must be milliseconds as an int, or a timedelta, not float"),
    ),
    (
        lambda: client.get(KEY, {"total_timeout": -1}),
        aerospike_py.InvalidArgError,
        "policy['total_timeout'] must be from 0 to 2147483647, not -1",
    ),
    (
        lambda: client.get(KEY, {"total_timeout": datetime.timedelta(-1)}),
        aerospike_py.InvalidArgError,
        "policy['total_timeout'] must be from 0 to 2147483647, not -86400000",
    ),
    (
        lambda: client.get(KEY, {"replica": 7}),
        aerospike_py.InvalidArgError,
        "policy['replica'] must be one of the POLICY_REPLICA_ constants, not 7",
    ),
    (
        lambda: client.get(KEY, {"replica": "master"}),
        TypeError,
        "policy['replica'] must be one of the POLICY_REPLICA_ constants, not str",
    ),
    (
        lambda: client.get(KEY, {"max_retries": True}),
        TypeError,
        "policy['max_retries'] must be an int, not bool",
    ),
    (
        lambda: client.get(KEY, {"read_touch_ttl_percent": 101}),
        aerospike_py.InvalidArgError,
        "policy['read_touch_ttl_percent'] must be from -1 to 100, not 101",
    ),
    (
        lambda: client.get(KEY, {"expressions": 5}),
        TypeError,
        "policy['expressions'] must be an expression made by aerospike_py.exp, not int",
    ),
    (
        lambda: client.get(KEY, {"expressions": {"a": 1}}),
        TypeError,
        ("policy['expressions'] is a dict without '__expr__'; a constant goes through map_val"),
    ),
    (
        lambda: client.get(KEY, {"expressions": exp.int_bin("a")}),
        aerospike_py.InvalidArgError,
        "policy['expressions']: a filter is true or false, and int_bin gives an int",
    ),
    (
        lambda: client.get(KEY, {"expressions": exp.gt("age", 21)}),
        aerospike_py.InvalidArgError,
        ("policy['expressions']: gt: a str is compared with an int; did you mean int_bin('age')?"),
    ),
    (
        lambda: client.get(KEY, {"expressions": exp.gt(exp.float_bin("x"), 21)}),
        aerospike_py.InvalidArgError,
        ("policy['expressions']: gt: a float is compared with an int; did you mean 21.0?"),
    ),
    (
        lambda: client.get(KEY, {"filter_expression": exp.gt(exp.var("x"), 21)}),
        aerospike_py.InvalidArgError,
        "policy['filter_expression']: var('x') is not defined, as it is in no let_",
    ),
    (
        lambda: client.get(
            KEY, {"expressions": exp.bin_exists("a"), "filter_expression": exp.bin_exists("b")}
        ),
        aerospike_py.InvalidArgError,
        (
            "policy: 'expressions' and 'filter_expression' are the same, but two "
            "different ones are given"
        ),
    ),
    (
        lambda: client.select(KEY, "name"),
        TypeError,
        "bins must be a list of bin names, not str",
    ),
    (
        lambda: client.select(KEY, None),
        TypeError,
        "bins must be a list of bin names, not NoneType",
    ),
    (
        lambda: client.select(KEY, []),
        aerospike_py.InvalidArgError,
        "bins must have at least one bin name",
    ),
    (
        lambda: client.select(KEY, ["a", 5]),
        TypeError,
        "bins[1] must be a str, not int: 5",
    ),
    (
        lambda: client.select(KEY, ["a", ""]),
        aerospike_py.BinNameError,
        "bins[1] must not be empty (result code 21)",
    ),
    (
        lambda: client.select(KEY, ["a", "b" * 16]),
        aerospike_py.BinNameError,
        ("bins[1] must have at most 15 bytes, and 'bbbbbbbbbbbbbbbb' has 16 (result code 21)"),
    ),
    (
        lambda: client.select(KEY, many(70_000)),
        aerospike_py.InvalidArgError,
        "bins has 70000 names; a request on a record has at most 65535",
    ),
    (
        lambda: client.exists(KEY, {"key": 5}),
        aerospike_py.InvalidArgError,
        "policy['key'] must be one of the POLICY_KEY_ constants, not 5",
    ),
    (
        lambda: client.put(KEY, None),
        TypeError,
        "bins must be a dict, not NoneType",
    ),
    (
        lambda: client.put(KEY, [("a", 1)]),
        TypeError,
        "bins must be a dict, not list",
    ),
    (
        lambda: client.put(KEY, {}),
        aerospike_py.InvalidArgError,
        "bins must have at least one bin",
    ),
    (
        lambda: client.put(KEY, {5: 1}),
        TypeError,
        "the name of a bin must be a str, not int: 5",
    ),
    (
        lambda: client.put(KEY, {"": 1}),
        aerospike_py.BinNameError,
        "the name of a bin must not be empty (result code 21)",
    ),
    (
        lambda: client.put(KEY, {"a" * 16: 1}),
        aerospike_py.BinNameError,
        (
            "the name of a bin must have at most 15 bytes, and 'aaaaaaaaaaaaaaaa' "
            "has 16 (result code 21)"
        ),
    ),
    (
        lambda: client.put(KEY, {"a": {1, 2}}),
        TypeError,
        "bins['a']: a value of type set cannot be stored without a Converter",
    ),
    (
        lambda: client.put(KEY, {"a": object()}),
        TypeError,
        "bins['a']: a value of type object cannot be stored without a Converter",
    ),
    (
        lambda: client.put(KEY, {"a": decimal.Decimal("1.5")}),
        TypeError,
        "bins['a']: a value of type decimal.Decimal cannot be stored without a Converter",
    ),
    (
        lambda: client.put(KEY, {"a": {"x": [1, 2, {3}]}}),
        TypeError,
        "bins['a']['x'][2]: a value of type set cannot be stored without a Converter",
    ),
    (
        lambda: client.put(KEY, {"a": 2**63}),
        OverflowError,
        "bins['a']: the int 9223372036854775808 does not fit into 64 bits",
    ),
    (
        lambda: client.put(KEY, {"a": [0, {"n": -(2**63) - 1}]}),
        OverflowError,
        "bins['a'][1]['n']: the int -9223372036854775809 does not fit into 64 bits",
    ),
    (
        lambda: client.put(KEY, {"a": {None: 1}}),
        TypeError,
        "bins['a']: a map key must be a str, int or bytes, not NoneType",
    ),
    (
        lambda: client.put(KEY, {"a": [{True: 1}]}),
        TypeError,
        "bins['a'][0]: a map key must be a str, int or bytes, not bool",
    ),
    (
        lambda: client.put(KEY, {"a": {(1, 2): 1}}),
        TypeError,
        "bins['a']: a map key must be a str, int or bytes, not tuple",
    ),
    (
        lambda: client.put(KEY, {"a": 1j}),
        TypeError,
        "bins['a']: a value of type complex cannot be stored without a Converter",
    ),
    (
        lambda: client.put(KEY, {"a": np.array([1, 2])}),
        TypeError,
        "bins['a']: a value of type numpy.ndarray cannot be stored without a Converter",
    ),
    (
        lambda: client.put(KEY, {"a": exp}),
        TypeError,
        "bins['a']: a value of type module cannot be stored without a Converter",
    ),
    (
        lambda: client.put(KEY, dict.fromkeys(many(70_000), 1)),
        aerospike_py.InvalidArgError,
        "bins has 70000 bins; a request on a record has at most 65535",
    ),
    (
        lambda: client.put(KEY, {"a": 1}, 5),
        TypeError,
        "meta must be a dict, or the metadata of a record, not int",
    ),
    (
        lambda: client.put(KEY, {"a": 1}, []),
        TypeError,
        "meta must be a dict, or the metadata of a record, not list",
    ),
    (
        lambda: client.put(KEY, {"a": 1}, {"exists": 4}),
        aerospike_py.InvalidArgError,
        "meta['exists']: that is a key of the policy, which is the argument after meta",
    ),
    (
        lambda: client.put(KEY, {"a": 1}, {"tll": 4}),
        aerospike_py.InvalidArgError,
        "meta['tll']: the metadata of a write has no such key; did you mean 'ttl'?",
    ),
    (
        lambda: client.put(KEY, {"a": 1}, {"generation": 4}),
        aerospike_py.InvalidArgError,
        ("meta['generation']: the metadata of a write has no such key; there are gen, ttl"),
    ),
    (
        lambda: client.put(KEY, {"a": 1}, {"ttl": "1h"}),
        TypeError,
        (
            "meta['ttl'] must be seconds as an int, a timedelta, a datetime or a TTL_ constant, "
            "not str"
        ),
    ),
    (
        lambda: client.put(KEY, {"a": 1}, {"ttl": -4}),
        aerospike_py.InvalidArgError,
        "meta['ttl'] must be seconds from 0 to 2147483647 or a TTL_ constant, not -4",
    ),
    (
        lambda: client.put(KEY, {"a": 1}, {"ttl": 2**31}),
        aerospike_py.InvalidArgError,
        ("meta['ttl'] must be seconds from 0 to 2147483647 or a TTL_ constant, not 2147483648"),
    ),
    (
        lambda: client.put(KEY, {"a": 1}, {"ttl": 1.5}),
        TypeError,
        (
            "meta['ttl'] must be seconds as an int, a timedelta, a datetime or a TTL_ constant, "
            "not float"
        ),
    ),
    (
        lambda: client.put(KEY, {"a": 1}, {"gen": -1}),
        aerospike_py.InvalidArgError,
        "meta['gen'] must be from 0 to 65535, not -1",
    ),
    (
        lambda: client.put(KEY, {"a": 1}, {"gen": 65536}),
        aerospike_py.InvalidArgError,
        "meta['gen'] must be from 0 to 65535, not 65536",
    ),
    (
        lambda: client.put(KEY, {"a": 1}, {"gen": "1"}),
        TypeError,
        "meta['gen'] must be an int, not str",
    ),
    (
        lambda: client.put(KEY, {"a": 1}, None, {"gen": 1}),
        aerospike_py.InvalidArgError,
        "policy['gen'] has generations compared, and meta has no 'gen' to compare with",
    ),
    (
        lambda: client.put(KEY, {"a": 1}, {"ttl": 5}, {"gen": 1}),
        aerospike_py.InvalidArgError,
        "policy['gen'] has generations compared, and meta has no 'gen' to compare with",
    ),
    (
        lambda: client.put(KEY, {"a": 1}, None, {"gen": 7}),
        aerospike_py.InvalidArgError,
        "policy['gen'] must be one of the POLICY_GEN_ constants, not 7",
    ),
    (
        lambda: client.put(KEY, {"a": 1}, None, {"exists": 3}),
        aerospike_py.InvalidArgError,
        "policy['exists'] must be one of the POLICY_EXISTS_ constants, not 3",
    ),
    (
        lambda: client.put(KEY, {"a": 1}, None, {"exists": "create"}),
        TypeError,
        "policy['exists'] must be one of the POLICY_EXISTS_ constants, not str",
    ),
    (
        lambda: client.put(KEY, {"a": 1}, None, {"durable_delete": 1}),
        TypeError,
        "policy['durable_delete'] must be a bool, not int",
    ),
    (
        lambda: client.put(KEY, {"a": 1}, None, {"commit_level": 5}),
        aerospike_py.InvalidArgError,
        ("policy['commit_level'] must be one of the POLICY_COMMIT_LEVEL_ constants, not 5"),
    ),
    (
        lambda: client.put(KEY, {"a": 1}, None, {"ttl": []}),
        TypeError,
        (
            "policy['ttl'] must be seconds as an int, a timedelta, a datetime or a TTL_ constant, "
            "not list"
        ),
    ),
    (
        lambda: client.put(KEY, {"a": 1}, None, {"read_mode_ap": 1}),
        aerospike_py.InvalidArgError,
        "policy['read_mode_ap']: that is a key of read policies, and not of a write policy",
    ),
    (
        lambda: client.remove(KEY, {"ttl": None, "gne": 1}),
        aerospike_py.InvalidArgError,
        "meta['gne']: the metadata of a write has no such key; did you mean 'gen'?",
    ),
    (
        lambda: client.touch(KEY, "60"),
        TypeError,
        "val must be seconds as an int, a timedelta, a datetime or a TTL_ constant, not str",
    ),
    (
        lambda: client.touch(KEY, -7),
        aerospike_py.InvalidArgError,
        "val must be seconds from 0 to 2147483647 or a TTL_ constant, not -7",
    ),
    (
        lambda: client.touch(KEY, True),
        TypeError,
        "val must be seconds as an int, a timedelta, a datetime or a TTL_ constant, not bool",
    ),
    (
        lambda: client.append(KEY, "a", 5),
        TypeError,
        "val must be str or bytes or bytearray, not int",
    ),
    (
        lambda: client.append(KEY, "a" * 16, "x"),
        aerospike_py.BinNameError,
        ("bin must have at most 15 bytes, and 'aaaaaaaaaaaaaaaa' has 16 (result code 21)"),
    ),
    (
        lambda: client.append(KEY, None, "x"),
        TypeError,
        "bin must be a str, not NoneType: None",
    ),
    (
        lambda: client.prepend(KEY, "a", None),
        TypeError,
        "val must be str or bytes or bytearray, not NoneType",
    ),
    (
        lambda: client.increment(KEY, "a", "1"),
        TypeError,
        "offset must be int or float, not str",
    ),
    (
        lambda: client.increment(KEY, "a", True),
        TypeError,
        "offset must be int or float, not bool",
    ),
    (
        lambda: client.increment(KEY, "a", 2**63),
        OverflowError,
        "offset: the int 9223372036854775808 does not fit into 64 bits",
    ),
    (
        lambda: client.remove_bin(KEY, "a"),
        TypeError,
        "bin_names must be a list of bin names, not str",
    ),
    (
        lambda: client.remove_bin(KEY, []),
        aerospike_py.InvalidArgError,
        "bin_names must have at least one bin name",
    ),
    (
        lambda: client.remove_bin(KEY, [None]),
        TypeError,
        "bin_names[0] must be a str, not NoneType: None",
    ),
    (
        lambda: client.operate(KEY, None),
        TypeError,
        "ops must be a list of operations, not NoneType",
    ),
    (
        lambda: client.operate(KEY, INCREMENT),
        TypeError,
        "ops must be a list of operations, not dict",
    ),
    (
        lambda: client.operate(KEY, []),
        aerospike_py.InvalidArgError,
        "ops must have at least one operation",
    ),
    (
        lambda: client.operate(KEY, [INCREMENT, 5]),
        TypeError,
        "ops[1] must be a dict, not int",
    ),
    (
        lambda: client.operate(KEY, [INCREMENT, {"bin": "a"}]),
        aerospike_py.InvalidArgError,
        "ops[1] has no 'op', one of the OPERATOR_ constants",
    ),
    (
        lambda: client.operate(KEY, [INCREMENT, {"op": 2, "bin": "a", "val": {1}}]),
        TypeError,
        "ops[1]['val']: a value of type set cannot be stored without a Converter",
    ),
    (
        lambda: client.operate(KEY, [{"op": 2, "bin": "a", "val": [2**64]}]),
        OverflowError,
        "ops[0]['val'][0]: the int 18446744073709551616 does not fit into 64 bits",
    ),
    (
        lambda: client.operate(KEY, [INCREMENT] * 70_000),
        aerospike_py.InvalidArgError,
        "ops has 70000 operations; a request on a record has at most 65535",
    ),
    (
        lambda: client.operate_ordered(KEY, "ops"),
        TypeError,
        "ops must be a list of operations, not str",
    ),
    (
        lambda: client.apply(KEY, 5, "f"),
        TypeError,
        "module must be a str, not int",
    ),
    (
        lambda: client.apply(KEY, "", "f"),
        aerospike_py.InvalidArgError,
        "module must not be empty",
    ),
    (
        lambda: client.apply(KEY, "m", None),
        TypeError,
        "function must be a str, not NoneType",
    ),
    (
        lambda: client.apply(KEY, "m", "f", 5),
        TypeError,
        "args must be a list, not int",
    ),
    (
        lambda: client.apply(KEY, "m", "f", "args"),
        TypeError,
        "args must be a list, not str",
    ),
    (
        lambda: client.apply(KEY, "m", "f", [1, {2}]),
        TypeError,
        "args[1]: a value of type set cannot be stored without a Converter",
    ),
    (
        lambda: client.apply(KEY, "m", "f", [], {"gen": 1}),
        aerospike_py.InvalidArgError,
        "policy['gen'] has generations compared, and meta has no 'gen' to compare with",
    ),
    (
        lambda: client.batch_read(None),
        TypeError,
        "keys must be a list of keys, not NoneType",
    ),
    (
        lambda: client.batch_read("keys"),
        TypeError,
        "keys must be a list of keys, not str",
    ),
    (
        lambda: client.batch_read({KEY: 1}),
        TypeError,
        "keys must be a list of keys, not dict",
    ),
    (
        lambda: client.batch_read([*KEYS, None]),
        TypeError,
        "keys[5] must be a tuple (namespace, set, user key), not NoneType",
    ),
    (
        lambda: client.batch_read([*KEYS, ("test", 5, 1), *KEYS]),
        TypeError,
        "keys[5][1], the set, must be a str or None, not int",
    ),
    (
        lambda: client.batch_read([*KEYS, ("test", "demo", 2**64)]),
        OverflowError,
        "keys[5][2], the user key, does not fit into 64 bits",
    ),
    (
        lambda: client.batch_read([*KEYS, ("test", "demo")]),
        aerospike_py.InvalidArgError,
        ("keys[5] must have 3 members (namespace, set, user key), or a digest as the 4th, not 2"),
    ),
    (
        lambda: client.batch_read(KEYS, "a"),
        TypeError,
        "bins must be a list of bin names, not str",
    ),
    (
        lambda: client.batch_read(KEYS, ["a", "b" * 16]),
        aerospike_py.BinNameError,
        ("bins[1] must have at most 15 bytes, and 'bbbbbbbbbbbbbbbb' has 16 (result code 21)"),
    ),
    (
        lambda: client.batch_read(KEYS, None, {"max_retries": "2"}),
        TypeError,
        "policy['max_retries'] must be an int, not str",
    ),
    (
        lambda: client.batch_read(KEYS, None, {"ttl": 5}),
        aerospike_py.InvalidArgError,
        (
            "policy['ttl']: that is a key of write policies, and not of the policy "
            "of a batch that reads"
        ),
    ),
    (
        lambda: client.get(KEY, {"expressions": "$.n + 1"}),
        aerospike_py.InvalidArgError,
        ("policy['expressions']: a filter is true or false, and num_add gives an int"),
    ),
    (
        lambda: client.batch_read(KEYS, policy={"filter_expression": "'a'"}),
        aerospike_py.InvalidArgError,
        "policy['filter_expression']: a filter is true or false, and string_val gives a str",
    ),
    (
        lambda: client.batch_read(KEYS, _dtype={"a": "i8"}),
        TypeError,
        "_dtype: entry not a 2- or 3- tuple",
    ),
    (
        lambda: client.batch_read(KEYS, _dtype="i4"),
        TypeError,
        ("_dtype must be a structured dtype, such as [('age', 'i4'), ('name', 'S16')], not int32"),
    ),
    (
        lambda: client.batch_read(KEYS, _dtype=[("a", "U5")]),
        TypeError,
        (
            "field 'a' has the type <U5 (kind='U'), which no bin fits; use "
            "integers, floats of up to 8 bytes, booleans, S or V, or sub-arrays of "
            "these"
        ),
    ),
    (
        lambda: client.batch_read(KEYS, _dtype=[("a", "i4")], errors="ignore"),
        aerospike_py.InvalidArgError,
        "errors must be 'raise' or 'zero', not 'ignore'",
    ),
    (
        lambda: client.batch_write(None),
        TypeError,
        "records must be a list of (key, bins), not NoneType",
    ),
    (
        lambda: client.batch_write([(KEY, {"a": 1}), KEY]),
        TypeError,
        "records[1]: bins must be a dict, not str",
    ),
    (
        lambda: client.batch_write([(KEY, {"a": 1}), 5]),
        TypeError,
        ("records[1] must be (key, bins), (key, bins, meta) or (key, bins, meta, policy), not int"),
    ),
    (
        lambda: client.batch_write([(KEY, {"a": 1}), (KEY,)]),
        aerospike_py.InvalidArgError,
        (
            "records[1] must be (key, bins), (key, bins, meta) or (key, bins, "
            "meta, policy), and has 1 members"
        ),
    ),
    (
        lambda: client.batch_write([(KEY, {"a": 1}), (KEY, {"a": {1}})]),
        TypeError,
        "records[1]: bins['a']: a value of type set cannot be stored without a Converter",
    ),
    (
        lambda: client.batch_write([(KEY, {"a": 1}), (("test", 5, 1), {"a": 1})]),
        TypeError,
        "records[1]: key[1], the set, must be a str or None, not int",
    ),
    (
        lambda: client.batch_write([(KEY, {"a": 1}), (KEY, {"a": 1}, {"tll": 5})]),
        aerospike_py.InvalidArgError,
        ("records[1]: meta['tll']: the metadata of a write has no such key; did you mean 'ttl'?"),
    ),
    (
        lambda: client.batch_write([(KEY, {"a": 1}), (KEY, {"a": 1}, None, {"exist": 5})]),
        aerospike_py.InvalidArgError,
        (
            "records[1]: policy['exist']: the policy of a row made by write has no "
            "such key; did you mean 'exists'?"
        ),
    ),
    (
        lambda: client.batch_write([(KEY, {"a" * 16: 1})]),
        aerospike_py.BinNameError,
        (
            "records[0]: the name of a bin must have at most 15 bytes, and "
            "'aaaaaaaaaaaaaaaa' has 16 (result code 21)"
        ),
    ),
    (
        lambda: client.batch_write_numpy([1], "test", "demo"),
        TypeError,
        "array must be a structured NumPy array, not list",
    ),
    (
        lambda: client.batch_write_numpy(np.zeros(2, [("a", "i4")]), "test", "demo"),
        aerospike_py.InvalidArgError,
        "key_field: array has no field '_key' with the user keys; there are a",
    ),
    (
        lambda: client.batch_operate(KEYS, []),
        aerospike_py.InvalidArgError,
        "ops must have at least one operation",
    ),
    (
        lambda: client.batch_operate(KEYS, [{"op": 2, "bin": "a", "val": {1}}]),
        TypeError,
        "ops[0]['val']: a value of type set cannot be stored without a Converter",
    ),
    (
        lambda: client.batch_remove(5),
        TypeError,
        "keys must be a list of keys, not int",
    ),
    (
        lambda: client.batch_apply(KEYS, "m", ""),
        aerospike_py.InvalidArgError,
        "function must not be empty",
    ),
    (
        lambda: client.batch(None),
        TypeError,
        "rows must be a list of rows made by aerospike_py.batch, not NoneType",
    ),
    (
        lambda: client.batch([batch.read(KEY), KEY]),
        TypeError,
        ("rows[1] must be made by a function of aerospike_py.batch, such as read, not tuple"),
    ),
    (
        lambda: client.batch(batch.read(KEY)),
        TypeError,
        "rows must be a list of rows made by aerospike_py.batch, not BatchRow",
    ),
    (
        lambda: batch.read(KEY, 5),
        TypeError,
        "bins must be a list of bin names, not int",
    ),
    (
        lambda: batch.read(KEY, None, {"exists": 1}),
        aerospike_py.InvalidArgError,
        (
            "policy['exists']: that is a key of write policies, and not of the "
            "policy of a row made by read"
        ),
    ),
    (
        lambda: batch.write(KEY, {"a": 1}, {"gen": "x"}),
        TypeError,
        "meta['gen'] must be an int, not str",
    ),
    (
        lambda: batch.write(KEY, {"a": 1}, None, {"ttl": "x"}),
        TypeError,
        (
            "policy['ttl'] must be seconds as an int, a timedelta, a datetime or a TTL_ constant, "
            "not str"
        ),
    ),
    (
        lambda: batch.operate(KEY, [5]),
        TypeError,
        "ops[0] must be a dict, not int",
    ),
    (
        lambda: client.batch([batch.read(KEY), batch.apply(KEY, "m", "f", [{1}])]),
        TypeError,
        "rows[1]: args[0]: a value of type set cannot be stored without a Converter",
    ),
    (
        lambda: client.batch([batch.read(KEY), batch.write(KEY, {"a": [object()]})]),
        TypeError,
        "rows[1]: bins['a'][0]: a value of type object cannot be stored without a Converter",
    ),
    (
        lambda: client.batch([batch.operate(KEY, [INCREMENT, lop.list_append("a", {1})])]),
        TypeError,
        "rows[0]: ops[1]['val']: a value of type set cannot be stored without a Converter",
    ),
    (
        lambda: client.info_all(5),
        TypeError,
        "command must be a str, not int",
    ),
    (
        lambda: client.info_all(""),
        aerospike_py.InvalidArgError,
        "command must be one line without zeros, and not empty, and is ''",
    ),
    (
        lambda: client.info_all("a\nb"),
        aerospike_py.InvalidArgError,
        "command must be one line without zeros, and not empty, and is 'a\\nb'",
    ),
    (
        lambda: client.info_node("build", 5),
        TypeError,
        "node_name must be a str, not int",
    ),
    (
        lambda: client.truncate(5, "demo"),
        TypeError,
        "namespace must be a str, not int",
    ),
    (
        lambda: client.truncate("test", 5),
        TypeError,
        "set_name must be a str or None, not int",
    ),
    (
        lambda: client.truncate("test", "demo", -1),
        aerospike_py.InvalidArgError,
        "nanos must be from 0 to 18446744073709551615, not -1",
    ),
    (
        lambda: client.truncate("test", "demo", 2**64),
        aerospike_py.InvalidArgError,
        "nanos must be from 0 to 18446744073709551615, not 18446744073709551616",
    ),
    (
        lambda: client.truncate("test", "demo", "now"),
        TypeError,
        "nanos must be an int, not str",
    ),
    (
        lambda: client.index_integer_create("", "demo", "a", "i"),
        aerospike_py.InvalidArgError,
        "namespace must not be empty",
    ),
    (
        lambda: client.index_integer_create("test", "demo", 5, "i"),
        TypeError,
        "bin_name must be a str, not int: 5",
    ),
    (
        lambda: client.index_integer_create("test", "demo", "a", ""),
        aerospike_py.InvalidArgError,
        "index_name must not be empty",
    ),
    (
        lambda: client.index_integer_create("test", "demo", "a", "i", index_type=9),
        aerospike_py.InvalidArgError,
        "index_type must be one of the INDEX_TYPE_ constants, not 9",
    ),
    (
        lambda: client.index_integer_create("test", "demo", "a", "i", wait_timeout="1"),
        TypeError,
        "wait_timeout must be milliseconds as an int, or a timedelta, not str",
    ),
    (
        lambda: client.index_integer_create("test", "demo", "a", "i", ctx=[]),
        aerospike_py.InvalidArgError,
        "ctx must have at least one step",
    ),
    (
        lambda: client.index_integer_create("test", "demo", "a", "i", ctx=cdt_ctx.list_index(0)),
        TypeError,
        "ctx must be a list of steps; this is a single one",
    ),
    (
        lambda: client.index_create("test", "demo", None, "i", 0),
        aerospike_py.InvalidArgError,
        "bin_name must not be None, unless there is an expression",
    ),
    (
        lambda: client.index_create("test", "demo", "a", "i", 99),
        aerospike_py.InvalidArgError,
        "data_type must be one of the INDEX_ constants, not 99",
    ),
    (
        lambda: client.index_create("test", "demo", "a", "i", "numeric"),
        TypeError,
        "data_type must be one of the INDEX_ constants, not str",
    ),
    (
        lambda: client.udf_put(5),
        TypeError,
        "filename must be a str or a path, not int",
    ),
    (
        lambda: client.udf_put("m.lua", 1),
        aerospike_py.InvalidArgError,
        "udf_type must be 0, which is Lua, not 1",
    ),
    (
        lambda: client.udf_put("m.lua", source=5),
        TypeError,
        "source must be a str or bytes, not int",
    ),
    (
        lambda: client.udf_get(""),
        aerospike_py.InvalidArgError,
        "module must not be empty",
    ),
    (
        lambda: client.job_status("1"),
        TypeError,
        "job_id must be an int, not str",
    ),
    (
        lambda: client.job_status(-1),
        aerospike_py.InvalidArgError,
        "job_id must be from 0 to 18446744073709551615, not -1",
    ),
    (
        lambda: client.admin_create_user("", "p", []),
        aerospike_py.InvalidArgError,
        "username must not be empty",
    ),
    (
        lambda: client.admin_create_user("u", 5, []),
        TypeError,
        "password must be a str, not int",
    ),
    (
        lambda: client.admin_create_user("u", "p", "read"),
        TypeError,
        "roles must be a list of str, not str",
    ),
    (
        lambda: client.admin_create_user("u", "p", [5]),
        TypeError,
        "roles[0] must be a str, not int",
    ),
    (
        lambda: client.admin_grant_roles("u", []),
        aerospike_py.InvalidArgError,
        "roles must have at least one member",
    ),
    (
        lambda: client.admin_create_role("r", [5]),
        TypeError,
        "privileges[0] must be a dict, not int",
    ),
    (
        lambda: client.admin_create_role("r", [{"ns": "test"}]),
        aerospike_py.InvalidArgError,
        "privileges[0] has no 'code', one of the PRIV_ constants",
    ),
    (
        lambda: client.admin_create_role("r", [{"code": 10, "namespace": "test"}]),
        aerospike_py.InvalidArgError,
        ("privileges[0]['namespace']: a privilege has no such key; there are code, ns, set"),
    ),
    (
        lambda: client.admin_create_role("r", [{"code": "read"}]),
        TypeError,
        "privileges[0]['code'] must be an int, not str",
    ),
    (
        lambda: client.admin_set_quotas("r", -1),
        aerospike_py.InvalidArgError,
        "read_quota must be from 0 to 4294967295, not -1",
    ),
    (
        lambda: run(5),
        TypeError,
        "policy must be a dict, not int",
    ),
    (
        lambda: run({"max_record": 5}),
        aerospike_py.InvalidArgError,
        ("policy['max_record']: a query policy has no such key; did you mean 'max_records'?"),
    ),
    (
        lambda: run({"max_records": "5"}),
        TypeError,
        "policy['max_records'] must be an int, not str",
    ),
    (
        lambda: run({"token": "x"}),
        TypeError,
        "policy['token'] must be bytes, not str",
    ),
    (
        lambda: run({"partition_filter": 5}),
        TypeError,
        "policy['partition_filter'] must be a dict, not int",
    ),
    (
        lambda: run({"partition_filter": {"start": 0}}),
        aerospike_py.InvalidArgError,
        (
            "policy['partition_filter']['start']: a partition filter has no such "
            "key; there are begin, count, digest"
        ),
    ),
    (
        lambda: run({"partition_filter": {"begin": 4096}}),
        aerospike_py.InvalidArgError,
        "policy['partition_filter']['begin'] must be from 0 to 4095, not 4096",
    ),
    (
        lambda: run({"partition_filter": {"begin": 4000, "count": 200}}),
        aerospike_py.InvalidArgError,
        (
            "policy['partition_filter']: there are partitions 0 to 4095; 200 from "
            "4000 are not among them"
        ),
    ),
    (
        lambda: run({"partition_filter": {"digest": b"x"}}),
        aerospike_py.InvalidArgError,
        "policy['partition_filter']['digest'] must have 20 bytes, not 1",
    ),
    (
        lambda: query().select(5),
        TypeError,
        "bins[0] must be a str, not int: 5",
    ),
    (
        lambda: query().select(["a", "b"]),
        TypeError,
        "bins[0] must be a str, not list: select('a', 'b') takes names one by one",
    ),
    (
        lambda: query().select("a", "b" * 16),
        aerospike_py.BinNameError,
        ("bins[1] must have at most 15 bytes, and 'bbbbbbbbbbbbbbbb' has 16 (result code 21)"),
    ),
    (
        lambda: query().where(None),
        TypeError,
        "predicate must be a tuple made by aerospike_py.predicates, a text or an expression, "
        "not NoneType",
    ),
    (
        lambda: query().where(("equal", "a", 1)),
        aerospike_py.InvalidArgError,
        "predicate[0]: there is no predicate 'equal'; did you mean 'equals'?",
    ),
    (
        lambda: query().where(("equals", "a")),
        aerospike_py.InvalidArgError,
        "predicate: 'equals' has 3 members, its name included, not 2",
    ),
    (
        lambda: query().where(("equals", 5, 1)),
        TypeError,
        "predicate[1], the bin, must be a str, not int: 5",
    ),
    (
        lambda: query().where(("equals", "a", 1.5)),
        TypeError,
        "predicate[2], the value, must be an int, str or bytes, not float",
    ),
    (
        lambda: query().where(("between", "a", 2, 1)),
        aerospike_py.InvalidArgError,
        "predicate: the range from 2 to 1 is reversed",
    ),
    (
        lambda: query().where(("between", "a", "x", "y")),
        TypeError,
        "predicate[2], the value, must be an int, not str",
    ),
    (
        lambda: query().where(("contains", "a", 9, 1)),
        aerospike_py.InvalidArgError,
        "predicate[2], the index type, must be one of the INDEX_TYPE_ constants, not 9",
    ),
    (
        lambda: query().where(("equals", "a", 2**63)),
        OverflowError,
        "predicate[2], the value, does not fit into 64 bits",
    ),
    (
        lambda: query().where(predicates.equals("a", 1)).where(predicates.equals("b", 1)),
        aerospike_py.InvalidArgError,
        (
            "a query has one predicate, and this one has one already; use a filter "
            "expression for more"
        ),
    ),
    (
        lambda: query().where(predicates.equals("a", 1), index_name=5),
        TypeError,
        "index_name must be a str, not int",
    ),
    (
        lambda: query().numpy_chunks([("a", "i4")], {"typo": 1}),
        aerospike_py.InvalidArgError,
        (
            "policy['typo']: a query policy has no such key; there are "
            "socket_timeout, total_timeout, max_retries, sleep_between_retries, "
            "timeout_delay, connect_timeout, compress, error_detail_verbosity, "
            "replica, expressions, filter_expression, max_records, "
            "records_per_second, include_bin_data, expected_duration, "
            "partition_filter, token, fail_on_cluster_change"
        ),
    ),
    (
        lambda: query().to_numpy("i4"),
        TypeError,
        "dtype must be a structured dtype, such as [('age', 'i4'), ('name', 'S16')], not int32",
    ),
    (
        lambda: query().to_numpy([("a", "O")]),
        TypeError,
        (
            "field 'a' has the type object (kind='O'), which no bin fits; use "
            "integers, floats of up to 8 bytes, booleans, S or V, or sub-arrays of "
            "these"
        ),
    ),
    (
        lambda: query().operate_background([]),
        aerospike_py.InvalidArgError,
        "ops must have at least one operation",
    ),
    (
        lambda: GeoJSON("{bad"),
        aerospike_py.InvalidArgError,
        (
            "GeoJSON text must be JSON, and is not: Expecting property name "
            "enclosed in double quotes: line 1 column 2 (char 1)"
        ),
    ),
    (
        lambda: GeoJSON("[1]"),
        aerospike_py.InvalidArgError,
        "GeoJSON text must be a JSON object, not '[1]'",
    ),
    (
        lambda: GeoJSON(5),
        TypeError,
        "a GeoJSON value is made from str or dict, not int",
    ),
    (
        lambda: lop.list_append(5, 1),
        TypeError,
        "bin must be a str, not int",
    ),
    (
        lambda: lop.list_append("l", 1, {"write_flag": 1}),
        aerospike_py.InvalidArgError,
        ("policy['write_flag']: a list policy has no such key; did you mean 'write_flags'?"),
    ),
    (
        lambda: lop.list_append("l", 1, {"order": "x"}),
        TypeError,
        "policy['order'] must be an int, not str",
    ),
    (
        lambda: lop.list_append("l", 1, 5),
        TypeError,
        "policy must be a dict, not int",
    ),
    (
        lambda: lop.list_get("l", "0"),
        TypeError,
        "index must be an int, not str",
    ),
    (
        lambda: lop.list_get_by_index("l", 0, 99),
        aerospike_py.InvalidArgError,
        "return_type 99 is none of the LIST_RETURN_... constants",
    ),
    (
        lambda: lop.list_append_items("l", "items"),
        TypeError,
        "vals must be a list, not str",
    ),
    (
        lambda: lop.list_pop_range("l", 0, -1),
        aerospike_py.InvalidArgError,
        "count must not be negative, but is -1",
    ),
    (
        lambda: mop.map_put("m", "k", 1, {"map_order": 9}),
        aerospike_py.InvalidArgError,
        "policy: there is no order 9 of a map",
    ),
    (
        lambda: mop.map_put_items("m", [1]),
        TypeError,
        "items must be a dict, not list",
    ),
    (
        lambda: mop.map_get_by_key("m", "k", "value"),
        TypeError,
        "return_type must be an int, not str",
    ),
    (
        lambda: bop.bit_get("b", "0", 8),
        TypeError,
        "bit_offset must be an int, not str",
    ),
    (
        lambda: hop.hll_add("h", "values"),
        TypeError,
        "vals must be a list, not str",
    ),
    (
        lambda: eop.exp_read("x", 5),
        TypeError,
        "expression must be made by aerospike_py.exp, not int",
    ),
    (
        lambda: eop.exp_read("x", exp.eq("a", 1)),
        aerospike_py.InvalidArgError,
        "expression: eq: a str is compared with an int; did you mean int_bin('a')?",
    ),
    (
        lambda: exp.int_val("5"),
        TypeError,
        "val must be an int, not str",
    ),
    (
        lambda: exp.and_(),
        aerospike_py.InvalidArgError,
        "and needs 1 or more expressions, not 0",
    ),
    (
        lambda: exp.cond(True, 1),
        aerospike_py.InvalidArgError,
        "cond needs pairs of a condition and a value, then a default",
    ),
    (
        lambda: exp.key(7),
        aerospike_py.InvalidArgError,
        "exp_type must be one of 2, 3, 6, but is 7",
    ),
    (
        lambda: exp.compile(exp.num_add(exp.int_bin("a"), 1.5)),
        aerospike_py.InvalidArgError,
        "expression: num_add takes numbers of one type, not an int and a float",
    ),
    (
        lambda: exp.compile(exp.let_(exp.def_("total", 1), exp.var("totl"))),
        aerospike_py.InvalidArgError,
        "expression: var('totl') is not defined; did you mean 'total'?",
    ),
    (
        lambda: make(hosts=["h:3000:tls"]),
        aerospike_py.InvalidArgError,
        ("config['hosts'][0] must be 'host' or 'host:port', not 'h:3000:tls'"),
    ),
    (
        lambda: make(hosts=["h "]),
        aerospike_py.InvalidArgError,
        ("config['hosts'][0] must be 'host' or 'host:port', not 'h '"),
    ),
    (
        lambda: make(hosts=["http://h:3000"]),
        aerospike_py.InvalidArgError,
        ("config['hosts'][0] must be 'host' or 'host:port', not 'http://h:3000'"),
    ),
    (
        lambda: make(hosts=["a:3000,b:3000"]),
        aerospike_py.InvalidArgError,
        ("config['hosts'][0] must be 'host' or 'host:port', not 'a:3000,b:3000'"),
    ),
    (
        lambda: make(hosts=[("http://h", 3000)]),
        aerospike_py.InvalidArgError,
        ("config['hosts'][0][0], the name or address, cannot be 'http://h'"),
    ),
    (
        lambda: make(ip_map={"a": None}),
        TypeError,
        ("config['ip_map']['a'] must be a str, not NoneType"),
    ),
    (
        lambda: make(policies={"write": {"ttl": NOON}}),
        aerospike_py.InvalidArgError,
        ("config['policies']['write']['ttl'] is for many writes, and cannot be a datetime"),
    ),
    (
        lambda: make(policies={"batch_apply": {"ttl": NOON}}),
        aerospike_py.InvalidArgError,
        ("config['policies']['batch_apply']['ttl'] is for many writes, and cannot be a datetime"),
    ),
    (
        lambda: make(converters=[5]),
        TypeError,
        ("config['converters'][0] must be a Converter, not int"),
    ),
    (
        lambda: make(converters=[DATETIME_IN_MICROSECONDS, DATETIME_IN_MICROSECONDS]),
        aerospike_py.InvalidArgError,
        ("config['converters'][1] is the second of datetime"),
    ),
    (
        lambda: Converter("x", str, str),
        TypeError,
        ("kind must be a type, not str"),
    ),
    (
        lambda: Converter(set, list, "set"),
        TypeError,
        ("from_bin must be a function, not str"),
    ),
    (
        lambda: client.get(("test", "demo", 1, 2, 3)),
        aerospike_py.InvalidArgError,
        ("key must have 3 members (namespace, set, user key), or a digest as the 4th, not 5"),
    ),
    (
        lambda: client.get((b"test", "demo", 1)),
        TypeError,
        ("key[0], the namespace, must be a str, not bytes"),
    ),
    (
        lambda: client.get(("test", "demo", decimal.Decimal(5))),
        TypeError,
        ("key[2], the user key, must be a str, int or bytes, not Decimal"),
    ),
    (
        lambda: client.get(KEY, {"gen": 1}),
        aerospike_py.InvalidArgError,
        ("policy['gen']: that is a key of write policies, and not of a read policy"),
    ),
    (
        lambda: client.get(KEY, {"timeout": 5}),
        aerospike_py.InvalidArgError,
        ("policy['timeout']: a read policy has no such key; did you mean 'total_timeout'?"),
    ),
    (
        lambda: client.get(KEY, {"max_records": 5}),
        aerospike_py.InvalidArgError,
        ("policy['max_records']: that is a key of query policies, and not of a read policy"),
    ),
    (
        lambda: client.get(KEY, {"allow_inline": True}),
        aerospike_py.InvalidArgError,
        ("policy['allow_inline']: that is a key of batch policies, and not of a read policy"),
    ),
    (
        lambda: client.get(KEY, {"expressions": exp.gt(exp.int_bin("a"), decimal.Decimal(5))}),
        TypeError,
        ("policy['expressions']['right']: a value of type decimal.Decimal cannot be stored"),
    ),
    (
        lambda: client.get(KEY, {"filter_expression": exp.gt(exp.int_bin("a"), 2**70)}),
        OverflowError,
        (
            "policy['filter_expression']['right']: the int 1180591620717411303424 does not fit "
            "into 64 bits"
        ),
    ),
    (
        lambda: client.get(KEY, {"expressions": "age > 5"}),
        aerospike_py.InvalidArgError,
        (
            "policy['expressions']: line 1, column 1, before 'age > 5': expected a value; strings"
            " have quotes, and bins begin with '$.'"
        ),
    ),
    (
        lambda: client.get(KEY, {"expressions": "$.age > 'x"}),
        aerospike_py.InvalidArgError,
        ("policy['expressions']: line 1, column 9, before \"'x\": this quote has no end"),
    ),
    (
        lambda: client.get(KEY, {"expressions": True}),
        TypeError,
        ("policy['expressions'] must be an expression made by aerospike_py.exp, not bool"),
    ),
    (
        lambda: client.get(KEY, {"expressions": [exp.bin_exists("a")]}),
        TypeError,
        ("policy['expressions'] must be an expression made by aerospike_py.exp, not list"),
    ),
    (
        lambda: client.get(KEY, {"expressions": exp.not_(exp.string_val("x"))}),
        aerospike_py.InvalidArgError,
        ("policy['expressions']: not takes a bool, not a str; did you mean bool_bin('x')?"),
    ),
    (
        lambda: client.get(KEY, {"expressions": exp.regex_compare("x", 0, exp.int_bin("a"))}),
        aerospike_py.InvalidArgError,
        ("policy['expressions']: regex_compare takes a str, not an int"),
    ),
    (
        lambda: client.get(KEY, into="User"),
        TypeError,
        ("into must be a dataclass, a msgspec Struct, a TypedDict or a pydantic model, not 'User'"),
    ),
    (
        lambda: client.get(KEY, into=list[int]),
        TypeError,
        (
            "into must be a dataclass, a msgspec Struct, a TypedDict or a pydantic model, not "
            "list[int]"
        ),
    ),
    (
        lambda: client.get(KEY, into=[int]),
        TypeError,
        (
            "into must be a dataclass, a msgspec Struct, a TypedDict or a pydantic model, not "
            "[<class 'int'>]"
        ),
    ),
    (
        lambda: client.select(KEY, ["a"], into=int),
        TypeError,
        ("into must be a dataclass, a msgspec Struct, a TypedDict or a pydantic model, not int"),
    ),
    (
        lambda: client.operate(KEY, [INCREMENT], into=int),
        TypeError,
        ("into must be a dataclass, a msgspec Struct, a TypedDict or a pydantic model, not int"),
    ),
    (
        lambda: client.put(KEY, {b"a": 1}),
        TypeError,
        ("the name of a bin must be a str, not bytes: b'a'"),
    ),
    (
        lambda: client.put(KEY, {"a": datetime.datetime(2026, 1, 1)}),
        TypeError,
        ("bins['a']: a value of type datetime.datetime cannot be stored without a Converter"),
    ),
    (
        lambda: client.put(KEY, {"a": int}),
        TypeError,
        ("bins['a']: a value of type type cannot be stored without a Converter"),
    ),
    (
        lambda: client.put(KEY, {"a": 1}, (1, 2)),
        TypeError,
        ("meta must be a dict, or the metadata of a record, not tuple"),
    ),
    (
        lambda: client.put(KEY, {"a": 1}, {"ttl": datetime.datetime(2026, 1, 1)}),
        aerospike_py.InvalidArgError,
        ("meta['ttl'] must have a time zone when it is a datetime: 2026-01-01 00:00:00"),
    ),
    (
        lambda: client.put(KEY, {"a": 1}, {"ttl": NOON}),
        aerospike_py.InvalidArgError,
        ("meta['ttl'] must be in the next 68 years, not 2020-01-01 12:00:00+00:00"),
    ),
    (
        lambda: client.put(KEY, {"a": 1}, {"ttl": datetime.timedelta(-1)}),
        aerospike_py.InvalidArgError,
        (
            "meta['ttl'] must be seconds from 0 to 2147483647 or a TTL_ constant, not "
            "datetime.timedelta(days=-1)"
        ),
    ),
    (
        lambda: client.put(KEY, {"a": 1}, None, {"partition_filter": 5}),
        aerospike_py.InvalidArgError,
        ("policy['partition_filter']: that is a key of query policies, and not of a write policy"),
    ),
    (
        lambda: client.increment(KEY, "a", decimal.Decimal(1)),
        TypeError,
        ("offset must be int or float, not Decimal"),
    ),
    (
        lambda: client.append(KEY, "a", {1}),
        TypeError,
        ("val must be str or bytes or bytearray, not set"),
    ),
    (
        lambda: client.operate(KEY, [lop.list_append]),
        TypeError,
        ("ops[0] must be a dict, not function"),
    ),
    (
        lambda: client.batch_read(KEYS, errors="zero"),
        aerospike_py.InvalidArgError,
        ("errors is about the rows of an array, and needs a _dtype"),
    ),
    (
        lambda: client.batch_read(KEYS, mask=True),
        aerospike_py.InvalidArgError,
        ("mask is about the rows of an array, and needs a _dtype"),
    ),
    (
        lambda: client.batch_read(KEYS, _dtype=[("n", "i8")], mask=5),
        TypeError,
        ("mask must be a bool, not int"),
    ),
    (
        lambda: client.batch_read(KEYS, ["x"], _dtype=[("n", "i8")]),
        aerospike_py.InvalidArgError,
        ("bins: _dtype has fields for none of them, but ('n',)"),
    ),
    (
        lambda: client.batch_read(KEYS, into=int, _dtype=[("n", "i8")]),
        aerospike_py.InvalidArgError,
        ("into and _dtype are two kinds of results; give one"),
    ),
    (
        lambda: client.batch_write_numpy(np.zeros(1, [("_key", "i4"), ("n", "i4")]), "", "demo"),
        aerospike_py.InvalidArgError,
        ("namespace must not be empty"),
    ),
    (
        lambda: client.batch_write_numpy(np.zeros(1, [("_key", "i4"), ("n", "i4")]), "test", 5),
        TypeError,
        ("set_name must be a str or None, not int"),
    ),
    (
        lambda: batch.write(KEY, {"a": 1}, policy={"total_timeout": 5}),
        aerospike_py.InvalidArgError,
        (
            "policy['total_timeout']: that is a key of the whole batch's policy, and not of the "
            "policy of a row made by write"
        ),
    ),
    (
        lambda: batch.read(KEY, ["a"], {"allow_inline": True}),
        aerospike_py.InvalidArgError,
        (
            "policy['allow_inline']: that is a key of the whole batch's policy, and not of the "
            "policy of a row made by read"
        ),
    ),
    (
        lambda: batch.remove(KEY, policy={"ttl": 5}),
        aerospike_py.InvalidArgError,
        (
            "policy['ttl']: that is a key of write policies, and not of the policy of a row made "
            "by remove"
        ),
    ),
    (
        lambda: client.info_random_node("build", {"total_timeout": 5}),
        aerospike_py.InvalidArgError,
        ("policy['total_timeout']: an info policy has no such key; did you mean 'timeout'?"),
    ),
    (
        lambda: run({"key": 1}),
        aerospike_py.InvalidArgError,
        ("policy['key']: that is a key of read and write policies, and not of a query policy"),
    ),
    (
        lambda: run({"commit_level": 1}),
        aerospike_py.InvalidArgError,
        ("policy['commit_level']: that is a key of write policies, and not of a query policy"),
    ),
    (
        lambda: query().operate_background([INCREMENT], {"max_records": 5}),
        aerospike_py.InvalidArgError,
        ("policy['max_records']: that is a key of query policies, and not of a write policy"),
    ),
    (
        lambda: query().where(predicates.geo_within_radius("g", 200, 1, 1)),
        aerospike_py.InvalidArgError,
        ("predicate[2], the latitude, must be from -90 to 90, not 200"),
    ),
    (
        lambda: query().where(predicates.geo_within_radius("g", 1, 200, 1)),
        aerospike_py.InvalidArgError,
        ("predicate[3], the longitude, must be from -180 to 180, not 200"),
    ),
    (
        lambda: query().where(predicates.geo_within_radius("g", 1, 2, -5)),
        aerospike_py.InvalidArgError,
        (
            "predicate[4], the radius in metres, must be a finite number that is not negative, "
            "not -5"
        ),
    ),
    (
        lambda: query().where(predicates.geo_within_radius("g", 1, 2, "5")),
        TypeError,
        ("predicate[4], the radius in metres, must be a number, not str"),
    ),
    (
        lambda: query().where(predicates.geo_within_geojson_region("g", "{bad")),
        aerospike_py.InvalidArgError,
        (
            "predicate[2]: GeoJSON text must be JSON, and is not: Expecting property name "
            "enclosed in double quotes: line 1 column 2 (char 1)"
        ),
    ),
    (
        lambda: query().where(predicates.between("n", 1, None)),
        TypeError,
        ("predicate[3], the value, must be an int, not NoneType"),
    ),
    (
        lambda: query().where(predicates.contains("n", "list", 1)),
        TypeError,
        ("predicate[2], the index type, must be one of the INDEX_TYPE_ constants, not str"),
    ),
    (
        lambda: query().where("n = 5"),
        aerospike_py.InvalidArgError,
        (
            "predicate: line 1, column 1, before 'n = 5': expected a value; strings have quotes, "
            "and bins begin with '$.'"
        ),
    ),
    (
        lambda: query().where(exp.int_bin("n")),
        aerospike_py.InvalidArgError,
        ("predicate: a filter is true or false, and int_bin gives an int"),
    ),
    (
        lambda: query().foreach(5),
        TypeError,
        ("callback must be a function, not int"),
    ),
    (
        lambda: client.background_job("x"),
        TypeError,
        ("job_id must be an int, not str"),
    ),
    (
        lambda: client.background_job(-1),
        aerospike_py.InvalidArgError,
        ("job_id must be from 0 to 18446744073709551615, not -1"),
    ),
    (
        lambda: client.index_create("test", "demo", "n", "i", 0, expression=exp.int_bin("n")),
        aerospike_py.InvalidArgError,
        ("bin_name must be None where there is an expression"),
    ),
    (
        lambda: client.truncate("test", "demo", datetime.datetime(2026, 1, 1)),
        aerospike_py.InvalidArgError,
        ("nanos must have a time zone when it is a datetime: 2026-01-01 00:00:00"),
    ),
    (
        lambda: client.udf_put("m.lua", "lua"),
        TypeError,
        ("udf_type must be an int, not str"),
    ),
    (
        lambda: GeoJSON({"a": {1}}),
        TypeError,
        ("a GeoJSON value must be JSON, and is not: Object of type set is not JSON serializable"),
    ),
    (
        lambda: aerospike_py.start_metrics_server(port="x"),
        TypeError,
        ("port must be an int, not str"),
    ),
    (
        lambda: aerospike_py.start_metrics_server(port=70000),
        aerospike_py.InvalidArgError,
        ("port must be from 0 to 65535, not 70000"),
    ),
    (
        lambda: aerospike_py.start_metrics_server(host=5),
        TypeError,
        ("host must be a str, not int"),
    ),
    (
        lambda: aerospike_py.set_log_level("debug"),
        TypeError,
        ("the log level must be an int, not str"),
    ),
    (
        lambda: exp.int_bin("a" * 16),
        aerospike_py.BinNameError,
        ("name must have at most 15 bytes, and 'aaaaaaaaaaaaaaaa' has 16 (result code 21)"),
    ),
    (
        lambda: exp.int_bin(""),
        aerospike_py.BinNameError,
        ("name must not be empty (result code 21)"),
    ),
    (
        lambda: exp.digest_modulo(0),
        aerospike_py.InvalidArgError,
        ("modulo must be from 1 to 2147483647, not 0"),
    ),
    (
        lambda: exp.geo_val("[1]"),
        aerospike_py.InvalidArgError,
        ("GeoJSON text must be a JSON object, not '[1]'"),
    ),
    (
        lambda: exp.let_(5, 6),
        aerospike_py.InvalidArgError,
        ("argument 0 of let_ must be made by def_"),
    ),
    (
        lambda: DevCluster("3"),
        TypeError,
        ("nodes must be an int, not str"),
    ),
    (
        lambda: DevCluster(namespaces="test"),
        TypeError,
        ("namespaces must be a list, not str"),
    ),
    (
        lambda: DevCluster(namespaces=[5]),
        TypeError,
        ("namespaces[0] must be a str or a dict, not int"),
    ),
    (
        lambda: DevCluster(namespaces=[{"nam": "x"}]),
        aerospike_py.InvalidArgError,
        ("namespaces[0]['nam']: a namespace has no such key; did you mean 'name'?"),
    ),
    (
        lambda: DevCluster(namespaces=[{"name": "x", "default_ttl_s": "5"}]),
        TypeError,
        ("namespaces[0]['default_ttl_s'] must be an int, not str"),
    ),
    (
        lambda: DevCluster(2, racks=["a", "b"]),
        TypeError,
        ("racks[0] must be an int, not str"),
    ),
    (
        lambda: DevCluster(users={"x": "p"}),
        TypeError,
        ("users must be a list, not dict"),
    ),
    (
        lambda: DevCluster(users=[{"password": "x"}]),
        aerospike_py.InvalidArgError,
        ("users[0] has no 'name'"),
    ),
    (
        lambda: DevCluster(users=[{"name": "x", "password": "p", "roles": "read"}]),
        TypeError,
        ("users[0]['roles'] must be a list of str, not str"),
    ),
    (
        lambda: DevCluster(compression="yes"),
        TypeError,
        ("compression must be a bool, not str"),
    ),
    (
        lambda: assert_record(None, {"a": 1}),
        TypeError,
        ("record must be a Record, as a client reads them, not NoneType"),
    ),
]


@pytest.mark.parametrize(("call", "error", "message"), CASES)
def test_what_is_said_of(call: Callable[[], Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error) as caught:
        call()
    assert str(caught.value) == message
    assert type(caught.value) is error


def test_the_table_is_long() -> None:
    assert len(CASES) >= 300
    assert len({message for _, _, message in CASES}) > 250


@pytest.mark.parametrize(
    "call",
    [
        lambda c: c.get(5),
        lambda c: c.put(KEY, {"a": {1}}),
        lambda c: c.batch_read([KEY, None]),
        lambda c: c.operate(KEY, []),
    ],
)
def test_the_asynchronous_client_says_the_same(call: Callable[[Any], Any]) -> None:
    with pytest.raises((TypeError, ValueError)) as waited:
        call(client)

    async def awaited() -> None:
        await call(AsyncClient({"hosts": ["h"]}))

    with pytest.raises(type(waited.value)) as caught:
        asyncio.run(awaited())
    assert str(caught.value) == str(waited.value)
