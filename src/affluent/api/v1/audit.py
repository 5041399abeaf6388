"""`/audit`: the audit log, read only."""

from __future__ import annotations

from typing import Annotated

from fastapi import Query

from affluent.api.routing import needs, router
from affluent.api.v1 import schemas
from affluent.api.v1.hub import Hub, Limit
from affluent.services.operations.audit import AuditFilter, EntryView, Verdict
from affluent.services.paging import Page

routes = router("Audit log")
Text = Annotated[str, Query(max_length=200)]
Number = Annotated[str, Query(max_length=18, pattern=r"^[0-9]*$", description="`next` of the page before.")]
Moment = Annotated[schemas.Moment | None, Query(description="With its time zone.")]


@routes.get("/audit", summary="List entries of the audit log", **needs("audit:read", 422))
async def find(  # noqa: PLR0917 - each is a parameter of the query
    hub: Hub,
    actor: Text = "",
    noun: Text = "",
    subject: Text = "",
    since: Moment = None,
    until: Moment = None,
    limit: Limit = 50,
    after: Number = "",
) -> Page[EntryView]:
    """Newest first: who changed what, when, from where, before and after without secrets. Empty conditions match all."""
    criteria = AuditFilter(actor=actor, noun=noun, subject=subject, since=since, until=until)
    return await hub.audit.find(criteria, limit=limit, after=after)


@routes.get("/audit/verdict", summary="Verify the audit log", **needs("audit:read"))
async def verify(hub: Hub) -> Verdict:
    """Work the chain out anew. Keep `head` elsewhere: an entry with this digest must always be there."""
    return await hub.audit.verify()
