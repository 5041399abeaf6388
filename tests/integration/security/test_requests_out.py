"""Where requests may not go, whatever name, notation or moment; and whom we believe to be whom."""

from __future__ import annotations

import asyncio
import datetime as dt
import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from affluent.engine.vendor_http import Network
from affluent.kit.net import ForbiddenAddress, PublicResolver, check_url, is_public
from tests.support.serving import answering

PUBLIC = "93.184.215.14"


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "127.255.255.254", "0.0.0.0", "10.0.0.1", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1",
        "192.0.0.1", "198.18.0.1", "224.0.0.1", "240.0.0.1", "255.255.255.255", "::1", "::", "fe80::1", "fe80::1%eth0",
        "fc00::1", "fd00:ec2::254", "fec0::1", "ff02::1", "2001:db8::1", "::ffff:127.0.0.1", "::ffff:169.254.169.254",
        "::ffff:10.0.0.1", "::127.0.0.1", "2002:7f00:1::", "2002:a9fe:a9fe::", "2002:c0a8:101::1", "64:ff9b::7f00:1",
        "64:ff9b::a9fe:a9fe", "64:ff9b::10.0.0.1", "64:ff9b:1::808:808", "64:ff9b:1::a00:1",
        "2001:0:4136:e378:8000:63bf:3fff:fdd2", "not an address", "",
    ],
)  # fmt: skip
def test_an_address_inside_is_refused_in_every_notation(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize(
    "address", [PUBLIC, "8.8.8.8", "2606:4700:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808", "2002:808:808::1"]
)
def test_an_address_outside_is_allowed(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1/", "http://[::1]/", "http://[::ffff:7f00:1]/", "http://user:pass@example.com/", "ftp://example.com/",
        "file:///etc/passwd", "gopher://example.com/", "http:///nowhere", "http://[64:ff9b::a9fe:a9fe]/latest/meta-data",
    ],
)  # fmt: skip
def test_a_url_that_names_such_a_place_outright_is_refused(url: str) -> None:
    with pytest.raises(ForbiddenAddress):
        check_url(url)


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch):
    """What names resolve to, one answer after the other."""
    answers: list[list[str]] = []

    async def resolve(_self: object, host: str, port: int = 0, family: int = 0) -> list[dict[str, object]]:
        return [
            {"hostname": host, "host": address, "port": port, "family": family, "proto": 0, "flags": 0}
            for address in answers.pop(0)
        ]

    monkeypatch.setattr(aiohttp.ThreadedResolver, "resolve", resolve)
    return answers


async def test_a_name_that_changes_its_mind_is_judged_each_time(names: list[list[str]]) -> None:
    names += [[PUBLIC], ["127.0.0.1"]]
    resolver = PublicResolver()
    assert [one["host"] for one in await resolver.resolve("rebinding.example")] == [PUBLIC]
    with pytest.raises(ForbiddenAddress):
        await resolver.resolve("rebinding.example")


async def test_of_several_addresses_only_public_ones_are_connected_to(names: list[list[str]]) -> None:
    names.append(["127.0.0.1", PUBLIC, "10.0.0.1", "::1"])
    assert [one["host"] for one in await PublicResolver().resolve("mixed.example")] == [PUBLIC]


@pytest.fixture
async def inside() -> AsyncIterator[tuple[int, list[str]]]:
    """A server of this machine: its port, and who reached it."""
    reached: list[str] = []

    async def answer(request: web.Request) -> web.Response:
        reached.append(request.host)
        return web.Response(text="inside")

    application = web.Application()
    application.router.add_get("/", answer)
    async with answering(application) as url:
        yield int(url.rpartition(":")[2]), reached


@pytest.fixture
async def network() -> AsyncIterator[Network]:
    network = Network(allow_private=False, timeout_seconds=5)
    yield network
    await network.close()


async def test_a_name_bound_to_this_machine_reaches_no_server_of_it(
    names: list[list[str]], inside: tuple[int, list[str]], network: Network
) -> None:
    port, reached = inside
    names.append(["127.0.0.1"])
    url = f"http://rebinding.example:{port}/"
    with pytest.raises(aiohttp.ClientConnectorError) as refused:
        await network.session(url).get(url)
    assert isinstance(refused.value.os_error, ForbiddenAddress)
    assert reached == []


@pytest.mark.parametrize("host", ["①②⑦.⓪.⓪.①", "127。0。0。1", "\uff11\uff12\uff17.0.0.1", "127\uff0e0\uff0e0\uff0e1"])
async def test_an_address_in_letters_that_only_the_client_reads_as_one_is_refused(
    host: str, inside: tuple[int, list[str]], network: Network
) -> None:
    port, reached = inside
    url = f"http://{host}:{port}/"
    with pytest.raises(aiohttp.ClientConnectorError) as refused:
        await network.session(url).get(url)
    assert isinstance(refused.value.os_error, ForbiddenAddress)
    assert reached == []


@pytest.mark.parametrize("host", ["2130706433", "127.1", "0177.0.0.1", "0", "127.0.0.1.", "017700000001"])
async def test_an_address_in_a_short_or_odd_notation_reaches_nothing(
    host: str, inside: tuple[int, list[str]], network: Network
) -> None:
    port, reached = inside
    url = f"http://{host}:{port}/"
    with pytest.raises((aiohttp.ClientError, ForbiddenAddress)):
        await network.session(url).get(url)
    assert reached == []


def self_signed(folder: Path) -> ssl.SSLContext:
    """A certificate that nobody vouches for."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
        .serial_number(1).not_valid_before(now - dt.timedelta(days=1)).not_valid_after(now + dt.timedelta(days=1))
        .sign(key, hashes.SHA256())
    )  # fmt: skip
    pem = folder / "both.pem"
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    pem.write_bytes(private + certificate.public_bytes(serialization.Encoding.PEM))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    return context


async def test_a_server_whose_certificate_nobody_vouches_for_is_not_believed(tmp_path: Path) -> None:
    seen: list[bytes] = []

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.append(await reader.read(10))
        writer.close()

    server = await asyncio.start_server(talk, "127.0.0.1", 0, ssl=self_signed(tmp_path))
    port = server.sockets[0].getsockname()[1]
    network = Network(allow_private=True, timeout_seconds=5)
    try:
        url = f"https://127.0.0.1:{port}/"
        with pytest.raises(aiohttp.ClientConnectorCertificateError):
            await network.session(url).get(url)
        assert seen == []
    finally:
        await network.close()
        server.close()
        await server.wait_closed()
