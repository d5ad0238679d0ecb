"""The fixtures that come with the package: what one test does, the next does not see."""

import os
import subprocess
import sys
from pathlib import Path

TESTS = """
import time

import pytest

import aerospike_py
from aerospike_py.devserver import DevCluster

KEY = ("test", "demo", "k")


def test_leaves_everything_behind(aerospike_server: DevCluster, aerospike_client) -> None:
    aerospike_client.put(KEY, {"n": 1})
    aerospike_client.index_integer_create("test", "demo", "n", "left_behind")
    aerospike_client.udf_put("left.lua", source="function f(r) return 1 end")
    aerospike_server.set_time_offset(10**9)
    aerospike_server.kill(1)
    aerospike_server.delay(60_000)


def test_moves_and_takes_away(aerospike_server: DevCluster) -> None:
    aerospike_server.move_partition(5, 1)
    aerospike_server.move_partition(6, 0)
    aerospike_server.move_partition(7, 0)
    aerospike_server.set_rack(0, 9)
    aerospike_server.set_regime(44)
    aerospike_server.partition_unavailable()
    aerospike_server.hang(0)
    aerospike_server.refuse(1)
    aerospike_server.announce_peers(2)
    aerospike_server.answer_with(9, scope="all")


def test_finds_everything_in_its_place(aerospike_server: DevCluster, aerospike_client) -> None:
    with DevCluster(nodes=2) as untouched:
        with aerospike_py.client(untouched.config).connect() as client:
            expected = client.info_all("replicas")
    assert sorted(aerospike_client.info_all("replicas")) == sorted(expected)
    assert sorted(aerospike_client.get_node_names()) == ["D1", "D2"]
    assert [node["rack"] for node in aerospike_server.topology()["nodes"]] == [0, 0]
    for number in range(300):
        aerospike_client.put(("test", "demo", number), {"n": number})


def test_finds_nothing_of_it(aerospike_server: DevCluster, aerospike_client) -> None:
    assert [node["alive"] for node in aerospike_server.topology()["nodes"]] == [True, True]
    assert not aerospike_client.exists(KEY)
    assert aerospike_client.udf_list() == []
    assert "left_behind" not in str(aerospike_client.info_all("sindex-list"))
    aerospike_client.put(KEY, {"n": 1}, {"ttl": 60})
    assert aerospike_client.get(KEY).ttl in (59, 60)


def test_stops_the_server(aerospike_server: DevCluster) -> None:
    aerospike_server.stop()


def test_finds_it_running(aerospike_client: aerospike_py.Client) -> None:
    assert aerospike_client.ping()


async def test_awaits(aerospike_async_client: aerospike_py.AsyncClient) -> None:
    await aerospike_async_client.put(KEY, {"n": 2})
    assert (await aerospike_async_client.get(KEY)).bins == {"n": 2}


async def test_awaits_and_finds_nothing(aerospike_async_client) -> None:
    assert not await aerospike_async_client.exists(KEY)


def test_makes_clusters(aerospike_cluster) -> None:
    small, large = aerospike_cluster(), aerospike_cluster(nodes=3, cluster_name="large")
    assert (len(small.ports), len(large.ports)) == (1, 3)
    with aerospike_py.client({**large.config, "cluster_name": "large"}).connect() as client:
        assert len(client.get_node_names()) == 3
    CLUSTERS.extend((small, large))


CLUSTERS: list[DevCluster] = []


def test_which_have_ended() -> None:
    assert [cluster.is_running for cluster in CLUSTERS] == [False, False]
"""


INI = """[pytest]
aerospike_nodes = 2
asyncio_mode = auto
asyncio_default_fixture_loop_scope = function
"""


def run_pytest(folder: Path, *arguments: str, **variables: str) -> str:
    command = [sys.executable, "-m", "pytest", "-q", "-W", "error", "-p", "no:cacheprovider"]
    done = subprocess.run(
        [*command, *arguments],
        capture_output=True,
        text=True,
        cwd=folder,
        env={**os.environ, **variables},
    )
    return done.stdout + done.stderr


def test_the_server_forgets_what_a_test_has_done(tmp_path: Path) -> None:
    (tmp_path / "pytest.ini").write_text(INI)
    (tmp_path / "test_fixtures.py").write_text(TESTS)
    said = run_pytest(tmp_path)
    assert "10 passed" in said, said


def test_processes_of_xdist_have_servers_of_their_own(tmp_path: Path) -> None:
    (tmp_path / "test_it.py").write_text(
        "import pytest\n"
        "@pytest.mark.parametrize('number', range(12))\n"
        "def test_it(aerospike_client, number):\n"
        "    key = ('test', 'demo', 'k')\n"
        "    assert not aerospike_client.exists(key)\n"
        "    aerospike_client.put(key, {'n': number})\n"
        "    for _ in range(20):\n"
        "        assert aerospike_client.get(key).bins == {'n': number}\n"
    )
    # Without whatever other plugins there are, in each of three processes.
    plugins = ("-p", "xdist", "-p", "pytest_aerospike_py")
    said = run_pytest(tmp_path, *plugins, "-n", "2", PYTEST_DISABLE_PLUGIN_AUTOLOAD="1")
    assert "12 passed" in said, said


def test_without_pytest_asyncio_the_asynchronous_fixture_says_what_it_needs(tmp_path: Path) -> None:
    (tmp_path / "pytest_asyncio.py").write_text("raise ImportError\n")
    (tmp_path / "test_it.py").write_text("def test_it(aerospike_async_client):\n    pass\n")
    said = run_pytest(tmp_path, "-p", "no:asyncio")
    assert "needs the package pytest-asyncio" in said, said
