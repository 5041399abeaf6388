"""What FirstPromoter asks and answers: credentials, and the inputs and outputs of tracking and look-ups."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, SecretStr, ValidationInfo, field_validator

from affluent.kit.money import is_currency
from affluent.sdk import CredentialsModel, InputModel, OutputModel

Uid = Annotated[
    str,
    Field(
        title="Customer id (uid)",
        description="Our stable id of the customer, by rule the account id. It finds the referral even after the e-mail changed.",
        max_length=255,
    ),
]
Email = Annotated[str, Field(title="E-mail", description="E-mail of the customer.", max_length=320)]
Tid = Annotated[
    str,
    Field(title="Visitor id (tid)", description="Value of the cookie _fprom_tid, saved at sign-up. Preferred."),
]
RefId = Annotated[
    str,
    Field(title="Referral id (ref_id)", description="The promoter's referral id, used when there is no visitor id."),
]
Quiet = Annotated[
    bool,
    Field(title="Do not notify the promoter", description="True: FirstPromoter sends the promoter no e-mail about it."),
]
Currency = Annotated[
    str,
    Field(title="Currency", description="ISO 4217 code of the amount.", pattern=r"^[A-Za-z]{3}$"),
]


class Credentials(CredentialsModel):
    """What a connection needs."""

    api_key: SecretStr = Field(
        title="FirstPromoter API key",
        description="Settings → Integrations → Manage API keys. API v2 and v1 have different keys.",
    )
    account_id: str = Field(
        "",
        title="Account ID",
        description="Shown beside the API key. With it API v2 is used, without it the legacy API v1.",
        max_length=80,
    )
    base_url: str = Field(
        "",
        title="Base URL",
        description="Empty for FirstPromoter itself. Another address of the same API, for example a test server.",
        max_length=500,
    )
    webhook_secret: SecretStr = Field(
        SecretStr(""),
        title="Webhook secret",
        description="Secret key of the webhook, or any text of your own that it sends in a header X-Webhook-Secret."
        " Without it, webhooks of API v2 are refused.",
    )
    previous_webhook_secret: SecretStr = Field(
        SecretStr(""),
        title="Previous webhook secret",
        description="While you change the secret: webhooks that still come with the old one are accepted too. Empty it afterwards.",
    )

    decimal_places: str = Field(
        "",
        title="Decimal places of currencies",
        description="Only where your account counts a currency otherwise than FirstPromoter documents (no decimals for JPY and"
        " its like, two for all others), for example KWD=3, ISK=2.",
        max_length=500,
    )

    @field_validator("decimal_places")
    @classmethod
    def _places(cls, value: str) -> str:
        stated = [part.strip().upper() for part in value.split(",") if part.strip()]
        for part in stated:
            code, _, number = part.partition("=")
            if not is_currency(code) or number not in {"0", "1", "2", "3", "4"}:
                raise ValueError(
                    f"{part!r} is not a currency with its decimal places; write KWD=3, several with commas between"
                )
        return ", ".join(stated)

    @field_validator("base_url")
    @classmethod
    def _address(cls, value: str, info: ValidationInfo) -> str:
        if not value:
            return value
        if not value.startswith(("https://", "http://")):
            raise ValueError("must start with https://, for example https://api.firstpromoter.com/api/v2")
        url = value.rstrip("/")
        version = "v2" if info.data.get("account_id") else "v1"
        if url.endswith(("/v1", "/v2")) and not url.endswith(version):
            cure = "remove the Account ID or" if version == "v2" else "fill in the Account ID or"
            raise ValueError(
                f"is the address of API {url[-2:]}, but this is a connection of API {version}: {cure} change it"
            )
        return url


class Signup(InputModel):
    """A sign-up to be attributed to the promoter who referred it."""

    uid: Uid = ""
    email: Email = ""
    tid: Tid = ""
    ref_id: RefId = ""
    ip: str = Field("", title="IP address", description="IP of the visitor, for FirstPromoter's fraud check.")
    created_at: str = Field("", title="Signed up at", description="ISO 8601 time of the sign-up; empty: now.")
    skip_email_notification: Quiet = False
    first_name: str = Field("", title="First name", description="Kept on the lead. API v1 only.")
    last_name: str = Field("", title="Last name", description="Kept on the lead. API v1 only.")


class Sale(InputModel):
    """A paid charge of a customer who may have been referred."""

    event_id: str = Field(
        title="Sale id",
        description="Id of the paid invoice or charge. FirstPromoter takes each id once, so a repeat changes nothing.",
        min_length=1,
        max_length=255,
    )
    uid: Uid = ""
    email: Email = ""
    amount: int = Field(
        title="Amount", description="Net amount, before tax and after discounts, in whole minor units (cents, paise)."
    )
    currency: Currency
    amount_before: int = Field(
        0,
        title="Amount before",
        description="Net amount of the same invoice that earlier parts were told with, in minor units: the parts then add up"
        " in FirstPromoter's unit, too. Empty for a whole invoice.",
        ge=0,
    )
    counts: Literal["when paid in full", "as it is paid"] = Field(
        "when paid in full",
        title="Counts",
        description="From when on the money of an invoice counts: when it is paid in full, or each part as it is paid.",
    )
    plan: str = Field("", title="Plan", description="Plan id; decides rewards that belong to plans.")
    quantity: int | None = Field(None, title="Quantity", description="How many were bought; empty: one.", ge=1)
    mrr: int | None = Field(
        None, title="Monthly recurring revenue", description="Minor units. Statistics only, never the commission."
    )
    promo_code: str = Field(
        "", title="Promo code", description="A promoter's own coupon; refers customers without a lead."
    )
    tid: Tid = ""
    ref_id: RefId = ""
    skip_email_notification: Quiet = False
    created_at: str = Field(
        "",
        title="Sold at",
        description="ISO 8601 time. API v1 only: API v2 dates a tracked sale now (see Create a commission).",
    )


class Refund(InputModel):
    """Money given back for a sale that was tracked."""

    event_id: str = Field(
        title="Refund id", description="The refund's own id, not the sale's. Taken once.", min_length=1, max_length=255
    )
    sale_event_id: str = Field(
        title="Sale id", description="The id the refunded sale was tracked with, by rule the invoice id.", min_length=1
    )
    uid: Uid = ""
    email: Email = ""
    amount: int = Field(title="Amount", description="Net amount given back, positive, in whole minor units.")
    currency: Currency
    skip_email_notification: Quiet = False


class Cancellation(InputModel):
    """A customer who left."""

    event_id: str = Field(
        title="Cancellation id",
        description="One id for one cancellation, e.g. the account id with the plan's end. Each is sent once.",
        min_length=1,
        max_length=255,
    )
    uid: Uid = ""
    email: Email = ""


class ReferralSearch(InputModel):
    """Which referral is wanted."""

    uid: Uid = ""
    email: Email = ""
    referral_id: int | None = Field(
        None, title="Referral id", description="FirstPromoter's own number of the referral."
    )


class PromoterSearch(InputModel):
    """Which promoter is wanted: the first field that is filled in counts."""

    promoter_id: int | None = Field(
        None, title="Promoter id", description="FirstPromoter's own number of the promoter."
    )
    cust_id: str = Field("", title="Customer id (cust_id)", description="Our own id of the promoter.")
    email: str = Field("", title="E-mail", description="E-mail of the promoter.")
    ref_id: RefId = ""


class RawCall(InputModel):
    """Any call of the API."""

    method: str = Field(
        "GET", title="Method", description="GET, POST, PUT or DELETE.", pattern="^(GET|POST|PUT|DELETE)$"
    )
    path: str = Field(
        title="Path",
        description="Path after the base URL, e.g. /company/campaigns (v2) or /promoters/list (v1).",
        pattern=r"^/[^/\s?#][^\s?#]*$",
        max_length=500,
    )
    query: dict[str, str] = Field({}, title="Query", description="Query parameters by name.")
    body: dict[str, object] = Field(
        {}, title="Body", description="Fields of the body: JSON in API v2, a form in API v1."
    )


class Attribution(OutputModel):
    """Who referred this customer, as far as the answer tells."""

    referral_id: int | None = None
    """FirstPromoter's number of the referral."""
    uid: str | None = None
    email: str | None = None
    promoter_id: int | None = None
    promoter_email: str | None = None
    promoter_name: str | None = None
    promoter_campaign_id: int | None = None
    campaign_id: int | None = None
    campaign_name: str | None = None


class TrackedSignup(Attribution):
    """A sign-up that is tracked."""

    signup_id: int | None = None
    """FirstPromoter's number of the sign-up; none when it was tracked before."""


class Earned(OutputModel):
    """A commission that a sale or refund earned."""

    id: int
    status: str | None = None
    amount: int | None = None
    """Minor units of FirstPromoter's account currency when the unit is cash."""
    unit: str | None = None
    promoter_id: int | None = None
    sale_amount: int | None = None
    """What of the sale it is for, as FirstPromoter counts it in its account currency."""
    tier: int | None = None
    """1: of the promoter who referred the customer; above: of the promoter's own referrer."""
    is_split: bool = False
    is_self_referral: bool = False


class TrackedSale(Attribution):
    """A sale that is tracked."""

    event_id: str
    sale_id: int | None = None
    """FirstPromoter's number of the sale; none when it was tracked before."""
    commissions: list[Earned] = Field(default_factory=list)
    commission_id: int | None = None
    """The first commission; none when the sale earned nothing under the campaign's rules."""
    commission_amount: int | None = None
    commission_status: str | None = None


class TrackedRefund(Attribution):
    """A refund that is tracked."""

    event_id: str
    refund_id: int | None = None
    commissions: list[Earned] = Field(default_factory=list)


class TrackedCancellation(Attribution):
    """A cancellation that is tracked."""

    cancellation_id: int | None = None
    state: str | None = None


class Referral(Attribution):
    """A referral."""

    state: str | None = None
    """subscribed, signup, active, cancelled, refunded, denied, pending or moved."""
    created_at: str | None = None
    customer_since: str | None = None


class RawAnswer(OutputModel):
    """What the API answered."""

    status: int
    body: object = None
