"""`affluent evidence`: pack the chain behind an amount, verify a pack without a server."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from affluent.cli.options import AsJson, DatabaseUrl, DataDir
from affluent.cli.output import FAILED, MISUSED, console, fail, say_json
from affluent.cli.show import with_hub
from affluent.services.provenance.evidence_pack import BadEvidence
from affluent.services.provenance.evidence_pack import verify as verified

evidence = typer.Typer(help="Evidence packs: signed, readable, verifiable offline.", no_args_is_help=True)


@evidence.command("pack")
def pack(
    asked_for: Annotated[str, typer.Argument(help="Id of a commission, sale, invoice, payment, account or run.")],
    to: Annotated[Path | None, typer.Option(help="File to write; default: evidence-ID.zip here.")] = None,
    as_json: AsJson = False,
    data_dir: DataDir = None,
    database_url: DatabaseUrl = None,
) -> None:
    """Write everything behind an amount as a signed archive."""
    made = with_hub(lambda hub: hub.evidence.pack(asked_for), data_dir, database_url)
    path = to or Path(made.name)
    path.write_bytes(made.content)
    if as_json:
        say_json({"path": str(path), "fingerprint": made.fingerprint})
        return
    console.print(f"{path}: signed by the key {made.fingerprint}", highlight=False)


@evidence.command("verify")
def verify(
    file: Annotated[Path, typer.Argument(help="The archive.")],
    fingerprint: Annotated[str, typer.Option(help="Fingerprint that the signing key must have.")] = "",
    as_json: AsJson = False,
) -> None:
    """Say whether anything in the pack was changed. Needs no server and no network; exit code 1 when it was."""
    try:
        archive = file.read_bytes()
    except OSError as error:
        fail(f"{file}: {error.strerror}", MISUSED)
    try:
        pack = verified(archive, expected=fingerprint)
    except BadEvidence as error:
        if as_json:
            say_json({"is_sound": False, "problem": str(error)})
            raise typer.Exit(FAILED) from error
        fail(f"{file}: {error}")
    if as_json:
        facts = {"subject": pack.subject, "made_at": pack.made_at, "fingerprint": pack.fingerprint}
        say_json({"is_sound": True, **facts, "files": sorted(pack.files)})
        return
    console.print(f"Unchanged: {pack.subject}, made at {pack.made_at}.", highlight=False)
    console.print(f"Signed by the key {pack.fingerprint}", highlight=False)
