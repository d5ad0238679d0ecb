"""A virtual environment for each client, made once and kept under `.bench/`.

Two of the clients have the same import name, so they cannot share one.
"""

import hashlib
import json
import subprocess
import sys
from pathlib import Path

from peers import OURS, PEERS, Peer

ROOT = Path(__file__).resolve().parent.parent
CACHE = ROOT / ".bench"


def interpreter(peer: Peer) -> Path:
    """The interpreter of the client's environment, which is made or brought up to date first.

    Raises:
        subprocess.CalledProcessError: pip could not install the client; its output was printed.
    """
    directory = CACHE / peer.name
    python = directory / "bin" / "python"
    stamp = directory / "installed.json"
    wanted = json.dumps({"python": sys.version, "requirements": list(peer.requirements)})
    if not stamp.exists() or stamp.read_text() != wanted:
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(directory)], check=True)
        pip(python, *peer.requirements)
        stamp.write_text(wanted)
    if peer.name == OURS:
        install_checkout(python, directory / "checkout")
    return python


def install_checkout(python: Path, stamp: Path) -> None:
    """Installs this checkout as a wheel, as a user gets it, unless it is unchanged."""
    fingerprint = checkout_fingerprint()
    if stamp.exists() and stamp.read_text() == fingerprint:
        return
    pip(python, "--force-reinstall", str(ROOT))
    stamp.write_text(fingerprint)


def checkout_fingerprint() -> str:
    """A digest of all that the wheel is made from."""
    digest = hashlib.sha256()
    paths = [ROOT / "pyproject.toml", *sorted(ROOT.glob("*.py"))]
    for directory, pattern in (("aerospike_py", "*.py"), ("native", "*.[chz]*")):
        paths += sorted((ROOT / directory).rglob(pattern))
    for path in paths:
        digest.update(f"{path.relative_to(ROOT)}\0".encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()


def pip(python: Path, *arguments: str) -> None:
    command = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*command, *arguments], check=True)


def interpreters(names: list[str], given: dict[str, str]) -> dict[str, Path]:
    """The interpreter of every client: the one given for it, or that of its environment."""
    return {
        name: Path(given[name]) if name in given else interpreter(PEERS[name]) for name in names
    }
