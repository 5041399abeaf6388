"""What the terminal is given: no text of a vendor may move its cursor, hide a line or set its title."""

from __future__ import annotations

import pytest

from affluent.cli.output import console, errors, table

HOSTILE = "paid\x1b[2J\x1b]0;title\x07\r\x9b1A\x00"


def test_text_of_others_cannot_draw(capsys: pytest.CaptureFixture[str]) -> None:
    console.print(HOSTILE)
    errors.print(f"[red]no:[/red] {HOSTILE}")
    table("Runs\x1b[1m", ["Id"], [[HOSTILE]])
    told = "".join(capsys.readouterr())
    assert told.count("paid") == 3
    assert not set(told) & {"\x1b", "\x07", "\r", "\x9b", "\x00"}


def test_lines_stay_lines(capsys: pytest.CaptureFixture[str]) -> None:
    console.print("one\ntwo")
    assert capsys.readouterr().out == "one\ntwo\n"
