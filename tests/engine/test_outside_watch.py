"""An outside watchdog hears from the engine only what is true, and hangs up nothing."""

import os
import socket
import threading
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.answers.report import VERDICTS
from engine.channels.ping import FAIL, MAX_BODY_BYTES, START, SUCCESS, Ping, ping_url, send_ping
from engine.config import EngineConfig
from engine.core.events import ChannelDown, ChannelUp
from engine.loops.outside_watch import LOOK_SECONDS, PING_SECONDS, OutsideWatch
from engine.notifications.heartbeat import FRESH, Sums, make_beat, needs_beat
from engine.service.outside_watch import heartbeat_problem
from engine.testing import FakeClock, KeptJournal
from jobfile.model.pinging import ping_problem
from tests.acceptance.engines import until
from tests.builders import NOON
from tests.engine.world import World
from tests.web_servers import reply, serving

CHECK = "9d1f1e0c-secret-check"
WELL = Sums(3, {"succeeded": 2, "failed": 1}, adds_up=True)


@pytest.fixture
def config(tmp_path: Path) -> EngineConfig:
    return EngineConfig(
        main_file=tmp_path / "jobs.yaml", state_dir=tmp_path / ".jobfile", environ={**os.environ}
    )


# What it is told


@given(st.integers(-600, 600) | st.none(), st.sampled_from(["", "disk space is low"]))
def test_without_a_hold_it_is_told_only_of_coverage_that_is_up_to_date(behind: int | None, hold: str) -> None:
    covered = None if behind is None else NOON - timedelta(seconds=behind)
    is_fresh = behind is not None and abs(behind) <= FRESH.total_seconds()
    assert needs_beat(covered, hold, NOON) == (bool(hold) or is_fresh)


@given(
    st.sampled_from(["", "disk space is low"]),
    st.dictionaries(st.sampled_from(VERDICTS), st.integers(0, 9)),
    st.booleans(),
    st.sampled_from(["", "no answer"]),
)
def test_all_is_well_only_if_runs_start_and_the_sums_add_up(
    hold: str, verdicts: dict[str, int], adds_up: bool, error: str
) -> None:
    beat = make_beat(hold, Sums(sum(verdicts.values()), verdicts, adds_up, error))
    assert beat.is_well == (not hold and adds_up)
    assert hold in beat.words
    assert ("do not add up" in beat.words) != adds_up
    assert error in beat.words
    if not error:
        assert all(f"{count} {verdict}" in beat.words for verdict, count in verdicts.items() if count)


# When


class Watchdog:
    """What the loop has told; a test decides when it answers, and what."""

    def __init__(self) -> None:
        self.told: list[str | None] = []
        self.error = ""
        self.may_answer = threading.Event()
        self.may_answer.set()

    def tell(self, hold: str | None) -> str:
        self.told.append(hold)
        assert self.may_answer.wait(20)
        return self.error


class Life:
    """The loop under a clock that the test sets."""

    def __init__(self) -> None:
        self.clock, self.journal, self.watchdog = FakeClock(NOON), KeptJournal(), Watchdog()
        self.hold, self.is_stuck = "", False
        self._answered = threading.Semaphore(0)
        self.loop = OutsideWatch(
            clock=self.clock,
            journal=self.journal,
            tell=self.watchdog.tell,
            covered_until=lambda: NOON if self.is_stuck else self.clock.now(),
            hold=lambda: self.hold,
            on_told=self._answered.release,
        )

    def passing(self, seconds: float, *, answers: bool = True) -> list[str | None]:
        """What is told while time passes in small steps."""
        before = len(self.watchdog.told)
        for _ in range(round(seconds / LOOK_SECONDS)):
            count = len(self.watchdog.told)
            self.loop.tick()
            if answers and (len(self.watchdog.told) > count or self.loop._is_telling):
                assert self._answered.acquire(timeout=20)
            self.clock.advance(seconds=LOOK_SECONDS)
        return self.watchdog.told[before:]


def test_a_start_is_told_at_once_and_then_once_a_minute_that_all_is_well() -> None:
    life = Life()
    assert life.passing(LOOK_SECONDS) == [None]
    assert life.passing(5 * PING_SECONDS) == [""] * 5


def test_a_hold_is_told_and_coverage_that_stands_still_is_met_with_silence() -> None:
    life = Life()
    life.passing(PING_SECONDS)
    life.hold = "disk space is low"
    assert set(life.passing(2 * PING_SECONDS)) == {"disk space is low"}
    life.hold, life.is_stuck = "", True
    life.clock.advance(seconds=FRESH.total_seconds())
    assert life.passing(10 * PING_SECONDS) == []


def test_a_watchdog_that_hangs_holds_up_no_tick_and_is_not_called_twice() -> None:
    life = Life()
    life.watchdog.may_answer.clear()
    assert life.passing(10 * PING_SECONDS, answers=False) == [None]
    life.watchdog.may_answer.set()
    until(lambda: not life.loop._is_telling)
    assert life.passing(PING_SECONDS) == [""]


def test_a_failure_is_reported_once_and_so_is_its_end() -> None:
    life = Life()
    life.watchdog.error = "HTTP status 500"
    life.passing(5 * PING_SECONDS)
    life.watchdog.error = ""
    life.passing(5 * PING_SECONDS)
    assert life.journal.events == [
        ChannelDown(channel="heartbeat", error="HTTP status 500"),
        ChannelUp(channel="heartbeat"),
    ]


def test_the_scheduler_says_how_far_everything_is_accounted_for(tmp_path: Path) -> None:
    world = World(tmp_path, "version: 1\njobs: {hello: {schedule: {every: 1m}, run: echo hello}}\n")
    world.pass_time(seconds=90)
    assert world.scheduler.covered_until == world.clock.now()
    before = world.clock.now()
    world.clock.jump(seconds=-40 * 24 * 3600)
    world.scheduler.tick()
    assert world.guard.is_held
    assert world.scheduler.covered_until == before
    world.crash()


# How


URLS = {
    "https://hc-ping.com/uuid": "https://hc-ping.com/uuid/fail?rid=7",
    "https://hc-ping.com/uuid/": "https://hc-ping.com/uuid/fail?rid=7",
    "https://hc-ping.com/key/slug?create=1": "https://hc-ping.com/key/slug/fail?create=1&rid=7",
    "http://localhost:8000/ping/x": "http://localhost:8000/ping/x/fail?rid=7",
}


@pytest.mark.parametrize("url", URLS)
def test_the_end_of_a_ping_follows_the_path_and_the_run_the_query(url: str) -> None:
    assert ping_url(url, Ping(FAIL, rid="7")) == URLS[url]
    assert ping_url(url, Ping(SUCCESS)) == url.replace("uuid/", "uuid")


def test_a_ping_is_a_request_with_a_body_that_is_never_a_template(config: EngineConfig) -> None:
    with serving(reply()) as server:
        target = f"http://127.0.0.1:{server.port}/{CHECK}"
        assert send_ping(target, Ping(START, "{{ secrets.url }} π"), config) is None
        assert send_ping(target, Ping(SUCCESS, "x" * 2 * MAX_BODY_BYTES + "the end"), config) is None
    first, second = server.got
    assert (first.line, first.body.decode()) == (f"POST /{CHECK}/start HTTP/1.1", "{{ secrets.url }} π")
    assert (second.line, len(second.body)) == (f"POST /{CHECK} HTTP/1.1", MAX_BODY_BYTES)
    assert second.body.endswith(b"the end")


def test_the_url_is_read_where_a_secret_is_and_never_shown(config: EngineConfig, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    kept = tmp_path / "url"
    kept.write_text(f"http://127.0.0.1:{port}/{CHECK}\n")
    kept.chmod(0o600)
    errors = {}
    for answer in (
        reply(CHECK.encode(), status="500 X"),
        reply(b"", f"Location: /x/{CHECK}", status="302 X"),
    ):
        with serving(answer) as server:
            kept.write_text(f"http://127.0.0.1:{server.port}/{CHECK}\n")
            errors[answer] = send_ping(f"file:{kept}", Ping(SUCCESS), config)
            assert server.got[0].line.startswith(f"POST /{CHECK}")
    missing = send_ping("env:NO_SUCH_URL", Ping(SUCCESS), config)
    kept.write_text(f"gopher://{CHECK}\n")
    wrong = send_ping(f"file:{kept}", Ping(SUCCESS), config)
    for failure in (*errors.values(), missing, wrong):
        assert failure is not None
        assert CHECK not in failure.error
    assert missing is not None
    assert "NO_SUCH_URL" in missing.error
    assert wrong is not None
    assert "not a URL of a web server" in wrong.error


@pytest.mark.parametrize(
    "text", ["hc-ping.com/x", "ftp://x/y", "https:///nohost", "env:1X", "file:no", "https://u:p@h/x"]
)
def test_a_target_that_cannot_be_pinged_is_refused_without_being_shown(
    text: str, make: Callable[[str], EngineConfig]
) -> None:
    assert ping_problem(text)
    problem = heartbeat_problem(make(text))
    assert problem.startswith("JOBFILE_HEARTBEAT_URL: ")
    assert text not in problem


@pytest.fixture
def make(config: EngineConfig) -> Callable[[str], EngineConfig]:
    def with_url(text: str) -> EngineConfig:
        return EngineConfig(
            main_file=config.main_file, state_dir=config.state_dir, environ={"JOBFILE_HEARTBEAT_URL": text}
        )

    return with_url
