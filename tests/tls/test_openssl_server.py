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


# What this server would do for anybody.
LEVEL = ("-cipher", "ALL:@SECLEVEL=0")
LOWERED = {"cipher_suite": "ALL:@SECLEVEL=0"}
ADVICE = "the security level of OpenSSL asks for longer keys"


def test_keys_that_are_too_short_are_refused_unless_the_level_is_lowered(
    makers: dict[str, tuple[Maker, Issued]], tmp_path: Path
) -> None:
    short, (maker, issued) = Maker("short"), makers["rsa"]
    own = short.issue(NAME)
    for trusted, shown, named in (
        (
            short,
            signed(short, maker),
            "(/CN=authority short) is refused: CA certificate key too weak; ",
        ),
        (maker, signed(maker, short), "(/CN=node) is refused: EE certificate key too weak; "),
    ):
        with served(tmp_path, shown, *LEVEL) as serving:
            told = str(tls_error(config(serving.port, trusted.pem)))
        assert named + ADVICE in told
        with served(tmp_path, shown, *LEVEL) as serving:
            agrees(config(serving.port, trusted.pem, **LOWERED))
    with served(tmp_path, issued, "-Verify", "1", *LEVEL) as serving:
        mine = {"cert": own[0], "key": own[1]}
        told = str(tls_error(config(serving.port, maker.pem, **mine)))
        assert f"tls 'cert' is not accepted: ee key too small; {ADVICE}" in told
        agrees(config(serving.port, maker.pem, **mine, **LOWERED))


def signed(by: Maker, whose: Maker) -> Issued:
    """A certificate for a key of another kind."""
    key = whose.new_key()
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "node")])
    cert = by.sign(subject, key, x509.DNSName(NAME))
    return cert.public_bytes(Encoding.PEM), pem_of(key)


def test_signatures_that_are_too_old_are_refused(tmp_path: Path) -> None:
    """By SHA-1, which the program still makes."""

    def run(*arguments: str) -> None:
        subprocess.run(["openssl", *arguments], cwd=tmp_path, check=True, capture_output=True)

    new = ("req", "-nodes", "-newkey", "rsa:2048", "-keyout")
    run(*new, "ca.key", "-x509", "-subj", "/CN=authority", "-out", "ca.pem")
    run(*new, "node.key", "-subj", f"/CN={NAME}", "-out", "node.csr")
    made = ("x509", "-req", "-in", "node.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-set_serial")
    run(*made, "5", "-sha1", "-out", "node.pem")
    shown = (tmp_path / "node.pem").read_bytes(), (tmp_path / "node.key").read_bytes()
    authority = (tmp_path / "ca.pem").read_bytes()
    with served(tmp_path, shown, *LEVEL) as serving:
        told = str(tls_error(config(serving.port, authority)))
    assert f"({'/CN=' + NAME}) is refused: CA signature digest algorithm too weak; {ADVICE}" in told


@pytest.mark.parametrize(
    ("how", "wanted", "text"),
    [
        (("-tls1_1", *LEVEL), {}, "protocol version; compare the versions of TLS that it speaks"),
        (("-tls1_2",), {"min_version": "TLSv1.3"}, "version; compare the versions of TLS that it"),
        (("-tls1_3",), {"protocols": "TLSv1.2"}, "version; compare the versions of TLS that it"),
        (
            ("-tls1_2", "-cipher", "AES256-SHA"),
            {"cipher_suite": "ECDHE-RSA-AES128-GCM-SHA256"},
            "handshake failure; they may have no cipher in common",
        ),
        (("-tls1_2", "-Verify", "1"), {}, "or it asks for a certificate (tls 'certfile')"),
    ],
)
def test_what_two_cannot_agree_upon_is_told(
    makers: dict[str, tuple[Maker, Issued]],
    tmp_path: Path,
    how: tuple[str, ...],
    wanted: dict[str, Any],
    text: str,
) -> None:
    maker, issued = makers["rsa"]
    with served(tmp_path, issued, *how) as serving:
        told = str(tls_error(config(serving.port, maker.pem, **wanted)))
    assert text in told
    assert "speak TLS?" not in told
    assert serving.agreed == ""


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


def test_the_authorities_between_are_shown_by_who_has_a_certificate_of_theirs(
    tmp_path: Path,
) -> None:
    """All that are in its file, as the server only knows the first one."""
    authority, nodes = Authority(), Authority()
    (tmp_path / "clients.pem").write_bytes(authority.pem)
    asking = ("-Verify", "5", "-verify_return_error", "-CAfile", "clients.pem")
    own = authority.between().between().issue("client.example")
    leaf = own.cert[: own.cert.index(b"-----END CERTIFICATE-----") + 26]
    with served(tmp_path, nodes.issue(NAME), "-tls1_2", *asking) as serving:
        told = str(tls_error(config(serving.port, nodes.pem, cert=leaf, key=own.key)))
        assert "the node refuses: tlsv1 alert unknown ca" in told
    with served(tmp_path, nodes.issue(NAME), "-tls1_2", *asking) as serving:
        agrees(config(serving.port, nodes.pem, cert=own.cert, key=own.key))
    assert serving.agreed


def test_an_authority_between_that_is_revoked_is_refused_where_all_are_looked_for(
    tmp_path: Path,
) -> None:
    authority = Authority()
    below = authority.between()
    shown = below.issue(NAME)
    trusted = authority.pem + authority.revoke(shown._replace(cert=below.pem))
    trusted += below.revocation_list()
    with served(tmp_path, shown) as serving:
        agrees(config(serving.port, trusted, crl_check=True))
    with served(tmp_path, shown) as serving:
        assert "revoked" in str(tls_error(config(serving.port, trusted, crl_check_all=True)))


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
