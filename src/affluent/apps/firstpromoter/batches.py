"""Batches: up to five ids are worked on at once, more later; a 2xx alone proves nothing."""

from __future__ import annotations

import asyncio
from datetime import timedelta

from affluent.apps.firstpromoter import client
from affluent.apps.firstpromoter.client import Ctx
from affluent.kit.jsons import JSONObject, JSONValue
from affluent.sdk import OutputModel, Rejected, Retry

AT_ONCE = 5
_LOOKS = 6
_PAUSE_SECONDS = 0.5
_LATER = timedelta(seconds=30)


class Batch(OutputModel):
    """What came of a batch."""

    processed: int
    batch_ids: list[int]
    """FirstPromoter's numbers of the batches."""


async def run(ctx: Ctx, method: str, path: str, ids: list[int], **fields: object) -> Batch:
    """Send ids in groups that are worked on at once, and see each group through. Raises Rejected when one failed."""
    client.needs_v2(ctx, "This action")
    processed, batch_ids = 0, []
    for start in range(0, len(ids), AT_ONCE):
        group = ids[start : start + AT_ONCE]
        response = await ctx.http.request(method, path, json={**fields, "ids": group})
        body = await _finished(ctx, client.document(response))
        failed = _count(body.get("failed_count"), otherwise=0)
        if failed or body.get("status") in ("failed", "stopped"):
            errors = "; ".join(str(error) for error in body.get("processing_errors") or []) or "no reason was given"
            raise Rejected(f"FirstPromoter could not do it for {failed or len(group)} of {len(group)}: {errors}.")
        processed += _count(body.get("processed_count"), otherwise=len(group))
        batch_ids.append(_count(body.get("id"), otherwise=0))
    return Batch(processed=processed, batch_ids=batch_ids)


def _count(value: JSONValue, *, otherwise: int) -> int:
    """A number of an answer, also when it is 0; the other one where it is not said."""
    return value if isinstance(value, int) and not isinstance(value, bool) else otherwise


async def one_by_one(ctx: Ctx, method: str, path: str, ids: list[int], fields: JSONObject) -> Batch:
    """What v2 does in a batch, in v1: a call for each id."""
    for number in ids:
        await client.send(ctx, method, path, {"id": number, **fields})
    return Batch(processed=len(ids), batch_ids=[])


async def _finished(ctx: Ctx, body: JSONObject) -> JSONObject:
    for _ in range(_LOOKS):
        if body.get("status") not in ("pending", "in_progress"):
            return body
        await asyncio.sleep(_PAUSE_SECONDS)
        response = await ctx.http.request("GET", f"/company/batch_processes/{body.get('id')}")
        body = client.document(response)
    raise Retry("FirstPromoter is still working on this batch; it is asked again later.", retry_after=_LATER)
