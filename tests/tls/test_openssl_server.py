"""Handshakes with `openssl s_server`: every family of ciphers and keys, and what is refused.

It speaks TLS and nothing of Aerospike: it says what was agreed upon, and is ended then.
"""

import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from maker import Maker, pem_of
from terminator import NAME, tls_error

import aerospike_py
from aerospike_py.devserver import Authority

pytestmark = pytest.mark.skipif(not shutil.which("openssl"), reason="has no program of OpenSSL's")

Issued = tuple[bytes, bytes]


class Serving:
    """A server, on a port."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        self.agreed = ""
        self._stdin, self._stdout = process.stdin, process.stdout
        line = ""
        while not line.startswith("ACCEPT "):
            line = self._stdout.readline()
            assert line, "it did not start"
        self.port = int(line.rpartition(":")[2])
        self._thread = threading.Thread(target=self._listen)
        self._thread.start()

    def join(self) -> None:
        self._thread.join()

    def _listen(self) -> None:
        for line in self._stdout:
            if line.startswith("CIPHER is "):
                self.agreed = line.removeprefix("CIPHER is ").strip()
                self._stdin.write("Q\n")
                self._stdin.flush()


@contextmanager
def served(folder: Path, issued: Issued | None, *how: str) -> Iterator[Serving]:
    """One that shows a certificate, if it has one, with those between it and its authority."""
    command = ["openssl", "s_server", "-accept", "127.0.0.1:0", *how]
    if issued is not None:
        (folder / "cert.pem").write_bytes(issued[0])
        (folder / "key.pem").write_bytes(issued[1])
        command += ["-cert", "cert.pem", "-key", "key.pem", "-cert_chain", "cert.pem"]
    with subprocess.Popen(
        command,
        cwd=folder,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        serving = Serving(process)
        try:
            yield serving
        finally:
            process.kill()
            serving.join()


def config(port: int, ca: bytes, name: str | None = NAME, **tls: Any) -> dict[str, Any]:
    return {"hosts": [("127.0.0.1", port, name)], "tls": {"ca": ca, **tls}}


def agrees(settings: dict[str, Any]) -> None:
    """A client that comes through the handshake, and finds nobody to speak with there."""
    with pytest.raises(aerospike_py.ClusterError) as caught:
        aerospike_py.client(settings).connect()
    assert not isinstance(caught.value, aerospike_py.TLSError), caught.value


# Of the machine's OpenSSL.
ALLOWING_ALL = """
openssl_conf = all
[all]
ssl_conf = tls
[tls]
system_default = allowing
[allowing]
CipherString = ALL:aNULL:eNULL:@SECLEVEL=0
"""
CONNECTING = """
import sys
import aerospike_py
try:
    aerospike_py.client(eval(sys.stdin.read())).connect()
except aerospike_py.AerospikeError as error:
    print(type(error).__name__, error)
"""


@pytest.fixture(scope="module")
def makers() -> dict[str, tuple[Maker, Issued]]:
    """Of each kind of key an authority, and what it has issued."""
    made = {kind: Maker(kind) for kind in ("rsa", "ecdsa", "ed25519")}
    return {kind: (maker, maker.issue(NAME)) for kind, maker in made.items()}


@pytest.mark.parametrize(
    ("kind", "version", "cipher"),
    [
        ("ecdsa", "tls1_2", "ECDHE-ECDSA-AES128-GCM-SHA256"),
        ("ecdsa", "tls1_2", "ECDHE-ECDSA-AES256-GCM-SHA384"),
        ("ecdsa", "tls1_2", "ECDHE-ECDSA-CHACHA20-POLY1305"),
        ("ecdsa", "tls1_2", "ECDHE-ECDSA-AES256-SHA384"),
        ("ed25519", "tls1_2", "ECDHE-ECDSA-AES256-GCM-SHA384"),
        ("rsa", "tls1_2", "ECDHE-RSA-AES128-GCM-SHA256"),
        ("rsa", "tls1_2", "ECDHE-RSA-AES256-GCM-SHA384"),
        ("rsa", "tls1_2", "ECDHE-RSA-CHACHA20-POLY1305"),
        ("rsa", "tls1_2", "DHE-RSA-AES256-GCM-SHA384"),
        ("rsa", "tls1_2", "ECDHE-RSA-AES128-SHA"),
        ("rsa", "tls1_2", "AES256-GCM-SHA384"),
        ("ecdsa", "tls1_3", "TLS_AES_128_GCM_SHA256"),
        ("ecdsa", "tls1_3", "TLS_AES_256_GCM_SHA384"),
        ("rsa", "tls1_3", "TLS_CHACHA20_POLY1305_SHA256"),
        ("ed25519", "tls1_3", "TLS_AES_256_GCM_SHA384"),
    ],
)
def test_families_of_ciphers(
    makers: dict[str, tuple[Maker, Issued]], tmp_path: Path, kind: str, version: str, cipher: str
) -> None:
    maker, issued = makers[kind]
    option = "-cipher" if version == "tls1_2" else "-ciphersuites"
    with served(tmp_path, issued, f"-{version}", option, cipher) as serving:
        agrees(config(serving.port, maker.pem))
    assert serving.agreed == cipher


@pytest.mark.parametrize(
    ("issue", "wanted", "text"),
    [
        (lambda maker: maker.issue("*.cluster.example"), "n.cluster.example", None),
        (lambda maker: maker.issue(), "node", None),  # It lists no names, and is called that.
        (lambda maker: maker.issue(NAME), "node", "mismatch"),
        (lambda maker: maker.issue("other.example"), NAME, "mismatch"),
        (lambda maker: maker.issue(NAME), None, "mismatch"),
        (lambda maker: maker.issue(NAME, begins=-2, ends=-1), NAME, "expired"),
        (lambda maker: maker.issue(NAME, begins=1), NAME, "not yet valid"),
        (lambda maker: maker.issue(NAME, usage=ExtendedKeyUsageOID.CLIENT_AUTH), NAME, "purpose"),
        (lambda maker: maker.forge_by_a_leaf(NAME), NAME, "invalid CA"),
    ],
)
def test_certificates(
    makers: dict[str, tuple[Maker, Issued]],
    tmp_path: Path,
    issue: Callable[[Maker], Issued],
    wanted: str | None,
    text: str | None,
) -> None:
    maker, _ = makers["ecdsa"]
    with served(tmp_path, issue(maker)) as serving:
        settings = config(serving.port, maker.pem, wanted)
        if text is None:
            agrees(settings)
        else:
            assert text.lower() in str(tls_error(settings)).lower()
    assert bool(serving.agreed) == (text is None)


def test_nobody_is_spoken_with_who_shows_no_certificate(tmp_path: Path) -> None:
    everything = "ALL:aNULL:eNULL:@SECLEVEL=0"
    anonymous = ("-nocert", "-tls1_2", "-cipher", everything)
    with served(tmp_path, None, *anonymous) as serving:
        settings = config(serving.port, Authority().pem, cipher_suite=everything)
        assert "refuses" in str(tls_error(settings))
    assert serving.agreed == ""


def test_chains_addresses_and_revocation(tmp_path: Path) -> None:
    authority = Authority()
    below = authority.between()
    with served(tmp_path, below.issue("127.0.0.1")) as serving:
        agrees(config(serving.port, authority.pem, None))
    assert serving.agreed
    taken_back = below.issue(NAME)
    lists = authority.revocation_list() + below.revoke(taken_back)
    with served(tmp_path, taken_back) as serving:
        error = tls_error(config(serving.port, authority.pem + lists, crl_check_all=True))
    assert "revoked" in str(error)


@pytest.mark.parametrize("cipher", ["ADH-AES128-SHA256", "NULL-SHA256"])
def test_what_the_machines_configuration_allows_is_refused_after_all(
    tmp_path: Path, makers: dict[str, tuple[Maker, Issued]], cipher: str
) -> None:
    """Ciphers with which nobody shows a certificate, and with which nothing is encrypted."""
    maker, issued = makers["rsa"]
    allowing = tmp_path / "openssl.cnf"
    allowing.write_text(ALLOWING_ALL)
    how = ("-tls1_2", "-cipher", f"{cipher}:@SECLEVEL=0")
    with served(tmp_path, issued, *how) as serving:
        connecting = subprocess.run(
            [sys.executable, "-c", CONNECTING],
            input=repr(config(serving.port, maker.pem)),
            env=os.environ | {"OPENSSL_CONF": str(allowing)},
            capture_output=True,
            text=True,
        )
    assert connecting.stdout.startswith("TLSError no seed could be used: "), connecting.stderr
    assert f"TLS handshake: {cipher} does not encrypt, or has no node" in connecting.stdout
