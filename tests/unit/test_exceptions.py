"""The exception tree, result codes, and what survives pickling."""

import copy
import pickle
import re
import warnings
from pathlib import Path

import pytest

import aerospike_py
from aerospike_py import ResultCode, SubCode, constants, exception

TREE = {
    "ClientError": "AerospikeError",
    "BackpressureError": "ClientError",
    "ObjectError": "ClientError",
    "ClusterError": "AerospikeError",
    "InvalidArgError": "AerospikeError",
    "AerospikeTimeoutError": "AerospikeError",
    "RecordError": "AerospikeError",
    "RecordNotFound": "RecordError",
    "RecordExistsError": "RecordError",
    "RecordGenerationError": "RecordError",
    "RecordTooBig": "RecordError",
    "BinNameError": "RecordError",
    "BinExistsError": "RecordError",
    "BinNotFound": "RecordError",
    "BinTypeError": "RecordError",
    "FilteredOut": "RecordError",
    "ServerError": "AerospikeError",
    "AerospikeIndexError": "ServerError",
    "IndexNotFound": "AerospikeIndexError",
    "IndexFoundError": "AerospikeIndexError",
    "QueryError": "ServerError",
    "QueryAbortedError": "QueryError",
    "AdminError": "ServerError",
    "UDFError": "ServerError",
    # Beside what the API document has.
    "DeviceOverload": "ServerError",
    "ElementExists": "RecordError",
    "ElementNotFound": "RecordError",
    "EnterpriseOnly": "ServerError",
    "ForbiddenError": "ServerError",
    "IndexNotReadable": "AerospikeIndexError",
    "InvalidNamespace": "ServerError",
    "LostConflict": "RecordError",
    "MaxErrorRate": "ClusterError",
    "NoMoreConnections": "ClusterError",
    "NotAuthenticated": "AdminError",
    "OpNotApplicable": "RecordError",
    "QuotaExceeded": "AdminError",
    "RecordBusy": "RecordError",
    "RecordKeyMismatch": "RecordError",
    "RoleViolation": "AdminError",
    "ServerFull": "ServerError",
    "TLSError": "ClusterError",
    "UnsupportedFeature": "ServerError",
}


@pytest.mark.parametrize(("name", "base"), TREE.items())
def test_tree(name: str, base: str) -> None:
    assert getattr(aerospike_py, base) in getattr(aerospike_py, name).__bases__
    assert getattr(aerospike_py, name) is getattr(exception, name)


def test_the_guide_shows_the_whole_tree() -> None:
    guide = Path(__file__).resolve().parents[2] / "docs" / "guides" / "errors.md"
    (shown,) = re.findall(r"^```text\n(AerospikeError\n.*?)^```$", guide.read_text(), re.M | re.S)
    assert {"AerospikeError", *TREE} == set(re.findall(r"[A-Z]\w+", shown))


def test_every_exception_is_in_the_tree() -> None:
    defined = {
        name
        for name, value in vars(exception).items()
        if isinstance(value, type) and issubclass(value, Exception)
    }
    assert defined == {*TREE, "AerospikeError"}
    assert defined == set(exception.__all__)


@pytest.mark.parametrize(
    ("code", "name"),
    [
        (-1, "ClientError"),
        (-101, "ClientError"),
        (-2, "InvalidArgError"),
        (-7, "NoMoreConnections"),
        (-8, "ClusterError"),
        (-9, "TLSError"),
        (-10, "ClusterError"),
        (-14, "MaxErrorRate"),
        (-11, "BackpressureError"),
        (-9999, "ClientError"),
        (1, "ServerError"),
        (2, "RecordNotFound"),
        (3, "RecordGenerationError"),
        (4, "InvalidArgError"),
        (5, "RecordExistsError"),
        (6, "BinExistsError"),
        (9, "AerospikeTimeoutError"),
        (11, "ClusterError"),
        (12, "BinTypeError"),
        (13, "RecordTooBig"),
        (14, "RecordBusy"),
        (17, "BinNotFound"),
        (20, "InvalidNamespace"),
        (21, "BinNameError"),
        (27, "FilteredOut"),
        (51, "AdminError"),
        (65, "AdminError"),
        (83, "QuotaExceeded"),
        (100, "UDFError"),
        (200, "IndexFoundError"),
        (201, "IndexNotFound"),
        (203, "IndexNotReadable"),
        (210, "QueryAbortedError"),
        (213, "QueryError"),
        (251, "ServerError"),
    ],
)
def test_class_for_result_code(code: int, name: str) -> None:
    assert exception.class_for(code) is getattr(exception, name)


@pytest.mark.parametrize("name", [*TREE, "AerospikeError"])
def test_a_classs_own_code_leads_back_to_it(name: str) -> None:
    cls = getattr(exception, name)
    assert isinstance(cls("text").result_code, int)
    if cls not in (exception.AerospikeError, exception.RecordError):
        assert exception.class_for(cls("text").result_code) is cls


@pytest.mark.parametrize("name", [*TREE, "AerospikeError"])
def test_attributes_survive_pickle_and_copy(name: str) -> None:
    cls = getattr(exception, name)
    error = cls("what went wrong", result_code=77, in_doubt=True, node="BB9020011AC4202")
    error.add = "more"
    for restored in (pickle.loads(pickle.dumps(error)), copy.copy(error)):
        assert type(restored) is cls
        assert restored.args == ("what went wrong",)
        assert restored.result_code == 77
        assert restored.in_doubt is True
        assert restored.node == "BB9020011AC4202"
        assert restored.add == "more"
        assert str(restored) == str(error)


def test_text_names_code_node_and_doubt() -> None:
    error = exception.AerospikeTimeoutError("timeout", node="BB9", in_doubt=True)
    assert str(error) == "timeout (result code 9, node BB9, in doubt: it may have taken effect)"
    assert str(exception.ClientError("not connected")) == "not connected"


def test_invalid_arguments_are_value_errors() -> None:
    assert issubclass(exception.InvalidArgError, ValueError)


@pytest.mark.parametrize(
    ("old", "new"),
    [("TimeoutError", "AerospikeTimeoutError"), ("IndexError", "AerospikeIndexError")],
)
def test_old_names_warn_in_the_exception_module_only(old: str, new: str) -> None:
    with pytest.warns(DeprecationWarning, match=new):
        cls = getattr(exception, old)
    assert cls is getattr(exception, new)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert getattr(aerospike_py, old) is cls


def test_unknown_names_are_attribute_errors() -> None:
    with pytest.raises(AttributeError, match="NoSuchError"):
        exception.NoSuchError  # noqa: B018


def test_a_timeout_is_pythons_timeout_too() -> None:
    with pytest.raises(TimeoutError, match="too late"):
        raise aerospike_py.AerospikeTimeoutError("too late")


def test_what_is_shown_of_an_error_in_a_list_of_them() -> None:
    error = aerospike_py.RecordNotFound("there is none", result_code=2, node="A1")
    assert repr([error]) == "[RecordNotFound('there is none', result_code=2, node='A1')]"
    doubtful = aerospike_py.AerospikeTimeoutError("late", in_doubt=True)
    assert repr(doubtful) == "AerospikeTimeoutError('late', result_code=9, in_doubt=True)"


STATUS = Path(__file__).parents[2] / "native" / "src" / "status.zig"


def test_result_codes_are_those_of_the_core() -> None:
    text = STATUS.read_text()
    body = text[text.index("enum(i32)") : text.index("pub fn")]
    core = {int(code) for code in re.findall(r"^    \w+ = (-?\d+),", body, re.M)}
    buffer_too_small = -102  # Nobody is told.
    assert {code.value for code in ResultCode} == core - {buffer_too_small}


def test_result_codes_have_the_names_of_other_clients_too() -> None:
    names = {name for name in constants.__all__ if name.startswith("AEROSPIKE_")}
    assert {getattr(aerospike_py, name) for name in names} == {code.value for code in ResultCode}
    assert len(names) == len(ResultCode)
    for code in ResultCode:
        name = "AEROSPIKE_OK" if code == 0 else f"AEROSPIKE_ERR_{code.name}"
        assert getattr(aerospike_py, name) == code
        assert code.__doc__


def test_subcodes_are_those_of_the_official_client() -> None:
    import aerospike

    theirs = {
        name.removeprefix("SUB_"): number
        for name, number in vars(aerospike).items()
        if name.startswith("SUB_")
    }
    ours = {name: number for name, number in vars(SubCode).items() if name.isupper()}
    assert len(ours) > 40
    assert ours == theirs
