"""The whole server in process, with somebody of every role signed in."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from affluent.bootstrap import Hub, build
from affluent.server.application import application
from affluent.services.identity.roles import Role
from affluent.settings import Settings
from tests.integration.web.browser import PASSWORD, SERVER, Answer, Browser


class Callers:
    """One browser per role, and tokens."""

    def __init__(self, hub: Hub) -> None:
        self.hub = hub
        self.application = application(hub)
        self.people: dict[Role, Browser] = {}

    def stranger(self) -> Browser:
        """A browser in which nobody is signed in."""
        return Browser(self.application, self.hub, None)  # type: ignore[arg-type]  # these tests make no flows

    async def arrive(self, roles: Collection[Role] = tuple(Role)) -> None:
        """Sign in the owner, and one person per other role."""
        owner = self.people[Role.ADMINISTRATOR] = self.stranger()
        await owner.sign_in_as_owner()
        for role in set(roles) - {Role.ADMINISTRATOR}:
            _, link = await self.hub.users.invite(name=role.label, email=f"{role.value}@example.com", role=role.value)
            browser = self.people[role] = self.stranger()
            assert (await browser.post(link, {"password": PASSWORD})).status == 303

    async def call(self, route: str, secret: str = "", body: bytes = b"{}") -> Answer:
        """A call of an API; path parameters are filled with something that is not there."""
        method, path = route.split(" ", 1)
        headers: dict[str, str] = {"content_type": "application/json"}
        if secret:
            headers["authorization"] = f"Bearer {secret}"
        return await self.stranger().request(method, filled(path), body, **headers)

    async def token(self, *scopes: str, **more: Any) -> str:
        """The secret of a new token."""
        return (await self.hub.tokens.generate(name=f"For {scopes[0]}", scopes=scopes, **more)).secret


def filled(path: str) -> str:
    """The path with every parameter given."""
    return re.sub(r"\{(\w+)(:\w+)?\}", lambda match: "1" if match[2] == ":int" else "nothing-here", path)


@asynccontextmanager
async def callers(data_dir: Path, *, roles: Collection[Role] = tuple(Role), **settings: Any) -> AsyncIterator[Callers]:
    """The server, opened, with nothing working in the background."""
    hub = build(Settings(data_dir=data_dir, **settings), own_url=SERVER)
    await hub.open()
    try:
        it = Callers(hub)
        await it.arrive(roles)
        yield it
    finally:
        await hub.close()
