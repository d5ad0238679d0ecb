"""Functions on the server: registering them, applying them, and what goes wrong."""

import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import aerospike_py
from aerospike_py import (
    Client,
    GeoJSON,
    InvalidArgError,
    QueryError,
    UDFError,
    batch,
    exp,
)
from aerospike_py import predicates as p

NAMESPACE = "test"

SOURCE = """
function add(rec, bin, amount)
    rec[bin] = rec[bin] + amount
    aerospike:update(rec)
    return rec[bin]
end

function create(rec, value)
    rec["made"] = value
    return aerospike:create(rec)
end

function echo(rec, value)
    return value
end

function count(rec, a, b, c)
    local n = 0
    if a ~= nil then n = n + 1 end
    if b ~= nil then n = n + 1 end
    if c ~= nil then n = n + 1 end
    return n
end

function nothing(rec)
end

function fail(rec)
    error("the sky is falling")
end
"""


@pytest.fixture(scope="module")
def module(server: Any) -> Iterator[str]:
    name = f"t{uuid.uuid4().hex[:10]}"
    with aerospike_py.client(server.config).connect() as client:
        client.udf_put(f"{name}.lua", source=SOURCE)
        yield name
        client.udf_remove(name)


class TestFiles:
    def test_a_file_is_registered_listed_fetched_and_removed(
        self, client: Client, module: str, tmp_path: Path
    ) -> None:
        name = f"t{uuid.uuid4().hex[:10]}"
        path = tmp_path / f"{name}.lua"
        path.write_text("function one(rec) return 1 end\n")
        client.udf_put(str(path))
        listed = {file.name: file for file in client.udf_list()}
        assert listed[f"{name}.lua"].type == "LUA"
        assert listed[f"{name}.lua"].hash
        assert client.udf_get(name) == client.udf_get(f"{name}.lua") == path.read_text()
        client.udf_remove(f"{name}.lua")
        assert f"{name}.lua" not in {file.name for file in client.udf_list()}

    def test_a_new_version_replaces_the_old_one(self, client: Client, module: str) -> None:
        name = f"t{uuid.uuid4().hex[:10]}"
        key = (NAMESPACE, "udf", name)
        for number in range(5):
            client.udf_put(name, source=f"function version(rec) return {number} end")
            assert client.apply(key, name, "version") == number
        client.udf_remove(name)

    def test_what_does_not_compile(self, client: Client, module: str) -> None:
        with pytest.raises(UDFError, match="near") as caught:
            client.udf_put("broken.lua", source="function (")
        assert caught.value.result_code == 100

    def test_a_long_message_of_what_does_not_compile(self, client: Client, module: str) -> None:
        with pytest.raises(UDFError, match="long long long"):
            client.udf_put("broken.lua", source="error(('long '):rep(1000))")

    def test_files_that_are_not_there(self, client: Client, module: str, tmp_path: Path) -> None:
        missing = r"^there is no file 'no_such_module\.lua' on the server"
        with pytest.raises(UDFError, match=missing):
            client.udf_get("no_such_module")
        with pytest.raises(UDFError, match=missing):
            client.udf_remove("no_such_module")
        with pytest.raises(FileNotFoundError):
            client.udf_put(str(tmp_path / "absent.lua"))

    def test_arguments(self, client: Client, module: str) -> None:
        with pytest.raises(InvalidArgError):
            client.udf_put("a.lua", 1, source="return 1")
        with pytest.raises(InvalidArgError):
            client.udf_put("a;b.lua", source="return 1")
        with pytest.raises(InvalidArgError):
            client.udf_put("a.lua", source="")
        with pytest.raises(TypeError):
            client.udf_put("a.lua", source=5)  # type: ignore[arg-type]
        with pytest.raises(TypeError):
            client.udf_remove(5)  # type: ignore[arg-type]


class TestApply:
    def test_a_function_changes_the_record_and_returns_a_value(
        self, client: Client, module: str, key: tuple[str, str, str]
    ) -> None:
        client.put(key, {"a": 1})
        assert client.apply(key, module, "add", ["a", 41]) == 42
        assert client.apply(key, f"{module}.lua", "add", ("a", 1)) == 43
        assert client.get(key).bins == {"a": 43}

    def test_a_function_creates_a_record(
        self, client: Client, module: str, key: tuple[str, str, str]
    ) -> None:
        policy: Any = {"key": aerospike_py.POLICY_KEY_SEND}
        assert client.apply(key, module, "create", ["x"], policy) == 0
        assert client.get(key).bins == {"made": "x"}

    @pytest.mark.parametrize(
        "value",
        [
            0,
            -(2**63),
            2**63 - 1,
            1.5,
            "text",
            "",
            "한국어",
            b"\x00\xff",
            True,
            False,
            None,
            [],
            [1, [2, "three", b"four"], {"five": 6.5}],
            {"a": {"b": [True]}, 5: "five"},
        ],
        ids=repr,
    )
    def test_values_there_and_back(
        self, client: Client, module: str, key: tuple[str, str, str], value: Any
    ) -> None:
        result = client.apply(key, module, "echo", [value])
        assert result == value
        assert type(result) is type(value)

    def test_geojson(self, client: Client, module: str, key: tuple[str, str, str]) -> None:
        point = GeoJSON({"type": "Point", "coordinates": [1.0, 2.0]})
        assert client.apply(key, module, "echo", [point]) == point

    def test_the_number_of_arguments(
        self, client: Client, module: str, key: tuple[str, str, str]
    ) -> None:
        assert client.apply(key, module, "count") == 0
        assert client.apply(key, module, "count", []) == 0
        assert client.apply(key, module, "count", [1, 2]) == 2
        assert client.apply(key, module, "nothing") is None

    def test_an_error_in_lua(self, client: Client, module: str, key: tuple[str, str, str]) -> None:
        with pytest.raises(UDFError, match="the sky is falling") as caught:
            client.apply(key, module, "fail")
        assert caught.value.result_code == 100
        assert caught.value.node

    def test_a_function_that_is_not_there(
        self, client: Client, module: str, key: tuple[str, str, str]
    ) -> None:
        with pytest.raises(UDFError, match="not found"):
            client.apply(key, module, "no_such_function")
        with pytest.raises(UDFError):
            client.apply(key, "no_such_module", "add")

    def test_arguments(self, client: Client, module: str, key: tuple[str, str, str]) -> None:
        with pytest.raises(TypeError):
            client.apply(key, module, "echo", [object()])
        with pytest.raises(TypeError):
            client.apply(key, module, "echo", "text")
        with pytest.raises(TypeError):
            client.apply(key, module, 5)  # type: ignore[arg-type]
        with pytest.raises(InvalidArgError):
            client.apply(key, module, "")
        with pytest.raises(OverflowError):
            client.apply(key, module, "echo", [2**64])


class TestBatches:
    @pytest.fixture
    def keys(self, client: Client, key: tuple[str, str, str]) -> list[tuple[str, str, str]]:
        keys = [(key[0], key[1], f"{key[2]}-{number}") for number in range(30)]
        client.batch_write([(each, {"n": number}) for number, each in enumerate(keys)])
        return keys

    def test_a_function_on_many_records(
        self, client: Client, module: str, keys: list[tuple[str, str, str]]
    ) -> None:
        rows = client.batch_apply(keys, module, "add", ["n", 100])
        assert [row.result for row in rows] == [0] * 30
        assert [row.value for row in rows] == list(range(100, 130))
        assert [row.key[:3] for row in rows] == keys
        read = client.batch_read(keys)
        assert [(row.bins or {})["n"] for row in read] == list(range(100, 130))
        assert [row.value for row in client.batch_apply(keys[:2], module, "nothing")] == [None] * 2
        echoed = client.batch_apply(keys[:2], f"{module}.lua", "echo", [[1, {"k": b"v"}, 2.5]])
        assert [row.value for row in echoed] == [[1, {"k": b"v"}, 2.5]] * 2

    def test_rows_whose_function_fails(
        self, client: Client, module: str, keys: list[tuple[str, str, str]]
    ) -> None:
        client.put(keys[1], {"n": "text"})
        rows = client.batch_apply(keys[:3], module, "add", ["n", 1]).batch_records
        assert [row.result for row in rows] == [0, 100, 0]
        failed = rows[1]
        assert (failed.record, failed.value, failed.in_doubt) == (None, None, False)
        assert failed.message is not None
        assert "attempt to" in failed.message
        assert isinstance(failed.error, UDFError)
        assert failed.message in str(failed.error)
        (row,) = client.batch_apply(keys[:1], module, "fail")
        assert "the sky is falling" in (row.message or "")

    def test_a_function_that_is_not_there(
        self, client: Client, module: str, keys: list[tuple[str, str, str]]
    ) -> None:
        for name in (module, "no_such_module"):
            rows = client.batch_apply(keys[:3], name, "no_such_function")
            assert [row.result for row in rows] == [100] * 3
            assert all(row.message for row in rows)

    def test_rows_among_others(
        self, client: Client, module: str, keys: list[tuple[str, str, str]]
    ) -> None:
        is_one = exp.eq(exp.int_bin("n"), exp.int_val(1))
        new = (*keys[0][:2], f"{keys[0][2]}-new")
        rows = client.batch(
            [
                batch.apply(keys[0], module, "add", ["n", 5]),
                batch.read(keys[1], ["n"]),
                batch.apply(keys[1], module, "add", ["n", 10], {"expressions": is_one}),
                batch.apply(keys[2], module, "add", ["n", 10], {"expressions": is_one}),
                batch.apply(new, module, "create", ["made"], {"ttl": 300, "key": 1}),
                batch.write(keys[3], {"n": 33}),
            ]
        ).batch_records
        assert [row.result for row in rows] == [0, 0, 0, 27, 0, 0]
        assert [row.value for row in rows[:3]] == [5, None, 11]
        assert rows[1].bins in ({"n": 1}, {"n": 11})
        made = client.get(new)
        assert made.bins == {"made": "made"}
        assert made.meta is not None
        assert 290 <= made.meta.ttl <= 300

    def test_it_is_what_the_official_client_finds(
        self, server: Any, client: Client, module: str, keys: list[tuple[str, str, str]]
    ) -> None:
        official = pytest.importorskip("aerospike")
        client.put(keys[1], {"n": "text"})
        theirs = official.client({"hosts": server.plain_hosts}).connect()
        try:
            expected = theirs.batch_apply(keys[:3], module, "add", ["n", 0]).batch_records
        finally:
            theirs.close()
        ours = client.batch_apply(keys[:3], module, "add", ["n", 0]).batch_records
        assert [row.result for row in ours] == [row.result for row in expected]
        assert [row.value for row in ours] == [
            row.record[2].get("SUCCESS") if row.result == 0 else None for row in expected
        ]


class TestBackground:
    @pytest.fixture
    def numbers(self, client: Client, key: tuple[str, str, str]) -> str:
        name = f"{key[1]}_{key[2][:8]}"
        for number in range(100):
            client.put((NAMESPACE, name, number), {"n": number})
        return name

    def test_a_function_on_every_record(self, client: Client, module: str, numbers: str) -> None:
        job = client.query(NAMESPACE, numbers).apply_background(module, "add", ["n", 1000])
        status = job.wait(30_000)
        assert status.state == "done"
        assert status.progress == 100
        assert status.records_succeeded == 100
        records = client.query(NAMESPACE, numbers).results()
        assert sorted((record.bins or {})["n"] for record in records) == list(range(1000, 1100))

    def test_operations_on_every_record(self, client: Client, numbers: str) -> None:
        operations = [{"op": aerospike_py.OPERATOR_WRITE, "bin": "flag", "val": True}]
        job = client.query(NAMESPACE, numbers).operate_background(operations)
        assert job.wait(30_000).records_succeeded == 100
        assert client.background_job(job.id).status().state == "done"
        records = client.query(NAMESPACE, numbers).results()
        assert all((record.bins or {})["flag"] is True for record in records)

    def test_on_what_an_index_finds(self, client: Client, numbers: str) -> None:
        client.index_integer_create(NAMESPACE, numbers, "n", f"{numbers}_n")
        operations = [{"op": aerospike_py.OPERATOR_INCR, "bin": "n", "val": 1000}]
        query = client.query(NAMESPACE, numbers).where(p.between("n", 10, 19))
        assert query.operate_background(operations).wait(30_000).records_succeeded == 10
        client.index_remove(NAMESPACE, f"{numbers}_n")
        records = client.query(NAMESPACE, numbers).results()
        assert sum((record.bins or {})["n"] >= 1000 for record in records) == 10

    def test_operations_that_read(self, client: Client, numbers: str) -> None:
        with pytest.raises(InvalidArgError, match="only write"):
            client.query(NAMESPACE, numbers).operate_background(
                [{"op": aerospike_py.OPERATOR_READ, "bin": "n"}]
            )

    def test_jobs_that_are_over(self, client: Client) -> None:
        assert client.job_status(12345).state == "unknown"
        with pytest.raises(QueryError, match="12345"):
            client.background_job(12345).abort()
