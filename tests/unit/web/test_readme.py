"""READMEs as HTML: what they use is shown, everything else stays text."""

from __future__ import annotations

from affluent.catalog import load
from affluent.web.apps.readme import html


def test_blocks_become_elements_and_the_first_heading_is_left_out() -> None:
    shown = html(
        "# Shop\n\nSells *all* of it.\n\n## Rules\n\n- one\n  goes on\n- two\n\n| a | b |\n|---|---|\n| 1 | `x` |\n"
    )
    assert "Shop" not in shown
    assert "<p>Sells <em>all</em> of it.</p>" in shown
    assert "<h3>Rules</h3>" in shown
    assert "<li>one goes on</li><li>two</li>" in shown
    assert '<th scope="col">a</th>' in shown
    assert "<td><code>x</code></td>" in shown


def test_text_stays_text() -> None:
    shown = html("Intro.\n\n<script>x</script> [bad](javascript:x) [good](https://example.com/a)")
    assert "<script>" not in shown
    assert "javascript:x" in shown
    assert 'href="javascript' not in shown
    assert 'href="https://example.com/a"' in shown


def test_every_app_has_a_readme_that_is_shown() -> None:
    for app in load().apps.values():
        shown = html((app.folder / "README.md").read_text())
        assert "<p>" in shown, app.key
        assert "|---" not in shown, app.key
