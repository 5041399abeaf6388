"""Every function that turns text of others into a number, an amount or a time, over one list of bombs, in a process of its own.

Run as a program, it prints one JSON line per pair. Native code cannot be interrupted, so a bomb that goes off
ends the process by a timer of computing time; the pair that was begun last is the guilty one.
"""

from __future__ import annotations

import base64
import json
import signal
import time
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from pydantic import TypeAdapter

from affluent.api.togai import paging, plans
from affluent.api.togai import routing as dialect
from affluent.apps.firstpromoter import books as firstpromoter_books
from affluent.apps.firstpromoter import webhooks as firstpromoter_webhooks
from affluent.apps.razorpay import facts as razorpay_facts
from affluent.apps.razorpay import webhook as razorpay_webhook
from affluent.apps.schedule.schemas import Timetable
from affluent.apps.togai import client as togai_client
from affluent.apps.togai import enrichment as togai_wholes
from affluent.apps.togai import polls as togai_polls
from affluent.billing import amounts, fields
from affluent.cli import runs as cli_runs
from affluent.domain.expression import Unbounded, compile_expression
from affluent.domain.flow import FlowInput
from affluent.engine import event_drafts as engine_draft
from affluent.kit import cron, jsons, money, numbers
from affluent.sdk.http import Response
from affluent.services.flow_files import yaml_text as flow_files_text
from affluent.services.flows import inputs as flow_inputs
from affluent.web.customers import billing_forms
from affluent.web.flows import switch_on
from affluent.web.formatting import money as moneys
from affluent.web.forms import Form

MOST_SECONDS = 0.05
_ALARM_SECONDS = 5.0
NOW = datetime(2026, 12, 1, tzinfo=UTC)

TEXTS = (
    "1e999990", "-1e999990", "1e-999999", "1E+99999999999999999999", "1e400", "1e-400", "9" * 31, "9" * 4_299, "9" * 5_000,
    "9" * 100_000, "-" + "9" * 100_000, "0" * 100_000 + "1", "1." + "0" * 100_000, "0." + "0" * 100_000 + "1",
    "1" * 400 + "e400", "NaN", "-NaN", "sNaN", "nan" + "1" * 5_000, "Infinity", "-inf", "1_000", "1__0",
    "١٢٣", "²", "\uff11\uff12", "\u2167",
    "+5", "-0", "--5", " 5 ", "\u00a05", "0x10", "0b1", "1e3", "1,000", "2,50", "1,2,3", "2.499,00", "5.", ".5", ".", "e", "-", "",
    "\x00", "\ud800", "[1, 2]", "1:60:60:60", "0001-01-01T00:00:00+05:30", "9999-12-31T23:59:59-05:00", "99999-01-01",
    "2026-W53-7", "Mon, 1 Jan 99999999999999999999 00:00:00 GMT", "Fri, 31 Dec 9999 23:59:59 -9999",
)  # fmt: skip
VALUES: tuple[Any, ...] = (
    *TEXTS, None, True, False, 0, -1, 10**18, 2**63, 10**30, 10**39, 10**41, 10**5_000, -(10**100_000), 1.5, 1e30, 1e308,
    float("inf"), float("nan"), Decimal("1e999990"), Decimal("1e-999990"), Decimal("NaN"), Decimal("sNaN"), Decimal("9" * 10_000),
    [], [1], ["1e999990"] * 3, {}, {"a": 1},
)  # fmt: skip


def _flow_number(value: Any) -> object:
    return flow_inputs._problem(FlowInput(key="n", title="N", type="number"), value)


def _formed(value: str) -> Form:
    return Form({"amount": value, "day": value, "inputs.n": value})


def _typed(value: str) -> object:
    form = _formed(value)
    return [billing_forms.amount(form, "amount", currency) for currency in ("USD", "JPY", "KWD")]


def _token(value: str) -> object:
    token = base64.urlsafe_b64encode(f'{{"a":"","n":{value},"f":{{}}}}'.encode("utf-8", "replace")).decode()
    return paging.paging({"nextToken": token})


def _simple(source: str) -> Callable[[Any], object]:
    return lambda value: compile_expression(source).evaluate({"trigger": {"value": value}})


OF_TEXT: dict[str, Callable[[str], object]] = {
    "numbers.whole": numbers.whole,
    "money.typed": lambda text: money.typed(text, "USD"),
    "cron.following": lambda text: cron.following(text, "UTC", NOW),
    "cron.following a field": lambda text: cron.following(f"{text} * * * *", "UTC", NOW),
    "cron.following a step": lambda text: cron.following(f"*/{text} * * * *", "UTC", NOW),
    "cron.following a range": lambda text: cron.following(f"0 0 1-{text} * *", "UTC", NOW),
    "schedule.Timetable": lambda text: Timetable(cron=f"0 {text} * * *"),
    "schedule.Timetable list": lambda text: Timetable(cron=f"{','.join([text[:9]] * 20_000)} * * * *"),
    "Response.retry_after": lambda text: Response(status=429, headers={"retry-after": text}, sent_at=NOW).retry_after(),
    "jsons.loads": lambda text: jsons.loads(text.encode("utf-8", "replace")),
    "jsons.loads in a list": lambda text: jsons.loads(f"[{text}]".encode("utf-8", "replace")),
    "togai dialect body": lambda text: dialect._exact(f'{{"a": {text}}}'.encode("utf-8", "replace")),
    "togai dialect pageSize": lambda text: paging.paging({"pageSize": text}),
    "togai dialect nextToken": _token,
    "togai dialect day": lambda text: plans._day(text, "day"),
    "forms amount": _typed,
    "forms day": lambda text: billing_forms.day(_formed(text), "day"),
    "forms number": lambda text: switch_on._number(FlowInput(key="n", title="N", type="number"), text, "inputs.n"),
    "pages amount": lambda text: moneys.read("USD", text),
    "cli moment": cli_runs._moment,
    "files": lambda text: flow_files_text._read("flows.yaml", f"affluent: {text[:9_000]}"),
    "files list": lambda text: flow_files_text._read("flows.yaml", f"affluent: 1\nflows: [{text[:9_000]}]"),
    "firstpromoter instant": firstpromoter_webhooks.instant,
    "togai poll instant": togai_polls._instant,
    "razorpay note": lambda text: razorpay_facts._noted("net", "USD", {"net": text}),
    "expression path": lambda text: compile_expression(f"trigger.a[{text[:1_900]}]"),
    "expression literal": lambda text: compile_expression(text[:1_900]).evaluate({}),
}
OF_VALUES: dict[str, Callable[[Any], object]] = {
    "numbers.exact": numbers.exact,
    "numbers.shown": numbers.shown,
    "Money.parse": lambda value: money.Money.parse(value, "USD"),
    "Money.parse currency": lambda value: money.Money.parse("1", str(value)[:9_000] if not isinstance(value, int) else "X"),
    "Money.rounded": lambda value: money.Money.rounded(value, "KWD"),
    "jsons.number": jsons.number,
    "billing amount": TypeAdapter(fields.Amount).validate_python,
    "billing number": TypeAdapter(fields.Number).validate_python,
    "billing moment": TypeAdapter(fields.Moment).validate_python,
    "billing day": TypeAdapter(fields.Day).validate_python,
    "billing exactly": lambda value: amounts.exactly(value, "USD", "amount"),
    "flow input": _flow_number,
    "engine amount": lambda value: engine_draft._money({"a": value, "c": "USD"}, "a", "c"),
    "togai amount": lambda value: togai_client.major(value, "USD"),
    "togai amount without a currency": lambda value: togai_client.major(value, ""),
    "togai line": lambda value: togai_wholes._line({"value": value, "taxAmount": value}, "USD"),
    "firstpromoter amount": lambda value: firstpromoter_books._minor({"id": 1, "amount": value}, "amount"),
    "razorpay number": razorpay_facts.whole,
    "razorpay instant": lambda value: razorpay_webhook._instant(razorpay_facts.whole(value)),
    **{
        f"expression {source}": _simple(source)
        for source in (
            'minor_units(trigger.value, "USD")', 'major_units(trigger.value, "USD")', 'add(trigger.value, "1")',
            'subtract("1", trigger.value)', 'at_least(trigger.value, "1")', "day(trigger.value)", "tomorrow(trigger.value)",
            "add_days(trigger.value, 1)", 'add_days("2026-01-01", trigger.value)', "from_unix(trigger.value)",
            'cut("abc", trigger.value)', "int(trigger.value)", "uint(trigger.value)", "double(trigger.value)",
            "duration(trigger.value)", "timestamp(trigger.value)", "text(trigger.value)", "trigger.value + 1", "trigger.value * 2",
        )
    },
}  # fmt: skip


def seconds_of(function: Callable[[Any], object], value: Any) -> tuple[float, str]:
    """The least computing time of three tries, and the kind of the error or nothing."""
    times, error = [], ""
    for _try in range(3):
        began = time.process_time()
        try:
            function(value)
        except BaseException as raised:  # noqa: BLE001 - its kind is what is tested
            error = "" if is_for_people(raised) else f"{type(raised).__name__}: {str(raised)[:100]}"
        times.append(time.process_time() - began)
        if times[-1] < MOST_SECONDS:
            break
    return min(times), error


def is_for_people(error: BaseException) -> bool:
    """Whether an error is one that callers answer with a sentence."""
    names = {kind.__name__ for kind in type(error).__mro__}
    return isinstance(error, (ValueError, Unbounded)) or bool(
        names & {"AppError", "ServiceError", "BillingError", "Exit"}
    )


def main() -> None:
    """Print every pair."""
    signal.signal(signal.SIGPROF, signal.SIG_DFL)
    for functions_of, values in ((OF_TEXT, TEXTS), (OF_VALUES, VALUES)):
        for name, function in functions_of.items():
            for index, value in enumerate(values):
                print(json.dumps({"begun": f"{name} over value {index}"}), flush=True)
                signal.setitimer(signal.ITIMER_PROF, _ALARM_SECONDS)
                seconds, error = seconds_of(function, value)
                signal.setitimer(signal.ITIMER_PROF, 0)
                print(json.dumps({"seconds": seconds, "error": error}), flush=True)
    print(json.dumps({"done": True}), flush=True)


if __name__ == "__main__":
    main()
