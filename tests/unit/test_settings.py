"""Where settings come from: option, variable, file of a variable, configuration file, default, in this order; errors in words."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from pydantic import ValidationError
from typer.testing import CliRunner, Result

from affluent.cli.main import app
from affluent.cli.options import settings_with
from affluent.settings import BadSettings, Settings, account_names, configured


@pytest.fixture(autouse=True)
def nothing_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in Settings.model_fields:
        monkeypatch.delenv(f"AFFLUENT_{name.upper()}", raising=False)
        monkeypatch.delenv(f"AFFLUENT_{name.upper()}_FILE", raising=False)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return written(tmp_path, 'database_url = "sqlite:///config"\nport = 7001\nlog_json = true\n')


def written(folder: Path, text: str) -> Path:
    path = folder / "affluent.toml"
    path.write_text(text)
    return path


def affluent(*arguments: object, **env: object) -> Result:
    environment = {"COLUMNS": "300", "NO_COLOR": "1", **{name: str(value) for name, value in env.items()}}
    return CliRunner().invoke(app, [str(one) for one in arguments], env=environment)


def told(*arguments: object, **env: object) -> dict[str, tuple[str, str]]:
    """Setting → value and where it comes from, as `affluent settings` says."""
    done = affluent("settings", "--json", *arguments, **env)
    assert done.exit_code == 0, done.output
    return {row["setting"]: (row["value"], row["from"]) for row in json.loads(done.output)}


def test_each_source_goes_before_the_next(file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert settings_with().database_url == ""
    monkeypatch.setenv("AFFLUENT_CONFIG", str(file))
    assert settings_with().database_url == "sqlite:///config"
    secret = tmp_path / "secret"
    secret.write_text("sqlite:///file\n")
    monkeypatch.setenv("AFFLUENT_DATABASE_URL_FILE", str(secret))
    assert settings_with().database_url == "sqlite:///file"
    monkeypatch.setenv("AFFLUENT_DATABASE_URL", "sqlite:///variable")
    assert settings_with().database_url == "sqlite:///variable"
    assert settings_with(database_url="sqlite:///option").database_url == "sqlite:///option"


def test_the_option_names_another_file_than_the_variable(file: Path, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    other = written(tmp_path / "other", "port = 7002\n")
    assert told("--config", other, AFFLUENT_CONFIG=file)["port"] == ("7002", f"config {other}")
    assert told("--config", other, AFFLUENT_CONFIG=file)["config"] == (str(other), "option")


def test_it_is_said_of_each_value_where_it_comes_from(file: Path, tmp_path: Path) -> None:
    secret = tmp_path / "token"
    secret.write_text("a-secret")
    found = told(AFFLUENT_CONFIG=file, AFFLUENT_LOG_JSON="false", AFFLUENT_METRICS_TOKEN_FILE=secret)
    assert found["port"] == ("7001", f"config {file}")
    assert found["log_json"] == ("False", "variable")
    assert found["metrics_token"] == ("set, not shown", f"file {secret}")
    assert found["host"] == ("127.0.0.1", "default")


def test_a_master_key_in_a_file_of_its_own_goes_before_one_in_the_configuration_file(tmp_path: Path) -> None:
    config = written(tmp_path, f'master_key = "{"ab" * 32}"\n')
    assert settings_with(config=config).master_key.get_secret_value() == "ab" * 32
    assert not settings_with(config=config, master_key_file=tmp_path / "key").master_key.get_secret_value()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("port = 99999", "port: Input should be less than or equal to 65535. It is: Port the server listens on"),
        ("prot = 1", "prot: there is no such setting. Did you mean port?"),
        ("AFFLUENT_PORT = 1", "AFFLUENT_PORT: there is no such setting. Did you mean port?"),
        ("zzzzzzzz = 1", "zzzzzzzz: there is no such setting. Remove it."),
        ("[server]\nport = 1", "server: there are no sections."),
        ('config = "other.toml"', "config: there is no such setting."),
        ('log_level = "loud"', "log_level: Input should be 'debug', 'info', 'warning' or 'error'"),
        ("public_url = https://x", "is not TOML"),
    ],
)
@pytest.mark.parametrize("command", ["settings", "serve", "worker", "migrate", "doctor"])
def test_a_mistake_in_the_file_stops_every_command_with_words(
    tmp_path: Path, command: str, text: str, said: str
) -> None:
    path = written(tmp_path, text)
    done = affluent(command, "--config", path)
    assert done.exit_code == 2
    assert str(path) in done.output
    assert said in " ".join(done.output.split())
    assert "Traceback" not in done.output


def test_a_secret_of_the_wrong_kind_is_not_repeated(tmp_path: Path) -> None:
    with pytest.raises(BadSettings, match="metrics_token") as refused:
        configured(written(tmp_path, "metrics_token = 31415926\n"))
    assert "31415926" not in str(refused.value)


@pytest.mark.parametrize("name", ["AFFLUENT_CONFIG", "AFFLUENT_DATABASE_URL_FILE"])
def test_a_file_that_is_not_there_is_named_with_what_names_it(tmp_path: Path, name: str) -> None:
    done = affluent("tokens", "list", **{name: tmp_path / "none"})
    assert done.exit_code == 2
    assert str(tmp_path / "none") in done.output
    assert name in done.output


def test_the_doctor_says_when_others_may_read_a_secret_of_the_file(tmp_path: Path) -> None:
    path = written(tmp_path, 'metrics_token = "secret"\n')
    path.chmod(0o644)
    (bad,) = (found for found in examined(path, tmp_path) if found["about"] == "Configuration")
    assert (bad["state"], bad["remedy"]) == ("trouble", f"chmod 600 {path}")
    path.chmod(0o600)
    (fine,) = (found for found in examined(path, tmp_path) if found["about"] == "Configuration")
    assert fine["state"] == "fine"


def examined(config: Path, folder: Path) -> list[dict[str, str]]:
    done = affluent("doctor", "--offline", "--json", "--config", config, "--data-dir", folder / "data")
    found: list[dict[str, str]] = json.loads(done.output)
    return found


def test_the_names_of_accounts_are_pairs():
    assert account_names("receivable=1200, tax rate = No VAT,") == {"receivable": "1200", "tax rate": "No VAT"}
    with pytest.raises(ValidationError, match="'revenue' is no account with its name there"):
        Settings(journal_accounts="receivable=1200, revenue")
