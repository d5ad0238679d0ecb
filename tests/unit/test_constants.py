"""The constants have the values of the API document."""

import ast
import itertools
import re
from pathlib import Path

import aerospike_py
from aerospike_py import constants

DOCUMENTED = {
    "POLICY_EXISTS_IGNORE": 0,
    "POLICY_EXISTS_CREATE_ONLY": 4,
    "POLICY_EXISTS_UPDATE": 6,
    "POLICY_EXISTS_UPDATE_ONLY": 1,
    "POLICY_EXISTS_REPLACE": 2,
    "POLICY_EXISTS_REPLACE_ONLY": 5,
    "POLICY_GEN_IGNORE": 0,
    "POLICY_GEN_EQ": 1,
    "POLICY_GEN_GT": 2,
    "POLICY_KEY_DIGEST": 0,
    "POLICY_KEY_SEND": 1,
    "POLICY_REPLICA_MASTER": 0,
    "POLICY_REPLICA_SEQUENCE": 1,
    "POLICY_REPLICA_PREFER_RACK": 2,
    "POLICY_REPLICA_ANY": 3,
    "POLICY_REPLICA_RANDOM": 4,
    "POLICY_COMMIT_LEVEL_ALL": 0,
    "POLICY_COMMIT_LEVEL_MASTER": 1,
    "POLICY_READ_MODE_AP_ONE": 0,
    "POLICY_READ_MODE_AP_ALL": 1,
    "TTL_NAMESPACE_DEFAULT": 0,
    "TTL_NEVER_EXPIRE": -1,
    "TTL_DONT_UPDATE": -2,
    "TTL_CLIENT_DEFAULT": -3,
    "OPERATOR_READ": 1,
    "OPERATOR_WRITE": 2,
    "OPERATOR_INCR": 5,
    "OPERATOR_APPEND": 9,
    "OPERATOR_PREPEND": 10,
    "OPERATOR_TOUCH": 11,
    "OPERATOR_DELETE": 12,
    "MAP_RETURN_NONE": 0,
    "MAP_RETURN_INDEX": 1,
    "MAP_RETURN_REVERSE_INDEX": 2,
    "MAP_RETURN_RANK": 3,
    "MAP_RETURN_REVERSE_RANK": 4,
    "MAP_RETURN_COUNT": 5,
    "MAP_RETURN_KEY": 6,
    "MAP_RETURN_VALUE": 7,
    "MAP_RETURN_KEY_VALUE": 8,
    "MAP_RETURN_EXISTS": 9,
    "LIST_RETURN_NONE": 0,
    "LIST_RETURN_VALUE": 7,
    "LIST_RETURN_COUNT": 5,
    "LIST_RETURN_INDEX": 1,
    "LIST_RETURN_RANK": 3,
    "AUTH_INTERNAL": 0,
    "AUTH_EXTERNAL": 1,
    "AUTH_PKI": 2,
    "AUTH_EXTERNAL_INSECURE": 4,
    "LOG_LEVEL_OFF": -1,
    "LOG_LEVEL_ERROR": 0,
    "LOG_LEVEL_WARN": 1,
    "LOG_LEVEL_INFO": 2,
    "LOG_LEVEL_DEBUG": 3,
    "LOG_LEVEL_TRACE": 4,
}

NAMED_ONLY = [
    "INDEX_NUMERIC",
    "INDEX_STRING",
    "INDEX_BLOB",
    "INDEX_GEO2DSPHERE",
    "INDEX_TYPE_DEFAULT",
    "INDEX_TYPE_LIST",
    "INDEX_TYPE_MAPKEYS",
    "INDEX_TYPE_MAPVALUES",
    "PRIV_READ",
    "PRIV_WRITE",
    "PRIV_READ_WRITE",
    "PRIV_READ_WRITE_UDF",
    "PRIV_SYS_ADMIN",
    "PRIV_USER_ADMIN",
    "PRIV_DATA_ADMIN",
    "PRIV_UDF_ADMIN",
    "PRIV_SINDEX_ADMIN",
    "PRIV_TRUNCATE",
    "SERIALIZER_NONE",
    "SERIALIZER_PYTHON",
    "SERIALIZER_USER",
    "MAP_UNORDERED",
    "MAP_KEY_ORDERED",
    "MAP_KEY_VALUE_ORDERED",
    "MAP_WRITE_FLAGS_DEFAULT",
    "MAP_WRITE_FLAGS_CREATE_ONLY",
    "MAP_WRITE_FLAGS_UPDATE_ONLY",
    "MAP_WRITE_FLAGS_NO_FAIL",
    "MAP_WRITE_FLAGS_PARTIAL",
    "LIST_UNORDERED",
    "LIST_ORDERED",
    "LIST_SORT_DEFAULT",
    "LIST_SORT_DROP_DUPLICATES",
    "LIST_WRITE_DEFAULT",
    "LIST_WRITE_ADD_UNIQUE",
    "LIST_WRITE_INSERT_BOUNDED",
    "LIST_WRITE_NO_FAIL",
    "LIST_WRITE_PARTIAL",
    "BIT_WRITE_DEFAULT",
    "BIT_WRITE_CREATE_ONLY",
    "BIT_WRITE_UPDATE_ONLY",
    "HLL_WRITE_DEFAULT",
    "HLL_WRITE_CREATE_ONLY",
    "HLL_WRITE_UPDATE_ONLY",
    "HLL_WRITE_ALLOW_FOLD",
]

# Names whose numbers are Aerospike's own, and equal in the official client.
SAME_AS_OFFICIAL = re.compile(
    r"PRIV_|INDEX_TYPE_|INDEX_(STRING|GEO2DSPHERE|BLOB)$|MAP_(WRITE_FLAGS|UNORDERED|KEY_)"
    r"|LIST_(WRITE|SORT|ORDERED|UNORDERED)|BIT_WRITE|HLL_WRITE|POLICY_READ_MODE_SC|SERIALIZER_NONE|ERROR_DETAIL"
)


def test_documented_constants_have_their_documented_values() -> None:
    actual = {name: getattr(aerospike_py, name) for name in DOCUMENTED}
    assert actual == DOCUMENTED


def test_all_named_constants_are_ints() -> None:
    assert [name for name in NAMED_ONLY if type(getattr(aerospike_py, name)) is not int] == []


def test_constants_without_documented_value_equal_the_official_clients() -> None:
    import aerospike

    ours = {name: value for name, value in vars(constants).items() if SAME_AS_OFFICIAL.match(name)}
    assert len(ours) > 30
    theirs = {name: getattr(aerospike, name) for name in ours if hasattr(aerospike, name)}
    assert len(theirs) > 30
    assert {name: ours[name] for name in theirs} == theirs


def test_every_constant_is_exported() -> None:
    defined = {name for name in vars(constants) if name.isupper()}
    assert defined == set(constants.__all__)
    assert defined <= set(aerospike_py.__all__)


def test_no_constant_has_changed_or_come_without_being_recorded() -> None:
    recorded = Path(__file__).with_name("constants.txt").read_text()
    present = {name: getattr(constants, name) for name in sorted(constants.__all__)}
    assert "".join(f"{name} = {value!r}\n" for name, value in present.items()) == recorded


def test_every_choice_of_a_policys_key_has_a_text() -> None:
    body = ast.parse(Path(constants.__file__).read_text()).body
    without = {
        node.target.id
        for node, following in itertools.pairwise(body)
        if isinstance(node, ast.AnnAssign)
        and isinstance(node.target, ast.Name)
        and node.target.id.startswith("POLICY_")
        and not (isinstance(following, ast.Expr) and isinstance(following.value, ast.Constant))
    }
    assert without == set()
