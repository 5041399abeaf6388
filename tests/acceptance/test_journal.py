"""`affluent journal export` as a person meets it."""

from __future__ import annotations

import asyncio
from pathlib import Path

from typer.testing import CliRunner

from affluent.bootstrap import build
from affluent.cli.main import app
from affluent.settings import Settings
from tests.support.books import keep_facts
from tests.unit.money.made import invoice, paid


def test_the_journal_goes_to_standard_output_or_a_file(tmp_path: Path) -> None:
    async def keep() -> None:
        hub = build(Settings(data_dir=tmp_path), own_url="http://127.0.0.1:8080")
        await hub.open()
        await keep_facts(hub.database, [invoice(), paid()])
        await hub.close()

    asyncio.run(keep())
    command = ["journal", "export", "--data-dir", str(tmp_path), "--format"]
    printed = CliRunner().invoke(app, [*command, "hledger", "--from", "2026-11-01"])
    assert (printed.exit_code, printed.output.startswith("commodity INR 1000.00\n")) == (0, True)
    file = tmp_path / "journal.csv"
    kept = CliRunner().invoke(app, [*command, "zoho", "--output", str(file)])
    assert (kept.exit_code, kept.output.startswith("2 journals are in ")) == (0, True)
    assert file.read_bytes().startswith(b"Journal Date,Reference Number,")
    assert CliRunner().invoke(app, [*command, "zoho", "--to", "soon"]).exit_code == 2
