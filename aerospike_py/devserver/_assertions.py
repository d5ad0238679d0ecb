"""What tests say of records: what they are to be, and where they differ."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from .._validate import wrong_type
from ..types import Record


def assert_record(
    record: Record,
    bins: Mapping[str, Any],
    *,
    gen: int | None = None,
    ttl: "int | tuple[int, int] | None" = None,
) -> None:
    """Asserts what is in a record, and says where it differs, however deep.

    Types count, as they do in the database: 1, 1.0 and True are not the same.

    Args:
        record: What a client has read.
        bins: All the bins that it is to have.
        gen: The generation that it is to have; None: any.
        ttl: The seconds it is to have left, or the least and the most; None: any.

    Raises:
        AssertionError: It is otherwise. The message names each place.
        TypeError: It is no record.
    """
    __tracebackhide__ = True
    if not isinstance(record, Record):
        raise wrong_type("record", "a Record, as a client reads them", record)
    found = [*_differences(record.bins or {}, bins, "bins")]
    if gen is not None and (record.meta is None or record.meta.gen != gen):
        found.append(f"gen is {record.meta and record.meta.gen}, not {gen}")
    if ttl is not None:
        least, most = (ttl, ttl) if isinstance(ttl, int) else ttl
        if record.ttl is None or not least <= record.ttl <= most:
            found.append(
                f"ttl is {record.ttl}, not {ttl if least == most else f'{least} to {most}'}"
            )
    if found:
        key = None if record.key is None else tuple(record.key)[:3]
        raise AssertionError("\n  ".join([f"the record {key} differs:", *found]))


def _differences(value: Any, wanted: Any, path: str) -> Iterator[str]:
    if isinstance(value, Mapping) and isinstance(wanted, Mapping):
        yield from _of_maps(value, wanted, path)
    elif isinstance(value, list) and isinstance(wanted, (list, tuple)):
        yield from _of_lists(value, wanted, path)
    elif not _is_same(value, wanted):
        kinds = f" ({type(value).__name__}, not {type(wanted).__name__})"
        is_by_type = type(value) is not type(wanted)
        yield f"{path} is {value!r:.200}, not {wanted!r:.200}{kinds if is_by_type else ''}"


def _is_same(value: Any, wanted: Any) -> bool:
    if isinstance(value, (bool, int, float)):
        is_equal = value == wanted or (value != value and wanted != wanted)  # NaN is NaN here.
        return is_equal and type(value) is type(wanted)
    return bool(value == wanted)


def _of_maps(value: Mapping[Any, Any], wanted: Mapping[Any, Any], path: str) -> Iterator[str]:
    for name in wanted:
        place = f"{path}[{name!r:.60}]"
        if name in value:
            yield from _differences(value[name], wanted[name], place)
        else:
            yield f"{place} is missing; it is to be {wanted[name]!r:.200}"
    for name in value:
        if name not in wanted:
            yield f"{path}[{name!r:.60}] is {value[name]!r:.200}, and is not to be there"


def _of_lists(value: Sequence[Any], wanted: Sequence[Any], path: str) -> Iterator[str]:
    if len(value) != len(wanted):
        yield f"{path} has {len(value)} members, not {len(wanted)}"
    for index, (member, other) in enumerate(zip(value, wanted, strict=False)):
        yield from _differences(member, other, f"{path}[{index}]")
