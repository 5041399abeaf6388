"""Any request to Togai's API, for what no other action does."""

from __future__ import annotations

from affluent.apps.togai.client import Ctx
from affluent.apps.togai.schemas import ApiAnswer, ApiCall


async def api_call(ctx: Ctx, wanted: ApiCall) -> ApiAnswer:
    """Send a request to any path of Togai's API. A write whose answer is lost stops, because it cannot be looked up."""
    answer = await ctx.http.request(wanted.method, wanted.path, query=wanted.query or None, json=wanted.body)
    return ApiAnswer(status=answer.status, body=answer.json())
