"""What is shipped to run Affluent with: it parses, names real commands, settings and metrics, and is hardened."""

from __future__ import annotations

import configparser
import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml
from typer.main import get_command

from affluent.cli.main import app
from affluent.cli.settings import variable
from affluent.kit.metrics import registry
from affluent.settings import SecretFiles, Settings, configured

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
UNITS = sorted(DEPLOY.glob("*.service"))
NAME = re.compile(r"\baffluent_\w+")
COMPOSE = yaml.safe_load((ROOT / "compose.yaml").read_text())


def metric_names() -> set[str]:
    """Every name that /metrics may show."""
    names: set[str] = set()
    for family in registry.collect():
        names.add(family.name)
        suffixes = {"counter": ("_total",), "histogram": ("_bucket", "_count", "_sum")}.get(family.type, ())
        names |= {family.name + suffix for suffix in suffixes}
    return names


def commands() -> set[str]:
    return set(get_command(app).commands)  # type: ignore[attr-defined]  # a group has commands


@pytest.mark.parametrize("file", ["grafana-dashboard.json", "alert-rules.yaml"])
def test_every_metric_that_is_looked_at_exists(file: str) -> None:
    used = set(NAME.findall((DEPLOY / file).read_text()))
    assert len(used) > 4
    assert used - metric_names() == set()


def test_the_dashboard_shows_every_metric() -> None:
    shown = set(NAME.findall((DEPLOY / "grafana-dashboard.json").read_text()))
    assert [family.name for family in registry.collect() if not any(one.startswith(family.name) for one in shown)] == []


def test_the_dashboard_has_no_two_panels_in_one_place() -> None:
    panels = json.loads((DEPLOY / "grafana-dashboard.json").read_text())["panels"]
    places = [(panel["gridPos"]["x"], panel["gridPos"]["y"]) for panel in panels]
    assert len(set(places)) == len(places)


def test_every_alert_says_what_to_do() -> None:
    (group,) = yaml.safe_load((DEPLOY / "alert-rules.yaml").read_text())["groups"]
    for rule in group["rules"]:
        assert rule["labels"]["severity"] in ("page", "ticket")
        assert len(rule["annotations"]["summary"]) > 60


def unit(path: Path) -> configparser.ConfigParser:
    parser = configparser.ConfigParser(strict=False, interpolation=None)
    parser.optionxform = str  # type: ignore[assignment, method-assign]  # keys keep their case
    parser.read(path)
    return parser


@pytest.mark.parametrize("path", UNITS, ids=lambda path: path.name)
def test_a_unit_starts_a_command_that_exists_and_is_hardened(path: Path) -> None:
    service = unit(path)["Service"]
    assert service["ExecStart"].split()[1] in commands()
    for name in (
        "DynamicUser",
        "NoNewPrivileges",
        "PrivateTmp",
        "PrivateDevices",
        "ProtectHome",
        "MemoryDenyWriteExecute",
    ):
        assert service[name] == "yes"
    assert service["ProtectSystem"] == "strict"
    assert service["CapabilityBoundingSet"] == ""


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="there is no systemd here")
@pytest.mark.parametrize("path", UNITS, ids=lambda path: path.name)
def test_systemd_accepts_a_unit(path: Path) -> None:
    done = subprocess.run(["systemd-analyze", "verify", path], capture_output=True, text=True, check=False)
    complaints = [line for line in done.stderr.splitlines() if path.name in line and "is not executable" not in line]
    assert complaints == []


@pytest.mark.parametrize("path", [*UNITS, ROOT / "compose.yaml", ROOT / "Dockerfile"], ids=lambda path: path.name)
def test_every_variable_is_a_setting(path: Path) -> None:
    known = {variable(name) for name in Settings.model_fields} | {
        f"{variable(name)}_FILE" for name in SecretFiles.NAMES
    }
    assert set(re.findall(r"\bAFFLUENT_[A-Z_]+", path.read_text())) - known == set()


def test_the_configuration_file_that_is_shipped_is_accepted_whole_with_what_it_leaves_to_be_filled_in(
    tmp_path: Path,
) -> None:
    text = (DEPLOY / "affluent.toml").read_text()
    filled = tmp_path / "filled.toml"
    filled.write_text(re.sub(r"^# (\w+ = )", r"\1", text, flags=re.MULTILINE))
    assert configured(DEPLOY / "affluent.toml").keys() < configured(filled).keys()


@pytest.mark.parametrize("path", UNITS, ids=lambda path: path.name)
def test_a_unit_hands_the_configuration_file_over_that_it_names(path: Path) -> None:
    text = path.read_text()
    assert "AFFLUENT_CONFIG=%d/affluent.toml" in text
    assert "LoadCredential=affluent.toml:/etc/affluent/affluent.toml" in text


def test_the_containers_are_given_the_configuration_file_that_they_name() -> None:
    assert (ROOT / COMPOSE["configs"]["affluent"]["file"]).exists()
    for name in ("server", "worker"):
        (mounted,) = COMPOSE["services"][name]["configs"]
        assert COMPOSE["services"][name]["environment"]["AFFLUENT_CONFIG"] == mounted["target"]


def test_compose_runs_a_server_two_workers_and_a_database_on_the_loopback_only() -> None:
    services = COMPOSE["services"]
    assert set(services) == {"postgres", "server", "worker"}
    assert services["worker"]["deploy"]["replicas"] == 2
    assert all(port.startswith("127.0.0.1:") for service in services.values() for port in service.get("ports", ()))
    for name in ("server", "worker"):
        assert services[name]["command"][0] in commands()
        assert services[name]["read_only"]
        assert services[name]["cap_drop"] == ["ALL"]


def test_every_secret_and_volume_of_compose_is_declared() -> None:
    for service in COMPOSE["services"].values():
        assert set(service.get("secrets", ())) <= set(COMPOSE["secrets"])
        assert {volume.split(":")[0] for volume in service.get("volumes", ())} <= set(COMPOSE["volumes"])


def test_the_image_runs_as_nobody_special_and_checks_every_archive() -> None:
    text = (ROOT / "Dockerfile").read_text()
    assert re.findall(r"^USER (\S+)$", text, re.MULTILINE) == ["affluent"]
    assert "--require-hashes" in text
    copied = re.findall(r"^COPY (?!--from)(.+) \S+$", text, re.MULTILINE)
    assert all((ROOT / name).exists() for line in copied for name in line.split())
