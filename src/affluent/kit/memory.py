"""Tunes the garbage collector for a process that has started and now serves for months."""

from __future__ import annotations

import gc

_YOUNG = 20_000
_OLDER = 20
_OLDEST = 20


def settle() -> None:
    """Call once when everything is imported and wired.

    What is there now stays until the end, so it need not be looked through again and again: a full collection takes tenths
    of a second otherwise, in which nothing is answered. (Nor is it worth one now: imports leave no rubbish.) The young are
    looked through less often, since a burst of runs holds many of them for a moment.
    """
    gc.freeze()
    gc.set_threshold(_YOUNG, _OLDER, _OLDEST)
