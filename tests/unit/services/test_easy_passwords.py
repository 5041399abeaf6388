"""Which passwords are guessed first."""

from __future__ import annotations

import pytest

from affluent.services.errors import Invalid
from affluent.services.identity.easy_passwords import is_easy
from affluent.services.identity.passwords import checked_password

OWN = ("Mira Kapoor", "mira.k@example.com")


@pytest.mark.parametrize(
    "password",
    [
        "password1234", "P@ssw0rd1234", "Passwort2026!", "qwertyuiop123", "1qaz2wsx3edc", "q1w2e3r4t5y6", "123456789012", "aaaaaaaaaaaa",
        "847291038475", "abababababab", "administrator", "Administrator1!", "iloveyou12345", "zxcvbnm,./123", "affluent-2026",
        "MiraKapoor2026!", "kapoorkapoor", "mira@example.com", "  password  12", "correcthorsebatterystaple",
    ],
)  # fmt: skip
def test_what_is_guessed_first_is_refused(password: str) -> None:
    assert is_easy(password, OWN)
    with pytest.raises(Invalid, match="guessed first"):
        checked_password(password.ljust(12), *OWN)


@pytest.mark.parametrize(
    "password",
    [
        "correct horse battery",
        "purple-otter-lamp",
        "kX9#mPq2vL7w",
        "mira likes long walks",
        "ein Fluss aus Papier",
        "пароль из трёх слов",
        "密碼要長而且難猜的才好用啊",
    ],
)
def test_what_is_not_is_taken(password: str) -> None:
    assert checked_password(password, *OWN) == password


def test_length_is_said_first() -> None:
    with pytest.raises(Invalid, match="at least 12"):
        checked_password("password")
