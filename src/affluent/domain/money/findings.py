"""How a case stands: classes, each with its text, and findings, each with its money."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class AccountKind(StrEnum):
    """Which money a finding is about. Remainders of different kinds are never added up."""

    RECEIVABLE = "receivable"
    """What customers owe or are owed."""
    CLEARING = "clearing"
    """What is at a gateway."""
    BASE = "base"
    """The net amounts on which commissions are counted; no money."""
    PAYABLE = "payable"
    """What is owed to promoters."""
    CREDIT = "credit"
    """Credit that was granted for commissions."""


class Class(StrEnum):
    """How a case stands. `TEXTS` says it in words; `OPEN` are those that need a person or a repair."""

    SETTLED = "settled"
    NOTHING_DUE = "nothing_due"
    UNPAID = "unpaid"
    BELOW_SMALLEST = "below_smallest"
    WAITING = "waiting"
    NOT_REFERRED_SO_FAR = "not_referred_so_far"
    NOT_REFERRED = "not_referred"
    NOT_VISIBLE_YET = "not_visible_yet"
    PAID_BY_CREDIT = "paid_by_credit"
    DISPUTE_OPEN = "dispute_open"
    REFUND_PENDING = "refund_pending"
    DISMISSED = "dismissed"
    RESOLVED = "resolved"
    PAYABLE_OPEN = "payable_open"
    COMMISSION_DENIED = "commission_denied"

    OUTCOME_UNKNOWN = "outcome_unknown"
    REFUSED = "refused"
    REFERRAL_DENIED = "referral_denied"
    NOT_TOLD = "not_told"
    MISSING_THERE = "missing_there"
    EXTRA_THERE = "extra_there"
    AMOUNT_DIFFERS = "amount_differs"
    OTHER_CURRENCY = "other_currency"
    WRONG_CUSTOMER = "wrong_customer"
    PAID_TWICE = "paid_twice"
    OVERPAID = "overpaid"
    PAID_AFTER_VOID = "paid_after_void"
    NAMES_NO_INVOICE = "names_no_invoice"
    NAMES_NO_PAYMENT = "names_no_payment"
    TAX_WITHHELD = "tax_withheld"
    PAID_WITHOUT_RECEIPT = "paid_without_receipt"
    CASH_ON_WRONG_INVOICE = "cash_on_wrong_invoice"
    REFUND_TOO_LARGE = "refund_too_large"
    DENIED_AFTER_PAYOUT = "denied_after_payout"
    COMMISSION_DELETED = "commission_deleted"
    COMMISSION_CHANGED = "commission_changed"
    OTHER_RATE = "other_rate"
    SELF_REFERRAL = "self_referral"
    CURRENCY_UNKNOWN = "currency_unknown"
    CREDIT_NOT_TAKEN_BACK = "credit_not_taken_back"


TEXTS: dict[Class, str] = {
    Class.SETTLED: "Paid, told to the tracker, and nothing is open",
    Class.NOTHING_DUE: "Nothing is due at the tracker",
    Class.UNPAID: "Not paid in full yet, so nothing is told",
    Class.BELOW_SMALLEST: "Less than the smallest amount that the tracker counts",
    Class.WAITING: "On its way: a call is due or under way",
    Class.NOT_REFERRED_SO_FAR: "The tracker does not know the customer so far; it is asked again by itself",
    Class.NOT_REFERRED: "Nobody referred the customer, and it is too late for that to change",
    Class.NOT_VISIBLE_YET: "The tracker took the sign-up and does not show the customer yet",
    Class.PAID_BY_CREDIT: "Settled with credit",
    Class.DISPUTE_OPEN: "The customer's bank disputes the payment; nothing changes until that is decided",
    Class.REFUND_PENDING: "A refund is on its way; nothing changes until it is processed",
    Class.DISMISSED: "A person decided not to send it",
    Class.RESOLVED: "Settled by hand, with an approver and a note",
    Class.PAYABLE_OPEN: "Commission earned and not paid out yet",
    Class.OUTCOME_UNKNOWN: "A call's answer was lost; it is looked up",
    Class.REFUSED: "The tracker refused a call",
    Class.REFERRAL_DENIED: "The tracker does not know a customer whose referral it took",
    Class.NOT_TOLD: "Money counts at the tracker and was never told",
    Class.MISSING_THERE: "Told and taken, and the tracker does not list it",
    Class.EXTRA_THERE: "The tracker has what no fact accounts for",
    Class.AMOUNT_DIFFERS: "The tracker holds another amount than the facts say",
    Class.OTHER_CURRENCY: "The tracker holds the sale, or money came for it, in another currency than its own",
    Class.WRONG_CUSTOMER: "The tracker holds the sale for another customer",
    Class.PAID_TWICE: "Paid a second time; the second money is owed back",
    Class.OVERPAID: "Paid more than was due; the rest is owed back",
    Class.PAID_AFTER_VOID: "Paid although the invoice is void; the money is owed back",
    Class.NAMES_NO_INVOICE: "Money that names no invoice known to billing",
    Class.NAMES_NO_PAYMENT: "Money went back of a payment that is not known",
    Class.TAX_WITHHELD: "The customer withheld tax; proof of it is due",
    Class.PAID_WITHOUT_RECEIPT: "Billing says paid, and no money is known for it",
    Class.CASH_ON_WRONG_INVOICE: "The payment names one invoice and is recorded on another",
    Class.REFUND_TOO_LARGE: "More went back than the payment had brought",
    Class.COMMISSION_DENIED: "The commission was denied",
    Class.DENIED_AFTER_PAYOUT: "The commission was denied after it had been paid out",
    Class.COMMISSION_DELETED: "The commission was deleted at the tracker",
    Class.COMMISSION_CHANGED: "The commission was changed by hand after the tracker's first answer",
    Class.OTHER_RATE: "The commission does not follow the campaign's terms",
    Class.SELF_REFERRAL: "The promoter referred themselves",
    Class.CURRENCY_UNKNOWN: "The tracker states no currency for the commission",
    Class.CREDIT_NOT_TAKEN_BACK: "Credit stands for a commission that was taken back",
}

OPEN = frozenset(list(Class)[list(Class).index(Class.OUTCOME_UNKNOWN) :])
"""Every class from OUTCOME_UNKNOWN on."""

GRAVITY = (
    Class.DENIED_AFTER_PAYOUT,
    Class.REFUND_TOO_LARGE,
    Class.PAID_AFTER_VOID,
    Class.PAID_TWICE,
    Class.OVERPAID,
    Class.CASH_ON_WRONG_INVOICE,
    Class.WRONG_CUSTOMER,
    Class.OTHER_CURRENCY,
    Class.EXTRA_THERE,
    Class.MISSING_THERE,
)
"""Which finding names a case that has several; the others follow in the order of the classes."""
_ORDER = (*GRAVITY, *Class)


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing to say about a case, and the money in question."""

    name: Class
    kind: AccountKind
    amount: int
    """Never negative; 0 where no money is in question."""
    currency: str
    sentence: str
    about: str = ""
    """The id of the payment, commission or effect that it is about."""

    @property
    def is_open(self) -> bool:
        return self.name in OPEN


def gravest(findings: list[Finding]) -> Finding:
    """The finding that names a case: an open one before a closed one, then by gravity."""
    return min(findings, key=lambda finding: (not finding.is_open, _ORDER.index(finding.name)))
