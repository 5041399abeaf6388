"""Facts are kept once for each state of a thing, in any order, and found by what they are about."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Connection, text

from affluent.domain.money.facts import (
    Application,
    Cancellation,
    CancellationState,
    Fact,
    Invoice,
    Payment,
    Refund,
    VisitorId,
    current,
)
from affluent.store import facts as store
from affluent.store.database import Database
from affluent.store.open import open_database
from affluent.store.schema import upgrade as schema

BEGIN = datetime(2026, 11, 1, tzinfo=UTC)


@pytest.fixture
async def database(database_url: str, tmp_path: Path) -> AsyncIterator[Database]:
    opened = open_database(database_url, tmp_path / "unused.db")
    await schema.upgrade(opened)
    await opened.open()
    yield opened
    await opened.close()


def times(hours: int) -> dict[str, datetime]:
    """When a fact happened and was learned."""
    return {"happened_at": BEGIN + timedelta(hours=hours), "learned_at": BEGIN + timedelta(hours=hours, minutes=1)}


def leaving(hours: int, state: CancellationState) -> Cancellation:
    """An account leaves, or stays after all."""
    return Cancellation(source="s", id="ACC-1", account_id="ACC-1", ends_at=BEGIN, state=state, **times(hours))


async def add(database: Database, *facts: Fact) -> list[Fact]:
    """The facts of these that are new."""

    def unit(connection: Connection) -> list[Fact]:
        return [fact for each in facts for fact in store.add(connection, [("test", [each])])]

    return await database.write(unit)


async def test_a_thing_that_comes_back_to_an_earlier_state_is_in_it_again(database: Database) -> None:
    asked, taken_back = CancellationState.ASKED, CancellationState.TAKEN_BACK
    states = [leaving(1, asked), leaving(2, taken_back), leaving(3, asked)]
    assert await add(database, *states) == states
    (last,) = current(await database.read(lambda c: store.of_accounts(c, ["ACC-1"])))
    assert last == states[-1]


async def test_the_same_state_said_again_is_no_news_whenever_it_comes(database: Database) -> None:
    visitor = [
        VisitorId(source="s", id="ACC-1/tid", account_id="ACC-1", value="v", name="tid", **times(hours))
        for hours in (1, 2, 9)
    ]
    assert await add(database, *visitor) == visitor[:1]


async def test_a_sale_has_the_facts_of_its_payments_and_of_its_account(database: Database) -> None:
    money = {"currency": "USD", "amount": 100}
    facts: list[Fact] = [
        Invoice(source="s", id="inv", account_id="ACC-1", currency="USD", total=100, net=80, **times(0)),
        Payment(source="g", id="pay", channel="g", account_id="ACC-1", **money, **times(1)),
        Application(source="s", id="app", payment_id="pay", invoice_id="inv", **money, **times(2)),
        Refund(source="g", id="rfnd", payment_id="pay", **money, **times(3)),
        VisitorId(source="s", id="ACC-1/tid", account_id="ACC-1", value="v", name="tid", **times(4)),
        Invoice(source="s", id="other", account_id="ACC-1", currency="USD", total=1, net=1, **times(5)),
    ]
    await add(database, *facts)
    for named in ("inv", "pay"):
        of_sale = await database.read(lambda c, named=named: store.of_sale(c, named))
        assert sorted(fact.id for fact in of_sale) == ["ACC-1/tid", "app", "inv", "pay", "rfnd"]


async def test_a_row_that_cannot_be_read_costs_itself_alone(database: Database) -> None:
    await add(
        database,
        leaving(1, CancellationState.ASKED),
        VisitorId(source="s", id="x", account_id="ACC-1", value="v", **times(1)),
    )
    await database.write(lambda c: c.execute(text("UPDATE facts SET body = '{' WHERE kind = 'VisitorId'")).rowcount)
    assert [fact.id for fact in await database.read(lambda c: store.of_accounts(c, ["ACC-1"]))] == ["ACC-1"]
