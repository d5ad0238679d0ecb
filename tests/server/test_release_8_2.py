"""What release 8.2 of the server says of failures, and refuses, strings apart."""

import base64
from collections.abc import Callable, Iterator
from typing import Any

import pytest

import aerospike_py
from aerospike_py import (
    AerospikeError,
    InvalidArgError,
    SubCode,
    UnsupportedFeature,
    cdt_ctx,
    exp,
    exp_operations,
)
from aerospike_py import bit_operations as bits
from aerospike_py import hll_operations as hlls
from aerospike_py import list_operations as lists
from aerospike_py import map_operations as maps
from aerospike_py.devserver import DevCluster

KEY = ("test", "release", "record")
MESSAGES: Any = {"error_detail_verbosity": aerospike_py.ERROR_DETAIL_MESSAGE}
BOUNDED: Any = {"write_flags": aerospike_py.LIST_WRITE_INSERT_BOUNDED}
INVALID, BIN_NOT_FOUND, NOT_APPLICABLE = 4, 17, 26


@pytest.fixture(scope="module")
def client() -> Iterator[aerospike_py.Client]:
    with (
        DevCluster(2, server_version="8.2") as cluster,
        aerospike_py.client(cluster.config).connect() as connected,
    ):
        yield connected


@pytest.fixture
def stored(client: aerospike_py.Client) -> aerospike_py.Client:
    client.put(KEY, {"l": [3, 1, 2], "m": {"a": [1]}, "b": b"\x01\x02"})
    client.operate(
        KEY,
        [
            hlls.hll_add("h", ["x"], 8, 8),
            hlls.hll_add("other", ["x"], 8, 12),
            hlls.hll_add("plain", ["x"], 8),
        ],
    )
    return client


def sketch(client: aerospike_py.Client, name: str) -> Any:
    return client.get(KEY).bins[name]


INSIDE = [cdt_ctx.map_key("a")]
FAILURES: list[tuple[Any, int, int]] = [
    (lists.list_get("l", 3), NOT_APPLICABLE, SubCode.OPNOT_CDT_INDEX_OUT_OF_BOUNDS),
    (lists.list_pop("l", -4), NOT_APPLICABLE, SubCode.OPNOT_CDT_INDEX_OUT_OF_BOUNDS),
    (
        lists.list_get_by_rank("l", 3, aerospike_py.LIST_RETURN_VALUE),
        NOT_APPLICABLE,
        SubCode.OPNOT_CDT_RANK_OUT_OF_BOUNDS,
    ),
    (
        maps.map_get_by_index("m", 1, aerospike_py.MAP_RETURN_VALUE),
        NOT_APPLICABLE,
        SubCode.OPNOT_CDT_INDEX_OUT_OF_BOUNDS,
    ),
    (
        maps.map_get_by_rank("m", -2, aerospike_py.MAP_RETURN_VALUE),
        NOT_APPLICABLE,
        SubCode.OPNOT_CDT_RANK_OUT_OF_BOUNDS,
    ),
    (
        lists.list_size("l", [cdt_ctx.list_rank(5)]),
        NOT_APPLICABLE,
        SubCode.OPNOT_CDT_RANK_OUT_OF_BOUNDS,
    ),
    (
        lists.list_insert("m", 2, 0, BOUNDED, INSIDE),
        NOT_APPLICABLE,
        SubCode.OPNOT_CDT_BOUNDED_LIST_OVERFLOW,
    ),
    (hlls.hll_init("new"), NOT_APPLICABLE, SubCode.OPNOT_HLL_INDEX_BITS_UNSET),
    (hlls.hll_fold("h", 6), NOT_APPLICABLE, SubCode.OPNOT_HLL_CANNOT_FOLD_MINHASH),
    (hlls.hll_fold("plain", 10), NOT_APPLICABLE, SubCode.OPNOT_HLL_FOLD_INDEX_BITS_TOO_LARGE),
    (hlls.hll_fold("new", 10), BIN_NOT_FOUND, SubCode.BIN_NOT_FOUND_HLL_CANNOT_CREATE_WITH_OP),
    (bits.bit_get("b", -24, 8), INVALID, SubCode.PARAM_BITS_OFFSET_OUT_OF_RANGE),
    (bits.bit_remove("b", 1, 2), INVALID, SubCode.PARAM_BITS_SIZE_OUT_OF_RANGE),
    (bits.bit_get_int("b", 0, 65, False), INVALID, SubCode.PARAM_BITS_SIZE_OUT_OF_RANGE),
]


@pytest.mark.parametrize(("operation", "code", "subcode"), FAILURES)
def test_a_failure_has_a_subcode(
    stored: aerospike_py.Client, operation: Any, code: int, subcode: int
) -> None:
    with pytest.raises(AerospikeError) as caught:
        stored.operate(KEY, [operation], policy=MESSAGES)
    assert (caught.value.result_code, caught.value.subcode) == (code, subcode)
    assert caught.value.detail


def test_sketches_that_do_not_go_together(stored: aerospike_py.Client) -> None:
    for operation, subcode in (
        (
            hlls.hll_get_similarity("h", [sketch(stored, "other")] * 3),
            SubCode.OPNOT_HLL_INTERSECT_MINHASH_MISMATCH,
        ),
        (
            hlls.hll_set_union("h", [sketch(stored, "other")]),
            SubCode.OPNOT_HLL_CANNOT_REDUCE_MINHASH_BITS,
        ),
    ):
        with pytest.raises(AerospikeError) as caught:
            stored.operate(KEY, [operation], policy=MESSAGES)
        assert (caught.value.result_code, caught.value.subcode) == (NOT_APPLICABLE, subcode)


def test_a_time_to_live_that_is_too_long(stored: aerospike_py.Client) -> None:
    with pytest.raises(InvalidArgError) as caught:
        stored.put(KEY, {"n": 1}, {"ttl": 2**31 - 1}, MESSAGES)
    assert caught.value.subcode == SubCode.PARAM_TTL_INVALID


def nested(depth: int) -> Any:
    value: Any = []
    for level in range(depth - 1):
        value = {"k": value} if level % 3 else [value]
    return value


def test_lists_and_maps_are_nested_in_64_levels_at_most(client: aerospike_py.Client) -> None:
    replace: Any = {"exists": aerospike_py.POLICY_EXISTS_REPLACE}
    client.put(KEY, {"v": nested(64)}, policy=replace)
    assert client.get(KEY).bins == {"v": nested(64)}
    client.put(KEY, {"v": [[]]})
    client.operate(KEY, [lists.list_append("v", nested(64))])
    client.operate(KEY, [lists.list_append("v", nested(64), ctx=[cdt_ctx.list_index(0)])])
    for refused in (
        lambda: client.put(KEY, {"v": nested(65)}),
        lambda: client.operate(KEY, [lists.list_append("v", nested(65))]),
        lambda: client.operate(
            KEY, [lists.list_append("v", nested(65), ctx=[cdt_ctx.list_index(0)])]
        ),
        lambda: client.operate(
            KEY, [lists.list_get_by_value("v", nested(65), aerospike_py.LIST_RETURN_COUNT)]
        ),
    ):
        with pytest.raises(InvalidArgError):
            refused()
    assert client.get(KEY).bins == {"v": [[nested(64)], nested(64)]}


def test_texts_of_filters_are_not_compiled(client: aerospike_py.Client) -> None:
    client.put(KEY, {"n": 1})
    policy: Any = {"expressions": exp.from_text("$.n == 1")}
    for call in (
        lambda: client.get(KEY, policy),
        lambda: client.put(KEY, {"n": 2}, policy=policy),
        lambda: client.query("test", "release").results(policy),
        lambda: client.query("test", "release").operate_background(
            [{"op": aerospike_py.OPERATOR_WRITE, "bin": "n", "val": 1}], policy
        ),
    ):
        with pytest.raises(UnsupportedFeature):
            call()
    for keys in ([KEY], [KEY, KEY]):
        with pytest.raises(UnsupportedFeature):
            raise client.batch_read(keys, policy=policy).batch_records[0].error or AssertionError
    with pytest.raises(UnsupportedFeature) as caught:
        client.get(KEY, policy | MESSAGES)
    assert "compiles no texts" in (caught.value.detail or "")
    assert client.exists(KEY, {"expressions": exp.parse("$.n == 1")}).meta is not None


def test_an_expression_that_fails_has_a_trace(client: aerospike_py.Client) -> None:
    client.put(KEY, {"n": 1})
    # Both sides of a comparison have to be of one type, which the client sees to.
    wrong = aerospike_py.exp.from_base64(
        base64.b64encode(b"\x93\x01\x93\x51\x02\xa1n\xa2\x03x").decode()
    )
    everything: Any = {"error_detail_verbosity": aerospike_py.ERROR_DETAIL_EXP_TRACE}
    operation = exp_operations.exp_read("r", wrong)
    calls: list[Callable[[Any], Any]] = [
        lambda policy: client.get(KEY, policy | {"expressions": wrong}),
        lambda policy: client.operate(KEY, [operation], policy=policy),
    ]
    for call in calls:
        with pytest.raises(InvalidArgError) as caught:
            call(everything)
        assert caught.value.trace == {"phase": 1, "byte_offset": 0}
        assert "not valid at byte 0" in (caught.value.detail or "")
        with pytest.raises(InvalidArgError) as caught:
            call(MESSAGES)
        assert caught.value.trace is None
        assert caught.value.detail
    absent = exp_operations.exp_read("r", exp.int_bin("none"))
    with pytest.raises(AerospikeError) as caught_next:
        client.operate(KEY, [absent], policy=everything)
    assert caught_next.value.trace == {"phase": 2}
