"""What can be judged of the database and of the vendors that connections point at."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

from sqlalchemy import Connection, Row

from affluent.bootstrap import Hub, build
from affluent.cli.doctor_checks import FINE, NOTE, TROUBLE, Finding
from affluent.engine.plans import bind
from affluent.kit import clock
from affluent.services.operations.progress import patience, stalled
from affluent.settings import Settings
from affluent.store import connections as connection_store
from affluent.store.database import StoreUnavailable, time_of
from affluent.store.schema import upgrade as schema

_MOST_SKEW = timedelta(seconds=2)
_REACH_SECONDS = 5.0


async def store(settings: Settings, *, offline: bool) -> list[Finding]:
    """Database, clock, stored secrets and outgoing access."""
    where = "PostgreSQL" if settings.database_url else str(settings.sqlite_path())
    if not settings.database_url and not settings.sqlite_path().exists():
        return [Finding(about="Database", state=NOTE, sentence=f"There is none yet; the first start makes {where}.")]
    hub = build(settings, own_url=settings.server_url())
    try:
        await hub.database.open()
        revision = await hub.database.read(schema.revision)
        is_newer = await hub.database.read(schema.is_newer)
    except schema.SchemaMismatch as error:
        await hub.network.close()
        await hub.database.close()
        return [Finding(about="Database", state=TROUBLE, sentence=str(error), remedy="Install the newer release.")]
    except (StoreUnavailable, OSError) as error:
        remedy = "Is the server running, and are address, name and password in AFFLUENT_DATABASE_URL right?"
        return [Finding(about="Database", state=TROUBLE, sentence=f"{where}: {error}", remedy=remedy)]
    try:
        if revision != schema.head() and not is_newer:
            sentence = f"{where} is at {revision or 'nothing'}; this release needs {schema.head()}."
            return [Finding(about="Database", state=TROUBLE, sentence=sentence, remedy="affluent migrate")]
        findings = [Finding(about="Database", state=FINE, sentence=f"{where} answers and is at {revision}.")]
        return findings + [finding async for finding in _inside(hub, offline=offline)]
    finally:
        await hub.network.close()
        await hub.database.close()


async def _inside(hub: Hub, *, offline: bool) -> AsyncIterator[Finding]:
    yield await _clock(hub)
    yield _apps(hub)
    rows = await hub.database.read(connection_store.all_rows)
    yield _secrets(hub, rows)
    yield await _runs(hub)
    waiting = [f"{row.name}: {row.status_reason}" for row in rows if row.status == "needs_attention"]
    if waiting:
        yield Finding(
            about="Connections",
            state=NOTE,
            sentence=f"{len(waiting)} need attention. {waiting[0]}",
            remedy="affluent connections list",
        )
    if not offline:
        for finding in await asyncio.gather(*(_reach(url) for url in sorted(_addresses(hub, rows)))):
            yield finding


def _apps(hub: Hub) -> Finding:
    broken = hub.catalog.broken
    if broken:
        sentence = " ".join(f"{app.key} ({app.package}): {app.error}" for app in broken)
        return Finding(about="Apps", state=TROUBLE, sentence=sentence, remedy="Mend or uninstall the package.")
    return Finding(about="Apps", state=FINE, sentence=f"All {len(hub.catalog.apps)} can be used.")


async def _clock(hub: Hub) -> Finding:
    if hub.database.dialect != "postgresql":
        return Finding(about="Clock", state=FINE, sentence=f"It is {clock.now():%Y-%m-%d %H:%M:%S} UTC here.")

    def difference(connection: Connection) -> timedelta:
        return abs(clock.now() - time_of(connection))

    skew = await hub.database.read(difference)
    sentence = f"{skew.total_seconds():.1f} seconds between this machine and the database."
    remedy = "Let both keep time with NTP, e.g. systemd-timesyncd or chrony." if skew > _MOST_SKEW else ""
    return Finding(about="Clock", state=NOTE if remedy else FINE, sentence=sentence, remedy=remedy)


async def _runs(hub: Hub) -> Finding:
    stall = await hub.database.read(
        lambda connection: stalled(connection, patience=patience(hub.settings.request_timeout_seconds))
    )
    if stall is None:
        return Finding(about="Runs", state=FINE, sentence="Those that are due move.")
    remedy = "Start `affluent serve` or `affluent worker`; if one runs, restart it and read its log."
    return Finding(about="Runs", state=TROUBLE, sentence=stall.sentence, remedy=remedy)


def _secrets(hub: Hub, rows: Sequence[Row[Any]]) -> Finding:
    bound = [
        (row, bind(row, hub.catalog.apps, hub.vault))
        for row in rows
        if row.status != "needs_attention" and row.app in hub.catalog.apps
    ]
    lost = [row.name for row, opened in bound if opened.credentials is None]
    if lost:
        return Finding(
            about="Secrets",
            state=TROUBLE,
            sentence=f"The secrets of {', '.join(lost)} cannot be read with this master key.",
            remedy="Give the right key (AFFLUENT_MASTER_KEY, AFFLUENT_MASTER_KEY_FILE), or enter the secrets anew.",
        )
    return Finding(about="Secrets", state=FINE, sentence=f"Those of all {len(rows)} connections can be read.")


def _addresses(hub: Hub, rows: Sequence[Row[Any]]) -> set[tuple[str, int]]:
    """Host and port of every connection that is in use and points elsewhere."""
    addresses: set[tuple[str, int]] = set()
    for row in rows:
        app, bound = hub.catalog.apps.get(row.app), bind(row, hub.catalog.apps, hub.vault)
        if app is None or bound.credentials is None or app.is_local(bound.credentials) or row.status == "disabled":
            continue
        parts = urlsplit(app.base_url(bound.credentials, hub.server_url))
        if parts.hostname:
            addresses.add((parts.hostname, parts.port or (443 if parts.scheme == "https" else 80)))
    return addresses


async def _reach(address: tuple[str, int]) -> Finding:
    host, port = address
    try:
        async with asyncio.timeout(_REACH_SECONDS):
            _reader, writer = await asyncio.open_connection(host, port)
    except (OSError, TimeoutError) as error:
        reason = str(getattr(error, "strerror", "") or "no answer in time")
        remedy = "Does a firewall or a proxy stop this server from reaching it?"
        return Finding(
            about="Outgoing", state=TROUBLE, sentence=f"{host}:{port} cannot be reached: {reason}.", remedy=remedy
        )
    writer.close()
    with suppress(OSError):
        await writer.wait_closed()
    return Finding(about="Outgoing", state=FINE, sentence=f"{host}:{port} is reached.")
