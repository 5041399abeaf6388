"""Settings that can be changed while the server runs: kept in the database, read again by every process within seconds.

What the server's environment sets (a variable, a file, an option of the command) goes before and is locked here.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from time import monotonic
from typing import Any

from pydantic import SecretStr, TypeAdapter, ValidationError
from sqlalchemy import Connection, Row

from affluent.kit import clock, mailboxes
from affluent.services.errors import Conflict, Invalid, NotFound
from affluent.services.operations.alerts import Wishes
from affluent.services.operations.progress import patience
from affluent.settings import Settings
from affluent.store import server_settings as store
from affluent.store.configuration_lock import alone
from affluent.store.database import Database, StoreUnavailable
from affluent.vault.envelope import CannotOpen, Vault

CHANGEABLE = (
    "requests_per_minute", "deliveries_days", "attempts_days", "runs_days", "events_days", "alerts_to", "alerts_from",
    "alerts_failures", "alerts_queue_minutes", "payout_day", "payout_hold_days",
    "journal_accounts",
)  # fmt: skip
"""Those that are looked at again and again; the others decide how the server is built when it starts."""
_FRESH_SECONDS = 10.0
_LONGEST = 2_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Option:
    """One setting as it is now."""

    name: str
    value: str
    """Empty for a secret."""
    about: str
    source: str
    """environment, database or default."""
    can_change: bool
    is_secret: bool
    is_set: bool


class Options:
    """Use cases of settings."""

    def __init__(self, *, database: Database, vault: Vault, settings: Settings) -> None:
        self._database = database
        self._vault = vault
        self._given = settings
        self._locked = frozenset(settings.model_fields_set)
        self._known = settings
        self._read_at = -_FRESH_SECONDS

    async def current(self) -> Settings:
        """The settings as they are now, ten seconds old at most; while the database is away, as they were."""
        if monotonic() - self._read_at >= _FRESH_SECONDS:
            self._read_at = monotonic()
            try:
                self._known = self._over(await self._database.read(store.all_options))
            except StoreUnavailable:
                return self._known
        return self._known

    async def list(self) -> tuple[Option, ...]:
        """Every setting in the order in which they are declared."""
        rows = await self._database.read(store.all_options)
        now = self._over(rows)
        return tuple(self._option(name, now, rows) for name in Settings.model_fields)

    async def change(self, name: str, text: str) -> Option:
        """Keep another value; from now on it holds. Raises NotFound, Conflict when it is locked, Invalid on the name."""
        self._require_changeable(name)
        value = checked(name, text)
        values: dict[str, Any] = {"id": name, "value": None, "secret": None, "updated_at": clock.now()}
        if isinstance(value, SecretStr):
            values["secret"] = self._vault.seal(value.get_secret_value().encode(), f"options/{name}")
        else:
            values["value"] = value

        def unit(connection: Connection) -> None:
            # The field of a secret is shown empty: saving it as it is must not forget the secret.
            if isinstance(value, SecretStr) and not value.get_secret_value() and name in store.all_options(connection):
                raise Invalid("Type the new value. To have none, use the default.", field=name)
            store.put(connection, values)

        await self._database.write(alone(unit))
        return await self._now(name)

    async def reset(self, name: str) -> Option:
        """Back to the default. Raises NotFound, Conflict when it is locked."""
        self._require_changeable(name)
        await self._database.write(alone(lambda connection: store.remove(connection, name)))
        return await self._now(name)

    def _require_changeable(self, name: str) -> None:
        if name not in Settings.model_fields:
            raise NotFound(f"There is no setting {name!r}.")
        if name not in CHANGEABLE:
            raise Conflict(f"{variable(name)} decides how the server starts. Change it there, and start it again.")
        if name in self._locked:
            raise Conflict(f"{variable(name)} is set by the server's environment. Change it there.")

    async def _now(self, name: str) -> Option:
        self._read_at = -_FRESH_SECONDS
        return next(option for option in await self.list() if option.name == name)

    def _over(self, rows: dict[str, Row[Any]]) -> Settings:
        """The settings with what was changed over them. What an older or newer release kept and this one refuses is left out."""
        changed: dict[str, Any] = {}
        for name in set(rows) & (set(CHANGEABLE) - self._locked):
            try:
                changed[name] = checked(name, self._plain(rows[name]))
            except (Invalid, CannotOpen):
                continue
        return self._given.model_copy(update=changed)

    def _plain(self, row: Row[Any]) -> str:
        return self._vault.open(row.secret, f"options/{row.id}").decode() if row.secret is not None else str(row.value)

    def _option(self, name: str, now: Settings, rows: dict[str, Row[Any]]) -> Option:
        value = getattr(now, name)
        plain = value.get_secret_value() if isinstance(value, SecretStr) else value
        is_secret = isinstance(value, SecretStr) or name in _HIDDEN
        is_here = name in rows and name in CHANGEABLE
        source = "environment" if name in self._locked else "database" if is_here else "default"
        return Option(
            name=name,
            value="" if is_secret or plain is None else str(plain),
            about=Settings.model_fields[name].description or "",
            source=source,
            can_change=name in CHANGEABLE and name not in self._locked,
            is_secret=is_secret,
            is_set=plain not in ("", None),
        )


_HIDDEN = frozenset({"database_url", "master_key_command"})
"""May have a password in them."""


def variable(name: str) -> str:
    """The variable of a setting."""
    return f"AFFLUENT_{name.upper()}"


def checked(name: str, text: str) -> Any:  # noqa: ANN401 - a setting's own type
    """A value by the same rules as a variable's; raises Invalid naming the setting."""
    text = text.strip()
    if len(text) > _LONGEST or not text.isprintable():
        raise Invalid(f"At most {_LONGEST} characters, without line breaks.", field=name)
    if name in ADDRESSES:
        ADDRESSES[name](text)
    field = Settings.model_fields[name]
    try:
        return TypeAdapter[Any](field.rebuild_annotation()).validate_python(text)
    except ValidationError as error:
        raise Invalid(f"{error.errors()[0]['msg']}.", field=name) from error


def _check_targets(text: str) -> None:
    for target in (part.strip() for part in text.split(",")):
        kind, _, address = target.partition(":")
        if kind == "mailto":
            _check_sender(address, field="alerts_to")
        elif target and kind not in ("slack", "http", "https"):
            raise Invalid(
                "Write where alerts go as mailto:ops@example.com, slack:https://… or https://…, commas between.",
                field="alerts_to",
            )


def _check_sender(text: str, field: str = "alerts_from") -> None:
    if not mailboxes.is_mailbox(text):
        raise Invalid(f"This is not an e-mail address. {mailboxes.RULE}", field=field)


ADDRESSES: dict[str, Callable[[str], None]] = {"alerts_to": _check_targets, "alerts_from": _check_sender}
"""Settings that hold e-mail addresses, and what they may be."""


def wishes(settings: Settings) -> Wishes:
    """What raises an alert and where it goes."""
    targets = (target.strip() for target in settings.alerts_to.get_secret_value().split(","))
    return Wishes(
        targets=tuple(target for target in targets if target),
        smtp=settings.alerts_smtp.get_secret_value(),
        sender=settings.alerts_from,
        failures=settings.alerts_failures,
        queue_age=timedelta(minutes=settings.alerts_queue_minutes),
        patience=patience(settings.request_timeout_seconds),
        payout_day=settings.payout_day,
        payout_hold_days=settings.payout_hold_days,
    )
