"""An OpenID Connect provider as we ask it: its discovery document, its keys, and the ID token for an authorization code."""

from __future__ import annotations

import asyncio
from base64 import b64encode
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote, urlsplit

import aiohttp
from authlib.oauth2.rfc6749.parameters import prepare_grant_uri  # type: ignore[import-untyped]  # authlib ships no types
from authlib.oauth2.rfc7636 import create_s256_code_challenge  # type: ignore[import-untyped]  # authlib ships no types
from authlib.oidc.core import CodeIDToken  # type: ignore[import-untyped]  # authlib ships no types
from authlib.oidc.discovery import get_well_known_url  # type: ignore[import-untyped]  # authlib ships no types
from joserfc import jwt
from joserfc.errors import InvalidKeyIdError, JoseError
from joserfc.jwk import KeySet

from affluent.engine.vendor_http import Network
from affluent.kit import clock
from affluent.kit.jsons import InvalidJSON, loads
from affluent.kit.logs import logger
from affluent.kit.net import ForbiddenAddress
from affluent.services.errors import ProviderAway, ProviderWrong
from affluent.services.identity.sign_in_attempts import Attempt, Client

_log = logger("sign-in")
_ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")
"""Signatures only the provider can make: no "none", and none that is made with the client's own secret."""
_LEEWAY_SECONDS = 60
_FRESH = timedelta(hours=1)
_KEYS_AGAIN = timedelta(minutes=1)
_ANSWER_SECONDS = 10
_LARGEST_ANSWER = 262_144
_LONGEST_SUBJECT = 255


class Provider:
    """One provider. What it says of itself is kept for an hour; its keys are read anew when one is not known."""

    def __init__(self, *, network: Network, client: Client, allow_http: bool) -> None:
        self._network = network
        self._client = client
        self._allow_http = allow_http
        self._about: dict[str, Any] = {}
        self._about_at: datetime | None = None
        self._keys: KeySet | None = None
        self._keys_at: datetime | None = None

    @property
    def issuer(self) -> str:
        """Its name for itself, an address."""
        return self._client.issuer

    async def address(self, attempt: Attempt) -> str:
        """Where the browser goes to sign in; raises ProviderAway, ProviderWrong."""
        about = await self._discovered()
        address: str = prepare_grant_uri(
            self._endpoint(about, "authorization_endpoint"),
            self._client.client_id,
            "code",
            redirect_uri=self._client.redirect_uri,
            scope="openid email profile",
            state=attempt.state,
            nonce=attempt.nonce,
            code_challenge=create_s256_code_challenge(attempt.verifier),
            code_challenge_method="S256",
        )
        return address

    async def claims(self, code: str, attempt: Attempt) -> Mapping[str, Any]:
        """What the ID token for a code says, checked; raises ProviderAway, ProviderWrong."""
        about = await self._discovered()
        answer = await self._token(about, code, attempt)
        token, access = answer.get("id_token"), answer.get("access_token")
        if not isinstance(token, str):
            raise self._distrust("it sent no ID token")
        claims = await self._checked(about, token, attempt.nonce, access)
        if "email" not in claims and "userinfo_endpoint" in about and isinstance(access, str):
            headers = {"Authorization": f"Bearer {access}"}
            more = await self._ask("GET", self._endpoint(about, "userinfo_endpoint"), headers=headers)
            if more.get("sub") != claims["sub"]:
                raise self._distrust("it told of another person than the ID token")
            claims = {**more, **claims}
        return claims

    async def _token(self, about: Mapping[str, Any], code: str, attempt: Attempt) -> dict[str, Any]:
        client = self._client
        form = {
            "grant_type": "authorization_code", "code": code, "redirect_uri": client.redirect_uri,
            "client_id": client.client_id, "code_verifier": attempt.verifier,
        }  # fmt: skip
        headers: dict[str, str] = {}
        ways = about.get("token_endpoint_auth_methods_supported") or ["client_secret_basic"]
        if client.client_secret and "client_secret_post" in ways:
            form["client_secret"] = client.client_secret
        elif client.client_secret:  # both parts are form-encoded first, says RFC 6749
            pair = f"{quote(client.client_id, safe='')}:{quote(client.client_secret, safe='')}"
            headers["Authorization"] = f"Basic {b64encode(pair.encode()).decode()}"
        return await self._ask("POST", self._endpoint(about, "token_endpoint"), form=form, headers=headers)

    async def _checked(self, about: Mapping[str, Any], token: str, nonce: str, access: object) -> dict[str, Any]:
        try:
            try:
                read = jwt.decode(token, await self._key_set(about), algorithms=_ALGORITHMS)
            except InvalidKeyIdError:  # it may have changed its keys
                read = jwt.decode(token, await self._key_set(about, is_new=True), algorithms=_ALGORITHMS)
            claims = CodeIDToken(
                read.claims,
                read.header,
                {
                    "iss": {"essential": True, "value": self._client.issuer},
                    "aud": {"essential": True, "value": self._client.client_id},
                },
                {"nonce": nonce, "client_id": self._client.client_id, "access_token": access},
            )
            claims.validate(now=int(clock.now().timestamp()), leeway=_LEEWAY_SECONDS)
        except (JoseError, ValueError, TypeError, KeyError) as error:
            raise self._distrust(f"its ID token is not good ({getattr(error, 'error', '') or 'unreadable'})") from error
        subject = claims["sub"]
        if not subject or len(subject) > _LONGEST_SUBJECT:
            raise self._distrust("its ID token names nobody")
        return dict(claims)

    async def _discovered(self) -> dict[str, Any]:
        if self._about_at is None or self._about_at < clock.now() - _FRESH:
            about = await self._ask("GET", get_well_known_url(self._client.issuer, external=True))
            if about.get("issuer") != self._client.issuer:
                raise self._distrust(f"it calls itself {str(about.get('issuer'))[:200]!r}, the setting says otherwise")
            self._about, self._about_at = about, clock.now()
        return self._about

    async def _key_set(self, about: Mapping[str, Any], *, is_new: bool = False) -> KeySet:
        """Its keys, an hour old at most; `is_new`: a minute."""
        oldest = clock.now() - (_KEYS_AGAIN if is_new else _FRESH)
        if self._keys is None or self._keys_at is None or self._keys_at < oldest:
            document = await self._ask("GET", self._endpoint(about, "jwks_uri"))
            self._keys = KeySet.import_key_set({"keys": document["keys"]})
            self._keys_at = clock.now()
        return self._keys

    def _endpoint(self, about: Mapping[str, Any], name: str) -> str:
        address = about.get(name)
        if not isinstance(address, str) or not address:
            raise self._distrust(f"its description has no {name}")
        return address

    async def _ask(
        self, method: str, url: str, *, form: dict[str, str] | None = None, headers: dict[str, str] | None = None
    ) -> dict[str, Any]:
        """One request, answered with a JSON object."""
        if urlsplit(url).scheme != "https" and not self._allow_http:
            raise self._distrust("it has an address that is not https")
        try:
            async with (
                asyncio.timeout(_ANSWER_SECONDS),
                self._network.session(url).request(
                    method,
                    url,
                    data=form,
                    headers={"Accept": "application/json", **(headers or {})},
                    allow_redirects=False,
                ) as answer,
            ):
                body = b""
                async for chunk in answer.content.iter_chunked(16_384):
                    body += chunk
                    if len(body) > _LARGEST_ANSWER:
                        raise self._distrust("it sent too much")
                status = answer.status
            document = loads(body) if status < 300 else None
        except (aiohttp.ClientError, TimeoutError, OSError, InvalidJSON) as error:
            inner = getattr(error, "os_error", error)
            reason = str(inner) if isinstance(inner, ForbiddenAddress) else type(error).__name__
            _log.warning("the sign-in provider cannot be reached", issuer=self.issuer, reason=reason)
            raise ProviderAway("It cannot be reached now. Try again, or use your password.") from error
        if status >= 500:
            _log.warning("the sign-in provider cannot be reached", issuer=self.issuer, reason=f"answered {status}")
            raise ProviderAway("It has a fault now. Try again, or use your password.")
        if not isinstance(document, dict):
            raise self._distrust(f"it answered {status} to {method} {urlsplit(url).path}")
        return document

    def _distrust(self, reason: str) -> ProviderWrong:
        _log.warning("the sign-in provider is not trusted", issuer=self.issuer, reason=reason)
        return ProviderWrong(
            f"Its answer cannot be trusted: {reason}. Try again, and tell an administrator if it stays."
        )
