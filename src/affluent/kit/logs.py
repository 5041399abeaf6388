"""Structured logging with secrets taken out before anything is written."""

from __future__ import annotations

import logging
import sys
from contextlib import suppress
from typing import Any, TextIO

import structlog

from affluent.kit.redact import redact


def configure(*, level: str = "info", as_json: bool = False) -> None:
    """Set up logging once per process: readable lines on a terminal, JSON lines otherwise when asked."""
    renderer = (
        structlog.processors.JSONRenderer()
        if as_json
        else structlog.dev.ConsoleRenderer(
            colors=sys.stderr.isatty(),
            exception_formatter=structlog.dev.plain_traceback,  # the others show local variables, passwords too
        )
    )
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            _hide_secrets,
            structlog.processors.format_exc_info,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level.upper()]),
        logger_factory=structlog.PrintLoggerFactory(file=_Tolerant(sys.stderr)),  # type: ignore[arg-type]  # only write and flush are used
        cache_logger_on_first_use=True,
    )


def logger(name: str) -> Any:  # noqa: ANN401 - structlog's bound loggers are typed as Any
    """A logger that carries `name` as its component."""
    return structlog.get_logger(component=name)


class _Tolerant:
    """Standard error that may be gone or on a full disk: what cannot be logged stops no run."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> None:
        with suppress(OSError, ValueError):  # ValueError: it was closed
            self._stream.write(text)

    def flush(self) -> None:
        with suppress(OSError, ValueError):  # ValueError: it was closed
            self._stream.flush()


def _hide_secrets(_logger: object, _method: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
    hidden: structlog.typing.EventDict = redact(dict(event))
    return hidden
