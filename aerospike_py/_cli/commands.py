"""The commands: each takes a connected client and its arguments, writes, and returns a status."""

import sys
from argparse import Namespace
from time import perf_counter
from typing import Any

from .. import constants, exp, predicates
from .._expression_types import check_filter
from .._validate import at
from ..client import Client
from ..exception import AerospikeError, InvalidArgError, InvalidNamespace, RecordNotFound
from ..types import NodeInfo, QueryPolicy, Record, WriteMeta, WritePolicy
from .notation import NotationError, dumps, loads, plain, printable
from .output import Output

KEY_TYPES = ("str", "int", "bytes", "digest")
COLLECTIONS = {
    "list": constants.INDEX_TYPE_LIST,
    "keys": constants.INDEX_TYPE_MAPKEYS,
    "values": constants.INDEX_TYPE_MAPVALUES,
}

_NODE = ("node", False)


def ping(client: Client, options: Namespace, output: Output) -> int:
    """1 when a node does not answer."""
    rows = [_asked(client, node) for node in client.nodes()]
    output.table([_NODE, ("address", False), ("build", False), ("ms", True)], rows)
    return int(any(row["ms"] is None for row in rows))


def _asked(client: Client, node: NodeInfo) -> dict[str, Any]:
    known = {"node": node.name, "address": node.address}
    try:
        start = perf_counter()
        build = client.info_node("build", node.name)
        elapsed_ms = round(1000 * (perf_counter() - start), 2)
    except AerospikeError as error:
        print(f"{node.name}: {printable(str(error))}", file=sys.stderr)
        return {**known, "build": None, "ms": None}
    return {**known, "build": build, "ms": elapsed_ms}


def info(client: Client, options: Namespace, output: Output) -> int:
    """1 when a node refuses or does not answer."""
    if options.node:
        answers = [(options.node, 0, client.info_node(options.question, options.node))]
    else:
        answers = sorted(client.info_all(options.question))
    for node, code, answer in answers:
        if code:
            print(f"{node}: {printable(answer)} (result code {code})", file=sys.stderr)
            continue
        parts = [part for part in answer.split(";") if part] if options.lines else [answer]
        for part in parts:
            output.write(f"{node}  {printable(part)}", {"node": node, "answer": part})
    return int(any(code for _, code, _ in answers))


def _statistics(client: Client, question: str) -> list[dict[str, str]]:
    """What each node says of something, as dicts."""
    found = []
    for node, code, answer in client.info_all(question):
        if code:
            raise AerospikeError(answer, result_code=code, node=node)
        members = (member.partition("=") for member in answer.split(";"))
        found.append({name: value for name, _, value in members})
    return found


def _sum(nodes: list[dict[str, str]], *names: str) -> int | None:
    """The sum over nodes of the first of the names that there is."""
    for name in names:
        if name in nodes[0]:
            return sum(int(node.get(name, 0)) for node in nodes)
    return None


def namespaces(client: Client, options: Namespace, output: Output) -> int:
    """All namespaces, and what is in them."""
    rows = []
    for name in sorted(client.info_random_node("namespaces").split(";")):
        nodes = _statistics(client, f"namespace/{name}")
        rows.append(
            {
                "namespace": name,
                "records": _sum(nodes, "master_objects"),
                "copies": int(nodes[0].get("effective_replication_factor", 1)),
                "bytes": _sum(nodes, "data_used_bytes", "memory_used_bytes"),
                "stop_writes": any(node.get("stop_writes") == "true" for node in nodes),
            }
        )
    numbers = [(name, True) for name in ("records", "copies", "bytes")]
    output.table([("namespace", False), *numbers, ("stop_writes", False)], rows)
    return 0


def sets(client: Client, options: Namespace, output: Output) -> int:
    """The sets of a namespace."""
    nodes = _statistics(client, f"namespace/{options.namespace}")
    if "objects" not in nodes[0]:
        raise InvalidNamespace(f"there is no namespace {options.namespace!r}", result_code=20)
    copies = int(nodes[0].get("effective_replication_factor", 1))
    totals = set_totals(client, options.namespace)
    rows = [
        {"set": name, "records": -(-objects // copies), "bytes": used}
        for name, (objects, used) in sorted(totals.items())
    ]
    output.table([("set", False), ("records", True), ("bytes", True)], rows)
    return 0


def set_totals(client: Client, namespace: str) -> dict[str, tuple[int, int]]:
    """Copies of records and their bytes in all nodes, by the name of the set."""
    totals: dict[str, tuple[int, int]] = {}
    for _, _, answer in client.info_all(f"sets/{namespace}"):
        for part in filter(None, answer.split(";")):
            about = dict(member.partition("=")[::2] for member in part.split(":"))
            if "set" in about:
                objects, used = totals.get(about["set"], (0, 0))
                used += int(about.get("data_used_bytes", 0))
                totals[about["set"]] = (objects + int(about.get("objects", 0)), used)
    return totals


def _key(options: Namespace) -> tuple[Any, ...]:
    """The key that the arguments say."""
    kind, text = options.key_type, options.key
    place = (options.namespace, options.set)
    try:
        if kind == "str":
            return (*place, text)
        if kind == "int":
            return (*place, int(text))
        content = bytes.fromhex(text)
    except ValueError:
        wanted = "a number" if kind == "int" else "in hexadecimal"
        raise NotationError(f"the key {printable(text)!r} is not {wanted}") from None
    return (*place, content) if kind == "bytes" else (*place, None, content)


def _document(record: Record) -> dict[str, Any]:
    """A record as plain JSON."""
    namespace, set_name, user_key, digest = record.key or ("", "", None, b"")
    return {
        "namespace": namespace,
        "set": set_name,
        "key": plain(user_key),
        "digest": digest.hex(),
        "gen": record.meta.gen if record.meta else None,
        "ttl": record.ttl,
        "bins": {name: plain(value) for name, value in (record.bins or {}).items()},
    }


def get(client: Client, options: Namespace, output: Output) -> int:
    """One record."""
    key: Any = _key(options)
    try:
        names = _names(options)
        record = client.select(key, names) if names else client.get(key)
    except RecordNotFound as error:
        if options.key_type == "str" and options.key.lstrip("-").isdigit():
            error.message += "; the key was taken as text, --key-type int takes it as a number"
        raise
    document = _document(record)
    if output.is_json:
        output.write("", document)
        return 0
    ttl = "never expires" if document["ttl"] is None else f"{document['ttl']} s to live"
    output.write(f"generation {document['gen']}, {ttl}", None)
    bins = [(printable(name), dumps(value)) for name, value in document["bins"].items()]
    width = max((len(name) for name, _ in bins), default=0)
    for name, value in bins:
        output.write(f"{name:<{width}}  {value}", None)
    return 0


def _names(options: Namespace) -> list[str]:
    """The bins that are to be read; none: all."""
    return [name.strip() for name in options.bins.split(",")] if options.bins else []


def put(client: Client, options: Namespace, output: Output) -> int:
    """Writes bins."""
    policy: WritePolicy = {}
    meta: WriteMeta = {}
    if options.create:
        policy["exists"] = constants.POLICY_EXISTS_CREATE_ONLY
    elif options.update:
        policy["exists"] = constants.POLICY_EXISTS_UPDATE_ONLY
    elif options.replace:
        policy["exists"] = constants.POLICY_EXISTS_REPLACE
    if options.send_key:
        policy["key"] = constants.POLICY_KEY_SEND
    if options.ttl is not None:
        meta["ttl"] = options.ttl
    key: Any = _key(options)
    client.put(key, _bins(options.bins), meta, policy)
    output.write("written", {"written": True})
    return 0


def _bins(words: list[str]) -> dict[str, Any]:
    """What is to be written, by the names of bins."""
    if words == ["-"]:
        given = loads(sys.stdin.read())
        if not isinstance(given, dict):
            raise NotationError("what is read is to be a JSON object, bins by their names")
        return given
    bins: dict[str, Any] = {}
    for word in words:
        name, equals, value = word.partition("=")
        if not equals:
            raise NotationError(f"{printable(word)!r} is neither name=text nor name:=JSON")
        if name.endswith(":"):
            bins[name[:-1]] = loads(value)
        else:
            bins[name] = value
    return bins


def remove(client: Client, options: Namespace, output: Output) -> int:
    """Removes one record."""
    key: Any = _key(options)
    client.remove(key)
    output.write("removed", {"removed": True})
    return 0


def _index_value(text: str) -> int | str:
    """A number, text in quotes, or else the text itself."""
    try:
        value = loads(text)
    except NotationError:
        return text
    return value if type(value) in (int, str) else text


def _index_number(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise NotationError(f"{printable(text)!r} is no whole number") from None


def _predicate(options: Namespace) -> predicates.Predicate | None:
    if options.equals:
        name, text = options.equals
        return predicates.equals(name, _index_value(text))
    if options.between:
        name, low, high = options.between
        return predicates.between(name, _index_number(low), _index_number(high))
    if options.contains:
        kind, name, text = options.contains
        if kind not in COLLECTIONS:
            raise InvalidArgError(
                f"KIND of --contains is one of {', '.join(COLLECTIONS)}, not {printable(kind)!r}"
            )
        return predicates.contains(name, COLLECTIONS[kind], _index_value(text))
    return None


def _filter(text: str) -> str:
    try:
        check_filter(exp.parse(text))
    except InvalidArgError as error:
        raise at("--filter", error, "expression") from None
    return text


def query(client: Client, options: Namespace, output: Output) -> int:
    """The records of a set, as they come."""
    asked = client.query(options.namespace, options.set)
    asked.select(*_names(options))
    predicate = _predicate(options)
    if predicate is not None:
        asked.where(predicate)
    policy: QueryPolicy = {"max_records": options.limit}
    if options.filter:
        policy["expressions"] = _filter(options.filter)
    if options.count:
        policy["include_bin_data"] = False
    count = 0
    with asked.records(policy) as records:
        for record in records:
            count += 1
            if not options.count:
                document = _document(record)
                output.write(_line(document), document)
    if options.count:
        output.write(str(count), {"count": count})
    return 0


def _line(document: dict[str, Any]) -> str:
    """A record on a line: its key, or else its digest, and its bins."""
    key = document["key"]
    named = document["digest"] if key is None else dumps(key)
    return f"{named}  {dumps(document['bins'])}"


def truncate(client: Client, options: Namespace, output: Output) -> int:
    """Removes all records of a set, once that was confirmed."""
    place = f"{options.namespace}.{options.set}" if options.set else options.namespace
    if not options.yes and not _confirmed(f"Remove all records of {printable(place)}?"):
        print("nothing was removed", file=sys.stderr)
        return 1
    client.truncate(options.namespace, options.set)
    output.write("truncated", {"truncated": True})
    return 0


def _confirmed(question: str) -> bool:
    if not sys.stdin.isatty():
        raise InvalidArgError("nobody is there to be asked; --yes removes without asking")
    print(f"{question} [y/N] ", end="", file=sys.stderr, flush=True)
    return sys.stdin.readline().strip().lower() in ("y", "yes")
