"""The command line on a cluster with TLS: by options, by variables, and as whom."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
)

from aerospike_py._cli import main
from aerospike_py.devserver import DevCluster

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    def run_it(*words: str) -> tuple[int, str, str]:
        return main(words), *capsys.readouterr()

    return run_it


@pytest.fixture
def options(secured: DevCluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Of the user ada, whose key needs a password."""
    ada = secured.authority.issue("ada.dev", common_name="ada")
    key = load_pem_private_key(ada.key, None)
    locked = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"lock"))
    files = {"cafile": secured.authority.pem, "certfile": ada.cert, "keyfile": locked}
    words = ["--hosts", f"127.0.0.1:{secured.port}", "--tls-name", "node.dev"]
    for name, content in files.items():
        path = tmp_path / f"{name}.pem"
        path.write_bytes(content)
        words += [f"--tls-{name}", str(path)]
    monkeypatch.setenv("AEROSPIKE_KEYFILE_PW", "lock")
    return words


def test_by_certificate(run: Run, options: list[str]) -> None:
    status, shown, said = run("ping", "--json", "--auth", "pki", *options)
    assert (status, said, len(shown.splitlines())) == (0, "", 3)


def test_of_a_directory(
    run: Run, options: list[str], secured: DevCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AEROSPIKE_PASSWORD", "directory")
    monkeypatch.setenv("AEROSPIKE_AUTH", "external")
    status, shown, said = run("ping", "--json", "--user", "eve", *options)
    assert (status, said) == (0, "")
    told = {json.loads(line)["address"] for line in shown.splitlines()}
    assert told == {f"127.0.0.1:{port}" for _, port in secured.hosts}


def test_what_is_wrong_is_one_line(
    run: Run, options: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AEROSPIKE_KEYFILE_PW", "other")
    status, shown, said = run("ping", *options)
    assert (status, shown, said.count("\n")) == (1, "", 1)
    assert "TLSError: tls 'keyfile'" in said
    assert "keyfile_pw" in said
    # Nobody has said that the authority is to be trusted.
    status, shown, said = run("ping", "--tls", *options[:2])
    assert (status, shown, said.count("\n")) == (1, "", 1)
    assert "TLSError" in said
    assert "'cafile'" in said
