"""The official client on the dev server over TLS, mutual TLS and by certificate: an oracle of both.

It is a process of its own: it reads its certificates from files, and has an OpenSSL of its own.
"""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import aerospike_py
from aerospike_py.devserver import DevCluster

pytest.importorskip("aerospike")

SCRIPT = """
import json, sys, aerospike
given = json.loads(sys.argv[1])
config = {"hosts": [tuple(host) for host in given["hosts"]], "tls": given["tls"]}
if given["mode"]:
    config["policies"] = {"auth_mode": getattr(aerospike, given["mode"])}
if given["login"]:
    config["user"], config["password"] = given["login"]
client = aerospike.client(config)
client.connect()
client.put(("test", "official", "theirs"), {"n": 1})
print(len(client.get_nodes()), client.get(("test", "official", "ours"))[2]["n"])
client.close()
"""


def run_theirs(
    cluster: DevCluster, folder: Path, own: Any, mode: str = "", login: tuple[str, ...] = ()
) -> str:
    (folder / "ca.pem").write_bytes(cluster.authority.pem)
    tls = {"enable": True, "cafile": str(folder / "ca.pem")}
    if own is not None:
        (folder / "cert.pem").write_bytes(own.cert)
        (folder / "key.pem").write_bytes(own.key)
        tls |= {"certfile": str(folder / "cert.pem"), "keyfile": str(folder / "key.pem")}
    hosts = [(host, port, "node.dev") for host, port in cluster.hosts]
    given = {"hosts": hosts, "tls": tls, "mode": mode, "login": login}
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", SCRIPT, json.dumps(given)],
        capture_output=True,
        text=True,
        timeout=50,
    )
    return done.stdout + done.stderr[-300:]


def test_over_tls(mixed: DevCluster, tmp_path: Path) -> None:
    config = {**mixed.config, "user": "ada", "password": "secret"}
    with aerospike_py.client(config).connect() as ours:
        ours.put(("test", "official", "ours"), {"n": 7})
        assert run_theirs(mixed, tmp_path, None, login=("ada", "secret")) == "2 7\n"
        assert ours.get(("test", "official", "theirs")).bins == {"n": 1}


def test_by_certificate(secured: DevCluster, tmp_path: Path) -> None:
    ada = secured.authority.issue("ada.dev", common_name="ada")
    tls = secured.client_tls | ada._asdict()
    config = secured.config | {"tls": tls, "auth_mode": aerospike_py.AUTH_PKI}
    with aerospike_py.client(config).connect() as ours:
        ours.put(("test", "official", "ours"), {"n": 8})
        assert run_theirs(secured, tmp_path, ada, "AUTH_PKI") == "3 8\n"
        assert ours.get(("test", "official", "theirs")).bins == {"n": 1}


def test_of_a_directory(secured: DevCluster, tmp_path: Path) -> None:
    own = secured.authority.issue("any.dev", common_name="any")
    config = {**secured.config, "user": "ada", "password": "secret"}
    with aerospike_py.client(config).connect() as ours:
        ours.put(("test", "official", "ours"), {"n": 9})
    login = ("eve", "directory")
    assert run_theirs(secured, tmp_path, own, "AUTH_EXTERNAL", login) == "3 9\n"
