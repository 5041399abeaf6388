"""Evidence: the chain behind an amount as a signed archive, whose key comes from the vault."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from affluent.kit.jsons import JSONValue, canonical, dumps
from affluent.services.provenance import evidence_pack
from affluent.services.provenance.why import Chain, Link, Why
from affluent.vault.envelope import Vault

_PURPOSE = "evidence"
_STYLE = (
    "body{font:14px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#12151d}"
    "li{margin:0 0 1rem}time,.by{color:#5f6776}pre{background:#f4f5f7;padding:.75rem;overflow:auto;white-space:pre-wrap}"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pack:
    """A finished archive."""

    name: str
    content: bytes
    fingerprint: str


class EvidencePacks:
    """Makes packs."""

    def __init__(self, *, why: Why, vault: Vault) -> None:
        self._why = why
        self._vault = vault

    @property
    def fingerprint(self) -> str:
        """Of the key that signs; tell it to those who verify."""
        return evidence_pack.fingerprint(self._key().public_key().public_bytes_raw())

    async def pack(self, asked_for: str) -> Pack:
        """The evidence behind an id; raises NotFound."""
        chain = await self._why.ask(asked_for)
        files = {"evidence.json": canonical(chain), "evidence.html": page(chain).encode()}
        content = evidence_pack.pack(files, key=self._key(), subject=chain.subject, made_at=chain.made_at)
        safe = "".join(letter if letter.isalnum() or letter in "-_." else "-" for letter in asked_for)[:80]
        return Pack(name=f"evidence-{safe}.zip", content=content, fingerprint=self.fingerprint)

    def _key(self) -> Ed25519PrivateKey:
        return evidence_pack.signer(self._vault.derive(_PURPOSE))


def page(chain: Chain) -> str:
    """The chain as a page that needs nothing else."""
    links = "".join(_item(link) for link in chain.links)
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Evidence: {escape(chain.subject)}</title>'
        f"<style>{_STYLE}</style></head><body><h1>{escape(chain.subject)}</h1>"
        f"<p>Asked for {escape(chain.asked_for)}, found as {escape(chain.found_by)}; account {escape(chain.account_id)};"
        f" made at {chain.made_at.isoformat()}.</p><ol>{links}</ol></body></html>"
    )


def _item(link: Link) -> str:
    at = f"<time>{link.at.isoformat()}</time>" if link.at else ""
    by = f' <span class="by">by {escape(link.by)}</span>' if link.by else ""
    shown = f"<pre>{escape(_pretty(link.detail))}</pre>" if link.detail else ""
    return f"<li><strong>{escape(link.title)}</strong> ({escape(link.what)}) {at}{by}{shown}</li>"


def _pretty(value: JSONValue, depth: int = 0) -> str:
    pad = "  " * depth
    if isinstance(value, dict):
        return "".join(f"\n{pad}{name}: {_pretty(item, depth + 1)}" for name, item in value.items()).lstrip(
            "\n" if depth == 0 else ""
        )
    if isinstance(value, list) and any(isinstance(item, (dict, list)) for item in value):
        return "".join(f"\n{pad}- {_pretty(item, depth + 1).lstrip()}" for item in value)
    return value if isinstance(value, str) else dumps(value)
