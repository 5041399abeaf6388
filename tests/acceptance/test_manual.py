"""The paths of the manual, walked: from nothing to a sale, to a flow of one's own, to a restored backup, to PostgreSQL."""

from __future__ import annotations

import json
import shlex
import shutil
import time
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from typer.testing import CliRunner

from affluent.cli.main import app
from tests.acceptance.process import free_port
from tests.postgres import PostgresServer
from tests.support.pages import DOCS, blocks
from tests.support.walk import Walk

SERVER, TWINS = free_port(), free_port()
SERVE = "Terminal: server"
HERE = {":8080": f":{SERVER}", ":8090": f":{TWINS}", "affluent twins": f"affluent twins --port {TWINS}"}
PEOPLE = 30
WALKED = ("first-sale.md", "own-flow.md", "operations/backup.md", "operations/postgresql.md")
TYPED = ("files.md", "operations/install.md", "operations/monitoring.md", "operations/upgrade.md")
pytestmark = pytest.mark.timeout(600)


def walking(home: Path, instead: dict[str, str] | None = None, **environment: str) -> Walk:
    return Walk(home, {**HERE, **(instead or {})}, {"AFFLUENT_PORT": str(SERVER), **environment})


@pytest.fixture(scope="module")
def sold(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The home of somebody who has followed the first page and stopped everything."""
    home = tmp_path_factory.mktemp("reader")
    with walking(home) as reader:
        reader.follow("first-sale.md")
        assert reader.passed_over("first-sale.md") == []
        (home / "books.json").write_text(json.dumps(books(reader, "firstpromoter")))
        (home / "runs.json").write_text(json.dumps(runs(reader)))
    return home


@pytest.fixture
def home(sold: Path, tmp_path: Path) -> Path:
    """A copy of it."""
    return shutil.copytree(sold, tmp_path / "home")


def let_run(reader: Walk, title: str, command: str, port: int) -> None:
    """Start it in a terminal, as a page before this one did, and wait until it answers."""
    reader.in_terminal(title, command)
    reader.type(f"until curl -s -o answer http://127.0.0.1:{port}/; do sleep 0.05; done")


def books(reader: Walk, vendor: str) -> Any:
    """What a twin holds."""
    return json.loads(reader.type(f"curl -sS http://127.0.0.1:8090/{vendor}/_twin/books"))


def listed(reader: Walk, path: str) -> list[Any]:
    """What the server lists; `bill` of the first page sends the token."""
    items: list[Any] = json.loads(reader.type(f"bill 'http://127.0.0.1:8080/api/v1{path}'"))["items"]
    return items


def runs(reader: Walk) -> list[list[str]]:
    """Every run with its flow and state."""
    return sorted([run["id"], run["flow_name"], run["state"]] for run in listed(reader, "/runs?limit=200"))


def test_from_nothing_to_a_sale_that_is_tracked_once(sold: Path) -> None:
    theirs = json.loads((sold / "books.json").read_text())
    (sale,) = theirs["sales"]
    assert (sale["uid"], sale["amount"], sale["currency"]) == ("ACC-1", 249900, "USD")
    assert theirs["duplicates"] == 0


def test_to_a_flow_of_ones_own(home: Path) -> None:
    with walking(home) as reader:
        let_run(reader, "Terminal: twins", "affluent twins", TWINS)
        let_run(reader, SERVE, "affluent serve", SERVER)
        reader.follow("own-flow.md")
        assert reader.passed_over("own-flow.md") == []
        assert [state for _, flow, state in runs(reader) if flow == "Orders to Slack"] == ["succeeded"]
        assert books(reader, "slack") == {"messages": {"orders": [{"text": "Order 7: 120 USD"}]}}


@pytest.mark.parametrize("page", TYPED)
def test_the_commands_of_a_page_end_well(page: str, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a shell: each line is one command, so it is run in this process."""
    monkeypatch.chdir(home)
    monkeypatch.setenv("AFFLUENT_DATA_DIR", str(home / ".local" / "share" / "affluent"))
    for block in blocks(DOCS / page):
        if block.title:
            (home / block.title).parent.mkdir(exist_ok=True)
            (home / block.title).write_text(block.text)
        for line in block.text.splitlines() if block.kind == "sh" and not block.reason else ():
            done = CliRunner().invoke(app, shlex.split(line)[1:])
            assert done.exit_code == 0, f"{line}\n{done.output}"


def test_to_a_restored_backup(home: Path) -> None:
    (home / "backups").mkdir()
    with walking(home, {"/var/backups": f"{home}/backups"}) as reader:
        let_run(reader, SERVE, "affluent serve", SERVER)
        reader.follow("operations/backup.md", "Back up")
        reader.type("""bill http://127.0.0.1:8080/api/v1/tokens -d '{"name": "Later", "scopes": ["runs:read"]}'""")
        assert "Later" in [token["name"] for token in listed(reader, "/tokens")]
        reader.follow("operations/backup.md", "Go back")
        assert "Later" not in [token["name"] for token in listed(reader, "/tokens")]
        assert runs(reader) == json.loads((home / "runs.json").read_text())
        assert reader.passed_over("operations/backup.md", "PostgreSQL") == []


def test_to_postgresql_with_two_workers_and_its_own_backup(home: Path, postgres_server: PostgresServer) -> None:
    url = urlsplit(postgres_server.url("manual"))
    ports = [str(free_port()), str(free_port())]
    instead = {
        "createdb --owner=affluent affluent": "createdb manual",
        "postgresql://affluent:PASSWORD@db.example.com/affluent": url.geturl(),
        **dict(zip(("9100", "9101"), ports, strict=True)),
    }
    client = {"PGHOST": "127.0.0.1", "PGPORT": str(url.port), "PGUSER": str(url.username), "PGPASSWORD": str(url.password)}  # fmt: skip
    with walking(home, instead, **client) as reader:
        let_run(reader, "Terminal: twins", "affluent twins", TWINS)
        reader.follow("operations/postgresql.md")
        assert runs(reader) == json.loads((home / "runs.json").read_text())
        sign_up_until_both_have_worked(reader, ports)
        before = runs(reader)
        assert {state for _, _, state in before} == {"succeeded"}
        for title in ("Terminal: worker 1", "Terminal: worker 2"):
            reader.interrupt(title)
        reader.follow("operations/backup.md", "PostgreSQL")
        assert runs(reader) == before
        assert reader.passed_over("operations/postgresql.md") == []


def sign_up_until_both_have_worked(reader: Walk, ports: list[str]) -> None:
    """Customers sign up, each is a run, until all runs have ended; each worker has executed some."""
    tid = '"id": "FirstPromoterTid", "namespace": "USER", "name": "x", "dataType": "STRING", "value"'
    (reader.home / "people").write_text(
        "".join(
            f'{{"id": "C{n}", "name": "Customer {n}", "primaryEmail": "c{n}@shop.example", "address": {{}}, '
            f'"settings": [{{{tid}: "tid_{n:03}"}}]}}\n'
            for n in range(PEOPLE)
        )
    )
    sign_up = 'bill http://127.0.0.1:8080/togai/customers -d "$one" >/dev/null'
    reader.type(f"while read -r one; do {sign_up} & done < people; wait")
    ends = time.monotonic() + 40
    while listed(reader, "/runs?states=queued&states=running&states=waiting&limit=1"):
        assert time.monotonic() < ends, runs(reader)
        time.sleep(0.1)
    assert len(listed(reader, "/runs?states=succeeded&limit=200")) >= PEOPLE
    for port in ports:
        counted = reader.type(f"curl -sS http://127.0.0.1:{port}/metrics | grep affluent_run_seconds_count")
        assert float(counted.split()[1]) > 0
