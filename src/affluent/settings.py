"""Every setting of the product in one typed class: variables `AFFLUENT_*`, or `AFFLUENT_*_FILE` for secrets."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Literal

import platformdirs
from pydantic import Field, SecretStr
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict


class SecretFiles(PydanticBaseSettingsSource):
    """AFFLUENT_<NAME>_FILE: the file whose content is the value of a setting that may hold a secret."""

    NAMES = ("database_url", "metrics_token", "alerts_to", "alerts_smtp")

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[str | None, str, bool]:  # noqa: ARG002 - pydantic's signature
        """The content of the file, without the new line at its end."""
        path = os.environ.get(f"AFFLUENT_{field_name.upper()}_FILE", "") if field_name in self.NAMES else ""
        return (Path(path).read_text(encoding="utf-8").strip() if path else None), field_name, False

    def __call__(self) -> dict[str, str]:
        """All that are named."""
        found = {name: self.get_field_value(field, name)[0] for name, field in self.settings_cls.model_fields.items()}
        return {name: value for name, value in found.items() if value is not None}


class Settings(BaseSettings):
    """What an operator may set. Everything has a working default: `affluent serve` needs no configuration."""

    model_config = SettingsConfigDict(env_prefix="AFFLUENT_", extra="ignore")

    data_dir: Path = Field(
        default_factory=lambda: Path(platformdirs.user_data_dir("affluent", appauthor=False)),
        description="Folder of the database, the key file and the lock file.",
    )
    database_url: str = Field("", description="Empty: SQLite in the data folder. Or postgresql://user@host/name.")
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
    requests_per_minute: int = Field(
        60_000, ge=0, le=10_000_000, description="Requests per minute and sender (address, token); 0: unlimited."
    )
    allow_private_addresses: bool = Field(
        False, description="Let connections call private and loopback addresses (the demo's twins need it)."
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
    reconciliation_zone: str = Field("UTC", description="Time zone of the nightly statement, e.g. Asia/Kolkata.")
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
        """Options, variables, then files named by AFFLUENT_*_FILE."""
        return init_settings, env_settings, SecretFiles(settings_cls), dotenv_settings, file_secret_settings

    def sqlite_path(self) -> Path:
        """The database file used when no database_url is set."""
        return self.data_dir / "affluent.db"

    def master_key_path(self) -> Path:
        """The key file used when neither a variable nor a command gives the key."""
        return self.master_key_file or self.data_dir / "master.key"

    def server_url(self) -> str:
        """Where the server answers, as far as the settings tell: its public address, else host and port."""
        return self.public_url.rstrip("/") or f"http://{self.host}:{self.port}"
