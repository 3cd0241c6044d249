"""`jobfile explain` on a terminal: the text of a page, without Markdown's marks."""

import pytest

from engine.answers.explained import page_of, page_to_text
from jobfile.diagnostics.diagnostic import CODES


@pytest.mark.parametrize("code", CODES)
def test_a_page_keeps_its_lines_and_loses_its_marks(code: str) -> None:
    page = page_of(code)
    text = page_to_text(page)
    assert "```" not in text
    assert not text.startswith("#")
    kept = [line.strip() for line in page.text.splitlines() if not line.startswith(("```", f"# {code}"))]
    assert [line.strip() for line in text.splitlines()][1:] == kept[0:], "every line, in its order"


def test_an_example_is_indented() -> None:
    text = page_to_text(page_of("JF110"))
    assert text.startswith("JF110 not a duration\n\nThe value is not a duration.")
    assert "\n\n    version: 1\n    jobs:\n      a:\n        timeout: 5 minutes\n" in text
