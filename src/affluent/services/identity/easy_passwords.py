"""Passwords that are guessed first: common words, rows of keys, one's own name, and digits around them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import pairwise

_WORDS = (
    "administrator", "password", "passwort", "parol", "passw", "passwd", "welcome", "willkommen", "bienvenue", "letmein",
    "changeme", "iloveyou", "loveyou", "affluent", "togai", "master", "admin", "login", "secret", "geheim", "default", "temp",
    "test", "user", "root", "guest", "server", "system", "internet", "computer", "access", "account", "company", "money",
    "billing", "payment", "invoice", "football", "baseball", "basketball", "soccer", "hockey", "dragon", "monkey", "shadow",
    "sunshine", "princess", "superman", "batman", "spiderman", "pokemon", "starwars", "jamesbond", "finalfantasy", "matrix",
    "michael", "jordan", "jessica", "jennifer", "charlie", "daniel", "thomas", "robert", "ashley", "justinbieber", "nicole",
    "forever", "freedom", "whatever", "nothing", "summer", "winter", "spring", "autumn", "monday", "friday", "january",
    "december", "international", "professional", "telechargement", "qwerty", "azerty", "asdf", "zxcv", "chelsea", "liverpool",
    "arsenal", "barcelona", "london", "berlin", "america", "india", "love", "baby", "angel", "hello", "flower", "lovely", "leavemealone",
    "playstation", "sonyericsson", "transformers", "supernatural", "peanutbutter", "needforspeed", "christopher", "counterstrike",
    "jesusloves", "family", "onedirection", "sebastian", "minecraft", "linkedin", "google", "facebook", "michaeljackson",
    "manchester", "united", "cookiemonster", "hannahmontana", "residentevil", "neworleans", "sonnenschein", "ichliebedich",
    "thequickbrownfox", "correcthorsebatterystaple", "trustno", "opensesame", "abracadabra", "unbelievable",
)  # fmt: skip
_ROWS = (
    "qwertyuiop", "asdfghjkl", "zxcvbnm", "1234567890", "abcdefghijklmnopqrstuvwxyz", "1qaz2wsx3edc4rfv5tgb6yhn7ujm8ik9ol0p",
    "qazwsxedcrfvtgbyhnujmikolp", "1q2w3e4r5t6y7u8i9o0p", "q1w2e3r4t5y6u7i8o9p0", "azertyuiop", "qwertzuiop", "qweasdzxcrtyfghvbn",
)  # fmt: skip
_NEIGHBOURS = frozenset(pair for row in _ROWS for pair in pairwise(row)) | frozenset(
    pair for row in _ROWS for pair in pairwise(reversed(row))
)
_SHORTEST_RUN = 3
_SHORTEST_OWN = 3
_FEWEST_LEFT = 4
"""Different letters that are left when all that is easy was taken out."""
_LIKE_LETTERS = str.maketrans("013457@$!", "oieastasi")


def is_easy(password: str, own: Iterable[str] = ()) -> bool:
    """Whether it would be guessed soon. `own` is what is known of the person, e.g. name and e-mail address."""
    words = {*_WORDS, *_words_of(own)}
    typed = password.lower()
    return any(_left(text, words) < _FEWEST_LEFT for text in (typed, typed.translate(_LIKE_LETTERS)))


def _words_of(own: Iterable[str]) -> Iterator[str]:
    for text in own:
        yield from (word for word in re.findall(r"[^\W\d_]+", text.lower()) if len(word) >= _SHORTEST_OWN)


def _left(text: str, words: Iterable[str]) -> int:
    for word in sorted(words, key=len, reverse=True):
        text = text.replace(word, " ")
    return len(
        {character for run in _runs(text) if len(run) < _SHORTEST_RUN for character in run if character.isalpha()}
    )


def _runs(text: str) -> Iterator[str]:
    """The text cut where the next key is neither the same nor a neighbour."""
    run = ""
    for character in text:
        if run and run[-1] != character and (run[-1], character) not in _NEIGHBOURS:
            yield run
            run = ""
        run += character
    if run:
        yield run
