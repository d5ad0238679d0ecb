"""A configuration file: what it may say, what goes before what, and what a broken one does."""

import logging
import os
import sys
import time
from pathlib import Path
from typing import Any

import pytest

import aerospike_py
from aerospike_py import ClientError, InvalidArgError
from aerospike_py._config_file import NOTHING, VARIABLE, named_file, parse
from aerospike_py.devserver import DevCluster

HOSTS = {"hosts": [("127.0.0.1", 3000)]}
WHOLE = b"""
version: 1.0.0
static:
  client:
    config_interval: 500
    max_connections_per_node: 50
    min_connections_per_node: 3
    async_max_connections_per_node: 70
    async_min_connections_per_node: 4
dynamic:
  client:
    app_id: shop
    timeout: 700
    login_timeout: 800
    max_socket_idle: 30
    tend_interval: 250
    max_error_rate: 9
    error_rate_window: 2
    use_service_alternative: true
    rack_aware: true
    rack_ids: [4, 5]
    fail_if_not_connected: true
  read: {read_mode_ap: ALL, read_mode_sc: LINEARIZE, replica: MASTER_PROLES, total_timeout: 11}
  write: {send_key: true, durable_delete: true, max_retries: 3, sleep_between_retries: 4}
  query: {expected_duration: SHORT, include_bin_data: false, socket_timeout: 5, info_timeout: 6}
  scan: {total_timeout: 5}
  batch_read: {max_concurrent_threads: 1, allow_inline: false, respond_all_keys: false}
  batch_write: {total_timeout: 21, send_key: true, allow_inline_ssd: true}
  batch_udf: {durable_delete: true}
  batch_delete: {send_key: false}
  txn_roll: {total_timeout: 5}
  metrics: {enable: true, labels: {a: b}}
"""


def test_every_key_is_known() -> None:
    said = parse(WHOLE, is_async=False)
    assert said.interval_ms == 500
    assert said.connection == {
        "max_conns_per_node": 50,
        "min_conns_per_node": 3,
        "app_id": "shop",
        "timeout": 700,
        "login_timeout": 800,
        "idle_timeout": 30_000,
        "tend_interval": 250,
        "max_error_rate": 9,
        "error_rate_window": 2,
        "use_services_alternate": True,
        "rack_aware": True,
        "rack_ids": [4, 5],
    }
    write = {"key": 1, "durable_delete": True, "max_retries": 3, "sleep_between_retries": 4}
    batch = {"total_timeout": 21, "allow_inline_ssd": True}
    assert said.policies == {
        "read": {"read_mode_ap": 1, "read_mode_sc": 1, "replica": 3, "total_timeout": 11},
        **dict.fromkeys(("write", "operate", "remove", "apply"), write),
        "query": {"expected_duration": 1, "include_bin_data": False, "socket_timeout": 5},
        "batch_read": {"concurrent": False, "allow_inline": False, "respond_all_keys": False},
        "batch_write": {**batch, "key": 1},
        "batch_apply": {**batch, "durable_delete": True},
        "batch_remove": {**batch, "key": 0},
    }
    assert "dynamic.scan" in said.unused
    assert "dynamic.query.info_timeout" in said.unused
    theirs = parse(WHOLE, is_async=True).connection
    assert (theirs["max_conns_per_node"], theirs["min_conns_per_node"]) == (70, 4)


@pytest.mark.parametrize("content", [b"", b"version: 1.0.0", b"static:\ndynamic:\n  read:\n"])
def test_what_says_nothing_is_valid(content: bytes) -> None:
    assert parse(content, is_async=False) == NOTHING


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (b"dynamic: [", "no YAML"),
        (b"\xff\xfe\x00", "no YAML"),
        (b"- a", "must have keys"),
        (b"version: 2.0.0", "version must be '1.0.0'"),
        (b"dynamics: {}", "did you mean 'dynamic'"),
        (b"dynamic: {read: {total_timout: 1}}", "did you mean 'total_timeout'"),
        (b"dynamic: {read: {total_timeout: -1}}", "dynamic.read.total_timeout must be from 0"),
        (b"dynamic: {read: {total_timeout: true}}", "dynamic.read.total_timeout"),
        (b"dynamic: {read: {total_timeout: soon}}", "dynamic.read.total_timeout"),
        (b"dynamic: {read: {replica: ALL}}", "dynamic.read.replica must be one of MASTER"),
        (b"dynamic: {read: {replica: [1]}}", "dynamic.read.replica"),
        (b"dynamic: {write: {send_key: 1}}", "dynamic.write.send_key"),
        (b"dynamic: {batch_udf: {total_timeout: 1}}", "no such key"),
        (b"dynamic: {client: {rack_ids: 3}}", "rack_ids must be a list"),
        (b"dynamic: {client: {rack_ids: [x]}}", "rack_ids"),
        (b"static: {client: {config_interval: 1}}", "config_interval"),
        (b"!!python/object/apply:os.system [true]", "no YAML"),
    ],
)
def test_what_is_wrong_is_said_with_its_place(content: bytes, text: str) -> None:
    with pytest.raises((InvalidArgError, TypeError), match=text):
        parse(content, is_async=False)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "client.yaml"


def write(file: Path, content: str) -> None:
    """As who replaces files does."""
    other = file.with_suffix(".new")
    other.write_text(content)
    other.replace(file)


def test_the_file_goes_before_the_configuration_and_the_policies_of_calls(file: Path) -> None:
    write(file, "dynamic: {read: {total_timeout: 7}, query: {expected_duration: SHORT}}")
    config: Any = {**HOSTS, "config_file": file, "policies": {"read": {"total_timeout": 9}}}
    policies = aerospike_py.client(config)._session.policies
    assert policies.read({}).total_timeout == 7
    struct = policies.read({"total_timeout": 5, "max_retries": 4})
    assert (struct.total_timeout, struct.max_retries) == (7, 4)
    assert policies.read({"expressions": aerospike_py.exp.bool_bin("a")}).total_timeout == 7
    assert policies.write({}).total_timeout == 1000
    assert policies.query({"expected_duration": 0})[1]["expected_duration"] == 1


def test_a_changed_file_is_taken_and_a_broken_one_said_once(
    file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "aerospike_py")
    write(file, "dynamic: {read: {total_timeout: 7}, metrics: {enable: true}}")
    session = aerospike_py.client({**HOSTS, "config_file": str(file)})._session  # type: ignore[typeddict-item]
    policies = session.policies
    assert "taken: read.total_timeout=7" in caplog.text
    assert "of no use here: dynamic.metrics" in caplog.text
    taken = vars(caplog.records[0])
    assert taken["aerospike_event"] == "config_file_taken"
    assert taken["aerospike_path"] == str(file)
    caplog.clear()
    for broken in ("dynamic: [", "dynamic: {read: {total_timeout: 8, write: 3}}"):
        write(file, broken)
        for _ in range(3):
            session.look_at_config_file()
        (record,) = caplog.records
        assert record.levelno == logging.ERROR
        assert "changes nothing" in record.getMessage()
        assert policies.read({}).total_timeout == 7
        caplog.clear()
    file.unlink()
    session.look_at_config_file()
    session.look_at_config_file()
    assert len(caplog.records) == 1
    assert policies.read({}).total_timeout == 7
    write(file, "dynamic: {write: {total_timeout: 8}}")
    session.look_at_config_file()
    assert (policies.read({}).total_timeout, policies.write({}).total_timeout) == (1000, 8)


def test_what_does_not_agree_with_the_configuration_changes_nothing(
    file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    write(
        file, "{static: {client: {min_connections_per_node: 9}}, dynamic: {read: {replica: ANY}}}"
    )
    config: Any = {**HOSTS, "config_file": file, "max_conns_per_node": 5}
    session = aerospike_py.client(config)._session
    assert "must not be larger" in caplog.text
    assert session.policies.read({}).replica != aerospike_py.POLICY_REPLICA_ANY


def test_connections_are_as_the_file_says(file: Path) -> None:
    write(file, "dynamic: {client: {timeout: 77, app_id: shop, rack_ids: [3]}}")
    config: Any = {**HOSTS, "config_file": file, "timeout": 5, "app_id": "mine"}
    encoded = aerospike_py.client(config)._session.config.encode()
    for part in (b"\xa7timeout\x4d", b"\xa4shop", b"\xaarack_aware\xc3"):
        assert part in encoded


def test_the_environments_file_goes_before_the_configurations(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(VARIABLE, f"file://{file.as_posix().replace('client', '%63lient')}")
    assert named_file("other") == file
    monkeypatch.setenv(VARIABLE, str(file))
    assert named_file(None) == file
    monkeypatch.setenv(VARIABLE, "")
    assert named_file(None) is None
    assert named_file("a/b.yaml") == Path("a/b.yaml")
    for wrong in ("http://127.0.0.1/x", "file://elsewhere/x"):
        with pytest.raises(InvalidArgError, match="on this machine"):
            named_file(wrong)
    with pytest.raises(TypeError):
        aerospike_py.client({**HOSTS, "config_file": 5})  # type: ignore[typeddict-item]


def test_without_pyyaml_it_is_said_what_to_install(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "yaml", None)
    with pytest.raises(ClientError, match="pip install pyyaml"):
        aerospike_py.client({**HOSTS, "config_file": file})  # type: ignore[typeddict-item]
    aerospike_py.client({"hosts": HOSTS["hosts"]})


def test_a_changed_timeout_takes_effect_without_a_reconnect(file: Path) -> None:
    interval = "static: {client: {config_interval: 10}}\n"
    write(file, interval + "dynamic: {read: {total_timeout: 10000}}")
    key = ("test", "demo", "k")
    with DevCluster(nodes=1) as cluster:
        config: Any = {"hosts": cluster.hosts, "config_file": os.fspath(file)}
        with aerospike_py.client(config).connect() as client:
            client.put(key, {"a": 1})
            cluster.delay(300)
            assert client.get(key).bins == {"a": 1}
            opened = client.stats()[0].connections_opened
            write(file, interval + "dynamic: {read: {total_timeout: 20, max_retries: 0}}")
            end = time.monotonic() + 10
            while client._session.policies.read({}).total_timeout != 20:
                assert time.monotonic() < end
                time.sleep(0.005)
            cluster.delay(300)
            with pytest.raises(aerospike_py.AerospikeTimeoutError):
                client.get(key)
            assert client.stats()[0].connections_opened == opened
