"""Asks pip-audit which of the locked packages have known weaknesses, and says how many could not be examined: `make audit`.

A package of which nobody knows anything is not a safe one: pip-audit alone would say that nothing was found. What is found
fails always; what could not be examined fails with STRICT=1, as before a release.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

_AUDIT = (
    "--requirement", "requirements.lock", "--require-hashes", "--disable-pip", "--timeout", "10",
    "--progress-spinner", "off", "--format", "json",
)  # fmt: skip


def main() -> int:
    """The exit code."""
    told = subprocess.run(  # noqa: S603 - our own tool with fixed arguments
        [str(Path(sys.executable).with_name("pip-audit")), *_AUDIT], capture_output=True, text=True, check=False
    )
    try:
        packages: list[dict[str, Any]] = json.loads(told.stdout)["dependencies"]
    except (ValueError, KeyError):
        packages = []
    lines, code = verdict(packages)
    sys.stdout.write("\n".join([*lines, ""]))
    return code


def verdict(packages: list[dict[str, Any]], *, strict: bool | None = None) -> tuple[list[str], int]:
    """What to say of the packages, and the exit code."""
    is_strict = os.environ.get("STRICT") == "1" if strict is None else strict
    found = [(package, weakness) for package in packages for weakness in package.get("vulns", ())]
    unknown = [package["name"] for package in packages if "skip_reason" in package]
    lines = [
        f"{package['name']} {package['version']}: {weakness['id']}, mended in {', '.join(weakness['fix_versions']) or 'no version'}"
        for package, weakness in found
    ]
    examined = len(packages) - len(unknown)
    if unknown or not packages:
        reason = next((package["skip_reason"] for package in packages if "skip_reason" in package), "nothing")
        lines.append(
            f"NOT EXAMINED: {len(unknown) or 'all'} packages; no list of weaknesses could be reached for them. pip-audit said: {reason}"
        )
    lines.append(f"{examined} packages examined, {len(found)} weaknesses found.")
    return lines, 1 if found or (is_strict and (unknown or not packages)) else 0


if __name__ == "__main__":
    sys.exit(main())
