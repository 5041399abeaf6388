"""Signing in with an OpenID Connect provider: who comes from there is matched with a person, or becomes one."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, Row

from affluent.engine.vendor_http import Network
from affluent.kit import clock
from affluent.kit.ids import new_id
from affluent.kit.numbers import whole
from affluent.services.errors import Forbidden, Invalid, ServiceError
from affluent.services.identity.people import SECOND_FACTOR, TICKET_LIVES, NeedsCode, checked_email, own_name
from affluent.services.identity.roles import Role
from affluent.services.identity.sessions import beginning, new_link
from affluent.services.identity.sign_in_attempts import Attempt, Client
from affluent.settings import Settings
from affluent.store import people as store
from affluent.store.audit.recording import note
from affluent.store.configuration_lock import alone
from affluent.store.database import Database
from affluent.vault.envelope import Vault

if TYPE_CHECKING:
    from affluent.services.identity.openid_connect import Provider

CALLBACK = "/sign-in/callback"
ATTEMPT_LIVES = timedelta(minutes=10)
_HOW = "single sign-on"
_PURPOSE = "single sign-on"
_ERROR = re.compile(r"[a-z_]{1,40}")
_STRONGEST_FIRST = (Role.ADMINISTRATOR, Role.DEVELOPER, Role.PRODUCT_MANAGER, Role.ANALYST)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """Who may come, and as what."""

    name: str
    """What the button calls the provider."""
    domains: frozenset[str]
    """Of e-mail addresses; empty: any."""
    role: Role
    """Of a person who comes the first time."""
    role_claim: str
    """The claim that names the role at every sign-in; empty: roles are given here."""


class SingleSignOn:
    """Use cases of the provider. Nothing is kept of an attempt: its secrets are derived from a cookie of the browser."""

    def __init__(self, *, database: Database, vault: Vault, provider: Provider, rules: Rules) -> None:
        self._database = database
        self._vault = vault
        self._provider = provider
        self._rules = rules

    @property
    def name(self) -> str:
        """What people call the provider."""
        return self._rules.name

    async def begin(self) -> tuple[str, str]:
        """Where the browser goes, and what it keeps meanwhile. Raises ProviderAway, ProviderWrong."""
        kept = f"{int(clock.now().timestamp())}.{secrets.token_urlsafe(32)}"
        return await self._provider.address(self._attempt(kept)), kept

    async def arrive(self, kept: str, answer: Mapping[str, str]) -> str:
        """A session token for what the browser kept and brought back.

        Raises Forbidden, ProviderAway, ProviderWrong, and NeedsCode for a person with a second factor.
        """
        attempt = self._attempt(kept)
        if not self._is_begun(kept) or not hmac.compare_digest(
            attempt.state.encode(), answer.get("state", "").encode()
        ):
            raise Forbidden("This sign-in was begun in another browser or more than ten minutes ago. Begin again.")
        try:
            claims = await self._said(answer, attempt)
            return await self._let_in(claims)
        except ServiceError as error:
            reason = error.message
            await self._database.write(lambda c: note(c, "refused", "sign-in", subject="", by=_HOW, reason=reason))
            raise

    async def _said(self, answer: Mapping[str, str], attempt: Attempt) -> Mapping[str, Any]:
        """What the provider says about who comes."""
        if answer.get("iss", self._provider.issuer) != self._provider.issuer:
            raise Forbidden("This answer comes from another provider. Begin again.")
        error, code = answer.get("error", ""), answer.get("code", "")
        if error == "access_denied":
            raise Forbidden(f"{self.name} did not let you in.")
        if error or not code:
            reason = error if _ERROR.fullmatch(error) else "no code"
            raise Forbidden(f"{self.name} did not sign you in ({reason}). Try again.")
        return await self._provider.claims(code, attempt)

    async def _let_in(self, claims: Mapping[str, Any]) -> str:
        begin, now = beginning(_HOW), clock.now()

        def unit(connection: Connection) -> tuple[str, str]:
            person = self._known(connection, claims) or self._newcomer(connection, claims)
            if person.status == "deactivated":
                raise Forbidden("Your account here is deactivated. Ask an administrator.")
            changes = self._changes(connection, person, claims)
            row = (store.change(connection, person.id, **changes) if changes else None) or person
            if row.totp_secret is None:
                return begin(connection, row), ""
            ticket, link = new_link(SECOND_FACTOR, row.id, TICKET_LIVES)
            store.add_link(connection, {**link, "created_at": now})
            return "", ticket

        token, ticket = await self._database.write(alone(unit))
        if ticket:
            raise NeedsCode(ticket)
        return token

    def _known(self, connection: Connection, claims: Mapping[str, Any]) -> Row[Any] | None:
        """Who came before, else who has the verified address."""
        if self._rules.domains:
            self._email(claims)
        known = store.by_subject(connection, self._provider.issuer, claims["sub"])
        if known is not None:
            return known
        person = store.by_email(connection, self._email(claims))
        if person is not None and person.issuer == self._provider.issuer:
            raise Forbidden(
                f"Somebody with your e-mail address signs in here with another account of {self.name}. Ask an administrator."
            )
        return person

    def _newcomer(self, connection: Connection, claims: Mapping[str, Any]) -> Row[Any]:
        if not store.number(connection):
            raise Forbidden("There is no owner yet. Open the link that the server printed when it started.")
        email = self._email(claims)
        values = {
            "id": new_id("per"),
            "email": email,
            "name": _name(claims, email),
            "role": self._role(claims).value,
            "status": "active",
            "password_hash": "",
            "created_at": clock.now(),
            "signed_in_at": None,
        }
        return store.add(connection, values)

    def _changes(self, connection: Connection, person: Row[Any], claims: Mapping[str, Any]) -> dict[str, str]:
        """What a sign-in changes of a person: whose account it is, that they accepted, and the role if the provider says it."""
        values = {"issuer": self._provider.issuer, "subject": claims["sub"], "status": "active"}
        if self._rules.role_claim and list(store.administrators(connection)) != [person.id]:
            values["role"] = self._role(claims).value
        return {name: value for name, value in values.items() if getattr(person, name) != value}

    def _email(self, claims: Mapping[str, Any]) -> str:
        """The address, of which the provider says that it is theirs; raises Forbidden."""
        claim = claims.get("email")
        try:
            email = checked_email(claim if isinstance(claim, str) else "")
        except Invalid:
            raise Forbidden(
                f"{self.name} did not tell your e-mail address. It must be released to this server."
            ) from None
        if claims.get("email_verified") is not True:
            raise Forbidden(f"{self.name} has not verified your e-mail address. Verify it there, then sign in again.")
        if self._rules.domains and email.rpartition("@")[2] not in self._rules.domains:
            raise Forbidden(
                "Addresses of your e-mail's domain may not sign in here. Use another account, or ask an administrator."
            )
        return email

    def _role(self, claims: Mapping[str, Any]) -> Role:
        """The strongest role that the claim names, else the one of newcomers."""
        claim = claims.get(self._rules.role_claim) if self._rules.role_claim else None
        named = {
            str(value).strip().lower().replace(" ", "_") for value in (claim if isinstance(claim, list) else [claim])
        }
        return next((role for role in _STRONGEST_FIRST if role.value in named), self._rules.role)

    def _attempt(self, kept: str) -> Attempt:
        key = self._vault.derive(_PURPOSE, self._vault.current)

        def derived(part: str) -> str:
            digest = hmac.new(key, f"{part} {kept}".encode("utf-8", "replace"), hashlib.sha256).digest()
            return urlsafe_b64encode(digest).decode().rstrip("=")

        return Attempt(state=derived("state"), nonce=derived("nonce"), verifier=derived("verifier"))

    def _is_begun(self, kept: str) -> bool:
        begun, now = whole(kept.partition(".")[0], digits=12), int(clock.now().timestamp())
        return begun is not None and now - ATTEMPT_LIVES.total_seconds() <= begun <= now


def single_sign_on(
    settings: Settings, database: Database, vault: Vault, network: Network, server_url: str
) -> SingleSignOn | None:
    """As the settings say; none without an issuer. Addresses without https are for a provider on a private network that is allowed."""
    if not settings.oidc_issuer:
        return None
    from affluent.services.identity.openid_connect import Provider  # noqa: PLC0415 - takes 8 MB that most servers can do without

    client = Client(
        issuer=settings.oidc_issuer,
        client_id=settings.oidc_client_id,
        client_secret=settings.oidc_client_secret.get_secret_value(),
        redirect_uri=f"{server_url}{CALLBACK}",
    )
    domains = (domain.strip().lower().lstrip("@") for domain in settings.oidc_domains.split(","))
    rules = Rules(
        name=settings.oidc_name,
        domains=frozenset(domain for domain in domains if domain),
        role=Role(settings.oidc_role),
        role_claim=settings.oidc_role_claim,
    )
    provider = Provider(network=network, client=client, allow_http=settings.allow_private_addresses)
    return SingleSignOn(database=database, vault=vault, provider=provider, rules=rules)


def _name(claims: Mapping[str, Any], email: str) -> str:
    for claim in (claims.get("name"), claims.get("preferred_username")):
        try:
            return own_name(claim if isinstance(claim, str) else "")
        except Invalid:
            continue
    return email
