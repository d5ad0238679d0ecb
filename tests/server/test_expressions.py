"""What expressions compute, and how filters work on every command."""

import time
from typing import Any

import pytest

import aerospike_py
from aerospike_py import AerospikeError, Client, FilteredOut, InvalidArgError, cdt_ctx, exp
from aerospike_py import exp_operations as eop
from aerospike_py import hll_operations as hop
from aerospike_py.types import GeoJSON

Key = tuple[str, str, Any]

BINS = {
    "i": 5,
    "f": 2.5,
    "s": "user_7",
    "b": b"\x0f\xf0",
    "t": True,
    "l": [3, 1, 2],
    "m": {"k": 1, "z": 9},
    "g": GeoJSON({"type": "Point", "coordinates": [1.0, 2.0]}),
}


@pytest.fixture
def stored(client: Client, key: Key) -> Key:
    """A record with a bin of every type, and its key."""
    client.put(key, BINS, policy={"key": aerospike_py.POLICY_KEY_SEND})
    client.operate(key, [hop.hll_add("h", ["a", "b", "c"], 8)])
    return key


def value(client: Client, key: Key, expression: Any) -> Any:
    """What an expression yields on a record."""
    return client.operate(key, [eop.exp_read("r", expression)]).bins["r"]


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        (exp.int_val(-5), -5),
        (exp.float_val(2), 2.0),
        (exp.string_val("é"), "é"),
        (exp.bool_val(False), False),
        (exp.blob_val(b"\x00"), b"\x00"),
        (exp.list_val([1, [2, "x"]]), [1, [2, "x"]]),
        (exp.map_val({"a": [1]}), {"a": [1]}),
        (exp.nil(), None),
        (exp.int_bin("i"), 5),
        (exp.float_bin("f"), 2.5),
        (exp.string_bin("s"), "user_7"),
        (exp.blob_bin("b"), b"\x0f\xf0"),
        (exp.bool_bin("t"), True),
        (exp.list_bin("l"), [3, 1, 2]),
        (exp.map_bin("m"), {"k": 1, "z": 9}),
        (exp.geo_bin("g"), BINS["g"]),
        (exp.bin_exists("i"), True),
        (exp.bin_exists("none"), False),
        (exp.bin_type("i"), 1),
        (exp.bin_type("none"), 0),
        (exp.key_exists(), True),
        (exp.is_tombstone(), False),
        (exp.eq(exp.int_bin("i"), 5), True),
        (exp.ne(exp.int_bin("i"), 5), False),
        (exp.gt(exp.int_bin("i"), 4), True),
        (exp.ge(exp.int_bin("i"), 6), False),
        (exp.lt(exp.float_bin("f"), 3.0), True),
        (exp.le(exp.string_bin("s"), "user_6"), False),
        (exp.eq(exp.list_bin("l"), [3, 1, 2]), True),
        (exp.and_(exp.bool_bin("t"), exp.eq(1, 1)), True),
        (exp.or_(exp.eq(1, 2), exp.eq(1, 1)), True),
        (exp.not_(exp.bool_bin("t")), False),
        (exp.xor_(exp.eq(1, 1), exp.eq(2, 2)), False),
        (exp.regex_compare("^user_", 0, exp.string_bin("s")), True),
        (exp.regex_compare("^USER_[0-9]$", exp.REGEX_ICASE, exp.string_bin("s")), True),
        (exp.regex_compare("^other", 0, exp.string_bin("s")), False),
        (exp.num_add(exp.int_bin("i"), 1, 2), 8),
        (exp.num_sub(exp.int_bin("i"), 7), -2),
        (exp.num_mul(exp.float_bin("f"), 2.0), 5.0),
        (exp.num_div(exp.int_bin("i"), 2), 2),
        (exp.num_mod(exp.int_bin("i"), 3), 2),
        (exp.num_pow(exp.float_bin("f"), 2.0), 6.25),
        (exp.num_log(8.0, 2.0), 3.0),
        (exp.num_abs(-7), 7),
        (exp.num_floor(exp.float_bin("f")), 2.0),
        (exp.num_ceil(exp.float_bin("f")), 3.0),
        (exp.to_int(exp.float_bin("f")), 2),
        (exp.to_float(exp.int_bin("i")), 5.0),
        (exp.min_(exp.int_bin("i"), 3, 9), 3),
        (exp.max_(exp.int_bin("i"), 3, 9), 9),
        (exp.int_and(exp.int_bin("i"), 6), 4),
        (exp.int_or(exp.int_bin("i"), 6), 7),
        (exp.int_xor(exp.int_bin("i"), 6), 3),
        (exp.int_not(exp.int_bin("i")), -6),
        (exp.int_lshift(exp.int_bin("i"), 2), 20),
        (exp.int_rshift(-1, 60), 15),
        (exp.int_arshift(-8, 1), -4),
        (exp.int_count(exp.int_bin("i")), 2),
        (exp.int_lscan(exp.int_bin("i"), True), 61),
        (exp.int_rscan(exp.int_bin("i"), True), 63),
        (exp.cond(exp.gt(exp.int_bin("i"), 9), "A", exp.gt(exp.int_bin("i"), 4), "B", "C"), "B"),
        (exp.cond(exp.gt(exp.int_bin("i"), 9), "A", "C"), "C"),
        (
            exp.let_(
                exp.def_("x", exp.int_bin("i")),
                exp.def_("y", exp.num_mul(exp.var("x"), 2)),
                exp.num_add(exp.var("x"), exp.var("y")),
            ),
            15,
        ),
        (exp.list_size("l"), 3),
        (exp.list_get_by_index("l", 0, 7, exp.EXP_TYPE_INT), 3),
        (exp.list_get_by_index("l", exp.num_sub(exp.int_bin("i"), 4), 7, exp.EXP_TYPE_INT), 1),
        (exp.list_get_by_rank("l", -1, 7, exp.EXP_TYPE_INT), 3),
        (exp.list_get_by_index_range("l", 1, 7), [1, 2]),
        (exp.list_get_by_value("l", 2, 5), 1),
        (exp.list_get_by_value("l", 9, 9), False),
        (exp.list_get_by_value_list("l", [1, 2], 7), [1, 2]),
        (exp.list_get_by_value_range("l", 2, None, 5), 2),
        (exp.list_get_by_value_range("l", 2, exp.infinity(), 5), 2),
        (exp.list_get_by_value("l", exp.wildcard(), 5), 3),
        (exp.in_list(2, exp.list_bin("l")), True),
        (exp.in_list(exp.int_bin("i"), exp.list_bin("l")), False),
        (exp.map_keys(exp.map_bin("m")), ["k", "z"]),
        (exp.map_values(exp.map_bin("m")), [1, 9]),
        (exp.list_append("l", exp.int_bin("i")), [3, 1, 2, 5]),
        (exp.list_sort("l"), [1, 2, 3]),
        (exp.list_remove_by_value("l", 1), [3, 2]),
        (exp.list_size(exp.list_append("l", 1)), 4),
        (exp.map_size("m"), 2),
        (exp.map_get_by_key("m", "k", 7, exp.EXP_TYPE_INT), 1),
        (exp.map_get_by_key("m", "q", 9), False),
        (exp.map_get_by_index_range("m", 0, 6), ["k", "z"]),
        (exp.map_get_by_value_range("m", 5, None, 8), [("z", 9)]),
        (exp.map_put("m", "n", exp.int_bin("i")), {"k": 1, "z": 9, "n": 5}),
        (exp.map_put_items("m", {"k": 2}), {"k": 2, "z": 9}),
        (exp.map_increment("m", "k", 4, {"map_order": 1}), {"k": 5, "z": 9}),
        (exp.map_remove_by_key("m", "k"), {"z": 9}),
        (exp.map_clear("m"), {}),
        (exp.bit_count("b", 0, 16), 8),
        (exp.bit_get("b", 4, 8), b"\xff"),
        (exp.bit_get_int("b", 8, 8, True), -16),
        (exp.bit_or("b", 0, 8, b"\xf0"), b"\xff\xf0"),
        (exp.bit_add("b", 0, 8, 1), b"\x10\xf0"),
        (exp.hll_get_count("h"), 3),
        (exp.hll_describe("h"), [8, 0]),
        (exp.hll_may_contain("h", ["a"]), 1),
        (exp.hll_get_count(exp.hll_add("h", ["d"])), 4),
        (exp.hll_get_count(exp.hll_bin("h")), 3),
    ],
    ids=lambda item: item.get("__expr__") if isinstance(item, dict) and "__expr__" in item else "",
)
def test_values(client: Client, stored: Key, expression: Any, expected: Any) -> None:
    assert value(client, stored, expression) == expected


def test_metadata(client: Client, stored: Key) -> None:
    assert value(client, stored, exp.key(exp.EXP_TYPE_STRING)) == stored[2]
    assert value(client, stored, exp.set_name()) == stored[1]
    size = value(client, stored, exp.record_size())
    assert size > 0
    assert value(client, stored, exp.memory_size()) == size
    assert value(client, stored, exp.device_size()) == 0
    assert value(client, stored, exp.ttl()) == -1
    assert value(client, stored, exp.since_update()) < 60_000
    age_ns = time.time_ns() - value(client, stored, exp.last_update())
    assert abs(age_ns) < 60 * 10**9
    client.touch(stored, 1000)
    assert 990 <= value(client, stored, exp.ttl()) <= 1000
    void_ns = value(client, stored, exp.void_time()) - time.time_ns()
    assert 940 <= void_ns / 10**9 <= 1060
    assert value(client, stored, exp.digest_modulo(1)) == 0


def test_geo(client: Client, stored: Key) -> None:
    near = GeoJSON({"type": "AeroCircle", "coordinates": [[1.0, 2.0], 1000]})
    far = GeoJSON({"type": "AeroCircle", "coordinates": [[50.0, 2.0], 1000]})
    assert value(client, stored, exp.geo_compare(exp.geo_bin("g"), exp.geo_val(near))) is True
    assert value(client, stored, exp.geo_compare(exp.geo_bin("g"), far)) is False


def test_a_constant_hyperloglog(client: Client, stored: Key) -> None:
    sketch = (client.get(stored).bins or {})["h"]
    assert value(client, stored, exp.hll_get_count(exp.hll_val(sketch))) == 3
    assert value(client, stored, exp.hll_val(sketch)) == sketch


def test_contexts(client: Client, key: Key) -> None:
    client.put(key, {"d": {"a": {"b": [1, 2]}}})
    path = [cdt_ctx.map_key("a"), cdt_ctx.map_key("b")]
    assert value(client, key, exp.list_size(exp.map_bin("d"), path)) == 2
    grown = value(client, key, exp.list_append(exp.map_bin("d"), 3, ctx=path))
    assert grown == {"a": {"b": [1, 2, 3]}}


def test_paths(client: Client, key: Key) -> None:
    client.put(key, {"d": {"a": [1, 9, 20], "b": [7]}})
    above = exp.gt(exp.loop_var(exp.EXP_TYPE_INT, exp.LOOP_VAR_VALUE), 5)
    path = [cdt_ctx.all_children(), cdt_ctx.all_children_filter(above)]
    selected = client.operate(key, [eop.select_by_path("d", path, eop.PATH_SELECT_VALUES)])
    assert sorted(selected.bins["d"]) == [7, 9, 20]
    half = exp.num_div(exp.loop_var(exp.EXP_TYPE_INT, exp.LOOP_VAR_VALUE), 2)
    assert client.operate(key, [eop.modify_by_path("d", path, half)]).bins == {}
    assert client.get(key).bins == {"d": {"a": [1, 4, 10], "b": [3]}}
    some = [cdt_ctx.map_keys_in(["b"]), cdt_ctx.all_children()]
    found = value(client, key, exp.select_by_path(exp.map_bin("d"), some, exp.EXP_TYPE_LIST, 1))
    assert found == [3]
    removed = eop.modify_by_path("d", path, exp.remove_result())
    client.operate(key, [removed])
    assert client.get(key).bins == {"d": {"a": [1, 4], "b": [3]}}


def test_writing_the_value_of_an_expression(client: Client, stored: Key) -> None:
    sum_ = exp.num_add(exp.int_bin("i"), exp.list_size("l"))
    record = client.operate(
        stored, [eop.exp_write("sum", sum_), {"op": aerospike_py.OPERATOR_READ, "bin": "sum"}]
    )
    assert record.bins == {"sum": 8}
    with pytest.raises(AerospikeError):
        client.operate(stored, [eop.exp_write("sum", sum_, eop.EXP_WRITE_CREATE_ONLY)])
    with pytest.raises(AerospikeError):
        client.operate(stored, [eop.exp_write("none", sum_, eop.EXP_WRITE_UPDATE_ONLY)])
    client.operate(stored, [eop.exp_write("sum", exp.nil(), eop.EXP_WRITE_ALLOW_DELETE)])
    assert "sum" not in client.get(stored).bins


def test_many_bins(client: Client, key: Key) -> None:
    names = [f"n{number}" for number in range(40)]
    client.put(key, {name: number for number, name in enumerate(names)})
    total = exp.num_add(
        *map(exp.int_bin, names), exp.cond(exp.bin_exists("n40"), exp.int_val(1), exp.int_val(0))
    )
    assert value(client, key, total) == 780
    assert client.get(key, {"expressions": exp.eq(total, exp.int_val(780))}).meta.gen == 1
    reads = [eop.exp_read(name, exp.int_bin(name)) for name in names]
    assert client.operate(key, reads).bins == {name: n for n, name in enumerate(names)}
    change = {"op": aerospike_py.OPERATOR_WRITE, "bin": "n40", "val": 1}
    assert client.operate(key, [change, eop.exp_read("r", total), *reads]).bins["r"] == 781


def test_what_cannot_be_evaluated(client: Client, stored: Key) -> None:
    with pytest.raises(AerospikeError):
        value(client, stored, exp.int_bin("none"))
    quiet = eop.exp_read("r", exp.int_bin("none"), eop.EXP_READ_EVAL_NO_FAIL)
    assert client.operate(stored, [quiet]).bins == {"r": None}
    with pytest.raises(AerospikeError):
        value(client, stored, exp.num_add(exp.int_bin("s"), 1))


TRUE = exp.eq(exp.int_bin("i"), 5)
FALSE = exp.eq(exp.int_bin("i"), 6)


def test_a_filter_that_is_true(client: Client, stored: Key) -> None:
    policy = {"expressions": TRUE}
    assert client.get(stored, policy).bins["i"] == 5
    assert client.select(stored, ["i"], policy).bins == {"i": 5}
    assert client.exists(stored, policy).meta is not None
    client.put(stored, {"new": 1}, policy=policy)
    client.increment(stored, "new", 1, policy=policy)
    client.touch(stored, policy=policy)
    read = [{"op": aerospike_py.OPERATOR_READ, "bin": "new"}]
    assert client.operate(stored, read, policy=policy).bins == {"new": 2}
    client.remove(stored, policy=policy)
    assert client.exists(stored).meta is None


@pytest.mark.parametrize(
    "call",
    [
        lambda client, key, policy: client.get(key, policy),
        lambda client, key, policy: client.select(key, ["i"], policy),
        lambda client, key, policy: client.put(key, {"i": 0}, policy=policy),
        lambda client, key, policy: client.remove(key, policy=policy),
        lambda client, key, policy: client.touch(key, policy=policy),
        lambda client, key, policy: client.append(key, "s", "x", policy=policy),
        lambda client, key, policy: client.increment(key, "i", 1, policy=policy),
        lambda client, key, policy: client.operate(
            key, [{"op": 5, "bin": "i", "val": 1}], policy=policy
        ),
    ],
    ids=["get", "select", "put", "remove", "touch", "append", "increment", "operate"],
)
def test_a_filter_that_is_false(client: Client, stored: Key, call: Any) -> None:
    for policy in ({"expressions": FALSE}, {"expressions": exp.compile(FALSE)}):
        with pytest.raises(FilteredOut) as caught:
            call(client, stored, policy)
        assert caught.value.result_code == 27
        assert not caught.value.in_doubt
    assert client.get(stored).bins["i"] == 5


@pytest.mark.parametrize(
    "expression",
    [
        exp.eq(exp.int_bin("i"), "x"),
        exp.int_bin("i"),
        exp.gt(exp.float_bin("f"), 1),
        exp.and_(exp.bool_bin("b"), exp.int_bin("i")),
        exp.not_(exp.int_bin("i")),
        exp.eq(exp.num_add(exp.int_bin("i"), 1.5), 1),
        exp.eq(exp.num_mod(exp.float_bin("f"), 2.0), 1),
        exp.eq(exp.num_pow(exp.int_bin("i"), 2), 4),
        exp.eq(exp.num_floor(exp.int_bin("i")), 4),
        exp.eq(exp.to_int(exp.int_bin("i")), 4),
        exp.eq(exp.to_float(exp.float_bin("f")), 4.0),
        exp.eq(exp.min_(exp.int_bin("i"), 1.5), 1),
        exp.eq(exp.num_abs("x"), 1),
        exp.eq(exp.int_and(exp.float_bin("f"), 1), 1),
        exp.eq(exp.int_lscan(exp.int_bin("i"), 1), 1),
        exp.regex_compare("a", 0, exp.int_bin("i")),
        exp.geo_compare(exp.geo_bin("g"), "x"),
        exp.eq(exp.cond(exp.bool_bin("b"), 1, "x"), 1),
        exp.cond(exp.int_bin("i"), True, False),
        exp.let_(exp.def_("x", exp.int_bin("i")), exp.gt(exp.var("x"), "y")),
        exp.eq(exp.bit_get_int(exp.int_bin("i"), 0, 8), 1),
        exp.eq(exp.hll_get_count(exp.blob_bin("x")), 1),
        exp.gt(exp.set_name(), 1),
        exp.eq(exp.bin_exists("i"), 1),
    ],
    ids=str,
)
def test_what_is_refused_for_its_types_is_refused_by_the_server(
    client: Client, stored: Key, expression: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(InvalidArgError, match=r"policy\['expressions'\]: ") as before:
        client.get(stored, {"expressions": expression})
    assert before.value.result_code == -2
    monkeypatch.setattr("aerospike_py.exp.check_types", lambda _tree: None)
    monkeypatch.setattr("aerospike_py._expression_types.check_filter", lambda _tree: None)
    with pytest.raises(InvalidArgError) as by_the_server:
        client.get(stored, {"expressions": expression})
    assert by_the_server.value.result_code == 4


def test_a_filter_is_checked_before_it_is_sent(client: Client, stored: Key) -> None:
    with pytest.raises(ValueError, match="foo"):
        client.get(stored, {"expressions": {"__expr__": "foo"}})
    for wrong in (5, "i > 5", {"a": 1}):
        with pytest.raises((TypeError, InvalidArgError)):
            client.get(stored, {"expressions": wrong})
