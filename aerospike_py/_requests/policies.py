"""Policies and configurations: dicts of the API, checked and made into what the core takes.

Nothing that is given is ignored: a wrong type raises a TypeError, an unknown key or a value that is
not valid an InvalidArgError, with the path to it and what would be right.
"""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from .. import _native, constants
from .._codec import or_default
from .._ffi import lib
from .._native import NULL, Pointer
from .._operations import encode_expression
from .._validate import (
    Boolean,
    Choice,
    Integer,
    Milliseconds,
    Rule,
    TimeToLive,
    at,
    check_bool,
    check_bytes,
    is_moment,
    unknown_key,
    wrong_type,
)
from .._values import INT64_MAX
from ..exception import BinNameError, InvalidArgError
from ..types import RecordMetadata

if TYPE_CHECKING:
    from ..objects import Shapes

_GENERATION_MAX = 2**16 - 1


def _choice(prefix: str) -> Choice:
    values = {number for name, number in vars(constants).items() if name.startswith(prefix)}
    return Choice(prefix, frozenset(values))


_MS = Milliseconds()
INDEX_TYPE = _choice("INDEX_TYPE_")
WAIT = Milliseconds()
"""How long to wait until all nodes have done something, in milliseconds."""

# Key in the policy dict: (member of asz_policy, rule).
_COMMAND: dict[str, tuple[str, Rule]] = {
    "socket_timeout": ("socket_timeout", _MS),
    "total_timeout": ("total_timeout", _MS),
    "max_retries": ("max_retries", Integer(0, 2**31 - 1)),
    "sleep_between_retries": ("sleep_between_retries", _MS),
    "timeout_delay": ("timeout_delay", _MS),
    "connect_timeout": ("connect_timeout", _MS),
    "compress": ("compress", Boolean()),
    "error_detail_verbosity": ("error_details", _choice("ERROR_DETAIL_")),
    "replica": ("replica", _choice("POLICY_REPLICA_")),
}
_READ: dict[str, tuple[str, Rule]] = {
    **_COMMAND,
    "key": ("send_key", _choice("POLICY_KEY_")),
    "read_mode_ap": ("read_mode_ap", _choice("POLICY_READ_MODE_AP_")),
    "read_mode_sc": ("read_mode_sc", _choice("POLICY_READ_MODE_SC_")),
    "read_touch_ttl_percent": ("read_touch_ttl_percent", Integer(-1, 100)),
}
_WRITE: dict[str, tuple[str, Rule]] = {
    **_COMMAND,
    "key": ("send_key", _choice("POLICY_KEY_")),
    "exists": ("exists", _choice("POLICY_EXISTS_")),
    "gen": ("generation_policy", _choice("POLICY_GEN_")),
    "commit_level": ("commit_level", _choice("POLICY_COMMIT_LEVEL_")),
    "ttl": ("ttl", TimeToLive()),
    "durable_delete": ("durable_delete", Boolean()),
    "on_locking_only": ("on_locking_only", Boolean()),
    "compression_threshold": ("compress_threshold", Integer(0, 2**31 - 1)),
}
_OPERATE: dict[str, tuple[str, Rule]] = {**_READ, **_WRITE}
_META: dict[str, tuple[str, Rule]] = {
    "gen": ("generation", Integer(0, _GENERATION_MAX)),
    "ttl": ("ttl", TimeToLive()),
}
_BATCH: dict[str, tuple[str, Rule]] = {
    "allow_inline": ("allow_inline", Boolean()),
    "allow_inline_ssd": ("allow_inline_ssd", Boolean()),
    "respond_all_keys": ("respond_all_keys", Boolean()),
    "concurrent": ("concurrent", Boolean()),
    "compression_threshold": _WRITE["compression_threshold"],
}
_BATCH_READ: dict[str, tuple[str, Rule]] = {**_READ, **_BATCH}
_BATCH_WRITE: dict[str, tuple[str, Rule]] = {**_READ, **_WRITE, **_BATCH}
# What a row of a batch may say for itself.
_ROW_READ = {key: _READ[key] for key in ("read_mode_ap", "read_mode_sc", "read_touch_ttl_percent")}
_ROW_REMOVE = {key: _WRITE[key] for key in ("key", "gen", "commit_level", "durable_delete")}
_ROW_WRITE = {**_ROW_REMOVE, **{key: _WRITE[key] for key in ("exists", "ttl", "on_locking_only")}}
_ROW_APPLY = {
    key: _WRITE[key] for key in ("key", "commit_level", "ttl", "durable_delete", "on_locking_only")
}
_ROWS = {
    "read": _ROW_READ,
    "write": _ROW_WRITE,
    "operate": {**_ROW_READ, **_ROW_WRITE},
    "remove": _ROW_REMOVE,
    "apply": _ROW_APPLY,
}
_ARGUMENTS: dict[str, tuple[str, Rule]] = {"val": _META["ttl"]}
_ADMIN: dict[str, tuple[str, Rule]] = {"timeout": ("total_timeout", _MS)}

_PARTITIONS = 4096
_DIGEST_BYTES = 20

# Policy keys that become part of the request, and not of the policy struct.
_QUERY_REQUEST: dict[str, Rule] = {
    "max_records": Integer(0, INT64_MAX),
    "records_per_second": Integer(0, 2**32 - 1),
    "include_bin_data": Boolean(),
    "expected_duration": Integer(0, 2),
}
_PARTITION_FILTER = {
    "begin": Integer(0, _PARTITIONS - 1),
    "count": Integer(1, _PARTITIONS),
}
_FAILS_ON_CHANGE = "fail_on_cluster_change"
_QUERY_OTHERS = ("partition_filter", "token", _FAILS_ON_CHANGE)

_FILTERS = ("expressions", "filter_expression")
NO_GENERATION = "policy['gen'] has generations compared, and meta has no 'gen' to compare with"
_TOUCH_NEVER = 255


class Policies:
    """The policies of one kind ("read", "write", …) for one client.

    `struct` gives the asz_policy for a policy dict. They are kept, as programs use few of them and
    use them often.
    """

    cache_limit = 256

    def __init__(
        self,
        kind: str,
        command: int,
        table: dict[str, tuple[str, Rule]],
        defaults: Any,
        *,
        defaults_table: dict[str, tuple[str, Rule]] | None = None,
        is_explicit: bool = False,
        own: Any = None,
        own_kind: str = "",
        without: tuple[str, ...] = (),
        over: Mapping[str, Any] | None = None,
    ) -> None:
        self._kind = kind
        self._table = table
        self._filters = _FILTERS if table is not _ADMIN else ()
        self._known = (*table, *self._filters)
        self._cache: dict[Any, Pointer] = {}
        self._base = _native.new_policy(command)
        # NULL stands for the defaults that the library has for what is asked.
        self._default: Pointer = self._base if is_explicit else NULL
        self.filter: Any = None
        """The expression, or text, that the defaults have as filter."""
        self._take(kind, defaults, defaults_table or table, without)
        self._take(own_kind, own, table, ())
        # What goes before defaults and policies.
        self._over = {
            table[key][0]: table[key][1].check(value, key) for key, value in (over or {}).items()
        }
        if self._over:
            self._set_over(self._base)
            self._default = self._base

    def _set_over(self, struct: Pointer) -> None:
        for member, number in self._over.items():
            setattr(struct, member, number)

    def _take(
        self,
        kind: str,
        defaults: Any,
        table: dict[str, tuple[str, Rule]],
        without: tuple[str, ...],
    ) -> None:
        """Takes the defaults of a section of the configuration, but for some keys."""
        if not defaults:
            return
        path = f"config['policies'][{kind!r}]"
        checked = _native.copy_policy(self._base) if without else self._base
        self._fill(checked, defaults, table, path, self._filters)
        if without:
            rest = {key: value for key, value in defaults.items() if key not in without}
            self._fill(self._base, rest, table, path, self._filters)
        encoded = _filter_of(defaults, path)
        if encoded is not None:
            _native.set_filter(self._base, encoded)
            self.filter = _given_filter(defaults)
        self._default = self._base

    @property
    def makes_struct(self) -> "MakesStruct":
        """As `struct`, and quicker where there is nothing but the defaults."""
        return or_default(self._default, self.struct)

    @property
    def known(self) -> tuple[str, ...]:
        """The keys that the policy dict may have."""
        return self._known

    def struct(self, policy: Any = None, meta: Any = None, val: Any = None) -> Pointer:
        """The struct for a call.

        Args:
            policy: The policy dict, or None.
            meta: The metadata dict of a write ("gen", "ttl"), or None.
            val: The time to live that a method takes by itself, or None; meta and policy go
                before it.

        Raises:
            TypeError: Policy or meta is not a dict.
            InvalidArgError: A key is unknown, or a value is not valid.
        """
        if policy is None and meta is None and val is None:
            return self._default
        if type(policy) is dict and type(policy.get("expressions")) is dict:
            return self._filtered(policy, meta, val)
        try:
            items = tuple(policy.items()) if policy is not None else ()
            meta_items = tuple(meta.items()) if meta is not None else ()
        except AttributeError:
            if type(meta) is RecordMetadata:
                return self.struct(policy, _as_dict(meta), val)
            raise _not_a_dict(policy, meta) from None
        # Types are part of the key: True is equal to 1, and yet no timeout.
        types = tuple([type(value) for _, value in items + meta_items])
        cache_key = (items, meta_items, types, val, type(val))
        try:
            found = self._cache.get(cache_key)
        except TypeError:  # A value that has no hash, such as an expression.
            return self._filtered(policy, meta, val)
        if found is None:
            found = self._make(policy, meta, val)
            # The seconds until a datetime are others the next time.
            if not any(map(is_moment, (val, *[value for _, value in items + meta_items]))):
                self._keep(cache_key, found)
        return found

    def _keep(self, cache_key: Any, struct: Pointer) -> Pointer:
        if len(self._cache) >= self.cache_limit:
            self._cache.clear()
        self._cache[cache_key] = struct
        return struct

    def _filtered(self, policy: Any, meta: Any, val: Any) -> Pointer:
        """The struct for what has no hash, such as a filter, whose encoded tree stands for it."""
        keys = [key for key in self._filters if policy and policy.get(key) is not None]
        if len(keys) != 1 or type(policy[keys[0]]) is not dict:
            return self._make(policy, meta, val)
        if len(policy) == 1 and meta is None and val is None:
            unfiltered = self._base
        else:
            rest = {key: value for key, value in policy.items() if key not in _FILTERS}
            unfiltered = self.struct(rest, meta, val)
        try:
            cache_key = (encode_expression(policy[keys[0]]), unfiltered)
        except (TypeError, ValueError, OverflowError) as error:
            raise at(f"policy[{keys[0]!r}]", error, "expression") from None
        found = self._cache.get(cache_key)
        if found is None:
            struct = _native.copy_policy(unfiltered)
            encoded = _filter_of(policy, "policy")
            assert encoded is not None
            _native.set_filter(struct, encoded)
            found = self._keep(cache_key, struct)
        return found

    def _make(self, policy: Any, meta: Any, val: Any) -> Pointer:
        struct = _native.copy_policy(self._base)
        if val is not None:
            self._fill(struct, {"val": val}, _ARGUMENTS, "")
        if meta:
            self._fill(struct, meta, _META, "meta")
        if policy:
            self._fill(struct, policy, self._table, "policy", self._filters)
            encoded = _filter_of(policy, "policy")
            if encoded is not None:
                _native.set_filter(struct, encoded)
        if self._over:
            self._set_over(struct)
        if self._kind == "write" and struct.generation_policy and _generation_of(meta) is None:
            raise InvalidArgError(NO_GENERATION)
        return struct

    def _fill(
        self,
        struct: Pointer,
        given: Any,
        table: dict[str, tuple[str, Rule]],
        path: str,
        others: tuple[str, ...] = (),
    ) -> None:
        if not isinstance(given, Mapping):
            raise wrong_type(path, "a dict", given)
        for key, value in given.items():
            entry = table.get(key) if isinstance(key, str) else None
            if entry is None:
                if key in others:
                    continue
                if table is _META:
                    raise _unknown_in_meta(key)
                raise _unknown(path, key, _what(self._kind, table), (*table, *others))
            if value is None:
                continue
            member, rule = entry
            place = f"{path}[{key!r}]" if path else key
            if is_moment(value) and path.startswith("config"):
                raise InvalidArgError(f"{place} is for many writes, and cannot be a datetime")
            number = rule.check(value, place)
            if member == "ttl" and number == constants.TTL_CLIENT_DEFAULT:
                number = self._base.ttl
            elif member == "read_touch_ttl_percent" and number < 0:
                number = _TOUCH_NEVER
            setattr(struct, member, number)
        if table is _ADMIN:
            struct.socket_timeout = struct.total_timeout


class _ComparingPolicies(Policies):
    """Write policies of a client that has generations compared unless it is told otherwise."""

    def struct(self, policy: Any = None, meta: Any = None, val: Any = None) -> Pointer:
        """As of others, but that there is none for no policy and no metadata."""
        return super().struct({} if policy is None else policy, meta, val)

    @property
    def makes_struct(self) -> "MakesStruct":
        return self.struct


def _unknown(path: str, key: Any, what: str, known: tuple[str, ...]) -> InvalidArgError:
    """The error for a key that a policy has not; it says which policies have it."""
    kinds = [kind for kind, keys in _WHERE if key in keys]
    if not kinds or _ADMIN.keys() <= set(known):
        return unknown_key(path, key, what, known)
    where = f"{' and '.join(kinds)} policies"
    if what.startswith(_OF_A_ROW) and key not in _ROW_OPERATE:
        where = "the whole batch's policy"
    return InvalidArgError(f"{path}[{key!r}]: that is a key of {where}, and not of {what}")


_OF_A_ROW = "the policy of a row made by"
_ROW_OPERATE = _ROWS["operate"]
# A key of reads and writes is one of all commands, which all policies have but those of info.
_WHERE: tuple[tuple[str, Any], ...] = (
    ("read", _READ),
    ("write", _WRITE),
    ("batch", _BATCH.keys() - _WRITE.keys()),
    ("query", (*_QUERY_REQUEST, *_QUERY_OTHERS)),
)


def _what(kind: str, table: dict[str, tuple[str, Rule]]) -> str:
    if table is _BATCH_READ:
        return "the policy of a batch that reads"
    return f"an {kind} policy" if kind[0] in "ai" else f"a {kind} policy"


def _as_dict(meta: RecordMetadata) -> dict[str, int]:
    return {"gen": meta.gen, "ttl": meta.ttl}


def _generation_of(meta: Any) -> Any:
    return meta.get("gen") if meta else None


def _not_a_dict(policy: Any, meta: Any) -> TypeError:
    if policy is not None and not isinstance(policy, Mapping):
        return wrong_type("policy", "a dict", policy)
    return wrong_type("meta", "a dict, or the metadata of a record", meta)


def _unknown_in_meta(key: Any) -> InvalidArgError:
    if key in _BATCH_WRITE or key in _FILTERS:
        return InvalidArgError(
            f"meta[{key!r}]: that is a key of the policy, which is the argument after meta"
        )
    return unknown_key("meta", key, "the metadata of a write", _META)


def write_meta(meta: Any) -> tuple[int | None, int | None] | None:
    """Generation and time to live of a metadata dict; None for what it leaves to the policy.

    Raises:
        TypeError: It is not a dict, or a value is of a wrong type.
        InvalidArgError: A key is unknown, or a value is not valid.
    """
    if meta is None:
        return None
    if isinstance(meta, RecordMetadata):
        meta = _as_dict(meta)
    if not isinstance(meta, Mapping):
        raise _not_a_dict(None, meta)
    numbers: dict[str, int] = {}
    for key, value in meta.items():
        entry = _META.get(key) if isinstance(key, str) else None
        if entry is None:
            raise _unknown_in_meta(key)
        if value is not None:
            numbers[key] = entry[1].check(value, f"meta[{key!r}]")
    ttl = numbers.get("ttl")
    return numbers.get("gen"), None if ttl == constants.TTL_CLIENT_DEFAULT else ttl


class RowMeta(NamedTuple):
    """What a row of a batch says besides what is to be done."""

    generation: int | None
    ttl: int | None
    policy: dict[str, int | bytes] | None
    """Members of asz_policy, and the filter; None for the batch's policy."""

    def compares(self, compares_generation: bool) -> bool:
        """Whether the row's generation counts.

        Args:
            compares_generation: Whether the batch's policy says so; the row's own goes before it.
        """
        own = (self.policy or {}).get("generation_policy")
        return compares_generation if own is None else bool(own)

    def members(self, compares_generation: bool) -> tuple[Any, ...] | None:
        """The member of a request; None when there is nothing to say.

        Args:
            compares_generation: Whether the batch's policy does. Where neither it nor the row's own
                does, the generation is dropped.
        """
        generation, ttl, policy = self
        if policy is not None:
            return (generation if self.compares(compares_generation) else None, ttl, policy)
        if not compares_generation:
            generation = None
        return None if generation is None and ttl is None else (generation, ttl)


def row_meta(kind: str, meta: Any, policy: Any) -> RowMeta | None:
    """Metadata and policy of a batch's row; None when it has neither.

    Args:
        kind: "read", "write", "operate", "remove" or "apply".
        meta: The metadata dict, or None.
        policy: The row's policy dict, or None. Its ttl goes before that of the metadata.

    Raises:
        TypeError: One of them is not a dict.
        InvalidArgError: A key is unknown, or a value is not valid.
    """
    if policy is None and meta is None:
        return None
    numbers = write_meta(meta)
    if policy is None:
        return None if numbers is None else RowMeta(*numbers, None)
    generation, ttl = numbers or (None, None)
    if not isinstance(policy, Mapping):
        raise wrong_type("policy", "a dict", policy)
    table = _ROWS[kind]
    members: dict[str, int | bytes] = {}
    for key, value in policy.items():
        entry = table.get(key) if isinstance(key, str) else None
        if entry is None and key not in _FILTERS:
            what = f"{_OF_A_ROW} {kind}"
            raise _unknown("policy", key, what, (*table, *_FILTERS))
        if value is None or entry is None:
            continue
        member, rule = entry
        number = rule.check(value, f"policy[{key!r}]")
        if member == "ttl":
            ttl = None if number == constants.TTL_CLIENT_DEFAULT else number
        elif member == "read_touch_ttl_percent" and number < 0:
            members[member] = _TOUCH_NEVER
        else:
            members[member] = number
    encoded = _filter_of(policy, "policy")
    if encoded is not None:
        members["filter"] = encoded
    if members.get("generation_policy") and generation is None:
        raise InvalidArgError(NO_GENERATION)
    return RowMeta(generation, ttl, members or None)


def _given_filter(given: Mapping[str, Any]) -> Any:
    """The filter of a policy dict, if it has one."""
    return next((given[key] for key in _FILTERS if given.get(key) is not None), None)


def _joined(policy: Any, default: Any, rest: Any) -> Any:
    """A policy with a filter more, which has to hold beside its own or that of the defaults."""
    if rest is None:
        return policy
    given = {} if policy is None else policy
    if not isinstance(given, Mapping):
        raise wrong_type("policy", "a dict", policy)
    _filter_of(given, "policy")
    from ..exp import and_  # Who has a filter has imported exp already.

    own = _given_filter(given)
    own = default if own is None else own
    joined = rest if own is None else and_(rest, _expression(own))
    others = {key: value for key, value in given.items() if key not in _FILTERS}
    return {**others, "expressions": joined}


def _filter_of(given: Mapping[str, Any], path: str) -> bytes | None:
    """The filter of a policy dict in the server's encoding, if it has one."""
    filters = {key: given[key] for key in _FILTERS if given.get(key) is not None}
    if not filters:
        return None
    # Who has a filter has imported these already.
    from .._expression_types import check_filter
    from ..exp import compile as compiled

    encoded = set()
    for key, given_filter in filters.items():
        try:
            tree = _expression(given_filter)
            encoded.add(compiled(tree).encoded)
            check_filter(tree)
        except (TypeError, ValueError, OverflowError, BinNameError) as error:
            raise at(f"{path}[{key!r}]", error, "expression") from None
    if len(encoded) > 1:
        raise InvalidArgError(
            f"{path}: 'expressions' and 'filter_expression' are the same, "
            "but two different ones are given"
        )
    return encoded.pop()


def _expression(given: Any) -> Any:
    """A filter, which may be text."""
    return _compiled(str.__str__(given)) if isinstance(given, str) else given


@lru_cache(maxsize=256)
def _compiled(text: str) -> Any:
    """The filter of a text: programs use few of them, and often."""
    from .._expression_types import check_filter
    from ..exp import compile as compiled
    from ..exp import parse

    tree = parse(text)
    check_filter(tree)  # Nothing of its types is left in what it is compiled to.
    return compiled(tree)


class QueryPolicies:
    """The query policies of one client.

    Args:
        defaults: The client's own query policy, or None.
        over: What goes before it, and before the policies of calls.

    Raises:
        InvalidArgError: A key is unknown, or a value is not valid.
    """

    def __init__(self, defaults: Any, over: Mapping[str, Any] | None = None) -> None:
        own, rest = _split(defaults)
        own_over, rest_over = _split(over)
        self._policies = Policies("query", lib.ASZ_QUERY, _COMMAND, rest, over=rest_over)
        self._known = (*self._policies.known, *_QUERY_REQUEST, *_QUERY_OTHERS)
        self._over = self._members(own_over, "")
        self._defaults = {**self._members(own, "config['policies']['query']"), **self._over}
        self._fails_on_change = bool(own.get(_FAILS_ON_CHANGE))

    def __call__(self, policy: Any, rest: Any = None) -> tuple[Pointer, dict[str, Any]]:
        """The policy struct, and members of the request.

        Args:
            policy: The policy dict, or None.
            rest: A filter that has to hold, too; None for none.

        Raises:
            TypeError: The policy is not a dict.
            InvalidArgError: A key is unknown, or a value is not valid.
        """
        policy = _joined(policy, self._policies.filter, rest)
        if not policy:
            return self._policies.struct(policy), self._defaults
        if not isinstance(policy, Mapping):
            raise wrong_type("policy", "a dict", policy)
        for key in policy:
            if key not in self._known:
                raise _unknown("policy", key, "a query policy", self._known)
        own, rest = _split(policy)
        return self._policies.struct(rest or None), {
            **self._defaults,
            **self._members(own, "policy"),
            **self._over,
        }

    def fails_on_change(self, policy: Mapping[str, Any] | None) -> bool:
        """Whether aggregations fail that the cluster changes beside, by a policy that is valid."""
        said: bool | None = (policy or {}).get(_FAILS_ON_CHANGE)
        return self._fails_on_change if said is None else said

    def _members(self, own: dict[str, Any], path: str) -> dict[str, Any]:
        members: dict[str, Any] = {}
        for key, value in own.items():
            if value is None:
                continue
            if key == "token":
                members["token"] = check_bytes(value, f"{path}['token']")
            elif key == _FAILS_ON_CHANGE:
                check_bool(value, f"{path}[{key!r}]")  # No server is told.
            elif key == "partition_filter":
                members.update(_partitions(value, f"{path}['partition_filter']"))
            else:
                number = _QUERY_REQUEST[key].check(value, f"{path}[{key!r}]")
                members[key] = bool(number) if key == "include_bin_data" else number
        return members


def _split(policy: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """What belongs to the request, and what to the policy struct."""
    own: dict[str, Any] = {}
    rest: dict[str, Any] = {}
    for key, value in (policy or {}).items():
        (own if key in _QUERY_REQUEST or key in _QUERY_OTHERS else rest)[key] = value
    return own, rest


def _partitions(given: Any, path: str) -> dict[str, Any]:
    if not isinstance(given, Mapping):
        raise wrong_type(path, "a dict", given)
    known = (*_PARTITION_FILTER, "digest")
    for key in given:
        if key not in known:
            raise unknown_key(path, key, "a partition filter", known)
    members: dict[str, Any] = {}
    if given.get("digest") is not None:
        digest = check_bytes(given["digest"], f"{path}['digest']")
        if len(digest) != _DIGEST_BYTES:
            raise InvalidArgError(
                f"{path}['digest'] must have {_DIGEST_BYTES} bytes, not {len(digest)}"
            )
        members["after"] = digest
    numbers = {
        key: rule.check(given[key], f"{path}[{key!r}]")
        for key, rule in _PARTITION_FILTER.items()
        if given.get(key) is not None
    }
    if numbers:
        first = _partition(members["after"]) if "after" in members else 0
        begin = numbers.get("begin", first)
        count = numbers.get("count", 1 if "begin" in numbers else _PARTITIONS)
        if begin + count > _PARTITIONS:
            raise InvalidArgError(
                f"{path}: there are partitions 0 to {_PARTITIONS - 1}; "
                f"{count} from {begin} are not among them"
            )
        members["partitions"] = (begin, count)
    return members


def _partition(digest: bytes) -> int:
    return int.from_bytes(digest[:2], "little") % _PARTITIONS


def read_policies(defaults: Any, command: int, *, over: Any = None) -> Policies:
    """The read policies of a client."""
    return Policies("read", command, _READ, defaults, over=over)


def _compares(*defaults: Any) -> bool:
    """Whether generations are compared, as the last says that says anything of it."""
    said = [
        each["gen"]
        for each in defaults
        if isinstance(each, Mapping) and each.get("gen") is not None
    ]
    return bool(said and said[-1])


def write_policies(
    defaults: Any, command: int, *, own: Any = None, own_kind: str = "", over: Any = None
) -> Policies:
    """The write policies of a client, or those of one kind of write, with defaults of its own."""
    kind = _ComparingPolicies if _compares(defaults, own) else Policies
    return kind("write", command, _WRITE, defaults, own=own, own_kind=own_kind, over=over)


def apply_policies(defaults: Any, command: int, *, own: Any = None, over: Any = None) -> Policies:
    """The policies of functions on one record: what they write is not compared with anything."""
    without = ("exists", "gen")
    return Policies(
        *("write", command, _WRITE, defaults),
        own=own,
        own_kind="apply",
        without=without,
        over=over,
    )


def operate_policies(defaults: Any, command: int, *, own: Any = None, over: Any = None) -> Policies:
    """The policies of a client's operations on one record, which may read and write."""
    kind = _ComparingPolicies if _compares(defaults, own) else Policies
    return kind("write", command, _OPERATE, defaults, own=own, own_kind="operate", over=over)


def batch_read_policies(
    defaults: Any, command: int, *, own: Any = None, over: Any = None
) -> Policies:
    """The policies of a client's batch reads."""
    return Policies(
        *("batch", command, _BATCH_READ, defaults),
        defaults_table=_BATCH_WRITE,
        own=own,
        own_kind="batch_read",
        over=over,
    )


def batch_write_policies(
    defaults: Any,
    command: int,
    *,
    own: Any = None,
    own_kind: str = "batch_write",
    over: Any = None,
) -> Policies:
    """The policies of a client's batches that write."""
    return Policies(
        *("batch", command, _BATCH_WRITE, defaults),
        is_explicit=True,
        own=own,
        own_kind=own_kind,
        over=over,
    )


def admin_policies(kind: str, defaults: Any, command: int) -> Policies:
    """The policies of a client's info or administration commands."""
    return Policies(kind, command, _ADMIN, defaults)


POLICY_KINDS = (
    *("read", "write", "operate", "remove", "apply"),
    *("batch", "batch_read", "batch_write", "batch_apply", "batch_remove"),
    *("query", "info", "admin"),
)
"""The sections of a configuration's policies. What operate, remove and apply do not say is as in
write, what a kind of batch does not say as in batch, and what info does not say as in admin."""

# By kind of batch: what its rows in a mixed one are, as `row_meta` has it.
_ROW_KINDS = {"batch_read": "read", "batch_apply": "apply", "batch_remove": "remove"}


class MakesStruct(Protocol):
    """Makes the struct for a call's policy, its metadata, and a time to live of its own."""

    def __call__(self, policy: Any = None, meta: Any = None, val: Any = None, /) -> Pointer:
        """As `Policies.struct`."""
        ...


class ClientPolicies:
    """The policies of one client: by kind, what makes the struct for a call's policy.

    Args:
        defaults: The configuration's "policies", not checked yet.
        converters: The configuration's "converters".
        over: By kind, what goes before them, and before the policies of calls.

    Raises:
        TypeError: A policy is not a dict.
        InvalidArgError: A key is unknown, or a value is not valid.
    """

    def __init__(
        self,
        defaults: Mapping[str, Any],
        converters: Sequence[Any] = (),
        over: Mapping[str, Mapping[str, Any]] | None = None,
    ) -> None:
        self._converters = converters
        self.converted_kinds: frozenset[type] = frozenset(each.kind for each in converters)
        """The types that have a converter, which goes first."""
        self._shapes: Shapes | None = None
        given = defaults.get
        over_of = (over or {}).get
        write, batch, admin = given("write"), given("batch"), given("admin")
        self._write = write_policies(write, lib.ASZ_PUT, over=over_of("write"))
        self.read: MakesStruct = read_policies(
            given("read"), lib.ASZ_GET, over=over_of("read")
        ).makes_struct
        self.write: MakesStruct = self._write.makes_struct
        self.operate: MakesStruct = operate_policies(
            write, lib.ASZ_OPERATE, own=given("operate"), over=over_of("operate")
        ).makes_struct
        self.remove: MakesStruct = write_policies(
            *(write, lib.ASZ_REMOVE), own=given("remove"), own_kind="remove", over=over_of("remove")
        ).makes_struct
        self.apply: MakesStruct = apply_policies(
            write, lib.ASZ_APPLY, own=given("apply"), over=over_of("apply")
        ).makes_struct
        self.batch_read: MakesStruct = batch_read_policies(
            batch, lib.ASZ_BATCH, own=given("batch_read"), over=over_of("batch_read")
        ).makes_struct
        # As single writes, batches that write are not repeated unless that is asked for.
        self.batch_write: MakesStruct
        self.batch_apply: MakesStruct
        self.batch_remove: MakesStruct
        self.batch_write, self.batch_apply, self.batch_remove = (
            batch_write_policies(
                *(batch, lib.ASZ_PUT), own=given(kind), own_kind=kind, over=over_of(kind)
            ).makes_struct
            for kind in ("batch_write", "batch_apply", "batch_remove")
        )
        self.batch_rows: dict[str, RowMeta | None] = {
            row: _row_defaults(row, {**(given(kind) or {}), **_row_keys(row, over_of(kind))})
            for kind, row in _ROW_KINDS.items()
            if given(kind) or _row_keys(row, over_of(kind))
        }
        """What rows of a mixed batch have by their kind, where that has defaults of its own."""
        self.query: QueryPolicies = QueryPolicies(given("query"), over_of("query"))
        own_info = given("info")
        section = "info" if own_info else "admin"
        self.info: MakesStruct = Policies(
            *("info", lib.ASZ_INFO, _ADMIN, None), own=own_info or admin, own_kind=section
        ).makes_struct
        self.admin: MakesStruct = admin_policies(
            "admin", admin, lib.ASZ_ADMIN_CREATE_USER
        ).makes_struct

    @property
    def shapes(self) -> "Shapes":
        """How objects are read and written."""
        if self._shapes is None:
            from ..objects import Shapes

            self._shapes = Shapes(self._converters)
        return self._shapes

    def convert(self, value: Any) -> Any:
        """What a value that no bin holds is stored as; the value itself where that is not known."""
        return self.shapes.stored(value)

    def bins_of(self, value: Any) -> dict[str, Any]:
        """The bins of an object."""
        return self.shapes.bins(value)

    def replace(self, other: "ClientPolicies") -> None:
        """Takes the policies of another one; commands that were asked for keep theirs."""
        vars(self).update(vars(other))

    def with_rest(self, policy: Any, rest: Any) -> Pointer:
        """The struct of a write with a filter more, None for none."""
        return self._write.struct(_joined(policy, self._write.filter, rest))


def _row_keys(row: str, given: Mapping[str, Any] | None) -> dict[str, Any]:
    """What a row of a batch may say for itself."""
    known = (*_ROWS[row], *_FILTERS)
    return {key: value for key, value in (given or {}).items() if key in known}


def _row_defaults(row: str, given: Mapping[str, Any]) -> RowMeta | None:
    return row_meta(row, None, _row_keys(row, given))
