"""What stands behind an amount is said as money with its currency."""

from __future__ import annotations

import pytest

from affluent.services.provenance.why import Link
from affluent.web.reconciliation.why import shown


def invoice(currency: str, net: str, tax: str) -> Link:
    lines = [{"description": "Growth", "net": net, "tax": tax}]
    return Link(what="invoice", title="INV-1", at=None, detail={"currency": currency, "lines": lines})


@pytest.mark.parametrize(
    ("currency", "net", "tax", "said"),
    [
        ("USD", "2499.00", "449.82", "USD 2,499.00 net, USD 449.82 tax"),
        ("JPY", "320000", "0", "JPY 320,000 net, JPY 0 tax"),
        ("KWD", "741.255", "0.000", "KWD 741.255 net, KWD 0.000 tax"),
        ("XXQ", "12.5", "0", "XXQ 12.5 net, XXQ 0 tax"),
        ("USD", "much", "0.001", "USD much net, USD 0.001 tax"),
    ],
)
def test_a_line_of_an_invoice(currency: str, net: str, tax: str, said: str) -> None:
    seen = shown(invoice(currency, net, tax))
    assert seen.values == (("Growth", "", said),)
    assert seen.facts == ()
    assert seen.rest is None


def test_the_sums_of_an_invoice() -> None:
    amounts = {"net": "2499.00", "tax": None, "total": "2948.82", "currency": "USD", "status": "PAID"}
    seen = shown(Link(what="net", title="Net USD 2,499.00", at=None, detail=amounts))
    assert seen.facts == (("Net", "USD 2,499.00"), ("Total", "USD 2,948.82"), ("Status", "Paid"))
