"""What can be judged of the machine and the settings alone: keys, disk, limits, addresses."""

from __future__ import annotations

import resource
import shutil
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from affluent.settings import SecretFiles, Settings, configured
from affluent.vault.keys import BadMasterKey, load

FINE, NOTE, TROUBLE = "fine", "note", "trouble"
_LITTLE_DISK = 1_000_000_000
_NO_DISK = 100_000_000
_FEW_FILES = 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that was looked at."""

    about: str
    state: str
    """fine, note or trouble."""
    sentence: str
    remedy: str = ""


def machine(settings: Settings) -> Iterator[Finding]:
    """Everything that needs no database."""
    yield _key(settings)
    if settings.config:
        yield _config(settings.config)
    yield _disk(settings)
    yield _files()
    yield _address(settings)


def _key(settings: Settings) -> Finding:
    path = settings.master_key_path()
    given = settings.master_key.get_secret_value()
    if not given and not settings.master_key_command and not path.exists():
        return Finding(about="Master key", state=NOTE, sentence=f"There is none yet; the first start makes {path}.")
    try:
        vault = load(value=given, path=path, command=settings.master_key_command, create=False)
    except (BadMasterKey, OSError) as error:
        remedy = "Put the key back from your backup: without it stored secrets cannot be read."
        return Finding(about="Master key", state=TROUBLE, sentence=str(error), remedy=remedy)
    if not given and not settings.master_key_command and stat.S_IMODE(path.stat().st_mode) & 0o077:
        sentence = f"Others on this machine may read {path}."
        return Finding(about="Master key", state=TROUBLE, sentence=sentence, remedy=f"chmod 600 {path}")
    return Finding(about="Master key", state=FINE, sentence=f"{vault.current} is at hand. Is it in your backup?")


def _config(path: Path) -> Finding:
    secret = [name for name in configured(path) if name in SecretFiles.NAMES or name == "master_key"]
    if secret and stat.S_IMODE(path.stat().st_mode) & 0o077:
        sentence = f"Others on this machine may read {path}, which holds {', '.join(secret)}."
        return Finding(about="Configuration", state=TROUBLE, sentence=sentence, remedy=f"chmod 600 {path}")
    return Finding(about="Configuration", state=FINE, sentence=f"{path} is used.")


def _disk(settings: Settings) -> Finding:
    folder = settings.data_dir
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    free = shutil.disk_usage(folder).free
    sentence = f"{free / 1e9:.1f} GB are free at {folder}."
    remedy = "Make room, or keep less: AFFLUENT_ATTEMPTS_DAYS, AFFLUENT_DELIVERIES_DAYS." if free < _LITTLE_DISK else ""
    state = TROUBLE if free < _NO_DISK else NOTE if free < _LITTLE_DISK else FINE
    return Finding(about="Disk", state=state, sentence=sentence, remedy=remedy)


def _files() -> Finding:
    soft, _hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft < _FEW_FILES:
        remedy = "ulimit -n 4096, or LimitNOFILE= in the systemd unit."
        return Finding(about="Limits", state=TROUBLE, sentence=f"Only {soft} files may be open.", remedy=remedy)
    return Finding(about="Limits", state=FINE, sentence=f"{soft} files may be open.")


def _address(settings: Settings) -> Finding:
    if settings.public_url.startswith("https://"):
        return Finding(about="Address", state=FINE, sentence=f"Vendors reach this server at {settings.public_url}.")
    if settings.public_url:
        remedy = "Put a proxy with a certificate before it and set AFFLUENT_PUBLIC_URL=https://…"
        return Finding(about="Address", state=NOTE, sentence=f"{settings.public_url} is not encrypted.", remedy=remedy)
    return Finding(
        about="Address",
        state=NOTE,
        sentence="AFFLUENT_PUBLIC_URL is not set, so the webhook addresses shown work on this machine only.",
        remedy="Set it to how vendors reach this server, e.g. https://sync.example.com.",
    )
