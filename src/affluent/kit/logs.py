"""Structured logging with secrets taken out before anything is written."""

from __future__ import annotations

import logging
import re
import sys
from contextlib import suppress
from textwrap import indent
from typing import Any, TextIO

import structlog

from affluent.kit.redact import redact

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_CONTROL_IN_LINES = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029]")


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
            *(() if as_json else (_keep_to_one_line,)),  # JSON writes such characters in ASCII anyway
            structlog.processors.format_exc_info,
            *(() if as_json else (_tame_traceback,)),
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


def _keep_to_one_line(_logger: object, _method: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
    """What others sent can neither begin a line that looks like ours nor command the terminal that shows it."""
    return {name: _escaped(_CONTROL, value) if isinstance(value, str) else value for name, value in event.items()}


def _tame_traceback(_logger: object, _method: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
    """The same of a traceback, whose lines are moved in: one that a message brought begins like no line of ours."""
    if isinstance(event.get("exception"), str):
        event["exception"] = indent(_escaped(_CONTROL_IN_LINES, event["exception"]), "  ")
    return event


def _escaped(pattern: re.Pattern[str], text: str) -> str:
    return pattern.sub(lambda match: repr(match[0])[1:-1], text)
