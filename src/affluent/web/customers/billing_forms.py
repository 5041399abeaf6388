"""Forms of the billing workspace: what its bodies and its rules refuse is said at the field of the form."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from decimal import Decimal

from pydantic import ValidationError

from affluent.billing.errors import BillingError
from affluent.kit.money import MoneyError, typed
from affluent.services.validation import problems_of
from affluent.web.forms import Form


class blaming:  # noqa: N801 - used as a statement: `with blaming(form, names):`
    """Put refusals at the form's fields. `names`: path in the body → field; a path stands for what is below it as well."""

    def __init__(self, form: Form, names: Mapping[str, str]) -> None:
        self._form = form
        self._names = names

    def __enter__(self) -> None:
        """Nothing is to be prepared."""

    def __exit__(self, _kind: type[BaseException] | None, error: BaseException | None, _trace: object) -> bool:
        """Keep what was refused for the form; anything else goes on."""
        if isinstance(error, ValidationError):
            for path, message in problems_of(error):
                self._form.wrong(_named(path, self._names), message)
        elif isinstance(error, BillingError):
            self._form.wrong(_named(error.field, self._names), error.message.removeprefix(f"{error.field}: "))
        else:
            return False
        return True


def amount(form: Form, name: str, currency: str) -> Decimal | None:
    """An amount in major units as it was typed; None when nothing was, or when it is none, which the form then says."""
    text = form.text(name).strip()
    if not text:
        return None
    try:
        return typed(text, currency).major
    except MoneyError as error:
        form.wrong(name, f"{str(error)[:1].upper()}{str(error)[1:]}.")
        return None


def day(form: Form, name: str, default: date | None = None) -> date | None:
    """A day as the browser sends it; an empty one is the default."""
    text = form.text(name).strip()
    if not text:
        return default
    try:
        return date.fromisoformat(text)
    except ValueError:
        form.wrong(name, "Must be a day such as 2026-07-01.")
        return default


def _named(path: str, names: Mapping[str, str]) -> str:
    while path:
        if path in names:
            return names[path]
        path = path.rpartition(".")[0]
    return ""
