"""Pages and forms with dates and numbers at the ends of what they can be: an answer, never a defect of ours."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import quote

from affluent.services.identity.roles import Role
from tests.integration.security.callers import callers, filled
from tests.integration.security.routes import WEB

VALUES = (
    "0001-01-01",
    "9999-12-31",
    "1969-12-31",
    "0001-01",
    "9999-99",
    "9" * 40,
    "-1",
    "1e400",
    "America",
    "²",
    "\ud7ff",
    "../x",
)
NAMES = (
    "since", "until", "after", "before", "month", "q", "at", "range", "line", "number", "of", "dialog", "zone", "width", "run", "day",
    "version", "limit", "page", "state", "hours", "from", "to",
)  # fmt: skip
FIELDS = (
    "from", "to", "zone", "lives", "version", "every_seconds", "limit_requests", "limit_seconds", "effective_from", "effective_until",
    "start", "end", "amount", "date", "line", "number", "value", "start_date", "end_date", "paid_on", "ends", "quantity", "confirm",
)  # fmt: skip


async def test_no_page_falls_over_an_extreme_date_or_number(tmp_path: Path) -> None:
    async with callers(tmp_path, requests_per_minute=0) as it:
        browser = it.people[Role.ADMINISTRATOR]
        pages = [
            filled(route.removeprefix("GET "))
            for route in WEB
            if route.startswith("GET ")
            and not any(part in route for part in ("/events", "static", "provider", "callback", "{link}"))
        ]
        bad = []
        for value in VALUES:
            query = "&".join(f"{name}={quote(value, safe='')}" for name in NAMES)
            bad += [(page, value) for page in pages if (await browser.get(f"{page}?{query}")).status >= 500]
    assert bad == []


async def test_no_form_falls_over_an_extreme_date_or_number(tmp_path: Path) -> None:
    async with callers(tmp_path, requests_per_minute=0) as it:
        browser = it.people[Role.ADMINISTRATOR]
        forms = [
            filled(route.removeprefix("POST "))
            for route in WEB
            if route.startswith("POST ")
            and not any(part in route for part in ("sign-", "/account", "{link}", "/users", "/people"))
        ]
        bad = []
        for value in VALUES:
            form = dict.fromkeys(FIELDS, value)
            bad += [(page, value) for page in forms if (await browser.post(page, form)).status >= 500]
        version = await browser.post(f"/flows/nothing-here/versions/{'9' * 40}/restore")
    assert (bad, version.status) == ([], 404)
