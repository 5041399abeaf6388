"""The command line as a whole: JSON everywhere, exit codes, completion in three shells, progress on a terminal only."""

from __future__ import annotations

import json
import os
import pty
import shutil
import subprocess
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command
from typer.testing import CliRunner, Result

from affluent.cli.main import app
from tests.acceptance.process import AFFLUENT
from tests.acceptance.test_files import FLOW

SAYS_JSON_ALWAYS = {"schema"}
SERVE = {"serve", "worker", "twins"}
WRITES_FILES_ONLY = {"apps new", "journal export"}


@cache
def commands() -> dict[str, set[str]]:
    """Whole command → its options."""
    found: dict[str, set[str]] = {}
    for name, command in get_command(app).commands.items():  # type: ignore[attr-defined]  # a group has commands
        for inner, one in getattr(command, "commands", {"": command}).items():
            found[f"{name} {inner}".strip()] = {option for parameter in one.params for option in parameter.opts}
    return found


def affluent(*arguments: str, given: str = "", **env: str) -> Result:
    return CliRunner().invoke(
        app, list(arguments), input=given, env={"COLUMNS": "200", "NO_COLOR": "1", **env}, catch_exceptions=False
    )


@dataclass(frozen=True)
class Place:
    """A data folder with something of everything, and the ids of it."""

    folder: Path
    ids: dict[str, str]

    def run(self, *arguments: str, given: str = "") -> Result:
        filled = [text.format(tmp=self.folder.parent, **self.ids) for text in arguments]
        return affluent(*filled, given=given, AFFLUENT_DATA_DIR=str(self.folder))

    def json(self, *arguments: str, given: str = "") -> Any:
        done = self.run(*arguments, "--json", given=given)
        assert done.exit_code == 0, done.output
        return json.loads(done.stdout)


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Place:
    place = Place(tmp_path_factory.mktemp("template") / "data", {})
    (place.folder.parent / "orders.yaml").write_text(FLOW)
    place.json("apply", "{tmp}/orders.yaml", "--no-test")
    place.json("users", "invite", "ada@example.com", "--name", "Ada")
    ids = place.ids
    ids["token"] = place.json("tokens", "create", "--name", "Till", "--scope", "runs:read")["id"]
    ids["connection"] = place.json("connections", "list")[0]["id"]
    known = f"account_id,connection_id,kind,external_id\nA-1,{ids['connection']},customer,77\n"
    (place.folder.parent / "map.csv").write_text(known)
    place.json("identities", "import", "{tmp}/map.csv")
    ids["link"] = place.json("flows", "connections")[0]["id"]
    ids["flow"] = place.json("flows", "connections")[0]["flow_id"]
    payload = '{{"body": {{"id": "1"}}, "headers": {{}}, "method": "POST", "query": {{}}}}'
    ids["event"] = place.json("flows", "trigger", "{link}", "--payload", payload)["event_id"]
    ids["run"] = place.json("runs", "list")[0]["id"]
    place.json("backup", "{tmp}/kept.backup")
    statement = place.run("reconcile", "--from", "2026-11-01", "--to", "2026-11-02", "--json")
    ids["statement"] = json.loads(statement.stdout)["id"]
    place.json("evidence", "pack", "{run}", "--to", "{tmp}/pack.zip")
    return place


@pytest.fixture
def place(template: Place, tmp_path: Path) -> Place:
    shutil.copytree(template.folder.parent, tmp_path / "copy")
    return Place(tmp_path / "copy" / "data", template.ids)


TABLE = [
    "export", "plan {tmp}/orders.yaml", "apply {tmp}/orders.yaml --no-test", "doctor --offline", "migrate", "settings",
    "backup {tmp}/another.backup", "restore {tmp}/kept.backup --replace", "repair {statement}",
    "reconcile --from 2026-11-03 --to 2026-11-04", "apps list", "apps show togai", "apps check togai",
    "tokens create --name CI --scope runs:read --days 30 --network 192.0.2.7", "tokens list", "tokens rotate {token}",
    "tokens deactivate {token}", "tokens delete {token}", "connections list", "connections show {connection}",
    "connections create http --name Other --field base_url=https://o.example --skip-test --secrets-from-stdin",
    "connections update {connection} --field base_url=https://other.example --skip-test",
    "connections disable {connection}", "connections enable {connection}", "flows list", "flows show {flow}",
    "flows connections", "flows enable {link}", "flows disable {link}", "flows trigger {link} --payload {payload}",
    "flows export {flow}", "flows import {tmp}/orders.yaml", "runs list", "runs tail --seconds 0.01", "runs show {run}",
    "runs cancel {run}", "runs bulk cancel --state queued", "events list", "events show {event}", "identities list",
    "identities conflicts", "identities export {tmp}/out.csv", "identities import {tmp}/map.csv",
    "identities merge --app http --kind customer --external-id 77 --account-id A-1", "audit verify", "audit list",
    "keys list", "keys rotate", "keys retire", "users list", "users invite bob@example.com --name Bob",
    "users link ada@example.com", "users role ada@example.com developer", "ledger verify",
    "users deactivate ada@example.com", "evidence pack {run} --to {tmp}/other.zip", "evidence verify {tmp}/pack.zip",
]  # fmt: skip
NOT_POSSIBLE_HERE = {  # each is run with --json by the test that is named
    "move": "test_move",
    "demo": "test_commands",
    "connections test": "below, where the vendor does not answer",
    "connections delete": "below, where it is refused first",
    "payouts check": "test_payouts, with a tracker",
    "runs resume": "below, where it is refused",
    "runs replay": "below, where it is refused",
    "audit export": "writes JSON lines or CSV",
}
PAYLOAD = '{"body": {"id": "2"}, "headers": {}, "method": "POST", "query": {}}'


def name_of(line: str) -> str:
    words = line.split()
    return " ".join(words[:2]) if " ".join(words[:2]) in commands() else words[0]


def test_every_command_speaks_json_or_has_nothing_to_say() -> None:
    silent = {name for name, options in commands().items() if "--json" not in options}
    assert silent == SAYS_JSON_ALWAYS | SERVE | WRITES_FILES_ONLY


def test_the_table_knows_every_command() -> None:
    known = {name_of(line) for line in TABLE} | NOT_POSSIBLE_HERE.keys() | SAYS_JSON_ALWAYS | SERVE | WRITES_FILES_ONLY
    assert known == commands().keys()


@pytest.mark.parametrize("line", TABLE, ids=name_of)
def test_a_command_prints_one_json_document_and_nothing_else(place: Place, line: str) -> None:
    given = "{}" if "--secrets-from-stdin" in line else ""
    words = [
        PAYLOAD if word == "{payload}" else word.format(tmp=place.folder.parent, **place.ids) for word in line.split()
    ]
    done = affluent(*words, "--json", given=given, AFFLUENT_DATA_DIR=str(place.folder))
    assert done.exit_code == 0, done.output
    if not line.startswith("runs tail"):
        json.loads(done.stdout)
    assert done.stderr == ""


@pytest.mark.parametrize(
    ("line", "code", "said"),
    [
        ("connections delete {connection}", 1, "used"),
        ("connections show con_none", 1, "There is no connection con_none"),
        ("connections test con_none", 1, "There is no connection con_none"),
        ("connections create http --name X --skip-test --secrets-from-stdin", 1, "base_url: This field is required."),
        ("connections create nothing --name X", 2, "There is no app 'nothing'"),
        ("flows show flo_none", 1, "There is no flow flo_none"),
        ("flows trigger {link} --payload [1", 2, "--payload"),
        ("flows trigger {link} --payload 7", 2, "--payload must be a JSON object"),
        ("flows enable fco_none", 1, "There is no flow connection fco_none"),
        ("runs show run_none", 1, "There is no run run_none"),
        ("runs resume {run}", 1, "only a failed, unknown, cancelled"),
        ("runs list --state nowhere", 2, "there is no such state"),
        ("runs list --since yesterday", 2, "--since yesterday"),
        ("runs bulk resume", 2, "Say which runs"),
        ("runs list --limit 0", 2, "--limit"),
        ("events show evt_none", 1, "There is no event evt_none"),
        ("tokens rotate tok_none", 1, "There is no token tok_none"),
        ("tokens delete tok_none", 1, "There is no token tok_none"),
        ("tokens create --name X --scope nothing", 1, "nothing"),
        ("tokens create --name X --scope runs:read --network here", 1, "'here' is no network"),
        ("users link nobody@example.com", 1, "There is nobody"),
        ("restore {tmp}/none.backup --check", 1, "There is no backup"),
        ("restore {tmp}/kept.backup", 1, "--replace"),
        ("plan {tmp}/none.yaml", 2, "none.yaml"),
        ("reconcile --from x --to y", 2, "--from 'x' is not a day"),
        ("evidence verify {tmp}/map.csv", 1, "map.csv"),
        ("ledger verify --head nonsense", 2, "--head: 'nonsense' is not chain=hash"),
        ("move --to mysql://x", 2, "--to must be postgresql://"),
        ("nonsense", 2, "No such command"),
    ],
)
def test_what_goes_wrong_is_said_on_standard_error_with_its_exit_code(
    place: Place, line: str, code: int, said: str
) -> None:
    done = place.run(*line.split(), given="{}")
    assert done.exit_code == code, done.output
    assert said in " ".join(done.stderr.split())
    assert "Traceback" not in done.output


def test_an_event_of_its_own_is_not_followed_for_ever(place: Place) -> None:
    payload = '{{"body": {{"id": "2"}}, "headers": {{}}, "method": "POST", "query": {{}}}}'
    done = place.run("flows", "trigger", "{link}", "--follow", "--payload", payload)
    assert done.exit_code == 2, done.output
    assert "no backfill to follow" in done.stderr


SCRIPTS = {"bash": "complete -o default -F", "zsh": "#compdef affluent", "fish": "complete --command affluent"}


@pytest.mark.parametrize("shell", SCRIPTS)
def test_the_completion_script_of_a_shell_is_printed_and_is_good(shell: str, tmp_path: Path) -> None:
    script = tmp_path / "script"
    script.write_text(script_of(shell))
    assert SCRIPTS[shell] in script.read_text()
    assert "affluent" in script.read_text()
    if program := shutil.which(shell):
        subprocess.run([program, "-n", script], check=True)


@cache
def script_of(shell: str) -> str:
    environment = {**os.environ, "_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION": "1"}
    command = [AFFLUENT, "--show-completion", shell]
    return subprocess.run(command, capture_output=True, text=True, check=True, env=environment).stdout


@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        ("affluent ru", {"runs"}),
        ("affluent runs re", {"resume", "replay"}),
        ("affluent runs bulk ", {"resume", "replay", "cancel"}),
        ("affluent serve --po", {"--port"}),
        ("affluent flows ex", {"export"}),
    ],
)
def test_each_shell_is_offered_what_can_come_next(typed: str, offered: set[str]) -> None:
    words = typed.split(" ")
    bash = {"COMP_WORDS": typed, "COMP_CWORD": str(len(words) - 1), "_AFFLUENT_COMPLETE": "complete_bash"}
    zsh = {"_TYPER_COMPLETE_ARGS": typed, "_AFFLUENT_COMPLETE": "complete_zsh"}
    fish = {**zsh, "_AFFLUENT_COMPLETE": "complete_fish", "_TYPER_COMPLETE_FISH_ACTION": "get-args"}
    for environment in (bash, zsh, fish):
        done = affluent(**environment)
        assert all(word in done.stdout for word in offered), (environment, done.output)
        assert "identities" not in done.stdout


def test_bash_itself_completes_a_command(tmp_path: Path) -> None:
    script = f"{script_of('bash')}\nCOMP_WORDS=(affluent runs re); COMP_CWORD=2; _affluent_completion affluent; echo ${{COMPREPLY[@]}}"
    environment = {**os.environ, "PATH": f"{AFFLUENT.parent}:{os.environ['PATH']}"}
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=True, env=environment)
    assert done.stdout.split() == ["resume", "replay"]


LONG = {
    "Backing up": ("backup", "{tmp}/new.backup"),
    "Reading": ("restore", "{tmp}/kept.backup", "--check"),
    "Restoring": ("restore", "{tmp}/kept.backup", "--replace"),
    "Cancel": ("runs", "bulk", "cancel", "--state", "queued", "--yes"),
    "Reading the books": ("reconcile", "--from", "2026-11-05", "--to", "2026-11-06"),
}


@pytest.mark.parametrize("what", LONG)
def test_long_work_shows_how_far_it_is_on_a_terminal_and_nothing_when_piped(place: Place, what: str) -> None:
    words = [word.format(tmp=place.folder.parent) for word in LONG[what]]
    environment = {**os.environ, "AFFLUENT_DATA_DIR": str(place.folder), "TERM": "xterm", "COLUMNS": "120"}
    master, terminal = pty.openpty()
    done = subprocess.run(
        [AFFLUENT, *words], stdout=subprocess.PIPE, stderr=terminal, text=True, check=False, env=environment
    )
    os.close(terminal)
    shown = os.read(master, 65_536).decode()
    os.close(master)
    assert done.returncode == 0, shown
    assert what in shown
    assert "\x1b" not in done.stdout
    again = [word.replace("new.backup", "newer.backup").replace("11-0", "11-1") for word in words]
    piped = subprocess.run([AFFLUENT, *again], capture_output=True, text=True, check=False, env=environment)
    assert (piped.returncode, piped.stderr) == (0, "")


def test_the_version_is_the_packages() -> None:
    assert affluent("--version").stdout == f"affluent {version('affluent')}\n"


def test_a_rotated_token_is_good_with_both_secrets_and_a_deactivated_one_with_none(place: Place) -> None:
    assert {token["id"]: token["status"] for token in place.json("tokens", "list")}[place.ids["token"]] == "active"
    rotated = place.json("tokens", "rotate", "{token}", "--overlap-hours", "1")
    assert rotated["secret"].startswith("aff_")
    assert rotated["former_until"] is not None
    assert place.json("tokens", "deactivate", "{token}")["status"] == "deactivated"
    assert "deactivated" in place.run("tokens", "rotate", "{token}").stderr
    place.json("tokens", "delete", "{token}")
    assert place.ids["token"] not in {token["id"] for token in place.json("tokens", "list")}
