"""The page of a run: its story is that of the commands, its log comes in windows, files stay files."""

import html
import re
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.asking.did import Wanted, ask_did
from engine.asking.why import ask_why
from engine.core.access import Role
from engine.core.lifecycle import Artifact, AttemptKey, Run, RunState
from engine.supervisor.evidence import ARTIFACTS, beside
from engine.web.access import Who
from engine.web.pages.run_log import LINES, MAX_FOUND
from tests.web.site import Browser, Web
from tests.web.test_jobs_page import HOSTILE

JOBS = """\
version: 1
jobs:
  bad: {timezone: Europe/Oslo, schedule: "*/10 * * * *", run: exit 3}
  asked:
    params: {text: {type: string, default: x}}
    run: echo {{ params.text }}
  followed: {run: echo}
  stopped: {run: echo}
  graph:
    steps:
      first: {run: exit 0}
      left: {needs: [first], run: exit 0}
      right: {needs: [first], run: exit 0}
"""
OWNER = Who(name="anna", role=Role.ADMIN)
_EVIL = "[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]"


@pytest.fixture(scope="module")
def web(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Web]:
    """A site whose job `bad` has failed three times."""
    made = Web(tmp_path_factory.mktemp("site"), JOBS)
    made.world.step()
    made.live()
    yield made
    made.close()


@pytest.fixture
def operator(web: Web) -> Browser:
    """A browser that may act."""
    return web.sign_in(web.token)


@pytest.fixture(scope="module")
def failed(web: Web) -> Run:
    """A run that is over."""
    return web.world.runs("bad")[0]


def write(web: Web, key: AttemptKey, output: bytes) -> None:
    """Store this as the output of an attempt."""
    folder = web.place.config.attempt_dir(key)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "output").write_bytes(output)


def finish(web: Web, run: Run) -> None:
    """Let the process of a run end."""
    web.world.launcher.finish(AttemptKey(run.id, 1).id)
    web.world.step()


def shown(web: Web, path: str) -> str:
    got = web.owner(path, accept="text/html")
    assert got.status == 200, got.text
    return got.text


def numbers(text: str) -> list[int]:
    """The numbers of the lines that the log shows."""
    return [int(one) for one in re.findall(r'<span class="line" id="L([0-9]+)">', text)]


def test_its_verdict_is_that_of_did_and_its_reasons_are_those_of_why(web: Web, failed: Run) -> None:
    verdict = ask_did(
        web.place_of(OWNER), failed.id, Wanted(params={}, matrix={}, day=None, instant=None)
    ).line
    story = ask_why(web.place_of(OWNER), failed.id, "")
    text = html.unescape(shown(web, f"/runs/{failed.id}"))
    assert verdict.startswith("bad: no, it ran and did not succeed: failed, exit code 3 (")
    assert f"</span> {verdict.removeprefix('bad: ')}</p>" in text
    for label, fact in story.facts:
        if label in ("schedule", "definition", "recorded"):
            assert fact in text


def test_each_attempt_is_a_row_that_leads_to_its_log(web: Web, failed: Run) -> None:
    text = shown(web, f"/runs/{failed.id}")
    assert f'href="/runs/{failed.id}?attempt=1#log"' in text
    assert "exit code 3" in text


def test_the_beginning_of_an_id_suffices(web: Web, failed: Run) -> None:
    assert failed.id[:8] in shown(web, f"/runs/{failed.id}")
    assert web.owner("/runs/ffffffff", accept="text/html").status == 404


def test_steps_are_a_graph_whose_states_are_words(web: Web) -> None:
    run = web.world.run_by_hand("graph")
    web.world.step()
    text = html.unescape(shown(web, f"/runs/{run.id}"))
    assert "first · running" in text
    assert "<style>" not in text  # the stylesheet of the page has the look
    assert text.count('<path d="M') == 4  # two arrows of two strokes
    for attempt in web.world.launcher.running():
        web.world.launcher.finish(attempt)
    web.world.step()
    text = html.unescape(shown(web, f"/runs/{run.id}"))
    assert "first · succeeded" in text
    assert "left · running" in text
    for attempt in web.world.launcher.running():
        web.world.launcher.finish(attempt)
    web.world.step()


@given(st.integers(1, 3 * LINES), st.integers(1, 3 * LINES))
def test_a_window_begins_at_the_line_of_the_address(web: Web, failed: Run, first: int, count: int) -> None:
    write(web, failed.last_attempt, b"".join(b"line %d\n" % number for number in range(1, count + 1)))
    text = shown(web, f"/runs/{failed.id}?attempt=1&from={first}")
    assert numbers(text) == list(range(first, min(first + LINES - 1, count) + 1))
    for number in numbers(text)[:1]:
        assert f">line {number}</span>" in text


def test_without_a_line_it_shows_the_end(web: Web, failed: Run) -> None:
    write(web, failed.last_attempt, b"".join(b"line %d\n" % number for number in range(1, 2_001)))
    text = shown(web, f"/runs/{failed.id}")
    assert numbers(text) == list(range(2_001 - LINES, 2_001))
    assert "lines 1,501 to 2,000 of 2,000" in text
    assert f'rel="prev" href="/runs/{failed.id}?attempt=1&amp;from=1001#log"' in text
    assert f'href="/runs/{failed.id}?attempt=1&amp;from=1501#L1777">1777</a>' in text


def test_lines_are_found_and_lead_to_their_place(web: Web, failed: Run) -> None:
    write(
        web,
        failed.last_attempt,
        b"".join(b"line %d\n" % number for number in range(1, 2_001)) + b"\x1b[31mBoom\n",
    )
    text = shown(web, f"/runs/{failed.id}?attempt=1&find=boom")
    (found,) = re.findall(r'<a class="number" href="([^"]+)">2001</a><span class="text">Boom</span>', text)
    address, _, anchor = html.unescape(found).partition("#")
    assert anchor == "L2001"
    assert 2001 in numbers(shown(web, address))
    assert "No line has" in shown(web, f"/runs/{failed.id}?attempt=1&find=nothing")
    many = shown(web, f"/runs/{failed.id}?attempt=1&find=line")
    assert many.count('<a class="number"') == MAX_FOUND
    assert "these are the first" in many


def test_colours_are_classes_and_hostile_output_is_text(web: Web, failed: Run) -> None:
    write(
        web, failed.last_attempt, b"\x1b[31mred\x1b[0m\n" + "\n".join(HOSTILE).encode() + b"\n\xff\xfe\x00\n"
    )
    text = shown(web, f"/runs/{failed.id}")
    assert '<span class="ansi-red">red</span>' in text
    for found in (text, shown(web, f"/runs/{failed.id}?attempt=1&find=script")):
        assert "<script>document" not in found
        assert "<img" not in found
        assert not re.search(_EVIL, found)
    assert "{{ 7 * 7 }}" in html.unescape(text)


@given(st.text(alphabet=st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=20))
def test_whatever_is_searched_for_comes_back_as_text(web: Web, failed: Run, text: str) -> None:
    found = shown(web, f"/runs/{failed.id}?attempt=1&find={quote(text)}")
    value = re.search(r'name="find" value="([^"]*)"', found)
    assert value is not None
    assert "<" not in value[1]


def test_a_log_is_followed_while_something_may_be_added(web: Web) -> None:
    run = web.world.run_by_hand("followed")
    web.world.step()
    run = web.world.view.run(run.id) or run
    write(web, run.last_attempt, b"one\n")
    found = re.search(r'hx-get="([^"]+)" hx-trigger="every 2s"', shown(web, f"/runs/{run.id}"))
    assert found is not None
    poll = html.unescape(found[1])
    assert web.owner(poll).status == 204  # nothing was added
    write(web, run.last_attempt, b"one\ntwo\n")
    added = web.owner(poll)
    assert added.status == 200
    assert numbers(added.text) == [1, 2]
    assert added.text.lstrip().startswith('<section id="log"')
    finish(web, run)
    after = web.owner(poll)
    assert "hx-get" not in after.text  # it is over: nothing is added any more


def test_an_output_is_downloaded_as_a_file(web: Web, failed: Run) -> None:
    write(web, failed.last_attempt, b"<script>alert(1)</script>\n" * 3)
    got = web.owner(f"/runs/{failed.id}/output?attempt=1")
    assert got.text == "<script>alert(1)</script>\n" * 3
    assert got.headers["content-disposition"].startswith(f'attachment; filename="bad-{failed.id[:8]}-1.log"')
    assert got.headers["content-security-policy"] == "default-src 'none'; sandbox"
    assert got.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize("query", ["attempt=2", "attempt=x", "step=a&attempt=1", "attempt=1&item=7"])
def test_an_attempt_that_does_not_exist_is_not_found(web: Web, failed: Run, query: str) -> None:
    for path in ("", "/log", "/output"):
        assert web.owner(f"/runs/{failed.id}{path}?{query}", accept="text/html").status == 404


def test_a_run_is_cancelled_once_that_is_confirmed(web: Web, operator: Browser) -> None:
    run = web.world.run_by_hand("stopped")
    web.world.step()
    asked = web.ask(f"/runs/{run.id}/cancel", "POST", browser=operator, form={"sure": ""})
    assert "Cancel it" in asked.text
    assert web.world.view.run(run.id).state is RunState.RUNNING  # type: ignore[union-attr]
    form = {"sure": "1", "why": "wrong account"}
    assert web.ask(f"/runs/{run.id}/cancel", "POST", browser=operator, form=form).status == 303
    assert web.world.view.run(run.id).state is RunState.CANCELLING  # type: ignore[union-attr]
    ((_, record), *_) = web.world.view.recent_audit(limit=1)
    assert (record.actor, record.action, record.detail) == ("owner", "cancel", "wrong account")
    finish(web, run)
    assert "it is over" in shown(web, f"/runs/{run.id}/cancel")


def test_a_run_is_retried_once_that_is_confirmed(web: Web, operator: Browser) -> None:
    failed = web.world.runs("bad")[1]
    before = len(web.world.runs("bad"))
    assert "Retry it" in web.ask(f"/runs/{failed.id}/retry", browser=operator).text
    assert "Retry it" in web.ask(f"/runs/{failed.id}/retry", "POST", browser=operator, form={"x": ""}).text
    assert len(web.world.runs("bad")) == before
    got = web.ask(f"/runs/{failed.id}/retry", "POST", browser=operator, form={"sure": "1"})
    assert got.status == 303
    new = web.world.view.run(got.headers["location"].removeprefix("/runs/"))
    assert new is not None
    assert (new.retry_of, new.requested_by) == (failed.id, "owner")
    assert f'href="/runs/{new.id}"' in shown(web, f"/runs/{failed.id}")
    assert "it is not over" in shown(web, f"/runs/{new.id}/retry")
    refused = web.ask(f"/runs/{new.id}/retry", "POST", browser=operator, form={"sure": "1"})
    assert refused.status == 409
    assert "is not over" in refused.text


def test_a_viewer_looks_and_cannot_act(web: Web, failed: Run) -> None:
    viewer = web.sign_in(web.add_token("vera", Role.VIEWER))
    assert "Retry…" not in web.ask(f"/runs/{failed.id}", browser=viewer).text
    for action in ("cancel", "retry"):
        assert web.ask(f"/runs/{failed.id}/{action}", browser=viewer).status == 403
        form = {"sure": "1"}
        assert web.ask(f"/runs/{failed.id}/{action}", "POST", browser=viewer, form=form).status == 403


def test_a_token_for_some_jobs_sees_no_run_of_another(web: Web, failed: Run) -> None:
    limited = web.sign_in(web.add_token("oscar", Role.OPERATOR, jobs="ask*"))
    for path in ("", "/log", "/output", "/artifacts/1", "/cancel", "/retry"):
        assert web.ask(f"/runs/{failed.id}{path}", browser=limited).status == 404
    for action in ("cancel", "retry"):
        form = {"sure": "1"}
        assert web.ask(f"/runs/{failed.id}/{action}", "POST", browser=limited, form=form).status == 404
    own = web.world.run_by_hand("asked", text="y")
    assert web.ask(f"/runs/{own.id}", browser=limited).status == 200


def test_hostile_params_are_shown_as_text(web: Web) -> None:
    run = web.world.run_by_hand("asked", text=" ".join(HOSTILE))
    text = shown(web, f"/runs/{run.id}")
    assert "<script>document" not in text
    assert "<img" not in text
    assert not re.search(_EVIL, text)


@pytest.fixture(scope="module")
def kept(web: Web, failed: Run) -> Path:
    """The shelf of the run's first attempt: it has a copy whose name is hostile, and one that was changed."""
    content, name = b"<script>alert(1)</script>", 'a/r\u00e9sum\u00e9 "x";\r\nSet-Cookie: y.html'
    shelf = Path(beside(str(web.place.config.attempt_dir(failed.last_attempt)), ARTIFACTS))
    shelf.mkdir(parents=True)
    files = [
        Artifact(name=name, size=len(content), sha256=sha256(content).hexdigest(), copy=1),
        Artifact(name="changed.bin", size=3_000_000, sha256=sha256(b"other").hexdigest(), copy=2),
        Artifact(name="left.txt", note="larger than the limit"),
        Artifact(name="gone.txt", size=1, sha256=sha256(b"x").hexdigest(), copy=4),
    ]
    (shelf / "1").write_bytes(content)
    (shelf / "2").write_bytes(b"z" * 3_000_000)
    with web.world.store.transaction():
        web.world.store.artifacts.add(failed.last_attempt, files)
    return shelf


@pytest.mark.usefixtures("kept")
def test_files_are_listed_and_downloaded_as_files_only(web: Web, failed: Run) -> None:
    text = html.unescape(shown(web, f"/runs/{failed.id}"))
    assert "larger than the limit" in text
    got = web.owner(f"/runs/{failed.id}/artifacts/1")
    assert got.text == "<script>alert(1)</script>"
    assert got.headers["content-type"] == "application/octet-stream"
    assert got.headers["content-disposition"] == (
        'attachment; filename="r_sum_x_Set-Cookie_y.html"; '
        "filename*=UTF-8''r%C3%A9sum%C3%A9%20%22x%22%3B%0D%0ASet-Cookie%3A%20y.html"
    )
    assert got.headers["content-security-policy"] == "default-src 'none'; sandbox"
    assert "set-cookie" not in got.headers


@pytest.mark.usefixtures("kept")
def test_a_file_that_was_changed_never_arrives_whole(web: Web, failed: Run) -> None:
    got = web.owner(f"/runs/{failed.id}/artifacts/2")
    assert len(got.text) < int(got.headers["content-length"])


@pytest.mark.usefixtures("kept")
@pytest.mark.parametrize(("number", "status"), [(3, 404), (4, 410), (5, 404)])
def test_a_file_without_a_copy_is_not_there(web: Web, failed: Run, number: int, status: int) -> None:
    assert web.owner(f"/runs/{failed.id}/artifacts/{number}", accept="text/html").status == status
