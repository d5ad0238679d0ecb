"""Objects to the server and back."""

import datetime
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any

import msgspec
import pydantic
import pytest

import aerospike_py
from aerospike_py import Client, ObjectError, batch, exp
from aerospike_py import list_operations as lop
from aerospike_py import map_operations as mop
from aerospike_py.objects import DATETIME_IN_MICROSECONDS, Bin, Converter, RecordOf
from aerospike_py.types import Key

BORN = datetime.datetime(1990, 1, 2, 3, 4, 5, 678901, datetime.timezone.utc)


@dataclass
class User:
    name: str
    born: datetime.datetime
    full: Annotated[str, Bin("fullname")]
    nick: str | None = None


class UserStruct(msgspec.Struct):
    name: str
    born: datetime.datetime
    full: str = msgspec.field(name="fullname")


class UserModel(pydantic.BaseModel):
    name: str
    born: datetime.datetime
    full: str = pydantic.Field(alias="fullname")


USERS: list[Any] = [
    User("Ann", BORN, "Ann Lee"),
    UserStruct("Ann", BORN, "Ann Lee"),
    UserModel(name="Ann", born=BORN, fullname="Ann Lee"),
]


@pytest.fixture
def converting(server: Any, make_client: Any) -> Iterator[Client]:
    config = {**server.config, "converters": [DATETIME_IN_MICROSECONDS]}
    with make_client(config).connect() as client:
        yield client


@pytest.mark.parametrize("user", USERS)
def test_an_object_is_written_and_read(client: Client, key: Key, user: Any) -> None:
    client.put(key, user, {"ttl": 100})
    stored = {"name": "Ann", "born": BORN.isoformat(), "fullname": "Ann Lee"}
    assert client.get(key).bins == stored
    record = client.get(key, into=type(user))
    assert type(record) is RecordOf
    assert record.bins == user
    assert (record.key[:3], record.meta.gen, record.ttl) == (key, 1, client.get(key).ttl)
    client.put(key, {"name": 5})
    with pytest.raises(ObjectError, match=r"does not fit User\w*: bin 'name' \(field 'name'\)"):
        client.get(key, into=type(user))
    with pytest.raises(aerospike_py.RecordNotFound):
        client.get((key[0], key[1], "nobody"), into=type(user))


def test_many_objects_are_written_and_read(client: Client, key: Key) -> None:
    keys: list[Key] = [(key[0], key[1], f"{key[2]}{number}") for number in range(3)]
    users = [User(f"u{number}", BORN, "") for number in range(2)]
    rows = client.batch_write([(keys[0], users[0]), (keys[1], users[1], {"ttl": 100})])
    assert [row.result for row in rows] == [0, 0]
    batch = client.batch_read(keys, into=User)
    assert [row.bins for row in batch] == [*users, None]
    assert [row.result for row in batch] == [0, 0, 2]
    some = client.batch_read(keys[:1], ["born"], into=User)
    with pytest.raises(ObjectError, match="bin 'name'"):
        _ = some[0].record
    with pytest.raises(aerospike_py.InvalidArgError, match="give one"):
        client.batch_read(keys, _dtype=[("n", "i8")], into=User)  # type: ignore[call-overload]


def test_a_query_finds_objects(client: Client, key: Key) -> None:
    place = key[0], f"{key[1]}_query"
    users = {f"u{number}": User(f"u{number}", BORN, "") for number in range(20)}
    client.batch_write([((*place, name), user) for name, user in users.items()])
    query = client.query(*place, into=User)
    assert {record.bins.name: record.bins for record in query.results()} == users
    assert {record.bins.name: record.bins for record in query} == users
    found: list[str] = []
    query.foreach(lambda record: found.append(record.bins.name))
    assert sorted(found) == sorted(users)
    client.put((*place, "u7"), {"fullname": 7})
    with pytest.raises(ObjectError, match="bin 'fullname'"):
        query.results()
    # One that does not fit is one that was handed out, and those after it still come.
    records, read, wrong = query.records(), 0, 0
    while True:
        try:
            next(records)
        except StopIteration:
            break
        except ObjectError:
            wrong += 1
        else:
            read += 1
    assert (read, wrong) == (19, 1)
    assert type(client.query(*place).results()[0]) is aerospike_py.Record
    client.batch_remove([(*place, name) for name in users])


def test_a_clients_converters(client: Client, converting: Client, key: Key) -> None:
    user = User("Ann", BORN, "")
    converting.put(key, user)
    assert client.get(key).bins["born"] == 631249445678901
    assert converting.get(key, into=User).bins == user
    filtered: aerospike_py.ReadPolicy = {
        "expressions": exp.gt(exp.int_bin("born"), exp.int_val(631249445678900))
    }
    assert converting.get(key, filtered, into=User).bins == user
    with pytest.raises(ObjectError, match="bin 'born'"):
        client.get(key, into=User)


def test_what_cannot_be_stored_is_named_before_anything_is_sent(client: Client, key: Key) -> None:
    @dataclass
    class Holder:
        what: Any

    with pytest.raises(TypeError, match=r"^bins\['what'\]\[1\]: a value of type object"):
        client.put(key, Holder([1, object()]))
    with pytest.raises(TypeError, match=r"^bins must be a dict, not type$"):
        client.put(key, Holder)
    with pytest.raises(TypeError, match=r"^into must be a dataclass"):
        client.get(key, into=dict)
    with pytest.raises(TypeError, match=r"^into must be a dataclass"):
        client.query(key[0], key[1], into=int)
    assert not client.exists(key)
    assert Converter(set, list, set).kind is set


@pytest.mark.parametrize("user", USERS)
def test_some_bins_and_what_operations_leave_are_read_into_objects(
    client: Client, key: Key, user: Any
) -> None:
    kind = type(user)
    client.put(key, user)
    record = client.select(key, ["name", "born", "fullname"], into=kind)
    assert type(record) is RecordOf
    assert record.bins == user
    with pytest.raises(ObjectError, match="bin 'born'"):
        client.select(key, ["name", "fullname"], into=kind)
    renamed = {"op": aerospike_py.OPERATOR_WRITE, "bin": "name", "val": "Bob"}
    changed = client.operate(
        key, [renamed, {"op": aerospike_py.OPERATOR_READ}], {"ttl": 100}, into=kind
    )
    assert type(changed.bins) is kind
    assert (changed.bins.name, changed.bins.born, changed.meta.gen) == ("Bob", BORN, 2)


@pytest.mark.parametrize("user", USERS)
def test_an_object_is_a_value_wherever_values_are_written(
    client: Client, key: Key, user: Any
) -> None:
    stored: dict[str, Any] = {"name": "Ann", "born": BORN.isoformat(), "fullname": "Ann Lee"}
    if isinstance(user, User):  # Within another value it has its fields' names, and its None.
        stored = {"name": "Ann", "born": BORN.isoformat(), "full": "Ann Lee", "nick": None}
    client.put(key, {"user": user, "users": [user], "n": 1})
    write = {"op": aerospike_py.OPERATOR_WRITE, "bin": "written", "val": {"by": user}}
    client.operate(key, [lop.list_append("users", user), mop.map_put("map", "k", user), write])
    client.operate_ordered(key, [lop.list_append("users", user)])
    client.batch_operate([key], [lop.list_append("users", user)])
    assert client.get(key).bins == {
        "user": stored,
        "users": [stored] * 4,
        "map": {"k": stored},
        "written": {"by": stored},
        "n": 1,
    }


def test_rows_write_objects(client: Client, converting: Client, key: Key) -> None:
    user = User("Ann", BORN, "Ann Lee")
    keys: list[Key] = [(key[0], key[1], f"{key[2]}{number}") for number in range(3)]
    rows = [
        batch.write(keys[0], user, {"ttl": 100}),
        batch.operate(keys[1], [lop.list_append("users", user)]),
        batch.write(keys[2], {"user": user, "at": [BORN]}),
    ]
    # A row belongs to no client: the one that sends it has the converters.
    in_microseconds = 631249445678901
    assert [row.result for row in converting.batch(rows)] == [0, 0, 0]
    assert converting.get(keys[0], into=User).bins == user
    assert client.get(keys[0]).bins["born"] == in_microseconds
    assert client.get(keys[1]).bins["users"][0]["born"] == in_microseconds
    assert client.get(keys[2]).bins["at"] == [in_microseconds]
    assert [row.result for row in client.batch(rows[:2])] == [0, 0]
    assert client.get(keys[0]).bins["born"] == BORN.isoformat()
    with pytest.raises(TypeError, match=r"^rows\[2\]: bins\['at'\]\[0\]: a value of type datetime"):
        client.batch(rows)


def test_converters_are_for_values_outside_of_objects_too(
    client: Client, converting: Client, key: Key
) -> None:
    converting.put(key, {"at": BORN, "all": [BORN, {"k": BORN}]})
    converting.operate(key, [lop.list_append("all", BORN)])
    converting.batch_write([(key, {"more": (BORN,)})])
    stored = 631249445678901
    assert client.get(key).bins == {
        "at": stored,
        "all": [stored, {"k": stored}, stored],
        "more": [stored],
    }
    with pytest.raises(TypeError, match=r"^bins\['at'\]: a value of type datetime.datetime cannot"):
        client.put(key, {"at": BORN})
    naive = BORN.replace(tzinfo=None)
    with pytest.raises(aerospike_py.InvalidArgError, match=r"^bins\['all'\]\[1\]: .* time zone"):
        converting.put(key, {"all": [BORN, naive]})
    with pytest.raises(aerospike_py.InvalidArgError, match=r"^User.born: .* needs a time zone"):
        converting.put(key, User("Ann", naive, ""))


async def test_the_asynchronous_client_does_the_same_with_objects(server: Any, key: Key) -> None:
    user = User("Ann", BORN, "Ann Lee")
    async with aerospike_py.AsyncClient(server.config).connect() as client:
        await client.batch([batch.write(key, user)])
        assert (await client.select(key, ["name", "born", "fullname"], into=User)).bins == user
        await client.operate(key, [lop.list_append("users", user)])
        assert (await client.get(key)).bins["users"] == [
            {"name": "Ann", "born": BORN.isoformat(), "full": "Ann Lee", "nick": None}
        ]
