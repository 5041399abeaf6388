"""The process that evaluates expressions which may take long: the kernel ends it when one exceeds its computing time.

It reads jobs from its input and writes one answer per expression to its output, each as a length and JSON. It imports nothing
that knows a database, a secret or the network.
"""

from __future__ import annotations

import resource
import signal
import struct
import sys
from typing import BinaryIO

from affluent.domain.expression import ExpressionError, compile_expression
from affluent.kit.jsons import JSONObject, JSONValue, dumps, stored

LENGTH = struct.Struct(">I")
LONGEST_RESULT = 2_000_000
"""Characters of one result as JSON."""
_MEMORY = 512 * 1024 * 1024
"""Bytes that it may take beyond what it has when it begins."""


def main() -> None:
    """Serve until the input ends. Takes the computing time of one job, in seconds, as its argument."""
    seconds = float(sys.argv[1])
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the server, which ends this process itself
    signal.signal(signal.SIGPROF, signal.SIG_DFL)  # the end of the process, also in the middle of native code
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    _limit_memory()
    source, sink = sys.stdin.buffer, sys.stdout.buffer
    _write(sink, b"ready")
    while (frame := read(source)) is not None:
        signal.setitimer(signal.ITIMER_PROF, seconds)
        job: JSONObject = stored(frame)
        for item in job["expressions"]:
            _write(sink, _answer(item["source"], [job["values"][index] for index in item["values"]]))
        signal.setitimer(signal.ITIMER_PROF, 0)


def read(source: BinaryIO) -> bytes | None:
    """One frame; None when there is no other."""
    head = source.read(LENGTH.size)
    if len(head) < LENGTH.size:
        return None
    (length,) = LENGTH.unpack(head)
    body = source.read(length)
    return body if len(body) == length else None


def _answer(source: str, values: list[JSONValue]) -> bytes:
    try:
        result = dumps({"value": compile_expression(source).compute(values)})
        if len(result) <= LONGEST_RESULT:
            return result.encode()
        reason = f"{source}: the result has more than {LONGEST_RESULT:,} characters."
    except ExpressionError as error:
        reason = str(error)
    except (TypeError, ValueError, RecursionError, MemoryError) as error:
        reason = f"{source}: the result cannot be written down ({type(error).__name__})."
    return dumps({"error": reason}).encode()


def _write(sink: BinaryIO, body: bytes) -> None:
    sink.write(LENGTH.pack(len(body)) + body)
    sink.flush()


def _limit_memory() -> None:
    try:
        with open("/proc/self/statm", encoding="ascii") as pages:  # noqa: PTH123 - not a file of ours
            present = int(pages.read().split()[0]) * resource.getpagesize()
    except OSError:  # not Linux: the limit on computing time bounds the memory too, less tightly
        return
    resource.setrlimit(resource.RLIMIT_AS, (present + _MEMORY, present + _MEMORY))


if __name__ == "__main__":
    main()
