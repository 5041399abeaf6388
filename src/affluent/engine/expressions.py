"""Evaluates conditions and mappings without ever stopping the event loop.

Expressions whose work is known to be small are evaluated at once. All others go to one process beside this one, started when it
is first needed, which the kernel ends when a job exceeds its computing time; the next job starts it again. Computing time and
not time is limited, so that a busy machine fails no run. See docs/decisions/0014-expressions-that-can-be-stopped.md.
"""

from __future__ import annotations

import asyncio
import atexit
import os
import select
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

from affluent.domain import mapping
from affluent.domain.expression import Allowance, Expression, ExpressionError, Unbounded, compile_expression
from affluent.domain.mapping import MappingError
from affluent.engine.expression_process import LENGTH
from affluent.kit.jsons import JSONObject, JSONValue, dumps, stored

COMPUTING_SECONDS = 0.25
"""Of the processor, for all expressions of one mapping."""
LARGEST_JOB = 16_000_000
"""Bytes of the values of one mapping."""
_LONGEST_SECONDS = 30.0
"""Of waiting for one answer, on a machine that has other things to do."""
_ENVIRONMENT = ("PATH", "PYTHONPATH", "PYTHONHOME", "LD_LIBRARY_PATH", "LANG", "LC_ALL", "TZ")
"""What the process sees of ours: no setting, and so no secret."""

Answer = JSONValue | ExpressionError


async def evaluate(source: str, data: Mapping[str, JSONValue]) -> JSONValue:
    """The value of an expression over data. Raises ExpressionError."""
    expression = compile_expression(source)
    try:
        return expression.evaluate(data)
    except Unbounded:
        return expression.evaluate(data, Allowance(results=await _elsewhere([expression], data)))


async def render(inputs: JSONObject, data: Mapping[str, JSONValue], *, ids: Collection[str] = ()) -> JSONObject:
    """The fields of a step over data, without those that are null; `ids` name a record or a customer.

    Raises MappingError naming the first bad field.
    """
    try:
        return mapping.render(inputs, data, ids=ids)
    except Unbounded:
        allowance = Allowance(results=await _elsewhere(mapping.expressions(inputs), data))
        return mapping.render(inputs, data, allowance, ids=ids)


async def render_each(
    inputs: JSONObject, data: Mapping[str, JSONValue], *, ids: Collection[str] = ()
) -> tuple[JSONObject, Sequence[MappingError]]:
    """As render, but with what is wrong with each field beside the fields that can be built."""
    try:
        return _each(inputs, data, Allowance(), ids)
    except Unbounded:
        compiled = [item for name, value in inputs.items() for item in _compiled(name, value)]
        return _each(inputs, data, Allowance(results=await _elsewhere(compiled, data)), ids)


def close() -> None:
    """End the process, if there is one."""
    _worker.close()


async def _elsewhere(expressions: Sequence[Expression], data: Mapping[str, JSONValue]) -> Mapping[str, Answer]:
    programs = list({item.source: item for item in expressions if item.program is not None}.values())
    return await asyncio.wrap_future(_threads.submit(_worker.compute, programs, data))


def _each(
    inputs: JSONObject, data: Mapping[str, JSONValue], allowance: Allowance, ids: Collection[str]
) -> tuple[JSONObject, Sequence[MappingError]]:
    rendered: JSONObject = {}
    problems: list[MappingError] = []
    for name, value in inputs.items():
        try:
            rendered |= mapping.render({name: value}, data, allowance, ids=ids)
        except MappingError as error:
            problems.append(error)
    return rendered, problems


def _compiled(name: str, value: JSONValue) -> Sequence[Expression]:
    """The expressions of a field; of one that cannot be compiled none, because rendering it says so."""
    try:
        return mapping.expressions({name: value})
    except MappingError:
        return ()


class _TooLarge(Exception):
    """The values of a mapping exceed what one job may hold."""


class Worker:
    """The process beside this one. Thread-safe: one job after another."""

    def __init__(self, computing_seconds: float = COMPUTING_SECONDS) -> None:
        self._seconds = computing_seconds
        self._process: subprocess.Popen[bytes] | None = None
        self._lock = threading.Lock()

    def compute(self, expressions: Sequence[Expression], data: Mapping[str, JSONValue]) -> Mapping[str, Answer]:
        """The value of each expression by its source, or the error that it ends in. Blocks."""
        try:
            job = _job(expressions, data)
        except _TooLarge:
            error = f"this takes more than {LARGEST_JOB // 1_000_000} MB of data; name the smaller part that is needed."
            return {item.source: ExpressionError(f"{item.source}: {error}") for item in expressions}
        with self._lock:
            return self._ask(expressions, job)

    @property
    def process_id(self) -> int | None:
        """Of the process, while there is one."""
        return self._process.pid if self._process is not None else None

    def close(self) -> None:
        """End the process; the next job starts another."""
        with self._lock:
            self._end()

    def _ask(self, expressions: Sequence[Expression], job: bytes) -> Mapping[str, Answer]:
        answers: dict[str, Answer] = {}
        try:
            process = self._started()
            _write(process, job)
            for expression in expressions:
                answer: JSONObject = stored(_read(process))
                answers[expression.source] = answer["value"] if "value" in answer else ExpressionError(answer["error"])
        except (OSError, EOFError, TimeoutError):
            why = self._reason(self._end())
            for expression in expressions[len(answers) :]:
                answers[expression.source] = ExpressionError(f"{expression.source}: {why}")
                why = "not evaluated, because another expression beside it took too long."
        except BaseException:
            self._end()  # answers that nobody has read must never be taken for those of the next job
            raise
        return answers

    def _reason(self, status: int | None) -> str:
        if status == -signal.SIGPROF:
            return (
                f"this takes more than {self._seconds:g} seconds of computing; use less data or a simpler expression."
            )
        if status is None:
            return f"there was no result within {_LONGEST_SECONDS:g} seconds; the machine may be overloaded."
        return "this takes too much memory; use less data or a simpler expression."

    def _started(self) -> subprocess.Popen[bytes]:
        if self._process is not None and self._process.poll() is None:
            return self._process
        self._end()
        self._process = subprocess.Popen(  # noqa: S603 - this program itself, with a number
            [sys.executable, "-m", "affluent.engine.expression_process", str(self._seconds)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={name: os.environ[name] for name in _ENVIRONMENT if name in os.environ},
            bufsize=0,
        )
        assert self._process.stdin is not None  # noqa: S101 - a pipe was asked for
        os.set_blocking(self._process.stdin.fileno(), False)
        if _read(self._process) != b"ready":
            raise EOFError
        return self._process

    def _end(self) -> int | None:
        """Kill the process. Returns the status it had ended with before, None when it was still at work."""
        process, self._process = self._process, None
        if process is None:
            return None
        try:  # its pipe is closed a moment before its status is known
            status = process.wait(0.5)
        except subprocess.TimeoutExpired:
            status = None
            process.kill()
            process.wait()
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                pipe.close()
        return status


def _job(expressions: Sequence[Expression], data: Mapping[str, JSONValue]) -> bytes:
    places = list(dict.fromkeys(path for item in expressions for path in item.paths))
    texts: list[str] = []
    total = 0
    for value in Expression("", tuple(places), None).values(data):
        texts.append(dumps(value))
        total += len(texts[-1])
        if total > LARGEST_JOB:
            raise _TooLarge
    index = {path: number for number, path in enumerate(places)}
    sources = [{"source": item.source, "values": [index[path] for path in item.paths]} for item in expressions]
    return f'{{"expressions":{dumps(sources)},"values":[{",".join(texts)}]}}'.encode()


def _write(process: subprocess.Popen[bytes], body: bytes) -> None:
    assert process.stdin is not None  # noqa: S101 - a pipe was asked for
    pipe, left = process.stdin.fileno(), memoryview(LENGTH.pack(len(body)) + body)
    until = time.monotonic() + _LONGEST_SECONDS
    while left:
        _wait(pipe, select.POLLOUT, until)
        left = left[os.write(pipe, left) :]


def _read(process: subprocess.Popen[bytes]) -> bytes:
    until = time.monotonic() + _LONGEST_SECONDS
    (length,) = LENGTH.unpack(_exactly(process, LENGTH.size, until))
    return _exactly(process, length, until)


def _exactly(process: subprocess.Popen[bytes], count: int, until: float) -> bytes:
    assert process.stdout is not None  # noqa: S101 - a pipe was asked for
    pipe, body = process.stdout.fileno(), bytearray()
    while len(body) < count:
        _wait(pipe, select.POLLIN, until)
        part = os.read(pipe, count - len(body))
        if not part:
            raise EOFError
        body += part
    return bytes(body)


def _wait(pipe: int, event: int, until: float) -> None:
    waiting = select.poll()  # `select.select` knows no descriptor above 1,023
    waiting.register(pipe, event)
    if not waiting.poll(max(until - time.monotonic(), 0) * 1000):
        raise TimeoutError


_worker = Worker()
_threads = ThreadPoolExecutor(1, thread_name_prefix="expressions")
atexit.register(close)
