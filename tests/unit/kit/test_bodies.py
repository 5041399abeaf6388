"""Bodies of webhooks in every form that senders use, and what is refused with which status."""

from __future__ import annotations

import gzip
import zlib
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from affluent.kit.bodies import BadBody, document_of, encoding_of, shown, text_of, unpacked
from affluent.kit.jsons import dumps

ADA = '{"name": "Adä"}'
MOST = 10_000


@pytest.mark.parametrize(
    ("body", "content_type", "name"),
    [
        (ADA.encode(), "application/json", "Adä"),
        (ADA.encode(), "", "Adä"),
        (ADA.encode(), "application/json; charset=utf-8", "Adä"),
        (b"\xef\xbb\xbf" + ADA.encode(), "", "Adä"),
        (b"\xef\xbb\xbf" + ADA.encode(), "application/json; charset=UTF-8", "Adä"),
        (ADA.encode("utf-16"), "application/json; charset=utf-16", "Adä"),
        (ADA.encode("utf-16-be"), "application/json; charset=utf-16", "Adä"),
        (ADA.encode("utf-16-le"), "application/json; charset=utf-16le", "Adä"),
        (ADA.encode("utf-16"), "application/json", "Adä"),
        (ADA.encode("utf-32"), 'application/json; charset="utf-32"', "Adä"),
        (ADA.encode("latin-1"), "application/json;charset=ISO-8859-1", "Adä"),
        (ADA.encode("cp1252"), "application/json; charset=windows-1252", "Adä"),
        (rb'{"name": "A \ud83d"}', "", "A \ufffd"),
        (rb'{"name": "A \uD83D\\ud83d\ude00"}', "", "A \ufffd\\ud83d\ufffd"),
        (rb'{"name": "\ud83d\ude00 \udc00"}', "", "\U0001f600 \ufffd"),
        (b'{"name": "A \xed\xa0\xbd"}', "", "A \ufffd"),
        (b'{"name": "A \xed\xa0\xbd\xed\xb8\x80"}', "", "A \U0001f600"),
        ('{"name": "A \ud83d"}'.encode("utf-16", "surrogatepass"), "application/json; charset=utf-16", "A \ufffd"),
        (rb'{"name": "A\u0000"}', "", "A\x00"),
    ],
)
def test_a_name_is_read_in_whatever_form_it_comes(body: bytes, content_type: str, name: str) -> None:
    assert document_of(body, content_type) == {"name": name}


@pytest.mark.parametrize(
    ("body", "content_type", "status", "verdict"),
    [
        (b'{"name": "A\xff"}', "", 400, "not_json"),
        (b"{nothing", "", 400, "not_json"),
        (b"", "", 400, "not_json"),
        (b"[" * 10_000, "", 400, "not_json"),
        (b'{"a": [' + b"[]," * 20_000 + b"[]]}", "", 400, "not_json"),
        (rb'["\ud83d"]', "", 400, "not_an_object"),
        (b'{"total": NaN}', "", 400, "not_json"),
        (rb'{"total": NaN, "name": "\ud83d"}', "", 400, "not_json"),
        (b"{}", "application/json; charset=klingon", 415, "unknown_charset"),
        (b"{}", "application/json; charset=zip", 415, "unknown_charset"),
        (b"{}", "application/json; charset=punycode", 415, "unknown_charset"),
        (b"\xd8", "application/json; charset=utf-16", 400, "not_json"),
    ],
)
def test_what_cannot_be_read_is_refused_with_a_word(body: bytes, content_type: str, status: int, verdict: str) -> None:
    with pytest.raises(BadBody) as refused:
        document_of(body, content_type)
    assert (refused.value.status, refused.value.verdict) == (status, verdict)


@pytest.mark.parametrize(
    ("header", "encoding"), [("", ""), ("identity", ""), ("GZIP", "gzip"), ("x-gzip", "gzip"), (" deflate ", "deflate")]
)
def test_the_content_encodings_that_are_taken(header: str, encoding: str) -> None:
    assert encoding_of(header) == encoding


@pytest.mark.parametrize("header", ["br", "zstd", "gzip, gzip", "compress"])
def test_any_other_content_encoding_is_refused_and_named(header: str) -> None:
    with pytest.raises(BadBody, match=header) as refused:
        encoding_of(header)
    assert refused.value.status == 415


@pytest.mark.parametrize(
    ("packed", "encoding"),
    [
        (gzip.compress(ADA.encode(), mtime=0), "gzip"),
        (zlib.compress(ADA.encode()), "deflate"),
        (zlib.compress(ADA.encode(), wbits=-15), "deflate"),
    ],
)
def test_a_packed_body_is_unpacked(packed: bytes, encoding: str) -> None:
    assert unpacked(packed, encoding, most=MOST) == ADA.encode()


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
def test_a_body_that_grows_too_large_is_not_unpacked_to_its_end(encoding: str) -> None:
    bomb = gzip.compress(bytes(50_000_000)) if encoding == "gzip" else zlib.compress(bytes(50_000_000))
    with pytest.raises(BadBody, match="when unpacked") as refused:
        unpacked(bomb, encoding, most=MOST)
    assert refused.value.status == 413


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"plain",
        gzip.compress(b"{}", mtime=0)[:-3],
        gzip.compress(b"{}", mtime=0) + b"more",
        gzip.compress(b"{}", mtime=0) * 2,
    ],
)
def test_what_is_not_packed_whole_is_refused(body: bytes) -> None:
    with pytest.raises(BadBody, match="cannot be unpacked"):
        unpacked(body, "gzip", most=MOST)


@given(st.binary(max_size=200), st.text(max_size=40) | st.builds("application/json; charset={}".format, st.text()))
def test_any_bytes_are_read_or_refused_in_words(body: bytes, content_type: str) -> None:
    with suppress(BadBody):  # refused in words
        dumps(document_of(body, content_type))
    dumps(shown(body, content_type))


@given(st.text())
def test_any_text_is_read_as_it_was_written_but_for_halves_of_characters(text: str) -> None:
    body = dumps({"text": text}).encode()
    assert document_of(body) == document_of(b"\xef\xbb\xbf" + body) == {"text": text}
    assert text_of(body, "") == body.decode()
