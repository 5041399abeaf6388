"""Questions of the runner to servers: one short request each."""

from __future__ import annotations

import http.client
import json
from typing import Any
from urllib.parse import urlsplit


class Refused(Exception):
    """An answer that is not 2xx."""


def ask(method: str, url: str, body: object = None, *, token: str = "") -> Any:  # noqa: ANN401 - whatever the JSON says
    """The JSON answer; raises Refused, or OSError when nobody listens."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=60)
    headers = {"content-type": "application/json", **({"authorization": f"Bearer {token}"} if token else {})}
    try:
        connection.request(method, parts.path, None if body is None else json.dumps(body).encode(), headers)
        answer = connection.getresponse()
        text = answer.read()
    finally:
        connection.close()
    if answer.status >= 300:
        raise Refused(f"{method} {url}: {answer.status} {text.decode(errors='replace')[:500]}")
    return json.loads(text) if text else None
