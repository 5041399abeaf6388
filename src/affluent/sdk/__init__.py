"""All that an app may import: the declaration, the context, the errors, and the twin's base."""

from affluent.sdk.app import (
    Action,
    App,
    Category,
    CredentialsModel,
    Effect,
    Incoming,
    InputModel,
    Limit,
    OutputModel,
    Subject,
    Trigger,
    TriggerKind,
    WebhookScheme,
)
from affluent.sdk.context import Context
from affluent.sdk.errors import (
    AlreadyApplied,
    AppError,
    AuthFailed,
    Misconfigured,
    NotApplicable,
    OutcomeUnknown,
    RateLimited,
    Rejected,
    Retry,
    Unavailable,
)
from affluent.sdk.http import Response

__all__ = [
    "Action",
    "AlreadyApplied",
    "App",
    "AppError",
    "AuthFailed",
    "Category",
    "Context",
    "CredentialsModel",
    "Effect",
    "Incoming",
    "InputModel",
    "Limit",
    "Misconfigured",
    "NotApplicable",
    "OutcomeUnknown",
    "OutputModel",
    "RateLimited",
    "Rejected",
    "Response",
    "Retry",
    "Subject",
    "Trigger",
    "TriggerKind",
    "Unavailable",
    "WebhookScheme",
]
