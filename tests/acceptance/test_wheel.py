"""The wheel alone is enough: built, put into a throw-away environment, and the demo plays from it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
UV = Path(sys.executable).with_name("uv")
BESIDE = {"affluent", "tests", "scripts", "benchmarks"}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of this checkout."""
    folder = tmp_path_factory.mktemp("dist")
    command = [UV, "build", "--offline", "--quiet", "--wheel", "--out-dir", folder, ROOT]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    (built,) = folder.glob("*.whl")
    return built


def test_the_wheel_holds_all_that_is_needed_and_no_tests(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    assert [name for name in names if "/tests/" in name] == []
    for needed in (
        "affluent/apps/firstpromoter/flows/track_referral_sale.yaml",
        "affluent/apps/firstpromoter/samples/track_sale.json",
        "affluent/apps/togai/icon.svg",
        "affluent/apps/togai/README.md",
        "affluent/store/schema/migrations/env.py",
        "affluent/web/templates/base.html",
        "affluent/py.typed",
    ):
        assert needed in names
    assert any(name.endswith("licenses/LICENSE") for name in names)


@pytest.mark.timeout(240)
def test_the_demo_plays_from_the_wheel_in_an_environment_of_its_own(wheel: Path, tmp_path: Path) -> None:
    place = tmp_path / "venv"
    venv.create(place, with_pip=False)
    site = Path(sysconfig.get_path("purelib", vars={"base": str(place), "platbase": str(place)}))
    # The libraries are those of the checkout's own environment, so that no network is needed; Affluent is not.
    libraries = Path(sysconfig.get_path("purelib"))
    shared = tmp_path / "libraries"
    shared.mkdir()
    for item in libraries.iterdir():
        is_ours = item.name.split("-")[0].split(".")[0].lstrip("_") in BESIDE or item.suffix == ".pth"
        if not is_ours:
            (shared / item.name).symlink_to(item)
    (site / "libraries.pth").write_text(f"{shared}\n")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(site)
    code = "import affluent, sys; from affluent.cli import main; sys.argv[0] = 'affluent'; sys.exit(main())"
    environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "PYTHONSAFEPATH": "1"}
    run = [place / "bin" / "python", "-c", code]
    where = subprocess.run(
        [run[0], "-c", "import affluent; print(affluent.__file__)"],
        capture_output=True,
        text=True,
        check=True,
        env=environment,
    )
    assert Path(where.stdout.strip()).is_relative_to(place)
    done = subprocess.run(
        [*run, "demo", "--once", "--json"], capture_output=True, text=True, check=False, env=environment, cwd=tmp_path
    )
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert (told["lost"], told["duplicates_at_vendor"], told["differences"]) == (0, 0, [])
    assert set(told["unexplained"]) == {"EUR", "INR", "JPY", "KWD", "USD"}
    assert not any(told["unexplained"].values())
