"""A person's own account: name, password, second factor, and the browsers in which they are signed in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row

from affluent.kit import clock
from affluent.services.errors import Invalid, NotFound
from affluent.services.identity import second_factor as totp
from affluent.services.identity.passwords import checked_password, hashed, matches
from affluent.services.identity.people import in_words, own_name
from affluent.services.identity.sessions import PersonView
from affluent.services.identity.throttle import Key, MustWait, Throttle
from affluent.store import people as store
from affluent.store.configuration_lock import alone
from affluent.store.database import Database
from affluent.vault.envelope import Vault


@dataclass(frozen=True, slots=True, kw_only=True)
class Enrolment:
    """A second factor that is about to be set up."""

    secret: str
    address: str
    """otpauth://…, for authenticator apps on the same device."""

    def __repr__(self) -> str:
        return "Enrolment(…)"


class OwnAccount:
    """Use cases of a person over themselves. Changes of what protects the account ask for the password again."""

    def __init__(self, *, database: Database, vault: Vault) -> None:
        self._database = database
        self._vault = vault
        self._throttle = Throttle(database)

    async def rename(self, person: PersonView, name: str) -> None:
        """Raises Invalid."""
        name = own_name(name)
        await self._database.write(lambda connection: store.change(connection, person.id, name=name))

    async def change_password(self, person: PersonView, *, current: str, new: str) -> int:
        """Other sessions end; returns how many. Raises Invalid naming current_password or new_password."""
        await self._confirm(person, current)
        try:
            checked_password(new, person.name, person.email)
        except Invalid as error:
            raise Invalid(error.message, field="new_password") from error
        if new == current:
            raise Invalid("Choose another password than the one you have.", field="new_password")
        password_hash = await hashed(new)

        def unit(connection: Connection) -> int:
            store.change(connection, person.id, password_hash=password_hash)
            store.forget_links_of(connection, person.id)
            return store.revoke(connection, person.id, but=person.session_id)

        return await self._database.write(alone(unit))

    def enrol(self, person: PersonView) -> Enrolment:
        """A fresh secret to be put into an authenticator app; nothing is kept yet."""
        secret = totp.new_secret()
        return Enrolment(secret=secret, address=totp.address(secret, person.email))

    def enrolment_of(self, person: PersonView, secret: str) -> Enrolment | None:
        """The enrolment of a secret that was shown before; None when it cannot be one."""
        if not totp.is_secret(secret):
            return None
        return Enrolment(secret=secret, address=totp.address(secret, person.email))

    async def confirm_totp(self, person: PersonView, *, secret: str, code: str, password: str) -> list[str]:
        """Ask for codes from now on; returns the recovery codes, shown once. Raises Invalid naming code or password."""
        if not totp.is_secret(secret):
            raise Invalid("Begin again: this is not a secret that was made here.", field="code")
        await self._confirm(person, password, "password")
        step = totp.step_of(secret, code, clock.now())
        if step is None:
            raise Invalid("This is not the code the app shows now. Check the clock of your telephone.", field="code")
        codes = totp.new_recovery_codes()
        values = {
            "totp_secret": self._vault.seal(secret.encode(), f"people/{person.id}"),
            "totp_step": step,
            "recovery_codes": [totp.hash_of(recovery_code) for recovery_code in codes],
        }

        def unit(connection: Connection) -> None:
            store.change(connection, person.id, **values)
            store.revoke(connection, person.id, but=person.session_id)

        await self._database.write(alone(unit))
        return codes

    async def remove_totp(self, person: PersonView, *, password: str) -> None:
        """Ask for no codes any more; raises Invalid naming password."""
        await self._confirm(person, password, "password")
        await self._database.write(
            lambda c: store.change(c, person.id, totp_secret=None, totp_step=None, recovery_codes=None)
        )

    async def _confirm(self, person: PersonView, password: str, field: str = "current_password") -> None:
        try:  # counted by session: whoever holds another one does not keep this one waiting
            attempt = await self._throttle.take(Key(f"confirm {person.session_id or person.id}"))
        except MustWait as refused:
            message = f"Too many tries. Try again in {in_words(refused.wait.total_seconds())}."
            raise Invalid(message, field=field) from refused
        row: Row[Any] | None = await self._database.read(lambda connection: store.one(connection, person.id))
        if row is None:
            raise NotFound("There is no such person.")
        if not await matches(row.password_hash, password):
            raise Invalid("This is not your password.", field=field)
        await self._throttle.give_back(attempt)
