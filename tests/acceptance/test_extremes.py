"""Dates, zones and numbers at the ends of what they can be, given on the command line: a sentence, never a traceback."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from affluent.cli.main import app, main


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder: Path = tmp_path_factory.mktemp("installation")
    assert CliRunner().invoke(app, ["migrate", "--data-dir", str(folder)]).exit_code == 0
    return folder


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("runs list --since 0001-01-01T00:00:00+05:30", "--since"),
        ("runs list --since 9999-12-31T23:59:59-05:00", "--since"),
        ("runs list --since 0001-01-01", "--since"),
        ("reconcile --from 0001-01-01 --to 0001-01-02", "--from"),
        ("reconcile --from 9999-12-31 --to 9999-12-31", "--from"),
        ("reconcile --from 2026-11-01 --to 9999-12-31", "--to"),
        ("reconcile --from 2026-11-01 --to 2026-11-02 --zone America", "zone"),
        ("reconcile --from 2026-11-01 --to 2026-11-02 --zone ../etc", "zone"),
        ("tokens create --name X --scope runs:read --days 999999999999", "--days"),
        ("tokens rotate tok_x --overlap-hours 999999999999", "--overlap-hours"),
        (f"runs replay run_x --version {10**30}", "--version"),
    ],
)
def test_an_extreme_date_zone_or_number_is_refused_by_its_name(installation: Path, line: str, said: str) -> None:
    done = CliRunner().invoke(
        app, [*line.split(), "--data-dir", str(installation)], env={"COLUMNS": "200", "NO_COLOR": "1"}
    )
    assert isinstance(done.exception, SystemExit), done.output
    assert done.exit_code in (1, 2)
    assert said in done.output


def test_a_time_long_ago_is_simply_long_ago(installation: Path) -> None:
    done = CliRunner().invoke(app, ["runs", "list", "--since", "999999d", "--data-dir", str(installation)])
    assert done.exit_code == 0


def test_an_argument_that_is_no_text_is_refused(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["affluent", "tokens", "create", "--name", "a\udcff"])
    with pytest.raises(SystemExit) as refused:
        main()
    assert refused.value.code == 2
    assert "UTF-8" in "".join(capsys.readouterr())
