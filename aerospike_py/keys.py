"""Keys: (namespace, set, user key), checked and made into the form that requests carry."""

import sys
from typing import Any

from . import _native
from ._validate import at, wrong_type
from ._values import INT64_MAX, INT64_MIN, encode
from .exception import InvalidArgError
from .types import Key

__all__ = ["key_digest", "partition_id"]

DIGEST_BYTES = 20
PARTITIONS = 4096

_MEMBERS = ("namespace", "set", "user key")
_USER_KEYS = frozenset({str, bytes, bytearray})


def key_digest(key: Key) -> bytes:
    """The 20 bytes that servers know a record by; needs no client.

    Args:
        key: (namespace, set, user key), or a key that a result carries.

    Raises:
        TypeError: The key is no tuple, or a member is of a wrong type.
        ValueError: It has a wrong number of members, an empty namespace, or a digest that has not
            20 bytes.
        OverflowError: The user key is an int that does not fit into 64 bits.
    """
    return _native.key_digest(encode(request_key(key)))


def partition_id(key: Key) -> int:
    """In which of the 4096 partitions of its namespace a record is; needs no client.

    Args:
        key: (namespace, set, user key), or a key that a result carries.

    Raises:
        TypeError, ValueError, OverflowError: As `key_digest` does.
    """
    return int.from_bytes(key_digest(key)[:2], "little") % PARTITIONS


def request_key(key: Any) -> tuple[Any, ...]:
    """The key as a request carries it: its members are of exact built-in types.

    Raises:
        TypeError: The key is no tuple, or a member is of a wrong type.
        ValueError: It has a wrong number of members, an empty namespace, or a digest that has not
            20 bytes.
        OverflowError: The user key is an int that does not fit into 64 bits.
    """
    if type(key) is tuple and len(key) == 3:
        namespace, set_name, user_key = key
        if type(namespace) is str and type(set_name) is str and namespace:
            kind = type(user_key)
            if kind in _USER_KEYS or (kind is int and INT64_MIN <= user_key <= INT64_MAX):
                return key
    return _unusual_key(key)


def encode_key(key: Any) -> bytes:
    """The request [key]; raises as `request_key` does, and UnicodeEncodeError."""
    return encode_with_key(key)


def encode_with_key(key: Any, *rest: Any) -> bytes:
    """The request [key, ...]; raises as `request_key` does, and UnicodeEncodeError."""
    checked = request_key(key)
    try:
        return encode((checked, *rest))
    except UnicodeEncodeError:
        for index, (member, what) in enumerate(zip(checked, _MEMBERS, strict=False)):
            try:
                encode(member)
            except UnicodeEncodeError as error:
                raise at(f"key[{index}], the {what}", error) from None
        raise


def _unusual_key(key: Any) -> tuple[Any, ...]:
    if not isinstance(key, tuple):
        raise wrong_type("key", "a tuple (namespace, set, user key)", key)
    if len(key) not in (3, 4):
        raise InvalidArgError(
            "key must have 3 members (namespace, set, user key), or a digest as the 4th, "
            f"not {len(key)}"
        )
    namespace, set_name = key[0], key[1]
    if not isinstance(namespace, str):
        raise wrong_type("key[0], the namespace,", "a str", namespace)
    if not namespace:
        raise InvalidArgError("key[0], the namespace, must not be empty")
    if set_name is not None and not isinstance(set_name, str):
        raise wrong_type("key[1], the set,", "a str or None", set_name)
    place = (str.__str__(namespace), "" if set_name is None else str.__str__(set_name))
    digest = key[3] if len(key) == 4 else None
    if digest is None:
        return (*place, _user_key(key[2]))
    if not isinstance(digest, (bytes, bytearray, memoryview)):
        raise wrong_type("key[3], the digest,", "bytes", digest)
    digest = bytes(digest)
    if len(digest) != DIGEST_BYTES:
        raise InvalidArgError(
            f"key[3], the digest, must have {DIGEST_BYTES} bytes, not {len(digest)}"
        )
    return (*place, None if key[2] is None else _user_key(key[2]), digest)


def _user_key(value: Any) -> str | int | bytes:
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, int) and not isinstance(value, bool):
        number = int.__pos__(value)
        if not INT64_MIN <= number <= INT64_MAX:
            raise OverflowError("key[2], the user key, does not fit into 64 bits")
        return number
    if isinstance(value, (bytes, bytearray, memoryview)):
        return bytes(value)
    if value is None:
        raise InvalidArgError(
            "key[2], the user key, must not be None, unless there is a digest as the 4th member"
        )
    numpy = sys.modules.get("numpy")
    if numpy is not None and isinstance(value, numpy.integer):
        return _user_key(value.item())
    raise wrong_type("key[2], the user key,", "a str, int or bytes", value)
