"""Flows: shipped ones kept in step with their files, private ones drafted, published, restored and deleted."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row

from affluent.catalog import Catalog
from affluent.domain.diff import changes
from affluent.domain.flow import FlowDefinition, FlowType, Visibility
from affluent.engine.plans import Plans
from affluent.kit import clock
from affluent.kit.ids import new_id
from affluent.kit.jsons import JSONObject, dumps
from affluent.services.errors import Conflict, Invalid, NotFound
from affluent.services.flows.bindings import Bindings, missing
from affluent.services.flows.checks import check_draft
from affluent.services.flows.problems import FlowProblem
from affluent.services.flows.views import FlowDetail, FlowView, Published, VersionView, flow_view, version_views
from affluent.services.names import LONGEST_NAME
from affluent.services.paging import Page, bounded, page_of
from affluent.store import flow_connections as links
from affluent.store import flows as store
from affluent.store.configuration_lock import alone
from affluent.store.database import Database
from affluent.vault.envelope import Vault

_SHIPPED_BY = "Affluent"
_LARGEST_DRAFT = 262_144
_VERSIONS_SHOWN = 20


class Flows:
    """Use cases of flows."""

    def __init__(self, *, database: Database, catalog: Catalog, vault: Vault, plans: Plans) -> None:
        self._database = database
        self._catalog = catalog
        self._plans = plans
        self._bindings = Bindings(catalog=catalog, vault=vault)

    async def sync_public(self, definitions: Sequence[FlowDefinition]) -> int:
        """Bring the shipped flows up to their files; returns how many changed. Safe to repeat, also in parallel."""
        changed = await self._database.write(alone(lambda connection: self._sync(connection, definitions)))
        self._plans.forget()
        return changed

    async def list(self, *, visibility: str = "", search: str = "", limit: int = 50, after: str = "") -> Page[FlowView]:
        """Flows, oldest first, with their apps, connections and last run. `visibility`: public, private, or empty for all."""
        limit = bounded(limit)

        def unit(connection: Connection) -> Page[FlowView]:
            rows = store.find(connection, visibility=visibility, search=search, limit=limit + 1, after=after)
            runs = store.runs_of(connection, [row.last_run_id for row in rows if row.last_run_id])
            return page_of(
                rows, limit, key=lambda row: str(row.id), view=lambda row: flow_view(row, runs.get(row.last_run_id))
            )

        return await self._database.read(unit)

    async def get(self, flow_id: str) -> FlowDetail:
        """One flow with its newest versions; raises NotFound."""
        return await self._database.read(lambda connection: _detail(connection, flow_id))

    async def by_key(self, key: str) -> FlowView:
        """The shipped flow of a key; raises NotFound."""
        row = await self._database.read(lambda connection: store.by_key(connection, key))
        if row is None:
            raise NotFound(f"There is no shipped flow {key!r}.")
        return flow_view(row, None)

    async def versions(self, flow_id: str, *, limit: int = 50, before: int = 0) -> tuple[VersionView, ...]:
        """Versions, newest first, older than number `before`; raises NotFound."""
        limit = bounded(limit)

        def unit(connection: Connection) -> tuple[VersionView, ...]:
            _found(connection, flow_id)
            return version_views(store.versions(connection, flow_id, limit=limit + 1, before=before), limit)

        return await self._database.read(unit)

    async def version(self, flow_id: str, number: int) -> FlowDefinition:
        """What a version says; raises NotFound."""
        return await self._database.read(lambda connection: _definition(connection, flow_id, number))

    async def create(self, draft: JSONObject, *, author: str = "", publish: bool = False) -> FlowDetail:
        """A private flow from a definition that may be unfinished. Published at once, it must be valid: raises Invalid."""
        _check_size(draft)
        flow_id, now = new_id("flo"), clock.now()
        definition = self._valid(draft) if publish else None

        def unit(connection: Connection) -> FlowDetail:
            values = {
                "id": flow_id,
                "key": None,
                "visibility": Visibility.PRIVATE.value,
                "version": 0,
                "draft": draft,
                "draft_at": now,
                "created_at": now,
                "updated_at": now,
            }
            store.add(connection, values | _facts(draft))
            if definition is not None:
                self._publish(connection, flow_id, definition, author=author, note="", now=now)
            return _detail(connection, flow_id)

        return await self._database.write(alone(unit))

    async def copy(self, flow_id: str) -> FlowDetail:
        """A private draft that says what a flow says; raises NotFound."""
        source = await self.get(flow_id)
        content = source.definition.model_dump(mode="json") if source.definition else source.draft or {}
        name = f"{str(content.get('name', ''))[: LONGEST_NAME - 7]} (copy)"
        return await self.create({**content, "key": "", "name": name})

    async def save_draft(self, flow_id: str, draft: JSONObject) -> datetime:
        """Keep a draft as it is, valid or not; returns when. Raises NotFound, Conflict for a shipped flow."""
        _check_size(draft)
        now = clock.now()

        def unit(connection: Connection) -> None:
            row = _editable(connection, flow_id)
            facts = _facts(draft) if row.version == 0 else {}
            store.change(connection, flow_id, {"draft": draft, "draft_at": now, "updated_at": now, **facts})

        await self._database.write(alone(unit))
        return now

    async def discard_draft(self, flow_id: str) -> FlowDetail:
        """Forget the draft; raises NotFound, Conflict when there is no version to fall back to."""

        def unit(connection: Connection) -> FlowDetail:
            if _editable(connection, flow_id).version == 0:
                raise Conflict("This flow was never published, so its draft is all there is. Delete the flow instead.")
            store.change(connection, flow_id, {"draft": None, "draft_at": None})
            return _detail(connection, flow_id)

        return await self._database.write(alone(unit))

    def validate(self, draft: JSONObject) -> tuple[FlowProblem, ...]:
        """What is wrong with a definition; errors keep it from being published, warnings do not."""
        return tuple(check_draft(draft, self._catalog))

    async def diff(self, flow_id: str) -> tuple[str, ...]:
        """What publishing the draft would change, in words. Raises NotFound, Conflict without a draft, Invalid."""
        detail = await self.get(flow_id)
        if detail.draft is None:
            raise Conflict("This flow has no draft.")
        return changes(detail.definition, self._valid(detail.draft))

    async def publish(self, flow_id: str, *, author: str = "", note: str = "") -> Published:
        """Make the draft the current version. Raises NotFound, Conflict without a draft, Invalid with all problems."""

        def unit(connection: Connection) -> Published:
            row = _editable(connection, flow_id)
            if row.draft is None:
                raise Conflict("This flow has no draft to publish.")
            definition = self._valid(row.draft)
            before = FlowDefinition.model_validate(row.definition) if row.definition else None
            attention = self._publish(connection, flow_id, definition, author=author, note=note, now=clock.now())
            return Published(
                flow=_detail(connection, flow_id), changes=changes(before, definition), attention=tuple(attention)
            )

        published = await self._database.write(alone(unit))
        self._plans.forget()
        return published

    async def restore(self, flow_id: str, number: int) -> FlowDetail:
        """Make what a version says the draft; raises NotFound, Conflict for a shipped flow."""

        def unit(connection: Connection) -> FlowDetail:
            _editable(connection, flow_id)
            content = _definition(connection, flow_id, number).model_dump(mode="json")
            now = clock.now()
            store.change(connection, flow_id, {"draft": content, "draft_at": now, "updated_at": now})
            return _detail(connection, flow_id)

        return await self._database.write(alone(unit))

    async def delete(self, flow_id: str) -> None:
        """Delete a private flow; raises NotFound, Conflict for a shipped one and while it is connected."""

        def unit(connection: Connection) -> None:
            _editable(connection, flow_id)
            used = links.of_flow(connection, flow_id)
            if used:
                names = ", ".join(link.name for link in used)
                raise Conflict(f"This flow is connected: {names}. Remove its flow connections first.")
            store.remove(connection, flow_id)

        await self._database.write(alone(unit))

    def put(self, connection: Connection, flow_id: str, definition: FlowDefinition, *, author: str) -> Sequence[str]:
        """Publish a definition in the caller's transaction, as a new private flow without an id; returns what needs attention.

        Raises Invalid with all problems, Conflict for a shipped flow.
        """
        draft, now = definition.model_dump(mode="json"), clock.now()
        valid = self._valid(draft)
        if flow_id:
            _editable(connection, flow_id)
        else:
            flow_id = new_id("flo")
            values = {"id": flow_id, "key": None, "visibility": Visibility.PRIVATE.value, "version": 0}
            store.add(connection, {**values, **_facts(draft), "created_at": now, "updated_at": now})
        return self._publish(connection, flow_id, valid, author=author, note="From a file.", now=now)

    def _valid(self, draft: JSONObject) -> FlowDefinition:
        errors = [problem for problem in check_draft(draft, self._catalog) if problem.is_error]
        if errors:
            problems = [(problem.field, problem.message) for problem in errors]
            raise Invalid(errors[0].message, field=errors[0].field, problems=problems)
        return FlowDefinition.model_validate({**draft, "key": ""})

    def _sync(self, connection: Connection, definitions: Sequence[FlowDefinition]) -> int:
        changed = 0
        now = clock.now()
        for definition in definitions:
            row = store.by_key(connection, definition.key)
            if row is not None and row.definition == definition.model_dump(mode="json"):
                continue
            changed += 1
            flow_id = row.id if row is not None else new_id("flo")
            if row is None:
                values = {"id": flow_id, "key": definition.key, "visibility": Visibility.PUBLIC.value, "version": 0}
                facts = _facts(definition.model_dump(mode="json"))
                store.add(connection, {**values, **facts, "created_at": now, "updated_at": now})
            self._publish(connection, flow_id, definition, author=_SHIPPED_BY, note="", now=now)
        return changed

    def _publish(
        self, connection: Connection, flow_id: str, definition: FlowDefinition, *, author: str, note: str, now: datetime
    ) -> Sequence[str]:
        """Write the next version and let the flow connections follow; returns what they need."""
        row = _found(connection, flow_id)
        content = definition.model_dump(mode="json")
        version = {"flow_id": flow_id, "number": row.version + 1, "definition": content}
        store.add_version(connection, {**version, "author": author, "note": note, "created_at": now})
        values = {"version": row.version + 1, "draft": None, "draft_at": None, "updated_at": now}
        store.change(connection, flow_id, values | _facts(content))
        return [
            problem
            for link in links.of_flow(connection, flow_id)
            for problem in self._follow(connection, definition, link)
        ]

    def _follow(self, connection: Connection, definition: FlowDefinition, link: Row[Any]) -> Sequence[str]:
        """A flow connection follows its flow's new version."""
        bindings = self._bindings.adopted(connection, definition, link.bindings)
        lacking = missing(self._bindings.needed(definition), bindings)
        columns: dict[str, Any] = {"bindings": bindings, "updated_at": clock.now()}
        if "trigger" in lacking:
            columns["enabled"] = False
        else:
            columns |= self._bindings.trigger_columns(connection, definition, bindings, link.id)
        links.change(connection, link.id, columns)
        if not lacking:
            return []
        stopped = " It was disabled." if "trigger" in lacking else " Its runs will stop there until it has."
        return [f"{link.name} needs a connection for {', '.join(lacking)}.{stopped}"]


def _facts(content: JSONObject) -> JSONObject:
    """The columns that repeat what a definition, or a draft of any shape, says."""
    name, text, kind = (content.get(field) for field in ("name", "description", "type"))
    return {
        "name": (name.strip()[:LONGEST_NAME] if isinstance(name, str) else "") or "Untitled flow",
        "description": text[:2000] if isinstance(text, str) else "",
        "type": kind if kind in tuple(FlowType) else FlowType.OUTBOUND.value,
    }


def _detail(connection: Connection, flow_id: str) -> FlowDetail:
    row = _found(connection, flow_id)
    rows = store.versions(connection, flow_id, limit=_VERSIONS_SHOWN + 1)
    runs = store.runs_of(connection, [row.last_run_id] if row.last_run_id else [])
    return FlowDetail(
        flow=flow_view(row, runs.get(row.last_run_id)),
        definition=FlowDefinition.model_validate(row.definition) if row.definition else None,
        draft=row.draft,
        draft_at=row.draft_at,
        versions=version_views(rows, _VERSIONS_SHOWN),
    )


def _found(connection: Connection, flow_id: str) -> Row[Any]:
    row = store.one(connection, flow_id)
    if row is None:
        raise NotFound(f"There is no flow {flow_id}.")
    return row


def _editable(connection: Connection, flow_id: str) -> Row[Any]:
    row = _found(connection, flow_id)
    if row.visibility == Visibility.PUBLIC:
        raise Conflict("This flow is shipped with Affluent and cannot be changed. Make a copy and change that.")
    return row


def _definition(connection: Connection, flow_id: str, number: int) -> FlowDefinition:
    _found(connection, flow_id)
    content = store.definition_of(connection, flow_id, number)
    if content is None:
        raise NotFound(f"This flow has no version {number}.", field="version")
    return FlowDefinition.model_validate(content)


def _check_size(draft: JSONObject) -> None:
    size = len(dumps(draft))
    if size > _LARGEST_DRAFT:
        raise Invalid(f"A flow has at most {_LARGEST_DRAFT} characters as JSON; this one has {size}.")
