"""What an e-mail address may look like: one rule for people, customers, alerts and recipients."""

from __future__ import annotations

import re

LONGEST = 254
"""RFC 5321: a path of 256 characters with its angle brackets."""
RULE = "Write one address like mira@example.com, without spaces, brackets, commas or characters that cannot be seen."
_SHAPE = re.compile(r"[^@\s]{1,64}@(?:localhost|[^@\s.]+(?:\.[^@\s.]+)+)")
_SEPARATORS = frozenset('()<>[]:;,\\"')
"""Of lists and names in a header: an address with one of them could become two."""
_INVISIBLE = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]"
)
"""Letters and marks that are drawn as nothing. The other invisible characters count as not printable."""


def is_mailbox(text: str) -> bool:
    """Whether a text is one e-mail address, without a name, and all of it can be seen."""
    if len(text) > LONGEST or not text.isprintable() or _INVISIBLE.search(text) is not None:
        return False
    return _SEPARATORS.isdisjoint(text) and _SHAPE.fullmatch(text) is not None
