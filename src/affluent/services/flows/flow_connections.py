"""Flow connections: flows switched on for certain connections, with what they ask for, their webhook and Trigger now."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from typing import Any

from sqlalchemy import Connection, Row

from affluent.catalog import Catalog
from affluent.domain.event import Accepted
from affluent.domain.flow import FlowDefinition
from affluent.engine.event_drafts import draft_from
from affluent.engine.intake import Intake
from affluent.engine.journal import Journal
from affluent.engine.plans import Plans
from affluent.engine.queue import Queue
from affluent.kit import clock
from affluent.kit.ids import new_id
from affluent.kit.jsons import JSONObject, dumps, loads
from affluent.sdk import Trigger, TriggerKind, WebhookScheme
from affluent.services.errors import Conflict, Invalid, NotFound
from affluent.services.flows.bindings import Bindings
from affluent.services.flows.flow_connection_views import FlowConnectionView, NewHookSecret, flow_connection_view
from affluent.services.flows.inputs import checked_inputs
from affluent.services.flows.trigger_now import backfill_event, check_payload
from affluent.services.inbound.webhook_secrets import notice_of
from affluent.services.names import checked_name
from affluent.services.paging import Page, bounded, page_of
from affluent.store import flow_connections as store
from affluent.store import flows
from affluent.store.audit.recording import note
from affluent.store.configuration_lock import alone
from affluent.store.database import Database
from affluent.vault.envelope import CannotOpen, Vault

_SHORTEST_SECRET = 16
_LONGEST_SECRET = 500
_SECRETS_ACCEPTED = 2
_Secrets = list[str]  # of a webhook, the current one first


class FlowConnections:
    """Use cases of flow connections."""

    def __init__(
        self,
        *,
        database: Database,
        catalog: Catalog,
        vault: Vault,
        plans: Plans,
        intake: Intake,
        journal: Journal,
        queue: Queue,
        server_url: str,
    ) -> None:
        self._database = database
        self._catalog = catalog
        self._vault = vault
        self._plans = plans
        self._intake = intake
        self._journal = journal
        self._queue = queue
        self._server_url = server_url.rstrip("/")
        self._bindings = Bindings(catalog=catalog, vault=vault)

    def places(self, definition: FlowDefinition) -> tuple[dict[str, str], dict[str, str]]:
        """The places that need a connection and the steps that may use one: step id, or "trigger", → app key."""
        return self._bindings.needed(definition), self._bindings.optional(definition)

    async def create(
        self,
        *,
        flow_id: str,
        name: str,
        bindings: Mapping[str, str] | None = None,
        inputs: JSONObject | None = None,
        enabled: bool = True,
    ) -> NewHookSecret:
        """Switch a flow on. Raises NotFound, Invalid (name, bindings.<place>, inputs.<key>), Conflict on doubled money."""
        return await self._database.write(
            alone(
                lambda connection: self.add(
                    connection,
                    flow_id=flow_id,
                    name=name,
                    bindings=bindings or {},
                    inputs=inputs or {},
                    enabled=enabled,
                )
            )
        )

    def add(
        self,
        connection: Connection,
        *,
        flow_id: str,
        name: str,
        bindings: Mapping[str, str],
        inputs: JSONObject,
        enabled: bool,
    ) -> NewHookSecret:
        """As create, in the caller's transaction."""
        name, link_id, now, secret = checked_name(name), new_id("fco"), clock.now(), ""
        definition = _definition(connection, flow_id)
        bound = self._bindings.checked(connection, definition, bindings)
        asked = checked_inputs(definition, inputs)
        columns = self._bindings.trigger_columns(connection, definition, bound, link_id)
        if enabled:
            self._refuse_doubled_money(connection, link_id, definition, bound, columns)
        scheme = self._own_scheme(definition)
        if scheme is not None:
            secret = scheme.new_secret()
        values = {
            "id": link_id,
            "flow_id": flow_id,
            "name": name,
            "bindings": bound,
            "inputs": asked,
            "enabled": enabled,
            "hook_token": secrets.token_urlsafe(24),
            "hook_secrets": self._sealed(link_id, [secret]) if secret else None,
            "created_at": now,
            "updated_at": now,
        }
        store.add(connection, values | columns)
        return NewHookSecret(flow_connection=self._show(connection, link_id), hook_secret=secret)

    def put(
        self,
        connection: Connection,
        flow_connection_id: str,
        *,
        bindings: Mapping[str, str],
        inputs: JSONObject,
        enabled: bool,
    ) -> None:
        """Bindings, inputs and whether it is enabled, all at once, in the caller's transaction. Raises as create."""
        row = _found(connection, flow_connection_id)
        definition = FlowDefinition.model_validate(row.definition)
        bound = self._bindings.checked(connection, definition, bindings)
        columns = self._bindings.trigger_columns(connection, definition, bound, row.id)
        if enabled:
            self._refuse_doubled_money(connection, row.id, definition, bound, columns)
        values = {"bindings": bound, "inputs": checked_inputs(definition, inputs), "enabled": enabled, **columns}
        store.change(connection, row.id, {**values, "updated_at": clock.now()})

    async def list(
        self,
        *,
        flow_id: str = "",
        connection_id: str = "",
        enabled: bool | None = None,
        limit: int = 50,
        after: str = "",
    ) -> Page[FlowConnectionView]:
        """Flow connections, oldest first, of a flow or using a connection."""
        limit = bounded(limit)

        def unit(connection: Connection) -> list[FlowConnectionView]:
            rows = store.find(
                connection, flow_id=flow_id, connection_id=connection_id, enabled=enabled, limit=limit + 1, after=after
            )
            return [self._view(connection, row) for row in rows]

        return page_of(await self._database.read(unit), limit, key=lambda link: link.id, view=lambda link: link)

    async def get(self, flow_connection_id: str) -> FlowConnectionView:
        """One flow connection; raises NotFound."""
        return await self._database.read(lambda connection: self._show(connection, flow_connection_id))

    async def update(
        self,
        flow_connection_id: str,
        *,
        name: str | None = None,
        bindings: Mapping[str, str] | None = None,
        inputs: JSONObject | None = None,
    ) -> FlowConnectionView:
        """Change name, all bindings or all inputs; what is None stays. Raises as create."""

        def change(connection: Connection, row: Row[Any], definition: FlowDefinition) -> dict[str, Any]:
            values: dict[str, Any] = {}
            if name is not None:
                values["name"] = checked_name(name)
            if inputs is not None:
                values["inputs"] = checked_inputs(definition, inputs)
            if bindings is not None:
                bound = self._bindings.checked(connection, definition, bindings)
                columns = self._bindings.trigger_columns(connection, definition, bound, row.id)
                if row.enabled:
                    self._refuse_doubled_money(connection, row.id, definition, bound, columns)
                values |= {"bindings": bound, **columns}
            return values

        return await self._change(flow_connection_id, change)

    async def enable(self, flow_connection_id: str) -> FlowConnectionView:
        """Let new events start runs. Raises NotFound, Invalid for a missing connection, Conflict on doubled money."""

        def change(connection: Connection, row: Row[Any], definition: FlowDefinition) -> dict[str, Any]:
            bound = self._bindings.checked(connection, definition, row.bindings)
            columns = self._bindings.trigger_columns(connection, definition, bound, row.id)
            self._refuse_doubled_money(connection, row.id, definition, bound, columns)
            checked_inputs(definition, row.inputs)
            return {"enabled": True, **columns}

        return await self._change(flow_connection_id, change)

    async def disable(self, flow_connection_id: str) -> FlowConnectionView:
        """Start no more runs; what runs ends. Raises NotFound."""
        return await self._change(flow_connection_id, lambda _connection, _row, _definition: {"enabled": False})

    async def remove(self, flow_connection_id: str) -> None:
        """Remove it; its unfinished runs are cancelled, its history stays. Raises NotFound."""

        def unit(connection: Connection) -> None:
            _found(connection, flow_connection_id)
            sentence = "The flow connection of this run was removed."
            keys = store.cancel_runs(connection, flow_connection_id, sentence, clock.now())
            self._queue.lock(connection, keys)
            self._journal.release(connection, keys)
            store.remove(connection, flow_connection_id)

        await self._database.write(alone(unit))
        self._plans.forget()

    async def rotate_secret(self, flow_connection_id: str, *, secret: str = "") -> NewHookSecret:
        """A new webhook secret, made here or given; the one before is accepted until the next rotation or `forget_old_secret`.

        Raises NotFound, Invalid on secret, Conflict when its webhooks are not verified with a secret of its own.
        """
        if secret and not _SHORTEST_SECRET <= len(secret) <= _LONGEST_SECRET:
            raise Invalid(f"A secret has {_SHORTEST_SECRET} to {_LONGEST_SECRET} characters.", field="secret")
        new = ""

        def following(known: _Secrets, scheme: WebhookScheme) -> _Secrets:
            nonlocal new
            new = secret or scheme.new_secret()
            return [new, *known][:_SECRETS_ACCEPTED]

        view = await self._change_secrets(flow_connection_id, following)
        return NewHookSecret(flow_connection=view, hook_secret=new)

    async def forget_old_secret(self, flow_connection_id: str) -> FlowConnectionView:
        """Accept only the current webhook secret from now on. Raises NotFound, Conflict as rotate_secret."""
        return await self._change_secrets(flow_connection_id, lambda known, _scheme: known[:1])

    async def trigger_now(self, flow_connection_id: str, payload: JSONObject) -> Accepted:
        """Start a run of this flow connection with a payload; without one, a trigger that lists begins a backfill.

        Raises NotFound, Conflict when disabled, Invalid on payload.
        """

        def unit(connection: Connection) -> Accepted:
            row = _found(connection, flow_connection_id)
            if not row.enabled:
                raise Conflict("This flow connection is disabled. Enable it, then trigger it.")
            trigger = self._trigger(FlowDefinition.model_validate(row.definition))
            if trigger is None:
                raise Conflict(f"The trigger of this flow is not installed: {row.trigger_app}, {row.trigger_event}.")
            self._bindings.refuse_without_rights(connection, row.bindings)
            if trigger.kind is TriggerKind.MANUAL and trigger.poll is not None and not payload:
                return self._intake.accept(connection, [backfill_event(connection, row, trigger)])[0]
            check_payload(trigger, payload)
            note(connection, "triggered", "flow connection", subject=row.id, name=row.name)
            draft = draft_from(
                trigger,
                app=row.trigger_app,
                source=row.trigger_source,
                external_id=new_id("now"),
                payload=payload,
                occurred_at=clock.now(),
                only_flow_connection=row.id,
            )
            return self._intake.accept(connection, [draft])[0]

        return await self._database.write(unit)

    async def _change(
        self,
        flow_connection_id: str,
        change: Callable[[Connection, Row[Any], FlowDefinition], dict[str, Any]],
    ) -> FlowConnectionView:
        def unit(connection: Connection) -> FlowConnectionView:
            row = _found(connection, flow_connection_id)
            values = change(connection, row, FlowDefinition.model_validate(row.definition))
            store.change(connection, row.id, {**values, "updated_at": clock.now()})
            return self._show(connection, row.id)

        view = await self._database.write(alone(unit))
        self._plans.forget()
        return view

    async def _change_secrets(
        self, flow_connection_id: str, following: Callable[[_Secrets, WebhookScheme], _Secrets]
    ) -> FlowConnectionView:
        def change(_connection: Connection, row: Row[Any], definition: FlowDefinition) -> dict[str, Any]:
            scheme = self._own_scheme(definition)
            if scheme is None:
                raise Conflict("The webhooks of this flow connection are not verified with a secret of its own.")
            return {"hook_secrets": self._sealed(row.id, following(self._opened(row), scheme))}

        return await self._change(flow_connection_id, change)

    def _refuse_doubled_money(
        self,
        connection: Connection,
        link_id: str,
        definition: FlowDefinition,
        bindings: Mapping[str, str],
        columns: Mapping[str, str],
    ) -> None:
        """Two flows that track the same money on the same connection would pay it twice.

        The same trigger at another source is other money, e.g. a second gateway's payments.
        """
        if not definition.tracks_money_of:
            return
        own = self._bindings.tracking(definition, bindings)
        for other in store.enabled_but(connection, link_id):
            theirs = FlowDefinition.model_validate(other.definition)
            same_trigger = all(getattr(other, name) == columns[name] for name in ("trigger_app", "trigger_event"))
            if theirs.tracks_money_of != definition.tracks_money_of:
                continue
            if same_trigger and other.trigger_source != columns["trigger_source"]:
                continue
            if own & self._bindings.tracking(theirs, other.bindings):
                raise Conflict(
                    f"{other.name} ({other.flow_name}) already tracks {definition.tracks_money_of} on the same "
                    "connection; both together would count the same money twice. Disable that one first.",
                    field="bindings",
                )

    def _trigger(self, definition: FlowDefinition) -> Trigger | None:
        app = self._catalog.apps.get(definition.trigger.app)
        return app.triggers.get(definition.trigger.trigger) if app else None

    def _own_scheme(self, definition: FlowDefinition) -> WebhookScheme | None:
        """How its webhooks are verified, if with a secret of its own."""
        app, trigger = self._catalog.apps.get(definition.trigger.app), self._trigger(definition)
        if app is None or app.webhook is None or trigger is None or trigger.kind is not TriggerKind.WEBHOOK:
            return None
        return app.webhook if not app.webhook.secret_field else None

    def _sealed(self, link_id: str, known: _Secrets) -> bytes:
        return self._vault.seal(dumps(known).encode(), f"flow_connections/{link_id}")

    def _opened(self, row: Row[Any]) -> _Secrets:
        if row.hook_secrets is None:
            return []
        try:
            return list(loads(self._vault.open(row.hook_secrets, f"flow_connections/{row.id}")))
        except CannotOpen:
            return []

    def _show(self, connection: Connection, flow_connection_id: str) -> FlowConnectionView:
        return self._view(connection, _found(connection, flow_connection_id))

    def _view(self, connection: Connection, row: Row[Any]) -> FlowConnectionView:
        definition = FlowDefinition.model_validate(row.definition)
        trigger = self._trigger(definition)
        is_hook = trigger is not None and trigger.kind is TriggerKind.WEBHOOK
        url = f"{self._server_url}/hooks/{row.id}/{row.hook_token}" if is_hook else ""
        needs, optional = self._bindings.needed(definition), self._bindings.optional(definition)
        app = self._catalog.apps.get(row.trigger_app)
        notice = notice_of(connection, self._vault, app, row) if is_hook and app is not None else ""
        return flow_connection_view(row, needs=needs, optional=optional, webhook_url=url, webhook_notice=notice)


def _definition(connection: Connection, flow_id: str) -> FlowDefinition:
    row = flows.one(connection, flow_id)
    if row is None:
        raise NotFound(f"There is no flow {flow_id}.", field="flow_id")
    if row.definition is None:
        raise Conflict("This flow has only a draft. Publish it, then connect it.", field="flow_id")
    return FlowDefinition.model_validate(row.definition)


def _found(connection: Connection, flow_connection_id: str) -> Row[Any]:
    row = store.one(connection, flow_connection_id)
    if row is None:
        raise NotFound(f"There is no flow connection {flow_connection_id}.")
    return row
