"""Doctor, migrate and settings: what they see, what they advise, and that they give no secret away."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from affluent.cli.main import app
from affluent.cli.settings import variable
from affluent.settings import SecretFiles, Settings
from affluent.store.schema import upgrade as schema


def affluent(*arguments: str, env: dict[str, str] | None = None) -> Result:
    return CliRunner().invoke(app, arguments, env={"COLUMNS": "200", "NO_COLOR": "1", **(env or {})})


def examined(folder: Path, *more: str, env: dict[str, str] | None = None) -> tuple[int, dict[str, dict[str, str]]]:
    """Exit code and findings by what they are about."""
    done = affluent("doctor", "--json", "--data-dir", str(folder), *more, env=env)
    return done.exit_code, {finding["about"]: finding for finding in json.loads(done.output)}


def test_before_the_first_start_nothing_is_bad_and_nothing_is_made(tmp_path: Path) -> None:
    code, found = examined(tmp_path / "data")
    assert code == 0
    assert "the first start makes" in found["Database"]["sentence"]
    assert not (tmp_path / "data").exists()


def test_a_migrated_installation_is_fine(tmp_path: Path) -> None:
    migrated = affluent("migrate", "--json", "--data-dir", str(tmp_path))
    assert json.loads(migrated.output) == {
        "before": "", "after": schema.head(), "release": schema.head(), "is_current": True,
    }  # fmt: skip
    code, found = examined(tmp_path)
    assert code == 0
    assert found["Database"]["state"] == "fine"


def test_a_database_that_is_behind_is_told_with_its_remedy(tmp_path: Path) -> None:
    (tmp_path / "affluent.db").touch()
    code, found = examined(tmp_path)
    assert code == 1
    assert found["Database"]["remedy"] == "affluent migrate"
    behind = affluent("migrate", "--check", "--data-dir", str(tmp_path))
    assert behind.exit_code == 1
    assert "at nothing" in behind.output


def test_a_database_of_a_newer_release_is_told_by_every_command_with_its_remedy(tmp_path: Path) -> None:
    affluent("migrate", "--data-dir", str(tmp_path))
    with sqlite3.connect(tmp_path / "affluent.db") as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.close()
    code, found = examined(tmp_path)
    assert code == 1
    assert found["Database"]["remedy"] == "Install the newer release."
    for command in (("migrate",), ("migrate", "--check"), ("serve", "--port", "0"), ("tokens", "list")):
        refused = affluent(*command, "--data-dir", str(tmp_path))
        assert refused.exit_code == 1
        assert "The database is at 9999, which a newer release made" in refused.output


def test_a_start_that_may_not_migrate_says_what_to_do(tmp_path: Path) -> None:
    env = {"AFFLUENT_MIGRATE": "false"}
    refused = affluent("serve", "--port", "0", "--data-dir", str(tmp_path), env=env)
    assert refused.exit_code == 1
    assert "Run `affluent migrate`, then start again." in refused.output
    assert affluent("migrate", "--data-dir", str(tmp_path), env=env).exit_code == 0
    assert affluent("tokens", "list", "--data-dir", str(tmp_path), env=env).exit_code == 0


def test_secrets_of_another_master_key_are_found(tmp_path: Path) -> None:
    made = affluent(
        "connections", "create", "slack", "--name", "Alerts", "--skip-test", "--secrets-from-stdin",
        "--data-dir", str(tmp_path), env={"AFFLUENT_MASTER_KEY": "ab" * 32},
    )  # fmt: skip
    assert made.exit_code != 0  # nothing was typed
    done = CliRunner().invoke(
        app,
        ["connections", "create", "slack", "--name", "Alerts", "--skip-test", "--data-dir", str(tmp_path)],
        input="https://hooks.example/T0\n",
        env={"AFFLUENT_MASTER_KEY": "ab" * 32},
    )
    assert done.exit_code == 0, done.output
    code, found = examined(tmp_path, "--offline", env={"AFFLUENT_MASTER_KEY": "cd" * 32})
    assert code == 1
    assert "The secrets of Alerts cannot be read" in found["Secrets"]["sentence"]


def test_a_key_file_that_others_may_read_is_bad(tmp_path: Path) -> None:
    affluent("tokens", "list", "--data-dir", str(tmp_path))
    (tmp_path / "master.key").chmod(0o644)
    code, found = examined(tmp_path, "--offline")
    assert code == 1
    assert found["Master key"]["remedy"].startswith("chmod 600 ")


def test_a_database_that_does_not_answer_is_told_without_its_password() -> None:
    done = affluent("doctor", "--database-url", "postgresql://user:hush-hush@127.0.0.1:9/none")
    assert done.exit_code == 1
    assert "AFFLUENT_DATABASE_URL" in done.output
    assert "hush-hush" not in done.output


def test_settings_tell_where_each_value_comes_from(tmp_path: Path) -> None:
    secret = tmp_path / "url"
    secret.write_text("postgresql://user:hush-hush@db/affluent\n")
    told = affluent("settings", "--json", env={"AFFLUENT_PORT": "9000", "AFFLUENT_DATABASE_URL_FILE": str(secret)})
    rows = {row["setting"]: row for row in json.loads(told.stdout)}
    assert set(rows) == set(Settings.model_fields)
    assert (rows["port"]["value"], rows["port"]["from"]) == ("9000", "variable")
    assert rows["database_url"]["from"] == f"file {secret}"
    assert rows["database_url"]["value"] == "postgresql://user:••••@db/affluent"
    assert rows["host"]["from"] == "default"


@pytest.mark.parametrize("name", SecretFiles.NAMES)
def test_every_setting_that_may_hold_a_secret_can_be_a_file(name: str, tmp_path: Path, monkeypatch) -> None:
    file = tmp_path / "secret"
    file.write_text("the-value\n")
    monkeypatch.setenv(f"{variable(name)}_FILE", str(file))
    value = getattr(Settings(), name)
    assert (value.get_secret_value() if hasattr(value, "get_secret_value") else value) == "the-value"


def test_every_setting_has_help() -> None:
    assert [name for name, field in Settings.model_fields.items() if not field.description] == []
