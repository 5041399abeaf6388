"""Starts `affluent` processes in a moment: everything is imported once, and every process is a fork of that.

Reads a JSON object per line (`argv`, `environment`, `crash_at`, `log`), starts that command and answers with its process id.
The apps are those of the flows of these tests; the commands are the product's own.
"""

from __future__ import annotations

import ctypes
import importlib
import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

from affluent import catalog
from affluent.apps.webhook.app import app as webhook
from affluent.cli.main import main
from affluent.kit import crash
from tests.chaos.ledger import app as ledger

_DIE_WITH_PARENT = 1
_LATE = ("alembic.command", "asyncpg", "mako.template", "uvicorn.protocols.http.httptools_impl", "affluent.web.routing")
"""What a server imports only when it starts."""

APPS = catalog.Catalog({"ledger": ledger, "webhook": webhook})


def nurse() -> None:
    """Serve until the input ends; then everything that was started is killed."""
    for name in _LATE:
        importlib.import_module(name)
    catalog.load = lambda: APPS  # type: ignore[assignment]  # fewer apps are loaded faster
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    for line in sys.stdin:
        wanted = json.loads(line)
        child = os.fork()
        if child == 0:
            _become(wanted)
        print(json.dumps({"pid": child}), flush=True)


def _become(wanted: dict[str, Any]) -> None:
    ctypes.CDLL(None).prctl(_DIE_WITH_PARENT, signal.SIGKILL)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    log = os.open(Path(wanted["log"]), os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(log, 1)
    os.dup2(log, 2)
    os.environ.update(wanted["environment"])
    crash.arm(wanted["crash_at"])
    sys.argv = ["affluent", *wanted["argv"]]
    try:
        main()
    finally:
        os._exit(1)


if __name__ == "__main__":
    nurse()
