"""Bins as objects, and objects as bins; nothing is sent here."""

import datetime
import decimal
import enum
import pickle
import subprocess
import sys
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal, NamedTuple, TypedDict, cast

import msgspec
import pydantic
import pytest
from typing_extensions import NotRequired

import aerospike_py
from aerospike_py import BinNameError, GeoJSON, HyperLogLog, InvalidArgError, ObjectError
from aerospike_py._results import BatchDecoder
from aerospike_py._values import encode, plain_bins
from aerospike_py.objects import (
    DATETIME_IN_MICROSECONDS,
    Bin,
    Converter,
    RecordOf,
    Shapes,
    from_bins,
    to_bins,
)
from aerospike_py.types import AerospikeKey, KeyOrderedDict, Record, RecordMetadata

UTC = datetime.timezone.utc
KEY = AerospikeKey("test", "users", 1, bytes(20))
META = RecordMetadata(3, 100)


class Color(enum.Enum):
    RED = "red"


class Level(enum.IntEnum):
    HIGH = 2


@dataclass
class Place:
    city: str
    since: datetime.date


@dataclass
class User:
    name: str
    age: int
    full: Annotated[str, Bin("fullname")]
    nick: str | None
    score: float = 0.5
    tags: list[str] = field(default_factory=list)
    mail: str = field(default="", metadata={"bin": "email"})


class UserStruct(msgspec.Struct):
    name: str
    age: int
    full: str = msgspec.field(name="fullname")
    nick: str | None
    score: float = 0.5
    tags: list[str] = []
    mail: Annotated[str, Bin("email")] = ""


class UserModel(pydantic.BaseModel):
    name: str
    age: int
    full: str = pydantic.Field(alias="fullname")
    nick: str | None
    score: float = 0.5
    tags: list[str] = []
    mail: Annotated[str, Bin("email")] = ""


class UserDict(TypedDict):
    name: str
    age: int
    full: Annotated[str, Bin("fullname")]
    nick: str | None
    score: NotRequired[float]
    tags: NotRequired[list[str]]
    mail: NotRequired[Annotated[str, Bin("email")]]


KINDS: list[Any] = [User, UserStruct, UserModel, UserDict]
BINS = {"name": "Ann", "age": 30, "fullname": "Ann Lee", "score": 1.5, "tags": ["a"], "email": "@"}


def member(made: Any, name: str) -> Any:
    return made[name] if isinstance(made, dict) else getattr(made, name)


@pytest.mark.parametrize("kind", KINDS)
def test_bins_become_an_object_of_any_kind_and_bins_again(kind: Any) -> None:
    made = from_bins({**BINS, "unknown": 1}, kind)
    assert type(made) is (dict if kind is UserDict else kind)
    assert [member(made, name) for name in ("name", "age", "full", "nick", "mail")] == [
        *("Ann", 30, "Ann Lee", None, "@"),
    ]
    assert to_bins(made, UserDict if kind is UserDict else None) == {**BINS, "nick": None}


@pytest.mark.parametrize("kind", KINDS)
def test_a_bin_that_is_missing_is_the_default(kind: Any) -> None:
    made = from_bins({"name": "Ann", "age": 30, "fullname": "Ann Lee"}, kind)
    if kind is UserDict:
        assert made == {"name": "Ann", "age": 30, "full": "Ann Lee", "nick": None}
    else:
        assert (made.nick, made.score, made.tags, made.mail) == (None, 0.5, [], "")


@pytest.mark.parametrize("kind", KINDS)
def test_what_does_not_fit_names_record_bin_and_field(kind: Any) -> None:
    shape = Shapes().of(kind)
    without = {name: value for name, value in BINS.items() if name != "fullname"}
    for bins, bin_name, name in (
        ({**BINS, "fullname": 5}, "fullname", "full"),
        ({**BINS, "tags": ["a", 7]}, "tags", "tags"),
        (without, "fullname", "full"),
    ):
        with pytest.raises(ObjectError) as caught:
            shape.record(Record(KEY, META, bins))
        error = caught.value
        begin = f"the record ('test', 'users', 1) does not fit {kind.__name__}: bin '{bin_name}' "
        assert str(error).startswith(f"{begin}(field '{name}'): ")
        assert (error.key, error.bin, error.field) == (KEY, bin_name, name)
        assert isinstance(error, aerospike_py.ClientError)
        assert isinstance(error, ValueError)
        again = pickle.loads(pickle.dumps(error))
        assert (str(again), again.bin) == (str(error), bin_name)


def test_the_whole_message() -> None:
    for bins, text in (
        ({**BINS, "age": "x"}, "bin 'age' (field 'age'): Expected `int`, got `str`"),
        ({**BINS, "tags": [1]}, "bin 'tags' (field 'tags'): Expected `str`, got `int` at [0]"),
        (
            {"name": "Ann", "age": 1},
            "bin 'fullname' (field 'full'): there is no such bin, and the field has no default",
        ),
    ):
        with pytest.raises(ObjectError) as caught:
            from_bins(bins, User)
        assert str(caught.value) == f"bins do not fit User: {text}"


@dataclass
class Everything:
    at: datetime.datetime
    day: datetime.date
    clock: datetime.time
    lasts: datetime.timedelta
    price: decimal.Decimal
    id: uuid.UUID
    color: Color
    level: Level
    marks: set[int]
    frozen: frozenset[str]
    pair: tuple[int, str]
    home: Place
    places: dict[str, Place]
    raw: bytes
    point: GeoJSON
    sketch: HyperLogLog
    ordered: KeyOrderedDict
    kind: Literal["a", "b"]
    anything: Any


EVERYTHING = Everything(
    at=datetime.datetime(2026, 1, 2, 3, 4, 5, 678901, UTC),
    day=datetime.date(2026, 1, 2),
    clock=datetime.time(3, 4, 5),
    lasts=datetime.timedelta(days=-2, seconds=7, microseconds=9),
    price=decimal.Decimal("1.50"),
    id=uuid.UUID(int=7),
    color=Color.RED,
    level=Level.HIGH,
    marks={1},
    frozen=frozenset({"x"}),
    pair=(1, "x"),
    home=Place("Rome", datetime.date(1, 1, 1)),
    places={"k": Place("Bern", datetime.date(2, 2, 2))},
    raw=b"\x00",
    point=GeoJSON({"type": "Point", "coordinates": [0, 1]}),
    sketch=HyperLogLog(b"x"),
    ordered=KeyOrderedDict({"a": 1}),
    kind="a",
    anything=[1, {"x": b"y"}],
)


def test_what_bins_cannot_hold_is_stored_as_something_else() -> None:
    bins = to_bins(EVERYTHING)
    assert {name: bins[name] for name in list(bins)[:13]} == {
        "at": "2026-01-02T03:04:05.678901+00:00",
        "day": "2026-01-02",
        "clock": "03:04:05",
        "lasts": "-P1DT86392.999991S",
        "price": "1.50",
        "id": "00000000-0000-0000-0000-000000000007",
        "color": "red",
        "level": 2,
        "marks": [1],
        "frozen": ["x"],
        "pair": [1, "x"],
        "home": {"city": "Rome", "since": "0001-01-01"},
        "places": {"k": {"city": "Bern", "since": "0002-02-02"}},
    }
    assert type(bins["ordered"]) is KeyOrderedDict
    assert from_bins(bins, Everything) == EVERYTHING


class Money:
    def __init__(self, cents: int) -> None:
        self.cents = cents

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Money) and other.cents == self.cents

    __hash__ = None  # type: ignore[assignment]


MONEY = Converter(Money, lambda money: money.cents, Money)


@dataclass
class Node:
    at: datetime.datetime
    next: "Node | None" = None


@dataclass
class Stored:
    at: datetime.datetime
    maybe: datetime.datetime | None
    many: list[datetime.datetime]
    pair: tuple[str, datetime.datetime]
    named: dict[str, datetime.datetime]
    inner: Node
    price: Money
    prices: dict[str, list[Money]]


def test_converters_go_before_what_is_done_otherwise_at_any_depth() -> None:
    at = datetime.datetime(2026, 1, 2, 3, 4, 5, 678901, UTC)
    micros = 1767323045678901
    made = Stored(
        at, None, [at], ("x", at), {"k": at}, Node(at, Node(at)), Money(5), {"k": [Money(7)]}
    )
    converters = [DATETIME_IN_MICROSECONDS, MONEY]
    bins = to_bins(made, converters=converters)
    assert bins == {
        "at": micros,
        "maybe": None,
        "many": [micros],
        "pair": ["x", micros],
        "named": {"k": micros},
        "inner": {"at": micros, "next": {"at": micros, "next": None}},
        "price": 5,
        "prices": {"k": [7]},
    }
    assert from_bins(bins, Stored, converters=converters) == made
    assert from_bins({**bins, "maybe": micros}, Stored, converters=converters).maybe == at


class Address(pydantic.BaseModel):
    city: str


@dataclass
class Customer:
    home: Address
    others: list[Address]


def test_a_pydantic_model_may_be_within_another_object() -> None:
    made = Customer(Address(city="Rome"), [Address(city="Bern")])
    bins = to_bins(made)
    assert bins == {"home": {"city": "Rome"}, "others": [{"city": "Bern"}]}
    assert from_bins(bins, Customer) == made
    with pytest.raises(ObjectError, match=r"bin 'home' \(field 'home'\): \['city'\]: F"):
        from_bins({**bins, "home": {}}, Customer)


class Cat(msgspec.Struct, tag=True, tag_field="kind"):
    lives: int


class Dog(msgspec.Struct, tag=True, tag_field="kind"):
    name: str


@dataclass
class Owner:
    pets: list[Cat | Dog]


def test_a_struct_of_a_union_is_stored_with_its_tag() -> None:
    made = Owner([Cat(9), Dog("Rex")])
    bins = to_bins(made)
    assert bins == {"pets": [{"kind": "Cat", "lives": 9}, {"kind": "Dog", "name": "Rex"}]}
    assert from_bins(bins, Owner) == made
    assert from_bins(to_bins(Cat(9)), Cat) == Cat(9)
    with pytest.raises(ObjectError, match="Invalid value 'Dog'"):
        from_bins(to_bins(Dog("Rex")), Cat)


def test_what_a_converter_raises_names_the_bin() -> None:
    @dataclass
    class Paid:
        price: Money

    def refuse(_: Any) -> Money:
        raise RuntimeError("no")

    with pytest.raises(ObjectError, match=r"bin 'price' \(field 'price'\): no$"):
        from_bins({"price": 1}, Paid, converters=[Converter(Money, lambda money: 1, refuse)])
    with pytest.raises(ObjectError, match=r"bin 'price' .*Expected `Money`, got `int`"):
        from_bins({"price": 1}, Paid)


def test_a_datetime_without_a_zone_is_not_stored_as_microseconds() -> None:
    with pytest.raises(InvalidArgError, match="needs a time zone"):
        to_bins(Node(datetime.datetime(2026, 1, 1)), converters=[DATETIME_IN_MICROSECONDS])


@dataclass
class TooLong:
    a_name_of_sixteen: int


@dataclass
class Twice:
    a: int
    b: Annotated[int, Bin("a")]


class NotOne(NamedTuple):
    a: int


WRONG: list[tuple[Callable[[], Any], type[Exception], str]] = [
    (
        lambda: from_bins({}, TooLong),
        BinNameError,
        (
            "TooLong.a_name_of_sixteen: the name of a bin must have at most 15 bytes, and "
            "'a_name_of_sixteen' has 17 (result code 21)"
        ),
    ),
    (
        lambda: from_bins({}, Twice),
        InvalidArgError,
        "Twice.b has the same bin as a: 'a'",
    ),
    (
        lambda: from_bins({}, dict),
        TypeError,
        ("into must be a dataclass, a msgspec Struct, a TypedDict or a pydantic model, not dict"),
    ),
    (
        lambda: to_bins(NotOne(1)),
        TypeError,
        ("into must be a dataclass, a msgspec Struct, a TypedDict or a pydantic model, not NotOne"),
    ),
    (
        lambda: from_bins({}, User, converters=[5]),
        TypeError,
        "converters[0] must be a Converter, not int",
    ),
    (
        lambda: aerospike_py.client({"hosts": ["h"], "converters": [MONEY, MONEY]}),
        InvalidArgError,
        "config['converters'][1] is the second of Money",
    ),
    (
        lambda: aerospike_py.client({"hosts": ["h"], "converters": cast("Any", "x")}),
        TypeError,
        "config['converters'] must be a list of Converters, not str",
    ),
    (
        lambda: Converter(cast("Any", "x"), str, str),
        TypeError,
        "kind must be a type, not str",
    ),
    (
        lambda: Converter(Money, cast("Any", 5), Money),
        TypeError,
        "to_bin must be a function, not int",
    ),
]


@pytest.mark.parametrize(("call", "kind", "text"), WRONG)
def test_what_is_wrong_is_said(call: Callable[[], Any], kind: type[Exception], text: str) -> None:
    with pytest.raises(kind) as caught:
        call()
    assert str(caught.value) == text


def test_a_batch_has_an_object_or_why_there_is_none() -> None:
    key = ["test", "users", 1, bytes(20)]
    rows = (
        [None, 0, False, [key, [3, 100], BINS]],
        [key, 2, False, None],
        [None, 0, False, [key, [3, 100], {**BINS, "age": "x"}]],
    )
    batch = BatchDecoder(Shapes().of(User).batch)(memoryview(encode(rows)))
    found, missing, wrong = batch
    assert (len(batch), repr(batch)) == (3, "BatchRecordsOf(count=3, ok=2)")
    assert found.record == (KEY, META, from_bins(BINS, User))
    assert found.bins is batch[0].bins
    assert (found.key, found.result, found.meta, found.error) == (KEY, 0, META, None)
    assert (missing.record, missing.bins, missing.result) == (None, None, 2)
    assert isinstance(missing.error, aerospike_py.RecordNotFound)
    with pytest.raises(ObjectError, match="bin 'age'"):
        _ = wrong.bins
    assert batch == BatchDecoder(Shapes().of(User).batch)(memoryview(encode(rows)))
    assert batch != BatchDecoder(Shapes().of(UserStruct).batch)(memoryview(encode(rows)))


def test_a_record_of_an_object_is_a_record_and_pickles() -> None:
    record = Shapes().of(User).record(Record(KEY, META, BINS))
    assert isinstance(record, Record)
    key, meta, user = record
    assert (key, meta, user.name, record.ttl) == (KEY, META, "Ann", 100)
    again = pickle.loads(pickle.dumps(record))
    assert again == record
    assert type(again) is RecordOf


def test_only_who_reads_into_objects_imports_msgspec() -> None:
    program = """
import sys, aerospike_py
client = aerospike_py.client({"hosts": ["h"]})
assert "aerospike_py.objects" not in sys.modules
from dataclasses import dataclass
from aerospike_py import objects
@dataclass
class User:
    name: str
sys.modules["msgspec"] = None
assert objects.to_bins(User("x")) == {"name": "x"}
try:
    objects.from_bins({"name": "x"}, User)
except ImportError as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stderr == ""
    assert done.stdout == (
        "reading into User, which is no pydantic model, needs msgspec; install it\n"
    )


@dataclass
class Ring:
    next: Any = None


def test_an_object_within_itself_is_refused() -> None:
    node = Ring()
    node.next = node
    with pytest.raises(InvalidArgError, match=r"^a Ring has objects nested too deep, or itself"):
        to_bins(node)
    client: Any = aerospike_py.client({"hosts": ["h"]})
    for bins in (node, {"a": [node]}):
        with pytest.raises(InvalidArgError, match="a Ring has objects nested too deep"):
            client.put(("test", "demo", 1), bins)


def test_a_converter_that_fails_is_named() -> None:
    same = Converter(decimal.Decimal, lambda value: value, decimal.Decimal)
    with pytest.raises(InvalidArgError, match=r"^Ring.next: to_bin of Converter\(Decimal\) gives"):
        to_bins(Ring(decimal.Decimal(1)), converters=[same])

    def broken(value: uuid.UUID) -> str:
        raise KeyError(value)

    failing = Converter(uuid.UUID, broken, uuid.UUID)
    config = {"hosts": ["h"], "converters": [failing]}
    client: Any = aerospike_py.client(config)
    text = r"^bins\['a'\]\[1\]: to_bin of Converter\(UUID\) failed: UUID\("
    with pytest.raises(InvalidArgError, match=text) as caught:
        client.put(("test", "demo", 1), {"a": [1, uuid.UUID(int=1)]})
    assert isinstance(caught.value.__cause__, KeyError)
    with pytest.raises(InvalidArgError, match=r"^Ring.next: to_bin of Converter"):
        client.put(("test", "demo", 1), Ring(uuid.UUID(int=1)))


def test_a_converter_goes_before_what_a_bin_could_hold() -> None:
    class Money(NamedTuple):
        cents: int

    client: Any = aerospike_py.client(
        {
            "hosts": ["h"],
            "converters": [
                Converter(Money, lambda money: money.cents, Money),
                Converter(Level, lambda level: level.name, lambda name: Level[name]),
            ],
        }
    )
    policies = client._session.policies
    bins = {"price": Money(5), "level": Level.HIGH, "all": [Money(1), (2,)]}
    assert plain_bins(bins, policies) == {"price": 5, "level": "HIGH", "all": [1, [2]]}
    assert plain_bins(bins) == {"price": [5], "level": 2, "all": [[1], [2]]}


@pytest.mark.parametrize("into", [User("a", 1, "", None), [User], {"a": 1}])
def test_what_is_no_class_is_no_class_to_read_into(into: Any) -> None:
    with pytest.raises(TypeError, match=r"^into must be a dataclass.* pydantic model, not [\[{U]"):
        from_bins({}, into)
