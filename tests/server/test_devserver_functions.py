"""Functions in Lua on the dev server: their world, their limits, and the threads they run on."""

import logging
import os
import signal
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import aerospike_py
from aerospike_py import Client, UDFError
from aerospike_py.devserver import DevCluster, _functions

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

function handler(rec)
    xpcall(error, function() while true do end end)
end

function finalizer(rec)
    setmetatable({}, {__gc = function() while true do end end})
    collectgarbage()
end

function pattern(rec)
    return string.find(string.rep("a", 100), string.rep("a-", 50) .. "b")
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


ENDLESS = pytest.mark.parametrize("function", ["for_ever", "handler", "finalizer", "pattern"])


@ENDLESS
def test_a_function_that_does_not_end_is_stopped(
    client: Client, key: tuple[str, str, str], function: str
) -> None:
    with pytest.raises(UDFError, match="UDF Execution Timeout"):
        client.apply(key, "m", function, policy=PATIENT)
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
        ("INFO", "m.lua:40: 5 of x"),
        ("WARNING", "m.lua:41: careful"),
        ("INFO", "m.lua:42: a\t1"),
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


@ENDLESS
def test_stopping_ends_functions(function: str) -> None:
    """Neither the one that stops nor the function's thread may wait for the other."""
    cluster = DevCluster(nodes=1).start()
    # The function has a minute, and is given up within a second all the same.
    policy: Any = {"total_timeout": 60_000, "socket_timeout": 0, "max_retries": 0}
    with aerospike_py.client(cluster.config).connect() as client:
        client.udf_put("m.lua", source=SOURCE)

        def apply() -> None:
            with pytest.raises(aerospike_py.AerospikeError):
                client.apply(("test", "demo", "k"), "m", function, policy=policy)

        thread = threading.Thread(target=apply)
        thread.start()
        wait_for_function(cluster)
        begun = time.monotonic()
        cluster.stop()
        assert time.monotonic() - begun < 1
        thread.join(30)
        assert not thread.is_alive()


def test_functions_that_do_not_end_keep_nobody_else_waiting() -> None:
    minute: Any = {"total_timeout": 60_000, "socket_timeout": 0, "max_retries": 0}
    with DevCluster(nodes=1) as cluster, aerospike_py.client(cluster.config).connect() as client:
        client.udf_put("m.lua", source=SOURCE)

        def apply(number: int) -> None:
            with pytest.raises(aerospike_py.AerospikeError):
                client.apply(("test", "demo", number), "m", "handler", policy=minute)

        # More than the server has threads for them.
        threads = [threading.Thread(target=apply, args=(number,)) for number in range(8)]
        for thread in threads:
            thread.start()
        wait_for_function(cluster)
        key = "test", "demo", "other"
        for number in range(50):
            begun = time.monotonic()
            client.put(key, {"n": number})
            assert client.get(key).bins == {"n": number}
            assert client.info_random_node("node") == "D1"
            assert time.monotonic() - begun < 1
        cluster.stop()
        for thread in threads:
            thread.join(30)
            assert not thread.is_alive()


def test_a_function_in_the_background_keeps_nobody_waiting() -> None:
    with DevCluster(nodes=1) as cluster, aerospike_py.client(cluster.config).connect() as client:
        client.udf_put("m.lua", source=SOURCE)
        keys = [("test", "demo", number) for number in range(100)]
        for key in keys:
            client.put(key, {"n": 1})
        client.query("test", "demo").apply_background("m", "handler")
        for key in keys:
            begun = time.monotonic()
            assert client.get(key).bins == {"n": 1}
            assert time.monotonic() - begun < 1
        begun = time.monotonic()
        cluster.stop()
        assert time.monotonic() - begun < 1


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
def test_a_server_leaves_neither_processes_nor_descriptors(key: tuple[str, str, str]) -> None:
    processes, descriptors = processes_below(os.getpid()), open_descriptors()
    with DevCluster() as cluster, aerospike_py.client(cluster.config).connect() as client:
        client.udf_put("m.lua", source=SOURCE)
        with pytest.raises(UDFError):
            client.apply(key, "m", "handler", policy=PATIENT)
        assert client.apply(key, "m", "count") == 1
        assert len(processes_below(os.getpid()) - processes) == 1
    # What tests before it have left may end meanwhile.
    assert processes_below(os.getpid()) <= processes
    assert open_descriptors() <= descriptors


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
def test_a_process_that_was_killed_is_replaced(cluster: DevCluster, client: Client) -> None:
    key = "test", "demo", "killed"
    client.apply(key, "m", "run", ["return 1"])
    for each in processes_below(os.getpid()):
        os.kill(each, signal.SIGKILL)
    assert client.apply(key, "m", "run", ["return 2"]) == 2


def open_descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def processes_below(parent: int) -> set[int]:
    found = set()
    for path in Path(f"/proc/{parent}/task").glob("*/children"):
        found |= {int(each) for each in path.read_text().split()}
    return found


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


def run_program(more: str) -> "subprocess.CompletedProcess[str]":
    folder = str(__file__).rsplit("/", 1)[0]
    return subprocess.run(
        [sys.executable, "-c", PROGRAM.format(folder=folder) + more],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_a_process_ends_while_a_function_runs() -> None:
    ended = run_program("")
    assert (ended.returncode, ended.stdout) == (0, "running\n"), ended.stderr


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
def test_no_function_outlives_a_process_that_is_killed() -> None:
    # Its output ends when all that have it open are gone, which are those of the functions too.
    ended = run_program("import os, signal; os.kill(os.getpid(), signal.SIGKILL)")
    assert (ended.returncode, ended.stdout) == (-signal.SIGKILL, "running\n"), ended.stderr


@pytest.mark.skipif(sys.platform == "win32", reason="nothing forks")
def test_a_forked_child_leaves_the_servers_of_its_parent_alone() -> None:
    ended = run_program("""
import gc, os
child = os.fork()
if child == 0:
    del cluster
    gc.collect()
    with DevCluster() as own, aerospike_py.client(own.config).connect() as inner:
        inner.udf_put("m.lua", source=SOURCE)
        assert inner.apply(("test", "demo", "k"), "m", "count") == 1
    sys.stdout.flush()
    os._exit(0)
assert os.waitpid(child, 0)[1] == 0
assert cluster.counters()[0]["udf"] == 1
""")
    assert (ended.returncode, ended.stdout) == (0, "running\n"), ended.stderr


def test_without_lupa_modules_are_kept_but_not_run(
    monkeypatch: pytest.MonkeyPatch, key: tuple[str, str, str]
) -> None:
    monkeypatch.setattr(_functions, "_lupa_path", lambda: None)
    with DevCluster() as cluster, aerospike_py.client(cluster.config).connect() as client:
        client.udf_put("m.lua", source=SOURCE)
        assert client.udf_get("m") == SOURCE
        with pytest.raises(UDFError, match="pip install lupa") as caught:
            client.apply(key, "m", "count")
        assert caught.value.result_code == 100
