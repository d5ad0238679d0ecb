"""The codec as a module: what it has belongs to the module, and not to the process."""

import gc
import re
import sys
import weakref
from concurrent.futures import ThreadPoolExecutor
from importlib.machinery import ExtensionFileLoader
from importlib.util import module_from_spec, spec_from_file_location
from operator import is_
from pathlib import Path
from threading import Barrier
from types import ModuleType
from typing import Any

import pytest

from aerospike_py import _codec
from aerospike_py._results import _TUPLES_ARE_PLAIN, _not_shown
from aerospike_py._values import Extension, Raw, _decode_extension
from aerospike_py.batch import BatchRecord
from aerospike_py.types import (
    AerospikeKey,
    BinTuple,
    ExistsResult,
    KeyOrderedDict,
    KeyValueOrderedDict,
    OperateOrderedResult,
    Record,
    RecordMetadata,
)

SOURCES = Path(__file__).resolve().parents[2] / "native" / "src"
RECORD = [["test", "demo", 1, b"d" * 20], [3, 60], {"n": 1, "m": [2.5, "x"]}]


def another() -> Any:
    """The codec as one who imports it anew has it."""
    assert _codec.__file__ is not None
    loader = ExtensionFileLoader("_codec", _codec.__file__)
    spec = spec_from_file_location("_codec", _codec.__file__, loader=loader)
    assert spec is not None
    module = module_from_spec(spec)
    loader.exec_module(module)
    return module


def bound(module: Any) -> Any:
    module.bind_values(Raw, Extension, KeyOrderedDict, KeyValueOrderedDict, _decode_extension)
    results = (AerospikeKey, RecordMetadata, Record, ExistsResult, OperateOrderedResult, BinTuple)
    module.bind_results(*results, _TUPLES_ARE_PLAIN, BatchRecord, _not_shown)
    return module


def test_every_module_has_classes_and_a_type_of_rows_of_its_own() -> None:
    class OtherRecord(Record):
        __slots__ = ()

    module = another()
    module.bind_values(Raw, Extension, KeyOrderedDict, KeyValueOrderedDict, _decode_extension)
    results = (AerospikeKey, RecordMetadata, OtherRecord, ExistsResult, OperateOrderedResult)
    row = type("OtherRow", (module.Row,), {"__slots__": ()})
    module.bind_results(*results, BinTuple, _TUPLES_ARE_PLAIN, row, _not_shown)
    assert module.Row is not _codec.Row
    packed = _codec.pack(RECORD)
    assert type(module.unpack_record(packed)) is OtherRecord
    assert type(_codec.unpack_record(packed)) is Record
    rows: list[Any] = []
    module.unpack_rows(_codec.pack([[None, 0, False, RECORD]]), 0, rows, 1, None)
    assert type(rows[0]) is row
    assert type(rows[0].record) is OtherRecord


def test_a_module_that_no_package_uses_refuses_what_needs_its_classes() -> None:
    module = another()
    packed = module.pack(RECORD)
    assert packed == _codec.pack(RECORD)
    assert module.unpack(packed) == RECORD
    for unpack in (module.unpack_record, module.unpack_exists, module.unpack_records):
        with pytest.raises((ImportError, ValueError, TypeError)):
            unpack(packed)
    with pytest.raises(ImportError, match="has not been imported here"):
        module.unpack_record(packed)
    with pytest.raises(ImportError, match="has not been imported here"):
        module.unpack_rows(_codec.pack([[None, 0, False, RECORD]]), 0, [], 1, None)
    with pytest.raises(TypeError):
        module.unpack(_codec.pack(Extension(5, b"")))


def test_what_is_bound_again_takes_the_place_of_what_was() -> None:
    module = bound(another())
    before = sys.getrefcount(BatchRecord)
    for _ in range(50):
        bound(module)
    assert abs(sys.getrefcount(BatchRecord) - before) < 5


def test_a_module_that_nobody_has_leaves_nothing() -> None:
    def watched() -> "weakref.ref[ModuleType]":
        module = another()
        row = type("OtherRow", (module.Row,), {"__slots__": (), "codec": module})
        module.bind_values(Raw, Extension, KeyOrderedDict, KeyValueOrderedDict, _decode_extension)
        results = (AerospikeKey, RecordMetadata, Record, ExistsResult, OperateOrderedResult)
        module.bind_results(*results, BinTuple, _TUPLES_ARE_PLAIN, row, _not_shown)
        rows: list[Any] = []
        module.unpack_rows(module.pack([[None, 0, False, RECORD]] * 3), 0, rows, 3, None)
        assert rows[0].bins == RECORD[2]
        return weakref.ref(module)

    gone = watched()
    gc.collect()
    assert gone() is None


def test_rows_outlive_the_name_of_their_module() -> None:
    module = another()
    row = type("OtherRow", (module.Row,), {"__slots__": ()})
    results = (AerospikeKey, RecordMetadata, Record, ExistsResult, OperateOrderedResult, BinTuple)
    module.bind_results(*results, _TUPLES_ARE_PLAIN, row, _not_shown)
    rows: list[Any] = []
    module.unpack_rows(_codec.pack([[None, 0, False, RECORD]]), 0, rows, 1, None)
    del module, row
    gc.collect()
    assert rows[0].record.bins == RECORD[2]


def test_threads_that_ask_the_same_rows_are_given_the_same() -> None:
    rows: list[Any] = []
    _codec.unpack_rows(_codec.pack([[None, 0, False, RECORD]] * 200), 0, rows, 200, None)

    def ask(thread: int) -> list[Any]:
        begun.wait()
        asked = []
        for row in rows:
            bins = row.bins if thread % 2 else None
            record = row.record
            assert bins is None or bins is record.bins
            assert row.key is record.key
            asked.append(record)
        return asked

    begun = Barrier(4)
    with ThreadPoolExecutor(4) as pool:
        first, *others = pool.map(ask, range(4))
    for other in others:
        assert all(map(is_, first, other))


def test_no_source_of_the_codec_has_a_variable_of_the_process() -> None:
    sources = [*(SOURCES / "python").glob("*.zig"), *SOURCES.glob("codec*.zig")]
    assert len(sources) > 10
    # A declaration that is in no function begins its line.
    variable = re.compile(r"^(?:pub |export |threadlocal )*var .*", re.MULTILINE)
    found = [(path.name, line) for path in sources for line in variable.findall(path.read_text())]
    assert found == []
