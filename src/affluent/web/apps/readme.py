"""The README of an app as HTML: the little of Markdown that they use. Everything else stays text, and all text is escaped."""

from __future__ import annotations

import re
from collections.abc import Iterator

from markupsafe import Markup, escape

_INLINE = re.compile(r"`([^`]+)`|\*\*([^*]+)\*\*|\*([^*\s][^*]*)\*|\[([^\]]+)\]\((https?://[^)\s]+)\)")
_RULE = re.compile(r"\|[\s:|-]+\|$")


def html(text: str) -> Markup:
    """Headings, paragraphs, lists, tables, code and links; without the first heading, which the page has already."""
    blocks = [block.strip("\n") for block in re.split(r"\n\s*\n", _split_headings(text)) if block.strip()]
    shown = blocks[1:] if blocks and blocks[0].startswith("# ") else blocks
    return Markup("\n").join(_block(block.splitlines()) for block in shown)


def _split_headings(text: str) -> str:
    return re.sub(r"^(#{1,4} .*)$", r"\n\1\n", text, flags=re.MULTILINE)


def _block(lines: list[str]) -> Markup:
    first = lines[0].lstrip()
    if first.startswith("#"):
        return Markup("<h3>{}</h3>").format(_inline(first.lstrip("# ")))
    if first.startswith("|"):
        return _table(lines)
    if first.startswith(("- ", "* ")):
        return Markup("<ul>{}</ul>").format(
            Markup("").join(Markup("<li>{}</li>").format(_inline(i)) for i in _items(lines))
        )
    if first.startswith("```"):
        inside = "\n".join(line for line in lines if not line.startswith("```"))
        return Markup('<pre class="code" tabindex="0">{}</pre>').format(inside)
    return Markup("<p>{}</p>").format(_inline(" ".join(line.strip() for line in lines)))


def _items(lines: list[str]) -> Iterator[str]:
    current = ""
    for line in lines:
        if line.lstrip().startswith(("- ", "* ")):
            if current:
                yield current
            current = line.strip()[2:]
        else:
            current += " " + line.strip()
    yield current


def _table(lines: list[str]) -> Markup:
    rows = [[cell.strip() for cell in line.strip().strip("|").split("|")] for line in lines if not _RULE.match(line)]
    head = Markup("").join(Markup('<th scope="col">{}</th>').format(_inline(cell)) for cell in rows[0])
    body = Markup("").join(
        Markup("<tr>{}</tr>").format(Markup("").join(Markup("<td>{}</td>").format(_inline(cell)) for cell in row))
        for row in rows[1:]
    )
    # Named by its heads and its first row, which no other table shares.
    label = re.sub(
        r"[`*]", "", f"{', '.join(filter(None, rows[0]))}: {', '.join(rows[1][:2]) if rows[1:] else 'empty'}"
    )
    return Markup(
        '<div class="tbl-wrap" tabindex="0" role="region" aria-label="{}"><table class="tbl">'
        "<thead><tr>{}</tr></thead><tbody>{}</tbody></table></div>"
    ).format(label[:120], head, body)


def _inline(text: str) -> Markup:
    out, at = [], 0
    for found in _INLINE.finditer(text):
        out.append(escape(text[at : found.start()]))
        code, strong, soft, label, address = found.groups()
        if code is not None:
            out.append(Markup("<code>{}</code>").format(code))
        elif strong is not None:
            out.append(Markup("<strong>{}</strong>").format(strong))
        elif soft is not None:
            out.append(Markup("<em>{}</em>").format(soft))
        else:
            out.append(Markup('<a class="link" href="{}" rel="noreferrer">{}</a>').format(address, label))
        at = found.end()
    out.append(escape(text[at:]))
    return Markup("").join(out)
