"""Secrets are taken out of what is kept."""

from __future__ import annotations

from affluent.kit.redact import HIDDEN, redact

_SECRET = "sk-of-the-vendor"


def test_values_under_telling_names_are_hidden_at_any_depth() -> None:
    given = {"api_key": "abc", "items": [{"X-Api-Key": "abc", "id": "abc"}], "token": "", "password": None}
    assert redact(given) == {
        "api_key": HIDDEN,
        "items": [{"X-Api-Key": HIDDEN, "id": "abc"}],
        "token": "",
        "password": None,
    }


def test_known_secrets_are_hidden_wherever_they_stand() -> None:
    given = {"url": f"https://x.example/?k={_SECRET}", "said": [f"Bearer {_SECRET}", 7, {"deep": _SECRET}]}
    assert redact(given, (_SECRET, "short")) == {
        "url": f"https://x.example/?k={HIDDEN}",
        "said": [f"Bearer {HIDDEN}", 7, {"deep": HIDDEN}],
    }
    assert redact(_SECRET, (_SECRET,)) == HIDDEN


def test_what_was_given_is_left_as_it_was() -> None:
    given = {"token": "abc", "list": [{"secret": "abc"}]}
    redact(given)
    assert given == {"token": "abc", "list": [{"secret": "abc"}]}
