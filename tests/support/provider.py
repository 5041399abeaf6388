"""A small OpenID Connect provider on 127.0.0.1 that keeps to the standard, and can be told to break it."""

from __future__ import annotations

import base64
import hashlib
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

import aiohttp
from aiohttp import web
from aiohttp.test_utils import TestServer
from joserfc import jwt
from joserfc.jwk import OctKey, RSAKey

CLIENT_ID, CLIENT_SECRET = "affluent-test", "the client secret of the test, long enough to sign with"


@dataclass
class Provider:
    """Who signs in is `person`; every other field is a switch."""

    url: str = ""
    person: dict[str, Any] = field(
        default_factory=lambda: {
            "sub": "u-1",
            "email": "noor@example.com",
            "email_verified": True,
            "name": "Noor Haddad",
        }
    )
    key: RSAKey = field(default_factory=lambda: RSAKey.generate_key(2048, {"kid": "one", "use": "sig"}))
    published: RSAKey | None = None
    """The key of /keys, when it is not the one that signs."""
    claims: dict[str, Any] = field(default_factory=dict)
    """Put over the ID token; None takes a claim away."""
    way: str = "RS256"
    """How the ID token is signed: RS256, HS256 with the client's secret, none, or bare: a signature that was cut off."""
    about: dict[str, Any] = field(default_factory=dict)
    """Put over the discovery document."""
    denies: str = ""
    """The error that /authorize brings back."""
    answers: dict[str, web.Response] = field(default_factory=dict)
    """Path → what is answered instead."""
    seen: list[tuple[str, dict[str, str], str]] = field(default_factory=list)
    """Path, form, Authorization header."""
    userinfo: dict[str, Any] | None = None
    _codes: dict[str, dict[str, str]] = field(default_factory=dict)

    async def visit(self, address: str) -> str:
        """The browser signs in there; where it is sent then."""
        async with aiohttp.ClientSession() as session, session.get(address, allow_redirects=False) as answer:
            assert answer.status == 302, await answer.text()
            return answer.headers["Location"]

    def application(self) -> web.Application:
        """The provider's pages."""
        application = web.Application(middlewares=[self._first])
        application.router.add_get("/.well-known/openid-configuration", self._discovery)
        application.router.add_get("/authorize", self._authorize)
        application.router.add_post("/token", self._token)
        application.router.add_get("/keys", self._keys)
        application.router.add_get("/userinfo", self._userinfo)
        return application

    @web.middleware
    async def _first(self, request: web.Request, handler: Any) -> web.StreamResponse:
        form = {name: str(value) for name, value in (await request.post()).items()}
        self.seen.append((request.path, form, request.headers.get("Authorization", "")))
        if request.path in self.answers:
            instead = self.answers[request.path]
            return web.Response(status=instead.status, body=instead.body, content_type="application/json")
        answer: web.StreamResponse = await handler(request)
        return answer

    async def _discovery(self, _request: web.Request) -> web.Response:
        addresses = {
            "authorization_endpoint": "authorize", "token_endpoint": "token", "jwks_uri": "keys", "userinfo_endpoint": "userinfo",
        }  # fmt: skip
        document = {
            "issuer": self.url,
            **{name: f"{self.url}/{path}" for name, path in addresses.items()},
            **self.about,
        }
        return web.json_response(document)

    async def _authorize(self, request: web.Request) -> web.Response:
        asked = dict(request.query)
        assert asked["response_type"] == "code"
        assert asked["code_challenge_method"] == "S256"
        code = f"code-{len(self._codes)}"
        self._codes[code] = asked
        back = {"error": self.denies} if self.denies else {"code": code}
        query = urlencode({**back, "state": asked["state"], "iss": self.url})
        return web.Response(status=302, headers={"Location": f"{asked['redirect_uri']}?{query}"})

    async def _token(self, request: web.Request) -> web.Response:
        form = dict(await request.post())
        asked = self._codes.pop(str(form["code"]), None)
        digest = hashlib.sha256(str(form["code_verifier"]).encode()).digest()
        challenge = base64.urlsafe_b64encode(digest).decode().rstrip("=")
        if asked is None or challenge != asked["code_challenge"] or form["redirect_uri"] != asked["redirect_uri"]:
            return web.json_response({"error": "invalid_grant"}, status=400)
        return web.json_response(
            {"access_token": "at", "token_type": "Bearer", "id_token": self._id_token(asked["nonce"])}
        )

    def _id_token(self, nonce: str) -> str:
        now = int(time.time())
        claims = {
            "iss": self.url, "aud": CLIENT_ID, "iat": now, "exp": now + 300, "nonce": nonce, **self.person, **self.claims,
        }  # fmt: skip
        told = {name: value for name, value in claims.items() if value is not None}
        if self.way == "HS256":
            return jwt.encode({"alg": "HS256", "kid": "one"}, told, OctKey.import_key(CLIENT_SECRET))
        signed = jwt.encode({"alg": "RS256", "kid": self.key.kid}, told, self.key)
        head, body, _ = signed.split(".")
        if self.way == "none":
            head = base64.urlsafe_b64encode(b'{"alg":"none"}').decode().rstrip("=")
        return signed if self.way == "RS256" else f"{head}.{body}."

    async def _keys(self, _request: web.Request) -> web.Response:
        return web.json_response({"keys": [(self.published or self.key).as_dict(private=False)]})

    async def _userinfo(self, _request: web.Request) -> web.Response:
        return web.json_response(self.userinfo or {})


@asynccontextmanager
async def provider() -> AsyncIterator[Provider]:
    """The provider, listening."""
    it = Provider()
    server = TestServer(it.application(), host="127.0.0.1")
    await server.start_server()
    it.url = str(server.make_url("")).rstrip("/")
    try:
        yield it
    finally:
        await server.close()
