"""Flows as files: written out, compared in words, applied in one transaction. A plan is an apply that is undone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NoReturn

from sqlalchemy import Connection

from affluent.catalog import Catalog
from affluent.engine.plans import Plans
from affluent.services.connections.service import Connections
from affluent.services.flow_files.applying import Work
from affluent.services.flow_files.model import FlowFile
from affluent.services.flow_files.reading import read_all
from affluent.services.flows.flow_connections import FlowConnections
from affluent.services.flows.service import Flows
from affluent.store.configuration_lock import alone
from affluent.store.database import Database
from affluent.vault.envelope import Vault


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What a file changes of one thing."""

    what: str
    """e.g. Flow “Orders to the shop”."""
    is_new: bool
    sentences: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class FilePlan:
    """What a file changes, and what the changed things need from a person afterwards."""

    changes: tuple[Change, ...]
    unchanged: int
    attention: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Applied:
    """What was changed."""

    plan: FilePlan
    untested: tuple[str, ...]
    """Ids of connections that have all they need and were not tried yet."""
    hook_secrets: dict[str, str] = field(default_factory=dict, repr=False)
    """Name of a new flow connection → the secret of its webhook, shown now and never again."""


class _Undone(Exception):
    """Carries a plan out of the transaction that is rolled back."""

    def __init__(self, applied: Applied) -> None:
        super().__init__()
        self.applied = applied


class FlowFiles:
    """Use cases of files."""

    def __init__(
        self,
        *,
        database: Database,
        catalog: Catalog,
        vault: Vault,
        plans: Plans,
        connections: Connections,
        flows: Flows,
        flow_connections: FlowConnections,
    ) -> None:
        self._database = database
        self._catalog = catalog
        self._vault = vault
        self._plans = plans
        self._connections = connections
        self._flows = flows
        self._flow_connections = flow_connections

    async def export(self, *, flow_id: str = "") -> FlowFile:
        """Everything, or one flow with what it needs. Raises NotFound, Conflict when a name stands for two things."""
        return await self._database.read(lambda connection: read_all(connection, flow_id=flow_id))

    async def plan(self, file: FlowFile) -> FilePlan:
        """What apply would do, in words; nothing is changed. Raises as apply."""

        def unit(connection: Connection) -> NoReturn:
            raise _Undone(self._work(connection, file, "nobody"))

        try:
            await self._database.write(alone(unit))
        except _Undone as done:
            return done.applied.plan
        raise AssertionError("a plan is always undone")

    async def apply(self, file: FlowFile, *, author: str = "") -> Applied:
        """Make it so, all of it or nothing. Raises Invalid, Conflict, NotFound with the thing's name in the message."""
        applied = await self._database.write(alone(lambda connection: self._work(connection, file, author)))
        self._plans.forget()
        return applied

    def _work(self, connection: Connection, file: FlowFile, author: str) -> Applied:
        work = Work(
            connection,
            catalog=self._catalog,
            vault=self._vault,
            connections=self._connections,
            flows=self._flows,
            flow_connections=self._flow_connections,
            author=author,
        )
        work.do(file)
        changes = _merged(work.changes)
        total = len(file.connections) + len(file.flows) + len(file.flow_connections)
        return Applied(
            plan=FilePlan(changes=changes, unchanged=total - len(changes), attention=tuple(work.attention)),
            untested=tuple(work.untested),
            hook_secrets=work.hook_secrets,
        )


def _merged(changes: Sequence[tuple[str, bool, tuple[str, ...]]]) -> tuple[Change, ...]:
    return tuple(Change(what=what, is_new=is_new, sentences=sentences) for what, is_new, sentences in changes)
