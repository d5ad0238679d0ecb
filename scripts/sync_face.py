"""Makes the synchronous face of the package of its asynchronous one.

scripts/sync_face.py            says whether the files that are checked in are what it makes
scripts/sync_face.py --write    writes them

`async_client.py` and `async_query.py` are the sources. What they await is waited for in
`client.py` and `query.py`; names, docstrings and all else are the same, but for what is said here.
"""

import difflib
import re
import subprocess
import sys
from pathlib import Path

PACKAGE = Path(__file__).resolve().parents[1] / "aerospike_py"
FACES = {"async_client.py": "client.py", "async_query.py": "query.py"}

NAMES = {
    "AsyncArrowStream": "ArrowStream",
    "AsyncBackgroundJob": "BackgroundJob",
    "AsyncBatchStream": "BatchStream",
    "AsyncClient": "Client",
    "AsyncIterator": "Iterator",
    "AsyncQuery": "Query",
    "AsyncRecords": "Records",
    "AsyncSession": "Session",
    "StopAsyncIteration": "StopIteration",
    "_AsyncClient": "_Client",
    "_AsyncObjects": "_Objects",
    "_AsyncPulled": "_Pulled",
    "_AsyncQuery": "_Query",
    "__aenter__": "__enter__",
    "__aexit__": "__exit__",
    "__aiter__": "__iter__",
    "__anext__": "__next__",
    "_submit": "_execute",
    "async_query": "query",
    "submit": "execute",
}

# What is said differently, by file; each has to be there. The rest goes by the rules in `made`.
PHRASES = {
    "async_client.py": [
        (
            '"""The asynchronous client, for asyncio and loops that are compatible with it, '
            "such as uvloop.\n\n"
            "The synchronous client in `client` is made of this one by scripts/sync_face.py.\n",
            '"""The synchronous client.\n\n'
            "Made of `async_client` by scripts/sync_face.py, and not to be changed by hand.\n",
        ),
        ("for any number of tasks of one event loop.", "for use from any number of threads."),
        (
            " The loop is the\n    one that `connect` ran on; after a reconnect it may be another "
            "one. Cancelling an operation\n    leaves its connection in order: a late reply "
            "reaches nobody else.\n",
            "\n",
        ),
        (
            ' "max_concurrent_operations" limits how\n            many operations are in flight at '
            "once (0: no limit); further ones wait in line, for at\n            most "
            '"operation_queue_timeout_ms" (0: without limit), and fail with a BackpressureError.\n'
            '            "coalesce", True by default, has reads of one tick of the loop travel '
            "together.\n",
            "\n",
        ),
        (
            "        It is awaited, or entered with `async with`, which closes the client at the "
            "end. The client\n        belongs to the running loop then.\n\n",
            "",
        ),
        ("    @connecting\n", ""),
        ("from ._async_session import AsyncSession, connecting", "from ._session import Session"),
        ("an AsyncClient has", "a Client has"),
        ("        self._get = self._session.submitting(self._getting)\n", ""),
        (
            "self._session.submitting(records.asking(self._policies))",
            "records.asking(self._policies)",
        ),
        ("self._exists(key, policy)", "self._submit(self._exists(key, policy))"),
        (
            "            get = self._get\n            return await get(key, policy)\n",
            "            request_of, execute = self._getting, self._execute\n"
            "            return execute(request_of(key, policy))\n",
        ),
        ('__all__ = ["AsyncClient"]', '__all__ = ["Client", "client"]'),
        (
            "Operations in flight are cut short",
            "Operations of other threads that wait for an answer are cut short",
        ),
    ],
    "async_query.py": [
        (
            "The synchronous queries in `query` are made of these by scripts/sync_face.py.\n",
            "Made of `async_query` by scripts/sync_face.py, and not to be changed by hand.\n",
        ),
        ("from ._async_session import", "from ._session import"),
        ("AsyncIterator, Awaitable, Callable", "Callable, Iterator"),
        ("import asyncio\nimport sys\n", "import sys\nimport threading\n"),
        ("asyncio.Lock()", "threading.RLock()"),
        ("Awaitable[Stream[list[Record]]]", "Stream[list[Record]]"),
        ("Awaitable[Stream[list[Any]]]", "Stream[list[Any]]"),
        ("asyncio.sleep", "time.sleep"),
        ("an AsyncQuery belongs", "a Query belongs"),
        ("an AsyncArrowStream has", "an ArrowStream has"),
        (
            "An asynchronous iterator over the tables, which can be read once.\n",
            "An iterator over the tables, and a stream of Arrow for whoever reads one, by\n"
            "    `__arrow_c_stream__`; they can be read once.\n",
        ),
        (
            "        # Read to know the columns, and not handed out.\n"
            "        self._first: ArrowBatch | None = None\n",
            "        # Read to know the columns, and not handed out.\n"
            "        self._first: ArrowBatch | None = None\n"
            "        # What somebody's reading of the stream failed of.\n"
            "        self.error: BaseException | None = None\n",
        ),
        (
            '    async def read_all(self) -> "ArrowTable":\n',
            """    def __arrow_c_schema__(self) -> object:
        from .arrow import QueryStream

        return QueryStream(self).schema_capsule()

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        if self._is_started:
            raise ClientError("the stream has been read, which can be done once")
        self._is_started = True
        from .arrow import QueryStream

        return QueryStream(self).capsule()

    async def read_all(self) -> "ArrowTable":
""",
        ),
        ("An asynchronous iterator", "An iterator"),
        (
            "calls a function with each record.\n",
            "calls a function with each record, in this thread.\n",
        ),
        (
            "what it returns is awaited if it can be. The query\n                goes on unless "
            "that is False.\n",
            "the query goes on unless it returns False.\n",
        ),
        ("bool | Awaitable[bool | None] | None", "bool | None"),
        (
            """                answer = callback(record)
                if answer is None:
                    continue
                if isinstance(answer, Awaitable):
                    answer = await answer
                if answer is False:
""",
            "                if callback(record) is False:\n",
        ),
    ],
}

# What only the synchronous face has.
ENDINGS = {
    "async_client.py": '''

def client(config: ClientConfig | Mapping[str, _NotChecked]) -> Client:
    """Makes a client; see `Client`. It does not connect yet.

    Args:
        config: The configuration; only "hosts" is needed.

    Raises:
        TypeError: The configuration is not a dict.
        InvalidArgError: It has an unknown key or a value that is not valid.
        ClientError: It asks for something that is not supported.
    """
    return Client(config)
''',
    "async_query.py": "",
}


def made(name: str, source: str) -> str:
    """The synchronous text of an asynchronous file.

    Raises:
        ValueError: Something that is to be said differently is not there.
    """
    for phrase, other in PHRASES[name]:
        if phrase not in source:
            raise ValueError(f"{name} no longer has the phrase {phrase!r}")
        source = source.replace(phrase, other)
    source = re.sub(r"\basync (?=def\b|for\b|with\b)", "", source)
    source = re.sub(r"\bawait (?!\()", "", source)
    words = re.compile(r"\b(" + "|".join(map(re.escape, NAMES)) + r")\b")
    text = words.sub(lambda word: NAMES[word[0]], source) + ENDINGS[name]
    return formatted(formatted(text, "check", "--quiet", "--fix", "--select", "I"), "format")


def formatted(text: str, *command: str, name: str = "made.py") -> str:
    """The text as ruff has it."""
    arguments = [sys.executable, "-m", "ruff", *command, "--stdin-filename", name, "-"]
    done = subprocess.run(
        arguments, input=text, capture_output=True, text=True, cwd=PACKAGE.parent, check=True
    )
    return done.stdout


def main() -> int:
    """Compares, or writes."""
    is_same = True
    for source, face in FACES.items():
        text = made(source, (PACKAGE / source).read_text(encoding="utf-8"))
        path = PACKAGE / face
        if "--write" in sys.argv[1:]:
            path.write_text(text, encoding="utf-8")
            continue
        there = path.read_text(encoding="utf-8")
        if there != text:
            is_same = False
            lines = difflib.unified_diff(
                there.splitlines(True), text.splitlines(True), face, f"made of {source}"
            )
            print("".join(lines), end="")
    if not is_same:
        print("the synchronous face differs from what is made: run scripts/sync_face.py --write")
    return 0 if is_same else 1


if __name__ == "__main__":
    sys.exit(main())
