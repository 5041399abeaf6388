"""Times, money, JSON, charts and forms as the pages show them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from affluent.kit.money import Money
from affluent.services.errors import Conflict, Invalid
from affluent.web.formatting import money as moneys
from affluent.web.formatting import times
from affluent.web.formatting.charts import Bar, ceiling, spark, stacked
from affluent.web.formatting.json_text import pretty
from affluent.web.forms import Form

NOW = datetime(2026, 11, 24, 14, 2, 11, tzinfo=UTC)


@pytest.fixture
def in_kolkata() -> Iterator[None]:
    """Somebody in India looks."""
    token = times.zone_name.set("Asia/Kolkata")
    yield
    times.zone_name.reset(token)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "now"),
        (12, "12 s ago"),
        (90, "1 min ago"),
        (7200, "2 h ago"),
        (3 * 86_400, "3 d ago"),
        (-90, "in 1 min"),
        (40 * 86_400, "15 Oct 2026"),
    ],
)
def test_a_time_is_told_relative_to_now(seconds: int, words: str) -> None:
    assert times.relative(NOW - timedelta(seconds=seconds), NOW) == words


def test_a_time_is_told_exactly_in_the_zone_of_who_looks(in_kolkata: None) -> None:
    assert times.exactly(NOW) == "24 Nov 2026, 19:32:11 IST"


def test_a_time_carries_both_forms(in_kolkata: None) -> None:
    tag = times.ago(NOW)
    assert 'datetime="2026-11-24T14:02:11+00:00"' in tag
    assert 'title="24 Nov 2026, 19:32:11 IST"' in tag


@pytest.mark.parametrize("name", ["", "Nowhere/Atlantis", "../etc/passwd", "x" * 100, "\x00"])
def test_a_zone_that_does_not_exist_is_none(name: str) -> None:
    assert times.zone(name) is None


@pytest.mark.parametrize(
    ("milliseconds", "words"), [(12, "12 ms"), (1430, "1.4 s"), (185_000, "3 min 5 s"), (7_800_000, "2 h 10 min")]
)
def test_a_duration_is_told_in_its_own_unit(milliseconds: int, words: str) -> None:
    assert times.lasted(milliseconds) == words


@pytest.mark.parametrize(
    ("minor", "currency", "words"),
    [
        (249_900, "USD", "$2,499.00"),
        (149_900, "INR", "₹1,499.00"),
        (320_000, "JPY", "¥320,000"),
        (741_255, "KWD", "KWD 741.255"),
        (-5, "USD", "-$0.05"),
        (10**17 + 1, "USD", "$1,000,000,000,000,000.01"),
    ],
)
def test_money_has_its_currency_and_its_decimals(minor: int, currency: str, words: str) -> None:
    assert moneys.in_words(Money(minor, currency)) == words
    text = str(Money(minor, currency).major)
    assert words in moneys.read(currency, text)


def test_json_is_coloured_and_escaped() -> None:
    shown = str(pretty({"id": "<b>", "n": 1.5, "ok": True, "key": "Bearer ••••9f2c"}))
    assert '<span class="k">&#34;id&#34;</span>: <span class="s">&#34;&lt;b&gt;&#34;</span>' in shown
    assert '<span class="n">1.5</span>' in shown
    assert '<span class="b">true</span>' in shown
    assert '<span class="red">' in shown


def test_a_chart_says_in_words_what_it_shows() -> None:
    bars = [Bar(title="1 Nov: 3 <matched>", label="1 Nov", values=(3, 1)), Bar(title="2 Nov", label="", values=(0, 0))]
    drawn = str(stacked(bars, ("a", "c"), title="Invoices", text="Four of them."))
    assert "Invoices</title>" in drawn
    assert "Four of them.</desc>" in drawn
    assert "1 Nov: 3 &lt;matched&gt;" in drawn
    assert drawn.count('class="a"') == drawn.count('class="c"') == 1
    assert "style" not in drawn


def test_a_strip_has_a_slot_for_every_hour() -> None:
    assert str(spark(["up"] * 23 + ["down"], label="Down now")).count("<rect") == 24


@pytest.mark.parametrize(
    ("highest", "top"), [(0, 4), (4, 4), (5, 8), (41, 80), (100, 100), (101, 200), (12_345, 20_000)]
)
def test_an_axis_ends_at_a_round_number(highest: float, top: float) -> None:
    assert ceiling(highest) == top


def test_a_form_puts_every_problem_at_its_field() -> None:
    form = Form({"name": "x", "scope": ["a", "b"], "fields.key": "k"})
    form.blame(Invalid("", problems=[("name", "Too short."), ("elsewhere", "Not here.")]), "name")
    assert (form.error("name"), form.error("")) == ("Too short.", "Not here.")
    assert form.many("scope") == ("a", "b")
    assert form.under("fields") == {"key": "k"}


def test_a_form_says_what_belongs_to_no_field_at_its_top() -> None:
    form = Form()
    form.blame(Conflict("In use."))
    assert form.error("") == "In use."
