"""Fetches the program that draws the plots of HTML reports, and checks or renews what the package ships of it.

``python -m tools.vendor_assets`` has npm fetch the version that ``assets/vendored.json`` states, checks the archive's
hash and compares the files. ``python -m tools.vendor_assets --version 1.6.33`` takes another version: it replaces the
files and writes their hashes down; run the tests of the report in a browser afterwards.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import io
import json
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path
from typing import Any

ASSETS = Path(__file__).parents[1] / "src" / "annette" / "report" / "assets"
STATED = ASSETS / "vendored.json"
SECONDS = 60


def main() -> int:
    """Checks the shipped files against the registry, or replaces them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--version", help="replace the files by those of this version")
    wanted = parser.parse_args().version
    stated: dict[str, Any] = json.loads(STATED.read_text(encoding="utf-8"))
    archive = fetch(stated["name"], wanted or stated["version"], None if wanted else stated["integrity"])
    with tarfile.open(fileobj=io.BytesIO(archive)) as packed:
        found = {name: member(packed, entry["from"]) for name, entry in stated["files"].items()}
    if wanted:
        for name, data in found.items():
            (ASSETS / name).write_bytes(data)
            stated["files"][name]["sha256"] = hashlib.sha256(data).hexdigest()
        stated |= {"version": wanted, "integrity": integrity(archive)}
        STATED.write_text(json.dumps(stated, indent=1) + "\n", encoding="utf-8")
        print(f"{stated['name']} {wanted}: {', '.join(found)}")
        return 0
    wrong = [name for name, data in found.items() if (ASSETS / name).read_bytes() != data]
    print(f"differs from the registry's: {', '.join(wrong)}" if wrong else f"{', '.join(found)}: as in the registry")
    return bool(wrong)


def fetch(name: str, version: str, stated: str | None) -> bytes:
    """The archive of a package: npm checks it against the registry, and we against the hash that we state, if any."""
    npm = shutil.which("npm")
    if npm is None:
        sys.exit("npm is not installed: it comes with Node.js")
    with tempfile.TemporaryDirectory() as folder:
        command = [npm, "pack", f"{name}@{version}", "--silent", "--pack-destination", folder]
        subprocess.run(command, check=True, timeout=SECONDS, stdout=subprocess.DEVNULL)  # noqa: S603 - our own words
        archive = next(Path(folder).iterdir()).read_bytes()
    if stated is not None and integrity(archive) != stated:
        sys.exit(f"{name} {version} has the hash {integrity(archive)} instead of {stated}")
    return archive


def integrity(data: bytes) -> str:
    """A hash in the form of W3C's *Subresource Integrity*, as the registry states it."""
    return f"sha512-{base64.b64encode(hashlib.sha512(data).digest()).decode()}"


def member(packed: tarfile.TarFile, name: str) -> bytes:
    """The contents of one file of an archive."""
    file = packed.extractfile(name)
    if file is None:
        sys.exit(f"the archive has no file {name}")
    return file.read()


if __name__ == "__main__":
    sys.exit(main())
