"""What the audit says of packages."""

from __future__ import annotations

from scripts.weaknesses import verdict

FINE = {"name": "fine", "version": "1", "vulns": []}
WEAK = {"name": "weak", "version": "2", "vulns": [{"id": "CVE-1", "fix_versions": ["3"]}]}
UNKNOWN = {"name": "unknown", "skip_reason": "not found"}


def test_what_was_examined_and_is_fine_passes() -> None:
    assert verdict([FINE], strict=True) == (["1 packages examined, 0 weaknesses found."], 0)


def test_a_weakness_fails_and_names_the_version_that_mends_it() -> None:
    lines, code = verdict([FINE, WEAK], strict=False)
    assert code == 1
    assert lines[0] == "weak 2: CVE-1, mended in 3"


def test_what_nobody_could_examine_is_not_called_safe() -> None:
    lines, code = verdict([FINE, UNKNOWN], strict=False)
    assert code == 0
    assert lines[0].startswith("NOT EXAMINED: 1 packages")
    assert lines[0].endswith("pip-audit said: not found")
    assert verdict([FINE, UNKNOWN], strict=True)[1] == 1
    assert verdict([], strict=True)[1] == 1
