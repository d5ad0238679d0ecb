"""Named tuples, GeoJSON and HyperLogLog values."""

import pickle

import pytest

from aerospike_py import GeoJSON, HyperLogLog, RecordMetadata
from aerospike_py.types import (
    AerospikeKey,
    BinTuple,
    ExistsResult,
    InfoNodeResult,
    OperateOrderedResult,
    Record,
)

POINT = '{"type": "Point", "coordinates": [127.0, 37.5]}'


@pytest.mark.parametrize(
    ("kind", "fields"),
    [
        (Record, ("key", "meta", "bins")),
        (AerospikeKey, ("namespace", "set_name", "user_key", "digest")),
        (RecordMetadata, ("gen", "ttl")),
        (ExistsResult, ("key", "meta")),
        (OperateOrderedResult, ("key", "meta", "ordered_bins")),
        (BinTuple, ("name", "value")),
        (InfoNodeResult, ("node_name", "error_code", "response")),
    ],
)
def test_results_are_named_tuples(kind: type, fields: tuple[str, ...]) -> None:
    assert issubclass(kind, tuple)
    assert kind._fields == fields  # type: ignore[attr-defined]


def test_metadata_answers_to_names_and_positions() -> None:
    meta = RecordMetadata(3, 100)
    gen, ttl = meta
    assert (gen, ttl) == (3, 100)
    assert (meta.gen, meta.ttl) == (3, 100)
    assert (meta["gen"], meta["ttl"]) == (3, 100)
    assert (meta[0], meta[-1], meta[:]) == (3, 100, (3, 100))
    assert meta == (3, 100)
    assert pickle.loads(pickle.dumps(meta)) == meta
    with pytest.raises(KeyError):
        meta["nonsense"]
    with pytest.raises(IndexError):
        meta[2]


def test_geojson_from_text_and_dict() -> None:
    from_text = GeoJSON(POINT)
    from_dict = GeoJSON({"coordinates": [127, 37.5], "type": "Point"})
    assert from_text == from_dict
    assert hash(from_text) == hash(from_dict)
    assert from_text != GeoJSON({"type": "Point", "coordinates": [0, 0]})
    assert from_text != POINT
    assert from_text.text == POINT == str(from_text) == from_text.dumps()
    assert from_dict.unwrap() == {"type": "Point", "coordinates": [127, 37.5]}
    assert GeoJSON(from_text) == from_text
    assert pickle.loads(pickle.dumps(from_text)) == from_text
    assert eval(repr(from_text)) == from_text


@pytest.mark.parametrize("text", ["", "nonsense", "[1, 2]", "3"])
def test_geojson_refuses_text_that_is_no_object(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        GeoJSON(text)


def test_geojson_refuses_other_types() -> None:
    with pytest.raises(TypeError, match="bytes"):
        GeoJSON(b"{}")  # type: ignore[arg-type]


def test_hyperloglog_is_bytes() -> None:
    value = HyperLogLog(b"\x00\x01")
    assert value == b"\x00\x01"
    assert eval(repr(value)) == value
    assert type(pickle.loads(pickle.dumps(value))) is HyperLogLog
