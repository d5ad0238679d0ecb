"""Aggregations: servers begin, the client ends, and the values are what Python makes of them."""

import asyncio
import threading
import time
import uuid
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

import aerospike_py
from aerospike_py import Client, ClientError, GeoJSON, InvalidArgError, UDFError
from aerospike_py import predicates as p

RECORDS = 3000
WORDS = ["red", "green", "blue", "black", "white", "grey", "brown"]

SOURCE = """
local function sum(a, b) return a + b end

function words(stream)
    local function count(counts, rec)
        for word in string.gmatch(rec["text"], "%a+") do
            counts[word] = (counts[word] or 0) + 1
        end
        return counts
    end
    return stream : aggregate(map(), count) : reduce(function(a, b) return map.merge(a, b, sum) end)
end

function by_colour(stream)
    local function add(groups, rec)
        local group = groups[rec["colour"]] or map {number = 0, total = 0, largest = -1}
        group.number = group.number + 1
        group.total = group.total + rec["n"]
        group.largest = math.max(group.largest, rec["n"])
        groups[rec["colour"]] = group
        return groups
    end
    local function join(a, b)
        return map {
            number = a.number + b.number,
            total = a.total + b.total,
            largest = math.max(a.largest, b.largest),
        }
    end
    return stream : aggregate(map(), add) : reduce(function(a, b) return map.merge(a, b, join) end)
end

function top(stream, count)
    local function put(best, value)
        local place = list.size(best) + 1
        while place > 1 and best[place - 1] < value do place = place - 1 end
        list.insert(best, place, value)
        list.trim(best, count + 1)
        return best
    end
    local function join(a, b)
        for value in list.iterator(b) do put(a, value) end
        return a
    end
    return stream : map(function(rec) return rec["n"] end) : aggregate(list(), put) : reduce(join)
end

function total(stream, least, factor)
    return stream
        : filter(function(rec) return rec["n"] >= least end)
        : map(function(rec) return rec["n"] * factor end)
        : reduce(sum)
        : map(function(value) return map {value = value} end)
end

function all(stream) return stream : map(function(rec) return rec["n"] end) end

function kinds(stream)
    local function one(rec)
        local values = list {rec["n"], rec["text"], rec["blob"], rec["place"]}
        list.concat(values, list {rec["double"], rec["flag"], rec["m"]})
        return values
    end
    return stream : filter(function(rec) return rec["blob"] ~= nil end) : map(one)
end

function parity(stream)
    return stream
        : map(function(rec) return rec["n"] end)
        : groupby(function(value) return value % 2 end)
        : map(function(groups) return list {list.size(groups[0]), list.size(groups[1])} end)
end

function echo(stream, value)
    return stream : map(function() return value end) : reduce(function(a) return a end)
end

function on_servers(stream) return stream : map(function(rec) return rec.n.x end) end

function at_the_end(stream)
    return stream : map(function(rec) return 1 end) : reduce(function(a, b) return a.x.y end)
end

function no_stream() return 5 end

function with_library(stream)
    local library = require("LIBRARY")
    return stream : map(function(rec) return 1 end) : reduce(library.add)
end

function for_ever_here(stream)
    local function add(a, b)
        -- A node has not so many.
        while a + b == RECORDS do end
        return a + b
    end
    return stream : map(function() return 1 end) : reduce(add)
end

function for_ever(stream)
    return stream : map(function() return 1 end) : reduce(function() while true do end end)
end
"""


def digit_words(number: int) -> str:
    return " ".join(WORDS[int(digit) % len(WORDS)] for digit in str(number))


@pytest.fixture(scope="module")
def table(server: Any, set_prefix: str) -> Iterator[tuple[str, str]]:
    """A set, and the module."""
    set_name = f"{set_prefix}_aggregated"
    module = f"a{uuid.uuid4().hex[:10]}"
    with aerospike_py.client(server.config).connect() as client:
        for begin in range(0, RECORDS, 5000):
            client.batch_write(
                [(("test", set_name, n), row(n)) for n in range(begin, min(begin + 5000, RECORDS))]
            )
        kinds = {"blob": b"\x00\xff", "place": GeoJSON('{"type":"Point","coordinates":[1,2]}')}
        others = {"double": 2.5, "flag": True, "m": {"a": [1, {"b": None}], 3: "x"}}
        client.put(("test", set_name, 0), {**kinds, **others})
        client.udf_put(
            f"{module}_library.lua", source="return {add = function(a, b) return a + b end}"
        )
        source = SOURCE.replace("LIBRARY", f"{module}_library").replace("RECORDS", str(RECORDS))
        client.udf_put(f"{module}.lua", source=source)
        yield set_name, module
        client.udf_remove(module)
        client.udf_remove(f"{module}_library")


def row(n: int) -> dict[str, Any]:
    return {"n": n * 7919 % 100_003, "text": digit_words(n), "colour": WORDS[n % 7]}


def rows() -> list[dict[str, Any]]:
    return [row(n) for n in range(RECORDS)]


def test_words_are_counted_as_python_does(client: Client, table: tuple[str, str]) -> None:
    set_name, module = table
    (counts,) = client.query("test", set_name).aggregate(module, "words")
    assert counts == Counter(word for each in rows() for word in each["text"].split())


def test_groups_are_those_of_python(client: Client, table: tuple[str, str]) -> None:
    set_name, module = table
    (groups,) = client.query("test", set_name).aggregate(f"{module}.lua", "by_colour")
    expected: dict[str, list[int]] = {}
    for each in rows():
        expected.setdefault(each["colour"], []).append(each["n"])
    assert groups == {
        colour: {"number": len(numbers), "total": sum(numbers), "largest": max(numbers)}
        for colour, numbers in expected.items()
    }


def test_the_top_10_are_those_of_python(client: Client, table: tuple[str, str]) -> None:
    set_name, module = table
    (best,) = client.query("test", set_name).aggregate(module, "top", [10])
    assert best == sorted((each["n"] for each in rows()), reverse=True)[:10]


def test_a_cluster_that_stays_the_same_is_found_to(client: Client, table: tuple[str, str]) -> None:
    set_name, module = table
    query = client.query("test", set_name)
    strict: aerospike_py.QueryPolicy = {"fail_on_cluster_change": True}
    assert query.aggregate(module, "words", None, strict) == query.aggregate(module, "words")
    # It is for aggregations, and the rest of the policy is as ever.
    assert len(query.results({**strict, "max_records": 3})) == 3


def test_arguments_filters_predicates_and_steps_after_the_last_reduce(
    client: Client, table: tuple[str, str]
) -> None:
    set_name, module = table
    numbers = [each["n"] for each in rows()]
    query = client.query("test", set_name)
    (made,) = query.aggregate(module, "total", [50_000, 2])
    assert made == {"value": 2 * sum(n for n in numbers if n >= 50_000)}
    by_text = client.query("test", set_name).where("$.n >= 500 and $.n <= 900")
    partly = client.query("test", set_name).where("$.n >= 500 and $.colour == 'red'")
    index = f"a{uuid.uuid4().hex[:10]}"
    client.index_integer_create("test", set_name, "n", index)
    try:
        indexed = client.query("test", set_name).where(p.between("n", 500, 900))
        expected = sum(n for n in numbers if 500 <= n <= 900)
        assert indexed.aggregate(module, "total", [0, 1]) == [{"value": expected}]
        assert by_text.aggregate(module, "total", [0, 1]) == [{"value": expected}]
        with pytest.raises(InvalidArgError, match="filter"):
            partly.aggregate(module, "total", [0, 1])
    finally:
        client.index_remove("test", index)


def test_without_a_reduce_all_values_of_all_nodes_come(
    client: Client, table: tuple[str, str]
) -> None:
    set_name, module = table
    values = client.query("test", set_name).aggregate(module, "all")
    assert sorted(values) == sorted(each["n"] for each in rows())


def test_groupby_and_values_of_every_kind(client: Client, table: tuple[str, str]) -> None:
    set_name, module = table
    query = client.query("test", set_name)
    numbers = [each["n"] for each in rows()]
    even = sum(n % 2 == 0 for n in numbers)
    assert query.aggregate(module, "parity") == [[even, len(numbers) - even]]
    ((n, text, blob, place, double, flag, nested),) = query.aggregate(module, "kinds")
    assert (n, text, blob, double, flag) == (0, "red", b"\x00\xff", 2.5, True)
    assert isinstance(place, GeoJSON)
    assert nested == {"a": [1, {"b": None}], 3: "x"}
    values = [5, -1.5, "é", b"\x01", [1, "x"], {"a": {1: 2}}, True]
    assert query.aggregate(module, "echo", [values]) == [values]


def test_nothing_comes_of_nothing(client: Client, table: tuple[str, str], set_name: str) -> None:
    _, module = table
    assert client.query("test", set_name).aggregate(module, "words") == []
    assert client.query("test", set_name).aggregate(module, "all") == []


def test_what_goes_wrong_is_told(client: Client, table: tuple[str, str]) -> None:
    set_name, module = table
    query = client.query("test", set_name)
    for function, text in [
        ("on_servers", "attempt to index a number value"),
        ("at_the_end", "attempt to index a n"),
        ("no_stream", "."),
        ("missing", "function not found"),
    ]:
        with pytest.raises(UDFError, match=text):
            query.aggregate(module, function)
    with pytest.raises(UDFError):
        query.aggregate("none_such", "words")
    # Afterwards all is as before.
    assert len(query.aggregate(module, "all")) == RECORDS


def test_modules_that_a_module_needs_are_found(client: Client, table: tuple[str, str]) -> None:
    set_name, module = table
    assert client.query("test", set_name).aggregate(module, "with_library") == [RECORDS]


def test_what_is_not_for_aggregations_is_refused(client: Client, table: tuple[str, str]) -> None:
    set_name, module = table
    query = client.query("test", set_name)
    for policy, key in [({"max_records": 5}, "max_records"), ({"token": b"x"}, "token")]:
        with pytest.raises(InvalidArgError, match=key):
            query.aggregate(module, "all", None, policy)
    with pytest.raises(InvalidArgError, match="no filter for what they aggregate"):
        query.aggregate(module, "all", None, {"expressions": "$.n == 1"})
    with pytest.raises(InvalidArgError, match="selects"):
        client.query("test", set_name).select("n").aggregate(module, "all")
    with pytest.raises(TypeError):
        query.aggregate(module, "echo", [object()])


def test_a_function_that_does_not_end_is_ended(
    client: Client, embedded: Any, table: tuple[str, str]
) -> None:
    set_name, module = table
    query = client.query("test", set_name)
    with pytest.raises(aerospike_py.AerospikeError):
        query.aggregate(module, "for_ever", None, {"total_timeout": 300})


def test_what_is_done_here_ends_with_its_time(client: Client, table: tuple[str, str]) -> None:
    set_name, module = table
    query = client.query("test", set_name)
    begin_s = time.monotonic()
    with pytest.raises(aerospike_py.AerospikeTimeoutError):
        query.aggregate(module, "for_ever_here", None, {"total_timeout": 500})
    assert time.monotonic() - begin_s < 5
    wait_for_threads("aerospike-py-apart")


async def test_what_is_done_here_holds_up_no_other_task(
    server: Any, table: tuple[str, str]
) -> None:
    set_name, module = table
    async with aerospike_py.AsyncClient(server.config) as client:
        await client.connect()
        query = client.query("test", set_name)
        task = asyncio.create_task(query.aggregate(module, "for_ever_here"))
        while not threads("aerospike-py-apart"):
            await asyncio.sleep(0.001)
        assert await client.ping()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    wait_for_threads("aerospike-py-apart")


def threads(name: str) -> list[threading.Thread]:
    return [each for each in threading.enumerate() if each.name == name]


def wait_for_threads(name: str) -> None:
    """Until they have ended."""
    for thread in threads(name):
        thread.join(20)
    assert not threads(name)


def test_without_lupa_it_is_said_what_to_install(
    client: Client, table: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    set_name, module = table
    monkeypatch.setitem(__import__("sys").modules, "lupa", None)
    with pytest.raises(ClientError, match="pip install lupa"):
        client.query("test", set_name).aggregate(module, "all")
