"""Client configurations: what is accepted, what becomes of it, and what is refused."""

import subprocess
import sys
from base64 import b64encode
from pathlib import Path
from typing import Any

import msgspec
import pytest
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

import aerospike_py
from aerospike_py import ClientError, InvalidArgError, _native
from aerospike_py._config import Config
from aerospike_py._values import encode
from aerospike_py.devserver import Authority

HOSTS = [("127.0.0.1", 3000)]


def core_settings(config: dict[str, Any], *credentials: Any) -> dict[str, Any]:
    """What the core is told."""
    settings: dict[str, Any] = msgspec.msgpack.decode(Config(config).encode(*credentials))
    assert settings.pop("user_agent") == f"aerospike_py-{aerospike_py.__version__}"
    return settings


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        (("10.0.0.1", 18710), ["10.0.0.1", 18710]),
        (["10.0.0.1", 18710], ["10.0.0.1", 18710]),
        (("db.example", 3000, "tls"), ["db.example", 3000, "tls"]),
        (("db.example", 3000, None), ["db.example", 3000]),
        ("db.example", ["db.example", 3000]),
        ("db.example:4000", ["db.example", 4000]),
        ("10.0.0.1:4000", ["10.0.0.1", 4000]),
        ("[::1]:4000", ["::1", 4000]),
        ("[::1]", ["::1", 3000]),
        ("fe80::1", ["fe80::1", 3000]),
        (("::1", 4000), ["::1", 4000]),
        (("[::1]", 4000), ["::1", 4000]),
    ],
)
def test_forms_of_hosts(host: Any, expected: list[Any]) -> None:
    assert core_settings({"hosts": [host]}) == {"hosts": [expected]}


@pytest.mark.parametrize(
    "hosts",
    [
        "127.0.0.1:3000",
        ("127.0.0.1", 3000),
        {"127.0.0.1": 3000},
        5,
        [5],
        [b"127.0.0.1"],
        [()],
        [("127.0.0.1",)],
        [("127.0.0.1", 3000, "tls", 1)],
        [("127.0.0.1", 3000, "tls name")],
        [("127.0.0.1", 3000, "tls\0name")],
        ["local\0host"],
        [("127.0.0.1", "3000")],
        [("127.0.0.1", 0)],
        [("127.0.0.1", 65536)],
        [("127.0.0.1", True)],
        [("127.0.0.1", 3000.0)],
        [("", 3000)],
        [(None, 3000)],
        [(5, 3000)],
        [("127.0.0.1", 3000, 5)],
        [""],
        [":3000"],
        ["host:"],
        ["host:port"],
        ["host:0"],
        ["host:65536"],
        ["host:-1"],
        ["host:٣"],
        ["host:" + "9" * 5000],
        ["[::1"],
        ["[::1]3000"],
        ["[]:3000"],
    ],
)
def test_what_is_no_host_is_refused_when_the_client_is_made(hosts: Any) -> None:
    with pytest.raises((InvalidArgError, TypeError), match=r"config\['hosts'\]"):
        aerospike_py.client({"hosts": hosts})


@pytest.mark.parametrize("config", [{}, {"hosts": []}, {"hosts": None}])
def test_missing_hosts_are_refused_when_connecting(config: Any) -> None:
    client = aerospike_py.client(config)
    with pytest.raises(InvalidArgError, match="hosts"):
        client.connect()


def test_every_key_reaches_the_core_under_its_name() -> None:
    config = {
        "hosts": HOSTS,
        "cluster_name": "docker",
        "auth_mode": aerospike_py.AUTH_EXTERNAL,
        "user": "admin",
        "password": "secret",
        "timeout": 30000,
        "login_timeout": 1,
        "idle_timeout": 55000,
        "max_conns_per_node": 300,
        "min_conns_per_node": 2,
        "tend_interval": 500,
        "use_services_alternate": True,
        "max_error_rate": 5,
        "error_rate_window": 2,
        "rack_aware": True,
        "rack_ids": (3, 1),
        "ip_map": {"10.0.0.1": "127.0.0.1"},
        "app_id": "shop",
    }
    assert core_settings(config) == {
        **config,
        "hosts": [["127.0.0.1", 3000]],
        "rack_ids": [3, 1],
    }


def test_keys_of_python_alone_do_not_reach_the_core() -> None:
    config = {
        "hosts": HOSTS,
        "policies": {"read": {}},
        "max_concurrent_operations": 5,
        "operation_queue_timeout_ms": 5,
        "coalesce": False,
    }
    assert list(core_settings(config)) == ["hosts"]


def test_one_rack() -> None:
    settings = core_settings({"hosts": HOSTS, "rack_id": 4})
    assert (settings["rack_ids"], settings["rack_aware"]) == ([4], True)
    with pytest.raises(InvalidArgError, match="rack_id"):
        Config({"rack_id": 1, "rack_ids": [2]})


def test_none_means_not_given() -> None:
    config = {"hosts": HOSTS, "cluster_name": None, "user": None, "password": None, "tls": None}
    assert list(core_settings(config)) == ["hosts"]


@pytest.mark.parametrize("config", [None, [], "hosts", 5, [("hosts", HOSTS)]])
def test_a_configuration_is_a_dict(config: Any) -> None:
    with pytest.raises(TypeError, match="config must be a dict"):
        aerospike_py.client(config)


@pytest.mark.parametrize(
    ("key", "near"),
    [
        ("host", "hosts"),
        ("clustername", "cluster_name"),
        ("max_connections_per_node", "max_conns_per_node"),
        ("tend_intervall", "tend_interval"),
    ],
)
def test_unknown_keys_are_named_with_the_nearest(key: Any, near: str) -> None:
    with pytest.raises(
        InvalidArgError, match=f"configuration has .* did you mean '{near}'"
    ) as caught:
        aerospike_py.client({"hosts": HOSTS, key: 1})
    assert f"config[{key!r}]" in str(caught.value)


def test_what_is_near_to_no_key_is_shown_all_of_them() -> None:
    with pytest.raises(InvalidArgError, match=r"config\[7\].*there are hosts, .*rack_id"):
        aerospike_py.client({"hosts": HOSTS, 7: 1})  # type: ignore[dict-item]


@pytest.mark.parametrize(
    "setting",
    [
        {"timeout": "1000"},
        {"timeout": 1.5},
        {"timeout": True},
        {"timeout": -1},
        {"timeout": 2**31},
        {"auth_mode": 3},
        {"auth_mode": 5},
        {"auth_mode": 2},
        {"auth_mode": 2, "tls": {"enable": True}},
        {"auth_mode": "internal"},
        {"max_conns_per_node": 0},
        {"max_conns_per_node": 100_000},
        {"tend_interval": 0},
        {"cluster_name": 5},
        {"user": b"admin"},
        {"password": 5},
        {"use_services_alternate": 1},
        {"rack_aware": "yes"},
        {"rack_ids": 5},
        {"rack_ids": "12"},
        {"rack_ids": ["1"]},
        {"rack_ids": [-1]},
        {"ip_map": [("a", "b")]},
        {"ip_map": {"a": 5}},
        {"policies": []},
        {"policies": {"read": 5}},
        {"tls": True},
        {"max_in_flight": 0},
        {"max_concurrent_operations": -1},
        {"operation_queue_timeout_ms": "1"},
    ],
    ids=str,
)
def test_wrong_values_are_named_when_the_client_is_made(setting: dict[str, Any]) -> None:
    key = next(iter(setting))
    name = rf"config\['{key}'\]"
    with pytest.raises((InvalidArgError, TypeError), match=name):
        aerospike_py.client({"hosts": HOSTS, **setting})


def test_more_minimum_than_maximum_connections() -> None:
    with pytest.raises(InvalidArgError, match="min_conns_per_node"):
        Config({"min_conns_per_node": 5, "max_conns_per_node": 4})


def test_more_operations_at_once_than_may_be_in_flight() -> None:
    with pytest.raises(InvalidArgError, match=r"config\['max_concurrent_operations'\]"):
        Config({"max_concurrent_operations": 5, "max_in_flight": 4})
    with pytest.raises(InvalidArgError, match="262144 by default"):
        Config({"max_concurrent_operations": 262_145})
    assert Config({"max_concurrent_operations": 4, "max_in_flight": 4})


@pytest.mark.parametrize(
    "tls",
    [{}, {"enable": False}, {"enable": False, "cafile": "/nowhere"}, {"enable": False, "ca": ""}],
)
def test_without_tls_nothing_of_it_reaches_the_core(tls: dict[str, Any]) -> None:
    assert core_settings({"hosts": HOSTS, "tls": tls})["tls"] is None


def test_tls_is_what_the_core_takes(tmp_path: Path) -> None:
    authority = Authority()
    (tmp_path / "ca.pem").write_bytes(authority.pem)
    tls = {
        "cafile": tmp_path / "ca.pem",
        "min_version": "TLSv1.3",
        **authority.issue("ada")._asdict(),
    }
    settings = core_settings({"hosts": HOSTS, "tls": tls, "auth_mode": aerospike_py.AUTH_PKI})
    assert settings["tls"] == {**tls, "cafile": str(tmp_path / "ca.pem"), "enable": True}


@pytest.mark.parametrize("tls", [{"enable": True}, {"cafile": None}])
def test_tls_with_nothing_but_defaults_is_still_tls(tls: dict[str, Any]) -> None:
    assert core_settings({"hosts": HOSTS, "tls": tls})["tls"] == {"enable": True}


@pytest.mark.parametrize(
    ("tls", "error", "text"),
    [
        ({"cafiles": "x"}, InvalidArgError, r"\['cafiles'\].*did you mean 'cafile'"),
        ({"cafile": 5}, TypeError, r"\['cafile'\] must be a path"),
        ({"cafile": "a\0b"}, InvalidArgError, r"\['cafile'\] must not have a NUL"),
        ({"ca": 5}, TypeError, r"\['ca'\] must be bytes"),
        ({"ca": b""}, InvalidArgError, r"\['ca'\] must not be empty"),
        ({"cafile": "x", "certfile": ""}, InvalidArgError, r"\['certfile'\] must not be empty"),
        ({"cipher_suite": "aNULL"}, InvalidArgError, "prove who it is"),
        (
            {"ciphersuites": "TLS_AES_128_GCM_SHA256:TLS_SHA256_SHA256"},
            InvalidArgError,
            "none that encrypts",
        ),
        # What is added to it, so that nobody does without certificates, would be cut off.
        ({"cipher_suite": "ALL:eNULL\0"}, InvalidArgError, "'cipher_suite' must not have a NUL"),
        ({"enable": 1}, TypeError, r"\['enable'\]"),
        ({"min_version": "TLSv1.1"}, InvalidArgError, "TLSv1.2"),
        ({"certfile": "a", "cert": b"b"}, InvalidArgError, "'certfile' and 'cert'"),
        ({"protocols": "SSLv3"}, InvalidArgError, "not safe"),
        ({"cafile": "/nowhere/ca.pem"}, aerospike_py.TLSError, "/nowhere/ca.pem cannot be opened"),
        ({"capath": "/nowhere"}, aerospike_py.TLSError, "/nowhere is not there"),
        ({"ca": b"x"}, aerospike_py.TLSError, "no certificate in PEM format"),
    ],
    ids=str,
)
def test_what_is_wrong_with_tls_is_named(tls: Any, error: type[Exception], text: str) -> None:
    with pytest.raises(error, match=text):
        aerospike_py.client({"hosts": HOSTS, "tls": tls})


@pytest.mark.parametrize(
    ("tls", "text"),
    [
        ({"cafile": ""}, "tls 'cafile' must not be empty"),
        ({"cert": b""}, "tls 'cert' must not be empty"),
        ({"library": ""}, "tls 'library' must not be empty"),
        ({"cafile": "/etc/ca.pem\0"}, "tls 'cafile' must not have a NUL"),
        ({"ciphersuites": "TLS_AES_128_GCM_SHA256\0"}, "'ciphersuites' must not have a NUL"),
    ],
    ids=str,
)
def test_the_core_itself_refuses_slips_in_tls(tls: dict[str, Any], text: str) -> None:
    """Other languages come by no check of ours."""
    with pytest.raises(InvalidArgError, match=text):
        _native.check_tls(encode(tls))


def test_of_a_long_path_the_end_is_told(tmp_path: Path) -> None:
    authority = Authority()
    folder = tmp_path / ("d" * 200) / ("e" * 200)
    folder.mkdir(parents=True)
    certfile, keyfile = folder / "own.pem", folder / "other.key"
    certfile.write_bytes(authority.issue("ada").cert)
    keyfile.write_bytes(authority.issue("eve").key)
    with pytest.raises(aerospike_py.TLSError) as caught:
        aerospike_py.client({"hosts": HOSTS, "tls": {"certfile": certfile, "keyfile": keyfile}})
    told = str(caught.value)
    assert told.startswith(f"tls 'keyfile': {str(folder)[:40]}")
    assert "\u2026" in told
    assert "/other.key is not the key of the certificate in /" in told
    assert told.endswith("/own.pem")


@pytest.mark.parametrize(
    ("path_key", "advice"),
    [
        ("cafile", "file: give that as 'ca'"),
        ("certfile", "file: give that as 'cert'"),
        ("keyfile", "file: give that as 'key'"),
        ("keylog_file", "file"),
        ("library", "file"),
    ],
)
def test_a_key_in_place_of_its_path_is_not_shown(path_key: str, advice: str) -> None:
    own = Authority().issue("ada")
    for content in (own.key.decode(), b64encode(own.key).decode(), f" {own.key.decode()}"):
        with pytest.raises(InvalidArgError) as caught:
            aerospike_py.client({"hosts": HOSTS, "tls": {path_key: content}})
        told = f"tls '{path_key}' must be a path, not what is in the {advice}"
        assert str(caught.value) == told


def test_what_is_there_in_place_of_pem_is_told(tmp_path: Path) -> None:
    own = Authority().issue("ada")
    cert, key = tmp_path / "own.pem", tmp_path / "own.key"
    cert.write_bytes(own.cert)
    key.write_bytes(own.key)
    encoded = load_pem_private_key(own.key, None).private_bytes(
        Encoding.DER, PrivateFormat.PKCS8, NoEncryption()
    )
    (tmp_path / "own.der").write_bytes(encoded)
    cut = own.key[:100]
    for tls, text in [
        ({"certfile": key, "keyfile": cert}, "own.key has no certificate .*, but: EC PRIVATE KEY"),
        ({"cafile": key}, "own.key has no certificate in PEM format, but: EC PRIVATE KEY"),
        ({"certfile": cert}, "own.pem has no private key in PEM format, but: CERTIFICATE"),
        (
            {"certfile": cert, "keyfile": tmp_path / "own.der"},
            "own.der has no private key in PEM format: it may be in DER .* 'openssl pkey'",
        ),
        ({"ca": str(cert)}, "'ca' has no certificate .*: if it is a path, give it as 'cafile'"),
        ({"cert": str(cert)}, "'cert' has no certificate .* give it as 'certfile'"),
        ({"cert": own.cert, "key": str(key)}, "'key' has no private key .* give it as 'keyfile'"),
        ({"ca": b64encode(own.cert)}, "'ca' has no certificate .* in base64 once more"),
        ({"cert": own.cert[:200]}, "'cert' has a certificate that is damaged: "),
        ({"cert": own.cert, "key": cut}, "'key' has a private key that is damaged, or of a kind"),
    ]:
        with pytest.raises(aerospike_py.TLSError, match=text) as caught:
            aerospike_py.client({"hosts": HOSTS, "tls": tls})
        assert cut[40:60].decode() not in str(caught.value)


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("serial", "no serial number in hexadecimal digits"),
        ("12:AB", "no serial number in hexadecimal digits"),
        (str(2**155), "no serial number in hexadecimal digits"),
        # As other versions of OpenSSL write names: it would be nobody's.
        ("12AB CN = Acme Authority", "no issuer that is written as '/C=US/CN=name'"),
    ],
)
def test_what_would_refuse_no_certificate_is_no_line_of_a_blacklist(
    tmp_path: Path, line: str, why: str
) -> None:
    listed = tmp_path / "listed"
    listed.write_text(f"# taken back\n12AB\n12AB /CN=Acme Authority\n{line}\n")
    with pytest.raises(aerospike_py.TLSError) as caught:
        aerospike_py.client({"hosts": HOSTS, "tls": {"cert_blacklist": listed}})
    assert str(caught.value) == f"tls 'cert_blacklist': {listed} has {why} in line 4"


def test_certificates_and_keys_are_looked_at_when_the_client_is_made() -> None:
    authority = Authority()
    own, other = authority.issue("ada"), authority.issue("eve")
    late = authority.issue("ada", common_name="ada", days=-1)
    early = authority.issue("ada", days=3, from_days=1)
    damaged = authority.pem.replace(b"\n", b"\n!", 3)
    key = load_pem_private_key(own.key, None)
    locked = key.private_bytes(
        Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"secret")
    )
    for tls, text in [
        ({"cert": own.cert, "key": other.key}, "'key' is not the key of the certificate"),
        ({"cert": own.cert}, "'cert' has no private key"),
        ({"cert": late.cert, "key": late.key}, "has expired .*ada"),
        ({"cert": early.cert, "key": early.key}, "not valid yet"),
        ({"cert": own.cert, "key": locked}, "is encrypted: give its password"),
        ({"cert": own.cert, "key": locked, "keyfile_pw": "wrong"}, "cannot be decrypted"),
        ({"cert": own.cert, "key": locked, "keyfile_pw": "env:NO_SUCH"}, "NO_SUCH"),
        ({"cert": own.cert, "key": locked, "keyfile_pw": "file:/nowhere"}, "/nowhere"),
        ({"cert": own.cert, "key": locked, "keyfile_pw": "file:/"}, "is empty, or not a file"),
        ({"cert": own.cert + damaged, "key": own.key}, "'cert' has a certificate after .* damaged"),
        ({"ca": authority.pem + damaged}, "'ca' has a certificate, or .* damaged: "),
        ({"ca": b"nothing"}, "'ca' has no certificate in PEM format"),
    ]:
        with pytest.raises(aerospike_py.TLSError, match=text) as caught:
            aerospike_py.client({"hosts": HOSTS, "tls": tls})
        assert "PRIVATE" not in str(caught.value)
    for tls, text in [
        ({"key": own.key}, r"a key \('keyfile', 'key'\) and no certificate for it"),
        ({"keyfile_pw": "secret"}, "'keyfile_pw' and no certificate for it: give 'certfile'"),
    ]:
        with pytest.raises(aerospike_py.InvalidArgError, match=text) as refused:
            aerospike_py.client({"hosts": HOSTS, "tls": tls})
        assert "secret" not in str(refused.value)
    good = {"cert": own.cert, "key": locked, "keyfile_pw": "secret"}
    assert "secret" not in repr(aerospike_py.client({"hosts": HOSTS, "tls": good}))


def test_a_password_from_the_environment_or_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = Authority().issue("ada")
    key = load_pem_private_key(own.key, None)
    locked = key.private_bytes(
        Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"secret")
    )
    monkeypatch.setenv("KEY_PASSWORD", "secret")
    (tmp_path / "password").write_text("secret\n")
    for place in ("env:KEY_PASSWORD", f"file:{tmp_path / 'password'}"):
        tls = {"cert": own.cert, "key": locked, "keyfile_pw": place}
        aerospike_py.client({"hosts": HOSTS, "tls": tls})


def test_no_openssl_is_an_error_that_says_what_to_do() -> None:
    script = (
        "import aerospike_py\n"
        "try:\n"
        "    aerospike_py.client({'tls': {'library': '/nowhere/libssl.so.3'}})\n"
        "except aerospike_py.TLSError as error:\n"
        "    print(error)\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert "/nowhere/libssl.so.3 cannot be loaded" in done.stdout, done.stderr
    assert "OpenSSL 3 or 1.1.1" in done.stdout


def test_default_policies_are_checked_when_the_client_is_made() -> None:
    with pytest.raises(InvalidArgError, match=r"config\['policies'\]\['read'\]\['total_timout'\]"):
        aerospike_py.client({"hosts": HOSTS, "policies": {"read": {"total_timout": 5}}})
    with pytest.raises(InvalidArgError, match="'reed'"):
        aerospike_py.client({"hosts": HOSTS, "policies": {"reed": {}}})


def test_credentials_of_connect_replace_those_of_the_configuration() -> None:
    config = {"hosts": HOSTS, "user": "a", "password": "b"}
    settings = core_settings(config, "c", "d")
    assert (settings["user"], settings["password"]) == ("c", "d")
    settings = core_settings(config)
    assert (settings["user"], settings["password"]) == ("a", "b")


@pytest.mark.parametrize(
    ("config", "credentials"),
    [
        ({}, ("admin", None)),
        ({}, (None, "secret")),
        ({"user": "admin"}, (None, None)),
        ({"password": "secret"}, (None, None)),
        ({"user": "a", "password": "b"}, ("admin", None)),
    ],
)
def test_half_a_credential_is_refused_before_any_network(
    config: dict[str, Any], credentials: tuple[Any, Any]
) -> None:
    client = aerospike_py.client({"hosts": [("192.0.2.1", 3000)], **config})
    with pytest.raises(ClientError, match="missing"):
        client.connect(*credentials)


def test_an_empty_password_is_a_password() -> None:
    settings = core_settings({"hosts": HOSTS}, "admin", "")
    assert (settings["user"], settings["password"]) == ("admin", "")


def test_connecting_again_logs_in_as_before() -> None:
    config = Config({"hosts": HOSTS, "user": "a", "password": "b"})
    config.remember("c", "d")
    settings = msgspec.msgpack.decode(config.encode())
    assert (settings["user"], settings["password"]) == ("c", "d")
    config.remember(None, None)  # As a connect without credentials does.
    assert msgspec.msgpack.decode(config.encode()) == settings
    settings = msgspec.msgpack.decode(config.encode("e", "f"))
    assert (settings["user"], settings["password"]) == ("e", "f")
