"""The cookie of a session: unreadable to scripts, not sent by other sites, bound to this host over https."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from affluent.services.people import SESSION_LIVES


def cookie_name(request: Request) -> str:
    """Over https the browser itself refuses the name from anywhere but this host."""
    return "__Host-affluent" if request.url.scheme == "https" else "affluent"


def token_of(request: Request) -> str:
    """The session's token, or empty."""
    return request.cookies.get(cookie_name(request), "")


def begin(request: Request, response: Response, token: str) -> None:
    """Leave the session in the browser."""
    response.set_cookie(
        cookie_name(request),
        token,
        max_age=int(SESSION_LIVES.total_seconds()),
        path="/",
        httponly=True,
        samesite="lax",
        secure=request.url.scheme == "https",
    )


def end(request: Request, response: Response) -> None:
    """Take the session out of the browser."""
    secure = request.url.scheme == "https"
    response.delete_cookie(cookie_name(request), path="/", httponly=True, samesite="lax", secure=secure)
