"""Slack's incoming webhooks as a twin: channels by token, and the plain-text answers Slack gives."""

from __future__ import annotations

from collections.abc import Sequence

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute, Route

from affluent.kit.jsons import InvalidJSON, JSONObject, JSONValue, loads
from affluent.sdk.twin import Twin


class SlackTwin(Twin):
    """Posts to /services/{team}/{app}/{token}; every token is a channel of its own until it is revoked."""

    key = "slack"

    def __init__(self) -> None:
        super().__init__()
        self.messages: dict[str, list[JSONObject]] = {}

    def routes(self) -> Sequence[BaseRoute]:
        """The one route of an incoming webhook."""
        return [Route("/services/{team}/{app}/{token}", self._post, methods=["POST"])]

    def books(self) -> JSONValue:
        """The messages of every channel, by token."""
        return {"messages": self.messages}

    def clear_books(self) -> None:
        """No messages."""
        self.messages.clear()

    async def _post(self, request: Request) -> Response:
        token = request.path_params["token"]
        if token in self.revoked:
            return PlainTextResponse("no_service", status_code=404)
        try:
            message = loads(await request.body())
        except InvalidJSON:
            return PlainTextResponse("invalid_payload", status_code=400)
        if not isinstance(message, dict) or not (message.get("text") or message.get("blocks")):
            return PlainTextResponse("no_text", status_code=400)
        self.messages.setdefault(token, []).append(message)
        return PlainTextResponse("ok")
