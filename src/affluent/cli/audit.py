"""`affluent audit`: the audit log read, exported, and its chain worked out anew."""

from __future__ import annotations

import sys
from dataclasses import asdict
from typing import Annotated

import typer

from affluent.bootstrap import Hub
from affluent.cli.options import AsJson, DatabaseUrl, DataDir
from affluent.cli.output import console, fail, say_json, table
from affluent.cli.show import with_hub
from affluent.services.operations.audit import AuditFilter, Verdict

audit = typer.Typer(help="The audit log: who changed what.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    """Add the group to the command."""
    app.add_typer(audit, name="audit")


@audit.command("verify")
def verify(
    head: Annotated[str, typer.Option(help="Digest noted earlier: it must still be in the log.")] = "",
    as_json: AsJson = False,
    data_dir: DataDir = None,
    database_url: DatabaseUrl = None,
) -> None:
    """Work the chain out anew. Keep the digest it prints elsewhere: with it, a log that was cut off is found too."""
    verdict, is_known = with_hub(lambda hub: _verify(hub, head), data_dir, database_url)
    if as_json:
        say_json({**asdict(verdict), "head_found": is_known})
    if verdict.broken_at is not None:
        fail(f"Entry {verdict.broken_at} of the audit log does not hold: {verdict.reason}.")
    if not is_known:
        fail("The digest that was noted is not in the audit log: entries were cut off or replaced.")
    if not as_json:
        console.print(f"The audit log holds: {verdict.entries} entries. Digest of the last one:", highlight=False)
        console.print(verdict.head, highlight=False, soft_wrap=True)


@audit.command("list")
def list_entries(
    noun: Annotated[str, typer.Option(help="Only about this, e.g. connection.")] = "",
    actor: Annotated[str, typer.Option(help="Only by this person or token, id or name.")] = "",
    limit: Annotated[int, typer.Option(min=1, max=200, help="How many.")] = 30,
    as_json: AsJson = False,
    data_dir: DataDir = None,
    database_url: DatabaseUrl = None,
) -> None:
    """Entries, newest first."""
    query = AuditFilter(noun=noun, actor=actor)
    entries = with_hub(lambda hub: hub.audit.find(query, limit=limit), data_dir, database_url).items
    if as_json:
        say_json([asdict(entry) for entry in entries])
        return
    rows = [[entry.number, f"{entry.at:%Y-%m-%d %H:%M:%S}", entry.sentence, entry.address] for entry in entries]
    table("Audit log", ["No.", "When (UTC)", "What", "From"], rows)


@audit.command("export")
def export(
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line instead of CSV.")] = False,
    data_dir: DataDir = None,
    database_url: DatabaseUrl = None,
) -> None:
    """All entries on standard output."""

    async def use(hub: Hub) -> None:
        async for line in hub.audit.export(AuditFilter(), as_json=as_json):
            sys.stdout.write(line)

    with_hub(use, data_dir, database_url)


async def _verify(hub: Hub, head: str) -> tuple[Verdict, bool]:
    verdict = await hub.audit.verify()
    return verdict, not head or await hub.audit.has_digest(head)
