"""Asks pip-audit which of the locked packages have known weaknesses, and says how many could not be examined: `make audit`.

A package of which nobody knows anything is not a safe one: pip-audit alone would say that nothing was found. What is found
fails always; what could not be examined fails with STRICT=1, as before a release.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import requests
from packaging.version import Version
from pip_audit._audit import Auditor
from pip_audit._dependency_source import RequirementSource
from pip_audit._service import PyPIService
from pip_audit._service.interface import ConnectionError as Unreachable
from pip_audit._service.interface import Dependency, ServiceError, SkippedDependency, VulnerabilityResult

_TIMEOUT = 10
_LOCK = Path("requirements.lock")

Examined = tuple[Dependency, list[VulnerabilityResult]]


class Index:
    """The package index, asked as pip-audit asks it: for one version of a package.

    Some indexes do not answer that, but give what they know of a package's newest version with the package. That is taken when
    the newest version is the one that is asked for, as it is after `make lock`.
    """

    def __init__(self, session: requests.Session) -> None:
        self._session = session

    def get(self, url: str, timeout: float | None) -> requests.Response:
        """The answer for a version, `…/NAME/VERSION/json`; else the one for the package, `…/NAME/json`, if it is of that version."""
        answer = self._session.get(url, timeout=timeout)
        if answer.status_code != requests.codes.not_found:
            return answer
        package, version, kind = url.rsplit("/", 2)
        whole = self._session.get(f"{package}/{kind}", timeout=timeout)
        return whole if whole.ok and Version(whole.json()["info"]["version"]) == Version(version) else answer


class Service(PyPIService):  # type: ignore[misc]  # pip-audit has no types for its callers
    """pip-audit's own, which asks Index."""

    def __init__(self) -> None:
        super().__init__(timeout=_TIMEOUT)
        self.session = Index(self.session)

    def query_all(self, specs: Iterable[Dependency]) -> Iterator[Examined]:
        """Several at once: each waits for the index, not for this machine."""
        with ThreadPoolExecutor(8) as pool:
            yield from pool.map(self.query, specs)

    def query(self, spec: Dependency) -> Examined:
        """Never raises for one package: what could not be asked is skipped, and says why."""
        try:
            return super().query(spec)  # type: ignore[no-any-return]  # see above
        except (Unreachable, ServiceError, requests.RequestException, ValueError, LookupError, TypeError) as error:
            return SkippedDependency(name=spec.name, skip_reason=str(error) or type(error).__name__), []


def main() -> int:
    """The exit code."""
    locked = RequirementSource([_LOCK], require_hashes=True, disable_pip=True)
    lines, code = verdict(Auditor(Service()).audit(locked), is_strict=os.environ.get("STRICT") == "1")
    sys.stdout.write("\n".join([*lines, ""]))
    return code


def verdict(examined: Iterable[Examined], *, is_strict: bool) -> tuple[list[str], int]:
    """What to say of the packages, and the exit code."""
    packages: list[tuple[Any, list[VulnerabilityResult]]] = list(examined)
    unknown = [package for package, _ in packages if package.is_skipped()]
    told = (
        f"{package.name} {package.version}: {weakness.id}, mended in {', '.join(map(str, weakness.fix_versions)) or 'no version'}"
        for package, weaknesses in packages
        for weakness in weaknesses
    )
    lines = list(dict.fromkeys(told))  # one weakness may have several entries
    found = len(lines)
    if unknown or not packages:
        names = ", ".join(package.name for package in unknown) or "all"
        lines.append(f"NOT EXAMINED: {names}. pip-audit said: {unknown[0].skip_reason if unknown else 'nothing'}")
    lines.append(f"{len(packages) - len(unknown)} of {len(packages)} packages examined, {found} weaknesses found.")
    return lines, 1 if found or (is_strict and (unknown or not packages)) else 0


if __name__ == "__main__":
    sys.exit(main())
