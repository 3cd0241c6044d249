"""A digest is sent at each of its times: once, late if no engine was there, and never for nothing."""

import json
from datetime import datetime, timedelta
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.answers.digest import MAX_JOBS
from engine.notifications.digests import (
    DIGESTS_FACT,
    due_digests,
    next_digest,
    told_from_text,
    told_to_text,
)
from engine.notifications.message import Message
from engine.notifications.system_channels import channels_from_text, channels_to_text, known_channels
from jobfile.model.jobs import CronEntry, DigestSpec
from jobfile.schedule.occurrences import fires
from tests.builders import DAY, HOUR, MINUTE, NOON
from tests.engine.world import World

DAILY = DigestSpec(schedule=(CronEntry(cron="0 7 * * *", timezone="Europe/Oslo"),))
WEEKLY = DigestSpec(schedule=(CronEntry(cron="0 7 * * mon", timezone="Europe/Oslo"),))
FILE = """
version: 1
channels:
  mail: {command: [mail-it], digest: {schedule: {cron: "0 7 * * *", timezone: Europe/Oslo}}}
jobs:
  hello: {schedule: {every: 6h}, tags: [nightly], owner: anna, run: echo hello}
  other: {schedule: {cron: "0 3 * * *"}, run: echo hello}
"""


@pytest.fixture
def world(tmp_path: Path) -> World:
    world = World(tmp_path, FILE, at=NOON)
    digest(world)
    return world


def digest(world: World) -> None:
    """Let the loop look at its digests, and the sender send what it noted."""
    assert world.loops.digester is not None
    world.loops.digester.tick()
    world.send(seconds=20)


def pass_hours(world: World, hours: int, *, code: int = 0) -> None:
    """Let hours pass with every loop at work; each run ends with a code."""
    for _ in range(hours):
        world.pass_time(seconds=3600 - 20)
        world.finish(exit_code=code)
        digest(world)


def messages(world: World) -> list[Message]:
    return [message for _, message in world.receiver.got]


# The decisions


@settings(max_examples=50, deadline=None)
@given(
    st.sampled_from([DAILY, WEEKLY]),
    st.lists(st.integers(1, 20 * 24 * 60).map(lambda minutes: minutes * MINUTE), min_size=1, max_size=12),
)
def test_however_often_it_looks_each_time_is_in_exactly_one_digest(
    spec: DigestSpec, steps: list[timedelta]
) -> None:
    now, told, made = NOON, {"mail": NOON}, []
    for step in steps:
        now += step
        due, told = due_digests({"mail": spec}, told, now)
        made += due
        assert due_digests({"mail": spec}, told, now) == ([], told)
    times = [fire.at for fire in fires(spec.schedule, after=NOON, until=now)]
    if not times:
        assert made == []
        return
    assert made[-1].until == times[-1], "the newest time is told"
    assert set(times) >= {one.until for one in made}
    for before, after in pairwise(made):
        assert after.since == before.until, "no time between two digests is left out, and none is told twice"
    assert made[0].until - made[0].since >= 23 * HOUR, "also the first one is about a whole day"


def test_a_new_digest_begins_now_and_a_time_of_a_wrong_clock_is_not_waited_for() -> None:
    assert due_digests({"mail": DAILY}, {}, NOON) == ([], {"mail": NOON})
    assert due_digests({"mail": DAILY}, {"mail": NOON + 400 * DAY}, NOON) == ([], {"mail": NOON})
    assert due_digests({}, {"gone": NOON}, NOON) == ([], {})
    assert next_digest({"mail": DAILY, "boss": WEEKLY}, NOON) == NOON + 18 * HOUR
    assert next_digest({}, NOON) is None


def test_its_times_are_kept_as_a_text_that_may_be_damaged() -> None:
    assert told_from_text(told_to_text({"mail": NOON})) == {"mail": NOON}
    assert [told_from_text(text) for text in ("", "x", "[]", '{"mail": 3}', '{"mail": "x"}')] == [{}] * 5


# The loop on a real ledger


def test_a_report_is_sent_at_its_time_about_the_day_before(world: World) -> None:
    pass_hours(world, 17)
    assert messages(world) == []
    pass_hours(world, 1)
    (message,) = messages(world)
    assert message.title == "report: all is well, 3 expected runs"
    assert message.text.splitlines()[0] == "2026-03-05 07:00:00 CET to 2026-03-06 07:00:00 CET"
    assert [line.split() for line in message.text.splitlines()[2:]] == [
        ["job", "expected", "succeeded"],
        ["hello", "2", "2"],
        ["other", "1", "1"],
        ["total", "3", "3"],
    ]
    pass_hours(world, 23)
    assert len(messages(world)) == 1
    pass_hours(world, 1)
    assert len({message.id for message in messages(world)}) == 2


def test_what_needs_attention_is_in_the_title_and_comes_first(world: World) -> None:
    pass_hours(world, 18, code=1)
    (message,) = messages(world)
    assert message.title == "report: 3 of 3 expected runs need attention"
    assert "failed" in message.text
    assert message.fields["kind"] == "digest"


def test_an_engine_that_was_away_sends_it_late_and_once_about_all_the_time(world: World) -> None:
    pass_hours(world, 18)
    world.crash()
    world.clock.advance(seconds=3 * 86_400)
    world.boot()
    digest(world)
    digest(world)
    assert len(messages(world)) == 2
    late = messages(world)[1].text.splitlines()[0]
    assert late.startswith("2026-03-06 07:00:00 CET to 2026-03-09 07:00:00 CET")


def test_an_engine_that_dies_before_it_records_the_sending_sends_the_same_one_again(world: World) -> None:
    pass_hours(world, 17)
    world.clock.advance(seconds=3600)
    assert world.loops.digester is not None
    world.loops.digester.tick()
    world.clock.advance(seconds=10)
    world.loops.sender.tick()
    (first,) = messages(world)
    for _ in range(2):
        world.crash()
        world.boot()
        digest(world)
    again = messages(world)[1:]
    assert again
    assert {(one.id, one.ids, one.title, one.text, one.html) for one in (first, *again)} == {
        (first.id, first.ids, first.title, first.text, first.html)
    }
    assert world.store.outbox.channels() == ()


def test_a_dead_channel_gets_each_digest_as_a_message_of_its_own(world: World) -> None:
    world.edit(FILE.replace("0 7 * * *", "0 7,9 * * *"))
    world.receiver.error = "no route"
    pass_hours(world, 21)
    world.receiver.error = ""
    pass_hours(world, 3)
    assert len(messages(world)) == 2
    assert all(len(message.ids) == 1 for message in messages(world))


def test_it_is_about_the_jobs_with_its_tags_or_of_its_owner(tmp_path: Path) -> None:
    for number, choice in enumerate(("tags: [nightly]", "owner: anna")):
        folder = tmp_path / str(number)
        folder.mkdir()
        world = World(folder, FILE.replace("Oslo}}}", f"Oslo}}, {choice}}}}}"), at=NOON)
        digest(world)
        pass_hours(world, 18)
        (message,) = messages(world)
        assert "hello" in message.text
        assert "other" not in message.text + message.html


def test_a_changed_digest_keeps_its_place_and_a_removed_one_is_forgotten(world: World) -> None:
    pass_hours(world, 18)
    world.edit(FILE.replace("0 7 * * *", "0 9 * * *"))
    pass_hours(world, 2)
    assert len(messages(world)) == 2
    assert messages(world)[1].text.splitlines()[0].startswith("2026-03-05 09:00:00 CET to 2026-03-06 09:00")
    world.edit("version: 1\njobs: {hello: {run: echo}}")
    pass_hours(world, 1)
    assert world.store.past.fact(DIGESTS_FACT, default="") == "{}"


def test_nothing_is_noted_while_the_clock_is_not_believed(world: World) -> None:
    world.guard.look()
    world.clock.jump(seconds=400 * 86_400)
    assert world.guard.look().is_held
    assert world.loops.digester is not None
    world.loops.digester.tick()
    assert world.store.outbox.channels() == ()


def test_a_long_report_lists_what_needs_attention_first_and_the_others_as_one_row(tmp_path: Path) -> None:
    jobs = "".join(f"  job-{n:03}: {{run: echo}}\n" for n in range(MAX_JOBS + 20))
    world = World(tmp_path, f"{FILE.partition('jobs:')[0]}jobs:\n{jobs}", at=NOON)
    digest(world)
    pass_hours(world, 18)
    (message,) = messages(world)
    assert "20 more jobs" in message.text
    assert message.text.count("job-") == MAX_JOBS
    facts = json.loads(world.store._db._db.execute("select body from outbox").fetchone()["body"])
    assert len(facts["table"]["rows"]) == MAX_JOBS + 2


# The page


class Page(HTMLParser):
    """What of a page could be active or be fetched, and whether each element is closed."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: set[str] = set()
        self.names: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.names |= {name for name, _ in attrs}
        if tag != "meta":
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_the_page_is_closed_html_without_scripts_and_fetches_nothing(world: World) -> None:
    pass_hours(world, 18, code=1)
    (message,) = messages(world)
    page = Page()
    page.feed(message.html)
    page.close()
    assert page.open == []
    assert page.tags <= {"html", "head", "meta", "title", "body", "p", "table", "tr", "th", "td", "pre"}
    assert page.names <= {"lang", "charset", "style", "role", "cellpadding", "cellspacing"}
    assert "url(" not in message.html
    assert "http" not in message.html
    for word in ("hello", "other", "total", "2026-03-06 07:00 CET", message.ids[0]):
        assert word in message.html


def test_a_digest_is_kept_with_its_channel_as_a_text(world: World) -> None:
    from jobfile.pipeline import compile_files  # noqa: PLC0415  only here

    files = compile_files(world.tree.snapshot().files).files
    assert files is not None
    known = known_channels(files)
    assert channels_from_text(channels_to_text(known)) == known
    assert known["mail"].digest == DAILY


def test_a_digest_that_never_was_due_is_due_at_its_first_time_only() -> None:
    at = datetime.fromisoformat("2026-03-06T06:00:00+00:00")
    due, _ = due_digests({"mail": DAILY}, {"mail": at - MINUTE}, at)
    assert [(one.since, one.until) for one in due] == [(at - DAY, at)]
    assert due_digests({"mail": DAILY}, {"mail": at - MINUTE}, at - timedelta.resolution)[0] == []
