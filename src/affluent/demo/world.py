"""What acts on the demo's server from outside: a person who uses the billing workspace, and the switches of the twins."""

from __future__ import annotations

from typing import Self

import aiohttp

from affluent.kit.jsons import JSONObject, JSONValue, dumps, loads


class Outside:
    """Calls the server and the twins over HTTP."""

    def __init__(self, workspace_url: str, token: str, twins_url: str) -> None:
        self._workspace_url = workspace_url
        self._twins_url = twins_url
        self._session = aiohttp.ClientSession(headers={"Authorization": f"Bearer {token}"}, json_serialize=dumps)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_error: object) -> None:
        await self._session.close()

    async def bill(self, method: str, path: str, body: JSONValue = None) -> JSONObject:
        """Call the billing workspace. Raises RuntimeError when it refuses, which is a defect of the story."""
        return await self._call(method, self._workspace_url + path, body)

    async def twin(self, app: str, switch: str, **options: JSONValue) -> None:
        """Use a switch of a twin, e.g. to let it fail."""
        await self._call("POST", f"{self._twins_url}/{app}/_twin/{switch}", options)

    async def records(self, app: str) -> JSONObject:
        """The records that a twin holds."""
        return await self._call("GET", f"{self._twins_url}/{app}/_twin/books")

    async def _call(self, method: str, url: str, body: JSONValue = None) -> JSONObject:
        async with self._session.request(method, url, json=body) as answer:
            text = await answer.read()
            if answer.status >= 400:
                raise RuntimeError(f"{method} {url} answered {answer.status}: {text.decode()}")
            content: JSONObject = loads(text) if text else {}
            return content
