"""Aggregations give what those of the official client give, of the same functions and records."""

import ast
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import aerospike_py

pytest.importorskip("aerospike")

# Its Lua is set up once in a process, by the first client, so it has one of its own.
OFFICIAL = """
import sys, aerospike
hosts, folder, module, set_name, cases = map(eval, sys.argv[1:])
client = aerospike.client({"hosts": hosts, "lua": {"user_path": folder}}).connect()
found = []
for function, arguments in cases:
    query = client.query("test", set_name)
    query.apply(module, function, arguments)
    found.append(query.results())
client.close()
print(found)
"""

SOURCE = """
local function sum(a, b) return a + b end
local function number(rec) return rec["n"] end

function counts(stream)
    local function count(found, rec)
        local key = rec["word"]
        found[key] = (found[key] or 0) + 1
        return found
    end
    return stream : aggregate(map(), count) : reduce(function(a, b) return map.merge(a, b, sum) end)
end

function total(stream, least, factor)
    local function is_large(rec) return rec["n"] >= least end
    return stream : filter(is_large) : map(number) : map(function(n) return n * factor end)
        : reduce(sum) : map(function(n) return n + 1 end)
end

function handed_on(stream)
    return stream : aggregate(0, function(a, rec) return a + rec["n"] end)
end

function parity(stream)
    local function two(n) return n % 2 end
    local function sizes(groups) return list {list.size(groups[0]), list.size(groups[1])} end
    return stream : map(number) : groupby(two) : map(sizes)
end

function each(stream) return stream : map(number) end

function until_nothing(stream)
    return stream : map(number) : reduce(function(a, b) if a > b then return a end return b end)
end
"""
CASES: list[tuple[str, list[Any]]] = [
    ("counts", []),
    ("total", [100, 3]),
    ("total", [1_000_000, 1]),
    ("parity", []),
    ("each", []),
    ("until_nothing", []),
    ("handed_on", []),
]


Results = tuple[list[list[Any]], list[list[Any]]]


@pytest.fixture(scope="module")
def results(server: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Results]:
    """What each case comes to with this client and with the official one."""
    module = f"o{uuid.uuid4().hex[:10]}"
    set_name = f"o{uuid.uuid4().hex[:10]}"
    folder: Path = tmp_path_factory.mktemp("lua")
    (folder / f"{module}.lua").write_text(SOURCE)
    with aerospike_py.client({"hosts": server.hosts}).connect() as client:
        client.udf_put(folder / f"{module}.lua")
        keys = [("test", set_name, number) for number in range(400)]
        rows: Any = [(key, {"n": key[2] * 37 % 401, "word": "abcdefg"[key[2] % 7]}) for key in keys]
        client.batch_write(rows)
        query = client.query("test", set_name)
        ours = [query.aggregate(module, function, arguments) for function, arguments in CASES]
        given = (server.hosts, str(folder), module, set_name, CASES)
        command = [sys.executable, "-c", OFFICIAL, *map(repr, given)]
        run = subprocess.run(command, capture_output=True, text=True)
        assert run.returncode == 0, run.stderr
        yield ours, ast.literal_eval(run.stdout)
        client.batch_remove(keys)
        client.udf_remove(module)


@pytest.mark.parametrize("case", range(len(CASES) - 1))
def test_both_clients_come_to_the_same(results: Results, case: int) -> None:
    ours, theirs = results
    assert sorted(ours[case], key=repr) == sorted(theirs[case], key=repr)


def test_what_nothing_joins_comes_in_pieces(results: Results) -> None:
    """In which pieces depends on the order of the records, which is any."""
    ours, theirs = (each[-1] for each in results)
    assert sum(ours) == sum(theirs)
    assert len(ours) > 1
