"""The commands as a person meets them: first start, errors in words, the demo."""

from __future__ import annotations

import asyncio
import json
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from affluent.cli.main import app
from tests.acceptance.process import AFFLUENT, calling, command, free_port, new_token, started


def affluent(*arguments: str) -> subprocess.CompletedProcess[str]:
    """One command, run to its end."""
    return subprocess.run([AFFLUENT, *arguments], capture_output=True, text=True, timeout=90, check=False)


@pytest.mark.timeout(150)
def test_the_demo_plays_its_story_and_the_books_agree() -> None:
    done = affluent("demo", "--once", "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    told = json.loads(done.stdout)
    assert told["signups_tracked"] == 12
    assert told["sales_tracked"] == 12
    assert told["plans_attached"] == 12
    assert told["refunds_tracked"] == 1
    assert told["cancellations_tracked"] == 1
    assert told["not_referred"] >= 8
    assert told["retries"] > 0
    assert told["razorpay_payments"] == 1
    assert told["duplicates_at_vendor"] == 0
    assert told["lost"] == 0
    assert set(told["commissions"]) == {"USD", "EUR", "INR", "JPY", "KWD"}


def test_the_demo_plays_in_no_folder_that_has_data(tmp_path: Path) -> None:
    (tmp_path / "affluent.db").write_text("somebody's")
    done = CliRunner().invoke(app, ["demo", "--data-dir", str(tmp_path)])
    assert done.exit_code == 2
    assert (
        done.output
        == f"affluent: --data-dir: {tmp_path} has data already, and the story would go on in it. Name a new folder.\n"
    )
    assert (tmp_path / "affluent.db").read_text() == "somebody's"


@pytest.mark.timeout(150)
async def test_a_start_needs_nothing_and_no_token_comes_or_comes_back_by_itself(tmp_path: Path) -> None:
    data = tmp_path / "data"
    async with started("serve", "--port", "0", "--data-dir", str(data)) as (first, url):
        token = await new_token(first)
        assert stat.S_IMODE((data / "master.key").stat().st_mode) == 0o600
        async with calling(url, token) as call:
            assert (await call("GET", "/readyz"))["status"] == "ready"
            (only,) = (await call("GET", "/api/v1/tokens"))["items"]
            await command("tokens", "delete", only["id"], "--data-dir", str(data))
    async with started("serve", "--port", "0", "--data-dir", str(data)) as (again, _):
        listed = await command("tokens", "list", "--json", "--data-dir", str(data))
        assert listed.stdout.strip() == "[]"
    assert "/welcome/" in first.output
    assert "aff_" not in first.output + again.output


def test_a_command_that_serves_nothing_does_not_load_pages_and_api() -> None:
    asked = (
        "import sys, affluent.cli.main; print([name for name in ('fastapi', 'affluent.web') if name in sys.modules])"
    )
    loaded = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, check=True).stdout
    assert loaded == "[]\n"


async def test_a_server_stops_when_asked_and_says_so(tmp_path: Path) -> None:
    async with started("serve", "--port", "0", "--data-dir", str(tmp_path)) as (process, _):
        assert await process.stop() == 0
    assert "Stopping" in process.output


async def test_a_taken_port_is_said_in_words(tmp_path: Path) -> None:
    port = str(free_port())
    async with started("serve", "--port", port, "--data-dir", str(tmp_path / "one")):
        second = await asyncio.to_thread(affluent, "serve", "--port", port, "--data-dir", str(tmp_path / "two"))
    assert second.returncode == 1
    assert f"port {port}" in second.stderr
    assert "Traceback" not in second.stderr


async def test_two_servers_never_share_a_data_folder(tmp_path: Path) -> None:
    async with started("serve", "--port", "0", "--data-dir", str(tmp_path)):
        second = await asyncio.to_thread(affluent, "serve", "--port", "0", "--data-dir", str(tmp_path))
    assert second.returncode == 1
    assert "Another affluent process" in second.stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("worker",), "postgresql://"),
        (("serve", "--database-url", "mysql://x"), "database_url must start with"),
        (("runs", "show", "run_none", "--data-dir", "{tmp}"), "There is no run run_none"),
        (("apps", "show", "nothing"), "There is no app 'nothing'"),
        (("tokens", "create", "--name", "x", "--scope", "wishes:grant", "--data-dir", "{tmp}"), "There is no scope"),
    ],
)
def test_a_mistake_is_answered_with_a_sentence(arguments: tuple[str, ...], said: str, tmp_path: Path) -> None:
    done = affluent(*(argument.replace("{tmp}", str(tmp_path)) for argument in arguments))
    assert done.returncode in (1, 2)
    assert said in " ".join(done.stderr.split())
    assert "Traceback" not in done.stderr


def test_a_token_made_on_the_command_line_is_listed_without_its_secret(tmp_path: Path) -> None:
    secret = affluent("tokens", "create", "--name", "CI", "--scope", "runs:read", "--data-dir", str(tmp_path)).stdout
    listed = affluent("tokens", "list", "--json", "--data-dir", str(tmp_path)).stdout
    assert secret.startswith("aff_")
    assert [token["name"] for token in json.loads(listed)] == ["CI"]
    assert secret.strip() not in listed
