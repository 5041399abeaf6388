"""Every setting of the product in one typed class: variables `AFFLUENT_*`, or `AFFLUENT_*_FILE` for secrets."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import platformdirs
from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict


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
    reconciliation_zone: str = Field("UTC", description="Time zone of the nightly statement, e.g. Asia/Kolkata.")
    max_body_bytes: int = Field(1_048_576, ge=1024, description="Largest webhook or API body accepted.")

    def sqlite_path(self) -> Path:
        """The database file used when no database_url is set."""
        return self.data_dir / "affluent.db"

    def server_url(self) -> str:
        """Where the server answers, as far as the settings tell: its public address, else host and port."""
        return self.public_url.rstrip("/") or f"http://{self.host}:{self.port}"
