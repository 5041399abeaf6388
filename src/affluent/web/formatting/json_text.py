"""JSON for people: indented, coloured by class, redacted values marked."""

from __future__ import annotations

import re

import orjson
from markupsafe import Markup, escape

from affluent.kit.jsons import JSONValue, dumps

_TOKEN = re.compile(
    r'(?P<k>"(?:[^"\\]|\\.)*")(?=\s*:)|(?P<s>"(?:[^"\\]|\\.)*")|(?P<n>-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)|(?P<b>true|false|null)'
)
_HIDDEN = re.compile(r"•{2,}|\*{3,}|\[redacted\]")


def text(value: JSONValue) -> str:
    """The value as indented JSON."""
    return orjson.dumps(orjson.loads(dumps(value)), option=orjson.OPT_INDENT_2).decode()


def pretty(value: JSONValue) -> Markup:
    """Indented JSON with colours; put it into `<pre class="code">`."""
    source, out, at = text(value), [], 0
    for token in _TOKEN.finditer(source):
        out.append(escape(source[at : token.start()]))
        kind = token.lastgroup or ""
        if kind == "s" and _HIDDEN.search(token[0]):
            kind = "red"
        out.append(Markup('<span class="{}">{}</span>').format(kind, token[0]))
        at = token.end()
    out.append(escape(source[at:]))
    return Markup("").join(out)
