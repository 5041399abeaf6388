"""`affluent payouts check` as a person meets it: tables, JSON, CSV, exit codes, errors in words."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import Result
from typer.testing import CliRunner

from affluent.bootstrap import build
from affluent.cli.main import app
from affluent.domain.money.facts import Fact
from affluent.settings import Settings
from tests.support.books import TRACKER, keep_facts, keep_tracker
from tests.unit.money.made import commission, invoice, paid, refund

EARNED = replace(commission(15000), source=TRACKER)


def check(folder: Path, *options: str) -> Result:
    return CliRunner().invoke(app, ["payouts", "check", "--data-dir", str(folder), *options])


def keep(folder: Path, *facts: Fact) -> None:
    async def work() -> None:
        hub = build(Settings(data_dir=folder), own_url="http://127.0.0.1:8080")
        await hub.open()
        await keep_tracker(hub.database, hub.vault)
        await keep_facts(hub.database, facts)
        await hub.close()

    asyncio.run(work())


def test_without_a_tracker_the_command_says_what_is_missing(tmp_path: Path) -> None:
    done = check(tmp_path)
    assert (done.exit_code, "no connection to an affiliate tracker" in done.output) == (1, True)


@pytest.mark.parametrize("options", [("--as-of", "soon"), ("--csv", "--json")])
def test_options_that_make_no_sense_are_refused(tmp_path: Path, options: tuple[str, ...]) -> None:
    assert check(tmp_path, *options).exit_code == 2


def test_what_should_not_be_paid_ends_with_one(tmp_path: Path) -> None:
    keep(tmp_path, invoice(), paid(), refund(47200), EARNED)
    table = check(tmp_path, "--as-of", "2026-11-30")
    assert (table.exit_code, "INR 472.00 of" in table.output) == (1, True)
    document = json.loads(check(tmp_path, "--as-of", "2026-11-30", "--json").output)
    assert [promoter["to_pay"] for promoter in document["promoters"]] == [9000]
    assert (
        check(tmp_path, "--as-of", "2026-11-30", "--csv")
        .output.splitlines()[1]
        .startswith("promoter,pro_1,INR,150.00,")
    )


def test_a_clean_check_ends_with_nought(tmp_path: Path) -> None:
    keep(tmp_path, invoice(), paid(), EARNED)
    assert check(tmp_path, "--as-of", "2026-11-30").exit_code == 0
