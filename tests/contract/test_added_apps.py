"""Apps that anyone adds: a fresh folder keeps every promise of the catalogue, and the tutorial's app talks to its vendor."""

from __future__ import annotations

import asyncio
import importlib.util
import os
import re
import sys
from pathlib import Path

from typer.testing import CliRunner

from affluent.cli.main import app as command
from affluent.sdk import App
from tests.support.apps import Call, Say, bench, local_vendor

HERE = Path(__file__).parents[2]
KEY = "carrier_pigeon"
COMMAND = "from affluent.cli.main import app; app()"
PROMISES = 18
"""Contract tests that a folder with one action has at least."""


async def outcome(site: Path, *arguments: str | Path) -> tuple[int, str]:
    """What a command says of a Python that has the package of this folder installed."""
    path = os.pathsep.join((str(site), os.environ.get("PYTHONPATH", ""))).rstrip(os.pathsep)
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *map(str, arguments),
        cwd=HERE,
        env={**os.environ, "PYTHONPATH": path},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said, _ = await process.communicate()
    return process.returncode or 0, said.decode()


def installed(site: Path) -> Path:
    """A fresh app as a package of its own, which declares it by an entry point."""
    made = CliRunner().invoke(command, ["apps", "new", KEY, "--into", str(site)])
    assert made.exit_code == 0, made.output
    about = site / f"{KEY}-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {KEY}\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text(f"[affluent.apps]\n{KEY} = {KEY}.app:app\n")
    return site / KEY


async def test_a_fresh_app_is_found_by_its_entry_point_and_passes_the_contract_tests_and_its_own(
    tmp_path: Path,
) -> None:
    folder = installed(tmp_path)
    quiet = ("-m", "pytest", "-q", "-p", "no:cacheprovider")
    status, said = await outcome(tmp_path, *quiet, "tests/contract/test_apps.py", "-k", KEY)
    assert status == 0, said
    passed = re.search(r"(\d+) passed", said)
    assert passed is not None, said
    assert int(passed[1]) >= PROMISES
    status, said = await outcome(tmp_path, *quiet, "--rootdir", HERE, "-c", "pyproject.toml", folder / "tests")
    assert (status, "1 passed" in said) == (0, True), said
    status, said = await outcome(tmp_path, "-c", COMMAND, "apps", "check", KEY)
    assert (status, "Carrier pigeon is silver." in said) == (0, True), said


async def test_a_fresh_app_that_breaks_a_promise_does_not_pass(tmp_path: Path) -> None:
    (installed(tmp_path) / "README.md").write_text("Soon.\n")
    status, said = await outcome(
        tmp_path, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/contract/test_apps.py", "-k", KEY
    )
    assert status == 1, said
    assert "test_it_has_a_readme_that_says_how_to_connect[carrier_pigeon]" in said


async def test_an_app_that_cannot_be_imported_stops_no_command(tmp_path: Path) -> None:
    (installed(tmp_path) / "app.py").write_text("raise RuntimeError('no wings')\n")
    status, said = await outcome(tmp_path, "-c", COMMAND, "apps", "list")
    assert (status, f"Broken: {KEY} ({KEY} 1.0, {KEY}.app:app): it cannot be imported" in said) == (0, True), said
    status, said = await outcome(tmp_path, "-c", COMMAND, "apps", "show", KEY)
    assert (status, "RuntimeError: no wings" in said) == (2, True), said
    data = ("--data-dir", tmp_path / "data")
    status, said = await outcome(tmp_path, "-c", COMMAND, "migrate", *data)
    assert status == 0, said
    status, said = await outcome(tmp_path, "-c", COMMAND, "doctor", "--offline", "--json", *data)
    assert (status, f"{KEY} ({KEY} 1.0, {KEY}.app:app): it cannot be imported" in said) == (1, True), said


def tutorials_app(folder: Path) -> App:
    """The app that the tutorial's page builds."""
    page = (HERE / "docs" / "apps" / "tutorial.md").read_text()
    (folder / "app.py").write_text(re.findall(r"```python\n(.*?)```", page, re.DOTALL)[0])
    spec = importlib.util.spec_from_file_location("tutorials_sms", folder / "app.py")
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.app


async def test_the_tutorials_app_signs_in_and_sends_a_message_to_its_vendor(tmp_path: Path) -> None:
    def answer(call: Call) -> Say:
        if call.headers.get("authorization") != "Bearer key-1":
            return Say(status=401, body={"message": "no such key"})
        return Say(body={"name": "Acme"}) if call.path == "/me" else Say(status=201, body={"id": "m-7", "parts": 1})

    async with (
        local_vendor(answer) as vendor,
        bench(tutorials_app(tmp_path), {"base_url": vendor.url, "key": "key-1"}) as desk,
    ):
        assert await desk.test() == "Signed in as Acme."
        sent = await desk.run("send", {"to": "+49301234567", "text": "Your invoice is paid."})
    assert sent.id == "m-7"
    assert vendor.asked() == ["GET /me", "POST /messages"]
    assert vendor.calls[1].body == {"to": "+49301234567", "text": "Your invoice is paid."}
