"""What commands say of several hosts: golden screens, JSON, and what changes."""

import re
import threading
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from engine.answers.hosts import fleet_to_text, make_fleet
from engine.core.lifecycle import Lost, RunState
from engine.core.reasons import Reason
from engine.core.records import HOME
from engine.doctor.checking import diagnose
from engine.host.clock import SystemClock
from engine.host.home import Home
from engine.host.machine import read_machine
from engine.ledger.outcome_text import outcome_to_text
from jobfile import __version__
from tests.builders import NOON
from tests.cli.conftest import Jobfile, jobfile
from tests.cli.test_files import fits
from tests.hosts.world import HostsWorld

__all__ = ["jobfile"]

HERE = Path(__file__).parent / "screens"
JOBS = """
version: 1
defaults: {timezone: UTC}
jobs:
  load: {run: load, concurrency: {limit: 9}}
  train: {run: train, runs_on: [eu, gpu], concurrency: {limit: 9}}
  never: {run: never, runs_on: [eu, tpu]}
  steps:
    steps:
      extract: {run: extract}
"""


@pytest.fixture(autouse=True)
def _same_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(SystemClock, "now", lambda _: NOON)


class Asked:
    """Commands about the ledger of a world."""

    def __init__(self, world: HostsWorld, jobfile: Jobfile, monkeypatch: pytest.MonkeyPatch) -> None:
        self.world = world
        self._jobfile = jobfile
        monkeypatch.setenv("JOBFILE_STORE", world.url)
        monkeypatch.setenv("COLUMNS", "100")
        self._patch = monkeypatch

    def __call__(self, *words: str) -> Any:
        now = self.world.clock.now()
        self._patch.setattr(SystemClock, "now", lambda _: now)
        return self._jobfile(*words)


@pytest.fixture
def world(tmp_path: Path) -> HostsWorld:
    """Three hosts, of which one is silent, one has a GPU, and one is full; and what waits."""
    world = HostsWorld(tmp_path, JOBS, hosts=[])
    world.lead("a")
    world.add("a", slots=2, labels=("eu", "gpu"))
    world.add("b", slots=2)
    world.add("c", slots=1)
    return world


@pytest.fixture
def asked(world: HostsWorld, jobfile: Jobfile, monkeypatch: pytest.MonkeyPatch) -> Asked:
    return Asked(world, jobfile, monkeypatch)


def as_looked_at(name: str, said: str, request: pytest.FixtureRequest) -> None:
    path, said = HERE / f"{name}.txt", re.sub(r"\d+\.\d GB", "99.9 GB", said)
    if request.config.getoption("--update"):
        path.parent.mkdir(exist_ok=True)
        path.write_text(said)
    assert said == path.read_text()


def busy(world: HostsWorld) -> None:
    """Each host has something, one falls silent, and two attempts wait."""
    world.run_by_hand("steps")
    world.turn()
    for _ in range(4):
        world.run_by_hand("load")
        world.turn()
    b = world.hosts["b"].launcher
    b.finish(b.running()[0])
    world.hosts["c"].is_frozen = True
    world.pass_time(seconds=20)
    world.run_by_hand("never")
    world.pass_time(seconds=8)
    world.run_by_hand("train")
    world.pass_time(seconds=3)


def test_hosts_are_shown_with_what_they_run(
    world: HostsWorld, asked: Asked, request: pytest.FixtureRequest
) -> None:
    busy(world)
    said = asked("hosts")
    assert (said.code, said.err) == (0, "")
    assert world.view.hosts is not None
    narrow = fleet_to_text(make_fleet(world.view, world.view.hosts), width=80, row_width=80)
    as_looked_at("hosts", f"{said.out}\n--- at 80 columns:\n{narrow}\n", request)
    found = asked("hosts", "--json").json
    fits(found, "hosts")
    assert [(one["name"], one["state"], one["used_slots"]) for one in found["hosts"]] == [
        ("a", "up", 2),
        ("b", "up", 1),
        ("c", "silent", 1),
    ]
    assert (found["slots"], found["used_slots"]) == (4, 3)
    assert [(one["job"], one["can_be_taken"], one["seconds"]) for one in found["waiting_attempts"]] == [
        ("never", False, 11.0),
    ]
    assert found["leader"]["host"] == "a"
    assert found["leader"]["leads"]


def test_without_a_host_and_without_a_leader_the_answer_says_so(
    tmp_path: Path, jobfile: Jobfile, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    world = HostsWorld(tmp_path, JOBS, hosts=[])
    asked = Asked(world, jobfile, monkeypatch)
    said = asked("hosts")
    fits(asked("hosts", "--json").json, "hosts")
    world.lead("a", length=timedelta(seconds=10))
    world.add("a")
    world.clock.advance(seconds=70)
    fits(asked("hosts", "--json").json, "hosts")
    said_later = asked("hosts")
    assert said.code == said_later.code == 0
    as_looked_at(
        "no_hosts", f"{said.out}\n--- the leader and its only host are gone:\n{said_later.out}", request
    )


def test_a_host_that_drains_takes_nothing_new_and_keeps_what_it_has(world: HostsWorld, asked: Asked) -> None:
    world.run_by_hand("train")
    world.turn()
    said = asked("hosts", "drain", "a", "--why", "a new kernel")
    assert said.code == 0
    assert said.out.startswith(
        "a is draining: it takes nothing new; continue with  jobfile hosts resume a\ntrain ["
    )
    for _ in range(5):
        world.run_by_hand("load")
    world.pass_time(seconds=20)
    assert len(world.hosts["a"].launcher.executed) == 1
    assert len(world.executed) == 4
    assert asked("hosts", "drain", "a").out.startswith("a is draining already")
    found = asked("hosts", "drain", "a", "--json").json
    fits(found, "hosts-drain")
    assert (found["draining"], found["was_draining"], len(found["attempts"])) == (True, True, 1)
    assert asked("hosts", "resume", "a").out == "a takes work again\n"
    assert asked("hosts", "resume", "a").out == "a was not draining\n"
    world.pass_time(seconds=20)
    assert len(world.hosts["a"].launcher.executed) == 2
    records = asked("audit", "--json").json["records"]
    assert [(one["action"], one["object"], one["detail"]) for one in records if "host" in one["action"]] == [
        ("host resume", "a", None),
        ("host drain", "a", "a new kernel"),
    ]


def test_a_drained_host_that_does_not_know_it_yet_takes_nothing_either(
    world: HostsWorld, asked: Asked
) -> None:
    for name in "bc":
        assert asked("hosts", "drain", name).code == 0
    world.run_by_hand("load")
    world.step()
    [(_, attempt)] = world.queue.waiting
    assert world.hosts["b"].hosting.take(attempt) is None
    assert world.hosts["a"].hosting.take(attempt) is not None


def test_drain_waits_until_nothing_runs_there(world: HostsWorld, asked: Asked) -> None:
    world.run_by_hand("train")
    world.turn()
    world.hosts["a"].finish()
    ended = threading.Thread(target=lambda: world.pass_time(seconds=2))
    ended.start()
    waited = asked("hosts", "drain", "a", "--wait")
    ended.join()
    assert waited.code == 0
    assert waited.out.endswith("nothing runs there\n")
    assert world.runs("train")[0].state is RunState.SUCCEEDED


def test_unknown_host_names_are_refused(world: HostsWorld, asked: Asked) -> None:
    said = asked("hosts", "drain", "d")
    assert said.code == 64
    assert "no host is called 'd'; there are a, b and c" in said.err
    assert asked("hosts", "drain").code == 64
    assert asked("hosts", "resume", "a", "--wait").code == 64
    assert asked("hosts", "--why", "x").code == 64


def test_host_names_are_completed(world: HostsWorld, asked: Asked) -> None:
    assert asked("completion", "zsh", "--", "hosts", "drain", "").out.split() == ["a", "b", "c"]


def test_status_knows_the_leader_and_the_hosts(
    world: HostsWorld, asked: Asked, request: pytest.FixtureRequest
) -> None:
    quiet = asked("status")
    busy(world)
    said = asked("status")
    as_looked_at("status", f"{quiet.out}\n--- later:\n{said.out}", request)
    assert (quiet.code, said.code) == (0, 1)
    found = asked("status", "--json").json
    fits(found, "status")
    about = found["hosts"]
    assert (about["there"], about["silent"], about["waiting"], about["not_takeable"]) == (2, ["c"], 1, 1)
    assert found["engine"]["running"]
    world.clock.advance(seconds=3600)
    assert not asked("status", "--json").json["engine"]["running"], "its lead is over"


def test_an_engine_of_one_host_on_a_server_has_no_hosts(
    world: HostsWorld, asked: Asked, tmp_path: Path
) -> None:
    with world.store.transaction():
        world.store.past.note(HOME, Home("7", "one:/srv").to_text())
    assert asked("status", "--json").json["hosts"] is None
    run = world.run_by_hand("load")
    assert asked("why", run.id, "--json").json["reason"] is None


WAITS = {
    "no host is there": "it waits for a host: no host is there",
    "no labels": "it waits for a host: no host has the labels eu and tpu",
    "no slots": "it waits for a host: all 2 slots of a are taken",
}


@pytest.mark.parametrize("case", WAITS)
def test_why_and_did_say_that_a_run_waits_for_a_host(
    tmp_path: Path, jobfile: Jobfile, monkeypatch: pytest.MonkeyPatch, case: str
) -> None:
    world = HostsWorld(tmp_path, JOBS, hosts=[])
    world.lead("a")
    asked = Asked(world, jobfile, monkeypatch)
    job = "never" if case == "no labels" else "load"
    if case != "no host is there":
        world.add("a", slots=2, labels=("eu", "gpu"))
    if case == "no slots":
        for _ in range(2):
            world.run_by_hand("load")
            world.turn()
    run = world.run_by_hand(job)
    world.pass_time(seconds=5)
    [found] = [one for one in world.runs(job) if one.id == run.id]
    assert (found.state.value, found.reason) == ("running" if case == "no labels" else "queued", "")
    why, did = asked("why", run.id), asked("did", run.id)
    assert WAITS[case] in why.out
    assert f"not over: {found.state.value}, {WAITS[case]} (" in did.out
    assert did.code == 4
    story = asked("why", run.id, "--json").json
    fits(story, "why")
    assert (story["reason"], story["words"]) == ("no_host", WAITS[case])
    answer = asked("did", run.id, "--json").json
    assert answer["items"][0]["reason"] == "no_host"
    assert answer["items"][0]["run"]["reason"] is None, "that is what the ledger has"
    assert WAITS[case] in asked("runs").out


def test_a_run_that_another_one_blocks_does_not_wait_for_a_host(
    tmp_path: Path, jobfile: Jobfile, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = HostsWorld(
        tmp_path, JOBS.replace("{run: load, concurrency: {limit: 9}}", "{run: load}"), hosts=[]
    )
    world.lead("a")
    world.run_by_hand("load")
    second = world.run_by_hand("load")
    world.pass_time(seconds=5)
    found = Asked(world, jobfile, monkeypatch)("why", second.id, "--json").json
    assert found["reason"] != "no_host"


def test_why_names_the_host_of_each_attempt(
    world: HostsWorld, asked: Asked, request: pytest.FixtureRequest
) -> None:
    run = world.run_by_hand("train")
    world.turn()
    world.pass_time(seconds=30)
    world.hosts["a"].finish(exit_code=3)
    world.pass_time(seconds=2)
    as_looked_at("why", asked("why", run.id).out, request)
    found = asked("why", run.id, "--json").json
    fits(found, "why")
    assert [one["host"] for one in found["run_list"][0]["attempt_list"]] == ["a"]
    listed = asked("runs", "--json").json
    fits(listed, "runs")
    assert [one["host"] for one in listed["runs"]] == ["a"]


def test_doctor_checks_the_hosts_and_what_is_delivered_to_them(world: HostsWorld, asked: Asked) -> None:
    def found() -> dict[str, str]:
        answer = asked("doctor", "--json").json
        fits(answer, "doctor")
        own = ("hosts", "engine", "invariant", "leftovers")
        return {one["code"]: one["found"] for one in answer["checks"] if one["area"] in own}

    world.db("update host set version = %s", [__version__])
    quiet = found()
    assert quiet.keys() == {"hosts", "engine", "invariant", "leftovers"}, quiet
    assert quiet["hosts"] == "3 of 3 there, 0 of 5 slots taken"
    assert quiet["engine"] == "running, epoch 1"
    busy(world)
    assert found().keys() == {"hosts.silent", "engine", "invariant", "leftovers"}
    world.db("update host set skew = 1500000, version = '9.9.9' where name = 'a'")
    world.db("delete from host where name = 'b'")
    later = found()
    assert later.keys() >= {"hosts.silent", "hosts.unknown", "hosts.skew", "hosts.version"}
    assert later["hosts.unknown"].endswith("attempt 1, is held by the host b, which is not in the ledger")
    world.clock.advance(seconds=3600)
    assert {"hosts.leaderless", "engine.killed"} <= found().keys()


def test_doctor_says_whose_clock_decides(tmp_path: Path) -> None:
    """On a ledger that hosts share, that of the database, however wrong the one of this host is."""

    world = HostsWorld(tmp_path, "version: 1\njobs: {often: {schedule: {every: 1m}, run: x}}\n", hosts=[])
    world.add("a")
    config = replace(world.config, store=world.url)

    def found(*, own: timedelta) -> dict[str, str]:
        now = world.clock.now() + own
        machine = read_machine()._replace(is_synchronized=False)
        examined = diagnose(config, now=now, machine=machine)
        return {one.code: one.found for area in examined if area.area == "clock" for one in area.findings}

    world.pass_time(seconds=60)
    shared = found(own=timedelta(hours=-2))
    assert shared.keys() == {"clock.unsynchronized"}
    words = "runs start by the ledger's clock, but jobs here read this one"
    assert shared["clock.unsynchronized"].endswith(words)
    world.clock.advance(seconds=-7_200)
    assert found(own=timedelta(hours=2))["clock.behind"].startswith("the clock of the database is 2h")
    world.db("delete from meta where key = %s", [HOME])
    alone = found(own=timedelta(hours=2))
    assert alone["clock.unsynchronized"].endswith("; runs start by this clock")
    assert "clock.behind" not in alone


def test_an_attempt_that_nobody_executes_and_an_end_that_nobody_records_are_found(
    world: HostsWorld, asked: Asked
) -> None:
    for _ in range(2):
        world.run_by_hand("load")
    world.turn()
    first, second = world.runs("load")
    world.pass_time(seconds=400)
    world.db("delete from delivery where run_id = %s", [first.id])
    ended = """update delivery set state = 'ended', outcome = 'x', ended_at = now_us() where run_id = %s"""
    outcome = outcome_to_text(Lost(at=NOON, reason=Reason.HOST_SILENT))
    world.db(ended.replace("'x'", f"'{outcome}'"), [second.id])

    def found() -> list[str]:
        checks = asked("doctor", "--json").json["checks"]
        return [one["found"] for one in checks if one["code"] == "invariant.I8"]

    assert found() == [f"run {first.id[:8]}, attempt 1: it was not offered to any host for 6m40s"]
    world.clock.advance(seconds=301)
    world.lead("a")
    with world.store.transaction():
        world.store.touch_session(epoch=world.epoch, now=world.clock.now(), boot_seconds=1.0)
    said = [one.partition(": ")[2] for one in found()]
    assert said == [
        "it was not offered to any host for 11m41s",
        "its host has reported its end, but no engine has recorded it for 5m1s",
    ]


def test_attempts_of_deleted_runs_are_counted(world: HostsWorld, asked: Asked) -> None:
    world.run_by_hand("load")
    world.turn()
    world.pass_time(seconds=5)
    for host in world.hosts.values():
        host.finish()
    world.pass_time(seconds=5)
    world.db("update delivery set run_id = 'f' || substr(run_id, 2)")
    assert world.view.hosts is not None
    a_day = timedelta(days=1)
    assert world.view.hosts.without_run(after=a_day) == 0
    world.shared.deliveries.forget(after=a_day, past="", limit=9)
    assert world.view.hosts.without_run(after=a_day) == 0, "that is normal"
    world.clock.advance(seconds=a_day.total_seconds() + 1)
    assert world.view.hosts.without_run(after=a_day) == 1, "a leader should have deleted it"


def test_a_run_that_is_requested_waits_for_no_engine_here_if_one_leads_elsewhere(
    world: HostsWorld, asked: Asked
) -> None:
    assert asked("run", "good", "--detach").err == ""
    world.clock.advance(seconds=3601)
    assert asked("run", "good", "--detach").err.startswith("no engine is running: run ")


def test_a_reader_needs_no_right_to_write(world: HostsWorld, asked: Asked) -> None:
    world.db("drop role if exists reader")
    world.db("create role reader login")
    world.db("grant select on all tables in schema public to reader")
    try:
        url = f"{world.url}&user=reader" if "?" in world.url else f"{world.url}?user=reader"
        said = asked("hosts", "--store", url)
        assert (said.code, said.err) == (0, "")
        assert "leader  a, term 1" in said.out
        assert asked("hosts", "drain", "a", "--store", url).code != 0
        assert asked("hosts", "--json").json["hosts"][0]["state"] == "up"
    finally:
        world.db("drop owned by reader")
        world.db("drop role reader")


def test_a_name_cannot_control_the_terminal(world: HostsWorld, asked: Asked) -> None:
    world.db("update host set name = %s where name = 'a'", ["a\x1b[31m"])
    assert "\x1b" not in asked("hosts").out + asked("status").out
    assert "\x1b" not in asked("hosts", "drain", "a\x1b[31m").out
