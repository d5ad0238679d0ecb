"""Clients of clusters whose nodes speak TLS, sync and async."""

import asyncio
import logging
import os
import ssl
import subprocess
import sys
import textwrap
import time
import uuid
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from terminator import NAME, Announcements, tls_error, tls_in_front_of

import aerospike_py
from aerospike_py.devserver import Authority, DevCluster

KEYS = [("test", "tls", number) for number in range(200)]
KEY = ("test", "tls alone", 0)
# Larger than what one record of TLS, or one receive, can carry.
LARGE = os.urandom(200_000)


def test_every_kind_of_command_passes(login: dict[str, Any]) -> None:
    with aerospike_py.client(login).connect() as client:
        assert len(client.get_node_names()) == 3
        for key in KEYS:
            client.put(key, {"n": key[2]})
        rows = client.batch_read(KEYS).batch_records
        assert [row.record.bins["n"] for row in rows if row.record] == list(range(200))
        assert len(client.query("test", "tls").results()) == 200
        client.put(KEYS[0], {"large": LARGE})
        assert client.get(KEYS[0]).bins["large"] == LARGE
        assert client.info_all("status")


async def test_many_at_once_pass_and_cancelled_ones_do_no_harm(login: dict[str, Any]) -> None:
    # As many handshakes as connections, on a machine that may be busy.
    policies = {"write": {"total_timeout": 20_000}, "read": {"total_timeout": 20_000}}
    config = login | {"policies": policies, "max_conns_per_node": 30, "timeout": 20_000}
    async with aerospike_py.AsyncClient(config).connect() as client:
        puts = (client.put(key, {"n": key[2], "l": LARGE[:9000]}) for key in KEYS)
        await asyncio.gather(*puts)
        tasks = [asyncio.ensure_future(client.get(key)) for key in KEYS]
        await asyncio.sleep(0)
        for task in tasks[::2]:
            task.cancel()
        results = await asyncio.gather(*tasks, return_exceptions=True)
        for key, result in list(zip(KEYS, results, strict=True))[1::2]:
            assert result.bins["n"] == key[2]
        found = await client.query("test", "tls").results()
        assert len(found) == 200


async def test_a_burst_begins_few_handshakes_at_once() -> None:
    """Whoever comes meanwhile waits for the connections that are open first."""
    at_once = 16
    with DevCluster(nodes=1, tls=True) as cluster:
        config: Any = cluster.config | {"tend_interval": 60_000, "timeout": 60_000}
        async with aerospike_py.AsyncClient(config).connect() as client:

            async def count() -> int:
                (node,) = await client.stats()
                return node.connections_opened

            before = await count()
            faults = cluster.counters()[0]["faults"]
            cluster.drop(scope="handshake")
            policy: Any = {"total_timeout": 60_000}
            puts = [asyncio.ensure_future(client.put(key, {"n": 1}, policy=policy)) for key in KEYS]
            while cluster.counters()[0]["faults"] - faults < at_once:
                await asyncio.sleep(0.005)
            assert await count() - before == at_once
            puts[0].cancel()
            cluster.clear_faults()
            # One that has ended lets the next begin, which all others can use.
            await asyncio.gather(*puts[at_once:])
            for put in puts[:at_once]:
                put.cancel()
            await asyncio.gather(*puts[:at_once], return_exceptions=True)
            assert await count() - before < len(KEYS) // 2
            stats = await client.tls_stats()
            assert stats is not None
            assert stats.failures["abandoned"] == at_once


def test_connections_are_used_again_with_tickets_unread(login: dict[str, Any]) -> None:
    config = {**login, "min_conns_per_node": 2}
    with aerospike_py.client(config).connect() as client:
        client.put(KEY, {"n": 1})
        before = opened(client)
        for _ in range(50):
            client.get(KEY)
        assert opened(client) == before


def opened(client: Any) -> dict[str, int]:
    """Connections so far, by node."""
    return {node.name: node.connections_opened for node in client.stats()}


def test_a_node_may_die_and_come_back() -> None:
    with (
        DevCluster(nodes=2, tls=True, mutual_tls=True) as cluster,
        aerospike_py.client(cluster.config | {"tend_interval": 100}).connect() as client,
    ):
        cluster.kill(1)
        key = ("test", "tls", uuid.uuid4().hex)
        policy = {"max_retries": 10, "sleep_between_retries": 50, "total_timeout": 10_000}
        client.put(key, {"n": 1}, policy=policy)
        cluster.revive(1)
        client.info_all("status")
        assert client.get(key, policy=policy).bins == {"n": 1}


@pytest.mark.parametrize(
    ("fault", "text"),
    [
        ("close_instead", "closed"),
        ("truncate_replies", "closed"),
        ("corrupt", "does this port speak TLS"),
        ("drop", "timeout"),
    ],
)
def test_a_handshake_that_goes_wrong_is_told_and_ends_in_time(fault: str, text: str) -> None:
    with DevCluster(nodes=1, tls=True) as cluster:
        getattr(cluster, fault)(scope="handshake")
        config = cluster.config | {"timeout": 300}
        with pytest.raises(aerospike_py.AerospikeError, match=text) as caught:
            aerospike_py.client(config).connect()
        assert "TLS handshake" in str(caught.value)
        cluster.clear_faults()
        # Later ones, of commands.
        with aerospike_py.client(config).connect() as client:
            client.put(KEY, {"n": 1})
            cluster.close_connections()
            getattr(cluster, fault)(scope="handshake", count=1)
            policy = {"max_retries": 3, "total_timeout": 5000}
            assert client.get(KEY, policy=policy).bins == {"n": 1}


async def test_a_connect_that_is_cancelled_in_its_handshake_ends() -> None:
    with DevCluster(nodes=1, tls=True) as cluster:
        cluster.drop(scope="handshake")
        client = aerospike_py.AsyncClient(cluster.config | {"timeout": 60_000})
        connecting = asyncio.ensure_future(client.connect())
        while cluster.counters()[0]["faults"] == 0:
            await asyncio.sleep(0.01)
        connecting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await connecting
        await client.close()


@pytest.mark.skipif(sys.platform == "win32", reason="nothing forks there")
def test_a_fork_leaves_the_parents_connections_alone(login: dict[str, Any]) -> None:
    script = textwrap.dedent(
        """
        import os, sys, aerospike_py
        config = eval(sys.stdin.read())
        client = aerospike_py.client(config).connect()
        key = ("test", "tls", "fork")
        client.put(key, {"n": 1})
        for _ in range(3):
            child = os.fork()
            if child == 0:
                assert client.get(key).bins == {"n": 1}
                client.close()
                os._exit(0)
            assert os.waitpid(child, 0)[1] == 0
            # With a goodbye of the child's this would be a connection that the node has closed.
            assert client.get(key, policy={"max_retries": 0}).bins == {"n": 1}
        client.close()
        """
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        input=repr(login),
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.skipif(sys.platform == "win32", reason="nothing forks there")
def test_a_fork_beside_the_connecting_of_other_threads(mixed: DevCluster) -> None:
    """A thread of the parent may be inside OpenSSL, and hold what the child needs as well."""
    script = textwrap.dedent(
        """
        import os, sys, signal, threading, aerospike_py
        config = eval(sys.stdin.read())
        aerospike_py.client(config)  # All modules are there.
        over = threading.Event()

        def connect() -> None:
            while not over.is_set():
                aerospike_py.client(config)

        threads = [threading.Thread(target=connect) for _ in range(3)]
        for thread in threads:
            thread.start()
        ended = []
        for _ in range(100):
            child = os.fork()
            if child == 0:
                signal.alarm(20)
                aerospike_py.client(config)
                os._exit(0)
            ended.append(os.waitpid(child, 0)[1])
        over.set()
        for thread in threads:
            thread.join()
        print(set(ended))
        """
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        input=repr(mixed.config),
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (done.returncode, done.stdout) == (0, "{0}\n"), done.stderr


@pytest.mark.skipif(sys.platform == "win32", reason="nothing forks there")
def test_a_fork_beside_the_first_client_of_another_thread(mixed: DevCluster) -> None:
    """A thread of the parent may be importing what the child needs as well."""
    script = textwrap.dedent(
        """
        import os, sys, signal, threading, time, aerospike_py
        config = eval(sys.stdin.read())
        begun = threading.Event()

        class Slow:
            @staticmethod
            def find_spec(name, path=None, target=None):
                if name == "_ssl":
                    begun.set()
                    time.sleep(0.3)

        sys.meta_path.insert(0, Slow)
        assert "ssl" not in sys.modules
        thread = threading.Thread(target=aerospike_py.client, args=(config,))
        thread.start()
        assert begun.wait(20)
        child = os.fork()
        if child == 0:
            signal.alarm(20)
            with aerospike_py.client(config).connect() as client:
                client.put(("test", "tls", "fork"), {"n": 1})
            os._exit(0)
        print(os.waitpid(child, 0)[1])
        thread.join()
        """
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        input=repr(mixed.config | {"user": "ada", "password": "secret"}),
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (done.returncode, done.stdout) == (0, "0\n"), done.stderr


def test_a_process_may_exit_without_closing(login: dict[str, Any]) -> None:
    script = (
        "import sys, aerospike_py\n"
        "client = aerospike_py.client(eval(sys.stdin.read()) | {'tend_interval': 100}).connect()\n"
        "client.put(('test', 'tls', 'exit'), {'n': 1})\n"
        "import time; time.sleep(0.3)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        input=repr(login),
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_a_node_of_another_name_or_authority_is_refused(
    secured: DevCluster, other_authority: Authority
) -> None:
    hosts = [("127.0.0.1", secured.port, "other.dev")]
    error = tls_error(secured.config | {"hosts": hosts})
    assert "hostname mismatch" in str(error).lower()
    assert "third member of its host" in str(error)
    assert f"127.0.0.1:{secured.port}: TLS handshake: the node's certificate (" in str(error)
    tls = secured.client_tls | {"ca": other_authority.pem}
    assert "'cafile', 'capath' or 'ca'" in str(tls_error(secured.config | {"tls": tls}))


async def test_of_peers_that_are_refused_the_reason_is_told(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO, "aerospike_py")

    async def wait_until(is_so: Callable[[], bool]) -> None:
        deadline = time.monotonic() + 20
        while not is_so():
            assert time.monotonic() < deadline
            await asyncio.sleep(0.02)

    def told(event: str) -> list[logging.LogRecord]:
        return [each for each in caplog.records if vars(each).get("aerospike_event") == event]

    with DevCluster(nodes=3, tls=True) as cluster:
        config: Any = cluster.config | {"tend_interval": 250}
        peers = "peers-tls-std"
        async with aerospike_py.AsyncClient(config).connect() as client:
            lists = [answer.response for answer in sorted(await client.info_all(peers))]
        for index, listed in enumerate(lists):
            cluster.answer_info(peers, listed.replace("[D3,node.dev", "[D3,other.dev"), index)
        await wait_until(lambda: len(told("node_joined")) >= 3)
        caplog.clear()
        async with aerospike_py.AsyncClient(config).connect() as client:
            assert sorted(await client.get_node_names()) == ["D1", "D2"]
            await wait_until(lambda: bool(told("node_refused")))
            cluster.answer_info(peers, None)
            await wait_until(lambda: len(told("node_joined")) == 3)
            (refused,) = told("node_refused")
            assert refused.levelno == logging.WARNING
            text = f"node D3 cannot be used: 127.0.0.1:{cluster.ports[2]}: TLS handshake: "
            assert refused.getMessage().startswith(text + "the node's certificate (")
            assert "hostname mismatch" in refused.getMessage().lower()
            assert vars(refused)["aerospike_code"] == -9
            assert vars(refused)["aerospike_node"] == "D3"

        # One of several is no cluster.
        cluster.answer_info(peers, lists[0].replace("node.dev", "other.dev"), 0)
        error = str(tls_error(config | {"hosts": cluster.hosts[:1]}))
        assert "the node is there, but none of its 2 peers can be used: 127.0.0.1:" in error
        assert "TLS handshake: the node's certificate (" in error
        # Of which OpenSSL takes any that ends so.
        cluster.answer_info(peers, lists[0].replace("node.dev", ".dev"), 0)
        error = str(tls_error(config | {"hosts": cluster.hosts[:1]}))
        assert "'.dev' is no name that a certificate may be for" in error


def test_a_node_whose_certificate_goes_bad_is_told_once_each_time(
    caplog: pytest.LogCaptureFixture, tmp_path: Path, other_authority: Authority
) -> None:
    caplog.set_level(logging.INFO, "aerospike_py")
    authority, contexts, announced = Authority(), list[ssl.SSLContext](), Announcements()

    def keep(context: ssl.SSLContext) -> None:
        context.num_tickets = 0  # What is resumed shows no certificate.
        contexts.append(context)

    def certify(node: int, by: Authority) -> None:
        path, issued = tmp_path / "node.pem", by.issue(NAME, "127.0.0.1")
        path.write_bytes(issued.key + issued.cert)
        contexts[node].load_cert_chain(path)

    def told(event: str) -> list[logging.LogRecord]:
        return [each for each in caplog.records if vars(each).get("aerospike_event") == event]

    def refusals() -> list[logging.LogRecord]:
        # The log comes later than what it tells: a cluster of the test before may still be in it.
        place = f"127.0.0.1:{announced.fronts[cluster.ports[1]]}: "
        return [each for each in told("node_refused") if place in each.getMessage()]

    def wait_until(is_so: Callable[[], bool]) -> None:
        deadline = time.monotonic() + 60
        while not is_so():
            assert time.monotonic() < deadline
            time.sleep(0.02)

    with DevCluster(nodes=2) as cluster, ExitStack() as fronts:
        for port in cluster.ports:
            issued = authority.issue(NAME, "127.0.0.1")
            front = tls_in_front_of(port, issued.cert, issued.key, keep, announced)
            announced.fronts[port] = fronts.enter_context(front)
        config: Any = {
            "hosts": [("127.0.0.1", announced.fronts[cluster.ports[0]], NAME)],
            "tls": {"ca": authority.pem, "log_session_info": True},
            "tend_interval": 250,
        }
        with aerospike_py.client(config).connect() as client:
            wait_until(lambda: len(client.get_node_names()) == 2)
            names = set(client.get_node_names())
            wait_until(
                lambda: {vars(each)["aerospike_node"] for each in told("tls_session")} == names
            )
            for times in 1, 2:
                certify(1, other_authority)
                cluster.close_connections(1)
                wait_until(lambda times=times: len(refusals()) == times)
                refused = refusals()[-1]
                assert "TLS handshake: the node's certificate (" in refused.getMessage()
                assert vars(refused)["aerospike_code"] == -9
                certify(1, authority)
                before = client.stats()[1].tends
                wait_until(lambda before=before: client.stats()[1].tends > before)


def test_without_a_certificate_nobody_gets_in(secured: DevCluster) -> None:
    tls = {"ca": secured.client_tls["ca"]}
    error = tls_error(secured.config | {"tls": tls})
    assert "certificate required" in str(error)
    assert "tls 'certfile'" in str(error)


def test_there_is_no_way_down_to_plain_connections(mixed: DevCluster, secured: DevCluster) -> None:
    login = {"user": "ada", "password": "secret"}
    # The node would take it.
    with aerospike_py.client({"hosts": mixed.hosts, **login}).connect() as client:
        assert len(client.get_node_names()) == 2
    for fault in ("close_instead", "corrupt"):
        getattr(mixed, fault)(scope="handshake")
        try:
            with pytest.raises(aerospike_py.AerospikeError):
                aerospike_py.client(mixed.config | login).connect()
        finally:
            mixed.clear_faults()
    with pytest.raises(aerospike_py.ClusterError, match="if this port speaks TLS, give 'tls'"):
        aerospike_py.client({"hosts": secured.hosts, **login}).connect()


@pytest.mark.parametrize("tls", [{"enable": True}, {"cafile": None}, {"crl_check": False}])
def test_what_says_no_more_than_that_tls_is_wanted_is_no_plain_connection(
    mixed: DevCluster, tls: Any
) -> None:
    """The system's authorities are trusted then, of whom none is the nodes'."""
    login = {"user": "ada", "password": "secret"}
    error = tls_error({"hosts": mixed.hosts, "tls": tls, **login})
    assert "'cafile', 'capath' or 'ca'" in str(error)


def test_tls_may_be_for_logins_only(mixed: DevCluster) -> None:
    tls = mixed.client_tls | {"for_login_only": True}
    config = {**mixed.config, "tls": tls, "user": "ada", "password": "secret"}
    with aerospike_py.client(config | {"tend_interval": 100}).connect() as client:
        assert len(client.get_node_names()) == 2
        client.put(KEY, {"n": 1})
        # Sessions that have ended begin anew, over TLS again.
        mixed.revoke_sessions()
        mixed.close_connections()
        policy = {"max_retries": 10, "sleep_between_retries": 100, "total_timeout": 5000}
        assert client.get(KEY, policy=policy).bins == {"n": 1}


def test_without_tls_on_the_nodes_a_login_over_tls_is_no_plain_login(plain: DevCluster) -> None:
    config = {**plain.config, "tls": {"for_login_only": True}}
    with pytest.raises(aerospike_py.AerospikeError):
        aerospike_py.client(config).connect()


IDENTITIES: list[tuple[str, Callable[[DevCluster], dict[str, Any]]]] = [
    ("internal", lambda _: {"user": "ada", "password": "secret"}),
    (
        "external",
        lambda _: {
            "user": "eve",
            "password": "directory",
            "auth_mode": aerospike_py.AUTH_EXTERNAL,
        },
    ),
    (
        "pki",
        lambda cluster: {
            "auth_mode": aerospike_py.AUTH_PKI,
            "tls": cluster.client_tls
            | cluster.authority.issue("ada.dev", common_name="ada")._asdict(),
        },
    ),
]


@pytest.mark.parametrize("identity", IDENTITIES, ids=lambda each: each[0])
def test_who_logs_in_is_known_and_known_again_when_the_session_ends(
    secured: DevCluster, identity: Any
) -> None:
    config = secured.config | identity[1](secured)
    with aerospike_py.client(config).connect() as client:
        client.put(KEY, {"n": 1})
        secured.revoke_sessions()
        secured.close_connections()
        policy = {"max_retries": 5, "total_timeout": 5000}
        assert client.get(KEY, policy=policy).bins == {"n": 1}


def test_who_logs_in_by_certificate_gives_no_other_user(secured: DevCluster) -> None:
    ada = secured.authority.issue("ada.dev", common_name="ada")._asdict()
    config: Any = secured.config | {
        "tls": secured.client_tls | ada,
        "auth_mode": aerospike_py.AUTH_PKI,
    }
    login = {"user": "eve", "password": "directory"}
    told = "AUTH_PKI logs in as the user that the client's certificate names"
    with pytest.raises(aerospike_py.InvalidArgError, match=told):
        aerospike_py.client(config | login)
    with pytest.raises(aerospike_py.InvalidArgError, match=told):
        aerospike_py.client(config).connect("eve", "directory")
    with aerospike_py.client(config | {"user": None, "password": None}).connect() as client:
        assert client.is_connected()


def test_a_directorys_password_is_sent_over_tls_or_by_its_own_name(mixed: DevCluster) -> None:
    login = {"user": "eve", "password": "directory"}
    config = {"hosts": mixed.hosts, **login}
    external = config | {"auth_mode": aerospike_py.AUTH_EXTERNAL}
    with pytest.raises(aerospike_py.InvalidArgError, match="needs 'tls'"):
        aerospike_py.client(external).connect()
    insecure = config | {"auth_mode": aerospike_py.AUTH_EXTERNAL_INSECURE}
    with aerospike_py.client(insecure).connect() as client:
        assert client.is_connected()
    # Without the password itself the directory does not know.
    with pytest.raises(aerospike_py.AdminError):
        aerospike_py.client(mixed.config | login).connect()


def test_a_password_may_be_what_a_function_says(secured: DevCluster) -> None:
    said = ["wrong", "secret"]
    config = {**secured.config, "user": "ada", "password": lambda: said.pop(0)}
    client = aerospike_py.client(config)
    with pytest.raises(aerospike_py.AdminError):
        client.connect()
    with client.connect():
        assert client.is_connected()
    assert said == []


def test_a_function_is_asked_for_the_password_after_a_change_as_well() -> None:
    with DevCluster(nodes=1, users=PASSWORD_USERS) as cluster:
        passwords = ["first"]
        config: Any = {**cluster.config, "user": "ada", "password": lambda: passwords[-1]}
        admin: Any = {**cluster.config, "user": "root", "password": "all"}
        with aerospike_py.client(config).connect() as client:
            passwords.append("second")
            client.admin_change_password("ada", "second")
            # The core has it now.
            cluster.revoke_sessions()
            cluster.close_connections()
            policy: Any = {"max_retries": 5, "total_timeout": 5000}
            client.put(KEY, {"n": 1}, policy=policy)
            client.close()
            passwords.append("third")
            with aerospike_py.client(admin).connect() as other:
                other.admin_change_password("ada", "third")
            assert client.connect().get(KEY).bins == {"n": 1}


PASSWORD_USERS: list[dict[str, Any]] = [
    {"name": "ada", "password": "first", "roles": ["read-write"]},
    {"name": "root", "password": "all", "roles": ["user-admin"]},
]


async def test_a_password_may_have_to_be_awaited(secured: DevCluster) -> None:
    """By an AsyncClient, whose loop goes on meanwhile."""
    said = ["wrong", "secret"]

    async def ask() -> str:
        await asyncio.sleep(0)
        return said.pop(0)

    config: Any = {**secured.config, "user": "ada", "password": ask}
    client = aerospike_py.AsyncClient(config)
    with pytest.raises(aerospike_py.AdminError):
        await client.connect()
    async with client.connect():
        assert client.is_connected()
    # Who gives another one is not asked for it.
    await client.connect("ada", "secret")
    await client.close()
    assert said == []
    told = r"config\['password'\] must return a str.* which only an AsyncClient does"
    with pytest.raises(TypeError, match=told):
        aerospike_py.client(config)
    with pytest.raises(TypeError, match=told):
        aerospike_py.client(config | {"password": lambda: ask()}).connect()


@pytest.mark.parametrize("said", [5, None, b"secret"])
async def test_what_a_function_says_is_a_password(secured: DevCluster, said: Any) -> None:
    """Asked once, whatever it says."""
    asked = []

    def ask() -> Any:
        asked.append(1)
        return said

    config: Any = {**secured.config, "user": "ada", "password": ask}
    wrong = aerospike_py.ClientError if said is None else TypeError
    with pytest.raises(wrong, match="password"):
        aerospike_py.client(config).connect()
    with pytest.raises(wrong, match="password"):
        await aerospike_py.AsyncClient(config).connect()
    assert len(asked) == 2
