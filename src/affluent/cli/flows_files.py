"""`affluent export`, `plan`, `apply` and `schema`: flows and connections as files that are reviewed in git."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from affluent.bootstrap import Hub
from affluent.catalog import load
from affluent.cli.options import AsJson, DatabaseUrl, DataDir
from affluent.cli.output import MISUSED, console, fail, say_json
from affluent.cli.show import with_hub
from affluent.services.connections.views import ConnectionTest
from affluent.services.errors import Invalid
from affluent.services.flow_files.json_schema import file_schema
from affluent.services.flow_files.model import FlowFile
from affluent.services.flow_files.service import Applied, FilePlan
from affluent.services.flow_files.yaml_text import read, write

Files = Annotated[list[Path], typer.Argument(help="YAML files, or folders of them.")]


def export(
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Write here; default: standard output.")] = None,
    as_json: AsJson = False,
    data_dir: DataDir = None,
    database_url: DatabaseUrl = None,
) -> None:
    """All connections (without secrets), flows of your own and flow connections as YAML."""
    say_file(with_hub(lambda hub: hub.files.export(), data_dir, database_url), output, as_json=as_json)


def plan(files: Files, as_json: AsJson = False, data_dir: DataDir = None, database_url: DatabaseUrl = None) -> None:
    """Say in words what applying files would change; nothing is changed. Exit code 1: the files cannot be applied."""
    file = _read(files)
    changes = with_hub(lambda hub: hub.files.plan(file), data_dir, database_url)
    if as_json:
        say_json(asdict(changes))
        return
    _show(changes, done=False)


def apply(
    files: Files,
    test: Annotated[bool, typer.Option(help="Try changed connections at their vendors afterwards.")] = True,
    as_json: AsJson = False,
    data_dir: DataDir = None,
    database_url: DatabaseUrl = None,
) -> None:
    """Make it as the files say, all of it or nothing. What they do not mention stays."""
    carry_out(files, test=test, as_json=as_json, data_dir=data_dir, database_url=database_url)


def schema(
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Write here; default: standard output.")] = None,
) -> None:
    """The JSON Schema of these files, for completion in an editor."""
    if output is None:
        say_json(file_schema(load()))
        return
    output.write_text(pretty_schema())


def pretty_schema() -> str:
    """The schema as it is published."""
    return json.dumps(file_schema(load()), indent=1, ensure_ascii=False) + "\n"


def carry_out(files: list[Path], *, test: bool, as_json: bool, data_dir: Path | None, database_url: str | None) -> None:
    """Apply files, then try what was changed."""
    file = _read(files)

    async def work(hub: Hub) -> tuple[Applied, list[ConnectionTest]]:
        applied = await hub.files.apply(file, author="command line")
        return applied, [await hub.connections.test(test_) for test_ in (applied.untested if test else ())]

    applied, tests = with_hub(work, data_dir, database_url)
    if as_json:
        test_results = [
            {"connection": test_.connection.name, "ok": test_.ok, "message": test_.message} for test_ in tests
        ]
        say_json({**asdict(applied.plan), "tests": test_results, "hook_secrets": applied.hook_secrets})
    else:
        _show(applied.plan, done=True)
        for test_ in tests:
            console.print(f"{test_.connection.app}/{test_.connection.name}: {test_.message}", highlight=False)
        for what, secret in applied.hook_secrets.items():
            console.print(f"{what}: the secret of its webhook, shown once: {secret}", highlight=False, soft_wrap=True)
    if not all(test_.ok for test_ in tests):
        raise typer.Exit(1)


def say_file(file: FlowFile, output: Path | None, *, as_json: bool) -> None:
    """A file on standard output or where it is wanted."""
    if as_json:
        say_json(file.model_dump(mode="json"))
    elif output is None:
        typer.echo(write(file), nl=False)
    else:
        output.write_text(write(file))


def _read(files: list[Path]) -> FlowFile:
    paths = [path_ for path in files for path_ in (sorted(path.glob("*.y*ml")) if path.is_dir() else [path])]
    if not paths:
        fail(f"{files[0]}: there is no YAML file in this folder.", MISUSED)
    try:
        return read([(path.name, path.read_text()) for path in paths])
    except Invalid as error:
        fail("\n".join(text for _, text in error.problems))
    except (OSError, UnicodeDecodeError) as error:
        fail(f"A file cannot be read: {error}", MISUSED)


def _show(plan_: FilePlan, *, done: bool) -> None:
    for change in plan_.changes:
        verb = ("added" if done else "would be added") if change.is_new else ("changed" if done else "would be changed")
        console.print(f"{'+' if change.is_new else '~'} {change.what} {verb}", highlight=False, markup=False)
        for sentence in change.sentences:
            console.print(f"    {sentence}", highlight=False, markup=False)
    for text in plan_.attention:
        console.print(f"! {text}", highlight=False, markup=False)
    number = len(plan_.changes)
    summary = f"{number} {'change' if number == 1 else 'changes'}, {plan_.unchanged} as they are."
    console.print(summary if number else "Nothing to change.", highlight=False)
