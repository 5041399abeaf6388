"""Every setting of the product in one typed class: variables `AFFLUENT_*`, `AFFLUENT_*_FILE`, or a configuration file."""

from __future__ import annotations

import ipaddress
import os
import tomllib
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, Literal

import platformdirs
from pydantic import AfterValidator, Field, SecretStr, TypeAdapter, ValidationError
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict


class BadSettings(ValueError):
    """A file with settings cannot be used; the message names it, what is wrong in it, and what to do."""


class SecretFiles(PydanticBaseSettingsSource):
    """AFFLUENT_<NAME>_FILE: the file whose content is the value of a setting that may hold a secret."""

    NAMES = ("database_url", "metrics_token", "alerts_to", "alerts_smtp", "oidc_client_secret")

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[str | None, str, bool]:  # noqa: ARG002 - pydantic's signature
        """The content of the file, without the new line at its end."""
        path = os.environ.get(f"AFFLUENT_{field_name.upper()}_FILE", "") if field_name in self.NAMES else ""
        return (_read(Path(path), f"AFFLUENT_{field_name.upper()}_FILE") if path else None), field_name, False

    def __call__(self) -> dict[str, str]:
        """All that are named."""
        found = {name: self.get_field_value(field, name)[0] for name, field in self.settings_cls.model_fields.items()}
        return {name: value for name, value in found.items() if value is not None}


class ConfigFile(PydanticBaseSettingsSource):
    """The configuration file (TOML) that `--config` or AFFLUENT_CONFIG names: a setting's name in small letters, its value."""

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:  # noqa: ARG002 - pydantic's signature
        """A value of the file."""
        return self().get(field_name), field_name, False

    def __call__(self) -> dict[str, Any]:
        """All that it says. A key of the master given elsewhere by file or command goes before one that is written in it."""
        path = self.current_state.get("config")
        found = configured(Path(path)) if path else {}
        if "master_key_file" in self.current_state or "master_key_command" in self.current_state:
            found.pop("master_key", None)
        return found


def configured(path: Path) -> dict[str, Any]:
    """What a configuration file says, each value examined; raises BadSettings."""
    try:
        found = tomllib.loads(_read(path, "--config or AFFLUENT_CONFIG"))
    except tomllib.TOMLDecodeError as error:
        raise BadSettings(f"{path} is not TOML: {error}. Write name = value, text in quotation marks.") from error
    for name, value in found.items():
        field = Settings.model_fields.get(name) if name != "config" else None
        if field is None:
            raise BadSettings(f"{path}: {name}: {_unknown(name, value)}")
        try:
            TypeAdapter[Any](field.rebuild_annotation()).validate_python(value)
        except ValidationError as error:
            reason = error.errors()[0]["msg"]
            raise BadSettings(f"{path}: {name}: {reason}. It is: {field.description} Correct it there.") from error
    return found


def _unknown(name: str, value: object) -> str:
    if isinstance(value, dict):
        return "there are no sections. Write every setting at the top, as name = value."
    near = get_close_matches(name.lower().removeprefix("affluent_"), Settings.model_fields, n=1)
    hint = f"Did you mean {near[0]}?" if near else "Remove it."
    return f"there is no such setting. {hint} `affluent settings` lists all."


def _read(path: Path, named_by: str) -> str:
    try:
        return path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not text"
        raise BadSettings(f"{path} cannot be read: {reason}. It is named by {named_by}: correct that.") from error


def _networks(text: str) -> str:
    for part in text.split(","):
        try:
            if part.strip():
                ipaddress.ip_network(part.strip())
        except ValueError as error:
            raise ValueError(
                f"{part.strip()[:60]!r} is no address or network ({error}). Write e.g. 127.0.0.1, 10.0.0.0/24"
            ) from error
    return text


def _accounts(text: str) -> str:
    account_names(text)
    return text


def account_names(text: str) -> dict[str, str]:
    """Our account → the name or code that it has elsewhere; raises ValueError naming the part that is none."""
    names = {}
    for part in filter(None, map(str.strip, text.split(","))):
        ours, equals, theirs = (word.strip() for word in part.partition("="))
        if not (ours and equals and theirs):
            raise ValueError(
                f"{part[:60]!r} is no account with its name there. Write e.g. receivable=1200, revenue=4000"
            )
        names[ours] = theirs
    return names


class Settings(BaseSettings):
    """What an operator may set. Everything has a working default: `affluent serve` needs no configuration."""

    model_config = SettingsConfigDict(env_prefix="AFFLUENT_", extra="ignore")

    config: Path | None = Field(
        None, description="Configuration file (TOML) with these settings, their names in small letters: port = 8080."
    )
    data_dir: Path = Field(
        default_factory=lambda: Path(platformdirs.user_data_dir("affluent", appauthor=False)),
        description="Folder of the database, the key file and the lock file.",
    )
    database_url: str = Field("", description="Empty: SQLite in the data folder. Or postgresql://user@host/name.")
    migrate: bool = Field(
        True, description="Whether a start brings the database to this release; off: only `affluent migrate` does."
    )
    host: str = Field("127.0.0.1", description="Address the server listens on.")
    port: int = Field(8080, ge=0, le=65535, description="Port the server listens on; 0 picks a free one.")
    public_url: str = Field("", description="How vendors and people reach this server, e.g. https://sync.example.com.")
    master_key: SecretStr = Field(
        SecretStr(""), description="Master key (64 hex characters); empty: the key file is used."
    )
    master_key_file: Path | None = Field(None, description="File with the master key; default: key in the data folder.")
    master_key_command: str = Field(
        "", description="Command that prints the master key, e.g. of a secret store; no shell, no key file then."
    )
    allowed_hosts: str = Field("", description="Host names this server answers to, with commas between; empty: any.")
    trusted_proxies: Annotated[str, AfterValidator(_networks)] = Field(
        "",
        description="Proxies in front, addresses or networks with commas between: what they say of callers is believed; empty: none.",
    )
    proxy_header: Literal["x-forwarded-for", "forwarded"] = Field(
        "x-forwarded-for", description="Header in which these proxies name the caller; the other one is not read."
    )
    requests_per_minute: int = Field(
        60_000, ge=0, le=10_000_000, description="Requests per minute and sender (address, token); 0: unlimited."
    )
    allow_private_addresses: bool = Field(
        False, description="Let connections call private and loopback addresses (the demo's twins need it)."
    )
    oidc_issuer: str = Field(
        "", description="OpenID Connect provider people sign in with, e.g. https://login.example.com; empty: none."
    )
    oidc_client_id: str = Field("", description="How this server is registered with the provider.")
    oidc_client_secret: SecretStr = Field(
        SecretStr(""), description="What the provider gave at registration; empty for a public client."
    )
    oidc_name: str = Field("single sign-on", max_length=60, description="What the button calls it: Sign in with …")
    oidc_domains: str = Field(
        "", description="E-mail domains that may sign in with the provider, commas between; empty: any."
    )
    oidc_role: Literal["analyst", "product_manager", "developer"] = Field(
        "analyst", description="Role of somebody who comes from the provider the first time."
    )
    oidc_role_claim: str = Field(
        "", description="Claim of the ID token that names the role at every sign-in, e.g. groups; empty: given here."
    )
    concurrency: int = Field(64, ge=1, le=1000, description="Runs executed at the same time by one process.")
    lease_seconds: float = Field(
        15, ge=1, le=600, description="PostgreSQL: how long a silent worker keeps its runs before others take them."
    )
    settle_seconds: float = Field(
        10, ge=0, le=3600, description="How old a lost request must be before a write that is not found is sent again."
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field("info", description="How much is logged.")
    log_json: bool = Field(False, description="Log as JSON lines instead of readable text.")
    request_timeout_seconds: int = Field(30, ge=1, le=300, description="How long a vendor may take to answer.")
    deliveries_days: int = Field(30, ge=1, le=3650, description="How many days received webhook requests are kept.")
    attempts_days: int = Field(
        90, ge=1, le=3650, description="How many days requests and answers of runs that ended well are kept."
    )
    runs_days: int = Field(
        0,
        ge=0,
        le=36_500,
        description="How many days the values in steps of runs that ended well are kept; 0: for ever.",
    )
    events_days: int = Field(
        0, ge=0, le=36_500, description="How many days payloads of events whose runs ended well are kept; 0: for ever."
    )
    metrics: bool = Field(True, description="Whether /metrics answers, for Prometheus.")
    metrics_token: SecretStr = Field(SecretStr(""), description="Bearer token that /metrics asks for; empty: none.")
    otlp_url: str = Field(
        "", description="OpenTelemetry collector for traces, e.g. http://127.0.0.1:4318/v1/traces; empty: no traces."
    )
    alerts_to: SecretStr = Field(
        SecretStr(""), description="Where alerts go, commas between: mailto:ops@example.com, slack:https://…, https://…"
    )
    alerts_smtp: SecretStr = Field(
        SecretStr("smtp://localhost:25"), description="Mail server: smtp://user:password@host:587 or smtps://…:465."
    )
    alerts_from: str = Field("affluent@localhost", description="Sender of alerts by e-mail.")
    alerts_failures: int = Field(
        10, ge=1, le=100_000, description="Failed runs of one cause within an hour that alert."
    )
    alerts_queue_minutes: int = Field(15, ge=1, le=10_080, description="Age of the oldest due run that alerts.")
    reconciliation_zone: str = Field(
        "UTC", description="Time zone of the nightly statement and of payout days, e.g. Asia/Kolkata."
    )
    journal_accounts: Annotated[str, AfterValidator(_accounts)] = Field(
        "",
        description="Accounts in exports of the journal, commas between: receivable=1200, revenue=4000, tax rate=No VAT.",
    )
    payout_day: int = Field(
        0,
        ge=0,
        le=31,
        description="Day of the month on which promoters are paid; the day before, an alert says what should not be. 0: none.",
    )
    payout_hold_days: int = Field(
        0, ge=0, le=366, description="Days after a sale is paid before its commission should be paid."
    )
    connections_per_address: int = Field(
        1000, ge=0, le=100_000, description="Open connections that one address may hold, also a proxy; 0: unlimited."
    )
    max_body_bytes: int = Field(1_048_576, ge=1024, description="Largest webhook or API body accepted.")

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Options, variables, files named by AFFLUENT_*_FILE, then the configuration file."""
        files = (SecretFiles(settings_cls), ConfigFile(settings_cls))
        return init_settings, env_settings, *files, dotenv_settings, file_secret_settings

    def sqlite_path(self) -> Path:
        """The database file used when no database_url is set."""
        return self.data_dir / "affluent.db"

    def master_key_path(self) -> Path:
        """The key file used when neither a variable nor a command gives the key."""
        return self.master_key_file or self.data_dir / "master.key"

    def server_url(self) -> str:
        """Where the server answers, as far as the settings tell: its public address, else host and port."""
        return self.public_url.rstrip("/") or f"http://{self.host}:{self.port}"
