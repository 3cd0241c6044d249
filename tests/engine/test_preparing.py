"""One run that cannot be prepared, settled or read: it ends with its reason, and no other run notices."""

import os
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.actions.prepare import prepare
from engine.config import EngineConfig
from engine.core.errors import PartialTurnError
from engine.core.lifecycle import AttemptKey, AttemptState, RunState, StartError
from engine.ledger.health import BUG_CALM_SECONDS, STUCK_SECONDS, LedgerGuard
from engine.loops.loop import Loop
from engine.ports import LaunchOrder
from engine.testing import FakeClock, KeptJournal
from engine.transactions.steps import step_as_job
from jobfile.model.jobs import CommandAction, StepsAction, StepSpec
from jobfile.model.webhooks import WebhookTrigger
from tests.builders import NOON, a_job, a_run
from tests.engine.world import World
from tests.soak import examples

GOOD = "    command: ['true']\n"
BAD: dict[str, tuple[str, str]] = {
    "no-folder": ("working_dir: gone", "nothing is there"),
    "a-file": ("working_dir: jobs.txt", "is not a folder"),
    "below-a-file": ("working_dir: jobs.txt/x", "Not a directory"),
    "loop": ("working_dir: loop", "symbolic links"),
    "long-name": (f"working_dir: {'x' * 300}", "File name too long"),
    "long-path": ("working_dir: '" + "x/" * 3000 + "'", "File name too long"),
    "no-secret": ("secrets: {S: env:NOT_SET}", "NOT_SET"),
    "short-secret": ("secrets: {S: env:SHORT}", "shorter"),
    "secret-folder": ("secrets: {S: 'file:/tmp'}", "is not a file but a folder"),
    "template": (
        "env: {X: '{{ 1 // params.zero }}'}\n    params: {zero: {type: integer, default: 0}}",
        "division by zero",
    ),
}
"""A key that keeps a job from being prepared, and a word of the reason."""


def a_file(*bad: str) -> str:
    """Bad jobs, each between two good ones, all due at once."""
    lines = ["version: 1", "jobs:"]
    for index, name in enumerate(bad):
        lines += [f"  j{index}-good-before:", "    schedule: '0 * * * *'", "    command: ['true']"]
        lines += [
            f"  j{index}-{name}:",
            "    schedule: '0 * * * *'",
            f"    {BAD[name][0]}",
            "    command: ['true']",
        ]
    return "\n".join([*lines, "  z-good:", "    schedule: '0 * * * *'", "    command: ['true']", ""])


def a_world(folder: Path, text: str) -> World:
    (folder / "jobs.txt").write_text("a file")
    (folder / "loop").symlink_to("loop")
    world = World(folder, text)
    world.config = replace(world.config, environ={"PATH": "/usr/bin:/bin", "SHORT": "abc"})
    world.crash()
    world.boot()
    return world


@settings(max_examples=examples(8), deadline=None)
@given(bad=st.lists(st.sampled_from(sorted(BAD)), min_size=1, max_size=8))
def test_what_cannot_be_prepared_ends_alone(tmp_path_factory: pytest.TempPathFactory, bad: list[str]) -> None:
    world = a_world(tmp_path_factory.mktemp("world"), a_file(*bad))
    for hour in (1, 2):  # and the next occurrence is tried anew
        world.pass_time(seconds=3600)
        world.finish()
        found = {version.job: world.runs(version.job) for version in world.store.jobs_in_force()}
        assert len(found) == 2 * len(bad) + 1
        for name, runs in found.items():
            assert len(runs) == hour, name
            if "good" in name:
                assert runs[-1].state is RunState.SUCCEEDED, name
            else:
                word = BAD[name.partition("-")[2]][1]
                assert runs[-1].state is RunState.FAILED
                (attempt,) = world.view.attempts(runs[-1].id)
                assert attempt.state is AttemptState.NOT_STARTED
                assert word in runs[-1].detail
    assert not world.has_open_runs()
    world.check()


def test_a_secret_that_is_not_utf8_is_given_as_it_is(tmp_path: Path) -> None:
    raw = os.fsdecode(b"caf\xe9-abcdef")
    order = a_preparation(tmp_path, {"SEC": raw}, secrets={"S": "env:SEC"})
    assert isinstance(order, LaunchOrder)
    assert order.secrets == {"S": raw}


def test_the_secret_of_a_webhook_reaches_no_process_and_a_run_does_not_need_it(tmp_path: Path) -> None:
    """The server proves calls with it. A job that had it could make calls of its own, as its sender."""
    hook = WebhookTrigger(webhook="a", secret="HOOK")
    secrets = {"HOOK": "env:HOOK", "API": "env:API"}
    environ = {"HOOK": "the secret of the webhook", "API": "another secret"}
    order = a_preparation(tmp_path, environ, secrets=secrets, triggers=(hook,))
    assert isinstance(order, LaunchOrder)
    assert order.secrets == {"API": "another secret"}
    assert environ["HOOK"] not in str(order.env)
    assert order.masked == (environ["HOOK"],), "a job that finds it elsewhere does not print it"
    del environ["HOOK"]
    order = a_preparation(tmp_path, environ, secrets=secrets, triggers=(hook,))
    assert isinstance(order, LaunchOrder), order
    assert order.masked == ()


def test_the_secret_of_a_webhook_reaches_no_step(tmp_path: Path) -> None:
    hook = WebhookTrigger(webhook="a", secret="HOOK")
    secrets = {"HOOK": "env:HOOK"}
    step = StepSpec(name="one", action=CommandAction(argv=("true",)), secrets=secrets)
    spec = a_job(secrets=secrets, triggers=(hook,), action=StepsAction(steps=(step,)))
    config = EngineConfig(main_file=tmp_path / "jobs.yaml", state_dir=tmp_path, environ={"HOOK": "x" * 30})
    attempt = AttemptKey("0" * 32, 1, step="one")
    order = prepare(
        a_run(spec, attempt=1),
        step_as_job(spec, "one"),
        config,
        now=NOON,
        last_success=None,
        attempt=attempt,
        steps=(step,),
    )
    assert isinstance(order, LaunchOrder), order
    assert (order.secrets, order.masked) == ({}, ("x" * 30,))


@settings(max_examples=examples(75), deadline=None)
@given(folder=st.text(max_size=400), value=st.text(max_size=40))
def test_preparing_never_raises_whatever_the_values_are(folder: str, value: str) -> None:
    spec = a_job(working_dir="{{ params.folder }}", env={"X": "{{ params.value }}"})
    run = a_run(spec, attempt=1, params={"folder": folder, "value": value})
    config = EngineConfig(main_file=Path("/jobs.yaml"), state_dir=Path("/state"), environ={})
    order = prepare(run, spec, config, now=NOON, last_success=None)
    if isinstance(order, StartError):
        order.detail.encode()  # the ledger can keep it
        assert order.reason in ("working_dir_missing", "template_error")


def a_preparation(folder: Path, environ: dict[str, str], **fields: object) -> LaunchOrder | StartError:
    spec = a_job(**fields)
    config = EngineConfig(main_file=folder / "jobs.yaml", state_dir=folder, environ=environ)
    return prepare(a_run(spec, attempt=1), spec, config, now=NOON, last_success=None)


def test_an_error_that_nobody_expects_ends_the_run_without_its_secrets(tmp_path: Path) -> None:
    """A zone that is gone from the package of time zones, for one; and an error that quotes a value."""
    order = a_preparation(
        tmp_path, {"SEC": "geheim-123"}, secrets={"S": "env:SEC"}, timezone="Europe/Atlantis"
    )
    assert isinstance(order, StartError)
    assert order.reason == "start_error"
    assert "could not be prepared" in order.detail

    class Quoting(dict[str, str]):
        def __contains__(self, name: object) -> bool:
            if name == "PATH":
                raise ValueError(f"cannot use {self['SEC']!r}")
            return super().__contains__(name)

    order = a_preparation(tmp_path, Quoting(SEC="geh'eim-\udce9-123"), secrets={"S": "env:SEC"})
    assert isinstance(order, StartError)
    assert "cannot use" in order.detail
    assert "eim" not in order.detail


def test_a_definition_that_this_version_cannot_read_ends_its_run_and_no_other(tmp_path: Path) -> None:
    world = a_world(
        tmp_path,
        "version: 1\njobs:\n"
        + "".join(
            f"  {name}:\n    schedule: '0 * * * *'\n    command: ['true']\n    retry: 3\n"
            for name in ("a", "b", "c")
        ),
    )
    world.pass_time(seconds=3599)
    asked = [world.run_by_hand(name) for name in "abc"]
    world.finish()
    later = [queue(world, name) for name in "abc"]
    with world.store.transaction():
        world.store._db._db.execute("update definition set spec = '?' where job = 'b'")
    world.crash()
    world.boot()
    world.finish()
    states = {run.job: run for run in (world.store.run(one) for one in later) if run is not None}
    assert [states[name].state.value for name in "abc"] == ["succeeded", "failed", "succeeded"]
    assert "its definition cannot be read" in states["b"].detail
    assert asked


def queue(world: World, job: str) -> str:
    """A run that is recorded and not started."""
    version = next(one for one in world.store.jobs_in_force() if one.job == job)
    run = a_run(a_job(job), id=world.new_id(), digest=version.digest, not_before=world.clock.now())
    with world.store.transaction():
        world.store.add_run(run)
    return run.id


def test_an_end_that_cannot_be_recorded_keeps_no_other_from_being_recorded(tmp_path: Path) -> None:
    world = a_world(tmp_path, a_file("no-folder"))
    world.pass_time(seconds=3600)
    broken, *others = world.launcher.running()
    world.launcher.finish(broken, exit_code=2**70)  # SQLite has no such number
    for attempt in others:
        world.launcher.finish(attempt)
    for error in (OverflowError, PartialTurnError, PartialTurnError):
        for attempt in (broken, *others):
            world.worker.notice(attempt)
        with pytest.raises(error):
            world.worker.tick()
    states = [world.runs(name)[-1].state.value for name in ("j0-good-before", "z-good")]
    assert sorted(states) == ["running", "succeeded"]
    world.launcher.finish(broken)  # as it is when the bug is gone
    world.step()
    assert not world.has_open_runs()
    world.check()


# A loop that repeats a bug


class _Engine:
    def __init__(self) -> None:
        self.clock = FakeClock(NOON)
        self.journal = KeptJournal()
        self.bugs: list[str] = []
        self.error: Exception | None = None
        self.guard = LedgerGuard(
            clock=self.clock, journal=self.journal, alarm=lambda _: None, on_bug=self.bugs.append
        )
        self.loop = Loop("worker", self._tick, journal=self.journal, ledger=self.guard, on_end=_fail)

    def _tick(self) -> float:
        if self.error is not None:
            raise self.error
        return 1.0

    def turns(self, *, seconds: float) -> None:
        until = self.clock.elapsed() + seconds
        while self.clock.elapsed() < until:
            self.loop.turn()
            self.clock.advance(seconds=2)


def _fail(error: BaseException) -> None:
    raise error


def test_a_loop_that_repeats_a_bug_is_reported_until_it_is_well_again() -> None:
    engine = _Engine()
    engine.error = ValueError("oops")
    engine.turns(seconds=10)
    assert engine.bugs == ["worker: ValueError: oops (a bug in jobfile)"]
    assert not engine.guard.is_stuck
    engine.turns(seconds=STUCK_SECONDS)
    assert engine.guard.is_stuck, "the service manager gets no keep-alive any more"
    engine.error = None
    engine.turns(seconds=4)
    assert not engine.guard.is_stuck
    engine.turns(seconds=BUG_CALM_SECONDS + 2)
    assert engine.bugs[1:] == [""]


# Ends in order


@pytest.mark.parametrize("seconds", [0, 1, 5, 9, 10, 11, 19, 25])
def test_the_end_of_an_engine_at_any_phase_of_its_heartbeat_is_no_step_of_the_clock(
    tmp_path: Path, seconds: int
) -> None:
    world = World(tmp_path, "version: 1\njobs:\n  a: {schedule: '0 * * * *', command: ['true']}\n")
    world.clock.advance(seconds=seconds)
    world.heartbeat.end("stopped")
    world.crash()
    world.clock.advance(seconds=3)
    world.boot()
    assert [one for one in world.view.recent_incidents(limit=9) if one.kind == "clock_jump"] == []


@pytest.mark.parametrize("seconds", [-8.0, 5.0, 300.0])
def test_a_true_step_of_the_clock_between_two_engines_is_found(tmp_path: Path, seconds: float) -> None:
    world = World(tmp_path, "version: 1\njobs:\n  a: {schedule: '0 * * * *', command: ['true']}\n")
    world.clock.advance(seconds=7)
    world.heartbeat.end("stopped")
    world.crash()
    world.clock.advance(seconds=3)
    world.clock.jump(seconds=seconds)
    world.boot()
    (jump,) = [one for one in world.view.recent_incidents(limit=9) if one.kind == "clock_jump"]
    assert f"{seconds:+.1f}" in jump.detail
