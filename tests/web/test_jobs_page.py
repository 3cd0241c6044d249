"""The page of all jobs: what it shows, its filter and order, and text that tries to be more than text."""

import html
import re
from pathlib import Path
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.service.listing import list_at
from engine.web.pages.jobs import PAGE_JOBS
from tests.web.site import JOBS, Web

HOSTILE = (
    "<script>document.title = 'pwned'</script>",
    '"><img src=x onerror=alert(1)>',
    "{{ 7 * 7 }} {% raw %} ${7*7} <%= 7 %>",
    "javascript:alert(1)//'\"`;<!--",
    "\u202egnp.exe \u2066 \x1b[31mred\x1b]0;title\x07 \u200b",
)


def rows(web: Web, query: str = "") -> list[str]:
    """The names of the jobs that the page shows, in its order."""
    got = web.owner(f"/jobs{query}", accept="text/html")
    assert got.status == 200, got.text
    return re.findall(r'<th scope="row"><a href="/jobs/([^"]+)"', got.text)


def test_each_job_has_its_last_results_and_its_next_time(web: Web) -> None:
    text = web.owner("/jobs").text
    (bad,) = [one for one in text.split("<tr>") if 'href="/jobs/bad"' in one]
    assert bad.count('class="mark bad"') == 3
    assert 'class="verdict bad"' in bad
    assert "failed" in bad
    assert "CET" in bad  # each time is in the zone of its job
    (good,) = [one for one in text.split("<tr>") if 'href="/jobs/good"' in one]
    assert good.count('class="mark good"') == 3
    for words in ("The good one", "data", "nightly", "mail"):
        assert words in good


def test_a_mark_leads_to_its_run_and_says_its_state_and_time_without_colour(web: Web) -> None:
    run = web.world.runs("bad")[-1]
    found = re.search(
        rf'<a class="mark bad" href="/runs/{run.id}" title="([^"]+)" aria-label="([^"]+)">(.)</a>',
        web.owner("/jobs").text,
    )
    assert found is not None
    assert found[1] == found[2]
    assert found[1].startswith("failed, 2026-")
    assert found[3] == "✗"


def test_the_page_and_the_command_agree(web: Web) -> None:
    found = list_at(web.place.config, web.world.view, now=web.world.clock.now(), marks=30)
    text = web.owner("/jobs").text
    for one in found.jobs:
        (row,) = [part for part in text.split("<tr>") if f'href="/jobs/{one.job}"' in part]
        assert row.count('class="mark ') == len(one.marks)
        assert f"</span> {one.state}</span>" in row


def test_what_is_overdue_is_the_newest_result_of_a_page_as_of_the_command(tmp_path: Path) -> None:
    """No engine is there, and nothing has recorded that the jobs were due."""
    web = Web(tmp_path)
    web.live(instants=31)  # more than a page shows
    web.world.clock.advance(seconds=3600)
    found = list_at(web.place.config, web.world.view, now=web.world.clock.now(), marks=30)
    text = web.owner("/jobs").text
    for one in found.jobs:
        (row,) = [part for part in text.split("<tr>") if f'href="/jobs/{one.job}"' in part]
        assert re.findall(r'class="mark [^>]* title="([a-z]+)', row) == [mark.state for mark in one.marks]
    assert [one.state for one in found.jobs] == ["overdue", "overdue", "none"]
    web.close()


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", ["bad", "good", "other"]),
        ("?q=oo", ["good"]),
        ("?q=the+good", ["good"]),
        ("?tag=nightly", ["bad", "good"]),
        ("?tag=mail&tag=nightly", ["bad", "good"]),
        ("?owner=data", ["good"]),
        ("?in=failed", ["bad"]),
        ("?in=failed,succeeded", ["bad", "good"]),
        ("?in=none", ["other"]),
        ("?sort=state", ["bad", "good", "other"]),
        ("?sort=next", ["bad", "good", "other"]),
        ("?sort=owner", ["good", "bad", "other"]),
        ("?sort=nothing", ["bad", "good", "other"]),
        ("?paused=1", []),
        ("?page=9", []),
        ("?page=x", ["bad", "good", "other"]),
    ],
)
def test_filter_and_order_are_in_the_address(web: Web, query: str, expected: list[str]) -> None:
    assert rows(web, query) == expected


def test_an_unknown_state_is_explained_on_a_page(web: Web) -> None:
    got = web.owner("/jobs?in=fialed", accept="text/html")
    assert got.status == 422
    assert "is not a state" in got.text


def test_a_paused_job_says_who_paused_it_until_when_and_why(tmp_path: Path) -> None:
    web = Web(tmp_path)
    web.world.step()
    web.world.pause("good", minutes=30, reason="vendor outage")
    assert rows(web, "?paused=1") == ["good"]
    assert "vendor outage" in web.owner("/jobs").text
    web.close()


def test_why_nothing_starts_is_shown_at_the_top(tmp_path: Path) -> None:
    web = Web(tmp_path)
    web.world.step()
    web.silence()
    assert "Nothing starts: no engine" in html.unescape(web.owner("/jobs").text)
    web.close()


def test_before_anything_is_recorded_the_page_shows_the_files(tmp_path: Path) -> None:
    web = Web(tmp_path)
    assert rows(web) == ["bad", "good", "other"]
    web.close()


def test_files_with_errors_are_named_at_the_top(tmp_path: Path) -> None:
    web = Web(tmp_path)
    web.world.step()
    (tmp_path / "jobs.yaml").write_text("jobs: {a: {run: 1, retires: 2}}")
    assert "cannot be read or has errors" in web.owner("/jobs").text
    web.close()


def test_many_jobs_have_several_pages(tmp_path: Path) -> None:
    web = Web(
        tmp_path, "version: 1\njobs:\n" + "".join(f"  j{n:03}: {{run: echo}}\n" for n in range(PAGE_JOBS + 5))
    )
    web.world.step()
    assert rows(web) == [f"j{n:03}" for n in range(PAGE_JOBS)]
    assert rows(web, "?page=2") == [f"j{n:03}" for n in range(PAGE_JOBS, PAGE_JOBS + 5)]
    text = web.owner("/jobs?q=j&sort=job").text
    assert 'rel="next" href="/jobs?q=j&amp;sort=job&amp;page=2"' in text
    web.close()


def test_hostile_text_is_shown_as_text(tmp_path: Path) -> None:
    title = " ".join(HOSTILE)
    web = Web(tmp_path, JOBS.replace("The good one", "x"))
    web.world.step()
    web.world.pause("good", reason=title)
    text = web.owner("/jobs", accept="text/html").text
    assert "<script>document" not in text
    assert "<img" not in text
    assert "{{ 7 * 7 }}" in html.unescape(text)
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", text)
    web.close()


@given(st.text(alphabet=st.characters(codec="utf-8"), max_size=40))
def test_whatever_is_searched_for_comes_back_as_text(web: Web, text: str) -> None:
    got = web.owner(f"/jobs?q={quote(text)}", accept="text/html")
    assert got.status == (400 if "\0" in text else 200)
    value = re.search(r'name="q" value="([^"]*)"', got.text)
    if got.status == 200:
        assert value is not None
        assert "<" not in value[1]


def test_the_search_box_answers_a_question_as_it_is_typed(web: Web) -> None:
    answers = {
        "good": "yes, it ran and succeeded",
        "bad": "failed",
        "bad 2020-01-01": "not expected",
        "nope": "no job `nope`",
        "": "Examples",
    }
    for question, words in answers.items():
        got = web.owner(f"/ask?q={quote(question)}", accept="text/html")
        assert (got.status, words in html.unescape(got.text)) == (200, True), (question, got.text)
