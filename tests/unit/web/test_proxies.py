"""Whose address counts when proxies stand in front."""

from __future__ import annotations

import pytest
from starlette.types import Scope

from affluent.server.proxies import Caller, TrustedProxies
from affluent.settings import Settings


def request(peer: str, **headers: str | list[str]) -> Scope:
    """A request as it arrives over http; `headers` with underscores for dashes."""
    pairs = [
        (name.replace("_", "-").encode(), one.encode())
        for name, value in headers.items()
        for one in ([value] if isinstance(value, str) else value)
    ]
    return {"type": "http", "scheme": "http", "client": (peer, 1), "headers": pairs}


def asked(trusted: str, peer: str, *, by: str = "x-forwarded-for", **headers: str | list[str]) -> Caller:
    return TrustedProxies(trusted, by).caller(request(peer, **headers))  # type: ignore[arg-type]  # one of the two


@pytest.mark.parametrize("trusted", ["", "10.0.0.1", "192.0.2.0/25"])
def test_nobody_else_is_believed(trusted: str) -> None:
    caller = asked(trusted, "192.0.2.200", x_forwarded_for="203.0.113.5", x_forwarded_proto="https")
    assert caller == Caller(address="192.0.2.200", scheme="http")


@pytest.mark.parametrize(
    ("chain", "address"),
    [
        ("203.0.113.5", "203.0.113.5"),
        ("198.51.100.9, 203.0.113.5", "203.0.113.5"),
        ("127.0.0.1, 203.0.113.5", "203.0.113.5"),
        ("203.0.113.5, 10.0.0.2", "203.0.113.5"),
        ("203.0.113.5:4711", "203.0.113.5"),
        ("[2001:db8::1]:4711", "2001:db8::1"),
        ("2001:db8::1", "2001:db8::1"),
        ("::ffff:203.0.113.5", "203.0.113.5"),
        ("10.0.0.3, 10.0.0.2", "10.0.0.3"),
        ("203.0.113.5, somebody", "127.0.0.1"),
        ("unknown", "127.0.0.1"),
        ("", "127.0.0.1"),
        (", ,", "127.0.0.1"),
        ("203.0.113.5, 10.0.0.2, somebody, 10.0.0.4", "10.0.0.4"),
    ],
)
def test_the_right_most_hop_that_is_no_proxy_is_the_caller(chain: str, address: str) -> None:
    assert asked("127.0.0.1, 10.0.0.0/24", "127.0.0.1", x_forwarded_for=chain).address == address


def test_several_headers_are_one_list() -> None:
    chain = ["198.51.100.9", "203.0.113.5"]
    assert asked("127.0.0.1", "127.0.0.1", x_forwarded_for=chain).address == "203.0.113.5"


@pytest.mark.parametrize(
    ("said", "scheme"),
    [("https", "https"), ("HTTPS", "https"), ("http, https", "https"), ("gopher", "http"), ("", "http")],
)
def test_a_proxy_says_over_what_it_was_asked(said: str, scheme: str) -> None:
    assert asked("127.0.0.1", "127.0.0.1", x_forwarded_for="203.0.113.5", x_forwarded_proto=said).scheme == scheme


@pytest.mark.parametrize(
    ("said", "caller"),
    [
        ("for=203.0.113.5;proto=https;by=127.0.0.1", Caller(address="203.0.113.5", scheme="https")),
        ('For="[2001:db8::1]:4711" ; Proto=https', Caller(address="2001:db8::1", scheme="https")),
        ("for=10.9.9.9;proto=http, for=203.0.113.5;proto=https", Caller(address="203.0.113.5", scheme="https")),
        ("for=203.0.113.5;proto=https, for=10.0.0.2;proto=http", Caller(address="203.0.113.5", scheme="https")),
        ("for=_hidden", Caller(address="127.0.0.1", scheme="http")),
        ("nonsense", Caller(address="127.0.0.1", scheme="http")),
    ],
)
def test_the_standard_header_is_read_the_same_way(said: str, caller: Caller) -> None:
    assert asked("127.0.0.1, 10.0.0.0/24", "127.0.0.1", by="forwarded", forwarded=said) == caller


@pytest.mark.parametrize(("by", "other"), [("x-forwarded-for", "forwarded"), ("forwarded", "x_forwarded_for")])
def test_the_header_that_the_proxy_does_not_write_is_not_read(by: str, other: str) -> None:
    assert asked("127.0.0.1", "127.0.0.1", by=by, **{other: "for=203.0.113.5"}).address == "127.0.0.1"


def test_what_is_no_network_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match="'the proxy' is no address or network"):
        Settings(trusted_proxies="127.0.0.1, the proxy")
