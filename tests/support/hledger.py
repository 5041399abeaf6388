"""Debian's `hledger` as an independent judge of plain-text journals."""

from __future__ import annotations

import csv
import io
import os
import shutil
import subprocess

import pytest

MISSING = "There is no hledger on this machine: make system-hledger"
Balances = dict[tuple[str, str], str]
"""(account, commodity) → what is left, as hledger writes it."""


def judged(journal: str) -> Balances:
    """The balances of a journal that passes every check; the test is skipped where hledger is not installed."""
    if shutil.which("hledger") is None:
        pytest.skip(MISSING)
    _run(journal, "check", "--strict", "ordereddates")
    text = _run(journal, "balance", "--flat", "--no-total", "--empty", "--layout=bare", "--output-format=csv")
    return {(row["account"], row["commodity"]): row["balance"] for row in csv.DictReader(io.StringIO(text))}


def _run(journal: str, *arguments: str) -> str:
    done = subprocess.run(
        ["hledger", "--file=-", *arguments],
        input=journal,
        capture_output=True,
        text=True,
        encoding="utf-8",
        env={"LC_ALL": "C.UTF-8", "PATH": os.environ["PATH"]},
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, f"{done.stderr}\n{journal}"
    return done.stdout
