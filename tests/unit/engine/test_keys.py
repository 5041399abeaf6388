"""Keys of effects: bounded and plain where a vendor takes them, the same as ever in our books."""

from __future__ import annotations

import pytest

from affluent.engine import effect_keys as keys

USUAL = "evt_06FDMM/fco_06FDMM/sale"


def test_a_plain_key_goes_out_as_it_is():
    assert keys.for_vendor(USUAL, 255) == USUAL


@pytest.mark.parametrize("odd", ["a" * 508, "a\nX-Evil: 1", "caf\u00e9", "two words", "", "nul\0", "\udc00"])
def test_a_long_or_odd_key_goes_out_as_its_hash_always_the_same_one(odd):
    sent = keys.for_vendor(odd, 255)
    assert sent == keys.for_vendor(odd, 255)
    assert len(sent) == 64
    assert sent.isalnum()
    assert sent.isascii()


def test_the_vendors_own_limit_is_kept_and_distinct_keys_stay_distinct():
    sent = {keys.for_vendor(f"{USUAL}/{number}", 20) for number in range(1000)}
    assert {len(key) for key in sent} == {20}
    assert len(sent) == 1000


@pytest.mark.parametrize("value", ["INV-1", "inv\n1", "caf\u00e9", "a" * 508, "1/2 #3"])
def test_a_key_that_our_books_can_hold_keeps_the_meaning_it_always_had(value):
    assert keys.of_record("con_1", "shop", "sale", value) == f"con_1/shop.sale/{value}"


@pytest.mark.parametrize("value", ["a" * 3000, "nul\0", "\udc00" * 900])
def test_a_key_that_no_index_takes_stands_in_our_books_as_its_hash(value):
    kept = keys.of_record("con_1", "shop", "sale", value)
    assert kept.startswith("con_1/shop.sale#")
    assert len(kept) < 100
    assert kept != keys.of_record("con_1", "shop", "sale", value + "b")
