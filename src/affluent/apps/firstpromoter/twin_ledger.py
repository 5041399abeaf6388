"""The twin's books: what FirstPromoter would hold, and what its tracking calls would do to it.

Simplified, on purpose: sales are converted to the account's currency only where a rate was set (a commission stays in the sale's
currency otherwise), there is one tier, and every tid `tid_<number>` is a visitor of some promoter. A repeat that FirstPromoter
refuses is not a double; a double is an effect that came about twice: a cancellation of a customer who is cancelled already, or
refunds above their sale.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from fractions import Fraction
from itertools import count

from affluent.apps.firstpromoter.units import documented_places
from affluent.kit import clock
from affluent.kit.jsons import JSONObject
from affluent.kit.money import exponent, in_units

ACCOUNT_CURRENCY = "USD"
NOT_FOUND = "Referral corresponding to email or uid parameter not found or promoter is banned."
BAD_VISITOR = (
    "Visitor invalid, not found or you are trying to use the signup tracking test via API, which is not supported."
)
SIGNED_UP = "there is already a signup event registered on this lead"


class Refusal(Exception):
    """A documented answer other than 200."""

    def __init__(self, status: int, body: JSONObject | None) -> None:
        super().__init__(status, body)
        self.status = status
        self.body = body


@dataclass(slots=True, kw_only=True)
class Campaign:
    """A program: what its promoters earn."""

    id: int
    name: str
    percent: int
    auto_approve: bool = True
    is_default: bool = False


@dataclass(slots=True, kw_only=True)
class Promoter:
    """An affiliate."""

    id: int
    email: str
    first_name: str
    last_name: str
    cust_id: str | None = None
    note: str | None = None
    joined_at: str = ""
    archived_at: str | None = None
    parent_id: int | None = None

    @property
    def name(self) -> str:
        """First and last name."""
        return f"{self.first_name} {self.last_name}".strip()


@dataclass(slots=True, kw_only=True)
class Membership:
    """A promoter campaign: one promoter in one campaign."""

    id: int
    campaign: Campaign
    promoter: Promoter
    ref_token: str
    coupon: str = ""
    state: str = "accepted"
    created_at: str = ""


@dataclass(slots=True, kw_only=True)
class Referral:
    """A referred person."""

    id: int
    uid: str
    email: str
    membership: Membership
    created_at: str
    state: str = "signup"
    entry_source: str = "api"
    customer_since: str | None = None
    cancelled_at: str | None = None
    has_signup: bool = False
    fraud_check: str = "no_suspicion"
    visible_at: datetime = clock.EARLIEST
    """From when on look-ups and sales find it."""


@dataclass(slots=True, kw_only=True)
class Commission:
    """What a promoter earned, or lost with a refund."""

    id: int
    event_id: str | None
    amount: int
    sale_amount: int
    """In the account's currency where it was converted."""
    currency: str
    membership: Membership
    referral: Referral | None
    created_at: str
    kind: str = "sale"
    status: str = "approved"
    unit: str = "cash"
    plan_id: str | None = None
    is_fulfilled: bool = False
    status_updated_at: str | None = None
    internal_note: str | None = None
    external_note: str | None = None
    original_amount: int | None = None
    """The sale as it was sent, in `original_currency`; None: it never was."""
    original_currency: str = ACCOUNT_CURRENCY
    is_paid: bool = False
    is_split: bool = False
    is_self_referral: bool = False
    tier: int = 1


@dataclass(slots=True, kw_only=True)
class Tracked:
    """A tracked event: sign-up, sale, refund or cancellation."""

    id: int
    kind: str
    referral: Referral
    created_at: str
    event_id: str | None = None
    amount: int = 0
    currency: str = ACCOUNT_CURRENCY
    account_amount: int = 0
    """The amount in the account's currency where it was converted, else the same."""
    plan_id: str | None = None
    commission: Commission | None = None
    sale_event_id: str | None = None
    refunded: int = 0


@dataclass(slots=True, kw_only=True)
class Person:
    """Whom a tracking call is about, and who is said to have referred them."""

    uid: str = ""
    email: str = ""
    tid: str = ""
    ref_id: str = ""
    promo_code: str = ""
    created_at: str = ""


@dataclass(slots=True)
class Ledger:
    """Everything the twin holds, found by dictionary so that a call costs microseconds."""

    campaigns: dict[int, Campaign] = field(default_factory=dict)
    promoters: dict[int, Promoter] = field(default_factory=dict)
    memberships: dict[int, Membership] = field(default_factory=dict)
    visited: list[Membership] = field(default_factory=list)
    """Whose links the visitors tid_<number> followed, in turn."""
    referrals: dict[int, Referral] = field(default_factory=dict)
    by_uid: dict[str, Referral] = field(default_factory=dict)
    by_email: dict[str, Referral] = field(default_factory=dict)
    sales: dict[str, Tracked] = field(default_factory=dict)
    refunds: dict[str, Tracked] = field(default_factory=dict)
    cancellations: list[Tracked] = field(default_factory=list)
    commissions: dict[int, Commission] = field(default_factory=dict)
    promo_codes: dict[int, JSONObject] = field(default_factory=dict)
    batches: dict[int, JSONObject] = field(default_factory=dict)
    webhooks: dict[int, JSONObject] = field(default_factory=dict)
    duplicates: int = 0
    rates: dict[str, Fraction] = field(default_factory=dict)
    """Currency → what one unit of it is worth in the account's currency."""
    visible_after: timedelta = timedelta()
    """How long a new lead stays unseen."""
    ids: count[int] = field(default_factory=lambda: count(29_203_001))

    def signup(self, person: Person) -> Tracked:
        """Create the lead, or give the lead that exists its sign-up."""
        self._check_person(person, "Error. Email and uid can not be blank!")
        membership = self._referrer(person)
        known = self._known(person)
        if known is not None and known.has_signup:
            raise Refusal(422, {"transaction_id": SIGNED_UP})
        if membership is None:
            raise Refusal(404, {"message": BAD_VISITOR})
        referral = known or self.refer(membership, person, "cookie")
        referral.has_signup = True
        return Tracked(id=next(self.ids), kind="signup", referral=referral, created_at=referral.created_at)

    def sale(self, person: Person, *, event_id: str, amount: int, currency: str, plan: str = "") -> Tracked:
        """Track a sale of a referred customer, with its commission."""
        self._check_money(event_id, amount)
        if event_id in self.sales:
            raise Refusal(409, {"message": f"The 'sale' event with the id '{event_id}' already exists."})
        referral = self.find(person)
        if referral is None and (membership := self._referrer(person)) is not None:
            referral = self.refer(membership, person, "coupon" if person.promo_code else "api")
        referral = self._active(referral)
        now = time_now()
        referral.state, referral.customer_since = "active", referral.customer_since or now
        earned = self.earn(referral, event_id=event_id, amount=amount, currency=currency, plan=plan)
        tracked = Tracked(
            id=next(self.ids), kind="sale", referral=referral, created_at=now, event_id=event_id, amount=amount,
            currency=currency, account_amount=self.converted(amount, currency), plan_id=plan or None, commission=earned,
        )  # fmt: skip
        self.sales[event_id] = tracked
        return tracked

    def refund(self, person: Person, *, event_id: str, sale_event_id: str, amount: int, currency: str) -> Tracked:
        """Track a refund: the same share of it is taken back."""
        self._check_money(event_id, amount)
        if event_id in self.refunds:
            raise Refusal(409, {"message": f"The 'refund' event with the id '{event_id}' already exists."})
        referral = self._active(self.find(person))
        sale = self.sales.get(sale_event_id)
        taken = None
        if sale is not None and sale.commission is not None:
            sale.refunded += amount
            self.duplicates += sale.refunded > sale.amount
            taken = self.earn(referral, event_id=event_id, amount=-amount, currency=currency, plan=sale.plan_id or "")
            if sale.refunded >= sale.amount:
                referral.state = "refunded"
        tracked = Tracked(
            id=next(self.ids), kind="refund", referral=referral, created_at=time_now(), event_id=event_id, amount=amount,
            currency=currency, account_amount=self.converted(amount, currency), commission=taken, sale_event_id=sale_event_id or None,
        )  # fmt: skip
        self.refunds[event_id] = tracked
        return tracked

    def cancellation(self, person: Person) -> Tracked:
        """Mark a customer as cancelled. A second time changes nothing, and is counted as a double."""
        self._check_person(person, "Error. Email and uid can not be blank!")
        referral = self._active(self.find(person))
        self.duplicates += referral.state == "cancelled"
        referral.state, referral.cancelled_at = "cancelled", time_now()
        tracked = Tracked(id=next(self.ids), kind="cancellation", referral=referral, created_at=referral.cancelled_at)
        self.cancellations.append(tracked)
        return tracked

    def find(self, person: Person) -> Referral | None:
        """The referral by uid, else by e-mail, once it is seen."""
        known = self._known(person)
        return known if known is not None and known.visible_at <= clock.now() else None

    def _known(self, person: Person) -> Referral | None:
        return (self.by_uid.get(person.uid) if person.uid else None) or self.by_email.get(person.email.lower())

    def seen(self) -> list[Referral]:
        """The referrals that look-ups and lists show by now."""
        return [item for item in self.referrals.values() if item.visible_at <= clock.now()]

    def refer(self, membership: Membership, person: Person, source: str) -> Referral:
        """Note a new referral."""
        referral = Referral(
            id=next(self.ids), uid=person.uid, email=person.email, membership=membership,
            created_at=person.created_at or time_now(), entry_source=source, visible_at=clock.now() + self.visible_after,
        )  # fmt: skip
        self.referrals[referral.id] = referral
        self.index(referral)
        return referral

    def index(self, referral: Referral) -> None:
        """Make a referral findable under its present uid and e-mail."""
        if referral.uid:
            self.by_uid[referral.uid] = referral
        if referral.email:
            self.by_email[referral.email.lower()] = referral

    def earn(self, referral: Referral, *, event_id: str, amount: int, currency: str, plan: str = "") -> Commission:
        """The commission of an amount: whole minor units, rounded half up, never a float."""
        campaign = referral.membership.campaign
        sign, base = -1 if amount < 0 else 1, self.converted(amount, currency)
        commission = Commission(
            id=next(self.ids), event_id=event_id, amount=sign * ((abs(base) * campaign.percent + 50) // 100),
            sale_amount=base, currency=ACCOUNT_CURRENCY if currency in self.rates else currency,
            original_amount=amount, original_currency=currency, membership=referral.membership, referral=referral,
            created_at=time_now(), status="approved" if campaign.auto_approve else "pending", plan_id=plan or None,
        )  # fmt: skip
        self.commissions[commission.id] = commission
        return commission

    def converted(self, amount: int, currency: str) -> int:
        """An amount in the account's currency where there is a rate for it, half to even; else as it is."""
        if currency not in self.rates:
            return amount
        shift = documented_places(ACCOUNT_CURRENCY) - documented_places(currency)
        return in_units(amount * self.rates[currency] * Fraction(10) ** shift, ACCOUNT_CURRENCY, exponent)

    def _referrer(self, person: Person) -> Membership | None:
        if person.tid.startswith("tid_") and person.tid[4:].isdigit():
            found: Membership | None = self.visited[int(person.tid[4:]) % len(self.visited)]
        else:
            wanted = person.ref_id or person.promo_code
            found = next(
                (item for item in self.memberships.values() if wanted and wanted in (item.ref_token, item.coupon)), None
            )
        return found if found is not None and found.state == "accepted" and not found.promoter.archived_at else None

    @staticmethod
    def _active(referral: Referral | None) -> Referral:
        if referral is None or referral.membership.state == "blocked" or referral.membership.promoter.archived_at:
            raise Refusal(404, {"message": NOT_FOUND, "code": "not_found"})
        return referral

    @staticmethod
    def _check_person(person: Person, message: str) -> None:
        if not person.uid and not person.email:
            raise Refusal(400, {"message": message})

    @staticmethod
    def _check_money(event_id: str, amount: int) -> None:
        if not event_id:
            raise Refusal(400, {"message": "Error. Event_id can not be blank!"})
        if amount <= 0:
            raise Refusal(400, {"message": "Error. Amount blank or invalid."})


SEED = (
    (1, "Ada", "Partner", "ada"),
    (2, "Ben", "Agency", "ben"),
    (1, "Chloe", "Blogger", "chloe"),
    (3, "Deniz", "Influencer", "deniz"),
)
"""The promoters there are from the start: campaign, names, referral id."""


def opened() -> Ledger:
    """Fresh books with three campaigns and four promoters."""
    ledger, now = Ledger(), time_now()
    for campaign in (
        Campaign(id=1, name="Partner program", percent=20, is_default=True),
        Campaign(id=2, name="Agencies", percent=15),
        Campaign(id=3, name="Influencers", percent=30, auto_approve=False),
    ):
        ledger.campaigns[campaign.id] = campaign
    for number, (campaign_id, first, last, token) in enumerate(SEED, start=1):
        promoter = Promoter(
            id=4100 + number, email=f"{token}@partners.example", first_name=first, last_name=last,
            cust_id=f"PRM-{number}", joined_at=now,
        )  # fmt: skip
        membership = Membership(
            id=7100 + number, campaign=ledger.campaigns[campaign_id], promoter=promoter, ref_token=token,
            coupon=f"{token.upper()}10", created_at=now,
        )  # fmt: skip
        ledger.promoters[promoter.id], ledger.memberships[membership.id] = promoter, membership
        ledger.visited.append(membership)
    return ledger


def time_now() -> str:
    """The present time as FirstPromoter writes it."""
    return clock.now().isoformat(timespec="milliseconds").replace("+00:00", "Z")
