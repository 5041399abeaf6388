"""What comes to a webhook's address: accepted once, or refused with a word and kept for diagnosis."""

from __future__ import annotations

import asyncio
import gzip
from dataclasses import replace

import pytest
from sqlalchemy import func, insert, select

from affluent.kit import clock
from affluent.kit.ids import new_id
from affluent.kit.jsons import dumps, loads
from affluent.sdk import Incoming
from affluent.services.inbound import deliveries
from affluent.services.inbound.deliveries import LARGEST_REFUSED, Quota, drop_surplus
from affluent.store import tables
from tests.integration.inbound.stand import SECRET, stand

BODY = b'{"type":"told",  "id":"1", "account":"ACC-1"}'


async def test_an_event_is_kept_raw_and_starts_one_run_however_often_it_comes(database_url):
    async with stand(database_url) as it:
        link = await it.connect("told")
        answers = await asyncio.gather(*(it.post(link, BODY) for _ in range(5)))
        assert [status for status, _ in answers] == [200] * 5
        assert sum(answer["new"] for _, answer in answers) == 1
        assert await it.events() == ["1"]
        kept = await it.deliveries()
        assert {row.body for row in kept} == {BODY.decode()}
        assert len({row.event_id for row in kept}) == 1
        assert {(row.verdict, row.status) for row in kept} == {("accepted", 200)}


async def test_the_signature_is_checked_before_anything_is_read(database_url):
    async with stand(database_url) as it:
        link = await it.connect("told")
        status, answer = await it.post(link, b"{not json at all", secret="wrong")
        assert status == 401
        assert "secret" in answer["message"]
        (kept,) = await it.deliveries()
        assert (kept.verdict, kept.status, kept.event_id) == ("bad_signature", 401, None)
        assert await it.events() == []


@pytest.mark.parametrize("secret", ["the-new-secret-of-the-hook", "the-old-secret-of-the-hook"])
async def test_during_a_rotation_both_secrets_are_good(database_url, secret):
    async with stand(database_url) as it:
        connection = await it.connection(
            webhook_secret="the-new-secret-of-the-hook", previous_webhook_secret="the-old-secret-of-the-hook"
        )
        link = await it.connect("told", connection_id=connection)
        assert (await it.post(link, BODY, secret=secret))[0] == 200


async def test_a_secret_of_before_the_rotation_is_not_good(database_url):
    async with stand(database_url) as it:
        connection = await it.connection(webhook_secret="new", previous_webhook_secret="old")
        link = await it.connect("told", connection_id=connection)
        assert (await it.post(link, BODY, secret=SECRET))[0] == 401


@pytest.mark.parametrize(
    ("body", "verdict"),
    [
        (b"{not json", "not_json"),
        (b"\x00\xff\xfe binary", "not_json"),
        (b"", "not_json"),
        (b'["a list"]', "not_an_object"),
        (b'{"id": "1"}', "unreadable"),
        (b'{"type": "told"}', "unreadable"),
    ],
)
async def test_a_body_that_is_no_event_is_refused_with_a_word_and_kept(database_url, body, verdict):
    async with stand(database_url) as it:
        link = await it.connect("told")
        status, answer = await it.post(link, body)
        (kept,) = await it.deliveries()
        assert (status, kept.verdict, kept.status) == (400, verdict, 400)
        assert answer["message"]
        assert await it.events() == []


async def test_a_body_that_is_too_large_is_not_read_to_its_end_and_its_beginning_is_kept(database_url):
    async with stand(database_url) as it:
        link = await it.connect("told")
        assert (await it.post(link, b"x" * 200_000, largest=50_000))[0] == 413
        declared = await it.post(link, b"x", largest=50_000, content_length="60000")
        assert declared == (413, {"message": "The body is larger than 50000 bytes."})
        streamed, refused = await it.deliveries()
        assert (streamed.verdict, len(streamed.body)) == ("too_large", LARGEST_REFUSED)
        assert (refused.verdict, refused.body) == ("too_large", "")


async def test_an_unknown_address_and_a_wrong_token_get_the_same_answer_and_are_told_apart_here(database_url):
    async with stand(database_url) as it:
        link = await it.connect("told")
        answers = [await it.post("fco_unknown", BODY), await it.post(link, BODY, token="guessed")]
        assert answers[0] == answers[1]
        assert answers[0][0] == 404
        kept = [(row.verdict, row.flow_connection_id) for row in await it.deliveries()]
        assert kept == [("unknown_hook", ""), ("wrong_token", link)]


async def test_a_disabled_flow_connection_refuses_and_keeps_the_delivery(database_url):
    async with stand(database_url) as it:
        link = await it.connect("told", enabled=False)
        status, answer = await it.post(link, BODY)
        assert (status, answer["message"]) == (410, "This flow connection is disabled.")
        assert [row.verdict for row in await it.deliveries()] == ["disabled"]


async def test_an_event_of_an_unknown_type_is_stored_and_named_and_starts_nothing(database_url):
    async with stand(database_url) as it:
        link = await it.connect("told")
        status, answer = await it.post(link, b'{"type":"folded","id":"9"}')
        assert (status, answer["new"], answer["runs"]) == (200, True, 0)
        (event,) = await it.rows(select(tables.events))
        assert (event.type, event.title) == ("folded", "folded (unknown type)")
        assert loads(event.payload)["id"] == "9"


async def test_another_spelling_of_an_event_starts_the_same_runs(database_url):
    async with stand(database_url) as it:
        link = await it.connect("told")
        await it.post(link, b'{"type":"tell","id":"9"}')
        assert await it.events() == ["9"]


async def test_texts_that_no_index_or_store_takes_do_not_lose_the_event(database_url):
    async with stand(database_url) as it:
        link = await it.connect("told")
        bodies = [
            dumps({"type": "told", "id": "long" * 5000, "account": "a" * 9000}),
            dumps({"type": "told", "id": "ze\x00ro", "account": "a\x00b"}),
            dumps({"type": "un\x00known" * 500, "id": "1"}),
        ]
        assert [(await it.post(link, body.encode()))[0] for body in bodies] == [200] * 3
        assert [(await it.post(link, body.encode()))[1]["new"] for body in bodies] == [False] * 3
        assert len(await it.rows(select(tables.events))) == 3


async def test_secrets_are_not_kept_with_the_headers(database_url):
    async with stand(database_url) as it:
        link = await it.connect("told")
        proofs = {
            "x_hub_signature_256": "sha256=abc",
            "x_vendor_hmac": "abc",
            "x_api_key": "abc",
            "cookie": "a=abc",
            "x_sig": "abc",
        }
        await it.post(link, BODY, authorization="Bearer abc", x_shared=SECRET, x_request_id="r-1", **proofs)
        (kept,) = await it.deliveries()
        assert "abc" not in dumps(kept.headers)
        assert kept.headers["x-request-id"] == "r-1"
        assert SECRET not in dumps(kept.headers)
        assert "Bearer abc" not in dumps(kept.headers)


@pytest.mark.parametrize("part", ["verify", "parse"])
@pytest.mark.parametrize(
    "error", [AttributeError("x"), OverflowError("far"), KeyError("id"), RecursionError(), TypeError()]
)
async def test_whatever_an_app_raises_becomes_a_kept_refusal(database_url, part, error):
    async with stand(database_url) as it:
        link = await it.connect("told")
        app = it.catalog.apps["feed"]
        broken = replace(app.webhook, **{part: _raising(error)})
        it.catalog.apps["feed"] = replace(app, webhook=broken)
        status, answer = await it.post(link, BODY)
        (kept,) = await it.deliveries()
        expected = (401, "bad_signature") if part == "verify" else (400, "unreadable")
        assert (status, kept.verdict) == expected
        assert kept.detail == answer["message"]
        assert type(error).__name__ in kept.detail
        assert await it.events() == []


@pytest.mark.parametrize("handed", [None, Incoming(type="told", external_id="", payload={}), {"type": "told"}])
async def test_what_an_app_hands_over_is_looked_at_before_it_is_stored(database_url, handed):
    async with stand(database_url) as it:
        link = await it.connect("told")
        app = it.catalog.apps["feed"]
        it.catalog.apps["feed"] = replace(app, webhook=replace(app.webhook, parse=lambda *_: handed))
        status, _answer = await it.post(link, BODY)
        assert (status, [row.verdict for row in await it.deliveries()]) == (400, ["unreadable"])


async def test_an_event_is_not_lost_because_its_customer_cannot_be_read(database_url):
    async with stand(database_url) as it:
        link = await it.connect("told")
        it.catalog.apps["feed"] = replace(it.catalog.apps["feed"], mirror=_raising(AttributeError("x")))
        assert (await it.post(link, BODY))[0] == 200
        assert await it.events() == ["1"]


async def test_the_same_signed_content_is_one_event_whatever_the_app_calls_it(database_url):
    async with stand(database_url) as it:
        link = await it.connect("told")
        app, names = it.catalog.apps["feed"], iter(range(100))
        named = replace(
            app.webhook, parse=lambda body, _: Incoming(type="told", external_id=f"{next(names)}", payload=body)
        )
        it.catalog.apps["feed"] = replace(app, webhook=named)
        answers = [await it.post(link, BODY), *await asyncio.gather(*(it.post(link, BODY) for _ in range(4)))]
        assert [answer["new"] for _, answer in answers] == [True, False, False, False, False]
        assert len({answer["event"] for _, answer in answers}) == 1
        other = b'{"type":"told", "id":"2"}'
        together = await asyncio.gather(*(it.post(link, other) for _ in range(4)))
        assert sorted(answer["new"] for _, answer in together) == [False, False, False, True]
        assert len(await it.rows(select(tables.events))) == 2


async def test_a_packed_body_is_kept_as_people_can_read_it(database_url):
    async with stand(database_url) as it:
        link = await it.connect("told")
        packed = gzip.compress(BODY, mtime=0)
        assert (await it.post(link, packed, content_encoding="gzip"))[0] == 200
        assert (await it.post(link, packed, content_encoding="br"))[0] == 415
        assert (await it.post(link, gzip.compress(bytes(10**7)), content_encoding="gzip"))[0] == 413
        kept = await it.deliveries()
        assert [row.verdict for row in kept] == ["accepted", "unknown_encoding", "too_large"]
        assert kept[0].body == BODY.decode()
        assert "'br'" in kept[1].detail


def _raising(error):
    def fails(*_):
        raise error

    return fails


async def test_a_flood_of_refused_requests_is_answered_and_not_all_kept(database_url):
    async with stand(database_url) as it:
        answers = [await it.post(f"fco_{number}", BODY) for number in range(70)]
        assert {status for status, _ in answers} == {404}
        assert 50 <= len(await it.deliveries()) < 60


def test_a_quota_grows_again_with_time(monkeypatch):
    now = [100.0]
    monkeypatch.setattr(deliveries, "monotonic", lambda: now[0])
    quota = Quota()
    assert sum(quota.take("a") for _ in range(80)) == 50
    assert quota.take("b")
    now[0] += 4
    assert [quota.take("a") for _ in range(3)] == [True, True, False]


async def test_of_refused_deliveries_the_newest_thousand_of_each_hook_stay(database_url):
    async with stand(database_url) as it:
        now = clock.now()
        rows = [
            {
                "id": new_id("dlv"), "flow_connection_id": "fco_a", "received_at": now, "verdict": verdict, "status": 0,
                "headers": {}, "body": "", "event_id": None,
            }
            for verdict in ["accepted"] + ["bad_signature"] * 1700
        ]  # fmt: skip
        await it.execute(insert(tables.deliveries).values(rows[:900]), insert(tables.deliveries).values(rows[900:]))
        assert await drop_surplus(it.database) == 700
        table = tables.deliveries
        assert (await it.rows(select(func.count()).select_from(table)))[0][0] == 1001
        newest = (await it.rows(select(func.max(table.c.id))))[0][0]
        assert newest == rows[-1]["id"]
