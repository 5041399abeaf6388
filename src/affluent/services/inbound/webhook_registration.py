"""Registers webhooks at vendors whose API can create them: when a flow connection is enabled; and removes them when it is not.

A failure is shown on the flow connection, with how to register by hand; it pauses no run.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from sqlalchemy import Connection, Row

from affluent.engine.plans import Bound
from affluent.kit import clock
from affluent.kit.jsons import JSONObject, dumps, loads
from affluent.kit.logs import logger
from affluent.sdk import App, AppError, AuthFailed, Effect, Registered, Registration, TriggerKind
from affluent.services.inbound.background_jobs import BackgroundJob, drop, go_on, keep
from affluent.services.inbound.job_targets import Target, Vendors
from affluent.store import background_jobs as store
from affluent.store import flow_connections as links
from affluent.store.database import Database
from affluent.vault.envelope import CannotOpen, Vault

_log = logger("registration")
_AGAIN = timedelta(minutes=10)
_CHECKED_EVERY = timedelta(minutes=15)
_REMOVING = "removing"
_MOST_TRIES = 8
_SECRETS_KEPT = 4
"""Of this webhook and of the one before, whose last deliveries may still arrive."""


class WebhookRegistration:
    """The background job of a webhook that we register. Its cursor holds what the vendor's API needs to remove it."""

    kind = "registration"
    on_request = False
    outlives = True

    def __init__(self, *, database: Database, vendors: Vendors, vault: Vault, server_url: str) -> None:
        self._database = database
        self._vendors = vendors
        self._vault = vault
        self._server_url = server_url.rstrip("/")

    def subject(self, target: Target) -> str | None:
        """The event at its connection."""
        is_hook = target.enabled and target.trigger.kind is TriggerKind.WEBHOOK
        return target.subject if is_hook and target.app.registration is not None else None

    def unneeded(self, connection: Connection, row: Row[Any]) -> None:
        """Remove the webhook at the vendor, if it was registered."""
        if row.cursor is None:
            drop(connection, row)
        elif row.phase != _REMOVING:
            values = {"phase": _REMOVING, "due_at": clock.now(), "failures": 0, "note": ""}
            store.change(connection, row.flow_connection_id, row.kind, values)

    def changed(self, connection: Connection, row: Row[Any], values: dict[str, Any]) -> None:
        """With another event or connection: remove this webhook, then register the other."""
        if row.subject != values["subject"]:
            self.unneeded(connection, row)
        else:
            go_on(connection, row, values)

    async def perform(self, job: BackgroundJob, target: Target | None, bound: Bound | None) -> None:
        """Register the webhook, check that it still exists, or remove it."""
        app = self._vendors.app(job.subject.partition(".")[0])
        registration = app.registration if app else None
        if app is None or registration is None:
            await self._database.write(lambda connection: keep(connection, job, due_at=None, phase="done"))
        elif job.phase == _REMOVING:
            await self._remove(job, app, registration, bound)
        elif target is None or self.subject(target) != job.subject:
            await self._database.write(lambda connection: keep(connection, job, due_at=clock.now() + _AGAIN))
        elif job.phase == "registered" and job.cursor is not None:
            await self._check(job, app, registration, bound)
        else:
            await self._make(job, target, registration, bound)

    async def _make(self, job: BackgroundJob, target: Target, registration: Registration, bound: Bound | None) -> None:
        url = f"{self._server_url}/hooks/{target.id}/{target.hook_token}"
        # The address itself is a proof, and this sentence is read by those who may only read.
        by_hand = registration.manual.replace("{url}", "the webhook URL of this flow connection")
        if not registration.possible(bound.credentials if bound else None):
            values: dict[str, Any] = {"phase": "manual", "sentence": by_hand}
            await self._database.write(lambda connection: keep(connection, job, due_at=clock.now() + _AGAIN, **values))
            return
        context = self._vendors.context(target.app, bound, effect=Effect.IDEMPOTENT_WRITE)
        try:
            made = await registration.register(context, url, list(target.trigger.events))
        except AppError as error:
            problem = f"The webhook of {target.name!r} could not be registered: {error.message}"
            values = {"phase": "failed", "sentence": f"{problem} {by_hand}", "note": problem}
            await self._database.write(lambda connection: keep(connection, job, due_at=clock.now() + _AGAIN, **values))
            return

        def unit(connection: Connection) -> None:
            keep(
                connection, job, phase="registered", cursor=made.state, due_at=clock.now() + _CHECKED_EVERY,
                sentence=f"Registered at {target.app.title}.",
            )  # fmt: skip
            self._learn_secret(connection, target.id, made)

        await self._database.write(unit)

    def _learn_secret(self, connection: Connection, link_id: str, made: Registered) -> None:
        row = links.one(connection, link_id)
        if row is None or not made.secrets:
            return
        known = list(dict.fromkeys([*made.secrets, *self._opened(row)]))
        sealed = self._vault.seal(dumps(known[:_SECRETS_KEPT]).encode(), f"flow_connections/{link_id}")
        links.change(connection, link_id, {"hook_secrets": sealed})

    def _opened(self, row: Row[Any]) -> list[str]:
        try:
            return (
                list(loads(self._vault.open(row.hook_secrets, f"flow_connections/{row.id}")))
                if row.hook_secrets
                else []
            )
        except CannotOpen:
            return []

    async def _check(self, job: BackgroundJob, app: App, registration: Registration, bound: Bound | None) -> None:
        wrong = ""
        if registration.check is not None:
            try:
                wrong = await registration.check(self._vendors.context(app, bound), _state(job))
            except AppError as error:
                wrong = f"It is not known whether the webhook is still there: {error.message}"
        values = {"sentence": wrong or f"Registered at {app.title}.", "note": wrong}
        await self._database.write(
            lambda connection: keep(connection, job, due_at=clock.now() + _CHECKED_EVERY, **values)
        )

    async def _remove(self, job: BackgroundJob, app: App, registration: Registration, bound: Bound | None) -> None:
        if bound is not None:
            try:
                await registration.unregister(
                    self._vendors.context(app, bound, effect=Effect.IDEMPOTENT_WRITE), _state(job)
                )
            except AppError as error:
                if job.failures < _MOST_TRIES and not isinstance(error, AuthFailed):
                    raise
                _log.warning("webhook left at the vendor", app=app.key, state=job.cursor, reason=error.message)

        def unit(connection: Connection) -> None:
            keep(connection, job, due_at=None)
            store.remove(connection, job.flow_connection_id, job.kind)

        await self._database.write(unit)


def _state(job: BackgroundJob) -> JSONObject:
    return job.cursor if isinstance(job.cursor, dict) else {}
