"""What single sign-on and the OpenID Connect provider share: how the provider knows us, and the secrets of one sign-in."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Client:
    """How this server is registered with the provider."""

    issuer: str
    client_id: str
    client_secret: str
    redirect_uri: str

    def __repr__(self) -> str:
        return f"Client({self.issuer!r})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """The secrets of one sign-in.

    The state comes back with the browser, the nonce comes back in the ID token, and we send the verifier.
    """

    state: str
    nonce: str
    verifier: str
