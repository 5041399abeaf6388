"""Bodies of webhooks as real senders send them: packed, in another charset, with a byte order mark or half an emoji.

Every function raises BadBody with the HTTP status and a sentence for the sender. What is unpacked is bounded.
"""

from __future__ import annotations

import codecs
import json
import re
import zlib
from email.message import Message

from affluent.kit.jsons import InvalidJSON, JSONObject, JSONValue, loads

MOST_PARTS = 20_000
"""Lists and objects in one body: each costs time in the event loop, and no event has so many."""
_UTF8 = ("utf-8", "us-ascii", "ascii")
_NO_CHARSETS = frozenset({"idna", "punycode", "unicode_escape", "raw_unicode_escape", "utf-7", "undefined"})
"""Text encodings of Python that no sender means; two of them take time that grows with the square of the size."""
_WINDOW = {"gzip": (zlib.MAX_WBITS + 16,), "deflate": (zlib.MAX_WBITS, -zlib.MAX_WBITS)}
"""Content encoding → what zlib is told; deflate is sent with the zlib header, as the standard says, and without."""
_ESCAPE = re.compile(
    r"(?:\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2})+"
    r"|(?P<half>\\u[dD][89a-fA-F][0-9a-fA-F]{2})"
    r"|(?:\\(?:[^u]|u(?![dD][89a-fA-F])))+"
)
"""Escapes of a JSON text: whole pairs, half a pair, all others; runs at once, because a body may consist of them."""
_HALF = re.compile("[\ud800-\udfff]")


class BadBody(ValueError):
    """A body that cannot be read; the message tells the sender what is wrong and what to do."""

    def __init__(self, message: str, *, status: int, verdict: str) -> None:
        super().__init__(message)
        self.message = message
        self.status = status
        self.verdict = verdict


def encoding_of(header: str) -> str:
    """The one content encoding that a header names: gzip or deflate; empty for none. Raises BadBody (415)."""
    names = [name for part in header.lower().split(",") if (name := part.strip()) not in ("", "identity")]
    names = ["gzip" if name == "x-gzip" else name for name in names]
    if not names:
        return ""
    if len(names) > 1 or names[0] not in _WINDOW:
        raise BadBody(
            f"The body has the content encoding {header[:100]!r}. Send it plain, or with gzip or deflate.",
            status=415,
            verdict="unknown_encoding",
        )
    return names[0]


def unpacked(body: bytes, encoding: str, *, most: int) -> bytes:
    """A body without its content encoding, at most so many bytes. Raises BadBody (413 when larger, 400 when broken)."""
    for window in _WINDOW[encoding]:
        reader = zlib.decompressobj(window)
        try:
            plain = reader.decompress(body, most + 1)
        except zlib.error:
            continue
        if len(plain) > most:
            raise BadBody(f"The body is larger than {most} bytes when unpacked.", status=413, verdict="too_large")
        if reader.eof and not reader.unused_data:
            return plain
    raise BadBody(
        f"The body is said to be {encoding} by Content-Encoding, but cannot be unpacked whole.",
        status=400,
        verdict="not_unpacked",
    )


def text_of(body: bytes, content_type: str) -> str:
    """The text of a JSON body: in the charset that Content-Type names, else in the Unicode form that its bytes show.

    Half a surrogate pair, which is no character, becomes U+FFFD. Raises BadBody (415 for an unknown charset, 400).
    """
    charset = _charset(content_type)
    if charset in ("", *_UTF8) or charset.startswith(("utf-16", "utf-32")):
        detected = json.detect_encoding(body)
        charset = detected if not charset or detected.startswith(charset[:6]) else charset
    name = "utf-8-sig" if charset in _UTF8 else charset
    try:
        text = body.decode(name, "surrogatepass" if name.startswith("utf-") else "strict")
    except (UnicodeError, LookupError) as error:
        where = f" at byte {error.start}" if isinstance(error, UnicodeDecodeError) else ""
        raise BadBody(
            f"The body is not JSON: it is not {charset} text{where}. Name its charset in Content-Type, or send UTF-8.",
            status=400,
            verdict="not_json",
        ) from error
    return whole_characters(text)


def whole_characters(text: str) -> str:
    """The text with halves of surrogate pairs joined where they meet, and replaced by U+FFFD where they are alone."""
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace") if _HALF.search(text) else text


def document_of(body: bytes, content_type: str = "") -> JSONObject:
    """The JSON object that a body says. Raises BadBody."""
    try:
        value = _value(body, content_type)
    except InvalidJSON as error:
        raise BadBody(f"The body is not JSON: {error}", status=400, verdict="not_json") from error
    if not isinstance(value, dict):
        raise BadBody("The body must be a JSON object.", status=400, verdict="not_an_object")
    return value


def shown(body: bytes, content_type: str = "") -> str:
    """A body for people to look at; bytes that are no text are shown as escapes."""
    try:
        return text_of(body, content_type)
    except BadBody:
        return body.decode("utf-8", "backslashreplace")


def _value(body: bytes, content_type: str) -> JSONValue:
    if body.count(b"[") + body.count(b"{") > MOST_PARTS:
        raise InvalidJSON(f"it has more than {MOST_PARTS:,} lists and objects")
    if _charset(content_type) in ("", "utf-8"):
        try:
            return loads(body)  # nearly every body
        except InvalidJSON:
            pass
    text = text_of(body, content_type)
    try:
        return loads(text)
    except InvalidJSON:
        if not _ESCAPE.search(text):
            raise
        return loads(_ESCAPE.sub(_whole_escape, text))


def _whole_escape(escape: re.Match[str]) -> str:
    return r"\ufffd" if escape["half"] else escape[0]


def _charset(content_type: str) -> str:
    """The charset that a header names, as Python calls it; empty for none. Raises BadBody (415)."""
    if "charset" not in content_type.lower():
        return ""
    header = Message()
    header["content-type"] = content_type[:200]
    charset = header.get_content_charset() or ""
    if not charset:
        return ""
    try:
        known = codecs.lookup(charset)
    except (LookupError, ValueError, UnicodeError):
        known = None
    if known is None or not getattr(known, "_is_text_encoding", True) or known.name in _NO_CHARSETS:
        raise BadBody(
            f"The body has the charset {charset[:60]!r}, which is not known here. Send it as UTF-8.",
            status=415,
            verdict="unknown_charset",
        )
    return known.name.replace("_", "-")
