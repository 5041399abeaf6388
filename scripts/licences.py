"""Lists the licences of what the product uses and refuses those that would bind it: `make audit`."""

from __future__ import annotations

import re
import sys
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path

LOCK = Path("requirements.lock")
_REFUSED = re.compile(
    r"\b(AGPL|GPL(?!.*exception)|SSPL|BUSL|Affero)\b|(?<!Lesser )General Public License", re.IGNORECASE
)
_LESSER = re.compile(r"\bLGPL|Lesser General Public", re.IGNORECASE)


def main() -> None:
    """One line a package; ends with 1 when a licence is refused or unknown."""
    wrong = []
    for name in sorted(re.findall(r"^([a-z0-9][a-z0-9._-]*)(?:\[[^\]]*\])?==", LOCK.read_text(), re.MULTILINE)):
        try:
            licence = licence_of(distribution(name))
        except PackageNotFoundError:
            continue  # of another system
        sys.stdout.write(f"{name:40} {licence}\n")
        if not licence or (_REFUSED.search(licence) and not _LESSER.search(licence)):
            wrong.append(name)
    if wrong:
        sys.exit(f"Look at the licences of: {', '.join(wrong)}")


def licence_of(package: Distribution) -> str:
    """What a package says of its licence: the expression, the classifiers, or the first line of the text."""
    said = package.metadata
    classifiers = [
        line.rpartition(" :: ")[2] for line in said.get_all("Classifier") or [] if line.startswith("License")
    ]
    given = said.get("License-Expression") or "; ".join(classifiers) or (said.get("License") or "").strip()
    return given.splitlines()[0][:80] if given else ""


if __name__ == "__main__":
    main()
