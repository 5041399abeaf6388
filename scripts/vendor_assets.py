"""Vendors the interface's files from npm: pinned, integrity checked, licence beside them, nothing edited. Needs npm."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import re
import subprocess
import tarfile
import tempfile
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
PINS, LOCK = HERE / "vendor_assets.json", HERE / "vendor_assets.lock.json"
ROOT = HERE.parent
SYMBOL = (
    '<symbol id="{name}" viewBox="0 0 24 24" fill="none" stroke="currentColor" stroke-width="1.75" '
    'stroke-linecap="round" stroke-linejoin="round">{inner}</symbol>'
)


class Package:
    """One npm package as packed by the registry."""

    def __init__(self, name: str, version: str) -> None:
        packed = f"{name}@{version}"
        self.integrity: str = json.loads(_npm("view", packed, "dist.integrity", "--json"))
        with tempfile.TemporaryDirectory() as folder:
            file = _npm("pack", "--quiet", packed, folder=folder).split()[-1]
            raw = (Path(folder) / file).read_bytes()
        algorithm, digest = self.integrity.split("-", 1)
        if base64.b64encode(hashlib.new(algorithm, raw).digest()).decode() != digest:
            raise SystemExit(f"{packed} is not what the registry says it is.")
        with tarfile.open(fileobj=io.BytesIO(raw)) as tar:
            self._files = {
                member.name.split("/", 1)[1]: file.read()
                for member in tar.getmembers()
                if (file := tar.extractfile(member)) is not None
            }

    def read(self, path: str) -> bytes:
        """A file of the package."""
        return self._files[path]


def main() -> None:
    """Fetch, check and write everything that is pinned, and the lock with a hash of each file."""
    lock: dict[str, Any] = {}
    for name, pin in json.loads(PINS.read_text()).items():
        package, into = Package(name, pin["version"]), ROOT / pin["into"]
        written = {target: package.read(source) for source, target in pin.get("files", {}).items()}
        if "icons" in pin:
            written[pin["sprite"]] = _sprite(package, pin)
        licence = "licenses/" + name.removeprefix("@").replace("/", "-") + ".txt"
        written[licence] = package.read("LICENSE")
        for target, data in written.items():
            (into / target).parent.mkdir(parents=True, exist_ok=True)
            (into / target).write_bytes(data)
        lock[name] = {
            "version": pin["version"],
            "license": pin["license"],
            "integrity": package.integrity,
            "sha256": {f"{pin['into']}/{target}": hashlib.sha256(data).hexdigest() for target, data in written.items()},
        }
    LOCK.write_text(json.dumps(lock, indent=2) + "\n")


def _sprite(package: Package, pin: dict[str, Any]) -> bytes:
    symbols = []
    for name in sorted(pin["icons"]):
        drawn = re.search(r"<svg[^>]*>(.*)</svg>", package.read(f"icons/{name}.svg").decode(), re.DOTALL)
        if drawn is None:
            raise SystemExit(f"The icon {name} is not an SVG.")
        symbols.append(SYMBOL.format(name=name, inner=re.sub(r"\s+", " ", drawn[1]).strip()))
    note = f"<!-- Lucide {pin['version']}, {pin['license']}: see licenses/lucide-static.txt -->"
    return f'<svg xmlns="http://www.w3.org/2000/svg">{note}{"".join(symbols)}</svg>\n'.encode()


def _npm(*arguments: str, folder: str | None = None) -> str:
    command = ["npm", *arguments]
    return subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True).stdout  # noqa: S603 - the developer's own npm


if __name__ == "__main__":
    main()
