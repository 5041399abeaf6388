"""The API's own page for people: every operation with its scope. No script, no asset from elsewhere."""

from __future__ import annotations

from collections.abc import Callable
from html import escape

from fastapi import APIRouter
from starlette.responses import HTMLResponse, Response

from affluent.kit.jsons import JSONObject

_CSP = "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
_METHODS = ("get", "post", "put", "patch", "delete")
_STYLE = """
:root { color-scheme: light dark; --ink: light-dark(#12151d, #eceef3); --ink-2: light-dark(#454c5b, #aeb6c5);
  --line: light-dark(#e6e8ed, #222834); --surface: light-dark(#fff, #11141b); --accent: light-dark(#3040c8, #a3abff); }
body { font: 14px/1.5 system-ui, sans-serif; color: var(--ink); background: light-dark(#f4f5f7, #0a0c11); margin: 0; }
main { max-width: 60rem; margin: 0 auto; padding: 24px 16px 48px; }
h1 { font-size: 24px; margin: 0 0 8px; } h2 { font-size: 16px; margin: 32px 0 8px; }
p { color: var(--ink-2); margin: 0 0 8px; } a { color: var(--accent); }
ul { list-style: none; margin: 0; padding: 0; background: var(--surface); border: 1px solid var(--line); border-radius: 10px; }
li { padding: 10px 16px; border-top: 1px solid var(--line); } li:first-child { border-top: 0; }
li p { margin: 2px 0 0; } b { display: inline-block; min-width: 4.5em; } code { font-family: ui-monospace, monospace; }
.scope { float: right; color: var(--ink-2); }
"""


def page_routes(document: Callable[[], JSONObject]) -> APIRouter:
    """The page and its style sheet."""
    routes = APIRouter(tags=["Page"], include_in_schema=False)

    @routes.get("/")
    async def page() -> Response:
        return HTMLResponse(
            _page(document()), headers={"Content-Security-Policy": _CSP, "X-Content-Type-Options": "nosniff"}
        )

    @routes.get("/style.css")
    async def style() -> Response:
        return Response(_STYLE, media_type="text/css", headers={"X-Content-Type-Options": "nosniff"})

    return routes


def _page(document: JSONObject) -> str:
    groups: dict[str, list[str]] = {}
    for path, operations in document["paths"].items():
        for method in _METHODS:
            if method in operations:
                operation = operations[method]
                groups.setdefault(operation["tags"][0], []).append(_operation(method, path, operation))
    sections = "".join(f"<h2>{escape(tag)}</h2><ul>{''.join(items)}</ul>" for tag, items in groups.items())
    info = document["info"]
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(info['title'])}</title>"
        '<link rel="stylesheet" href="/api/v1/style.css"></head>'
        f"<body><main><h1>{escape(info['title'])}</h1><p>{escape(info['description'])}</p>"
        '<p>The machine-readable description is <a href="/api/v1/openapi.json">openapi.json</a>.</p>'
        f"{sections}</main></body></html>"
    )


def _operation(method: str, path: str, operation: JSONObject) -> str:
    scope = f'<code class="scope">{escape(operation.get("x-scope", ""))}</code>'
    return (
        f"<li>{scope}<b>{method.upper()}</b> <code>/api/v1{escape(path)}</code>"
        f"<p>{escape(operation['summary'])}. {escape(operation.get('description', ''))}</p></li>"
    )
