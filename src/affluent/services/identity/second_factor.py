"""Second factors: codes of an authenticator app (RFC 6238), each good once, and recovery codes for a lost telephone."""

from __future__ import annotations

import hashlib
import re
import secrets
from datetime import datetime, timedelta

import pyotp

ISSUER = "Affluent"
RECOVERY_CODES = 10
_SECONDS = 30
_SECRET = re.compile(r"[A-Z2-7]{32}")
_ALPHABET = "23456789ABCDEFGHJKMNPQRSTVWXYZ"


def new_secret() -> str:
    """A secret to be typed or scanned into an authenticator app: 160 bits in base 32."""
    return pyotp.random_base32()


def is_secret(text: str) -> bool:
    """Whether a text can be such a secret."""
    return _SECRET.fullmatch(text) is not None


def address(secret: str, email: str) -> str:
    """What authenticator apps open or scan."""
    return pyotp.TOTP(secret).provisioning_uri(name=email, issuer_name=ISSUER)


def step_of(secret: str, code: str, now: datetime) -> int | None:
    """The half minute whose code this is, at most one off from now; None for a wrong code."""
    digits = re.sub(r"[\s-]", "", code)
    totp = pyotp.TOTP(secret)
    current = int(now.timestamp()) // _SECONDS
    for offset in (0, -1, 1):
        expected = totp.at(now + timedelta(seconds=offset * _SECONDS))
        if secrets.compare_digest(expected.encode(), digits.encode()):
            return current + offset
    return None


def new_recovery_codes() -> list[str]:
    """Codes to be kept on paper, 49 bits each."""
    texts = ("".join(secrets.choice(_ALPHABET) for _ in range(10)) for _ in range(RECOVERY_CODES))
    return [f"{text[:5]}-{text[5:]}" for text in texts]


def hash_of(code: str) -> str:
    """How a recovery code is kept."""
    return hashlib.sha256(re.sub(r"[\s-]", "", code).upper().encode()).hexdigest()
