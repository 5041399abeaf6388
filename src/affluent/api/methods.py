"""Which methods an address takes, over all the routes that share it: what `Allow` must say beside a 405."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from starlette.requests import Request
from starlette.routing import BaseRoute, compile_path


def allowed(request: Request) -> str:
    """The methods, in order, with commas between; a framework names those of the first route it meets only.

    An address that is written out in one route and fits the pattern of another is the former's.
    """
    path = request.scope["path"].removeprefix(request.scope.get("root_path", ""))
    found = [
        (written.count("{"), method) for method, written, pattern in _methods(request.app.routes) if pattern.match(path)
    ]
    fewest = min((number for number, _ in found), default=0)
    return ", ".join(sorted({method for number, method in found if number == fewest}))


def _methods(routes: Iterable[BaseRoute]) -> Iterator[tuple[str, str, Any]]:
    for route in routes:
        included: Any = getattr(route, "effective_candidates", None)
        if included is not None:
            yield from _methods(included())
            continue
        some: Any = route
        pattern, _, _ = compile_path(some.path)
        yield from ((method, some.path, pattern) for method in some.methods or ())
