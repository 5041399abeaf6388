"""Connections: credentials validated, tested at the vendor before they are saved, encrypted, and repaired."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import Connection, Row
from sqlalchemy.exc import IntegrityError

from affluent.catalog import Catalog
from affluent.engine.journal import break_connection
from affluent.engine.limits import Limiter
from affluent.engine.plans import Plans
from affluent.engine.queue import Queue
from affluent.engine.vendor_http import Network
from affluent.kit import clock
from affluent.kit.actor import current
from affluent.kit.ids import new_id
from affluent.kit.jsons import JSONObject
from affluent.sdk import App, AppError, AuthFailed, Limit
from affluent.services.connections import event_source as triggering
from affluent.services.connections import owners
from affluent.services.connections.addresses import moved_field, refuse_kept, refuse_strangers, secrets_kept
from affluent.services.connections.credentials import Credentials, Tester, blamed, merged, opened, validated
from affluent.services.connections.views import ConnectionTest, ConnectionView, Uses, connection_view
from affluent.services.errors import Conflict, Invalid, NotFound
from affluent.services.names import checked_name
from affluent.services.paging import Page, bounded, page_of
from affluent.store import connections as store
from affluent.store import directory_sync
from affluent.store.audit.recording import who_acts
from affluent.store.configuration_lock import alone
from affluent.store.database import Database, on_commit
from affluent.vault.envelope import Vault

_LARGEST_LIMIT = 1_000_000
_LONGEST_WINDOW_SECONDS = 86_400


class Connections:
    """Use cases of connections. `wake` is called after a commit that queued runs."""

    def __init__(
        self,
        *,
        database: Database,
        catalog: Catalog,
        vault: Vault,
        plans: Plans,
        queue: Queue,
        network: Network,
        limiter: Limiter,
        wake: Callable[[], None],
        server_url: str,
    ) -> None:
        self._database = database
        self._catalog = catalog
        self._vault = vault
        self._plans = plans
        self._queue = queue
        self._wake = wake
        self._server_url = server_url
        self._tester = Tester(network=network, limiter=limiter, server_url=server_url)

    async def create(self, *, app: str, name: str, fields: JSONObject, skip_test: bool = False) -> ConnectionView:
        """Validate, test at the vendor, save. Raises Invalid with the guilty field (`fields.<name>`), Conflict on the name."""
        of_app, name = self._app(app), checked_name(name)
        given = validated(of_app, fields)
        if await self._database.read(lambda connection: store.name_is_taken(connection, app, name)):
            raise _taken(of_app, name)
        connection_id = new_id("con")
        if not skip_test:
            await self._prove(of_app, given, connection_id)
        now = clock.now()
        values = {
            "id": connection_id,
            "app": app,
            "name": name,
            "fields": given.plain,
            "secrets": given.sealed(self._vault, connection_id),
            "version": 1,
            "status": "active",
            "status_reason": "",
            "owner_id": owners.new_owner(current()),
            "tested_at": None if skip_test else now,
            "created_at": now,
            "updated_at": now,
        }
        try:
            row = await self._database.write(alone(lambda connection: store.add(connection, values)))
        except IntegrityError as error:
            raise _taken(of_app, name) from error
        return self._view(row, [])

    async def list(
        self, *, app: str = "", status: str = "", search: str = "", limit: int = 50, after: str = ""
    ) -> Page[ConnectionView]:
        """Connections, oldest first, with where each is used."""
        limit = bounded(limit)

        def unit(connection: Connection) -> Page[ConnectionView]:
            rows = store.find(connection, app=app, status=status, search=search, limit=limit + 1, after=after)
            uses = store.uses(connection, [row.id for row in rows[:limit]])
            return page_of(rows, limit, key=lambda row: str(row.id), view=lambda row: self._view(row, uses[row.id]))

        return await self._database.read(unit)

    async def counts(self) -> dict[str, dict[str, int]]:
        """How many connections each app has, by status."""
        return await self._database.read(store.counts)

    async def get(self, connection_id: str) -> ConnectionView:
        """One connection with where it is used; raises NotFound."""
        return await self._database.read(lambda connection: self._show(connection, connection_id))

    async def update(
        self, connection_id: str, *, name: str | None = None, fields: JSONObject | None = None, skip_test: bool = False
    ) -> ConnectionView:
        """Rename, and change or rotate credentials: a secret left empty is kept, null removes a field.

        New credentials are tested first; then the connection is active and its paused runs go on. Raises as create,
        NotFound, and Conflict when someone else changed it meanwhile. When requests go elsewhere afterwards, every secret
        must be given anew (Invalid), by the owner or an administrator (Forbidden).
        """
        before = await self._row(connection_id)
        app = self._app(before.app)
        now = clock.now()
        changes: dict[str, Any] = {"updated_at": now}
        if name is not None:
            changes["name"] = checked_name(name)
        given: Credentials | None = None
        if fields is not None:
            held = opened(self._vault, before.secrets, connection_id)
            given = await self._changed(app, before, held, fields)
            if not skip_test:
                await self._prove(app, given, connection_id, _own_limit(before))
            changes |= {
                "tested_at": None if skip_test else now,
                "fields": given.plain,
                "secrets": given.sealed(self._vault, connection_id),
                "version": before.version + 1,
            }
            if before.status != "disabled":
                changes |= {"status": "active", "status_reason": ""}
        local = app.is_local(given.model) if given else None
        try:
            return await self._database.write(
                alone(lambda connection: self._change(connection, before, changes, is_local=local))
            )
        except IntegrityError as error:
            raise _taken(app, str(changes["name"])) from error
        finally:
            self._plans.forget()

    async def test(self, connection_id: str) -> ConnectionTest:
        """Try the stored credentials now. Accepted: an ailing connection is active again and its paused runs go on.

        Refused: an active one needs attention. A vendor that is down changes nothing. Raises NotFound.
        """
        before = await self._row(connection_id)
        app = self._app(before.app)
        try:
            given = validated(app, {**before.fields, **opened(self._vault, before.secrets, connection_id)})
            message = await self._tester.test(app, given, connection_id, _own_limit(before))
        except (AppError, Invalid) as error:
            field = blamed(app, error) if isinstance(error, AppError) else error.field
            if isinstance(error, (AuthFailed, Invalid)):
                reason = error.message
                await self._database.write(lambda c: break_connection(c, connection_id, before.version, reason))
                self._plans.forget()
            return ConnectionTest(
                ok=False, message=error.message, field=field, connection=await self.get(connection_id)
            )
        changes: dict[str, Any] = {"tested_at": clock.now()}
        if before.status == "needs_attention":
            changes |= {"status": "active", "status_reason": "", "updated_at": clock.now()}
        view = await self._database.write(alone(lambda connection: self._change(connection, before, changes)))
        self._plans.forget()
        return ConnectionTest(ok=True, message=message or f"{app.title} accepted it.", field="", connection=view)

    async def set_limit(
        self, connection_id: str, *, requests: int | None, seconds: int | None = None
    ) -> ConnectionView:
        """The owner's own request limit instead of the app's; None gives the app's back. Raises Invalid, NotFound."""
        if requests is not None and not 1 <= requests <= _LARGEST_LIMIT:
            raise Invalid(f"The limit must be 1 to {_LARGEST_LIMIT} requests.", field="limit_requests")
        if requests is not None and not 1 <= (seconds or 60) <= _LONGEST_WINDOW_SECONDS:
            raise Invalid(f"The window must be 1 to {_LONGEST_WINDOW_SECONDS} seconds.", field="limit_seconds")
        window = (seconds or 60) if requests is not None else None
        return await self._set(connection_id, {"limit_requests": requests, "limit_seconds": window})

    async def disable(self, connection_id: str) -> ConnectionView:
        """Send nothing on it any more; its runs wait. Raises NotFound."""
        return await self._set(connection_id, {"status": "disabled", "status_reason": "Disabled by a person."})

    async def enable(self, connection_id: str) -> ConnectionView:
        """Use it again; the runs that waited go on. Raises NotFound."""
        return await self._set(connection_id, {"status": "active", "status_reason": ""})

    async def owner(self, connection_id: str) -> owners.Owner:
        """Whose it is, and whether something new may begin on it. Raises NotFound."""
        return await self._database.read(lambda connection: self._owner(connection, connection_id))

    async def take_over(self, connection_id: str) -> ConnectionView:
        """Whoever acts now owns it from now on. Raises NotFound."""
        return await self._set(connection_id, {"owner_id": owners.new_owner(current())})

    async def delete(self, connection_id: str) -> None:
        """Remove it with its secrets; raises NotFound, and Conflict with the list of where it is used."""

        def unit(connection: Connection) -> None:
            view = self._show(connection, connection_id)
            if view.used_by:
                where = "; ".join(f"{use.flow_connection_name} ({use.flow_name})" for use in view.used_by)
                raise Conflict(
                    f"{view.name} is used by {where}. Choose another connection there, or remove them, first."
                )
            store.remove(connection, connection_id)
            directory_sync.forget(connection, connection_id)

        await self._database.write(alone(unit))
        self._plans.forget()

    def put(self, connection: Connection, before: Row[Any], changes: dict[str, Any], *, is_local: bool | None) -> None:
        """Write columns of a connection in the caller's transaction; raises Conflict when it changed meanwhile."""
        self._change(connection, before, changes, is_local=is_local)
        on_commit(connection, self._plans.forget)

    def check_move(self, connection: Connection, row: Row[Any], field: str, kept: Sequence[str], *, how: str) -> None:
        """Raise as update, in the caller's transaction, when a field that changes the address keeps stored secrets."""
        refuse_strangers(connection, row, who_acts(connection), field=field)
        refuse_kept(self._app(row.app), kept, field=field, how=how)

    def moved_field(self, app: App, before: JSONObject, after: Credentials) -> str:
        """The field by which requests go elsewhere than before; empty when they do not."""
        return moved_field(app, before, after, self._server_url)

    async def _changed(self, app: App, before: Row[Any], held: JSONObject, changes: JSONObject) -> Credentials:
        given = validated(app, merged(app, before.fields, held, changes))
        field = self.moved_field(app, {**before.fields, **held}, given)
        if not field:
            return given
        actor = current()
        await self._database.read(lambda connection: refuse_strangers(connection, before, actor, field=field))
        how = " Give --secrets to be asked for it." if actor.kind == "command" else ""
        refuse_kept(app, secrets_kept(app, held, changes), field=field, how=how)
        return validated(app, {**before.fields, **changes})  # nothing secret of before, not even as a previous one

    async def _prove(self, app: App, given: Credentials, connection_id: str, limit: Limit | None = None) -> None:
        try:
            await self._tester.test(app, given, connection_id, limit)
        except AppError as error:
            raise Invalid(error.message, field=blamed(app, error)) from error

    async def _set(self, connection_id: str, changes: dict[str, Any]) -> ConnectionView:
        def unit(connection: Connection) -> ConnectionView:
            before = _found(store.one(connection, connection_id), connection_id)
            return self._change(connection, before, {**changes, "updated_at": clock.now()})

        view = await self._database.write(alone(unit))
        self._plans.forget()
        return view

    def _change(
        self, connection: Connection, before: Row[Any], changes: dict[str, Any], *, is_local: bool | None = None
    ) -> ConnectionView:
        """Write changes to a connection that is still as it was; queue the runs that waited once it is active."""
        row = store.change(connection, before.id, version=before.version, values=changes)
        if row is None:
            raise Conflict("This connection was changed by someone else meanwhile. Look at it again.")
        if is_local is not None:
            triggering.repoint(connection, before.id, is_local=is_local)
        if changes.get("fields", before.fields) != before.fields:
            directory_sync.forget(connection, before.id)
        if changes.get("status") == "active" or (row.status == "active" and "version" in changes):
            ready = store.release_paused(connection, before.id, clock.now())
            self._queue.put(connection, ready)
            on_commit(connection, self._wake)
        return self._view(row, store.uses(connection, [before.id])[before.id])

    async def _row(self, connection_id: str) -> Row[Any]:
        row = await self._database.read(lambda connection: store.one(connection, connection_id))
        return _found(row, connection_id)

    def _app(self, key: str) -> App:
        app = self._catalog.apps.get(key)
        if app is None:
            raise Invalid(self._catalog.missing(key), field="app")
        return app

    def _show(self, connection: Connection, connection_id: str) -> ConnectionView:
        row = _found(store.one(connection, connection_id), connection_id)
        return self._view(row, store.uses(connection, [connection_id])[connection_id])

    def _owner(self, connection: Connection, connection_id: str) -> owners.Owner:
        row = _found(store.one(connection, connection_id), connection_id)
        return owners.owners(connection, [row])[row.id]

    def _view(self, row: Row[Any], uses: Uses) -> ConnectionView:
        app = self._catalog.apps.get(row.app)
        held = tuple(opened(self._vault, row.secrets, row.id))
        view = connection_view(row, app_title=app.title if app else row.app, secrets=held, uses=uses)
        if app is None and row.status == "active":
            return replace(view, status="needs_attention", status_reason=self._catalog.missing(row.app))
        return view


def _own_limit(row: Row[Any]) -> Limit | None:
    return Limit(requests=row.limit_requests, per_seconds=row.limit_seconds or 60) if row.limit_requests else None


def _taken(app: App, name: str) -> Conflict:
    return Conflict(f"There is a {app.title} connection called {name!r} already. Choose another name.", field="name")


def _found(row: Row[Any] | None, connection_id: str) -> Row[Any]:
    if row is None:
        raise NotFound(f"There is no connection {connection_id}.")
    return row
