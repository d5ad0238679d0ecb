"""`DevCluster`: a local cluster within the process."""

import socket
import threading
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Any, Literal

from .._validate import (
    check_bool,
    check_int,
    check_list,
    check_names,
    check_str,
    unknown_key,
    wrong_type,
)
from .._values import decode, encode
from ..exception import ClientError, InvalidArgError
from ..types import ClientConfig, TLSConfig
from . import _functions, _library
from ._controls import Controls
from ._library import Server
from .certificates import Authority, ServerTLS, given, made_on_the_spot

__all__ = ["DevCluster"]

_ADMIN = {
    "name": "admin",
    "password": "admin",
    "roles": ["user-admin", "sys-admin", "data-admin", "read-write-udf", "truncate"],
}


class DevCluster(Controls):
    """A local cluster of 1 to 128 nodes, in memory; nothing of it survives `stop`.

    Args:
        nodes: How many nodes.
        port: The first node's port, the others follow; 0: any free ports.
        host: The address to listen on, or a name of this machine such as "localhost".
        namespaces: Names, or dicts with "name" and, if need be, "default_ttl_s" (seconds a record
            lives when its write does not say; 0: for ever), "replication_factor",
            "record_bytes_max", "data_bytes_max" (0: no limit) and "strong_consistency" (True:
            partitions have regimes, and deletes have to be durable).
        replication_factor: Copies of a record, where the namespace does not say; never more than
            there are nodes.
        cluster_name: The name that clients may check.
        users: Dicts with "name", "password" and "roles"; any of them makes clients log in. With
            "external" True the user's password is checked as a directory does, which is told the
            password itself.
        security: True: clients log in, as "admin" with password "admin" if there are no users.
        session_ttl_s: Seconds that a login is good for.
        seed: Decides which node owns which partition.
        racks: The rack of each node; none: nodes know no racks.
        advertised: The address or name that the nodes tell clients, as behind a network address
            translation; "": the one that the client has connected to.
        alternate: The one that they tell clients with "use_services_alternate"; "": none.
        log_requests: True: a line on the standard error of the process for each request.
        compression: True: takes deflated requests, and deflates replies that are to be, as servers
            of the Enterprise Edition do.
        tls: True: connections have to use TLS, with certificates that are made on the spot by the
            package trustme, which the extra "tls" brings. A dict: with those that it has, in PEM
            format: "cert", "key", perhaps "ca", of which clients have to have theirs, and "name",
            what the nodes say they are called. `client_tls` is what clients need.
        mutual_tls: True: clients have to show a certificate, too. Users without a password log in
            by the name in theirs.
        allows_plain: True: with TLS, the ports take plain connections as well.
        server_version: The release of the server to answer as: "8.1", or "8.2", which has
            operations and expressions on strings, and says more of failures.

    Functions in Lua (UDF) run if the package lupa is installed, which the extra "lua" brings;
    what they log goes to the logger "aerospike_py.devserver".

    As a context manager it starts on entry and stops on exit. A node is named by its index.

    Raises:
        TypeError: An option is of a wrong type.
        InvalidArgError: A namespace or a user has an unknown member. `start` says what else is not
            valid.
    """

    def __init__(
        self,
        nodes: int = 1,
        port: int = 0,
        *,
        host: str = "127.0.0.1",
        namespaces: Sequence[str | Mapping[str, Any]] = ("test", "bar"),
        replication_factor: int = 2,
        cluster_name: str = "",
        users: Sequence[Mapping[str, Any]] = (),
        security: bool = False,
        session_ttl_s: int = 24 * 60 * 60,
        seed: int = 0,
        racks: Sequence[int] = (),
        advertised: str = "",
        alternate: str = "",
        log_requests: bool = False,
        compression: bool = False,
        tls: bool | Mapping[str, Any] = False,
        mutual_tls: bool = False,
        allows_plain: bool = False,
        server_version: str = "8.1",
    ) -> None:
        _check_options(
            numbers={"nodes": nodes, "port": port, "replication_factor": replication_factor}
            | {"session_ttl_s": session_ttl_s, "seed": seed},
            texts={"host": host, "cluster_name": cluster_name, "server_version": server_version}
            | {"advertised": advertised, "alternate": alternate},
            flags={"security": security, "log_requests": log_requests, "compression": compression}
            | {"mutual_tls": mutual_tls, "allows_plain": allows_plain},
        )
        # Where a client of this machine finds what listens on all addresses.
        self._host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104
        self._options: dict[str, Any] = {
            "nodes": nodes,
            "port": port,
            "address": numeric(host),
            "advertised": advertised,
            "alternate": alternate,
            "racks": [
                check_int(rack, f"racks[{index}]")
                for index, rack in enumerate(check_list(racks, "racks"))
            ],
            "log_requests": log_requests,
            "compression": compression,
            "namespaces": [
                {"replication_factor": replication_factor, **_namespace(each, index)}
                for index, each in enumerate(check_list(namespaces, "namespaces"))
            ],
            "cluster_name": cluster_name,
            "users": [_user(each, index) for index, each in enumerate(check_list(users, "users"))]
            or ([_ADMIN] if security else []),
            "session_ttl_s": session_ttl_s,
            "seed": seed,
            "server_version": server_version,
        }
        self._tls = _tls(tls, host, mutual_tls=mutual_tls, allows_plain=allows_plain)
        if self._tls is not None:
            # Python's own OpenSSL, if it has one, serves both sides.
            import ssl  # noqa: F401

            self._options["tls"] = self._tls.options
        self._lock = threading.Lock()
        self._server: Server | None = None
        self._ports: list[int] = []
        # Where announced peers are that never answer: its backlog fills up.
        self._silence: socket.socket | None = None

    def __repr__(self) -> str:
        count = self._options["nodes"]
        nodes = "1 node" if count == 1 else f"{count} nodes"
        state = f"ports {', '.join(map(str, self._ports))}" if self.is_running else "not started"
        return f"<DevCluster of {nodes} on {self._host}, {state}>"

    def start(self) -> "DevCluster":
        """Starts the nodes; does nothing when they are started.

        Returns:
            The cluster itself.

        Raises:
            InvalidArgError: An option is not valid.
            ClientError: A port is in use, or there is no such address.
        """
        with self._lock:
            if self._server is None:
                server = _library.start(encode(self._options))
                _library.set_runner(server, _functions.new_runner())
                self._ports = [
                    node["port"] for node in _run(server, {"command": "counters"})["nodes"]
                ]
                self._server = server
        return self

    def stop(self) -> None:
        """Stops the nodes and forgets all data; does nothing when they are stopped."""
        with self._lock:
            server, self._server = self._server, None
            if server is not None:
                _library.stop(server)
            silence, self._silence = self._silence, None
            if silence is not None:
                silence.close()

    def __enter__(self) -> "DevCluster":
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> Literal[False]:
        self.stop()
        return False

    @property
    def is_running(self) -> bool:
        """Whether it is started."""
        return self._server is not None

    @property
    def ports(self) -> list[int]:
        """The nodes' ports."""
        self._running()
        return list(self._ports)

    @property
    def port(self) -> int:
        """The first node's port."""
        return self.ports[0]

    @property
    def hosts(self) -> list[tuple[str, int]]:
        """The nodes' addresses, as a client's configuration takes them."""
        return [(self._host, port) for port in self.ports]

    @property
    def config(self) -> ClientConfig:
        """The configuration of a client of this cluster, without user and password."""
        if self._tls is None:
            return {"hosts": self.hosts}
        return {"hosts": self.hosts, "tls": self.client_tls}

    @property
    def client_tls(self) -> TLSConfig:
        """The configuration of TLS for a client of this cluster.

        Raises:
            ClientError: The cluster has no TLS.
        """
        if self._tls is None:
            raise ClientError("the dev server has no TLS: start it with tls=True")
        return self._tls.client.copy()

    @property
    def authority(self) -> Authority:
        """Who made the certificates of nodes and clients, and makes more.

        Raises:
            ClientError: They were not made on the spot.
        """
        if self._tls is None or self._tls.authority is None:
            raise ClientError("the dev server's certificates were not made on the spot")
        return self._tls.authority

    def control(self, command: str, **arguments: Any) -> dict[str, Any]:
        """Runs a control command by its name; the other methods do it for you.

        Raises:
            ClientError: The cluster is not started.
            InvalidArgError: The command or an argument is not valid.
        """
        given = {key: value for key, value in arguments.items() if value is not None}
        return _run(self._running(), {"command": command, **given})

    def announce_peers(self, count: int, host: str | None = None, port: int = 0) -> None:
        """Has the nodes announce peers that there are not.

        Args:
            count: How many; 0 takes them back, as does `clear_faults` for all nodes.
            host: Where they are to be found; None: where nobody answers.
            port: Their port, with a host.
        """
        if host is None:
            with self._lock:
                if self._silence is None:
                    self._silence = socket.create_server(("127.0.0.1", 0), backlog=1)
                host, port = self._silence.getsockname()
        self.control("announce_peers", count=count, address=host, port=port)

    def _running(self) -> Server:
        server = self._server
        if server is None:
            raise ClientError("the dev server is not started")
        return server


def _tls(
    tls: bool | Mapping[str, Any], host: str, *, mutual_tls: bool, allows_plain: bool
) -> ServerTLS | None:
    if tls is False:
        if mutual_tls or allows_plain:
            raise InvalidArgError("'mutual_tls' and 'allows_plain' are for a cluster with 'tls'")
        return None
    if tls is True:
        return made_on_the_spot(host, mutual=mutual_tls, allows_plain=allows_plain)
    if not isinstance(tls, Mapping):
        raise wrong_type("tls", "a bool or a dict", tls)
    for needed in ("cert", "key", *(["ca"] if mutual_tls else [])):
        if needed not in tls:
            raise InvalidArgError(f"tls has no {needed!r}")
    return given(tls, mutual=mutual_tls, allows_plain=allows_plain)


# Members of a namespace: what their values are.
_NAMESPACE = {
    "name": check_str,
    "strong_consistency": check_bool,
    **dict.fromkeys(
        ("default_ttl_s", "replication_factor", "record_bytes_max", "data_bytes_max"), check_int
    ),
}
_USER = {
    "name": check_str,
    "password": check_str,
    "roles": check_names,
    "external": check_bool,
}


def _check_options(
    numbers: Mapping[str, Any], texts: Mapping[str, Any], flags: Mapping[str, Any]
) -> None:
    for name, value in numbers.items():
        check_int(value, name)
    for name, value in texts.items():
        check_str(value, name)
    for name, value in flags.items():
        check_bool(value, name)


def _namespace(given: Any, index: int) -> dict[str, Any]:
    if isinstance(given, str):
        return {"name": given}
    return _members(given, f"namespaces[{index}]", "a namespace", _NAMESPACE, ("name",))


def _user(given: Any, index: int) -> dict[str, Any]:
    return _members(given, f"users[{index}]", "a user", _USER, ("name",))


def _members(
    given: Any, path: str, what: str, rules: Mapping[str, Any], needed: tuple[str, ...]
) -> dict[str, Any]:
    if not isinstance(given, Mapping):
        raise wrong_type(path, "a dict" if rules is _USER else "a str or a dict", given)
    for key, value in given.items():
        if key not in rules:
            raise unknown_key(path, key, what, rules)
        rules[key](value, f"{path}[{key!r}]")
    for key in needed:
        if key not in given:
            raise InvalidArgError(f"{path} has no {key!r}")
    return dict(given)


def numeric(host: str) -> str:
    """The address that a name stands for, IPv4 before IPv6."""
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return host  # What it is not is said when the server starts.
    return str(min(found, key=lambda each: each[0] != socket.AF_INET)[4][0])


def _run(server: Server, command: dict[str, Any]) -> dict[str, Any]:
    reply: dict[str, Any] = decode(_library.control(server, encode(command)))
    if not reply.pop("ok"):
        raise InvalidArgError(f"dev server: {reply['error']}")
    return reply
