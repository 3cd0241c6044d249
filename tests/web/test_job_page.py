"""The page of a job: its numbers are those of the commands, and its forms do what the commands do."""

import html
import json
import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest

from engine.answers.report import Parts
from engine.asking.did import Wanted, ask_did
from engine.asking.report import Wanted as WantedReport
from engine.asking.report import ask_report
from engine.core.access import Role
from engine.web.access import Who
from engine.web.pages.job import RUNS
from tests.web.site import Browser, Web
from tests.web.test_jobs_page import HOSTILE

JOBS = """\
version: 1
jobs:
  good:
    {title: The good one, description: "Says hi.\\nTwice.", owner: data, tags: [nightly],
     schedule: "*/10 * * * *", run: echo hi}
  bad: {timezone: Europe/Oslo, schedule: ["*/10 * * * *", "30 2 * * sun"], run: exit 3}
  weekly: {timezone: Europe/Oslo, schedule: "30 2 * * sun", run: echo}
  asked:
    params:
      count: {type: integer, minimum: 2, description: How many}
      kind: {type: string, enum: [a, b], default: a}
      dry: {type: boolean, default: false}
      names: {type: array, items: {type: string}, default: [x, y]}
    run: echo {{ params.count }} {{ params.kind }} {{ params.dry }} {{ params.names | join(" ") }}
  many: {matrix: {region: [eu, us]}, run: echo}
"""
OWNER = Who(name="anna", role=Role.ADMIN)


@pytest.fixture(scope="module")
def web(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Web]:
    """A site whose jobs have run three times."""
    made = Web(tmp_path_factory.mktemp("site"), JOBS)
    made.world.step()
    made.live()
    yield made
    made.close()


@pytest.fixture
def operator(web: Web) -> Browser:
    """A browser that may act."""
    return web.sign_in(web.token)


def shown(web: Web, path: str) -> str:
    got = web.owner(path, accept="text/html")
    assert got.status == 200, got.text
    return html.unescape(got.text)


def field(text: str, name: str) -> str:
    """A field of a form, with what stands below it."""
    found = re.search(rf'<div class="field">\s*<label for="{re.escape(name)}">.*?</div>', text, re.DOTALL)
    assert found is not None
    return html.unescape(found[0])


@pytest.mark.parametrize("job", ["good", "bad", "asked", "weekly"])
def test_it_says_what_did_says(web: Web, job: str) -> None:
    line = ask_did(web.place_of(OWNER), job, Wanted({}, {}, None, None)).line
    assert line.removeprefix(job).removeprefix(":").strip() in shown(web, f"/jobs/{job}")


def test_the_squares_have_the_numbers_of_the_report(web: Web) -> None:
    report = ask_report(web.place_of(OWNER), WantedReport(jobs=("bad",)), parts=Parts(calendars=True)).report
    text = shown(web, "/jobs/bad")
    for day, verdicts in report.calendars["bad"].items():
        told = ", ".join(f"{count:,} {one.replace('_', ' ')}" for one, count in verdicts.items() if count)
        assert f"<title>{day:%a} {day}: {told}</title>" in text
    assert sum(report.calendars["bad"][report.last_day].values()) == report.total.expected  # type: ignore[index]


def test_it_has_its_description_schedule_owner_and_place(web: Web) -> None:
    text = shown(web, "/jobs/good")
    for words in ("The good one", "Says hi.\nTwice.", "every 10 minutes", "data", "nightly", ":3</a>"):
        assert words in text


def test_next_times_say_what_a_clock_change_does(web: Web) -> None:
    text = shown(web, "/jobs/weekly")
    assert "Sun 2026-03-29" in text
    assert "02:30 does not exist" in text


def test_each_run_is_a_row_and_a_point(web: Web) -> None:
    text, runs = shown(web, "/jobs/bad"), web.world.runs("bad")
    assert len(runs) <= RUNS
    for run in runs:
        assert text.count(f'href="/runs/{run.id}"') == 3  # the table, the duration and the lateness
    assert text.count('class="flag"') == 6  # each failed: a cross, not only a colour


def test_its_definition_and_its_generations(web: Web) -> None:
    text = shown(web, "/jobs/good")
    assert "in force, digest" in text
    assert "description: Says hi.\n    Twice." in text
    assert '<th scope="row"><a href="/changes/1">1</a></th>' in text
    assert re.search(r"owner: data  # \S*jobs.yaml:[0-9]\n", shown(web, "/jobs/good/definition"))


def test_an_unknown_job_is_not_found(web: Web) -> None:
    assert web.owner("/jobs/nothing", accept="text/html").status == 404
    assert web.owner("/jobs/nothing/run", accept="text/html").status == 404


def test_a_job_is_paused_and_resumed_with_who_and_why(web: Web, operator: Browser) -> None:
    form = {"why": "vendor outage", "until": "2h"}
    assert web.ask("/jobs/good/pause", "POST", browser=operator, form=form).status == 303
    assert "Paused by owner since" in shown(web, "/jobs/good")
    assert "vendor outage" in shown(web, "/jobs/good")
    assert "paused: it will not run" in shown(web, "/jobs/good")
    assert web.ask("/jobs/good/resume", "POST", browser=operator, form={"why": "over"}).status == 303
    assert "Paused by" not in shown(web, "/jobs/good")
    done = [(one.actor, one.action, one.object) for _, one in web.world.view.recent_audit(limit=2)]
    assert done == [("owner", "resume", "good"), ("owner", "pause", "good")]


def test_a_wrong_time_is_explained_beside_its_field(web: Web, operator: Browser) -> None:
    got = web.ask("/jobs/good/pause", "POST", browser=operator, form={"why": "<b>", "until": "yesterday"})
    assert got.status == 422
    assert 'id="until" name="until" value="yesterday"' in got.text
    assert 'aria-describedby="until-hint until-error" aria-invalid="true"' in got.text
    assert 'id="until-error"' in got.text
    assert 'value="&lt;b&gt;"' in got.text
    assert "Paused by" not in shown(web, "/jobs/good")


def test_the_form_is_made_from_the_params(web: Web) -> None:
    text = web.owner("/jobs/asked/run", accept="text/html").text
    assert 'aria-required="true"' in field(text, "p.count")
    assert "How many · integer from 2 (required)" in field(text, "p.count")
    assert re.findall(r'<option value="([^"]*)"( selected)?', field(text, "p.kind")) == [
        ("a", " selected"),
        ("b", ""),
    ]
    assert 'value="false" selected' in field(text, "p.dry")
    assert 'value="x,y"' in field(text, "p.names")
    assert 'value="7"' in field(web.owner("/jobs/asked/run?p.count=7", accept="text/html").text, "p.count")


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ("", "an integer is required"),
        ("x", "expected an integer, found `x`"),
        ("1", "at least 2"),
        ("<script>", "expected an integer, found `<script>`"),
    ],
)
def test_what_is_wrong_with_a_value_is_shown_beside_it(
    web: Web, operator: Browser, given: str, words: str
) -> None:
    got = web.ask("/jobs/asked/run", "POST", browser=operator, form={"p.count": given})
    assert got.status == 422
    assert words in field(got.text, "p.count")
    assert 'aria-invalid="true"' in field(got.text, "p.count")
    assert "<script>" not in got.text.replace("<script src=", "")
    assert "Run it now" not in got.text


def test_first_it_shows_what_the_run_would_be_then_it_runs(web: Web, operator: Browser) -> None:
    before = web.world.runs("asked")
    form = {"p.count": "3", "p.kind": "b", "p.names": "q,r", "why": "by request"}
    seen = web.ask("/jobs/asked/run", "POST", browser=operator, form=form)
    assert seen.status == 200
    assert "count = 3   (given)" in html.unescape(seen.text)
    assert "dry = false   (default)" in html.unescape(seen.text)
    assert web.world.runs("asked") == before
    digest = re.search(r'name="digest" value="([0-9a-f]+)"', seen.text)
    assert digest is not None
    done = web.ask(
        "/jobs/asked/run", "POST", browser=operator, form=form | {"really": "1", "digest": digest[1]}
    )
    (run,) = web.world.runs("asked")
    assert (done.status, done.headers["location"]) == (303, f"/runs/{run.id}")
    assert run.params == {"count": 3, "kind": "b", "dry": False, "names": ("q", "r")}
    assert run.requested_by == "owner"
    ((_, record), *_) = web.world.view.recent_audit(limit=1)
    assert (record.actor, record.action) == ("owner", "run")
    assert record.detail.startswith("by request")


def test_a_definition_that_has_changed_meanwhile_is_shown_first(web: Web, operator: Browser) -> None:
    before = len(web.world.runs("good"))
    form = {"really": "1", "digest": "0" * 64}
    got = web.ask("/jobs/good/run", "POST", browser=operator, form=form)
    assert got.status == 200
    assert "has changed since you looked" in got.text
    assert len(web.world.runs("good")) == before


def test_some_combinations_can_be_chosen(web: Web, operator: Browser) -> None:
    seen = web.ask("/jobs/many/run", "POST", browser=operator, form={"m.region": "eu"})
    digest = re.search(r'name="digest" value="([0-9a-f]+)"', seen.text)
    assert digest is not None
    form = {"m.region": "eu", "really": "1", "digest": digest[1]}
    assert web.ask("/jobs/many/run", "POST", browser=operator, form=form).status == 303
    assert [dict(run.matrix) for run in web.world.runs("many")] == [{"region": "eu"}]


def test_with_a_key_a_form_that_is_sent_twice_starts_one_run(web: Web, operator: Browser) -> None:
    seen = web.ask("/jobs/weekly/run", "POST", browser=operator, form={"key": "order-1042"})
    digest = re.search(r'name="digest" value="([0-9a-f]+)"', seen.text)
    assert digest is not None
    assert 'name="key" value="order-1042"' in seen.text
    form = {"key": "order-1042", "really": "1", "digest": digest[1]}
    first, second = (web.ask("/jobs/weekly/run", "POST", browser=operator, form=form) for _ in range(2))
    (run,) = web.world.runs("weekly")
    assert (run.idempotency_key, first.headers["location"]) == ("order-1042", f"/runs/{run.id}")
    assert second.headers["location"] == f"/runs/{run.id}?was=duplicate"
    got = web.ask("/jobs/weekly/run", "POST", browser=operator, form={"key": "k" * 999})
    assert (got.status, "the key cannot be used" in got.text) == (422, True)


def test_an_invalid_time_is_explained(web: Web, operator: Browser) -> None:
    got = web.ask("/jobs/good/run", "POST", browser=operator, form={"at": "someday"})
    assert got.status == 422
    assert "someday" in got.text


ACTIONS = ("pause", "resume", "run")


def test_a_viewer_looks_and_cannot_act(web: Web) -> None:
    viewer = web.sign_in(web.add_token("vera", Role.VIEWER))
    text = web.ask("/jobs/good", browser=viewer).text
    assert "Run now" not in text
    assert '<form class="stack"' not in text
    for action in ACTIONS:
        assert web.ask(f"/jobs/good/{action}", "POST", browser=viewer, form={"why": "x"}).status == 403
    assert web.ask("/jobs/good/run", browser=viewer).status == 403


def test_a_token_for_some_jobs_sees_no_other(web: Web) -> None:
    limited = web.sign_in(web.add_token("oscar", Role.OPERATOR, jobs="goo*"))
    assert web.ask("/jobs/good", browser=limited).status == 200
    assert web.ask("/jobs/good/run", browser=limited).status == 200
    for path in ("bad", "bad/run", "bad/definition"):
        assert web.ask(f"/jobs/{path}", browser=limited).status == 404
    for action in ACTIONS:
        assert web.ask(f"/jobs/bad/{action}", "POST", browser=limited, form={"why": "x"}).status == 404


def test_hostile_text_is_shown_as_text(tmp_path: Path) -> None:
    hostile = json.dumps(f"{HOSTILE[0]} {HOSTILE[1]} {HOSTILE[3]}")  # the others are refused in a file
    web = Web(
        tmp_path,
        "version: 1\njobs:\n  a:\n"
        f"    title: {hostile}\n    description: {hostile}\n    owner: {hostile}\n"
        f"    params: {{p: {{type: string, description: {hostile}, default: {hostile}}}}}\n"
        "    run: echo '{{ params.p }}'\n",
    )
    web.world.step()
    web.world.pause("a", reason=" ".join(HOSTILE))
    for path in ("/jobs/a", "/jobs/a/definition", "/jobs/a/run", f"/jobs/a/run?p.p={quote(hostile)}"):
        got = web.owner(path, accept="text/html")
        assert got.status == 200
        assert "<script>document" not in got.text
        assert "<img" not in got.text
    assert "Paused by" in web.owner("/jobs/a", accept="text/html").text
    web.close()
