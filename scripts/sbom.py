"""Writes dist/sbom.cdx.json: what the package is made of and needs, in the form of CycloneDX 1.5.

It names the package, what pip installs beside it, what builds it, and each file in dist/ with its
SHA-256.
"""

import hashlib
import json
import re
from pathlib import Path
from typing import Any

try:
    import tomllib
except ImportError:  # Before Python 3.11.
    from pip._vendor import tomli as tomllib

ROOT = Path(__file__).resolve().parent.parent
DIST = ROOT / "dist"
REQUIREMENT = re.compile(r"^([A-Za-z0-9._-]+)(?:\[[^\]]*\])?\s*([^;]*)")


def component(requirement: str, scope: str) -> dict[str, Any]:
    """A package of PyPI that is required."""
    match = REQUIREMENT.match(requirement)
    if match is None:
        raise ValueError(f"no requirement: {requirement}")
    name, versions = match[1].lower(), match[2].strip()
    return {
        "type": "library",
        "name": name,
        "bom-ref": f"{scope}:{name}",
        "purl": f"pkg:pypi/{name}",
        "scope": scope,
        "properties": [{"name": "versions", "value": versions or "any"}],
    }


def bill(version: str, files: list[Path]) -> dict[str, Any]:
    """The whole document."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    built_by = [component(each, "excluded") for each in project["build-system"]["requires"]]
    needs = [component(each, "required") for each in project["project"]["dependencies"]]
    package = {
        "type": "library",
        "name": project["project"]["name"],
        "version": version,
        "bom-ref": "package",
        "purl": f"pkg:pypi/{project['project']['name']}@{version}",
        "licenses": [{"license": {"id": project["project"]["license"]}}],
    }
    shipped = [
        {
            "type": "file",
            "name": each.name,
            "bom-ref": f"file:{each.name}",
            "hashes": [
                {"alg": "SHA-256", "content": hashlib.sha256(each.read_bytes()).hexdigest()}
            ],
        }
        for each in files
    ]
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "version": 1,
        "metadata": {"component": package},
        "components": [*needs, *built_by, *shipped],
        "dependencies": [{"ref": "package", "dependsOn": [each["bom-ref"] for each in needs]}],
    }


def main() -> None:
    source = (ROOT / "aerospike_py" / "__init__.py").read_text(encoding="utf-8")
    (version,) = re.findall(r'^__version__ = "([^"]+)"$', source, re.MULTILINE)
    files = sorted([*DIST.glob("*.whl"), *DIST.glob("*.tar.gz")])
    DIST.mkdir(exist_ok=True)
    target = DIST / "sbom.cdx.json"
    target.write_text(json.dumps(bill(version, files), indent=2) + "\n", encoding="utf-8")
    print(f"{target.relative_to(ROOT)}: {len(files)} files")


if __name__ == "__main__":
    main()
