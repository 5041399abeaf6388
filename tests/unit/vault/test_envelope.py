"""Envelopes open only for their row and with their key."""

from __future__ import annotations

import stat

import pytest

from affluent.vault import keys
from affluent.vault.envelope import CannotOpen, Vault

OLD, NEW = bytes(32), bytes([1] * 32)


def test_what_was_sealed_for_a_row_opens_for_it():
    vault = Vault({"old": OLD}, "old")
    assert vault.open(vault.seal(b"secret", "connections/con_1"), "connections/con_1") == b"secret"


def test_a_ciphertext_copied_to_another_row_does_not_open():
    vault = Vault({"old": OLD}, "old")
    with pytest.raises(CannotOpen):
        vault.open(vault.seal(b"secret", "connections/con_1"), "connections/con_2")


@pytest.mark.parametrize("position", [2, 10, 40, -1])
def test_an_altered_ciphertext_does_not_open(position):
    vault = Vault({"old": OLD}, "old")
    sealed = bytearray(vault.seal(b"secret", "row"))
    sealed[position] ^= 1
    with pytest.raises(CannotOpen):
        vault.open(bytes(sealed), "row")


def test_after_a_rotation_old_envelopes_open_and_new_ones_carry_the_new_key():
    sealed = Vault({"old": OLD}, "old").seal(b"secret", "row")
    both = Vault({"old": OLD, "new": NEW}, "new")
    assert both.open(sealed, "row") == b"secret"
    with pytest.raises(CannotOpen, match="old"):
        Vault({"new": NEW}, "new").open(sealed, "row")


def test_the_first_start_makes_a_key_file_that_only_its_owner_can_read(tmp_path):
    path = tmp_path / "data" / "master.key"
    made = keys.load(value="", path=path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert keys.load(value="", path=path).current == made.current


@pytest.mark.parametrize("text", ["short", "g" * 64, "ab" * 31])
def test_a_bad_master_key_is_refused_with_the_cure(text, tmp_path):
    with pytest.raises(keys.BadMasterKey, match="openssl rand -hex 32"):
        keys.load(value=text, path=tmp_path / "key")


def test_a_vault_never_shows_its_keys():
    assert "0000" not in repr(Vault({"old": OLD}, "old"))
