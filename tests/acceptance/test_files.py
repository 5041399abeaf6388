"""Flows and connections as files, by the commands a person types: from one installation to another."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from affluent.cli.main import app

FLOW = """
affluent: 1
connections:
  - app: http
    name: Shop
    fields: {base_url: "https://shop.example"}
flows:
  - name: Orders to the shop
    type: inbound
    trigger: {app: webhook, trigger: received}
    steps:
      - id: order
        app: http
        action: request
        inputs: {method: POST, url: /orders}
flow_connections:
  - flow: Orders to the shop
    name: Production
    connections: {order: http/Shop}
"""


@pytest.fixture
def affluent(tmp_path: Path):
    """Runs a command on this test's data folder."""

    def run(*arguments: str, given: str | None = None, folder: str = "data", **env: str) -> Result:
        command = [*arguments, "--data-dir", str(tmp_path / folder)]
        return CliRunner().invoke(app, command, input=given, env={"COLUMNS": "200", "NO_COLOR": "1", **env})

    return run


def test_a_file_is_planned_applied_and_carried_to_another_installation(affluent, tmp_path: Path) -> None:
    file = tmp_path / "orders.yaml"
    file.write_text(FLOW)
    planned = affluent("plan", str(file))
    assert planned.exit_code == 0, planned.output
    assert "+ Flow “Orders to the shop” would be added" in planned.output
    assert affluent("flows", "connections", "--json").output.strip() == "[]"
    applied = affluent("apply", str(file), "--no-test", "--json")
    assert applied.exit_code == 0, applied.output
    assert len(json.loads(applied.output)["changes"]) == 3
    assert "Nothing to change." in affluent("plan", str(file)).output
    exported = affluent("export").output
    carried = tmp_path / "carried.yaml"
    carried.write_text(exported)
    assert affluent("apply", str(carried), "--no-test", folder="other").exit_code == 0
    assert affluent("export", folder="other").output == exported


def test_a_mistake_is_named_with_its_file_and_place_and_nothing_is_changed(affluent, tmp_path: Path) -> None:
    file = tmp_path / "orders.yaml"
    file.write_text(FLOW.replace("action: request", "action: requests"))
    refused = affluent("apply", str(file))
    assert refused.exit_code == 1
    assert refused.output.count("steps.0.action") == 1
    assert "Flow “Orders to the shop”: steps.0.action" in refused.output
    assert json.loads(affluent("connections", "list", "--json").output) == []


def test_a_connection_takes_its_secrets_from_standard_input_and_never_shows_them(affluent) -> None:
    secret = "fp-secret-key-0001"
    made = affluent(
        "connections", "create", "firstpromoter", "--name", "Main", "--field", "account_id=acc",
        "--secrets-from-stdin", "--skip-test", "--json", given=json.dumps({"api_key": secret}),
    )  # fmt: skip
    assert made.exit_code == 0, made.output
    assert json.loads(made.output)["secrets"] == ["api_key"]
    known = json.loads(made.output)["id"]
    assert known in affluent("connections", "list", COLUMNS="40").output  # an id is never cut
    for arguments in (("connections", "list"), ("connections", "show", known), ("export",)):
        shown = affluent(*arguments)
        assert shown.exit_code == 0
        assert "Main" in shown.output
        assert secret not in shown.output


def test_a_secret_is_asked_for_without_an_echo(affluent) -> None:
    made = affluent(
        "connections", "create", "slack", "--name", "Alerts", "--skip-test", given="https://hooks.example/T0/secret\n"
    )
    assert made.exit_code == 0, made.output
    assert "T0/secret" not in made.output


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("connections", "create", "nothing", "--name", "x"), "There is no app 'nothing'"),
        (("runs", "list", "--state", "lost"), "there is no such state"),
        (("runs", "list", "--since", "yesterday"), "write 30m, 6h, 7d"),
        (("runs", "bulk", "resume"), "Say which runs"),
    ],
)
def test_a_misused_command_says_what_to_write_and_ends_with_two(
    affluent, arguments: tuple[str, ...], said: str
) -> None:
    misused = affluent(*arguments)
    assert misused.exit_code == 2
    assert said in misused.output


@pytest.mark.parametrize(
    "arguments",
    [
        ("runs", "show", "run_x"),
        ("events", "show", "evt_x"),
        ("flows", "show", "flo_x"),
        ("connections", "show", "con_x"),
    ],
)
def test_what_is_not_there_is_said_in_a_sentence_and_ends_with_one(affluent, arguments: tuple[str, ...]) -> None:
    missing = affluent(*arguments)
    assert missing.exit_code == 1
    assert "There is no" in missing.output
    assert "Traceback" not in missing.output


@pytest.mark.parametrize("noun", ["apps", "connections", "flows", "runs", "events", "identities", "tokens"])
def test_every_list_speaks_json(affluent, noun: str) -> None:
    arguments = (noun, "list", "--json")
    listed = CliRunner().invoke(app, arguments) if noun == "apps" else affluent(*arguments)
    assert listed.exit_code == 0, listed.output
    assert isinstance(json.loads(listed.output), list)


def test_the_schema_is_json() -> None:
    told = CliRunner().invoke(app, ["schema"])
    assert json.loads(told.output)["properties"]["flows"]["type"] == "array"
