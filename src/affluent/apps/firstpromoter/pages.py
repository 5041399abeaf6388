"""Pages of lists: bare arrays without totals, read until one is shorter than was asked for."""

from __future__ import annotations

from pydantic import Field

from affluent.apps.firstpromoter import client
from affluent.apps.firstpromoter.client import Ctx
from affluent.kit.jsons import JSONObject, text_of
from affluent.sdk import InputModel


class PageInput(InputModel):
    """Which part of a list."""

    page: int = Field(1, title="Page", description="From 1.", ge=1)
    per_page: int = Field(100, title="Per page", description="1 to 100.", ge=1, le=client.LARGEST_PAGE)


async def read(ctx: Ctx, path: str, wanted: PageInput, filters: JSONObject) -> tuple[list[JSONObject], int | None]:
    """The items of one page, and the number of the next page when there may be one."""
    query: dict[str, str | int | list[str]] = {
        name: text_of(value) for name, value in filters.items() if text_of(value)
    }
    query |= {"page": wanted.page, "per_page": wanted.per_page}
    found = client.rows(await ctx.http.request("GET", path, query=query))
    return found, wanted.page + 1 if len(found) >= wanted.per_page else None
