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


def raise_with(text: str) -> None:
    raise ValueError(text)


@pytest.mark.parametrize("form", ["text", "json"])
def test_what_others_sent_makes_no_line_of_its_own_and_commands_no_terminal(
    form: str, capsys: pytest.CaptureFixture[str]
) -> None:
    logs.configure(as_json=form == "json")
    sent = "Ada\n2026-01-01 [info] all is well\x1b[2J\x9b2J\u2028end"
    try:
        raise_with(sent)
    except ValueError:
        structlog.get_logger().exception("refused", name=sent, names=[sent])
    said = capsys.readouterr().err
    assert "Ada" in said
    assert not [line for line in said.split("\n") if line.startswith("2026-01-01")]
    assert not set(said) & set("\x1b\x9b\x85\u2028\r")


@pytest.mark.parametrize("form", ["text", "json"])
def test_a_value_with_a_line_break_stays_on_its_line(form: str, capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure(as_json=form == "json")
    structlog.get_logger().info("refused", name="Ada\nBob")
    assert len(capsys.readouterr().err.splitlines()) == 1
