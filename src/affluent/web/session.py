"""The cookie of a session: unreadable to scripts, not sent by other sites, bound to this host over https."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from affluent.services.identity.people import SESSION_LIVES


def cookie_name(request: Request) -> str:
    """Over https the browser itself refuses the name from anywhere but this host."""
    return "__Host-affluent" if request.url.scheme == "https" else "affluent"


def token_of(request: Request) -> str:
    """The token of the session; empty when the browser has none."""
    return request.cookies.get(cookie_name(request), "")


def begin(request: Request, response: Response, token: str) -> None:
    """Store the session in a cookie of the browser."""
    response.set_cookie(
        cookie_name(request),
        token,
        max_age=int(SESSION_LIVES.total_seconds()),
        path="/",
        httponly=True,
        samesite="lax",
        secure=request.url.scheme == "https",
    )


def begin_elsewhere(request: Request, response: Response, kept: str) -> None:
    """Store in a cookie what a sign-in at a provider needs when the browser comes back from there."""
    response.set_cookie(
        f"{cookie_name(request)}-sign-in",
        kept,
        max_age=600,
        path="/",
        httponly=True,
        samesite="lax",
        secure=request.url.scheme == "https",
    )


def end_elsewhere(request: Request, response: Response) -> None:
    """Remove the cookie of a sign-in at a provider, which is good once."""
    name, secure = f"{cookie_name(request)}-sign-in", request.url.scheme == "https"
    if name in request.cookies:
        response.delete_cookie(name, path="/", httponly=True, samesite="lax", secure=secure)


def kept_elsewhere(request: Request) -> str:
    """What the cookie of a sign-in at a provider holds; empty when there is none."""
    return request.cookies.get(f"{cookie_name(request)}-sign-in", "")


def device_of(request: Request) -> str:
    """The value of the cookie that marks a browser in which somebody has signed in before; empty when there is none."""
    return request.cookies.get(f"{cookie_name(request)}-device", "")


def know(request: Request, response: Response, device: str) -> None:
    """Mark the browser as known, for the next sign-in."""
    response.set_cookie(
        f"{cookie_name(request)}-device",
        device,
        max_age=365 * 86_400,
        path="/",
        httponly=True,
        samesite="lax",
        secure=request.url.scheme == "https",
    )


def end(request: Request, response: Response) -> None:
    """Remove the session from the browser."""
    secure = request.url.scheme == "https"
    response.delete_cookie(cookie_name(request), path="/", httponly=True, samesite="lax", secure=secure)
