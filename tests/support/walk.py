"""Follows a page of the documentation as a reader would: types its blocks into a shell and compares what the page shows.

Every block must end well, and print what the `text` block after it says, whole: `…` there is any text, alone on a line any
lines. In a terminal a second block begins as a person does, with Ctrl-C; what is shown of a terminal is waited for.
"""

from __future__ import annotations

import os
import re
import shlex
import signal
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from tests.acceptance.process import AFFLUENT
from tests.support.pages import DOCS, Block, blocks

SECONDS = 60
_ANY_LINES = r"(?:.*\n)*"


def shown(text: str, *, between: str = "") -> re.Pattern[str]:
    """What a text block says must be seen."""
    lines = [re.escape(line).replace("…", ".*") + "\n" for line in _lines(text)]
    return re.compile(between.join(_ANY_LINES if line == ".*\n" else line for line in lines))


def _lines(text: str) -> list[str]:
    """The lines that say something; how wide a column is says nothing."""
    return [" ".join(line.split()) for line in text.splitlines() if line.strip()]


def _seen(text: str) -> str:
    return "".join(f"{line}\n" for line in _lines(text))


@dataclass
class Walk:
    """A reader with a home folder, a shell and terminals."""

    home: Path
    instead: Mapping[str, str]
    """What the page says → what it is here: ports, hosts and folders."""
    environment: Mapping[str, str] = field(default_factory=dict)
    _terminals: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    _met: set[str] = field(default_factory=set)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        for title in list(self._terminals):
            self.interrupt(title)

    def follow(self, page: str, *sections: str) -> None:
        """Do what a page says, or only some of its sections."""
        said = ""
        for block in blocks(DOCS / page):
            if sections and block.section not in sections:
                continue
            self._met.add(block.place)
            if block.reason:
                continue
            if block.kind == "sh" and block.is_for_terminal:
                self.in_terminal(block.title, block.text)
            elif block.kind == "sh":
                said = self.type(block.text, block.place)
            elif block.kind == "text" and block.is_for_terminal:
                self._wait(block)
            elif block.kind == "text":
                wanted = shown(self._here(block.text))
                assert wanted.fullmatch(_seen(said)), f"{block.place} shows otherwise:\n{said}"
            elif block.title:
                (self.home / block.title).write_text(self._here(block.text))

    def passed_over(self, page: str, *elsewhere: str) -> list[str]:
        """The places of blocks that nothing has been done about, but for sections that are followed elsewhere."""
        return [
            block.place
            for block in blocks(DOCS / page)
            if block.place not in self._met and block.section not in elsewhere
        ]

    def type(self, text: str, place: str = "") -> str:
        """Run it in the shell; what it prints. It must end well."""
        kept = "{ declare -px; declare -f; } > .session"
        command = ["bash", "-c", f"{self._begin}\nset -eo pipefail\n{self._here(text)}\n{kept}"]
        done = subprocess.run(
            command, cwd=self.home, env=self._surroundings(), timeout=SECONDS, text=True, check=False,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip
        assert done.returncode == 0, f"{place} ended with {done.returncode}:\n{text}\n{done.stdout}\n{self._logs()}"
        return done.stdout

    def in_terminal(self, title: str, text: str) -> None:
        """Let it run beside the shell."""
        self.interrupt(title)
        with self._log(title).open("wb") as log:
            self._terminals[title] = subprocess.Popen(
                ["bash", "-c", f"{self._begin}\n{self._here(text)}"], cwd=self.home, env=self._surroundings(),
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
            )  # fmt: skip

    def interrupt(self, title: str) -> None:
        """Ctrl-C in a terminal."""
        running = self._terminals.pop(title, None)
        if running is not None and running.poll() is None:
            os.killpg(running.pid, signal.SIGINT)
            running.wait(SECONDS)

    def _wait(self, block: Block) -> None:
        wanted, ends = shown(self._here(block.text), between=_ANY_LINES), time.monotonic() + SECONDS
        while not wanted.search(_seen(self._log(block.title).read_text())):
            assert time.monotonic() < ends, f"{block.place} is not seen:\n{self._logs()}"
            time.sleep(0.05)

    @property
    def _begin(self) -> str:
        home = shlex.quote(str(self.home))  # the session may be a copy of one that was begun elsewhere
        return f"if [ -e .session ]; then . ./.session; fi; set -a; cd {home}; HOME={home}"

    def _here(self, text: str) -> str:
        for said, here in self.instead.items():
            text = text.replace(said, here)
        return text

    def _surroundings(self) -> dict[str, str]:
        path = f"{AFFLUENT.parent}:{os.environ['PATH']}"
        plain = {"NO_COLOR": "1", "COLUMNS": "120", "HOME": str(self.home), "XDG_DATA_HOME": ""}
        return {**os.environ, **plain, "PATH": path, **self.environment}

    def _log(self, title: str) -> Path:
        return self.home / f"{title.replace(' ', '-')}.log"

    def _logs(self) -> str:
        return "\n".join(f"--- {path.name}\n{path.read_text()}" for path in sorted(self.home.glob("Terminal*.log")))
