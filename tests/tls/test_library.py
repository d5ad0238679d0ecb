"""Libraries that will not do: each is told by its name, with what it lacks."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from aerospike_py.devserver import Authority

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="libraries of other systems")

# Stands before the system's library, which it needs itself, and answers what it is told to.
SOURCE = """
#include <stdlib.h>
#include <string.h>
#include <dlfcn.h>

static int lacks(const char *what) {
    const char *told = getenv("LACKS");
    return told && strcmp(told, what) == 0;
}

unsigned long OpenSSL_version_num(void) {
    if (lacks("age")) return 0x100020ffL;
    if (lacks("youth")) return 0x40000000L;
    return 0x30000000L;
}

const char *OpenSSL_version(int type) {
    (void)type;
    return "OpenSSL of nowhere";
}

long SSL_CTX_ctrl(void *context, int command, long number, void *pointer) {
    long (*real)(void *, int, long, void *) = dlsym(RTLD_NEXT, "SSL_CTX_ctrl");
    if (lacks("TLSv1.3") && (command == 123 || command == 124) && number == 0x304) return 0;
    return real(context, command, number, pointer);
}

int SSL_CTX_set_ciphersuites(void *context, const char *list) {
    int (*real)(void *, const char *) = dlsym(RTLD_NEXT, "SSL_CTX_set_ciphersuites");
    return lacks("ciphers") ? 0 : real(context, list);
}
"""
# Stands before all others. A loader that finds nothing of OpenSSL's, and functions that another
# program's OpenSSL exports.
PRELOADED = """
#include <stdlib.h>
#include <string.h>
#include <dlfcn.h>

void *dlopen(const char *name, int flags) {
    void *(*real)(const char *, int) = dlsym(RTLD_NEXT, "dlopen");
    if (getenv("FINDS_NONE") && name && strstr(name, "libssl")) return NULL;
    return real(name, flags);
}

void X509_free(void *certificate) { abort(); }
int X509_up_ref(void *certificate) { abort(); }
void *X509_STORE_new(void) { abort(); }
void EVP_PKEY_free(void *key) { abort(); }
void *SSL_CTX_new(void *method) { abort(); }
"""
ADVICE = "install it (Debian, Ubuntu: libssl3; Fedora, Alpine: openssl-libs, libssl3), or name it"
SCRIPT = """
import os, sys
if "HAS_NO_SSL" in os.environ:
    sys.modules["ssl"] = sys.modules["_ssl"] = None
import aerospike_py
try:
    for tls in eval(sys.stdin.read()):
        aerospike_py.client({"tls": tls})
    print("taken")
except aerospike_py.AerospikeError as error:
    print(type(error).__name__, error)
"""


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("library")
    source, made = folder / "ssl.c", folder / "libssl_of_nowhere.so"
    source.write_text(SOURCE)
    # By its name alone: the loader knows where the system's is.
    stub = folder / "libssl.so.3"
    compiler = [sys.executable, "-m", "ziglang", "cc", "-shared", "-fPIC", "-D_GNU_SOURCE"]
    (folder / "stub.c").write_text("void aerospike_py_stub(void) {}\n")
    soname = f"-Wl,-soname,{stub.name}"
    subprocess.run([*compiler, soname, "-o", stub, folder / "stub.c"], check=True)
    needed = ["-Wl,--no-as-needed", stub]
    subprocess.run([*compiler, "-o", made, source, *needed], check=True)
    return str(made)


@pytest.fixture(scope="module")
def preloaded(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("preloaded")
    source, made = folder / "other.c", folder / "other.so"
    source.write_text(PRELOADED)
    compiler = [sys.executable, "-m", "ziglang", "cc", "-shared", "-fPIC", "-D_GNU_SOURCE"]
    subprocess.run([*compiler, "-o", made, source], check=True)
    return str(made)


def outcome(*tls: dict[str, Any], **environment: str) -> str:
    """Of making clients in a process of their own, as a process has one library."""
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT],
        input=repr(tls),
        env=os.environ | environment,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("age", ["age", "youth"])
def test_one_of_another_age(library: str, age: str) -> None:
    told = outcome({"library": library}, LACKS=age)
    assert told.startswith(f"TLSError {library} is 'OpenSSL of nowhere'")
    assert "OpenSSL 3 or 1.1.1" in told
    assert ADVICE in told


def test_one_without_a_version(library: str) -> None:
    for wanted in ({"min_version": "TLSv1.3"}, {"protocols": "TLSv1.3"}):
        told = outcome({"library": library, **wanted}, LACKS="TLSv1.3")
        assert told.startswith("TLSError TLSv1.3 is wanted")
        assert "'OpenSSL of nowhere'" in told
        assert library in told
    # Where it is not insisted on, the older one will do.
    assert outcome({"library": library}, LACKS="TLSv1.3") == "taken\n"


def test_one_without_a_cipher(library: str) -> None:
    told = outcome({"library": library, "ciphersuites": "TLS_AES_128_GCM_SHA256"}, LACKS="ciphers")
    assert told.startswith("InvalidArgError tls 'ciphersuites': no cipher of 'TLS_AES_128")
    assert "OpenSSL of nowhere" in told


def test_a_process_has_one(library: str) -> None:
    assert outcome({"library": library}, {"library": library}, {}) == "taken\n"
    told = outcome({"ca": Authority().pem}, {"library": library})
    assert told.startswith(f"TLSError tls 'library': {library} cannot be used")
    assert "libssl.so" in told.partition("already")[0].rpartition("uses")[2]


def test_what_is_none(tmp_path: Path) -> None:
    path = tmp_path / "libssl.so.3"
    path.write_bytes(b"no library")
    told = outcome({"library": str(path)})
    assert told.startswith(f"TLSError tls 'library': {path} cannot be loaded")
    why = told.partition("which must be the libssl of OpenSSL 3 or 1.1.1: ")[2]
    assert why.startswith(f"{path}: "), "as the loader says"
    told = outcome({"library": "libc.so.6"})
    assert told.startswith("TLSError libc.so.6 is not OpenSSL 3 or 1.1.1")
    assert "it has no function OpenSSL_version_num" in told
    assert ADVICE in told
    # Cut off, it would be another; and without a name the loader opens the program itself.
    told = outcome({"library": "/lib" * 500})
    assert told.startswith("TLSError tls 'library': /lib/lib")
    assert told.endswith("1.1.1: the path is too long\n")


def test_an_interpreter_without_one_uses_the_systems() -> None:
    assert outcome({}, HAS_NO_SSL="1") == "taken\n"


def test_where_there_is_none(preloaded: str) -> None:
    told = outcome({"enable": True}, HAS_NO_SSL="1", LD_PRELOAD=preloaded, FINDS_NONE="1")
    assert told.startswith("TLSError TLS needs OpenSSL 3 or 1.1.1, which was not found")
    assert "libssl.so.3, libssl.so.1.1" in told
    assert "neither loaded in this process nor by the names" in told
    assert ADVICE in told
    # Who does not ask for it does not need it.
    plain = outcome({"enable": False}, HAS_NO_SSL="1", LD_PRELOAD=preloaded, FINDS_NONE="1")
    assert plain == "taken\n"


def test_a_program_with_another_one_built_in(preloaded: str) -> None:
    """As interpreters are that were linked with their OpenSSL, and export its functions."""
    issued = Authority().issue("node.dev")
    tls = {"ca": Authority().pem, "cert": issued.cert, "key": issued.key}
    assert outcome(tls, HAS_NO_SSL="1", LD_PRELOAD=preloaded) == "taken\n"


def test_one_that_was_loaded_so_that_it_calls_the_programs_functions(preloaded: str) -> None:
    """As the loader of musl does with any, and this one with what `ssl` has loaded."""
    for library in ("libssl.so.3", None):
        told = outcome({"ca": Authority().pem, "library": library}, LD_PRELOAD=preloaded)
        assert told.startswith("TLSError libssl.so.3 cannot be used: this program exports")
        assert "another OpenSSL (SSL_CTX_new)" in told
