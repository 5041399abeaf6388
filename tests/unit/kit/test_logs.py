"""What is logged never holds a secret, not even when a defect is logged with its traceback."""

from __future__ import annotations

import pytest
import structlog

from affluent.kit import logs


@pytest.fixture(autouse=True)
def _restored() -> object:
    yield
    structlog.reset_defaults()


@pytest.mark.parametrize("form", ["text", "json"])
def test_a_traceback_shows_no_local_variables(form: str, capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure(as_json=form == "json")
    password = "correct horse battery staple"
    try:
        int(f"{len(password)} characters")
    except ValueError:
        structlog.get_logger().exception("a defect")
    said = capsys.readouterr().err
    assert "a defect" in said
    assert "ValueError" in said
    assert password not in said


@pytest.mark.parametrize("form", ["text", "json"])
def test_a_value_under_a_secret_name_is_hidden(form: str, capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure(as_json=form == "json")
    structlog.get_logger().info("called", api_key="fp_live_12345", headers={"Authorization": "Bearer aff_12345"})
    said = capsys.readouterr().err
    assert "12345" not in said
