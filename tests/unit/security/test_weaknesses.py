"""What the audit says of packages, and how it asks for them."""

from __future__ import annotations

from typing import cast

import pytest
import requests
from packaging.version import Version
from pip_audit._service.interface import ResolvedDependency, SkippedDependency, VulnerabilityResult

from affluent.kit.jsons import dumps
from scripts.weaknesses import Index, Service, verdict

WEAKNESS = VulnerabilityResult.create(ids=["CVE-1"], description="", fix_versions=[Version("3")], published=None)
FINE = (ResolvedDependency(name="fine", version=Version("1")), [])
WEAK = (ResolvedDependency(name="weak", version=Version("2")), [WEAKNESS, WEAKNESS])
UNKNOWN = (SkippedDependency(name="unknown", skip_reason="not found"), [])


def test_what_was_examined_and_is_fine_passes() -> None:
    assert verdict([FINE], is_strict=True) == (["1 of 1 packages examined, 0 weaknesses found."], 0)


def test_a_weakness_fails_and_names_the_version_that_mends_it() -> None:
    lines, code = verdict([FINE, WEAK], is_strict=False)
    assert code == 1
    assert lines == ["weak 2: CVE-1, mended in 3", "2 of 2 packages examined, 1 weaknesses found."]


def test_what_nobody_could_examine_is_not_called_safe() -> None:
    lines, code = verdict([FINE, UNKNOWN], is_strict=False)
    assert code == 0
    assert lines == [
        "NOT EXAMINED: unknown. pip-audit said: not found",
        "1 of 2 packages examined, 0 weaknesses found.",
    ]
    assert verdict([FINE, UNKNOWN], is_strict=True)[1] == 1
    assert verdict([], is_strict=True)[1] == 1


class Answers:
    """An index with these answers by path; it knows nothing else."""

    def __init__(self, answers: dict[str, object]) -> None:
        self._answers = answers

    def get(self, url: str, timeout: float | None = None) -> requests.Response:
        assert timeout
        answer = requests.Response()
        path = url.partition("/pypi/")[2]
        answer.status_code = 200 if path in self._answers else 404
        answer._content = dumps(self._answers.get(path)).encode()
        return answer


def entry(version: str, *weaknesses: str) -> dict[str, object]:
    """What an index says of a version."""
    known = [{"id": name, "aliases": [], "fixed_in": ["9"], "summary": ""} for name in weaknesses]
    return {"info": {"version": version}, "vulnerabilities": known}


@pytest.mark.parametrize(
    ("answers", "said"),
    [
        ({"one/2.0/json": entry("2.0", "CVE-2"), "one/json": entry("3")}, "one 2.0: CVE-2, mended in 9"),
        ({"one/json": entry("2.0", "CVE-2")}, "one 2.0: CVE-2, mended in 9"),
        ({"one/json": entry("2.0")}, "1 of 1 packages examined, 0 weaknesses found."),
        ({"one/json": entry("2.1")}, "NOT EXAMINED: one. pip-audit said: Dependency not found"),
        ({}, "NOT EXAMINED: one. pip-audit said: Dependency not found"),
    ],
)
def test_the_newest_version_is_examined_where_the_index_does_not_answer_for_versions(
    answers: dict[str, object], said: str
) -> None:
    service = Service()
    service.session = Index(cast("requests.Session", Answers(answers)))
    lines, _ = verdict([service.query(ResolvedDependency(name="one", version=Version("2.0")))], is_strict=False)
    assert lines[0].startswith(said)


@pytest.mark.parametrize(
    "answers", [{"one/json": {"info": {}}}, {"one/json": {"info": {"version": "newest"}}}, {"one/json": []}]
)
def test_an_index_that_answers_nonsense_leaves_a_package_unexamined(answers: dict[str, object]) -> None:
    service = Service()
    service.session = Index(cast("requests.Session", Answers(answers)))
    lines, code = verdict([service.query(ResolvedDependency(name="one", version=Version("2.0")))], is_strict=True)
    assert lines[0].startswith("NOT EXAMINED: one.")
    assert code == 1


def test_an_index_that_cannot_be_reached_leaves_a_package_unexamined() -> None:
    class Away(Answers):
        def get(self, url: str, timeout: float | None = None) -> requests.Response:
            raise requests.ConnectionError("nobody there")

    service = Service()
    service.session = Index(cast("requests.Session", Away({})))
    lines, code = verdict([service.query(ResolvedDependency(name="one", version=Version("2.0")))], is_strict=True)
    assert lines[0] == "NOT EXAMINED: one. pip-audit said: nobody there"
    assert code == 1
