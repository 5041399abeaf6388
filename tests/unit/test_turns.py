"""Tests that need the machine to themselves have it."""

from __future__ import annotations

import fcntl
from pathlib import Path

import pytest

from tests.support.turns import turn


def is_free(file: Path) -> bool:
    """Whether another test could begin now."""
    with file.open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True


def test_tests_run_side_by_side(tmp_path):
    with turn(tmp_path, alone=False), turn(tmp_path, alone=False):
        assert is_free(tmp_path / "machine")
        assert is_free(tmp_path / "entrance")


def test_nobody_runs_beside_one_that_is_alone(tmp_path):
    with turn(tmp_path, alone=True):
        assert not is_free(tmp_path / "machine")
    assert is_free(tmp_path / "machine")


def test_a_test_that_fails_gives_its_turn_away(tmp_path):
    with pytest.raises(ZeroDivisionError), turn(tmp_path, alone=True):
        _ = 1 / 0
    assert is_free(tmp_path / "machine")
