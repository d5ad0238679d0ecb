"""Policy dicts into the core's struct, and what is refused."""

import gc
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import aerospike_py
from aerospike_py import InvalidArgError, _config, batch, exp, types
from aerospike_py._ffi import ffi, lib
from aerospike_py._requests import policies
from aerospike_py._requests.batch import rows
from aerospike_py._requests.policies import (
    ClientPolicies,
    Policies,
    admin_policies,
    batch_read_policies,
    batch_write_policies,
    read_policies,
    write_meta,
    write_policies,
)
from aerospike_py._values import decode

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def read() -> Policies:
    return read_policies(None, lib.ASZ_GET)


@pytest.fixture
def write() -> Policies:
    return write_policies(None, lib.ASZ_PUT)


@pytest.mark.parametrize(
    ("typed", "known"),
    [
        (types.ReadPolicy, {*policies._READ, *policies._FILTERS}),
        (types.WritePolicy, {*policies._WRITE, *policies._FILTERS}),
        (types.OperatePolicy, {*policies._OPERATE, *policies._FILTERS}),
        (types.BatchPolicy, {*policies._BATCH_WRITE, *policies._FILTERS}),
        (
            types.QueryPolicy,
            {
                *policies._COMMAND,
                *policies._FILTERS,
                *policies._QUERY_REQUEST,
                *policies._QUERY_OTHERS,
            },
        ),
        (types.ReadRowPolicy, {*policies._ROWS["read"], *policies._FILTERS}),
        (types.WriteRowPolicy, {*policies._ROWS["write"], *policies._FILTERS}),
        (types.OperateRowPolicy, {*policies._ROWS["operate"], *policies._FILTERS}),
        (types.RemoveRowPolicy, {*policies._ROWS["remove"], *policies._FILTERS}),
        (types.ApplyRowPolicy, {*policies._ROWS["apply"], *policies._FILTERS}),
        (types.AdminPolicy, set(policies._ADMIN)),
        (types.WriteMeta, set(policies._META)),
        (types.ClientConfig, set(_config._KNOWN)),
        (types.Policies, set(policies.POLICY_KINDS)),
    ],
    ids=lambda each: getattr(each, "__name__", ""),
)
def test_type_checkers_and_the_rules_know_the_same_keys(typed: type, known: set[str]) -> None:
    assert set(typed.__annotations__) == known


def test_every_member_of_the_cores_policy_has_a_key() -> None:
    members = {name for name, _ in ffi.typeof("asz_policy").fields}
    tables = (policies._OPERATE, policies._META, policies._BATCH, policies._ADMIN)
    reached = {member for table in tables for member, _ in table.values()}
    assert members - reached == {"size", "filter", "filter_len", "asked"}
    assert reached - members == set()


def test_every_member_of_the_cores_policy_is_used() -> None:
    core = ROOT / "native" / "src"
    policy = (core / "engine" / "policy.zig").read_text(encoding="utf-8")
    members = re.findall(
        r"^    (\w+): .+,$", policy.partition("pub const Policy = struct")[2], re.M
    )
    assert len(members) > 20
    # These have every member as it is, and do nothing with it.
    carriers = {"policy.zig", "row_policy.zig", "group.zig"}
    sources = [*(core / "command").rglob("*.zig"), *(core / "engine").rglob("*.zig")]
    text = "\n".join(
        source.read_text(encoding="utf-8").partition('\ntest "')[0]
        for source in sources
        if source.name not in carriers
    )
    used = set(re.findall(r"\bpolicy\.(\w+)", text))
    assert [name for name in members if name not in used] == []


def test_no_policy_means_the_cores_defaults(read: Policies, write: Policies) -> None:
    assert not read.struct()
    assert not read.struct(None)
    assert not write.struct(None, None)


def test_an_empty_policy_is_the_default(read: Policies) -> None:
    assert read.struct({}).total_timeout == read._base.total_timeout


def test_every_key_of_a_read_policy(read: Policies) -> None:
    struct = read.struct(
        {
            "socket_timeout": 1,
            "total_timeout": 2,
            "max_retries": 3,
            "sleep_between_retries": 4,
            "timeout_delay": 5,
            "replica": aerospike_py.POLICY_REPLICA_PREFER_RACK,
            "read_mode_ap": aerospike_py.POLICY_READ_MODE_AP_ALL,
            "read_mode_sc": aerospike_py.POLICY_READ_MODE_SC_ALLOW_UNAVAILABLE,
            "read_touch_ttl_percent": 80,
            "key": aerospike_py.POLICY_KEY_SEND,
            "expressions": None,
        }
    )
    members = (
        struct.socket_timeout,
        struct.total_timeout,
        struct.max_retries,
        struct.sleep_between_retries,
        struct.timeout_delay,
        struct.replica,
        struct.read_mode_ap,
        struct.read_mode_sc,
        struct.read_touch_ttl_percent,
        struct.send_key,
    )
    assert members == (1, 2, 3, 4, 5, 2, 1, 3, 80, 1)


def test_every_key_of_a_write_policy(write: Policies) -> None:
    struct = write.struct(
        {
            "socket_timeout": 1,
            "total_timeout": 2,
            "max_retries": 3,
            "sleep_between_retries": 4,
            "timeout_delay": 5,
            "replica": 0,
            "key": 1,
            "exists": aerospike_py.POLICY_EXISTS_REPLACE_ONLY,
            "gen": aerospike_py.POLICY_GEN_GT,
            "commit_level": aerospike_py.POLICY_COMMIT_LEVEL_MASTER,
            "ttl": 300,
            "durable_delete": True,
        },
        {"gen": 7},
    )
    members = (
        struct.exists,
        struct.generation_policy,
        struct.commit_level,
        struct.ttl,
        struct.durable_delete,
        struct.generation,
        struct.send_key,
    )
    assert members == (5, 2, 1, 300, 1, 7, 1)


@pytest.mark.parametrize("name", [n for n in dir(aerospike_py) if n.startswith("POLICY_EXISTS_")])
def test_exists_constants_are_the_cores_own(name: str) -> None:
    core = name.replace("POLICY_", "ASZ_")
    assert getattr(lib, core) == getattr(aerospike_py, name)


def test_the_policys_ttl_goes_before_the_metas_and_the_methods(write: Policies) -> None:
    assert write.struct(None, {"ttl": 100}).ttl == 100
    assert write.struct({"ttl": 200}, {"ttl": 100}).ttl == 200
    assert write.struct({"ttl": 200}, {"ttl": 100}, 50).ttl == 200
    assert write.struct(None, {"ttl": 100}, 50).ttl == 100
    assert write.struct(None, None, 50).ttl == 50


@pytest.mark.parametrize("ttl", [-1, -2, 0, 2**31 - 1])
def test_special_ttls_pass(write: Policies, ttl: int) -> None:
    assert write.struct({"ttl": ttl}).ttl == ttl


def test_client_default_ttl_is_the_clients(write: Policies) -> None:
    policies = write_policies({"ttl": 77}, lib.ASZ_PUT)
    assert policies.struct({"ttl": aerospike_py.TTL_CLIENT_DEFAULT}).ttl == 77
    assert policies.struct(None, {"ttl": aerospike_py.TTL_CLIENT_DEFAULT}).ttl == 77
    assert write.struct({"ttl": aerospike_py.TTL_CLIENT_DEFAULT}).ttl == 0


def test_the_clients_defaults_hold_where_a_policy_is_silent() -> None:
    policies = read_policies({"total_timeout": 50, "max_retries": 9}, lib.ASZ_GET)
    assert policies.struct().total_timeout == 50
    assert (
        policies.struct({"max_retries": 1}).total_timeout,
        policies.struct({"max_retries": 1}).max_retries,
    ) == (50, 1)


def test_read_touch_never_has_a_number_of_its_own(read: Policies) -> None:
    assert read.struct({"read_touch_ttl_percent": -1}).read_touch_ttl_percent == 255


def test_an_info_policys_timeout_is_the_whole_commands() -> None:
    struct = admin_policies("info", None, lib.ASZ_INFO).struct({"timeout": 123})
    assert (struct.total_timeout, struct.socket_timeout) == (123, 123)


@pytest.mark.parametrize(
    ("key", "near"),
    [
        ("total_timout", "total_timeout"),
        ("timeout", "total_timeout"),
        ("expression", "expressions"),
        ("max_retry", "max_retries"),
        ("zip", None),
        (5, None),
        (None, None),
    ],
)
def test_unknown_keys_are_named_with_their_place_and_the_nearest(
    read: Policies, key: Any, near: str | None
) -> None:
    with pytest.raises(InvalidArgError, match="a read policy") as caught:
        read.struct({key: 1})
    assert str(caught.value).startswith(f"policy[{key!r}]: ")
    hint = f"did you mean '{near}'" if near else "there are socket_timeout, "
    assert hint in str(caught.value)


def test_keys_of_another_policy_are_unknown(read: Policies, write: Policies) -> None:
    with pytest.raises(InvalidArgError, match=r"exists.*of write policies, and not of a read"):
        read.struct({"exists": 1})
    with pytest.raises(InvalidArgError, match=r"a key of read policies, and not of a write"):
        write.struct({"read_mode_ap": 1})
    with pytest.raises(InvalidArgError, match=r"meta\['lifetime'\]"):
        write.struct(None, {"lifetime": 1})
    with pytest.raises(InvalidArgError, match=r"policy\['expressions'\]: an info policy"):
        admin_policies("info", None, lib.ASZ_INFO).struct({"expressions": 1})


@pytest.mark.parametrize(
    "policy",
    [
        {"exists": 3},
        {"exists": 7},
        {"exists": -1},
        {"gen": 3},
        {"key": 2},
        {"commit_level": 2},
        {"replica": 5},
        {"replica": 2**70},
        {"ttl": -4},
        {"ttl": 2**31},
        {"total_timeout": -1},
        {"total_timeout": 2**31},
        {"max_retries": -1},
    ],
)
def test_values_outside_their_range_are_named(write: Policies, policy: dict[str, Any]) -> None:
    (key,) = policy
    with pytest.raises(InvalidArgError, match=rf"policy\['{key}'\]"):
        write.struct(policy)


@pytest.mark.parametrize("value", ["1", 1.0, True, [], b"1"])
def test_values_of_other_types_are_named(write: Policies, value: Any) -> None:
    for key in ("total_timeout", "exists", "ttl"):
        with pytest.raises(TypeError, match=rf"policy\['{key}'\] must be "):
            write.struct({key: value})
    with pytest.raises(TypeError, match=r"meta\['gen'\] must be an int"):
        write.struct(None, {"gen": value})


@pytest.mark.parametrize("value", [1, 0, "yes", 1.0])
def test_a_flag_is_a_bool(write: Policies, value: Any) -> None:
    with pytest.raises(TypeError, match=r"policy\['durable_delete'\] must be a bool"):
        write.struct({"durable_delete": value})


def test_equal_values_of_other_types_do_not_profit_from_the_cache(write: Policies) -> None:
    write.struct({"max_retries": 1})
    for wrong in (True, 1.0):
        with pytest.raises(TypeError):
            write.struct({"max_retries": wrong})


def test_ints_of_other_kinds_are_ints(write: Policies) -> None:
    assert write.struct({"total_timeout": np.int64(5)}).total_timeout == 5


@pytest.mark.parametrize("meta", [{"gen": -1}, {"gen": 65536}, {"ttl": -4}, {"ttl": 2**31}])
def test_meta_values_outside_their_range(write: Policies, meta: dict[str, Any]) -> None:
    with pytest.raises(InvalidArgError, match=r"meta\["):
        write.struct(None, meta)


@pytest.mark.parametrize("given", [[], "x", 1, False, ()])
def test_policy_and_meta_must_be_dicts(write: Policies, given: Any) -> None:
    with pytest.raises(TypeError, match="policy must be a dict"):
        write.struct(given)
    with pytest.raises(TypeError, match="meta must be a dict"):
        write.struct(None, given)


def test_none_means_not_given(write: Policies) -> None:
    assert write.struct({"total_timeout": None}, {"ttl": None, "gen": None}).ttl == write._base.ttl


def test_a_policy_is_made_once(write: Policies) -> None:
    assert write.struct({"ttl": 5}) is write.struct({"ttl": 5})
    assert write.struct({"ttl": 5}) is not write.struct({"ttl": 6})
    assert write.struct(None, {"ttl": 5}) is not write.struct({"ttl": 5})


def test_the_cache_is_bounded(write: Policies) -> None:
    for ttl in range(3 * Policies.cache_limit):
        assert write.struct({"ttl": ttl}).ttl == ttl
    assert len(write._cache) <= Policies.cache_limit


SEVEN = exp.eq(exp.int_bin("a"), exp.int_val(7))
EIGHT = exp.eq(exp.int_bin("a"), exp.int_val(8))


def filter_of(struct: Any) -> bytes:
    return bytes(ffi.buffer(struct.filter, struct.filter_len))


def test_a_filter_is_compiled(read: Policies, write: Policies) -> None:
    expected = exp.compile(SEVEN).encoded
    assert expected
    for kind in (read, write):
        for key in ("expressions", "filter_expression"):
            assert filter_of(kind.struct({key: SEVEN, "max_retries": 3})) == expected
            assert filter_of(kind.struct({key: exp.compile(SEVEN)})) == expected
    assert not read.struct({"max_retries": 3}).filter
    assert not read.struct({"expressions": None}).filter


def test_a_filter_lives_as_long_as_its_policy(read: Policies) -> None:
    struct = read.struct({"expressions": SEVEN})
    read._cache.clear()
    gc.collect()
    _ = [bytes(64) for _ in range(100)]
    assert filter_of(struct) == exp.compile(SEVEN).encoded


def test_policies_that_only_differ_in_the_filter_are_not_confused(read: Policies) -> None:
    seven, eight = read.struct({"expressions": SEVEN}), read.struct({"expressions": EIGHT})
    assert filter_of(seven) != filter_of(eight)
    assert read.struct({"expressions": SEVEN}) == seven
    compiled = read.struct({"expressions": exp.compile(SEVEN)})
    assert filter_of(compiled) == filter_of(seven)
    assert read.struct({"expressions": exp.compile(SEVEN)}) == compiled
    patient = read.struct({"expressions": SEVEN, "total_timeout": 5})
    assert (patient.total_timeout, filter_of(patient)) == (5, filter_of(seven))
    assert seven.total_timeout == read._base.total_timeout


def test_filters_are_one_key_of_two_names(read: Policies) -> None:
    both = read.struct({"filter_expression": SEVEN, "expressions": exp.compile(SEVEN)})
    assert filter_of(both) == exp.compile(SEVEN).encoded
    with pytest.raises(InvalidArgError, match="two different"):
        read.struct({"filter_expression": SEVEN, "expressions": EIGHT})


def test_a_clients_default_filter_is_replaced_by_a_calls_own() -> None:
    policies = read_policies({"expressions": SEVEN}, lib.ASZ_GET)
    assert filter_of(policies.struct()) == exp.compile(SEVEN).encoded
    assert filter_of(policies.struct({"max_retries": 1})) == exp.compile(SEVEN).encoded
    assert filter_of(policies.struct({"expressions": EIGHT})) == exp.compile(EIGHT).encoded


@pytest.mark.parametrize("wrong", ["age > 5", 5, b"\x93", {}, {"__expr__": "no_such_builder"}, [1]])
def test_what_is_no_expression_is_no_filter(read: Policies, wrong: Any) -> None:
    with pytest.raises((TypeError, ValueError)):
        read.struct({"expressions": wrong})


def test_an_unknown_builder_is_named(read: Policies) -> None:
    with pytest.raises(ValueError, match="no_such_builder"):
        read.struct({"expressions": {"__expr__": "no_such_builder"}})


def test_info_policies_have_no_filter() -> None:
    with pytest.raises(InvalidArgError, match="expressions"):
        admin_policies("info", None, lib.ASZ_INFO).struct({"expressions": SEVEN})


def test_batch_policies() -> None:
    read = batch_read_policies(None, lib.ASZ_BATCH)
    struct = read.struct(
        {
            "allow_inline": False,
            "allow_inline_ssd": True,
            "respond_all_keys": False,
            "concurrent": False,
            "replica": aerospike_py.POLICY_REPLICA_MASTER,
            "read_touch_ttl_percent": -1,
        }
    )
    assert (struct.allow_inline, struct.allow_inline_ssd) == (0, 1)
    assert (struct.respond_all_keys, struct.concurrent, struct.replica) == (0, 0, 0)
    assert struct.read_touch_ttl_percent == 255
    for key in ("ttl", "exists", "durable_delete", "gen", "commit_level"):
        with pytest.raises(InvalidArgError, match=key):
            read.struct({key: 0})
    defaults = read.struct({})
    assert (defaults.allow_inline, defaults.allow_inline_ssd) == (1, 0)
    assert (defaults.respond_all_keys, defaults.concurrent) == (1, 1)


def test_batches_that_write_are_not_repeated_unasked() -> None:
    write = batch_write_policies(None, lib.ASZ_PUT)
    assert write.struct().max_retries == 0
    assert write.struct().respond_all_keys == 1
    assert write.struct({"max_retries": 4, "ttl": 5}).max_retries == 4


def test_a_clients_batch_defaults_hold_for_reads_and_writes() -> None:
    defaults = {"ttl": 77, "respond_all_keys": False, "max_retries": 1}
    read = batch_read_policies(defaults, lib.ASZ_BATCH)
    write = batch_write_policies(defaults, lib.ASZ_PUT)
    assert (read.struct().respond_all_keys, read.struct().max_retries) == (0, 1)
    assert (write.struct().respond_all_keys, write.struct().ttl) == (0, 77)
    with pytest.raises(InvalidArgError, match=r"config\['policies'\]\['batch'\]"):
        batch_read_policies({"respond_all": True}, lib.ASZ_BATCH)


def test_the_meta_of_a_row() -> None:
    assert write_meta(None) is None
    assert write_meta({}) == (None, None)
    assert write_meta({"gen": 5, "ttl": -1}) == (5, -1)
    assert write_meta({"ttl": aerospike_py.TTL_CLIENT_DEFAULT}) == (None, None)
    with pytest.raises(InvalidArgError, match="there are gen, ttl"):
        write_meta({"generation": 1})
    with pytest.raises(TypeError, match="ttl"):
        write_meta({"ttl": "long"})
    with pytest.raises(TypeError):
        write_meta(5)


def test_kinds_of_commands_have_defaults_of_their_own_over_those_they_inherit() -> None:
    policies = ClientPolicies(
        {
            "write": {"total_timeout": 50, "max_retries": 3, "gen": 1, "ttl": 9},
            "operate": {"total_timeout": 60, "read_mode_ap": 1},
            "remove": {"durable_delete": True, "gen": 0},
            "apply": {"max_retries": 5},
            "batch": {"total_timeout": 70, "ttl": 8},
            "batch_read": {"max_retries": 6},
            "batch_write": {"total_timeout": 71},
            "batch_apply": {"ttl": 7},
            "batch_remove": {"durable_delete": True},
            "admin": {"timeout": 80},
        }
    )
    meta = {"gen": 1}
    operate, write = policies.operate(None, meta), policies.write(None, meta)
    assert (operate.total_timeout, operate.max_retries, operate.ttl) == (60, 3, 9)
    assert (operate.read_mode_ap, operate.generation_policy) == (1, 1)
    assert (write.total_timeout, write.generation_policy, write.read_mode_ap) == (50, 1, 0)
    remove, apply = policies.remove(), policies.apply()
    assert (remove.total_timeout, remove.durable_delete, remove.generation_policy) == (50, 1, 0)
    assert (apply.total_timeout, apply.max_retries, apply.ttl, apply.generation_policy) == (
        50,
        5,
        9,
        0,
    )
    assert (policies.batch_read().total_timeout, policies.batch_read().max_retries) == (70, 6)
    assert (policies.batch_write().total_timeout, policies.batch_write().ttl) == (71, 8)
    assert (policies.batch_apply().total_timeout, policies.batch_apply().ttl) == (70, 7)
    assert (policies.batch_remove().durable_delete, policies.batch_apply().durable_delete) == (1, 0)
    assert (policies.info().total_timeout, policies.admin().total_timeout) == (80, 80)


def test_what_is_wrong_with_defaults_is_said_with_the_section() -> None:
    for section, policy in [
        ("write", {"total_timout": 1}),
        ("operate", {"read_mode_app": 1}),
        ("remove", {"durable_delet": True}),
        ("apply", {"max_retry": 1}),
        ("batch_read", {"total_timout": 1}),
        ("batch_apply", {"tt": 1}),
        ("batch_remove", {"durable_delet": True}),
    ]:
        with pytest.raises(InvalidArgError, match=rf"config\['policies'\]\['{section}'\]"):
            ClientPolicies({section: policy})
    with pytest.raises(InvalidArgError, match=r"\['admin'\]"):
        ClientPolicies({"admin": {"timeouts": 1}})


def test_rows_of_a_mixed_batch_have_the_defaults_of_their_kinds() -> None:
    policies = ClientPolicies(
        {
            "batch_read": {"read_mode_ap": 1},
            "batch_remove": {"durable_delete": True, "total_timeout": 5},
            "batch_apply": {"ttl": 7, "key": 1},
        }
    )
    key = ("test", "demo", 1)
    given = [
        batch.read(key),
        batch.read(key, policy={"read_mode_ap": 0}),
        batch.write(key, {"a": 1}),
        batch.remove(key, policy={"key": 1}),
        batch.apply(key, "m", "f"),
        batch.apply(key, "m", "f", policy={"ttl": 9}),
    ]
    _, request, _, _ = rows(policies, given, None)
    metas = [row[3] if len(row) > 3 else None for row in decode(request)]
    assert metas == [
        [None, None, {"read_mode_ap": 1}],
        [None, None, {"read_mode_ap": 0}],
        None,
        [None, None, {"durable_delete": 1, "send_key": 1}],
        [None, 7, {"send_key": 1}],
        [None, 9, {"send_key": 1}],
    ]
