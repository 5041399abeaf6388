"""The fenced blocks of a page of the documentation.

- `sh` is typed into the reader's shell; with a title such as `Terminal: server` into a terminal of that name, where it goes on.
- `yaml` or another kind with a title is a file that the reader saves under that name.
- `text` is what the block before it prints; with the title of a terminal what comes to be seen there.
- `<!-- not run: reason -->` before a block: readers do it, tests do not.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
_BLOCK = re.compile(
    r"^(?:## (?P<heading>[^\n]+)|(?:(?P<indent> *)<!-- not run: (?P<reason>[^>]+) -->\n+)?"
    r' *```(?P<kind>\w*)(?: title="(?P<title>[^"]+)")?\n(?P<text>.*?)^ *```)$',
    re.MULTILINE | re.DOTALL,
)


@dataclass(frozen=True, kw_only=True)
class Block:
    """One fenced block of a page."""

    place: str
    section: str
    kind: str
    title: str
    reason: str
    """Why it is not run; empty: it is."""
    text: str

    @property
    def is_for_terminal(self) -> bool:
        """Whether it goes on running, or shows what does."""
        return self.title.startswith("Terminal")


def blocks(page: Path) -> Iterator[Block]:
    """The blocks of a page, in order, with the heading they stand under."""
    section, source = "", page.read_text()
    for found in _BLOCK.finditer(source):
        if found["heading"]:
            section = found["heading"]
            continue
        lines = found["text"].splitlines()
        indent = min((len(line) - len(line.lstrip()) for line in lines if line.strip()), default=0)
        yield Block(
            place=f"{page.name}:{source.count(chr(10), 0, found.start('text'))}",
            section=section,
            kind=found["kind"],
            title=found["title"] or "",
            reason=found["reason"] or "",
            text="".join(f"{line[indent:]}\n" for line in lines),
        )
