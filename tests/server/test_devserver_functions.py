"""Functions in Lua on the dev server: their world, their limits, and the threads they run on."""

import logging
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Iterator
from typing import Any

import pytest

import aerospike_py
from aerospike_py import Client, UDFError
from aerospike_py.devserver import DevCluster, _lua

SOURCE = """
local calls = 0

function run(rec, source)
    return assert(load(source))(rec)
end

function count(rec)
    if aerospike:exists(rec) then
        rec.n = rec.n + 1
        aerospike:update(rec)
    else
        rec.n = 1
        aerospike:create(rec)
    end
    calls = calls + 1
    return rec.n
end

function for_ever(rec)
    while true do
        pcall(function() while true do end end)
    end
end

function says(rec)
    info("%d of %s", 5, "x")
    aerospike:log(1, "careful")
    print("a", 1)
end
"""

# The server then waits as long as it does for those who do not say how long it may.
PATIENT: Any = {"total_timeout": 0, "socket_timeout": 0, "max_retries": 0}


@pytest.fixture(scope="module")
def cluster() -> Iterator[DevCluster]:
    with DevCluster() as running:
        yield running


@pytest.fixture(scope="module")
def client(cluster: DevCluster) -> Iterator[Client]:
    with aerospike_py.client(cluster.config).connect() as connected:
        connected.udf_put("m.lua", source=SOURCE)
        yield connected


@pytest.fixture
def key() -> tuple[str, str, str]:
    return "test", "demo", uuid.uuid4().hex


@pytest.mark.parametrize(
    "source",
    [
        "return tostring(io) .. tostring(os.execute) .. tostring(os.exit) .. tostring(os.remove)",
        "return tostring(dofile) .. tostring(loadfile) .. tostring(python) .. tostring(os.getenv)",
        "local d = require('debug') return tostring(d.sethook) .. tostring(d.getregistry)"
        " .. tostring(d.getupvalue) .. tostring(package.loadlib)",
        "return tostring(package.loaded.io) .. tostring(package.loaded.python)"
        " .. tostring(package.searchers) .. tostring(load(string.dump(function() end)))",
    ],
)
def test_nothing_outside_is_within_reach(
    client: Client, key: tuple[str, str, str], source: str
) -> None:
    assert client.apply(key, "m", "run", [source]) == "nil" * 4


def test_modules_may_take_any_global_for_themselves(
    client: Client, key: tuple[str, str, str]
) -> None:
    source = """
    for name in pairs(_G) do
        if name ~= "aerospike" and name ~= "_G" then _G[name] = 5 end
    end
    _G = nil
    function f(rec, value)
        rec.a = value
        return aerospike:create(rec)
    end
    """
    client.udf_put("taken.lua", source=source)
    assert client.apply(key, "taken", "f", [{"b": [1, "c"]}]) == 0
    assert client.get(key).bins == {"a": {"b": [1, "c"]}}


def test_a_function_that_does_not_end_is_stopped(client: Client, key: tuple[str, str, str]) -> None:
    with pytest.raises(UDFError, match="UDF Execution Timeout"):
        client.apply(key, "m", "for_ever", policy=PATIENT)
    assert client.apply(key, "m", "count") == 1


def test_a_function_that_takes_too_much_memory_fails(
    client: Client, key: tuple[str, str, str]
) -> None:
    with pytest.raises(UDFError, match="memory"):
        client.apply(key, "m", "run", ["return string.rep('x', 2^30 | 0)"])
    assert client.apply(key, "m", "count") == 1


def test_modules_use_each_other(client: Client, key: tuple[str, str, str]) -> None:
    client.udf_put("base.lua", source="local M = {} function M.two() return 2 end return M")
    client.udf_put(
        "above.lua",
        source="""
        local base = require("base")
        function four(rec) return base.two() * 2 end
        function late(rec) return require("later").name end
        """,
    )
    assert client.apply(key, "above", "four") == 4
    with pytest.raises(UDFError, match="module 'later' not found"):
        client.apply(key, "above", "late")
    client.udf_put("later.lua", source="return {name = ...}")
    with pytest.raises(UDFError, match=r"missing\.lua|module 'missing' not found"):
        client.udf_put("broken.lua", source="require('missing')")


def test_what_functions_log(
    client: Client, key: tuple[str, str, str], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "aerospike_py.devserver")
    client.apply(key, "m", "says")
    assert [(record.levelname, record.getMessage()) for record in caplog.records] == [
        ("INFO", "m.lua:27: 5 of x"),
        ("WARNING", "m.lua:28: careful"),
        ("INFO", "m.lua:29: a\t1"),
    ]


def test_nothing_is_lost_between_functions_and_writes_on_one_record(
    cluster: DevCluster, client: Client, key: tuple[str, str, str]
) -> None:
    client.put(key, {"n": 0})

    def work(number: int) -> None:
        for _ in range(50):
            if number % 2 == 0:
                client.apply(key, "m", "count")
            else:
                client.increment(key, "n", 1)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    record = client.get(key)
    assert record.bins == {"n": 300}
    assert record.meta is not None
    assert record.meta.gen == 301


def test_stopping_waits_for_functions() -> None:
    """Neither the one that stops nor the function's thread may wait for the other."""
    cluster = DevCluster(nodes=1).start()
    with aerospike_py.client(cluster.config).connect() as client:
        client.udf_put("m.lua", source=SOURCE)

        def apply() -> None:
            with pytest.raises(aerospike_py.AerospikeError):
                client.apply(("test", "demo", "k"), "m", "for_ever", policy=PATIENT)

        thread = threading.Thread(target=apply)
        thread.start()
        wait_for_function(cluster)
        cluster.stop()
        thread.join(30)
        assert not thread.is_alive()


def wait_for_function(cluster: DevCluster) -> None:
    deadline = time.monotonic() + 30
    while not any(node["udf"] for node in cluster.counters()):
        assert time.monotonic() < deadline
        time.sleep(0.001)


PROGRAM = """
import sys, threading
sys.path.insert(0, {folder!r})
import aerospike_py
from aerospike_py.devserver import DevCluster
from test_devserver_functions import PATIENT, SOURCE, wait_for_function

cluster = DevCluster(nodes=1).start()
client = aerospike_py.client(cluster.config).connect()
client.udf_put("m.lua", source=SOURCE)
arguments = ("test", "demo", "k"), "m", "for_ever", [], PATIENT
threading.Thread(target=client.apply, args=arguments, daemon=True).start()
wait_for_function(cluster)
print("running", flush=True)
"""


def test_a_process_ends_while_a_function_runs() -> None:
    folder = str(__file__).rsplit("/", 1)[0]
    ended = subprocess.run(
        [sys.executable, "-c", PROGRAM.format(folder=folder)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (ended.returncode, ended.stdout) == (0, "running\n"), ended.stderr


def test_without_lupa_modules_are_kept_but_not_run(
    monkeypatch: pytest.MonkeyPatch, key: tuple[str, str, str]
) -> None:
    monkeypatch.setattr(_lua, "_is_available", lambda: False)
    with DevCluster() as cluster, aerospike_py.client(cluster.config).connect() as client:
        client.udf_put("m.lua", source=SOURCE)
        assert client.udf_get("m") == SOURCE
        with pytest.raises(UDFError, match=r"aerospike-py\[lua\]") as caught:
            client.apply(key, "m", "count")
        assert caught.value.result_code == 100
