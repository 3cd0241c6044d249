"""The pages over time: their numbers are those of `report` and `did`, and nobody sees a job they may not."""

import json
import re
from datetime import UTC, datetime, timedelta
from html import escape, unescape
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import urlencode

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.answers.did import did_to_json
from engine.answers.report import VERDICTS
from engine.answers.report_json import report_to_json
from engine.asking.did import Wanted, ask_did
from engine.asking.place import Place
from engine.asking.report import Wanted as Reported
from engine.asking.report import ask_report
from engine.core.access import Role
from engine.core.errors import JobfileError
from engine.host.lock import EngineLock
from engine.web.axes import Axis
from engine.web.days import DEFAULT
from jobfile.schedule.zones import load_zone
from tests.engine.test_band import ACTIONS, live
from tests.engine.test_band import JOBS as RANDOM_JOBS
from tests.web.site import Web


def text_of(web: Web, path: str, token: str = "") -> str:
    """A page as people get it."""
    got = web.ask(path, token=token or web.token, accept="text/html")
    assert got.status == 200, got.text
    return got.text


def place_of(web: Web) -> Place:
    """The place of a command, at the time of the site."""
    return web.place.of_visit(web.world.clock.now, None)


def numbers_in(html: str) -> dict[str, str]:
    """The sums of a page, by name."""
    pairs = re.findall(r"<dt>(.*?)</dt><dd>(.*?)</dd>", html)
    return {
        re.sub(r"<span.*?</span>|<.*?>", "", name).strip(): re.sub("<.*?>", "", value)
        for name, value in pairs
    }


@settings(max_examples=5, deadline=None)
@given(
    actions=st.lists(st.tuples(st.sampled_from(ACTIONS), st.integers(1, 9)), min_size=2, max_size=12),
    zone=st.sampled_from(["UTC", "Asia/Kolkata", "Pacific/Kiritimati", "America/New_York"]),
    back=st.integers(0, 1),
)
def test_today_the_board_and_badges_say_what_report_and_did_say(
    actions: list[tuple[str, int]], zone: str, back: int
) -> None:
    with TemporaryDirectory() as name:
        web = Web(Path(name), RANDOM_JOBS)
        live(web.world, actions)
        local = web.world.clock.now().astimezone(load_zone(zone))
        day = local.date() - timedelta(days=back)
        html = text_of(web, f"/?day={day}&zone={zone}")
        since, until = re.findall(r"report --since (\S+) --until ([^<]+)", html)[0]
        told = report_to_json(ask_report(place_of(web), Reported(since=since, until=until)).report)
        for page in (html, text_of(web, f"/board?day={day}&zone={zone}")):
            shown = numbers_in(page)
            assert shown["expected"] == f"{told['expected']:,}"
            for verdict in VERDICTS:
                label = {"fixed_by_hand": "fixed by hand", "timed_out": "timed out"}.get(verdict, verdict)
                assert shown.get(label, "0") == f"{told[verdict]:,}", verdict
            assert ("adds up" in shown["sum"]) is told["adds_up"]
        over_http = web.owner(f"/api/v1/report?{urlencode({'since': since, 'until': until})}").json
        assert over_http == json.loads(json.dumps(told))
        for job in ("often", "rare", "each", "asked"):
            found = ask_did(place_of(web), job, Wanted({}, {}, None, None))
            badge = web.owner(f"/badge/{job}.svg").text
            states = [one["state"] for one in did_to_json(found)["items"]]  # type: ignore[attr-defined]
            word = states[-1].replace("_", " ") if states else "not "
            assert f'aria-label="{job}: {word}' in badge
            asked = unescape(text_of(web, f"/ask?q={job}"))
            assert found.line.removeprefix(f"{job}: ") in asked
            assert f"exit code {int(found.answer)}:" in asked
            got = web.owner(f"/api/v1/jobs/{job}/did")
            assert got.json == json.loads(json.dumps(did_to_json(found)))
            assert got.headers["jobfile-exit-code"] == str(int(found.answer))
        web.close()


@settings(max_examples=5, deadline=None)
@given(actions=st.lists(st.tuples(st.sampled_from(ACTIONS), st.integers(1, 9)), min_size=2, max_size=12))
def test_what_is_said_of_now_and_of_the_last_24_hours_agrees(actions: list[tuple[str, int]]) -> None:
    with TemporaryDirectory() as name:
        web = Web(Path(name), RANDOM_JOBS)
        live(web.world, actions)
        for path in ("/", "/board"):
            html = text_of(web, path)
            is_calm = "nothing needs attention now" in html
            assert not (is_calm and re.search("[Nn]othing starts|[Dd]oes not add up", html))
            if is_calm and "not all well" in text_of(web, "/"):
                assert re.search("not well today or in the last 24 hours and needs? nothing now: [a-z]", html)
        (words,) = re.findall(r'id="corner".*</span> (.*)</a>', text_of(web, "/"))
        assert words.startswith("last 24 h: ") or words.endswith(" now")
        web.close()


def test_a_job_that_failed_and_is_well_again_is_named(tmp_path: Path) -> None:
    web = Web(tmp_path, 'version: 1\njobs: {one: {schedule: "*/10 * * * *", run: x}}\n')
    lock = EngineLock.take(web.place.state_dir)
    for code in (3, 0):
        web.world.pass_time(seconds=600)
        web.world.step()
        for attempt in web.world.launcher.running():
            web.world.launcher.finish(attempt, exit_code=code)
        web.world.step()
        named = "1 job was not well today or in the last 24 hours and needs nothing now: one"
        for path in ("/", "/board"):
            html = text_of(web, path)
            assert [named in html, "nothing needs attention now" in html] == [code == 0] * 2
    assert "last 24 h: adds up, not all well" in text_of(web, "/")
    assert "all was well" in text_of(web, "/board?day=yesterday")
    lock.release()
    web.site.memory.forget()
    assert "No job besides that." in text_of(web, "/")
    web.close()


@pytest.mark.parametrize(
    ("day", "since", "until"),
    [
        ("2026-10-25", "2026-10-24T22:00Z", "2026-10-25T23:00Z"),
        ("2026-03-29", "2026-03-28T23:00Z", "2026-03-29T22:00Z"),
        ("2026-11-28", "2026-11-27T23:00Z", "2026-11-28T23:00Z"),
    ],
)
def test_a_day_is_that_of_its_zone_with_23_or_25_hours_where_clocks_change(
    web: Web, day: str, since: str, until: str
) -> None:
    html = text_of(web, f"/?day={day}&zone=Europe/Oslo")
    assert f"report --since {since} --until {until}" in html


def test_the_axis_names_local_hours_also_on_the_days_when_clocks_change() -> None:
    oslo = load_zone("Europe/Oslo")
    assert oslo is not None
    since = datetime(2026, 10, 24, 22, tzinfo=UTC)
    ticks = Axis(since, since + timedelta(hours=25), oslo).ticks()
    assert [one.text for one in ticks] == [f"{hour:02}:00" for hour in range(0, 24, 3)]
    assert ticks[1].x == "16.000%", "03:00 is four hours after midnight"
    week = Axis(since, since + timedelta(days=7), oslo).ticks()
    assert [one.text for one in week][:2] == ["Sun 25 Oct", "Mon 26 Oct"]
    hour = Axis(since, since + timedelta(hours=1), DEFAULT).ticks()
    assert [one.text for one in hour] == ["22:00", "22:10", "22:20", "22:30", "22:40", "22:50"]


def test_a_wrong_value_in_the_address_is_reported_and_the_page_is_shown(web: Web) -> None:
    assert "there is no time zone" in text_of(web, "/?zone=Mars/Olympus")
    assert "is not a day" in text_of(web, "/?day=someday")
    assert "is not a day" in text_of(web, "/?day=9999-12-31")
    assert "is not a time" in text_of(web, "/timeline?from=nonsense")
    assert "between 10 minutes and a month" in text_of(web, "/timeline?from=2026-01-01&to=2026-11-01")
    assert "between 10 minutes and a month" in text_of(web, "/timeline?from=13:00&to=12:00")
    for odd in ("0", "-1", "x", "999999999999999999999", "²"):
        text_of(web, f"/timeline?page={odd.encode().hex() if not odd.isascii() else odd}")


def test_what_needs_attention_is_shown_in_the_words_of_did_with_a_link(web: Web) -> None:
    line = ask_did(place_of(web), "bad", Wanted({}, {}, None, None)).line.removeprefix("bad: ")
    run = web.world.runs("bad")[-1]
    for path in ("/", "/?day=2026-03-05"):
        html = unescape(text_of(web, path))
        assert 'href="/jobs/bad"' in html
        assert f'href="/runs/{run.id}"' in html
        assert "need a person" not in html
    assert line in unescape(text_of(web, "/"))
    assert 'href="/jobs/good">good' not in text_of(web, "/")
    assert "1 needs attention" in text_of(web, "/board") or "nothing starts" in text_of(web, "/board")


def test_a_rejected_file_and_hostile_words_in_it_are_shown_as_text(tmp_path: Path) -> None:
    web = Web(tmp_path)
    web.live(instants=1)
    hostile = "<script>alert(1)</script>"
    web.world.edit(f'version: 1\njobs:\n  good: {{"{hostile}": 1, run: "x"}}\n')
    html = text_of(web, "/")
    assert "REJECTED since" in html
    assert hostile not in html
    web.close()


@pytest.mark.parametrize(
    "hostile", ["<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "{{ 7*7 }}", "\u202eevil"]
)
def test_what_the_address_holds_is_shown_as_text(web: Web, hostile: str) -> None:
    for path, name in (
        ("/ask", "q"),
        ("/", "day"),
        ("/", "zone"),
        *(("/timeline", one) for one in ("from", "job", "tag", "zone")),
    ):
        html = text_of(web, f"{path}?{urlencode({name: hostile})}")
        assert hostile not in html.replace(escape(hostile), "") or hostile == "{{ 7*7 }}"
        assert "onerror=alert" not in re.sub(r"&[a-z#0-9]+;.*?&[a-z#0-9]+;", "", html) or "&lt;img" in html
        assert "49" not in re.findall(r"<title>(.*?)</title>", html)[0]


def test_no_page_has_a_style_a_script_or_a_handler_in_it(web: Web) -> None:
    for path in ("/", "/board", "/timeline", "/ask?q=bad", "/?day=yesterday"):
        html = text_of(web, path)
        assert " style=" not in html
        assert "<script>" not in html
        assert "//" not in html.replace("<!doctype", "")


def test_a_mistake_is_worded_as_the_command_words_it(web: Web) -> None:
    for question in ("god", "good 25:99", "good count=1 count=2", "good never", "ffff", "good -x"):
        with pytest.raises(JobfileError) as error:
            ask_did(place_of(web), question, Wanted({}, {}, None, None))
        assert str(error.value) in unescape(text_of(web, f"/ask?q={question.replace(' ', '+')}"))
    assert "did you mean good?" in text_of(web, "/ask?q=goo")
    assert "Examples" in text_of(web, "/ask")


def test_who_may_see_some_jobs_learns_nothing_of_others(web: Web) -> None:
    token = web.add_token("some", Role.VIEWER, jobs="good")
    run = web.world.runs("bad")[-1]
    for path in ("/", "/board", "/timeline", "/?day=2026-03-05"):
        html = text_of(web, path, token)
        assert not re.search(r"jobs/bad|>bad<|bad,|\bother\b", html), path
        assert run.id not in html
    shown = numbers_in(text_of(web, "/", token))
    good = report_to_json(
        ask_report(place_of(web), Reported(jobs=["good"], since="2026-03-05", until="2026-03-06")).report
    )
    assert shown["expected"] == str(good["expected"])
    assert shown["failed"] == "0"
    for there, nowhere in (("bad", "nope"), (run.id, "f" * 32), ("badx", "xxxx")):
        asked, missed = (
            re.sub(f'(value="|<title>|`){one}', "", text_of(web, f"/ask?q={one}", token))
            for one in (there, nowhere)
        )
        assert asked == missed
        assert not re.search(r"mean.*\bbad\b|known.*\bbad\b", asked)
    assert "yes, it ran" in text_of(web, "/ask?q=good", token)
    for name in ("bad.svg", "nope.svg", "bad", f"{run.id}.svg"):
        got = web.ask(f"/badge/{name}", token=token)
        assert (got.status, got.text) == (404, web.ask("/badge/nope2.svg", token=token).text)
    assert web.ask("/badge/good.svg").status == web.ask("/badge/nope.svg").status == 401


def test_a_badge_is_sent_once_as_long_as_it_stays_the_same(web: Web) -> None:
    got = web.owner("/badge/good.svg")
    assert got.headers["content-type"] == "image/svg+xml"
    again = web.owner("/badge/good.svg", if_none_match=got.headers["etag"])
    assert (again.status, again.text) == (304, "")
    assert web.owner("/badge/bad.svg", if_none_match=got.headers["etag"]).status == 200
    assert web.owner("/badge/good.png").status == 404
    assert web.owner("/badge/other.svg").text.count("other: not expected") == 2


def test_the_timeline_shows_each_run_once_with_its_state_and_leads_to_it(web: Web) -> None:
    html = text_of(web, "/timeline")
    for job in ("good", "bad"):
        for run in web.world.runs(job):
            assert html.count(f'href="/runs/{run.id}"') == 1
    assert "3 succeeded" in html
    assert "3 failed" in html
    assert 'href="/jobs/bad"' not in text_of(web, "/timeline?job=goo")
    assert 'href="/jobs/good"' not in text_of(web, "/timeline?tag=mail&job=bad")
    assert 'href="/jobs/good"' in text_of(web, "/timeline?tag=mail")
    assert "Nothing ran" in text_of(web, "/timeline?from=2026-02-01&to=2026-02-02")


def test_without_a_ledger_every_page_says_so(tmp_path: Path) -> None:
    web = Web(tmp_path)
    web.world.crash()
    web.lose_ledger()
    for path in ("/", "/board", "/timeline"):
        assert "recorded yet" in text_of(web, path).replace("Nothing is", "")
    assert "never applied" in text_of(web, "/ask?q=good")
    web.close()
