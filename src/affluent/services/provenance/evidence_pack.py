"""An evidence pack: a zip of JSON and a readable page, signed; any changed byte of it is found without a server. Pure.

manifest.json   name and SHA-256 of every other file, the public key, who made it and when
signature       Ed25519 over manifest.json
"""

from __future__ import annotations

import base64
import hashlib
import io
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from affluent.kit.jsons import InvalidJSON, canonical, loads

MANIFEST, SIGNATURE = "manifest.json", "signature"
FORMAT = "affluent evidence 1"
_STAMP = (1980, 1, 1, 0, 0, 0)
_LARGEST = 64 * 1024 * 1024


class BadEvidence(ValueError):
    """The file is no evidence pack, or was changed; the message says what does not hold."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """A pack that holds."""

    fingerprint: str
    made_at: str
    subject: str
    files: Mapping[str, bytes]


def signer(seed: bytes) -> Ed25519PrivateKey:
    """The key of a seed of 32 bytes."""
    return Ed25519PrivateKey.from_private_bytes(seed)


def fingerprint(public: bytes) -> str:
    """What people compare: 32 hexadecimal digits in groups of four."""
    digits = hashlib.sha256(public).hexdigest()[:32]
    return " ".join(digits[start : start + 4] for start in range(0, len(digits), 4))


def pack(files: Mapping[str, bytes], *, key: Ed25519PrivateKey, subject: str, made_at: datetime) -> bytes:
    """The archive."""
    public = key.public_key().public_bytes_raw()
    manifest = canonical(
        {
            "format": FORMAT,
            "subject": subject,
            "made_at": made_at.isoformat(),
            "public_key": base64.b64encode(public).decode(),
            "files": {name: hashlib.sha256(content).hexdigest() for name, content in files.items()},
        }
    )
    return _zipped({**files, MANIFEST: manifest, SIGNATURE: base64.b64encode(key.sign(manifest))})


def verify(archive: bytes, *, expected: str = "") -> Evidence:
    """The pack, when nothing of it was changed and, if given, its key has the expected fingerprint; raises BadEvidence."""
    files = _unzipped(archive)
    manifest, signature = files.pop(MANIFEST, None), files.pop(SIGNATURE, None)
    if manifest is None or signature is None:
        raise BadEvidence("This is no evidence pack: it has no manifest or no signature.")
    try:
        manifest_content = loads(manifest)
        public = base64.b64decode(manifest_content["public_key"], validate=True)
        Ed25519PublicKey.from_public_bytes(public).verify(base64.b64decode(signature, validate=True), manifest)
        listed, made_at, subject = (
            dict(manifest_content["files"]),
            str(manifest_content["made_at"]),
            str(manifest_content["subject"]),
        )
    except InvalidSignature as error:
        raise BadEvidence("The signature does not fit: the manifest was changed.") from error
    except (InvalidJSON, KeyError, TypeError, ValueError) as error:
        raise BadEvidence("The manifest or the signature cannot be read: it was changed.") from error
    if listed.keys() != files.keys():
        raise BadEvidence("Files were added to the pack or removed from it.")
    for name, content in files.items():
        if hashlib.sha256(content).hexdigest() != listed[name]:
            raise BadEvidence(f"{name} was changed.")
    if _zipped({**files, MANIFEST: manifest, SIGNATURE: signature}) != archive:
        raise BadEvidence("The archive around the files was changed.")
    signer = fingerprint(public)
    if expected and "".join(expected.split()).lower() != signer.replace(" ", ""):
        raise BadEvidence(f"It was signed by another key: {signer}.")
    return Evidence(fingerprint=signer, made_at=made_at, subject=subject, files=files)


def _zipped(files: Mapping[str, bytes]) -> bytes:
    """Always the same bytes for the same files: stored, sorted, without times."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as archive:
        for name in sorted(files):
            info = zipfile.ZipInfo(name, date_time=_STAMP)
            info.create_system, info.external_attr = 3, 0o644 << 16
            archive.writestr(info, files[name])
    return out.getvalue()


def _unzipped(archive: bytes) -> dict[str, bytes]:
    try:
        with zipfile.ZipFile(io.BytesIO(archive)) as opened:
            infos = opened.infolist()
            if sum(info.file_size for info in infos) > _LARGEST:
                raise BadEvidence("This is no evidence pack: it is too large.")
            return {info.filename: opened.read(info) for info in infos}
    except (zipfile.BadZipFile, NotImplementedError, EOFError, RuntimeError, ValueError, OSError) as error:
        if isinstance(error, BadEvidence):
            raise
        raise BadEvidence("This is no zip archive, or it was changed.") from error
