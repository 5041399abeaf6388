"""The HTTP client for vendors: request limits, allowed addresses, timeouts, redaction, and the record of each exchange."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from time import perf_counter
from typing import Any
from urllib.parse import urlencode, urlsplit

import aiohttp

from affluent.engine.limits import Limiter, NoSlotSoon
from affluent.kit import clock, crash
from affluent.kit.jsons import InvalidJSON, JSONObject, JSONValue, dumps, loads
from affluent.kit.net import ForbiddenAddress, PublicResolver, check_url, public_socket
from affluent.kit.redact import redact, redact_text
from affluent.sdk import (
    AlreadyApplied,
    AppError,
    Effect,
    Limit,
    Misconfigured,
    OutcomeUnknown,
    Response,
    Retry,
    Unavailable,
)
from affluent.sdk.http import Faults, classify

_LARGEST_ANSWER = 4_194_304
_KEPT = 16_384
_LONG_WAIT_SECONDS = 1.0


class Postponed(Retry):
    """Nothing was sent; the run waits without taking up a concurrency slot."""

    code = "postponed"


class Network:
    """The process's HTTP client. `own_url` is this server, which may always be called."""

    def __init__(self, *, allow_private: bool, timeout_seconds: float, own_url: str = "") -> None:
        self._allow_private = allow_private
        self.timeout_seconds = timeout_seconds
        self._timeout = aiohttp.ClientTimeout(total=timeout_seconds, connect=min(10.0, timeout_seconds))
        self.own_url = own_url
        self._public: aiohttp.ClientSession | None = None
        self._trusted: aiohttp.ClientSession | None = None

    def session(self, url: str) -> aiohttp.ClientSession:
        """The client for a URL: one that reaches public addresses only, unless private ones are allowed."""
        if self._allow_private or (self.own_url and _origin(url) == _origin(self.own_url)):
            if self._trusted is None:
                self._trusted = self._make(aiohttp.TCPConnector(limit=0, ttl_dns_cache=60))
            return self._trusted
        check_url(url)
        if self._public is None:
            self._public = self._make(
                aiohttp.TCPConnector(limit=0, ttl_dns_cache=60, resolver=PublicResolver(), socket_factory=public_socket)
            )
        return self._public

    def _make(self, connector: aiohttp.TCPConnector) -> aiohttp.ClientSession:
        return aiohttp.ClientSession(
            connector=connector, timeout=self._timeout, cookie_jar=aiohttp.DummyCookieJar(), auto_decompress=True
        )

    async def address_of(self, host: str, port: int) -> str:
        """An address of a host, public unless private ones are allowed. Raises ForbiddenAddress, OSError when there is none."""
        resolver = aiohttp.ThreadedResolver() if self._allow_private else PublicResolver()
        return (await resolver.resolve(host, port))[0]["host"]

    async def close(self) -> None:
        """Close all connections."""
        for session in (self._public, self._trusted):
            if session is not None:
                await session.close()


@dataclass(slots=True, kw_only=True)
class HttpVendorClient:
    """The vendor client of one try of one step; implements sdk.context.VendorClient.

    `exchanges` holds the requests and answers, redacted.
    """

    network: Network
    limiter: Limiter
    vendor: str
    connection_id: str
    base_url: str
    headers: Mapping[str, str]
    limit: Limit | None
    priority: int
    effect: Effect
    faults: Faults
    app_faults: Faults
    secrets: tuple[str, ...] = ()
    exchanges: list[JSONObject] = field(default_factory=list)
    answered: bool = False
    may_come_back: bool = False
    """Whether the first request may be put off when many wait for slots of this connection, so that other runs go on."""
    wrote: bool = False
    """Whether the vendor accepted a request that changes something, whatever came after it."""
    keeps_failures: bool = False
    """Whether the vendor repeats a 5xx under the same key: then a repeat does not tell what became of the first request."""
    in_doubt: bool = False
    """Whether a request may have been applied: one that changes something had no answer, a 5xx, or was accepted."""
    confirm: Callable[[], Awaitable[None]] | None = None
    """Called before a request that had to wait long for its slot; raises when the run has lost its lease."""

    async def request(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str | int | list[str]] | None = None,
        json: JSONValue = None,
        form: Mapping[str, str] | None = None,
        content: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        faults: Faults | None = None,
        is_read: bool | None = None,
    ) -> Response:
        """See sdk.context.VendorClient."""
        url = self._url(path, query)
        reads = method in ("GET", "HEAD") if is_read is None else is_read
        # Credentials go to the connection's own origin only, never to a whole URL elsewhere.
        own_headers = self.headers if self._is_own(path, url) else {}
        sent = _without_proxy_headers({**own_headers, **(headers or {})})
        body = _body(json, form, content, sent)
        await self._slot()
        exchange: JSONObject = {
            "method": method,
            "url": redact_text(url, self.secrets),
            "request": {"headers": redact(sent, self.secrets), "body": self._kept(body)},
        }
        self.exchanges.append(exchange)
        started = perf_counter()
        crash.point("call.before")
        try:
            response = await self._send(method, url, body, sent, exchange, reads=reads)
        except AppError as error:
            exchange["error"] = error.message
            raise
        finally:
            crash.point("call.after")
            exchange["milliseconds"] = round((perf_counter() - started) * 1000)
        self._judge_answer(response, faults, reads=reads)
        return response

    def _url(self, path: str, query: Mapping[str, str | int | list[str]] | None) -> str:
        url = path if path.startswith(("http://", "https://")) else self.base_url.rstrip("/") + path
        if query:
            url += ("&" if "?" in url else "?") + urlencode(query, doseq=True)
        return url

    def _judge_answer(self, response: Response, faults: Faults | None, *, reads: bool) -> None:
        """Note what an answer tells of the effect. Raises the AppError that it means."""
        self.answered = response.status < 500
        is_write = self.effect is Effect.WRITE and not reads
        is_unclear = is_write or (self.keeps_failures and not reads)
        known_faults = {**self.app_faults, **self.faults, **(faults or {})}
        error = classify(response, known_faults, vendor=self.vendor, is_write=is_unclear)
        if not reads and (response.status >= 500 or error is None or isinstance(error, AlreadyApplied)):
            self.in_doubt = True
        if error is None:
            self.wrote = self.wrote or is_write
            return
        if response.status == 429:
            self._hold_calls(response.retry_after())
        raise error

    def _hold_calls(self, retry_after: timedelta | None) -> None:
        self.limiter.hold(self.connection_id, self.limit, retry_after.total_seconds() if retry_after else 1.0)

    async def reach(self, host: str, port: int, *, message: JSONObject) -> str:
        """See sdk.context.VendorClient."""
        await self._slot()
        exchange: JSONObject = {
            "method": "CONNECT",
            "url": f"{host}:{port}",
            "request": {"headers": {}, "body": redact(message, self.secrets)},
        }
        self.exchanges.append(exchange)
        try:
            return await self._public_address(host, port)
        except AppError as error:
            exchange["error"] = error.message
            raise

    async def _public_address(self, host: str, port: int) -> str:
        try:
            return await self.network.address_of(host, port)
        except ForbiddenAddress as error:
            raise Misconfigured(f"{self.vendor}: {error}", field="host") from error
        except OSError as error:
            raise Unavailable(f"{host} cannot be found ({error.strerror or 'no address'}).") from error

    async def _slot(self) -> None:
        started = perf_counter()
        try:
            may_come_back = self.may_come_back and not self.exchanges
            await self.limiter.acquire(self.connection_id, self.limit, self.priority, may_come_back=may_come_back)
        except NoSlotSoon as error:
            raise Postponed(
                f"{self.vendor} asked to be left alone for a while; calls wait."
                if error.by_vendor
                else f"Many calls wait for the request limit of {self.vendor}; this one comes back when its turn is near.",
                retry_after=timedelta(seconds=error.seconds),
            ) from error
        if self.confirm is not None and perf_counter() - started > _LONG_WAIT_SECONDS:
            await self.confirm()

    def _is_own(self, path: str, url: str) -> bool:
        """Whether a URL is at the connection's own origin. One made of the base URL and a path that begins with a slash is."""
        if not self.base_url or path.startswith("/"):
            return True
        return _origin(url) == _origin(self.base_url)

    async def _send(
        self,
        method: str,
        url: str,
        body: bytes | None,
        headers: dict[str, str],
        exchange: JSONObject,
        *,
        reads: bool,
    ) -> Response:
        try:
            session = self.network.session(url)
            async with session.request(method, url, data=body, headers=headers, allow_redirects=False) as answer:
                response = await _read_whole(answer)
        except (ForbiddenAddress, aiohttp.InvalidURL) as error:
            raise Misconfigured(f"{self.vendor}: {error}", field="base_url") from error
        except aiohttp.ClientConnectorError as error:
            if isinstance(error.os_error, ForbiddenAddress):
                raise Misconfigured(f"{self.vendor}: {error.os_error}", field="base_url") from error
            raise Unavailable(
                f"{self.vendor} cannot be reached ({error.os_error.strerror or 'connection failed'})."
            ) from error
        except TimeoutError as error:
            if isinstance(error, aiohttp.ConnectionTimeoutError):
                raise Unavailable(f"{self.vendor} did not accept a connection in time.") from error
            raise self._answer_lost(f"{self.vendor} did not answer in time.", reads=reads) from error
        except (aiohttp.ClientError, OSError, asyncio.IncompleteReadError) as error:
            message = f"The connection to {self.vendor} broke before its answer came."
            raise self._answer_lost(message, reads=reads) from error
        if len(response.body) > _LARGEST_ANSWER:
            raise self._answer_lost(f"{self.vendor} sent an answer larger than {_LARGEST_ANSWER} bytes.", reads=reads)
        exchange["status"] = response.status
        exchange["response"] = {"headers": self._shown(response.headers), "body": self._kept(response.body)}
        return response

    def _answer_lost(self, message: str, *, reads: bool) -> AppError:
        """The error for a request that was sent and has no answer: a write may have been applied."""
        self.in_doubt = self.in_doubt or not reads
        return OutcomeUnknown(message) if self.effect is Effect.WRITE and not reads else Unavailable(message)

    def _shown(self, headers: Mapping[str, str]) -> JSONValue:
        kept = {name: value for name, value in headers.items() if name in _SHOWN_HEADERS or name.startswith("x-")}
        return redact(kept, self.secrets)

    def _kept(self, body: bytes | None) -> JSONValue:
        """A body for the record. It is read from its bytes, because models would hide secrets that are to be redacted."""
        if not body:
            return None
        if len(body) <= _KEPT:
            try:
                return redact(loads(body), self.secrets)
            except InvalidJSON:
                pass
        return redact_text(body[:_KEPT].decode("utf-8", "replace"), self.secrets)


_PROXY_HEADERS = frozenset({"forwarded", "x-real-ip", "x-client-ip", "true-client-ip"})
_SHOWN_HEADERS = frozenset({"content-type", "retry-after", "date", "location"})


async def _read_whole(answer: aiohttp.ClientResponse) -> Response:
    """The answer with its body, of which one byte more than the most that is allowed is read."""
    received = await answer.content.read(_LARGEST_ANSWER + 1)
    while not answer.content.at_eof() and len(received) <= _LARGEST_ANSWER:
        received += await answer.content.read(_LARGEST_ANSWER + 1 - len(received))
    return Response(
        status=answer.status,
        headers={name.lower(): value for name, value in answer.headers.items()},
        body=received,
        sent_at=clock.now(),
    )


def _body(
    json: JSONValue, form: Mapping[str, str] | None, content: bytes | None, headers: dict[str, str]
) -> bytes | None:
    if json is not None:
        headers.setdefault("Content-Type", "application/json")
        return dumps(json).encode()
    if form is not None:
        headers.setdefault("Content-Type", "application/x-www-form-urlencoded")
        return urlencode(form).encode()
    return content


def _without_proxy_headers(headers: Mapping[str, str]) -> dict[str, str]:
    """The headers without those that name a caller to a server which trusts this machine as a proxy, e.g. to this one."""
    return {
        name: value
        for name, value in headers.items()
        if not name.strip().lower().startswith("x-forwarded-") and name.strip().lower() not in _PROXY_HEADERS
    }


def _origin(url: str) -> tuple[Any, ...]:
    parts = urlsplit(url)
    return parts.scheme, parts.hostname, parts.port
