"""Books made for tests: invoices in five currencies, their sales, commissions and payments, and every kind of discrepancy.

Each kind takes the clean records of one invoice, spoils them, and says in which class each leg has to end.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from affluent.domain.reconciliation.statement import Class, Kind, Leg, Period, Record, Rules, Said
from affluent.kit.clock import to_micros

CURRENCIES = {"USD": 249_900, "EUR": 189_950, "INR": 1_234_500, "JPY": 320_000, "KWD": 741_250}
START, END = datetime(2026, 10, 31, 18, 30, tzinfo=UTC), datetime(2026, 11, 30, 18, 30, tzinfo=UTC)
"""November in Kolkata."""
PERIOD = Period(start=to_micros(START), end=to_micros(END))
HOUR = 3_600_000_000
DAY = 24 * HOUR
MINIMUM = 100
Expected = dict[Leg, tuple[Class, str]]


@dataclass
class Books:
    """The records of one invoice, and what their comparison must say."""

    id: str
    account: str
    currency: str
    net: int
    tax: int
    at: int
    records: dict[str, Record] = field(default_factory=dict)
    expected: Expected = field(default_factory=dict)

    @property
    def gross(self) -> int:
        """What the customer paid."""
        return self.net + self.tax

    def put(self, name: str, kind: Kind, id_: str, amount: int, **facts: Any) -> None:
        """Add a record, named for the kinds."""
        about = {"account_id": self.account, "currency": self.currency, "at": self.at, "status": "approved"}
        own = {key: facts.pop(key, value) for key, value in about.items()}
        self.records[name] = Record(kind=kind, id=id_, case_id=self.id, amount=amount, facts=facts, **own)

    def change(self, name: str, **values: Any) -> None:
        """Spoil a record; facts are merged."""
        held = self.records[name]
        facts = {**held.facts, **values.pop("facts", {})}
        self.records[name] = held._replace(**values, facts=facts)

    def sell(self, name: str, sale: str, basis: int, *, part: str = "7101/1", **values: Any) -> None:
        """A commission of a sale, 20 per cent of it."""
        currency = values.pop("basis_currency", self.currency)
        facts = {"basis": basis, "basis_currency": currency, "sale": sale, "part": part}
        number = f"{sale}/{len(self.records)}"
        self.put(name, Kind.COMMISSION, number, basis // 5, **facts, **values)

    def refund(self, *, tracked: bool = True, returned: bool = True) -> None:
        """Billing gave it all back; the tracker and the gateway know, or not."""
        later = self.at + HOUR
        self.put("refund", Kind.REFUND, f"refund-{self.id}", self.net, gross=self.gross, at=later)
        if tracked:
            self.sell("sale refund", f"refund-{self.id}", -self.net, at=later)
        if returned:
            self.put("gateway refund", Kind.PAYMENT_REFUND, f"rfnd-{self.id}", self.gross, at=later)
        self.expected[Leg.REFUND] = (Class.MATCHED, "")
        self.expected[Leg.PAYMENT_REFUND] = (Class.MATCHED, "")

    def says(self, what: str, status: Said, **facts: Any) -> None:
        """What our journal says."""
        facts = {"of": what, "sentence": "", **facts}
        self.put(f"claim {what}", Kind.CLAIM, f"{what}/{self.id}", self.net, status=status.value, **facts)


def clean(number: int, rng: random.Random) -> Books:
    """A referred customer's paid invoice, tracked and matched everywhere."""
    currency = list(CURRENCIES)[number % len(CURRENCIES)]
    net = CURRENCIES[currency] + rng.randrange(0, 50_000) * 10
    at = PERIOD.start + 2 * DAY + rng.randrange(0, (PERIOD.end - PERIOD.start - 4 * DAY))
    books = Books(f"inv.{number:06}", f"ACC-{number % 977}", currency, net, net * 18 // 100 // 10 * 10, at)
    facts = {"gross": books.gross, "tax": books.tax, "discount": 0}
    books.put("invoice", Kind.INVOICE, books.id, net, status="PAID", **facts)
    books.says("sale", Said.APPLIED)
    books.sell("sale", books.id, net)
    books.put("receipt", Kind.RECEIPT, f"pay_{number:06}", books.gross)
    books.put("payment", Kind.PAYMENT, f"pay_{number:06}", books.gross)
    books.expected = {
        Leg.SALE: (Class.MATCHED, ""),
        Leg.COMMISSION: (Class.MATCHED, "approved"),
        Leg.PAYMENT: (Class.MATCHED, ""),
    }
    return books


def _without_sale(books: Books, name: Class, reason: str = "") -> None:
    del books.records["sale"]
    books.expected[Leg.SALE] = (name, reason)
    del books.expected[Leg.COMMISSION]


def _declared(status: Said, name: Class, sentence: str) -> Callable[[Books], None]:
    def spoil(books: Books) -> None:
        books.says("sale", status, sentence=sentence)
        _without_sale(books, name, sentence)

    return spoil


def _sale_is(
    change: Callable[[Books], int], reason: str, *, discount: Callable[[Books], int] | None = None
) -> Callable[[Books], None]:
    def spoil(books: Books) -> None:
        if discount is not None:
            books.change("invoice", facts={"discount": discount(books)})
        books.change("sale", facts={"basis": change(books), "was_converted": reason == "currency_conversion"})
        books.expected[Leg.SALE] = (Class.AMOUNT_DIFFERS, reason)

    return spoil


def _missing_sent(books: Books) -> None:
    _without_sale(books, Class.MISSING_THERE, "was_sent")


def _missing_unsent(books: Books) -> None:
    del books.records["claim sale"]
    _without_sale(books, Class.MISSING_THERE, "never_sent")
    books.change("invoice", account_id="REFERRED")
    books.change("receipt", account_id="REFERRED")
    books.change("payment", account_id="REFERRED")


def _nobody(books: Books) -> None:
    del books.records["claim sale"]
    _without_sale(books, Class.NOT_REFERRED, "nothing_sent")
    books.change("invoice", account_id="STRANGER")
    books.change("receipt", account_id="STRANGER")
    books.change("payment", account_id="STRANGER")


def _earned_nothing(books: Books) -> None:
    books.says("sale", Said.APPLIED, earned_nothing=True)
    _without_sale(books, Class.MATCHED, "earned_nothing")


def _below_minimum(books: Books) -> None:
    for name in ("receipt", "payment"):
        del books.records[name]
    del books.expected[Leg.PAYMENT]
    books.change("invoice", amount=MINIMUM - 1)
    _without_sale(books, Class.BELOW_MINIMUM)


def _extra_sale(books: Books) -> None:
    for name in ("invoice", "receipt", "payment", "claim sale"):
        del books.records[name]
    books.expected = {Leg.SALE: (Class.EXTRA_THERE, ""), Leg.COMMISSION: (Class.MATCHED, "approved")}


def _doubled(sale: str) -> Callable[[Books], None]:
    def spoil(books: Books) -> None:
        books.sell("second sale", sale.format(id=books.id), books.net)
        books.expected[Leg.SALE] = (Class.DOUBLED_THERE, "")

    return spoil


def _wrong_account(books: Books) -> None:
    books.change("sale", account_id="ACC-OTHER")
    books.expected[Leg.SALE] = (Class.WRONG_ACCOUNT, "ACC-OTHER")


def _wrong_currency(reason: str) -> Callable[[Books], None]:
    def spoil(books: Books) -> None:
        basis = books.net if reason == "label" else books.net * 9 // 10
        books.change("sale", facts={"basis": basis, "basis_currency": "CHF"})
        books.expected[Leg.SALE] = (Class.WRONG_CURRENCY, reason)

    return spoil


def _commission(status: str, name: Class) -> Callable[[Books], None]:
    def spoil(books: Books) -> None:
        books.change("sale", status=status)
        books.expected[Leg.COMMISSION] = (name, status)

    return spoil


def _refunded_here_only(books: Books) -> None:
    books.refund(tracked=False)
    books.expected[Leg.REFUND] = (Class.REFUNDED_HERE_ONLY, "never_sent")


def _refund_not_referred(books: Books) -> None:
    _declared(Said.DECLINED, Class.NOT_REFERRED, "Not referred.")(books)
    books.refund(tracked=False)
    books.expected[Leg.REFUND] = (Class.NOT_REFERRED, "no_sale")


def _refunded_there_only(books: Books) -> None:
    books.refund(returned=False)
    del books.records["refund"], books.expected[Leg.PAYMENT_REFUND]
    books.expected[Leg.REFUND] = (Class.REFUNDED_THERE_ONLY, "")


def _refund_with_tax(books: Books) -> None:
    books.refund()
    books.change("sale refund", facts={"basis": -books.gross})
    books.expected[Leg.REFUND] = (Class.AMOUNT_DIFFERS, "tax")


def _refund_doubled(books: Books) -> None:
    books.refund()
    books.sell("second refund", f"again-{books.id}", -books.net, at=books.at + HOUR)
    books.expected[Leg.REFUND] = (Class.DOUBLED_THERE, "")


def _money_kept(books: Books) -> None:
    books.refund(returned=False)
    books.expected[Leg.PAYMENT_REFUND] = (Class.REFUNDED_HERE_ONLY, "")


def _money_returned(books: Books) -> None:
    books.put("gateway refund", Kind.PAYMENT_REFUND, f"rfnd-{books.id}", books.gross)
    books.expected[Leg.PAYMENT_REFUND] = (Class.REFUNDED_THERE_ONLY, "")


def _payment_missing(books: Books) -> None:
    del books.records["payment"]
    books.expected[Leg.PAYMENT] = (Class.MISSING_THERE, "recorded_here")


def _payment_doubled(books: Books) -> None:
    books.put("second payment", Kind.PAYMENT, f"pay2_{books.id}", books.gross)
    books.expected[Leg.PAYMENT] = (Class.DOUBLED_THERE, "")


def _payment_differs(books: Books) -> None:
    books.change("payment", amount=books.gross + 5_000)
    books.expected[Leg.PAYMENT] = (Class.AMOUNT_DIFFERS, "other")


def _payment_in_other_currency(books: Books) -> None:
    books.change("payment", currency="CHF")
    books.expected[Leg.PAYMENT] = (Class.WRONG_CURRENCY, "label")


def _payment_of_other(books: Books) -> None:
    books.change("payment", account_id="ACC-OTHER")
    books.expected[Leg.PAYMENT] = (Class.WRONG_ACCOUNT, "ACC-OTHER")


def _unrecorded(status: Said | None, name: Class, sentence: str = "") -> Callable[[Books], None]:
    def spoil(books: Books) -> None:
        books.records = {"payment": books.records["payment"]}
        if status is not None:
            books.says("receipt", status, sentence=sentence)
        books.expected = {Leg.PAYMENT: (name, sentence)}

    return spoil


def _stray_payment(books: Books) -> None:
    payment = books.records["payment"]
    books.records = {"payment": payment._replace(case_id=payment.id)}
    books.expected = {Leg.PAYMENT: (Class.EXTRA_THERE, "names_no_invoice")}


def _shifted(names: tuple[str, ...], at: int, reason: str, leg: Leg, *gone: Leg) -> Callable[[Books], None]:
    def spoil(books: Books) -> None:
        for name in names:
            books.change(name, at=at)
        edge = PERIOD.end - 3 * HOUR if at >= PERIOD.end else PERIOD.start + 3 * HOUR
        for name in set(books.records) - set(names):
            books.change(name, at=edge)
        books.expected[leg] = (Class.OUTSIDE_PERIOD, reason)
        for other in gone:
            del books.expected[other]

    return spoil


KINDS: dict[str, Callable[[Books], None]] = {
    "not referred": _declared(Said.DECLINED, Class.NOT_REFERRED, "Not referred."),
    "nobody's referral, nothing sent": _nobody,
    "earned nothing": _earned_nothing,
    "below minimum": _below_minimum,
    "waiting": _declared(Said.WAITING, Class.WAITING, "Waits for the connection."),
    "failed": _declared(Said.FAILED, Class.FAILED, "Currency refused."),
    "unknown": _declared(Said.UNKNOWN, Class.UNKNOWN, "The answer was lost."),
    "sent but not there": _missing_sent,
    "never sent": _missing_unsent,
    "tax included": _sale_is(lambda b: b.gross, "tax"),
    "before discount": _sale_is(lambda b: b.net + 7_010, "discount", discount=lambda _b: 7_010),
    "tax and before discount": _sale_is(lambda b: b.gross + 7_010, "tax_and_discount", discount=lambda _b: 7_010),
    "one unit up": _sale_is(lambda b: b.net + 1, "rounding"),
    "one unit down": _sale_is(lambda b: b.net - 1, "rounding"),
    "converted and back": _sale_is(lambda b: b.net * 102 // 100, "currency_conversion"),
    "only a part": _sale_is(lambda b: b.net // 3, "part"),
    "too much": _sale_is(lambda b: b.net * 2 + 17, "other"),
    "extra sale": _extra_sale,
    "same id twice": _doubled("{id}"),
    "under the payment too": _doubled("pay_{id}"),
    "wrong account": _wrong_account,
    "wrong currency, same number": _wrong_currency("label"),
    "wrong currency, converted": _wrong_currency("currency_conversion"),
    "commission denied": _commission("denied", Class.COMMISSION_DENIED),
    "commission pending": _commission("pending", Class.COMMISSION_PENDING),
    "commission paid": _commission("paid", Class.COMMISSION_PAID),
    "refunded here only": _refunded_here_only,
    "refund of a sale that was not referred": _refund_not_referred,
    "refunded there only": _refunded_there_only,
    "refund with tax": _refund_with_tax,
    "refund doubled": _refund_doubled,
    "money not given back": _money_kept,
    "money given back unasked": _money_returned,
    "payment missing": _payment_missing,
    "payment doubled": _payment_doubled,
    "payment differs": _payment_differs,
    "payment in another currency": _payment_in_other_currency,
    "payment of another account": _payment_of_other,
    "payment not recorded": _unrecorded(None, Class.EXTRA_THERE),
    "payment being recorded": _unrecorded(Said.WAITING, Class.WAITING, "Is queued."),
    "payment refused by billing": _unrecorded(Said.FAILED, Class.FAILED, "More than is due."),
    "payment of nothing": _stray_payment,
    "sale after midnight there": _shifted(("sale",), PERIOD.end + HOUR, "time_zone", Leg.SALE, Leg.COMMISSION),
    "sale before midnight there": _shifted(("sale",), PERIOD.start - HOUR, "time_zone", Leg.SALE, Leg.COMMISSION),
    "sale days later": _shifted(("sale",), PERIOD.end + 3 * DAY, "later", Leg.SALE, Leg.COMMISSION),
    "payment after midnight there": _shifted(("payment",), PERIOD.end + HOUR, "time_zone", Leg.PAYMENT),
}


def books(count: int, *, seed: int = 7, spoiled_percent: int = 10) -> Iterator[tuple[str, Books]]:
    """(kind, books of one invoice): most are clean, the others are of every kind in turn."""
    rng, kinds = random.Random(seed), list(KINDS)
    spoiled = 0
    for number in range(count):
        made, kind = clean(number, rng), ""
        if rng.randrange(100) < spoiled_percent:
            kind = kinds[spoiled % len(kinds)]
            spoiled += 1
            KINDS[kind](made)
        elif rng.randrange(10) == 0:
            made.refund()
        yield kind, made


def rules() -> Rules:
    """The rules that the kinds are made for."""
    return Rules(period=PERIOD, minimum=lambda _currency: MINIMUM, is_referred=lambda account: account != "STRANGER")
