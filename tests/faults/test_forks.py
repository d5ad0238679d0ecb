"""What parent and children of a fork do at the same time."""

import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator

import pytest

from aerospike_py.devserver import DevCluster

Run = Callable[[str], str]


@pytest.fixture
def run() -> Iterator[Run]:
    """Runs a program on a cluster, and gives what it prints; what it forks has no server in it."""
    with DevCluster(nodes=2) as cluster:

        def start(script: str) -> str:
            code = textwrap.dedent(PREAMBLE) + textwrap.dedent(script)
            process = subprocess.run(
                [sys.executable, "-c", code, repr(cluster.config)],
                capture_output=True,
                text=True,
                timeout=180,
            )
            assert process.returncode == 0, process.stderr[-3000:]
            return process.stdout

        yield start


PREAMBLE = """
    import ast, asyncio, os, sys, threading, time
    import aerospike_py

    # What is tested here is not how long things take, and the machine may have others to do.
    PATIENT = {"total_timeout": 30_000}
    policies = dict.fromkeys(("read", "write", "batch"), PATIENT)
    config = {**ast.literal_eval(sys.argv[1]), "timeout": 30_000, "policies": policies}
    client = aerospike_py.client(config).connect()
    keys = [("test", "demo", number) for number in range(50)]
    client.batch_write([(key, {"n": 1}) for key in keys])

    ADD = [{"op": aerospike_py.OPERATOR_INCR, "bin": "m", "val": 1}]

    def fork(work):
        pid = os.fork()
        if pid:
            return pid
        code = 1
        try:
            work()
            code = 0
        except BaseException as error:
            print(repr(error), file=sys.stderr, flush=True)
        finally:
            os._exit(code)

    def wait(pids):
        return [os.waitpid(pid, 0)[1] for pid in pids]
"""


def test_queries_and_jobs_of_a_parent_and_its_children_are_told_apart(run: Run) -> None:
    out = run("""
    def work():
        for _ in range(10):
            assert len(client.query("test", "demo").results()) == 50
            client.query("test", "demo").operate_background(ADD)

    work()
    children = [fork(work) for _ in range(4)]
    work()
    print(wait(children))
    work()
    """)
    assert out == "[0, 0, 0, 0]\n"


@pytest.mark.timeout(200)
def test_a_fork_in_the_midst_of_commands_of_other_threads(run: Run) -> None:
    """What a lock guards, and what is counted, may be copied while a thread is at it."""
    out = run("""
    stopping = threading.Event()

    def use():
        while not stopping.is_set():
            client.get(keys[0])
            client.batch_read(keys)
            assert len(client.query("test", "demo").results()) == 50

    def work():
        for _ in range(3):
            assert client.get(keys[1]).bins == {"n": 1}
            assert len(client.query("test", "demo").results()) == 50
            client.get_node_names()
            aerospike_py.get_metrics()
        client.close()

    threads = [threading.Thread(target=use) for _ in range(4)]
    for thread in threads: thread.start()
    ends = []
    for _ in range(30):
        ends += wait([fork(work)])
    stopping.set()
    for thread in threads: thread.join()
    print(set(ends))
    """)
    assert out == "{0}\n"


@pytest.mark.parametrize("use", ["query", "get", "batch", "info"])
def test_a_child_goes_on_with_an_async_client_on_a_loop_of_its_own(run: Run, use: str) -> None:
    out = run(f"""
    USES = {{
        "query": lambda client: client.query("test", "demo").results(),
        "get": lambda client: client.get(("test", "demo", 1)),
        "batch": lambda client: client.batch_read([("test", "demo", 1)]),
        "info": lambda client: client.info_all("status"),
    }}
    use = USES[{use!r}]
    client.close()
    client = aerospike_py.AsyncClient(config)
    loop = asyncio.new_event_loop()
    loop.run_until_complete(client.connect())
    loop.run_until_complete(use(client))

    def work():
        async def main():
            await asyncio.gather(*(use(client) for _ in range(10)))
            await client.close()

        asyncio.run(main())

    children = [fork(work) for _ in range(3)]
    for _ in range(10):
        loop.run_until_complete(use(client))
    print(wait(children))
    loop.run_until_complete(client.close())
    """)
    assert out == "[0, 0, 0]\n"
