"""The configuration of TLS: checked when the client is made, as far as this machine knows."""

import os
import sys
import threading
from collections.abc import Mapping
from contextlib import suppress
from importlib import import_module
from typing import Any

from . import _native
from ._validate import check_bool, check_bytes, check_text, unknown_key, wrong_type
from ._values import encode
from .exception import InvalidArgError

_FLAGS = ("enable", "crl_check", "crl_check_all", "log_session_info", "for_login_only")
_PATHS = ("cafile", "capath", "certfile", "keyfile", "cert_blacklist", "keylog_file", "library")
_TEXTS = ("keyfile_pw", "protocols", "cipher_suite", "ciphersuites")
_PEM = ("ca", "cert", "key")
_KNOWN = (*_FLAGS, *_PATHS, *_TEXTS, *_PEM, "min_version")
_VERSIONS = ("TLSv1.2", "TLSv1.3")
# One of a pair says the same as the other.
_PAIRS = (("certfile", "cert"), ("keyfile", "key"))


def check(given: Any, path: str) -> dict[str, Any] | None:
    """What the core takes; None where connections are to be plain: for {}, or if it says so.

    Raises:
        TypeError: A value is of a wrong type.
        InvalidArgError: A key is unknown, or a value is not valid.
        TLSError: It cannot work: a file is missing, a key is not the certificate's, OpenSSL is not
            to be found.
    """
    if not isinstance(given, Mapping):
        raise wrong_type(path, "a dict", given)
    checked: dict[str, Any] = {}
    for key, value in given.items():
        if key not in _KNOWN:
            raise unknown_key(path, key, "the configuration of TLS", _KNOWN)
        if value is not None:
            checked[key] = _check(key, value, f"{path}[{key!r}]")
    for first, second in _PAIRS:
        if first in checked and second in checked:
            raise InvalidArgError(f"{path} has both {first!r} and {second!r}; one is enough")
    # What is not empty is wanted, so that no slip leads to plain connections.
    if not checked.setdefault("enable", bool(given)):
        return None
    for key in (*_PATHS, *_PEM):
        # Else whom the system trusts would be trusted by a slip, or no certificate be shown.
        if key in checked and not checked[key]:
            raise InvalidArgError(f"{path}[{key!r}] must not be empty: leave it out, or give None")
    with _loading:
        _load_own_library()
        _native.check_tls(encode(checked))
    return checked


def has_identity(checked: Mapping[str, Any]) -> bool:
    """Whether the client can show a certificate."""
    return bool(checked.get("certfile") or checked.get("cert"))


def _load_own_library() -> None:
    """The core takes the OpenSSL that the process has: that of Python's own module, if it has one.

    Both then share one library, and one set of updates.
    """
    # In a Python without it the system's will do.
    with suppress(ImportError):
        import_module("ssl")


# A fork waits for who loads it: in the child nobody would go on with that, and the next one would
# wait for ever.
_loading = threading.RLock()
if sys.platform != "win32":  # Where nothing forks.
    os.register_at_fork(
        before=_loading.acquire,
        after_in_parent=_loading.release,
        after_in_child=_loading.release,
    )


def _check(key: str, value: Any, path: str) -> Any:
    if key in _FLAGS:
        return check_bool(value, path)
    if key in _PATHS:
        return _path(value, path)
    if key in _PEM:
        is_text = isinstance(value, str)
        return check_text(value, path).encode() if is_text else check_bytes(value, path)
    text = check_text(value, path)
    if key == "min_version" and text not in _VERSIONS:
        raise InvalidArgError(f"{path} must be 'TLSv1.2' or 'TLSv1.3', not {text!r:.40}")
    return text


def _path(value: Any, path: str) -> str:
    if not isinstance(value, (str, os.PathLike)):
        raise wrong_type(path, "a path: a str or os.PathLike", value)
    name = os.fspath(value)
    if not isinstance(name, str):
        raise wrong_type(path, "a path that is a str", value)
    if "\0" in name:
        raise InvalidArgError(f"{path} must not have a NUL character")
    return check_text(name, path)
