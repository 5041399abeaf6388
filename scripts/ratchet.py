"""Figures about the source that may only fall; `tests/unit/ratchet.json` keeps those of today.

`python -m scripts.ratchet` writes the file anew. Do so after an improvement: what got worse is refused by
`tests/unit/test_house_rules.py` and has to be mended, not written down.
"""

from __future__ import annotations

import ast
import json
from collections import Counter
from pathlib import Path

from scripts.complexity import PACKAGE, offenders, product_modules

FILE = Path(__file__).parents[1] / "tests" / "unit" / "ratchet.json"
VAGUE_NAMES = frozenset({"found", "one", "wanted", "said", "told", "this"})  # a variable says what it holds


def vague_names(source: str) -> Counter[str]:
    """How often a module binds each vague name as a variable, a parameter or the target of a loop."""
    return Counter(name for node in ast.walk(ast.parse(source)) if (name := _bound(node)) in VAGUE_NAMES)


def _bound(node: ast.AST) -> str:
    match node:
        case ast.Name(id=name, ctx=ast.Store()) | ast.arg(arg=name):
            return name
        case ast.ExceptHandler(name=str(name)) | ast.MatchAs(name=str(name)) | ast.MatchStar(name=str(name)):
            return name
        case _:
            return ""


def vague_names_by_package() -> dict[str, int]:
    """How many such names each package of the product binds (a module of the top level counts as a package)."""
    totals: Counter[str] = Counter()
    for path in product_modules():
        package = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
        totals[package] += vague_names(path.read_text()).total()
    return {package: total for package, total in sorted(totals.items()) if total}


def large_functions() -> dict[str, list[int]]:
    """The functions over a limit of `scripts.complexity`: place → [lines, complexity]."""
    return {place: [function.lines, function.complexity] for place, function in sorted(offenders().items())}


def main() -> None:
    """Write today's figures, one a line, so that a merge has few conflicts."""
    rows = [f"    {json.dumps(place)}: {figures}" for place, figures in large_functions().items()]
    names = [f"    {json.dumps(package)}: {total}" for package, total in vague_names_by_package().items()]
    FILE.write_text(
        '{\n  "large_functions": {\n'
        + ",\n".join(rows)
        + '\n  },\n  "vague_names": {\n'
        + ",\n".join(names)
        + "\n  }\n}\n"
    )


if __name__ == "__main__":
    main()
