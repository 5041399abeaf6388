"""One rule for e-mail addresses: one address, all of which can be seen."""

from __future__ import annotations

import pytest

from affluent.kit.mailboxes import LONGEST, is_mailbox

HIDDEN = {
    "zero width space": "\u200b", "zero width joiner": "\u200d", "word joiner": "\u2060", "soft hyphen": "\u00ad",
    "byte order mark": "\ufeff", "right to left override": "\u202e", "isolate": "\u2066", "left to right mark": "\u200e",
    "NUL": "\x00", "line feed": "\n", "carriage return": "\r", "delete": "\x7f", "next line": "\x85", "tab": "\t",
    "line separator": "\u2028", "space": " ", "no-break space": "\u00a0", "hangul filler": "\u3164",
    "half hangul filler": "\uffa0", "braille blank": "\u2800", "combining joiner": "\u034f", "variation": "\ufe0f",
    "tag": "\U000e0041", "variation supplement": "\U000e0100", "half a surrogate": "\ud800", "private": "\ue000",
}  # fmt: skip


@pytest.mark.parametrize("place", ["{}ada@example.com", "a{}da@example.com", "ada@exam{}ple.com", "ada@example.com{}"])
@pytest.mark.parametrize("hidden", HIDDEN.values(), ids=HIDDEN)
def test_no_character_that_cannot_be_seen_is_part_of_an_address(hidden: str, place: str) -> None:
    assert not is_mailbox(place.format(hidden))


@pytest.mark.parametrize(
    "text",
    [
        "", "ada", "ada@", "@example.com", "ada@@example.com", "ada@example", "ada@.com", "ada@example..com", "ada@example.com.",
        "ada@example.com,eve@example.com", "ada@example.com;eve@example.com", "Ada <ada@example.com>", "<ada@example.com>",
        '"ada"@example.com', "ada@[192.0.2.1]", "ada\\@example.com", "(x)ada@example.com", "ada:eve@example.com",
        "a" * 65 + "@example.com", "ada@" + "e" * LONGEST + ".com",
    ],
)  # fmt: skip
def test_what_is_not_one_plain_address_is_none(text: str) -> None:
    assert not is_mailbox(text)


@pytest.mark.parametrize(
    "text",
    [
        "ada@example.com",
        "ada.l+tag@mail.example.co.uk",
        "affluent@localhost",
        "jörg@müller.example",
        "o'neil@example.com",
        "用户@例子.中国",
    ],
)
def test_addresses_of_people_everywhere_are_good(text: str) -> None:
    assert is_mailbox(text)
