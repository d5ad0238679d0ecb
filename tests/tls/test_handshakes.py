"""Handshakes with a server of another hand: versions, keys, chains, and what is refused."""

import os
import ssl
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID
from maker import Maker
from terminator import tls_error, tls_in_front_of

import aerospike_py
from aerospike_py.devserver import Authority, DevCluster


@pytest.fixture(scope="module")
def maker() -> Maker:
    return Maker()


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority()


def config(port: int, ca: bytes, name: str | None = "node.example", **tls: Any) -> dict[str, Any]:
    return {"hosts": [("127.0.0.1", port, name)], "tls": {"ca": ca, **tls}}


def reaches_the_node(settings: dict[str, Any]) -> bool:
    """Whether the handshake succeeds: the node behind the port has no TLS, and says so then."""
    try:
        aerospike_py.client(settings).connect()
    except aerospike_py.TLSError:
        raise
    except aerospike_py.ClusterError as error:
        return "the list of peers is invalid" in str(error)
    return True


@pytest.mark.parametrize("kind", ["rsa", "ecdsa", "ed25519"])
@pytest.mark.parametrize("version", ["TLSv1_2", "TLSv1_3"])
def test_versions_and_kinds_of_keys(plain: DevCluster, kind: str, version: str) -> None:
    def set_up(context: ssl.SSLContext) -> None:
        context.minimum_version = context.maximum_version = ssl.TLSVersion[version]

    maker = Maker(kind)
    cert, key = maker.issue("node.example")
    with tls_in_front_of(plain.port, cert, key, set_up) as port:
        assert reaches_the_node(config(port, maker.pem))
        other = "-all +TLSv1.3" if version == "TLSv1_2" else "-all +TLSv1.2"
        error = tls_error(config(port, maker.pem, protocols=other))
        assert "version" in str(error)


# Of OpenSSL, for all programs of a machine.
SYSTEMS = """
openssl_conf = openssl
[openssl]
ssl_conf = ssl
[ssl]
system_default = all
[all]
MinProtocol = TLSv1.3
"""
CONNECTING = """
import sys, aerospike_py
try:
    aerospike_py.client(eval(sys.stdin.read())).connect()
except aerospike_py.AerospikeError as error:
    print(error)
"""


def test_what_the_system_does_not_allow_is_not_spoken(
    plain: DevCluster, maker: Maker, tmp_path: Path
) -> None:
    def set_up(context: ssl.SSLContext) -> None:
        context.maximum_version = ssl.TLSVersion.TLSv1_2

    path = tmp_path / "openssl.cnf"
    path.write_text(SYSTEMS)

    def outcome(settings: dict[str, Any]) -> str:
        return subprocess.run(
            [sys.executable, "-c", CONNECTING],
            input=repr(settings),
            env=os.environ | {"OPENSSL_CONF": str(path)},
            capture_output=True,
            text=True,
        ).stdout

    with tls_in_front_of(plain.port, *maker.issue("node.example"), set_up) as port:
        assert "version" in outcome(config(port, maker.pem))
        told = outcome(config(port, maker.pem, protocols="TLSv1.2"))
        assert "the configuration of OpenSSL on this machine begins with a newer one" in told


@pytest.mark.parametrize(
    "ciphers",
    ["ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-ECDSA-CHACHA20-POLY1305"],
)
def test_ciphers_of_tls_1_2(plain: DevCluster, maker: Maker, ciphers: str) -> None:
    cert, key = maker.issue("node.example")
    chosen = []

    def set_up(context: ssl.SSLContext) -> None:
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        context.sni_callback = lambda sock, name, _: chosen.append(name)

    with tls_in_front_of(plain.port, cert, key, set_up) as port:
        assert reaches_the_node(config(port, maker.pem, cipher_suite=ciphers))
        assert chosen == ["node.example"]
        assert "refuses" in str(tls_error(config(port, maker.pem, cipher_suite="AES128-SHA")))


def test_chains_with_an_authority_between(plain: DevCluster, authority: Authority) -> None:
    below = authority.between()
    cert, key = below.issue("node.example")
    with tls_in_front_of(plain.port, cert, key) as port:
        assert reaches_the_node(config(port, authority.pem))
    leaf_alone = cert[: cert.index(b"-----END CERTIFICATE-----") + 26]
    with tls_in_front_of(plain.port, leaf_alone, key) as port:
        tls_error(config(port, authority.pem))


@pytest.mark.parametrize(
    ("names", "wanted", "is_right"),
    [
        (["node.example"], "node.example", True),
        (["node.example"], "NODE.example", True),
        (["*.cluster.example"], "node.cluster.example", True),
        (["*.cluster.example"], "a.node.cluster.example", False),
        (["n*.cluster.example"], "node.cluster.example", False),
        (["*.example"], "node.example", False),
        (["127.0.0.1"], "127.0.0.1", True),
        (["127.0.0.1"], None, True),
        (["127.0.0.2"], None, False),
        (["localhost"], None, False),
        (["other.example"], "node.example", False),
    ],
)
def test_names(
    plain: DevCluster, authority: Authority, names: list[str], wanted: str | None, is_right: bool
) -> None:
    try:
        cert, key = authority.issue(*names)
    except ValueError:  # Not a name that this authority gives.
        maker = Maker()
        cert, key = maker.issue(*names)
        ca = maker.pem
    else:
        ca = authority.pem
    with tls_in_front_of(plain.port, cert, key) as port:
        settings = config(port, ca, wanted)
        if is_right:
            assert reaches_the_node(settings)
        else:
            assert "mismatch" in str(tls_error(settings)).lower()


@pytest.mark.parametrize(
    ("how", "text"),
    [
        ({"ends": -0.5, "begins": -2}, "expired"),
        ({"begins": 1}, "not yet valid"),
        ({"usage": ExtendedKeyUsageOID.CLIENT_AUTH}, "purpose"),
    ],
)
def test_what_is_not_valid_is_refused(
    plain: DevCluster, maker: Maker, how: dict[str, Any], text: str
) -> None:
    cert, key = maker.issue("node.example", **how)
    with tls_in_front_of(plain.port, cert, key) as port:
        error = tls_error(config(port, maker.pem))
        assert text in str(error)
        assert "/CN=node" in str(error)


def test_a_leaf_is_no_authority(plain: DevCluster, maker: Maker) -> None:
    cert, key = maker.forge_by_a_leaf("node.example")
    with tls_in_front_of(plain.port, cert, key) as port:
        assert "invalid CA" in str(tls_error(config(port, maker.pem)))


def test_more_certificates_than_are_taken_are_no_other_protocol(
    plain: DevCluster, maker: Maker
) -> None:
    # One as large as a chain must not be.
    cert, key = maker.issue(*(f"{number}.of.a.long.list.example" for number in range(4000)))
    with tls_in_front_of(plain.port, cert, key) as port:
        error = str(tls_error(config(port, maker.pem)))
    assert "the node sends too much: excessive message size; a chain of certificates" in error
    assert "speak TLS" not in error


def test_revoked_certificates_are_refused_where_lists_are_looked_in(
    plain: DevCluster, authority: Authority
) -> None:
    good, bad = authority.issue("node.example"), authority.issue("node.example")
    revocations = authority.revoke(bad)
    with tls_in_front_of(plain.port, *bad) as port:
        assert reaches_the_node(config(port, authority.pem + revocations))
        checked = config(port, authority.pem + revocations, crl_check=True)
        assert "revoked" in str(tls_error(checked))
        without = config(port, authority.pem, crl_check=True)
        assert "needs a revocation list" in str(tls_error(without))
    with tls_in_front_of(plain.port, *good) as port:
        checked = config(port, authority.pem + revocations, crl_check_all=True)
        assert reaches_the_node(checked)


def test_blacklisted_certificates_are_refused(
    plain: DevCluster, authority: Authority, write: Callable[[str, bytes], str]
) -> None:
    cert, key = authority.issue("node.example")
    serial = x509.load_pem_x509_certificate(cert).serial_number
    listed = write("listed", f"# taken back\n{serial:x}\n".encode())
    others = write("others", f"{serial:X} /CN=somebody else\nAB12\n".encode())
    with tls_in_front_of(plain.port, cert, key) as port:
        assert reaches_the_node(config(port, authority.pem, cert_blacklist=others))
        error = tls_error(config(port, authority.pem, cert_blacklist=listed))
        assert "cert_blacklist" in str(error)


def test_secrets_of_sessions_are_written_where_wanted_for_the_owner_alone(
    plain: DevCluster, authority: Authority, tmp_path: Path
) -> None:
    path = tmp_path / "keys"
    cert, key = authority.issue("node.example")
    with tls_in_front_of(plain.port, cert, key) as port:
        assert reaches_the_node(config(port, authority.pem, keylog_file=path))
    assert "CLIENT_TRAFFIC_SECRET_0" in path.read_text()
    if sys.platform != "win32":
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
